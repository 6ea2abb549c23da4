//! What a handler gives back. State machines do not act: they say what they want sent and record what happened; the world does it.

use crate::ids::NodeId;
use crate::ledger::Ledger;
use crate::time::SimTime;
use crate::trace::{Api, Digest, TraceEvent, TraceId, What};
use crate::wire::{Body, Channel, Packet, Response};

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
    pub channel: Channel,
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
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Packets to send.
    pub packets: Vec<Outgoing>,
    /// Connections that a server closes: (server, client, cause).
    pub hang_ups: Vec<(NodeId, NodeId, TraceId)>,
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
        let event = TraceEvent { at: self.now, cause, what };
        self.recorder.digest.update(&event);
        self.recorder.ledger.observe(&event);
        self.recorder.next = TraceId(id.0 + 1);
        if id.0 == self.events.len() as u64 {
            self.events.push(event);
        }
        id
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
        self.out.packets.push(outgoing);
    }

    /// Closes all connections of a client, as a broker does that cannot answer acks=0 otherwise (P-45).
    pub fn hang_up(&mut self, server: NodeId, client: NodeId, cause: TraceId) {
        self.out.hang_ups.push((server, client, cause));
    }

    /// Answers a request.
    pub fn respond(&mut self, to: &Caller, from: NodeId, cause: TraceId, response: Response) {
        self.out.packets.push(Outgoing {
            from,
            to: to.node,
            api: to.api,
            channel: to.channel,
            correlation: to.correlation,
            cause,
            body: Body::Response(response),
        });
    }
}

impl Caller {
    /// For what waits at a broker on nobody's behalf.
    pub fn nobody(broker: NodeId) -> Caller {
        Caller { node: broker, api: Api::ApiVersions, channel: Channel::Coordinator, correlation: 0 }
    }

    /// Whoever sent this request.
    pub fn of(packet: &Packet) -> Caller {
        Caller { node: packet.from, api: packet.api, channel: packet.channel, correlation: packet.correlation }
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
    pub channel: Channel,
    /// With which number.
    pub correlation: u32,
}
