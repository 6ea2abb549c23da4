//! The group coordinator: the groups whose partition of `__consumer_offsets` this broker leads (G-30..G-33). What it knows is what that
//! partition's log says, and what members are waiting for.

mod expiry;
mod groups;
mod loading;
mod offsets;

pub(super) use offsets::{COMMIT_BYTES, Commit};

use super::Broker;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::group::classic::ClassicGroup;
use crate::ids::*;
use crate::record::{CommitRecord, CommittedOffset};
use crate::rows::Map;
use crate::time::{SimTime, Timestamp};
use crate::wire::Response;
use std::collections::VecDeque;

/// What a coordinator keeps in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Coordinator {
    classic: Map<GroupId, ClassicGroup>,
    /// G-31: committed offsets by group and partition, and when they were.
    offsets: Map<(GroupId, PartitionId), (CommittedOffset, Timestamp)>,
    /// G-34: since when classic groups have no members.
    empty_since: Map<GroupId, Timestamp>,
    /// Commits that are in the log and not committed themselves, by partition of `__consumer_offsets`: where each ends. They take
    /// effect when the high watermark passes that, however long it takes.
    uncommitted: Map<PartitionId, VecDeque<(Offset, Vec<CommitRecord>)>>,
    /// G-32: partitions that are being replayed.
    loading: Map<PartitionId, SimTime>,
    /// When each group is due on the agenda.
    planned: Map<GroupId, SimTime>,
}

/// G-31: how the error of an append looks to the member that waits for it.
pub(super) fn append_error(error: ErrorCode) -> ErrorCode {
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
    /// The committed offset of a group, if this broker coordinates it.
    pub fn committed(&self, group: GroupId, partition: PartitionId) -> Option<CommittedOffset> {
        self.coordinator.offsets.get(&(group, partition)).map(|known| known.0)
    }

    /// A classic group, if this broker coordinates it and somebody has joined.
    pub fn classic_group(&self, group: GroupId) -> Option<&ClassicGroup> {
        self.coordinator.classic.get(&group)
    }

    fn home(&self, group: GroupId) -> PartitionId {
        self.layout.coordinator_partitions[group.ix()]
    }

    /// Does this broker coordinate the group now?
    ///
    /// # Errors
    /// NOT_COORDINATOR; COORDINATOR_LOAD_IN_PROGRESS while it replays the group's partition (G-32).
    pub(crate) fn coordinates(&self, group: GroupId) -> Result<(), ErrorCode> {
        self.coordinates_in(self.home(group))
    }

    /// Does it coordinate what lies in this partition?
    pub(super) fn coordinates_in(&self, home: PartitionId) -> Result<(), ErrorCode> {
        match self.replica(home).and_then(|r| r.leading()) {
            None => Err(ErrorCode::NotCoordinator),
            Some(_) if self.coordinator.loading.contains_key(&home) => Err(ErrorCode::CoordinatorLoadInProgress),
            Some(_) => Ok(()),
        }
    }

    /// G-30.
    pub(super) fn on_find_coordinator(&mut self, caller: Caller, group: GroupId, fx: &mut Effects<'_>) {
        let coordinator = self.image.partition(self.home(group)).leader;
        let error = if coordinator.is_some() { ErrorCode::None } else { ErrorCode::CoordinatorNotAvailable };
        fx.respond(&caller, self.node(), fx.cause, Response::FindCoordinator { error, coordinator });
    }
}
