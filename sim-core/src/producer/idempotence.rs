//! Producer id, epochs and sequence numbers on the client's side (P-33, P-34, P-46, P-47, P-50..P-56).

use super::accumulator::{ProducerBatch, Queue};
use crate::config::ProducerConfig;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, Pid};
use crate::record::Sequence;
use crate::sort;
use crate::transaction::ProducerIdAndEpoch;

/// What the client keeps for one partition.
#[derive(Clone, Copy, Debug)]
struct PartitionNumbers {
    /// The epoch under which its batches are numbered.
    pid: Pid,
    epoch: i16,
    next: i32,
    /// None: nothing acknowledged in this epoch.
    last_acked: Option<i32>,
    /// P-50: the last offset that was acknowledged, for P-53.
    last_acked_offset: Offset,
    /// P-46: the number after a batch that expired while being retried: nobody knows whether it was appended.
    unresolved: Option<i32>,
    /// P-52: this partition asked for a new epoch.
    wants_bump: bool,
}

impl PartitionNumbers {
    fn fresh(pid: Pid, epoch: i16, next: i32) -> PartitionNumbers {
        let last_acked_offset = Offset::UNKNOWN;
        PartitionNumbers { pid, epoch, next, last_acked: None, last_acked_offset, unresolved: None, wants_bump: false }
    }

    /// Is this the number that must come next, if all that was acknowledged is in the log?
    fn follows_acked(&self, sequence: i32) -> bool {
        self.last_acked.map_or(0, |last| Sequence::advance(last, 1)) == sequence
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    enabled: bool,
    /// Numbers come from the transaction coordinator, and an error ends the transaction.
    transactional: bool,
    pid: Pid,
    epoch: i16,
    partitions: Vec<PartitionNumbers>,
}

impl Numbers {
    pub fn new(partitions: usize, config: &ProducerConfig) -> Numbers {
        let (enabled, transactional) = (config.enable_idempotence, config.transactional_id.is_some());
        let fresh = PartitionNumbers::fresh(Pid::NONE, -1, 0);
        Numbers { enabled, transactional, pid: Pid::NONE, epoch: -1, partitions: vec![fresh; partitions] }
    }

    /// P-23: the topic has more partitions.
    pub fn grow(&mut self, partitions: usize) {
        self.partitions.resize(partitions, PartitionNumbers::fresh(self.pid, self.epoch, 0));
    }

    /// Is there no producer id yet?
    pub fn wants_pid(&self) -> bool {
        self.enabled && !self.transactional && self.pid == Pid::NONE
    }

    /// The producer id and epoch.
    pub fn current(&self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch { pid: self.pid, epoch: self.epoch }
    }

    /// numbers from the coordinator; every partition begins at 0.
    pub fn on_numbers(&mut self, numbers: ProducerIdAndEpoch) {
        (self.pid, self.epoch) = (numbers.pid, numbers.epoch);
        self.partitions.fill(PartitionNumbers::fresh(self.pid, self.epoch, 0));
    }

    /// The producer is closed.
    pub fn forget(&mut self) {
        self.on_numbers(ProducerIdAndEpoch::NONE);
    }

    pub fn on_pid(&mut self, pid: Pid) {
        self.pid = pid;
        self.epoch = 0;
    }

    /// P-34: may the first batch of the queue be drained?
    pub fn may_drain(&self, position: usize, queue: &Queue) -> bool {
        if !self.enabled {
            return true;
        }
        let Some(first) = queue.batches.front() else { return false };
        if self.pid == Pid::NONE {
            return false;
        }
        let numbers = &self.partitions[position];
        let stale = (numbers.pid, numbers.epoch) != (self.pid, self.epoch);
        if first.has_sequence() {
            queue.first_in_flight_sequence().is_none_or(|lowest| lowest == first.sequence.first)
        } else {
            numbers.unresolved.is_none() && !(stale && queue.numbered().next().is_some())
        }
    }

    /// P-33: numbers a batch at its first drain; later ones keep what they have.
    pub fn stamp(&mut self, position: usize, batch: &mut ProducerBatch) {
        if !self.enabled || batch.has_sequence() {
            return;
        }
        let numbers = &mut self.partitions[position];
        if (numbers.pid, numbers.epoch) != (self.pid, self.epoch) {
            // P-52: nothing of the old epoch is in flight here any more.
            *numbers = PartitionNumbers::fresh(self.pid, self.epoch, 0);
        }
        batch.sequence = Sequence { pid: self.pid, epoch: self.epoch, first: numbers.next };
        numbers.next = Sequence::advance(numbers.next, batch.count());
    }

    /// P-50.
    pub fn acked(&mut self, position: usize, batch: &ProducerBatch, base: Offset) {
        if !batch.has_sequence() {
            return;
        }
        let numbers = &mut self.partitions[position];
        let last = batch.sequence.last(batch.count());
        if numbers.last_acked.is_none_or(|before| Sequence::is_before(before, last)) {
            numbers.last_acked = Some(last);
        }
        if base != Offset::UNKNOWN {
            numbers.last_acked_offset = numbers.last_acked_offset.max(base.plus(batch.count() - 1));
        }
    }

