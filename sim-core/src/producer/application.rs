//! An application that sends in transactions: begins one, sends a few messages, ends it, and begins the next; what it does when one fails
//! is the scenario's to say (LOSS-P9).

use super::threads::{Blocked, Intent};
use super::transaction::{ClientState, TransactionManager};
use super::{Process, Producer};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::scenario::TransactionSpec;
use crate::time::SimDuration;
use crate::trace::{SendOutcome, What};
use std::collections::VecDeque;

/// It takes an application this long to close a producer and to start another.
const RESTART: SimDuration = SimDuration::from_millis(1_000);

/// The application's own notes.
#[derive(Clone, Debug, Default)]
pub(super) struct TransactionLoop {
    /// Transactions begun.
    begun: u32,
    /// Begun, and its end not noticed yet.
    open: bool,
    /// It has called `commitTransaction()`, and nothing has failed since.
    committing: bool,
    /// Why it gave up the open one.
    error: Option<ErrorCode>,
    /// What it has sent in the open one.
    sent: Vec<Intent>,
}

impl Producer {
    fn transaction_spec(&self) -> TransactionSpec {
        self.spec().transaction.expect("a transactional producer has one")
    }

    /// The application's one thread, until it has to wait. Tells whether `send()` took anything.
    pub(super) fn run_transactional_application(&mut self, fx: &mut Effects<'_>) -> bool {
        let mut took = false;
        loop {
            let state = self.transactions.as_ref().expect("it is transactional").state;
            match state {
                ClientState::Initializing | ClientState::Committing | ClientState::Aborting => return took,
                ClientState::FatalError => {
                    self.give_up_instance(fx);
                    return took;
                }
                ClientState::AbortableError => {
                    // Whatever of it has not left yet would wait for a transaction that is no more.
                    self.abort_batches(fx);
                    self.abort(None);
                }
                ClientState::Ready => {
                    self.notice_end(fx);
                    if self.intents.is_empty() {
                        return took;
                    }
                    self.transactions.as_mut().expect("it is transactional").begin();
                    self.application.begun += 1;
                    self.application.open = true;
                    fx.trace(What::TransactionBegun { producer: self.id });
                }
                ClientState::InTransaction => match self.step_in_transaction(fx) {
                    Some(sent) => took |= sent,
                    None => return took,
                },
            }
        }
    }

    /// In a transaction: sends the next message, or ends it. None: it has to wait. Else whether `send()` took something.
    fn step_in_transaction(&mut self, fx: &mut Effects<'_>) -> Option<bool> {
        let spec = self.transaction_spec();
        let enough = self.application.sent.len() as u32 >= spec.size;
        let nothing_follows = self.intents.is_empty() && self.scheduled == self.spec().messages;
        if enough || nothing_follows {
            self.end_transaction(spec);
            return Some(false);
        }
        if self.waits_for_outcome() {
            return None;
        }
        let mut intent = self.intents.pop_front()?;
        match self.hand_over(&mut intent, 0, fx) {
            Ok(_) => self.application.sent.push(intent),
            Err(Blocked) if self.has_blocked_too_long(&intent, 0, fx) => {
                self.transactions.as_mut().expect("it is transactional").abortable(ErrorCode::Timeout);
            }
            Err(Blocked) => {
                self.intents.push_front(intent);
                return None;
            }
        }
        Some(true)
    }

    /// `sync`: each message is waited for before the next is sent.
    fn waits_for_outcome(&self) -> bool {
        self.spec().send == crate::scenario::SendMode::Sync && self.has_incomplete_batches()
    }

    fn end_transaction(&mut self, spec: TransactionSpec) {
        let aborts = spec.abort.is_some_and(|(some, of)| (self.application.begun - 1) % of >= of - some);
        if aborts {
            self.abort(Some(ErrorCode::TransactionAborted));
        } else {
            self.application.committing = true;
            self.transactions.as_mut().expect("it is transactional").begin_commit();
        }
    }

