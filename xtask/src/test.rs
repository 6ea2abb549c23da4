//! `cargo xtask test`: everything that must hold before a change is shared, the fastest first.

use crate::page;
use crate::setup::{self, WASM};
use crate::steps::{self, Steps};
use anyhow::Result;
use clap::Args;

/// Options of `cargo xtask test`.
#[derive(Args)]
pub struct Options {
    /// Also the long searches: more seeds and more random cases (sets BROKERSCOPE_LONG=1)
    #[arg(long)]
    long: bool,
    /// Leave the browser tests out
    #[arg(long)]
    no_browser: bool,
}

/// The packages that are compiled for the browser.
const FOR_WASM: [&str; 8] =
    ["--package", "sim-core", "--package", "stage", "--package", page::PACKAGE, "--features", "brokerscope-web/measure"];

/// The packages of the native tests. Both test steps name the same, so that the second finds all compiled by the first: cargo
/// chooses the features of dependencies by the packages that it is asked for.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "bench"];

/// The tests that need the built page and a Chromium.
const IN_BROWSER: [&str; 4] = ["--test", "driver", "--test", "page"];

/// Runs every check.
pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::new();
    let browser = steps.step("set-up", || {
        setup::components()?;
        setup::wasm_target()?;
        if options.no_browser { Ok(None) } else { Ok(Some((setup::chromium()?, setup::axe()?))) }
    })?;
    steps.step("format", || steps::run(&mut steps::cargo(&["fmt", "--all", "--check"])))?;
    steps.step("lints, native", || {
        steps::run(&mut steps::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        // "All targets" leaves out those that a plain `cargo test` leaves out.
        steps::run(steps::cargo(&["clippy", "--workspace"]).args(IN_BROWSER).args(["--", "-D", "warnings"]))
    })?;
    steps.step("lints, wasm32", || {
        steps::run(steps::cargo(&["clippy", "--target", WASM]).args(FOR_WASM).args(["--", "-D", "warnings"]))
    })?;
    steps.step("tests, native", || {
        let mut test = steps::cargo(&["test"]);
        test.args(NATIVE);
        if options.long {
            test.env("BROKERSCOPE_LONG", "1").env("PROPTEST_CASES", "4096");
        }
        steps::run(&mut test)
    })?;
    steps.step("documentation", || {
        // Read by those who work on the code: what is private is documented too, and linked to.
        let mut doc = steps::cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
        steps::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let site = steps::target_dir().join("site-release");
    steps.step("page, release", || {
        page::build(true, &site)?;
        page::check_size(&site)
    })?;
    if let Some((chromium, axe)) = browser {
        steps.step("tests, browser", || {
            let mut test = steps::cargo(&["test"]);
            test.args(NATIVE).args(IN_BROWSER);
            test.env("BROKERSCOPE_SITE", &site).env("BROKERSCOPE_CHROMIUM", chromium).env("BROKERSCOPE_AXE", axe);
            steps::run(&mut test)
        })?;
    }
    steps.table();
    Ok(())
}
