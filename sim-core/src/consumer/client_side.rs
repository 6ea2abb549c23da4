//! The consumer's client: metadata, coordinator, fetches and commits.

use super::isolation;
use super::{Asked, Assigned, Consumer, Position, Process, Thread};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::InFlight;
use crate::net::metadata::any_server_at;
use crate::rows::Map;
use crate::set::BrokerSet;
use crate::sort;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, ConsumerFailure, What};
use crate::wire::{Channel, FetchPart, FetchResult, Request};

/// Partitions by the broker that leads them.
type ByLeader = Map<BrokerId, Vec<(PartitionId, LeaderEpoch, Offset)>>;

impl Consumer {
    pub(super) fn waits_for(&self, kind: impl Fn(&Asked) -> bool) -> bool {
        self.client.in_flight().any(|f| kind(&f.what))
    }

    fn brokers(&self) -> u16 {
        self.layout.scenario.cluster.brokers
    }

    fn ask_any(&mut self, channel: Channel, api: Api, request: Request, what: Asked, fx: &mut Effects<'_>) {
        let brokers = self.brokers();
        if let Some(server) = self.metadata.any_server(&mut self.client, channel, brokers, fx) {
            let (timeout, cause) = (self.config().request_timeout, fx.cause);
            self.client.ask(fx, server, (api, request), timeout, cause, what);
        }
    }

    pub(super) fn refresh_metadata(&mut self, fx: &mut Effects<'_>) {
        if fx.now >= self.metadata.due() && !self.waits_for(|a| matches!(a, Asked::Metadata)) {
            self.ask_any(Channel::Client, Api::Metadata, Request::Metadata, Asked::Metadata, fx);
        }
    }

    // --- coordinator -----------------------------------------------------------------------------------------------------------

    pub(super) fn find_coordinator(&mut self, fx: &mut Effects<'_>) {
        let idle = self.coordinator.is_none() && fx.now >= self.coordinator_after;
        if idle && self.metadata.is_known() && !self.waits_for(|a| matches!(a, Asked::Coordinator)) {
            let request = Request::FindCoordinator { group: self.group() };
            self.ask_any(Channel::Coordinator, Api::FindCoordinator, request, Asked::Coordinator, fx);
        }
    }

    pub(super) fn on_coordinator(&mut self, error: ErrorCode, coordinator: Option<BrokerId>, fx: &Effects<'_>) {
        self.coordinator = coordinator.filter(|_| error == ErrorCode::None);
        if self.coordinator.is_none() {
            self.coordinator_after = fx.now + self.config().retry_backoff;
        }
    }

    pub(super) fn forget_coordinator(&mut self, now: SimTime) {
        self.coordinator = None;
        self.coordinator_after = now + self.config().retry_backoff;
    }

    /// The coordinator, if it is known and a connection to it is open; else the connection is being opened.
    pub(super) fn coordinator_ready(&mut self, fx: &mut Effects<'_>) -> Option<NodeId> {
        self.open_to(self.coordinator?, Channel::Coordinator, fx)
    }

    /// A broker, if a connection to it is open; else the connection is being opened.
    pub(super) fn open_to(&mut self, broker: BrokerId, channel: Channel, fx: &mut Effects<'_>) -> Option<NodeId> {
        let server = NodeId::Broker(broker);
        self.client.open(fx, server, channel);
        self.client.is_open(server, channel).then_some(server)
    }

    // --- fetching (F-1, F-2) -----------------------------------------------------------------------------------------------------

    /// A coordinator that cannot be reached may have a successor; a replica near by that cannot is not asked until the leader names it
    /// again (F-6). True: there was one.
    pub(super) fn forget_unreachable(&mut self, now: SimTime) -> bool {
        let client = &self.client;
        let failed = |broker, channel| {
            let blocked = client.blocked_until(NodeId::Broker(broker), channel);
            blocked > now && blocked != SimTime::NEVER
        };
        let mut forgotten = false;
        for assigned in &mut self.assigned {
            forgotten |= assigned.near.take_if(|(broker, _)| failed(*broker, Channel::Client)).is_some();
        }
        if self.coordinator.is_some_and(|broker| failed(broker, Channel::Coordinator)) {
            self.forget_coordinator(now);
            forgotten = true;
        }
        forgotten
    }

    /// F-6: where a partition is read: near by, if its leader has said so, for as long as metadata is good for.
    fn source(&self, assigned: &Assigned, now: SimTime) -> Option<(BrokerId, LeaderEpoch)> {
        let (leader, epoch) = self.metadata.leader(assigned.partition)?;
        let near = assigned.near.filter(|(_, until)| *until > now);
        Some((near.map_or(leader, |(broker, _)| broker), epoch))
    }

    pub(super) fn by_leader(&self, now: SimTime, wants: impl Fn(Position) -> Option<Offset>) -> ByLeader {
        let mut out = ByLeader::new();
        for assigned in self.assigned.iter().filter(|a| a.not_before <= now) {
            let Some(offset) = wants(assigned.fetch) else { continue };
            if let Some((leader, epoch)) = self.metadata.leader(assigned.partition) {
                out.entry(leader).or_default().push((assigned.partition, epoch, offset));
            }
        }
        out
    }

