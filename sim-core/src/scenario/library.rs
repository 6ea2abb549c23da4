//! The scenarios that come with the program.

use crate::nearest::nearest;

/// A scenario of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: the file's, without `.toml`.
    pub name: &'static str,
    /// The file, for messages.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! library {
    ($($name:literal),* $(,)?) => {
        &[$(Entry {
            name: $name,
            file: concat!("scenarios/", $name, ".toml"),
            text: include_str!(concat!(env!("OUT_DIR"), "/scenarios/", $name, ".toml")),
        }),*]
    };
}

/// In the order in which they are worth looking at.
const LIBRARY: &[Entry] = library![
    "order-events",
    "payments-acks-1",
    "payments-acks-all",
    "min-isr",
    "power-cut",
    "controller-failover",
    "life-of-a-message",
    "leader-failover",
    "reliable-producer",
    "retry-from-offset",
    "points-rebalance",
    "poll-too-late",
    "worker-threads",
    "retry-order",
    "wiped-disk",
    "retention",
    "exactly-once",
    "aborted-transactions",
    "incremental-rebalance",
    "nearest-replica",
    "send-sync-retry",
    "send-async-table",
    "idempotent-consumer",
    "setnx-then-crash",
    "producer-duplicate-two-keys",
    "redis-down",
    "two-walls",
    "partition-growth",
    "key-order",
    "acks-throughput",
    "retry-topic",
    "backlog-temporary-topic",
    "queue-or-call",
];

/// Every scenario, in the order in which they are worth looking at.
pub fn all() -> &'static [Entry] {
    LIBRARY
}

/// The scenario of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    LIBRARY.iter().find(|entry| entry.name == name)
}

/// The name nearest to what was written.
pub fn suggest(name: &str) -> Option<&'static str> {
    nearest(name, LIBRARY.iter().map(|entry| entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;

    /// `G-20`: a capital, a hyphen, a number.
    fn cites_a_rule(line: &str) -> bool {
        let marks: Vec<char> = line.chars().collect();
        line.starts_with('#') && marks.windows(3).any(|w| w[0].is_ascii_uppercase() && w[1] == '-' && w[2].is_ascii_digit())
    }

    #[test]
    fn every_scenario_reads_and_claims_something() {
        for entry in all() {
            let scenario = read::scenario(entry.file, entry.text, &[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name, entry.name);
            assert!(!scenario.expect.is_empty(), "{} expects nothing", entry.name);
            // What shows that nothing goes wrong says by which rule: its first line cites it.
            let shows = scenario.claims.len() + scenario.mechanisms.len();
            let cites = entry.text.lines().next().is_some_and(cites_a_rule);
            assert!(shows > 0 || cites, "{} shows neither a claim nor a mechanism nor a rule", entry.name);
            assert!(scenario.title.zh.is_some() && scenario.about.zh.is_some(), "{} lacks a translation", entry.name);
            assert!(scenario.not_modelled.is_empty(), "{}: {:?}", entry.name, scenario.not_modelled);
        }
    }

    /// The two payment scenarios are one storm: they differ in what the article says, and in nothing else.
    #[test]
    fn the_two_payment_scenarios_differ_in_two_settings() {
        let read = |name: &str| {
            let entry = find(name).unwrap();
            read::scenario(entry.file, entry.text, &[]).unwrap()
        };
        let (one, all) = (read("payments-acks-1"), read("payments-acks-all"));
        assert_eq!(one.interventions, all.interventions);
        assert_eq!((one.seed, one.duration, &one.cluster, &one.groups), (all.seed, all.duration, &all.cluster, &all.groups));
        let mut producer = one.producers[0].clone();
        producer.config.acks = all.producers[0].config.acks;
        producer.config.enable_idempotence = true;
        assert_eq!(producer, all.producers[0]);
        assert_eq!((one.topics[0].config.min_insync_replicas, all.topics[0].config.min_insync_replicas), (1, 2));
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        assert_eq!(suggest("payment-acks-1"), Some("payments-acks-1"));
        assert_eq!(suggest("nothing like it"), None);
    }
}
