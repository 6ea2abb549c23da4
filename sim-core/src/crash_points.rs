//! The crash-point matrix: the process of a group, or of a producer, is crashed before and after every step of its work, once in each run,
//! and each run says what became of the message that it was at work on.

use crate::autopsy::Autopsy;
use crate::history::History;
use crate::ids::*;
use crate::mechanism::Mechanism;
use crate::scenario::{Action, GroupSpec, Intervention, ProducerSpec, Scenario, SendMode};
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
    pub step: &'static str,
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

/// One group, or one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Whose process is crashed: the group's, or the producer's, name.
    pub name: String,
    /// It is a producer's, and the fate is that in the first group that reads from it.
    pub sends: bool,
    /// The message at which the process is crashed.
    pub message: MessageId,
    /// Each point, in the order of the work.
    pub points: Vec<Point>,
}

/// How many runs [`matrices`] makes at most: one undisturbed, and one for each point.
pub fn runs(scenario: &Scenario) -> u64 {
    let handling = scenario.groups.iter().filter(|spec| is_crashed_at_steps(spec)).map(|spec| spec.handler.steps.len());
    let sending = scenario.producers.iter().filter(|spec| sends_in_steps(spec)).map(|spec| spec.send.steps().len());
    1 + 2 * handling.chain(sending).sum::<usize>() as u64
}

fn is_crashed_at_steps(spec: &GroupSpec) -> bool {
    spec.works_for.is_none()
}

fn sends_in_steps(spec: &ProducerSpec) -> bool {
    spec.transaction.is_none() && spec.feeder.is_none() && spec.send != SendMode::Call
}

/// The matrix of every group, but for those that work for others, and of every producer without transactions of which some group
/// reads. `message`: at which one; none: one in the middle of the run.
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
    for (at, spec) in scenario.groups.iter().enumerate().filter(|(_, spec)| is_crashed_at_steps(spec)) {
        let group = GroupId(at as u16);
        let chosen = chosen(&undisturbed, group, None, message)?;
        let mut points = Vec::new();
        for (position, step) in spec.handler.steps.iter().enumerate() {
            for after in [false, true] {
                let (step, position, message) = (step.name(), position as u16, Some(chosen));
                let action = Action::CrashAt { group, step: position, after, message, restart_after: Some(RESTART_AFTER) };
                points.push(crashed(&scenario, group, chosen, (step, after, action)));
                tick();
            }
        }
        out.push(Matrix { name: spec.name.clone(), sends: false, message: chosen, points });
    }
    for (at, spec) in scenario.producers.iter().enumerate().filter(|(_, spec)| sends_in_steps(spec)) {
        let producer = ProducerId(at as u16);
        let reads = |group: &GroupSpec| group.works_for.is_none() && group.topics.contains(&spec.topic);
        let Some(reader) = scenario.groups.iter().position(reads) else { continue };
        let group = GroupId(reader as u16);
        // A message that was asked for may be another producer's.
        let Ok(chosen) = chosen(&undisturbed, group, Some(producer), message) else { continue };
        let mut points = Vec::new();
        for &step in spec.send.steps() {
            for after in [false, true] {
                let message = Some(chosen);
                let action = Action::CrashSending { producer, step, after, message, restart_after: Some(RESTART_AFTER) };
                points.push(crashed(&scenario, group, chosen, (step.name(), after, action)));
                tick();
            }
        }
        out.push(Matrix { name: spec.name.clone(), sends: true, message: chosen, points });
    }
    if out.is_empty() {
        return Err("the scenario has nothing whose process could be crashed at a step".to_owned());
    }
    Ok(out)
}

/// The message that was asked for, if the group deals with it; else one in the middle of those that it deals with.
fn chosen(undisturbed: &History, group: GroupId, of: Option<ProducerId>, asked: Option<MessageId>) -> Result<MessageId, String> {
    let world = undisturbed.last_world();
    let is_of = |id: MessageId| of.is_none_or(|producer| world.ledger().message(id).producer == producer);
    let dealt_with = |id: MessageId| world.ledger().group(group).effect(id).count > 0 && is_of(id);
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

fn crashed(scenario: &Scenario, group: GroupId, message: MessageId, point: (&'static str, bool, Action)) -> Point {
    let (step, after, action) = point;
    let mut scenario = scenario.clone();
    scenario.interventions.push(Intervention { at: SimTime::ZERO, action });
    let mut history = History::new(Arc::new(scenario));
    history.run_to_end();
    let world = history.last_world();
    let copies = Copies::of(world);
    let state = world.ledger().message(message);
    let fate = verdict(world, &copies, group, message, state);
    let mechanism = Autopsy::of(history.trace(), &world.layout).mechanism(world, group, fate, (message, state), &copies);
    let tally = world.tally_with(&copies);
    let of_group = tally.groups.iter().find(|tally| tally.group == group).expect("it has verdicts of its own");
    let is_point = |what: &What| matches!(what, What::CrashPointReached { .. } | What::SendPointReached { .. });
    let reached = history.trace().iter().any(|event| is_point(&event.what));
    let (lost, duplicated, absorbed) = (of_group.lost, of_group.duplicated, of_group.absorbed);
    Point { step, after, reached, verdict: fate, mechanism, lost, duplicated, absorbed }
}
