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

/// D-6, LOSS-B7, C-13: two of three disks are replaced one after the other before the copies are made again, and the last copy goes with
/// the second. minISR is 2, so nobody was told of anything with fewer copies than two.
#[test]
fn more_disks_are_replaced_than_the_isr_can_spare() {
    let wipe = |at: &str, broker: u32, restart: &str| fault(at, &format!("wipe = \"broker {broker}\"\nrestart = \"{restart}\""));
    let run = check(
        &(three("60s", "elr = false", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &fault("3500ms", "crash = \"broker 3\"")
            + &wipe("15s", 2, "100s")
            + &wipe("30s", 1, "32s")
            + &fault("50s", "restart = \"brokers\"")),
    );
    let run = run.expect(&[("messages.acked", 100), ("broker.lost_acked", 100), ("mechanisms.LOSS-B7", 100)]);
    assert_eq!(run.events(|what| matches!(what, What::DiskWiped { .. })).len(), 2);
}

/// D-6, R-37: one wiped disk costs nothing: the broker counts as uncleanly stopped, leaves the ISR, and copies everything again.
#[test]
fn one_new_disk_is_filled_again() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 2")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &fault("10s", "wipe = \"leader of t-0\"\nrestart = \"20s\"")),
    )
    .expect(&[("messages.acked", 100), ("broker.lost_acked", 0), ("broker.unclean_elections", 0)])
    .sometimes("it copies the first batch again", |what| {
        matches!(what, What::Appended { broker: A, partition: P0, base: Offset(0), leader: false, .. })
    });
    let log_of = |broker: usize| run.history.last_world().brokers[broker].replica(P0).unwrap().log.end();
    assert_eq!((log_of(0), log_of(1)), (Offset(100), Offset(100)));
}

/// D-6: without its only log directory a broker halts and cannot be started; its replicas leave the ISR. Mended, it comes back with them.
#[test]
fn a_failed_disk_takes_its_broker_along() {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 2")
            + &producer(500, "20/s", "async", "acks = \"all\"")
            + &fault("5s", "disk-failure = \"broker 1\"\nuntil = \"35s\"\nrestart = \"20s\"")
            + &fault("40s", "restart = \"broker 1\"")),
    )
    .expect(&[("messages.acked", 500), ("broker.lost_acked", 0)])
    .sometimes("it cannot start", |what| matches!(what, What::DiskFailed { broker: A, failed: true }))
    .sometimes("it is mended", |what| matches!(what, What::DiskFailed { broker: A, failed: false }))
    .sometimes("it leads no more", |what| matches!(what, What::LeaderElected { partition: P0, old: Some(A), .. }));
}

/// D-6: a disk that takes 300 ms longer for each append holds up acks=all even when it is a follower's, until that one leaves the ISR.
#[test]
fn a_slow_disk_holds_up_whoever_waits_for_it() {
    let p99 = |target: &str| {
        let slow = fault("2s", &format!("slow-disk = \"{target}\"\nextra = \"300ms\"\nuntil = \"8s\""));
        let topic = three("30s", "", "\"min.insync.replicas\" = 2");
        let run = check(&(topic + &producer(100, "10/s", "async", "acks = \"all\"") + &slow));
        run.expect(&[("messages.acked", 100)]).figure("latency_us.produce_p99")
    };
    assert!(p99("broker 1") > 300_000);
    assert!(p99("broker 3") > 300_000);
    assert!(p99("broker 3") < 2_000_000);
}

/// The queue of a slow disk is bounded by what may be in flight to it: with one thread, requests wait for one another.
#[test]
fn request_threads_are_held_by_a_slow_disk() {
    let producers: String =
        (0..6).map(|n| producer(20, "10/s", "async", "acks = \"1\"").replace("\"p\"", &format!("\"p{n}\""))).collect();
    let slow = fault("1500ms", "slow-disk = \"broker 1\"\nextra = \"200ms\"\nuntil = \"20s\"");
    let p99 = |threads: u32| {
        let cluster = format!("config = {{ \"num.io.threads\" = {threads} }}");
        let run = check(&(three("60s", &cluster, "\"min.insync.replicas\" = 1") + &producers + &slow));
        run.expect(&[("messages.acked", 120)]).figure("latency_us.produce_p99")
    };
    assert!(p99(1) > p99(8) + 500_000, "{} {}", p99(1), p99(8));
}
