//! The active controller: registrations, heartbeats, fencing, elections, and the metadata log that everybody follows. It is one node
//! that never fails by itself; the quorum behind it comes with the metadata log's own replication.

pub mod change;
pub mod image;

use crate::agenda::Agenda;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceId, What};
use crate::wire::{AlterPart, AlterResult, Request, Response};
use change::{Election, Rules, Wish};
use image::{Image, MetadataRecord, PartitionState, Registration};
use std::sync::Arc;

/// How long a reader of the metadata log waits when there is nothing new (`fetch.max.wait` of the Raft client).
const METADATA_WAIT: SimDuration = SimDuration::from_millis(500);

/// Something to do later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Look for sessions that ended.
    Sessions,
    /// Answer a waiting reader with nothing new.
    Reader(BrokerId),
}

/// A broker's reader of the metadata log that waits for more.
#[derive(Clone, Copy, Debug)]
struct Reader {
    caller: Caller,
    offset: i64,
    until: SimTime,
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Controller {
    /// Its id.
    pub id: ControllerId,
    layout: Arc<Layout>,
    /// What it has decided so far.
    pub image: Image,
    log: imbl::Vector<MetadataRecord>,
    /// The trace event behind each record: the cause of what a broker does on reading it.
    causes: imbl::Vector<TraceId>,
    last_contact: Vec<SimTime>,
    incarnations: Vec<u32>,
    /// How far each broker has read.
    read_to: Vec<i64>,
    /// C-5: the metadata offset that everybody must have read before a stopping broker may go.
    shutdown_offset: Vec<Option<i64>>,
    readers: Vec<Option<Reader>>,
    agenda: Agenda<Due>,
    session_check: SimTime,
}

impl Controller {
    /// A formed cluster: every broker registered and unfenced, the first replica of each partition leading, every replica in sync.
    pub fn new(id: ControllerId, layout: Arc<Layout>) -> Controller {
        let brokers = layout.broker_ids().count();
        let registration = |slot: usize| Registration { epoch: BrokerEpoch(slot as i64), fenced: false, shutting_down: false };
        let partitions = layout
            .partitions
            .iter()
            .map(|p| PartitionState {
                leader: Some(p.replicas[0]),
                leader_epoch: LeaderEpoch(0),
                partition_epoch: PartitionEpoch(0),
                isr: p.replicas.iter().copied().collect(),
                elr: BrokerSet::EMPTY,
                last_known_leader: None,
                recovering: false,
            })
            .collect();
        let image = Image { offset: 0, brokers: (0..brokers).map(registration).collect(), partitions };
        let mut controller = Controller {
            id,
            layout,
            image,
            log: imbl::Vector::new(),
            causes: imbl::Vector::new(),
            last_contact: vec![SimTime::ZERO; brokers],
            incarnations: vec![0; brokers],
            read_to: vec![0; brokers],
            shutdown_offset: vec![None; brokers],
            readers: vec![None; brokers],
            agenda: Agenda::new(),
            session_check: SimTime::NEVER,
        };
        // The log starts with what formed the cluster, so that broker epochs are offsets (C-1).
        controller.image.offset = brokers as i64;
        for slot in 0..brokers {
            let broker = BrokerId::from_slot(slot);
            controller.log.push_back(MetadataRecord::Broker(broker, *controller.image.broker(broker)));
            controller.causes.push_back(TraceId::START);
        }
        controller.read_to.fill(controller.image.offset);
        controller.plan_session_check();
        controller
    }

    /// Its own node.
    pub fn node(&self) -> NodeId {
        NodeId::Controller(self.id)
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        self.agenda.next()
    }

