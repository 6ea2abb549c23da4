//! Hand-made views, for tests and for a look at the picture without a run.

use sim_core::ids::*;
use sim_core::set::BrokerSet;
use sim_core::time::SimTime;
use sim_core::trace::Api;
use sim_core::view::*;

/// A cluster of `brokers` x `partitions` with up to three replicas each, `batches` batches in every log, one producer and a
/// group of three. All is well.
pub fn healthy(brokers: u16, partitions: u16, batches: u32) -> View {
    let factor = brokers.min(3);
    let mut view = View {
        groups: Vec::new(),
        at: SimTime(12_000_500),
        partitions: Vec::new(),
        controllers: (1..=3)
            .map(|id| ControllerView { id: ControllerId(id), state: ProcessState::Running, active: id == 1 })
            .collect(),
        brokers: (1..=brokers)
            .map(|id| BrokerView { id: BrokerId(id), state: ProcessState::Running, replicas: Vec::new() })
            .collect(),
        producers: vec![producer(0, "checkout")],
        consumers: (0..3).map(|m| consumer(m, partitions)).collect(),
        stores: Vec::new(),
        packets: Vec::new(),
        cuts: Vec::new(),
        recent: Vec::new(),
        holders: Vec::new(),
    };
    for p in 0..partitions {
        let replicas: Vec<BrokerId> = (0..factor).map(|i| BrokerId((p + i) % brokers + 1)).collect();
        let isr = replicas.iter().fold(BrokerSet::of(replicas[0]), |set, b| set.with(*b));
        for (i, broker) in replicas.iter().enumerate() {
            let role = if i == 0 { ReplicaRole::Leader } else { ReplicaRole::Follower };
            view.brokers[broker.slot()].replicas.push(replica(PartitionId(p), role, batches));
        }
        view.partitions.push(PartitionView {
            id: PartitionId(p),
            name: format!("order-events-{p}"),
            topic: Some(TopicId(0)),
            internal: false,
            leader: Some(replicas[0]),
            replicas,
            epoch: LeaderEpoch(3),
            isr,
            elr: isr.minus(isr),
            min_isr: 2,
            exists: true,
        });
    }
    view
}

fn producer(id: u16, name: &str) -> ProducerView {
    ProducerView {
        id: ProducerId(id),
        name: name.into(),
        topic: TopicId(0),
        state: ProcessState::Running,
        intended: 1_250,
        acked: 1_243,
        failed: 2,
        queued: 3,
        in_flight: 2,
    }
}

fn consumer(member: u16, partitions: u16) -> ConsumerView {
    ConsumerView {
        id: ConsumerId(member),
        group: GroupId(0),
        group_name: "order-service".into(),
        member,
        state: ProcessState::Running,
        partitions: (member..partitions)
            .step_by(3)
            .map(|p| AssignedView { partition: PartitionId(p), position: Some(Offset(90)), committed: Some(Offset(80)) })
            .collect(),
        in_hand: 4,
        handling: None,
        step: None,
        effects: 401,
    }
}

fn replica(partition: PartitionId, role: ReplicaRole, batches: u32) -> ReplicaView {
    let end = i64::from(batches) * 5;
    let kept = batches.min(MAX_CELLS as u32);
    let cells = (batches - kept..batches)
        .map(|i| Cell { base: Offset(i64::from(i) * 5), count: 5, epoch: LeaderEpoch(3), message: Some(MessageId(i * 5)) })
        .collect();
    ReplicaView {
        partition,
        role,
        epoch: LeaderEpoch(3),
        log_start: Offset::ZERO,
        high_watermark: Offset((end - 10).max(0)),
        last_stable: Offset((end - 10).max(0)),
        log_end: Offset(end),
        flushed: Offset(end / 2),
        cells,
        waiting: u32::from(role == ReplicaRole::Leader) * 2,
    }
}

/// Cuts the log of one replica so that it ends `batches` batches earlier.
pub fn lag(view: &mut View, broker: BrokerId, partition: PartitionId, batches: usize) {
    let replica = view.brokers[broker.slot()].replicas.iter_mut().find(|r| r.partition == partition).expect("it is there");
    let keep = replica.cells.len().saturating_sub(batches);
    replica.cells.truncate(keep);
    replica.log_end = replica.cells.last().map_or(replica.log_start, |c| c.base.plus(c.count));
    replica.high_watermark = replica.high_watermark.min(replica.log_end);
    replica.last_stable = replica.high_watermark;
}

/// A request, or an answer, `done` thousandths of a millisecond on its way of one millisecond.
pub fn packet(id: u64, from: NodeId, to: NodeId, api: Api, done: u64, at: SimTime) -> PacketView {
    PacketView {
        id: PacketId(id),
        from,
        to,
        api,
        response: false,
        sent: SimTime(at.0 - done),
        arrives: SimTime(at.0 - done + 1_000),
        lost: false,
        records: 0,
        error: false,
        copy: false,
        watched: false,
    }
}

