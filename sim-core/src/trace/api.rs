//! What a packet asks for.

use serde::{Deserialize, Serialize};

/// The kinds of request, by Kafka's API names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Api {
    /// A producer's batches for the leaders of their partitions.
    Produce,
    /// A follower asks its leader for records.
    ReplicaFetch,
    /// A consumer asks for records (F-1).
    Fetch,
    /// A client asks who leads what.
    Metadata,
    /// A consumer asks for the first or last offset (F-3, R-23), or a follower does.
    ListOffsets,
    /// A consumer asks where an epoch ends in the leader's log (F-5, R-43).
    OffsetsForLeaderEpoch,
    /// A consumer asks where its group stopped.
    OffsetFetch,
    /// A consumer says how far its group got.
    OffsetCommit,
    /// A member of a group of the consumer protocol joins, lives or leaves (G-20).
    ConsumerGroupHeartbeat,
    /// A consumer asks which broker keeps its group's offsets (G-30).
    FindCoordinator,
    /// A consumer wants to be a member of its group (G-2).
    JoinGroup,
    /// A member asks for its share, and the leader brings everybody's (G-4).
    SyncGroup,
    /// A member says that it lives (G-5).
    Heartbeat,
    /// A member goes.
    LeaveGroup,
    /// The first request on a new connection: only when it is answered does a client send anything else.
    ApiVersions,
    /// A producer asks for a producer id.
    InitProducerId,
    /// A transactional producer says which partitions join.
    AddPartitionsToTxn,
    /// A leader asks the transaction coordinator whether its partition has joined, or lets it join (L-2).
    BrokerAddPartitionsToTxn,
    /// A transactional producer says of which group it will commit offsets.
    AddOffsetsToTxn,
    /// A transactional producer commits a group's offsets.
    TxnOffsetCommit,
    /// A transactional producer commits or aborts.
    EndTxn,
    /// A transaction coordinator has markers written.
    WriteTxnMarkers,
    /// A broker introduces itself to the controller (C-1).
    BrokerRegistration,
    /// A broker tells the controller that it lives (C-1, C-5).
    BrokerHeartbeat,
    /// A leader asks the controller to change an ISR.
    AlterPartition,
    /// A broker or a controller reads the metadata log.
    MetadataFetch,
    /// A broker asks the controller for a block of producer ids (P-58).
    AllocateProducerIds,
    /// A controller asks for a vote, or whether it would be given.
    Vote,
    /// A controller tells the others that it leads the quorum.
    BeginQuorumEpoch,
    /// A controller tells the others that it leads the quorum no more.
    EndQuorumEpoch,
    /// An application opens a connection to Redis or the database.
    Connect,
    /// Redis: `SET key value NX EX seconds`.
    SetNx,
    /// Redis: `SET key value EX seconds`.
    Set,
    /// Redis: `GET key`.
    Get,
    /// Redis: `DEL key`.
    Del,
    /// Database: a transaction begins.
    Begin,
    /// Database: a row that must be unique.
    Insert,
    /// Database: what the business is about.
    Update,
    /// Database: the transaction commits.
    Commit,
    /// Database: the transaction is taken back.
    Rollback,
    /// A service is called (S-16).
    Call,
}
