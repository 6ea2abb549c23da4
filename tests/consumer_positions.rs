//! From where a consumer reads, and what it learns when the log is replaced under it (F-2, F-3, F-5).

use crate::cluster::{A, P0, READERS, check, fault, producer, seconds, three};
use sim_core::trace::{ConsumerFailure, What};

/// Broker 1 loses its followers, commits alone, and dies; one of them is elected uncleanly and its log goes on with other records.
fn replaced(readers: &str) -> String {
    three("120s", "config = { \"replica.lag.time.max.ms\" = 3000 }", "\"unclean.leader.election.enable\" = true")
        + &producer(600, "20/s", "async", "acks = \"1\"")
        + readers
        + &fault("5s", "cut = \"leader of t-0 <-> followers of t-0\"\nuntil = \"60s\"")
        + &fault("20s", "crash = \"leader of t-0\"\nrestart = \"60s\"")
}

/// F-5, R-43: the new leader says where the old epoch ends in its log, and the consumer goes back there: it reads what stands there now.
#[test]
fn a_consumer_finds_that_its_records_were_replaced() {
    let run = check(&replaced(READERS)).expect(&[("broker.unclean_elections", 1)]);
    let diverged = run.events(|what| matches!(what, What::PositionDiverged { partition: P0, .. }));
    assert_eq!(diverged.len(), 1, "{diverged:?}");
    let What::PositionDiverged { from, to, .. } = diverged[0].what else { unreachable!() };
    let led = run.events(|what| matches!(what, What::BecameLeader { partition: P0, broker, .. } if *broker != A));
    assert!(matches!(led[0].what, What::BecameLeader { start, .. } if start == to && to < from), "{:?} {from} {to}", led[0]);
    let again = |what: &What| matches!(what, What::Polled { partition: P0, base, .. } if *base == to);
    assert!(run.events(again).iter().any(|event| event.at > diverged[0].at), "it never read from {to} on");
}

/// F-3: without a reset policy and without a committed offset the application ends with an exception.
#[test]
fn without_a_reset_policy_a_new_group_cannot_begin() {
    let first = READERS.replace("\"earliest\"", "\"none\"");
    let run = check(&(three("20s", "", "") + &producer(10, "10/s", "async", "acks = \"1\"") + &first));
    let failed = run.events(|what| matches!(what, What::ConsumerFailed { .. }));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(matches!(failed[0].what, What::ConsumerFailed { why: ConsumerFailure::NoOffsetForPartition, .. }), "{failed:?}");
    assert!(failed[0].at < seconds(4) && run.figure("orders.ok") == 0, "{failed:?}");
}
