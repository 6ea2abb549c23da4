//! A group as the coordinator keeps it, and the records of `__consumer_offsets` that it is made of: the group is the fold of its records,
//! here and at the next coordinator (G-32).

use super::reconcile::Progress;
use super::{Partitions, ServerAssignor};
use crate::ids::{InstanceId, MemberEpoch, MemberId, PartitionId, TopicId};
use crate::rows::Map;
use crate::time::SimDuration;

/// What a member says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// `group.instance.id` of a static member.
    pub instance: Option<InstanceId>,
    /// G-23: its `max.poll.interval.ms`.
    pub rebalance_timeout: SimDuration,
    /// `group.remote.assignor`.
    pub assignor: Option<ServerAssignor>,
    /// What it subscribes to.
    pub topics: Vec<TopicId>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it said of itself.
    pub metadata: Metadata,
    /// What it has.
    pub progress: Progress,
}

/// G-20: a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// The group epoch.
    pub epoch: MemberEpoch,
    /// How many partitions the subscribed topics had when the epoch was given out: other numbers call for another epoch.
    pub partitions: u32,
    /// The epoch of the target assignment. Below the group epoch while nobody has asked for a new one.
    pub target_epoch: MemberEpoch,
    /// In the order of their ids.
    pub members: Map<MemberId, Member>,
    /// What each is meant to have.
    pub targets: Map<MemberId, Partitions>,
}

/// A record about a group; none stands for a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModernRecord {
    /// ConsumerGroupMetadata.
    Group {
        /// The group epoch.
        epoch: MemberEpoch,
        /// The partitions of its topics.
        partitions: u32,
    },
    /// ConsumerGroupMemberMetadata.
    Member(MemberId, Option<Metadata>),
    /// ConsumerGroupTargetAssignmentMetadata.
    TargetEpoch(MemberEpoch),
    /// ConsumerGroupTargetAssignmentMember.
    Target(MemberId, Option<Partitions>),
    /// ConsumerGroupCurrentMemberAssignment.
    Current(MemberId, Option<Progress>),
}

impl ConsumerGroup {
    /// A group that nobody has joined.
    pub fn new() -> ConsumerGroup {
        ConsumerGroup {
            epoch: MemberEpoch::JOIN,
            partitions: 0,
            target_epoch: MemberEpoch::JOIN,
            members: Map::new(),
            targets: Map::new(),
        }
    }

    /// Takes a record in.
    pub fn replay(&mut self, record: &ModernRecord) {
        match record {
            ModernRecord::Group { epoch, partitions } => (self.epoch, self.partitions) = (*epoch, *partitions),
            ModernRecord::TargetEpoch(epoch) => self.target_epoch = *epoch,
            ModernRecord::Member(id, None) => {
                self.members.remove(id);
            }
            ModernRecord::Member(id, Some(metadata)) => match self.members.get_mut(id) {
                Some(member) => member.metadata = metadata.clone(),
                None => {
                    let member = Member { metadata: metadata.clone(), progress: Progress::joining() };
                    self.members.insert(*id, member);
                }
            },
            ModernRecord::Target(id, None) => {
                self.targets.remove(id);
            }
            ModernRecord::Target(id, Some(partitions)) => {
                self.targets.insert(*id, partitions.clone());
            }
            ModernRecord::Current(id, progress) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.progress = progress.clone().unwrap_or_else(Progress::joining);
                }
            }
        }
    }

    /// Does any member hold the partition?
    pub fn is_held(&self, partition: PartitionId) -> bool {
        self.members.values().any(|member| member.progress.holds(partition))
    }

    /// The member with this `group.instance.id`.
    pub fn static_member(&self, instance: InstanceId) -> Option<MemberId> {
        self.members.iter().find(|(_, m)| m.metadata.instance == Some(instance)).map(|(id, _)| *id)
    }
}

impl Default for ConsumerGroup {
    fn default() -> ConsumerGroup {
        ConsumerGroup::new()
    }
}
