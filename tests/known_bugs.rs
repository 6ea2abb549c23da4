//! The net catches fish: each known bug is put back in, and an invariant must notice it. Without the bug the same runs are clean.

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

/// The bug breaks just this invariant; without it nothing is broken.
#[track_caller]
fn caught(bug: Bug, by: &str, text: &str) {
    assert_eq!(run(text, Bugs::NONE), None, "without the bug");
    let found = run(text, Bugs::of(bug));
    assert_eq!(found.as_ref().map(|v| v.invariant), Some(by), "{bug:?}: {found:?}");
}

/// Three brokers with one partition, a producer from second 1 on, and what else is given.
fn cluster(topic: &str, rest: &str) -> String {
    format!(
        "format = 1\ntitle = \"known bug\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\nlatency = \"1ms\"\n\
         [[topic]]\nname = \"t\"\npartitions = 1\nassignment = [[1, 2, 3]]\nconfig = {{ \"replication.factor\" = 3, {topic} }}\n\
         [[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 200\nrate = \"10/s\"\nstart = \"1s\"\n{rest}"
    )
}

#[test]
fn a_watermark_that_waits_for_nobody() {
    caught(Bug::HwCountsLeaderAlone, "INV-5", &cluster("\"min.insync.replicas\" = 2", ""));
}

/// A group of two members; `member` dies and comes back.
fn group(config: &str, handler: &str, rest: &str) -> String {
    let group = format!(
        "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = 2\nhandler = {{ dedupe = \"none\", time = \"{handler}\" }}\n\
         config = {{ \"auto.offset.reset\" = \"earliest\", {config} }}\n{rest}"
    );
    cluster("\"min.insync.replicas\" = 1", &group)
        .replace("partitions = 1\nassignment = [[1, 2, 3]]", "partitions = 4")
        .replace("rate = \"10/s\"", "rate = \"10/s\"\nkeys = 40")
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

#[test]
fn a_reader_above_the_watermark() {
    let stuck = "[[fault]]\nat = \"5s\"\nslow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"5s\"\nuntil = \"30s\"";
    caught(Bug::ReadsAboveHw, "INV-66", &group("\"group.protocol\" = \"consumer\"", "1ms", stuck));
}

#[test]
fn a_commit_that_runs_ahead_of_the_application() {
    caught(Bug::CommitsWhatIsFetched, "INV-65", &group("\"max.poll.records\" = 1, \"enable.auto.commit\" = false", "300ms", ""));
}

/// A producer whose answers are held up for as long as it waits for any: it gives up, and sends again.
fn answers_lost(config: &str, more: &str) -> String {
    let cut = "[[fault]]\nat = \"5s\"\ncut = \"broker 1 -> producer p\"\nuntil = \"14s\"\n";
    cluster(
        "\"min.insync.replicas\" = 2",
        &format!("config = {{ \"linger.ms\" = 0, \"request.timeout.ms\" = 2000, {config} }}\n{cut}{more}"),
    )
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
