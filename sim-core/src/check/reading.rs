//! What consumers read and commit: INV-65 (nothing is committed that nobody has processed) and INV-66 (nothing is read that is not
//! committed to the log). INV-66 holds always. INV-65 holds for applications that commit what they have done and no
//! more, and for records that did not replace others.

use super::Finding;
use crate::config::Isolation;
use crate::ids::*;
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
    fn first_missing(&self, world: &World, partition: PartitionId, end: Offset, isolation: Isolation) -> Option<Offset> {
        let leader = world.metadata().partition(partition).leader?;
        let log = &world.brokers[leader.slot()].replica(partition)?.log;
        let counts = |batch: &Batch| !batch.transactional || isolation == Isolation::ReadUncommitted;
        let is_record =
            |offset: &Offset| log.entry_at(*offset).is_some_and(|e| !e.batch.records().is_empty() && counts(&e.batch));
        let unprocessed = (self.all_below.0..end.0).map(Offset).filter(|offset| !self.beyond.contains(offset));
        unprocessed.into_iter().find(is_record)
    }
}

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// By [`PartitionId`]: the highest watermark of any replica, ever.
    highest: Vec<Offset>,
    processed: BTreeMap<(GroupId, PartitionId), Processed>,
}

impl Reading {
    pub fn new(world: &World) -> Reading {
        let mut highest = vec![Offset::ZERO; world.layout.partitions.len()];
        for replica in world.brokers.iter().flat_map(|broker| broker.replicas.iter().flatten()) {
            let best = &mut highest[replica.partition.ix()];
            *best = replica.high_watermark.max(*best);
        }
        Reading { highest, processed: BTreeMap::new() }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        let group_of = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group;
        events.iter().find_map(|event| match event.what {
            What::HwMoved { partition, to, .. } => {
                self.highest[partition.ix()] = self.highest[partition.ix()].max(to);
                None
            }
            What::Polled { consumer, partition, base, count } => {
                let (end, highest) = (base.plus(count), self.highest[partition.ix()]);
                let name = &world.layout.partition(partition).name;
                (end > highest).then(|| ("INV-66", format!("{consumer} got {name} up to {end}, committed is only {highest}")))
            }
            What::Effect { consumer, partition, offset, .. } => {
                self.processed.entry((group_of(consumer), partition)).or_default().add(offset);
                None
            }
            What::PositionSet { consumer, partition, to, reset: true } => {
                // The application's own policy skips what lies before.
                self.processed.entry((group_of(consumer), partition)).or_default().skip_to(to);
                None
            }
            What::Committed { group, partition, offset } => {
                let processed = self.processed.entry((group, partition)).or_default();
                let spec = &world.layout.scenario.groups[group.ix()];
                if !spec.is_careful() {
                    return None;
                }
                let missing = processed.first_missing(world, partition, offset, spec.config.isolation)?;
                let name = &world.layout.partition(partition).name;
                Some(("INV-65", format!("{group} has committed {offset} of {name}, and nobody has processed offset {missing}")))
            }
            _ => None,
        })
    }
}
