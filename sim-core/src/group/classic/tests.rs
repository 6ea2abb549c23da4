//! A group at its coordinator, driven by hand.

use super::*;
use crate::trace::Api;
use crate::wire::{Channel, Connection};

const DELAY: SimDuration = SimDuration::from_secs(3);

/// A group with what it wanted done since the last look.
struct Driven {
    group: ClassicGroup,
    now: SimTime,
    acts: Vec<Act>,
    serial: u32,
}

fn caller(consumer: u16, serial: u32) -> Caller {
    let node = NodeId::Consumer(ConsumerId(consumer));
    let connection = Connection { server: NodeId::Broker(BrokerId(1)), client: node, channel: Channel::Coordinator, number: 0 };
    Caller { node, api: Api::JoinGroup, connection, correlation: serial }
}

impl Driven {
    fn new() -> Driven {
        Driven { group: ClassicGroup::new(GroupId(0), DELAY), now: SimTime::ZERO, acts: Vec::new(), serial: 0 }
    }

    fn join_as(&mut self, consumer: u16, member: Option<MemberId>, instance: Option<InstanceId>) -> MemberId {
        self.serial += 1;
        let fresh = MemberId { consumer: ConsumerId(consumer), serial: self.serial };
        let subscription = Subscription { topics: vec![TopicId(0)], owned: Vec::new(), previous: Vec::new(), generation: -1 };
        let join = Join {
            member,
            instance,
            session_timeout: SimDuration::from_secs(45),
            rebalance_timeout: SimDuration::from_secs(300),
            protocols: vec![Assignor::Range, Assignor::CooperativeSticky],
            subscription: Arc::new(subscription),
        };
        self.group.join(join, fresh, caller(consumer, self.serial), self.now, &mut self.acts);
        member.unwrap_or(fresh)
    }

    /// A dynamic newcomer: the first request gets it an id (G-2).
    fn newcomer(&mut self, consumer: u16) -> MemberId {
        let id = self.join_as(consumer, None, None);
        assert_eq!(self.joined()[0].error, ErrorCode::MemberIdRequired);
        self.join_as(consumer, Some(id), None)
    }

    fn wait(&mut self, seconds: u64) {
        let until = self.now + SimDuration::from_secs(seconds);
        while self.group.next_due() <= until {
            self.now = self.group.next_due().max(self.now);
            self.group.on_time(self.now, &mut self.acts);
        }
        self.now = until;
    }

    /// The answers to JoinGroup since the last look.
    fn joined(&mut self) -> Vec<Joined> {
        self.acts
            .extract_if(.., |act| matches!(act, Act::AnswerJoin(..)))
            .map(|act| if let Act::AnswerJoin(_, joined) = act { joined } else { unreachable!() })
            .collect()
    }

    fn synced(&mut self) -> Vec<ErrorCode> {
        self.acts
            .extract_if(.., |act| matches!(act, Act::AnswerSync(..)))
            .map(|act| if let Act::AnswerSync(_, error, _) = act { error } else { unreachable!() })
            .collect()
    }

    fn sync(&mut self, member: MemberId) {
        let shares = vec![(member, vec![PartitionId(0)])];
        let sync = Sync { member, instance: None, generation: self.group.generation(), shares };
        self.group.sync(sync, caller(member.consumer.0, 99), self.now, &mut self.acts);
    }

    /// Whatever was to be written is written.
    fn written(&mut self, error: ErrorCode) {
        let writes: Vec<Act> = self.acts.extract_if(.., |act| matches!(act, Act::Write(..))).collect();
        for act in writes {
            if let Act::Write(_, Some(written)) = act {
                self.group.persisted(written, error, self.now, &mut self.acts);
            }
        }
    }

    /// A stable group of these.
    fn stable(consumers: &[u16]) -> (Driven, Vec<MemberId>) {
        let mut driven = Driven::new();
        let ids: Vec<MemberId> = consumers.iter().map(|&c| driven.newcomer(c)).collect();
        driven.wait(6);
        for &id in &ids {
            driven.sync(id);
        }
        driven.written(ErrorCode::None);
        assert_eq!((driven.group.state(), driven.group.generation()), (State::Stable, 1));
        driven.acts.clear();
        (driven, ids)
    }

    fn removals(&self) -> Vec<(MemberId, Removal)> {
        self.acts.iter().filter_map(|act| if let Act::Removed(m, why) = act { Some((*m, *why)) } else { None }).collect()
    }
}

/// G-2: 3 s for the first, and 3 s more when somebody came meanwhile, but no more than the rebalance timeout.
#[test]
fn an_empty_group_waits_for_company() {
    let mut driven = Driven::new();
    let first = driven.newcomer(0);
    driven.wait(2);
    driven.newcomer(1);
    driven.wait(2);
    assert_eq!((driven.group.state(), driven.joined().len()), (State::PreparingRebalance, 0));
    driven.wait(2);
    assert_eq!((driven.group.state(), driven.group.generation()), (State::CompletingRebalance, 1));
    let answers = driven.joined();
    assert!(answers.len() == 2 && answers.iter().all(|a| a.leader == Some(first) && a.protocol == Some(Assignor::Range)));
    // Only the leader hears who is there.
    let told: Vec<usize> = answers.iter().map(|a| a.members.len()).collect();
    assert_eq!(told, [2, 0]);
}

