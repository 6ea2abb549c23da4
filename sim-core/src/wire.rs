//! Requests and responses: what travels between nodes.

use crate::application::database::SqlRequest;
use crate::application::redis::{Mark, RedisRequest};
use crate::config::Isolation;
use crate::controller::log::Entry;
use crate::error_code::ErrorCode;
use crate::group::classic;
use crate::group::modern::heartbeat::{Answer, Heartbeat};
use crate::ids::*;
use crate::log::LogBatch;
use crate::log::epoch_cache::EpochEnd;
use crate::log::transactions::Aborted;
use crate::net::Pipe;
use crate::record::{CommittedOffset, SharedBatch};
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime, Timestamp};
use crate::trace::{Api, SqlResult, TraceId};
use crate::transaction::wire::{TxnRequest, TxnResponse};

/// A request or response on the network.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its name.
    pub id: PacketId,
    /// From.
    pub from: NodeId,
    /// To.
    pub to: NodeId,
    /// What it asks for or answers.
    pub api: Api,
    /// The connection that it travels on.
    pub connection: Connection,
    /// The client's number for the request. Closing a connection forgets the numbers that are in flight on it, so a late response is
    /// not read.
    pub correlation: u32,
    /// When it left, the last time.
    pub sent: SimTime,
    /// The trace event of its sending.
    pub trace: TraceId,
    /// What it says.
    pub body: Body,
}

/// The separate connections that Kafka's nodes keep to one another. Order is kept inside each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Producers' and consumers' ordinary connection to a broker.
    Client,
    /// A consumer's second connection, to its coordinator.
    Coordinator,
    /// A replica fetcher's.
    Fetcher,
    /// A broker's heartbeats.
    Lifecycle,
    /// A broker's AlterPartition requests.
    Alter,
    /// A reader of the metadata log: a broker's, a controller's.
    Metadata,
    /// A controller's elections.
    Quorum,
    /// A leader's questions to transaction coordinators (L-2).
    Verification,
    /// A transaction coordinator's markers.
    Markers,
}

impl Channel {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// Which connection a request of this node takes. (ApiVersions opens any of them.)
    pub fn of(api: Api, asker: NodeId) -> Channel {
        match api {
            Api::OffsetsForLeaderEpoch if matches!(asker, NodeId::Broker(_)) => Channel::Fetcher,
            Api::ApiVersions
            | Api::Produce
            | Api::Fetch
            | Api::Metadata
            | Api::ListOffsets
            | Api::OffsetsForLeaderEpoch
            | Api::InitProducerId
            | Api::AddPartitionsToTxn
            | Api::AddOffsetsToTxn
            | Api::TxnOffsetCommit
            | Api::EndTxn
            | Api::Connect
            | Api::SetNx
            | Api::Set
            | Api::Get
            | Api::Del
            | Api::Begin
            | Api::Insert
            | Api::Update
            | Api::Commit
            | Api::Rollback
            | Api::Call => Channel::Client,
            Api::OffsetFetch
            | Api::OffsetCommit
            | Api::FindCoordinator
            | Api::ConsumerGroupHeartbeat
            | Api::JoinGroup
            | Api::SyncGroup
            | Api::Heartbeat
            | Api::LeaveGroup => Channel::Coordinator,
            Api::ReplicaFetch => Channel::Fetcher,
            Api::BrokerRegistration | Api::BrokerHeartbeat => Channel::Lifecycle,
            Api::AlterPartition | Api::AllocateProducerIds => Channel::Alter,
            Api::MetadataFetch => Channel::Metadata,
            Api::Vote | Api::BeginQuorumEpoch | Api::EndQuorumEpoch => Channel::Quorum,
            Api::BrokerAddPartitionsToTxn => Channel::Verification,
            Api::WriteTxnMarkers => Channel::Markers,
        }
    }
}

/// One TCP connection. Order is kept on it, and what is lost on it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Who was called.
    pub server: NodeId,
    /// Who called.
    pub client: NodeId,
    /// Which of the connections that the two may have.
    pub channel: Channel,
    /// The client's number for the request that opened it: a client's connections are told apart by it, and newer ones have higher
    /// numbers.
    pub number: u32,
}

impl Connection {
    /// Is it this one, if both are between the same two nodes?
    pub fn is_same_of_pair(self, other: Connection) -> bool {
        (self.channel, self.number) == (other.channel, other.number)
    }
}

/// What a packet says. Boxed as far as it is large and rare: it is moved several times on its way.
#[derive(Clone, Debug)]
pub enum Body {
    /// See [`Api`] for what each asks.
    Request(Request),
    /// And what is answered.
    Response(Response),
}

