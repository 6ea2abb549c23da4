//! Committed offsets: records of `__consumer_offsets` that count once they are committed themselves (G-31, G-6, F-12).

use super::super::purgatory::{Entry, Waiting};
use super::{Broker, append_error};
use crate::bug::Bug;
use crate::config::GroupProtocol;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, CommitRecord, CommittedOffset, Payload, Sequence};
use crate::trace::{TraceId, What};
use crate::wire::Response;
use std::sync::Arc;

/// Bytes of one committed offset in the log.
pub(in crate::broker) const COMMIT_BYTES: u32 = 80;

/// OffsetCommit, as the coordinator reads it.
pub(in crate::broker) struct Commit {
    pub group: GroupId,
    pub member: Option<MemberId>,
    pub instance: Option<InstanceId>,
    pub generation: i32,
    pub offsets: Vec<(PartitionId, CommittedOffset)>,
}

impl Broker {
    pub(in crate::broker) fn on_offset_fetch(
        &mut self,
        caller: Caller,
        (group, by): (GroupId, Option<(MemberId, MemberEpoch)>),
        partitions: &[PartitionId],
        fx: &mut Effects<'_>,
    ) {
        // Whoever does not say who it is may ask.
        let allowed = |(member, epoch)| self.check_modern_member(group, (Some(member), epoch), false);
        let unstable = partitions.iter().any(|&p| self.has_unstable_offset(group, p));
        let stable = if unstable { Err(ErrorCode::UnstableOffsetCommit) } else { Ok(()) };
        let asked = self.coordinates(group).and(stable).and_then(|()| by.map_or(Ok(()), allowed));
        let error = asked.err().unwrap_or(ErrorCode::None);
        let offsets = partitions.iter().map(|&p| (p, self.committed(group, p))).collect();
        fx.respond(&caller, self.node(), fx.cause, Response::OffsetFetch { error, offsets });
    }

    /// G-6, G-31; F-12: any offset is accepted, the last one counts.
    pub(in crate::broker) fn on_offset_commit(&mut self, caller: Caller, commit: Commit, fx: &mut Effects<'_>) {
        let answer = self.coordinates(commit.group).and_then(|()| self.accept_commit(&commit, fx));
        let appended = answer.and_then(|()| {
            let home = self.home(commit.group);
            let (group, at) = (commit.group, fx.now.into());
            let record = |&(partition, committed)| CommitRecord { group, partition, committed: Some(committed), at };
            let commits: Vec<CommitRecord> = commit.offsets.iter().map(record).collect();
            let bytes = BATCH_OVERHEAD + COMMIT_BYTES * commits.len() as u32;
            let payload = Payload::Commits(commits.clone());
            let batch = Arc::new(Batch {
                id: None,
                sequence: Sequence::NONE,
                transactional: false,
                payload,
                bytes,
                timestamp: fx.now.into(),
            });
            self.append_to_leader(home, &batch, true, fx).map(|placed| (home, placed, commits)).map_err(append_error)
        });
        match appended {
            Ok((home, (placed, event), commits)) => {
                let (broker, group) = (self.id, commit.group);
                let taken = What::CommitTaken { broker, group, member: commit.member, generation: commit.generation };
                let event = fx.trace_from(event, taken);
                self.coordinator.uncommitted.entry(home).or_default().push_back((placed.end, commits));
                let deadline = fx.now + self.config().offsets_commit_timeout;
                self.wait_for_watermark(Entry { caller: Some(caller), deadline, what: Waiting::Commit }, &[(home, placed.end)]);
                // With the leader alone in the ISR it is committed already (L-7).
                self.watermark_moved(home, event, fx);
            }
            Err(error) => fx.respond(&caller, self.node(), fx.cause, Response::OffsetCommit { error }),
        }
    }

    fn accept_commit(&mut self, commit: &Commit, fx: &Effects<'_>) -> Result<(), ErrorCode> {
        if self.layout.scenario.groups[commit.group.ix()].config.group_protocol == GroupProtocol::Consumer {
            return self.check_modern_member(commit.group, (commit.member, MemberEpoch(commit.generation)), false);
        }
        let group = self.classic_group_mut(commit.group);
        let accepted = group.commit(commit.member, commit.instance, commit.generation, fx.now);
        self.plan_group(commit.group);
        if self.layout.scenario.has_bug(Bug::TakesStaleCommits) { Ok(()) } else { accepted }
    }

    /// An offset counts from now on.
    pub(in crate::broker) fn set_committed(&mut self, record: &CommitRecord) {
        let CommitRecord { group, partition, committed, at } = *record;
        match committed {
            Some(committed) => self.coordinator.offsets.insert((group, partition), (committed, at)),
            None => self.coordinator.offsets.remove(&(group, partition)),
        };
    }

    /// An offset counts from now on, and the trace says so. Returns the event.
    pub(in crate::broker) fn note_committed(&mut self, record: &CommitRecord, cause: TraceId, fx: &mut Effects<'_>) -> TraceId {
        self.set_committed(record);
        let CommitRecord { group, partition, committed, .. } = *record;
        fx.trace_from(
            cause,
            match committed {
                Some(CommittedOffset { offset, .. }) => What::Committed { group, partition, offset },
                None => What::OffsetExpired { group, partition },
            },
        )
    }

    /// G-31: whatever of a partition of `__consumer_offsets` is committed now takes effect, also if its member was told of a timeout.
    pub(in crate::broker) fn apply_commits(&mut self, home: PartitionId, mut cause: TraceId, fx: &mut Effects<'_>) -> TraceId {
        let Some(watermark) = self.replica(home).map(|r| r.high_watermark) else { return cause };
        while let Some(waiting) = self.coordinator.uncommitted.get_mut(&home)
            && let Some((_, commits)) = waiting.pop_front_if(|(end, _)| *end <= watermark)
        {
            for commit in &commits {
                cause = self.note_committed(commit, cause, fx);
            }
        }
        cause
    }
}
