//! The report of a run, for people.

use crate::sim::Loss;
use serde_json::Value;
use sim_core::scenario::{Comparison, Expectation, Scenario};
use std::fmt::Write;

/// What the report is made of.
pub struct Report<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// The summary, as the JSON contract has it.
    pub summary: &'a Value,
    /// Why messages were lost, doubled or put out of order.
    pub losses: &'a [Loss],
    /// The address of the page that shows the run, if it shows this one.
    pub page: Option<String>,
    /// May it be coloured?
    pub colour: bool,
}

/// The figures of a group that are verdicts or worth a column, and their headings.
const COLUMNS: &[&str] = &["ok", "lost", "duplicated", "phantom", "rejected", "pending", "absorbed", "reordered", "max_lag"];

/// Columns in which anything but zero is bad news.
const HARM: &[&str] = &["lost", "duplicated", "phantom"];

/// The figures of a producer, their headings, and whether they are times.
const SENT: &[(&str, &str, bool)] = &[
    ("acked", "acked", false),
    ("rejected", "rejected", false),
    ("unknown", "unknown", false),
    ("throughput", "acked/s", false),
    ("produce_p50", "ack p50", true),
    ("produce_p99", "ack p99", true),
    ("end_to_end_p50", "effect p50", true),
    ("end_to_end_p99", "effect p99", true),
];

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Report<'_> {
    /// The whole report.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.heading(&mut out);
        self.groups(&mut out);
        self.producers(&mut out);
        self.counts(&mut out);
        self.reasons(&mut out);
        self.expectations(&mut out);
        self.violations(&mut out);
        self.notes(&mut out);
        let _ = writeln!(out, "\n{} {}", self.paint("digest", Style::Dim), self.summary["digest"].as_str().unwrap_or_default());
        if let Some(page) = &self.page {
            let _ = writeln!(out, "{} cargo xtask serve, then {page}", self.paint("see it", Style::Dim));
        }
        out
    }

    fn paint(&self, text: &str, style: Style) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn number(&self, path: &[&str]) -> u64 {
        path.iter().fold(self.summary, |value, key| &value[*key]).as_u64().unwrap_or(0)
    }

    fn heading(&self, out: &mut String) {
        let scenario = self.scenario;
        let _ = writeln!(out, "{}", self.paint(&scenario.title.en, Style::Bold));
        let _ = writeln!(
            out,
            "{}: seed {}, {} {}, {} of virtual time, {} events",
            scenario.name,
            scenario.seed,
            scenario.cluster.brokers,
            if scenario.cluster.brokers == 1 { "broker" } else { "brokers" },
            scenario.duration,
            thousands(self.number(&["events"])),
        );
    }

    /// One line a group, one column a verdict.
    fn groups(&self, out: &mut String) {
        let names: Vec<&str> = self.scenario.groups.iter().filter(|g| g.works_for.is_none()).map(|g| g.name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let first = names.iter().map(|name| name.len()).max().unwrap_or(0).max("group".len());
        let figure = |name: &str, column: &str| self.number(&["groups", name, column]);
        let widths: Vec<usize> = COLUMNS
            .iter()
            .map(|column| names.iter().map(|n| thousands(figure(n, column)).len()).max().unwrap_or(0).max(column.len()))
            .collect();
        let mut heading = format!("  {:first$}", "group");
        for (column, width) in COLUMNS.iter().zip(&widths) {
            let _ = write!(heading, "  {:>width$}", column.replace('_', " "));
        }
        let _ = writeln!(out, "\n{}", self.paint(&heading, Style::Dim));
        for name in names {
            let _ = write!(out, "  {name:first$}");
            for (column, width) in COLUMNS.iter().zip(&widths) {
                let value = figure(name, column);
                let cell = format!("  {:>width$}", thousands(value));
                let harm = value > 0 && HARM.contains(column);
                out.push_str(&if harm { self.paint(&cell, Style::Bad) } else { cell });
            }
            out.push('\n');
        }
    }

    /// Sending applications beside each other; one alone has its figures in the lines below.
    fn producers(&self, out: &mut String) {
        let names: Vec<&str> = self.scenario.producers.iter().filter(|p| p.feeder.is_none()).map(|p| p.name.as_str()).collect();
        if names.len() < 2 {
            return;
        }
        let first = names.iter().map(|name| name.len()).max().unwrap_or(0).max("producer".len());
        let cells = |name: &str| -> Vec<String> {
            let of = |(figure, _, is_time): &(&str, &str, bool)| {
                let value = self.number(&["producers", name, figure]);
                if *is_time { milliseconds(value) } else { thousands(value) }
            };
            SENT.iter().map(of).collect()
        };
        let rows: Vec<(&str, Vec<String>)> = names.into_iter().map(|name| (name, cells(name))).collect();
        let mut heading = format!("  {:first$}", "producer");
        let width = |at: usize| rows.iter().map(|(_, cells)| cells[at].chars().count()).max().unwrap_or(0).max(SENT[at].1.len());
        for (at, (_, title, _)) in SENT.iter().enumerate() {
            let _ = write!(heading, "  {title:>0$}", width(at));
        }
        let _ = writeln!(out, "\n{}", self.paint(&heading, Style::Dim));
        for (name, cells) in &rows {
            let _ = write!(out, "  {name:first$}");
            for (at, cell) in cells.iter().enumerate() {
                let _ = write!(out, "  {cell:>0$}", width(at));
            }
            out.push('\n');
        }
    }

    /// What producers saw, and what the cluster went through.
    fn counts(&self, out: &mut String) {
        let line = |out: &mut String, label: &str, section: &str, figures: &[(&str, &str)]| {
            let said: Vec<String> =
                figures.iter().map(|(key, word)| format!("{word} {}", thousands(self.number(&[section, key])))).collect();
            let _ = writeln!(out, "  {} {}", self.paint(label, Style::Dim), said.join(", "));
        };
        out.push('\n');
        let messages = [("intended", "intended"), ("acked", "acked"), ("rejected", "rejected"), ("unknown", "unknown")];
        line(out, "messages", "messages", &messages);
        let brokers = [
            ("lost_acked", "acked records lost"),
            ("extra_copies", "extra copies"),
            ("elections", "elections"),
            ("unclean_elections", "unclean"),
            ("isr_shrinks", "ISR shrinks"),
            ("isr_expands", "ISR expands"),
        ];
        line(out, "brokers ", "broker", &brokers);
        let transactions = [("committed", "committed"), ("aborted", "aborted"), ("fenced", "producers fenced")];
        if transactions.iter().any(|(key, _)| self.number(&["transactions", key]) > 0) {
            line(out, "transactions", "transactions", &transactions);
        }
        let anomalies = self.summary["anomalies"].as_object().into_iter().flatten();
        let said: Vec<String> =
            anomalies.map(|(name, count)| format!("{name} {}", thousands(count.as_u64().unwrap_or(0)))).collect();
        if !said.is_empty() {
            let _ = writeln!(out, "  {} {}", self.paint("anomalies", Style::Dim), said.join(", "));
        }
    }

    fn reasons(&self, out: &mut String) {
        let unexplained = self.number(&["unexplained"]);
        if self.losses.is_empty() && unexplained == 0 {
            return;
        }
        let _ = writeln!(out, "\n{}", self.paint("Why", Style::Bold));
        for loss in self.losses {
            let _ = writeln!(out, "  {}, {} messages", self.paint(loss.id, Style::Bad), thousands(loss.count));
            let _ = writeln!(out, "  {}", wrapped(&loss.sentence));
        }
        if unexplained > 0 {
            let _ = writeln!(out, "  {}, {} messages", self.paint("unexplained", Style::Bad), thousands(unexplained));
            let _ = writeln!(out, "  {}", wrapped("Nothing that brokerscope knows by name did this: a gap in its knowledge."));
        }
    }

    fn expectations(&self, out: &mut String) {
        let Some(list) = self.summary["expectations"].as_array().filter(|list| !list.is_empty()) else { return };
        let _ = writeln!(out, "\n{}", self.paint("Expected", Style::Bold));
        for (index, result) in list.iter().enumerate() {
            let holds = result["holds"].as_bool().unwrap_or(false);
            let mark = if holds { self.paint("✓", Style::Good) } else { self.paint("✗", Style::Bad) };
            let figure = result["figure"].as_str().unwrap_or_default();
            let must_be = match (self.scenario.expect.get(index), result["must_be"].as_str()) {
                (Some(Expectation { must_be, of: Some(of), .. }), _) => format!("{} % of {of}", comparison(*must_be)),
                (Some(expectation), _) => comparison(expectation.must_be),
                (None, text) => text.unwrap_or_default().to_owned(),
            };
            let is = result["is"].as_u64().map_or_else(|| "unknown".to_owned(), thousands);
            let _ = writeln!(out, "  {mark} {figure} {must_be}: is {is}");
        }
    }

    /// The first broken invariant in full, and how many there are.
    fn violations(&self, out: &mut String) {
        let Some(list) = self.summary["violations"].as_array().filter(|list| !list.is_empty()) else { return };
        let _ = writeln!(out, "\n{}", self.paint(&format!("Broken invariants: {}; the first:", list.len()), Style::Bad));
        let _ = writeln!(out, "  {}", violation(&list[0]));
    }

    fn notes(&self, out: &mut String) {
        let notes = &self.scenario.not_modelled;
        if notes.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{}", self.paint("Not modelled, without effect here", Style::Bold));
        let mut places: Vec<&str> = Vec::new();
        for (_, place) in notes {
            if !places.contains(&place.as_str()) {
                places.push(place);
            }
        }
        for place in places {
            let names: Vec<&str> = notes.iter().filter(|note| note.1 == place).map(|note| note.0.as_str()).collect();
            let _ = writeln!(out, "{}", wrapped(&format!("{place}: {}", names.join(", "))));
        }
    }
}

