//! Logs that no longer begin at 0: retention, DeleteRecords, and what followers and readers make of it (R-3, R-42, R-46, F-2; LOSS-B11,
//! LOSS-B15, LOSS-C8).

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::{Api, StartReason, What};

const C: BrokerId = BrokerId(3);

/// Brokers look for old files every two seconds from the first second on.
const LOOKS: &str = "config = { \"log.retention.check.interval.ms\" = 2000, \"log.initial.task.delay.ms\" = 1000 }";

/// Each second a new file.
const FILES: &str = "\"min.insync.replicas\" = 2, \"segment.ms\" = 1000";

fn reader(config: &str) -> String {
    READERS.replace("\"auto.offset.reset\" = \"earliest\"", config)
}

/// LOSS-B11, F-2: the reader is down while retention passes it. It comes back to OFFSET_OUT_OF_RANGE and goes on where the log starts.
#[test]
fn retention_overtakes_a_reader_that_is_down() {
    let run = check(
        &(three("60s", LOOKS, &format!("{FILES}, \"retention.ms\" = 5000"))
            + &producer(400, "20/s", "async", "acks = \"all\"")
            + &reader("\"auto.offset.reset\" = \"earliest\"")
            + &fault("5s", "crash = \"member 1 of orders\"\nrestart = \"18s\"")),
    )
    .expect(&[("messages.acked", 400), ("broker.lost_acked", 0)])
    .at_least(&[("orders.lost", 20), ("mechanisms.LOSS-B11", 20)])
    .sometimes("by age", |what| matches!(what, What::LogStartMoved { partition: P0, why: StartReason::Age, .. }));
    assert_eq!(run.figure("orders.lost"), run.figure("mechanisms.LOSS-B11"));
    let resets = run.events(|what| matches!(what, What::PositionSet { reset: true, to, .. } if *to > Offset(0)));
    assert_eq!(resets.len(), 1);
}

/// LOSS-C8: with latest, it also skips what is still there.
#[test]
fn with_latest_the_reader_skips_what_is_there_too() {
    check(
        &(three("60s", LOOKS, &format!("{FILES}, \"retention.ms\" = 5000"))
            + &producer(400, "20/s", "async", "acks = \"all\"")
            + &reader("\"auto.offset.reset\" = \"latest\"")
            + &fault("5s", "crash = \"member 1 of orders\"\nrestart = \"18s\"")),
    )
    .at_least(&[("mechanisms.LOSS-B11", 20), ("orders.lost", 60)]);
}

/// retention.bytes: what is more than the last megabyte goes, in whole files.
#[test]
fn a_log_is_kept_below_its_size() {
    let big = producer(100, "20/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 1\nrecord-bytes = 100000");
    let run = check(&(three("30s", LOOKS, &format!("{FILES}, \"retention.bytes\" = 3000000")) + &big))
        .sometimes("by size", |what| matches!(what, What::LogStartMoved { partition: P0, why: StartReason::Size, .. }));
    for broker in &run.history.last_world().brokers {
        let log = &broker.replica(P0).unwrap().log;
        assert!((3_000_000..6_000_000).contains(&log.segments().bytes()), "{}", log.segments().bytes());
        assert!(log.start() > Offset(0) && log.start() == log.segments().base());
    }
}

/// LOSS-B15: the records say that they are eight days old when they arrive; retention is seven.
#[test]
fn records_from_the_past_are_deleted_soon() {
    let old = |topic: &str| {
        let producer = producer(100, "20/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 1\ntimestamp-age = \"8d\"");
        let slow = READERS.replace("1ms", "200ms");
        check(&(three("30s", LOOKS, &format!("\"min.insync.replicas\" = 2{topic}")) + &producer + &slow))
    };
    old("").at_least(&[("mechanisms.LOSS-B15", 50)]).expect(&[("broker.lost_acked", 0)]);
    old(", \"message.timestamp.type\" = \"LogAppendTime\"").expect(&[("orders.ok", 100)]);
    // L-6: or they are refused, and the producer hears of it.
    old(", \"message.timestamp.before.max.ms\" = 604800000")
        .expect(&[("messages.rejected", 100)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::InvalidTimestamp, .. }));
}

/// DeleteRecords: the leader's log start moves at once, the followers learn it from their next fetch, and what is below goes with the next
/// look at retention. Beyond the watermark it is refused.
#[test]
fn delete_records_moves_the_start_of_every_replica() {
    let run = check(
        &(three("30s", LOOKS, FILES)
            + &producer(100, "20/s", "async", "acks = \"all\"")
            + &fault("10s", "delete-records = \"t-0\"\nbefore = 30")
            + &fault("11s", "delete-records = \"t-0\"\nbefore = 1000")),
    )
    .sometimes("refused", |what| matches!(what, What::RecordsDeleted { error: ErrorCode::OffsetOutOfRange, .. }));
    for (broker, why) in [(A, StartReason::Request), (B, StartReason::Leader), (C, StartReason::Leader)] {
        let moved = What::LogStartMoved { broker, partition: P0, to: Offset(30), why };
        assert_eq!(run.events(|what| *what == moved).len(), 1, "{broker}");
        let log = &run.history.last_world().brokers[broker.slot()].replica(P0).unwrap().log;
        assert!(log.segments().base() > Offset(0) && log.segments().base() <= Offset(30));
        assert_eq!(log.epochs.entries()[0].start, Offset(30));
    }
}

