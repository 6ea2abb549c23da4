//! What a picture needs of the world at one instant: plain data, no simulation types, ready to draw. The stage and the page read
//! this and nothing else of the core's state.

mod groups;
mod recent;
mod watched;

use crate::broker::{self, Broker};
use crate::controller::Controller;
use crate::ids::*;
use crate::replica::{Replica, Role};
use crate::scenario::Step;
use crate::set::BrokerSet;
use crate::sort;
use crate::time::SimTime;
use crate::trace::Api;
use crate::wire::Packet;
use crate::world::World;

pub use groups::{GroupMemberView, GroupPhase, GroupView};
pub use recent::{Happened, Happening};

/// The whole cluster at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The instant.
    pub at: SimTime,
    /// Every partition as the controller knows it, in the order of [`PartitionId`].
    pub partitions: Vec<PartitionView>,
    /// Every controller, by id.
    pub controllers: Vec<ControllerView>,
    /// Every broker, by id.
    pub brokers: Vec<BrokerView>,
    /// Every producer, in the order of [`ProducerId`].
    pub producers: Vec<ProducerView>,
    /// Every consumer, in the order of [`ConsumerId`].
    pub consumers: Vec<ConsumerView>,
    /// Redis and the database, if some handler asks them.
    pub stores: Vec<StoreView>,
    /// By [`GroupId`].
    pub groups: Vec<GroupView>,
    /// Every request and response that is on its way, by packet id.
    pub packets: Vec<PacketView>,
    /// Links that are cut, in one direction at least: no packet passes there.
    pub cuts: Vec<(NodeId, NodeId)>,
    /// What happened a moment ago, newest first. A world does not know its past: [`crate::history::History::view`] does.
    pub recent: Vec<Happening>,
    /// Who has the watched message, if one is watched ([`crate::history::History::view`]).
    pub holders: Vec<NodeId>,
}

/// A partition as the controller's metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The partition.
    pub id: PartitionId,
    /// `order-events-0`.
    pub name: String,
    /// Its topic; none for Kafka's own.
    pub topic: Option<TopicId>,
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
    /// False: an intervention adds it later, if it comes to that (P-23).
    pub exists: bool,
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
    /// Its process stands still.
    Paused,
    /// Stopped cleanly.
    Stopped,
    /// Its process crashed; the page cache lives on.
    Crashed,
    /// Its machine lost power.
    PoweredOff,
    /// A producer that has sent all and heard of all.
    Done,
}

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerView {
    /// The controller.
    pub id: ControllerId,
    /// How it is.
    pub state: ProcessState,
    /// It decides, or believes that it does.
    pub active: bool,
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
    /// Last stable offset: readers of committed records stop here. Below the high watermark while a transaction is undecided.
    pub last_stable: Offset,
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
    /// Where it sends.
    pub topic: TopicId,
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
    /// And at which step.
    pub step: Option<Step>,
    /// Effects so far.
    pub effects: u32,
}

/// Redis, or the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreView {
    /// Which.
    pub id: StoreId,
    /// How it is.
    pub state: ProcessState,
    /// Keys, or rows.
    pub holds: u32,
    /// Of the database: transactions that are open.
    pub open: u32,
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
    /// When it left, the last time.
    pub sent: SimTime,
    /// When it arrives; of a lost one, when it is sent again.
    pub arrives: SimTime,
    /// It did not pass, or waits behind one that did not: TCP sends it again.
    pub lost: bool,
    /// It carries records or an error worth seeing: for a fetch answer, how many records; for a produce request, likewise.
    pub records: u32,
    /// It answers with an error.
    pub error: bool,
    /// It is a copy that something on the way has sent.
    pub copy: bool,
    /// The watched message is in it.
    pub watched: bool,
}

// --- made from the world ---------------------------------------------------------------------------------------------------------

impl World {
    /// The picture of now.
    pub fn view(&self) -> View {
        let mut packets: Vec<PacketView> = self.packets().map(|on_its_way| packet_view(on_its_way, &self.copies)).collect();
        sort::long_by_key(&mut packets, |p| p.id.0);
        View {
            at: self.now(),
            partitions: self.layout.partition_ids().map(|p| self.partition_view(p)).collect(),
            controllers: self.controllers.iter().map(|c| self.controller_view(c)).collect(),
            brokers: self.brokers.iter().map(|b| self.broker_view(b)).collect(),
            producers: (0..self.producers.len()).map(|i| self.producer_view(i)).collect(),
            consumers: (0..self.consumers.len()).map(|i| self.consumer_view(i)).collect(),
            stores: self.layout.stores().map(|id| self.store_view(id)).collect(),
            groups: (0..self.layout.scenario.groups.len() as u16).map(|i| self.group_view(GroupId(i))).collect(),
            packets,
            cuts: self.cuts(),
            recent: Vec::new(),
            holders: Vec::new(),
        }
    }

    fn partition_view(&self, id: PartitionId) -> PartitionView {
        let (place, state) = (self.layout.partition(id), self.metadata().partition(id));
        PartitionView {
            id,
            name: place.name.clone(),
            topic: place.topic,
            internal: place.topic.is_none(),
            replicas: place.replicas.clone(),
            leader: state.leader,
            epoch: state.leader_epoch,
            isr: state.isr,
            elr: state.elr,
            min_isr: place.min_isr,
            exists: state.exists(),
        }
    }

