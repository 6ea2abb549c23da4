//! From where a consumer reads: the committed offset (S-5), else by the reset policy (F-3); and whether what it has read is still in the
//! log when another leader has come (F-5).

use super::modern::Membership;
use super::{Asked, Consumer, Position, Thread};
use crate::config::OffsetReset;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::epoch_cache::EpochEnd;
use crate::record::CommittedOffset;
use crate::scenario::WithoutOffset;
use crate::time::{SimTime, Timestamp};
use crate::trace::{Api, ConsumerFailure, What};
use crate::wire::{Channel, EpochPart, OffsetSpec, Request};

/// F-5: what a consumer does when the leader has said where the epoch of its last record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validated {
    /// Everything that it has read is there.
    Valid,
    /// The log has been replaced from here on.
    DivergesAt(EpochEnd),
    /// The leader cannot tell.
    Unknown,
}

/// F-5. Example: who stands at 12 after a record of epoch 3 has read two records that are gone, if epoch 3 ends at 10.
fn validate(position: Offset, end: Option<EpochEnd>) -> Validated {
    match end {
        None => Validated::Unknown,
        Some(found) if found.end < position => Validated::DivergesAt(found),
        Some(_) => Validated::Valid,
    }
}

impl Consumer {
    pub(super) fn find_positions(&mut self, fx: &mut Effects<'_>) {
        let unknown: Vec<PartitionId> =
            self.assigned.iter().filter(|a| a.fetch == Position::Unknown).map(|a| a.partition).collect();
        if !unknown.is_empty()
            && fx.now >= self.coordinator_after
            && !self.waits_for(|a| matches!(a, Asked::Committed))
            && let Some(server) = self.coordinator_ready(fx)
        {
            let by = self.membership.as_ref().and_then(Membership::identity);
            let request = Request::OffsetFetch { group: self.group(), by, partitions: unknown };
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.client.ask(fx, server, (Api::OffsetFetch, request), timeout, cause, Asked::Committed);
        }
        let resets = self.assigned.iter().any(|a| a.fetch == Position::Reset);
        if resets && !self.waits_for(|a| matches!(a, Asked::Reset)) {
            self.ask_resets(fx);
        }
        self.validate_positions(fx);
    }

    fn ask_resets(&mut self, fx: &mut Effects<'_>) {
        let wanted = self.by_leader(fx.now, |fetch| matches!(fetch, Position::Reset).then_some(Offset::UNKNOWN));
        let of = match self.config().auto_offset_reset {
            // Without a policy only the application's own seekToBeginning() leads here.
            OffsetReset::Earliest | OffsetReset::None => OffsetSpec::Earliest,
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::ByDuration(age) => OffsetSpec::Timestamp(Timestamp::from(fx.now).before(age)),
        };
        for (leader, partitions) in wanted {
            if let Some(server) = self.open_to(leader, Channel::Client, fx) {
                let parts = partitions.into_iter().map(|(p, _, _)| (p, LeaderEpoch::NONE)).collect();
                let request = Request::ListOffsets { parts, of, isolation: Some(self.config().isolation) };
                let (timeout, cause) = (self.config().request_timeout, fx.cause);
                self.client.ask(fx, server, (Api::ListOffsets, request), timeout, cause, Asked::Reset);
            }
        }
    }

    pub(super) fn on_committed(
        &mut self,
        error: ErrorCode,
        offsets: &[(PartitionId, Option<CommittedOffset>)],
        fx: &mut Effects<'_>,
    ) {
        match error {
            ErrorCode::None => {}
            // Its epoch moved on while it asked (G-24): it asks again, with the new one.
            ErrorCode::StaleMemberEpoch | ErrorCode::UnknownMemberId => {
                self.coordinator_after = fx.now + self.config().retry_backoff;
                return;
            }
            _ => return self.forget_coordinator(fx.now),
        }
        for &(partition, committed) in offsets {
            match committed {
                None => self.reset_position(partition, ConsumerFailure::NoOffsetForPartition, fx),
                Some(CommittedOffset { offset, epoch }) => self.set_position(partition, (offset, epoch), false, fx),
            }
        }
    }

    /// A new place to read from. `epoch`: of the record before it, as far as it is known.
    fn set_position(&mut self, partition: PartitionId, (to, epoch): (Offset, LeaderEpoch), reset: bool, fx: &mut Effects<'_>) {
        let leader = self.metadata.leader(partition);
        let consumer = self.id;
        let Some(assigned) = self.assigned_mut(partition) else { return };
        assigned.fetch = Position::At(to);
        assigned.position = Some(to);
        assigned.epoch = epoch;
        assigned.buffer.clear();
        // Without a leader yet: as soon as there is one.
        assigned.leader = leader.filter(|_| epoch == LeaderEpoch::NONE);
        fx.trace(What::PositionSet { consumer, partition, to, reset });
    }

