//! Connections: how what handlers want sent gets to its receiver, and what becomes of what does not. [`crate::net`] knows the links and
//! TCP, [`crate::net::socket`] the servers' ends; here both meet the actors.

use super::World;
use crate::broker;
use crate::effects::Effects;
use crate::ids::*;
use crate::net::socket::Reading;
use crate::net::tcp::Lost;
use crate::net::{Passage, Pipe};
use crate::producer::Process;
use crate::queue::{Event, HungUp};
use crate::time::SimTime;
use crate::trace::{Api, DropReason, TraceEvent, TraceId, What};
use crate::wire::{Connection, Packet};

impl World {
    /// The packets on their way, in no particular order, with the time at which each arrives. True: it was lost, or waits behind one that
    /// was, and is sent again then.
    pub fn packets(&self) -> impl Iterator<Item = (&Packet, SimTime, bool)> {
        fn packet(event: &Event) -> Option<&Packet> {
            if let Event::Arrival(packet) = event { Some(packet) } else { None }
        }
        let flying = self.queue.scheduled().filter_map(|(event, at)| Some((packet(event)?, at, false)));
        flying.chain(self.network.waiting().filter_map(|(event, again)| Some((packet(event)?, again, true))))
    }

    /// Records an event outside of any handler.
    pub(super) fn note(&mut self, cause: TraceId, what: What, events: &mut Vec<TraceEvent>) -> TraceId {
        Effects::new(self.now, cause, &mut self.recorder, events, &mut self.outbox).trace(what)
    }

    /// Empties the outbox onto the network.
    pub(super) fn post(&mut self, events: &mut Vec<TraceEvent>) {
        // The vectors' memory is used again.
        let mut packets = std::mem::take(&mut self.outbox.packets);
        for packet in packets.drain(..) {
            self.post_packet(packet, events);
        }
        self.outbox.packets = packets;
        if !self.outbox.is_empty() {
            self.close_connections(events);
        }
    }

    /// Does with connections what the outbox says.
    fn close_connections(&mut self, events: &mut Vec<TraceEvent>) {
        let outbox = std::mem::take(&mut self.outbox);
        for (connection, cause) in outbox.hang_ups {
            for packet in self.sockets.close(connection) {
                self.note(packet.trace, What::Dropped { packet: packet.id, reason: DropReason::Closed }, events);
            }
            self.hang_up(connection, cause, events);
        }
        for (server, cause) in outbox.ended {
            self.end_connections(server, Some(cause), events);
        }
        for (connection, open) in outbox.closed {
            self.close(connection, open, events);
        }
    }

    fn post_packet(&mut self, mut packet: Box<Packet>, events: &mut Vec<TraceEvent>) {
        packet.id = PacketId(self.next_packet);
        self.next_packet += 1;
        let pipe = packet.pipe();
        let Packet { id, from, to, api, .. } = *packet;
        packet.trace = self.note(packet.trace, What::Sent { packet: id, from, to, api, response: pipe.back }, events);
        if pipe.back
            && let Some(next) = self.sockets.answered(pipe.connection)
        {
            self.queue.add(self.now, Event::Turn(next));
        }
        self.transmit(pipe, api, Event::Arrival(packet), events);
    }

    fn transmit(&mut self, pipe: Pipe, api: Api, freight: Event, events: &mut Vec<TraceEvent>) {
        let passage = self.network.send(pipe, api, self.next_packet, self.now, freight);
        self.go(passage, events);
    }

    /// What was sent arrives, or has to be sent again.
    pub(super) fn go(&mut self, passage: Passage<Event>, events: &mut Vec<TraceEvent>) {
        match passage {
            Passage::Arrives(at, event) => self.queue.add(at, event),
            Passage::Lost(lost) => self.lost(lost, events),
            Passage::Waits => {}
        }
    }

    /// A transmission did not pass: TCP will send again.
    fn lost(&mut self, Lost { pipe, reason, tries, again_at }: Lost, events: &mut Vec<TraceEvent>) {
        if let Some(Event::Arrival(packet)) = self.network.first_waiting(pipe) {
            let (trace, packet) = (packet.trace, packet.id);
            self.note(trace, What::TransmissionLost { packet, reason, tries }, events);
        }
        self.queue.add(again_at, Event::SendAgain(Box::new(pipe)));
    }

