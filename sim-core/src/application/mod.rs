//! What an application stands on besides Kafka: Redis and a database (S-11, S-12), or instead of it, a service (S-16). They are simple, and
//! honest about what they leave out: `docs/model.md` says what that is.

pub mod database;
pub mod redis;
pub mod service;

use crate::ids::{GroupId, MessageId, Offset, PartitionId};

/// What two records must have in common to be taken for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A place in the log.
    Position(PartitionId, Offset),
    /// The number of a message.
    Message(MessageId),
    /// A business key.
    Business(u32),
}

/// A key in Redis, or a unique row: each group has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose.
    pub group: GroupId,
    /// Of what.
    pub name: Name,
}

/// The record that a request is about, for the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The message.
    pub message: MessageId,
    /// Read from this partition.
    pub partition: PartitionId,
    /// At this offset.
    pub offset: Offset,
}
