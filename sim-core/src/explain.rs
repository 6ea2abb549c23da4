//! The life of one message: every recorded event that concerns it, in time order, with its verdict and the mechanism behind it.

use crate::autopsy::{Autopsy, poll_behind};
use crate::history::History;
use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::Mechanism;
use crate::rows::Set;
use crate::sort;
use crate::tally::{Copies, verdict};
use crate::time::SimTime;
use crate::trace::{Api, TraceEvent, TraceId, Verdict, What};
use crate::words;

/// One line of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: SimTime,
    /// The event.
    pub trace: TraceId,
    /// In words.
    pub text: String,
}

/// One arrow of the sequence diagram, between positions of [`Life::participants`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// From.
    pub from: usize,
    /// To.
    pub to: usize,
    /// When it left.
    pub sent: SimTime,
    /// When it arrived; none if it never did.
    pub arrived: Option<SimTime>,
    /// What it is.
    pub label: String,
}

/// Everything about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The message.
    pub message: MessageId,
    /// Its producer's name.
    pub producer: String,
    /// Where its key sent it: the partition's name.
    pub partition: Option<String>,
    /// Its fate in each group that reads it, by the group's name.
    pub verdicts: Vec<(String, Verdict)>,
    /// The cause of the worst fate.
    pub mechanism: Option<&'static Mechanism>,
    /// What happened, in order.
    pub lines: Vec<Line>,
    /// Who takes part in the diagram.
    pub participants: Vec<String>,
    /// The diagram's arrows, in the order of sending.
    pub arrows: Vec<Arrow>,
}

/// The life of a message, as far as the run is known. None if it was never intended.
pub fn message(history: &History, message: MessageId) -> Option<Life> {
    let world = history.last_world();
    if message.0 >= world.ledger().intended() {
        return None;
    }
    let (layout, trace) = (&world.layout, history.trace());
    let facts = Autopsy::of(trace, layout);
    let copies = Copies::of(world);
    let state = world.ledger().message(message);
    let mut verdicts = Vec::new();
    let mut mechanism = None;
    for (group_ix, spec) in layout.scenario.groups.iter().enumerate() {
        let group = GroupId(group_ix as u16);
        if world.group_reads(group, state) {
            let fate = verdict(world, &copies, group, message, state);
            verdicts.push((spec.name.clone(), fate));
            mechanism = mechanism.or(facts.mechanism(world, group, fate, (message, state), &copies));
        }
    }
    let walk = Walk::new(layout, trace, message).run(&facts);
    let mut life = Life {
        message,
        producer: layout.scenario.producers[state.producer.ix()].name.clone(),
        partition: state.partition.map(|p| layout.partition(p).name.clone()),
        verdicts,
        mechanism,
        lines: walk.lines(),
        participants: Vec::new(),
        arrows: Vec::new(),
    };
    walk.draw(&mut life);
    Some(life)
}

/// Mechanisms at work in a run, each with its count and its sentence; the most frequent first.
pub fn losses(history: &History) -> Vec<(&'static Mechanism, u32, String)> {
    let causes = crate::autopsy::causes(history);
    let mut out: Vec<_> = causes
        .by_mechanism
        .iter()
        .filter_map(|(id, count)| crate::mechanism::find(id).map(|m| (m, *count, m.sentence.to_owned())))
        .collect();
    sort::by_key(&mut out, |(m, count, _)| (std::cmp::Reverse(*count), m.id));
    out
}

/// The walk through the trace that collects the events of one message.
struct Walk<'a> {
    layout: &'a Layout,
    trace: &'a [TraceEvent],
    message: MessageId,
    batches: Vec<BatchId>,
    /// Where it was appended as leader: partition and its own offset.
    offset: Option<(PartitionId, Offset)>,
    chosen: Set<TraceId>,
}

