//! Records that a group sends on instead of doing their business: to a topic for retries, to one for dead letters, to one with more
//! partitions (S-15; LOSS-C13, LOSS-C14, DUP-25, ORDER-5, ORDER-10).

use crate::cluster::*;
use sim_core::ids::*;
use sim_core::scenario::library;
use sim_core::session::Session;
use sim_core::time::SimDuration;
use sim_core::trace::What;

const TOPICS: &str = "[[topic]]\nname = \"retry\"\npartitions = 1\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n\
    [[topic]]\nname = \"dead\"\npartitions = 1\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n";

/// Forty messages of four keys from second 10 on; every tenth cannot be parsed.
fn orders(first: &str, more: &str) -> String {
    let sends = producer(40, "20/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 4").replace("\"1s\"", "\"10s\"");
    three("90s", "", "\"min.insync.replicas\" = 2") + TOPICS + &sends + first + more
}

fn group(name: &str, topic: &str, more: &str) -> String {
    let config = "config = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }";
    format!("[[group]]\nname = \"{name}\"\ntopics = [\"{topic}\"]\n{config}\n{more}\n")
}

const PARSES: &str = "handler = { dedupe = \"inbox\", time = \"1ms\", poison = 10, attempts = 2, retry-after = \"100ms\" }\n";

/// What cannot be done waits for a person: it is not lost, and holds up nobody.
#[test]
fn a_dead_letter_is_pending_and_not_lost() {
    let first = group("orders", "t", &format!("{PARSES}forward = {{ topic = \"dead\", records = \"failed\" }}"));
    check(&orders(&first, ""))
        .expect(&[("messages.acked", 40), ("ok", 36), ("pending", 4), ("lost", 0), ("duplicated", 0)])
        .sometimes("it is sent on", |what| matches!(what, What::Forwarded { message: MessageId(9), .. }))
        .never("it is passed over", |what| matches!(what, What::RecordSkipped { .. }));
}

/// LOSS-C13: the dead letter is still in the producer's buffer when its offset is committed, and the process ends.
#[test]
fn a_dead_letter_that_nobody_waits_for_is_lost_with_the_process() {
    let forward = |wait: &str| {
        format!(
            "{PARSES}forward = {{ topic = \"dead\", records = \"failed\", config = {{ \"linger.ms\" = 60000, acks = \"all\" }}{wait} }}"
        )
    };
    let crash = fault("13s", "crash = \"member 1 of orders\"\nrestart = \"14s\"");
    let careless = orders(&group("orders", "t", &forward(", wait = false")), &crash);
    check(&careless).expect(&[("lost", 4), ("pending", 0), ("duplicated", 0), ("mechanisms.LOSS-C13", 4)]);
    let careful = orders(&group("orders", "t", &forward("")), &crash);
    check(&careful).expect(&[("lost", 0), ("pending", 4)]);
}

/// LOSS-C14: the same on the way to a retry topic.
#[test]
fn a_retry_that_nobody_waits_for_is_lost_with_the_process() {
    let retries = group("again", "retry", "works-for = \"orders\"\nhandler = { time = \"1ms\", delay = \"1s\" }");
    let forward = |wait: &str| {
        format!(
            "{PARSES}forward = {{ topic = \"retry\", records = \"failed\", config = {{ \"linger.ms\" = 60000, acks = \"all\" }}{wait} }}"
        )
    };
    let crash = fault("13s", "crash = \"member 1 of orders\"\nrestart = \"14s\"");
    let careless = orders(&(group("orders", "t", &forward(", wait = false")) + &retries), &crash);
    check(&careless).expect(&[("lost", 4), ("ok", 36), ("mechanisms.LOSS-C14", 4)]);
    let careful = orders(&(group("orders", "t", &forward("")) + &retries), &crash);
    check(&careful).expect(&[("lost", 0), ("ok", 40), ("duplicated", 0)]);
}

/// ORDER-10: later messages of the key are handled while one waits for its retry, which begins no sooner than its delay.
#[test]
fn a_retry_comes_after_its_successors_and_not_before_its_delay() {
    let first = group("orders", "t", &format!("{PARSES}forward = {{ topic = \"retry\", records = \"failed\" }}"));
    let retries = group("again", "retry", "works-for = \"orders\"\nhandler = { time = \"1ms\", delay = \"5s\" }");
    let run = check(&orders(&(first + &retries), ""))
        .expect(&[("ok", 40), ("lost", 0), ("duplicated", 0), ("pending", 0)])
        .at_least(&[("reordered", 3), ("mechanisms.ORDER-10", 3)]);
    assert_eq!(run.figure("reordered"), run.figure("mechanisms.ORDER-10"));
    let at = |is: &dyn Fn(&What) -> bool| run.events(is)[0].at;
    let sent_on = at(&|what| matches!(what, What::Forwarded { message: MessageId(9), .. }));
    let done = at(&|what| matches!(what, What::Effect { message: MessageId(9), .. }));
    assert!(done.since(sent_on) >= SimDuration::from_secs(5), "{sent_on} to {done}");
    assert!(run.summary.groups.len() == 1, "who works for another has no verdicts of its own");
}

