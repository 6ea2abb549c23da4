//! One replica's log: batches in offset order, the epoch cache, the producers' state, and how much of it is on the disk.
//!
//! Order of the pointers, checked after every step under `--check`: `start <= flushed <= end` and (in the replica)
//! `start <= high watermark <= end`. Tempting but false: `flushed <= high watermark`, nor the other way round. A record may be on
//! the disk and not committed, or committed and only in page caches (D-7).

pub mod epoch_cache;
pub mod producer_state;
pub mod transactions;

use crate::ids::*;
use crate::record::SharedBatch;
use epoch_cache::EpochCache;
use imbl::Vector;
use producer_state::ProducerStates;
use transactions::Transactions;

/// A batch with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBatch {
    /// Its first offset.
    pub base: Offset,
    /// The epoch of the leader that appended it.
    pub epoch: LeaderEpoch,
    /// The batch itself.
    pub batch: SharedBatch,
}

impl LogBatch {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.base.plus(self.batch.count())
    }
}

/// A log. Cloning costs a few pointers.
#[derive(Clone, Debug)]
pub struct Log {
    start: Offset,
    batches: Vector<LogBatch>,
    end: Offset,
    flushed: Offset,
    /// Bytes since the last roll (D-1).
    segment_bytes: u64,
    /// Which epoch starts where.
    pub epochs: EpochCache,
    /// What the leader needs to recognise duplicates.
    pub producers: ProducerStates,
    /// Which transactions are open, and which were aborted.
    pub transactions: Transactions,
}

/// What an append made due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolled(pub bool);

impl Log {
    /// An empty log.
    pub fn new() -> Log {
        Log {
            start: Offset::ZERO,
            batches: Vector::new(),
            end: Offset::ZERO,
            flushed: Offset::ZERO,
            segment_bytes: 0,
            epochs: EpochCache::new(),
            producers: ProducerStates::default(),
            transactions: Transactions::default(),
        }
    }

    /// First offset.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Log end offset (LEO): the next offset to write.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Offsets below are on the disk.
    pub fn flushed(&self) -> Offset {
        self.flushed
    }

    /// All batches, oldest first.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &LogBatch> + ExactSizeIterator {
        self.batches.iter()
    }

    /// The epoch of the last record, or of the last leader known to the cache when no record follows it.
    pub fn latest_epoch(&self) -> LeaderEpoch {
        self.epochs.latest().map_or(LeaderEpoch::NONE, |e| e.epoch)
    }

    /// Appends at the end, as leader or as follower alike; the caller has checked that it fits. Updates the epoch cache (L-6, D-5)
    /// and the producers' state (L-14). Tells whether the segment rolled, which flushes what came before (D-1).
    pub fn append(&mut self, entry: LogBatch, segment_limit: u64) -> Rolled {
        assert_eq!(entry.base, self.end, "INV-1: offsets are contiguous");
        self.epochs.assign(entry.epoch, entry.base);
        self.producers.record(&entry);
        self.transactions.record(&entry);
        let bytes = u64::from(entry.batch.bytes);
        let rolled = self.segment_bytes > 0 && self.segment_bytes + bytes > segment_limit;
        if rolled {
            self.flushed = self.end;
            self.segment_bytes = 0;
        }
        self.segment_bytes += bytes;
        self.end = entry.end();
        self.batches.push_back(entry);
        Rolled(rolled)
    }

    /// Everything written so far reaches the disk (D-1).
    pub fn flush(&mut self) {
        self.flushed = self.end;
    }

    /// Batches from `from` on that end at or below `limit`, up to `max_bytes`; with `at_least_one`, the first one whatever its size.
    pub fn read(&self, from: Offset, limit: Offset, max_bytes: u32, at_least_one: bool) -> Vec<LogBatch> {
        if from >= self.end {
            return Vec::new();
        }
        let fits = |bytes: u64, first: bool| (first && at_least_one) || bytes <= u64::from(max_bytes);
        // Fetchers read near the end nearly always: the last batch alone is found without a search.
        if let Some(last) = self.batches.last().filter(|last| from >= last.base) {
            let readable = last.end() <= limit && fits(last.batch.bytes.into(), true);
            return if readable { vec![last.clone()] } else { Vec::new() };
        }
        let mut out = Vec::new();
        let mut bytes = 0_u64;
        for entry in self.batches.focus().narrow(self.position(from)..).into_iter() {
            bytes += u64::from(entry.batch.bytes);
            if entry.end() > limit || !fits(bytes, out.is_empty()) {
                break;
            }
            out.push(entry.clone());
        }
        out
    }

    /// Bytes that [`Log::read`] would return, capped at `enough`: whether a parked fetch has waited long enough.
    pub fn readable_bytes(&self, from: Offset, limit: Offset, enough: u32) -> u32 {
        if from >= self.end.min(limit) {
            return 0;
        }
        let mut bytes = 0_u64;
        for entry in self.batches.focus().narrow(self.position(from)..).into_iter() {
            if entry.end() > limit || bytes >= u64::from(enough) {
                break;
            }
            bytes += u64::from(entry.batch.bytes);
        }
        bytes.min(u64::from(enough)) as u32
    }

    /// The entry that holds `offset`.
    pub fn entry_at(&self, offset: Offset) -> Option<&LogBatch> {
        if offset < self.start || offset >= self.end {
            return None;
        }
        self.batches.get(self.position(offset))
    }

    /// The position of the first batch that ends above `offset`.
    fn position(&self, offset: Offset) -> usize {
        if let Some(last) = self.batches.last().filter(|last| offset >= last.base) {
            return self.batches.len() - usize::from(offset < last.end());
        }
        match self.batches.binary_search_by(|entry| entry.base.cmp(&offset)) {
            Ok(at) => at,
            Err(after) => after.saturating_sub(1),
        }
    }

    /// Cuts the log to end at `end` (or at the start of the batch that `end` falls into). Returns whether records went. The epoch
    /// cache is cut in any case: an epoch that was led here without a record may be unknown to the new leader.
    pub fn truncate_to(&mut self, end: Offset) -> bool {
        self.epochs.truncate_from_end(end);
        if end >= self.end {
            return false;
        }
        let end = end.max(self.start);
        while self.batches.last().is_some_and(|last| last.end() > end) {
            let gone = self.batches.pop_back().expect("checked");
            self.end = gone.base;
        }
        self.flushed = self.flushed.min(self.end);
        self.epochs.truncate_from_end(self.end);
        // L-17: what the removed batches did to the producers' state goes with them.
        self.producers.rebuild(self.batches.iter());
        self.transactions.rebuild(self.batches.iter());
        true
    }

    /// The offsets at which the log may end after a power cut: the flushed prefix and any number of whole batches beyond (D-3;
    /// a torn batch is cut off by recovery, D-4).
    pub fn possible_ends_after_power_loss(&self) -> Vec<Offset> {
        let mut ends = vec![self.flushed];
        ends.extend(self.batches.iter().rev().take_while(|e| e.base >= self.flushed).map(LogBatch::end));
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

impl Default for Log {
    fn default() -> Log {
        Log::new()
    }
}