    /// The time to send again has come.
    pub(super) fn send_again(&mut self, pipe: Pipe, events: &mut Vec<TraceEvent>) {
        let (from, to) = pipe.ends();
        let receiver_off = !self.machine_is_on(to);
        let Some(again) = self.network.again(pipe, self.now, receiver_off) else { return };
        for (at, mut event) in again.passed {
            if let Event::Arrival(packet) = &mut event {
                packet.sent = self.now;
            }
            self.queue.add(at, event);
        }
        if let Some(lost) = again.lost {
            self.lost(lost, events);
        }
        if !again.given_up.is_empty() {
            self.drop_all(again.given_up, DropReason::Closed, events);
            self.break_connection(pipe.connection, DropReason::Closed, events);
            if pipe.back {
                self.sockets.finish(pipe.connection);
            } else if self.is_up(from) {
                self.hung_up(pipe.connection, TraceId::START, events);
            }
        }
    }

    pub(super) fn drop_all(&mut self, freight: Vec<Event>, reason: DropReason, events: &mut Vec<TraceEvent>) {
        for event in freight {
            if let Event::Arrival(packet) = event {
                self.note(packet.trace, What::Dropped { packet: packet.id, reason }, events);
            }
        }
    }

    /// What waits to be sent again over a connection never will be.
    pub(super) fn break_connection(&mut self, connection: Connection, reason: DropReason, events: &mut Vec<TraceEvent>) {
        let gone = self.network.broken(connection);
        self.drop_all(gone, reason, events);
    }

    /// A server closes or refuses a connection; the client learns it one passage later.
    fn hang_up(&mut self, connection: Connection, cause: TraceId, events: &mut Vec<TraceEvent>) {
        let pipe = Pipe { connection, back: true };
        self.transmit(pipe, Api::ApiVersions, Event::HungUp(Box::new(HungUp { connection, cause })), events);
    }

    /// A client closes a connection. What its kernel has taken still goes out, unless the connection was never open or the machine has no
    /// power; answers are not taken any more (P-40).
    fn close(&mut self, connection: Connection, open: bool, events: &mut Vec<TraceEvent>) {
        if !open || !self.machine_is_on(connection.client) {
            return self.break_connection(connection, DropReason::Closed, events);
        }
        let gone = self.network.closed(connection);
        self.drop_all(gone, DropReason::Closed, events);
        self.transmit(Pipe { connection, back: false }, Api::ApiVersions, Event::Closed(Box::new(connection)), events);
    }

    /// A server learns that a client has closed a connection. A database rolls back what was open on it.
    pub(super) fn closed_by_client(&mut self, connection: Connection, events: &mut Vec<TraceEvent>) {
        self.sockets.finish(connection);
        if connection.server == NodeId::Store(StoreId::Database) && self.is_up(connection.server) {
            self.act(TraceId::START, events, |actors, fx| actors.database.client_gone(connection.client, fx));
            self.plan_wake(connection.server);
        }
        if connection.server == NodeId::Store(StoreId::Service) {
            self.service.client_gone(connection.client);
        }
    }

    /// A process that has ended takes what waited on its connections with it, and a machine without power what it had to send again.
    pub(crate) fn close_sockets_if_down(&mut self, node: NodeId, events: &mut Vec<TraceEvent>) {
        if self.is_up(node) {
            return;
        }
        self.forget_pause(node, events);
        self.end_connections(node, None, events);
        if !self.machine_is_on(node) {
            let gone = self.network.powered_off(node);
            self.drop_all(gone, DropReason::Closed, events);
        }
    }

    /// A server's connections end with its process. `told`: its machine runs and closes them, for this reason.
    fn end_connections(&mut self, server: NodeId, told: Option<TraceId>, events: &mut Vec<TraceEvent>) {
        for (connection, waiting) in self.sockets.close_all(server) {
            for packet in waiting {
                let what = What::Dropped { packet: packet.id, reason: DropReason::ReceiverDown };
                self.note(packet.trace, what, events);
            }
            if let Some(cause) = told {
                self.hang_up(connection, cause, events);
            }
        }
    }

    pub(super) fn arrive(&mut self, packet: Box<Packet>, events: &mut Vec<TraceEvent>) {
        let to = packet.to;
        let request = !packet.body.is_response();
        if request && !self.machine_is_on(to) {
            // Nobody acknowledges it: it is sent again until the machine runs, or the client gives up.
            let (pipe, api, order, times) = (packet.pipe(), packet.api, packet.id.0, (packet.sent, self.now));
            if let Some(lost) = self.network.not_received(pipe, api, order, times, Event::Arrival(packet)) {
                self.lost(lost, events);
            }
            return;
        }
        match to {
            _ if !self.is_up(to) => self.lose(&packet, DropReason::ReceiverDown, events),
            NodeId::Broker(broker) if request && !self.brokers[broker.slot()].serves() => {
                self.lose(&packet, DropReason::ReceiverDown, events);
            }
            NodeId::Broker(_) | NodeId::Store(_) if request => self.arrive_at_socket(packet, events),
            NodeId::Controller(_) if request => {
                // Controllers are called without a round trip to open the connection.
                self.sockets.know(packet.connection);
                self.read(packet, events);
            }
            _ => self.read(packet, events),
        }
    }

