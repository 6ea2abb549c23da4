//! The runs behind the page: the original and its branches, loaded slice by slice, moved in time, looked at. No web here.

use crate::marks;
use crate::sim::{self, Chain, Direction, Facts, History, Intervention, Life, Tally, chain};
use crate::start::Start;
use sim_core::ids::{MessageId, NodeId, Offset, PartitionId};
use sim_core::series::{BUCKETS, Series};
use sim_core::time::SimTime;
use sim_core::trace::{TraceId, What};
use sim_core::view::View;
use sim_core::words::{deed, describe};
use stage::timeline::{self, Bar, EventKind};
use std::rc::Rc;

/// Events that are computed in one go while loading: short enough for a frame.
const SLICE: u64 = 20_000;

/// One run.
struct Branch {
    history: History,
    /// Known once all of the run is.
    outcome: Option<Outcome>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The counts at the end.
    pub tally: Tally,
    /// Messages that were lost, in the order of their ids.
    pub lost: Rc<Vec<MessageId>>,
    /// Messages with more than one effect.
    pub duplicated: Rc<Vec<MessageId>>,
    /// The digest of the whole run.
    pub digest: String,
    /// The time bar.
    pub bar: Rc<Bar>,
    /// The events worth a look, in order.
    pub told: Rc<Vec<News>>,
}

/// The run that is shown, and the others.
pub struct Engine {
    branches: Vec<Branch>,
    shown: usize,
    end: SimTime,
    /// How many interventions are the scenario's own.
    own: usize,
    /// What is run.
    start: Start,
}

/// A message's life, and the shortest story of each harm to it.
#[derive(Debug)]
pub struct Told {
    /// Its life.
    pub life: Life,
    /// How it came to harm.
    pub harms: Vec<Chain>,
}

/// Something that happened, and is worth a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// When.
    pub at: SimTime,
    /// What it looks like on the time bar.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

impl Engine {
    /// Begins a run.
    ///
    /// # Errors
    /// Why it cannot begin, as a sentence for the person at the page.
    pub fn new(start: &Start) -> Result<(Engine, Facts), String> {
        let name = start.scenario.clone().unwrap_or_else(sim::default_scenario);
        let (scenario, facts) = sim::plan(&name, start.seed, &start.set, &[])?;
        let own = scenario.interventions.len();
        let mut branches = vec![Branch { history: History::new(scenario), outcome: None }];
        if !start.acts.is_empty() {
            let (scenario, _) = sim::plan(&name, start.seed, &start.set, &start.acts)?;
            branches.push(Branch { history: History::new(scenario), outcome: None });
        }
        Ok((Engine { shown: branches.len() - 1, branches, end: facts.end, own, start: start.clone() }, facts))
    }

    /// What was done to the shown run, besides the scenario's own faults.
    pub fn acts(&self) -> Vec<Intervention> {
        self.branch().history.world().interventions()[self.own..].to_vec()
    }

    /// The counts at the end of the original, when another branch is shown and they are known.
    pub fn original(&self) -> Option<&Tally> {
        self.branches[0].outcome.as_ref().filter(|_| self.shown > 0).map(|outcome| &outcome.tally)
    }

    /// The last event worth a look that has happened by now, in words.
    pub fn news(&self) -> Option<News> {
        let (now, told) = (self.now(), &self.outcome()?.told);
        told[..told.partition_point(|news| news.at <= now)].last().cloned()
    }

    fn branch(&self) -> &Branch {
        &self.branches[self.shown]
    }

    fn history(&mut self) -> &mut History {
        &mut self.branches[self.shown].history
    }

    /// Computes the next slice of the shown run. Returns true once all of it is known.
    pub fn load(&mut self) -> bool {
        let end = self.end;
        let branch = &mut self.branches[self.shown];
        if branch.outcome.is_none() && branch.history.advance(SLICE) {
            branch.outcome = Some(outcome(&branch.history, end));
        }
        branch.outcome.is_some()
    }

    /// Computes a slice of the original, when the shown run is known: to compare with. Returns true when it becomes known.
    pub fn load_original(&mut self) -> bool {
        let (end, first) = (self.end, &mut self.branches[0]);
        let done = first.outcome.is_none() && first.history.advance(SLICE);
        if done {
            first.outcome = Some(outcome(&first.history, end));
        }
        done
    }

