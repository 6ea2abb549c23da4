//! The client's side of connections: opening them, what is in flight to whom, what has waited too long (P-40), whom not to call for
//! a while. A request is sent over an open connection only: a dead broker costs a batch no attempt, since nothing is sent to it.

use crate::effects::{Effects, Outgoing};
use crate::ids::NodeId;
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, TraceId, What};
use crate::wire::{Body, Channel, Connection, Request};

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

/// What a response was to.
#[derive(Clone, Debug)]
pub enum Answered<K> {
    /// The connection is open: requests may be sent.
    Opened,
    /// This request.
    Request(InFlight<K>),
}

/// `socket.connection.setup.timeout.ms`: how long a client waits for a connection to open.
const SETUP_TIMEOUT: SimDuration = SimDuration::from_millis(10_000);

/// One connection as its client sees it.
#[derive(Clone, Copy, Debug)]
struct Peer {
    server: NodeId,
    channel: Channel,
    state: State,
    /// Its newest connection ([`Connection::number`]).
    number: u32,
    failures: u32,
    blocked_until: SimTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// When that will have taken too long.
    Opening(SimTime),
    Open,
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
    /// reached. One draw. Where `longest` is no longer than `first`, Kafka has no jitter: it is `longest` each time.
    pub fn after(self, attempts: u32, stream: &mut Stream) -> SimDuration {
        let jitter = 800 + stream.below(400);
        if self.longest <= self.first {
            return self.longest;
        }
        SimDuration((self.steady(attempts).0.saturating_mul(jitter) / 1_000).min(self.longest.0))
    }

    /// P-31 before the jitter: `min(first * 2^attempts, longest)`.
    pub fn steady(self, attempts: u32) -> SimDuration {
        let mut span = self.first.0.min(self.longest.0);
        for _ in 0..attempts {
            if span >= self.longest.0 {
                break;
            }
            span = span.saturating_mul(2).min(self.longest.0);
        }
        SimDuration(span)
    }
}

/// A client's connections in the order of their names. There are few: looking through them is faster than a tree.
#[derive(Clone, Debug, Default)]
struct Peers {
    by_name: Vec<(u32, Peer)>,
    /// How many are being opened: nearly always none, and then none is looked for.
    opening: u32,
}

impl Peers {
    /// Both in one number, in the same order.
    #[inline]
    fn name(server: NodeId, channel: Channel) -> u32 {
        server.number() << 4 | channel as u32
    }

    #[inline]
    fn get(&self, server: NodeId, channel: Channel) -> Option<&Peer> {
        let name = Peers::name(server, channel);
        self.by_name.iter().find(|(other, _)| *other == name).map(|(_, peer)| peer)
    }

    fn get_or_make(&mut self, server: NodeId, channel: Channel) -> &mut Peer {
        let name = Peers::name(server, channel);
        let place = self.by_name.iter().position(|(other, _)| *other == name).unwrap_or_else(|| {
            let place = self.by_name.partition_point(|(other, _)| *other < name);
            let (number, failures, blocked_until) = (0, 0, SimTime::ZERO);
            self.by_name.insert(place, (name, Peer { server, channel, state: State::Closed, number, failures, blocked_until }));
            place
        });
        &mut self.by_name[place].1
    }

    fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_name.iter().map(|(_, peer)| peer)
    }

    /// Those that are being opened.
    #[inline]
    fn opening(&self) -> impl Iterator<Item = (&Peer, SimTime)> {
        let some = if self.opening == 0 { &[] } else { self.by_name.as_slice() };
        some.iter().filter_map(|(_, peer)| match peer.state {
            State::Opening(deadline) => Some((peer, deadline)),
            State::Closed | State::Open => None,
        })
    }

    /// The connection that this request opens is open now, if it still was to be opened.
    #[inline]
    fn opened(&mut self, number: u32) -> bool {
        let some = if self.opening == 0 { &mut [] } else { self.by_name.as_mut_slice() };
        let opening = |p: &&mut Peer| matches!(p.state, State::Opening(_)) && p.number == number;
        let Some(peer) = some.iter_mut().map(|(_, peer)| peer).find(opening) else { return false };
        (peer.state, peer.failures, peer.blocked_until) = (State::Open, 0, SimTime::ZERO);
        self.opening -= 1;
        true
    }

    /// Closes a connection.
    fn close(&mut self, server: NodeId, channel: Channel) -> &mut Peer {
        let was_opening = matches!(self.get_or_make(server, channel).state, State::Opening(_));
        self.opening -= u32::from(was_opening);
        let peer = self.get_or_make(server, channel);
        peer.state = State::Closed;
        peer
    }

    fn clear(&mut self) {
        *self = Peers::default();
    }
}

