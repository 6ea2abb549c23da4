//! What is run: a cluster, a workload, faults and expectations, resolved and validated. A [`Scenario`] cannot be wrong: every
//! name in it is known, every number in range. [`read`] makes one from a TOML file.

mod handler;
pub mod library;
pub mod read;
mod rules;

pub use handler::{
    CommitCall, CommitWhen, HandlerSpec, Identity, OnRevoke, Pattern, Step, WithoutOffset, WithoutRedis, WorkersCommit,
};
pub use rules::{FirstBatchRule, ProtocolRules, TruncationRule};

use crate::bug::{Bug, Bugs};
use crate::config::properties::Scope;
use crate::config::{BrokerConfig, ConsumerConfig, ProducerConfig, TopicConfig};
use crate::ids::*;
use crate::time::{SimDuration, SimTime};

/// A text in the languages of the page. English is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalText {
    /// English.
    pub en: String,
    /// Chinese, if translated.
    pub zh: Option<String>,
}

/// A scenario, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name in the library, or the file's name.
    pub name: String,
    /// One line.
    pub title: LocalText,
    /// What to look at and what it teaches: a short paragraph.
    pub about: LocalText,
    /// The mechanisms that it shows (`LOSS-B1`, ...).
    pub mechanisms: Vec<String>,
    /// The claims of the article that it shows (`S-2`, ...).
    pub claims: Vec<String>,
    /// The seed of all randomness.
    pub seed: u64,
    /// The run ends here.
    pub duration: SimDuration,
    /// The brokers and what lies between all nodes.
    pub cluster: ClusterSpec,
    /// The topics, in the order of [`TopicId`].
    pub topics: Vec<TopicSpec>,
    /// The producing applications, in the order of [`ProducerId`].
    pub producers: Vec<ProducerSpec>,
    /// The consumer groups, in the order of [`GroupId`].
    pub groups: Vec<GroupSpec>,
    /// What their applications keep marks in.
    pub redis: RedisSpec,
    /// And rows.
    pub database: DatabaseSpec,
    /// What applications call instead of sending.
    pub service: ServiceSpec,
    /// What happens to the cluster, in the order given. A fault with an end (`restart`, `until`) is two interventions.
    pub interventions: Vec<Intervention>,
    /// What must be true of the outcome.
    pub expect: Vec<Expectation>,
    /// Properties that were given, in the file or by an override, in the order of their owners: for whoever lists settings.
    pub given: Vec<Given>,
    /// Properties that were given and have no effect here, each once: (name, where it was given).
    pub not_modelled: Vec<(String, String)>,
    /// Known bugs put back in. Only tests do that.
    pub bugs: Bugs,
}

/// A property that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Whose kind.
    pub scope: Scope,
    /// The name of the topic, the producer or the group; empty for the brokers.
    pub owner: String,
    /// Its name.
    pub property: String,
    /// Its value, as it was written.
    pub value: String,
}

impl Scenario {
    /// Redis, the database and the service, if somebody asks them.
    pub fn stores(&self) -> impl Iterator<Item = StoreId> + use<> {
        let any = |by: fn(&HandlerSpec) -> bool| self.groups.iter().any(|group| by(&group.handler));
        let calls = self.producers.iter().any(|producer| producer.send == SendMode::Call);
        let used = [any(HandlerSpec::uses_redis), any(HandlerSpec::uses_database), calls];
        StoreId::ALL.into_iter().zip(used).filter_map(|(store, used)| used.then_some(store))
    }

    /// Is this known bug to be in the run?
    pub fn has_bug(&self, bug: Bug) -> bool {
        self.bugs.has(bug)
    }
}

/// The brokers and the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// How many brokers; their ids run from 1.
    pub brokers: u16,
    /// How many controllers keep the metadata log; their ids run from 1.
    pub controllers: u16,
    /// What they run with.
    pub config: BrokerConfig,
    /// One-way latency of every link unless a fault changes it.
    pub latency: Latency,
    /// The kernel writes dirty pages back after this long; none: it never does by itself (D-3).
    pub write_back: Option<SimDuration>,
    /// `broker.rack` of each broker, in their order; empty: none has one.
    pub racks: Vec<String>,
    /// `eligible.leader.replicas.version` = 1 (C-12). On by default, as for clusters made by 4.1 and later.
    pub elr: bool,
    /// Rules of earlier versions.
    pub rules: ProtocolRules,
}

/// A distribution of durations, drawn with integers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Latency {
    /// Always the same: `"5ms"`.
    Fixed(SimDuration),
    /// Every microsecond between the two equally likely: `"1ms..3ms"`.
    Uniform(SimDuration, SimDuration),
    /// Mostly near the typical value, sometimes many times that: `"typically 1ms"`. Drawn from an integer table.
    HeavyTailed(SimDuration),
}

