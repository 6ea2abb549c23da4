//! What copies must have in common: INV-20 (WeakIsr), INV-21 (StrongIsr) and INV-22 (ValidHighWatermark), while there was neither an
//! unclean election nor a loss of log; INV-29 (stable prefix), under the conditions of INV-24.

use super::Finding;
use super::conditions::Conditions;
use crate::ids::*;
use crate::log::Log;
use crate::replica::Replica;
use crate::trace::{TraceEvent, What};
use crate::world::World;

pub(super) fn check(world: &World, events: &[TraceEvent], conditions: &Conditions) -> Option<Finding> {
    let mut last = None;
    for event in events {
        let partition = match event.what {
            What::HwMoved { partition, .. }
            | What::Truncated { partition, .. }
            | What::BecameLeader { partition, .. }
            | What::IsrChanged { partition, .. }
            | What::LeaderElected { partition, .. } => partition,
            _ => continue,
        };
        // The world is looked at as it is after the step: once for each partition in a row.
        if last.replace(partition) == Some(partition) {
            continue;
        }
        let found = in_sync(world, partition, conditions).or_else(|| stable(world, partition, conditions));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Do two logs agree on all below an offset? By log matching (INV-3) it is enough that they agree on the last record.
pub(super) fn agree(a: &Log, b: &Log, below: Offset) -> bool {
    agree_beyond(Offset::ZERO, a, b, below)
}

/// The same, but for what lies below `cleaned`.
fn agree_beyond(cleaned: Offset, a: &Log, b: &Log, below: Offset) -> bool {
    // What the cleaner has been through on either side proves nothing: it cleans each copy in its own time.
    let from = a.start().max(b.start()).max(a.cleaned_to()).max(b.cleaned_to()).max(cleaned);
    if below <= from {
        return a.end() >= below && b.end() >= below;
    }
    let last = below.minus(1);
    let same =
        |x: &crate::log::LogBatch, y: &crate::log::LogBatch| x.base == y.base && x.epoch == y.epoch && x.batch.id == y.batch.id;
    match (a.entry_at(last), b.entry_at(last)) {
        (Some(x), Some(y)) => same(x, y),
        // Compaction leaves holes, and each replica is compacted in its own time.
        _ => a.end() >= below && b.end() >= below,
    }
}

fn replicas(world: &World, partition: PartitionId) -> impl Iterator<Item = (BrokerId, &Replica)> {
    let replicas = &world.layout.partition(partition).replicas;
    replicas.iter().filter_map(move |&broker| Some((broker, world.brokers[broker.slot()].replica(partition)?)))
}

/// INV-20..INV-22, for everybody who believes that it leads.
fn in_sync(world: &World, partition: PartitionId, conditions: &Conditions) -> Option<Finding> {
    if !conditions.intact(partition) {
        return None;
    }
    let state = world.metadata().partition(partition);
    for (leader, replica) in replicas(world, partition) {
        let Some(leading) = replica.leading() else { continue };
        let (watermark, own) = (replica.high_watermark, leading.isr.maximal());
        let is_true = state.leader == Some(leader) && state.leader_epoch == replica.leader_epoch;
        for (member, copy) in replicas(world, partition).filter(|(member, _)| *member != leader) {
            let (in_isr, in_view) = (state.isr.contains(member), own.contains(member));
            if !(in_isr || in_view) || agree(&replica.log, &copy.log, watermark) {
                continue;
            }
            let short = copy.log.end() < watermark;
            let (id, whose) = match (in_isr, in_view) {
                (true, _) if is_true && short => ("INV-22", "the controller's"),
                (true, _) => ("INV-21", "the controller's"),
                _ => ("INV-20", "its"),
            };
            let end = copy.log.end();
            let text = format!(
                "{partition}: {leader} leads with watermark {watermark}; {member}, which ends at {end}, is in {whose} ISR and lacks \
                 or contradicts part of that"
            );
            return Some((id, text));
        }
    }
    None
}

/// INV-29: below both watermarks two replicas agree.
fn stable(world: &World, partition: PartitionId, conditions: &Conditions) -> Option<Finding> {
    if !conditions.durable(partition) {
        return None;
    }
    // One of them may have copied what the cleaner of a third has left.
    let cleaned = replicas(world, partition).map(|(_, replica)| replica.log.cleaned_to()).max().unwrap_or(Offset::ZERO);
    for (i, (a, one)) in replicas(world, partition).enumerate() {
        for (b, other) in replicas(world, partition).skip(i + 1) {
            let below = one.high_watermark.min(other.high_watermark);
            if !agree_beyond(cleaned, &one.log, &other.log, below) {
                return Some((
                    "INV-29",
                    format!("{partition}: {a} and {b} differ below {below}, which both know to be committed"),
                ));
            }
        }
    }
    None
}