    /// Its time has come.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        while let Some(due) = self.agenda.pop(fx.now) {
            match due {
                Due::Sessions => self.check_sessions(fx),
                Due::Reader(broker) => self.answer_reader(fx, broker, TraceId::START),
            }
        }
    }

    /// A request arrived.
    pub fn handle(&mut self, caller: Caller, request: Request, fx: &mut Effects<'_>) {
        match request {
            Request::BrokerRegistration { broker, incarnation, previous_epoch } => {
                self.on_registration(caller, broker, incarnation, previous_epoch, fx);
            }
            Request::BrokerHeartbeat { broker, epoch, offset, want_fence, want_shutdown } => {
                self.on_heartbeat(caller, broker, (epoch, offset), (want_fence, want_shutdown), fx);
            }
            Request::AlterPartition { broker, broker_epoch, parts } => {
                self.on_alter_partition(caller, broker, broker_epoch, &parts, fx);
            }
            Request::MetadataFetch { broker, offset } => self.on_metadata_fetch(caller, broker, offset, fx),
            other => unreachable!("clients do not talk to the controller: {other:?}"),
        }
    }

    // --- C-1, C-2: registrations ------------------------------------------------------------------------------------------------

    fn on_registration(
        &mut self,
        caller: Caller,
        broker: BrokerId,
        incarnation: u32,
        previous_epoch: BrokerEpoch,
        fx: &mut Effects<'_>,
    ) {
        let known = *self.image.broker(broker);
        let same_process = self.incarnations[broker.slot()] == incarnation;
        let session_valid = !known.fenced && is_session_valid(self.last_contact[broker.slot()], self.session_timeout(), fx.now);
        if session_valid && !same_process && !known.shutting_down {
            let refusal =
                Response::BrokerRegistration { error: ErrorCode::DuplicateBrokerRegistration, epoch: BrokerEpoch::NONE };
            return fx.respond(&caller, self.node(), fx.cause, refusal);
        }
        let clean = previous_epoch == known.epoch;
        let epoch = BrokerEpoch(self.image.offset);
        let event = fx.trace(What::Registered { broker, epoch });
        self.incarnations[broker.slot()] = incarnation;
        self.last_contact[broker.slot()] = fx.now;
        self.shutdown_offset[broker.slot()] = None;
        self.write(MetadataRecord::Broker(broker, Registration { epoch, fenced: true, shutting_down: false }), event);
        // C-4 and, with ELR, C-13: it serves nobody until it is unfenced, and an unclean stop costs it its place in ISR and ELR.
        let unclean = if clean || !self.layout.scenario.cluster.elr { BrokerSet::EMPTY } else { BrokerSet::of(broker) };
        self.remove_from_isrs(broker, unclean, event, fx);
        let granted = Response::BrokerRegistration { error: ErrorCode::None, epoch };
        fx.respond(&caller, self.node(), event, granted);
        self.after_change(fx);
    }

    // --- C-1, C-3, C-4, C-5: heartbeats and sessions ---------------------------------------------------------------------------

    fn on_heartbeat(
        &mut self,
        caller: Caller,
        broker: BrokerId,
        (epoch, offset): (BrokerEpoch, i64),
        (want_fence, want_shutdown): (bool, bool),
        fx: &mut Effects<'_>,
    ) {
        let known = *self.image.broker(broker);
        if known.epoch != epoch {
            let stale = Response::BrokerHeartbeat { error: ErrorCode::StaleBrokerEpoch, should_shutdown: false };
            return fx.respond(&caller, self.node(), fx.cause, stale);
        }
        self.last_contact[broker.slot()] = fx.now;
        self.read_to[broker.slot()] = self.read_to[broker.slot()].max(offset);
        if known.fenced && !want_fence && !want_shutdown && offset > epoch.0 {
            // C-3: it is ready, and has read at least its own registration.
            let event = fx.trace(What::Fenced { broker, fenced: false });
            self.write(MetadataRecord::Broker(broker, Registration { fenced: false, ..known }), event);
            self.elect_leaderless(event, fx);
        } else if want_shutdown && !known.shutting_down && !known.fenced {
            let event = fx.trace(What::ShuttingDown { broker });
            self.write(MetadataRecord::Broker(broker, Registration { shutting_down: true, ..known }), event);
            self.remove_from_isrs(broker, BrokerSet::EMPTY, event, fx);
            self.shutdown_offset[broker.slot()] = Some(self.image.offset);
        }
        let should_shutdown = want_shutdown && self.may_stop(broker);
        if should_shutdown && !self.image.broker(broker).fenced {
            // It stops now; its session need not run out first.
            let known = *self.image.broker(broker);
            self.write(MetadataRecord::Broker(broker, Registration { fenced: true, ..known }), fx.cause);
        }
        let answer = Response::BrokerHeartbeat { error: ErrorCode::None, should_shutdown };
        fx.respond(&caller, self.node(), fx.cause, answer);
        self.after_change(fx);
    }

    /// C-5: it leads nothing any more, and every active broker has read that.
    fn may_stop(&self, broker: BrokerId) -> bool {
        if self.image.broker(broker).fenced {
            return true;
        }
        let Some(offset) = self.shutdown_offset[broker.slot()] else { return false };
        let leads = self.image.partitions.iter().any(|p| p.leader == Some(broker));
        let others_know = self.layout.broker_ids().all(|b| !self.image.is_active(b) || self.read_to[b.slot()] >= offset);
        !leads && others_know
    }

    fn session_timeout(&self) -> SimDuration {
        self.layout.scenario.cluster.config.session_timeout
    }

    fn plan_session_check(&mut self) {
        let unfenced = self.layout.broker_ids().filter(|&b| !self.image.broker(b).fenced);
        let first = next_session_check(unfenced.map(|b| self.last_contact[b.slot()]), self.session_timeout());
        if first != self.session_check {
            self.agenda.remove(self.session_check, Due::Sessions);
            self.agenda.add(first, Due::Sessions);
            self.session_check = first;
        }
    }

    /// C-1: fences one stale broker, the longest silent first; the next check is planned from there.
    fn check_sessions(&mut self, fx: &mut Effects<'_>) {
        self.session_check = SimTime::NEVER;
        let unfenced = self.layout.broker_ids().filter(|&b| !self.image.broker(b).fenced);
        if let Some(broker) = longest_silent(unfenced.map(|b| (b, self.last_contact[b.slot()])), self.session_timeout(), fx.now) {
            let event = fx.trace_from(TraceId::START, What::Fenced { broker, fenced: true });
            let known = *self.image.broker(broker);
            self.write(MetadataRecord::Broker(broker, Registration { fenced: true, ..known }), event);
            self.remove_from_isrs(broker, BrokerSet::EMPTY, event, fx);
        }
        self.after_change(fx);
    }

    // --- C-4, C-10..C-16: partitions -------------------------------------------------------------------------------------------

    fn remove_from_isrs(&mut self, broker: BrokerId, unclean: BrokerSet, cause: TraceId, fx: &mut Effects<'_>) {
        for id in self.layout.partition_ids() {
            let state = *self.image.partition(id);
            let concerned =
                state.isr.contains(broker) || state.leader == Some(broker) || state.elr.intersect(unclean) != BrokerSet::EMPTY;
            if concerned {
                let wish = Wish { isr: state.isr.without(broker), unclean, election: Election::Online };
                self.change_partition(id, wish, cause, fx);
            }
        }
    }

    /// C-4: unfencing a broker gives leaderless partitions another chance.
    fn elect_leaderless(&mut self, cause: TraceId, fx: &mut Effects<'_>) {
        for id in self.layout.partition_ids() {
            let state = *self.image.partition(id);
            if state.leader.is_none() {
                self.change_partition(
                    id,
                    Wish { isr: state.isr, unclean: BrokerSet::EMPTY, election: Election::Online },
                    cause,
                    fx,
                );
            }
        }
    }

    fn change_partition(&mut self, id: PartitionId, wish: Wish, cause: TraceId, fx: &mut Effects<'_>) {
        let place = self.layout.partition(id);
        let rules = Rules {
            replicas: &place.replicas,
            min_isr: place.min_isr,
            elr: self.layout.scenario.cluster.elr,
            unclean_elections: place.config.unclean_leader_election,
        };
        let old = *self.image.partition(id);
        let Some((new, unclean)) = change::change(&old, rules, wish, |b| self.image.is_active(b)) else { return };
        let event = if new.leader == old.leader {
            fx.trace_from(
                cause,
                What::IsrChanged { partition: id, old: old.isr, new: new.isr, elr: new.elr, epoch: new.partition_epoch },
            )
        } else {
            fx.trace_from(
                cause,
                What::LeaderElected {
                    partition: id,
                    old: old.leader,
                    new: new.leader,
                    epoch: new.leader_epoch,
                    isr: new.isr,
                    unclean,
                },
            )
        };
        self.write(MetadataRecord::Partition(id, new), event);
    }

    // --- AlterPartition --------------------------------------------------------------------------------------------------

    fn on_alter_partition(
        &mut self,
        caller: Caller,
        broker: BrokerId,
        broker_epoch: BrokerEpoch,
        parts: &[AlterPart],
        fx: &mut Effects<'_>,
    ) {
        if let Err(error) = check_sender(broker_epoch, self.image.broker(broker).epoch) {
            let stale = Response::AlterPartition { error, parts: Vec::new() };
            return fx.respond(&caller, self.node(), fx.cause, stale);
        }
        let mut results = Vec::new();
        for part in parts {
            let place = self.layout.partition(part.partition);
            let checked = check_alter(self.image.partition(part.partition), &place.replicas, broker, part, |b, epoch| {
                self.image.may_join_isr(b, Some(epoch))
            });
            if checked.is_ok() {
                let wish = Wish { isr: part.isr, unclean: BrokerSet::EMPTY, election: Election::Online };
                self.change_partition(part.partition, wish, fx.cause, fx);
            }
            let now = self.image.partition(part.partition);
            results.push(AlterResult {
                partition: part.partition,
                error: checked.err().unwrap_or(ErrorCode::None),
                leader_epoch: now.leader_epoch,
                partition_epoch: now.partition_epoch,
                isr: now.isr,
            });
        }
        let answer = Response::AlterPartition { error: ErrorCode::None, parts: results };
        fx.respond(&caller, self.node(), fx.cause, answer);
        self.after_change(fx);
    }

    // --- the metadata log ------------------------------------------------------------------------------------------------------

    fn write(&mut self, record: MetadataRecord, cause: TraceId) {
        self.image.apply(record);
        self.log.push_back(record);
        self.causes.push_back(cause);
    }

    fn on_metadata_fetch(&mut self, caller: Caller, broker: BrokerId, offset: i64, fx: &mut Effects<'_>) {
        self.read_to[broker.slot()] = self.read_to[broker.slot()].max(offset);
        if let Some(old) = self.readers[broker.slot()].take() {
            self.agenda.remove(old.until, Due::Reader(broker));
        }
        let until = fx.now + METADATA_WAIT;
        self.readers[broker.slot()] = Some(Reader { caller, offset, until });
        if offset < self.image.offset {
            self.answer_reader(fx, broker, fx.cause);
        } else {
            self.agenda.add(until, Due::Reader(broker));
        }
    }

    fn answer_reader(&mut self, fx: &mut Effects<'_>, broker: BrokerId, otherwise: TraceId) {
        let Some(reader) = self.readers[broker.slot()].take() else { return };
        self.agenda.remove(reader.until, Due::Reader(broker));
        let from = reader.offset.max(0) as usize;
        let records: Vec<MetadataRecord> = self.log.iter().skip(from).copied().collect();
        let cause = if records.is_empty() { otherwise } else { *self.causes.last().expect("as long as the log") };
        fx.respond(&reader.caller, self.node(), cause, Response::MetadataFetch { from: reader.offset, records });
    }

    /// Tells waiting readers what is new, and plans the next look at the sessions.
    fn after_change(&mut self, fx: &mut Effects<'_>) {
        for slot in 0..self.readers.len() {
            if self.readers[slot].is_some_and(|r| r.offset < self.image.offset) {
                self.answer_reader(fx, BrokerId::from_slot(slot), fx.cause);
            }
        }
        self.plan_session_check();
    }
}

