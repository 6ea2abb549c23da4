//! ConsumerGroupHeartbeat (G-20): the one request with which a member joins, says what it has, learns what it is to have, and leaves. What
//! it changes is written down as records; the group changes by them alone.

use super::reconcile::{MemberState, Progress, Target, reconcile};
use super::records::{ConsumerGroup, Metadata, ModernRecord};
use super::{Partitions, ServerAssignor, check_heartbeat, uniform, uniform_unequal};
use crate::error_code::ErrorCode;
use crate::group::assignor::Topic;
use crate::ids::{InstanceId, MemberEpoch, MemberId, TopicId};
use crate::rows::Set;
use crate::sort::gathered;
use crate::time::SimDuration;

/// The request. A field that has not changed since the last one is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Who.
    pub member: MemberId,
    /// The epoch that it has reached, or what it wants (G-22).
    pub epoch: MemberEpoch,
    /// `group.instance.id`.
    pub instance: Option<InstanceId>,
    /// `max.poll.interval.ms`.
    pub rebalance_timeout: Option<SimDuration>,
    /// What it subscribes to.
    pub topics: Option<Vec<TopicId>>,
    /// `group.remote.assignor`.
    pub assignor: Option<ServerAssignor>,
    /// What it has.
    pub owned: Option<Partitions>,
}

impl Heartbeat {
    /// Everything is said: the answer says everything, too.
    pub fn is_full(&self) -> bool {
        self.rebalance_timeout.is_some() && self.topics.is_some() && self.owned.is_some()
    }

    fn leaves(&self) -> bool {
        self.epoch == MemberEpoch::LEAVE || self.epoch == MemberEpoch::LEAVE_FOR_NOW
    }

    /// The checks that need no group.
    fn check(&self) -> Result<(), ErrorCode> {
        let joins_properly = self.is_full() && self.owned.as_ref().is_some_and(Partitions::is_empty);
        let sound = match self.epoch {
            MemberEpoch::JOIN => joins_properly,
            MemberEpoch::LEAVE_FOR_NOW => self.instance.is_some(),
            epoch => epoch >= MemberEpoch::LEAVE,
        };
        if sound { Ok(()) } else { Err(ErrorCode::InvalidRequest) }
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The member's epoch now.
    pub epoch: MemberEpoch,
    /// What it is to have, if that has changed or it asked with a full request.
    pub assignment: Option<Partitions>,
}

/// What the coordinator knows besides the group.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// By [`TopicId`].
    pub topics: &'a [Topic],
    /// G-21: a partition is given away only once its owner has given it up. False for a known bug alone.
    pub waits_for_release: bool,
}

/// Records as they are written: the group has taken each in already.
struct Writer<'a> {
    group: &'a mut ConsumerGroup,
    records: Vec<ModernRecord>,
}

impl Writer<'_> {
    fn write(&mut self, record: ModernRecord) {
        self.group.replay(&record);
        self.records.push(record);
    }
}

impl ConsumerGroup {
    /// A heartbeat. The group has taken in what it returns; whoever cannot append the records must forget this version of it.
    ///
    /// # Errors
    /// Those of G-22, and INVALID_REQUEST.
    pub fn heartbeat(&mut self, ask: &Heartbeat, around: Surroundings<'_>) -> Result<(Vec<ModernRecord>, Answer), ErrorCode> {
        ask.check()?;
        let mut writer = Writer { group: self, records: Vec::new() };
        if ask.leaves() {
            writer.leave(ask)?;
            return Ok((writer.records, Answer { epoch: ask.epoch, assignment: None }));
        }
        writer.admit(ask)?;
        let had = writer.group.members.get(&ask.member).map(|member| member.progress.assigned.clone());
        writer.update_member(ask, around.topics);
        if writer.group.epoch > writer.group.target_epoch {
            writer.update_target(around.topics);
        }
        let progress = writer.reconcile_member(ask, around)?;
        let says_all = ask.epoch == MemberEpoch::JOIN || ask.is_full() || had.as_ref() != Some(&progress.assigned);
        let assignment = says_all.then_some(progress.assigned);
        Ok((writer.records, Answer { epoch: progress.epoch, assignment }))
    }

    /// A member that is gone: its session (F-15) or its time to revoke (G-23) is over, or it left.
    pub fn remove(&mut self, member: MemberId) -> Vec<ModernRecord> {
        let mut writer = Writer { group: self, records: Vec::new() };
        writer.remove(member);
        writer.records
    }
}

