//! Why a handler that was meant to protect a message did not: what Redis and the database were asked and said about it, and who was
//! believed (LOSS-C10..C13, DUP-16..DUP-21).

use crate::ids::*;
use crate::layout::Layout;
use crate::mechanism::{self, Mechanism};
use crate::rows::Map;
use crate::scenario::{HandlerSpec, Step};
use crate::trace::{Command, SqlResult, Statement, TraceEvent, TraceId, Trouble, Wall, What};

/// What happened to one message in the handlers of one group.
#[derive(Clone, Debug, Default)]
struct Treated {
    /// Who wrote its mark into Redis, when it was not there.
    marked: Vec<TraceId>,
    /// Its row went into the database.
    inserted: Vec<TraceId>,
    absorbed: Vec<(Wall, TraceId)>,
    effects: Vec<TraceId>,
    /// The database did not answer.
    unanswered: Vec<TraceId>,
    sent_on: bool,
    skipped: bool,
}

/// The facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Handling {
    treated: Map<(ConsumerId, MessageId), Treated>,
    /// Redis lost keys before their time.
    forgot: Vec<TraceId>,
}

impl Handling {
    /// Takes an event in.
    pub fn note(&mut self, id: TraceId, event: &TraceEvent) {
        match event.what {
            What::RedisAnswered { consumer, message, command: Command::SetNx | Command::Set, found: false } => {
                self.of(consumer, message).marked.push(id);
            }
            What::DatabaseAnswered { consumer, message, statement: Statement::Insert, result: SqlResult::Ok } => {
                self.of(consumer, message).inserted.push(id);
            }
            What::Absorbed { consumer, message, by, .. } => self.of(consumer, message).absorbed.push((by, id)),
            What::Effect { consumer, message, .. } => {
                if let Some(treated) = self.treated.get_mut(&(consumer, message)) {
                    treated.effects.push(id);
                }
            }
            What::HandlerFailed { consumer, message, trouble: Trouble::Database, .. } => {
                self.of(consumer, message).unanswered.push(id);
            }
            What::SentOn { consumer, message, .. } => self.of(consumer, message).sent_on = true,
            What::RecordSkipped { consumer, message, .. } => self.of(consumer, message).skipped = true,
            What::RedisForgot { .. } => self.forgot.push(id),
            _ => {}
        }
    }

    fn of(&mut self, consumer: ConsumerId, message: MessageId) -> &mut Treated {
        self.treated.entry((consumer, message)).or_default()
    }

    /// All that those who do a group's business did with a message, together.
    fn in_group(&self, layout: &Layout, group: GroupId, message: MessageId) -> Treated {
        let mut all = Treated::default();
        let members = (0..layout.consumers.len() as u16).map(ConsumerId).filter(|&c| layout.business_of(c) == group);
        for treated in members.filter_map(|member| self.treated.get(&(member, message))) {
            all.marked.extend(&treated.marked);
            all.inserted.extend(&treated.inserted);
            all.absorbed.extend(&treated.absorbed);
            all.effects.extend(&treated.effects);
            all.unanswered.extend(&treated.unanswered);
            all.skipped |= treated.skipped;
        }
        all
    }

    /// Did a group send it on, and not do it?
    pub fn was_sent_on(&self, layout: &Layout, group: GroupId, message: MessageId) -> bool {
        let mut treated =
            self.treated.iter().filter(|((consumer, of), _)| *of == message && layout.consumers[consumer.ix()].group == group);
        treated.any(|(_, treated)| treated.sent_on)
    }

    /// The record lies in the log, the group has gone past it, and nothing was done: was it the handler's doing?
    pub fn why_lost(&self, layout: &Layout, group: GroupId, message: MessageId) -> Option<&'static Mechanism> {
        let treated = self.in_group(layout, group, message);
        if treated.skipped {
            return Some(&mechanism::LOSS_C13);
        }
        treated.absorbed.first().map(|&(by, at)| {
            let own = if by == Wall::Redis { &treated.marked } else { &treated.inserted };
            let itself = own.iter().any(|&set| set < at);
            match by {
                _ if !itself => &mechanism::LOSS_C11,
                Wall::Redis => &mechanism::LOSS_C10,
                Wall::Database => &mechanism::LOSS_C12,
            }
        })
    }

    /// It was done more than once although something stood in the way. `copies`: in the log.
    pub fn why_twice(&self, layout: &Layout, group: GroupId, message: MessageId, copies: u32) -> Option<&'static Mechanism> {
        let (treated, handler) = (self.in_group(layout, group, message), &layout.scenario.groups[group.ix()].handler);
        let guarded = handler.uses_redis() || handler.steps.contains(&Step::Insert);
        if !guarded {
            return None;
        }
        if copies > 1 && handler.knows_places_only() {
            return Some(&mechanism::DUP_16);
        }
        let between = |event: &TraceId| treated.effects.first() < Some(event) && Some(event) < treated.effects.last();
        Some(match () {
            () if handler.uses_redis() && self.forgot.iter().any(between) => &mechanism::DUP_17,
            () if handler.steps.contains(&Step::Lease)
                && treated.marked.iter().any(|&m| Some(m) > treated.marked.first().copied()) =>
            {
                &mechanism::DUP_19
            }
            () if treated.unanswered.iter().any(between) => &mechanism::DUP_21,
            () if handler.uses_database() && !effect_is_in_transaction(handler) => &mechanism::DUP_20,
            () if handler.steps.contains(&Step::Get) => &mechanism::DUP_18,
            () => &mechanism::DUP_17,
        })
    }
}

fn effect_is_in_transaction(handler: &HandlerSpec) -> bool {
    let effect = handler.steps.iter().position(|&step| step == Step::Effect);
    effect.is_some_and(|at| handler.in_transaction(at))
}
