//! The active controller's state, ahead of what is committed, and whom it still owes an answer.

use super::brokers::BrokerTable;
use super::image::{Image, MetadataRecord};
use super::log::Why;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::time::SimTime;
use crate::trace::{TraceId, What};
use crate::wire::{Request, Response};
use std::collections::VecDeque;
use std::sync::Arc;

/// An answer that waits for everything before `offset` to be committed.
#[derive(Clone, Debug)]
struct Deferred {
    offset: i64,
    caller: Caller,
    cause: TraceId,
    response: Response,
}

/// A record that is decided and not yet in the log.
type Decided = (MetadataRecord, Option<What>, Why);

/// The active controller.
#[derive(Clone, Debug)]
pub struct Active {
    pub(super) layout: Arc<Layout>,
    /// What it has decided so far.
    pub(super) image: Image,
    pub(super) brokers: BrokerTable,
    /// C-17: when leaderships are balanced next.
    pub(super) balance_at: SimTime,
    unwritten: Vec<Decided>,
    deferred: VecDeque<Deferred>,
}

impl Active {
    /// Takes office with everything that is committed.
    pub fn new(layout: Arc<Layout>, image: Image, now: SimTime) -> Active {
        let brokers = BrokerTable::new(&layout, &image, now);
        let mut active =
            Active { layout, image, brokers, balance_at: SimTime::NEVER, unwritten: Vec::new(), deferred: VecDeque::new() };
        active.plan_balance(now);
        active
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        self.next_session_check().min(self.balance_at)
    }

    /// Its time has come.
    pub fn wake(&mut self, now: SimTime) {
        if self.next_session_check() <= now {
            self.check_sessions(now);
        }
        if self.balance_at <= now {
            self.balance_leaders(now);
        }
    }

    /// Decides. The answer waits until what it says is committed.
    pub fn on_request(&mut self, caller: Caller, request: &Request, fx: &mut Effects<'_>) {
        let cause = Why::Event(fx.cause);
        let response = match request {
            &Request::BrokerRegistration { broker, incarnation, previous_epoch } => {
                self.on_registration(broker, incarnation, previous_epoch, cause, fx.now)
            }
            &Request::BrokerHeartbeat { broker, epoch, offset, want_fence, want_shutdown } => {
                self.on_heartbeat(broker, (epoch, offset), (want_fence, want_shutdown), cause, fx.now)
            }
            Request::AlterPartition { broker, broker_epoch, parts } => {
                self.on_alter_partition(*broker, *broker_epoch, parts, cause)
            }
            &Request::AllocateProducerIds { broker, broker_epoch } => self.on_allocate_producer_ids(broker, broker_epoch, cause),
            _ => unreachable!("clients do not talk to controllers"),
        };
        self.deferred.push_back(Deferred { offset: self.image.offset, caller, cause: fx.cause, response });
    }

    /// Decides a record. Returns what a consequence of it gives as its reason.
    pub(super) fn write(&mut self, record: MetadataRecord, what: Option<What>, why: Why) -> Why {
        let offset = self.image.offset;
        self.image.apply(record);
        self.unwritten.push((record, what, why));
        Why::Record(offset)
    }

    /// What goes into the log now.
    pub fn take_unwritten(&mut self) -> Vec<Decided> {
        std::mem::take(&mut self.unwritten)
    }

    /// Sends the answers that waited for what is committed now.
    pub fn answer_committed(&mut self, node: NodeId, high_watermark: i64, fx: &mut Effects<'_>) {
        while let Some(next) = self.deferred.pop_front_if(|d| d.offset <= high_watermark) {
            fx.respond(&next.caller, node, next.cause, next.response);
        }
    }

    /// C-18: whoever waits learns that this is not the controller any more; what they asked for may come true all the same.
    pub fn give_up(self, node: NodeId, fx: &mut Effects<'_>) {
        for waiting in self.deferred {
            fx.respond(&waiting.caller, node, fx.cause, refusal(&waiting.response));
        }
    }

    // --- P-58 ------------------------------------------------------------------------------------------------------------------

    /// A block of producer ids for a broker. It is the broker's even if the answer is lost.
    fn on_allocate_producer_ids(&mut self, broker: BrokerId, epoch: BrokerEpoch, cause: Why) -> Response {
        if self.image.broker(broker).epoch != epoch {
            return Response::AllocateProducerIds { error: ErrorCode::StaleBrokerEpoch, first: Pid::NONE };
        }
        let first = Pid(self.image.next_producer_id);
        self.write(MetadataRecord::ProducerIds { next: first.0 + PRODUCER_ID_BLOCK }, None, cause);
        Response::AllocateProducerIds { error: ErrorCode::None, first }
    }
}

/// P-58: how many producer ids a broker gets at a time.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;

/// NOT_CONTROLLER for a broker's request.
pub fn not_controller(request: &Request) -> Response {
    let error = ErrorCode::NotController;
    match request {
        Request::BrokerRegistration { .. } => Response::BrokerRegistration { error, epoch: BrokerEpoch::NONE },
        Request::BrokerHeartbeat { .. } => Response::BrokerHeartbeat { error, should_shutdown: false },
        Request::AlterPartition { .. } => Response::AlterPartition { error, parts: Vec::new() },
        Request::AllocateProducerIds { .. } => Response::AllocateProducerIds { error, first: Pid::NONE },
        _ => unreachable!("clients do not talk to controllers"),
    }
}

/// NOT_CONTROLLER in the place of an answer that can no longer be given.
fn refusal(answer: &Response) -> Response {
    let error = ErrorCode::NotController;
    match answer {
        Response::BrokerRegistration { .. } => Response::BrokerRegistration { error, epoch: BrokerEpoch::NONE },
        Response::BrokerHeartbeat { .. } => Response::BrokerHeartbeat { error, should_shutdown: false },
        Response::AlterPartition { .. } => Response::AlterPartition { error, parts: Vec::new() },
        Response::AllocateProducerIds { .. } => Response::AllocateProducerIds { error, first: Pid::NONE },
        _ => unreachable!("no broker waits for that"),
    }
}
