//! Measurements of the page itself, for the benchmark: whole runs, a frame of a large stage, journeys in a long run. In the page that people
//! get they are left out (feature `measure`).

use crate::canvas;
use crate::i18n::S;
use crate::sim::{self, History, Scenario};
use crate::start::Start;
use sim_core::session::Session;
use sim_core::time::{SimDuration, SimTime};
use stage::geom::Size;
use stage::{LayoutOptions, Scene, Theme};
use std::sync::Arc;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlCanvasElement;

/// Five brokers, twelve partitions, producers whose requests fill slow links.
const LARGE: &str = include_str!("measure/large.toml");
/// A small cluster under a steady load: as long as one likes.
const STEADY: &str = include_str!("measure/steady.toml");

/// The stage of the frames.
const STAGE: Size = Size::new(900.0, 560.0);
const FRAMES: u64 = 120;
/// Frames before those that count: the browser compiles and lays in fonts.
const WARM_UP: u64 = 20;
const JOURNEYS: u64 = 40;
/// A stretch of the steady run by which its whole length is set.
const SAMPLE: SimDuration = SimDuration(5_000_000);

/// Runs a scenario of the library so many times and says how long each run took: `{"scenario", "milliseconds": [...]}`. A browser
/// compiles quickly first and well later: the first runs are the slowest.
#[wasm_bindgen]
pub fn bench(scenario_name: &str, runs: u32) -> String {
    let timed = |scenario: &Arc<Scenario>| {
        let started = clock();
        History::new(Arc::clone(scenario)).run_to_end();
        clock() - started
    };
    match sim::plan(&Start::of(scenario_name)) {
        Ok((scenario, _)) => {
            let milliseconds: Vec<f64> = (0..runs).map(|_| timed(&scenario)).collect();
            serde_json::json!({ "scenario": scenario_name, "milliseconds": milliseconds }).to_string()
        }
        Err(why) => serde_json::json!({ "scenario": scenario_name, "error": why }).to_string(),
    }
}

/// Script time of a full frame (look, lay out, paint two canvases) of a large cluster, in milliseconds:
/// `{"frames", "packets", "median", "p95"}`, or `{"error"}`. `packets` is the median of those in flight.
#[wasm_bindgen]
pub fn bench_frame() -> String {
    answer(frame())
}

/// The slowest of forty journeys in a run of about so many rows of trace: `{"events", "milliseconds"}`, or `{"error"}`.
#[wasm_bindgen]
pub fn bench_seek(events: u32) -> String {
    answer(seek(u64::from(events)))
}

fn inline(name: &str, text: &str) -> Result<Scenario, String> {
    Session::inline(name, text).plan().map_err(|e| e.to_string())
}

fn answer(measured: Result<serde_json::Value, String>) -> String {
    measured.unwrap_or_else(|why| serde_json::json!({ "error": why })).to_string()
}

/// Milliseconds since the page was opened.
pub fn clock() -> f64 {
    gloo::utils::window().performance().map_or(0.0, |p| p.now())
}

fn frame() -> Result<serde_json::Value, String> {
    let mut history = History::new(Arc::new(inline("large", LARGE)?));
    history.run_to_end();
    let (base, packets) = (canvas_of(STAGE)?, canvas_of(STAGE)?);
    let options = LayoutOptions { words: S.stage, ..LayoutOptions::default() };
    let (mut times, mut in_flight) = (Vec::new(), Vec::new());
    // The second half of the run, when all is under way.
    let (start, step) = (history.end().0 / 2, history.end().0 / 2 / (FRAMES + WARM_UP));
    for number in 0..FRAMES + WARM_UP {
        history.seek(SimTime(start + number * step));
        let started = clock();
        let view = history.view(None);
        let mut scene = Scene::layout(&view, STAGE, &options);
        scene.move_packets(&view.packets, view.at);
        canvas::draw(&base, &[&scene.base], Theme::Light);
        canvas::draw(&packets, &[&scene.packets], Theme::Light);
        if number >= WARM_UP {
            times.push(clock() - started);
            in_flight.push(view.packets.len());
        }
    }
    base.remove();
    packets.remove();
    sim_core::sort::by(&mut times, f64::total_cmp);
    sim_core::sort::plainly(&mut in_flight);
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    Ok(serde_json::json!({ "frames": FRAMES, "packets": in_flight[in_flight.len() / 2], "median": at(50), "p95": at(95) }))
}

/// A canvas of this size on the page, behind everything.
fn canvas_of(size: Size) -> Result<HtmlCanvasElement, String> {
    let failed = |_| "there is no canvas".to_string();
    let canvas = gloo::utils::document().create_element("canvas").map_err(failed)?;
    let canvas: HtmlCanvasElement = canvas.dyn_into().map_err(|_| "there is no canvas".to_string())?;
    let style = format!("position:fixed;left:0;top:0;z-index:-1;width:{}px;height:{}px", size.w, size.h);
    canvas.set_attribute("style", &style).map_err(failed)?;
    gloo::utils::body().append_child(&canvas).map_err(failed)?;
    canvas::fit(&canvas);
    Ok(canvas)
}

/// The steady run, long enough for about so many rows of trace.
fn long_run(events: u64) -> Result<History, String> {
    let steady = inline("steady", STEADY)?;
    let run = |duration| {
        let mut history = History::new(Arc::new(Scenario { duration, ..steady.clone() }));
        history.run_to_end();
        history
    };
    // The start has more rows than any later stretch, so what a stretch adds is told by two samples.
    let (start, sampled) = (run(SAMPLE).trace().len() as u64, run(SimDuration(2 * SAMPLE.0)).trace().len() as u64);
    let stretch = (sampled - start).max(1);
    Ok(run(SAMPLE + SimDuration(SAMPLE.0 * events.saturating_sub(start) / stretch)))
}

fn seek(events: u64) -> Result<serde_json::Value, String> {
    let mut history = long_run(events)?;
    let end = history.end().0;
    let mut slowest: f64 = 0.0;
    for number in 0..JOURNEYS {
        // 7 and 40 have no common factor: every fortieth of the run is visited, far from the one before.
        let at = SimTime(end / JOURNEYS * (number * 7 % JOURNEYS) + end / 1_000);
        let started = clock();
        history.seek(at);
        slowest = slowest.max(clock() - started);
    }
    Ok(serde_json::json!({ "events": history.trace().len(), "milliseconds": slowest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_cluster_has_hundreds_of_packets_in_flight() {
        let mut history = History::new(Arc::new(inline("large", LARGE).unwrap()));
        history.run_to_end();
        let end = history.end().0;
        for part in [50, 60, 70, 80, 90] {
            history.seek(SimTime(end * part / 100));
            let view = history.view(None);
            assert_eq!(view.brokers.len(), 5);
            assert_eq!(view.partitions.iter().filter(|p| !p.internal).count(), 12);
            let packets = view.packets.len();
            assert!((250..=450).contains(&packets), "{packets} in flight at {part} %");
        }
    }

    #[test]
    fn the_steady_run_has_as_many_events_as_it_is_asked_for() {
        let events = long_run(50_000).unwrap().trace().len();
        assert!(events.abs_diff(50_000) < 5_000, "{events}");
    }
}
