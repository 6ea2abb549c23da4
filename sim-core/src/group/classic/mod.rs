//! A classic group as its coordinator keeps it (G-1..G-6, G-10): a state machine that is handed requests and instants, and says whom to
//! answer, what to write to the log, and what changed. Members wait inside it: a JoinGroup until all have joined, a SyncGroup until the
//! leader has brought the assignment.
//!
//! ```text
//! Empty -> PreparingRebalance -> CompletingRebalance -> Stable
//!   ^             |  ^                   |                 |
//!   +-------------+  +-------------------+-----------------+
//! ```

pub mod checks;
mod join;
mod leave;
mod sync;
#[cfg(test)]
mod tests;

pub use sync::Sync;

use crate::effects::Caller;
use crate::error_code::ErrorCode;
use crate::group::assignor::Assignor;
use crate::ids::*;
use crate::record::{GroupRecord, MemberRecord};
use crate::rows::{Map, Set};
use crate::time::{SimDuration, SimTime};
use crate::trace::Removal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// G-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// No members; it may have offsets.
    Empty,
    /// Members are asked to join again.
    PreparingRebalance,
    /// All have joined; the leader computes the assignment.
    CompletingRebalance,
    /// Everybody has its share.
    Stable,
    /// Gone.
    Dead,
}

impl State {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
            State::Dead => "Dead",
        }
    }

    /// G-1: may this state follow `before`?
    pub fn may_follow(self, before: State) -> bool {
        match self {
            State::Empty => before == State::PreparingRebalance,
            State::PreparingRebalance => matches!(before, State::Empty | State::Stable | State::CompletingRebalance),
            State::CompletingRebalance => before == State::PreparingRebalance,
            State::Stable => before == State::CompletingRebalance,
            State::Dead => true,
        }
    }
}

/// What a member says of itself when it joins: the metadata of its protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What it reads.
    pub topics: Vec<TopicId>,
    /// What it holds while it joins: nothing, in the eager protocol (G-8).
    pub owned: Vec<PartitionId>,
    /// The last assignment that it got: the sticky assignor's own memory, which outlives an eager revocation.
    pub previous: Vec<PartitionId>,
    /// The generation of both; -1 for none.
    pub generation: i32,
}

impl Subscription {
    /// What an assignor takes the member to own (A-5): the sticky one what its own memory says, the others ask for what is held.
    pub fn claims(&self, assignor: Assignor) -> &[PartitionId] {
        if assignor == Assignor::Sticky { &self.previous } else { &self.owned }
    }
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Static members have one (G-10).
    pub instance: Option<InstanceId>,
    /// The assignors that it can run, the preferred one first.
    pub protocols: Vec<Assignor>,
    /// What it told the group.
    pub subscription: Arc<Subscription>,
    /// Its share in the group's generation.
    pub assignment: Vec<PartitionId>,
    session_timeout: SimDuration,
    /// max.poll.interval.ms (G-3).
    rebalance_timeout: SimDuration,
    /// It joined for the first time and has not been answered.
    is_new: bool,
    join: Option<Caller>,
    sync: Option<Caller>,
    /// F-15: removed then. NEVER while it waits to be answered.
    expires: SimTime,
}

/// JoinGroup, as the group reads it.
#[derive(Clone, Debug)]
pub struct Join {
    /// None: it has no id yet.
    pub member: Option<MemberId>,
    /// `group.instance.id`.
    pub instance: Option<InstanceId>,
    /// session.timeout.ms.
    pub session_timeout: SimDuration,
    /// max.poll.interval.ms.
    pub rebalance_timeout: SimDuration,
    /// partition.assignment.strategy.
    pub protocols: Vec<Assignor>,
    /// What it reads and holds.
    pub subscription: Arc<Subscription>,
}

/// The answer to JoinGroup.
#[derive(Clone, Debug)]
pub struct Joined {
    /// How it ended.
    pub error: ErrorCode,
    /// The group's; -1 with an error.
    pub generation: i32,
    /// The assignor that the members chose.
    pub protocol: Option<Assignor>,
    /// Who computes the assignment.
    pub leader: Option<MemberId>,
    /// Who it is.
    pub member: Option<MemberId>,
    /// For the leader: all members and what they said.
    pub members: Vec<(MemberId, Option<InstanceId>, Arc<Subscription>)>,
    /// G-10: a static leader came back to a stable group; nothing is to be computed.
    pub skip_assignment: bool,
}

