//! The follower's side: one fetcher for each leader broker, copying records and cutting what the leader does not have
//! (R-1, R-7, R-9, R-44..R-47).

use super::{Asked, Broker, Due};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::producer_state::ProducerStates;
use crate::replica::truncation::cut;
use crate::replica::{Replica, Role, watermark};
use crate::scenario::TruncationRule;
use crate::set::BrokerSet;
use crate::time::SimTime;
use crate::trace::{Api, StartReason, TraceId, What};
use crate::wire::{Channel, FetchPart, FetchResult, OffsetSpec, Request};

impl Broker {
    /// Sends the next fetch to every leader that has none in flight.
    pub(super) fn replicate(&mut self, cause: TraceId, fx: &mut Effects<'_>) {
        self.replicate_from(None, cause, fx);
    }

    /// The same for one leader, which has just answered: nothing has changed for the others.
    fn replicate_from(&mut self, only: Option<BrokerId>, cause: TraceId, fx: &mut Effects<'_>) {
        if !self.is_up() || !self.caught_up {
            return;
        }
        let (mut leaders, mut later) = (BrokerSet::EMPTY, SimTime::NEVER);
        let (mut truncating, mut seeking) = (BrokerSet::EMPTY, BrokerSet::EMPTY);
        for replica in self.replicas.iter().flatten() {
            let Role::Follower(following) = &replica.role else { continue };
            if only.is_some_and(|only| only != following.leader) {
                continue;
            }
            if following.backoff_until > fx.now {
                later = later.min(following.backoff_until);
            } else if !following.awaits_metadata {
                leaders = leaders.with(following.leader);
                if following.truncating.is_some() {
                    truncating = truncating.with(following.leader);
                } else if following.seeks.is_some() {
                    seeking = seeking.with(following.leader);
                }
            }
        }
        for leader in leaders.minus(self.slow_disk.fetchers).iter() {
            let server = NodeId::Broker(leader);
            if self.client.in_flight_to(server, Channel::Fetcher) > 0 {
                continue;
            }
            self.client.open(fx, server, Channel::Fetcher);
            if !self.client.is_open(server, Channel::Fetcher) {
                later = later.min(self.client.blocked_until(server, Channel::Fetcher));
            } else if truncating.contains(leader) {
                self.ask_what_to_cut(leader, cause, fx);
            } else if seeking.contains(leader) {
                self.ask_for_range(leader, cause, fx);
            } else {
                self.fetch_from(leader, cause, fx);
            }
        }
        if later > fx.now {
            self.agenda.add(later, Due::Replicate);
        }
    }

    /// asks for all partitions that it follows there and does not leave alone for a while.
    fn fetch_from(&mut self, leader: BrokerId, cause: TraceId, fx: &mut Effects<'_>) {
        let wanted = self.replicas.iter().flatten().filter_map(|replica| wanted_from(replica, leader, fx.now));
        let mut parts = std::mem::take(&mut self.spare.parts);
        let (metadata, forgotten) = self.fetch_handlers[leader.slot()].build(wanted, &mut parts);
        let config = self.config();
        // an old follower does not say which registration it has, and -1 is not checked.
        let checked = self.layout.scenario.cluster.rules.broker_epoch_check;
        let request = Request::ReplicaFetch {
            replica: self.id,
            broker_epoch: if checked { self.epoch } else { BrokerEpoch::NONE },
            max_wait: config.replica_fetch_wait_max,
            partition_max_bytes: config.replica_fetch_max_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            metadata,
            parts,
            forgotten,
        };
        let timeout = config.replica_socket_timeout;
        self.client.ask(fx, NodeId::Broker(leader), (Api::ReplicaFetch, request), timeout, cause, Asked::Fetch(leader));
    }

    /// The leader answered: at once with another fetch, if it was the session that was wrong.
    pub(super) fn on_fetch_answer(
        &mut self,
        leader: BrokerId,
        (error, session): (ErrorCode, FetchSessionId),
        results: Vec<FetchResult>,
        fx: &mut Effects<'_>,
    ) {
        if !self.fetch_handlers[leader.slot()].answered(error, session) {
            self.replicate(fx.cause, fx);
        } else if let Some(results) = self.hold_fetched(leader, results, fx) {
            self.on_fetched(leader, results, fx);
        }
    }

    pub(super) fn on_fetched(&mut self, leader: BrokerId, mut results: Vec<FetchResult>, fx: &mut Effects<'_>) {
        let asked = std::mem::take(&mut self.fetch_handlers[leader.slot()].parts);
        let mut questions = asked.iter();
        for result in results.drain(..) {
            let question = questions.find(|part| part.partition == result.partition);
            let epoch = question.expect("answers come in the order of the partitions").current_epoch;
            // only if nothing has changed since the question.
            let replica = self.replica(result.partition).expect("it fetched for it");
            if replica.still_follows(NodeId::Broker(leader), epoch) && replica.log.end() == result.asked {
                self.apply_fetched(result, fx);
            }
        }
        self.fetch_handlers[leader.slot()].parts = asked;
        self.spare.results = results;
        self.replicate_from(Some(leader), fx.cause, fx);
    }

