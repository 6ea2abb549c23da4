//! Page cache and disk: when a log is flushed, and what a power cut takes (D-1..D-4, R-24).

use super::{Broker, Due};
use crate::effects::Effects;
use crate::ids::*;
use crate::time::SimTime;
use crate::trace::{TraceId, What};

impl Broker {
    /// D-1: everything of this log reaches the disk.
    pub(super) fn flush(&mut self, partition: PartitionId, cause: TraceId, fx: &mut Effects<'_>) {
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        if replica.log.flushed() < replica.log.end() {
            replica.log.flush();
            fx.trace_from(cause, What::Flushed { broker: self.id, partition, to: replica.log.end() });
        }
    }

    /// `flush.messages` and `flush.ms` after an append.
    pub(super) fn flush_if_due(&mut self, partition: PartitionId, cause: TraceId, fx: &mut Effects<'_>) {
        let config = &self.layout.partition(partition).config;
        let (by_count, by_time) = (config.flush_messages, config.flush_interval);
        let log = &self.replica(partition).expect("it appended").log;
        let unflushed = (log.end().0 - log.flushed().0) as u64;
        if by_count.is_some_and(|n| unflushed >= n) {
            self.flush(partition, cause, fx);
        } else if let Some(interval) = by_time {
            self.agenda.add(fx.now + interval, Due::Flush(partition));
        }
    }

    /// every replica.high.watermark.checkpoint.interval.ms.
    pub(super) fn checkpoint_watermarks(&mut self, now: SimTime) {
        for replica in self.replicas.iter_mut().flatten() {
            replica.checkpoint = replica.high_watermark;
        }
        let interval = self.config().hw_checkpoint_interval;
        self.agenda.add(now + interval, Due::CheckpointWatermarks);
    }

    /// D-3, D-4: the flushed prefix survives, and of the rest as much as the seed says, in whole batches.
    pub(super) fn lose_tails(&mut self, fx: &mut Effects<'_>) {
        for replica in self.replicas.iter_mut().flatten() {
            let from = replica.log.end();
            let ends = replica.log.possible_ends_after_power_loss();
            let to = ends[self.disk_stream.below(ends.len() as u64) as usize];
            if replica.truncate_to(to) {
                fx.trace(What::TailLost { broker: self.id, partition: replica.partition, from, to });
            }
            // Recovery has scanned what is left; it is on the disk.
            replica.log.flush();
        }
    }
}
