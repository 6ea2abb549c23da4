//! The shortest story of a harm: from the setting or the decision that let it through, over the fault, to the harm itself; each step an event of the
//! trace, in words. What would have prevented it is in [`prevention`].

mod brokers;
mod orders;
pub mod prevention;
mod readers;
mod senders;
mod settings;
mod stores;

use super::causes::Inquest;
use super::{Autopsy, Harm};
use crate::history::History;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::MessageState;
use crate::mechanism::Mechanism;
use crate::rows::Set;
use crate::scenario::{Action, DiskDeed};
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceEvent, TraceId, What};
use crate::words;
use crate::world::World;

/// What lasts may have begun so long before the message was intended.
const LASTING: SimDuration = SimDuration(30_000_000);

/// One step of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: SimTime,
    /// The event; none: a setting, which has been so from the beginning, or what is true in the end.
    pub event: Option<TraceId>,
    /// In words.
    pub text: String,
}

/// The story of one harm to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The message.
    pub message: MessageId,
    /// The group in which it was harmed; none: in the log.
    pub group: Option<GroupId>,
    /// What was done to it.
    pub harm: Harm,
    /// The name of it.
    pub mechanism: &'static Mechanism,
    /// From the setting to the harm.
    pub steps: Vec<Step>,
}

/// The stories of a message: one for each mechanism that harmed it. None if it was not harmed, or was never intended.
pub fn of(history: &History, message: MessageId) -> Vec<Chain> {
    let known = message.0 < history.last_world().ledger().intended();
    stories(history, known.then_some(message).into_iter())
}

/// One story for each mechanism that was at work: of the first message that it harmed.
pub fn of_each_mechanism(history: &History) -> Vec<Chain> {
    stories(history, (0..history.last_world().ledger().intended()).map(MessageId))
}

/// One for each mechanism.
fn stories(history: &History, messages: impl Iterator<Item = MessageId>) -> Vec<Chain> {
    let (world, trace) = (history.last_world(), history.trace());
    let facts = Autopsy::of(trace, &world.layout);
    let inquest = Inquest::of(world, &facts, trace);
    let mut chains: Vec<Chain> = Vec::new();
    for message in messages {
        for found in inquest.findings(message) {
            let new = found.mechanism.filter(|mechanism| chains.iter().all(|chain| chain.mechanism != *mechanism));
            if let Some(mechanism) = new {
                let case = Case::new(world, &facts, trace, (message, found.harmed.group, found.by), mechanism);
                chains.push(case.told(found.harmed.harm));
            }
        }
    }
    chains
}

/// What is known of a harm while its story is put together.
struct Case<'a> {
    world: &'a World,
    layout: &'a Layout,
    facts: &'a Autopsy,
    trace: &'a [TraceEvent],
    message: MessageId,
    state: &'a MessageState,
    group: Option<GroupId>,
    /// The later message that overtook it.
    by: Option<MessageId>,
    mechanism: &'static Mechanism,
}

/// What belongs to a story.
#[derive(Default)]
struct Story {
    events: Set<TraceId>,
    /// Words that go with an event.
    notes: Vec<(TraceId, String)>,
}

impl Story {
    fn tell(&mut self, event: TraceId) {
        self.events.insert(event);
    }

    fn tell_all(&mut self, events: impl IntoIterator<Item = TraceId>) {
        self.events.extend(events);
    }

    fn note(&mut self, event: TraceId, text: impl Into<String>) {
        self.notes.push((event, text.into()));
    }
}

