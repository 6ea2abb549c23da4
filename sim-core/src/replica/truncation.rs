//! Where two logs part: the leader's check and the follower's cut.

use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};
use crate::log::epoch_cache::{EpochCache, EpochEnd};

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

/// what to cut after the leader said where `reply.epoch` ends in its log (none: undefined). `own` is this follower's own
/// answer to the same question.
///
/// Example: the leader says (3, 130), this follower only knows (2, 129), its log ends at 200: cut to 129 and ask again.
pub fn cut(reply: Option<EpochEnd>, own: Option<EpochEnd>, log_end: Offset, initial_fetch_offset: Offset) -> Cut {
    let Some(leader) = reply else { return Cut { to: initial_fetch_offset, complete: true } };
    match own {
        None => Cut { to: leader.end.min(log_end), complete: true },
        Some(own) if own.epoch != leader.epoch => Cut { to: own.end.min(log_end), complete: false },
        Some(own) => Cut { to: own.end.min(leader.end).min(log_end), complete: true },
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
