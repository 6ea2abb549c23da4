//! One replica of one partition on one broker: its log, its high watermark, and what it is to the others.
//!
//! Always: `log start <= high watermark <= log end` (INV-4).

pub mod isr;
pub mod remote;
pub mod selector;
pub mod truncation;
pub mod watermark;

use crate::bug::{Bug, Bugs};
use crate::ids::*;
use crate::log::producer_state::ProducerStates;
use crate::log::segment::RollLimits;
use crate::log::{Log, LogBatch};
use crate::record::SharedBatch;
use crate::rows::Set;
use crate::scenario::{ProtocolRules, TruncationRule};
use crate::time::{SimDuration, SimTime};
use crate::wire::OffsetSpec;
use isr::{IsrState, reaches_far_enough};
use remote::Remote;
use watermark::Voter;

/// A replica.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Its partition.
    pub partition: PartitionId,
    /// Its log.
    pub log: Log,
    /// First offset not known to be committed.
    pub high_watermark: Offset,
    /// The value in the checkpoint file.
    pub checkpoint: Offset,
    /// The recovery point in the checkpoint file (D-1).
    pub recovery_checkpoint: Offset,
    /// The log start in the checkpoint file.
    pub start_checkpoint: Offset,
    /// The leader epoch of the last metadata applied.
    pub leader_epoch: LeaderEpoch,
    /// The version of the last metadata applied.
    pub partition_epoch: PartitionEpoch,
    /// What it is.
    pub role: Role,
    /// Rules of earlier versions.
    pub rules: ProtocolRules,
    /// Known bugs put back in.
    pub bugs: Bugs,
}

/// What a replica is to the others.
#[derive(Clone, Debug)]
pub enum Role {
    /// Without a leader, or its broker is not up.
    Idle,
    /// It leads.
    Leader(Leading),
    /// It copies.
    Follower(Following),
}

/// A leader's state.
#[derive(Clone, Debug)]
pub struct Leading {
    /// log end when it became leader.
    pub epoch_start: Offset,
    ///
    pub isr: IsrState,
    /// The ISR when the watermark last moved in this term: what INV-5 is checked against, for a step may change the ISR after the move.
    pub moved_under: Option<IsrState>,
    /// C-15: from an unclean election, unconfirmed.
    pub recovering: bool,
    /// The other replicas.
    pub remotes: Vec<(BrokerId, Remote)>,
    /// Requests that wait for the high watermark: (offset that it must reach, entry in the purgatory).
    pub waiting: Set<(Offset, u64)>,
    /// Fetches that wait for something new here, in no particular order.
    pub parked: Vec<u64>,
}

/// A follower's state.
#[derive(Clone, Debug)]
pub struct Following {
    /// Whom it copies.
    pub leader: BrokerId,
    /// It does not fetch before then.
    pub backoff_until: SimTime,
    /// fenced; nothing to do until metadata arrives.
    pub awaits_metadata: bool,
    /// Before KIP-320: it asks its leader what to cut before it fetches. Where it would have to begin if the leader cannot tell.
    pub truncating: Option<Offset>,
    /// its offset is not in the leader's log, and this is what it has to ask for before it fetches again.
    pub seeks: Option<OffsetSpec>,
}

impl Following {
    /// Does it fetch now?
    pub fn may_ask(&self, now: SimTime) -> bool {
        !self.awaits_metadata && self.backoff_until <= now
    }
}

impl Replica {
    /// An empty one.
    pub fn new(partition: PartitionId) -> Replica {
        Replica {
            partition,
            log: Log::new(),
            high_watermark: Offset::ZERO,
            checkpoint: Offset::ZERO,
            recovery_checkpoint: Offset::ZERO,
            start_checkpoint: Offset::ZERO,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch::NONE,
            role: Role::Idle,
            rules: ProtocolRules::default(),
            bugs: Bugs::NONE,
        }
    }

    /// Section 3.9: consumers with isolation.level=read_committed read up to here.
    pub fn last_stable(&self) -> Offset {
        self.log.transactions.last_stable(self.high_watermark)
    }

