//! A producing application and its client: the workload's intents, `send()`, the accumulator, the sender.

pub mod accumulator;
mod application;
mod calling;
mod compression;
mod coordination;
pub(crate) mod forwarding;
mod idempotence;
mod keeping;
mod outcomes;
mod pool;
mod sender;
mod threads;
mod transaction;

use crate::config::ProducerConfig;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::net::client::{Answered, Backoff, Client};
use crate::net::metadata::MetadataCache;
use crate::partitioner::{RoundRobin, Sticky};
use crate::rng::Stream;
use crate::rows::Map;
use crate::scenario::ProducerSpec;
use crate::time::{SimDuration, SimTime};
use crate::trace::{SendOutcome, What};
use crate::wire::{Body, Connection, Packet, Response};
use accumulator::Queue;
use application::TransactionLoop;
use compression::Estimate;
use forwarding::Round;
use idempotence::Numbers;
use keeping::Keeping;
pub use keeping::SendTrap;
use pool::BufferPool;
use sender::NodeLatency;
use std::collections::VecDeque;
use std::sync::Arc;
use threads::{Intent, Thread};
use transaction::{ClientState, Step, TransactionManager};

/// How a producer's process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Up.
    Up,
    /// Closed after a clean end.
    Stopped,
    /// Ended without a word: what was buffered is gone (LOSS-P7).
    Crashed,
    /// Its machine lost power: the same for a producer, but nobody is told.
    PoweredOff,
}

/// What the client remembers of its requests.
#[derive(Clone, Debug)]
enum Asked {
    Metadata,
    Pid,
    /// The batches of a produce request, by partition.
    Produce(Vec<(PartitionId, BatchId)>),
    Transaction(Step),
    /// A service, about this message.
    Call(MessageId),
}

/// A producer.
#[derive(Clone, Debug)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    layout: Arc<Layout>,
    /// Its own part of the layout's scenario: it is looked into at every turn.
    spec: Arc<ProducerSpec>,
    /// How its process is.
    pub process: Process,
    client: Client<Asked>,
    keys: Stream,
    jitter: Stream,
    sticky: Sticky,
    metadata: MetadataCache,
    /// How much of the workload's schedule has passed.
    scheduled: u32,
    /// Intended, not yet in the hands of a thread.
    intents: VecDeque<Intent>,
    /// The application's threads, which call `send()`.
    threads: Vec<Thread>,
    round_robin: RoundRobin,
    /// By position in the topic.
    queues: Vec<Queue>,
    /// No batch expires before that (P-43): until then none is looked at.
    expires_from: SimTime,
    pool: BufferPool,
    /// What is believed of the compression.
    estimate: Estimate,
    numbers: Numbers,
    pid_after: SimTime,
    /// P-12: `send()` has given the sender something to do.
    wakeup: bool,
    /// When the sender has something to do, if time alone decides; worked out when it has done all that it could.
    sender_due: SimTime,
    /// P-32: for each broker, which of its partitions the next round starts at.
    drain_from: Map<BrokerId, u32>,
    /// P-26.
    latency: Map<BrokerId, NodeLatency>,
    /// P-48: `close()` has been called, and waits until then.
    closing: Option<SimTime>,
    /// With a transactional.id.
    transactions: Option<TransactionManager>,
    application: TransactionLoop,
    /// What the application does for its messages besides.
    keeping: Keeping,
    /// Of a consuming application that forwards.
    round: Round,
}

