//! One replica's log: batches in offset order, the epoch cache, the producers' state, and how much of it is on the disk.
//!
//! Order of the pointers, checked after every step under `--check`: `recovery point <= end` and (in the replica)
//! `start <= high watermark <= end`. Tempting but false: `recovery point <= high watermark`, nor the other way round. A record may be
//! on the disk and not committed, or committed and only in page caches (D-7).

pub mod compaction;
pub mod epoch_cache;
pub mod page_cache;
pub mod producer_state;
pub mod retention;
pub mod segment;
mod snapshot;
pub mod transactions;

use crate::chunks::Chunks;
use crate::ids::*;
use crate::record::SharedBatch;
use crate::rows::Set;
use crate::sort;
use crate::time::{SimDuration, SimTime};
use epoch_cache::EpochCache;
use page_cache::PageCache;
use producer_state::ProducerStates;
use segment::{RollLimits, Segments};
use snapshot::Snapshots;
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
    batches: Chunks<LogBatch>,
    end: Offset,
    segments: Segments,
    disk: PageCache,
    snapshots: Snapshots,
    /// D-3: bytes of a batch behind the end that a power cut tore.
    torn: u32,
    /// What retention, DeleteRecords and compaction took away: Kafka does not keep it, the ledger has to know.
    aged: Chunks<LogBatch>,
    /// LOSS-B13: where batches begin that the disk has spoiled.
    corrupt: Set<Offset>,
    /// Offsets below have been compacted; in a file of the cleaner's.
    cleaned_to: Offset,
    /// Which epoch starts where.
    pub epochs: EpochCache,
    /// What the leader needs to recognise duplicates.
    pub producers: ProducerStates,
    /// Which transactions are open, and which were aborted.
    pub transactions: Transactions,
}

impl Log {
    /// An empty log, whose pages nobody writes back.
    pub fn new() -> Log {
        Log::starting_at(Offset::ZERO, None, SimTime::ZERO)
    }

