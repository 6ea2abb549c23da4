//! The sender: which batches go to whom and when (P-30..P-35, P-45).

use super::accumulator::ProducerBatch;
use super::{Asked, Process, Producer};
use crate::bug::Bug;
use crate::config::Acks;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::metadata::any_server_at;
use crate::partitioner::LoadStats;
use crate::record::Sequence;
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, What};
use crate::wire::{Channel, ProducePart, Request};

/// P-26: how a broker has kept up.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeLatency {
    /// Something was ready for it then, the last time.
    ready: SimTime,
    /// And could be sent then, the last time.
    drained: SimTime,
}

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

    #[inline]
    fn leader_of(&self, position: usize) -> Option<(BrokerId, LeaderEpoch)> {
        self.metadata.leader(self.partition(position))
    }

    fn in_backoff(&self, position: usize, batch: &ProducerBatch, now: SimTime) -> bool {
        // P-31: a new leader is tried at once.
        let newer = || self.leader_of(position).is_some_and(|(_, epoch)| epoch > batch.sent_in_epoch);
        batch.backoff_until > now && !newer()
    }

    /// P-35: with one request in flight a partition waits for the answer to its last batch.
    fn is_muted(&self, position: usize) -> bool {
        self.config().max_in_flight == 1 && !self.queues[position].in_flight.is_empty()
    }

    /// P-30: does time or anything else call for the first batch of this queue?
    fn is_sendable(&self, position: usize, now: SimTime) -> bool {
        let queue = &self.queues[position];
        let Some(first) = queue.batches.front() else { return false };
        if self.in_backoff(position, first, now) || self.is_muted(position) {
            return false;
        }
        let exhausted = self.pool.has_waiters();
        let full = queue.batches.len() > 1 || first.is_full();
        let completing = self.transactions.as_ref().is_some_and(|t| t.is_completing());
        let flushing = self.closing.is_some() || self.is_flushing();
        full || first.created + self.config().linger <= now || exhausted || completing || flushing
    }

    /// The leaders for whose partitions something is sendable; and what there is to know of the load (P-25, P-26).
    fn ready_leaders(&mut self, now: SimTime) -> BrokerSet {
        let mut leaders = BrokerSet::EMPTY;
        let mut load = Vec::new();
        // Only a record without a key is put where the load is low; and until each partition has had a batch, those that had none would
        // not be known.
        let known = self.uses_load() && self.queues.iter().all(|q| q.used);
        let mut leaderless = false;
        for position in 0..self.queues.len() {
            let waiting = self.queues[position].batches.len() as u32;
            if waiting == 0 && !known {
                continue;
            }
            let Some((leader, _)) = self.leader_of(position) else {
                leaderless |= waiting > 0;
                continue;
            };
            if known && (waiting == 0 || self.is_available(leader)) {
                load.push((position as u32, waiting));
            }
            if !leaders.contains(leader) && self.is_sendable(position, now) {
                leaders = leaders.with(leader);
            }
        }
        if leaderless {
            self.metadata.want();
        }
        self.sticky.set_load(if known { LoadStats::of(&load, self.queues.len()) } else { None });
        leaders
    }

    /// P-25: are there records that go where the load is low?
    fn uses_load(&self) -> bool {
        self.config().adaptive_partitioning && (self.spec().keys == 0 || self.config().ignore_keys)
    }

    /// P-26: has this broker taken what was ready for it within partitioner.availability.timeout.ms?
    fn is_available(&self, leader: BrokerId) -> bool {
        let limit = self.config().availability_timeout;
        let stats = self.latency.get(&leader);
        limit == SimDuration::ZERO || stats.is_none_or(|stats| stats.ready.since(stats.drained) <= limit)
    }

    fn may_send_to(&self, leader: BrokerId) -> bool {
        let server = NodeId::Broker(leader);
        let in_flight = self.client.in_flight().filter(|f| f.server == server && matches!(f.what, Asked::Produce(_))).count();
        self.client.is_open(server, Channel::Client) && in_flight < self.config().max_in_flight as usize
    }

    /// Sends all that can be sent: one request to each broker that something is ready for, again and again.
    pub(super) fn send_ready(&mut self, fx: &mut Effects<'_>) {
        loop {
            let mut sent = false;
            for leader in self.ready_leaders(fx.now).iter() {
                self.client.open(fx, NodeId::Broker(leader), Channel::Client);
                let can_drain = self.may_send_to(leader);
                if self.config().availability_timeout > SimDuration::ZERO {
                    let stats = self.latency.entry(leader).or_insert(NodeLatency { ready: fx.now, drained: fx.now });
                    stats.ready = fx.now;
                    if can_drain {
                        stats.drained = fx.now;
                    }
                }
                sent |= can_drain && self.drain_to(leader, fx);
            }
            if !sent {
                return;
            }
        }
    }

    /// P-32: one batch of each of the broker's partitions, beginning where the last round to this broker ended, up to max.request.size. A
    /// partition that has to keep its order (P-34) ends the round, also for those behind it.
    fn drain_to(&mut self, leader: BrokerId, fx: &mut Effects<'_>) -> bool {
        let is_led = |producer: &Producer, p: usize| producer.leader_of(p).is_some_and(|(broker, _)| broker == leader);
        let led = (0..self.queues.len()).filter(|&p| is_led(self, p)).count();
        let mut drained: Vec<(usize, ProducerBatch)> = Vec::new();
        let mut bytes = 0;
        let start = self.drain_from.get(&leader).map_or(0, |&from| from as usize % led);
        let first = (0..self.queues.len()).filter(|&p| is_led(self, p)).nth(start).unwrap_or(0);
        let (mut turn, mut last_turn) = (start, start);
        for position in (first..self.queues.len()).chain(0..first) {
            if !is_led(self, position) {
                continue;
            }
            last_turn = turn;
            turn = (turn + 1) % led;
            if self.is_muted(position) {
                continue;
            }
            let Some(first) = self.queues[position].batches.front() else { continue };
            if self.in_backoff(position, first, fx.now) {
                continue;
            }
            let fits = drained.is_empty() || bytes + first.estimated_bytes() <= self.config().max_request_size;
            if !fits || !self.order_allows(position) {
                break;
            }
            drained.push((position, self.take_first(position)));
            bytes += drained.last().expect("just pushed").1.bytes();
        }
        self.drain_from.insert(leader, last_turn as u32);
        if drained.is_empty() {
            return false;
        }
        self.send_batches(leader, drained, fx);
        true
    }

    /// P-34: may the first batch of this queue be drained as far as order and transactions are concerned?
    fn order_allows(&self, position: usize) -> bool {
        let partition = self.partition(position);
        let joined = self.transactions.as_ref().is_none_or(|t| t.may_send_to(partition));
        joined && self.numbers.may_drain(position, &self.queues[position])
    }

    fn take_first(&mut self, position: usize) -> ProducerBatch {
        let epoch = self.leader_of(position).expect("it has a leader").1;
        let mut batch = self.queues[position].batches.pop_front().expect("just seen");
        if !batch.closed {
            batch.closed = true;
            self.estimate.observe(self.config().compression.per_mille());
        }
        batch.sent_in_epoch = epoch;
        if self.layout.scenario.has_bug(Bug::RenumbersRetries) {
            batch.sequence = Sequence::NONE;
        }
        self.numbers.stamp(position, &mut batch); // P-33
        batch
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
                self.numbers.acked(position, &batch, Offset::UNKNOWN);
                self.finish(&batch, ErrorCode::None, Offset::UNKNOWN, fx); // P-45
            }
        } else {
            self.client.ask(fx, server, ask, timeout, cause, Asked::Produce(ids));
            for (position, batch) in drained {
                self.queues[position].in_flight.push(batch);
            }
        }
    }

    // --- when to be woken ------------------------------------------------------------------------------------------------------

    /// When it has to be woken.
    pub fn next_due(&self, now: SimTime) -> SimTime {
        if self.process != Process::Up {
            return self.keeping.rises_at;
        }
        if now < self.spec().start {
            return self.spec().start;
        }
        let mut due = self.sender_due;
        if self.scheduled < self.spec().messages && self.closing.is_none() {
            due = due.min(self.intent_time(self.scheduled));
        }
        if self.keeps() && self.closing.is_none() {
            due = due.min(self.keeping_due());
        }
        due.min(self.threads_due(now)).max(SimTime(now.0 + 1))
    }

    /// When time alone will give the sender something to do.
    pub(super) fn sender_next_due(&self, now: SimTime) -> SimTime {
        let mut due = self.client.next_deadline().min(self.closing.unwrap_or(SimTime::NEVER));
        // What would come later than that is not looked into.
        if self.metadata.due() < due && !self.waits_for(|a| matches!(a, Asked::Metadata)) {
            due = due.min(self.metadata.due().max(self.server_free_at(now)));
        }
        if self.numbers.wants_pid() && !self.waits_for(|a| matches!(a, Asked::Pid)) {
            due = due.min(self.pid_after.max(self.server_free_at(now)));
        }
        due = due.min(self.transactions_due(now)).min(self.expires_from);
        for position in 0..self.queues.len() {
            due = due.min(self.queue_due(position, now));
        }
        due
    }

    /// When any broker may be called again; now if one may be.
    fn server_free_at(&self, now: SimTime) -> SimTime {
        any_server_at(&self.client, Channel::Client, self.layout.scenario.cluster.brokers, now)
    }

    /// When time alone will let something be sent from this queue.
    fn queue_due(&self, position: usize, now: SimTime) -> SimTime {
        let Some(first) = self.queues[position].batches.front() else { return SimTime::NEVER };
        let Some((leader, _)) = self.leader_of(position) else { return SimTime::NEVER };
        if self.in_backoff(position, first, now) {
            return first.backoff_until;
        }
        let lingered = first.created + self.config().linger;
        if lingered > now && !self.is_sendable(position, now) {
            return lingered;
        }
        // What is neither too young nor left alone waits for an answer, not for time.
        let free = self.client.blocked_until(NodeId::Broker(leader), Channel::Client);
        if free > now { free } else { SimTime::NEVER }
    }
}