impl<'a> Walk<'a> {
    fn new(layout: &'a Layout, trace: &'a [TraceEvent], message: MessageId) -> Walk<'a> {
        Walk { layout, trace, message, batches: Vec::new(), offset: None, chosen: Set::new() }
    }

    fn run(mut self, facts: &Autopsy) -> Walk<'a> {
        self.find_batches();
        let polls = self.polls_that_led_to_effects();
        let mut waits_for_commit = Set::new();
        let mut committed = false;
        for (i, event) in self.trace.iter().enumerate() {
            let id = TraceId(i as u64);
            let concerns = match event.what {
                What::Intended { message, .. }
                | What::Queued { message, .. }
                | What::SendFailed { message, .. }
                | What::Resent { message, .. }
                | What::RowKept { message, .. }
                | What::RowCleared { message, .. }
                | What::SendReported { message, .. }
                | What::SendPointReached { message, .. }
                | What::Judged { message, .. } => message == self.message,
                What::BatchSent { batch, .. }
                | What::BatchRetried { batch, .. }
                | What::BatchSplit { batch, .. }
                | What::BatchDone { batch, .. }
                | What::Refused { batch, .. }
                | What::Deduplicated { batch, .. } => self.batches.contains(&batch),
                What::Appended { batch: Some(batch), partition, base, leader, .. } => {
                    self.appended(batch, partition, base, leader)
                }
                What::HwMoved { broker, partition, to } if !committed && self.is_below(partition, to) => {
                    committed = self.has_copy(facts, broker, id);
                    committed
                }
                What::Polled { partition, base, count, .. } => {
                    let here = self.offset.is_some_and(|(p, o)| p == partition && o >= base && o < base.plus(count));
                    let from = self.packet_behind(event.cause).and_then(|sent| self.sender(sent));
                    let served = from.is_some_and(|broker| self.has_copy(facts, broker, id));
                    polls.contains(&id) || (here && served)
                }
                What::Effect { message, consumer, .. } => {
                    let here = message == self.message;
                    if here {
                        waits_for_commit.insert(self.layout.consumers[consumer.ix()].group);
                    }
                    here
                }
                What::RedisAnswered { message, .. }
                | What::DatabaseAnswered { message, .. }
                | What::Served { message }
                | What::HandlerFailed { message, .. }
                | What::RecordSkipped { message, .. }
                | What::SentOn { message, .. }
                | What::CrashPointReached { message, .. } => message == self.message,
                What::Absorbed { message, consumer, .. } => {
                    let here = message == self.message;
                    if here {
                        waits_for_commit.insert(self.layout.consumers[consumer.ix()].group);
                    }
                    here
                }
                What::Crashed { node: NodeId::Consumer(_) | NodeId::Producer(_), .. } => {
                    let at = &self.trace[event.cause.0 as usize].what;
                    let (What::CrashPointReached { message, .. } | What::SendPointReached { message, .. }) = *at else {
                        continue;
                    };
                    message == self.message
                }
                What::Committed { group, partition, offset } => {
                    self.is_below(partition, offset) && waits_for_commit.remove(&group)
                }
                _ => false,
            };
            if concerns {
                self.chosen.insert(id);
            }
        }
        self.add_removals(facts);
        self
    }

    /// The batches that it was in: one, unless it was split off.
    fn find_batches(&mut self) {
        for event in self.trace {
            if let What::Queued { message, batch, .. } = event.what
                && message == self.message
            {
                self.batches.push(batch);
            }
        }
    }

    fn appended(&mut self, batch: BatchId, partition: PartitionId, base: Offset, leader: bool) -> bool {
        let mine = self.batches.contains(&batch);
        if mine && leader {
            self.offset = Some((partition, base.plus(self.place_in(batch))));
        }
        mine
    }

    /// How many messages come before it in its batch.
    fn place_in(&self, batch: BatchId) -> u32 {
        let queued = self.trace.iter().filter_map(|e| match e.what {
            What::Queued { message, batch: b, .. } if b == batch => Some(message),
            _ => None,
        });
        queued.take_while(|&m| m != self.message).count() as u32
    }

    fn is_below(&self, partition: PartitionId, end: Offset) -> bool {
        self.offset.is_some_and(|(p, o)| p == partition && o < end)
    }

    /// The offset may be another record's by then: was it this message's batch that the broker had there at this event?
    fn has_copy(&self, facts: &Autopsy, broker: BrokerId, at: TraceId) -> bool {
        let live = |p: &crate::autopsy::Placed| p.broker == broker && p.appended <= at && p.removed.is_none_or(|gone| gone > at);
        self.batches.iter().any(|&batch| facts.placed(batch).iter().any(live))
    }

    fn polls_that_led_to_effects(&self) -> Set<TraceId> {
        let mine = |e: &&TraceEvent| matches!(e.what, What::Effect { message, .. } if message == self.message);
        sort::gathered(self.trace.iter().filter(mine).map(|e| poll_behind(self.trace, e)))
    }

    fn sender(&self, sent: TraceId) -> Option<BrokerId> {
        match self.trace[sent.0 as usize].what {
            What::Sent { from: NodeId::Broker(broker), api: Api::Fetch, .. } => Some(broker),
            _ => None,
        }
    }

    /// What removed its copies, and the change of leader behind it.
    fn add_removals(&mut self, facts: &Autopsy) {
        for batch in self.batches.clone() {
            let placed = facts.placed(batch);
            let Some(first) = placed.iter().find(|p| p.leader) else { continue };
            let removed: Vec<TraceId> = placed.iter().filter_map(|p| p.removed).collect();
            let change = facts.deciding_change(batch);
            // A change of leader matters to this message if it lost a copy by it, or never got further than the old leader.
            let stranded = removed.is_empty() && placed.len() < self.layout.partition(first.partition).replicas.len();
            if removed.is_empty() && !stranded {
                continue;
            }
            self.chosen.extend(removed);
            if let Some(change) = change {
                self.chosen.insert(change);
                // What made the controller act: a fencing, a registration, a shutdown.
                self.chosen.insert(self.trace[change.0 as usize].cause);
                self.add_crash_before(first.broker, change);
            }
        }
    }

    /// The last crash of the broker before this event.
    fn add_crash_before(&mut self, broker: BrokerId, before: TraceId) {
        let upto = &self.trace[..before.0 as usize];
        let crash = upto.iter().rposition(|e| matches!(e.what, What::Crashed { node: NodeId::Broker(b), .. } if b == broker));
        self.chosen.extend(crash.map(|i| TraceId(i as u64)));
    }

    fn lines(&self) -> Vec<Line> {
        let line = |&trace: &TraceId| {
            let event = &self.trace[trace.0 as usize];
            Line { at: event.at, trace, text: words::describe(&event.what, self.layout) }
        };
        self.chosen.iter().map(line).collect()
    }

    // --- the diagram -----------------------------------------------------------------------------------------------------------

    /// The packets behind the chosen events: those that an event came from, and those that a sending led to.
    fn draw(&self, life: &mut Life) {
        let mut sent: Set<TraceId> = Set::new();
        for &id in self.chosen.iter() {
            let event = &self.trace[id.0 as usize];
            if let What::BatchSent { producer, .. } = event.what {
                let from = NodeId::Producer(producer);
                sent.extend(self.next_sent(id, from, Api::Produce));
            }
            if matches!(event.what, What::Judged { .. } | What::Intended { .. } | What::Queued { .. }) {
                continue;
            }
            if matches!(event.what, What::RedisAnswered { .. } | What::DatabaseAnswered { .. } | What::Served { .. }) {
                sent.extend(self.answer_to(id));
            }
            let behind = self.packet_behind(event.cause);
            let is_poll = matches!(event.what, What::Polled { .. });
            sent.extend(behind.filter(|&packet| !is_poll || self.sender(packet).is_some()));
        }
        let mut names: Vec<NodeId> = Vec::new();
        for &id in sent.iter() {
            let event = &self.trace[id.0 as usize];
            let (packet, from, to, api, response) = match event.what {
                What::Sent { packet, from, to, api, response } => (packet, from, to, api, response),
                What::PacketCopied { copy, from, to, api, .. } => (copy, from, to, api, false),
                _ => continue,
            };
            let mut position = |node: NodeId| {
                names.iter().position(|&n| n == node).unwrap_or_else(|| {
                    names.push(node);
                    names.len() - 1
                })
            };
            let (from, to) = (position(from), position(to));
            let arrived = self.trace[id.0 as usize..].iter().find_map(|e| match e.what {
                What::Delivered { packet: p } if p == packet => Some(Some(e.at)),
                What::Dropped { packet: p, .. } if p == packet => Some(None),
                _ => None,
            });
            let label = if response { format!("{} answer", words::api_name(api)) } else { words::api_name(api).to_owned() };
            life.arrows.push(Arrow { from, to, sent: event.at, arrived: arrived.flatten(), label });
        }
        life.participants = names.into_iter().map(|n| self.layout.node_name(n)).collect();
    }

    /// The packet whose arrival an event is due to, a few steps of causes back.
    fn packet_behind(&self, cause: TraceId) -> Option<TraceId> {
        let mut at = cause;
        for _ in 0..4 {
            let event = &self.trace[at.0 as usize];
            if matches!(event.what, What::Delivered { .. }) {
                return Some(event.cause);
            }
            at = event.cause;
        }
        None
    }

    /// The answer that a server sent when it had done this.
    fn answer_to(&self, done: TraceId) -> Option<TraceId> {
        let at = self.trace[done.0 as usize].at;
        let rest = self.trace.iter().enumerate().skip(done.0 as usize);
        rest.take_while(|(_, e)| e.at == at)
            .find(|(_, e)| e.cause == done && matches!(e.what, What::Sent { response: true, .. }))
            .map(|(i, _)| TraceId(i as u64))
    }

    fn next_sent(&self, after: TraceId, sender: NodeId, kind: Api) -> Option<TraceId> {
        let at = self.trace[after.0 as usize].at;
        let rest = self.trace.iter().enumerate().skip(after.0 as usize);
        rest.take_while(|(_, e)| e.at == at)
            .find(|(_, e)| matches!(e.what, What::Sent { from, api, .. } if from == sender && api == kind))
            .map(|(i, _)| TraceId(i as u64))
    }
}

