//! Where two logs part: the leader's check and the follower's cut.

use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};
use crate::log::epoch_cache::{EpochCache, EpochEnd};
use crate::scenario::TruncationRule;

/// R-3: does the fetcher's log, which ends at `fetch_offset` with epoch `last_fetched`, fit the leader's? `Some` is the "diverging
/// epoch" of the answer.
///
/// # Errors
/// OFFSET_OUT_OF_RANGE when the leader cannot tell, or the offset is below its log.
pub fn divergence(
    cache: &EpochCache,
    log_start: Offset,
    log_end: Offset,
    last_fetched: LeaderEpoch,
    fetch_offset: Offset,
) -> Result<Option<EpochEnd>, ErrorCode> {
    let Some(found) = cache.end_offset_for(last_fetched, log_end) else { return Err(ErrorCode::OffsetOutOfRange) };
    if fetch_offset < log_start {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    Ok((found.epoch < last_fetched || found.end < fetch_offset).then_some(found))
}

/// What a follower cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The log must end here.
    pub to: Offset,
    /// Whether the logs agree then; if not, the next fetch asks again.
    pub complete: bool,
}

/// what to cut after the leader said where `reply.epoch` ends in its log (none: undefined; an end of no epoch is one of a leader
/// that knows no epochs). `own` is this follower's own answer to the same question.
///
/// Example: the leader says (3, 130), this follower only knows (2, 129), its log ends at 200: cut to 129 and ask again.
pub fn cut(reply: Option<EpochEnd>, own: Option<EpochEnd>, log_end: Offset, initial_fetch_offset: Offset) -> Cut {
    let Some(leader) = reply else { return Cut { to: initial_fetch_offset, complete: true } };
    match own {
        None => Cut { to: leader.end.min(log_end), complete: true },
        Some(_) if leader.epoch == LeaderEpoch::NONE => Cut { to: leader.end.min(log_end), complete: true },
        Some(own) if own.epoch != leader.epoch => Cut { to: own.end.min(log_end), complete: false },
        Some(own) => Cut { to: own.end.min(leader.end).min(log_end), complete: true },
    }
}

/// What a replica does first when it becomes a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStep {
    /// Fetch.
    Fetch,
    /// Cut its log to this end, then fetch.
    CutTo(Offset),
    /// Ask the leader where its own latest epoch ends there, and cut by the answer ([`cut_by`]).
    Ask,
}

/// how a follower with this high watermark and this latest epoch begins. Under KIP-320 it fetches from its own log end, and the
/// leader finds out where the logs part. An empty log has nothing to cut.
pub fn first_step(rule: TruncationRule, high_watermark: Offset, latest_epoch: LeaderEpoch) -> FirstStep {
    match rule {
        TruncationRule::HighWatermark => FirstStep::CutTo(high_watermark),
        TruncationRule::Kip101 | TruncationRule::Kip279 if latest_epoch != LeaderEpoch::NONE => FirstStep::Ask,
        _ => FirstStep::Fetch,
    }
}

/// What to cut after the leader has answered, by the rule of the day. KIP-101 knows only the end that it was told, not of which epoch:
/// it cuts there and takes the logs for equal.
///
/// Example: asked for epoch 4, the leader knows epochs 3 (up to 130) and 5: it says (3, 130). By KIP-101 a follower whose log ends at
/// 129 keeps all of it, though its records of epoch 4 are not the leader's; by KIP-279 it cuts to where its own epoch 3 ended.
pub fn cut_by(
    rule: TruncationRule,
    reply: Option<EpochEnd>,
    own: Option<EpochEnd>,
    log_end: Offset,
    initial_fetch_offset: Offset,
) -> Cut {
    match rule {
        TruncationRule::Kip101 => {
            Cut { to: reply.map_or(initial_fetch_offset, |leader| leader.end.min(log_end)), complete: true }
        }
        _ => cut(reply, own, log_end, initial_fetch_offset),
    }
}

