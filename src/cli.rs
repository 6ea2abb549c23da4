//! What can be asked of the command line.

use crate::picture::Look;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  brokerscope scenarios
  brokerscope run payments-acks-1
  brokerscope run payments-acks-1 --set producer.config.acks=all --set topic.config.min.insync.replicas=2
  brokerscope run order-events --producer-config producer.properties --format json
  brokerscope run my-scenario.toml --seed 42 --check --save-replay run.json
  brokerscope replay run.json
  brokerscope explain payments-acks-1 --message 4711
  brokerscope crash-points setnx-then-crash
  brokerscope picture payments-acks-1 --at 12.4s --out crash.svg
  brokerscope charts payments-acks-1 --out run.svg

From a checkout, write `cargo run --release --` for `brokerscope`.

Exit codes:
  0  the run finished, and every expectation and invariant holds
  1  an expectation or an invariant does not hold
  2  the input is wrong; the message says what, where and how to mend it";

/// Runs a simulated Kafka cluster through faults, and says which messages were lost or doubled, and why.
#[derive(Debug, Parser)]
#[command(name = "brokerscope", version, about, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the scenarios of the library
    Scenarios {
        /// How to print them
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Run a scenario; print the verdicts, the reasons and the digest
    Run(RunArgs),
    /// Run a replay file again, and compare it with what it says
    Replay {
        /// A file that `run --save-replay` wrote
        file: PathBuf,
    },
    /// Tell the life of one message: as text, and as a Mermaid sequence diagram
    Explain(ExplainArgs),
    /// Crash the handling process before and after each of its steps, one run each, and say what became of its message
    CrashPoints(CrashPointsArgs),
    /// Draw one instant of a run as an SVG, as the page draws it
    Picture(PictureArgs),
    /// Draw a run over time as an SVG: the time bar, throughput, latency, lag, in-sync replicas
    Charts(ChartsArgs),
}

/// What is run, and with which settings.
#[derive(Debug, Args)]
pub struct What {
    /// A name of the library (see `brokerscope scenarios`) or the path of a scenario file
    pub scenario: String,
    /// Use this seed instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Change a setting: producer.config.acks=all, cluster.brokers=5, topic.payments.partitions=6, duration=90s ...
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Give every producer the settings of this producer.properties
    #[arg(long, value_name = "FILE")]
    pub producer_config: Option<PathBuf>,
    /// Give every broker the settings of this server.properties
    #[arg(long, value_name = "FILE")]
    pub broker_config: Option<PathBuf>,
    /// Give every topic the settings of this .properties file
    #[arg(long, value_name = "FILE")]
    pub topic_config: Option<PathBuf>,
    /// Give every consumer the settings of this consumer.properties
    #[arg(long, value_name = "FILE")]
    pub consumer_config: Option<PathBuf>,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What is run.
    #[command(flatten)]
    pub what: What,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Check the invariants of the protocol after each step (slower)
    #[arg(long)]
    pub check: bool,
    /// Write every event to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Write a replay file
    #[arg(long, value_name = "FILE")]
    pub save_replay: Option<PathBuf>,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What is run.
    #[command(flatten)]
    pub what: What,
    /// The message: a number from 0, or as it is printed (m4711)
    #[arg(long, value_name = "ID")]
    pub message: String,
}

/// `crash-points`.
#[derive(Debug, Args)]
pub struct CrashPointsArgs {
    /// What is run.
    #[command(flatten)]
    pub what: What,
    /// The message: a number from 0, or as it is printed (m4711); one in the middle of the run unless given
    #[arg(long, value_name = "ID")]
    pub message: Option<String>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How something is drawn, and where it goes.
#[derive(Debug, Args)]
pub struct Drawing {
    /// Where to put it; without, it is printed
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The colours
    #[arg(long, value_enum, default_value_t)]
    pub theme: Look,
    /// Width and height in pixels
    #[arg(long, value_name = "WxH", default_value = "1200x700")]
    pub size: String,
}

/// `picture`.
#[derive(Debug, Args)]
pub struct PictureArgs {
    /// What is run.
    #[command(flatten)]
    pub what: What,
    /// The instant: 12.4s, 900ms ...
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// How it is drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// Mark this message in the logs
    #[arg(long, value_name = "ID")]
    pub message: Option<String>,
}

/// `charts`.
#[derive(Debug, Args)]
pub struct ChartsArgs {
    /// What is run.
    #[command(flatten)]
    pub what: What,
    /// How it is drawn.
    #[command(flatten)]
    pub drawing: Drawing,
    /// Draw the scenario as it is faintly behind: without the seed and the settings given here
    #[arg(long)]
    pub compare: bool,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; the same run always prints the same bytes.
    Json,
}
