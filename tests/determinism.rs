//! The promises that everything else rests on (design, section 1: 2, 6, 7): the same session gives the same trace, any instant can be gone
//! to and is what it was, and acting in the past leaves the past alone. For every scenario of the library.

use sim_core::history::History;
use sim_core::ids::NodeId;
use sim_core::scenario::{Action, Intervention, Keeps, Scenario, Target, library};
use sim_core::session::{Replay, Session};
use sim_core::tally::Tally;
use sim_core::time::SimTime;
use sim_core::trace::{Digest, TraceEvent};
use sim_core::view::View;
use sim_core::world::World;
use std::sync::Arc;

/// Names of the library, once each.
fn names() -> impl Iterator<Item = &'static str> {
    library::all().iter().map(|entry| entry.name)
}

fn plan(session: &Session) -> Arc<Scenario> {
    Arc::new(session.plan().unwrap_or_else(|error| panic!("{error}")))
}

fn complete(scenario: Arc<Scenario>) -> History {
    let mut history = History::new(scenario);
    history.run_to_end();
    history
}

fn run(name: &str) -> History {
    complete(plan(&Session::library(name)))
}

/// All that is seen of a world at an instant.
#[derive(Debug, PartialEq)]
struct Seen {
    view: View,
    digest: String,
    events: u64,
    tally: Tally,
}

fn seen(world: &World) -> Seen {
    Seen { view: world.view(), digest: world.digest().hex(), events: world.trace_len(), tally: world.tally() }
}

/// The first difference, rather than two traces of a million events.
#[track_caller]
fn assert_same_trace(what: &str, a: &[TraceEvent], b: &[TraceEvent]) {
    if let Some(at) = a.iter().zip(b).position(|(a, b)| a != b) {
        panic!("{what}: event {at} is {:?}, and {:?}", a[at], b[at]);
    }
    assert_eq!(a.len(), b.len(), "{what}: one trace goes on");
}

/// Ten instants, out of order, the first and the last among them.
fn instants(end: SimTime) -> [SimTime; 10] {
    let part = |n: u64| SimTime(end.0 * n / 1_000 + n);
    [part(500), part(137), part(811), SimTime::ZERO, part(333), end, part(332), part(975), part(3), part(640)]
}

#[test]
fn the_same_seed_gives_the_same_trace_event_for_event() {
    for name in names() {
        let (first, second) = (run(name), run(name));
        assert_same_trace(name, first.trace(), second.trace());
        assert_eq!(first.digest_hex(), second.digest_hex(), "{name}");
        assert_eq!(first.marks(), second.marks(), "{name}");
    }
}

#[test]
fn the_digest_is_the_traces_own() {
    for name in names() {
        let run = run(name);
        let mut digest = Digest::new();
        run.trace().iter().for_each(|event| digest.update(event.at, event.cause, &event.what));
        assert_eq!(digest.hex(), run.digest_hex(), "{name}");
    }
}

#[test]
fn another_seed_gives_another_trace() {
    for name in names() {
        let mut session = Session::library(name);
        session.seed = Some(plan(&session).seed + 1);
        assert_ne!(complete(plan(&session)).digest_hex(), run(name).digest_hex(), "{name}");
    }
}

#[test]
fn checking_invariants_changes_nothing_and_finds_nothing() {
    for name in names() {
        let mut checked = History::new_checked(plan(&Session::library(name)));
        checked.run_to_end();
        assert_eq!(checked.violations(), [], "{name}");
        assert_eq!(checked.digest_hex(), run(name).digest_hex(), "{name}");
    }
}

#[test]
fn the_size_of_the_steps_in_which_a_run_is_learned_makes_no_difference() {
    for name in names() {
        let mut history = History::new(plan(&Session::library(name)));
        let mut slice = 1;
        while !history.advance(slice) {
            slice = slice * 3 % 10_007;
        }
        assert_eq!(history.digest_hex(), run(name).digest_hex(), "{name}");
    }
}

#[test]
fn seeking_shows_what_the_straight_run_had_there() {
    for name in names() {
        let mut history = run(name);
        let digest = history.digest_hex();
        let mut straight = History::new(plan(&Session::library(name)));
        let mut in_order = instants(history.end());
        in_order.sort_unstable();
        let expected: Vec<Seen> = in_order.iter().map(|&at| (straight.seek(at), seen(straight.world())).1).collect();
        for at in instants(history.end()) {
            assert_eq!(history.seek(at), at, "{name}");
            let there = in_order.iter().position(|&t| t == at).expect("one of them");
            assert_eq!(seen(history.world()), expected[there], "{name} at {at}");
        }
        assert_eq!(history.digest_hex(), digest, "{name}: seeking changed the run");
    }
}

/// An instant that was gone to holds exactly the events up to it.
#[test]
fn seeking_stops_where_time_says() {
    for name in names() {
        let mut history = run(name);
        for at in instants(history.end()) {
            history.seek(at);
            let len = history.present_len();
            assert!(history.trace()[..len].iter().all(|event| event.at <= at), "{name} at {at}");
            assert!(history.trace()[len..].iter().all(|event| event.at > at), "{name} at {at}");
        }
    }
}

