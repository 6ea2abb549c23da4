//! Cluster, topics and producers.

use super::error::ScenarioError;
use super::table::Table;
use super::transactions;
use super::{MAX_MESSAGES, MAX_PARTITIONS, MAX_PRODUCERS, MAX_TOPICS};
use crate::config::properties::{self, Known, Scope};
use crate::config::resolve::{self, ConfigError, Props};
use crate::config::{BrokerConfig, TopicConfig};
use crate::ids::{BrokerId, TopicId};
use crate::nearest::did_you_mean;
use crate::rows::{Map, Set};
use crate::scenario::{ClusterSpec, Given, Latency, ProducerSpec, ResendSpec, SendMode, TopicSpec};
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The most controllers of a quorum.
const MAX_CONTROLLERS: u64 = 9;
const MICROSECOND: SimDuration = SimDuration(1);

/// What is worth keeping of the properties that were given, besides their values.
#[derive(Default)]
pub(super) struct Notes {
    /// Those without an effect, each once a place.
    list: Vec<(String, String)>,
    seen: Set<(String, String)>,
    /// All that have an entry in the table.
    pub(super) given: Vec<Given>,
}

impl Notes {
    fn add(&mut self, name: &str, place: String) {
        let note = (name.to_owned(), place);
        if self.seen.insert(note.clone()) {
            self.list.push(note);
        }
    }

    /// The properties without an effect.
    pub(super) fn without_effect(self) -> Vec<(String, String)> {
        self.list
    }
}

/// The properties of a table's `config`, and where each was given.
pub(super) struct Config {
    pub(super) props: Props,
    places: Map<String, Range<usize>>,
}

impl Config {
    pub(super) fn read(table: &Table, scope: Scope, notes: &mut Notes) -> Result<Config, ScenarioError> {
        let mut config = Config { props: Props::new(), places: Map::new() };
        if let Some(given) = table.table("config", "config")? {
            config.take(table, scope, "", given.entries, notes)?;
        }
        let owner = table.value("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
        // What a group forwards with has no name, and no path that leads to it.
        if scope == Scope::Broker || !owner.is_empty() {
            let given = |(property, value): (&String, &String)| Given {
                scope,
                owner: owner.to_owned(),
                property: property.clone(),
                value: value.clone(),
            };
            notes.given.extend(config.props.iter().map(given));
        }
        Ok(config)
    }

    /// `linger.ms = 5` is a table in a table to TOML, and means what `"linger.ms" = 5` means.
    fn take(
        &mut self,
        table: &Table,
        scope: Scope,
        prefix: &str,
        given: &DeTable,
        notes: &mut Notes,
    ) -> Result<(), ScenarioError> {
        for (key, value) in given {
            let name = format!("{prefix}{}", key.get_ref());
            let text = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.take(table, scope, &format!("{name}."), inner, notes)?;
                    continue;
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Float(number) => number.to_string(),
                DeValue::Datetime(_) | DeValue::Array(_) => {
                    return Err(table.wrong_type(&name, value, "a string, a whole number, true or false"));
                }
            };
            let set = table.source.override_at(&value.span());
            let from_file = set.is_some_and(|set| set.is_from_properties_file());
            let place = || set.map_or_else(|| table.what.clone(), super::Override::origin);
            match properties::known(scope, &name) {
                Known::Property(property) => {
                    if !property.modelled {
                        notes.add(&name, place());
                    }
                    self.places.insert(name.clone(), value.span());
                    self.props.insert(name, text);
                }
                Known::Other => notes.add(&name, place()),
                Known::No(nearest) if from_file => {
                    let hint = nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    notes.add(&name, format!("{}, not a Kafka property that brokerscope knows{hint}", place()));
                }
                Known::No(nearest) => {
                    let error = table.error(key.span(), format!("`{name}` is not a {} property of Kafka", scope.name()));
                    return Err(error.maybe_help(nearest.map(|near| format!("did you mean `{near}`?"))));
                }
            }
        }
        Ok(())
    }

