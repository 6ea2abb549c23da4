//! Coming up, staying known to the controller, going down (C-1..C-5, D-2, D-3).

use super::controllers::{CONTROLLER_RETRY, ProducerIds};
use super::coordinator::Coordinator;
use super::{Asked, Broker, Due, FetchSessionHandler, Loading, Process, disk};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::Backoff;
use crate::replica::Role;
use crate::scenario::Keeps;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, What};
use crate::wire::Request;

/// C-2: a refused registration is sent again after this long, doubling up to half the session timeout.
const REGISTRATION_RETRY: SimDuration = SimDuration::from_millis(100);

impl Broker {
    /// The cluster is formed: this broker is registered and knows everything; work begins.
    pub fn begin(&mut self, fx: &mut Effects<'_>) {
        self.caught_up = true;
        self.apply_all_partitions(fx);
        self.start_timers(fx.now);
        self.read_metadata(fx);
        self.replicate(fx.cause, fx);
    }

    fn start_timers(&mut self, now: SimTime) {
        // Each broker keeps its own beat: a fixed fraction of the interval apart, so that they do not all speak at once.
        let spread = |interval: SimDuration, slot: usize| SimDuration(interval.0 * (slot as u64 % 8 + 1) / 8);
        let config = self.layout.scenario.cluster.config.clone();
        let slot = self.id.slot();
        self.plan_heartbeat(now + spread(config.heartbeat_interval, slot));
        self.agenda.add(now + spread(SimDuration((config.replica_lag_time_max.0 / 2).max(1)), slot), Due::ShrinkIsrs);
        self.agenda.add(now + spread(config.hw_checkpoint_interval, slot), Due::CheckpointWatermarks);
        self.start_log_tasks(now);
        if !self.layout.coordinator_partitions.is_empty() {
            self.agenda.add(now + config.offsets_retention_check, Due::ExpireOffsets);
        }
        if !self.layout.transactional_ids.is_empty() {
            self.agenda.add(now + spread(config.transaction_abort_interval, slot), Due::AbortTimedOut);
            self.agenda.add(now + spread(config.transactional_id_interval, slot), Due::ForgetIdleIds);
        }
    }

