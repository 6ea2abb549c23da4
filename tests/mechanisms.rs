//! Directed scenarios: each rule and mechanism of the protocol reference at work. Every run is checked for broken invariants, and no loss may
//! remain unexplained.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::set::BrokerSet;
use sim_core::trace::{DropReason, What};

/// LOSS-B2, L-8, C-19: cut off from the controller, not from its clients.
#[test]
fn loss_b2_a_deposed_leader_goes_on_acking() {
    check(
        &(three("90s", "", "\"min.insync.replicas\" = 1")
            + &producer(300, "10/s", "sync", "acks = \"1\"")
            + &fault("2s", "cut = \"broker 1 <-> controller\"\nuntil = \"40s\"")),
    )
    .expect(&[("messages.acked", 300), ("broker.elections", 1)])
    .at_least(&[("mechanisms.LOSS-B2", 100)])
    .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }));
}

/// LOSS-B3: one copy, and its machine loses power.
#[test]
fn loss_b3_the_only_copy_is_lost_with_the_power() {
    let topic = "duration = \"60s\"\nseed = 4\n[cluster]\nbrokers = 1\n[[topic]]\nname = \"t\"\npartitions = 1\n";
    let run = check(
        &(topic.to_owned()
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &fault("5s", "power-cut = \"broker 1\"\nrestart = \"20s\"")),
    )
    .expect(&[("messages.acked", 100)])
    .at_least(&[("mechanisms.LOSS-B3", 1)])
    .sometimes("a tail is lost", |what| matches!(what, What::TailLost { broker: A, .. }));
    assert_eq!(run.figure("mechanisms.LOSS-B3"), run.figure("broker.lost_acked"));
}

/// LOSS-B4: minISR=1 lets an ISR of one promise what it alone has.
#[test]
fn loss_b4_an_isr_of_one_loses_power() {
    let sends = producer(100, "50/s", "async", "acks = \"all\"").replace("\"1s\"", "\"20s\"");
    let run = check(
        &(three("120s", "elr = false", "\"min.insync.replicas\" = 1")
            + &sends
            + &fault("1s", "crash = \"followers of t-0\"\nrestart = \"60s\"")
            + &fault("25s", "power-cut = \"broker 1\"\nrestart = \"40s\"")),
    )
    .expect(&[("messages.acked", 100), ("broker.unclean_elections", 0)])
    .at_least(&[("mechanisms.LOSS-B4", 1)]);
    assert_eq!(run.figure("mechanisms.LOSS-B4"), run.figure("broker.lost_acked"));
}

/// LOSS-B8, C-15: a replica outside the ISR is made leader.
#[test]
fn loss_b8_an_unclean_election_drops_the_committed_end() {
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"15s\"";
    let lag = "config = { \"replica.lag.time.max.ms\" = 3000 }";
    check(
        &(three("120s", lag, "\"min.insync.replicas\" = 1, \"unclean.leader.election.enable\" = true")
            + &producer(120, "10/s", "async", "acks = \"all\"")
            + &fault("2s", stuck)
            + &fault("14s", "crash = \"leader of t-0\"\nrestart = \"60s\"")),
    )
    .expect(&[("messages.acked", 120), ("broker.unclean_elections", 1)])
    .at_least(&[("mechanisms.LOSS-B8", 10)])
    .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }));
}

/// LOSS-P2, P-45, L-20: acks=0 counts what was lost on its way as sent: six records wait to be sent again when the connection breaks.
#[test]
fn loss_p2_acks_0_hears_of_nothing() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(30, "10/s", "async", "acks = \"0\"")
            + READERS
            + &fault("1990ms", "cut = \"producer p -> broker 1\"\nuntil = \"2560ms\"")
            + &fault("2550ms", "break = \"producer p <-> broker 1\"")),
    )
    .expect(&[("messages.acked", 30), ("broker.lost_acked", 6), ("orders.lost", 6), ("mechanisms.LOSS-P2", 6)]);
    assert_eq!(run.events(|what| matches!(what, What::Dropped { reason: DropReason::Intervention, .. })).len(), 6);
}

/// A producer that is cut off from all brokers for a while, and readers that are not.
fn cut_off(until: &str, messages: u32, config: &str) -> Checked {
    check(
        &(three("120s", "", "\"min.insync.replicas\" = 1")
            + &producer(messages, "20/s", "async", config)
            + READERS
            + &fault("2s", &format!("cut = \"producer p <-> brokers\"\nuntil = \"{until}\""))),
    )
    .sometimes("cut", |what| matches!(what, What::LinkCut { cut: true, .. }))
}

