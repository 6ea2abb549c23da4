//! The client's side of connections: what is in flight to whom, what has waited too long (P-40), whom not to call for a while.

use crate::effects::{Effects, Outgoing};
use crate::ids::NodeId;
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, TraceId, What};
use crate::wire::{Body, Channel, Request};
use std::collections::BTreeMap;

/// A request without an answer yet. `K` is what its sender wants to remember of it.
#[derive(Clone, Debug)]
pub struct InFlight<K> {
    /// To whom.
    pub server: NodeId,
    /// Over which connection.
    pub channel: Channel,
    /// No answer by then: the connection is closed.
    pub deadline: SimTime,
    /// What it was about.
    pub what: K,
}

/// One connection as its client sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    failures: u32,
    blocked_until: SimTime,
}

/// How long to wait before calling again: doubles from the first to the longest (P-31's shape).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// `reconnect.backoff.ms` or `retry.backoff.ms`.
    pub first: SimDuration,
    /// `...max.ms`.
    pub longest: SimDuration,
}

impl Backoff {
    /// P-31: `min(first * 2^attempts * U[0.8, 1.2), longest)`, attempt 0 first; the exponent stops growing where the longest is
    /// reached. One draw.
    pub fn after(self, attempts: u32, stream: &mut Stream) -> SimDuration {
        let jitter = 800 + stream.below(400);
        SimDuration((self.steady(attempts).0.saturating_mul(jitter) / 1_000).min(self.longest.0))
    }

    /// P-31 before the jitter: `min(first * 2^attempts, longest)`.
    pub fn steady(self, attempts: u32) -> SimDuration {
        let mut span = self.first.0;
        for _ in 0..attempts {
            if span >= self.longest.0 {
                break;
            }
            span = span.saturating_mul(2).min(self.longest.0);
        }
        SimDuration(span)
    }
}

/// All connections of one client.
#[derive(Clone, Debug)]
pub struct Client<K> {
    me: NodeId,
    next_correlation: u32,
    peers: BTreeMap<(NodeId, Channel), Peer>,
    /// In the order of sending, which is the order of the numbers.
    in_flight: Vec<(u32, InFlight<K>)>,
    reconnect: Backoff,
    stream: Stream,
}

impl<K> Client<K> {
    /// No connection yet. `stream` is this client's own, for jitter.
    pub fn new(me: NodeId, reconnect: Backoff, stream: Stream) -> Client<K> {
        Client { me, next_correlation: 0, peers: BTreeMap::new(), in_flight: Vec::new(), reconnect, stream }
    }

    /// Sends a request that must be answered within `timeout`. Returns its number.
    pub fn ask(
        &mut self,
        fx: &mut Effects<'_>,
        server: NodeId,
        ask: (Api, Request),
        timeout: SimDuration,
        cause: TraceId,
        what: K,
    ) -> u32 {
        let (api, request) = ask;
        let channel = Channel::of(api);
        let correlation = self.post(fx, server, (api, request), cause);
        let deadline = fx.now + timeout;
        self.in_flight.push((correlation, InFlight { server, channel, deadline, what }));
        correlation
    }

    /// Sends a request that is not answered (P-45).
    pub fn post(&mut self, fx: &mut Effects<'_>, server: NodeId, ask: (Api, Request), cause: TraceId) -> u32 {
        let (api, request) = ask;
        let correlation = self.next_correlation;
        self.next_correlation = self.next_correlation.wrapping_add(1);
        self.peers.entry((server, Channel::of(api))).or_default();
        fx.send(Outgoing { from: self.me, to: server, api, correlation, cause, body: Body::Request(request) });
        correlation
    }

    /// May this server be called now?
    pub fn is_ready(&self, server: NodeId, channel: Channel, now: SimTime) -> bool {
        self.blocked_until(server, channel) <= now
    }

    /// When it may be called.
    pub fn blocked_until(&self, server: NodeId, channel: Channel) -> SimTime {
        self.peers.get(&(server, channel)).map_or(SimTime::ZERO, |p| p.blocked_until)
    }

    /// Requests in flight to this server.
    pub fn in_flight_to(&self, server: NodeId, channel: Channel) -> usize {
        self.in_flight().filter(|f| f.server == server && f.channel == channel).count()
    }

    /// All requests in flight.
    pub fn in_flight(&self) -> impl Iterator<Item = &InFlight<K>> {
        self.in_flight.iter().map(|(_, f)| f)
    }

    /// A response arrived. None if nobody waits for it any more: its connection was closed.
    pub fn answered(&mut self, correlation: u32) -> Option<InFlight<K>> {
        let at = self.in_flight.iter().position(|(c, _)| *c == correlation)?;
        let done = self.in_flight.remove(at).1;
        let peer = self.peers.entry((done.server, done.channel)).or_default();
        peer.failures = 0;
        Some(done)
    }

    /// The next moment at which a request will have waited too long.
    pub fn next_deadline(&self) -> SimTime {
        self.in_flight().map(|f| f.deadline).min().unwrap_or(SimTime::NEVER)
    }

    /// P-40: closes every connection on which a request has waited too long. Gives back everything that was in flight on it, in the
    /// order of sending, and whether that very request was the one that waited too long.
    pub fn expire(&mut self, fx: &mut Effects<'_>) -> Vec<(InFlight<K>, bool, TraceId)> {
        let mut out = Vec::new();
        loop {
            let late = self.in_flight().find(|f| f.deadline <= fx.now).map(|f| (f.server, f.channel));
            let Some((server, channel)) = late else { break };
            let event = fx.trace(What::Disconnected { client: self.me, server, timeout: true });
            for lost in self.close(server, channel, fx.now) {
                let late = lost.deadline <= fx.now;
                out.push((lost, late, event));
            }
        }
        out
    }

    /// The server closed or refused all connections. Gives back what was in flight, in the order of sending.
    pub fn disconnected(&mut self, fx: &mut Effects<'_>, server: NodeId) -> Vec<(InFlight<K>, TraceId)> {
        let channels: Vec<Channel> = self.peers.keys().filter(|k| k.0 == server).map(|k| k.1).collect();
        let mut out = Vec::new();
        for channel in channels {
            let lost = self.close(server, channel, fx.now);
            if !lost.is_empty() {
                let event = fx.trace(What::Disconnected { client: self.me, server, timeout: false });
                out.extend(lost.into_iter().map(|l| (l, event)));
            }
        }
        out
    }

    /// Forgets everything, as a new process does; numbers go on, so that old answers are not read.
    pub fn reset(&mut self) {
        self.in_flight.clear();
        self.peers.clear();
    }

    fn close(&mut self, server: NodeId, channel: Channel, now: SimTime) -> Vec<InFlight<K>> {
        let peer = self.peers.entry((server, channel)).or_default();
        peer.blocked_until = now + self.reconnect.after(peer.failures, &mut self.stream);
        peer.failures += 1;
        self.in_flight.extract_if(.., |(_, f)| f.server == server && f.channel == channel).map(|(_, f)| f).collect()
    }
}
