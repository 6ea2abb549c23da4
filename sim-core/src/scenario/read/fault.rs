//! `[[fault]]`: what happens to the cluster. A fault with an end becomes two interventions, the second one right after the first.

use super::error::ScenarioError;
use super::table::Table;
use super::{MAX_FAULTS, application, disk, growth};
use crate::ids::{BrokerId, ConsumerId, ControllerId, NodeId, PartitionId, ProducerId, StoreId, TopicId};
use crate::nearest::{did_you_mean, nearest};
use crate::scenario::{Action, GroupSpec, HandlerSpec, Intervention, Keeps, ProducerSpec, SendMode, Target, TopicSpec};
use crate::time::{SimDuration, SimTime};
use crate::trace::Api;

/// What targets can name.
pub(super) struct Names<'a> {
    pub(super) controllers: u16,
    pub(super) brokers: u16,
    pub(super) topics: &'a [TopicSpec],
    pub(super) producers: &'a [ProducerSpec],
    pub(super) groups: &'a [GroupSpec],
}

const ACTIONS: &[&str] = &[
    "crash",
    "crash-at-step",
    "power-cut",
    "shutdown",
    "restart",
    "pause",
    "cut",
    "break",
    "slow",
    "loss",
    "wipe",
    "disk-failure",
    "slow-disk",
    "corrupt",
    "delete-records",
    "add-partitions",
];

/// The requests that can be slowed down, by name.
const APIS: &[(&str, Api)] = &[
    ("Produce", Api::Produce),
    ("ReplicaFetch", Api::ReplicaFetch),
    ("Fetch", Api::Fetch),
    ("Metadata", Api::Metadata),
    ("ListOffsets", Api::ListOffsets),
    ("OffsetsForLeaderEpoch", Api::OffsetsForLeaderEpoch),
    ("OffsetFetch", Api::OffsetFetch),
    ("OffsetCommit", Api::OffsetCommit),
    ("FindCoordinator", Api::FindCoordinator),
    ("JoinGroup", Api::JoinGroup),
    ("SyncGroup", Api::SyncGroup),
    ("Heartbeat", Api::Heartbeat),
    ("LeaveGroup", Api::LeaveGroup),
    ("ConsumerGroupHeartbeat", Api::ConsumerGroupHeartbeat),
    ("InitProducerId", Api::InitProducerId),
    ("AddPartitionsToTxn", Api::AddPartitionsToTxn),
    ("BrokerAddPartitionsToTxn", Api::BrokerAddPartitionsToTxn),
    ("AddOffsetsToTxn", Api::AddOffsetsToTxn),
    ("TxnOffsetCommit", Api::TxnOffsetCommit),
    ("EndTxn", Api::EndTxn),
    ("WriteTxnMarkers", Api::WriteTxnMarkers),
    ("BrokerRegistration", Api::BrokerRegistration),
    ("BrokerHeartbeat", Api::BrokerHeartbeat),
    ("AlterPartition", Api::AlterPartition),
    ("MetadataFetch", Api::MetadataFetch),
    ("AllocateProducerIds", Api::AllocateProducerIds),
    ("Vote", Api::Vote),
    ("BeginQuorumEpoch", Api::BeginQuorumEpoch),
    ("EndQuorumEpoch", Api::EndQuorumEpoch),
];

/// The interventions of every `[[fault]]`, in the order of the file. Faults must begin before `end`, if it is given.
pub(super) fn interventions(root: &Table, names: &Names, end: Option<SimTime>) -> Result<Vec<Intervention>, ScenarioError> {
    let mut list = Vec::new();
    for (number, mut table) in root.tables("fault", MAX_FAULTS)?.into_iter().enumerate() {
        table.what = format!("fault {}", number + 1);
        let at = table.instant("at")?.ok_or_else(|| table.missing("at"))?;
        if end.is_some_and(|end| at >= end) {
            let message = format!("{} begins when the run is over: `duration` is shorter", table.what);
            return Err(table.error(table.need("at")?.span(), message));
        }
        fault(&table, at, names, &mut list)?;
    }
    Ok(list)
}

/// Which of the actions a fault is: exactly one.
fn action_of(table: &Table) -> Result<&'static str, ScenarioError> {
    let given = |key: &&&str| table.value(key).is_some();
    // With another action, `restart` is the time at which the process starts again.
    let mut actions: Vec<&'static str> = ACTIONS.iter().filter(given).copied().collect();
    if actions.len() > 1
        && actions.iter().any(|a| matches!(*a, "crash" | "crash-at-step" | "power-cut" | "shutdown" | "wipe" | "disk-failure"))
    {
        actions.retain(|&action| action != "restart");
    }
    match actions[..] {
        [action] => Ok(action),
        [] => {
            let help = format!("give one of: {}", ACTIONS.join(", "));
            let written = table.entries.iter().find_map(|(key, _)| nearest(key.get_ref(), ACTIONS.iter().copied()));
            let help = written.map_or(help, |near| format!("did you mean `{near}`?"));
            Err(table.error(table.span.clone(), format!("{} does not say what happens", table.what)).help(help))
        }
        [first, second, ..] => {
            let message = format!("{} says both `{first}` and `{second}`: make two faults of it", table.what);
            Err(table.error(table.need(second)?.span(), message))
        }
    }
}

