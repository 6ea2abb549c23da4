//! Classic groups end to end: how partitions move when members come, go, hang or die, and what that does to messages.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::group::classic::State;
use sim_core::ids::*;
use sim_core::trace::{ConsumerFailure, Removal, TraceEvent, What};

/// A topic of four partitions, a producer of 1,000 records from second 5 on, and a group of two. Its coordinator is broker 2.
fn pair(duration: &str, group: &str, config: &str) -> String {
    format!(
        "duration = \"{duration}\"\n[cluster]\nbrokers = 3\n[[topic]]\nname = \"t\"\npartitions = 4\n\
         config = {{ \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }}\n\
         [[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 1_000\nrate = \"20/s\"\nkeys = 40\nstart = \"5s\"\nconfig = {{ \"linger.ms\" = 0 }}\n\
         [[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = 2\n{group}\nhandler = {{ dedupe = \"none\", time = \"1ms\" }}\n\
         config = {{ \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\", {config} }}\n"
    )
}

fn removed(run: &Checked, why: Removal) -> Vec<u64> {
    let events = run.events(|what| matches!(what, What::MemberRemoved { reason, .. } if *reason == why));
    events.iter().map(|event| event.at.0 / 1_000_000).collect()
}

/// The generations that became stable, with their number of members.
fn generations(run: &Checked) -> Vec<(i32, u32)> {
    let stable = |event: &&TraceEvent| match event.what {
        What::GroupChanged { state: State::Stable, generation, members, .. } => Some((generation, members)),
        _ => None,
    };
    run.history.trace().iter().filter_map(|event| stable(&event)).collect()
}

/// How many partitions each member has at the end.
fn shares(run: &Checked) -> Vec<usize> {
    run.history.last_world().consumers.iter().map(|c| c.positions().count()).collect()
}

/// TR-9, DUP-11, F-14, G-7: 500 records in hand, 301 s of work: the client leaves after 300 s, the other member has the same records from the
/// last commit on, and the slow one's commit fails. Each of the 500 has two effects.
#[test]
fn tr9_a_poll_that_takes_301_seconds() {
    let slow = "duration = \"700s\"\n[cluster]\nbrokers = 3\n[[topic]]\nname = \"t\"\npartitions = 1\nassignment = [[1, 2, 3]]\n\
        config = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n\
        [[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 500\nrate = \"1000/s\"\nkeys = 1\nstart = \"1s\"\nconfig = { \"linger.ms\" = 0 }\n\
        [[group]]\nname = \"orders\"\ntopics = [\"t\"]\nmembers = 2\nhandler = { dedupe = \"none\", time = \"602ms\" }\n\
        config = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }\n";
    let run = check(slow).expect(&[
        ("messages.acked", 500),
        ("orders.duplicated", 500),
        ("orders.lost", 0),
        ("mechanisms.DUP-11", 500),
    ]);
    let polled = run.events(|what| matches!(what, What::Polled { .. }));
    assert!(matches!(polled[0].what, What::Polled { count: 500, base: Offset(0), .. }), "{:?}", polled[0]);
    let late = run.events(|what| matches!(what, What::PollTooLate { .. }));
    assert_eq!(late[0].at.0, polled[0].at.0 + 300_000_000);
    assert!(
        matches!(polled[1].what, What::Polled { count: 500, base: Offset(0), .. }),
        "the other one begins there: {:?}",
        polled[1]
    );
    let refused = run.events(|what| matches!(what, What::CommitDone { error: ErrorCode::CommitFailed, .. }));
    assert!(refused[0].at.0 >= polled[0].at.0 + 301_000_000, "{refused:?}");
    assert!(!run.events(|what| matches!(what, What::Revoked { lost: true, .. })).is_empty());
}

/// F-15: a member that dies is missed after its session, 45 s; then the other one has everything. When it comes back, they share.
#[test]
fn a_dead_members_partitions_move_after_its_session() {
    let run = check(&(pair("150s", "", "") + &fault("20s", "crash = \"member 2 of orders\"\nrestart = \"80s\"")))
        .expect(&[("orders.ok", 1_000), ("orders.lost", 0)]);
    let [gone] = removed(&run, Removal::SessionExpired)[..] else { panic!("{:?}", removed(&run, Removal::SessionExpired)) };
    assert!((62..=66).contains(&gone), "45 s after its last heartbeat, not at {gone} s");
    assert_eq!(generations(&run).iter().map(|g| g.1).collect::<Vec<u32>>(), [2, 1, 2]);
    assert_eq!(shares(&run), [2, 2]);
}

/// A member that closes says so: nobody waits, and nothing is read twice.
#[test]
fn a_member_that_closes_leaves_at_once() {
    let run = check(&(pair("90s", "", "") + &fault("20s", "shutdown = \"member 2 of orders\"")))
        .expect(&[("orders.ok", 1_000), ("orders.duplicated", 0)]);
    assert_eq!(removed(&run, Removal::Left), [20]);
    assert_eq!(shares(&run), [4, 0]);
}

