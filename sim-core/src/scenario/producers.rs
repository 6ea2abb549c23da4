//! The producing applications: how they send, send again, and use transactions.

use crate::config::ProducerConfig;
use crate::ids::*;
use crate::time::{SimDuration, SimTime};

/// How the application calls `send()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendMode {
    /// Waits for the outcome of each before the next.
    Sync,
    /// Goes on at once; a callback learns the outcome.
    Async,
    /// Goes on at once, and nobody ever looks at the outcome (P-11, LOSS-P1).
    FireAndForget,
    /// S-9, `sendSync`: waits for the outcome, up to a limit, and sends the same message again after an error or a timeout.
    SyncRetry,
    /// S-10, `sendAsync`: goes on at once; what fails is written into a table, and a scheduled job sends it again.
    AsyncTable,
    /// The message is a row first, written in the transaction of the business; a relay sends the rows and marks them.
    Outbox,
    /// Nothing is sent: a service is called, and the answer waited for (S-16).
    Call,
}

impl SendMode {
    /// Does the application look after its messages itself?
    pub fn keeps(self) -> bool {
        matches!(self, SendMode::SyncRetry | SendMode::AsyncTable | SendMode::Outbox)
    }

    /// The points of the application's work.
    pub fn steps(self) -> &'static [SendStep] {
        match self {
            SendMode::Sync | SendMode::Async | SendMode::SyncRetry | SendMode::Call => &[SendStep::Send, SendStep::Result],
            SendMode::FireAndForget => &[SendStep::Send],
            SendMode::AsyncTable | SendMode::Outbox => &[SendStep::Row, SendStep::Send, SendStep::Result, SendStep::Mark],
        }
    }
}

/// A step of a sending application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendStep {
    /// The row is written.
    Row,
    /// The record is handed to the client.
    Send,
    /// The outcome is known.
    Result,
    /// The row is marked, or deleted.
    Mark,
}

impl SendStep {
    /// As scenario files write it.
    pub fn name(self) -> &'static str {
        match self {
            SendStep::Row => "row",
            SendStep::Send => "send",
            SendStep::Result => "result",
            SendStep::Mark => "mark",
        }
    }
}

/// How an application sends again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResendSpec {
    /// How often it sends one message at most; none: until it arrives.
    pub attempts: Option<u32>,
    /// S-9: how long it waits for an outcome.
    pub timeout: SimDuration,
    /// S-9: it waits so long times the number of the attempt.
    pub backoff: SimDuration,
    /// How often the job, or the relay, looks at the table.
    pub every: SimDuration,
}

impl ResendSpec {
    /// Of an application that never sends again.
    pub const NEVER: ResendSpec =
        ResendSpec { attempts: Some(1), timeout: SimDuration::ZERO, backoff: SimDuration::ZERO, every: SimDuration::ZERO };
}

/// A producing application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSpec {
    /// Its name.
    pub name: String,
    /// Where it sends. Of an application that calls, the first one, which means nothing.
    pub topic: TopicId,
    /// How many messages it intends.
    pub messages: u32,
    /// Time between two intents.
    pub interval: SimDuration,
    /// When it starts.
    pub start: SimTime,
    /// How many distinct keys; 0: records without key.
    pub keys: u32,
    /// Bytes of one record, key and value.
    pub record_bytes: u32,
    /// Every so many-th of its records is a tombstone; none: no record is.
    pub tombstones: Option<u32>,
    /// Its records say that they are this old when they are sent (CreateTime).
    pub timestamp_age: SimDuration,
    /// How it sends.
    pub send: SendMode,
    /// How it sends again by itself.
    pub resend: ResendSpec,
    /// How many threads of it call `send()`.
    pub threads: u16,
    /// P-20: every record names this partition.
    pub partition: Option<u16>,
    /// P-48: how long `close()` waits; none: until all is sent.
    pub close: Option<SimDuration>,
    /// How it uses transactions; none without a transactional.id.
    pub transaction: Option<TransactionSpec>,
    /// The member of a group whose outputs it sends; none for an application of its own.
    pub feeder: Option<(GroupId, u16)>,
    /// What its client runs with.
    pub config: ProducerConfig,
}

/// How an application uses transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionSpec {
    /// How many messages go into one.
    pub size: u32,
    /// Of so many transactions it aborts so many: (2, 7) are two of seven.
    pub abort: Option<(u32, u32)>,
    /// After an abort it sends the same messages again; else it drops them (LOSS-P9).
    pub repeat: bool,
    /// When its producer must be closed it starts another; else it ends.
    pub restart: bool,
}
