//! Handlers: what stands between a record and its second effect, and what does not stand (S-5, S-11, S-12, section 7.3 and 7.4 of the
//! protocol reference). Each case crashes the process at a point of its work, or takes Redis or the database away.

use crate::cluster::*;
use sim_core::ids::*;
use sim_core::trace::{RolledBack, Trouble, Wall, What};

/// Twenty messages of twenty keys, one every 50 ms from second 10 on, read by one member with this handler: each poll brings one record.
fn handled(handler: &str, more: &str) -> String {
    let send = sends("acks = \"all\"");
    let group = READERS.replace("dedupe = \"none\"", handler);
    three("90s", "", "\"min.insync.replicas\" = 2") + &send + &group + more
}

fn sends(config: &str) -> String {
    producer(20, "20/s", "async", config).replace("keys = 1", "keys = 20").replace("\"1s\"", "\"10s\"")
}

/// The process is crashed once, at this point of its work on message 7.
fn crashed(handler: &str, point: &str) -> Checked {
    let fault = format!("crash-at-step = \"{point} of orders\"\nmessage = 7\nrestart-after = \"1s\"");
    check(&handled(handler, &self::fault("0s", &fault)))
        .sometimes("the crash", |what| matches!(what, What::CrashPointReached { .. }))
}

/// Nobody harmed, and this many recognised.
fn all_well(run: Checked, absorbed: u64) -> Checked {
    run.expect(&[("messages.acked", 20), ("ok", 20), ("lost", 0), ("duplicated", 0), ("absorbed", absorbed)])
}

/// S-5, DUP-10: without protection what was done and not committed is done again.
#[test]
fn without_protection_a_crash_after_the_effect_doubles_it() {
    crashed("dedupe = \"none\"", "after effect").expect(&[("duplicated", 1), ("lost", 0), ("mechanisms.DUP-10", 1)]);
    all_well(crashed("dedupe = \"none\"", "before effect"), 0);
}

/// LOSS-C1.
#[test]
fn committing_first_loses_what_was_not_done() {
    crashed("dedupe = \"commit-first\"", "before effect").expect(&[("duplicated", 0), ("lost", 1), ("mechanisms.LOSS-C1", 1)]);
    all_well(crashed("dedupe = \"commit-first\"", "after effect"), 0);
}

/// TR-10, LOSS-C10: SETNX, crash; the redelivery finds the marker, skips, commits. No effect, no lag: it looks healthy.
#[test]
fn tr10_a_key_that_is_set_before_the_business_loses_what_was_not_done() {
    for handler in ["dedupe = \"redis\"", "dedupe = \"redis+db\""] {
        let run = crashed(handler, "after setnx")
            .expect(&[("messages.acked", 20), ("lost", 1), ("duplicated", 0), ("absorbed", 1), ("mechanisms.LOSS-C10", 1)])
            .sometimes("taken for done", |what| matches!(what, What::Absorbed { message: MessageId(7), by: Wall::Redis, .. }))
            .never("an effect", |what| matches!(what, What::Effect { message: MessageId(7), .. }));
        let world = run.history.last_world();
        let log_end = world.brokers[A.slot()].replica(P0).expect("it has one").log.end();
        assert_eq!(world.ledger().lags().committed(GroupId(0), P0), Some(log_end), "lag 0: it looks healthy");
    }
}

/// LOSS-C12, DUP-20: the unique row in a transaction of its own.
#[test]
fn a_row_apart_from_its_effect_loses_or_doubles() {
    crashed("dedupe = \"database\"", "after insert").expect(&[("lost", 1), ("absorbed", 1), ("mechanisms.LOSS-C12", 1)]);
    let turned = "steps = [\"business\", \"effect\", \"insert\", \"ack\"]";
    crashed(turned, "after effect").expect(&[("duplicated", 1), ("mechanisms.DUP-20", 1)]);
}

