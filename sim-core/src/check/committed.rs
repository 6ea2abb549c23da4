//! What becomes of committed records: INV-23 (whoever may be elected has them), INV-24 (the leader has them), INV-25 (somebody has them),
//! INV-27 (what was read stays), INV-28 (nobody cuts them off). `conditions` says when each must hold.

use super::Finding;
use super::conditions::Conditions;
use crate::ids::*;
use crate::log::Log;
use crate::trace::{TraceEvent, What};
use crate::world::World;

/// The last record of a prefix; by log matching (INV-3) it stands for all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    /// The offset after it.
    end: Offset,
    base: Offset,
    epoch: LeaderEpoch,
    batch: Option<BatchId>,
}

impl Last {
    fn below(log: &Log, end: Offset) -> Option<Last> {
        let entry = log.entry_at(end.minus(1))?;
        Some(Last { end, base: entry.base, epoch: entry.epoch, batch: entry.batch.id })
    }

    /// Does this log have the prefix, as far as it keeps it?
    fn is_in(self, log: &Log) -> bool {
        self.end <= log.start()
            || (self.end <= log.cleaned_to() && self.end <= log.end())
            || Last::below(log, self.end).map_or(log.end() >= self.end && self.is_hole(log), |l| l == self)
    }

    /// Compaction leaves holes.
    fn is_hole(self, log: &Log) -> bool {
        log.entry_at(self.end.minus(1)).is_none()
    }
}

/// What this family remembers, by [`PartitionId`].
#[derive(Clone, Debug)]
pub(super) struct Committed {
    /// The highest watermark that any leader ever had, and the record before it.
    highest: Vec<Option<Last>>,
    /// INV-25: the same of what was appended after so many losses of log. A copy may be lost between the fetch that proves it and the
    /// commit, so that the losses since the append count.
    by_losses: Vec<Vec<(u32, Last)>>,
    /// The last record that a consumer acted on: its offset and its message.
    read: Vec<Option<(Offset, MessageId)>>,
}

impl Committed {
    pub fn new(world: &World) -> Committed {
        let partitions = world.layout.partitions.len();
        Committed { highest: vec![None; partitions], by_losses: vec![Vec::new(); partitions], read: vec![None; partitions] }
    }

