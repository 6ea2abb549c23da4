//! Asking the controller for another ISR (R-31..R-34).

use super::{Asked, Broker, Due};
use crate::controller::image::Image;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::replica::isr::{AfterReply, IsrState};
use crate::replica::remote::Remote;
use crate::time::SimDuration;
use crate::trace::{Api, What};
use crate::wire::{AlterPart, AlterResult, Request};

/// a failed request is sent again after this long.
const ALTER_RETRY: SimDuration = SimDuration::from_millis(50);

/// may this replica join an ISR, as far as this broker's metadata knows?
pub(super) fn is_eligible(image: &Image, broker: BrokerId, remote: &Remote) -> bool {
    image.may_join_isr(broker, remote.broker_epoch)
}

impl Broker {
    /// every replica.lag.time.max.ms / 2.
    pub(super) fn shrink_isrs(&mut self, fx: &mut Effects<'_>) {
        let lag_max = self.config().replica_lag_time_max;
        self.agenda.add(fx.now + SimDuration((lag_max.0 / 2).max(1)), Due::ShrinkIsrs);
        let mut changes = Vec::new();
        for replica in self.replicas.iter_mut().flatten() {
            if let Some(isr) = replica.propose_shrink(fx.now, lag_max) {
                changes.push((replica.partition, isr));
            }
        }
        for (partition, isr) in changes {
            fx.trace(What::IsrProposed { broker: self.id, partition, isr });
            self.alter_wanted.insert(partition);
        }
        self.send_alter(fx);
    }

    /// after each accepted fetch of a follower.
    pub(super) fn maybe_expand_isr(&mut self, partition: PartitionId, broker: BrokerId, fx: &mut Effects<'_>) {
        let replica = self.replicas[partition.ix()].as_mut().expect("it leads");
        let image = &self.image;
        let Some(asked) = replica.propose_expand(broker, |remote| is_eligible(image, broker, remote)) else { return };
        fx.trace(What::IsrProposed { broker: self.id, partition, isr: asked });
        self.alter_wanted.insert(partition);
        self.send_alter(fx);
    }

    /// one request in flight; what comes meanwhile goes with the next.
    pub(super) fn send_alter(&mut self, fx: &mut Effects<'_>) {
        if self.alter_in_flight || self.alter_wanted.is_empty() || !self.is_up() {
            return;
        }
        let wanted = std::mem::take(&mut self.alter_wanted);
        let parts: Vec<AlterPart> = wanted.into_iter().filter_map(|p| self.alter_part(p)).collect();
        if parts.is_empty() {
            return;
        }
        self.alter_in_flight = true;
        let request = Request::AlterPartition { broker: self.id, broker_epoch: self.epoch, parts: parts.clone() };
        let timeout = self.config().replica_socket_timeout;
        if self.ask_controller((Api::AlterPartition, request), timeout, Asked::Alter(parts.clone()), fx).is_err() {
            self.on_alter_answer(&parts, ErrorCode::NotController, &[], fx);
        }
    }

    fn alter_part(&self, partition: PartitionId) -> Option<AlterPart> {
        let replica = self.replica(partition)?;
        let leading = replica.leading()?;
        let isr = leading.isr.asked()?;
        let newcomer = isr.minus(leading.isr.committed()).iter().next();
        let remote = newcomer.and_then(|b| leading.remotes.iter().find(|(r, _)| *r == b));
        Some(AlterPart {
            partition,
            leader_epoch: replica.leader_epoch,
            partition_epoch: replica.partition_epoch,
            isr,
            newcomer_epoch: remote.and_then(|(_, r)| r.broker_epoch).unwrap_or(BrokerEpoch::NONE),
            // C-15: whatever it asks for, it has recovered by now.
            recovering: false,
        })
    }

    ///
    pub(super) fn on_alter_answer(
        &mut self,
        asked: &[AlterPart],
        error: ErrorCode,
        results: &[AlterResult],
        fx: &mut Effects<'_>,
    ) {
        self.alter_in_flight = false;
        let mut again = false;
        for part in asked {
            let result = results.iter().find(|r| r.partition == part.partition);
            let error = result.map_or(error, |r| r.error);
            let Some(replica) = self.replicas[part.partition.ix()].as_mut() else { continue };
            let unchanged = replica.leader_epoch == part.leader_epoch && replica.partition_epoch == part.partition_epoch;
            let local = (replica.leader_epoch, replica.partition_epoch);
            let Some(leading) = replica.leading_mut().filter(|l| l.isr.is_pending()) else { continue };
            if let Some(result) = result.filter(|r| r.error == ErrorCode::None) {
                if IsrState::adopts((result.leader_epoch, result.partition_epoch), local) {
                    leading.isr = IsrState::Committed(result.isr);
                    leading.recovering = false;
                    replica.partition_epoch = result.partition_epoch;
                    self.try_advance_watermark(part.partition, fx.cause, fx);
                }
                continue;
            }
            if leading.isr.refused(error) == AfterReply::Retry && unchanged {
                self.alter_wanted.insert(part.partition);
                again = true;
            }
        }
        if again {
            self.agenda.add(fx.now + ALTER_RETRY, Due::Alter);
        } else {
            self.send_alter(fx);
        }
    }
}
