//! The server's side of connections. A broker reads the next request of a connection only after it has answered the one before, as
//! Kafka's socket server does; what arrives meanwhile waits. A process knows only the connections that were opened to itself: whatever
//! arrives on an older one is refused.

use crate::ids::{BrokerId, NodeId};
use crate::wire::{Channel, Packet};
use std::collections::{BTreeMap, VecDeque};

/// One open connection.
#[derive(Clone, Debug, Default)]
struct Socket {
    /// A request has been read and not answered yet.
    busy: bool,
    waiting: VecDeque<Packet>,
}

/// All open connections of all brokers.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    open: BTreeMap<(BrokerId, NodeId, Channel), Socket>,
}

/// What becomes of a request that arrives.
#[derive(Debug)]
pub enum Reading {
    /// The broker reads it now.
    Now(Packet),
    /// It waits for its turn.
    Later,
    /// There is no such connection.
    Refused(Packet),
}

impl Sockets {
    /// A client opens a connection. What waited on an older one of the same client has been received, and is read now (P-40).
    pub fn accept(&mut self, broker: BrokerId, client: NodeId, channel: Channel) -> VecDeque<Packet> {
        self.open.insert((broker, client, channel), Socket::default()).map_or_else(VecDeque::new, |old| old.waiting)
    }

    /// A request arrives. `answered`: the broker will answer it.
    pub fn arrive(&mut self, broker: BrokerId, packet: Packet, answered: bool) -> Reading {
        match self.open.get_mut(&(broker, packet.from, packet.channel)) {
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
    pub fn answered(&mut self, broker: BrokerId, client: NodeId, channel: Channel) -> Option<Packet> {
        let socket = self.open.get_mut(&(broker, client, channel))?;
        let next = socket.waiting.pop_front();
        socket.busy = next.is_some();
        next
    }

    /// A process has ended: its connections are gone, with what waited on them.
    pub fn close_all(&mut self, broker: BrokerId) -> Vec<Packet> {
        let gone = self.open.extract_if(.., |(b, ..), _| *b == broker);
        gone.flat_map(|(_, socket)| socket.waiting).collect()
    }
}
