//! What became of each message, read off the trace as it is written: what the application intended and was told, and which effects
//! each group applied. What is still in the logs is not here; [`crate::tally`] puts both together.

mod lag;

pub use lag::Lags;

use crate::chunks::Chunks;
use crate::error_code::{Appended, ErrorCode};
use crate::group;
use crate::ids::*;
use crate::layout::Layout;
use crate::rows::Set;
use crate::set::BrokerSet;
use crate::time::SimTime;
use crate::trace::{SendOutcome, What};
use crate::transaction::State;
use std::sync::Arc;

/// A message as its application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageState {
    /// Who intended it.
    pub producer: ProducerId,
    /// When.
    pub intended: SimTime,
    /// Its key's number.
    pub key: Option<u32>,
    /// Where its key sent it; none while `send()` has not taken it.
    pub partition: Option<PartitionId>,
    /// The batch that it is in.
    pub batch: Option<BatchId>,
    /// What the application was told; none so far.
    pub outcome: Option<SendOutcome>,
    /// With which error.
    pub error: ErrorCode,
    /// When.
    pub resolved: SimTime,
}

/// A message in a batch. An application may send a message more than once, so that it is in several.
#[derive(Clone, Copy, Debug)]
struct InBatch {
    message: MessageId,
    /// The place of what was queued after it into the same batch.
    next: Option<u32>,
}

/// A batch: where it goes, and the messages in it, as a list of places.
#[derive(Clone, Copy, Debug)]
struct BatchState {
    partition: Option<PartitionId>,
    first: Option<u32>,
    last: Option<u32>,
}

/// The effects of one message in one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectState {
    /// How many.
    pub count: u32,
    /// When the first one happened.
    pub first: SimTime,
}

/// One group.
#[derive(Clone, Debug)]
pub struct GroupLedger {
    /// By [`MessageId`]; shorter than the list of messages when the last ones have no effect yet.
    effects: Chunks<EffectState>,
    /// By [`ProducerId`] and key: the newest message applied.
    newest: Vec<Chunks<Option<MessageId>>>,
    /// Generations, or group epochs, that began.
    pub rebalances: u32,
    /// First effects that came after the effect of a later message with the same key.
    pub reordered: u32,
    /// Copies and redeliveries that a handler recognised.
    pub absorbed: u32,
}

/// One producer's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerCounts {
    /// Intended.
    pub intended: u32,
    /// Reported as sent.
    pub acked: u32,
    /// Reported as failed.
    pub failed: u32,
}

/// Transactions that are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Committed.
    pub committed: u32,
    /// Aborted.
    pub aborted: u32,
    /// Instances of producers that had to be closed: a newer one has their transactional.id.
    pub fenced: u32,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Ledger {
    layout: Arc<Layout>,
    messages: Chunks<MessageState>,
    batches: Chunks<BatchState>,
    queued: Chunks<InBatch>,
    groups: Vec<GroupLedger>,
    /// By [`ProducerId`].
    producers: Vec<ProducerCounts>,
    /// By [`ProducerId`]: what its application has sent in its open transaction, and not been told of.
    in_transaction: Vec<Set<MessageId>>,
    /// Transactions whose end every partition has been told of.
    pub transactions: Ended,
    lags: Lags,
    /// By [`PartitionId`]: the ISR.
    isrs: Vec<BrokerSet>,
    /// Elections of a leader.
    pub elections: u32,
    /// Of these, unclean.
    pub unclean_elections: u32,
    /// ISR changes that took members out.
    pub isr_shrinks: u32,
    /// ISR changes that took members in.
    pub isr_expands: u32,
}

impl Ledger {
    /// Nothing intended yet.
    pub fn new(layout: Arc<Layout>) -> Ledger {
        let group = GroupLedger {
            effects: Chunks::new(),
            newest: vec![Chunks::new(); layout.scenario.producers.len()],
            rebalances: 0,
            reordered: 0,
            absorbed: 0,
        };
        Ledger {
            groups: vec![group; layout.scenario.groups.len()],
            producers: vec![ProducerCounts::default(); layout.scenario.producers.len()],
            in_transaction: vec![Set::new(); layout.scenario.producers.len()],
            transactions: Ended::default(),
            lags: Lags::new(layout.clone()),
            isrs: layout
                .partitions
                .iter()
                .map(|p| if p.added { BrokerSet::EMPTY } else { p.replicas.iter().copied().collect() })
                .collect(),
            layout,
            messages: Chunks::new(),
            batches: Chunks::new(),
            queued: Chunks::new(),
            elections: 0,
            unclean_elections: 0,
            isr_shrinks: 0,
            isr_expands: 0,
        }
    }

