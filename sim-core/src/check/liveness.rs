//! What must have come about in the end: LIV-1..LIV-6. No step breaks them: they are looked at once, after all faults have healed and every
//! process that is to run has run for a good while (two minutes in the swarm). Whoever asks answers for that; what does not run then is
//! not waited for.
//!
//! | | comes about | if |
//! |---|---|---|
//! | LIV-1 | a partition has a leader that runs | somebody who may be elected runs |
//! | LIV-2 | the watermark reaches the log end, and every replica knows of it | the ISR can be as large as minISR, and nobody writes any more; the leader has written something in its epoch |
//! | LIV-3 | a replica is in the ISR | its broker runs |
//! | LIV-4 | every send has ended, and what is in the leader's log is in every copy | its producer, its broker runs; of transactional producers: no log has lost anything |
//! | LIV-5 | brokers and replicas know what the controllers have decided | they run |
//! | LIV-6 | groups are stable, every partition has one reader, and that has read it to its end | their members run, and are as fast as the producers |

use super::{Finding, Violation};
use crate::config::{GroupProtocol, Isolation, OffsetReset};
use crate::consumer::Consumer;
use crate::group::classic::State;
use crate::ids::*;
use crate::layout::PartitionLayout;
use crate::log::{Log, LogBatch};
use crate::producer::Process;
use crate::record::Record;
use crate::replica::Replica;
use crate::scenario::{Action, DiskDeed};
use crate::world::World;
use std::collections::BTreeMap;

/// What has not come about, in the order of the ids; of each the first.
pub fn unmet(world: &World) -> Vec<Violation> {
    let of_partitions = [leader, committed, in_sync, copied, applied];
    let exists = |p: &PartitionId| world.metadata().partition(*p).exists();
    let there: Vec<PartitionId> = world.layout.partition_ids().filter(exists).collect();
    let mut findings: Vec<Finding> =
        of_partitions.iter().filter_map(|check| there.iter().find_map(|&p| check(world, p))).collect();
    findings.extend(sent(world));
    findings.extend(metadata(world));
    findings.extend(shared_out(world).or_else(|| stable(world)).or_else(|| read(world)));
    findings.sort_by_key(|(id, _)| *id);
    findings.dedup_by_key(|(id, _)| *id);
    findings.into_iter().map(|finding| super::violation(world, finding)).collect()
}

/// No log has lost anything that was committed, and no disk has spoiled any of it.
pub fn keeps_logs(world: &World) -> bool {
    let loses = |action: &Action| {
        matches!(action, Action::PowerCut { .. } | Action::Disk { deed: DiskDeed::Wipe, .. } | Action::Corrupt { .. })
    };
    !world.interventions().iter().any(|i| loses(&i.action)) && world.ledger().unclean_elections == 0
}

fn runs(world: &World, broker: BrokerId) -> bool {
    world.brokers[broker.slot()].is_up()
}

fn place(world: &World, partition: PartitionId) -> &PartitionLayout {
    world.layout.partition(partition)
}

/// The leader's replica, if it runs and knows that it leads.
fn leading(world: &World, partition: PartitionId) -> Option<&Replica> {
    let leader = world.metadata().partition(partition).leader?;
    world.brokers[leader.slot()].replica(partition).filter(|replica| replica.leading().is_some())
}

/// LIV-1.
fn leader(world: &World, partition: PartitionId) -> Option<Finding> {
    let state = world.metadata().partition(partition);
    let mut electable = state.isr.union(state.elr).iter().chain(state.last_known_leader);
    let is_led = state.leader.is_some_and(|leader| runs(world, leader));
    let could = electable.find(|&broker| runs(world, broker)).filter(|_| !is_led)?;
    let name = &place(world, partition).name;
    let has = state.leader.map_or_else(|| "no leader".to_owned(), |l| format!("the leader {l}, which does not run"));
    Some(("LIV-1", format!("{name} has {has}, though {could} could lead (ISR {}, ELR {})", state.isr, state.elr)))
}

/// LIV-2. Of Kafka's own topics a commit is always on its way. A follower takes no watermark of an answer that says where the logs part
/// (KAFKA-14704), and the fetch session has it down as told (KIP-227): it hears of it with the next record. Whoever is cut and finds a record of
/// the leader's epoch has heard of it so.
fn committed(world: &World, partition: PartitionId) -> Option<Finding> {
    let place = place(world, partition);
    let running = || place.replicas.iter().filter(|&&broker| runs(world, broker));
    if place.topic.is_none() || (running().count() as u32) < place.min_isr {
        return None;
    }
    let replica = leading(world, partition)?;
    let end = replica.log.end();
    if replica.high_watermark < end {
        return Some(("LIV-2", format!("{}: the log ends at {end}, the watermark is {}", place.name, replica.high_watermark)));
    }
    let known = |broker: BrokerId| world.brokers[broker.slot()].replica(partition).map(|copy| copy.high_watermark);
    let may_lag = |broker: BrokerId| is_quiet(replica) && known(broker).is_some_and(|known| known < end);
    let behind = running().find(|&&broker| known(broker) != Some(end) && !may_lag(broker))?;
    let knows = known(*behind).unwrap_or(Offset::ZERO);
    Some(("LIV-2", format!("{}: {behind} knows only {knows} of {end} to be committed", place.name)))
}