impl Producer {
    /// A producer that has not begun.
    pub fn new(id: ProducerId, layout: Arc<Layout>) -> Producer {
        let spec = &layout.scenario.producers[id.ix()];
        let seed = layout.scenario.seed;
        let stream = |purpose: &str| Stream::new(seed, &format!("{purpose} {}", spec.name));
        let reconnect = Backoff { first: spec.config.reconnect_backoff, longest: spec.config.reconnect_backoff_max };
        let partitions = layout.partitions_at_start(spec.topic);
        let version = layout.scenario.cluster.rules.transaction_version;
        Producer {
            id,
            process: Process::Up,
            client: Client::new(NodeId::Producer(id), reconnect, stream("reconnect")),
            keys: stream("keys"),
            jitter: stream("retry"),
            sticky: Sticky::new(stream("partitioner"), spec.config.batch_size.max(1)).expect("at least 1"),
            metadata: MetadataCache::new(id.0),
            scheduled: 0,
            intents: VecDeque::new(),
            threads: vec![Thread::default(); usize::from(spec.threads)],
            round_robin: RoundRobin::default(),
            queues: vec![Queue::default(); partitions],
            expires_from: SimTime::NEVER,
            pool: BufferPool::new(spec.config.buffer_memory),
            estimate: Estimate::INITIAL,
            numbers: Numbers::new(partitions, &spec.config),
            pid_after: SimTime::ZERO,
            wakeup: false,
            sender_due: SimTime::ZERO,
            drain_from: Map::new(),
            latency: Map::new(),
            closing: None,
            transactions: layout.producer_transactions[id.ix()].map(|t| TransactionManager::new(t, version)),
            application: TransactionLoop::default(),
            keeping: Keeping::new(),
            round: Round::default(),
            spec: Arc::new(spec.clone()),
            layout,
        }
    }

    fn spec(&self) -> &ProducerSpec {
        &self.spec
    }

    #[inline]
    fn config(&self) -> &ProducerConfig {
        &self.spec().config
    }

    fn node(&self) -> NodeId {
        NodeId::Producer(self.id)
    }

    /// The partition at a position of the topic.
    #[inline]
    fn partition(&self, position: usize) -> PartitionId {
        self.layout.topics[self.spec().topic.ix()][position]
    }

    #[inline]
    fn position(&self, partition: PartitionId) -> usize {
        self.layout.partition(partition).number as usize
    }

    /// P-23: from now on records are spread over all partitions that its metadata shows.
    fn learn_partitions(&mut self) {
        let known = self.layout.topics[self.spec().topic.ix()].iter().filter(|p| self.metadata.knows(**p)).count();
        if known > self.queues.len() {
            self.queues.resize_with(known, Queue::default);
            self.numbers.grow(known);
        }
    }

    /// Records in the accumulator.
    pub fn queued(&self) -> u32 {
        let in_hand = self.threads.iter().filter(|thread| thread.is_sending()).count();
        (self.intents.len() + in_hand) as u32 + self.queues.iter().map(Queue::queued_records).sum::<u32>()
    }

    /// Produce requests without an answer.
    pub fn requests_in_flight(&self) -> u32 {
        self.client.in_flight().filter(|f| matches!(f.what, Asked::Produce(_))).count() as u32
    }

    /// Nothing left to send or to hear of.
    pub fn is_done(&self) -> bool {
        let called = self.calls() && self.threads.iter().any(Thread::is_waiting);
        let idle = self.intents.is_empty() && !self.threads.iter().any(Thread::is_sending) && !called;
        self.scheduled == self.spec().messages
            && idle
            && self.keeping.is_idle()
            && !self.has_incomplete_batches()
            && !self.has_open_transaction()
    }

    /// How many partitions it knows its topic to have.
    pub fn partitions(&self) -> u32 {
        self.queues.len() as u32
    }

    /// When the oldest batch was made that waits or is in flight.
    pub fn oldest_batch(&self) -> Option<SimTime> {
        self.queues.iter().flat_map(|q| q.batches.iter().chain(&q.in_flight)).map(|batch| batch.created).min()
    }

