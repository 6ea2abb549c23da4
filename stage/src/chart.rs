//! Charts of a run over time: small multiples with one time axis, drawn with plotters onto the stage's own marks, so that the page and
//! the command line draw the same ones.

mod backend;
mod plot;

use crate::geom::{Point, Rect, Size};
use crate::paint::Mark;
use crate::text::grouped;
use crate::theme::Token;
use crate::words::Words;
use sim_core::series::{Latencies, Series};
use sim_core::time::SimTime;

/// Buckets of the series that make one point of a rate: a second of a run of a minute.
const RATE_OVER: usize = 4;

/// How a chart counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Records, or messages, a second.
    PerSecond,
    /// Microseconds, on a scale on which each step is ten times the one before.
    Latency,
    /// Records.
    Records,
    /// A handful of things, which change at an instant.
    Few,
}

/// A line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// Its colour.
    pub color: Token,
    /// The ground below it is coloured, too.
    pub area: bool,
    /// Its values, in equal steps of time; none where there is nothing to measure.
    pub values: Vec<Option<f64>>,
}

/// One of the small multiples.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// Of what its values are.
    pub unit_name: &'static str,
    /// How it counts.
    pub unit: Unit,
    /// Its lines; the first is drawn first.
    pub lines: Vec<Line>,
    /// Microseconds between two values.
    pub span: u64,
}

impl Unit {
    /// A value as a text.
    pub fn format(self, value: f64) -> String {
        let whole = |v: f64| grouped(v.round().max(0.0) as u64);
        match self {
            Unit::Latency if value < 1e3 => format!("{} µs", whole(value)),
            Unit::Latency if value < 1e4 => format!("{} ms", tenths(value / 1e3)),
            Unit::Latency if value < 1e6 => format!("{} ms", whole(value / 1e3)),
            Unit::Latency => format!("{} s", tenths(value / 1e6)),
            _ => whole(value),
        }
    }

    /// Where a value stands on the axis. The logarithm is straight between the powers of two: near enough for an eye, and the page needs no
    /// library for it.
    fn place(self, value: f64) -> f64 {
        if self != Unit::Latency {
            return value;
        }
        let value = value.max(1.0) as u64;
        let power = value.ilog2();
        f64::from(power) + (value as f64 / (1_u64 << power) as f64 - 1.0)
    }
}

/// With one digit behind the point, unless that is a zero.
fn tenths(value: f64) -> String {
    let tenths = (value * 10.0).round() as u64;
    if tenths.is_multiple_of(10) { grouped(tenths / 10) } else { format!("{}.{}", grouped(tenths / 10), tenths % 10) }
}

impl Chart {
    /// The charts of a run: those that have anything to show.
    pub fn all(series: &Series, end: SimTime, words: &Words) -> Vec<Chart> {
        let latency = |title, latencies: &Latencies| {
            let line = |name, color, values| Line { name: String::from(name), color, area: false, values };
            let lines = vec![
                line("p99", Token::Warn, measured(latencies, &latencies.p99)),
                line("p50", Token::Accent, measured(latencies, &latencies.p50)),
            ];
            Chart { title, unit_name: "", unit: Unit::Latency, lines, span: series.span.0 }
        };
        let mut charts = vec![throughput(series, end, words), latency(words.chart_produce, &series.produce)];
        if !series.groups.is_empty() {
            charts.extend([latency(words.chart_end_to_end, &series.end_to_end), lag(series, words)]);
        }
        charts.extend([isr(series, words), partitions(series, words)]);
        charts
    }

    /// The values of its lines at an instant, as texts.
    pub fn at(&self, instant: SimTime) -> impl Iterator<Item = (&str, String)> {
        let place = (instant.0 / self.span.max(1)) as usize;
        let text = move |line: &Line| {
            let value = line.values.get(place.min(line.values.len().saturating_sub(1))).copied().flatten();
            value.map_or("–".into(), |v| self.unit.format(v))
        };
        self.lines.iter().map(move |line| (&*line.name, text(line)))
    }

    /// The highest value of all lines.
    fn most(&self) -> f64 {
        self.values().fold(0.0, f64::max)
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|l| l.values.iter().copied().flatten())
    }
}

fn line(name: &str, color: Token, counts: &[u64]) -> Line {
    Line { name: name.into(), color, area: false, values: counts.iter().map(|n| Some(*n as f64)).collect() }
}

fn throughput(series: &Series, end: SimTime, words: &Words) -> Chart {
    let rate = |name: &str, color, counts: &[u64]| Line { values: rates(counts, series.span.0, end.0), ..line(name, color, &[]) };
    let appended = rate(words.chart_appended, Token::Committed, &series.messages_in);
    let mut lines = vec![Line { area: true, ..appended }, rate(words.acked, Token::Accent, &series.acked)];
    if series.failed.iter().any(|n| *n > 0) {
        lines.push(rate(words.failed, Token::Danger, &series.failed));
    }
    let span = series.span.0 * RATE_OVER as u64;
    Chart { title: words.chart_throughput, unit_name: words.chart_per_second, unit: Unit::PerSecond, lines, span }
}

