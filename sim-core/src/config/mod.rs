//! Kafka's properties as typed values. Names, defaults and ranges are Kafka 4.x's; the table of names is in [`properties`],
//! the rules that tie several properties together (P-1..P-5) in [`resolve`].

pub mod java_properties;
pub mod log;
pub mod properties;
pub mod resolve;

use crate::group::assignor::Assignor;
use crate::group::modern::ServerAssignor;
use crate::time::SimDuration;
use log::{LogConfig, LogTasks};

/// `acks` (P-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acks {
    /// `0`: no answer is awaited (P-45).
    None,
    /// `1`: the leader alone (L-20).
    Leader,
    /// `all` or `-1`: every member of the ISR (L-22).
    All,
}

/// `auto.offset.reset` (F-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// Start at the log's start.
    Earliest,
    /// Start at the high watermark: whatever is there already is skipped (LOSS-C6).
    Latest,
    /// `by_duration`: start at the first record that is no older than this.
    ByDuration(SimDuration),
    /// Give up: the consumer stops with an error.
    None,
}

/// `isolation.level` (F-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// What is decided: below the last stable offset, without aborted transactions.
    ReadCommitted,
}

/// `group.protocol`: who shares the partitions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupProtocol {
    /// The members themselves, after all have joined.
    Classic,
    /// The coordinator, one member at a time (KIP-848).
    Consumer,
}

/// `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// As it is.
    None,
    /// Small and slow.
    Gzip,
    /// Fast.
    Snappy,
    /// Fast.
    Lz4,
    /// Small and fast.
    Zstd,
}

