//! Transactions as a log sees them: which are open, which were aborted, and up to where everything is decided (section 3.9, X-6).
//!
//! Leaders and followers build the same from the batches of the log, and build it anew when the log is cut (L-17).

use super::LogBatch;
use crate::chunks::Chunks;
use crate::ids::{LeaderEpoch, Offset, Pid};
use crate::rows::Map;

/// One aborted transaction of a log, as the answer to a fetch names it (F-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aborted {
    /// Whose.
    pub pid: Pid,
    /// Its first record.
    pub first: Offset,
    /// Its ABORT marker.
    pub marker: Offset,
}

/// A transaction whose marker is in the log, perhaps not below the high watermark yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Completed {
    first: Offset,
    marker: Offset,
}

/// All transactions of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    /// The first record of the open transaction of each producer id.
    open: Map<Pid, Offset>,
    /// In the order of their markers; those whose marker is committed are dropped with the next append.
    completed: Vec<Completed>,
    /// In the order of their markers.
    aborted: Chunks<Aborted>,
    /// The newest coordinator whose marker each producer id has seen.
    coordinators: Map<Pid, LeaderEpoch>,
}

impl Transactions {
    /// The first record of the open transaction of this producer id.
    pub fn open_since(&self, pid: Pid) -> Option<Offset> {
        self.open.get(&pid).copied()
    }

