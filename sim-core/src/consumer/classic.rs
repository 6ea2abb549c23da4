//! The member's side of a classic group (G-2..G-5, G-8..G-10, F-14): joining, the assignment, heartbeats, leaving. The application's thread
//! takes part in rebalances inside `poll()` only; heartbeats, and the check that `poll()` is called in time, happen behind its back.

use super::{Asked, Assigned, Consumer, Process, Thread};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::group::assignor::{Subscriber, Topic};
use crate::group::classic::{Join, Joined, Subscription, Sync};
use crate::ids::*;
use crate::rows::Set;
use crate::sort::gathered;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, ConsumerFailure, What};
use crate::wire::{Channel, Request};
use std::sync::Arc;

/// A JoinGroup may take as long as the rebalance, and this much longer.
const JOIN_TIMEOUT_LAPSE: SimDuration = SimDuration::from_secs(5);
/// `close()` waits for its last commit at most this long.
const CLOSE_TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// Where the member is on its way into the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not a member, or not any more.
    Unjoined,
    /// JoinGroup is to be sent, or waits for the others.
    Joining,
    /// SyncGroup waits for the assignment.
    Syncing,
    /// It has its share.
    Stable,
}

/// `poll()` is in a callback that commits, or waits for a commit before it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Before JoinGroup: the last chance to commit (F-10).
    Join,
    /// Cooperative: after the assignment, before partitions are given up.
    Revoke(Vec<PartitionId>),
    /// In `close()`.
    Close,
}

/// What a client knows of its membership.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    pub stage: Stage,
    pub member: Option<MemberId>,
    /// -1: none.
    pub generation: i32,
    /// The group moves, or this member wants it to.
    rejoin: bool,
    /// onJoinPrepare has not run since the last assignment.
    needs_prepare: bool,
    /// The share of a sync that `poll()` has not seen yet.
    fresh: Option<Vec<PartitionId>>,
    /// The commit that `poll()` or `close()` waits for, since then, and when to try again.
    pub pause: Option<(Pause, SimTime, SimTime)>,
    /// P-23: of the leader of the group: how many partitions its topics had when it last assigned them.
    assigned_of: Option<usize>,
    /// What the sticky assignor remembers: the last assignment, and its generation.
    previous: (Vec<PartitionId>, i32),
    heartbeat_at: SimTime,
    /// JoinGroup is sent no sooner.
    retry_at: SimTime,
}

impl Classic {
    /// Of a process that has just begun.
    pub fn new() -> Classic {
        Classic {
            stage: Stage::Unjoined,
            member: None,
            generation: -1,
            rejoin: true,
            needs_prepare: true,
            fresh: None,
            pause: None,
            assigned_of: None,
            previous: (Vec::new(), -1),
            heartbeat_at: SimTime::NEVER,
            retry_at: SimTime::ZERO,
        }
    }

    fn has_generation(&self) -> bool {
        self.generation >= 0 && self.member.is_some()
    }

    /// Everything is lost but, after ILLEGAL_GENERATION, its name (G-9).
    fn reset(&mut self, keep_member: bool) {
        self.stage = Stage::Unjoined;
        self.generation = -1;
        if !keep_member {
            self.member = None;
        }
        self.fresh = None;
        self.heartbeat_at = SimTime::NEVER;
        self.rejoin = true;
        self.needs_prepare = true;
    }
}

impl Consumer {
    fn is_cooperative(&self) -> bool {
        self.config().assignors.iter().all(|a| a.is_cooperative())
    }

    pub(super) fn instance(&self) -> Option<InstanceId> {
        self.spec().is_static.then(|| InstanceId(self.layout.consumers[self.id.ix()].member))
    }

    // --- inside poll() -----------------------------------------------------------------------------------------------------------