    pub fn check(&mut self, world: &World, events: &[TraceEvent], conditions: &Conditions) -> Option<Finding> {
        for (at, event) in events.iter().enumerate() {
            let found = match event.what {
                What::HwMoved { broker, partition, to } => {
                    let moved = self.moved(world, (broker, partition), to, conditions);
                    moved.then(|| self.candidates(world, partition, conditions)).flatten()
                }
                What::IsrChanged { partition, .. } | What::LeaderElected { partition, .. } => {
                    self.candidates(world, partition, conditions)
                }
                What::Fenced { fenced: false, .. } => {
                    world.layout.partition_ids().find_map(|partition| self.candidates(world, partition, conditions))
                }
                What::BecameLeader { broker, partition, epoch, .. } => self.leads(world, (broker, partition), epoch, conditions),
                What::Truncated { broker, partition, to, .. } => {
                    let lowered = matches!(events.get(at + 1).map(|next| next.what),
                        Some(What::HwMoved { broker: b, partition: p, to: w }) if (b, p) == (broker, partition) && w == to);
                    self.cut(world, (broker, partition), to, lowered, conditions)
                        .or_else(|| self.candidates(world, partition, conditions))
                        .or_else(|| self.survives(world, partition, conditions))
                }
                What::TailLost { partition, .. } => self.survives(world, partition, conditions),
                What::Effect { message, partition, offset, .. } => self.acted(world, partition, (offset, message), conditions),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// A leader's watermark may be the highest ever.
    fn moved(
        &mut self,
        world: &World,
        (broker, partition): (BrokerId, PartitionId),
        to: Offset,
        conditions: &Conditions,
    ) -> bool {
        let Some(replica) = world.brokers[broker.slot()].replica(partition) else { return false };
        let highest = &mut self.highest[partition.ix()];
        if replica.leading().is_none() || highest.is_some_and(|known| known.end >= to) {
            return false;
        }
        let Some(last) = Last::below(&replica.log, to) else { return true };
        *highest = Some(last);
        let losses = conditions.losses_before(partition, last.base);
        let kept = &mut self.by_losses[partition.ix()];
        kept.retain(|(before, _)| *before < losses);
        kept.push((losses, last));
        true
    }

    /// INV-23, for those whose process runs under its present registration.
    fn candidates(&self, world: &World, partition: PartitionId, conditions: &Conditions) -> Option<Finding> {
        let committed = self.highest[partition.ix()].filter(|_| conditions.durable(partition))?;
        let running = |b: &BrokerId| {
            let registered = world.metadata().broker(*b);
            world.brokers[b.slot()].is_up() && world.brokers[b.slot()].epoch == registered.epoch && !registered.fenced
        };
        let mut candidates = conditions.candidates(world, partition).iter().filter(running);
        let lacks = candidates.find(|b| !log(world, *b, partition).is_some_and(|log| committed.is_in(log)))?;
        let end = log(world, lacks, partition).map_or(Offset::ZERO, Log::end);
        Some((
            "INV-23",
            format!("{partition}: {lacks} may be elected, ends at {end}, and lacks what is committed up to {}", committed.end),
        ))
    }

    /// INV-24, for the controller's leader in its epoch.
    fn leads(
        &self,
        world: &World,
        (broker, partition): (BrokerId, PartitionId),
        epoch: LeaderEpoch,
        conditions: &Conditions,
    ) -> Option<Finding> {
        let state = world.metadata().partition(partition);
        if state.leader != Some(broker) || state.leader_epoch != epoch || !conditions.durable(partition) {
            return None;
        }
        let own = log(world, broker, partition)?;
        if let Some(committed) = self.highest[partition.ix()].filter(|committed| !committed.is_in(own)) {
            let text = format!(
                "{partition}: {broker} leads, ends at {}, and lacks what is committed up to {}",
                own.end(),
                committed.end
            );
            return Some(("INV-24", text));
        }
        let (offset, message) = self.read[partition.ix()].filter(|&(offset, message)| !holds(own, offset, message))?;
        Some(("INV-27", format!("{partition}: {broker} leads without {message}, which a consumer read at offset {offset}")))
    }

    /// INV-25.
    fn survives(&self, world: &World, partition: PartitionId, conditions: &Conditions) -> Option<Finding> {
        let place = world.layout.partition(partition);
        let must = |(losses, _): &&(u32, Last)| conditions.survives(partition, place.min_isr, *losses);
        let is_gone = |(_, last): &&(u32, Last)| {
            !place.replicas.iter().any(|&b| log(world, b, partition).is_some_and(|log| last.is_in(log)))
        };
        let (_, last) = self.by_losses[partition.ix()].iter().filter(must).find(is_gone)?;
        Some(("INV-25", format!("{partition}: what is committed up to {} is in no log any more", last.end)))
    }

    /// INV-27: what a consumer acted on is in the log of the leader, unless that has not got so far.
    fn acted(
        &mut self,
        world: &World,
        partition: PartitionId,
        (offset, message): (Offset, MessageId),
        conditions: &Conditions,
    ) -> Option<Finding> {
        let read = &mut self.read[partition.ix()];
        if read.is_none_or(|(known, _)| known <= offset) {
            *read = Some((offset, message));
        }
        let state = world.metadata().partition(partition);
        let leader = state.leader.filter(|_| conditions.durable(partition))?;
        let replica = world.brokers[leader.slot()].replica(partition)?;
        let current = replica.leading().is_some() && replica.leader_epoch == state.leader_epoch;
        (current && !holds(&replica.log, offset, message)).then(|| {
            ("INV-27", format!("{partition}: a consumer read {message} at offset {offset}, and {leader} has not got it there"))
        })
    }

    /// INV-28.
    fn cut(
        &self,
        world: &World,
        (broker, partition): (BrokerId, PartitionId),
        to: Offset,
        lowered: bool,
        conditions: &Conditions,
    ) -> Option<Finding> {
        if !conditions.durable(partition) {
            return None;
        }
        let committed = self.highest[partition.ix()].map_or(Offset::ZERO, |last| last.end);
        if conditions.candidates(world, partition).contains(broker) && to < committed {
            let text = format!("{partition}: {broker} may be elected and cuts its log to {to}, committed is {committed}");
            return Some(("INV-28", text));
        }
        lowered.then(|| ("INV-28", format!("{partition}: {broker} cuts its log to {to}, below its own watermark")))
    }
}

/// None: the partition was added, and the broker has not heard of it yet (P-23).
fn log(world: &World, broker: BrokerId, partition: PartitionId) -> Option<&Log> {
    world.brokers[broker.slot()].replica(partition).map(|replica| &replica.log)
}

/// Is this message in the log at this offset, as far as the log keeps it?
fn holds(log: &Log, offset: Offset, message: MessageId) -> bool {
    if offset < log.start().max(log.cleaned_to()) {
        return true;
    }
    match log.entry_at(offset) {
        Some(entry) => {
            let at = usize::try_from(offset.0 - entry.base.0).expect("inside the batch");
            entry.batch.records().get(at).is_some_and(|record| record.message == message)
        }
        None => offset < log.end(),
    }
}
