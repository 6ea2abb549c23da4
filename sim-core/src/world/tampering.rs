//! What is done to packets on their way, and to the connections that they are on. Nothing of it is TCP's own doing: connections are cut
//! off, and something between two nodes holds packets up or sends them twice.

use super::World;
use crate::ids::*;
use crate::net::{Direction, Pipe};
use crate::queue::{Event, HungUp};
use crate::sort;
use crate::time::{SimDuration, SimTime};
use crate::trace::{DropReason, TraceEvent, TraceId, What};
use crate::wire::{Connection, Packet};

impl World {
    /// Breaks the connections between two nodes: what is on its way on them, in either direction, is lost; what has arrived is still read.
    /// Both ends learn it at once.
    pub(crate) fn break_between(&mut self, a: NodeId, b: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
        let is_between = |c: Connection| (c.server, c.client) == (a, b) || (c.server, c.client) == (b, a);
        let mut connections = self.sockets.between(a, b);
        connections.extend(self.packets().map(|(packet, ..)| packet.connection).filter(|&c| is_between(c)));
        sort::plainly(&mut connections);
        connections.dedup();
        for connection in connections {
            self.break_one(connection, cause, events);
        }
    }

    /// Breaks the connection that a packet is on its way on, if it still is.
    pub(crate) fn break_under(&mut self, packet: PacketId, cause: TraceId, events: &mut Vec<TraceEvent>) {
        let connection = self.packets().find(|(p, ..)| p.id == packet).map(|(p, ..)| p.connection);
        if let Some(connection) = connection {
            self.break_one(connection, cause, events);
        }
    }

    fn break_one(&mut self, connection: Connection, cause: TraceId, events: &mut Vec<TraceEvent>) {
        let Connection { client, server, .. } = connection;
        let event = self.note(cause, What::ConnectionBroken { client, server }, events);
        let on_it = |event: &Event| match event {
            Event::Arrival(packet) => packet.connection == connection,
            Event::HungUp(hung_up) => hung_up.connection == connection,
            Event::Closed(closed) => **closed == connection,
            _ => false,
        };
        let gone = self.queue.take_out(on_it).into_iter().map(|(_, event)| event).collect();
        self.drop_all(gone, DropReason::Intervention, events);
        self.break_connection(connection, DropReason::Intervention, events);
        self.closed_by_client(connection, events);
        self.queue.add(self.now, Event::HungUp(Box::new(HungUp { connection, cause: event })));
    }

    /// How one direction of the link between two nodes is.
    pub fn direction(&self, from: NodeId, to: NodeId) -> Direction {
        self.network.direction(from, to)
    }

    /// A packet that will arrive, and when.
    fn flying(&self, packet: PacketId) -> Option<(&Packet, SimTime)> {
        let (packet, at, lost) = self.packets().find(|(p, ..)| p.id == packet)?;
        (!lost).then_some((packet, at))
    }

    /// Holds a packet up, if it is on its way, and with it what was sent after it over the same direction of its connection: nothing
    /// overtakes. Tells between whom it is.
    pub(crate) fn delay(&mut self, id: PacketId, by: SimDuration) -> Option<(NodeId, NodeId)> {
        let (packet, at) = self.flying(id)?;
        let (pipe, later) = (packet.pipe(), at + by);
        let behind = |event: &Event| match event {
            Event::Arrival(packet) => packet.pipe() == pipe && packet.id >= id,
            Event::HungUp(hung_up) => pipe == Pipe { connection: hung_up.connection, back: true },
            Event::Closed(closed) => pipe == Pipe { connection: **closed, back: false },
            _ => false,
        };
        for (at, event) in self.queue.take_out(behind) {
            self.queue.add(at.max(later), event);
        }
        self.network.hold_until(pipe, later);
        Some(pipe.ends())
    }

    /// Sends a request once more, if it is on its way to a broker or a controller: the copy travels as long as the request does, behind
    /// all that was sent before it. Its answer finds nobody who waits for it. Tells between whom it is.
    pub(crate) fn duplicate(&mut self, id: PacketId, cause: TraceId, events: &mut Vec<TraceEvent>) -> Option<(NodeId, NodeId)> {
        let (packet, at) = self.flying(id)?;
        if !packet.can_be_copied() {
            return None;
        }
        let latency = at.since(packet.sent);
        let mut copy = Box::new(packet.clone());
        let (pipe, &Packet { from, to, api, connection, correlation, .. }) = (copy.pipe(), &*copy);
        (copy.id, copy.sent) = (PacketId(self.next_packet), self.now);
        self.copies.push(copy.id);
        self.next_packet += 1;
        copy.trace = self.note(cause, What::PacketCopied { packet: id, copy: copy.id, from, to, api }, events);
        self.copied.entry((connection, correlation)).or_insert(false);
        let passage = self.network.send_copy(pipe, api, self.next_packet, latency, self.now, Event::Arrival(copy));
        self.go(passage, events);
        Some((from, to))
    }
}