    /// P-48: `close()` waits for what is buffered.
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// A packet arrived. False: nobody waits for this answer any more.
    pub fn handle(&mut self, packet: &mut Packet, fx: &mut Effects<'_>) -> bool {
        let Body::Response(response) = packet.take_body() else { unreachable!("nobody asks a producer") };
        let asked = match self.client.answered(packet.correlation) {
            None => return false,
            Some(Answered::Opened) => {
                self.work(fx);
                return true;
            }
            Some(Answered::Request(asked)) => asked,
        };
        match (asked.what, response) {
            (Asked::Metadata, Response::Metadata(answer)) => {
                let (backoff, max_age) = (self.config().retry_backoff, self.config().metadata_max_age);
                self.metadata.on_answer(answer, fx.now, backoff, max_age);
                self.learn_partitions();
            }
            (Asked::Pid, Response::InitProducerId(pid)) => self.numbers.on_pid(pid),
            (Asked::Produce(batches), Response::Produce(results)) => self.on_produced(&batches, &results, fx),
            (Asked::Call(message), Response::Called) => self.called(message, SendOutcome::Acked, ErrorCode::None, fx),
            (Asked::Transaction(step), response) => self.on_transaction_answer(&step, response, fx),
            _ => unreachable!("an answer to something else"),
        }
        self.work(fx);
        true
    }

    /// A broker closed or refused a connection.
    pub fn disconnected(&mut self, connection: Connection, fx: &mut Effects<'_>) {
        let lost = self.client.disconnected(fx, connection);
        for (lost, event) in lost {
            self.on_lost_request(lost.what, ErrorCode::NetworkException, event, fx);
        }
        self.metadata.want();
        self.work(fx);
    }

