//! A broker: a panel with its state and the replicas that it keeps.

use crate::geom::{Point, Rect};
use crate::layout::places::{Density, HEADING, PAD, Places};
use crate::layout::strip::{Ruler, Strip, cell_width, cells};
use crate::layout::tiles::{Tiles, has_too_few, under_min};
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::text::{Face, fit, fit_partitions, width};
use crate::theme::Token;
use crate::words::{Words, fill};
use sim_core::ids::*;
use sim_core::rows::Map;
use sim_core::view::{BrokerView, PartitionView, ProcessState, ReplicaView, View};

/// Draws all brokers.
pub fn draw(pen: &mut Pen, view: &View, places: &Places, options: &LayoutOptions) {
    let Some(density) = places.density else { return };
    let mut rulers = Map::new();
    let tiles = (density == Density::Tile).then(|| Tiles::new(view, places, options));
    let names = if tiles.is_none() { names(view, places, density) } else { Vec::new() };
    for (broker, (_, rect)) in view.brokers.iter().zip(&places.brokers) {
        panel(pen, view, broker, (*rect, places.heading), options);
        if let Some(tiles) = &tiles {
            tiles.draw(pen, broker, *rect);
            continue;
        }
        for (i, replica) in broker.replicas.iter().enumerate() {
            let row = row_of(*rect, places, i, broker.replicas.len());
            let (name, log) = row.split_left(name_width(row.w, density));
            let ruler = rulers.entry(replica.partition).or_insert_with(|| ruler(view, replica.partition, log, density));
            let Some(partition) = view.partitions.get(replica.partition.ix()) else { continue };
            pen.region(row, Pick::Replica(broker.id, replica.partition));
            emphasis(pen, row, broker.id, replica, options);
            label(
                pen,
                (name, icon(places, row)),
                broker,
                replica,
                (partition, &names[replica.partition.ix()]),
                density,
                options.words,
            );
            let leader = partition
                .leader
                .filter(|l| *l != broker.id && !is_down(broker.state))
                .and_then(|l| replica_of(view, l, partition.id));
            let strip = Strip {
                broker: broker.id,
                replica,
                leader,
                leads: partition.leader == Some(broker.id),
                ruler,
                down: is_down(broker.state),
                internal: partition.internal,
                area: log,
                density,
            };
            strip.draw(pen, options);
        }
    }
}

/// The offsets that a log of this size has room for.
fn ruler(view: &View, partition: PartitionId, log: Rect, density: Density) -> Ruler {
    let room = (log.w / cell_width(density, log)).floor() as usize;
    Ruler::new(view, partition, room.saturating_sub(1).max(1))
}

/// Where a range of offsets stands in the row of a replica, and how wide a cell is there.
pub fn span(view: &View, places: &Places, partition: PartitionId, row: Rect, range: (Offset, Offset)) -> (f64, Rect) {
    let Some(density) = places.density.filter(|d| *d != Density::Tile) else {
        return (row.w, Rect::new(row.x, row.center().y, row.w, row.h / 2.0));
    };
    let (_, log) = row.split_left(name_width(row.w, density));
    let (cell, ruler) = (cell_width(density, log), ruler(view, partition, log, density));
    let x = |offset: Offset| log.x + ruler.slot_of(offset.0) * cell;
    // What went may be all that was there: the ruler does not know it any more.
    let left = x(range.0).min(log.right() - 2.0 * cell);
    let w = (x(range.1) - left).max(2.0 * cell).min(log.right() - left);
    let cells = cells(log, density);
    (cell, Rect::new(left, cells.y, w, cells.h))
}

/// Where the sign of leadership or membership stands in the row of a replica.
pub fn icon(places: &Places, row: Rect) -> Point {
    match places.density {
        Some(Density::Full) => Point::new(row.x + 7.0, row.y + 9.5),
        Some(Density::Compact) => Point::new(row.x + 7.0, row.center().y - 0.5),
        _ => row.center(),
    }
}

fn replica_of(view: &View, broker: BrokerId, partition: PartitionId) -> Option<&ReplicaView> {
    // A log that stands still is no measure for others.
    let broker = view.brokers.iter().find(|b| b.id == broker && !is_down(b.state))?;
    broker.replicas.iter().find(|r| r.partition == partition)
}

/// Nothing runs there.
pub fn is_down(state: ProcessState) -> bool {
    matches!(state, ProcessState::Crashed | ProcessState::PoweredOff | ProcessState::Stopped)
}

/// The names of all partitions as they stand left of the logs.
fn names(view: &View, places: &Places, density: Density) -> Vec<String> {
    let row = places.brokers.first().map_or(0.0, |(_, panel)| row_of(*panel, places, 0, 1).w);
    let names: Vec<&str> = view.partitions.iter().map(|p| p.name.as_str()).collect();
    fit_partitions(&names, Face::Mono, name_size(density), name_width(row, density) - 24.0)
}

