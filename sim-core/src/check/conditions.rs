//! What has happened to each partition so far that ends a promise: which of the conditions of INV-20..INV-29 still hold.

use crate::ids::*;
use crate::set::BrokerSet;
use crate::trace::{TraceEvent, What};
use crate::world::World;

/// One partition's past.
#[derive(Clone, Debug, Default)]
struct Past {
    /// Somebody was elected who was not known to have everything (C-14, C-15).
    unclean: bool,
    /// How often a replica lost part of its log.
    losses: u32,
    /// Where the longest log ended after each loss, and how many there had been: what was appended there was appended later.
    later: Vec<(Offset, u32)>,
    /// Members of the ISR that lost part of their log as members.
    lossy: BrokerSet,
    /// There was an ISR of nobody else.
    stood: bool,
    /// Nobody is in the ISR: whoever is elected next comes from the ELR.
    emptied: bool,
}

impl Past {
    /// Whoever left the ISR has everything when it comes back (INV-10).
    fn isr_is(&mut self, isr: BrokerSet) {
        self.lossy = self.lossy.intersect(isr);
        self.stood |= !isr.is_empty() && self.lossy.contains_all(isr);
        self.emptied = isr.is_empty();
    }
}

/// By [`PartitionId`].
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    pasts: Vec<Past>,
    elr: bool,
    strict: bool,
}

impl Conditions {
    pub fn new(world: &World) -> Conditions {
        let cluster = &world.layout.scenario.cluster;
        let mut conditions = Conditions {
            pasts: vec![Past::default(); world.layout.partitions.len()],
            elr: cluster.elr,
            strict: cluster.rules.strict_min_isr,
        };
        // Whoever begins to look in the middle of a run does not know what was before.
        let known = world.steps() == 0;
        for past in &mut conditions.pasts {
            past.unclean = !known;
        }
        conditions
    }

    pub fn note(&mut self, world: &World, event: &TraceEvent) {
        match event.what {
            What::LeaderElected { partition, unclean: true, .. } => self.pasts[partition.ix()].unclean = true,
            What::LeaderElected { partition, isr, .. } => {
                let past = &mut self.pasts[partition.ix()];
                // Before 3.7 the watermark went on below minISR, and what was in the ELR need not have had everything.
                past.unclean |= past.emptied && !self.strict;
                past.isr_is(isr);
            }
            What::TailLost { broker, partition, from, .. } => {
                let isr = world.metadata().partition(partition).isr;
                let replicas = world.brokers.iter().filter_map(|b| b.replica(partition));
                let end = replicas.map(|replica| replica.log.end()).max().unwrap_or(Offset::ZERO).max(from);
                let past = &mut self.pasts[partition.ix()];
                past.losses += 1;
                past.later.push((end, past.losses));
                if isr.contains(broker) {
                    past.lossy = past.lossy.with(broker);
                }
                past.stood |= past.lossy.contains_all(isr);
            }
            What::IsrChanged { partition, new, .. } => self.pasts[partition.ix()].isr_is(new),
            _ => {}
        }
    }

    /// INV-20..INV-22: no unclean election, no log loss.
    pub fn intact(&self, partition: PartitionId) -> bool {
        let past = &self.pasts[partition.ix()];
        !past.unclean && past.losses == 0
    }

    /// INV-23, INV-24, INV-27..INV-29: no unclean election; with ELR any number of lossy restarts (C-13), without it none that leaves
    /// an ISR of nobody else (LOSS-B5).
    pub fn durable(&self, partition: PartitionId) -> bool {
        let past = &self.pasts[partition.ix()];
        !past.unclean && (self.elr || !past.stood)
    }

    /// How many losses there had been when the record at this offset was appended, at least.
    pub fn losses_before(&self, partition: PartitionId, base: Offset) -> u32 {
        let later = &self.pasts[partition.ix()].later;
        later.iter().filter(|(end, _)| *end <= base).map(|(_, losses)| *losses).max().unwrap_or(0)
    }

    /// INV-25: ELR on, no unclean election, fewer losses than minISR since there had been so many.
    pub fn survives(&self, partition: PartitionId, min_isr: u32, losses_before: u32) -> bool {
        let past = &self.pasts[partition.ix()];
        self.elr && self.strict && !past.unclean && past.losses - losses_before < min_isr
    }

    /// Those who may be elected cleanly and must have everything. What is in the ELR has it only if the watermark stood still when it
    /// left the ISR.
    pub fn candidates(&self, world: &World, partition: PartitionId) -> BrokerSet {
        let state = world.metadata().partition(partition);
        if self.strict { state.isr.union(state.elr) } else { state.isr }
    }
}