    /// Its state as leader, if it leads.
    #[inline]
    pub fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    /// Its state as leader, if it leads.
    #[inline]
    pub fn leading_mut(&mut self) -> Option<&mut Leading> {
        match &mut self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    /// does it still follow this leader in this epoch? Before KIP-320 followers did not look at the epoch.
    pub fn still_follows(&self, leader: NodeId, epoch: LeaderEpoch) -> bool {
        matches!(&self.role, Role::Follower(f) if NodeId::Broker(f.leader) == leader)
            && (self.leader_epoch == epoch || self.rules.truncation < TruncationRule::Kip320)
    }

    /// leads from now on.
    pub fn become_leader(
        &mut self,
        epoch: LeaderEpoch,
        isr: crate::set::BrokerSet,
        recovering: bool,
        others: impl Iterator<Item = BrokerId>,
        now: SimTime,
    ) {
        if self.bugs.has(Bug::ForgetsProducersOnFailover) {
            self.log.producers = ProducerStates::default();
        }
        let start = self.log.end();
        self.log.epochs.assign(epoch, start);
        let trusting = self.bugs.has(Bug::NewLeaderTrustsFollowers);
        let remotes = others
            .map(|broker| {
                let mut remote = Remote::unknown();
                // Every epoch begins with `Remote::unknown`: whoever led before has stepped down.
                remote.reset(now, start, true, isr.contains(broker));
                if trusting && isr.contains(broker) {
                    remote.log_end = start;
                }
                (broker, remote)
            })
            .collect();
        self.role = Role::Leader(Leading {
            epoch_start: start,
            isr: IsrState::Committed(isr),
            moved_under: None,
            recovering,
            remotes,
            waiting: Set::new(),
            parked: Vec::new(),
        });
    }

    /// Is there something that the high watermark may move over? Nearly never, and then nobody need be asked.
    #[inline]
    pub fn has_uncommitted(&self) -> bool {
        self.high_watermark < self.log.end()
    }

    /// moves the high watermark if it may move. `eligible` says who may join the ISR. Returns the new value if it moved.
    pub fn advance_watermark(
        &mut self,
        min_isr: u32,
        now: SimTime,
        lag_max: SimDuration,
        eligible: impl Fn(BrokerId, &Remote) -> bool,
    ) -> Option<Offset> {
        let Role::Leader(leading) = &mut self.role else { return None };
        let end = self.log.end();
        let early = leading.isr.asked().filter(|_| self.bugs.has(Bug::ShrinkAssumedEarly));
        let maximal = early.unwrap_or(leading.isr.maximal());
        let remotes = if self.bugs.has(Bug::HwCountsLeaderAlone) { &[] } else { leading.remotes.as_slice() };
        let voters = remotes.iter().map(|(broker, remote)| {
            let in_maximal_isr = maximal.contains(*broker);
            let about_to_join = !in_maximal_isr && remote.is_caught_up(end, now, lag_max) && eligible(*broker, remote);
            Voter { log_end: remote.log_end, in_maximal_isr, about_to_join }
        });
        let strict = self.rules.strict_min_isr && !self.bugs.has(Bug::HwMovesBelowMinIsr);
        let min_isr = if strict { min_isr } else { 0 };
        let to = watermark::advance(self.high_watermark, end, leading.isr.committed().len(), min_isr, voters)?;
        leading.moved_under = Some(leading.isr);
        self.high_watermark = to;
        Some(to)
    }

    /// asks for an ISR without the members that are not caught up, if there are any and no change is in flight. Returns the ISR
    /// that is asked for.
    pub fn propose_shrink(&mut self, now: SimTime, lag_max: SimDuration) -> Option<crate::set::BrokerSet> {
        let behind = self.laggards(now, lag_max);
        if behind.is_empty() {
            return None;
        }
        let leading = self.leading_mut()?;
        let committed = leading.isr.committed();
        let asked = committed.minus(behind);
        leading.isr = IsrState::PendingShrink { committed, asked };
        Some(asked)
    }

    /// asks for an ISR with this follower, if its log goes far enough, `eligible` says yes and no change is in flight. Returns
    /// the ISR that is asked for.
    pub fn propose_expand(&mut self, broker: BrokerId, eligible: impl Fn(&Remote) -> bool) -> Option<crate::set::BrokerSet> {
        if !self.may_join(broker) {
            return None;
        }
        let leading = self.leading_mut()?;
        let (_, remote) = leading.remotes.iter().find(|(b, _)| *b == broker)?;
        if !eligible(remote) {
            return None;
        }
        let committed = leading.isr.committed();
        let asked = committed.with(broker);
        leading.isr = IsrState::PendingExpand { committed, asked };
        Some(asked)
    }

    /// the members that are not caught up, if the ISR may be changed now.
    pub fn laggards(&self, now: SimTime, lag_max: SimDuration) -> crate::set::BrokerSet {
        let Role::Leader(leading) = &self.role else { return crate::set::BrokerSet::EMPTY };
        if leading.isr.is_pending() {
            return crate::set::BrokerSet::EMPTY;
        }
        let end = self.log.end();
        let isr = leading.isr.committed();
        let behind = leading.remotes.iter().filter(|(b, r)| isr.contains(*b) && !r.is_caught_up(end, now, lag_max));
        behind.map(|(b, _)| *b).collect()
    }

    /// has this follower everything that it needs to join, as far as its log goes?
    pub fn may_join(&self, broker: BrokerId) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        if leading.isr.committed().contains(broker) {
            return false; // nearly always
        }
        let remote = leading.remotes.iter().find(|(b, _)| *b == broker);
        let Some((_, remote)) = remote else { return false };
        let past_start = self.rules.truncation >= TruncationRule::Kip320 && !self.bugs.has(Bug::JoinsBeforeEpochStart);
        let epoch_start = past_start.then_some(leading.epoch_start);
        !leading.isr.is_pending()
            && !self.bugs.has(Bug::NeverJoinsAgain)
            && reaches_far_enough(remote.log_end, self.high_watermark, epoch_start)
    }

