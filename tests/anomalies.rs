//! Anomalies by Jepsen's names, read off the histories of the clients: each in a run that has it, and none in runs that are to have none.

use crate::cluster::*;
use sim_core::anomalies;
use sim_core::history::History;
use sim_core::session::Session;
use std::sync::Arc;

fn of_library(name: &str) -> Vec<(&'static str, u32)> {
    let mut history = History::new(Arc::new(Session::library(name).plan().unwrap()));
    history.run_to_end();
    anomalies::of(&history).iter().map(|(name, count)| (*name, *count)).collect()
}

fn names(found: &[(&'static str, u32)]) -> Vec<&'static str> {
    found.iter().map(|(name, _)| *name).collect()
}

/// Whatever handlers make of the records: the histories of these clients are what they should be.
#[test]
fn clean_runs_have_none() {
    for name in [
        "payments-acks-all",
        "life-of-a-message",
        "leader-failover",
        "reliable-producer",
        "min-isr",
        "nearest-replica",
        "incremental-rebalance",
        "redis-down",
        "two-walls",
        "setnx-then-crash",
        "controller-failover",
    ] {
        assert_eq!(of_library(name), [], "{name}");
    }
}

/// LOSS-B1: acknowledged, cut off, and its offset given to another, whom the readers go on from.
#[test]
fn what_a_leader_alone_has_acknowledged_is_a_lost_write() {
    let found = of_library("payments-acks-1");
    let count = |name: &str| found.iter().find(|(n, _)| *n == name).map_or(0, |(_, count)| *count);
    // What comes after the change is acknowledged at offsets that had been acknowledged before.
    assert_eq!(names(&found), ["inconsistent-offsets", "lost-write", "nonmonotonic-send", "unseen"]);
    assert!(count("lost-write") > 2_000 && count("lost-write") == count("unseen"), "{found:?}");
}

/// DUP-1: the same message at two offsets. With idempotence there is one.
#[test]
fn a_retry_without_idempotence_is_a_duplicate() {
    let cut = fault("10400ms", "cut = \"broker 1 -> producer p\"\nuntil = \"16s\"");
    let sends = |idempotent: bool| {
        let config = format!("acks = \"all\", \"enable.idempotence\" = {idempotent}, \"request.timeout.ms\" = 3000");
        let send = producer(20, "20/s", "async", &config).replace("\"1s\"", "\"10s\"");
        check(&(three("90s", "", "\"min.insync.replicas\" = 2") + &send + READERS + &cut))
    };
    let doubled = sends(false);
    assert_eq!(doubled.figure("anomalies.duplicate"), doubled.figure("broker.extra_copies"));
    assert!(doubled.figure("anomalies.duplicate") >= 1);
    assert_eq!(sends(true).summary.anomalies.len(), 0);
}

/// DUP-23: readers that are shown what was aborted; the others are not.
#[test]
fn reading_uncommitted_is_an_aborted_read() {
    let found = of_library("aborted-transactions");
    assert!(names(&found).contains(&"g1a"), "{found:?}");
    assert_eq!(names(&of_library("exactly-once")), Vec::<&str>::new());
}

/// ORDER-1: acknowledged behind what was sent later.
#[test]
fn a_retry_behind_its_successors_is_a_nonmonotonic_send() {
    let found = of_library("retry-order");
    assert!(names(&found).contains(&"nonmonotonic-send"), "{found:?}");
}

/// LOSS-C8: out of range, and on to the end.
#[test]
fn a_reset_past_records_is_a_poll_skip() {
    let slow = READERS
        .replace("\"1ms\"", "\"200ms\"")
        .replace("earliest", "latest")
        .replace("config = { ", "config = { \"max.poll.records\" = 1, ");
    let body = |fault: &str| {
        three("60s", "", "\"min.insync.replicas\" = 2")
            + &producer(100, "10/s", "async", "acks = \"all\"").replace("\"1s\"", "\"10s\"")
            + &slow
            + fault
    };
    let run = check(&body(&fault("15s", "delete-records = \"t-0\"")));
    assert!(run.figure("anomalies.poll-skip") == 1 && run.figure("anomalies.lost-write") >= 10, "{:?}", run.summary.anomalies);
    assert_eq!(check(&body("")).summary.anomalies.len(), 0);
}

/// LOSS-B8: readers stand beyond what the new leader has, and go back; what they find there is another record.
#[test]
fn an_unclean_election_makes_polls_go_back() {
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"15s\"";
    let lag = "config = { \"replica.lag.time.max.ms\" = 3000 }";
    let run = check(
        &(three("120s", lag, "\"min.insync.replicas\" = 1, \"unclean.leader.election.enable\" = true")
            + &producer(400, "10/s", "async", "acks = \"all\"")
            + READERS
            + &fault("2s", stuck)
            + &fault("14s", "crash = \"leader of t-0\"\nrestart = \"60s\"")),
    );
    for name in ["nonmonotonic-poll", "inconsistent-offsets"] {
        assert!(run.figure(&format!("anomalies.{name}")) >= 1, "{:?}", run.summary.anomalies);
    }
}

/// Two transactions that each write before the other, as Kafka allows.
#[test]
fn transactions_that_write_between_each_other_are_g0() {
    let one = |name: &str| {
        producer(40, "20/s", "async", &format!("acks = \"all\", \"transactional.id\" = \"{name}\""))
            .replace("name = \"p\"", &format!("name = \"{name}\""))
            + "transaction = { size = 10 }\n"
    };
    let group = READERS.replace("earliest\"", "earliest\", \"isolation.level\" = \"read_committed\"");
    let alone = check(&(three("60s", "", "\"min.insync.replicas\" = 2") + &one("p") + &group));
    assert_eq!(alone.summary.anomalies.len(), 0, "{:?}", alone.summary.anomalies);
    let both = check(&(three("60s", "", "\"min.insync.replicas\" = 2") + &one("p") + &one("q") + &group));
    assert!(both.figure("anomalies.g0") >= 1, "{:?}", both.summary.anomalies);
    assert_eq!(both.summary.anomalies.len(), 1, "{:?}", both.summary.anomalies);
}

/// The names are those of the documentation, and figures that `[expect]` knows.
#[test]
fn every_anomaly_is_documented() {
    let model = include_str!("../docs/model.md");
    for name in anomalies::NAMES {
        assert!(model.contains(&format!("\n| `{name}` | ")), "docs/model.md lacks {name}");
    }
}
