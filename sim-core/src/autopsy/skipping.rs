//! Why a record that a member had in hand never had its effect: the application committed what it had not done, and then ended.

use crate::ids::*;
use crate::mechanism::{self, Mechanism};
use crate::rows::Map;
use crate::scenario::{GroupSpec, OnRevoke, WorkersCommit};
use crate::trace::{TraceEvent, What};

/// What `poll()` returned, to whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipping {
    polled: Map<(PartitionId, ConsumerId), Vec<(Offset, Offset)>>,
}

impl Skipping {
    /// Takes an event in.
    pub fn note(&mut self, event: &TraceEvent) {
        if let What::Polled { consumer, partition, base, count } = event.what {
            self.polled.entry((partition, consumer)).or_default().push((base, base.plus(count)));
        }
    }

    /// Was what lies there returned to a member?
    pub fn was_in_hand(&self, is_of_group: impl Fn(ConsumerId) -> bool, (partition, offset): (PartitionId, Offset)) -> bool {
        let covers = |pieces: &[(Offset, Offset)]| pieces.iter().any(|(base, end)| (*base..*end).contains(&offset));
        let mut polled = self.polled.iter().filter(|((p, consumer), _)| *p == partition && is_of_group(*consumer));
        polled.any(|(_, pieces)| covers(pieces))
    }
}

/// How an application commits what it has not done; none: it does not.
pub(super) fn carelessness(spec: &GroupSpec) -> Option<&'static Mechanism> {
    let handler = &spec.handler;
    Some(match () {
        () if spec.is_careful() => return None,
        () if handler.acknowledges_first() => &mechanism::LOSS_C1,
        () if spec.config.enable_auto_commit => &mechanism::LOSS_C2,
        () if handler.commit_offsets == WorkersCommit::HighestDone => &mechanism::LOSS_C4,
        () => {
            debug_assert_eq!(handler.commit_on_revoke, OnRevoke::Positions, "there is no other way");
            &mechanism::LOSS_C5
        }
    })
}
