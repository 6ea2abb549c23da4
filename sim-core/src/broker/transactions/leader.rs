//! What the leader of a partition checks of transactional batches and markers (X-3, X-6, X-7, L-2), and how markers are written.

use super::super::purgatory::{self, Waiting};
use super::super::{Broker, REQUEST_TIMEOUT};
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::Log;
use crate::record::{Batch, MARKER_BYTES, Marker, Payload, Sequence};
use crate::trace::What;
use crate::transaction::Version;
use crate::transaction::wire::{MarkerRequest, MarkerResult, TxnResponse};
use std::sync::Arc;

/// Is the open transaction of this producer here that of this epoch?
pub(super) fn is_ongoing(log: &Log, sequence: Sequence) -> bool {
    log.transactions.open_since(sequence.pid).is_some() && log.producers.epoch(sequence.pid) == Some(sequence.epoch)
}

/// What L-12 and L-13 do not say: a producer in the middle of a transaction writes nothing beside it, and with version 2 its first batch
/// in a partition begins at 0 (KAFKA-18202).
///
/// # Errors
/// INVALID_TXN_STATE, OUT_OF_ORDER_SEQUENCE_NUMBER.
pub fn check_batch(log: &Log, batch: &Batch, version: Version) -> Result<(), ErrorCode> {
    if !batch.transactional && log.transactions.open_since(batch.sequence.pid).is_some() {
        return Err(ErrorCode::InvalidTxnState);
    }
    let unknown = log.producers.epoch(batch.sequence.pid).is_none();
    if batch.transactional && version == Version::V2 && unknown && batch.sequence.first != 0 {
        return Err(ErrorCode::OutOfOrderSequenceNumber);
    }
    Ok(())
}

/// may this marker be written?
///
/// # Errors
/// INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
pub fn check_marker(log: &Log, sequence: Sequence, coordinator: LeaderEpoch, version: Version) -> Result<(), ErrorCode> {
    let open = log.transactions.open_since(sequence.pid).is_some();
    log.producers.validate_epoch(sequence, version == Version::V2 && open)?;
    if log.transactions.coordinator_epoch(sequence.pid).is_some_and(|newest| newest > coordinator) {
        return Err(ErrorCode::TransactionCoordinatorFenced);
    }
    Ok(())
}

impl Broker {
    /// WriteTxnMarkers. Answered when all markers are committed.
    pub(super) fn on_write_markers(&mut self, caller: Caller, requests: &[MarkerRequest], fx: &mut Effects<'_>) {
        let (mut results, mut waits) = (Vec::new(), Vec::new());
        for request in requests {
            for &partition in &request.partitions {
                let error = match self.write_marker(partition, request, fx) {
                    Ok(end) => {
                        waits.push((partition, end));
                        ErrorCode::RequestTimedOut
                    }
                    Err(error) => error,
                };
                results.push(MarkerResult { pid: request.producer.pid, partition, error });
            }
        }
        if waits.is_empty() {
            return self.answer_transaction(&caller, TxnResponse::Markers(results), fx);
        }
        let commits = requests.iter().map(|r| (r.producer.pid, r.commit)).collect();
        let what = Waiting::Markers { results, commits, open: waits.len() as u32 };
        let deadline = fx.now + REQUEST_TIMEOUT;
        self.wait_for_watermark(purgatory::Entry { caller: Some(caller), deadline, what }, &waits);
        waits.dedup_by_key(|w| w.0);
        for (partition, _) in waits {
            // What the leader alone has may be committed already (L-7).
            self.watermark_moved(partition, fx.cause, fx);
        }
    }

