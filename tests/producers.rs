//! The producer and its connections: directed scenarios.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::NodeId;
use sim_core::trace::{DropReason, What};

/// Several requests are in flight over a connection that breaks. All of them fail in the order of sending; the client puts each in front
/// of its queue, or with numbers in their order.
fn connection_breaks(config: &str) -> Checked {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(20, "10/s", "async", config)
            + READERS
            + &fault("1950ms", "cut = \"producer p -> broker 1\"\nuntil = \"2450ms\"")
            + &fault("2350ms", "break = \"producer p <-> broker 1\"")),
    )
    .expect(&[("messages.acked", 20), ("orders.ok", 20), ("broker.extra_copies", 0)])
    .sometimes("a transmission is lost", |what| matches!(what, What::TransmissionLost { reason: DropReason::Cut, .. }))
    .sometimes("a request is lost", |what| matches!(what, What::Dropped { reason: DropReason::Intervention, .. }))
    .sometimes("retried", |what| matches!(what, What::BatchRetried { error: ErrorCode::NetworkException, .. }))
}

/// ORDER-1, P-42: the last to fail is the first in the queue.
#[test]
fn order1_retries_without_idempotence_come_in_the_opposite_order() {
    connection_breaks("acks = \"all\", \"enable.idempotence\" = false")
        .at_least(&[("orders.reordered", 1), ("mechanisms.ORDER-1", 1)]);
}

/// ORDER-17, P-42: with idempotence they come in the order of their numbers.
#[test]
fn order17_with_idempotence_the_order_is_kept() {
    connection_breaks("acks = \"all\"").expect(&[("orders.reordered", 0)]);
}

/// P-35: so it is with one request in flight.
#[test]
fn one_request_in_flight_keeps_the_order_without_idempotence() {
    connection_breaks("acks = \"all\", \"enable.idempotence\" = false, \"max.in.flight.requests.per.connection\" = 1")
        .expect(&[("orders.reordered", 0)]);
}

/// TCP: packets lost by the link are late, and nothing overtakes them: the order is kept whatever the configuration.
#[test]
fn a_lost_packet_holds_up_what_comes_after_it_and_nothing_is_reordered() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\", \"enable.idempotence\" = false")
            + READERS
            + &fault("1500ms", "loss = \"producer p -> broker 1\"\nper-mille = 100\nuntil = \"5s\"")),
    )
    .expect(&[("messages.acked", 100), ("orders.ok", 100), ("orders.reordered", 0)])
    .sometimes("lost", |what| matches!(what, What::TransmissionLost { reason: DropReason::Loss, .. }))
    .never("for good", |what| matches!(what, What::Dropped { .. }));
    assert!(run.figure("latency_us.produce_p99") >= 200_000, "a retransmission takes 200 ms at least");
}

/// A request that waits in its client's kernel while the link is cut reaches the broker after the client has given up on it: without
/// idempotence the record is there twice (P-40, DUP-6).
#[test]
fn what_a_closed_connection_leaves_behind_still_arrives() {
    let run = |config: &str| {
        check(
            &(three("60s", "", "\"min.insync.replicas\" = 1")
                + &producer(12, "10/s", "sync", &format!("\"request.timeout.ms\" = 2000, {config}"))
                + READERS
                + &fault("1990ms", "cut = \"producer p -> broker 1\"\nuntil = \"4200ms\"")),
        )
        .expect(&[("messages.acked", 12)])
    };
    run("acks = \"all\", \"enable.idempotence\" = false").expect(&[
        ("broker.extra_copies", 1),
        ("orders.duplicated", 1),
        ("mechanisms.DUP-6", 1),
    ]);
    run("acks = \"all\"").expect(&[("broker.extra_copies", 0), ("orders.ok", 12)]);
}

/// Lets broker 1 have producer ids at hand before they are needed.
const WARM_UP: &str = "[[topic]]\nname = \"u\"\npartitions = 1\nassignment = [[1]]\nconfig = { \"replication.factor\" = 1 }\n\
    [[producer]]\nname = \"w\"\ntopic = \"u\"\nmessages = 1\nrate = \"1/s\"\nstart = \"2s\"\n";

