//! Why a message has the fate it has: one walk through the trace that notes where each batch was appended and what removed it, and a
//! decision from those facts alone.

mod disorder;
mod handling;
mod redelivery;
mod skipping;

use crate::config::Acks;
use crate::error_code::ErrorCode;
use crate::history::History;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::MessageState;
use crate::mechanism::{self, Mechanism};
use crate::rows::{Map, Set};
use crate::scenario::{Forwarded, SendMode, TruncationRule};
use crate::tally::{Copies, verdict};
use crate::time::SimTime;
use crate::trace::{SendOutcome, StartReason, TraceEvent, TraceId, Verdict, What};
use crate::world::World;
use handling::Handling;
use redelivery::Redelivery;
use skipping::Skipping;

/// One append of a batch to one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Whose log.
    pub broker: BrokerId,
    /// In which partition.
    pub partition: PartitionId,
    /// First offset.
    pub base: Offset,
    /// Stamped with this epoch.
    pub epoch: LeaderEpoch,
    /// As leader.
    pub leader: bool,
    /// The event of its appending.
    pub appended: TraceId,
    /// The event that removed it.
    pub removed: Option<TraceId>,
    /// The epoch of the leader that it was cut off for; none if a power cut took it.
    pub cut_for: Option<LeaderEpoch>,
    /// It was not cut off: the log start moved past it, for this reason at this time.
    pub aged: Option<(StartReason, SimTime)>,
    /// As leader: the event of the sending of the request that brought it.
    sent: Option<TraceId>,
}

/// A change of leader.
#[derive(Clone, Copy, Debug)]
struct Change {
    event: TraceId,
    epoch: LeaderEpoch,
    unclean: bool,
}

/// A batch in a log while the trace is read: its base offset, its name, and which of its [`Placed`] it is.
type InLog = (Offset, BatchId, usize);

/// The facts.
#[derive(Clone, Debug, Default)]
pub struct Autopsy {
    placed: Map<BatchId, Vec<Placed>>,
    changes: Map<PartitionId, Vec<Change>>,
    /// Positions that a reset policy set: by whom, where, when.
    resets: Vec<(ConsumerId, PartitionId, TraceId)>,
    /// Machines that lost power.
    power_cuts: Vec<(BrokerId, TraceId)>,
    /// Copies of batches that a disk spoiled: whose, of what, where.
    spoiled: Vec<(BrokerId, PartitionId, Offset)>,
    /// Logs that forgot idle producers (L-16).
    forgotten: Vec<(BrokerId, PartitionId, TraceId)>,
    /// Disks that were replaced (D-6).
    wipes: Vec<(BrokerId, TraceId)>,
    /// Messages that their application sent again, with the events of that.
    resent: Map<MessageId, Vec<TraceId>>,
    /// Producers that crashed.
    producer_crashes: Vec<(ProducerId, TraceId, SimTime)>,
    /// When each batch's client gave an attempt up.
    given_up: Map<BatchId, Vec<TraceId>>,
    /// Batches that were refused because of a gap before them (L-13).
    out_of_order: Set<BatchId>,
    /// What members that forward put it into: by which producer, in which batch.
    forwarded: Map<MessageId, Vec<(ProducerId, BatchId)>>,
    /// The first commit of each group for each partition.
    first_commit: Map<(GroupId, PartitionId), TraceId>,
    /// Offsets that were forgotten (G-34).
    expired: Vec<(GroupId, PartitionId, TraceId)>,
    redelivery: Redelivery,
    handling: Handling,
    skipping: Skipping,
}