    fn write_marker(
        &mut self,
        partition: PartitionId,
        request: &MarkerRequest,
        fx: &mut Effects<'_>,
    ) -> Result<Offset, ErrorCode> {
        let version = self.transaction_version();
        let sequence = Sequence { pid: request.producer.pid, epoch: request.producer.epoch, first: -1 };
        let replica = self.replica(partition).ok_or(ErrorCode::NotLeaderOrFollower)?;
        replica.leading().ok_or(ErrorCode::NotLeaderOrFollower)?;
        check_marker(&replica.log, sequence, request.coordinator_epoch, version)?;
        let marker = Marker { commit: request.commit, coordinator_epoch: request.coordinator_epoch };
        let payload = Payload::Marker(marker);
        let batch =
            Arc::new(Batch { id: None, sequence, transactional: true, payload, bytes: MARKER_BYTES, timestamp: fx.now.into() });
        let (placed, event) = self.append_to_leader(partition, &batch, true, fx)?;
        let (pid, epoch, commit) = (sequence.pid, sequence.epoch, request.commit);
        let offset = placed.base;
        fx.trace_from(event, What::MarkerWritten { broker: self.id, partition, pid, epoch, commit, offset });
        self.transactions.guards.remove(&(partition, pid)); // L-2
        Ok(placed.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogBatch;
    use crate::log::segment::RollLimits;
    use crate::record::Record;
    use crate::time::{SimTime, Timestamp};

    fn sequence(epoch: i16, first: i32) -> Sequence {
        Sequence { pid: Pid(1), epoch, first }
    }

    fn batch(sequence: Sequence, transactional: bool, payload: Payload) -> Arc<Batch> {
        Arc::new(Batch { id: None, sequence, transactional, payload, bytes: 1, timestamp: Timestamp(0) })
    }

    fn data(sequence: Sequence, transactional: bool) -> Arc<Batch> {
        batch(
            sequence,
            transactional,
            Payload::Records(vec![Record { message: MessageId(0), key: None, tombstone: false, bytes: 1 }]),
        )
    }

    fn append(log: &mut Log, batch: Arc<Batch>) {
        log.append(LogBatch { base: log.end(), epoch: LeaderEpoch(0), batch }, SimTime::ZERO, RollLimits::NONE);
    }

    /// KAFKA-19999.
    #[test]
    fn a_marker_needs_its_epoch_and_its_coordinator() {
        let mut log = Log::new();
        append(&mut log, data(sequence(3, 0), true));
        let check =
            |log: &Log, epoch, coordinator, version| check_marker(log, sequence(epoch, -1), LeaderEpoch(coordinator), version);
        assert_eq!(check(&log, 3, 0, Version::V1), Ok(()));
        assert_eq!(check(&log, 2, 0, Version::V1), Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(check(&log, 3, 0, Version::V2), Err(ErrorCode::InvalidProducerEpoch), "it would end the next transaction");
        assert_eq!(check(&log, 4, 0, Version::V2), Ok(()));
        let marker = Marker { commit: true, coordinator_epoch: LeaderEpoch(5) };
        append(&mut log, batch(sequence(4, -1), true, Payload::Marker(marker)));
        assert_eq!(check(&log, 4, 5, Version::V2), Ok(()), "the same marker again");
        assert_eq!(check(&log, 4, 4, Version::V2), Err(ErrorCode::TransactionCoordinatorFenced));
        assert!(!is_ongoing(&log, sequence(4, 0)));
    }

    #[test]
    fn nothing_is_written_beside_an_open_transaction() {
        let mut log = Log::new();
        assert_eq!(check_batch(&log, &data(sequence(0, 7), true), Version::V2), Err(ErrorCode::OutOfOrderSequenceNumber));
        assert_eq!(check_batch(&log, &data(sequence(0, 7), true), Version::V1), Ok(()));
        append(&mut log, data(sequence(0, 0), true));
        assert!(is_ongoing(&log, sequence(0, 1)) && !is_ongoing(&log, sequence(1, 0)));
        assert_eq!(check_batch(&log, &data(sequence(0, 1), true), Version::V2), Ok(()));
        assert_eq!(check_batch(&log, &data(sequence(0, 1), false), Version::V2), Err(ErrorCode::InvalidTxnState));
    }
}
