//! INV-2 (one leader for each partition and epoch) and INV-9 (applied epochs never go back, for each start of a broker). Always.

use super::Finding;
use crate::ids::*;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Epochs {
    leaders: BTreeMap<(PartitionId, LeaderEpoch), BrokerId>,
    applied: BTreeMap<(BrokerId, PartitionId), LeaderEpoch>,
    /// By [`PartitionId`].
    decided: Vec<(LeaderEpoch, PartitionEpoch)>,
}

impl Epochs {
    pub fn new(world: &World) -> Epochs {
        let decided = world.metadata().partitions.iter().map(|p| (p.leader_epoch, p.partition_epoch)).collect();
        Epochs { leaders: BTreeMap::new(), applied: BTreeMap::new(), decided }
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
                What::Started { node: NodeId::Broker(broker) } => {
                    self.applied.retain(|(b, _), _| *b != broker);
                    None
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
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
