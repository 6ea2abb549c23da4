//! The outcome of a run as figures: the JSON that `run --format json` prints, and the `[expect]`ations held against it.

use crate::anomalies;
use crate::autopsy;
use crate::check::Violation;
use crate::history::History;
use crate::ids::*;
use crate::rows::Map;
use crate::scenario::{Comparison, Expectation};
use crate::tally::GroupTally;
use crate::trace::SendOutcome;
use crate::world::World;
use serde::Serialize;

/// The figures. Field names are a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `brokerscope.summary/1`.
    pub schema: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The digest of the trace.
    pub digest: String,
    /// Events of the trace.
    pub events: u64,
    /// Virtual time, microseconds.
    pub virtual_us: u64,
    /// What the applications were told.
    pub messages: Messages,
    /// The fates, by group.
    pub groups: Map<String, Group>,
    /// The figures of each sending application.
    pub producers: Map<String, ProducerFigures>,
    /// What happened in the brokers.
    pub broker: BrokerFigures,
    /// Transactions.
    pub transactions: TransactionFigures,
    /// Messages harmed, by mechanism.
    pub mechanisms: Map<&'static str, u32>,
    /// Messages harmed in a way that nothing explains.
    pub unexplained: u32,
    /// What the histories of the clients alone show, by Jepsen's names; what is not there is left out.
    pub anomalies: Map<&'static str, u32>,
    /// Times.
    pub latency_us: Latency,
    /// Broken invariants.
    pub violations: Vec<Violation>,
    /// The scenario's expectations.
    pub expectations: Vec<ExpectationResult>,
}

/// What the applications were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// Intended.
    pub intended: u32,
    /// Reported as sent.
    pub acked: u32,
    /// Reported as failed, surely not written.
    pub rejected: u32,
    /// Anything else.
    pub unknown: u32,
}

/// One group's fates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Acked, one effect.
    pub ok: u32,
    /// Acked, no effect, none can follow.
    pub lost: u32,
    /// More than one effect.
    pub duplicated: u32,
    /// Reported as failed, one effect.
    pub phantom: u32,
    /// Reported as failed, no effect.
    pub rejected: u32,
    /// Not decided.
    pub pending: u32,
    /// Copies and redeliveries that the consumer recognised.
    pub absorbed: u32,
    /// First effects out of order.
    pub reordered: u32,
    /// The most records behind.
    pub max_lag: u64,
    /// Generations (classic) or group epochs (consumer protocol) that began.
    pub rebalances: u32,
}

/// One sending application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProducerFigures {
    /// Intended.
    pub intended: u32,
    /// Reported as sent.
    pub acked: u32,
    /// Reported as failed, surely not written.
    pub rejected: u32,
    /// Anything else.
    pub unknown: u32,
    /// Messages acked in a second, from its first intent to its last ack, rounded down; 0 if it has none.
    pub throughput: u64,
    /// As those of [`Latency`], of its messages alone.
    #[serde(flatten)]
    pub latency_us: Latency,
}

/// What happened in the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BrokerFigures {
    /// Acked messages that are in no log that counts.
    pub lost_acked: u32,
    /// Copies beyond the first.
    pub extra_copies: u32,
    /// Elections of a leader.
    pub elections: u32,
    /// Of these, unclean.
    pub unclean_elections: u32,
    /// ISR changes that took members out.
    pub isr_shrinks: u32,
    /// ISR changes that took members in.
    pub isr_expands: u32,
}

/// How transactions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionFigures {
    /// Committed, and every partition knows.
    pub committed: u32,
    /// Aborted, and every partition knows.
    pub aborted: u32,
    /// Producers that were closed because a newer one has their transactional.id.
    pub fenced: u32,
}

/// Percentiles, microseconds; 0 where there is nothing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Intent to ack, half of the acked messages at most.
    pub produce_p50: u64,
    /// Intent to ack, 99 of 100.
    pub produce_p99: u64,
    /// Intent to first effect, half.
    pub end_to_end_p50: u64,
    /// Intent to first effect, 99 of 100.
    pub end_to_end_p99: u64,
}

/// An expectation and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectationResult {
    /// Which figure.
    pub figure: String,
    /// What it must be.
    pub must_be: String,
    /// What it is; none if there is no such figure.
    pub is: Option<u64>,
    /// Does it hold?
    pub holds: bool,
}

