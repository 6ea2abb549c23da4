//! The seam to the simulation: the few calls that the page makes. Nothing else of the page names the core's run-time types.

pub use sim_core::autopsy::chain::{self, Chain};
pub use sim_core::explain::{Arrow, Life, message as explain};
pub use sim_core::history::History;
pub use sim_core::net::Direction;
pub use sim_core::scenario::{Action, Intervention, Keeps, Scenario, Target};
pub use sim_core::tally::{GroupTally, Tally};

use crate::i18n::local;
use sim_core::config::Acks;
use sim_core::scenario::library;
use sim_core::scenario::read::Override;
use sim_core::session::Session;
use sim_core::time::SimTime;
use std::sync::Arc;

/// What the page tells of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its name in the library.
    pub name: String,
    /// One line.
    pub title: String,
    /// A short paragraph.
    pub about: String,
    /// The mechanisms that it shows.
    pub mechanisms: Vec<String>,
    /// The seed that it runs with.
    pub seed: u64,
    /// When it ends.
    pub end: SimTime,
    /// `acks` of the first producer.
    pub acks: Option<String>,
    /// `min.insync.replicas` of the first topic.
    pub min_isr: Option<u32>,
}

/// The name of the scenario that is shown when none is asked for.
pub fn default_scenario() -> String {
    library::all().first().map(|e| e.name.to_string()).unwrap_or_default()
}

/// Every scenario of the library.
pub fn facts_of_library() -> Vec<Facts> {
    library::all().iter().filter_map(|e| plan(e.name, None, &[], &[]).ok()).map(|(_, facts)| facts).collect()
}

/// Reads a scenario from a text.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn inline(name: &str, text: &str) -> Result<Scenario, String> {
    Session::inline(name, text).plan().map_err(|e| e.to_string())
}

/// Reads a scenario of the library with another seed, other settings, and what is done to its run.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn plan(
    name: &str,
    seed: Option<u64>,
    set: &[(String, String)],
    acts: &[Intervention],
) -> Result<(Arc<Scenario>, Facts), String> {
    let set = set.iter().map(|(path, value)| Override { path: path.clone(), value: value.clone() }).collect();
    let session = Session { seed, set, interventions: acts.to_vec(), ..Session::library(name) };
    let scenario = session.plan().map_err(|e| e.to_string())?;
    let acks = scenario.producers.first().map(|p| match p.config.acks {
        Acks::None => "0".to_string(),
        Acks::Leader => "1".to_string(),
        Acks::All => "all".to_string(),
    });
    let facts = Facts {
        name: name.to_string(),
        title: local(&scenario.title).to_string(),
        about: local(&scenario.about).to_string(),
        mechanisms: scenario.mechanisms.clone(),
        seed: scenario.seed,
        end: SimTime::ZERO + scenario.duration,
        acks,
        min_isr: scenario.topics.first().map(|t| u32::from(t.config.min_insync_replicas)),
    };
    Ok((Arc::new(scenario), facts))
}
