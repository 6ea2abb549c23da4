//! Groups of the consumer protocol (KIP-848): reconciliation, commits, the brokers' assignor.

use super::{Fields, int, list, narrow};
use serde_json::{Map, Value, json};
use sim_core::config::GroupProtocol;
use sim_core::error_code::ErrorCode;
use sim_core::group::assignor::Topic;
use sim_core::group::modern::reconcile::{MemberState, Progress, Target, reconcile};
use sim_core::group::modern::{self, Partitions, uniform, uniform_unequal};
use sim_core::ids::{MemberEpoch, PartitionId, TopicId};
use std::collections::BTreeSet;

const STATES: [(MemberState, &str); 4] = [
    (MemberState::Stable, "STABLE"),
    (MemberState::UnrevokedPartitions, "UNREVOKED_PARTITIONS"),
    (MemberState::UnreleasedPartitions, "UNRELEASED_PARTITIONS"),
    (MemberState::Unknown, "UNKNOWN"),
];

/// The vector's names for partitions, numbered as they come.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn id(&mut self, name: &Value) -> Result<PartitionId, String> {
        let name = name.as_str().ok_or_else(|| format!("not understood: partition {name}"))?;
        let at = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        Ok(PartitionId(at as u16))
    }

    fn partitions(&mut self, names: &Value) -> Result<Partitions, String> {
        list(names)?.iter().map(|name| self.id(name)).collect()
    }

    /// In the order of their names.
    fn of(&self, partitions: &Partitions) -> Vec<&str> {
        let mut names: Vec<&str> = partitions.iter().map(|p| self.0[p.ix()].as_str()).collect();
        names.sort_unstable();
        names
    }
}

fn epoch(fields: &mut Fields<'_>, name: &str) -> Result<MemberEpoch, String> {
    fields.int(name).and_then(narrow).map(MemberEpoch)
}

/// Does somebody hold whatever this member does not have? Else: which partitions have an owner. An epoch of -1 stands for none.
fn held(fields: &mut Fields<'_>, names: &mut Names) -> Result<(bool, Partitions), String> {
    let all = fields.int_or("current_owner_epoch_of_every_unassigned_partition", -1)? != -1;
    let mut held = Partitions::new();
    if let Some(epochs) = fields.find("current_owner_epochs") {
        for (partition, epoch) in epochs.as_object().ok_or("not understood: `current_owner_epochs` is no object")? {
            if int(epoch)? != -1 {
                held.insert(names.id(&json!(partition))?);
            }
        }
    }
    Ok((all, held))
}

/// G-21.
pub fn kip848_reconciliation(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let mut names = Names::default();
    let said = fields.text("state")?;
    let state = STATES.iter().find(|(_, name)| *name == said).ok_or_else(|| format!("not understood: state {said}"))?.0;
    let member = Progress {
        state,
        epoch: epoch(fields, "member_epoch")?,
        previous_epoch: MemberEpoch(fields.int_or("previous_member_epoch", -1).and_then(narrow)?),
        assigned: names.partitions(fields.get("assigned")?)?,
        revoking: fields.find("pending_revocation").map_or(Ok(Partitions::new()), |revoking| names.partitions(revoking))?,
    };
    let target_epoch = epoch(fields, "target_epoch")?;
    let target = names.partitions(fields.get("target")?)?;
    let (all_held, held) = held(fields, &mut names)?;
    let owned = match fields.find("owned_reported") {
        None | Some(Value::Null) => None,
        Some(owned) => Some(names.partitions(owned)?),
    };
    let is_held = |partition| all_held || held.contains(&partition) || member.holds(partition);
    let target = Target { epoch: target_epoch, partitions: &target };
    Ok(match reconcile(&member, target, is_held, owned.as_ref()) {
        Err(error) => json!({ "error": error.name(), "result": error.name() }),
        Ok(next) => json!({
            "state": STATES.iter().find(|(state, _)| *state == next.state).expect("all are there").1,
            "member_epoch": next.epoch.0,
            "previous_member_epoch": next.previous_epoch.0,
            "assigned": names.of(&next.assigned),
            "pending_revocation": names.of(&next.revoking),
        }),
    })
}

/// G-24. Of the members only the one that commits has an epoch.
pub fn consumer_group_offset_commit(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let members = fields.list("members")?;
    let commits = fields.find("member").and_then(Value::as_str).unwrap_or_default();
    let instance = fields.find("instance").and_then(Value::as_str);
    let transactional = fields.find("transactional").and_then(Value::as_bool).unwrap_or(false);
    let current = MemberEpoch(fields.int_or("member_epoch", 0).and_then(narrow)?);
    let named = |member: &Value| {
        let name = member.as_str().unwrap_or_default();
        let classic = name.strip_suffix("(classic protocol)").map(str::trim_end);
        let protocol = if classic.is_some() { GroupProtocol::Classic } else { GroupProtocol::Consumer };
        (classic.unwrap_or(name) == commits).then_some(protocol)
    };
    let member = members.iter().find_map(named).map(|protocol| (current, protocol));
    let unnamed = transactional && commits.is_empty() && instance.is_none();
    let result = modern::check_commit(members.is_empty(), member, epoch(fields, "epoch")?, unnamed);
    Ok(json!({ "result": result.map_or_else(ErrorCode::name, |()| "OK") }))
}

