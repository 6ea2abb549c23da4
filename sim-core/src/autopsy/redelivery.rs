//! Why a record that lies in the log once was handled twice: whoever handled it first did not get its offset committed.

use super::poll_behind;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::mechanism::{self, Mechanism};
use crate::trace::{Removal, TraceEvent, TraceId, What};
use std::collections::BTreeMap;

/// One effect of a message.
#[derive(Clone, Copy, Debug)]
struct Handled {
    consumer: ConsumerId,
    partition: PartitionId,
    /// The `poll()` that returned the record.
    polled: TraceId,
    /// The effect itself.
    done: TraceId,
}

/// What consumers did and what happened to them, as far as it decides that.
#[derive(Clone, Debug, Default)]
pub(super) struct Redelivery {
    effects: BTreeMap<MessageId, Vec<Handled>>,
    /// F-14.
    late: Vec<(ConsumerId, TraceId)>,
    /// F-15.
    expired: Vec<(ConsumerId, TraceId)>,
    crashed: Vec<(ConsumerId, TraceId)>,
    refused: Vec<(ConsumerId, TraceId)>,
    revoked: Vec<(ConsumerId, PartitionId, TraceId)>,
}

impl Redelivery {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent, trace: &[TraceEvent]) {
        match event.what {
            What::Effect { consumer, message, partition, .. } => {
                let handled = Handled { consumer, partition, polled: poll_behind(trace, event), done: id };
                self.effects.entry(message).or_default().push(handled);
            }
            What::PollTooLate { consumer } => self.late.push((consumer, id)),
            What::MemberRemoved { member, reason: Removal::SessionExpired, .. } => self.expired.push((member.consumer, id)),
            What::Crashed { node: NodeId::Consumer(consumer), .. } => self.crashed.push((consumer, id)),
            What::CommitDone { consumer, error } if error != ErrorCode::None => self.refused.push((consumer, id)),
            What::Revoked { consumer, partition, .. } => self.revoked.push((consumer, partition, id)),
            _ => {}
        }
    }

    /// What stood between the first effect and its commit.
    pub fn why(&self, is_of_group: impl Fn(ConsumerId) -> bool, message: MessageId) -> &'static Mechanism {
        let effects = self.effects.get(&message).map_or(&[][..], Vec::as_slice);
        let handled: Vec<Handled> = effects.iter().copied().filter(|h| is_of_group(h.consumer)).collect();
        let Some(last) = handled.last().map(|h| h.done) else { return &mechanism::DUP_10 };
        let meanwhile = |events: &[(ConsumerId, TraceId)]| {
            let hit = |h: &Handled| events.iter().any(|&(c, at)| c == h.consumer && h.polled < at && at < last);
            handled.iter().any(hit)
        };
        let gave_up =
            |h: &Handled| self.revoked.iter().any(|&(c, p, at)| (c, p) == (h.consumer, h.partition) && h.done < at && at < last);
        match () {
            () if meanwhile(&self.late) => &mechanism::DUP_11,
            () if meanwhile(&self.crashed) => &mechanism::DUP_10,
            () if meanwhile(&self.expired) => &mechanism::DUP_12,
            () if meanwhile(&self.refused) => &mechanism::DUP_14,
            () if handled.iter().any(gave_up) => &mechanism::DUP_13,
            () => &mechanism::DUP_10,
        }
    }
}
