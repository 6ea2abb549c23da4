//! The server's side of connections. A broker reads the next request of a connection only after it has answered the one before, as
//! Kafka's socket server does; what arrives meanwhile waits. A process knows only the connections that were opened to itself: whatever
//! arrives on an older one is refused.

use crate::ids::{NodeId, Slots};
use crate::sparse::Sparse;
use crate::wire::{Connection, Packet};
use std::collections::VecDeque;

/// One open connection.
#[derive(Clone, Debug, Default)]
struct Socket {
    /// A request has been read and not answered yet.
    busy: bool,
    /// Its client has closed it: it goes away when what waits has been read and answered (P-40).
    closing: bool,
    /// Boxed as they travel: they are moved and not looked at.
    waiting: VecDeque<Box<Packet>>,
}

/// All open connections of all servers.
#[derive(Clone, Debug)]
pub struct Sockets {
    slots: Slots,
    /// By server and client; in a cell in the order of kinds and numbers.
    open: Sparse<Vec<(Connection, Socket)>>,
}

/// What becomes of a request that arrives.
#[derive(Debug)]
pub enum Reading {
    /// The broker reads it now.
    Now(Box<Packet>),
    /// It waits for its turn.
    Later,
    /// There is no such connection.
    Refused(Box<Packet>),
}

impl Sockets {
    /// None.
    pub fn new(slots: Slots) -> Sockets {
        Sockets { slots, open: Sparse::new(slots.count() * slots.count()) }
    }

    #[inline]
    fn cell(&self, server: NodeId, client: NodeId) -> usize {
        self.slots.of(server) * self.slots.count() + self.slots.of(client)
    }

    #[inline]
    fn get(&mut self, connection: Connection) -> Option<&mut Socket> {
        let cell = self.open.get_mut(self.cell(connection.server, connection.client))?;
        cell.iter_mut().find(|(other, _)| other.is_same_of_pair(connection)).map(|(_, socket)| socket)
    }

    fn get_or_make(&mut self, connection: Connection) -> &mut Socket {
        let cell = self.open.get_or_make(self.cell(connection.server, connection.client), Vec::new);
        let place = cell.partition_point(|(other, _)| *other < connection);
        if cell.get(place).is_none_or(|(other, _)| *other != connection) {
            cell.insert(place, (connection, Socket::default()));
        }
        &mut cell[place].1
    }

    fn remove(&mut self, connection: Connection) -> Option<Socket> {
        let cell = self.open.get_mut(self.cell(connection.server, connection.client))?;
        let place = cell.iter().position(|(other, _)| *other == connection)?;
        Some(cell.remove(place).1)
    }

    /// A client opens a connection.
    pub fn accept(&mut self, connection: Connection) {
        *self.get_or_make(connection) = Socket::default();
    }

    /// Something arrives on a connection that is opened by its first request.
    pub fn know(&mut self, connection: Connection) {
        self.get_or_make(connection);
    }

    /// A request arrives. `answered`: the broker will answer it.
    pub fn arrive(&mut self, packet: Box<Packet>, answered: bool) -> Reading {
        match self.get(packet.connection) {
            None => Reading::Refused(packet),
            Some(socket) if socket.busy => {
                socket.waiting.push_back(packet);
                Reading::Later
            }
            Some(socket) => {
                socket.busy = answered;
                Reading::Now(packet)
            }
        }
    }

    /// A request has been answered: the next one that waits on the connection is read now.
    pub fn answered(&mut self, connection: Connection) -> Option<Box<Packet>> {
        let socket = self.get(connection)?;
        let next = socket.waiting.pop_front();
        socket.busy = next.is_some();
        if next.is_none() && socket.closing {
            self.remove(connection);
        }
        next
    }

    /// The client has closed a connection; what had arrived before is still read.
    pub fn finish(&mut self, connection: Connection) {
        if let Some(socket) = self.get(connection) {
            socket.closing = true;
            if !socket.busy {
                self.remove(connection);
            }
        }
    }

    /// The server closes a connection. Gives back what waited on it.
    pub fn close(&mut self, connection: Connection) -> VecDeque<Box<Packet>> {
        self.remove(connection).map_or_else(VecDeque::new, |socket| socket.waiting)
    }

    /// A process has ended: its connections are gone, with what waited on them.
    pub fn close_all(&mut self, server: NodeId) -> Vec<(Connection, VecDeque<Box<Packet>>)> {
        let first = self.slots.of(server) * self.slots.count();
        let mut gone = Vec::new();
        for cell in first..first + self.slots.count() {
            let open = self.open.get_mut(cell).map(std::mem::take).unwrap_or_default();
            gone.extend(open.into_iter().map(|(connection, socket)| (connection, socket.waiting)));
        }
        gone
    }

    /// Connections that are open between two nodes, at their servers.
    pub fn between(&self, a: NodeId, b: NodeId) -> Vec<Connection> {
        let cells = [self.open.get(self.cell(a, b)), self.open.get(self.cell(b, a))];
        cells.into_iter().flatten().flatten().map(|(connection, _)| *connection).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, PacketId, ProducerId};
    use crate::time::SimTime;
    use crate::trace::{Api, TraceId};
    use crate::wire::{Body, Channel, Request};

    const SLOTS: Slots = Slots { controllers: 0, brokers: 1, producers: 1, consumers: 0, stores: 0 };
    const BROKER: NodeId = NodeId::Broker(BrokerId(1));
    const CLIENT: NodeId = NodeId::Producer(ProducerId(0));
    const CONNECTION: Connection = Connection { server: BROKER, client: CLIENT, channel: Channel::Client, number: 0 };

    fn request(number: u64) -> Box<Packet> {
        Box::new(Packet {
            id: PacketId(number),
            from: CLIENT,
            to: BROKER,
            api: Api::Metadata,
            connection: CONNECTION,
            correlation: number as u32,
            sent: SimTime::ZERO,
            trace: TraceId::START,
            body: Body::Request(Request::Metadata),
        })
    }

    #[test]
    fn the_second_request_waits_for_the_answer_to_the_first() {
        let mut sockets = Sockets::new(SLOTS);
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), true), Reading::Later));
        assert!(matches!(sockets.arrive(request(3), true), Reading::Later));
        let next = |sockets: &mut Sockets| sockets.answered(CONNECTION).map(|p| p.id.0);
        assert_eq!([next(&mut sockets), next(&mut sockets), next(&mut sockets)], [Some(2), Some(3), None]);
        assert!(matches!(sockets.arrive(request(4), true), Reading::Now(_)));
    }

    #[test]
    fn what_is_never_answered_holds_up_nobody() {
        let mut sockets = Sockets::new(SLOTS);
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), false), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), false), Reading::Now(_)));
    }

    #[test]
    fn what_had_arrived_before_the_client_closed_is_read_in_its_turn() {
        let mut sockets = Sockets::new(SLOTS);
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), true), Reading::Later));
        sockets.finish(CONNECTION);
        assert_eq!(sockets.answered(CONNECTION).map(|p| p.id.0), Some(2));
        assert!(sockets.answered(CONNECTION).is_none() && sockets.between(CLIENT, BROKER).is_empty());
    }

    #[test]
    fn a_new_process_knows_no_old_connection() {
        let mut sockets = Sockets::new(SLOTS);
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), true), Reading::Later));
        let gone = sockets.close_all(BROKER);
        assert_eq!((gone.len(), gone[0].1.len()), (1, 1));
        assert!(matches!(sockets.arrive(request(3), true), Reading::Refused(_)));
    }
}
