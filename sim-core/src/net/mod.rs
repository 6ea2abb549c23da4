//! The network: links with latency, loss and cuts, and connections over them. A connection is TCP's: what is lost on it is sent again, and
//! nothing overtakes ([`tcp`]).

pub mod client;
mod link;
pub mod metadata;
pub mod socket;
pub mod tcp;

use crate::ids::{NodeId, Slots};
use crate::rows::Map;
use crate::scenario::Latency;
use crate::sparse::Sparse;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, DropReason};
use crate::wire::Connection;
use link::Link;
use tcp::{Lost, Stall, Waiting};

pub use link::Direction;

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pipe {
    /// The connection.
    pub connection: Connection,
    /// From the server to the client.
    pub back: bool,
}

impl Pipe {
    /// Who sends, and who receives.
    pub fn ends(self) -> (NodeId, NodeId) {
        let Connection { client, server, .. } = self.connection;
        if self.back { (server, client) } else { (client, server) }
    }
}

/// What the network does with something that is sent.
#[derive(Debug)]
pub enum Passage<T> {
    /// It arrives then.
    Arrives(SimTime, T),
    /// It is lost on its way, and will be sent again.
    Lost(Lost),
    /// It waits behind something that was lost.
    Waits,
}

/// What came of sending again.
#[derive(Debug)]
pub struct Again<T> {
    /// What passed, and when it arrives.
    pub passed: Vec<(SimTime, T)>,
    /// The first that did not.
    pub lost: Option<Lost>,
    /// The sender has tried often enough and gives the connection up, with all of this.
    pub given_up: Vec<T>,
}

/// All links, and what waits to be sent again over them. A link is made when it is first used; its streams depend on its ends' names only.
#[derive(Clone, Debug)]
pub struct Network<T> {
    seed: u64,
    latency: Latency,
    /// By the nodes at both ends.
    links: Sparse<Link>,
    stalls: Map<Pipe, Stall<T>>,
    slots: Slots,
}

impl<T> Network<T> {
    /// No traffic yet.
    pub fn new(seed: u64, latency: Latency, slots: Slots) -> Network<T> {
        let links = Sparse::new(slots.count() * slots.count());
        Network { seed, latency, links, stalls: Map::new(), slots }
    }

    #[inline]
    fn cell(&self, from: NodeId, to: NodeId) -> usize {
        self.slots.of(from) * self.slots.count() + self.slots.of(to)
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let seed = self.seed;
        self.links.get_or_make(self.cell(from, to), || Link::new(seed, from, to))
    }

    /// Sends something of this kind at `now`; `order` is its place among all that is sent. Two draws, whatever the link's settings are.
    pub fn send(&mut self, pipe: Pipe, api: Api, order: u64, now: SimTime, freight: T) -> Passage<T> {
        let (usual, stalled) = (self.latency, !self.stalls.is_empty());
        let (from, to) = pipe.ends();
        let link = self.link(from, to);
        let drawn = link.latency_stream.latency(link.latency.unwrap_or(usual));
        let lost = link.loss_stream.per_mille(link.loss_per_mille);
        let extra = link.slow.iter().find(|s| s.0 == api).map_or(SimDuration::ZERO, |s| s.1);
        let latency = drawn + link.extra + extra;
        let obstacle = match () {
            () if link.cut => Some(DropReason::Cut),
            () if lost => Some(DropReason::Loss),
            () => None,
        };
        if obstacle.is_none() && !stalled {
            return Passage::Arrives(link.arrival(pipe.connection, now, latency), freight);
        }
        self.carry(pipe, api, Waiting { order, latency, freight }, obstacle, now)
    }

    /// Sends a copy of something that took so long, without a draw: other packets keep their luck.
    pub fn send_copy(&mut self, pipe: Pipe, api: Api, order: u64, latency: SimDuration, now: SimTime, freight: T) -> Passage<T> {
        let (from, to) = pipe.ends();
        let obstacle = self.is_cut(from, to).then_some(DropReason::Cut);
        self.carry(pipe, api, Waiting { order, latency, freight }, obstacle, now)
    }

    fn carry(&mut self, pipe: Pipe, api: Api, waiting: Waiting<T>, obstacle: Option<DropReason>, now: SimTime) -> Passage<T> {
        if let Some(stall) = self.stalls.get_mut(&pipe) {
            stall.join(waiting);
            return Passage::Waits;
        }
        let (from, to) = pipe.ends();
        match obstacle {
            Some(reason) => Passage::Lost(self.stall(pipe, api, waiting, reason, now)),
            None => Passage::Arrives(self.link(from, to).arrival(pipe.connection, now, waiting.latency), waiting.freight),
        }
    }

    /// What is sent from now on over this direction of a connection arrives then at the earliest.
    pub fn hold_until(&mut self, pipe: Pipe, at: SimTime) {
        let (from, to) = pipe.ends();
        self.link(from, to).arrival(pipe.connection, at, SimDuration::ZERO);
    }

