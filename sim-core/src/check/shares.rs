//! The shares that the members of a classic group get in a generation: INV-60 (no partition has two owners), INV-61 (each has one), INV-67
//! (balance and stickiness). They hold in every generation that becomes stable, whatever fails: assignors know all members' claims.
//!
//! What changes hands under a cooperative assignor has no owner for one round. It was claimed by a member when that joined, who gives it up
//! and joins again: in the follow-up round nobody claims it, and it must have an owner.

use super::Finding;
use crate::group::assignor::Assignor;
use crate::group::classic::{ClassicGroup, Member};
use crate::ids::*;
use crate::rows::Set;
use crate::world::World;
use std::collections::BTreeMap;

/// Who has what in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    generation: i32,
    members: BTreeMap<MemberId, Set<PartitionId>>,
}

impl Shares {
    fn of(group: &ClassicGroup, generation: i32) -> Shares {
        let share = |(id, member): (MemberId, &Member)| (id, member.assignment.iter().copied().collect());
        Shares { generation, members: group.members().map(share).collect() }
    }

    fn owned(&self) -> usize {
        self.members.values().map(Set::len).sum()
    }
}

/// INV-60, INV-61, INV-67 of a generation, and its shares. `before`: those of the last one.
pub(super) fn check(world: &World, group: &ClassicGroup, generation: i32, before: Option<&Shares>) -> Result<Shares, Finding> {
    let shares = Shares::of(group, generation);
    let read: Set<TopicId> = group.members().flat_map(|(_, member)| member.subscription.topics.iter().copied()).collect();
    let name = |p: PartitionId| &world.layout.partition(p).name;
    let when = format!("in generation {generation} of {}", group.id);
    let reads = |member: &Member, p: &PartitionId| {
        world.layout.partition(*p).topic.is_some_and(|t| member.subscription.topics.contains(&t))
    };
    let stray = group.members().flat_map(|(_, member)| member.assignment.iter().filter(|p| !reads(member, p))).next();
    if let Some(&stray) = stray {
        return Err(("INV-61", format!("somebody has {} {when} who does not read it", name(stray))));
    }
    let owners = |p: &PartitionId| shares.members.values().filter(|share| share.contains(p)).count();
    let cooperative = group.protocol().is_some_and(Assignor::is_cooperative);
    let withheld = |p: &PartitionId| cooperative && group.members().any(|(_, member)| member.subscription.owned.contains(p));
    // What was added later is assigned when the leader of the group has heard of it (P-23), as has been what somebody claims.
    let is_wanted = |p: &PartitionId| !world.layout.partition(*p).added || owners(p) > 0 || withheld(p);
    let wanted = read.iter().flat_map(|topic| &world.layout.topics[topic.ix()]).copied();
    let wanted: Vec<PartitionId> = wanted.filter(is_wanted).collect();
    if let Some(&twice) = wanted.iter().find(|p| owners(p) > 1) {
        return Err(("INV-60", format!("{} has {} owners {when}", name(twice), owners(&twice))));
    }
    if let Some(&orphan) = wanted.iter().find(|p| owners(p) == 0 && !withheld(p)) {
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

/// INV-67: range differs by at most one in each topic, the others in all. With unequal subscriptions round robin promises nothing.
fn balanced(world: &World, group: &ClassicGroup, shares: &Shares, when: &str) -> Result<(), Finding> {
    let topics = &world.layout.scenario.groups[group.id.ix()].topics;
    let by_topic = group.protocol() == Some(Assignor::Range);
    let alike = group.members().all(|(_, member)| member.subscription.topics.len() == topics.len());
    if group.protocol() == Some(Assignor::RoundRobin) && !alike {
        return Ok(());
    }
    let classes: Vec<Option<TopicId>> = if by_topic { topics.iter().copied().map(Some).collect() } else { vec![None] };
    let members: Vec<Share<'_>> =
        group.members().map(|(id, member)| (&shares.members[&id], member.subscription.topics.as_slice())).collect();
    match classes.into_iter().find_map(|class| uneven(world, &members, class)) {
        Some(sizes) => Err(("INV-67", format!("the shares {when} have the sizes {sizes:?}"))),
        None => Ok(()),
    }
}

/// What a member has, and what it subscribes to.
pub(super) type Share<'a> = (&'a Set<PartitionId>, &'a [TopicId]);

/// INV-67: the sizes of the shares, if somebody has two partitions more than another who would take one of them. `class`: only partitions
/// of this topic count.
pub(super) fn uneven(world: &World, members: &[Share<'_>], class: Option<TopicId>) -> Option<Vec<usize>> {
    let topic = |p: &PartitionId| world.layout.partition(*p).topic;
    let counts = |p: &&PartitionId| class.is_none() || topic(p) == class;
    let sizes: Vec<usize> = members.iter().map(|(share, _)| share.iter().filter(counts).count()).collect();
    if sizes.iter().max()? - sizes.iter().min()? <= 1 {
        return None;
    }
    let takes = |other: usize, p: &PartitionId| topic(p).is_some_and(|topic| members[other].1.contains(&topic));
    let relieved = |owner: usize| {
        let mut others = (0..members.len()).filter(|&other| sizes[owner] > sizes[other] + 1);
        others.any(|other| members[owner].0.iter().filter(counts).any(|p| takes(other, p)))
    };
    (0..members.len()).any(relieved).then_some(sizes)
}

/// INV-67: sticky assignors change nothing when the members are the same and all claim what they had.
fn sticks(group: &ClassicGroup, shares: &Shares, before: &Shares, when: &str) -> Result<(), Finding> {
    let Some(sticky @ (Assignor::Sticky | Assignor::CooperativeSticky)) = group.protocol() else { return Ok(()) };
    // Whoever has lost its generation holds nothing any more, and a cooperative assignor asks for nothing else (G-9).
    let claims = |(id, member): (MemberId, &Member)| {
        let said = &member.subscription;
        let claimed: Set<PartitionId> = said.claims(sticky).iter().copied().collect();
        said.generation == before.generation && before.members.get(&id) == Some(&claimed)
    };
    let same = shares.members.len() == before.members.len() && group.members().all(claims);
    if same && shares.members != before.members {
        return Err((
            "INV-67",
            format!("the shares {when} are not those of generation {}, though nothing changed", before.generation),
        ));
    }
    Ok(())
}
