//! What the coordinator of a classic group answers (G-5, G-6).

use super::{Fields, list, narrow};
use serde_json::{Value, json};
use sim_core::error_code::ErrorCode;
use sim_core::group::classic::State;
use sim_core::group::classic::checks::{Committer, check_member, commit, heartbeat};

fn state(fields: &mut Fields<'_>) -> Result<State, String> {
    let name = fields.text("state")?;
    let spelled = |state: State| -> String {
        let mut text = String::new();
        for c in state.name().chars() {
            if c.is_uppercase() && !text.is_empty() {
                text.push('_');
            }
            text.push(c.to_ascii_uppercase());
        }
        text
    };
    let all = [State::Empty, State::PreparingRebalance, State::CompletingRebalance, State::Stable, State::Dead];
    all.into_iter().find(|&s| spelled(s) == name).ok_or_else(|| format!("not understood: the state `{name}`"))
}

fn result(answer: Result<(), ErrorCode>) -> Value {
    json!({ "result": answer.err().map_or("OK", ErrorCode::name) })
}

fn flag(fields: &mut Fields<'_>, name: &str) -> Result<bool, String> {
    let value = fields.get(name)?;
    value.as_bool().ok_or_else(|| format!("not understood: `{name}` is {value}"))
}

fn flag_or(fields: &mut Fields<'_>, name: &str, missing: bool) -> Result<bool, String> {
    if fields.has(name) { flag(fields, name) } else { Ok(missing) }
}

/// G-5. A vector may say more of the members than whether one is known: who has which instance, and which instance is named.
pub fn classic_group_heartbeat(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let state = state(fields)?;
    let mut matches = flag_or(fields, "generation_matches", true)?;
    let member = if fields.has("member_known") {
        let known = flag(fields, "member_known")?;
        let fenced = flag_or(fields, "instance_fenced", false)?;
        let owner = if fenced { Some(Some(&1)) } else { None };
        check_member(&0, known, owner)
    } else {
        let (request, members) = (Fields::of(fields.get("request")?)?, Members::read(fields)?);
        let (member, by) = members.check(request)?;
        matches &= i64::from(by.generation) == fields.int_or("generation", by.generation.into())?;
        member
    };
    let answer = heartbeat(state, member, matches);
    Ok(result(if answer == ErrorCode::None { Ok(()) } else { Err(answer) }))
}

/// The members of a vector's group, and who holds which instance.
struct Members<'a> {
    ids: Vec<&'a str>,
    instances: Vec<(&'a str, &'a str)>,
}

impl<'a> Members<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Members<'a>, String> {
        let ids = fields.find("members").map_or(Ok(&[][..]), list)?.iter().filter_map(Value::as_str).collect();
        let instances = match fields.find("static") {
            None => Vec::new(),
            Some(map) => {
                let map = map.as_object().ok_or("not understood: `static` is no object")?;
                map.iter().filter_map(|(instance, member)| Some((instance.as_str(), member.as_str()?))).collect()
            }
        };
        Ok(Members { ids, instances })
    }

    /// Checks the sender of a request; gives back the request's generation, whether it named anybody, and whether it is transactional.
    fn check(&self, mut request: Fields<'_>) -> Result<(Result<(), ErrorCode>, Committer), String> {
        let member = request.find("member").and_then(Value::as_str).unwrap_or("");
        let instance = request.find("instance").and_then(Value::as_str);
        let generation = narrow(request.int_or("generation", -1)?)?;
        let transactional = flag_or(&mut request, "transactional", false)?;
        request.done()?;
        let owner = instance.map(|i| self.instances.iter().find(|(known, _)| *known == i).map(|(_, owner)| owner));
        let checked = check_member(&member, self.ids.contains(&member), owner);
        Ok((checked, Committer { named: !member.is_empty() || instance.is_some(), generation, transactional }))
    }
}

/// G-6.
pub fn classic_group_offset_commit(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let (state, generation) = (state(fields)?, narrow(fields.int("generation")?)?);
    let (request, members) = (Fields::of(fields.get("request")?)?, Members::read(fields)?);
    let (member, by) = members.check(request)?;
    Ok(result(commit(state, generation, by, member)))
}
