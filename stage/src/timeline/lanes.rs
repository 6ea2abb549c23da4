//! The lanes of the time bar: the leaders of one partition, its ISR, and the lag of the group that is furthest behind.

use super::{INSET, x_of};
use crate::geom::{Point, Rect, Size};
use crate::paint::{Anchor, Role, Shape, Stroke, TextStyle};
use crate::scene::Pen;
use crate::text::{Face, grouped, width};
use crate::theme::Token;
use crate::words::{Words, fill};
use sim_core::ids::{BrokerId, PartitionId};
use sim_core::series::{Leadership, PartitionSeries, Series};
use sim_core::time::SimTime;

/// Room above the lanes for what was done, and below them for how the cluster answered.
const SIGNS: f64 = 14.0;
const GAP: f64 = 2.0;
/// How high a leader's pattern is, at the foot of its lane.
const FOOT: f64 = 4.0;

/// Where the lanes are.
pub(super) struct Lanes {
    /// All of them.
    pub(super) all: Rect,
    leaders: Rect,
    pub(super) isr: Rect,
    lag: Rect,
}

impl Lanes {
    pub(super) fn new(size: Size) -> Lanes {
        let all = Rect::new(INSET, SIGNS, size.w - 2.0 * INSET, (size.h - 2.0 * SIGNS).max(12.0));
        let room = all.h - 2.0 * GAP;
        let (leaders, rest) = all.split_top((room * 0.3).min(18.0));
        let (isr, rest) = rest.split_top(GAP).1.split_top((room * 0.32).min(24.0));
        Lanes { all, leaders, isr, lag: rest.split_top(GAP).1 }
    }
}

/// A span of time as a part of a lane.
struct Scale {
    end: SimTime,
    width: f64,
}

impl Scale {
    fn x(&self, at: SimTime) -> f64 {
        x_of(self.end, self.width, at)
    }

    fn span(&self, lane: Rect, from: SimTime, to: SimTime) -> Rect {
        let (a, b) = (self.x(from), self.x(to));
        Rect::new(a, lane.y, b - a, lane.h)
    }
}

pub(super) fn draw(pen: &mut Pen, lanes: &Lanes, end: SimTime, series: &Series, partition: PartitionId, words: &Words) {
    let scale = Scale { end, width: lanes.all.w + 2.0 * INSET };
    for lane in [lanes.leaders, lanes.isr, lanes.lag] {
        pen.rect(Role::Timeline, lane, 2.0, Some(Token::Raised), None);
    }
    let partition = &series.partitions[partition.ix()];
    leaders(pen, lanes.leaders, &scale, partition, words);
    in_sync(pen, lanes.isr, &scale, partition);
    too_few(pen, lanes.isr, &scale, series);
    lag(pen, lanes.lag, &scale, series, words);
}

/// A span a leader; a rule at each new epoch.
fn leaders(pen: &mut Pen, lane: Rect, scale: &Scale, partition: &PartitionSeries, words: &Words) {
    for (i, leadership) in partition.leaders.iter().enumerate() {
        let until = partition.leaders.get(i + 1).map_or(scale.end, |next| next.since);
        let span = scale.span(lane, leadership.since, until);
        let foot = Rect::new(span.x, lane.bottom() - FOOT, span.w, FOOT);
        match leadership.leader {
            Some(leader) => pattern(pen, foot, leader),
            None => pen.rect(Role::Timeline, span, 0.0, Some(Token::DangerSoft), None),
        }
        if leadership.epoch.0 > 0 {
            let rule = Rect::new(span.x - 0.75, lane.y, 1.5, lane.h);
            pen.rect(Role::Timeline, rule, 0.0, Some(Token::Leader), None);
        }
        leader_name(pen, span, leadership, words);
    }
    let style = TextStyle::sans(9.0, Token::InkSoft).anchored(Anchor::End);
    let room = partition.leaders.last().map_or(0.0, |last| lane.right() - scale.x(last.since)) - 110.0;
    if lane.h >= 11.0 && width(&partition.name, style.face, style.size) <= room {
        pen.text(Point::new(lane.right() - 4.0, lane.y + (lane.h - FOOT) / 2.0 + 0.5), &*partition.name, style);
    }
}

