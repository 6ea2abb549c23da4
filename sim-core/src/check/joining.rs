//! INV-10: a broker that registered after an unclean stop is in neither ISR nor ELR until it has fetched past the watermark and the start
//! of the epoch. With ELR, except when the last known leader is elected (C-14). That whoever joins an ISR, and runs, reaches that far
//! is looked at with ELR and without.

use super::Finding;
use crate::ids::*;
use crate::set::BrokerSet;
use crate::trace::{TraceEvent, What};
use crate::world::World;

/// What this family remembers.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    /// Who stopped cleanly last time.
    clean: BrokerSet,
    /// Whose stop before the last start was clean: it says so when it registers, even if it has ended again by the time it is heard.
    started_clean: BrokerSet,
    /// Who has registered since it started. Before that it touches no log: one that ends then is as clean as it was.
    heard: BrokerSet,
}

impl Joining {
    pub fn new(world: &World) -> Joining {
        let all = world.layout.broker_ids().collect();
        Joining { clean: all, started_clean: all, heard: all }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        for event in events {
            let found = match event.what {
                What::Crashed { node: NodeId::Broker(broker), .. } => {
                    if self.heard.contains(broker) {
                        self.clean = self.clean.without(broker);
                    }
                    None
                }
                What::Stopped { node: NodeId::Broker(broker) } => {
                    self.clean = self.clean.with(broker);
                    None
                }
                What::Started { node: NodeId::Broker(broker) } => {
                    self.started_clean = self.started_clean.without(broker);
                    self.heard = self.heard.without(broker);
                    if self.clean.contains(broker) {
                        self.started_clean = self.started_clean.with(broker);
                    }
                    None
                }
                What::Registered { broker, .. } => {
                    self.heard = self.heard.with(broker);
                    self.registered(world, broker)
                }
                What::IsrChanged { partition, old, new, .. } => {
                    new.minus(old).iter().find_map(|broker| joined(world, partition, broker))
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn registered(&self, world: &World, broker: BrokerId) -> Option<Finding> {
        if self.started_clean.contains(broker) || !world.layout.scenario.cluster.elr {
            return None;
        }
        let kept = |partition: &PartitionId| {
            let state = world.metadata().partition(*partition);
            state.isr.union(state.elr).contains(broker) && !(state.recovering && state.leader == Some(broker))
        };
        let partition = world.layout.partition_ids().find(kept)?;
        Some(("INV-10", format!("{broker} registered after an unclean stop and is still in the ISR or ELR of {partition}")))
    }
}

fn joined(world: &World, partition: PartitionId, broker: BrokerId) -> Option<Finding> {
    let state = world.metadata().partition(partition);
    let leader = state.leader.filter(|&l| l != broker)?;
    let replica = world.brokers[leader.slot()].replica(partition)?;
    let leading = replica.leading().filter(|_| replica.leader_epoch == state.leader_epoch)?;
    let member = &world.brokers[broker.slot()];
    let runs = member.is_up() && member.epoch == world.metadata().broker(broker).epoch;
    let end = member.replica(partition)?.log.end();
    let (watermark, start) = (replica.high_watermark, leading.epoch_start);
    (runs && state.isr.contains(broker) && (end < watermark || end < start)).then(|| {
        let text = format!("{partition}: {broker} joined the ISR and ends at {end}; watermark {watermark}, epoch start {start}");
        ("INV-10", text)
    })
}
