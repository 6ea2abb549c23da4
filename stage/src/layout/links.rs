//! The roads between nodes. A road is faint while something travels on it, and visibly broken while the link is cut.

use crate::geom::{Curve, Point, Rect, within};
use crate::layout::places::{Density, MARGIN, Places};
use crate::paint::{Role, Shape, Stroke};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::theme::Token;
use sim_core::ids::*;
use sim_core::rows::Set;
use sim_core::view::View;

/// A road that is drawn: between whom, and where.
pub type Road = (NodeId, NodeId, Curve);

/// Draws the roads in use and the cut ones.
pub fn draw(pen: &mut Pen, view: &View, places: &Places, options: &LayoutOptions) -> Vec<Road> {
    let mut drawn = Vec::new();
    let cuts = cuts(view);
    // Roads to everywhere tell nothing: with many brokers only those in use are drawn.
    let mut roads = if places.density == Some(Density::Tile) { Set::new() } else { usual(view) };
    roads.extend(in_use(view));
    for (a, b) in roads.difference(&cuts) {
        if let Some(curve) = road(places, *a, *b) {
            pen.shape(Role::Link, Shape::Curve { curve, stroke: Stroke::solid(Token::Link, 1.25) });
            drawn.push((*a, *b, curve));
        }
    }
    for (a, b) in &cuts {
        if let Some(curve) = road(places, *a, *b) {
            cut(pen, curve);
            drawn.push((*a, *b, curve));
        }
    }
    for &(a, b, curve) in &drawn {
        if [options.selected, options.hovered].contains(&Some(Pick::Link(a, b))) {
            pen.shape(Role::Link, Shape::Curve { curve, stroke: Stroke::solid(Token::Accent, 2.5) });
        }
    }
    drawn
}

fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a <= b { (a, b) } else { (b, a) }
}

fn cuts(view: &View) -> Set<(NodeId, NodeId)> {
    sim_core::sort::gathered(view.cuts.iter().map(|(a, b)| pair(*a, *b)))
}

/// The roads on which something travels.
fn in_use(view: &View) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
    view.packets.iter().map(|p| pair(p.from, p.to))
}

/// All roads: those that are there even when nothing travels, those in use, and those that are cut.
pub fn roads(view: &View) -> Set<(NodeId, NodeId)> {
    let mut roads = usual(view);
    roads.extend(in_use(view));
    roads.extend(cuts(view));
    roads
}

/// The roads that are there even when nothing travels: from each producer to the leaders, from each consumer to what it reads.
fn usual(view: &View) -> Set<(NodeId, NodeId)> {
    let mut roads = Set::new();
    for producer in &view.producers {
        let leaders = view.partitions.iter().filter(|p| p.topic == Some(producer.topic)).filter_map(|p| p.leader);
        roads.extend(leaders.map(|leader| (NodeId::Broker(leader), NodeId::Producer(producer.id))));
    }
    for consumer in &view.consumers {
        for assigned in &consumer.partitions {
            if let Some(leader) = view.partitions.get(assigned.partition.ix()).and_then(|p| p.leader) {
                roads.insert((NodeId::Broker(leader), NodeId::Consumer(consumer.id)));
            }
        }
    }
    roads
}

/// A cut road: broken in the middle, two strokes across.
fn cut(pen: &mut Pen, curve: Curve) {
    pen.shape(Role::CutLink, Shape::Curve { curve, stroke: Stroke::dashed(Token::Danger, 1.5, 4.0) });
    let (middle, heading) = (curve.at(0.5), curve.heading(0.5));
    let (dx, dy) = (heading.x, heading.y);
    for along in [-3.0, 3.0] {
        let c = middle.shifted(dx * along, dy * along);
        let across = |side: f64| c.shifted((-dy + dx * 0.5) * side, (dx + dy * 0.5) * side);
        pen.line(Role::CutLink, across(-8.0), across(8.0), Stroke::solid(Token::Danger, 2.5));
    }
}