/// The topics of a vector, with its names for their partitions, and its members in the order of their names.
struct Uniform {
    names: Names,
    topics: Vec<Topic>,
    ids: Vec<String>,
    subscriptions: Vec<Vec<TopicId>>,
    owned: Vec<Partitions>,
}

impl Uniform {
    fn read(fields: &mut Fields<'_>) -> Result<Uniform, String> {
        let mut names = Names::default();
        let mut topics = Vec::new();
        for (name, count) in fields.get("partitions")?.as_object().ok_or("not understood: `partitions` is no object")? {
            let partitions = (0..int(count)?).map(|n| names.id(&json!(format!("{name}-{n}")))).collect::<Result<_, _>>()?;
            topics.push(Topic { name: name.clone(), partitions });
        }
        let mut group = Uniform { names, topics, ids: Vec::new(), subscriptions: Vec::new(), owned: Vec::new() };
        for (id, member) in fields.get("members")?.as_object().ok_or("not understood: `members` is no object")? {
            group.member(id, Fields::of(member)?)?;
        }
        Ok(group)
    }

    /// Who does not say what it subscribes to subscribes to everything.
    fn member(&mut self, id: &str, mut fields: Fields<'_>) -> Result<(), String> {
        let place = |name: &Value| {
            let at = self.topics.iter().position(|topic| name == &json!(topic.name));
            at.map(|at| TopicId(at as u16)).ok_or_else(|| format!("not understood: there is no topic {name}"))
        };
        let topics = match fields.find("topics") {
            None => (0..self.topics.len() as u16).map(TopicId).collect(),
            Some(topics) => list(topics)?.iter().map(place).collect::<Result<_, _>>()?,
        };
        let owned = fields.find("owned").filter(|owned| !owned.is_null());
        let owned = owned.map_or(Ok(Partitions::new()), |owned| self.names.partitions(owned))?;
        for of_no_matter in ["instance", "rack"] {
            fields.find(of_no_matter);
        }
        fields.done()?;
        self.ids.push(id.to_owned());
        self.subscriptions.push(topics);
        self.owned.push(owned);
        Ok(())
    }

    fn subscribe_alike(&self) -> bool {
        let sets = self.subscriptions.iter().map(|topics| topics.iter().copied().collect::<BTreeSet<TopicId>>());
        sets.collect::<BTreeSet<_>>().len() <= 1
    }

    /// Every partition of what anybody subscribes to.
    fn all(&self) -> Partitions {
        self.subscriptions.iter().flatten().flat_map(|topic| &self.topics[topic.ix()].partitions).copied().collect()
    }

    fn topic_of(&self, partition: PartitionId) -> Option<usize> {
        self.topics.iter().position(|topic| topic.partitions.contains(&partition))
    }

    /// Kafka goes through topics in the order of their ids' hashes: where free partitions of several topics are handed out, only what
    /// each member keeps and how many it has can be compared. Are these shares the ones that are wanted, as far as that goes?
    fn agrees(&mut self, shares: &[Partitions], wanted: &Value) -> Result<bool, String> {
        let given = shares.iter().zip(&self.owned).flat_map(|(share, owned)| share.difference(owned));
        if given.map(|&p| self.topic_of(p)).collect::<BTreeSet<_>>().len() <= 1 {
            return Ok(false);
        }
        let wanted = wanted.as_object().ok_or("not understood: `assignment` is expected")?;
        let of = |id: &String| wanted.get(id).map_or(Ok(Partitions::new()), |share| self.names.partitions(share));
        let wanted: Vec<Partitions> = self.ids.iter().map(of).collect::<Result<_, _>>()?;
        let kept = |shares: &[Partitions]| -> Vec<Partitions> {
            shares.iter().zip(&self.owned).map(|(s, o)| s.intersection(o).copied().collect()).collect()
        };
        let sizes = |shares: &[Partitions]| shares.iter().map(Partitions::len).collect::<Vec<_>>();
        let together: Partitions = wanted.iter().flatten().copied().collect();
        Ok((sizes(&wanted), kept(&wanted), together) == (sizes(shares), kept(shares), self.all()))
    }
}

///
pub fn assignor_uniform_server(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let mut group = Uniform::read(fields)?;
    let shares = if group.subscribe_alike() {
        let shares = uniform::assign(&group.all(), &group.owned);
        if group.agrees(&shares, &expect["assignment"])? {
            return Ok(expect.clone());
        }
        shares
    } else {
        let subscriptions: Vec<&[TopicId]> = group.subscriptions.iter().map(Vec::as_slice).collect();
        uniform_unequal::assign(&group.topics, &subscriptions, &group.owned)
    };
    let assignment: Map<String, Value> =
        group.ids.iter().zip(&shares).map(|(id, share)| (id.clone(), json!(group.names.of(share)))).collect();
    Ok(json!({ "assignment": assignment }))
}
