//! A producing application and its client: the workload's intents, `send()`, the accumulator, the sender.

pub mod accumulator;
mod application;
mod coordination;
pub(crate) mod forwarding;
mod idempotence;
mod sender;
mod transaction;

use crate::config::ProducerConfig;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::net::client::{Answered, Backoff, Client};
use crate::net::metadata::MetadataCache;
use crate::partitioner::{self, Sticky};
use crate::record::{BATCH_OVERHEAD, Record};
use crate::rng::Stream;
use crate::scenario::{ProducerSpec, SendMode};
use crate::time::{SimTime, Timestamp};
use crate::trace::{SendOutcome, What};
use crate::wire::{Body, Connection, Packet, Response};
use accumulator::{ProducerBatch, Queue};
use application::TransactionLoop;
use forwarding::Round;
use idempotence::Numbers;
use std::collections::VecDeque;
use std::sync::Arc;
use transaction::{Step, TransactionManager};

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
}

/// A message that the application wants sent, before `send()` has taken it.
#[derive(Clone, Copy, Debug)]
struct Intent {
    message: MessageId,
    key: Option<u32>,
    tombstone: bool,
    /// `send()` was called for it then, and blocks (P-10).
    called: Option<SimTime>,
}

/// A producer.
#[derive(Clone, Debug)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    client: Client<Asked>,
    keys: Stream,
    jitter: Stream,
    sticky: Sticky,
    metadata: MetadataCache,
    /// How much of the workload's schedule has passed.
    scheduled: u32,
    /// Intended, not taken by `send()`.
    intents: VecDeque<Intent>,
    /// `sync`: the message that the application waits for.
    awaited: Option<MessageId>,
    /// By position in the topic.
    queues: Vec<Queue>,
    memory_used: u64,
    numbers: Numbers,
    pid_after: SimTime,
    /// First partition of the topic that the next drain starts at (P-32).
    drain_from: u32,
    /// With a transactional.id.
    transactions: Option<TransactionManager>,
    application: TransactionLoop,
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
        let partitions = layout.topics[spec.topic.ix()].len();
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
            awaited: None,
            queues: vec![Queue::default(); partitions],
            memory_used: 0,
            numbers: Numbers::new(partitions, &spec.config),
            pid_after: SimTime::ZERO,
            drain_from: 0,
            transactions: layout.producer_transactions[id.ix()].map(|t| TransactionManager::new(t, version)),
            application: TransactionLoop::default(),
            round: Round::default(),
            layout,
        }
    }

    fn spec(&self) -> &ProducerSpec {
        &self.layout.scenario.producers[self.id.ix()]
    }

    fn config(&self) -> &ProducerConfig {
        &self.spec().config
    }

    fn node(&self) -> NodeId {
        NodeId::Producer(self.id)
    }

    /// The partition at a position of the topic.
    fn partition(&self, position: usize) -> PartitionId {
        self.layout.topics[self.spec().topic.ix()][position]
    }

    fn position(&self, partition: PartitionId) -> usize {
        self.layout.partition(partition).number as usize
    }

    /// Records in the accumulator.
    pub fn queued(&self) -> u32 {
        self.intents.len() as u32 + self.queues.iter().map(Queue::queued_records).sum::<u32>()
    }

    /// Produce requests without an answer.
    pub fn requests_in_flight(&self) -> u32 {
        self.client.in_flight().filter(|f| matches!(f.what, Asked::Produce(_))).count() as u32
    }

    /// Nothing left to send or to hear of.
    pub fn is_done(&self) -> bool {
        let idle = self.queues.iter().all(|q| q.batches.is_empty() && q.in_flight.is_empty());
        self.scheduled == self.spec().messages && self.intents.is_empty() && idle && !self.has_open_transaction()
    }

    /// A packet arrived. False: nobody waits for this answer any more.
    pub fn handle(&mut self, packet: Packet, fx: &mut Effects<'_>) -> bool {
        let Body::Response(response) = packet.body else { unreachable!("nobody asks a producer") };
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
            }
            (Asked::Pid, Response::InitProducerId(pid)) => self.numbers.on_pid(pid),
            (Asked::Produce(batches), Response::Produce(results)) => self.on_produced(&batches, &results, fx),
            (Asked::Transaction(step), response) => self.on_transaction_answer(&step, response, fx),
            (asked, response) => unreachable!("{response:?} does not answer {asked:?}"),
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
        self.run_application(fx);
        self.expire_batches(fx);
        self.resolve_numbers();
        self.refresh_metadata(fx);
        self.ask_for_pid(fx);
        self.send(fx);
        // What was sent or expired may have freed the application's thread, and what it queues then may be sent at once.
        while self.run_application(fx) {
            self.send(fx);
        }
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

    // --- the application -----------------------------------------------------------------------------------------------------

    fn intent_time(&self, n: u32) -> SimTime {
        SimTime(self.spec().start.0 + self.spec().interval.0 * u64::from(n))
    }

    fn make_intents(&mut self, fx: &mut Effects<'_>) {
        while self.scheduled < self.spec().messages && self.intent_time(self.scheduled) <= fx.now {
            let keys = self.spec().keys;
            let message = fx.ledger().next_message();
            let key = (keys > 0).then(|| self.keys.below(u64::from(keys)) as u32);
            fx.trace_from(crate::trace::TraceId::START, What::Intended { message, producer: self.id, key });
            self.scheduled += 1;
            let tombstone = self.spec().tombstones.is_some_and(|n| self.scheduled.is_multiple_of(n));
            self.intents.push_back(Intent { message, key, tombstone, called: None });
        }
    }

    /// The application's one thread: calls `send()` for one intent after the other, and blocks where `send()` blocks (P-10).
    /// Tells whether `send()` took anything.
    fn run_application(&mut self, fx: &mut Effects<'_>) -> bool {
        if self.spec().feeder.is_some() {
            return self.run_round(fx);
        }
        if self.transactions.is_some() {
            return self.run_transactional_application(fx);
        }
        if self.awaited.is_some_and(|m| fx.ledger().message(m).outcome.is_none()) {
            return false; // sync: it waits
        }
        self.awaited = None;
        let waiting = self.intents.len();
        while let Some(mut intent) = self.intents.pop_front() {
            let called = *intent.called.get_or_insert(fx.now);
            match self.hand_over(intent, fx) {
                Ok(()) if self.spec().send == SendMode::Sync => {
                    self.awaited = Some(intent.message);
                    return true;
                }
                Ok(()) => {}
                Err(Blocked) if fx.now >= called + self.config().max_block => {
                    fx.trace(What::SendFailed { message: intent.message, error: ErrorCode::Timeout }); // LOSS-P3
                }
                Err(Blocked) => {
                    self.intents.push_front(intent);
                    break;
                }
            }
        }
        self.intents.len() < waiting
    }

    /// P-10: metadata, partition, size, memory, append.
    fn hand_over(&mut self, intent: Intent, fx: &mut Effects<'_>) -> Result<(), Blocked> {
        if !self.metadata.is_known() {
            return Err(Blocked);
        }
        let bytes = self.spec().record_bytes;
        let (batch_size, buffer) = (self.config().batch_size, self.config().buffer_memory);
        let partitions = self.queues.len() as u32;
        let key = intent.key.filter(|_| !self.config().ignore_keys);
        let position = match key {
            Some(key) => partitioner::for_key(key.to_string().as_bytes(), partitions),
            None => {
                let has_leader = |n: &u32| self.metadata.leader(self.partition(*n as usize)).is_some();
                let available: Vec<u32> = (0..partitions).filter(has_leader).collect();
                self.sticky.current(&available, partitions)
            }
        } as usize;
        let size = BATCH_OVERHEAD + bytes;
        if size > self.config().max_request_size || u64::from(size) > buffer {
            if let Some(manager) = &mut self.transactions {
                manager.abortable(ErrorCode::RecordTooLarge);
            }
            if self.spec().feeder.is_some() {
                self.note_failure(ErrorCode::RecordTooLarge);
            } else {
                fx.trace(What::SendFailed { message: intent.message, error: ErrorCode::RecordTooLarge }); // LOSS-P6
            }
            return Ok(());
        }
        let record = Record { message: intent.message, key: intent.key, tombstone: intent.tombstone, bytes };
        let timestamp = Timestamp::from(fx.now).before(self.spec().timestamp_age);
        let (now, partition) = (fx.now, self.partition(position));
        let batch = match self.queues[position].batches.back_mut().filter(|b| b.has_room(bytes, batch_size)) {
            Some(batch) => {
                batch.records.push(record);
                batch.bytes += bytes;
                batch.timestamp = batch.timestamp.max(timestamp);
                batch.id
            }
            None => {
                let needed = u64::from(batch_size.max(size));
                if self.memory_used + needed > buffer {
                    return Err(Blocked);
                }
                self.memory_used += needed;
                let batch = ProducerBatch::new(fx.new_batch_id(), now, batch_size, record, timestamp);
                let id = batch.id;
                self.queues[position].batches.push_back(batch);
                id
            }
        };
        if let Some(manager) = &mut self.transactions {
            manager.maybe_add(partition);
        }
        self.note_queued(intent.message, batch, partition, fx);
        if key.is_none() {
            let full = self.queues[position].batches.back().is_none_or(|b| b.is_full(batch_size));
            self.sticky.appended(bytes, full);
        }
        Ok(())
    }

    fn note_queued(&self, message: MessageId, batch: BatchId, partition: PartitionId, fx: &mut Effects<'_>) {
        fx.trace(match self.spec().feeder {
            None => What::Queued { message, batch, partition },
            Some(_) => What::Forwarded { producer: self.id, message, batch, partition },
        });
    }

    /// The memory of a batch is free again.
    fn release(&mut self, batch: &ProducerBatch) {
        self.memory_used -= batch.allocated;
    }

    /// Tells the application of a batch.
    fn finish(&mut self, batch: &ProducerBatch, error: ErrorCode, offset: Offset, fx: &mut Effects<'_>) {
        self.release(batch);
        self.note_failure(error);
        let outcome = outcome_of(error, batch.maybe_appended);
        fx.trace(What::BatchDone { batch: batch.id, outcome, error, offset });
    }

    // --- the process ---------------------------------------------------------------------------------------------------------

    /// The process ends without a word, or is closed. Buffered records are gone either way; only a clean close would have waited for
    /// them (P-48), and that is the application's to do.
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        self.process = process;
        let node = self.node();
        let power = process == Process::PoweredOff;
        fx.trace(if process == Process::Stopped { What::Stopped { node } } else { What::Crashed { node, power } });
        self.client.reset(fx);
        self.intents.clear();
        self.awaited = None;
        self.queues.iter_mut().for_each(|q| *q = Queue::default());
        self.memory_used = 0;
        self.round = Round::default();
        self.forget_transaction();
    }

    /// A new process: nothing buffered, a fresh producer id (P-58), the rest of the workload ahead.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        fx.cause = fx.trace(What::Started { node: self.node() });
        self.metadata = MetadataCache::new(self.id.0);
        self.numbers = Numbers::new(self.queues.len(), self.config());
        // What came due while it was down was never intended by anybody.
        while self.scheduled < self.spec().messages && self.intent_time(self.scheduled) < fx.now {
            self.scheduled += 1;
        }
        self.work(fx);
    }
}

/// `send()` cannot go on now.
struct Blocked;

/// What the application may conclude (INV-45).
fn outcome_of(error: ErrorCode, maybe_appended: bool) -> SendOutcome {
    use crate::error_code::Appended;
    match error {
        ErrorCode::None => SendOutcome::Acked,
        _ if maybe_appended || error.appended() != Appended::No => SendOutcome::Unknown,
        _ => SendOutcome::Rejected,
    }
}