    /// Its time has come.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        if self.process != Process::Up {
            if fx.now >= self.keeping.rises_at {
                self.start(fx);
            }
            return;
        }
        if fx.now < self.sender_due && self.leaves_sender_alone() {
            self.make_intents(fx);
            self.run_application(fx);
            if self.wakeup {
                self.run_sender(fx);
            }
            return;
        }
        for (lost, late, event) in self.client.expire(fx) {
            // P-40: the late one timed out, its neighbours lost their connection.
            let error = if late { ErrorCode::RequestTimedOut } else { ErrorCode::NetworkException };
            self.on_lost_request(lost.what, error, event, fx);
        }
        self.work(fx);
    }

    /// Everything that can be done now, in the order of Kafka's sender loop, with the application's thread first.
    fn work(&mut self, fx: &mut Effects<'_>) {
        if self.process != Process::Up || fx.now < self.spec().start {
            return;
        }
        self.make_intents(fx);
        if self.closing.is_none() {
            self.run_job(fx);
            self.run_application(fx);
        }
        if self.is_dying() {
            return self.die(fx);
        }
        if self.calls() && self.closing.is_none() {
            self.sender_due = self.client.next_deadline();
            return;
        }
        self.run_sender(fx);
    }

    /// P-12: does the sender sleep until `send()` wakes it or time does? Not while it notes who could have taken something (P-26), nor
    /// where the application and it wait for each other.
    fn leaves_sender_alone(&self) -> bool {
        let alone = self.transactions.is_none() && self.spec().feeder.is_none() && self.closing.is_none();
        alone && !self.keeps() && !self.has_traps() && self.config().availability_timeout == SimDuration::ZERO
    }

    fn run_sender(&mut self, fx: &mut Effects<'_>) {
        self.expire_batches(fx);
        if self.is_close_over(fx.now) {
            return self.close_now(fx);
        }
        self.resolve_numbers();
        self.refresh_metadata(fx);
        self.ask_for_pid(fx);
        self.send(fx);
        if self.transactions.is_some() && self.is_close_over(fx.now) {
            return self.close_now(fx); // nothing of the transaction had reached the cluster
        }
        // What was sent or expired may have freed the application's threads, and what they queue then may be sent at once.
        while self.closing.is_none() && self.run_application(fx) {
            self.send(fx);
        }
        self.wakeup = false;
        self.sender_due = self.sender_next_due(fx.now);
        self.die(fx);
    }

    /// One round of the sender: requests about transactions first, and while one is on its way no batches.
    fn send(&mut self, fx: &mut Effects<'_>) {
        self.run_transactions(fx);
        if !self.coordinates() {
            self.send_ready(fx);
        }
    }

    /// P-47, P-52.
    fn resolve_numbers(&mut self) {
        let unresolved = self.numbers.resolve(&self.queues);
        if let (Some(manager), true) = (&mut self.transactions, unresolved) {
            manager.abortable(ErrorCode::OutOfOrderSequenceNumber);
        }
        self.numbers.bump_if_asked(&mut self.queues);
    }

    // --- the process ---------------------------------------------------------------------------------------------------------

    /// The process ends without a word, or is closed: then what is buffered is still sent, within the time that `close()` is given (P-48).
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        if process == Process::Stopped && self.spec().feeder.is_none() {
            let limit = self.spec().close.map_or(SimTime::NEVER, |limit| fx.now + limit);
            self.closing = Some(self.closing.map_or(limit, |before| before.min(limit)));
            self.stop_sending(fx);
            return self.work(fx);
        }
        let node = self.node();
        let what = if process == Process::Stopped {
            What::Stopped { node }
        } else {
            What::Crashed { node, power: process == Process::PoweredOff }
        };
        self.end(process, what, fx);
    }

    /// P-48: has `close()` waited long enough, or is nothing left to wait for? What is open when everything has been sent is aborted.
    fn is_close_over(&mut self, now: SimTime) -> bool {
        let Some(until) = self.closing else { return false };
        if until <= now {
            return true;
        }
        if self.has_incomplete_batches() {
            return false;
        }
        match self.transactions.as_ref().map(|manager| manager.state) {
            None | Some(ClientState::Initializing | ClientState::Ready | ClientState::FatalError) => true,
            Some(ClientState::Committing | ClientState::Aborting) => false,
            Some(ClientState::InTransaction | ClientState::AbortableError) => {
                self.abort(Some(ErrorCode::ProducerClosed));
                false
            }
        }
    }

    /// `close()` is over: what is still buffered or in flight is given up, and the application is told.
    fn close_now(&mut self, fx: &mut Effects<'_>) {
        for position in 0..self.queues.len() {
            let mut queue = std::mem::take(&mut self.queues[position]);
            queue.in_flight.iter_mut().for_each(|batch| batch.maybe_appended = true);
            for batch in queue.batches.into_iter().chain(queue.in_flight) {
                self.finish(&batch, ErrorCode::ProducerClosed, Offset::UNKNOWN, fx);
            }
        }
        self.end_open_transaction(fx);
        let what = What::Stopped { node: self.node() };
        self.end(Process::Stopped, what, fx);
    }

    fn end(&mut self, process: Process, what: What, fx: &mut Effects<'_>) {
        self.process = process;
        self.sender_due = SimTime::ZERO;
        fx.trace(what);
        self.client.reset(fx);
        self.intents.clear();
        self.threads.fill(Thread::default());
        self.queues.iter_mut().for_each(|q| *q = Queue::default());
        self.pool = BufferPool::new(self.config().buffer_memory);
        self.closing = None;
        self.keeping.forget();
        self.round = Round::default();
        self.forget_transaction();
    }

    /// A new process: nothing buffered, a fresh producer id (P-58), the rest of the workload ahead.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        self.keeping.rises_at = SimTime::NEVER;
        fx.cause = fx.trace(What::Started { node: self.node() });
        self.metadata = MetadataCache::new(self.id.0);
        self.queues.truncate(self.layout.partitions_at_start(self.spec().topic));
        self.numbers = Numbers::new(self.queues.len(), self.config());
        self.expires_from = SimTime::NEVER;
        self.estimate = Estimate::INITIAL;
        self.drain_from.clear();
        self.latency.clear();
        // What came due while it was down was never intended by anybody.
        while self.scheduled < self.spec().messages && self.intent_time(self.scheduled) < fx.now {
            self.scheduled += 1;
        }
        self.work(fx);
    }
}