/// What a producer runs with, after P-1..P-5.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `retries`.
    pub retries: u32,
    /// `enable.idempotence`, resolved.
    pub enable_idempotence: bool,
    /// `transactional.id`, if set.
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`.
    pub transaction_timeout: SimDuration,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: u32,
    /// `batch.size`, bytes.
    pub batch_size: u32,
    /// `linger.ms`.
    pub linger: SimDuration,
    /// `buffer.memory`, bytes.
    pub buffer_memory: u64,
    /// `max.block.ms`.
    pub max_block: SimDuration,
    /// `delivery.timeout.ms`, resolved (P-4).
    pub delivery_timeout: SimDuration,
    /// `request.timeout.ms`.
    pub request_timeout: SimDuration,
    /// `retry.backoff.ms`.
    pub retry_backoff: SimDuration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: SimDuration,
    /// `max.request.size`, bytes.
    pub max_request_size: u32,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: SimDuration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: SimDuration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: SimDuration,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`.
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms`; zero: off.
    pub availability_timeout: SimDuration,
    /// `partitioner.class` is Kafka's `RoundRobinPartitioner`.
    pub round_robin: bool,
    /// `compression.type`.
    pub compression: Compression,
}

/// What a topic runs with: its own settings over the brokers' defaults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicConfig {
    /// `replication.factor` (given when the topic is made; `default.replication.factor` otherwise).
    pub replication_factor: u16,
    /// `min.insync.replicas` as set; the effective value is at most the replication factor.
    pub min_insync_replicas: u16,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// What its logs run with.
    pub log: LogConfig,
}

impl TopicConfig {
    /// minISR = min(min.insync.replicas, replication factor).
    pub fn effective_min_isr(&self, replication_factor: usize) -> u32 {
        effective_min_isr(u32::from(self.min_insync_replicas), replication_factor as u32)
    }
}

/// minISR = min(min.insync.replicas, replication factor): a topic with 2 replicas and `min.insync.replicas=3` needs 2.
pub fn effective_min_isr(configured: u32, replication_factor: u32) -> u32 {
    configured.min(replication_factor)
}

/// What the brokers run with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerConfig {
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: SimDuration,
    /// `replica.fetch.wait.max.ms`.
    pub replica_fetch_wait_max: SimDuration,
    /// `replica.fetch.max.bytes`, for one partition.
    pub replica_fetch_max_bytes: u32,
    /// `replica.fetch.response.max.bytes`, for one answer.
    pub replica_fetch_response_max_bytes: u32,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: SimDuration,
    /// `replica.socket.timeout.ms`.
    pub replica_socket_timeout: SimDuration,
    /// `auto.leader.rebalance.enable` (C-17).
    pub auto_leader_rebalance: bool,
    /// `leader.imbalance.check.interval.seconds`.
    pub leader_imbalance_interval: SimDuration,
    /// `leader.imbalance.per.broker.percentage`.
    pub leader_imbalance_percentage: u32,
    /// `controller.quorum.election.timeout.ms`.
    pub quorum_election_timeout: SimDuration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub quorum_fetch_timeout: SimDuration,
    /// `controller.quorum.request.timeout.ms`.
    pub quorum_request_timeout: SimDuration,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub hw_checkpoint_interval: SimDuration,
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval: SimDuration,
    /// `broker.session.timeout.ms`.
    pub session_timeout: SimDuration,
    /// `num.partitions`.
    pub num_partitions: u16,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_num_partitions: u32,
    /// `offsets.topic.replication.factor`.
    pub offsets_topic_replication_factor: u16,
    /// `replica.selector.class`: consumers are sent to a replica in their rack (F-6).
    pub rack_aware_selector: bool,
    /// `group.consumer.heartbeat.interval.ms`: given to the members.
    pub group_consumer_heartbeat_interval: SimDuration,
    /// `group.consumer.session.timeout.ms`.
    pub group_consumer_session_timeout: SimDuration,
    /// `offsets.commit.timeout.ms`.
    pub offsets_commit_timeout: SimDuration,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout: SimDuration,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout: SimDuration,
    /// `group.max.size` (G-2).
    pub group_max_size: u32,
    /// `group.consumer.max.size` (G-22).
    pub group_consumer_max_size: u32,
    /// `group.initial.rebalance.delay.ms` (G-2).
    pub group_initial_rebalance_delay: SimDuration,
    /// `transaction.state.log.num.partitions`.
    pub transaction_topic_num_partitions: u32,
    /// `transaction.state.log.replication.factor`.
    pub transaction_topic_replication_factor: u16,
    /// `transaction.state.log.min.isr`.
    pub transaction_topic_min_isr: u16,
    /// `transaction.max.timeout.ms`.
    pub transaction_max_timeout: SimDuration,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub transaction_abort_interval: SimDuration,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub transactional_id_interval: SimDuration,
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration: SimDuration,
    /// `transaction.partition.verification.enable`.
    pub transaction_verification: bool,
    /// `offsets.retention.minutes` (G-34).
    pub offsets_retention: SimDuration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check: SimDuration,
    /// `offsets.topic.segment.bytes`.
    pub offsets_segment_bytes: u64,
    /// `num.io.threads`: how many requests a slow disk may hold up at once.
    pub num_io_threads: u32,
    /// What is done with all logs from time to time.
    pub log: LogTasks,
    /// What topics run with unless they say otherwise: `default.replication.factor`, `min.insync.replicas`,
    /// `message.max.bytes`, `unclean.leader.election.enable`, and what logs run with.
    pub topic_defaults: TopicConfig,
}

/// What a consumer runs with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerConfig {
    /// `max.poll.records`.
    pub max_poll_records: u32,
    /// `enable.auto.commit`. False: the application commits by hand after its business (S-4).
    pub enable_auto_commit: bool,
    /// `auto.commit.interval.ms`.
    pub auto_commit_interval: SimDuration,
    /// `auto.offset.reset`.
    pub auto_offset_reset: OffsetReset,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `group.protocol`.
    pub group_protocol: GroupProtocol,
    /// `partition.assignment.strategy`, the preferred one first.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms` (F-15).
    pub session_timeout: SimDuration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: SimDuration,
    /// `client.rack`; none if it is empty.
    pub client_rack: Option<String>,
    /// `group.remote.assignor`; none leaves it to the brokers.
    pub group_remote_assignor: Option<ServerAssignor>,
    /// `max.poll.interval.ms`.
    pub max_poll_interval: SimDuration,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: u32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: SimDuration,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: u32,
    /// `request.timeout.ms`.
    pub request_timeout: SimDuration,
    /// `default.api.timeout.ms`.
    pub default_api_timeout: SimDuration,
    /// `retry.backoff.ms`.
    pub retry_backoff: SimDuration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: SimDuration,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: SimDuration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: SimDuration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: SimDuration,
}

