//! One chart: its lines, its grid and the labels beside it.

use super::backend::{Backend, FINE, fine, ink};
use super::{Chart, LABELS, Line, TITLE, Unit};
use crate::geom::{Point, Rect, Size};
use crate::paint::{Anchor, Mark, Role, Shape, Stroke, TextStyle};
use crate::text::{Face, width};
use crate::theme::Token;
use crate::timeline::tick_seconds;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::PathElement;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle};
use sim_core::time::SimTime;

/// What a chart has in common with the others.
pub(super) struct Frame {
    /// Of the whole drawing.
    pub(super) size: Size,
    /// The last instant.
    pub(super) end: SimTime,
    /// The times stand below it.
    pub(super) times: bool,
}

type Plane = Cartesian2d<RangedCoordf64, RangedCoordf64>;
type Area<'a, C> = DrawingArea<Backend<'a>, C>;

/// The size of what stands beside a chart.
const SMALL: f64 = 9.5;
/// Most marks on the axis of values.
const VALUES: usize = 4;

pub(super) fn draw(marks: &mut Vec<Mark>, chart: &Chart, original: Option<&Chart>, plot: Rect, frame: Frame) {
    heading(marks, chart, plot);
    let root = Backend::new(marks, frame.size).into_drawing_area();
    let (low, high) = range(chart, original);
    let pixels = (fine(plot.x)..fine(plot.right()), fine(plot.bottom())..fine(plot.y));
    let plane = Plane::new(0.0..frame.end.0.max(1) as f64, low..high, pixels);
    let area = root.apply_coord_spec(plane);
    grid(&root, &area, chart, (low, high), plot.w, &frame);
    if let Some(original) = original {
        original.lines.iter().for_each(|line| trace(&area, line, original, low, Some(Token::Link)));
    }
    for line in &chart.lines {
        trace(&area, line, chart, low, None);
    }
}

/// From where to where its axis of values goes: the original has to fit in, too.
fn range(chart: &Chart, original: Option<&Chart>) -> (f64, f64) {
    let most = chart.most().max(original.map_or(0.0, Chart::most));
    match chart.unit {
        Unit::Latency => {
            let least = chart.values().chain(original.iter().flat_map(|o| o.values())).fold(f64::MAX, f64::min);
            // From one power of ten to another.
            let (mut low, mut high) = (1e3, 1e4);
            while low > least && low > 1.0 {
                low /= 10.0;
            }
            while high < most {
                high *= 10.0;
            }
            (chart.unit.place(low), chart.unit.place(high))
        }
        Unit::Few => (0.0, most.max(1.0) + 0.25),
        _ => (0.0, most.max(1.0) * 1.06),
    }
}

/// Its title, and which line is which.
fn heading(marks: &mut Vec<Mark>, chart: &Chart, plot: Rect) {
    let y = plot.y - TITLE / 2.0 - 1.0;
    let text = |marks: &mut Vec<Mark>, x: f64, text: &str, style: TextStyle| {
        marks.push(Mark { role: Role::Label, shape: Shape::Text { at: Point::new(x, y), text: text.into(), style } });
    };
    let left = plot.x - LABELS + 2.0;
    text(marks, left, chart.title, TextStyle::sans(11.0, Token::Ink).bold());
    let after = left + width(chart.title, Face::Sans, 11.0) + 12.0;
    let mut x = plot.right();
    for line in chart.lines.iter().rev() {
        let room = width(&line.name, Face::Sans, SMALL);
        if x - room - 13.0 < after {
            break;
        }
        text(marks, x, &line.name, TextStyle::sans(SMALL, Token::InkSoft).anchored(Anchor::End));
        x -= room + 13.0;
        let (points, stroke) = (vec![Point::new(x, y), Point::new(x + 9.0, y)], Some(Stroke::solid(line.color, 2.0)));
        marks.push(Mark { role: Role::Chart, shape: Shape::Path { points, closed: false, fill: None, stroke } });
        x -= 8.0;
    }
    if width(chart.unit_name, Face::Sans, SMALL) <= x - after {
        text(marks, after, chart.unit_name, TextStyle::sans(SMALL, Token::InkSoft));
    }
}