impl Autopsy {
    /// Reads a trace.
    pub fn of(trace: &[TraceEvent]) -> Autopsy {
        let mut facts = Autopsy::default();
        // The batches in each log, oldest first.
        let mut logs: Map<(BrokerId, PartitionId), Vec<InLog>> = Map::new();
        for (i, event) in trace.iter().enumerate() {
            let id = TraceId(i as u64);
            facts.redelivery.note(id, event, trace);
            facts.handling.note(id, event);
            facts.skipping.note(event);
            match event.what {
                What::Appended { broker, partition, batch: Some(batch), epoch, base, leader, .. } => {
                    let places = facts.placed.entry(batch).or_default();
                    let sent = leader.then(|| sending(trace, event));
                    logs.entry((broker, partition)).or_default().push((base, batch, places.len()));
                    let placed = Placed {
                        broker,
                        partition,
                        base,
                        epoch,
                        leader,
                        appended: id,
                        removed: None,
                        cut_for: None,
                        aged: None,
                        sent,
                    };
                    places.push(placed);
                }
                What::Truncated { broker, partition, to, epoch, .. } => {
                    facts.remove(logs.entry((broker, partition)).or_default(), to, id, Some(epoch));
                }
                What::TailLost { broker, partition, to, .. } => {
                    facts.remove(logs.entry((broker, partition)).or_default(), to, id, None);
                }
                What::LogStartMoved { broker, partition, to, why } => {
                    let log = logs.entry((broker, partition)).or_default();
                    for (_, batch, at) in log.drain(..log.partition_point(|entry| entry.0 < to)) {
                        let placed = &mut facts.placed.get_mut(&batch).expect("noted when it was appended")[at];
                        (placed.removed, placed.aged) = (Some(id), Some((why, event.at)));
                    }
                }
                What::Corrupted { broker, partition, base } => facts.spoiled.push((broker, partition, base)),
                What::ProducersForgotten { broker, partition, .. } => facts.forgotten.push((broker, partition, id)),
                What::DiskWiped { broker } => facts.wipes.push((broker, id)),
                What::Forwarded { producer, message, batch, .. } => {
                    facts.forwarded.entry(message).or_default().push((producer, batch));
                }
                What::Resent { message, .. } => facts.resent.entry(message).or_default().push(id),
                What::Crashed { node: NodeId::Producer(producer), .. } => facts.producer_crashes.push((producer, id, event.at)),
                What::BatchRetried { batch, .. } => facts.given_up.entry(batch).or_default().push(id),
                What::Refused { batch, error: ErrorCode::OutOfOrderSequenceNumber, .. } => {
                    facts.out_of_order.insert(batch);
                }
                What::Crashed { node: NodeId::Broker(broker), power: true } => facts.power_cuts.push((broker, id)),
                What::LeaderElected { partition, new: Some(_), epoch, unclean, .. } => {
                    facts.changes.entry(partition).or_default().push(Change { event: id, epoch, unclean });
                }
                What::OffsetExpired { group, partition } => facts.expired.push((group, partition, id)),
                What::PositionSet { consumer, partition, reset: true, .. } => facts.resets.push((consumer, partition, id)),
                What::Committed { group, partition, .. } => {
                    facts.first_commit.entry((group, partition)).or_insert(id);
                }
                _ => {}
            }
        }
        facts
    }

    fn remove(&mut self, log: &mut Vec<InLog>, to: Offset, event: TraceId, cut_for: Option<LeaderEpoch>) {
        while let Some(&(base, batch, at)) = log.last().filter(|entry| entry.0 >= to) {
            log.pop();
            let placed = &mut self.placed.get_mut(&batch).expect("noted when it was appended")[at];
            debug_assert_eq!(placed.base, base);
            placed.removed = Some(event);
            placed.cut_for = cut_for;
        }
    }

    /// Where a batch was appended, in order.
    pub fn placed(&self, batch: BatchId) -> &[Placed] {
        self.placed.get(&batch).map_or(&[], Vec::as_slice)
    }

    /// The change of leader that decided over a batch: the one whose leader its copies were cut off for, else the first after it was
    /// appended.
    pub fn deciding_change(&self, batch: BatchId) -> Option<TraceId> {
        self.change_over(self.placed(batch)).map(|c| c.event)
    }

    fn change_over(&self, placed: &[Placed]) -> Option<&Change> {
        let first = placed.iter().find(|p| p.leader)?;
        let changes = self.changes.get(&first.partition)?;
        match placed.iter().find_map(|p| p.cut_for) {
            Some(epoch) => changes.iter().rfind(|c| c.epoch <= epoch),
            None => changes.iter().find(|c| c.epoch > first.epoch),
        }
    }

