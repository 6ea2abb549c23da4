//! The files of a log: when a new one is begun, and what retention and recovery know of each.

use super::LogBatch;
use crate::chunks::Chunks;
use crate::ids::Offset;
use crate::time::{SimDuration, SimTime, Timestamp};

/// One file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its first offset, and its name.
    pub base: Offset,
    /// Bytes of the batches in it.
    pub bytes: u64,
    /// The timestamp of its first batch; none while it is empty.
    pub first_timestamp: Option<Timestamp>,
    /// The largest timestamp in it.
    pub largest_timestamp: Timestamp,
    /// When it was begun.
    pub created: SimTime,
}

/// When a segment is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollLimits {
    /// `segment.bytes`.
    pub bytes: u64,
    /// `segment.ms`. Kafka subtracts a random `segment.jitter.ms`, which is 0 unless set.
    pub age: SimDuration,
}

impl RollLimits {
    /// Never.
    pub const NONE: RollLimits = RollLimits { bytes: u64::MAX, age: SimDuration(u64::MAX) };
}

impl Segment {
    /// An empty one.
    pub fn new(base: Offset, created: SimTime) -> Segment {
        Segment { base, bytes: 0, first_timestamp: None, largest_timestamp: Timestamp::OLDEST, created }
    }

    /// Must a new one be begun before a batch of this size and timestamp is appended? What counts as age is the distance between the
    /// first batch's timestamp and this one's: a log without traffic does not roll.
    pub fn must_roll(&self, bytes: u64, timestamp: Timestamp, now: SimTime, limits: RollLimits) -> bool {
        if self.bytes == 0 {
            return false;
        }
        let waited = match self.first_timestamp {
            Some(first) => SimDuration(timestamp.0.saturating_sub(first.0).max(0).unsigned_abs()),
            None => now.since(self.created),
        };
        self.bytes + bytes > limits.bytes || waited > limits.age
    }

    /// Takes a batch in.
    pub fn add(&mut self, entry: &LogBatch) {
        self.bytes += u64::from(entry.batch.bytes);
        self.first_timestamp.get_or_insert(entry.batch.timestamp);
        self.largest_timestamp = self.largest_timestamp.max(entry.batch.timestamp);
    }
}

/// The files of a log, oldest first. There is always one that is written to.
#[derive(Clone, Debug)]
pub struct Segments {
    closed: Chunks<Segment>,
    active: Segment,
}

impl Segments {
    /// One empty file.
    pub fn new(base: Offset, created: SimTime) -> Segments {
        Segments { closed: Chunks::new(), active: Segment::new(base, created) }
    }

    /// The one that is written to.
    pub fn active(&self) -> &Segment {
        &self.active
    }

    /// The full ones, oldest first.
    pub fn closed(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.closed.iter()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.closed.iter().chain(std::iter::once(&self.active))
    }

    /// The first offset of the oldest one.
    pub fn base(&self) -> Offset {
        self.closed.get(0).unwrap_or(&self.active).base
    }

    /// Bytes of all.
    pub fn bytes(&self) -> u64 {
        self.iter().map(|s| s.bytes).sum()
    }

    /// Bytes that a scan from `offset` on reads: of its own segment everything, since a scan begins where a file begins (D-4).
    pub fn bytes_from(&self, offset: Offset) -> u64 {
        let after = self.closed.iter().skip_while(|s| s.base <= offset).chain(std::iter::once(&self.active));
        let own = self.closed.iter().rev().find(|s| s.base <= offset).filter(|_| offset < self.active.base);
        own.map_or(0, |s| s.bytes) + after.map(|s| s.bytes).sum::<u64>()
    }

    /// Where the file that holds `offset` begins.
    pub fn file_of(&self, offset: Offset) -> Offset {
        self.iter().rev().find(|segment| segment.base <= offset).map_or(self.base(), |segment| segment.base)
    }

    /// Where the file after the one that begins at `base` begins.
    pub fn next_base(&self, base: Offset) -> Offset {
        self.closed.get(self.closed.partition_point(|s| s.base <= base)).unwrap_or(&self.active).base
    }

    /// Is this where a file begins?
    pub fn begins_at(&self, offset: Offset) -> bool {
        self.active.base == offset || self.closed_at(offset).is_some()
    }

    /// The position of the closed file that begins here.
    fn closed_at(&self, base: Offset) -> Option<usize> {
        let at = self.closed.partition_point(|s| s.base < base);
        self.closed.get(at).filter(|s| s.base == base).map(|_| at)
    }

    /// The file that is written to takes a batch in.
    pub fn add(&mut self, entry: &LogBatch) {
        self.active.add(entry);
    }

    /// A new file is begun.
    pub fn roll(&mut self, base: Offset, now: SimTime) {
        self.closed.push(std::mem::replace(&mut self.active, Segment::new(base, now)));
    }

    /// The oldest `count` closed files are deleted.
    pub fn drop_oldest(&mut self, count: usize) {
        self.closed = self.closed.split_off(count.min(self.closed.len()));
    }

    /// The log was cut to end at `end`: later files are deleted, and of the one that holds the end what lies beyond.
    pub fn truncate_to<'a>(&mut self, end: Offset, left: impl DoubleEndedIterator<Item = &'a LogBatch>) {
        while self.active.base >= end
            && let Some(before) = self.closed.pop()
        {
            self.active = before;
        }
        let mut active = Segment::new(self.active.base, self.active.created);
        let mut entries: Vec<&LogBatch> = left.rev().take_while(|entry| entry.base >= active.base).collect();
        entries.reverse();
        entries.into_iter().for_each(|entry| active.add(entry));
        self.active = active;
    }

    /// Compaction made this file smaller: `bytes` are left.
    pub fn shrink(&mut self, base: Offset, bytes: u64) {
        if let Some(at) = self.closed_at(base) {
            self.closed[at].bytes = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Size counts the batch that is to come; age is between timestamps, not on the clock; an empty file takes anything.
    #[test]
    fn a_file_is_full_by_size_or_by_the_age_of_its_first_record() {
        let limits = RollLimits { bytes: 100, age: SimDuration(50) };
        let segment = Segment { bytes: 60, first_timestamp: Some(Timestamp(10)), ..Segment::new(Offset(0), SimTime(0)) };
        let rolls = |bytes, timestamp| segment.must_roll(bytes, Timestamp(timestamp), SimTime(1_000), limits);
        assert!(!rolls(40, 60));
        assert!(rolls(41, 60));
        assert!(rolls(1, 61));
        assert!(!rolls(1, -500));
        assert!(!Segment::new(Offset(0), SimTime(0)).must_roll(1_000, Timestamp(10), SimTime(1_000), limits));
    }
}
