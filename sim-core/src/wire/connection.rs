//! The connections between nodes, told apart by what they are for.

use crate::ids::*;
use crate::trace::Api;

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
            Api::ListOffsets | Api::OffsetsForLeaderEpoch if matches!(asker, NodeId::Broker(_)) => Channel::Fetcher,
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
