//! The shortest story of each harm: in the library one for every harmed message, and the texts of some.

use crate::swarm_run::draw;
use brokerscope::sim;
use sim_core::autopsy::chain::{self, Chain, prevention};
use sim_core::autopsy::{Harm, causes};
use sim_core::history::History;
use sim_core::ids::MessageId;
use sim_core::scenario::library;
use sim_core::scenario::read::{self, Override};
use sim_core::session::Session;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A story is short.
const MOST_STEPS: usize = 12;

fn run(name: &str, set: &[&str]) -> History {
    let mut session = Session::library(name);
    session.set = set.iter().map(|text| Override::parse(text).unwrap()).collect();
    let mut history = History::new(Arc::new(session.plan().unwrap()));
    history.run_to_end();
    history
}

/// It begins with a setting or the way an application is written, goes over recorded events in their order, and ends with the harm.
#[track_caller]
fn is_a_story(name: &str, chain: &Chain) {
    let said = || format!("{name}, {}: {chain:#?}", chain.mechanism.id);
    assert!((3..=MOST_STEPS).contains(&chain.steps.len()), "{} steps: {}", chain.steps.len(), said());
    assert!(chain.steps[0].event.is_none() && !chain.steps[0].text.is_empty(), "{}", said());
    let events: Vec<_> = chain.steps.iter().filter_map(|step| step.event).collect();
    assert!(events.is_sorted() && events.len() >= 2, "{}", said());
    assert!(chain.steps.is_sorted_by_key(|step| step.at), "{}", said());
    let last = &chain.steps.last().unwrap().text;
    let harm = match chain.harm {
        Harm::Lost => ["is lost", "in no log"],
        Harm::Duplicated => ["is duplicated", "is duplicated"],
        Harm::Phantom => ["is phantom", "is phantom"],
        Harm::Behind => ["lies behind", "lies behind"],
        Harm::Reordered => ["had its effect after", "had its effect after"],
    };
    assert!(harm.iter().any(|words| last.contains(words)), "{}", said());
}

#[test]
fn every_harm_in_the_library_has_its_story() {
    let mut told = BTreeSet::new();
    for entry in library::all() {
        for chain in &chain::of_each_mechanism(&run(entry.name, &[])) {
            is_a_story(entry.name, chain);
            told.insert(chain.mechanism.id);
        }
    }
    assert!(told.len() >= 15, "{told:?}");
}

/// So have those of the swarm, which are harder to tell.
#[test]
fn every_harm_in_the_swarm_has_its_story() {
    let mut told = BTreeSet::new();
    for seed in 0..150 {
        let scenario = read::scenario("swarm.toml", &draw::scenario(seed), &[]).unwrap();
        let mut history = History::new(Arc::new(scenario));
        history.run_to_end();
        for chain in &chain::of_each_mechanism(&history) {
            is_a_story(&format!("seed {seed}"), chain);
            told.insert(chain.mechanism.id);
        }
    }
    assert!(told.len() >= 25, "{told:?}");
}

/// What would have prevented it does, where a setting can.
#[test]
fn what_is_said_to_prevent_a_harm_does() {
    let mut tried = BTreeSet::new();
    for entry in library::all() {
        let named = causes(&run(entry.name, &[])).by_mechanism;
        for (id, _) in named.iter() {
            let Some(found) = prevention::of(id).filter(|p| !p.set.is_empty()) else { continue };
            if !is_shown_by(entry.name, id) {
                continue;
            }
            let after = causes(&run(entry.name, found.set)).by_mechanism;
            assert_eq!(after.get(id), None, "{}: {id} in spite of {:?}", entry.name, found.set);
            tried.insert(*id);
        }
    }
    assert!(tried.len() >= 8, "{tried:?}");
}

/// Is it what the scenario is about?
fn is_shown_by(name: &str, id: &str) -> bool {
    Session::library(name).plan().unwrap().mechanisms.iter().any(|shown| shown == id)
}

/// The beginning of what `explain` prints, up to the whole life.
fn explained(name: &str, message: u32) -> String {
    let text = sim::run(Arc::new(Session::library(name).plan().unwrap()), false).explain(MessageId(message)).unwrap().0;
    text.split_once("\nThe whole life:").unwrap().0.to_owned()
}

/// `BROKERSCOPE_WRITE_GOLDEN=1` writes the files anew; look at what has changed.
#[test]
fn stories_are_told_in_these_words() {
    let cases = [("payments-acks-1", 10_000), ("send-sync-retry", SENT_AGAIN), ("setnx-then-crash", 100), ("two-walls", 200)];
    for (name, message) in cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/explain-{name}.txt"));
        let text = explained(name, message);
        if std::env::var_os("BROKERSCOPE_WRITE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
    }
}

/// A message that `send-sync-retry` sends twice.
const SENT_AGAIN: u32 = 16;
