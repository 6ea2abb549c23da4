//! The verdicts: the ledger put together with what the logs still hold (section 3 of the design, INV-90..INV-92).

use crate::config::{Isolation, OffsetReset};
use crate::ids::*;
use crate::ledger::MessageState;
use crate::rows::Set;
use crate::scenario::{Forwarded, GroupSpec, SendMode};
use crate::trace::{SendOutcome, Verdict};
use crate::world::World;

/// How many messages of each fate, in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTally {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// See [`Verdict::Ok`].
    pub ok: u32,
    /// See [`Verdict::Lost`].
    pub lost: u32,
    /// See [`Verdict::Duplicated`].
    pub duplicated: u32,
    /// See [`Verdict::Phantom`].
    pub phantom: u32,
    /// See [`Verdict::Rejected`].
    pub rejected: u32,
    /// See [`Verdict::Pending`].
    pub pending: u32,
    /// Messages whose first effect came after that of a later message of the same partition and producer.
    pub reordered: u32,
    /// Copies and redeliveries that a handler recognised as done before.
    pub absorbed: u32,
    /// The most records that it was behind.
    pub max_lag: u64,
    /// Generations, or group epochs, that began.
    pub rebalances: u32,
}

/// The counts at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Messages intended.
    pub intended: u32,
    /// Reported as sent.
    pub acked: u32,
    /// Reported as failed and surely not in the log.
    pub rejected: u32,
    /// Reported as failed with an unknown outcome, or not reported (yet).
    pub unknown: u32,
    /// Acked messages that are in no log that counts.
    pub lost_acked: u32,
    /// Copies beyond the first in the logs that count.
    pub extra_copies: u32,
    /// Each group.
    pub groups: Vec<GroupTally>,
}

/// The copies of one message.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// How many distinct places hold it.
    all: u32,
    /// Those that no aborted transaction wrote.
    counting: u32,
    /// The last of all, and of those that count.
    last: Option<(PartitionId, Offset)>,
    last_counting: Option<(PartitionId, Offset)>,
    /// It was in a log, committed, and was taken away by age, size, request or compaction.
    aged: bool,
}

/// Where the copies of each message are: in the log of the leader, or, while there is none, in any log that may lead again.
#[derive(Clone, Debug)]
pub struct Copies {
    /// By [`TopicId`], then by [`MessageId`]: what is forwarded is in several topics. Empty for a topic that holds nothing.
    by_topic: Vec<Vec<Found>>,
    /// By [`MessageId`]: where its application sent it.
    home: Vec<TopicId>,
    /// Copies that a member of a group has been given by `poll()` and has not finished with, or forwards at this moment.
    in_hand: Set<(GroupId, MessageId)>,
}

impl Copies {
    /// Looks through the logs.
    pub fn of(world: &World) -> Copies {
        let scenario = &world.layout.scenario;
        let home: Vec<TopicId> = world.ledger().messages().map(|(_, m)| scenario.producers[m.producer.ix()].topic).collect();
        let mut by_topic = vec![Vec::new(); scenario.topics.len()];
        for partition in world.layout.partition_ids() {
            let Some(topic) = world.layout.partition(partition).topic else { continue };
            let by_message: &mut Vec<Found> = &mut by_topic[topic.ix()];
            let state = world.metadata().partition(partition);
            let holders: Vec<BrokerId> = match state.leader {
                Some(leader) => vec![leader],
                None => world.layout.partition(partition).replicas.clone(),
            };
            let mut seen: Vec<(Offset, MessageId)> = Vec::new();
            for (i, holder) in holders.iter().enumerate() {
                let Some(replica) = world.brokers[holder.slot()].replica(partition) else { continue };
                for entry in replica.log.batches() {
                    let aborted =
                        entry.batch.transactional && replica.log.transactions.is_aborted(entry.batch.sequence.pid, entry.base);
                    for (n, record) in entry.batch.records().iter().enumerate() {
                        let place = (entry.base.plus(n as u32), record.message);
                        if place.0 < replica.log.start() {
                            continue;
                        }
                        // With several holders the same place counts once.
                        if i > 0 && seen.binary_search(&place).is_ok() {
                            continue;
                        }
                        if holders.len() > 1 {
                            seen.push(place);
                        }
                        by_message.resize(home.len(), Found::default());
                        let copies: &mut Found = &mut by_message[record.message.ix()];
                        copies.all += 1;
                        copies.last = Some((partition, place.0));
                        if !aborted {
                            copies.counting += 1;
                            copies.last_counting = copies.last;
                        }
                    }
                }
                seen.sort_unstable();
            }
            let replicas = world.brokers.iter().filter_map(|broker| broker.replica(partition));
            for record in replicas.flat_map(|replica| replica.log.aged()).flat_map(|entry| entry.batch.records()) {
                by_message.resize(home.len(), Found::default());
                by_message[record.message.ix()].aged = true;
            }
        }
        let group = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group;
        let mut in_hand: Set<(GroupId, MessageId)> = Set::new();
        for consumer in &world.consumers {
            in_hand.extend(consumer.in_hand().map(|message| (group(consumer.id), message)));
        }
        for &(consumer, producer) in &world.layout.forwarders {
            in_hand.extend(world.producers[producer.ix()].buffered().map(|message| (group(consumer), message)));
        }
        Copies { by_topic, home, in_hand }
    }

