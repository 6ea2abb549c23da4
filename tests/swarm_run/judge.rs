//! What must be true of a run of the swarm.

use super::Seen;
use sim_core::anomalies;
use sim_core::autopsy;
use sim_core::check::liveness::{self, keeps_logs};
use sim_core::config::{GroupProtocol, Isolation, OffsetReset};
use sim_core::group::classic::State;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::ledger::MessageState;
use sim_core::log::LogBatch;
use sim_core::record::Payload;
use sim_core::scenario::{GroupSpec, Scenario, SendMode, Step, read};
use sim_core::tally::{Copies, GroupTally, Tally};
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::{Api, DropReason, Forgot, SendOutcome, SqlResult, StartReason, Trouble, Wall, What};
use sim_core::transaction::State as Transaction;
use sim_core::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Runs a scenario and judges it.
pub fn run(text: &str) -> Result<Seen, String> {
    let scenario = read::scenario("swarm.toml", text, &[]).map_err(|error| error.to_string())?;
    let mut history = History::new_checked(Arc::new(scenario));
    history.run_to_end();
    if let Some(violation) = history.violations().first() {
        return Err(format!("{violation:?}"));
    }
    let world = history.last_world();
    let tally = world.tally();
    adds_up(&history, &tally)?;
    converged(&history)?;
    let mut seen = count(&history, &tally);
    if keeps_logs(world) {
        seen.exactly_once += exactly_once(world)?;
    }
    seen.anomalies = anomalies::of(&history).iter().map(|(name, count)| (*name, u64::from(*count))).collect();
    if is_safe(history.scenario(), world) {
        seen.safe_runs += 1;
        keeps_promises(&history, &tally)?;
        looks_safe(&history, &seen)?;
    }
    let causes = autopsy::causes(&history);
    if let Some(first) = causes.unexplained.first() {
        return Err(format!("{} messages have a bad fate that nothing explains, such as {first}", causes.unexplained.len()));
    }
    let single = |g: &GroupTally| {
        let handler = &world.layout.scenario.groups[g.group.ix()].handler;
        handler.does_each_once_at_most() && g.ok > 0
    };
    seen.single_runs += u64::from(tally.groups.iter().any(single));
    seen.mechanisms = causes.by_mechanism.iter().map(|(id, count)| (*id, u64::from(*count))).collect();
    Ok(seen)
}

/// INV-90: each message is in exactly one class, and has one fate in each group that reads it. Outcomes, effects and copies are counted anew.
fn adds_up(history: &History, tally: &Tally) -> Result<(), String> {
    let world = history.last_world();
    if tally.intended != tally.acked + tally.rejected + tally.unknown {
        return Err(format!("the outcomes do not add up: {tally:?}"));
    }
    let (mut effects, mut absorbed) = (vec![0; tally.groups.len()], vec![0; tally.groups.len()]);
    let mut intended = 0;
    let group_of = |consumer: ConsumerId| world.layout.consumers[consumer.ix()].group.ix();
    for event in history.trace() {
        match event.what {
            What::Intended { .. } => intended += 1,
            What::Effect { consumer, .. } => effects[group_of(consumer)] += 1,
            What::Absorbed { consumer, .. } => absorbed[group_of(consumer)] += 1,
            _ => {}
        }
    }
    let by_producer: Vec<_> = (0..world.producers.len() as u16).map(|p| world.ledger().producer(ProducerId(p))).collect();
    let told: u32 = by_producer.iter().map(|p| p.acked).sum();
    if intended != tally.intended || by_producer.iter().map(|p| p.intended).sum::<u32>() != intended || told != tally.acked {
        return Err(format!("{intended} were intended, by producers {by_producer:?}: {tally:?}"));
    }
    for group in &tally.groups {
        let read = || world.ledger().messages().filter(|(_, message)| world.group_reads(group.group, message));
        let fates = group.ok + group.lost + group.duplicated + group.phantom + group.rejected + group.pending;
        if fates != read().count() as u32 {
            return Err(format!("the fates of {} do not add up to {}: {group:?}", group.name, read().count()));
        }
        let ledger = world.ledger().group(group.group);
        let counted: u32 = read().map(|(id, _)| ledger.effect(id).count).sum();
        let (done, known) = (effects[group.group.ix()], absorbed[group.group.ix()]);
        if counted != done || group.absorbed != known || done < group.ok + group.phantom + 2 * group.duplicated {
            return Err(format!("{} had {done} effects and recognised {known}, counted are {counted}: {group:?}", group.name));
        }
    }
    Ok(())
}

