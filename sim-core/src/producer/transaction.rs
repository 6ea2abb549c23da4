//! The producer client's transactions (X-3..X-7): which of the application's calls are allowed, what is asked of the coordinator and in
//! which order, and which errors end a transaction or the producer. What is sent and received is in `coordination`.

use super::forwarding::Consumed;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::rows::Set;
use crate::time::{SimDuration, SimTime};
use crate::transaction::wire::{TxnOffsetCommit, TxnRequest};
use crate::transaction::{ProducerIdAndEpoch, Version};

/// Where the client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// In `initTransactions()`, or on its way to the next epoch.
    Initializing,
    /// `beginTransaction()` may be called.
    Ready,
    /// Between begin and end.
    InTransaction,
    /// In `commitTransaction()`.
    Committing,
    /// In `abortTransaction()`.
    Aborting,
    /// The transaction must be aborted.
    AbortableError,
    /// The producer must be closed.
    FatalError,
}

/// What is to be asked next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Who coordinates the transactional.id?
    FindCoordinator,
    /// Who coordinates this group?
    FindGroupCoordinator(GroupId),
    ///
    Init,
    /// X-4, version 1.
    AddPartitions(Vec<PartitionId>),
    /// X-5, version 1.
    AddOffsets(GroupId),
    ///
    CommitOffsets,
    ///
    End(bool),
}

/// A group's offsets on their way into the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offsets {
    consumed: Consumed,
    /// Version 1: AddOffsetsToTxn is answered.
    added: bool,
}

/// `retry.backoff.ms` for AddPartitionsToTxn while the transaction before is being completed.
const ADD_PARTITIONS_RETRY: SimDuration = SimDuration::from_millis(20);

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct TransactionManager {
    pub id: TransactionalId,
    version: Version,
    pub state: ClientState,
    /// Why it is in one of the two error states.
    pub error: ErrorCode,
    pub coordinator: Option<BrokerId>,
    pub group_coordinator: Option<BrokerId>,
    /// the producer id and epoch that the next InitProducerId goes on from.
    expected: Option<ProducerIdAndEpoch>,
    /// Version 1: after the abort the next epoch is asked for.
    wants_bump: bool,
    /// Something of this transaction may have reached the cluster.
    started: bool,
    new_partitions: Set<PartitionId>,
    partitions: Set<PartitionId>,
    offsets: Option<Offsets>,
    /// Nothing is asked before.
    pub after: SimTime,
    pub attempts: u32,
    /// When the application called `commitTransaction()` or `abortTransaction()`, the last time.
    called: Option<SimTime>,
}

impl TransactionManager {
    /// A client that calls `initTransactions()`.
    pub fn new(id: TransactionalId, version: Version) -> TransactionManager {
        TransactionManager {
            id,
            version,
            state: ClientState::Initializing,
            error: ErrorCode::None,
            coordinator: None,
            group_coordinator: None,
            expected: None,
            wants_bump: false,
            started: false,
            new_partitions: Set::new(),
            partitions: Set::new(),
            offsets: None,
            after: SimTime::ZERO,
            attempts: 0,
            called: None,
        }
    }

    /// The end has taken max.block.ms: the call throws a TimeoutException, and the application has nothing better to do than to call again
    ///
    pub fn call_times_out(&mut self, now: SimTime, max_block: SimDuration) -> bool {
        if !self.is_completing() {
            self.called = None;
            return false;
        }
        let called = self.called.get_or_insert(now);
        let late = now >= *called + max_block;
        if late {
            *called = now;
        }
        late
    }

    /// When that will be.
    pub fn call_due(&self, max_block: SimDuration) -> SimTime {
        self.called.map_or(SimTime::NEVER, |called| called + max_block)
    }

    // --- the application's calls ---------------------------------------------------------------------------------------------

    /// `beginTransaction()`.
    pub fn begin(&mut self) {
        assert_eq!(self.state, ClientState::Ready, "one transaction at a time");
        self.state = ClientState::InTransaction;
    }

