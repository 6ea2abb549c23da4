//! Why a packet is gone, a consumer has ended, a member has left, a log starts later.

use serde::{Deserialize, Serialize};

/// Why a transmission did not pass, or why a packet never arrived or was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// The link is cut.
    Cut,
    /// The link loses packets, and this was one.
    Loss,
    /// Someone broke the connection that it was on.
    Intervention,
    /// The receiver is not running.
    ReceiverDown,
    /// The connection was closed meanwhile.
    Closed,
    /// It answers a request that was sent twice on its way, and was answered before.
    AnsweredBefore,
}

/// The exception that ended a consuming application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsumerFailure {
    /// NoOffsetForPartitionException: nothing was committed, and `auto.offset.reset` is `none` (F-3).
    NoOffsetForPartition,
    /// OffsetOutOfRangeException: the position is not in the log, and `auto.offset.reset` is `none` (F-3).
    OffsetOutOfRange,
    /// LogTruncationException: records that it has read were replaced, and `auto.offset.reset` is `none` (F-5).
    LogTruncation,
    /// KafkaException: a batch does not fit its CRC (LOSS-B13).
    CorruptRecord,
    /// InconsistentGroupProtocolException: it shares no assignor with its group (G-2).
    InconsistentGroupProtocol,
    /// InvalidSessionTimeoutException: session.timeout.ms is not within the brokers' limits.
    InvalidSessionTimeout,
    /// FencedInstanceIdException: another process has taken over the same `group.instance.id`.
    FencedInstance,
    /// UnreleasedInstanceIdException: another process that has not left holds the same `group.instance.id` (G-22).
    UnreleasedInstance,
    /// GroupMaxSizeReachedException: the group has as many members as `group.max.size` or `group.consumer.max.size` lets in (G-2).
    GroupMaxSizeReached,
}

/// Why a member is no longer in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// It said so.
    Left,
    /// F-15: it was silent for a whole session.
    SessionExpired,
    /// G-23: it did not give partitions up in time.
    RevokedTooLate,
    /// G-3: it did not join again within the rebalance timeout.
    DidNotRejoin,
    /// It joined and never asked for its assignment (G-4).
    DidNotSync,
    /// G-10: another process has its instance id now.
    Replaced,
    /// G-2: `group.max.size` others were there before it.
    GroupFull,
}

/// Why a log starts later than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartReason {
    /// `retention.ms`.
    Age,
    /// `retention.bytes`.
    Size,
    /// DeleteRecords.
    Request,
    /// The leader's log starts there.
    Leader,
    /// the leader's log starts beyond this one's end: everything was dropped.
    StartAgain,
}
