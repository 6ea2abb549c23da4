//! From a map of properties to the typed settings, by Kafka's own rules (P-1..P-5) and with Kafka's own words when they are
//! broken. Names that the table does not have are left alone: Kafka, too, only warns of those.

use super::properties::{self, Kind, Scope};
use super::{
    Acks, BrokerConfig, Compression, ConsumerConfig, GroupProtocol, Isolation, OffsetReset, ProducerConfig, TopicConfig,
};
use crate::group::assignor::Assignor;
use crate::group::modern::ServerAssignor;
use crate::rows::Map;
use crate::time::SimDuration;
use std::fmt;

/// Property names and values as text, as in a .properties file.
pub type Props = Map<String, String>;

/// Kafka's `ConfigException`: a property and what is wrong with it. One pointer wide, since every step may hand it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Box<(String, String)>);

impl ConfigError {
    #[inline(never)]
    fn new(property: &str, message: impl Into<String>) -> ConfigError {
        ConfigError(Box::new((property.to_owned(), message.into())))
    }

    /// The property that is wrong, or the one of several that the message is about.
    pub fn property(&self) -> &str {
        &self.0.0
    }

    /// What is wrong, in Kafka's words where it has some.
    pub fn message(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ConfigError {}

/// A producer's settings (P-1..P-5).
///
/// # Errors
/// A value out of its range, or a combination that Kafka refuses.
pub fn producer(props: &Props) -> Result<ProducerConfig, ConfigError> {
    let given = Given::checked(Scope::Producer, props)?;
    let acks = match given.text("acks") {
        "0" => Acks::None,
        "1" => Acks::Leader,
        _ => Acks::All,
    };
    let config = ProducerConfig {
        acks,
        retries: given.int("retries")?,
        enable_idempotence: given.flag("enable.idempotence")?,
        transactional_id: given.explicit("transactional.id").map(str::to_owned),
        transaction_timeout: given.millis("transaction.timeout.ms")?,
        max_in_flight: given.int("max.in.flight.requests.per.connection")?,
        batch_size: given.int("batch.size")?,
        linger: given.millis("linger.ms")?,
        buffer_memory: given.long("buffer.memory")?,
        max_block: given.millis("max.block.ms")?,
        delivery_timeout: given.millis("delivery.timeout.ms")?,
        request_timeout: given.millis("request.timeout.ms")?,
        retry_backoff: given.millis("retry.backoff.ms")?,
        retry_backoff_max: given.millis("retry.backoff.max.ms")?,
        max_request_size: given.int("max.request.size")?,
        metadata_max_age: given.millis("metadata.max.age.ms")?,
        reconnect_backoff: given.millis("reconnect.backoff.ms")?,
        reconnect_backoff_max: given.reconnect_backoff_max()?,
        ignore_keys: given.flag("partitioner.ignore.keys")?,
        adaptive_partitioning: given.flag("partitioner.adaptive.partitioning.enable")?,
        availability_timeout: given.millis("partitioner.availability.timeout.ms")?,
        round_robin: round_robin(given.explicit("partitioner.class"))?,
        compression: match given.text("compression.type") {
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        },
    };
    let idempotence = resolve_idempotence(&given, &config)?;
    let delivery_timeout = resolve_delivery_timeout(&given, &config)?;
    Ok(ProducerConfig { enable_idempotence: idempotence, delivery_timeout, ..config })
}

/// P-20: of the classes that `partitioner.class` may name only Kafka's own is known here.
fn round_robin(class: Option<&str>) -> Result<bool, ConfigError> {
    const KNOWN: &str = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    match class {
        None | Some("null") => Ok(false),
        Some(KNOWN) => Ok(true),
        Some(other) => {
            let message = format!("Class {other} could not be found. (Known here: {KNOWN}.)");
            Err(ConfigError::new("partitioner.class", message))
        }
    }
}

/// P-1, P-2, P-3: what becomes of `enable.idempotence`.
fn resolve_idempotence(given: &Given, config: &ProducerConfig) -> Result<bool, ConfigError> {
    let mut enabled = config.enable_idempotence;
    let transactional = config.transactional_id.is_some();
    // P-3: a transactional producer may not have it switched off, neither by itself nor quietly by P-1.
    let asked_for = given.is_set("enable.idempotence") || transactional;
    if enabled {
        if config.retries == 0 {
            if asked_for {
                return Err(ConfigError::new("retries", "Must set retries to non-zero when using the idempotent producer."));
            }
            enabled = false;
        }
        if config.acks != Acks::All {
            if asked_for {
                return Err(ConfigError::new(
                    "acks",
                    "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
                ));
            }
            enabled = false;
        }
        // P-1: since 4.0 this is an error even where idempotence was not asked for.
        if config.max_in_flight > 5 {
            return Err(ConfigError::new(
                "max.in.flight.requests.per.connection",
                format!(
                    "To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. Current value is {}.",
                    config.max_in_flight
                ),
            ));
        }
    }
    if transactional && !enabled {
        return Err(ConfigError::new("transactional.id", "Cannot set a transactional.id without also enabling idempotence."));
    }
    Ok(enabled)
}

/// P-4: delivery.timeout covers linger and one request.
fn resolve_delivery_timeout(given: &Given, config: &ProducerConfig) -> Result<SimDuration, ConfigError> {
    let both = config.linger.as_millis().saturating_add(config.request_timeout.as_millis()).min(i32::MAX as u64);
    let least = SimDuration::from_millis(both);
    if config.delivery_timeout >= least {
        return Ok(config.delivery_timeout);
    }
    if given.is_set("delivery.timeout.ms") {
        return Err(ConfigError::new(
            "delivery.timeout.ms",
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms",
        ));
    }
    Ok(least)
}

/// A consumer's settings.
///
/// # Errors
/// A value out of its range.
pub fn consumer(props: &Props) -> Result<ConsumerConfig, ConfigError> {
    let given = Given::checked(Scope::Consumer, props)?;
    let group_protocol = group_protocol(&given)?;
    let config = ConsumerConfig {
        assignors: assignors(given.text("partition.assignment.strategy"))?,
        session_timeout: given.millis("session.timeout.ms")?,
        heartbeat_interval: given.millis("heartbeat.interval.ms")?,
        max_poll_records: given.int("max.poll.records")?,
        enable_auto_commit: given.flag("enable.auto.commit")?,
        // 0 means "on each poll()". Polls cost no time here, so each would be followed by the next at the same instant, for ever.
        auto_commit_interval: given.millis("auto.commit.interval.ms")?.max(SimDuration::from_millis(1)),
        auto_offset_reset: offset_reset(given.text("auto.offset.reset"))?,
        isolation: isolation(given.text("isolation.level")),
        group_protocol,
        client_rack: Some(given.text("client.rack").to_owned()).filter(|rack| !rack.is_empty()),
        group_remote_assignor: server_assignor(given.text("group.remote.assignor"))?,
        max_poll_interval: given.millis("max.poll.interval.ms")?,
        fetch_min_bytes: given.int("fetch.min.bytes")?,
        fetch_max_wait: given.millis("fetch.max.wait.ms")?,
        fetch_max_bytes: given.int("fetch.max.bytes")?,
        max_partition_fetch_bytes: given.int("max.partition.fetch.bytes")?,
        request_timeout: given.millis("request.timeout.ms")?,
        default_api_timeout: given.millis("default.api.timeout.ms")?,
        retry_backoff: given.millis("retry.backoff.ms")?,
        retry_backoff_max: given.millis("retry.backoff.max.ms")?,
        metadata_max_age: given.millis("metadata.max.age.ms")?,
        reconnect_backoff: given.millis("reconnect.backoff.ms")?,
        reconnect_backoff_max: given.reconnect_backoff_max()?,
    };
    if config.heartbeat_interval >= config.session_timeout {
        let message = "Heartbeat must be set lower than the session timeout";
        return Err(ConfigError::new("heartbeat.interval.ms", message));
    }
    Ok(config)
}

/// `partition.assignment.strategy`: Kafka's classes, or the names under which they are voted for.
fn assignors(text: &str) -> Result<Vec<Assignor>, ConfigError> {
    let wrong = |message: String| ConfigError::new("partition.assignment.strategy", message);
    let mut list = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let named = |a: &Assignor| a.class() == name || a.name() == name;
        let Some(assignor) = Assignor::ALL.into_iter().find(named) else {
            let known = Assignor::ALL.map(Assignor::name).join(", ");
            return Err(wrong(format!("`{name}` is not an assignor that brokerscope knows; known: {known}, or Kafka's classes")));
        };
        if list.contains(&assignor) {
            return Err(wrong(format!("the assignor {} is in the list twice", assignor.name())));
        }
        list.push(assignor);
    }
    if list.is_empty() {
        return Err(wrong("a member of a group needs at least one assignor".to_owned()));
    }
    Ok(list)
}

fn isolation(text: &str) -> Isolation {
    if text == "read_committed" { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
}

/// Each protocol refuses the other's settings.
fn group_protocol(given: &Given<'_>) -> Result<GroupProtocol, ConfigError> {
    let (protocol, foreign): (_, &[&str]) = if given.text("group.protocol").eq_ignore_ascii_case("consumer") {
        let classic = &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"];
        (GroupProtocol::Consumer, classic)
    } else {
        (GroupProtocol::Classic, &["group.remote.assignor"])
    };
    match foreign.iter().find(|name| given.is_set(name)) {
        None => Ok(protocol),
        Some(name) => Err(ConfigError::new(
            name,
            format!("{name} cannot be set when group.protocol={}", given.text("group.protocol").to_ascii_uppercase()),
        )),
    }
}

/// `null` and Kafka's own LeaderSelector: everybody reads from leaders.
fn rack_aware_selector(text: &str) -> Result<bool, ConfigError> {
    match text {
        "null" | "org.apache.kafka.common.replica.LeaderSelector" => Ok(false),
        "org.apache.kafka.common.replica.RackAwareReplicaSelector" => Ok(true),
        _ => {
            let text = format!("brokerscope does not know {text}: use org.apache.kafka.common.replica.RackAwareReplicaSelector");
            Err(ConfigError::new("replica.selector.class", text))
        }
    }
}

fn server_assignor(text: &str) -> Result<Option<ServerAssignor>, ConfigError> {
    if text == "null" {
        return Ok(None);
    }
    let unknown = || {
        let text = format!("the brokers do not know the assignor {text} (UNSUPPORTED_ASSIGNOR): use uniform or range");
        ConfigError::new("group.remote.assignor", text)
    };
    ServerAssignor::named(text).map(Some).ok_or_else(unknown)
}

fn offset_reset(text: &str) -> Result<OffsetReset, ConfigError> {
    let refusal = || {
        let text = format!(
            "Invalid value {text} for configuration auto.offset.reset: The value must be either 'earliest', 'latest', 'none' or of \
             the format 'by_duration:<PnDTnHnMn.nS.>'."
        );
        ConfigError::new("auto.offset.reset", text)
    };
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(OffsetReset::Earliest),
        "latest" => Ok(OffsetReset::Latest),
        "none" => Ok(OffsetReset::None),
        lower => match lower.strip_prefix("by_duration:").map(iso_duration) {
            Some(Some(duration)) => Ok(OffsetReset::ByDuration(duration)),
            _ => Err(refusal()),
        },
    }
}

/// `PnDTnHnMn.nS`, as java.time.Duration reads it: days, hours, minutes and seconds, none below zero.
fn iso_duration(text: &str) -> Option<SimDuration> {
    let (days, time) = text.strip_prefix('p')?.split_once('t').unwrap_or((text.strip_prefix('p')?, ""));
    let mut micros: u64 = 0;
    let mut rest = String::new();
    let mut any = false;
    for (part, units) in [(days, &[('d', 86_400_u64)][..]), (time, &[('h', 3_600), ('m', 60), ('s', 1)][..])] {
        let mut units = units.iter();
        for c in part.chars() {
            if c.is_ascii_digit() || c == '.' {
                rest.push(c);
                continue;
            }
            let (_, seconds) = units.find(|(unit, _)| *unit == c)?;
            let (whole, fraction) = rest.split_once('.').unwrap_or((&rest, ""));
            let sixths = format!("{fraction:0<6}").get(..6)?.parse::<u64>().ok()?;
            if !fraction.is_empty() && c != 's' {
                return None;
            }
            let of_part = whole.parse::<u64>().ok()?.checked_mul(seconds * 1_000_000)?.checked_add(sixths)?;
            micros = micros.checked_add(of_part)?;
            rest.clear();
            any = true;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    any.then_some(SimDuration(micros))
}

/// The brokers' settings.
///
/// # Errors
/// A value out of its range, or a combination with which a broker refuses to start.
pub fn broker(props: &Props) -> Result<BrokerConfig, ConfigError> {
    let given = Given::checked(Scope::Broker, props)?;
    let config = BrokerConfig {
        replica_lag_time_max: given.millis("replica.lag.time.max.ms")?,
        replica_fetch_wait_max: given.millis("replica.fetch.wait.max.ms")?,
        replica_fetch_max_bytes: given.int("replica.fetch.max.bytes")?,
        replica_fetch_response_max_bytes: given.int("replica.fetch.response.max.bytes")?,
        replica_fetch_backoff: given.millis("replica.fetch.backoff.ms")?,
        replica_socket_timeout: given.millis("replica.socket.timeout.ms")?,
        auto_leader_rebalance: given.flag("auto.leader.rebalance.enable")?,
        leader_imbalance_interval: SimDuration::from_secs(given.long("leader.imbalance.check.interval.seconds")?),
        leader_imbalance_percentage: given.int("leader.imbalance.per.broker.percentage")?,
        quorum_election_timeout: given.millis("controller.quorum.election.timeout.ms")?,
        quorum_fetch_timeout: given.millis("controller.quorum.fetch.timeout.ms")?,
        quorum_request_timeout: given.millis("controller.quorum.request.timeout.ms")?,
        hw_checkpoint_interval: given.millis("replica.high.watermark.checkpoint.interval.ms")?,
        heartbeat_interval: given.millis("broker.heartbeat.interval.ms")?,
        session_timeout: given.millis("broker.session.timeout.ms")?,
        num_partitions: given.small("num.partitions")?,
        offsets_topic_num_partitions: given.int("offsets.topic.num.partitions")?,
        offsets_topic_replication_factor: given.small("offsets.topic.replication.factor")?,
        group_min_session_timeout: given.millis("group.min.session.timeout.ms")?,
        group_max_session_timeout: given.millis("group.max.session.timeout.ms")?,
        group_max_size: given.int("group.max.size")?,
        group_consumer_max_size: given.int("group.consumer.max.size")?,
        group_initial_rebalance_delay: given.millis("group.initial.rebalance.delay.ms")?,
        offsets_commit_timeout: given.millis("offsets.commit.timeout.ms")?,
        transaction_topic_num_partitions: given.int("transaction.state.log.num.partitions")?,
        transaction_topic_replication_factor: given.small("transaction.state.log.replication.factor")?,
        transaction_topic_min_isr: given.small("transaction.state.log.min.isr")?,
        transaction_max_timeout: given.millis("transaction.max.timeout.ms")?,
        transactional_id_interval: given.millis("transaction.remove.expired.transaction.cleanup.interval.ms")?,
        transaction_abort_interval: given.millis("transaction.abort.timed.out.transaction.cleanup.interval.ms")?,
        transactional_id_expiration: given.millis("transactional.id.expiration.ms")?,
        transaction_verification: given.flag("transaction.partition.verification.enable")?,
        rack_aware_selector: rack_aware_selector(given.text("replica.selector.class"))?,
        group_consumer_heartbeat_interval: given.millis("group.consumer.heartbeat.interval.ms")?,
        group_consumer_session_timeout: given.millis("group.consumer.session.timeout.ms")?,
        offsets_retention: SimDuration::from_secs(u64::from(given.int("offsets.retention.minutes")?) * 60),
        offsets_retention_check: given.millis("offsets.retention.check.interval.ms")?,
        offsets_segment_bytes: given.long("offsets.topic.segment.bytes")?,
        num_io_threads: given.int("num.io.threads")?,
        log: log::tasks(&given)?,
        topic_defaults: TopicConfig {
            replication_factor: given.small("default.replication.factor")?,
            min_insync_replicas: given.small("min.insync.replicas")?,
            max_message_bytes: given.int("message.max.bytes")?,
            unclean_leader_election: given.flag("unclean.leader.election.enable")?,
            log: log::topic_defaults(&given)?,
        },
    };
    if config.replica_fetch_wait_max > config.replica_socket_timeout {
        return Err(ConfigError::new(
            "replica.socket.timeout.ms",
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts",
        ));
    }
    if config.replica_fetch_wait_max > config.replica_lag_time_max {
        return Err(ConfigError::new(
            "replica.lag.time.max.ms",
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR",
        ));
    }
    Ok(config)
}

/// A topic's settings: its own over the brokers' defaults.
///
/// # Errors
/// A value out of its range.
pub fn topic(props: &Props, brokers: &BrokerConfig) -> Result<TopicConfig, ConfigError> {
    let given = Given::checked(Scope::Topic, props)?;
    let defaults = &brokers.topic_defaults;
    let mut config = defaults.clone();
    if given.is_set("replication.factor") {
        config.replication_factor = given.small("replication.factor")?;
    }
    if given.is_set("min.insync.replicas") {
        config.min_insync_replicas = given.small("min.insync.replicas")?;
    }
    if given.is_set("max.message.bytes") {
        config.max_message_bytes = given.int("max.message.bytes")?;
    }
    if given.is_set("unclean.leader.election.enable") {
        config.unclean_leader_election = given.flag("unclean.leader.election.enable")?;
    }
    log::topic(&given, &mut config.log)?;
    Ok(config)
}

/// The properties of one scope: what was given over the table's defaults, each in its range.
struct Given<'a> {
    scope: Scope,
    props: &'a Props,
}

impl<'a> Given<'a> {
    /// Checks every given value against the table, whether it is modelled or not.
    fn checked(scope: Scope, props: &'a Props) -> Result<Given<'a>, ConfigError> {
        for (name, value) in props.iter() {
            if let Some(property) = properties::find(scope, name) {
                check(property, value.trim())?;
            }
        }
        Ok(Given { scope, props })
    }

    fn explicit(&self, name: &str) -> Option<&'a str> {
        self.props.get(name).map(|value| value.trim())
    }

    fn is_set(&self, name: &str) -> bool {
        self.props.contains_key(name)
    }

    fn text(&self, name: &str) -> &'a str {
        let property = properties::find(self.scope, name).expect("only names of the table are asked for");
        self.explicit(name).unwrap_or(property.default)
    }

    fn number(&self, name: &str) -> Result<i64, ConfigError> {
        let text = self.text(name);
        text.parse().map_err(|_| ConfigError::new(name, format!("Invalid value {text} for configuration {name}: not a number")))
    }

    fn int(&self, name: &str) -> Result<u32, ConfigError> {
        Ok(u32::try_from(self.number(name)?.max(0)).unwrap_or(u32::MAX))
    }

    fn small(&self, name: &str) -> Result<u16, ConfigError> {
        Ok(u16::try_from(self.number(name)?.max(0)).unwrap_or(u16::MAX))
    }

    fn long(&self, name: &str) -> Result<u64, ConfigError> {
        Ok(self.number(name)?.max(0).unsigned_abs())
    }

    fn millis(&self, name: &str) -> Result<SimDuration, ConfigError> {
        Ok(SimDuration::from_millis(self.long(name)?))
    }

    /// A number, unless it is Kafka's "never": the largest LONG, or not set.
    fn unless_unlimited(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        if self.text(name) == "null" {
            return Ok(None);
        }
        Ok(Some(self.long(name)?).filter(|&n| n != i64::MAX.unsigned_abs()))
    }

    /// A number, unless it is negative: Kafka's "any".
    fn unless_negative(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        Ok(u64::try_from(self.number(name)?).ok())
    }

    /// A decimal from 0 to 1, in thousandths; finer digits are dropped.
    fn per_mille(&self, name: &str) -> Result<u32, ConfigError> {
        Ok(per_mille(self.text(name)).expect("checked against the table"))
    }

    fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        Ok(self.text(name).eq_ignore_ascii_case("true"))
    }