/// a follower was down while everything it had was deleted at the leader. It drops what it has and starts at the leader's log start.
#[test]
fn a_follower_that_is_too_far_behind_starts_again() {
    let run = check(
        &(three("60s", LOOKS, &format!("{FILES}, \"retention.ms\" = 3000"))
            + &producer(600, "20/s", "async", "acks = \"all\"")
            + &fault("3s", "crash = \"broker 3\"\nrestart = \"25s\"")),
    )
    .expect(&[("messages.acked", 600), ("broker.lost_acked", 0)]);
    let again =
        run.events(|what| matches!(what, What::LogStartMoved { broker: C, partition: P0, why: StartReason::StartAgain, .. }));
    assert_eq!(again.len(), 1);
    // It asks for both ends of the leader's log, which begins beyond its own.
    let asks = |what: &What| matches!(what, What::Sent { from: NodeId::Broker(C), api: Api::ListOffsets, .. });
    assert_eq!(run.events(asks).len(), 2);
    let ends = run.history.last_world().brokers.iter().map(|b| b.replica(P0).unwrap().log.end());
    assert!(ends.eq([Offset(600); 3]));
}

/// a broker that comes back with an empty disk leads after an unclean election. Before KIP-101 the other one cuts to its own watermark
/// and fetches from there, which is beyond the leader's end: it asks where that is, and cuts all that it has.
#[test]
fn a_follower_that_is_ahead_of_an_empty_leader_cuts_everything() {
    let topic = "\"min.insync.replicas\" = 1, \"unclean.leader.election.enable\" = true";
    let body = three("60s", "rules = { truncation = \"high-watermark\" }", topic)
        .replace("[1, 2, 3]", "[1, 2]")
        .replace("\"replication.factor\" = 3", "\"replication.factor\" = 2");
    let run = check(
        &(body
            + &producer(40, "20/s", "async", "acks = \"all\"")
            + &fault("5s", "wipe = \"broker 2\"\nrestart = \"20s\"")
            + &fault("10s", "crash = \"broker 1\"\nrestart = \"40s\"")),
    )
    .expect(&[("messages.acked", 40), ("broker.lost_acked", 40), ("broker.unclean_elections", 1)]);
    let cut = |what: &What| matches!(what, What::Truncated { broker: A, partition: P0, from: Offset(40), to: Offset(0), .. });
    assert_eq!(run.events(cut).len(), 1);
    let asks = |what: &What| matches!(what, What::Sent { from: NodeId::Broker(A), api: Api::ListOffsets, .. });
    assert_eq!(run.events(asks).len(), 1, "a shorter log is enough to know");
}

/// L-16, DUP-7: a producer that was idle for longer than producer.id.expiration.ms is forgotten; its next batch is taken whatever its number.
#[test]
fn an_idle_producer_is_forgotten() {
    let cluster = "config = { \"producer.id.expiration.ms\" = 2000, \"producer.id.expiration.check.interval.ms\" = 1000 }";
    let run = check(&(three("30s", cluster, "\"min.insync.replicas\" = 2") + &producer(3, "10/m", "async", "acks = \"all\"")));
    let run = run.expect(&[("messages.acked", 3)]);
    for broker in &run.history.last_world().brokers {
        assert!(broker.replica(P0).unwrap().log.producers.is_empty());
    }
}

/// L-6: a file of segment.bytes cannot take a larger batch.
#[test]
fn a_batch_larger_than_a_file_is_refused() {
    let big = producer(1, "1/s", "async", "acks = \"all\", \"max.request.size\" = 3000000")
        .replace("keys = 1", "keys = 1\nrecord-bytes = 2000000");
    let topic = "\"min.insync.replicas\" = 2, \"max.message.bytes\" = 3000000, \"segment.bytes\" = 1048576";
    check(&(three("30s", "", topic) + &big))
        .expect(&[("messages.rejected", 1)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::RecordListTooLarge, .. }));
}

/// DUP-7: the answer is lost, and the retry comes when the leader has forgotten the producer: it is appended again.
#[test]
fn a_retry_that_comes_too_late_is_taken_for_new() {
    let run = |expiration: u32| {
        let cluster = format!(
            "config = {{ \"producer.id.expiration.ms\" = {expiration}, \"producer.id.expiration.check.interval.ms\" = 500 }}"
        );
        check(
            &(three("60s", &cluster, "\"min.insync.replicas\" = 2")
                + &producer(3, "1/s", "sync", "acks = \"all\", \"request.timeout.ms\" = 5000")
                + READERS
                + &fault("2001ms", "cut = \"broker 1 -> producer p\"\nuntil = \"8s\"")),
        )
    };
    run(86_400_000).expect(&[("broker.extra_copies", 0)]);
    run(1_000).expect(&[("broker.extra_copies", 1), ("orders.duplicated", 1), ("mechanisms.DUP-7", 1)]);
}
