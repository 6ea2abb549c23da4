//! The threads of an application without transactions, and `send()` (P-10..P-12, P-20).

use super::Producer;
use super::accumulator::{Filling, ProducerBatch};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::partitioner;
use crate::record::{BATCH_OVERHEAD, Record};
use crate::scenario::{SendMode, SendStep};
use crate::time::{SimTime, Timestamp};
use crate::trace::What;

/// A message that the application wants sent, before `send()` has taken it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intent {
    pub message: MessageId,
    pub key: Option<u32>,
    pub tombstone: bool,
    /// `send()` was called for it then, and blocks (P-10).
    pub called: Option<SimTime>,
    /// P-20: what a partitioner class chose, which is asked once for each record.
    pub chosen: Option<u32>,
}

/// One thread of the application.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thread {
    /// `send()` holds this one, and blocks.
    sending: Option<Intent>,
    /// `sync`: the message whose outcome it waits for.
    awaited: Option<MessageId>,
    /// It compresses until then.
    busy_until: SimTime,
}

impl Thread {
    /// Does `send()` hold a message that it has not taken?
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Does it wait for an outcome?
    pub fn is_waiting(&self) -> bool {
        self.awaited.is_some()
    }
}

/// `send()` cannot go on now.
pub(super) struct Blocked;

impl Producer {
    pub(super) fn intent_time(&self, n: u32) -> SimTime {
        SimTime(self.spec().start.0 + self.spec().interval.0 * u64::from(n))
    }

    pub(super) fn make_intents(&mut self, fx: &mut Effects<'_>) {
        if self.closing.is_some() {
            return;
        }
        while self.scheduled < self.spec().messages && self.intent_time(self.scheduled) <= fx.now {
            let keys = self.spec().keys;
            let message = fx.ledger().next_message();
            let key = (keys > 0).then(|| self.keys.below(u64::from(keys)) as u32);
            fx.trace_from(crate::trace::TraceId::START, What::Intended { message, producer: self.id, key });
            self.scheduled += 1;
            let tombstone = self.spec().tombstones.is_some_and(|n| self.scheduled.is_multiple_of(n));
            let intent = Intent { message, key, tombstone, called: None, chosen: None };
            if self.spec().send == SendMode::Outbox {
                self.keep_row(intent, fx);
            } else {
                self.intents.push_back(intent);
            }
            if self.is_dying() {
                return;
            }
        }
    }

    /// Lets the threads call `send()`, one message each in turn, until all of them wait for something. Tells whether `send()` took
    /// anything.
    pub(super) fn run_application(&mut self, fx: &mut Effects<'_>) -> bool {
        if self.spec().feeder.is_some() {
            return self.run_round(fx);
        }
        if self.transactions.is_some() {
            return self.run_transactional_application(fx);
        }
        let mut took = false;
        loop {
            let mut moved = false;
            for thread in 0..self.threads.len() {
                moved |= self.run_thread(thread, fx);
            }
            if !moved {
                return took;
            }
            took = true;
        }
    }

    /// One call of `send()`. Tells whether it has returned.
    fn run_thread(&mut self, number: usize, fx: &mut Effects<'_>) -> bool {
        if self.is_dying() || self.threads[number].busy_until > fx.now {
            return false;
        }
        if let Some(message) = self.threads[number].awaited {
            let (free, again) = match self.spec().send {
                SendMode::SyncRetry => self.waited(message, fx),
                _ => (fx.ledger().message(message).outcome.is_some(), None),
            };
            if !free {
                return false;
            }
            self.threads[number].awaited = None;
            self.threads[number].sending = again;
        }
        let Some(mut intent) = self.threads[number].sending.take().or_else(|| self.intents.pop_front()) else { return false };
        if intent.called.is_none() && self.is_trapped_before_send(intent.message, fx) {
            return false;
        }
        if self.calls() {
            return match self.call(&mut intent, fx) {
                Ok(asked) => {
                    self.threads[number].awaited = asked.then_some(intent.message);
                    true
                }
                Err(Blocked) => {
                    self.threads[number].sending = Some(intent);
                    false
                }
            };
        }
        match self.hand_over(&mut intent, number, fx) {
            Ok(batch) => {
                self.handed_over(intent, batch, fx);
                let sync = matches!(self.spec().send, SendMode::Sync | SendMode::SyncRetry);
                let compressing = self.config().compression.time(self.spec().record_bytes);
                let thread = &mut self.threads[number];
                thread.awaited = sync.then_some(intent.message);
                thread.busy_until = fx.now + compressing;
                true
            }
            Err(Blocked) if self.has_blocked_too_long(&intent, number, fx) => {
                let waits = self.spec().send == SendMode::SyncRetry;
                self.threads[number].awaited = waits.then_some(intent.message);
                true
            }
            Err(Blocked) => {
                self.threads[number].sending = Some(intent);
                false
            }
        }
    }

    /// A new attempt begins; the process may be crashed before it.
    fn is_trapped_before_send(&mut self, message: MessageId, fx: &mut Effects<'_>) -> bool {
        if self.comes_to(SendStep::Send, false, message, fx) {
            return true;
        }
        if self.keeps() {
            self.begin_attempt(message, fx);
        }
        false
    }

    /// LOSS-P3: max.block.ms is over: `send()` fails.
    pub(super) fn has_blocked_too_long(&mut self, intent: &Intent, thread: usize, fx: &mut Effects<'_>) -> bool {
        let over = intent.called.is_some_and(|called| fx.now >= called + self.config().max_block);
        if over {
            self.pool.leave(thread as u16);
            if self.spec().feeder.is_none() && !self.attempt_refused(*intent, ErrorCode::Timeout, fx) {
                fx.trace(What::SendFailed { message: intent.message, error: ErrorCode::Timeout });
            }
        }
        over
    }

