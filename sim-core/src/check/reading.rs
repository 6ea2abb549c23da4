//! What consumers read and commit: INV-65 (nothing is committed that nobody has processed) and INV-66 (nothing is read that is not
//! committed to the log, and by readers of committed records nothing beyond the last stable offset). INV-66 holds always. INV-65 holds
//! for applications that commit what they have done and no more, and for records that did not replace others.

use super::Finding;
use crate::config::Isolation;
use crate::ids::*;
use crate::log::Log;
use crate::record::Batch;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// What a group has processed of a partition. Of offsets, not of records: what an unclean election puts in the place of a processed record
/// the group may never see (LOSS-C9).
#[derive(Clone, Debug)]
struct Processed {
    /// Everything below has been processed, or was to be skipped.
    all_below: Offset,
    /// And these beyond.
    beyond: BTreeSet<Offset>,
}

impl Default for Processed {
    fn default() -> Processed {
        Processed { all_below: Offset::ZERO, beyond: BTreeSet::new() }
    }
}

impl Processed {
    fn add(&mut self, offset: Offset) {
        if offset >= self.all_below {
            self.beyond.insert(offset);
            self.skip_to(self.all_below);
        }
    }

    /// Nobody has to process what lies below.
    fn skip_to(&mut self, offset: Offset) {
        self.all_below = self.all_below.max(offset);
        self.beyond = self.beyond.split_off(&self.all_below);
        while self.beyond.first() == Some(&self.all_below) {
            self.beyond.pop_first();
            self.all_below = self.all_below.plus(1);
        }
    }

    /// The first application's record below `end` that nobody has processed, by the leader's log.
    /// Records of transactions do not count for who reads committed ones only: they may have been aborted.
    fn first_missing(
        &self,
        world: &World,
        partition: PartitionId,
        end: Offset,
        isolation: Isolation,
        replaced: &[(Offset, Offset)],
    ) -> Option<Offset> {
        let leader = world.metadata().partition(partition).leader?;
        let log = &world.brokers[leader.slot()].replica(partition)?.log;
        let counts = |batch: &Batch| !batch.transactional || isolation == Isolation::ReadUncommitted;
        let compacts = world.layout.partition(partition).config.log.compact;
        let is_record = |offset: &Offset| {
            let Some(entry) = log.entry_at(*offset) else { return false };
            let Some(record) = entry.batch.records().get((offset.0 - entry.base.0) as usize) else { return false };
            // Each replica is compacted in its own time: the one that was read from may have been further.
            counts(&entry.batch) && !(compacts && has_newer(log, *offset, record.key))
        };
        let is_new = |offset: &Offset| replaced.iter().any(|(from, to)| from <= offset && offset < to);
        let unprocessed = (self.all_below.0..end.0).map(Offset).filter(|o| !self.beyond.contains(o) && !is_new(o));
        unprocessed.into_iter().find(is_record)
    }
}

/// Is there a later record of this key?
fn has_newer(log: &Log, offset: Offset, key: Option<u32>) -> bool {
    let later = log.batches().filter(|entry| entry.end() > offset.plus(1));
    let records = later.flat_map(|e| e.batch.records().iter().enumerate().map(|(n, r)| (e.base.plus(n as u32), r.key)));
    records.into_iter().any(|(at, k)| at > offset && k == key)
}

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// By [`PartitionId`]: the highest watermark of any replica, ever.
    highest: Vec<Offset>,
    /// And the highest last stable offset: it never goes back in a log either, for transactions open at its end.
    stable: Vec<Offset>,
    /// By [`PartitionId`]: where a leader began before the end of what had been committed. Who has read that goes through what it has in
    /// hand, and does not see what comes in its place.
    replaced: Vec<Vec<(Offset, Offset)>>,
    processed: BTreeMap<(GroupId, PartitionId), Processed>,
}

impl Reading {
    pub fn new(world: &World) -> Reading {
        let nothing = vec![Offset::ZERO; world.layout.partitions.len()];
        let replaced = vec![Vec::new(); nothing.len()];
        let mut reading = Reading { highest: nothing.clone(), stable: nothing, replaced, processed: BTreeMap::new() };
        for replica in world.brokers.iter().flat_map(|broker| broker.replicas.iter().flatten()) {
            reading.may_be_read(replica.partition, replica.high_watermark, replica.last_stable());
        }
        reading
    }

    /// What somebody may have been given to read.
    fn may_be_read(&mut self, partition: PartitionId, watermark: Offset, stable: Offset) {
        let (highest, last) = (&mut self.highest[partition.ix()], &mut self.stable[partition.ix()]);
        *highest = watermark.max(*highest);
        *last = stable.max(*last);
    }

    /// INV-66.
    fn polled(&self, world: &World, consumer: ConsumerId, partition: PartitionId, end: Offset) -> Option<Finding> {
        let name = &world.layout.partition(partition).name;
        let highest = self.highest[partition.ix()];
        if end > highest {
            return Some(("INV-66", format!("{consumer} got {name} up to {end}, committed is only {highest}")));
        }
        let group = &world.layout.scenario.groups[world.layout.consumers[consumer.ix()].group.ix()];
        let stable = self.stable[partition.ix()];
        let too_far = end > stable && group.config.isolation == Isolation::ReadCommitted;
        too_far
            .then(|| ("INV-66", format!("{consumer} got {name} up to {end}, decided are only the transactions below {stable}")))
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        let group_of = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group;
        events.iter().find_map(|event| match event.what {
            What::HwMoved { broker, partition, to } => {
                let replica = world.brokers[broker.slot()].replica(partition)?;
                self.may_be_read(partition, to, replica.last_stable());
                None
            }
            What::BecameLeader { partition, start, .. } => {
                let committed = self.highest[partition.ix()];
                self.replaced[partition.ix()].extend((start < committed).then_some((start, committed)));
                None
            }
            What::Polled { consumer, partition, base, count } => self.polled(world, consumer, partition, base.plus(count)),
            // What is taken for done, or given up on purpose, is dealt with as far as commits are concerned.
            What::Effect { consumer, partition, offset, .. }
            | What::Absorbed { consumer, partition, offset, .. }
            | What::RecordSkipped { consumer, partition, offset, .. }
            | What::SentOn { consumer, partition, offset, .. } => {
                self.processed.entry((group_of(consumer), partition)).or_default().add(offset);
                None
            }
            What::PositionSet { consumer, partition, to, reset: true } => {
                // The application's own policy skips what lies before.
                self.processed.entry((group_of(consumer), partition)).or_default().skip_to(to);
                None
            }
            What::Committed { group, .. } if world.layout.scenario.groups[group.ix()].handler.acknowledges_first() => None,
            What::Committed { group, partition, offset } => {
                let processed = self.processed.entry((group, partition)).or_default();
                let spec = &world.layout.scenario.groups[group.ix()];
                if !spec.is_careful() {
                    return None;
                }
                let (isolation, replaced) = (spec.config.isolation, &self.replaced[partition.ix()]);
                let missing = processed.first_missing(world, partition, offset, isolation, replaced)?;
                let name = &world.layout.partition(partition).name;
                Some(("INV-65", format!("{group} has committed {offset} of {name}, and nobody has processed offset {missing}")))
            }
            _ => None,
        })
    }
}
