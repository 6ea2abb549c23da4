//! What can only be measured in a browser.

use anyhow::{Context, Result};
use browser_tests::{Browser, Look, site};

/// Notes when the page first shows a run (its digest is on the screen), counted from the start of the navigation.
const NOTE_RUNNING: &str = "new MutationObserver((_, observer) => {
  if (document.querySelector('[data-testid=digest]') === null) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.runningAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });";

/// What the rounds in the browser measured.
pub struct InBrowser {
    /// From the start of the navigation until a run is painted, in milliseconds.
    pub first_paint_ms: Vec<f64>,
    /// A whole run of the busiest scenario, in seconds, by the page's own `bench`.
    pub busiest_s: Vec<f64>,
}

/// Measures; each round opens the page anew, with nothing in its cache.
pub fn measure(rounds: u32, busiest: &str) -> Result<InBrowser> {
    let url = site()?;
    let mut browser = Browser::start()?;
    let (mut first_paint_ms, mut busiest_s) = (Vec::new(), Vec::new());
    let call =
        format!("import('./app.js').then(async app => {{ await app.default(); return JSON.parse(app.bench('{busiest}')); }})");
    for number in 0..=rounds {
        eprintln!("browser, round {number} of {rounds}{}", if number == 0 { " (warms up, does not count)" } else { "" });
        let mut page = browser.open("about:blank", Look::WIDE)?;
        page.before_load(NOTE_RUNNING)?;
        page.goto(&url)?;
        let painted = page.wait_until("window.runningAt ?? null").context("the page shows no run")?;
        // Without a run on the page, which would compute and paint beside.
        page.goto(&format!("{url}?scenario=none"))?;
        let ran = page.eval(&call)?;
        let milliseconds = ran["milliseconds"].as_f64().with_context(|| format!("the page's bench says {ran}"))?;
        if number > 0 {
            first_paint_ms.push(painted.as_f64().context("the time of the first paint is no number")?);
            busiest_s.push(milliseconds / 1e3);
        }
    }
    Ok(InBrowser { first_paint_ms, busiest_s })
}
