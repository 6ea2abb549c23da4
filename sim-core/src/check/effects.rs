//! INV-91: a member works on what `poll()` has returned to it, and on nothing else. INV-92: how often a message may have its effect. What an application promises follows from how it is written:
//!
//! | promise | who makes it | what else it takes |
//! |---|---|---|
//! | at most one effect, always | a unique row in the transaction of the effect, known by the message's own number | nothing |
//! | at most one | who commits before the work, and waits for it | one copy in the log, and no commit that failed or was forgotten |
//! | at least one, once all is drained | who commits what is done and no more, and takes nothing for done that is not | acks=all, auto.offset.reset=earliest, logs that lose nothing, a record that nobody took away |

use super::Finding;
use super::liveness::keeps_logs;
use crate::config::{Acks, OffsetReset};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::rows::{Map, Set};
use crate::scenario::{CommitCall, GroupSpec, ProtocolRules};
use crate::tally::Copies;
use crate::trace::{SendOutcome, TraceEvent, Verdict, What};
use crate::world::World;

/// What this family remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    /// Groups whose commits cannot be relied on: one failed, or was forgotten, or the log has been replaced.
    excused: Set<GroupId>,
    /// Messages of which there may be several copies.
    resent: Set<MessageId>,
    /// What each member has been given of each partition: where pieces begin, and end.
    given: Map<(ConsumerId, PartitionId), Vec<(Offset, Offset)>>,
}

impl Effects {
    pub fn check(&mut self, world: &World, events: &[TraceEvent]) -> Option<Finding> {
        let group_of = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group;
        for event in events {
            match event.what {
                What::Polled { consumer, partition, base, count } => self.gave((consumer, partition), base, base.plus(count)),
                What::Effect { consumer, partition, offset, .. }
                | What::Absorbed { consumer, partition, offset, .. }
                | What::RecordSkipped { consumer, partition, offset, .. }
                    if !self.has_been_given((consumer, partition), offset) =>
                {
                    let text =
                        format!("{consumer} worked on offset {offset} of {partition}, which poll() has not returned to it");
                    return Some(("INV-91", text));
                }
                What::CommitDone { consumer, error } if error != ErrorCode::None => {
                    self.excused.insert(group_of(consumer));
                }
                What::PositionDiverged { consumer, .. } => {
                    self.excused.insert(group_of(consumer));
                }
                What::OffsetExpired { group, .. } => {
                    self.excused.insert(group);
                }
                What::Resent { message, .. } => {
                    self.resent.insert(message);
                }
                _ => {}
            }
        }
        let twice = events.iter().find_map(|event| match event.what {
            What::Effect { consumer, message, .. } => self.done_again(world, group_of(consumer), message),
            _ => None,
        });
        twice.or_else(|| never(world, events))
    }

    /// Pieces that follow each other are one.
    fn gave(&mut self, of: (ConsumerId, PartitionId), base: Offset, end: Offset) {
        let pieces = self.given.entry(of).or_default();
        match pieces.iter_mut().find(|piece| piece.0 <= base && base <= piece.1) {
            Some(piece) => piece.1 = end.max(piece.1),
            None => pieces.push((base, end)),
        }
    }

    fn has_been_given(&self, of: (ConsumerId, PartitionId), offset: Offset) -> bool {
        self.given.get(&of).is_some_and(|pieces| pieces.iter().any(|(base, end)| (*base..*end).contains(&offset)))
    }

    fn done_again(&self, world: &World, group: GroupId, message: MessageId) -> Option<Finding> {
        let count = world.ledger().group(group).effect(message).count;
        let spec = &world.layout.scenario.groups[group.ix()];
        if count < 2 || !(spec.handler.does_each_once_at_most() || self.commits_first(world, group, message)) {
            return None;
        }
        Some(("INV-92", format!("{message} has {count} effects in {group}, whose handler does each message once at most")))
    }

    /// Was the offset surely committed before the work on the only copy?
    fn commits_first(&self, world: &World, group: GroupId, message: MessageId) -> bool {
        let (scenario, producer) = (&world.layout.scenario, world.ledger().message(message).producer);
        let (spec, sender) = (&scenario.groups[group.ix()], &scenario.producers[producer.ix()]);
        let by_hand = !spec.config.enable_auto_commit && spec.handler.commit == CommitCall::Sync;
        let one_copy = sender.config.enable_idempotence
            && world.layout.producer_transactions[producer.ix()].is_none()
            && spec.topics.contains(&sender.topic)
            && !self.resent.contains(&message);
        let kept = keeps_logs(world) && !self.excused.contains(&group);
        spec.handler.acknowledges_first() && by_hand && one_copy && kept
    }
}

/// The run is over: has a message no effect that has to have one?
fn never(world: &World, events: &[TraceEvent]) -> Option<Finding> {
    let lost = |event: &TraceEvent| match event.what {
        What::Judged { group, message, verdict: Verdict::Lost } if owes(world, group, message) => Some((group, message)),
        _ => None,
    };
    let mut candidates = events.iter().filter_map(lost).peekable();
    candidates.peek()?;
    let copies = Copies::of(world);
    let (group, message) = candidates.find(|(_, message)| !copies.aged(*message))?;
    Some(("INV-92", format!("{message} was acked, and {group}, which leaves nothing out, has no effect of it")))
}

/// Does this group owe this message an effect?
fn owes(world: &World, group: GroupId, message: MessageId) -> bool {
    let scenario = &world.layout.scenario;
    let (spec, state): (&GroupSpec, _) = (&scenario.groups[group.ix()], world.ledger().message(message));
    let sender = &scenario.producers[state.producer.ix()];
    let rules = ProtocolRules::default();
    let protected = scenario.cluster.rules.truncation == rules.truncation && scenario.cluster.rules.broker_epoch_check;
    state.outcome == Some(SendOutcome::Acked)
        && sender.config.acks == Acks::All
        && spec.topics.contains(&sender.topic)
        && spec.is_careful()
        && spec.handler.does_each_once_at_least()
        && spec.config.auto_offset_reset == OffsetReset::Earliest
        && protected
        && keeps_logs(world)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;
    use crate::time::SimTime;
    use crate::trace::TraceId;
    use std::sync::Arc;

    /// INV-91.
    #[test]
    fn nobody_works_on_what_poll_has_not_returned() {
        let text = r#"
            format = 1
            title = "bench"
            duration = "60s"
            cluster = { brokers = 1, config = { "offsets.topic.replication.factor" = 1 } }
            topic = [{ name = "t", partitions = 1 }]
            group = [{ name = "g", topics = ["t"] }]
        "#;
        let world = World::new(Arc::new(read::scenario("bench.toml", text, &[]).unwrap()), &mut Vec::new());
        let event = |what| TraceEvent { at: SimTime::ZERO, cause: TraceId::START, what };
        let (consumer, partition, message) = (ConsumerId(0), PartitionId(0), MessageId(0));
        let polled = |base, count| event(What::Polled { consumer, partition, base: Offset(base), count });
        let effect = |offset| event(What::Effect { consumer, message, partition, offset: Offset(offset) });
        let mut effects = Effects::default();
        assert_eq!(effects.check(&world, &[polled(3, 2), polled(5, 1), effect(3), effect(5)]), None);
        for offset in [2, 6] {
            let found = effects.check(&world, &[effect(offset)]);
            assert_eq!(found.map(|(invariant, _)| invariant), Some("INV-91"), "{offset}");
        }
    }
}
