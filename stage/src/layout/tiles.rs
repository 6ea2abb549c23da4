//! One tile a replica, where there is no room for logs: who leads, who is in sync, who is behind, each by a shape of its own.

use crate::geom::{Point, Rect};
use crate::layout::brokers::is_down;
use crate::layout::places::{PAD, Places};
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::text::{Face, fit, fit_partitions, grouped, width};
use crate::theme::Token;
use crate::words::fill;
use sim_core::ids::*;
use sim_core::view::{BrokerView, PartitionView, ReplicaView, View};

/// A follower in the ISR is always a little behind; from here on it is worth a mark.
const BEHIND: i64 = 100;
/// From this width on a tile has its partition's name.
const NAMED: f64 = 58.0;

/// What a replica is to its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// It leads: a crown.
    Leader,
    /// In the ISR: a plain tile.
    InSync,
    /// Not in the ISR: broken, with its corners cut.
    OutOfSync,
    /// Its broker is down: struck out.
    Offline,
}

/// What all brokers' tiles are drawn from.
pub struct Tiles<'a> {
    view: &'a View,
    places: &'a Places,
    options: &'a LayoutOptions,
    names: Vec<String>,
    /// The largest log end of each partition.
    ends: Vec<i64>,
}

impl Tiles<'_> {
    /// The tiles of a view.
    pub fn new<'a>(view: &'a View, places: &'a Places, options: &'a LayoutOptions) -> Tiles<'a> {
        let mut ends = vec![0; view.partitions.len()];
        for replica in view.brokers.iter().flat_map(|b| &b.replicas) {
            if let Some(end) = ends.get_mut(replica.partition.ix()) {
                *end = replica.log_end.0.max(*end);
            }
        }
        let names: Vec<&str> = view.partitions.iter().map(|p| p.name.as_str()).collect();
        let names = if places.tile.w >= NAMED {
            fit_partitions(&names, Face::Mono, 9.0, places.tile.w - 10.0)
        } else {
            names.iter().map(|name| name.rsplit('-').next().unwrap_or_default().to_string()).collect()
        };
        Tiles { view, places, options, names, ends }
    }

    /// Draws the tiles of one broker.
    pub fn draw(&self, pen: &mut Pen, broker: &BrokerView, panel: Rect) {
        let (tile, across) = (self.places.tile, self.places.strips);
        let down = ((panel.h - self.places.heading - PAD) / tile.h + 0.01).floor().max(0.0) as usize;
        let (capacity, all) = (across * down, broker.replicas.len());
        let shown = if all > capacity { capacity.saturating_sub(2) } else { all };
        let place = |i: usize| {
            let (x, y) = ((i % across) as f64 * tile.w, (i / across) as f64 * tile.h);
            let gap = if tile.w > 20.0 { 3.0 } else { 2.0 };
            Rect::new(panel.x + PAD + x, panel.y + self.places.heading + y, tile.w - gap, tile.h - gap)
        };
        for (i, replica) in broker.replicas.iter().take(shown).enumerate() {
            if let Some(partition) = self.view.partitions.get(replica.partition.ix()) {
                self.tile(pen, broker, (replica, partition), place(i));
            }
        }
        if shown < all && capacity >= 2 {
            let (a, b) = (place(shown), place(capacity - 1));
            let text = fill(self.options.words.more, all - shown);
            let room = if b.y > a.y { a.w } else { b.right() - a.x };
            let style = TextStyle::sans(10.0, Token::InkSoft);
            pen.text(Point::new(a.x, a.center().y), fit(&text, Face::Sans, 10.0, room), style);
        }
    }

    fn tile(&self, pen: &mut Pen, broker: &BrokerView, (replica, partition): (&ReplicaView, &PartitionView), rect: Rect) {
        pen.region(rect, Pick::Replica(broker.id, partition.id));
        let in_sync = partition.isr.contains(broker.id);
        let rank = match () {
            () if is_down(broker.state) => Rank::Offline,
            () if partition.leader == Some(broker.id) => Rank::Leader,
            () if in_sync => Rank::InSync,
            () => Rank::OutOfSync,
        };
        let ink = face(pen, rect, rank, partition.internal);
        let behind = self.ends[partition.id.ix()] - replica.log_end.0;
        let lags = rank != Rank::Offline && behind > if in_sync { BEHIND } else { 0 };
        if lags {
            lag(pen, rect, behind);
        }
        if has_too_few(partition) && rank != Rank::Offline {
            under_min(pen, rect);
        }
        let size = (rect.h * 0.55).min(9.5);
        let mut text = self.names[partition.id.ix()].clone();
        let more = format!("{text} −{}", grouped(behind.unsigned_abs()));
        if lags && width(&more, Face::Mono, size) <= rect.w - 4.0 {
            text = more;
        }
        if size >= 7.0 && width(&text, Face::Mono, size) <= rect.w - 2.0 {
            let style = TextStyle::mono(size, ink).anchored(Anchor::Middle);
            pen.text(rect.center().shifted(0.0, if rank == Rank::Leader { rect.h * 0.08 } else { 0.0 }), text, style);
        }
        let watched = |(p, o): (PartitionId, Offset)| p == partition.id && o >= replica.log_start && o < replica.log_end;
        if self.options.watched.is_some_and(watched) {
            pen.rect(Role::Watched, rect.inset(-1.5), 4.0, None, Some(Stroke::solid(Token::Ink, 2.5)));
        }
    }
}