impl Latency {
    /// Reads `5ms`, `1ms..3ms` or `about 1ms`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Latency, String> {
        let trimmed = text.trim();
        if let Some(typical) = trimmed.strip_prefix("about ") {
            return Ok(Latency::HeavyTailed(SimDuration::parse(typical)?));
        }
        let Some((low, high)) = trimmed.split_once("..") else {
            return Ok(Latency::Fixed(
                SimDuration::parse(trimmed)
                    .map_err(|e| format!("{e}; a latency may also be a range (`1ms..3ms`) or heavy-tailed (`about 1ms`)"))?,
            ));
        };
        let (low, high) = (SimDuration::parse(low)?, SimDuration::parse(high)?);
        if low > high {
            return Err(format!("`{trimmed}` runs backwards: write the smaller one first"));
        }
        Ok(Latency::Uniform(low, high))
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Latency::Fixed(d) => write!(f, "{d}"),
            Latency::Uniform(low, high) => write!(f, "{low}..{high}"),
            Latency::HeavyTailed(d) => write!(f, "about {d}"),
        }
    }
}

impl TryFrom<String> for Latency {
    type Error = String;
    fn try_from(text: String) -> Result<Latency, String> {
        Latency::parse(&text)
    }
}

impl From<Latency> for String {
    fn from(latency: Latency) -> String {
        latency.to_string()
    }
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u16,
    /// What it runs with.
    pub config: TopicConfig,
    /// Replicas of each partition in assignment order, if the scenario gives them; else placed in stripes (C-20).
    pub assignment: Option<Vec<Vec<BrokerId>>>,
}

/// How the application calls `send()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendMode {
    /// Waits for the outcome of each before the next.
    Sync,
    /// Goes on at once; a callback learns the outcome.
    Async,
    /// Goes on at once, and nobody ever looks at the outcome (P-11, LOSS-P1).
    FireAndForget,
    /// S-9, `sendSync`: waits for the outcome, up to a limit, and sends the same message again after an error or a timeout.
    SyncRetry,
    /// S-10, `sendAsync`: goes on at once; what fails is written into a table, and a scheduled job sends it again.
    AsyncTable,
    /// The message is a row first, written in the transaction of the business; a relay sends the rows and marks them.
    Outbox,
    /// Nothing is sent: a service is called, and the answer waited for (S-16).
    Call,
}

impl SendMode {
    /// Does the application look after its messages itself?
    pub fn keeps(self) -> bool {
        matches!(self, SendMode::SyncRetry | SendMode::AsyncTable | SendMode::Outbox)
    }

    /// The points of the application's work.
    pub fn steps(self) -> &'static [SendStep] {
        match self {
            SendMode::Sync | SendMode::Async | SendMode::SyncRetry | SendMode::Call => &[SendStep::Send, SendStep::Result],
            SendMode::FireAndForget => &[SendStep::Send],
            SendMode::AsyncTable | SendMode::Outbox => &[SendStep::Row, SendStep::Send, SendStep::Result, SendStep::Mark],
        }
    }
}

/// A step of a sending application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendStep {
    /// The row is written.
    Row,
    /// The record is handed to the client.
    Send,
    /// The outcome is known.
    Result,
    /// The row is marked, or deleted.
    Mark,
}

impl SendStep {
    /// As scenario files write it.
    pub fn name(self) -> &'static str {
        match self {
            SendStep::Row => "row",
            SendStep::Send => "send",
            SendStep::Result => "result",
            SendStep::Mark => "mark",
        }
    }
}

/// How an application sends again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResendSpec {
    /// How often it sends one message at most; none: until it arrives.
    pub attempts: Option<u32>,
    /// S-9: how long it waits for an outcome.
    pub timeout: SimDuration,
    /// S-9: it waits so long times the number of the attempt.
    pub backoff: SimDuration,
    /// How often the job, or the relay, looks at the table.
    pub every: SimDuration,
}

impl ResendSpec {
    /// Of an application that never sends again.
    pub const NEVER: ResendSpec =
        ResendSpec { attempts: Some(1), timeout: SimDuration::ZERO, backoff: SimDuration::ZERO, every: SimDuration::ZERO };
}

/// A producing application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSpec {
    /// Its name.
    pub name: String,
    /// Where it sends. Of an application that calls, the first one, which means nothing.
    pub topic: TopicId,
    /// How many messages it intends.
    pub messages: u32,
    /// Time between two intents.
    pub interval: SimDuration,
    /// When it starts.
    pub start: SimTime,
    /// How many distinct keys; 0: records without key.
    pub keys: u32,
    /// Bytes of one record, key and value.
    pub record_bytes: u32,
    /// Every so many-th of its records is a tombstone; none: no record is.
    pub tombstones: Option<u32>,
    /// Its records say that they are this old when they are sent (CreateTime).
    pub timestamp_age: SimDuration,
    /// How it sends.
    pub send: SendMode,
    /// How it sends again by itself.
    pub resend: ResendSpec,
    /// How many threads of it call `send()`.
    pub threads: u16,
    /// P-20: every record names this partition.
    pub partition: Option<u16>,
    /// P-48: how long `close()` waits; none: until all is sent.
    pub close: Option<SimDuration>,
    /// How it uses transactions; none without a transactional.id.
    pub transaction: Option<TransactionSpec>,
    /// The member of a group whose outputs it sends; none for an application of its own.
    pub feeder: Option<(GroupId, u16)>,
    /// What its client runs with.
    pub config: ProducerConfig,
}