/// LIV-1..LIV-6: every process is up and every link whole for more than a minute.
fn converged(history: &History) -> Result<(), String> {
    let world = history.last_world();
    // What clients owe takes them to be at rest: what they have crashed at may have been late.
    let rests = is_at_rest(history);
    let owed = |id: &str| match id {
        "LIV-6" => rests && !told_nobody(history),
        "LIV-4" => rests,
        _ => true,
    };
    if let Some(unmet) = liveness::unmet(world).iter().find(|unmet| owed(unmet.invariant)) {
        return Err(format!("{unmet:?}"));
    }
    for partition in world.layout.partition_ids() {
        let state = world.metadata().partition(partition);
        if !state.exists() {
            continue; // the administrator found no active controller
        }
        let Some(leader) = state.leader else { return Err(format!("{partition} has no leader: {state:?}")) };
        // whatever was open has timed out. (The seeds' rules are those of version 2.)
        let transactions = &world.brokers[leader.slot()].replica(partition).expect("it leads").log.transactions;
        if transactions.open().next().is_some() && keeps_logs(world) {
            return Err(format!("{}: a transaction hangs: {transactions:?}", world.layout.partition(partition).name));
        }
    }
    Ok(())
}

/// All faults are over for more than a minute. (A process may come to the point of its work at which it is crashed at any time.)
fn is_at_rest(history: &History) -> bool {
    let last = history.trace().iter().rfind(|event| matches!(event.what, What::Crashed { .. })).map_or(SimTime::ZERO, |e| e.at);
    history.last_world().now().since(last) > SimDuration::from_secs(75)
}

/// Has everybody read what there is, as LIV-6 says?
fn all_read(history: &History) -> bool {
    is_at_rest(history) && !told_nobody(history) && !liveness::somebody_waits_near_by(history.last_world())
}

/// G-21: a heartbeat whose client had given it up arrives after the next one, and what its member got with it is told to nobody. A
/// coordinator says what has changed, once, and everything only to who asks with a full request: the member does not hear of it again.
fn told_nobody(history: &History) -> bool {
    let trace = history.trace();
    let mut told: BTreeSet<PacketId> = BTreeSet::new();
    trace.windows(2).any(|pair| match (pair[0].what, pair[1].what) {
        (What::MemberReconciled { .. }, What::Sent { packet, api: Api::ConsumerGroupHeartbeat, response: true, .. }) => {
            told.insert(packet);
            false
        }
        (_, What::Dropped { packet, reason: DropReason::Closed }) => told.contains(&packet),
        _ => false,
    })
}

/// The conditions of INV-24, INV-41 and INV-42: acks=all with idempotence, no log loses anything, nobody is elected uncleanly.
fn is_safe(scenario: &Scenario, world: &World) -> bool {
    keeps_logs(world) && scenario.producers.iter().all(|p| p.config.enable_idempotence)
}

