//! The command line: parses, runs, and says by its exit code how it went.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    brokerscope::run::run(brokerscope::cli::Cli::parse())
}
