//! The sender: what it was told, what it sent again, and what came of it (LOSS-P, DUP-1 to DUP-8, DUP-23).

use super::super::redelivery::Handled;
use super::{Case, Story};
use crate::ids::*;
use crate::scenario::SendMode;
use crate::sort;
use crate::trace::{SendOutcome, TraceId, What};

impl Case<'_> {
    /// The nodes between which its batches went.
    fn ends_of(&self, batches: &[BatchId]) -> Vec<NodeId> {
        let mut nodes = vec![NodeId::Producer(self.state.producer)];
        for event in self.trace {
            if let What::BatchSent { batch, to, .. } = event.what
                && batches.contains(&batch)
            {
                nodes.push(NodeId::Broker(to));
            }
        }
        nodes
    }

    /// LOSS-P: its application was told of a failure, or of nothing, or did not listen; and it may have its effect all the same.
    pub(super) fn not_sent(&self, story: &mut Story) {
        let batches = self.batches(self.message);
        let queued =
            self.first(TraceId::START, |what| matches!(*what, What::Intended { message, .. } if message == self.message));
        story.tell_all(queued);
        let end = |what: &What| match *what {
            What::SendFailed { message, .. } | What::SendReported { message, .. } => message == self.message,
            What::BatchDone { batch, .. } => batches.last() == Some(&batch),
            _ => false,
        };
        let end = self.first(TraceId::START, end);
        let nodes = self.ends_of(&batches);
        let fault = self.fault_before(end.unwrap_or(TraceId(u64::MAX)), &nodes);
        story.tell_all(fault);
        let gave_up = |what: &What| match *what {
            What::BatchRetried { batch, .. } | What::Refused { batch, .. } => batches.contains(&batch),
            _ => false,
        };
        let first_failure = self.first(TraceId::START, gave_up);
        story.tell_all(first_failure);
        story.tell_all(end);
        let appended =
            batches.iter().rev().find_map(|&batch| self.facts.placed(batch).iter().find(|p| p.leader)).map(|p| p.appended);
        story.tell_all(appended);
        let done = self.done();
        story.tell_all(done.iter().map(|h| h.done));
    }

    /// Its effects in the group.
    pub(super) fn done(&self) -> Vec<Handled> {
        self.group.map_or_else(Vec::new, |group| self.facts.redelivery.effects(self.layout, group, self.message))
    }

    /// There are several copies, and each had its effect.
    pub(super) fn copied(&self, story: &mut Story) {
        let batches = self.batches(self.message);
        let led = |batch: &BatchId| self.facts.placed(*batch).iter().filter(|p| p.leader).map(|p| p.appended).collect::<Vec<_>>();
        let mut appends: Vec<TraceId> = batches.iter().flat_map(led).collect();
        sort::plainly(&mut appends);
        // The copies of the first two effects.
        let done = self.done();
        let second = done.iter().find(|h| h.place() != done[0].place()).map_or(TraceId(u64::MAX), |h| h.done);
        let (first, last) = (appends.first().copied(), appends.iter().rfind(|append| **append < second).copied());
        story.tell_all(first.into_iter().chain(last));
        let again = |what: &What| match *what {
            What::BatchRetried { batch, .. } => batches.contains(&batch),
            What::Resent { message, .. } => message == self.message,
            What::TransactionEnded { producer, outcome: None, .. } => producer == self.state.producer,
            _ => false,
        };
        let retried = self.last(last.unwrap_or(TraceId(u64::MAX)), again).filter(|at| self.at(*at) >= self.state.intended);
        story.tell_all(retried);
        let places = batches.iter().flat_map(|batch| self.facts.placed(*batch));
        let copied: Vec<TraceId> = places.filter_map(|p| p.sent).filter(|sent| self.facts.is_copy(*sent)).collect();
        story.tell_all(copied.iter().copied());
        if retried.is_some() || copied.is_empty() {
            self.tell_failure_before(story, retried.or(last), &batches);
        }
        story.tell_all(done.iter().map(|h| h.done).take(2));
        let spec = &self.layout.scenario.producers[self.state.producer.ix()];
        if self.mechanism.id == "DUP-23" {
            self.tell_abort(story, first);
        }
        let resent = |at: &TraceId| matches!(self.trace[at.0 as usize].what, What::Resent { .. });
        if let Some(retried) = retried.filter(|at| resent(at) && spec.send == SendMode::SyncRetry) {
            story.note(retried, format!("it had waited {} for the outcome of the one before", spec.resend.timeout));
        }
    }

    /// The transaction in which it was first did not count.
    fn tell_abort(&self, story: &mut Story, appended: Option<TraceId>) {
        let aborted = |what: &What| match *what {
            What::TransactionEnded { producer, outcome, .. } => {
                producer == self.state.producer && outcome != Some(SendOutcome::Acked)
            }
            _ => false,
        };
        let aborted = appended.and_then(|appended| self.first(appended, aborted));
        story.tell_all(aborted);
    }

    /// What the application knew of the attempt before, and why it knew no more.
    pub(super) fn tell_failure_before(&self, story: &mut Story, again: Option<TraceId>, batches: &[BatchId]) {
        let Some(again) = again else { return };
        let told = |what: &What| match *what {
            What::BatchDone { batch, outcome: SendOutcome::Unknown | SendOutcome::Rejected, .. } => batches.contains(&batch),
            What::Disconnected { client, .. } => client == NodeId::Producer(self.state.producer),
            _ => false,
        };
        let told = self.last(again, told).filter(|at| self.at(*at) >= self.state.intended);
        let crash = |what: &What| matches!(*what, What::Crashed { node: NodeId::Producer(p), .. } if p == self.state.producer);
        let crash = self.last(again, crash).filter(|at| self.at(*at) >= self.state.intended);
        match crash {
            Some(crash) => self.tell_with_point(story, crash),
            None => story.tell_all(told),
        }
        let nodes = self.ends_of(batches);
        let fault = self.fault_before(told.unwrap_or(again), &nodes).filter(|_| crash.is_none());
        story.tell_all(fault);
    }
}