/// All connections of one client.
#[derive(Clone, Debug)]
pub struct Client<K> {
    me: NodeId,
    next_correlation: u32,
    peers: Peers,
    /// In the order of sending, which is the order of the numbers.
    in_flight: Vec<(u32, InFlight<K>)>,
    reconnect: Backoff,
    stream: Stream,
}

impl<K> Client<K> {
    /// No connection yet. `stream` is this client's own, for jitter.
    pub fn new(me: NodeId, reconnect: Backoff, stream: Stream) -> Client<K> {
        Client { me, next_correlation: 0, peers: Peers::default(), in_flight: Vec::new(), reconnect, stream }
    }

    /// Opens a connection, unless it is open, or being opened, or to be left alone for a while.
    pub fn open(&mut self, fx: &mut Effects<'_>, server: NodeId, channel: Channel) {
        let peer = self.peers.get_or_make(server, channel);
        if peer.state == State::Closed && peer.blocked_until <= fx.now {
            let number = self.next_correlation;
            (peer.state, peer.number) = (State::Opening(fx.now + SETUP_TIMEOUT), number);
            self.peers.opening += 1;
            let cause = fx.cause;
            let api = if matches!(server, NodeId::Store(_)) { Api::Connect } else { Api::ApiVersions };
            self.send(fx, Connection { server, client: self.me, channel, number }, (api, Request::ApiVersions), cause);
        }
    }

    /// Sends a request that must be answered within `timeout`. Returns its number. Whoever needs an open connection sees to it first.
    pub fn ask(
        &mut self,
        fx: &mut Effects<'_>,
        server: NodeId,
        ask: (Api, Request),
        timeout: SimDuration,
        cause: TraceId,
        what: K,
    ) -> u32 {
        let channel = Channel::of(ask.0, self.me);
        let correlation = self.post(fx, server, ask, cause);
        let deadline = fx.now + timeout;
        self.in_flight.push((correlation, InFlight { server, channel, deadline, what }));
        correlation
    }

    /// Sends a request that is not answered (P-45).
    pub fn post(&mut self, fx: &mut Effects<'_>, server: NodeId, ask: (Api, Request), cause: TraceId) -> u32 {
        let channel = Channel::of(ask.0, self.me);
        let number = self.peers.get_or_make(server, channel).number;
        self.send(fx, Connection { server, client: self.me, channel, number }, ask, cause)
    }

    fn send(&mut self, fx: &mut Effects<'_>, connection: Connection, (api, request): (Api, Request), cause: TraceId) -> u32 {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        let (from, to, body) = (self.me, connection.server, Body::Request(request));
        fx.send(Outgoing { from, to, api, connection, correlation, cause, body });
        correlation
    }

    /// The newest connection to a server.
    #[inline]
    fn connection(&self, server: NodeId, channel: Channel) -> Connection {
        let number = self.peers.get(server, channel).map_or(0, |peer| peer.number);
        Connection { server, client: self.me, channel, number }
    }

    /// Is the connection open?
    #[inline]
    pub fn is_open(&self, server: NodeId, channel: Channel) -> bool {
        self.peers.get(server, channel).is_some_and(|p| p.state == State::Open)
    }

    /// When time alone will make a difference to this connection: when it may be opened (again); NEVER while it is being opened; the
    /// start of time if it is open.
    pub fn blocked_until(&self, server: NodeId, channel: Channel) -> SimTime {
        match self.peers.get(server, channel) {
            None => SimTime::ZERO,
            Some(Peer { state: State::Opening(_), .. }) => SimTime::NEVER,
            Some(Peer { state: State::Open, .. }) => SimTime::ZERO,
            Some(peer) => peer.blocked_until,
        }
    }

    /// Requests in flight to this server.
    #[inline]
    pub fn in_flight_to(&self, server: NodeId, channel: Channel) -> usize {
        self.in_flight().filter(|f| f.server == server && f.channel == channel).count()
    }

