//! What becomes of batches: answers, errors, retries, splits, expiry (P-40..P-44, P-54, P-55).

use super::accumulator::ProducerBatch;
use super::{Asked, Producer};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::{Appended, ErrorCode};
use crate::ids::*;
use crate::net::client::Backoff;
use crate::time::{SimDuration, SimTime};
use crate::trace::{SendOutcome, TraceId, What};
use crate::wire::ProduceResult;

impl Producer {
    pub(super) fn on_lost_request(&mut self, asked: Asked, error: ErrorCode, cause: TraceId, fx: &mut Effects<'_>) {
        self.metadata.want();
        match asked {
            Asked::Metadata => self.metadata.on_lost(fx.now, self.config().retry_backoff),
            Asked::Pid => self.pid_after = fx.now + self.config().retry_backoff,
            Asked::Transaction(step) => self.on_transaction_failure(&step, error, fx),
            Asked::Call(message) => self.called(message, SendOutcome::Unknown, error, fx),
            Asked::Produce(batches) => {
                let before = std::mem::replace(&mut fx.cause, cause);
                for (partition, batch) in batches {
                    let lost =
                        ProduceResult { partition, error, base: Offset::UNKNOWN, log_start: Offset::UNKNOWN, leader: None };
                    self.on_batch_result(batch, lost, fx);
                }
                fx.cause = before;
            }
        }
    }

    pub(super) fn on_produced(&mut self, batches: &[(PartitionId, BatchId)], results: &[ProduceResult], fx: &mut Effects<'_>) {
        for result in results {
            let batch = batches.iter().find(|(p, _)| *p == result.partition).expect("answers only what was asked").1;
            if let Some((leader, epoch)) = result.leader {
                self.metadata.retarget(result.partition, leader, epoch);
            }
            self.on_batch_result(batch, *result, fx);
        }
    }

    /// P-41: split if too large, retry, take a repeat for success, or fail, in that order of questions.
    fn on_batch_result(&mut self, id: BatchId, result: ProduceResult, fx: &mut Effects<'_>) {
        let ProduceResult { partition, error, base, log_start, .. } = result;
        let position = self.position(partition);
        // P-43: it may have expired while in flight; then its fate is told already.
        let Some(mut batch) = self.queues[position].take_in_flight(id) else { return };
        if error == ErrorCode::None {
            self.numbers.acked(position, &batch, base);
            return self.finish(&batch, error, base, fx);
        }
        if error.is_invalid_metadata() {
            self.metadata.want();
        }
        if error.appended() != Appended::No {
            batch.maybe_appended = true;
        }
        if error == ErrorCode::MessageTooLarge && batch.count() > 1 {
            return self.split_batch(position, &batch, fx); // P-44
        }
        let expired = batch.is_expired(fx.now, self.config().delivery_timeout);
        let may_try = !expired && batch.attempts < self.config().retries;
        if may_try && self.numbers.may_retry(position, &batch, error, log_start) {
            return self.retry(position, batch, error, fx);
        }
        if error == ErrorCode::DuplicateSequenceNumber {
            self.numbers.acked(position, &batch, Offset::UNKNOWN);
            return self.finish(&batch, ErrorCode::None, Offset::UNKNOWN, fx); // P-54
        }
        if expired {
            return self.fail_expired(position, &batch, fx);
        }
        let fate_is_known = batch.attempts < self.config().retries;
        self.batch_failed(error);
        self.numbers.failed(position, &batch, error, fate_is_known, &mut self.queues[position]); // P-55
        self.finish(&batch, error, Offset::UNKNOWN, fx);
    }

    fn retry(&mut self, position: usize, mut batch: ProducerBatch, error: ErrorCode, fx: &mut Effects<'_>) {
        let backoff = Backoff { first: self.config().retry_backoff, longest: self.config().retry_backoff_max };
        batch.backoff_until = fx.now + backoff.after(batch.attempts, &mut self.jitter); // P-31
        batch.attempts += 1;
        fx.trace(What::BatchRetried { batch: batch.id, error });
        self.queues[position].put_back(batch); // P-42
    }

