//! What can only be measured in a browser.

use anyhow::{Context, Result};
use browser_tests::{Browser, Look, site};

/// What the rounds in the browser measured.
pub struct InBrowser {
    /// From the start of the navigation to the first paint with content, in milliseconds.
    pub first_paint_ms: Vec<f64>,
}

/// Measures; each round opens the page anew, with nothing in its cache.
pub fn measure(rounds: u32) -> Result<InBrowser> {
    let url = site()?;
    let mut browser = Browser::start()?;
    let mut first_paint_ms = Vec::new();
    for number in 0..=rounds {
        eprintln!("browser, round {number} of {rounds}{}", if number == 0 { " (warms up, does not count)" } else { "" });
        let mut page = browser.open(&url, Look::WIDE)?;
        let painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
        let paint = page.wait_until(painted)?.as_f64().context("the first paint has no time")?;
        if number > 0 {
            first_paint_ms.push(paint);
        }
    }
    Ok(InBrowser { first_paint_ms })
}