    /// A refusal at the place of the property that it is about.
    pub(super) fn refused(&self, table: &Table, error: ConfigError) -> ScenarioError {
        table.error(self.place(table, error.property()), format!("Kafka refuses this: {error}"))
    }

    fn place(&self, table: &Table, property: &str) -> Range<usize> {
        self.places.get(property).cloned().unwrap_or_else(|| table.span.clone())
    }
}

/// `[cluster]`.
pub(super) fn cluster(table: &Table, notes: &mut Notes) -> Result<ClusterSpec, ScenarioError> {
    table.known(&["brokers", "controllers", "config", "latency", "elr", "write-back", "racks", "rules"])?;
    let config = Config::read(table, Scope::Broker, notes)?;
    let brokers = table.need_integer("brokers", 1, u64::from(BrokerSet::MAX_BROKERS))?;
    let controllers = table.integer("controllers", 1, MAX_CONTROLLERS)?.unwrap_or(3);
    let typical = Latency::HeavyTailed(SimDuration(500));
    Ok(ClusterSpec {
        brokers: u16::try_from(brokers).expect("at most 64"),
        controllers: u16::try_from(controllers).expect("at most 9"),
        config: resolve::broker(&config.props).map_err(|e| config.refused(table, e))?,
        latency: table.latency("latency", MICROSECOND)?.unwrap_or(typical),
        write_back: write_back(table)?,
        racks: racks(table, brokers)?,
        elr: table.boolean("elr")?.unwrap_or(true),
        rules: super::rules::rules(table)?,
    })
}

/// `1 of 20`: every twentieth.
fn one_of(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("1 of ").and_then(|n| n.trim().parse().ok()).filter(|n| *n > 0);
    number.ok_or_else(|| format!("`{text}` does not say how many; write, say, \"1 of 20\""))
}

/// `racks`: a name for each broker.
fn racks(table: &Table, brokers: u64) -> Result<Vec<String>, ScenarioError> {
    let named = table.strings("racks")?;
    if !named.is_empty() && named.len() as u64 != brokers {
        let span = table.value("racks").map_or_else(|| table.span.clone(), |value| value.span());
        let message = format!("{} racks for {brokers} brokers: name one for each broker, in their order", named.len());
        return Err(table.error(span, message));
    }
    Ok(named.into_iter().map(|(name, _)| name.to_owned()).collect())
}

/// `write-back`: a duration, or `off`.
fn write_back(table: &Table) -> Result<Option<SimDuration>, ScenarioError> {
    let given = table.parsed("write-back", |text| match text {
        "off" => Ok(None),
        text => SimDuration::parse(text).map(Some).map_err(|error| format!("{error}, or `off`")),
    })?;
    Ok(given.unwrap_or(Some(WRITE_BACK)))
}

/// As Linux does it: vm.dirty_expire_centisecs = 3000.
const WRITE_BACK: SimDuration = SimDuration::from_secs(30);

/// A name that can be part of a path, a target or a file, as Kafka wants them for topics.
pub(super) fn name(table: &Table, taken: &mut Set<String>) -> Result<String, ScenarioError> {
    let name = table.need_string("name")?;
    let at = table.need("name")?.span();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 100 || !name.chars().all(legal) || matches!(name, "." | "..") {
        let message = format!("`{name}` cannot be a name: use 1 to 100 letters, digits, `.`, `_` and `-`");
        return Err(table.error(at, message));
    }
    if !taken.insert(name.to_owned()) {
        return Err(table.error(at, format!("there are two {} with the name `{name}`", table.what)));
    }
    Ok(name.to_owned())
}