    /// A stopped process starts: it registers, reads the metadata, and only then serves.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        assert!(!self.is_up(), "only a stopped broker starts");
        if self.disk_failed {
            // D-6: without a log directory Kafka ends at once.
            fx.trace(What::DiskFailed { broker: self.id, failed: true });
            return;
        }
        fx.cause = fx.trace(What::Started { node: self.node() });
        self.process = Process::Up;
        self.incarnation += 1;
        self.epoch = BrokerEpoch::NONE;
        self.registration_attempts = 0;
        self.load_logs(fx);
        self.register(fx);
        self.read_metadata(fx);
        self.start_timers(fx.now);
        self.settle(fx);
    }

    /// D-4: after an unclean stop the logs are scanned before the broker can serve. (It registers meanwhile, and stays fenced, C-3.)
    fn load_logs(&mut self, fx: &mut Effects<'_>) {
        let (broker, clean) = (self.id, self.clean_stop != BrokerEpoch::NONE);
        let mut scanned = Vec::new();
        for replica in self.replicas.iter_mut().flatten() {
            let (partition, from) = (replica.partition, replica.log.end());
            scanned.push(replica.load(clean, fx.now));
            let to = replica.log.end();
            if to < from {
                // The scan cuts at the first batch that does not fit its CRC.
                let event = fx.trace(What::CorruptionFound { node: NodeId::Broker(broker), partition, base: to });
                fx.trace_from(event, What::TailLost { broker, partition, from, to, torn: false });
            }
        }
        let until = fx.now + disk::scan_time(scanned.iter().copied(), self.config().log.recovery_threads);
        self.loading = Some(Loading { cause: fx.cause, clean, bytes: scanned.iter().sum() });
        self.agenda.add(until, Due::LogsLoaded);
    }

    pub(super) fn logs_loaded(&mut self, fx: &mut Effects<'_>) {
        if let Some(Loading { cause, clean, bytes }) = self.loading.take() {
            fx.cause = fx.trace_from(cause, What::LogsLoaded { broker: self.id, clean, bytes });
            self.catch_up(fx);
            self.replicate(fx.cause, fx);
        }
    }

    pub(super) fn register(&mut self, fx: &mut Effects<'_>) {
        let request =
            Request::BrokerRegistration { broker: self.id, incarnation: self.incarnation, previous_epoch: self.clean_stop };
        let timeout = self.config().session_timeout;
        if let Err(at) = self.ask_controller((Api::BrokerRegistration, request), timeout, Asked::Registration, fx) {
            self.agenda.add(at, Due::Register);
        }
    }

    pub(super) fn retry_registration(&mut self, now: SimTime) {
        let backoff = Backoff { first: REGISTRATION_RETRY, longest: SimDuration(self.config().session_timeout.0 / 2) };
        let wait = backoff.after(self.registration_attempts, &mut self.jitter);
        self.registration_attempts += 1;
        self.agenda.add(now + wait, Due::Register);
    }

    pub(super) fn on_registered(&mut self, error: ErrorCode, epoch: BrokerEpoch, fx: &mut Effects<'_>) {
        if error != ErrorCode::None {
            return self.retry_registration(fx.now); // C-2
        }
        self.epoch = epoch;
        self.clean_stop = BrokerEpoch::NONE;
        self.catch_up(fx);
        self.read_metadata(fx);
    }

    /// There is one next beat, at this time.
    fn plan_heartbeat(&mut self, at: SimTime) {
        self.agenda.remove(self.heartbeat_at, Due::Heartbeat);
        self.agenda.add(at, Due::Heartbeat);
        self.heartbeat_at = at;
    }

    /// C-1. One at a time: while one is unanswered the next waits for its turn.
    pub(super) fn send_heartbeat(&mut self, fx: &mut Effects<'_>) {
        let interval = self.config().heartbeat_interval;
        self.plan_heartbeat(fx.now + interval);
        let waiting = self.client.in_flight().any(|f| matches!(f.what, Asked::Heartbeat));
        if self.epoch == BrokerEpoch::NONE || waiting {
            return;
        }
        self.heartbeat_now(fx);
    }

    fn heartbeat_now(&mut self, fx: &mut Effects<'_>) {
        let request = Request::BrokerHeartbeat {
            broker: self.id,
            epoch: self.epoch,
            offset: self.image.offset,
            want_fence: !self.caught_up,
            want_shutdown: self.process == Process::ShuttingDown,
        };
        let timeout = SimDuration(self.config().session_timeout.0 / 2);
        if let Err(at) = self.ask_controller((Api::BrokerHeartbeat, request), timeout, Asked::Heartbeat, fx) {
            self.plan_heartbeat(at);
        }
    }

    pub(super) fn on_heartbeat_answer(&mut self, error: ErrorCode, should_shutdown: bool, fx: &mut Effects<'_>) {
        if error == ErrorCode::NotController {
            self.plan_heartbeat(fx.now + CONTROLLER_RETRY);
        } else if error == ErrorCode::None && should_shutdown && self.process == Process::ShuttingDown {
            self.stop_cleanly(fx);
        } else if error == ErrorCode::None && (self.process == Process::ShuttingDown || self.image.broker(self.id).fenced) {
            // Something is about to change: do not wait for the next beat, but do not flood either.
            self.plan_heartbeat(fx.now + HURRIED_HEARTBEAT);
        }
    }

    /// Metadata tells this broker that it is fenced although it lives: it speaks up.
    pub(super) fn speak_up_if_fenced(&mut self, fx: &mut Effects<'_>) {
        let waiting = self.client.in_flight().any(|f| matches!(f.what, Asked::Heartbeat));
        if self.image.broker(self.id).fenced && self.epoch == self.image.broker(self.id).epoch && !waiting {
            self.heartbeat_now(fx);
        }
    }

    /// C-5: a controlled shutdown begins.
    pub fn shut_down(&mut self, fx: &mut Effects<'_>) {
        if self.process == Process::Up {
            self.process = Process::ShuttingDown;
            if self.epoch != BrokerEpoch::NONE {
                self.heartbeat_now(fx);
            }
            self.settle(fx);
        }
    }

    fn stop_cleanly(&mut self, fx: &mut Effects<'_>) {
        for partition in self.layout.clone().partition_ids() {
            let end = self.replica(partition).map_or(Offset::ZERO, |r| r.log.end());
            self.flush(partition, end, fx.cause, fx);
        }
        for replica in self.replicas.iter_mut().flatten() {
            replica.log.close(fx.now);
        }
        self.checkpoint_watermarks(fx.now);
        self.checkpoint_recovery_points(fx.now);
        self.checkpoint_starts(fx.now);
        self.clean_stop = self.epoch;
        let event = fx.trace(What::Stopped { node: self.node() });
        self.process = Process::Stopped;
        self.forget_volatile(fx);
        fx.hang_up_all(self.node(), event);
    }

    /// D-2: the process ends without a word. What was appended is in the page cache and survives.
    pub fn crash(&mut self, fx: &mut Effects<'_>) {
        let event = fx.trace(What::Crashed { node: self.node(), power: false });
        self.process = Process::Crashed;
        self.forget_volatile(fx);
        fx.hang_up_all(self.node(), event);
    }

    /// D-3: the machine loses power. Of what was not flushed, the seed says how much survives.
    pub fn power_cut(&mut self, keeps: Keeps, fx: &mut Effects<'_>) {
        fx.cause = fx.trace(What::Crashed { node: self.node(), power: true });
        self.process = Process::PoweredOff;
        self.forget_volatile(fx);
        self.lose_tails(keeps, fx);
    }

    fn forget_volatile(&mut self, fx: &mut Effects<'_>) {
        self.client.reset(fx);
        self.agenda.clear();
        self.client_due = SimTime::NEVER;
        self.purgatory.clear();
        self.parked.clear();
        self.fetch_sessions.clear();
        self.fetch_handlers.fill(FetchSessionHandler::default());
        self.parked_behind.clear();
        self.stirred.clear();
        self.alter_wanted.clear();
        self.alter_in_flight = false;
        self.coordinator = Coordinator::default();
        self.producer_ids = ProducerIds::default();
        self.forget_transactions();
        self.modern.clear();
        self.caught_up = false;
        self.loading = None;
        self.slow_disk.forget();
        for replica in self.replicas.iter_mut().flatten() {
            replica.role = Role::Idle;
            replica.leader_epoch = LeaderEpoch::NONE;
            replica.partition_epoch = PartitionEpoch::NONE;
            //
            replica.high_watermark = replica.checkpoint.max(replica.log.start()).min(replica.log.end());
        }
    }
}

/// While a broker waits to be unfenced or to be let go, it asks again after this long.
const HURRIED_HEARTBEAT: SimDuration = SimDuration::from_millis(50);