    /// What `poll()` does for the group before it returns records. False: it returns none for now.
    pub(super) fn take_part(&mut self, fx: &mut Effects<'_>) -> bool {
        if self.classic.pause.is_some() && !self.commit_in_pause(fx) {
            return false;
        }
        if let Some(share) = self.classic.fresh.take() {
            self.adopt(share, fx);
        }
        // P-23: the leader notices that there are other partitions than those it assigned, and the group moves.
        self.classic.rejoin |= self.classic.assigned_of.is_some_and(|known| known != self.known_partitions());
        if self.classic.pause.is_none() && self.classic.rejoin {
            self.rejoin(fx);
        }
        self.classic.pause.is_none() && (self.classic.stage == Stage::Stable || self.is_cooperative())
    }

    /// How many partitions its topics have, as far as its metadata shows.
    fn known_partitions(&self) -> usize {
        let topics = self.spec().topics.iter().flat_map(|topic| &self.layout.topics[topic.ix()]);
        topics.filter(|p| self.metadata.knows(**p)).count()
    }

    fn rejoin(&mut self, fx: &mut Effects<'_>) {
        if matches!(self.classic.stage, Stage::Syncing) || self.waits_for(|a| matches!(a, Asked::Join)) {
            return;
        }
        if fx.now < self.classic.retry_at || self.coordinator_ready(fx).is_none() {
            return;
        }
        if self.classic.needs_prepare {
            if self.classic.has_generation() && self.must_commit_before_join() {
                self.classic.pause = Some((Pause::Join, fx.now, fx.now));
                if !self.commit_in_pause(fx) {
                    return;
                }
            } else {
                self.prepare(fx);
            }
        }
        self.send_join(fx);
    }

    /// onJoinPrepare: whoever has lost its generation has lost its partitions (G-9); in the eager protocol all are given up (G-8).
    fn prepare(&mut self, fx: &mut Effects<'_>) {
        let lost = !self.classic.has_generation();
        if lost || !self.is_cooperative() {
            let all: Vec<PartitionId> = self.assigned.iter().map(|a| a.partition).collect();
            self.give_up(all, lost, fx);
        }
        self.classic.needs_prepare = false;
    }

    fn send_join(&mut self, fx: &mut Effects<'_>) {
        let Some(server) = self.coordinator_ready(fx) else { return };
        let config = self.config();
        let (topics, rebalance_timeout) = (self.topics().to_vec(), config.max_poll_interval);
        let subscription = Subscription {
            topics,
            owned: self.assigned.iter().map(|a| a.partition).collect(),
            previous: self.classic.previous.0.clone(),
            generation: self.classic.previous.1,
        };
        let join = Join {
            member: self.classic.member,
            instance: self.instance(),
            session_timeout: config.session_timeout,
            rebalance_timeout,
            protocols: config.assignors.clone(),
            subscription: Arc::new(subscription),
        };
        let timeout = config.request_timeout.max(rebalance_timeout + JOIN_TIMEOUT_LAPSE);
        let (request, cause) = (Request::JoinGroup { group: self.group(), join }, fx.cause);
        // Heartbeats rest until the group has answered.
        self.classic.heartbeat_at = SimTime::NEVER;
        self.classic.stage = Stage::Joining;
        self.client.ask(fx, server, (Api::JoinGroup, request), timeout, cause, Asked::Join);
    }

    /// onJoinComplete (G-8). Cooperative: what went to others is given up now, and then everybody joins once more, so that they get it.
    fn adopt(&mut self, share: Vec<PartitionId>, fx: &mut Effects<'_>) {
        let generation = self.classic.generation;
        self.classic.needs_prepare = true;
        let wanted: Set<PartitionId> = gathered(share.iter().copied());
        let gone: Vec<PartitionId> = self.assigned.iter().map(|a| a.partition).filter(|p| !wanted.contains(p)).collect();
        for &partition in &share {
            if !self.assigned.iter().any(|a| a.partition == partition) {
                self.assigned.push(Assigned::fresh(partition));
                fx.trace(What::Assigned { consumer: self.id, partition, generation });
            }
        }
        self.classic.previous = (share, generation);
        if gone.is_empty() {
            return;
        }
        if self.must_commit_on_revoke(&gone) {
            self.classic.pause = Some((Pause::Revoke(gone), fx.now, fx.now));
            self.commit_in_pause(fx);
        } else {
            self.give_up(gone, false, fx);
            self.classic.rejoin = true;
        }
    }

