//! The painted time bar: the whole run at a glance. Above its lanes what was done to the cluster, below them how it answered; in them
//! who led, who was in sync, and how far the readers were behind, with what was lost.

mod lanes;
mod scan;

pub use scan::{Found, scan};

use crate::geom::{Point, Rect, Size};
use crate::paint::{Mark, Role, Shape, Stroke};
use crate::scene::Pen;
use crate::theme::Token;
use crate::words::Words;
use lanes::Lanes;
use sim_core::ids::PartitionId;
use sim_core::series::Series;
use sim_core::time::{SimDuration, SimTime};
use std::rc::Rc;

/// What happened at an instant, as far as the bar tells things apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A process or machine went down, a link was cut.
    Fault,
    /// It came back.
    Recovery,
    /// A partition got another leader.
    Election,
    /// A partition lost its leader.
    Leaderless,
    /// A leader was elected that may lack committed records.
    Unclean,
    /// An ISR shrank.
    IsrShrink,
    /// An ISR grew.
    IsrExpand,
    /// A log lost records that it had: truncation, or a tail lost with the power.
    LogCut,
    /// A message was sent here that was lost in the end.
    Lost,
    /// A message was sent here that had more than one effect in the end.
    Duplicated,
}

/// Something on the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarEvent {
    /// When.
    pub at: SimTime,
    /// What.
    pub kind: EventKind,
}

/// What the bar shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// The whole run.
    pub end: SimTime,
    /// What is known of it so far.
    pub known: SimTime,
    /// What happened, in any order.
    pub events: Vec<BarEvent>,
    /// The run over time, once it is known.
    pub series: Option<Rc<Series>>,
}

impl Bar {
    /// The partition that its lanes are about: the one that is asked for, or the one with the most to tell.
    pub fn partition(&self, asked: Option<PartitionId>) -> Option<PartitionId> {
        let series = self.series.as_deref()?;
        asked.filter(|p| p.ix() < series.partitions.len()).or_else(|| series.most_eventful())
    }
}

/// Space left and right of the scale.
pub const INSET: f64 = 10.0;

/// Where an instant stands.
pub fn x_of(end: SimTime, width: f64, at: SimTime) -> f64 {
    let part = if end.0 == 0 { 0.0 } else { at.0 as f64 / end.0 as f64 };
    INSET + part.clamp(0.0, 1.0) * (width - 2.0 * INSET)
}

/// Which instant stands at x.
pub fn time_at(end: SimTime, width: f64, x: f64) -> SimTime {
    let part = ((x - INSET) / (width - 2.0 * INSET).max(1.0)).clamp(0.0, 1.0);
    SimTime((part * end.0 as f64).round() as u64)
}

/// How long a time a pointer is wide on a bar of this width.
pub fn reach(end: SimTime, width: f64) -> SimDuration {
    time_at(end, width, INSET + 6.0).since(SimTime::ZERO)
}

/// The event nearest to an instant, no further than this from it.
pub fn nearest(bar: &Bar, at: SimTime, reach: SimDuration) -> Option<BarEvent> {
    let distance = |e: &&BarEvent| e.at.0.abs_diff(at.0);
    bar.events.iter().min_by_key(distance).filter(|e| distance(e) <= reach.0).copied()
}

/// The bar without its playhead: changes only when more of the run is known, another partition is asked for, or the size changes.
pub fn layout(bar: &Bar, asked: Option<PartitionId>, size: Size, words: &Words) -> Vec<Mark> {
    let mut pen = Pen::default();
    let lanes = Lanes::new(size);
    match bar.series.as_deref().zip(bar.partition(asked)) {
        Some((series, partition)) => lanes::draw(&mut pen, &lanes, bar.end, series, partition, words),
        None => progress(&mut pen, &lanes, bar, size),
    }
    ticks(&mut pen, bar.end, size, lanes.all);
    losses(&mut pen, bar, size, lanes.all);
    let mut seen = sim_core::rows::Set::new();
    for event in &bar.events {
        let x = x_of(bar.end, size.w, event.at);
        // One sign a kind and every three pixels is all that can be seen. A fault and a recovery stand in one place: the fault counts.
        let place = (x / 3.0) as i64;
        let hidden = event.kind == EventKind::Recovery && seen.contains(&(EventKind::Fault, place));
        if !hidden && seen.insert((event.kind, place)) {
            sign(&mut pen, event.kind, x, &lanes);
        }
    }
    pen.marks
}

/// What is known so far, while a run is computed.
fn progress(pen: &mut Pen, lanes: &Lanes, bar: &Bar, size: Size) {
    pen.rect(Role::Timeline, lanes.all, 4.0, Some(Token::Raised), Some(Stroke::solid(Token::Line, 1.0)));
    let known = x_of(bar.end, size.w, bar.known) - INSET;
    if bar.known < bar.end && known > 0.0 {
        let (done, _) = lanes.all.split_left(known);
        pen.rect(Role::Timeline, done, 4.0, Some(Token::AccentSoft), None);
    }
}