/// Every `[[topic]]`.
pub(super) fn topics(
    root: &Table,
    defaults: &BrokerConfig,
    brokers: u16,
    notes: &mut Notes,
) -> Result<Vec<TopicSpec>, ScenarioError> {
    let mut taken = Set::from(["__consumer_offsets".to_owned(), "__transaction_state".to_owned()]);
    let mut list = Vec::new();
    let mut total = 0;
    for mut table in root.tables("topic", MAX_TOPICS)? {
        let name = name(&table, &mut taken)?;
        table.what = format!("topic `{name}`");
        let topic = topic(&table, name, defaults, brokers, notes)?;
        total += u32::from(topic.partitions);
        if total > MAX_PARTITIONS {
            return Err(table.error(table.span.clone(), format!("a cluster has at most {MAX_PARTITIONS} partitions")));
        }
        list.push(topic);
    }
    Ok(list)
}

fn topic(
    table: &Table,
    name: String,
    defaults: &BrokerConfig,
    brokers: u16,
    notes: &mut Notes,
) -> Result<TopicSpec, ScenarioError> {
    table.known(&["name", "partitions", "config", "assignment"])?;
    let given = Config::read(table, Scope::Topic, notes)?;
    let mut config = resolve::topic(&given.props, defaults).map_err(|e| given.refused(table, e))?;
    let partitions = table.integer("partitions", 1, u64::from(MAX_PARTITIONS))?.unwrap_or(u64::from(defaults.num_partitions));
    let partitions = u16::try_from(partitions).unwrap_or(u16::MAX);
    let assignment = assignment(table, partitions, brokers)?;
    if let Some(replicas) = assignment.as_ref().and_then(|lists| lists.first()) {
        let factor = u16::try_from(replicas.len()).expect("at most 64");
        if given.props.contains_key("replication.factor") && config.replication_factor != factor {
            let message =
                format!("`assignment` gives {factor} replicas, but replication.factor is {}", config.replication_factor);
            return Err(table.error(given.place(table, "replication.factor"), message));
        }
        config.replication_factor = factor;
    }
    check_replication(table, &given, &config, brokers)?;
    Ok(TopicSpec { name, partitions, config, assignment })
}

fn check_replication(table: &Table, given: &Config, config: &TopicConfig, brokers: u16) -> Result<(), ScenarioError> {
    if config.replication_factor <= brokers {
        return Ok(());
    }
    let message = format!(
        "Kafka refuses this: Replication factor: {} larger than available brokers: {brokers}.",
        config.replication_factor
    );
    let help = "lower \"replication.factor\" in the topic's config, or raise `brokers`";
    Err(table.error(given.place(table, "replication.factor"), message).help(help))
}

/// `assignment = [[1, 2, 3], [2, 3, 1]]`: one list a partition, its preferred leader first.
fn assignment(table: &Table, partitions: u16, brokers: u16) -> Result<Option<Vec<Vec<BrokerId>>>, ScenarioError> {
    let expected = "a list with one list of broker ids a partition, such as [[1, 2, 3], [2, 3, 1]]";
    let Some(value) = table.value("assignment") else { return Ok(None) };
    let DeValue::Array(lists) = value.get_ref() else {
        return Err(table.wrong_type("assignment", value, expected));
    };
    if lists.len() != usize::from(partitions) {
        let message = format!("`assignment` has {} lists for {partitions} partitions", lists.len());
        return Err(table.error(value.span(), message));
    }
    let mut all: Vec<Vec<BrokerId>> = Vec::new();
    for list in lists.iter() {
        let DeValue::Array(ids) = list.get_ref() else {
            return Err(table.wrong_type("assignment", list, expected));
        };
        let mut replicas = Vec::new();
        for id in ids.iter() {
            let number = table.integer_of("assignment", id, 0, u64::MAX)?;
            let broker = u16::try_from(number).ok().filter(|id| (1..=brokers).contains(id)).map(BrokerId).ok_or_else(|| {
                table.error(id.span(), format!("there is no broker {number}: they are numbered from 1 to {brokers}"))
            })?;
            if replicas.contains(&broker) {
                return Err(table.error(id.span(), format!("{broker} is in the list of replicas twice")));
            }
            replicas.push(broker);
        }
        if replicas.is_empty() || all.first().is_some_and(|first| first.len() != replicas.len()) {
            return Err(table.error(list.span(), "each partition needs the same number of replicas, at least one"));
        }
        all.push(replicas);
    }
    Ok(Some(all))
}

