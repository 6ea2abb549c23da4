//! The causes of a whole run: each message with a bad fate, in each group, under the name of its mechanism.

use super::Autopsy;
use super::disorder::{self, Orders};
use crate::history::History;
use crate::ids::*;
use crate::ledger::MessageState;
use crate::mechanism::Mechanism;
use crate::rows::Map;
use crate::tally::{Copies, verdict};
use crate::trace::{SendOutcome, TraceId, Verdict};
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
    /// By mechanism id: one message that it harmed, the first.
    pub example: Map<&'static str, MessageId>,
}

impl Causes {
    /// How many messages have been harmed in a way that nothing explains.
    pub fn nameless(&self) -> u32 {
        let mut messages: Vec<MessageId> = self.unexplained.iter().map(|u| u.message).collect();
        messages.sort_unstable();
        messages.dedup();
        messages.len() as u32
    }

    fn name(&mut self, harm: Unexplained, mechanism: Option<&'static Mechanism>, named: &mut Vec<&'static str>) {
        match mechanism {
            Some(mechanism) if !named.contains(&mechanism.id) => named.push(mechanism.id),
            Some(_) => {}
            None => self.unexplained.push(harm),
        }
    }
}

/// Counts causes at the edge of what is known of a run.
pub fn causes(history: &History) -> Causes {
    let world = history.last_world();
    let (facts, copies) = (Autopsy::of(history.trace(), &world.layout), Copies::of(world));
    let orders = Orders::of(world, &facts, history.trace());
    let behind = disorder::in_logs(world);
    let mut overtaken: Map<MessageId, Vec<disorder::Overtaken>> = Map::new();
    for one in &orders.overtaken {
        overtaken.entry(one.message).or_default().push(*one);
    }
    let mut causes = Causes::default();
    for (id, message) in world.ledger().messages() {
        let mut named: Vec<&'static str> = Vec::new();
        let harmed = |group, harm| Unexplained { message: id, group, harm };
        for group in (0..world.layout.scenario.groups.len() as u16).map(GroupId) {
            if !world.group_reads(group, message) {
                continue;
            }
            let fate = verdict(world, &copies, group, id, message);
            let mechanism = facts.mechanism(world, group, fate, (id, message), &copies);
            match harm_of(fate) {
                Some(harm) => causes.name(harmed(Some(group), harm), mechanism, &mut named),
                None => named.extend(mechanism.map(|m| m.id).filter(|id| !named.contains(id))),
            }
        }
        if world.layout.scenario.groups.is_empty() && lost_without_readers(message, &copies, id) {
            causes.name(harmed(None, Harm::Lost), facts.loss(&world.layout, message), &mut named);
        }
        if let Some(&by) = behind.get(&id) {
            let mechanism = orders.why_in_log(id, by, TraceId(u64::MAX));
            causes.name(harmed(None, Harm::Behind), mechanism, &mut named);
        }
        for one in overtaken.get(&id).map_or(&[][..], Vec::as_slice) {
            causes.name(harmed(Some(one.group), Harm::Reordered), orders.why(*one), &mut named);
        }
        for id_of in named {
            *causes.by_mechanism.entry(id_of).or_default() += 1;
            causes.example.entry(id_of).or_insert(id);
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
