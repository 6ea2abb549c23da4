//! G-34: offsets that nobody has wanted for `offsets.retention.minutes` are forgotten, by records that say so.

use super::super::{Broker, Due};
use super::offsets::COMMIT_BYTES;
use crate::effects::Effects;
use crate::group::classic::State;
use crate::ids::*;
use crate::record::{BATCH_OVERHEAD, Batch, CommitRecord, Payload, Sequence};
use crate::rows::Set;
use crate::time::Timestamp;
use std::sync::Arc;

/// From when on the offsets of a group grow old.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Since {
    /// All of them: its last member went then.
    Empty(Timestamp),
    /// Each from its own commit, but for those of topics that somebody reads.
    Committed(Set<TopicId>),
}

impl Broker {
    /// Every `offsets.retention.check.interval.ms`: looks at the groups that this broker coordinates.
    pub(in crate::broker) fn expire_offsets(&mut self, fx: &mut Effects<'_>) {
        self.agenda.add(fx.now + self.config().offsets_retention_check, Due::ExpireOffsets);
        for group in (0..self.layout.coordinator_partitions.len() as u16).map(GroupId) {
            if self.coordinates(group).is_ok() {
                self.expire_offsets_of(group, fx);
            }
        }
    }

    /// None: its members are about to change.
    fn ages_since(&self, group: GroupId) -> Option<Since> {
        if let Some(known) = self.modern_group(group) {
            let read = known.members.values().flat_map(|member| member.metadata.topics.iter().copied());
            return Some(Since::Committed(read.collect()));
        }
        match self.classic_group(group) {
            // Nobody has ever joined: whoever commits does so without the group.
            None => Some(Since::Committed(Set::new())),
            Some(known) if known.generation() == 0 => Some(Since::Committed(Set::new())),
            Some(known) => match known.state() {
                State::Empty => self.coordinator.empty_since.get(&group).copied().map(Since::Empty),
                State::Stable => {
                    let read = known.members().flat_map(|(_, member)| member.subscription.topics.iter().copied());
                    Some(Since::Committed(read.collect()))
                }
                _ => None,
            },
        }
    }

    fn expire_offsets_of(&mut self, group: GroupId, fx: &mut Effects<'_>) {
        let Some(since) = self.ages_since(group) else { return };
        let retention = self.config().offsets_retention;
        let is_old = |partition: PartitionId, committed: Timestamp| {
            let from = match &since {
                Since::Empty(at) => Some(*at),
                Since::Committed(read) => {
                    let topic = self.layout.partition(partition).topic;
                    topic.is_none_or(|topic| !read.contains(&topic)).then_some(committed)
                }
            };
            from.is_some_and(|from| from.age(fx.now) >= retention)
        };
        let known = self.coordinator.offsets.range((group, PartitionId(0))..=(group, PartitionId(u16::MAX)));
        let old = known.filter(|((_, partition), (_, at))| is_old(*partition, *at)).map(|(&(_, partition), _)| partition);
        let old: Vec<PartitionId> = old.filter(|&p| !self.has_unstable_offset(group, p)).collect();
        if old.is_empty() {
            return;
        }
        let forget = |partition| CommitRecord { group, partition, committed: None, at: fx.now.into() };
        let records: Vec<CommitRecord> = old.into_iter().map(forget).collect();
        let batch = Arc::new(Batch {
            id: None,
            sequence: Sequence::NONE,
            transactional: false,
            bytes: BATCH_OVERHEAD + COMMIT_BYTES * records.len() as u32,
            payload: Payload::Commits(records.clone()),
            timestamp: fx.now.into(),
        });
        let home = self.home(group);
        // What cannot be written now is found again at the next look.
        if let Ok((placed, event)) = self.append_to_leader(home, &batch, true, fx) {
            self.coordinator.uncommitted.entry(home).or_default().push_back((placed.end, records));
            self.watermark_moved(home, event, fx);
        }
    }
}
