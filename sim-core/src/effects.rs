//! What a handler gives back. State machines do not act: they say what they want sent and record what happened; the world does it.

use crate::controller::committed::Committed;
use crate::controller::log::{Entry, Why};
use crate::ids::{NodeId, PacketId};
use crate::ledger::Ledger;
use crate::time::SimTime;
use crate::trace::{Api, Digest, TraceEvent, TraceId, What};
use crate::wire::{Body, Connection, Packet, Response};

/// A packet to be sent once the handler is done.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// From.
    pub from: NodeId,
    /// To.
    pub to: NodeId,
    /// The kind.
    pub api: Api,
    /// The connection.
    pub connection: Connection,
    /// The client's number for the request.
    pub correlation: u32,
    /// Why.
    pub cause: TraceId,
    /// What.
    pub body: Body,
}

/// The head of the trace: numbers each event, digests it, keeps the ledger. The events themselves are the history's to store.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// The number of the next event.
    pub next: TraceId,
    /// Of all events so far.
    pub digest: Digest,
    /// What became of each message.
    pub ledger: Ledger,
    /// What the quorum of controllers has decided.
    pub metadata: Committed,
}

/// The effects of handling one input.
pub struct Effects<'a> {
    /// The time of the input.
    pub now: SimTime,
    /// The trace event of the input: the cause of what follows unless said otherwise.
    pub cause: TraceId,
    recorder: &'a mut Recorder,
    events: &'a mut Vec<TraceEvent>,
    out: &'a mut Outbox,
}

/// What handlers want done: filled by them, emptied by the world.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Packets to send.
    pub packets: Vec<Box<Packet>>,
    /// Connections that their servers close.
    pub hang_ups: Vec<(Connection, TraceId)>,
    /// Servers that close all their connections.
    pub ended: Vec<(NodeId, TraceId)>,
    /// Connections that their clients close. The flag: they had been opened.
    pub closed: Vec<(Connection, bool)>,
    /// Packets that have been read: their memory is used again.
    #[expect(clippy::vec_box, reason = "it is the boxes that are kept")]
    read: Vec<Box<Packet>>,
}

/// So many packets that have been read are kept.
const READ_MAX: usize = 64;

/// Worlds are cloned between handlers: there is nothing in it then.
impl Clone for Outbox {
    fn clone(&self) -> Outbox {
        debug_assert!(self.is_empty(), "what handlers want done has been done");
        Outbox::default()
    }
}

impl Outbox {
    /// Nothing to be done?
    pub fn is_empty(&self) -> bool {
        let Outbox { packets, hang_ups, ended, closed, read: _ } = self;
        packets.is_empty() && hang_ups.is_empty() && ended.is_empty() && closed.is_empty()
    }

    /// A packet has been read.
    pub fn keep_memory(&mut self, packet: Box<Packet>) {
        if self.read.len() < READ_MAX {
            self.read.push(packet);
        }
    }

    /// What cannot be known before it is posted is filled in then: its name, and the event of its sending, in the place of whose cause is.
    fn add(&mut self, now: SimTime, out: Outgoing) {
        let Outgoing { from, to, api, connection, correlation, cause, body } = out;
        let id = PacketId(0);
        let packet = match self.read.pop() {
            None => Box::new(Packet { id, from, to, api, connection, correlation, sent: now, trace: cause, body }),
            Some(mut packet) => {
                (packet.id, packet.from, packet.to, packet.api, packet.connection) = (id, from, to, api, connection);
                (packet.correlation, packet.sent, packet.trace) = (correlation, now, cause);
                packet.body = body;
                packet
            }
        };
        self.packets.push(packet);
    }
}

impl<'a> Effects<'a> {
    /// Effects of an input at `now`. `events` is the stored trace: events beyond its end are added, events that it holds already (the
    /// past is being run again) are not.
    pub fn new(
        now: SimTime,
        cause: TraceId,
        recorder: &'a mut Recorder,
        events: &'a mut Vec<TraceEvent>,
        out: &'a mut Outbox,
    ) -> Effects<'a> {
        Effects { now, cause, recorder, events, out }
    }

    /// Records an event that the input caused.
    pub fn trace(&mut self, what: What) -> TraceId {
        self.trace_from(self.cause, what)
    }

    /// Records an event that something earlier caused.
    pub fn trace_from(&mut self, cause: TraceId, what: What) -> TraceId {
        let id = self.recorder.next;
        self.recorder.digest.update(self.now, cause, &what);
        self.recorder.ledger.observe(self.now, &what);
        self.recorder.next = TraceId(id.0 + 1);
        if id.0 == self.events.len() as u64 {
            self.events.push(TraceEvent { at: self.now, cause, what });
        }
        id
    }

    /// A controller knows that a record of the metadata log is committed. The first time it becomes an event. Returns that event.
    pub fn commit(&mut self, offset: i64, entry: &Entry) -> TraceId {
        let metadata = &mut self.recorder.metadata;
        if let Some(&(epoch, record, event)) = metadata.record(offset) {
            if (epoch, record) != (entry.epoch, entry.record) {
                metadata.conflict.get_or_insert(offset);
            }
            return event;
        }
        let cause = match entry.why {
            Why::Event(event) => event,
            Why::Record(reason) => metadata.event(reason),
        };
        let event = entry.what.map_or(cause, |what| self.trace_from(cause, what));
        self.recorder.metadata.push(entry.epoch, entry.record, event);
        event
    }

    /// The event of a committed record of the metadata log.
    pub fn committed_event(&self, offset: i64) -> TraceId {
        self.recorder.metadata.event(offset)
    }

    /// What became of each message so far.
    pub fn ledger(&self) -> &Ledger {
        &self.recorder.ledger
    }

    /// A fresh name for a batch.
    pub fn new_batch_id(&mut self) -> crate::ids::BatchId {
        self.recorder.ledger.new_batch()
    }

    /// Sends.
    pub fn send(&mut self, outgoing: Outgoing) {
        self.out.add(self.now, outgoing);
    }

    /// A server closes a connection, as a broker does that cannot answer acks=0 otherwise (P-45).
    pub fn hang_up(&mut self, connection: Connection, cause: TraceId) {
        self.out.hang_ups.push((connection, cause));
    }

    /// A server's process ends, and its machine closes all connections that it had accepted.
    pub fn hang_up_all(&mut self, server: NodeId, cause: TraceId) {
        self.out.ended.push((server, cause));
    }

    /// A client closes a connection. `open`: it had been opened.
    pub fn close(&mut self, connection: Connection, open: bool) {
        self.out.closed.push((connection, open));
    }

    /// Answers a request.
    pub fn respond(&mut self, to: &Caller, from: NodeId, cause: TraceId, response: Response) {
        let &Caller { node, api, connection, correlation } = to;
        self.send(Outgoing { from, to: node, api, connection, correlation, cause, body: Body::Response(response) });
    }
}

impl Caller {
    /// Whoever sent this request.
    pub fn of(packet: &Packet) -> Caller {
        Caller { node: packet.from, api: packet.api, connection: packet.connection, correlation: packet.correlation }
    }
}

/// Who is to be answered, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who asked.
    pub node: NodeId,
    /// For what.
    pub api: Api,
    /// Over which connection.
    pub connection: Connection,
    /// With which number.
    pub correlation: u32,
}
