//! A run over time: its figures in equal buckets of virtual time, and who led what when. Read off the trace in one pass, with what the
//! ledger says of messages; charts and the time bar draw it. Integers only, named after Kafka's metrics.

mod cluster;
mod latency;
#[cfg(test)]
mod tests;

pub use cluster::{Leadership, PartitionSeries};
pub use latency::Latencies;

use crate::history::History;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::{Lags, Ledger};
use crate::scenario::Scenario;
use crate::time::{SimDuration, SimTime};
use crate::trace::{SendOutcome, TraceEvent, What};
use cluster::Cluster;
use std::sync::Arc;

/// Buckets of a run, for who has no wish of his own: a minute in quarters of a second.
pub const BUCKETS: u32 = 240;

/// A run over time. Each list has an entry a bucket, as far as the run is known; the last of them may be unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// How long a bucket is; the last one ends with the run.
    pub span: SimDuration,
    /// Records that leaders appended to topics: `MessagesInPerSec`, here a count.
    pub messages_in: Vec<u64>,
    /// Messages that were reported as sent: `record-send-rate`, here a count.
    pub acked: Vec<u64>,
    /// Messages that were reported as failed: `record-error-rate`, here a count.
    pub failed: Vec<u64>,
    /// From the intent to the ack, where the ack came: `request-latency`, with the time in the producer.
    pub produce: Latencies,
    /// From the intent to the first effect in a group, where the effect happened.
    pub end_to_end: Latencies,
    /// The groups that have a business of their own.
    pub groups: Vec<GroupSeries>,
    /// ISR changes that took members out: `IsrShrinksPerSec`, here a count.
    pub isr_shrinks: Vec<u64>,
    /// ISR changes that took members in: `IsrExpandsPerSec`, here a count.
    pub isr_expands: Vec<u64>,
    /// Elections of a leader: `LeaderElectionRateAndTimeMs`, here a count.
    pub elections: Vec<u64>,
    /// The most partitions at once whose ISR lacked a replica: `UnderReplicatedPartitions`.
    pub under_replicated: Vec<u64>,
    /// The most partitions at once whose ISR was below its minimum: `UnderMinIsrPartitionCount`.
    pub under_min_isr: Vec<u64>,
    /// The most partitions at once that had no leader: `OfflinePartitionsCount`.
    pub offline: Vec<u64>,
    /// The size of the smallest ISR of any partition.
    pub min_isr: Vec<u64>,
    /// By [`PartitionId`].
    pub partitions: Vec<PartitionSeries>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSeries {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Records behind when the bucket ended: `records-lag`.
    pub lag: Vec<u64>,
    /// The most records behind within it: `records-lag-max`.
    pub lag_max: Vec<u64>,
}

/// Which bucket is which.
#[derive(Clone, Copy, Debug)]
struct Buckets {
    span: u64,
    /// How many of the run are known.
    known: usize,
}

impl Buckets {
    fn new(end: SimTime, known: SimTime, wanted: u32) -> Buckets {
        let span = end.0.div_ceil(u64::from(wanted.max(1))).max(1);
        let all = end.0.div_ceil(span).max(1);
        let known = (known.0 / span + 1).min(all) as usize;
        Buckets { span, known }
    }

    /// Where an instant belongs. The last bucket has the end of the run, too.
    fn of(self, at: SimTime) -> usize {
        ((at.0 / self.span) as usize).min(self.known - 1)
    }

    fn zeros(self) -> Vec<u64> {
        vec![0; self.known]
    }
}

impl Series {
    /// The series of a run, as much as is known of it, in about so many buckets.
    pub fn of(history: &History, buckets: u32) -> Series {
        let world = history.last_world();
        let buckets = Buckets::new(history.end(), world.now(), buckets);
        Series::read(&world.layout, history.trace(), world.ledger(), buckets)
    }

    fn read(layout: &Arc<Layout>, trace: &[TraceEvent], ledger: &Ledger, buckets: Buckets) -> Series {
        let mut reader = Reader::new(layout, buckets);
        for event in trace {
            reader.take_in(event);
        }
        let mut series = reader.finish();
        series.add_messages(ledger, &layout.scenario, buckets);
        series
    }

    /// What became of the messages, and when.
    fn add_messages(&mut self, ledger: &Ledger, scenario: &Scenario, buckets: Buckets) {
        let (mut produce, mut end_to_end) = (latency::Samples::default(), latency::Samples::default());
        for (id, message) in ledger.messages() {
            if let Some(outcome) = message.outcome {
                let bucket = buckets.of(message.resolved);
                if outcome == SendOutcome::Acked {
                    self.acked[bucket] += 1;
                    produce.push(bucket, message.resolved.since(message.intended));
                } else {
                    self.failed[bucket] += 1;
                }
            }
            for group in (0..scenario.groups.len() as u16).map(GroupId) {
                let effect = ledger.group(group).effect(id);
                if effect.count > 0 {
                    end_to_end.push(buckets.of(effect.first), effect.first.since(message.intended));
                }
            }
        }
        self.produce = produce.percentiles(buckets.known);
        self.end_to_end = end_to_end.percentiles(buckets.known);
    }

