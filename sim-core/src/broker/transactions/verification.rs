//! L-2: before the first batch of a transaction is appended to a partition, its leader asks the coordinator: with version 1 whether the
//! partition has joined, with version 2 to let it join. What comes late, after the transaction has ended, opens no new one.

use super::super::{Due, REQUEST_TIMEOUT};
use super::leader::is_ongoing;
use super::{Asked, AskedTxn, Broker};
use crate::bug::Bug;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::Sequence;
use crate::time::{SimDuration, SimTime};
use crate::trace::Api;
use crate::transaction::wire::{TxnOffsetCommit, TxnRequest};
use crate::transaction::{ProducerIdAndEpoch, Version};
use crate::wire::{Channel, ProducePart, Request};

/// `add.partitions.to.txn.retry.backoff.ms` and `add.partitions.to.txn.retry.backoff.max.ms`: with version 2 a leader asks again while the
/// transaction before is being completed, this often, and for this long.
const RETRY: SimDuration = SimDuration::from_millis(20);
const RETRY_FOR: SimDuration = SimDuration::from_millis(100);

/// What is to be appended.
#[derive(Clone, Debug)]
pub(in crate::broker) enum ToAppend {
    /// A produce request.
    Produce { caller: Caller, acks: i8, timeout: SimDuration, parts: Vec<ProducePart> },
    /// Offsets of a transaction.
    Offsets(Caller, TxnOffsetCommit),
}

/// What waits for the coordinator's word.
#[derive(Clone, Debug)]
pub(super) struct Verifying {
    what: ToAppend,
    id: TransactionalId,
    producer: ProducerIdAndEpoch,
    /// With the guard of each.
    partitions: Vec<(PartitionId, u64)>,
    asked: bool,
    /// Not asked before.
    after: SimTime,
    since: SimTime,
    deadline: SimTime,
}

impl Broker {
    /// Lets a produce request through, or makes it wait. Gives it back if there is nothing to ask.
    pub(in crate::broker) fn verify_produce(
        &mut self,
        id: Option<TransactionalId>,
        what: ToAppend,
        fx: &mut Effects<'_>,
    ) -> Option<ToAppend> {
        let ToAppend::Produce { parts, .. } = &what else { unreachable!("a produce request") };
        let Some(id) = id else { return Some(what) };
        let transactional = || parts.iter().filter(|p| p.batch.transactional);
        let Some(first) = transactional().next() else { return Some(what) };
        let Sequence { pid, epoch, .. } = first.batch.sequence;
        let partitions: Vec<PartitionId> = transactional().map(|p| p.partition).collect();
        self.verify(id, ProducerIdAndEpoch { pid, epoch }, &partitions, what, fx)
    }

    pub(super) fn verify(
        &mut self,
        id: TransactionalId,
        producer: ProducerIdAndEpoch,
        partitions: &[PartitionId],
        what: ToAppend,
        fx: &mut Effects<'_>,
    ) -> Option<ToAppend> {
        let asks = self.transaction_version() == Version::V2 || self.config().transaction_verification;
        let bug = self.layout.scenario.has_bug(Bug::LateRecordAfterMarker);
        let sequence = Sequence { pid: producer.pid, epoch: producer.epoch, first: 0 };
        let open = |p: &PartitionId| {
            let leading = self.replica(*p).filter(|r| r.leading().is_some());
            leading.is_some_and(|r| {
                let late = r.log.producers.epoch(sequence.pid) > Some(sequence.epoch);
                !(is_ongoing(&r.log, sequence) || bug && late)
            })
        };
        let open: Vec<PartitionId> = partitions.iter().copied().filter(open).collect();
        if !asks || open.is_empty() {
            return Some(what);
        }
        let key = self.transactions.next_verifying;
        self.transactions.next_verifying += 1;
        let guards = &mut self.transactions.guards;
        let partitions = open.into_iter().map(|p| (p, *guards.entry((p, producer.pid)).or_insert(key))).collect();
        let deadline = fx.now + REQUEST_TIMEOUT;
        let verifying = Verifying { what, id, producer, partitions, asked: false, after: fx.now, since: fx.now, deadline };
        self.transactions.verifying.insert(key, verifying);
        self.agenda.add(deadline, Due::Transactions);
        self.send_verifications(fx);
        None
    }

