//! Settings from outside the file: `--set`, the page's controls, `.properties` files. They are put into the file's tables before
//! these are read, so that they go through the same checks.

use super::error::ScenarioError;
use super::table::{Source, Value};
use super::{rules, section};
use crate::config::java_properties::{self, PropertiesError};
use crate::config::properties::{self, Scope};
use crate::nearest::did_you_mean;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// One setting of a scenario and its new value.
///
/// Paths: `seed`, `duration`, `cluster.brokers`, `cluster.config.<property>`, `topic.config.<property>` (all topics),
/// `topic.<name>.partitions`, `producer.<name>.rate`, `group.<name>.config.<property>` and so on. With `properties` in the place
/// of `config` the value comes from a .properties file: there, names that are unknown or not modelled are only noted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Which setting.
    pub path: String,
    /// Its value as text.
    pub value: String,
}

impl Override {
    /// Reads `path=value`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Override, String> {
        let (path, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not `path=value`; write, say, producer.config.acks=all or cluster.brokers=5"))?;
        Ok(Override { path: path.trim().to_owned(), value: value.trim().to_owned() })
    }

    pub(super) fn is_from_properties_file(&self) -> bool {
        self.path.split('.').any(|part| part == FROM_FILE)
    }

    /// Where a person would look for the value.
    pub(super) fn origin(&self) -> String {
        if !self.is_from_properties_file() {
            return format!("set {}={}", self.path, self.value);
        }
        let head = self.path.split('.').next().unwrap_or_default();
        match Scope::ALL.into_iter().find(|&scope| section(scope) == head) {
            Some(Scope::Broker) => "server.properties".to_owned(),
            Some(scope) => format!("{}.properties", scope.name()),
            None => self.path.clone(),
        }
    }
}

/// In a path, the mark of a value from a .properties file.
const FROM_FILE: &str = "properties";

const CLUSTER_KEYS: &[&str] = &["brokers", "controllers", "latency", "elr"];
const TOPIC_KEYS: &[&str] = &["partitions"];
const PRODUCER_KEYS: &[&str] = &[
    "rate",
    "messages",
    "keys",
    "send",
    "threads",
    "partition",
    "close",
    "record-bytes",
    "timestamp-age",
    "tombstones",
    "start",
];
const GROUP_KEYS: &[&str] = &["members"];

/// The overrides that a .properties file amounts to, for every producer, topic, broker or consumer of a scenario.
///
/// # Errors
/// A text that Java would not read either.
pub fn overrides_from_properties(scope: Scope, text: &str) -> Result<Vec<Override>, PropertiesError> {
    let entries = java_properties::parse(text)?;
    Ok(entries
        .into_iter()
        .map(|entry| Override { path: format!("{}.{FROM_FILE}.{}", section(scope), entry.key), value: entry.value })
        .collect())
}

/// Puts every override into the document.
pub(super) fn apply<'i>(source: &Source<'i>, document: &mut DeTable<'i>) -> Result<(), ScenarioError> {
    for (index, set) in source.overrides.iter().enumerate() {
        let span = source.override_span(index);
        // A consumer.properties for a scenario without consumers changes nothing.
        if !put(document, set, &span) && !set.is_from_properties_file() {
            let good = good_paths(document);
            let example = || "such as producer.config.acks, cluster.brokers, duration or seed".to_owned();
            let help = did_you_mean(&set.path, good.iter().map(String::as_str)).unwrap_or_else(example);
            return Err(source.error(span, format!("`{}` is not a setting of this scenario", set.path)).help(help));
        }
    }
    Ok(())
}

/// Puts one override in; false if its path leads nowhere.
fn put<'i>(document: &mut DeTable<'i>, set: &'i Override, span: &Range<usize>) -> bool {
    let path = set.path.as_str();
    if matches!(path, "seed" | "duration") {
        document.insert(Spanned::new(span.clone(), Cow::Borrowed(path)), scalar(&set.value, span));
        return true;
    }
    let Some((head, rest)) = path.split_once('.') else { return false };
    match head {
        "cluster" => match document.get_mut("cluster").map(Spanned::get_mut) {
            Some(DeValue::Table(cluster)) => put_in_cluster(cluster, rest, &set.value, span),
            _ => false,
        },
        "topic" => put_in_list(document, "topic", rest, TOPIC_KEYS, &set.value, span),
        "producer" => put_in_list(document, "producer", rest, PRODUCER_KEYS, &set.value, span),
        "group" => put_in_list(document, "group", rest, GROUP_KEYS, &set.value, span),
        _ => false,
    }
}