fn name_size(density: Density) -> f64 {
    if density == Density::Full { 11.0 } else { 10.0 }
}

fn name_width(row: f64, density: Density) -> f64 {
    if density == Density::Full { (row * 0.27).clamp(106.0, 150.0) } else { (row * 0.45).clamp(60.0, 120.0) }
}

/// The row of the i-th replica of a broker.
pub fn row_of(panel: Rect, places: &Places, i: usize, replicas: usize) -> Rect {
    let lines = replicas.div_ceil(places.strips).max(1);
    let (column, line) = (i / lines, i % lines);
    let w = (panel.w - PAD * (places.strips + 1) as f64) / places.strips as f64;
    Rect::new(panel.x + PAD + column as f64 * (w + PAD), panel.y + HEADING + line as f64 * places.row, w, places.row)
}

/// The word for a state that is not the usual one.
pub fn state_word(state: ProcessState, words: &Words) -> Option<&'static str> {
    match state {
        ProcessState::Running => None,
        ProcessState::Fenced => Some(words.fenced),
        ProcessState::ShuttingDown => Some(words.shutting_down),
        ProcessState::Paused => Some(words.paused),
        ProcessState::Stopped => Some(words.stopped),
        ProcessState::Crashed => Some(words.crashed),
        ProcessState::PoweredOff => Some(words.powered_off),
        ProcessState::Done => Some(words.done),
    }
}

fn panel(pen: &mut Pen, view: &View, broker: &BrokerView, (rect, heading): (Rect, f64), options: &LayoutOptions) {
    let (role, fill_with, edge) = match broker.state {
        ProcessState::Crashed => (Role::PanelDown, Token::Down, Stroke::dashed(Token::Danger, 2.0, 6.0)),
        ProcessState::PoweredOff => (Role::PanelDown, Token::Down, Stroke::solid(Token::Danger, 2.0)),
        ProcessState::Stopped => (Role::PanelDown, Token::Down, Stroke::dashed(Token::LineStrong, 1.5, 3.0)),
        ProcessState::Fenced => (Role::Panel, Token::Surface, Stroke::solid(Token::Warn, 2.0)),
        ProcessState::ShuttingDown => (Role::Panel, Token::Surface, Stroke::dashed(Token::Warn, 1.5, 3.0)),
        ProcessState::Paused => (Role::Panel, Token::Surface, Stroke::dashed(Token::LineStrong, 2.0, 8.0)),
        ProcessState::Running | ProcessState::Done => (Role::Panel, Token::Surface, Stroke::solid(Token::Line, 1.0)),
    };
    pen.rect(role, rect, 8.0, Some(fill_with), Some(edge));
    if broker.state == ProcessState::PoweredOff {
        let (head, _) = rect.inset(2.0).split_top(heading - 4.0);
        pen.shape(role, Shape::Hatch { rect: head, step: 7.0, stroke: Stroke::solid(Token::DangerSoft, 3.0) });
    }
    if broker.state == ProcessState::Fenced {
        fence(pen, rect);
    }
    pen.region(rect, Pick::Broker(broker.id));
    let words = options.words;
    let y = rect.y + heading / 2.0 + 1.0;
    let mut name = format!("{} {}", words.broker, broker.id.0);
    let style = TextStyle::sans(13.0, Token::Ink).bold();
    let pad = if heading < HEADING { 8.0 } else { 12.0 };
    let end = |name: &str| rect.x + pad + width(name, Face::Sans, 13.0) * 1.06 + pad - 2.0;
    let mut right = rect.right() - pad;
    if let Some(word) = state_word(broker.state, words) {
        let w = width(word, Face::Sans, 10.5) * 1.06 + 14.0;
        if right - w < end(&name) {
            // The state is more important than the word `broker`.
            name = broker.id.0.to_string();
        }
        if right - w >= end(&name) {
            stamp(pen, Rect::new(right - w, y - 9.0, w, 18.0), word, is_down(broker.state));
            right -= w + 10.0;
        }
    }
    let left = end(&name);
    pen.text(Point::new(rect.x + pad, y), fit(&name, Face::Sans, 13.5, rect.w - 2.0 * pad), style);
    let leads = view.partitions.iter().filter(|p| p.leader == Some(broker.id) && !p.internal).count();
    let text = fill(words.leads, leads);
    if leads > 0 && right - width(&text, Face::Sans, 11.0) >= left {
        pen.text(Point::new(right, y), text, TextStyle::sans(11.0, Token::InkSoft).anchored(Anchor::End));
    }
}

