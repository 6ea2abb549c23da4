//! What a picture needs of the world at one instant: plain data, no simulation types, ready to draw. The stage and the page read
//! this and nothing else of the core's state.

use crate::ids::*;
use crate::set::BrokerSet;
use crate::time::SimTime;
use crate::trace::Api;

/// The whole cluster at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The instant.
    pub at: SimTime,
    /// Every partition as the controller knows it, in the order of [`PartitionId`].
    pub partitions: Vec<PartitionView>,
    /// Every broker, by id.
    pub brokers: Vec<BrokerView>,
    /// Every producer, in the order of [`ProducerId`].
    pub producers: Vec<ProducerView>,
    /// Every consumer, in the order of [`ConsumerId`].
    pub consumers: Vec<ConsumerView>,
    /// Every request and response that is on its way, by packet id.
    pub packets: Vec<PacketView>,
    /// Links that are cut: no packet passes.
    pub cuts: Vec<(NodeId, NodeId)>,
}

/// A partition as the controller's metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The partition.
    pub id: PartitionId,
    /// `order-events-0`.
    pub name: String,
    /// Kafka's own topic (`__consumer_offsets`): drawn quieter.
    pub internal: bool,
    /// The replicas in assignment order.
    pub replicas: Vec<BrokerId>,
    /// The leader, if there is one.
    pub leader: Option<BrokerId>,
    /// The leader epoch.
    pub epoch: LeaderEpoch,
    /// The in-sync replicas.
    pub isr: BrokerSet,
    /// The eligible leader replicas (C-12).
    pub elr: BrokerSet,
    /// The effective minimum of the ISR.
    pub min_isr: u32,
}

/// How a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessState {
    /// Up, and for a broker: unfenced.
    Running,
    /// A broker that is up but fenced: not yet registered, or its heartbeats do not reach the controller.
    Fenced,
    /// A broker in a controlled shutdown.
    ShuttingDown,
    /// Stopped cleanly.
    Stopped,
    /// Its process crashed; the page cache lives on.
    Crashed,
    /// Its machine lost power.
    PoweredOff,
    /// A producer that has sent all and heard of all.
    Done,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// The broker.
    pub id: BrokerId,
    /// How it is.
    pub state: ProcessState,
    /// Its replicas, in the order of [`PartitionId`].
    pub replicas: Vec<ReplicaView>,
}

/// What a replica believes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplicaRole {
    /// It leads (a deposed leader that has not heard so believes this too).
    Leader,
    /// It copies from a leader.
    Follower,
    /// It has no leader to follow, or its broker is down.
    Idle,
}

/// A replica's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// The partition.
    pub partition: PartitionId,
    /// What it believes it is.
    pub role: ReplicaRole,
    /// The leader epoch that it knows.
    pub epoch: LeaderEpoch,
    /// First offset of the log.
    pub log_start: Offset,
    /// High watermark as this replica knows it: offsets below are committed.
    pub high_watermark: Offset,
    /// Log end: the next offset.
    pub log_end: Offset,
    /// Offsets below are on the disk; the rest is in the page cache only.
    pub flushed: Offset,
    /// The newest batches, oldest first: at most [`MAX_CELLS`].
    pub cells: Vec<Cell>,
    /// Produce requests that wait for the high watermark (purgatory); leaders only.
    pub waiting: u32,
}

/// The most cells a [`ReplicaView`] has.
pub const MAX_CELLS: usize = 64;

/// A run of records of one batch in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// First offset.
    pub base: Offset,
    /// Records.
    pub count: u32,
    /// Stamped with this epoch.
    pub epoch: LeaderEpoch,
    /// The message of the first record; none for Kafka's own records. Its neighbours need not have neighbouring ids.
    pub message: Option<MessageId>,
}

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerView {
    /// The producer.
    pub id: ProducerId,
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: ProcessState,
    /// Messages intended so far.
    pub intended: u32,
    /// Of these, reported as sent.
    pub acked: u32,
    /// Of these, reported as failed.
    pub failed: u32,
    /// Records waiting in the accumulator.
    pub queued: u32,
    /// Produce requests without an answer yet.
    pub in_flight: u32,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    /// The consumer.
    pub id: ConsumerId,
    /// Its group.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// Its number in the group, from 0.
    pub member: u16,
    /// How it is.
    pub state: ProcessState,
    /// What it reads.
    pub partitions: Vec<AssignedView>,
    /// Records that `poll()` returned and the handler has not finished.
    pub in_hand: u32,
    /// The message that the handler works on.
    pub handling: Option<MessageId>,
    /// Effects so far.
    pub effects: u32,
}

/// A partition in a consumer's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AssignedView {
    /// The partition.
    pub partition: PartitionId,
    /// The next offset that `poll()` will return; none before the first is known.
    pub position: Option<Offset>,
    /// The committed offset as the coordinator has it.
    pub committed: Option<Offset>,
}

/// A request or response on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketView {
    /// The packet.
    pub id: PacketId,
    /// From.
    pub from: NodeId,
    /// To.
    pub to: NodeId,
    /// What it asks for or answers.
    pub api: Api,
    /// It is an answer.
    pub response: bool,
    /// When it left.
    pub sent: SimTime,
    /// When it arrives, or would.
    pub arrives: SimTime,
    /// It will be dropped on the way.
    pub doomed: bool,
    /// It carries records or an error worth seeing: for a fetch answer, how many records; for a produce request, likewise.
    pub records: u32,
    /// It answers with an error.
    pub error: bool,
}