impl Writer<'_> {
    /// G-22: may it go on, or join? A static member that comes back takes over what its predecessor had.
    fn admit(&mut self, ask: &Heartbeat) -> Result<(), ErrorCode> {
        let joins = ask.epoch == MemberEpoch::JOIN;
        let known = match ask.instance {
            Some(instance) => self.group.static_member(instance),
            None => Some(ask.member).filter(|id| self.group.members.contains_key(id)),
        };
        let Some(known) = known else {
            return if joins { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        };
        let progress = &self.group.members[&known].progress;
        if known == ask.member {
            return if joins && progress.epoch == MemberEpoch::LEAVE_FOR_NOW {
                self.replace(known, ask.member);
                Ok(())
            } else {
                check_heartbeat(ask.epoch, ask.owned.as_ref(), progress)
            };
        }
        if !joins {
            return Err(ErrorCode::FencedInstanceId);
        }
        if progress.epoch != MemberEpoch::LEAVE_FOR_NOW {
            return Err(ErrorCode::UnreleasedInstanceId);
        }
        self.replace(known, ask.member);
        Ok(())
    }

    fn replace(&mut self, old: MemberId, new: MemberId) {
        let member = self.group.members[&old].clone();
        let target = self.group.targets.get(&old).cloned();
        self.tombstones(old);
        self.write(ModernRecord::Member(new, Some(member.metadata)));
        self.write(ModernRecord::Target(new, target));
        let progress = Progress { epoch: MemberEpoch::JOIN, previous_epoch: MemberEpoch::JOIN, ..member.progress };
        self.write(ModernRecord::Current(new, Some(progress)));
    }

    /// What the member says of itself. Other topics, or other partitions of them, make a new group epoch.
    fn update_member(&mut self, ask: &Heartbeat, topics: &[Topic]) {
        let old = self.group.members.get(&ask.member).map(|member| member.metadata.clone());
        let base = old.clone().unwrap_or(Metadata {
            instance: ask.instance,
            rebalance_timeout: SimDuration::ZERO,
            assignor: None,
            topics: Vec::new(),
        });
        let metadata = Metadata {
            instance: base.instance,
            rebalance_timeout: ask.rebalance_timeout.unwrap_or(base.rebalance_timeout),
            assignor: ask.assignor.or(base.assignor),
            topics: ask.topics.clone().unwrap_or(base.topics),
        };
        let subscribes_anew = old.as_ref().map(|old| &old.topics) != Some(&metadata.topics);
        if old.as_ref() != Some(&metadata) {
            self.write(ModernRecord::Member(ask.member, Some(metadata)));
        }
        let partitions = self.subscribed(topics).len() as u32;
        if subscribes_anew || partitions != self.group.partitions {
            let epoch = self.group.epoch.next();
            self.write(ModernRecord::Group { epoch, partitions });
        }
    }

    /// Every partition of every topic that a member subscribes to.
    fn subscribed(&self, topics: &[Topic]) -> Partitions {
        let named = self.group.members.values().flat_map(|member| &member.metadata.topics);
        named.flat_map(|topic| &topics[topic.ix()].partitions).copied().collect()
    }

    /// a new target assignment, by the assignor that most members ask for.
    fn update_target(&mut self, topics: &[Topic]) {
        let owned: Vec<Partitions> =
            self.group.members.keys().map(|id| self.group.targets.get(id).cloned().unwrap_or_default()).collect();
        let shares = match self.preferred_assignor() {
            ServerAssignor::Uniform if self.subscribe_alike() => uniform::assign(&self.subscribed(topics), &owned),
            ServerAssignor::Uniform => {
                let subscriptions: Vec<&[TopicId]> =
                    self.group.members.values().map(|member| member.metadata.topics.as_slice()).collect();
                uniform_unequal::assign(topics, &subscriptions, &owned)
            }
            ServerAssignor::Range => super::range(self.group, topics),
        };
        let ids: Vec<MemberId> = self.group.members.keys().copied().collect();
        for (id, share) in ids.into_iter().zip(shares) {
            if self.group.targets.get(&id) != Some(&share) {
                self.write(ModernRecord::Target(id, Some(share)));
            }
        }
        self.write(ModernRecord::TargetEpoch(self.group.epoch));
    }

    fn subscribe_alike(&self) -> bool {
        let sets = self.group.members.values().map(|member| gathered::<Set<TopicId>, _>(member.metadata.topics.iter().copied()));
        gathered::<Set<Set<TopicId>>, _>(sets).len() <= 1
    }

    fn preferred_assignor(&self) -> ServerAssignor {
        let votes = |assignor| self.group.members.values().filter(|m| m.metadata.assignor == Some(assignor)).count();
        let for_range = votes(ServerAssignor::Range) > votes(ServerAssignor::Uniform);
        if for_range { ServerAssignor::Range } else { ServerAssignor::Uniform }
    }

    fn reconcile_member(&mut self, ask: &Heartbeat, around: Surroundings<'_>) -> Result<Progress, ErrorCode> {
        let progress = self.group.members[&ask.member].progress.clone();
        let none = Partitions::new();
        let target = Target { epoch: self.group.target_epoch, partitions: self.group.targets.get(&ask.member).unwrap_or(&none) };
        let is_held = |partition| around.waits_for_release && self.group.is_held(partition);
        let next = reconcile(&progress, target, is_held, ask.owned.as_ref())?;
        if next != progress {
            self.write(ModernRecord::Current(ask.member, Some(next.clone())));
        }
        Ok(next)
    }

    /// A member goes; a static one that will be back keeps its place until its session is over.
    fn leave(&mut self, ask: &Heartbeat) -> Result<(), ErrorCode> {
        if let Some(instance) = ask.instance {
            let known = self.group.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if known != ask.member {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        let member = self.group.members.get(&ask.member).ok_or(ErrorCode::UnknownMemberId)?;
        if ask.epoch == MemberEpoch::LEAVE_FOR_NOW {
            let away = Progress { epoch: ask.epoch, revoking: Partitions::new(), ..member.progress.clone() };
            self.write(ModernRecord::Current(ask.member, Some(away)));
        } else {
            self.remove(ask.member);
        }
        Ok(())
    }

    fn remove(&mut self, member: MemberId) {
        self.tombstones(member);
        let group = ModernRecord::Group { epoch: self.group.epoch.next(), partitions: self.group.partitions };
        self.write(group);
    }

    fn tombstones(&mut self, member: MemberId) {
        self.write(ModernRecord::Current(member, None));
        self.write(ModernRecord::Target(member, None));
        self.write(ModernRecord::Member(member, None));
    }
}

/// G-23: is the member still to give partitions up, at the epoch at which it was told to?
pub fn is_late_to_revoke(progress: &Progress, told_at: MemberEpoch) -> bool {
    progress.state == MemberState::UnrevokedPartitions && progress.epoch == told_at
}
