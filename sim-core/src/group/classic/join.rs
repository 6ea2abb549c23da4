//! JoinGroup, and the join phase from its beginning to its end (G-2, G-3, G-10).

use super::{Act, ClassicGroup, Join, Joined, Member, State, Written};
use crate::effects::Caller;
use crate::error_code::ErrorCode;
use crate::group::assignor::Assignor;
use crate::ids::*;
use crate::rows::Map;
use crate::time::{SimDuration, SimTime};
use crate::trace::Removal;

/// A newcomer cannot send heartbeats while it waits to be answered; one that went away is forgotten after this long.
const NEW_MEMBER_JOIN_TIMEOUT: SimDuration = SimDuration::from_secs(300);

impl ClassicGroup {
    /// G-2. `fresh`: the id that a process gets which has none.
    pub fn join(&mut self, join: Join, fresh: MemberId, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        if self.state == State::Dead {
            return refuse(caller, ErrorCode::CoordinatorNotAvailable, join.member, out);
        }
        if !self.supports(&join.protocols) {
            return refuse(caller, ErrorCode::InconsistentGroupProtocol, join.member, out);
        }
        match (join.member, join.instance) {
            (None, None) => {
                self.pending.insert(fresh, now + join.session_timeout);
                refuse(caller, ErrorCode::MemberIdRequired, Some(fresh), out);
            }
            (None, Some(instance)) => match self.instances.get(&instance).copied() {
                Some(old) => self.replace(old, fresh, join, caller, now, out),
                None => self.add(fresh, join, caller, now, out),
            },
            (Some(member), None) if self.pending.remove(&member).is_some() => self.add(member, join, caller, now, out),
            (Some(member), instance) => match self.check_member(Some(member), instance) {
                Err(error) => refuse(caller, error, Some(member), out),
                Ok(()) => self.rejoin(member, join, caller, now, out),
            },
        }
    }