    fn found(&self, topic: TopicId, message: MessageId) -> Found {
        self.by_topic[topic.ix()].get(message.ix()).copied().unwrap_or_default()
    }

    /// How many there are where it was sent, but for those of aborted transactions, and where the last one is.
    pub fn of_message(&self, message: MessageId) -> (u32, Option<(PartitionId, Offset)>) {
        let found = self.found(self.home[message.ix()], message);
        (found.counting, found.last_counting)
    }

    /// Does a topic hold it?
    pub fn is_in(&self, topic: TopicId, message: MessageId) -> bool {
        self.found(topic, message).counting > 0
    }

    /// Was it taken away by age, size, request or compaction? Then the brokers have not lost it (LOSS-B11).
    pub fn aged(&self, message: MessageId) -> bool {
        self.by_topic.iter().any(|found| found.get(message.ix()).is_some_and(|f| f.aged))
    }

    /// How many this group may meet, and where the last one is.
    pub fn seen_by(&self, group: &GroupSpec, message: MessageId) -> (u32, Option<(PartitionId, Offset)>) {
        let mut seen = (0, None);
        for &topic in &group.topics {
            let found = self.found(topic, message);
            let (count, last) = match group.config.isolation {
                Isolation::ReadUncommitted => (found.all, found.last),
                Isolation::ReadCommitted => (found.counting, found.last_counting),
            };
            seen = (seen.0 + count, last.or(seen.1));
        }
        seen
    }
}

/// The fate of one message in one group, as far as it is decided.
pub fn verdict(world: &World, copies: &Copies, group: GroupId, id: MessageId, message: &MessageState) -> Verdict {
    let effects = world.ledger().group(group).effect(id).count;
    // An effect may still follow while a copy lies where the group reads on from.
    // P-11: an application that looks at no outcome takes everything for sent.
    let looks = world.layout.scenario.producers[message.producer.ix()].send != SendMode::FireAndForget;
    let outcome = if looks { message.outcome } else { message.outcome.and(Some(SendOutcome::Acked)) };
    let may_follow = || world.may_follow(copies, group, id);
    match (outcome, effects) {
        (_, 2..) => Verdict::Duplicated,
        (None, _) => Verdict::Pending,
        (Some(SendOutcome::Acked), 1) => Verdict::Ok,
        (Some(SendOutcome::Rejected | SendOutcome::Unknown), 1) => Verdict::Phantom,
        (Some(_), _) if may_follow() => Verdict::Pending,
        (Some(SendOutcome::Acked), _) => Verdict::Lost,
        (Some(SendOutcome::Rejected | SendOutcome::Unknown), _) => Verdict::Rejected,
    }
}

impl World {
    /// Can the business of a group still be done with a message, by itself or by a group that works for it?
    fn may_follow(&self, copies: &Copies, group: GroupId, id: MessageId) -> bool {
        self.layout
            .doing_business_of(group)
            .any(|reader| self.may_read(copies, reader, id) || self.is_set_aside(copies, reader, id))
    }

    /// Does a copy lie where its readers put what they could not do, for somebody to look at?
    fn is_set_aside(&self, copies: &Copies, reader: GroupId, id: MessageId) -> bool {
        let groups = &self.layout.scenario.groups;
        let Some(forward) = groups[reader.ix()].forward.filter(|f| f.what != Forwarded::Done) else { return false };
        let is_read =
            self.layout.doing_business_of(self.layout.business(reader)).any(|g| groups[g.ix()].topics.contains(&forward.topic));
        !is_read && copies.is_in(forward.topic, id)
    }

