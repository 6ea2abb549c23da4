//! The coordinator's markers: once a transaction is decided, every partition that has joined is told, again and again until each
//! has its marker; then the transaction is complete.

use super::super::Due;
use super::{Asked, AskedTxn, Broker};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::rows::{Map, Set};
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, TraceId};
use crate::transaction::transitions;
use crate::transaction::wire::{MarkerRequest, MarkerResult, TxnRequest};
use crate::transaction::{Entry, ProducerIdAndEpoch};
use crate::wire::{Channel, Request};

/// A decided transaction.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    producer: ProducerIdAndEpoch,
    commit: bool,
    coordinator_epoch: LeaderEpoch,
    /// Without a marker so far.
    left: Set<PartitionId>,
    /// Of these, asked for.
    asked: Set<PartitionId>,
    /// The last record is being written.
    completing: bool,
    cause: TraceId,
}

/// What could not be written is tried again after this long.
const MARKER_RETRY: SimDuration = SimDuration::from_millis(100);

impl Broker {
    /// a transaction in state PrepareCommit or PrepareAbort, decided just now or by a coordinator that is no more.
    pub(super) fn finish_what_was_decided(&mut self, id: TransactionalId, fx: &mut Effects<'_>) {
        let Some(Entry { metadata, .. }) = self.transactions.entries.get(&id) else { return };
        let Some(commit) = metadata.state.commits() else { return };
        let home = self.layout.transactional_ids[id.ix()].home;
        let coordinator_epoch = self.replica(home).expect("it leads").leader_epoch;
        let forgets = self.layout.scenario.has_bug(Bug::NoMarkerForOffsets);
        let told = |p: &&PartitionId| !forgets || self.layout.partition(**p).topic.is_some();
        let ending = Ending {
            producer: ProducerIdAndEpoch { pid: metadata.pid, epoch: metadata.epoch },
            commit,
            coordinator_epoch,
            left: metadata.partitions.iter().filter(told).copied().collect(),
            asked: Set::new(),
            completing: false,
            cause: fx.cause,
        };
        self.transactions.endings.insert(id, ending);
        self.send_markers(fx);
    }

    /// Asks the leaders, one request at a time for each, with all that waits for it.
    pub(super) fn send_markers(&mut self, fx: &mut Effects<'_>) {
        if self.transactions.endings.is_empty() {
            return;
        }
        let mut by_leader: Map<BrokerId, Vec<(TransactionalId, Vec<PartitionId>)>> = Map::new();
        for (&id, ending) in self.transactions.endings.iter() {
            for &partition in ending.left.difference(&ending.asked) {
                let Some(leader) = self.image.partition(partition).leader else { continue };
                let wanted = by_leader.entry(leader).or_default();
                match wanted.last_mut() {
                    Some((last, partitions)) if *last == id => partitions.push(partition),
                    _ => wanted.push((id, vec![partition])),
                }
            }
        }
        for (leader, wanted) in by_leader {
            let server = NodeId::Broker(leader);
            self.client.open(fx, server, Channel::Markers);
            if self.client.is_open(server, Channel::Markers) && self.client.in_flight_to(server, Channel::Markers) == 0 {
                self.ask_for_markers(server, wanted, fx);
            } else if !self.client.is_open(server, Channel::Markers) {
                self.try_later(fx.now);
            }
        }
        self.complete_finished(fx);
    }

    fn ask_for_markers(&mut self, server: NodeId, wanted: Vec<(TransactionalId, Vec<PartitionId>)>, fx: &mut Effects<'_>) {
        let mut markers = Vec::with_capacity(wanted.len());
        let mut cause = fx.cause;
        for (id, partitions) in &wanted {
            let ending = self.transactions.endings.get_mut(id).expect("it is being ended");
            ending.asked.extend(partitions);
            cause = ending.cause;
            markers.push(MarkerRequest {
                producer: ending.producer,
                commit: ending.commit,
                coordinator_epoch: ending.coordinator_epoch,
                partitions: partitions.clone(),
            });
        }
        let request = Request::Transaction(Box::new(TxnRequest::WriteMarkers(markers)));
        let asked = Asked::Transaction(AskedTxn::Markers(wanted));
        self.client.ask(fx, server, (Api::WriteTxnMarkers, request), super::super::REQUEST_TIMEOUT, cause, asked);
    }

    /// `results` is none if there was no answer.
    pub(super) fn on_markers_answer(
        &mut self,
        sent: &[(TransactionalId, Vec<PartitionId>)],
        results: Option<&[MarkerResult]>,
        fx: &mut Effects<'_>,
    ) {
        for (id, partitions) in sent {
            let Some(ending) = self.transactions.endings.get_mut(id) else { continue };
            let mine = |r: &&MarkerResult| r.pid == ending.producer.pid && partitions.contains(&r.partition);
            let results: Vec<MarkerResult> = results.unwrap_or_default().iter().filter(mine).copied().collect();
            ending.asked.retain(|p| !partitions.contains(p));
            ending.cause = fx.cause;
            for result in results {
                match result.error {
                    ErrorCode::None => {
                        ending.left.remove(&result.partition);
                    }
                    // Somebody newer ends this transaction, or has ended it: not this coordinator's business any more.
                    ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => {
                        self.transactions.endings.remove(id);
                        break;
                    }
                    _ => {}
                }
            }
        }
        if self.transactions.endings.values().any(|e| !e.left.is_empty()) {
            self.try_later(fx.now);
        }
        self.complete_finished(fx);
    }

    fn try_later(&mut self, now: SimTime) {
        self.agenda.add(now + MARKER_RETRY, Due::Transactions);
    }

    /// Writes the last record of each transaction whose partitions all have their markers.
    fn complete_finished(&mut self, fx: &mut Effects<'_>) {
        let finished = self.transactions.endings.iter_mut().filter(|(_, e)| e.left.is_empty() && !e.completing);
        let finished: Vec<(TransactionalId, TraceId)> = finished
            .map(|(&id, ending)| {
                ending.completing = true;
                (id, ending.cause)
            })
            .collect();
        for (id, cause) in finished {
            let next = transitions::complete(&self.transactions.entries[&id].metadata, fx.now);
            let before = std::mem::replace(&mut fx.cause, cause);
            self.write_transition(id, next, super::Then::Completed, fx);
            fx.cause = before;
        }
    }

    /// The last record could not be written: again in a while, if this broker still coordinates.
    pub(super) fn complete_later(&mut self, id: TransactionalId, now: SimTime) {
        if let Some(ending) = self.transactions.endings.get_mut(&id) {
            ending.completing = false;
            self.try_later(now);
        }
    }
}
