//! What can only be measured in a browser.

use crate::core::{self, LONG_RUN_STEPS};
use crate::table::Median;
use anyhow::{Context, Result};
use browser_tests::{Browser, Look, site};
use serde_json::Value;

/// Notes when the page first shows a run (its digest is on the screen), counted from the start of the navigation.
const NOTE_RUNNING: &str = "new MutationObserver((_, observer) => {
  if (document.querySelector('[data-testid=digest]') === null) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.runningAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });";

/// Runs that count in each round, after as many that warm up.
const RUNS: usize = 15;

/// What the rounds in the browser measured.
#[derive(Default)]
pub struct InBrowser {
    /// From the start of the navigation until a run is painted, in milliseconds.
    pub first_paint_ms: Vec<f64>,
    /// Whole runs of the busiest scenario: how much of the native speed they have once the browser has compiled them well.
    pub of_native: Vec<f64>,
    /// The same of the first run of a fresh page.
    pub first_of_native: Vec<f64>,
    /// The slowest of the journeys in a long run, in milliseconds, by the page's own `bench_seek`.
    pub slowest_seek_ms: Vec<f64>,
    /// Script time of a frame of a large stage, the median of many, in milliseconds, by the page's own `bench_frame`.
    pub frame_ms: Vec<f64>,
    /// The same, of the slowest twentieth of the frames.
    pub slow_frame_ms: Vec<f64>,
    /// Packets in flight in those frames.
    pub packets: u64,
}

/// Measures; each round opens the page anew, with nothing in its cache.
pub fn measure(rounds: u32, busiest: &str) -> Result<InBrowser> {
    let scenario = core::scenario(busiest)?;
    let url = site()?;
    let mut browser = Browser::start()?;
    let mut measured = InBrowser::default();
    let call =
        |what: &str| format!("import('./app.js').then(async app => {{ await app.default(); return JSON.parse(app.{what}); }})");
    for number in 0..=rounds {
        eprintln!("browser, round {number} of {rounds}{}", if number == 0 { " (warms up, does not count)" } else { "" });
        let mut page = browser.open("about:blank", Look::WIDE)?;
        page.before_load(NOTE_RUNNING)?;
        page.goto(&url)?;
        let painted = page.wait_until("window.runningAt ?? null").context("the page shows no run")?;
        // Without a run on the page, which would compute and paint beside.
        page.goto(&format!("{url}?scenario=none"))?;
        let ran = page.eval(&call(&format!("bench('{busiest}', {})", 2 * RUNS)))?;
        // Right after: a machine that is slower now is slower for both.
        let native_ms: Vec<f64> = (0..2 * RUNS).map(|_| core::whole_run(&scenario).wall_s * 1e3).collect();
        let frame = page.eval(&call("bench_frame()"))?;
        let seek = page.eval(&call(&format!("bench_seek({LONG_RUN_STEPS})")))?;
        if number > 0 {
            measured.first_paint_ms.push(painted.as_f64().context("the time of the first paint is no number")?);
            let page_ms: Vec<f64> = serde_json::from_value(ran["milliseconds"].clone()).with_context(|| said(&ran))?;
            measured.of_native.push(median_of_second_half(&native_ms)? / median_of_second_half(&page_ms)?);
            measured.first_of_native.push(median_of_second_half(&native_ms)? / page_ms[0]);
            measured.slowest_seek_ms.push(figure(&seek, "milliseconds")?);
            measured.frame_ms.push(figure(&frame, "median")?);
            measured.slow_frame_ms.push(figure(&frame, "p95")?);
            measured.packets = figure(&frame, "packets")? as u64;
        }
    }
    Ok(measured)
}

/// Both the browser and the memory are warm by then.
fn median_of_second_half(runs: &[f64]) -> Result<f64> {
    Median::of(&runs[runs.len() / 2..]).map(|median| median.middle).context("no run")
}

/// A figure of what the page says of itself.
fn figure(answer: &Value, name: &str) -> Result<f64> {
    answer[name].as_f64().with_context(|| said(answer))
}

fn said(answer: &Value) -> String {
    format!("the page's measurement says {answer}")
}