    /// P-44: the parts take the place of the whole.
    fn split_batch(&mut self, position: usize, batch: &ProducerBatch, fx: &mut Effects<'_>) {
        let partition = self.partition(position);
        self.pool.release(batch.allocated);
        self.estimate.reset(self.config().compression.per_mille());
        let mut parts = batch.split(self.config().batch_size, || fx.new_batch_id());
        fx.trace(What::BatchSplit { batch: batch.id, first: parts[0].id, parts: parts.len() as u32 });
        self.numbers.renumber_split(batch, &mut parts);
        for part in &parts {
            for record in &part.records {
                self.note_queued(record.message, part.id, partition, fx);
                self.moved_to(record.message, part.id);
            }
        }
        for part in parts.into_iter().rev() {
            self.queues[position].put_back(part);
        }
    }

    /// P-43: batches whose time is over, queued or in flight. Their outcome is unknown.
    pub(super) fn expire_batches(&mut self, fx: &mut Effects<'_>) {
        if fx.now < self.expires_from {
            return;
        }
        if self.layout.scenario.has_bug(Bug::NothingExpires) {
            self.expires_from = SimTime::NEVER;
            return;
        }
        let timeout = self.config().delivery_timeout;
        for position in 0..self.queues.len() {
            while let Some(batch) = self.take_expired(position, fx.now, timeout) {
                self.fail_expired(position, &batch, fx);
            }
        }
        let kept = self.queues.iter().flat_map(|queue| queue.in_flight.iter().chain(&queue.batches));
        let oldest = kept.map(|batch| batch.created).min();
        self.expires_from = oldest.map_or(SimTime::NEVER, |created| created + timeout);
    }

    fn take_expired(&mut self, position: usize, now: SimTime, timeout: SimDuration) -> Option<ProducerBatch> {
        let queue = &mut self.queues[position];
        if let Some(at) = queue.batches.iter().position(|b| b.is_expired(now, timeout)) {
            return queue.batches.remove(at);
        }
        let at = queue.in_flight.iter().position(|b| b.is_expired(now, timeout))?;
        let mut batch = queue.in_flight.remove(at);
        batch.maybe_appended = true;
        Some(batch)
    }

    fn fail_expired(&mut self, position: usize, batch: &ProducerBatch, fx: &mut Effects<'_>) {
        if batch.has_sequence() && self.layout.scenario.has_bug(Bug::ReusesExpiredSequence) {
            self.numbers.reuse(position, batch);
        } else {
            self.numbers.expired(position, batch); // P-46
        }
        self.batch_failed(ErrorCode::Timeout);
        self.metadata.want();
        self.finish(batch, ErrorCode::Timeout, Offset::UNKNOWN, fx);
    }

    /// A batch that fails takes its transaction with it.
    fn batch_failed(&mut self, error: ErrorCode) {
        if let Some(manager) = &mut self.transactions {
            manager.batch_failed(error);
        }
    }

    /// Tells the application of a batch.
    pub(super) fn finish(&mut self, batch: &ProducerBatch, error: ErrorCode, offset: Offset, fx: &mut Effects<'_>) {
        self.pool.release(batch.allocated);
        self.note_failure(error);
        let mut outcome = outcome_of(error, batch.maybe_appended);
        if error == ErrorCode::Timeout && self.layout.scenario.has_bug(Bug::TimeoutMeansNotWritten) {
            outcome = SendOutcome::Rejected;
        }
        fx.trace(What::BatchDone { batch: batch.id, outcome, error, offset });
        if self.keeps() || self.has_traps() {
            let messages: Vec<MessageId> = batch.records.iter().map(|record| record.message).collect();
            self.told(&messages, batch.id, (outcome, error), fx);
        }
    }
}

/// What the application may conclude (INV-45).
fn outcome_of(error: ErrorCode, maybe_appended: bool) -> SendOutcome {
    match error {
        ErrorCode::None => SendOutcome::Acked,
        _ if maybe_appended || error.appended() != Appended::No => SendOutcome::Unknown,
        _ => SendOutcome::Rejected,
    }
}
