//! The world: all state at one virtual time. It owns time, the queue of events, the network and the order of things; `step()` takes
//! the next event. Everybody else only says what they want done.

mod pauses;
mod tampering;
mod transport;

use crate::application::database::Database;
use crate::application::redis::Redis;
use crate::application::service::Service;
use crate::broker::Broker;
use crate::consumer::Consumer;
use crate::controller::Controller;
use crate::controller::committed::Committed;
use crate::controller::image::Image;
use crate::effects::{Effects, Outbox, Recorder};
use crate::fault;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::net::Network;
use crate::net::socket::Sockets;
use crate::producer::{Process, Producer};
use crate::queue::{Event, Queue};
use crate::rows::Map;
use crate::scenario::{Intervention, Scenario};
use crate::tally::{self, Copies};
use crate::time::SimTime;
use crate::trace::{Digest, DropReason, TraceEvent, TraceId, What};
use crate::wire::{Connection, Packet};
use pauses::Waiting;
use std::sync::Arc;

/// Everything.
#[derive(Clone, Debug)]
pub struct World {
    /// What never changes.
    pub layout: Arc<Layout>,
    now: SimTime,
    queue: Queue,
    next_packet: u64,
    /// Events taken so far.
    steps: u64,
    ended: bool,
    pub(crate) network: Network<Event>,
    sockets: Sockets,
    /// Requests that something on the way has sent twice, by their numbers. True: they have been answered.
    copied: Map<(Connection, u32), bool>,
    /// What it has sent.
    pub(crate) copies: Vec<PacketId>,
    /// By slot.
    pub controllers: Vec<Controller>,
    /// By slot.
    pub brokers: Vec<Broker>,
    /// By [`ProducerId`].
    pub producers: Vec<Producer>,
    /// By [`ConsumerId`].
    pub consumers: Vec<Consumer>,
    /// There if some handler asks it, and idle otherwise.
    pub redis: Redis,
    /// There if some handler asks it, and idle otherwise.
    pub database: Database,
    /// What is called instead of a queue, if somebody calls it.
    pub service: Service,
    slots: Slots,
    /// Processes that stand still.
    paused: Map<NodeId, Waiting>,
    /// What happens to the run.
    pub(crate) interventions: Vec<Intervention>,
    /// Whom each intervention hit; of a link, the nodes on its first side.
    pub(crate) hit: Vec<Vec<NodeId>>,
    /// Of interventions on links: the nodes on the second side.
    pub(crate) hit_far: Vec<Vec<NodeId>>,
    pub(crate) recorder: Recorder,
    outbox: Outbox,
}

impl World {
    /// The start of a run: the cluster is formed, nobody has sent anything.
    pub fn new(scenario: Arc<Scenario>, events: &mut Vec<TraceEvent>) -> World {
        let layout = Arc::new(Layout::new(scenario.clone()));
        let controllers: Vec<Controller> = (0..usize::from(scenario.cluster.controllers))
            .map(|slot| Controller::new(ControllerId::from_slot(slot), layout.clone()))
            .collect();
        let brokers = layout.broker_ids().map(|id| Broker::new(id, layout.clone(), controllers[0].image.clone())).collect();
        let committed = Committed::new(controllers[0].image.clone());
        let producers: Vec<Producer> =
            (0..scenario.producers.len()).map(|i| Producer::new(ProducerId(i as u16), layout.clone())).collect();
        let consumers: Vec<Consumer> =
            (0..layout.consumers.len()).map(|i| Consumer::new(ConsumerId(i as u16), layout.clone())).collect();
        let slots = layout.slots();
        let mut world = World {
            now: SimTime::ZERO,
            queue: Queue::new(slots.nodes()),
            next_packet: 0,
            steps: 0,
            ended: false,
            network: Network::new(scenario.seed, scenario.cluster.latency, slots),
            sockets: Sockets::new(slots),
            copied: Map::new(),
            copies: Vec::new(),
            controllers,
            brokers,
            producers,
            consumers,
            redis: Redis::new(layout.clone()),
            database: Database::new(layout.clone()),
            service: Service::new(layout.clone()),
            slots,
            paused: Map::new(),
            interventions: Vec::new(),
            hit: Vec::new(),
            hit_far: Vec::new(),
            recorder: Recorder {
                next: TraceId(0),
                digest: Digest::new(),
                ledger: Ledger::new(layout.clone()),
                metadata: committed,
            },
            outbox: Outbox::default(),
            layout,
        };
        world.set_store_latencies();
        world.queue.add_end(SimTime::ZERO + scenario.duration);
        for intervention in &scenario.interventions {
            world.add_intervention(intervention.clone());
        }
        world.begin(events);
        world
    }

