//! A small vocabulary for directed scenarios: a cluster, a producer, readers, faults; run it with every check on, then say what must
//! have come of it. Latency is a fixed millisecond, so that what happens between two faults is known.

use sim_core::autopsy;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::scenario::{Scenario, read};
use sim_core::summary::Summary;
use sim_core::time::SimTime;
use sim_core::trace::{TraceEvent, What};
use std::sync::Arc;

/// A run that is over.
pub struct Checked {
    pub history: History,
    pub summary: Summary,
}

/// Runs a scenario to its end. `body`: all but `format`, `title` and the latency.
#[track_caller]
pub fn check(body: &str) -> Checked {
    let mut history = History::new_checked(directed(body));
    history.run_to_end();
    judged(history)
}

/// A scenario. `body`: all but `format`, `title` and the latency.
#[track_caller]
pub fn directed(body: &str) -> Arc<Scenario> {
    let text = format!("format = 1\ntitle = \"directed\"\n{}", body.replace("[cluster]", "[cluster]\nlatency = \"1ms\""));
    Arc::new(read::scenario("directed.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}")))
}

/// A run that is over, and has nothing in it that should not be.
#[track_caller]
pub fn judged(history: History) -> Checked {
    let summary = Summary::of(&history);
    assert_eq!(summary.violations, [], "an invariant is broken");
    assert_eq!(autopsy::causes(&history).unexplained, [], "a harm without an explanation");
    let messages = summary.messages;
    assert_eq!(messages.intended, messages.acked + messages.rejected + messages.unknown, "{messages:?}");
    Checked { history, summary }
}

impl Checked {
    /// A figure of the summary, which must be there.
    #[track_caller]
    pub fn figure(&self, path: &str) -> u64 {
        self.summary.figure(path).unwrap_or_else(|| panic!("there is no figure `{path}`"))
    }

    /// Figures and what they are.
    #[track_caller]
    pub fn expect(self, figures: &[(&str, u64)]) -> Checked {
        for (path, value) in figures {
            assert_eq!(self.figure(path), *value, "{path}; {:?} {:?}", self.summary.messages, self.summary.mechanisms);
        }
        self
    }

    /// Figures and what they are at least.
    #[track_caller]
    pub fn at_least(self, figures: &[(&str, u64)]) -> Checked {
        for (path, value) in figures {
            let is = self.figure(path);
            assert!(is >= *value, "{path} is {is}; {:?} {:?}", self.summary.messages, self.summary.mechanisms);
        }
        self
    }

    /// The events of a kind.
    pub fn events(&self, is: impl Fn(&What) -> bool) -> Vec<&TraceEvent> {
        self.history.trace().iter().filter(|event| is(&event.what)).collect()
    }

    /// It really happened.
    #[track_caller]
    pub fn sometimes(self, what: &str, is: impl Fn(&What) -> bool) -> Checked {
        assert!(!self.events(is).is_empty(), "it never happened: {what}");
        self
    }

    /// It did not happen.
    #[track_caller]
    pub fn never(self, what: &str, is: impl Fn(&What) -> bool) -> Checked {
        let events = self.events(is);
        assert!(events.is_empty(), "it happened: {what}: {:?}", events[0]);
        self
    }
}

/// The broker that leads first.
pub const A: BrokerId = BrokerId(1);
/// The next in the assignment.
pub const B: BrokerId = BrokerId(2);
/// The partition `t-0`.
pub const P0: PartitionId = PartitionId(0);

/// An instant.
pub fn seconds(s: u64) -> SimTime {
    SimTime(s * 1_000_000)
}

/// Three brokers, a partition that broker 1 leads first.
pub fn three(duration: &str, cluster: &str, topic: &str) -> String {
    format!(
        "duration = \"{duration}\"\n[cluster]\nbrokers = 3\n{cluster}\n[[topic]]\nname = \"t\"\npartitions = 1\n\
         assignment = [[1, 2, 3]]\nconfig = {{ \"replication.factor\" = 3, {topic} }}\n"
    )
}

/// A producer `p` of topic `t` from second 1 on.
pub fn producer(messages: u32, rate: &str, send: &str, config: &str) -> String {
    format!(
        "[[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = {messages}\nrate = \"{rate}\"\nkeys = 1\nstart = \"1s\"\nsend = \"{send}\"\n\
         config = {{ \"linger.ms\" = 0, {config} }}\n"
    )
}

/// A group that commits after each batch of work. Its coordinator is broker 2.
pub const READERS: &str = "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nhandler = { dedupe = \"none\", time = \"1ms\" }\n\
    config = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }\n";

/// A fault: when, and what.
pub fn fault(at: &str, what: &str) -> String {
    format!("[[fault]]\nat = \"{at}\"\n{what}\n")
}
