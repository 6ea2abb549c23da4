//! The history of a run: its trace as far as it is known, and checkpoints of the world, so that any instant can be gone to. Acting in
//! the past forks: the new history shares the past and leaves the old one as it is.

use crate::check::{Checker, Violation, Watch};
use crate::scenario::{Intervention, Scenario};
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceEvent, TraceId};
use crate::world::World;
use std::sync::Arc;

/// A checkpoint is kept about this often, in events of the queue.
const CHECKPOINT_EVERY: u64 = 8_192;
/// With more checkpoints than this every second one is dropped, and they are kept half as often.
const MAX_CHECKPOINTS: usize = 256;
/// Digests are noted about this often, so that two runs can be told where they part.
const MARK_EVERY: u64 = 4_096;

/// No run gets longer than this many trace events: about a gigabyte. A scenario from a link or a pasted file may ask for more.
pub const MAX_EVENTS: usize = 20_000_000;

/// There is room for so many events from the beginning: most runs make as many, and a browser copies all of them whenever it needs more.
const USUAL_EVENTS: usize = 262_144;

/// A run, and a present in it.
#[derive(Clone, Debug)]
pub struct History {
    scenario: Arc<Scenario>,
    present: World,
    /// The world at the edge of what is known.
    edge: World,
    trace: Vec<TraceEvent>,
    /// By steps, ascending; the first is the start.
    checkpoints: Vec<World>,
    checkpoint_every: u64,
    /// The next one is kept after so many events.
    next_checkpoint: u64,
    marks: Vec<(u64, String)>,
    checker: Option<Box<dyn Watch>>,
    violations: Vec<Violation>,
}

impl History {
    /// A run that has just begun.
    pub fn new(scenario: Arc<Scenario>) -> History {
        let mut trace = Vec::with_capacity(USUAL_EVENTS);
        let world = World::new(scenario.clone(), &mut trace);
        History {
            checkpoints: vec![world.clone()],
            present: world.clone(),
            edge: world,
            trace,
            checkpoint_every: CHECKPOINT_EVERY,
            next_checkpoint: CHECKPOINT_EVERY,
            marks: Vec::new(),
            checker: None,
            violations: Vec::new(),
            scenario,
        }
    }

    /// A run whose invariants are checked after every step. The first violation ends it.
    pub fn new_checked(scenario: Arc<Scenario>) -> History {
        let mut history = History::new(scenario);
        history.checker = Some(Box::new(Checker::new(&history.edge)));
        history
    }

    /// What is run.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The last instant of the run.
    pub fn end(&self) -> SimTime {
        SimTime::ZERO + self.scenario.duration
    }

    /// Is the run known to its end?
    pub fn is_complete(&self) -> bool {
        self.edge.has_ended() || !self.violations.is_empty()
    }

    /// The trace as far as it is known, the future of the present included.
    pub fn trace(&self) -> &[TraceEvent] {
        &self.trace
    }

    /// How many events of the trace have happened by the present.
    pub fn present_len(&self) -> usize {
        self.present.trace_len() as usize
    }

    /// The present.
    pub fn now(&self) -> SimTime {
        self.present.now()
    }

    /// The world at the present.
    pub fn world(&self) -> &World {
        &self.present
    }

    /// The world at the edge of what is known: at the end, once the run is complete.
    pub fn last_world(&self) -> &World {
        &self.edge
    }

    /// The digest of all that is known.
    pub fn digest_hex(&self) -> String {
        self.edge.digest().hex()
    }

    /// Digests on the way: after so many trace events, this digest.
    pub fn marks(&self) -> &[(u64, String)] {
        &self.marks
    }

    /// Broken invariants, or the limit of events; at most one, since the first ends the run.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Learns more of the run: up to `max_steps` further events. The present stays where it is. True when the run is complete.
    pub fn advance(&mut self, max_steps: u64) -> bool {
        for _ in 0..max_steps {
            if self.is_complete() {
                return true;
            }
            self.step_edge();
        }
        self.is_complete()
    }

    /// Learns the whole run.
    pub fn run_to_end(&mut self) {
        while !self.advance(u64::MAX) {}
    }

    fn step_edge(&mut self) {
        let before = self.edge.trace_len();
        self.edge.step(&mut self.trace);
        if let Some(checker) = &mut self.checker {
            self.violations.extend(checker.after_step(&self.edge, &self.trace[before as usize..]));
        }
        if self.trace.len() >= MAX_EVENTS {
            self.violations.push(Violation {
                invariant: "LIMIT",
                at_us: self.edge.now(),
                event: TraceId(self.edge.trace_len() - 1),
                text: format!("the run was stopped after {MAX_EVENTS} events; make it shorter, or its traffic lighter"),
            });
        }
        let after = self.edge.trace_len();
        if before / MARK_EVERY != after / MARK_EVERY {
            self.marks.push((after, self.edge.digest().hex()));
        }
        if self.edge.steps() >= self.next_checkpoint {
            self.keep_checkpoint();
        }
    }

    fn keep_checkpoint(&mut self) {
        self.checkpoints.push(self.edge.clone());
        if self.checkpoints.len() > MAX_CHECKPOINTS {
            let mut even = false;
            self.checkpoints.retain(|_| {
                even = !even;
                even
            });
            self.checkpoint_every *= 2;
        }
        self.next_checkpoint = self.edge.steps() + self.checkpoint_every;
    }

