//! The application's own care for its messages, beyond what the client does: sending again in a loop (S-9), a table of what failed (S-10),
//! an outbox. To the client each attempt is a record of its own, whatever it is to the application (DUP-2).

use super::threads::Intent;
use super::{Process, Producer};
use crate::effects::Effects;
use crate::error_code::{Appended, ErrorCode};
use crate::ids::*;
use crate::rows::Map;
use crate::scenario::{SendMode, SendStep};
use crate::time::{SimDuration, SimTime};
use crate::trace::{SendOutcome, TraceId, What};

/// The relay of an outbox takes this many rows at a time, as a query with a limit does.
const ROWS_AT_ONCE: usize = 100;

/// A message that the application has handed to `send()`, and not been told of.
#[derive(Clone, Copy, Debug)]
struct Flying {
    intent: Intent,
    /// The batch of the newest attempt.
    batch: BatchId,
    since: SimTime,
    /// What the newest attempt came to.
    result: Option<(SendOutcome, ErrorCode)>,
}

/// A row of a table that survives the process.
#[derive(Clone, Copy, Debug)]
struct Row {
    intent: Intent,
    /// It is on its way: by the knowledge of this process.
    sending: bool,
}

/// What it has tried of a message.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    attempts: u32,
    /// One of them may be in the log.
    maybe_sent: bool,
}

/// A point at which the process is to be crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTrap {
    /// The intervention.
    pub cause: TraceId,
    /// The step.
    pub step: SendStep,
    /// After the step; else before it.
    pub after: bool,
    /// At this message; none: at the next.
    pub message: Option<MessageId>,
    /// Its supervisor starts it again so much later.
    pub restart_after: Option<SimDuration>,
}

/// The application's notes.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    flying: Map<MessageId, Flying>,
    /// S-9: messages that wait for their next attempt, until then.
    resting: Vec<(Intent, SimTime)>,
    rows: Map<MessageId, Row>,
    tried: Map<MessageId, Tried>,
    /// When the scheduled job looks at the rows.
    job_at: SimTime,
    traps: Vec<SendTrap>,
    /// It has come to a trap, and does nothing any more.
    dies: Option<SendTrap>,
    /// Its supervisor starts it again then.
    pub rises_at: SimTime,
}

impl Keeping {
    pub fn new() -> Keeping {
        Keeping {
            flying: Map::new(),
            resting: Vec::new(),
            rows: Map::new(),
            tried: Map::new(),
            job_at: SimTime::ZERO,
            traps: Vec::new(),
            dies: None,
            rises_at: SimTime::NEVER,
        }
    }

    /// Nothing is on its way, and nothing is kept.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.resting.is_empty() && self.rows.is_empty()
    }

    /// The process has ended: the tables survive, what it knew does not.
    pub fn forget(&mut self) {
        self.flying.clear();
        self.resting.clear();
        self.dies = None;
        self.rows.values_mut().for_each(|row| row.sending = false);
    }
}

impl Producer {
    /// Does the application look after its messages itself?
    pub(super) fn keeps(&self) -> bool {
        self.spec().send.keeps()
    }

    /// Is there a row for this message, so that it is sent (again) whatever becomes of the process?
    pub fn has_row(&self, message: MessageId) -> bool {
        self.keeping.rows.contains_key(&message)
    }

    /// Rows in its table.
    pub fn rows(&self) -> u32 {
        self.keeping.rows.len() as u32
    }

    /// The process is to be crashed at a point of its work.
    pub fn set_trap(&mut self, trap: SendTrap) {
        self.keeping.traps.push(trap);
    }

    /// Is the process to be crashed somewhere?
    pub(super) fn has_traps(&self) -> bool {
        !self.keeping.traps.is_empty()
    }

    /// Has it come to the point at which it is crashed? Then it does nothing more.
    pub(super) fn is_dying(&self) -> bool {
        self.keeping.dies.is_some()
    }

    /// Looks for a trap at this point. True: it dies here.
    pub(super) fn comes_to(&mut self, step: SendStep, after: bool, message: MessageId, fx: &mut Effects<'_>) -> bool {
        self.is_dying() || (self.has_traps() && self.is_caught(step, after, message, fx))
    }

    fn is_caught(&mut self, step: SendStep, after: bool, message: MessageId, fx: &mut Effects<'_>) -> bool {
        let here = |t: &SendTrap| (t.step, t.after) == (step, after) && t.message.is_none_or(|m| m == message);
        let Some(at) = self.keeping.traps.iter().position(here) else { return false };
        let trap = self.keeping.traps.remove(at);
        fx.cause = fx.trace_from(trap.cause, What::SendPointReached { producer: self.id, message, step, after });
        self.keeping.dies = Some(trap);
        true
    }