/// G-10: a static member that restarts within its session has its partitions back, without a rebalance.
#[test]
fn a_static_member_restarts_without_a_rebalance() {
    let run = check(&(pair("90s", "static = true", "") + &fault("20s", "shutdown = \"member 2 of orders\"\nrestart = \"30s\"")))
        .expect(&[("orders.ok", 1_000), ("orders.duplicated", 0)])
        .never("a rebalance", |what| matches!(what, What::GroupChanged { generation: 2.., .. }));
    assert_eq!(removed(&run, Removal::Replaced), [30]);
    assert_eq!((removed(&run, Removal::Left), shares(&run)), (vec![], vec![2, 2]));
}

/// G-8: in the cooperative protocol only what moves is given up; with an eager assignor everything is.
#[test]
fn cooperative_members_keep_what_they_keep() {
    let comes = fault("20s", "shutdown = \"member 2 of orders\"\nrestart = \"30s\"");
    let given_up = |strategy: &str| {
        let config = format!("\"partition.assignment.strategy\" = \"{strategy}\"");
        let run = check(&(pair("90s", "", &config) + &comes)).expect(&[("orders.ok", 1_000), ("orders.duplicated", 0)]);
        assert_eq!(shares(&run), [2, 2]);
        run.events(|what| matches!(what, What::Revoked { consumer: ConsumerId(0), .. })).len()
    };
    assert_eq!(given_up("cooperative-sticky"), 2);
    // Two when the other one left, four when it came back.
    assert_eq!(given_up("range"), 6);
}

/// A-8, P-23: what a newcomer is to get of the partitions that were added is withheld from it for one round, as everything else is.
#[test]
fn partitions_that_were_added_are_withheld_like_others() {
    let config = "\"partition.assignment.strategy\" = \"cooperative-sticky\", \"metadata.max.age.ms\" = 2000";
    let away = fault("20s", "shutdown = \"member 2 of orders\"\nrestart = \"40s\"");
    let grows = fault("30s", "add-partitions = \"t\"\ntotal = 4");
    let run = check(&(pair("90s", "", config).replace("partitions = 4", "partitions = 2") + &away + &grows)).expect(&[
        ("messages.acked", 1_000),
        ("orders.lost", 0),
        ("orders.duplicated", 0),
    ]);
    let moved = run.events(|what| matches!(what, What::Revoked { consumer: ConsumerId(0), lost: false, .. }));
    assert!(moved.len() == 2 && moved.iter().all(|event| event.at > seconds(40)), "{moved:?}");
    assert_eq!(shares(&run), [2, 2]);
}

/// G-9, A-5: the coordinator has lost the last generation with the power. Its members hold nothing any more when they join again under their
/// names, so a cooperative assignor begins anew: the generation has the number of the one that was lost, and other shares.
#[test]
fn a_generation_that_was_lost_comes_again_with_other_shares() {
    let config = "\"partition.assignment.strategy\" = \"cooperative-sticky\", \"metadata.max.age.ms\" = 1000";
    let body = pair("90s", "", config).replace("partitions = 4", "partitions = 2").replace(
        "[[producer]]",
        "[[topic]]\nname = \"u\"\npartitions = 2\nconfig = { \"replication.factor\" = 3 }\n[[producer]]",
    );
    let body =
        body.replace("[cluster]", "[cluster]\nwrite-back = \"30s\"").replace("topics = [\"t\"]", "topics = [\"t\", \"u\"]");
    let grows = fault("32s", "add-partitions = \"t\"\ntotal = 3");
    let dark = fault("36s", "power-cut = \"brokers\"\nrestart = \"37s\"");
    let run = check(&(body + &grows + &dark))
        .sometimes("the first generation is all that is left", |what| {
            matches!(what, What::GroupLoaded { generation: 1, members: 2, .. })
        })
        .sometimes("lost", |what| matches!(what, What::Revoked { lost: true, .. }));
    assert_eq!(generations(&run), [(1, 2), (2, 2), (2, 2)]);
}

/// INV-62, G-32: the coordinator is cut off from the controllers while its last generation waits for a follower that has died. Its successor has
/// read that generation, and is at the next one when the first coordinator hears of a smaller ISR, by which its own is committed, and then of
/// the successor.
#[test]
fn a_former_coordinator_hears_late_of_its_last_generation() {
    let brokers = "config = { \"broker.session.timeout.ms\" = 3000, \"broker.heartbeat.interval.ms\" = 500 }";
    let group = READERS
        .replace("\"1ms\"", "\"1ms\", commit-on-revoke = false")
        .replace("config = {", "config = { \"metadata.max.age.ms\" = 500,");
    let run = check(
        &(three("60s", brokers, "\"min.insync.replicas\" = 1")
            + &group
            + &fault("13900ms", "crash = \"broker 1\"\nrestart = \"40s\"")
            + &fault("14200ms", "add-partitions = \"t\"\ntotal = 2")
            + &fault("14300ms", "cut = \"broker 2 -> controllers\"\nuntil = \"18s\"")
            + &fault("17500ms", "break = \"member 1 of orders <-> broker 2\"")),
    );
    assert_eq!(generations(&run), [(1, 1), (3, 1), (2, 1)]);
}