impl Summary {
    /// The figures at the edge of what is known: call it when the run is complete.
    pub fn of(history: &History) -> Summary {
        let world = history.last_world();
        let tally = world.tally();
        let causes = autopsy::causes(history);
        let ledger = world.ledger();
        let mut summary = Summary {
            schema: "brokerscope.summary/1",
            scenario: history.scenario().name.clone(),
            seed: history.scenario().seed,
            digest: history.digest_hex(),
            events: history.trace().len() as u64,
            virtual_us: world.now().0,
            messages: Messages { intended: tally.intended, acked: tally.acked, rejected: tally.rejected, unknown: tally.unknown },
            groups: tally.groups.iter().map(|g| (g.name.clone(), Group::of(g))).collect(),
            producers: ProducerFigures::of_all(world),
            broker: BrokerFigures {
                lost_acked: tally.lost_acked,
                extra_copies: tally.extra_copies,
                elections: ledger.elections,
                unclean_elections: ledger.unclean_elections,
                isr_shrinks: ledger.isr_shrinks,
                isr_expands: ledger.isr_expands,
            },
            transactions: TransactionFigures {
                committed: ledger.transactions.committed,
                aborted: ledger.transactions.aborted,
                fenced: ledger.transactions.fenced,
            },
            unexplained: causes.nameless(),
            mechanisms: causes.by_mechanism,
            anomalies: anomalies::of(history),
            latency_us: Latency::of(world, |_| true),
            violations: history.violations().to_vec(),
            expectations: Vec::new(),
        };
        summary.expectations = history.scenario().expect.iter().map(|e| summary.judge(e)).collect();
        summary
    }

    fn judge(&self, expectation: &Expectation) -> ExpectationResult {
        let whole = expectation.of.as_ref().map(|of| self.figure(of));
        let percent =
            |part: u64, whole: u64| (u128::from(part) * 100).checked_div(u128::from(whole)).and_then(|p| u64::try_from(p).ok());
        let is = match (self.figure(&expectation.figure), whole) {
            (is, None) => is,
            (Some(part), Some(Some(whole))) => percent(part, whole),
            _ => None,
        };
        let must_be = expectation.must_be.to_string();
        ExpectationResult {
            figure: expectation.figure.clone(),
            must_be: expectation.of.as_ref().map_or(must_be.clone(), |of| format!("{must_be}% of {of}")),
            is,
            holds: is.is_some_and(|is| expectation.must_be.holds(is)),
        }
    }

    /// Does everything hold?
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.expectations.iter().all(|e| e.holds)
    }

    /// A figure by its path: `messages.acked`, `order-service.lost`, `broker.elections`, `mechanisms.LOSS-B1` (0 if it was not at
    /// work), `anomalies.duplicate`, `latency_us.produce_p99`; a bare `lost` is the sum over all groups (the highest for `max_lag`).
    pub fn figure(&self, path: &str) -> Option<u64> {
        if let Some(id) = path.strip_prefix("mechanisms.") {
            return crate::mechanism::find(id).map(|m| u64::from(self.mechanisms.get(m.id).copied().unwrap_or(0)));
        }
        if let Some(name) = path.strip_prefix("anomalies.") {
            let known = anomalies::NAMES.contains(&name);
            return known.then(|| u64::from(self.anomalies.get(name).copied().unwrap_or(0)));
        }
        if let Some((name, field)) = path.strip_prefix("producers.").and_then(|rest| rest.rsplit_once('.')) {
            return self.producers.get(name)?.figure(field);
        }
        match path.rsplit_once('.') {
            Some(("messages", field)) => self.messages.figure(field),
            Some(("broker", field)) => self.broker.figure(field),
            Some(("transactions", field)) => self.transactions.figure(field),
            Some(("latency_us", field)) => self.latency_us.figure(field),
            Some((group, field)) => self.groups.get(group.strip_prefix("groups.").unwrap_or(group))?.figure(field),
            None if path == "events" => Some(self.events),
            None if path == "unexplained" => Some(u64::from(self.unexplained)),
            None if path == "virtual_us" => Some(self.virtual_us),
            None if path == "max_lag" => self.groups.values().map(|g| g.max_lag).max(),
            None => self.groups.values().map(|g| g.figure(path)).sum::<Option<u64>>().filter(|_| !self.groups.is_empty()),
        }
    }
}

macro_rules! figures {
    ($type:ident: $($field:ident),*) => {
        impl $type {
            fn figure(&self, field: &str) -> Option<u64> {
                match field {
                    $(stringify!($field) => Some(u64::from(self.$field)),)*
                    _ => None,
                }
            }
        }
    };
}

