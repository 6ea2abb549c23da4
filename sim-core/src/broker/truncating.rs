//! How followers found out what to cut before KIP-320: they asked before they fetched. Today the fetch itself tells.

use super::{Asked, Broker};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::epoch_cache::EpochEnd;
use crate::replica::Role;
use crate::replica::truncation::cut_by;
use crate::trace::{Api, TraceId};
use crate::wire::{EpochPart, Request};

impl Broker {
    /// Asks this leader about all partitions that must know what to cut before they fetch.
    pub(super) fn ask_what_to_cut(&mut self, leader: BrokerId, cause: TraceId, fx: &mut Effects<'_>) {
        let mut parts = Vec::new();
        for replica in self.replicas.iter().flatten() {
            let Role::Follower(following) = &replica.role else { continue };
            if following.leader == leader && following.truncating.is_some() && following.may_ask(fx.now) {
                let (partition, epoch) = (replica.partition, replica.log.latest_epoch());
                parts.push(EpochPart { partition, current_epoch: replica.leader_epoch, epoch });
            }
        }
        let asked = Asked::EpochEnds(parts.iter().map(|part| (part.partition, part.current_epoch)).collect());
        let (timeout, request) = (self.config().replica_socket_timeout, Request::OffsetsForLeaderEpoch { parts });
        self.client.ask(fx, NodeId::Broker(leader), (Api::OffsetsForLeaderEpoch, request), timeout, cause, asked);
    }

    pub(super) fn on_epoch_ends_answer(
        &mut self,
        from: NodeId,
        epochs: &[(PartitionId, LeaderEpoch)],
        answers: Vec<Result<Option<EpochEnd>, ErrorCode>>,
        fx: &mut Effects<'_>,
    ) {
        for (answer, &(partition, epoch)) in answers.into_iter().zip(epochs) {
            let replica = self.replica(partition).expect("it asked for it");
            let truncating = matches!(&replica.role, Role::Follower(f) if f.truncating.is_some());
            if !truncating || !replica.still_follows(from, epoch) {
                continue;
            }
            match answer {
                Ok(reply) => self.cut_by_answer(partition, reply, fx),
                Err(_) => {
                    let until = fx.now + self.config().replica_fetch_backoff;
                    self.following_mut(partition).backoff_until = until;
                }
            }
        }
        self.replicate(fx.cause, fx);
    }

    /// R-45, or what there was before it.
    fn cut_by_answer(&mut self, partition: PartitionId, reply: Option<EpochEnd>, fx: &mut Effects<'_>) {
        let initial = self.following_mut(partition).truncating.expect("checked by the caller");
        let replica = self.replica(partition).expect("it asked for it");
        let end = replica.log.end();
        let own = reply.and_then(|leader| replica.log.epochs.end_offset_for(leader.epoch, end));
        let cut = cut_by(replica.rules.truncation, reply, own, end, initial);
        self.truncate(partition, cut.to, fx);
        if cut.complete {
            self.following_mut(partition).truncating = None;
        }
    }
}
