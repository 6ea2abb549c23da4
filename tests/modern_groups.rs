//! Groups with `group.protocol=consumer` (KIP-848): how partitions change hands, who is fenced, what a failover keeps (G-20..G-24).

use crate::cluster::{B, Checked, check, fault, producer, seconds, three};
use sim_core::ids::*;
use sim_core::trace::{ConsumerFailure, Removal, What};
use std::collections::BTreeMap;

/// Three brokers, a topic of `partitions`, and a group of `members` that commit after each batch of work. Its coordinator is broker 2.
fn cluster(partitions: u16, members: u16, config: &str) -> String {
    let head = three("150s", "", "\"min.insync.replicas\" = 1");
    let head = head.replace("partitions = 1", &format!("partitions = {partitions}")).replace("assignment = [[1, 2, 3]]\n", "");
    let group = format!(
        "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = {members}\nhandler = {{ dedupe = \"none\", time = \"1ms\" }}\n\
         config = {{ \"group.protocol\" = \"consumer\", \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\", {config} }}\n"
    );
    head + &producer(1_000, "10/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 40") + &group
}

/// Who has what at the end, by the consumers' own word.
fn shares(run: &Checked) -> Vec<u32> {
    let mut had: BTreeMap<ConsumerId, u32> = BTreeMap::new();
    for event in run.history.trace() {
        match event.what {
            What::Assigned { consumer, .. } => *had.entry(consumer).or_default() += 1,
            What::Revoked { consumer, .. } => *had.entry(consumer).or_default() -= 1,
            What::Crashed { node: NodeId::Consumer(consumer), .. } | What::Stopped { node: NodeId::Consumer(consumer) } => {
                had.insert(consumer, 0);
            }
            _ => {}
        }
    }
    had.into_values().collect()
}

fn removed(run: &Checked, why: Removal) -> Vec<u64> {
    let is = |what: &What| matches!(what, What::MemberRemoved { reason, .. } if *reason == why);
    run.events(is).iter().map(|event| event.at.0 / 1_000_000).collect()
}

/// G-20, G-21, A-9: everybody gets an even share, and everything is read once.
#[test]
fn members_share_the_partitions_evenly() {
    let run = check(&cluster(5, 2, "")).expect(&[("orders.ok", 1_000), ("orders.duplicated", 0)]);
    assert_eq!(shares(&run), [3, 2]);
}

/// F-15, G-21: a dead member's partitions move after its session. When it is back, the other gives up what is the newcomer's, and goes on
/// with the rest meanwhile.
#[test]
fn partitions_of_a_dead_member_move_and_come_back() {
    let run = check(&(cluster(4, 2, "") + &fault("20s", "crash = \"member 1 of orders\"\nrestart = \"90s\"")))
        .expect(&[("orders.lost", 0), ("orders.ok", 1_000)]);
    assert_eq!(shares(&run), [2, 2]);
    let [gone] = removed(&run, Removal::SessionExpired)[..] else { panic!("{:?}", removed(&run, Removal::SessionExpired)) };
    assert!((60..=66).contains(&gone), "45 s after its last heartbeat, not at {gone} s");
    let revoked = run.events(|what| matches!(what, What::Revoked { consumer: ConsumerId(1), lost: false, .. }));
    assert_eq!(revoked.iter().filter(|event| event.at > seconds(90)).count(), 2, "{revoked:?}");
}

/// G-22: who closes properly says so, and nobody waits for a session.
#[test]
fn a_member_that_closes_leaves_at_once() {
    let run = check(&(cluster(4, 2, "") + &fault("20s", "shutdown = \"member 1 of orders\""))).expect(&[
        ("orders.lost", 0),
        ("orders.duplicated", 0),
        ("orders.ok", 1_000),
    ]);
    assert_eq!(removed(&run, Removal::Left), [20]);
    assert_eq!(shares(&run), [0, 4]);
}

