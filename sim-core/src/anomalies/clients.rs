//! The histories: sends with what their senders were told, transactions with how they ended, polls with what they returned.

use crate::config::Isolation;
use crate::history::History;
use crate::ids::*;
use crate::layout::Layout;
use crate::rows::Map;
use crate::trace::{SendOutcome, What};
use std::sync::Arc;

/// What the sender knows of a batch, or a transaction, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Done,
    /// It surely does not.
    Failed,
    /// Nobody has said so.
    Unknown,
}

/// A call of `send()` that took the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    pub producer: ProducerId,
    pub message: MessageId,
    pub batch: BatchId,
    /// How many records of its batch come before it.
    pub place: u32,
    pub partition: PartitionId,
}

/// What its sender was told of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub fate: Fate,
    /// The offset of its first record, if that was told.
    pub base: Option<Offset>,
    /// The transaction that it was in: a position in the list.
    pub transaction: Option<usize>,
}

/// A record that somebody polled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub message: MessageId,
    pub batch: BatchId,
}

/// What one `poll()` returned of a partition.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    pub consumer: ConsumerId,
    pub partition: PartitionId,
    pub records: Vec<(Offset, Seen)>,
    /// Since the poll before it by the same member there has been a rebalance, a new process, or a step back of the application's own.
    pub fresh: bool,
}

/// A batch in a log as readers meet it: its first offset, and the epoch of its leader.
type InLog = (Offset, LeaderEpoch, BatchId);

/// All histories.
pub(super) struct Clients {
    layout: Arc<Layout>,
    /// By [`MessageId`]: who sends it.
    senders: Vec<ProducerId>,
    pub sends: Vec<Send>,
    told: Map<BatchId, Told>,
    pub polls: Vec<Poll>,
    /// How each transaction ended.
    pub transactions: Vec<Fate>,
}

/// While the trace is read.
#[derive(Default)]
struct Reading {
    /// The messages of each batch, in order.
    batches: Map<BatchId, Vec<MessageId>>,
    logs: Map<PartitionId, Vec<InLog>>,
    /// The open transaction of each producer: its position in the list.
    open: Map<ProducerId, usize>,
    /// How often a member began anew, as a whole and with a partition.
    anew: Map<ConsumerId, u32>,
    given: Map<(ConsumerId, PartitionId), u32>,
    /// The last poll of a member of a partition: its position in the list, and how often it had begun anew by then.
    last: Map<(ConsumerId, PartitionId), (usize, u32)>,
}

impl Clients {
    pub fn of(history: &History) -> Clients {
        let mut clients = Clients {
            layout: history.last_world().layout.clone(),
            senders: Vec::new(),
            sends: Vec::new(),
            told: Map::new(),
            polls: Vec::new(),
            transactions: Vec::new(),
        };
        let mut reading = Reading::default();
        let trace = history.trace();
        for event in trace {
            clients.of_senders(&event.what, &mut reading);
            match event.what {
                // An application whose outputs failed goes back to what it has committed. That its client goes back because the log has been
                // replaced is another matter.
                What::PositionSet { consumer, partition, reset: false, .. }
                    if !matches!(trace[event.cause.0 as usize].what, What::PositionDiverged { .. }) =>
                {
                    *reading.given.entry((consumer, partition)).or_default() += 1;
                }
                ref what => clients.of_readers(what, &mut reading),
            }
        }
        clients
    }

    /// What a sender knows of a batch.
    pub fn told(&self, batch: BatchId) -> Told {
        let told = self.told.get(&batch).copied().unwrap_or(NOTHING_TOLD);
        // What was told of a record in a transaction is what was told of the transaction.
        let fate = match told.transaction.map(|at| self.transactions[at]) {
            None | Some(Fate::Done) => told.fate,
            Some(ended) => ended,
        };
        Told { fate, ..told }
    }

