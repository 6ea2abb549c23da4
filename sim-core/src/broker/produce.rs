//! The leader's produce path (L-1, L-3..L-8, L-11, L-20..L-25).

use super::Broker;
use super::purgatory::{Entry, Waiting};
use super::transactions::{ToAppend, check_batch};
use crate::bug::Bug;
use crate::config::TopicConfig;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::{Batch, SharedBatch};
use crate::replica::Replica;
use crate::scenario::FirstBatchRule;
use crate::time::{SimDuration, SimTime, Timestamp};
use crate::trace::{TraceId, What};
use crate::wire::{ProducePart, ProduceResult, Response};
use std::sync::Arc;

/// Where a batch is in the leader's log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub base: Offset,
    pub end: Offset,
}

impl Broker {
    /// L-2 first, then the rest.
    pub(super) fn on_produce(&mut self, id: Option<TransactionalId>, request: ToAppend, fx: &mut Effects<'_>) {
        if let Some(ToAppend::Produce { caller, acks, timeout, parts }) = self.verify_produce(id, request, fx) {
            self.append_produce(caller, (acks, timeout), parts, &[], fx);
        }
    }

    /// Appends, but for the partitions that L-2 refused, and answers, at once or when the watermarks are there.
    pub(super) fn append_produce(
        &mut self,
        caller: Caller,
        (acks, timeout): (i8, SimDuration),
        parts: Vec<ProducePart>,
        refused: &[(PartitionId, ErrorCode)],
        fx: &mut Effects<'_>,
    ) {
        let mut results = Vec::with_capacity(parts.len());
        let mut waits = Vec::new();
        let mut cause = fx.cause;
        for part in parts {
            let partition = part.partition;
            let appended = match refused.iter().find(|r| r.0 == partition) {
                Some(&(_, error)) => Err(error),
                None if (-1..=1).contains(&acks) => self.append_to_leader(partition, &part.batch, acks == -1, fx),
                None => Err(ErrorCode::InvalidRequiredAcks), // L-3
            };
            match appended {
                Ok((placed, event)) => {
                    cause = event;
                    let replica = self.replica(partition).expect("it has just appended");
                    let (watermark, log_start) = (replica.high_watermark, replica.log.start());
                    let early = self.layout.scenario.has_bug(Bug::AckBeforeCommit);
                    let waits_here = acks == -1 && watermark < placed.end && !early;
                    let error = if waits_here { ErrorCode::RequestTimedOut } else { ErrorCode::None };
                    results.push(ProduceResult { partition, error, base: placed.base, log_start, leader: None });
                    if waits_here {
                        waits.push((partition, placed.end));
                    }
                }
                Err(error) => {
                    if let Some(batch) = part.batch.id {
                        cause = fx.trace(What::Refused { broker: self.id, partition, batch, error });
                    }
                    results.push(self.refusal(partition, error));
                }
            }
        }
        self.answer_produce(caller, acks, timeout, results, &waits, cause, fx);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one answer")]
    fn answer_produce(
        &mut self,
        caller: Caller,
        acks: i8,
        timeout: SimDuration,
        results: Vec<ProduceResult>,
        waits: &[(PartitionId, Offset)],
        cause: TraceId,
        fx: &mut Effects<'_>,
    ) {
        if acks == 0 {
            // L-20, P-45: the only way to say that something is wrong is to hang up.
            if results.iter().any(|r| r.error != ErrorCode::None) {
                fx.hang_up(caller.connection, cause);
            }
        } else if waits.is_empty() {
            fx.respond(&caller, self.node(), cause, Response::Produce(results));
        } else {
            let what = Waiting::Produce { results, open: waits.len() as u32 };
            self.wait_for_watermark(Entry { caller: Some(caller), deadline: fx.now + timeout, what }, waits);
        }
    }

    /// L-25: a refusal names the leader if this broker knows a better one.
    fn refusal(&self, partition: PartitionId, error: ErrorCode) -> ProduceResult {
        let known = self.image.partition(partition);
        let leader = if error == ErrorCode::NotLeaderOrFollower { known.leader.map(|l| (l, known.leader_epoch)) } else { None };
        let log_start = self.replica(partition).map_or(Offset::UNKNOWN, |replica| replica.log.start());
        ProduceResult { partition, error, base: Offset::UNKNOWN, log_start, leader }
    }

    /// L-1, L-4..L-7, L-11..L-13. Returns where the batch is and the event to name as the cause of the answer.
    pub(super) fn append_to_leader(
        &mut self,
        partition: PartitionId,
        batch: &SharedBatch,
        all: bool,
        fx: &mut Effects<'_>,
    ) -> Result<(Placed, TraceId), ErrorCode> {
        let id = self.id;
        let version = self.transaction_version();
        let missing = self.no_replica(partition);
        let layout = &self.layout;
        let place = layout.partition(partition);
        let replica = self.replicas[partition.ix()].as_mut().ok_or(missing)?; // L-1
        let epoch = replica.leader_epoch;
        let leading = replica.leading().ok_or(ErrorCode::NotLeaderOrFollower)?; // L-4
        if all && leading.isr.is_under_min_isr(place.min_isr) {
            return Err(ErrorCode::NotEnoughReplicas); // L-5
        }
        if let Some(error) = log_refuses(batch, &place.config, fx.now) {
            return Err(error); // L-6
        }
        if let Some(name) = batch.id.filter(|_| batch.sequence.pid != Pid::NONE) {
            let producers = &replica.log.producers;
            if let Some(mut first) = producers.duplicate_of(batch.sequence, batch.count()) {
                if layout.scenario.has_bug(Bug::AnswersRepeatWithLogEnd) {
                    first.base = replica.log.end();
                }
                let event = fx.trace(What::Deduplicated { broker: id, partition, batch: name, base: first.base }); // L-11
                return Ok((Placed { base: first.base, end: first.end }, event));
            }
            let new_log = replica.log.end() == Offset::ZERO;
            let from_zero = new_log && layout.scenario.cluster.rules.first_batch == FirstBatchRule::ZeroOnEmptyLog;
            if !self.layout.scenario.has_bug(Bug::LateRecordAfterMarker) {
                producers.validate(batch.sequence, from_zero)?; // L-12, L-13, P-59
                check_batch(&replica.log, batch, version)?;
            }
        }
        // A leader's time replaces the client's in its own copy, which the followers get.
        let stamped = place.config.log.log_append_time.then(|| Arc::new(Batch { timestamp: fx.now.into(), ..(**batch).clone() }));
        let (base, rolled) =
            replica.append(epoch, stamped.unwrap_or_else(|| batch.clone()), fx.now, place.config.log.roll_limits());
        let end = replica.log.end();
        let count = batch.count();
        let event = fx.trace(What::Appended { broker: id, partition, batch: batch.id, epoch, base, count, leader: true });
        self.after_append(partition, rolled, event, fx);
        self.try_advance_watermark(partition, event, fx); // L-7
        if let Some(leading) = self.replicas[partition.ix()].as_ref().and_then(|r| r.leading()) {
            self.stirred.extend(leading.parked.iter());
        }
        Ok((Placed { base, end }, event))
    }

    /// R-20, and what follows from a move.
    pub(super) fn try_advance_watermark(&mut self, partition: PartitionId, cause: TraceId, fx: &mut Effects<'_>) {
        if !self.replicas[partition.ix()].as_ref().is_some_and(Replica::has_uncommitted) {
            return;
        }
        let (min_isr, lag_max) = (self.layout.partition(partition).min_isr, self.config().replica_lag_time_max);
        let image = &self.image;
        let replica = self.replicas[partition.ix()].as_mut().expect("has a replica");
        let eligible =
            |broker: BrokerId, remote: &crate::replica::remote::Remote| super::isr_manager::is_eligible(image, broker, remote);
        if let Some(to) = replica.advance_watermark(min_isr, fx.now, lag_max, eligible) {
            let event = fx.trace_from(cause, What::HwMoved { broker: self.id, partition, to });
            self.watermark_moved(partition, event, fx);
        }
    }
}

/// L-6: what a log asks of a batch, in Kafka's order: its size, its keys, its timestamps, and that it fits into one file.
fn log_refuses(batch: &Batch, config: &TopicConfig, now: SimTime) -> Option<ErrorCode> {
    let log = &config.log;
    let keyless = || batch.records().iter().any(|record| record.key.is_none());
    let old = || log.timestamp_before_max.is_some_and(|most| batch.timestamp.age(now) > most);
    let ahead = || log.timestamp_after_max.is_some_and(|most| batch.timestamp > Timestamp::from(now + most));
    match () {
        () if batch.bytes > config.max_message_bytes => Some(ErrorCode::MessageTooLarge),
        () if log.compact && keyless() => Some(ErrorCode::InvalidRecord),
        () if !log.log_append_time && (old() || ahead()) => Some(ErrorCode::InvalidTimestamp),
        () if u64::from(batch.bytes) > log.segment_bytes => Some(ErrorCode::RecordListTooLarge),
        () => None,
    }
}
