//! What is done to a run, when, and to whom.

use super::{Latency, SendStep};
use crate::ids::*;
use crate::time::{SimDuration, SimTime};

/// Something done to the run at a virtual time, by a scenario or by a person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Intervention {
    /// When.
    pub at: SimTime,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// What can be done to a run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// The process ends without a word; its machine lives (D-2).
    Crash {
        /// Whose.
        target: Target,
    },
    /// The next process of a group that comes to this point of its work ends without a word, and is started again.
    CrashAt {
        /// Which group.
        group: GroupId,
        /// The position of the step in its handler.
        step: u16,
        /// After the step; else before it.
        after: bool,
        /// At this message; none: at the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// Its supervisor starts it again so much later; none: it stays down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after: Option<SimDuration>,
    },
    /// As [`Action::CrashAt`], at a point of the handler that the seed draws.
    CrashSomewhere {
        /// Which group.
        group: GroupId,
        /// At this message; none: at the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// Its supervisor starts it again so much later; none: it stays down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after: Option<SimDuration>,
    },
    /// This member ends without a word before the next step of its handler, whichever that is, and is started again.
    CrashNext {
        /// Which member.
        consumer: ConsumerId,
        /// At this message; none: at the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// Its supervisor starts it again so much later; none: it stays down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after: Option<SimDuration>,
    },
    /// A sending process that comes to this point of its work ends without a word, and is started again.
    CrashSending {
        /// Which.
        producer: ProducerId,
        /// The step.
        step: SendStep,
        /// After the step; else before it.
        after: bool,
        /// At this message; none: at the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
        /// Its supervisor starts it again so much later; none: it stays down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart_after: Option<SimDuration>,
    },
    /// The machine loses power; what was not flushed may be gone (D-3).
    PowerCut {
        /// Whose.
        target: Target,
        /// What is left of its logs.
        #[serde(default, skip_serializing_if = "Keeps::is_drawn")]
        keeps: Keeps,
    },
    /// Something happens to the disks of brokers (D-6).
    Disk {
        /// Whose.
        target: Target,
        /// What.
        deed: DiskDeed,
    },
    /// A disk spoils a batch without a word (LOSS-B13).
    Corrupt {
        /// Whose disk.
        target: Target,
        /// The partition.
        partition: PartitionId,
        /// The batch that holds this offset; none: the last one.
        offset: Option<Offset>,
    },
    /// DeleteRecords: whoever leads the partition moves its log start.
    DeleteRecords {
        /// The partition.
        partition: PartitionId,
        /// The records before this offset; none: all that are committed.
        before: Option<Offset>,
    },
    /// CreatePartitions: the active controller adds partitions to a topic (P-23).
    AddPartitions {
        /// The topic.
        topic: TopicId,
        /// How many it has then.
        total: u16,
    },
    /// The process stands still (a long garbage collection): its machine takes packets in, its timers fire late.
    Pause {
        /// Whose.
        target: Target,
    },
    /// Undoes `pause`.
    Resume {
        /// Whose.
        target: Target,
    },
    /// A controlled shutdown (C-5); for clients, a clean close.
    Shutdown {
        /// Whose.
        target: Target,
    },
    /// A stopped process starts again. No effect on a running one.
    Restart {
        /// Whose.
        target: Target,
    },
    /// Nothing passes between the two any more.
    Cut {
        /// One side.
        a: Target,
        /// The other side.
        b: Target,
        /// Only from `a` to `b`.
        #[serde(default)]
        one_way: bool,
    },
    /// Undoes `cut`.
    Heal {
        /// One side.
        a: Target,
        /// The other side.
        b: Target,
        /// Only from `a` to `b`.
        #[serde(default)]
        one_way: bool,
    },
    /// The connections between the two break: what is on its way on them is lost, and both ends know.
    Break {
        /// One side.
        a: Target,
        /// The other side.
        b: Target,
    },
    /// The connection breaks that this packet is on its way on; no effect if it has arrived.
    DropPacket {
        /// The packet.
        packet: PacketId,
    },
    /// This packet is held up for so long, and with it what was sent behind it on its connection; no effect unless it is on its way.
    DelayPacket {
        /// The packet.
        packet: PacketId,
        /// So much later than it would have arrived.
        by: SimDuration,
    },
    /// This request is sent a second time, by something between the two: its copy takes as long, and arrives behind what was sent before
    /// it. No effect unless it is a request to a broker or a controller, and on its way.
    DuplicatePacket {
        /// The packet.
        packet: PacketId,
    },
    /// All packets between the two take this much longer from now on, each way. Zero: as fast as before.
    Slow {
        /// One side.
        a: Target,
        /// The other side.
        b: Target,
        /// This much longer.
        extra: SimDuration,
    },
    /// Packets from the one to the other take this long from now on; none: as long as the cluster's links do.
    Delay {
        /// The sender.
        from: Target,
        /// The receiver.
        to: Target,
        /// The new latency.
        latency: Option<Latency>,
    },
    /// Of the packets from the one to the other, this many in a thousand are lost from now on.
    Loss {
        /// The sender.
        from: Target,
        /// The receiver.
        to: Target,
        /// 0 to 1000.
        per_mille: u16,
    },
    /// The requests of this one kind that leave the one for the other are slow: they take this much longer (a slow fetcher,
    /// say). Zero: as fast as others.
    SlowApi {
        /// The sender.
        from: Target,
        /// The receiver.
        to: Target,
        /// Which requests, and their answers.
        api: crate::trace::Api,
        /// This much longer, each way.
        extra: SimDuration,
    },
}

/// What can be done to a broker's disk (D-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskDeed {
    /// It is replaced by an empty one. A process that runs on it ends.
    Wipe,
    /// It does not work any more: the only log directory is offline, and Kafka halts.
    Fail,
    /// It works again, with what was on it, and as fast as others.
    Mend,
    /// Each append and each flush takes this much longer; zero: as fast as others.
    Slow(SimDuration),
}

/// What a power cut leaves of a log (D-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// What is on the disk, and of the rest as much as the seed says.
    #[default]
    Drawn,
    /// What is on the disk, and nothing else: the worst that can happen.
    OnDisk,
}

impl Keeps {
    fn is_drawn(&self) -> bool {
        *self == Keeps::Drawn
    }
}

/// Who or what an intervention is aimed at. Leaders are looked up when it happens.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// One node.
    Node(NodeId),
    /// The leader of a partition at that moment, as the controller knows it (or the last one it had).
    LeaderOf(PartitionId),
    /// Every broker that is not the leader of the partition at that moment.
    FollowersOf(PartitionId),
    /// Every broker.
    Brokers,
    /// Every controller.
    Controllers,
    /// The controller that is active at that moment, or was last.
    ActiveController,
    /// Every producer and consumer.
    Clients,
    /// Every node.
    Everyone,
    /// Whoever the intervention at this position of the list hit. In an action on a link: the nodes on the same side of that
    /// intervention's link (`a` or `from` the first side, `b` or `to` the second).
    SameAs(u32),
}
