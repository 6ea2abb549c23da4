//! Groups at their coordinators: INV-60 (one owner), INV-62 (epochs only grow), INV-63 (who commits), INV-64 (committed offsets are what
//! the log says), INV-67 (balance). They hold always; INV-62 as long as what was committed to `__consumer_offsets` stays there. What
//! members of classic groups get is looked at in `shares`.

use super::Finding;
use super::shares::{self, Shares};
use crate::config::GroupProtocol;
use crate::group::classic::State;
use crate::group::modern::ServerAssignor;
use crate::group::modern::records::ConsumerGroup;
use crate::ids::*;
use crate::record::{CommitRecord, CommittedOffset, Payload};
use crate::rows::Set;
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// A group epoch and where its record ends.
#[derive(Clone, Copy, Debug)]
struct Written {
    /// Who leads the partition that it is in: a leader that is none any more writes, too, and others' watermarks do not commit that.
    leader: BrokerId,
    home: PartitionId,
    end: Offset,
    epoch: MemberEpoch,
}

/// What this family remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// Epochs whose records are in the log and not known to be committed.
    written: Vec<(GroupId, Written)>,
    /// The last committed one of each group.
    committed: BTreeMap<GroupId, Written>,
    /// Of classic groups: the last generation that everybody had its share in.
    generations: BTreeMap<GroupId, i32>,
    /// And what that was.
    shares: BTreeMap<GroupId, Shares>,
}

impl Groups {
    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        let mut appended = (PartitionId(0), Offset::ZERO);
        events.iter().enumerate().find_map(|(n, event)| match event.what {
            What::Appended { partition, base, count, leader: true, .. } => {
                appended = (partition, base.plus(count));
                None
            }
            // One that stood still and is not the coordinator any more may write it down; nobody is answered, and it is cut off.
            What::GroupEpochSet { broker, group, epoch } if leads(world, broker, appended.0) => {
                self.epoch_set(broker, (group, epoch), appended)
            }
            What::HwMoved { broker, partition, to } => {
                self.commit_up_to(broker, partition, to);
                None
            }
            What::BecameLeader { broker, partition, start, .. } => {
                // What lay beyond is gone, or was never committed.
                self.written.retain(|(_, w)| w.home != partition || w.end <= start);
                self.written.iter_mut().filter(|(_, w)| w.home == partition).for_each(|(_, w)| w.leader = broker);
                self.committed.retain(|_, w| w.home != partition || w.end <= start);
                None
            }
            What::GroupLoaded { broker, group, .. } => offsets_are_the_log(world, broker, group),
            // One that is not the coordinator any more may hear late that the last generation it wrote down is committed (as its successor has
            // read); it answers, and then it hears of its successor.
            What::GroupChanged { broker, group, state: State::Stable, generation, .. }
                if leads(world, broker, world.layout.coordinator_partitions[group.ix()]) =>
            {
                self.stable(world, (broker, group), generation)
            }
            // A log of groups that loses its end may lose generations as well.
            What::Truncated { partition, .. } | What::TailLost { partition, .. } => {
                let layout = &world.layout;
                self.generations.retain(|group, _| layout.coordinator_partitions[group.ix()] != partition);
                None
            }
            What::MemberReconciled { broker, group, .. } | What::MemberRemoved { broker, group, .. } => {
                let known = world.brokers[broker.slot()].modern_group(group)?;
                one_owner(world, group, known).or_else(|| balance(world, group, known))
            }
            What::CommitTaken { broker, group, .. } if !is_as_then(world, (broker, group), &events[n + 1..]) => None,
            What::CommitTaken { broker, group, member, generation } => {
                committer(world, (broker, group), member, MemberEpoch(generation))
            }
            _ => None,
        })
    }

    /// INV-62 of a classic group: generations grow. Then what `shares` says of the new one.
    fn stable(&mut self, world: &World, (broker, group): (BrokerId, GroupId), generation: i32) -> Option<Finding> {
        if let Some(before) = self.generations.insert(group, generation).filter(|&before| before >= generation) {
            return Some(("INV-62", format!("{group} went from generation {before} to {generation}")));
        }
        let known = world.brokers[broker.slot()].classic_group(group)?;
        match shares::check(world, known, generation, self.shares.get(&group)) {
            Ok(now) => {
                self.shares.insert(group, now);
                None
            }
            Err(found) => Some(found),
        }
    }

    fn epoch_set(
        &mut self,
        leader: BrokerId,
        (group, epoch): (GroupId, MemberEpoch),
        (home, end): (PartitionId, Offset),
    ) -> Option<Finding> {
        self.written.push((group, Written { leader, home, end, epoch }));
        let before = self.committed.get(&group).filter(|w| w.epoch >= epoch)?;
        Some(("INV-62", format!("{group} went from epoch {} to {epoch}", before.epoch)))
    }

    fn commit_up_to(&mut self, leader: BrokerId, home: PartitionId, watermark: Offset) {
        let is_in = |w: &Written| w.leader == leader && w.home == home && w.end <= watermark;
        for (group, w) in self.written.extract_if(.., |(_, w)| is_in(w)) {
            self.committed.insert(group, w);
        }
    }
}

