//! Messages that were overtaken by a later one of the same key: in a log, or on the way to their effect.

use super::redelivery::Handled;
use super::{Autopsy, Placed};
use crate::config::Acks;
use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::{self, Mechanism};
use crate::rows::{Map, Set};
use crate::scenario::{ForwardSpec, ProducerSpec};
use crate::trace::{TraceEvent, TraceId, What};
use crate::world::World;

/// Messages whose first copy lies behind that of a later message of the same producer, in the log that counts, and that message.
pub(super) fn in_logs(world: &World) -> Map<MessageId, MessageId> {
    let mut behind = Map::new();
    for partition in world.layout.partition_ids() {
        let Some(leader) = world.metadata().partition(partition).leader else { continue };
        let Some(replica) = world.brokers[leader.slot()].replica(partition) else { continue };
        let mut newest: Map<ProducerId, MessageId> = Map::new();
        let mut seen = Set::new();
        for record in replica.log.batches().flat_map(|entry| entry.batch.records()) {
            let producer = world.ledger().message(record.message).producer;
            // What is forwarded has the order of its group's work.
            if Some(world.layout.scenario.producers[producer.ix()].topic) != world.layout.partition(partition).topic {
                continue;
            }
            let last = newest.entry(producer).or_insert(record.message);
            if *last > record.message && !seen.contains(&record.message) {
                behind.insert(record.message, *last);
            }
            *last = record.message.max(*last);
            seen.insert(record.message);
        }
    }
    behind
}

/// A message whose first effect in a group came after that of a later one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overtaken {
    pub group: GroupId,
    pub message: MessageId,
    /// The later one.
    pub by: MessageId,
}

/// What the effects of a run say about order, message by message.
pub(super) struct Orders<'a> {
    world: &'a World,
    facts: &'a Autopsy,
    /// By [`MessageId`]: the batches that it was put into, with the events of that.
    batches: Vec<Vec<(BatchId, TraceId)>>,
    /// In the order of the effects.
    pub overtaken: Vec<Overtaken>,
}

