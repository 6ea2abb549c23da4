//! Snapshots of the producers' state on the disk (L-15): of each producer the last batch only.

use super::producer_state::ProducerStates;
use crate::ids::Offset;
use std::sync::Arc;

/// The snapshots of one log, by the offset up to which each speaks. Kafka takes one where a file begins, one where it closes the log,
/// and one whenever it has built the state anew.
#[derive(Clone, Debug, Default)]
pub struct Snapshots {
    list: Vec<(Offset, Arc<ProducerStates>)>,
}

impl Snapshots {
    /// Takes one. Of those that do not stand where a file begins, only the newest is kept.
    pub fn take(&mut self, at: Offset, states: &ProducerStates, begins_file: impl Fn(Offset) -> bool) {
        self.list.retain(|(offset, _)| *offset < at && begins_file(*offset));
        self.list.push((at, Arc::new(states.last_batches())));
    }

    /// The newest one that speaks of nothing beyond `end`.
    pub fn newest(&self, end: Offset) -> Option<(Offset, &ProducerStates)> {
        self.list.iter().rev().find(|(offset, _)| *offset <= end).map(|(offset, states)| (*offset, &**states))
    }

    /// The log was cut to end here.
    pub fn truncate(&mut self, end: Offset) {
        self.list.retain(|(offset, _)| *offset <= end);
    }

    /// The files before this offset are gone, and their snapshots with them.
    pub fn forget_before(&mut self, start: Offset) {
        self.list.retain(|(offset, _)| *offset >= start);
    }
}
