//! The sender: which batches go to whom and when, and what becomes of them (P-30..P-35, P-40..P-45).

use super::accumulator::{ProducerBatch, split};
use super::{Asked, Process, Producer};
use crate::config::Acks;
use crate::effects::Effects;
use crate::error_code::{Appended, ErrorCode};
use crate::ids::*;
use crate::net::client::Backoff;
use crate::net::metadata::any_server_at;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, TraceId, What};
use crate::wire::{Channel, ProducePart, ProduceResult, Request};

impl Producer {
    // --- metadata and producer id --------------------------------------------------------------------------------------------

    fn waits_for(&self, kind: impl Fn(&Asked) -> bool) -> bool {
        self.client.in_flight().any(|f| kind(&f.what))
    }

    pub(super) fn refresh_metadata(&mut self, fx: &mut Effects<'_>) {
        if fx.now >= self.metadata.due() && !self.waits_for(|a| matches!(a, Asked::Metadata)) {
            self.ask_any(Api::Metadata, Request::Metadata, Asked::Metadata, fx);
        }
    }

    pub(super) fn ask_for_pid(&mut self, fx: &mut Effects<'_>) {
        if self.numbers.wants_pid() && fx.now >= self.pid_after && !self.waits_for(|a| matches!(a, Asked::Pid)) {
            self.ask_any(Api::InitProducerId, Request::InitProducerId, Asked::Pid, fx);
        }
    }

    fn ask_any(&mut self, api: Api, request: Request, what: Asked, fx: &mut Effects<'_>) {
        let brokers = self.layout.scenario.cluster.brokers;
        if let Some(server) = self.metadata.any_server(&mut self.client, Channel::Client, brokers, fx) {
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.client.ask(fx, server, (api, request), timeout, cause, what);
        }
    }

    // --- readiness and drain ---------------------------------------------------------------------------------------------------

    fn leader_of(&self, position: usize) -> Option<(BrokerId, LeaderEpoch)> {
        self.metadata.leader(self.partition(position))
    }

    fn in_backoff(&self, position: usize, batch: &ProducerBatch, now: SimTime) -> bool {
        // P-31: a new leader is tried at once.
        let newer = self.leader_of(position).is_some_and(|(_, epoch)| epoch > batch.sent_in_epoch);
        batch.backoff_until > now && !newer
    }

    /// P-34, P-35: may the first batch of this queue be drained as far as order is concerned?
    fn order_allows(&self, position: usize) -> bool {
        let queue = &self.queues[position];
        if self.config().max_in_flight == 1 && !queue.in_flight.is_empty() {
            return false;
        }
        let partition = self.partition(position);
        self.transactions.as_ref().is_none_or(|t| t.may_send_to(partition)) && self.numbers.may_drain(position, queue)
    }

    /// P-30.
    fn is_ready(&self, position: usize, now: SimTime) -> bool {
        let queue = &self.queues[position];
        let Some(first) = queue.batches.front() else { return false };
        if self.in_backoff(position, first, now) || !self.order_allows(position) {
            return false;
        }
        let (config, memory_exhausted) = (self.config(), self.intents.front().is_some_and(|i| i.called.is_some()));
        queue.batches.len() > 1
            || first.is_full(config.batch_size)
            || first.attempts > 0
            || first.created + config.linger <= now
            || memory_exhausted
            || self.transactions.as_ref().is_some_and(|t| t.is_completing())
    }

    fn may_send_to(&self, leader: BrokerId) -> bool {
        let server = NodeId::Broker(leader);
        let in_flight = self.client.in_flight().filter(|f| f.server == server && matches!(f.what, Asked::Produce(_))).count();
        self.client.is_open(server, Channel::Client) && in_flight < self.config().max_in_flight as usize
    }

    /// Sends all that can be sent: for each broker with a ready partition one request with one batch of each of its partitions,
    /// again and again (P-32).
    pub(super) fn send_ready(&mut self, fx: &mut Effects<'_>) {
        for leader in self.layout.clone().broker_ids() {
            let mine = |p: usize, this: &Producer| this.leader_of(p).is_some_and(|(l, _)| l == leader);
            while (0..self.queues.len()).any(|p| mine(p, self) && self.is_ready(p, fx.now)) {
                self.client.open(fx, NodeId::Broker(leader), Channel::Client);
                if !self.may_send_to(leader) || !self.drain_to(leader, fx) {
                    break;
                }
            }
        }
        let leaderless = (0..self.queues.len()).any(|p| self.leader_of(p).is_none() && !self.queues[p].batches.is_empty());
        if leaderless {
            self.metadata.want();
        }
    }

