//! The transaction coordinator (X-1..X-4, X-6, X-8): every change of a transactional.id is a record of `__transaction_state`, and counts
//! when that is committed.

use super::super::purgatory::{self, Waiting};
use super::{Broker, Due};
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, Payload, Sequence};
use crate::time::SimDuration;
use crate::trace::{TraceId, What};
use crate::transaction::transitions::{self, End};
use crate::transaction::wire::TxnResponse;
use crate::transaction::{Entry, Metadata, ProducerIdAndEpoch, State, TransactionRecord};
use std::sync::Arc;

/// Bytes of one record of `__transaction_state` without its partitions, and of each partition.
const RECORD_BYTES: u32 = 100;
const PARTITION_BYTES: u32 = 20;

/// Who asked for partitions to join.
#[derive(Clone, Debug)]
pub(in crate::broker) enum Asker {
    /// A producer (version 1).
    Producer(Caller),
    /// The leader of these partitions, for a batch that it was sent (L-2).
    Leader(Caller, Vec<PartitionId>),
}

/// Who asked for a transaction to end.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker) enum Ender {
    /// Its producer.
    Producer(Caller),
    /// A newer instance, which is told to wait.
    Successor(Caller),
    /// Nobody: it was open for too long.
    Timeout,
}

/// What happens when a change is committed.
#[derive(Clone, Debug)]
pub(in crate::broker) enum Then {
    /// InitProducerId is answered.
    Initialised(Caller),
    /// Partitions have joined.
    Joined(Asker),
    /// The decision is made: markers go out.
    Decided(Ender),
    /// Every marker is written.
    Completed,
    /// The transactional.id is forgotten.
    Forgotten,
}

impl Broker {
    ///
    pub(super) fn on_init(
        &mut self,
        caller: Caller,
        id: TransactionalId,
        timeout: SimDuration,
        expected: Option<ProducerIdAndEpoch>,
        fx: &mut Effects<'_>,
    ) {
        if !self.has_producer_id(fx) {
            return self.refuse_producer(&caller, ErrorCode::CoordinatorLoadInProgress, fx); // P-58
        }
        match self.prepare_init(id, timeout, expected, fx) {
            Err(error) => self.refuse_producer(&caller, error, fx),
            Ok(fencing) if fencing.state == State::PrepareEpochFence => {
                self.abort_with_fence(id, &fencing, Ender::Successor(caller), fx);
            }
            Ok(next) => self.write_transition(id, next, Then::Initialised(caller), fx),
        }
    }

