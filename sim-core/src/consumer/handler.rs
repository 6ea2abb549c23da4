//! The application's business with the records in hand: the handler's steps, one record after the other (S-11, S-12). Redis and the
//! database are asked over the network and may not answer; a step may throw; the process can be crashed before and after each.

use super::commits::Extent;
use super::{Asked, Consumer, InHand, Position, Process, Thread};
use crate::application::database::SqlRequest;
use crate::application::redis::{Mark, RedisRequest};
use crate::application::{Key, Name, Subject};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::ids::*;
use crate::scenario::{CommitWhen, Forwarded, Identity, Step, WithoutRedis};
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, Command, SqlResult, Statement, TraceId, Trouble, Wall, What};
use crate::wire::{Channel, Request};

/// What it does at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It is about to begin the step.
    Beginning,
    /// The record is not to be worked on before then.
    Resting(SimTime),
    /// The step takes until then.
    Until(SimTime),
    /// It opens a connection, and gives up then.
    Connecting(SimTime),
    /// An answer is awaited.
    Asking,
    /// What `poll()` returned is committed, before the work on it.
    Acknowledged,
}

/// How the work on a record ends before its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The record was done before, says this wall.
    Absorbed(Wall),
    /// An exception.
    Thrown(Trouble),
}

/// What became of a record in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Its business is done, now or before.
    Done,
    /// It was tried as often as the application tries one.
    GivenUp,
    /// It is moved to another topic (S-15).
    Moved,
}

/// The work on the first record in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    /// The position of its step in the handler.
    step: u16,
    doing: Doing,
    /// It has put a key into Redis, which an exception takes away again (S-11).
    marked: bool,
    /// Its transaction in the database is open.
    open: bool,
    /// It is on its way out, and cleans up.
    ending: Option<Ending>,
    /// Why it does what it does.
    event: TraceId,
}

/// A point at which the process is to be crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The intervention.
    pub cause: TraceId,
    /// The position of the step in the handler; none: whichever comes next.
    pub step: Option<u16>,
    /// After the step; else before it.
    pub after: bool,
    /// At this message; none: at the next.
    pub message: Option<MessageId>,
    /// Its supervisor starts it again so much later.
    pub restart_after: Option<SimDuration>,
}

impl Work {
    fn new(event: TraceId) -> Work {
        Work { step: 0, doing: Doing::Beginning, marked: false, open: false, ending: None, event }
    }

    /// Has it not begun?
    pub(super) fn is_new(self) -> bool {
        self.doing == Doing::Beginning
    }

    /// Can it go on now?
    pub(super) fn is_ready(self, now: SimTime) -> bool {
        match self.doing {
            Doing::Until(at) | Doing::Resting(at) => at <= now,
            Doing::Beginning | Doing::Acknowledged => true,
            Doing::Connecting(_) | Doing::Asking => false,
        }
    }

    /// When time alone takes it further.
    pub(super) fn due(self) -> SimTime {
        match self.doing {
            Doing::Until(at) | Doing::Resting(at) | Doing::Connecting(at) => at,
            Doing::Beginning | Doing::Asking | Doing::Acknowledged => SimTime::NEVER,
        }
    }
}

impl Consumer {
    /// `poll()` has returned records: to work.
    pub(super) fn begin_record(&mut self) {
        self.thread = Thread::Handling(Work::new(self.poll_event));
    }

    /// Goes on with the first record in hand. False: it has to wait.
    pub(super) fn work_on(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        match work.doing {
            Doing::Until(at) | Doing::Resting(at) if at > fx.now => false,
            Doing::Until(_) => self.after_step(work, fx),
            Doing::Asking => false,
            Doing::Beginning if work.step == 0 => self.take_up_record(work, fx),
            Doing::Beginning | Doing::Resting(_) => self.begin_step(work, fx),
            Doing::Acknowledged => self.next_step(work, fx),
            Doing::Connecting(_) => self.try_ask(work, fx),
        }
    }

    #[inline]
    fn step(&self, work: Work) -> Step {
        self.spec().handler.steps[usize::from(work.step)]
    }

