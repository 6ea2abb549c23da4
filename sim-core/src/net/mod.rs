//! The network: links with latency, loss and cuts, and connections that keep order inside themselves.

pub mod client;
pub mod metadata;
pub mod socket;

use crate::ids::{NodeId, Slots};
use crate::rng::Stream;
use crate::scenario::Latency;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, DropReason};
use crate::wire::Channel;

/// One direction between two nodes.
#[derive(Clone, Debug)]
struct Link {
    /// Draws latencies.
    latency_stream: Stream,
    /// Draws losses.
    loss_stream: Stream,
    /// Instead of the cluster's.
    latency: Option<Latency>,
    loss_per_mille: u16,
    cut: bool,
    /// Kinds of packets that take longer.
    slow: Vec<(Api, SimDuration)>,
    /// The last arrival on each connection: nothing overtakes.
    last_arrival: [SimTime; Channel::COUNT],
}

/// What the network does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// It arrives then, or would.
    pub arrives: SimTime,
    /// It is lost, for this reason.
    pub doomed: Option<DropReason>,
}

/// All links. A link is made when it is first used; its streams depend on its ends' names only.
#[derive(Clone, Debug)]
pub struct Network {
    seed: u64,
    latency: Latency,
    /// Position in `links` + 1 of the link between two nodes, row by row; 0 if it was never used.
    index: Vec<u32>,
    links: Vec<Link>,
    slots: Slots,
}

impl Network {
    /// No traffic yet.
    pub fn new(seed: u64, latency: Latency, slots: Slots) -> Network {
        let nodes = slots.count();
        Network { seed, latency, index: vec![0; nodes * nodes], links: Vec::new(), slots }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let cell = self.slots.of(from) * self.slots.count() + self.slots.of(to);
        if self.index[cell] == 0 {
            self.links.push(Link {
                latency_stream: Stream::new(self.seed, &format!("latency {from} -> {to}")),
                loss_stream: Stream::new(self.seed, &format!("loss {from} -> {to}")),
                latency: None,
                loss_per_mille: 0,
                cut: false,
                slow: Vec::new(),
                last_arrival: [SimTime::ZERO; Channel::COUNT],
            });
            self.index[cell] = self.links.len() as u32;
        }
        &mut self.links[self.index[cell] as usize - 1]
    }

    /// Sends a packet of this kind at `now`. Two draws, whatever the link's settings are.
    pub fn pass(&mut self, from: NodeId, to: NodeId, channel: Channel, api: Api, now: SimTime) -> Passage {
        let usual = self.latency;
        let link = self.link(from, to);
        let latency = link.latency_stream.latency(link.latency.unwrap_or(usual));
        let lost = link.loss_stream.per_mille(link.loss_per_mille);
        let extra = link.slow.iter().find(|s| s.0 == api).map_or(SimDuration::ZERO, |s| s.1);
        let last = &mut link.last_arrival[channel as usize];
        let arrives = (now + latency + extra).max(*last);
        let doomed = if link.cut {
            Some(DropReason::Cut)
        } else if lost {
            Some(DropReason::Loss)
        } else {
            None
        };
        *last = arrives;
        Passage { arrives, doomed }
    }

    /// Cuts both directions, or joins them again. Tells whether that changed anything.
    pub fn set_cut(&mut self, a: NodeId, b: NodeId, cut: bool) -> bool {
        let changed = self.link(a, b).cut != cut;
        self.link(a, b).cut = cut;
        self.link(b, a).cut = cut;
        changed
    }

    /// Does nothing pass between the two?
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        let at = self.index[self.slots.of(from) * self.slots.count() + self.slots.of(to)];
        at > 0 && self.links[at as usize - 1].cut
    }

    /// Another latency for one direction; none for the usual one.
    pub fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Option<Latency>) {
        self.link(from, to).latency = latency;
    }

    /// Losses for one direction.
    pub fn set_loss(&mut self, from: NodeId, to: NodeId, per_mille: u16) {
        self.link(from, to).loss_per_mille = per_mille;
    }

    /// Packets of one kind take this much longer in one direction.
    pub fn set_slow(&mut self, from: NodeId, to: NodeId, api: Api, extra: SimDuration) {
        let link = self.link(from, to);
        link.slow.retain(|s| s.0 != api);
        if extra > SimDuration::ZERO {
            link.slow.push((api, extra));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, ControllerId, ProducerId};

    const P: NodeId = NodeId::Producer(ProducerId(0));
    const B: NodeId = NodeId::Broker(BrokerId(1));
    const LATENCY: Latency = Latency::Uniform(SimDuration(1), SimDuration(1_000));

    fn network() -> Network {
        Network::new(3, LATENCY, Slots { controllers: 1, brokers: 2, producers: 1, consumers: 0 })
    }

    fn arrival(network: &mut Network, api: Api, at: u64) -> SimTime {
        network.pass(P, B, Channel::of(api), api, SimTime(at)).arrives
    }

    /// TCP: nothing overtakes inside a connection; connections overtake one another.
    #[test]
    fn a_connection_keeps_its_order() {
        let mut network = network();
        let arrivals: Vec<SimTime> = (0..200).map(|at| arrival(&mut network, Api::Produce, at)).collect();
        assert!(arrivals.is_sorted());
        network.set_slow(P, B, Api::Produce, SimDuration::from_secs(5));
        let slow = arrival(&mut network, Api::Produce, 1_000);
        assert!(slow >= SimTime(5_001_000));
        assert!(arrival(&mut network, Api::Metadata, 1_001) >= slow, "the same connection");
        assert!(arrival(&mut network, Api::OffsetCommit, 1_001) < slow, "another connection");
    }

    /// Promise 6: a link's luck does not depend on its settings, nor on other links.
    #[test]
    fn settings_do_not_reshuffle_the_luck() {
        let (mut plain, mut other) = (network(), network());
        other.set_loss(P, B, 500);
        other.set_cut(B, NodeId::Controller(ControllerId(1)), true);
        let lost = (0..1_000).filter(|at| {
            let at = SimTime(at * 10_000);
            let a = plain.pass(P, B, Channel::Client, Api::Produce, at);
            let b = other.pass(P, B, Channel::Client, Api::Produce, at);
            assert_eq!((a.arrives, a.doomed), (b.arrives, None));
            b.doomed == Some(DropReason::Loss)
        });
        assert!((400..600).contains(&lost.count()));
    }

    #[test]
    fn a_cut_stops_both_directions_until_it_heals() {
        let mut network = network();
        assert!(network.set_cut(P, B, true) && !network.set_cut(P, B, true));
        assert!(network.is_cut(B, P) && network.is_cut(P, B));
        assert_eq!(network.pass(B, P, Channel::Client, Api::Produce, SimTime(5)).doomed, Some(DropReason::Cut));
        assert!(network.set_cut(B, P, false));
        assert_eq!(network.pass(P, B, Channel::Client, Api::Produce, SimTime(6)).doomed, None);
    }
}
