//! Processes that stand still while the others go on: who takes whom for dead, and what the late one does when it goes on (F-15, C-4, L-8;
//! DUP-12, LOSS-B2). And an eager rebalance that comes before a commit: DUP-13.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::{Removal, What};

/// Two members, of which one has the partition. They commit by hand, after each poll unless `handler` says less often.
fn pair(handler: &str, config: &str) -> String {
    READERS
        .replace("topics = [\"t\"]", "topics = [\"t\"]\nmembers = 2")
        .replace("time = \"1ms\"", handler)
        .replace("config = {", &format!("config = {{ {config} "))
}

/// DUP-12, F-15: the member stands still for longer than its session, with records in hand. The other one has them meanwhile; when the
/// first goes on it finishes its work, and learns only from its commit that it is no member any more.
#[test]
fn dup_12_a_paused_member_is_taken_for_dead() {
    let body = three("90s", "", "\"min.insync.replicas\" = 2")
        + &producer(600, "20/s", "async", "acks = \"all\"")
        + &pair("time = \"45ms\"", "\"session.timeout.ms\" = 6000, \"heartbeat.interval.ms\" = 2000,")
        + &fault("15s", "pause = \"member 1 of orders\"\nuntil = \"30s\"");
    let run = check(&body)
        .expect(&[("messages.acked", 600), ("orders.lost", 0)])
        .at_least(&[("mechanisms.DUP-12", 1)])
        .never("poll() was late", |what| matches!(what, What::PollTooLate { .. }))
        .sometimes("refused", |what| matches!(what, What::CommitDone { error: ErrorCode::CommitFailed, .. }));
    let gone = run.events(|what| matches!(what, What::MemberRemoved { reason: Removal::SessionExpired, .. }));
    assert!(gone.len() == 1 && gone[0].at > seconds(19) && gone[0].at <= seconds(21), "{gone:?}");
    let silent = |event: &&&sim_core::trace::TraceEvent| event.at > seconds(15) && event.at < seconds(30);
    let first = NodeId::Consumer(ConsumerId(0));
    let sent = run.events(|what| matches!(what, What::Sent { from, .. } if *from == first));
    assert_eq!(sent.iter().filter(silent).count(), 0, "it did something while it stood still");
    assert_eq!(run.figure("orders.duplicated"), run.figure("mechanisms.DUP-12"));
}

/// A member that is there from the start has done a minute's work when another one joins; it has committed nothing yet.
fn joined(commits_on_revoke: bool) -> Checked {
    let handler = format!("time = \"1ms\", commit-every = \"10m\", commit-on-revoke = {commits_on_revoke}");
    let eager = "\"partition.assignment.strategy\" = \"org.apache.kafka.clients.consumer.RangeAssignor\",";
    check(
        &(three("120s", "", "\"min.insync.replicas\" = 2")
            + &producer(500, "10/s", "async", "acks = \"all\"")
            + &pair(&handler, eager)
            + &fault("100ms", "crash = \"member 2 of orders\"\nrestart = \"30s\"")),
    )
    .expect(&[("messages.acked", 500), ("orders.lost", 0)])
    .sometimes("given up", |what| matches!(what, What::Revoked { lost: false, .. }))
}

/// DUP-13, G-8: an eager rebalance takes the partition away before the commit.
#[test]
fn dup_13_an_eager_rebalance_comes_before_the_commit() {
    let run = joined(false).at_least(&[("mechanisms.DUP-13", 100)]);
    assert_eq!(run.figure("orders.duplicated"), run.figure("mechanisms.DUP-13"));
    joined(true).expect(&[("orders.duplicated", 0), ("orders.ok", 500)]);
}