    /// The process that has come to its trap ends.
    pub(super) fn die(&mut self, fx: &mut Effects<'_>) {
        if let Some(trap) = self.keeping.dies.take() {
            self.stop(Process::Crashed, fx);
            self.rise_at(trap.restart_after.map_or(SimTime::NEVER, |later| fx.now + later));
        }
    }

    /// Its supervisor starts it again then.
    pub(super) fn rise_at(&mut self, at: SimTime) {
        self.keeping.rises_at = at;
    }

    // --- rows --------------------------------------------------------------------------------------------------------------------

    /// An outbox: the row is written in the transaction of the business.
    pub(super) fn keep_row(&mut self, intent: Intent, fx: &mut Effects<'_>) {
        let message = intent.message;
        if self.comes_to(SendStep::Row, false, message, fx) {
            return;
        }
        fx.trace(What::RowKept { producer: self.id, message });
        self.keeping.rows.insert(message, Row { intent, sending: false });
        self.comes_to(SendStep::Row, true, message, fx);
    }

    /// The scheduled job, or the relay: it sends what is in the table and not on its way, the oldest first.
    pub(super) fn run_job(&mut self, fx: &Effects<'_>) {
        if !matches!(self.spec().send, SendMode::AsyncTable | SendMode::Outbox) || fx.now < self.keeping.job_at {
            return;
        }
        self.keeping.job_at = fx.now + self.spec().resend.every;
        let waiting = self.keeping.rows.values_mut().filter(|row| !row.sending).take(ROWS_AT_ONCE);
        for row in waiting {
            row.sending = true;
            self.intents.push_back(Intent { called: None, chosen: None, ..row.intent });
        }
    }

    /// When it has to be looked after.
    pub(super) fn keeping_due(&self) -> SimTime {
        let Keeping { flying, resting, rows, job_at, .. } = &self.keeping;
        let mut due = resting.iter().map(|(_, at)| *at).min().unwrap_or(SimTime::NEVER);
        if self.spec().send == SendMode::SyncRetry {
            let patience = self.spec().resend.timeout;
            due = flying.values().map(|f| f.since + patience).min().unwrap_or(SimTime::NEVER).min(due);
        }
        if rows.values().any(|row| !row.sending) { due.min(*job_at) } else { due }
    }

    // --- attempts ----------------------------------------------------------------------------------------------------------------

    /// `send()` has taken the record into a batch, or (none) has failed for good.
    pub(super) fn handed_over(&mut self, intent: Intent, batch: Option<BatchId>, fx: &mut Effects<'_>) {
        let message = intent.message;
        let Some(batch) = batch else {
            self.keeping.rows.remove(&message);
            self.keeping.tried.remove(&message);
            return;
        };
        if self.keeps() {
            self.keeping.flying.insert(message, Flying { intent, batch, since: fx.now, result: None });
        }
        self.comes_to(SendStep::Send, true, message, fx);
    }

    /// Before `send()`: an attempt that is not the first is told.
    pub(super) fn begin_attempt(&mut self, message: MessageId, fx: &mut Effects<'_>) {
        let tried = self.keeping.tried.entry(message).or_default();
        tried.attempts += 1;
        let attempt = tried.attempts;
        if attempt > 1 {
            fx.trace(What::Resent { producer: self.id, message, attempt });
        }
    }

    /// The record is in another batch now (P-44).
    pub(super) fn moved_to(&mut self, message: MessageId, batch: BatchId) {
        if let Some(flying) = self.keeping.flying.get_mut(&message) {
            flying.batch = batch;
        }
    }

    /// The client is done with a batch: the callbacks run, or futures complete.
    pub(super) fn told(
        &mut self,
        messages: &[MessageId],
        batch: BatchId,
        (outcome, error): (SendOutcome, ErrorCode),
        fx: &mut Effects<'_>,
    ) {
        for &message in messages {
            if self.comes_to(SendStep::Result, false, message, fx) {
                return;
            }
            // An older attempt, of which nobody wants to hear any more.
            let is_newest = self.keeping.flying.get(&message).is_some_and(|f| f.batch == batch);
            if self.keeps() && is_newest {
                self.attempt_ended(message, outcome, error, fx);
            }
            if self.comes_to(SendStep::Result, true, message, fx) {
                return;
            }
        }
    }