    /// How many buckets are known.
    pub fn len(&self) -> usize {
        self.messages_in.len()
    }

    /// Never: a run has an instant.
    pub fn is_empty(&self) -> bool {
        self.messages_in.is_empty()
    }

    /// The bucket of an instant; the last one for what is not known yet.
    pub fn bucket_of(&self, at: SimTime) -> usize {
        ((at.0 / self.span.0) as usize).min(self.len().saturating_sub(1))
    }

    /// When a bucket begins.
    pub fn start_of(&self, bucket: usize) -> SimTime {
        SimTime(bucket as u64 * self.span.0)
    }

    /// A count of a bucket as a rate, rounded down.
    pub fn per_second(&self, count: u64) -> u64 {
        count.saturating_mul(1_000_000) / self.span.0
    }

    /// The partition with the most to tell: of the topics' partitions that changed the one with the most leaders, then ISRs; if none of these
    /// did, the same of all. None without partitions.
    pub fn most_eventful(&self) -> Option<PartitionId> {
        let mut best: Option<&PartitionSeries> = None;
        for partition in &self.partitions {
            let rank = |p: &PartitionSeries| {
                (p.leaders.len() + p.isrs.len() > 2 && !p.internal, p.leaders.len(), p.isrs.len(), !p.internal)
            };
            if best.is_none_or(|b| rank(partition) > rank(b)) {
                best = Some(partition);
            }
        }
        best.map(|p| p.id)
    }
}

/// Reads a trace.
struct Reader {
    buckets: Buckets,
    /// The bucket that is being filled.
    open: usize,
    lags: Lags,
    cluster: Cluster,
    series: Series,
}

impl Reader {
    fn new(layout: &Arc<Layout>, buckets: Buckets) -> Reader {
        let own = layout.scenario.groups.iter().enumerate().filter(|(_, spec)| spec.works_for.is_none());
        let group = |(i, spec): (usize, &crate::scenario::GroupSpec)| GroupSeries {
            group: GroupId(i as u16),
            name: spec.name.clone(),
            lag: Vec::new(),
            lag_max: Vec::new(),
        };
        let zeros = || buckets.zeros();
        let series = Series {
            span: SimDuration(buckets.span),
            messages_in: zeros(),
            acked: zeros(),
            failed: zeros(),
            produce: Latencies::default(),
            end_to_end: Latencies::default(),
            groups: own.map(group).collect(),
            isr_shrinks: zeros(),
            isr_expands: zeros(),
            elections: zeros(),
            under_replicated: Vec::new(),
            under_min_isr: Vec::new(),
            offline: Vec::new(),
            min_isr: Vec::new(),
            partitions: Vec::new(),
        };
        Reader { buckets, open: 0, lags: Lags::new(layout.clone()), cluster: Cluster::new(layout), series }
    }

    fn take_in(&mut self, event: &TraceEvent) {
        let at = self.buckets.of(event.at);
        while self.open < at {
            self.close();
        }
        match event.what {
            What::Appended { batch: Some(_), leader: true, count, .. } => self.series.messages_in[at] += u64::from(count),
            What::HwMoved { .. } | What::Committed { .. } | What::OffsetExpired { .. } | What::GroupLoaded { .. } => {
                self.lags.observe(&event.what);
            }
            What::LeaderElected { partition, new, epoch, isr, .. } => {
                self.series.elections[at] += u64::from(new.is_some());
                self.cluster.led(event.at, partition, new, epoch);
                self.isr_changed(event.at, partition, isr);
            }
            What::IsrChanged { partition, new, .. } => self.isr_changed(event.at, partition, new),
            What::PartitionAdded { partition, leader, isr } => self.cluster.added(event.at, partition, leader, isr),
            _ => {}
        }
    }

    fn isr_changed(&mut self, at: SimTime, partition: PartitionId, new: crate::set::BrokerSet) {
        let old = self.cluster.in_sync(at, partition, new);
        let bucket = self.buckets.of(at);
        self.series.isr_shrinks[bucket] += u64::from(!old.minus(new).is_empty());
        self.series.isr_expands[bucket] += u64::from(!new.minus(old).is_empty());
    }

    /// The open bucket is over.
    fn close(&mut self) {
        self.open += 1;
        let series = &mut self.series;
        for group in &mut series.groups {
            group.lag.push(self.lags.behind(group.group));
            group.lag_max.push(self.lags.highest(group.group));
        }
        self.lags.begin_again();
        let worst = self.cluster.close();
        series.under_replicated.push(worst.under_replicated);
        series.under_min_isr.push(worst.under_min_isr);
        series.offline.push(worst.offline);
        series.min_isr.push(worst.min_isr);
    }

    fn finish(mut self) -> Series {
        while self.open < self.buckets.known {
            self.close();
        }
        self.series.partitions = self.cluster.partitions;
        self.series
    }
}
