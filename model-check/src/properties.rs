//! What must be true of every state.

use crate::state::{Cluster, Replica};

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// INV-20.
    WeakIsr,
    /// INV-21.
    StrongIsr,
    /// INV-24: the controller's leader, once it leads, has every record that a leader ever counted below its watermark.
    TrueLeaderHasCommitted,
    /// INV-3.
    LogMatchingByEpoch,
    /// INV-29.
    StablePrefix,
}

impl Promise {
    /// All of them.
    pub const ALL: [Promise; 5] = [
        Promise::WeakIsr,
        Promise::StrongIsr,
        Promise::TrueLeaderHasCommitted,
        Promise::LogMatchingByEpoch,
        Promise::StablePrefix,
    ];

    /// Its name in the vectors.
    pub fn name(self) -> &'static str {
        match self {
            Promise::WeakIsr => "WeakIsr",
            Promise::StrongIsr => "StrongIsr",
            Promise::TrueLeaderHasCommitted => "TrueLeaderHasCommitted",
            Promise::LogMatchingByEpoch => "LogMatchingByEpoch",
            Promise::StablePrefix => "StablePrefix",
        }
    }

    /// The promise of this name.
    pub fn named(name: &str) -> Option<Promise> {
        Promise::ALL.into_iter().find(|promise| promise.name() == name)
    }
}

/// Do both have the same records below this offset?
fn agree(a: &Replica, b: &Replica, below: u8) -> bool {
    let below = usize::from(below);
    below == 0 || (a.log().len() >= below && b.log().len() >= below && a.log()[..below] == b.log()[..below])
}

impl Cluster {
    /// Whoever believes that it leads: all of this ISR have its records below its watermark.
    fn isr_agrees(&self, isr: impl Fn(&Replica) -> u8) -> bool {
        let mut leaders = self.replicas().filter(|&(r, _)| self.leads(r));
        leaders.all(|(_, leader)| {
            let isr = isr(leader);
            self.replicas().filter(|&(r, _)| isr & (1 << r) != 0).all(|(_, member)| agree(leader, member, leader.watermark))
        })
    }

    /// INV-20: the ISR as the leader knows it.
    pub fn weak_isr(&self) -> bool {
        self.isr_agrees(|leader| leader.isr)
    }

    /// INV-21: the controller's ISR.
    pub fn strong_isr(&self) -> bool {
        self.isr_agrees(|_| self.now.isr)
    }

    /// INV-24.
    pub fn true_leader_has_committed(&self) -> bool {
        let mut leaders = self.replicas().filter(|&(r, _)| self.is_true_leader(r));
        leaders
            .all(|(_, leader)| leader.log().iter().fold(0, |has, entry| has | 1 << entry.id) & self.committed == self.committed)
    }

    /// INV-3: where two logs have an entry of the same epoch at the same offset, they are equal up to it.
    pub fn logs_match(&self) -> bool {
        self.every_pair(|a, b| {
            let common = a.log().iter().zip(b.log()).rposition(|(x, y)| x.epoch == y.epoch);
            common.is_none_or(|at| agree(a, b, at as u8 + 1))
        })
    }

    /// INV-29.
    pub fn stable_prefix(&self) -> bool {
        self.every_pair(|a, b| agree(a, b, a.watermark.min(b.watermark)))
    }

    fn every_pair(&self, holds: impl Fn(&Replica, &Replica) -> bool) -> bool {
        self.replicas().all(|(r, a)| self.replicas().skip(usize::from(r) + 1).all(|(_, b)| holds(a, b)))
    }
}
