//! The quorum of controllers at work: failover, uncommitted decisions, majorities.

use crate::cluster::*;
use sim_core::ids::*;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::What;

const FIRST: ControllerId = ControllerId(1);
const SESSION: SimDuration = SimDuration::from_secs(9);

/// When the first event of a kind came.
#[track_caller]
fn first(run: &Checked, what: &str, is: impl Fn(&What) -> bool) -> SimTime {
    run.events(is).first().unwrap_or_else(|| panic!("it never happened: {what}")).at
}

fn cluster(duration: &str, faults: &[(&str, &str)]) -> Checked {
    let faults: String = faults.iter().map(|(at, what)| fault(at, what)).collect();
    check(
        &(three(duration, "", "\"min.insync.replicas\" = 2")
            + &producer(300, "10/s", "async", "acks = \"all\"")
            + READERS
            + &faults),
    )
}

fn takes_over(what: &What) -> bool {
    matches!(what, What::ControllerActive { .. })
}

fn fences_broker_1(what: &What) -> bool {
    matches!(what, What::Fenced { broker: A, fenced: true })
}

/// C-18: nobody's heartbeats are in the metadata log. The new active controller gives the dead broker another whole session.
#[test]
fn a_dead_broker_is_fenced_a_session_after_the_failover() {
    let run = cluster("90s", &[("5s", "crash = \"broker 1\"\nrestart = \"60s\""), ("12s", "crash = \"active controller\"")])
        .expect(&[("messages.acked", 300), ("orders.ok", 300), ("broker.elections", 1)]);
    let (active, fenced) = (first(&run, "a takeover", takes_over), first(&run, "a fencing", fences_broker_1));
    assert!(active > seconds(12) && active < seconds(16), "{active:?}");
    assert_eq!(fenced.since(active).0 / 1_000, SESSION.0 / 1_000 + 2, "a session, and a round trip until a majority has it");
}

/// C-18: with nobody to fail over to, the same broker is fenced a session after its last heartbeat.
#[test]
fn without_a_failover_it_is_fenced_a_session_after_its_last_heartbeat() {
    let run = cluster("90s", &[("5s", "crash = \"broker 1\"\nrestart = \"60s\"")]).never("a takeover", takes_over);
    let fenced = first(&run, "a fencing", fences_broker_1);
    assert!(fenced > seconds(11) && fenced < seconds(15), "{fenced:?}");
}

/// C-18: cut off from the other two, the active controller still decides, but nothing of it is committed, and nobody is told. It
/// gives up after 1.5 fetch timeouts; the others have elected one of themselves by then, who decides the same again.
#[test]
fn what_a_cut_off_controller_decides_is_lost() {
    let run = cluster(
        "60s",
        &[
            ("5s", "cut = \"controller 1 <-> controllers\"\nuntil = \"20s\""),
            ("5500ms", "shutdown = \"broker 1\"\nrestart = \"30s\""),
        ],
    )
    .expect(&[("messages.acked", 300), ("orders.ok", 300)])
    .sometimes("it gives up", |what| matches!(what, What::ControllerResigned { controller: FIRST, .. }));
    let active = first(&run, "a takeover", takes_over);
    let decided = run.events(|what| matches!(what, What::ShuttingDown { broker: A }));
    assert_eq!(decided.len(), 1);
    assert!(decided[0].at > active && decided[0].at < active + SimDuration::from_secs(4), "{:?}", decided[0].at);
    // It follows the new one and has its log.
    let world = run.history.last_world();
    assert_eq!(world.active_controller(), world.controllers[0].quorum.view().leader);
    assert_eq!(world.controllers[0].quorum.log.end(), world.committed_metadata().image.offset);
}

/// Two of three are a majority, one is not: without the others nothing is decided, and what had been goes on.
#[test]
fn a_minority_decides_nothing() {
    let run = cluster(
        "90s",
        &[
            ("5s", "crash = \"controller 1\"\nrestart = \"40s\""),
            ("5s", "power-cut = \"controller 2\"\nrestart = \"41s\""),
            ("10s", "crash = \"broker 1\"\nrestart = \"60s\""),
        ],
    )
    .expect(&[("messages.acked", 300), ("orders.ok", 300)]);
    assert!(first(&run, "a takeover", takes_over) > seconds(40));
    assert!(first(&run, "a fencing", fences_broker_1) > seconds(49));
}

/// One controller of three fails at a time, each for a while: there is always a majority, and nothing is ever lost or elected twice.
#[test]
fn the_office_goes_round() {
    cluster(
        "60s",
        &[
            ("4s", "crash = \"active controller\"\nrestart = \"9s\""),
            ("12s", "power-cut = \"active controller\"\nrestart = \"17s\""),
            ("20s", "shutdown = \"active controller\"\nrestart = \"25s\""),
        ],
    )
    .expect(&[("messages.acked", 300), ("orders.ok", 300), ("broker.elections", 0)]);
}

