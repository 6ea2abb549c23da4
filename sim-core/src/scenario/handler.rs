//! What an application does with a record, as a list of steps over three resources: Redis, a database, and the commit of the offset
//! (S-4, S-11, S-12). Ready-made lists have names; others are written out in the scenario file.

use crate::time::SimDuration;
use serde::{Deserialize, Serialize};

/// One step. A process can be crashed before and after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Redis: `SET key NX EX ttl`. The key is there already: the record is taken for done and acknowledged (S-11).
    SetNx,
    /// Redis: `SET key working NX EX lease`. Somebody works on it: an exception. It is done: the record is acknowledged.
    Lease,
    /// Redis: `SET key done EX ttl`.
    Done,
    /// Redis: `GET key`. It is there: the record is acknowledged. With `set` later on this is a check before the act (DUP-18).
    Get,
    /// Redis: `SET key EX ttl`.
    Set,
    /// The record is parsed. It takes no time, and fails for a message that cannot be parsed.
    Parse,
    /// The business takes its time, and may throw.
    Business,
    /// Database: a transaction begins.
    Begin,
    /// Database: a row with the message's identity, which must be unique. Outside of a transaction it counts at once. The row is there
    /// already: the record was done before, and is acknowledged (S-12).
    Insert,
    /// What the business is about. Between `begin` and `commit` it is a change in the database and counts when that commits; elsewhere it
    /// happens outside, at once (a mail, a call to somebody else).
    Effect,
    /// Database: the transaction commits.
    Commit,
    /// The record may be committed to Kafka.
    Ack,
}

impl Step {
    /// All, in the order in which they are explained.
    pub const ALL: [Step; 12] = [
        Step::SetNx,
        Step::Lease,
        Step::Done,
        Step::Get,
        Step::Set,
        Step::Parse,
        Step::Business,
        Step::Begin,
        Step::Insert,
        Step::Effect,
        Step::Commit,
        Step::Ack,
    ];

    /// As scenario files write it.
    pub fn name(self) -> &'static str {
        match self {
            Step::SetNx => "setnx",
            Step::Lease => "lease",
            Step::Done => "done",
            Step::Get => "get",
            Step::Set => "set",
            Step::Parse => "parse",
            Step::Business => "business",
            Step::Begin => "begin",
            Step::Insert => "insert",
            Step::Effect => "effect",
            Step::Commit => "commit",
            Step::Ack => "ack",
        }
    }

    /// Is Redis asked?
    pub fn asks_redis(self) -> bool {
        matches!(self, Step::SetNx | Step::Lease | Step::Done | Step::Get | Step::Set)
    }
}

/// A ready-made list of steps: what stands between a redelivered record and its second effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Nothing: the effect, then the acknowledgement.
    None,
    /// The acknowledgement first (LOSS-C1).
    CommitFirst,
    /// A key in Redis.
    Redis,
    /// A unique row, and the effect outside of its transaction (DUP-20, LOSS-C12).
    Database,
    /// Both, as the article has them: the row and the effect in one transaction behind the key (S-11, S-12).
    RedisAndDatabase,
    /// A key with two states: somebody works on it, for as long as a lease; it is done.
    MarkerWithLease,
    /// A unique row and the effect in one transaction, and nothing else.
    Inbox,
}

