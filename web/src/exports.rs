//! What tests and measurements call from outside: whole runs without the page.

use crate::measure::clock;
use crate::sim::{self, History};
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs a scenario of the library from start to end; its digest as hexadecimal digits, or `error: ...`.
#[wasm_bindgen]
pub fn digest_of(scenario_name: &str) -> String {
    match whole_run(scenario_name) {
        Ok(history) => history.digest_hex(),
        Err(why) => format!("error: {why}"),
    }
}

/// Runs a scenario of the library and says how long that took: `{"scenario", "events", "milliseconds"}`.
#[wasm_bindgen]
pub fn bench(scenario_name: &str) -> String {
    let started = clock();
    match whole_run(scenario_name) {
        Ok(history) => serde_json::json!({
            "scenario": scenario_name,
            "events": history.trace().len(),
            "milliseconds": clock() - started,
        })
        .to_string(),
        Err(why) => serde_json::json!({ "scenario": scenario_name, "error": why }).to_string(),
    }
}

fn whole_run(name: &str) -> Result<History, String> {
    let (scenario, _) = sim::plan(name, None, &[])?;
    let mut history = History::new(scenario);
    while !history.advance(100_000) {}
    Ok(history)
}