/// LOSS-P3, P-10, P-12: the buffer is full for longer than max.block.ms.
#[test]
fn loss_p3_send_fails_when_the_buffer_stays_full() {
    let config = "\"buffer.memory\" = 20000, \"max.block.ms\" = 500, \"request.timeout.ms\" = 30000";
    cut_off("20s", 100, config)
        .at_least(&[("mechanisms.LOSS-P3", 1)])
        .sometimes("send() failed", |what| matches!(what, What::SendFailed { error: ErrorCode::Timeout, .. }));
}

/// LOSS-P4, P-43: delivery.timeout.ms runs out.
#[test]
fn loss_p4_the_delivery_timeout_runs_out() {
    let config = "\"request.timeout.ms\" = 3000, \"delivery.timeout.ms\" = 4000";
    cut_off("20s", 60, config)
        .at_least(&[("mechanisms.LOSS-P4", 1), ("messages.unknown", 1)])
        .sometimes("expired", |what| matches!(what, What::BatchDone { error: ErrorCode::Timeout, .. }));
}

/// The same cut with Kafka's default of two minutes: nothing is lost.
#[test]
fn the_default_delivery_timeout_outlives_the_cut() {
    cut_off("20s", 60, "\"request.timeout.ms\" = 3000").expect(&[("messages.acked", 60), ("orders.ok", 60)]);
}

/// LOSS-P6, P-10: a record beyond max.request.size never leaves.
#[test]
fn loss_p6_a_record_is_too_large() {
    let sends = producer(7, "10/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 1\nrecord-bytes = 2000000");
    check(&(three("30s", "", "\"min.insync.replicas\" = 1") + &sends + READERS))
        .expect(&[("messages.rejected", 7), ("orders.rejected", 7), ("mechanisms.LOSS-P6", 7)])
        .sometimes("too large", |what| matches!(what, What::SendFailed { error: ErrorCode::RecordTooLarge, .. }))
        .never("sent", |what| matches!(what, What::BatchSent { .. }));
}

/// LOSS-P7, P-48: the process dies with records in its buffer.
#[test]
fn loss_p7_the_producer_dies_with_a_full_buffer() {
    let sends = producer(30, "10/s", "async", "acks = \"all\"").replace("\"linger.ms\" = 0", "\"linger.ms\" = 5000");
    check(&(three("30s", "", "\"min.insync.replicas\" = 1") + &sends + READERS + &fault("2550ms", "crash = \"producer p\"")))
        .expect(&[("messages.intended", 16), ("messages.unknown", 16), ("orders.pending", 16), ("mechanisms.LOSS-P7", 16)])
        .never("sent", |what| matches!(what, What::BatchSent { .. }));
}

/// DUP-10: the consumer dies between its work and its commit.
#[test]
fn dup10_a_consumer_dies_before_its_commit() {
    let slow = READERS.replace("\"1ms\"", "\"20ms\"");
    let run = check(
        &(three("90s", "", "\"min.insync.replicas\" = 1")
            + &producer(200, "1000/s", "async", "acks = \"all\"")
            + &slow
            + &fault("5s", "crash = \"member 1 of orders\"\nrestart = \"7s\"")),
    )
    .expect(&[("orders.lost", 0), ("broker.extra_copies", 0)])
    .at_least(&[("orders.duplicated", 1)])
    .sometimes("dead", |what| matches!(what, What::Crashed { node: NodeId::Consumer(_), .. }));
    assert_eq!(run.figure("mechanisms.DUP-10"), run.figure("orders.duplicated"));
}

/// C-5: a controlled shutdown moves leadership at once, and loses nothing.
#[test]
fn a_controlled_shutdown_does_not_wait_for_the_session() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 2")
            + &producer(500, "50/s", "async", "acks = \"all\"")
            + READERS
            + &fault("5s", "shutdown = \"leader of t-0\"\nrestart = \"20s\"")),
    )
    .expect(&[("messages.acked", 500), ("orders.ok", 500), ("broker.lost_acked", 0), ("broker.extra_copies", 0)])
    .sometimes("stopped", |what| matches!(what, What::Stopped { node: NodeId::Broker(A) }));
    let elected = run.events(|what| matches!(what, What::LeaderElected { partition: P0, old: Some(A), new: Some(B), .. }));
    assert!(elected.len() == 1 && elected[0].at < seconds(6), "{elected:?}");
    assert!(run.figure("latency_us.produce_p99") < 1_000_000);
}

