//! Newtypes for every identity and position, so that an offset never meets an epoch by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The position in a table that is ordered by this id.
            pub fn ix(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// `broker.id`. Brokers are numbered from 1 in a scenario; the table of brokers keeps broker n at position n - 1,
    /// so use [`BrokerId::slot`] for positions.
    BrokerId(u16), "broker "
);
id!(
    /// A controller of the metadata quorum. Numbered from 1 in a scenario, as brokers are; use [`ControllerId::slot`] for positions.
    ControllerId(u16), "controller "
);
id!(
    /// A topic: its position in the table of topics.
    TopicId(u16), "topic #"
);
id!(
    /// One partition of one topic: its position in the table of all partitions of the cluster.
    PartitionId(u16), "partition #"
);
id!(
    /// A producer application of the scenario: its position in the table of producers. Not Kafka's PID ([`Pid`]).
    ProducerId(u16), "producer #"
);
id!(
    /// A consumer process (a member of a group): its position in the table of all consumers.
    ConsumerId(u16), "consumer #"
);
id!(
    /// A consumer group: its position in the table of groups.
    GroupId(u16), "group #"
);
id!(
    /// A `transactional.id`: its position in the table of all that the scenario's producers have.
    TransactionalId(u16), "transactional.id #"
);
id!(
    /// `broker.rack`, `client.rack`: the position of the first broker in it.
    RackId(u16), "rack #"
);
id!(
    /// `group.instance.id` of a static member: the number of the process in its group (G-10).
    InstanceId(u16), "instance "
);
id!(
    /// One business operation, followed from the application's intent to its effect. Numbered from 0 over all producers.
    MessageId(u32), "m"
);
id!(
    /// A producer batch as its producer built it. A retry keeps the id; a split gives new ones.
    BatchId(u32), "batch "
);
id!(
    /// A follower's fetches from a leader that build on each other (KIP-227): the leader numbers them from 1; 0 is none.
    FetchSessionId(u32), "fetch session "
);
id!(
    /// One request or response on the network.
    PacketId(u64), "packet "
);

impl BrokerId {
    /// The position in the table of brokers.
    pub fn slot(self) -> usize {
        usize::from(self.0) - 1
    }

    /// The broker at a position of the table.
    pub fn from_slot(slot: usize) -> BrokerId {
        BrokerId(u16::try_from(slot + 1).expect("a scenario has at most a few hundred brokers"))
    }
}

impl ControllerId {
    /// The position in the table of controllers.
    pub fn slot(self) -> usize {
        usize::from(self.0) - 1
    }

    /// The controller at a position of the table.
    pub fn from_slot(slot: usize) -> ControllerId {
        ControllerId(u16::try_from(slot + 1).expect("a scenario has a handful of controllers"))
    }
}

/// A position in a partition's log. -1 means "unknown" where Kafka uses it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub i64);

impl Offset {
    /// Kafka's -1.
    pub const UNKNOWN: Offset = Offset(-1);
    /// The first offset of a log that was never trimmed.
    pub const ZERO: Offset = Offset(0);

    /// The offset `n` records later.
    pub fn plus(self, n: u32) -> Offset {
        Offset(self.0 + i64::from(n))
    }

