//! How applications use transactions: `transaction` of a producer, `forward` of a group.

use super::actors::{Config, Notes, topic_id};
use super::error::ScenarioError;
use super::table::Table;
use crate::config::properties::Scope;
use crate::config::{ConsumerConfig, ProducerConfig, resolve};
use crate::ids::{GroupId, ProducerId, TopicId};
use crate::scenario::{
    ClusterSpec, ForwardSpec, Forwarded, GroupSpec, HandlerSpec, ProducerSpec, ResendSpec, SendMode, TopicSpec, TransactionSpec,
};
use crate::time::{SimDuration, SimTime};

/// What an application does unless it says otherwise.
const USUAL: TransactionSpec = TransactionSpec { size: 10, abort: None, repeat: true, restart: true };

/// `transaction = { size = 10, abort = "1 of 7", after-abort = "repeat", after-fencing = "restart" }`.
pub(super) fn transaction(producer: &Table, transactional: bool) -> Result<Option<TransactionSpec>, ScenarioError> {
    let Some(table) = producer.table("transaction", "transaction")? else { return Ok(transactional.then_some(USUAL)) };
    if !transactional {
        let at = producer.need("transaction")?.span();
        return Err(producer.error(at, "`transaction` needs a \"transactional.id\" in the producer's config"));
    }
    table.known(&["size", "abort", "after-abort", "after-fencing"])?;
    let size = table.integer("size", 1, 10_000)?.map_or(USUAL.size, |n| u32::try_from(n).expect("at most 10000"));
    let repeat = table.parsed("after-abort", |text| match text {
        "repeat" => Ok(true),
        "drop" => Ok(false),
        _ => Err(format!("`{text}` is not known; after an abort an application can `repeat` the same messages or `drop` them")),
    })?;
    let restart = table.parsed("after-fencing", |text| match text {
        "restart" => Ok(true),
        "stop" => Ok(false),
        _ => Err(format!("`{text}` is not known; a fenced application can `restart` or `stop`")),
    })?;
    Ok(Some(TransactionSpec {
        size,
        abort: table.parsed("abort", share)?,
        repeat: repeat.unwrap_or(USUAL.repeat),
        restart: restart.unwrap_or(USUAL.restart),
    }))
}

/// `1 of 7`.
fn share(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is not a share; write how many of how many, such as 1 of 7");
    let (some, of) = text.split_once(" of ").ok_or_else(wrong)?;
    let number = |part: &str| part.trim().parse::<u32>().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(wrong);
    let (some, of) = (number(some)?, number(of)?);
    if some > of { Err(wrong()) } else { Ok((some, of)) }
}

/// `forward = { topic = "out", records = "done", transactional-id = "t", record-bytes = 100, config = { ... } }`.
pub(super) fn forward(
    group: &Table,
    name: &str,
    (read, members, config): (&[TopicId], u16, &ConsumerConfig),
    handler: &HandlerSpec,
    topics: &[TopicSpec],
    notes: &mut Notes,
) -> Result<Option<Forward>, ScenarioError> {
    let Some(table) = group.table("forward", "forward")? else { return Ok(None) };
    table.known(&["topic", "records", "during", "wait", "transactional-id", "record-bytes", "config"])?;
    let at = table.need("topic")?.span();
    let topic = topic_id(&table, table.need_string("topic")?, at.clone(), topics)?;
    if read.contains(&topic) {
        return Err(table.error(at, "a group cannot forward to a topic that it reads itself"));
    }
    let id = table.string("transactional-id")?.map(str::to_owned);
    if id.is_some() && config.enable_auto_commit {
        let message = "a transaction carries the offsets: the consumer must not commit them by itself";
        let error = table.error(table.need("transactional-id")?.span(), message);
        return Err(error.help("set \"enable.auto.commit\" = false in the group's config"));
    }
    let what = table.parsed("records", forwarded)?.unwrap_or(Forwarded::Done);
    if what == Forwarded::Failed && handler.attempts.is_none() {
        let error = table.error(table.need("records")?.span(), "a record that fails is tried for ever, and never forwarded");
        return Err(error.help("say how often it is tried: attempts = 3 in the handler"));
    }
    let during = table.parsed("during", span_of_time)?;
    if what != Forwarded::All && during.is_some() {
        let message = "`during` is about moving all records: write records = \"all\" as well";
        return Err(table.error(table.need("during")?.span(), message));
    }
    let waits = table.boolean("wait")?.unwrap_or(true);
    if !waits && id.is_some() {
        return Err(table.error(table.need("wait")?.span(), "the end of a transaction is always waited for: leave `wait` out"));
    }
    let given = Config::read(&table, Scope::Producer, notes)?;
    let bytes = table.integer("record-bytes", 1, 16 * 1024 * 1024)?.unwrap_or(100);
    let mut producers = Vec::new();
    for member in 0..members {
        let mut props = given.props.clone();
        if let Some(id) = &id {
            props.insert("transactional.id".to_owned(), format!("{id}-{}", member + 1));
        }
        let config = resolve::producer(&props).map_err(|e| given.refused(&table, e))?;
        producers.push((format!("{name} {} out", member + 1), config));
    }
    Ok(Some(Forward { topic, what, during, waits, bytes: u32::try_from(bytes).expect("at most 16 MiB"), producers }))
}