/// The lines behind, with their values and times.
fn grid(root: &Area<'_, Shift>, area: &Area<'_, Plane>, chart: &Chart, (low, high): (f64, f64), width: f64, frame: &Frame) {
    let end = frame.end.0 as f64;
    let label = |text: &str, at: (i32, i32), h, v| {
        let font = FontDesc::new(FontFamily::Monospace, SMALL * FINE, FontStyle::Normal);
        let style = font.color(&ink(Token::InkSoft)).pos(Pos::new(h, v));
        root.draw_text(text, &style, at)
    };
    let rule = |from: (f64, f64), to: (f64, f64)| {
        area.draw(&PathElement::new(vec![from, to], ink(Token::Line).stroke_width(fine(1.0) as u32)))
    };
    let mut drawn = Ok(());
    for (value, place) in values(area, chart.unit, (low, high)) {
        let (x, y) = area.map_coordinate(&(0.0, place));
        drawn = drawn.and(rule((0.0, place), (end, place)));
        drawn = drawn.and(label(&chart.unit.format(value), (x - fine(5.0), y), HPos::Right, VPos::Center));
    }
    let (step, mut t) = (tick_seconds(frame.end, width, 64.0), 0.0);
    while t * 1e6 <= end {
        drawn = drawn.and(rule((t * 1e6, low), (t * 1e6, high)));
        if frame.times {
            let (x, y) = area.map_coordinate(&(t * 1e6, low));
            drawn = drawn.and(label(&seconds(t), (x, y + fine(5.0)), HPos::Center, VPos::Top));
        }
        t += step;
    }
    drawn.expect("collecting marks does not fail");
}

/// The values that are marked, and where they stand.
fn values(area: &Area<'_, Plane>, unit: Unit, (low, high): (f64, f64)) -> Vec<(f64, f64)> {
    if unit == Unit::Latency {
        let powers = (0..11).map(|n| 10_u64.pow(n) as f64).map(|v| (v, unit.place(v)));
        let inside: Vec<_> = powers.filter(|(_, place)| *place >= low && *place <= high).collect();
        // Every second one, if they would stand too close.
        let every = inside.len().div_ceil(VALUES);
        return inside.into_iter().step_by(every).collect();
    }
    let points = area.as_coord_spec().y_spec().key_points(VALUES);
    points.into_iter().filter(|v| v.fract() == 0.0).map(|v| (v, v)).collect()
}

fn seconds(t: f64) -> String {
    let hundredths = (t * 100.0).round() as u64;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A line, with a gap wherever there is nothing to measure. With a colour of its own it is the original's.
fn trace(area: &Area<'_, Plane>, line: &Line, chart: &Chart, low: f64, faint: Option<Token>) {
    let width = if faint.is_some() { fine(1.2) } else { fine(1.5) } as u32;
    let style: ShapeStyle = ink(faint.unwrap_or(line.color)).stroke_width(width);
    let end = area.get_x_range().end;
    for points in pieces(line, chart, end) {
        let elements: Vec<_> = if line.area && faint.is_none() {
            AreaSeries::new(points, low, ink(ground(line.color))).border_style(style).collect()
        } else {
            // A single value is no line.
            let dot = if points.len() == 1 { fine(1.8) as u32 } else { 0 };
            LineSeries::new(points, style.filled()).point_size(dot).collect()
        };
        elements.iter().try_for_each(|element| area.draw(element)).expect("collecting marks does not fail");
    }
}

/// The ground below a line.
fn ground(color: Token) -> Token {
    match color {
        Token::Warn => Token::AppendedSoft,
        Token::Danger => Token::DangerSoft,
        _ => Token::AccentSoft,
    }
}

/// The stretches of a line without gaps, in places of the plane. What counts a span of time is drawn in steps.
fn pieces(line: &Line, chart: &Chart, end: f64) -> Vec<Vec<(f64, f64)>> {
    let span = chart.span as f64;
    let steps = chart.unit != Unit::Latency;
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (i, value) in line.values.iter().enumerate() {
        let (from, to) = (i as f64 * span, ((i + 1) as f64 * span).min(end));
        // The original may go on for longer.
        if from >= end {
            break;
        }
        let piece = pieces.last_mut().expect("there is one from the beginning");
        match value.map(|v| chart.unit.place(v)) {
            Some(y) if steps => piece.extend([(from, y), (to, y)]),
            Some(y) => piece.push(((from + to) / 2.0, y)),
            None if piece.is_empty() => {}
            None => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
