//! The in-sync replicas as a leader holds them: committed, or with one change in flight (R-30..R-34).

use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, PartitionEpoch};
use crate::set::BrokerSet;

/// While a change is in flight the larger set counts, since the controller may or may not have applied it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsrState {
    /// What the controller last said.
    Committed(BrokerSet),
    /// Asked to take members in.
    PendingExpand {
        /// What the controller last said.
        committed: BrokerSet,
        /// What was asked for.
        asked: BrokerSet,
    },
    /// Asked to take members out.
    PendingShrink {
        /// What the controller last said.
        committed: BrokerSet,
        /// What was asked for.
        asked: BrokerSet,
    },
}

/// does a follower's log reach far enough for the ISR? It has all that is known to be committed, and all that the leader began its
/// epoch with: the leader does not know how much of that was committed before. (No `epoch_start`: the rule before KIP-320.)
///
/// Example: a new leader at 20 whose watermark is still 10. A follower at 15 has not reached the epoch's start: record 17 may be committed.
pub fn reaches_far_enough(log_end: Offset, high_watermark: Offset, epoch_start: Option<Offset>) -> bool {
    log_end >= high_watermark && epoch_start.is_none_or(|start| log_end >= start)
}

/// What a leader does with the controller's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterReply {
    /// Go back to the committed set; the next check may ask again.
    BackToCommitted,
    /// Stay pending (the stricter high watermark) until metadata arrives.
    AwaitMetadata,
    /// Send it again.
    Retry,
}

impl IsrState {
    /// What the controller last said: minISR is measured against this (L-5, R-20).
    pub fn committed(self) -> BrokerSet {
        match self {
            IsrState::Committed(isr) => isr,
            IsrState::PendingExpand { committed, .. } | IsrState::PendingShrink { committed, .. } => committed,
        }
    }

    /// The larger set: the high watermark waits for all of these.
    pub fn maximal(self) -> BrokerSet {
        match self {
            IsrState::Committed(isr) => isr,
            IsrState::PendingExpand { committed, asked } => committed.union(asked),
            IsrState::PendingShrink { committed, .. } => committed,
        }
    }

    /// L-5, R-20: are fewer members committed than a write or an advance of the high watermark needs?
    pub fn is_under_min_isr(self, min_isr: u32) -> bool {
        self.committed().len() < min_isr
    }

    /// Is a change in flight?
    pub fn is_pending(self) -> bool {
        !matches!(self, IsrState::Committed(_))
    }

    /// The set that was asked for, if a change is in flight.
    pub fn asked(self) -> Option<BrokerSet> {
        match self {
            IsrState::Committed(_) => None,
            IsrState::PendingExpand { asked, .. } | IsrState::PendingShrink { asked, .. } => Some(asked),
        }
    }

    /// the controller refused: takes the state back if that is what the error asks for.
    pub fn refused(&mut self, error: ErrorCode) -> AfterReply {
        let after = IsrState::on_error(error);
        if after == AfterReply::BackToCommitted {
            *self = IsrState::Committed(self.committed());
        }
        after
    }

    /// what an error asks for.
    pub fn on_error(error: ErrorCode) -> AfterReply {
        match error {
            ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => AfterReply::BackToCommitted,
            ErrorCode::UnknownTopicOrPartition
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::NewLeaderElected => AfterReply::AwaitMetadata,
            _ => AfterReply::Retry,
        }
    }

    /// a success is adopted if the leader epoch is still the same and the version is not an older one.
    pub fn adopts(reply: (LeaderEpoch, PartitionEpoch), local: (LeaderEpoch, PartitionEpoch)) -> bool {
        reply.0 == local.0 && reply.1 >= local.1
    }
}
