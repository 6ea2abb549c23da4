//! The coordinator's decisions (X-2..X-8), each from the state of one transactional.id alone: what is to be written next, or the error to
//! answer with. Nothing counts before it is written and committed, so these change nothing themselves.

use super::{Entry, Metadata, NO_EPOCH, ProducerIdAndEpoch, State, Version, is_epoch_exhausted};
use crate::error_code::ErrorCode;
use crate::ids::{PartitionId, Pid};
use crate::rows::Set;
use crate::time::{SimDuration, SimTime};

/// InitProducerId. `expected` is what a producer believes to have when it only asks for the next epoch; `fresh` a new producer id.
/// An open transaction is to be aborted first: the answer is then in state PrepareEpochFence.
///
/// # Errors
/// CONCURRENT_TRANSACTIONS while one is being completed, PRODUCER_FENCED for an instance that is not the newest.
pub fn init_producer_id(
    entry: &Entry,
    expected: Option<ProducerIdAndEpoch>,
    timeout: SimDuration,
    fresh: impl FnOnce() -> Pid,
    now: SimTime,
) -> Result<Metadata, ErrorCode> {
    let current = &entry.metadata;
    if entry.pending.is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let is_known = |e: ProducerIdAndEpoch| {
        current.epoch == NO_EPOCH || e.pid == current.pid || (e.pid == current.previous_pid && is_epoch_exhausted(e.epoch))
    };
    if !expected.is_none_or(is_known) {
        return Err(ErrorCode::ProducerFenced);
    }
    match current.state {
        State::PrepareCommit | State::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
        State::Ongoing => Ok(fence(entry)),
        State::Empty | State::CompleteCommit | State::CompleteAbort => {
            let empty = Metadata {
                state: State::Empty,
                next_pid: Pid::NONE,
                timeout,
                partitions: Set::new(),
                started: None,
                updated: now,
                ..current.clone()
            };
            let agrees = expected.is_none_or(|e| e.epoch == current.epoch);
            if current.is_epoch_exhausted() && agrees {
                let last_epoch = if expected.is_some() { current.epoch } else { NO_EPOCH };
                return Ok(Metadata { pid: fresh(), previous_pid: current.pid, epoch: 0, last_epoch, ..empty });
            }
            let (epoch, last_epoch) = next_epoch(current, expected)?;
            Ok(Metadata { previous_pid: current.pid, epoch, last_epoch, ..empty })
        }
        State::Dead | State::PrepareEpochFence => unreachable!("never kept"),
    }
}

/// the epoch after this one, and the one that it follows. A producer that asks again for what it was given before gets it again.
fn next_epoch(current: &Metadata, expected: Option<ProducerIdAndEpoch>) -> Result<(i16, i16), ErrorCode> {
    let next = if current.epoch == NO_EPOCH { 0 } else { current.epoch + 1 };
    match expected.map(|e| e.epoch) {
        None => Ok((next, NO_EPOCH)),
        Some(epoch) if current.epoch == NO_EPOCH || epoch == current.epoch => Ok((next, current.epoch)),
        Some(epoch) if epoch == current.last_epoch => Ok((current.epoch, current.last_epoch)),
        Some(_) => Err(ErrorCode::ProducerFenced),
    }
}

/// takes the next epoch for nobody, so that whoever has the current one is fenced by the markers.
pub fn fence(entry: &Entry) -> Metadata {
    let current = &entry.metadata;
    let epoch = if entry.has_failed_epoch_fence { current.epoch } else { current.epoch + 1 };
    Metadata { state: State::PrepareEpochFence, epoch, last_epoch: NO_EPOCH, ..current.clone() }
}

