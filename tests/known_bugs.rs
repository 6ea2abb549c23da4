//! The net catches fish: each known bug is put back in, and an invariant must notice it. Without the bug the same run is clean.

use crate::cluster::*;
use crate::history::{former_self, tr4, tr5};
use sim_core::bug::{Bug, Bugs};
use sim_core::check::Violation;
use sim_core::history::History;
use sim_core::scenario::read;
use std::sync::Arc;

/// What is noticed first in a run with these bugs, if anything is.
fn run(text: &str, bugs: Bugs) -> Option<Violation> {
    let mut scenario = read::scenario("bug.toml", text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    scenario.bugs = bugs;
    let mut history = History::new_checked(Arc::new(scenario));
    history.run_to_end();
    history.violations().first().cloned()
}

/// The bug breaks this invariant first; without it nothing is broken.
#[track_caller]
fn caught(bug: Bug, by: &str, body: &str) {
    let text = format!("format = 1\ntitle = \"known bug\"\n{}", body.replace("[cluster]", "[cluster]\nlatency = \"1ms\""));
    assert_eq!(run(&text, Bugs::NONE), None, "without the bug");
    let found = run(&text, Bugs::of(bug));
    assert_eq!(found.as_ref().map(|v| v.invariant), Some(by), "{bug:?}: {found:?}");
}

/// Brokers that are missed soon, and a follower that leaves the ISR soon.
const QUICK: &str = "config = { \"broker.session.timeout.ms\" = 1500, \"broker.heartbeat.interval.ms\" = 300, \
    \"replica.lag.time.max.ms\" = 2000, \"replica.fetch.max.bytes\" = 1 }";

fn quick(topic: &str) -> String {
    three("40s", QUICK, topic)
}

fn sends(acks: &str) -> String {
    producer(300, "20/s", "async", &format!("acks = \"{acks}\""))
}

/// Followers fetch so slowly that they leave the ISR and lack what was written last.
fn slow_followers(at: &str, until: &str) -> String {
    let slow = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"8s\"\n";
    fault(at, &format!("{slow}until = \"{until}\""))
}

#[test]
fn a_watermark_that_waits_for_nobody() {
    caught(Bug::HwCountsLeaderAlone, "INV-5", &(quick("\"min.insync.replicas\" = 2") + &sends("all")));
}

#[test]
fn a_watermark_that_moves_below_min_isr() {
    let body = quick("\"min.insync.replicas\" = 3") + &sends("all") + &fault("5s", "crash = \"broker 2\"\nrestart = \"12s\"");
    caught(Bug::HwMovesBelowMinIsr, "INV-5", &body);
}

/// Broker 3 is slow, and the controller hears late that it is to leave.
#[test]
fn a_shrink_that_is_taken_for_granted() {
    let slow = "slow = \"broker 3 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"8s\"\nuntil = \"15s\"";
    let late = "slow = \"broker 1 -> controller\"\napi = \"AlterPartition\"\nextra = \"3s\"\nuntil = \"15s\"";
    let body = quick("\"min.insync.replicas\" = 2") + &sends("all") + &fault("3s", slow) + &fault("3s", late);
    caught(Bug::ShrinkAssumedEarly, "INV-5", &body);
}

/// Broker 3 fetches more slowly than broker 2, which leads next.
#[test]
fn a_new_leader_that_trusts_its_followers() {
    let slow = "slow = \"broker 3 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"1s\"\nuntil = \"10s\"";
    let body = quick("\"min.insync.replicas\" = 1")
        + &sends("1")
        + &fault("3s", slow)
        + &fault("5s", "crash = \"broker 1\"\nrestart = \"20s\"");
    caught(Bug::NewLeaderTrustsFollowers, "INV-23", &body);
}

/// Broker 3 is cut off and out of the ISR when broker 1 dies; broker 2 leads with a watermark behind its log end, and may not move it.
/// Broker 3 gets there record by record.
#[test]
fn a_follower_that_joins_before_the_start_of_the_epoch() {
    let slow = "slow = \"broker 3 -> broker 2\"\napi = \"ReplicaFetch\"\nextra = \"20ms\"\nuntil = \"35s\"";
    let body = quick("\"min.insync.replicas\" = 2")
        + &sends("all")
        + &fault("3s", "cut = \"broker 3 <-> broker 1\"\nuntil = \"9s\"")
        + &fault("3s", "cut = \"broker 3 <-> broker 2\"\nuntil = \"10s\"")
        + &fault("3s", slow)
        + &fault("8s", "crash = \"broker 1\"\nrestart = \"30s\"");
    caught(Bug::JoinsBeforeEpochStart, "INV-10", &body);
}

#[test]
fn a_follower_that_believes_in_more_than_it_has() {
    let body = quick("\"min.insync.replicas\" = 1") + &sends("all") + &fault("3s", "crash = \"broker 3\"\nrestart = \"10s\"");
    caught(Bug::FollowerWatermarkUnclamped, "INV-4", &body);
}

#[test]
fn a_watermark_above_the_end_of_a_log_that_was_cut() {
    caught(Bug::WatermarkSurvivesTruncation, "INV-4", &tr5());
}

#[test]
fn truncation_to_the_watermark() {
    caught(Bug::TruncatesToWatermark, "INV-28", &tr4());
}

/// KIP-320: broker 1 leads, then broker 2 for a moment, then broker 1 again. Broker 3 hears of it late: it goes on fetching from broker 1
/// as in the first epoch, and that counts what it has; then it follows broker 2, which has not heard of its end, and cuts that off again.
#[test]
fn requests_of_any_epoch_are_served() {
    let late = |broker: u32, from: &str| {
        fault(from, &format!("slow = \"controller -> broker {broker}\"\nlatency = \"1s\"\nuntil = \"12s\""))
    };
    // Some of them learn at once who leads.
    let fresh = |n: u32| {
        let sends = producer(20, "20/s", "async", "acks = \"all\"").replace("\"p\"", &format!("\"q{n}\""));
        sends.replace("\"1s\"", "\"6960ms\"")
    };
    let body = quick("\"min.insync.replicas\" = 1")
        .replace("\"replica.fetch.max.bytes\" = 1", "\"replica.fetch.backoff.ms\" = 50")
        + &sends("all")
        + &(0..6).map(fresh).collect::<String>()
        + &fault("5s", "cut = \"broker 1 <-> controller\"\nuntil = \"6550ms\"")
        + &late(3, "6300ms")
        + &late(2, "6900ms")
        + &fault("6920ms", "shutdown = \"broker 2\"\nrestart = \"20s\"");
    caught(Bug::NoEpochFencing, "INV-28", &body);
}

#[test]
fn a_former_self_is_taken_into_the_isr() {
    caught(Bug::FormerSelfAccepted, "INV-10", &former_self());
}

#[test]
fn a_fenced_broker_keeps_its_place() {
    let body = quick("\"min.insync.replicas\" = 2") + &sends("all") + &fault("3s", "crash = \"broker 3\"\nrestart = \"10s\"");
    caught(Bug::FencedKeepsPlace, "INV-8", &body);
}

/// With minISR 3 whoever leaves the ISR is in the ELR.
#[test]
fn an_unclean_stop_keeps_its_place() {
    let body = quick("\"min.insync.replicas\" = 3") + &sends("all") + &fault("3s", "power-cut = \"broker 3\"\nrestart = \"10s\"");
    caught(Bug::UncleanStopKeepsPlace, "INV-10", &body);
}

#[test]
fn an_unclean_election_that_is_called_clean() {
    let body = quick("\"min.insync.replicas\" = 1")
        + &sends("all")
        + &slow_followers("3s", "12s")
        + &fault("8s", "crash = \"broker 1\"\nrestart = \"20s\"");
    caught(Bug::UncleanCalledClean, "INV-23", &body);
}

#[test]
fn an_ack_before_the_commit() {
    caught(Bug::AckBeforeCommit, "INV-26", &(quick("\"min.insync.replicas\" = 2") + &sends("all")));
}

/// A producer whose answers are held up for as long as it waits for any: it gives up, and sends again.
fn answers_lost(config: &str, more: &str) -> String {
    three("60s", "", "\"min.insync.replicas\" = 2")
        + &producer(200, "10/s", "async", &format!("\"request.timeout.ms\" = 2000, {config}"))
        + &fault("5s", "cut = \"broker 1 -> producer p\"\nuntil = \"14s\"")
        + more
}

/// The retry has another number, and the leader takes it for new.
#[test]
fn a_retry_under_a_new_number() {
    caught(Bug::RenumbersRetries, "INV-41", &answers_lost("", ""));
}

/// The batch that expired was appended; the next one under its number is taken for a repeat of it, and never appended.
#[test]
fn the_number_of_an_expired_batch_again() {
    caught(Bug::ReusesExpiredSequence, "INV-43", &answers_lost("\"delivery.timeout.ms\" = 3000, \"batch.size\" = 1", ""));
}

#[test]
fn a_timeout_taken_for_a_refusal() {
    caught(Bug::TimeoutMeansNotWritten, "INV-45", &answers_lost("\"delivery.timeout.ms\" = 3000", ""));
}

#[test]
fn a_batch_that_never_expires() {
    caught(Bug::NothingExpires, "INV-44", &answers_lost("\"delivery.timeout.ms\" = 3000", ""));
}

#[test]
fn a_repeat_answered_with_another_offset() {
    caught(Bug::AnswersRepeatWithLogEnd, "INV-43", &answers_lost("", ""));
}

/// The leader dies before its answers arrive; its successor has the records, but does not know whose they are.
#[test]
fn a_successor_that_does_not_know_the_producer() {
    let crash = "[[fault]]\nat = \"6s\"\ncrash = \"broker 1\"\nrestart = \"40s\"\n";
    caught(Bug::FollowersForgetProducers, "INV-41", &answers_lost("", crash));
}

/// D-1, D-3: what was flushed is not on the disk.
#[test]
fn a_flush_that_reaches_no_disk() {
    let body = three("20s", "write-back = \"off\"", "\"min.insync.replicas\" = 1, \"flush.messages\" = 1")
        + &sends("all")
        + &fault("8s", "power-cut = \"broker 1\"\nkeeps = \"on-disk\"\nrestart = \"12s\"");
    caught(Bug::FlushesNothing, "D-3", &body);
}

/// L-14: the leader dies before its answers arrive; its successor has their numbers in its log, and does not look.
#[test]
fn a_dedupe_window_that_is_lost_on_failover() {
    let crash = "[[fault]]\nat = \"6s\"\ncrash = \"broker 1\"\nrestart = \"40s\"\n";
    caught(Bug::ForgetsProducersOnFailover, "INV-41", &answers_lost("", crash));
}

/// the leader learns from the answers to its AlterPartition that broker 3 has left the ISR and come back, and only then reads in
/// the metadata log that it has left.
#[test]
fn metadata_that_is_older_than_what_is_known() {
    let slow = "slow = \"broker 3 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"8s\"\nuntil = \"5150ms\"";
    let late = "slow = \"broker 1 -> controllers\"\napi = \"MetadataFetch\"\nextra = \"900ms\"\nuntil = \"25s\"";
    let body = quick("\"min.insync.replicas\" = 1")
        .replace("\"replica.fetch.max.bytes\" = 1", "\"replica.fetch.backoff.ms\" = 50")
        + &sends("all")
        + &fault("3s", slow)
        + &fault("5050ms", late)
        + &fault("5150ms", "break = \"broker 3 <-> broker 1\"");
    caught(Bug::AppliesOlderMetadata, "INV-9", &body);
}

fn every_other_aborts() -> String {
    producer(100, "10/s", "async", "\"transactional.id\" = \"p\"")
        .replace("send = ", "transaction = { size = 5, abort = \"1 of 2\" }\nsend = ")
}

fn committed_reader() -> String {
    READERS.replace("\"enable.auto.commit\"", "\"isolation.level\" = \"read_committed\", \"enable.auto.commit\"")
}

/// F-1: the client of a reader of committed records does not look at the list of aborted transactions.
#[test]
fn aborted_records_that_are_shown() {
    caught(
        Bug::ShowsAborted,
        "INV-80",
        &(three("30s", "", "\"min.insync.replicas\" = 2") + &every_other_aborts() + &committed_reader()),
    );
}

/// outputs and offsets in one transaction, and only the outputs get their marker.
#[test]
fn offsets_that_stay_behind() {
    let out = "[[topic]]\nname = \"out\"\npartitions = 1\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n";
    let shop = READERS.replace("\"orders\"", "\"shop\"") + "forward = { topic = \"out\", transactional-id = \"shop\" }\n";
    let body = three("30s", "", "\"min.insync.replicas\" = 2") + out + &producer(50, "10/s", "async", "acks = \"all\"") + &shop;
    caught(Bug::NoMarkerForOffsets, "INV-82", &body);
}

/// F-1: a reader of committed records, and a producer that aborts every other transaction.
#[test]
fn isolation_that_is_ignored() {
    let at_once = "config = { \"group.initial.rebalance.delay.ms\" = 0 }";
    let body = three("30s", at_once, "\"min.insync.replicas\" = 2") + &every_other_aborts() + &committed_reader();
    caught(Bug::IsolationIgnored, "INV-66", &body);
}

/// L-2, L-12: a producer is fenced by its successor while it sends.
#[test]
fn a_late_record_that_is_taken() {
    let first =
        producer(200, "10/s", "async", "\"transactional.id\" = \"p\"").replace("send = ", "transaction = { size = 20 }\nsend = ");
    let second = producer(20, "10/s", "async", "\"transactional.id\" = \"p\"")
        .replace("name = \"p\"", "name = \"q\"")
        .replace("start = \"1s\"", "start = \"5050ms\"");
    caught(Bug::LateRecordAfterMarker, "INV-81", &(three("30s", "", "\"min.insync.replicas\" = 2") + &first + &second));
}

/// A group of two members that read four partitions.
fn group(config: &str, handler: &str, rest: &str) -> String {
    let topic =
        three("60s", "", "\"min.insync.replicas\" = 1").replace("partitions = 1\nassignment = [[1, 2, 3]]", "partitions = 4");
    let sends = producer(200, "10/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 40");
    format!(
        "{topic}{sends}[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = 2\n\
         handler = {{ dedupe = \"none\", time = \"{handler}\" }}\n\
         config = {{ \"auto.offset.reset\" = \"earliest\", {config} }}\n{rest}"
    )
}

/// The second to join is given what the first has not given up.
#[test]
fn a_partition_given_away_before_it_was_released() {
    caught(Bug::GivesAwayUnreleased, "INV-60", &group("\"group.protocol\" = \"consumer\"", "1ms", ""));
}

/// The client of a slow member has left the group; the application commits all the same.
#[test]
fn a_commit_of_somebody_who_has_left() {
    let slow = "\"group.protocol\" = \"consumer\", \"enable.auto.commit\" = false, \"max.poll.interval.ms\" = 5000";
    // All records are in one partition: the other member is idle, and stays.
    caught(Bug::TakesStaleCommits, "INV-63", &group(slow, "900ms", "").replace("keys = 40", "keys = 1"));
}

/// The same in the classic protocol. The coordinator hears of nobody for longer than a session; then commits arrive that were on their way.
#[test]
fn a_commit_of_a_generation_that_is_over() {
    let config = "\"enable.auto.commit\" = false, \"max.poll.records\" = 1, \"session.timeout.ms\" = 6000";
    let cut = fault("15s", "cut = \"clients <-> broker 2\"\nuntil = \"30s\"");
    caught(Bug::TakesStaleCommits, "INV-63", &group(config, "200ms", &cut));
}

/// what nobody holds is withheld as if somebody had to give it up first.
#[test]
fn a_partition_that_is_withheld_from_nobody() {
    let cooperative = "\"partition.assignment.strategy\" = \"cooperative-sticky\"";
    caught(Bug::WithholdsTheUnowned, "INV-61", &group(cooperative, "1ms", ""));
}

#[test]
fn a_member_that_gets_everything() {
    for assignor in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let config = format!("\"partition.assignment.strategy\" = \"{assignor}\"");
        caught(Bug::GivesAllToOne, "INV-67", &group(&config, "1ms", ""));
    }
}

