//! A database: transactions, a unique constraint, and an effect that counts when its transaction commits (S-12). An INSERT of a row that
//! an open transaction has inserted waits for that one's end, as in any database. What is committed survives every crash.

use super::{Key, Subject};
use crate::bug::Bug;
use crate::effects::{Caller, Effects};
use crate::ids::{ConsumerId, NodeId, StoreId};
use crate::layout::Layout;
use crate::producer::Process;
use crate::rng::Stream;
use crate::rows::Shared;
use crate::time::{SimDuration, SimTime};
use crate::trace::{RolledBack, SqlResult, Statement, What};
use crate::wire::{Body, Packet, Request, Response};
use std::sync::Arc;

/// A transaction whose client has been silent for so long is rolled back: `idle_in_transaction_session_timeout`.
const IDLE: SimDuration = SimDuration::from_secs(60);

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlRequest {
    /// The statement.
    pub statement: Statement,
    /// Of an INSERT: the row.
    pub key: Key,
    /// What it is about.
    pub subject: Subject,
}

/// An open transaction. Each client has one at most.
#[derive(Clone, Debug)]
struct Transaction {
    consumer: ConsumerId,
    rows: Vec<Key>,
    effects: Vec<Subject>,
    /// When its client was heard last.
    heard: SimTime,
}

/// An INSERT that waits for the end of the transaction that has inserted its row.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    caller: Caller,
    consumer: ConsumerId,
    key: Key,
    subject: Subject,
}

/// The server.
#[derive(Clone, Debug)]
pub struct Database {
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    /// The unique rows that are committed.
    rows: Shared<Key, ()>,
    open: Vec<Transaction>,
    waiting: Vec<Waiting>,
    deadlocks: Stream,
}

impl Database {
    /// An empty one.
    pub fn new(layout: Arc<Layout>) -> Database {
        let deadlocks = Stream::new(layout.scenario.seed, "deadlocks database");
        Database { layout, process: Process::Up, rows: Shared::default(), open: Vec::new(), waiting: Vec::new(), deadlocks }
    }

    const NODE: NodeId = NodeId::Store(StoreId::Database);

