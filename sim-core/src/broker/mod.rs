//! A broker: serves clients, leads and follows partitions, answers to the controller. One file for each kind of work; this one holds
//! the state and hands each input to the right place.

mod controllers;
mod coordinator;
mod disk;
mod epoch_ends;
mod fetch;
mod fetch_sessions;
mod fetcher;
mod isr_manager;
mod lifecycle;
mod metadata;
mod modern_groups;
mod near;
mod out_of_range;
mod produce;
mod purgatory;
mod slow_disk;
mod storage;
mod transactions;
mod truncating;

use crate::agenda::Agenda;
use crate::bug::Bug;
use crate::config::{BrokerConfig, Isolation};
use crate::controller::image::Image;
use crate::controller::log::MetadataLog;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::log::Log;
use crate::net::client::{Answered, Backoff, Client};
use crate::replica::Replica;
use crate::rng::Stream;
use crate::rows::{Map, Set};
use crate::time::{SimDuration, SimTime};
use crate::trace::TraceId;
use crate::wire::{Body, ClientMetadata, Connection, OffsetSpec, Packet, QuorumView, Request, Response};
use controllers::{Controllers, ProducerIds};
use coordinator::{Commit, Coordinator};
use fetch::{Parked, Spare};
use fetch_sessions::{FetchSessionHandler, FetchSessions};
use purgatory::Purgatory;
use std::sync::Arc;
use transactions::{AskedTxn, ToAppend, Transactions};
pub use transactions::{check_batch, check_marker};

/// How a broker's process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Up.
    Up,
    /// Up, and on its way down (C-5).
    ShuttingDown,
    /// Stopped cleanly.
    Stopped,
    /// Ended without a word; page cache intact (D-2).
    Crashed,
    /// The machine lost power (D-3).
    PoweredOff,
}

/// Something to do later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Tell the controller that it lives.
    Heartbeat,
    /// Ask to be registered (again).
    Register,
    /// Read the metadata log (again).
    ReadMetadata,
    ///
    ShrinkIsrs,
    /// Send the ISR changes that wait (again).
    Alter,
    ///
    CheckpointWatermarks,
    /// D-1: recovery points are saved.
    CheckpointRecoveryPoints,
    /// The old files of a log that rolled reach the disk.
    FlushRolled(PartitionId, Offset),
    /// A look at `flush.ms`.
    FlushDirty,
    /// D-4: the logs have been read.
    LogsLoaded,
    /// Log starts are saved.
    CheckpointStarts,
    /// Old files are deleted.
    Retention,
    /// Logs are compacted.
    Clean,
    /// L-16.
    ExpireProducers,
    /// A slow disk has taken what it was given.
    Disk(u64),
    /// A parked fetch has waited long enough.
    Fetch(u64),
    /// A request in the purgatory has waited long enough.
    Produce(u64),
    /// look for transactions that have been open for too long.
    AbortTimedOut,
    /// looks for transactional.ids that nobody has used for long.
    ForgetIdleIds,
    /// Questions and markers of transactions that wait for another try.
    Transactions,
    /// Fetch from leaders again.
    Replicate,
    /// A classic group's next deadline.
    Group(GroupId),
    /// A partition of `__consumer_offsets` has been replayed (G-32).
    Load(PartitionId),
    /// Ask for a block of producer ids (again).
    ProducerIds,
    /// F-15: a member has been silent for a session.
    MemberSession(GroupId, MemberId),
    /// G-23: a member should have given partitions up.
    MemberRevocation(GroupId, MemberId),
    /// G-34.
    ExpireOffsets,
}

/// D-4: the logs are being read.
#[derive(Clone, Copy, Debug)]
struct Loading {
    /// The start that it is due to.
    cause: TraceId,
    clean: bool,
    bytes: u64,
}

