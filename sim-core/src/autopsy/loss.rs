//! Why a message was lost, and why its application was told of a failure: from where its batches were, and what the group did instead of
//! reading it.

use super::{Autopsy, Placed, is_forwarded, is_transactional, skipping};
use crate::config::{Acks, Isolation};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::MessageState;
use crate::mechanism::{self, Mechanism};
use crate::scenario::TruncationRule;
use crate::tally::Copies;
use crate::trace::{SendOutcome, StartReason, TraceId};
use crate::world::World;

impl Autopsy {
    /// Its application takes it for sent, and the group has no effect of it.
    pub(super) fn lost(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        let layout = &world.layout;
        // Of those who do this business, the last one that meets a copy.
        let meets = |reader: GroupId| Some((reader, copies.seen_by(&layout.scenario.groups[reader.ix()], id).1?));
        let helpers = layout.doing_business_of(group).filter(|&reader| reader != group);
        match std::iter::once(group).chain(helpers).filter_map(meets).last() {
            Some((reader, place)) => {
                let handler = self.handling.why_lost(layout, group, id);
                let aged = || copies.aged(id).then(|| self.aged(layout, group, message));
                let detour = || self.lost_on_a_detour(layout, group, id, copies);
                handler.or_else(detour).or_else(|| self.skipped(world, reader, message, place)).or_else(aged)
            }
            None => self.not_there(world, group, (id, message), copies),
        }
    }

    /// No copy lies where somebody who does this business could meet it.
    fn not_there(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        let layout = &world.layout;
        match () {
            () if message.outcome != Some(SendOutcome::Acked) => Some(&mechanism::LOSS_P1),
            () if copies.aged(id) => Some(self.aged(layout, group, message)),
            () if is_forwarded(layout, group, message) => self.loss_on_the_way(world, group, (id, message), copies),
            () => self.loss(layout, message),
        }
    }

    /// What it was forwarded as is in no log that counts; or it was lost before, or skipped by the group that forwards.
    fn loss_on_the_way(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
        if let Some(&(producer, batch)) = outputs.iter().rfind(|(_, batch)| !self.placed(*batch).is_empty()) {
            return self.loss_of(&world.layout, producer, self.placed(batch));
        }
        let topics = &world.layout.scenario.groups[group.ix()].topics;
        let groups = world.layout.scenario.groups.iter().enumerate();
        let mut feeders = groups.filter(|(_, spec)| spec.forward.is_some_and(|f| topics.contains(&f.topic)));
        let feeder = feeders.find_map(|(at, _)| {
            let feeder = GroupId(at as u16);
            let reads = world.group_reads(feeder, message) && outputs.is_empty();
            reads.then(|| self.lost(world, feeder, (id, message), copies)).flatten()
        });
        feeder.or_else(|| self.loss(&world.layout, message))
    }