/// F-14, G-23, DUP-11: a member that is away from poll() for too long leaves behind its application's back. Others do its work again.
#[test]
fn a_member_away_from_poll_loses_its_partitions() {
    let slow = cluster(2, 2, "\"max.poll.interval.ms\" = 10000, \"max.poll.records\" = 20")
        .replace("time = \"1ms\"", "time = \"700ms\"");
    let run = check(&slow).at_least(&[("orders.duplicated", 1)]);
    assert!(!run.events(|what| matches!(what, What::PollTooLate { .. })).is_empty());
    assert!(!run.events(|what| matches!(what, What::Revoked { lost: true, .. })).is_empty());
    run.sometimes("a refused commit", |what| {
        matches!(what, What::CommitDone { error: sim_core::error_code::ErrorCode::UnknownMemberId, .. })
    });
}

/// G-32: the coordinator dies; the next one knows the members by the log, and nobody has to give anything up.
#[test]
fn a_group_survives_its_coordinator() {
    let run = check(&(cluster(4, 2, "") + &fault("20s", "crash = \"broker 2\"\nrestart = \"60s\"")))
        .expect(&[("orders.lost", 0), ("orders.ok", 1_000)])
        .never("a member was removed", |what| matches!(what, What::MemberRemoved { .. }))
        .never("a partition was lost", |what| matches!(what, What::Revoked { lost: true, .. }));
    let gave_up = run.events(|what| matches!(what, What::Revoked { .. }));
    assert!(gave_up.iter().all(|event| event.at < seconds(1)), "after the second had joined, nobody: {gave_up:?}");
    let moved = run.events(|what| matches!(what, What::LeaderElected { old: Some(B), .. }));
    assert!(!moved.is_empty());
    assert_eq!(shares(&run), [2, 2]);
}

/// A-2 at the broker: `group.remote.assignor=range`.
#[test]
fn the_range_assignor_of_the_brokers() {
    let run = check(&cluster(5, 2, "\"group.remote.assignor\" = \"range\"")).expect(&[("orders.ok", 1_000)]);
    let of = |who| move |what: &What| matches!(what, What::Assigned { consumer, .. } if *consumer == ConsumerId(who));
    let numbers = |who| {
        run.events(of(who))
            .iter()
            .map(|e| match e.what {
                What::Assigned { partition, .. } => partition.0,
                _ => 0,
            })
            .collect::<Vec<_>>()
    };
    // The first to join had everything for a moment.
    assert_eq!(numbers(1).last(), Some(&4));
    assert_eq!(shares(&run), [3, 2]);
}

/// G-22, G-10: a static member that closes says that it will be back. Its partitions wait, and its next process takes them over at the same
/// group epoch.
#[test]
fn a_static_member_restarts_without_a_rebalance() {
    let body = cluster(4, 2, "").replace("members = 2\n", "members = 2\nstatic = true\n")
        + &fault("20s", "shutdown = \"member 2 of orders\"\nrestart = \"30s\"");
    let run = check(&body)
        .expect(&[("orders.ok", 1_000), ("orders.duplicated", 0), ("orders.rebalances", 2)])
        .never("another epoch", |what| matches!(what, What::GroupEpochSet { epoch: MemberEpoch(3..), .. }));
    assert_eq!(removed(&run, Removal::Replaced), [30]);
    assert_eq!((removed(&run, Removal::Left), shares(&run)), (vec![], vec![2, 2]));
}

/// G-22: one that crashed has said nothing. Its next process is refused with UNRELEASED_INSTANCE_ID, which ends the application; the
/// partitions wait for the session of the first.
#[test]
fn a_static_member_that_crashed_is_still_there() {
    let body = cluster(4, 2, "").replace("members = 2\n", "members = 2\nstatic = true\n")
        + &fault("20s", "crash = \"member 2 of orders\"\nrestart = \"30s\"");
    let run = check(&body).expect(&[("orders.ok", 1_000), ("orders.lost", 0)]);
    let failed = run.events(|what| matches!(what, What::ConsumerFailed { why: ConsumerFailure::UnreleasedInstance, .. }));
    assert_eq!(failed.iter().map(|event| event.at.0 / 1_000_000).collect::<Vec<u64>>(), [30]);
    let [gone] = removed(&run, Removal::SessionExpired)[..] else { panic!("{:?}", removed(&run, Removal::SessionExpired)) };
    assert!((60..=66).contains(&gone), "45 s after its last heartbeat, not at {gone} s");
    assert_eq!(shares(&run), [4, 0]);
}

