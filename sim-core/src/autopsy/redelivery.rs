//! Why a record that lies in the log once was handled twice: whoever handled it first did not get its offset committed.

use super::poll_behind;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::{self, Mechanism};
use crate::rows::Map;
use crate::trace::{Removal, TraceEvent, TraceId, What};

/// One effect of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handled {
    pub consumer: ConsumerId,
    pub partition: PartitionId,
    pub offset: Offset,
    /// The `poll()` that returned the record.
    pub polled: TraceId,
    /// The effect itself.
    pub done: TraceId,
}

impl Handled {
    /// Where the record lay.
    pub fn place(&self) -> (PartitionId, Offset) {
        (self.partition, self.offset)
    }
}

/// A commit that went back: in which group, in which partition, to where.
#[derive(Clone, Copy, Debug)]
struct Back {
    group: GroupId,
    partition: PartitionId,
    to: Offset,
    at: TraceId,
    /// A new coordinator did not know what the one before it had answered (DUP-15).
    forgotten: bool,
}

/// What consumers did and what happened to them, as far as it decides that.
#[derive(Clone, Debug, Default)]
pub(super) struct Redelivery {
    effects: Map<MessageId, Vec<Handled>>,
    /// F-14.
    late: Vec<(ConsumerId, TraceId)>,
    /// F-15.
    expired: Vec<(ConsumerId, TraceId)>,
    /// Taken out of its group in a rebalance that it was too late for (G-3, G-4, G-23).
    removed: Vec<(ConsumerId, TraceId)>,
    /// Processes that ended.
    ended: Vec<(ConsumerId, TraceId)>,
    refused: Vec<(ConsumerId, TraceId)>,
    revoked: Vec<(ConsumerId, PartitionId, TraceId)>,
    assigned: Vec<(ConsumerId, PartitionId, TraceId)>,
    /// The last commit that counted, of each partition; true: a new coordinator has not told of it yet.
    committed: Map<(GroupId, PartitionId), (Offset, bool)>,
    back: Vec<Back>,
    /// Positions that went back because the log had been replaced (F-5).
    diverged: Vec<(ConsumerId, PartitionId, Offset, TraceId)>,
}