    /// Something that was sent reached a machine without power: nobody acknowledges it. None if something before it is waiting already.
    pub fn not_received(
        &mut self,
        pipe: Pipe,
        api: Api,
        order: u64,
        (sent, now): (SimTime, SimTime),
        freight: T,
    ) -> Option<Lost> {
        let latency = now.since(sent);
        let waiting = Waiting { order, latency, freight };
        if let Some(stall) = self.stalls.get_mut(&pipe) {
            stall.join(waiting);
            return None;
        }
        Some(self.stall(pipe, api, waiting, DropReason::ReceiverDown, now))
    }

    fn stall(&mut self, pipe: Pipe, api: Api, waiting: Waiting<T>, reason: DropReason, now: SimTime) -> Lost {
        let stall = Stall::new(waiting, matches!(api, Api::ApiVersions | Api::Connect) && !pipe.back, reason, now);
        let again_at = stall.again_at;
        self.stalls.insert(pipe, stall);
        Lost { pipe, reason, tries: 0, again_at }
    }

    /// The time to send again has come. `receiver_off`: the machine at the other end has no power. None if nothing waits any more.
    pub fn again(&mut self, pipe: Pipe, now: SimTime, receiver_off: bool) -> Option<Again<T>> {
        let mut stall = self.stalls.remove(&pipe)?;
        let (from, to) = pipe.ends();
        let link = self.link(from, to);
        let mut passed = Vec::new();
        let mut obstacle = link.obstacle(receiver_off);
        while obstacle.is_none() {
            // The acknowledgement of the first lets the others go at once.
            let Some(next) = stall.waiting.pop_front() else { return Some(Again { passed, lost: None, given_up: Vec::new() }) };
            passed.push((link.arrival(pipe.connection, now, next.latency), next.freight));
            obstacle = link.obstacle(receiver_off);
        }
        let reason = obstacle.expect("the loop ends with one");
        let Some(first) = stall.waiting.front() else { return Some(Again { passed, lost: None, given_up: Vec::new() }) };
        if passed.is_empty() {
            stall.tries += 1;
            stall.timeout = tcp::next_timeout(stall.timeout);
        } else {
            (stall.tries, stall.opening) = (0, false);
            stall.timeout = tcp::first_timeout(false, first.latency);
        }
        stall.reason = reason;
        if stall.is_hopeless() {
            let given_up = stall.waiting.into_iter().map(|w| w.freight).collect();
            return Some(Again { passed, lost: None, given_up });
        }
        stall.again_at = now + stall.timeout;
        let lost = Lost { pipe, reason, tries: stall.tries, again_at: stall.again_at };
        self.stalls.insert(pipe, stall);
        Some(Again { passed, lost: Some(lost), given_up: Vec::new() })
    }

    /// What waits to be sent again, and when it is.
    pub fn waiting(&self) -> impl Iterator<Item = (&T, SimTime)> {
        self.stalls.values().flat_map(|stall| stall.waiting.iter().map(|w| (&w.freight, stall.again_at)))
    }

    /// What was lost and holds up the others on this direction of a connection.
    pub fn first_waiting(&self, pipe: Pipe) -> Option<&T> {
        self.stalls.get(&pipe)?.waiting.front().map(|w| &w.freight)
    }

    /// The client has closed a connection: its kernel goes on for a while with what it still has, but takes no answer any more. Gives the
    /// answers back that were waiting.
    pub fn closed(&mut self, connection: Connection) -> Vec<T> {
        if let Some(stall) = self.stalls.get_mut(&Pipe { connection, back: false }) {
            stall.orphan = true;
        }
        self.forget(Pipe { connection, back: true })
    }

    /// A connection is gone at once. Gives back what was waiting on it.
    pub fn broken(&mut self, connection: Connection) -> Vec<T> {
        let mut gone = self.forget(Pipe { connection, back: false });
        gone.extend(self.forget(Pipe { connection, back: true }));
        gone
    }

    /// A machine has lost power, and its kernel's memory with it. Gives back what was waiting there.
    pub fn powered_off(&mut self, node: NodeId) -> Vec<T> {
        let gone = self.stalls.take_if(|pipe, _| pipe.ends().0 == node);
        gone.into_iter().flat_map(|(_, stall)| stall.waiting).map(|w| w.freight).collect()
    }

    fn forget(&mut self, pipe: Pipe) -> Vec<T> {
        self.stalls.remove(&pipe).map_or_else(Vec::new, |stall| stall.waiting.into_iter().map(|w| w.freight).collect())
    }

    /// Cuts one direction, or joins it again. Tells whether that changed anything.
    pub fn set_cut(&mut self, from: NodeId, to: NodeId, cut: bool) -> bool {
        std::mem::replace(&mut self.link(from, to).cut, cut) != cut
    }