/// INV-24 and INV-25: nothing acked is lost. INV-41: no second copy. INV-42: first copies in the order of sending.
fn keeps_promises(history: &History, tally: &Tally) -> Result<(), String> {
    let world = history.last_world();
    if tally.lost_acked > 0 {
        return Err(format!("{} acked messages are in no log", tally.lost_acked));
    }
    let again = resent(history);
    let copies = Copies::of(world);
    let doubled = |(id, _): &(MessageId, &MessageState)| copies.of_message(*id).0 > 1 && !again.contains(id);
    if let Some((id, _)) = world.ledger().messages().find(doubled) {
        return Err(format!("{id} has a second copy in spite of idempotence ({} in all)", tally.extra_copies));
    }
    if let Some((group, message)) = without_effect(world).filter(|_| all_read(history)) {
        return Err(format!("{message} was acked, and {group}, which reads from the beginning, has no effect of it"));
    }
    let exists = |p: &PartitionId| world.metadata().partition(*p).exists();
    for partition in world.layout.partition_ids().filter(exists) {
        let leader = world.metadata().partition(partition).leader.expect("checked before");
        let log = &world.brokers[leader.slot()].replica(partition).expect("it leads").log;
        // P-58: of each process; a late request of one that has ended comes after what the next one has sent.
        let mut last: BTreeMap<(ProducerId, Pid), MessageId> = BTreeMap::new();
        // P-59: behind a first-batch hole order is not kept.
        let mut first: BTreeMap<(Pid, i16), i32> = BTreeMap::new();
        for sequence in log.batches().map(|entry| entry.batch.sequence) {
            first.entry((sequence.pid, sequence.epoch)).or_insert(sequence.first);
        }
        let holed = |pid: Pid| first.iter().any(|((p, _), sequence)| *p == pid && *sequence > 0);
        let counts = |entry: &&LogBatch| {
            let pid = entry.batch.sequence.pid;
            !log.transactions.is_aborted(pid, entry.base) && !holed(pid)
        };
        let of_batch =
            |entry: &LogBatch| entry.batch.records().iter().map(|r| (entry.batch.sequence.pid, *r)).collect::<Vec<_>>();
        for (pid, record) in log.batches().filter(counts).flat_map(of_batch) {
            let producer = world.ledger().message(record.message).producer;
            let spec = &world.layout.scenario.producers[producer.ix()];
            // Who calls first of several threads is a matter of chance (ORDER-4); what is forwarded has another order.
            let forwarded = Some(spec.topic) != world.layout.partition(partition).topic;
            if spec.threads > 1 || forwarded || again.contains(&record.message) {
                continue;
            }
            let before = last.insert((producer, pid), record.message);
            if before.is_some_and(|before| before > record.message) {
                return Err(format!("{} comes after {before:?} of {producer} in spite of idempotence", record.message));
            }
        }
    }
    Ok(())
}

/// What an application sent again, so that there may be several copies, and late ones (DUP-2, ORDER-2).
fn resent(history: &History) -> BTreeSet<MessageId> {
    let again = |what: &What| if let What::Resent { message, .. } = *what { Some(message) } else { None };
    history.trace().iter().filter_map(|event| again(&event.what)).collect()
}

/// The clients see of it what is promised: no offset with two records, and nothing twice that was sent once.
fn looks_safe(history: &History, seen: &Seen) -> Result<(), String> {
    let uncommitted = |spec: &GroupSpec| spec.config.isolation == Isolation::ReadUncommitted;
    let shows_aborted = history.scenario().groups.iter().any(uncommitted);
    let excused = |name: &str| match name {
        "duplicate" => shows_aborted || !resent(history).is_empty(),
        "g1a" => shows_aborted,
        // What a group skips or repeats by its own policy, and what age takes away, is seen so; P-59 leaves no order.
        _ => name != "inconsistent-offsets",
    };
    match seen.anomalies.keys().find(|name| !excused(name)) {
        Some(name) => Err(format!("a safe run shows {name}: {:?}", seen.anomalies)),
        None => Ok(()),
    }
}

/// INV-92: once all is drained, a group that begins with the first record has at least one effect of each acked message, unless age or
/// compaction was faster.
fn without_effect(world: &World) -> Option<(String, MessageId)> {
    let copies = Copies::of(world);
    world.layout.scenario.groups.iter().enumerate().find_map(|(g, spec)| {
        let group = GroupId(g as u16);
        let due = |(id, message): &(MessageId, &MessageState)| {
            let acked = message.outcome == Some(SendOutcome::Acked) && !copies.aged(*id);
            // The leader of a classic group hears of an added partition when it next looks at its metadata.
            let unheard = message.partition.is_some_and(|p| world.layout.partition(p).added)
                && spec.config.group_protocol == GroupProtocol::Classic;
            acked
                && !unheard
                && spec.is_careful()
                && spec.handler.does_each_once_at_least()
                && spec.config.auto_offset_reset == OffsetReset::Earliest
                && world.group_reads(group, message)
        };
        let mut messages = world.ledger().messages().filter(due);
        let (id, _) = messages.find(|(id, _)| world.ledger().group(group).effect(*id).count == 0)?;
        Some((spec.name.clone(), id))
    })
}