    /// The record is in no log that counts.
    pub(super) fn loss(&self, layout: &Layout, message: &MessageState) -> Option<&'static Mechanism> {
        let placed = message.batch.map_or(&[][..], |b| self.placed(b));
        if is_transactional(layout, message) && placed.iter().any(|p| p.removed.is_none()) {
            return self.loss_of(layout, message.producer, &self.lost_commit(placed));
        }
        self.loss_of(layout, message.producer, placed)
    }

    /// The records are there, and their COMMIT is not: it was lost with the end of the log, and the transaction aborted later. Where it was.
    fn lost_commit(&self, placed: &[Placed]) -> Vec<Placed> {
        let Some(first) = placed.iter().find(|p| p.leader) else { return Vec::new() };
        let ends = |c: &&(PartitionId, Offset, TraceId)| c.0 == first.partition && c.1 > first.base && c.2 > first.appended;
        let Some(&(_, at, written)) = self.commits.iter().find(ends) else { return Vec::new() };
        let of = |p: &Placed| {
            let cut = self.cuts.iter().find(|c| (c.0, c.1) == (p.broker, p.partition) && c.2 <= at && c.3 > written);
            let (removed, cut_for) = cut.map_or((None, None), |c| (Some(c.3), c.4));
            Placed { base: at, appended: written, removed, cut_for, ..*p }
        };
        placed.iter().filter(|p| p.removed.is_none_or(|gone| gone > written)).map(of).collect()
    }

    pub(super) fn loss_of(&self, layout: &Layout, producer: ProducerId, placed: &[Placed]) -> Option<&'static Mechanism> {
        let rules = layout.scenario.cluster.rules;
        let acks = layout.scenario.producers[producer.ix()].config.acks;
        let Some(first) = placed.iter().find(|p| p.leader) else {
            return (acks == Acks::None).then_some(&mechanism::LOSS_P2);
        };
        let change = self.change_over(placed);
        let holders = distinct(placed.iter().map(|p| p.broker));
        // Lost before it was decided who leads on: a power cut after that is another story.
        let decided = change.map_or(TraceId(u64::MAX), |c| c.event);
        let cut_before = |p: &Placed| self.power_cuts.iter().any(|&(b, cut)| b == p.broker && p.appended < cut && cut < decided);
        let tail_lost = |p: &Placed| p.removed.is_some() && p.cut_for.is_none();
        let lost_power = |p: &&Placed| cut_before(p) || tail_lost(p);
        let powerless = distinct(placed.iter().filter(lost_power).map(|p| p.broker));
        let lost_disk = |p: &&Placed| self.wipes.iter().any(|&(b, wipe)| b == p.broker && p.appended < wipe && wipe < decided);
        let wiped = distinct(placed.iter().filter(lost_disk).map(|p| p.broker));
        let spoiled =
            placed.iter().any(|p| self.spoiled.iter().any(|&(b, part, at)| (b, part) == (p.broker, p.partition) && at <= p.base));
        let zombie = change.is_some_and(|c| c.event < first.appended);
        Some(match () {
            // The scan that finds the spoiled batch cuts the log, too, and that is no power cut.
            () if spoiled && !placed.iter().any(cut_before) && wiped == 0 => &mechanism::LOSS_B13,
            () if layout.partition(first.partition).replicas.len() == 1 => &mechanism::LOSS_B3,
            () if wiped > 0 && acks == Acks::All => &mechanism::LOSS_B7,
            () if holders > 1 && powerless == holders => &mechanism::LOSS_B6,
            () if change.is_some_and(|c| c.unclean) => &mechanism::LOSS_B8,
            () if acks != Acks::All && zombie => &mechanism::LOSS_B2,
            () if acks != Acks::All => &mechanism::LOSS_B1,
            () if rules.truncation == TruncationRule::HighWatermark => &mechanism::LOSS_B9,
            () if rules.truncation < TruncationRule::Kip320 || !rules.broker_epoch_check => &mechanism::LOSS_B10,
            () if powerless == 0 => return None,
            () if holders == 1 => &mechanism::LOSS_B4,
            () => &mechanism::LOSS_B5,
        })
    }

    /// The record was committed, and taken away before the group read it. If its age was the reason though it had not been there for as
    /// long as records are kept, its timestamp was a wrong one.
    fn aged(&self, layout: &Layout, group: GroupId, message: &MessageState) -> &'static Mechanism {
        let placed = message.batch.map_or(&[][..], |b| self.placed(b));
        let partition = message.partition.map(|p| layout.partition(p));
        let kept = partition.and_then(|p| p.config.log.retention);
        let too_soon = |p: &Placed| match (p.aged, kept) {
            (Some((StartReason::Age, at)), Some(kept)) => at.since(message.intended) < kept,
            _ => false,
        };
        let gone = placed.iter().filter(|p| p.leader).find_map(|p| Some((p.partition, p.appended, p.removed?)));
        // A group that reads nothing is not there; one that reads something has left this partition out.
        let left_out = |(partition, from, until): (PartitionId, TraceId, TraceId)| {
            let readers = layout.doing_business_of(group);
            let owned: Vec<PartitionId> =
                readers.flat_map(|reader| self.redelivery.owned(layout, reader, (from, until))).collect();
            !owned.is_empty() && !owned.contains(&partition)
        };
        match () {
            () if placed.iter().any(too_soon) => &mechanism::LOSS_B15,
            () if gone.is_some_and(left_out) => &mechanism::LOSS_C18,
            () => &mechanism::LOSS_B11,
        }
    }

    /// The record is in the log, and the group has gone past it.
    fn skipped(
        &self,
        world: &World,
        group: GroupId,
        message: &MessageState,
        (partition, offset): (PartitionId, Offset),
    ) -> Option<&'static Mechanism> {
        let is_of_group = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group == group;
        let first_in_hand = self.skipping.first_in_hand(is_of_group, (partition, offset));
        let left_behind = self.skipping.first_left_behind(group, (partition, offset));
        let arrived = self.arrival(message, (partition, offset));
        let before = |event: &TraceId| arrived.is_some_and(|arrived| *event < arrived);
        if [first_in_hand, left_behind].iter().flatten().any(before) {
            return Some(&mechanism::LOSS_C9);
        }
        if let Some(mechanism) = skipping::carelessness(&world.layout.scenario.groups[group.ix()])
            && first_in_hand.is_some()
        {
            return Some(mechanism);
        }
        let past = |after: TraceId| self.resets_after(world, (group, partition), after).any(|to| to > offset);
        let expired = |&(g, p, event): &(GroupId, PartitionId, TraceId)| (g, p) == (group, partition) && past(event);
        let first_commit = self.first_commit.get(&(group, partition)).copied();
        match () {
            () if self.expired.iter().any(expired) => Some(&mechanism::LOSS_C7),
            () if first_commit.is_some_and(past) => Some(&mechanism::LOSS_C8),
            () if past(TraceId::START) => Some(&mechanism::LOSS_C6),
            () => None,
        }
    }

    /// When a leader first put a batch of this message where the record lies now.
    fn arrival(&self, message: &MessageState, (partition, offset): (PartitionId, Offset)) -> Option<TraceId> {
        let placed = message.batch.map_or(&[][..], |b| self.placed(b));
        let here = placed.iter().filter(|p| p.leader && p.partition == partition && p.base <= offset && p.removed.is_none());
        here.map(|p| p.appended).min()
    }

    /// Where the reset policy put the group in this partition after an event.
    fn resets_after(
        &self,
        world: &World,
        (group, partition): (GroupId, PartitionId),
        after: TraceId,
    ) -> impl Iterator<Item = Offset> {
        let of_group = move |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group == group;
        let here = move |&&(consumer, p, _, event): &&(ConsumerId, PartitionId, Offset, TraceId)| {
            p == partition && of_group(consumer) && event > after
        };
        self.resets.iter().filter(here).map(|&(_, _, to, _)| to)
    }

    /// Did the reset policy move the group back to this place, or before it, although it had committed in its partition?
    pub(super) fn was_reset_after_commit(
        &self,
        world: &World,
        group: GroupId,
        (partition, offset): (PartitionId, Offset),
    ) -> bool {
        let first = self.first_commit.get(&(group, partition));
        first.is_some_and(|&first| self.resets_after(world, (group, partition), first).any(|to| to <= offset))
    }

    /// Why the application was told of a failure.
    pub(super) fn rejection(&self, world: &World, message: &MessageState) -> &'static Mechanism {
        match message.error {
            _ if is_transactional(&world.layout, message) && message.batch.is_some() => &mechanism::LOSS_P9,
            ErrorCode::Timeout if message.batch.is_none() => &mechanism::LOSS_P3,
            ErrorCode::Timeout if self.is_in_first_batch_hole(world, message) => &mechanism::LOSS_P10,
            ErrorCode::Timeout => &mechanism::LOSS_P4,
            ErrorCode::ProducerClosed => &mechanism::LOSS_P7,
            error if error.is_retriable() => &mechanism::LOSS_P5,
            _ => &mechanism::LOSS_P6,
        }
    }

    /// It was told of a failure, and the message has its effect all the same: why it was told so.
    pub(super) fn phantom(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
    ) -> Option<&'static Mechanism> {
        let placed = message.batch.is_some();
        if is_transactional(&world.layout, message) && placed {
            let sees_all = world.layout.scenario.groups[group.ix()].config.isolation == Isolation::ReadUncommitted;
            return sees_all.then_some(&mechanism::DUP_23);
        }
        // Of several attempts (S-9, S-10) it is not the last one that counts, but one whose record came into a log: how that ended, if its
        // application waited for its end.
        let is_of_it = |batch: BatchId| world.ledger().messages_of(batch).any(|m| m == id) && !self.placed(batch).is_empty();
        let error = match self.resent.contains_key(&id) {
            true => self.failed.iter().find(|f| is_of_it(f.0)).map_or(ErrorCode::Timeout, |f| f.2),
            false => message.error,
        };
        match error {
            ErrorCode::Timeout if placed => Some(&mechanism::LOSS_P4),
            ErrorCode::ProducerClosed => Some(&mechanism::LOSS_P7),
            error if placed && error.is_retriable() => Some(&mechanism::LOSS_P5),
            _ => None,
        }
    }

    /// P-59: refused for a gap, though no batch of the producer had been in this partition before it: a later one was the first there.
    fn is_in_first_batch_hole(&self, world: &World, message: &MessageState) -> bool {
        let Some(batch) =
            message.batch.filter(|b| self.out_of_order.iter().any(|(refused, _)| refused == b) && self.placed(*b).is_empty())
        else {
            return false;
        };
        let of_producer = |other: BatchId| {
            let first = world.ledger().messages_of(other).next().map(|m| world.ledger().message(m));
            first.is_some_and(|m| m.producer == message.producer && m.partition == message.partition)
        };
        let earliest = self.placed.iter().filter(|(other, _)| of_producer(**other));
        let first = earliest.filter_map(|(other, places)| Some((places.iter().find(|p| p.leader)?.appended, *other))).min();
        first.is_some_and(|(_, first)| first > batch)
    }
}

fn distinct(brokers: impl Iterator<Item = BrokerId>) -> u32 {
    brokers.collect::<crate::set::BrokerSet>().len()
}
