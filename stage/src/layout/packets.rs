//! Packets on their way. The shape tells the kind, full is a request, hollow an answer, a cross an error; a lost one breaks
//! half way, and a ring is around what something on the way has sent a second time.

use crate::geom::{Heading, Point};
use crate::layout::links::road;
use crate::layout::places::Places;
use crate::paint::{Mark, Role, Shape, Stroke};
use crate::theme::Token;
use crate::words::Words;
use sim_core::ids::PacketId;
use sim_core::time::SimTime;
use sim_core::trace::Api;
use sim_core::view::PacketView;

/// A packet in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sprite {
    /// Which.
    pub id: PacketId,
    /// Where.
    pub at: Point,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Records from a producer: a triangle that points where it goes.
    Produce,
    /// Records for a follower: a diamond.
    Replicate,
    /// Records for a consumer: a disc.
    Consume,
    /// Positions of a group: a square.
    Offsets,
    /// Who leads what: a hexagon.
    Metadata,
    /// Between brokers and the controller: a small plus.
    Control,
    /// Between an application and Redis or the database: a bar.
    Store,
}

/// The kind of a request.
pub fn kind(api: Api) -> Kind {
    match api {
        Api::Produce => Kind::Produce,
        Api::ReplicaFetch => Kind::Replicate,
        Api::Fetch => Kind::Consume,
        Api::ListOffsets
        | Api::OffsetsForLeaderEpoch
        | Api::OffsetFetch
        | Api::OffsetCommit
        | Api::ConsumerGroupHeartbeat
        | Api::TxnOffsetCommit
        | Api::FindCoordinator
        | Api::JoinGroup
        | Api::SyncGroup
        | Api::Heartbeat
        | Api::LeaveGroup => Kind::Offsets,
        Api::ApiVersions | Api::Metadata | Api::InitProducerId | Api::AddPartitionsToTxn | Api::AddOffsetsToTxn | Api::EndTxn => {
            Kind::Metadata
        }
        Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AlterPartition
        | Api::MetadataFetch
        | Api::AllocateProducerIds
        | Api::Vote
        | Api::BeginQuorumEpoch
        | Api::EndQuorumEpoch
        | Api::BrokerAddPartitionsToTxn
        | Api::WriteTxnMarkers => Kind::Control,
        Api::Connect
        | Api::SetNx
        | Api::Set
        | Api::Get
        | Api::Del
        | Api::Begin
        | Api::Insert
        | Api::Update
        | Api::Commit
        | Api::Rollback
        | Api::Call => Kind::Store,
    }
}

/// The colour of a kind: a help, never the only sign.
pub fn color(kind: Kind) -> Token {
    match kind {
        Kind::Produce => Token::Produce,
        Kind::Replicate => Token::Replicate,
        Kind::Consume => Token::Fetch,
        Kind::Offsets => Token::Fetch,
        Kind::Metadata | Kind::Control => Token::Control,
        Kind::Store => Token::Produce,
    }
}

/// The word for a kind.
pub fn word(kind: Kind, words: &Words) -> &'static str {
    match kind {
        Kind::Produce => words.legend_produce,
        Kind::Replicate => words.legend_replicate,
        Kind::Consume => words.legend_fetch,
        Kind::Offsets => words.legend_offsets,
        Kind::Metadata => words.legend_metadata,
        Kind::Control => words.legend_control,
        Kind::Store => words.legend_store,
    }
}

/// The part of its way that a packet has behind it, 0 to 1.
pub fn progress(packet: &PacketView, at: SimTime) -> f64 {
    let whole = packet.arrives.since(packet.sent).0;
    if whole == 0 {
        return 1.0;
    }
    (at.since(packet.sent).0 as f64 / whole as f64).clamp(0.0, 1.0)
}

/// Draws the packets that are under way.
pub fn draw(marks: &mut Vec<Mark>, sprites: &mut Vec<Sprite>, packets: &[PacketView], at: SimTime, places: &Places) {
    for packet in packets {
        let Some(curve) = road(places, packet.from, packet.to) else { continue };
        let done = progress(packet, at);
        let breaks = packet.lost && done >= 0.5;
        let t = if breaks { 0.5 } else { done };
        let heading = curve.heading(t);
        // Keep right, so that request and answer do not meet head-on.
        let center = curve.at(t).shifted(-heading.y * 3.5, heading.x * 3.5);
        sprites.push(Sprite { id: packet.id, at: center });
        if breaks {
            broken(marks, center, (done - 0.5) * 2.0, color(kind(packet.api)));
        } else {
            glyph(marks, kind(packet.api), center, heading, packet.response, packet.records > 0);
            if packet.watched {
                let stroke = Some(Stroke::solid(Token::Ink, 2.0));
                marks.push(Mark { role: Role::Watched, shape: Shape::Circle { center, radius: 9.5, fill: None, stroke } });
            }
            if packet.error {
                cross(marks, Role::Error, center, 4.5, Token::Danger);
            }
            if packet.copy {
                let ring = Shape::Circle { center, radius: 8.5, fill: None, stroke: Some(Stroke::solid(Token::Twice, 1.8)) };
                marks.push(Mark { role: Role::Request, shape: ring });
            }
        }
    }
}