    /// Is there room under group.max.size? While members join again those count that are there already: the last ones find no room.
    pub fn has_room_for(&self, member: Option<MemberId>, max: u32) -> bool {
        let known = member.and_then(|id| self.members.get(&id));
        let (there, all) = (self.members.values().filter(|m| m.join.is_some()).count(), self.members.len());
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => known.is_some_and(|m| m.join.is_some()) || there < max as usize,
            State::CompletingRebalance | State::Stable => known.is_some() || all < max as usize,
        }
    }

    /// There is none: GROUP_MAX_SIZE_REACHED. A member that comes too late is one no more.
    pub fn turn_away(&mut self, member: Option<MemberId>, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        if let Some(id) = member {
            self.pending.remove(&id);
            self.forget(id, Removal::GroupFull, out);
        }
        refuse(caller, ErrorCode::GroupMaxSizeReached, None, out);
        self.complete_if_all_joined(now, out);
    }

    /// Is there an assignor that the newcomer shares with all members?
    fn supports(&self, protocols: &[Assignor]) -> bool {
        protocols.iter().any(|p| self.members.values().all(|m| m.protocols.contains(p)))
    }

    fn add(&mut self, id: MemberId, join: Join, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        if self.state == State::PreparingRebalance && self.before == State::Empty {
            self.newcomer = true;
        }
        self.leader.get_or_insert(id);
        self.instances.extend(join.instance.map(|instance| (instance, id)));
        let member = Member {
            instance: join.instance,
            protocols: join.protocols,
            subscription: join.subscription,
            assignment: Vec::new(),
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            is_new: true,
            join: Some(caller),
            sync: None,
            expires: now + NEW_MEMBER_JOIN_TIMEOUT,
        };
        self.members.insert(id, member);
        out.push(Act::Added(id));
        self.rebalance_or_complete(now, out);
    }

    /// A known member joins (again).
    fn rejoin(&mut self, id: MemberId, join: Join, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        let member = &self.members[&id];
        let unchanged = member.protocols == join.protocols && member.subscription == join.subscription;
        match self.state {
            // It has not heard the answer to its JoinGroup: here it is again.
            State::CompletingRebalance if unchanged => self.answer_join(id, caller, now, out),
            // A follower that has nothing new to say does not move the group.
            State::Stable if unchanged && self.leader != Some(id) => self.answer_join(id, caller, now, out),
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update(id, join, caller);
                self.rebalance_or_complete(now, out);
            }
            State::Empty | State::Dead => refuse(caller, ErrorCode::UnknownMemberId, Some(id), out),
        }
    }

    fn update(&mut self, id: MemberId, join: Join, caller: Caller) {
        let member = self.members.get_mut(&id).expect("checked by the caller");
        member.protocols = join.protocols;
        member.subscription = join.subscription;
        member.session_timeout = join.session_timeout;
        member.rebalance_timeout = join.rebalance_timeout;
        member.join = Some(caller);
        if !member.is_new {
            member.expires = SimTime::NEVER;
        }
    }

    /// G-10: a process comes with the instance id of a member: it takes over, and the older process is fenced.
    fn replace(&mut self, old: MemberId, new: MemberId, join: Join, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        self.rename(old, new, out);
        out.push(Act::Removed(old, Removal::Replaced));
        out.push(Act::Added(new));
        self.update(new, join, caller);
        match self.state {
            State::Stable if self.protocol == self.vote() => {
                // It gets what its predecessor had; nobody else notices. The log must know the new id first.
                let member = self.members.get_mut(&new).expect("just renamed");
                member.join = None;
                member.expires = now + member.session_timeout;
                out.push(Act::Write(self.record(None), Some(Written::Replacement { old, new, caller })));
            }
            // The leader may be dealing out a share to the old id.
            State::Stable | State::CompletingRebalance => self.prepare(now, out),
            State::PreparingRebalance => self.complete_if_all_joined(now, out),
            State::Empty | State::Dead => unreachable!("it has a member"),
        }
    }

    /// A member goes on under another id.
    fn rename(&mut self, old: MemberId, new: MemberId, out: &mut Vec<Act>) {
        let mut member = self.members.remove(&old).expect("checked by the caller");
        if let Some(waiting) = member.join.take() {
            refuse(waiting, ErrorCode::FencedInstanceId, Some(old), out);
        }
        if let Some(waiting) = member.sync.take() {
            out.push(Act::AnswerSync(waiting, ErrorCode::FencedInstanceId, Vec::new()));
        }
        self.instances.extend(member.instance.map(|instance| (instance, new)));
        self.members.insert(new, member);
        if self.unsynced.remove(&old) {
            self.unsynced.insert(new);
        }
        if self.leader == Some(old) {
            self.leader = Some(new);
        }
    }

    /// The replacement is in the log, or it could not be written and the old member is back.
    pub(super) fn replaced(
        &mut self,
        (old, new): (MemberId, MemberId),
        caller: Caller,
        error: ErrorCode,
        now: SimTime,
        out: &mut Vec<Act>,
    ) {
        if !self.members.contains_key(&new) {
            return refuse(caller, ErrorCode::UnknownMemberId, Some(new), out);
        }
        if error != ErrorCode::None {
            self.rename(new, old, out);
            return refuse(caller, error, Some(new), out);
        }
        if self.state == State::Stable {
            let leads = self.leader == Some(new);
            let mut joined = self.joined(new);
            joined.skip_assignment = leads;
            self.keep_alive(new, now);
            return out.push(Act::AnswerJoin(caller, joined));
        }
        // The group has moved on meanwhile: the newcomer takes part.
        self.members.get_mut(&new).expect("checked above").join = Some(caller);
        self.rebalance_or_complete(now, out);
    }

    pub(super) fn rebalance_or_complete(&mut self, now: SimTime, out: &mut Vec<Act>) {
        if State::PreparingRebalance.may_follow(self.state) {
            self.prepare(now, out);
        } else {
            self.complete_if_all_joined(now, out);
        }
    }

    /// G-2: everybody has to join again. A group that was empty waits for company.
    pub(super) fn prepare(&mut self, now: SimTime, out: &mut Vec<Act>) {
        if self.state == State::CompletingRebalance {
            self.send_syncs_away(ErrorCode::RebalanceInProgress, now, out);
        }
        self.unsynced.clear();
        self.sync_ends = SimTime::NEVER;
        let first = self.state == State::Empty;
        self.become_state(State::PreparingRebalance, out);
        let longest = self.rebalance_timeout();
        if first {
            self.newcomer = false;
            self.stretch = Some(SimDuration(longest.0.saturating_sub(self.initial_delay.0)));
            self.join_ends = now + self.initial_delay;
        } else {
            self.stretch = None;
            self.join_ends = now + longest;
            self.complete_if_all_joined(now, out);
        }
    }

    /// G-3: the join phase is over as soon as all are there. Only time ends the first one.
    pub(super) fn complete_if_all_joined(&mut self, now: SimTime, out: &mut Vec<Act>) {
        let all = self.pending.is_empty() && self.members.values().all(|m| m.join.is_some());
        if self.state == State::PreparingRebalance && self.before != State::Empty && all {
            self.complete_join(now, out);
        }
    }

    /// The time of the join phase is over. The first one goes on while newcomers keep coming, within the rebalance timeout.
    pub(super) fn join_time_is_over(&mut self, now: SimTime, out: &mut Vec<Act>) {
        match self.stretch {
            Some(left) if self.newcomer && left > SimDuration::ZERO => {
                let delay = self.initial_delay.min(left);
                self.newcomer = false;
                self.stretch = Some(SimDuration(left.0 - delay.0));
                self.join_ends = now + delay;
            }
            _ => self.complete_join(now, out),
        }
    }

    /// G-3: who is missing is removed (static members stay until their session is over), the next generation begins, and everybody
    /// is answered.
    fn complete_join(&mut self, now: SimTime, out: &mut Vec<Act>) {
        self.join_ends = SimTime::NEVER;
        self.stretch = None;
        let missing = |m: &Member| m.join.is_none() && m.instance.is_none();
        let gone: Vec<MemberId> = self.members.iter().filter(|(_, m)| missing(m)).map(|(&id, _)| id).collect();
        for id in gone {
            self.forget(id, Removal::DidNotRejoin, out);
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Static members only, and none of them is here: their sessions decide.
            self.join_ends = now + self.rebalance_timeout();
            return;
        }
        self.generation += 1;
        if self.members.is_empty() {
            self.protocol = None;
            self.leader = None;
            self.become_state(State::Empty, out);
            return out.push(Act::Write(self.record(None), None));
        }
        self.protocol = self.vote();
        self.become_state(State::CompletingRebalance, out);
        self.sync_ends = now + self.rebalance_timeout();
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        for id in ids {
            self.unsynced.insert(id);
            let member = self.members.get_mut(&id).expect("listed above");
            member.is_new = false;
            if let Some(caller) = member.join.take() {
                self.answer_join(id, caller, now, out);
            }
        }
    }

    /// The leader stays while it joins; else the first who did takes over. False: nobody did.
    fn elect_joined_leader(&mut self) -> bool {
        let joined = |id: &MemberId| self.members.get(id).is_some_and(|m| m.join.is_some());
        if !self.leader.as_ref().is_some_and(joined) {
            let Some(next) = self.members.keys().find(|id| joined(id)) else { return false };
            self.leader = Some(*next);
        }
        true
    }

    /// Of the assignors that all members have, the one that most of them prefer; the earlier one in the first member's list if two
    /// have as many votes.
    fn vote(&self) -> Option<Assignor> {
        let candidate = |p: &Assignor| self.members.values().all(|m| m.protocols.contains(p));
        let mut votes: Map<Assignor, u32> = Map::new();
        for choice in self.members.values().filter_map(|m| m.protocols.iter().copied().find(candidate)) {
            *votes.entry(choice).or_default() += 1;
        }
        let first = self.members.values().next()?;
        first.protocols.iter().copied().rev().filter(candidate).max_by_key(|p| votes.get(p).copied().unwrap_or(0))
    }

    fn answer_join(&mut self, id: MemberId, caller: Caller, now: SimTime, out: &mut Vec<Act>) {
        self.keep_alive(id, now);
        out.push(Act::AnswerJoin(caller, self.joined(id)));
    }

    fn joined(&self, id: MemberId) -> Joined {
        let all = || self.members.iter().map(|(&id, m)| (id, m.instance, m.subscription.clone())).collect();
        Joined {
            error: ErrorCode::None,
            generation: self.generation,
            protocol: self.protocol,
            leader: self.leader,
            member: Some(id),
            members: if self.leader == Some(id) { all() } else { Vec::new() },
            skip_assignment: false,
        }
    }
}

fn refuse(caller: Caller, error: ErrorCode, member: Option<MemberId>, out: &mut Vec<Act>) {
    out.push(Act::AnswerJoin(caller, Joined::refused(error, member)));
}