/// As much of it as there is room for.
fn leader_name(pen: &mut Pen, span: Rect, leadership: &Leadership, words: &Words) {
    let size = 9.5;
    let room = span.w - 6.0;
    let (names, color, middle) = match leadership.leader {
        Some(leader) => {
            let long = format!("{} {} · {}", words.broker, leader.0, fill(words.epoch_of, leadership.epoch));
            let names = [long, format!("{} · {}", leader.0, leadership.epoch), leader.0.to_string()];
            (names, Token::Ink, span.y + (span.h - FOOT) / 2.0 + 0.5)
        }
        None => ([words.no_leader.to_string(), "–".into(), String::new()], Token::Danger, span.center().y),
    };
    if span.h < 11.0 {
        return;
    }
    if let Some(name) = names.into_iter().find(|name| width(name, Face::Sans, size) <= room) {
        pen.text(Point::new(span.x + 4.0, middle), name, TextStyle::sans(size, color));
    }
}

/// Brokers are told apart by colour and by pattern; after fifteen they begin again.
pub fn pattern(pen: &mut Pen, area: Rect, broker: BrokerId) {
    const COLORS: [Token; 5] = [Token::Accent, Token::Committed, Token::Fetch, Token::Appended, Token::InkSoft];
    let slot = broker.slot();
    let color = COLORS[slot % COLORS.len()];
    match slot % 3 {
        0 => pen.rect(Role::Timeline, area, 0.0, Some(color), None),
        1 => {
            let stroke = Stroke::solid(color, 2.4);
            pen.shape(Role::Timeline, Shape::Hatch { rect: area, step: 6.0, stroke });
            pen.rect(Role::Timeline, Rect::new(area.x, area.bottom() - 1.0, area.w, 1.0), 0.0, Some(color), None);
        }
        _ => {
            for y in [area.y, area.bottom() - 1.4] {
                pen.rect(Role::Timeline, Rect::new(area.x, y, area.w, 1.4), 0.0, Some(color), None);
            }
        }
    }
}

/// A step as high as the ISR is large, between none and all replicas.
fn in_sync(pen: &mut Pen, lane: Rect, scale: &Scale, partition: &PartitionSeries) {
    let height = |n: u32| f64::from(n) / f64::from(partition.replicas.max(1)) * (lane.h - 2.0);
    for (i, (since, isr)) in partition.isrs.iter().enumerate() {
        let until = partition.isrs.get(i + 1).map_or(scale.end, |next| next.0);
        let (n, span) = (isr.len(), scale.span(lane, *since, until));
        let (ground, line) = if n < partition.min_isr {
            (Token::DangerSoft, Token::Danger)
        } else if n < partition.replicas {
            (Token::AppendedSoft, Token::Warn)
        } else {
            (Token::AccentSoft, Token::Good)
        };
        let top = lane.bottom() - height(n);
        pen.rect(Role::Timeline, Rect::new(span.x, top, span.w, height(n)), 0.0, Some(ground), None);
        pen.rect(Role::Timeline, Rect::new(span.x, top, span.w, 1.6), 0.0, Some(line), None);
    }
    if partition.min_isr > 1 {
        let y = lane.bottom() - height(partition.min_isr);
        let (a, b) = (Point::new(lane.x, y), Point::new(lane.right(), y));
        pen.line(Role::Timeline, a, b, Stroke::dashed(Token::LineStrong, 1.0, 3.0));
    }
}

/// Where any partition is below its minimum.
fn too_few(pen: &mut Pen, lane: Rect, scale: &Scale, series: &Series) {
    let mut bucket = 0;
    while let Some(length) = series.under_min_isr.get(bucket..).filter(|rest| !rest.is_empty()) {
        let below = length[0] > 0;
        let run = length.iter().take_while(|n| (**n > 0) == below).count();
        if below {
            let (from, to) = (series.start_of(bucket), series.start_of(bucket + run));
            let rect = scale.span(lane, from, to.min(scale.end));
            pen.shape(Role::UnderMinIsr, Shape::Hatch { rect, step: 6.0, stroke: Stroke::solid(Token::Danger, 0.8) });
        }
        bucket += run;
    }
}