    /// Kafka's clients give up the exponential reconnect backoff when only its start was set.
    fn reconnect_backoff_max(&self) -> Result<SimDuration, ConfigError> {
        let only_start = self.is_set("reconnect.backoff.ms") && !self.is_set("reconnect.backoff.max.ms");
        self.millis(if only_start { "reconnect.backoff.ms" } else { "reconnect.backoff.max.ms" })
    }
}

/// Thousandths of a decimal from 0 to 1: `0.5` is 500.
fn per_mille(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|b| b.is_ascii_digit());
    let thousandths: u32 = format!("{fraction:0<3}").get(..3)?.parse().ok().filter(|_| digits)?;
    match whole {
        "0" | "" => Some(thousandths),
        "1" if fraction.bytes().all(|b| b == b'0') => Some(1_000),
        _ => None,
    }
}

/// Is a value one that Kafka takes for the property?
fn check(property: &properties::Property, value: &str) -> Result<(), ConfigError> {
    let name = property.name;
    let invalid = |why: String| Err(ConfigError::new(name, format!("Invalid value {value} for configuration {name}: {why}")));
    let in_range = |number: i64, at_least: i64, at_most: i64| {
        if number < at_least {
            invalid(format!("Value must be at least {at_least}"))
        } else if number > at_most {
            invalid(format!("Value must be no more than {at_most}"))
        } else {
            Ok(())
        }
    };
    match property.kind {
        Kind::Int { at_least, at_most } => match value.parse::<i32>() {
            Ok(number) => in_range(i64::from(number), i64::from(at_least), i64::from(at_most)),
            Err(_) => invalid("Not a number of type INT".to_owned()),
        },
        Kind::Long { at_least } => match value.parse::<i64>() {
            Ok(number) => in_range(number, at_least, i64::MAX),
            Err(_) => invalid("Not a number of type LONG".to_owned()),
        },
        Kind::Ratio if per_mille(value).is_some() => Ok(()),
        Kind::Ratio => invalid("Value must be a number from 0 to 1".to_owned()),
        Kind::Bool if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => Ok(()),
        Kind::Bool => invalid("Expected value to be either true or false".to_owned()),
        Kind::OneOf(words) if words.contains(&value) => Ok(()),
        Kind::OneOf(words) => invalid(format!("String must be one of: {}", words.join(", "))),
        Kind::Text if name == "transactional.id" && value.is_empty() => invalid("String must be non-empty".to_owned()),
        Kind::Text | Kind::List => Ok(()),
    }
}

mod log;

#[cfg(test)]
mod tests;