fn fault(table: &Table, at: SimTime, names: &Names, list: &mut Vec<Intervention>) -> Result<(), ScenarioError> {
    let index = u32::try_from(list.len()).expect("at most two a fault");
    let action = action_of(table)?;
    let (action, undo_at, undo) = match action {
        "crash" | "power-cut" | "shutdown" => return stop(table, action, at, names, list),
        "crash-at-step" => {
            list.push(application::crash_at(table, at, names)?);
            return Ok(());
        }
        action if disk::ACTIONS.contains(&action) => return disk::fault(table, action, at, names, list),
        "add-partitions" => return growth::fault(table, at, names, list),
        "restart" => {
            table.known(&["at", "restart"])?;
            let target = process(table, "restart", names)?;
            list.push(Intervention { at, action: Action::Restart { target } });
            return Ok(());
        }
        "break" => {
            table.known(&["at", "break"])?;
            let (a, b) = link(table, "break", "<->", names)?;
            list.push(Intervention { at, action: Action::Break { a, b } });
            return Ok(());
        }
        "cut" => {
            table.known(&["at", "cut", "until"])?;
            let one_way = table.string("cut")?.is_some_and(|text| !text.contains("<->") && text.contains("->"));
            let (a, b) = link(table, "cut", if one_way { "->" } else { "<->" }, names)?;
            let undo = Action::Heal { a: same(&a, index), b: same(&b, index), one_way };
            (Action::Cut { a, b, one_way }, until(table, at)?, undo)
        }
        "pause" => {
            table.known(&["at", "pause", "until"])?;
            let target = process(table, "pause", names)?;
            let undo = Action::Resume { target: same(&target, index) };
            (Action::Pause { target }, until(table, at)?, undo)
        }
        "loss" => {
            table.known(&["at", "loss", "per-mille", "until"])?;
            let (from, to) = link(table, "loss", "->", names)?;
            let per_mille = u16::try_from(table.need_integer("per-mille", 0, 1_000)?).expect("at most 1000");
            let undo = Action::Loss { from: same(&from, index), to: same(&to, index), per_mille: 0 };
            (Action::Loss { from, to, per_mille }, until(table, at)?, undo)
        }
        _ => {
            table.known(&["at", "slow", "latency", "api", "extra", "until"])?;
            let both_ways = table.string("slow")?.is_some_and(|text| text.contains("<->"));
            let (from, to) = link(table, "slow", if both_ways { "<->" } else { "->" }, names)?;
            let (action, undo) = if both_ways { slow_both_ways(table, from, to, index) } else { slow(table, from, to, index) }?;
            (action, until(table, at)?, undo)
        }
    };
    list.push(Intervention { at, action });
    if let Some(until) = undo_at {
        list.push(Intervention { at: until, action: undo });
    }
    Ok(())
}

/// `crash`, `power-cut`, `shutdown`, each with an optional `restart`.
fn stop(table: &Table, what: &str, at: SimTime, names: &Names, list: &mut Vec<Intervention>) -> Result<(), ScenarioError> {
    let known: &[&str] = if what == "power-cut" { &["at", "power-cut", "restart", "keeps"] } else { &["at", what, "restart"] };
    table.known(known)?;
    let index = u32::try_from(list.len()).expect("at most two a fault");
    let target = process(table, what, names)?;
    let action = match what {
        "crash" => Action::Crash { target },
        "power-cut" => Action::PowerCut { target, keeps: keeps(table)? },
        _ => Action::Shutdown { target },
    };
    list.push(Intervention { at, action });
    if let Some(restart) = later(table, "restart", at)? {
        list.push(Intervention { at: restart, action: Action::Restart { target: Target::SameAs(index) } });
    }
    Ok(())
}

/// What a power cut leaves.
fn keeps(table: &Table) -> Result<Keeps, ScenarioError> {
    let given = table.parsed("keeps", |text| match text {
        "on-disk" => Ok(Keeps::OnDisk),
        "drawn" => Ok(Keeps::Drawn),
        _ => Err(format!("`{text}` is neither `drawn` (the seed decides) nor `on-disk` (the worst case)")),
    })?;
    Ok(given.unwrap_or_default())
}