/// Nothing has been written in its leader's epoch.
fn is_quiet(leader: &Replica) -> bool {
    leader.leading().is_some_and(|leading| leading.epoch_start == leader.log.end())
}

/// LIV-3.
fn in_sync(world: &World, partition: PartitionId) -> Option<Finding> {
    let (place, isr) = (place(world, partition), world.metadata().partition(partition).isr);
    let out = place.replicas.iter().find(|&&broker| runs(world, broker) && !isr.contains(broker))?;
    Some(("LIV-3", format!("{}: {out} runs, and is not in the ISR {isr}", place.name)))
}

/// LIV-4: what was acknowledged is in every copy, with all the rest. Of Kafka's own topics a commit is always on its way.
fn copied(world: &World, partition: PartitionId) -> Option<Finding> {
    let place = place(world, partition);
    let leader = leading(world, partition).filter(|_| place.topic.is_some())?;
    let differs = |broker: &&BrokerId| {
        let copy = world.brokers[broker.slot()].replica(partition);
        runs(world, **broker) && copy.is_none_or(|copy| !agree(world, &copy.log, &leader.log, place.config.log.compact))
    };
    let other = place.replicas.iter().find(differs)?;
    Some(("LIV-4", format!("{}: the log of {other} is not that of its leader", place.name)))
}

/// Each replica deletes old files by its own look at them, and compacts them: what both still have must be the same. Of a compacted topic
/// that is the newest record of each key; if logs have lost something, of each key that both have, for what took the place of a record in
/// one of them may be what was lost.
fn agree(world: &World, a: &Log, b: &Log, compacted: bool) -> bool {
    let start = a.start().max(b.start());
    if compacted {
        let newest = |log: &Log| -> BTreeMap<u32, (Offset, MessageId)> {
            let record = |e: &LogBatch, n: usize, r: &Record| (r.key.unwrap_or(0), (e.base.plus(n as u32), r.message));
            let records =
                |e: &LogBatch| -> Vec<_> { e.batch.records().iter().enumerate().map(|(n, r)| record(e, n, r)).collect() };
            log.batches().flat_map(records).filter(|(_, (offset, _))| *offset >= start).collect()
        };
        let (one, other) = (newest(a), newest(b));
        let is_there = |(key, record): (&u32, &(Offset, MessageId))| other.get(key).is_none_or(|r| r == record);
        return one == other || (!keeps_logs(world) && one.iter().all(is_there));
    }
    let from_there = |log: &Log| -> Vec<LogBatch> { log.batches().filter(|entry| entry.end() > start).cloned().collect() };
    from_there(a) == from_there(b)
}

/// LIV-4: every send was accepted or rejected.
fn sent(world: &World) -> Option<Finding> {
    // Whoever forwards sends what its group reads: LIV-6 sees to that.
    let own = |producer: ProducerId| world.layout.scenario.producers[producer.ix()].feeder.is_none();
    // Who asks a coordinator that has lost its newest states is told to wait.
    let is_served = |p: ProducerId| world.layout.producer_transactions[p.ix()].is_none() || keeps_logs(world);
    let mut running = world.producers.iter().filter(|p| p.process == Process::Up && own(p.id) && is_served(p.id));
    let open = running.find(|producer| !producer.is_done())?;
    let (queued, in_flight) = (open.queued(), open.requests_in_flight());
    Some(("LIV-4", format!("{} is not done: {queued} queued, {in_flight} in flight", open.id)))
}

/// LIV-5: a broker has read what is committed.
fn metadata(world: &World) -> Option<Finding> {
    let decided = &world.committed_metadata().image;
    let behind = world.brokers.iter().find(|broker| broker.is_up() && broker.image != *decided)?;
    let text = format!("{} has read the metadata log up to {}, committed is {}", behind.id, behind.image.offset, decided.offset);
    Some(("LIV-5", text))
}

/// LIV-5: and its replicas are what that says.
fn applied(world: &World, partition: PartitionId) -> Option<Finding> {
    let (place, state) = (place(world, partition), world.metadata().partition(partition));
    place.replicas.iter().filter(|&&broker| runs(world, broker)).find_map(|&broker| {
        let replica = world.brokers[broker.slot()].replica(partition)?;
        let (at, leads) = ((replica.leader_epoch, replica.partition_epoch), replica.leading().is_some());
        let decided = (state.leader_epoch, state.partition_epoch);
        let (name, shown) = (&place.name, |(leader, version): (LeaderEpoch, PartitionEpoch)| format!("({leader}, {version})"));
        if at != decided {
            let (at, decided) = (shown(at), shown(decided));
            return Some(("LIV-5", format!("{name}: {broker} is at the epochs (leader, partition) {at}, decided are {decided}")));
        }
        (leads != (state.leader == Some(broker))).then(|| ("LIV-5", format!("{name}: {broker} is wrong about whether it leads")))
    })
}

