//! What can happen in one step. The conditions and the bookkeeping are here; what is decided is decided by the simulator's functions.

use crate::rules::{Bounds, Rules};
use crate::state::{Cluster, Decision, Entry, NONE};
use crate::truncation::offset;
use sim_core::controller::change::{Election, Rules as PartitionRules, Wish, change};
use sim_core::controller::image::PartitionState;
use sim_core::ids::{BrokerId, LeaderEpoch, Offset, PartitionEpoch};
use sim_core::replica::isr::{IsrState, reaches_far_enough};
use sim_core::replica::remote::Remote;
use sim_core::replica::watermark::{self, Voter};
use sim_core::scenario::TruncationRule;
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime};

/// One step. Replicas are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The controller elects a replica.
    Elect(u8),
    /// The controller takes a replica out of the ISR; if it leads, nobody does.
    Drop(u8),
    /// A replica hears that it leads in this epoch.
    BecomeLeader(u8, u8),
    /// A replica hears that another one leads in this epoch, and cuts its log.
    BecomeFollower(u8, u8),
    /// A leader takes a record.
    Write(u8),
    /// A leader moves its watermark by one.
    Raise(u8),
    /// A leader takes a follower out of the ISR.
    Shrink(u8, u8),
    /// A leader takes a follower into the ISR.
    Expand(u8, u8),
    /// A follower gets the next record from its leader.
    Fetch(u8),
    /// A follower finds that its log is not its leader's, and cuts it.
    Truncate(u8),
}

impl Action {
    /// Every action of a cluster of this size; most are impossible in any one state.
    pub fn all(bounds: &Bounds, into: &mut Vec<Action>) {
        for r in 0..bounds.replicas {
            into.extend([Action::Elect(r), Action::Drop(r), Action::Write(r), Action::Raise(r)]);
            into.extend([Action::Fetch(r), Action::Truncate(r)]);
            into.extend((0..bounds.epochs).flat_map(|e| [Action::BecomeLeader(r, e), Action::BecomeFollower(r, e)]));
            let others = (0..bounds.replicas).filter(|&f| f != r);
            into.extend(others.flat_map(|f| [Action::Shrink(r, f), Action::Expand(r, f)]));
        }
    }
}

fn broker(r: u8) -> BrokerId {
    BrokerId(u16::from(r) + 1)
}

fn brokers(set: u8) -> BrokerSet {
    (0..8).filter(|r| set & (1 << r) != 0).map(broker).collect()
}

fn bits(set: BrokerSet) -> u8 {
    set.iter().fold(0, |bits, b| bits | 1 << (b.0 - 1))
}

impl Cluster {
    /// Takes the step. False: it is impossible, and nothing may be read off the cluster any more.
    pub fn act(&mut self, action: Action, rules: &Rules, bounds: &Bounds) -> bool {
        match action {
            Action::Elect(r) => self.now.leader != r && self.elect(r, rules, bounds),
            Action::Drop(r) => self.drop_from_isr(r, bounds),
            Action::BecomeLeader(r, e) => self.become_leader(r, e),
            Action::BecomeFollower(r, e) => self.become_follower(r, e, rules),
            Action::Write(r) => self.write(r, bounds),
            Action::Raise(r) => self.raise(r, rules),
            Action::Shrink(l, f) => self.shrink(l, f, rules),
            Action::Expand(l, f) => self.expand(l, f, rules),
            Action::Fetch(f) => self.fetch(f, rules, bounds),
            Action::Truncate(f) => rules.first_try && self.truncate(f),
        }
    }

