//! What idempotence and the client promise.
//!
//! | invariant | holds |
//! |---|---|
//! | INV-40 sequences are contiguous in a log, epochs of a producer never decrease in it | while the leader has not forgotten the producer (L-16) |
//! | INV-41 one copy of a batch in a log, with idempotence | except after renumbering (P-57) or when a producer is forgotten; without it, no more copies than attempts, those of something on the way included |
//! | INV-42 first copies in the order of `send()` | for one instance of an idempotent producer, without transactions (which may be repeated), whose application does not send again (ORDER-2), and not behind a first-batch hole (P-59): what was refused before it comes later, under another epoch |
//! | INV-43 a repeat is answered with the place of a copy | with idempotence |
//! | INV-44 a batch completes within delivery.timeout.ms | while its producer runs and is not paused; that nothing completes twice is asserted by the ledger |
//! | INV-45 what was reported as sent was appended, what was reported as surely failed never is | acks=1 and all; the latter unless something on the way sent it twice |
//! | INV-46 one key, one partition | for the built-in rule and one number of partitions |
//! | INV-47 no idempotence with settings that forbid it | always |
//! | INV-91 what is in a log was sent, with its key | always |

use super::Finding;
use crate::config::{Acks, ProducerConfig};
use crate::ids::*;
use crate::record::{Record, Sequence};
use crate::time::{SimDuration, SimTime};
use crate::trace::{SendOutcome, TraceEvent, What};
use crate::wire::{Body, Request};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// A batch in a log.
#[derive(Clone, Copy, Debug)]
struct Copy {
    base: Offset,
    batch: BatchId,
    sequence: Sequence,
    count: u32,
    transactional: bool,
    /// When its first message was handed to `send()`, counted over all messages.
    order: u32,
}

/// An append of a batch.
#[derive(Clone, Copy, Debug)]
struct Append {
    broker: BrokerId,
    partition: PartitionId,
    batch: BatchId,
    base: Offset,
    leader: bool,
}

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Producers {
    /// The batches of applications in each log, as the events tell.
    logs: BTreeMap<(BrokerId, PartitionId), Vec<Copy>>,
    /// Wherever a leader appended a batch.
    appended: BTreeSet<(BatchId, Offset)>,
    attempts: BTreeMap<BatchId, u32>,
    /// What its client did not send alone.
    copied: BTreeSet<BatchId>,
    rejected: BTreeSet<BatchId>,
    /// By [`MessageId`]: its place in the order of `send()`.
    order: BTreeMap<MessageId, u32>,
    keys: BTreeMap<(TopicId, u32, u32), PartitionId>,
    /// Leaders may forget a producer during the run.
    forgets: bool,
    settings_checked: bool,
}

/// May the application have called `send()` again for what is in this batch?
fn sends_again(world: &World, batch: BatchId) -> bool {
    let message = world.ledger().messages_of(batch).next();
    let producer = message.map(|m| world.ledger().message(m).producer);
    producer.is_some_and(|p| world.layout.scenario.producers[p.ix()].send.keeps())
}