    /// `commitTransaction()`.
    pub fn begin_commit(&mut self) {
        assert_eq!(self.state, ClientState::InTransaction, "nothing else can be committed");
        self.state = ClientState::Committing;
    }

    /// `abortTransaction()`.
    pub fn begin_abort(&mut self, current: ProducerIdAndEpoch) {
        self.new_partitions.clear();
        self.offsets = None;
        self.attempts = 0;
        if self.error == ErrorCode::InvalidProducerIdMapping {
            // The coordinator would not take the end of a transaction from a producer id that it does not know.
            return self.complete(current);
        }
        self.state = ClientState::Aborting;
    }

    /// `sendOffsetsToTransaction()`; done when [`TransactionManager::has_offsets`] says no.
    pub fn send_offsets(&mut self, consumed: Consumed) {
        self.offsets = Some(Offsets { consumed, added: self.version == Version::V2 });
        if self.version == Version::V2 {
            self.started = true;
        }
    }

    /// Are offsets on their way into the transaction?
    pub fn has_offsets(&self) -> bool {
        self.offsets.is_some()
    }

    /// a record for this partition was taken by `send()`.
    pub fn maybe_add(&mut self, partition: PartitionId) {
        match self.version {
            Version::V1 if !self.partitions.contains(&partition) => {
                self.new_partitions.insert(partition);
            }
            Version::V1 => {}
            Version::V2 => {
                self.partitions.insert(partition);
                self.started = true;
            }
        }
    }

    /// May batches for this partition be sent?
    pub fn may_send_to(&self, partition: PartitionId) -> bool {
        self.state != ClientState::FatalError && self.partitions.contains(&partition)
    }

    /// P-30: what is queued goes at once.
    pub fn is_completing(&self) -> bool {
        matches!(self.state, ClientState::Committing | ClientState::Aborting)
    }

    // --- what is asked -------------------------------------------------------------------------------------------------------

    /// The next request, if there is one to send. `incomplete`: batches are queued or on their way, so that the end has to wait.
    pub fn next_step(&self, incomplete: bool) -> Option<Step> {
        let step = match self.state {
            ClientState::Ready | ClientState::AbortableError | ClientState::FatalError => return None,
            ClientState::Initializing => Step::Init,
            ClientState::InTransaction | ClientState::Committing if !self.new_partitions.is_empty() => {
                Step::AddPartitions(self.new_partitions.iter().copied().collect())
            }
            ClientState::InTransaction | ClientState::Committing if self.offsets.is_some() => {
                let offsets = self.offsets.as_ref().expect("just seen");
                match (offsets.added, self.group_coordinator) {
                    (false, _) => Step::AddOffsets(offsets.consumed.group),
                    (true, None) => return Some(Step::FindGroupCoordinator(offsets.consumed.group)),
                    (true, Some(_)) => Step::CommitOffsets,
                }
            }
            ClientState::InTransaction => return None,
            ClientState::Committing | ClientState::Aborting if incomplete => return None,
            ClientState::Committing => Step::End(true),
            ClientState::Aborting => Step::End(false),
        };
        Some(if self.coordinator.is_none() { Step::FindCoordinator } else { step })
    }

    /// Nothing of the transaction has reached the cluster: its end needs no request.
    pub fn ends_by_itself(&self) -> bool {
        !self.started && matches!(self.state, ClientState::Committing | ClientState::Aborting)
    }