/// G-3, G-4: a newcomer brings everybody back; a join phase ends at once when all are there.
#[test]
fn a_newcomer_begins_the_next_generation() {
    let (mut driven, ids) = Driven::stable(&[0, 1]);
    let late = driven.newcomer(2);
    assert_eq!(driven.group.heartbeat(ids[0], None, 1, driven.now), ErrorCode::RebalanceInProgress);
    assert!(driven.group.commit(Some(ids[0]), None, 1, driven.now).is_ok(), "commits go on while members join");
    for &id in &ids {
        driven.join_as(id.consumer.0, Some(id), None);
    }
    assert_eq!((driven.group.state(), driven.group.generation()), (State::CompletingRebalance, 2));
    assert_eq!(driven.group.commit(Some(ids[0]), None, 2, driven.now), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(driven.group.commit(Some(ids[0]), None, 1, driven.now), Err(ErrorCode::IllegalGeneration));
    driven.sync(late);
    assert_eq!(driven.synced(), [], "a follower waits for the leader");
    driven.sync(ids[0]);
    driven.written(ErrorCode::None);
    assert_eq!(driven.synced(), [ErrorCode::None, ErrorCode::None]);
}

/// F-15: 45 s without a heartbeat; the other is asked back, and is alone when it comes.
#[test]
fn silence_is_death() {
    let (mut driven, ids) = Driven::stable(&[0, 1]);
    driven.wait(44);
    assert_eq!(driven.group.heartbeat(ids[1], None, 1, driven.now), ErrorCode::None);
    driven.wait(2);
    assert_eq!(driven.removals(), [(ids[0], Removal::SessionExpired)]);
    assert_eq!(driven.group.heartbeat(ids[0], None, 1, driven.now), ErrorCode::UnknownMemberId);
    driven.join_as(1, Some(ids[1]), None);
    assert_eq!((driven.group.state(), driven.group.leader()), (State::CompletingRebalance, Some(ids[1])));
}

/// G-3: whoever heartbeats but does not join again within the rebalance timeout is out.
#[test]
fn the_join_phase_does_not_wait_for_ever() {
    let (mut driven, ids) = Driven::stable(&[0, 1]);
    assert_eq!(driven.group.leave(ids[1], None, driven.now, &mut driven.acts), ErrorCode::None);
    for _ in 0..30 {
        driven.wait(10);
        driven.group.heartbeat(ids[0], None, 1, driven.now);
    }
    assert_eq!(driven.removals(), [(ids[1], Removal::Left), (ids[0], Removal::DidNotRejoin)]);
    assert_eq!((driven.group.state(), driven.group.generation()), (State::Empty, 2));
    assert!(driven.group.commit(None, None, -1, driven.now).is_ok(), "an empty group takes anybody's commit");
}

/// G-4: the assignment could not be written: everybody joins again.
#[test]
fn an_assignment_that_is_not_in_the_log_is_none() {
    let mut driven = Driven::new();
    let id = driven.newcomer(0);
    driven.wait(3);
    driven.sync(id);
    driven.written(ErrorCode::CoordinatorNotAvailable);
    assert_eq!(driven.synced(), [ErrorCode::CoordinatorNotAvailable]);
    assert_eq!(driven.group.state(), State::PreparingRebalance);
}

/// G-10: a static member comes back under another id: same share, same generation, and the old process is fenced.
#[test]
fn a_static_member_is_replaced_without_a_rebalance() {
    let mut driven = Driven::new();
    let instance = Some(InstanceId(7));
    let old = driven.join_as(0, None, instance);
    driven.wait(3);
    let sync = Sync { member: old, instance, generation: 1, shares: vec![(old, vec![PartitionId(0)])] };
    driven.group.sync(sync, caller(0, 50), driven.now, &mut driven.acts);
    driven.written(ErrorCode::None);
    driven.acts.clear();
    let new = driven.join_as(0, None, instance);
    driven.written(ErrorCode::None);
    let answer = driven.joined().pop().unwrap();
    assert_eq!((answer.generation, answer.member, answer.leader, answer.skip_assignment), (1, Some(new), Some(new), true));
    assert_eq!(driven.group.state(), State::Stable);
    assert_eq!(driven.group.heartbeat(old, instance, 1, driven.now), ErrorCode::FencedInstanceId);
    assert_eq!(driven.group.commit(Some(old), instance, 1, driven.now), Err(ErrorCode::FencedInstanceId));
    assert_eq!(driven.group.members().next().unwrap().1.assignment, [PartitionId(0)]);
}

/// G-32: what comes back from the log is the stable group; each member has a session timeout to show up.
#[test]
fn a_restored_group_is_stable_and_waits_for_a_session() {
    let (driven, ids) = Driven::stable(&[0, 1]);
    let now = driven.now;
    let mut restored = ClassicGroup::restored(&driven.group.record(None), DELAY, now);
    assert_eq!(
        (restored.state(), restored.generation(), restored.next_due()),
        (State::Stable, 1, now + SimDuration::from_secs(45))
    );
    assert_eq!(restored.heartbeat(ids[0], None, 1, now), ErrorCode::None);
}