    fn apply_fetched(&mut self, result: FetchResult, fx: &mut Effects<'_>) {
        let partition = result.partition;
        match result.error {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                self.following_mut(partition).seeks = Some(OffsetSpec::Latest);
                return;
            }
            error => return self.refused(partition, error, fx.now),
        }
        if let Some(reply) = result.diverging() {
            let replica = self.replicas[partition.ix()].as_ref().expect("it fetched for it");
            let own = replica.log.epochs.end_offset_for(reply.epoch, replica.log.end());
            let to = cut(Some(reply), own, replica.log.end(), result.asked).to;
            return self.truncate(partition, to, fx);
        }
        if let Some(base) = result.corrupt() {
            // A follower takes nothing of an answer with a batch that does not fit its CRC, and asks again later.
            fx.trace(What::CorruptionFound { node: self.node(), partition, base });
            self.following_mut(partition).backoff_until = fx.now + self.config().replica_fetch_backoff;
            return;
        }
        self.append_fetched(result, fx);
    }

    /// whom the leader fences waits for metadata; after any other error it asks again later.
    pub(super) fn refused(&mut self, partition: PartitionId, error: ErrorCode, now: SimTime) {
        let until = now + self.config().replica_fetch_backoff;
        let following = self.following_mut(partition);
        if error == ErrorCode::FencedLeaderEpoch {
            following.awaits_metadata = true;
        } else {
            following.backoff_until = until;
        }
    }

    fn append_fetched(&mut self, result: FetchResult, fx: &mut Effects<'_>) {
        let (id, partition) = (self.id, result.partition);
        let config = &self.layout.partition(partition).config.log;
        let (limits, compacted) = (config.roll_limits(), config.compact);
        let mut last = fx.cause;
        for entry in result.batches {
            let replica = self.replicas[partition.ix()].as_mut().expect("it fetched for it");
            if compacted && entry.base > replica.log.end() {
                replica.log.skip_to(entry.base);
            }
            let holds_start = entry.base < replica.log.start() && replica.log.start() < entry.end();
            if holds_start && replica.log.batches().next().is_none() {
                replica.log.begin_with_batch_at(entry.base, fx.now);
            }
            if entry.base != replica.log.end() {
                // The follower is in the middle of a batch of its leader's: the logs parted without its knowing. It gives up until
                // there is another leader.
                assert!(replica.rules.truncation < TruncationRule::Kip320, "a follower's offsets are its leader's");
                self.following_mut(partition).awaits_metadata = true;
                return;
            }
            let (batch, count, epoch) = (entry.batch.id, entry.batch.count(), entry.epoch);
            let (base, rolled) = replica.append(epoch, entry.batch, fx.now, limits);
            if self.layout.scenario.has_bug(Bug::FollowersForgetProducers) {
                replica.log.producers = ProducerStates::default();
            }
            last = fx.trace(What::Appended { broker: id, partition, batch, epoch, base, count, leader: false });
            self.after_append(partition, rolled, last, fx);
        }
        let replica = self.replicas[partition.ix()].as_mut().expect("it fetched for it");
        let mut to = watermark::on_follower(result.high_watermark, replica.log.start(), replica.log.end());
        if replica.bugs.has(Bug::FollowerWatermarkUnclamped) {
            to = result.high_watermark;
        }
        if to != replica.high_watermark {
            replica.high_watermark = to;
            fx.trace_from(last, What::HwMoved { broker: id, partition, to });
            self.stir_followers_readers(partition);
        }
        self.move_start(partition, result.log_start, StartReason::Leader, last, fx);
    }

    pub(super) fn truncate(&mut self, partition: PartitionId, to: Offset, fx: &mut Effects<'_>) {
        let broker = self.id;
        let replica = self.replicas[partition.ix()].as_mut().expect("it fetched for it");
        let (from, epoch, watermark) = (replica.log.end(), replica.leader_epoch, replica.high_watermark);
        if replica.truncate_to(to) {
            let (to, lowered) = (replica.log.end(), replica.high_watermark);
            let event = fx.trace(What::Truncated { broker, partition, from, to, epoch });
            if lowered < watermark {
                fx.trace_from(event, What::HwMoved { broker, partition, to: lowered });
            }
        }
    }

    /// No answer: every partition of the fetch waits before it is asked for again.
    pub(super) fn on_fetch_lost(&mut self, leader: BrokerId, cause: TraceId, fx: &mut Effects<'_>) {
        let handler = &mut self.fetch_handlers[leader.slot()];
        handler.lost();
        let asked: Vec<PartitionId> = handler.parts.iter().map(|part| part.partition).collect();
        self.ask_again_later(asked.into_iter(), cause, fx);
    }

    /// What a leader was asked about these is not known: it is asked again after replica.fetch.backoff.ms.
    pub(super) fn ask_again_later(&mut self, of: impl Iterator<Item = PartitionId>, cause: TraceId, fx: &mut Effects<'_>) {
        let until = fx.now + self.config().replica_fetch_backoff;
        for partition in of {
            if let Some(Replica { role: Role::Follower(following), .. }) = &mut self.replicas[partition.ix()] {
                following.backoff_until = until;
                following.seeks = None;
            }
        }
        self.replicate(cause, fx);
    }

    pub(super) fn following_mut(&mut self, partition: PartitionId) -> &mut crate::replica::Following {
        match &mut self.replicas[partition.ix()].as_mut().expect("it fetched for it").role {
            Role::Follower(following) => following,
            _ => unreachable!("checked by the caller"),
        }
    }
}

/// what a follower of this leader says of a partition.
fn wanted_from(replica: &Replica, leader: BrokerId, now: SimTime) -> Option<FetchPart> {
    let Role::Follower(following) = &replica.role else { return None };
    if following.leader != leader || !following.may_ask(now) {
        return None;
    }
    // Only since KIP-320 does the leader look whether the logs fit.
    let checks = replica.rules.truncation >= TruncationRule::Kip320;
    Some(FetchPart {
        partition: replica.partition,
        current_epoch: replica.leader_epoch,
        offset: replica.log.end(),
        last_fetched_epoch: if checks { replica.log.latest_epoch() } else { LeaderEpoch::NONE },
        log_start: replica.log.start(),
    })
}