/// G-32: the coordinator dies. The next one knows the group by the log, and the members go on with what they have.
#[test]
fn a_group_survives_its_coordinator() {
    let run = check(&(pair("90s", "", "") + &fault("20s", "crash = \"broker 2\"\nrestart = \"60s\"")))
        .expect(&[("orders.ok", 1_000), ("orders.lost", 0)])
        .never("a member was removed", |what| matches!(what, What::MemberRemoved { .. }))
        .sometimes(
            "the group came back from the log",
            |what| matches!(what, What::GroupLoaded { broker, generation: 1, members: 2, .. } if *broker != B),
        );
    assert_eq!((generations(&run), shares(&run)), (vec![(1, 2)], vec![2, 2]));
}

/// G-2: `group.max.size`: the last of three finds no room, and ends with an exception.
#[test]
fn a_full_group_takes_no_more() {
    let body = pair("90s", "", "")
        .replace("members = 2\n", "members = 3\n")
        .replace("brokers = 3\n", "brokers = 3\nconfig = { \"group.max.size\" = 2 }\n");
    let run = check(&body).expect(&[("orders.ok", 1_000)]);
    let failed = run.events(|what| matches!(what, What::ConsumerFailed { why: ConsumerFailure::GroupMaxSizeReached, .. }));
    assert_eq!(failed.len(), 1);
    assert_eq!(shares(&run).into_iter().filter(|&share| share > 0).collect::<Vec<usize>>(), [2, 2]);
}

/// Member 1 reads a topic of four partitions, member 2 reads that and one of two.
fn unequal(strategy: &str) -> String {
    let more = "[[topic]]\nname = \"u\"\npartitions = 2\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n[[producer]]\n\
        name = \"q\"\ntopic = \"u\"\nmessages = 100\nrate = \"2/s\"\nkeys = 40\nstart = \"5s\"\n[[producer]]\n";
    pair("90s", "", &format!("\"partition.assignment.strategy\" = \"{strategy}\""))
        .replace("[[producer]]\n", more)
        .replace("topics = [\"t\"]\n", "topics = [\"t\", \"u\"]\nsubscriptions = [[\"t\"], [\"t\", \"u\"]]\n")
}

/// range and round robin deal out topic by topic, the sticky assignors look at how much everybody has.
#[test]
fn members_with_different_subscriptions() {
    for (strategy, shared) in [("range", [2, 4]), ("roundrobin", [2, 4]), ("sticky", [3, 3]), ("cooperative-sticky", [3, 3])] {
        let run = check(&unequal(strategy)).expect(&[("orders.ok", 1_100), ("orders.duplicated", 0)]);
        assert_eq!(shares(&run), shared, "{strategy}");
    }
}

/// LOSS-C18: the only member that reads a topic is gone: its partitions are nobody's, and its lag grows. Nothing is lost yet.
#[test]
fn a_topic_that_nobody_reads_any_more() {
    let run = check(&(unequal("range") + &fault("20s", "shutdown = \"member 2 of orders\"")))
        .expect(&[("orders.lost", 0)])
        .at_least(&[("orders.pending", 50)]);
    assert_eq!(shares(&run), [4, 0]);
}

/// G-6, DUP-12: member 1 is cut off from the coordinator for longer than a session. What it had sent meanwhile arrives when others have
/// its partitions: the commit is refused.
#[test]
fn the_commit_of_a_zombie_is_refused() {
    let slow = "\"request.timeout.ms\" = 100000, \"default.api.timeout.ms\" = 120000";
    let cut = fault("20s", "cut = \"member 1 of orders <-> broker 2\"\nuntil = \"70s\"");
    let run = check(&(pair("150s", "", slow) + &cut)).expect(&[("orders.lost", 0)]);
    let [gone] = removed(&run, Removal::SessionExpired)[..] else { panic!("{:?}", removed(&run, Removal::SessionExpired)) };
    assert!((60..70).contains(&gone));
    let refused =
        run.events(|what| matches!(what, What::CommitDone { consumer: ConsumerId(0), error: ErrorCode::UnknownMemberId }));
    assert!(!refused.is_empty() && refused[0].at > seconds(70));
    let taken = run.events(|what| matches!(what, What::CommitTaken { generation: 1, .. }));
    assert!(taken.iter().all(|event| event.at < seconds(66)));
}