    /// One fetch in flight for each leader, for the partitions that have nothing buffered.
    pub(super) fn fetch(&mut self, fx: &mut Effects<'_>) {
        if self.thread == Thread::Failed || self.membership.as_ref().is_some_and(|m| !m.is_in()) {
            return;
        }
        // Nearly always everything is buffered, or its leader is being asked already.
        let busy = |f: &InFlight<Asked>| match (f.server, &f.what) {
            (NodeId::Broker(leader), Asked::Fetch(_)) => Some(leader),
            _ => None,
        };
        let busy: BrokerSet = self.client.in_flight().filter_map(busy).collect();
        let is_asked = |p: PartitionId| self.metadata.leader(p).is_some_and(|(leader, _)| busy.contains(leader));
        if self.assigned.iter().all(|a| !a.buffer.is_empty() || is_asked(a.partition)) {
            return;
        }
        if self.assigned.iter().any(|a| self.metadata.leader(a.partition).is_none()) {
            self.metadata.want();
        }
        let wanted = self.assigned.iter().filter_map(|a| self.wanted(a, fx.now));
        let leaders: BrokerSet = wanted.map(|(leader, _)| leader).collect();
        for leader in leaders.minus(busy).iter() {
            if let Some(server) = self.open_to(leader, Channel::Client, fx) {
                self.fetch_from(leader, server, fx);
            }
        }
    }

    /// What is to be fetched of a partition, and from whom.
    fn wanted(&self, assigned: &Assigned, now: SimTime) -> Option<(BrokerId, FetchPart)> {
        let Position::At(offset) = assigned.fetch else { return None };
        if assigned.not_before > now || !assigned.buffer.is_empty() {
            return None;
        }
        let (server, current_epoch) = self.source(assigned, now)?;
        let (last_fetched_epoch, log_start) = (LeaderEpoch::NONE, Offset::UNKNOWN);
        let partition = assigned.partition;
        Some((server, FetchPart { partition, current_epoch, offset, last_fetched_epoch, log_start }))
    }

    fn fetch_from(&mut self, leader: BrokerId, server: NodeId, fx: &mut Effects<'_>) {
        let wanted = self.assigned.iter().filter_map(|a| Some((a.turn, self.wanted(a, fx.now)?)));
        let mut wanted: Vec<(u32, FetchPart)> =
            wanted.filter(|(_, (from, _))| *from == leader).map(|(turn, (_, part))| (turn, part)).collect();
        sort::by_key(&mut wanted, |(turn, _)| *turn); // who got records waits until the others have had their turn
        let parts: Vec<FetchPart> = wanted.into_iter().map(|(_, part)| part).collect();
        let asked = parts.iter().map(|part| (part.partition, part.offset)).collect();
        let config = self.config();
        let request = Request::Fetch {
            max_wait: config.fetch_max_wait,
            isolation: config.isolation,
            rack: config.client_rack.as_deref().and_then(|rack| self.layout.rack_named(rack)),
            min_bytes: config.fetch_min_bytes,
            partition_max_bytes: config.max_partition_fetch_bytes,
            max_bytes: config.fetch_max_bytes,
            parts,
        };
        let (timeout, cause) = (config.request_timeout, fx.cause);
        self.client.ask(fx, server, (Api::Fetch, request), timeout, cause, Asked::Fetch(asked));
    }

    pub(super) fn on_fetched(&mut self, asked: &[(PartitionId, Offset)], results: Vec<FetchResult>, fx: &mut Effects<'_>) {
        let (max_age, mut turn) = (self.config().metadata_max_age, self.assigned.iter().map(|a| a.turn).max().unwrap_or(0));
        let shows_all = self.layout.scenario.has_bug(Bug::ShowsAborted);
        for (mut result, &(partition, offset)) in results.into_iter().zip(asked) {
            let Some(assigned) = self.assigned_mut(partition) else { continue };
            if assigned.fetch != Position::At(offset) {
                continue; // the position was set anew meanwhile
            }
            if let Some(broker) = result.preferred_replica() {
                assigned.near = Some((broker, fx.now + max_age));
                continue;
            }
            // Whatever is wrong near by may be right at the leader.
            let was_near = result.error != ErrorCode::None && assigned.near.take().is_some();
            match result.error {
                ErrorCode::OffsetOutOfRange if was_near => {}
                ErrorCode::None if result.batches.first().is_some_and(|first| result.corrupt() == Some(first.base)) => {
                    let base = result.batches[0].base;
                    fx.trace(What::CorruptionFound { node: NodeId::Consumer(self.id), partition, base });
                    self.fail(partition, ConsumerFailure::CorruptRecord, fx);
                }
                ErrorCode::None => {
                    // What lies before a spoiled batch can be read.
                    let corrupt = result.corrupt();
                    result.batches.retain(|entry| corrupt.is_none_or(|bad| entry.base < bad));
                    if !result.batches.is_empty() {
                        turn += 1;
                        assigned.turn = turn;
                    }
                    if let Some(last) = result.batches.last() {
                        assigned.fetch = Position::At(last.end());
                    }
                    let batches = std::mem::take(&mut result.batches);
                    let aborted = if shows_all { &[] } else { result.aborted() };
                    assigned.buffer.extend(isolation::sort_out(batches, aborted));
                }
                ErrorCode::OffsetOutOfRange => self.reset_position(partition, ConsumerFailure::OffsetOutOfRange, fx),
                error => self.postpone(partition, error, fx.now),
            }
        }
    }

