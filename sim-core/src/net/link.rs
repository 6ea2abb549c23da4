//! One direction between two nodes: how long packets take, which are lost, and that nothing overtakes.

use crate::ids::NodeId;
use crate::rng::Stream;
use crate::scenario::Latency;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, DropReason};
use crate::wire::{Channel, Connection};

/// One direction between two nodes.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Draws latencies.
    pub latency_stream: Stream,
    /// Draws losses.
    pub loss_stream: Stream,
    /// Draws losses of what is sent again.
    again_stream: Stream,
    /// Instead of the cluster's.
    pub latency: Option<Latency>,
    pub loss_per_mille: u16,
    pub cut: bool,
    /// All packets take this much longer.
    pub extra: SimDuration,
    /// Kinds of packets that take longer still.
    pub slow: Vec<(Api, SimDuration)>,
    /// The newest connection of each kind, and the last arrival on it: nothing overtakes.
    last_arrival: [(u32, SimTime); Channel::COUNT],
}

impl Link {
    /// As the cluster's links are. Its streams depend on the names of its ends only.
    pub fn new(seed: u64, from: NodeId, to: NodeId) -> Link {
        Link {
            latency_stream: Stream::new(seed, &format!("latency {from} -> {to}")),
            loss_stream: Stream::new(seed, &format!("loss {from} -> {to}")),
            again_stream: Stream::new(seed, &format!("sent again {from} -> {to}")),
            latency: None,
            loss_per_mille: 0,
            cut: false,
            extra: SimDuration::ZERO,
            slow: Vec::new(),
            last_arrival: [(0, SimTime::ZERO); Channel::COUNT],
        }
    }

    /// How it is, where links have this latency.
    pub fn direction(&self, usual: Latency) -> Direction {
        let latency = self.latency.unwrap_or(usual);
        Direction { latency, extra: self.extra, loss_per_mille: self.loss_per_mille, cut: self.cut }
    }

    /// Why nothing passes now, if nothing does.
    pub fn obstacle(&mut self, receiver_off: bool) -> Option<DropReason> {
        let lost = self.again_stream.per_mille(self.loss_per_mille);
        match () {
            () if self.cut => Some(DropReason::Cut),
            () if receiver_off => Some(DropReason::ReceiverDown),
            () if lost => Some(DropReason::Loss),
            () => None,
        }
    }

    /// When something that leaves now arrives: after whatever left before over the same connection. What still comes over an older
    /// connection is not kept in order with the newer one's.
    #[inline]
    pub fn arrival(&mut self, connection: Connection, now: SimTime, latency: SimDuration) -> SimTime {
        let last = &mut self.last_arrival[connection.channel as usize];
        if connection.number < last.0 {
            return now + latency;
        }
        let before = if connection.number == last.0 { last.1 } else { SimTime::ZERO };
        *last = (connection.number, (now + latency).max(before));
        last.1
    }
}

/// How one direction between two nodes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// How long a packet takes.
    pub latency: Latency,
    /// And how much longer than that, at this time.
    pub extra: SimDuration,
    /// How many of a thousand are lost.
    pub loss_per_mille: u16,
    /// Nothing passes.
    pub cut: bool,
}
