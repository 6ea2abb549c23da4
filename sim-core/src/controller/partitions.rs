//! Elections and AlterPartition (C-4, C-10..C-16, R-35).

use super::active::Active;
use super::change::{self, Rules, Wish};
use super::image::{MetadataRecord, PartitionState};
use super::log::Why;
use crate::bug::Bug;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::set::BrokerSet;
use crate::trace::What;
use crate::wire::{AlterPart, AlterResult, Response};

impl Active {
    pub(super) fn remove_from_isrs(&mut self, broker: BrokerId, unclean: BrokerSet, why: Why) {
        for id in self.layout.partition_ids() {
            let state = *self.image.partition(id);
            let concerned =
                state.isr.contains(broker) || state.leader == Some(broker) || state.elr.intersect(unclean) != BrokerSet::EMPTY;
            if concerned {
                let wish = Wish { unclean, ..Wish::for_isr(state.isr.without(broker)) };
                self.change_partition(id, wish, why);
            }
        }
    }

    /// C-4: unfencing a broker gives leaderless partitions another chance.
    pub(super) fn elect_leaderless(&mut self, why: Why) {
        for id in self.layout.partition_ids() {
            let state = *self.image.partition(id);
            if state.exists() && state.leader.is_none() {
                self.change_partition(id, Wish::for_isr(state.isr), why);
            }
        }
    }

    pub(super) fn change_partition(&mut self, id: PartitionId, wish: Wish, why: Why) {
        let place = self.layout.partition(id);
        let silent = self.layout.scenario.has_bug(Bug::UncleanCalledClean);
        let rules = Rules {
            replicas: &place.replicas,
            min_isr: place.min_isr,
            elr: self.layout.scenario.cluster.elr,
            unclean_elections: place.config.unclean_leader_election || silent,
        };
        let old = *self.image.partition(id);
        let Some((new, unclean)) = change::change(&old, rules, wish, |b| self.image.is_active(b)) else { return };
        let what = if new.leader == old.leader {
            What::IsrChanged { partition: id, old: old.isr, new: new.isr, elr: new.elr, epoch: new.partition_epoch }
        } else {
            What::LeaderElected {
                partition: id,
                old: old.leader,
                new: new.leader,
                epoch: new.leader_epoch,
                isr: new.isr,
                unclean: unclean && !silent,
            }
        };
        self.write(MetadataRecord::Partition(id, new), Some(what), why);
    }

    /// CreatePartitions (P-23): the partitions that make `total` of what the topic has, each with those of its replicas in sync that are
    /// active, the first of them leading.
    ///
    /// # Errors
    /// INVALID_PARTITIONS if that is not more than there are, INVALID_REPLICA_ASSIGNMENT if nobody could lead one of them.
    pub(super) fn new_partitions(&self, topic: TopicId, total: u16) -> Result<Vec<(PartitionId, PartitionState)>, ErrorCode> {
        let missing = |id: &&PartitionId| !self.image.partition(**id).exists();
        let wanted = self.layout.topics[topic.ix()].iter().take(usize::from(total));
        let new: Vec<PartitionId> = wanted.filter(missing).copied().collect();
        if new.is_empty() {
            return Err(ErrorCode::InvalidPartitions);
        }
        let state = |id: PartitionId| {
            let replicas = self.layout.partition(id).replicas.iter().copied();
            let active: Vec<BrokerId> = replicas.filter(|&b| self.image.is_active(b)).collect();
            let state = (!active.is_empty()).then(|| PartitionState::formed(&active));
            state.map(|state| (id, state)).ok_or(ErrorCode::InvalidReplicaAssignment)
        };
        new.into_iter().map(state).collect()
    }

    pub(super) fn add_partitions(&mut self, new: Vec<(PartitionId, PartitionState)>, why: Why) {
        for (id, state) in new {
            let leader = state.leader.expect("it was formed with one");
            let what = What::PartitionAdded { partition: id, leader, isr: state.isr };
            self.write(MetadataRecord::Partition(id, state), Some(what), why);
        }
    }

    ///
    pub(super) fn on_alter_partition(
        &mut self,
        broker: BrokerId,
        broker_epoch: BrokerEpoch,
        parts: &[AlterPart],
        cause: Why,
    ) -> Response {
        if let Err(error) = check_sender(broker_epoch, self.image.broker(broker).epoch) {
            return Response::AlterPartition { error, parts: Vec::new() };
        }
        let parts = parts.iter().map(|part| self.alter_partition(broker, part, cause)).collect();
        Response::AlterPartition { error: ErrorCode::None, parts }
    }

    fn alter_partition(&mut self, broker: BrokerId, part: &AlterPart, cause: Why) -> AlterResult {
        let id = part.partition;
        let before = *self.image.partition(id);
        let place = self.layout.partition(id);
        let former = self.layout.scenario.has_bug(Bug::FormerSelfAccepted);
        let may_join = |b, epoch| self.image.may_join_isr(b, Some(if former { BrokerEpoch::NONE } else { epoch }));
        let mut error = check_alter(&before, &place.replicas, broker, part, may_join).err().unwrap_or(ErrorCode::None);
        if error == ErrorCode::None {
            self.change_partition(id, Wish { recovered: !part.recovering, ..Wish::for_isr(part.isr) }, cause);
            if self.image.partition(id).leader != before.leader {
                error = ErrorCode::NewLeaderElected;
            }
        }
        let now = self.image.partition(id);
        let (leader_epoch, partition_epoch, isr) = (now.leader_epoch, now.partition_epoch, now.isr);
        AlterResult { partition: id, error, leader_epoch, partition_epoch, isr }
    }
}

/// R-35, the first check: does the request come from the sender's registered incarnation?
///
/// # Errors
/// STALE_BROKER_EPOCH.
pub fn check_sender(sent: BrokerEpoch, registered: BrokerEpoch) -> Result<(), ErrorCode> {
    if sent == registered { Ok(()) } else { Err(ErrorCode::StaleBrokerEpoch) }
}

/// R-35, from the partition's epochs on: may this change be made?
///
/// # Errors
/// As Kafka answers, in Kafka's order of checks.
pub fn check_alter(
    state: &PartitionState,
    replicas: &[BrokerId],
    sender: BrokerId,
    part: &AlterPart,
    may_join: impl Fn(BrokerId, BrokerEpoch) -> bool,
) -> Result<(), ErrorCode> {
    if part.leader_epoch > state.leader_epoch || part.partition_epoch > state.partition_epoch {
        return Err(ErrorCode::NotController);
    }
    if part.leader_epoch < state.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if state.leader != Some(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if part.partition_epoch < state.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let all: BrokerSet = replicas.iter().copied().collect();
    let recovery_fits = !part.recovering || part.isr.len() == 1;
    if !all.contains_all(part.isr) || !part.isr.contains(sender) || !recovery_fits || (part.recovering && !state.recovering) {
        return Err(ErrorCode::InvalidRequest);
    }
    let newcomers = part.isr.minus(state.isr);
    if newcomers.iter().any(|b| !may_join(b, part.newcomer_epoch)) {
        return Err(ErrorCode::IneligibleReplica);
    }
    Ok(())
}
