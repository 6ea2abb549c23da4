//! One replica's log as a strip of cells. All replicas of a partition share a ruler, so that the same offset stands at the same
//! place in every broker and a follower that lags visibly ends earlier.

use crate::geom::{Point, Rect};
use crate::layout::places::Density;
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::{LayoutOptions, Pen, Pick};
use crate::text::{Face, grouped, width};
use crate::theme::Token;
use crate::words::fill;
use sim_core::ids::*;
use sim_core::view::{Cell, ReplicaView, View};

/// Where the offsets of one partition stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruler {
    /// First offset of each slot and the offset after its last, ascending.
    slots: Vec<(i64, i64)>,
    /// The largest log end of all replicas.
    pub end: i64,
}

impl Ruler {
    /// The newest `room` batches of a partition over all of its replicas.
    pub fn new(view: &View, partition: PartitionId, room: usize) -> Ruler {
        let mut slots: Vec<(i64, i64)> = Vec::new();
        let mut end = 0;
        for replica in view.brokers.iter().flat_map(|b| &b.replicas).filter(|r| r.partition == partition) {
            end = end.max(replica.log_end.0);
            let newest = &replica.cells[replica.cells.len().saturating_sub(room)..];
            slots.extend(newest.iter().map(|c| (c.base.0, c.base.0 + i64::from(c.count))));
        }
        sim_core::sort::plainly(&mut slots);
        // Of batches with the same base (two histories) the longest counts.
        slots.reverse();
        slots.dedup_by_key(|s| s.0);
        slots.truncate(room);
        slots.reverse();
        Ruler { slots, end }
    }

    /// Where an offset stands, in slots from the left; 0 for all that is older than the first slot.
    pub fn slot_of(&self, offset: i64) -> f64 {
        let i = self.slots.partition_point(|s| s.0 <= offset);
        if i == 0 {
            return 0.0;
        }
        let (base, end) = self.slots[i - 1];
        let inside = (offset - base) as f64 / (end - base).max(1) as f64;
        (i - 1) as f64 + inside.min(1.0)
    }

    /// Is the offset older than everything shown?
    pub fn is_older(&self, offset: i64) -> bool {
        self.slots.first().is_some_and(|s| offset < s.0)
    }
}

/// Width of a cell in the place of a log: a short one has slim cells rather than few.
pub fn cell_width(density: Density, log: Rect) -> f64 {
    if density == Density::Full { (log.h * 0.44).clamp(18.0, 26.0) } else { (log.w / 10.0).clamp(5.0, 13.0) }
}

/// Where in the place of a log its cells stand.
pub fn cells(log: Rect, density: Density) -> Rect {
    match density {
        Density::Full => Rect::new(log.x, log.y + 4.0, log.w, (log.h - 22.0).clamp(10.0, 30.0)),
        _ => Rect::new(log.x, log.y + 2.0, log.w, (log.h - 5.0).clamp(7.0, 16.0)),
    }
}

/// What the strip of one replica is drawn from.
pub struct Strip<'a> {
    /// Whose.
    pub broker: BrokerId,
    /// The replica.
    pub replica: &'a ReplicaView,
    /// The leader's replica of the same partition, unless this is it.
    pub leader: Option<&'a ReplicaView>,
    /// The offsets.
    pub ruler: &'a Ruler,
    /// It leads.
    pub leads: bool,
    /// Its broker is down.
    pub down: bool,
    /// Kafka's own topic: quieter.
    pub internal: bool,
    /// Room for the cells and what is under them.
    pub area: Rect,
    /// How much is shown.
    pub density: Density,
}