/// Points around a center, turned into a direction.
pub fn polygon(center: Point, points: &[(f64, f64)], heading: Heading) -> Vec<Point> {
    let Heading { x: cos, y: sin } = heading;
    points.iter().map(|(x, y)| center.shifted(x * cos - y * sin, x * sin + y * cos)).collect()
}

/// The sign of a kind. `hollow`: an answer. `laden`: with records (an answer with a core, a request at full size).
pub fn glyph(marks: &mut Vec<Mark>, kind: Kind, center: Point, heading: Heading, hollow: bool, laden: bool) {
    let role = if hollow { Role::Response } else { Role::Request };
    let color = color(kind);
    let size = if laden { 1.25 } else { 0.95 };
    let fill = Some(if hollow { Token::Surface } else { color });
    let stroke = Some(if hollow { Stroke::solid(color, 1.8) } else { Stroke::solid(Token::Surface, 1.0) });
    let points: &[(f64, f64)] = match kind {
        Kind::Produce => &[(6.0, 0.0), (-4.0, -4.8), (-4.0, 4.8)],
        Kind::Replicate => &[(5.8, 0.0), (0.0, -5.0), (-5.8, 0.0), (0.0, 5.0)],
        Kind::Offsets => &[(4.0, -4.0), (4.0, 4.0), (-4.0, 4.0), (-4.0, -4.0)],
        Kind::Store => &[(2.4, -5.4), (2.4, 5.4), (-2.4, 5.4), (-2.4, -5.4)],
        Kind::Metadata => &[(5.0, 0.0), (2.5, -4.4), (-2.5, -4.4), (-5.0, 0.0), (-2.5, 4.4), (2.5, 4.4)],
        Kind::Control => &[
            (1.5, -4.5),
            (1.5, -1.5),
            (4.5, -1.5),
            (4.5, 1.5),
            (1.5, 1.5),
            (1.5, 4.5),
            (-1.5, 4.5),
            (-1.5, 1.5),
            (-4.5, 1.5),
            (-4.5, -1.5),
            (-1.5, -1.5),
            (-1.5, -4.5),
        ],
        Kind::Consume => &[],
    };
    let shape = if kind == Kind::Consume {
        Shape::Circle { center, radius: 4.4 * size, fill, stroke }
    } else {
        let scaled: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x * size, y * size)).collect();
        let heading = if kind == Kind::Produce { heading } else { Heading::RIGHT };
        Shape::Path { points: polygon(center, &scaled, heading), closed: true, fill, stroke }
    };
    marks.push(Mark { role, shape });
    if hollow && laden {
        let core = Shape::Circle { center, radius: 1.9, fill: Some(color), stroke: None };
        marks.push(Mark { role, shape: core });
    }
}

/// A cross.
pub fn cross(marks: &mut Vec<Mark>, role: Role, c: Point, r: f64, color: Token) {
    for (a, b) in [((-r, -r), (r, r)), ((-r, r), (r, -r))] {
        let points = vec![c.shifted(a.0, a.1), c.shifted(b.0, b.1)];
        let stroke = Some(Stroke::solid(color, 2.2));
        marks.push(Mark { role, shape: Shape::Path { points, closed: false, fill: None, stroke } });
    }
}

/// Pieces that fly apart from where a packet was lost, and a cross.
pub fn broken(marks: &mut Vec<Mark>, center: Point, since: f64, color: Token) {
    let reach = 4.0 + 9.0 * since.clamp(0.0, 1.0);
    for (dx, dy) in [(1.0, -0.6), (-0.9, -0.8), (0.2, 1.0), (-0.8, 0.7), (0.9, 0.6)] {
        let c = center.shifted(dx * reach, dy * reach);
        let points = polygon(c, &[(2.2, 0.0), (-1.6, 1.6), (-1.2, -1.8)], Heading::of(dy, -dx));
        marks.push(Mark { role: Role::Broken, shape: Shape::Path { points, closed: true, fill: Some(color), stroke: None } });
    }
    cross(marks, Role::Broken, center, 4.0, Token::Danger);
}
