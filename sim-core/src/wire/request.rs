//! What is asked.

use super::{AlterPart, EpochPart, FetchMetadata, FetchPart, OffsetSpec, ProducePart};
use crate::application::database::SqlRequest;
use crate::application::redis::RedisRequest;
use crate::config::Isolation;
use crate::group::classic;
use crate::group::modern::heartbeat::Heartbeat;
use crate::ids::*;
use crate::record::CommittedOffset;
use crate::time::SimDuration;
use crate::transaction::wire::TxnRequest;

/// A request.
#[derive(Clone, Debug)]
pub enum Request {
    /// Append these.
    Produce {
        /// -1, 0 or 1.
        acks: i8,
        /// How long the broker may wait (L-21).
        timeout: SimDuration,
        /// The producer's transactional.id, if it has one (L-2).
        transactional_id: Option<TransactionalId>,
        /// One batch for each partition.
        parts: Vec<ProducePart>,
    },
    /// A follower's fetch.
    ReplicaFetch {
        /// The follower.
        replica: BrokerId,
        /// Its registration.
        broker_epoch: BrokerEpoch,
        /// How long to wait for data.
        max_wait: SimDuration,
        /// For one partition.
        partition_max_bytes: u32,
        /// For all together.
        max_bytes: u32,
        /// Its session.
        metadata: FetchMetadata,
        /// What it wants, so far as that has changed within the session.
        parts: Vec<FetchPart>,
        /// What it wants no more.
        forgotten: Vec<PartitionId>,
    },
    /// A consumer's fetch.
    Fetch {
        /// How long to wait for data.
        max_wait: SimDuration,
        /// How far it wants to read.
        isolation: Isolation,
        /// `client.rack`, if the cluster has such a rack (F-6).
        rack: Option<RackId>,
        /// Wait for this many bytes.
        min_bytes: u32,
        /// For one partition.
        partition_max_bytes: u32,
        /// For all together.
        max_bytes: u32,
        /// What it wants.
        parts: Vec<FetchPart>,
    },
    /// Who leads what?
    Metadata,
    /// Where does the log start (earliest) or end (latest)?
    ListOffsets {
        /// The partitions, with the leader epoch that a follower knows; a consumer leaves it at -1.
        parts: Vec<(PartitionId, LeaderEpoch)>,
        /// What is asked for.
        of: OffsetSpec,
        /// What counts as the end for a consumer; for a follower, who has none, that of the log does.
        isolation: Option<Isolation>,
    },
    /// Where do these epochs end in the leaders' logs?
    OffsetsForLeaderEpoch {
        /// The partitions.
        parts: Vec<EpochPart>,
    },
    /// Where did the group stop?
    OffsetFetch {
        /// The group.
        group: GroupId,
        /// Who asks, in a group of the consumer protocol.
        by: Option<(MemberId, MemberEpoch)>,
        /// The partitions.
        partitions: Vec<PartitionId>,
    },
    /// The group got this far.
    OffsetCommit {
        /// The group.
        group: GroupId,
        /// Who commits.
        member: Option<MemberId>,
        /// Its `group.instance.id`.
        instance: Option<InstanceId>,
        /// The generation that it knows, or its epoch (G-24); -1 for none.
        generation: i32,
        /// The next offset of each partition.
        offsets: Vec<(PartitionId, CommittedOffset)>,
    },
    /// A member joins, lives, or leaves (G-20).
    ConsumerGroupHeartbeat {
        /// The group.
        group: GroupId,
        /// What it says.
        ask: Box<Heartbeat>,
    },
    /// Who keeps this group's offsets?
    FindCoordinator {
        /// The group.
        group: GroupId,
    },
    /// G-2.
    JoinGroup {
        /// The group.
        group: GroupId,
        /// The rest.
        join: classic::Join,
    },
    /// G-4.
    SyncGroup {
        /// The group.
        group: GroupId,
        /// The rest.
        sync: classic::Sync,
    },
    /// G-5.
    Heartbeat {
        /// The group.
        group: GroupId,
        /// Who.
        member: MemberId,
        /// `group.instance.id`.
        instance: Option<InstanceId>,
        /// The generation that it knows.
        generation: i32,
    },
    /// Goodbye.
    LeaveGroup {
        /// The group.
        group: GroupId,
        /// Who.
        member: MemberId,
        /// `group.instance.id`.
        instance: Option<InstanceId>,
    },
    /// Opens a connection.
    ApiVersions,
    /// A command for Redis.
    Redis(Box<RedisRequest>),
    /// A statement for the database.
    Sql(SqlRequest),
    /// A service is to do the business of this message.
    Call(MessageId),
    /// A producer id, please.
    InitProducerId,
    /// About transactions.
    Transaction(Box<TxnRequest>),
    /// Here I am (C-1).
    BrokerRegistration {
        /// Who.
        broker: BrokerId,
        /// Which start of the process, from 0.
        incarnation: u32,
        /// The epoch of the last clean stop, -1 after an unclean one (C-13).
        previous_epoch: BrokerEpoch,
    },
    /// I live (C-1).
    BrokerHeartbeat {
        /// Who.
        broker: BrokerId,
        /// Its registration.
        epoch: BrokerEpoch,
        /// How far it read the metadata log.
        offset: i64,
        /// It is not ready to serve yet (C-3).
        want_fence: bool,
        /// It wants to stop (C-5).
        want_shutdown: bool,
    },
    /// Change ISRs.
    AlterPartition {
        /// The leader.
        broker: BrokerId,
        /// Its registration.
        broker_epoch: BrokerEpoch,
        /// The wishes.
        parts: Vec<AlterPart>,
    },
    /// A block of producer ids, please (P-58).
    AllocateProducerIds {
        /// Who.
        broker: BrokerId,
        /// Its registration.
        broker_epoch: BrokerEpoch,
    },
    /// The metadata log from here on.
    MetadataFetch {
        /// Who.
        replica: NodeId,
        /// The epoch of the quorum that it knows.
        epoch: QuorumEpoch,
        /// The epoch of its last record.
        last_epoch: QuorumEpoch,
        /// From here.
        offset: i64,
        /// What it knows to be committed.
        high_watermark: i64,
    },
    /// A controller would lead the quorum.
    Vote {
        /// Who.
        candidate: ControllerId,
        /// The epoch that it is in.
        epoch: QuorumEpoch,
        /// It only asks whether it would be elected.
        pre_vote: bool,
        /// The epoch of its last record.
        last_epoch: QuorumEpoch,
        /// Where its log ends.
        log_end: i64,
    },
    /// I lead the quorum.
    BeginQuorumEpoch {
        /// Who.
        leader: ControllerId,
        /// In this epoch.
        epoch: QuorumEpoch,
    },
    /// I lead the quorum no more; elect somebody.
    EndQuorumEpoch {
        /// Who led.
        leader: ControllerId,
        /// In this epoch.
        epoch: QuorumEpoch,
        /// Who should stand first.
        successors: Vec<ControllerId>,
    },
}
