//! Takes the pictures of `docs/screenshots`: each look, at a moment when something is to be seen.

use anyhow::{Context, Result};
use browser_tests::{Browser, Look, site};
use std::path::PathBuf;
use std::time::Duration;

/// The scenario with the most to see: a leader dies, and acknowledged payments with it.
const SCENARIO: &str = "payments-acks-1";

/// When, in ten-thousandths of the run: shortly after the leader has died.
const INSTANT: &str = "2015";

/// The whole run is computed by then, on a slow machine.
const LOAD_WITHIN: Duration = Duration::from_secs(90);

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: screenshots FOLDER")?;
    let url = site()?;
    let mut browser = Browser::start()?;
    for look in [Look::WIDE, Look::WIDE.dark(), Look::PHONE, Look::PHONE.dark()] {
        // Still, and sought to an instant: the same picture each time.
        let mut page = browser.open(&format!("{url}?scenario={SCENARIO}"), look.still())?;
        page.wait_until_within("document.querySelector('[data-testid=digest]')?.dataset.complete === 'true'", LOAD_WITHIN)?;
        page.set("[data-testid=seek]", INSTANT)?;
        page.eval("document.activeElement.blur()")?;
        page.settle()?;
        let file = folder.join(format!("{}.png", look.name()));
        page.screenshot(&file)?;
        println!("{}", file.display());
    }
    Ok(())
}
