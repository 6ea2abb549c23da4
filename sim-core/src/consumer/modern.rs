//! A member of a group with `group.protocol=consumer` (KIP-848), as its client sees it: it joins, says with each heartbeat what it has,
//! gets used to what it is told to have, and learns when it is out. Partitions change hands only inside `poll()`: the application
//! listens for that (a ConsumerRebalanceListener), so that no record in hand is of a partition that was given up.

use super::commits::Why;
use super::{Asked, Assigned, Consumer, Thread};
use crate::config::GroupProtocol;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::group::modern::Partitions;
use crate::group::modern::heartbeat::{Answer, Heartbeat};
use crate::ids::*;
use crate::net::client::Backoff;
use crate::sort;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, ConsumerFailure, What};
use crate::wire::{Channel, Request};

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It asks to be let in.
    Joining,
    /// It was told to have something else than it has.
    Reconciling,
    /// It has what it was told to have, and says so with the next heartbeat.
    Acknowledging,
    /// It has what it was told to have.
    Stable,
    /// F-14: it says with the next heartbeat that it leaves.
    Leaving,
    /// It is no member. It learns so at the next `poll()`, and joins again.
    Out,
    /// An error ended it.
    Dead,
}

/// What a client knows of its membership.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    state: State,
    member: MemberId,
    /// G-20: 0 while it joins.
    epoch: MemberEpoch,
    /// What it was told to have.
    target: Partitions,
    /// `group.consumer.heartbeat.interval.ms`, as the coordinator has said.
    interval: SimDuration,
    next_heartbeat: SimTime,
    failures: u32,
    /// The next heartbeat leaves nothing out: the coordinator may not have read the last one.
    says_all: bool,
    /// The next heartbeat says what it has.
    says_owned: bool,
    /// F-10: the commit before a rebalance has been made.
    has_committed: bool,
}

impl Membership {
    /// Of a process that has not joined yet; none in a group of the classic protocol.
    pub fn new(protocol: GroupProtocol, member: MemberId, now: SimTime) -> Option<Membership> {
        (protocol == GroupProtocol::Consumer).then(|| Membership {
            state: State::Joining,
            member,
            epoch: MemberEpoch::JOIN,
            target: Partitions::new(),
            interval: SimDuration::ZERO,
            next_heartbeat: now,
            failures: 0,
            says_all: true,
            says_owned: true,
            has_committed: false,
        })
    }

    /// The next process of the same consumer.
    pub fn successor(&self, now: SimTime) -> Option<Membership> {
        let member = MemberId { serial: self.member.serial + 1, ..self.member };
        Membership::new(GroupProtocol::Consumer, member, now)
    }

    /// Who commits, and at which epoch (G-24); none while it is no member.
    pub fn identity(&self) -> Option<(MemberId, MemberEpoch)> {
        let is_in = !matches!(self.state, State::Leaving | State::Out | State::Dead) && self.epoch > MemberEpoch::JOIN;
        is_in.then_some((self.member, self.epoch))
    }

    /// Are its partitions its own, as far as it knows?
    pub fn is_in(&self) -> bool {
        !matches!(self.state, State::Leaving | State::Out | State::Dead)
    }

    /// When it has to say something again.
    pub fn heartbeat_due(&self) -> SimTime {
        if matches!(self.state, State::Out | State::Dead) { SimTime::NEVER } else { self.next_heartbeat }
    }

    /// F-14.
    pub fn leave(&mut self, now: SimTime) {
        self.enter(State::Leaving, now);
    }

    fn enter(&mut self, state: State, now: SimTime) {
        self.state = state;
        if matches!(state, State::Joining | State::Acknowledging | State::Leaving) {
            self.next_heartbeat = now;
        }
    }
}

impl Consumer {
    fn owned(&self) -> Partitions {
        self.assigned.iter().map(|a| a.partition).collect()
    }

    // --- heartbeats ------------------------------------------------------------------------------------------------------------

