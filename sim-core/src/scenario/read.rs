//! Scenario files: TOML to [`Scenario`], with errors that say what, where and how to mend. `docs/scenario.md` describes the
//! format. What this module returns cannot be wrong: every name is known, every number in its range.

mod actors;
mod application;
mod disk;
mod error;
mod expect;
mod fault;
mod groups;
mod growth;
mod overrides;
mod rules;
mod table;
mod transactions;

pub use error::ScenarioError;
pub use expect::{CLUSTER_FIGURES, GROUP_FIGURES, PRODUCER_FIGURES};
pub use overrides::{Override, overrides_from_properties};

use super::{LocalText, Scenario};
use crate::bug::Bugs;
use crate::config::properties::Scope;
use crate::time::{SimDuration, SimTime};
use table::{Source, Table};
use toml::de::{DeTable, DeValue};

/// The largest scenario file.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// The longest run.
pub const MAX_DURATION: SimDuration = SimDuration::from_secs(7 * 86_400);
/// The most messages of a run, over all producers.
pub const MAX_MESSAGES: u32 = 5_000_000;
/// The most partitions of a cluster, those of the offsets topic included.
pub const MAX_PARTITIONS: u32 = 2_000;
/// The most topics.
pub const MAX_TOPICS: usize = 200;
/// The most producers.
pub const MAX_PRODUCERS: usize = 100;
/// The most groups.
pub const MAX_GROUPS: usize = 50;
/// The most members over all groups.
pub const MAX_MEMBERS: u32 = 200;
/// The most faults of a file.
pub const MAX_FAULTS: usize = 1_000;
/// The most overrides.
pub const MAX_OVERRIDES: usize = 1_000;

const KEYS: &[&str] = &[
    "format",
    "title",
    "about",
    "mechanisms",
    "claims",
    "seed",
    "duration",
    "cluster",
    "topic",
    "producer",
    "group",
    "redis",
    "database",
    "service",
    "fault",
    "expect",
];

/// Reads a scenario file and applies the overrides to it. `file` is what errors call it; the scenario's name is its last part
/// without `.toml`.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn scenario(file: &str, text: &str, overrides: &[Override]) -> Result<Scenario, ScenarioError> {
    let source = Source::new(file, text, overrides);
    if text.len() > MAX_FILE_BYTES {
        return Err(source.error(0..0, format!("a scenario file has at most {} KiB", MAX_FILE_BYTES / 1024)));
    }
    if overrides.len() > MAX_OVERRIDES {
        return Err(source.error(0..0, format!("at most {MAX_OVERRIDES} settings can be overridden")));
    }
    let mut document = DeTable::parse(text)
        .map_err(|e| source.error(e.span().unwrap_or(0..0), format!("this is not TOML: {}", first_line(e.message()))))?;
    check_format(&source, document.get_ref())?;
    overrides::apply(&source, document.get_mut())?;
    let root = Table::root(&source, document.get_ref());
    read(&source, &root)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Before anything else: a file of another format may differ in everything else, too.
fn check_format(source: &Source, document: &DeTable) -> Result<(), ScenarioError> {
    let Some(format) = document.get("format") else {
        return Err(source.error(0..0, "the file does not say its `format`").help("begin it with `format = 1`"));
    };
    match format.get_ref() {
        DeValue::Integer(n) if n.as_str() == "1" => Ok(()),
        _ => Err(source.error(format.span(), "this program reads `format = 1` only")),
    }
}

fn read(source: &Source, root: &Table) -> Result<Scenario, ScenarioError> {
    root.known(KEYS)?;
    let mut notes = actors::Notes::default();
    let cluster_table = root.need_table("cluster", "[cluster]")?;
    let cluster = actors::cluster(&cluster_table, &mut notes)?;
    let topics = actors::topics(root, &cluster.config, cluster.brokers, &mut notes)?;
    let mut producers = actors::producers(root, &topics, &mut notes)?;
    let groups = groups::groups(root, &topics, &mut producers, &mut notes)?;
    let (redis, database) = application::stores(root, &groups)?;
    let service = application::service(root, &producers)?;
    transactions::check_transaction_topic(&cluster_table, &cluster, &producers)?;
    groups::check_offsets_topic(&cluster_table, &cluster, &topics, &groups)?;
    let (duration_at, duration) = root.need_duration("duration", SimDuration(1_000), MAX_DURATION)?;
    // Who shortens a run by hand knows that later faults will not happen.
    let end = if source.is_override(&duration_at) { None } else { Some(SimTime::ZERO + duration) };
    let names = fault::Names {
        controllers: cluster.controllers,
        brokers: cluster.brokers,
        topics: &topics,
        producers: &producers,
        groups: &groups,
    };
    let interventions = fault::interventions(root, &names, end)?;
    let expect = expect::expectations(root, &producers, &groups)?;
    Ok(Scenario {
        name: source.scenario_name(),
        title: local_text(root, "title")?.ok_or_else(|| root.missing("title"))?,
        about: local_text(root, "about")?.unwrap_or(LocalText { en: String::new(), zh: None }),
        mechanisms: expect::mechanisms(root)?,
        claims: expect::claims(root)?,
        seed: root.integer("seed", 0, u64::MAX)?.unwrap_or(1),
        duration,
        cluster,
        topics,
        producers,
        groups,
        redis,
        database,
        service,
        interventions,
        expect,
        given: std::mem::take(&mut notes.given),
        not_modelled: notes.without_effect(),
        bugs: Bugs::NONE,
    })
}

/// A string, or one a language.
fn local_text(root: &Table, key: &str) -> Result<Option<LocalText>, ScenarioError> {
    let Some(value) = root.value(key) else { return Ok(None) };
    if let DeValue::String(text) = value.get_ref() {
        return Ok(Some(LocalText { en: text.trim().to_owned(), zh: None }));
    }
    let DeValue::Table(_) = value.get_ref() else {
        return Err(root.wrong_type(key, value, "a string, or a table with the keys `en` and `zh`"));
    };
    let table = root.need_table(key, key)?;
    table.known(&["en", "zh"])?;
    let zh = table.string("zh")?.map(|text| text.trim().to_owned());
    Ok(Some(LocalText { en: table.need_string("en")?.trim().to_owned(), zh }))
}

/// Where a scope's properties are written in a scenario, and how paths to them begin.
pub fn section(scope: Scope) -> &'static str {
    match scope {
        Scope::Producer => "producer",
        Scope::Topic => "topic",
        Scope::Broker => "cluster",
        Scope::Consumer => "group",
    }
}

#[cfg(test)]
mod tests;
