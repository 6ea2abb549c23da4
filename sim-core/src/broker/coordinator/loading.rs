//! Becoming and ceasing to be the coordinator of the groups, or of the transactional.ids, of a partition (G-32).

use super::super::{Broker, Due};
use crate::effects::Effects;
use crate::group::classic::ClassicGroup;
use crate::ids::*;
use crate::log::LogBatch;
use crate::record::{GroupRecord, Payload};
use crate::time::{SimDuration, SimTime, Timestamp};
use crate::trace::What;

/// A replay takes this long even of an empty partition, and longer by a microsecond for each so many bytes: 50 MB in a second.
const LOADING_STARTS: SimDuration = SimDuration::from_millis(1);
const BYTES_PER_MICROSECOND: u64 = 50;

impl Broker {
    /// G-32, X-1: this broker leads a partition of Kafka's own now, and replays it before it serves.
    pub(in crate::broker) fn start_loading(&mut self, home: PartitionId, fx: &mut Effects<'_>) {
        if self.layout.partition(home).topic.is_some() {
            return;
        }
        let replica = self.replica(home).expect("it leads");
        let bytes: u64 = replica.log.batches().map(|entry| u64::from(entry.batch.bytes)).sum();
        let at = fx.now + SimDuration(LOADING_STARTS.0 + bytes / BYTES_PER_MICROSECOND);
        self.coordinator.loading.insert(home, at);
        self.agenda.add(at, Due::Load(home));
    }

    /// The replay is over. What is not committed yet counts when it is, as if this broker had appended it.
    pub(in crate::broker) fn finish_loading(&mut self, home: PartitionId, fx: &mut Effects<'_>) {
        // It may have lost the partition, and got it back, meanwhile.
        if self.coordinator.loading.get(&home).is_none_or(|&at| at > fx.now) {
            return;
        }
        self.coordinator.loading.remove(&home);
        self.load_coordinator(home, fx);
        let layout = self.layout.clone();
        if layout.transactional_ids.iter().any(|id| id.home == home) {
            fx.trace(What::TransactionsLoaded { broker: self.id, partition: home, known: self.transactional_ids_of(home) });
        }
        let here = (0..layout.coordinator_partitions.len() as u16).map(GroupId);
        for group in here.filter(|g| layout.coordinator_partitions[g.ix()] == home) {
            let modern = self.modern_group(group).map(|g| (g.epoch.0, g.members.len() as u32));
            let classic = self.classic_group(group).map(|g| (g.generation(), g.members().count() as u32));
            let (generation, members) = classic.or(modern).unwrap_or((0, 0));
            fx.trace(What::GroupLoaded { broker: self.id, group, generation, members });
            let known = self.coordinator.offsets.range((group, PartitionId(0))..=(group, PartitionId(u16::MAX)));
            for (&(group, partition), (committed, _)) in known {
                fx.trace(What::Committed { group, partition, offset: committed.offset });
            }
        }
    }

    /// One batch of the log, while it is replayed.
    pub(in crate::broker) fn replay_commits(&mut self, home: PartitionId, entry: &LogBatch) {
        let watermark = self.replica(home).expect("it leads").high_watermark;
        match &entry.batch.payload {
            Payload::Commits(commits) if entry.end() <= watermark => {
                for commit in commits {
                    self.set_committed(commit);
                }
            }
            Payload::Commits(commits) => {
                let waiting = self.coordinator.uncommitted.entry(home).or_default();
                waiting.push_back((entry.end(), commits.clone()));
            }
            _ => {}
        }
    }

    /// A group's record, while it is replayed: the last one counts.
    pub(in crate::broker) fn replay_group(&mut self, record: &GroupRecord, written: Timestamp, now: SimTime) {
        let delay = self.config().group_initial_rebalance_delay;
        self.coordinator.classic.insert(record.group, ClassicGroup::restored(record, delay, now));
        if record.members.is_empty() {
            self.coordinator.empty_since.insert(record.group, written);
        }
        self.plan_group(record.group);
    }

    /// What it kept in memory for the groups of a partition is no longer its business. Who waits for an answer
    /// looks elsewhere.
    pub(in crate::broker) fn resign_coordinator(&mut self, home: PartitionId, fx: &mut Effects<'_>) {
        let layout = self.layout.clone();
        let elsewhere = |group: &GroupId| layout.coordinator_partitions[group.ix()] != home;
        self.coordinator.offsets.retain(|(group, _), _| elsewhere(group));
        self.coordinator.empty_since.retain(|group, _| elsewhere(group));
        self.resign_modern_groups(home);
        self.coordinator.loading.remove(&home);
        self.coordinator.uncommitted.remove(&home);
        let gone: Vec<GroupId> = self.coordinator.classic.keys().copied().filter(|g| !elsewhere(g)).collect();
        for group in gone {
            let mut acts = Vec::new();
            self.coordinator.classic.get_mut(&group).expect("listed above").unload(&mut acts);
            self.perform(group, acts, fx);
            self.coordinator.classic.remove(&group);
            self.plan_group(group);
        }
    }
}
