//! The brokers, what lies between all nodes, and the topics.

use super::ProtocolRules;
use crate::config::{BrokerConfig, TopicConfig};
use crate::ids::*;
use crate::time::SimDuration;

/// The brokers and the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// How many brokers; their ids run from 1.
    pub brokers: u16,
    /// How many controllers keep the metadata log; their ids run from 1.
    pub controllers: u16,
    /// What they run with.
    pub config: BrokerConfig,
    /// One-way latency of every link unless a fault changes it.
    pub latency: Latency,
    /// The kernel writes dirty pages back after this long; none: it never does by itself (D-3).
    pub write_back: Option<SimDuration>,
    /// `broker.rack` of each broker, in their order; empty: none has one.
    pub racks: Vec<String>,
    /// `eligible.leader.replicas.version` = 1 (C-12). On by default, as for clusters made by 4.1 and later.
    pub elr: bool,
    /// Rules of earlier versions.
    pub rules: ProtocolRules,
}

/// A distribution of durations, drawn with integers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Latency {
    /// Always the same: `"5ms"`.
    Fixed(SimDuration),
    /// Every microsecond between the two equally likely: `"1ms..3ms"`.
    Uniform(SimDuration, SimDuration),
    /// Mostly near the typical value, sometimes many times that: `"about 1ms"`. Drawn from an integer table.
    HeavyTailed(SimDuration),
}

impl Latency {
    /// Reads `5ms`, `1ms..3ms` or `about 1ms`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Latency, String> {
        let trimmed = text.trim();
        if let Some(typical) = trimmed.strip_prefix("about ") {
            return Ok(Latency::HeavyTailed(SimDuration::parse(typical)?));
        }
        let Some((low, high)) = trimmed.split_once("..") else {
            return Ok(Latency::Fixed(
                SimDuration::parse(trimmed)
                    .map_err(|e| format!("{e}; a latency may also be a range (`1ms..3ms`) or heavy-tailed (`about 1ms`)"))?,
            ));
        };
        let (low, high) = (SimDuration::parse(low)?, SimDuration::parse(high)?);
        if low > high {
            return Err(format!("`{trimmed}` runs backwards: write the smaller one first"));
        }
        Ok(Latency::Uniform(low, high))
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Latency::Fixed(d) => write!(f, "{d}"),
            Latency::Uniform(low, high) => write!(f, "{low}..{high}"),
            Latency::HeavyTailed(d) => write!(f, "about {d}"),
        }
    }
}

impl TryFrom<String> for Latency {
    type Error = String;
    fn try_from(text: String) -> Result<Latency, String> {
        Latency::parse(&text)
    }
}

impl From<Latency> for String {
    fn from(latency: Latency) -> String {
        latency.to_string()
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u16,
    /// What it runs with.
    pub config: TopicConfig,
    /// Replicas of each partition in assignment order, if the scenario gives them; else placed in stripes (C-20).
    pub assignment: Option<Vec<Vec<BrokerId>>>,
}
