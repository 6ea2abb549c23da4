//! A consuming application that produces to another topic what became of what it reads: what it has done, what it could not do, or
//! all of it; and after the last record of a poll the end of the round. With a transactional.id the outputs and the offsets are one
//! transaction; without, the offsets are committed after the outputs were acknowledged (DUP-22), or without a look (LOSS-C13, LOSS-C14).

use super::commits::Extent;
use super::{Assigned, Consumer, Thread};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::MessageId;
use crate::producer::forwarding::{Call, Consumed};
use crate::scenario::Forwarded;
use crate::time::SimTime;
use std::collections::VecDeque;

impl Consumer {
    /// Out with it, under the key that it had.
    pub(super) fn forward(&mut self, message: MessageId, fx: &Effects<'_>) {
        let key = fx.ledger().message(message).key;
        self.calls.push_back(Call::Send(message, key));
    }

    /// Does it move records at this time, and do no business with them?
    pub(super) fn moves_records(&self, now: SimTime) -> bool {
        let is_now = |(from, until): (SimTime, SimTime)| from <= now && now < until;
        self.spec().forward.is_some_and(|f| f.what == Forwarded::All && f.during.is_none_or(is_now))
    }

    /// Has it a topic for what it has tried in vain?
    pub(super) fn gives_away_failures(&self) -> bool {
        self.spec().forward.is_some_and(|f| f.what == Forwarded::Failed)
    }

    /// Nothing is in hand any more: the round ends, and what was forwarded is waited for. False if nothing is forwarded here, or nobody waits.
    pub(super) fn finish_forwarding(&mut self) -> bool {
        if self.spec().forward.is_none_or(|f| !f.waits) {
            return false;
        }
        let (member, _, generation) = self.committer().unwrap_or((None, None, -1));
        let consumed = Consumed { group: self.group(), member, generation, offsets: self.offsets_to_commit(Extent::Positions) };
        self.calls.push_back(Call::Finish(consumed));
        self.thread = Thread::Forwarding;
        true
    }

    /// Does its thread ask anything of its producer?
    pub(crate) fn calls_its_producer(&self) -> bool {
        !self.calls.is_empty()
    }

    /// What it asks.
    pub(crate) fn take_calls(&mut self) -> VecDeque<Call> {
        std::mem::take(&mut self.calls)
    }

    /// How the round ended. After an error nothing of it counts: the application seeks to the committed offsets and reads again.
    pub(crate) fn on_forwarded(&mut self, result: Result<(), ErrorCode>, fx: &mut Effects<'_>) {
        let transactional = self.spec().forward.is_some_and(|f| f.transactional);
        match result {
            Ok(()) if transactional || self.config().enable_auto_commit => self.thread = Thread::Polling,
            Ok(()) => self.call_commit(Extent::Done, fx),
            Err(_) => {
                self.in_hand.clear();
                self.calls.clear();
                for assigned in &mut self.assigned {
                    *assigned = Assigned::fresh(assigned.partition);
                }
                self.thread = Thread::Polling;
            }
        }
        self.work(fx);
    }
}
