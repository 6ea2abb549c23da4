//! Causes that need a scenario made for them: the library does not show them, and the swarm meets them seldom. Each has its name by the facts.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::trace::What;

/// A topic whose leader loses what its readers have read: nobody fetches from it for a while, and then it ends.
fn replaced(messages: u32, group: &str, faults: &str) -> Checked {
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"15s\"";
    let lag = "config = { \"replica.lag.time.max.ms\" = 3000 }";
    check(
        &(three("120s", lag, "\"min.insync.replicas\" = 1, \"unclean.leader.election.enable\" = true")
            + &producer(messages, "10/s", "async", "acks = \"all\"")
            + group
            + &fault("2s", stuck)
            + &fault("14s", "crash = \"leader of t-0\"\nrestart = \"60s\"")
            + faults),
    )
}

/// LOSS-C9: the group is away while its log is replaced, and comes back to an offset that is another record's now. In the middle of a poll it
/// commits without the epoch of what it has read, and so cannot find out.
#[test]
fn loss_c9_an_offset_is_given_out_again() {
    let each = READERS.replace("\"1ms\"", "\"70ms\", commit-when = \"each-record\"");
    let away = fault("13s", "crash = \"member 1 of orders\"\nrestart = \"70s\"");
    let run = replaced(400, &each, &away).at_least(&[("mechanisms.LOSS-C9", 1)]);
    assert!(run.figure("orders.lost") >= run.figure("mechanisms.LOSS-C9"), "{:?}", run.summary.mechanisms);
}

/// LOSS-C9: the group has left an offset behind at which a marker lay; in the log that takes the place of the lost one a record lies there.
#[test]
fn loss_c9_where_a_marker_was() {
    let body = three("60s", "", "\"min.insync.replicas\" = 1").replace("[[1, 2, 3]]", "[[1]]");
    let body = body.replace("\"replication.factor\" = 3", "\"replication.factor\" = 1");
    let before =
        producer(10, "20/s", "async", "\"transactional.id\" = \"x\"").replace("send = ", "transaction = { size = 5 }\nsend = ");
    let after = producer(12, "20/s", "async", "acks = \"all\"").replace("\"1s\"", "\"40s\"").replace("\"p\"", "\"q\"");
    let leaves = fault("10s", "shutdown = \"member 1 of orders\"");
    let dark = fault("15s", "wipe = \"broker 1\"\nrestart = \"16s\"");
    check(&(body + &before + &after + READERS + &leaves + &dark)).expect(&[
        ("messages.acked", 22),
        ("orders.ok", 10),
        ("orders.lost", 12),
        ("mechanisms.LOSS-C9", 12),
    ]);
}

/// LOSS-B8: the leader of the unclean election stands still, too; it is elected once more, cleanly, and for that leader the logs are cut.
#[test]
fn loss_b8_with_a_clean_election_after_the_unclean_one() {
    let alone = fault("14s", "crash = \"broker 3\"\nrestart = \"80s\"");
    let stands = fault("30s", "pause = \"broker 2\"\nuntil = \"50s\"");
    let run = replaced(100, "", &(alone + &stands)).at_least(&[("mechanisms.LOSS-B8", 10)]);
    let led = run.events(|what| matches!(what, What::LeaderElected { partition: P0, .. }));
    let clean = |what: &What| matches!(what, What::LeaderElected { unclean: false, new: Some(_), .. });
    let cut = run.events(|what| matches!(what, What::Truncated { broker: A, .. }))[0].at;
    assert!(clean(&led.iter().rfind(|event| event.at < cut).unwrap().what), "{led:?}");
    assert_eq!(run.figure("mechanisms.LOSS-B8"), run.figure("broker.lost_acked"));
}

/// LOSS-P5: the first attempt is in the log, and its client gives up before it is committed; the last one fails for a gap in the numbers, which
/// says nothing of the first. The application knows its message to have failed, and it has its effect.
#[test]
fn loss_p5_an_attempt_before_the_last_one_came_through() {
    let config = "acks = \"all\", retries = 1, \"request.timeout.ms\" = 1000, \"delivery.timeout.ms\" = 6000";
    let sender = producer(1, "1/s", "outbox", config) + "resend = { attempts = 3, every = \"4s\" }\n";
    let lag = "config = { \"replica.lag.time.max.ms\" = 2000 }";
    let slow = fault("900ms", "pause = \"followers of t-0\"\nuntil = \"7s\"");
    let run = check(&(three("60s", lag, "\"min.insync.replicas\" = 2") + &sender + READERS + &slow));
    let last = |what: &What| matches!(what, What::SendReported { error: ErrorCode::OutOfOrderSequenceNumber, .. });
    run.sometimes("the last attempt", last).expect(&[("messages.unknown", 1), ("orders.phantom", 1), ("mechanisms.LOSS-P5", 1)]);
}