    /// All that was polled, with its places.
    pub fn seen(&self) -> impl Iterator<Item = (PartitionId, Offset, Seen)> + '_ {
        self.polls.iter().flat_map(|poll| poll.records.iter().map(|(offset, seen)| (poll.partition, *offset, *seen)))
    }

    /// Does somebody read it?
    pub fn is_read(&self, partition: PartitionId) -> bool {
        let topic = self.layout.partition(partition).topic;
        topic.is_some_and(|topic| self.layout.scenario.groups.iter().any(|group| group.topics.contains(&topic)))
    }

    /// Does the partition belong to the topic to which the message's application sends?
    pub fn is_home(&self, partition: PartitionId, message: MessageId) -> bool {
        let home = self.layout.scenario.producers[self.senders[message.ix()].ix()].topic;
        self.layout.partition(partition).topic == Some(home)
    }

    /// Does it see committed records only?
    pub fn reads_committed(&self, consumer: ConsumerId) -> bool {
        let group = self.layout.consumers[consumer.ix()].group;
        self.layout.scenario.groups[group.ix()].config.isolation == Isolation::ReadCommitted
    }

    // --- senders -----------------------------------------------------------------------------------------------------------------

    fn of_senders(&mut self, what: &What, reading: &mut Reading) {
        match *what {
            What::Intended { producer, .. } => self.senders.push(producer),
            What::Queued { message, batch, partition } => {
                self.sent(self.senders[message.ix()], (message, batch, partition), reading);
            }
            What::Forwarded { producer, message, batch, partition } => {
                self.sent(producer, (message, batch, partition), reading);
            }
            What::BatchDone { batch, outcome, offset, .. } => {
                let told = self.told.entry(batch).or_insert(NOTHING_TOLD);
                told.fate = fate(outcome);
                told.base = (offset != Offset::UNKNOWN).then_some(offset);
            }
            What::TransactionBegun { producer } => {
                reading.open.insert(producer, self.transactions.len());
                self.transactions.push(Fate::Unknown);
            }
            What::TransactionEnded { producer, outcome, .. } => {
                if let Some(at) = reading.open.remove(&producer) {
                    // Without an outcome: it was aborted, and its messages are sent again in another.
                    self.transactions[at] = outcome.map_or(Fate::Failed, fate);
                }
            }
            What::Crashed { node: NodeId::Producer(producer), .. } | What::Stopped { node: NodeId::Producer(producer) } => {
                reading.open.remove(&producer);
            }
            _ => {}
        }
    }

    fn sent(
        &mut self,
        producer: ProducerId,
        (message, batch, partition): (MessageId, BatchId, PartitionId),
        reading: &mut Reading,
    ) {
        let messages = reading.batches.entry(batch).or_default();
        self.sends.push(Send { producer, message, batch, place: messages.len() as u32, partition });
        messages.push(message);
        self.told.entry(batch).or_insert(NOTHING_TOLD).transaction = reading.open.get(&producer).copied();
    }

    // --- readers -----------------------------------------------------------------------------------------------------------------

    fn of_readers(&mut self, what: &What, reading: &mut Reading) {
        match *what {
            // What polls return is not in the trace; but what the log of the newest leader has at an offset is.
            What::Appended { partition, batch, epoch, base, leader: true, .. } => reading.appended(partition, batch, epoch, base),
            What::Polled { consumer, partition, base, count } => self.polled(consumer, partition, (base, count), reading),
            What::Effect { consumer, message, partition, offset }
            | What::Absorbed { consumer, message, partition, offset, .. } => {
                self.worked_on(consumer, (partition, offset), message, reading);
            }
            What::Assigned { consumer, partition, .. } | What::Revoked { consumer, partition, .. } => {
                *reading.given.entry((consumer, partition)).or_default() += 1;
            }
            // After an exception the application seeks back itself.
            What::HandlerFailed { consumer, .. } | What::Started { node: NodeId::Consumer(consumer) } => {
                *reading.anew.entry(consumer).or_default() += 1;
            }
            _ => {}
        }
    }

    fn polled(&mut self, consumer: ConsumerId, partition: PartitionId, (base, count): (Offset, u32), reading: &mut Reading) {
        let records = (0..count).map(|n| base.plus(n)).filter_map(|at| Some((at, reading.record(partition, at)?))).collect();
        let begun =
            reading.anew.get(&consumer).copied().unwrap_or(0) + reading.given.get(&(consumer, partition)).copied().unwrap_or(0);
        let before = reading.last.insert((consumer, partition), (self.polls.len(), begun));
        let fresh = before.is_none_or(|(_, then)| then != begun);
        self.polls.push(Poll { consumer, partition, records, fresh });
    }

    /// A record in hand shows what it is: it may have been fetched before another one took its place in the log.
    fn worked_on(
        &mut self,
        consumer: ConsumerId,
        (partition, offset): (PartitionId, Offset),
        message: MessageId,
        reading: &Reading,
    ) {
        let Some(&(last, _)) = reading.last.get(&(consumer, partition)) else { return };
        let here = |poll: &&mut Poll| (poll.consumer, poll.partition) == (consumer, partition);
        let polls = self.polls[..=last].iter_mut().rev().filter(here);
        for poll in polls {
            let Some(at) = poll.records.iter().position(|(at, _)| *at == offset) else { continue };
            if poll.records[at].1.message != message {
                let own = self.sends.iter().rfind(|send| send.message == message && send.partition == partition);
                let batch = own.map_or(poll.records[at].1.batch, |send| send.batch);
                poll.records[at].1 = Seen { message, batch };
            }
            return;
        }
    }
}

impl Reading {
    /// A leader has appended: whatever lay there before is gone from the log. (A deposed one's log is nobody's.)
    fn appended(&mut self, partition: PartitionId, batch: Option<BatchId>, epoch: LeaderEpoch, base: Offset) {
        let log = self.logs.entry(partition).or_default();
        if log.last().is_some_and(|last| last.1 > epoch) {
            return;
        }
        while log.last().is_some_and(|last| last.0 >= base) {
            log.pop();
        }
        log.extend(batch.map(|batch| (base, epoch, batch)));
    }

    /// The record at an offset; none for the end of a transaction.
    fn record(&self, partition: PartitionId, at: Offset) -> Option<Seen> {
        let log = self.logs.get(&partition)?;
        let (base, _, batch) = *log[..log.partition_point(|entry| entry.0 <= at)].last()?;
        let message = *self.batches.get(&batch)?.get((at.0 - base.0) as usize)?;
        Some(Seen { message, batch })
    }
}

/// Before anything is said of a batch.
const NOTHING_TOLD: Told = Told { fate: Fate::Unknown, base: None, transaction: None };

fn fate(outcome: SendOutcome) -> Fate {
    match outcome {
        SendOutcome::Acked => Fate::Done,
        SendOutcome::Rejected => Fate::Failed,
        SendOutcome::Unknown => Fate::Unknown,
    }
}