    /// The request of a step, and whom it is for: none is any broker.
    pub fn request(&self, step: &Step, current: ProducerIdAndEpoch, timeout: SimDuration) -> (Option<BrokerId>, TxnRequest) {
        let (id, producer) = (self.id, current);
        match step {
            Step::FindCoordinator => (None, TxnRequest::FindCoordinator { id }),
            Step::FindGroupCoordinator(_) => unreachable!("a request of groups"),
            Step::Init => (self.coordinator, TxnRequest::InitProducerId { id, timeout, expected: self.expected }),
            Step::AddPartitions(partitions) => {
                (self.coordinator, TxnRequest::AddPartitions { id, producer, partitions: partitions.clone() })
            }
            &Step::AddOffsets(group) => (self.coordinator, TxnRequest::AddOffsets { id, producer, group }),
            Step::CommitOffsets => {
                let consumed = self.offsets.clone().expect("there are offsets").consumed;
                let Consumed { group, member, generation, offsets } = consumed;
                let commit = TxnOffsetCommit { id, producer, group, member, generation, offsets };
                (self.group_coordinator, TxnRequest::OffsetCommit(commit))
            }
            &Step::End(commit) => (self.coordinator, TxnRequest::End { id, producer, commit }),
        }
    }

    // --- what is answered ----------------------------------------------------------------------------------------------------

    /// A step has succeeded. `numbers` are those that the answer gives, or the present ones.
    pub fn succeeded(&mut self, step: &Step, numbers: ProducerIdAndEpoch) {
        self.attempts = 0;
        match step {
            Step::FindCoordinator | Step::FindGroupCoordinator(_) => {}
            Step::Init => {
                self.state = ClientState::Ready;
                self.expected = None;
                self.error = ErrorCode::None;
            }
            Step::AddPartitions(partitions) => {
                self.started = true;
                for partition in partitions {
                    self.new_partitions.remove(partition);
                    self.partitions.insert(*partition);
                }
            }
            Step::AddOffsets(_) => {
                self.started = true;
                if let Some(offsets) = &mut self.offsets {
                    offsets.added = true;
                }
            }
            Step::CommitOffsets => self.offsets = None,
            Step::End(_) => self.complete(numbers),
        }
    }

    /// the transaction is over. With version 1 an error is followed by the next epoch, so that nothing late of it is taken.
    pub fn complete(&mut self, current: ProducerIdAndEpoch) {
        let bump = std::mem::take(&mut self.wants_bump) && self.version == Version::V1;
        let unknown = self.error == ErrorCode::InvalidProducerIdMapping;
        self.state = if bump || unknown { ClientState::Initializing } else { ClientState::Ready };
        self.expected = (bump || unknown).then_some(current);
        self.error = ErrorCode::None;
        self.started = false;
        self.new_partitions.clear();
        self.partitions.clear();
        self.offsets = None;
        self.attempts = 0;
    }

    /// A step has failed: it is tried again, or the transaction or the producer has failed.
    pub fn failed(&mut self, step: &Step, error: ErrorCode, now: SimTime, backoff: SimDuration) {
        let group = matches!(step, Step::CommitOffsets | Step::FindGroupCoordinator(_));
        match error {
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::RequestTimedOut => {
                if group {
                    self.group_coordinator = None;
                } else {
                    self.coordinator = None;
                }
                self.retry(now, backoff);
            }
            ErrorCode::ConcurrentTransactions if matches!(step, Step::AddPartitions(_)) && self.partitions.is_empty() => {
                self.retry(now, ADD_PARTITIONS_RETRY);
            }
            error if error.is_retriable() => self.retry(now, backoff),
            ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced => self.fail(ErrorCode::ProducerFenced),
            // The coordinator has forgotten the transactional.id: the next epoch may be asked for, with version 1.
            ErrorCode::InvalidProducerIdMapping if self.version == Version::V1 && *step != Step::Init => {
                self.abortable(error);
            }
            ErrorCode::TransactionAbortable => self.abortable(error),
            // The member is not who it was: the consumer's part of the transaction is void.
            ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::StaleMemberEpoch
                if group =>
            {
                self.abortable(error);
            }
            error => self.fail(error),
        }
    }

    fn retry(&mut self, now: SimTime, backoff: SimDuration) {
        self.attempts += 1;
        self.after = now + backoff;
    }