/// DUP-25: the effect has happened, what comes after it fails, and the retry does it again.
#[test]
fn an_attempt_that_was_taken_for_failed_is_done_again_by_its_retry() {
    let steps = "handler = { steps = [\"get\", \"business\", \"effect\", \"set\", \"ack\"], time = \"100ms\", attempts = 1, redis-timeout = \"50ms\" }\n";
    let first = group("orders", "t", &format!("{steps}forward = {{ topic = \"retry\", records = \"failed\" }}"));
    let retries = group("again", "retry", "works-for = \"orders\"\nhandler = { time = \"1ms\" }");
    let stop = fault("10500ms", "crash = \"redis\"");
    check(&orders(&(first + &retries), &stop)).expect(&[("duplicated", 1), ("ok", 39), ("lost", 0), ("mechanisms.DUP-25", 1)]);
}

/// A group that moves records does no business, and what it moves is done by who works for it; the counts are those of one business.
#[test]
fn moved_records_are_done_elsewhere_and_count_once() {
    let first = group(
        "orders",
        "t",
        "handler = { time = \"1ms\" }\nforward = { topic = \"retry\", records = \"all\", during = \"10s..11s\" }",
    );
    let helpers = group("helpers", "retry", "works-for = \"orders\"\nmembers = 1\nhandler = { time = \"1ms\" }");
    let run = check(&orders(&(first + &helpers), "")).expect(&[("ok", 40), ("lost", 0), ("duplicated", 0), ("pending", 0)]);
    let moved = run.events(|what| matches!(what, What::Forwarded { .. })).len();
    assert!((15..=25).contains(&moved), "a second's worth, at twenty a second: {moved}");
}

/// S-15: a backlog of a million runs, in the memory and time that a test has; its order is broken at the seam, and nowhere is one lost.
#[test]
fn a_backlog_of_a_million_is_worked_off() {
    let mut session = Session::library("backlog-temporary-topic");
    let set = ["producer.shop.messages=1000000", "producer.shop.rate=20000/s", "duration=45m"];
    session.set = set.iter().map(|text| sim_core::scenario::read::Override::parse(text).unwrap()).collect();
    let scenario = std::sync::Arc::new(session.plan().unwrap());
    let mut history = sim_core::history::History::new(scenario);
    history.run_to_end();
    let group = &history.last_world().tally().groups[0];
    assert_eq!((group.ok, group.lost, group.duplicated, group.pending), (1_000_000, 0, 0, 0));
    assert!(group.max_lag > 900_000, "{}", group.max_lag);
    assert!(group.reordered > 0);
    assert!(library::find("backlog-temporary-topic").is_some());
}

/// a member that forwards is one process: it crashes at a step of its work with its producer, and what it had sent on is not there twice.
#[test]
fn a_member_that_forwards_in_transactions_crashes_at_a_step_and_doubles_nothing_behind_it() {
    let first = group("orders", "t", "handler = { time = \"1ms\" }\nforward = { topic = \"retry\", transactional-id = \"out\" }");
    let behind = group("behind", "retry", "handler = { time = \"1ms\" }").replace(
        "\"auto.offset.reset\" = \"earliest\"",
        "\"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"read_committed\"",
    );
    let crash = fault("0s", "crash-at-step = \"after effect of orders\"\nmessage = 7\nrestart-after = \"1s\"");
    let run = check(&orders(&(first + &behind), &crash))
        .expect(&[("orders.duplicated", 1), ("orders.lost", 0), ("behind.ok", 40), ("behind.duplicated", 0), ("behind.lost", 0)])
        .sometimes("the crash", |what| matches!(what, What::CrashPointReached { message: MessageId(7), .. }));
    let crashed = run.events(|what| matches!(what, What::Crashed { .. }));
    let started = run.events(|what| matches!(what, What::Started { .. }));
    assert_eq!(crashed.len(), 2, "both halves of the process");
    assert_eq!(crashed[0].at, crashed[1].at);
    let again: Vec<_> = started.iter().filter(|event| event.at > crashed[0].at).collect();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|event| event.at == crashed[0].at + SimDuration::from_secs(1)));
}

/// Workers are crashed at their steps, too: each point has the fate that it has in a thread that polls.
#[test]
fn workers_crash_at_their_steps() {
    for (point, doubled) in
        [("before business", 0), ("after business", 0), ("before effect", 0), ("after effect", 1), ("after ack", 1)]
    {
        let first = group("orders", "t", "handler = { time = \"1ms\", workers = 2, commit-every = \"1s\" }");
        let crash = fault("0s", &format!("crash-at-step = \"{point} of orders\"\nmessage = 7\nrestart-after = \"1s\""));
        let run = check(&orders(&first, &crash))
            .expect(&[("lost", 0)])
            .sometimes("the crash", |what| matches!(what, What::CrashPointReached { message: MessageId(7), .. }));
        let of_seven = run.events(|what| matches!(what, What::Effect { message: MessageId(7), .. })).len();
        assert_eq!(of_seven, 1 + doubled, "{point}");
    }
}