/// Both followers are down until 30 s, and minISR=2. A fresh producer's first batches arrive around the moment at which the ISR is large
/// enough again: at some start of it the first is refused and the next, on its way already, is not.
fn around_the_isr_expansion(rules: &str, config: &str, start_us: u64) -> Checked {
    let sends = producer(14, "1000/s", "async", config).replace("start = \"1s\"", &format!("start = \"{start_us}us\""));
    check(
        &(three("220s", rules, "\"min.insync.replicas\" = 2")
            + &sends
            + WARM_UP
            + READERS
            + &fault("1s", "crash = \"followers of t-0\"\nrestart = \"30s\"")),
    )
}

/// The start of a producer whose first batch is sent when the leader learns of an ISR of two: seen in a run whose producer starts later.
fn start_at_the_expansion() -> u64 {
    let late = 200_000_000;
    let run = around_the_isr_expansion("", "", late);
    let grown = |what: &What| matches!(what, What::IsrChanged { partition: P0, old, new, .. } if new.len() > old.len());
    let of_p = |what: &What| matches!(what, What::BatchSent { producer: sim_core::ids::ProducerId(0), .. });
    let warming_up = run.events(of_p)[0].at.0 - late;
    run.events(grown)[0].at.0 - warming_up
}

fn is_hole(run: &Checked) -> bool {
    run.figure("mechanisms.LOSS-P10") > 0
}

/// TR-13, P-59, LOSS-P10: the first batch can never be appended, while those behind it are; the application is told of a timeout.
#[test]
fn tr13_the_first_batch_hole() {
    let middle = start_at_the_expansion();
    let starts = || (0..200).map(|step| middle - 10_000 + step * 100);
    let hole = starts().find(|&start| is_hole(&around_the_isr_expansion("", "", start)));
    let start = hole.expect("some start falls into the moment");
    let run = around_the_isr_expansion("", "", start)
        .expect(&[("broker.extra_copies", 0), ("orders.reordered", 0), ("broker.lost_acked", 0), ("mechanisms.LOSS-P4", 0)])
        .sometimes("for the reason that passes", |what| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. }))
        .sometimes("for the gap", |what| matches!(what, What::Refused { error: ErrorCode::OutOfOrderSequenceNumber, .. }));
    assert_eq!(run.figure("messages.unknown"), run.figure("mechanisms.LOSS-P10"));
    assert_eq!(run.figure("messages.acked") + run.figure("messages.unknown"), 15);
    let world = run.history.last_world();
    let log = &world.brokers[0].replica(P0).unwrap().log;
    let numbered: Vec<(i16, i32)> = log.batches().map(|entry| (entry.batch.sequence.epoch, entry.batch.sequence.first)).collect();
    assert!(
        numbered[0].1 > 0 && numbered.iter().all(|n| n.0 == 0),
        "the log begins behind the hole, in the first epoch: {numbered:?}"
    );
    // With one request in flight, or with the rule of 4.5 on this new log, there is no hole.
    let safe = [
        around_the_isr_expansion("", "\"max.in.flight.requests.per.connection\" = 1", start),
        around_the_isr_expansion("rules = { first-batch = \"zero-on-empty-log\" }", "", start),
    ];
    for run in safe {
        run.expect(&[("messages.acked", 15), ("orders.ok", 14), ("orders.reordered", 0)]);
    }
}

/// As above, but the leader knows the producer: it has sent some hundred records before, then stood still until `resume_us`, and now the rest is due at once.
fn around_the_isr_expansion_again(config: &str, resume_us: u64) -> Checked {
    let sends = producer(430, "1000/s", "async", &format!("\"batch.size\" = 1, {config}")).replace("\"1s\"", "\"500ms\"");
    check(
        &(three("90s", "", "\"min.insync.replicas\" = 2")
            + &sends
            + READERS
            + &fault("800ms", "slow = \"producer p -> broker 1\"\nlatency = \"1ms..10ms\"")
            + &fault("900ms", &format!("pause = \"producer p\"\nuntil = \"{resume_us}us\""))
            + &fault("1s", "crash = \"followers of t-0\"\nrestart = \"30s\"")),
    )
    .expect(&[("messages.acked", 430), ("orders.ok", 430), ("broker.extra_copies", 0)])
}

