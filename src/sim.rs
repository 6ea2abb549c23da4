//! The seam to the simulation: everything here that knows how a run is driven.

use indicatif::{ProgressBar, ProgressStyle};
use sim_core::autopsy::chain::{self, Chain, prevention};
use sim_core::explain;
use sim_core::history::History;
use sim_core::ids::MessageId;
use sim_core::scenario::Scenario;
use sim_core::summary::Summary;
use sim_core::trace::{TraceEvent, TraceId};
use sim_core::words::verdict_name;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events to run between two looks at the clock.
const SLICE: u64 = 50_000;

/// A finished run.
pub struct Run {
    history: History,
    summary: serde_json::Value,
    summary_text: String,
    /// How long it took, for the person who waited.
    pub took: Duration,
}

/// A mechanism that did harm: its id, how often, and a sentence.
pub struct Loss {
    /// `LOSS-B1`.
    pub id: &'static str,
    /// Messages.
    pub count: u64,
    /// What happened.
    pub sentence: String,
}

/// Runs a scenario to its end, with a progress bar if that takes long and someone is watching.
pub fn run(scenario: Arc<Scenario>, check: bool) -> Run {
    let started = Instant::now();
    let end = scenario.duration;
    let mut history = if check { History::new_checked(scenario) } else { History::new(scenario) };
    let mut bar: Option<ProgressBar> = None;
    while !history.advance(SLICE) {
        let now = history.trace().last().map_or(0, |event| event.at.0 / 1_000);
        if let Some(bar) = &bar {
            bar.set_position(now);
        } else if io::stderr().is_terminal() && started.elapsed() > Duration::from_secs(1) {
            bar = Some(progress_bar(end.as_millis()));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let took = started.elapsed();
    let summary = Summary::of(&history);
    let summary_text = serde_json::to_string_pretty(&summary).expect("a summary always serializes");
    let summary = serde_json::to_value(&summary).expect("a summary always serializes");
    Run { history, summary, summary_text, took }
}

fn progress_bar(millis: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {percent}% of virtual time, {eta} left").expect("the template is constant");
    ProgressBar::new(millis).with_style(style)
}

impl Run {
    /// The summary as the JSON contract has it.
    pub fn summary(&self) -> &serde_json::Value {
        &self.summary
    }

    /// The summary as text, its keys in the order of the contract.
    pub fn summary_text(&self) -> &str {
        &self.summary_text
    }

    /// The digest of the whole trace.
    pub fn digest(&self) -> String {
        self.history.digest_hex()
    }

    /// How many events.
    pub fn events(&self) -> u64 {
        self.history.trace().len() as u64
    }

    /// Digests on the way.
    pub fn marks(&self) -> Vec<(u64, String)> {
        self.history.marks().to_vec()
    }

    /// The event at a position of the trace.
    pub fn event(&self, id: TraceId) -> Option<&TraceEvent> {
        self.history.trace().get(usize::try_from(id.0).ok()?)
    }

    /// Writes the trace, one event a line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_trace(&self, out: &mut dyn Write) -> io::Result<()> {
        for event in self.history.trace() {
            serde_json::to_writer(&mut *out, event)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Why messages were lost, doubled or put out of order.
    pub fn losses(&self) -> Vec<Loss> {
        explain::losses(&self.history)
            .into_iter()
            .map(|(mechanism, count, sentence)| Loss { id: mechanism.id, count: u64::from(count), sentence })
            .collect()
    }

    /// The life of one message as text, then as a Mermaid diagram; none if there is no such message.
    pub fn explain(&self, message: MessageId) -> Option<(String, String)> {
        let life = explain::message(&self.history, message)?;
        let mut text = String::new();
        for (group, verdict) in &life.verdicts {
            text += &format!("{message} in group {group}: {}\n", verdict_name(*verdict));
        }
        let chains = chain::of(&self.history, message);
        chains.iter().for_each(|chain| text += &story(chain));
        // A rejection is no harm, and yet it has a cause.
        if let Some(mechanism) = life.mechanism.filter(|m| chains.iter().all(|chain| chain.mechanism != *m)) {
            text += &format!("\n{} {}: {}\nFix: {}\n", mechanism.id, mechanism.name, mechanism.sentence, mechanism.fix);
        }
        text += "\nThe whole life:\n";
        for line in &life.lines {
            text += &format!("{:>12}  {}\n", line.at.to_string(), line.text);
        }
        Some((text, life.mermaid()))
    }
}

/// How a harm came about, by which mechanism, and what would have prevented it.
fn story(chain: &Chain) -> String {
    let mut text = String::from("\n");
    for step in &chain.steps {
        // What is so from the beginning to the end has no time.
        let at = step.event.map_or_else(|| "-".to_owned(), |_| step.at.to_string());
        text += &format!("{at:>12}  {}\n", step.text);
    }
    let mechanism = chain.mechanism;
    text += &format!("\n{} {}: {}\nFix: {}\n", mechanism.id, mechanism.name, mechanism.sentence, mechanism.fix);
    let found = prevention::of(mechanism.id).map_or(([].as_slice(), [].as_slice()), |p| (p.set, p.write));
    if !found.0.is_empty() {
        text += &format!("     --set {}\n", found.0.join(" --set "));
    }
    for written in found.1 {
        text += &format!("     {written}\n");
    }
    text
}
