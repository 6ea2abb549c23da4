//! Every scenario of the library shows what it says it shows, with its own seed and with others, and no rule of the protocol is broken on
//! the way.

use brokerscope::sim;
use sim_core::scenario::library;
use sim_core::session::Session;
use std::sync::Arc;

#[track_caller]
fn holds(name: &str, seed: Option<u64>) {
    let mut session = Session::library(name);
    session.seed = seed;
    let scenario = Arc::new(session.plan().unwrap());
    let run = sim::run(scenario.clone(), true);
    let summary = run.summary();
    assert_eq!(summary["violations"], serde_json::json!([]), "{name} with seed {}", scenario.seed);
    assert_eq!(summary["unexplained"], 0, "{name} with seed {}: a harm without a name", scenario.seed);
    for result in summary["expectations"].as_array().unwrap() {
        assert_eq!(result["holds"], true, "{name} with seed {}: {result}", scenario.seed);
    }
}

#[test]
fn every_scenario_holds_with_its_own_seed() {
    for entry in library::all() {
        holds(entry.name, None);
    }
}

#[test]
fn no_scenario_hangs_on_its_seed() {
    for entry in library::all() {
        for seed in [1, 2, 3, 4, 5, 6] {
            holds(entry.name, Some(seed));
        }
    }
}

/// What the comments of the files say about changing one setting.
#[test]
fn one_setting_makes_the_difference() {
    let lost = |name: &str, set: &[&str]| {
        let mut session = Session::library(name);
        session.set = set.iter().map(|text| sim_core::scenario::read::Override::parse(text).unwrap()).collect();
        let run = sim::run(Arc::new(session.plan().unwrap()), true);
        let groups = run.summary()["groups"].as_object().unwrap().clone();
        groups.values().map(|group| group["lost"].as_u64().unwrap()).sum::<u64>()
    };
    let safe = ["producer.config.acks=all", "topic.config.min.insync.replicas=2"];
    assert_eq!(lost("payments-acks-1", &safe), 0);
    let unsafe_again = ["producer.config.acks=1", "topic.config.min.insync.replicas=1"];
    assert_eq!(lost("payments-acks-all", &unsafe_again), lost("payments-acks-1", &[]));
    assert_eq!(lost("power-cut", &["topic.config.flush.messages=1"]), 0);
    assert_eq!(lost("worker-threads", &["group.config.enable.auto.commit=false"]), 0);
}