/// What the broker remembers of its own requests.
#[derive(Clone, Debug)]
enum Asked {
    Registration,
    Heartbeat,
    Metadata,
    Alter(Vec<crate::wire::AlterPart>),
    ProducerIds,
    /// From this leader.
    Fetch(BrokerId),
    Transaction(AskedTxn),
    /// Where its latest epochs end in the leader's log, with the epoch of each partition when it asked.
    EpochEnds(Vec<(PartitionId, LeaderEpoch)>),
    /// Where the leader's logs end, or start, with the same.
    Range(OffsetSpec, Vec<(PartitionId, LeaderEpoch)>),
}

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    /// The metadata that it has applied.
    pub image: Image,
    /// The epoch of the last record that it has read.
    metadata_epoch: QuorumEpoch,
    /// By [`PartitionId`]; none where it has no replica.
    pub replicas: Vec<Option<Replica>>,
    /// C-1: its registration; -1 while it has none.
    pub epoch: BrokerEpoch,
    incarnation: u32,
    /// C-13: the epoch that a clean stop wrote to the disk.
    clean_stop: BrokerEpoch,
    /// Metadata has been applied since the start: it serves requests.
    caught_up: bool,
    /// D-4: when the logs have been read; none once they have.
    loading: Option<Loading>,
    registration_attempts: u32,
    client: Client<Asked>,
    /// The event that each coming request is due to.
    agenda: Agenda<Due>,
    /// When a request of its own will have waited too long. It changes with nearly every input, and is not on the agenda therefore.
    client_due: SimTime,
    heartbeat_at: SimTime,
    purgatory: Purgatory,
    parked: Map<u64, Parked>,
    /// F-6: those of consumers that wait at a partition that this broker follows.
    parked_behind: Set<(PartitionId, u64)>,
    next_parked: u64,
    /// As a leader.
    fetch_sessions: FetchSessions,
    /// As a follower, by leader.
    fetch_handlers: Map<BrokerId, FetchSessionHandler>,
    spare: Spare,
    /// Parked fetches that something new may complete, looked at when the input has been handled.
    stirred: Set<u64>,
    /// ISR changes to ask for.
    alter_wanted: Set<PartitionId>,
    alter_in_flight: bool,
    coordinator: Coordinator,
    /// G-20: the groups of the consumer protocol that it coordinates.
    modern: modern_groups::ModernGroups,
    producer_ids: ProducerIds,
    controllers: Controllers,
    /// D-6: no process can run on its disk.
    disk_failed: bool,
    slow_disk: slow_disk::SlowDisk,
    transactions: Transactions,
    disk_stream: Stream,
    jitter: Stream,
}

impl Broker {
    /// A broker of a formed cluster: registered, up, with empty logs.
    pub fn new(id: BrokerId, layout: Arc<Layout>, image: Image) -> Broker {
        let seed = layout.scenario.seed;
        let config = &layout.scenario.cluster.config;
        let hosts = |p: PartitionId| layout.partition(p).replicas.contains(&id) && image.partition(p).exists();
        let replicas = layout.partition_ids().map(|p| hosts(p).then(|| empty_replica(&layout, p, SimTime::ZERO))).collect();
        let reconnect = Backoff { first: config.replica_fetch_backoff, longest: config.replica_fetch_backoff };
        let epoch = image.broker(id).epoch;
        let formed = QuorumView { epoch: MetadataLog::FORMED, leader: Some(ControllerId(1)) };
        Broker {
            id,
            process: Process::Up,
            image,
            metadata_epoch: MetadataLog::FORMED,
            replicas,
            epoch,
            incarnation: 0,
            clean_stop: BrokerEpoch::NONE,
            caught_up: false,
            loading: None,
            registration_attempts: 0,
            client: Client::new(NodeId::Broker(id), reconnect, Stream::new(seed, &format!("reconnect {id}"))),
            agenda: Agenda::new(),
            client_due: SimTime::NEVER,
            heartbeat_at: SimTime::NEVER,
            purgatory: Purgatory::default(),
            parked: Map::new(),
            parked_behind: Set::new(),
            next_parked: 0,
            fetch_sessions: FetchSessions::default(),
            fetch_handlers: Map::new(),
            spare: Spare::default(),
            stirred: Set::new(),
            alter_wanted: Set::new(),
            alter_in_flight: false,
            coordinator: Coordinator::default(),
            modern: modern_groups::ModernGroups::default(),
            producer_ids: ProducerIds::default(),
            controllers: Controllers::new(formed, Stream::new(seed, &format!("controllers {id}"))),
            disk_failed: false,
            slow_disk: slow_disk::SlowDisk::default(),
            transactions: Transactions::default(),
            disk_stream: Stream::new(seed, &format!("disk {id}")),
            jitter: Stream::new(seed, &format!("jitter {id}")),
            layout,
        }
    }