    /// Redis, the database and a service may be nearer to their clients than the brokers are, or farther.
    fn set_store_latencies(&mut self) {
        let layout = self.layout.clone();
        for store in layout.stores() {
            let latency = match store {
                StoreId::Redis => layout.scenario.redis.latency,
                StoreId::Database => layout.scenario.database.latency,
                StoreId::Service => layout.scenario.service.latency,
            };
            for client in self.layout.nodes().filter(|node| matches!(node, NodeId::Consumer(_) | NodeId::Producer(_))) {
                if latency.is_some() {
                    self.network.set_latency(client, NodeId::Store(store), latency);
                    self.network.set_latency(NodeId::Store(store), client, latency);
                }
            }
        }
    }

    fn begin(&mut self, events: &mut Vec<TraceEvent>) {
        let seed = self.layout.scenario.seed;
        self.act(TraceId::START, events, |_, fx| {
            fx.trace(What::RunStarted { seed });
        });
        for slot in 0..self.brokers.len() {
            self.act(TraceId::START, events, |w, fx| w.brokers[slot].begin(fx));
            self.plan_wake(NodeId::Broker(BrokerId::from_slot(slot)));
        }
        for slot in 0..self.controllers.len() {
            self.act(TraceId::START, events, |w, fx| w.controllers[slot].begin(fx));
            self.plan_wake(NodeId::Controller(ControllerId::from_slot(slot)));
        }
        for i in 0..self.producers.len() {
            self.wake_at(NodeId::Producer(ProducerId(i as u16)), self.layout.scenario.producers[i].start);
        }
        for i in 0..self.consumers.len() {
            self.wake_at(NodeId::Consumer(ConsumerId(i as u16)), SimTime::ZERO);
        }
    }

    #[inline]
    fn wake_at(&mut self, node: NodeId, at: SimTime) {
        self.queue.set_wake(self.slots.of(node), at);
    }

    /// Adds an intervention to the run, which must not have passed its time.
    pub fn add_intervention(&mut self, intervention: Intervention) {
        assert!(intervention.at >= self.now, "interventions happen in the future");
        self.queue.add_intervention(intervention.at, self.interventions.len() as u32);
        self.interventions.push(intervention);
        self.hit.push(Vec::new());
        self.hit_far.push(Vec::new());
    }

    /// The time of the last event taken.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Moves the clock to an instant at which nothing happens.
    pub fn idle_until(&mut self, at: SimTime) {
        debug_assert!(self.next_at() > at, "events are not skipped");
        self.now = self.now.max(at);
    }

    /// When the next event comes; NEVER once the run has ended.
    pub fn next_at(&self) -> SimTime {
        if self.ended { SimTime::NEVER } else { self.queue.next_at() }
    }

    /// Has the run ended?
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The run is over: the fate of every message in every group that reads it goes into the trace.
    fn judge(&mut self, events: &mut Vec<TraceEvent>) {
        self.ended = true;
        let copies = Copies::of(self);
        let mut verdicts = Vec::new();
        for (id, message) in self.ledger().messages() {
            for group in (0..self.layout.scenario.groups.len() as u16).map(GroupId) {
                if self.group_reads(group, message) {
                    verdicts.push((group, id, tally::verdict(self, &copies, group, id, message)));
                }
            }
        }
        self.act(TraceId::START, events, |_, fx| {
            for (group, message, verdict) in verdicts {
                fx.trace(What::Judged { group, message, verdict });
            }
        });
    }

    /// Events taken so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of trace events so far.
    pub fn trace_len(&self) -> u64 {
        self.recorder.next.0
    }

    /// The digest of the trace so far.
    pub fn digest(&self) -> &Digest {
        &self.recorder.digest
    }

    /// The cluster's metadata as the quorum of controllers has it: what an observer who knows everything would call true.
    pub fn metadata(&self) -> &Image {
        &self.recorder.metadata.image
    }