/// One partition's part of a produce request.
#[derive(Clone, Debug)]
pub struct ProducePart {
    /// The partition.
    pub partition: PartitionId,
    /// The batch.
    pub batch: SharedBatch,
}

/// One partition's part of a fetch request (R-1; a consumer leaves the replica's fields at -1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch that the fetcher knows.
    pub current_epoch: LeaderEpoch,
    /// From here.
    pub offset: Offset,
    /// The epoch of the fetcher's last record.
    pub last_fetched_epoch: LeaderEpoch,
    /// The fetcher's own log start.
    pub log_start: Offset,
}

/// KIP-227: which fetch of which session a fetch is. A consumer's is outside of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchMetadata {
    /// The session; 0 for none.
    pub session: FetchSessionId,
    /// The number of the fetch in it.
    pub epoch: u32,
}

impl FetchMetadata {
    /// A fetch that names all its partitions, and begins a session.
    pub const INITIAL_EPOCH: u32 = 0;
    /// The first of all.
    pub const INITIAL: FetchMetadata = FetchMetadata { session: FetchSessionId(0), epoch: FetchMetadata::INITIAL_EPOCH };
}

/// What ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The start of the log.
    Earliest,
    /// Its end for consumers.
    Latest,
    /// The first record at or after this; -1 is answered if there is none.
    Timestamp(Timestamp),
}

/// One partition's part of an OffsetsForLeaderEpoch request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch that the asker knows.
    pub current_epoch: LeaderEpoch,
    /// Where does this epoch end?
    pub epoch: LeaderEpoch,
}

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
        /// The partitions.
        partitions: Vec<PartitionId>,
        /// What is asked for.
        of: OffsetSpec,
        /// What counts as the end.
        isolation: Isolation,
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

/// One partition's part of an AlterPartition request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version that the wish was made against.
    pub partition_epoch: PartitionEpoch,
    /// The ISR wished for.
    pub isr: BrokerSet,
    /// KIP-903: the broker epoch that the newcomer's last fetch carried; -1 when nobody joins. At most one joins at a time.
    pub newcomer_epoch: BrokerEpoch,
    /// C-15: still recovering from an unclean election.
    pub recovering: bool,
}

/// One partition's part of a produce response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The first offset.
    pub base: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// L-25: who leads, if the broker knows better.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
}

/// One partition's part of a fetch response.
#[derive(Clone, Debug)]
pub struct FetchResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The offset that was asked for.
    pub asked: Offset,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start.
    pub log_start: Offset,
    /// The leader's log end; used only when the offset is out of range (R-46 asks with ListOffsets in Kafka).
    pub log_end: Offset,
    /// The records.
    pub batches: Vec<LogBatch>,
    /// What else there is to say, which is nothing nearly always.
    pub besides: Option<Box<Besides>>,
}

/// What a fetch response rarely says.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// F-1: the aborted transactions among the batches; only for those who read what is committed.
    pub aborted: Vec<Aborted>,
    /// Where a batch begins that does not fit its CRC (LOSS-B13). The broker sends what the disk has; who receives it looks.
    pub corrupt: Option<Offset>,
    /// F-6: a consumer should read there instead; nothing is read here.
    pub preferred_replica: Option<BrokerId>,
    /// the logs part here.
    pub diverging: Option<EpochEnd>,
}

impl FetchResult {
    /// What else there is to say, to say more.
    pub fn besides_mut(&mut self) -> &mut Besides {
        self.besides.get_or_insert_default()
    }

    ///
    pub fn diverging(&self) -> Option<EpochEnd> {
        self.besides.as_ref()?.diverging
    }

    /// F-6.
    pub fn preferred_replica(&self) -> Option<BrokerId> {
        self.besides.as_ref()?.preferred_replica
    }

    /// LOSS-B13.
    pub fn corrupt(&self) -> Option<Offset> {
        self.besides.as_ref()?.corrupt
    }

    /// F-1.
    pub fn aborted(&self) -> &[Aborted] {
        self.besides.as_ref().map_or(&[], |besides| &besides.aborted)
    }

    /// Bytes of records.
    pub fn bytes(&self) -> u32 {
        let mut bytes = 0;
        for entry in &self.batches {
            bytes += entry.batch.bytes;
        }
        bytes
    }
}

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

/// What a node knows of the quorum of controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumView {
    /// The epoch that it is in.
    pub epoch: QuorumEpoch,
    /// Who leads in it, if that is known.
    pub leader: Option<ControllerId>,
}

