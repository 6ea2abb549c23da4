//! A transactional producer's requests to its coordinator. While one is on its way nothing else is sent, as in Kafka's sender.

use super::transaction::{ClientState, Step};
use super::{Asked, Producer};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::Backoff;
use crate::net::metadata::any_server_at;
use crate::time::SimTime;
use crate::trace::{Api, What};
use crate::transaction::wire::{TxnRequest, TxnResponse};
use crate::wire::{Channel, Request, Response};

impl Producer {
    /// Is a request about transactions on its way?
    pub(super) fn coordinates(&self) -> bool {
        self.client.in_flight().any(|f| matches!(f.what, Asked::Transaction(_)))
    }

    /// Asks what is to be asked next.
    pub(super) fn run_transactions(&mut self, fx: &mut Effects<'_>) {
        self.abort_batches(fx);
        let incomplete = self.has_incomplete_batches();
        let (current, max_block) = (self.numbers.current(), self.config().max_block);
        let Some(manager) = &mut self.transactions else { return };
        if manager.call_times_out(fx.now, max_block) {
            fx.trace(What::TransactionEndTimedOut { producer: self.id });
        }
        if manager.ends_by_itself() && !incomplete {
            manager.complete(current);
        }
        if manager.after > fx.now || self.coordinates() {
            return;
        }
        let manager = self.transactions.as_ref().expect("just seen");
        let Some(step) = manager.next_step(incomplete) else { return };
        let timeout = self.config().transaction_timeout;
        let (server, ask) = match step {
            Step::FindGroupCoordinator(group) => (None, (Api::FindCoordinator, Request::FindCoordinator { group })),
            ref step => {
                let (server, request) = manager.request(step, current, timeout);
                (server, (api_of(&request), Request::Transaction(Box::new(request))))
            }
        };
        let channel = Channel::of(ask.0, self.node());
        let server = match server {
            Some(broker) => {
                let server = NodeId::Broker(broker);
                self.client.open(fx, server, channel);
                self.client.is_open(server, channel).then_some(server)
            }
            None => {
                let brokers = self.layout.scenario.cluster.brokers;
                self.metadata.any_server(&mut self.client, channel, brokers, fx)
            }
        };
        match server {
            Some(server) => {
                let (timeout, cause) = (self.config().request_timeout, fx.cause);
                self.client.ask(fx, server, ask, timeout, cause, Asked::Transaction(step));
            }
            None => self.call_another_coordinator(&step, fx.now),
        }
    }

    /// A coordinator that cannot be reached is looked for again: another broker may have taken over.
    fn call_another_coordinator(&mut self, step: &Step, now: SimTime) {
        let manager = self.transactions.as_mut().expect("it has something to ask");
        let of_group = *step == Step::CommitOffsets;
        let known = if of_group { &mut manager.group_coordinator } else { &mut manager.coordinator };
        let unreachable = |b: &BrokerId| {
            let at = self.client.blocked_until(NodeId::Broker(*b), Channel::Client);
            at > now && at != SimTime::NEVER
        };
        if !matches!(step, Step::FindCoordinator | Step::FindGroupCoordinator(_)) && known.as_ref().is_some_and(unreachable) {
            *known = None;
        }
    }

    pub(super) fn on_transaction_answer(&mut self, step: &Step, response: Response, fx: &mut Effects<'_>) {
        let current = self.numbers.current();
        let manager = self.transactions.as_mut().expect("only transactional producers ask");
        let (error, numbers) = match response {
            Response::FindCoordinator { error, coordinator } => {
                manager.group_coordinator = coordinator;
                (error, current)
            }
            Response::Transaction(TxnResponse::FindCoordinator { error, coordinator }) => {
                manager.coordinator = coordinator;
                (error, current)
            }
            Response::Transaction(TxnResponse::Producer { error, producer }) => (error, producer),
            Response::Transaction(TxnResponse::Done { error }) => (error, current),
            _ => unreachable!("an answer to something else"),
        };
        if error != ErrorCode::None {
            return self.on_transaction_failure(step, error, fx);
        }
        manager.succeeded(step, numbers);
        if numbers != current {
            self.numbers.on_numbers(numbers);
        }
    }

    pub(super) fn on_transaction_failure(&mut self, step: &Step, error: ErrorCode, fx: &Effects<'_>) {
        let backoff = Backoff { first: self.config().retry_backoff, longest: self.config().retry_backoff_max };
        let attempts = self.transactions.as_ref().map_or(0, |m| m.attempts);
        let wait = backoff.after(attempts, &mut self.jitter);
        self.transactions.as_mut().expect("only transactional producers ask").failed(step, error, fx.now, wait);
    }

    pub(super) fn has_incomplete_batches(&self) -> bool {
        self.queues.iter().any(|q| !q.batches.is_empty() || !q.in_flight.is_empty())
    }

    /// What an aborted transaction has not sent yet is not sent; what a producer has that must be closed, neither.
    pub(super) fn abort_batches(&mut self, fx: &mut Effects<'_>) {
        let Some(state) = self.transactions.as_ref().map(|m| m.state) else { return };
        if !matches!(state, ClientState::AbortableError | ClientState::Aborting | ClientState::FatalError) {
            return;
        }
        let fatal = state == ClientState::FatalError;
        for position in 0..self.queues.len() {
            let queue = &mut self.queues[position];
            let mut gone = if fatal { std::mem::take(&mut queue.in_flight) } else { Vec::new() };
            gone.extend(queue.take_unsent(fatal));
            for mut batch in gone {
                batch.maybe_appended |= batch.has_sequence();
                self.finish(&batch, ErrorCode::TransactionAborted, Offset::UNKNOWN, fx);
            }
        }
    }

    /// When the next request about transactions may be sent.
    pub(super) fn transactions_due(&self, now: SimTime) -> SimTime {
        let Some(manager) = &self.transactions else { return SimTime::NEVER };
        let late = manager.call_due(self.config().max_block);
        let Some(step) = manager.next_step(self.has_incomplete_batches()).filter(|_| !self.coordinates()) else {
            return late;
        };
        let known = match step {
            Step::FindCoordinator | Step::FindGroupCoordinator(_) => None,
            Step::CommitOffsets => manager.group_coordinator,
            _ => manager.coordinator,
        };
        let free = match known {
            Some(broker) => self.client.blocked_until(NodeId::Broker(broker), Channel::Client),
            None => any_server_at(&self.client, Channel::Coordinator, self.layout.scenario.cluster.brokers, now),
        };
        manager.after.max(free).min(late)
    }
}

fn api_of(request: &TxnRequest) -> Api {
    match request {
        TxnRequest::FindCoordinator { .. } => Api::FindCoordinator,
        TxnRequest::InitProducerId { .. } => Api::InitProducerId,
        TxnRequest::AddPartitions { .. } => Api::AddPartitionsToTxn,
        TxnRequest::BrokerAddPartitions { .. } => Api::BrokerAddPartitionsToTxn,
        TxnRequest::AddOffsets { .. } => Api::AddOffsetsToTxn,
        TxnRequest::OffsetCommit(_) => Api::TxnOffsetCommit,
        TxnRequest::End { .. } => Api::EndTxn,
        TxnRequest::WriteMarkers(_) => Api::WriteTxnMarkers,
    }
}
