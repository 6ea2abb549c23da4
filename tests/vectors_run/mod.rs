//! A runner for each group of vectors: reads the input, calls the core, returns what came of it in the shape of the expectation. No rule
//! of the protocol is written down here a second time.

mod assignors;
mod classic_groups;
mod clients;
mod controller;
mod isr;
mod logs;
mod modern_groups;
mod placement;
mod producers;
mod replicas;

use serde_json::{Map, Value};
use sim_core::ids::{BrokerId, Offset};
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime};
use std::collections::BTreeSet;

/// Runs one vector: its input and its expectation, in which a few groups hide further inputs. What it returns may say more than is
/// expected. An error: the input is not understood.
pub type Runner = fn(&mut Fields<'_>, &Value) -> Result<Value, String>;

/// The runner of a group.
pub fn runner(group: &str) -> Option<Runner> {
    Some(match group {
        "murmur2" => clients::murmur2,
        "murmur2_to_positive" => clients::murmur2_to_positive,
        "key_to_partition" => clients::key_to_partition,
        "adaptive_partitioner" => clients::adaptive_partitioner,
        "sticky_partitioner" => clients::sticky_partitioner,
        "producer_config" => clients::producer_config,
        "delivery_timeout" => clients::delivery_timeout,
        "exponential_backoff" => clients::exponential_backoff,
        "coordinator_partition" => clients::coordinator_partition,
        "assignor_range" => assignors::range,
        "assignor_roundrobin" => assignors::round_robin,
        "assignor_sticky" => assignors::sticky,
        "assignor_cooperative_sticky" => assignors::cooperative_sticky,
        "assignor_uniform_server" => modern_groups::assignor_uniform_server,
        "consumer_group_offset_commit" => modern_groups::consumer_group_offset_commit,
        "kip848_reconciliation" => modern_groups::kip848_reconciliation,
        "classic_group_heartbeat" => classic_groups::classic_group_heartbeat,
        "classic_group_offset_commit" => classic_groups::classic_group_offset_commit,
        "leader_epoch_cache" => logs::leader_epoch_cache,
        "fetch_divergence" => logs::fetch_divergence,
        "follower_truncation" => logs::follower_truncation,
        "truncation_rounds" => logs::truncation_rounds,
        "producer_state" => producers::producer_state,
        "producer_first_batch" => producers::producer_first_batch,
        "replica_state" => replicas::replica_state,
        "partition_isr_hw" => isr::partition_isr_hw,
        "leader_election" => controller::leader_election,
        "elr" => controller::elr,
        "alter_partition" => controller::alter_partition,
        "broker_session" => controller::broker_session,
        "admin_placement" => placement::admin_placement,
        "striped_placement" => placement::striped_placement,
        "prng" => placement::prng,
        _ => return None,
    })
}

/// Fields that speak to the reader alone.
const REMARKS: [&str; 3] = ["note", "comment", "description"];

/// The fields of an input; each must be read.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    read: BTreeSet<String>,
}

impl<'a> Fields<'a> {
    /// Of a JSON object.
    pub fn of(value: &'a Value) -> Result<Fields<'a>, String> {
        let map = value.as_object().ok_or_else(|| format!("not understood: {value} is no object"))?;
        Ok(Fields { map, read: BTreeSet::new() })
    }

    /// Is it there?
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }

