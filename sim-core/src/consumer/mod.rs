//! A consumer process: finds its start, fetches ahead, polls, does its business record by record, and commits (F-1..F-4, F-10,
//! S-4, S-5).

mod classic;
mod client_side;
mod commits;
mod forwarding;
mod handler;
mod isolation;
mod modern;
mod positions;
mod process;
mod thread;
mod workers;

use crate::config::ConsumerConfig;
use crate::effects::Effects;
use crate::ids::*;
use crate::layout::Layout;
use crate::net::client::{Answered, Backoff, Client};
use crate::net::metadata::MetadataCache;
use crate::producer::forwarding::Call;
use crate::record::CommittedOffset;
use crate::rng::Stream;
use crate::scenario::GroupSpec;
use crate::time::{SimTime, Timestamp};
use crate::trace::TraceId;
use crate::wire::{Body, Connection, Packet, Response};
use classic::Classic;
use commits::{Extent, Why};
use handler::Work;
use isolation::Fetched;
use modern::Membership;
use std::collections::VecDeque;
use std::sync::Arc;
use workers::Workers;

pub use crate::producer::Process;
pub use handler::Trap;

/// What the client remembers of its requests.
#[derive(Clone, Debug)]
enum Asked {
    Metadata,
    Coordinator,
    Committed,
    /// Where the logs begin or end, to reset positions.
    Reset,
    /// Where epochs end, with the leader's epoch when it asked (F-5).
    EpochEnds(Vec<(PartitionId, LeaderEpoch)>),
    /// With the position of each partition when it asked.
    Fetch(Vec<(PartitionId, Offset)>),
    /// G-20.
    GroupHeartbeat,
    Commit {
        why: Why,
        /// The generation or epoch in which it was made, and what.
        generation: i32,
        offsets: Vec<(PartitionId, CommittedOffset)>,
    },
    Join,
    Sync,
    /// With the generation (G-5).
    Heartbeat(i32),
    Leave,
    /// Redis, or the database, about the record in hand.
    Store,
}

/// Where a partition's reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Ask the coordinator what was committed.
    Unknown,
    /// Nothing was committed, or it is out of range: ask the leader (F-3).
    Reset,
    /// The next offset to fetch. What is buffered lies below.
    At(Offset),
    /// F-5: ask the new leader whether what was read is still there.
    Validating,
}

/// One of its partitions.
#[derive(Clone, Debug)]
struct Assigned {
    partition: PartitionId,
    fetch: Position,
    /// The next offset that `poll()` will return; what a commit commits (F-4).
    position: Option<Offset>,
    /// What this process knows to be committed.
    committed: Option<Offset>,
    /// The epoch of the record before the position; -1 if that is not known.
    epoch: LeaderEpoch,
    /// The leader, and its epoch, for whom the position is known to be valid (F-5).
    leader: Option<(BrokerId, LeaderEpoch)>,
    /// F-6: the replica from which the leader wants it to read, until then.
    near: Option<(BrokerId, SimTime)>,
    /// When it last got records: others are asked for first.
    turn: u32,
    /// Fetched, not returned by `poll()` yet.
    buffer: VecDeque<Fetched>,
    not_before: SimTime,
}

/// A record that `poll()` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InHand {
    partition: PartitionId,
    offset: Offset,
    message: MessageId,
    /// The time that its batch says it is of.
    sent: Timestamp,
}

/// What the application's thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    /// In `poll()`, waiting for records.
    Polling,
    /// At work on the first record in hand.
    Handling(Work),
    /// Waiting for its producer: what was forwarded is on its way.
    Forwarding,
    /// In `commitSync()`, since then.
    Committing {
        /// F-11: it gives up `default.api.timeout.ms` after this.
        since: SimTime,
        /// It tries again then; never while an answer is awaited.
        again: SimTime,
        /// What it commits.
        extent: Extent,
    },
    /// It ended with an exception: `auto.offset.reset=none`, or another process has its instance id.
    Failed,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its id.
    pub id: ConsumerId,
    layout: Arc<Layout>,
    /// Its group's part of the layout's scenario: it is looked into at every turn.
    spec: Arc<GroupSpec>,
    /// How its process is.
    pub process: Process,
    client: Client<Asked>,
    handling: Stream,
    /// Of the business that throws.
    failing: Stream,
    jitter: Stream,
    metadata: MetadataCache,
    coordinator: Option<BrokerId>,
    coordinator_after: SimTime,
    /// In a group of the classic protocol.
    classic: Classic,
    /// In a group of the consumer protocol.
    membership: Option<Membership>,
    assigned: Vec<Assigned>,
    in_hand: VecDeque<InHand>,
    workers: Workers,
    /// What its thread asks of its producer.
    calls: VecDeque<Call>,
    thread: Thread,
    /// The work that goes on after a commit in the middle of it.
    resumes: Option<Work>,
    /// How often each record was tried in vain.
    failures: Vec<((PartitionId, Offset), u32)>,
    /// After an exception it polls again then.
    rest_until: SimTime,
    /// Where its process is to be crashed.
    traps: Vec<Trap>,
    /// It has crashed in this one, set by this intervention: the others like it are to be taken up.
    sprung: Option<TraceId>,
    /// Its supervisor starts it again then.
    rises_at: SimTime,
    poll_event: TraceId,
    /// When `poll()` was called last (F-14).
    polled_at: SimTime,
    /// Position of the partition that the next `poll()` begins with.
    poll_from: u32,
    commit_attempts: u32,
    /// When the application last committed by hand.
    last_commit: SimTime,
    /// It is on its way down: when the thread is done, it closes.
    closing: bool,
    /// It is to start again once it is down.
    starts_again: bool,
    auto_commit_at: SimTime,
    /// When something other than the business with records is to be done, if time alone decides; worked out after each input that may
    /// have changed it.
    client_due: SimTime,
    /// Effects of this process and its predecessors.
    pub effects: u32,
}