/// How an application uses transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionSpec {
    /// How many messages go into one.
    pub size: u32,
    /// Of so many transactions it aborts so many: (2, 7) are two of seven.
    pub abort: Option<(u32, u32)>,
    /// After an abort it sends the same messages again; else it drops them (LOSS-P9).
    pub repeat: bool,
    /// When its producer must be closed it starts another; else it ends.
    pub restart: bool,
}

/// What of Redis survives its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persistence {
    /// Nothing: it is a cache.
    None,
    /// `appendfsync everysec`: everything when the process crashes; when the power goes, what was written before the last whole second.
    EverySecond,
    /// `appendfsync always`: everything.
    Always,
}

/// A replica of Redis, which is a little behind and takes over when the master ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedisReplica {
    /// How far it is behind.
    pub lag: SimDuration,
    /// How long it takes until it serves.
    pub takes_over: SimDuration,
}

/// Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedisSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// What survives its end, if no replica takes over.
    pub persistence: Persistence,
    /// A replica.
    pub replica: Option<RedisReplica>,
    /// More keys do not fit into its memory; none: there is room for all.
    pub max_keys: Option<u32>,
}

/// The database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// Of a thousand INSERTs in transactions so many end in a deadlock.
    pub deadlocks_per_mille: u16,
}

/// A service that is called directly (S-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceSpec {
    /// One-way latency to it; none: that of the cluster.
    pub latency: Option<Latency>,
    /// How long its business takes.
    pub time: Latency,
    /// How many calls it works on at once.
    pub threads: u16,
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// `group.id`.
    pub name: String,
    /// What it reads.
    pub topics: Vec<TopicId>,
    /// How many members.
    pub members: u16,
    /// What of it each of the first members subscribes to; those beyond the list subscribe to all.
    pub subscriptions: Vec<Vec<TopicId>>,
    /// Every member has a `group.instance.id` (G-10).
    pub is_static: bool,
    /// What its clients run with.
    pub config: ConsumerConfig,
    /// What it does with a record.
    pub handler: HandlerSpec,
    /// Where it produces what became of a record.
    pub forward: Option<ForwardSpec>,
    /// Its effects are those of this group: one business, whose messages are read in more than one place.
    pub works_for: Option<GroupId>,
}

impl GroupSpec {
    /// What a member subscribes to. `member` counts from 0.
    pub fn topics_of(&self, member: u16) -> &[TopicId] {
        self.subscriptions.get(usize::from(member)).unwrap_or(&self.topics)
    }

    /// Does it commit what it has done and no more (INV-65)?
    pub fn is_careful(&self) -> bool {
        let handler = &self.handler;
        let counts = !self.config.enable_auto_commit
            && handler.commit_offsets == WorkersCommit::Done
            && handler.commit_on_revoke != OnRevoke::Positions;
        !handler.acknowledges_first() && (handler.workers == 0 || counts)
    }
}

/// A group that produces what it reads to another topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ForwardSpec {
    /// Where to.
    pub topic: TopicId,
    /// The producer of its first member; those of the others follow.
    pub first: ProducerId,
    /// Outputs and offsets are one transaction.
    pub transactional: bool,
    /// Which records.
    pub what: Forwarded,
    /// Of [`Forwarded::All`]: in this time only, from the first instant until before the second; else the business is done. None: always.
    pub during: Option<(SimTime, SimTime)>,
    /// The offsets are committed when the outputs are acknowledged; else at once (LOSS-C13, LOSS-C14).
    pub waits: bool,
}

/// Which records a group forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// Those whose business is done: it consumes, transforms and produces.
    Done,
    /// Those that it has tried in vain as often as it tries one: to a retry topic, or to one for dead letters.
    Failed,
    /// All, and their business is not done here: they are moved (S-15).
    All,
}

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

/// A comparison in `[expect]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal to.
    Eq(u64),
    /// Not equal to.
    Ne(u64),
    /// Less than.
    Lt(u64),
    /// At most.
    Le(u64),
    /// More than.
    Gt(u64),
    /// At least.
    Ge(u64),
    /// Both included.
    Between(u64, u64),
}

/// One line of `[expect]`: a figure of the summary and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// `lost` (over all groups), `order-service.lost`, `messages.acked`, `broker.elections`, `producers.checkout.throughput`, `mechanisms.LOSS-B1`, ...
    pub figure: String,
    /// What it must be.
    pub must_be: Comparison,
    /// It is taken in percent of this figure, rounded down; none: as it is.
    pub of: Option<String>,
}
