//! The controller's decisions: sessions, elections, ELR, AlterPartition.

use super::{Fields, broker, int, leader_number, narrow, number, numbers};
use serde_json::{Map, Value, json};
use sim_core::controller::brokers::{is_session_valid, longest_silent, next_session_check};
use sim_core::controller::change::{Election, Rules, Wish, change, elect, eligible};
use sim_core::controller::image::{Image, PartitionState, Registration};
use sim_core::controller::partitions::{check_alter, check_sender};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, PartitionId};
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::AlterPart;

/// C-10.
pub fn leader_election(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let replicas: Vec<BrokerId> = fields.ints("replicas")?.into_iter().map(broker).collect();
    let isr = fields.brokers("isr")?;
    let isr = fields.some_brokers("target_isr")?.unwrap_or(isr);
    let replicas = match fields.some("target_replicas") {
        None => replicas,
        Some(target) => super::ints(target)?.into_iter().map(broker).collect(),
    };
    let leader = some_broker(fields.int_or("leader", -1)?);
    let last_known = some_broker(fields.int_or("last_known_leader", -1)?);
    let election = match fields.some("election").map_or(Some("ONLINE"), Value::as_str).unwrap_or_default() {
        "ONLINE" => Election::Online,
        "PREFERRED" => Election::Preferred,
        "UNCLEAN" => Election::Unclean,
        other => return Err(format!("not understood: election {other}")),
    };
    let acceptable = acceptable(fields.some("acceptable_leaders").unwrap_or(&Value::from("all")))?;
    let elr = fields.some_brokers("elr")?.unwrap_or(BrokerSet::EMPTY);
    let elected = elect(&replicas, isr, elr, last_known, leader, election, acceptable);
    Ok(json!({ "leader": leader_number(elected.leader), "unclean": elected.unclean }))
}

/// A broker; -1 is nobody.
fn some_broker(number: i64) -> Option<BrokerId> {
    (number >= 0).then(|| broker(number))
}

/// `all`, `none`, `all but 3, 4`, or a list.
fn acceptable(said: &Value) -> Result<Box<dyn Fn(BrokerId) -> bool>, String> {
    let set = |text: &str| -> Result<BrokerSet, String> {
        let one = |part: &str| part.trim().parse().map(broker).map_err(|_| format!("not understood: acceptable leaders {said}"));
        text.split(',').map(one).collect()
    };
    Ok(match said {
        Value::String(text) if text == "all" => Box::new(|_| true),
        Value::String(text) if text == "none" => Box::new(|_| false),
        Value::String(text) => {
            let others = text.strip_prefix("all but ").ok_or_else(|| format!("not understood: acceptable leaders {said}"))?;
            let others = set(others)?;
            Box::new(move |b| !others.contains(b))
        }
        _ => {
            let these: BrokerSet = super::ints(said)?.into_iter().map(broker).collect();
            Box::new(move |b| these.contains(b))
        }
    })
}

/// A partition at the controller, with its rules, and who is fenced.
struct Partition {
    state: PartitionState,
    replicas: Vec<BrokerId>,
    min_isr: u32,
    fenced: BrokerSet,
    unclean_elections: bool,
    unclean: bool,
}

impl Partition {
    fn of(fields: &mut Fields<'_>) -> Result<Partition, String> {
        let replicas: Vec<BrokerId> = fields.ints("replicas")?.into_iter().map(broker).collect();
        let all: BrokerSet = replicas.iter().copied().collect();
        let set_or =
            |fields: &mut Fields<'_>, name: &str, missing: BrokerSet| fields.some_brokers(name).map(|set| set.unwrap_or(missing));
        let isr = set_or(fields, "isr", all)?;
        let leader = fields.int_or("leader", replicas.first().map_or(-1, |&first| number(first)))?;
        let last = match fields.some("last_known_elr") {
            Some(list) => super::ints(list)?.first().copied().unwrap_or(-1),
            None => fields.int_or("last_known_leader", -1)?,
        };
        let state = PartitionState {
            leader: some_broker(leader),
            leader_epoch: LeaderEpoch(5),
            partition_epoch: PartitionEpoch(5),
            isr,
            elr: set_or(fields, "elr", BrokerSet::EMPTY)?,
            last_known_leader: some_broker(last),
            recovering: false,
        };
        let mut fenced = set_or(fields, "offline", BrokerSet::EMPTY)?.union(set_or(fields, "fenced", BrokerSet::EMPTY)?);
        if let Some(said) = fields.some("acceptable_leaders") {
            let acceptable = acceptable(said)?;
            fenced = fenced.union(all.iter().filter(|&b| !acceptable(b)).collect());
        }
        let min_isr = narrow(fields.int_or("min_isr", 1)?)?;
        let unclean_elections = fields.flag_or("unclean_leader_election", false)?;
        Ok(Partition { state, replicas, min_isr, fenced, unclean_elections, unclean: false })
    }