/// How many seconds apart the marks of a scale are that has so much room for each.
pub fn tick_seconds(end: SimTime, width: f64, room: f64) -> f64 {
    let most = (width / room).max(1.0);
    let seconds = end.0 as f64 / 1e6;
    let steps = [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    steps.into_iter().find(|s| seconds / s <= most).unwrap_or(7200.0)
}

fn ticks(pen: &mut Pen, end: SimTime, size: Size, lanes: Rect) {
    let step = tick_seconds(end, lanes.w, 60.0);
    let mut t = step;
    while t * 1e6 < end.0 as f64 {
        let x = x_of(end, size.w, SimTime((t * 1e6) as u64));
        let (a, b) = (Point::new(x, lanes.bottom() - 4.0), Point::new(x, lanes.bottom()));
        pen.line(Role::Timeline, a, b, Stroke::solid(Token::LineStrong, 1.0));
        t += step;
    }
}

/// Lost and doubled messages as columns, as high as they are many.
fn losses(pen: &mut Pen, bar: &Bar, size: Size, track: Rect) {
    const COLUMN: f64 = 3.0;
    let columns = (size.w / COLUMN).ceil().max(1.0) as usize + 1;
    for (kind, color) in [(EventKind::Lost, Token::Danger), (EventKind::Duplicated, Token::Twice)] {
        let mut counts = vec![0_u32; columns];
        for event in bar.events.iter().filter(|e| e.kind == kind) {
            counts[(x_of(bar.end, size.w, event.at) / COLUMN) as usize] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        for (i, n) in counts.into_iter().enumerate().filter(|(_, n)| *n > 0) {
            let h = 4.0 + (f64::from(n) / f64::from(most)).sqrt() * 10.0;
            let rect = Rect::new(i as f64 * COLUMN, track.bottom() - 1.0 - h, COLUMN - 0.5, h);
            pen.rect(Role::Timeline, rect, 0.0, Some(color), None);
        }
    }
}

fn sign(pen: &mut Pen, kind: EventKind, x: f64, lanes: &Lanes) {
    let track = lanes.all;
    let above = track.y - 7.0;
    let below = track.bottom() + 7.0;
    let triangle = |y: f64, d: f64| vec![Point::new(x - 5.0, y - d), Point::new(x + 5.0, y - d), Point::new(x, y + d)];
    let diamond = |y: f64| vec![Point::new(x, y - 5.0), Point::new(x + 4.5, y), Point::new(x, y + 5.0), Point::new(x - 4.5, y)];
    let path =
        |points: Vec<Point>, fill: Option<Token>, stroke: Option<Stroke>| Shape::Path { points, closed: true, fill, stroke };
    let rule = |pen: &mut Pen, color: Token| {
        let (a, b) = (Point::new(x, track.y), Point::new(x, track.bottom()));
        pen.line(Role::Timeline, a, b, Stroke::solid(color, 1.5));
    };
    match kind {
        EventKind::Fault => {
            rule(pen, Token::Danger);
            pen.shape(Role::Timeline, path(triangle(above, 4.5), Some(Token::Danger), None));
        }
        EventKind::Recovery => {
            let stroke = Some(Stroke::solid(Token::Good, 1.8));
            pen.shape(Role::Timeline, path(triangle(above, -4.5), Some(Token::Surface), stroke));
        }
        EventKind::Election => pen.shape(Role::Timeline, path(diamond(below), Some(Token::Leader), None)),
        EventKind::Leaderless => {
            let stroke = Some(Stroke::solid(Token::Leader, 1.6));
            pen.shape(Role::Timeline, path(diamond(below), Some(Token::Surface), stroke));
        }
        EventKind::Unclean => {
            let stroke = Some(Stroke::solid(Token::Danger, 2.0));
            pen.shape(Role::Timeline, path(diamond(below), Some(Token::Leader), stroke));
        }
        EventKind::IsrShrink | EventKind::IsrExpand => {
            let (color, h) = if kind == EventKind::IsrShrink { (Token::Warn, 2.0) } else { (Token::Good, -2.0) };
            let points = vec![Point::new(x - 3.5, below - h), Point::new(x, below + h), Point::new(x + 3.5, below - h)];
            let stroke = Some(Stroke::solid(color, 1.8));
            pen.shape(Role::Timeline, Shape::Path { points, closed: false, fill: None, stroke });
        }
        EventKind::LogCut => {
            crate::layout::packets::cross(&mut pen.marks, Role::Timeline, Point::new(x, lanes.isr.center().y), 4.0, Token::Danger)
        }
        EventKind::Lost | EventKind::Duplicated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::ENGLISH;

    #[test]
    fn time_and_place_agree() {
        let end = SimTime(60_000_000);
        for us in [0, 1_000_000, 12_345_678, 60_000_000] {
            let back = time_at(end, 800.0, x_of(end, 800.0, SimTime(us)));
            assert!(back.0.abs_diff(us) <= 1, "{us} {back}");
        }
        assert_eq!(time_at(end, 800.0, -50.0), SimTime::ZERO);
        assert_eq!(time_at(end, 800.0, 5000.0), end);
    }

    #[test]
    fn many_losses_make_few_marks() {
        let events = (0..5000).map(|i| BarEvent { at: SimTime(10_000_000 + i * 100), kind: EventKind::Lost }).collect();
        let bar = Bar { end: SimTime(60_000_000), known: SimTime(60_000_000), events, series: None };
        assert!(layout(&bar, None, Size::new(800.0, 76.0), &ENGLISH).len() < 60);
        let near = |x: f64| nearest(&bar, time_at(bar.end, 800.0, x), reach(bar.end, 800.0));
        let x = x_of(bar.end, 800.0, SimTime(10_000_000));
        assert_eq!((near(x).is_some(), near(x - 5.0).is_some(), near(x - 8.0).is_some(), near(700.0)), (true, true, false, None));
    }
}