    /// Asks what was not asked yet, over connections that are open.
    pub(super) fn send_verifications(&mut self, fx: &mut Effects<'_>) {
        let waiting = self.transactions.verifying.iter().filter(|(_, v)| !v.asked && v.after <= fx.now);
        let waiting: Vec<u64> = waiting.map(|(&key, _)| key).collect();
        for key in waiting {
            let Verifying { id, producer, partitions, deadline, .. } = &self.transactions.verifying[&key];
            let (home, late) = (self.layout.transactional_ids[id.ix()].home, *deadline <= fx.now);
            let Some(coordinator) = self.image.partition(home).leader.filter(|_| !late) else {
                self.verification_failed(key, ErrorCode::CoordinatorNotAvailable, fx);
                continue;
            };
            let server = NodeId::Broker(coordinator);
            let request = TxnRequest::BrokerAddPartitions {
                id: *id,
                producer: *producer,
                partitions: partitions.iter().map(|p| p.0).collect(),
                verify_only: self.transaction_version() == Version::V1,
            };
            self.client.open(fx, server, Channel::Verification);
            if self.client.is_open(server, Channel::Verification) {
                let ask = (Api::BrokerAddPartitionsToTxn, Request::Transaction(Box::new(request)));
                let (cause, asked) = (fx.cause, Asked::Transaction(AskedTxn::Verification(key)));
                self.client.ask(fx, server, ask, REQUEST_TIMEOUT, cause, asked);
                let verifying = self.transactions.verifying.get_mut(&key).expect("looked at above");
                verifying.asked = true;
                // A marker that came before is older than the answer will be.
                for (partition, guard) in &mut verifying.partitions {
                    *guard = *self.transactions.guards.entry((*partition, verifying.producer.pid)).or_insert(*guard);
                }
            } else if self.client.blocked_until(server, Channel::Verification) != SimTime::NEVER {
                // It cannot be called now: the producer tries again.
                self.verification_failed(key, ErrorCode::NetworkException, fx);
            }
        }
    }

    pub(super) fn on_verified(&mut self, key: u64, results: &[(PartitionId, ErrorCode)], fx: &mut Effects<'_>) {
        if self.asks_again(key, results, fx.now) {
            return;
        }
        let Some(verifying) = self.transactions.verifying.remove(&key) else { return };
        self.agenda.remove(verifying.deadline, Due::Transactions);
        let pid = verifying.producer.pid;
        let mut refused = Vec::new();
        for (partition, guard) in verifying.partitions {
            let answer = results.iter().find(|r| r.0 == partition).map_or(ErrorCode::NetworkException, |r| r.1);
            let held = self.transactions.guards.get(&(partition, pid)) == Some(&guard);
            let error = match answer {
                ErrorCode::None if !held => ErrorCode::InvalidTxnState,
                other => other,
            };
            if error != ErrorCode::None {
                refused.push((partition, for_producer(error, self.transaction_version())));
            }
        }
        match verifying.what {
            ToAppend::Produce { caller, acks, timeout, parts } => {
                self.append_produce(caller, (acks, timeout), parts, &refused, fx)
            }
            ToAppend::Offsets(caller, commit) => self.append_txn_offsets(caller, commit, refused.first().map(|r| r.1), fx),
        }
    }

    /// L-2: the transaction before is being completed, which does not take long.
    fn asks_again(&mut self, key: u64, results: &[(PartitionId, ErrorCode)], now: SimTime) -> bool {
        let is_busy = results.iter().any(|(_, error)| *error == ErrorCode::ConcurrentTransactions);
        let version = self.transaction_version();
        let Some(verifying) = self.transactions.verifying.get_mut(&key).filter(|_| is_busy && version == Version::V2) else {
            return false;
        };
        if now + RETRY > verifying.since + RETRY_FOR {
            return false;
        }
        (verifying.asked, verifying.after) = (false, now + RETRY);
        self.agenda.add(now + RETRY, Due::Transactions);
        true
    }

    pub(super) fn verification_failed(&mut self, key: u64, error: ErrorCode, fx: &mut Effects<'_>) {
        let Some(verifying) = self.transactions.verifying.get(&key) else { return };
        let results: Vec<(PartitionId, ErrorCode)> = verifying.partitions.iter().map(|p| (p.0, error)).collect();
        self.on_verified(key, &results, fx);
    }

    /// This broker does not lead the partition any more: nothing of what waits is appended there.
    pub(super) fn recheck_verifications(&mut self, partition: PartitionId, fx: &mut Effects<'_>) {
        let concerned = self.transactions.verifying.iter().filter(|(_, v)| v.partitions.iter().any(|p| p.0 == partition));
        let keys: Vec<u64> = concerned.map(|(&key, _)| key).collect();
        for key in keys {
            self.verification_failed(key, ErrorCode::NotLeaderOrFollower, fx);
        }
    }
}

/// L-2: what passes is reported as NOT_ENOUGH_REPLICAS, which every client tries again without asking for metadata.
fn for_producer(error: ErrorCode, version: Version) -> ErrorCode {
    match error {
        ErrorCode::NetworkException
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        ErrorCode::ConcurrentTransactions if version == Version::V1 => ErrorCode::NotEnoughReplicas,
        other => other,
    }
}
