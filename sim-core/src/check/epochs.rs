//! INV-2 (one leader for each partition and epoch) and INV-9 (what a broker applies never goes back, for each start of it: neither leader
//! epochs nor partition epochs, whether read in the metadata log or adopted from an answer). Always.

use super::Finding;
use crate::broker::Broker;
use crate::ids::*;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    leaders: BTreeMap<(PartitionId, LeaderEpoch), BrokerId>,
    /// Leader epochs by the events, for there may be several in a step.
    applied: BTreeMap<(BrokerId, PartitionId), LeaderEpoch>,
    /// By broker: how much of the metadata log it had read when last looked at, and the partition epochs of its replicas.
    versions: Vec<(i64, BTreeMap<PartitionId, PartitionEpoch>)>,
    /// By [`PartitionId`].
    decided: Vec<(LeaderEpoch, PartitionEpoch)>,
}

impl Epochs {
    pub fn new(world: &World) -> Epochs {
        let decided = world.metadata().partitions.iter().map(|p| (p.leader_epoch, p.partition_epoch)).collect();
        let versions = world.brokers.iter().map(|broker| (broker.image.offset, BTreeMap::new())).collect();
        Epochs { leaders: BTreeMap::new(), applied: BTreeMap::new(), versions, decided }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        for event in events {
            let found = match event.what {
                What::BecameLeader { broker, partition, epoch, .. }
                | What::Appended { broker, partition, epoch, leader: true, .. } => {
                    self.leads(broker, partition, epoch).or_else(|| self.applies(broker, partition, epoch))
                }
                What::BecameFollower { broker, partition, epoch, .. } => self.applies(broker, partition, epoch),
                What::LeaderElected { partition, .. }
                | What::IsrChanged { partition, .. }
                | What::PartitionAdded { partition, .. } => self.decides(world, partition),
                What::IsrProposed { broker, partition, .. } | What::HwMoved { broker, partition, .. } => {
                    self.holds(world, broker, partition)
                }
                What::Started { node: NodeId::Broker(broker) }
                | What::Stopped { node: NodeId::Broker(broker) }
                | What::Crashed { node: NodeId::Broker(broker), .. } => {
                    self.applied.retain(|(b, _), _| *b != broker);
                    self.versions[broker.slot()].1.clear();
                    None
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        self.read_on(world)
    }

    /// INV-9, for every replica of the brokers that have read on in the metadata log.
    fn read_on(&mut self, world: &World) -> Option<Finding> {
        let moved = |broker: &&Broker| self.versions[broker.id.slot()].0 != broker.image.offset;
        let brokers: Vec<&Broker> = world.brokers.iter().filter(moved).collect();
        brokers.into_iter().find_map(|broker| {
            self.versions[broker.id.slot()].0 = broker.image.offset;
            broker.replicas.iter().flatten().find_map(|replica| self.holds(world, broker.id, replica.partition))
        })
    }

    /// INV-9, for the partition epoch that a replica is at. (A process that stood still may end in the step in which it goes on: then it is at
    /// none.)
    fn holds(&mut self, world: &World, broker: BrokerId, partition: PartitionId) -> Option<Finding> {
        if !world.brokers[broker.slot()].is_up() {
            return None;
        }
        let now = world.brokers[broker.slot()].replica(partition)?.partition_epoch;
        let before = self.versions[broker.slot()].1.insert(partition, now)?;
        (before > now).then(|| ("INV-9", format!("{broker} applied partition epoch {now:?} of {partition} after {before:?}")))
    }

    fn leads(&mut self, broker: BrokerId, partition: PartitionId, epoch: LeaderEpoch) -> Option<Finding> {
        let first = *self.leaders.entry((partition, epoch)).or_insert(broker);
        (first != broker).then(|| ("INV-2", format!("{first} and {broker} both led {partition} in epoch {epoch}")))
    }

    fn applies(&mut self, broker: BrokerId, partition: PartitionId, epoch: LeaderEpoch) -> Option<Finding> {
        let before = self.applied.insert((broker, partition), epoch)?;
        (before > epoch).then(|| ("INV-9", format!("{broker} applied epoch {epoch} of {partition} after epoch {before}")))
    }

    fn decides(&mut self, world: &World, partition: PartitionId) -> Option<Finding> {
        let state = world.metadata().partition(partition);
        let now = (state.leader_epoch, state.partition_epoch);
        let before = std::mem::replace(&mut self.decided[partition.ix()], now);
        let grows = before.0 <= now.0 && before.1 <= now.1;
        (!grows).then(|| ("INV-7", format!("{partition}: epochs (leader, partition) went from {before:?} to {now:?}")))
    }
}