impl Joined {
    /// A refusal.
    pub fn refused(error: ErrorCode, member: Option<MemberId>) -> Joined {
        Joined { error, generation: -1, protocol: None, leader: None, member, members: Vec::new(), skip_assignment: false }
    }
}

/// What was written to the log, and what hangs on it.
#[derive(Clone, Debug)]
pub enum Written {
    /// G-4: the assignment of this generation.
    Assignment {
        /// The generation.
        generation: i32,
        /// Everybody's share.
        shares: Vec<(MemberId, Vec<PartitionId>)>,
        /// Who brought it.
        caller: Caller,
    },
    /// G-10: a process took over a static instance in a stable group.
    Replacement {
        /// Who held it.
        old: MemberId,
        /// Who holds it now.
        new: MemberId,
        /// Who waits to hear of it.
        caller: Caller,
    },
}

impl Written {
    /// Whose request it comes from.
    pub fn caller(&self) -> Caller {
        match self {
            Written::Assignment { caller, .. } | Written::Replacement { caller, .. } => *caller,
        }
    }
}

/// What a group wants done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answer a JoinGroup.
    AnswerJoin(Caller, Joined),
    /// Answer a SyncGroup.
    AnswerSync(Caller, ErrorCode, Vec<PartitionId>),
    /// Write the group's state; [`ClassicGroup::persisted`] hears how that ended. None: nobody waits for it.
    Write(GroupRecord, Option<Written>),
    /// For the trace: somebody is a member now.
    Added(MemberId),
    /// For the trace: somebody is not any more.
    Removed(MemberId, Removal),
    /// For the trace: the state, the generation and the number of members now.
    Changed(State, i32, u32),
}

/// A classic group.
#[derive(Clone, Debug)]
pub struct ClassicGroup {
    /// Which.
    pub id: GroupId,
    state: State,
    /// The state before this one.
    before: State,
    generation: i32,
    protocol: Option<Assignor>,
    leader: Option<MemberId>,
    members: Map<MemberId, Member>,
    instances: Map<InstanceId, MemberId>,
    /// They got an id and have not joined with it; forgotten then.
    pending: Map<MemberId, SimTime>,
    /// They were answered and have not synced.
    unsynced: Set<MemberId>,
    /// When those are removed.
    sync_ends: SimTime,
    /// When the join phase ends, whoever is missing.
    join_ends: SimTime,
    /// G-2: of the first rebalance of an empty group: how much longer newcomers may draw it out.
    stretch: Option<SimDuration>,
    /// A newcomer came since the delay was last set.
    newcomer: bool,
    /// group.initial.rebalance.delay.ms.
    initial_delay: SimDuration,
}

impl ClassicGroup {
    /// A group that nobody has joined.
    pub fn new(id: GroupId, initial_delay: SimDuration) -> ClassicGroup {
        ClassicGroup {
            id,
            state: State::Empty,
            before: State::Empty,
            generation: 0,
            protocol: None,
            leader: None,
            members: Map::new(),
            instances: Map::new(),
            pending: Map::new(),
            unsynced: Set::new(),
            sync_ends: SimTime::NEVER,
            join_ends: SimTime::NEVER,
            stretch: None,
            newcomer: false,
            initial_delay,
        }
    }