    /// The commit that `poll()` waited for is over, one way or the other.
    pub(super) fn end_pause(&mut self, fx: &mut Effects<'_>) {
        match self.classic.pause.take() {
            Some((Pause::Join, ..)) => self.prepare(fx),
            Some((Pause::Revoke(gone), ..)) => {
                self.give_up(gone, false, fx);
                self.classic.rejoin = true;
            }
            Some((Pause::Close, ..)) => self.leave_and_stop(fx),
            None => {}
        }
    }

    /// How long `poll()` or `close()` waits for a commit.
    pub(super) fn pause_limit(&self, pause: &Pause) -> SimDuration {
        let config = self.config();
        match pause {
            Pause::Close => CLOSE_TIMEOUT,
            // The client's own commit may take as long as the rebalance; an application's commitSync() gives up sooner.
            _ if config.enable_auto_commit => config.max_poll_interval,
            _ => config.default_api_timeout,
        }
    }

    // --- answers -----------------------------------------------------------------------------------------------------------------

    pub(super) fn on_joined(&mut self, joined: Joined, fx: &mut Effects<'_>) {
        if self.classic.stage != Stage::Joining {
            return; // it left meanwhile
        }
        let backoff = self.config().retry_backoff;
        match joined.error {
            ErrorCode::None => self.on_admitted(joined, fx),
            ErrorCode::MemberIdRequired => self.classic.member = joined.member,
            ErrorCode::UnknownMemberId => self.classic.reset(false),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.forget_coordinator(fx.now),
            error if error.is_retriable() || error == ErrorCode::RebalanceInProgress => {
                self.classic.retry_at = fx.now + backoff;
            }
            error => self.cast_out(error, fx),
        }
    }

    fn on_admitted(&mut self, joined: Joined, fx: &mut Effects<'_>) {
        self.classic.generation = joined.generation;
        self.classic.member = joined.member;
        self.classic.heartbeat_at = fx.now + self.config().heartbeat_interval;
        let leads = joined.leader == joined.member;
        self.classic.assigned_of = leads.then(|| self.known_partitions());
        let leads = leads && !joined.skip_assignment;
        let shares = if leads { self.assign(&joined) } else { Vec::new() };
        let Some(server) = self.coordinator_ready(fx) else {
            self.classic.stage = Stage::Unjoined;
            return;
        };
        let member = joined.member.expect("whoever is admitted has an id");
        let sync = Sync { member, instance: self.instance(), generation: joined.generation, shares };
        let request = Request::SyncGroup { group: self.group(), sync };
        let (timeout, cause) =
            (self.config().request_timeout.max(self.config().max_poll_interval + JOIN_TIMEOUT_LAPSE), fx.cause);
        self.classic.stage = Stage::Syncing;
        self.client.ask(fx, server, (Api::SyncGroup, request), timeout, cause, Asked::Sync);
    }