    /// Its own node.
    pub fn node(&self) -> NodeId {
        NodeId::Broker(self.id)
    }

    /// Does its process run?
    pub fn is_up(&self) -> bool {
        matches!(self.process, Process::Up | Process::ShuttingDown)
    }

    /// Does it accept connections? Not before it has caught up with the metadata (C-3).
    pub fn serves(&self) -> bool {
        self.is_up() && self.caught_up
    }

    /// Its replica of a partition.
    #[inline]
    pub fn replica(&self, partition: PartitionId) -> Option<&Replica> {
        self.replicas[partition.ix()].as_ref()
    }

    /// L-1: why a partition of which it has no replica is not served: somebody else has it, or it does not know of it (yet).
    fn no_replica(&self, partition: PartitionId) -> ErrorCode {
        let exists = self.image.partition(partition).exists();
        if exists { ErrorCode::NotLeaderOrFollower } else { ErrorCode::UnknownTopicOrPartition }
    }

    /// Requests in the purgatory that wait for this partition's watermark.
    pub fn waiting(&self, partition: PartitionId) -> u32 {
        self.replica(partition).and_then(Replica::leading).map_or(0, |l| l.waiting.len() as u32)
    }

    #[inline]
    fn config(&self) -> &BrokerConfig {
        &self.layout.scenario.cluster.config
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        self.agenda.next().min(self.client_due)
    }

