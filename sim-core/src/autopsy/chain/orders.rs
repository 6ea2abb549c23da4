//! Order: a later message came first (ORDER).

use super::super::Placed;
use super::{Case, Story};
use crate::ids::*;
use crate::trace::{TraceId, What};

impl Case<'_> {
    pub(super) fn overtaken(&self, story: &mut Story) {
        let Some(by) = self.by else { return };
        let batches = self.batches(self.message);
        let own = self.last_append(self.message);
        let later = self.first_append(by);
        match self.mechanism.id {
            "ORDER-8" | "ORDER-9" | "ORDER-10" | "ORDER-11" => self.on_the_way(story, by),
            _ => {
                let again = |what: &What| match *what {
                    What::BatchRetried { batch, .. } | What::BatchSplit { batch, .. } | What::Refused { batch, .. } => {
                        batches.contains(&batch)
                    }
                    What::Resent { message, .. } => message == self.message,
                    _ => false,
                };
                let again = self.last(own.unwrap_or(TraceId(u64::MAX)), again);
                let given_up = |what: &What| matches!(*what, What::BatchDone { batch, .. } if batches.contains(&batch));
                let given_up = self.first(TraceId::START, given_up).filter(|end| own.is_some_and(|own| *end < own));
                story.tell_all(again.into_iter().chain(given_up));
                self.tell_failure_before(story, again, &batches);
            }
        }
        story.tell_all(own.into_iter().chain(later));
        if self.mechanism.id == "ORDER-5" {
            let topic = self.layout.scenario.producers[self.state.producer.ix()].topic;
            let added =
                self.last(TraceId(u64::MAX), |what| matches!(*what, What::PartitionsAsked { topic: t, .. } if t == topic));
            story.tell_all(added);
        }
        if self.mechanism.id == "ORDER-12" {
            let cut = batches.iter().flat_map(|b| self.facts.placed(*b)).find_map(|p| p.removed.filter(|_| p.aged.is_none()));
            story.tell_all(cut);
        }
        let first = |id| self.group.and_then(|group| self.facts.redelivery.effects(self.layout, group, id).first().copied());
        let (late, early) = (first(self.message), first(by));
        story.tell_all(early.into_iter().chain(late).map(|h| h.done));
    }

    fn led(&self, message: MessageId) -> Vec<Placed> {
        let batches = self.batches(message);
        batches.iter().flat_map(|batch| self.facts.placed(*batch)).filter(|p| p.leader).copied().collect()
    }

    fn first_append(&self, message: MessageId) -> Option<TraceId> {
        self.led(message).iter().map(|p| p.appended).min()
    }

    fn last_append(&self, message: MessageId) -> Option<TraceId> {
        self.led(message).iter().map(|p| p.appended).max()
    }

    /// The log had them in order.
    fn on_the_way(&self, story: &mut Story, by: MessageId) {
        let first = |id| self.group.and_then(|group| self.facts.redelivery.effects(self.layout, group, id).first().copied());
        let (Some(late), Some(early)) = (first(self.message), first(by)) else { return };
        story.tell_all([late.polled, early.polled]);
        let aside = |what: &What| match *what {
            What::HandlerFailed { message, consumer, .. }
            | What::Absorbed { message, consumer, .. }
            | What::RecordSkipped { message, consumer, .. } => message == self.message && self.is_member(consumer),
            _ => false,
        };
        let aside = self.first(TraceId::START, aside).filter(|at| *at < early.done);
        story.tell_all(aside);
        if self.mechanism.id == "ORDER-11" || late.polled > early.done {
            let back = |what: &What| matches!(*what, What::PositionSet { consumer, partition, to, .. } if consumer == late.consumer && partition == late.partition && to <= late.offset);
            let back = self.last(late.polled, back).filter(|back| *back > early.polled);
            story.tell_all(back);
        }
    }
}
