//! The first step of a story: the setting, or the way an application is written, without which it could not have happened.

use super::Case;
use crate::config::{Acks, OffsetReset};
use crate::layout::PartitionLayout;
use crate::scenario::{GroupSpec, Identity, ProducerSpec, SendMode, WithoutRedis};

/// In words, with the values of this run.
pub(super) fn of(case: &Case<'_>) -> String {
    let id = case.mechanism.id;
    let group = case.group.map(|group| &case.layout.scenario.groups[group.ix()]);
    match (id.split_once('-'), group) {
        (Some(("LOSS", number)), _) if number.starts_with('P') => of_sender(case, id),
        (Some(("LOSS", number)), _) if number.starts_with('B') => of_topic(case, id),
        (Some(("LOSS", _)), Some(group)) => of_reader(group, id),
        (
            Some(("DUP", "10" | "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" | "20" | "21" | "22" | "25")),
            Some(group),
        ) => of_reader(group, id),
        (Some(("DUP", "23")), Some(group)) => format!("{} reads with isolation.level=read_uncommitted", group.name),
        (Some(("ORDER", "8" | "9" | "10" | "11")), Some(group)) => of_reader(group, id),
        _ => of_sender(case, id),
    }
}

fn producer<'a>(case: &Case<'a>) -> &'a ProducerSpec {
    &case.layout.scenario.producers[case.state.producer.ix()]
}

fn of_sender(case: &Case<'_>, id: &str) -> String {
    let spec = producer(case);
    let (name, config) = (&spec.name, &spec.config);
    match id {
        "LOSS-P1" => format!("{name} sends fire-and-forget: it looks at no outcome"),
        "LOSS-P2" => format!("{name} sends with acks=0: it asks for no answer"),
        "LOSS-P3" => format!("{name} waits for max.block.ms={} at most", config.max_block.as_millis()),
        "LOSS-P4" if spec.send == SendMode::SyncRetry => format!("{name} waits {} for an outcome", spec.resend.timeout),
        "LOSS-P4" => format!("{name} has delivery.timeout.ms={}", config.delivery_timeout.as_millis()),
        "LOSS-P5" => format!("{name} has retries={}", config.retries),
        "LOSS-P9" => format!("{name} sends in transactions, and does not repeat what was aborted"),
        "LOSS-P7" => format!("{name} keeps its messages in memory only until they are sent"),
        "DUP-1" | "DUP-6" => format!("{name} sends with enable.idempotence=false"),
        "DUP-2" => format!("{name} sends again by itself what it knows nothing of ({})", mode(spec.send)),
        "DUP-5" => format!("{name} is an outbox: a row is marked as sent after the ack"),
        "ORDER-1" | "ORDER-3" => format!(
            "{name} sends with acks={}, enable.idempotence={}, max.in.flight.requests.per.connection={}",
            acks(config.acks),
            config.enable_idempotence,
            config.max_in_flight
        ),
        "ORDER-2" if spec.transaction.is_some() => {
            format!("{name} sends the messages of an aborted transaction again in another")
        }
        "ORDER-2" => format!("{name} sends again what failed, whatever it has sent meanwhile ({})", mode(spec.send)),
        "ORDER-4" => format!("{} threads of {name} call send()", spec.threads),
        "ORDER-5" => format!("{name} gives its records keys, and the topic gets more partitions"),
        "ORDER-6" => format!("{name} lets its records go to any partition"),
        _ => format!("{name} sends with acks={}, enable.idempotence={}", acks(config.acks), config.enable_idempotence),
    }
}

fn mode(send: SendMode) -> &'static str {
    match send {
        SendMode::Sync => "sync",
        SendMode::Async => "async",
        SendMode::FireAndForget => "fire-and-forget",
        SendMode::SyncRetry => "sync-retry",
        SendMode::AsyncTable => "async-table",
        SendMode::Outbox => "outbox",
        SendMode::Call => "call",
    }
}