impl ProducerConfig {
    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> ProducerConfig {
        ProducerConfig {
            acks: Acks::All,
            retries: i32::MAX as u32,
            enable_idempotence: true,
            transactional_id: None,
            transaction_timeout: SimDuration::from_millis(60_000),
            max_in_flight: 5,
            batch_size: 16_384,
            linger: SimDuration::from_millis(5),
            buffer_memory: 33_554_432,
            max_block: SimDuration::from_millis(60_000),
            delivery_timeout: SimDuration::from_millis(120_000),
            request_timeout: SimDuration::from_millis(30_000),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_millis(1_000),
            max_request_size: 1_048_576,
            metadata_max_age: SimDuration::from_millis(300_000),
            reconnect_backoff: SimDuration::from_millis(50),
            reconnect_backoff_max: SimDuration::from_millis(1_000),
            ignore_keys: false,
            adaptive_partitioning: true,
            availability_timeout: SimDuration::ZERO,
            round_robin: false,
            compression: Compression::None,
        }
    }
}

impl TopicConfig {
    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> TopicConfig {
        TopicConfig {
            replication_factor: 1,
            min_insync_replicas: 1,
            max_message_bytes: 1_048_588,
            unclean_leader_election: false,
            log: LogConfig::kafka_defaults(),
        }
    }
}

impl BrokerConfig {
    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> BrokerConfig {
        BrokerConfig {
            replica_lag_time_max: SimDuration::from_millis(30_000),
            replica_fetch_wait_max: SimDuration::from_millis(500),
            replica_fetch_max_bytes: 1_048_576,
            replica_fetch_response_max_bytes: 10_485_760,
            replica_fetch_backoff: SimDuration::from_millis(1_000),
            replica_socket_timeout: SimDuration::from_millis(30_000),
            auto_leader_rebalance: true,
            leader_imbalance_interval: SimDuration::from_secs(300),
            leader_imbalance_percentage: 10,
            quorum_election_timeout: SimDuration::from_millis(1_000),
            quorum_fetch_timeout: SimDuration::from_millis(2_000),
            quorum_request_timeout: SimDuration::from_millis(2_000),
            hw_checkpoint_interval: SimDuration::from_millis(5_000),
            heartbeat_interval: SimDuration::from_millis(2_000),
            session_timeout: SimDuration::from_millis(9_000),
            num_partitions: 1,
            offsets_topic_num_partitions: 50,
            offsets_topic_replication_factor: 3,
            offsets_commit_timeout: SimDuration::from_millis(5_000),
            group_min_session_timeout: SimDuration::from_millis(6_000),
            group_max_session_timeout: SimDuration::from_millis(1_800_000),
            group_max_size: 2_147_483_647,
            group_consumer_max_size: 2_147_483_647,
            group_initial_rebalance_delay: SimDuration::from_millis(3_000),
            transaction_topic_num_partitions: 50,
            transaction_topic_replication_factor: 3,
            transaction_topic_min_isr: 2,
            transaction_max_timeout: SimDuration::from_millis(900_000),
            transaction_abort_interval: SimDuration::from_millis(10_000),
            transactional_id_interval: SimDuration::from_millis(3_600_000),
            transactional_id_expiration: SimDuration::from_millis(604_800_000),
            transaction_verification: true,
            rack_aware_selector: false,
            group_consumer_heartbeat_interval: SimDuration::from_millis(5_000),
            group_consumer_session_timeout: SimDuration::from_millis(45_000),
            offsets_retention: SimDuration::from_secs(10_080 * 60),
            offsets_retention_check: SimDuration::from_millis(600_000),
            offsets_segment_bytes: 104_857_600,
            num_io_threads: 8,
            log: LogTasks::kafka_defaults(),
            topic_defaults: TopicConfig::kafka_defaults(),
        }
    }
}

impl ConsumerConfig {
    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> ConsumerConfig {
        ConsumerConfig {
            max_poll_records: 500,
            enable_auto_commit: true,
            auto_commit_interval: SimDuration::from_millis(5_000),
            auto_offset_reset: OffsetReset::Latest,
            isolation: Isolation::ReadUncommitted,
            group_protocol: GroupProtocol::Classic,
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            session_timeout: SimDuration::from_millis(45_000),
            heartbeat_interval: SimDuration::from_millis(3_000),
            client_rack: None,
            group_remote_assignor: None,
            max_poll_interval: SimDuration::from_millis(300_000),
            fetch_min_bytes: 1,
            fetch_max_wait: SimDuration::from_millis(500),
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            request_timeout: SimDuration::from_millis(30_000),
            default_api_timeout: SimDuration::from_millis(60_000),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_millis(1_000),
            metadata_max_age: SimDuration::from_millis(300_000),
            reconnect_backoff: SimDuration::from_millis(50),
            reconnect_backoff_max: SimDuration::from_millis(1_000),
        }
    }
}
