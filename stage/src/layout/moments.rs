//! What happened a moment ago, drawn where it happened. Each mark is a function of the instant and of the fact alone: going back in time
//! shows it again, and a picture that stands still has it, too.

use crate::geom::{Curve, Heading, Point, Rect};
use crate::layout::brokers::{crown_shape, icon, span};
use crate::layout::links::road;
use crate::layout::packets::{broken, color, cross, kind};
use crate::layout::places::Places;
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick, Region};
use crate::text::{Face, grouped, width};
use crate::theme::Token;
use sim_core::ids::*;
use sim_core::time::SimTime;
use sim_core::view::{Happened, Happening, View};

/// Something that happened a moment ago, and its place in the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    at: SimTime,
    /// When it is over.
    ends: SimTime,
    sign: Sign,
    area: Rect,
    /// So many of the same kind at the same place.
    count: usize,
    note: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    /// A packet of this colour breaks.
    Broken(Token),
    /// A process ends.
    Ended,
    /// Cells of this width go: out with the power, or cut off.
    Gone { cell: f64, power: bool },
    /// The crown goes to another replica, from here.
    Crown { from: Option<Point>, unclean: bool },
    /// The crown is lost.
    Crownless,
    /// A duplicate that came this way is thrown back.
    Bounce(Heading),
    /// Done once more.
    Again,
}

/// The places of all that happened a moment ago.
pub fn find(view: &View, places: &Places, regions: &[Region], options: &LayoutOptions) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for happening in &view.recent {
        let Some((sign, area)) = sign(view, happening, places, regions) else { continue };
        match moments.iter_mut().find(|m| m.sign == sign && m.area == area) {
            Some(same) => same.count += 1,
            None => {
                let note = match happening.what {
                    Happened::LogCut { from, to, .. } => format!("−{}", grouped((from.0 - to.0).unsigned_abs())),
                    Happened::DoneAgain { .. } => options.words.done_again.into(),
                    _ => String::new(),
                };
                let ends = happening.at + happening.what.stays();
                moments.push(Moment { at: happening.at, ends, sign, area, count: 1, note });
            }
        }
    }
    moments
}

fn sign(view: &View, happening: &Happening, places: &Places, regions: &[Region]) -> Option<(Sign, Rect)> {
    let row = |broker, partition| {
        let pick = Pick::Replica(broker, partition);
        regions.iter().find(|r| r.pick == pick).map(|r| r.area)
    };
    let crown = |broker: Option<BrokerId>, partition| Some(icon(places, row(broker?, partition)?));
    let at = |p: Point| Rect::around(p, 0.0);
    Some(match happening.what {
        Happened::Dropped { from, to, api, arrived } => {
            let curve = road(places, from, to)?;
            (Sign::Broken(color(kind(api))), at(curve.at(if arrived { 1.0 } else { 0.5 })))
        }
        Happened::Crashed { node } => (Sign::Ended, places.of(node)?),
        Happened::LogCut { broker, partition, from, to, power } => {
            let (cell, area) = span(view, places, partition, row(broker, partition)?, (to, from));
            (Sign::Gone { cell, power }, area)
        }
        Happened::Elected { partition, old, new: None, .. } => (Sign::Crownless, at(crown(old, partition)?)),
        Happened::Elected { partition, old, new, unclean } => {
            // Whoever led it before, if it was without a leader meanwhile.
            let before = view.recent.iter().filter(|h| h.at <= happening.at).find_map(|h| match h.what {
                Happened::Elected { partition: p, old, new: None, .. } if p == partition => old,
                _ => None,
            });
            let old = old.or(before).filter(|old| Some(*old) != new);
            (Sign::Crown { from: crown(old, partition), unclean }, at(crown(new, partition)?))
        }
        Happened::Absorbed { from, wall } => {
            let curve = road(places, from, wall)?;
            (Sign::Bounce(curve.heading(1.0)), at(curve.to))
        }
        Happened::DoneAgain { place } => (Sign::Again, places.of(place)?),
    })
}

/// Draws those that are not over yet.
pub fn draw(pen: &mut Pen, moments: &[Moment], now: SimTime) {
    // The newest come first, and lie on top.
    for moment in moments.iter().rev() {
        if now <= moment.ends {
            moment.draw(pen, now.since(moment.at).0 as f64 / 1_000.0);
        }
    }
}