/// C-4, L-8, LOSS-B2: a leader stands still for longer than its session. Another leads; when the first goes on it reads what had arrived for
/// it, appends as the leader that it believes to be, and answers. Then it hears of the election and cuts all that.
#[test]
fn a_paused_leader_goes_on_as_one_that_is_none_any_more() {
    let body = three("90s", "", "\"min.insync.replicas\" = 1")
        + &producer(300, "10/s", "async", "acks = \"1\"")
        + READERS
        + &fault("10s", "pause = \"leader of t-0\"\nuntil = \"25s\"");
    let run = check(&body)
        .expect(&[("messages.acked", 300), ("broker.elections", 1)])
        .at_least(&[("mechanisms.LOSS-B2", 1)])
        .sometimes("fenced", |what| matches!(what, What::Fenced { broker: A, fenced: true }))
        .sometimes("back", |what| matches!(what, What::Fenced { broker: A, fenced: false }))
        .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }))
        .never("it was never down", |what| matches!(what, What::Started { .. } | What::Crashed { .. }));
    let zombie = run.events(|what| matches!(what, What::Appended { broker: A, leader: true, epoch: LeaderEpoch(0), .. }));
    assert!(zombie.last().unwrap().at >= seconds(25), "{:?}", zombie.last());
}

/// With acks=all the same leader promises nothing: the high watermark stands still without its followers.
#[test]
fn a_paused_leader_promises_nothing_with_acks_all() {
    let body = three("90s", "", "\"min.insync.replicas\" = 2")
        + &producer(300, "10/s", "async", "acks = \"all\"")
        + READERS
        + &fault("10s", "pause = \"leader of t-0\"\nuntil = \"25s\"");
    check(&body).expect(&[("messages.acked", 300), ("broker.lost_acked", 0), ("orders.ok", 300), ("broker.elections", 1)]);
}

/// P-43: answers that its machine took in while the producer stood still are read before its batches are looked at: nothing has expired.
#[test]
fn a_paused_producer_reads_its_answers_before_it_looks_at_the_time() {
    let config = "acks = \"all\", \"request.timeout.ms\" = 3000, \"delivery.timeout.ms\" = 4000";
    let body = three("60s", "", "\"min.insync.replicas\" = 2")
        + &producer(200, "20/s", "async", config)
        + &fault("3s", "pause = \"producer p\"\nuntil = \"20s\"");
    let run = check(&body).expect(&[("messages.acked", 200), ("broker.extra_copies", 0)]);
    let mut intended = run.events(|what| matches!(what, What::Intended { .. })).into_iter().map(|event| event.at);
    assert!(intended.all(|at| at <= seconds(3) || at >= seconds(20)), "it wanted to send while it stood still");
}

/// A process that stands still reads the signal to stop when it goes on; a crash ends it where it stands.
#[test]
fn a_paused_process_stops_when_it_goes_on_and_crashes_at_once() {
    let body = |what: &str| {
        three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(300, "10/s", "async", "acks = \"all\"")
            + &fault("10s", "pause = \"broker 2\"\nuntil = \"20s\"")
            + &fault("12s", what)
    };
    let stopped = |run: &Checked, is: fn(&What) -> bool| run.events(is).first().map(|event| event.at);
    let run = check(&body("shutdown = \"broker 2\""));
    assert!(stopped(&run, |what| matches!(what, What::Stopped { node: NodeId::Broker(B) })).unwrap() >= seconds(20));
    let run = check(&body("crash = \"broker 2\"\nrestart = \"15s\""));
    assert_eq!(stopped(&run, |what| matches!(what, What::Crashed { node: NodeId::Broker(B), .. })), Some(seconds(12)));
    assert!(stopped(&run, |what| matches!(what, What::Started { node: NodeId::Broker(B) })).unwrap() == seconds(15));
    run.never("it went on", |what| matches!(what, What::Paused { paused: false, .. }));
}

/// C-18: the active controller stands still; the others elect another, and it learns when it goes on that it is none any more.
#[test]
fn a_paused_controller_loses_its_office() {
    let body = three("60s", "", "\"min.insync.replicas\" = 2")
        + &producer(300, "10/s", "async", "acks = \"all\"")
        + &fault("5s", "pause = \"active controller\"\nuntil = \"25s\"")
        + &fault("10s", "crash = \"broker 1\"\nrestart = \"40s\"");
    check(&body).expect(&[("messages.acked", 300), ("broker.lost_acked", 0), ("broker.elections", 1)]).sometimes(
        "another one",
        |what| matches!(what, What::ControllerActive { controller, .. } if *controller != ControllerId(1)),
    );
}