    /// A field, if it is there.
    pub fn find(&mut self, name: &str) -> Option<&'a Value> {
        self.read.insert(name.to_owned());
        self.map.get(name)
    }

    /// A field.
    pub fn get(&mut self, name: &str) -> Result<&'a Value, String> {
        self.find(name).ok_or_else(|| format!("not understood: no `{name}`"))
    }

    /// A whole number.
    pub fn int(&mut self, name: &str) -> Result<i64, String> {
        int(self.get(name)?)
    }

    /// The first of these fields that is there; several names for one thing.
    pub fn find_any(&mut self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.some(name))
    }

    /// A field, if it is there and not null.
    pub fn some(&mut self, name: &str) -> Option<&'a Value> {
        self.find(name).filter(|value| !value.is_null())
    }

    /// A whole number, or what stands for a missing one.
    pub fn int_or(&mut self, name: &str, missing: i64) -> Result<i64, String> {
        self.some(name).map_or(Ok(missing), int)
    }

    /// Yes or no, or what stands for a missing word.
    pub fn flag_or(&mut self, name: &str, missing: bool) -> Result<bool, String> {
        self.some(name).map_or(Ok(missing), |value| value.as_bool().ok_or_else(|| format!("not understood: `{name}` is {value}")))
    }

    /// A list, empty when it is not there.
    pub fn list_or_empty(&mut self, name: &str) -> Result<&'a [Value], String> {
        self.some(name).map_or(Ok(&[]), list)
    }

    /// Whole numbers.
    pub fn ints(&mut self, name: &str) -> Result<Vec<i64>, String> {
        ints(self.get(name)?)
    }

    /// A list.
    pub fn list(&mut self, name: &str) -> Result<&'a [Value], String> {
        list(self.get(name)?)
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<&'a str, String> {
        let value = self.get(name)?;
        value.as_str().ok_or_else(|| format!("not understood: `{name}` is {value}"))
    }

    /// Milliseconds.
    pub fn millis(&mut self, name: &str) -> Result<SimDuration, String> {
        let ms = self.int(name)?;
        Ok(SimDuration::from_millis(u64::try_from(ms).map_err(|_| format!("not understood: `{name}` is {ms}"))?))
    }

    /// An instant in milliseconds.
    pub fn instant(&mut self, name: &str) -> Result<SimTime, String> {
        Ok(SimTime::ZERO + self.millis(name)?)
    }

    /// An offset.
    pub fn offset(&mut self, name: &str) -> Result<Offset, String> {
        self.int(name).map(Offset)
    }

    /// A set of brokers; the vectors number them from 0.
    pub fn brokers(&mut self, name: &str) -> Result<BrokerSet, String> {
        Ok(self.ints(name)?.into_iter().map(broker).collect())
    }

    /// A set of brokers, if it is there.
    pub fn some_brokers(&mut self, name: &str) -> Result<Option<BrokerSet>, String> {
        let ids = self.some(name).map(ints).transpose()?;
        Ok(ids.map(|ids| ids.into_iter().map(broker).collect()))
    }

    /// Words of the vector's own that need no reading.
    pub fn skip_words(&mut self, name: &str, words: &str) -> Result<(), String> {
        match self.find(name).map(Value::as_str) {
            None => Ok(()),
            Some(Some(said)) if said == words => Ok(()),
            Some(said) => Err(format!("not understood: `{name}` is {said:?}")),
        }
    }

    /// The first field that nobody has read, remarks apart.
    pub fn unread(&self) -> Option<String> {
        let left: Vec<&String> =
            self.map.keys().filter(|name| !self.read.contains(*name) && !REMARKS.contains(&name.as_str())).collect();
        left.first().map(|name| format!("not understood: the field `{name}`"))
    }

    /// Says that everything has been read.
    pub fn done(&self) -> Result<(), String> {
        self.unread().map_or(Ok(()), Err)
    }
}

/// A whole number.
pub fn int(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("not understood: {value} is no whole number"))
}

/// Whole numbers.
pub fn ints(value: &Value) -> Result<Vec<i64>, String> {
    list(value)?.iter().map(int).collect()
}

/// A list.
pub fn list(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("not understood: {value} is no list"))
}

/// A number that must fit a narrower type.
pub fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("not understood: {number} is out of range"))
}

/// The vectors number brokers from 0, the core from 1.
pub fn broker(number: i64) -> BrokerId {
    BrokerId::from_slot(usize::try_from(number).expect("a broker's number"))
}

/// A broker's number in a vector.
pub fn number(broker: BrokerId) -> i64 {
    broker.slot() as i64
}

/// A set of brokers as a vector has it.
pub fn numbers(set: BrokerSet) -> Vec<i64> {
    set.iter().map(number).collect()
}

/// A leader as a vector has it: none is -1.
pub fn leader_number(leader: Option<BrokerId>) -> i64 {
    leader.map_or(-1, number)
}

/// Sets of brokers: Kafka has them in some order, the core in that of their numbers.
const SETS: [&str; 5] = ["isr", "elr", "maximal_isr", "isr_after_last", "maximal_isr_after_last"];

fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Array(list) = &mut value {
        list.sort_by_key(Value::as_i64);
    }
    value
}

/// Where `got` is not what is expected. It may have more fields.
pub fn mismatch(expect: &Value, got: &Value) -> Option<String> {
    match (expect, got) {
        (Value::Object(expect), Value::Object(got)) => expect.iter().find_map(|(name, value)| match got.get(name) {
            None if REMARKS.contains(&name.as_str()) => None,
            None => Some(format!("not understood: the expectation `{name}`")),
            Some(found) if SETS.contains(&name.as_str()) => {
                mismatch(&sorted(value), &sorted(found)).map(|at| format!("`{name}`: {at}"))
            }
            Some(found) => mismatch(value, found).map(|at| format!("`{name}`: {at}")),
        }),
        (Value::Array(expect), Value::Array(got)) if expect.len() == got.len() => {
            expect.iter().zip(got).enumerate().find_map(|(i, (e, g))| mismatch(e, g).map(|at| format!("[{i}] {at}")))
        }
        _ => (expect != got).then(|| format!("expected {expect}, got {got}")),
    }
}

/// Makes an expectation a wrong one: the first figure or word in it is changed (of a question with its answer, the answer).
pub fn spoil(expect: &mut Value) {
    if let Value::Object(map) = expect {
        let first = if map.contains_key("result") { map.get_mut("result") } else { map.values_mut().next() };
        match first {
            Some(first) => spoil(first),
            None => *expect = Value::from("spoilt"),
        }
        return;
    }
    match expect {
        Value::Array(list) if !list.is_empty() => spoil(&mut list[0]),
        Value::Number(n) => *expect = Value::from(n.as_i64().unwrap_or(0) + 7_777),
        Value::Bool(b) => *expect = Value::from(!*b),
        Value::Null => *expect = Value::from("spoilt"),
        Value::String(text) => text.push_str(" spoilt"),
        Value::Array(list) => list.push(Value::Null),
        Value::Object(_) => unreachable!("handled above"),
    }
}
