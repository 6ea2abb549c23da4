//! What happens to a broker's disk (D-6, R-37), and where its logs start: retention, DeleteRecords, the leader's word.

use super::{Broker, Due};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::compaction::{Cleaned, cleanable};
use crate::log::retention::deletable;
use crate::replica::Replica;
use crate::scenario::DiskDeed;
use crate::time::{SimDuration, SimTime};
use crate::trace::{StartReason, TraceId, What};

impl Broker {
    /// D-6: a broker of the model has one log directory, and Kafka halts when its last one is gone.
    pub fn disk(&mut self, deed: DiskDeed, fx: &mut Effects<'_>) {
        let broker = self.id;
        match deed {
            DiskDeed::Wipe => self.wipe(fx),
            DiskDeed::Fail => {
                fx.cause = fx.trace(What::DiskFailed { broker, failed: true });
                self.disk_failed = true;
                self.halt(fx);
            }
            DiskDeed::Mend => {
                self.slow_disk.extra = SimDuration::ZERO;
                if std::mem::take(&mut self.disk_failed) {
                    fx.trace(What::DiskFailed { broker, failed: false });
                }
            }
            DiskDeed::Slow(extra) => self.slow_disk.extra = extra,
        }
    }

    /// A new disk knows of nothing: no log, no checkpoint, no clean stop (C-13).
    fn wipe(&mut self, fx: &mut Effects<'_>) {
        let broker = self.id;
        self.halt(fx);
        fx.cause = fx.trace(What::DiskWiped { broker });
        self.disk_failed = false;
        self.clean_stop = BrokerEpoch::NONE;
        for replica in self.replicas.iter_mut().flatten() {
            let (partition, from) = (replica.partition, replica.log.end());
            replica.wipe(fx.now);
            if from > Offset::ZERO {
                fx.trace(What::TailLost { broker, partition, from, to: Offset::ZERO, torn: false });
            }
        }
    }

    /// LOSS-B13: silently.
    pub fn spoil(&mut self, partition: PartitionId, offset: Option<Offset>, fx: &mut Effects<'_>) {
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        if let Some(base) = replica.log.spoil(offset) {
            fx.trace(What::Corrupted { broker: self.id, partition, base });
        }
    }

    fn halt(&mut self, fx: &mut Effects<'_>) {
        if self.is_up() {
            self.crash(fx);
        }
    }

    /// Every log.retention.check.interval.ms: files that are too old or too many go. (Those of compacted topics when the cleaner looks.)
    pub(super) fn retention(&mut self, fx: &mut Effects<'_>) {
        let interval = self.config().log.retention_check;
        self.agenda.add(fx.now + interval, Due::Retention);
        for partition in self.layout.clone().partition_ids() {
            if !self.layout.partition(partition).config.log.compact {
                self.delete_old_files(partition, fx);
            }
        }
    }

    pub(super) fn delete_old_files(&mut self, partition: PartitionId, fx: &mut Effects<'_>) {
        let layout = self.layout.clone();
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        let config = &layout.partition(partition).config.log;
        let Some((count, why)) = deletable(&replica.log, config, replica.high_watermark, fx.now) else { return };
        let before = replica.log.start();
        replica.log.delete_oldest(count, fx.now);
        let to = replica.log.start();
        if to > before {
            fx.trace(What::LogStartMoved { broker: self.id, partition, to, why });
        }
    }

    /// Every log.cleaner.backoff.ms: compacted logs lose old files (where the policy also deletes) and the older records of each key.
    pub(super) fn clean_logs(&mut self, fx: &mut Effects<'_>) {
        let (layout, backoff) = (self.layout.clone(), self.config().log.cleaner_backoff);
        self.agenda.add(fx.now + backoff, Due::Clean);
        for partition in layout.partition_ids() {
            let config = &layout.partition(partition).config.log;
            if !config.compact {
                continue;
            }
            self.delete_old_files(partition, fx);
            let Some(replica) = self.replicas[partition.ix()].as_mut() else { continue };
            let Some(end) = cleanable(&replica.log, config, replica.last_stable(), fx.now) else { continue };
            let Cleaned { to, removed } = replica.log.compact(end, config, fx.now);
            fx.trace(What::LogCompacted { broker: self.id, partition, to, removed });
        }
    }