impl Consumer {
    /// A consumer that has not begun.
    pub fn new(id: ConsumerId, layout: Arc<Layout>) -> Consumer {
        let place = &layout.consumers[id.ix()];
        let spec = &layout.scenario.groups[place.group.ix()];
        let label = format!("{} member {}", spec.name, place.member);
        let stream = |purpose: &str| Stream::new(layout.scenario.seed, &format!("{purpose} {label}"));
        let reconnect = Backoff { first: spec.config.reconnect_backoff, longest: spec.config.reconnect_backoff_max };
        Consumer {
            id,
            process: Process::Up,
            client: Client::new(NodeId::Consumer(id), reconnect, stream("reconnect")),
            handling: stream("handling"),
            failing: stream("failing"),
            jitter: stream("retry"),
            metadata: MetadataCache::new(id.0),
            coordinator: None,
            coordinator_after: SimTime::ZERO,
            classic: Classic::new(),
            membership: Membership::new(spec.config.group_protocol, MemberId { consumer: id, serial: 0 }, SimTime::ZERO),
            assigned: Vec::new(),
            in_hand: VecDeque::new(),
            workers: Workers::default(),
            calls: VecDeque::new(),
            thread: Thread::Polling,
            resumes: None,
            failures: Vec::new(),
            rest_until: SimTime::ZERO,
            traps: Vec::new(),
            sprung: None,
            rises_at: SimTime::NEVER,
            poll_event: TraceId::START,
            polled_at: SimTime::ZERO,
            poll_from: 0,
            commit_attempts: 0,
            last_commit: SimTime::ZERO,
            closing: false,
            starts_again: false,
            auto_commit_at: SimTime::ZERO + spec.config.auto_commit_interval,
            client_due: SimTime::ZERO,
            effects: 0,
            spec: Arc::new(spec.clone()),
            layout,
        }
    }

    fn group(&self) -> GroupId {
        self.layout.consumers[self.id.ix()].group
    }

    fn spec(&self) -> &GroupSpec {
        &self.spec
    }

    /// What it subscribes to.
    fn topics(&self) -> &[TopicId] {
        self.spec().topics_of(self.layout.consumers[self.id.ix()].member)
    }

    fn config(&self) -> &ConsumerConfig {
        &self.spec().config
    }

    fn node(&self) -> NodeId {
        NodeId::Consumer(self.id)
    }

    /// None: it was assigned when the request was sent that is answered now.
    fn assigned_mut(&mut self, partition: PartitionId) -> Option<&mut Assigned> {
        self.assigned.iter_mut().find(|a| a.partition == partition)
    }

    /// The next offset that `poll()` will return of each of its partitions.
    pub fn positions(&self) -> impl Iterator<Item = (PartitionId, Option<Offset>)> {
        self.assigned.iter().map(|a| (a.partition, a.position))
    }

    /// F-6: the replica near by that it reads a partition at; none: it reads at the leader.
    pub fn reads_near(&self, partition: PartitionId) -> Option<BrokerId> {
        self.assigned.iter().find(|a| a.partition == partition)?.near.map(|(broker, _)| broker)
    }

    /// Records returned by `poll()` and not finished, in the order in which they were returned but for those that workers have begun.
    pub fn in_hand(&self) -> impl Iterator<Item = MessageId> {
        self.workers.records().chain(self.in_hand.iter().map(|record| record.message))
    }

