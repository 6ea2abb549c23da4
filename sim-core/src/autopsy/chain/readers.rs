//! The group: what it left out (LOSS-C1 to LOSS-C9), and what it read again (DUP-10 to DUP-15, DUP-22).

use super::super::Placed;
use super::{Case, Story};
use crate::ids::*;
use crate::trace::{TraceId, What};

impl Case<'_> {
    /// Where the record lies: its partition, its offset, and the event of its appending.
    pub(super) fn place(&self) -> Option<(PartitionId, Offset, TraceId)> {
        let outputs = self.facts.forwarded.get(&self.message).map_or(&[][..], Vec::as_slice);
        let batches = self.batches(self.message).into_iter().chain(outputs.iter().map(|(_, batch)| *batch));
        let reads = |p: &&Placed| {
            let topic = self.layout.partition(p.partition).topic;
            let reads = |g: GroupId| topic.is_some_and(|t| self.layout.scenario.groups[g.ix()].topics.contains(&t));
            p.leader && self.group.is_none_or(reads)
        };
        batches
            .filter_map(|batch| {
                let place = self.facts.placed(batch).iter().rfind(reads)?;
                // A batch of what a group forwards has its own order: the messages of the ledger are those of producers.
                let before = self.world.ledger().messages_of(batch).position(|m| m == self.message).unwrap_or(0);
                Some((place.partition, place.base.plus(before as u32), place.appended))
            })
            .next_back()
    }

    /// LOSS-C1 to LOSS-C9.
    pub(super) fn left_out(&self, story: &mut Story) {
        let Some((partition, offset, appended)) = self.place() else { return };
        let here = |p: PartitionId| p == partition;
        let past = |what: &What| matches!(*what, What::PositionSet { consumer, partition, to, reset: true } if here(partition) && self.is_member(consumer) && to > offset);
        let covers = |what: &What| {
            matches!(*what, What::Polled { consumer, partition, base, count } if here(partition) && self.is_member(consumer)
                && (base..base.plus(count)).contains(&offset))
        };
        match self.mechanism.id {
            "LOSS-C9" => {
                let leaves = |what: &What| matches!(*what, What::Committed { group, partition, offset: to } if Some(group) == self.group && here(partition) && to > offset);
                let old = self.last(appended, covers).or_else(|| self.first(TraceId::START, leaves));
                let leads = |what: &What| matches!(*what, What::BecameLeader { partition, start, .. } if here(partition) && start <= offset);
                let led = self.last(appended, leads);
                let fault = led.and_then(|led| self.fault_before(led, &self.brokers()));
                story.tell_all([old, fault, led].into_iter().flatten());
                story.tell(appended);
            }
            "LOSS-C6" | "LOSS-C7" | "LOSS-C8" => {
                story.tell(appended);
                let reset = self.last(TraceId(u64::MAX), past);
                let why = |what: &What| match *what {
                    What::OffsetExpired { group, partition } => here(partition) && Some(group) == self.group,
                    What::LogStartMoved { partition, to, .. } => here(partition) && to > Offset::ZERO,
                    What::Truncated { partition, .. } => here(partition),
                    _ => false,
                };
                let why = reset.filter(|_| self.mechanism.id != "LOSS-C6").and_then(|reset| self.last(reset, why));
                story.tell_all(reset.into_iter().chain(why));
            }
            _ => {
                story.tell(appended);
                let Some(polled) = self.first(appended, covers) else { return };
                story.tell(polled);
                let commits = |what: &What| matches!(*what, What::Committed { group, partition, offset: to } if Some(group) == self.group && here(partition) && to > offset);
                let commit = self.first(polled, commits);
                story.tell_all(commit);
                let What::Polled { consumer, .. } = self.trace[polled.0 as usize].what else { return };
                let end = |what: &What| match *what {
                    What::Crashed { node, .. } | What::Stopped { node } => node == NodeId::Consumer(consumer),
                    _ => false,
                };
                let Some(end) = self.first(polled, end) else { return };
                self.tell_with_point(story, end);
                let goes_on = |what: &What| matches!(*what, What::PositionSet { consumer, partition, to, .. } if here(partition) && self.is_member(consumer) && to > offset);
                let next = self.first(end.max(commit.unwrap_or(end)), goes_on);
                story.tell_all(next);
            }
        }
    }

    fn brokers(&self) -> Vec<NodeId> {
        self.layout.broker_ids().map(NodeId::Broker).collect()
    }

    /// DUP-10 to DUP-15, DUP-22: the same record, twice.
    pub(super) fn read_again(&self, story: &mut Story) {
        let done = self.done();
        let (Some(first), Some(last)) = (done.first().copied(), done.last().copied()) else { return };
        story.tell_all([first.polled, first.done, last.polled, last.done]);
        let evidence = self.group.and_then(|group| self.facts.redelivery.evidence(group, &done));
        if let Some((mechanism, event)) = evidence.filter(|(mechanism, _)| *mechanism == self.mechanism) {
            self.tell_with_point(story, event);
            if matches!(mechanism.id, "DUP-12" | "DUP-14") {
                let mut nodes = vec![NodeId::Consumer(first.consumer)];
                nodes.extend(self.brokers());
                let fault = self.fault_before(event, &nodes).filter(|fault| *fault > first.polled || mechanism.id == "DUP-12");
                story.tell_all(fault);
            }
            if mechanism.id == "DUP-13" {
                let moves = |what: &What| match *what {
                    What::MemberAdded { group, .. } | What::MemberRemoved { group, .. } => Some(group) == self.group,
                    _ => false,
                };
                let why = self.last(event, moves);
                story.tell_all(why);
            }
        }
        if self.mechanism.id == "DUP-22" {
            let output = |what: &What| matches!(*what, What::Forwarded { message, .. } if message == self.message);
            let sent = self.first(first.done, output);
            let again = self.last(TraceId(u64::MAX), output);
            story.tell_all(sent.into_iter().chain(again));
            let outputs: Vec<BatchId> =
                self.facts.forwarded.get(&self.message).map_or(&[][..], Vec::as_slice).iter().map(|f| f.1).collect();
            let fails = |what: &What| match *what {
                What::BatchDone { batch, .. } => outputs.first() == Some(&batch),
                What::TransactionEnded { outcome: None, .. } => true,
                What::Crashed { node, .. } => node == NodeId::Consumer(first.consumer),
                _ => false,
            };
            let failed = sent.and_then(|sent| self.first(sent, fails)).filter(|at| *at < last.polled);
            story.tell_all(failed);
        }
        let starts = |what: &What| matches!(*what, What::PositionSet { consumer, partition, to, .. } if consumer == last.consumer && partition == last.partition && to <= last.offset);
        let start = self.last(last.polled, starts).filter(|start| *start > first.polled);
        story.tell_all(start);
    }
}
