//! D-3 (what is on the disk survives), INV-1 (offsets and epochs in a log), INV-3 (log matching), INV-4 (order of the pointers). Always.

use super::Finding;
use crate::ids::*;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// What was once appended at a place: a later append of the same epoch there must be the same, and follow the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    batch: Option<BatchId>,
    count: u32,
    /// The epoch of the record before; by induction everything before agrees too.
    before: LeaderEpoch,
}

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Logs {
    entries: BTreeMap<(PartitionId, Offset, LeaderEpoch), Entry>,
    /// Who leads what, with the high watermark in that term. Kept by the events and not by the world at the end of a step: a broker that
    /// reads several metadata records at once may commit and step down in one.
    leaders: BTreeMap<(BrokerId, PartitionId), Offset>,
    /// D-1: how far each log was last said to be on the disk.
    flushed: BTreeMap<(BrokerId, PartitionId), Offset>,
    /// By [`PartitionId`]: the highest watermark of any leader, ever.
    highest: Vec<Offset>,
}

impl Logs {
    pub fn new(world: &World) -> Logs {
        let mut highest = vec![Offset::ZERO; world.layout.partitions.len()];
        let mut leaders = BTreeMap::new();
        for broker in &world.brokers {
            for replica in broker.replicas.iter().flatten().filter(|r| r.leading().is_some()) {
                let best = &mut highest[replica.partition.ix()];
                *best = replica.high_watermark.max(*best);
                leaders.insert((broker.id, replica.partition), replica.high_watermark);
            }
        }
        Logs { entries: BTreeMap::new(), leaders, flushed: BTreeMap::new(), highest }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        for event in events {
            let found = match event.what {
                What::Appended { broker, partition, batch, epoch, base, count, .. } => {
                    self.appended(world, (broker, partition), (base, epoch), batch, count)
                }
                What::Flushed { broker, partition, to } => {
                    self.flushed.insert((broker, partition), to);
                    None
                }
                What::DiskWiped { broker } => {
                    self.flushed.retain(|(b, _), _| *b != broker);
                    None
                }
                // What the disk spoils is not on it any more.
                What::Corrupted { broker, partition, base } => {
                    self.unflush(broker, partition, base);
                    None
                }
                What::BecameLeader { broker, partition, .. } => {
                    self.leaders.insert((broker, partition), Offset::UNKNOWN);
                    None
                }
                What::BecameFollower { broker, partition, .. } => {
                    self.leaders.remove(&(broker, partition));
                    None
                }
                What::Crashed { node: NodeId::Broker(broker), .. } | What::Stopped { node: NodeId::Broker(broker) } => {
                    self.leaders.retain(|(b, _), _| *b != broker);
                    None
                }
                What::HwMoved { broker, partition, to } => self.watermark(world, broker, partition, to),
                What::TailLost { broker, partition, to, .. } => {
                    self.tail_lost(broker, partition, to).or_else(|| pointers(world, broker, partition))
                }
                What::Truncated { broker, partition, to, .. } => {
                    self.unflush(broker, partition, to);
                    pointers(world, broker, partition)
                }
                What::LogStartMoved { broker, partition, .. } => pointers(world, broker, partition),
                What::BatchDone { batch, outcome: crate::trace::SendOutcome::Acked, offset, .. } => {
                    self.acked(world, batch, offset)
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn appended(
        &mut self,
        world: &World,
        (broker, partition): (BrokerId, PartitionId),
        (base, epoch): (Offset, LeaderEpoch),
        batch: Option<BatchId>,
        count: u32,
    ) -> Option<Finding> {
        let log = &world.brokers[broker.slot()].replica(partition)?.log;
        let before = log.entry_at(base.minus(1)).map_or(LeaderEpoch::NONE, |e| e.epoch);
        if before > epoch {
            return Some((
                "INV-1",
                format!("{broker} appended epoch {epoch} after epoch {before} at offset {base} of {partition}"),
            ));
        }
        let entry = Entry { batch, count, before };
        let first = *self.entries.entry((partition, base, epoch)).or_insert(entry);
        // Where a log starts, or what compaction left, does not say what came before.
        let comparable = before != LeaderEpoch::NONE && first.before != LeaderEpoch::NONE;
        let differs = if world.layout.partition(partition).config.log.compact {
            first.batch != batch
        } else {
            first != entry && (comparable || (first.batch, first.count) != (batch, count))
        };
        if differs {
            return Some((
                "INV-3",
                format!("{broker} has {entry:?} at offset {base}, epoch {epoch} of {partition}; another replica has {first:?}"),
            ));
        }
        pointers(world, broker, partition)
    }

    /// The log does not reach as far any more.
    fn unflush(&mut self, broker: BrokerId, partition: PartitionId, to: Offset) {
        if let Some(flushed) = self.flushed.get_mut(&(broker, partition)) {
            *flushed = (*flushed).min(to);
        }
    }

    /// D-3: a power cut takes nothing that a flush has put on the disk.
    fn tail_lost(&self, broker: BrokerId, partition: PartitionId, to: Offset) -> Option<Finding> {
        let flushed = *self.flushed.get(&(broker, partition))?;
        (to < flushed)
            .then(|| ("D-3", format!("{broker}, {partition}: only what is below {to} survived, up to {flushed} was on the disk")))
    }

    fn watermark(&mut self, world: &World, broker: BrokerId, partition: PartitionId, to: Offset) -> Option<Finding> {
        if let Some(last) = self.leaders.get_mut(&(broker, partition)) {
            let was = std::mem::replace(last, to);
            if was > to {
                return Some(("INV-4", format!("the high watermark of leader {broker} of {partition} went from {was} to {to}")));
            }
            self.highest[partition.ix()] = self.highest[partition.ix()].max(to);
        }
        pointers(world, broker, partition)
    }

    /// INV-26: an acks=all success means that the records are committed at that offset.
    fn acked(&self, world: &World, batch: BatchId, offset: Offset) -> Option<Finding> {
        let ledger = world.ledger();
        let first = ledger.messages_of(batch).next()?;
        let message = ledger.message(first);
        let config = &world.layout.scenario.producers[message.producer.ix()].config;
        if config.acks != crate::config::Acks::All {
            return None;
        }
        let partition = ledger.partition_of(batch)?;
        let end = offset.plus(ledger.messages_of(batch).count() as u32);
        let highest = self.highest[partition.ix()];
        (end > highest).then(|| {
            ("INV-26", format!("{batch} was acknowledged up to offset {end} of {partition}, committed is only {highest}"))
        })
    }
}

/// INV-4.
fn pointers(world: &World, broker: BrokerId, partition: PartitionId) -> Option<Finding> {
    let replica = world.brokers[broker.slot()].replica(partition)?;
    let (start, watermark, end) = (replica.log.start(), replica.high_watermark, replica.log.end());
    let flushed = replica.log.disk().recovery_point();
    let ordered = start <= watermark && watermark <= end && flushed <= end;
    (!ordered).then(|| {
        let text = format!("{broker}, {partition}: start {start}, watermark {watermark}, recovery point {flushed}, end {end}");
        ("INV-4", text)
    })
}