    /// At which step of its handler it is.
    pub fn handling_step(&self) -> Option<Step> {
        if let Thread::Handling(work) = self.thread { Some(self.step(work)) } else { None }
    }

    #[inline]
    fn record(&self) -> InHand {
        *self.in_hand.front().expect("it is being handled")
    }

    fn subject(&self) -> Subject {
        let InHand { partition, offset, message, .. } = self.record();
        Subject { message, partition, offset }
    }

    /// By what the record is known.
    fn key_of(&self, identity: Identity, fx: &Effects<'_>) -> Key {
        let InHand { partition, offset, message, .. } = self.record();
        let name = match identity {
            Identity::Position => Name::Position(partition, offset),
            Identity::Message => Name::Message(message),
            // A record without key has nothing else to be known by.
            Identity::BusinessKey => fx.ledger().message(message).key.map_or(Name::Message(message), Name::Business),
        };
        Key { group: self.layout.business(self.group()), name }
    }

    // --- steps ---------------------------------------------------------------------------------------------------------------

    /// A record's turn has come: it is moved on, waits until it is old enough, or is worked on.
    fn take_up_record(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        if self.moves_records(fx.now) {
            let InHand { partition, offset, message, .. } = self.record();
            fx.cause = fx.trace_from(work.event, What::SentOn { consumer: self.id, message, partition, offset });
            self.finish_record(End::Moved, fx);
            return true;
        }
        let delay = self.spec().handler.delay.0.saturating_sub(self.record().sent.age(fx.now).0);
        if delay > 0 {
            self.thread = Thread::Handling(Work { doing: Doing::Resting(fx.now + SimDuration(delay)), ..work });
            return false;
        }
        self.begin_step(work, fx)
    }

    fn begin_step(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        if self.is_trapped(work.step, false, fx) {
            return true;
        }
        match self.step(work) {
            Step::Business => {
                let until = fx.now + self.handling.latency(self.spec().handler.time);
                self.thread = Thread::Handling(Work { doing: Doing::Until(until), ..work });
                true
            }
            Step::Parse | Step::Ack => self.after_step(work, fx),
            Step::Effect if !self.spec().handler.in_transaction(work.step.into()) => {
                let event = self.apply(self.record(), work.event, fx);
                self.after_step(Work { event, ..work }, fx)
            }
            _ => self.ask_store(work, fx),
        }
    }

    /// A step has done what it does; it may throw now.
    fn after_step(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        let trouble = match self.step(work) {
            Step::Parse if self.is_poison() => Some(Trouble::Unreadable),
            Step::Business if self.business_fails() => Some(Trouble::Business),
            _ => None,
        };
        if let Some(trouble) = trouble {
            return self.end_work(Work { ending: Some(Ending::Thrown(trouble)), ..work }, fx);
        }
        self.next_step(work, fx)
    }

    fn is_poison(&self) -> bool {
        let message = self.record().message;
        self.spec().handler.poison.is_some_and(|every| (message.0 + 1).is_multiple_of(every))
    }

    fn business_fails(&mut self) -> bool {
        let Some((some, of)) = self.spec().handler.fails else { return false };
        self.failing.below(u64::from(of)) < u64::from(some)
    }

    fn next_step(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        // S-4 turned round: the offsets of all that poll() returned are committed before the work on them.
        let is_last = usize::from(work.step) + 1 == self.spec().handler.steps.len();
        let first = self.step(work) == Step::Ack && !is_last && work.doing != Doing::Acknowledged;
        if first && !self.config().enable_auto_commit && self.has_uncommitted(Extent::Positions, |_| true) {
            self.resumes = Some(Work { doing: Doing::Acknowledged, ..work });
            self.call_commit(Extent::Positions, fx);
            return true;
        }
        if self.is_trapped(work.step, true, fx) {
            return true;
        }
        let work = Work { step: work.step + 1, doing: Doing::Beginning, ..work };
        if is_last {
            self.finish_record(End::Done, fx);
        } else {
            self.thread = Thread::Handling(work);
        }
        true
    }