/// INV-82, X-9: what a group has forwarded in transactions is there exactly as often as its offsets say that it was read: outputs and
/// offsets became visible together or not at all. Returns how many records were counted.
fn exactly_once(world: &World) -> Result<u64, String> {
    let (scenario, copies) = (&world.layout.scenario, Copies::of(world));
    let mut checked = 0;
    for (g, spec) in scenario.groups.iter().enumerate() {
        let Some(forward) = spec.forward.filter(|forward| forward.transactional) else { continue };
        let mut due: BTreeMap<MessageId, u32> = BTreeMap::new();
        for partition in spec.topics.iter().flat_map(|topic| &world.layout.topics[topic.ix()]) {
            let read = world.ledger().lags().committed(GroupId(g as u16), *partition).unwrap_or(Offset::ZERO);
            visible(world, *partition).filter(|(offset, _)| *offset < read).for_each(|(_, m)| *due.entry(m).or_default() += 1);
        }
        let mut there: BTreeMap<MessageId, u32> = BTreeMap::new();
        for partition in &world.layout.topics[forward.topic.ix()] {
            visible(world, *partition).for_each(|(_, m)| *there.entry(m).or_default() += 1);
        }
        // Of what age or compaction has taken from either side nothing is known.
        let differ = |m: &&MessageId| due.get(*m) != there.get(*m) && !copies.aged(**m);
        if let Some(differs) = due.keys().chain(there.keys()).find(differ) {
            let (read, sent) = (due.get(differs).copied().unwrap_or(0), there.get(differs).copied().unwrap_or(0));
            return Err(format!("{differs} was read {read} times by {}, and forwarded {sent} times", spec.name));
        }
        checked += u64::from(there.values().sum::<u32>());
    }
    Ok(checked)
}

/// The records of a partition that readers of committed records see.
fn visible(world: &World, partition: PartitionId) -> impl Iterator<Item = (Offset, MessageId)> {
    // P-23: a partition that was to be added, and never was, has no leader.
    let exists = world.metadata().partition(partition).exists();
    let leader = exists.then(|| world.metadata().partition(partition).leader.expect("checked before"));
    let log = leader.map(|leader| &world.brokers[leader.slot()].replica(partition).expect("it leads").log);
    let counts =
        move |entry: &&LogBatch| log.is_some_and(|log| !log.transactions.is_aborted(entry.batch.sequence.pid, entry.base));
    let place = |entry: &LogBatch| -> Vec<(Offset, MessageId)> {
        entry.batch.records().iter().enumerate().map(|(n, r)| (entry.base.plus(n as u32), r.message)).collect()
    };
    log.into_iter().flat_map(|log| log.batches()).filter(counts).flat_map(place)
}

/// Who leads what, as the events tell.
struct Leaders(Vec<Option<BrokerId>>);

impl Leaders {
    fn new(world: &World) -> Leaders {
        Leaders(world.layout.partitions.iter().map(|place| place.replicas.first().copied()).collect())
    }

    fn leads(&self, broker: NodeId, partition: PartitionId) -> bool {
        self.0[partition.ix()].map(NodeId::Broker) == Some(broker)
    }
}