    /// Its time has come.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        loop {
            let Some(due) = self.agenda.pop(fx.now) else {
                if self.client_due > fx.now {
                    break;
                }
                self.client_due = SimTime::NEVER;
                self.on_request_timeouts(fx);
                continue;
            };
            match due {
                Due::Heartbeat => self.send_heartbeat(fx),
                Due::Register => self.register(fx),
                Due::ReadMetadata => self.read_metadata(fx),
                Due::ShrinkIsrs => self.shrink_isrs(fx),
                Due::Alter => self.send_alter(fx),
                Due::CheckpointWatermarks => self.checkpoint_watermarks(fx.now),
                Due::CheckpointRecoveryPoints => self.checkpoint_recovery_points(fx.now),
                Due::FlushRolled(partition, to) => self.flush(partition, to, fx.cause, fx),
                Due::FlushDirty => self.flush_dirty_logs(fx),
                Due::LogsLoaded => self.logs_loaded(fx),
                Due::CheckpointStarts => self.checkpoint_starts(fx.now),
                Due::Retention => self.retention(fx),
                Due::Clean => self.clean_logs(fx),
                Due::ExpireProducers => self.expire_producers(fx),
                Due::Disk(id) => self.let_go(id, fx),
                Due::Fetch(id) => self.fetch_waited_long_enough(id, fx),
                Due::Produce(id) => self.purgatory_timeout(id, fx),
                Due::AbortTimedOut => self.abort_timed_out(fx),
                Due::ForgetIdleIds => self.forget_idle_ids(fx),
                Due::Transactions => self.work_on_transactions(fx),
                Due::Replicate => self.replicate(fx.cause, fx),
                Due::Group(group) => self.group_is_due(group, fx),
                Due::Load(partition) => self.finish_loading(partition, fx),
                Due::ProducerIds => {
                    self.producer_ids.asked = false;
                    self.hand_out_producer_ids(fx);
                }
                Due::ExpireOffsets => self.expire_offsets(fx),
                Due::MemberSession(group, member) => self.member_session_over(group, member, fx),
                Due::MemberRevocation(group, member) => self.member_revocation_over(group, member, fx),
            }
        }
        self.settle(fx);
    }

    /// A packet arrived. False: nobody waits for this answer any more.
    pub fn handle(&mut self, packet: &mut Packet, fx: &mut Effects<'_>) -> bool {
        let caller = Caller::of(packet);
        match packet.take_body() {
            Body::Request(request) => self.on_request(caller, request, fx),
            Body::Response(response) => match self.client.answered(packet.correlation) {
                None => return false,
                Some(Answered::Opened) => {
                    self.replicate(fx.cause, fx);
                    self.work_on_transactions(fx);
                }
                Some(Answered::Request(asked)) => self.on_response(packet.from, asked.what, response, fx),
            },
        }
        self.settle(fx);
        true
    }

    fn on_request(&mut self, caller: Caller, request: Request, fx: &mut Effects<'_>) {
        if let Some(request) = self.hold_request(caller, request, fx) {
            self.do_request(caller, request, fx);
        }
    }

    fn do_request(&mut self, caller: Caller, request: Request, fx: &mut Effects<'_>) {
        match request {
            Request::Produce { acks, timeout, transactional_id, parts } => {
                self.on_produce(transactional_id, ToAppend::Produce { caller, acks, timeout, parts }, fx);
            }
            Request::ReplicaFetch {
                replica,
                broker_epoch,
                max_wait,
                partition_max_bytes,
                max_bytes,
                metadata,
                parts,
                forgotten,
            } => {
                let limits = fetch::Limits { max_wait, min_bytes: 1, partition_max_bytes, max_bytes };
                self.on_replica_fetch(caller, (replica, broker_epoch), limits, (metadata, parts, &forgotten), fx);
            }
            Request::Fetch { max_wait, isolation, rack, min_bytes, partition_max_bytes, max_bytes, parts } => {
                let limits = fetch::Limits { max_wait, min_bytes, partition_max_bytes, max_bytes };
                let ignored = self.layout.scenario.has_bug(Bug::IsolationIgnored);
                let isolation = if ignored { Isolation::ReadUncommitted } else { isolation };
                self.on_consumer_fetch(caller, (isolation, rack), limits, parts, fx);
            }
            Request::Metadata => {
                let leaders = self.image.partitions.iter().map(|p| (p.leader, p.leader_epoch)).collect();
                fx.respond(&caller, self.node(), fx.cause, Response::Metadata(ClientMetadata { leaders }));
            }
            Request::ListOffsets { parts, of, isolation } => self.on_list_offsets(caller, &parts, (of, isolation), fx),
            Request::OffsetsForLeaderEpoch { parts } => self.on_epoch_ends(caller, &parts, fx),
            Request::OffsetFetch { group, by, partitions } => self.on_offset_fetch(caller, (group, by), &partitions, fx),
            Request::OffsetCommit { group, member, instance, generation, offsets } => {
                self.on_offset_commit(caller, Commit { group, member, instance, generation, offsets }, fx);
            }
            Request::JoinGroup { group, join } => self.on_join_group(caller, group, join, fx),
            Request::SyncGroup { group, sync } => self.on_sync_group(caller, group, sync, fx),
            Request::Heartbeat { group, member, instance, generation } => {
                self.on_classic_heartbeat(caller, group, (member, instance, generation), fx);
            }
            Request::LeaveGroup { group, member, instance } => self.on_leave_group(caller, group, (member, instance), fx),
            Request::ConsumerGroupHeartbeat { group, ask } => self.on_group_heartbeat(caller, group, &ask, fx),
            Request::FindCoordinator { group } => self.on_find_coordinator(caller, group, fx),
            Request::ApiVersions => fx.respond(&caller, self.node(), fx.cause, Response::ApiVersions),
            Request::InitProducerId => self.on_init_producer_id(caller, fx),
            Request::Transaction(request) => self.on_transaction_request(caller, *request, fx),
            _ => unreachable!("brokers do not serve the controller's requests"),
        }
    }

    fn on_response(&mut self, from: NodeId, asked: Asked, response: Response, fx: &mut Effects<'_>) {
        match (asked, response) {
            (Asked::Registration, Response::BrokerRegistration { error, epoch }) => self.on_registered(error, epoch, fx),
            (Asked::Heartbeat, Response::BrokerHeartbeat { error, should_shutdown }) => {
                self.on_heartbeat_answer(error, should_shutdown, fx);
            }
            (Asked::Metadata, Response::MetadataFetch(answer)) => self.on_metadata(from, &answer, fx),
            (Asked::Alter(parts), Response::AlterPartition { error, parts: results }) => {
                self.on_alter_answer(&parts, error, &results, fx);
            }
            (Asked::ProducerIds, Response::AllocateProducerIds { error, first }) => self.on_producer_ids(error, first, fx),
            (Asked::Fetch(leader), Response::ReplicaFetch { error, session, results }) => {
                self.on_fetch_answer(leader, (error, session), results, fx);
            }
            (Asked::Range(of, asked), Response::ListOffsets(answers)) => self.on_range_answer(from, (of, &asked), &answers, fx),
            (Asked::Transaction(asked), Response::Transaction(response)) => self.on_transaction_response(asked, response, fx),
            (Asked::EpochEnds(epochs), Response::OffsetsForLeaderEpoch(answers)) => {
                self.on_epoch_ends_answer(from, &epochs, answers, fx);
            }
            _ => unreachable!("an answer to something else"),
        }
    }

    /// A server closed or refused a connection of this broker's.
    pub fn disconnected(&mut self, connection: Connection, fx: &mut Effects<'_>) {
        for (lost, event) in self.client.disconnected(fx, connection) {
            self.on_lost_request(lost.what, event, fx);
        }
        self.work_on_transactions(fx);
        self.settle(fx);
    }

    fn on_request_timeouts(&mut self, fx: &mut Effects<'_>) {
        for (lost, _, event) in self.client.expire(fx) {
            self.on_lost_request(lost.what, event, fx);
        }
    }

    /// A request of its own got no answer: each kind is tried again after a while.
    fn on_lost_request(&mut self, asked: Asked, cause: TraceId, fx: &mut Effects<'_>) {
        match asked {
            Asked::Registration => self.retry_registration(fx.now),
            Asked::Heartbeat => {}
            Asked::Metadata => {
                self.controllers.doubted = true;
                self.agenda.add(fx.now + METADATA_RETRY, Due::ReadMetadata);
            }
            Asked::ProducerIds => self.on_producer_ids(ErrorCode::NetworkException, Pid::NONE, fx),
            Asked::Alter(parts) => self.on_alter_answer(&parts, ErrorCode::NetworkException, &[], fx),
            Asked::Transaction(asked) => self.on_transaction_request_lost(asked, fx),
            Asked::Fetch(leader) => self.on_fetch_lost(leader, cause, fx),
            Asked::EpochEnds(epochs) | Asked::Range(_, epochs) => {
                self.ask_again_later(epochs.iter().map(|(partition, _)| *partition), cause, fx)
            }
        }
    }

    /// After each input: completes what the input made complete, and sees when the next request will have waited too long.
    fn settle(&mut self, fx: &mut Effects<'_>) {
        self.complete_stirred(fx);
        self.client_due = self.client.next_deadline();
    }
}

/// A replica with an empty log.
fn empty_replica(layout: &Layout, partition: PartitionId, now: SimTime) -> Replica {
    Replica {
        log: Log::starting_at(Offset::ZERO, layout.scenario.cluster.write_back, now),
        rules: layout.scenario.cluster.rules,
        bugs: layout.scenario.bugs,
        ..Replica::new(partition)
    }
}

/// `request.timeout.ms` of the brokers themselves.
const REQUEST_TIMEOUT: SimDuration = SimDuration::from_millis(30_000);

/// A reader of the metadata log that got no answer asks again after this long.
const METADATA_RETRY: SimDuration = SimDuration::from_millis(50);