impl Strip<'_> {
    fn x(&self, offset: Offset) -> f64 {
        self.area.x + self.ruler.slot_of(offset.0) * cell_width(self.density, self.area)
    }

    /// Draws the log.
    pub fn draw(&self, pen: &mut Pen, options: &LayoutOptions) {
        let cells = cells(self.area, self.density);
        let baseline = cells.bottom() + 1.5;
        pen.line(
            Role::Decoration,
            Point::new(cells.x, baseline),
            Point::new(cells.right(), baseline),
            Stroke::dashed(Token::Line, 1.0, 2.0),
        );
        let mut epoch = None;
        for cell in &self.replica.cells {
            if self.ruler.is_older(cell.base.0) {
                epoch = Some(cell.epoch);
                continue;
            }
            self.cell(pen, cell, cells, options);
            if epoch.is_some_and(|e| e != cell.epoch) {
                self.epoch_start(pen, cell, cells);
            }
            epoch = Some(cell.epoch);
        }
        self.watched_before(pen, cells, options);
        if !self.replica.cells.is_empty() || self.replica.log_end > Offset::ZERO {
            self.marks(pen, cells, options);
        }
    }

    fn cell(&self, pen: &mut Pen, cell: &Cell, cells: Rect, options: &LayoutOptions) {
        let (left, right) = (self.x(cell.base), self.x(cell.base.plus(cell.count)));
        let rect = Rect::new(left + 1.0, cells.y, (right - left - 2.0).max(2.0), cells.h);
        let hw = self.x(self.replica.high_watermark);
        let split = (hw - left).clamp(0.0, right - left);
        let committed = cell.base.plus(cell.count) <= self.replica.high_watermark;
        if self.down {
            pen.rect(Role::CellDown, rect, 1.5, None, Some(Stroke::dashed(Token::LineStrong, 1.0, 2.0)));
        } else if committed {
            let color = if self.internal { Token::CommittedQuiet } else { Token::Committed };
            pen.rect(Role::CellCommitted, rect, 1.5, Some(color), None);
        } else {
            pen.rect(Role::CellAppended, rect, 1.5, Some(Token::AppendedSoft), None);
            let line = Stroke::solid(Token::Appended, 1.0);
            pen.shape(Role::CellAppended, Shape::Hatch { rect, step: 4.0, stroke: line });
            if split > 1.0 {
                let (done, _) = rect.split_left(split - 1.0);
                pen.rect(Role::CellCommitted, done, 1.5, Some(Token::Committed), None);
            }
            pen.rect(Role::CellAppended, rect, 1.5, None, Some(line));
        }
        if cell.base < self.replica.flushed {
            let until = self.x(self.replica.flushed.min(cell.base.plus(cell.count)));
            let bar = Rect::new(rect.x, cells.bottom() + 0.5, until - 1.0 - rect.x, 2.5);
            pen.rect(Role::OnDisk, bar, 0.0, Some(Token::Disk), None);
        }
        if self.diverges(cell) {
            let (a, b) = (Point::new(rect.x, rect.y), Point::new(rect.right(), rect.bottom()));
            pen.rect(Role::CellDivergent, rect, 1.5, None, Some(Stroke::solid(Token::Danger, 2.0)));
            pen.line(Role::CellDivergent, a, b, Stroke::solid(Token::Danger, 1.5));
        }
        let pick = Pick::Cell {
            broker: self.broker,
            partition: self.replica.partition,
            base: cell.base,
            count: cell.count,
            message: cell.message,
        };
        pen.region(Rect::new(left, self.area.y, (right - left).max(2.0), self.area.h), pick);
        let watched =
            options.watched.is_some_and(|(p, o)| p == self.replica.partition && o >= cell.base && o < cell.base.plus(cell.count));
        if watched || options.selected == Some(pick) || options.hovered == Some(pick) {
            let role = if watched { Role::Watched } else { Role::Selected };
            pen.rect(role, rect.inset(-2.0), 3.0, None, Some(Stroke::solid(Token::Ink, if watched { 2.5 } else { 1.5 })));
        }
    }

    /// The watched message lies left of all that is shown.
    fn watched_before(&self, pen: &mut Pen, cells: Rect, options: &LayoutOptions) {
        let here = |(p, offset): (PartitionId, Offset)| {
            p == self.replica.partition
                && self.ruler.is_older(offset.0)
                && offset >= self.replica.log_start
                && offset < self.replica.log_end
        };
        if options.watched.is_some_and(here) {
            let (x, y) = (cells.x - 1.0, cells.center().y);
            let points = vec![Point::new(x, y - 5.0), Point::new(x, y + 5.0), Point::new(x - 7.0, y)];
            pen.shape(Role::Watched, Shape::Path { points, closed: true, fill: Some(Token::Ink), stroke: None });
        }
    }

    /// Would the leader have another batch at this place, or none?
    fn diverges(&self, cell: &Cell) -> bool {
        let Some(leader) = self.leader else { return false };
        let overlapping = leader.cells.iter().find(|c| c.base < cell.base.plus(cell.count) && cell.base < c.base.plus(c.count));
        match overlapping {
            Some(theirs) => theirs.epoch != cell.epoch,
            None => leader.cells.first().is_none_or(|first| cell.base >= first.base) && cell.base >= leader.log_end,
        }
    }

    /// A new leader's first batch: a notch with the epoch.
    fn epoch_start(&self, pen: &mut Pen, cell: &Cell, cells: Rect) {
        let x = self.x(cell.base);
        pen.line(
            Role::EpochStart,
            Point::new(x, cells.y - 2.5),
            Point::new(x, cells.bottom() + 3.0),
            Stroke::dashed(Token::Accent, 2.0, 2.0),
        );
    }

    /// The marks of high watermark and log end, and the numbers under the strip.
    fn marks(&self, pen: &mut Pen, cells: Rect, options: &LayoutOptions) {
        let (hw, leo) = (self.x(self.replica.high_watermark), self.x(self.replica.log_end));
        let (top, bottom) = (cells.y - 2.5, cells.bottom() + 3.0);
        let ink = if self.down { Token::InkSoft } else { Token::Ink };
        pen.line(Role::LogEnd, Point::new(leo + 1.0, top), Point::new(leo + 1.0, bottom), Stroke::solid(ink, 2.0));
        let start = self.replica.log_start;
        if start > Offset::ZERO && !self.ruler.is_older(start.0) {
            let x = self.x(start);
            pen.line(Role::LogStart, Point::new(x, top), Point::new(x, bottom), Stroke::solid(Token::InkSoft, 2.0));
            let hook = Point::new(x + 4.0, top);
            pen.line(Role::LogStart, Point::new(x, top), hook, Stroke::solid(Token::InkSoft, 2.0));
        }
        let hw_color = if self.down { Token::InkSoft } else { Token::Committed };
        if self.ruler.is_older(self.replica.high_watermark.0) {
            self.lag(pen, cells, leo, options);
            if self.density == Density::Full {
                self.numbers(pen, bottom + 6.5, hw, leo, options);
            }
            return;
        }
        pen.line(Role::HighWatermark, Point::new(hw, top), Point::new(hw, bottom), Stroke::solid(hw_color, 2.0));
        let flag = vec![Point::new(hw - 4.0, top - 1.0), Point::new(hw + 4.0, top - 1.0), Point::new(hw, top + 4.0)];
        pen.shape(Role::HighWatermark, Shape::Path { points: flag, closed: true, fill: Some(hw_color), stroke: None });
        self.lag(pen, cells, leo, options);
        if self.density == Density::Full {
            self.numbers(pen, bottom + 6.5, hw, leo, options);
        }
    }

    /// How far this replica is behind the longest log, in the room that it left empty.
    fn lag(&self, pen: &mut Pen, cells: Rect, leo: f64, options: &LayoutOptions) {
        let behind = self.ruler.end - self.replica.log_end.0;
        if behind <= 0 || self.down {
            return;
        }
        // A leader is behind nobody: what a log that stands still has more is missing here.
        let phrase = if self.leads { options.words.missing } else { options.words.behind };
        let text = fill(phrase, grouped(behind.unsigned_abs()));
        let style = TextStyle::sans(10.5, Token::Warn).bold();
        let w = width(&text, Face::Sans, style.size) * 1.06;
        let room = self.x(Offset(self.ruler.end)) - leo;
        let empty = if room < w + 12.0 { cells.right() - leo } else { room };
        if empty >= w + 12.0 {
            pen.text(Point::new(leo + 8.0, cells.center().y), text, style);
        }
    }

    /// `HW 97`, `LEO 123` and the offsets of cells, as many as have room.
    fn numbers(&self, pen: &mut Pen, y: f64, hw: f64, leo: f64, options: &LayoutOptions) {
        const SIZE: f64 = 9.5;
        let (words, replica) = (options.words, self.replica);
        let mut line = Line { taken: Vec::new(), from: self.area.x, to: self.area.right() };
        let mut put = |pen: &mut Pen, x: f64, anchor: Anchor, text: String, color: Token, must: bool| {
            let w = width(&text, Face::Mono, SIZE);
            let left = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - w / 2.0,
                Anchor::End => x - w,
            };
            if let Some(left) = line.place(left, w, must) {
                pen.text(Point::new(left, y), text, TextStyle::mono(SIZE, color));
            }
        };
        let (low, high) = (replica.high_watermark, replica.log_end);
        let color = if self.down { Token::InkSoft } else { Token::Committed };
        let hw_text = format!("{} {low}", words.high_watermark);
        let leo_text = format!("{} {high}", words.log_end);
        if low == high {
            let text = format!("{} = {} {high}", words.high_watermark, words.log_end);
            put(pen, leo + 2.0, Anchor::Middle, text, Token::Ink, true);
        } else if hw - 3.0 - width(&hw_text, Face::Mono, SIZE) < self.area.x && !self.ruler.is_older(low.0) {
            put(pen, hw, Anchor::Start, format!("{hw_text} · {leo_text}"), Token::Ink, true);
        } else if self.ruler.is_older(low.0) && leo - hw < width(&hw_text, Face::Mono, SIZE) {
            put(pen, hw, Anchor::Start, format!("◂ {hw_text} · {leo_text}"), Token::Ink, true);
        } else if self.ruler.is_older(low.0) {
            put(pen, leo, Anchor::Middle, leo_text, Token::Ink, true);
            put(pen, hw, Anchor::Start, format!("◂ {hw_text}"), color, true);
        } else {
            // Side by side when the two are near, each under its own mark when not.
            let meet = (hw + leo) / 2.0;
            put(pen, (leo - 8.0).max(meet + 3.0), Anchor::Start, leo_text, Token::Ink, true);
            put(pen, (hw + 8.0).min(meet - 3.0), Anchor::End, hw_text, color, true);
        }
        if replica.waiting > 0 {
            let text = fill(words.waiting, replica.waiting);
            put(pen, self.area.right(), Anchor::End, text, Token::Warn, false);
        }
        if replica.log_start > Offset::ZERO && !self.ruler.is_older(replica.log_start.0) {
            let text = format!("{} {}", words.log_start, replica.log_start);
            put(pen, self.x(replica.log_start), Anchor::Start, text, Token::InkSoft, false);
        }
        let shown = replica.cells.iter().filter(|c| !self.ruler.is_older(c.base.0));
        for cell in shown {
            put(pen, self.x(cell.base) + 1.0, Anchor::Start, cell.base.to_string(), Token::InkSoft, false);
        }
    }
}