    /// A batch of the transaction has failed for good (P-51, P-55).
    pub fn batch_failed(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::ProducerFenced | ErrorCode::InvalidProducerIdMapping => self.fail(error),
            _ => self.abortable(error),
        }
    }

    /// The transaction must be aborted.
    pub fn abortable(&mut self, error: ErrorCode) {
        let completing = matches!(self.state, ClientState::Committing | ClientState::Aborting);
        if !completing {
            self.wants_bump = true;
        }
        if matches!(self.state, ClientState::InTransaction | ClientState::Committing) {
            self.state = ClientState::AbortableError;
            self.error = error;
            self.wants_bump = true;
        }
    }

    /// The producer must be closed.
    fn fail(&mut self, error: ErrorCode) {
        self.state = ClientState::FatalError;
        self.error = error;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: ProducerIdAndEpoch = ProducerIdAndEpoch { pid: Pid(7), epoch: 0 };
    const BACKOFF: SimDuration = SimDuration::from_millis(100);

    fn open(version: Version) -> TransactionManager {
        let mut client = TransactionManager::new(TransactionalId(0), version);
        assert_eq!(client.next_step(false), Some(Step::FindCoordinator));
        client.coordinator = Some(BrokerId(1));
        assert_eq!(client.next_step(false), Some(Step::Init));
        client.succeeded(&Step::Init, NUMBERS);
        client.begin();
        client.maybe_add(PartitionId(3));
        client
    }

    #[test]
    fn version_1_adds_partitions_before_it_sends() {
        let mut client = open(Version::V1);
        assert!(!client.may_send_to(PartitionId(3)));
        let step = client.next_step(true).unwrap();
        assert_eq!(step, Step::AddPartitions(vec![PartitionId(3)]));
        client.failed(&step, ErrorCode::ConcurrentTransactions, SimTime::ZERO, BACKOFF);
        assert_eq!(client.after, SimTime::ZERO + ADD_PARTITIONS_RETRY);
        client.succeeded(&step, NUMBERS);
        assert!(client.may_send_to(PartitionId(3)));
        client.begin_commit();
        assert_eq!(client.next_step(true), None, "batches are on their way");
        assert_eq!(client.next_step(false), Some(Step::End(true)));
    }

    #[test]
    fn version_2_sends_at_once() {
        let mut client = open(Version::V2);
        assert!(client.may_send_to(PartitionId(3)));
        assert_eq!(client.next_step(true), None);
        client.begin_commit();
        client.succeeded(&Step::End(true), NUMBERS);
        assert_eq!(client.state, ClientState::Ready);
        assert!(!client.may_send_to(PartitionId(3)));
    }

    /// With version 1 the epoch is moved by the client after an error; with version 2 each end does that.
    #[test]
    fn an_error_is_aborted_and_followed_by_a_new_epoch() {
        for (version, next) in [(Version::V1, ClientState::Initializing), (Version::V2, ClientState::Ready)] {
            let mut client = open(version);
            client.batch_failed(ErrorCode::OutOfOrderSequenceNumber);
            assert_eq!((client.state, client.next_step(false)), (ClientState::AbortableError, None));
            client.begin_abort(NUMBERS);
            assert_eq!(client.next_step(false), Some(Step::End(false)));
            client.succeeded(&Step::End(false), NUMBERS);
            assert_eq!(client.state, next);
        }
    }

    #[test]
    fn a_fenced_producer_is_done() {
        let mut client = open(Version::V2);
        client.begin_commit();
        client.failed(&Step::End(true), ErrorCode::ProducerFenced, SimTime::ZERO, BACKOFF);
        assert_eq!((client.state, client.error), (ClientState::FatalError, ErrorCode::ProducerFenced));
        assert_eq!(client.next_step(false), None);
    }

    #[test]
    fn a_lost_coordinator_is_looked_for() {
        let mut client = open(Version::V2);
        client.begin_commit();
        client.failed(&Step::End(true), ErrorCode::NotCoordinator, SimTime::ZERO, BACKOFF);
        assert_eq!(client.next_step(false), Some(Step::FindCoordinator));
    }
}