    fn drain_to(&mut self, leader: BrokerId, fx: &mut Effects<'_>) -> bool {
        let n = self.queues.len();
        let mut drained = Vec::new();
        let mut bytes = 0;
        for position in (0..n).map(|i| (self.drain_from as usize + i) % n) {
            let Some((_, epoch)) = self.leader_of(position).filter(|(l, _)| *l == leader) else { continue };
            let Some(first) = self.queues[position].batches.front() else { continue };
            if !drained.is_empty() && bytes + first.bytes > self.config().max_request_size {
                break; // the rest goes with the next request
            }
            if self.in_backoff(position, first, fx.now) || !self.order_allows(position) {
                continue;
            }
            let mut batch = self.queues[position].batches.pop_front().expect("just seen");
            bytes += batch.bytes;
            batch.closed = true;
            batch.sent_in_epoch = epoch;
            self.numbers.stamp(position, &mut batch); // P-33
            drained.push((position, batch));
        }
        self.drain_from = (self.drain_from + 1) % n as u32;
        if drained.is_empty() {
            return false;
        }
        self.send_batches(leader, drained, fx);
        true
    }

    fn send_batches(&mut self, leader: BrokerId, drained: Vec<(usize, ProducerBatch)>, fx: &mut Effects<'_>) {
        let acks = match self.config().acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let timeout = self.config().request_timeout;
        let transactional_id = self.layout.producer_transactions[self.id.ix()];
        let mut cause = fx.cause;
        let mut parts = Vec::with_capacity(drained.len());
        let mut ids = Vec::with_capacity(drained.len());
        for (position, batch) in &drained {
            let partition = self.partition(*position);
            cause = fx.trace(What::BatchSent { producer: self.id, batch: batch.id, attempt: batch.attempts, to: leader });
            parts.push(ProducePart { partition, batch: batch.to_shared(transactional_id.is_some()) });
            ids.push((partition, batch.id));
        }
        let ask = (Api::Produce, Request::Produce { acks, timeout, transactional_id, parts });
        let server = NodeId::Broker(leader);
        if acks == 0 {
            self.client.post(fx, server, ask, cause);
            for (position, batch) in drained {
                self.numbers.acked(position, &batch);
                self.finish(&batch, ErrorCode::None, Offset::UNKNOWN, fx); // P-45
            }
        } else {
            self.client.ask(fx, server, ask, timeout, cause, Asked::Produce(ids));
            for (position, batch) in drained {
                self.queues[position].in_flight.push(batch);
            }
        }
    }

    // --- outcomes --------------------------------------------------------------------------------------------------------------

    pub(super) fn on_lost_request(&mut self, asked: Asked, error: ErrorCode, cause: TraceId, fx: &mut Effects<'_>) {
        self.metadata.want();
        match asked {
            Asked::Metadata => self.metadata.on_lost(fx.now, self.config().retry_backoff),
            Asked::Pid => self.pid_after = fx.now + self.config().retry_backoff,
            Asked::Transaction(step) => self.on_transaction_failure(&step, error, fx),
            Asked::Produce(batches) => {
                let before = std::mem::replace(&mut fx.cause, cause);
                for (partition, batch) in batches {
                    self.on_batch_result(partition, batch, error, Offset::UNKNOWN, fx);
                }
                fx.cause = before;
            }
        }
    }

    pub(super) fn on_produced(&mut self, batches: &[(PartitionId, BatchId)], results: &[ProduceResult], fx: &mut Effects<'_>) {
        for result in results {
            let batch = batches.iter().find(|(p, _)| *p == result.partition).expect("answers only what was asked").1;
            if let Some((leader, epoch)) = result.leader {
                self.metadata.retarget(result.partition, leader, epoch);
            }
            self.on_batch_result(result.partition, batch, result.error, result.base, fx);
        }
    }

    /// P-41: split if too large, retry, or fail, in that order of questions.
    fn on_batch_result(&mut self, partition: PartitionId, id: BatchId, error: ErrorCode, base: Offset, fx: &mut Effects<'_>) {
        let position = self.position(partition);
        // P-43: it may have expired while in flight; then its fate is told already.
        let Some(mut batch) = self.queues[position].take_in_flight(id) else { return };
        if error == ErrorCode::None {
            self.numbers.acked(position, &batch);
            return self.finish(&batch, error, base, fx);
        }
        if error.is_invalid_metadata() {
            self.metadata.want();
        }
        if error.appended() != Appended::No {
            batch.maybe_appended = true;
        }
        if error == ErrorCode::MessageTooLarge && batch.count() > 1 {
            return self.split_batch(position, &batch, fx); // P-44
        }
        let expired = batch.is_expired(fx.now, self.config().delivery_timeout);
        let may_retry = !expired && batch.attempts < self.config().retries && self.numbers.may_retry(position, &batch, error);
        if may_retry {
            return self.retry(position, batch, error, fx);
        }
        if expired {
            return self.fail_expired(position, &batch, fx);
        }
        let fate_is_known = batch.attempts < self.config().retries;
        self.batch_failed(error);
        self.numbers.failed(position, &batch, fate_is_known, &mut self.queues[position]); // P-55
        self.finish(&batch, error, Offset::UNKNOWN, fx);
    }

    fn retry(&mut self, position: usize, mut batch: ProducerBatch, error: ErrorCode, fx: &mut Effects<'_>) {
        let backoff = Backoff { first: self.config().retry_backoff, longest: self.config().retry_backoff_max };
        batch.backoff_until = fx.now + backoff.after(batch.attempts, &mut self.jitter); // P-31
        batch.attempts += 1;
        fx.trace(What::BatchRetried { batch: batch.id, error });
        self.queues[position].put_back(batch); // P-42
    }

