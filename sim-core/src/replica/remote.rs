//! What a leader knows of another replica of its partition (R-4..R-6, R-21).

use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, Offset};
use crate::time::{SimDuration, SimTime};

/// A follower as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The log start that it reported; -1 before its first fetch in this epoch.
    pub log_start: Offset,
    /// The log end that it proved by fetching from there; -1 before its first fetch in this epoch.
    pub log_end: Offset,
    /// When it last had everything; none if never.
    pub last_caught_up: Option<SimTime>,
    /// The leader's log end at its last fetch.
    pub last_fetch_leader_end: Offset,
    /// When it last fetched; none if never.
    pub last_fetch: Option<SimTime>,
    /// The broker epoch that its last fetch carried; none before.
    pub broker_epoch: Option<BrokerEpoch>,
}

impl Remote {
    /// A replica that was never heard of.
    pub fn unknown() -> Remote {
        Remote {
            log_start: Offset::UNKNOWN,
            log_end: Offset::UNKNOWN,
            last_caught_up: None,
            last_fetch_leader_end: Offset::ZERO,
            last_fetch: None,
            broker_epoch: None,
        }
    }

    /// the follower fetched from `offset` at `now`, while the leader's log ended at `leader_end`. If it had everything, it
    /// is caught up as of now; if it has what the leader had at its previous fetch, as of that fetch.
    pub fn on_fetch(&mut self, offset: Offset, log_start: Offset, leader_end: Offset, now: SimTime, epoch: BrokerEpoch) {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if offset >= self.last_fetch_leader_end {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_start = log_start;
        self.log_end = offset;
        self.last_fetch_leader_end = leader_end;
        self.last_fetch = Some(now);
        self.broker_epoch = Some(epoch);
    }

    /// a new epoch begins. Members of the ISR count as caught up now, so that they get their full time to fetch. Under a new
    /// leader what followers have is unknown again; one that goes on leading keeps what it knows of their logs.
    pub fn reset(&mut self, now: SimTime, leader_end: Offset, is_new_leader: bool, in_sync: bool) {
        let since = in_sync.then_some(now);
        *self = if is_new_leader {
            Remote { last_caught_up: since, last_fetch_leader_end: Offset::UNKNOWN, ..Remote::unknown() }
        } else {
            Remote { last_caught_up: since, last_fetch_leader_end: leader_end, last_fetch: since, ..*self }
        };
    }

    /// at the leader's end, or there within the last `lag_max`. Time counts, not records.
    pub fn is_caught_up(&self, leader_end: Offset, now: SimTime, lag_max: SimDuration) -> bool {
        self.log_end == leader_end || self.last_caught_up.is_some_and(|last| now.since(last) <= lag_max)
    }
}

/// a fetch from a former incarnation of the follower is refused; -1 (an old follower) passes.
///
/// # Errors
/// NOT_LEADER_OR_FOLLOWER, as Kafka answers.
pub fn check_broker_epoch(sent: BrokerEpoch, known: BrokerEpoch) -> Result<(), ErrorCode> {
    if sent == BrokerEpoch::NONE || sent >= known { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
}
