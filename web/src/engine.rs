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
    /// When it ends.
    end: SimTime,
    /// How many interventions are the scenario's own.
    own: usize,
}

impl Branch {
    /// Computes the next slice. Returns true when that made all of the run known.
    fn load(&mut self) -> bool {
        let done = self.outcome.is_none() && self.history.advance(SLICE);
        if done {
            self.outcome = Some(outcome(&self.history, self.end));
        }
        done
    }

    /// How much is known.
    fn known(&self) -> SimTime {
        if self.outcome.is_some() { self.end } else { self.history.last_world().now().min(self.end) }
    }
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

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When: the earlier of the two events.
    pub at: SimTime,
    /// What happens in the one; nothing: it has ended.
    pub here: Option<String>,
    /// What happens in the other instead.
    pub there: Option<String>,
    /// The first message that is lost or doubled in one and not in the other.
    pub message: Option<MessageId>,
}

impl Engine {
    /// Begins a run.
    ///
    /// # Errors
    /// Why it cannot begin, as a sentence for the person at the page.
    pub fn new(start: &Start) -> Result<(Engine, Facts), String> {
        let mut engine = Engine { branches: Vec::new(), shown: 0 };
        let facts = engine.add(start)?;
        Ok((engine, facts))
    }

    /// Begins another run beside the ones that there are: the same storm with other settings, say. It is shown.
    ///
    /// # Errors
    /// As for [`Engine::new`]; nothing has changed then.
    pub fn add(&mut self, start: &Start) -> Result<Facts, String> {
        let (scenario, facts) = sim::plan(start)?;
        let own = scenario.interventions.len() - start.acts.len();
        self.branches.push(Branch { history: History::new(scenario), outcome: None, end: facts.end, own });
        self.shown = self.branches.len() - 1;
        Ok(facts)
    }

    /// Forgets a run. The original stays.
    pub fn close(&mut self, branch: usize) {
        if branch > 0 && branch < self.branches.len() {
            self.branches.remove(branch);
            self.shown = if self.shown >= branch { self.shown - 1 } else { self.shown };
        }
    }

    /// What was done to the shown run, besides the scenario's own faults.
    pub fn acts(&self) -> Vec<Intervention> {
        self.branch().history.world().interventions()[self.branch().own..].to_vec()
    }

    /// What came of a run, when it is known.
    pub fn outcome_of(&self, branch: usize) -> Option<&Outcome> {
        self.branches.get(branch)?.outcome.as_ref()
    }

    /// Where the shown run and another one part, when both are known; none: they are the same.
    pub fn difference(&self, other: usize) -> Option<Difference> {
        let there = self.branches.get(other)?;
        let (a, b) = (self.outcome()?, there.outcome.as_ref()?);
        let apart = |a: &[MessageId], b: &[MessageId]| a.iter().find(|m| b.binary_search(m).is_err()).copied();
        let only = |a: &Outcome, b: &Outcome| [apart(&a.lost, &b.lost), apart(&a.duplicated, &b.duplicated)];
        let message = only(a, b).into_iter().chain(only(b, a)).flatten().min();
        let (ours, theirs) = (self.branch().history.trace(), there.history.trace());
        let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        let (a, b) = (ours.get(same), theirs.get(same));
        let at = a.into_iter().chain(b).map(|event| event.at).min()?;
        Some(Difference {
            at,
            here: a.map(|event| describe(&event.what, &self.branch().history.world().layout)),
            there: b.map(|event| describe(&event.what, &there.history.world().layout)),
            message,
        })
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
        let shown = self.shown;
        self.branches[shown].load();
        self.branches[shown].outcome.is_some()
    }

    /// Computes a slice of the first of these runs that is not known, to compare with. Returns true when it becomes known.
    pub fn load_others(&mut self, others: &[usize]) -> bool {
        let next = others.iter().find(|i| self.branches.get(**i).is_some_and(|b| b.outcome.is_none()));
        next.is_some_and(|i| self.branches[*i].load())
    }

    /// What came of the shown run, once it is known.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.branch().outcome.as_ref()
    }

    /// The whole length of the shown run.
    pub fn end(&self) -> SimTime {
        self.branch().end
    }

    /// How much of the shown run is known.
    pub fn known(&self) -> SimTime {
        self.branch().known()
    }

    /// How much of a run is known.
    pub fn known_of(&self, branch: usize) -> SimTime {
        self.branches.get(branch).map_or(SimTime::ZERO, Branch::known)
    }

    /// Moves another run to the instant of the shown one, as far as it is known.
    pub fn follow(&mut self, other: usize) {
        let now = self.now();
        if let Some(branch) = self.branches.get_mut(other) {
            let to = now.min(branch.known());
            branch.history.seek(to);
        }
    }

    /// How many events have happened in a run by now, and the cluster in it.
    pub fn look_at(&self, branch: usize) -> Option<&History> {
        self.branches.get(branch).map(|branch| &branch.history)
    }

    /// The instant at which the shown run stands.
    pub fn now(&self) -> SimTime {
        self.branch().history.now()
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
        self.branch().history.view(None)
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
        let (end, own) = (self.branch().end, self.branch().own);
        self.branches.push(Branch { history, outcome: None, end, own });
        self.shown = self.branches.len() - 1;
    }

    /// How a link is: there, and back.
    pub fn link(&self, a: NodeId, b: NodeId) -> [Direction; 2] {
        let world = self.branch().history.world();
        [world.direction(a, b), world.direction(b, a)]
    }

    /// Shows another branch at the same instant, as far as it is known.
    pub fn show(&mut self, branch: usize) {
        if branch < self.branches.len() {
            let now = self.now();
            self.shown = branch;
            self.seek(now.min(self.known()));
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
    use crate::i18n::{charts_at, moment};
    use crate::picture::charts_of;
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
        assert_eq!(engine.acts(), vec![]);
        engine.seek(SimTime(9_000_000));
        let target = Target::Node(NodeId::Broker(BrokerId(2)));
        engine.fork(Intervention { at: engine.now(), action: Action::Crash { target } });
        while !engine.load() {}
        let apart = engine.difference(0).unwrap();
        assert_eq!((apart.at, engine.outcome_of(0).is_some()), (SimTime(9_000_001), true));
        assert_ne!(apart.here, apart.there);
        let news = engine.news().unwrap();
        assert_eq!((news.at, news.kind), (SimTime(9_000_001), EventKind::Fault));
        let shared = Start { acts: engine.acts(), ..start };
        let read = crate::start::parse(&crate::start::query(&shared)).unwrap();
        let (mut again, _) = Engine::new(&read).unwrap();
        while !again.load() {}
        assert_eq!(again.outcome().unwrap().digest, engine.outcome().unwrap().digest);
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
            "12.000 000 s · fault\npayments-0: broker 1 leads in epoch 0 · ISR 3 of 3 · ledger 6 behind"
        );
        let charts = charts_at(&charts_of(bar)[..2], SimTime(5_000_000));
        assert_eq!(charts, "5.000 000 s\nThroughput: appended 996, acked 1,002\nProduce latency: p99 18 ms, p50 4.1 ms");
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