impl Life {
    /// The diagram in Mermaid's language.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("sequenceDiagram\n");
        for (i, name) in self.participants.iter().enumerate() {
            out += &format!("    participant P{i} as {}\n", mermaid_text(name));
        }
        // Arrows and remarks in the order of time.
        let mut rows: Vec<(SimTime, String)> = Vec::new();
        for arrow in &self.arrows {
            let head = if arrow.arrived.is_some() { "->>" } else { "-x" };
            rows.push((
                arrow.sent,
                format!("    P{}{head}P{}: {} {}\n", arrow.from, arrow.to, arrow.sent, mermaid_text(&arrow.label)),
            ));
        }
        if !self.participants.is_empty() {
            let last = self.participants.len() - 1;
            let over = if last == 0 { "P0".to_owned() } else { format!("P0,P{last}") };
            for line in &self.lines {
                rows.push((line.at, format!("    Note over {over}: {} {}\n", line.at, mermaid_text(&line.text))));
            }
        }
        sort::by_key(&mut rows, |row| row.0);
        rows.into_iter().for_each(|row| out += &row.1);
        out
    }
}

/// Mermaid takes `;` and `#` for its own, and ends a text at a line break.
fn mermaid_text(text: &str) -> String {
    text.replace('#', "no. ").replace([';', '\n'], ",").replace(':', " -")
}
