//! The crash-point matrix: the process of a group is crashed before and after every step of its handler, once in each run, and each run
//! says what became of the message that it was at work on.

use crate::autopsy::Autopsy;
use crate::history::History;
use crate::ids::*;
use crate::mechanism::Mechanism;
use crate::scenario::{Action, Intervention, Scenario, Step};
use crate::tally::{Copies, verdict};
use crate::time::{SimDuration, SimTime};
use crate::trace::{Verdict, What};
use std::sync::Arc;

/// The process is started again so much later.
pub const RESTART_AFTER: SimDuration = SimDuration::from_millis(1_000);
/// Each run is so much longer than the scenario: until the record has been delivered again a session has to run out.
pub const MORE_TIME: SimDuration = SimDuration::from_secs(120);

/// What came of a crash at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The step.
    pub step: Step,
    /// After it; else before it.
    pub after: bool,
    /// The work came to this point; else the run is the undisturbed one.
    pub reached: bool,
    /// The fate of the message.
    pub verdict: Verdict,
    /// And why, if it is a bad one.
    pub mechanism: Option<&'static Mechanism>,
    /// In the whole run: messages lost to the group,
    pub lost: u32,
    /// doubled,
    pub duplicated: u32,
    /// and recognised.
    pub absorbed: u32,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// The message at which the process is crashed.
    pub message: MessageId,
    /// Each point, in the order of the work.
    pub points: Vec<Point>,
}

/// The matrix of every group that does not forward what it reads. `message`: at which one; none: one in the middle of the run.
/// `tick` is called after each run.
///
/// # Errors
/// There is nothing to crash: no such group, or no such message.
pub fn matrices(scenario: &Scenario, message: Option<MessageId>, mut tick: impl FnMut()) -> Result<Vec<Matrix>, String> {
    let scenario = Scenario { duration: scenario.duration + MORE_TIME, ..scenario.clone() };
    let mut undisturbed = History::new(Arc::new(scenario.clone()));
    undisturbed.run_to_end();
    tick();
    let mut out = Vec::new();
    for (at, spec) in scenario.groups.iter().enumerate().filter(|(_, spec)| spec.forward.is_none()) {
        let group = GroupId(at as u16);
        let message = chosen(&undisturbed, group, message)?;
        let mut points = Vec::new();
        for (position, &step) in spec.handler.steps.iter().enumerate() {
            for after in [false, true] {
                points.push(crashed(&scenario, group, message, (position as u16, step, after)));
                tick();
            }
        }
        out.push(Matrix { group, name: spec.name.clone(), message, points });
    }
    if out.is_empty() {
        return Err("the scenario has no group whose processes could be crashed at a step".to_owned());
    }
    Ok(out)
}

/// The message that was asked for, if the group deals with it; else one in the middle of those that it deals with.
fn chosen(undisturbed: &History, group: GroupId, asked: Option<MessageId>) -> Result<MessageId, String> {
    let world = undisturbed.last_world();
    let dealt_with = |id: MessageId| world.ledger().group(group).effect(id).count > 0;
    let name = &world.layout.scenario.groups[group.ix()].name;
    match asked {
        Some(id) if id.0 < world.ledger().intended() && dealt_with(id) => Ok(id),
        Some(id) => Err(format!("group `{name}` never works on {id}")),
        None => {
            let all: Vec<MessageId> = world.ledger().messages().map(|(id, _)| id).filter(|&id| dealt_with(id)).collect();
            all.get(all.len() / 2).copied().ok_or_else(|| format!("group `{name}` never works on anything"))
        }
    }
}

fn crashed(scenario: &Scenario, group: GroupId, message: MessageId, point: (u16, Step, bool)) -> Point {
    let (position, step, after) = point;
    let mut scenario = scenario.clone();
    let restart_after = Some(RESTART_AFTER);
    let action = Action::CrashAt { group, step: position, after, message: Some(message), restart_after };
    scenario.interventions.push(Intervention { at: SimTime::ZERO, action });
    let mut history = History::new(Arc::new(scenario));
    history.run_to_end();
    let world = history.last_world();
    let copies = Copies::of(world);
    let state = world.ledger().message(message);
    let fate = verdict(world, &copies, group, message, state);
    let mechanism = Autopsy::of(history.trace()).mechanism(world, group, fate, (message, state), &copies);
    let tally = world.tally_with(&copies);
    let of_group = &tally.groups[group.ix()];
    let reached = history.trace().iter().any(|event| matches!(event.what, What::CrashPointReached { .. }));
    let (lost, duplicated, absorbed) = (of_group.lost, of_group.duplicated, of_group.absorbed);
    Point { step, after, reached, verdict: fate, mechanism, lost, duplicated, absorbed }
}
