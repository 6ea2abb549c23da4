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

/// What else is worth a picture: its name, its address, on which screen, and what to press first.
const MORE: [(&str, &str, Look, &str); 10] = [
    ("loss", "scenario=payments-acks-1&at=19.252s&message=9100", Look::WIDE, ""),
    ("duplicate-absorbed", "scenario=two-walls&at=19.99s&message=200", Look::WIDE.dark(), ""),
    ("election", "scenario=leader-failover&at=19.26s", Look::WIDE, ""),
    ("comparison", "scenario=payments-acks-all&at=15s&vs=producer.config.acks=1", Look::WIDE, ""),
    ("comparison-phone", "scenario=payments-acks-all&at=15s&vs=producer.config.acks=1", Look::PHONE, ""),
    ("branch", "scenario=payments-acks-all&at=15s&act=AYDRyggAAQI", Look::WIDE.dark(), ""),
    ("backlog", "scenario=backlog-temporary-topic&at=22s", Look::WIDE, ""),
    ("charts", "scenario=payments-acks-1&at=20s", Look::WIDE, "charts-toggle"),
    ("settings", "scenario=payments-acks-1&at=20s", Look::WIDE.dark(), "all-settings"),
    ("queue-or-call", "scenario=queue-or-call&at=21s", Look::PHONE, ""),
];

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
    for (name, query, look, press) in MORE {
        let mut page = browser.open(&format!("{url}?{query}"), look.still())?;
        page.wait_until_within("document.querySelector('[data-testid=digest]')?.dataset.complete === 'true'", LOAD_WITHIN)?;
        if query.contains("act=") || query.contains("vs=") {
            page.wait_until_within("document.querySelector('[data-testid=other-lost]') !== null", LOAD_WITHIN)?;
        }
        if !press.is_empty() {
            page.click(&format!("[data-testid={press}]"))?;
        }
        page.settle()?;
        let file = folder.join(format!("{name}.png"));
        page.screenshot(&file)?;
        println!("{}", file.display());
    }
    Ok(())
}