    /// Does nothing pass from the one to the other?
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.links.get(self.cell(from, to)).is_some_and(|link| link.cut)
    }

    /// Another latency for one direction; none for the usual one.
    pub fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Option<Latency>) {
        self.link(from, to).latency = latency;
    }

    /// All packets take this much longer in one direction.
    pub fn set_extra(&mut self, from: NodeId, to: NodeId, extra: SimDuration) {
        self.link(from, to).extra = extra;
    }

    /// How one direction is.
    pub fn direction(&self, from: NodeId, to: NodeId) -> Direction {
        let usual = Direction { latency: self.latency, extra: SimDuration::ZERO, loss_per_mille: 0, cut: false };
        self.links.get(self.cell(from, to)).map_or(usual, |link| link.direction(self.latency))
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
    use crate::wire::Channel;

    const P: NodeId = NodeId::Producer(ProducerId(0));
    const B: NodeId = NodeId::Broker(BrokerId(1));
    const LATENCY: Latency = Latency::Uniform(SimDuration(1), SimDuration(1_000));

    fn network() -> Network<u64> {
        Network::new(3, LATENCY, Slots { controllers: 1, brokers: 2, producers: 1, consumers: 0, stores: 0 })
    }

    fn pipe(channel: Channel) -> Pipe {
        Pipe { connection: Connection { server: B, client: P, channel, number: 0 }, back: false }
    }

    fn send(network: &mut Network<u64>, at: u64) -> Passage<u64> {
        network.send(pipe(Channel::Client), Api::Produce, at, SimTime(at), at)
    }

    fn arrival(network: &mut Network<u64>, api: Api, at: u64) -> SimTime {
        match network.send(pipe(Channel::of(api, P)), api, at, SimTime(at), at) {
            Passage::Arrives(arrives, _) => arrives,
            other => panic!("{other:?}"),
        }
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
        let newer = Connection { number: 7, ..pipe(Channel::Client).connection };
        let passage = network.send(Pipe { connection: newer, back: false }, Api::Metadata, 1_002, SimTime(1_002), 0);
        assert!(matches!(passage, Passage::Arrives(at, _) if at < slow), "a new connection of the same kind");
    }

    /// Promise 6: a link's luck does not depend on its settings, nor on other links.
    #[test]
    fn settings_do_not_reshuffle_the_luck() {
        let (mut plain, mut other) = (network(), network());
        other.set_loss(P, B, 500);
        other.set_cut(B, NodeId::Controller(ControllerId(1)), true);
        let mut lost = 0;
        for at in (0..1_000).map(|at| at * 1_000_000) {
            let Passage::Arrives(expected, _) = send(&mut plain, at) else { panic!("nothing is in the way") };
            match send(&mut other, at) {
                Passage::Arrives(arrives, _) => assert_eq!(arrives, expected),
                _ => {
                    lost += 1;
                    assert_eq!(other.broken(pipe(Channel::Client).connection), [at]);
                }
            }
        }
        assert!((400..600).contains(&lost), "{lost}");
    }

    /// What waits behind a lost packet arrives after it, in the order of sending.
    #[test]
    fn a_lost_packet_holds_up_the_others_and_all_arrive_in_order() {
        let mut network = network();
        assert!(network.set_cut(P, B, true) && !network.set_cut(P, B, true));
        assert!(network.is_cut(P, B) && !network.is_cut(B, P), "one direction");
        let Passage::Lost(first) = send(&mut network, 5) else { panic!("it passed") };
        assert_eq!((first.reason, first.tries), (DropReason::Cut, 0));
        assert!(matches!(send(&mut network, 6), Passage::Waits) && matches!(send(&mut network, 7), Passage::Waits));
        let again = network.again(first.pipe, first.again_at, false).unwrap();
        let second = again.lost.unwrap();
        assert!(again.passed.is_empty() && second.tries == 1);
        assert!(second.again_at.since(first.again_at) >= SimDuration::from_millis(400));
        network.set_cut(P, B, false);
        assert!(matches!(send(&mut network, 8), Passage::Waits), "nothing overtakes");
        let again = network.again(first.pipe, second.again_at, false).unwrap();
        assert!(again.lost.is_none() && again.passed.is_sorted_by_key(|p| p.0));
        assert_eq!(again.passed.iter().map(|p| p.1).collect::<Vec<_>>(), [5, 6, 7, 8]);
        assert!(matches!(send(&mut network, 9_000_000), Passage::Arrives(..)));
    }

    /// The kernel gives up: after 15 tries, or after 8 when the connection has been closed meanwhile.
    #[test]
    fn a_connection_that_does_not_come_through_is_given_up() {
        for (closed, tries) in [(false, 15), (true, 8)] {
            let mut network = network();
            network.set_cut(P, B, true);
            let Passage::Lost(mut lost) = send(&mut network, 5) else { panic!("it passed") };
            if closed {
                assert!(network.closed(lost.pipe.connection).is_empty());
            }
            let given_up = loop {
                let again = network.again(lost.pipe, lost.again_at, false).unwrap();
                match again.lost {
                    Some(next) => lost = next,
                    None => break again.given_up,
                }
            };
            assert_eq!((given_up, lost.tries), (vec![5], tries));
        }
    }
}
