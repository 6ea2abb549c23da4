//! Page cache and disk: when a log is flushed, what is saved about it, and what a power cut takes (D-1..D-3, D-5, R-24).

use super::{Broker, Due};
use crate::effects::Effects;
use crate::ids::*;
use crate::scenario::Keeps;
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceId, What};

/// How long forcing a file to the disk takes in the background.
const FSYNC: SimDuration = SimDuration::from_millis(10);

impl Broker {
    /// D-1: this log reaches the disk up to here.
    pub(super) fn flush(&mut self, partition: PartitionId, to: Offset, cause: TraceId, fx: &mut Effects<'_>) {
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        // What was cut meanwhile need not be written.
        let to = to.min(replica.log.end());
        if replica.log.disk().recovery_point() < to {
            replica.log.flush(to, fx.now);
            fx.trace_from(cause, What::Flushed { broker: self.id, partition, to });
        }
    }

    /// After an append: a new file sends the old ones to the disk in the background; `flush.messages` makes the request wait for it.
    pub(super) fn after_append(&mut self, partition: PartitionId, rolled: Option<Offset>, cause: TraceId, fx: &mut Effects<'_>) {
        if let Some(base) = rolled {
            fx.trace_from(cause, What::SegmentRolled { broker: self.id, partition, base });
            self.agenda.add(fx.now + FSYNC + self.slow_disk.extra, Due::FlushRolled(partition, base));
        }
        let Some(most) = self.layout.partition(partition).config.log.flush_messages else { return };
        let log = &self.replica(partition).expect("it appended").log;
        let end = log.end();
        if (end.0 - log.disk().recovery_point().0) as u64 >= most {
            self.flush(partition, end, cause, fx);
        }
    }

    /// `flush.ms`, as often as `log.flush.scheduler.interval.ms` says: by default once, when the broker has run for 30 seconds.
    pub(super) fn flush_dirty_logs(&mut self, fx: &mut Effects<'_>) {
        if let Some(interval) = self.config().log.flush_scheduler {
            self.agenda.add(fx.now + interval, Due::FlushDirty);
        }
        for partition in self.layout.clone().partition_ids() {
            let Some(interval) = self.layout.partition(partition).config.log.flush_interval else { continue };
            let Some(log) = self.replica(partition).map(|r| &r.log) else { continue };
            if fx.now.since(log.disk().flushed_at()) >= interval {
                self.flush(partition, log.end(), fx.cause, fx);
            }
        }
    }

    /// R-24, D-5: every replica.high.watermark.checkpoint.interval.ms.
    pub(super) fn checkpoint_watermarks(&mut self, now: SimTime) {
        for replica in self.replicas.iter_mut().flatten() {
            replica.checkpoint = replica.high_watermark;
        }
        let interval = self.config().hw_checkpoint_interval;
        self.agenda.add(now + interval, Due::CheckpointWatermarks);
    }

    /// D-1: every log.flush.offset.checkpoint.interval.ms.
    pub(super) fn checkpoint_recovery_points(&mut self, now: SimTime) {
        for replica in self.replicas.iter_mut().flatten() {
            replica.recovery_checkpoint = replica.log.disk().recovery_point();
        }
        let interval = self.config().log.recovery_checkpoint;
        self.agenda.add(now + interval, Due::CheckpointRecoveryPoints);
    }

    /// D-3: what is on the disk survives, and of the rest as much as the seed says: whole batches, and perhaps a part of the next one,
    /// which recovery cuts off (D-4).
    pub(super) fn lose_tails(&mut self, keeps: Keeps, fx: &mut Effects<'_>) {
        for replica in self.replicas.iter_mut().flatten() {
            let from = replica.log.end();
            let ends = replica.log.possible_ends_after_power_loss(fx.now);
            let drawn = ends[self.disk_stream.below(ends.len() as u64) as usize];
            let to = if keeps == Keeps::OnDisk { ends[0] } else { drawn };
            let next = replica.log.entry_at(to).map_or(0, |entry| entry.batch.bytes);
            let part = self.disk_stream.below(u64::from(2 * next.max(1))) as u32;
            let torn = if next == 0 || keeps == Keeps::OnDisk { 0 } else { part.saturating_sub(next) };
            replica.lose_power(to, torn);
            if to < from {
                fx.trace(What::TailLost { broker: self.id, partition: replica.partition, from, to, torn: torn > 0 });
            }
        }
    }
}

/// Bytes that one recovery thread reads in a second.
const SCAN_RATE: u64 = 100 * 1_000_000;

/// D-4: how long reading these logs takes, when each of `threads` threads takes the next log as soon as it is free.
///
/// Example: logs of 100, 50 and 30 MB on two threads take 1 s: the one reads 100, the other 50 and 30.
pub(super) fn scan_time(logs: impl Iterator<Item = u64>, threads: u32) -> SimDuration {
    let mut busy = vec![0_u64; threads.clamp(1, 64) as usize];
    for bytes in logs {
        let free = busy.iter_mut().min().expect("at least one");
        *free += bytes.saturating_mul(1_000_000) / SCAN_RATE;
    }
    SimDuration(busy.into_iter().max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_threads_share_the_logs() {
        let logs = || [100, 50, 30].into_iter().map(|mb| mb * 1_000_000);
        assert_eq!(scan_time(logs(), 2), SimDuration::from_secs(1));
        assert_eq!(scan_time(logs(), 1), SimDuration::from_millis(1_800));
        assert_eq!(scan_time(std::iter::empty(), 2), SimDuration::ZERO);
    }
}
