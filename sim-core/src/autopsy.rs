//! Why a message has the fate it has: one walk through the trace that notes where each batch was appended and what removed it, and a
//! decision from those facts alone.

mod causes;
pub mod chain;
mod detour;
mod disorder;
mod duplication;
mod handling;
mod loss;
mod redelivery;
mod skipping;

pub use causes::{Causes, Harm, Unexplained, causes};

use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::ledger::MessageState;
use crate::mechanism::{self, Mechanism};
use crate::rows::{Map, Set};
use crate::tally::Copies;
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
    /// Positions that a reset policy set: by whom, where, to which offset, when.
    resets: Vec<(ConsumerId, PartitionId, Offset, TraceId)>,
    /// Machines that lost power.
    power_cuts: Vec<(BrokerId, TraceId)>,
    /// Copies of batches that a disk spoiled: whose, of what, where.
    spoiled: Vec<(BrokerId, PartitionId, Offset)>,
    /// Logs that lost their ends: whose, of what, from where on, when, and for the leader of which epoch, or with the power.
    cuts: Vec<(BrokerId, PartitionId, Offset, TraceId, Option<LeaderEpoch>)>,
    /// Where COMMIT was written.
    commits: Vec<(PartitionId, Offset, TraceId)>,
    /// Logs that forgot idle producers (L-16).
    forgotten: Vec<(BrokerId, PartitionId, TraceId)>,
    /// Disks that were replaced (D-6).
    wipes: Vec<(BrokerId, TraceId)>,
    /// Messages that their application sent again, with the events of that.
    resent: Map<MessageId, Vec<TraceId>>,
    /// Producers that crashed.
    producer_crashes: Vec<(ProducerId, TraceId, SimTime)>,
    /// Requests that something on the way sent twice.
    copied: Set<TraceId>,
    /// When each batch's client gave an attempt up.
    given_up: Map<BatchId, Vec<TraceId>>,
    /// Batches that failed for good, when, and with which error.
    failed: Vec<(BatchId, TraceId, ErrorCode)>,
    /// Batches that were refused because of a gap before them (L-13).
    out_of_order: Vec<(BatchId, TraceId)>,
    /// What members that forward put it into: by which producer, in which batch.
    forwarded: Map<MessageId, Vec<(ProducerId, BatchId)>>,
    /// Transactions that were not committed.
    aborted: Vec<(ProducerId, TraceId)>,
    /// Messages that members sent on instead of doing their business.
    sent_on: Map<MessageId, Vec<ConsumerId>>,
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
    pub fn of(trace: &[TraceEvent], layout: &Layout) -> Autopsy {
        let mut facts = Autopsy::default();
        // The batches in each log, oldest first.
        let mut logs: Map<(BrokerId, PartitionId), Vec<InLog>> = Map::new();
        for (i, event) in trace.iter().enumerate() {
            let id = TraceId(i as u64);
            facts.redelivery.note(id, event, trace);
            facts.handling.note(id, event, layout);
            facts.skipping.note(id, event);
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
                    facts.cuts.push((broker, partition, to, id, Some(epoch)));
                    facts.remove(logs.entry((broker, partition)).or_default(), to, id, Some(epoch));
                }
                What::MarkerWritten { partition, offset, commit: true, .. } => facts.commits.push((partition, offset, id)),
                What::TailLost { broker, partition, to, .. } => {
                    facts.cuts.push((broker, partition, to, id, None));
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
                What::SentOn { consumer, message, .. } => facts.sent_on.entry(message).or_default().push(consumer),
                What::Resent { message, .. } => facts.resent.entry(message).or_default().push(id),
                What::Crashed { node: NodeId::Producer(producer), .. } => facts.producer_crashes.push((producer, id, event.at)),
                What::TransactionEnded { producer, outcome, .. } if outcome != Some(SendOutcome::Acked) => {
                    facts.aborted.push((producer, id));
                }
                What::PacketCopied { .. } => _ = facts.copied.insert(id),
                What::BatchRetried { batch, .. } => facts.given_up.entry(batch).or_default().push(id),
                What::Refused { batch, error: ErrorCode::OutOfOrderSequenceNumber, .. } => {
                    facts.out_of_order.push((batch, id));
                }
                What::Crashed { node: NodeId::Broker(broker), power: true } => facts.power_cuts.push((broker, id)),
                What::LeaderElected { partition, new: Some(_), epoch, unclean, .. } => {
                    facts.changes.entry(partition).or_default().push(Change { event: id, epoch, unclean });
                }
                What::OffsetExpired { group, partition } => facts.expired.push((group, partition, id)),
                What::PositionSet { consumer, partition, to, reset: true } => {
                    facts.resets.push((consumer, partition, to, id));
                }
                What::BatchDone { batch, outcome: SendOutcome::Rejected | SendOutcome::Unknown, error, .. } => {
                    facts.failed.push((batch, id, error));
                }
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

    /// The change of leader that decided over a batch: the one whose leader its copies were cut off for, or the unclean one that let that
    /// leader in; else the first after it was appended.
    pub fn deciding_change(&self, batch: BatchId) -> Option<TraceId> {
        self.change_over(self.placed(batch)).map(|c| c.event)
    }

    fn change_over(&self, placed: &[Placed]) -> Option<&Change> {
        let first = placed.iter().find(|p| p.leader)?;
        let changes = self.changes.get(&first.partition)?;
        match placed.iter().find_map(|p| p.cut_for) {
            Some(epoch) => {
                let until = || changes.iter().rev().filter(move |c| c.epoch <= epoch);
                until().find(|c| c.unclean && c.epoch > first.epoch).or_else(|| until().next())
            }
            None => changes.iter().find(|c| c.epoch > first.epoch),
        }
    }

    /// The mechanism behind a message's fate in one group; none for a good fate, for one that is still open, and for one that nothing
    /// explains.
    pub fn mechanism(
        &self,
        world: &World,
        group: GroupId,
        fate: Verdict,
        (id, message): (MessageId, &MessageState),
        copies: &Copies,
    ) -> Option<&'static Mechanism> {
        match fate {
            Verdict::Ok => None,
            Verdict::Pending => {
                let producer = &world.producers[message.producer.ix()];
                let down = producer.process != crate::producer::Process::Up;
                let crashed = self.producer_crashes.iter().any(|&(p, _, at)| p == message.producer && at >= message.intended);
                let forgotten = message.outcome.is_none() && (down || crashed) && !producer.has_row(id);
                forgotten.then_some(&mechanism::LOSS_P7)
            }
            Verdict::Rejected => Some(self.rejection(world, message)),
            Verdict::Phantom => self.phantom(world, group, (id, message)),
            Verdict::Duplicated => self.duplication(world, group, (id, message)),
            Verdict::Lost => self.lost(world, group, (id, message), copies),
        }
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
