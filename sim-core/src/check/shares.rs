//! The shares that the members of a classic group get in a generation: INV-60 (no partition has two owners), INV-61 (each has one), INV-67
//! (balance and stickiness). They hold in every generation that becomes stable, whatever fails: assignors know all members' claims.
//!
//! What changes hands under a cooperative assignor has no owner for one round. It was claimed by a member when that joined, who gives it up
//! and joins again: in the follow-up round nobody claims it, and it must have an owner.

use super::Finding;
use crate::group::assignor::Assignor;
use crate::group::classic::{ClassicGroup, Member};
use crate::ids::*;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Who has what in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    generation: i32,
    members: BTreeMap<MemberId, BTreeSet<PartitionId>>,
}

impl Shares {
    fn of(group: &ClassicGroup, generation: i32) -> Shares {
        let share = |(id, member): (MemberId, &Member)| (id, member.assignment.iter().copied().collect());
        Shares { generation, members: group.members().map(share).collect() }
    }

    fn owned(&self) -> usize {
        self.members.values().map(BTreeSet::len).sum()
    }
}

/// INV-60, INV-61, INV-67 of a generation, and its shares. `before`: those of the last one.
pub(super) fn check(world: &World, group: &ClassicGroup, generation: i32, before: Option<&Shares>) -> Result<Shares, Finding> {
    let shares = Shares::of(group, generation);
    let read = &world.layout.scenario.groups[group.id.ix()].topics;
    let name = |p: PartitionId| &world.layout.partition(p).name;
    let when = format!("in generation {generation} of {}", group.id);
    let owners = |p: &PartitionId| shares.members.values().filter(|share| share.contains(p)).count();
    // What was added later is assigned when the leader of the group has heard of it (P-23).
    let is_wanted = |p: &PartitionId| !world.layout.partition(*p).added || owners(p) > 0;
    let wanted = read.iter().flat_map(|topic| &world.layout.topics[topic.ix()]).copied();
    let wanted: Vec<PartitionId> = wanted.filter(is_wanted).collect();
    if let Some(&twice) = wanted.iter().find(|p| owners(p) > 1) {
        return Err(("INV-60", format!("{} has {} owners {when}", name(twice), owners(&twice))));
    }
    let cooperative = group.protocol().is_some_and(Assignor::is_cooperative);
    let claimed = |p: &PartitionId| group.members().any(|(_, member)| member.subscription.owned.contains(p));
    if let Some(&orphan) = wanted.iter().find(|p| owners(p) == 0 && !(cooperative && claimed(p))) {
        return Err(("INV-61", format!("nobody has {} {when}", name(orphan))));
    }
    if shares.owned() == wanted.len() {
        balanced(world, group, &shares, &when)?;
        if let Some(before) = before.filter(|before| before.owned() == wanted.len()) {
            sticks(group, &shares, before, &when)?;
        }
    }
    Ok(shares)
}

/// INV-67: range differs by at most one in each topic, the others in all. All members of a group subscribe alike.
fn balanced(world: &World, group: &ClassicGroup, shares: &Shares, when: &str) -> Result<(), Finding> {
    let topics = &world.layout.scenario.groups[group.id.ix()].topics;
    let by_topic = group.protocol() == Some(Assignor::Range);
    let classes: Vec<Option<TopicId>> = if by_topic { topics.iter().copied().map(Some).collect() } else { vec![None] };
    for class in classes {
        let counts = |p: &&PartitionId| class.is_none() || world.layout.partition(**p).topic == class;
        let sizes: Vec<usize> = shares.members.values().map(|share| share.iter().filter(counts).count()).collect();
        let (least, most) = (sizes.iter().min().copied().unwrap_or(0), sizes.iter().max().copied().unwrap_or(0));
        if most - least > 1 {
            return Err(("INV-67", format!("the shares {when} have the sizes {sizes:?}")));
        }
    }
    Ok(())
}

/// INV-67: sticky assignors change nothing when the members are the same and all claim what they had.
fn sticks(group: &ClassicGroup, shares: &Shares, before: &Shares, when: &str) -> Result<(), Finding> {
    let sticky = matches!(group.protocol(), Some(Assignor::Sticky | Assignor::CooperativeSticky));
    let claims = |(id, member): (MemberId, &Member)| {
        let said = &member.subscription;
        let claimed = if said.owned.is_empty() { &said.previous } else { &said.owned };
        let claimed: BTreeSet<PartitionId> = claimed.iter().copied().collect();
        said.generation == before.generation && before.members.get(&id) == Some(&claimed)
    };
    let same = shares.members.len() == before.members.len() && group.members().all(claims);
    if sticky && same && shares.members != before.members {
        return Err((
            "INV-67",
            format!("the shares {when} are not those of generation {}, though nothing changed", before.generation),
        ));
    }
    Ok(())
}