/// A broken invariant of a summary: which, when, after which event, and what is wrong.
pub fn violation(v: &serde_json::Value) -> String {
    format!(
        "{} at {} s, event {}: {}",
        v["invariant"].as_str().unwrap_or_default(),
        sim_core::time::SimTime(v["at_us"].as_u64().unwrap_or(0)),
        v["event"],
        v["text"].as_str().unwrap_or_default(),
    )
}

/// Broken at blanks into indented lines of about a hundred columns.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column == 0 || column + word.len() > 100 {
            out.push_str(if column == 0 { "  " } else { "\n    " });
            column = 4;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

/// Microseconds as `4.3 ms`; a dash where nothing was measured.
fn milliseconds(us: u64) -> String {
    if us == 0 { "-".to_owned() } else { format!("{}.{} ms", thousands(us / 1_000), us % 1_000 / 100) }
}

/// `12,345`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// As it is written in a scenario.
pub fn comparison(comparison: Comparison) -> String {
    match comparison {
        Comparison::Eq(n) => format!("== {n}"),
        Comparison::Ne(n) => format!("!= {n}"),
        Comparison::Lt(n) => format!("< {n}"),
        Comparison::Le(n) => format!("<= {n}"),
        Comparison::Gt(n) => format!("> {n}"),
        Comparison::Ge(n) => format!(">= {n}"),
        Comparison::Between(low, high) => format!("{low}..{high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::scenario::{library, read};

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    /// The whole report of a run with made-up figures.
    #[test]
    fn a_report() {
        let entry = library::find("payments-acks-1").unwrap();
        let mut scenario = read::scenario(entry.file, entry.text, &[]).unwrap();
        let unknown = "producer.properties, not a Kafka property; did you mean `linger.ms`?";
        for (name, place) in
            [("compression.type", "producer.properties"), ("linger.mss", unknown), ("bootstrap.servers", "producer.properties")]
        {
            scenario.not_modelled.push((name.to_owned(), place.to_owned()));
        }
        let summary = serde_json::json!({
            "digest": "0123456789abcdef0123456789abcdef", "events": 812_345,
            "messages": { "intended": 20_000, "acked": 20_000 },
            "groups": { "ledger": { "ok": 17_000, "lost": 3_000, "max_lag": 12 } },
            "broker": { "lost_acked": 3_000, "elections": 1 },
            "violations": [{ "invariant": "INV-4", "at_us": 12_000_001_u64, "event": 17, "text": "the high watermark went back" }],
            "expectations": [
                { "figure": "lost", "must_be": "2500..3500", "is": 3_000, "holds": true },
                { "figure": "duplicated", "must_be": "0", "is": 2, "holds": false },
            ],
        });
        let losses = [Loss { id: "LOSS-B1", count: 3_000, sentence: "The leader died before a follower had them.".to_owned() }];
        let page = Some("http://127.0.0.1:8080/?scenario=payments-acks-1&seed=7".to_owned());
        let report = Report { scenario: &scenario, summary: &summary, losses: &losses, page, colour: false };
        assert_eq!(report.text(), include_str!("../tests/golden/report.txt"));
        let coloured = Report { colour: true, ..report }.text();
        assert!(coloured.contains("\x1b[31m"));
    }
}
