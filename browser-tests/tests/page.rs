//! The page in a real Chromium.

use anyhow::Result;
use browser_tests::{Browser, Look, site};

#[test]
fn loads_without_errors() -> Result<()> {
    let mut browser = Browser::start()?;
    let mut page = browser.open(&site()?, Look::WIDE)?;
    page.wait_for("body *")
}