/// F-6: how often `poll()` returned what an answer of a broker that does not lead had just brought.
fn follower_reads(history: &History) -> u64 {
    let mut leaders = Leaders::new(history.last_world());
    let mut answers: BTreeMap<PacketId, NodeId> = BTreeMap::new();
    let trace = history.trace();
    let mut reads = 0;
    for event in trace {
        match event.what {
            What::LeaderElected { partition, new, .. } => leaders.0[partition.ix()] = new,
            What::Sent { packet, from, api: Api::Fetch, response: true, .. } => {
                answers.insert(packet, from);
            }
            What::Polled { partition, .. } => {
                let cause = trace[event.cause.0 as usize].what;
                let from = if let What::Delivered { packet } = cause { answers.get(&packet) } else { None };
                reads += u64::from(from.is_some_and(|from| !leaders.leads(*from, partition)));
            }
            _ => {}
        }
    }
    reads
}

/// transactions that another coordinator has completed than the one that decided.
fn finished_by_others(history: &History) -> u64 {
    let mut decided: BTreeMap<TransactionalId, BrokerId> = BTreeMap::new();
    let finished = history.trace().iter().filter(|event| {
        let What::TransactionMoved { broker, transaction, state, .. } = event.what else { return false };
        match state {
            Transaction::PrepareCommit | Transaction::PrepareAbort => {
                decided.insert(transaction, broker);
                false
            }
            Transaction::CompleteCommit | Transaction::CompleteAbort => {
                decided.remove(&transaction).is_some_and(|before| before != broker)
            }
            _ => false,
        }
    });
    finished.count() as u64
}

/// What happened.
fn count(history: &History, tally: &Tally) -> Seen {
    let world = history.last_world();
    let ledger = world.ledger();
    let mut seen = Seen {
        runs: 1,
        intended: tally.intended.into(),
        acked: tally.acked.into(),
        rejected: tally.rejected.into(),
        unknown: tally.unknown.into(),
        lost: tally.groups.iter().map(|g| u64::from(g.lost)).sum(),
        duplicated: tally.groups.iter().map(|g| u64::from(g.duplicated)).sum(),
        phantom: tally.groups.iter().map(|g| u64::from(g.phantom)).sum(),
        isr_shrinks: ledger.isr_shrinks.into(),
        isr_expands: ledger.isr_expands.into(),
        elections: ledger.elections.into(),
        unclean_elections: ledger.unclean_elections.into(),
        transactions_committed: ledger.transactions.committed.into(),
        transactions_aborted: ledger.transactions.aborted.into(),
        producers_fenced: ledger.transactions.fenced.into(),
        ..Seen::default()
    };
    count_events(history, &mut seen);
    seen.follower_reads = follower_reads(history);
    seen.transactions_inherited = finished_by_others(history);
    let replicas = world.brokers.iter().flat_map(|broker| broker.replicas.iter().flatten());
    let batches = replicas.flat_map(|replica| replica.log.batches());
    // Every transaction has an epoch of its own: these are no proof of P-52.
    let own = |e: &&LogBatch| matches!(e.batch.payload, Payload::Records(_)) && !e.batch.transactional;
    let bumped = batches.filter(own).filter(|e| e.batch.sequence.epoch > 0);
    seen.epoch_bumps += bumped.count() as u64;
    seen
}

