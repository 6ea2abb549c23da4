//! Groups at their coordinators: INV-60 (one owner), INV-62 (epochs only grow), INV-63 (who commits), INV-64 (committed offsets are what
//! the log says), INV-67 (balance). They hold always; INV-62 as long as what was committed to `__consumer_offsets` stays there.

use super::Finding;
use crate::config::GroupProtocol;
use crate::group::modern::ServerAssignor;
use crate::group::modern::records::ConsumerGroup;
use crate::ids::*;
use crate::record::{CommitRecord, CommittedOffset, Payload};
use crate::trace::{TraceEvent, What};
use crate::world::World;
use std::collections::BTreeMap;

/// A group epoch and where its record ends.
#[derive(Clone, Copy, Debug)]
struct Written {
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
}

impl Groups {
    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        let mut appended = (PartitionId(0), Offset::ZERO);
        events.iter().find_map(|event| match event.what {
            What::Appended { partition, base, count, leader: true, .. } => {
                appended = (partition, base.plus(count));
                None
            }
            What::GroupEpochSet { group, epoch, .. } => self.epoch_set(group, epoch, appended),
            What::HwMoved { partition, to, .. } => {
                self.commit_up_to(partition, to);
                None
            }
            What::BecameLeader { broker, partition, start, .. } => {
                // What lay beyond is gone, or was never committed.
                self.written.retain(|(_, w)| w.home != partition || w.end <= start);
                self.committed.retain(|_, w| w.home != partition || w.end <= start);
                offsets_are_the_log(world, broker, partition)
            }
            What::MemberReconciled { broker, group, .. } | What::MemberRemoved { broker, group, .. } => {
                let known = world.brokers[broker.slot()].modern_group(group)?;
                one_owner(world, group, known).or_else(|| balance(world, group, known))
            }
            What::CommitTaken { broker, group, member, generation } => {
                committer(world, (broker, group), member, MemberEpoch(generation))
            }
            _ => None,
        })
    }

    fn epoch_set(&mut self, group: GroupId, epoch: MemberEpoch, (home, end): (PartitionId, Offset)) -> Option<Finding> {
        self.written.push((group, Written { home, end, epoch }));
        let before = self.committed.get(&group).filter(|w| w.epoch >= epoch)?;
        Some(("INV-62", format!("{group} went from epoch {} to {epoch}", before.epoch)))
    }

    fn commit_up_to(&mut self, home: PartitionId, watermark: Offset) {
        for (group, w) in self.written.extract_if(.., |(_, w)| w.home == home && w.end <= watermark) {
            self.committed.insert(group, w);
        }
    }
}

/// INV-60: what a member is told to have, or has not given up yet, nobody else has.
fn one_owner(world: &World, group: GroupId, known: &ConsumerGroup) -> Option<Finding> {
    let mut owners: BTreeMap<PartitionId, MemberId> = BTreeMap::new();
    for (&id, member) in &known.members {
        for &partition in member.progress.assigned.iter().chain(&member.progress.revoking) {
            if let Some(other) = owners.insert(partition, id) {
                let name = &world.layout.partition(partition).name;
                return Some(("INV-60", format!("{name} is both {other:?}'s and {id:?}'s in {group}")));
            }
        }
    }
    None
}

/// INV-67: a target assignment is as even as its assignor promises: uniform in all, range in each topic. All members subscribe alike.
fn balance(world: &World, group: GroupId, known: &ConsumerGroup) -> Option<Finding> {
    if known.epoch != known.target_epoch || known.members.is_empty() {
        return None;
    }
    let spec = &world.layout.scenario.groups[group.ix()];
    let by_topic = spec.config.group_remote_assignor == Some(ServerAssignor::Range);
    let classes = if by_topic { spec.topics.iter().map(|t| Some(*t)).collect() } else { vec![None] };
    for class in classes {
        let counts = |p: &&PartitionId| class.is_none() || world.layout.partition(**p).topic == class;
        let size = |id| known.targets.get(id).map_or(0, |target| target.iter().filter(counts).count());
        let sizes: Vec<usize> = known.members.keys().map(size).collect();
        let (least, most) = (sizes.iter().min()?, sizes.iter().max()?);
        if most - least > 1 {
            return Some(("INV-67", format!("the targets of {group} at epoch {} have sizes {sizes:?}", known.target_epoch)));
        }
    }
    None
}

/// INV-63: the sender of an accepted commit is a member, at the group's word for its epoch; without an epoch the group is empty.
fn committer(
    world: &World,
    (broker, group): (BrokerId, GroupId),
    member: Option<MemberId>,
    epoch: MemberEpoch,
) -> Option<Finding> {
    if world.layout.scenario.groups[group.ix()].config.group_protocol != GroupProtocol::Consumer {
        return None;
    }
    let known = world.brokers[broker.slot()].modern_group(group);
    let is_member = member.is_some_and(|id| known.is_some_and(|g| g.members.get(&id).is_some_and(|m| m.progress.epoch == epoch)));
    let is_simple = epoch < MemberEpoch::JOIN && known.is_none_or(|g| g.members.is_empty());
    (!is_member && !is_simple).then(|| {
        ("INV-63", format!("{broker} took a commit of {group} from {member:?} at epoch {epoch}, which is not its epoch there"))
    })
}

/// INV-64: a new coordinator knows just what its log says.
fn offsets_are_the_log(world: &World, broker: BrokerId, home: PartitionId) -> Option<Finding> {
    let layout = &world.layout;
    let broker = &world.brokers[broker.slot()];
    let replica = broker.replica(home).filter(|r| layout.partition(home).topic.is_none() && r.leading().is_some())?;
    let mut fold: BTreeMap<(GroupId, PartitionId), CommittedOffset> = BTreeMap::new();
    let mut held: BTreeMap<Pid, Vec<CommitRecord>> = BTreeMap::new();
    for entry in replica.log.batches() {
        let of = |c: &CommitRecord| ((c.group, c.partition), c.committed);
        let pid = entry.batch.sequence.pid;
        match &entry.batch.payload {
            // those of a transaction count with its COMMIT marker.
            Payload::Commits(commits) if entry.batch.transactional => held.entry(pid).or_default().extend(commits),
            Payload::Commits(commits) => fold.extend(commits.iter().map(of)),
            Payload::Marker(marker) => {
                let decided = held.remove(&pid).unwrap_or_default();
                fold.extend(decided.iter().filter(|_| marker.commit).map(of));
            }
            _ => {}
        }
    }
    let groups = (0..layout.scenario.groups.len() as u16).map(GroupId);
    for group in groups.filter(|g| layout.coordinator_partitions[g.ix()] == home) {
        for partition in layout.partition_ids() {
            let (log, memory) = (fold.get(&(group, partition)).copied(), broker.committed(group, partition));
            if log != memory {
                let name = &layout.partition(partition).name;
                return Some(("INV-64", format!("{}: {group} is at {memory:?} of {name}, the log says {log:?}", broker.id)));
            }
        }
    }
    None
}
