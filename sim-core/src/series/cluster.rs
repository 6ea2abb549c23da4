//! Who led which partition, with whom in sync, and since when.

use crate::ids::*;
use crate::layout::{Layout, PartitionLayout};
use crate::set::BrokerSet;
use crate::time::SimTime;

/// A leader's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// From here until the next.
    pub since: SimTime,
    /// Who led; none: nobody.
    pub leader: Option<BrokerId>,
    /// In this epoch.
    pub epoch: LeaderEpoch,
}

/// One partition, as the controller had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSeries {
    /// Which.
    pub id: PartitionId,
    /// `order-events-0`.
    pub name: String,
    /// Of Kafka's own topics.
    pub internal: bool,
    /// Its replication factor.
    pub replicas: u32,
    /// min(min.insync.replicas, replicas).
    pub min_isr: u32,
    /// Its leaders, in order; empty before it was added (P-23).
    pub leaders: Vec<Leadership>,
    /// Its ISRs, each from an instant until the next.
    pub isrs: Vec<(SimTime, BrokerSet)>,
}

impl PartitionSeries {
    /// Who led at an instant: what happened at it counts. None if the partition was not there.
    pub fn leadership_at(&self, at: SimTime) -> Option<Leadership> {
        let next = self.leaders.partition_point(|l| l.since <= at);
        next.checked_sub(1).map(|i| self.leaders[i])
    }

    /// Who was in sync at an instant. None if the partition was not there.
    pub fn isr_at(&self, at: SimTime) -> Option<BrokerSet> {
        let next = self.isrs.partition_point(|(since, _)| *since <= at);
        next.checked_sub(1).map(|i| self.isrs[i].1)
    }

    fn now(&self) -> Option<(Option<BrokerId>, BrokerSet)> {
        self.leaders.last().zip(self.isrs.last()).map(|(l, (_, isr))| (l.leader, *isr))
    }
}

/// What stands worst.
#[derive(Clone, Copy)]
pub(super) struct Worst {
    pub(super) under_replicated: u64,
    pub(super) under_min_isr: u64,
    pub(super) offline: u64,
    pub(super) min_isr: u64,
}

/// The cluster while a trace is read.
pub(super) struct Cluster {
    pub(super) partitions: Vec<PartitionSeries>,
    /// Of the present bucket.
    worst: Worst,
}

impl Cluster {
    /// Every partition led by its first replica, with all of them in sync: so a run begins.
    pub(super) fn new(layout: &Layout) -> Cluster {
        let partition = |(i, place): (usize, &PartitionLayout)| {
            let mut series = PartitionSeries {
                id: PartitionId(i as u16),
                name: place.name.clone(),
                internal: place.topic.is_none(),
                replicas: place.replicas.len() as u32,
                min_isr: place.min_isr,
                leaders: Vec::new(),
                isrs: Vec::new(),
            };
            if !place.added {
                let leader = place.replicas.first().copied();
                series.leaders.push(Leadership { since: SimTime::ZERO, leader, epoch: LeaderEpoch(0) });
                series.isrs.push((SimTime::ZERO, place.replicas.iter().copied().collect()));
            }
            series
        };
        let partitions: Vec<PartitionSeries> = layout.partitions.iter().enumerate().map(partition).collect();
        let worst = state(&partitions);
        Cluster { partitions, worst }
    }

    pub(super) fn led(&mut self, at: SimTime, partition: PartitionId, leader: Option<BrokerId>, epoch: LeaderEpoch) {
        self.partitions[partition.ix()].leaders.push(Leadership { since: at, leader, epoch });
    }

    /// Another ISR. Returns the one before.
    pub(super) fn in_sync(&mut self, at: SimTime, partition: PartitionId, isr: BrokerSet) -> BrokerSet {
        let isrs = &mut self.partitions[partition.ix()].isrs;
        let old = isrs.last().map_or(BrokerSet::EMPTY, |(_, isr)| *isr);
        // An election often leaves it as it was.
        if old != isr {
            isrs.push((at, isr));
        }
        let now = state(&self.partitions);
        self.worst.under_replicated = self.worst.under_replicated.max(now.under_replicated);
        self.worst.under_min_isr = self.worst.under_min_isr.max(now.under_min_isr);
        self.worst.offline = self.worst.offline.max(now.offline);
        self.worst.min_isr = self.worst.min_isr.min(now.min_isr);
        old
    }

    /// P-23.
    pub(super) fn added(&mut self, at: SimTime, partition: PartitionId, leader: BrokerId, isr: BrokerSet) {
        self.led(at, partition, Some(leader), LeaderEpoch(0));
        self.in_sync(at, partition, isr);
    }

    /// The worst of the bucket, and another one begins.
    pub(super) fn close(&mut self) -> Worst {
        let now = state(&self.partitions);
        std::mem::replace(&mut self.worst, now)
    }
}

/// How the partitions stand.
fn state(partitions: &[PartitionSeries]) -> Worst {
    let mut now = Worst { under_replicated: 0, under_min_isr: 0, offline: 0, min_isr: u64::MAX };
    for partition in partitions {
        let Some((leader, isr)) = partition.now() else { continue };
        now.under_replicated += u64::from(isr.len() < partition.replicas);
        now.under_min_isr += u64::from(isr.len() < partition.min_isr);
        now.offline += u64::from(leader.is_none());
        now.min_isr = now.min_isr.min(u64::from(isr.len()));
    }
    if now.min_isr == u64::MAX {
        now.min_isr = 0;
    }
    now
}