    pub(super) fn heartbeat(&mut self, fx: &mut Effects<'_>) {
        let due = self.membership.as_ref().map_or(SimTime::NEVER, Membership::heartbeat_due);
        if fx.now < due || fx.now < self.coordinator_after || self.waits_for(|a| matches!(a, Asked::GroupHeartbeat)) {
            return;
        }
        let Some(server) = self.coordinator_ready(fx) else { return };
        let (group, ask, timeout) = (self.group(), Box::new(self.next_heartbeat()), self.config().request_timeout);
        let owned = self.owned();
        let membership = self.membership.as_mut().expect("checked above");
        membership.next_heartbeat = fx.now + membership.interval;
        (membership.says_all, membership.says_owned) = (false, false);
        match membership.state {
            State::Acknowledging if membership.target == owned => membership.state = State::Stable,
            State::Acknowledging => membership.state = State::Reconciling,
            State::Leaving => membership.state = State::Out,
            _ => {}
        }
        let (request, cause) = (Request::ConsumerGroupHeartbeat { group, ask }, fx.cause);
        self.client.ask(fx, server, (Api::ConsumerGroupHeartbeat, request), timeout, cause, Asked::GroupHeartbeat);
    }

    /// G-20: what has not changed is left out.
    fn next_heartbeat(&self) -> Heartbeat {
        let membership = self.membership.as_ref().expect("of the consumer protocol");
        let (config, owned) = (self.config(), self.owned());
        let joins = membership.state == State::Joining;
        let (all, leaves) = (joins || membership.says_all, membership.state == State::Leaving);
        // G-22: the instance of a static member is expected back.
        let leaves_with = if self.instance().is_some() { MemberEpoch::LEAVE_FOR_NOW } else { MemberEpoch::LEAVE };
        Heartbeat {
            member: membership.member,
            epoch: if leaves { leaves_with } else { membership.epoch },
            instance: self.instance(),
            rebalance_timeout: Some(config.max_poll_interval).filter(|_| all && !leaves),
            topics: Some(self.topics().to_vec()).filter(|_| all && !leaves),
            assignor: config.group_remote_assignor.filter(|_| all && !leaves),
            owned: Some(owned).filter(|_| (all || membership.says_owned) && !leaves),
        }
    }

    pub(super) fn on_heartbeat(&mut self, result: Result<Answer, ErrorCode>, interval: SimDuration, fx: &mut Effects<'_>) {
        if !self.membership.as_ref().is_some_and(Membership::is_in) {
            return; // it has left meanwhile
        }
        match result {
            Ok(answer) => self.on_assignment(answer, interval, fx.now),
            Err(error @ (ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)) => {
                self.forget_coordinator(fx.now);
                self.heartbeat_failed(error, fx);
            }
            // G-22, G-23: it is out, and may already have a successor for what it has.
            Err(ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId) => {
                self.membership.as_mut().expect("checked above").state = State::Out;
            }
            Err(ErrorCode::FencedInstanceId) => self.is_cast_out(ConsumerFailure::FencedInstance, fx),
            Err(ErrorCode::UnreleasedInstanceId) => self.is_cast_out(ConsumerFailure::UnreleasedInstance, fx),
            Err(ErrorCode::GroupMaxSizeReached) => self.is_cast_out(ConsumerFailure::GroupMaxSizeReached, fx),
            Err(error) => self.heartbeat_failed(error, fx),
        }
    }

    /// An exception that ends the application.
    fn is_cast_out(&mut self, why: ConsumerFailure, fx: &mut Effects<'_>) {
        self.membership.as_mut().expect("of the consumer protocol").state = State::Dead;
        fx.trace(What::ConsumerFailed { consumer: self.id, partition: None, why });
        self.thread = Thread::Failed;
    }

    fn on_assignment(&mut self, answer: Answer, interval: SimDuration, now: SimTime) {
        let owned = self.owned();
        let membership = self.membership.as_mut().expect("of the consumer protocol");
        membership.failures = 0;
        membership.epoch = answer.epoch;
        if membership.interval != interval {
            (membership.interval, membership.next_heartbeat) = (interval, now + interval);
        }
        let Some(assignment) = answer.assignment else { return };
        membership.target = assignment;
        if membership.target != owned {
            membership.state = State::Reconciling;
        } else if matches!(membership.state, State::Joining | State::Reconciling) {
            membership.state = State::Stable;
        }
    }

