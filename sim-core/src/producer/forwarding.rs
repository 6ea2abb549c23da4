//! The producer inside a consuming application that forwards what it reads (consume-transform-produce, X-5, X-9): the consumer's thread
//! hands it records, asks it to finish, and learns how that ended.

use super::threads::{Blocked, Intent};
use super::transaction::{ClientState, TransactionManager};
use super::{Process, Producer};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::CommittedOffset;
use crate::time::SimTime;
use crate::trace::{SendOutcome, What};
use std::collections::VecDeque;

/// What the consumer's thread asks of its producer.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// `send()` what became of this message.
    Send(MessageId, Option<u32>),
    /// With transactions: commit what was sent together with these offsets. Without: wait until all of it is answered.
    Finish(Consumed),
}

/// how far a member of a group has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: Option<MemberId>,
    /// Its generation, or epoch.
    pub generation: i32,
    /// The next offset of each partition.
    pub offsets: Vec<(PartitionId, CommittedOffset)>,
}

/// Where the round that the consumer began stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    /// The consumer waits for the end of it.
    finishing: Option<Consumed>,
    /// `sendOffsetsToTransaction()` was called.
    offsets_sent: bool,
    /// `commitTransaction()` was called.
    committing: bool,
    /// A transaction is open.
    open: bool,
    /// Something of it has failed.
    error: Option<ErrorCode>,
    /// The end, until the consumer takes notice.
    result: Option<Result<(), ErrorCode>>,
}

impl Producer {
    /// The consumer's thread calls.
    pub(crate) fn on_calls(&mut self, calls: VecDeque<Call>, fx: &mut Effects<'_>) {
        for call in calls {
            match call {
                Call::Send(message, key) => {
                    self.intents.push_back(Intent { message, key, tombstone: false, called: None, chosen: None })
                }
                Call::Finish(consumed) => self.round.finishing = Some(consumed),
            }
        }
        self.work(fx);
    }

    /// What it has been handed and has not been told of.
    pub(crate) fn buffered(&self) -> impl Iterator<Item = MessageId> + '_ {
        let batches = self.queues.iter().flat_map(|q| q.batches.iter().chain(&q.in_flight));
        let queued = batches.flat_map(|batch| &batch.records).map(|record| record.message);
        self.intents.iter().map(|intent| intent.message).chain(queued)
    }

    /// The consumer's half of the process has crashed at a point of its work: this is the other half.
    pub(crate) fn fall_with_it(&mut self, rises_at: SimTime, fx: &mut Effects<'_>) {
        if self.process == Process::Up {
            self.stop(Process::Crashed, fx);
            self.rise_at(rises_at);
        }
    }

    /// The end of a round, once.
    pub(crate) fn take_result(&mut self) -> Option<Result<(), ErrorCode>> {
        self.round.result.take()
    }

    /// P-30: `flush()`: a member that forwards without transactions calls it before it commits what it has read.
    pub(super) fn is_flushing(&self) -> bool {
        self.round.finishing.is_some() && self.transactions.is_none() && self.intents.is_empty()
    }

    /// A batch has failed: the round has.
    pub(super) fn note_failure(&mut self, error: ErrorCode) {
        if self.spec().feeder.is_some() && error != ErrorCode::None {
            self.round.error.get_or_insert(error);
        }
    }

    pub(super) fn run_round(&mut self, fx: &mut Effects<'_>) -> bool {
        let before = self.intents.len();
        if self.transactions.is_some() {
            self.run_transactional_round(fx);
        } else {
            self.send_all(fx);
            let idle = self.intents.is_empty() && !self.has_incomplete_batches();
            if idle && self.round.finishing.is_some() {
                let error = self.round.error;
                self.end_round(error);
            }
        }
        self.intents.len() < before
    }

    /// as [`Producer::end_round`]; the trace hears of it.
    fn end_transactional_round(&mut self, error: Option<ErrorCode>, fx: &mut Effects<'_>) {
        let outcome = if error.is_none() { Some(SendOutcome::Acked) } else { None };
        fx.trace(What::TransactionEnded { producer: self.id, outcome, error: error.unwrap_or(ErrorCode::None) });
        self.end_round(error);
    }

    fn end_round(&mut self, error: Option<ErrorCode>) {
        if error.is_some() {
            // What was handed over since the round failed belongs to it: it is read again, and must not open the next transaction.
            self.intents.clear();
        }
        self.round = Round { result: Some(error.map_or(Ok(()), Err)), ..Round::default() };
    }

    fn run_transactional_round(&mut self, fx: &mut Effects<'_>) {
        loop {
            let manager = self.transactions.as_mut().expect("it is transactional");
            match manager.state {
                ClientState::Initializing | ClientState::Committing | ClientState::Aborting => return,
                ClientState::FatalError => {
                    let (id, error) = (manager.id, manager.error);
                    // Nothing of the instance that is closed may go out with the next one.
                    self.abort_batches(fx);
                    let manager = self.transactions.as_mut().expect("it is transactional");
                    *manager = TransactionManager::new(id, self.layout.scenario.cluster.rules.transaction_version);
                    self.numbers.forget();
                    self.intents.clear();
                    return self.end_transactional_round(Some(error), fx);
                }
                ClientState::AbortableError => {
                    self.round.error = Some(manager.error);
                    self.abort_batches(fx);
                    self.round.committing = false;
                    self.intents.clear();
                    let current = self.numbers.current();
                    self.transactions.as_mut().expect("it is transactional").begin_abort(current);
                }
                ClientState::Ready if self.round.open => {
                    let failed = if self.round.committing { None } else { self.round.error };
                    return self.end_transactional_round(failed, fx);
                }
                ClientState::Ready if self.intents.is_empty() && self.round.finishing.is_none() => return,
                ClientState::Ready => {
                    manager.begin();
                    fx.trace(What::TransactionBegun { producer: self.id });
                    self.round = Round { open: true, error: None, ..std::mem::take(&mut self.round) };
                }
                ClientState::InTransaction => {
                    if !self.send_all(fx) || !self.finish_transaction() {
                        return;
                    }
                }
            }
        }
    }

    /// offsets, then the commit. False: it has to wait.
    fn finish_transaction(&mut self) -> bool {
        let Some(consumed) = self.round.finishing.clone() else { return false };
        let manager = self.transactions.as_mut().expect("it is transactional");
        if !std::mem::replace(&mut self.round.offsets_sent, true) {
            manager.send_offsets(consumed);
        }
        if manager.has_offsets() {
            return false;
        }
        self.round.committing = true;
        manager.begin_commit();
        true
    }

    /// Calls `send()` for all that the consumer's thread has handed over. False: it blocks.
    fn send_all(&mut self, fx: &mut Effects<'_>) -> bool {
        while let Some(mut intent) = self.intents.pop_front() {
            match self.hand_over(&mut intent, 0, fx) {
                Ok(_) => {}
                Err(Blocked) if self.has_blocked_too_long(&intent, 0, fx) => {
                    self.note_failure(ErrorCode::Timeout);
                    if let Some(manager) = &mut self.transactions {
                        manager.abortable(ErrorCode::Timeout);
                        return true;
                    }
                }
                Err(Blocked) => {
                    self.intents.push_front(intent);
                    return false;
                }
            }
        }
        true
    }
}