    /// Does a copy lie where the group reads on from, or before a group that forwards to it?
    fn may_read(&self, copies: &Copies, group: GroupId, id: MessageId) -> bool {
        let spec = &self.layout.scenario.groups[group.ix()];
        let ahead = copies.seen_by(spec, id).1.is_some_and(|(p, offset)| offset >= self.reads_on_from(group, p));
        let feeds = |g: &(usize, &GroupSpec)| g.1.forward.is_some_and(|f| spec.topics.contains(&f.topic));
        let mut feeders = self.layout.scenario.groups.iter().enumerate().filter(feeds);
        // A scenario whose forwards go in a circle is refused.
        ahead || copies.in_hand.contains(&(group, id)) || feeders.any(|(i, _)| self.may_read(copies, GroupId(i as u16), id))
    }

    /// The lowest offset that a group may still read of a partition: the committed one. A group that has committed nothing starts anew
    /// after a crash: from the beginning, or, with auto.offset.reset=latest, nowhere below its position (LOSS-C6).
    fn reads_on_from(&self, group: GroupId, partition: PartitionId) -> Offset {
        if let Some(committed) = self.ledger().lags().committed(group, partition) {
            return committed;
        }
        if self.layout.scenario.groups[group.ix()].config.auto_offset_reset == OffsetReset::Earliest {
            return Offset::ZERO;
        }
        let members = self.consumers.iter().filter(|c| self.layout.consumers[c.id.ix()].group == group);
        let position = members.flat_map(|c| c.positions()).find(|(p, _)| *p == partition).and_then(|(_, at)| at);
        position.unwrap_or(Offset::ZERO)
    }

    /// Does this group read the topic of this message's producer, or one to which it is forwarded? A group that works for another has no
    /// messages of its own.
    pub fn group_reads(&self, group: GroupId, message: &MessageState) -> bool {
        let scenario = &self.layout.scenario;
        let home = scenario.producers[message.producer.ix()].topic;
        let own = scenario.groups[group.ix()].works_for.is_none();
        self.goes_to_a_topic(message)
            && own
            && scenario.groups[group.ix()].topics.iter().any(|&topic| self.layout.reaches(home, topic))
    }

    /// Is it sent, and not what a service is called for (S-16)? Only then can a log lack it.
    pub fn goes_to_a_topic(&self, message: &MessageState) -> bool {
        self.layout.scenario.producers[message.producer.ix()].send != SendMode::Call
    }

    /// The counts now. Looks through all messages and logs.
    pub fn tally(&self) -> Tally {
        self.tally_with(&Copies::of(self))
    }

    /// The counts now, when the copies are known already.
    pub fn tally_with(&self, copies: &Copies) -> Tally {
        let ledger = self.ledger();
        let mut tally =
            Tally { intended: 0, acked: 0, rejected: 0, unknown: 0, lost_acked: 0, extra_copies: 0, groups: Vec::new() };
        for (group_ix, spec) in self.layout.scenario.groups.iter().enumerate() {
            let group = GroupId(group_ix as u16);
            // What is done for another group counts there.
            if spec.works_for.is_some() {
                continue;
            }
            let max_lag = ledger.lags().highest(group);
            let ledger = ledger.group(group);
            tally.groups.push(GroupTally {
                group,
                name: spec.name.clone(),
                ok: 0,
                lost: 0,
                duplicated: 0,
                phantom: 0,
                rejected: 0,
                pending: 0,
                reordered: ledger.reordered,
                absorbed: ledger.absorbed,
                max_lag,
                rebalances: ledger.rebalances,
            });
        }
        for (id, message) in ledger.messages() {
            tally.intended += 1;
            let found = copies.of_message(id).0;
            match message.outcome {
                Some(SendOutcome::Acked) => tally.acked += 1,
                Some(SendOutcome::Rejected) => tally.rejected += 1,
                Some(SendOutcome::Unknown) | None => tally.unknown += 1,
            }
            tally.lost_acked += u32::from(
                self.goes_to_a_topic(message) && found == 0 && !copies.aged(id) && message.outcome == Some(SendOutcome::Acked),
            );
            tally.extra_copies += found.saturating_sub(1);
            for group in tally.groups.iter_mut().filter(|g| self.group_reads(g.group, message)) {
                match verdict(self, copies, group.group, id, message) {
                    Verdict::Ok => group.ok += 1,
                    Verdict::Lost => group.lost += 1,
                    Verdict::Duplicated => group.duplicated += 1,
                    Verdict::Phantom => group.phantom += 1,
                    Verdict::Rejected => group.rejected += 1,
                    Verdict::Pending => group.pending += 1,
                }
            }
        }
        tally
    }
}
