//! A group by its heartbeats: who is let in, what each is told, who is fenced.

use super::heartbeat::{Answer, Heartbeat, Surroundings};
use super::records::{ConsumerGroup, ModernRecord};
use super::{Partitions, ServerAssignor};
use crate::error_code::ErrorCode;
use crate::group::assignor::Topic;
use crate::ids::*;
use crate::time::SimDuration;

/// A group over a topic of four partitions, and everything that it has written.
struct Script {
    group: ConsumerGroup,
    topics: Vec<Topic>,
    written: Vec<ModernRecord>,
}

fn partitions(numbers: &[u16]) -> Partitions {
    numbers.iter().map(|&n| PartitionId(n)).collect()
}

fn member(consumer: u16, serial: u32) -> MemberId {
    MemberId { consumer: ConsumerId(consumer), serial }
}

/// A heartbeat that says nothing but who, and where it stands.
fn short(id: MemberId, epoch: i32) -> Heartbeat {
    let epoch = MemberEpoch(epoch);
    Heartbeat { member: id, epoch, instance: None, rebalance_timeout: None, topics: None, assignor: None, owned: None }
}

fn full(id: MemberId, epoch: i32, owned: &[u16]) -> Heartbeat {
    Heartbeat {
        rebalance_timeout: Some(SimDuration::from_millis(300_000)),
        topics: Some(vec![TopicId(0)]),
        owned: Some(partitions(owned)),
        ..short(id, epoch)
    }
}

fn of_instance(instance: u16, heartbeat: Heartbeat) -> Heartbeat {
    Heartbeat { instance: Some(InstanceId(instance)), ..heartbeat }
}

impl Script {
    fn new() -> Script {
        let topics = vec![Topic { name: "t".to_owned(), partitions: (0..4).map(PartitionId).collect() }];
        Script { group: ConsumerGroup::new(), topics, written: Vec::new() }
    }

    fn ask(&mut self, heartbeat: &Heartbeat) -> Result<Answer, ErrorCode> {
        let mut next = self.group.clone();
        let around = Surroundings { topics: &self.topics, waits_for_release: true };
        let (records, answer) = next.heartbeat(heartbeat, around)?;
        self.group = next;
        self.written.extend(records);
        Ok(answer)
    }

    #[track_caller]
    fn told(&mut self, heartbeat: &Heartbeat, epoch: i32, assignment: Option<&[u16]>) {
        let answer = Answer { epoch: MemberEpoch(epoch), assignment: assignment.map(partitions) };
        assert_eq!(self.ask(heartbeat), Ok(answer));
    }
}

/// G-21: the first has everything; the second gets half of it, but only when the first has said that it gave it up.
#[test]
fn a_second_member_waits_until_the_first_has_given_up() {
    let (a, b) = (member(0, 0), member(1, 0));
    let mut script = Script::new();
    script.told(&full(a, 0, &[]), 1, Some(&[0, 1, 2, 3]));
    script.told(&full(b, 0, &[]), 2, Some(&[]));
    script.told(&short(a, 1), 1, Some(&[0, 1]));
    script.told(&short(b, 2), 2, None);
    let gave_up = Heartbeat { owned: Some(partitions(&[0, 1])), ..short(a, 1) };
    script.told(&gave_up, 2, None);
    script.told(&short(b, 2), 2, Some(&[2, 3]));
    // G-32: another coordinator, which knows nothing but the records.
    let mut other = ConsumerGroup::new();
    script.written.iter().for_each(|record| other.replay(record));
    assert_eq!(other, script.group);
}

/// G-22: an answer that was lost is given again; an epoch that was never given out fences.
#[test]
fn a_lost_answer_is_given_again() {
    let a = member(0, 0);
    let mut script = Script::new();
    script.told(&full(a, 0, &[]), 1, Some(&[0, 1, 2, 3]));
    script.told(&full(a, 0, &[]), 1, Some(&[0, 1, 2, 3]));
    assert_eq!(script.ask(&short(a, 2)), Err(ErrorCode::FencedMemberEpoch));
    assert_eq!(script.ask(&short(member(7, 0), 1)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(script.ask(&full(a, 0, &[1])), Err(ErrorCode::InvalidRequest), "who joins has nothing");
    assert_eq!(script.ask(&short(a, -2)), Err(ErrorCode::InvalidRequest), "only static members come back");
}

/// G-22: a static member that will be back keeps its share, and its successor takes it over at the same group epoch. Nobody else may.
#[test]
fn a_static_member_leaves_for_a_while() {
    let (old, new, thief) = (member(0, 0), member(0, 1), member(5, 0));
    let mut script = Script::new();
    script.told(&of_instance(0, full(old, 0, &[])), 1, Some(&[0, 1, 2, 3]));
    assert_eq!(script.ask(&of_instance(0, full(thief, 0, &[]))), Err(ErrorCode::UnreleasedInstanceId));
    script.told(&of_instance(0, short(old, -2)), -2, None);
    assert!(script.group.is_held(PartitionId(0)), "nobody else gets it meanwhile");
    script.told(&of_instance(0, full(new, 0, &[])), 1, Some(&[0, 1, 2, 3]));
    assert_eq!(script.group.epoch, MemberEpoch(1), "no rebalance");
    assert_eq!(script.ask(&of_instance(0, short(old, 1))), Err(ErrorCode::FencedInstanceId));
    script.told(&of_instance(0, short(new, -1)), -1, None);
    assert!(script.group.members.is_empty() && script.group.epoch == MemberEpoch(2));
}

/// the assignor that most members ask for; uniform if nobody asks.
#[test]
fn most_members_choose_the_assignor() {
    let mut script = Script::new();
    let with = |heartbeat, assignor| Heartbeat { assignor: Some(assignor), ..heartbeat };
    script.told(&full(member(1, 0), 0, &[]), 1, Some(&[0, 1, 2, 3]));
    script.ask(&with(full(member(0, 0), 0, &[]), ServerAssignor::Range)).unwrap();
    // Range goes by the members' order, not by what they had.
    assert_eq!(script.group.targets[&member(0, 0)], partitions(&[0, 1]));
    assert_eq!(script.group.targets[&member(1, 0)], partitions(&[2, 3]));
}