figures!(Messages: intended, acked, rejected, unknown);
figures!(Group: ok, lost, duplicated, phantom, rejected, pending, absorbed, reordered, max_lag, rebalances);
figures!(BrokerFigures: lost_acked, extra_copies, elections, unclean_elections, isr_shrinks, isr_expands);
figures!(TransactionFigures: committed, aborted, fenced);
figures!(Latency: produce_p50, produce_p99, end_to_end_p50, end_to_end_p99);

impl Group {
    fn of(tally: &GroupTally) -> Group {
        Group {
            ok: tally.ok,
            lost: tally.lost,
            duplicated: tally.duplicated,
            phantom: tally.phantom,
            rejected: tally.rejected,
            pending: tally.pending,
            absorbed: tally.absorbed,
            reordered: tally.reordered,
            max_lag: tally.max_lag,
            rebalances: tally.rebalances,
        }
    }
}

impl ProducerFigures {
    fn of_all(world: &World) -> Map<String, ProducerFigures> {
        let specs = world.layout.scenario.producers.iter().enumerate().filter(|(_, spec)| spec.feeder.is_none());
        specs.map(|(i, spec)| (spec.name.clone(), ProducerFigures::of(world, ProducerId(i as u16)))).collect()
    }

    fn of(world: &World, id: ProducerId) -> ProducerFigures {
        let counts = world.ledger().producer(id);
        let own = || world.ledger().messages().map(|(_, m)| m).filter(|m| m.producer == id);
        let rejected = own().filter(|m| m.outcome == Some(SendOutcome::Rejected)).count() as u32;
        let began = own().map(|m| m.intended).min();
        let ended = own().filter(|m| m.outcome == Some(SendOutcome::Acked)).map(|m| m.resolved).max();
        let took = began.zip(ended).map_or(0, |(began, ended)| ended.since(began).0);
        ProducerFigures {
            intended: counts.intended,
            acked: counts.acked,
            rejected,
            unknown: counts.intended - counts.acked - rejected,
            throughput: (u64::from(counts.acked) * 1_000_000).checked_div(took).unwrap_or(0),
            latency_us: Latency::of(world, |producer| producer == id),
        }
    }

    fn figure(&self, field: &str) -> Option<u64> {
        Some(match field {
            "intended" => self.intended.into(),
            "acked" => self.acked.into(),
            "rejected" => self.rejected.into(),
            "unknown" => self.unknown.into(),
            "throughput" => self.throughput,
            _ => return self.latency_us.figure(field),
        })
    }
}

impl Latency {
    fn of(world: &World, counts: impl Fn(ProducerId) -> bool) -> Latency {
        let ledger = world.ledger();
        let mut produce = Vec::new();
        let mut end_to_end = Vec::new();
        for (id, message) in ledger.messages().filter(|(_, m)| counts(m.producer)) {
            if message.outcome == Some(SendOutcome::Acked) {
                produce.push(message.resolved.since(message.intended).0);
            }
            for group in (0..world.layout.scenario.groups.len() as u16).map(GroupId) {
                let effect = ledger.group(group).effect(id);
                if effect.count > 0 {
                    end_to_end.push(effect.first.since(message.intended).0);
                }
            }
        }
        produce.sort_unstable();
        end_to_end.sort_unstable();
        Latency {
            produce_p50: percentile(&produce, 50),
            produce_p99: percentile(&produce, 99),
            end_to_end_p50: percentile(&end_to_end, 50),
            end_to_end_p99: percentile(&end_to_end, 99),
        }
    }
}

/// The nearest-rank percentile of sorted values; 0 if there are none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).map_or(0, |i| sorted[i])
}

impl Comparison {
    /// Does the value satisfy it?
    pub fn holds(self, is: u64) -> bool {
        match self {
            Comparison::Eq(v) => is == v,
            Comparison::Ne(v) => is != v,
            Comparison::Lt(v) => is < v,
            Comparison::Le(v) => is <= v,
            Comparison::Gt(v) => is > v,
            Comparison::Ge(v) => is >= v,
            Comparison::Between(low, high) => (low..=high).contains(&is),
        }
    }
}

/// As `[expect]` spells it.
impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Comparison::Eq(v) => write!(f, "== {v}"),
            Comparison::Ne(v) => write!(f, "!= {v}"),
            Comparison::Lt(v) => write!(f, "< {v}"),
            Comparison::Le(v) => write!(f, "<= {v}"),
            Comparison::Gt(v) => write!(f, "> {v}"),
            Comparison::Ge(v) => write!(f, ">= {v}"),
            Comparison::Between(low, high) => write!(f, "{low}..{high}"),
        }
    }
}
