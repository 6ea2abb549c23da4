//! The golden traces of the protocol reference, end to end, with its exact figures.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::set::BrokerSet;
use sim_core::trace::{DropReason, What};

/// TR-1, LOSS-B1: ten records everywhere, the eleventh on the leader alone when it dies. The new epoch starts at 10, another record
/// takes the offset, and the old leader cuts exactly to 10.
#[test]
fn tr1_acks_1_and_the_leader_dies_before_a_follower_fetched() {
    let late = producer(1, "1/s", "sync", "acks = \"1\"").replace("\"p\"", "\"late\"").replace("\"1s\"", "\"20s\"");
    let stuck = "cut = \"leader of t-0 -> followers of t-0\"\nuntil = \"20s\"";
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(11, "10/s", "sync", "acks = \"1\"")
            + &late
            + &fault("1950ms", stuck)
            + &fault("2050ms", "crash = \"leader of t-0\"\nrestart = \"30s\"")),
    )
    .expect(&[("messages.acked", 12), ("broker.lost_acked", 1), ("mechanisms.LOSS-B1", 1), ("broker.unclean_elections", 0)])
    .sometimes("the new epoch starts at 10", |what| {
        let start = Offset(10);
        matches!(what, What::BecameLeader { broker: B, partition: P0, epoch: LeaderEpoch(1), start: s } if *s == start)
    });
    let cuts = run.events(|what| matches!(what, What::Truncated { .. }));
    assert_eq!(cuts.len(), 1, "{cuts:?}");
    let cut = What::Truncated { broker: A, partition: P0, from: Offset(11), to: Offset(10), epoch: LeaderEpoch(1) };
    assert_eq!(cuts[0].what, cut);
}

/// TR-2, L-5, L-7: with the ISR down to the leader, minISR=1 acks at once.
#[test]
fn tr2_an_isr_of_one_with_min_isr_1_acks_at_once() {
    let run = alone(1).expect(&[("messages.acked", 5), ("broker.lost_acked", 0)]);
    assert!(run.figure("latency_us.produce_p99") < 50_000);
}

/// TR-2, L-5: with minISR=2 the leader refuses, and nothing is appended.
#[test]
fn tr2_an_isr_of_one_with_min_isr_2_refuses_and_appends_nothing() {
    alone(2)
        .expect(&[("messages.acked", 0), ("broker.lost_acked", 0)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. }))
        .never("appended", |what| matches!(what, What::Appended { batch: Some(_), .. }));
}

/// Two of three brokers are down when the producer starts.
fn alone(min_isr: u32) -> Checked {
    let sends = producer(5, "10/s", "sync", "acks = \"all\", \"delivery.timeout.ms\" = 31000");
    let body = three("250s", "", &format!("\"min.insync.replicas\" = {min_isr}"))
        + &sends.replace("\"1s\"", "\"20s\"")
        + &fault("1s", "crash = \"followers of t-0\"");
    check(&body).sometimes("the ISR is {1}", |what| matches!(what, What::IsrChanged { new, .. } if *new == BrokerSet::of(A)))
}

/// TR-3, R-20, L-21, L-23, P-43: the ISR shrinks below minISR after the append. The watermark stays, the request times out, the retries
/// are refused, the application is told of a failure, and the record commits when the follower is back: a phantom.
#[test]
fn tr3_a_shrink_after_the_append_leaves_the_record_and_reports_failure() {
    let body = "duration = \"200s\"\n[cluster]\nbrokers = 2\nconfig = { \"offsets.topic.replication.factor\" = 2 }\n[[topic]]\nname = \"t\"\n\
        partitions = 1\nassignment = [[1, 2]]\nconfig = { \"replication.factor\" = 2, \"min.insync.replicas\" = 2 }\n";
    let run = check(
        &(body.to_owned()
            + &producer(11, "10/s", "sync", "acks = \"all\"")
            + READERS
            + &fault("1950ms", "crash = \"broker 2\"\nrestart = \"150s\"")),
    )
    .expect(&[
        ("messages.acked", 10),
        ("messages.unknown", 1),
        ("orders.ok", 10),
        ("orders.phantom", 1),
        ("broker.extra_copies", 0),
    ])
    .sometimes("timed out", |what| matches!(what, What::BatchRetried { error: ErrorCode::RequestTimedOut, .. }))
    .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. }));
    let moves = run.events(|what| matches!(what, What::HwMoved { broker: A, partition: P0, to: Offset(11) }));
    assert!(moves.len() == 1 && moves[0].at > seconds(150), "{moves:?}");
}

/// Twelve records one by one; the answer to the eleventh is held up for longer than the producer waits. It closes the connection, and
/// the answer is lost with it.
fn answer_lost(config: &str) -> Checked {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(12, "10/s", "sync", &format!("\"request.timeout.ms\" = 5000, {config}"))
            + READERS
            + &fault("1990ms", "cut = \"broker 1 -> producer p\"\nuntil = \"10s\"")),
    )
    .sometimes("the answer is lost", |what| matches!(what, What::Dropped { reason: DropReason::Closed, .. }))
    .sometimes("timed out", |what| matches!(what, What::BatchRetried { error: ErrorCode::RequestTimedOut, .. }))
}

