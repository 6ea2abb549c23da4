//! The life of a message as far as the trace names it or its batch.

use super::History;
use sim_core::ids::*;
use sim_core::time::SimTime;
use sim_core::trace::{TraceEvent, TraceId, Verdict, What};

/// A named cause of a loss or a duplicate.
#[derive(Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// `LOSS-B1`.
    pub id: &'static str,
    /// In a few words.
    pub name: &'static str,
    /// In a sentence.
    pub sentence: &'static str,
    /// What prevents it.
    pub fix: &'static str,
}

/// One thing that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: SimTime,
    /// Which event.
    pub trace: TraceId,
    /// In words.
    pub text: String,
}

/// An arrow of the sequence diagram, between participants by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// From.
    pub from: usize,
    /// To.
    pub to: usize,
    /// It left.
    pub sent: SimTime,
    /// It arrived, if it did.
    pub arrived: Option<SimTime>,
    /// What it is.
    pub label: String,
}

/// The life of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its fate in each group.
    pub verdicts: Vec<(String, Verdict)>,
    /// Why it was lost or doubled.
    pub mechanism: Option<&'static Mechanism>,
    /// What happened, in time order.
    pub lines: Vec<Line>,
    /// Who took part.
    pub participants: Vec<String>,
    /// What passed between them.
    pub arrows: Vec<Arrow>,
}

/// The life of a message; none if it was never intended.
pub fn explain(history: &History, message: MessageId) -> Option<Life> {
    let trace = history.trace();
    let first = trace.iter().position(|e| matches!(e.what, What::Intended { message: m, .. } if m == message))?;
    let mut tale = Tale { history, message, batch: None, place: None, life: empty() };
    for (i, event) in trace.iter().enumerate().skip(first) {
        if let Some(text) = tale.text(event, trace) {
            tale.life.lines.push(Line { at: event.at, trace: TraceId(i as u64), text });
        }
    }
    Some(tale.life)
}

fn empty() -> Life {
    Life { verdicts: Vec::new(), mechanism: None, lines: Vec::new(), participants: Vec::new(), arrows: Vec::new() }
}

struct Tale<'a> {
    history: &'a History,
    message: MessageId,
    batch: Option<BatchId>,
    place: Option<(PartitionId, Offset)>,
    life: Life,
}

impl Tale<'_> {
    fn text(&mut self, event: &TraceEvent, trace: &[TraceEvent]) -> Option<String> {
        let mine = |b: BatchId| self.batch == Some(b);
        Some(match event.what {
            What::Intended { message, producer } if message == self.message => {
                let name = &self.history.scenario().producers.get(producer.ix())?.name;
                format!("{name} means to send it")
            }
            What::Queued { message, batch, .. } if message == self.message => {
                self.batch = Some(batch);
                self.place = crate::marks::place_of(trace, message);
                format!("put into {batch}")
            }
            What::SendFailed { message, error } if message == self.message => format!("send() fails: {error}"),
            What::BatchSent { batch, attempt, to, .. } if mine(batch) => format!("{batch} sent to {to}, attempt {}", attempt + 1),
            What::BatchRetried { batch, error } if mine(batch) => format!("{batch} will be tried again: {error}"),
            What::BatchDone { batch, outcome, error, .. } if mine(batch) => {
                format!("the application is told: {outcome:?} {error}").to_lowercase()
            }
            What::Appended { broker, batch: Some(batch), base, leader, .. } if mine(batch) => {
                format!("{} {broker} at offset {base}", if leader { "appended by leader" } else { "copied to" })
            }
            What::Truncated { broker, partition, from, to, .. } if self.holds(partition, from, to) => {
                format!("{broker} cuts its log from {from} back to {to}: the copy is gone")
            }
            What::TailLost { broker, partition, from, to } if self.holds(partition, from, to) => {
                format!("{broker} lost power with offsets {to} to {from} unflushed: the copy is gone")
            }
            What::Effect { message, consumer, .. } if message == self.message => format!("{consumer} has done its business"),
            What::Judged { group, message, verdict } if message == self.message => {
                let name = self.history.scenario().groups.get(group.ix()).map(|g| g.name.clone()).unwrap_or_default();
                self.life.verdicts.push((name, verdict));
                return None;
            }
            _ => return None,
        })
    }

    fn holds(&self, partition: PartitionId, from: Offset, to: Offset) -> bool {
        self.place.is_some_and(|(p, o)| p == partition && o >= to && o < from)
    }
}