fn acks(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

fn of_topic(case: &Case<'_>, id: &str) -> String {
    let spec = producer(case);
    let Some(place) = case.state.partition.map(|p| case.layout.partition(p)) else { return of_sender(case, id) };
    let PartitionLayout { name, replicas, config, min_isr, .. } = place;
    let (sends, rules) =
        (format!("{} sends with acks={}", spec.name, acks(spec.config.acks)), case.layout.scenario.cluster.rules);
    match id {
        "LOSS-B1" | "LOSS-B2" => format!("{sends}: the leader alone answers"),
        "LOSS-B3" => format!("{name} has replication.factor={}", replicas.len()),
        "LOSS-B4" => format!("{name} has min.insync.replicas={min_isr}, and {sends}"),
        "LOSS-B5" => format!(
            "{name} has min.insync.replicas={min_isr}, and eligible leader replicas are {}",
            on(case.layout.scenario.cluster.elr)
        ),
        "LOSS-B6" => match config.log.flush_messages {
            Some(messages) => format!("{name} has flush.messages={messages}: newer records are in page caches only"),
            None => format!("{name} leaves flushing to the kernel: new records are in page caches only"),
        },
        "LOSS-B8" => format!("{name} has unclean.leader.election.enable={}", config.unclean_leader_election),
        "LOSS-B9" | "LOSS-B10" => {
            format!(
                "the brokers follow rules.truncation={}, broker-epoch-check={}",
                rules.truncation.name(),
                rules.broker_epoch_check
            )
        }
        "LOSS-B11" | "LOSS-B15" => {
            let kept = config.log.retention.map_or_else(|| "-1".to_owned(), |kept| kept.as_millis().to_string());
            let policy = match (config.log.delete, config.log.compact) {
                (true, true) => "compact,delete",
                (false, true) => "compact",
                _ => "delete",
            };
            format!("{name} has cleanup.policy={policy}, retention.ms={kept}")
        }
        _ => format!("{name} has replication.factor={}, min.insync.replicas={min_isr}; {sends}", replicas.len()),
    }
}

fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn of_reader(spec: &GroupSpec, id: &str) -> String {
    let (name, handler, config) = (&spec.name, &spec.handler, &spec.config);
    let steps: Vec<&str> = handler.steps.iter().map(|step| step.name()).collect();
    let steps = format!("the handler of {name} is: {}", steps.join(", "));
    match id {
        "LOSS-C1" => format!("{steps}; it acknowledges before the effect"),
        "LOSS-C2" => format!("{name} has {} workers and enable.auto.commit=true", handler.workers),
        "LOSS-C4" => format!("{name} has {} workers and commits the highest offset that is finished", handler.workers),
        "LOSS-C5" => format!("{name} commits in onPartitionsRevoked all that poll() has returned"),
        "LOSS-C6" | "LOSS-C7" | "LOSS-C8" => format!("{name} has auto.offset.reset={}", reset(config.auto_offset_reset)),
        "LOSS-C9" => format!("{name} goes by its offsets, and they can be given out again"),
        "LOSS-C11" => {
            format!("{steps}; it knows records by {} in Redis, by {} in the database", known(handler.key), known(handler.unique))
        }
        "LOSS-C13" if spec.forward.is_some() => {
            format!("{name} sends on what it cannot do, and does not wait for the ack (wait = false)")
        }
        "LOSS-C13" => format!("{steps}; it passes a record over after {} attempts", handler.attempts.unwrap_or(0)),
        "DUP-11" => format!(
            "{name} has max.poll.interval.ms={}, max.poll.records={}",
            config.max_poll_interval.as_millis(),
            config.max_poll_records
        ),
        "DUP-12" => format!(
            "{name} has session.timeout.ms={}, and nothing that recognises what was done",
            config.session_timeout.as_millis()
        ),
        "LOSS-C14" => format!("{name} sends on what it cannot do, and does not wait for the ack (wait = false)"),
        "DUP-25" => format!("{steps}; what fails goes to a retry topic after {} attempts", handler.attempts.unwrap_or(0)),
        "DUP-10" | "DUP-13" | "DUP-14" | "DUP-15" => {
            format!(
                "{steps}; offsets are committed after it ({})",
                if config.enable_auto_commit { "enable.auto.commit=true" } else { "by hand" }
            )
        }
        "DUP-16" => format!("{steps}; it knows records by their places only"),
        "DUP-17" if handler.without_redis == WithoutRedis::Open => {
            format!("{steps}; without Redis it goes on; keys live for {}", handler.ttl)
        }
        "DUP-17" => format!("{steps}; keys live for {}", handler.ttl),
        "DUP-19" => format!("{steps}; its lease is {}", handler.lease),
        "DUP-22" => format!(
            "{name} forwards what it reads, {}",
            if spec.forward.is_some_and(|f| f.transactional) { "in transactions" } else { "without transactions" }
        ),
        "ORDER-8" => format!("{name} hands records to {} workers", handler.workers),
        "ORDER-9" => format!("{name} does not wait for the work in hand when a partition is taken away"),
        _ => steps,
    }
}

fn reset(reset: OffsetReset) -> String {
    match reset {
        OffsetReset::Earliest => "earliest".to_owned(),
        OffsetReset::Latest => "latest".to_owned(),
        OffsetReset::ByDuration(age) => format!("by_duration ({age})"),
        OffsetReset::None => "none".to_owned(),
    }
}

fn known(identity: Identity) -> &'static str {
    Identity::ALL.iter().find(|(_, known)| *known == identity).map_or("", |(name, _)| name)
}