impl Moment {
    /// `age` in milliseconds.
    fn draw(&self, pen: &mut Pen, age: f64) {
        let (area, center) = (self.area, self.area.center());
        let goes = |within: f64| (age / within).min(1.0);
        match self.sign {
            Sign::Broken(color) => {
                broken(&mut pen.marks, center, goes(20.0), color);
                self.times(pen, center.shifted(8.0, -9.0), Token::Danger);
            }
            Sign::Ended => {
                let ring = area.inset(-2.0 - 5.0 * goes(100.0));
                pen.rect(Role::Ended, ring, 10.0, None, Some(Stroke::solid(Token::Danger, 3.0 - 2.0 * goes(200.0))));
            }
            Sign::Gone { cell, power } => self.gone(pen, cell, power, goes(50.0)),
            Sign::Crown { from, unclean } => {
                let color = if unclean { Token::Danger } else { Token::Leader };
                if let Some(from) = from {
                    pen.shape(Role::Elected, crown_shape(from, None, Some(Stroke::dashed(color, 1.0, 1.5))));
                    let (from, to) = (from.shifted(-8.0, 0.0), center.shifted(-11.0, 0.0));
                    let curve = Curve { from, leave: from.shifted(-24.0, 0.0), reach: to.shifted(-24.0, 0.0), to };
                    pen.shape(Role::Elected, Shape::Curve { curve, stroke: Stroke::dashed(color, 1.75, 4.0) });
                }
                let radius = 8.5 + 6.0 * (1.0 - goes(50.0));
                let stroke = Some(Stroke::solid(color, 2.0));
                pen.shape(Role::Elected, Shape::Circle { center, radius, fill: None, stroke });
            }
            Sign::Crownless => {
                pen.shape(Role::Elected, crown_shape(center, None, Some(Stroke::solid(Token::Danger, 1.25))));
                cross(&mut pen.marks, Role::Elected, center, 6.0, Token::Danger);
            }
            Sign::Bounce(heading) => {
                let across = |d: f64| center.shifted(-heading.y * d, heading.x * d);
                pen.line(Role::Absorbed, across(-9.0), across(9.0), Stroke::solid(Token::Good, 3.5));
                let back = 9.0 + 9.0 * goes(10.0);
                let at = center.shifted(-heading.x * back, -heading.y * back);
                double(pen, Role::Absorbed, at);
                self.times(pen, at.shifted(0.0, -11.0), Token::Twice);
            }
            Sign::Again => {
                let text = if self.count > 1 { format!("{} ×{}", self.note, self.count) } else { self.note.clone() };
                let w = width(&text, Face::Sans, 10.5) + 12.0;
                let pill = Rect::new((area.right() - w - 6.0).max(area.x), area.y - 7.0, w.min(area.w), 14.0);
                pen.rect(Role::DoneAgain, pill, 7.0, Some(Token::Twice), None);
                pen.text(pill.center(), text, TextStyle::sans(10.5, Token::Surface).bold().anchored(Anchor::Middle));
            }
        }
    }

    /// Cells that are no more: hollow where the power went, falling where they were cut off.
    fn gone(&self, pen: &mut Pen, cell: f64, power: bool, fallen: f64) {
        let area = self.area;
        let n = (area.w / cell).round().clamp(1.0, 12.0);
        let w = area.w / n;
        for i in 0..n as usize {
            let i = i as f64;
            let fall = if power { 0.0 } else { fallen * (5.0 + 6.0 * i / n) };
            let rect = Rect::new(area.x + i * w + 1.0, area.y + fall, (w - 2.0).max(2.0), area.h);
            if power {
                pen.shape(Role::Gone, Shape::Hatch { rect, step: 5.0, stroke: Stroke::solid(Token::LineStrong, 1.0) });
                pen.rect(Role::Gone, rect, 1.5, None, Some(Stroke::dashed(Token::Danger, 1.0, 2.0)));
            } else {
                pen.rect(Role::Gone, rect, 1.5, Some(Token::DangerSoft), Some(Stroke::solid(Token::Danger, 1.0)));
                let (a, b) = (Point::new(rect.x, rect.bottom()), Point::new(rect.right(), rect.y));
                pen.line(Role::Gone, a, b, Stroke::solid(Token::Danger, 1.0));
            }
        }
        let w = width(&self.note, Face::Mono, 10.5) + 6.0;
        let label = Rect::new(area.x, area.y - 6.0, w, 13.0);
        pen.rect(Role::Gone, label, 3.0, Some(Token::Danger), None);
        pen.text(label.center(), self.note.as_str(), TextStyle::mono(10.5, Token::DangerInk).bold().anchored(Anchor::Middle));
    }

    fn times(&self, pen: &mut Pen, at: Point, color: Token) {
        if self.count > 1 {
            pen.text(at, format!("×{}", self.count), TextStyle::sans(10.5, color).bold().anchored(Anchor::Middle));
        }
    }
}

/// The sign of a duplicate: two rings, one over the other.
pub fn double(pen: &mut Pen, role: Role, at: Point) {
    for side in [-2.2, 2.2] {
        let (center, stroke) = (at.shifted(side, -side / 2.0), Some(Stroke::solid(Token::Twice, 1.6)));
        pen.shape(role, Shape::Circle { center, radius: 3.6, fill: Some(Token::Surface), stroke });
    }
}