    fn wish(&mut self, isr: BrokerSet, unclean: BrokerSet) {
        let (replicas, unclean_elections) = (self.replicas.as_slice(), self.unclean_elections);
        let rules = Rules { replicas, min_isr: self.min_isr, elr: true, unclean_elections };
        let (fenced, wish) = (self.fenced, Wish { unclean, ..Wish::for_isr(isr) });
        if let Some((state, unclean)) = change(&self.state, rules, wish, |b| !fenced.contains(b)) {
            self.state = state;
            self.unclean = unclean;
        }
    }

    /// C-4: as the controller does when it fences a broker.
    fn fence(&mut self, id: BrokerId) {
        self.fenced = self.fenced.with(id);
        self.wish(self.state.isr.without(id), BrokerSet::EMPTY);
    }

    /// C-4: leaderless partitions get another chance.
    fn unfence(&mut self, id: BrokerId) {
        self.fenced = self.fenced.without(id);
        if self.state.leader.is_none() {
            self.wish(self.state.isr, BrokerSet::EMPTY);
        }
    }

    /// C-13: it comes back after an unclean shutdown, and is not active yet.
    fn unclean_shutdown(&mut self, id: BrokerId) {
        self.fenced = self.fenced.with(id);
        self.wish(self.state.isr.without(id), BrokerSet::of(id));
    }

    fn json(&self) -> Value {
        json!({
            "last_known_elr": self.state.last_known_leader.map(number).into_iter().collect::<Vec<_>>(),
            "leader": leader_number(self.state.leader),
            "isr": numbers(self.state.isr),
            "elr": numbers(self.state.elr),
            "unclean": self.unclean,
            "last_known_leader": leader_number(self.state.last_known_leader),
            "recovering": self.state.recovering,
            "leader_recovery_state": if self.state.recovering { "RECOVERING" } else { "RECOVERED" },
        })
    }
}

/// C-12..C-14: one change, or a course of events.
pub fn elr(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let unclean = fields.some_brokers("unclean")?.unwrap_or(BrokerSet::EMPTY);
    if !fields.has("replicas") {
        let (isr, elr, target) = (fields.brokers("isr")?, fields.brokers("elr")?, fields.brokers("target_isr")?);
        let min_isr = narrow(fields.int("min_isr")?)?;
        return Ok(json!({ "elr": numbers(eligible(isr, elr, target, min_isr, unclean)) }));
    }
    let mut partition = Partition::of(fields)?;
    if fields.has("fence_in_order") {
        fields.ints("fence_in_order")?.into_iter().for_each(|b| partition.fence(broker(b)));
    } else if fields.has("events") {
        return events(&mut partition, fields.list("events")?);
    } else {
        let target = fields.some_brokers("target_isr")?.unwrap_or(partition.state.isr);
        partition.wish(target, unclean);
    }
    Ok(partition.json())
}

/// `fence 1,2,3 (a remark)`, `unfence 2`, `unclean shutdown 3`, `isr 0,1`.
fn events(partition: &mut Partition, events: &[Value]) -> Result<Value, String> {
    let mut states = Map::new();
    for (n, event) in events.iter().enumerate() {
        let text = event.as_str().unwrap_or_default();
        let wrong = || format!("not understood: event {event}");
        let said = text.split('(').next().unwrap_or_default();
        let ids = said.find(|c: char| c.is_ascii_digit()).unwrap_or(said.len());
        let (verb, ids) = (said[..ids].trim().to_lowercase().replace('_', " "), &said[ids..]);
        let numbers = ids.split([',', ' ']).filter(|part| !part.is_empty());
        let ids: Vec<BrokerId> = numbers.map(|id| id.parse().map(broker)).collect::<Result<_, _>>().map_err(|_| wrong())?;
        match verb.as_str() {
            "fence" => ids.into_iter().for_each(|id| partition.fence(id)),
            "unfence" => ids.into_iter().for_each(|id| partition.unfence(id)),
            "unclean shutdown" | "unclean shutdown of" => ids.into_iter().for_each(|id| partition.unclean_shutdown(id)),
            "isr" | "shrink isr to" | "expand isr to" | "alter isr to" => {
                partition.wish(ids.into_iter().collect(), BrokerSet::EMPTY);
            }
            _ => return Err(wrong()),
        }
        let name = ["after_first", "after_second", "after_third", "after_fourth", "after_fifth"].get(n);
        states.insert((*name.ok_or("not understood: more than five events")?).to_owned(), partition.json());
    }
    states.insert("final".to_owned(), partition.json());
    Ok(Value::Object(states))
}