    /// G-4: the leader of the group assigns.
    fn assign(&self, joined: &Joined) -> Vec<(MemberId, Vec<PartitionId>)> {
        let protocol = joined.protocol.expect("a group with members has a protocol");
        let read: Set<TopicId> = gathered(joined.members.iter().flat_map(|m| m.2.topics.iter().copied()));
        let read: Vec<TopicId> = read.into_iter().collect();
        let known = self.layout.assignor_topics(|p| self.metadata.knows(p));
        let topics: Vec<Topic> = read.iter().map(|t| known[t.ix()].clone()).collect();
        let member = |(id, instance, said): &(MemberId, Option<InstanceId>, Arc<Subscription>)| Subscriber {
            id: self.layout.member_name(*id),
            instance: instance.map(|i| format!("{:05}", i.0)),
            topics: (0..read.len()).filter(|&t| said.topics.contains(&read[t])).collect(),
            owned: said.claims(protocol).to_vec(),
            generation: said.generation,
        };
        let members: Vec<Subscriber> = joined.members.iter().map(member).collect();
        let mut shares = protocol.assign(&topics, &members);
        if self.layout.scenario.has_bug(Bug::GivesAllToOne) {
            shares[0] = shares.iter_mut().flat_map(std::mem::take).collect();
        }
        if self.layout.scenario.has_bug(Bug::WithholdsTheUnowned) {
            shares.iter_mut().for_each(|share| share.retain(|p| members.iter().any(|m| m.owned.contains(p))));
        }
        joined.members.iter().map(|m| m.0).zip(shares).collect()
    }

    pub(super) fn on_synced(&mut self, error: ErrorCode, share: Vec<PartitionId>, fx: &mut Effects<'_>) {
        if self.classic.stage != Stage::Syncing {
            return;
        }
        self.classic.stage = Stage::Unjoined;
        match error {
            ErrorCode::None => {
                self.classic.stage = Stage::Stable;
                self.classic.rejoin = false;
                self.classic.fresh = Some(share);
            }
            ErrorCode::RebalanceInProgress => {}
            ErrorCode::UnknownMemberId => self.classic.reset(false),
            ErrorCode::IllegalGeneration => self.classic.reset(true),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.forget_coordinator(fx.now),
            error if error.is_retriable() => self.classic.retry_at = fx.now + self.config().retry_backoff,
            error => self.cast_out(error, fx),
        }
    }

    /// A request of the membership got no answer: the connection to the coordinator is gone.
    pub(super) fn on_membership_lost(&mut self, asked: &Asked, now: SimTime) {
        self.forget_coordinator(now);
        match asked {
            Asked::Join | Asked::Sync if matches!(self.classic.stage, Stage::Joining | Stage::Syncing) => {
                self.classic.stage = Stage::Unjoined;
                self.classic.retry_at = now + self.config().retry_backoff;
            }
            Asked::Heartbeat(_) if self.classic.heartbeat_at != SimTime::NEVER => {
                self.classic.heartbeat_at = now + self.config().retry_backoff;
            }
            _ => {}
        }
    }

    /// The group does not know this member, or not in this generation.
    pub(super) fn on_membership_error(&mut self, error: ErrorCode, sent_in: i32, fx: &mut Effects<'_>) {
        if sent_in != self.classic.generation {
            return; // it has joined again since
        }
        match error {
            ErrorCode::FencedInstanceId => self.cast_out(error, fx),
            ErrorCode::UnknownMemberId => self.classic.reset(false),
            ErrorCode::IllegalGeneration => self.classic.reset(true),
            ErrorCode::RebalanceInProgress if self.classic.stage == Stage::Stable => self.classic.rejoin = true,
            _ => {}
        }
    }

    /// An exception that ends the application.
    fn cast_out(&mut self, error: ErrorCode, fx: &mut Effects<'_>) {
        let why = match error {
            ErrorCode::FencedInstanceId => ConsumerFailure::FencedInstance,
            ErrorCode::InvalidSessionTimeout => ConsumerFailure::InvalidSessionTimeout,
            ErrorCode::GroupMaxSizeReached => ConsumerFailure::GroupMaxSizeReached,
            _ => ConsumerFailure::InconsistentGroupProtocol,
        };
        fx.trace(What::ConsumerFailed { consumer: self.id, partition: None, why });
        self.classic.reset(false);
        self.classic.rejoin = false;
        self.thread = Thread::Failed;
    }