    /// P-44: the parts take the place of the whole; no attempt is consumed.
    fn split_batch(&mut self, position: usize, batch: &ProducerBatch, fx: &mut Effects<'_>) {
        let partition = self.partition(position);
        self.release(batch);
        let mut parts = Vec::new();
        for records in split(&batch.records, batch.bytes) {
            let mut part = ProducerBatch::new(fx.new_batch_id(), batch.created, 0, records[0], batch.timestamp);
            for &record in &records[1..] {
                part.bytes += record.bytes;
                part.records.push(record);
            }
            part.closed = true;
            part.attempts = batch.attempts;
            part.allocated = u64::from(part.bytes);
            self.memory_used += part.allocated;
            parts.push(part);
        }
        fx.trace(What::BatchSplit { batch: batch.id, first: parts[0].id, parts: parts.len() as u32 });
        self.numbers.renumber_split(batch, &mut parts);
        for part in &parts {
            for record in &part.records {
                self.note_queued(record.message, part.id, partition, fx);
            }
        }
        for part in parts.into_iter().rev() {
            self.queues[position].put_back(part);
        }
    }

    /// P-43: batches whose time is over, queued or in flight. Their outcome is unknown.
    pub(super) fn expire_batches(&mut self, fx: &mut Effects<'_>) {
        let timeout = self.config().delivery_timeout;
        for position in 0..self.queues.len() {
            while let Some(batch) = self.take_expired(position, fx.now, timeout) {
                self.fail_expired(position, &batch, fx);
            }
        }
    }

    fn take_expired(&mut self, position: usize, now: SimTime, timeout: SimDuration) -> Option<ProducerBatch> {
        let queue = &mut self.queues[position];
        if let Some(at) = queue.in_flight.iter().position(|b| b.is_expired(now, timeout)) {
            let mut batch = queue.in_flight.remove(at);
            batch.maybe_appended = true;
            return Some(batch);
        }
        let at = queue.batches.iter().position(|b| b.is_expired(now, timeout))?;
        queue.batches.remove(at)
    }

    fn fail_expired(&mut self, position: usize, batch: &ProducerBatch, fx: &mut Effects<'_>) {
        self.numbers.expired(position, batch); // P-46
        self.batch_failed(ErrorCode::Timeout);
        self.metadata.want();
        self.finish(batch, ErrorCode::Timeout, Offset::UNKNOWN, fx);
    }

    /// A batch that fails takes its transaction with it.
    fn batch_failed(&mut self, error: ErrorCode) {
        if let Some(manager) = &mut self.transactions {
            manager.batch_failed(error);
        }
    }

    // --- when to be woken ------------------------------------------------------------------------------------------------------

    /// When it has to be woken.
    pub fn next_due(&self, now: SimTime) -> SimTime {
        if self.process != Process::Up {
            return SimTime::NEVER;
        }
        if now < self.spec().start {
            return self.spec().start;
        }
        let mut due = self.client.next_deadline();
        if self.scheduled < self.spec().messages {
            due = due.min(self.intent_time(self.scheduled));
        }
        if let Some(called) = self.intents.front().and_then(|i| i.called) {
            due = due.min(called + self.config().max_block);
        }
        if !self.waits_for(|a| matches!(a, Asked::Metadata)) {
            due = due.min(self.metadata.due().max(self.server_free_at(now)));
        }
        if self.numbers.wants_pid() && !self.waits_for(|a| matches!(a, Asked::Pid)) {
            due = due.min(self.pid_after.max(self.server_free_at(now)));
        }
        due = due.min(self.transactions_due(now));
        for position in 0..self.queues.len() {
            due = due.min(self.queue_due(position, now));
        }
        due.max(SimTime(now.0 + 1))
    }

    /// When any broker may be called again; now if one may be.
    fn server_free_at(&self, now: SimTime) -> SimTime {
        any_server_at(&self.client, Channel::Client, self.layout.scenario.cluster.brokers, now)
    }

    fn queue_due(&self, position: usize, now: SimTime) -> SimTime {
        let queue = &self.queues[position];
        let timeout = self.config().delivery_timeout;
        let oldest = queue.in_flight.iter().chain(&queue.batches).map(|b| b.created).min();
        let expiry = oldest.map_or(SimTime::NEVER, |created| created + timeout);
        let Some(first) = queue.batches.front() else { return expiry };
        let Some((leader, _)) = self.leader_of(position) else { return expiry };
        let sendable = if self.in_backoff(position, first, now) {
            first.backoff_until
        } else {
            let free = self.client.blocked_until(NodeId::Broker(leader), Channel::Client);
            let lingered = first.created + self.config().linger;
            // What is neither too young nor left alone waits for an answer, not for time.
            [lingered, free].into_iter().find(|&at| at > now).unwrap_or(SimTime::NEVER)
        };
        expiry.min(sendable)
    }
}
