//! Leader epochs, where two logs part, and what a follower cuts.

use super::{Fields, int, ints, list, narrow};
use crate::vectors_run::replicas::batch;
use serde_json::{Value, json};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{LeaderEpoch, Offset, PartitionId};
use sim_core::log::epoch_cache::{EpochCache, EpochEnd};
use sim_core::log::segment::RollLimits;
use sim_core::log::{Log, LogBatch};
use sim_core::record::Sequence;
use sim_core::replica::Replica;
use sim_core::replica::truncation::{OutOfRange, cut, divergence, on_out_of_range};
use sim_core::replica::watermark;
use sim_core::time::SimTime;

fn epoch(number: i64) -> Result<LeaderEpoch, String> {
    Ok(LeaderEpoch(narrow(number)?))
}

fn cache(entries: &[Value]) -> Result<EpochCache, String> {
    let mut cache = EpochCache::new();
    for entry in entries {
        let [number, start] = ints(entry)?[..] else { return Err(format!("not understood: {entry} is no [epoch, start]")) };
        cache.assign(epoch(number)?, Offset(start));
    }
    Ok(cache)
}

/// `{epoch, end_offset}`; null, and -1 for the end, is "undefined". Only a leader without epochs says -1 for the epoch alone.
fn epoch_end(value: Option<&Value>) -> Result<Option<EpochEnd>, String> {
    let Some(value) = value else { return Ok(None) };
    let mut fields = Fields::of(value)?;
    let (number, end) = (fields.int_or("epoch", -1)?, fields.int_or("end_offset", -1)?);
    fields.done()?;
    Ok(if end < 0 { None } else { Some(EpochEnd { epoch: epoch(number)?, end: Offset(end) }) })
}

/// R-40..R-42. The questions for R-41 stand beside the expected answers.
pub fn leader_epoch_cache(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let mut cache = cache(fields.list_or_empty("assign")?)?;
    if let Some(end) = fields.some("truncate_from_end") {
        cache.truncate_from_end(Offset(int(end)?));
    }
    if let Some(start) = fields.some("truncate_from_start") {
        cache.truncate_from_start(Offset(int(start)?));
    }
    let entries: Vec<(i32, i64)> = cache.entries().iter().map(|e| (e.epoch.0, e.start.0)).collect();
    let mut answers = Vec::new();
    for question in expect.get("end_offset_for").map_or(Ok(&[][..]), list)? {
        let mut question = Fields::of(question)?;
        let (asked, leo) = (question.int("epoch")?, question.int_or("leo", 0)?);
        let found = cache.end_offset_for(epoch(asked)?, Offset(leo));
        let (found_epoch, end) = found.map_or((-1, -1), |f| (f.epoch.0, f.end.0));
        answers.push(json!({ "epoch": asked, "leo": leo, "found_epoch": found_epoch, "end_offset": end }));
    }
    let latest = cache.latest().map_or(-1, |e| e.epoch.0);
    Ok(json!({ "entries": entries, "end_offset_for": answers, "latest_epoch": latest }))
}

///
pub fn fetch_divergence(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let cache = cache(fields.list("leader_epoch_cache")?)?;
    let (start, end) = (Offset(fields.int_or("log_start", 0)?), fields.offset("leo")?);
    // The fetch carries the leader's own epoch, so that R-2 lets it pass; the leader knows no later one.
    let latest = cache.latest().map_or(LeaderEpoch::NONE, |latest| latest.epoch);
    let current = epoch(fields.int_or("current_leader_epoch", latest.0.into())?)?;
    if latest > current {
        return Err(format!("not understood: the cache has a later epoch than {current}"));
    }
    let last_fetched = epoch(fields.int("last_fetched_epoch")?)?;
    Ok(match divergence(&cache, start, end, last_fetched, fields.offset("fetch_offset")?) {
        Ok(None) => json!({ "diverging_epoch": null }),
        Ok(Some(found)) => json!({ "diverging_epoch": { "epoch": found.epoch.0, "end_offset": found.end.0 } }),
        Err(error) => json!({ "error": error.name() }),
    })
}

/// one decision, or two whole logs until they agree.
pub fn follower_truncation(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    if fields.has("follower_log") {
        return reconcile(fields);
    }
    let reply = epoch_end(fields.some("leader_reply"))?;
    let own = epoch_end(fields.some("follower_lookup_for_reply_epoch"))?.filter(|own| own.epoch != LeaderEpoch::NONE);
    let cut = cut(reply, own, fields.offset("follower_leo")?, Offset(fields.int_or("initial_fetch_offset", 0)?));
    Ok(json!({ "truncate_to": cut.to.0, "truncation_complete": cut.complete }))
}

/// A replica with a log of `[offset, epoch, value]`, which may begin later than at 0, and the values by their place.
fn replica(entries: &[Value], start: Option<i64>, values: &mut Vec<String>) -> Result<Replica, String> {
    let mut replica = Replica::new(PartitionId(0));
    let first = entries.first().and_then(|entry| entry[0].as_i64());
    replica.start_again_at(Offset(start.or(first).unwrap_or(0)), SimTime::ZERO);
    for entry in entries {
        let [offset, number, value] = list(entry)? else { return Err(format!("not understood: {entry}")) };
        if int(offset)? != replica.log.end().0 {
            return Err(format!("not understood: {entry} does not come next"));
        }
        let value = value.as_str().ok_or_else(|| format!("not understood: {entry}"))?.to_owned();
        // One name for each pair of epoch and value: what differs must not look alike.
        let name = format!("{number} {value}");
        let message = values.iter().position(|v| *v == name).unwrap_or_else(|| {
            values.push(name);
            values.len() - 1
        });
        replica.append(epoch(int(number)?)?, batch(message as u32, 1, Sequence::NONE), SimTime::ZERO, RollLimits::NONE);
    }
    Ok(replica)
}