impl Producers {
    pub fn new(world: &World) -> Producers {
        let scenario = &world.layout.scenario;
        let expiration = scenario.cluster.config.log.producer_expiration;
        let old = scenario.producers.iter().any(|p| p.timestamp_age > SimDuration::ZERO);
        Producers {
            logs: BTreeMap::new(),
            appended: BTreeSet::new(),
            attempts: BTreeMap::new(),
            copied: BTreeSet::new(),
            rejected: BTreeSet::new(),
            order: BTreeMap::new(),
            keys: BTreeMap::new(),
            forgets: old || expiration <= scenario.duration,
            settings_checked: false,
        }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        if !std::mem::replace(&mut self.settings_checked, true)
            && let Some(producer) = world.layout.scenario.producers.iter().find(|p| forbidden(&p.config))
        {
            return Some(("INV-47", format!("{} is idempotent with settings that forbid it", producer.name)));
        }
        let mut moved = false;
        for event in events {
            let found = match event.what {
                What::Queued { message, partition, .. } => {
                    let place = self.order.len() as u32;
                    // A batch that is split is queued again, where it was.
                    let again = self.order.insert(message, self.order.get(&message).copied().unwrap_or(place)).is_some();
                    if again { None } else { self.queued(world, message, partition) }
                }
                What::Intended { .. } => {
                    moved = true;
                    None
                }
                What::BatchSent { batch, .. } => {
                    *self.attempts.entry(batch).or_default() += 1;
                    moved = true;
                    None
                }
                What::PacketCopied { copy, .. } => {
                    self.copied(world, copy);
                    None
                }
                What::Appended { broker, partition, batch: Some(batch), base, leader, .. } => {
                    self.appends(world, Append { broker, partition, batch, base, leader })
                }
                What::Truncated { broker, partition, to, .. } | What::TailLost { broker, partition, to, .. } => {
                    let log = self.logs.entry((broker, partition)).or_default();
                    log.truncate(log.partition_point(|copy| copy.base < to));
                    None
                }
                What::DiskWiped { broker } => {
                    self.logs.retain(|(b, _), _| *b != broker);
                    None
                }
                What::Deduplicated { broker, partition, batch, base } => self.recognised((broker, partition), batch, base),
                What::BatchDone { batch, outcome, offset, .. } => {
                    moved = true;
                    self.done(world, batch, outcome, offset)
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        if moved { late(world) } else { None }
    }

    /// Something on the way has sent a request twice, of which its client knows nothing: one attempt more.
    fn copied(&mut self, world: &World, copy: PacketId) {
        let request = world.packets().find(|(packet, ..)| packet.id == copy).map(|(packet, ..)| &packet.body);
        if let Some(Body::Request(Request::Produce { parts, .. })) = request {
            for batch in parts.iter().filter_map(|part| part.batch.id) {
                *self.attempts.entry(batch).or_default() += 1;
                self.copied.insert(batch);
            }
        }
    }

    /// INV-46.
    fn queued(&mut self, world: &World, message: MessageId, partition: PartitionId) -> Option<Finding> {
        let state = world.ledger().message(message);
        let spec = &world.layout.scenario.producers[state.producer.ix()];
        let key = state.key?;
        if spec.partition.is_some() || spec.config.round_robin || spec.config.ignore_keys {
            return None;
        }
        let partitions = world.producers[state.producer.ix()].partitions();
        let first = *self.keys.entry((spec.topic, key, partitions)).or_insert(partition);
        (first != partition)
            .then(|| ("INV-46", format!("key {key} of {} went to {first}, and {message} to {partition}", spec.name)))
    }

    fn appends(&mut self, world: &World, append: Append) -> Option<Finding> {
        let Append { broker, partition, batch, base, leader } = append;
        // Retention may have taken it away in the same step.
        if leader {
            self.appended.insert((batch, base));
        }
        let entry = world.brokers[broker.slot()].replica(partition)?.log.entry_at(base)?;
        if let Some(found) = entry.batch.records().iter().find_map(|record| invented(world, record, &self.order)) {
            return Some(found);
        }
        let (sequence, count) = (entry.batch.sequence, entry.batch.count());
        // What is forwarded has its place with whoever sent it first.
        let own = |message: MessageId| world.ledger().message(message).batch == Some(batch);
        let first = entry.batch.records().first().filter(|r| own(r.message));
        let order = first.and_then(|r| self.order.get(&r.message)).copied().unwrap_or(0);
        let copy = Copy { base, batch, sequence, count, transactional: entry.batch.transactional, order };
        let log = self.logs.entry((broker, partition)).or_default();
        // A log that was lost or failed without an event of its own begins anew.
        log.truncate(log.partition_point(|before| before.base < base));
        let found = if leader { self.appended_by_leader(world, (broker, partition), copy) } else { None };
        self.logs.entry((broker, partition)).or_default().push(copy);
        found
    }

    fn appended_by_leader(&self, world: &World, at: (BrokerId, PartitionId), copy: Copy) -> Option<Finding> {
        let name = format!("{} in {} of {}", copy.batch, at.1, at.0);
        if self.rejected.contains(&copy.batch) {
            return Some(("INV-45", format!("{name}: reported as surely failed, and appended at {}", copy.base)));
        }
        let log = self.logs.get(&at).map_or(&[][..], Vec::as_slice);
        let copies: Vec<&Copy> = log.iter().filter(|other| other.batch == copy.batch).collect();
        if copy.sequence.pid == Pid::NONE {
            let attempts = self.attempts.get(&copy.batch).copied().unwrap_or(0) as usize;
            return (copies.len() >= attempts)
                .then(|| ("INV-41", format!("{name}: copy {} of {attempts} attempts", copies.len() + 1)));
        }
        if self.forgets {
            return None;
        }
        let renumbered = |other: &&&Copy| other.sequence != copy.sequence && other.sequence.epoch != copy.sequence.epoch;
        if let Some(other) = copies.iter().find(|other| !renumbered(other)) {
            return Some(("INV-41", format!("{name}: at {} already, and again at {}", other.base, copy.base)));
        }
        let start = world.brokers[at.0.slot()].replica(at.1)?.log.start();
        let of_producer = |other: &&Copy| other.sequence.pid == copy.sequence.pid && other.base >= start;
        let last = log.iter().rfind(of_producer)?;
        if !follows(last, &copy) {
            return Some(("INV-40", format!("{name}: {:?} comes after {:?} of {}", copy.sequence, last.sequence, last.batch)));
        }
        let later = log.iter().filter(of_producer).find(|other| other.order > copy.order);
        let holed = |other: &Copy| starts_late(log.iter().filter(of_producer), other.sequence.epoch);
        let counts = copies.is_empty() && !copy.transactional && !sends_again(world, copy.batch);
        let later = later.filter(|other| counts && !holed(other));
        later.map(|other| ("INV-42", format!("{name}: sent before {}, and comes after it", other.batch)))
    }

    /// INV-43.
    fn recognised(&self, at: (BrokerId, PartitionId), batch: BatchId, base: Offset) -> Option<Finding> {
        let known = self.logs.get(&at)?.iter().any(|copy| copy.batch == batch && copy.base == base);
        (!known).then(|| ("INV-43", format!("{} answers {batch} of {} with offset {base}, where it is not", at.0, at.1)))
    }

    /// INV-43, INV-45.
    fn done(&mut self, world: &World, batch: BatchId, outcome: SendOutcome, offset: Offset) -> Option<Finding> {
        let producer = world.ledger().message(world.ledger().messages_of(batch).next()?).producer;
        let ever = self.appended.range((batch, Offset(i64::MIN))..=(batch, Offset(i64::MAX))).next().copied();
        match outcome {
            SendOutcome::Rejected if self.copied.contains(&batch) => None,
            SendOutcome::Rejected => {
                self.rejected.insert(batch);
                let (_, at) = ever?;
                Some(("INV-45", format!("{batch} is reported as surely failed, and was appended at {at}")))
            }
            SendOutcome::Acked if world.layout.scenario.producers[producer.ix()].config.acks != Acks::None => {
                if ever.is_none() {
                    return Some(("INV-45", format!("{batch} is reported as sent, and was never appended")));
                }
                let elsewhere = offset != Offset::UNKNOWN && !self.appended.contains(&(batch, offset));
                elsewhere.then(|| ("INV-43", format!("{batch} is reported to be at {offset}, where it never was")))
            }
            _ => None,
        }
    }
}

/// May the one be the next of its producer after the other in a log? (L-12, L-13)
fn follows(last: &Copy, next: &Copy) -> bool {
    match next.sequence.epoch.cmp(&last.sequence.epoch) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => Sequence::advance(last.sequence.last(last.count), 1) == next.sequence.first,
        std::cmp::Ordering::Greater => next.sequence.first == 0,
    }
}

/// INV-91: a record is of a message that some application has handed to `send()`, and has its key. (What is forwarded was sent before.)
fn invented(world: &World, record: &Record, sent: &BTreeMap<MessageId, u32>) -> Option<Finding> {
    let known = sent.contains_key(&record.message) && world.ledger().message(record.message).key == record.key;
    (!known).then(|| ("INV-91", format!("{} with key {:?} was never sent so", record.message, record.key)))
}

/// P-59: does what a log has of a producer's epoch begin in the middle?
fn starts_late<'a>(mut copies: impl Iterator<Item = &'a Copy>, epoch: i16) -> bool {
    copies.find(|copy| copy.sequence.epoch == epoch).is_some_and(|first| first.sequence.first > 0)
}

/// INV-44.
fn late(world: &World) -> Option<Finding> {
    let stands_still = |id| world.is_paused(NodeId::Producer(id));
    world.producers.iter().filter(|producer| !stands_still(producer.id)).find_map(|producer| {
        let limit = world.layout.scenario.producers[producer.id.ix()].config.delivery_timeout;
        let created: SimTime = producer.oldest_batch()?;
        let is_late = world.now() > created + limit;
        is_late.then(|| ("INV-44", format!("{}: a batch made at {created} is still open after {limit}", producer.id)))
    })
}

/// INV-47.
fn forbidden(config: &ProducerConfig) -> bool {
    config.enable_idempotence && (config.acks != Acks::All || config.retries == 0 || config.max_in_flight > 5)
}
