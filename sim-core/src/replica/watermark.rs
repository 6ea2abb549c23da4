//! The high watermark: the first offset that is not known to be committed.

use crate::ids::Offset;

/// A remote replica as far as the high watermark cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The log end that it proved in this epoch; -1 if none yet.
    pub log_end: Offset,
    /// In the maximal ISR.
    pub in_maximal_isr: bool,
    /// Caught up and allowed to join the ISR: it holds the watermark back so that it does not run ahead of a follower that is about
    /// to rejoin.
    pub about_to_join: bool,
}

/// where the leader's high watermark moves to, if it moves. It stands still while the committed ISR is below minISR, it waits
/// for every member of the maximal ISR and for those about to join, and it never goes back.
///
/// Example: leader at 20, one ISR follower at 10, minISR 1: the watermark is 10. When the follower leaves the ISR because it was
/// fenced, it is no longer eligible either, and the watermark is 20.
pub fn advance(
    current: Offset,
    leader_end: Offset,
    committed_isr: u32,
    min_isr: u32,
    remotes: impl Iterator<Item = Voter>,
) -> Option<Offset> {
    if committed_isr < min_isr {
        return None;
    }
    let candidate = remotes.filter(|r| r.in_maximal_isr || r.about_to_join).map(|r| r.log_end).fold(leader_end, Offset::min);
    (candidate > current).then_some(candidate)
}

/// a follower's watermark after it appended what its leader sent along with the leader's watermark.
pub fn on_follower(leader_watermark: Offset, log_start: Offset, log_end: Offset) -> Offset {
    leader_watermark.max(log_start).min(log_end)
}