fn lag(series: &Series, words: &Words) -> Chart {
    const COLORS: [Token; 5] = [Token::Warn, Token::Accent, Token::Fetch, Token::Committed, Token::InkSoft];
    let alone = series.groups.len() == 1;
    let groups = series.groups.iter().zip(COLORS.iter().cycle());
    let lines = groups.map(|(g, color)| Line { area: alone, ..line(&g.name, *color, &g.lag_max) }).collect();
    Chart { title: words.chart_lag, unit_name: words.chart_records, unit: Unit::Records, lines, span: series.span.0 }
}

fn isr(series: &Series, words: &Words) -> Chart {
    let lines = vec![line(words.chart_smallest, Token::Good, &series.min_isr)];
    Chart { title: words.chart_isr, unit_name: words.chart_replicas, unit: Unit::Few, lines, span: series.span.0 }
}

fn partitions(series: &Series, words: &Words) -> Chart {
    let lines = vec![
        Line { area: true, ..line(words.chart_under_replicated, Token::Warn, &series.under_replicated) },
        line(words.chart_under_min, Token::Danger, &series.under_min_isr),
        line(words.chart_offline, Token::Ink, &series.offline),
    ];
    Chart { title: words.chart_partitions, unit_name: "", unit: Unit::Few, lines, span: series.span.0 }
}

/// Counts as rates, a few buckets together: single buckets hold too little to show a rate.
fn rates(counts: &[u64], span: u64, end: u64) -> Vec<Option<f64>> {
    let rate = |(i, part): (usize, &[u64])| {
        let from = (i * RATE_OVER) as u64 * span;
        let took = (part.len() as u64 * span).min(end.saturating_sub(from)).max(1);
        Some(part.iter().sum::<u64>() as f64 * 1e6 / took as f64)
    };
    counts.chunks(RATE_OVER).enumerate().map(rate).collect()
}

/// Percentiles, where there is something to measure.
fn measured(latencies: &Latencies, values: &[u64]) -> Vec<Option<f64>> {
    latencies.count.iter().zip(values).map(|(count, v)| (*count > 0).then_some(*v as f64)).collect()
}

/// Where the charts go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// All of them.
    pub area: Rect,
    /// Beside each other.
    pub columns: usize,
    /// Above each other.
    pub rows: usize,
}

/// Room for a chart's title, for the labels left of it, right of it, and for the times below the lowest.
const TITLE: f64 = 20.0;
const LABELS: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TIMES: f64 = 18.0;
/// Between two charts.
const BETWEEN: f64 = 24.0;

impl Grid {
    /// So many charts in an area: in one column if it is narrow.
    pub fn new(area: Rect, charts: usize) -> Grid {
        let columns = if area.w >= 720.0 { 2 } else { 1 };
        Grid { area, columns, rows: charts.div_ceil(columns).max(1) }
    }

    /// How high so many charts want to be, one above the other.
    pub fn comfortable_height(charts: usize) -> f64 {
        charts as f64 * 80.0 + TIMES
    }

    fn cell(&self, chart: usize) -> Rect {
        let w = (self.area.w - BETWEEN * (self.columns - 1) as f64) / self.columns as f64;
        let h = (self.area.h - TIMES) / self.rows as f64;
        let (column, row) = (chart / self.rows, chart % self.rows);
        Rect::new(self.area.x + column as f64 * (w + BETWEEN), self.area.y + row as f64 * h, w, h)
    }

    /// Where the lines of a chart are drawn.
    pub fn plot(&self, chart: usize) -> Rect {
        let cell = self.cell(chart);
        Rect::new(cell.x + LABELS, cell.y + TITLE, cell.w - LABELS - RIGHT, cell.h - TITLE - 8.0)
    }

    /// The chart at a point, and the instant there.
    pub fn hit(&self, charts: usize, end: SimTime, at: Point) -> Option<(usize, SimTime)> {
        let chart = (0..charts).find(|i| self.cell(*i).contains(at))?;
        let plot = self.plot(chart);
        let part = ((at.x - plot.x) / plot.w.max(1.0)).clamp(0.0, 1.0);
        Some((chart, SimTime((part * end.0 as f64).round() as u64)))
    }

    /// Where an instant is in a chart.
    pub fn x_of(&self, chart: usize, end: SimTime, at: SimTime) -> f64 {
        let plot = self.plot(chart);
        plot.x + plot.w * at.0 as f64 / end.0.max(1) as f64
    }
}

/// Draws charts, with those of the original faintly behind them, on the same scale.
pub fn layout(charts: &[Chart], original: &[Chart], end: SimTime, grid: &Grid) -> Vec<Mark> {
    let mut marks = Vec::new();
    let (w, h) = (grid.area.right(), grid.area.bottom());
    for (i, chart) in charts.iter().enumerate() {
        let lowest = i % grid.rows == grid.rows - 1 || i == charts.len() - 1;
        plot::draw(
            &mut marks,
            chart,
            original.iter().find(|o| o.title == chart.title),
            grid.plot(i),
            plot::Frame { size: Size::new(w, h), end, times: lowest },
        );
    }
    marks
}

#[cfg(test)]
mod tests;
