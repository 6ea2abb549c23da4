//! What tests call from outside: whole runs without the page.

use crate::sim::{self, History};
use crate::start::Start;
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs a scenario of the library from start to end; its digest as hexadecimal digits, or `error: ...`.
#[wasm_bindgen]
pub fn digest_of(scenario_name: &str) -> String {
    match whole_run(scenario_name) {
        Ok(history) => history.digest_hex(),
        Err(why) => format!("error: {why}"),
    }
}

fn whole_run(name: &str) -> Result<History, String> {
    let (scenario, _) = sim::plan(&Start::of(name))?;
    let mut history = History::new(scenario);
    history.run_to_end();
    Ok(history)
}