    /// What came of the shown run, once it is known.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.branch().outcome.as_ref()
    }

    /// The whole length of the run.
    pub fn end(&self) -> SimTime {
        self.end
    }

    /// How much of the shown run is known.
    pub fn known(&self) -> SimTime {
        if self.outcome().is_some() { self.end } else { self.branch().history.last_world().now().min(self.end) }
    }

    /// The instant at which the shown run stands.
    pub fn now(&self) -> SimTime {
        self.branch().history.now()
    }

    /// How many events have happened by now: changes when the picture does.
    pub fn present(&self) -> usize {
        self.branch().history.present_len()
    }

    /// Moves to an instant.
    pub fn seek(&mut self, to: SimTime) {
        self.history().seek(to);
    }

    /// Moves to the next event.
    pub fn step(&mut self) -> Option<SimTime> {
        self.history().step()
    }

    /// Moves to the event before.
    pub fn step_back(&mut self) {
        self.history().step_back();
    }

    /// The cluster now.
    pub fn view(&self) -> View {
        self.branch().history.view()
    }

    /// The counts now. A scan over all messages: not for every frame.
    pub fn tally(&self) -> Tally {
        self.branch().history.world().tally()
    }

    /// Another course of events from now on, shown just after the intervention. The branch that was shown stays as it is.
    pub fn fork(&mut self, intervention: Intervention) {
        // The present has happened: what is done to it happens in the next microsecond.
        let then = SimTime(self.now().0 + 1);
        let mut history = self.branch().history.fork(intervention);
        history.seek(then);
        self.branches.push(Branch { history, outcome: None });
        self.shown = self.branches.len() - 1;
    }

    /// Another course of events, in which the act at this position of [`Engine::acts`] was never done, shown at the same instant. False: the
    /// others make no sense without it.
    pub fn without(&mut self, act: usize) -> bool {
        let (now, mut acts) = (self.now(), self.acts());
        acts.remove(act);
        let name = self.start.scenario.clone().unwrap_or_else(sim::default_scenario);
        let Ok((scenario, _)) = sim::plan(&name, self.start.seed, &self.start.set, &acts) else { return false };
        self.branches.push(Branch { history: History::new(scenario), outcome: None });
        self.shown = self.branches.len() - 1;
        self.seek(now);
        true
    }

    /// How a link is: there, and back.
    pub fn link(&self, a: NodeId, b: NodeId) -> [Direction; 2] {
        let world = self.branch().history.world();
        [world.direction(a, b), world.direction(b, a)]
    }

    /// Shows another branch at the same instant.
    pub fn show(&mut self, branch: usize) {
        if branch < self.branches.len() {
            let now = self.now();
            self.shown = branch;
            self.seek(now);
        }
    }

    /// The life of a message, and how it came to harm.
    pub fn life(&self, message: MessageId) -> Option<Told> {
        let history = &self.branch().history;
        let life = sim::explain(history, message)?;
        // Before the end of the run nobody knows whether it is harmed.
        let harms = if self.outcome().is_some() { chain::of(history, message) } else { Vec::new() };
        Some(Told { life, harms })
    }

    /// Where a message lies: the partition that it was queued for and the offset at which its batch was appended first.
    pub fn place_of(&self, message: MessageId) -> Option<(PartitionId, Offset)> {
        marks::place_of(self.branch().history.trace(), message)
    }

    /// How far the nearest event worth a look is, in microseconds.
    pub fn nearest(&self, from: SimTime) -> Option<u64> {
        let told = &self.outcome()?.told;
        let next = told.partition_point(|news| news.at <= from);
        let ahead = told.get(next).map(|news| news.at.since(from).0);
        let behind = next.checked_sub(1).map(|last| from.since(told[last].at).0);
        ahead.into_iter().chain(behind).min()
    }

    /// The nearest event worth a look after (or before) an instant.
    pub fn notable(&self, from: SimTime, forward: bool) -> Option<SimTime> {
        marks::notable(&self.outcome()?.bar, from, forward).map(|event| event.at)
    }
}

