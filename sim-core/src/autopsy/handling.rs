//! Why a handler that was meant to protect a message did not: what Redis and the database were asked and said about it, and who was
//! believed (LOSS-C10..C13, DUP-16..DUP-21).

use super::redelivery::Handled;
use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::{self, Mechanism};
use crate::rows::Map;
use crate::scenario::{HandlerSpec, Identity, Step, WithoutRedis};
use crate::time::SimTime;
use crate::trace::{Command, SqlResult, Statement, TraceEvent, TraceId, Trouble, Wall, What};

/// What a handler was told, or did, about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    /// Redis wrote the mark.
    Marked {
        /// For the time of a lease.
        lease: bool,
        /// Whether it was there or not.
        set: bool,
    },
    /// Redis was asked for the mark, and had none.
    NoMark,
    /// The mark was taken away again.
    Unmarked,
    /// Its row went into the database; it counts once its transaction commits.
    Inserted,
    /// It was taken for done.
    Absorbed(Wall),
    /// An exception.
    Failed(Trouble),
    /// It was passed over.
    Skipped,
}

/// One of them: by whom, when.
#[derive(Clone, Copy, Debug)]
struct Noted {
    consumer: ConsumerId,
    at: TraceId,
    time: SimTime,
    note: Note,
}

/// The facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Handling {
    notes: Map<MessageId, Vec<Noted>>,
    /// Redis lost keys before their time.
    forgot: Vec<TraceId>,
}

