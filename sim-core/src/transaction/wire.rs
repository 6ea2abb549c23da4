//! What producers, coordinators and leaders say to one another about transactions (X-1..X-8).

use super::ProducerIdAndEpoch;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, GroupId, LeaderEpoch, MemberId, PartitionId, Pid, TransactionalId};
use crate::record::CommittedOffset;
use crate::time::SimDuration;

/// A request.
#[derive(Clone, Debug)]
pub enum TxnRequest {
    /// Who coordinates this transactional.id?
    FindCoordinator {
        /// Whose.
        id: TransactionalId,
    },
    ///
    InitProducerId {
        /// Whose.
        id: TransactionalId,
        /// `transaction.timeout.ms`.
        timeout: SimDuration,
        /// What the producer has, if it only wants the next epoch.
        expected: Option<ProducerIdAndEpoch>,
    },
    /// X-4, from a producer (version 1).
    AddPartitions {
        /// Whose.
        id: TransactionalId,
        /// By whom.
        producer: ProducerIdAndEpoch,
        /// These join.
        partitions: Vec<PartitionId>,
    },
    /// L-2, from a leader that was sent a transactional batch.
    BrokerAddPartitions {
        /// Whose.
        id: TransactionalId,
        /// By whom.
        producer: ProducerIdAndEpoch,
        /// These join, or should have joined.
        partitions: Vec<PartitionId>,
        /// Version 1: nothing joins by this.
        verify_only: bool,
    },
    /// X-5, version 1: the group's offsets partition joins.
    AddOffsets {
        /// Whose.
        id: TransactionalId,
        /// By whom.
        producer: ProducerIdAndEpoch,
        /// Whose offsets.
        group: GroupId,
    },
    /// X-5, to the coordinator of the group.
    OffsetCommit(TxnOffsetCommit),
    ///
    End {
        /// Whose.
        id: TransactionalId,
        /// By whom.
        producer: ProducerIdAndEpoch,
        /// Or abort.
        commit: bool,
    },
    /// X-6, from a coordinator to leaders.
    WriteMarkers(Vec<MarkerRequest>),
}

/// offsets that count when the transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommit {
    /// Whose.
    pub id: TransactionalId,
    /// By whom.
    pub producer: ProducerIdAndEpoch,
    /// Of this group.
    pub group: GroupId,
    /// By this member of it.
    pub member: Option<MemberId>,
    /// At this generation or epoch; -1 for a consumer without membership.
    pub generation: i32,
    /// The next offset of each partition.
    pub offsets: Vec<(PartitionId, CommittedOffset)>,
}

/// One transaction's end for the partitions that one broker leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerRequest {
    /// The producer id, and the epoch that the marker carries.
    pub producer: ProducerIdAndEpoch,
    /// COMMIT or ABORT.
    pub commit: bool,
    /// The leader epoch of the coordinator's partition.
    pub coordinator_epoch: LeaderEpoch,
    /// Where.
    pub partitions: Vec<PartitionId>,
}

/// One marker's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerResult {
    /// Whose.
    pub pid: Pid,
    /// Where.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
}

/// A response.
#[derive(Clone, Debug)]
pub enum TxnResponse {
    /// To FindCoordinator.
    FindCoordinator {
        /// How it ended.
        error: ErrorCode,
        /// The coordinator.
        coordinator: Option<BrokerId>,
    },
    /// To InitProducerId and EndTxn: the numbers to go on with.
    Producer {
        /// How it ended.
        error: ErrorCode,
        /// The producer id and epoch from now on.
        producer: ProducerIdAndEpoch,
    },
    /// To AddPartitionsToTxn, AddOffsetsToTxn and TxnOffsetCommit.
    Done {
        /// How it ended.
        error: ErrorCode,
    },
    /// To a leader's AddPartitionsToTxn.
    Partitions(Vec<(PartitionId, ErrorCode)>),
    /// To WriteTxnMarkers.
    Markers(Vec<MarkerResult>),
}

impl TxnResponse {
    /// Bad news?
    pub fn is_error(&self) -> bool {
        match self {
            TxnResponse::FindCoordinator { error, .. } | TxnResponse::Producer { error, .. } | TxnResponse::Done { error } => {
                *error != ErrorCode::None
            }
            TxnResponse::Partitions(results) => results.iter().any(|(_, error)| *error != ErrorCode::None),
            TxnResponse::Markers(results) => results.iter().any(|r| r.error != ErrorCode::None),
        }
    }
}
