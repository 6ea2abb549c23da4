//! Whom a broker takes for the active controller, and what it asks of it besides heartbeats and ISR changes. As an observer of the quorum it
//! learns the leader from whatever controller answers its fetches (C-18).

use super::{Asked, Broker, Due};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, TraceId};
use crate::wire::{Channel, QuorumView, Request};
use std::collections::VecDeque;

/// A broker that knows no active controller looks again after this long, and so does a request that was refused by one that is not.
pub(super) const CONTROLLER_RETRY: SimDuration = SimDuration::from_millis(100);

/// What a broker knows of the controllers.
#[derive(Clone, Debug)]
pub(super) struct Controllers {
    /// As the last controller said that answered a fetch.
    pub view: QuorumView,
    /// The leader did not answer: any other controller may know better.
    pub doubted: bool,
    /// Draws whom to ask.
    stream: Stream,
}

impl Controllers {
    pub fn new(view: QuorumView, stream: Stream) -> Controllers {
        Controllers { view, doubted: false, stream }
    }
}

impl Broker {
    /// The controller that it takes for the active one.
    pub(super) fn active_controller(&self) -> Option<NodeId> {
        self.controllers.view.leader.map(NodeId::Controller)
    }

    /// Sends a request to the active controller. Returns the time at which to try again if none is known.
    pub(super) fn ask_controller(
        &mut self,
        ask: (Api, Request),
        timeout: SimDuration,
        what: Asked,
        fx: &mut Effects<'_>,
    ) -> Result<(), SimTime> {
        let Some(controller) = self.active_controller() else { return Err(fx.now + CONTROLLER_RETRY) };
        let cause = fx.cause;
        self.client.ask(fx, controller, ask, timeout, cause, what);
        Ok(())
    }

    /// Where to read the metadata log: from the active controller, or, when that does not answer or is not known, from any. None if all
    /// are to be left alone until the instant given.
    pub(super) fn metadata_source(&mut self, now: SimTime) -> Result<NodeId, SimTime> {
        let blocked = |node: NodeId| self.client.blocked_until(node, Channel::Metadata);
        if let Some(leader) = self.active_controller().filter(|&l| !self.controllers.doubted && blocked(l) <= now) {
            return Ok(leader);
        }
        let all: Vec<NodeId> = self.layout.controller_ids().map(NodeId::Controller).collect();
        let free: Vec<NodeId> = all.iter().copied().filter(|&c| blocked(c) <= now).collect();
        if free.is_empty() {
            return Err(all.into_iter().map(blocked).min().unwrap_or(SimTime::NEVER));
        }
        Ok(free[self.controllers.stream.below(free.len() as u64) as usize])
    }

    /// A controller says who leads the quorum.
    pub(super) fn learn_quorum(&mut self, from: NodeId, view: QuorumView) {
        let known = self.controllers.view;
        if view.epoch > known.epoch || (view.epoch == known.epoch && known.leader.is_none()) {
            self.controllers.view = view;
        }
        // Somebody other than the leader may name one that does not answer.
        if self.active_controller() == Some(from) || view.epoch > known.epoch {
            self.controllers.doubted = false;
        }
    }

    // --- P-58: producer ids ----------------------------------------------------------------------------------------------------

    /// A producer wants an id: the next of this broker's block, or one of the next block once the controller has given it.
    pub(super) fn on_init_producer_id(&mut self, caller: crate::effects::Caller, fx: &mut Effects<'_>) {
        self.producer_ids.waiting.push_back((caller, fx.cause));
        self.hand_out_producer_ids(fx);
    }

    /// A fresh id for a transaction coordinator, which has seen to it that there is one.
    pub(super) fn new_pid(&mut self) -> Pid {
        debug_assert!(self.producer_ids.left > 0, "asked for before");
        let pid = Pid(self.producer_ids.next);
        self.producer_ids.next += 1;
        self.producer_ids.left -= 1;
        pid
    }

    /// Has it an id to hand out? If not, it asks for the next block: COORDINATOR_LOAD_IN_PROGRESS until that has come.
    pub(super) fn has_producer_id(&mut self, fx: &mut Effects<'_>) -> bool {
        if self.producer_ids.left == 0 && !self.producer_ids.asked {
            self.request_producer_ids(fx);
        }
        self.producer_ids.left > 0
    }

    pub(super) fn hand_out_producer_ids(&mut self, fx: &mut Effects<'_>) {
        while self.producer_ids.left > 0 {
            let Some((caller, cause)) = self.producer_ids.waiting.pop_front() else { break };
            let pid = self.new_pid();
            fx.respond(&caller, self.node(), cause, crate::wire::Response::InitProducerId(pid));
        }
        if self.producer_ids.left == 0 && !self.producer_ids.waiting.is_empty() && !self.producer_ids.asked && self.is_up() {
            self.request_producer_ids(fx);
        }
    }

    fn request_producer_ids(&mut self, fx: &mut Effects<'_>) {
        let request = Request::AllocateProducerIds { broker: self.id, broker_epoch: self.epoch };
        let timeout = self.config().quorum_request_timeout;
        self.producer_ids.asked = true;
        if let Err(at) = self.ask_controller((Api::AllocateProducerIds, request), timeout, Asked::ProducerIds, fx) {
            self.agenda.add(at, Due::ProducerIds);
        }
    }

    pub(super) fn on_producer_ids(&mut self, error: ErrorCode, first: Pid, fx: &mut Effects<'_>) {
        self.producer_ids.asked = false;
        if error == ErrorCode::None {
            self.producer_ids.next = first.0;
            self.producer_ids.left = crate::controller::active::PRODUCER_ID_BLOCK;
            self.hand_out_producer_ids(fx);
        } else {
            self.agenda.add(fx.now + CONTROLLER_RETRY, Due::ProducerIds);
        }
    }
}

/// A broker's block of producer ids.
#[derive(Clone, Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    left: i64,
    /// The next block has been asked for.
    pub asked: bool,
    /// Producers that wait for an id.
    waiting: VecDeque<(crate::effects::Caller, TraceId)>,
}