    /// All requests in flight.
    pub fn in_flight(&self) -> impl Iterator<Item = &InFlight<K>> {
        self.in_flight.iter().map(|(_, f)| f)
    }

    /// A response arrived. None if nobody waits for it any more: its connection was closed.
    pub fn answered(&mut self, correlation: u32) -> Option<Answered<K>> {
        if self.peers.opened(correlation) {
            return Some(Answered::Opened);
        }
        let at = self.in_flight.iter().position(|(c, _)| *c == correlation)?;
        let done = self.in_flight.remove(at).1;
        let peer = self.peers.get_or_make(done.server, done.channel);
        peer.failures = 0;
        Some(Answered::Request(done))
    }

    /// The next moment at which a request, or the opening of a connection, will have waited too long.
    pub fn next_deadline(&self) -> SimTime {
        let mut next = SimTime::NEVER;
        for (_, request) in &self.in_flight {
            next = next.min(request.deadline);
        }
        for (_, deadline) in self.peers.opening() {
            next = next.min(deadline);
        }
        next
    }

    /// The connection on which something has waited too long, if there is one.
    fn late_connection(&self, now: SimTime) -> Option<(NodeId, Channel)> {
        let request = self.in_flight().find(|f| f.deadline <= now).map(|f| (f.server, f.channel));
        request.or_else(|| {
            let late = self.peers.opening().find(|(_, deadline)| *deadline <= now);
            late.map(|(peer, _)| (peer.server, peer.channel))
        })
    }

    /// P-40: closes every connection on which a request has waited too long. Gives back everything that was in flight on it, in the
    /// order of sending, and whether that very request was the one that waited too long.
    pub fn expire(&mut self, fx: &mut Effects<'_>) -> Vec<(InFlight<K>, bool, TraceId)> {
        let mut out = Vec::new();
        while let Some((server, channel)) = self.late_connection(fx.now) {
            let event = fx.trace(What::Disconnected { client: self.me, server, timeout: true });
            let open = self.peers.get_or_make(server, channel).state == State::Open;
            fx.close(self.connection(server, channel), open);
            for lost in self.close(server, channel, fx.now) {
                let late = lost.deadline <= fx.now;
                out.push((lost, late, event));
            }
        }
        out
    }

    /// The server closed or refused a connection. Gives back what was in flight on it, in the order of sending.
    pub fn disconnected(&mut self, fx: &mut Effects<'_>, connection: Connection) -> Vec<(InFlight<K>, TraceId)> {
        let Connection { server, channel, .. } = connection;
        if self.connection(server, channel) != connection || !self.has(server, channel) {
            return Vec::new(); // an older one, which this client has closed itself
        }
        let was_opening = matches!(self.peers.get_or_make(server, channel).state, State::Opening(_));
        let lost = self.close(server, channel, fx.now);
        if !was_opening && lost.is_empty() {
            return Vec::new();
        }
        let event = fx.trace(What::Disconnected { client: self.me, server, timeout: false });
        lost.into_iter().map(|l| (l, event)).collect()
    }

    /// Is there a connection, or about to be one?
    fn has(&self, server: NodeId, channel: Channel) -> bool {
        self.peers.get(server, channel).is_some_and(|p| p.state != State::Closed)
    }

    /// Forgets everything when its process ends, and leaves the connections to the kernel, which closes them. Numbers go on, so that old
    /// answers are not read.
    pub fn reset(&mut self, fx: &mut Effects<'_>) {
        for &Peer { server, channel, state, number, .. } in self.peers.iter() {
            if state != State::Closed {
                let connection = Connection { server, client: self.me, channel, number };
                fx.close(connection, state == State::Open);
            }
        }
        self.in_flight.clear();
        self.peers.clear();
    }

    fn close(&mut self, server: NodeId, channel: Channel, now: SimTime) -> Vec<InFlight<K>> {
        let peer = self.peers.close(server, channel);
        peer.blocked_until = now + self.reconnect.after(peer.failures, &mut self.stream);
        peer.failures += 1;
        self.in_flight.extract_if(.., |(_, f)| f.server == server && f.channel == channel).map(|(_, f)| f).collect()
    }
}