impl<'a> Orders<'a> {
    /// Goes through the effects as the ledger does.
    pub fn of(world: &'a World, facts: &'a Autopsy, trace: &[TraceEvent]) -> Orders<'a> {
        let count = world.ledger().intended() as usize;
        let mut orders = Orders { world, facts, batches: vec![Vec::new(); count], overtaken: Vec::new() };
        let mut place: Vec<Option<PartitionId>> = vec![None; count];
        let mut done: Set<(GroupId, MessageId)> = Set::new();
        let mut newest: Map<(GroupId, ProducerId, u32), MessageId> = Map::new();
        for (at, event) in trace.iter().enumerate() {
            match event.what {
                What::Queued { message, batch, partition } => {
                    orders.batches[message.ix()].push((batch, TraceId(at as u64)));
                    place[message.ix()] = Some(partition);
                }
                What::Effect { consumer, message, .. } => {
                    let group = world.layout.business_of(consumer);
                    if !done.insert((group, message)) {
                        continue;
                    }
                    let state = world.ledger().message(message);
                    // Without keys the order inside the partition stands in for the order of a key.
                    let order = state.key.unwrap_or_else(|| place[message.ix()].map_or(0, |p| u32::from(p.0)));
                    let newest = newest.entry((group, state.producer, order)).or_insert(message);
                    if *newest > message {
                        orders.overtaken.push(Overtaken { group, message, by: *newest });
                    }
                    *newest = message.max(*newest);
                }
                _ => {}
            }
        }
        orders
    }

    fn spec(&self, message: MessageId) -> &ProducerSpec {
        &self.world.layout.scenario.producers[self.world.ledger().message(message).producer.ix()]
    }

    /// Was it put into another batch again before this event: by its application, or with its whole transaction?
    fn was_sent_again(&self, message: MessageId, before: TraceId) -> bool {
        let resent = self.facts.resent.get(&message).is_some_and(|events| events.iter().any(|&at| at < before));
        let transactional = self.world.layout.producer_transactions[self.world.ledger().message(message).producer.ix()].is_some();
        resent || (transactional && self.batches[message.ix()].iter().filter(|(_, at)| *at < before).count() > 1)
    }

    /// Did `send()` take it after the later one?
    fn was_handed_over_later(&self, message: MessageId, by: MessageId) -> bool {
        let taken = |id: MessageId| self.batches[id.ix()].first().map(|(_, at)| *at);
        taken(message) > taken(by)
    }

    /// Was a copy of it cut off a log, and appended once more?
    fn was_replaced(&self, message: MessageId) -> bool {
        let replaced = |&(batch, _): &(BatchId, TraceId)| {
            let mut led = self.facts.placed(batch).iter().filter(|p| p.leader);
            let gone = led.clone().any(|p| p.removed.is_some() && p.aged.is_none());
            gone && led.nth(1).is_some()
        };
        self.batches[message.ix()].iter().any(replaced)
    }

    /// Was a batch of it appended when its application had been told already that it had failed, or, with acks=0, that it was on its way; or
    /// when its process had ended?
    fn came_after_its_end(&self, message: MessageId) -> bool {
        if self.spec(message).config.acks == Acks::None {
            return true;
        }
        self.batches[message.ix()].iter().any(|&(batch, _)| {
            let failed = self.facts.failed.iter().find(|(b, ..)| *b == batch).map(|(_, at, _)| *at);
            let producer = self.world.ledger().message(message).producer;
            let ended =
                |sent: TraceId| self.facts.producer_crashes.iter().find(|(p, at, _)| *p == producer && *at > sent).map(|c| c.1);
            let late = |p: &Placed| [failed, p.sent.and_then(ended)].into_iter().flatten().any(|end| end < p.appended);
            self.facts.placed(batch).iter().any(|p| p.leader && late(p))
        })
    }

    /// Did the first batch of its producer that a leader appended in its partition hold a later message? Or the first that it still has: a log
    /// that was lost does not know the producer either.
    fn began_with_a_later_one(&self, message: MessageId) -> bool {
        let state = self.world.ledger().message(message);
        let first_of = |batch: BatchId| self.world.ledger().messages_of(batch).next();
        let own = |m: &MessageId| self.world.ledger().message(*m).producer == state.producer;
        let led = |(&batch, places): (&BatchId, &Vec<Placed>), lost_too: bool| {
            let first = first_of(batch).filter(own)?;
            let there = |p: &&Placed| lost_too || p.removed.is_none() || p.aged.is_some();
            let here = places.iter().filter(|p| p.leader && Some(p.partition) == state.partition);
            Some((here.filter(there).map(|p| p.appended).min()?, first))
        };
        let first = |lost_too| self.facts.placed.iter().filter_map(|of| led(of, lost_too)).min();
        [true, false].into_iter().filter_map(first).any(|(_, first)| first > message)
    }

    /// Why it lies behind a later message in its log.
    pub fn why_in_log(&self, message: MessageId, by: MessageId, before: TraceId) -> Option<&'static Mechanism> {
        let spec = self.spec(message);
        let retried = |&(batch, _): &(BatchId, TraceId)| self.facts.given_up.contains_key(&batch);
        // P-44: what was too large goes again, in parts.
        let split = self.batches[message.ix()].len() > 1;
        match () {
            () if self.was_sent_again(message, before) => Some(&mechanism::ORDER_2),
            () if spec.threads > 1 && self.was_handed_over_later(message, by) => Some(&mechanism::ORDER_4),
            () if self.came_after_its_end(message) => Some(&mechanism::ORDER_3),
            () if self.was_replaced(message) || self.was_replaced(by) => Some(&mechanism::ORDER_12),
            () if !spec.config.enable_idempotence && spec.config.max_in_flight > 1 => {
                (split || self.batches[message.ix()].iter().any(retried)).then_some(&mechanism::ORDER_1)
            }
            // P-59: the partition did not know the producer yet, and could not tell that something was missing.
            () if spec.config.max_in_flight > 1 && self.began_with_a_later_one(message) => {
                (split || self.batches[message.ix()].iter().any(retried)).then_some(&mechanism::ORDER_1)
            }
            () => None,
        }
    }

    /// Why its effect came late.
    pub fn why(&self, overtaken: Overtaken) -> Option<&'static Mechanism> {
        let Overtaken { group, message, by } = overtaken;
        let layout = &self.world.layout;
        let first = |id| self.facts.redelivery.effects(layout, group, id).first().copied();
        let (late, early) = (first(message)?, first(by)?);
        let detour = self.facts.late_by_a_detour(layout, group, message);
        match () {
            () if self.was_sent_again(message, late.done) => Some(&mechanism::ORDER_2),
            () if detour.is_some() => detour,
            () if late.partition != early.partition => self.over_partitions(message),
            // (Of a log that was replaced, offsets say nothing: what was read first was there first.)
            () if late.offset >= early.offset && late.polled >= early.polled => match self.forwarded_late(group, message, by) {
                Some(feeder) => self.on_the_way(Overtaken { group: feeder, ..overtaken }),
                None => self.why_in_log(message, by, late.done).or_else(|| {
                    let cut = |id| self.was_cut(id, early.done);
                    (cut(message) || cut(by)).then_some(&mechanism::ORDER_12)
                }),
            },
            () => self.of_readers(group, message, (&late, &early)),
        }
    }

    /// Was a copy of it cut off after this event?
    fn was_cut(&self, message: MessageId, after: TraceId) -> bool {
        let places = self.batches[message.ix()].iter().flat_map(|(batch, _)| self.facts.placed(*batch));
        places.into_iter().any(|p| p.aged.is_none() && p.removed.is_some_and(|gone| gone > after))
    }

    /// The two lie in two partitions.
    fn over_partitions(&self, message: MessageId) -> Option<&'static Mechanism> {
        let (layout, metadata) = (&self.world.layout, self.world.metadata());
        let spec = self.spec(message);
        let grown = layout.topics[spec.topic.ix()].iter().any(|&p| layout.partition(p).added && metadata.partition(p).exists());
        let keyed = self.world.ledger().message(message).key.is_some() && goes_by_key(spec);
        match () {
            () if !keyed => Some(&mechanism::ORDER_6),
            () if grown => Some(&mechanism::ORDER_5),
            () => None,
        }
    }

    /// The group that forwarded the two in this order to where this group reads, if one did.
    fn forwarded_late(&self, group: GroupId, message: MessageId, by: MessageId) -> Option<GroupId> {
        let out = |id: MessageId| self.facts.forwarded.get(&id).and_then(|f| f.first()).copied();
        let (late, early) = (out(message)?, out(by)?);
        let groups = &self.world.layout.scenario.groups;
        let feeds = |f: ForwardSpec| groups[group.ix()].topics.contains(&f.topic);
        let feeder = groups.iter().position(|g| g.forward.is_some_and(feeds))?;
        // Its first output may have failed: the group read it again, and sent another.
        let again = self.facts.forwarded.get(&message).is_some_and(|outputs| outputs.len() > 1);
        (early.1 <= late.1 || early.0 != late.0 || again).then_some(GroupId(feeder as u16))
    }

    /// A group forwarded the later one first: it was overtaken there, or two members forwarded.
    fn on_the_way(&self, overtaken: Overtaken) -> Option<&'static Mechanism> {
        let Overtaken { group, message, by } = overtaken;
        let first = |id| self.facts.redelivery.effects(&self.world.layout, group, id).first().copied();
        match (first(message), first(by)) {
            (Some(late), Some(early)) if late.done > early.done => self.why(overtaken),
            // Of the transaction, or the batch, that came first nothing is left.
            _ => Some(&mechanism::ORDER_11),
        }
    }

    /// The log has them in order: somebody took his time.
    fn of_readers(&self, group: GroupId, message: MessageId, (late, early): (&Handled, &Handled)) -> Option<&'static Mechanism> {
        let layout: &Layout = &self.world.layout;
        let workers = layout.scenario.groups[group.ix()].handler.workers;
        // Who did the later one had this one in hand, too: then, or before it died with it.
        let in_hand = self.facts.skipping.first_in_hand(|consumer| consumer == early.consumer, late.place());
        match () {
            () if workers > 1 && in_hand.is_some_and(|polled| polled < early.done) => Some(&mechanism::ORDER_8),
            () if late.consumer != early.consumer && late.polled < early.done => Some(&mechanism::ORDER_9),
            () if self.facts.handling.was_put_aside(layout, group, message, early.done) => Some(&mechanism::ORDER_10),
            () if late.polled > early.done => Some(&mechanism::ORDER_11),
            () => None,
        }
    }
}

/// P-21: does the key decide over the partition?
fn goes_by_key(spec: &ProducerSpec) -> bool {
    spec.partition.is_some() || (!spec.config.round_robin && !spec.config.ignore_keys)
}