    /// Is the process to crash here? Then it has.
    #[inline]
    fn is_trapped(&mut self, step: u16, after: bool, fx: &mut Effects<'_>) -> bool {
        !self.traps.is_empty() && self.is_caught(self.record().message, (step, after), fx)
    }

    /// The same, at work on this message.
    pub(super) fn is_caught(&mut self, message: MessageId, (step, after): (u16, bool), fx: &mut Effects<'_>) -> bool {
        let at_step = |t: &Trap| t.after == after && t.step.is_none_or(|s| s == step);
        let here = |t: &Trap| at_step(t) && t.message.is_none_or(|m| m == message);
        let Some(at) = self.traps.iter().position(here) else { return false };
        let trap = self.traps.remove(at);
        self.sprung = Some(trap.cause);
        fx.cause =
            fx.trace_from(trap.cause, What::CrashPointReached { consumer: self.id, message, step: u32::from(step), after });
        self.end(Process::Crashed, fx);
        self.rises_at = trap.restart_after.map_or(SimTime::NEVER, |later| fx.now + later);
        true
    }

    // --- Redis and the database --------------------------------------------------------------------------------------------------

    /// What has to be asked now: for the step, or to clean up. None: nothing is left to clean up.
    fn question(&self, work: Work) -> Option<StoreId> {
        match work.ending {
            None if self.step(work).asks_redis() => Some(StoreId::Redis),
            None => Some(StoreId::Database),
            Some(_) if work.open => Some(StoreId::Database),
            Some(Ending::Thrown(_)) if work.marked => Some(StoreId::Redis),
            Some(_) => None,
        }
    }

    fn store_timeout(&self, store: StoreId) -> SimDuration {
        let handler = &self.spec().handler;
        if store == StoreId::Redis { handler.redis_timeout } else { handler.database_timeout }
    }

    fn ask_store(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        let store = self.question(work).expect("there is something to ask");
        let limit = fx.now + self.store_timeout(store);
        self.try_ask(Work { doing: Doing::Connecting(limit), ..work }, fx)
    }

    /// Asks, once the connection is open.
    fn try_ask(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        let Doing::Connecting(limit) = work.doing else { unreachable!("it connects") };
        let store = self.question(work).expect("there is something to ask");
        let server = NodeId::Store(store);
        let cause = std::mem::replace(&mut fx.cause, work.event);
        self.client.open(fx, server, Channel::Client);
        fx.cause = cause;
        if !self.client.is_open(server, Channel::Client) {
            let opening = self.client.blocked_until(server, Channel::Client) == SimTime::NEVER;
            if opening && fx.now < limit {
                self.thread = Thread::Handling(work);
                return false;
            }
            return self.store_failed(work, fx);
        }
        let ask = match store {
            StoreId::Redis => self.redis_request(work, fx),
            StoreId::Database => self.sql_request(work, fx),
            StoreId::Service => unreachable!("no step calls it"),
        };
        let timeout = self.store_timeout(store);
        self.client.ask(fx, server, ask, timeout, work.event, Asked::Store);
        self.thread = Thread::Handling(Work { doing: Doing::Asking, ..work });
        false
    }

    fn redis_request(&self, work: Work, fx: &Effects<'_>) -> (Api, Request) {
        let handler = &self.spec().handler;
        let (api, command, mark, ttl) = match self.step(work) {
            _ if work.ending.is_some() => (Api::Del, Command::Del, Mark::Done, handler.ttl),
            Step::Lease => (Api::SetNx, Command::SetNx, Mark::Working, handler.lease),
            Step::Get => (Api::Get, Command::Get, Mark::Done, handler.ttl),
            Step::Done | Step::Set => (Api::Set, Command::Set, Mark::Done, handler.ttl),
            _ => (Api::SetNx, Command::SetNx, Mark::Done, handler.ttl),
        };
        let key = self.key_of(handler.key, fx);
        (api, Request::Redis(Box::new(RedisRequest { command, key, mark, ttl, subject: self.subject() })))
    }

