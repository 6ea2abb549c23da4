//! LIV-1..LIV-6: what does not come about while something is wrong is said, with its reason. (That all of it comes about once everything has
//! healed is looked at in every run of the swarm.)

use crate::cluster::*;
use sim_core::bug::{Bug, Bugs};
use sim_core::check::Violation;
use sim_core::check::liveness;
use sim_core::history::History;
use sim_core::scenario::read;
use std::sync::Arc;

/// What has not come about at the end of a run.
fn unmet(body: &str) -> Vec<Violation> {
    unmet_with(body, Bugs::NONE)
}

fn unmet_with(body: &str, bugs: Bugs) -> Vec<Violation> {
    let text = format!("format = 1\ntitle = \"liveness\"\n{}", body.replace("[cluster]", "[cluster]\nlatency = \"1ms\""));
    let mut scenario = read::scenario("liveness.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    scenario.bugs = bugs;
    let mut history = History::new_checked(Arc::new(scenario));
    history.run_to_end();
    assert_eq!(history.violations(), []);
    liveness::unmet(history.last_world())
}

/// Nothing is wrong without the fault; with it this is, and this is said.
#[track_caller]
fn waits_for(id: &str, said: &str, faults: &str) {
    let cluster = "config = { \"broker.session.timeout.ms\" = 3000, \"broker.heartbeat.interval.ms\" = 500, \"replica.lag.time.max.ms\" = 4000 }";
    let body = three("60s", cluster, "\"min.insync.replicas\" = 2") + &producer(200, "10/s", "async", "acks = \"1\"") + READERS;
    assert_eq!(unmet(&body), []);
    let found = unmet(&(body + faults));
    let texts: Vec<&str> = found.iter().filter(|v| v.invariant == id).map(|v| v.text.as_str()).collect();
    assert_eq!(texts, [said], "{found:?}");
    assert!(found.iter().all(|v| v.at_us == seconds(60) && v.event.0 > 1_000), "{found:?}");
}

/// Nobody is there to elect broker 2 or 3.
#[test]
fn liv1_a_partition_without_a_leader() {
    let faults = fault("5s", "crash = \"controllers\"") + &fault("6s", "crash = \"broker 1\"");
    let said = "t-0 has the leader broker 1, which does not run, though broker 2 could lead (ISR {1, 2, 3}, ELR {})";
    waits_for("LIV-1", said, &faults);
}

/// all has healed, and what is left is a bug.
#[test]
fn liv3_a_leader_that_takes_nobody_back() {
    let body = three("60s", "", "\"min.insync.replicas\" = 2")
        + &producer(200, "10/s", "async", "acks = \"all\"")
        + &fault("5s", "crash = \"broker 3\"\nrestart = \"20s\"");
    assert_eq!(unmet(&body), []);
    let found = unmet_with(&body, Bugs::of(Bug::NeverJoinsAgain));
    let texts: Vec<(&str, &str)> = found.iter().map(|v| (v.invariant, v.text.as_str())).collect();
    assert_eq!(texts, [("LIV-3", "t-0: broker 3 runs, and is not in the ISR {1, 2}")]);
}

/// The followers cannot reach the leader, so that it is alone in the ISR.
#[test]
fn liv2_a_watermark_that_stands_still() {
    let said = "t-0: the log ends at 200, the watermark is 40";
    waits_for("LIV-2", said, &fault("5s", "cut = \"broker 1 <-> followers of t-0\""));
}

#[test]
fn liv3_a_replica_that_does_not_come_back() {
    let said = "t-0: broker 3 runs, and is not in the ISR {1, 2}";
    waits_for("LIV-3", said, &fault("5s", "cut = \"broker 1 <-> broker 3\""));
}

#[test]
fn liv4_a_copy_that_is_not_complete() {
    let said = "t-0: the log of broker 3 is not that of its leader";
    waits_for("LIV-4", said, &fault("5s", "cut = \"broker 1 <-> broker 3\""));
}

/// The producer reaches nobody, and has not given up yet.
#[test]
fn liv4_a_send_that_does_not_end() {
    waits_for("LIV-4", "p is not done: 180 queued, 0 in flight", &fault("3s", "cut = \"producer p <-> brokers\""));
}

#[test]
fn liv5_a_broker_that_reads_no_metadata() {
    let said = "t-0: broker 3 is at the epochs (leader, partition) (0, 0), decided are (0, 1)";
    waits_for("LIV-5", said, &fault("5s", "cut = \"broker 3 <-> controllers\""));
}

#[test]
fn liv6_a_member_that_does_not_get_in() {
    waits_for("LIV-6", "t-0 is read by 0 members of orders", &fault("3s", "cut = \"member 1 of orders <-> brokers\""));
}

/// It is a member, and cannot fetch.
#[test]
fn liv6_a_group_that_falls_behind() {
    let slow = "slow = \"member 1 of orders -> broker 1\"\napi = \"Fetch\"\nextra = \"20s\"";
    waits_for("LIV-6", "orders member 1 stands at 31 of 200 in t-0", &fault("4s", slow));
}