/// TR-7, ORDER-1, P-34, P-42: of several batches in flight the first is refused for a reason that passes, and the next comes when it has passed.
/// Without numbers that is appended, and the first behind it. With them the leader sees the gap: both go again, in their order.
#[test]
fn tr7_the_first_of_two_in_flight_is_refused() {
    let grown = |what: &What| matches!(what, What::IsrChanged { partition: P0, old, new, .. } if new.len() > old.len());
    let middle = around_the_isr_expansion_again("", 60_000_000).events(grown)[0].at.0;
    let passes = |what: &What| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. });
    // What is sent at one moment arrives a little apart on the slow link: some pause ends at a moment that falls between.
    let around = |config: &str, happens: &dyn Fn(&Checked) -> bool| {
        let moments = (0..300).map(|step| middle - 15_000 + step * 100);
        let run = |resume| around_the_isr_expansion_again(config, resume);
        moments.map(run).find(|run| happens(run)).expect("some moment falls between the two")
    };
    around("\"enable.idempotence\" = false", &|run| run.figure("orders.reordered") > 0)
        .sometimes("the first", passes)
        .at_least(&[("mechanisms.ORDER-1", 1)]);
    let gap = |what: &What| matches!(what, What::Refused { error: ErrorCode::OutOfOrderSequenceNumber, .. });
    around("", &|run| !run.events(gap).is_empty()).sometimes("the first", passes).expect(&[("orders.reordered", 0)]);
}

/// TR-8, L-11: all answers to the last five batches are lost. They are sent again over another connection, and each is answered with the
/// offset that it has. (That the sixth before is not known any more is the vector `log-dup-window-exact`.)
#[test]
fn tr8_the_last_five_batches_are_known() {
    let sends = producer(6, "20/s", "async", "\"batch.size\" = 1, \"request.timeout.ms\" = 2000").replace("\"1s\"", "\"2s\"");
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &sends
            + READERS
            + &fault("2040ms", "cut = \"broker 1 -> producer p\"\nuntil = \"5s\"")),
    )
    .expect(&[("messages.acked", 6), ("orders.ok", 6), ("broker.extra_copies", 0)]);
    let known = run.events(|what| matches!(what, What::Deduplicated { partition: P0, .. }));
    let bases: Vec<i64> =
        known.iter().map(|event| if let What::Deduplicated { base, .. } = event.what { base.0 } else { -1 }).collect();
    assert_eq!(bases, [1, 2, 3, 4, 5]);
}

/// P-11, LOSS-P1: an application that looks at no result loses what failed without a word.
#[test]
fn loss_p1_nobody_looks_at_the_result() {
    let run = |send: &str| {
        check(
            &(three("60s", "", "\"min.insync.replicas\" = 1, \"max.message.bytes\" = 100")
                + &producer(5, "10/s", send, "")
                + READERS),
        )
        .expect(&[("messages.rejected", 5)])
    };
    run("async").expect(&[("orders.rejected", 5), ("orders.lost", 0), ("mechanisms.LOSS-P6", 5)]);
    run("fire-and-forget").expect(&[("orders.rejected", 0), ("orders.lost", 5), ("mechanisms.LOSS-P1", 5)]);
}

/// P-48: `close()` waits for what is buffered; with a limit what is left then is given up, and the application is told.
#[test]
fn close_waits_for_what_is_buffered() {
    let run = |close: &str| {
        let sends =
            producer(40, "100/s", "async", "\"linger.ms\" = 5000").replace("start = \"1s\"", &format!("start = \"1s\"\n{close}"));
        let sends = sends.replace("\"linger.ms\" = 0, ", "");
        let cut = fault("1300ms", "cut = \"producer p <-> brokers\"\nuntil = \"6s\"");
        check(
            &(three("60s", "", "\"min.insync.replicas\" = 1")
                + &sends
                + READERS
                + &cut
                + &fault("1395ms", "shutdown = \"producer p\"")),
        )
    };
    run("").expect(&[("messages.acked", 40)]).sometimes("stopped", |what| matches!(what, What::Stopped { .. }));
    let hasty = run("close = \"1s\"");
    assert!(hasty.figure("messages.unknown") + hasty.figure("messages.rejected") == 40, "{:?}", hasty.summary.messages);
    let told = |what: &What| matches!(what, What::BatchDone { error: ErrorCode::ProducerClosed, .. });
    hasty.sometimes("given up", told);
}

/// P-30: a full batch does not linger: after a disconnection it goes out when the reconnection backoff is over, not when linger.ms is.
#[test]
fn a_full_batch_waits_for_the_connection_only() {
    let config = "\"linger.ms\" = 20000, \"batch.size\" = 1, \"retry.backoff.ms\" = 10, \"reconnect.backoff.ms\" = 1000";
    let sends = producer(2, "1/s", "async", config).replace("\"linger.ms\" = 0, ", "");
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &sends
            + READERS
            + &fault("1990ms", "cut = \"producer p -> broker 1\"\nuntil = \"2200ms\"")
            + &fault("2100ms", "break = \"producer p <-> broker 1\"")),
    )
    .expect(&[("messages.acked", 2)])
    .sometimes("a disconnection", |what| matches!(what, What::Disconnected { client: NodeId::Producer(_), .. }));
    let done = run.events(|what| matches!(what, What::BatchDone { .. }))[1].at;
    assert!(done > seconds(2) && done < seconds(5), "{done:?}");
}

