//! The client's assignors (A-1..A-8): members and what they own in, shares out.

use super::{Fields, int, list, narrow};
use serde_json::{Map, Value, json};
use sim_core::group::assignor::{self, Assignor, Shares, Subscriber, Topic};
use sim_core::ids::PartitionId;

/// A group as a vector has it.
struct Group {
    topics: Vec<Topic>,
    /// By [`PartitionId`]: `topic-0`.
    names: Vec<String>,
    members: Vec<Subscriber>,
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("not understood: {value} is no text"))
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    list(value)?.iter().map(text).collect()
}

impl Group {
    fn read(fields: &mut Fields<'_>) -> Result<Group, String> {
        let mut group = Group { topics: Vec::new(), names: Vec::new(), members: Vec::new() };
        let counts = fields.get("partitions")?.as_object().ok_or("not understood: `partitions` is no object")?;
        for (topic, count) in counts {
            group.topic(topic);
            for n in 0..int(count)? {
                let id = group.partition(&format!("{topic}-{n}"))?;
                group.topics.last_mut().expect("just added").partitions.push(id);
            }
        }
        for (id, member) in fields.get("members")?.as_object().ok_or("not understood: `members` is no object")? {
            let member = group.member(id, Fields::of(member)?)?;
            group.members.push(member);
        }
        Ok(group)
    }

    /// The position of a topic; one that the cluster does not have has no partitions.
    fn topic(&mut self, name: &str) -> usize {
        self.topics.iter().position(|topic| topic.name == name).unwrap_or_else(|| {
            self.topics.push(Topic { name: name.to_owned(), partitions: Vec::new() });
            self.topics.len() - 1
        })
    }

    /// The id of a partition; one that the cluster does not have belongs to no topic.
    fn partition(&mut self, name: &str) -> Result<PartitionId, String> {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Ok(PartitionId(narrow(at as i64)?))
    }

    fn member(&mut self, id: &str, mut fields: Fields<'_>) -> Result<Subscriber, String> {
        let topics = texts(fields.get("topics")?)?;
        let owned = fields.find("owned").filter(|value| !value.is_null()).map_or(Ok(Vec::new()), texts)?;
        // A rack matters only where those of the replicas are known, too, which no vector says.
        fields.find("rack");
        let instance = fields.find("instance").filter(|value| !value.is_null()).map(text).transpose()?;
        let generation = match fields.find("generation") {
            None | Some(Value::Null) => -1,
            Some(generation) => narrow(int(generation)?)?,
        };
        fields.done()?;
        Ok(Subscriber {
            id: id.to_owned(),
            instance,
            topics: topics.iter().map(|topic| self.topic(topic)).collect(),
            owned: owned.iter().map(|name| self.partition(name)).collect::<Result<_, _>>()?,
            generation,
        })
    }

    /// A share is a set: its partitions are named in the order in which the expectation names them.
    fn shares(&self, shares: &Shares, expect: &Value) -> Value {
        let of = |(member, share): (&Subscriber, &Vec<PartitionId>)| {
            let expected = expect[&member.id].as_array().map_or(&[][..], Vec::as_slice);
            let mut names: Vec<&str> = share.iter().map(|p| self.names[p.ix()].as_str()).collect();
            names.sort_by_key(|name| expected.iter().position(|e| e == name).unwrap_or(usize::MAX));
            (member.id.clone(), json!(names))
        };
        Value::Object(self.members.iter().zip(shares).map(of).collect())
    }
}

///
pub fn range(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let group = Group::read(fields)?;
    Ok(json!({ "assignment": group.shares(&assignor::range(&group.topics, &group.members), &expect["assignment"]) }))
}

///
pub fn round_robin(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let group = Group::read(fields)?;
    Ok(json!({ "assignment": group.shares(&assignor::round_robin(&group.topics, &group.members), &expect["assignment"]) }))
}

///
pub fn sticky(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let group = Group::read(fields)?;
    let found = assignor::sticky(&group.topics, &group.members);
    let transferring = found.transferring.map(|moving| {
        let name = |(p, m): (PartitionId, usize)| (group.names[p.ix()].clone(), json!(group.members[m].id));
        moving.into_iter().map(name).collect::<Map<String, Value>>()
    });
    Ok(json!({
        "assignment": group.shares(&found.shares, &expect["assignment"]),
        "equal_subscriptions": transferring.is_some(),
        "partitions_transferring_ownership": transferring,
    }))
}

/// The second round is that of the members that own what the first one gave them.
pub fn cooperative_sticky(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let mut group = Group::read(fields)?;
    let first = Assignor::CooperativeSticky.assign(&group.topics, &group.members);
    let generation = group.members.iter().map(|m| m.generation).max().unwrap_or(-1) + 1;
    for (member, share) in group.members.iter_mut().zip(&first) {
        (member.owned, member.generation) = (share.clone(), generation);
    }
    let second = Assignor::CooperativeSticky.assign(&group.topics, &group.members);
    let shares = |shares: &Shares, name: &str| group.shares(shares, &expect[name]);
    Ok(json!({
        "assignment": shares(&first, "assignment"),
        "assignment_round1": shares(&first, "assignment_round1"),
        "assignment_round2": shares(&second, "assignment_round2"),
    }))
}
