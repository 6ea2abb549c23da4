//! `cargo xtask`: everything about this repository that takes more than one command. Each command does its own set-up, says what
//! it is doing, and says how long it took.

mod bench;
mod page;
mod serve;
mod setup;
mod steps;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, serves and checks brokerscope.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page, serve it on 127.0.0.1 and build it again whenever a source changes
    Serve(serve::Options),
    /// Build the page for publication into dist/ and check its size
    Dist,
    /// Check everything, fastest first: format, lints, tests, documentation, page, browser
    Test(test::Options),
    /// Measure what the design has budgets for, and print the table
    Bench(bench::Options),
    /// Take the screenshots of docs/screenshots again
    Screenshots,
    /// Build the page once into a folder under target/ (what `serve` runs on each change)
    #[command(hide = true)]
    Page(page::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(options) => serve::run(&options),
        Command::Dist => page::dist(),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Screenshots => bench::screenshots(),
        Command::Page(options) => page::run(&options),
    }
}