fn works(consumer: &Consumer) -> bool {
    consumer.process == Process::Up && !consumer.has_failed()
}

/// LIV-6: every partition that a group reads has one reader among its members. Members of a classic group that have not heard of one that
/// was added need not read it. Nor need static ones: a leader that comes back under its group.instance.id takes what it finds for what was
/// shared out.
fn shared_out(world: &World) -> Option<Finding> {
    world.layout.scenario.groups.iter().enumerate().find_map(|(g, spec)| {
        let is_member = |c: &&Consumer| world.layout.consumers[c.id.ix()].group.ix() == g && works(c);
        let members: Vec<&Consumer> = world.consumers.iter().filter(is_member).collect();
        let subscribes =
            |c: &&Consumer, topic: &TopicId| spec.topics_of(world.layout.consumers[c.id.ix()].member).contains(topic);
        let read = spec.topics.iter().filter(|topic| members.iter().any(|member| subscribes(member, topic)));
        let mut partitions = read.flat_map(|topic| &world.layout.topics[topic.ix()]);
        let readers =
            |partition: PartitionId| members.iter().filter(|member| member.positions().any(|(p, _)| p == partition)).count();
        let classic = spec.config.group_protocol == GroupProtocol::Classic;
        let known = |p: PartitionId| {
            let hears = !classic || (!spec.is_static && members.iter().all(|member| member.has_heard_of(p)));
            let heard = !place(world, p).added || hears;
            world.metadata().partition(p).exists() && heard
        };
        let partition = partitions.find(|&&p| !members.is_empty() && known(p) && readers(p) != 1)?;
        let text = format!("{} is read by {} members of {}", place(world, *partition).name, readers(*partition), spec.name);
        Some(("LIV-6", text))
    })
}

/// LIV-6: the coordinator knows the group as stable, and all its members at its epoch.
fn stable(world: &World) -> Option<Finding> {
    world.layout.scenario.groups.iter().enumerate().find_map(|(g, spec)| {
        let (group, home) = (GroupId(g as u16), world.layout.coordinator_partitions[g]);
        let coordinator = &world.brokers[world.metadata().partition(home).leader?.slot()];
        if spec.config.group_protocol == GroupProtocol::Classic {
            let state = coordinator.classic_group(group)?.state();
            let rests = matches!(state, State::Stable | State::Empty);
            return (!rests).then(|| ("LIV-6", format!("{} is in state {}", spec.name, state.name())));
        }
        let known = coordinator.modern_group(group)?;
        let (id, late) = known.members.iter().find(|(_, member)| member.progress.epoch != known.epoch)?;
        let (name, at) = (world.layout.member_name(*id), late.progress.epoch);
        Some(("LIV-6", format!("{name} of {} is at epoch {at}, its group at {}", spec.name, known.epoch)))
    })
}

/// F-6: does it read near by, at a follower that has not heard how much is committed (LIV-2), all that it gets there?
fn waits_near_by(world: &World, consumer: &Consumer, partition: PartitionId, position: Option<Offset>) -> bool {
    let follower = consumer.reads_near(partition).and_then(|broker| world.brokers[broker.slot()].replica(partition));
    leading(world, partition).is_some_and(is_quiet) && follower.is_some_and(|copy| position == Some(copy.high_watermark))
}

/// Does anybody? Then there may be lag in the end.
pub fn somebody_waits_near_by(world: &World) -> bool {
    world.consumers.iter().any(|c| c.positions().any(|(partition, at)| waits_near_by(world, c, partition, at)))
}

/// LIV-6: there is no lag. (Of who reads near by: at what the follower knows to be committed.)
fn read(world: &World) -> Option<Finding> {
    world.consumers.iter().filter(|consumer| works(consumer)).find_map(|consumer| {
        let group = &world.layout.scenario.groups[world.layout.consumers[consumer.id.ix()].group.ix()];
        if consumer.in_hand().next().is_some() {
            return Some(("LIV-6", format!("{} has records in hand", consumer.id)));
        }
        consumer.positions().find_map(|(partition, position)| {
            let replica = leading(world, partition)?;
            let is_outside = position.is_none_or(|at| at < replica.log.start() || at > replica.log.end());
            if is_outside && matches!(group.config.auto_offset_reset, OffsetReset::ByDuration(_)) {
                return None; // nothing young enough has come
            }
            // Readers of committed records stand before a transaction that hangs, as one does whose coordinator has lost its state.
            let committed = group.config.isolation == Isolation::ReadCommitted;
            let end = if committed { replica.last_stable() } else { replica.log.end() };
            let name = &place(world, partition).name;
            let at = position.map_or_else(|| "no offset".to_owned(), |at| at.to_string());
            let lags = position < Some(end) && !waits_near_by(world, consumer, partition, position);
            (lags || position > Some(replica.log.end()))
                .then(|| ("LIV-6", format!("{} stands at {at} of {end} in {name}", consumer.id)))
        })
    })
}