    /// The mechanism behind a message's fate in one group; none for a good fate and for one that is still open.
    pub fn mechanism(
        &self,
        world: &World,
        group: GroupId,
        fate: Verdict,
        (id, message): (MessageId, &MessageState),
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        let (layout, groups) = (&world.layout, &world.layout.scenario.groups);
        // Of those who do this business, the group that meets the most copies, and the last one that meets any.
        let (mut most, mut last) = ((group, 0), (group, None));
        for reader in std::iter::once(group).chain(layout.doing_business_of(group).filter(|&reader| reader != group)) {
            let (count, place) = copies.seen_by(&groups[reader.ix()], id);
            most = if count > most.1 { (reader, count) } else { most };
            last = if count > 0 { (reader, place) } else { last };
        }
        match fate {
            Verdict::Ok | Verdict::Phantom => None,
            Verdict::Pending => {
                let producer = &world.producers[message.producer.ix()];
                let down = producer.process != crate::producer::Process::Up;
                let crashed = self.producer_crashes.iter().any(|&(p, _, at)| p == message.producer && at >= message.intended);
                let forgotten = message.outcome.is_none() && (down || crashed) && !producer.has_row(id);
                forgotten.then_some(&mechanism::LOSS_P7)
            }
            Verdict::Rejected if is_transactional(&world.layout, message) && message.batch.is_some() => Some(&mechanism::LOSS_P9),
            Verdict::Rejected => self.rejection(world, message),
            Verdict::Duplicated => Some(self.duplication(world, group, (id, message), most)),
            Verdict::Lost if message.outcome != Some(SendOutcome::Acked) => Some(&mechanism::LOSS_P1),
            Verdict::Lost if last.1.is_some() => {
                let handler =
                    self.handling.why_lost(layout, group, id).or_else(|| self.lost_on_a_detour(layout, group, id, copies));
                Some(handler.unwrap_or_else(|| self.skipped(world, last.0, message, last.1)))
            }
            Verdict::Lost if copies.aged(id) => Some(self.aged(&world.layout, message)),
            Verdict::Lost if is_forwarded(&world.layout, group, message) => self.loss_on_the_way(&world.layout, (id, message)),
            Verdict::Lost => self.loss(&world.layout, message),
        }
    }

