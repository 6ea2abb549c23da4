//! Following the controller's metadata log, and becoming leader or follower by it (R-36, C-19).

use super::controllers::CONTROLLER_RETRY;
use super::{Asked, Broker, Due, METADATA_RETRY, empty_replica};
use crate::bug::Bug;
use crate::controller::image::{MetadataRecord, PartitionState};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::replica::isr::IsrState;
use crate::replica::truncation::{FirstStep, first_step};
use crate::replica::{Following, Role};
use crate::scenario::TruncationRule;
use crate::time::SimTime;
use crate::trace::{Api, What};
use crate::wire::{MetadataAnswer, Request};

impl Broker {
    pub(super) fn read_metadata(&mut self, fx: &mut Effects<'_>) {
        if self.client.in_flight().any(|f| matches!(f.what, Asked::Metadata)) {
            return;
        }
        match self.metadata_source(fx.now) {
            Err(at) => self.agenda.add(at.max(fx.now + METADATA_RETRY), Due::ReadMetadata),
            Ok(controller) => {
                let request = Request::MetadataFetch {
                    replica: self.node(),
                    epoch: self.controllers.view.epoch,
                    last_epoch: self.metadata_epoch,
                    offset: self.image.offset,
                    high_watermark: self.image.offset,
                };
                let (timeout, cause) = (self.config().quorum_request_timeout, fx.cause);
                self.client.ask(fx, controller, (Api::MetadataFetch, request), timeout, cause, Asked::Metadata);
            }
        }
    }

    pub(super) fn on_metadata(&mut self, from: NodeId, answer: &MetadataAnswer, fx: &mut Effects<'_>) {
        self.learn_quorum(from, answer.view);
        if answer.error != ErrorCode::None {
            // A controller that knows the leader spares a look elsewhere.
            let wait = if self.active_controller().is_some_and(|l| l != from && !self.controllers.doubted) {
                METADATA_RETRY
            } else {
                CONTROLLER_RETRY
            };
            return self.agenda.add(fx.now + wait, Due::ReadMetadata);
        }
        if answer.from == self.image.offset {
            for entry in &answer.entries {
                self.image.apply(entry.record);
                self.metadata_epoch = entry.epoch;
                if self.caught_up {
                    match entry.record {
                        MetadataRecord::Partition(partition, state) => self.apply_partition(partition, state, fx),
                        MetadataRecord::Broker(..) => self.brokers_changed(fx),
                        MetadataRecord::ProducerIds { .. } | MetadataRecord::LeaderChange(_) => {}
                    }
                }
            }
        }
        self.catch_up(fx);
        self.read_metadata(fx);
        self.replicate(fx.cause, fx);
        self.work_on_transactions(fx);
    }

    /// C-3: a starting broker applies nothing before it knows the present and has read its logs (D-4). Then it asks to be unfenced.
    pub(super) fn catch_up(&mut self, fx: &mut Effects<'_>) {
        let knows_present = self.epoch != BrokerEpoch::NONE && self.image.offset > self.epoch.0;
        if !self.caught_up && knows_present && self.loading.is_none() {
            self.caught_up = true;
            self.apply_all_partitions(fx);
        }
        self.speak_up_if_fenced(fx);
    }

    pub(super) fn apply_all_partitions(&mut self, fx: &mut Effects<'_>) {
        for partition in self.layout.clone().partition_ids() {
            let state = *self.image.partition(partition);
            self.apply_partition(partition, state, fx);
        }
    }

    /// Who may join an ISR may have changed, and with it what the watermarks wait for.
    fn brokers_changed(&mut self, fx: &mut Effects<'_>) {
        for partition in self.layout.clone().partition_ids() {
            if self.replica(partition).is_some_and(|r| r.leading().is_some()) {
                self.try_advance_watermark(partition, fx.cause, fx);
            }
        }
    }

    /// P-23: a partition that was added gets a log when this broker hears of it.
    fn make_replica(&mut self, partition: PartitionId, now: SimTime) {
        let place = self.layout.partition(partition);
        if self.replicas[partition.ix()].is_some() || !place.replicas.contains(&self.id) {
            return;
        }
        if place.config.log.compact && !self.has_compacted_logs() {
            self.agenda.add(now + self.config().log.cleaner_backoff, Due::Clean);
        }
        self.replicas[partition.ix()] = Some(empty_replica(&self.layout, partition, now));
    }