/// a follower that is not level for replica.lag.time.max.ms leaves after 1.0 to 1.5 times that, and joins again.
#[test]
fn a_slow_follower_leaves_the_isr_and_comes_back() {
    let stuck = "slow = \"broker 3 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"20s\"\nuntil = \"20s\"";
    let run = check(
        &(three("90s", "config = { \"replica.lag.time.max.ms\" = 4000 }", "\"min.insync.replicas\" = 2")
            + &producer(600, "20/s", "async", "acks = \"all\"")
            + &fault("5s", stuck)),
    )
    .expect(&[("messages.acked", 600), ("broker.lost_acked", 0), ("broker.elections", 0)]);
    let both = BrokerSet::of(A).with(B);
    let shrunk = run.events(|what| matches!(what, What::IsrChanged { partition: P0, new, .. } if *new == both));
    let back = run.events(|what| matches!(what, What::IsrChanged { partition: P0, old, .. } if *old == both));
    assert!(shrunk.len() == 1 && (seconds(9)..seconds(12)).contains(&shrunk[0].at), "{shrunk:?}");
    assert!(back.len() == 1 && back[0].at > seconds(20), "{back:?}");
}

/// R-20 (strict, 3.7): while the committed ISR is below minISR the watermark stands still, though acks=1 appends.
#[test]
fn the_watermark_stands_still_below_min_isr() {
    let run = check(
        &(three("90s", "", "\"min.insync.replicas\" = 2")
            + &producer(300, "10/s", "async", "acks = \"1\"")
            + &fault("5s", "crash = \"followers of t-0\"\nrestart = \"50s\"")),
    )
    .expect(&[("messages.acked", 300), ("broker.lost_acked", 0)]);
    let frozen = seconds(15)..seconds(50);
    let moved = run.events(|what| matches!(what, What::HwMoved { broker: A, partition: P0, .. }));
    let appended = run.events(|what| matches!(what, What::Appended { broker: A, partition: P0, .. }));
    assert!(appended.iter().any(|event| frozen.contains(&event.at)), "nothing was appended meanwhile");
    assert!(moved.iter().all(|event| !frozen.contains(&event.at)), "it moved");
    assert!(moved.iter().any(|event| event.at > frozen.end), "it never moved again");
}

/// G-31, G-32, INV-64: the coordinator dies; the next one has the group's offsets, and a member that starts again goes on from there.
#[test]
fn committed_offsets_survive_the_coordinator() {
    let run = check(
        &(three("120s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + READERS
            + &fault("10s", "crash = \"broker 2\"\nrestart = \"40s\"")
            + &fault("25s", "crash = \"member 1 of orders\"\nrestart = \"26s\"")),
    )
    .expect(&[("orders.ok", 100), ("orders.duplicated", 0), ("orders.lost", 0)]);
    let offsets = PartitionId(1);
    assert_eq!(run.history.last_world().layout.partition(offsets).name, "__consumer_offsets-31");
    let moved = run.events(|what| matches!(what, What::LeaderElected { partition, old: Some(B), .. } if *partition == offsets));
    assert!(moved.len() == 1 && moved[0].at < seconds(25), "{moved:?}");
    let again = run.events(|what| matches!(what, What::PositionSet { to: Offset(100), reset: false, .. }));
    assert!(again.len() == 1 && again[0].at > seconds(26), "{again:?}");
}

/// LOSS-C3: the handler throws, the application goes on, and auto commit takes the record for done.
#[test]
fn an_exception_that_is_swallowed_loses_its_record() {
    let group = "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nhandler = { dedupe = \"inbox\", poison = 10, attempts = 1 }\n\
        config = { \"enable.auto.commit\" = AUTO, \"auto.offset.reset\" = \"earliest\" }\n";
    let body = three("60s", "", "\"min.insync.replicas\" = 2") + &producer(40, "20/s", "async", "acks = \"all\"");
    check(&(body.clone() + &group.replace("AUTO", "true"))).expect(&[("lost", 4), ("mechanisms.LOSS-C3", 4)]);
    check(&(body + &group.replace("AUTO", "false"))).expect(&[("lost", 4), ("mechanisms.LOSS-C13", 4)]);
}

/// LOSS-C18: the only member that subscribes to the topic is gone, and so are, in the end, its records.
#[test]
fn records_of_a_partition_that_is_nobodys_grow_too_old() {
    let other = "[[topic]]\nname = \"u\"\npartitions = 1\nconfig = { \"replication.factor\" = 3 }\n";
    let group = "[[group]]\nname = \"orders\"\ntopics = [\"t\", \"u\"]\nmembers = 2\nsubscriptions = [[\"u\"], [\"t\"]]\n\
        handler = { time = \"1ms\" }\nconfig = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }\n";
    let cluster = "config = { \"log.retention.check.interval.ms\" = 5000 }";
    let topic = "\"retention.ms\" = 20000, \"segment.ms\" = 5000, \"min.insync.replicas\" = 2";
    let body = three("180s", cluster, topic) + other + &producer(600, "10/s", "async", "acks = \"all\"") + group;
    let gone = fault("20s", "shutdown = \"member 2 of orders\"\nrestart = \"120s\"");
    let run = check(&(body + &gone)).at_least(&[("lost", 100), ("mechanisms.LOSS-C18", 100)]);
    assert!(run.figure("ok") > 100, "before, it was read");
}
