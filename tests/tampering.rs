//! What people do to packets, links and steps of a handler while a run goes on: held up, sent twice, crashed before the next step,
//! cut off from everybody. Whatever it is, a replay from the beginning is the same run.

use crate::cluster::{A, Checked, P0, READERS, check, directed, fault, judged, producer, seconds, three};
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::rng::Stream;
use sim_core::rows::Set;
use sim_core::scenario::{Action, Intervention, Scenario, Step, Target};
use sim_core::session::{Session, link};
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::{Api, DropReason, TraceEvent, What};
use sim_core::wire::Packet;
use sim_core::world::World;
use std::sync::Arc;

/// Acts in the first instant after `from` at which `act` finds something to do, and runs to the end. What comes of it is what a replay from
/// the beginning gives, under all checks: that one is given back.
#[track_caller]
fn acted(scenario: &Arc<Scenario>, from: SimTime, act: impl Fn(&World) -> Option<Action>) -> History {
    let mut history = History::new(scenario.clone());
    history.seek(from);
    let action = loop {
        if let Some(action) = act(history.world()) {
            break action;
        }
        assert!(history.step().is_some(), "there was nothing to do");
    };
    let mut fork = history.fork(Intervention { at: history.now(), action });
    fork.run_to_end();
    let mut whole = (**scenario).clone();
    let acts = &fork.world().interventions()[whole.interventions.len()..];
    assert_eq!(link::decode(&link::encode(acts)).as_deref(), Ok(acts));
    whole.interventions.extend_from_slice(acts);
    let mut whole = History::new_checked(Arc::new(whole));
    whole.run_to_end();
    assert_eq!(whole.violations(), []);
    assert_eq!(whole.digest_hex(), fork.digest_hex(), "{acts:?}: a replay is another run");
    whole
}

/// Does it to the first packet on its way that is meant.
#[track_caller]
fn tampered(body: &str, from: SimTime, meant: impl Fn(&Packet) -> bool, act: impl Fn(PacketId) -> Action) -> Checked {
    judged(acted(&directed(body), from, |world| first(world, &meant).map(&act)))
}

fn first(world: &World, meant: impl Fn(&Packet) -> bool) -> Option<PacketId> {
    world.packets().filter(|(packet, _, lost)| !lost && meant(packet)).map(|(packet, ..)| packet.id).min()
}

fn copy(packet: PacketId) -> Action {
    Action::DuplicatePacket { packet }
}

fn asks(api: Api) -> impl Fn(&Packet) -> bool {
    move |packet| packet.api == api && !packet.body.is_response()
}

fn sends(config: &str) -> String {
    three("80s", "", "\"min.insync.replicas\" = 1")
        + &producer(40, "10/s", "async", config)
        + &READERS.replace("time =", "commit-when = \"each-record\", time =")
}

/// Nobody but the sequence numbers of an idempotent producer tells a copy of a request from the request (DUP-6).
#[test]
fn a_produce_request_that_is_sent_twice_is_appended_twice_without_idempotence() {
    let run = |config: &str| tampered(&sends(config), seconds(2), asks(Api::Produce), copy);
    for acks in ["0", "1", "all"] {
        run(&format!("acks = \"{acks}\", \"enable.idempotence\" = false")).expect(&[
            ("messages.acked", 40),
            ("broker.extra_copies", 1),
            ("orders.duplicated", 1),
            ("mechanisms.DUP-6", 1),
        ]);
    }
    run("acks = \"all\"")
        .expect(&[("messages.acked", 40), ("broker.extra_copies", 0), ("orders.ok", 40)])
        .sometimes("the copy is known", |what| matches!(what, What::Deduplicated { .. }))
        .sometimes("one answer is enough", |what| matches!(what, What::Dropped { reason: DropReason::AnsweredBefore, .. }));
}

/// A handler that knows messages by an id of their own stops what the log let in twice.
#[test]
fn a_copy_is_absorbed_by_who_knows_messages() {
    let body = sends("acks = \"all\", \"enable.idempotence\" = false")
        .replace("dedupe = \"none\"", "dedupe = \"database\", unique = \"message-id\"");
    tampered(&body, seconds(2), asks(Api::Produce), copy).expect(&[
        ("broker.extra_copies", 1),
        ("orders.ok", 40),
        ("orders.absorbed", 1),
    ]);
}

