//! What a leader knows of its followers, its ISR and its high watermark.

use super::{Fields, broker, int, list, narrow, numbers};
use serde_json::{Map, Value, json};
use sim_core::config::effective_min_isr;
use sim_core::controller::image::{Image, Registration};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{BrokerEpoch, BrokerId, LeaderEpoch, MessageId, Offset, PartitionId};
use sim_core::log::segment::RollLimits;
use sim_core::record::{Batch, Payload, Record, Sequence, SharedBatch};
use sim_core::replica::Replica;
use sim_core::replica::isr::{AfterReply, IsrState};
use sim_core::replica::remote::{Remote, check_broker_epoch};
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime, Timestamp};
use std::sync::Arc;

/// A batch of so many records of one message.
pub fn batch(message: u32, count: u32, sequence: Sequence) -> SharedBatch {
    let record = Record { message: MessageId(message), key: None, tombstone: false, bytes: 1 };
    Arc::new(Batch {
        id: None,
        sequence,
        transactional: false,
        payload: Payload::Records(vec![record; count as usize]),
        bytes: count,
        timestamp: Timestamp(0),
    })
}

/// An error by Kafka's name.
fn error(name: &str) -> Result<ErrorCode, String> {
    let known = ErrorCode::ALL.iter().copied().find(|error| error.name() == name);
    known.ok_or_else(|| format!("not understood: error {name}"))
}

/// R-4..R-6, R-21.
pub fn replica_state(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    if fields.has("fetch_broker_epochs") {
        let known = BrokerEpoch(fields.int("known_alive_broker_epoch")?);
        let sent = fields.ints("fetch_broker_epochs")?;
        let results = sent.into_iter().map(|e| check_broker_epoch(BrokerEpoch(e), known).map_or_else(ErrorCode::name, |()| "OK"));
        return Ok(json!({ "results": results.collect::<Vec<_>>() }));
    }
    let lag_max = fields.millis("replica_lag_time_max_ms")?;
    let mut remote = Remote::unknown();
    for step in fields.list("steps")? {
        remote_step(&mut remote, step)?;
    }
    let mut caught_up = Vec::new();
    for question in expect.get("is_caught_up").map_or(Ok(&[][..]), list)? {
        let mut question = Fields::of(question)?;
        let result = remote.is_caught_up(question.offset("leader_leo")?, question.instant("now")?, lag_max);
        caught_up.push(json!({ "leader_leo": question.get("leader_leo")?, "now": question.get("now")?, "result": result }));
    }
    let state = json!({
        "log_start": remote.log_start.0,
        "leo": remote.log_end.0,
        "last_caught_up_ms": millis(remote.last_caught_up),
        "last_fetch_leader_leo": remote.last_fetch_leader_end.0,
        "last_fetch_ms": millis(remote.last_fetch),
    });
    Ok(json!({ "state": state, "is_caught_up": caught_up }))
}

/// Kafka writes 0 for an instant that never was.
fn millis(at: Option<sim_core::time::SimTime>) -> u64 {
    at.map_or(0, |at| at.0 / 1_000)
}

fn remote_step(remote: &mut Remote, step: &Value) -> Result<(), String> {
    let mut step = Fields::of(step)?;
    let (leader_end, now) = (step.offset("leader_leo")?, step.instant("now")?);
    let mut flag = |name: &str| step.get(name)?.as_bool().ok_or_else(|| format!("not understood: `{name}`"));
    match flag("is_new_leader") {
        Ok(is_new_leader) => {
            let in_sync = flag("in_sync")?;
            remote.reset(now, leader_end, is_new_leader, in_sync);
            step.skip_words("op", "reset")?;
        }
        Err(_) => {
            let (offset, start) = (step.offset("fetch_offset")?, step.offset("start_offset")?);
            remote.on_fetch(offset, start, leader_end, now, BrokerEpoch::NONE);
            step.skip_words("op", "fetch")?;
        }
    }
    step.done()
}

/// One leader with followers, as the vectors set it up.
struct Leader {
    replica: Replica,
    min_isr: u32,
    lag_max: SimDuration,
    /// Every broker active with epoch 1.
    image: Image,
}

/// Brokers of a vector, at most.
const BROKERS: i64 = 8;

impl Leader {
    /// A leader with this log end, and its ISR, since instant 0.
    fn new(fields: &mut Fields<'_>, isr: BrokerSet, end: i64) -> Result<Leader, String> {
        let leader = broker(fields.int_or("leader", 0)?);
        let replicas = if fields.has("replicas") { fields.brokers("replicas")? } else { isr };
        let min_isr = narrow(fields.int_or("min_isr", 1)?)?;
        let lag_max = SimDuration::from_millis(narrow(fields.int_or("replica_lag_time_max_ms", 30_000)?)?);
        let mut replica = Replica::new(PartitionId(0));
        grow(&mut replica, end)?;
        replica.become_leader(LeaderEpoch(1), isr, false, replicas.without(leader).iter(), SimTime::ZERO);
        let registration = Registration { epoch: BrokerEpoch(1), incarnation: 0, fenced: false, shutting_down: false };
        let image =
            Image { offset: 0, brokers: vec![registration; BROKERS as usize], partitions: Vec::new(), next_producer_id: 0 };
        Ok(Leader { replica, min_isr, lag_max, image })
    }

