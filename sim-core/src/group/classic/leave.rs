//! How members go: by LeaveGroup, by silence (F-15), by missing a phase (G-3).

use super::{Act, ClassicGroup, Joined, State};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::time::SimTime;
use crate::trace::Removal;

impl ClassicGroup {
    /// LeaveGroup.
    pub fn leave(&mut self, member: MemberId, instance: Option<InstanceId>, now: SimTime, out: &mut Vec<Act>) -> ErrorCode {
        if self.state == State::Dead {
            return ErrorCode::CoordinatorNotAvailable;
        }
        if self.pending.remove(&member).is_some() {
            self.complete_if_all_joined(now, out);
            return ErrorCode::None;
        }
        if let Err(error) = self.check_member(Some(member), instance) {
            return error;
        }
        self.remove(member, Removal::Left, now, out);
        ErrorCode::None
    }

    /// This broker coordinates the group no more: whoever waits for an answer is sent to look for who does.
    pub fn unload(&mut self, out: &mut Vec<Act>) {
        for (&id, member) in self.members.iter_mut() {
            if let Some(caller) = member.join.take() {
                out.push(Act::AnswerJoin(caller, Joined::refused(ErrorCode::NotCoordinator, Some(id))));
            }
            if let Some(caller) = member.sync.take() {
                out.push(Act::AnswerSync(caller, ErrorCode::NotCoordinator, Vec::new()));
            }
        }
    }

    /// Something is due.
    pub fn on_time(&mut self, now: SimTime, out: &mut Vec<Act>) {
        if !self.pending.take_if(|_, at| *at <= now).is_empty() {
            self.complete_if_all_joined(now, out);
        }
        let silent: Vec<MemberId> = self.members.iter().filter(|(_, m)| m.expires <= now).map(|(&id, _)| id).collect();
        for id in silent {
            if self.members.contains_key(&id) {
                self.remove(id, Removal::SessionExpired, now, out);
            }
        }
        if self.join_ends <= now {
            self.join_time_is_over(now, out);
        }
        if self.sync_ends <= now {
            self.sync_ends = SimTime::NEVER;
            self.remove_unsynced(now, out);
        }
    }

    /// After the rebalance timeout whoever was told the generation and has not asked for its share goes.
    fn remove_unsynced(&mut self, now: SimTime, out: &mut Vec<Act>) {
        let late = std::mem::take(&mut self.unsynced);
        if late.is_empty() || !matches!(self.state, State::CompletingRebalance | State::Stable) {
            return;
        }
        for id in late {
            self.forget(id, Removal::DidNotSync, out);
        }
        self.prepare(now, out);
    }

    fn remove(&mut self, id: MemberId, why: Removal, now: SimTime, out: &mut Vec<Act>) {
        self.forget(id, why, out);
        self.rebalance_or_complete(now, out);
    }

    /// Strikes a member out. Who waits for an answer gets one.
    pub(super) fn forget(&mut self, id: MemberId, why: Removal, out: &mut Vec<Act>) {
        let Some(member) = self.members.remove(&id) else { return };
        if let Some(instance) = member.instance
            && self.instances.get(&instance) == Some(&id)
        {
            self.instances.remove(&instance);
        }
        self.unsynced.remove(&id);
        if let Some(caller) = member.join {
            out.push(Act::AnswerJoin(caller, Joined::refused(ErrorCode::UnknownMemberId, Some(id))));
        }
        if let Some(caller) = member.sync {
            out.push(Act::AnswerSync(caller, ErrorCode::UnknownMemberId, Vec::new()));
        }
        if self.leader == Some(id) {
            self.leader = self.members.keys().next().copied();
        }
        out.push(Act::Removed(id, why));
    }
}
