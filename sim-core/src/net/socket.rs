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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{PacketId, ProducerId};
    use crate::time::SimTime;
    use crate::trace::{Api, TraceId};
    use crate::wire::{Body, Request};

    const BROKER: BrokerId = BrokerId(1);
    const CLIENT: NodeId = NodeId::Producer(ProducerId(0));

    fn request(number: u64) -> Packet {
        Packet {
            id: PacketId(number),
            from: CLIENT,
            to: NodeId::Broker(BROKER),
            api: Api::Metadata,
            channel: Channel::Client,
            correlation: number as u32,
            sent: SimTime::ZERO,
            trace: TraceId::START,
            doomed: None,
            body: Body::Request(Request::Metadata),
        }
    }

    #[test]
    fn the_second_request_waits_for_the_answer_to_the_first() {
        let mut sockets = Sockets::default();
        sockets.accept(BROKER, CLIENT, Channel::Client);
        assert!(matches!(sockets.arrive(BROKER, request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(BROKER, request(2), true), Reading::Later));
        assert!(matches!(sockets.arrive(BROKER, request(3), true), Reading::Later));
        let next = |sockets: &mut Sockets| sockets.answered(BROKER, CLIENT, Channel::Client).map(|p| p.id.0);
        assert_eq!([next(&mut sockets), next(&mut sockets), next(&mut sockets)], [Some(2), Some(3), None]);
        assert!(matches!(sockets.arrive(BROKER, request(4), true), Reading::Now(_)));
    }

    #[test]
    fn what_is_never_answered_holds_up_nobody() {
        let mut sockets = Sockets::default();
        sockets.accept(BROKER, CLIENT, Channel::Client);
        assert!(matches!(sockets.arrive(BROKER, request(1), false), Reading::Now(_)));
        assert!(matches!(sockets.arrive(BROKER, request(2), false), Reading::Now(_)));
    }

    #[test]
    fn a_new_process_knows_no_old_connection() {
        let mut sockets = Sockets::default();
        sockets.accept(BROKER, CLIENT, Channel::Client);
        assert!(matches!(sockets.arrive(BROKER, request(1), true), Reading::Now(_)));
        assert!(matches!(sockets.arrive(BROKER, request(2), true), Reading::Later));
        assert_eq!(sockets.close_all(BROKER).len(), 1);
        assert!(matches!(sockets.arrive(BROKER, request(3), true), Reading::Refused(_)));
    }
}
