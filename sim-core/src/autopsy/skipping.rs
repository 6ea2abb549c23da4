//! What members had in hand, and how a record that one of them had never had its effect: the application committed what it had not done, and
//! then ended. Or it was never in anybody's hand, for the group had read another record in its place.

use crate::ids::*;
use crate::mechanism::{self, Mechanism};
use crate::rows::Map;
use crate::scenario::{GroupSpec, OnRevoke, WorkersCommit};
use crate::trace::{TraceEvent, TraceId, What};

/// What one `poll()` returned of a partition: the first offset, the one after the last, and the event.
type Piece = (Offset, Offset, TraceId);

/// What `poll()` returned, to whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipping {
    polled: Map<(PartitionId, ConsumerId), Vec<Piece>>,
    /// Committed offsets that were higher than all before.
    marks: Map<(GroupId, PartitionId), Vec<(Offset, TraceId)>>,
}

impl Skipping {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent) {
        match event.what {
            What::Polled { consumer, partition, base, count } => {
                self.polled.entry((partition, consumer)).or_default().push((base, base.plus(count), id));
            }
            What::Committed { group, partition, offset } => {
                let marks = self.marks.entry((group, partition)).or_default();
                if marks.last().is_none_or(|mark| mark.0 < offset) {
                    marks.push((offset, id));
                }
            }
            _ => {}
        }
    }

    /// Was what lies there returned to a member? The first time.
    pub fn first_in_hand(
        &self,
        is_of_group: impl Fn(ConsumerId) -> bool,
        (partition, offset): (PartitionId, Offset),
    ) -> Option<TraceId> {
        let covers = |piece: &&Piece| (piece.0..piece.1).contains(&offset);
        let polled = self.polled.iter().filter(|((p, consumer), _)| *p == partition && is_of_group(*consumer));
        polled.filter_map(|(_, pieces)| pieces.iter().find(covers).map(|piece| piece.2)).min()
    }

    /// Has the group committed that it goes on behind it? The first time. (A marker, or a record of an aborted transaction, lies in nobody's hand.)
    pub fn first_left_behind(&self, group: GroupId, (partition, offset): (PartitionId, Offset)) -> Option<TraceId> {
        let marks = self.marks.get(&(group, partition))?;
        marks.iter().find(|(committed, _)| *committed > offset).map(|mark| mark.1)
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