/// What the trace says.
fn count_events(history: &History, seen: &mut Seen) {
    let world = history.last_world();
    for event in history.trace() {
        match event.what {
            What::IsrChanged { elr, .. } if !elr.is_empty() => seen.elrs += 1,
            // C-17: the leader before stays in the ISR.
            What::LeaderElected { partition, old: Some(old), new: Some(new), isr, unclean: false, .. }
                if isr.contains(old) && world.layout.partition(partition).replicas[0] == new =>
            {
                seen.preferred_elections += 1;
            }
            What::GroupLoaded { generation: 1.., .. } => seen.coordinator_failovers += 1,
            What::GroupChanged { state: State::PreparingRebalance, generation: 1.., .. } => seen.classic_rebalances += 1,
            What::GroupEpochSet { epoch: MemberEpoch(2..), .. } => seen.consumer_rebalances += 1,
            What::Forwarded { .. } => seen.forwarded += 1,
            What::Assigned { .. } => seen.assignments += 1,
            What::Truncated { .. } => seen.truncations += 1,
            What::TailLost { torn, .. } => {
                seen.tails_lost += 1;
                seen.torn_batches += u64::from(torn);
            }
            What::LogCompacted { removed: 1.., .. } => seen.compactions += 1,
            What::DiskWiped { .. } => seen.wiped_disks += 1,
            What::DiskFailed { failed: true, .. } => seen.failed_disks += 1,
            What::SegmentRolled { .. } => seen.rolls += 1,
            What::LogsLoaded { clean: false, .. } => seen.recoveries += 1,
            What::LogStartMoved { why: StartReason::Age | StartReason::Size, .. } => seen.retentions += 1,
            What::Paused { paused: true, .. } => seen.pauses += 1,
            What::PartitionAdded { .. } => seen.added_partitions += 1,
            What::LogStartMoved { why: StartReason::Request, .. } => seen.deleted_records += 1,
            What::Deduplicated { .. } => seen.deduplicated += 1,
            What::BatchRetried { .. } => seen.retries += 1,
            What::Refused { .. } => seen.refusals += 1,
            What::BatchSplit { .. } => seen.splits += 1,
            What::TransmissionLost { reason: DropReason::Loss, .. } => seen.losses += 1,
            What::Disconnected { timeout: true, .. } => seen.timeouts += 1,
            What::Stopped { node: NodeId::Broker(_) } => seen.clean_stops += 1,
            What::ControllerActive { .. } => seen.controller_failovers += 1,
            What::Fenced { fenced: true, .. } => seen.fencings += 1,
            What::PositionSet { reset: true, .. } => seen.resets += 1,
            What::Committed { .. } => seen.commits += 1,
            What::MemberReconciled { revoking: 1.., .. } => seen.revocations += 1,
            What::MemberRemoved { .. } => seen.members_removed += 1,
            What::Revoked { lost: true, .. } => seen.partitions_lost += 1,
            _ => count_of_applications(world, &event.what, seen),
        }
    }
}

/// What of the trace is about senders and handlers.
fn count_of_applications(world: &World, what: &What, seen: &mut Seen) {
    match *what {
        What::Resent { producer, .. } => match world.layout.scenario.producers[producer.ix()].send {
            SendMode::SyncRetry => seen.resent_by_loop += 1,
            SendMode::AsyncTable => seen.resent_by_table += 1,
            SendMode::Outbox => seen.resent_by_outbox += 1,
            SendMode::Sync | SendMode::Async | SendMode::FireAndForget | SendMode::Call => {
                unreachable!("its application sends once")
            }
        },
        What::RowCleared { .. } => seen.rows_cleared += 1,
        What::SendPointReached { .. } => seen.send_points += 1,
        What::CrashPointReached { .. } => seen.crash_points += 1,
        What::Absorbed { by: Wall::Redis, .. } => seen.absorbed_by_redis += 1,
        What::Absorbed { by: Wall::Database, .. } => seen.absorbed_by_database += 1,
        What::HandlerFailed { trouble, consumer, step, .. } => match trouble {
            Trouble::Leased => seen.leased += 1,
            Trouble::Redis => seen.without_redis += 1,
            Trouble::Database => {
                let group = world.layout.consumers[consumer.ix()].group;
                let is_commit = world.layout.scenario.groups[group.ix()].handler.steps[step as usize] == Step::Commit;
                seen.database_unknown += 1;
                seen.unknown_commits += u64::from(is_commit);
            }
            Trouble::Business => seen.business_threw += 1,
            Trouble::Unreadable => {}
        },
        What::RecordSkipped { .. } => seen.passed_over += 1,
        What::RedisForgot { why: Forgot::Restart, .. } => seen.forgot_by_restart += 1,
        What::RedisForgot { why: Forgot::Failover, .. } => seen.forgot_by_failover += 1,
        What::RedisForgot { why: Forgot::Evicted, .. } => seen.evicted += 1,
        What::DatabaseAnswered { result: SqlResult::Deadlock, .. } => seen.deadlocks += 1,
        _ => {}
    }
}
