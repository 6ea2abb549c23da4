//! Requests that wait for a high watermark (L-21..L-24, G-31).

use super::coordinator::append_error;
use super::transactions::Then;
use super::{Broker, Due};
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::group::classic::Written;
use crate::group::modern::heartbeat::Answer;
use crate::ids::*;
use crate::record::CommitRecord;
use crate::rows::Map;
use crate::time::SimTime;
use crate::trace::TraceId;
use crate::transaction::Metadata;
use crate::transaction::wire::{MarkerResult, TxnResponse};
use crate::wire::{ProduceResult, Response};

/// A waiting request.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Whom to answer; nobody for what the broker does by itself.
    pub caller: Option<Caller>,
    pub deadline: SimTime,
    pub what: Waiting,
}

/// What waits.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// A produce request: the result of each partition, and how many still wait. Those are pre-set to REQUEST_TIMED_OUT (L-21).
    Produce { results: Vec<ProduceResult>, open: u32 },
    /// A commit of a group's offsets.
    Commit,
    /// A classic group's metadata: the group itself knows who waits for it.
    Group(GroupId, Written),
    /// A change of a transactional.id; none: it is forgotten.
    Transition { id: TransactionalId, next: Option<Box<Metadata>>, then: Then },
    /// Ends of transactions: the result of each, what they say, and how many still wait.
    Markers { results: Vec<MarkerResult>, commits: Vec<(Pid, bool)>, open: u32 },
    /// Offsets in a transaction.
    TxnOffsets { home: PartitionId, pid: Pid, records: Vec<CommitRecord> },
    /// G-20: a member's heartbeat, with what it will be told.
    GroupHeartbeat(Answer),
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Purgatory {
    entries: Map<u64, Entry>,
    next: u64,
}

impl Purgatory {
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Broker {
    /// Puts a request there: it waits until each of the partitions' watermarks has reached its offset.
    pub(super) fn wait_for_watermark(&mut self, entry: Entry, until: &[(PartitionId, Offset)]) {
        let id = self.purgatory.next;
        self.purgatory.next += 1;
        for &(partition, offset) in until {
            let leading = self.replicas[partition.ix()].as_mut().and_then(|r| r.leading_mut());
            leading.expect("only a leader makes requests wait").waiting.insert((offset, id));
        }
        self.agenda.add(entry.deadline, Due::Produce(id));
        self.purgatory.entries.insert(id, entry);
    }

    /// L-22: a leader's watermark moved (`cause`); answers what waited for that.
    pub(super) fn watermark_moved(&mut self, partition: PartitionId, cause: TraceId, fx: &mut Effects<'_>) {
        let min_isr = self.layout.partition(partition).min_isr;
        let cause = self.apply_commits(partition, cause, fx);
        loop {
            let replica = self.replicas[partition.ix()].as_mut().expect("its watermark moved");
            let watermark = replica.high_watermark;
            let Some(leading) = replica.leading_mut() else { return };
            let Some((offset, id)) = leading.waiting.first().copied().filter(|w| w.0 <= watermark) else { break };
            leading.waiting.remove(&(offset, id));
            let enough = leading.isr.maximal().len() >= min_isr;
            let error = if enough { ErrorCode::None } else { ErrorCode::NotEnoughReplicasAfterAppend };
            self.resolve(id, partition, error, cause, fx);
        }
        let leading = self.replicas[partition.ix()].as_ref().and_then(|r| r.leading()).expect("checked above");
        self.stirred.extend(leading.parked.iter());
    }

    /// L-24: this broker does not lead the partition any more.
    pub(super) fn fail_waiting(&mut self, partition: PartitionId, waiting: Vec<u64>, fx: &mut Effects<'_>) {
        for id in waiting {
            self.resolve(id, partition, ErrorCode::NotLeaderOrFollower, fx.cause, fx);
        }
    }

    fn resolve(&mut self, id: u64, partition: PartitionId, error: ErrorCode, cause: TraceId, fx: &mut Effects<'_>) {
        // Gone already: its time was over.
        let Some(entry) = self.purgatory.entries.get_mut(&id) else { return };
        let mut ended = None;
        if let Waiting::Produce { results, open } = &mut entry.what {
            let result = results.iter_mut().find(|r| r.partition == partition).expect("it waited for this partition");
            result.error = error;
            if error == ErrorCode::NotLeaderOrFollower {
                let known = self.image.partition(partition);
                result.leader = known.leader.map(|l| (l, known.leader_epoch));
            }
            *open -= 1;
            if *open > 0 {
                return;
            }
        } else if let Waiting::Markers { results, commits, open } = &mut entry.what {
            let waits = |r: &&mut MarkerResult| r.partition == partition && r.error == ErrorCode::RequestTimedOut;
            let result = results.iter_mut().find(waits).expect("it waited for this partition");
            result.error = error;
            let pid = result.pid;
            let commit = commits.iter().find(|c| c.0 == pid).expect("asked for").1;
            *open -= 1;
            ended = Some((pid, commit, *open == 0));
        }
        if let Some((pid, commit, done)) = ended {
            if error == ErrorCode::None {
                self.release_offsets(partition, pid, commit, cause, fx);
            }
            if !done {
                return;
            }
        }
        let entry = self.purgatory.entries.remove(&id).expect("found above");
        self.agenda.remove(entry.deadline, Due::Produce(id));
        self.answer(entry, error, cause, fx);
    }

    /// L-21, L-23: it waited long enough. What was appended stays in the log and may be committed later.
    pub(super) fn purgatory_timeout(&mut self, id: u64, fx: &mut Effects<'_>) {
        if let Some(entry) = self.purgatory.entries.remove(&id) {
            self.answer(entry, ErrorCode::RequestTimedOut, fx.cause, fx);
        }
    }

    fn answer(&mut self, entry: Entry, error: ErrorCode, cause: TraceId, fx: &mut Effects<'_>) {
        let response = match entry.what {
            Waiting::Produce { results, .. } => Response::Produce(results),
            Waiting::GroupHeartbeat(answer) => {
                let result = if error == ErrorCode::None { Ok(answer) } else { Err(append_error(error)) };
                let caller = entry.caller.expect("a member asked");
                return self.answer_heartbeat(&caller, result, cause, fx);
            }
            Waiting::Commit => Response::OffsetCommit { error: append_error(error) },
            Waiting::Group(group, written) => {
                let before = std::mem::replace(&mut fx.cause, cause);
                self.group_persisted(group, written, error, fx);
                fx.cause = before;
                return;
            }
            Waiting::Transition { id, next, then } => {
                return self.transition_written(id, next.map(|n| *n), then, (error, cause), fx);
            }
            Waiting::Markers { results, .. } => Response::Transaction(TxnResponse::Markers(results)),
            Waiting::TxnOffsets { home, pid, records } => {
                if error == ErrorCode::None {
                    self.hold_offsets(home, pid, records);
                }
                Response::Transaction(TxnResponse::Done { error: append_error(error) })
            }
        };
        let caller = entry.caller.expect("somebody asked");
        fx.respond(&caller, self.node(), cause, response);
    }
}
