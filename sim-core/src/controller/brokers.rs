//! Registrations, heartbeats, sessions, controlled shutdown (C-1..C-5, C-13).

use super::active::Active;
use super::image::{Image, MetadataRecord, Registration};
use super::log::Why;
use crate::bug::Bug;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceId, What};
use crate::wire::Response;

/// What the active controller knows of the brokers besides their registrations. Nothing of it is in the log, so that a new active
/// controller begins anew.
#[derive(Clone, Debug)]
pub(super) struct BrokerTable {
    last_contact: Vec<SimTime>,
    /// How far each broker has read, as its heartbeats say.
    read_to: Vec<i64>,
    /// C-5: the metadata offset that everybody must have read before a stopping broker may go.
    shutdown_offset: Vec<Option<i64>>,
    session_check: SimTime,
}

impl BrokerTable {
    /// C-18: a new active controller treats every unfenced broker as just heard from.
    pub fn new(layout: &Layout, image: &Image, now: SimTime) -> BrokerTable {
        let stopping = |slot: usize| image.brokers[slot].shutting_down.then_some(image.offset);
        let brokers = image.brokers.len();
        let mut table = BrokerTable {
            last_contact: vec![now; brokers],
            read_to: vec![0; brokers],
            shutdown_offset: (0..brokers).map(stopping).collect(),
            session_check: SimTime::NEVER,
        };
        table.plan_session_check(image, layout.scenario.cluster.config.session_timeout);
        table
    }

    fn plan_session_check(&mut self, image: &Image, timeout: SimDuration) {
        let contacts = image.unfenced().iter().map(|b| self.last_contact[b.slot()]);
        self.session_check = next_session_check(contacts, timeout);
    }
}

impl Active {
    pub(super) fn next_session_check(&self) -> SimTime {
        self.brokers.session_check
    }

    fn session_timeout(&self) -> SimDuration {
        self.layout.scenario.cluster.config.session_timeout
    }

    fn plan_session_check(&mut self) {
        let timeout = self.session_timeout();
        self.brokers.plan_session_check(&self.image, timeout);
    }

    /// C-1, C-2.
    pub(super) fn on_registration(
        &mut self,
        broker: BrokerId,
        incarnation: u32,
        previous_epoch: BrokerEpoch,
        cause: Why,
        now: SimTime,
    ) -> Response {
        let known = *self.image.broker(broker);
        let session_valid =
            !known.fenced && is_session_valid(self.brokers.last_contact[broker.slot()], self.session_timeout(), now);
        if session_valid && known.incarnation != incarnation && !known.shutting_down {
            return Response::BrokerRegistration { error: ErrorCode::DuplicateBrokerRegistration, epoch: BrokerEpoch::NONE };
        }
        let clean = previous_epoch == known.epoch;
        let epoch = BrokerEpoch(self.image.offset);
        self.brokers.last_contact[broker.slot()] = now;
        self.brokers.shutdown_offset[broker.slot()] = None;
        let registration = Registration { epoch, incarnation, fenced: true, shutting_down: false };
        let registered =
            self.write(MetadataRecord::Broker(broker, registration), Some(What::Registered { broker, epoch }), cause);
        // C-4 and, with ELR, C-13: it serves nobody until it is unfenced, and an unclean stop costs it its place in ISR and ELR.
        let clean = clean || self.layout.scenario.has_bug(Bug::UncleanStopKeepsPlace);
        let unclean = if clean || !self.layout.scenario.cluster.elr { BrokerSet::EMPTY } else { BrokerSet::of(broker) };
        self.remove_from_isrs(broker, unclean, registered);
        self.plan_session_check();
        Response::BrokerRegistration { error: ErrorCode::None, epoch }
    }

    /// C-1, C-3, C-5.
    pub(super) fn on_heartbeat(
        &mut self,
        broker: BrokerId,
        (epoch, offset): (BrokerEpoch, i64),
        (want_fence, want_shutdown): (bool, bool),
        cause: Why,
        now: SimTime,
    ) -> Response {
        let known = *self.image.broker(broker);
        if known.epoch != epoch {
            return Response::BrokerHeartbeat { error: ErrorCode::StaleBrokerEpoch, should_shutdown: false };
        }
        self.brokers.last_contact[broker.slot()] = now;
        self.brokers.read_to[broker.slot()] = offset;
        if known.fenced && !want_fence && !want_shutdown && offset > epoch.0 {
            // C-3: it is ready, and has read at least its own registration.
            let record = MetadataRecord::Broker(broker, Registration { fenced: false, ..known });
            let unfenced = self.write(record, Some(What::Fenced { broker, fenced: false }), cause);
            self.elect_leaderless(unfenced);
        } else if want_shutdown && !known.shutting_down && !known.fenced {
            let record = MetadataRecord::Broker(broker, Registration { shutting_down: true, ..known });
            let stopping = self.write(record, Some(What::ShuttingDown { broker }), cause);
            self.remove_from_isrs(broker, BrokerSet::EMPTY, stopping);
            self.brokers.shutdown_offset[broker.slot()] = Some(self.image.offset);
        }
        let should_shutdown = want_shutdown && self.may_stop(broker);
        if should_shutdown && !self.image.broker(broker).fenced {
            // It stops now; its session need not run out first.
            let known = *self.image.broker(broker);
            self.write(MetadataRecord::Broker(broker, Registration { fenced: true, ..known }), None, cause);
        }
        self.plan_session_check();
        Response::BrokerHeartbeat { error: ErrorCode::None, should_shutdown }
    }

    /// C-5: it leads nothing any more, and every active broker has read that.
    fn may_stop(&self, broker: BrokerId) -> bool {
        if self.image.broker(broker).fenced {
            return true;
        }
        let Some(offset) = self.brokers.shutdown_offset[broker.slot()] else { return false };
        let leads = self.image.partitions.iter().any(|p| p.leader == Some(broker));
        let others_know = self.layout.broker_ids().all(|b| !self.image.is_active(b) || self.brokers.read_to[b.slot()] >= offset);
        !leads && others_know
    }

    /// C-1: fences one stale broker, the longest silent first; the next check is planned from there.
    pub(super) fn check_sessions(&mut self, now: SimTime) {
        let contacts = self.image.unfenced().iter().map(|b| (b, self.brokers.last_contact[b.slot()]));
        if let Some(broker) = longest_silent(contacts, self.session_timeout(), now) {
            let record = MetadataRecord::Broker(broker, Registration { fenced: true, ..*self.image.broker(broker) });
            let why = Why::Event(TraceId::START);
            let fenced = self.write(record, Some(What::Fenced { broker, fenced: true }), why);
            if !self.layout.scenario.has_bug(Bug::FencedKeepsPlace) {
                self.remove_from_isrs(broker, BrokerSet::EMPTY, fenced);
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