/// Brokers of a vector, at most.
const BROKERS: usize = 8;
/// The registered epoch of every broker, and the epochs of the partition.
const CURRENT: i64 = 3;

/// `current`, `current-1`, `current+1` or a number; `current` when it is not there.
fn epoch(fields: &mut Fields<'_>, name: &str) -> Result<i64, String> {
    match fields.find(name) {
        None => Ok(CURRENT),
        Some(Value::String(text)) => {
            let shift = text.strip_prefix("current").ok_or_else(|| format!("not understood: `{name}` is {text}"))?;
            if shift.is_empty() {
                return Ok(CURRENT);
            }
            shift.parse::<i64>().map(|shift| CURRENT + shift).map_err(|_| format!("not understood: `{name}` is {text}"))
        }
        Some(value) => int(value),
    }
}

///
pub fn alter_partition(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let active = Registration { epoch: BrokerEpoch(CURRENT), incarnation: 0, fenced: false, shutting_down: false };
    let mut image = Image { offset: 0, brokers: vec![active; BROKERS], partitions: Vec::new(), next_producer_id: 0 };
    if fields.has("new_isr_contains") {
        return newcomer(&mut image, fields.text("new_isr_contains")?, expect);
    }
    let mut state = Fields::of(fields.get("state")?)?;
    let replicas: Vec<BrokerId> = state.ints("replicas")?.into_iter().map(broker).collect();
    let partition = PartitionState {
        leader: some_broker(state.int("leader")?),
        leader_epoch: LeaderEpoch(narrow(epoch(&mut state, "leader_epoch")?)?),
        partition_epoch: PartitionEpoch(narrow(epoch(&mut state, "partition_epoch")?)?),
        isr: state.brokers("isr")?,
        elr: BrokerSet::EMPTY,
        last_known_leader: None,
        recovering: recovering(&mut state)?,
    };
    let (fenced, stopping) = (state.some_brokers("fenced")?, state.some_brokers("shutting_down")?);
    image.brokers.iter_mut().enumerate().for_each(|(slot, broker)| {
        let listed = |set: &Option<BrokerSet>| set.is_some_and(|set| set.contains(BrokerId::from_slot(slot)));
        broker.fenced = listed(&fenced);
        broker.shutting_down = listed(&stopping);
    });
    state.done()?;
    let mut request = Fields::of(fields.get("request")?)?;
    let sender = broker(request.int("from_broker")?);
    let part = AlterPart {
        partition: PartitionId(0),
        leader_epoch: LeaderEpoch(narrow(epoch(&mut request, "leader_epoch")?)?),
        partition_epoch: PartitionEpoch(narrow(epoch(&mut request, "partition_epoch")?)?),
        isr: request.brokers("isr")?,
        newcomer_epoch: BrokerEpoch(epoch(&mut request, "newcomer_epoch")?),
        recovering: recovering(&mut request)?,
    };
    let sent = BrokerEpoch(epoch(&mut request, "broker_epoch")?);
    request.done()?;
    Ok(answer(&image, &partition, &replicas, sender, sent, &part, expect))
}

fn recovering(fields: &mut Fields<'_>) -> Result<bool, String> {
    match fields.some("leader_recovery_state").map(|v| v.as_str()) {
        None | Some(Some("RECOVERED")) => Ok(false),
        Some(Some("RECOVERING")) => Ok(true),
        Some(other) => Err(format!("not understood: recovery state {other:?}")),
    }
}

