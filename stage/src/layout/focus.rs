//! The partition that is pointed at: its replicas come forward on all brokers, and the way from the leader to its followers is drawn.

use crate::geom::{Curve, Heading, Point, Rect};
use crate::layout::brokers::is_down;
use crate::layout::packets::polygon;
use crate::layout::places::{Density, Places};
use crate::paint::{Role, Shape, Stroke};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::theme::Token;
use sim_core::ids::BrokerId;
use sim_core::view::View;

/// Draws a veil over all other replicas while one is pointed at, and the ways of the one that is pointed at or chosen.
pub fn draw(pen: &mut Pen, view: &View, places: &Places, options: &LayoutOptions) {
    let partition = |pick: Option<Pick>| pick.and_then(Pick::partition);
    let hovered = partition(options.hovered);
    let Some(shown) = hovered.or(partition(options.selected)) else { return };
    let down = |broker| view.brokers.iter().any(|b| b.id == broker && is_down(b.state));
    let mut own: Vec<(BrokerId, Rect)> = Vec::new();
    for i in 0..pen.regions.len() {
        let area = pen.regions[i].area;
        match pen.regions[i].pick {
            Pick::Replica(broker, p) if p == shown => own.push((broker, area)),
            // What is down is faint already.
            Pick::Replica(broker, _) if hovered.is_some() && !down(broker) => {
                let over = if places.density == Some(Density::Tile) { area.inset(-1.5) } else { area };
                pen.rect(Role::Veil, over, 0.0, Some(Token::Veil), None);
            }
            _ => {}
        }
    }
    let leader = view.partitions.get(shown.ix()).and_then(|p| p.leader);
    let Some((_, from)) = own.iter().find(|(b, _)| Some(*b) == leader).copied() else { return };
    for (_, to) in own.iter().filter(|(b, _)| Some(*b) != leader) {
        way(pen, places, from, *to);
    }
}

/// From the leader's place to a follower's.
fn way(pen: &mut Pen, places: &Places, from: Rect, to: Rect) {
    let stroke = Stroke::solid(Token::Accent, 1.75);
    let (curve, heading) = if places.density == Some(Density::Tile) {
        let heading = Heading::of(to.center().x - from.center().x, to.center().y - from.center().y);
        let (from, to) = (edge(from, heading), edge(to, Heading { x: -heading.x, y: -heading.y }));
        (Curve { from, leave: from, reach: to, to }, heading)
    } else {
        let at = |r: Rect| Point::new(r.x - 3.0, r.center().y);
        let (from, to) = (at(from), at(to));
        (Curve { from, leave: from.shifted(-20.0, 0.0), reach: to.shifted(-20.0, 0.0), to }, Heading::RIGHT)
    };
    pen.shape(Role::Way, Shape::Curve { curve, stroke });
    let points = polygon(curve.to, &[(0.0, 0.0), (-6.0, -3.5), (-6.0, 3.5)], heading);
    pen.shape(Role::Way, Shape::Path { points, closed: true, fill: Some(Token::Accent), stroke: None });
}

/// Where a ray from the middle of a box leaves it.
fn edge(r: Rect, heading: Heading) -> Point {
    let far = |half: f64, step: f64| if step.abs() > 0.001 { half / step.abs() } else { f64::INFINITY };
    let t = far(r.w / 2.0, heading.x).min(far(r.h / 2.0, heading.y)) + 1.0;
    r.center().shifted(heading.x * t, heading.y * t)
}
