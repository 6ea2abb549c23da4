//! What tests and measurements call from outside: whole runs without the page.

use crate::measure::clock;
use crate::sim::{self, History, Scenario};
use crate::start::Start;
use std::sync::Arc;
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs a scenario of the library from start to end; its digest as hexadecimal digits, or `error: ...`.
#[wasm_bindgen]
pub fn digest_of(scenario_name: &str) -> String {
    match whole_run(scenario_name) {
        Ok(history) => history.digest_hex(),
        Err(why) => format!("error: {why}"),
    }
}

/// Runs a scenario of the library so many times and says how long each run took: `{"scenario", "milliseconds": [...]}`. A browser
/// compiles quickly first and well later: the first runs are the slowest.
#[wasm_bindgen]
pub fn bench(scenario_name: &str, runs: u32) -> String {
    let timed = |scenario: &Arc<Scenario>| {
        let started = clock();
        run_to_end(Arc::clone(scenario));
        clock() - started
    };
    match sim::plan(&Start::of(scenario_name)) {
        Ok((scenario, _)) => {
            let milliseconds: Vec<f64> = (0..runs).map(|_| timed(&scenario)).collect();
            serde_json::json!({ "scenario": scenario_name, "milliseconds": milliseconds }).to_string()
        }
        Err(why) => serde_json::json!({ "scenario": scenario_name, "error": why }).to_string(),
    }
}

fn whole_run(name: &str) -> Result<History, String> {
    let (scenario, _) = sim::plan(&Start::of(name))?;
    Ok(run_to_end(scenario))
}

fn run_to_end(scenario: Arc<Scenario>) -> History {
    let mut history = History::new(scenario);
    while !history.advance(100_000) {}
    history
}
