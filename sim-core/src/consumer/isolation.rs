//! What of an answer to a fetch the application gets to see: no control records, and with isolation.level=read_committed nothing of
//! aborted transactions (F-1). The broker sends them all the same; it is the client that leaves them out.

use crate::ids::{LeaderEpoch, Offset, Pid};
use crate::log::LogBatch;
use crate::log::transactions::Aborted;
use crate::record::{Record, SharedBatch};
use crate::rows::Set;
use crate::sort;
use crate::time::Timestamp;

/// A fetched batch.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// Its first offset.
    pub base: Offset,
    /// The offset after its last record.
    pub end: Offset,
    /// The epoch of the leader that appended it.
    pub epoch: LeaderEpoch,
    batch: SharedBatch,
    hidden: bool,
}

impl Fetched {
    /// What the application gets of it: the first of them is at `base`.
    pub fn records(&self) -> &[Record] {
        if self.hidden { &[] } else { self.batch.records() }
    }

    /// The time that it says it is of.
    pub fn sent(&self) -> Timestamp {
        self.batch.timestamp
    }
}

/// Marks what is not for the application. `aborted` is what the answer says of aborted transactions, in the order of their markers: from
/// the first record of one on its producer id's batches are left out, until its ABORT marker is met.
pub(super) fn sort_out(batches: Vec<LogBatch>, aborted: &[Aborted]) -> Vec<Fetched> {
    let mut ahead = aborted.to_vec();
    sort::by_key(&mut ahead, |a| a.first);
    let mut ahead = ahead.into_iter().peekable();
    let mut aborting: Set<Pid> = Set::new();
    let mut out = Vec::with_capacity(batches.len());
    for entry in batches {
        while let Some(next) = ahead.next_if(|a| a.first < entry.end()) {
            aborting.insert(next.pid);
        }
        let pid = entry.batch.sequence.pid;
        if entry.batch.marker().is_some_and(|marker| !marker.commit) {
            aborting.remove(&pid);
        }
        let hidden = entry.batch.transactional && aborting.contains(&pid);
        out.push(Fetched { base: entry.base, end: entry.end(), epoch: entry.epoch, batch: entry.batch, hidden });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::record::{Batch, Marker, Payload, Sequence};
    use std::sync::Arc;

    fn entry(base: i64, pid: i64, transactional: bool, payload: Payload) -> LogBatch {
        let sequence = Sequence { pid: Pid(pid), epoch: 0, first: 0 };
        let batch = Arc::new(Batch { id: None, sequence, transactional, payload, bytes: 1, timestamp: Timestamp(0) });
        LogBatch { base: Offset(base), epoch: LeaderEpoch(0), batch }
    }

    fn record(base: i64, pid: i64) -> LogBatch {
        entry(
            base,
            pid,
            true,
            Payload::Records(vec![Record { message: MessageId(base as u32), key: None, tombstone: false, bytes: 1 }]),
        )
    }

    fn marker(base: i64, pid: i64, commit: bool) -> LogBatch {
        entry(base, pid, true, Payload::Marker(Marker { commit, coordinator_epoch: LeaderEpoch(0) }))
    }

    fn seen(batches: Vec<LogBatch>, aborted: &[Aborted]) -> Vec<i64> {
        sort_out(batches, aborted).iter().filter(|f| !f.records().is_empty()).map(|f| f.base.0).collect()
    }

    /// Two producers; the first transaction of producer 1 is aborted, its second is committed.
    #[test]
    fn an_aborted_transaction_ends_with_its_marker() {
        let log = || {
            vec![
                record(0, 1),
                record(1, 2),
                record(2, 1),
                marker(3, 1, false),
                record(4, 1),
                marker(5, 2, true),
                marker(6, 1, true),
            ]
        };
        let aborted = [Aborted { pid: Pid(1), first: Offset(0), marker: Offset(3) }];
        assert_eq!(seen(log(), &aborted), vec![1, 4]);
        assert_eq!(seen(log(), &[]), vec![0, 1, 2, 4], "without a list nothing but control records is left out");
        assert_eq!(seen(log().split_off(2), &aborted), vec![4], "a fetch from its middle");
    }
}
