//! Why a message was done twice. Effects of records at different places go back to the sender: there were several copies. Effects of one
//! and the same record go back to the group: it read it again.

use super::redelivery::Handled;
use super::{Autopsy, is_forwarded, is_transactional};
use crate::config::Isolation;
use crate::ids::*;
use crate::ledger::MessageState;
use crate::mechanism::{self, Mechanism};
use crate::scenario::SendMode;
use crate::trace::TraceId;
use crate::world::World;

impl Autopsy {
    /// It has more than one effect in the group.
    pub(super) fn duplication(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
    ) -> Option<&'static Mechanism> {
        let done = self.redelivery.effects(&world.layout, group, id);
        if let Some(twice) = self.done_on_both_ways(&world.layout, group, id, &done) {
            return Some(twice);
        }
        // The one of those who do this business that did it again.
        let group = done.last().map_or(group, |last| world.layout.consumers[last.consumer.ix()].group);
        if let Some(hole) = self.handling.why_twice(&world.layout, group, id, &done) {
            return Some(hole);
        }
        let first = done.first()?;
        let copied = done.iter().any(|h| h.place() != first.place());
        match copied.then(|| self.copied(world, group, (id, message))).flatten() {
            Some(copied) => Some(copied),
            None => self.read_again(world, group, &done).or_else(|| self.forwarded_again(world, group, id, &done)),
        }
    }

    /// Why there were several copies.
    fn copied(&self, world: &World, group: GroupId, (id, message): (MessageId, &MessageState)) -> Option<&'static Mechanism> {
        let sees_all = world.layout.scenario.groups[group.ix()].config.isolation == Isolation::ReadUncommitted;
        if is_forwarded(&world.layout, group, message) {
            let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
            return match outputs {
                [(producer, batch)] => self.appended_twice(world, *producer, *batch),
                [_, _, ..] => Some(&mechanism::DUP_22),
                [] => None,
            };
        }
        match () {
            () if is_transactional(&world.layout, message) => sees_all.then_some(&mechanism::DUP_23),
            () if self.resent.contains_key(&id) => Some(self.sent_again(world, id, message)),
            () => self.appended_twice(world, message.producer, message.batch?),
        }
    }

    /// A batch that its client sent once more, or its network.
    fn appended_twice(&self, world: &World, producer: ProducerId, batch: BatchId) -> Option<&'static Mechanism> {
        let idempotent = world.layout.scenario.producers[producer.ix()].config.enable_idempotence;
        let retried = self.given_up.contains_key(&batch);
        match () {
            () if idempotent && self.was_forgotten(batch) => Some(&mechanism::DUP_7),
            () if idempotent => self.was_renumbered(world, producer, batch).then_some(&mechanism::DUP_8),
            () if self.has_copy_of_a_request(batch) || self.has_delayed_copy(batch) => Some(&mechanism::DUP_6),
            () => retried.then_some(&mechanism::DUP_1),
        }
    }

    /// The group forwards, and its output failed, or its transaction was aborted: it read the record again, and sent the output again.
    fn forwarded_again(&self, world: &World, group: GroupId, id: MessageId, done: &[Handled]) -> Option<&'static Mechanism> {
        let by_group = |p: ProducerId| world.layout.scenario.producers[p.ix()].feeder.is_some_and(|(feeder, _)| feeder == group);
        let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
        let twice = outputs.iter().filter(|f| by_group(f.0)).count() > 1;
        // What comes after the failure has no output any more.
        let (first, last) = (done.first()?.done, done.last()?.done);
        let aborted = || self.aborted.iter().any(|&(p, at)| by_group(p) && first < at && at < last);
        (twice || aborted()).then_some(&mechanism::DUP_22)
    }

    /// Why the group read the record again.
    fn read_again(&self, world: &World, group: GroupId, done: &[Handled]) -> Option<&'static Mechanism> {
        let reset = |h: &Handled| self.was_reset_after_commit(world, group, h.place());
        if done.iter().any(reset) { Some(&mechanism::DUP_15) } else { self.redelivery.why(group, done) }
    }

    /// The application sent it again: because it did not know what had become of it (DUP-2), or because its process had forgotten (DUP-5).
    fn sent_again(&self, world: &World, id: MessageId, message: &MessageState) -> &'static Mechanism {
        let outbox = world.layout.scenario.producers[message.producer.ix()].send == SendMode::Outbox;
        let again = self.resent.get(&id).and_then(|events| events.last()).copied().unwrap_or(TraceId::START);
        let crashed =
            self.producer_crashes.iter().any(|&(p, event, at)| p == message.producer && at >= message.intended && event < again);
        if outbox && crashed { &mechanism::DUP_5 } else { &mechanism::DUP_2 }
    }

    /// The first and the last append of a batch as a leader's.
    fn first_and_last(&self, batch: BatchId) -> Option<(TraceId, TraceId)> {
        let mut led = self.placed(batch).iter().filter(|p| p.leader).map(|p| p.appended);
        let first = led.next()?;
        led.next_back().map(|last| (first, last))
    }

    /// Was a leader's knowledge of idle producers gone between two appends of a batch?
    fn was_forgotten(&self, batch: BatchId) -> bool {
        let Some((first, last)) = self.first_and_last(batch) else { return false };
        let places = self.placed(batch);
        let by_last =
            |b: BrokerId, p: PartitionId| places.iter().any(|l| l.appended == last && (l.broker, l.partition) == (b, p));
        self.forgotten.iter().any(|&(b, p, event)| by_last(b, p) && first < event && event < last)
    }

    /// Did a sibling fail for good between two appends of a batch, or was one refused for a gap, so that it got another number (P-56, P-57)?
    fn was_renumbered(&self, world: &World, producer: ProducerId, batch: BatchId) -> bool {
        let Some((first, last)) = self.first_and_last(batch) else { return false };
        let is_sibling = |other: BatchId| {
            let message = world.ledger().messages_of(other).next();
            message.is_some_and(|m| world.ledger().message(m).producer == producer)
        };
        let mut ends = self.failed.iter().map(|f| (f.0, f.1)).chain(self.out_of_order.iter().copied());
        ends.any(|(other, event)| first < event && event < last && is_sibling(other))
    }

    /// Did something on the way send a request twice, and was that appended?
    fn has_copy_of_a_request(&self, batch: BatchId) -> bool {
        self.placed(batch).iter().any(|p| p.sent.is_some_and(|sent| self.is_copy(sent)))
    }

    /// Was it something on the way that sent this packet?
    pub(super) fn is_copy(&self, sent: TraceId) -> bool {
        self.copied.contains(&sent)
    }

    /// Did a request bring a copy after its client had given it up?
    fn has_delayed_copy(&self, batch: BatchId) -> bool {
        let given_up = self.given_up.get(&batch).map_or(&[][..], Vec::as_slice);
        self.placed(batch).iter().any(|p| p.sent.is_some_and(|sent| given_up.iter().any(|&at| sent < at && at < p.appended)))
    }
}