    /// Unique rows.
    pub fn rows(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Transactions that are open.
    pub fn open(&self) -> u32 {
        self.open.len() as u32
    }

    /// A statement arrived.
    pub fn handle(&mut self, packet: &Packet, fx: &mut Effects<'_>) {
        let caller = Caller::of(packet);
        let request = match &packet.body {
            Body::Request(Request::Sql(request)) => *request,
            _ => {
                let cause = fx.cause;
                return fx.respond(&caller, Database::NODE, cause, Response::ApiVersions);
            }
        };
        let NodeId::Consumer(consumer) = caller.node else { unreachable!("only consumers ask the database") };
        if let Some(open) = self.open.iter_mut().find(|t| t.consumer == consumer) {
            open.heard = fx.now;
        }
        if let Some(result) = self.execute(consumer, &request, caller, fx) {
            self.answer(&caller, consumer, (request.statement, request.subject), result, fx);
        }
    }

    fn answer(
        &mut self,
        caller: &Caller,
        consumer: ConsumerId,
        about: (Statement, Subject),
        result: SqlResult,
        fx: &mut Effects<'_>,
    ) {
        let (statement, Subject { message, .. }) = about;
        let cause = fx.trace(What::DatabaseAnswered { consumer, message, statement, result });
        fx.respond(caller, Database::NODE, cause, Response::Sql(result));
    }

    /// None: it has to wait.
    fn execute(&mut self, consumer: ConsumerId, request: &SqlRequest, caller: Caller, fx: &mut Effects<'_>) -> Option<SqlResult> {
        let SqlRequest { statement, key, subject } = *request;
        let open = self.open.iter().position(|t| t.consumer == consumer);
        match statement {
            Statement::Begin => {
                self.roll_back(consumer, None, fx); // one that its client has given up
                self.open.push(Transaction { consumer, rows: Vec::new(), effects: Vec::new(), heard: fx.now });
                Some(SqlResult::Ok)
            }
            Statement::Insert => self.insert(Waiting { caller, consumer, key, subject }, fx),
            Statement::Effect => Some(match open {
                Some(at) => {
                    self.open[at].effects.push(subject);
                    SqlResult::Ok
                }
                None => SqlResult::NoTransaction,
            }),
            Statement::Commit => Some(self.commit(consumer, fx)),
            Statement::Rollback => {
                self.roll_back(consumer, Some(RolledBack::Asked), fx);
                Some(SqlResult::Ok)
            }
        }
    }

    fn insert(&mut self, insert: Waiting, fx: &mut Effects<'_>) -> Option<SqlResult> {
        let Waiting { consumer, key, .. } = insert;
        if self.draws_deadlock() && self.open.iter().any(|t| t.consumer == consumer) {
            self.roll_back(consumer, Some(RolledBack::Deadlock), fx);
            return Some(SqlResult::Deadlock);
        }
        if self.rows.contains_key(&key) {
            return Some(SqlResult::UniqueViolation);
        }
        let held = self.open.iter().any(|t| t.consumer != consumer && t.rows.contains(&key));
        if held {
            self.waiting.push(insert);
            return None;
        }
        match self.open.iter_mut().find(|t| t.consumer == consumer) {
            Some(open) if open.rows.contains(&key) => return Some(SqlResult::UniqueViolation),
            Some(open) => open.rows.push(key),
            None => {
                self.rows.insert(key, ());
            }
        }
        Some(SqlResult::Ok)
    }

    fn draws_deadlock(&mut self) -> bool {
        let per_mille = self.layout.scenario.database.deadlocks_per_mille;
        per_mille > 0 && self.deadlocks.below(1_000) < u64::from(per_mille)
    }

    fn commit(&mut self, consumer: ConsumerId, fx: &mut Effects<'_>) -> SqlResult {
        let Some(at) = self.open.iter().position(|t| t.consumer == consumer) else { return SqlResult::NoTransaction };
        let done = self.open.remove(at);
        if !self.layout.scenario.has_bug(Bug::ForgetsUniqueRows) {
            self.rows.extend(done.rows.into_iter().map(|key| (key, ())));
        }
        for Subject { message, partition, offset } in done.effects {
            fx.trace(What::Effect { consumer, message, partition, offset });
        }
        self.serve_waiting(fx);
        SqlResult::Ok
    }

    fn roll_back(&mut self, consumer: ConsumerId, why: Option<RolledBack>, fx: &mut Effects<'_>) {
        let Some(at) = self.open.iter().position(|t| t.consumer == consumer) else { return };
        self.open.remove(at);
        let why = why.unwrap_or(RolledBack::ClientGone);
        fx.trace(What::TransactionRolledBack { consumer, why });
        self.serve_waiting(fx);
    }

    /// A transaction has ended: who waited for its rows goes on.
    fn serve_waiting(&mut self, fx: &mut Effects<'_>) {
        for insert in std::mem::take(&mut self.waiting) {
            if let Some(result) = self.insert(insert, fx) {
                self.answer(&insert.caller, insert.consumer, (Statement::Insert, insert.subject), result, fx);
            }
        }
    }

    // --- the process ---------------------------------------------------------------------------------------------------------

    /// A client's connection is closed: its transaction is rolled back.
    pub fn client_gone(&mut self, client: NodeId, fx: &mut Effects<'_>) {
        if let NodeId::Consumer(consumer) = client {
            self.waiting.retain(|w| w.consumer != consumer);
            self.roll_back(consumer, Some(RolledBack::ClientGone), fx);
        }
    }

    /// Its process ends; open transactions are gone.
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        self.process = process;
        let (node, power) = (Database::NODE, process == Process::PoweredOff);
        fx.cause = fx.trace(if process == Process::Stopped { What::Stopped { node } } else { What::Crashed { node, power } });
        if !power {
            fx.hang_up_all(node, fx.cause);
        }
        self.waiting.clear();
        for lost in std::mem::take(&mut self.open) {
            fx.trace(What::TransactionRolledBack { consumer: lost.consumer, why: RolledBack::Crash });
        }
    }

    /// It is there again, with all that was committed.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        fx.trace(What::Started { node: Database::NODE });
    }

    /// Clients that were not heard for long are taken for gone.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        while let Some(silent) = self.open.iter().find(|t| t.heard + IDLE <= fx.now).map(|t| t.consumer) {
            self.roll_back(silent, Some(RolledBack::Idle), fx);
        }
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        if self.process != Process::Up {
            return SimTime::NEVER;
        }
        self.open.iter().map(|t| t.heard + IDLE).min().unwrap_or(SimTime::NEVER)
    }
}