impl Handling {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent, layout: &Layout) {
        let (consumer, message, note) = match event.what {
            What::RedisAnswered { consumer, message, command, found } => {
                let handler = &layout.scenario.groups[layout.consumers[consumer.ix()].group.ix()].handler;
                let note = match command {
                    Command::SetNx if !found => Note::Marked { lease: handler.steps.contains(&Step::Lease), set: false },
                    Command::Set => Note::Marked { lease: false, set: true },
                    Command::Get if !found => Note::NoMark,
                    Command::Del => Note::Unmarked,
                    Command::SetNx | Command::Get => return,
                };
                (consumer, message, note)
            }
            What::DatabaseAnswered { consumer, message, statement: Statement::Insert, result: SqlResult::Ok } => {
                (consumer, message, Note::Inserted)
            }
            What::Absorbed { consumer, message, by, .. } => (consumer, message, Note::Absorbed(by)),
            What::HandlerFailed { consumer, message, trouble, .. } => (consumer, message, Note::Failed(trouble)),
            What::RecordSkipped { consumer, message, .. } => (consumer, message, Note::Skipped),
            What::RedisForgot { .. } => return self.forgot.push(id),
            _ => return,
        };
        self.notes.entry(message).or_default().push(Noted { consumer, at: id, time: event.at, note });
    }

    /// All that those who do a group's business did with a message, in order.
    fn in_group(&self, layout: &Layout, group: GroupId, message: MessageId) -> Vec<Noted> {
        let notes = self.notes.get(&message).map_or(&[][..], Vec::as_slice);
        notes.iter().copied().filter(|n| layout.business_of(n.consumer) == layout.business(group)).collect()
    }

    /// Was it put aside before this event, without an effect: by an exception, by a wall, or for good?
    pub fn was_put_aside(&self, layout: &Layout, group: GroupId, message: MessageId, before: TraceId) -> bool {
        let aside = |n: &Noted| matches!(n.note, Note::Failed(_) | Note::Absorbed(_) | Note::Skipped) && n.at < before;
        self.in_group(layout, group, message).iter().any(aside)
    }

    /// The record lies in the log, the group has gone past it, and nothing was done: was it the handler's doing?
    pub fn why_lost(&self, layout: &Layout, group: GroupId, message: MessageId) -> Option<&'static Mechanism> {
        let (notes, handler) = (self.in_group(layout, group, message), &layout.scenario.groups[group.ix()].handler);
        if notes.iter().any(|n| n.note == Note::Skipped) {
            return Some(&mechanism::LOSS_C13);
        }
        notes.iter().find_map(|absorbed| {
            let Note::Absorbed(by) = absorbed.note else { return None };
            let own = |n: &Noted| match by {
                Wall::Redis => matches!(n.note, Note::Marked { .. }),
                Wall::Database => n.note == Note::Inserted,
            };
            let itself = notes.iter().any(|n| own(n) && n.at < absorbed.at);
            Some(match by {
                Wall::Redis if itself => &mechanism::LOSS_C10,
                // A row that commits with its effect cannot be without it: it was another message's.
                Wall::Database if itself && !row_goes_with_effect(handler) => &mechanism::LOSS_C12,
                _ => &mechanism::LOSS_C11,
            })
        })
    }

    /// It was done more than once although something stood in the way. `done`: its effects, in order.
    pub fn why_twice(&self, layout: &Layout, group: GroupId, message: MessageId, done: &[Handled]) -> Option<&'static Mechanism> {
        self.evidence(layout, group, message, done).map(|(mechanism, _)| mechanism)
    }

    /// The same, with the event that took the mark away, if one did.
    pub fn evidence(
        &self,
        layout: &Layout,
        group: GroupId,
        message: MessageId,
        done: &[Handled],
    ) -> Option<(&'static Mechanism, Option<TraceId>)> {
        let handler = &layout.scenario.groups[group.ix()].handler;
        let (first, last) = (done.first()?, done.last()?);
        let (inserts, moved) = (handler.steps.contains(&Step::Insert), done.iter().any(|h| h.place() != first.place()));
        let notes = self.in_group(layout, group, message);
        let unanswered = |n: &Noted| n.note == Note::Failed(Trouble::Database) && first.done < n.at && n.at < last.done;
        if !inserts && notes.iter().any(unanswered) {
            return Some((&mechanism::DUP_21, None));
        }
        let by_place = handler.knows_places_only() || (row_goes_with_effect(handler) && handler.unique == Identity::Position);
        if moved && by_place && (inserts || handler.uses_redis()) {
            return Some((&mechanism::DUP_16, None));
        }
        let inserted_before = notes.iter().any(|n| n.note == Note::Inserted && n.at < first.done);
        match () {
            () if inserts && row_goes_with_effect(handler) => None,
            () if inserts && !inserted_before => Some((&mechanism::DUP_20, None)),
            () if handler.uses_redis() => self.why_no_mark(handler, &notes, first, last),
            () => None,
        }
    }

    /// Why the mark in Redis did not stop the last effect.
    fn why_no_mark(
        &self,
        handler: &HandlerSpec,
        notes: &[Noted],
        first: &Handled,
        last: &Handled,
    ) -> Option<(&'static Mechanism, Option<TraceId>)> {
        let looks = |n: &&Noted| {
            let looked = matches!(n.note, Note::Marked { .. } | Note::NoMark);
            looked && n.consumer == last.consumer && last.polled < n.at && n.at < last.done
        };
        // The first look of the attempt that had the last effect.
        let Some(look) = notes.iter().rfind(|n| looks(n) && n.note != Note::Marked { lease: false, set: true }) else {
            // Redis did not answer, and the handler went on without.
            return (handler.without_redis == WithoutRedis::Open).then_some((&mechanism::DUP_17, None));
        };
        let mark = notes.iter().rfind(|n| matches!(n.note, Note::Marked { .. }) && n.at < look.at);
        let Some(mark) = mark else {
            let overlap = first.consumer != last.consumer && look.at < first.done;
            let never = handler.steps.contains(&Step::Get);
            return match () {
                () if overlap && never => Some((&mechanism::DUP_18, None)),
                () if never => Some((&mechanism::DUP_20, None)),
                () => (handler.without_redis == WithoutRedis::Open).then_some((&mechanism::DUP_17, None)),
            };
        };
        let between = |at: TraceId| mark.at < at && at < look.at;
        let is_lease = mark.note == Note::Marked { lease: true, set: false };
        let lifetime = if is_lease { handler.lease } else { handler.ttl };
        let forgot = self.forgot.iter().copied().find(|&at| between(at));
        match () {
            () if forgot.is_some() => Some((&mechanism::DUP_17, forgot)),
            () if notes.iter().any(|n| n.note == Note::Unmarked && between(n.at)) => Some((&mechanism::DUP_20, None)),
            () if look.time.since(mark.time) < lifetime => None,
            () if is_lease => Some((&mechanism::DUP_19, None)),
            () => Some((&mechanism::DUP_17, None)),
        }
    }
}

/// Are the row and the effect in one transaction?
fn row_goes_with_effect(handler: &HandlerSpec) -> bool {
    let both = [Step::Insert, Step::Effect].map(|wanted| handler.steps.iter().position(|&step| step == wanted));
    both.iter().all(|at| at.is_some_and(|at| handler.in_transaction(at)))
}