/// Three brokers in trouble: one without power, one that lags out of the ISR, a cut link, an error, a packet that is lost; Redis is down.
pub fn trouble() -> View {
    let mut view = healthy(3, 3, 24);
    view.brokers[0].state = ProcessState::PoweredOff;
    for (p, leader) in [(0, 2), (1, 2), (2, 3)] {
        view.partitions[p].leader = Some(BrokerId(leader));
        view.partitions[p].isr = BrokerSet::of(BrokerId(2)).with(BrokerId(3));
        view.partitions[p].epoch = LeaderEpoch(4);
    }
    view.partitions[1].isr = BrokerSet::of(BrokerId(2));
    lag(&mut view, BrokerId(3), PartitionId(1), 9);
    lag(&mut view, BrokerId(3), PartitionId(0), 1);
    view.cuts.push((NodeId::Broker(BrokerId(1)), NodeId::Consumer(ConsumerId(0))));
    view.stores = vec![
        StoreView { id: StoreId::Redis, state: ProcessState::Crashed, holds: 0, open: 0 },
        StoreView { id: StoreId::Database, state: ProcessState::Running, holds: 401, open: 1 },
    ];
    let (at, checkout) = (view.at, NodeId::Producer(ProducerId(0)));
    let broker = |n| NodeId::Broker(BrokerId(n));
    let member = NodeId::Consumer(ConsumerId(1));
    let records = |p: PacketView| PacketView { records: 5, ..p };
    let answer = |p: PacketView| PacketView { response: true, ..p };
    view.packets = vec![
        records(packet(1, checkout, broker(2), Api::Produce, 300, at)),
        answer(packet(2, broker(2), checkout, Api::Produce, 400, at)),
        PacketView { lost: true, ..records(packet(3, checkout, broker(1), Api::Produce, 700, at)) },
        PacketView { error: true, ..answer(packet(4, broker(3), checkout, Api::Produce, 500, at)) },
        packet(5, broker(3), broker(2), Api::ReplicaFetch, 500, at),
        records(answer(packet(6, broker(2), broker(3), Api::ReplicaFetch, 250, at))),
        packet(7, member, broker(2), Api::Fetch, 350, at),
        records(answer(packet(8, broker(2), member, Api::Fetch, 350, at))),
        packet(9, member, broker(3), Api::OffsetCommit, 600, at),
        packet(10, broker(2), NodeId::Controller(ControllerId(1)), Api::BrokerHeartbeat, 450, at),
        answer(packet(11, NodeId::Controller(ControllerId(1)), broker(3), Api::AlterPartition, 500, at)),
        packet(12, checkout, broker(3), Api::Metadata, 500, at),
        packet(13, member, NodeId::Store(StoreId::Database), Api::Insert, 450, at),
    ];
    view
}

/// The same cluster, `ago` microseconds after much has happened at once: one mark of each kind.
pub fn moments(ago: u64) -> View {
    let mut view = trouble();
    let (checkout, member) = (NodeId::Producer(ProducerId(0)), NodeId::Consumer(ConsumerId(1)));
    let broker = |n| NodeId::Broker(BrokerId(n));
    let (one, two, three) = (BrokerId(1), BrokerId(2), BrokerId(3));
    let partition = PartitionId;
    let cut = |broker, p, from, to, power| Happened::LogCut {
        broker,
        partition: partition(p),
        from: Offset(from),
        to: Offset(to),
        power,
    };
    let what = [
        Happened::Crashed { node: broker(1) },
        cut(one, 0, 150, 120, true),
        cut(three, 1, 95, 75, false),
        Happened::Elected { partition: partition(0), old: Some(one), new: Some(two), unclean: false },
        Happened::Elected { partition: partition(2), old: None, new: Some(three), unclean: true },
        Happened::Elected { partition: partition(2), old: Some(one), new: None, unclean: false },
        Happened::Dropped { from: checkout, to: broker(1), api: Api::Produce, arrived: true },
        Happened::Dropped { from: broker(2), to: broker(3), api: Api::ReplicaFetch, arrived: false },
        Happened::Absorbed { from: checkout, wall: broker(3) },
        Happened::Absorbed { from: checkout, wall: broker(3) },
        Happened::Absorbed { from: member, wall: NodeId::Store(StoreId::Database) },
        Happened::Absorbed { from: member, wall: NodeId::Store(StoreId::Redis) },
        Happened::DoneAgain { place: member },
        Happened::DoneAgain { place: NodeId::Store(StoreId::Database) },
    ];
    let at = SimTime(view.at.0 - ago);
    view.recent = what.into_iter().map(|what| Happening { at, what }).collect();
    view
}