    /// DeleteRecords at a leader: nothing that is not committed goes.
    pub fn delete_records(&mut self, partition: PartitionId, before: Option<Offset>, fx: &mut Effects<'_>) {
        let broker = self.id;
        let config = &self.layout.partition(partition).config.log;
        let forbidden = config.compact && !config.delete;
        let (before, error) = match self.replica(partition).filter(|r| r.leading().is_some()) {
            None => (before.unwrap_or(Offset::UNKNOWN), ErrorCode::NotLeaderOrFollower),
            Some(replica) => {
                let offset = before.unwrap_or(replica.high_watermark);
                let error = match () {
                    () if forbidden => ErrorCode::PolicyViolation,
                    () if offset > replica.high_watermark => ErrorCode::OffsetOutOfRange,
                    () => ErrorCode::None,
                };
                (offset, error)
            }
        };
        let event = fx.trace(What::RecordsDeleted { broker: Some(broker), partition, before, error });
        if error == ErrorCode::None {
            self.move_start(partition, before, StartReason::Request, event, fx);
        }
    }

    /// The log start moves up, never beyond the watermark (INV-4).
    pub(super) fn move_start(
        &mut self,
        partition: PartitionId,
        to: Offset,
        why: StartReason,
        cause: TraceId,
        fx: &mut Effects<'_>,
    ) {
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        let to = to.min(replica.high_watermark);
        if to > replica.log.start() {
            replica.log.set_start(to);
            fx.trace_from(cause, What::LogStartMoved { broker: self.id, partition, to, why });
        }
    }

    /// Every log.flush.start.offset.checkpoint.interval.ms: where logs start, unless their files say the same.
    pub(super) fn checkpoint_starts(&mut self, now: SimTime) {
        for replica in self.replicas.iter_mut().flatten() {
            let (start, base) = (replica.log.start(), replica.log.segments().base());
            replica.start_checkpoint = if start > base { start } else { Offset::ZERO };
        }
        let interval = self.config().log.start_checkpoint;
        self.agenda.add(now + interval, Due::CheckpointStarts);
    }

    /// L-16: every producer.id.expiration.check.interval.ms.
    pub(super) fn expire_producers(&mut self, fx: &mut Effects<'_>) {
        let (than, interval) = (self.config().log.producer_expiration, self.config().log.producer_expiration_check);
        for replica in self.replicas.iter_mut().flatten() {
            let log = &mut replica.log;
            let count = log.producers.expire_older(than, fx.now, &log.transactions);
            if count > 0 {
                fx.trace(What::ProducersForgotten { broker: self.id, partition: replica.partition, count });
            }
        }
        self.agenda.add(fx.now + interval, Due::ExpireProducers);
    }

    /// What a broker does with its logs from time to time begins.
    pub(super) fn start_log_tasks(&mut self, now: SimTime) {
        let log = self.config().log.clone();
        // Brokers do not start in the same instant.
        let begin = now + log.initial_delay + SimDuration::from_millis(self.id.slot() as u64 * 500);
        for due in [Due::CheckpointRecoveryPoints, Due::CheckpointStarts, Due::FlushDirty, Due::Retention] {
            self.agenda.add(begin, due);
        }
        self.agenda.add(now + log.producer_expiration_check, Due::ExpireProducers);
        if self.has_compacted_logs() {
            self.agenda.add(now + log.cleaner_backoff + SimDuration::from_millis(self.id.slot() as u64 * 500), Due::Clean);
        }
    }

    pub(super) fn has_compacted_logs(&self) -> bool {
        let compacted = |replica: &Replica| self.layout.partition(replica.partition).config.log.compact;
        self.replicas.iter().flatten().any(compacted)
    }
}