/// Every kind of request that Kafka's nodes send to one another, sent twice, once each: nothing breaks, and what comes of it has a name.
#[test]
fn any_request_can_be_sent_twice() {
    let mut kinds: Set<Api> = Set::new();
    for name in ["exactly-once", "order-events", "incremental-rebalance", "controller-failover", "min-isr"] {
        let scenario = Arc::new(Session::library(name).plan().unwrap());
        let mut straight = History::new(scenario.clone());
        straight.run_to_end();
        let sent = |event: &TraceEvent| match event.what {
            What::Sent { to: NodeId::Broker(_) | NodeId::Controller(_), api, response: false, .. } => Some((api, event.at)),
            _ => None,
        };
        // The last ones but for the end of the run: by then everything has happened once.
        let end = SimTime(straight.end().0 - 2_000_000);
        let late: Vec<(Api, SimTime)> = straight.trace().iter().filter_map(sent).filter(|(_, at)| *at < end).collect();
        for &(api, at) in late.iter().rev() {
            if api != Api::ApiVersions && kinds.insert(api) {
                let history = acted(&scenario, SimTime(at.0 - 1), |world| first(world, asks(api)).map(copy));
                let copied = history.trace().iter().filter(|event| matches!(event.what, What::PacketCopied { .. })).count();
                assert_eq!(copied, 1, "{name}, {api:?}");
                assert_eq!(sim_core::autopsy::causes(&history).unexplained, [], "{name}, {api:?}");
            }
        }
    }
    assert!(kinds.len() >= 25, "{kinds:?}");
}

/// What clients of the log ask, sent twice: one answer is taken, and the application notices nothing.
#[test]
fn fetches_heartbeats_and_commits_that_are_sent_twice_change_nothing() {
    use Api::*;
    for api in [Fetch, ReplicaFetch, Heartbeat, OffsetCommit, OffsetFetch, JoinGroup, SyncGroup, FindCoordinator, Metadata] {
        tampered(&sends(""), SimTime(1_000), asks(api), copy)
            .expect(&[("messages.acked", 40), ("orders.ok", 40), ("orders.duplicated", 0), ("broker.extra_copies", 0)])
            .sometimes("a copy", |what| matches!(what, What::PacketCopied { .. }))
            .sometimes("one answer is enough", |what| matches!(what, What::Dropped { reason: DropReason::AnsweredBefore, .. }));
    }
}

/// The picture tells a copy from what it is a copy of.
#[test]
fn a_copy_is_seen_as_one() {
    let mut history = History::new(directed(&sends("acks = \"1\"")));
    history.seek(seconds(2));
    let packet = loop {
        if let Some(packet) = first(history.world(), asks(Api::Produce)) {
            break packet;
        }
        history.step().expect("the run goes on");
    };
    let mut fork = history.fork(Intervention { at: history.now(), action: copy(packet) });
    fork.seek(SimTime(history.now().0 + 1));
    let produce = |view: &sim_core::view::View| -> Vec<(PacketId, bool)> {
        view.packets.iter().filter(|p| p.api == Api::Produce && !p.response).map(|p| (p.id, p.copy)).collect()
    };
    let seen = produce(&fork.world().view());
    assert!(matches!(seen[..], [(first, false), (second, true)] if first == packet && second > packet), "{seen:?}");
}

/// What has no number of its own is not copied: the answer to a copy would be taken for the answer to something else.
#[test]
fn answers_and_what_stores_are_asked_are_not_sent_twice() {
    let body = sends("").replace("dedupe = \"none\"", "dedupe = \"redis\"");
    for meant in [|p: &Packet| p.body.is_response(), |p: &Packet| matches!(p.to, NodeId::Store(_))] {
        tampered(&body, seconds(2), meant, copy)
            .expect(&[("orders.ok", 40)])
            .never("a copy", |what| matches!(what, What::PacketCopied { .. }));
    }
}

/// TCP: what is sent behind a packet that is held up arrives behind it.
#[test]
fn what_is_behind_a_packet_that_is_held_up_waits_too() {
    let held = SimDuration::from_secs(3);
    let run = tampered(&sends("acks = \"1\""), seconds(2), asks(Api::Produce), |packet| Action::DelayPacket { packet, by: held })
        .expect(&[("messages.acked", 40), ("orders.ok", 40), ("orders.reordered", 0)]);
    let appended = run.events(|what| matches!(what, What::Appended { broker: A, partition: P0, leader: true, .. }));
    let apart: Vec<u64> = appended.windows(2).map(|pair| pair[1].at.since(pair[0].at).0).collect();
    assert_eq!(apart.iter().filter(|&&us| us > 2_900_000).count(), 1, "{apart:?}");
    // Of five requests in flight the others came right behind it.
    assert!(apart.iter().filter(|&&us| us < 10_000).count() >= 4, "{apart:?}");
}

/// The client gives the request up and sends it again over another connection, while the first one is still held up (DUP-6).
#[test]
fn a_packet_that_is_held_up_for_too_long_is_a_copy() {
    let body = sends("acks = \"all\", \"enable.idempotence\" = false, \"request.timeout.ms\" = 2000")
        .replace("send = \"async\"", "send = \"sync\"");
    let by = SimDuration::from_secs(5);
    tampered(&body, seconds(2), asks(Api::Produce), |packet| Action::DelayPacket { packet, by }).expect(&[
        ("broker.extra_copies", 1),
        ("orders.duplicated", 1),
        ("mechanisms.DUP-6", 1),
    ]);
}

