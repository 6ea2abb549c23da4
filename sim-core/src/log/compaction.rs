//! Compaction by key: of each key the last record stays, at its offset. What is removed leaves gaps; nothing moves.
//!
//! A batch of which some records go becomes a few: the runs that are left. Of a producer's last batch at least an empty one stays, since
//! the leader must still know its last number (L-10, L-15).

use super::{Log, LogBatch};
use crate::chunks::Chunks;
use crate::config::log::LogConfig;
use crate::ids::*;
use crate::record::{Batch, Payload, Record};
use crate::rows::Map;
use crate::sort::gathered;
use crate::time::SimTime;
use std::sync::Arc;

/// What tells records apart: an application's key, or whose offset of what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Application(u32),
    Committed(GroupId, PartitionId),
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// Offsets below have been compacted.
    pub to: Offset,
    /// Records that went.
    pub removed: u32,
}

/// How far a log may be compacted: to the file that is written to, what is committed, and what is old enough; none if that is not worth
/// it yet, by the share of bytes that have never been compacted (`min.cleanable.dirty.ratio`).
///
/// Example: 60 bytes are compacted, 40 are not, the ratio is 0.5: 40 of 100 are not enough.
pub fn cleanable(log: &Log, config: &LogConfig, high_watermark: Offset, now: SimTime) -> Option<Offset> {
    let mut end = log.cleaned_to;
    let (mut clean, mut dirty) = (0, 0);
    for segment in log.segments.closed() {
        if segment.base < log.cleaned_to {
            clean += segment.bytes;
            continue;
        }
        let next = log.segments.next_base(segment.base);
        if next > high_watermark || segment.largest_timestamp.age(now) < config.min_compaction_lag {
            break;
        }
        dirty += segment.bytes;
        end = next;
    }
    if log.corrupt.range(..end).next().is_some() {
        return None; // Kafka marks the partition as uncleanable.
    }
    let enough = dirty * 1_000 > (clean + dirty) * u64::from(config.min_cleanable_dirty);
    (dirty > 0 && enough).then_some(end)
}

impl Log {
    /// Compacts what lies below `end`, where a file begins.
    pub fn compact(&mut self, end: Offset, config: &LogConfig, now: SimTime) -> Cleaned {
        let newest = newest_offsets(self.batches.iter().take_while(|entry| entry.base < end));
        let last_of = last_batches(self.batches.iter().take_while(|entry| entry.base < end));
        let stays = |offset: Offset, key: Option<Key>, tombstone: bool, age: &LogBatch| match key {
            Some(key) if newest.get(&key).is_some_and(|last| *last > offset) => false,
            _ => !(tombstone && age.batch.timestamp.age(now) > config.delete_retention),
        };
        let (mut left, mut removed) = (Chunks::new(), 0);
        let at = self.batches.iter().take_while(|entry| entry.base < end).count();
        let rest = self.batches.split_off(at);
        for entry in std::mem::take(&mut self.batches).iter() {
            let gone: Vec<bool> =
                keys(&entry.batch).map(|(n, key, tombstone)| !stays(entry.base.plus(n), key, tombstone, entry)).collect();
            if !gone.contains(&true) {
                left.push(entry.clone());
                continue;
            }
            removed += gone.iter().filter(|g| **g).count() as u32;
            let is_last = last_of.get(&entry.batch.sequence.pid) == Some(&entry.base);
            for piece in pieces(entry, &gone, is_last) {
                left.push(piece);
            }
            self.aged.extend(runs(&gone, true).filter(|_| !entry.batch.records().is_empty()).map(|run| part(entry, run)));
        }
        left.extend(rest.iter().cloned());
        self.batches = left;
        self.measure_files(end);
        self.cleaned_to = end;
        Cleaned { to: end, removed }
    }

