//! From which replica a consumer is to read (F-6).

use crate::ids::{BrokerId, Offset};
use crate::time::SimTime;

/// A replica from which a consumer could read: the leader, or a member of the ISR that has what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub broker: BrokerId,
    /// How far its log goes.
    pub log_end: Offset,
    /// When it last had everything; none if never.
    pub last_caught_up: Option<SimTime>,
    /// It is in the consumer's rack.
    pub is_near: bool,
}

/// F-6, RackAwareReplicaSelector: none where the leader is as near as any; else of the near ones the one with the longest log, then the
/// one that was level with the leader last, then the one with the highest id.
///
/// Example: leader 1 is elsewhere, 2 and 3 are near and end at 10 and 12: the consumer is sent to 3.
pub fn preferred(leader_is_near: bool, followers: impl Iterator<Item = Candidate>) -> Option<BrokerId> {
    if leader_is_near {
        return None;
    }
    let near = followers.filter(|candidate| candidate.is_near);
    near.max_by_key(|candidate| (candidate.log_end, candidate.last_caught_up, candidate.broker)).map(|c| c.broker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_with_the_longest_log() {
        let candidate = |broker, end, is_near| Candidate {
            broker: BrokerId(broker),
            log_end: Offset(end),
            last_caught_up: Some(SimTime::ZERO),
            is_near,
        };
        let followers = [candidate(2, 10, true), candidate(3, 12, true), candidate(4, 99, false)];
        assert_eq!(preferred(false, followers.into_iter()), Some(BrokerId(3)));
        assert_eq!(preferred(true, followers.into_iter()), None);
        assert_eq!(preferred(false, followers.into_iter().filter(|c| !c.is_near)), None);
    }
}