fn answer(
    image: &Image,
    state: &PartitionState,
    replicas: &[BrokerId],
    sender: BrokerId,
    sent: BrokerEpoch,
    part: &AlterPart,
    expect: &Value,
) -> Value {
    let may_join = |b: BrokerId, epoch: BrokerEpoch| image.may_join_isr(b, Some(epoch));
    let checked =
        check_sender(sent, image.broker(sender).epoch).and_then(|()| check_alter(state, replicas, sender, part, may_join));
    let isr = numbers(if checked.is_ok() { part.isr } else { state.isr });
    // No error goes by several names.
    let none = expect.get("error").filter(|said| said.is_null() || **said == "OK").cloned();
    let error = match checked {
        Ok(()) => none.unwrap_or_else(|| Value::from(ErrorCode::None.name())),
        Err(error) => Value::from(error.name()),
    };
    json!({ "error": error, "isr": isr, "new_isr": isr })
}

/// The new ISR has a member that may not join.
fn newcomer(image: &mut Image, what: &str, expect: &Value) -> Result<Value, String> {
    let (leader, newcomer) = (broker(0), broker(1));
    let mut newcomer_epoch = BrokerEpoch(CURRENT);
    let has = |words: &[&str]| words.iter().any(|word| what.contains(word));
    match () {
        () if has(&["unfenced", "active"]) => {}
        () if has(&["fenced"]) => image.brokers[newcomer.slot()].fenced = true,
        () if has(&["shutdown", "shutting down"]) => image.brokers[newcomer.slot()].shutting_down = true,
        () if has(&["stale", "older"]) => newcomer_epoch = BrokerEpoch(CURRENT - 1),
        () if has(&["without epoch", "no epoch", "-1"]) => newcomer_epoch = BrokerEpoch::NONE,
        () => return Err(format!("not understood: a newcomer that is {what}")),
    }
    let (leader_epoch, partition_epoch) = (LeaderEpoch(3), PartitionEpoch(3));
    let state = PartitionState {
        leader: Some(leader),
        leader_epoch,
        partition_epoch,
        isr: BrokerSet::of(leader),
        elr: BrokerSet::EMPTY,
        last_known_leader: None,
        recovering: false,
    };
    let isr = state.isr.with(newcomer);
    let part = AlterPart { partition: PartitionId(0), leader_epoch, partition_epoch, isr, newcomer_epoch, recovering: false };
    Ok(answer(image, &state, &[leader, newcomer], leader, BrokerEpoch(CURRENT), &part, expect))
}

/// C-1.
pub fn broker_session(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let timeout = fields.millis("session_timeout_ms")?;
    let touch = fields.get("touch")?.as_object().ok_or("not understood: `touch` is no object")?;
    let mut contacts: Vec<(BrokerId, SimTime)> = Vec::new();
    for (name, at) in touch {
        let id = name.parse().map(broker).map_err(|_| format!("not understood: broker {name}"))?;
        contacts.push((id, SimTime::ZERO + SimDuration::from_millis(narrow(int(at)?)?)));
    }
    let mut result = Map::new();
    for at in fields.list_or_empty("at_ms")? {
        let now = SimTime::ZERO + SimDuration::from_millis(narrow(int(at)?)?);
        let valid = contacts.iter().filter(|(_, last)| is_session_valid(*last, timeout, now)).map(|(b, _)| number(*b));
        result.insert(format!("valid_at_{at}"), json!(valid.collect::<Vec<_>>()));
    }
    let all = contacts.clone();
    let mut stale = Vec::new();
    for at in fields.list_or_empty("stale_check_at_ms")? {
        let now = SimTime::ZERO + SimDuration::from_millis(narrow(int(at)?)?);
        let found = longest_silent(contacts.iter().copied(), timeout, now);
        contacts.retain(|(b, _)| Some(*b) != found);
        stale.push(found.map(number));
    }
    result.insert("stale_one".to_owned(), json!(stale));
    let next = next_session_check(all.iter().map(|c| c.1), timeout).0 / 1_000;
    result.insert("next_check_ms".to_owned(), json!(next));
    // `next_after_fencing_0_ms`, `after_fencing_1_and_2_next_ms`: cumulative, in the order of the brokers fenced.
    for name in expect.as_object().into_iter().flatten().map(|(name, _)| name).filter(|name| name.contains("fencing")) {
        let fenced: Vec<i64> = name.split('_').filter_map(|part| part.parse().ok()).collect();
        let last = fenced.iter().max().ok_or_else(|| format!("not understood: the expectation `{name}`"))?;
        let rest = all.iter().filter(|(b, _)| number(*b) > *last).map(|c| c.1);
        result.insert(name.clone(), json!(next_session_check(rest, timeout).0 / 1_000));
    }
    Ok(Value::Object(result))
}
