//! Page cache, files and disks (D-1..D-5, L-15): what is forced to a disk when, what a power cut takes, and what a start costs.

use crate::cluster::*;
use sim_core::ids::*;
use sim_core::trace::What;

/// Broker 1 alone, a thousand-byte record each 100 ms from second 1 on.
fn alone(duration: &str, cluster: &str, topic: &str, messages: u32) -> String {
    let producer = producer(messages, "10/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 1\nrecord-bytes = 100000");
    format!(
        "duration = \"{duration}\"\n[cluster]\nbrokers = 1\n{cluster}\n[[topic]]\nname = \"t\"\npartitions = 1\n\
         config = {{ {topic} }}\n{producer}"
    )
}

/// D-1: a new file every second sends the old ones to the disk, a moment later and not before.
#[test]
fn a_log_that_rolls_is_flushed_in_the_background() {
    let run = check(&alone("20s", "", "\"segment.ms\" = 1000", 50));
    let rolls = run.events(|what| matches!(what, What::SegmentRolled { partition: P0, .. }));
    let flushes = run.events(|what| matches!(what, What::Flushed { partition: P0, .. }));
    assert_eq!((rolls.len(), flushes.len()), (4, 4));
    for (roll, flush) in rolls.iter().zip(flushes) {
        let (What::SegmentRolled { base, .. }, What::Flushed { to, .. }) = (roll.what, flush.what) else { unreachable!() };
        assert_eq!((base, flush.at.0 - roll.at.0), (to, 10_000));
    }
}

/// D-1, D-3: the power goes between the roll and its flush: what the roll closed is gone, too.
#[test]
fn a_power_cut_may_come_before_the_flush_of_a_roll() {
    let cut = fault("2105ms", "power-cut = \"broker 1\"\nkeeps = \"on-disk\"\nrestart = \"10s\"");
    check(&(alone("40s", "", "\"segment.ms\" = 1000", 12) + &cut))
        .sometimes("it had rolled", |what| matches!(what, What::SegmentRolled { partition: P0, .. }))
        .sometimes("all is gone", |what| matches!(what, What::TailLost { partition: P0, to: Offset(0), .. }));
}

/// D-3: the kernel writes back by itself what has been dirty for 30 s; without it, all of it is at the seed's mercy.
#[test]
fn the_kernel_writes_back_old_pages() {
    let cut = fault("40s", "power-cut = \"broker 1\"\nkeeps = \"on-disk\"\nrestart = \"50s\"");
    let gone = |what: &What| matches!(what, What::TailLost { partition: P0, .. });
    check(&(alone("60s", "", "", 20) + &cut)).never("gone", gone).expect(&[("broker.lost_acked", 0)]);
    check(&(alone("60s", "write-back = \"off\"", "", 20) + &cut))
        .expect(&[("broker.lost_acked", 20), ("mechanisms.LOSS-B3", 20)]);
}

/// flush.ms says when a log is due; log.flush.scheduler.interval.ms says when anybody looks. By default that is once, after 30 seconds.
#[test]
fn flush_ms_needs_somebody_who_looks() {
    let flushes = |cluster: &str| {
        check(&alone("60s", cluster, "\"flush.ms\" = 500", 500)).events(|what| matches!(what, What::Flushed { .. })).len()
    };
    assert_eq!(flushes(""), 1);
    assert!(flushes("config = { \"log.flush.scheduler.interval.ms\" = 1000, \"log.initial.task.delay.ms\" = 0 }") > 40);
}

/// D-4: after an unclean stop everything from the recovery point on is scanned before the broker serves, at 100 MB/s. Forty files are on
/// the disk, and their recovery point was saved at 30 s.
#[test]
fn an_unclean_start_scans_what_no_checkpoint_vouches_for() {
    let loaded = |how: &str, topic: &str| {
        let run = check(&(alone("90s", "", topic, 400) + &fault("50s", &format!("{how} = \"broker 1\"\nrestart = \"60s\""))));
        let loads = run.events(|what| matches!(what, What::LogsLoaded { .. }));
        let What::LogsLoaded { clean, bytes, .. } = loads[0].what else { unreachable!() };
        (clean, bytes, loads[0].at.0 - seconds(60).0)
    };
    assert_eq!(loaded("shutdown", ""), (true, 0, 0));
    let (clean, bytes, took) = loaded("crash", "");
    assert!(!clean && bytes > 40_000_000 && took == bytes / 100, "{bytes} {took}");
    let (_, rolled, _) = loaded("crash", "\"segment.bytes\" = 1048576");
    assert!(rolled < bytes / 2, "{rolled}");
}
