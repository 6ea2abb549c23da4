//! What a log runs with (D-1, L-6, L-16, retention and compaction), and what its broker does with all of its logs from time to time.

use crate::log::segment::RollLimits;
use crate::time::SimDuration;

/// A topic's settings for its logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogConfig {
    /// `flush.messages`; none is Kafka's default, "never because of a count".
    pub flush_messages: Option<u64>,
    /// `flush.ms`; none is Kafka's default, "never because of time".
    pub flush_interval: Option<SimDuration>,
    /// `segment.bytes`: a full segment is flushed when the log rolls (D-1).
    pub segment_bytes: u64,
    /// `segment.ms`: a segment whose first record is older than this is rolled by the next append.
    pub segment_interval: SimDuration,
    /// `retention.ms`; none: for ever.
    pub retention: Option<SimDuration>,
    /// `retention.bytes` of one partition; none: any number.
    pub retention_bytes: Option<u64>,
    /// `cleanup.policy` has `delete`: old segments go.
    pub delete: bool,
    /// `cleanup.policy` has `compact`: of each key the last record stays.
    pub compact: bool,
    /// `min.cleanable.dirty.ratio`, in thousandths.
    pub min_cleanable_dirty: u32,
    /// `delete.retention.ms`: how long compaction keeps a tombstone.
    pub delete_retention: SimDuration,
    /// `min.compaction.lag.ms`: younger records are not compacted.
    pub min_compaction_lag: SimDuration,
    /// `message.timestamp.type` is `LogAppendTime`: the leader's time replaces the client's.
    pub log_append_time: bool,
    /// `message.timestamp.before.max.ms`: older records are refused; none: no bound.
    pub timestamp_before_max: Option<SimDuration>,
    /// `message.timestamp.after.max.ms`: records from further ahead are refused.
    pub timestamp_after_max: Option<SimDuration>,
}

impl LogConfig {
    /// When a new file is begun.
    pub fn roll_limits(&self) -> RollLimits {
        RollLimits { bytes: self.segment_bytes, age: self.segment_interval }
    }

    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> LogConfig {
        LogConfig {
            flush_messages: None,
            flush_interval: None,
            segment_bytes: 1_073_741_824,
            segment_interval: SimDuration::from_secs(7 * 86_400),
            retention: Some(SimDuration::from_secs(7 * 86_400)),
            retention_bytes: None,
            delete: true,
            compact: false,
            min_cleanable_dirty: 500,
            delete_retention: SimDuration::from_secs(86_400),
            min_compaction_lag: SimDuration::ZERO,
            log_append_time: false,
            timestamp_before_max: None,
            timestamp_after_max: Some(SimDuration::from_secs(3_600)),
        }
    }
}

/// What a broker does with its logs in the background.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogTasks {
    /// `log.initial.task.delay.ms`: none of them begins before a broker has run for this long.
    pub initial_delay: SimDuration,
    /// `log.flush.scheduler.interval.ms`: how often `flush.ms` is looked at; none is Kafka's default, "once and never again".
    pub flush_scheduler: Option<SimDuration>,
    /// `log.flush.offset.checkpoint.interval.ms`: how often recovery points are saved.
    pub recovery_checkpoint: SimDuration,
    /// `log.flush.start.offset.checkpoint.interval.ms`: how often log starts are saved.
    pub start_checkpoint: SimDuration,
    /// `log.retention.check.interval.ms`.
    pub retention_check: SimDuration,
    /// `log.cleaner.backoff.ms`: how long the cleaner sleeps when it finds nothing to compact.
    pub cleaner_backoff: SimDuration,
    /// `num.recovery.threads.per.data.dir`.
    pub recovery_threads: u32,
    /// `producer.id.expiration.ms` (L-16).
    pub producer_expiration: SimDuration,
    /// `producer.id.expiration.check.interval.ms` (L-16).
    pub producer_expiration_check: SimDuration,
}

impl LogTasks {
    /// Kafka 4.x's defaults.
    pub fn kafka_defaults() -> LogTasks {
        LogTasks {
            initial_delay: SimDuration::from_secs(30),
            flush_scheduler: None,
            recovery_checkpoint: SimDuration::from_secs(60),
            start_checkpoint: SimDuration::from_secs(60),
            retention_check: SimDuration::from_secs(300),
            cleaner_backoff: SimDuration::from_secs(15),
            recovery_threads: 2,
            producer_expiration: SimDuration::from_secs(86_400),
            producer_expiration_check: SimDuration::from_secs(600),
        }
    }
}