    /// F-3: by the policy; `none` ends the application with an exception.
    pub(super) fn reset_position(&mut self, partition: PartitionId, why: ConsumerFailure, fx: &mut Effects<'_>) {
        let seeks =
            why == ConsumerFailure::NoOffsetForPartition && self.spec().handler.without_offset == WithoutOffset::SeekToBeginning;
        if self.config().auto_offset_reset == OffsetReset::None && !seeks {
            self.fail(partition, why, fx);
        }
        let Some(assigned) = self.assigned_mut(partition) else { return };
        assigned.fetch = Position::Reset;
        assigned.buffer.clear();
    }

    pub(super) fn fail(&mut self, partition: PartitionId, why: ConsumerFailure, fx: &mut Effects<'_>) {
        fx.trace(What::ConsumerFailed { consumer: self.id, partition: Some(partition), why });
        self.thread = Thread::Failed;
    }

    pub(super) fn on_reset(&mut self, answers: &[(PartitionId, ErrorCode, Offset)], fx: &mut Effects<'_>) {
        for &(partition, error, offset) in answers {
            if error == ErrorCode::None && offset == Offset::UNKNOWN {
                // by_duration: no record is young enough. Kafka's client takes that for no answer, and asks again when one would be late.
                let again = fx.now + self.config().request_timeout;
                if let Some(assigned) = self.assigned_mut(partition) {
                    assigned.not_before = again;
                }
            } else if error == ErrorCode::None {
                self.set_position(partition, (offset, LeaderEpoch::NONE), true, fx);
            } else {
                self.postpone(partition, error, fx.now);
            }
        }
    }

    /// A partition is left alone for a while after an error.
    pub(super) fn postpone(&mut self, partition: PartitionId, error: ErrorCode, now: SimTime) {
        let backoff = self.config().retry_backoff;
        if let Some(assigned) = self.assigned_mut(partition) {
            assigned.not_before = now + backoff;
        }
        if error.is_invalid_metadata() || error == ErrorCode::UnknownLeaderEpoch {
            self.metadata.want();
        }
    }

    // --- has the log been replaced? (F-5) -----------------------------------------------------------------------------------------

    /// F-5: another leader, or another term of the same: is what was read still there? Nothing is fetched or returned by `poll()` until
    /// that is known. Who does not know the epoch of its last record cannot ask, and goes on.
    fn validate_positions(&mut self, fx: &mut Effects<'_>) {
        for assigned in &mut self.assigned {
            let (Position::At(_) | Position::Validating, Some(at)) = (assigned.fetch, assigned.position) else { continue };
            let leader = self.metadata.leader(assigned.partition);
            if leader.is_none() || leader == assigned.leader {
                continue;
            }
            assigned.leader = leader;
            assigned.near = None;
            if assigned.epoch != LeaderEpoch::NONE {
                assigned.fetch = Position::Validating;
                assigned.buffer.clear();
            } else if assigned.buffer.is_empty() {
                assigned.fetch = Position::At(at);
            }
        }
        let waits = self.assigned.iter().any(|a| a.fetch == Position::Validating);
        if waits && !self.waits_for(|a| matches!(a, Asked::EpochEnds(_))) {
            self.ask_epoch_ends(fx);
        }
    }

    fn ask_epoch_ends(&mut self, fx: &mut Effects<'_>) {
        let wanted = self.by_leader(fx.now, |fetch| matches!(fetch, Position::Validating).then_some(Offset::UNKNOWN));
        for (leader, partitions) in wanted {
            let Some(server) = self.open_to(leader, Channel::Client, fx) else { continue };
            let part = |(partition, current_epoch, _)| {
                let epoch = self.assigned.iter().find(|a| a.partition == partition).expect("it is assigned").epoch;
                EpochPart { partition, current_epoch, epoch }
            };
            let parts: Vec<EpochPart> = partitions.into_iter().map(part).collect();
            let asked = parts.iter().map(|p| (p.partition, p.current_epoch)).collect();
            let ask = (Api::OffsetsForLeaderEpoch, Request::OffsetsForLeaderEpoch { parts });
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.client.ask(fx, server, ask, timeout, cause, Asked::EpochEnds(asked));
        }
    }