    ///
    fn apply_partition(&mut self, partition: PartitionId, state: PartitionState, fx: &mut Effects<'_>) {
        if state.exists() {
            self.make_replica(partition, fx.now);
        }
        let Some(replica) = self.replicas[partition.ix()].as_mut() else { return };
        if state.partition_epoch < replica.partition_epoch && !replica.bugs.has(Bug::AppliesOlderMetadata) {
            return;
        }
        let new_epoch = state.leader_epoch > replica.leader_epoch;
        if !new_epoch && state.partition_epoch == replica.partition_epoch {
            // A leader has adopted this version from the answer to its AlterPartition. It may have asked for the next one since:
            // going back to the committed set would narrow the maximal ISR while that is in flight (INV-6).
            return;
        }
        replica.partition_epoch = state.partition_epoch;
        replica.leader_epoch = state.leader_epoch;
        if !new_epoch {
            if let Some(leading) = replica.leading_mut() {
                leading.isr = IsrState::Committed(state.isr);
                leading.recovering = state.recovering;
                self.alter_wanted.remove(&partition);
                self.try_advance_watermark(partition, fx.cause, fx);
            }
            return;
        }
        self.step_down(partition, fx);
        if state.leader == Some(self.id) {
            self.lead(partition, state, fx);
        } else {
            self.follow(partition, state, fx);
        }
    }

    /// A new epoch ends whatever this replica led before: what waited is answered (L-24), parked fetches are sent away.
    fn step_down(&mut self, partition: PartitionId, fx: &mut Effects<'_>) {
        let replica = self.replicas[partition.ix()].as_mut().expect("checked by the caller");
        let Role::Leader(leading) = std::mem::replace(&mut replica.role, Role::Idle) else {
            return self.stir_followers_readers(partition);
        };
        self.alter_wanted.remove(&partition);
        self.stirred.extend(leading.parked.iter());
        self.fail_waiting(partition, leading.waiting.iter().map(|w| w.1).collect(), fx);
        self.resign_coordinator(partition, fx);
        self.resign_transactions(partition, fx);
    }

    fn lead(&mut self, partition: PartitionId, state: PartitionState, fx: &mut Effects<'_>) {
        let (id, layout) = (self.id, self.layout.clone());
        let replica = self.replicas[partition.ix()].as_mut().expect("checked by the caller");
        let others = layout.partition(partition).replicas.iter().copied().filter(|&b| b != id);
        replica.become_leader(state.leader_epoch, state.isr, state.recovering, others, fx.now);
        let start = replica.log.end();
        let event = fx.trace(What::BecameLeader { broker: id, partition, epoch: state.leader_epoch, start });
        self.try_advance_watermark(partition, event, fx);
        self.start_loading(partition, fx);
    }

    fn follow(&mut self, partition: PartitionId, state: PartitionState, fx: &mut Effects<'_>) {
        let broker = self.id;
        let replica = self.replicas[partition.ix()].as_mut().expect("checked by the caller");
        let event = What::BecameFollower { broker, partition, epoch: state.leader_epoch, leader: state.leader };
        let Some(leader) = state.leader else {
            replica.role = Role::Idle;
            fx.trace(event);
            return;
        };
        let bug = replica.bugs.has(Bug::TruncatesToWatermark);
        let rule = if bug { TruncationRule::HighWatermark } else { replica.rules.truncation };
        let first = first_step(rule, replica.high_watermark, replica.log.latest_epoch());
        let truncating = if first == FirstStep::Ask { Some(replica.high_watermark) } else { None };
        let (backoff_until, awaits_metadata, seeks) = (SimTime::ZERO, false, None);
        replica.role = Role::Follower(Following { leader, backoff_until, awaits_metadata, truncating, seeks });
        fx.trace(event);
        if let FirstStep::CutTo(to) = first {
            self.truncate(partition, to, fx);
        }
    }
}
