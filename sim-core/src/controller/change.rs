//! Pure decisions about one partition: who may lead (C-10, C-14), what happens to ISR and ELR (C-11, C-12, C-15).

use super::image::PartitionState;
use crate::ids::BrokerId;
use crate::set::BrokerSet;

/// How an election may choose (C-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// Keep the leader if it is acceptable, else the first acceptable replica.
    Online,
    /// The first assigned replica if acceptable, else keep.
    Preferred,
    /// As online; when nobody of ISR or ELR can lead, any live replica may.
    Unclean,
}

/// Who leads from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elected {
    /// The leader, if anybody can be.
    pub leader: Option<BrokerId>,
    /// It was not known to have every committed record.
    pub unclean: bool,
}

/// C-10: elects for a partition with these replicas (in assignment order) and these sets. `last_known` (C-14): who led before nobody did,
/// if that may count.
/// With replicas [2, 1, 3], ISR {3} and 3 not acceptable: nobody online, 2 if unclean is allowed.
pub fn elect(
    replicas: &[BrokerId],
    isr: BrokerSet,
    elr: BrokerSet,
    last_known: Option<BrokerId>,
    leader: Option<BrokerId>,
    election: Election,
    acceptable: impl Fn(BrokerId) -> bool,
) -> Elected {
    let may_lead = |b: BrokerId| acceptable(b) && (isr.contains(b) || (isr.is_empty() && elr.contains(b)));
    let clean = |leader| Elected { leader: Some(leader), unclean: false };
    if election == Election::Preferred && may_lead(replicas[0]) {
        return clean(replicas[0]);
    }
    if let Some(leader) = leader.filter(|&b| may_lead(b)) {
        return clean(leader);
    }
    if let Some(&leader) = replicas.iter().find(|&&b| may_lead(b)) {
        return clean(leader);
    }
    // C-14: nobody is known to have everything; the last leader there was is the best guess, before anybody alive.
    let last = last_known.filter(|&b| isr.is_empty() && elr.is_empty() && acceptable(b));
    let anyone = || replicas.iter().copied().find(|&b| acceptable(b)).filter(|_| election == Election::Unclean);
    let leader = last.or_else(anyone);
    Elected { leader, unclean: leader.is_some() }
}

/// C-12: the eligible leader replicas after the ISR changed: while it is below minISR, all that were in ISR or ELR and left, except
/// those that stopped uncleanly. With ISR `[1, 2, 3, 4]` becoming `[1, 2]` and minISR 3 it is `[3, 4]`.
pub fn eligible(isr: BrokerSet, elr: BrokerSet, target_isr: BrokerSet, min_isr: u32, unclean: BrokerSet) -> BrokerSet {
    if target_isr.len() >= min_isr {
        return BrokerSet::EMPTY;
    }
    elr.union(isr).minus(target_isr).minus(unclean)
}

/// The fixed side of a partition.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Replicas in assignment order.
    pub replicas: &'a [BrokerId],
    /// Effective minimum of the ISR.
    pub min_isr: u32,
    /// `eligible.leader.replicas.version` >= 1.
    pub elr: bool,
    /// `unclean.leader.election.enable`.
    pub unclean_elections: bool,
}

/// A wish to change a partition.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The ISR that is wished for.
    pub isr: BrokerSet,
    /// Brokers that are known to have stopped uncleanly: out of ISR and ELR (C-13).
    pub unclean: BrokerSet,
    /// How to elect if the leader has to change.
    pub election: Election,
    /// C-15: the leader says that it has recovered from an unclean election.
    pub recovered: bool,
}

impl Wish {
    /// This ISR, and the rest as usual.
    pub fn for_isr(isr: BrokerSet) -> Wish {
        Wish { isr, unclean: BrokerSet::EMPTY, election: Election::Online, recovered: false }
    }
}