    /// The id of the next message to be intended.
    pub fn next_message(&self) -> MessageId {
        MessageId(self.messages.len() as u32)
    }

    /// A fresh batch id.
    pub fn new_batch(&mut self) -> BatchId {
        self.batches.push(BatchState { partition: None, first: None, last: None });
        BatchId(self.batches.len() as u32 - 1)
    }

    /// How many messages were intended.
    pub fn intended(&self) -> u32 {
        self.messages.len() as u32
    }

    /// A message.
    pub fn message(&self, id: MessageId) -> &MessageState {
        &self.messages[id.ix()]
    }

    /// All messages.
    pub fn messages(&self) -> impl Iterator<Item = (MessageId, &MessageState)> {
        self.messages.iter().enumerate().map(|(i, m)| (MessageId(i as u32), m))
    }

    /// The messages of a batch, in order.
    pub fn messages_of(&self, batch: BatchId) -> impl Iterator<Item = MessageId> + '_ {
        let mut next = self.batches[batch.ix()].first;
        std::iter::from_fn(move || {
            let place = self.queued[next? as usize];
            next = place.next;
            Some(place.message)
        })
    }

    /// Where a batch goes. (A message that is sent again may go elsewhere.)
    pub fn partition_of(&self, batch: BatchId) -> Option<PartitionId> {
        self.batches[batch.ix()].partition
    }

    /// A producer's counts.
    pub fn producer(&self, producer: ProducerId) -> ProducerCounts {
        self.producers[producer.ix()]
    }

    /// A group.
    pub fn group(&self, group: GroupId) -> &GroupLedger {
        &self.groups[group.ix()]
    }

    /// How far the groups are behind, and what they have committed.
    pub fn lags(&self) -> &Lags {
        &self.lags
    }

    /// Takes an event in. Half of all are these, which say nothing of a message's fate.
    #[inline]
    pub fn observe(&mut self, at: SimTime, what: &What) {
        if !matches!(what, What::Sent { .. } | What::Delivered { .. } | What::Judged { .. }) {
            self.take_in(at, what);
        }
    }

    fn take_in(&mut self, at: SimTime, what: &What) {
        match *what {
            What::Intended { producer, key, .. } => {
                self.producers[producer.ix()].intended += 1;
                self.messages.push(MessageState {
                    producer,
                    intended: at,
                    key,
                    partition: None,
                    batch: None,
                    outcome: None,
                    error: ErrorCode::None,
                    resolved: SimTime::ZERO,
                });
            }
            What::Queued { message, batch, partition } => self.queued(message, batch, partition),
            What::SendFailed { message, error } => {
                let outcome = match error.appended() {
                    Appended::No => SendOutcome::Rejected,
                    // max.block.ms ran out before the record was queued: it is surely in no log.
                    _ if self.messages[message.ix()].batch.is_none() => SendOutcome::Rejected,
                    _ => SendOutcome::Unknown,
                };
                let producer = self.messages[message.ix()].producer;
                self.in_transaction[producer.ix()].remove(&message);
                self.resolve(message, outcome, error, at);
            }
            // What counts of a transaction is its end, and of an application that sends again what it says in the end.
            What::BatchDone { batch, .. } if self.is_told_otherwise(batch) => {}
            What::SendReported { message, outcome, error, .. } => self.resolve(message, outcome, error, at),
            What::TransactionEnded { producer, outcome, error } => self.transaction_ended(producer, outcome, error, at),
            What::TransactionMoved { state, .. } => {
                self.transactions.committed += u32::from(state == State::CompleteCommit);
                self.transactions.aborted += u32::from(state == State::CompleteAbort);
            }
            What::Crashed { node: NodeId::Producer(id), .. } | What::Stopped { node: NodeId::Producer(id) } => {
                self.in_transaction[id.ix()].clear();
            }
            What::BatchDone { batch, outcome, error, .. } => {
                let mut next = self.batches[batch.ix()].first;
                while let Some(place) = next {
                    let InBatch { message, next: after } = self.queued[place as usize];
                    self.resolve(message, outcome, error, at);
                    next = after;
                }
            }
            What::Effect { consumer, message, .. } => self.effect(consumer, message, at),
            What::Absorbed { consumer, .. } => {
                self.groups[self.layout.business_of(consumer).ix()].absorbed += 1;
            }
            What::HwMoved { .. } | What::Committed { .. } | What::OffsetExpired { .. } | What::GroupLoaded { .. } => {
                self.lags.observe(what);
            }
            What::GroupChanged { group, state: group::classic::State::CompletingRebalance, .. }
            | What::GroupEpochSet { group, .. } => {
                self.groups[group.ix()].rebalances += 1;
            }
            What::LeaderElected { partition, new, isr, unclean, .. } => {
                self.elections += u32::from(new.is_some());
                self.unclean_elections += u32::from(unclean);
                self.isr_changed(partition, isr);
            }
            What::IsrChanged { partition, new, .. } => self.isr_changed(partition, new),
            What::PartitionAdded { partition, isr, .. } => self.isrs[partition.ix()] = isr,
            _ => {}
        }
    }

    fn isr_changed(&mut self, partition: PartitionId, new: BrokerSet) {
        let old = std::mem::replace(&mut self.isrs[partition.ix()], new);
        self.isr_shrinks += u32::from(!old.minus(new).is_empty());
        self.isr_expands += u32::from(!new.minus(old).is_empty());
    }

    /// The end of the batch is not yet the end of its messages.
    fn is_told_otherwise(&self, batch: BatchId) -> bool {
        let producer = self.messages_of(batch).next().map(|m| self.messages[m.ix()].producer);
        let transactional = |p: ProducerId| self.layout.producer_transactions[p.ix()].is_some();
        producer.is_some_and(|p| transactional(p) || self.layout.scenario.producers[p.ix()].send.keeps())
    }

    fn transaction_ended(&mut self, producer: ProducerId, outcome: Option<SendOutcome>, error: ErrorCode, at: SimTime) {
        self.transactions.fenced += u32::from(error == ErrorCode::ProducerFenced);
        let sent = std::mem::take(&mut self.in_transaction[producer.ix()]);
        if let Some(outcome) = outcome {
            for message in sent {
                self.resolve(message, outcome, error, at);
            }
        }
    }

    fn queued(&mut self, id: MessageId, batch: BatchId, partition: PartitionId) {
        let message = &mut self.messages[id.ix()];
        message.batch = Some(batch);
        message.partition = Some(partition);
        let producer = message.producer;
        if self.layout.producer_transactions[producer.ix()].is_some() {
            self.in_transaction[producer.ix()].insert(id);
        }
        let place = self.queued.len() as u32;
        self.queued.push(InBatch { message: id, next: None });
        let state = &mut self.batches[batch.ix()];
        state.partition = Some(partition);
        match state.last.replace(place) {
            Some(last) => self.queued[last as usize].next = Some(place),
            None => state.first = Some(place),
        }
    }

    fn resolve(&mut self, id: MessageId, outcome: SendOutcome, error: ErrorCode, at: SimTime) {
        let message = &mut self.messages[id.ix()];
        assert!(message.outcome.is_none(), "INV-44: {id} was reported twice");
        message.outcome = Some(outcome);
        message.error = error;
        message.resolved = at;
        let producer = message.producer;
        let counts = &mut self.producers[producer.ix()];
        if outcome == SendOutcome::Acked {
            counts.acked += 1;
        } else {
            counts.failed += 1;
        }
    }

    fn effect(&mut self, consumer: ConsumerId, id: MessageId, at: SimTime) {
        let MessageState { producer, partition, key, .. } = self.messages[id.ix()];
        let group = &mut self.groups[self.layout.business_of(consumer).ix()];
        group.effects.grow(id.ix() + 1, EffectState::default());
        let effect = &mut group.effects[id.ix()];
        effect.count += 1;
        if effect.count > 1 {
            return;
        }
        effect.first = at;
        // Without keys the order inside the partition stands in for the order of a key.
        let order = key.unwrap_or_else(|| partition.map_or(0, |p| u32::from(p.0)));
        let newest = &mut group.newest[producer.ix()];
        newest.grow(order as usize + 1, None);
        let newest = &mut newest[order as usize];
        if newest.is_none_or(|n| n < id) {
            *newest = Some(id);
        } else {
            group.reordered += 1;
        }
    }
}

impl GroupLedger {
    /// The effects of a message.
    pub fn effect(&self, id: MessageId) -> EffectState {
        self.effects.get(id.ix()).copied().unwrap_or_default()
    }
}