/// what a follower does when its fetch offset is out of the leader's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// The leader's log is shorter: cut to its end.
    TruncateTo(Offset),
    /// The leader's log starts later: drop everything and start there.
    StartAgainAt(Offset),
    /// Go on from here.
    Keep,
}

///
pub fn on_out_of_range(leader_start: Offset, leader_end: Offset, own_end: Offset) -> OutOfRange {
    if leader_end < own_end {
        OutOfRange::TruncateTo(leader_end)
    } else if leader_start > own_end {
        OutOfRange::StartAgainAt(leader_start)
    } else {
        OutOfRange::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(epoch: i32, end: i64) -> Option<EpochEnd> {
        Some(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) })
    }

    /// R-45, with a follower that ends at 200 and fetched from 199.
    #[track_caller]
    fn cuts(reply: Option<EpochEnd>, own: Option<EpochEnd>, to: i64, complete: bool) {
        assert_eq!(cut(reply, own, Offset(200), Offset(199)), Cut { to: Offset(to), complete });
    }

    #[test]
    fn a_follower_cuts_to_the_largest_common_epoch() {
        cuts(None, end(5, 200), 199, true); // the leader cannot tell
        cuts(end(4, 156), None, 156, true); // this follower cannot
        cuts(end(4, 202), None, 200, true); // never beyond its own end
        cuts(end(-1, 143), end(5, 120), 143, true); // a leader without epochs
        cuts(end(3, 130), end(2, 129), 129, false); // ask again
        cuts(end(5, 156), end(5, 200), 156, true);
        cuts(end(5, 300), end(5, 180), 180, true);
    }

    #[test]
    fn a_follower_begins_by_the_rule_of_its_day() {
        let first = |rule, latest| first_step(rule, Offset(7), LeaderEpoch(latest));
        assert_eq!(first(TruncationRule::HighWatermark, 3), FirstStep::CutTo(Offset(7)));
        assert_eq!(first(TruncationRule::Kip101, 3), FirstStep::Ask);
        assert_eq!(first(TruncationRule::Kip279, -1), FirstStep::Fetch);
        assert_eq!(first(TruncationRule::Kip320, 3), FirstStep::Fetch);
    }

    /// The gap that KIP-279 closed.
    #[test]
    fn one_answer_is_not_enough() {
        let by = |rule| cut_by(rule, end(3, 130), end(3, 120), Offset(129), Offset(0));
        assert_eq!(by(TruncationRule::Kip101), Cut { to: Offset(129), complete: true });
        assert_eq!(by(TruncationRule::Kip279), Cut { to: Offset(120), complete: true });
        assert_eq!(cut_by(TruncationRule::Kip101, None, end(3, 120), Offset(129), Offset(5)).to, Offset(5));
    }

    /// TR-1: the leader's epoch 4 ends at 10, the follower has one record more of it.
    #[test]
    fn the_leader_finds_where_the_logs_part() {
        let mut cache = EpochCache::new();
        cache.assign(LeaderEpoch(4), Offset(0));
        cache.assign(LeaderEpoch(5), Offset(10));
        let found = |last, offset| divergence(&cache, Offset(0), Offset(11), LeaderEpoch(last), Offset(offset));
        assert_eq!(found(4, 11), Ok(end(4, 10)));
        assert_eq!(found(4, 10), Ok(None));
        assert_eq!(found(5, 11), Ok(None));
        assert_eq!(found(6, 11), Err(ErrorCode::OffsetOutOfRange));
        assert_eq!(found(4, -1), Err(ErrorCode::OffsetOutOfRange));
    }

    ///
    #[test]
    fn out_of_range_depends_on_which_side_is_short() {
        assert_eq!(on_out_of_range(Offset(0), Offset(5), Offset(8)), OutOfRange::TruncateTo(Offset(5)));
        assert_eq!(on_out_of_range(Offset(9), Offset(12), Offset(8)), OutOfRange::StartAgainAt(Offset(9)));
        assert_eq!(on_out_of_range(Offset(0), Offset(12), Offset(8)), OutOfRange::Keep);
    }
}
