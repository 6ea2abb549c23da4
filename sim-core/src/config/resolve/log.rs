//! The settings of logs: a topic's own over its brokers', and Kafka's several names for one thing (`log.retention.ms` over `.minutes`
//! over `.hours`).

use super::{ConfigError, Given};
use crate::config::log::{LogConfig, LogTasks};
use crate::time::SimDuration;

/// What topics run with unless they say otherwise.
pub(super) fn topic_defaults(given: &Given) -> Result<LogConfig, ConfigError> {
    let mut config = LogConfig {
        flush_messages: given.unless_unlimited("log.flush.interval.messages")?,
        flush_interval: given.unless_unlimited("log.flush.interval.ms")?.map(SimDuration::from_millis),
        segment_bytes: given.long("log.segment.bytes")?,
        segment_interval: roll_interval(given)?,
        retention: retention(given)?,
        retention_bytes: given.unless_negative("log.retention.bytes")?,
        delete: false,
        compact: false,
        min_cleanable_dirty: given.per_mille("log.cleaner.min.cleanable.ratio")?,
        delete_retention: given.millis("log.cleaner.delete.retention.ms")?,
        min_compaction_lag: given.millis("log.cleaner.min.compaction.lag.ms")?,
        log_append_time: given.text("log.message.timestamp.type") == "LogAppendTime",
        timestamp_before_max: given.unless_unlimited("log.message.timestamp.before.max.ms")?.map(SimDuration::from_millis),
        timestamp_after_max: given.unless_unlimited("log.message.timestamp.after.max.ms")?.map(SimDuration::from_millis),
    };
    cleanup_policy(given, "log.cleanup.policy", &mut config)?;
    if config.flush_interval.is_none() {
        // Unset, it is the scheduler's interval.
        config.flush_interval = given.unless_unlimited("log.flush.scheduler.interval.ms")?.map(SimDuration::from_millis);
    }
    Ok(config)
}

/// What a topic says itself.
pub(super) fn topic(given: &Given, config: &mut LogConfig) -> Result<(), ConfigError> {
    let set = |name: &str| given.is_set(name);
    if set("flush.messages") {
        config.flush_messages = given.unless_unlimited("flush.messages")?;
    }
    if set("flush.ms") {
        config.flush_interval = given.unless_unlimited("flush.ms")?.map(SimDuration::from_millis);
    }
    if set("segment.bytes") {
        config.segment_bytes = given.long("segment.bytes")?;
    }
    if set("segment.ms") {
        config.segment_interval = given.millis("segment.ms")?;
    }
    if set("retention.ms") {
        config.retention = given.unless_negative("retention.ms")?.map(SimDuration::from_millis);
    }
    if set("retention.bytes") {
        config.retention_bytes = given.unless_negative("retention.bytes")?;
    }
    if set("cleanup.policy") {
        cleanup_policy(given, "cleanup.policy", config)?;
    }
    if set("min.cleanable.dirty.ratio") {
        config.min_cleanable_dirty = given.per_mille("min.cleanable.dirty.ratio")?;
    }
    if set("delete.retention.ms") {
        config.delete_retention = given.millis("delete.retention.ms")?;
    }
    if set("min.compaction.lag.ms") {
        config.min_compaction_lag = given.millis("min.compaction.lag.ms")?;
    }
    if set("message.timestamp.type") {
        config.log_append_time = given.text("message.timestamp.type") == "LogAppendTime";
    }
    if set("message.timestamp.before.max.ms") {
        config.timestamp_before_max = given.unless_unlimited("message.timestamp.before.max.ms")?.map(SimDuration::from_millis);
    }
    if set("message.timestamp.after.max.ms") {
        config.timestamp_after_max = given.unless_unlimited("message.timestamp.after.max.ms")?.map(SimDuration::from_millis);
    }
    Ok(())
}

/// What a broker does in the background.
pub(super) fn tasks(given: &Given) -> Result<LogTasks, ConfigError> {
    Ok(LogTasks {
        initial_delay: given.millis("log.initial.task.delay.ms")?,
        flush_scheduler: given.unless_unlimited("log.flush.scheduler.interval.ms")?.map(interval),
        recovery_checkpoint: interval(given.long("log.flush.offset.checkpoint.interval.ms")?),
        start_checkpoint: interval(given.long("log.flush.start.offset.checkpoint.interval.ms")?),
        retention_check: given.millis("log.retention.check.interval.ms")?,
        cleaner_backoff: interval(given.long("log.cleaner.backoff.ms")?),
        recovery_threads: given.int("num.recovery.threads.per.data.dir")?,
        producer_expiration: given.millis("producer.id.expiration.ms")?,
        producer_expiration_check: given.millis("producer.id.expiration.check.interval.ms")?,
    })
}

/// 0 would mean "all the time", which has no end in virtual time.
fn interval(ms: u64) -> SimDuration {
    SimDuration::from_millis(ms.max(1))
}

fn cleanup_policy(given: &Given, name: &str, config: &mut LogConfig) -> Result<(), ConfigError> {
    let text = given.text(name);
    (config.delete, config.compact) = (false, false);
    for word in text.split(',').map(str::trim) {
        match word {
            "delete" => config.delete = true,
            "compact" => config.compact = true,
            other => {
                let message = format!("Invalid value {other} for configuration {name}: String must be one of: compact, delete");
                return Err(ConfigError::new(name, message));
            }
        }
    }
    Ok(())
}

fn roll_interval(given: &Given) -> Result<SimDuration, ConfigError> {
    if given.text("log.roll.ms") != "null" {
        return given.millis("log.roll.ms");
    }
    Ok(SimDuration::from_secs(given.long("log.roll.hours")?.saturating_mul(3_600)))
}

/// The finest of three names wins; negative means for ever, 0 is refused.
fn retention(given: &Given) -> Result<Option<SimDuration>, ConfigError> {
    let (name, unit_ms) = match () {
        () if given.text("log.retention.ms") != "null" => ("log.retention.ms", 1),
        () if given.text("log.retention.minutes") != "null" => ("log.retention.minutes", 60_000),
        () => ("log.retention.hours", 3_600_000),
    };
    if given.text(name).parse() == Ok(0) {
        let message = "log.retention.ms must be unlimited (-1) or, equal or greater than 1";
        return Err(ConfigError::new(name, message));
    }
    Ok(given.unless_negative(name)?.map(|n| SimDuration::from_millis(n.saturating_mul(unit_ms))))
}