/// C-1: a session is valid iff lastContact + timeout >= now.
pub fn is_session_valid(last_contact: SimTime, timeout: SimDuration, now: SimTime) -> bool {
    last_contact + timeout >= now
}

/// C-1: when the first of these sessions ends: the last instant of the one that is silent longest, and a microsecond.
pub fn next_session_check(contacts: impl Iterator<Item = SimTime>, timeout: SimDuration) -> SimTime {
    contacts.map(|last| last + timeout + SimDuration(1)).min().unwrap_or(SimTime::NEVER)
}

/// C-1: the broker that is silent longest, if its session has ended. The earlier contact goes first, the lower id on a tie.
pub fn longest_silent(
    contacts: impl Iterator<Item = (BrokerId, SimTime)>,
    timeout: SimDuration,
    now: SimTime,
) -> Option<BrokerId> {
    contacts
        .filter(|&(_, last)| !is_session_valid(last, timeout, now))
        .min_by_key(|&(broker, last)| (last, broker))
        .map(|(broker, _)| broker)
}

/// R-35, the first check: does the request come from the sender's registered incarnation?
///
/// # Errors
/// STALE_BROKER_EPOCH.
pub fn check_sender(sent: BrokerEpoch, registered: BrokerEpoch) -> Result<(), ErrorCode> {
    if sent == registered { Ok(()) } else { Err(ErrorCode::StaleBrokerEpoch) }
}

/// R-35, from the partition's epochs on: may this change be made?
///
/// # Errors
/// As Kafka answers, in Kafka's order of checks.
pub fn check_alter(
    state: &PartitionState,
    replicas: &[BrokerId],
    sender: BrokerId,
    part: &AlterPart,
    may_join: impl Fn(BrokerId, BrokerEpoch) -> bool,
) -> Result<(), ErrorCode> {
    if part.leader_epoch > state.leader_epoch || part.partition_epoch > state.partition_epoch {
        return Err(ErrorCode::NotController);
    }
    if part.leader_epoch < state.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if state.leader != Some(sender) {
        return Err(ErrorCode::InvalidRequest);
    }
    if part.partition_epoch < state.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let all: BrokerSet = replicas.iter().copied().collect();
    let recovery_fits = !part.recovering || part.isr.len() == 1;
    if !all.contains_all(part.isr) || !part.isr.contains(sender) || !recovery_fits || (part.recovering && !state.recovering) {
        return Err(ErrorCode::InvalidRequest);
    }
    let newcomers = part.isr.minus(state.isr);
    if newcomers.iter().any(|b| !may_join(b, part.newcomer_epoch)) {
        return Err(ErrorCode::IneligibleReplica);
    }
    Ok(())
}
