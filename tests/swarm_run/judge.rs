//! What must be true of a run of the swarm.

use super::Seen;
use sim_core::autopsy;
use sim_core::config::{GroupProtocol, Isolation, OffsetReset};
use sim_core::consumer::Consumer;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::log::{Log, LogBatch};
use sim_core::producer::Process;
use sim_core::record::{Payload, Record};
use sim_core::scenario::{Action, DiskDeed, Scenario, read};
use sim_core::tally::Tally;
use sim_core::trace::{DropReason, StartReason, What};
use sim_core::world::World;
use std::collections::BTreeMap;
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
    converged(world)?;
    let mut seen = count(&history, &tally);
    if is_safe(history.scenario(), world) {
        seen.safe_runs += 1;
        keeps_promises(world, &tally)?;
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

/// LIV-1..LIV-6: every process is up and every link whole for two minutes.
fn converged(world: &World) -> Result<(), String> {
    for partition in world.layout.partition_ids() {
        let place = world.layout.partition(partition);
        let name = &place.name;
        let state = world.metadata().partition(partition);
        if !state.exists() {
            continue; // the administrator found no active controller
        }
        let Some(leader) = state.leader else { return Err(format!("{name} has no leader: {state:?}")) };
        if state.isr.len() as usize != place.replicas.len() {
            return Err(format!("{name} has only {} in its ISR", state.isr));
        }
        let leads = world.brokers[leader.slot()].replica(partition).filter(|r| r.leading().is_some());
        let Some(replica) = leads else { return Err(format!("{leader} does not know that it leads {name}")) };
        // whatever was open has timed out. (The seeds' rules are those of version 2.)
        if replica.log.transactions.open().next().is_some() && keeps_logs(world) {
            return Err(format!("{name}: a transaction hangs: {:?}", replica.log.transactions));
        }
        if place.topic.is_none() {
            continue; // automatic commits go on for ever: there is always one on its way
        }
        let (end, watermark) = (replica.log.end(), replica.high_watermark);
        if watermark != end {
            return Err(format!("{name}: the watermark of {leader} is {watermark}, its log ends at {end}"));
        }
        for &broker in &place.replicas {
            let copy = world.brokers[broker.slot()].replica(partition).expect("it is a replica");
            if !agree(&copy.log, &replica.log, place.config.log.compact) {
                return Err(format!("{name}: the logs of {leader} and {broker} differ"));
            }
            if copy.high_watermark != end {
                return Err(format!("{name}: {broker} knows only {} of {end} to be committed", copy.high_watermark));
            }
        }
    }
    consumed(world)
}

/// Each replica deletes old files by its own look at them, and compacts them: what both still have must be the same. Of a compacted topic
/// that is the newest record of each key.
fn agree(a: &Log, b: &Log, compacted: bool) -> bool {
    let start = a.start().max(b.start());
    if compacted {
        let newest = |log: &Log| -> BTreeMap<u32, (Offset, MessageId)> {
            let record = |e: &LogBatch, n: usize, r: &Record| (r.key.unwrap_or(0), (e.base.plus(n as u32), r.message));
            let records =
                |e: &LogBatch| -> Vec<_> { e.batch.records().iter().enumerate().map(|(n, r)| record(e, n, r)).collect() };
            log.batches().flat_map(records).filter(|(_, (offset, _))| *offset >= start).collect()
        };
        return newest(a) == newest(b);
    }
    let from_there = |log: &Log| -> Vec<LogBatch> { log.batches().filter(|entry| entry.end() > start).cloned().collect() };
    from_there(a) == from_there(b)
}

/// LIV-4, LIV-6: producers are done, consumers have reached the end.
fn consumed(world: &World) -> Result<(), String> {
    if let Some(producer) = world.producers.iter().find(|p| p.process == Process::Up && !p.is_done()) {
        return Err(format!(
            "{} is not done: {} queued, {} in flight",
            producer.id,
            producer.queued(),
            producer.requests_in_flight()
        ));
    }
    for consumer in &world.view().consumers {
        if consumer.in_hand > 0 || consumer.handling.is_some() {
            return Err(format!("{} of {} has records in hand", consumer.id, consumer.group_name));
        }
    }
    for consumer in &world.consumers {
        for (partition, position) in consumer.positions() {
            let leader = world.metadata().partition(partition).leader.expect("checked before");
            let replica = world.brokers[leader.slot()].replica(partition).expect("it leads");
            let config = &world.layout.scenario.groups[world.layout.consumers[consumer.id.ix()].group.ix()].config;
            let waits_for_young = position.is_none() || position < Some(replica.log.start());
            if waits_for_young && matches!(config.auto_offset_reset, OffsetReset::ByDuration(_)) {
                continue; // nothing young enough has come
            }
            // A transaction whose coordinator has lost its state hangs, and readers of committed records in front of it.
            let end = if config.isolation == Isolation::ReadCommitted { replica.last_stable() } else { replica.log.end() };
            if position < Some(end) || position > Some(replica.log.end()) {
                let name = &world.layout.partition(partition).name;
                return Err(format!("{} stands at {position:?} of {end} in {name}", consumer.id));
            }
        }
    }
    shared_out(world)
}

/// LIV-6: every partition that a group of the consumer protocol reads has one reader.
fn shared_out(world: &World) -> Result<(), String> {
    for (g, spec) in world.layout.scenario.groups.iter().enumerate() {
        let of_group = |c: &&Consumer| usize::from(world.layout.consumers[c.id.ix()].group.0) == g;
        for partition in spec.topics.iter().flat_map(|topic| &world.layout.topics[topic.ix()]) {
            let reads = |c: &&Consumer| c.positions().any(|(p, _)| p == *partition);
            let readers = world.consumers.iter().filter(of_group).filter(reads).count();
            let (place, state) = (world.layout.partition(*partition), world.metadata().partition(*partition));
            // The leader of a classic group learns of an added one when it next looks at its metadata, the others at once.
            let unheard = place.added && (spec.config.group_protocol == GroupProtocol::Classic || !state.exists());
            if readers > 1 || readers == 0 && !unheard {
                return Err(format!("{} is read by {readers} members of {}", world.layout.partition(*partition).name, spec.name));
            }
        }
    }
    Ok(())
}

/// No log loses anything that is committed.
fn keeps_logs(world: &World) -> bool {
    let loses = |action: &Action| matches!(action, Action::PowerCut { .. } | Action::Disk { deed: DiskDeed::Wipe, .. });
    !world.interventions().iter().any(|i| loses(&i.action)) && world.ledger().unclean_elections == 0
}

/// The conditions of INV-24, INV-41 and INV-42: acks=all with idempotence, no log loses anything, nobody is elected uncleanly.
fn is_safe(scenario: &Scenario, world: &World) -> bool {
    keeps_logs(world) && scenario.producers.iter().all(|p| p.config.enable_idempotence)
}

/// INV-24 and INV-25: nothing acked is lost. INV-41: no second copy. INV-42: first copies in the order of sending.
fn keeps_promises(world: &World, tally: &Tally) -> Result<(), String> {
    if tally.lost_acked > 0 {
        return Err(format!("{} acked messages are in no log", tally.lost_acked));
    }
    if tally.extra_copies > 0 {
        return Err(format!("{} second copies in spite of idempotence", tally.extra_copies));
    }
    let exists = |p: &PartitionId| world.metadata().partition(*p).exists();
    for partition in world.layout.partition_ids().filter(exists) {
        let leader = world.metadata().partition(partition).leader.expect("checked before");
        let log = &world.brokers[leader.slot()].replica(partition).expect("it leads").log;
        let mut last: BTreeMap<ProducerId, MessageId> = BTreeMap::new();
        let counts = |entry: &&LogBatch| !log.transactions.is_aborted(entry.batch.sequence.pid, entry.base);
        for record in log.batches().filter(counts).flat_map(|entry| entry.batch.records()) {
            let producer = world.ledger().message(record.message).producer;
            if world.layout.scenario.producers[producer.ix()].threads > 1 {
                continue; // who calls first is a matter of chance (ORDER-4)
            }
            let before = last.insert(producer, record.message);
            if before.is_some_and(|before| before > record.message) {
                return Err(format!("{} comes after {before:?} of {producer} in spite of idempotence", record.message));
            }
        }
    }
    Ok(())
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
    for event in history.trace() {
        match event.what {
            What::IsrChanged { elr, .. } if !elr.is_empty() => seen.elrs += 1,
            What::LeaderElected { partition, new: Some(_), .. } if world.layout.partition(partition).topic.is_none() => {
                seen.coordinator_failovers += 1;
            }
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
    let replicas = world.brokers.iter().flat_map(|broker| broker.replicas.iter().flatten());
    let batches = replicas.flat_map(|replica| replica.log.batches());
    let bumped = batches.filter(|e| matches!(e.batch.payload, Payload::Records(_)) && e.batch.sequence.epoch > 0);
    seen.epoch_bumps += bumped.count() as u64;
    seen
}
