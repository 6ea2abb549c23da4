//! Offsets in transactions: records of `__consumer_offsets` like any commit, and seen by nobody before the COMMIT marker.

use super::super::coordinator::{COMMIT_BYTES, append_error};
use super::super::purgatory::{self, Waiting};
use super::Broker;
use super::verification::ToAppend;
use crate::config::GroupProtocol;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::LogBatch;
use crate::record::{BATCH_OVERHEAD, Batch, CommitRecord, Payload, Sequence};
use crate::trace::TraceId;
use crate::transaction::wire::{TxnOffsetCommit, TxnResponse};
use std::sync::Arc;

impl Broker {
    pub(super) fn on_txn_offset_commit(&mut self, caller: Caller, commit: TxnOffsetCommit, fx: &mut Effects<'_>) {
        let home = self.layout.coordinator_partitions[commit.group.ix()];
        if let Err(error) = self.coordinates(commit.group) {
            return self.answer_transaction(&caller, TxnResponse::Done { error }, fx);
        }
        // Fenced like any commit (G-24).
        let by = (commit.member, MemberEpoch(commit.generation));
        let fits = self.check_modern_member(commit.group, by, true).and_then(|()| self.check_classic_committer(&commit));
        if let Err(error) = fits {
            return self.answer_transaction(&caller, TxnResponse::Done { error }, fx);
        }
        let (id, producer) = (commit.id, commit.producer);
        if let Some(ToAppend::Offsets(caller, commit)) = self.verify(id, producer, &[home], ToAppend::Offsets(caller, commit), fx)
        {
            self.append_txn_offsets(caller, commit, None, fx);
        }
    }

    /// G-6, of a group of the classic protocol. A group that is not known here has no generation.
    fn check_classic_committer(&self, commit: &TxnOffsetCommit) -> Result<(), ErrorCode> {
        let protocol = self.layout.scenario.groups[commit.group.ix()].config.group_protocol;
        match self.classic_group(commit.group) {
            Some(group) => group.check_transactional(commit.member, commit.generation),
            None if commit.generation < 0 || protocol == GroupProtocol::Consumer => Ok(()),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    pub(super) fn append_txn_offsets(
        &mut self,
        caller: Caller,
        commit: TxnOffsetCommit,
        refused: Option<ErrorCode>,
        fx: &mut Effects<'_>,
    ) {
        let home = self.layout.coordinator_partitions[commit.group.ix()];
        let sequence = Sequence { pid: commit.producer.pid, epoch: commit.producer.epoch, first: -1 };
        let group = commit.group;
        let record = |&(partition, committed)| CommitRecord { group, partition, committed: Some(committed), at: fx.now.into() };
        let records: Vec<CommitRecord> = commit.offsets.iter().map(record).collect();
        let bytes = BATCH_OVERHEAD + COMMIT_BYTES * records.len() as u32;
        let payload = Payload::Commits(records.clone());
        let batch = Arc::new(Batch { id: None, sequence, transactional: true, payload, bytes, timestamp: fx.now.into() });
        let fits = |log: &crate::log::Log| log.producers.validate_epoch(sequence, false);
        let appended = match (refused, self.replica(home)) {
            (Some(error), _) => Err(error),
            (None, None) => Err(ErrorCode::NotLeaderOrFollower),
            (None, Some(replica)) => fits(&replica.log).and_then(|()| self.append_to_leader(home, &batch, true, fx)),
        };
        match appended {
            Ok((placed, event)) => {
                let what = Waiting::TxnOffsets { home, pid: sequence.pid, records };
                let deadline = fx.now + self.config().offsets_commit_timeout;
                self.wait_for_watermark(purgatory::Entry { caller: Some(caller), deadline, what }, &[(home, placed.end)]);
                self.watermark_moved(home, event, fx);
            }
            Err(error) => self.answer_transaction(&caller, TxnResponse::Done { error: append_error(error) }, fx),
        }
    }

    /// The records are committed, and wait for the end of their transaction.
    pub(in crate::broker) fn hold_offsets(&mut self, home: PartitionId, pid: Pid, records: Vec<CommitRecord>) {
        self.transactions.offsets.entry((home, pid)).or_default().extend(records);
    }

    /// The transaction has ended in this partition: its offsets count now, or never.
    pub(in crate::broker) fn release_offsets(
        &mut self,
        home: PartitionId,
        pid: Pid,
        commit: bool,
        cause: TraceId,
        fx: &mut Effects<'_>,
    ) {
        let held = self.transactions.offsets.remove(&(home, pid)).unwrap_or_default();
        if !commit {
            return;
        }
        let mut cause = cause;
        for commit in &held {
            cause = self.note_committed(commit, cause, fx);
        }
    }

    /// Is an offset of this group on its way in a transaction? Nobody is told the one before it: UNSTABLE_OFFSET_COMMIT.
    pub(in crate::broker) fn has_unstable_offset(&self, group: GroupId, partition: PartitionId) -> bool {
        self.transactions.offsets.values().flatten().any(|c| c.group == group && c.partition == partition)
    }

    /// G-32: a new coordinator reads the log. Offsets of transactions count only with a marker.
    pub(super) fn replay_offsets(&mut self, home: PartitionId, entry: &LogBatch) {
        let pid = entry.batch.sequence.pid;
        match &entry.batch.payload {
            Payload::Commits(commits) if entry.batch.transactional => self.hold_offsets(home, pid, commits.clone()),
            Payload::Marker(marker) => {
                let held = self.transactions.offsets.remove(&(home, pid)).unwrap_or_default();
                for commit in held.iter().filter(|_| marker.commit) {
                    self.set_committed(commit);
                }
            }
            _ => self.replay_commits(home, entry),
        }
    }
}