/// Is it the leader that the controllers know, in the epoch that they know?
fn leads(world: &World, broker: BrokerId, home: PartitionId) -> bool {
    let state = world.metadata().partition(home);
    let epoch = world.brokers[broker.slot()].replica(home).map(|replica| replica.leader_epoch);
    state.leader == Some(broker) && epoch == Some(state.leader_epoch)
}

/// INV-60: what a member is told to have, or has not given up yet, nobody else has.
fn one_owner(world: &World, group: GroupId, known: &ConsumerGroup) -> Option<Finding> {
    let mut owners: BTreeMap<PartitionId, MemberId> = BTreeMap::new();
    for (&id, member) in known.members.iter() {
        for &partition in member.progress.assigned.iter().chain(member.progress.revoking.iter()) {
            if let Some(other) = owners.insert(partition, id) {
                let name = &world.layout.partition(partition).name;
                return Some(("INV-60", format!("{name} is both {other:?}'s and {id:?}'s in {group}")));
            }
        }
    }
    None
}

/// INV-67: a target assignment is as even as its assignor promises: uniform in all, range in each topic. Nobody has two more than another
/// who would take one of them.
fn balance(world: &World, group: GroupId, known: &ConsumerGroup) -> Option<Finding> {
    if known.epoch != known.target_epoch || known.members.is_empty() {
        return None;
    }
    let spec = &world.layout.scenario.groups[group.ix()];
    let by_topic = spec.config.group_remote_assignor == Some(ServerAssignor::Range);
    let classes = if by_topic { spec.topics.iter().map(|t| Some(*t)).collect() } else { vec![None] };
    let nothing = Set::new();
    let share = |id| known.targets.get(id).unwrap_or(&nothing);
    let members: Vec<shares::Share<'_>> =
        known.members.iter().map(|(id, member)| (share(id), member.metadata.topics.as_slice())).collect();
    let uneven = classes.into_iter().find_map(|class| shares::uneven(world, &members, class))?;
    Some(("INV-67", format!("the targets of {group} at epoch {} have sizes {uneven:?}", known.target_epoch)))
}