    fn sql_request(&self, work: Work, fx: &Effects<'_>) -> (Api, Request) {
        let (api, statement) = match self.step(work) {
            _ if work.ending.is_some() => (Api::Rollback, Statement::Rollback),
            Step::Begin => (Api::Begin, Statement::Begin),
            Step::Insert => (Api::Insert, Statement::Insert),
            Step::Commit => (Api::Commit, Statement::Commit),
            _ => (Api::Update, Statement::Effect),
        };
        let key = self.key_of(self.spec().handler.unique, fx);
        (api, Request::Sql(SqlRequest { statement, key, subject: self.subject() }))
    }

    /// What it waits for, if the thread still does.
    fn asking(&self) -> Option<Work> {
        match self.thread {
            Thread::Handling(work) if work.doing == Doing::Asking => Some(work),
            _ => None,
        }
    }

    /// Redis has answered: what it found under the key.
    pub(super) fn on_redis(&mut self, found: Option<Mark>, fx: &mut Effects<'_>) {
        let Some(work) = self.asking() else { return };
        let work = Work { event: fx.cause, ..work };
        if work.ending.is_some() {
            self.end_work(Work { marked: false, ..work }, fx);
            return;
        }
        let bug = self.layout.scenario.has_bug(Bug::LeaseTakenForDone);
        let found = if bug { found.and(Some(Mark::Done)) } else { found };
        match (self.step(work), found) {
            (Step::SetNx | Step::Get, Some(_)) | (Step::Lease, Some(Mark::Done)) => {
                self.end_work(Work { ending: Some(Ending::Absorbed(Wall::Redis)), ..work }, fx);
            }
            (Step::Lease, Some(Mark::Working)) => {
                self.end_work(Work { ending: Some(Ending::Thrown(Trouble::Leased)), ..work }, fx);
            }
            (Step::SetNx | Step::Lease, None) => {
                self.after_step(Work { marked: true, ..work }, fx);
            }
            _ => {
                self.after_step(work, fx);
            }
        }
    }

    /// The database has answered.
    pub(super) fn on_sql(&mut self, result: SqlResult, fx: &mut Effects<'_>) {
        let Some(work) = self.asking() else { return };
        let work = Work { event: fx.cause, ..work };
        if work.ending.is_some() {
            self.end_work(Work { open: false, ..work }, fx);
            return;
        }
        let step = self.step(work);
        match result {
            SqlResult::Ok => {
                self.effects += u32::from(step == Step::Commit);
                let open = if matches!(step, Step::Begin | Step::Commit) { step == Step::Begin } else { work.open };
                self.after_step(Work { open, ..work }, fx);
            }
            SqlResult::UniqueViolation => {
                self.end_work(Work { ending: Some(Ending::Absorbed(Wall::Database)), ..work }, fx);
            }
            // The database has rolled back; every application tries that again.
            SqlResult::Deadlock => {
                let begin = self.spec().handler.steps.iter().position(|&s| s == Step::Begin).expect("it was in a transaction");
                self.thread = Thread::Handling(Work { step: begin as u16, doing: Doing::Beginning, open: false, ..work });
            }
            SqlResult::NoTransaction => {
                self.end_work(Work { open: false, ending: Some(Ending::Thrown(Trouble::Database)), ..work }, fx);
            }
        }
    }

    /// A request to a store is lost: nobody knows what became of it.
    pub(super) fn on_store_lost(&mut self, fx: &mut Effects<'_>) {
        if let Some(work) = self.asking() {
            self.store_failed(work, fx);
        }
    }

    fn store_failed(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        let store = self.question(work).expect("it was asked");
        match (store, work.ending) {
            // What cannot be cleaned up stays: a key until it runs out, a transaction until the database notices.
            (StoreId::Redis, Some(_)) => self.end_work(Work { marked: false, ..work }, fx),
            (StoreId::Database, Some(_)) => self.end_work(Work { open: false, ..work }, fx),
            (StoreId::Redis, None) if self.spec().handler.without_redis == WithoutRedis::Open => self.next_step(work, fx),
            (StoreId::Redis, None) => self.end_work(Work { ending: Some(Ending::Thrown(Trouble::Redis)), ..work }, fx),
            (StoreId::Service, _) => unreachable!("no step calls it"),
            (StoreId::Database, None) => {
                // With its connection the transaction is gone, one way or the other.
                self.end_work(Work { open: false, ending: Some(Ending::Thrown(Trouble::Database)), ..work }, fx)
            }
        }
    }

