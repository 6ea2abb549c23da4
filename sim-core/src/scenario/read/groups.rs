//! Groups.

use super::actors::{Config, Notes, name, topic_id};
use super::error::ScenarioError;
use super::table::Table;
use super::{MAX_GROUPS, MAX_MEMBERS, MAX_PARTITIONS};
use super::{application, transactions};
use crate::config::properties::Scope;
use crate::config::resolve;
use crate::ids::{GroupId, TopicId};
use crate::nearest::did_you_mean;
use crate::rows::Set;
use crate::scenario::{ClusterSpec, GroupSpec, ProducerSpec, TopicSpec};
use std::ops::Range;

/// Every `[[group]]`.
pub(super) fn groups(
    root: &Table,
    topics: &[TopicSpec],
    producers: &mut Vec<ProducerSpec>,
    notes: &mut Notes,
) -> Result<Vec<GroupSpec>, ScenarioError> {
    // These begin the paths of other figures.
    let reserved = ["messages", "groups", "producers", "broker", "transactions", "mechanisms", "anomalies", "latency_us"];
    let mut taken = Set::new();
    let mut list = Vec::new();
    let (mut members, mut forwards, mut tables) = (0, Vec::new(), Vec::new());
    for mut table in root.tables("group", MAX_GROUPS)? {
        let name = name(&table, &mut taken)?;
        if reserved.contains(&name.as_str()) {
            return Err(
                table.error(table.need("name")?.span(), format!("a group cannot be called `{name}`: figures are called so"))
            );
        }
        table.what = format!("group `{name}`");
        let (group, forward) = group(&table, name, topics, notes)?;
        forwards.push(forward);
        members += u32::from(group.members);
        if members > MAX_MEMBERS {
            return Err(table.error(table.span.clone(), format!("the groups have more than {MAX_MEMBERS} members together")));
        }
        list.push(group);
        tables.push(table);
    }
    for (position, table) in tables.iter().enumerate() {
        list[position].works_for = works_for(table, position, &list)?;
    }
    if let Some(chain) = list.iter().position(|group| group.works_for.is_some_and(|other| list[other.ix()].works_for.is_some())) {
        let message = "the group that it works for works for another itself: name that one";
        return Err(tables[chain].error(tables[chain].need("works-for")?.span(), message));
    }
    transactions::add_forwarders(&mut list, forwards, producers);
    transactions::check_forwards(root, &list)?;
    Ok(list)
}

fn group(
    table: &Table,
    name: String,
    topics: &[TopicSpec],
    notes: &mut Notes,
) -> Result<(GroupSpec, Option<transactions::Forward>), ScenarioError> {
    table.known(&["name", "topics", "members", "subscriptions", "static", "config", "handler", "forward", "works-for"])?;
    let given = Config::read(table, Scope::Consumer, notes)?;
    let config = resolve::consumer(&given.props).map_err(|e| given.refused(table, e))?;
    let read = distinct(table, table.strings("topics")?, topics)?;
    if read.is_empty() {
        let at = table.value("topics").map_or(table.span.clone(), toml::Spanned::span);
        return Err(table.error(at, format!("{} needs `topics` to read, such as topics = [\"orders\"]", table.what)));
    }
    let members = table.integer("members", 1, u64::from(MAX_MEMBERS))?.unwrap_or(1);
    let members = u16::try_from(members).expect("at most 200");
    let subscriptions = subscriptions(table, members, &read, topics)?;
    let handler = application::handler(table, &config)?;
    let forward = transactions::forward(table, &name, (&read, members, &config), &handler, topics, notes)?;
    let is_static = table.boolean("static")?.unwrap_or(false);
    let (forwards, works_for) = (None, None);
    let group =
        GroupSpec { name, topics: read, members, subscriptions, is_static, config, handler, forward: forwards, works_for };
    Ok((group, forward))
}

/// `works-for = "points"`: the group whose business it does.
fn works_for(table: &Table, own: usize, groups: &[GroupSpec]) -> Result<Option<GroupId>, ScenarioError> {
    let Some(name) = table.string("works-for")? else { return Ok(None) };
    let refuse = |message: String| Ok::<_, ScenarioError>(table.error(table.need("works-for")?.span(), message));
    match groups.iter().position(|group| group.name == name) {
        Some(other) if other == own => Err(refuse("a group works for another one".to_owned())?),
        Some(other) => Ok(Some(GroupId(other as u16))),
        None => {
            let near = did_you_mean(name, groups.iter().map(|group| group.name.as_str()));
            let error = refuse(format!("there is no group `{name}`"))?;
            Err(error.help(near.unwrap_or_else(|| "name another [[group]] of the file".to_owned())))
        }
    }
}

/// Names of topics, none twice.
fn distinct(table: &Table, names: Vec<(&str, Range<usize>)>, topics: &[TopicSpec]) -> Result<Vec<TopicId>, ScenarioError> {
    let mut list = Vec::new();
    for (topic, at) in names {
        let id = topic_id(table, topic, at.clone(), topics)?;
        if list.contains(&id) {
            return Err(table.error(at, format!("topic `{topic}` is in the list twice")));
        }
        list.push(id);
    }
    Ok(list)
}

/// `subscriptions = [["orders"], ["orders", "audit"]]`: one list a member, in their order.
fn subscriptions(
    table: &Table,
    members: u16,
    read: &[TopicId],
    topics: &[TopicSpec],
) -> Result<Vec<Vec<TopicId>>, ScenarioError> {
    let mut all = Vec::new();
    let lists = table.string_lists("subscriptions")?;
    if let Some((_, at)) = lists.get(usize::from(members)) {
        return Err(table.error(at.clone(), format!("`subscriptions` has {} lists for {members} members", lists.len())));
    }
    for (names, at) in lists {
        if names.is_empty() {
            return Err(table.error(at, "a member subscribes to a topic at least"));
        }
        let places: Vec<Range<usize>> = names.iter().map(|(_, place)| place.clone()).collect();
        let list = distinct(table, names, topics)?;
        if let Some((_, place)) = list.iter().zip(places).find(|(id, _)| !read.contains(id)) {
            return Err(table.error(place, "a member subscribes to what is in the group's `topics`"));
        }
        all.push(list);
    }
    Ok(all)
}

/// The groups' offsets need a topic of Kafka's own. Its replication factor of 3 is more than a small cluster has brokers: Kafka
/// would then never make it, and no group would ever start.
pub(super) fn check_offsets_topic(
    table: &Table,
    cluster: &ClusterSpec,
    topics: &[TopicSpec],
    groups: &[GroupSpec],
) -> Result<(), ScenarioError> {
    if groups.is_empty() {
        return Ok(());
    }
    let factor = cluster.config.offsets_topic_replication_factor;
    if factor > cluster.brokers {
        let message = format!(
            "Kafka could not make the topic for the groups' offsets: offsets.topic.replication.factor is {factor}, brokers {}",
            cluster.brokers
        );
        let help = format!("set \"offsets.topic.replication.factor\" = {} in the cluster's config", cluster.brokers);
        return Err(table.error(table.need("brokers")?.span(), message).help(help));
    }
    let own: u32 = topics.iter().map(|topic| u32::from(topic.partitions)).sum();
    if own.saturating_add(cluster.config.offsets_topic_num_partitions) > MAX_PARTITIONS {
        let message = format!("a cluster has at most {MAX_PARTITIONS} partitions, those of the offsets topic included");
        return Err(table.error(table.span.clone(), message));
    }
    Ok(())
}
