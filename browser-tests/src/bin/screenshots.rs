//! Takes the pictures of `docs/screenshots`: each look, at a moment when something is to be seen.

use anyhow::{Context, Result};
use browser_tests::{Browser, Look, site};
use std::path::PathBuf;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: screenshots FOLDER")?;
    let url = site()?;
    let mut browser = Browser::start()?;
    for look in [Look::WIDE, Look::WIDE.dark(), Look::PHONE, Look::PHONE.dark()] {
        let mut page = browser.open(&url, look)?;
        page.settle()?;
        let file = folder.join(format!("{}.png", look.name()));
        page.screenshot(&file)?;
        println!("{}", file.display());
    }
    Ok(())
}