    fn broker_view(&self, broker: &Broker) -> BrokerView {
        let state = match broker.process {
            _ if self.is_paused(NodeId::Broker(broker.id)) => ProcessState::Paused,
            broker::Process::Up if self.metadata().broker(broker.id).fenced => ProcessState::Fenced,
            broker::Process::Up => ProcessState::Running,
            broker::Process::ShuttingDown => ProcessState::ShuttingDown,
            broker::Process::Stopped => ProcessState::Stopped,
            broker::Process::Crashed => ProcessState::Crashed,
            broker::Process::PoweredOff => ProcessState::PoweredOff,
        };
        BrokerView {
            id: broker.id,
            state,
            replicas: broker.replicas.iter().flatten().map(|r| replica_view(r, self.now())).collect(),
        }
    }

    fn producer_view(&self, at: usize) -> ProducerView {
        let producer = &self.producers[at];
        let mut view = ProducerView {
            id: producer.id,
            name: self.layout.scenario.producers[at].name.clone(),
            topic: self.layout.scenario.producers[at].topic,
            state: process_state(producer.process),
            intended: 0,
            acked: 0,
            failed: 0,
            queued: producer.queued(),
            in_flight: producer.requests_in_flight(),
        };
        let counts = self.ledger().producer(producer.id);
        (view.intended, view.acked, view.failed) = (counts.intended, counts.acked, counts.failed);
        if producer.process == crate::producer::Process::Up && producer.is_done() {
            view.state = ProcessState::Done;
        }
        if producer.is_closing() {
            view.state = ProcessState::ShuttingDown;
        }
        if self.is_paused(NodeId::Producer(producer.id)) {
            view.state = ProcessState::Paused;
        }
        view
    }

    fn controller_view(&self, controller: &Controller) -> ControllerView {
        let state = self.state_of(controller.node(), controller.process);
        ControllerView { id: controller.id, state, active: controller.is_active() }
    }

    fn state_of(&self, node: NodeId, process: crate::producer::Process) -> ProcessState {
        if self.is_paused(node) { ProcessState::Paused } else { process_state(process) }
    }

    fn consumer_view(&self, at: usize) -> ConsumerView {
        let consumer = &self.consumers[at];
        let place = &self.layout.consumers[at];
        let committed = |p| self.ledger().lags().committed(place.group, p);
        ConsumerView {
            id: consumer.id,
            group: place.group,
            group_name: self.layout.scenario.groups[place.group.ix()].name.clone(),
            member: place.member,
            state: self.state_of(NodeId::Consumer(consumer.id), consumer.process),
            partitions: consumer
                .positions()
                .map(|(partition, position)| AssignedView { partition, position, committed: committed(partition) })
                .collect(),
            in_hand: consumer.in_hand().count() as u32,
            handling: consumer.handling(),
            step: consumer.handling_step(),
            effects: consumer.effects,
        }
    }

    fn store_view(&self, id: StoreId) -> StoreView {
        let (process, holds, open) = match id {
            StoreId::Redis => (self.redis.process, self.redis.len(), 0),
            StoreId::Database => (self.database.process, self.database.rows(), self.database.open()),
            StoreId::Service => (self.service.process, self.service.served(), self.service.open()),
        };
        StoreView { id, state: process_state(process), holds, open }
    }

    fn cuts(&self) -> Vec<(NodeId, NodeId)> {
        let nodes: Vec<NodeId> = self.layout.nodes().collect();
        let mut cuts = Vec::new();
        for (i, &a) in nodes.iter().enumerate() {
            for &b in &nodes[i + 1..] {
                if self.network.is_cut(a, b) || self.network.is_cut(b, a) {
                    cuts.push((a, b));
                }
            }
        }
        cuts
    }
}

fn process_state(process: crate::producer::Process) -> ProcessState {
    use crate::producer::Process;
    match process {
        Process::Up => ProcessState::Running,
        Process::Stopped => ProcessState::Stopped,
        Process::Crashed => ProcessState::Crashed,
        Process::PoweredOff => ProcessState::PoweredOff,
    }
}

fn replica_view(replica: &Replica, now: SimTime) -> ReplicaView {
    let role = match &replica.role {
        Role::Idle => ReplicaRole::Idle,
        Role::Leader(_) => ReplicaRole::Leader,
        Role::Follower(_) => ReplicaRole::Follower,
    };
    let mut cells: Vec<Cell> = replica
        .log
        .batches()
        .rev()
        .take(MAX_CELLS)
        .map(|entry| Cell {
            base: entry.base,
            count: entry.batch.count(),
            epoch: entry.epoch,
            message: entry.batch.records().first().map(|r| r.message),
        })
        .collect();
    cells.reverse();
    ReplicaView {
        partition: replica.partition,
        role,
        // A process that is down knows no epoch; its log still does.
        epoch: replica.leader_epoch.max(replica.log.latest_epoch()),
        log_start: replica.log.start(),
        high_watermark: replica.high_watermark,
        last_stable: replica.last_stable(),
        log_end: replica.log.end(),
        flushed: replica.log.on_disk(now),
        cells,
        waiting: replica.leading().map_or(0, |l| l.waiting.len() as u32),
    }
}

fn packet_view((packet, arrives, lost): (&Packet, SimTime, bool), copies: &[PacketId]) -> PacketView {
    PacketView {
        id: packet.id,
        from: packet.from,
        to: packet.to,
        api: packet.api,
        response: packet.body.is_response(),
        sent: packet.sent,
        arrives,
        lost,
        records: packet.body.records(),
        error: packet.body.is_error(),
        copy: copies.contains(&packet.id),
        watched: false,
    }
}
