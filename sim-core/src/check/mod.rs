//! Invariants of the replication protocol, checked after every step. A violation is a bug of ours (or a rule switched off on purpose),
//! never a finding about a configuration: those are the ledger's.
//!
//! | invariants | file | what |
//! |---|---|---|
//! | INV-1, INV-3, INV-4, INV-26, D-3 | `logs` | offsets, log matching, order of the pointers, what an ack means |
//! | INV-2, INV-9 | `epochs` | one leader an epoch, epochs only grow |
//! | INV-5, INV-6 | `isr` | the watermark and who must have what |
//! | INV-7, INV-8 | `metadata` | the controller's state |
//! | INV-10 | `joining` | who may come back into an ISR |
//! | INV-20, INV-21, INV-22, INV-29 | `copies` | what the copies of a partition have in common |
//! | INV-23, INV-24, INV-25, INV-27, INV-28 | `committed` | what becomes of committed records |
//! | INV-29, C-18 | `quorum` | the metadata log of the controllers |
//! | INV-40..INV-47, INV-91 | `producers` | numbers, copies and order of idempotent producers, what applications are told |
//! | INV-60, INV-62..INV-64, INV-67 | `groups` | owners, epochs, commits and committed offsets of groups |
//! | INV-60, INV-61, INV-67 | `shares` | what the members of classic groups get |
//! | INV-65, INV-66 | `reading` | what consumers read and commit |
//! | INV-91, INV-92 | `effects` | what members work on, and how often a message may have its effect |
//! | INV-80..INV-82, INV-4 | `transactions` | what readers of committed records see, fencing, the last stable offset |
//! | LIV-1..LIV-6 | `liveness` | what must have come about once all faults have healed |
//!
//! INV-20 to INV-25 and INV-27 to INV-29 hold as long as `conditions` says so, the others always or as their files say.

mod committed;
mod conditions;
mod copies;
mod effects;
mod epochs;
mod groups;
mod isr;
mod joining;
pub mod liveness;
mod logs;
mod metadata;
mod producers;
mod quorum;
mod reading;
mod shares;
mod transactions;

use crate::ids::{GroupId, NodeId};
use crate::time::SimTime;
use crate::trace::{TraceEvent, TraceId};
use crate::world::World;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// `INV-4`.
    pub invariant: &'static str,
    /// When.
    pub at_us: SimTime,
    /// The last trace event before it was noticed.
    pub event: TraceId,
    /// What is wrong, with names and numbers.
    pub text: String,
}

/// A finding of one checker.
pub(crate) type Finding = (&'static str, String);

/// Whoever looks at the world after every step. A history knows no more of it, so that a program which checks no run, as the page, does
/// not contain the checkers: they are a good part of its size.
pub trait Watch: std::fmt::Debug {
    /// Looks at the world after a step that recorded these events.
    fn after_step(&mut self, world: &World, events: &[TraceEvent]) -> Option<Violation>;
    /// Another that begins at this point.
    fn anew(&self, world: &World) -> Box<dyn Watch>;
    /// The same once more.
    fn twin(&self) -> Box<dyn Watch>;
}

impl Clone for Box<dyn Watch> {
    fn clone(&self) -> Box<dyn Watch> {
        self.twin()
    }
}

/// All checkers, with what they remember.
#[derive(Clone, Debug)]
pub struct Checker {
    logs: logs::Logs,
    epochs: epochs::Epochs,
    conditions: conditions::Conditions,
    committed: committed::Committed,
    joining: joining::Joining,
    quorum: quorum::Quorum,
    producers: producers::Producers,
    groups: groups::Groups,
    reading: reading::Reading,
    transactions: transactions::Transactions,
    effects: effects::Effects,
}

impl Checker {
    /// Checkers for a run that is at this point.
    pub fn new(world: &World) -> Checker {
        Checker {
            logs: logs::Logs::new(world),
            epochs: epochs::Epochs::new(world),
            conditions: conditions::Conditions::new(world),
            committed: committed::Committed::new(world),
            joining: joining::Joining::new(world),
            quorum: quorum::Quorum::new(world),
            producers: producers::Producers::new(world),
            groups: groups::Groups::default(),
            reading: reading::Reading::new(world),
            transactions: transactions::Transactions::default(),
            effects: effects::Effects::default(),
        }
    }
}

impl Watch for Checker {
    fn anew(&self, world: &World) -> Box<dyn Watch> {
        Box::new(Checker::new(world))
    }

    fn twin(&self) -> Box<dyn Watch> {
        Box::new(self.clone())
    }

    fn after_step(&mut self, world: &World, events: &[TraceEvent]) -> Option<Violation> {
        for event in events {
            self.conditions.note(world, event);
        }
        let finding = self
            .logs
            .check(world, events)
            .or_else(|| self.epochs.check(world, events))
            .or_else(|| self.quorum.check(world, events))
            .or_else(|| isr::check(world, events))
            .or_else(|| metadata::check(world, events))
            .or_else(|| self.joining.check(world, events))
            .or_else(|| self.committed.check(world, events, &self.conditions))
            .or_else(|| copies::check(world, events, &self.conditions))
            .or_else(|| self.producers.check(world, events))
            .or_else(|| self.groups.check(world, events))
            .or_else(|| self.reading.check(world, events))
            .or_else(|| self.transactions.check(world, events))
            .or_else(|| self.effects.check(world, events));
        finding.map(|finding| violation(world, finding))
    }
}

/// A finding about the world as it is now.
fn violation(world: &World, (invariant, text): Finding) -> Violation {
    let event = TraceId(world.trace_len().saturating_sub(1));
    Violation { invariant, at_us: world.now(), event, text: with_names(world, text) }
}

/// Checkers know partitions, groups and clients by their numbers; people, by their names.
fn with_names(world: &World, mut text: String) -> String {
    let layout = &world.layout;
    let mut names: Vec<(String, String)> =
        layout.partition_ids().map(|p| (p.to_string(), layout.partition(p).name.clone())).collect();
    names.extend((0..).map(GroupId).zip(&layout.scenario.groups).map(|(id, group)| (id.to_string(), group.name.clone())));
    let clients = layout.nodes().filter(|node| matches!(node, NodeId::Producer(_) | NodeId::Consumer(_)));
    names.extend(clients.map(|node| (node.to_string(), layout.node_name(node))));
    // From the end: `partition #1` is in `partition #10`, too.
    for (number, name) in names.iter().rev() {
        text = text.replace(number, name);
    }
    text
}
