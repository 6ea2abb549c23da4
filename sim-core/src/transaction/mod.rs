//! Transactions as their coordinator keeps them: the state of a transactional.id, and the records of `__transaction_state`
//! that it is made of. The rules of its changes are in [`transitions`], without any message handling; what travels is in [`wire`].

pub mod transitions;
pub mod wire;

use crate::ids::{PartitionId, Pid, TransactionalId};
use crate::rows::Set;
use crate::time::{SimDuration, SimTime};

/// A producer's epoch before it has one.
pub const NO_EPOCH: i16 = -1;

///
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A producer id and no transaction.
    Empty,
    /// Partitions have joined.
    Ongoing,
    /// Decided: committed. Markers are on their way.
    PrepareCommit,
    /// Decided: aborted. Markers are on their way.
    PrepareAbort,
    /// Every partition has its COMMIT marker.
    CompleteCommit,
    /// Every partition has its ABORT marker.
    CompleteAbort,
    /// The transactional.id is being forgotten.
    Dead,
    /// On its way from Ongoing to PrepareAbort with a newer epoch, so that the producer of before is fenced. Never in the log.
    PrepareEpochFence,
}

impl State {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Ongoing => "Ongoing",
            State::PrepareCommit => "PrepareCommit",
            State::PrepareAbort => "PrepareAbort",
            State::CompleteCommit => "CompleteCommit",
            State::CompleteAbort => "CompleteAbort",
            State::Dead => "Dead",
            State::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// What its markers say, while they are on their way.
    pub fn commits(self) -> Option<bool> {
        match self {
            State::PrepareCommit => Some(true),
            State::PrepareAbort => Some(false),
            _ => None,
        }
    }
}

/// `transaction.version`: how transactions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Producers say which partitions join, and keep their epoch from one transaction to the next.
    V1,
    /// KIP-890: partitions join as they are written to, and each transaction has an epoch of its own.
    V2,
}

/// A producer id with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// Kafka's producer id.
    pub pid: Pid,
    /// Its epoch.
    pub epoch: i16,
}

impl ProducerIdAndEpoch {
    /// None.
    pub const NONE: ProducerIdAndEpoch = ProducerIdAndEpoch { pid: Pid::NONE, epoch: NO_EPOCH };
}

/// What `__transaction_state` says of a transactional.id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The producer id.
    pub pid: Pid,
    /// The one before, if its epochs ran out.
    pub previous_pid: Pid,
    /// The one after this transaction, if the epochs run out with it.
    pub next_pid: Pid,
    /// The newest epoch.
    pub epoch: i16,
    /// The epoch before the last change that a producer asked for, to recognise it when it asks again.
    pub last_epoch: i16,
    /// `transaction.timeout.ms` of the producer.
    pub timeout: SimDuration,
    /// Where it stands.
    pub state: State,
    /// The partitions that have joined and have no marker yet.
    pub partitions: Set<PartitionId>,
    /// When the first one joined.
    pub started: Option<SimTime>,
    /// When this was written.
    pub updated: SimTime,
}

impl Metadata {
    /// A transactional.id that was never seen before.
    pub fn new(pid: Pid, timeout: SimDuration, now: SimTime) -> Metadata {
        Metadata {
            pid,
            previous_pid: Pid::NONE,
            next_pid: Pid::NONE,
            epoch: NO_EPOCH,
            last_epoch: NO_EPOCH,
            timeout,
            state: State::Empty,
            partitions: Set::new(),
            started: None,
            updated: now,
        }
    }

    /// the last epoch but one is kept for fencing.
    pub fn is_epoch_exhausted(&self) -> bool {
        is_epoch_exhausted(self.epoch)
    }
}

/// the last epoch but one is kept for fencing.
pub fn is_epoch_exhausted(epoch: i16) -> bool {
    epoch >= i16::MAX - 1
}

/// A record of `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Whose.
    pub id: TransactionalId,
    /// Its state; none: forgotten.
    pub metadata: Option<Metadata>,
}

/// A transactional.id in its coordinator's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the log has it, as far as that is committed.
    pub metadata: Metadata,
    /// What is being written.
    pub pending: Option<State>,
    /// an epoch was taken to fence a producer, and writing that down failed: it is not taken twice.
    pub has_failed_epoch_fence: bool,
}

impl Entry {
    /// With nothing being written.
    pub fn new(metadata: Metadata) -> Entry {
        Entry { metadata, pending: None, has_failed_epoch_fence: false }
    }
}