/// The topic that a value names.
pub(super) fn topic_id(table: &Table, name: &str, at: Range<usize>, topics: &[TopicSpec]) -> Result<TopicId, ScenarioError> {
    match topics.iter().position(|topic| topic.name == name) {
        Some(index) => Ok(TopicId(u16::try_from(index).expect("at most 200 topics"))),
        None => {
            let near = did_you_mean(name, topics.iter().map(|t| t.name.as_str()));
            Err(table.error(at, format!("there is no topic `{name}`")).maybe_help(near))
        }
    }
}

/// Every `[[producer]]`.
pub(super) fn producers(root: &Table, topics: &[TopicSpec], notes: &mut Notes) -> Result<Vec<ProducerSpec>, ScenarioError> {
    let mut taken = Set::new();
    let mut list = Vec::new();
    let mut total = 0;
    for mut table in root.tables("producer", MAX_PRODUCERS)? {
        let name = name(&table, &mut taken)?;
        table.what = format!("producer `{name}`");
        let producer = producer(&table, name, topics, notes)?;
        total += producer.messages;
        if total > MAX_MESSAGES {
            let message = format!("the producers send more than {MAX_MESSAGES} messages together");
            return Err(table.error(table.need("messages")?.span(), message));
        }
        list.push(producer);
    }
    Ok(list)
}

fn producer(table: &Table, name: String, topics: &[TopicSpec], notes: &mut Notes) -> Result<ProducerSpec, ScenarioError> {
    table.known(&[
        "name",
        "topic",
        "messages",
        "rate",
        "keys",
        "record-bytes",
        "timestamp-age",
        "tombstones",
        "start",
        "send",
        "resend",
        "threads",
        "partition",
        "close",
        "transaction",
        "config",
    ])?;
    let given = Config::read(table, Scope::Producer, notes)?;
    let config = resolve::producer(&given.props).map_err(|e| given.refused(table, e))?;
    let small = |n: u64| u32::try_from(n).expect("every limit below fits");
    let send = table.parsed("send", |text| match text {
        "sync" => Ok(SendMode::Sync),
        "async" => Ok(SendMode::Async),
        "fire-and-forget" => Ok(SendMode::FireAndForget),
        "sync-retry" => Ok(SendMode::SyncRetry),
        "async-table" => Ok(SendMode::AsyncTable),
        "outbox" => Ok(SendMode::Outbox),
        "call" => Ok(SendMode::Call),
        _ => Err(format!(
            "`{text}` is not a way to send; known: sync (waits for each outcome), async (goes on at once), fire-and-forget (looks at none), \
             sync-retry (waits, and sends again), async-table (a table of what failed), outbox (a row first), call (asks a service instead)"
        )),
    })?;
    let topic = match send {
        Some(SendMode::Call) => called(table, config.transactional_id.is_some())?,
        _ => topic_id(table, table.need_string("topic")?, table.need("topic")?.span(), topics)?,
    };
    Ok(ProducerSpec {
        name,
        topic,
        partition: fixed_partition(table, &topics[topic.ix()])?,
        threads: u16::try_from(table.integer("threads", 1, 100)?.unwrap_or(1)).expect("at most 100"),
        close: table.duration("close", SimDuration::ZERO, super::MAX_DURATION)?,
        messages: small(table.need_integer("messages", 0, u64::from(MAX_MESSAGES))?),
        interval: table.parsed("rate", rate)?.ok_or_else(|| table.missing("rate"))?,
        start: table.instant("start")?.unwrap_or(SimTime::ZERO),
        keys: small(table.integer("keys", 0, u64::from(MAX_MESSAGES))?.unwrap_or(0)),
        tombstones: table.parsed("tombstones", one_of)?,
        timestamp_age: table
            .duration("timestamp-age", SimDuration::ZERO, SimDuration::from_secs(3_650 * 86_400))?
            .unwrap_or_default(),
        record_bytes: small(table.integer("record-bytes", 1, 16 * 1024 * 1024)?.unwrap_or(100)),
        resend: resend(table, send.unwrap_or(SendMode::Async), config.transactional_id.is_some())?,
        send: send.unwrap_or(SendMode::Async),
        transaction: transactions::transaction(table, config.transactional_id.is_some())?,
        feeder: None,
        config,
    })
}

