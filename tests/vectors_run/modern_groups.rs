//! Groups of the consumer protocol (KIP-848): reconciliation, commits, the brokers' assignor.

use super::{Fields, int, list, narrow};
use serde_json::{Map, Value, json};
use sim_core::config::GroupProtocol;
use sim_core::error_code::ErrorCode;
use sim_core::group::modern::reconcile::{MemberState, Progress, Target, reconcile};
use sim_core::group::modern::{self, Partitions, uniform};
use sim_core::ids::{MemberEpoch, PartitionId};
use std::collections::BTreeMap;

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
        revoking: names.partitions(fields.get("pending_revocation")?)?,
    };
    let target_epoch = epoch(fields, "target_epoch")?;
    let target = names.partitions(fields.get("target")?)?;
    let held = fields.int_or("current_owner_epoch_of_every_unassigned_partition", -1)? != -1;
    let owned = match fields.find("owned_reported") {
        None | Some(Value::Null) => None,
        Some(owned) => Some(names.partitions(owned)?),
    };
    let is_held = |partition| held || member.holds(partition);
    let target = Target { epoch: target_epoch, partitions: &target };
    Ok(match reconcile(&member, target, is_held, owned.as_ref()) {
        Err(error) => json!({ "error": error.name() }),
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
    let commits = fields.text("member")?;
    let current = MemberEpoch(fields.int_or("member_epoch", -1).and_then(narrow)?);
    let named = |member: &Value| {
        let (name, classic) = match member.as_str().unwrap_or_default() {
            name if name.ends_with("(classic protocol)") => (name.trim_end_matches("(classic protocol)"), true),
            name => (name, false),
        };
        (name == commits).then_some(if classic { GroupProtocol::Classic } else { GroupProtocol::Consumer })
    };
    let member = members.iter().find_map(named).map(|protocol| (current, protocol));
    let result = modern::check_commit(members.is_empty(), member, epoch(fields, "epoch")?);
    Ok(json!({ "result": result.map_or_else(ErrorCode::name, |()| "OK") }))
}

/// Members come in the order of their names. Kafka goes through topics in the order of their ids' hashes: where free partitions
/// of several topics are handed out, only what each member keeps and how many it has can be compared.
pub fn assignor_uniform_server(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let mut names = Names::default();
    let counts = fields.get("partitions")?.as_object().ok_or("not understood: `partitions` is no object")?;
    let mut topics: BTreeMap<PartitionId, &String> = BTreeMap::new();
    for (topic, count) in counts {
        for n in 0..int(count)? {
            topics.insert(names.id(&json!(format!("{topic}-{n}")))?, topic);
        }
    }
    let described = fields.get("members")?.as_object().ok_or("not understood: `members` is no object")?;
    let mut owned = Vec::new();
    for member in described.values() {
        let mut member = Fields::of(member)?;
        owned.push(member.find("owned").map_or(Ok(Partitions::new()), |owned| names.partitions(owned))?);
        member.done()?;
    }
    let all: Partitions = topics.keys().copied().collect();
    let shares = uniform::assign(&all, &owned);
    let kept = |shares: &[Partitions]| -> Vec<Partitions> {
        shares.iter().zip(&owned).map(|(s, o)| s.intersection(o).copied().collect()).collect()
    };
    let given: Partitions = shares.iter().zip(&owned).flat_map(|(share, owned)| share.difference(owned)).copied().collect();
    let of_topics: std::collections::BTreeSet<_> = given.iter().map(|p| topics[p]).collect();
    if of_topics.len() > 1 {
        let wanted = expect["assignment"].as_object().ok_or("not understood: `assignment` is expected")?;
        let wanted: Vec<Partitions> =
            described.keys().map(|member| names.partitions(&wanted[member])).collect::<Result<_, _>>()?;
        let sizes = |shares: &[Partitions]| shares.iter().map(Partitions::len).collect::<Vec<_>>();
        let together: Partitions = wanted.iter().flatten().copied().collect();
        if (sizes(&wanted), kept(&wanted), together) == (sizes(&shares), kept(&shares), all) {
            return Ok(expect.clone());
        }
    }
    let assignment: Map<String, Value> =
        described.keys().zip(&shares).map(|(member, share)| (member.clone(), json!(names.of(share)))).collect();
    Ok(json!({ "assignment": assignment }))
}
