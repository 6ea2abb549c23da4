//! The brokers had the record, and lost it (LOSS-B).

use super::super::Placed;
use super::{Case, Story};
use crate::ids::*;
use crate::trace::{SendOutcome, TraceId, What};

/// So many copies that were lost are told one by one.
const COPIES_TOLD: usize = 3;

impl Case<'_> {
    pub(super) fn lost_by_brokers(&self, story: &mut Story) {
        let (producer, placed) = self.what_was_lost();
        let Some(first) = placed.iter().find(|p| p.leader).copied() else { return };
        story.tell(first.appended);
        let batch = self.world.ledger().messages_of(self.state.batch.unwrap_or(BatchId(0)));
        let before = batch.take_while(|m| *m != self.message).count() as u32;
        if before > 0 && producer == self.state.producer {
            story.note(first.appended, format!("{} is at {}", self.message, first.base.plus(before)));
        }
        self.tell_acknowledgement(story, producer, first.appended);
        let change = self.facts.change_over(&placed).copied();
        match self.mechanism.id {
            "LOSS-B11" | "LOSS-B15" => return self.taken_away(story, &placed),
            "LOSS-B3" | "LOSS-B5" | "LOSS-B6" => self.lost_with_the_power(story, &placed),
            "LOSS-B7" => {
                let wiped = |b: BrokerId| placed.iter().any(|p| p.broker == b);
                let wipes = self.facts.wipes.iter().filter(|(b, at)| wiped(*b) && *at > first.appended);
                let wipes: Vec<TraceId> = wipes.map(|(_, at)| *at).take(COPIES_TOLD).collect();
                story.tell_all(wipes);
            }
            "LOSS-B13" => {
                let spoiled = |what: &What| matches!(*what, What::Corrupted { partition, base, .. } if partition == first.partition && base <= first.base);
                let corrupted = self.last(TraceId(u64::MAX), spoiled);
                story.tell_all(corrupted);
            }
            _ => {}
        }
        self.tell_shrinking(story, &first, change.map_or(TraceId(u64::MAX), |c| c.event));
        if let Some(change) = change {
            if !matches!(self.mechanism.id, "LOSS-B3" | "LOSS-B5" | "LOSS-B6") {
                self.tell_fault(story, &placed, &first, change.event);
            }
            let leads = |what: &What| matches!(*what, What::BecameLeader { partition, epoch, .. } if partition == first.partition && epoch == change.epoch);
            let election = self.first(change.event, leads).unwrap_or(change.event);
            story.tell(election);
            if change.unclean {
                story.note(election, "it was not known to have every committed record");
            }
        }
        let removed = placed.iter().filter(|p| p.broker == first.broker).chain(&placed).find_map(|p| p.removed);
        story.tell_all(removed);
    }

    /// The producer and the places of what was lost: the message's batch, what it was forwarded as, or the COMMIT of its transaction.
    fn what_was_lost(&self) -> (ProducerId, Vec<Placed>) {
        let outputs = self.facts.forwarded.get(&self.message).map_or(&[][..], Vec::as_slice);
        let own = self.state.batch.map_or(&[][..], |b| self.facts.placed(b));
        let reads_home = self.group.is_none_or(|group| {
            let home = self.layout.scenario.producers[self.state.producer.ix()].topic;
            self.layout.scenario.groups[group.ix()].topics.contains(&home)
        });
        match outputs.iter().rfind(|(_, batch)| !self.facts.placed(*batch).is_empty()).filter(|_| !reads_home) {
            Some(&(producer, batch)) => (producer, self.facts.placed(batch).to_vec()),
            None => (self.state.producer, own.to_vec()),
        }
    }

    /// What made the application take it for sent.
    fn tell_acknowledgement(&self, story: &mut Story, producer: ProducerId, appended: TraceId) {
        let batches = self.batches(self.message);
        let acked = |what: &What| match *what {
            What::BatchDone { batch, outcome: SendOutcome::Acked, .. } => batches.contains(&batch),
            What::TransactionEnded { producer: p, outcome: Some(SendOutcome::Acked), .. } => p == producer,
            _ => false,
        };
        let ack = self.first(appended, acked).or_else(|| self.last(appended, acked));
        story.tell_all(ack);
    }

    /// The ISR became smaller before it was decided.
    fn tell_shrinking(&self, story: &mut Story, first: &Placed, decided: TraceId) {
        if !matches!(self.mechanism.id, "LOSS-B4" | "LOSS-B5" | "LOSS-B7" | "LOSS-B8") {
            return;
        }
        let shrinks = |what: &What| matches!(*what, What::IsrChanged { partition, old, new, .. } if partition == first.partition && new.len() < old.len());
        let shrunk = self.last(decided, shrinks);
        story.tell_all(shrunk);
    }

    /// The tails that went, each with its machine.
    fn lost_with_the_power(&self, story: &mut Story, placed: &[Placed]) {
        let gone: Vec<TraceId> =
            placed.iter().filter(|p| p.cut_for.is_none() && p.aged.is_none()).filter_map(|p| p.removed).collect();
        for tail in gone.into_iter().take(COPIES_TOLD) {
            let cause = self.trace[tail.0 as usize].cause;
            if matches!(self.trace[cause.0 as usize].what, What::Crashed { .. }) {
                story.tell(cause);
            }
            story.tell(tail);
        }
    }

    /// What befell the leader that had it, before the change.
    fn tell_fault(&self, story: &mut Story, placed: &[Placed], first: &Placed, change: TraceId) {
        let leader = [NodeId::Broker(first.broker)];
        let Some(fault) = self.fault_before(change, &leader) else { return };
        story.tell(fault);
        let copied = placed.iter().filter(|p| p.broker != first.broker && p.appended < fault).count();
        if fault > first.appended && copied == 0 {
            story.note(fault, "nobody else had fetched the record");
        }
        // What the controller noticed.
        let cause = self.trace[change.0 as usize].cause;
        if matches!(self.trace[cause.0 as usize].what, What::Fenced { .. }) {
            story.tell(cause);
        }
    }

    /// LOSS-B11, LOSS-B15.
    fn taken_away(&self, story: &mut Story, placed: &[Placed]) {
        let moved = placed.iter().filter(|p| p.aged.is_some()).find_map(|p| p.removed);
        let partition = self.state.partition;
        let compacted =
            |what: &What| matches!(*what, What::LogCompacted { partition: p, removed: 1.., .. } if Some(p) == partition);
        let first = placed.first().map_or(TraceId::START, |p| p.appended);
        let went = moved.or_else(|| self.first(first, compacted));
        story.tell_all(went);
        if let (Some(went), Some(partition)) = (went, partition) {
            let read = |what: &What| matches!(*what, What::PositionSet { consumer, partition: p, .. } if p == partition && self.is_member(consumer));
            let positions = self.first(went, read);
            story.tell_all(positions);
        }
    }
}