    /// The sizes of the files that were compacted.
    fn measure_files(&mut self, end: Offset) {
        let mut bytes: Map<Offset, u64> = gathered(self.segments.closed().take_while(|s| s.base < end).map(|s| (s.base, 0)));
        for entry in self.batches.iter().take_while(|entry| entry.base < end) {
            if let Some((_, sum)) = bytes.last_up_to(&entry.base) {
                *sum += u64::from(entry.batch.bytes);
            }
        }
        for (base, bytes) in bytes {
            self.segments.shrink(base, bytes);
        }
    }
}

/// The records of a batch that compaction looks at: their place in it, their key, and whether they delete it. Transactions and what groups
/// of the consumer protocol are made of are left alone.
fn keys(batch: &Batch) -> impl Iterator<Item = (u32, Option<Key>, bool)> {
    let records = if batch.transactional { &[] } else { batch.records() };
    let records = records.iter().map(|r| (r.key.map(Key::Application), r.tombstone));
    let commits = match &batch.payload {
        Payload::Commits(commits) if !batch.transactional => commits.as_slice(),
        _ => &[],
    };
    let commits = commits.iter().map(|c| (Some(Key::Committed(c.group, c.partition)), c.committed.is_none()));
    records.chain(commits).enumerate().map(|(n, (key, tombstone))| (n as u32, key, tombstone))
}

/// The newest offset of each key.
fn newest_offsets<'a>(entries: impl Iterator<Item = &'a LogBatch>) -> Map<Key, Offset> {
    let mut newest = Map::new();
    for entry in entries {
        for (n, key, _) in keys(&entry.batch) {
            if let Some(key) = key {
                newest.insert(key, entry.base.plus(n));
            }
        }
    }
    newest
}

/// Where the last batch of each producer begins.
fn last_batches<'a>(entries: impl Iterator<Item = &'a LogBatch>) -> Map<Pid, Offset> {
    entries.filter(|entry| entry.batch.sequence.pid != Pid::NONE).map(|entry| (entry.batch.sequence.pid, entry.base)).collect()
}

/// Runs of equal neighbours: where each begins and how long it is.
fn runs(gone: &[bool], value: bool) -> impl Iterator<Item = (u32, u32)> {
    let mut next = 0;
    gone.chunk_by(|a, b| a == b).filter_map(move |run| {
        let first = next;
        next += run.len() as u32;
        (run[0] == value).then_some((first, run.len() as u32))
    })
}

/// What is left of a batch. Its last number must stay known if it is its producer's last batch.
fn pieces(entry: &LogBatch, gone: &[bool], is_last: bool) -> Vec<LogBatch> {
    let mut pieces: Vec<LogBatch> = runs(gone, false).map(|run| part(entry, run)).collect();
    if is_last && gone.last() == Some(&true) {
        let last = entry.batch.count() - 1;
        let mut empty = part(entry, (last, 1));
        let batch = Arc::make_mut(&mut empty.batch);
        batch.payload = Payload::Emptied(1);
        batch.bytes = crate::record::BATCH_OVERHEAD;
        pieces.push(empty);
    }
    pieces
}

