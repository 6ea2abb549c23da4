//! Logs that no longer begin at 0: retention, DeleteRecords, and what followers and readers make of it (R-3, R-42, R-46, F-2; LOSS-B11,
//! LOSS-B15, LOSS-C8).

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::{StartReason, What};

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
    let ends = run.history.last_world().brokers.iter().map(|b| b.replica(P0).unwrap().log.end());
    assert!(ends.eq([Offset(600); 3]));
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