    /// A request arrives at a server, which reads it if it knows the connection and has answered the request before.
    fn arrive_at_socket(&mut self, packet: Box<Packet>, events: &mut Vec<TraceEvent>) {
        if matches!(packet.api, Api::ApiVersions | Api::Connect) {
            self.sockets.accept(packet.connection);
            return self.read(packet, events);
        }
        let answered = packet.is_answered();
        match self.sockets.arrive(packet, answered) {
            Reading::Now(packet) => self.read(packet, events),
            Reading::Later => {}
            Reading::Refused(packet) => self.lose(&packet, DropReason::Closed, events),
        }
    }

    /// A packet arrived where nobody takes it. A machine that is up refuses what its processes do not take.
    pub(super) fn lose(&mut self, packet: &Packet, reason: DropReason, events: &mut Vec<TraceEvent>) {
        let event = self.act(packet.trace, events, |_, fx| fx.trace(What::Dropped { packet: packet.id, reason }));
        let server = matches!(packet.to, NodeId::Broker(_) | NodeId::Controller(_) | NodeId::Store(_));
        if !packet.body.is_response() && server && self.machine_is_on(packet.to) {
            self.hang_up(packet.connection, event, events);
        }
    }

    /// The receiver reads a packet.
    pub(super) fn read(&mut self, mut packet: Box<Packet>, events: &mut Vec<TraceEvent>) {
        let (to, id, trace) = (packet.to, packet.id, packet.trace);
        let question = packet.body.is_response().then_some((packet.connection, packet.correlation));
        let read = self.act_at(to, trace, events, |actors, fx| {
            fx.cause = fx.trace(What::Delivered { packet: id });
            actors.handle(to, &mut packet, fx)
        });
        self.outbox.keep_memory(packet);
        if !read {
            // Nobody waits for it any more: its connection was closed while it travelled, or a copy of the request was answered before.
            let before = question.is_some_and(|question| self.copied.get(&question) == Some(&true));
            let reason = if before { DropReason::AnsweredBefore } else { DropReason::Closed };
            self.act(trace, events, |_, fx| fx.trace(What::Dropped { packet: id, reason }));
        } else if let Some(answered) = question.filter(|_| !self.copied.is_empty()).and_then(|q| self.copied.get_mut(&q)) {
            *answered = true;
        }
        self.close_sockets_if_down(to, events);
        self.plan_wake(to);
    }

    /// A client learns that a connection is closed; what it still had to send on it is gone.
    pub(super) fn hung_up(&mut self, connection: Connection, cause: TraceId, events: &mut Vec<TraceEvent>) {
        self.break_connection(connection, DropReason::Closed, events);
        let client = connection.client;
        if !self.is_up(client) {
            return;
        }
        self.act_at(client, cause, events, |actors, fx| match client {
            NodeId::Controller(id) => actors.controllers[id.slot()].disconnected(connection, fx),
            NodeId::Broker(id) => actors.brokers[id.slot()].disconnected(connection, fx),
            NodeId::Producer(id) => actors.producers[id.ix()].disconnected(connection, fx),
            NodeId::Consumer(id) => actors.consumers[id.ix()].disconnected(connection, fx),
            NodeId::Store(_) => unreachable!("stores call nobody"),
        });
        self.plan_wake(client);
    }

    /// Does its machine have power?
    fn machine_is_on(&self, node: NodeId) -> bool {
        match node {
            NodeId::Controller(id) => self.controllers[id.slot()].process != Process::PoweredOff,
            NodeId::Broker(id) => self.brokers[id.slot()].process != broker::Process::PoweredOff,
            NodeId::Producer(id) => self.producers[id.ix()].process != Process::PoweredOff,
            NodeId::Consumer(id) => self.consumers[id.ix()].process != Process::PoweredOff,
            NodeId::Store(StoreId::Redis) => self.redis.process != Process::PoweredOff,
            NodeId::Store(StoreId::Database) => self.database.process != Process::PoweredOff,
            NodeId::Store(StoreId::Service) => self.service.process != Process::PoweredOff,
        }
    }
}