    /// The active controller; of two that believe to be, the one of the later epoch. None while there is none.
    pub fn active_controller(&self) -> Option<ControllerId> {
        let active = self.controllers.iter().filter(|c| c.is_up() && c.is_active());
        active.max_by_key(|c| c.quorum.view().epoch).map(|c| c.id)
    }

    /// The active controller; while there is none, the one that the quorum last elected.
    pub fn last_active(&self) -> ControllerId {
        let elected =
            || self.controllers.iter().map(|c| c.quorum.view()).max_by_key(|v| (v.epoch, v.leader)).and_then(|v| v.leader);
        self.active_controller().or_else(elected).unwrap_or(ControllerId(1))
    }

    /// The committed part of the metadata log.
    pub fn committed_metadata(&self) -> &Committed {
        &self.recorder.metadata
    }

    /// What became of each message so far.
    pub fn ledger(&self) -> &Ledger {
        &self.recorder.ledger
    }

    /// Whom each intervention hit, by its position in the list; of a link, the nodes on its first side.
    pub fn hit(&self) -> &[Vec<NodeId>] {
        &self.hit
    }

    /// What happens to the run.
    pub fn interventions(&self) -> &[Intervention] {
        &self.interventions
    }

    /// Takes the next event. Trace events go to `events` (see [`Effects::new`]).
    pub fn step(&mut self, events: &mut Vec<TraceEvent>) {
        let Some((at, event)) = self.queue.pop() else { return };
        self.now = at;
        if let Some(event) = self.keep_if_paused(event) {
            self.happen(event, events);
        }
        self.steps += 1;
    }

    fn happen(&mut self, event: Event, events: &mut Vec<TraceEvent>) {
        match event {
            Event::Wake(node) => self.wake(node, events),
            Event::Arrival(packet) => self.arrive(packet, events),
            Event::Turn(packet) if self.is_up(packet.to) => self.read(packet, events),
            Event::Turn(packet) => self.lose(&packet, DropReason::ReceiverDown, events),
            Event::HungUp(hung_up) => self.hung_up(hung_up.connection, hung_up.cause, events),
            Event::Closed(connection) => self.closed_by_client(*connection, events),
            Event::SendAgain(pipe) => self.send_again(*pipe, events),
            Event::Intervention(index) => fault::apply(self, index, events),
            Event::End => self.judge(events),
        }
    }

    /// Runs a handler and does what it wants done.
    pub(crate) fn act<R>(
        &mut self,
        cause: TraceId,
        events: &mut Vec<TraceEvent>,
        handler: impl FnOnce(&mut Actors<'_>, &mut Effects<'_>) -> R,
    ) -> R {
        let mut actors = Actors {
            controllers: &mut self.controllers,
            brokers: &mut self.brokers,
            producers: &mut self.producers,
            consumers: &mut self.consumers,
            redis: &mut self.redis,
            database: &mut self.database,
            service: &mut self.service,
        };
        let mut fx = Effects::new(self.now, cause, &mut self.recorder, events, &mut self.outbox);
        let result = handler(&mut actors, &mut fx);
        if !self.outbox.is_empty() {
            self.post(events);
        }
        result
    }

    /// The same for an input of this node: the other half of its process has its turn, too.
    pub(crate) fn act_at<R>(
        &mut self,
        node: NodeId,
        cause: TraceId,
        events: &mut Vec<TraceEvent>,
        handler: impl FnOnce(&mut Actors<'_>, &mut Effects<'_>) -> R,
    ) -> R {
        let forwarder = self.layout.forwarder(node);
        self.act(cause, events, |actors, fx| {
            let result = handler(actors, fx);
            if let Some((consumer, producer)) = forwarder {
                actors.settle_forwarder(consumer, producer, fx);
            }
            result
        })
    }

    fn wake(&mut self, node: NodeId, events: &mut Vec<TraceEvent>) {
        self.act_at(node, TraceId::START, events, |actors, fx| match node {
            NodeId::Controller(id) => actors.controllers[id.slot()].wake(fx),
            NodeId::Broker(id) => actors.brokers[id.slot()].wake(fx),
            NodeId::Producer(id) => actors.producers[id.ix()].wake(fx),
            NodeId::Consumer(id) => actors.consumers[id.ix()].wake(fx),
            NodeId::Store(StoreId::Redis) => actors.redis.wake(fx),
            NodeId::Store(StoreId::Database) => actors.database.wake(fx),
            NodeId::Store(StoreId::Service) => actors.service.wake(fx),
        });
        self.plan_wake(node);
    }