impl Pattern {
    /// Every pattern, with the name that scenario files give it.
    pub const ALL: [(&'static str, Pattern); 7] = [
        ("none", Pattern::None),
        ("commit-first", Pattern::CommitFirst),
        ("redis", Pattern::Redis),
        ("database", Pattern::Database),
        ("redis+db", Pattern::RedisAndDatabase),
        ("marker-with-lease", Pattern::MarkerWithLease),
        ("inbox", Pattern::Inbox),
    ];

    /// Its steps.
    pub fn steps(self) -> &'static [Step] {
        use Step::{Ack, Begin, Business, Commit, Done, Effect, Insert, Lease, Parse, SetNx};
        match self {
            Pattern::None => &[Business, Effect, Ack],
            Pattern::CommitFirst => &[Ack, Business, Effect],
            Pattern::Redis => &[SetNx, Parse, Business, Effect, Ack],
            Pattern::Database => &[Parse, Business, Insert, Effect, Ack],
            Pattern::RedisAndDatabase => &[SetNx, Parse, Business, Begin, Insert, Effect, Commit, Ack],
            Pattern::MarkerWithLease => &[Lease, Parse, Business, Effect, Done, Ack],
            Pattern::Inbox => &[Parse, Business, Begin, Insert, Effect, Commit, Ack],
        }
    }
}

/// By what two records are taken for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Where it lies in the log: two copies of one message are two (DUP-16).
    Position,
    /// The number that the sending application gave the message.
    Message,
    /// The record's key, an order's number say: two messages about one order are one (LOSS-C11).
    BusinessKey,
}

impl Identity {
    /// Every kind, with its name in scenario files.
    pub const ALL: [(&'static str, Identity); 3] = [
        ("topic-partition-offset", Identity::Position),
        ("message-id", Identity::Message),
        ("business-key", Identity::BusinessKey),
    ];
}

/// What the application does when Redis does not answer (S-11, hole 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WithoutRedis {
    /// The exception goes up: the record is not acknowledged, and tried again.
    Closed,
    /// It goes on without.
    Open,
}

/// How an application that commits by hand does it (F-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitCall {
    /// `commitSync()` waits, and tries again.
    Sync,
    /// `commitAsync()` does neither.
    Async,
}

/// When it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommitWhen {
    /// After the last record of a poll.
    PollDone,
    /// After each record.
    EachRecord,
}

/// What it commits in onPartitionsRevoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnRevoke {
    /// Nothing (DUP-13).
    Nothing,
    /// What it takes for done.
    Done,
    /// All that `poll()` has returned (LOSS-C5).
    Positions,
}

/// What it takes for done when workers have its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkersCommit {
    /// What lies below the first record that is not finished.
    Done,
    /// What lies below the last record that is finished, though others before it may not be (LOSS-C4).
    HighestDone,
}

/// The application's business with one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandlerSpec {
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// By what Redis knows a record.
    pub key: Identity,
    /// What is unique in the database.
    pub unique: Identity,
    /// How long Redis keeps a key.
    pub ttl: SimDuration,
    /// How long a `lease` is good for.
    pub lease: SimDuration,
    /// When Redis does not answer.
    pub without_redis: WithoutRedis,
    /// How long it waits for an answer of Redis.
    pub redis_timeout: SimDuration,
    /// How long it waits for an answer of the database.
    pub database_timeout: SimDuration,
    /// After an exception it seeks back, waits this long and polls again.
    pub retry_after: SimDuration,
    /// How often it tries a record before it goes on without (LOSS-C13); none: for ever.
    pub attempts: Option<u32>,
    /// Of so many attempts at the business so many throw, as the seed draws them: (2, 7) are two of seven.
    pub fails: Option<(u32, u32)>,
    /// Every so many-th message cannot be parsed.
    pub poison: Option<u32>,
    /// How long the business takes.
    pub time: super::Latency,
    /// A record is worked on no sooner than this after the time that it says it is of: the delay of a retry topic.
    pub delay: SimDuration,
    /// Threads to which records are handed over, so that `poll()` is called on; 0: the thread that polls works itself.
    pub workers: u16,
    /// How an application that commits by hand does it.
    pub commit: CommitCall,
    /// When it does.
    pub commit_when: CommitWhen,
    /// But not sooner than this after its last commit.
    pub commit_every: SimDuration,
    /// What it commits in onPartitionsRevoked.
    pub commit_on_revoke: OnRevoke,
    /// What it commits when workers have its records.
    pub commit_offsets: WorkersCommit,
}