/// TR-6, DUP-1: without idempotence 10 and 11 hold the same record.
#[test]
fn tr6_a_lost_answer_without_idempotence_makes_two_copies() {
    answer_lost("acks = \"all\", \"enable.idempotence\" = false")
        .expect(&[("broker.extra_copies", 1), ("orders.duplicated", 1), ("mechanisms.DUP-1", 1), ("orders.ok", 11)])
        .never("recognised", |what| matches!(what, What::Deduplicated { .. }));
}

/// TR-6, L-11: with idempotence the retry is answered with offset 10.
#[test]
fn tr6_a_lost_answer_with_idempotence_makes_one_copy() {
    answer_lost("acks = \"all\"")
        .expect(&[("broker.extra_copies", 0), ("orders.duplicated", 0), ("orders.ok", 12), ("messages.acked", 12)])
        .sometimes("recognised", |what| matches!(what, What::Deduplicated { partition: P0, base: Offset(10), .. }));
}

/// Offsets 0 to 100 are acked with the ISR {1, 2, 3}; the disk of broker 1 has the first 90. Broker 3 dies; broker 2 lives, but its fetches
/// are stuck while one record more arrives: it leaves the ISR, too. Then broker 1 loses power.
fn last_replica_standing(elr: bool) -> Checked {
    let cluster = format!("elr = {elr}\nwrite-back = \"off\"\nconfig = {{ \"replica.lag.time.max.ms\" = 3000 }}");
    let late = producer(1, "1/s", "sync", "\"request.timeout.ms\" = 2000, \"delivery.timeout.ms\" = 5000")
        .replace("\"p\"", "\"late\"")
        .replace("\"1s\"", "\"21s\"");
    let stuck = "slow = \"broker 2 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"30s\"";
    check(
        &(three("150s", &cluster, "\"min.insync.replicas\" = 2, \"flush.messages\" = 90")
            + &producer(101, "50/s", "sync", "acks = \"all\"")
            + &late
            + &fault("5s", "crash = \"broker 3\"\nrestart = \"100s\"")
            + &fault("20s", stuck)
            + &fault("30s", "power-cut = \"broker 1\"\nkeeps = \"on-disk\"\nrestart = \"60s\"")),
    )
    .expect(&[("messages.acked", 101), ("messages.unknown", 1)])
    .sometimes("the ISR is {1}", |what| matches!(what, What::IsrChanged { new, .. } if *new == BrokerSet::of(A)))
    .sometimes("1 keeps 0 to 89", |what| {
        matches!(what, What::TailLost { broker: A, partition: P0, from: Offset(102), to: Offset(90), torn: false })
    })
}

/// TR-11, LOSS-B5, C-11: without ELR only the last member may lead, and imposes its shorter log: 90 to 100 are lost.
#[test]
fn tr11_the_last_replica_standing_imposes_its_shorter_log() {
    let run = last_replica_standing(false).expect(&[("broker.lost_acked", 11), ("mechanisms.LOSS-B5", 11)]);
    for follower in [B, BrokerId(3)] {
        let cuts = run.events(|what| matches!(what, What::Truncated { broker, .. } if *broker == follower));
        assert_eq!(cuts.len(), 1, "{cuts:?}");
        assert!(matches!(cuts[0].what, What::Truncated { to: Offset(90), .. }), "{cuts:?}");
    }
}

/// TR-11, C-12, C-13: with ELR it is {2} when the ISR is {1}; broker 2 is elected, and nothing is lost.
#[test]
fn tr11_an_eligible_leader_replica_saves_the_records() {
    let elr = BrokerSet::of(B);
    last_replica_standing(true)
        .expect(&[("broker.lost_acked", 0), ("broker.unclean_elections", 0)])
        .sometimes(
            "the ELR is {2}",
            |what| matches!(what, What::IsrChanged { new, elr: e, .. } if *new == BrokerSet::of(A) && *e == elr),
        )
        .sometimes("2 leads", |what| matches!(what, What::LeaderElected { partition: P0, new: Some(B), unclean: false, .. }));
}

/// TR-12, LOSS-C6, F-3: the group starts when 100 records are there, at the end.
#[test]
fn tr12_a_late_group_with_latest_skips_what_was_there() {
    let late = producer(1, "1/s", "sync", "acks = \"all\"").replace("\"p\"", "\"late\"").replace("\"1s\"", "\"20s\"");
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &late
            + &READERS.replace("earliest", "latest")
            + &fault("1us", "crash = \"member 1 of orders\"\nrestart = \"10s\"")),
    )
    .expect(&[("messages.acked", 101), ("orders.ok", 1), ("orders.lost", 100), ("mechanisms.LOSS-C6", 100)]);
    let at_end = What::PositionSet { consumer: ConsumerId(0), partition: P0, to: Offset(100), reset: true };
    assert_eq!(run.events(|what| *what == at_end).len(), 1);
}
