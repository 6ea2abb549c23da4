//! The coordinator of groups with `group.protocol=consumer`: it reads heartbeats, appends what they change, answers when that is
//! committed (G-20, G-31), and removes members that are silent (F-15) or do not give up in time (G-23).

use super::coordinator::append_error;
use super::purgatory::{Entry, Waiting};
use super::{Broker, Due};
use crate::bug::Bug;
use crate::config::GroupProtocol;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::group::modern::heartbeat::{Answer, Heartbeat, Surroundings, is_late_to_revoke};
use crate::group::modern::reconcile::MemberState;
use crate::group::modern::records::{ConsumerGroup, ModernRecord};
use crate::group::modern::{self, Partitions};
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, Payload, Sequence};
use crate::rows::{Map, Set};
use crate::sort::gathered;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Removal, TraceId, What};
use crate::wire::Response;
use std::sync::Arc;

/// Bytes of one record about a group, roughly.
const RECORD_BYTES: u32 = 120;

/// A timer whose records could not be appended is set again for this long.
const TIMER_RETRY: SimDuration = SimDuration::from_millis(500);

/// The groups of the partitions of `__consumer_offsets` that a broker leads.
#[derive(Clone, Debug, Default)]
pub(super) struct ModernGroups {
    groups: Map<GroupId, ConsumerGroup>,
    /// F-15: when a member's silence will have been too long. In memory only: a new coordinator gives everybody a whole session (G-32).
    sessions: Map<(GroupId, MemberId), SimTime>,
    /// G-23: by when a member must have given partitions up, and at which epoch it was told to.
    revocations: Map<(GroupId, MemberId), (SimTime, MemberEpoch)>,
}

impl ModernGroups {
    pub fn clear(&mut self) {
        *self = ModernGroups::default();
    }
}

impl Broker {
    /// A group that it coordinates, if it is one of the consumer protocol.
    pub fn modern_group(&self, group: GroupId) -> Option<&ConsumerGroup> {
        self.modern.groups.get(&group)
    }

    /// G-20.
    pub(super) fn on_group_heartbeat(&mut self, caller: Caller, group: GroupId, ask: &Heartbeat, fx: &mut Effects<'_>) {
        match self.group_heartbeat(group, ask, fx) {
            Ok((answer, event)) => {
                let home = self.layout.coordinator_partitions[group.ix()];
                let end = self.replica(home).expect("it leads").log.end();
                let deadline = fx.now + self.config().offsets_commit_timeout;
                self.wait_for_watermark(
                    Entry { caller: Some(caller), deadline, what: Waiting::GroupHeartbeat(answer) },
                    &[(home, end)],
                );
                // What others have written is waited for as well: an answer never tells of what may still be lost.
                self.watermark_moved(home, event, fx);
            }
            Err(error) => self.answer_heartbeat(&caller, Err(error), fx.cause, fx),
        }
    }

    pub(super) fn answer_heartbeat(
        &self,
        caller: &Caller,
        result: Result<Answer, ErrorCode>,
        cause: TraceId,
        fx: &mut Effects<'_>,
    ) {
        let interval = self.config().group_consumer_heartbeat_interval;
        fx.respond(caller, self.node(), cause, Response::ConsumerGroupHeartbeat { interval, result });
    }

