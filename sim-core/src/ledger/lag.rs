//! How far the readers are behind, read off the trace: Kafka's `records-lag`, as seen by who knows every watermark and every commit.

use crate::ids::*;
use crate::layout::Layout;
use crate::trace::What;
use std::sync::Arc;

/// One group.
#[derive(Clone, Debug)]
struct GroupLag {
    /// By [`PartitionId`].
    committed: Vec<Option<Offset>>,
    lag: i64,
    highest: u64,
}

/// Every group. The lag of a business is that of all groups that do it.
#[derive(Clone, Debug)]
pub struct Lags {
    layout: Arc<Layout>,
    /// By [`PartitionId`]: the highest high watermark seen.
    watermarks: Vec<Offset>,
    /// By [`GroupId`].
    groups: Vec<GroupLag>,
}

impl Lags {
    /// Nothing committed, nothing to read.
    pub fn new(layout: Arc<Layout>) -> Lags {
        let partitions = layout.partitions.len();
        let group = GroupLag { committed: vec![None; partitions], lag: 0, highest: 0 };
        let groups = vec![group; layout.scenario.groups.len()];
        Lags { layout, watermarks: vec![Offset::ZERO; partitions], groups }
    }

    /// Records behind: the sum of (high watermark - committed offset) over the partitions that the group's business is read from.
    pub fn behind(&self, group: GroupId) -> u64 {
        self.groups[group.ix()].lag.max(0) as u64
    }

    /// The most that it ever was, or since [`Lags::begin_again`].
    pub fn highest(&self, group: GroupId) -> u64 {
        self.groups[group.ix()].highest
    }

    /// From here on, the highest is that of what follows.
    pub fn begin_again(&mut self) {
        for group in &mut self.groups {
            group.highest = group.lag.max(0) as u64;
        }
    }

    /// The committed offset of a partition, as the coordinator last took it.
    pub fn committed(&self, group: GroupId, partition: PartitionId) -> Option<Offset> {
        self.groups[group.ix()].committed[partition.ix()]
    }

    /// Takes an event in. Most say nothing of a lag.
    #[inline]
    pub fn observe(&mut self, what: &What) {
        match *what {
            What::HwMoved { partition, to, .. } if to > self.watermarks[partition.ix()] => self.watermark_moved(partition, to),
            What::Committed { group, partition, offset } => {
                let before = self.groups[group.ix()].committed[partition.ix()].replace(offset).unwrap_or(Offset::ZERO);
                self.changes(group, before.0 - offset.0);
            }
            What::OffsetExpired { group, partition } => {
                let offset = self.groups[group.ix()].committed[partition.ix()].take();
                self.grows_unseen(group, offset.map_or(0, |offset| offset.0));
            }
            // A new coordinator knows what its log says, and nothing else (G-33): its commits follow.
            What::GroupLoaded { group, .. } => {
                let committed = &mut self.groups[group.ix()].committed;
                let sum: i64 = committed.iter().flatten().map(|offset| offset.0).sum();
                committed.fill(None);
                self.grows_unseen(group, sum);
            }
            _ => {}
        }
    }

    fn watermark_moved(&mut self, partition: PartitionId, to: Offset) {
        let by = to.0 - self.watermarks[partition.ix()].0;
        self.watermarks[partition.ix()] = to;
        let Some(topic) = self.layout.partition(partition).topic else { return };
        for reader in (0..self.groups.len() as u16).map(GroupId) {
            if self.layout.scenario.groups[reader.ix()].topics.contains(&topic) {
                self.changes(reader, by);
            }
        }
    }

    fn changes(&mut self, reader: GroupId, by: i64) {
        let group = &mut self.groups[self.layout.business(reader).ix()];
        group.lag += by;
        group.highest = group.highest.max(group.lag.max(0) as u64);
    }

    /// What is forgotten is no lag that anybody sees, unless it stays so.
    fn grows_unseen(&mut self, reader: GroupId, by: i64) {
        self.groups[self.layout.business(reader).ix()].lag += by;
    }
}
