//! Messages that were overtaken: in a log, in the hands of workers, or over another partition.

use super::redelivery::Redelivery;
use crate::ids::*;
use crate::ledger::MessageState;
use crate::mechanism::{self, Mechanism};
use crate::rows::{Map, Set};
use crate::scenario::{Forwarded, ProducerSpec};
use crate::time::SimTime;
use crate::trace::TraceId;
use crate::world::World;

/// Messages whose first copy lies behind that of a later message of the same producer, in the log that counts.
pub(super) fn in_logs(world: &World) -> Set<MessageId> {
    let mut behind = Set::new();
    for partition in world.layout.partition_ids() {
        let Some(leader) = world.metadata().partition(partition).leader else { continue };
        let Some(replica) = world.brokers[leader.slot()].replica(partition) else { continue };
        let mut newest: Map<ProducerId, MessageId> = Map::new();
        let mut seen = Set::new();
        for record in replica.log.batches().flat_map(|entry| entry.batch.records()) {
            let producer = world.ledger().message(record.message).producer;
            let last = newest.entry(producer).or_insert(record.message);
            if *last > record.message && !seen.contains(&record.message) {
                behind.insert(record.message);
            }
            *last = record.message.max(*last);
            seen.insert(record.message);
        }
    }
    behind
}

/// Why. `resent`: its application sent it again.
pub(super) fn of(world: &World, message: &MessageState, resent: bool) -> Option<&'static Mechanism> {
    let spec = &world.layout.scenario.producers[message.producer.ix()];
    match () {
        () if resent => Some(&mechanism::ORDER_2),
        () if spec.threads > 1 => Some(&mechanism::ORDER_4),
        () if !spec.config.enable_idempotence && spec.config.max_in_flight > 1 => Some(&mechanism::ORDER_1),
        () => None,
    }
}

/// ORDER-8: messages whose first effect came after that of a later message of the same producer and key, in a group whose members hand
/// records to several threads.
pub(super) fn by_workers(world: &World, redelivery: &Redelivery) -> Set<MessageId> {
    let mut behind = Set::new();
    for (group_ix, spec) in world.layout.scenario.groups.iter().enumerate() {
        if spec.handler.workers < 2 {
            continue;
        }
        let of_group = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group.ix() == group_ix;
        // From the last message to the first: the earliest effect of the later ones.
        let mut earliest: Map<(ProducerId, Option<u32>, Option<PartitionId>), TraceId> = Map::new();
        for (id, done) in redelivery.first_effects(of_group).into_iter().rev() {
            let message = world.ledger().message(id);
            let place = message.partition.filter(|_| message.key.is_none());
            let later = earliest.entry((message.producer, message.key, place)).or_insert(done);
            if *later < done {
                behind.insert(id);
            }
            *later = done.min(*later);
        }
    }
    behind
}

/// Messages with a key that were handled after a later message of their producer and key, and the detour on which they were overtaken:
/// another partition (ORDER-5, ORDER-6), a topic with more partitions (ORDER-5), or a retry topic (ORDER-10). `forwarded`: was the
/// message sent on by this group?
pub(super) fn on_detours(world: &World, forwarded: impl Fn(MessageId, GroupId) -> bool) -> Map<MessageId, &'static Mechanism> {
    let mut late = Map::new();
    let messages: Vec<(MessageId, &MessageState)> = world.ledger().messages().collect();
    for group in (0..world.layout.scenario.groups.len() as u16).map(GroupId) {
        let detours: Vec<(GroupId, Forwarded)> = detours_of(world, group).collect();
        // Of each producer and key: when the first of the later messages was handled, in each partition.
        let mut later: Map<(ProducerId, u32), Map<PartitionId, SimTime>> = Map::new();
        for &(id, message) in messages.iter().rev() {
            let effect = world.ledger().group(group).effect(id);
            let (Some(key), Some(partition), 1..) = (message.key, message.partition, effect.count) else { continue };
            let handled = later.entry((message.producer, key)).or_default();
            let before = |other: PartitionId, at: SimTime| at < effect.first && other != partition;
            let mechanism = match detours.iter().find(|(reader, _)| forwarded(id, *reader)) {
                Some((_, what)) if handled.values().any(|at| *at < effect.first) => Some(on_the_way(*what)),
                Some(_) => None,
                None if handled.iter().any(|(&other, &at)| before(other, at)) => between_partitions(world, message),
                None => None,
            };
            late.extend(mechanism.map(|mechanism| (id, mechanism)));
            let first = handled.entry(partition).or_insert(effect.first);
            *first = effect.first.min(*first);
        }
    }
    late
}

/// The groups that do this group's business and send records on to others that do.
fn detours_of(world: &World, group: GroupId) -> impl Iterator<Item = (GroupId, Forwarded)> + '_ {
    let forwards = |reader: GroupId| world.layout.scenario.groups[reader.ix()].forward.map(|f| (reader, f.what));
    world.layout.doing_business_of(group).filter_map(forwards).filter(|(_, what)| *what != Forwarded::Done)
}

fn on_the_way(what: Forwarded) -> &'static Mechanism {
    if what == Forwarded::Failed { &mechanism::ORDER_10 } else { &mechanism::ORDER_5 }
}

/// Why the messages of one key are in more than one partition.
fn between_partitions(world: &World, message: &MessageState) -> Option<&'static Mechanism> {
    let spec = &world.layout.scenario.producers[message.producer.ix()];
    if !goes_by_key(spec) {
        return Some(&mechanism::ORDER_6);
    }
    let exists = |p: &PartitionId| world.layout.partition(*p).added && world.metadata().partition(*p).exists();
    world.layout.topics[spec.topic.ix()].iter().any(exists).then_some(&mechanism::ORDER_5)
}

/// P-21: does the key decide over the partition?
fn goes_by_key(spec: &ProducerSpec) -> bool {
    spec.partition.is_none() && !spec.config.round_robin && !spec.config.ignore_keys
}