    /// Makes this instant the present: all that happens up to and including it has happened. Clamped to the run.
    pub fn seek(&mut self, at: SimTime) -> SimTime {
        let at = at.min(self.end());
        while !self.is_complete() && self.edge.next_at() <= at {
            self.step_edge();
        }
        let nearest = self.checkpoints.partition_point(|c| c.now() <= at).saturating_sub(1);
        let checkpoint = &self.checkpoints[nearest];
        if self.present.now() > at || self.present.steps() < checkpoint.steps() {
            self.present = checkpoint.clone();
        }
        while self.present.next_at() <= at && self.present.steps() < self.edge.steps() {
            self.present.step(&mut self.trace);
        }
        if self.present.next_at() > at {
            self.present.idle_until(at);
        }
        self.now()
    }

    /// Takes the present one event further. None at the end of the run.
    pub fn step(&mut self) -> Option<SimTime> {
        if self.present.steps() == self.edge.steps() {
            self.advance(1);
        }
        if self.present.steps() == self.edge.steps() {
            return None;
        }
        self.present.step(&mut self.trace);
        Some(self.now())
    }

    /// Takes the present one event back. None at the start.
    pub fn step_back(&mut self) -> Option<SimTime> {
        let target = self.present.steps().checked_sub(1)?;
        let nearest = self.checkpoints.partition_point(|c| c.steps() <= target).saturating_sub(1);
        self.present = self.checkpoints[nearest].clone();
        while self.present.steps() < target {
            self.present.step(&mut self.trace);
        }
        Some(self.now())
    }

    /// A new history in which this happens too: it shares the past up to the present, and its future is open. The intervention happens
    /// at its time, or right after the present if that has passed.
    pub fn fork(&self, mut intervention: Intervention) -> History {
        intervention.at = intervention.at.max(self.now() + SimDuration(1)).min(self.end());
        if !self.present.layout.has_room_for(&intervention.action) {
            return self.anew_with(intervention);
        }
        let mut present = self.present.clone();
        present.add_intervention(intervention.clone());
        let mut checkpoints: Vec<World> = self.checkpoints.iter().filter(|c| c.steps() <= present.steps()).cloned().collect();
        for checkpoint in &mut checkpoints {
            checkpoint.add_intervention(intervention.clone());
        }
        let known = present.trace_len();
        History {
            scenario: self.scenario.clone(),
            edge: present.clone(),
            trace: self.trace[..known as usize].to_vec(),
            checkpoints,
            checkpoint_every: self.checkpoint_every,
            next_checkpoint: self.present.steps() + self.checkpoint_every,
            marks: self.marks.iter().filter(|m| m.0 <= known).cloned().collect(),
            checker: self.checker.as_ref().map(|checker| checker.anew(&present)),
            violations: Vec::new(),
            present,
        }
    }

    /// The same past, run through again in a world that has room for what this intervention adds (P-23), up to the present.
    fn anew_with(&self, intervention: Intervention) -> History {
        let mut scenario = (*self.scenario).clone();
        scenario.interventions = self.present.interventions().to_vec();
        scenario.interventions.push(intervention);
        let scenario = Arc::new(scenario);
        let mut history = History::new(scenario);
        // Who never checks, as the page does not, need not carry the checkers.
        history.checker = self.checker.as_ref().map(|checker| checker.anew(&history.edge));
        while history.present_len() < self.present_len() && history.step().is_some() {}
        if history.present.next_at() > self.now() {
            history.present.idle_until(self.now());
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, NodeId, TopicId};
    use crate::scenario::{Action, Target};
    use crate::session::Session;

    /// A crash leaves wakes behind that nobody waits for: they are no events, and must not draw later ones into the present.
    #[test]
    fn the_present_is_never_later_than_the_instant_sought() {
        let scenario = Arc::new(Session::library("payments-acks-1").plan().unwrap());
        let mut history = History::new(scenario);
        history.seek(SimTime(2_000_000));
        let target = Target::Node(NodeId::Broker(BrokerId(1)));
        let mut history = history.fork(Intervention { at: SimTime(2_000_000), action: Action::Crash { target } });
        for us in (2_000_001..2_060_000).step_by(97) {
            assert_eq!(history.seek(SimTime(us)), SimTime(us));
            assert!(history.trace()[..history.present_len()].iter().all(|event| event.at.0 <= us), "{us}");
        }
    }

    /// P-23: partitions are added to a run that had no place for them. Its past stays as it was, and its future is that of a session which
    /// had them in its list from the start.
    #[test]
    fn a_fork_that_adds_partitions_is_the_run_of_its_session() {
        let mut session = Session::library("order-events");
        let mut history = History::new(Arc::new(session.plan().unwrap()));
        history.seek(SimTime(7_000_000));
        let action = Action::AddPartitions { topic: TopicId(0), total: 7 };
        let intervention = Intervention { at: SimTime(7_000_001), action };
        session.interventions.push(intervention.clone());
        let mut fork = history.fork(intervention);
        assert_eq!((fork.now(), fork.present_len()), (history.now(), history.present_len()));
        let past = history.present_len();
        assert_eq!(fork.trace()[..past], history.trace()[..past]);
        let mut whole = History::new(Arc::new(session.plan().unwrap()));
        whole.run_to_end();
        fork.run_to_end();
        assert_eq!(fork.digest_hex(), whole.digest_hex());
        assert!(fork.trace().iter().any(|event| matches!(event.what, crate::trace::What::PartitionAdded { .. })));
    }
}