    fn attempt_ended(&mut self, message: MessageId, outcome: SendOutcome, error: ErrorCode, fx: &mut Effects<'_>) {
        if self.spec().send == SendMode::SyncRetry {
            self.keeping.flying.get_mut(&message).expect("it is waited for").result = Some((outcome, error));
            return;
        }
        let flying = self.keeping.flying.remove(&message).expect("it is waited for");
        if outcome == SendOutcome::Acked {
            return self.clear_row(message, fx);
        }
        let may_again = self.may_try_again(message, outcome);
        if !may_again {
            self.keeping.rows.remove(&message);
            return self.report(message, outcome, error, fx);
        }
        if let Some(row) = self.keeping.rows.get_mut(&message) {
            row.sending = false;
        } else {
            self.keep_row(flying.intent, fx); // S-10: the callback writes it into the table
        }
    }

    /// The message has arrived: its row is marked, if it has one, and the application counts it as sent.
    fn clear_row(&mut self, message: MessageId, fx: &mut Effects<'_>) {
        if self.has_row(message) {
            if self.comes_to(SendStep::Mark, false, message, fx) {
                return;
            }
            self.keeping.rows.remove(&message);
            fx.trace(What::RowCleared { producer: self.id, message });
        }
        self.report(message, SendOutcome::Acked, ErrorCode::None, fx);
        self.comes_to(SendStep::Mark, true, message, fx);
    }

    /// Notes how an attempt ended; false: that was the last one.
    fn may_try_again(&mut self, message: MessageId, outcome: SendOutcome) -> bool {
        let most = self.spec().resend.attempts;
        let tried = self.keeping.tried.entry(message).or_default();
        tried.maybe_sent |= outcome == SendOutcome::Unknown;
        most.is_none_or(|most| tried.attempts < most)
    }

    fn report(&mut self, message: MessageId, outcome: SendOutcome, error: ErrorCode, fx: &mut Effects<'_>) {
        let tried = self.keeping.tried.remove(&message).unwrap_or_default();
        let outcome = if outcome == SendOutcome::Rejected && tried.maybe_sent { SendOutcome::Unknown } else { outcome };
        fx.trace(What::SendReported { producer: self.id, message, outcome, error });
    }

    // --- S-9: the loop of sendSync ----------------------------------------------------------------------------------------------------

    /// Is the thread that waits for this message free again? It may hold the message once more.
    pub(super) fn waited(&mut self, message: MessageId, fx: &mut Effects<'_>) -> (bool, Option<Intent>) {
        if let Some(place) = self.keeping.resting.iter().position(|(intent, _)| intent.message == message) {
            let (intent, at) = self.keeping.resting[place];
            if at > fx.now {
                return (false, None);
            }
            self.keeping.resting.remove(place);
            return (true, Some(intent));
        }
        let Some(flying) = self.keeping.flying.get(&message).copied() else { return (true, None) };
        let over = fx.now >= flying.since + self.spec().resend.timeout;
        let (outcome, error) = match flying.result {
            Some(result) => result,
            None if over => (SendOutcome::Unknown, ErrorCode::Timeout),
            None => return (false, None),
        };
        self.keeping.flying.remove(&message);
        let again = outcome != SendOutcome::Acked && is_tried_again(error) && self.may_try_again(message, outcome);
        if again {
            let attempts = self.keeping.tried.get(&message).map_or(1, |tried| tried.attempts);
            let rest = SimDuration(self.spec().resend.backoff.0 * u64::from(attempts));
            let intent = Intent { called: None, chosen: None, ..flying.intent };
            if rest == SimDuration::ZERO {
                return (true, Some(intent));
            }
            self.keeping.resting.push((intent, fx.now + rest));
            return (false, None);
        }
        self.report(message, outcome, error, fx);
        (true, None)
    }

    /// `send()` has thrown: it blocked for max.block.ms, or until `close()`. To the application that is an attempt that failed: its row stays, if
    /// need be for the next process; a loop ends with its process. True: it is dealt with.
    pub(super) fn attempt_refused(&mut self, intent: Intent, error: ErrorCode, fx: &mut Effects<'_>) -> bool {
        let ends = self.spec().send == SendMode::SyncRetry && error == ErrorCode::ProducerClosed;
        if !self.keeps() || ends {
            return false;
        }
        let (message, outcome) = (intent.message, SendOutcome::Rejected);
        if !self.may_try_again(message, outcome) {
            self.keeping.rows.remove(&message);
            self.report(message, outcome, error, fx);
        } else if self.spec().send == SendMode::SyncRetry {
            self.keeping.resting.push((Intent { called: None, chosen: None, ..intent }, fx.now + self.spec().resend.backoff));
        } else if let Some(row) = self.keeping.rows.get_mut(&message) {
            row.sending = false;
        } else {
            self.keep_row(intent, fx);
        }
        true
    }
}

/// S-9: a retriable error, a timeout or NOT_ENOUGH_REPLICAS; others are thrown at once.
fn is_tried_again(error: ErrorCode) -> bool {
    error.is_retriable() || error == ErrorCode::Timeout || error.appended() == Appended::Unknown
}