/// The word for what is wrong, set so that it is seen without its colour.
fn stamp(pen: &mut Pen, rect: Rect, word: &str, down: bool) {
    let (back, ink) = if down { (Token::Danger, Token::DangerInk) } else { (Token::AppendedSoft, Token::Ink) };
    pen.rect(Role::Label, rect, 4.0, Some(back), (!down).then_some(Stroke::solid(Token::Warn, 1.0)));
    pen.text(rect.center(), word, TextStyle::sans(10.5, ink).bold().anchored(Anchor::Middle));
}

/// A fence along the top edge.
fn fence(pen: &mut Pen, rect: Rect) {
    let mut x = rect.x + 14.0;
    while x < rect.right() - 10.0 {
        let (a, b) = (Point::new(x, rect.y - 4.0), Point::new(x, rect.y + 4.0));
        pen.line(Role::Decoration, a, b, Stroke::solid(Token::Warn, 2.0));
        x += 12.0;
    }
}

fn emphasis(pen: &mut Pen, row: Rect, broker: BrokerId, replica: &ReplicaView, options: &LayoutOptions) {
    let related = |pick: Option<Pick>| pick.and_then(Pick::partition) == Some(replica.partition);
    let same = |pick: Option<Pick>| related(pick) && pick.and_then(Pick::broker) == Some(broker);
    if related(options.hovered) || related(options.selected) {
        let strong = same(options.selected) || same(options.hovered);
        let rect = Rect::new(row.x - 3.0, row.y, row.w + 6.0, row.h - 1.0);
        pen.rect(Role::Selected, rect, 4.0, Some(Token::AccentSoft), strong.then_some(Stroke::solid(Token::Accent, 1.0)));
    }
}

/// Name, role, membership and epoch, left of the log.
fn label(
    pen: &mut Pen,
    (area, icon): (Rect, Point),
    broker: &BrokerView,
    replica: &ReplicaView,
    (partition, name): (&PartitionView, &str),
    density: Density,
    words: &Words,
) {
    let leads = partition.leader == Some(broker.id);
    let in_isr = partition.isr.contains(broker.id);
    let full = density == Density::Full;
    let y = icon.y;
    if leads {
        crown(pen, icon);
    } else {
        membership(pen, icon, in_isr);
    }
    if has_too_few(partition) && !is_down(broker.state) && (leads || partition.leader.is_none()) {
        under_min(pen, Rect::around(icon, 7.0));
    }
    let size = name_size(density);
    let color = if partition.internal || is_down(broker.state) { Token::InkSoft } else { Token::Ink };
    let style = if leads { TextStyle::mono(size, color).bold() } else { TextStyle::mono(size, color) };
    pen.text(Point::new(area.x + 16.0, y), name, style);
    if full {
        let (word, color) = match (leads, in_isr) {
            (true, _) => (words.leader, Token::Leader),
            (false, true) => (words.in_isr, Token::InkSoft),
            (false, false) => (words.out_of_isr, Token::Warn),
        };
        // A process that is down knows no epoch.
        let epoch = if replica.epoch.0 < 0 { "e–".into() } else { format!("e{}", replica.epoch) };
        let epoch_w = width(&epoch, Face::Mono, 9.5) + 6.0;
        let badge = Rect::new(area.x + 16.0, y + 7.0, epoch_w, 13.0);
        pen.rect(Role::Label, badge, 3.0, Some(Token::Raised), None);
        let middle = badge.center();
        pen.text(middle, epoch, TextStyle::mono(9.5, Token::InkSoft).anchored(Anchor::Middle));
        let at = Point::new(badge.right() + 5.0, middle.y);
        pen.text(at, fit(word, Face::Sans, 10.0, area.right() - at.x - 4.0), TextStyle::sans(10.0, color));
    }
}

/// The leader's crown.
pub fn crown(pen: &mut Pen, at: Point) {
    pen.shape(Role::Crown, crown_shape(at, Some(Token::Leader), None));
}

/// A crown.
pub fn crown_shape(at: Point, fill: Option<Token>, stroke: Option<Stroke>) -> Shape {
    let p = |dx: f64, dy: f64| at.shifted(dx, dy);
    let points = vec![p(-5.5, -3.5), p(-2.7, -0.2), p(0.0, -5.0), p(2.7, -0.2), p(5.5, -3.5), p(4.4, 4.0), p(-4.4, 4.0)];
    Shape::Path { points, closed: true, fill, stroke }
}

/// A full dot: in the ISR. A broken ring: not.
pub fn membership(pen: &mut Pen, center: Point, in_isr: bool) {
    let shape = if in_isr {
        Shape::Circle { center, radius: 3.6, fill: Some(Token::Good), stroke: None }
    } else {
        Shape::Circle { center, radius: 4.0, fill: None, stroke: Some(Stroke::dashed(Token::Warn, 1.6, 2.2)) }
    };
    pen.shape(if in_isr { Role::InIsr } else { Role::OutOfIsr }, shape);
}