    fn group_heartbeat(&mut self, group: GroupId, ask: &Heartbeat, fx: &mut Effects<'_>) -> Result<(Answer, TraceId), ErrorCode> {
        self.coordinates(group)?;
        let mut next = match self.modern.groups.get(&group) {
            Some(known) => known.clone(),
            None if ask.epoch == MemberEpoch::JOIN => ConsumerGroup::new(),
            None => return Err(ErrorCode::UnknownMemberId),
        };
        let joins = ask.epoch == MemberEpoch::JOIN && !next.members.contains_key(&ask.member);
        if joins && next.members.len() >= self.config().group_consumer_max_size as usize {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        let predecessor = ask.instance.and_then(|instance| next.static_member(instance)).filter(|old| *old != ask.member);
        // P-23: partitions that were added count when this broker has heard of them.
        let topics = self.layout.assignor_topics(|p| self.image.partition(p).exists());
        let around = Surroundings { topics: &topics, waits_for_release: !self.layout.scenario.has_bug(Bug::GivesAwayUnreleased) };
        let (records, answer) = next.heartbeat(ask, around)?;
        let event = self.write_group(group, next, records, fx)?;
        if let Some(old) = predecessor {
            self.member_left(group, old, Removal::Replaced, fx);
        }
        if ask.epoch == MemberEpoch::LEAVE {
            self.member_left(group, ask.member, Removal::Left, fx);
        } else if ask.epoch != MemberEpoch::LEAVE_FOR_NOW {
            self.set_session(group, ask.member, fx.now);
        }
        Ok((answer, event))
    }

    /// Appends what changed; the group is the new one once that is done. Returns the event to name as the cause of the answer.
    fn write_group(
        &mut self,
        group: GroupId,
        next: ConsumerGroup,
        records: Vec<ModernRecord>,
        fx: &mut Effects<'_>,
    ) -> Result<TraceId, ErrorCode> {
        if records.is_empty() {
            return Ok(fx.cause);
        }
        let home = self.layout.coordinator_partitions[group.ix()];
        let bytes = BATCH_OVERHEAD + RECORD_BYTES * records.len() as u32;
        let payload = Payload::ModernGroup(group, records.clone());
        let timestamp = fx.now.into();
        let batch = Arc::new(Batch { id: None, sequence: Sequence::NONE, transactional: false, timestamp, payload, bytes });
        let (_, event) = self.append_to_leader(home, &batch, true, fx).map_err(append_error)?;
        let before = self.modern.groups.insert(group, next);
        let known = gathered(before.into_iter().flat_map(|group| group.members.into_iter().map(|(id, _)| id)));
        for record in &records {
            self.note(group, record, &known, event, fx);
        }
        Ok(event)
    }

    /// What a record means to others: events, and the time that a member has to give partitions up (G-23).
    fn note(&mut self, group: GroupId, record: &ModernRecord, known: &Set<MemberId>, cause: TraceId, fx: &mut Effects<'_>) {
        match record {
            ModernRecord::Group { epoch, .. } => {
                fx.trace_from(cause, What::GroupEpochSet { broker: self.id, group, epoch: *epoch });
            }
            ModernRecord::Current(member, Some(progress)) => {
                let what = What::MemberReconciled {
                    broker: self.id,
                    group,
                    member: *member,
                    epoch: progress.epoch,
                    assigned: progress.assigned.len() as u32,
                    revoking: progress.revoking.len() as u32,
                };
                fx.trace_from(cause, what);
                self.modern.revocations.remove(&(group, *member));
                if progress.state == MemberState::UnrevokedPartitions {
                    self.set_revocation(group, *member, fx.now);
                }
            }
            ModernRecord::Member(member, Some(_)) if !known.contains(member) => {
                fx.trace_from(cause, What::MemberAdded { broker: self.id, group, member: *member });
            }
            _ => {}
        }
    }

    fn member_left(&mut self, group: GroupId, member: MemberId, reason: Removal, fx: &mut Effects<'_>) {
        self.modern.sessions.remove(&(group, member));
        self.modern.revocations.remove(&(group, member));
        fx.trace(What::MemberRemoved { broker: self.id, group, member, reason });
    }

    // --- timers --------------------------------------------------------------------------------------------------------------

    fn set_session(&mut self, group: GroupId, member: MemberId, now: SimTime) {
        let until = now + self.config().group_consumer_session_timeout;
        if self.modern.sessions.insert((group, member), until).is_none() {
            self.agenda.add(until, Due::MemberSession(group, member));
        }
    }

    fn set_revocation(&mut self, group: GroupId, member: MemberId, now: SimTime) {
        let Some(known) = self.modern.groups.get(&group).and_then(|g| g.members.get(&member)) else { return };
        let (until, epoch) = (now + known.metadata.rebalance_timeout, known.progress.epoch);
        self.modern.revocations.insert((group, member), (until, epoch));
        self.agenda.add(until, Due::MemberRevocation(group, member));
    }

    /// F-15: has the member been silent for a whole session?
    pub(super) fn member_session_over(&mut self, group: GroupId, member: MemberId, fx: &mut Effects<'_>) {
        let Some(&until) = self.modern.sessions.get(&(group, member)) else { return };
        let again = if until > fx.now {
            until // it has been heard of since
        } else if self.remove_member(group, member, Removal::SessionExpired, fx) {
            return;
        } else {
            fx.now + TIMER_RETRY
        };
        self.modern.sessions.insert((group, member), again);
        self.agenda.add(again, Due::MemberSession(group, member));
    }

    /// G-23: has the member still not given up what it was told to?
    pub(super) fn member_revocation_over(&mut self, group: GroupId, member: MemberId, fx: &mut Effects<'_>) {
        let Some(&(until, told_at)) = self.modern.revocations.get(&(group, member)) else { return };
        let known = self.modern.groups.get(&group).and_then(|g| g.members.get(&member));
        let late = until <= fx.now && known.is_some_and(|m| is_late_to_revoke(&m.progress, told_at));
        if late && !self.remove_member(group, member, Removal::RevokedTooLate, fx) {
            self.modern.revocations.insert((group, member), (fx.now + TIMER_RETRY, told_at));
            self.agenda.add(fx.now + TIMER_RETRY, Due::MemberRevocation(group, member));
        }
    }

    /// False: it could not be written down.
    fn remove_member(&mut self, group: GroupId, member: MemberId, reason: Removal, fx: &mut Effects<'_>) -> bool {
        let mut next = self.modern.groups[&group].clone();
        if !next.members.contains_key(&member) {
            // Another process has taken its place (G-22).
            self.modern.sessions.remove(&(group, member));
            return true;
        }
        let records = next.remove(member);
        let Ok(event) = self.write_group(group, next, records, fx) else { return false };
        fx.cause = event;
        self.member_left(group, member, reason, fx);
        true
    }

    // --- commits (G-24), and coming and going as the coordinator (G-32) -----------------------------------------------------------

    /// G-24: may this member commit, or ask for what was committed? Groups of the classic protocol are not judged here.
    pub(super) fn check_modern_member(
        &self,
        group: GroupId,
        (member, epoch): (Option<MemberId>, MemberEpoch),
        transactional: bool,
    ) -> Result<(), ErrorCode> {
        let protocol = self.layout.scenario.groups[group.ix()].config.group_protocol;
        if protocol != GroupProtocol::Consumer || self.layout.scenario.has_bug(Bug::TakesStaleCommits) {
            return Ok(());
        }
        let known = self.modern.groups.get(&group);
        let is_empty = known.is_none_or(|g| g.members.is_empty());
        let unnamed = transactional && member.is_none();
        let member = member.and_then(|id| known?.members.get(&id)).map(|m| (m.progress.epoch, protocol));
        modern::check_commit(is_empty, member, epoch, unnamed)
    }

    /// G-32: the groups are what their records add up to. Everybody gets a whole session, and whole time to give up.
    pub(super) fn load_modern_groups(&mut self, partition: PartitionId, now: SimTime) {
        let replica = self.replicas[partition.ix()].as_ref().expect("it leads");
        for entry in replica.log.batches() {
            if let Payload::ModernGroup(group, records) = &entry.batch.payload {
                let group = self.modern.groups.entry(*group).or_default();
                records.iter().for_each(|record| group.replay(record));
            }
        }
        let layout = self.layout.clone();
        let mine = |group: GroupId| layout.coordinator_partitions[group.ix()] == partition;
        let members: Vec<(GroupId, MemberId, MemberState)> = self
            .modern
            .groups
            .iter()
            .filter(|(group, _)| mine(**group))
            .flat_map(|(group, known)| known.members.iter().map(|(id, member)| (*group, *id, member.progress.state)))
            .collect();
        for (group, member, state) in members {
            self.set_session(group, member, now);
            if state == MemberState::UnrevokedPartitions {
                self.set_revocation(group, member, now);
            }
        }
    }

    pub(super) fn resign_modern_groups(&mut self, partition: PartitionId) {
        let layout = self.layout.clone();
        let stays = |group: &GroupId| layout.coordinator_partitions[group.ix()] != partition;
        self.modern.groups.retain(|group, _| stays(group));
        self.modern.sessions.retain(|(group, _), _| stays(group));
        self.modern.revocations.retain(|(group, _), _| stays(group));
    }

    /// What the members of a group have, by the coordinator's word; empty if this broker does not coordinate it.
    pub fn modern_assignment(&self, group: GroupId) -> Map<MemberId, Partitions> {
        let members = self.modern.groups.get(&group).into_iter().flat_map(|known| known.members.iter());
        gathered(members.map(|(id, member)| (*id, member.progress.assigned.clone())))
    }
}