    // --- the end of the work on a record -----------------------------------------------------------------------------------------

    /// Cleans up, and then ends.
    fn end_work(&mut self, work: Work, fx: &mut Effects<'_>) -> bool {
        if self.question(work).is_some() {
            return self.ask_store(work, fx);
        }
        match work.ending.expect("it ends") {
            Ending::Absorbed(by) => self.absorbed(work, by, fx),
            Ending::Thrown(trouble) => self.thrown(work, trouble, fx),
        }
        true
    }

    /// Done before: on to the acknowledgement.
    fn absorbed(&mut self, work: Work, by: Wall, fx: &mut Effects<'_>) {
        let InHand { partition, offset, message, .. } = self.record();
        let event = fx.trace_from(work.event, What::Absorbed { consumer: self.id, message, partition, offset, by });
        let rest = &self.spec().handler.steps[usize::from(work.step)..];
        match rest.iter().position(|&step| step == Step::Ack) {
            Some(ahead) => {
                let step = work.step + ahead as u16;
                self.thread = Thread::Handling(Work { step, ..Work::new(event) });
            }
            None => self.finish_record(End::Done, fx),
        }
    }

    /// An exception: the records in hand are read again, this one first, unless it has been tried often enough (LOSS-C13).
    fn thrown(&mut self, work: Work, trouble: Trouble, fx: &mut Effects<'_>) {
        let InHand { partition, offset, message, .. } = self.record();
        let step = u32::from(work.step);
        let event = fx.trace_from(work.event, What::HandlerFailed { consumer: self.id, message, step, trouble });
        let most = self.spec().handler.attempts;
        let at = self.failures.iter().position(|(place, _)| *place == (partition, offset)).unwrap_or_else(|| {
            self.failures.push(((partition, offset), 0));
            self.failures.len() - 1
        });
        self.failures[at].1 += 1;
        if most.is_some_and(|most| self.failures[at].1 >= most) {
            self.failures.remove(at);
            let consumer = self.id;
            fx.cause = fx.trace_from(
                event,
                match self.gives_away_failures() {
                    true => What::SentOn { consumer, message, partition, offset },
                    false => What::RecordSkipped { consumer, message, partition, offset },
                },
            );
            return self.finish_record(End::GivenUp, fx);
        }
        while let Some(back) = self.in_hand.pop_back() {
            if let Some(assigned) = self.assigned_mut(back.partition) {
                assigned.position = Some(back.offset);
                assigned.fetch = Position::At(back.offset);
                assigned.epoch = LeaderEpoch::NONE;
                assigned.buffer.clear();
            }
        }
        self.rest_until = fx.now + self.spec().handler.retry_after;
        if !self.finish_forwarding() {
            self.commit_what_is_done(fx);
        }
    }

    /// The record is dealt with.
    fn finish_record(&mut self, end: End, fx: &mut Effects<'_>) {
        let done = self.in_hand.pop_front().expect("it was being handled");
        self.failures.retain(|(place, _)| *place != (done.partition, done.offset));
        if self.spec().forward.is_some_and(|forward| matches(forward.what, end)) {
            self.forward(done.message, fx);
        }
        if self.in_hand.is_empty() && self.finish_forwarding() {
            return;
        }
        self.commit_what_is_done(fx);
    }

    /// S-4: the offset is committed after the business succeeded, and not before.
    fn commit_what_is_done(&mut self, fx: &mut Effects<'_>) {
        let in_time = self.in_hand.is_empty() || self.spec().handler.commit_when == CommitWhen::EachRecord;
        if in_time && self.commits_by_hand(fx.now) {
            self.call_commit(Extent::Done, fx);
        } else {
            self.go_on();
        }
    }
}

/// Is a record that ended so forwarded?
fn matches(what: Forwarded, end: End) -> bool {
    matches!((what, end), (Forwarded::Done, End::Done) | (Forwarded::Failed, End::GivenUp) | (Forwarded::All, End::Moved))
}