    fn remote(&mut self, id: BrokerId) -> Result<&mut Remote, String> {
        let leading = self.replica.leading_mut().expect("it leads");
        let found = leading.remotes.iter_mut().find(|(b, _)| *b == id);
        found.map(|(_, remote)| remote).ok_or_else(|| format!("not understood: {id} is no follower"))
    }

    /// A fetch of a follower, what it does to the watermark, and whether the follower is proposed for the ISR.
    fn fetch(&mut self, id: BrokerId, offset: i64, now: SimTime) -> Result<bool, String> {
        let end = self.replica.log.end();
        self.remote(id)?.on_fetch(Offset(offset), Offset::ZERO, end, now, BrokerEpoch(1));
        let image = &self.image;
        let proposed = self.replica.propose_expand(id, |remote| image.may_join_isr(id, remote.broker_epoch)).is_some();
        self.advance(now);
        Ok(proposed)
    }

    ///
    fn advance(&mut self, now: SimTime) {
        let image = &self.image;
        let eligible = |b: BrokerId, remote: &Remote| image.may_join_isr(b, remote.broker_epoch);
        self.replica.advance_watermark(self.min_isr, now, self.lag_max, eligible);
    }

    fn isr(&mut self) -> &mut IsrState {
        &mut self.replica.leading_mut().expect("it leads").isr
    }

    fn hw(&self) -> i64 {
        self.replica.high_watermark.0
    }

    fn sets(&mut self) -> (Vec<i64>, Vec<i64>) {
        let isr = *self.isr();
        (numbers(isr.committed()), numbers(isr.maximal()))
    }
}

/// Appends single records until the log ends there.
fn grow(replica: &mut Replica, end: i64) -> Result<(), String> {
    if replica.log.end().0 > end {
        return Err(format!("not understood: a log does not shrink to {end}"));
    }
    while replica.log.end().0 < end {
        replica.append(LeaderEpoch(1), batch(0, 1, Sequence::NONE), SimTime::ZERO, RollLimits::NONE);
    }
    Ok(())
}

fn ms(value: i64) -> Result<SimTime, String> {
    Ok(SimTime::ZERO + SimDuration::from_millis(narrow(value)?))
}