/// Fewer in sync than writers with acks=all ask for, or no leader.
pub fn has_too_few(partition: &PartitionView) -> bool {
    partition.exists && (partition.leader.is_none() || partition.isr.len() < partition.min_isr)
}

/// The tile itself. Returns the colour of what is written on it.
pub fn face(pen: &mut Pen, r: Rect, rank: Rank, quiet: bool) -> Token {
    let gold = if quiet { Token::InkSoft } else { Token::Leader };
    let at = |x: f64, y: f64| Point::new(r.x + r.w * x, r.y + r.h * y);
    match rank {
        Rank::Leader => {
            let points = [(0.0, 0.0), (0.25, 0.26), (0.5, 0.0), (0.75, 0.26), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
            let points = points.into_iter().map(|(x, y)| at(x, y)).collect();
            pen.shape(Role::Crown, Shape::Path { points, closed: true, fill: Some(gold), stroke: None });
            Token::Surface
        }
        Rank::InSync => {
            let line = if quiet { Token::CommittedQuiet } else { Token::Committed };
            pen.rect(Role::InIsr, r.inset(0.5), 2.5, Some(Token::Surface), Some(Stroke::solid(line, 1.5)));
            Token::Ink
        }
        Rank::OutOfSync => {
            let (a, b) = (0.3 * r.h / r.w, 0.3);
            let points = [(a, 0.0), (1.0 - a, 0.0), (1.0, b), (1.0, 1.0 - b), (1.0 - a, 1.0), (a, 1.0), (0.0, 1.0 - b), (0.0, b)];
            let points = points.into_iter().map(|(x, y)| at(x, y)).collect();
            let stroke = Some(Stroke::dashed(Token::Warn, 1.5, 2.5));
            pen.shape(Role::OutOfIsr, Shape::Path { points, closed: true, fill: Some(Token::Surface), stroke });
            Token::Warn
        }
        Rank::Offline => {
            let line = Stroke::dashed(Token::LineStrong, 1.0, 2.0);
            pen.rect(Role::Offline, r.inset(0.5), 0.0, None, Some(line));
            pen.line(Role::Offline, at(0.0, 1.0), at(1.0, 0.0), Stroke::solid(Token::LineStrong, 1.0));
            Token::InkSoft
        }
    }
}

/// A foot that is longer the more is missing: a quarter of the tile for each digit of the number of records.
pub fn lag(pen: &mut Pen, r: Rect, behind: i64) {
    let digits = f64::from(behind.max(1).ilog10() + 1);
    let h = (r.h * 0.2).min(3.0);
    pen.rect(Role::Lag, Rect::new(r.x, r.bottom() - h, r.w * (digits / 4.0).min(1.0), h), 0.0, Some(Token::Danger), None);
}

/// A corner: fewer in sync than there must be.
pub fn under_min(pen: &mut Pen, r: Rect) {
    let side = (r.h * 0.5).min(8.0);
    let corner = Point::new(r.right() + 1.0, r.y - 1.0);
    let points = vec![corner.shifted(-side, 0.0), corner, corner.shifted(0.0, side)];
    pen.shape(Role::UnderMin, Shape::Path { points, closed: true, fill: Some(Token::Danger), stroke: None });
}