    /// Appends at the end of the log. Returns the first offset, and where a new file began, if one did.
    pub fn append(
        &mut self,
        epoch: LeaderEpoch,
        batch: SharedBatch,
        now: SimTime,
        limits: RollLimits,
    ) -> (Offset, Option<Offset>) {
        let base = self.log.end();
        self.log.transactions.forget_decided(self.high_watermark);
        let rolled = self.log.append(LogBatch { base, epoch, batch }, now, limits);
        (base, rolled)
    }

    /// Cuts the log and, if they were above, the high watermark and the checkpoints. Returns whether records went.
    pub fn truncate_to(&mut self, end: Offset) -> bool {
        let cut = self.log.truncate_to(end);
        self.lower_to_end();
        cut
    }

    /// D-3: the log ends here after a power cut.
    pub fn lose_power(&mut self, end: Offset, torn: u32) {
        self.log.lose_power(end, torn);
        self.lower_to_end();
        self.log.forget_start();
    }

    fn lower_to_end(&mut self) {
        let end = self.log.end();
        if !self.bugs.has(Bug::WatermarkSurvivesTruncation) {
            self.high_watermark = self.high_watermark.min(end);
        }
        self.checkpoint = self.checkpoint.min(end);
        self.recovery_checkpoint = self.recovery_checkpoint.min(end);
        self.start_checkpoint = self.start_checkpoint.min(self.log.start());
    }

    /// drops everything and begins at its leader's log start. What lies below is committed.
    pub fn start_again_at(&mut self, start: Offset, now: SimTime) {
        self.log.start_again_at(start, now);
        (self.high_watermark, self.recovery_checkpoint) = (start, start);
    }

    /// The disk is a new, empty one (D-6).
    pub fn wipe(&mut self, now: SimTime) {
        self.log = Log::starting_at(Offset::ZERO, self.log.disk().dirty_for(), now);
        self.lower_to_end();
    }

    /// A process starts and opens its log (D-4): the watermark is the checkpoint's, clamped to the log. Returns the bytes that
    /// were scanned.
    pub fn load(&mut self, clean: bool, now: SimTime) -> u64 {
        let scanned = self.log.load(clean, self.recovery_checkpoint, self.start_checkpoint, now);
        self.lower_to_end();
        self.high_watermark = self.checkpoint.max(self.log.start()).min(self.log.end());
        scanned
    }
}