/// All packets between the two take longer.
fn slow_both_ways(table: &Table, a: Target, b: Target, index: u32) -> Result<(Action, Action), ScenarioError> {
    for key in ["latency", "api"] {
        if let Some(value) = table.value(key) {
            let message = format!("`{key}` is about one direction; write `->`, or give `extra` alone for all packets both ways");
            return Err(table.error(value.span(), message));
        }
    }
    let (undo_a, undo_b) = (same(&a, index), same(&b, index));
    let extra = table.need_duration("extra", SimDuration(1), SimDuration::from_secs(3_600))?.1;
    Ok((Action::Slow { a, b, extra }, Action::Slow { a: undo_a, b: undo_b, extra: SimDuration::ZERO }))
}

/// All of a link's packets take another time, or one kind of request takes longer.
fn slow(table: &Table, from: Target, to: Target, index: u32) -> Result<(Action, Action), ScenarioError> {
    let (undo_from, undo_to) = (same(&from, index), same(&to, index));
    if let Some(latency) = table.latency("latency", SimDuration(1))? {
        for key in ["api", "extra"] {
            if let Some(value) = table.value(key) {
                return Err(table
                    .error(value.span(), format!("`{key}` does not go with `latency`: give `latency`, or `api` and `extra`")));
            }
        }
        let undo = Action::Delay { from: undo_from, to: undo_to, latency: None };
        return Ok((Action::Delay { from, to, latency: Some(latency) }, undo));
    }
    let api = table.parsed("api", |text| {
        APIS.iter().find(|(name, _)| *name == text).map(|&(_, api)| api).ok_or_else(|| {
            let names = || APIS.iter().map(|&(name, _)| name);
            let hint =
                did_you_mean(text, names()).unwrap_or_else(|| format!("known: {}", names().collect::<Vec<_>>().join(", ")));
            format!("`{text}` is not a kind of request; {hint}")
        })
    })?;
    let Some(api) = api else {
        return Err(table
            .missing("latency")
            .help("give `latency = \"1s\"` for every packet, or `api` and `extra` for one kind of request"));
    };
    let extra = table.need_duration("extra", SimDuration(1), SimDuration::from_secs(3_600))?.1;
    let undo = Action::SlowApi { from: undo_from, to: undo_to, api, extra: SimDuration::ZERO };
    Ok((Action::SlowApi { from, to, api, extra }, undo))
}

fn until(table: &Table, at: SimTime) -> Result<Option<SimTime>, ScenarioError> {
    later(table, "until", at)
}

/// An instant of the run after the fault began.
pub(super) fn later(table: &Table, key: &str, at: SimTime) -> Result<Option<SimTime>, ScenarioError> {
    let Some(time) = table.instant(key)? else { return Ok(None) };
    if time <= at {
        let message = format!("`{key}` is a time of the run, and must be after `at`");
        return Err(table.error(table.need(key)?.span(), message));
    }
    Ok(Some(time))
}

/// Leaders change: what undoes an intervention is aimed at those whom it hit.
pub(super) fn same(target: &Target, index: u32) -> Target {
    match target {
        Target::LeaderOf(_) | Target::FollowersOf(_) | Target::ActiveController => Target::SameAs(index),
        other => other.clone(),
    }
}

/// A target that can be stopped and started.
pub(super) fn process(table: &Table, key: &str, names: &Names) -> Result<Target, ScenarioError> {
    table.parsed(key, |text| target(text, names))?.ok_or_else(|| table.missing(key))
}

/// `broker 1 <-> controller`.
fn link(table: &Table, key: &str, arrow: &str, names: &Names) -> Result<(Target, Target), ScenarioError> {
    let ends = table.parsed(key, |text| {
        let wrong = || format!("`{text}` is not a link; write, say, \"broker 1 {arrow} broker 2\"");
        // `->` is a part of `<->`, so the sides tell.
        let (a, b) = text.split_once(arrow).ok_or_else(wrong)?;
        if a.ends_with('<') {
            return Err(format!("`{text}`: this is about one direction; write `->`, and another fault for the way back"));
        }
        Ok((target(a, names)?, target(b, names)?))
    })?;
    ends.ok_or_else(|| table.missing(key))
}

