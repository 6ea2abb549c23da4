//! Classic groups: requests in, answers and records out. The rules are [`ClassicGroup`]'s (G-1..G-6, G-10).

use super::super::purgatory::{Entry, Waiting};
use super::super::{Broker, Due};
use super::append_error;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::group::classic::{Act, ClassicGroup, Join, Joined, State, Sync, Written};
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, GroupRecord, Payload, Sequence};
use crate::time::SimTime;
use crate::trace::What;
use crate::wire::Response;
use std::sync::Arc;

/// Bytes of a group's record, without its members, and of each member in it; roughly what Kafka's take.
const GROUP_BYTES: u32 = 100;
const MEMBER_BYTES: u32 = 200;

impl Broker {
    /// A group that nobody knows is an empty one.
    pub(super) fn classic_group_mut(&mut self, group: GroupId) -> &mut ClassicGroup {
        let delay = self.layout.scenario.cluster.config.group_initial_rebalance_delay;
        self.coordinator.classic.entry(group).or_insert_with(|| ClassicGroup::new(group, delay))
    }

    pub(in crate::broker) fn on_join_group(&mut self, caller: Caller, group: GroupId, join: Join, fx: &mut Effects<'_>) {
        let limits = self.config();
        let (allowed, max) = (limits.group_min_session_timeout..=limits.group_max_session_timeout, limits.group_max_size);
        let mut checked = self.coordinates(group);
        if checked.is_ok() && !allowed.contains(&join.session_timeout) {
            checked = Err(ErrorCode::InvalidSessionTimeout);
        }
        if let Err(error) = checked {
            return fx.respond(&caller, self.node(), fx.cause, Response::JoinGroup(Joined::refused(error, join.member)));
        }
        let NodeId::Consumer(consumer) = caller.node else { unreachable!("only consumers join groups") };
        let fresh = MemberId { consumer, serial: caller.correlation };
        let mut acts = Vec::new();
        let known = self.classic_group_mut(group);
        if known.has_room_for(join.member, max) {
            known.join(join, fresh, caller, fx.now, &mut acts);
        } else {
            known.turn_away(join.member, caller, fx.now, &mut acts);
        }
        self.perform(group, acts, fx);
    }

    pub(in crate::broker) fn on_sync_group(&mut self, caller: Caller, group: GroupId, sync: Sync, fx: &mut Effects<'_>) {
        if let Err(error) = self.coordinates(group) {
            return fx.respond(&caller, self.node(), fx.cause, Response::SyncGroup { error, share: Vec::new() });
        }
        let mut acts = Vec::new();
        self.classic_group_mut(group).sync(sync, caller, fx.now, &mut acts);
        self.perform(group, acts, fx);
    }

    pub(in crate::broker) fn on_classic_heartbeat(
        &mut self,
        caller: Caller,
        group: GroupId,
        (member, instance, generation): (MemberId, Option<InstanceId>, i32),
        fx: &mut Effects<'_>,
    ) {
        let error = match self.coordinates(group) {
            // Kafka: a heartbeat during loading is answered as if all were well, so that the member keeps calm.
            Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
            Err(error) => error,
            Ok(()) => self.classic_group_mut(group).heartbeat(member, instance, generation, fx.now),
        };
        self.plan_group(group);
        fx.respond(&caller, self.node(), fx.cause, Response::Heartbeat { error });
    }

    pub(in crate::broker) fn on_leave_group(
        &mut self,
        caller: Caller,
        group: GroupId,
        (member, instance): (MemberId, Option<InstanceId>),
        fx: &mut Effects<'_>,
    ) {
        let mut acts = Vec::new();
        let error = match self.coordinates(group) {
            Err(error) => error,
            Ok(()) => self.classic_group_mut(group).leave(member, instance, fx.now, &mut acts),
        };
        self.perform(group, acts, fx);
        fx.respond(&caller, self.node(), fx.cause, Response::LeaveGroup { error });
    }

    /// Something of a group is due.
    pub(in crate::broker) fn group_is_due(&mut self, group: GroupId, fx: &mut Effects<'_>) {
        self.coordinator.planned.remove(&group);
        let mut acts = Vec::new();
        if let Some(classic) = self.coordinator.classic.get_mut(&group) {
            classic.on_time(fx.now, &mut acts);
        }
        self.perform(group, acts, fx);
    }

    /// What was to be written is committed, or failed.
    pub(in crate::broker) fn group_persisted(
        &mut self,
        group: GroupId,
        written: Written,
        error: ErrorCode,
        fx: &mut Effects<'_>,
    ) {
        let mut acts = Vec::new();
        if let Some(classic) = self.coordinator.classic.get_mut(&group) {
            classic.persisted(written, append_error(error), fx.now, &mut acts);
        }
        self.perform(group, acts, fx);
    }

    /// Does what a group wants done, in order.
    pub(super) fn perform(&mut self, group: GroupId, acts: Vec<Act>, fx: &mut Effects<'_>) {
        let (node, broker) = (self.node(), self.id);
        for act in acts {
            match act {
                Act::AnswerJoin(caller, joined) => fx.respond(&caller, node, fx.cause, Response::JoinGroup(joined)),
                Act::AnswerSync(caller, error, share) => {
                    fx.respond(&caller, node, fx.cause, Response::SyncGroup { error, share });
                }
                Act::Write(record, written) => self.write_classic_group(record, written, fx),
                Act::Added(member) => fx.cause = fx.trace(What::MemberAdded { broker, group, member }),
                Act::Removed(member, reason) => fx.cause = fx.trace(What::MemberRemoved { broker, group, member, reason }),
                Act::Changed(state, generation, members) => {
                    if state == State::Empty {
                        self.coordinator.empty_since.insert(group, fx.now.into());
                    }
                    fx.cause = fx.trace(What::GroupChanged { broker, group, state, generation, members });
                }
            }
        }
        self.plan_group(group);
    }

    fn write_classic_group(&mut self, record: GroupRecord, written: Option<Written>, fx: &mut Effects<'_>) {
        let (group, home) = (record.group, self.home(record.group));
        let bytes = BATCH_OVERHEAD + GROUP_BYTES + MEMBER_BYTES * record.members.len() as u32;
        let batch = Arc::new(Batch {
            id: None,
            sequence: Sequence::NONE,
            transactional: false,
            payload: Payload::Group(record),
            bytes,
            timestamp: fx.now.into(),
        });
        match (self.append_to_leader(home, &batch, true, fx), written) {
            (Ok((placed, event)), Some(written)) => {
                let deadline = fx.now + self.config().offsets_commit_timeout;
                let entry = Entry { caller: Some(written.caller()), deadline, what: Waiting::Group(group, written) };
                self.wait_for_watermark(entry, &[(home, placed.end)]);
                self.watermark_moved(home, event, fx);
            }
            (Err(error), Some(written)) => self.group_persisted(group, written, error, fx),
            // Of an empty group nobody waits to hear.
            (_, None) => {}
        }
    }

    /// Sees that a group's next deadline is on the agenda.
    pub(super) fn plan_group(&mut self, group: GroupId) {
        let due = self.coordinator.classic.get(&group).map_or(SimTime::NEVER, ClassicGroup::next_due);
        let planned = self.coordinator.planned.get(&group).copied().unwrap_or(SimTime::NEVER);
        if due != planned {
            self.agenda.remove(planned, Due::Group(group));
            self.agenda.add(due, Due::Group(group));
            if due == SimTime::NEVER {
                self.coordinator.planned.remove(&group);
            } else {
                self.coordinator.planned.insert(group, due);
            }
        }
    }
}
