//! The clients' properties.

use super::{Kind, Property, int, long, modelled_property as yes, other_property as no};

const REQUEST_TIMEOUT: Property = yes(
    "request.timeout.ms",
    int(0),
    "30000",
    "How long a client waits for the answer to a request before it closes the connection and tries again.",
);
const RETRY_BACKOFF: Property =
    yes("retry.backoff.ms", long(0), "100", "The first pause before a request is tried again; it doubles.");
const RETRY_BACKOFF_MAX: Property = yes("retry.backoff.max.ms", long(0), "1000", "The longest pause between two tries.");
const METADATA_MAX_AGE: Property =
    yes("metadata.max.age.ms", long(0), "300000", "After this long a client asks again who leads what, even without an error.");
const RECONNECT_BACKOFF: Property = yes(
    "reconnect.backoff.ms",
    long(0),
    "50",
    "The first pause before a client connects again to a broker that it could not reach.",
);
const RECONNECT_BACKOFF_MAX: Property =
    yes("reconnect.backoff.max.ms", long(0), "1000", "The longest pause before a client connects again.");

/// The producer's.
pub(super) const PRODUCER: &[Property] = &[
    yes(
        "acks",
        Kind::OneOf(&["all", "-1", "0", "1"]),
        "all",
        "Whose word makes a send a success: nobody's (0), the leader's alone (1), or every in-sync replica's (all).",
    ),
    yes("retries", int(0), "2147483647", "How often the client sends a batch again after an error that may pass."),
    yes(
        "enable.idempotence",
        Kind::Bool,
        "true",
        "Batches carry a producer id and sequence numbers, so that the client's own retries cannot double or reorder them.",
    ),
    yes(
        "max.in.flight.requests.per.connection",
        int(1),
        "5",
        "How many requests may be on their way to one broker at once; above 1 without idempotence, retries can reorder.",
    ),
    yes(
        "delivery.timeout.ms",
        int(0),
        "120000",
        "After this long since its batch was made a record is reported as failed, although it may be in the log.",
    ),
    REQUEST_TIMEOUT,
    yes("linger.ms", long(0), "5", "How long a batch that is not full waits for more records."),
    yes("batch.size", int(0), "16384", "Bytes of one batch of records for one partition."),
    yes("buffer.memory", long(0), "33554432", "Bytes of records that may wait in the client; when full, send() blocks."),
    yes("max.block.ms", long(0), "60000", "How long send() blocks for metadata or memory before it fails."),
    yes("max.request.size", int(0), "1048576", "Bytes of the largest request, hence of the largest record."),
    RETRY_BACKOFF,
    RETRY_BACKOFF_MAX,
    METADATA_MAX_AGE,
    RECONNECT_BACKOFF,
    RECONNECT_BACKOFF_MAX,
    yes("partitioner.ignore.keys", Kind::Bool, "false", "Spread records over partitions whatever their keys."),
    no(
        "metadata.max.idle.ms",
        long(5_000),
        "300000",
        "A topic that nothing was sent to for this long is forgotten until the next send().",
    ),
    yes("transactional.id", Kind::Text, "null", "Names the producer over restarts and lets it write in transactions."),
    yes("transaction.timeout.ms", int(0), "60000", "How long a transaction may stay open before the cluster aborts it."),
    yes(
        "compression.type",
        Kind::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]),
        "none",
        "How batches are compressed: to a fixed share of their size here, for some time of the application's thread.",
    ),
    yes(
        "partitioner.class",
        Kind::Text,
        "null",
        "The class that chooses partitions instead of the built-in rule; org.apache.kafka.clients.producer.RoundRobinPartitioner is known.",
    ),
    yes(
        "partitioner.adaptive.partitioning.enable",
        Kind::Bool,
        "true",
        "Records without key go rather to partitions that have fewer batches waiting.",
    ),
    yes(
        "partitioner.availability.timeout.ms",
        long(0),
        "0",
        "Records without key avoid partitions whose broker has not taken a batch for this long.",
    ),
];

/// The consumer's.
pub(super) const CONSUMER: &[Property] = &[
    yes(
        "enable.auto.commit",
        Kind::Bool,
        "true",
        "The client commits by itself what poll() has returned; false: the application commits after its business.",
    ),
    yes("auto.commit.interval.ms", int(0), "5000", "Time between two automatic commits."),
    yes(
        "auto.offset.reset",
        Kind::Text,
        "latest",
        "Where to start without a valid committed offset: earliest, latest (skips all that is there), by_duration:PT1H (no older than that), or none (an error).",
    ),
    yes("max.poll.records", int(1), "500", "Records that one poll() returns at most."),
    yes("fetch.min.bytes", int(0), "1", "A broker holds its answer to a fetch until it has this many bytes."),
    yes("fetch.max.wait.ms", int(0), "500", "A broker holds its answer to a fetch no longer than this."),
    yes("fetch.max.bytes", int(0), "52428800", "Bytes of one answer to a fetch at most."),
    yes("max.partition.fetch.bytes", int(0), "1048576", "Bytes of one partition in an answer to a fetch at most."),
    REQUEST_TIMEOUT,
    yes("default.api.timeout.ms", int(0), "60000", "How long a blocking call such as commitSync() tries before it fails."),
    RETRY_BACKOFF,
    RETRY_BACKOFF_MAX,
    METADATA_MAX_AGE,
    RECONNECT_BACKOFF,
    RECONNECT_BACKOFF_MAX,
    yes(
        "group.protocol",
        Kind::OneOf(&["classic", "consumer", "CLASSIC", "CONSUMER"]),
        "classic",
        "How members share partitions: the classic join and sync, or the newer protocol run by the brokers.",
    ),
    yes(
        "client.rack",
        Kind::Text,
        "",
        "Where the client is: with replica.selector.class it reads from a replica in the same rack.",
    ),
    yes(
        "group.remote.assignor",
        Kind::Text,
        "null",
        "With group.protocol=consumer: the brokers' rule by which partitions go to members, uniform or range.",
    ),
    yes("partition.assignment.strategy", Kind::List, "range,cooperative-sticky", "The rules by which partitions go to members."),
    yes("session.timeout.ms", int(0), "45000", "A member whose heartbeats stay away for this long is removed from its group."),
    yes("heartbeat.interval.ms", int(0), "3000", "Time between two heartbeats of a member to its coordinator."),
    yes("max.poll.interval.ms", int(1), "300000", "A member that does not call poll() for this long leaves its group."),
    yes(
        "isolation.level",
        Kind::OneOf(&["read_committed", "read_uncommitted"]),
        "read_uncommitted",
        "Whether records of transactions that were aborted or are still open are seen.",
    ),
    no("group.instance.id", Kind::Text, "null", "Makes a member static: a restart within the session keeps its partitions."),
];
