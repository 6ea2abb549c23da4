//! The record accumulator: batches, and one queue of them for each partition (P-12, P-13, P-30, P-42..P-44).

use super::compression::Estimate;
use crate::config::Compression;
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, Payload, Record, Sequence, SharedBatch};
use crate::time::{SimDuration, SimTime, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// A batch on its producer's side.
#[derive(Clone, Debug)]
pub struct ProducerBatch {
    /// Its name.
    pub id: BatchId,
    /// P-13: its delivery clock starts here.
    pub created: SimTime,
    /// How often it has been put back.
    pub attempts: u32,
    /// P-31: not to be sent before.
    pub backoff_until: SimTime,
    /// The leader epoch known when it was last sent: backoff is skipped when that has advanced (P-31).
    pub sent_in_epoch: LeaderEpoch,
    /// An attempt ended in a way after which the records may be in the log.
    pub maybe_appended: bool,
    /// P-33; stamped at the first drain.
    pub sequence: Sequence,
    /// P-52: the numbers were rewritten by an epoch bump.
    pub renumbered: bool,
    /// Nothing is added any more.
    pub closed: bool,
    /// It came out of another that was too large (P-44).
    pub is_split: bool,
    /// What it carries.
    pub records: Vec<Record>,
    /// The size of the records before compression.
    raw_bytes: u32,
    compression: Compression,
    /// What was believed of the compression when it was made.
    estimate: Estimate,
    /// It takes records up to this size.
    limit: u32,
    /// The largest timestamp of its records.
    timestamp: Timestamp,
    /// The memory of the pool that it holds.
    pub allocated: u64,
}

/// A batch has room for so many records before it takes more memory. It says nothing of how many there will be.
const USUAL_RECORDS: usize = 16;

/// How a producer's batches are filled.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    /// `batch.size`.
    pub limit: u32,
    /// `compression.type`.
    pub compression: Compression,
    /// What is believed of it.
    pub estimate: Estimate,
}

impl ProducerBatch {
    /// A batch with room for at least this record.
    pub fn new(id: BatchId, created: SimTime, filling: Filling, first: Record, timestamp: Timestamp) -> ProducerBatch {
        let limit = filling.limit.max(BATCH_OVERHEAD + first.bytes);
        let mut records = Vec::with_capacity(USUAL_RECORDS);
        records.push(first);
        ProducerBatch {
            id,
            created,
            attempts: 0,
            backoff_until: SimTime::ZERO,
            sent_in_epoch: LeaderEpoch::NONE,
            maybe_appended: false,
            sequence: Sequence::NONE,
            renumbered: false,
            closed: false,
            is_split: false,
            records,
            raw_bytes: first.bytes,
            compression: filling.compression,
            estimate: filling.estimate,
            limit,
            timestamp,
            allocated: u64::from(limit),
        }
    }

    /// P-12: takes another record if it fits. The new record counts as it is, what is there as it will probably be compressed.
    pub fn append(&mut self, record: Record, timestamp: Timestamp) -> bool {
        let fits = !self.closed && self.estimated_bytes().saturating_add(record.bytes) <= self.limit;
        if fits {
            self.records.push(record);
            self.raw_bytes += record.bytes;
            self.timestamp = self.timestamp.max(timestamp);
        }
        fits
    }

    /// P-30: full or closed.
    pub fn is_full(&self) -> bool {
        self.closed || self.estimated_bytes() >= self.limit
    }

    /// How large it is, or will probably be: what is closed has been compressed.
    pub fn estimated_bytes(&self) -> u32 {
        if self.closed { self.bytes() } else { BATCH_OVERHEAD + self.estimate.of(self.compression, self.raw_bytes) }
    }

    /// How large it is on the wire.
    pub fn bytes(&self) -> u32 {
        BATCH_OVERHEAD + self.compression.of(self.raw_bytes)
    }

    /// Has it been sent before, or at least numbered?
    pub fn has_sequence(&self) -> bool {
        self.sequence.pid != Pid::NONE
    }

    /// P-43: `delivery.timeout <= now - created`.
    pub fn is_expired(&self, now: SimTime, delivery_timeout: SimDuration) -> bool {
        is_expired(self.created.0 as i64, now.0 as i64, delivery_timeout)
    }

    /// How many records.
    pub fn count(&self) -> u32 {
        self.records.len() as u32
    }

    /// As it travels.
    pub fn to_shared(&self, transactional: bool) -> SharedBatch {
        Arc::new(Batch {
            id: Some(self.id),
            sequence: self.sequence,
            transactional,
            payload: Payload::Records(self.records.clone()),
            bytes: self.bytes(),
            timestamp: self.timestamp,
        })
    }
}

/// P-43 on bare microseconds; a clock before the creation never expires anything.
pub fn is_expired(created: i64, now: i64, delivery_timeout: SimDuration) -> bool {
    delivery_timeout.0 as i64 <= now - created
}

/// The queue of one partition.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// To be sent, first first.
    pub batches: VecDeque<ProducerBatch>,
    /// Sent and not answered, in the order of sending.
    pub in_flight: Vec<ProducerBatch>,
    /// It has had a batch.
    pub used: bool,
}