    /// G-32: a group as the log has it. Who waited for an answer is not in the log; each member has a session timeout to show up.
    pub fn restored(record: &GroupRecord, initial_delay: SimDuration, now: SimTime) -> ClassicGroup {
        let mut group = ClassicGroup::new(record.group, initial_delay);
        group.generation = record.generation;
        group.protocol = record.protocol;
        group.leader = record.leader;
        for member in &record.members {
            group.members.insert(
                member.id,
                Member {
                    instance: member.instance,
                    protocols: member.protocols.clone(),
                    subscription: member.subscription.clone(),
                    assignment: member.assignment.clone(),
                    session_timeout: member.session_timeout,
                    rebalance_timeout: member.rebalance_timeout,
                    is_new: false,
                    join: None,
                    sync: None,
                    expires: now + member.session_timeout,
                },
            );
            group.instances.extend(member.instance.map(|instance| (instance, member.id)));
        }
        group.state = if group.members.is_empty() { State::Empty } else { State::Stable };
        group
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its generation (G-3).
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// The assignor that its members chose.
    pub fn protocol(&self) -> Option<Assignor> {
        self.protocol
    }

    /// Who computes the assignment.
    pub fn leader(&self) -> Option<MemberId> {
        self.leader
    }

    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(&id, member)| (id, member))
    }

    /// Is it a member?
    pub fn check_member(&self, member: Option<MemberId>, instance: Option<InstanceId>) -> Result<(), ErrorCode> {
        let is_member = member.is_some_and(|m| self.members.contains_key(&m));
        let owner = instance.map(|i| self.instances.get(&i).copied().map(Some));
        checks::check_member(&member, is_member, owner.as_ref().map(Option::as_ref))
    }

    /// The next moment at which something happens by itself.
    pub fn next_due(&self) -> SimTime {
        let members = self.members.values().map(|m| m.expires).min();
        let pending = self.pending.values().copied().min();
        let due = self.join_ends.min(self.sync_ends);
        due.min(members.unwrap_or(SimTime::NEVER)).min(pending.unwrap_or(SimTime::NEVER))
    }

    /// G-5.
    pub fn heartbeat(&mut self, member: MemberId, instance: Option<InstanceId>, generation: i32, now: SimTime) -> ErrorCode {
        let known = self.check_member(Some(member), instance);
        let answer = checks::heartbeat(self.state, known, generation == self.generation);
        if matches!(answer, ErrorCode::None | ErrorCode::RebalanceInProgress) {
            self.keep_alive(member, now);
        }
        answer
    }

    /// G-6. A member that commits is alive.
    ///
    /// # Errors
    /// The error that the committer is told.
    pub fn commit(
        &mut self,
        member: Option<MemberId>,
        instance: Option<InstanceId>,
        generation: i32,
        now: SimTime,
    ) -> Result<(), ErrorCode> {
        let by = checks::Committer { named: member.is_some() || instance.is_some(), generation, transactional: false };
        checks::commit(self.state, self.generation, by, self.check_member(member, instance))?;
        if let Some(member) = member {
            self.keep_alive(member, now);
        }
        Ok(())
    }

    /// G-6: a commit in a transaction (X-5).
    ///
    /// # Errors
    /// The error that the committer is told.
    pub fn check_transactional(&self, member: Option<MemberId>, generation: i32) -> Result<(), ErrorCode> {
        let by = checks::Committer { named: member.is_some(), generation, transactional: true };
        checks::commit(self.state, self.generation, by, self.check_member(member, None))
    }

    /// F-15: the session begins anew, unless the member waits to be answered.
    fn keep_alive(&mut self, member: MemberId, now: SimTime) {
        if let Some(member) = self.members.get_mut(&member) {
            let waits = member.join.is_some() || member.sync.is_some();
            member.expires = if waits { SimTime::NEVER } else { now + member.session_timeout };
        }
    }

    fn become_state(&mut self, state: State, out: &mut Vec<Act>) {
        assert!(state.may_follow(self.state), "a group does not go from {:?} to {state:?}", self.state);
        self.before = self.state;
        self.state = state;
        out.push(Act::Changed(state, self.generation, self.members.len() as u32));
    }

    /// G-3: the longest of the members' rebalance timeouts.
    fn rebalance_timeout(&self) -> SimDuration {
        self.members.values().map(|m| m.rebalance_timeout).max().unwrap_or(SimDuration::ZERO)
    }

    /// The group as the log has it, with these shares instead of the ones that the members have.
    fn record(&self, shares: Option<&[(MemberId, Vec<PartitionId>)]>) -> GroupRecord {
        let share = |id: MemberId, member: &Member| match shares {
            None => member.assignment.clone(),
            Some(shares) => shares.iter().find(|s| s.0 == id).map(|s| s.1.clone()).unwrap_or_default(),
        };
        let member = |(&id, member): (&MemberId, &Member)| MemberRecord {
            id,
            instance: member.instance,
            session_timeout: member.session_timeout,
            rebalance_timeout: member.rebalance_timeout,
            protocols: member.protocols.clone(),
            subscription: member.subscription.clone(),
            assignment: share(id, member),
        };
        GroupRecord {
            group: self.id,
            generation: self.generation,
            protocol: self.protocol,
            leader: self.leader,
            members: self.members.iter().map(member).collect(),
        }
    }
}