/// The state after a wish, and whether the new leader (if it changed) was elected uncleanly. None when nothing changes.
pub fn change(
    state: &PartitionState,
    rules: Rules<'_>,
    wish: Wish,
    acceptable: impl Fn(BrokerId) -> bool,
) -> Option<(PartitionState, bool)> {
    let mut next = *state;
    next.isr = wish.isr.minus(wish.unclean);
    if rules.elr {
        next.elr = eligible(state.isr, state.elr, next.isr, rules.min_isr, wish.unclean);
    } else if next.isr.is_empty() {
        // C-11: the last member stays, and with it the partition waits.
        next.isr = state.isr;
    }
    let election = if rules.unclean_elections && wish.election == Election::Online { Election::Unclean } else { wish.election };
    let last_known = state.last_known_leader.filter(|_| rules.elr);
    let elected = elect(rules.replicas, next.isr, next.elr, last_known, state.leader, election, &acceptable);
    next.recovering &= !wish.recovered;
    if elected.unclean && elected.leader != state.leader {
        // C-15.
        next.isr = elected.leader.into_iter().collect();
        next.elr = BrokerSet::EMPTY;
        next.recovering = true;
    } else if let Some(leader) = elected.leader.filter(|&b| elected.leader != state.leader && !next.isr.contains(b)) {
        // Elected from the ELR: it is the ISR now.
        next.isr = BrokerSet::of(leader);
        next.elr = next.elr.without(leader);
    }
    next.leader = elected.leader;
    match (state.leader, next.leader) {
        (Some(old), None) => next.last_known_leader = Some(old),
        (_, Some(_)) => next.last_known_leader = None,
        (None, None) => {}
    }
    if next == *state {
        return None;
    }
    if next.leader != state.leader {
        next.leader_epoch = state.leader_epoch.next();
    }
    next.partition_epoch = state.partition_epoch.next();
    Some((next, elected.unclean && next.leader != state.leader))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeaderEpoch, PartitionEpoch};

    fn set(ids: &[u16]) -> BrokerSet {
        ids.iter().map(|&id| BrokerId(id)).collect()
    }

    const REPLICAS: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];

    fn rules(elr: bool, unclean_elections: bool) -> Rules<'static> {
        Rules { replicas: &REPLICAS, min_isr: 2, elr, unclean_elections }
    }

    fn state(leader: Option<u16>, isr: &[u16], elr: &[u16]) -> PartitionState {
        PartitionState {
            leader: leader.map(BrokerId),
            leader_epoch: LeaderEpoch(7),
            partition_epoch: PartitionEpoch(9),
            isr: set(isr),
            elr: set(elr),
            last_known_leader: None,
            recovering: false,
        }
    }

    fn wish(isr: &[u16], unclean: &[u16]) -> Wish {
        Wish { unclean: set(unclean), ..Wish::for_isr(set(isr)) }
    }

    /// C-16: a change of the ISR alone is a new version, not a new term.
    #[test]
    fn an_isr_change_keeps_the_leader_epoch() {
        let (next, unclean) = change(&state(Some(1), &[1, 2, 3], &[]), rules(true, false), wish(&[1, 2], &[]), |_| true).unwrap();
        assert_eq!(
            (next.leader, next.leader_epoch, next.partition_epoch),
            (Some(BrokerId(1)), LeaderEpoch(7), PartitionEpoch(10))
        );
        assert_eq!((next.isr, next.elr, unclean), (set(&[1, 2]), set(&[]), false));
    }

    #[test]
    fn a_wish_for_what_is_changes_nothing() {
        assert_eq!(change(&state(Some(1), &[1, 2], &[]), rules(true, false), wish(&[1, 2], &[]), |_| true), None);
    }

    /// C-11: the last member stays in the ISR, and nobody leads.
    #[test]
    fn without_elr_the_last_member_stays() {
        let (next, _) = change(&state(Some(1), &[1], &[]), rules(false, false), wish(&[], &[]), |b| b != BrokerId(1)).unwrap();
        assert_eq!((next.leader, next.isr, next.last_known_leader), (None, set(&[1]), Some(BrokerId(1))));
        assert_eq!(next.leader_epoch, LeaderEpoch(8));
    }

    /// C-12: a member of the ELR leads when the ISR is empty; who left is eligible in its turn.
    #[test]
    fn an_eligible_leader_replica_is_elected() {
        let (next, unclean) =
            change(&state(Some(1), &[1], &[3]), rules(true, false), wish(&[], &[]), |b| b != BrokerId(1)).unwrap();
        assert_eq!((next.leader, next.isr, next.elr, unclean), (Some(BrokerId(3)), set(&[3]), set(&[1]), false));
        assert!(!next.recovering);
    }

    /// C-13, C-14: an unclean stop costs the place in the ELR; the last leader is all that is left.
    #[test]
    fn the_last_known_leader_is_elected_uncleanly() {
        let mut leaderless = state(None, &[], &[1]);
        leaderless.last_known_leader = Some(BrokerId(1));
        let (gone, _) = change(&leaderless, rules(true, false), wish(&[], &[1]), |_| false).unwrap();
        assert_eq!((gone.leader, gone.elr), (None, set(&[])));
        let (next, unclean) = change(&gone, rules(true, false), wish(&[], &[]), |b| b == BrokerId(1)).unwrap();
        assert_eq!((next.leader, next.isr, next.recovering, unclean), (Some(BrokerId(1)), set(&[1]), true, true));
    }

    /// C-15: an unclean election makes the leader the ISR.
    #[test]
    fn the_last_known_leader_goes_before_anybody_alive() {
        let mut leaderless = state(None, &[], &[]);
        leaderless.last_known_leader = Some(BrokerId(3));
        let (next, unclean) = change(&leaderless, rules(true, true), wish(&[], &[]), |b| b != BrokerId(2)).unwrap();
        assert_eq!((next.leader, next.recovering, unclean), (Some(BrokerId(3)), true, true));
        let (next, _) = change(&leaderless, rules(true, true), wish(&[], &[]), |b| b != BrokerId(3)).unwrap();
        assert_eq!(next.leader, Some(BrokerId(1)));
    }

    #[test]
    fn an_unclean_election_begins_anew() {
        let (next, unclean) =
            change(&state(Some(1), &[1], &[]), rules(false, true), wish(&[], &[]), |b| b != BrokerId(1)).unwrap();
        assert_eq!((next.leader, next.isr, next.recovering, unclean), (Some(BrokerId(2)), set(&[2]), true, true));
    }
}
