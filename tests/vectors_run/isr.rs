//! A leader's ISR and its high watermark.

use super::replicas::{batch, millis};
use super::{Fields, broker, int, narrow, numbers};
use serde_json::{Map, Value, json};
use sim_core::config::effective_min_isr;
use sim_core::controller::image::{Image, Registration};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionId};
use sim_core::log::segment::RollLimits;
use sim_core::record::Sequence;
use sim_core::replica::Replica;
use sim_core::replica::isr::{AfterReply, IsrState};
use sim_core::replica::remote::Remote;
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime};

/// An error by Kafka's name.
fn error(name: &str) -> Result<ErrorCode, String> {
    let known = ErrorCode::ALL.iter().copied().find(|error| error.name() == name);
    known.ok_or_else(|| format!("not understood: error {name}"))
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
pub fn partition_isr_hw(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    type Kind = fn(&mut Fields<'_>) -> Result<Value, String>;
    let kinds: [(&str, Kind); 8] = [
        ("configured_min_isr", effective_min),
        ("alter_partition_error", refused),
        ("follower_fetch_offset", expansion),
        ("elapsed_ms", shrink),
        ("controller_isr", shrunk_by_controller),
        ("fetches", fetches),
        ("idle_ms", idle),
        ("leo", standing),
    ];
    if fields.has("become_leader_epoch") {
        return new_leader(fields, expect);
    }
    let fetched = fetch_field(fields).is_some();
    match kinds.iter().find(|(name, _)| fields.has(name) || (fetched && *name == "follower_fetch_offset")) {
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

fn new_leader(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
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
    let mut ends = Map::new();
    for name in expect.as_object().into_iter().flatten().map(|(name, _)| name) {
        let asked = name.strip_prefix("end_offset_for_epoch_").and_then(|number| number.parse().ok());
        let asked = LeaderEpoch(asked.ok_or_else(|| format!("not understood: the expectation `{name}`"))?);
        let found = replica.log.epochs.end_offset_for(asked, replica.log.end());
        ends.insert(name.clone(), json!(found.map_or(-1, |f| f.end.0)));
    }
    Ok(Value::Object(ends))
}

/// The field that says from where a follower fetches: `follower_fetch_offset`, `follower2_fetch_offsets` and the like.
fn fetch_field(fields: &Fields<'_>) -> Option<String> {
    let fetches = |name: &&str| name.starts_with("follower") && name.contains("_fetch_offset");
    fields.names().find(fetches).map(str::to_owned)
}

/// Who fetches, and from where each time. Who is not named is the first that is not in the ISR.
fn follower_fetches(fields: &mut Fields<'_>, isr: BrokerSet) -> Result<(BrokerId, Vec<i64>), String> {
    let name = fetch_field(fields).ok_or("not understood: nobody fetches")?;
    let offsets = fields.get(&name)?;
    let offsets = if offsets.is_array() { super::ints(offsets)? } else { vec![int(offsets)?] };
    let number: String = name.chars().skip("follower".len()).take_while(char::is_ascii_digit).collect();
    let outside = fields.some_brokers("replicas")?.and_then(|replicas| replicas.minus(isr).iter().next());
    Ok((number.parse().map(broker).ok().or(outside).unwrap_or(broker(1)), offsets))
}

/// What the controller has told the leader of a follower.
fn broker_state(fields: &mut Fields<'_>, leader: &mut Leader, follower: BrokerId) -> Result<(), String> {
    let registration = &mut leader.image.brokers[follower.slot()];
    match fields.some("follower_broker_state").map(|state| state.as_str().unwrap_or_default()) {
        Some("fenced") => registration.fenced = true,
        Some("shutdown" | "shutting_down" | "in controlled shutdown") => registration.shutting_down = true,
        None | Some("unfenced" | "active") => {}
        Some(other) => return Err(format!("not understood: broker state {other}")),
    }
    Ok(())
}

/// the controller refuses what the leader asks for.
fn refused(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    if fetch_field(fields).is_some() {
        let (follower, offsets) = follower_fetches(fields, isr)?;
        for offset in offsets {
            leader.fetch(follower, offset, SimTime(1_000))?;
        }
    } else {
        follower_ends(fields, &mut leader)?;
        let now = fields.find_any(&["elapsed_ms", "idle_ms"]).map_or(Ok(30_001), int)?;
        let now = ms(now)?;
        leader.replica.propose_shrink(now, leader.lag_max);
        leader.advance(now);
    }
    if !leader.isr().is_pending() {
        return Err("no change is asked for".to_owned());
    }
    let after = leader.isr().refused(error(fields.text("alter_partition_error")?)?);
    let (isr, maximal) = leader.sets();
    Ok(json!({
        "isr": isr,
        "maximal_isr": maximal,
        "resend": after == AfterReply::Retry,
        "in_flight": leader.isr().is_pending(),
        "hw": leader.hw(),
    }))
}

/// a follower fetches, and is proposed for the ISR or is not.
fn expansion(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let start = fields.int_or("leo_at_epoch_start", end)?;
    let mut leader = Leader::new(fields, isr, start)?;
    leader.replica.high_watermark = Offset(fields.int_or("hw", 0)?);
    grow(&mut leader.replica, end)?;
    let (follower, offsets) = follower_fetches(fields, isr)?;
    broker_state(fields, &mut leader, follower)?;
    let (mut proposed, mut asked_at, mut watermarks) = (Vec::new(), Vec::new(), Vec::new());
    for (n, offset) in offsets.into_iter().enumerate() {
        proposed.push(leader.fetch(follower, offset, SimTime(1_000 * (n as u64 + 1)))?);
        asked_at.push(leader.isr().asked().filter(|_| proposed[n]).map(numbers));
        watermarks.push(leader.hw());
    }
    let (isr, maximal) = leader.sets();
    let asked = leader.isr().asked();
    let mut found = json!({
        "join_requested": proposed.last(),
        "join_requested_after": proposed,
        "alter_at": asked_at,
        "hw_after": watermarks,
        "pending": snapshot(&mut leader),
        "maximal_isr_after_last": maximal,
        "isr_after_last": isr,
        "maximal_isr": maximal,
        "isr": isr,
        "hw": leader.hw(),
    });
    if let Some(asked) = asked {
        found["committed"] = committed(&mut leader, asked, SimTime(1_000_000));
    }
    Ok(found)
}

/// The controller accepts an ISR.
fn committed(leader: &mut Leader, isr: BrokerSet, now: SimTime) -> Value {
    *leader.isr() = IsrState::Committed(isr);
    leader.advance(now);
    snapshot(leader)
}

fn snapshot(leader: &mut Leader) -> Value {
    let (isr, maximal) = leader.sets();
    json!({ "isr": isr, "maximal_isr": maximal, "hw": leader.hw() })
}

/// Followers fetch once, from where their logs end: `{"1": 10, "2": -1}`, of which -1 does not fetch, or one end for all.
fn follower_ends(fields: &mut Fields<'_>, leader: &mut Leader) -> Result<(), String> {
    let followers: Vec<BrokerId> = leader.replica.leading().into_iter().flat_map(|l| l.remotes.iter().map(|r| r.0)).collect();
    let ends: Vec<(BrokerId, i64)> = match fields.some("follower_leo") {
        None => Vec::new(),
        Some(Value::Object(ends)) => {
            let one = |(name, end): (&String, &Value)| {
                let follower = name.parse().map(broker).map_err(|_| format!("not understood: follower {name}"))?;
                Ok::<_, String>((follower, int(end)?))
            };
            ends.iter().map(one).collect::<Result<_, _>>()?
        }
        Some(end) => followers.into_iter().map(|follower| Ok((follower, int(end)?))).collect::<Result<_, String>>()?,
    };
    for (follower, end) in ends.into_iter().filter(|(_, end)| *end >= 0) {
        leader.fetch(follower, end, SimTime::ZERO)?;
    }
    Ok(())
}

/// R-20, L-5: where the watermark stands with these logs.
fn standing(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    leader.replica.high_watermark = Offset(fields.int_or("hw", 0)?);
    follower_ends(fields, &mut leader)?;
    leader.advance(SimTime::ZERO);
    let mut found = snapshot(&mut leader);
    let min_isr = leader.min_isr;
    found["under_min_isr"] = json!(leader.isr().is_under_min_isr(min_isr));
    found["at_min_isr"] = json!(isr.len() == min_isr);
    Ok(found)
}

fn shrink(fields: &mut Fields<'_>) -> Result<Value, String> {
    let (isr, end) = (fields.brokers("isr")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, isr, end)?;
    follower_ends(fields, &mut leader)?;
    let (mut proposals, mut last) = (Vec::new(), None);
    let elapsed = fields.get("elapsed_ms")?;
    for elapsed in if elapsed.is_array() { super::ints(elapsed)? } else { vec![int(elapsed)?] } {
        let asked = leader.replica.propose_shrink(ms(elapsed)?, leader.lag_max);
        leader.advance(ms(elapsed)?);
        proposals.push(asked.map(numbers));
        last = asked.map(|isr| (isr, elapsed)).or(last);
    }
    let pending = snapshot(&mut leader);
    let after = match last {
        Some((isr, at)) => committed(&mut leader, isr, ms(at)?),
        None => pending.clone(),
    };
    Ok(json!({ "alter_at": proposals, "shrink": last.is_some(), "pending": pending, "committed": after }))
}

fn shrunk_by_controller(fields: &mut Fields<'_>) -> Result<Value, String> {
    let before = fields.brokers("isr_before")?;
    let (follower_end, end) = (fields.int("follower_leo")?, fields.int("leo")?);
    let mut leader = Leader::new(fields, before, end)?;
    let after = fields.brokers("controller_isr")?;
    let follower = before.minus(after).iter().next().ok_or("not understood: nobody left the ISR")?;
    leader.fetch(follower, follower_end, SimTime(1_000))?;
    broker_state(fields, &mut leader, follower)?;
    let within_lag = fields.flag_or("follower_within_lag", true)?;
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
