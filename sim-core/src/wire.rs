//! Requests and responses: what travels between nodes.

mod body;
mod connection;
mod controller;
mod fetch;
mod produce;
mod request;
mod response;

pub use body::Body;
pub use connection::{Channel, Connection};
pub use controller::{AlterPart, AlterResult, MetadataAnswer, QuorumView};
pub use fetch::{Besides, EpochPart, FetchMetadata, FetchPart, FetchResult, OffsetSpec};
pub use produce::{ProducePart, ProduceResult};
pub use request::Request;
pub use response::{ClientMetadata, Response};

use crate::ids::*;
use crate::net::Pipe;
use crate::time::SimTime;
use crate::trace::{Api, TraceId};

/// A request or response on the network.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its name.
    pub id: PacketId,
    /// From.
    pub from: NodeId,
    /// To.
    pub to: NodeId,
    /// What it asks for or answers.
    pub api: Api,
    /// The connection that it travels on.
    pub connection: Connection,
    /// The client's number for the request. Closing a connection forgets the numbers that are in flight on it, so a late response is
    /// not read.
    pub correlation: u32,
    /// When it left, the last time.
    pub sent: SimTime,
    /// The trace event of its sending.
    pub trace: TraceId,
    /// What it says.
    pub body: Body,
}

impl Packet {
    /// The direction of its connection that it takes.
    pub fn pipe(&self) -> Pipe {
        Pipe { connection: self.connection, back: self.body.is_response() }
    }

    /// Takes out what it says.
    pub fn take_body(&mut self) -> Body {
        std::mem::replace(&mut self.body, Body::Request(Request::Metadata))
    }

    /// Is it a request whose answer is known by its number, so that the answer to a copy harms nobody? Redis and databases answer in the
    /// order of the questions.
    pub fn can_be_copied(&self) -> bool {
        let by_number = matches!(self.to, NodeId::Broker(_) | NodeId::Controller(_)) && self.api != Api::ApiVersions;
        by_number && !self.body.is_response()
    }

    /// Will the receiver answer it? Only acks=0 is never answered (P-45).
    pub fn is_answered(&self) -> bool {
        !matches!(self.body, Body::Request(Request::Produce { acks: 0, .. }))
    }
}