    /// P-41, P-51, P-53: may the batch be tried again after this error? `log_start`: of the partition, as the answer gave it.
    pub fn may_retry(&mut self, position: usize, batch: &ProducerBatch, error: ErrorCode, log_start: Offset) -> bool {
        if !self.enabled {
            return error.is_retriable();
        }
        let numbers = &mut self.partitions[position];
        match error {
            ErrorCode::OutOfOrderSequenceNumber => {
                let follows = numbers.follows_acked(batch.sequence.first);
                if numbers.unresolved.is_none() && (batch.renumbered || !follows) {
                    return true; // (a) an earlier one is still on its way
                }
                if self.transactional {
                    return false; // (c)
                }
                if numbers.unresolved.is_none_or(|after| after == batch.sequence.first) {
                    numbers.wants_bump = true; // (b)
                }
                true
            }
            ErrorCode::UnknownProducerId => {
                let waits = log_start == Offset::UNKNOWN || batch.renumbered;
                // The head of the log is gone by retention: the state of the producer went with it.
                let expected = numbers.last_acked_offset < log_start;
                numbers.wants_bump |= !waits && !self.transactional;
                waits || expected || !self.transactional
            }
            _ => error.is_retriable(),
        }
    }

    /// P-55: a batch failed for good. If its fate is known, or if the broker says that there is a gap, its number will never be used: the
    /// rest gets a new epoch. One of the rest may have landed already; it is then accepted a second time (P-57).
    /// In a transaction, which is aborted now, the later ones move up instead.
    pub fn failed(&mut self, position: usize, batch: &ProducerBatch, error: ErrorCode, fate_is_known: bool, queue: &mut Queue) {
        let gap = error == ErrorCode::OutOfOrderSequenceNumber;
        if self.transactional {
            if fate_is_known && batch.has_sequence() {
                self.move_up(position, batch, queue);
            }
        } else if self.enabled && (fate_is_known || gap) {
            self.partitions[position].wants_bump = true;
        }
    }

    /// P-55, transactional: subtracts the records of a batch that failed from the numbers of those after it.
    fn move_up(&mut self, position: usize, failed: &ProducerBatch, queue: &mut Queue) {
        let back = failed.count();
        let numbers = &mut self.partitions[position];
        if (numbers.pid, numbers.epoch) != (failed.sequence.pid, failed.sequence.epoch) {
            return;
        }
        numbers.next = Sequence::retreat(numbers.next, back);
        let later = |b: &&mut ProducerBatch| b.has_sequence() && Sequence::is_before(failed.sequence.first, b.sequence.first);
        for batch in queue.in_flight.iter_mut().chain(&mut queue.batches).filter(later) {
            batch.sequence.first = Sequence::retreat(batch.sequence.first, back);
            batch.renumbered = true;
        }
    }

    /// P-46.
    pub fn expired(&mut self, position: usize, batch: &ProducerBatch) {
        if batch.has_sequence() && batch.attempts > 0 {
            let after = Sequence::advance(batch.sequence.first, batch.count());
            let unresolved = &mut self.partitions[position].unresolved;
            if unresolved.is_none_or(|old| Sequence::is_before(old, after)) {
                *unresolved = Some(after);
            }
        }
    }

    /// [`Bug::ReusesExpiredSequence`](crate::bug::Bug).
    pub fn reuse(&mut self, position: usize, batch: &ProducerBatch) {
        self.partitions[position].next = batch.sequence.first;
    }

    /// P-47: once nothing numbered is on its way, an unresolved partition either turns out complete or needs a new epoch.
    /// In a transaction that is an error: true.
    pub fn resolve(&mut self, queues: &[Queue]) -> bool {
        let mut failed = false;
        if !self.enabled {
            return failed;
        }
        for (numbers, queue) in self.partitions.iter_mut().zip(queues) {
            if numbers.unresolved.is_some() && queue.numbered().next().is_none() {
                numbers.unresolved = None;
                let incomplete = !numbers.follows_acked(numbers.next);
                failed |= incomplete && self.transactional;
                numbers.wants_bump |= incomplete && !self.transactional;
            }
        }
        failed
    }

    /// P-52: a new epoch, without asking anybody; the partitions that wanted it are renumbered from 0. At the last epoch a new producer
    /// id is asked for instead.
    pub fn bump_if_asked(&mut self, queues: &mut [Queue]) {
        if !self.partitions.iter().any(|p| p.wants_bump) {
            return;
        }
        if self.epoch == i16::MAX {
            self.pid = Pid::NONE;
            self.epoch = -1;
            return;
        }
        self.epoch += 1;
        for (numbers, queue) in self.partitions.iter_mut().zip(queues) {
            if !numbers.wants_bump {
                continue;
            }
            let mut next = 0;
            let mut batches: Vec<&mut ProducerBatch> =
                queue.in_flight.iter_mut().chain(&mut queue.batches).filter(|b| b.has_sequence()).collect();
            sort::by(&mut batches, |a, b| Sequence::order(a.sequence.first, b.sequence.first));
            for batch in batches {
                batch.sequence = Sequence { pid: self.pid, epoch: self.epoch, first: next };
                batch.renumbered = true;
                next = Sequence::advance(next, batch.count());
            }
            *numbers = PartitionNumbers::fresh(self.pid, self.epoch, next);
        }
    }

    /// P-44: the parts of a split batch share its numbers.
    pub fn renumber_split(&self, whole: &ProducerBatch, parts: &mut [ProducerBatch]) {
        if whole.has_sequence() {
            let mut first = whole.sequence.first;
            for part in parts {
                part.sequence = Sequence { first, ..whole.sequence };
                first = Sequence::advance(first, part.count());
            }
        }
    }
}

#[cfg(test)]
mod tests;
