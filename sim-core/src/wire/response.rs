//! What is answered.

use super::{AlterResult, FetchResult, MetadataAnswer, ProduceResult, QuorumView};
use crate::application::redis::Mark;
use crate::error_code::ErrorCode;
use crate::group::classic;
use crate::group::modern::heartbeat::Answer;
use crate::ids::*;
use crate::log::epoch_cache::EpochEnd;
use crate::record::CommittedOffset;
use crate::time::SimDuration;
use crate::trace::SqlResult;
use crate::transaction::wire::TxnResponse;

/// What a client knows of the cluster after a metadata response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMetadata {
    /// By [`PartitionId`]: the leader and its epoch.
    pub leaders: Vec<(Option<BrokerId>, LeaderEpoch)>,
}

/// A response.
#[derive(Clone, Debug)]
pub enum Response {
    /// To Produce.
    Produce(Vec<ProduceResult>),
    /// To ReplicaFetch and Fetch.
    Fetch(Vec<FetchResult>),
    /// To ReplicaFetch.
    ReplicaFetch {
        /// What is wrong with the session.
        error: ErrorCode,
        /// The session.
        session: FetchSessionId,
        /// By partition: those of which there is something to tell.
        results: Vec<FetchResult>,
    },
    /// To Metadata.
    Metadata(ClientMetadata),
    /// To ListOffsets.
    ListOffsets(Vec<(PartitionId, ErrorCode, Offset)>),
    /// To OffsetsForLeaderEpoch, in the order of the request: none where the leader cannot tell.
    OffsetsForLeaderEpoch(Vec<Result<Option<EpochEnd>, ErrorCode>>),
    /// To OffsetFetch.
    OffsetFetch {
        /// For all.
        error: ErrorCode,
        /// Where each partition was left; none where nothing was committed.
        offsets: Vec<(PartitionId, Option<CommittedOffset>)>,
    },
    /// To OffsetCommit.
    OffsetCommit {
        /// For all.
        error: ErrorCode,
    },
    /// To ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat {
        /// Time until the next one.
        interval: SimDuration,
        /// What the member is told.
        result: Result<Answer, ErrorCode>,
    },
    /// To FindCoordinator.
    FindCoordinator {
        /// How it ended.
        error: ErrorCode,
        /// The coordinator.
        coordinator: Option<BrokerId>,
    },
    /// To JoinGroup.
    JoinGroup(classic::Joined),
    /// To SyncGroup.
    SyncGroup {
        /// How it ended.
        error: ErrorCode,
        /// The member's share.
        share: Vec<PartitionId>,
    },
    /// To Heartbeat.
    Heartbeat {
        /// How it ended.
        error: ErrorCode,
    },
    /// To LeaveGroup.
    LeaveGroup {
        /// How it ended.
        error: ErrorCode,
    },
    /// To ApiVersions.
    ApiVersions,
    /// To a command for Redis: what was under the key before.
    Redis(Option<Mark>),
    /// To a statement for the database.
    Sql(SqlResult),
    /// To a call: it is done.
    Called,
    /// To InitProducerId.
    InitProducerId(Pid),
    /// About transactions.
    Transaction(TxnResponse),
    /// To BrokerRegistration.
    BrokerRegistration {
        /// How it ended.
        error: ErrorCode,
        /// The new broker epoch.
        epoch: BrokerEpoch,
    },
    /// To BrokerHeartbeat.
    BrokerHeartbeat {
        /// How it ended.
        error: ErrorCode,
        /// C-5: it may stop now.
        should_shutdown: bool,
    },
    /// To AlterPartition: for each partition an error or the new state.
    AlterPartition {
        /// For all.
        error: ErrorCode,
        /// For each.
        parts: Vec<AlterResult>,
    },
    /// To AllocateProducerIds.
    AllocateProducerIds {
        /// How it ended.
        error: ErrorCode,
        /// The first id of the block.
        first: Pid,
    },
    /// To MetadataFetch.
    MetadataFetch(Box<MetadataAnswer>),
    /// To Vote.
    Vote {
        /// How it ended.
        error: ErrorCode,
        /// What the voter knows.
        view: QuorumView,
        /// The vote is given.
        granted: bool,
    },
    /// To BeginQuorumEpoch and EndQuorumEpoch.
    QuorumEpoch {
        /// How it ended.
        error: ErrorCode,
        /// What the voter knows.
        view: QuorumView,
    },
}