    /// An empty log that begins here. The kernel writes back what has been dirty for so long (none: never).
    pub fn starting_at(start: Offset, dirty_for: Option<SimDuration>, now: SimTime) -> Log {
        Log {
            start,
            batches: Chunks::new(),
            end: start,
            segments: Segments::new(start, now),
            disk: PageCache::new(start, dirty_for, now),
            snapshots: Snapshots::default(),
            torn: 0,
            aged: Chunks::new(),
            corrupt: Set::new(),
            cleaned_to: start,
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

    /// Offsets below have been through the cleaner, which may have taken any record but the last of its key.
    pub fn cleaned_to(&self) -> Offset {
        self.cleaned_to
    }

    /// Its files.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// What of it is on the disk.
    pub fn disk(&self) -> &PageCache {
        &self.disk
    }

    /// Offsets below are on the disk by now.
    pub fn on_disk(&self, now: SimTime) -> Offset {
        self.disk.on_disk(now, self.end)
    }

    /// All batches that hold something at or above the log start, oldest first.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &LogBatch> + ExactSizeIterator {
        let below = if self.segments.base() < self.start { self.position(self.start) } else { 0 };
        self.batches.iter_from(below)
    }

    /// What was taken away by age, size, request or compaction, and what lies below the log start and waits to be deleted.
    pub fn aged(&self) -> impl Iterator<Item = &LogBatch> {
        self.aged.iter().chain(self.batches.iter().take_while(|entry| entry.base < self.start))
    }

    /// The epoch of the last record, or of the last leader known to the cache when no record follows it.
    pub fn latest_epoch(&self) -> LeaderEpoch {
        self.epochs.latest().map_or(LeaderEpoch::NONE, |e| e.epoch)
    }

    /// Appends at the end, as leader or as follower alike; the caller has checked that it fits. Updates the epoch cache (L-6, D-5)
    /// and the producers' state (L-14). Tells where a new file began, if one did: the old ones are to be flushed then (D-1).
    pub fn append(&mut self, entry: LogBatch, now: SimTime, limits: RollLimits) -> Option<Offset> {
        assert_eq!(entry.base, self.end, "INV-1: offsets are contiguous");
        let rolls = self.segments.active().must_roll(entry.batch.bytes.into(), entry.batch.timestamp, now, limits);
        let rolled = rolls.then(|| self.roll(now));
        self.epochs.assign(entry.epoch, entry.base);
        self.producers.record(&entry);
        self.transactions.record(&entry);
        self.segments.add(&entry);
        self.disk.writing(self.end, now);
        self.end = entry.end();
        self.batches.push(entry);
        rolled
    }

    /// A new file begins here; the producers' state is saved beside it (L-15).
    fn roll(&mut self, now: SimTime) -> Offset {
        self.segments.roll(self.end, now);
        self.take_snapshot();
        self.end
    }

    fn take_snapshot(&mut self) {
        let segments = &self.segments;
        self.snapshots.take(self.end, &self.producers, |offset| segments.begins_at(offset));
    }

    /// Everything below `to` has reached the disk (D-1). `works`: false only where a test has it only say so.
    pub fn flush(&mut self, to: Offset, now: SimTime, works: bool) {
        self.disk.flushed(to.min(self.end), now, works);
    }

    /// The log is closed in good order (C-5): all of it is on the disk, and the producers' state is saved (L-15).
    pub fn close(&mut self, now: SimTime) {
        self.flush(self.end, now, true);
        self.take_snapshot();
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
        for entry in self.batches.iter_from(self.position(from)) {
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
        if let Some(last) = self.batches.last().filter(|last| from >= last.base) {
            return if last.end() <= limit { last.batch.bytes.min(enough) } else { 0 };
        }
        let mut bytes = 0_u64;
        for entry in self.batches.iter_from(self.position(from)) {
            if entry.end() > limit || bytes >= u64::from(enough) {
                break;
            }
            bytes += u64::from(entry.batch.bytes);
        }
        bytes.min(u64::from(enough)) as u32
    }

    /// The first offset of the first batch with a record at or after `from`, if there is one. (The timestamp of a batch is the largest
    /// of its records.)
    pub fn first_not_before(&self, from: crate::time::Timestamp) -> Option<Offset> {
        self.batches.iter().find(|entry| entry.batch.timestamp >= from).map(|entry| entry.base)
    }

    /// The entry that holds `offset`.
    pub fn entry_at(&self, offset: Offset) -> Option<&LogBatch> {
        if offset < self.start || offset >= self.end {
            return None;
        }
        self.batches.get(self.position(offset)).filter(|entry| entry.base <= offset)
    }

    /// The next append comes here: what its leader had before has been compacted away.
    pub fn skip_to(&mut self, base: Offset) {
        self.end = self.end.max(base);
    }

    /// LOSS-B13: the disk spoils the batch that holds `offset`, or the last one. Where that begins; none in an empty log.
    pub fn spoil(&mut self, offset: Option<Offset>) -> Option<Offset> {
        let entry = offset.map_or_else(|| self.batches.last(), |offset| self.entry_at(offset))?;
        let base = entry.base;
        self.corrupt.insert(base);
        Some(base)
    }

    /// The first of these batches that is spoiled.
    pub fn first_corrupt(&self, batches: &[LogBatch]) -> Option<Offset> {
        if self.corrupt.is_empty() {
            return None;
        }
        batches.iter().map(|entry| entry.base).find(|base| self.corrupt.contains(base))
    }

    /// The position of the first batch that ends above `offset`.
    fn position(&self, offset: Offset) -> usize {
        if let Some(last) = self.batches.last().filter(|last| offset >= last.base) {
            return self.batches.len() - usize::from(offset < last.end());
        }
        let at = self.batches.partition_point(|entry| entry.base < offset);
        if self.batches.get(at).is_some_and(|entry| entry.base == offset) {
            return at;
        }
        // In the batch before, or in a gap behind it that compaction left.
        at - usize::from(at > 0 && self.batches[at - 1].end() > offset)
    }

    /// Cuts the log to end at `end` (or at the start of the batch that `end` falls into). Returns whether records went. The epoch
    /// cache is cut in any case: an epoch that was led here without a record may be unknown to the new leader.
    pub fn truncate_to(&mut self, end: Offset) -> bool {
        self.epochs.truncate_from_end(end);
        self.start = self.start.min(end);
        if !self.cut(end) {
            return false;
        }
        // L-17: what the removed batches did to the producers' state goes with them.
        self.reload_producers();
        true
    }

    /// The records from `end` on go.
    fn cut(&mut self, end: Offset) -> bool {
        if end >= self.end {
            return false;
        }
        if end < self.segments.base() {
            self.start_again_at(end, self.segments.active().created);
            return true;
        }
        while self.batches.last().is_some_and(|last| last.end() > end) {
            let gone = self.batches.pop().expect("checked");
            self.end = gone.base;
        }
        // What compaction has taken before the first of them is gone, too.
        self.end = self.end.min(end);
        self.segments.truncate_to(self.end, self.batches.iter());
        self.disk.truncated(self.end);
        self.cleaned_to = self.cleaned_to.min(self.end);
        self.corrupt.retain(|base| *base < self.end);
        self.snapshots.truncate(self.end);
        self.epochs.truncate_from_end(self.end);
        self.transactions.rebuild(self.batches.iter());
        true
    }

    /// An empty log whose start is in the middle of a batch of its leader's, as DeleteRecords may leave it: it takes the whole batch.
    pub fn begin_with_batch_at(&mut self, base: Offset, now: SimTime) {
        let start = self.start;
        self.start_again_at(base, now);
        self.start = start;
    }

    /// drops everything and begins here.
    pub fn start_again_at(&mut self, start: Offset, now: SimTime) {
        let aged = std::mem::take(&mut self.aged);
        *self = Log { aged, ..Log::starting_at(start, self.disk.dirty_for(), now) };
    }

    /// The log starts here from now on; R-42. The files below go with the next look at retention.
    pub fn set_start(&mut self, start: Offset) {
        self.start = start;
        self.epochs.truncate_from_start(start);
    }

    /// Deletes the oldest `count` files, and with them what they hold. If that is all of them, an empty one is begun first.
    pub fn delete_oldest(&mut self, count: usize, now: SimTime) {
        if count > self.segments.closed().len() {
            self.roll(now);
        }
        self.segments.drop_oldest(count);
        let base = self.segments.base();
        let kept = self.batches.iter().take_while(|entry| entry.base < base).count();
        let rest = self.batches.split_off(kept);
        self.aged.extend(std::mem::replace(&mut self.batches, rest).iter().cloned());
        self.snapshots.forget_before(base);
        self.cleaned_to = self.cleaned_to.max(base);
        self.corrupt.retain(|spoiled| *spoiled >= base);
        if base > self.start {
            self.set_start(base);
        }
    }

    /// L-15, L-17: the producers' state as the newest snapshot and the records after it give it. Of what lies before the snapshot only
    /// each producer's last batch is known: the window may be short.
    fn reload_producers(&mut self) {
        if self.producers.is_empty() {
            return;
        }
        let nothing = (self.segments.base(), ProducerStates::default());
        let (from, states) = self.snapshots.newest(self.end).map_or(nothing, |(at, states)| (at, states.clone()));
        self.producers = states;
        let after = if from >= self.end { self.batches.len() } else { self.position(from) };
        for entry in self.batches.iter_from(after) {
            self.producers.record(entry);
        }
        self.take_snapshot();
    }

    /// D-3: the offsets at which the log may end after a power cut: what is on the disk, and any number of whole batches beyond.
    pub fn possible_ends_after_power_loss(&self, now: SimTime) -> Vec<Offset> {
        let on_disk = self.on_disk(now);
        let mut ends = vec![on_disk.max(self.start)];
        ends.extend(self.batches.iter().rev().take_while(|e| e.end() > on_disk).map(LogBatch::end));
        sort::plainly(&mut ends);
        ends
    }

    /// D-3: the machine lost power and left the log up to `end`, one of the possible ones; of the batch after that, perhaps a part.
    pub fn lose_power(&mut self, end: Offset, torn: u32) {
        self.cut(end);
        self.disk.survived(self.end);
        self.torn = torn;
    }

    /// The log start was in the process's memory. What the checkpoint says of it is looked at when a process opens the log.
    pub fn forget_start(&mut self) {
        self.start = self.start.min(self.end);
    }

    /// A process opens the log (D-4, L-15). After an unclean stop the files from the one that holds `recovery_point` on are scanned, a
    /// torn batch is cut off, and the producers' state is built anew. Returns the bytes that were scanned.
    pub fn load(&mut self, clean: bool, recovery_point: Offset, log_start: Offset, now: SimTime) -> u64 {
        if self.end < log_start {
            // What was deleted before is not to come back: the log begins where it was said to begin.
            self.start_again_at(log_start, now);
        }
        self.start = log_start.max(self.segments.base());
        self.epochs.truncate_from_end(self.end);
        self.epochs.truncate_from_start(self.start);
        let known = if clean { self.end } else { recovery_point.min(self.end) };
        self.disk.loaded(known, now);
        let scanned_from = self.segments.file_of(known);
        let bad = self.corrupt.range(scanned_from..).next().copied();
        if let Some(bad) = bad.filter(|_| !clean) {
            self.cut(bad);
        }
        self.reload_producers();
        if clean {
            return 0;
        }
        // Each scanned file leaves a snapshot at its end, which is what the state is loaded from in the end.
        self.producers = self.producers.last_batches();
        self.segments.bytes_from(known) + u64::from(std::mem::take(&mut self.torn))
    }
}

impl Default for Log {
    fn default() -> Log {
        Log::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Pid;
    use crate::record::{Batch, Payload, Record, Sequence};
    use crate::time::Timestamp;
    use std::sync::Arc;

    /// The n-th batch of producer 7: one record, sequence number n.
    fn batch(n: i32) -> SharedBatch {
        let record = Record { message: MessageId(n as u32), key: None, tombstone: false, bytes: 10 };
        let sequence = Sequence { pid: Pid(7), epoch: 0, first: n };
        Arc::new(Batch {
            id: None,
            sequence,
            transactional: false,
            payload: Payload::Records(vec![record]),
            bytes: 71,
            timestamp: Timestamp(0),
        })
    }

    /// A log of `count` such batches, in files of `per_file`.
    fn log(count: i32, per_file: u64) -> Log {
        let mut log = Log::new();
        let limits = RollLimits { bytes: 71 * per_file, ..RollLimits::NONE };
        for n in 0..count {
            log.append(LogBatch { base: log.end(), epoch: LeaderEpoch(0), batch: batch(n) }, SimTime::ZERO, limits);
        }
        log
    }

    /// Which of the batches a leader would recognise.
    fn known(log: &Log, count: i32) -> Vec<i32> {
        (0..count).filter(|&n| log.producers.duplicate_of(batch(n).sequence, 1).is_some()).collect()
    }

    /// L-10: five. L-15: after a restart, clean or not, one.
    #[test]
    fn the_window_is_short_after_a_restart() {
        let mut stopped = log(8, 100);
        assert_eq!(known(&stopped, 8), [3, 4, 5, 6, 7]);
        let mut crashed = stopped.clone();
        stopped.close(SimTime::ZERO);
        assert_eq!(stopped.load(true, Offset(0), Offset(0), SimTime::ZERO), 0);
        assert_eq!(known(&stopped, 8), [7]);
        assert_eq!(crashed.load(false, Offset(0), Offset(0), SimTime::ZERO), 8 * 71);
        assert_eq!(known(&crashed, 8), [7]);
    }

    /// L-17, L-15: a cut rolls the state back: the newest snapshot is where the last file began, after it the records are read again.
    #[test]
    fn a_cut_rolls_the_producers_back() {
        let mut log = log(8, 3);
        assert_eq!(log.segments().closed().map(|s| s.base.0).collect::<Vec<_>>(), [0, 3]);
        log.truncate_to(Offset(5));
        assert_eq!(known(&log, 8), [2, 3, 4]);
        log.truncate_to(Offset(3));
        assert_eq!(known(&log, 8), [2]);
        assert_eq!((log.end(), log.segments().active().base, log.segments().bytes()), (Offset(3), Offset(0), 3 * 71));
    }

    /// D-3: what is on the disk survives; the rest may end after any batch. D-4: a scan begins where the file of the recovery point does.
    #[test]
    fn a_power_cut_leaves_a_prefix() {
        let mut log = log(8, 3);
        log.flush(Offset(4), SimTime::ZERO, true);
        let ends: Vec<i64> = log.possible_ends_after_power_loss(SimTime::ZERO).iter().map(|end| end.0).collect();
        assert_eq!(ends, [4, 5, 6, 7, 8]);
        log.lose_power(Offset(7), 20);
        assert_eq!(log.load(false, Offset(4), Offset(0), SimTime::ZERO), 4 * 71 + 20);
        assert_eq!((log.end(), log.on_disk(SimTime::ZERO), log.disk().recovery_point()), (Offset(7), Offset(7), Offset(4)));
    }
}