impl HandlerSpec {
    /// The application that a scenario gets which says nothing about it.
    pub fn plain() -> HandlerSpec {
        HandlerSpec {
            steps: Pattern::None.steps().to_vec(),
            key: Identity::Position,
            unique: Identity::Message,
            ttl: SimDuration::from_secs(72 * 3_600),
            lease: SimDuration::from_secs(30),
            without_redis: WithoutRedis::Closed,
            redis_timeout: SimDuration::from_secs(2),
            database_timeout: SimDuration::from_secs(10),
            retry_after: SimDuration::from_secs(1),
            attempts: None,
            fails: None,
            poison: None,
            time: super::Latency::Fixed(SimDuration::from_millis(1)),
            delay: SimDuration::ZERO,
            workers: 0,
            commit: CommitCall::Sync,
            commit_when: CommitWhen::PollDone,
            commit_every: SimDuration::ZERO,
            commit_on_revoke: OnRevoke::Done,
            commit_offsets: WorkersCommit::Done,
        }
    }

    /// Does it do its business and nothing else?
    pub fn is_plain(&self) -> bool {
        self.steps == Pattern::None.steps() && self.fails.is_none() && self.delay == SimDuration::ZERO
    }

    /// Does it ask Redis?
    pub fn uses_redis(&self) -> bool {
        self.steps.iter().any(|step| step.asks_redis())
    }

    /// Does it ask the database?
    pub fn uses_database(&self) -> bool {
        self.steps.iter().any(|&step| matches!(step, Step::Begin | Step::Insert | Step::Commit))
    }

    /// Is a record acknowledged before its effect (LOSS-C1)?
    pub fn acknowledges_first(&self) -> bool {
        let place = |of: Step| self.steps.iter().position(|&step| step == of);
        place(Step::Ack) < place(Step::Effect)
    }

    /// Is this step between `begin` and `commit`?
    pub fn in_transaction(&self, at: usize) -> bool {
        let last = self.steps[..at].iter().rfind(|step| matches!(step, Step::Begin | Step::Commit));
        last == Some(&Step::Begin)
    }

    /// Are the unique row and the effect in one transaction, and the row known by the message's own number? Then there is no second effect,
    /// whatever happens (INV-92).
    pub fn does_each_once_at_most(&self) -> bool {
        let inside = |wanted: Step| self.steps.iter().position(|&step| step == wanted).is_some_and(|at| self.in_transaction(at));
        inside(Step::Insert) && inside(Step::Effect) && self.unique == Identity::Message
    }

    /// Is nothing acknowledged before its effect: no mark that is set before it, no last attempt, no identity that two messages share
    /// (INV-92)? `workers` and commits are another matter.
    pub fn does_each_once_at_least(&self) -> bool {
        let place = |of: Step| self.steps.iter().position(|&step| step == of);
        let row_first = place(Step::Insert) < place(Step::Effect) && place(Step::Insert).is_some();
        let together = |step: Step| place(step).is_some_and(|at| self.in_transaction(at));
        let row_counts_alone = row_first && !(together(Step::Insert) && together(Step::Effect));
        let own_key = !self.uses_redis() || self.key != Identity::BusinessKey;
        let own_row = !self.steps.contains(&Step::Insert) || self.unique != Identity::BusinessKey;
        !self.acknowledges_first()
            && !self.steps.contains(&Step::SetNx)
            && !row_counts_alone
            && self.attempts.is_none()
            && own_key
            && own_row
    }

    /// Is a mark in Redis or a row what tells copies of a record apart, and only its place in the log?
    pub fn knows_places_only(&self) -> bool {
        let redis = self.uses_redis().then_some(self.key);
        let database = self.steps.contains(&Step::Insert).then_some(self.unique);
        let mut walls = redis.into_iter().chain(database).peekable();
        walls.peek().is_some() && walls.all(|wall| wall == Identity::Position)
    }
}