    // --- losses ----------------------------------------------------------------------------------------------------------------

    pub(super) fn on_lost_request(&mut self, asked: Asked, fx: &mut Effects<'_>) {
        if let Asked::Store = asked {
            return self.on_store_lost(fx);
        }
        let (now, backoff) = (fx.now, self.config().retry_backoff);
        self.metadata.want();
        match asked {
            Asked::Metadata => self.metadata.on_lost(now, backoff),
            Asked::Coordinator | Asked::Committed => self.forget_coordinator(now),
            Asked::Reset | Asked::EpochEnds(_) => {}
            Asked::Fetch(partitions) => {
                for (partition, _) in partitions {
                    if let Some(assigned) = self.assigned_mut(partition) {
                        assigned.near = None;
                    }
                    self.postpone(partition, ErrorCode::NetworkException, now);
                }
            }
            Asked::GroupHeartbeat => {
                self.forget_coordinator(now);
                self.heartbeat_failed(ErrorCode::NetworkException, fx);
            }
            Asked::Commit { why, generation, offsets } => {
                self.forget_coordinator(now);
                self.on_commit_answer(ErrorCode::NetworkException, why, generation, &offsets, fx);
            }
            Asked::Store => unreachable!("it has been dealt with"),
            Asked::Join | Asked::Sync | Asked::Heartbeat(_) | Asked::Leave => self.on_membership_lost(&asked, now),
        }
    }

    // --- when to be woken ------------------------------------------------------------------------------------------------------

    /// When it has to be woken.
    pub fn next_due(&self, now: SimTime) -> SimTime {
        if self.process != Process::Up {
            return self.rises_at;
        }
        let due = match self.thread {
            Thread::Handling(work) => self.client_due.min(work.due()),
            _ => self.client_due,
        };
        due.max(SimTime(now.0 + 1))
    }

    /// When time alone will give anything but the business with records something to do.
    pub(super) fn client_next_due(&self, now: SimTime) -> SimTime {
        let mut due = self.client.next_deadline();
        match self.thread {
            Thread::Committing { since, again, .. } => {
                due = due.min(again).min(since + self.config().default_api_timeout);
            }
            Thread::Polling if self.config().enable_auto_commit => due = due.min(self.auto_commit_at),
            Thread::Polling if self.spec().handler.commit_every > SimDuration::ZERO => {
                due = due.min(self.commit_by_hand_at());
            }
            Thread::Polling | Thread::Handling(_) | Thread::Forwarding | Thread::Failed => {}
        }
        if self.thread == Thread::Polling && self.rest_until > now {
            due = due.min(self.rest_until);
        }
        due = due.min(self.workers.due()).min(self.group_due(now));
        let free = |channel| any_server_at(&self.client, channel, self.brokers(), now);
        // What would come later than that is not looked into.
        if self.metadata.due() < due && !self.waits_for(|a| matches!(a, Asked::Metadata)) {
            due = due.min(self.metadata.due().max(free(Channel::Client)));
        }
        if self.coordinator.is_none() && self.metadata.is_known() && !self.waits_for(|a| matches!(a, Asked::Coordinator)) {
            due = due.min(self.coordinator_after.max(free(Channel::Coordinator)));
        }
        due.min(self.partitions_due(now))
    }

    /// When the group needs a word, or the application will have been away for too long.
    fn group_due(&self, now: SimTime) -> SimTime {
        let mut due = self.poll_deadline();
        if self.membership.is_none() {
            due = due.min(self.classic_due(now));
        }
        if let (Some(membership), Some(coordinator)) = (&self.membership, self.coordinator)
            && !self.waits_for(|a| matches!(a, Asked::GroupHeartbeat))
        {
            let open_at = self.client.blocked_until(NodeId::Broker(coordinator), Channel::Coordinator);
            due = due.min(membership.heartbeat_due().max(open_at).max(self.coordinator_after));
        }
        due
    }

    fn partitions_due(&self, now: SimTime) -> SimTime {
        let mut due = SimTime::NEVER;
        for assigned in &self.assigned {
            let wait = match assigned.fetch {
                Position::Unknown => self.coordinator.map(|c| self.client.blocked_until(NodeId::Broker(c), Channel::Coordinator)),
                Position::Reset | Position::At(_) | Position::Validating => self
                    .source(assigned, now)
                    .map(|(l, _)| self.client.blocked_until(NodeId::Broker(l), Channel::Client).max(assigned.not_before)),
            };
            // What is ready now waits for an answer, not for time.
            if let Some(at) = wait.filter(|&at| at > now) {
                due = due.min(at);
            }
        }
        due.max(now + SimDuration(1))
    }
}
