//! The brokers' and topics' properties.

use super::{Kind, Property, int, long, modelled_property as yes, other_property as no};

/// A topic's.
pub(super) const TOPIC: &[Property] = &[
    yes("replication.factor", int(1), "default.replication.factor", "How many brokers keep a copy of each partition."),
    yes("min.insync.replicas", int(1), "1", "With acks=all, a write needs this many in-sync replicas; with fewer it is refused."),
    yes(
        "unclean.leader.election.enable",
        Kind::Bool,
        "false",
        "May a replica that lacks committed records lead when no complete one is left?",
    ),
    yes("max.message.bytes", int(0), "1048588", "Bytes of the largest batch that the topic takes."),
    yes("flush.messages", long(1), "9223372036854775807", "After this many records the log is forced to the disk."),
    yes("flush.ms", long(0), "9223372036854775807", "After this long the log is forced to the disk."),
    yes("segment.bytes", int(1_048_576), "1073741824", "Bytes of one log file; a full one is forced to the disk."),
    no("segment.ms", long(1), "604800000", "After this long a new log file is begun even if the old one is not full."),
    no("retention.ms", long(-1), "604800000", "Records older than this are deleted."),
    no("retention.bytes", long(i64::MIN), "-1", "Bytes of one partition above which the oldest records are deleted."),
    no("cleanup.policy", Kind::List, "delete", "Old records are deleted, or only the last one of each key is kept (compact)."),
    no(
        "compression.type",
        Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        "How batches are compressed on the disk.",
    ),
];

/// A broker's.
pub(super) const BROKER: &[Property] = &[
    yes(
        "replica.lag.time.max.ms",
        long(1),
        "30000",
        "A follower that has not been level with its leader for this long leaves the in-sync replicas.",
    ),
    yes("replica.fetch.wait.max.ms", int(0), "500", "A leader holds its answer to a follower's fetch no longer than this."),
    yes("replica.fetch.max.bytes", int(0), "1048576", "Bytes of one partition in an answer to a follower."),
    yes("replica.fetch.response.max.bytes", int(0), "10485760", "Bytes of one answer to a follower."),
    yes("replica.fetch.backoff.ms", int(0), "1000", "How long a follower waits after an error before it fetches again."),
    yes("replica.socket.timeout.ms", int(1), "30000", "How long a follower waits for the answer to a fetch."),
    yes(
        "replica.high.watermark.checkpoint.interval.ms",
        long(1),
        "5000",
        "Time between two savings of the high watermarks to the disk.",
    ),
    yes("broker.heartbeat.interval.ms", int(1), "2000", "Time between two heartbeats of a broker to the controller."),
    yes(
        "broker.session.timeout.ms",
        int(1),
        "9000",
        "A broker whose heartbeats stay away for this long is fenced and loses its leaderships.",
    ),
    yes("num.partitions", int(1), "1", "Partitions of a topic that does not say how many."),
    yes("default.replication.factor", int(1), "1", "Copies of a topic that does not say how many."),
    yes(
        "min.insync.replicas",
        int(1),
        "1",
        "With acks=all, a write needs this many in-sync replicas, for topics that do not say otherwise.",
    ),
    yes(
        "unclean.leader.election.enable",
        Kind::Bool,
        "false",
        "May a replica that lacks committed records lead, for topics that do not say otherwise?",
    ),
    yes("message.max.bytes", int(0), "1048588", "Bytes of the largest batch, for topics that do not say otherwise."),
    yes(
        "log.flush.interval.messages",
        long(1),
        "9223372036854775807",
        "After this many records a log is forced to the disk, for topics that do not say otherwise.",
    ),
    yes(
        "log.flush.interval.ms",
        long(0),
        "null",
        "After this long a log is forced to the disk, for topics that do not say otherwise.",
    ),
    yes("log.segment.bytes", int(1_048_576), "1073741824", "Bytes of one log file, for topics that do not say otherwise."),
    yes("offsets.topic.num.partitions", int(1), "50", "Partitions of the topic that keeps the groups' committed offsets."),
    yes("offsets.topic.replication.factor", int(1), "3", "Copies of the topic that keeps the groups' committed offsets."),
    yes("offsets.commit.timeout.ms", int(1), "5000", "How long an offset commit waits for the replicas."),
    no("auto.leader.rebalance.enable", Kind::Bool, "true", "Gives leadership back to the first replica from time to time."),
    no("num.replica.fetchers", int(1), "1", "Threads with which a broker fetches from each other broker."),
    no("replica.fetch.min.bytes", int(0), "1", "A leader holds its answer to a follower until it has this many bytes."),
    yes("group.min.session.timeout.ms", int(0), "6000", "A member that asks for a shorter session is refused."),
    yes("group.max.session.timeout.ms", int(0), "1800000", "A member that asks for a longer session is refused."),
    yes("group.initial.rebalance.delay.ms", int(0), "3000", "How long an empty group waits for more members before it starts."),
    no("offsets.retention.minutes", int(1), "10080", "After this long an empty group's offsets are forgotten."),
    no("producer.id.expiration.ms", int(1), "86400000", "After this long an idle producer's sequence numbers are forgotten."),
    no("log.retention.hours", int(i32::MIN), "168", "Records older than this are deleted."),
];
