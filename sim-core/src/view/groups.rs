//! Groups as their coordinator knows them.

use crate::broker::Broker;
use crate::config::GroupProtocol;
use crate::group::classic::State;
use crate::group::modern::reconcile::MemberState;
use crate::group::modern::records::ConsumerGroup;
use crate::ids::*;
use crate::world::World;

/// How a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupPhase {
    /// Nobody coordinates it: the partition of `__consumer_offsets` has no leader, or a new one that still reads it (G-32).
    Unknown,
    /// It has no members.
    Empty,
    /// Classic: members are asked to join again.
    PreparingRebalance,
    /// Classic: all have joined, the leader assigns.
    CompletingRebalance,
    /// Consumer protocol: a new target assignment is due.
    Assigning,
    /// Consumer protocol: not everybody has what it is to have.
    Reconciling,
    /// Everybody has its share.
    Stable,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub id: GroupId,
    /// `group.id`.
    pub name: String,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// Who leads its partition of `__consumer_offsets` (G-30).
    pub coordinator: Option<BrokerId>,
    /// How it is.
    pub phase: GroupPhase,
    /// The generation (G-3), or the group epoch (G-20).
    pub generation: i32,
    /// Generations, or group epochs, so far.
    pub rebalances: u32,
    /// Its members, in the order of their ids.
    pub members: Vec<GroupMemberView>,
}

/// A member, by the coordinator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMemberView {
    /// Whose process.
    pub consumer: ConsumerId,
    /// Its number in the group, from 0.
    pub number: u16,
    /// The member epoch (G-20); of a classic group, the generation.
    pub epoch: i32,
    /// Classic: it computes the assignments.
    pub leads: bool,
    /// What it has.
    pub assigned: Vec<PartitionId>,
    /// Consumer protocol: what it has not given up yet.
    pub revoking: Vec<PartitionId>,
}

impl World {
    pub(super) fn group_view(&self, id: GroupId) -> GroupView {
        let spec = &self.layout.scenario.groups[id.ix()];
        let coordinator = self.metadata().partition(self.layout.coordinator_partitions[id.ix()]).leader;
        let mut view = GroupView {
            id,
            name: spec.name.clone(),
            protocol: spec.config.group_protocol,
            coordinator,
            phase: GroupPhase::Unknown,
            generation: 0,
            rebalances: self.ledger().group(id).rebalances,
            members: Vec::new(),
        };
        let broker = coordinator.map(|leader| &self.brokers[leader.slot()]);
        if let Some(broker) = broker.filter(|broker| broker.coordinates(id).is_ok()) {
            view.phase = GroupPhase::Empty;
            match view.protocol {
                GroupProtocol::Classic => self.add_classic(broker, &mut view),
                GroupProtocol::Consumer => self.add_modern(broker, &mut view),
            }
        }
        view
    }

    fn add_classic(&self, broker: &Broker, view: &mut GroupView) {
        let Some(group) = broker.classic_group(view.id) else { return };
        view.phase = match group.state() {
            State::Empty | State::Dead => GroupPhase::Empty,
            State::PreparingRebalance => GroupPhase::PreparingRebalance,
            State::CompletingRebalance => GroupPhase::CompletingRebalance,
            State::Stable => GroupPhase::Stable,
        };
        view.generation = group.generation();
        let member = |(id, member): (MemberId, &crate::group::classic::Member)| GroupMemberView {
            consumer: id.consumer,
            number: self.layout.consumers[id.consumer.ix()].member,
            epoch: group.generation(),
            leads: group.leader() == Some(id),
            assigned: member.assignment.clone(),
            revoking: Vec::new(),
        };
        view.members = group.members().map(member).collect();
    }

    fn add_modern(&self, broker: &Broker, view: &mut GroupView) {
        let Some(group) = broker.modern_group(view.id) else { return };
        view.phase = phase(group);
        view.generation = group.epoch.0;
        let member = |(id, member): (&MemberId, &crate::group::modern::records::Member)| GroupMemberView {
            consumer: id.consumer,
            number: self.layout.consumers[id.consumer.ix()].member,
            epoch: member.progress.epoch.0,
            leads: false,
            assigned: member.progress.assigned.iter().copied().collect(),
            revoking: member.progress.revoking.iter().copied().collect(),
        };
        view.members = group.members.iter().map(member).collect();
    }
}

/// G-20, G-21.
fn phase(group: &ConsumerGroup) -> GroupPhase {
    let is_there = |m: &crate::group::modern::records::Member| {
        m.progress.state == MemberState::Stable && m.progress.epoch == group.target_epoch
    };
    match () {
        () if group.members.is_empty() => GroupPhase::Empty,
        () if group.epoch > group.target_epoch => GroupPhase::Assigning,
        () if group.members.values().all(is_there) => GroupPhase::Stable,
        () => GroupPhase::Reconciling,
    }
}