/// S-12: with the row and the effect in one transaction no point of the work is a bad one.
#[test]
fn a_row_with_its_effect_survives_every_point() {
    for step in ["parse", "business", "begin", "insert", "effect", "commit", "ack"] {
        for side in ["before", "after"] {
            let run = crashed("dedupe = \"inbox\"", &format!("{side} {step}"));
            let committed = matches!((side, step), ("after", "commit") | (_, "ack"));
            all_well(run, u64::from(committed));
        }
    }
}

/// A key with two states: the redelivery finds that somebody works on it, and waits for the lease to run out.
#[test]
fn a_lease_runs_out_and_the_record_is_done() {
    let handler = "dedupe = \"marker-with-lease\", lease = \"60s\"";
    all_well(crashed(handler, "after lease"), 0)
        .sometimes("leased", |what| matches!(what, What::HandlerFailed { trouble: Trouble::Leased, .. }));
    crashed(handler, "after effect").expect(&[("duplicated", 1), ("mechanisms.DUP-19", 1)]);
    all_well(crashed(handler, "after done"), 1);
}

/// LOSS-C11: two messages about one order are one to a handler that knows orders only.
#[test]
fn a_key_that_two_messages_share_takes_one_for_the_other() {
    let body = handled("dedupe = \"redis\", key = \"business-key\"", "").replace("keys = 20", "keys = 5");
    let run = check(&body).at_least(&[("lost", 10), ("mechanisms.LOSS-C11", 10)]);
    assert_eq!(run.figure("lost"), run.figure("absorbed"));
}

/// S-11, hole 3: Redis is down.
#[test]
fn without_redis_a_handler_stands_still_or_goes_on_with_one_wall() {
    let down = fault("10500ms", "crash = \"redis\"\nrestart = \"30s\"");
    let closed = check(&handled("dedupe = \"redis+db\"", &down))
        .sometimes("it throws", |what| matches!(what, What::HandlerFailed { trouble: Trouble::Redis, .. }));
    let closed = all_well(closed, 0);
    assert!(closed.figure("latency_us.end_to_end_p99") > 15_000_000, "it stood still");
    let open = all_well(check(&handled("dedupe = \"redis+db\", without-redis = \"go-on\"", &down)), 0);
    assert!(open.figure("latency_us.end_to_end_p99") < 5_000_000, "it went on");
}

/// DUP-17: keys that Redis has forgotten protect nobody.
#[test]
fn what_redis_forgets_is_done_again() {
    let redis = "crash-at-step = \"after effect of orders\"\nmessage = 7\nrestart-after = \"5s\"";
    let faults = fault("0s", redis) + &fault("12s", "crash = \"redis\"\nrestart = \"13s\"");
    check(&handled("dedupe = \"redis\"", &faults))
        .sometimes("forgotten", |what| matches!(what, What::RedisForgot { .. }))
        .expect(&[("duplicated", 1), ("mechanisms.DUP-17", 1)]);
    let persisted = handled("dedupe = \"redis\"", &faults) + "[redis]\npersistence = \"everysec\"\n";
    all_well(check(&persisted), 1);
    // With the database behind it nothing happens.
    all_well(check(&handled("dedupe = \"redis+db\"", &faults.replace("after effect", "after commit"))), 1);
}

/// DUP-17: a replica that is behind takes over.
#[test]
fn a_failover_of_redis_forgets_the_newest_keys() {
    let body = handled("dedupe = \"redis\"", &fault("10400ms", "crash = \"redis\""));
    let run = check(&(body + "[redis]\nreplica-lag = \"200ms\"\nfailover-after = \"2s\"\n"))
        .sometimes("forgotten", |what| matches!(what, What::RedisForgot { .. }))
        .sometimes("it is back", |what| matches!(what, What::Started { node: NodeId::Store(StoreId::Redis) }));
    all_well(run, 0);
}

/// The least recently used key goes when there is no room.
#[test]
fn a_full_redis_evicts() {
    let body = handled("dedupe = \"redis\"", "") + "[redis]\nmax-keys = 5\n";
    let run = check(&body).sometimes("evicted", |what| matches!(what, What::RedisForgot { .. }));
    assert_eq!(run.history.last_world().redis.len(), 5);
}