/// ..R-34, and the epoch cache of a new leader: each kind of vector is known by the fields that only it has.
pub fn partition_isr_hw(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    type Kind = fn(&mut Fields<'_>) -> Result<Value, String>;
    let kinds: [(&str, Kind); 8] = [
        ("configured_min_isr", effective_min),
        ("become_leader_epoch", new_leader),
        ("alter_partition_error", refused_expansion),
        ("follower1_fetch_offsets", expansion),
        ("elapsed_ms", shrink),
        ("controller_isr", shrunk_by_controller),
        ("fetches", fetches),
        ("idle_ms", idle),
    ];
    match kinds.iter().find(|(name, _)| fields.has(name)) {
        Some((_, kind)) => kind(fields),
        None => under_min(fields),
    }
}

fn effective_min(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (configured, rf) = (narrow(fields.int("configured_min_isr")?)?, narrow(fields.int("replication_factor")?)?);
    Ok(json!({ "effective_min_isr": effective_min_isr(configured, rf) }))
}

fn under_min(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (replicas, isr) = (fields.brokers("replicas")?, IsrState::Committed(fields.brokers("isr")?));
    let min_isr = effective_min_isr(narrow(fields.int("min_isr")?)?, replicas.len());
    let under = isr.is_under_min_isr(min_isr);
    Ok(json!({ "under_min_isr": under, "at_min_isr": !under && isr.is_under_min_isr(min_isr + 1) }))
}

fn new_leader(fields: &mut Fields<'_>) -> Result<Value, String> {
    fields.skip_words("entry", "[offset, epoch]")?;
    let mut replica = Replica::new(PartitionId(0));
    for entry in fields.list("log")? {
        let [offset, epoch] = super::ints(entry)?[..] else { return Err(format!("not understood: {entry}")) };
        let (base, _) = replica.append(LeaderEpoch(narrow(epoch)?), batch(0, 1, Sequence::NONE), SimTime::ZERO, RollLimits::NONE);
        if base.0 != offset {
            return Err(format!("not understood: {entry} does not come next"));
        }
    }
    let epoch = LeaderEpoch(narrow(fields.int("become_leader_epoch")?)?);
    replica.become_leader(epoch, BrokerSet::EMPTY, false, std::iter::empty(), SimTime::ZERO);
    let found = replica.log.epochs.end_offset_for(epoch, replica.log.end());
    Ok(json!({ (format!("end_offset_for_epoch_{epoch}")): found.map(|f| f.end.0) }))
}

fn refused_expansion(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let follower = fields.brokers("replicas")?.minus(isr).iter().next().ok_or("not understood: nobody can join")?;
    let mut leader = Leader::new(fields, isr, end)?;
    if !leader.fetch(follower, fields.int("follower_fetch_offset")?, SimTime(1_000))? {
        return Err("the follower is not proposed".to_owned());
    }
    let after = leader.isr().refused(error(fields.text("alter_partition_error")?)?);
    let (isr, maximal) = leader.sets();
    Ok(json!({ "isr": isr, "maximal_isr": maximal, "resend": after == AfterReply::Retry, "hw": leader.hw() }))
}

fn expansion(fields: &mut Fields<'_>) -> Result<Value, String> {
    let isr = fields.brokers("isr")?;
    let start = fields.int("leo_at_epoch_start")?;
    let mut leader = Leader::new(fields, isr, start)?;
    leader.replica.high_watermark = fields.offset("hw")?;
    grow(&mut leader.replica, fields.int("leo")?)?;
    let mut proposed = Vec::new();
    for (n, offset) in fields.ints("follower1_fetch_offsets")?.into_iter().enumerate() {
        proposed.push(leader.fetch(broker(1), offset, SimTime(1_000 * (n as u64 + 1)))?);
    }
    let (isr, maximal) = leader.sets();
    Ok(json!({ "join_requested_after": proposed, "maximal_isr_after_last": maximal, "isr_after_last": isr }))
}

fn shrink(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    let ends = fields.get("follower_leo")?.as_object().ok_or("not understood: `follower_leo`")?;
    for (name, end) in ends {
        let follower = broker(name.parse().map_err(|_| format!("not understood: follower {name}"))?);
        if int(end)? >= 0 {
            leader.fetch(follower, int(end)?, SimTime::ZERO)?;
        }
    }
    let (mut proposals, mut last) = (Vec::new(), None);
    for elapsed in fields.ints("elapsed_ms")? {
        let asked = leader.replica.propose_shrink(ms(elapsed)?, leader.lag_max);
        leader.advance(ms(elapsed)?);
        proposals.push(asked.map(numbers));
        last = asked.map(|isr| (isr, elapsed)).or(last);
    }
    let snapshot = |leader: &mut Leader| {
        let (isr, maximal) = leader.sets();
        let mut map = Map::new();
        map.insert("isr".to_owned(), json!(isr));
        map.insert("maximal_isr".to_owned(), json!(maximal));
        map.insert("hw".to_owned(), json!(leader.hw()));
        map
    };
    let pending = snapshot(&mut leader);
    if let Some((isr, at)) = last {
        *leader.isr() = IsrState::Committed(isr);
        leader.advance(ms(at)?);
    }
    Ok(json!({ "alter_at": proposals, "pending": pending, "committed": snapshot(&mut leader) }))
}

fn shrunk_by_controller(fields: &mut Fields<'_>) -> Result<Value, String> {
    let before = fields.brokers("isr_before")?;
    let (follower_end, end) = (fields.int("follower_leo")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, before, end)?;
    let after = fields.brokers("controller_isr")?;
    let follower = before.minus(after).iter().next().ok_or("not understood: nobody left the ISR")?;
    leader.fetch(follower, follower_end, SimTime(1_000))?;
    let registration = &mut leader.image.brokers[follower.slot()];
    match fields.text("follower_broker_state")? {
        "fenced" => registration.fenced = true,
        "shutdown" => registration.shutting_down = true,
        "unfenced" | "active" => {}
        other => return Err(format!("not understood: broker state {other}")),
    }
    let within_lag = fields.get("follower_within_lag")?.as_bool().ok_or("not understood: `follower_within_lag`")?;
    let lag = leader.lag_max;
    let now = if within_lag { SimTime::ZERO + lag } else { SimTime(2_000) + lag + lag };
    *leader.isr() = IsrState::Committed(after);
    leader.advance(now);
    Ok(json!({ "hw": leader.hw() }))
}

fn fetches(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("t0_leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    let (mut watermarks, mut now) = (Vec::new(), SimTime::ZERO);
    for fetch in fields.list("fetches")? {
        let mut fetch = Fields::of(fetch)?;
        now = fetch.instant("t_ms")?;
        grow(&mut leader.replica, fetch.int("leader_leo")?)?;
        leader.fetch(broker(1), fetch.int("offset")?, now)?;
        watermarks.push(leader.hw());
        fetch.done()?;
    }
    let caught_up = leader.remote(broker(1))?.last_caught_up;
    let shrink = leader.replica.propose_shrink(now, leader.lag_max).is_some();
    Ok(json!({ "last_caught_up_ms": millis(caught_up), "hw_after": watermarks, "shrink": shrink }))
}

fn idle(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    leader.fetch(broker(1), fields.int("follower_leo")?, SimTime::ZERO)?;
    let now = ms(fields.int("idle_ms")?)?;
    Ok(json!({ "shrink": leader.replica.propose_shrink(now, leader.lag_max).is_some() }))
}
