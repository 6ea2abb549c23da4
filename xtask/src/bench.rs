//! `cargo xtask bench` and `cargo xtask screenshots`: both build the page that people get and hand it to a program of its own.

use crate::page;
use crate::setup;
use crate::steps::{self, Steps};
use anyhow::Result;
use clap::Args;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub struct Options {
    /// Leave out what needs a browser
    #[arg(long)]
    no_browser: bool,
    /// How many interleaved rounds each row is measured in
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

/// Measures, and prints the table.
pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::new();
    let site = steps::target_dir().join("site-release");
    let mut bench = steps::cargo(&["run", "--quiet", "--release", "--package", "bench", "--"]);
    bench.arg("--rounds").arg(options.rounds.to_string());
    if !options.no_browser {
        let chromium = steps.step("set-up", || {
            setup::wasm_target()?;
            setup::chromium()
        })?;
        steps.step("page, release", || page::build(true, &site))?;
        let measured = steps::target_dir().join("site-measured");
        steps.step("page, to be measured", || page::build_with(true, &["--features", "measure"], &measured))?;
        let size = page::wasm_size(&site)?;
        bench.arg("--wasm-gzipped-bytes").arg(size.gzipped_bytes.to_string());
        bench.env("BROKERSCOPE_SITE", &measured).env("BROKERSCOPE_CHROMIUM", chromium);
    }
    // Built apart, so that no compiler runs while the clock does.
    steps.step("benchmark, build", || steps::run(&mut steps::cargo(&["build", "--release", "--package", "bench"])))?;
    steps.step("benchmark", || steps::run(&mut bench))?;
    steps.table();
    Ok(())
}

/// Takes the pictures of docs/screenshots again.
pub fn screenshots() -> Result<()> {
    let mut steps = Steps::new();
    let site = steps::target_dir().join("site-release");
    let chromium = steps.step("set-up", || {
        setup::wasm_target()?;
        setup::chromium()
    })?;
    steps.step("page, release", || page::build(true, &site))?;
    steps.step("screenshots", || {
        let mut take = steps::cargo(&["run", "--package", "browser-tests", "--bin", "screenshots", "--"]);
        take.arg(steps::root().join("docs/screenshots"));
        take.env("BROKERSCOPE_SITE", &site).env("BROKERSCOPE_CHROMIUM", chromium);
        steps::run(&mut take)
    })?;
    steps.table();
    Ok(())
}
