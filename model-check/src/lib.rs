//! The replication rules in every reachable state of a small cluster, by exhaustive search.
//!
//! One partition, two or three replicas, a few records, a few leader epochs; one action is one step of the protocol: the controller elects
//! or takes a replica out of the ISR, a replica learns of it, a leader takes a record, a follower fetches one, a leader moves its
//! watermark by one or changes its ISR. The actions are those of the published TLA+ modules of Kafka's replication (hachikuji's
//! kafka-specification); what they decide is decided by the functions that the simulator runs: the watermark, the ISR,
//! the controller's changes (C-10, C-11), the epoch cache and the truncation rules.
//!
//! Which rules hold is a [`Rules`]: what Kafka did over the years, and KIP-320 with one of its rules left out.

pub mod actions;
pub mod properties;
pub mod rules;
pub mod state;
mod truncation;

use actions::Action;
pub use properties::Promise;
pub use rules::{Bounds, Rules};
use state::{Cluster, Packed};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;

/// A cluster of this size under these rules, and the promises that are looked at.
#[derive(Clone, Debug)]
pub struct Search {
    /// What holds.
    pub rules: Rules,
    /// How large it is.
    pub bounds: Bounds,
    /// What must be true of every state.
    pub promises: Vec<Promise>,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For each broken promise the fewest actions that break it, one way to do so.
    pub broken: BTreeMap<Promise, Vec<Action>>,
    /// States that were seen, taking those that differ by the names of replicas only for one.
    pub states: usize,
}

impl Model for Search {
    type State = Packed;
    type Action = Action;

    fn init_states(&self) -> Vec<Packed> {
        vec![Cluster::new(&self.bounds).canonical()]
    }

    fn actions(&self, _: &Packed, actions: &mut Vec<Action>) {
        Action::all(&self.bounds, actions);
    }

    fn next_state(&self, state: &Packed, action: Action) -> Option<Packed> {
        let mut cluster = state.unpack(&self.bounds);
        cluster.act(action, &self.rules, &self.bounds).then(|| cluster.canonical())
    }

    fn properties(&self) -> Vec<Property<Search>> {
        self.promises.iter().map(|&promise| Property::always(promise.name(), condition(promise))).collect()
    }
}

/// The checker wants a plain function for each property.
fn condition(promise: Promise) -> fn(&Search, &Packed) -> bool {
    match promise {
        Promise::WeakIsr => |search, state| state.unpack(&search.bounds).weak_isr(),
        Promise::StrongIsr => |search, state| state.unpack(&search.bounds).strong_isr(),
        Promise::TrueLeaderHasCommitted => |search, state| state.unpack(&search.bounds).true_leader_has_committed(),
        Promise::LogMatchingByEpoch => |search, state| state.unpack(&search.bounds).logs_match(),
        Promise::StablePrefix => |search, state| state.unpack(&search.bounds).stable_prefix(),
    }
}

impl Search {
    /// Looks at every state, nearest first, until each promise is broken or no state is left.
    pub fn run(self) -> Outcome {
        let promises = self.promises.clone();
        // One thread: only then are states seen in the order of their distance, so that what is found first is the shortest.
        let checker = self.checker().threads(1).spawn_bfs().join();
        let found = checker.discoveries();
        let broken = promises
            .into_iter()
            .filter_map(|promise| Some((promise, found.get(promise.name())?.clone().into_actions())))
            .collect();
        Outcome { broken, states: checker.unique_state_count() }
    }
}
