//! The table `handler` of a group: what its application does with a record, and how it commits.

use super::MAX_DURATION;
use super::error::ScenarioError;
use super::table::Table;
use crate::config::ConsumerConfig;
use crate::scenario::{CommitCall, CommitWhen, Dedupe, HandlerSpec, Latency, OnRevoke, WorkersCommit};
use crate::time::SimDuration;

/// The most worker threads of one member.
const MAX_WORKERS: u64 = 100;
/// With workers `poll()` returns after this at the latest, and the application commits what they have done.
const POLL_TIMEOUT: SimDuration = SimDuration::from_millis(100);

const DEFAULT: HandlerSpec = HandlerSpec {
    dedupe: Dedupe::None,
    time: Latency::Fixed(SimDuration::from_millis(1)),
    workers: 0,
    commit: CommitCall::Sync,
    commit_when: CommitWhen::PollDone,
    commit_every: SimDuration::ZERO,
    commit_on_revoke: OnRevoke::Done,
    commit_offsets: WorkersCommit::Done,
};

/// Reads it.
pub(super) fn read(group: &Table, config: &ConsumerConfig) -> Result<HandlerSpec, ScenarioError> {
    let Some(table) = group.table("handler", "handler")? else { return Ok(DEFAULT) };
    let by_hand = ["commit", "commit-when", "commit-every", "commit-on-revoke", "commit-offsets"];
    table.known(&[&["dedupe", "key", "time", "workers"], &by_hand[..]].concat())?;
    let dedupe = table.parsed("dedupe", |text| match text {
        "none" => Ok(Dedupe::None),
        "redis" | "db" | "redis+db" => Err(format!("`{text}` is not modelled yet; known: none")),
        _ => Err(format!("`{text}` is not a way to deal with duplicates; known: none")),
    })?;
    if let Some(key) = table.value("key") {
        return Err(table.error(key.span(), "`key` means nothing with dedupe = \"none\": leave it out"));
    }
    for key in by_hand {
        if let Some(value) = table.value(key).filter(|_| config.enable_auto_commit) {
            let message = format!("`{key}` is about commits by hand: set \"enable.auto.commit\" = false as well");
            return Err(table.error(value.span(), message));
        }
    }
    let workers = table.integer("workers", 1, MAX_WORKERS)?.map_or(0, |n| u16::try_from(n).expect("at most 100"));
    let every = if workers > 0 { POLL_TIMEOUT } else { DEFAULT.commit_every };
    let handler = HandlerSpec {
        dedupe: dedupe.unwrap_or(DEFAULT.dedupe),
        time: table.latency("time", SimDuration::ZERO)?.unwrap_or(DEFAULT.time),
        workers,
        commit: table.parsed("commit", commit_call)?.unwrap_or(DEFAULT.commit),
        commit_when: table.parsed("commit-when", commit_when)?.unwrap_or(DEFAULT.commit_when),
        commit_every: table.duration("commit-every", SimDuration::ZERO, MAX_DURATION)?.unwrap_or(every),
        commit_on_revoke: on_revoke(&table)?,
        commit_offsets: table.parsed("commit-offsets", commit_offsets)?.unwrap_or(DEFAULT.commit_offsets),
    };
    check_sense(group, &table, handler)?;
    Ok(handler)
}

/// Refuses what would have no effect.
fn check_sense(group: &Table, table: &Table, handler: HandlerSpec) -> Result<(), ScenarioError> {
    let refuse = |key: &str, message: &str| match table.value(key) {
        Some(value) => Err(table.error(value.span(), message)),
        None => Ok(()),
    };
    if handler.workers > 0 {
        refuse(
            "commit-when",
            "`commit-when` is about a thread that works itself: with `workers` it commits what they have done",
        )?;
    } else {
        refuse("commit-offsets", "`commit-offsets` is about `workers`: a thread that works itself finishes in order")?;
    }
    if handler.commit_when == CommitWhen::First {
        refuse("commit-every", "with `commit-when = \"first\"` every poll is committed: leave `commit-every` out")?;
    }
    if group.value("forward").is_some() {
        refuse("workers", "a group that forwards works in the thread that polls: leave `workers` out")?;
        refuse("commit-when", "a group that forwards commits when its outputs are acknowledged: leave `commit-when` out")?;
    }
    Ok(())
}

fn commit_call(text: &str) -> Result<CommitCall, String> {
    match text {
        "sync" => Ok(CommitCall::Sync),
        "async" => Ok(CommitCall::Async),
        _ => Err(format!("`{text}` is not a way to commit; known: sync, async")),
    }
}

fn commit_when(text: &str) -> Result<CommitWhen, String> {
    match text {
        "poll-done" => Ok(CommitWhen::PollDone),
        "each-record" => Ok(CommitWhen::EachRecord),
        "first" => Ok(CommitWhen::First),
        _ => Err(format!("`{text}` is not a time to commit; known: poll-done, each-record, first")),
    }
}

fn commit_offsets(text: &str) -> Result<WorkersCommit, String> {
    match text {
        "done" => Ok(WorkersCommit::Done),
        "highest-done" => Ok(WorkersCommit::HighestDone),
        _ => Err(format!("`{text}` is not what workers may commit; known: done, highest-done")),
    }
}

/// `true`, `false`, or `"positions"`.
fn on_revoke(table: &Table) -> Result<OnRevoke, ScenarioError> {
    let Some(value) = table.value("commit-on-revoke") else { return Ok(DEFAULT.commit_on_revoke) };
    match (value.get_ref().as_bool(), value.get_ref().as_str()) {
        (Some(true), _) => Ok(OnRevoke::Done),
        (Some(false), _) => Ok(OnRevoke::Nothing),
        (None, Some("positions")) => Ok(OnRevoke::Positions),
        _ => Err(table.wrong_type("commit-on-revoke", value, "true, false or \"positions\"")),
    }
}