/// Is this the newest instance of the transactional.id, and nothing in its way?
fn check_producer(entry: &Entry, producer: ProducerIdAndEpoch) -> Result<(), ErrorCode> {
    let current = &entry.metadata;
    if current.pid != producer.pid {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if current.epoch != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    Ok(())
}

/// partitions join. None: they all have joined already.
///
/// # Errors
/// INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS.
pub fn add_partitions(
    entry: &Entry,
    producer: ProducerIdAndEpoch,
    partitions: &[PartitionId],
    now: SimTime,
) -> Result<Option<Metadata>, ErrorCode> {
    check_producer(entry, producer)?;
    let current = &entry.metadata;
    if entry.pending.is_some() || current.state.commits().is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if current.state == State::Ongoing && partitions.iter().all(|p| current.partitions.contains(p)) {
        return Ok(None);
    }
    let started = if current.state == State::Ongoing { current.started } else { Some(now) };
    let mut next = Metadata { state: State::Ongoing, started, updated: now, ..current.clone() };
    next.partitions.extend(partitions);
    Ok(Some(next))
}

/// L-2: has this partition joined?
///
/// # Errors
/// As for [`add_partitions`], and TRANSACTION_ABORTABLE if it has not.
pub fn verify(entry: &Entry, producer: ProducerIdAndEpoch, partition: PartitionId) -> Result<(), ErrorCode> {
    check_producer(entry, producer)?;
    if entry.metadata.state.commits().is_some() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if entry.metadata.partitions.contains(&partition) { Ok(()) } else { Err(ErrorCode::TransactionAbortable) }
}

/// What EndTxn comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done before: the answer was lost, or is on its way.
    Done,
    /// This is to be written: the decision.
    Prepare(Metadata),
}