    /// What the controller makes of a wish; `may_lead` says who can be elected.
    fn changed(&self, isr: u8, election: Election, may_lead: impl Fn(u8) -> bool) -> Option<Decision> {
        let all = [BrokerId(1), BrokerId(2), BrokerId(3)];
        let state = PartitionState {
            leader: (self.now.leader != NONE).then(|| broker(self.now.leader)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            isr: brokers(self.now.isr),
            elr: BrokerSet::EMPTY,
            last_known_leader: None,
            recovering: false,
        };
        let rules =
            PartitionRules { replicas: &all[..usize::from(self.count)], min_isr: 1, elr: false, unclean_elections: false };
        let wish = Wish { election, ..Wish::for_isr(brokers(isr)) };
        let (next, _) = change(&state, rules, wish, |b| may_lead((b.0 - 1) as u8))?;
        Some(Decision { leader: next.leader.map_or(NONE, |b| (b.0 - 1) as u8), isr: bits(next.isr) })
    }

    /// Every decision of the controller has an epoch of its own here, as it had until changes of the ISR alone stopped bumping it.
    fn decide(&mut self, decision: Decision, bounds: &Bounds) -> bool {
        if self.epochs == bounds.epochs {
            return false;
        }
        self.now = decision;
        self.decisions[usize::from(self.epochs)] = decision;
        self.epochs += 1;
        true
    }

    /// C-10, C-15: one particular replica, for whatever reason.
    fn elect(&mut self, r: u8, rules: &Rules, bounds: &Bounds) -> bool {
        let election = if rules.unclean { Election::Unclean } else { Election::Online };
        let elected = self.changed(self.now.isr, election, |other| other == r).filter(|d| d.leader == r);
        elected.is_some_and(|decision| self.decide(decision, bounds))
    }

    /// C-4, C-11: the election of another leader is a step of its own.
    fn drop_from_isr(&mut self, r: u8, bounds: &Bounds) -> bool {
        let was = self.now.leader;
        let isr = self.now.isr & !(1 << r);
        let decision = self.changed(isr, Election::Online, |other| other == was && other != r);
        decision.is_some_and(|decision| self.decide(decision, bounds))
    }

    fn become_leader(&mut self, r: u8, e: u8) -> bool {
        let decision = self.decisions[usize::from(e)];
        if e >= self.epochs || decision.leader != r || !self.replica(r).is_before(e) {
            return false;
        }
        let replica = self.replica_mut(r);
        (replica.epoch, replica.leader, replica.isr) = (e, r, decision.isr);
        true
    }

    fn become_follower(&mut self, r: u8, e: u8, rules: &Rules) -> bool {
        let leader = self.decisions[usize::from(e)].leader;
        if e >= self.epochs || leader == NONE || leader == r || !self.replica(r).is_before(e) {
            return false;
        }
        if rules.fenced_truncation && !(self.leads(leader) && self.replica(leader).epoch == e) {
            return false; // it asks until the leader is in this epoch
        }
        if !rules.first_try {
            let to = self.fitting_end(r, leader, e, rules.truncation);
            self.replica_mut(r).truncate(to);
        }
        let replica = self.replica_mut(r);
        (replica.epoch, replica.leader, replica.isr) = (e, leader, 0);
        true
    }

    fn write(&mut self, r: u8, bounds: &Bounds) -> bool {
        if !self.leads(r) || self.written == bounds.records || self.replica(r).end() == bounds.log_size {
            return false;
        }
        let (id, replica) = (self.written, self.replica_mut(r));
        replica.push(Entry { id, epoch: replica.epoch });
        self.written += 1;
        true
    }

    /// Does `f` follow `l`, and does that count?
    fn follows(&self, f: u8, l: u8, fenced: bool) -> bool {
        let (leader, follower) = (self.replica(l), self.replica(f));
        self.leads(l) && follower.leader == l && (!fenced || follower.epoch == leader.epoch)
    }

    /// What the leader may believe a follower's log end to be: unknown if that does not count.
    fn proven(&self, f: u8, l: u8, fenced: bool, first_try: bool, up_to: u8) -> Offset {
        let (follower, leader) = (self.replica(f).log(), self.replica(l).log());
        let last = usize::from(up_to).checked_sub(1);
        let same = last.is_none_or(
            |at| matches!((follower.get(at), leader.get(at)), (Some(a), Some(b)) if !first_try || a.epoch == b.epoch),
        );
        let reaches = same || !first_try;
        if self.follows(f, l, fenced) && reaches { offset(self.replica(f).end()) } else { Offset::UNKNOWN }
    }

    /// R-20, one record at a time.
    fn raise(&mut self, l: u8, rules: &Rules) -> bool {
        if !self.leads(l) {
            return false;
        }
        let leader = self.replica(l);
        let (now, isr) = (leader.watermark, IsrState::Committed(brokers(leader.isr)));
        let voters = (0..self.count).filter(|&f| f != l).map(|f| Voter {
            log_end: self.proven(f, l, rules.fenced_watermark, rules.first_try, now + 1),
            in_maximal_isr: isr.maximal().contains(broker(f)),
            about_to_join: false,
        });
        let end = offset(leader.end()).min(offset(now + 1));
        if watermark::advance(offset(now), end, isr.committed().len(), 1, voters).is_none() {
            return false;
        }
        self.committed |= 1 << self.replica(l).log()[usize::from(now)].id;
        self.replica_mut(l).watermark = now + 1;
        true
    }

    /// Is it the controller's leader, and in its epoch?
    pub fn is_true_leader(&self, l: u8) -> bool {
        self.now.leader == l && self.leads(l) && self.replica(l).epoch + 1 == self.epochs
    }

    /// the change is asked for, granted and adopted in one step.
    fn alter(&mut self, l: u8, pending: IsrState) -> bool {
        let asked = bits(pending.asked().expect("a change was asked for"));
        let Some(decision) = self.changed(asked, Election::Online, |_| true) else { return false };
        self.now = decision;
        self.replica_mut(l).isr = decision.isr;
        true
    }

    /// R-31, whenever the leader likes.
    fn shrink(&mut self, l: u8, f: u8, rules: &Rules) -> bool {
        let isr = brokers(self.replica(l).isr);
        if !self.is_true_leader(l) || !isr.contains(broker(f)) {
            return false;
        }
        let end = self.replica(l).end();
        let log_end = self.proven(f, l, rules.fenced_isr, rules.first_try, end).min(offset(end));
        let remote = Remote { log_end, ..Remote::unknown() };
        if remote.is_caught_up(offset(end), SimTime::ZERO, SimDuration::ZERO) {
            return false;
        }
        self.alter(l, IsrState::PendingShrink { committed: isr, asked: isr.without(broker(f)) })
    }

    ///
    fn expand(&mut self, l: u8, f: u8, rules: &Rules) -> bool {
        let isr = brokers(self.replica(l).isr);
        if !self.is_true_leader(l) || isr.contains(broker(f)) {
            return false;
        }
        let leader = self.replica(l);
        let start = leader.log().iter().position(|entry| entry.epoch == leader.epoch).map_or(leader.end(), |at| at as u8);
        let log_end = self.proven(f, l, rules.fenced_isr, rules.first_try, leader.watermark);
        if !reaches_far_enough(log_end, offset(leader.watermark), rules.epoch_start.then(|| offset(start))) {
            return false;
        }
        self.alter(l, IsrState::PendingExpand { committed: isr, asked: isr.with(broker(f)) })
    }

    /// one record. Under the first try of KIP-320 the leader looks whether the follower's last record is its own.
    fn fetch(&mut self, f: u8, rules: &Rules, bounds: &Bounds) -> bool {
        let (l, end) = (self.replica(f).leader, self.replica(f).end());
        if l == NONE || l == f || end == bounds.log_size || !self.follows(f, l, rules.fenced_fetch) {
            return false;
        }
        if rules.first_try && self.proven(f, l, false, true, end) == Offset::UNKNOWN {
            return false;
        }
        let leader = self.replica(l);
        let Some(&entry) = leader.log().get(usize::from(end)) else { return false };
        let told = offset(leader.watermark);
        let follower = self.replica_mut(f);
        follower.push(entry);
        let to = watermark::on_follower(told, Offset::ZERO, offset(follower.end()));
        follower.watermark = u8::try_from(to.0).expect("an offset of a short log");
        true
    }

    /// The first try of KIP-320: a follower whose last record is not its leader's cuts back to the last one that is.
    fn truncate(&mut self, f: u8) -> bool {
        let l = self.replica(f).leader;
        if l == NONE || l == f || !self.follows(f, l, false) {
            return false;
        }
        let (own, theirs) = (self.replica(f).log(), self.replica(l).log());
        let parts = own.last().is_some_and(|last| theirs.get(own.len() - 1).is_some_and(|other| other.epoch != last.epoch));
        if own.len() <= theirs.len() && !parts {
            return false;
        }
        let to = self.fitting_end(f, l, self.replica(l).epoch, TruncationRule::Kip279);
        let cuts = to < self.replica(f).end();
        self.replica_mut(f).truncate(to);
        cuts
    }
}
