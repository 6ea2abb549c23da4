//! Transactions on a broker: as coordinator of transactional.ids (`coordinator`, `markers`), as leader of partitions that are written
//! in transactions (`verification`, `leader`), and as coordinator of groups whose offsets are committed in them (`offsets`).

mod coordinator;
mod leader;
mod markers;
mod offsets;
mod verification;

pub(super) use coordinator::Then;
pub use leader::{check_batch, check_marker};
pub(super) use verification::ToAppend;

use super::{Asked, Broker, Due};
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::{CommitRecord, Payload};
use crate::rows::Map;
use crate::sort;
use crate::transaction::wire::{TxnRequest, TxnResponse};
use crate::transaction::{Entry, Version};
use crate::wire::Response;
use markers::Ending;
use verification::Verifying;

/// What a broker's process keeps of transactions in its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    /// The transactional.ids that it coordinates.
    entries: Map<TransactionalId, Entry>,
    /// the decided ones whose markers are on their way.
    endings: Map<TransactionalId, Ending>,
    /// L-2: requests that wait for the coordinator's word.
    verifying: Map<u64, Verifying>,
    next_verifying: u64,
    /// L-2: what a verified batch must still find when it is appended: a marker that came between has taken it away.
    guards: Map<(PartitionId, Pid), u64>,
    /// offsets that wait for the end of their transaction, by partition of `__consumer_offsets`.
    offsets: Map<(PartitionId, Pid), Vec<CommitRecord>>,
}

/// What the broker remembers of its own requests.
#[derive(Clone, Debug)]
pub(super) enum AskedTxn {
    /// Of this waiting request.
    Verification(u64),
    /// For these transactions, with the partitions of each.
    Markers(Vec<(TransactionalId, Vec<PartitionId>)>),
}

impl Broker {
    pub(super) fn transaction_version(&self) -> Version {
        self.layout.scenario.cluster.rules.transaction_version
    }

    ///
    fn check_coordinates(&self, id: TransactionalId) -> Result<(), ErrorCode> {
        self.coordinates_in(self.layout.transactional_ids[id.ix()].home)
    }

    /// How many transactional.ids of this partition it knows.
    pub(super) fn transactional_ids_of(&self, home: PartitionId) -> u32 {
        let here = |id: &&TransactionalId| self.layout.transactional_ids[id.ix()].home == home;
        self.transactions.entries.keys().filter(here).count() as u32
    }

    /// A transactional.id that this broker coordinates.
    pub fn transaction(&self, id: TransactionalId) -> Option<&Entry> {
        self.transactions.entries.get(&id)
    }

    pub(super) fn on_transaction_request(&mut self, caller: Caller, request: TxnRequest, fx: &mut Effects<'_>) {
        match request {
            TxnRequest::FindCoordinator { id } => {
                let home = self.layout.transactional_ids[id.ix()].home;
                let coordinator = self.image.partition(home).leader;
                let error = if coordinator.is_some() { ErrorCode::None } else { ErrorCode::CoordinatorNotAvailable };
                self.answer_transaction(&caller, TxnResponse::FindCoordinator { error, coordinator }, fx);
            }
            TxnRequest::InitProducerId { id, timeout, expected } => self.on_init(caller, id, timeout, expected, fx),
            TxnRequest::AddPartitions { id, producer, partitions } => {
                self.on_add_partitions(coordinator::Asker::Producer(caller), id, producer, partitions, fx);
            }
            TxnRequest::BrokerAddPartitions { id, producer, partitions, verify_only: true } => {
                self.on_verify(&caller, id, producer, &partitions, fx);
            }
            TxnRequest::BrokerAddPartitions { id, producer, partitions, verify_only: false } => {
                let asker = coordinator::Asker::Leader(caller, partitions.clone());
                self.on_add_partitions(asker, id, producer, partitions, fx);
            }
            TxnRequest::AddOffsets { id, producer, group } => {
                let home = self.layout.coordinator_partitions[group.ix()];
                self.on_add_partitions(coordinator::Asker::Producer(caller), id, producer, vec![home], fx);
            }
            TxnRequest::OffsetCommit(commit) => self.on_txn_offset_commit(caller, commit, fx),
            TxnRequest::End { id, producer, commit } => self.on_end(caller, id, producer, commit, fx),
            TxnRequest::WriteMarkers(markers) => self.on_write_markers(caller, &markers, fx),
        }
    }

    fn answer_transaction(&self, caller: &Caller, response: TxnResponse, fx: &mut Effects<'_>) {
        fx.respond(caller, self.node(), fx.cause, Response::Transaction(response));
    }

    pub(super) fn on_transaction_response(&mut self, asked: AskedTxn, response: TxnResponse, fx: &mut Effects<'_>) {
        match (asked, response) {
            (AskedTxn::Verification(key), TxnResponse::Partitions(results)) => self.on_verified(key, &results, fx),
            (AskedTxn::Markers(sent), TxnResponse::Markers(results)) => self.on_markers_answer(&sent, Some(&results), fx),
            _ => unreachable!("an answer to something else"),
        }
    }

    pub(super) fn on_transaction_request_lost(&mut self, asked: AskedTxn, fx: &mut Effects<'_>) {
        match asked {
            AskedTxn::Verification(key) => self.verification_failed(key, ErrorCode::NetworkException, fx),
            AskedTxn::Markers(sent) => self.on_markers_answer(&sent, None, fx),
        }
    }

    /// A connection is open, or leaders may have changed, or it is time to try again.
    pub(super) fn work_on_transactions(&mut self, fx: &mut Effects<'_>) {
        self.send_verifications(fx);
        self.send_markers(fx);
    }

    /// A new leader of a partition of Kafka's own has read it from its start (G-32).
    pub(super) fn load_coordinator(&mut self, partition: PartitionId, fx: &mut Effects<'_>) {
        let log = self.replica(partition).expect("it leads").log.clone();
        let mut ids: Vec<TransactionalId> = Vec::new();
        for entry in log.batches() {
            match &entry.batch.payload {
                Payload::Transaction(record) => {
                    ids.push(record.id);
                    match &record.metadata {
                        Some(metadata) => self.transactions.entries.insert(record.id, Entry::new(metadata.clone())),
                        None => self.transactions.entries.remove(&record.id),
                    };
                }
                Payload::Group(record) => self.replay_group(record, entry.batch.timestamp, fx.now),
                _ => self.replay_offsets(partition, entry),
            }
        }
        sort::plainly(&mut ids);
        ids.dedup();
        for id in ids {
            self.finish_what_was_decided(id, fx);
        }
        self.load_modern_groups(partition, fx.now);
    }

    /// What it kept for a partition that it led is no longer its business.
    pub(super) fn resign_transactions(&mut self, partition: PartitionId, fx: &mut Effects<'_>) {
        let layout = self.layout.clone();
        let mine = |id: &TransactionalId| layout.transactional_ids[id.ix()].home == partition;
        self.transactions.entries.retain(|id, _| !mine(id));
        self.transactions.endings.retain(|id, _| !mine(id));
        self.transactions.guards.retain(|(p, _), _| *p != partition);
        self.transactions.offsets.retain(|(p, _), _| *p != partition);
        self.recheck_verifications(partition, fx);
    }

    /// The process ends.
    pub(super) fn forget_transactions(&mut self) {
        self.transactions = Transactions::default();
    }
}