/// Who calls has no topic, nor anything else that is about sending.
fn called(table: &Table, transactional: bool) -> Result<TopicId, ScenarioError> {
    let idle = ["topic", "partition", "close", "tombstones", "timestamp-age", "record-bytes"];
    if let Some((key, value)) = idle.iter().find_map(|key| Some((key, table.value(key)?))) {
        let message = format!("`{key}` means nothing here: who calls a service sends nothing to a topic");
        return Err(table.error(value.span(), message));
    }
    if transactional {
        return Err(table.error(table.need("send")?.span(), "a call is no transaction: leave \"transactional.id\" out"));
    }
    Ok(TopicId(0))
}

/// `resend = { attempts = 3, timeout = "10s", backoff = "100ms", every = "5s" }`, as far as the way of sending knows them.
fn resend(producer: &Table, send: SendMode, transactional: bool) -> Result<ResendSpec, ScenarioError> {
    let usual = ResendSpec {
        attempts: (send == SendMode::SyncRetry).then_some(3),
        timeout: SimDuration::from_secs(10),
        backoff: SimDuration::from_millis(100),
        every: if send == SendMode::Outbox { SimDuration::from_millis(100) } else { SimDuration::from_secs(5) },
    };
    if send.keeps() && transactional {
        let at = producer.need("send")?.span();
        return Err(producer.error(at, "an application with transactions sends the whole transaction again: use `transaction`"));
    }
    let Some(table) = producer.table("resend", "resend")? else { return Ok(usual) };
    let known: &[&str] = match send {
        SendMode::SyncRetry => &["attempts", "timeout", "backoff"],
        SendMode::AsyncTable | SendMode::Outbox => &["attempts", "every"],
        _ => {
            let message = "`resend` is for applications that send again: send = \"sync-retry\", \"async-table\" or \"outbox\"";
            return Err(table.error(table.span.clone(), message));
        }
    };
    table.known(known)?;
    Ok(ResendSpec {
        attempts: table.integer("attempts", 1, 1_000_000)?.map(|n| n as u32).or(usual.attempts),
        timeout: table.duration("timeout", MICROSECOND, super::MAX_DURATION)?.unwrap_or(usual.timeout),
        backoff: table.duration("backoff", SimDuration::ZERO, super::MAX_DURATION)?.unwrap_or(usual.backoff),
        every: table.duration("every", MICROSECOND, super::MAX_DURATION)?.unwrap_or(usual.every),
    })
}

/// P-20: `partition = 0`.
fn fixed_partition(table: &Table, topic: &TopicSpec) -> Result<Option<u16>, ScenarioError> {
    let Some(number) = table.integer("partition", 0, u64::from(u16::MAX))? else { return Ok(None) };
    let number = u16::try_from(number).expect("at most 65535");
    if number < topic.partitions {
        return Ok(Some(number));
    }
    let message = format!("there is no partition {number}: topic `{}` has {}, numbered from 0", topic.name, topic.partitions);
    Err(table.error(table.need("partition")?.span(), message))
}

/// `200/s`, `5/m`, `1/h`: the time between two. Rounded down to a whole microsecond.
fn rate(text: &str) -> Result<SimDuration, String> {
    let wrong = || format!("`{text}` is not a rate; write how many a second, minute or hour, such as 200/s, 5/m, 1/h");
    let (count, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
    let unit: u64 = match unit.trim() {
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return Err(wrong()),
    };
    let count = count.trim();
    let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = count.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    match unit.checked_div(count) {
        Some(interval) if interval > 0 => Ok(SimDuration(interval)),
        _ => Err(format!("`{text}` is out of range: from 1/h to 1000000/s")),
    }
}