impl<'a> Case<'a> {
    fn new(
        world: &'a World,
        facts: &'a Autopsy,
        trace: &'a [TraceEvent],
        (message, group, by): (MessageId, Option<GroupId>, Option<MessageId>),
        mechanism: &'static Mechanism,
    ) -> Case<'a> {
        let (layout, state) = (&*world.layout, world.ledger().message(message));
        Case { world, layout, facts, trace, message, state, group, by, mechanism }
    }

    /// The story, by the family of the mechanism.
    fn told(&self, harm: Harm) -> Chain {
        let mut story = Story::default();
        match self.mechanism.id.split_at(self.mechanism.id.find('-').map_or(0, |dash| dash + 1)) {
            ("LOSS-", number) if number.starts_with('P') => self.not_sent(&mut story),
            ("LOSS-", "C18") => self.lost_by_brokers(&mut story),
            ("LOSS-", number) if number.starts_with('B') => self.lost_by_brokers(&mut story),
            ("LOSS-", "C3" | "C10" | "C11" | "C12" | "C13") => self.lost_by_handler(&mut story),
            ("LOSS-", _) => self.left_out(&mut story),
            ("DUP-", "10" | "11" | "12" | "13" | "14" | "15" | "22" | "25") => self.read_again(&mut story),
            ("DUP-", "16" | "17" | "18" | "19" | "20" | "21") => self.not_recognised(&mut story),
            ("DUP-", _) => self.copied(&mut story),
            _ => self.overtaken(&mut story),
        }
        if matches!(self.mechanism.id, "LOSS-C13" | "LOSS-C14" | "DUP-25" | "ORDER-5" | "ORDER-10") {
            let sent_on = |what: &What| matches!(*what, What::SentOn { message, .. } if message == self.message);
            story.tell_all(self.first(TraceId::START, sent_on));
        }
        let judged = |what: &What| matches!(*what, What::Judged { group, message, .. } if Some(group) == self.group && message == self.message);
        if harm != Harm::Reordered
            && let Some(judged) = self.last(TraceId(u64::MAX), judged)
        {
            story.tell(judged);
        }
        let mut steps = vec![Step { at: SimTime::ZERO, event: None, text: settings::of(self) }];
        steps.extend(story.events.iter().map(|&id| self.step(&story, id)));
        steps.extend(self.ends(harm).map(|text| Step { at: self.world.now(), event: None, text }));
        Chain { message: self.message, group: self.group, harm, mechanism: self.mechanism, steps }
    }

    /// What is true in the end, where no event says so.
    fn ends(&self, harm: Harm) -> Option<String> {
        let by = self.by.map_or_else(String::new, |by| by.to_string());
        match harm {
            Harm::Reordered => Some(format!("{} had its effect after {by}, which is later", self.message)),
            Harm::Behind => Some(format!("{} lies behind {by}, which is later", self.message)),
            _ if self.group.is_none() => Some(format!("{} is in no log that counts", self.message)),
            _ => None,
        }
    }

    fn step(&self, story: &Story, id: TraceId) -> Step {
        let event = &self.trace[id.0 as usize];
        let mut text = match event.what {
            What::Intervened { index } => words::deed(self.world, index),
            ref what => words::describe(what, self.layout),
        };
        for (_, note) in story.notes.iter().filter(|(at, _)| *at == id) {
            text = format!("{text}; {note}");
        }
        Step { at: event.at, event: Some(id), text }
    }

    // --- telling -----------------------------------------------------------------------------------------------------------------

    /// A crash, with the point of the work at which it came.
    fn tell_with_point(&self, story: &mut Story, event: TraceId) {
        story.tell(event);
        let cause = self.trace[event.0 as usize].cause;
        if matches!(self.trace[cause.0 as usize].what, What::CrashPointReached { .. } | What::SendPointReached { .. }) {
            story.tell(cause);
        }
    }

    // --- looking -----------------------------------------------------------------------------------------------------------------

    /// The first event after this one.
    fn first(&self, after: TraceId, is: impl Fn(&What) -> bool) -> Option<TraceId> {
        let from = (after.0 as usize + 1).min(self.trace.len());
        let found = self.trace[from..].iter().position(|event| is(&event.what))?;
        Some(TraceId((from + found) as u64))
    }

    /// The last event before this one.
    fn last(&self, before: TraceId, is: impl Fn(&What) -> bool) -> Option<TraceId> {
        let end = (before.0 as usize).min(self.trace.len());
        self.trace[..end].iter().rposition(|event| is(&event.what)).map(|found| TraceId(found as u64))
    }

    fn at(&self, event: TraceId) -> SimTime {
        self.trace.get(event.0 as usize).map_or(SimTime::NEVER, |event| event.at)
    }

    fn is_member(&self, consumer: ConsumerId) -> bool {
        Some(self.layout.business_of(consumer)) == self.group
    }

    /// The batches that a message was put into by its producer, in order.
    fn batches(&self, message: MessageId) -> Vec<BatchId> {
        let queued = |event: &TraceEvent| match event.what {
            What::Queued { message: m, batch, .. } if m == message => Some(batch),
            _ => None,
        };
        self.trace.iter().filter_map(queued).collect()
    }

    /// The last thing that went wrong with one of these nodes, or with the way between two of them, before an event: since the message was
    /// intended, or not long before that.
    fn fault_before(&self, before: TraceId, nodes: &[NodeId]) -> Option<TraceId> {
        let on = |node: &NodeId| nodes.contains(node);
        let client = |node: &NodeId| matches!(node, NodeId::Producer(_) | NodeId::Consumer(_));
        // Of one node also its way to any server.
        let between = |a: &NodeId, b: &NodeId| match nodes {
            [only] => (a == only && !client(b)) || (b == only && !client(a)),
            _ => on(a) && on(b),
        };
        let fault = |what: &What| match *what {
            What::Crashed { node, .. } | What::Stopped { node } | What::Paused { node, paused: true } => on(&node),
            What::LinkCut { a, b, cut: true, .. } | What::ConnectionBroken { client: a, server: b } => between(&a, &b),
            What::DiskFailed { broker, failed: true } | What::DiskWiped { broker } => on(&NodeId::Broker(broker)),
            What::Intervened { index } => self.is_quiet_fault(index, &on),
            _ => false,
        };
        let found = self.last(before, fault)?;
        let lasting = matches!(
            self.trace[found.0 as usize].what,
            What::LinkCut { .. } | What::Paused { .. } | What::Intervened { .. } | What::Crashed { node: NodeId::Broker(_), .. }
        );
        let since = self.state.intended.since(self.at(found));
        (since == SimDuration::ZERO || (lasting && since < LASTING)).then_some(found)
    }

    /// Does an intervention that leaves no event of its own make something slow, or lossy, on these nodes?
    fn is_quiet_fault(&self, index: u32, on: &dyn Fn(&NodeId) -> bool) -> bool {
        let hit = |list: &[Vec<NodeId>]| list[index as usize].iter().any(on);
        match self.world.interventions[index as usize].action {
            Action::Delay { latency: Some(_), .. }
            | Action::SlowApi { extra: SimDuration(1..), .. }
            | Action::Slow { extra: SimDuration(1..), .. }
            | Action::DelayPacket { .. }
            | Action::Loss { per_mille: 1.., .. } => hit(&self.world.hit) && hit(&self.world.hit_far),
            Action::Disk { deed: DiskDeed::Slow(SimDuration(1..)), .. } => hit(&self.world.hit),
            _ => false,
        }
    }
}
