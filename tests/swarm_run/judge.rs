//! What must be true of a run of the swarm.

use super::Seen;
use sim_core::autopsy;
use sim_core::check::liveness::{self, keeps_logs};
use sim_core::config::{GroupProtocol, OffsetReset};
use sim_core::group::classic::State;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::ledger::MessageState;
use sim_core::log::LogBatch;
use sim_core::record::Payload;
use sim_core::scenario::{Scenario, read};
use sim_core::tally::{Copies, Tally};
use sim_core::trace::{Api, DropReason, SendOutcome, StartReason, What};
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
    adds_up(world, &tally)?;
    converged(&history)?;
    let mut seen = count(&history, &tally);
    if keeps_logs(world) {
        seen.exactly_once += exactly_once(world)?;
    }
    if is_safe(history.scenario(), world) {
        seen.safe_runs += 1;
        keeps_promises(&history, &tally)?;
    }
    let causes = autopsy::causes(&history);
    if causes.unexplained > 0 {
        return Err(format!("{} messages have a bad fate that nothing explains", causes.unexplained));
    }
    Ok(seen)
}

/// INV-90: each message is in exactly one class, and has one fate in each group that reads it.
fn adds_up(world: &World, tally: &Tally) -> Result<(), String> {
    if tally.intended != tally.acked + tally.rejected + tally.unknown {
        return Err(format!("the outcomes do not add up: {tally:?}"));
    }
    for group in &tally.groups {
        let read = world.ledger().messages().filter(|(_, message)| world.group_reads(group.group, message)).count() as u32;
        let fates = group.ok + group.lost + group.duplicated + group.phantom + group.rejected + group.pending;
        if fates != read {
            return Err(format!("the fates of {} do not add up to {read}: {group:?}", group.name));
        }
    }
    Ok(())
}

/// LIV-1..LIV-6: every process is up and every link whole for more than a minute.
fn converged(history: &History) -> Result<(), String> {
    let world = history.last_world();
    let owed = |id: &str| id != "LIV-6" || !told_nobody(history);
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
    if tally.extra_copies > 0 {
        return Err(format!("{} second copies in spite of idempotence", tally.extra_copies));
    }
    if let Some((group, message)) = without_effect(world).filter(|_| !told_nobody(history)) {
        return Err(format!("{message} was acked, and {group}, which reads from the beginning, has no effect of it"));
    }
    let exists = |p: &PartitionId| world.metadata().partition(*p).exists();
    for partition in world.layout.partition_ids().filter(exists) {
        let leader = world.metadata().partition(partition).leader.expect("checked before");
        let log = &world.brokers[leader.slot()].replica(partition).expect("it leads").log;
        let mut last: BTreeMap<ProducerId, MessageId> = BTreeMap::new();
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
        for record in log.batches().filter(counts).flat_map(|entry| entry.batch.records()) {
            let producer = world.ledger().message(record.message).producer;
            let spec = &world.layout.scenario.producers[producer.ix()];
            // Who calls first of several threads is a matter of chance (ORDER-4); what is forwarded has another order.
            if spec.threads > 1 || Some(spec.topic) != world.layout.partition(partition).topic {
                continue;
            }
            let before = last.insert(producer, record.message);
            if before.is_some_and(|before| before > record.message) {
                return Err(format!("{} comes after {before:?} of {producer} in spite of idempotence", record.message));
            }
        }
    }
    Ok(())
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
            let read = world.ledger().group(GroupId(g as u16)).committed_offset(*partition).unwrap_or(Offset::ZERO);
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
    let leader = world.metadata().partition(partition).leader.expect("checked before");
    let log = &world.brokers[leader.slot()].replica(partition).expect("it leads").log;
    let counts = |entry: &&LogBatch| !log.transactions.is_aborted(entry.batch.sequence.pid, entry.base);
    let place = |entry: &LogBatch| -> Vec<(Offset, MessageId)> {
        entry.batch.records().iter().enumerate().map(|(n, r)| (entry.base.plus(n as u32), r.message)).collect()
    };
    log.batches().filter(counts).flat_map(place)
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
            _ => {}
        }
    }
}
