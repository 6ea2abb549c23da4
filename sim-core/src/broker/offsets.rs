//! The group coordinator's offsets: records of `__consumer_offsets`, answered when they are committed (G-30..G-33, F-13).

use super::Broker;
use super::purgatory::{Entry, Waiting};
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, CommitRecord, CommittedOffset, Payload, Sequence};
use crate::trace::What;
use crate::wire::Response;
use std::sync::Arc;

/// Bytes of one committed offset in the log.
pub(super) const COMMIT_BYTES: u32 = 80;

/// G-31: how an append's error looks to the member that commits.
pub(super) fn commit_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        other => other,
    }
}

impl Broker {
    pub(super) fn coordinates(&self, group: GroupId) -> bool {
        let home = self.layout.coordinator_partitions[group.ix()];
        self.replica(home).is_some_and(|r| r.leading().is_some())
    }

    pub(super) fn on_find_coordinator(&mut self, caller: Caller, group: GroupId, fx: &mut Effects<'_>) {
        let home = self.layout.coordinator_partitions[group.ix()];
        let coordinator = self.image.partition(home).leader;
        let error = if coordinator.is_some() { ErrorCode::None } else { ErrorCode::CoordinatorNotAvailable };
        fx.respond(&caller, self.node(), fx.cause, Response::FindCoordinator { error, coordinator });
    }

    pub(super) fn on_offset_fetch(
        &mut self,
        caller: Caller,
        (group, by): (GroupId, Option<(MemberId, MemberEpoch)>),
        partitions: &[PartitionId],
        fx: &mut Effects<'_>,
    ) {
        let error = match by {
            _ if !self.coordinates(group) => ErrorCode::NotCoordinator,
            _ if partitions.iter().any(|&p| self.has_unstable_offset(group, p)) => ErrorCode::UnstableOffsetCommit,
            // Whoever does not say who it is may ask.
            None => ErrorCode::None,
            Some((member, epoch)) => self.check_modern_member(group, (Some(member), epoch)).err().unwrap_or(ErrorCode::None),
        };
        let offsets = partitions.iter().map(|&p| (p, self.committed(group, p))).collect();
        fx.respond(&caller, self.node(), fx.cause, Response::OffsetFetch { error, offsets });
    }

    /// G-31: the commit is a record; F-12: any offset is accepted, the last one counts.
    pub(super) fn on_offset_commit(
        &mut self,
        caller: Caller,
        (group, member, generation): (GroupId, Option<MemberId>, i32),
        offsets: Vec<(PartitionId, CommittedOffset)>,
        fx: &mut Effects<'_>,
    ) {
        let by = (member, MemberEpoch(generation));
        let allowed = if self.coordinates(group) { self.check_modern_member(group, by) } else { Err(ErrorCode::NotCoordinator) };
        if let Err(error) = allowed {
            return fx.respond(&caller, self.node(), fx.cause, Response::OffsetCommit { error });
        }
        let home = self.layout.coordinator_partitions[group.ix()];
        let commits: Vec<CommitRecord> =
            offsets.iter().map(|&(partition, committed)| CommitRecord { group, partition, committed }).collect();
        let bytes = BATCH_OVERHEAD + COMMIT_BYTES * commits.len() as u32;
        let batch = Arc::new(Batch {
            id: None,
            sequence: Sequence::NONE,
            transactional: false,
            payload: Payload::Commits(commits),
            bytes,
            timestamp: fx.now.into(),
        });
        match self.append_to_leader(home, &batch, true, fx) {
            Ok((placed, event)) => {
                fx.trace_from(event, What::CommitTaken { broker: self.id, group, member, generation });
                let deadline = fx.now + self.config().offsets_commit_timeout;
                let what = Waiting::Commit { group, offsets };
                self.wait_for_watermark(Entry { caller: Some(caller), deadline, what }, &[(home, placed.end)]);
                // With the leader alone in the ISR it is committed already (L-7).
                self.watermark_moved(home, event, fx);
            }
            Err(error) => {
                let error = commit_error(error);
                fx.respond(&caller, self.node(), fx.cause, Response::OffsetCommit { error });
            }
        }
    }

    /// What it kept in memory for the groups of a partition is no longer its business.
    pub(super) fn resign_coordinator(&mut self, partition: PartitionId) {
        let layout = self.layout.clone();
        self.offsets.retain(|(group, _), _| layout.coordinator_partitions[group.ix()] != partition);
        self.resign_modern_groups(partition);
    }
}