    /// F-5: the answer, if the leader is still the one that was asked. `asked`: with the leader's epoch of then.
    pub(super) fn on_epoch_ends(
        &mut self,
        asked: &[(PartitionId, LeaderEpoch)],
        answers: &[Result<Option<EpochEnd>, ErrorCode>],
        fx: &mut Effects<'_>,
    ) {
        for (&(partition, leader_epoch), &answer) in asked.iter().zip(answers) {
            let end = match answer {
                Ok(end) => end,
                Err(error) => {
                    self.postpone(partition, error, fx.now);
                    continue;
                }
            };
            let Some(assigned) = self.assigned.iter_mut().find(|a| a.partition == partition) else { continue };
            let is_of_now = assigned.leader.is_some_and(|(_, epoch)| epoch == leader_epoch);
            if let (Position::Validating, Some(position), true) = (assigned.fetch, assigned.position, is_of_now) {
                assigned.fetch = Position::At(position);
                self.on_validated(partition, position, validate(position, end), fx);
            }
        }
    }

    fn on_validated(&mut self, partition: PartitionId, position: Offset, found: Validated, fx: &mut Effects<'_>) {
        let Validated::DivergesAt(EpochEnd { epoch, end }) = found else {
            if found == Validated::Unknown {
                self.reset_position(partition, ConsumerFailure::LogTruncation, fx);
            }
            return;
        };
        let what = What::PositionDiverged { consumer: self.id, partition, from: position, to: end };
        let cause = fx.cause;
        fx.cause = fx.trace(what);
        if self.config().auto_offset_reset == OffsetReset::None {
            self.fail(partition, ConsumerFailure::LogTruncation, fx);
        } else {
            // Kafka does not ask a second time about the place that the leader itself has named.
            let leader = self.metadata.leader(partition);
            self.set_position(partition, (end, epoch), false, fx);
            if let Some(assigned) = self.assigned_mut(partition) {
                assigned.leader = leader;
            }
        }
        fx.cause = cause;
    }

    /// Partitions that it reads no longer.
    pub(super) fn give_up(&mut self, partitions: impl IntoIterator<Item = PartitionId>, lost: bool, fx: &mut Effects<'_>) {
        for partition in partitions.into_iter().collect::<Vec<PartitionId>>() {
            fx.trace(What::Revoked { consumer: self.id, partition, lost });
            self.assigned.retain(|a| a.partition != partition);
            self.workers.forget(partition);
        }
        self.poll_from = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Assigned;
    use super::*;
    use crate::scenario::read;
    use crate::trace::TraceId;
    use crate::world::World;
    use std::sync::Arc;

    /// F-5: the example of [`validate`], and who has read no further than the end.
    #[test]
    fn a_position_beyond_the_end_of_its_epoch_has_diverged() {
        let end = EpochEnd { epoch: LeaderEpoch(3), end: Offset(10) };
        assert_eq!(validate(Offset(12), Some(end)), Validated::DivergesAt(end));
        assert_eq!(validate(Offset(10), Some(end)), Validated::Valid);
        assert_eq!(validate(Offset(10), None), Validated::Unknown);
    }

    /// F-5: without a reset policy the application ends with LogTruncationException, whether the leader can say where the logs part or not.
    #[test]
    fn without_a_reset_policy_a_replaced_record_ends_the_application() {
        let text = r#"
            format = 1
            title = "bench"
            duration = "60s"
            cluster = { brokers = 1, config = { "offsets.topic.replication.factor" = 1 } }
            topic = [{ name = "t", partitions = 1 }]
            group = [{ name = "g", topics = ["t"], config = { "auto.offset.reset" = "none" } }]
        "#;
        let (partition, leader) = (PartitionId(0), (BrokerId(1), LeaderEpoch(5)));
        for answer in [Some(EpochEnd { epoch: LeaderEpoch(3), end: Offset(10) }), None] {
            let mut events = Vec::new();
            let mut world = World::new(Arc::new(read::scenario("bench.toml", text, &[]).unwrap()), &mut events);
            let from = events.len();
            world.act(TraceId::START, &mut events, |actors, fx| {
                let consumer = &mut actors.consumers[0];
                let at = Some(Offset(12));
                let known =
                    Assigned { fetch: Position::Validating, position: at, epoch: LeaderEpoch(3), ..Assigned::fresh(partition) };
                consumer.assigned.push(Assigned { leader: Some(leader), ..known });
                consumer.on_epoch_ends(&[(partition, leader.1)], &[Ok(answer)], fx);
                assert_eq!(consumer.thread, Thread::Failed);
            });
            let why = ConsumerFailure::LogTruncation;
            let failed = What::ConsumerFailed { consumer: ConsumerId(0), partition: Some(partition), why };
            assert_eq!(events.last().map(|event| event.what), Some(failed));
            let diverged = What::PositionDiverged { consumer: ConsumerId(0), partition, from: Offset(12), to: Offset(10) };
            assert_eq!(events[from..].iter().any(|event| event.what == diverged), answer.is_some());
        }
    }
}