    /// What it was forwarded as is in no log that counts; or it was lost before.
    fn loss_on_the_way(&self, layout: &Layout, (id, message): (MessageId, &MessageState)) -> Option<&'static Mechanism> {
        let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
        match outputs.iter().rfind(|(_, batch)| !self.placed(*batch).is_empty()) {
            Some(&(producer, batch)) => self.loss_of(layout, producer, self.placed(batch)),
            None => self.loss(layout, message),
        }
    }

    /// A group gave the record away, to a topic for retries or dead letters, or to another partitioning, and it is not there.
    fn lost_on_a_detour(&self, layout: &Layout, group: GroupId, id: MessageId, copies: &Copies) -> Option<&'static Mechanism> {
        let groups = &layout.scenario.groups;
        let outputs = self.forwarded.get(&id).map_or(&[][..], Vec::as_slice);
        for reader in layout.doing_business_of(group) {
            let Some(forward) = groups[reader.ix()].forward.filter(|f| f.what != Forwarded::Done) else { continue };
            if copies.is_in(forward.topic, id) {
                continue;
            }
            let is_its = |producer: ProducerId| layout.scenario.producers[producer.ix()].feeder.is_some_and(|(g, _)| g == reader);
            let output = outputs.iter().rfind(|(producer, batch)| is_its(*producer) && !self.placed(*batch).is_empty());
            if let Some(&(producer, batch)) = output {
                return self.loss_of(layout, producer, self.placed(batch));
            }
            if self.handling.was_sent_on(layout, reader, id) && !forward.waits {
                let is_read = layout.doing_business_of(group).any(|g| groups[g.ix()].topics.contains(&forward.topic));
                return Some(if is_read { &mechanism::LOSS_C14 } else { &mechanism::LOSS_C13 });
            }
        }
        None
    }

    /// The record is in no log that counts.
    fn loss(&self, layout: &Layout, message: &MessageState) -> Option<&'static Mechanism> {
        self.loss_of(layout, message.producer, message.batch.map_or(&[][..], |b| self.placed(b)))
    }

    fn loss_of(&self, layout: &Layout, producer: ProducerId, placed: &[Placed]) -> Option<&'static Mechanism> {
        let rules = layout.scenario.cluster.rules;
        let acks = layout.scenario.producers[producer.ix()].config.acks;
        let Some(first) = placed.iter().find(|p| p.leader) else {
            return (acks == Acks::None).then_some(&mechanism::LOSS_P2);
        };
        let change = self.change_over(placed);
        let holders = distinct(placed.iter().map(|p| p.broker));
        // Lost before it was decided who leads on: a power cut after that is another story.
        let decided = change.map_or(TraceId(u64::MAX), |c| c.event);
        let cut_before = |p: &Placed| self.power_cuts.iter().any(|&(b, cut)| b == p.broker && p.appended < cut && cut < decided);
        let tail_lost = |p: &Placed| p.removed.is_some() && p.cut_for.is_none();
        let lost_power = |p: &&Placed| cut_before(p) || tail_lost(p);
        let powerless = distinct(placed.iter().filter(lost_power).map(|p| p.broker));
        let lost_disk = |p: &&Placed| self.wipes.iter().any(|&(b, wipe)| b == p.broker && p.appended < wipe && wipe < decided);
        let wiped = distinct(placed.iter().filter(lost_disk).map(|p| p.broker));
        let spoiled =
            placed.iter().any(|p| self.spoiled.iter().any(|&(b, part, at)| (b, part) == (p.broker, p.partition) && at <= p.base));
        let zombie = change.is_some_and(|c| c.event < first.appended);
        Some(match () {
            // The scan that finds the spoiled batch cuts the log, too, and that is no power cut.
            () if spoiled && !placed.iter().any(cut_before) && wiped == 0 => &mechanism::LOSS_B13,
            () if layout.partition(first.partition).replicas.len() == 1 => &mechanism::LOSS_B3,
            () if wiped > 0 && acks == Acks::All => &mechanism::LOSS_B7,
            () if holders > 1 && powerless == holders => &mechanism::LOSS_B6,
            () if change.is_some_and(|c| c.unclean) => &mechanism::LOSS_B8,
            () if acks != Acks::All && zombie => &mechanism::LOSS_B2,
            () if acks != Acks::All => &mechanism::LOSS_B1,
            () if rules.truncation == TruncationRule::HighWatermark => &mechanism::LOSS_B9,
            () if rules.truncation < TruncationRule::Kip320 || !rules.broker_epoch_check => &mechanism::LOSS_B10,
            () if powerless == 0 => return None,
            () if holders == 1 => &mechanism::LOSS_B4,
            () => &mechanism::LOSS_B5,
        })
    }

    /// The record was committed, and taken away before the group read it. If its age was the reason though it had not been there for as
    /// long as records are kept, its timestamp was a wrong one.
    fn aged(&self, layout: &Layout, message: &MessageState) -> &'static Mechanism {
        let placed = message.batch.map_or(&[][..], |b| self.placed(b));
        let partition = message.partition.map(|p| layout.partition(p));
        let kept = partition.and_then(|p| p.config.log.retention);
        let too_soon = |p: &Placed| match (p.aged, kept) {
            (Some((StartReason::Age, at)), Some(kept)) => at.since(message.intended) < kept,
            _ => false,
        };
        if placed.iter().any(too_soon) { &mechanism::LOSS_B15 } else { &mechanism::LOSS_B11 }
    }

    /// The record is in the log, and the group has gone past it.
    fn skipped(
        &self,
        world: &World,
        group: GroupId,
        message: &MessageState,
        place: Option<(PartitionId, Offset)>,
    ) -> &'static Mechanism {
        let is_of_group = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group == group;
        let careless = skipping::carelessness(&world.layout.scenario.groups[group.ix()]);
        if let Some(mechanism) = careless
            && place.is_some_and(|place| self.skipping.was_in_hand(is_of_group, place))
        {
            return mechanism;
        }
        match () {
            () if self.was_reset_after_expiry(world, group, message) => &mechanism::LOSS_C7,
            () if self.was_reset_after_commit(world, group, message) => &mechanism::LOSS_C8,
            () => &mechanism::LOSS_C6,
        }
    }

    fn duplication(
        &self,
        world: &World,
        group: GroupId,
        (id, message): (MessageId, &MessageState),
        (reader, copies): (GroupId, u32),
    ) -> &'static Mechanism {
        if copies <= 1
            && let Some(twice) = self.done_on_both_ways(&world.layout, id, group)
        {
            return twice;
        }
        let idempotent = world.layout.scenario.producers[message.producer.ix()].config.enable_idempotence;
        if let Some(hole) = self.handling.why_twice(&world.layout, group, id, copies) {
            return hole;
        }
        match () {
            () if copies > 1 && is_forwarded(&world.layout, reader, message) => &mechanism::DUP_22,
            () if copies > 1 && is_transactional(&world.layout, message) => &mechanism::DUP_23,
            () if copies > 1 && self.resent.contains_key(&id) => self.sent_again(world, id, message),
            () if copies > 1 && idempotent && self.was_forgotten(message) => &mechanism::DUP_7,
            () if copies > 1 && idempotent => &mechanism::DUP_8,
            () if copies > 1 && self.has_delayed_copy(message) => &mechanism::DUP_6,
            () if copies > 1 => &mechanism::DUP_1,
            () if self.was_reset_after_commit(world, group, message) => &mechanism::DUP_15,
            () => self.redelivery.why(group, |consumer| world.layout.business_of(consumer) == group, id),
        }
    }

    /// The business was done with the record itself and with what it was forwarded as.
    fn done_on_both_ways(&self, layout: &Layout, id: MessageId, group: GroupId) -> Option<&'static Mechanism> {
        let readers = self.redelivery.groups_of(layout, id).filter(|&reader| layout.business(reader) == group);
        let readers: Set<GroupId> = crate::sort::gathered(readers);
        let forwards = readers.iter().find_map(|reader| layout.scenario.groups[reader.ix()].forward);
        let moved = forwards.is_some_and(|f| f.what == Forwarded::All);
        (readers.len() > 1).then_some(if moved { &mechanism::DUP_22 } else { &mechanism::DUP_25 })
    }

    /// The application sent it again: because it did not know what had become of it (DUP-2), or because its process had forgotten (DUP-5).
    fn sent_again(&self, world: &World, id: MessageId, message: &MessageState) -> &'static Mechanism {
        let outbox = world.layout.scenario.producers[message.producer.ix()].send == SendMode::Outbox;
        let again = self.resent.get(&id).and_then(|events| events.last()).copied().unwrap_or(TraceId::START);
        let crashed =
            self.producer_crashes.iter().any(|&(p, event, at)| p == message.producer && at >= message.intended && event < again);
        if outbox && crashed { &mechanism::DUP_5 } else { &mechanism::DUP_2 }
    }

    /// Was a leader's knowledge of idle producers gone between two appends of this message's batch?
    fn was_forgotten(&self, message: &MessageState) -> bool {
        let mut led = message.batch.map_or(&[][..], |b| self.placed(b)).iter().filter(|p| p.leader);
        let (first, last) = (led.clone().next(), led.next_back());
        let (Some(first), Some(last)) = (first, last) else { return false };
        let between = |event: TraceId| first.appended < event && event < last.appended;
        self.forgotten.iter().any(|&(b, p, event)| (b, p) == (last.broker, last.partition) && between(event))
    }

    /// Why the application was told of a failure.
    fn rejection(&self, world: &World, message: &MessageState) -> Option<&'static Mechanism> {
        Some(match message.error {
            ErrorCode::Timeout if message.batch.is_none() => &mechanism::LOSS_P3,
            ErrorCode::Timeout if self.is_in_first_batch_hole(world, message) => &mechanism::LOSS_P10,
            ErrorCode::Timeout => &mechanism::LOSS_P4,
            ErrorCode::ProducerClosed => &mechanism::LOSS_P7,
            error if error.is_retriable() => &mechanism::LOSS_P5,
            _ => &mechanism::LOSS_P6,
        })
    }

    /// P-59: refused for a gap, though no batch of the producer had been in this partition before it: a later one was the first there.
    fn is_in_first_batch_hole(&self, world: &World, message: &MessageState) -> bool {
        let Some(batch) = message.batch.filter(|b| self.out_of_order.contains(b) && self.placed(*b).is_empty()) else {
            return false;
        };
        let of_producer = |other: BatchId| {
            let first = world.ledger().messages_of(other).next().map(|m| world.ledger().message(m));
            first.is_some_and(|m| m.producer == message.producer && m.partition == message.partition)
        };
        let earliest = self.placed.iter().filter(|(other, _)| of_producer(**other));
        let first = earliest.filter_map(|(other, places)| Some((places.iter().find(|p| p.leader)?.appended, *other))).min();
        first.is_some_and(|(_, first)| first > batch)
    }

    /// Did a request bring a copy after its client had given it up?
    fn has_delayed_copy(&self, message: &MessageState) -> bool {
        let Some(batch) = message.batch else { return false };
        let given_up = self.given_up.get(&batch).map_or(&[][..], Vec::as_slice);
        let is_late = |p: &Placed| p.sent.is_some_and(|sent| given_up.iter().any(|&at| sent < at && at < p.appended));
        self.placed(batch).iter().any(is_late)
    }

    /// Did the reset policy move the group in this message's partition although it had committed there?
    fn was_reset_after_commit(&self, world: &World, group: GroupId, message: &MessageState) -> bool {
        let Some(partition) = message.partition else { return false };
        self.first_commit.get(&(group, partition)).is_some_and(|&first| self.was_reset_after(world, (group, partition), first))
    }

    /// G-34: or after its offset there had been forgotten?
    fn was_reset_after_expiry(&self, world: &World, group: GroupId, message: &MessageState) -> bool {
        let mut expired = self.expired.iter().filter(|(g, p, _)| *g == group && Some(*p) == message.partition);
        expired.any(|&(_, partition, event)| self.was_reset_after(world, (group, partition), event))
    }

    fn was_reset_after(&self, world: &World, (group, partition): (GroupId, PartitionId), first: TraceId) -> bool {
        let of_group = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group == group;
        self.resets.iter().any(|&(consumer, p, event)| p == partition && of_group(consumer) && event > first)
    }
}