/// The records that the furthest group is behind, as an area.
fn lag(pen: &mut Pen, lane: Rect, scale: &Scale, series: &Series, words: &Words) {
    let behind = |bucket: usize| series.groups.iter().map(|g| g.lag_max[bucket]).max().unwrap_or(0);
    let most = (0..series.len()).map(behind).max().unwrap_or(0);
    if most > 0 {
        let floor = lane.bottom();
        let mut points = vec![Point::new(lane.x, floor)];
        for bucket in 0..series.len() {
            let y = floor - behind(bucket) as f64 / most as f64 * (lane.h - 3.0);
            let (from, to) = (series.start_of(bucket), series.start_of(bucket + 1).min(scale.end));
            points.extend([Point::new(scale.x(from), y), Point::new(scale.x(to), y)]);
        }
        points.push(Point::new(points.last().map_or(lane.x, |p| p.x), floor));
        let line = points[1..points.len() - 1].to_vec();
        let area = Shape::Path { points, closed: true, fill: Some(Token::AppendedSoft), stroke: None };
        pen.shape(Role::Timeline, area);
        let stroke = Some(Stroke::solid(Token::Warn, 1.2));
        pen.shape(Role::Timeline, Shape::Path { points: line, closed: false, fill: None, stroke });
    }
    if lane.h >= 16.0 && !series.groups.is_empty() {
        let style = TextStyle::sans(9.0, Token::InkSoft).anchored(Anchor::End);
        pen.text(Point::new(lane.right() - 4.0, lane.y + 6.5), fill(words.lag_up_to, grouped(most)), style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint::Mark;
    use crate::timeline::{Bar, layout, scan};
    use crate::words::ENGLISH;
    use sim_core::history::History;
    use sim_core::series::BUCKETS;
    use sim_core::session::Session;
    use std::rc::Rc;
    use std::sync::Arc;

    fn bar(scenario: &str) -> Bar {
        let mut history = History::new(Arc::new(Session::library(scenario).plan().unwrap()));
        history.run_to_end();
        let events = scan(history.trace(), history.world().interventions()).events;
        Bar { end: history.end(), known: history.end(), events, series: Some(Rc::new(Series::of(&history, BUCKETS))) }
    }

    fn texts(marks: &[Mark]) -> Vec<&str> {
        let mut texts = Vec::new();
        for mark in marks {
            if let Shape::Text { text, .. } = &mark.shape {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn leaders_are_named_as_far_as_there_is_room() {
        let bar = bar("leader-failover");
        let said = |w: f64, h: f64, asked| {
            let marks = layout(&bar, asked, Size::new(w, h), &ENGLISH);
            texts(&marks).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let wide = said(900.0, 92.0, None);
        assert!(
            ["broker 1 · epoch 0", "broker 2 · epoch 1", "order-events-0"].iter().all(|t| wide.iter().any(|s| s == t)),
            "{wide:?}"
        );
        assert!(wide.iter().any(|s| s.starts_with("lag up to ")), "{wide:?}");
        let narrow = said(120.0, 92.0, None);
        assert!(narrow.contains(&"1".into()) && narrow.contains(&"2 · 1".into()), "{narrow:?}");
        assert!(said(900.0, 30.0, None).is_empty(), "too low for words");
        let other = said(900.0, 92.0, Some(PartitionId(1)));
        assert!(other.contains(&bar.series.as_ref().unwrap().partitions[1].name), "{other:?}");
        assert_eq!(said(900.0, 92.0, Some(PartitionId(999))), wide, "none such: as if none were asked for");
    }

    #[test]
    fn too_few_in_sync_are_hatched_where_they_are() {
        let bar = bar("min-isr");
        let size = Size::new(900.0, 92.0);
        let hatched = |mark: &Mark| match (&mark.role, &mark.shape) {
            (Role::UnderMinIsr, Shape::Hatch { rect, .. }) => Some(*rect),
            _ => None,
        };
        let marks = layout(&bar, None, size, &ENGLISH);
        let spans: Vec<Rect> = marks.iter().filter_map(hatched).collect();
        let series = bar.series.as_ref().unwrap();
        let below = series.under_min_isr.iter().filter(|n| **n > 0).count();
        assert_eq!(spans.len(), 1, "{spans:?}");
        let bucket = (size.w - 2.0 * INSET) / series.len() as f64;
        assert!((spans[0].w - below as f64 * bucket).abs() < 1e-6 && below > 50, "{spans:?}, {below}");
        assert!(layout(&self::bar("payments-acks-1"), None, size, &ENGLISH).iter().filter_map(hatched).next().is_none());
    }

    #[test]
    fn every_lane_stays_on_the_bar() {
        for (name, size) in [("min-isr", Size::new(900.0, 92.0)), ("partition-growth", Size::new(366.0, 74.0))] {
            let whole = Rect::new(0.0, 0.0, size.w, size.h);
            for mark in layout(&bar(name), None, size, &ENGLISH) {
                let inside = match &mark.shape {
                    Shape::Rect { rect, .. } | Shape::Hatch { rect, .. } => whole.encloses(*rect),
                    Shape::Path { points, .. } => {
                        points.iter().all(|p| p.x >= 0.0 && p.x <= size.w && p.y >= 0.0 && p.y <= size.h)
                    }
                    _ => true,
                };
                assert!(inside, "{name}: {mark:?}");
            }
        }
    }
}
