//! INV-7 (a partition's state makes sense) and INV-8 (fenced brokers are in no ISR that could do without them). Always.

use super::Finding;
use crate::ids::*;
use crate::set::BrokerSet;
use crate::trace::{TraceEvent, What};
use crate::world::World;

pub(super) fn check(world: &World, events: &[TraceEvent]) -> Option<Finding> {
    for event in events {
        let found = match event.what {
            What::IsrChanged { partition, .. }
            | What::LeaderElected { partition, .. }
            | What::PartitionAdded { partition, .. } => state(world, partition),
            What::Fenced { .. } | What::Registered { .. } => {
                world.layout.partition_ids().find_map(|partition| state(world, partition))
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn state(world: &World, partition: PartitionId) -> Option<Finding> {
    let state = world.metadata().partition(partition);
    if !state.exists() {
        return None;
    }
    let place = world.layout.partition(partition);
    let elr_on = world.layout.scenario.cluster.elr;
    let replicas: BrokerSet = place.replicas.iter().copied().collect();
    let (isr, elr) = (state.isr, state.elr);
    let wrong = if state.leader.is_some_and(|l| !isr.contains(l)) {
        "the leader is not in the ISR"
    } else if !replicas.contains_all(isr.union(elr)) {
        "ISR or ELR has brokers without a replica"
    } else if !isr.intersect(elr).is_empty() {
        "a broker is in ISR and ELR"
    } else if isr.len() >= place.min_isr && !elr.is_empty() {
        "the ELR is not empty though the ISR is large enough"
    } else if !elr_on && isr.is_empty() {
        "the ISR is empty without ELR"
    } else {
        return fenced(world, partition, isr);
    };
    Some(("INV-7", format!("{partition}: {wrong} (leader {:?}, ISR {isr}, ELR {elr})", state.leader)))
}

/// INV-8.
fn fenced(world: &World, partition: PartitionId, isr: BrokerSet) -> Option<Finding> {
    let elr_on = world.layout.scenario.cluster.elr;
    let fenced = isr.minus(world.metadata().unfenced());
    let allowed = !elr_on && isr.len() <= 1;
    (!fenced.is_empty() && !allowed).then(|| ("INV-8", format!("{partition}: fenced brokers {fenced} are in the ISR {isr}")))
}