/// Each bug there is has a test here, or where liveness is looked at.
#[test]
fn every_known_bug_is_caught() {
    let here = [include_str!("known_bugs.rs"), include_str!("liveness.rs")].concat();
    let source = include_str!("../sim-core/src/bug.rs");
    let body = source.split_once("pub enum Bug {").and_then(|(_, rest)| rest.split_once("\n}")).expect("the list of bugs").0;
    let names: Vec<&str> = body.lines().filter_map(|line| line.trim().strip_suffix(',')).filter(|l| !l.contains(' ')).collect();
    assert!(names.len() >= 30, "the list was found: {names:?}");
    let put_in = |name: &str| [",", ")"].iter().any(|end| here.contains(&format!("Bug::{name}{end}")));
    let missing: Vec<&str> = names.into_iter().filter(|name| !put_in(name)).collect();
    assert!(missing.is_empty(), "no test puts these back in: {missing:?}");
}

#[test]
fn a_reader_above_the_watermark() {
    let stuck =
        fault("5s", "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"5s\"\nuntil = \"30s\"");
    caught(Bug::ReadsAboveHw, "INV-66", &group("\"group.protocol\" = \"consumer\"", "1ms", &stuck));
}

#[test]
fn a_commit_that_runs_ahead_of_the_application() {
    let one = "\"max.poll.records\" = 1, \"enable.auto.commit\" = false";
    caught(Bug::CommitsWhatIsFetched, "INV-65", &group(one, "300ms", ""));
}

/// One member and twenty messages, and a process that ends at this point of its work on the eighth.
fn handled(handler: &str, point: &str) -> String {
    let sends = producer(20, "20/s", "async", "acks = \"all\"").replace("\"1s\"", "\"10s\"");
    let crash = format!("crash-at-step = \"{point} of orders\"\nmessage = 7\nrestart-after = \"1s\"");
    three("90s", "", "\"min.insync.replicas\" = 2")
        + &sends
        + &READERS.replace("dedupe = \"none\"", handler)
        + &fault("0s", &crash)
}

#[test]
fn a_database_that_forgets_its_unique_rows() {
    caught(Bug::ForgetsUniqueRows, "INV-92", &handled("dedupe = \"inbox\"", "after commit"));
}

#[test]
fn a_lease_that_is_taken_for_a_mark() {
    let handler = "dedupe = \"marker-with-lease\", lease = \"60s\"";
    caught(Bug::LeaseTakenForDone, "INV-92", &handled(handler, "after lease"));
}