impl Queue {
    /// P-42: puts a batch back: with numbers in their order, without in front.
    pub fn put_back(&mut self, batch: ProducerBatch) {
        let position = if batch.has_sequence() {
            let before = |b: &ProducerBatch| b.has_sequence() && Sequence::is_before(b.sequence.first, batch.sequence.first);
            self.batches.iter().position(|b| !before(b)).unwrap_or(self.batches.len())
        } else {
            0
        };
        self.batches.insert(position, batch);
    }

    /// Takes a batch out of those in flight.
    pub fn take_in_flight(&mut self, id: BatchId) -> Option<ProducerBatch> {
        let at = self.in_flight.iter().position(|b| b.id == id)?;
        Some(self.in_flight.remove(at))
    }

    /// Takes out what was never numbered, or everything.
    pub fn take_unsent(&mut self, everything: bool) -> Vec<ProducerBatch> {
        let (gone, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.batches).into_iter().partition(|b| everything || !b.has_sequence());
        self.batches = kept;
        gone.into()
    }

    /// All numbered batches, in flight or waiting for another attempt.
    pub fn numbered(&self) -> impl Iterator<Item = &ProducerBatch> {
        self.in_flight.iter().chain(&self.batches).filter(|b| b.has_sequence())
    }

    /// P-34: the lowest number that is not answered for good.
    pub fn first_in_flight_sequence(&self) -> Option<i32> {
        self.numbered().map(|b| b.sequence.first).reduce(|a, b| if Sequence::is_before(b, a) { b } else { a })
    }

    /// Records that wait.
    pub fn queued_records(&self) -> u32 {
        self.batches.iter().map(ProducerBatch::count).sum()
    }
}

impl ProducerBatch {
    /// P-44: the parts of a batch that the broker found too large. The first time it is filled anew up to batch.size, with nothing believed
    /// of the compression; parts that are too large again are halved. They count as never tried, and their memory is not the pool's.
    pub fn split(&self, batch_size: u32, mut new_id: impl FnMut() -> BatchId) -> Vec<ProducerBatch> {
        let largest = self.records.iter().map(|r| r.bytes).max().unwrap_or(0);
        let limit = if self.is_split { largest.max(self.bytes() / 2) } else { batch_size };
        let filling = Filling { limit, compression: self.compression, estimate: Estimate::INITIAL };
        let mut parts: Vec<ProducerBatch> = Vec::new();
        for &record in &self.records {
            if parts.last_mut().is_some_and(|part| part.append(record, self.timestamp)) {
                continue;
            }
            let part = ProducerBatch::new(new_id(), self.created, filling, record, self.timestamp);
            parts.push(ProducerBatch { is_split: true, allocated: 0, maybe_appended: self.maybe_appended, ..part });
        }
        parts.iter_mut().for_each(|part| part.closed = true);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: u32) -> Record {
        Record { message: MessageId(0), key: None, tombstone: false, bytes }
    }

    fn batch(limit: u32, compression: Compression, records: u32) -> ProducerBatch {
        let filling = Filling { limit, compression, estimate: Estimate::INITIAL };
        let mut batch = ProducerBatch::new(BatchId(0), SimTime::ZERO, filling, record(100), Timestamp(0));
        for _ in 1..records {
            assert!(batch.append(record(100), Timestamp(0)));
        }
        batch
    }

    fn sizes(parts: &[ProducerBatch]) -> Vec<u32> {
        parts.iter().map(ProducerBatch::count).collect()
    }

    /// P-44: the first split changes nothing for a batch that batch.size had bounded already; the next ones halve.
    #[test]
    fn a_split_aims_at_batch_size_and_then_at_half() {
        let whole = batch(1_000, Compression::None, 9);
        let once = whole.split(1_000, || BatchId(1));
        assert_eq!(sizes(&once), [9]);
        let twice = once[0].split(1_000, || BatchId(2));
        assert_eq!(sizes(&twice), [4, 4, 1]);
        assert!(twice.iter().all(|part| part.is_split && part.allocated == 0 && part.attempts == 0 && part.is_full()));
    }

    /// A batch that compression had made room in is split by what it would be without.
    #[test]
    fn a_compressed_batch_is_split_by_its_size_before_compression() {
        let filling = Filling { limit: 1_000, compression: Compression::Gzip, estimate: Estimate::INITIAL };
        let mut whole = ProducerBatch::new(BatchId(0), SimTime::ZERO, filling, record(100), Timestamp(0));
        whole.estimate = {
            let mut learned = Estimate::INITIAL;
            (0..200).for_each(|_| learned.observe(300));
            learned
        };
        while whole.append(record(100), Timestamp(0)) {}
        assert_eq!(whole.count(), 27);
        whole.closed = true;
        assert_eq!(whole.bytes(), 61 + 810);
        assert_eq!(sizes(&whole.split(1_000, || BatchId(1))), [8, 8, 8, 3]);
    }

    /// L-13, P-33: a queue stays in the order of its numbers where they wrap.
    #[test]
    fn a_retry_finds_its_place_across_the_wrap() {
        let mut queue = Queue::default();
        for first in [0, i32::MAX, 1] {
            let sequence = Sequence { pid: crate::ids::Pid(7), epoch: 0, first };
            queue.put_back(ProducerBatch { sequence, ..batch(1_000, Compression::None, 1) });
        }
        let order: Vec<i32> = queue.batches.iter().map(|b| b.sequence.first).collect();
        assert_eq!(order, [i32::MAX, 0, 1]);
        assert_eq!(queue.first_in_flight_sequence(), Some(i32::MAX));
    }
}