/// where a follower goes on that asked for what the leader does not have.
fn out_of_range(leader: &Log, follower: &mut Replica) -> Result<(), String> {
    match on_out_of_range(leader.start(), leader.end(), follower.log.end()) {
        OutOfRange::TruncateTo(to) => {
            follower.truncate_to(to);
            Ok(())
        }
        OutOfRange::StartAgainAt(start) => {
            follower.start_again_at(start, SimTime::ZERO);
            Ok(())
        }
        OutOfRange::Keep => Err("the follower cannot go on".to_owned()),
    }
}

/// One fetch of a follower: what the leader answers to its last epoch (none: not asked), and whether the logs agreed.
struct Round {
    asked: Option<(LeaderEpoch, Option<EpochEnd>)>,
    agreed: bool,
}

/// the follower asks, and cuts what the leader does not have.
fn round(leader: &Log, follower: &mut Replica) -> Result<Round, String> {
    let (last, end) = (follower.log.latest_epoch(), follower.log.end());
    if last == LeaderEpoch::NONE {
        if end < leader.start() || end > leader.end() {
            out_of_range(leader, follower)?;
        }
        return Ok(Round { asked: None, agreed: true });
    }
    let answer = leader.epochs.end_offset_for(last, leader.end());
    let found = divergence(&leader.epochs, leader.start(), leader.end(), last, end);
    let agreed = found == Ok(None);
    match found {
        Ok(None) => {}
        Ok(Some(reply)) => {
            let own = follower.log.epochs.end_offset_for(reply.epoch, end);
            follower.truncate_to(cut(Some(reply), own, end, end).to);
        }
        Err(ErrorCode::OffsetOutOfRange) => out_of_range(leader, follower)?,
        Err(error) => return Err(format!("the follower cannot go on: {}", error.name())),
    }
    Ok(Round { asked: Some((last, answer)), agreed })
}

/// Each round cuts something, so that this many are enough for any vector.
const MOST_ROUNDS: usize = 1_000;

fn reconcile(fields: &mut Fields<'_>) -> Result<Value, String> {
    fields.skip_words("entry", "[offset, epoch, value]")?;
    let mut values = Vec::new();
    let start = |fields: &mut Fields<'_>, name: &str| fields.some(name).map(int).transpose();
    let (follower_start, leader_start) = (start(fields, "follower_log_start")?, start(fields, "leader_log_start")?);
    let mut follower = replica(fields.list_or_empty("follower_log")?, follower_start, &mut values)?;
    let mut leader = replica(fields.list_or_empty("leader_log")?, leader_start, &mut values)?;
    let number = epoch(fields.int_or("leader_epoch", leader.log.latest_epoch().0.max(0).into())?)?;
    leader.become_leader(number, super::BrokerSet::EMPTY, false, std::iter::empty(), SimTime::ZERO);
    leader.high_watermark = Offset(fields.int_or("leader_hw", 0)?);
    for _ in 0..MOST_ROUNDS {
        if !round(&leader.log, &mut follower)?.agreed {
            continue;
        }
        // The logs agree as far as the follower's goes: it copies the rest.
        for entry in leader.log.read(follower.log.end(), leader.log.end(), u32::MAX, true) {
            follower.append(entry.epoch, entry.batch, SimTime::ZERO, RollLimits::NONE);
        }
        follower.high_watermark = watermark::on_follower(leader.high_watermark, follower.log.start(), follower.log.end());
        let entries = |log: &Log| -> Vec<LogBatch> { log.batches().cloned().collect() };
        return Ok(json!({
            "follower_log_equals_leader": entries(&follower.log) == entries(&leader.log),
            "follower_leo": follower.log.end().0,
            "follower_hw": follower.high_watermark.0,
            "follower_log_start": follower.log.start().0,
        }));
    }
    Err("the logs never agree".to_owned())
}

/// R-45 over whole logs: where the follower's log ends after each answer, and what was asked and answered.
pub fn truncation_rounds(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let log = |epochs: Vec<i64>| -> Result<Replica, String> {
        let mut replica = Replica::new(PartitionId(0));
        for number in epochs {
            replica.append(epoch(number)?, batch(0, 1, Sequence::NONE), SimTime::ZERO, RollLimits::NONE);
        }
        Ok(replica)
    };
    let mut leader = log(fields.ints("leader_log_epochs")?)?.log;
    if let Some(entries) = fields.some("leader_epoch_cache") {
        leader.epochs = cache(list(entries)?)?;
    }
    let mut follower = log(fields.ints("follower_log_epochs")?)?;
    let mut ends = vec![follower.log.end().0];
    let mut asked = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let round = round(&leader, &mut follower)?;
        asked.push(round.asked.map(|(epoch, answer)| {
            let (found, end) = answer.map_or((-1, -1), |a| (a.epoch.0, a.end.0));
            (epoch.0, found, end)
        }));
        if round.agreed {
            return Ok(json!({
                "follower_leo_sequence": ends,
                "asked_epoch_and_reply": asked,
                "final_follower_leo": follower.log.end().0,
            }));
        }
        ends.push(follower.log.end().0);
    }
    Err("the logs never agree".to_owned())
}