fn forwarded(text: &str) -> Result<Forwarded, String> {
    match text {
        "done" => Ok(Forwarded::Done),
        "failed" => Ok(Forwarded::Failed),
        "all" => Ok(Forwarded::All),
        _ => Err(format!("`{text}` is not what can be forwarded; known: done, failed, all")),
    }
}

/// `20s..50s`.
fn span_of_time(text: &str) -> Result<(SimTime, SimTime), String> {
    let wrong = || format!("`{text}` is no span of the run; write, say, \"20s..50s\"");
    let (from, until) = text.split_once("..").ok_or_else(wrong)?;
    let (from, until) = (SimDuration::parse(from.trim())?, SimDuration::parse(until.trim())?);
    if from < until { Ok((SimTime::ZERO + from, SimTime::ZERO + until)) } else { Err(wrong()) }
}

/// What a group forwards, before its producers have numbers.
pub(super) struct Forward {
    topic: TopicId,
    what: Forwarded,
    during: Option<(SimTime, SimTime)>,
    waits: bool,
    bytes: u32,
    /// By member.
    producers: Vec<(String, ProducerConfig)>,
}

/// Gives every member of a forwarding group its producer: after those of the scenario.
pub(super) fn add_forwarders(groups: &mut [GroupSpec], forwards: Vec<Option<Forward>>, producers: &mut Vec<ProducerSpec>) {
    for (group_ix, forward) in forwards.into_iter().enumerate() {
        let Some(forward) = forward else { continue };
        let transactional = forward.producers.iter().any(|(_, config)| config.transactional_id.is_some());
        let first = ProducerId(producers.len() as u16);
        let Forward { topic, what, during, waits, .. } = forward;
        groups[group_ix].forward = Some(ForwardSpec { topic, first, transactional, what, during, waits });
        for (member, (name, config)) in forward.producers.into_iter().enumerate() {
            producers.push(ProducerSpec {
                name,
                topic: forward.topic,
                messages: 0,
                interval: SimDuration::from_secs(1),
                start: SimTime::ZERO,
                keys: 0,
                record_bytes: forward.bytes,
                send: SendMode::Async,
                resend: ResendSpec::NEVER,
                threads: 1,
                partition: None,
                close: None,
                transaction: transactional.then_some(USUAL),
                feeder: Some((GroupId(group_ix as u16), member as u16)),
                timestamp_age: SimDuration::ZERO,
                tombstones: None,
                config,
            });
        }
    }
}

/// A message that comes back to where it was would be forwarded for ever.
pub(super) fn check_forwards(root: &Table, groups: &[GroupSpec]) -> Result<(), ScenarioError> {
    let mut reached: Vec<TopicId> = Vec::new();
    for start in groups {
        reached.clear();
        reached.extend(start.forward.map(|f| f.topic));
        let mut at = 0;
        while at < reached.len() {
            let topic = reached[at];
            if start.topics.contains(&topic) {
                let message = format!("what group `{}` forwards comes back to a topic that it reads", start.name);
                return Err(root.error(root.need("group")?.span(), message));
            }
            let onward = groups.iter().filter(|g| g.topics.contains(&topic)).filter_map(|g| g.forward).map(|f| f.topic);
            let fresh: Vec<TopicId> = onward.filter(|t| !reached.contains(t)).collect();
            reached.extend(fresh);
            at += 1;
        }
    }
    Ok(())
}

/// The states of transactions need a topic of Kafka's own, as the groups' offsets do.
pub(super) fn check_transaction_topic(
    table: &Table,
    cluster: &ClusterSpec,
    producers: &[ProducerSpec],
) -> Result<(), ScenarioError> {
    let factor = cluster.config.transaction_topic_replication_factor;
    if factor <= cluster.brokers || producers.iter().all(|p| p.config.transactional_id.is_none()) {
        return Ok(());
    }
    let message = format!(
        "Kafka could not make the topic for the states of transactions: transaction.state.log.replication.factor is {factor}, brokers {}",
        cluster.brokers
    );
    let help = format!(
        "set \"transaction.state.log.replication.factor\" = {} and \"transaction.state.log.min.isr\" = 1 in the cluster's config",
        cluster.brokers
    );
    Err(table.error(table.need("brokers")?.span(), message).help(help))
}