/// the transaction ends. `from_client` is false for the coordinator's own aborts, whose epoch is newer than the producer's.
///
/// # Errors
/// INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE.
pub fn end(
    entry: &Entry,
    producer: ProducerIdAndEpoch,
    commit: bool,
    from_client: bool,
    (version, now): (Version, SimTime),
    fresh: impl FnOnce() -> Pid,
) -> Result<End, ErrorCode> {
    let current = &entry.metadata;
    let fences = entry.pending == Some(State::PrepareEpochFence);
    let retry = if version == Version::V2 && !fences { repeats(current, producer) } else { None };
    if current.pid != producer.pid && retry != Some(Repeats::Overflow) {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if !is_valid_epoch(current, producer.epoch, (fences, from_client), version, retry) {
        return Err(ErrorCode::ProducerFenced);
    }
    if entry.pending.is_some() && !fences {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let prepare = |unused: bool| {
        let next_pid = if version == Version::V2 && !fences && current.is_epoch_exhausted() { fresh() } else { Pid::NONE };
        Ok(End::Prepare(prepare(entry, producer.epoch, (commit, fences, unused), (version, now), next_pid)))
    };
    match (current.state, commit) {
        (State::Ongoing, _) => prepare(false),
        (State::PrepareCommit, true) | (State::PrepareAbort, false) => Err(ErrorCode::ConcurrentTransactions),
        (State::CompleteCommit, true) | (State::CompleteAbort, false) if version == Version::V1 || retry.is_some() => {
            Ok(End::Done)
        }
        // a producer may abort a transaction that no partition has joined, to get its next epoch.
        (State::CompleteCommit | State::CompleteAbort | State::Empty, false) if version == Version::V2 && retry.is_none() => {
            prepare(true)
        }
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// why an EndTxn with an older epoch may be the same one again: the transaction that it ended has moved the epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// By one.
    Bump,
    /// To a new producer id.
    Overflow,
}

fn repeats(current: &Metadata, producer: ProducerIdAndEpoch) -> Option<Repeats> {
    if current.pid == producer.pid && current.epoch == producer.epoch.saturating_add(1) {
        return Some(Repeats::Bump);
    }
    let overflow = current.previous_pid == producer.pid && producer.epoch == i16::MAX - 1 && current.epoch == 0;
    overflow.then_some(Repeats::Overflow)
}

fn is_valid_epoch(
    current: &Metadata,
    epoch: i16,
    (fences, from_client): (bool, bool),
    version: Version,
    retry: Option<Repeats>,
) -> bool {
    if version == Version::V1 || fences {
        return (!from_client || epoch == current.epoch) && epoch >= current.epoch;
    }
    match current.state {
        State::PrepareCommit | State::PrepareAbort => retry == Some(Repeats::Bump),
        State::CompleteCommit | State::CompleteAbort => retry.is_some() || epoch == current.epoch,
        State::Empty | State::Ongoing | State::Dead | State::PrepareEpochFence => epoch == current.epoch,
    }
}

/// the decision. With version 2 the markers carry the next epoch, so that nothing of this transaction can come after them.
fn prepare(
    entry: &Entry,
    asked_with: i16,
    (commit, fences, unused): (bool, bool, bool),
    (version, now): (Version, SimTime),
    next_pid: Pid,
) -> Metadata {
    let current = &entry.metadata;
    let (epoch, last_epoch) = if fences { (asked_with, NO_EPOCH) } else { (current.epoch, current.last_epoch) };
    let (epoch, last_epoch) = match version {
        Version::V1 => (epoch, last_epoch),
        Version::V2 => (epoch.saturating_add(1), epoch),
    };
    let state = if commit { State::PrepareCommit } else { State::PrepareAbort };
    let started = if unused { Some(now) } else { current.started };
    Metadata { state, epoch, last_epoch, next_pid, started, updated: now, ..current.clone() }
}

/// every partition has its marker.
pub fn complete(current: &Metadata, now: SimTime) -> Metadata {
    let state = if current.state == State::PrepareCommit { State::CompleteCommit } else { State::CompleteAbort };
    let done = Metadata { state, partitions: Set::new(), next_pid: Pid::NONE, updated: now, ..current.clone() };
    if current.next_pid == Pid::NONE {
        return done;
    }
    Metadata { pid: current.next_pid, previous_pid: current.pid, epoch: 0, ..done }
}

/// What EndTxn answers with, once the decision is written: the numbers of the next transaction.
pub fn numbers_after(prepared: &Metadata) -> ProducerIdAndEpoch {
    if prepared.next_pid == Pid::NONE {
        ProducerIdAndEpoch { pid: prepared.pid, epoch: prepared.epoch }
    } else {
        ProducerIdAndEpoch { pid: prepared.next_pid, epoch: 0 }
    }
}

/// has it been open for too long?
pub fn has_timed_out(entry: &Entry, now: SimTime) -> bool {
    let current = &entry.metadata;
    current.state == State::Ongoing && entry.pending.is_none() && current.started.is_some_and(|at| at + current.timeout < now)
}

/// has it not been used for so long that it is forgotten?
pub fn has_expired(entry: &Entry, expiration: SimDuration, now: SimTime) -> bool {
    let current = &entry.metadata;
    let idle = matches!(current.state, State::Empty | State::CompleteCommit | State::CompleteAbort);
    idle && entry.pending.is_none() && current.updated + expiration <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SimTime = SimTime(5);

    fn producer(pid: i64, epoch: i16) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch { pid: Pid(pid), epoch }
    }

    fn entry(state: State, epoch: i16) -> Entry {
        let fresh = Metadata::new(Pid(1), SimDuration::from_secs(60), SimTime::ZERO);
        Entry::new(Metadata { state, epoch, ..fresh })
    }

    fn init(entry: &Entry, expected: Option<ProducerIdAndEpoch>) -> Result<(State, i64, i16), ErrorCode> {
        let next = init_producer_id(entry, expected, SimDuration::from_secs(60), || Pid(9), NOW)?;
        Ok((next.state, next.pid.0, next.epoch))
    }

    ///
    #[test]
    fn every_start_takes_an_epoch() {
        assert_eq!(init(&entry(State::Empty, NO_EPOCH), None), Ok((State::Empty, 1, 0)));
        assert_eq!(init(&entry(State::CompleteCommit, 4), None), Ok((State::Empty, 1, 5)));
        assert_eq!(init(&entry(State::Ongoing, 4), None), Ok((State::PrepareEpochFence, 1, 5)));
        assert_eq!(init(&entry(State::PrepareAbort, 4), None), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(init(&entry(State::Empty, i16::MAX - 1), None), Ok((State::Empty, 9, 0)), "the epochs have run out");
    }

    /// a producer that asks for its next epoch says which one it has.
    #[test]
    fn a_bump_is_recognised_when_it_comes_again() {
        let mut entry = entry(State::Empty, 4);
        assert_eq!(init(&entry, Some(producer(1, 4))), Ok((State::Empty, 1, 5)));
        entry.metadata.epoch = 5;
        entry.metadata.last_epoch = 4;
        assert_eq!(init(&entry, Some(producer(1, 4))), Ok((State::Empty, 1, 5)));
        assert_eq!(init(&entry, Some(producer(1, 3))), Err(ErrorCode::ProducerFenced));
        assert_eq!(init(&entry, Some(producer(2, 5))), Err(ErrorCode::ProducerFenced));
    }

    fn end_of(entry: &Entry, epoch: i16, commit: bool, version: Version) -> Result<Option<(State, i16)>, ErrorCode> {
        match end(entry, producer(1, epoch), commit, true, (version, NOW), || Pid(9))? {
            End::Done => Ok(None),
            End::Prepare(next) => Ok(Some((next.state, next.epoch))),
        }
    }

    ///
    #[test]
    fn an_end_moves_the_epoch_in_version_2_only() {
        let open = entry(State::Ongoing, 3);
        assert_eq!(end_of(&open, 3, true, Version::V1), Ok(Some((State::PrepareCommit, 3))));
        assert_eq!(end_of(&open, 3, false, Version::V2), Ok(Some((State::PrepareAbort, 4))));
        assert_eq!(end_of(&open, 2, true, Version::V1), Err(ErrorCode::ProducerFenced));
        let done = entry(State::CompleteCommit, 4);
        assert_eq!(end_of(&done, 3, true, Version::V2), Ok(None), "its answer was lost");
        assert_eq!(end_of(&done, 3, false, Version::V2), Err(ErrorCode::InvalidTxnState));
        assert_eq!(end_of(&done, 4, true, Version::V2), Err(ErrorCode::InvalidTxnState), "the next one has not begun");
        assert_eq!(end_of(&done, 4, false, Version::V2), Ok(Some((State::PrepareAbort, 5))));
        assert_eq!(end_of(&done, 4, true, Version::V1), Ok(None));
        assert_eq!(end_of(&entry(State::PrepareCommit, 4), 3, true, Version::V2), Err(ErrorCode::ConcurrentTransactions));
    }

    /// one epoch to fence, and one for the markers.
    #[test]
    fn fencing_ends_the_open_transaction_with_a_newer_epoch() {
        let mut open = entry(State::Ongoing, 3);
        let fencing = fence(&open);
        open.pending = Some(State::PrepareEpochFence);
        let with = producer(1, fencing.epoch);
        for (version, epoch) in [(Version::V1, 4), (Version::V2, 5)] {
            let End::Prepare(next) = end(&open, with, false, false, (version, NOW), || Pid(9)).unwrap() else { panic!() };
            assert_eq!((next.state, next.epoch), (State::PrepareAbort, epoch));
        }
    }

    #[test]
    fn the_last_epoch_is_followed_by_a_new_producer_id() {
        let open = entry(State::Ongoing, i16::MAX - 1);
        let End::Prepare(next) = end(&open, producer(1, i16::MAX - 1), true, true, (Version::V2, NOW), || Pid(9)).unwrap() else {
            panic!()
        };
        assert_eq!((next.epoch, numbers_after(&next)), (i16::MAX, producer(9, 0)));
        let done = complete(&next, NOW);
        assert_eq!((done.pid, done.previous_pid, done.epoch), (Pid(9), Pid(1), 0));
        let again = end(&Entry::new(done), producer(1, i16::MAX - 1), true, true, (Version::V2, NOW), || Pid(10));
        assert_eq!(again, Ok(End::Done));
    }

    /// X-4, L-2.
    #[test]
    fn partitions_join() {
        let p = PartitionId(7);
        let next = add_partitions(&entry(State::Empty, 0), producer(1, 0), &[p], NOW).unwrap().unwrap();
        assert_eq!((next.state, next.started), (State::Ongoing, Some(NOW)));
        let open = Entry::new(next);
        assert_eq!(add_partitions(&open, producer(1, 0), &[p], NOW), Ok(None));
        assert_eq!(verify(&open, producer(1, 0), p), Ok(()));
        assert_eq!(verify(&open, producer(1, 0), PartitionId(8)), Err(ErrorCode::TransactionAbortable));
        assert_eq!(add_partitions(&open, producer(1, 1), &[p], NOW), Err(ErrorCode::ProducerFenced));
        assert_eq!(add_partitions(&open, producer(2, 0), &[p], NOW), Err(ErrorCode::InvalidProducerIdMapping));
        let ending = entry(State::PrepareCommit, 0);
        assert_eq!(add_partitions(&ending, producer(1, 0), &[p], NOW), Err(ErrorCode::ConcurrentTransactions));
    }

    ///
    #[test]
    fn it_times_out_after_its_timeout() {
        let mut open = entry(State::Ongoing, 0);
        open.metadata.started = Some(SimTime::ZERO);
        assert!(!has_timed_out(&open, SimTime(60_000_000)));
        assert!(has_timed_out(&open, SimTime(60_000_001)));
        open.pending = Some(State::PrepareCommit);
        assert!(!has_timed_out(&open, SimTime(60_000_001)));
    }
}
