//! The seam to the simulation: the few calls that the page makes. Nothing else of the page names the core's run-time types.

pub use sim_core::autopsy::chain::{self, Chain};
pub use sim_core::config::properties::{Kind, Property, Scope, modelled};
pub use sim_core::explain::{Arrow, Life, message as explain};
pub use sim_core::history::History;
pub use sim_core::net::Direction;
pub use sim_core::scenario::read::{MAX_FILE_BYTES as LARGEST_SCENARIO, overrides_from_properties, section};
pub use sim_core::scenario::{Action, Given, Intervention, Keeps, Scenario, Target};
pub use sim_core::tally::{GroupTally, Tally};

use crate::i18n::local;
use crate::start::Start;
use sim_core::scenario::library;
use sim_core::scenario::read::Override;
pub use sim_core::session::MAX_REPLAY_BYTES as LARGEST_FILE;
use sim_core::session::{ScenarioSource, Session, portable};
use sim_core::time::SimTime;
use std::sync::Arc;

/// What a scenario of one's own is called where a file's name is asked for.
const OWN_FILE: &str = "scenario.toml";

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
    /// The properties that it sets.
    pub given: Vec<Given>,
}

/// The name of the scenario that is shown when none is asked for.
pub fn default_scenario() -> String {
    library::all().first().map(|e| e.name.to_string()).unwrap_or_default()
}

/// Every scenario of the library.
pub fn facts_of_library() -> Vec<Facts> {
    library::all().iter().filter_map(|e| plan(&Start::of(e.name)).ok()).map(|(_, facts)| facts).collect()
}

/// The session that a start asks for.
pub fn session(start: &Start) -> Session {
    let set = start.set.iter().map(|(path, value)| Override { path: path.clone(), value: value.clone() }).collect();
    let of = match (&start.text, &start.scenario) {
        (Some(text), _) => Session::inline(OWN_FILE, text.clone()),
        (None, Some(name)) => Session::library(name.clone()),
        (None, None) => Session::library(default_scenario()),
    };
    Session { seed: start.seed, set, interventions: start.acts.clone(), ..of }
}

/// The text of a start's scenario, without the settings on top of it.
pub fn text_of(start: &Start) -> String {
    let name = || start.scenario.clone().unwrap_or_else(default_scenario);
    start.text.clone().unwrap_or_else(|| library::find(&name()).map(|entry| entry.text.to_owned()).unwrap_or_default())
}

/// A run as a replay file.
pub fn replay_file(start: &Start, history: &History) -> String {
    portable::write(&session(start), &history.digest_hex(), history.trace().len() as u64, history.marks())
}

/// What a replay file holds: the start, and the digest that it led to.
///
/// # Errors
/// What is wrong with the file, as a sentence.
pub fn read_replay(text: &str) -> Result<(Start, String), String> {
    let (session, digest) = portable::read(text)?;
    let (scenario, text) = match session.scenario {
        ScenarioSource::Library(name) => (Some(name), None),
        ScenarioSource::Inline { text, .. } => (None, Some(text)),
    };
    let set = session.set.into_iter().map(|set| (set.path, set.value)).collect();
    Ok((Start { scenario, text, seed: session.seed, set, acts: session.interventions, ..Start::default() }, digest))
}

/// Reads the scenario of a start, with its seed, its settings, and what is done to its run.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn plan(start: &Start) -> Result<(Arc<Scenario>, Facts), String> {
    let scenario = session(start).plan().map_err(|e| e.to_string())?;
    let facts = Facts {
        name: scenario.name.clone(),
        title: local(&scenario.title).to_string(),
        about: local(&scenario.about).to_string(),
        mechanisms: scenario.mechanisms.clone(),
        seed: scenario.seed,
        end: SimTime::ZERO + scenario.duration,
        given: scenario.given.clone(),
    };
    Ok((Arc::new(scenario), facts))
}