/// A run of a batch's records as a batch of its own.
fn part(entry: &LogBatch, (first, count): (u32, u32)) -> LogBatch {
    let (whole, range) = (&entry.batch, first as usize..(first + count) as usize);
    let payload = match &whole.payload {
        Payload::Records(records) => Payload::Records(records[range].to_vec()),
        Payload::Commits(commits) => Payload::Commits(commits[range].to_vec()),
        other => other.clone(),
    };
    let mut sequence = whole.sequence;
    if sequence.pid != Pid::NONE {
        sequence.first = crate::record::Sequence::advance(sequence.first, first);
    }
    let records = |records: &[Record]| records.iter().map(|r| r.bytes).sum::<u32>();
    let bytes = match &payload {
        Payload::Records(left) => whole.bytes - records(whole.records()).min(whole.bytes) + records(left),
        _ => whole.bytes * count / whole.count(),
    };
    LogBatch {
        base: entry.base.plus(first),
        batch: Arc::new(Batch { payload, sequence, bytes, ..(**whole).clone() }),
        ..entry.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::producer_state::ProducerStates;
    use crate::log::segment::RollLimits;
    use crate::record::{BATCH_OVERHEAD, Sequence};
    use crate::time::{SimDuration, Timestamp};

    /// Batches of three one-byte records each; a key of 100 or more deletes the key that is 100 less.
    fn log(batches: &[[u32; 3]]) -> Log {
        let mut log = Log::new();
        for (n, keys) in batches.iter().enumerate() {
            let record = |key: &u32| Record { message: MessageId(0), key: Some(key % 100), tombstone: *key >= 100, bytes: 1 };
            let sequence = Sequence { pid: Pid(7), epoch: 0, first: 3 * n as i32 };
            let payload = Payload::Records(keys.iter().map(record).collect());
            let batch =
                Batch { id: None, sequence, transactional: false, payload, bytes: BATCH_OVERHEAD + 3, timestamp: Timestamp(0) };
            let entry = LogBatch { base: log.end(), epoch: LeaderEpoch(0), batch: Arc::new(batch) };
            log.append(entry, SimTime::ZERO, RollLimits { bytes: 70, ..RollLimits::NONE });
        }
        log
    }

    fn offsets(log: &Log) -> Vec<i64> {
        log.batches().flat_map(|e| (0..e.batch.records().len() as u32).map(move |n| e.base.plus(n).0)).collect()
    }

    const CONFIG: fn() -> LogConfig = || LogConfig { min_cleanable_dirty: 500, ..LogConfig::kafka_defaults() };

    /// Keys 1, 2 and 3 in two closed files and the one that is written to, which stays as it is.
    #[test]
    fn the_last_record_of_each_key_stays_at_its_offset() {
        let mut log = log(&[[1, 2, 3], [1, 1, 4], [1, 2, 3]]);
        assert_eq!(cleanable(&log, &CONFIG(), Offset(5), SimTime::ZERO), Some(Offset(3)), "only what is committed");
        assert_eq!(cleanable(&log, &CONFIG(), Offset(9), SimTime::ZERO), Some(Offset(6)));
        let cleaned = log.compact(Offset(6), &CONFIG(), SimTime::ZERO);
        assert_eq!((cleaned, offsets(&log)), (Cleaned { to: Offset(6), removed: 2 }, vec![1, 2, 4, 5, 6, 7, 8]));
        // Reads go over the gaps, and the end is where it was.
        let read = |from| log.read(Offset(from), Offset(9), u32::MAX, true).first().map(|e| e.base.0);
        assert_eq!([0, 1, 3, 4].map(read), [Some(1), Some(1), Some(4), Some(4)]);
        assert_eq!(log.end(), Offset(9));
        assert_eq!(cleanable(&log, &CONFIG(), Offset(9), SimTime::ZERO), None);
    }

    /// A tombstone hides what was before it, and goes itself after delete.retention.ms.
    #[test]
    fn a_tombstone_goes_in_the_end() {
        let config = LogConfig { delete_retention: SimDuration(1_000), ..CONFIG() };
        let mut early = log(&[[1, 2, 101], [3, 3, 3]]);
        early.compact(Offset(3), &config, SimTime(1_000));
        assert_eq!(offsets(&early), [1, 2, 3, 4, 5]);
        let mut late = log(&[[1, 2, 101], [3, 3, 3]]);
        late.compact(Offset(3), &config, SimTime(1_001));
        assert_eq!(offsets(&late), [1, 3, 4, 5]);
    }

    /// L-10: all records of a producer's last batch go, and its last number is still known to who reads the log anew.
    #[test]
    fn an_empty_batch_keeps_the_producers_number() {
        let whole = log(&[[1, 2, 3]]).batches().next().unwrap().clone();
        let left = pieces(&whole, &[true, true, true], true);
        assert_eq!((left.len(), left[0].base, left[0].batch.records().len()), (1, Offset(2), 0));
        let mut states = ProducerStates::default();
        states.record(&left[0]);
        let with = |first| Sequence { pid: Pid(7), epoch: 0, first };
        assert!(states.validate(with(3), false).is_ok() && states.validate(with(2), false).is_err());
    }
}
