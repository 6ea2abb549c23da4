//! A controller's copy of the metadata log: an epoch and a record for each offset. What was true when the cluster was formed stands
//! before its first entry, as in a snapshot.

use super::image::MetadataRecord;
use crate::chunks::Chunks;
use crate::ids::QuorumEpoch;
use crate::trace::{TraceId, What};

/// One record of the log, with what the trace says of it once it is committed.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The epoch of the leader that wrote it.
    pub epoch: QuorumEpoch,
    /// What it says.
    pub record: MetadataRecord,
    /// The event that it is; none for what is not worth one.
    pub what: Option<What>,
    /// What led to it.
    pub why: Why,
}

/// What led to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An event.
    Event(TraceId),
    /// The record at this offset, whose event is not written before it is committed.
    Record(i64),
}

/// Where an epoch ends in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch that was found: the one asked for, or the largest before it.
    pub epoch: QuorumEpoch,
    /// The offset after its last record.
    pub end: i64,
}

/// The log. All of it is on the disk: it is flushed before anybody hears of it.
#[derive(Clone, Debug)]
pub struct MetadataLog {
    start: i64,
    start_epoch: QuorumEpoch,
    entries: Chunks<Entry>,
}

impl MetadataLog {
    /// The epoch in which the cluster was formed.
    pub const FORMED: QuorumEpoch = QuorumEpoch(1);

    /// A log whose first `start` records are the snapshot that everybody has.
    pub fn formed(start: i64) -> MetadataLog {
        MetadataLog { start, start_epoch: MetadataLog::FORMED, entries: Chunks::new() }
    }

    /// The offset after the last record.
    pub fn end(&self) -> i64 {
        self.start + self.entries.len() as i64
    }

    /// The epoch of the last record.
    pub fn last_epoch(&self) -> QuorumEpoch {
        self.entries.last().map_or(self.start_epoch, |e| e.epoch)
    }

    /// The entry at an offset, if it is there and not in the snapshot.
    pub fn entry(&self, offset: i64) -> Option<&Entry> {
        self.entries.get(usize::try_from(offset - self.start).ok()?)
    }

    /// The entries from one offset up to another.
    pub fn slice(&self, from: i64, to: i64) -> Vec<Entry> {
        (from.max(self.start)..to).filter_map(|offset| self.entry(offset)).copied().collect()
    }

    /// Adds an entry at the end.
    pub fn append(&mut self, entry: Entry) {
        debug_assert!(entry.epoch >= self.last_epoch(), "epochs never decrease");
        self.entries.push(entry);
    }

    /// Cuts the log so that it ends here.
    pub fn truncate_to(&mut self, end: i64) {
        assert!(end >= self.start, "the snapshot is committed");
        self.entries.truncate((end - self.start) as usize);
    }

    /// R-41 for the metadata log: where this epoch, or the largest before it, ends. Epochs 1 1 1 3 3: epoch 2 ends with epoch 1, at 3.
    pub fn end_of_epoch(&self, epoch: QuorumEpoch) -> EpochEnd {
        let low = self.entries.partition_point(|e| e.epoch <= epoch);
        let found = low.checked_sub(1).map_or(self.start_epoch, |at| self.entries[at].epoch);
        EpochEnd { epoch: found, end: self.start + low as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ControllerId;

    fn log(epochs: &[i32]) -> MetadataLog {
        let mut log = MetadataLog::formed(4);
        for &epoch in epochs {
            let record = MetadataRecord::LeaderChange(ControllerId(1));
            log.append(Entry { epoch: QuorumEpoch(epoch), record, what: None, why: Why::Event(TraceId::START) });
        }
        log
    }

    #[test]
    fn an_epoch_ends_where_a_larger_one_begins() {
        let log = log(&[1, 1, 3, 3]);
        let ends = [1, 2, 3, 9].map(|e| log.end_of_epoch(QuorumEpoch(e))).map(|e| (e.epoch.0, e.end));
        assert_eq!(ends, [(1, 6), (1, 6), (3, 8), (3, 8)]);
        assert_eq!((log.end(), log.last_epoch()), (8, QuorumEpoch(3)));
    }

    #[test]
    fn a_log_can_be_cut_back_to_its_snapshot() {
        let mut log = log(&[2, 3]);
        log.truncate_to(4);
        assert_eq!((log.end(), log.last_epoch(), log.slice(0, 9).len()), (4, MetadataLog::FORMED, 0));
    }
}