/// G-22: `group.consumer.max.size`: the third of three finds no room, and ends with an exception.
#[test]
fn a_full_group_takes_no_more() {
    let body = cluster(4, 3, "").replace("brokers = 3\n", "brokers = 3\nconfig = { \"group.consumer.max.size\" = 2 }\n");
    let run = check(&body).expect(&[("orders.ok", 1_000)]);
    let failed = run.events(|what| matches!(what, What::ConsumerFailed { why: ConsumerFailure::GroupMaxSizeReached, .. }));
    assert_eq!(failed.len(), 1);
    assert_eq!(shares(&run).into_iter().filter(|&share| share > 0).collect::<Vec<u32>>(), [2, 2]);
}

/// members that subscribe to different topics: who alone reads one topic gets less of the other.
#[test]
fn members_with_different_subscriptions() {
    let more = "[[topic]]\nname = \"u\"\npartitions = 2\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 1 }\n[[producer]]\n";
    let body = cluster(4, 2, "")
        .replace("[[producer]]\n", more)
        .replace("topics = [\"t\"]\n", "topics = [\"t\", \"u\"]\nsubscriptions = [[\"t\"], [\"t\", \"u\"]]\n");
    let run = check(&body).expect(&[("orders.ok", 1_000), ("orders.duplicated", 0)]);
    assert_eq!(shares(&run), [3, 3]);
    // `u` has the partitions 4 and 5.
    run.never("member 1 has what it does not read", |what| {
        matches!(what, What::Assigned { consumer: ConsumerId(0), partition: PartitionId(4..), .. })
    });
}

/// G-24, DUP-12: member 1 is cut off from the coordinator for longer than a session. What it had sent meanwhile arrives when others have
/// its partitions: the commit is refused.
#[test]
fn the_commit_of_a_zombie_is_refused() {
    let slow = "\"request.timeout.ms\" = 100000, \"default.api.timeout.ms\" = 120000";
    let cut = fault("20s", "cut = \"member 1 of orders <-> broker 2\"\nuntil = \"70s\"");
    let run = check(&(cluster(4, 2, slow) + &cut)).expect(&[("orders.lost", 0)]);
    let [gone] = removed(&run, Removal::SessionExpired)[..] else { panic!("{:?}", removed(&run, Removal::SessionExpired)) };
    assert!((60..70).contains(&gone));
    let zombie = MemberId { consumer: ConsumerId(0), serial: 0 };
    let refused = run.events(|what| {
        matches!(what, What::CommitDone { consumer: ConsumerId(0), error: sim_core::error_code::ErrorCode::UnknownMemberId })
    });
    assert!(!refused.is_empty() && refused[0].at > seconds(70));
    // It joins again as the same member, with another epoch.
    let old = |what: &What| matches!(what, What::CommitTaken { member: Some(member), generation: 2, .. } if *member == zombie);
    assert!(run.events(old).iter().all(|event| event.at < seconds(21)));
}

/// INV-63: a coordinator that has stood still reads a commit and, behind it, the heartbeat by which the group moves on, in one step. The commit
/// came from a member at its epoch.
#[test]
fn a_commit_and_the_next_epoch_in_one_breath() {
    let body = cluster(2, 1, "").replace("\"replication.factor\" = 3", "\"replication.factor\" = 1");
    let body = body.replace("[cluster]", "[cluster]\nconfig = { \"offsets.topic.replication.factor\" = 1 }");
    let grows = fault("21s", "add-partitions = \"t\"\ntotal = 4");
    let run = check(&(body + &grows + &fault("22s", "pause = \"broker 2\"\nuntil = \"28s\"")))
        .expect(&[("orders.ok", 1_000), ("orders.lost", 0)]);
    let at_once = |what: fn(&What) -> bool| run.events(what).iter().any(|event| event.at == seconds(28));
    assert!(at_once(|what| matches!(what, What::CommitTaken { generation: 1, .. })), "no commit waited");
    assert!(at_once(|what| matches!(what, What::MemberReconciled { epoch: MemberEpoch(2), .. })), "the group did not move");
}