/// Is what the broker knows of the group what it knew when it took a commit? Whoever has stood still reads all that has arrived meanwhile in
/// one step: after the commit it may step down in it (and lead once more), or let the group move on. `later`: what came after the commit in
/// its step.
fn is_as_then(world: &World, (broker, group): (BrokerId, GroupId), later: &[TraceEvent]) -> bool {
    let home = world.layout.coordinator_partitions[group.ix()];
    let leads = world.brokers[broker.slot()].replica(home).is_some_and(|replica| replica.leading().is_some());
    let moves = |event: &TraceEvent| match event.what {
        What::MemberAdded { broker: by, group: of, .. }
        | What::MemberReconciled { broker: by, group: of, .. }
        | What::MemberRemoved { broker: by, group: of, .. }
        | What::GroupChanged { broker: by, group: of, .. } => (by, of) == (broker, group),
        What::BecameLeader { broker: by, partition, .. } | What::BecameFollower { broker: by, partition, .. } => {
            (by, partition) == (broker, home)
        }
        _ => false,
    };
    leads && !later.iter().any(moves)
}

/// INV-63: the sender of an accepted commit is a member, at the group's word for its epoch; without an epoch the group is empty.
fn committer(
    world: &World,
    (broker, group): (BrokerId, GroupId),
    member: Option<MemberId>,
    epoch: MemberEpoch,
) -> Option<Finding> {
    if world.layout.scenario.groups[group.ix()].config.group_protocol != GroupProtocol::Consumer {
        return classic_committer(world, (broker, group), member, epoch.0);
    }
    let known = world.brokers[broker.slot()].modern_group(group);
    let is_member = member.is_some_and(|id| known.is_some_and(|g| g.members.get(&id).is_some_and(|m| m.progress.epoch == epoch)));
    let is_simple = epoch < MemberEpoch::JOIN && known.is_none_or(|g| g.members.is_empty());
    (!is_member && !is_simple).then(|| {
        ("INV-63", format!("{broker} took a commit of {group} from {member:?} at epoch {epoch}, which is not its epoch there"))
    })
}

/// INV-63 of a classic group.
fn classic_committer(
    world: &World,
    (broker, group): (BrokerId, GroupId),
    member: Option<MemberId>,
    generation: i32,
) -> Option<Finding> {
    let known = world.brokers[broker.slot()].classic_group(group);
    let is_member = known.is_some_and(|g| g.generation() == generation && g.members().any(|(id, _)| Some(id) == member));
    let is_simple = generation < 0 && known.is_none_or(|g| g.state() == State::Empty);
    (!is_member && !is_simple).then(|| {
        (
            "INV-63",
            format!("{broker} took a commit of {group} from {member:?} in generation {generation}, which is not the group's"),
        )
    })
}

/// INV-64: a new coordinator knows just what its log says. A plain commit counts below the watermark, one of a transaction with its
/// marker.
fn offsets_are_the_log(world: &World, broker: BrokerId, group: GroupId) -> Option<Finding> {
    let (layout, broker) = (&world.layout, &world.brokers[broker.slot()]);
    let replica = broker.replica(layout.coordinator_partitions[group.ix()])?;
    let mut fold: BTreeMap<PartitionId, CommittedOffset> = BTreeMap::new();
    let mut held: BTreeMap<Pid, Vec<CommitRecord>> = BTreeMap::new();
    for entry in replica.log.batches() {
        let pid = entry.batch.sequence.pid;
        let counts = match &entry.batch.payload {
            Payload::Commits(commits) if entry.batch.transactional => {
                held.entry(pid).or_default().extend(commits);
                continue;
            }
            Payload::Commits(commits) if entry.end() <= replica.high_watermark => commits.clone(),
            Payload::Marker(marker) => held.remove(&pid).filter(|_| marker.commit).unwrap_or_default(),
            _ => continue,
        };
        for commit in counts.iter().filter(|c| c.group == group) {
            match commit.committed {
                Some(committed) => fold.insert(commit.partition, committed),
                None => fold.remove(&commit.partition),
            };
        }
    }
    layout.partition_ids().find_map(|partition| {
        let (log, memory) = (fold.get(&partition).copied(), broker.committed(group, partition));
        let name = &layout.partition(partition).name;
        let differs = || ("INV-64", format!("{}: {group} is at {memory:?} of {name}, the log says {log:?}", broker.id));
        (log != memory).then(differs)
    })
}
