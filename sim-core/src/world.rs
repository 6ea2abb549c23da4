//! The world: all state at one virtual time. It owns time, the queue of events, the network and the order of things; `step()` takes
//! the next event. Everybody else only says what they want done.

use crate::broker::{self, Broker};
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
use crate::net::socket::{Reading, Sockets};
use crate::producer::{Process, Producer};
use crate::scenario::{Intervention, Scenario};
use crate::tally::{self, Copies};
use crate::time::SimTime;
use crate::trace::{Api, Digest, DropReason, TraceEvent, TraceId, What};
use crate::wire::{Channel, Packet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Something that will happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A packet arrives.
    Arrival(Box<Packet>),
    /// A request that has waited at a broker is read.
    Turn(Box<Packet>),
    /// A client learns that a server closed or refused its connections.
    HungUp {
        /// The client.
        client: NodeId,
        /// The server.
        server: NodeId,
        /// Why.
        cause: TraceId,
    },
    /// Somebody has something to do.
    Wake(NodeId),
    /// An intervention, by its position in the list.
    Intervention(u32),
    /// The run ends: verdicts are given.
    End,
}

/// An event with its place in the order of things: by time, then interventions, then in the order of scheduling.
#[derive(Clone, Debug)]
struct Scheduled {
    at: SimTime,
    order: u64,
    event: Event,
}