/// The outcome of a commit is unknown when its answer is lost: the redelivery meets its own row.
#[test]
fn a_commit_whose_answer_is_lost_is_recognised() {
    let cut = "cut = \"database -> member 1 of orders\"\nuntil = \"30s\"";
    let run = check(&handled("dedupe = \"inbox\", database-timeout = \"2s\"", &fault("10510ms", cut)));
    run.expect(&[("ok", 20), ("lost", 0), ("duplicated", 0)])
        .sometimes("it throws", |what| matches!(what, What::HandlerFailed { trouble: Trouble::Database, .. }));
}

/// A process that dies in the middle of a transaction leaves none behind; a database that dies loses none that was committed.
#[test]
fn open_transactions_are_rolled_back() {
    let run = crashed("dedupe = \"inbox\"", "after insert")
        .sometimes("rolled back", |what| matches!(what, What::TransactionRolledBack { why: RolledBack::ClientGone, .. }));
    assert_eq!(run.history.last_world().database.open(), 0);
    let down = fault("10500ms", "crash = \"database\"\nrestart = \"14s\"");
    all_well(check(&handled("dedupe = \"inbox\"", &down)), 0);
}

/// Deadlocks are tried again from the beginning of the transaction.
#[test]
fn deadlocks_are_tried_again() {
    let run = check(&(handled("dedupe = \"inbox\"", "") + "[database]\ndeadlocks-per-mille = 400\n"))
        .sometimes("a deadlock", |what| matches!(what, What::TransactionRolledBack { why: RolledBack::Deadlock, .. }));
    all_well(run, 0);
}

/// LOSS-C13, S-5: a business that throws is tried again; a record that cannot be read is passed over after the last attempt.
#[test]
fn exceptions_are_tried_again_and_poison_is_passed_over() {
    let run = check(&handled("dedupe = \"redis+db\", fails = \"1 of 3\", retry-after = \"100ms\"", ""))
        .sometimes("it throws", |what| matches!(what, What::HandlerFailed { trouble: Trouble::Business, .. }));
    all_well(run, 0);
    let poison = "dedupe = \"redis+db\", poison = 10, attempts = 3, retry-after = \"100ms\"";
    check(&handled(poison, "")).expect(&[("lost", 2), ("ok", 18), ("mechanisms.LOSS-C13", 2)]);
}

/// DUP-16, S-11 hole 2: two copies of one message have two places. Only an identity of its own stops the second.
#[test]
fn copies_from_the_producer_pass_a_key_of_places() {
    let copies = |handler: &str| {
        let send = sends("acks = \"all\", \"enable.idempotence\" = false, \"request.timeout.ms\" = 3000");
        let cut = "cut = \"broker 1 -> producer p\"\nuntil = \"16s\"";
        three("90s", "", "\"min.insync.replicas\" = 2")
            + &send
            + &READERS.replace("dedupe = \"none\"", handler)
            + &fault("10400ms", cut)
    };
    let places = "dedupe = \"redis+db\", unique = \"topic-partition-offset\"";
    let run = check(&copies(places)).at_least(&[("broker.extra_copies", 1), ("duplicated", 1), ("mechanisms.DUP-16", 1)]);
    assert_eq!(run.figure("duplicated"), run.figure("mechanisms.DUP-16"));
    let run = check(&copies("dedupe = \"redis+db\"")).at_least(&[("broker.extra_copies", 1), ("absorbed", 1)]).expect(&[
        ("duplicated", 0),
        ("lost", 0),
        ("ok", 20),
    ]);
    assert_eq!(run.figure("absorbed"), run.figure("broker.extra_copies"));
}

