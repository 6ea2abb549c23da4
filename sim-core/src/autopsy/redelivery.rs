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
struct Handled {
    consumer: ConsumerId,
    partition: PartitionId,
    offset: Offset,
    /// The `poll()` that returned the record.
    polled: TraceId,
    /// The effect itself.
    done: TraceId,
}

/// What consumers did and what happened to them, as far as it decides that.
#[derive(Clone, Debug, Default)]
pub(super) struct Redelivery {
    effects: Map<MessageId, Vec<Handled>>,
    /// F-14.
    late: Vec<(ConsumerId, TraceId)>,
    /// F-15.
    expired: Vec<(ConsumerId, TraceId)>,
    crashed: Vec<(ConsumerId, TraceId)>,
    refused: Vec<(ConsumerId, TraceId)>,
    revoked: Vec<(ConsumerId, PartitionId, TraceId)>,
    /// The last commit that counted, of each partition.
    committed: Map<(GroupId, PartitionId), Offset>,
    /// Commits that went back, without a change of the coordinator: to where.
    back: Vec<(GroupId, PartitionId, Offset, TraceId)>,
}

impl Redelivery {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent, trace: &[TraceEvent]) {
        match event.what {
            What::Effect { consumer, message, partition, offset } => {
                let handled = Handled { consumer, partition, offset, polled: poll_behind(trace, event), done: id };
                self.effects.entry(message).or_default().push(handled);
            }
            What::PollTooLate { consumer } => self.late.push((consumer, id)),
            What::MemberRemoved { member, reason: Removal::SessionExpired, .. } => self.expired.push((member.consumer, id)),
            What::Crashed { node: NodeId::Consumer(consumer), .. } => self.crashed.push((consumer, id)),
            What::CommitDone { consumer, error } if error != ErrorCode::None => self.refused.push((consumer, id)),
            What::Revoked { consumer, partition, .. } => self.revoked.push((consumer, partition, id)),
            What::Committed { group, partition, offset } => {
                let before = self.committed.insert((group, partition), offset);
                if before.is_some_and(|before| offset < before) {
                    self.back.push((group, partition, offset, id));
                }
            }
            What::GroupLoaded { group, .. } => self.committed.retain(|(g, _), _| *g != group),
            _ => {}
        }
    }

    /// The group of the consumer behind each effect of a message.
    pub fn groups_of<'a>(&'a self, layout: &'a Layout, message: MessageId) -> impl Iterator<Item = GroupId> + 'a {
        let effects = self.effects.get(&message).map_or(&[][..], Vec::as_slice);
        effects.iter().map(|handled| layout.consumers[handled.consumer.ix()].group)
    }

    /// The first effect of each message in a group.
    pub fn first_effects(&self, is_of_group: impl Fn(ConsumerId) -> bool) -> Map<MessageId, TraceId> {
        let first =
            |(id, effects): (&MessageId, &Vec<Handled>)| effects.iter().find(|h| is_of_group(h.consumer)).map(|h| (*id, h.done));
        crate::sort::gathered(self.effects.iter().filter_map(first))
    }

    /// What stood between the first effect and its commit.
    pub fn why(&self, group: GroupId, is_of_group: impl Fn(ConsumerId) -> bool, message: MessageId) -> &'static Mechanism {
        let effects = self.effects.get(&message).map_or(&[][..], Vec::as_slice);
        let handled: Vec<Handled> = effects.iter().copied().filter(|h| is_of_group(h.consumer)).collect();
        let Some(last) = handled.last().map(|h| h.done) else { return &mechanism::DUP_10 };
        let meanwhile = |events: &[(ConsumerId, TraceId)]| {
            let hit = |h: &Handled| events.iter().any(|&(c, at)| c == h.consumer && h.polled < at && at < last);
            handled.iter().any(hit)
        };
        let gave_up =
            |h: &Handled| self.revoked.iter().any(|&(c, p, at)| (c, p) == (h.consumer, h.partition) && h.done < at && at < last);
        let overtaken = |h: &Handled| {
            let hits = |&(g, p, to, at): &(GroupId, PartitionId, Offset, TraceId)| {
                (g, p) == (group, h.partition) && to <= h.offset && h.done < at && at < last
            };
            self.back.iter().any(hits)
        };
        match () {
            () if handled.iter().any(overtaken) => &mechanism::DUP_14,
            () if meanwhile(&self.late) => &mechanism::DUP_11,
            () if meanwhile(&self.crashed) => &mechanism::DUP_10,
            () if meanwhile(&self.expired) => &mechanism::DUP_12,
            () if meanwhile(&self.refused) => &mechanism::DUP_14,
            () if handled.iter().any(gave_up) => &mechanism::DUP_13,
            () => &mechanism::DUP_10,
        }
    }
}
