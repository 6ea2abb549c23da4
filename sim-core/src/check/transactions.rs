//! INV-80 (who reads committed reads whole committed transactions), INV-81 (fencing by markers), INV-82 (outputs and offsets together), and
//! the part of INV-4 about the last stable offset.
//!
//! They hold always, but: INV-80 and INV-82 need the records of `__transaction_state`, of the groups' offsets and of the outputs to survive;
//! the checkers stop looking once a machine has lost power or an election was unclean. INV-81 holds with transaction.version=2;
//! with version 1 a late record may come after the marker.

use super::Finding;
use crate::config::Isolation;
use crate::ids::*;
use crate::log::LogBatch;
use crate::trace::{TraceEvent, What};
use crate::transaction::{State, Version};
use crate::world::World;
use std::collections::BTreeMap;

/// What this family remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    /// What the markers of an epoch of a producer id said.
    decided: BTreeMap<(Pid, i16), bool>,
    /// The newest epoch that a marker has brought to a partition.
    fences: BTreeMap<(PartitionId, Pid), i16>,
    /// Records may be gone that were committed: from here on nothing is promised.
    damaged: bool,
}

impl Transactions {
    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        if world.layout.transactional_ids.is_empty() {
            return None;
        }
        events.iter().find_map(|event| match event.what {
            What::Crashed { node: NodeId::Broker(_), power: true }
            | What::DiskWiped { .. }
            | What::LeaderElected { unclean: true, .. } => {
                self.damaged = true;
                None
            }
            What::MarkerWritten { partition, pid, epoch, commit, .. } if is_v2(world) && !self.damaged => {
                self.marker(partition, (pid, epoch), commit)
            }
            What::TransactionMoved { transaction, state: State::CompleteCommit | State::CompleteAbort, pid, .. }
                if is_v2(world) && !self.damaged =>
            {
                complete(world, transaction, pid)
            }
            What::Appended { broker, partition, batch: Some(_), base, leader: true, .. } => {
                self.appended(world, broker, partition, base).or_else(|| stable(world, broker, partition))
            }
            What::HwMoved { broker, partition, .. } => stable(world, broker, partition),
            What::Effect { consumer, partition, offset, message } if !self.damaged => {
                read(world, consumer, (partition, offset), message)
            }
            _ => None,
        })
    }

    /// INV-80: all partitions of a transaction get the same kind of marker, the outputs' and that of the offsets alike. Told by the
    /// epoch, which is the transaction's own with version 2 only.
    fn marker(&mut self, partition: PartitionId, (pid, epoch): (Pid, i16), commit: bool) -> Option<Finding> {
        let fence = self.fences.entry((partition, pid)).or_insert(epoch);
        *fence = (*fence).max(epoch);
        let first = *self.decided.entry((pid, epoch)).or_insert(commit);
        (first != commit).then(|| {
            let kinds = |commit: bool| if commit { "COMMIT" } else { "ABORT" };
            let text =
                format!("producer id {}, epoch {epoch}: {} in {partition}, {} elsewhere", pid.0, kinds(commit), kinds(first));
            ("INV-80", text)
        })
    }

    /// INV-81.
    fn appended(&self, world: &World, broker: BrokerId, partition: PartitionId, base: Offset) -> Option<Finding> {
        let log = &world.brokers[broker.slot()].replica(partition)?.log;
        let sequence = log.entry_at(base)?.batch.sequence;
        let fence = *self.fences.get(&(partition, sequence.pid))?;
        let before = |entry: &&LogBatch| entry.base < base && entry.batch.marker().is_some();
        let fenced = |entry: &LogBatch| entry.batch.sequence.pid == sequence.pid && entry.batch.sequence.epoch > sequence.epoch;
        (sequence.epoch < fence && log.batches().filter(before).any(fenced)).then(|| {
            let text = format!(
                "{broker} took epoch {} of producer id {} into {partition} at {base}, after a marker of epoch {fence}",
                sequence.epoch, sequence.pid.0
            );
            ("INV-81", text)
        })
    }
}

/// INV-82: when a transaction is complete, it is so in every partition, those of outputs and of offsets alike: nowhere is it still open.
/// Its producer begins no other before it hears of that.
fn complete(world: &World, id: TransactionalId, pid: Pid) -> Option<Finding> {
    let partitions = world.layout.partition_ids();
    let mut open = partitions.filter_map(|partition| {
        let leader = world.metadata().partition(partition).leader?;
        let replica = world.brokers[leader.slot()].replica(partition).filter(|replica| replica.leading().is_some())?;
        replica.log.transactions.open_since(pid).map(|first| (partition, first))
    });
    let (partition, first) = open.next()?;
    let (name, of) = (&world.layout.partition(partition).name, &world.layout.transactional_ids[id.ix()].name);
    Some(("INV-82", format!("the transaction of {of} is complete, and in {name} it is open since offset {first}")))
}

/// INV-4: log start <= last stable offset <= high watermark.
fn stable(world: &World, broker: BrokerId, partition: PartitionId) -> Option<Finding> {
    let replica = world.brokers[broker.slot()].replica(partition)?;
    let (stable, watermark) = (replica.last_stable(), replica.high_watermark);
    (stable > watermark)
        .then(|| ("INV-4", format!("{broker}, {partition}: last stable offset {stable} above watermark {watermark}")))
}

/// INV-80: what a group with isolation.level=read_committed works on is in a transaction that is decided, and not aborted, in some log that
/// holds it. (A replica may be behind with the marker; those that made the last stable offset pass are not.)
fn read(world: &World, consumer: ConsumerId, (partition, offset): (PartitionId, Offset), message: MessageId) -> Option<Finding> {
    let group = world.layout.consumers[consumer.ix()].group;
    if world.layout.scenario.groups[group.ix()].config.isolation != Isolation::ReadCommitted {
        return None;
    }
    let replicas = world.brokers.iter().filter_map(|b| b.replica(partition));
    let mut holders = replicas.filter(|r| r.log.entry_at(offset).is_some()).peekable();
    holders.peek()?;
    let fits = |r: &crate::replica::Replica| {
        let Some(entry) = r.log.entry_at(offset) else { return false };
        let (pid, transactions) = (entry.batch.sequence.pid, &r.log.transactions);
        let open = transactions.open_since(pid).is_some_and(|first| first <= entry.base);
        !entry.batch.transactional || !(open || transactions.is_aborted(pid, entry.base))
    };
    (!holders.any(fits)).then(|| {
        (
            "INV-80",
            format!("{consumer} worked on {message} at offset {offset} of {partition}, which no committed transaction holds"),
        )
    })
}

fn is_v2(world: &World) -> bool {
    world.layout.scenario.cluster.rules.transaction_version == Version::V2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_has_one_kind_of_marker() {
        let mut checker = Transactions::default();
        assert_eq!(checker.marker(PartitionId(0), (Pid(1), 3), true), None);
        assert_eq!(checker.marker(PartitionId(1), (Pid(1), 3), true), None);
        assert_eq!(checker.marker(PartitionId(1), (Pid(1), 4), false), None);
        assert_eq!(checker.marker(PartitionId(2), (Pid(1), 3), false).unwrap().0, "INV-80");
    }
}
