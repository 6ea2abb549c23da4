//! INV-5 (what an advance of the watermark needs) and INV-6 (the leader's maximal ISR covers the controller's ISR). Always;
//! that the watermark stands still below minISR, only with the strict rule of 3.7.

use super::Finding;
use crate::ids::*;
use crate::trace::{TraceEvent, What};
use crate::world::World;

pub(super) fn check(world: &World, events: &[TraceEvent]) -> Option<Finding> {
    for event in events {
        let found = match event.what {
            What::HwMoved { broker, partition, to } => advance(world, broker, partition, to),
            What::IsrChanged { partition, .. }
            | What::LeaderElected { partition, .. }
            | What::IsrProposed { partition, .. }
            | What::BecameLeader { partition, .. } => superset(world, partition),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// INV-5.
fn advance(world: &World, broker: BrokerId, partition: PartitionId, to: Offset) -> Option<Finding> {
    let replica = world.brokers[broker.slot()].replica(partition)?;
    let leading = replica.leading()?;
    if replica.high_watermark != to {
        return None; // it moved on within the step; the last move is looked at
    }
    let min_isr = world.layout.partition(partition).min_isr;
    let isr = leading.moved_under?;
    let committed = isr.committed();
    if world.layout.scenario.cluster.rules.strict_min_isr && committed.len() < min_isr {
        return Some(("INV-5", format!("{partition}: the watermark moved to {to} with ISR {committed}, minISR {min_isr}")));
    }
    let maximal = isr.maximal();
    let behind = leading.remotes.iter().find(|(b, r)| maximal.contains(*b) && r.log_end < to);
    behind.map(|(b, r)| {
        ("INV-5", format!("{partition}: the watermark is {to}, but {b} of ISR {maximal} proved only {}", r.log_end))
    })
}

/// INV-6, for a leader that is not a stale one.
fn superset(world: &World, partition: PartitionId) -> Option<Finding> {
    let state = world.metadata().partition(partition);
    let leader = state.leader?;
    let replica = world.brokers[leader.slot()].replica(partition)?;
    let leading = replica.leading().filter(|_| replica.leader_epoch == state.leader_epoch)?;
    let maximal = leading.isr.maximal();
    if !maximal.contains_all(state.isr) {
        return Some(("INV-6", format!("{partition}: {leader}'s maximal ISR {maximal} lacks members of the ISR {}", state.isr)));
    }
    let min_isr = world.layout.partition(partition).min_isr;
    let covers_elr = leading.isr.committed().len() < min_isr || maximal.contains_all(state.elr);
    (!covers_elr)
        .then(|| ("INV-6", format!("{partition}: {leader}'s maximal ISR {maximal} lacks members of the ELR {}", state.elr)))
}