    /// It was not heard, or not understood: the next one says everything.
    pub(super) fn heartbeat_failed(&mut self, _error: ErrorCode, fx: &Effects<'_>) {
        let backoff = Backoff { first: self.config().retry_backoff, longest: self.config().retry_backoff_max };
        let Some(membership) = &mut self.membership else { return };
        membership.next_heartbeat = fx.now + backoff.after(membership.failures, &mut self.jitter);
        membership.failures += 1;
        membership.says_all = true;
    }

    // --- inside poll() ---------------------------------------------------------------------------------------------------------

    /// What `poll()` does about the group. False: the application waits for a commit first (F-10).
    pub(super) fn rebalance_in_poll(&mut self, fx: &mut Effects<'_>) -> bool {
        match self.membership.as_ref().map(|m| m.state) {
            Some(State::Out) => self.join_again(fx),
            Some(State::Reconciling) if self.must_commit_first() => {
                self.membership.as_mut().expect("checked above").has_committed = true;
                self.thread = Thread::Committing { since: fx.now, again: fx.now, extent: self.last_extent() };
                return false;
            }
            Some(State::Reconciling) => self.reconcile(fx),
            _ => {}
        }
        true
    }

    fn must_commit_first(&self) -> bool {
        let Some(membership) = self.membership.as_ref().filter(|m| !m.has_committed) else { return false };
        if self.config().enable_auto_commit {
            return self.assigned.iter().any(|a| a.position.is_some());
        }
        self.has_uncommitted_of_revoked(|partition| !membership.target.contains(&partition))
    }

    /// G-21: gives up what it is not to have, takes what it is to have, and says so at once.
    fn reconcile(&mut self, fx: &mut Effects<'_>) {
        let owned = self.owned();
        let membership = self.membership.as_mut().expect("of the consumer protocol");
        let (target, generation) = (membership.target.clone(), membership.epoch.0);
        membership.enter(State::Acknowledging, fx.now);
        (membership.says_owned, membership.has_committed) = (true, false);
        self.give_up(owned.difference(&target).copied(), false, fx);
        for &partition in target.difference(&owned) {
            fx.trace(What::Assigned { consumer: self.id, partition, generation });
            self.assigned.push(Assigned::fresh(partition));
        }
        sort::by_key(&mut self.assigned, |a| a.partition);
    }

    /// onPartitionsLost, and again from the beginning.
    fn join_again(&mut self, fx: &mut Effects<'_>) {
        self.give_up(self.owned(), true, fx);
        let membership = self.membership.as_mut().expect("of the consumer protocol");
        membership.enter(State::Joining, fx.now);
        (membership.epoch, membership.target) = (MemberEpoch::JOIN, Partitions::new());
        (membership.says_all, membership.has_committed) = (true, false);
    }

    // --- leaving -----------------------------------------------------------------------------------------------------------------

    /// `close()`: commits if it does so by itself (F-10), and says that it leaves. It does not wait for answers.
    pub(super) fn say_goodbye(&mut self, fx: &mut Effects<'_>) {
        let is_in = self.membership.as_ref().is_some_and(|m| m.identity().is_some());
        let Some(server) = self.coordinator.map(NodeId::Broker) else { return };
        if !is_in || !self.client.is_open(server, Channel::Coordinator) {
            return;
        }
        let commits = self.config().enable_auto_commit || self.has_uncommitted_of_revoked(|_| true);
        if commits && self.in_hand.is_empty() {
            let _ = self.send_commit(Why::Auto, self.last_extent(), fx);
        }
        let group = self.group();
        self.membership.as_mut().expect("checked above").state = State::Leaving;
        let ask = Box::new(self.next_heartbeat());
        let cause = fx.cause;
        let request = Request::ConsumerGroupHeartbeat { group, ask };
        self.client.post(fx, server, (Api::ConsumerGroupHeartbeat, request), cause);
    }
}
