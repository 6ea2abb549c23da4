//! A topic gets more partitions while it is in use (P-23): who learns of them when, what becomes of keys (ORDER-5), and what a group that
//! begins at the end passes over (TR-12, LOSS-C6).

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::set::BrokerSet;
use sim_core::trace::What;
use std::collections::{BTreeMap, BTreeSet};

/// A producer of keyed records that looks at its metadata every five seconds.
fn keyed(messages: u32, rate: &str) -> String {
    producer(messages, rate, "async", "acks = \"all\", \"metadata.max.age.ms\" = 5000").replace("keys = 1", "keys = 12")
}

/// Two members that need longer for a record than records take to come.
fn slow_pair(config: &str) -> String {
    READERS
        .replace("topics = [\"t\"]", "topics = [\"t\"]\nmembers = 2")
        .replace("\"1ms\"", "\"40ms\"")
        .replace("config = {", &format!("config = {{ \"metadata.max.age.ms\" = 5000, \"max.poll.records\" = 20, {config}"))
}

const GROW: &str = "add-partitions = \"t\"\ntotal = 4";

fn added(run: &Checked) -> Vec<PartitionId> {
    let events = run.events(|what| matches!(what, What::PartitionAdded { .. }));
    events
        .iter()
        .filter_map(|e| if let What::PartitionAdded { partition, .. } = e.what { Some(partition) } else { None })
        .collect()
}

/// ORDER-5: the partitions of each key, and what the group made of the order.
fn keys_move(readers: &str) -> Checked {
    let run = check(&(three("120s", "", "\"min.insync.replicas\" = 2") + &keyed(800, "40/s") + readers + &fault("10s", GROW)))
        .expect(&[("messages.acked", 800), ("orders.ok", 800), ("broker.lost_acked", 0)])
        .at_least(&[("mechanisms.ORDER-5", 10), ("orders.reordered", 10)]);
    assert_eq!(added(&run).len(), 3);
    let mut places: BTreeMap<u32, BTreeSet<PartitionId>> = BTreeMap::new();
    for (_, message) in run.history.last_world().ledger().messages() {
        places.entry(message.key.unwrap()).or_default().insert(message.partition.unwrap());
    }
    // One of four keys stays where it was, the others have records in two partitions.
    assert!(places.values().all(|of_key| of_key.len() <= 2), "{places:?}");
    assert!(places.values().filter(|of_key| of_key.len() == 2).count() >= 6, "{places:?}");
    run
}

/// P-23, G-3: the leader of a classic group sees it in its metadata and has the group assign anew.
#[test]
fn order_5_more_partitions_move_keys_and_a_classic_group_loses_their_order() {
    let run = keys_move(&slow_pair(""));
    let stable = run.events(|what| matches!(what, What::GroupChanged { state: sim_core::group::classic::State::Stable, .. }));
    assert!(stable.iter().any(|event| event.at > seconds(10)), "the group never moved");
}

/// P-23, G-20: the coordinator sees it in the brokers' metadata, and the next heartbeat makes a new group epoch.
#[test]
fn order_5_more_partitions_make_a_new_epoch_of_a_group_of_the_consumer_protocol() {
    let run = keys_move(&slow_pair("\"group.protocol\" = \"consumer\", "));
    let epochs = run.events(|what| matches!(what, What::GroupEpochSet { .. }));
    let last = epochs.last().unwrap().at;
    assert!(last > seconds(10) && last < seconds(16), "an interval of heartbeats later at the latest: {last}");
}

/// TR-12, LOSS-C6, F-3: the producer looks at its metadata every second, the group every five minutes and begins at the end: what came to
/// the new partitions meanwhile is passed over.
#[test]
fn tr12_the_first_records_of_a_new_partition_are_passed_over() {
    let readers = READERS.replace("earliest", "latest");
    let run = check(
        &(three("400s", "", "\"min.insync.replicas\" = 2")
            + &keyed(1_500, "5/s").replace("5000", "1000").replace("\"1s\"", "\"20s\"")
            + &readers
            + &fault("60s", GROW)),
    )
    .expect(&[("messages.acked", 1_500), ("broker.lost_acked", 0)]);
    let new = added(&run);
    let mut passed = 0;
    for partition in new {
        let set = run.events(|what| matches!(what, What::PositionSet { partition: p, reset: true, .. } if *p == partition));
        assert!(set.len() == 1 && set[0].at > seconds(300), "{set:?}");
        let What::PositionSet { to, .. } = set[0].what else { unreachable!() };
        passed += u64::try_from(to.0).unwrap();
    }
    assert!(passed > 500, "{passed}");
    run.expect(&[("orders.lost", passed), ("mechanisms.LOSS-C6", passed), ("orders.ok", 1_500 - passed)]);
}

/// The controller's checks: not fewer than there are; an administrator who finds no active controller gets nothing; whoever is fenced is not
/// in the first ISR.
#[test]
fn the_controller_decides_on_new_partitions() {
    let body = three("80s", "", "\"min.insync.replicas\" = 1") + &producer(10, "1/s", "sync", "acks = \"all\"");
    let later = fault("20s", "add-partitions = \"t\"\ntotal = 3") + &fault("10s", GROW);
    let run = check(&(body.clone() + &later));
    assert_eq!(added(&run).len(), 3);
    run.sometimes("refused", |what| matches!(what, What::PartitionsAsked { error: ErrorCode::InvalidPartitions, total: 3, .. }));
    let deaf = fault("5s", "crash = \"controllers\"\nrestart = \"30s\"") + &fault("10s", GROW);
    let run = check(&(body.clone() + &deaf)).sometimes("nobody heard it", |what| {
        matches!(what, What::PartitionsAsked { controller: None, error: ErrorCode::NotController, .. })
    });
    assert!(added(&run).is_empty());
    let fenced = fault("1s", "crash = \"broker 2\"\nrestart = \"50s\"") + &fault("20s", GROW);
    let run = check(&(body + &fenced));
    let first = run.events(|what| matches!(what, What::PartitionAdded { .. }));
    let isr: BrokerSet = [BrokerId(1), BrokerId(3)].into_iter().collect();
    assert!(first.iter().all(|e| matches!(e.what, What::PartitionAdded { isr: found, .. } if found == isr)), "{first:?}");
    run.sometimes(
        "it caught up",
        |what| matches!(what, What::IsrChanged { partition, new, .. } if partition.0 > 0 && new.len() == 3),
    );
}

/// L-1: the producer has heard of a partition from one broker, its leader has not heard of it from the controller: the leader does not know
/// it, and nothing is appended until it does or another leads.
#[test]
fn a_leader_that_has_not_heard_of_its_partition_does_not_know_it() {
    let body = three("60s", "", "\"min.insync.replicas\" = 1")
        + &keyed(400, "20/s").replace("5000", "500")
        + READERS
        + &fault("4900ms", "cut = \"broker 2 <-> controllers\"\nuntil = \"40s\"")
        + &fault("5s", GROW);
    check(&body)
        .expect(&[("messages.acked", 400), ("broker.lost_acked", 0)])
        .sometimes("unknown", |what| matches!(what, What::Refused { broker: B, error: ErrorCode::UnknownTopicOrPartition, .. }))
        .sometimes(
            "another leads",
            |what| matches!(what, What::LeaderElected { partition, old: Some(B), new: Some(_), .. } if partition.0 > 0),
        );
}