/// The `poll()` that an effect goes back to, over what its handler asked Redis and the database on the way.
pub(crate) fn poll_behind(trace: &[TraceEvent], effect: &TraceEvent) -> TraceId {
    let mut at = effect.cause;
    while !matches!(trace[at.0 as usize].what, What::Polled { .. } | What::RunStarted { .. }) {
        at = trace[at.0 as usize].cause;
    }
    at
}

/// The event of the sending of the packet that an append of a leader's is due to.
fn sending(trace: &[TraceEvent], appended: &TraceEvent) -> TraceId {
    trace[appended.cause.0 as usize].cause
}

/// Does it come to this group through another?
fn is_forwarded(layout: &Layout, group: GroupId, message: &MessageState) -> bool {
    let home = layout.scenario.producers[message.producer.ix()].topic;
    !layout.scenario.groups[group.ix()].topics.contains(&home)
}

/// Was it sent in transactions?
fn is_transactional(layout: &Layout, message: &MessageState) -> bool {
    layout.producer_transactions[message.producer.ix()].is_some()
}

fn distinct(brokers: impl Iterator<Item = BrokerId>) -> u32 {
    brokers.collect::<crate::set::BrokerSet>().len()
}

/// How many messages each mechanism harmed, over all groups; a message counts once for each mechanism. Messages with a bad fate that
/// nothing explains are counted under none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// By mechanism id.
    pub by_mechanism: Map<&'static str, u32>,
    /// Lost or duplicated, and nothing explains it.
    pub unexplained: u32,
}