/// The road from one node to another; the way back is the same one, beside it.
pub fn road(places: &Places, from: NodeId, to: NodeId) -> Option<Curve> {
    if from > to {
        return road(places, to, from).map(|c| c.reversed());
    }
    let (a, b) = (places.of(from)?, places.of(to)?);
    Some(match (from, to) {
        (NodeId::Controller(_), NodeId::Broker(_)) => from_controller(places, a, b),
        (NodeId::Broker(_), NodeId::Broker(_)) => between_brokers(places, a, b),
        (NodeId::Broker(_), NodeId::Producer(_)) => to_client(places, a, b, Side::Left),
        (NodeId::Broker(_), NodeId::Consumer(_)) => to_client(places, a, b, Side::Right),
        (NodeId::Producer(_), NodeId::Store(_)) => to_service(places, a, b),
        (NodeId::Consumer(_), NodeId::Store(_)) => to_store(places, a, b),
        _ => straight(a.center(), b.center()),
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

fn straight(from: Point, to: Point) -> Curve {
    let (dx, dy) = ((to.x - from.x) / 3.0, (to.y - from.y) / 3.0);
    Curve { from, leave: from.shifted(dx, dy), reach: to.shifted(-dx, -dy), to }
}

/// Down the margin beside the consumers' column; straight down where they stand in a row.
fn to_store(places: &Places, consumer: Rect, store: Rect) -> Curve {
    if !places.wide {
        let from = Point::new(consumer.center().x, consumer.bottom());
        return straight(from, Point::new(store.center().x, store.y));
    }
    let (from, to) = (Point::new(consumer.right(), consumer.center().y), Point::new(store.right(), store.center().y));
    Curve { from, leave: from.shifted(13.0, 12.0), reach: to.shifted(13.0, -12.0), to }
}

/// From a producer that calls a service: along the foot of the picture; down the left margin where all is stacked.
fn to_service(places: &Places, producer: Rect, store: Rect) -> Curve {
    if !places.wide {
        let (from, to) = (Point::new(producer.x + 6.0, producer.bottom()), Point::new(store.x + 6.0, store.y));
        return Curve { from, leave: Point::new(MARGIN, from.y), reach: Point::new(MARGIN, to.y), to };
    }
    let (from, to) = (Point::new(producer.right(), producer.center().y), Point::new(store.x, store.center().y));
    let low = to.y.max(from.y);
    Curve { from, leave: Point::new(from.x + places.gutter, low), reach: Point::new(to.x - 2.0 * places.gutter, low), to }
}

/// Out of the controller, down the gutter left of the brokers, into the broker's upper left corner; into its top edge when it
/// stands in the first row and not in the first column.
fn from_controller(places: &Places, controller: Rect, broker: Rect) -> Curve {
    let first_column = places.brokers.first().is_none_or(|(_, r)| (r.x - broker.x).abs() < 1.0);
    let first_row = places.brokers.first().is_none_or(|(_, r)| (r.y - broker.y).abs() < 1.0);
    if first_row && (!first_column || places.columns > 1) {
        let to = Point::new(broker.center().x, broker.y);
        let from = Point::new(within(to.x, controller.x + 20.0, controller.right() - 20.0), controller.bottom());
        return Curve { from, leave: from.shifted(0.0, 12.0), reach: to.shifted(0.0, -12.0), to };
    }
    let from = Point::new(controller.x + 2.0, controller.center().y);
    let to = Point::new(broker.x, broker.y + 14.0);
    let bulge = if places.wide { 34.0 } else { 12.0 };
    let x = broker.x.min(from.x) - bulge;
    Curve { from, leave: Point::new(x, from.y), reach: Point::new(x, to.y - 6.0), to }
}

/// Right of the brokers when they stand above each other, straight across otherwise.
fn between_brokers(places: &Places, a: Rect, b: Rect) -> Curve {
    if (a.x - b.x).abs() < 1.0 {
        let (from, to) = (Point::new(a.right(), a.center().y + 6.0), Point::new(b.right(), b.center().y - 6.0));
        let steps = (b.y - a.y).abs() / (a.h.max(1.0) + 14.0);
        let bulge = if places.wide { (22.0 + 16.0 * steps).min(54.0) } else { (8.0 + 4.0 * steps).min(16.0) };
        // A curve goes three quarters of the way to where it is bent; a packet needs room beside it.
        let bulge = if places.wide { bulge.min((places.gutter - 8.0) / 0.75) } else { bulge };
        return Curve { from, leave: from.shifted(bulge, 0.0), reach: to.shifted(bulge, 0.0), to };
    }
    let y = |r: Rect| if (a.y - b.y).abs() < 1.0 { r.y + 16.0 } else { r.center().y };
    if a.x < b.x {
        straight(Point::new(a.right(), y(a)), Point::new(b.x, y(b)))
    } else {
        straight(Point::new(a.x, y(a)), Point::new(b.right(), y(b)))
    }
}

/// To producers on the left, or above; to consumers on the right, or below.
fn to_client(places: &Places, broker: Rect, client: Rect, side: Side) -> Curve {
    if places.wide {
        let (from, to) = match side {
            Side::Left => (Point::new(broker.x, broker.center().y), Point::new(client.right(), client.center().y)),
            Side::Right => (Point::new(broker.right(), broker.center().y), Point::new(client.x, client.center().y)),
        };
        let bend = (to.x - from.x) * 0.45;
        return Curve { from, leave: from.shifted(bend, 0.0), reach: to.shifted(-bend, 0.0), to };
    }
    match side {
        Side::Left => {
            let from = Point::new(broker.x, broker.y + 22.0);
            let to = Point::new(client.x + (client.w / 2.0).min(16.0), client.bottom());
            Curve { from, leave: from.shifted(-16.0, -20.0), reach: Point::new(from.x - 12.0, to.y + 24.0), to }
        }
        Side::Right => {
            let from = Point::new(broker.right(), broker.center().y);
            let to = Point::new(client.center().x.max(client.x), client.y);
            // Down the gutter, then along the gap between the brokers and the consumers.
            let x = broker.right();
            Curve { from, leave: Point::new(x + 28.0, to.y + 30.0), reach: Point::new(x + 10.0, to.y - 40.0), to }
        }
    }
}
