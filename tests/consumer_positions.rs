//! From where a consumer reads, and what it learns when the log is replaced under it (F-2, F-3, F-5).

use crate::cluster::{A, B, Checked, P0, READERS, check, fault, producer, seconds, three};
use sim_core::ids::{BrokerId, NodeId};
use sim_core::trace::{Api, ConsumerFailure, What};

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

/// F-5: without a reset policy the application learns of it by an exception, LogTruncationException, and ends.
#[test]
fn without_a_reset_policy_a_truncation_ends_the_application() {
    let readers = READERS
        .replace("\"earliest\"", "\"none\"")
        .replace("time = \"1ms\"", "time = \"1ms\", without-offset = \"seek-to-beginning\"");
    let run = check(&replaced(&readers)).expect(&[("broker.unclean_elections", 1)]);
    let failed = run.events(|what| matches!(what, What::ConsumerFailed { .. }));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(matches!(failed[0].what, What::ConsumerFailed { why: ConsumerFailure::LogTruncation, partition: Some(P0), .. }));
    assert!(failed[0].at > seconds(20), "not for want of an offset");
    assert!(run.figure("ok") > 100, "it had read from the beginning");
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

/// Brokers in three racks, consumers in the second.
fn racks(rest: &str) -> String {
    let selector = "racks = [\"a\", \"b\", \"c\"]\n\
                    config = { \"replica.selector.class\" = \"org.apache.kafka.common.replica.RackAwareReplicaSelector\" }";
    let near = READERS.replace("config = {", "config = { \"client.rack\" = \"b\",");
    three("60s", selector, "\"min.insync.replicas\" = 1") + &producer(400, "10/s", "async", "acks = \"all\"") + &near + rest
}

/// Fetches of consumers that were sent to this broker, by second.
fn fetches(run: &Checked, broker: BrokerId) -> Vec<u64> {
    let is =
        |what: &What| matches!(what, What::Sent { api: Api::Fetch, response: false, to, .. } if *to == NodeId::Broker(broker));
    run.events(is).iter().map(|event| event.at.0 / 1_000_000).collect()
}

/// F-6: the leader sends a consumer to the replica in its rack, which serves what it knows to be committed.
#[test]
fn a_consumer_reads_from_the_replica_in_its_rack() {
    let run = check(&racks("")).expect(&[("orders.ok", 400), ("orders.duplicated", 0)]);
    let (at_leader, near) = (fetches(&run, A).len(), fetches(&run, B).len());
    assert!(at_leader < 5 && near > 300, "{at_leader} at the leader, {near} near by");
}

/// F-6: when the near replica dies the consumer goes to the leader; when it is back in the ISR, it is sent there again.
#[test]
fn without_a_near_replica_it_reads_from_the_leader() {
    let run = check(&racks(&fault("15s", "crash = \"broker 2\"\nrestart = \"30s\""))).expect(&[
        ("orders.ok", 400),
        ("orders.duplicated", 0),
        ("orders.lost", 0),
    ]);
    let within = |broker, from, to| fetches(&run, broker).into_iter().filter(|s| (from..to).contains(s)).count();
    // Until the near one is fenced the leader goes on naming it.
    assert!(within(A, 26, 29) > 15 && within(B, 17, 29) == 0, "{:?}", fetches(&run, A));
    assert!(within(B, 35, 41) > 30, "{:?}", fetches(&run, B));
}

/// F-6, R-7: a former leader is cut where it and its successor part. It takes no watermark of that answer, and the fetch session has it down as
/// told: whoever is sent there reads nothing, though all is committed, until there is a new record.
#[test]
fn a_near_replica_that_was_cut_shows_nothing_until_there_is_something_new() {
    let near = racks("").replace("= \"b\"", "= \"a\"").replace("messages = 400", "messages = 10").replace("\"all\"", "\"1\"");
    let late = producer(1, "1/s", "async", "acks = \"all\"").replace("\"p\"", "\"q\"").replace("\"1s\"", "\"50s\"");
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"15s\"";
    let faults = fault("1400ms", stuck)
        + &fault("1ms", "crash = \"member 1 of orders\"\nrestart = \"30s\"")
        + &fault("4s", "crash = \"broker 1\"\nrestart = \"20s\"");
    let run = check(&(near + &late + &faults))
        .at_least(&[("orders.ok", 3), ("mechanisms.LOSS-B1", 3)])
        .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }));
    assert!(fetches(&run, A).iter().filter(|s| (35..50).contains(*s)).count() > 20, "it is read at the replica near by");
    let effects = run.events(|what| matches!(what, What::Effect { .. }));
    assert!(effects.iter().all(|event| event.at > seconds(50)), "{:?}", effects[0]);
    assert_eq!(run.figure("orders.ok") + run.figure("orders.lost"), 11);
}

/// F-3: `by_duration` begins at the first record that is no older than that.
#[test]
fn a_new_group_begins_a_while_ago() {
    let young = READERS.replace("\"earliest\"", "\"by_duration:PT20S\"");
    let absent = fault("1ms", "crash = \"member 1 of orders\"\nrestart = \"45s\"");
    let run = check(&(three("90s", "", "") + &producer(500, "10/s", "async", "acks = \"1\"") + &young + &absent));
    let set = run.events(|what| matches!(what, What::PositionSet { reset: true, .. }));
    let [What::PositionSet { to, .. }] = set.iter().map(|event| event.what).collect::<Vec<_>>()[..] else { panic!("{set:?}") };
    // One message each 100 ms from second 1 on. The group begins at second 48, after its initial delay: second 28 is 20 s ago.
    assert!((269..=273).contains(&to.0), "{to}");
    assert_eq!((run.figure("orders.ok"), run.figure("orders.lost")), (500 - to.0.unsigned_abs(), to.0.unsigned_abs()));
}
