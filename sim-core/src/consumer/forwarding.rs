//! A consuming application that produces what it reads to another topic: every record when its business is done, and after the
//! last one of a poll the end of the round. With a transactional.id the outputs and the offsets are one transaction; without, the offsets are
//! committed after the outputs were acknowledged (DUP-22).

use super::commits::Extent;
use super::{Assigned, Consumer, Thread};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::MessageId;
use crate::producer::forwarding::{Call, Consumed};
use std::collections::VecDeque;

impl Consumer {
    /// The transform is done: out with it.
    pub(super) fn forward(&mut self, message: MessageId, fx: &Effects<'_>) {
        if self.spec().forward.is_some() {
            let key = fx.ledger().message(message).key;
            self.calls.push_back(Call::Send(message, key));
        }
    }

    /// The last record of a poll is forwarded: the round ends. False if nothing is forwarded here.
    pub(super) fn finish_forwarding(&mut self) -> bool {
        if self.spec().forward.is_none() {
            return false;
        }
        let (member, _, generation) = self.committer().unwrap_or((None, None, -1));
        let consumed = Consumed { group: self.group(), member, generation, offsets: self.offsets_to_commit(Extent::Positions) };
        self.calls.push_back(Call::Finish(consumed));
        self.thread = Thread::Forwarding;
        true
    }

    /// What its thread asks of its producer.
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