/// The matrix of `inbox` has no bad point; that of the article's handler has one for each point between the key and the commit.
#[test]
fn the_crash_point_matrix_shows_the_hole_and_the_floor() {
    use sim_core::crash_points::{Matrix, matrices};
    use sim_core::scenario::read;
    use sim_core::trace::Verdict;
    let matrix = |handler: &str| -> Matrix {
        let text = format!("format = 1\ntitle = \"points\"\n{}", handled(handler, ""));
        let scenario = read::scenario("points.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
        matrices(&scenario, Some(MessageId(7)), || {}).unwrap().remove(0)
    };
    let bad = |matrix: &Matrix| -> Vec<String> {
        assert!(matrix.points.iter().all(|p| p.reached), "{matrix:?}");
        let point = |p: &sim_core::crash_points::Point| format!("{} {}", if p.after { "after" } else { "before" }, p.step);
        matrix.points.iter().filter(|p| p.verdict != Verdict::Ok).map(point).collect()
    };
    assert_eq!(bad(&matrix("dedupe = \"inbox\"")), Vec::<String>::new());
    let article = matrix("dedupe = \"redis+db\"");
    let holes = bad(&article);
    assert_eq!((holes.first().unwrap().as_str(), holes.last().unwrap().as_str()), ("after setnx", "before commit"));
    assert_eq!(holes.len(), 12);
    assert!(article.points.iter().filter_map(|p| p.mechanism).all(|m| m.id == "LOSS-C10"));
    let none = matrix("dedupe = \"none\"");
    assert_eq!(bad(&none), ["after effect", "before ack", "after ack"]);
    assert_eq!(bad(&matrix("dedupe = \"commit-first\"")), ["after ack", "before business", "after business", "before effect"]);
    assert_eq!(bad(&matrix("dedupe = \"database\"")), ["after insert", "before effect"]);
    assert_eq!(bad(&matrix("dedupe = \"marker-with-lease\"")), ["after effect", "before done"]);
    assert_eq!(bad(&matrix("dedupe = \"redis\"")).len(), 6);
}

/// A crash at a point that the seed draws: another seed, another point, and each has what its point does.
#[test]
fn the_seed_draws_the_point_of_a_crash() {
    let mut points = std::collections::BTreeSet::new();
    for seed in 1..=12 {
        let crash = fault("0s", "crash-at-step = \"any step of orders\"\nmessage = 7\nrestart-after = \"1s\"");
        let body = format!("seed = {seed}\n{}", handled("dedupe = \"inbox\"", &crash));
        let run = check(&body).expect(&[("ok", 20), ("lost", 0), ("duplicated", 0)]);
        let reached = run.events(|what| matches!(what, What::CrashPointReached { .. }))[0];
        let What::CrashPointReached { step, after, .. } = reached.what else { unreachable!() };
        points.insert((step, after));
    }
    assert!(points.len() > 5, "{points:?}");
}

/// DUP-18: both look for the mark of the same message before either of them has set it.
#[test]
fn a_check_before_the_act_lets_two_through() {
    // The answer is late, the application sends again, and the copy goes to the other partition.
    let sends = "[[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 3\nrate = \"1/s\"\nkeys = 3\nstart = \"10s\"\nsend = \"sync-retry\"\n\
        resend = { attempts = 2, timeout = \"300ms\", backoff = \"10ms\" }\n\
        config = { acks = \"all\", \"linger.ms\" = 0, \"partitioner.class\" = \"org.apache.kafka.clients.producer.RoundRobinPartitioner\" }\n";
    let late = fault("9s", "slow = \"brokers -> producer p\"\nlatency = \"400ms\"");
    let run = |handler: &str| {
        let readers = READERS.replace("dedupe = \"none\", time = \"1ms\"", handler).replace("handler", "members = 2\nhandler");
        let topic = three("60s", "", "\"min.insync.replicas\" = 2").replace("partitions = 1", "partitions = 2");
        check(&(topic.replace("assignment = [[1, 2, 3]]\n", "") + sends + &readers + &late))
    };
    let key = "key = \"message-id\", time = \"900ms\"";
    let racing = run(&format!("steps = [\"get\", \"business\", \"effect\", \"set\", \"ack\"], {key}"));
    racing.at_least(&[("duplicated", 1), ("mechanisms.DUP-18", 1)]).expect(&[("lost", 0)]);
    run(&format!("dedupe = \"redis\", {key}")).expect(&[("duplicated", 0), ("lost", 0)]).at_least(&[("absorbed", 1)]);
}