fn put_in_cluster<'i>(cluster: &mut DeTable<'i>, field: &'i str, value: &'i str, span: &Range<usize>) -> bool {
    let Some(rule) = field.strip_prefix("rules.") else { return put_field(cluster, field, CLUSTER_KEYS, value, span) };
    if !rules::KEYS.contains(&rule) {
        return false;
    }
    let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    let given = cluster.entry(Spanned::new(span.clone(), Cow::Borrowed("rules"))).or_insert_with(empty);
    if let DeValue::Table(given) = given.get_mut() {
        given.insert(Spanned::new(span.clone(), Cow::Borrowed(rule)), scalar(value, span));
    }
    true
}

/// `rest` is `<name>.<field>` for the one of that name, else `<field>` for all.
fn put_in_list<'i>(
    document: &mut DeTable<'i>,
    list: &str,
    rest: &'i str,
    keys: &[&str],
    value: &'i str,
    span: &Range<usize>,
) -> bool {
    let Some(DeValue::Array(items)) = document.get_mut(list).map(Spanned::get_mut) else { return false };
    // A name may have dots, and may begin another one: the longest that fits is meant.
    let named = names(items).filter(|name| field_of(rest, name).is_some()).max_by_key(|name| name.len()).map(str::to_owned);
    let field = named.as_deref().and_then(|name| field_of(rest, name)).unwrap_or(rest);
    let mut found = false;
    for item in items.iter_mut() {
        let DeValue::Table(table) = item.get_mut() else { continue };
        let name = table.get("name").and_then(|v| v.get_ref().as_str());
        if named.is_none() || name == named.as_deref() {
            found |= put_field(table, field, keys, value, span);
        }
    }
    found
}

fn field_of<'p>(rest: &'p str, name: &str) -> Option<&'p str> {
    rest.strip_prefix(name)?.strip_prefix('.')
}

fn names<'a>(items: &'a DeArray<'_>) -> impl Iterator<Item = &'a str> {
    items.iter().filter_map(|item| item.get_ref().get("name")?.get_ref().as_str())
}

fn put_field<'i>(table: &mut DeTable<'i>, field: &'i str, keys: &[&str], value: &'i str, span: &Range<usize>) -> bool {
    let property = field.strip_prefix("config.").or_else(|| field.strip_prefix("properties."));
    if let Some(property) = property {
        let empty = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
        let config = table.entry(Spanned::new(span.clone(), Cow::Borrowed("config"))).or_insert_with(empty);
        if let DeValue::Table(config) = config.get_mut() {
            drop_nested(config, property);
            // Removed first, so that the key has the override's place, too.
            config.remove(property);
            let text = DeValue::String(Cow::Borrowed(value));
            config.insert(Spanned::new(span.clone(), Cow::Borrowed(property)), Spanned::new(span.clone(), text));
        }
        return true;
    }
    if !keys.contains(&field) {
        return false;
    }
    table.insert(Spanned::new(span.clone(), Cow::Borrowed(field)), scalar(value, span));
    true
}

/// `linger.ms = 5` without quotes is a table in a table: the same property must not be there twice.
fn drop_nested(config: &mut DeTable, property: &str) {
    let Some((first, rest)) = property.split_once('.') else { return };
    if let Some(DeValue::Table(inner)) = config.get_mut(first).map(Spanned::get_mut) {
        if !matches!(inner.get(rest).map(Spanned::get_ref), None | Some(DeValue::Table(_))) {
            inner.remove(rest);
        }
        drop_nested(inner, rest);
    }
}

/// The text as the TOML value that it looks like.
fn scalar<'i>(text: &'i str, span: &Range<usize>) -> Value<'i> {
    let value = match DeValue::parse(text).map(Spanned::into_inner) {
        Ok(value @ (DeValue::Integer(_) | DeValue::Boolean(_))) => value,
        _ => DeValue::String(Cow::Borrowed(text)),
    };
    Spanned::new(span.clone(), value)
}

/// Every path that leads somewhere, for "did you mean".
fn good_paths(document: &DeTable) -> Vec<String> {
    let mut paths = vec!["seed".to_owned(), "duration".to_owned()];
    let mut add = |prefix: &str, scope: Scope, keys: &[&str]| {
        paths.extend(keys.iter().map(|key| format!("{prefix}.{key}")));
        paths.extend(properties::modelled(scope).map(|p| format!("{prefix}.config.{}", p.name)));
    };
    add("cluster", Scope::Broker, CLUSTER_KEYS);
    add("cluster.rules", Scope::Broker, rules::KEYS);
    for (list, scope, keys) in [
        ("topic", Scope::Topic, TOPIC_KEYS),
        ("producer", Scope::Producer, PRODUCER_KEYS),
        ("group", Scope::Consumer, GROUP_KEYS),
    ] {
        add(list, scope, keys);
        if let Some(DeValue::Array(items)) = document.get(list).map(Spanned::get_ref) {
            for name in names(items).take(100) {
                add(&format!("{list}.{name}"), scope, keys);
            }
        }
    }
    paths
}