/// To MetadataFetch.
#[derive(Clone, Debug)]
pub struct MetadataAnswer {
    /// How it ended.
    pub error: ErrorCode,
    /// What the answering controller knows of the quorum.
    pub view: QuorumView,
    /// The logs part here.
    pub diverging: Option<crate::controller::log::EpochEnd>,
    /// The offset of the first record.
    pub from: i64,
    /// The records.
    pub entries: Vec<Entry>,
    /// The leader's high watermark; -1 while it knows none.
    pub high_watermark: i64,
}

/// One partition's part of an AlterPartition response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The leader epoch now.
    pub leader_epoch: LeaderEpoch,
    /// The version now.
    pub partition_epoch: PartitionEpoch,
    /// The ISR now.
    pub isr: BrokerSet,
}

impl Packet {
    /// The direction of its connection that it takes.
    pub fn pipe(&self) -> Pipe {
        Pipe { connection: self.connection, back: self.body.is_response() }
    }

    /// Takes out what it says.
    pub fn take_body(&mut self) -> Body {
        std::mem::replace(&mut self.body, Body::Request(Request::Metadata))
    }

    /// Is it a request whose answer is known by its number, so that the answer to a copy harms nobody? Redis and databases answer in the
    /// order of the questions.
    pub fn can_be_copied(&self) -> bool {
        let by_number = matches!(self.to, NodeId::Broker(_) | NodeId::Controller(_)) && self.api != Api::ApiVersions;
        by_number && !self.body.is_response()
    }

    /// Will the receiver answer it? Only acks=0 is never answered (P-45).
    pub fn is_answered(&self) -> bool {
        !matches!(self.body, Body::Request(Request::Produce { acks: 0, .. }))
    }
}

impl Body {
    /// Is it an answer?
    pub fn is_response(&self) -> bool {
        matches!(self, Body::Response(_))
    }

    /// Records on board, for pictures.
    pub fn records(&self) -> u32 {
        match self {
            Body::Request(Request::Produce { parts, .. }) => parts.iter().map(|p| p.batch.count()).sum(),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { results, .. }) => {
                results.iter().flat_map(|r| &r.batches).map(|b| b.batch.count()).sum()
            }
            _ => 0,
        }
    }

    /// Is a message on board, for pictures.
    pub fn carries(&self, message: MessageId) -> bool {
        let has = |batch: &crate::record::Batch| batch.records().iter().any(|record| record.message == message);
        match self {
            Body::Request(Request::Produce { parts, .. }) => parts.iter().any(|p| has(&p.batch)),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { results, .. }) => {
                results.iter().flat_map(|r| &r.batches).any(|b| has(&b.batch))
            }
            _ => false,
        }
    }

    /// Does it carry bad news, for pictures.
    pub fn is_error(&self) -> bool {
        match self {
            Body::Response(Response::Produce(results)) => results.iter().any(|r| r.error != ErrorCode::None),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { error: ErrorCode::None, results, .. }) => {
                results.iter().any(|r| r.error != ErrorCode::None || r.diverging().is_some())
            }
            Body::Response(Response::ConsumerGroupHeartbeat { result, .. }) => result.is_err(),
            Body::Response(Response::OffsetsForLeaderEpoch(results)) => results.iter().any(Result::is_err),
            Body::Response(
                Response::ReplicaFetch { error, .. }
                | Response::OffsetFetch { error, .. }
                | Response::OffsetCommit { error }
                | Response::JoinGroup(classic::Joined { error, .. })
                | Response::SyncGroup { error, .. }
                | Response::Heartbeat { error }
                | Response::LeaveGroup { error }
                | Response::FindCoordinator { error, .. }
                | Response::BrokerRegistration { error, .. }
                | Response::BrokerHeartbeat { error, .. }
                | Response::AllocateProducerIds { error, .. }
                | Response::QuorumEpoch { error, .. },
            ) => *error != ErrorCode::None,
            Body::Response(Response::MetadataFetch(answer)) => answer.error != ErrorCode::None || answer.diverging.is_some(),
            Body::Response(Response::Vote { granted, .. }) => !granted,
            Body::Response(Response::Sql(result)) => *result != SqlResult::Ok,
            Body::Response(Response::AlterPartition { error, parts }) => {
                *error != ErrorCode::None || parts.iter().any(|p| p.error != ErrorCode::None)
            }
            Body::Response(Response::Transaction(response)) => response.is_error(),
            _ => false,
        }
    }
}