    /// Sees that a node is woken when it next has something to do.
    pub(crate) fn plan_wake(&mut self, node: NodeId) {
        self.plan_own_wake(node);
        if let Some(companion) = self.layout.companion(node) {
            self.plan_own_wake(companion);
        }
    }

    fn plan_own_wake(&mut self, node: NodeId) {
        if let NodeId::Consumer(id) = node
            && let Some(trap) = self.consumers[id.ix()].take_sprung()
        {
            self.consumers.iter_mut().for_each(|c| c.take_up(trap));
        }
        if self.is_paused(node) {
            return self.wake_at(node, SimTime::NEVER);
        }
        let due = match node {
            NodeId::Controller(id) => self.controllers[id.slot()].next_due(),
            NodeId::Broker(id) => self.brokers[id.slot()].next_due(),
            NodeId::Producer(id) => self.producers[id.ix()].next_due(self.now),
            NodeId::Consumer(id) => self.consumers[id.ix()].next_due(self.now),
            NodeId::Store(StoreId::Redis) => self.redis.next_due(),
            NodeId::Store(StoreId::Database) => self.database.next_due(),
            NodeId::Store(StoreId::Service) => self.service.next_due(),
        };
        self.wake_at(node, due.max(self.now));
    }

    /// Does its process run?
    #[inline]
    pub fn is_up(&self, node: NodeId) -> bool {
        match node {
            NodeId::Controller(id) => self.controllers[id.slot()].is_up(),
            NodeId::Broker(id) => self.brokers[id.slot()].is_up(),
            NodeId::Producer(id) => self.producers[id.ix()].process == Process::Up,
            NodeId::Consumer(id) => self.consumers[id.ix()].process == Process::Up,
            NodeId::Store(StoreId::Redis) => self.redis.process == Process::Up,
            NodeId::Store(StoreId::Database) => self.database.process == Process::Up,
            NodeId::Store(StoreId::Service) => self.service.process == Process::Up,
        }
    }
}

/// The state machines, without the world around them.
pub(crate) struct Actors<'a> {
    pub controllers: &'a mut Vec<Controller>,
    pub brokers: &'a mut Vec<Broker>,
    pub producers: &'a mut Vec<Producer>,
    pub consumers: &'a mut Vec<Consumer>,
    pub redis: &'a mut Redis,
    pub database: &'a mut Database,
    pub service: &'a mut Service,
}

impl Actors<'_> {
    /// Inside the process of a member that forwards: the consumer's thread calls its producer, and learns how a round ended.
    fn settle_forwarder(&mut self, consumer: ConsumerId, producer: ProducerId, fx: &mut Effects<'_>) {
        let (consumer, producer) = (&mut self.consumers[consumer.ix()], &mut self.producers[producer.ix()]);
        if let Some(rises_at) = consumer.fallen() {
            producer.fall_with_it(rises_at, fx);
        }
        loop {
            let idle = !consumer.calls_its_producer();
            if !idle {
                producer.on_calls(consumer.take_calls(), fx);
            }
            match producer.take_result() {
                Some(result) => consumer.on_forwarded(result, fx),
                None if idle => break,
                None => {}
            }
        }
    }

    /// Hands a packet over. False: nobody waits for this answer any more.
    fn handle(&mut self, to: NodeId, packet: &mut Packet, fx: &mut Effects<'_>) -> bool {
        match to {
            NodeId::Controller(id) => self.controllers[id.slot()].handle(packet, fx),
            NodeId::Broker(id) => self.brokers[id.slot()].handle(packet, fx),
            NodeId::Producer(id) => self.producers[id.ix()].handle(packet, fx),
            NodeId::Consumer(id) => self.consumers[id.ix()].handle(packet, fx),
            NodeId::Store(StoreId::Redis) => {
                self.redis.handle(packet, fx);
                true
            }
            NodeId::Store(StoreId::Database) => {
                self.database.handle(packet, fx);
                true
            }
            NodeId::Store(StoreId::Service) => {
                self.service.handle(packet, fx);
                true
            }
        }
    }
}
