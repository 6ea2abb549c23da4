//! What applications stand on besides Kafka: Redis and the database; and the service that is called instead of it.

use super::Latency;
use crate::time::SimDuration;

/// What of Redis survives its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// Nothing: it is a cache.
    None,
    /// `appendfsync everysec`: everything when the process crashes; when the power goes, what was written before the last whole second.
    EverySecond,
    /// `appendfsync always`: everything.
    Always,
}

/// A replica of Redis, which is a little behind and takes over when the master ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedisReplica {
    /// How far it is behind.
    pub lag: SimDuration,
    /// How long it takes until it serves.
    pub takes_over: SimDuration,
}

/// Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedisSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// What survives its end, if no replica takes over.
    pub persistence: Persistence,
    /// A replica.
    pub replica: Option<RedisReplica>,
    /// More keys do not fit into its memory; none: there is room for all.
    pub max_keys: Option<u32>,
}

/// The database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// Of a thousand INSERTs in transactions so many end in a deadlock.
    pub deadlocks_per_mille: u16,
}

/// A service that is called directly (S-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// How long its business takes.
    pub time: Latency,
    /// How many calls it works on at once.
    pub threads: u16,
}