    /// The offset `n` records earlier.
    pub fn minus(self, n: u32) -> Offset {
        Offset(self.0 - i64::from(n))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

macro_rules! epoch {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Kafka's -1: no epoch.
            pub const NONE: $name = $name(-1);

            /// The epoch after this one.
            #[must_use]
            pub fn next(self) -> $name {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

epoch!(
    /// A leader's term of office for one partition (C-16): grows on each change of leader.
    LeaderEpoch(i32)
);
epoch!(
    /// The version of a partition's record in the metadata log (C-16): grows on each change.
    PartitionEpoch(i32)
);
epoch!(
    /// A controller's term of office as the leader of the metadata quorum: grows with each election.
    QuorumEpoch(i32)
);
epoch!(
    /// The metadata-log offset of a broker's registration (C-1): tells its incarnations apart.
    BrokerEpoch(i64)
);

/// `member.id`: a process's name in its group. A process that is started anew gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberId {
    /// The process.
    pub consumer: ConsumerId,
    /// A number where Kafka has random characters.
    pub serial: u32,
}

epoch!(
    /// A version of a KIP-848 group: of its members and topics (group epoch), of its target assignment, or the one that a member has
    /// reached (G-20). In a heartbeat 0, -1 and -2 say what the member wants (G-22).
    MemberEpoch(i32)
);

impl MemberEpoch {
    /// A heartbeat that joins.
    pub const JOIN: MemberEpoch = MemberEpoch(0);
    /// A heartbeat that leaves for good.
    pub const LEAVE: MemberEpoch = MemberEpoch(-1);
    /// A heartbeat of a static member that leaves and will be back.
    pub const LEAVE_FOR_NOW: MemberEpoch = MemberEpoch(-2);
}

/// Kafka's producer id, given by the cluster to an idempotent producer (P-33). -1 means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pid(pub i64);

impl Pid {
    /// A batch without idempotence.
    pub const NONE: Pid = Pid(-1);
}

/// Anything that has a place on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeId {
    /// A controller of the metadata quorum.
    Controller(ControllerId),
    /// A broker.
    Broker(BrokerId),
    /// A producer application's process.
    Producer(ProducerId),
    /// A consumer process.
    Consumer(ConsumerId),
    /// Redis, the database, or a service.
    Store(StoreId),
}

impl NodeId {
    /// One number for each node, in their order: compared faster than a node.
    #[inline]
    pub fn number(self) -> u32 {
        let (kind, id) = match self {
            NodeId::Controller(id) => (0, id.0),
            NodeId::Broker(id) => (1, id.0),
            NodeId::Producer(id) => (2, id.0),
            NodeId::Consumer(id) => (3, id.0),
            NodeId::Store(id) => (4, id as u16),
        };
        kind << 16 | u32::from(id)
    }
}

/// What applications keep their own state in, or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreId {
    /// Redis.
    Redis,
    /// The database.
    Database,
    /// A service that is called directly, to compare a queue with (S-16).
    Service,
}

impl StoreId {
    /// All, in their order.
    pub const ALL: [StoreId; 3] = [StoreId::Redis, StoreId::Database, StoreId::Service];
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreId::Redis => "redis",
            StoreId::Database => "database",
            StoreId::Service => "service",
        })
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeId::Controller(id) => id.fmt(f),
            NodeId::Broker(id) => id.fmt(f),
            NodeId::Producer(id) => id.fmt(f),
            NodeId::Consumer(id) => id.fmt(f),
            NodeId::Store(id) => id.fmt(f),
        }
    }
}

/// How many nodes of each kind there are: every node has a place in one table, controllers first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Controllers.
    pub controllers: u16,
    /// Brokers.
    pub brokers: u16,
    /// Producers.
    pub producers: u16,
    /// Consumers.
    pub consumers: u16,
    /// Places for Redis, the database and the service; 0 where there is none of them.
    pub stores: u16,
}

impl Slots {
    /// All of them.
    #[inline]
    pub fn count(self) -> usize {
        [self.controllers, self.brokers, self.producers, self.consumers, self.stores].into_iter().map(usize::from).sum()
    }

    /// All places, in order: what [`Slots::of`] says of each is where it stands here.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        let stores = StoreId::ALL.into_iter().take(usize::from(self.stores));
        (1..=self.controllers)
            .map(|id| NodeId::Controller(ControllerId(id)))
            .chain((1..=self.brokers).map(|id| NodeId::Broker(BrokerId(id))))
            .chain((0..self.producers).map(|id| NodeId::Producer(ProducerId(id))))
            .chain((0..self.consumers).map(|id| NodeId::Consumer(ConsumerId(id))))
            .chain(stores.map(NodeId::Store))
    }

    /// A node's place in the table of all nodes.
    #[inline]
    pub fn of(self, node: NodeId) -> usize {
        let brokers = usize::from(self.controllers);
        let producers = brokers + usize::from(self.brokers);
        match node {
            NodeId::Controller(id) => id.slot(),
            NodeId::Broker(id) => brokers + id.slot(),
            NodeId::Producer(id) => producers + id.ix(),
            NodeId::Consumer(id) => producers + usize::from(self.producers) + id.ix(),
            NodeId::Store(id) => {
                let stores = producers + usize::from(self.producers) + usize::from(self.consumers);
                stores + id as usize
            }
        }
    }
}
