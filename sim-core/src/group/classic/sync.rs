//! SyncGroup, and how the assignment gets to the members (G-4).

use super::{Act, ClassicGroup, State, Written};
use crate::effects::Caller;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::time::SimTime;

/// SyncGroup, as the group reads it.
#[derive(Clone, Debug)]
pub struct Sync {
    /// Who.
    pub member: MemberId,
    /// `group.instance.id`.
    pub instance: Option<InstanceId>,
    /// The generation that it was told.
    pub generation: i32,
    /// The leader's: everybody's share.
    pub shares: Vec<(MemberId, Vec<PartitionId>)>,
}

impl ClassicGroup {
    /// G-4.
    pub fn sync(&mut self, sync: Sync, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        let refuse = |error, out: &mut Vec<Act>| out.push(Act::AnswerSync(caller, error, Vec::new()));
        if self.state == State::Dead {
            return refuse(ErrorCode::CoordinatorNotAvailable, out);
        }
        if let Err(error) = self.check_member(Some(sync.member), sync.instance) {
            return refuse(error, out);
        }
        if sync.generation != self.generation {
            return refuse(ErrorCode::IllegalGeneration, out);
        }
        match self.state {
            State::Empty | State::Dead => refuse(ErrorCode::UnknownMemberId, out),
            State::PreparingRebalance => refuse(ErrorCode::RebalanceInProgress, out),
            State::Stable => {
                self.unsynced.remove(&sync.member);
                self.keep_alive(sync.member, now);
                out.push(Act::AnswerSync(caller, ErrorCode::None, self.members[&sync.member].assignment.clone()));
            }
            State::CompletingRebalance => {
                self.unsynced.remove(&sync.member);
                let member = self.members.get_mut(&sync.member).expect("checked above");
                member.sync = Some(caller);
                member.expires = SimTime::NEVER;
                if self.leader == Some(sync.member) {
                    let record = self.record(Some(&sync.shares));
                    let written = Written::Assignment { generation: self.generation, shares: sync.shares, caller };
                    out.push(Act::Write(record, Some(written)));
                }
            }
        }
    }

    /// What was to be written is in the log and committed, or failed with this error, as members are told it.
    pub fn persisted(&mut self, written: Written, error: ErrorCode, now: SimTime, out: &mut Vec<Act>) {
        match written {
            Written::Replacement { old, new, caller } => self.replaced((old, new), caller, error, now, out),
            Written::Assignment { generation, shares, .. } => {
                // Somebody may have joined meanwhile: then this assignment is nobody's any more.
                if self.state != State::CompletingRebalance || generation != self.generation {
                    return;
                }
                if error != ErrorCode::None {
                    self.send_syncs_away(error, now, out);
                    return self.rebalance_or_complete(now, out);
                }
                for (id, member) in self.members.iter_mut() {
                    member.assignment = shares.iter().find(|s| s.0 == *id).map(|s| s.1.clone()).unwrap_or_default();
                }
                self.become_state(State::Stable, out);
                self.answer_syncs(ErrorCode::None, now, out);
            }
        }
    }

    /// Who waits for an assignment that will not come joins again.
    pub(super) fn send_syncs_away(&mut self, error: ErrorCode, now: SimTime, out: &mut Vec<Act>) {
        for member in self.members.values_mut() {
            member.assignment.clear();
        }
        self.answer_syncs(error, now, out);
    }

    fn answer_syncs(&mut self, error: ErrorCode, now: SimTime, out: &mut Vec<Act>) {
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for id in ids {
            let member = self.members.get_mut(&id).expect("listed above");
            if let Some(caller) = member.sync.take() {
                let share = if error == ErrorCode::None { member.assignment.clone() } else { Vec::new() };
                out.push(Act::AnswerSync(caller, error, share));
                self.keep_alive(id, now);
            }
        }
    }
}
