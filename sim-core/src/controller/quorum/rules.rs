//! The arithmetic of the quorum: majorities, who may be voted for, what is committed.

use crate::ids::{ControllerId, QuorumEpoch};
use crate::rows::Set;
use crate::sort;

/// How many of `voters` are more than half: 2 of 3, 3 of 4.
pub fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest offset that a majority of the voters has, the leader included: of the ends 9, 7 and 4 it is 7. Nothing is committed
/// before something of the leader's own epoch is, which begins at `epoch_start`: an older record on a majority of the voters may still
/// be replaced by a leader of an epoch in between.
pub fn committed(mut ends: Vec<i64>, epoch_start: i64) -> Option<i64> {
    sort::by_key(&mut ends, |&end| std::cmp::Reverse(end));
    let on_majority = *ends.get(ends.len() / 2)?;
    (on_majority > epoch_start).then_some(on_majority)
}

/// The end of a log as an elector compares it: the epoch of the last record, then the offset after it.
pub type LogEnd = (QuorumEpoch, i64);

/// Who asks for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plea {
    /// The candidate.
    pub candidate: ControllerId,
    /// It only asks whether it would be elected (KIP-996).
    pub pre_vote: bool,
    /// The end of its log.
    pub log_end: LogEnd,
}

/// What an elector is, in the epoch of the plea.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elector {
    /// It follows nobody and stands for nothing, or only asks whether it might. With whom it voted for and whom it knows to lead.
    Free {
        /// Voted for.
        voted: Option<ControllerId>,
        /// Known to lead.
        leader: Option<ControllerId>,
    },
    /// It stands for election, or has resigned: it votes for nobody else in this epoch.
    Taken,
    /// It follows a leader, from whom it has fetched or not.
    Follower {
        /// It has.
        has_fetched: bool,
    },
    /// It leads, and knows a high watermark or not yet.
    Leader {
        /// It knows one.
        has_watermark: bool,
    },
}

/// Is this vote given? Only to a log that has all that the elector has, to one candidate in an epoch, and not while a leader is heard. A
/// pre-vote binds nobody.
pub fn grants(elector: Elector, plea: Plea, mine: LogEnd) -> bool {
    let up_to_date = plea.log_end >= mine;
    match elector {
        Elector::Free { .. } if plea.pre_vote => up_to_date,
        Elector::Free { voted: Some(voted), .. } => voted == plea.candidate,
        Elector::Free { leader: Some(_), .. } => false,
        Elector::Free { .. } => up_to_date,
        Elector::Taken => plea.pre_vote && up_to_date,
        Elector::Follower { has_fetched } => plea.pre_vote && up_to_date && !has_fetched,
        Elector::Leader { has_watermark } => plea.pre_vote && up_to_date && !has_watermark,
    }
}

/// The votes of an election so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    granted: Set<ControllerId>,
    rejected: Set<ControllerId>,
}

impl Votes {
    /// One's own.
    pub fn own(me: ControllerId) -> Votes {
        Votes { granted: Set::from([me]), rejected: Set::new() }
    }

    /// One more is known.
    pub fn count(&mut self, voter: ControllerId, granted: bool) {
        if granted {
            self.granted.insert(voter)
        } else {
            self.rejected.insert(voter)
        };
    }

    /// More than half are for it.
    pub fn is_won(&self, voters: usize) -> bool {
        self.granted.len() >= majority(voters)
    }

    /// More than half are against it, or can no longer be for it.
    pub fn is_lost(&self, voters: usize) -> bool {
        voters - self.rejected.len() < majority(voters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_commits() {
        assert_eq!(committed(vec![9, 4, 7], 3), Some(7));
        assert_eq!(committed(vec![9, 9, 4, 4], 3), Some(4));
        assert_eq!(committed(vec![5], 4), Some(5));
        // The records below 7 are of older epochs.
        assert_eq!(committed(vec![9, 7, 7], 7), None);
    }

    #[test]
    fn one_vote_an_epoch_and_only_for_a_complete_log() {
        let plea = |id, pre_vote, epoch, end| Plea { candidate: ControllerId(id), pre_vote, log_end: (QuorumEpoch(epoch), end) };
        let mine = (QuorumEpoch(4), 20);
        let free = Elector::Free { voted: None, leader: None };
        assert!(grants(free, plea(2, false, 4, 20), mine));
        assert!(grants(free, plea(2, false, 5, 3), mine), "a later epoch beats a longer log");
        assert!(!grants(free, plea(2, false, 4, 19), mine) && !grants(free, plea(2, false, 3, 90), mine));
        let voted = Elector::Free { voted: Some(ControllerId(3)), leader: None };
        assert!(grants(voted, plea(3, false, 4, 20), mine) && !grants(voted, plea(2, false, 4, 20), mine));
        assert!(grants(voted, plea(2, true, 4, 20), mine), "a pre-vote binds nobody");
        let follower = |has_fetched| Elector::Follower { has_fetched };
        assert!(grants(follower(false), plea(2, true, 4, 20), mine) && !grants(follower(true), plea(2, true, 4, 20), mine));
        assert!(!grants(follower(false), plea(2, false, 4, 20), mine));
        assert!(!grants(Elector::Leader { has_watermark: true }, plea(2, true, 9, 99), mine));
    }

    #[test]
    fn an_election_is_won_or_lost_by_more_than_half() {
        let mut votes = Votes::own(ControllerId(1));
        assert!(votes.is_won(1) && !votes.is_won(3) && !votes.is_lost(3));
        votes.count(ControllerId(2), false);
        assert!(!votes.is_lost(3));
        votes.count(ControllerId(3), false);
        assert!(votes.is_lost(3));
    }
}
