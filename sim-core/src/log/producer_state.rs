//! What a partition remembers of each idempotent producer, and how it tells a retry from a gap (L-10..L-16).

use super::LogBatch;
use super::transactions::Transactions;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, Pid};
use crate::record::Sequence;
use crate::rows::Map;
use crate::time::{SimDuration, SimTime, Timestamp};
use std::collections::VecDeque;

/// L-10, L-18: a client may have five batches in flight, so five are remembered.
pub const WINDOW: usize = 5;

/// A remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    first: i32,
    last: i32,
    base: Offset,
    end: Offset,
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    epoch: i16,
    window: VecDeque<Remembered>,
    /// Of its last batch (L-16).
    timestamp: Timestamp,
}

/// All producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerStates {
    by_pid: Map<Pid, State>,
}

/// The offsets of the first copy of a repeated batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its first offset.
    pub base: Offset,
    /// The offset after its last record.
    pub end: Offset,
}

impl ProducerStates {
    /// L-11, then L-12 and L-13: what a leader does with a batch: append it, or answer with the place of its first copy.
    ///
    /// # Errors
    /// See [`ProducerStates::validate`].
    pub fn admit(&self, sequence: Sequence, count: u32, from_zero: bool) -> Result<Option<Duplicate>, ErrorCode> {
        match self.duplicate_of(sequence, count) {
            Some(first) => Ok(Some(first)),
            None => self.validate(sequence, from_zero).map(|()| None),
        }
    }

    /// L-11: is this exactly one of the last five batches of its producer, in the same epoch?
    pub fn duplicate_of(&self, sequence: Sequence, count: u32) -> Option<Duplicate> {
        let state = self.by_pid.get(&sequence.pid).filter(|s| s.epoch == sequence.epoch)?;
        let last = sequence.last(count);
        let same = state.window.iter().find(|r| r.first == sequence.first && r.last == last)?;
        Some(Duplicate { base: same.base, end: same.end })
    }

    /// L-12, L-13: may a leader append this batch? `from_zero`: a producer that is not known here has to begin at 0, as later versions
    /// ask of it in logs that never held a record and in transactions v2.
    ///
    /// # Errors
    /// INVALID_PRODUCER_EPOCH for an old epoch, OUT_OF_ORDER_SEQUENCE_NUMBER for a gap, an overlap or an old repeat.
    pub fn validate(&self, sequence: Sequence, from_zero: bool) -> Result<(), ErrorCode> {
        let Some(state) = self.by_pid.get(&sequence.pid) else {
            // Nothing known of this producer: any first sequence will do (P-59 shows what that costs).
            let accepted = !from_zero || sequence.first == 0;
            return if accepted { Ok(()) } else { Err(ErrorCode::OutOfOrderSequenceNumber) };
        };
        let in_order = if sequence.epoch < state.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        } else if sequence.epoch > state.epoch {
            sequence.first == 0
        } else {
            // Nothing of this epoch yet: a marker has brought it, and its first batch begins at 0.
            state.window.back().map_or(0, |last| Sequence::advance(last.last, 1)) == sequence.first
        };
        if in_order { Ok(()) } else { Err(ErrorCode::OutOfOrderSequenceNumber) }
    }

    /// L-12 for what a coordinator appends itself (the end of a transaction, offsets in a transaction): only the epoch counts. With
    /// `above` (X-7, KAFKA-19999) a marker must bring a newer epoch than that of the open transaction which it ends.
    ///
    /// # Errors
    /// INVALID_PRODUCER_EPOCH.
    pub fn validate_epoch(&self, sequence: Sequence, above: bool) -> Result<(), ErrorCode> {
        let Some(state) = self.by_pid.get(&sequence.pid) else { return Ok(()) };
        let fits = if above { sequence.epoch > state.epoch } else { sequence.epoch >= state.epoch };
        if fits { Ok(()) } else { Err(ErrorCode::InvalidProducerEpoch) }
    }

    /// The newest epoch of a producer.
    pub fn epoch(&self, pid: Pid) -> Option<i16> {
        self.by_pid.get(&pid).map(|state| state.epoch)
    }

    /// L-14: takes an appended batch in, without judging it.
    pub fn record(&mut self, entry: &LogBatch) {
        let sequence = entry.batch.sequence;
        if sequence.pid == Pid::NONE {
            return;
        }
        let state = self.by_pid.entry(sequence.pid).or_insert_with(|| State {
            epoch: sequence.epoch,
            window: VecDeque::new(),
            timestamp: entry.batch.timestamp,
        });
        state.timestamp = entry.batch.timestamp;
        if state.epoch != sequence.epoch {
            state.epoch = sequence.epoch;
            state.window.clear();
        }
        if sequence.first < 0 {
            return; // a coordinator's own: no sequence
        }
        if state.window.len() == WINDOW {
            state.window.pop_front();
        }
        let last = sequence.last(entry.batch.count());
        state.window.push_back(Remembered { first: sequence.first, last, base: entry.base, end: entry.end() });
    }

    /// Forgets a producer (L-16).
    pub fn expire(&mut self, pid: Pid) {
        self.by_pid.remove(&pid);
    }

    /// L-16: forgets the producers whose last batch is older than this by its own timestamp, except those in the middle of one of
    /// these transactions. Returns how many.
    pub fn expire_older(&mut self, than: SimDuration, now: SimTime, transactions: &Transactions) -> u32 {
        let before = self.by_pid.len();
        self.by_pid.retain(|&pid, state| state.timestamp.age(now) < than || transactions.open_since(pid).is_some());
        (before - self.by_pid.len()) as u32
    }

    /// L-15: what a snapshot holds: of each producer the last batch.
    pub fn last_batches(&self) -> ProducerStates {
        let last = |state: &State| State { window: state.window.back().copied().into_iter().collect(), ..*state };
        ProducerStates { by_pid: self.by_pid.iter().map(|(pid, state)| (*pid, last(state))).collect() }
    }

    /// Nothing is known of any producer.
    pub fn is_empty(&self) -> bool {
        self.by_pid.is_empty()
    }
}
