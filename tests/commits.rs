//! How an application commits, and what each way costs when it dies: before the work or after it, waiting for the answer or not, with
//! workers that finish in another order.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::What;

/// Two hundred records from second 1 on, a group of one that takes 100 ms for each, and its death at second 8.
fn dies(auto_commit: bool, config: &str, handler: &str) -> Checked {
    let group = format!(
        "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nhandler = {{ {handler} }}\n\
         config = {{ \"enable.auto.commit\" = {auto_commit}, \"auto.offset.reset\" = \"earliest\", {config} }}\n"
    );
    check(
        &(three("150s", "", "\"min.insync.replicas\" = 2")
            + &producer(200, "50/s", "async", "acks = \"all\"")
            + &group
            + &fault("8s", "crash = \"member 1 of orders\"\nrestart = \"12s\"")),
    )
    .expect(&[("messages.acked", 200)])
}

/// All that was lost was lost in this way, and something was.
#[track_caller]
fn lost_by(run: Checked, mechanism: &str) {
    let lost = run.figure("orders.lost");
    assert!(lost > 0, "nothing was lost");
    assert_eq!(run.figure(&format!("mechanisms.{mechanism}")), lost, "{:?}", run.summary.mechanisms);
    assert_eq!(run.figure("orders.ok") + run.figure("orders.duplicated") + lost, 200);
}

/// LOSS-C1: what poll() returned is committed, then the work begins, then the process dies.
#[test]
fn loss_c1_committed_before_the_work() {
    let run = dies(false, "", "time = \"100ms\", dedupe = \"commit-first\"").expect(&[("orders.duplicated", 0)]);
    lost_by(run, "LOSS-C1");
}

/// DUP-10: the same death of an application that commits afterwards loses nothing. Committing after each record keeps the price down.
#[test]
fn dup_10_committed_after_the_work() {
    let poll = dies(false, "", "time = \"100ms\"").expect(&[("orders.lost", 0)]).at_least(&[("mechanisms.DUP-10", 20)]);
    let record = dies(false, "", "time = \"100ms\", commit-when = \"each-record\"").expect(&[("orders.lost", 0)]);
    assert!(record.figure("orders.duplicated") <= 1, "{:?}", record.summary.mechanisms);
    assert_eq!(poll.figure("orders.duplicated"), poll.figure("mechanisms.DUP-10"));
}

/// LOSS-C2, F-10: poll() is called on while workers have its records, and commits them by itself.
#[test]
fn loss_c2_auto_commit_and_workers() {
    lost_by(dies(true, "\"auto.commit.interval.ms\" = 500", "time = \"100ms\", workers = 2"), "LOSS-C2");
}

/// LOSS-C4: the highest offset that is finished, while a lower one is in work. ORDER-8: and the effects come in another order.
#[test]
fn loss_c4_the_highest_finished_offset() {
    let handler = "time = \"1ms..500ms\", workers = 8";
    let highest = dies(false, "", &format!("{handler}, commit-offsets = \"highest-done\""));
    lost_by(highest, "LOSS-C4");
    // INV-65 is looked at: it commits what lies below the lowest unfinished one.
    let done = dies(false, "", handler).expect(&[("orders.lost", 0)]).at_least(&[("orders.reordered", 1)]);
    assert_eq!(done.figure("mechanisms.ORDER-8"), done.figure("orders.reordered"));
}

/// LOSS-C5: member 2 comes, and what member 1 commits before it gives everything up is what it has polled, not what it has done. Then it dies.
#[test]
fn loss_c5_revocation_commits_positions() {
    let run = |on_revoke: &str| {
        let group = format!(
            "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = 2\n\
             handler = {{ dedupe = \"none\", time = \"100ms\", workers = 1, commit-on-revoke = {on_revoke} }}\n\
             config = {{ \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }}\n"
        );
        check(
            &(three("150s", "", "\"min.insync.replicas\" = 2")
                + &producer(200, "50/s", "async", "acks = \"all\"")
                + &group
                + &fault("500ms", "crash = \"member 2 of orders\"\nrestart = \"8s\"")
                + &fault("14s", "crash = \"member 1 of orders\"")),
        )
    };
    lost_by(run("\"positions\""), "LOSS-C5");
    run("true").expect(&[("orders.lost", 0)]);
}

/// F-11: commitSync tries again while the coordinator moves; commitAsync does not, and the next one makes up for it.
#[test]
fn commit_async_is_not_retried() {
    let run = |commit: &str| {
        let group = READERS.replace("time = \"1ms\"", &format!("time = \"1ms\", commit = \"{commit}\""));
        check(
            &(three("90s", "", "\"min.insync.replicas\" = 2")
                + &producer(400, "20/s", "async", "acks = \"all\"")
                + &group
                + &fault("10s", "crash = \"broker 2\"")),
        )
        .expect(&[("orders.ok", 400), ("orders.lost", 0)])
    };
    let fails =
        |run: &Checked| run.events(|what| matches!(what, What::CommitDone { error, .. } if *error != ErrorCode::None)).len();
    assert_eq!(fails(&run("sync")), 0);
    let run = run("async");
    assert!(fails(&run) > 0, "what was on its way to the coordinator is lost");
    let last = run.events(|what| matches!(what, What::Committed { .. }));
    assert!(matches!(last.last().unwrap().what, What::Committed { offset: Offset(400), .. }));
}

/// DUP-14, F-12: a commitAsync waits on a connection that its client gives up; a later one over the next connection overtakes it. The
/// older one then counts, and after the next start of the process 40 records are read again.
#[test]
fn dup_14_an_older_commit_arrives_late() {
    let group = READERS
        .replace("time = \"1ms\"", "time = \"1ms\", commit = \"async\"")
        .replace("\"earliest\"", "\"earliest\", \"request.timeout.ms\" = 2000");
    let run = check(
        &(three("120s", "", "\"min.insync.replicas\" = 2")
            + &producer(145, "10/s", "async", "acks = \"all\"")
            + &group
            + &fault("10s", "cut = \"member 1 of orders -> broker 2\"\nuntil = \"14s\"")
            + &fault("20s", "crash = \"member 1 of orders\"\nrestart = \"21s\"")),
    )
    .expect(&[("messages.acked", 145), ("orders.lost", 0)])
    .at_least(&[("mechanisms.DUP-14", 20)]);
    assert_eq!(run.figure("mechanisms.DUP-14"), run.figure("orders.duplicated"));
}
