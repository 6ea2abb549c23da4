//! The causes of a whole run: each message with a bad fate, in each group, under the name of its mechanism.

use super::Autopsy;
use super::disorder::{self, Orders};
use crate::history::History;
use crate::ids::*;
use crate::ledger::MessageState;
use crate::mechanism::Mechanism;
use crate::rows::Map;
use crate::tally::{Copies, verdict};
use crate::trace::{SendOutcome, TraceEvent, TraceId, Verdict};
use crate::world::World;
use std::fmt;

/// What was done to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Its application takes it for sent, and it has no effect, or is in no log.
    Lost,
    /// It has several effects.
    Duplicated,
    /// Its application was told that it had failed, and it has an effect.
    Phantom,
    /// It lies in its log behind a later one.
    Behind,
    /// Its effect came after that of a later one.
    Reordered,
}

/// A harm that nothing explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// To which message.
    pub message: MessageId,
    /// In which group; none: in the log.
    pub group: Option<GroupId>,
    /// What.
    pub harm: Harm,
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(group) => write!(f, "{} {:?} in {group}", self.message, self.harm),
            None => write!(f, "{} {:?}", self.message, self.harm),
        }
    }
}

/// How many messages each mechanism harmed, over all groups; a message counts once for each mechanism. What nothing explains is
/// counted under none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// By mechanism id.
    pub by_mechanism: Map<&'static str, u32>,
    /// What has no name.
    pub unexplained: Vec<Unexplained>,
}

impl Causes {
    /// How many messages have been harmed in a way that nothing explains.
    pub fn nameless(&self) -> u32 {
        let mut messages: Vec<MessageId> = self.unexplained.iter().map(|u| u.message).collect();
        messages.sort_unstable();
        messages.dedup();
        messages.len() as u32
    }
}

/// A harm, and its name if it has one.
pub(super) struct Found {
    pub harmed: Unexplained,
    pub mechanism: Option<&'static Mechanism>,
    /// Of a harm to the order: the later message that was first.
    pub by: Option<MessageId>,
}

/// All that is needed to say what became of a message, and why.
pub(super) struct Inquest<'a> {
    world: &'a World,
    facts: &'a Autopsy,
    copies: Copies,
    orders: Orders<'a>,
    behind: Map<MessageId, MessageId>,
    overtaken: Map<MessageId, Vec<disorder::Overtaken>>,
}

impl<'a> Inquest<'a> {
    pub fn of(world: &'a World, facts: &'a Autopsy, trace: &[TraceEvent]) -> Inquest<'a> {
        let orders = Orders::of(world, facts, trace);
        let mut overtaken: Map<MessageId, Vec<disorder::Overtaken>> = Map::new();
        for one in &orders.overtaken {
            overtaken.entry(one.message).or_default().push(*one);
        }
        Inquest { world, facts, copies: Copies::of(world), orders, behind: disorder::in_logs(world), overtaken }
    }

    /// What was done to a message, in each group and in the logs.
    pub fn findings(&self, id: MessageId) -> Vec<Found> {
        let (world, facts) = (self.world, self.facts);
        let message = world.ledger().message(id);
        let found = |group, harm, mechanism, by| Found { harmed: Unexplained { message: id, group, harm }, mechanism, by };
        let mut all = Vec::new();
        for group in (0..world.layout.scenario.groups.len() as u16).map(GroupId).filter(|g| world.group_reads(*g, message)) {
            let fate = verdict(world, &self.copies, group, id, message);
            if let Some(harm) = harm_of(fate) {
                let mechanism = facts.mechanism(world, group, fate, (id, message), &self.copies);
                all.push(found(Some(group), harm, mechanism, None));
            }
        }
        if world.layout.scenario.groups.is_empty()
            && world.goes_to_a_topic(message)
            && lost_without_readers(message, &self.copies, id)
        {
            all.push(found(None, Harm::Lost, facts.loss(&world.layout, message), None));
        }
        if let Some(&by) = self.behind.get(&id) {
            all.push(found(None, Harm::Behind, self.orders.why_in_log(id, by, TraceId(u64::MAX)), Some(by)));
        }
        for one in self.overtaken.get(&id).map_or(&[][..], Vec::as_slice) {
            all.push(found(Some(one.group), Harm::Reordered, self.orders.why(*one), Some(one.by)));
        }
        all
    }

    /// Mechanisms behind fates that are no harm: it was rejected, or its sender has died.
    fn without_harm(&self, id: MessageId) -> Vec<&'static Mechanism> {
        let message = self.world.ledger().message(id);
        let groups = (0..self.world.layout.scenario.groups.len() as u16).map(GroupId);
        let of = |group: GroupId| {
            let fate = verdict(self.world, &self.copies, group, id, message);
            let mechanism = || self.facts.mechanism(self.world, group, fate, (id, message), &self.copies);
            harm_of(fate).is_none().then(mechanism).flatten()
        };
        groups.filter(|group| self.world.group_reads(*group, message)).filter_map(of).collect()
    }
}

/// Counts causes at the edge of what is known of a run.
pub fn causes(history: &History) -> Causes {
    let world = history.last_world();
    let facts = Autopsy::of(history.trace(), &world.layout);
    let inquest = Inquest::of(world, &facts, history.trace());
    let mut causes = Causes::default();
    for (id, _) in world.ledger().messages() {
        let mut named: Vec<&'static str> = Vec::new();
        let mut name = |mechanism: &'static Mechanism| {
            if !named.contains(&mechanism.id) {
                named.push(mechanism.id);
            }
        };
        for Found { harmed, mechanism, .. } in inquest.findings(id) {
            match mechanism {
                Some(mechanism) => name(mechanism),
                None => causes.unexplained.push(harmed),
            }
        }
        inquest.without_harm(id).into_iter().for_each(&mut name);
        for mechanism in named {
            *causes.by_mechanism.entry(mechanism).or_default() += 1;
        }
    }
    causes
}

/// The harm in a fate.
fn harm_of(fate: Verdict) -> Option<Harm> {
    match fate {
        Verdict::Lost => Some(Harm::Lost),
        Verdict::Duplicated => Some(Harm::Duplicated),
        Verdict::Phantom => Some(Harm::Phantom),
        Verdict::Ok | Verdict::Rejected | Verdict::Pending => None,
    }
}

fn lost_without_readers(message: &MessageState, copies: &Copies, id: MessageId) -> bool {
    message.outcome == Some(SendOutcome::Acked) && copies.of_message(id).0 == 0 && !copies.aged(id)
}