    // --- behind the application's back -------------------------------------------------------------------------------------------

    /// The heartbeat thread.
    pub(super) fn classic_heartbeat(&mut self, fx: &mut Effects<'_>) {
        let Some(member) = self.classic.member else { return };
        if fx.now < self.classic.heartbeat_at || self.waits_for(|a| matches!(a, Asked::Heartbeat(_))) {
            return;
        }
        if let Some(server) = self.coordinator_ready(fx) {
            let (instance, generation) = (self.instance(), self.classic.generation);
            let request = Request::Heartbeat { group: self.group(), member, instance, generation };
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.classic.heartbeat_at = fx.now + self.config().heartbeat_interval;
            self.client.ask(fx, server, (Api::Heartbeat, request), timeout, cause, Asked::Heartbeat(generation));
        }
    }

    pub(super) fn on_heartbeat_answer(&mut self, error: ErrorCode, sent_in: i32, fx: &mut Effects<'_>) {
        match error {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.forget_coordinator(fx.now),
            error => self.on_membership_error(error, sent_in, fx),
        }
    }

    /// F-14: it leaves behind the application's back.
    pub(super) fn abandon_group(&mut self, fx: &mut Effects<'_>) {
        self.leave(fx);
        self.classic.reset(false);
    }

    /// LeaveGroup. Static members do not: their instance is expected back (G-10). Nobody waits for the answer.
    pub(super) fn leave(&mut self, fx: &mut Effects<'_>) {
        let Some(member) = self.classic.member.filter(|_| self.instance().is_none()) else { return };
        if self.classic.stage == Stage::Unjoined {
            return;
        }
        if let Some(server) = self.coordinator_ready(fx) {
            let request = Request::LeaveGroup { group: self.group(), member, instance: None };
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.client.ask(fx, server, (Api::LeaveGroup, request), timeout, cause, Asked::Leave);
        }
    }

    // --- close() -----------------------------------------------------------------------------------------------------------------

    /// Is it in the group, or on its way in?
    pub(super) fn is_in_classic(&self) -> bool {
        self.classic.stage != Stage::Unjoined
    }

    /// The thread is done with what it had in hand: the last commit (F-10), LeaveGroup, the end.
    pub(super) fn close_classic(&mut self, fx: &mut Effects<'_>) {
        if self.classic.pause.as_ref().is_some_and(|(pause, ..)| *pause == Pause::Close) {
            self.commit_in_pause(fx);
        } else if self.classic.stage == Stage::Stable && self.must_commit_before_join() {
            self.classic.pause = Some((Pause::Close, fx.now, fx.now));
            self.commit_in_pause(fx);
        } else {
            self.leave_and_stop(fx);
        }
    }

    fn leave_and_stop(&mut self, fx: &mut Effects<'_>) {
        let all: Vec<PartitionId> = self.assigned.iter().map(|a| a.partition).collect();
        self.give_up(all, !self.classic.has_generation(), fx);
        self.leave(fx);
        self.end(Process::Stopped, fx);
    }

    /// When time alone will make a difference to the membership.
    pub(super) fn classic_due(&self, now: SimTime) -> SimTime {
        let reachable =
            self.coordinator.map_or(SimTime::NEVER, |c| self.client.blocked_until(NodeId::Broker(c), Channel::Coordinator));
        let later = |at: SimTime| if at > now { at } else { SimTime::NEVER };
        let mut due = SimTime::NEVER;
        if !self.waits_for(|a| matches!(a, Asked::Heartbeat(_))) {
            due = due.min(later(self.classic.heartbeat_at.max(reachable)));
        }
        if self.classic.rejoin && self.thread == Thread::Polling {
            due = due.min(later(self.classic.retry_at.max(reachable)));
        }
        if let Some((pause, since, again)) = &self.classic.pause {
            due = due.min(*since + self.pause_limit(pause)).min(later((*again).max(reachable)));
        }
        due
    }
}
