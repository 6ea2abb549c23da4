//! The handler: what Redis and the database were asked and said (LOSS-C10 to LOSS-C13, DUP-16 to DUP-21).

use super::super::redelivery::Handled;
use super::{Case, Story};
use crate::ids::*;
use crate::scenario::Identity;
use crate::trace::{Command, SqlResult, Statement, TraceId, Wall, What};

impl Case<'_> {
    fn by_member(&self, what: &What) -> Option<MessageId> {
        match *what {
            What::RedisAnswered { consumer, message, .. }
            | What::DatabaseAnswered { consumer, message, .. }
            | What::HandlerFailed { consumer, message, .. }
            | What::RecordSkipped { consumer, message, .. }
            | What::Absorbed { consumer, message, .. }
            | What::Effect { consumer, message, .. } => self.is_member(consumer).then_some(message),
            _ => None,
        }
    }

    fn mine(&self, what: &What) -> bool {
        self.by_member(what) == Some(self.message)
    }

    /// A mark that was not there is set, or a row goes in.
    fn marks(what: &What, wall: Wall) -> bool {
        match *what {
            What::RedisAnswered { command: Command::SetNx, found: false, .. }
            | What::RedisAnswered { command: Command::Set, .. } => wall == Wall::Redis,
            What::DatabaseAnswered { statement: Statement::Insert, result: SqlResult::Ok, .. } => wall == Wall::Database,
            _ => false,
        }
    }

    /// LOSS-C10 to LOSS-C13.
    pub(super) fn lost_by_handler(&self, story: &mut Story) {
        let failed = self.first(TraceId::START, |what| matches!(what, What::HandlerFailed { .. }) && self.mine(what));
        let ends = |what: &What| matches!(what, What::RecordSkipped { .. } | What::Absorbed { .. }) && self.mine(what);
        let Some(end) = self.first(TraceId::START, ends) else { return };
        story.tell(end);
        let What::Absorbed { by, partition, offset, .. } = self.trace[end.0 as usize].what else {
            story.tell_all(failed);
            let What::RecordSkipped { partition, offset, .. } = self.trace[end.0 as usize].what else { return };
            return self.tell_commit(story, end, partition, offset);
        };
        let said = self.last(end, |what| self.mine(what) && !matches!(what, What::Absorbed { .. }));
        story.tell_all(said);
        if self.mechanism.id == "LOSS-C11" {
            let others = self.last(end, |what| Case::marks(what, by) && self.by_member(what).is_some_and(|m| self.shares(m, by)));
            story.tell_all(others);
        } else if let Some(mark) = self.last(end, |what| Case::marks(what, by) && self.mine(what)) {
            story.tell(mark);
            let dies = |what: &What| match *what {
                What::Crashed { node: NodeId::Consumer(consumer), .. } => self.is_member(consumer),
                What::HandlerFailed { .. } => self.mine(what),
                _ => false,
            };
            let died = self.first(mark, dies).filter(|died| *died < end);
            if let Some(died) = died {
                self.tell_with_point(story, died);
            }
            let polls = |what: &What| {
                matches!(*what, What::Polled { consumer, partition: p, base, count } if p == partition && self.is_member(consumer)
                    && (base..base.plus(count)).contains(&offset))
            };
            let polled = self.last(end, polls).filter(|polled| *polled > mark);
            story.tell_all(polled);
        }
        self.tell_commit(story, end, partition, offset);
    }

    /// Is another message known by the same as this one?
    fn shares(&self, other: MessageId, wall: Wall) -> bool {
        let Some(group) = self.group.filter(|_| other != self.message) else { return false };
        let handler = &self.layout.scenario.groups[group.ix()].handler;
        let identity = if wall == Wall::Redis { handler.key } else { handler.unique };
        identity != Identity::BusinessKey || self.world.ledger().message(other).key == self.state.key
    }

    fn tell_commit(&self, story: &mut Story, after: TraceId, partition: PartitionId, offset: Offset) {
        let commits = |what: &What| matches!(*what, What::Committed { group, partition: p, offset: to } if Some(group) == self.group && p == partition && to > offset);
        let commit = self.first(after, commits);
        story.tell_all(commit);
    }

    /// DUP-16 to DUP-21: two effects, with what stood between them.
    pub(super) fn not_recognised(&self, story: &mut Story) {
        let done = self.done();
        let (Some(first), Some(last)) = (done.first().copied(), done.last().copied()) else { return };
        if first.place() != last.place() {
            self.copied(story);
        }
        story.tell_all([first.done, last.polled, last.done]);
        let sets = |what: &What| (Case::marks(what, Wall::Redis) || Case::marks(what, Wall::Database)) && self.mine(what);
        let set = self.last(last.polled, sets);
        let again = self.last(last.done, sets).filter(|again| *again > last.polled);
        story.tell_all(set.into_iter().chain(again));
        let from = set.unwrap_or(first.polled).min(first.done);
        let between = |what: &What| match *what {
            What::RedisAnswered { command: Command::Del, .. } | What::HandlerFailed { .. } => self.mine(what),
            What::Crashed { node: NodeId::Consumer(consumer), .. } => consumer == first.consumer,
            _ => false,
        };
        let mut at = from;
        // The first two tell how it began, and more would repeat it.
        for _ in 0..2 {
            let Some(next) = self.first(at, between).filter(|next| *next < last.done) else { break };
            self.tell_with_point(story, next);
            at = next;
        }
        if self.mechanism.id == "DUP-17" {
            self.tell_forgetting(story, &done, set);
        }
    }

    /// How the mark was lost: with other keys, or because its time was over.
    fn tell_forgetting(&self, story: &mut Story, done: &[Handled], set: Option<TraceId>) {
        let evidence = self.group.and_then(|group| self.facts.handling.evidence(self.layout, group, self.message, done));
        if let Some((_, Some(forgot))) = evidence {
            story.tell(forgot);
            let ends = self.fault_before(forgot, &[NodeId::Store(StoreId::Redis)]);
            story.tell_all(ends.filter(|end| set.is_some_and(|set| *end > set)));
        } else if let (Some(set), Some(group)) = (set, self.group) {
            let ttl = self.layout.scenario.groups[group.ix()].handler.ttl;
            let late = done.last().is_some_and(|last| self.at(last.polled).since(self.at(set)) >= ttl);
            if late {
                story.note(set, format!("for {ttl}"));
            }
        }
    }
}