#[test]
fn stepping_forth_and_back_walks_the_same_path() {
    for name in names() {
        let mut history = run(name);
        for at in [SimTime::ZERO, SimTime(history.end().0 / 2)] {
            history.seek(at);
            let mut path = vec![(history.world().steps(), history.world().digest().hex())];
            for _ in 0..50 {
                history.step().expect("the run goes on");
                path.push((history.world().steps(), history.world().digest().hex()));
            }
            while let Some(last) = path.pop() {
                assert_eq!((history.world().steps(), history.world().digest().hex()), last, "{name} at {at}");
                if !path.is_empty() {
                    history.step_back().expect("not the start");
                }
            }
        }
        history.seek(SimTime::ZERO);
        while history.world().steps() > 0 {
            history.step_back();
        }
        assert_eq!(history.step_back(), None, "{name}: nothing comes before the start");
        history.seek(history.end());
        assert_eq!(history.step(), None, "{name}: nothing comes after the end");
    }
}

/// Somebody pulls a plug in the middle of the run.
fn plug(at: SimTime) -> Intervention {
    let broker = sim_core::ids::BrokerId(1);
    Intervention { at, action: Action::PowerCut { target: Target::Node(NodeId::Broker(broker)), keeps: Keeps::Drawn } }
}

#[test]
fn a_fork_leaves_the_original_as_it_was() {
    for name in names() {
        let mut original = run(name);
        let at = SimTime(original.end().0 / 3);
        original.seek(at);
        let (trace, digest, before) = (original.trace().to_vec(), original.digest_hex(), seen(original.world()));
        let mut fork = original.fork(plug(SimTime(at.0 + 10)));
        fork.run_to_end();
        fork.seek(fork.end());
        assert_ne!(fork.digest_hex(), digest, "{name}: the fork is another run");
        assert_same_trace(name, original.trace(), &trace);
        assert_eq!(original.digest_hex(), digest, "{name}");
        assert_eq!(seen(original.world()), before, "{name}");
        let shared = before.events as usize;
        assert_same_trace(name, &fork.trace()[..shared], &trace[..shared]);
    }
}

#[test]
fn a_fork_is_the_run_of_a_session_with_the_same_intervention() {
    for name in names() {
        let mut original = run(name);
        let at = SimTime(original.end().0 / 3);
        original.seek(at);
        let mut fork = original.fork(plug(SimTime(at.0 + 10)));
        fork.run_to_end();
        let mut session = Session::library(name);
        session.interventions.push(plug(SimTime(at.0 + 10)));
        let fresh = complete(plan(&session));
        assert_same_trace(name, fork.trace(), fresh.trace());
        assert_eq!(fork.digest_hex(), fresh.digest_hex(), "{name}");
    }
}

/// A fork's past can be gone to like any other.
#[test]
fn seeking_in_a_fork_shows_what_its_straight_run_had_there() {
    for name in names() {
        let mut original = run(name);
        original.seek(SimTime(original.end().0 * 2 / 3));
        let mut fork = original.fork(plug(SimTime(original.now().0 + 1_000)));
        fork.run_to_end();
        let mut session = Session::library(name);
        session.interventions.push(plug(SimTime(original.now().0 + 1_000)));
        for at in instants(fork.end()) {
            let mut fresh = History::new(plan(&session));
            fresh.seek(at);
            fork.seek(at);
            assert_eq!(seen(fork.world()), seen(fresh.world()), "{name} at {at}");
        }
    }
}

#[test]
fn a_replay_file_leads_to_the_digest_that_it_names() {
    for name in names() {
        let mut session = Session::library(name);
        session.seed = Some(77);
        session.set.push(sim_core::scenario::read::Override::parse("producer.config.linger.ms=20").expect("a setting"));
        session.interventions.push(plug(SimTime(11_000_000)));
        let history = complete(plan(&session));
        let events = history.trace().len() as u64;
        let file = Replay::new(session.clone(), history.digest_hex(), events, history.marks().to_vec()).to_json();
        let read = Replay::from_json(&file).expect("what was written can be read");
        assert_eq!(read.session, session, "{name}");
        let again = complete(plan(&read.session));
        assert_eq!((again.digest_hex(), again.trace().len() as u64), (read.digest, read.events), "{name}");
        assert_eq!(again.marks(), read.marks, "{name}");
    }
}

/// Causes point backwards (promise 8), and time never runs backwards.
#[test]
fn every_event_has_its_cause_before_it() {
    for name in names() {
        let run = run(name);
        for (i, event) in run.trace().iter().enumerate().skip(1) {
            assert!(event.cause.0 < i as u64, "{name}: event {i} is caused by {:?}", event.cause);
            assert!(run.trace()[event.cause.0 as usize].at <= event.at, "{name}: event {i} comes before its cause");
            assert!(run.trace()[i - 1].at <= event.at, "{name}: event {i} comes before event {}", i - 1);
        }
    }
}