    /// The message that the application works on; of several, the one begun first.
    pub fn handling(&self) -> Option<MessageId> {
        let works = matches!(self.thread, Thread::Handling(_)) || !self.workers.are_idle();
        works.then(|| self.in_hand().next()).flatten()
    }

    /// An exception has ended the application, and nobody has started it again.
    pub fn has_failed(&self) -> bool {
        matches!(self.thread, Thread::Failed)
    }

    /// P-23: does its metadata show this partition?
    pub fn has_heard_of(&self, partition: PartitionId) -> bool {
        self.metadata.knows(partition)
    }

    /// A packet arrived. False: nobody waits for this answer any more.
    pub fn handle(&mut self, packet: &mut Packet, fx: &mut Effects<'_>) -> bool {
        let Body::Response(response) = packet.take_body() else { unreachable!("nobody asks a consumer") };
        let asked = match self.client.answered(packet.correlation) {
            None => return false,
            Some(Answered::Opened) => {
                self.work(fx);
                return true;
            }
            Some(Answered::Request(asked)) => asked,
        };
        match (asked.what, response) {
            (Asked::Metadata, Response::Metadata(answer)) => {
                let (backoff, max_age) = (self.config().retry_backoff, self.config().metadata_max_age);
                self.metadata.on_answer(answer, fx.now, backoff, max_age);
            }
            (Asked::Coordinator, Response::FindCoordinator { error, coordinator }) => self.on_coordinator(error, coordinator, fx),
            (Asked::Committed, Response::OffsetFetch { error, offsets }) => self.on_committed(error, &offsets, fx),
            (Asked::Reset, Response::ListOffsets(answers)) => self.on_reset(&answers, fx),
            (Asked::EpochEnds(asked), Response::OffsetsForLeaderEpoch(answers)) => self.on_epoch_ends(&asked, &answers, fx),
            (Asked::Fetch(asked), Response::Fetch(results)) => self.on_fetched(&asked, results, fx),
            (Asked::GroupHeartbeat, Response::ConsumerGroupHeartbeat { interval, result }) => {
                self.on_heartbeat(result, interval, fx);
            }
            (Asked::Commit { why, generation, offsets }, Response::OffsetCommit { error }) => {
                self.on_commit_answer(error, why, generation, &offsets, fx);
            }
            (Asked::Join, Response::JoinGroup(joined)) => self.on_joined(joined, fx),
            (Asked::Sync, Response::SyncGroup { error, share }) => self.on_synced(error, share, fx),
            (Asked::Heartbeat(generation), Response::Heartbeat { error }) => self.on_heartbeat_answer(error, generation, fx),
            (Asked::Leave, Response::LeaveGroup { .. }) => {}
            (Asked::Store, Response::Redis(found)) => self.on_redis(found, fx),
            (Asked::Store, Response::Sql(result)) => self.on_sql(result, fx),
            _ => unreachable!("an answer to something else"),
        }
        self.work(fx);
        true
    }

    /// A broker closed or refused a connection.
    pub fn disconnected(&mut self, connection: Connection, fx: &mut Effects<'_>) {
        for (lost, _) in self.client.disconnected(fx, connection) {
            self.on_lost_request(lost.what, fx);
        }
        self.forget_unreachable(fx.now);
        self.metadata.want();
        self.work(fx);
    }

    /// Its time has come.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        if self.process != Process::Up {
            if fx.now >= self.rises_at {
                self.start(fx);
            }
            return;
        }
        if fx.now < self.client_due && !self.forget_unreachable(fx.now) && self.handle_records(fx) {
            return;
        }
        for (lost, _, _) in self.client.expire(fx) {
            self.on_lost_request(lost.what, fx);
        }
        self.forget_unreachable(fx.now);
        self.work(fx);
    }

    fn work(&mut self, fx: &mut Effects<'_>) {
        if self.process != Process::Up {
            return;
        }
        self.leave_if_poll_is_late(fx);
        self.run_workers(fx);
        if self.process != Process::Up {
            return; // it has come to a trap
        }
        self.run_application(fx);
        if self.process != Process::Up {
            return; // it has closed
        }
        self.refresh_metadata(fx);
        self.find_coordinator(fx);
        self.classic_heartbeat(fx);
        self.heartbeat(fx);
        self.find_positions(fx);
        self.fetch(fx);
        self.client_due = self.client_next_due(fx.now);
    }
}

impl Assigned {
    fn fresh(partition: PartitionId) -> Assigned {
        Assigned {
            partition,
            fetch: Position::Unknown,
            position: None,
            committed: None,
            epoch: LeaderEpoch::NONE,
            leader: None,
            near: None,
            turn: 0,
            buffer: VecDeque::new(),
            not_before: SimTime::ZERO,
        }
    }
}