/// Counts causes at the edge of what is known of a run.
pub fn causes(history: &History) -> Causes {
    let world = history.last_world();
    let (facts, copies) = (Autopsy::of(history.trace()), Copies::of(world));
    let disorder = disorder::in_logs(world);
    let handed_over = disorder::by_workers(world, &facts.redelivery);
    let moved = disorder::on_detours(world, |id, group| {
        let is_of_group =
            |producer: ProducerId| world.layout.scenario.producers[producer.ix()].feeder.is_some_and(|(g, _)| g == group);
        facts.forwarded.get(&id).is_some_and(|outputs| outputs.iter().any(|(producer, _)| is_of_group(*producer)))
    });
    let mut causes = Causes::default();
    for (id, message) in world.ledger().messages() {
        let mut named: Vec<&'static str> = Vec::new();
        let mut nameless = false;
        for group in (0..world.layout.scenario.groups.len() as u16).map(GroupId) {
            if !world.group_reads(group, message) {
                continue;
            }
            let fate = verdict(world, &copies, group, id, message);
            match facts.mechanism(world, group, fate, (id, message), &copies) {
                Some(mechanism) if !named.contains(&mechanism.id) => named.push(mechanism.id),
                Some(_) => {}
                None => nameless |= matches!(fate, Verdict::Lost | Verdict::Duplicated),
            }
        }
        if world.layout.scenario.groups.is_empty() && lost_without_readers(message, &copies, id) {
            named.extend(facts.loss(&world.layout, message).map(|m| m.id));
        }
        let resent = facts.resent.contains_key(&id);
        named.extend(disorder.contains(&id).then(|| disorder::of(world, message, resent).map(|m| m.id)).flatten());
        named.extend((!disorder.contains(&id) && handed_over.contains(&id)).then_some(mechanism::ORDER_8.id));
        named.extend(moved.get(&id).map(|mechanism| mechanism.id));
        for id in named {
            *causes.by_mechanism.entry(id).or_default() += 1;
        }
        causes.unexplained += u32::from(nameless);
    }
    causes
}

fn lost_without_readers(message: &MessageState, copies: &Copies, id: MessageId) -> bool {
    message.outcome == Some(SendOutcome::Acked) && copies.of_message(id).0 == 0 && !copies.aged(id)
}