/// A line on which labels are placed without overlap.
struct Line {
    taken: Vec<(f64, f64)>,
    from: f64,
    to: f64,
}

impl Line {
    /// A place for a label of width `w` that would start at `x`: there; or, if it must be shown, beside what is in the way.
    fn place(&mut self, x: f64, w: f64, must: bool) -> Option<f64> {
        const SPACE: f64 = 7.0;
        let x = x.max(self.from).min(self.to - w);
        if x < self.from {
            return None;
        }
        let free =
            |x: f64| x >= self.from && x + w <= self.to && self.taken.iter().all(|(a, b)| x + w + SPACE <= *a || x >= *b + SPACE);
        let mut tries = vec![x];
        if must {
            tries.extend(self.taken.iter().flat_map(|(a, b)| [a - SPACE - w, b + SPACE]));
        }
        let found = tries.into_iter().find(|x| free(*x))?;
        self.taken.push((found, found + w));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_share_a_place() {
        let mut line = Line { taken: Vec::new(), from: 0.0, to: 100.0 };
        assert_eq!(line.place(80.0, 30.0, true), Some(70.0));
        assert_eq!(line.place(60.0, 30.0, true), Some(33.0));
        assert_eq!(line.place(40.0, 10.0, false), None);
        assert_eq!(line.place(0.0, 20.0, false), Some(0.0));
        assert_eq!(line.place(0.0, 120.0, true), None);
    }
}
