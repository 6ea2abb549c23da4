//! Replay files as the page writes and reads them. There what was done stands in the form of a link (`acts`), since the readable form
//! (`interventions` of the session) takes a reader for every kind of intervention: a sixteenth of the page. The command line reads both.

use super::{MAX_REPLAY_BYTES, REPLAY_SCHEMA, ScenarioSource, Session, link};
use crate::scenario::read::Override;
use serde_json::{Value, json};

/// A replay file of this version of the program.
pub fn write(session: &Session, digest: &str, events: u64, marks: &[(u64, String)]) -> String {
    let scenario = match &session.scenario {
        ScenarioSource::Library(name) => json!({ "library": name }),
        ScenarioSource::Inline { name, text } => json!({ "inline": { "name": name, "text": text } }),
    };
    let mut inner = json!({ "scenario": scenario });
    if let Some(seed) = session.seed {
        inner["seed"] = seed.into();
    }
    if !session.set.is_empty() {
        inner["set"] = session.set.iter().map(|set| json!({ "path": set.path, "value": set.value })).collect();
    }
    let mut file = json!({
        "schema": REPLAY_SCHEMA, "version": env!("CARGO_PKG_VERSION"), "session": inner,
        "digest": digest, "events": events, "marks": marks,
    });
    if !session.interventions.is_empty() {
        file["acts"] = link::encode(&session.interventions).into();
    }
    file.to_string() + "\n"
}

/// The session of a replay file, and the digest that it led to. The session is checked when it is planned.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read(text: &str) -> Result<(Session, String), String> {
    if text.len() > MAX_REPLAY_BYTES {
        return Err(format!("a replay file has at most {} MiB", MAX_REPLAY_BYTES / (1024 * 1024)));
    }
    let file: Value = serde_json::from_str(text).map_err(|e| format!("this is not a replay file: {e}"))?;
    if file["schema"] != REPLAY_SCHEMA {
        return Err(format!("this is not a replay file: its schema is {}, not \"{REPLAY_SCHEMA}\"", file["schema"]));
    }
    let word = |value: &Value, what: &str| match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("the replay file is damaged: {what} is missing")),
    };
    let inner = &file["session"];
    let mut session = match &inner["scenario"] {
        Value::Object(of) if of.contains_key("library") => Session::library(word(&of["library"], "the scenario")?),
        of => Session::inline(word(&of["inline"]["name"], "the scenario")?, word(&of["inline"]["text"], "the scenario")?),
    };
    session.seed = inner["seed"].as_u64();
    for set in inner["set"].as_array().into_iter().flatten() {
        session.set.push(Override { path: word(&set["path"], "a path")?, value: word(&set["value"], "a value")? });
    }
    match &file["acts"] {
        Value::String(acts) => session.interventions = link::decode(acts)?,
        _ if inner["interventions"].as_array().is_some_and(|list| !list.is_empty()) => {
            return Err(
                "the file lists what was done in words, which only the command line reads: `brokerscope replay FILE`".to_owned()
            );
        }
        _ => {}
    }
    Ok((session, word(&file["digest"], "the digest")?))
}