/// Reads a target.
pub(super) fn target(text: &str, names: &Names) -> Result<Target, String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.as_str() {
        "controller" | "controllers" | "all controllers" => return Ok(Target::Controllers),
        "active controller" => return Ok(Target::ActiveController),
        "brokers" | "all brokers" => return Ok(Target::Brokers),
        "clients" | "all clients" => return Ok(Target::Clients),
        "everyone" => return Ok(Target::Everyone),
        "redis" => return store(StoreId::Redis, HandlerSpec::uses_redis, names),
        "database" => return store(StoreId::Database, HandlerSpec::uses_database, names),
        "service" if names.producers.iter().any(|producer| producer.send == SendMode::Call) => {
            return Ok(Target::Node(NodeId::Store(StoreId::Service)));
        }
        "service" => return Err("there is no service in this scenario: no producer has send = \"call\"".to_owned()),
        _ => {}
    }
    if let Some(partition) = text.strip_prefix("leader of ") {
        return partition_id(partition, names).map(Target::LeaderOf);
    }
    if let Some(partition) = text.strip_prefix("followers of ") {
        return partition_id(partition, names).map(Target::FollowersOf);
    }
    if let Some(number) = text.strip_prefix("controller ") {
        let id = number.parse().ok().filter(|id| (1..=names.controllers).contains(id));
        let id =
            id.ok_or_else(|| format!("there is no controller {number}: they are numbered from 1 to {}", names.controllers))?;
        return Ok(Target::Node(NodeId::Controller(ControllerId(id))));
    }
    if let Some(number) = text.strip_prefix("broker ") {
        let id = number.parse().ok().filter(|id| (1..=names.brokers).contains(id));
        let id = id.ok_or_else(|| format!("there is no broker {number}: they are numbered from 1 to {}", names.brokers))?;
        return Ok(Target::Node(NodeId::Broker(BrokerId(id))));
    }
    if let Some(name) = text.strip_prefix("producer ") {
        let found = names.producers.iter().position(|producer| producer.name == name);
        let index = found.ok_or_else(|| unknown("producer", name, names.producers.iter().map(|p| p.name.as_str())))?;
        return Ok(Target::Node(NodeId::Producer(ProducerId(u16::try_from(index).expect("at most 100")))));
    }
    if let Some(member) = text.strip_prefix("member ") {
        return consumer_id(member, names).map(|id| Target::Node(NodeId::Consumer(id)));
    }
    Err(format!(
        "`{text}` is not a target; known: broker N, leader of TOPIC-N, followers of TOPIC-N, brokers, clients, \
         controller N, active controller, controllers, producer NAME, member N of GROUP, redis, database, service, everyone"
    ))
}

/// Redis or the database, if a handler asks it.
fn store(id: StoreId, used: fn(&HandlerSpec) -> bool, names: &Names) -> Result<Target, String> {
    if names.groups.iter().any(|group| used(&group.handler)) {
        return Ok(Target::Node(NodeId::Store(id)));
    }
    Err(format!("there is no {id} in this scenario: no group's handler asks it"))
}

pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match did_you_mean(name, known) {
        Some(hint) => format!("there is no {what} `{name}`; {hint}"),
        None => format!("there is no {what} `{name}`"),
    }
}

/// `order-events-0`. The partitions of all topics are numbered through, in the order of the topics.
pub(super) fn partition_id(text: &str, names: &Names) -> Result<PartitionId, String> {
    let wrong = || format!("`{text}` is not a partition; write the topic and the number, such as orders-0");
    let (topic, number) = text.rsplit_once('-').ok_or_else(wrong)?;
    let number: u16 = number.parse().map_err(|_| wrong())?;
    let mut first = 0;
    for spec in names.topics {
        if spec.name == topic {
            if number < spec.partitions {
                return Ok(PartitionId(first + number));
            }
            return Err(format!("there is no partition {text}: topic `{topic}` has {}, numbered from 0", spec.partitions));
        }
        first += spec.partitions;
    }
    Err(unknown("topic", topic, names.topics.iter().map(|t| t.name.as_str())))
}

/// A topic by its name.
pub(super) fn topic_id(text: &str, names: &Names) -> Result<TopicId, String> {
    let found = names.topics.iter().position(|topic| topic.name == text);
    let index = found.ok_or_else(|| unknown("topic", text, names.topics.iter().map(|t| t.name.as_str())))?;
    Ok(TopicId(u16::try_from(index).expect("at most 200")))
}

/// `1 of order-service`. The members of all groups are numbered through, in the order of the groups.
pub(super) fn consumer_id(text: &str, names: &Names) -> Result<ConsumerId, String> {
    let wrong = || format!("`member {text}` is not a member; write, say, \"member 1 of order-service\"");
    let (number, group) = text.split_once(" of ").ok_or_else(wrong)?;
    let number: u16 = number.parse().map_err(|_| wrong())?;
    let mut first = 0;
    for spec in names.groups {
        if spec.name == group {
            if (1..=spec.members).contains(&number) {
                return Ok(ConsumerId(first + number - 1));
            }
            return Err(format!("there is no member {number} of `{group}`: they are numbered from 1 to {}", spec.members));
        }
        first += spec.members;
    }
    Err(unknown("group", group, names.groups.iter().map(|g| g.name.as_str())))
}
