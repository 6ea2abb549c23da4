//! Becoming and ceasing to be the coordinator of the groups of a partition (G-32).

use super::super::{Broker, Due};
use crate::effects::Effects;
use crate::group::classic::ClassicGroup;
use crate::ids::*;
use crate::record::{CommittedOffset, Payload};
use crate::time::SimDuration;
use crate::trace::What;
use std::collections::BTreeMap;

/// A replay takes this long even of an empty partition, and longer by a microsecond for each so many bytes: 50 MB in a second.
const LOADING_STARTS: SimDuration = SimDuration::from_millis(1);
const BYTES_PER_MICROSECOND: u64 = 50;

impl Broker {
    /// G-32: this broker leads a partition of `__consumer_offsets` now, and replays it before it serves.
    pub(in crate::broker) fn start_loading(&mut self, home: PartitionId, fx: &Effects<'_>) {
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
        if self.coordinator.loading.remove(&home).is_none() {
            return; // it does not lead any more
        }
        let replica = self.replicas[home.ix()].as_ref().expect("it leads");
        let watermark = replica.high_watermark;
        let mut offsets: BTreeMap<(GroupId, PartitionId), CommittedOffset> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for entry in replica.log.batches() {
            match &entry.batch.payload {
                Payload::Commits(commits) if entry.end() <= watermark => {
                    offsets.extend(commits.iter().map(|c| ((c.group, c.partition), c.committed)));
                }
                Payload::Commits(commits) => {
                    let waiting = self.coordinator.uncommitted.entry(home).or_default();
                    waiting.push_back((entry.end(), commits.clone()));
                }
                Payload::Group(record) => {
                    groups.insert(record.group, record.clone());
                }
                Payload::Records(_) | Payload::ModernGroup(..) => {}
            }
        }
        self.load_modern_groups(home, fx.now);
        let delay = self.config().group_initial_rebalance_delay;
        let layout = self.layout.clone();
        let here = (0..layout.coordinator_partitions.len() as u16).map(GroupId);
        for group in here.filter(|g| layout.coordinator_partitions[g.ix()] == home) {
            let known = groups.get(&group);
            let modern = self.modern_group(group).map(|g| (g.epoch.0, g.members.len() as u32));
            let classic = known.map(|r| (r.generation, r.members.len() as u32));
            let (generation, members) = classic.or(modern).unwrap_or((0, 0));
            fx.trace(What::GroupLoaded { broker: self.id, group, generation, members });
            if let Some(record) = known {
                self.coordinator.classic.insert(group, ClassicGroup::restored(record, delay, fx.now));
                self.plan_group(group);
            }
        }
        for (&(group, partition), committed) in &offsets {
            fx.trace(What::Committed { group, partition, offset: committed.offset });
        }
        self.coordinator.offsets.extend(offsets);
    }

    /// What it kept in memory for the groups of a partition is no longer its business. Who waits for an answer
    /// looks elsewhere.
    pub(in crate::broker) fn resign_coordinator(&mut self, home: PartitionId, fx: &mut Effects<'_>) {
        if self.layout.partition(home).topic.is_some() {
            return;
        }
        let layout = self.layout.clone();
        let elsewhere = |group: &GroupId| layout.coordinator_partitions[group.ix()] != home;
        self.coordinator.offsets.retain(|(group, _), _| elsewhere(group));
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