/// P-20: every record names its partition; or a class lets them go round.
#[test]
fn the_application_chooses_the_partition() {
    let counts = |producer: &str| {
        let topic = "duration = \"20s\"\n[cluster]\nbrokers = 1\n[[topic]]\nname = \"t\"\npartitions = 3\n";
        let run = check(&(topic.to_owned() + producer)).expect(&[("messages.acked", 9)]);
        let world = run.history.last_world();
        let end = |p: u16| world.brokers[0].replica(sim_core::ids::PartitionId(p)).unwrap().log.end().0;
        [end(0), end(1), end(2)]
    };
    let sends = producer(9, "10/s", "sync", "");
    assert_eq!(counts(&sends.replace("keys = 1", "partition = 2")), [0, 0, 9]);
    let class = "\"partitioner.class\" = \"org.apache.kafka.clients.producer.RoundRobinPartitioner\"";
    assert_eq!(counts(&producer(9, "10/s", "sync", class)), [3, 3, 3]);
}

/// P-25: records without key keep away from a partition whose batches pile up. P-26: and leave it out when its broker takes nothing.
#[test]
fn the_sticky_partition_follows_the_load() {
    let share = |config: &str| {
        let topic = "duration = \"60s\"\n[cluster]\nbrokers = 3\n[[topic]]\nname = \"t\"\npartitions = 3\n\
            assignment = [[1], [2], [3]]\nconfig = { \"replication.factor\" = 1 }\n";
        let sends =
            producer(3000, "200/s", "async", &format!("\"batch.size\" = 1000, \"delivery.timeout.ms\" = 120000, {config}"));
        let slow = fault("2s", "slow = \"producer p -> broker 1\"\nlatency = \"2s\"");
        let run = check(&(topic.to_owned() + &sends.replace("keys = 1\n", "") + &slow)).expect(&[("messages.acked", 3000)]);
        let world = run.history.last_world();
        world.brokers[0].replica(P0).unwrap().log.end().0
    };
    let uniform = share("\"partitioner.adaptive.partitioning.enable\" = false");
    let adaptive = share("");
    let available = share("\"partitioner.availability.timeout.ms\" = 100");
    assert!(uniform > 900 && adaptive < 700, "{uniform} {adaptive}");
    assert!(available < 500, "{available}");
}

/// ORDER-4: several threads that send records of one key take turns as it happens; one thread keeps the order of the application.
#[test]
fn threads_take_turns() {
    let run = |threads: u16| {
        let sends = producer(60, "100/s", "sync", "").replace("start = \"1s\"", &format!("start = \"1s\"\nthreads = {threads}"));
        check(&(three("60s", "", "\"min.insync.replicas\" = 1") + &sends + READERS))
            .expect(&[("messages.acked", 60), ("orders.ok", 60)])
    };
    let latency = |run: &Checked| run.figure("latency_us.produce_p50");
    let (one, four) = (run(1), run(4));
    assert!(latency(&one) > 0 && latency(&four) > 0);
}

/// compression.type: fewer bytes, so more records in a batch and in a log segment; the content is the same.
#[test]
fn compression_changes_sizes_and_not_contents() {
    let run = |compression: &str| {
        let config = format!("\"batch.size\" = 2000, \"linger.ms\" = 50, \"compression.type\" = \"{compression}\"");
        let sends = producer(2000, "1000/s", "async", &config).replace("\"linger.ms\" = 0, ", "");
        let run = check(&(three("30s", "", "\"min.insync.replicas\" = 1") + &sends + READERS)).expect(&[("orders.ok", 2000)]);
        let world = run.history.last_world();
        let log = &world.brokers[0].replica(P0).unwrap().log;
        let bytes: u64 = log.batches().map(|entry| u64::from(entry.batch.bytes)).sum();
        (bytes, log.batches().count())
    };
    let (plain, zstd) = (run("none"), run("zstd"));
    assert!(zstd.0 * 2 < plain.0 && zstd.1 < plain.1, "{plain:?} {zstd:?}");
}