/// A member crashes before the very next step, and nobody else does: between the business and its effect, and between the effect and
/// the commit (DUP-10).
#[test]
fn a_member_is_crashed_before_its_next_step() {
    let body = sends("").replace("time = \"1ms\"", "time = \"20ms\"");
    let at_step = |step: Step, skip: usize| {
        let scenario = directed(&body);
        let consumer = ConsumerId(0);
        let restart_after = Some(SimDuration::from_secs(1));
        let act = |world: &World| {
            let effects = world.consumers[0].effects as usize >= skip;
            (effects && world.consumers[0].handling_step() == Some(step)).then_some(Action::CrashNext {
                consumer,
                message: None,
                restart_after,
            })
        };
        judged(acted(&scenario, seconds(2), act))
    };
    let run = at_step(Step::Business, 3).expect(&[("orders.ok", 40), ("orders.duplicated", 0)]);
    let reached = run.events(|what| matches!(what, What::CrashPointReached { .. }));
    let [point] = reached[..] else { panic!("{reached:?}") };
    assert!(matches!(point.what, What::CrashPointReached { consumer: ConsumerId(0), step: 1, after: false, .. }), "{point:?}");
}

/// The same in a scenario file, at a message: before `ack` is after the effect.
#[test]
fn a_file_names_the_member_whose_next_step_is_its_last() {
    let point = "crash-at-step = \"next step of member 1 of orders\"\nmessage = 7\nrestart-after = \"1s\"";
    check(&(sends("") + &fault("1s", point))).expect(&[("orders.ok", 40)]).sometimes("it crashed", |what| {
        matches!(what, What::CrashPointReached { message: MessageId(7), step: 0, after: false, .. })
    });
}

/// The active controller is cut off from everybody: the others elect another, and what the old one still believes counts for nothing.
#[test]
fn a_controller_that_is_cut_off_is_replaced() {
    let body = sends("").replace("brokers = 3", "brokers = 3\ncontrollers = 3");
    let was = |world: &World| world.active_controller().map(|id| id.0);
    let scenario = directed(&body);
    let cut = |world: &World| {
        let a = Target::Node(NodeId::Controller(world.active_controller()?));
        Some(Action::Cut { a, b: Target::Everyone, one_way: false })
    };
    let history = acted(&scenario, seconds(2), cut);
    let mut before = History::new(scenario);
    before.seek(seconds(2));
    let (old, new) = (was(before.world()), was(history.last_world()));
    assert!(old.is_some() && new.is_some() && old != new, "{old:?} {new:?}");
    judged(history).expect(&[("orders.ok", 40)]);
    let file = "cut = \"active controller <-> everyone\"\nuntil = \"9s\"";
    check(&(body + &fault("2s", file)))
        .expect(&[("orders.ok", 40)])
        .sometimes("another is active", |what| matches!(what, What::LinkCut { a: NodeId::Controller(_), cut: false, .. }));
}

/// A link is slow both ways, and as fast as before afterwards.
#[test]
fn a_slow_link_is_slow_each_way() {
    let slow = |more: &str| check(&(sends("acks = \"1\"") + &fault("1s", &format!("slow = \"producer p <-> brokers\"\n{more}"))));
    let latency = |run: &Checked| run.figure("latency_us.produce_p50");
    let usual = latency(&check(&sends("acks = \"1\"")));
    assert_eq!(latency(&slow("extra = \"40ms\"")), usual + 80_000);
    let mended = slow("extra = \"40ms\"\nuntil = \"1500ms\"");
    assert_eq!(mended.summary.latency_us.produce_p50, usual);
}

/// Packets at random, held up for a short or a long time or sent twice, three in each run: every harm has a name, and nothing breaks.
#[test]
fn packets_at_random() {
    let runs: u64 = std::env::var("BROKERSCOPE_LONG").map_or(2, |_| 100);
    for name in sim_core::scenario::library::all().iter().map(|entry| entry.name) {
        let scenario = Session::library(name).plan().unwrap();
        let mut straight = History::new(Arc::new(scenario.clone()));
        straight.run_to_end();
        let is_sent = |event: &&TraceEvent| matches!(event.what, What::Sent { .. });
        let sent: Vec<&TraceEvent> = straight.trace().iter().filter(is_sent).collect();
        for run in 0..runs {
            let mut draws = Stream::new(run, name);
            let mut tampered = scenario.clone();
            for _ in 0..3 {
                let TraceEvent { at, what: What::Sent { packet, .. }, .. } = *sent[draws.below(sent.len() as u64) as usize]
                else {
                    unreachable!()
                };
                let by = SimDuration([5_000, 700_000, 4_000_000, 40_000_000][draws.below(4) as usize]);
                let copied = draws.below(2) == 0;
                let action = if copied { Action::DuplicatePacket { packet } } else { Action::DelayPacket { packet, by } };
                tampered.interventions.push(Intervention { at: SimTime(at.0 + 1), action });
            }
            let acts = tampered.interventions[scenario.interventions.len()..].to_vec();
            let mut history = History::new_checked(Arc::new(tampered));
            history.run_to_end();
            assert_eq!(history.violations(), [], "{name}: {acts:?}");
            assert_eq!(sim_core::autopsy::causes(&history).unexplained, [], "{name}: {acts:?}");
        }
    }
}