/// ORDER-1, P-59: what waits while the only broker is away makes batches that are too large. The log was lost with its disk and does not know
/// the producer: it takes the last batch, which is small enough, and then the parts of the others, under new numbers.
#[test]
fn order_1_in_a_log_that_has_lost_its_producer() {
    let body = three("90s", "", "\"max.message.bytes\" = 16000").replace("[[1, 2, 3]]", "[[1]]");
    let body = body.replace("\"replication.factor\" = 3", "\"replication.factor\" = 1");
    let sends = producer(150, "5/s", "async", "acks = \"all\", retries = 1").replace("keys = 1", "keys = 1\nrecord-bytes = 1000");
    let dark = fault("7900ms", "wipe = \"broker 1\"\nrestart = \"18s\"");
    check(&(body + &sends + &dark))
        .sometimes("split", |what| matches!(what, What::BatchSplit { .. }))
        .at_least(&[("mechanisms.ORDER-1", 1)]);
}

/// Forty messages at once and then one a second, one key, and two members.
fn burst(handler: &str, config: &str) -> String {
    let first = producer(40, "1000/s", "async", "acks = \"all\"").replace("\"1s\"", "\"10s\"");
    let group = READERS
        .replace("topics = [\"t\"]", "topics = [\"t\"]\nmembers = 2")
        .replace("dedupe = \"none\", time = \"1ms\"", handler)
        .replace("config = { ", &format!("config = {{ {config}, "));
    three("180s", "", "\"min.insync.replicas\" = 2") + &first + &group
}

/// ORDER-9: who was too slow still works on what is committed already when the next owner has gone on.
#[test]
fn order_9_the_next_owner_overtakes() {
    let slow = burst("dedupe = \"commit-first\", time = \"500ms\"", "\"max.poll.interval.ms\" = 5000, \"max.poll.records\" = 30");
    let run = check(&slow.replace("messages = 40", "messages = 60"))
        .sometimes("too late", |what| matches!(what, What::PollTooLate { .. }));
    assert!(run.figure("mechanisms.ORDER-9") >= 1, "{:?}", run.summary.mechanisms);
    assert_eq!(run.figure("mechanisms.ORDER-9"), run.figure("orders.reordered"));
}

/// ORDER-10: passed over after one attempt, and done after all when the whole poll is read again.
#[test]
fn order_10_put_aside_and_done_later() {
    let handler = "dedupe = \"none\", time = \"1ms\", fails = \"1 of 4\", attempts = 1";
    let crash = fault("0s", "crash-at-step = \"before effect of orders\"\nmessage = 39\nrestart-after = \"1s\"");
    let run = check(&(burst(handler, "\"max.poll.records\" = 500") + &crash))
        .sometimes("passed over", |what| matches!(what, What::RecordSkipped { .. }));
    assert!(run.figure("mechanisms.ORDER-10") >= 1, "{:?}", run.summary.mechanisms);
}

/// DUP-18: two look for the mark before either has set it.
#[test]
fn dup_18_checked_then_acted() {
    let handler = "steps = [\"get\", \"business\", \"effect\", \"set\", \"ack\"], time = \"12s\"";
    let run = check(&burst(handler, "\"max.poll.interval.ms\" = 10000, \"max.poll.records\" = 1"));
    assert!(run.figure("mechanisms.DUP-18") >= 1, "{:?}", run.summary.mechanisms);
}

/// DUP-21: the database committed, and its answer was lost; nothing tells the second attempt of it.
#[test]
fn dup_21_an_outcome_that_nobody_knows() {
    let handler =
        "steps = [\"business\", \"begin\", \"effect\", \"commit\", \"ack\"], time = \"10ms\", database-timeout = \"1s\"";
    // A commit takes from 210 to 310 ms after the beginning of the first record.
    let cut = |member: u32| fault("10285ms", &format!("cut = \"database -> member {member} of orders\"\nuntil = \"20s\""));
    let body = burst(handler, "\"max.poll.records\" = 500") + &cut(1) + &cut(2) + "[database]\nlatency = \"50ms\"\n";
    let run = check(&body).at_least(&[("mechanisms.DUP-21", 1)]);
    assert_eq!(run.figure("orders.duplicated"), run.figure("mechanisms.DUP-21"));
}

/// ORDER-4: four threads that wait for room in the client get it in another order than they came.
#[test]
fn order_4_threads_wait_for_memory() {
    let config = "acks = \"all\", \"buffer.memory\" = 20000, \"batch.size\" = 2000";
    let sends = |threads: u32| {
        let keys = format!("keys = 3\nrecord-bytes = 900\nthreads = {threads}");
        producer(1_000, "5000/s", "async", config).replace("\"1s\"", "\"10s\"").replace("keys = 1", &keys)
    };
    let cut = fault("10050ms", "cut = \"broker 1 <-> producer p\"\nuntil = \"15s\"");
    let topic = three("60s", "", "\"min.insync.replicas\" = 2").replace("partitions = 1", "partitions = 2");
    let topic = topic.replace("[[1, 2, 3]]", "[[1, 2, 3], [2, 3, 1]]");
    let body = |threads| topic.clone() + &sends(threads) + READERS + &cut;
    let run = check(&body(4)).at_least(&[("mechanisms.ORDER-4", 1), ("orders.reordered", 1)]);
    assert_eq!(run.figure("messages.acked"), 1_000);
    check(&body(1)).expect(&[("mechanisms.ORDER-4", 0), ("orders.reordered", 0)]);
}