    fn prepare_init(
        &mut self,
        id: TransactionalId,
        timeout: SimDuration,
        expected: Option<ProducerIdAndEpoch>,
        fx: &Effects<'_>,
    ) -> Result<Metadata, ErrorCode> {
        if timeout == SimDuration::ZERO || timeout > self.config().transaction_max_timeout {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        self.check_coordinates(id)?;
        if !self.transactions.entries.contains_key(&id) {
            let pid = self.new_pid();
            self.transactions.entries.insert(id, Entry::new(Metadata::new(pid, timeout, fx.now)));
        }
        let entry = self.transactions.entries[&id].clone();
        transitions::init_producer_id(&entry, expected, timeout, || self.new_pid(), fx.now)
    }

    fn refuse_producer(&self, caller: &Caller, error: ErrorCode, fx: &mut Effects<'_>) {
        self.answer_transaction(caller, TxnResponse::Producer { error, producer: ProducerIdAndEpoch::NONE }, fx);
    }

    /// A transactional.id as far as requests of its producer go.
    fn known(&self, id: TransactionalId) -> Result<Entry, ErrorCode> {
        self.check_coordinates(id)?;
        self.transactions.entries.get(&id).cloned().ok_or(ErrorCode::InvalidProducerIdMapping)
    }

    ///
    pub(super) fn on_add_partitions(
        &mut self,
        asker: Asker,
        id: TransactionalId,
        producer: ProducerIdAndEpoch,
        partitions: Vec<PartitionId>,
        fx: &mut Effects<'_>,
    ) {
        if partitions.iter().any(|&p| !self.image.partition(p).exists()) {
            return self.answer_join(&asker, ErrorCode::UnknownTopicOrPartition, fx); // L-1: it was added, and this broker has not heard of it
        }
        let next = self.known(id).and_then(|entry| transitions::add_partitions(&entry, producer, &partitions, fx.now));
        match next {
            Ok(Some(next)) => self.write_transition(id, next, Then::Joined(asker), fx),
            Ok(None) => self.answer_join(&asker, ErrorCode::None, fx),
            Err(error) => self.answer_join(&asker, error, fx),
        }
    }

    fn answer_join(&self, asker: &Asker, error: ErrorCode, fx: &mut Effects<'_>) {
        match asker {
            Asker::Producer(caller) => self.answer_transaction(caller, TxnResponse::Done { error }, fx),
            Asker::Leader(caller, partitions) => {
                let error = for_leader(error);
                let results = partitions.iter().map(|&p| (p, error)).collect();
                self.answer_transaction(caller, TxnResponse::Partitions(results), fx);
            }
        }
    }

    /// L-2: have these partitions joined? Nothing is written.
    pub(super) fn on_verify(
        &mut self,
        caller: &Caller,
        id: TransactionalId,
        producer: ProducerIdAndEpoch,
        partitions: &[PartitionId],
        fx: &mut Effects<'_>,
    ) {
        let verify = |p: PartitionId| self.known(id).and_then(|entry| transitions::verify(&entry, producer, p));
        let results = partitions.iter().map(|&p| (p, verify(p).map_or_else(for_leader, |()| ErrorCode::None))).collect();
        self.answer_transaction(caller, TxnResponse::Partitions(results), fx);
    }

    ///
    pub(super) fn on_end(
        &mut self,
        caller: Caller,
        id: TransactionalId,
        producer: ProducerIdAndEpoch,
        commit: bool,
        fx: &mut Effects<'_>,
    ) {
        if !self.has_producer_id(fx) {
            return self.refuse_producer(&caller, ErrorCode::CoordinatorLoadInProgress, fx); // an exhausted epoch may need one
        }
        let how = (self.transaction_version(), fx.now);
        let end = self.known(id).and_then(|entry| {
            let end = transitions::end(&entry, producer, commit, true, how, || self.new_pid())?;
            Ok((end, entry.metadata))
        });
        match end {
            Err(error) => self.refuse_producer(&caller, error, fx),
            Ok((End::Done, metadata)) => {
                let producer = ProducerIdAndEpoch { pid: metadata.pid, epoch: metadata.epoch };
                self.answer_transaction(&caller, TxnResponse::Producer { error: ErrorCode::None, producer }, fx);
            }
            Ok((End::Prepare(next), _)) => self.write_transition(id, next, Then::Decided(Ender::Producer(caller)), fx),
        }
    }

    /// aborts an open transaction in the name of a newer epoch.
    fn abort_with_fence(&mut self, id: TransactionalId, fencing: &Metadata, ender: Ender, fx: &mut Effects<'_>) {
        let how = (self.transaction_version(), fx.now);
        let with = ProducerIdAndEpoch { pid: fencing.pid, epoch: fencing.epoch };
        let entry = self.transactions.entries.get_mut(&id).expect("looked at before");
        entry.pending = Some(State::PrepareEpochFence);
        let entry = entry.clone();
        let End::Prepare(next) =
            transitions::end(&entry, with, false, false, how, || self.new_pid()).expect("an open transaction can be aborted")
        else {
            unreachable!("an open transaction has not ended")
        };
        // The epoch is taken at once: if the record cannot be written, the next attempt does not take another.
        let entry = self.transactions.entries.get_mut(&id).expect("looked at before");
        (entry.metadata.epoch, entry.metadata.last_epoch) = (fencing.epoch, fencing.last_epoch);
        entry.has_failed_epoch_fence = true;
        self.write_transition(id, next, Then::Decided(ender), fx);
    }

    /// every transaction.abort.timed.out.transaction.cleanup.interval.ms.
    pub(in crate::broker) fn abort_timed_out(&mut self, fx: &mut Effects<'_>) {
        let now = fx.now;
        let late = self.transactions.entries.iter().filter(|(_, entry)| transitions::has_timed_out(entry, now));
        let late: Vec<(TransactionalId, Metadata)> = late.map(|(&id, entry)| (id, transitions::fence(entry))).collect();
        for (id, fencing) in late {
            self.abort_with_fence(id, &fencing, Ender::Timeout, fx);
        }
        let interval = self.config().transaction_abort_interval;
        self.agenda.add(now + interval, Due::AbortTimedOut);
    }

    /// every transaction.remove.expired.transaction.cleanup.interval.ms.
    pub(in crate::broker) fn forget_idle_ids(&mut self, fx: &mut Effects<'_>) {
        let (now, expiration) = (fx.now, self.config().transactional_id_expiration);
        let idle = self.transactions.entries.iter().filter(|(_, entry)| transitions::has_expired(entry, expiration, now));
        let idle: Vec<TransactionalId> = idle.map(|(&id, _)| id).collect();
        for id in idle {
            self.write_record(id, None, Then::Forgotten, fx);
        }
        let interval = self.config().transactional_id_interval;
        self.agenda.add(now + interval, Due::ForgetIdleIds);
    }

    pub(super) fn write_transition(&mut self, id: TransactionalId, next: Metadata, then: Then, fx: &mut Effects<'_>) {
        self.write_record(id, Some(next), then, fx);
    }

    fn write_record(&mut self, id: TransactionalId, metadata: Option<Metadata>, then: Then, fx: &mut Effects<'_>) {
        let home = self.layout.transactional_ids[id.ix()].home;
        let entry = self.transactions.entries.get_mut(&id).expect("only what is known changes");
        entry.pending = Some(metadata.as_ref().map_or(State::Dead, |m| m.state));
        let joined = metadata.as_ref().map_or(0, |m| m.partitions.len() as u32);
        let bytes = BATCH_OVERHEAD + RECORD_BYTES + PARTITION_BYTES * joined;
        // Kafka gives the record as long as the transaction itself may take.
        let deadline = fx.now + metadata.as_ref().map_or(self.config().offsets_commit_timeout, |m| m.timeout);
        let payload = Payload::Transaction(TransactionRecord { id, metadata: metadata.clone() });
        let batch = Arc::new(Batch {
            id: None,
            sequence: Sequence::NONE,
            transactional: false,
            payload,
            bytes,
            timestamp: fx.now.into(),
        });
        match self.append_to_leader(home, &batch, true, fx) {
            Ok((placed, event)) => {
                let what = Waiting::Transition { id, next: metadata.map(Box::new), then };
                self.wait_for_watermark(purgatory::Entry { caller: None, deadline, what }, &[(home, placed.end)]);
                // With the leader alone in the ISR it is committed already (L-7).
                self.watermark_moved(home, event, fx);
            }
            Err(error) => self.transition_failed(id, &then, super::super::coordinator::append_error(error), fx),
        }
    }

    /// The record is committed, or it is not known whether it is.
    pub(in crate::broker) fn transition_written(
        &mut self,
        id: TransactionalId,
        next: Option<Metadata>,
        then: Then,
        (error, cause): (ErrorCode, TraceId),
        fx: &mut Effects<'_>,
    ) {
        let before = std::mem::replace(&mut fx.cause, cause);
        if error != ErrorCode::None {
            self.transition_failed(id, &then, super::super::coordinator::append_error(error), fx);
        } else if let Some(next) = next {
            let (state, pid, epoch) = (next.state, next.pid, next.epoch);
            fx.cause = fx.trace(What::TransactionMoved { broker: self.id, transaction: id, state, pid, epoch });
            self.transactions.entries.insert(id, Entry::new(next.clone()));
            self.transition_done(id, &next, then, fx);
        } else {
            self.transactions.entries.remove(&id);
        }
        fx.cause = before;
    }

    fn transition_done(&mut self, id: TransactionalId, next: &Metadata, then: Then, fx: &mut Effects<'_>) {
        match then {
            Then::Initialised(caller) => {
                let producer = ProducerIdAndEpoch { pid: next.pid, epoch: next.epoch };
                self.answer_transaction(&caller, TxnResponse::Producer { error: ErrorCode::None, producer }, fx);
            }
            Then::Joined(asker) => self.answer_join(&asker, ErrorCode::None, fx),
            Then::Decided(ender) => {
                match ender {
                    Ender::Producer(caller) => {
                        let producer = transitions::numbers_after(next);
                        self.answer_transaction(&caller, TxnResponse::Producer { error: ErrorCode::None, producer }, fx);
                    }
                    Ender::Successor(caller) => self.refuse_producer(&caller, ErrorCode::ConcurrentTransactions, fx),
                    Ender::Timeout => {}
                }
                self.finish_what_was_decided(id, fx);
            }
            Then::Completed => {
                self.transactions.endings.remove(&id);
            }
            Then::Forgotten => {}
        }
    }

    fn transition_failed(&mut self, id: TransactionalId, then: &Then, error: ErrorCode, fx: &mut Effects<'_>) {
        if let Some(entry) = self.transactions.entries.get_mut(&id) {
            entry.pending = None;
        }
        match then {
            Then::Initialised(caller) | Then::Decided(Ender::Producer(caller) | Ender::Successor(caller)) => {
                self.refuse_producer(caller, error, fx);
            }
            Then::Joined(asker) => self.answer_join(asker, error, fx),
            Then::Completed => self.complete_later(id, fx.now),
            Then::Decided(Ender::Timeout) | Then::Forgotten => {}
        }
    }
}

/// How the coordinator's errors look in its answer to a leader (L-2): clients know fencing by the partition's error.
fn for_leader(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::ProducerFenced { ErrorCode::InvalidProducerEpoch } else { error }
}