/// Interventions come before everything else at their instant, so that acting at an instant and replaying the act give one order.
const AFTER_INTERVENTIONS: u64 = 1 << 32;

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Everything.
#[derive(Clone, Debug)]
pub struct World {
    /// What never changes.
    pub layout: Arc<Layout>,
    now: SimTime,
    queue: BinaryHeap<Reverse<Scheduled>>,
    next_order: u64,
    next_packet: u64,
    /// Events taken so far.
    steps: u64,
    ended: bool,
    pub(crate) network: Network,
    sockets: Sockets,
    /// By slot.
    pub controllers: Vec<Controller>,
    /// By slot.
    pub brokers: Vec<Broker>,
    /// By [`ProducerId`].
    pub producers: Vec<Producer>,
    /// By [`ConsumerId`].
    pub consumers: Vec<Consumer>,
    slots: Slots,
    /// When each is woken next, by its place in the table of all nodes.
    wakes: Vec<SimTime>,
    /// When each wants to be woken: no earlier than that.
    wants: Vec<SimTime>,
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
            queue: BinaryHeap::new(),
            next_order: AFTER_INTERVENTIONS,
            next_packet: 0,
            steps: 0,
            ended: false,
            network: Network::new(scenario.seed, scenario.cluster.latency, slots),
            sockets: Sockets::default(),
            controllers,
            brokers,
            producers,
            consumers,
            slots,
            wakes: vec![SimTime::NEVER; slots.count()],
            wants: vec![SimTime::NEVER; slots.count()],
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
        let end = SimTime::ZERO + scenario.duration;
        world.queue.push(Reverse(Scheduled { at: end, order: u64::MAX, event: Event::End }));
        for intervention in &scenario.interventions {
            world.add_intervention(intervention.clone());
        }
        world.begin(events);
        world
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
        self.skip_idle_wakes();
    }

    fn wake_at(&mut self, node: NodeId, at: SimTime) {
        let index = self.slots.of(node);
        self.wants[index] = at;
        self.schedule_wake(node, index);
    }

    /// Adds an intervention to the run, which must not have passed its time.
    pub fn add_intervention(&mut self, intervention: Intervention) {
        assert!(intervention.at >= self.now, "interventions happen in the future");
        let index = self.interventions.len() as u64;
        self.queue.push(Reverse(Scheduled { at: intervention.at, order: index, event: Event::Intervention(index as u32) }));
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
        if self.ended { SimTime::NEVER } else { self.queue.peek().map_or(SimTime::NEVER, |s| s.0.at) }
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

    /// The packets on their way, in no particular order.
    pub fn packets(&self) -> impl Iterator<Item = (&Packet, SimTime)> {
        self.queue.iter().filter_map(|Reverse(s)| match &s.event {
            Event::Arrival(packet) => Some((&**packet, s.at)),
            _ => None,
        })
    }

    /// Takes the next event. Trace events go to `events` (see [`Effects::new`]).
    pub fn step(&mut self, events: &mut Vec<TraceEvent>) {
        let Some(Reverse(next)) = self.queue.pop() else { return };
        self.now = next.at;
        match next.event {
            Event::Wake(node) => {
                let index = self.slots.of(node);
                self.wakes[index] = SimTime::NEVER;
                self.wake(node, events);
            }
            Event::Arrival(packet) => self.arrive(*packet, events),
            Event::Turn(packet) if self.is_up(packet.to) => self.read(*packet, events),
            Event::Turn(packet) => self.lose(&packet, DropReason::ReceiverDown, events),
            Event::HungUp { client, server, cause } => self.hung_up(client, server, cause, events),
            Event::Intervention(index) => fault::apply(self, index, events),
            Event::End => self.judge(events),
        }
        self.steps += 1;
        self.skip_idle_wakes();
    }

    /// Takes wakes off the head of the queue that have become pointless, so that what is next is something that will happen: a seek
    /// stops before it.
    fn skip_idle_wakes(&mut self) {
        while let Some(Reverse(Scheduled { at, event: Event::Wake(node), .. })) = self.queue.peek() {
            let (at, index, node) = (*at, self.slots.of(*node), *node);
            let is_planned = self.wakes[index] == at; // else it has been woken, or wants to be woken earlier
            if is_planned && self.wants[index] <= at {
                return;
            }
            self.queue.pop();
            if is_planned {
                self.schedule_wake(node, index); // what it wanted to be woken for has been done
            }
        }
    }

    fn schedule(&mut self, at: SimTime, event: Event) {
        let order = self.next_order;
        self.next_order += 1;
        self.queue.push(Reverse(Scheduled { at, order, event }));
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
        };
        let mut fx = Effects::new(self.now, cause, &mut self.recorder, events, &mut self.outbox);
        let result = handler(&mut actors, &mut fx);
        self.post(events);
        result
    }

    /// Empties the outbox onto the network.
    fn post(&mut self, events: &mut Vec<TraceEvent>) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for out in outbox.packets.drain(..) {
            let id = PacketId(self.next_packet);
            self.next_packet += 1;
            let response = out.body.is_response();
            let trace = Effects::new(self.now, out.cause, &mut self.recorder, events, &mut self.outbox).trace(What::Sent {
                packet: id,
                from: out.from,
                to: out.to,
                api: out.api,
                response,
            });
            let passage = self.network.pass(out.from, out.to, out.channel, out.api, self.now);
            let packet = Packet {
                id,
                from: out.from,
                to: out.to,
                api: out.api,
                channel: out.channel,
                correlation: out.correlation,
                sent: self.now,
                trace,
                doomed: passage.doomed,
                body: out.body,
            };
            if let (NodeId::Broker(broker), true) = (packet.from, response)
                && let Some(next) = self.sockets.answered(broker, packet.to, packet.channel)
            {
                self.schedule(self.now, Event::Turn(Box::new(next)));
            }
            self.schedule(passage.arrives, Event::Arrival(Box::new(packet)));
        }
        for (server, client, cause) in outbox.hang_ups.drain(..) {
            self.hang_up(server, client, cause);
        }
        // The vectors' memory is used again.
        self.outbox = outbox;
    }

    /// A server closes or refuses a client's connections; the client learns it one passage later, unless the link is cut.
    pub(crate) fn hang_up(&mut self, server: NodeId, client: NodeId, cause: TraceId) {
        // Resets travel like any other packet of the client's connection.
        let passage = self.network.pass(server, client, Channel::Client, Api::ApiVersions, self.now);
        if passage.doomed.is_none() {
            self.schedule(passage.arrives, Event::HungUp { client, server, cause });
        }
    }

    fn arrive(&mut self, packet: Packet, events: &mut Vec<TraceEvent>) {
        let to = packet.to;
        if packet.doomed.is_some() || !self.is_up(to) {
            return self.lose(&packet, packet.doomed.unwrap_or(DropReason::ReceiverDown), events);
        }
        match to {
            NodeId::Broker(broker) if !packet.body.is_response() => self.arrive_at_socket(broker, packet, events),
            _ => self.read(packet, events),
        }
    }

    /// A request arrives at a broker, which reads it if it serves, knows the connection, and has answered the request before.
    fn arrive_at_socket(&mut self, broker: BrokerId, packet: Packet, events: &mut Vec<TraceEvent>) {
        if !self.brokers[broker.slot()].serves() {
            return self.lose(&packet, DropReason::ReceiverDown, events);
        }
        if packet.api == Api::ApiVersions {
            for waiting in self.sockets.accept(broker, packet.from, packet.channel) {
                self.schedule(self.now, Event::Turn(Box::new(waiting)));
            }
            return self.read(packet, events);
        }
        let answered = packet.is_answered();
        match self.sockets.arrive(broker, packet, answered) {
            Reading::Now(packet) => self.read(packet, events),
            Reading::Later => {}
            Reading::Refused(packet) => self.lose(&packet, DropReason::Closed, events),
        }
    }

    /// A packet is lost. A machine that is up refuses what its processes do not take; one without power says nothing.
    fn lose(&mut self, packet: &Packet, reason: DropReason, events: &mut Vec<TraceEvent>) {
        let event = self.act(packet.trace, events, |_, fx| fx.trace(What::Dropped { packet: packet.id, reason }));
        let arrived = matches!(reason, DropReason::ReceiverDown | DropReason::Closed);
        if arrived && !packet.body.is_response() && self.refuses(packet.to) {
            self.hang_up(packet.to, packet.from, event);
        }
    }

    /// The receiver reads a packet.
    fn read(&mut self, packet: Packet, events: &mut Vec<TraceEvent>) {
        let (to, id, trace) = (packet.to, packet.id, packet.trace);
        let read = self.act(trace, events, |actors, fx| {
            fx.cause = fx.trace(What::Delivered { packet: id });
            actors.handle(to, packet, fx)
        });
        if !read {
            // Nobody waits for it any more: its connection was closed while it travelled.
            self.act(trace, events, |_, fx| fx.trace(What::Dropped { packet: id, reason: DropReason::Closed }));
        }
        self.close_sockets_if_down(to, events);
        self.plan_wake(to);
    }

    /// A process that has ended takes what waited on its connections with it.
    pub(crate) fn close_sockets_if_down(&mut self, node: NodeId, events: &mut Vec<TraceEvent>) {
        if let NodeId::Broker(broker) = node
            && !self.is_up(node)
        {
            for packet in self.sockets.close_all(broker) {
                let what = What::Dropped { packet: packet.id, reason: DropReason::ReceiverDown };
                self.act(packet.trace, events, |_, fx| fx.trace(what));
            }
        }
    }

    fn wake(&mut self, node: NodeId, events: &mut Vec<TraceEvent>) {
        self.act(TraceId::START, events, |actors, fx| match node {
            NodeId::Controller(id) => actors.controllers[id.slot()].wake(fx),
            NodeId::Broker(id) => actors.brokers[id.slot()].wake(fx),
            NodeId::Producer(id) => actors.producers[id.ix()].wake(fx),
            NodeId::Consumer(id) => actors.consumers[id.ix()].wake(fx),
        });
        self.plan_wake(node);
    }

    fn hung_up(&mut self, client: NodeId, server: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
        if !self.is_up(client) {
            return;
        }
        self.act(cause, events, |actors, fx| match client {
            NodeId::Controller(id) => actors.controllers[id.slot()].disconnected(server, fx),
            NodeId::Broker(id) => actors.brokers[id.slot()].disconnected(server, fx),
            NodeId::Producer(id) => actors.producers[id.ix()].disconnected(server, fx),
            NodeId::Consumer(id) => actors.consumers[id.ix()].disconnected(server, fx),
        });
        self.plan_wake(client);
    }

    /// Sees that a node is woken when it next has something to do. A wake that is planned already and comes no later will do: the next
    /// one is planned then. (Deadlines of requests move with every request, and would fill the queue.)
    pub(crate) fn plan_wake(&mut self, node: NodeId) {
        let due = match node {
            NodeId::Controller(id) => self.controllers[id.slot()].next_due(),
            NodeId::Broker(id) => self.brokers[id.slot()].next_due(),
            NodeId::Producer(id) => self.producers[id.ix()].next_due(self.now),
            NodeId::Consumer(id) => self.consumers[id.ix()].next_due(self.now),
        };
        let index = self.slots.of(node);
        self.wants[index] = due.max(self.now);
        if self.wants[index] < self.wakes[index] {
            self.schedule_wake(node, index);
        }
    }

    fn schedule_wake(&mut self, node: NodeId, index: usize) {
        self.wakes[index] = self.wants[index];
        if self.wakes[index] != SimTime::NEVER {
            self.schedule(self.wakes[index], Event::Wake(node));
        }
    }

    /// Does its process run?
    pub fn is_up(&self, node: NodeId) -> bool {
        match node {
            NodeId::Controller(id) => self.controllers[id.slot()].is_up(),
            NodeId::Broker(id) => self.brokers[id.slot()].is_up(),
            NodeId::Producer(id) => self.producers[id.ix()].process == Process::Up,
            NodeId::Consumer(id) => self.consumers[id.ix()].process == Process::Up,
        }
    }

    /// Does its machine run, and so refuse what its processes do not take?
    fn refuses(&self, node: NodeId) -> bool {
        match node {
            NodeId::Controller(id) => self.controllers[id.slot()].process != Process::PoweredOff,
            NodeId::Broker(id) => self.brokers[id.slot()].process != broker::Process::PoweredOff,
            NodeId::Producer(_) | NodeId::Consumer(_) => false,
        }
    }
}

/// The state machines, without the world around them.
pub(crate) struct Actors<'a> {
    pub controllers: &'a mut Vec<Controller>,
    pub brokers: &'a mut Vec<Broker>,
    pub producers: &'a mut Vec<Producer>,
    pub consumers: &'a mut Vec<Consumer>,
}

impl Actors<'_> {
    /// Hands a packet over. False: nobody waits for this answer any more.
    fn handle(&mut self, to: NodeId, packet: Packet, fx: &mut Effects<'_>) -> bool {
        match to {
            NodeId::Controller(id) => self.controllers[id.slot()].handle(&packet, fx),
            NodeId::Broker(id) => self.brokers[id.slot()].handle(packet, fx),
            NodeId::Producer(id) => self.producers[id.ix()].handle(packet, fx),
            NodeId::Consumer(id) => self.consumers[id.ix()].handle(packet, fx),
        }
    }
}
