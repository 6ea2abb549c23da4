//! The server's side of connections. A broker reads the next request of a connection only after it has answered the one before, as
//! Kafka's socket server does; what arrives meanwhile waits. A process knows only the connections that were opened to itself: whatever
//! arrives on an older one is refused.

use crate::ids::NodeId;
use crate::rows::Map;
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

/// All open connections of all brokers.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    open: Map<Connection, Socket>,
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
    /// A client opens a connection.
    pub fn accept(&mut self, connection: Connection) {
        self.open.insert(connection, Socket::default());
    }

    /// Something arrives on a connection that is opened by its first request.
    pub fn know(&mut self, connection: Connection) {
        self.open.entry(connection).or_default();
    }

    /// A request arrives. `answered`: the broker will answer it.
    pub fn arrive(&mut self, packet: Box<Packet>, answered: bool) -> Reading {
        match self.open.get_mut(&packet.connection) {
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
        let socket = self.open.get_mut(&connection)?;
        let next = socket.waiting.pop_front();
        socket.busy = next.is_some();
        if next.is_none() && socket.closing {
            self.open.remove(&connection);
        }
        next
    }

    /// The client has closed a connection; what had arrived before is still read.
    pub fn finish(&mut self, connection: Connection) {
        if let Some(socket) = self.open.get_mut(&connection) {
            socket.closing = true;
            if !socket.busy {
                self.open.remove(&connection);
            }
        }
    }

    /// The server closes a connection. Gives back what waited on it.
    pub fn close(&mut self, connection: Connection) -> VecDeque<Box<Packet>> {
        self.open.remove(&connection).map_or_else(VecDeque::new, |socket| socket.waiting)
    }

    /// A process has ended: its connections are gone, with what waited on them.
    pub fn close_all(&mut self, server: NodeId) -> Vec<(Connection, VecDeque<Box<Packet>>)> {
        let gone = self.open.take_if(|connection, _| connection.server == server);
        gone.into_iter().map(|(connection, socket)| (connection, socket.waiting)).collect()
    }

    /// Connections that are open between two nodes, at their servers.
    pub fn between(&self, a: NodeId, b: NodeId) -> Vec<Connection> {
        let is_between = |c: &&Connection| (c.server, c.client) == (a, b) || (c.server, c.client) == (b, a);
        self.open.keys().filter(is_between).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, PacketId, ProducerId};
    use crate::time::SimTime;
    use crate::trace::{Api, TraceId};
    use crate::wire::{Body, Channel, Request};

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
        let mut sockets = Sockets::default();
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
        let mut sockets = Sockets::default();
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), false), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), false), Reading::Now(_)));
    }

    #[test]
    fn what_had_arrived_before_the_client_closed_is_read_in_its_turn() {
        let mut sockets = Sockets::default();
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), true), Reading::Later));
        sockets.finish(CONNECTION);
        assert_eq!(sockets.answered(CONNECTION).map(|p| p.id.0), Some(2));
        assert!(sockets.answered(CONNECTION).is_none() && sockets.between(CLIENT, BROKER).is_empty());
    }

    #[test]
    fn a_new_process_knows_no_old_connection() {
        let mut sockets = Sockets::default();
        sockets.accept(CONNECTION);
        assert!(matches!(sockets.arrive(request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(request(2), true), Reading::Later));
        let gone = sockets.close_all(BROKER);
        assert_eq!((gone.len(), gone[0].1.len()), (1, 1));
        assert!(matches!(sockets.arrive(request(3), true), Reading::Refused(_)));
    }
}