fn outcome(history: &History, end: SimTime) -> Outcome {
    let layout = &history.world().layout;
    let news = |&(at, event, kind): &(SimTime, TraceId, EventKind)| News {
        at,
        kind,
        text: match history.trace()[event.0 as usize].what {
            What::Intervened { index } => deed(history.last_world(), index),
            ref what => describe(what, layout),
        },
    };
    let found = timeline::scan(history.trace(), history.world().interventions());
    Outcome {
        tally: history.last_world().tally(),
        lost: Rc::new(found.lost),
        duplicated: Rc::new(found.duplicated),
        digest: history.digest_hex(),
        told: Rc::new(found.told.iter().map(news).collect()),
        bar: Rc::new(Bar { end, known: end, events: found.events, series: Some(Rc::new(Series::of(history, BUCKETS))) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::moment;
    use crate::sim::{Action, Target};
    use sim_core::ids::BrokerId;
    use sim_core::time::SimDuration;
    use sim_core::view::ProcessState;

    /// What was done goes into a link, and comes out of it as the same run.
    #[test]
    fn a_link_leads_to_the_same_run() {
        let start = Start { scenario: Some("payments-acks-1".into()), ..Start::default() };
        let (mut engine, _) = Engine::new(&start).unwrap();
        while !engine.load() {}
        assert_eq!((engine.acts(), engine.original()), (vec![], None));
        engine.seek(SimTime(9_000_000));
        let target = Target::Node(NodeId::Broker(BrokerId(2)));
        engine.fork(Intervention { at: engine.now(), action: Action::Crash { target } });
        while !engine.load() {}
        assert!(engine.original().is_some());
        let news = engine.news().unwrap();
        assert_eq!((news.at, news.kind), (SimTime(9_000_001), EventKind::Fault));
        let shared = Start { acts: engine.acts(), ..start };
        let read = crate::start::parse(&crate::start::query(&shared)).unwrap();
        let (mut again, _) = Engine::new(&read).unwrap();
        while !again.load() {}
        assert_eq!(again.outcome().unwrap().digest, engine.outcome().unwrap().digest);
    }

    /// What is left of the acts is the run of the acts that are left.
    #[test]
    fn an_act_is_taken_out_of_the_middle() {
        let start = Start { scenario: Some("payments-acks-1".into()), ..Start::default() };
        let (mut engine, _) = Engine::new(&start).unwrap();
        let acts = [(8, 2), (9, 1), (10, 3)].map(|(second, broker)| Intervention {
            at: SimTime(second * 1_000_000 + 1),
            action: Action::Pause { target: Target::Node(NodeId::Broker(BrokerId(broker))) },
        });
        for act in &acts {
            engine.seek(SimTime(act.at.0 - 1));
            engine.fork(act.clone());
        }
        assert_eq!(engine.acts(), acts);
        let now = engine.now();
        assert!(engine.without(1));
        assert_eq!((engine.acts(), engine.now()), (vec![acts[0].clone(), acts[2].clone()], now));
        let states: Vec<ProcessState> = engine.view().brokers.iter().map(|b| b.state).collect();
        assert_eq!(states, [ProcessState::Running, ProcessState::Paused, ProcessState::Paused]);
        engine.show(3);
        assert_eq!(engine.acts(), acts, "the branch that it was taken from stays as it is");
    }

    /// What the time bar says of an instant: to a pointer what is near it, and of the partition that is asked for.
    #[test]
    fn the_time_bar_says_how_it_was() {
        let start = Start { scenario: Some("payments-acks-1".into()), ..Start::default() };
        let (mut engine, _) = Engine::new(&start).unwrap();
        let reach = SimDuration(200_000);
        assert_eq!(moment(None, None, SimTime(5), reach), "0.000 005 s");
        while !engine.load() {}
        let bar = &*engine.outcome().unwrap().bar;
        let said = |ms: u64, asked| moment(Some(bar), asked, SimTime(ms * 1_000), reach);
        assert_eq!(said(5_000, None), "5.000 000 s\npayments-0: broker 1 leads in epoch 0 · ISR 3 of 3 · ledger 30 behind");
        assert_eq!(
            said(12_100, None),
            "12.000 000 s · fault\npayments-0: broker 1 leads in epoch 0 · ISR 3 of 3 · ledger 0 behind"
        );
        let other = said(22_000, Some(PartitionId(1)));
        assert!(other.contains("\n__consumer_offsets-") && other.contains(": broker 3 leads in epoch 1 · ISR 2 of 3"), "{other}");
    }

    #[test]
    fn a_deed_is_seen_at_once() {
        let start = Start { scenario: Some("payments-acks-1".into()), ..Start::default() };
        let (mut engine, _) = Engine::new(&start).unwrap();
        while !engine.load() {}
        let at = SimTime(9_000_000);
        engine.seek(at);
        assert_eq!(engine.now(), at);
        let target = Target::Node(NodeId::Broker(BrokerId(1)));
        engine.fork(Intervention { at, action: Action::Crash { target } });
        assert_eq!(engine.now(), SimTime(9_000_001));
        assert_eq!(engine.view().brokers[0].state, ProcessState::Crashed);
        engine.show(0);
        assert_eq!(engine.view().brokers[0].state, ProcessState::Running);
    }
}
