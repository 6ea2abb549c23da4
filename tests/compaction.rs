//! Compaction by key: what stays, what readers and followers make of the gaps, and that committed offsets survive it.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::What;
use std::collections::BTreeMap;

/// The cleaner looks every two seconds.
const LOOKS: &str = "config = { \"log.cleaner.backoff.ms\" = 2000, \"log.initial.task.delay.ms\" = 1000 }";

const COMPACT: &str = "\"min.insync.replicas\" = 2, \"segment.ms\" = 1000, \"cleanup.policy\" = \"compact\"";

fn keyed(messages: u32, more: &str) -> String {
    producer(messages, "50/s", "async", "acks = \"all\"").replace("keys = 1", &format!("keys = 20\n{more}"))
}

/// The newest record of each key is in every log, at the same offset, and of the closed files little else.
#[test]
fn each_key_keeps_its_last_record() {
    let run = check(&(three("40s", LOOKS, COMPACT) + &keyed(500, "")))
        .expect(&[("messages.acked", 500), ("broker.lost_acked", 0)])
        .sometimes("compacted", |what| matches!(what, What::LogCompacted { partition: P0, removed: 1.., .. }));
    let world = run.history.last_world();
    let newest = |broker: usize| -> BTreeMap<u32, (i64, MessageId)> {
        let log = &world.brokers[broker].replica(P0).unwrap().log;
        let records = log.batches().flat_map(|e| e.batch.records().iter().enumerate().map(|(n, r)| (e.base.0 + n as i64, r)));
        records.map(|(offset, record)| (record.key.unwrap(), (offset, record.message))).collect()
    };
    let last_sent: BTreeMap<u32, MessageId> = world.ledger().messages().map(|(id, m)| (m.key.unwrap(), id)).collect();
    for broker in 0..3 {
        assert_eq!(newest(broker), newest(0));
        assert!(newest(broker).iter().all(|(key, (_, message))| last_sent[key] == *message));
        let log = &world.brokers[broker].replica(P0).unwrap().log;
        let left: u32 = log.batches().map(|e| e.batch.records().len() as u32).sum();
        assert!(left < 150 && log.end() == Offset(500) && log.start() == Offset(0), "{left}");
    }
}

/// LOSS-B11: a reader that was down finds only what compaction left.
#[test]
fn a_late_reader_sees_the_last_of_each_key() {
    let run = check(
        &(three("60s", LOOKS, COMPACT)
            + &keyed(500, "tombstones = \"1 of 20\"")
            + READERS
            + &fault("2s", "crash = \"member 1 of orders\"\nrestart = \"30s\"")),
    )
    .at_least(&[("orders.lost", 200), ("orders.ok", 20)]);
    assert_eq!(run.figure("orders.lost"), run.figure("mechanisms.LOSS-B11"));
}

/// A follower whose disk was replaced copies a log with gaps; its leader dies, and it goes on with the producer's numbers.
#[test]
fn a_follower_copies_a_log_with_gaps() {
    check(
        &(three("90s", LOOKS, COMPACT)
            + &keyed(1_500, "")
            + &fault("15s", "wipe = \"broker 2\"\nrestart = \"16s\"")
            + &fault("26s", "crash = \"leader of t-0\"\nrestart = \"40s\"")),
    )
    .expect(&[("messages.acked", 1_500), ("broker.lost_acked", 0), ("broker.extra_copies", 0)])
    .sometimes("it copies over a gap", |what| matches!(what, What::Appended { broker: B, partition: P0, leader: false, .. }));
}

/// L-6: a compacted topic takes no record without key.
#[test]
fn a_record_without_key_is_refused() {
    check(&(three("20s", LOOKS, COMPACT) + &keyed(5, "").replace("keys = 20", "keys = 0")))
        .expect(&[("messages.rejected", 5)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::InvalidRecord, .. }));
}

/// G-32: the topic of committed offsets is compacted, too; a new coordinator loads what is left of it, and it is right.
#[test]
fn committed_offsets_survive_compaction() {
    let cluster = LOOKS.replace("config = { ", "config = { \"offsets.topic.segment.bytes\" = 2000, ");
    let run = check(
        &(three("60s", &cluster, "\"min.insync.replicas\" = 2")
            + &keyed(1_000, "")
            + READERS
            + &fault("15s", "crash = \"broker 2\"\nrestart = \"30s\"")),
    )
    .expect(&[("orders.lost", 0), ("orders.ok", 1_000)]);
    let compacted = run.events(|what| matches!(what, What::LogCompacted { partition, removed: 1.., .. } if *partition != P0));
    assert!(!compacted.is_empty());
}
