//! An application that does not send at all, but calls a service and waits for the answer, one call a thread (S-16).

use super::threads::{Blocked, Intent};
use super::{Asked, Producer};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::scenario::{SendMode, SendStep};
use crate::time::SimTime;
use crate::trace::{Api, SendOutcome, What};
use crate::wire::{Channel, Request};

const SERVICE: NodeId = NodeId::Store(StoreId::Service);

impl Producer {
    /// Does it call, instead of sending?
    pub(super) fn calls(&self) -> bool {
        self.spec().send == SendMode::Call
    }

    /// Calls, once the connection is open; blocks until then. False: there is none to be had.
    pub(super) fn call(&mut self, intent: &mut Intent, fx: &mut Effects<'_>) -> Result<bool, Blocked> {
        let since = *intent.called.get_or_insert(fx.now);
        self.client.open(fx, SERVICE, Channel::Client);
        let timeout = self.config().request_timeout;
        if self.client.is_open(SERVICE, Channel::Client) {
            let request = (Api::Call, Request::Call(intent.message));
            self.client.ask(fx, SERVICE, request, timeout, fx.cause, Asked::Call(intent.message));
            self.comes_to(SendStep::Send, true, intent.message, fx);
            return Ok(true);
        }
        let opening = self.client.blocked_until(SERVICE, Channel::Client) == SimTime::NEVER;
        if opening && fx.now < since + timeout {
            return Err(Blocked);
        }
        // Nothing has been asked: surely nothing was done.
        self.called(intent.message, SendOutcome::Rejected, ErrorCode::NetworkException, fx);
        Ok(false)
    }

    /// How a call ended.
    pub(super) fn called(&mut self, message: MessageId, outcome: SendOutcome, error: ErrorCode, fx: &mut Effects<'_>) {
        if !self.comes_to(SendStep::Result, false, message, fx) {
            fx.trace(What::SendReported { producer: self.id, message, outcome, error });
            self.comes_to(SendStep::Result, true, message, fx);
        }
    }
}
