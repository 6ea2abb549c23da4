//! The core itself: whole runs of library scenarios, and journeys in a long one.

use anyhow::{Context, Result, anyhow};
use sim_core::history::History;
use sim_core::scenario::{Scenario, library};
use sim_core::session::Session;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::What;
use std::sync::Arc;
use std::time::Instant;

/// The length of the run for the journeys.
pub const LONG_RUN_EVENTS: u64 = 1_000_000;

/// Instants to seek to, spread over the run, so that no two neighbours are near each other.
const JOURNEYS: u64 = 24;

/// A scenario of the library, ready to run.
pub fn scenario(name: &str) -> Result<Arc<Scenario>> {
    Ok(Arc::new(Session::library(name).plan().map_err(|error| anyhow!("{name}: {error}"))?))
}

/// One whole run, trace on, measured.
pub struct Run {
    /// Events that the scheduler took from its queue.
    pub steps: u64,
    /// Requests and responses that arrived.
    pub messages: u64,
    /// Virtual time that passed, in seconds.
    pub virtual_s: f64,
    /// Wall time that passed, in seconds.
    pub wall_s: f64,
}

/// Runs a scenario from start to end.
pub fn whole_run(scenario: &Arc<Scenario>) -> Run {
    let started = Instant::now();
    let mut history = History::new(Arc::clone(scenario));
    history.run_to_end();
    let wall_s = started.elapsed().as_secs_f64();
    let messages = history.trace().iter().filter(|event| matches!(event.what, What::Delivered { .. })).count();
    let virtual_s = history.end().0 as f64 / 1e6;
    Run { steps: history.last_world().steps(), messages: messages as u64, virtual_s, wall_s }
}

/// The scenario of the library that makes the most events.
pub fn busiest() -> Result<&'static str> {
    let mut most = (0, None);
    for entry in library::all() {
        let steps = whole_run(&scenario(entry.name)?).steps;
        if steps > most.0 {
            most = (steps, Some(entry.name));
        }
    }
    most.1.context("the library is empty")
}

/// A run of a million events: a library scenario with more messages, and as much more time.
pub fn long_run(name: &str, steps: u64) -> Result<History> {
    let mut long = Scenario::clone(&*scenario(name)?);
    let times = (LONG_RUN_EVENTS / steps.max(1) + 1) as u32;
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