impl Redelivery {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent, trace: &[TraceEvent]) {
        match event.what {
            What::Effect { consumer, message, partition, offset } => {
                let polled = poll_behind(trace, event);
                let handled = Handled { consumer, partition, offset, polled, done: id };
                self.effects.entry(message).or_default().push(handled);
            }
            What::PollTooLate { consumer } => self.late.push((consumer, id)),
            What::MemberRemoved { member, reason, .. } => match reason {
                Removal::SessionExpired => self.expired.push((member.consumer, id)),
                Removal::RevokedTooLate | Removal::DidNotRejoin | Removal::DidNotSync => self.removed.push((member.consumer, id)),
                Removal::Left | Removal::Replaced | Removal::GroupFull => {}
            },
            What::Crashed { node: NodeId::Consumer(consumer), .. } | What::Stopped { node: NodeId::Consumer(consumer) } => {
                self.ended.push((consumer, id));
            }
            What::CommitDone { consumer, error } if error != ErrorCode::None => self.refused.push((consumer, id)),
            What::Revoked { consumer, partition, .. } => self.revoked.push((consumer, partition, id)),
            What::Assigned { consumer, partition, .. } => self.assigned.push((consumer, partition, id)),
            What::PositionDiverged { consumer, partition, to, .. } => self.diverged.push((consumer, partition, to, id)),
            What::Committed { group, partition, offset } => {
                let before = self.committed.insert((group, partition), (offset, false));
                if let Some((_, forgotten)) = before.filter(|(before, _)| offset < *before) {
                    self.back.push(Back { group, partition, to: offset, at: id, forgotten });
                }
            }
            What::GroupLoaded { group, .. } => {
                self.committed.iter_mut().filter(|((g, _), _)| *g == group).for_each(|(_, (_, loading))| *loading = true);
            }
            _ => {}
        }
    }

    /// The partitions that members of the group had at some time between two events.
    pub fn owned<'a>(
        &'a self,
        layout: &'a Layout,
        group: GroupId,
        (from, until): (TraceId, TraceId),
    ) -> impl Iterator<Item = PartitionId> + 'a {
        let in_time = move |&&(consumer, partition, at): &&(ConsumerId, PartitionId, TraceId)| {
            let revoked = self.revoked.iter().filter(|&&(c, p, _)| (c, p) == (consumer, partition)).map(|r| r.2);
            let ended = self.ended.iter().filter(|&&(c, _)| c == consumer).map(|e| e.1);
            let given_up = revoked.chain(ended).any(|end| at < end && end < from);
            layout.consumers[consumer.ix()].group == group && at < until && !given_up
        };
        self.assigned.iter().filter(in_time).map(|&(_, partition, _)| partition)
    }

    /// The effects of a message in a group and those that work for it, in order.
    pub fn effects(&self, layout: &Layout, group: GroupId, message: MessageId) -> Vec<Handled> {
        let effects = self.effects.get(&message).map_or(&[][..], Vec::as_slice);
        effects.iter().copied().filter(|h| layout.business_of(h.consumer) == group).collect()
    }

    /// What stood between the first effect and its commit.
    pub fn why(&self, group: GroupId, handled: &[Handled]) -> Option<&'static Mechanism> {
        self.evidence(group, handled).map(|(mechanism, _)| mechanism)
    }

    /// The same, with the event that says so.
    pub fn evidence(&self, group: GroupId, handled: &[Handled]) -> Option<(&'static Mechanism, TraceId)> {
        let last = handled.last()?.done;
        let meanwhile = |events: &[(ConsumerId, TraceId)]| {
            let hit =
                |h: &Handled| events.iter().find(|&&(c, at)| c == h.consumer && h.polled < at && at < last).map(|hit| hit.1);
            handled.iter().find_map(hit)
        };
        let gave_up = |h: &Handled| {
            let hits = |&&(c, p, at): &&(ConsumerId, PartitionId, TraceId)| {
                (c, p) == (h.consumer, h.partition) && h.polled < at && at < last
            };
            self.revoked.iter().find(hits).map(|hit| hit.2)
        };
        // To another who had an effect of it, too, after it had been this one's.
        let moved = |h: &Handled| {
            let own = self.assigned.iter().rfind(|&&(c, p, at)| (c, p) == (h.consumer, h.partition) && at < h.polled);
            let next = |c: ConsumerId| c != h.consumer && handled.iter().any(|other| other.consumer == c);
            let after = own.map_or(TraceId::START, |own| own.2);
            let hit = self.assigned.iter().find(|&&(c, p, at)| next(c) && p == h.partition && after < at && at < last);
            hit.map(|hit| hit.2)
        };
        let went_back = |forgotten: bool| {
            let hits = |h: &Handled, b: &Back| {
                (b.group, b.partition) == (group, h.partition) && b.to <= h.offset && h.done < b.at && b.at < last
            };
            let hit = |h: &Handled| self.back.iter().find(|b| b.forgotten == forgotten && hits(h, b)).map(|b| b.at);
            handled.iter().find_map(hit)
        };
        let replaced = |h: &Handled| {
            let hits = |&&(_, p, to, at): &&(ConsumerId, PartitionId, Offset, TraceId)| {
                p == h.partition && to <= h.offset && h.done < at && at < last
            };
            self.diverged.iter().find(hits).map(|hit| hit.3)
        };
        let removed =
            || meanwhile(&self.removed).or_else(|| handled.iter().find_map(gave_up)).or_else(|| handled.iter().find_map(moved));
        let as_one = |mechanism: &'static Mechanism| move |at: TraceId| (mechanism, at);
        went_back(true)
            .or_else(|| handled.iter().find_map(replaced))
            .map(as_one(&mechanism::DUP_15))
            .or_else(|| went_back(false).map(as_one(&mechanism::DUP_14)))
            .or_else(|| meanwhile(&self.late).map(as_one(&mechanism::DUP_11)))
            .or_else(|| meanwhile(&self.ended).map(as_one(&mechanism::DUP_10)))
            .or_else(|| meanwhile(&self.expired).map(as_one(&mechanism::DUP_12)))
            .or_else(|| meanwhile(&self.refused).map(as_one(&mechanism::DUP_14)))
            .or_else(|| removed().map(as_one(&mechanism::DUP_13)))
    }
}