    /// All open transactions: producer id and first record.
    pub fn open(&self) -> impl Iterator<Item = (Pid, Offset)> + '_ {
        self.open.iter().map(|(&pid, &first)| (pid, first))
    }

    /// the newest coordinator that has ended a transaction of this producer id here.
    pub fn coordinator_epoch(&self, pid: Pid) -> Option<LeaderEpoch> {
        self.coordinators.get(&pid).copied()
    }

    /// The last stable offset (section 3.9): the smaller of the high watermark and the first offset that is not decided. A transaction
    /// is decided once its marker lies below the high watermark.
    ///
    /// For a high watermark of 10 and a transaction open since 7 it is 7. With its marker at 10 it still is; when the high watermark
    /// is 11, so is the last stable offset.
    pub fn last_stable(&self, watermark: Offset) -> Offset {
        let undecided = self.completed.iter().filter(|c| c.marker >= watermark).map(|c| c.first);
        self.open.values().copied().chain(undecided).fold(watermark, Offset::min)
    }

    /// F-1: the aborted transactions that have a record or their marker between the two offsets. A reader drops what these producer ids
    /// wrote from the first record on until it meets the marker.
    pub fn aborted_between(&self, from: Offset, to: Offset) -> Vec<Aborted> {
        let after = self.aborted.iter().rev().take_while(|a| a.marker >= from);
        let mut found: Vec<Aborted> = after.filter(|a| a.first < to).copied().collect();
        found.reverse();
        found
    }

    /// Is the record of this producer id at this offset one of an aborted transaction?
    pub fn is_aborted(&self, pid: Pid, offset: Offset) -> bool {
        self.aborted.iter().any(|a| a.pid == pid && a.first <= offset && offset < a.marker)
    }

    /// Takes an appended batch in, without judging it.
    pub(super) fn record(&mut self, entry: &LogBatch) {
        let batch = &entry.batch;
        let pid = batch.sequence.pid;
        let Some(marker) = batch.marker() else {
            if batch.transactional {
                self.open.entry(pid).or_insert(entry.base);
            }
            return;
        };
        self.coordinators.insert(pid, marker.coordinator_epoch);
        // A marker may come to a partition in which its transaction has written nothing, or come twice.
        let Some(first) = self.open.remove(&pid) else { return };
        self.completed.push(Completed { first, marker: entry.base });
        if !marker.commit {
            self.aborted.push(Aborted { pid, first, marker: entry.base });
        }
    }

    /// Drops what every later high watermark decides anyway.
    pub fn forget_decided(&mut self, watermark: Offset) {
        self.completed.retain(|c| c.marker >= watermark);
    }

    /// L-17: starts again from what the log holds.
    pub(super) fn rebuild<'a>(&mut self, entries: impl Iterator<Item = &'a LogBatch>) {
        if *self == Transactions::default() {
            return;
        }
        *self = Transactions::default();
        for entry in entries {
            self.record(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::log::segment::RollLimits;
    use crate::record::{Batch, MARKER_BYTES, Marker, Payload, Record, Sequence};
    use crate::time::{SimDuration, SimTime, Timestamp};
    use std::sync::Arc;

    fn append(log: &mut Log, pid: i64, payload: Payload) -> Offset {
        let sequence = Sequence { pid: Pid(pid), epoch: 0, first: -1 };
        let batch =
            Arc::new(Batch { id: None, sequence, transactional: true, payload, bytes: MARKER_BYTES, timestamp: Timestamp(0) });
        let base = log.end();
        log.append(LogBatch { base, epoch: LeaderEpoch(0), batch }, SimTime::ZERO, RollLimits::NONE);
        base
    }

    fn data(log: &mut Log, pid: i64) -> Offset {
        let record = Record { message: crate::ids::MessageId(0), key: None, tombstone: false, bytes: 1 };
        append(log, pid, Payload::Records(vec![record]))
    }

    fn end(log: &mut Log, pid: i64, commit: bool) -> Offset {
        append(log, pid, Payload::Marker(Marker { commit, coordinator_epoch: LeaderEpoch(3) }))
    }

    /// L-16: a producer is not forgotten in the middle of its transaction.
    #[test]
    fn an_open_transaction_keeps_its_producer() {
        let mut log = Log::new();
        data(&mut log, 1);
        data(&mut log, 2);
        end(&mut log, 2, true);
        assert_eq!(log.producers.expire_older(SimDuration(1), SimTime(10), &log.transactions), 1);
        assert_eq!((log.producers.epoch(Pid(1)), log.producers.epoch(Pid(2))), (Some(0), None));
    }

    /// Section 3.9, with two transactions that overlap.
    #[test]
    fn nothing_is_stable_beyond_the_first_undecided_record() {
        let mut log = Log::new();
        data(&mut log, 1);
        data(&mut log, 2);
        let stable = |log: &Log, watermark: i64| log.transactions.last_stable(Offset(watermark)).0;
        assert_eq!((stable(&log, 0), stable(&log, 2)), (0, 0));
        assert_eq!(end(&mut log, 1, true), Offset(2));
        assert_eq!((stable(&log, 2), stable(&log, 3)), (0, 1), "decided when the marker is below the high watermark");
        log.transactions.forget_decided(Offset(3));
        assert_eq!(stable(&log, 3), 1);
        end(&mut log, 2, false);
        assert_eq!((stable(&log, 3), stable(&log, 4)), (1, 4));
        assert_eq!(log.transactions.coordinator_epoch(Pid(2)), Some(LeaderEpoch(3)));
    }

    #[test]
    fn aborted_transactions_are_found_by_their_range() {
        let mut log = Log::new();
        for (pid, commit) in [(1, false), (2, true), (3, false)] {
            data(&mut log, pid);
            data(&mut log, pid);
            end(&mut log, pid, commit);
        }
        let first = Aborted { pid: Pid(1), first: Offset(0), marker: Offset(2) };
        let third = Aborted { pid: Pid(3), first: Offset(6), marker: Offset(8) };
        let between = |from: i64, to: i64| log.transactions.aborted_between(Offset(from), Offset(to));
        assert_eq!(between(0, 9), vec![first, third]);
        assert_eq!(between(2, 6), vec![first], "its marker is still to be met");
        assert_eq!(between(3, 6), vec![]);
        assert!(log.transactions.is_aborted(Pid(3), Offset(7)) && !log.transactions.is_aborted(Pid(2), Offset(4)));
    }

    /// L-17: the marker goes, and the transaction is open again.
    #[test]
    fn cutting_the_marker_opens_the_transaction_again() {
        let mut log = Log::new();
        data(&mut log, 1);
        let marker = end(&mut log, 1, false);
        assert_eq!(log.transactions.open_since(Pid(1)), None);
        log.truncate_to(marker);
        assert_eq!(log.transactions.open_since(Pid(1)), Some(Offset(0)));
        assert_eq!(log.transactions.aborted_between(Offset(0), Offset(9)), vec![]);
        log.truncate_to(Offset(0));
        assert_eq!(log.transactions.open().count(), 0);
    }
}