/// A controller that stops in good order asks for its successor: nobody waits for a fetch timeout.
#[test]
fn a_clean_stop_hands_the_office_over() {
    let run = cluster("30s", &[("5s", "shutdown = \"active controller\"")]);
    let active = first(&run, "a takeover", takes_over);
    assert!(active.since(seconds(5)) < SimDuration::from_millis(500), "{active:?}");
}

/// KIP-996: one that was only cut off asks before it stands, and disturbs nobody when it is back.
#[test]
fn a_follower_that_was_cut_off_disturbs_nobody() {
    cluster("30s", &[("5s", "cut = \"controller 3 <-> controllers\"\nuntil = \"15s\"")])
        .never("an election", |what| matches!(what, What::ElectionStarted { .. }));
}

/// One controller alone needs nobody, and knows everything again when it is back.
#[test]
fn a_single_controller_is_its_own_majority() {
    let body = three("60s", "controllers = 1", "\"min.insync.replicas\" = 2")
        + &producer(300, "10/s", "async", "acks = \"all\"")
        + &fault("5s", "crash = \"controller 1\"\nrestart = \"10s\"")
        + &fault("7s", "crash = \"broker 1\"\nrestart = \"40s\"");
    let run = check(&body).expect(&[("messages.acked", 300), ("broker.elections", 1)]);
    let active = first(&run, "a takeover", takes_over);
    assert!(active >= seconds(10) && active < seconds(13), "{active:?}");
}

/// C-17, C-10: broker 1 is back, and gets its partition back at the next look.
#[test]
fn a_preferred_leader_gets_its_partition_back() {
    let config = "config = { \"leader.imbalance.check.interval.seconds\" = 30 }";
    let run = |config: &str| {
        check(
            &(three("90s", config, "\"min.insync.replicas\" = 2")
                + &producer(300, "10/s", "async", "acks = \"all\"")
                + &fault("5s", "crash = \"broker 1\"\nrestart = \"20s\"")),
        )
        .expect(&[("messages.acked", 300)])
    };
    let back = |what: &What| matches!(what, What::LeaderElected { new: Some(A), unclean: false, .. });
    let run_with = run(config).expect(&[("broker.elections", 2)]);
    let at = first(&run_with, "its leadership is back", back);
    assert!(at >= seconds(30) && at < seconds(31), "{at:?}");
    run(&config.replace(" }", ", \"auto.leader.rebalance.enable\" = false }")).never("its leadership is back", back);
    run("").never("its leadership is back", back);
}

/// C-20: a rack can fail, and every partition has replicas in the others.
#[test]
fn replicas_are_spread_over_racks() {
    for seed in 1..=5 {
        let run = check(&format!(
            "seed = {seed}\nduration = \"5s\"\n[cluster]\nbrokers = 6\nracks = [\"a\", \"a\", \"b\", \"b\", \"c\", \"c\"]\n[[topic]]\n\
             name = \"t\"\npartitions = 12\nconfig = {{ \"replication.factor\" = 3 }}\n"
        ));
        let world = run.history.last_world();
        for partition in &world.layout.partitions {
            let mut racks: Vec<u16> = partition.replicas.iter().map(|b| (b.0 - 1) / 2).collect();
            racks.sort_unstable();
            assert_eq!(racks, [0, 1, 2], "{}", partition.name);
        }
    }
}

/// INV-10, C-13: a broker that stopped cleanly starts, loses power before any controller hears it, and starts again: it has touched no log, its
/// clean stop still counts, and it stays eligible.
#[test]
fn a_broker_that_ends_before_it_has_registered_is_as_clean_as_it_was() {
    let run = check(
        &(three("60s", "elr = true", "\"min.insync.replicas\" = 3")
            + &fault("10s", "shutdown = \"broker 2\"\nrestart = \"20s\"")
            + &fault("15s", "crash = \"controllers\"\nrestart = \"30s\"")
            + &fault("22s", "power-cut = \"broker 2\"\nrestart = \"24s\"")),
    );
    let eligible = |what: &What| matches!(*what, What::IsrChanged { partition: P0, elr, .. } if elr.contains(B));
    let changes = run.events(|what| matches!(what, What::IsrChanged { partition: P0, .. }));
    assert!(changes.iter().any(|event| eligible(&event.what)), "{changes:?}");
    let unclean = |what: &What| matches!(*what, What::IsrChanged { partition: P0, new, elr, .. } if !new.union(elr).contains(B));
    run.never("it was taken for unclean", unclean);
}
