//! The core itself: whole runs of library scenarios, and journeys in a long one.

use anyhow::{Context, Result, anyhow};
use sim_core::history::History;
use sim_core::scenario::{Scenario, library, read};
use sim_core::session::Session;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::What;
use std::sync::Arc;
use std::time::Instant;

/// The length of the run for the journeys, which asks for a million events: each step makes at least one.
pub const LONG_RUN_STEPS: u64 = 1_000_000;

/// Instants to seek to, spread over the run, so that no two neighbours are near each other.
const JOURNEYS: u64 = 24;

/// A scenario of the library, ready to run.
pub fn scenario(name: &str) -> Result<Arc<Scenario>> {
    Ok(Arc::new(Session::library(name).plan().map_err(|error| anyhow!("{name}: {error}"))?))
}

/// A scenario of the library or, if the name ends with `.toml`, of a file.
pub fn scenario_or_file(name: &str) -> Result<Arc<Scenario>> {
    if !name.ends_with(".toml") {
        return scenario(name);
    }
    let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
    Ok(Arc::new(read::scenario(name, &text, &[]).map_err(|error| anyhow!("{error}"))?))
}

/// Runs of one scenario of which the middle one counts: one alone is over in some hundredths of a second.
const RUNS: usize = 5;

/// Clients of [`echo`].
pub const ECHO_CLIENTS: u32 = 32;

/// A protocol that does next to nothing: each client has one fetch under way from a topic in which there is never anything, and each
/// is answered at once. The same latencies as turmoil gets.
const ECHO: &str = r#"
    format = 1
    title = "Fetches that are answered at once"
    duration = "20s"
    cluster = { brokers = 1, latency = "1ms..2ms", config = { "offsets.topic.replication.factor" = 1 } }
    topic = [{ name = "nothing", partitions = 32, config = { "replication.factor" = 1, "min.insync.replicas" = 1 } }]
    group = [{ name = "readers", topics = ["nothing"], members = 32,
               config = { "fetch.max.wait.ms" = 0, "auto.offset.reset" = "earliest" },
               handler = { dedupe = "none", time = "1ms" } }]
"#;

/// One whole run, trace on, measured.
pub struct Run {
    /// Steps: what the scheduler took from its queue.
    pub steps: u64,
    /// Events, as the summary of a run counts them: those of the trace, two to three for each step.
    pub traced: u64,
    /// Requests and responses that arrived: what turmoil calls a message.
    pub packets: u64,
    /// Business operations that were followed from the application's intent to their effect: what the ledger calls a message.
    pub messages: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_s: f64,
    /// Wall time that passed, in seconds.
    pub wall_s: f64,
}

/// The middle one of a few runs.
pub fn typical_run(scenario: &Arc<Scenario>) -> Run {
    let mut runs: Vec<Run> = (0..RUNS).map(|_| whole_run(scenario)).collect();
    runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    runs.swap_remove(RUNS / 2)
}

/// The scenario in which requests are answered and nothing else happens.
pub fn echo() -> Result<Arc<Scenario>> {
    let scenario = read::scenario("echo.toml", ECHO, &[]).map_err(|error| anyhow!("the echo: {error}"))?;
    Ok(Arc::new(scenario))
}

/// Runs a scenario from start to end.
pub fn whole_run(scenario: &Arc<Scenario>) -> Run {
    let started = Instant::now();
    let mut history = History::new(Arc::clone(scenario));
    history.run_to_end();
    let wall_s = started.elapsed().as_secs_f64();
    let packets = history.trace().iter().filter(|event| matches!(event.what, What::Delivered { .. })).count() as u64;
    let virtual_s = history.end().0 as f64 / 1e6;
    let world = history.last_world();
    Run {
        steps: world.steps(),
        traced: world.trace_len(),
        packets,
        messages: u64::from(world.ledger().intended()),
        virtual_s,
        wall_s,
    }
}

/// The scenario of the library that makes the most events.
pub fn busiest() -> Result<&'static str> {
    let mut most = (0, None);
    for entry in library::all() {
        let events = whole_run(&scenario(entry.name)?).traced;
        if events > most.0 {
            most = (events, Some(entry.name));
        }
    }
    most.1.context("the library is empty")
}

/// A long run: a library scenario with more messages, and as much more time.
pub fn long_run(name: &str, steps: u64) -> Result<History> {
    let mut long = Scenario::clone(&*scenario(name)?);
    let times = (LONG_RUN_STEPS / steps.max(1) + 1) as u32;
    long.duration = SimDuration(long.duration.0 * u64::from(times));
    for producer in &mut long.producers {
        producer.messages = producer.messages.saturating_mul(times);
    }
    let mut history = History::new(Arc::new(long));
    history.run_to_end();
    Ok(history)
}

/// Goes to instants all over a run; the slowest journey, in seconds.
pub fn slowest_seek(history: &mut History) -> f64 {
    let end = history.end().0;
    let mut slowest: f64 = 0.0;
    for number in 0..JOURNEYS {
        // 7 and 24 have no common factor: every twenty-fourth of the run is visited, far from the one before.
        let at = SimTime(end / JOURNEYS * (number * 7 % JOURNEYS) + end / 1_000);
        let started = Instant::now();
        history.seek(at);
        slowest = slowest.max(started.elapsed().as_secs_f64());
    }
    slowest
}