    /// P-48: after `close()` nothing is taken any more, and calls that block fail.
    pub(super) fn stop_sending(&mut self, fx: &mut Effects<'_>) {
        self.intents.clear();
        for number in 0..self.threads.len() {
            self.pool.leave(number as u16);
            if let Some(intent) = self.threads[number].sending.take()
                && !self.attempt_refused(intent, ErrorCode::ProducerClosed, fx)
            {
                fx.trace(What::SendFailed { message: intent.message, error: ErrorCode::ProducerClosed });
            }
        }
    }

    /// P-10: metadata, partition, size, memory, append. The batch that it is in; none: it is too large for any.
    pub(super) fn hand_over(
        &mut self,
        intent: &mut Intent,
        thread: usize,
        fx: &mut Effects<'_>,
    ) -> Result<Option<BatchId>, Blocked> {
        intent.called.get_or_insert(fx.now);
        if !self.metadata.is_known() {
            return Err(Blocked);
        }
        let bytes = self.spec().record_bytes;
        let size = BATCH_OVERHEAD + bytes;
        let (position, sticky) = self.choose_partition(intent);
        if size > self.config().max_request_size || u64::from(size) > self.config().buffer_memory {
            if let Some(manager) = &mut self.transactions {
                manager.abortable(ErrorCode::RecordTooLarge);
            }
            if self.spec().feeder.is_some() {
                self.note_failure(ErrorCode::RecordTooLarge);
            } else {
                fx.trace(What::SendFailed { message: intent.message, error: ErrorCode::RecordTooLarge }); // LOSS-P6
            }
            return Ok(None);
        }
        let record = Record { message: intent.message, key: intent.key, tombstone: intent.tombstone, bytes };
        let Some(batch) = self.append(position, record, thread, fx) else { return Err(Blocked) };
        let partition = self.partition(position);
        if let Some(manager) = &mut self.transactions {
            manager.maybe_add(partition);
        }
        self.note_queued(intent.message, batch, partition, fx);
        if sticky {
            let full = self.queues[position].batches.back().is_none_or(ProducerBatch::is_full);
            self.sticky.appended(bytes, full);
        }
        Ok(Some(batch))
    }

    pub(super) fn note_queued(&self, message: MessageId, batch: BatchId, partition: PartitionId, fx: &mut Effects<'_>) {
        fx.trace(match self.spec().feeder {
            None => What::Queued { message, batch, partition },
            Some(_) => What::Forwarded { producer: self.id, message, batch, partition },
        });
    }

    /// P-20: the record's own partition, then the class's choice, then the built-in rule: by key, or sticky (true).
    fn choose_partition(&mut self, intent: &mut Intent) -> (usize, bool) {
        let partitions = self.queues.len() as u32;
        if let Some(partition) = self.spec().partition {
            return (usize::from(partition), false);
        }
        let key = intent.key.filter(|_| !self.config().ignore_keys);
        if let Some(key) = key.filter(|_| !self.config().round_robin) {
            return (partitioner::for_numbered_key(key, partitions) as usize, false);
        }
        let has_leader = |n: &u32| self.metadata.leader(self.partition(*n as usize)).is_some();
        let available: Vec<u32> = (0..partitions).filter(has_leader).collect();
        if self.config().round_robin {
            let chosen = *intent.chosen.get_or_insert_with(|| self.round_robin.next(&available, partitions));
            return (chosen as usize, false);
        }
        (self.sticky.current(&available, partitions) as usize, true)
    }

    /// P-12: into the last batch of the partition, or into a new one if there is memory for it.
    fn append(&mut self, position: usize, record: Record, thread: usize, fx: &mut Effects<'_>) -> Option<BatchId> {
        let timestamp = Timestamp::from(fx.now).before(self.spec().timestamp_age);
        if let Some(last) = self.queues[position].batches.back_mut() {
            if last.append(record, timestamp) {
                let id = last.id;
                self.wakeup |= last.is_full();
                self.pool.leave(thread as u16);
                return Some(id);
            }
            if !last.closed {
                last.closed = true;
                self.estimate.observe(self.config().compression.per_mille());
            }
        }
        // There is a new batch, or memory is short, which lets what is there go out at once (P-30).
        self.wakeup = true;
        let limit = self.config().batch_size;
        let needed = u64::from(limit.max(BATCH_OVERHEAD + record.bytes));
        if !self.pool.take(needed, thread as u16) {
            return None;
        }
        let filling = Filling { limit, compression: self.config().compression, estimate: self.estimate };
        let batch = ProducerBatch::new(fx.new_batch_id(), fx.now, filling, record, timestamp);
        let id = batch.id;
        self.expires_from = self.expires_from.min(fx.now + self.config().delivery_timeout);
        let queue = &mut self.queues[position];
        queue.batches.push_back(batch);
        queue.used = true;
        Some(id)
    }

    /// When a thread has to be looked at again, if time alone does it.
    pub(super) fn threads_due(&self, now: SimTime) -> SimTime {
        let more = !self.intents.is_empty();
        let due = |thread: &Thread| match thread.sending {
            _ if thread.busy_until > now && more => thread.busy_until,
            Some(intent) => intent.called.map_or(SimTime::NEVER, |called| called + self.config().max_block),
            None => SimTime::NEVER,
        };
        // An application with transactions keeps what `send()` holds at the head of the list.
        let held = self.intents.front().and_then(|intent| intent.called);
        let held = held.map_or(SimTime::NEVER, |called| called + self.config().max_block);
        self.threads.iter().map(due).min().unwrap_or(SimTime::NEVER).min(held)
    }
}