    /// `abortTransaction()`, for a reason of its own or because the client says that it must.
    pub(super) fn abort(&mut self, reason: Option<ErrorCode>) {
        let current = self.numbers.current();
        let manager = self.transactions.as_mut().expect("it is transactional");
        self.application.error = Some(reason.unwrap_or(manager.error));
        self.application.committing = false;
        manager.begin_abort(current);
    }

    /// The open transaction is over, one way or the other.
    fn notice_end(&mut self, fx: &mut Effects<'_>) {
        let application = &mut self.application;
        if !std::mem::take(&mut application.open) {
            return;
        }
        let committed = std::mem::take(&mut application.committing);
        let error = application.error.take().unwrap_or(ErrorCode::None);
        let sent = std::mem::take(&mut application.sent);
        let outcome = if committed {
            Some(SendOutcome::Acked)
        } else if self.transaction_spec().repeat {
            self.send_again(sent);
            None
        } else {
            Some(SendOutcome::Rejected) // LOSS-P9
        };
        let error = if committed { ErrorCode::None } else { error };
        fx.trace(What::TransactionEnded { producer: self.id, outcome, error });
    }

    /// P-48: after `close()` nobody repeats anything. What was not to be committed never is.
    pub(super) fn end_open_transaction(&mut self, fx: &mut Effects<'_>) {
        if !self.application.open {
            return;
        }
        let ended = self.transactions.as_ref().is_some_and(|manager| manager.state == ClientState::Ready);
        let (outcome, error) = match (self.application.committing, ended) {
            (true, true) => (SendOutcome::Acked, ErrorCode::None),
            (true, false) => (SendOutcome::Unknown, ErrorCode::ProducerClosed),
            (false, _) => (SendOutcome::Rejected, ErrorCode::ProducerClosed),
        };
        fx.trace(What::TransactionEnded { producer: self.id, outcome: Some(outcome), error });
    }

    /// The same messages, before those that come after them.
    fn send_again(&mut self, sent: Vec<Intent>) {
        let mut again: VecDeque<Intent> = sent.into_iter().map(|i| Intent { called: None, chosen: None, ..i }).collect();
        again.append(&mut self.intents);
        self.intents = again;
    }

    /// this instance is finished: the application closes it, and starts another or none.
    fn give_up_instance(&mut self, fx: &mut Effects<'_>) {
        let spec = self.transaction_spec();
        let manager = self.transactions.as_ref().expect("it is transactional");
        let (id, error, version) = (manager.id, manager.error, self.layout.scenario.cluster.rules.transaction_version);
        let application = std::mem::take(&mut self.application);
        // A commit that was asked for may have been decided all the same: sending again might double it.
        let repeats = spec.restart && spec.repeat && !application.committing;
        if application.open {
            let told = if application.committing { SendOutcome::Unknown } else { SendOutcome::Rejected };
            let outcome = if repeats { None } else { Some(told) };
            fx.trace(What::TransactionEnded { producer: self.id, outcome, error });
            if repeats {
                self.send_again(application.sent);
            }
        }
        self.application.begun = application.begun;
        if !spec.restart {
            return self.end(Process::Stopped, What::Stopped { node: self.node() }, fx);
        }
        self.client.reset(fx);
        self.numbers.forget();
        let mut successor = TransactionManager::new(id, version);
        successor.after = fx.now + RESTART;
        self.transactions = Some(successor);
    }

    /// The process has ended, and with it what the application had noted.
    pub(super) fn forget_transaction(&mut self) {
        self.application = TransactionLoop { begun: self.application.begun, ..TransactionLoop::default() };
        if let Some(manager) = &mut self.transactions {
            *manager = TransactionManager::new(manager.id, self.layout.scenario.cluster.rules.transaction_version);
        }
    }

    /// Has the application nothing open?
    pub(super) fn has_open_transaction(&self) -> bool {
        self.application.open
    }
}
