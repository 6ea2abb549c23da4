//! The record accumulator: one queue of batches for each partition, and the memory they take (P-12, P-13, P-30, P-42, P-43).

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
    /// What it carries.
    pub records: Vec<Record>,
    /// Its size so far.
    pub bytes: u32,
    /// The largest timestamp of its records.
    pub timestamp: Timestamp,
    /// The memory it holds.
    pub allocated: u64,
}

impl ProducerBatch {
    /// A batch with room for at least this record.
    pub fn new(id: BatchId, created: SimTime, batch_size: u32, first: Record, timestamp: Timestamp) -> ProducerBatch {
        let bytes = BATCH_OVERHEAD + first.bytes;
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
            records: vec![first],
            bytes,
            timestamp,
            allocated: u64::from(batch_size.max(bytes)),
        }
    }

    /// Does another record of this size fit? (P-12)
    pub fn has_room(&self, bytes: u32, batch_size: u32) -> bool {
        !self.closed && self.bytes + bytes <= batch_size
    }

    /// P-30: full or closed.
    pub fn is_full(&self, batch_size: u32) -> bool {
        self.closed || self.bytes >= batch_size
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
        let payload = Payload::Records(self.records.clone());
        Arc::new(Batch {
            id: Some(self.id),
            sequence: self.sequence,
            transactional,
            payload,
            bytes: self.bytes,
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
}

impl Queue {
    /// P-42: puts a batch back: with numbers in their order, without in front.
    pub fn put_back(&mut self, batch: ProducerBatch) {
        let position = if batch.has_sequence() {
            let before = |b: &ProducerBatch| b.has_sequence() && b.sequence.first < batch.sequence.first;
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
        self.numbered().map(|b| b.sequence.first).min()
    }

    /// Records that wait.
    pub fn queued_records(&self) -> u32 {
        self.batches.iter().map(ProducerBatch::count).sum()
    }
}

/// P-44: the parts of a batch that the broker found too large: each at most half of it, one record at least.
pub fn split(records: &[Record], bytes: u32) -> Vec<Vec<Record>> {
    let limit = bytes / 2;
    let mut parts: Vec<Vec<Record>> = Vec::new();
    let mut size = 0;
    for &record in records {
        if parts.is_empty() || size + record.bytes > limit {
            parts.push(Vec::new());
            size = BATCH_OVERHEAD;
        }
        size += record.bytes;
        parts.last_mut().expect("just pushed").push(record);
    }
    parts
}
