//! What a follower cuts: the rounds of question and answer between two logs, with the simulator's functions (R-3, R-40..R-46).

use crate::state::{Cluster, Entry};
use sim_core::ids::{LeaderEpoch, Offset};
use sim_core::log::epoch_cache::EpochCache;
use sim_core::replica::truncation::{FirstStep, OutOfRange, cut, cut_by, divergence, first_step, on_out_of_range};
use sim_core::scenario::TruncationRule;

/// An offset as the simulator has it.
pub(crate) fn offset(at: u8) -> Offset {
    Offset(i64::from(at))
}

fn epoch(epoch: u8) -> LeaderEpoch {
    LeaderEpoch(i32::from(epoch))
}

/// The epoch cache of a log.
fn cache(log: &[Entry]) -> EpochCache {
    let mut cache = EpochCache::new();
    for (at, entry) in (0..).zip(log) {
        cache.assign(epoch(entry.epoch), offset(at));
    }
    cache
}

/// Without fencing a log may go back to an older epoch (INV-1), and then no epoch cache speaks the truth about it; or a follower knows
/// a newer epoch than its stale leader. The modules compare the records themselves, and so do these searches in such cases.
fn goes_back(log: &[Entry]) -> bool {
    log.windows(2).any(|pair| pair[0].epoch > pair[1].epoch)
}

impl Cluster {
    /// where a follower's log must end so that it fits the log of this leader, which leads in epoch `e`, by the rule of the
    /// day.
    pub(crate) fn fitting_end(&self, r: u8, leader: u8, e: u8, rule: TruncationRule) -> u8 {
        let (own, theirs) = (self.replica(r).log(), self.replica(leader).log());
        let initial = offset(self.replica(r).watermark);
        let (mut leads, their_end) = (cache(theirs), offset(self.replica(leader).end()));
        if rule >= TruncationRule::Kip279 {
            if theirs.last().is_none_or(|last| last.epoch < e) {
                leads.assign(epoch(e), their_end);
            }
            if goes_back(own) || goes_back(theirs) || cache(own).latest().map(|l| l.epoch) > leads.latest().map(|l| l.epoch) {
                return largest_common(own, theirs);
            }
        }
        let mut end = own.len();
        loop {
            let round = round(rule, &cache(&own[..end]), offset(end as u8), &leads, their_end, initial);
            let to = usize::try_from(round.0.0).expect("not below the start").min(end);
            if round.1 || to == end {
                return to as u8;
            }
            end = to;
        }
    }
}

/// What the rounds come to where the logs keep their epochs in order: after the last record that both have.
fn largest_common(own: &[Entry], theirs: &[Entry]) -> u8 {
    own.iter().zip(theirs).rposition(|(a, b)| a == b).map_or(0, |at| at as u8 + 1)
}

/// One question and its answer: where to cut, and whether that is the end of it.
fn round(
    rule: TruncationRule,
    own: &EpochCache,
    end: Offset,
    theirs: &EpochCache,
    their_end: Offset,
    initial: Offset,
) -> (Offset, bool) {
    let latest = own.latest().map_or(LeaderEpoch::NONE, |last| last.epoch);
    match first_step(rule, initial, latest) {
        FirstStep::CutTo(to) => (to, true),
        FirstStep::Ask => {
            let reply = theirs.end_offset_for(latest, their_end);
            let mine = reply.and_then(|reply| own.end_offset_for(reply.epoch, end));
            let cut = cut_by(rule, reply, mine, end, initial);
            (cut.to, cut.complete)
        }
        FirstStep::Fetch if latest == LeaderEpoch::NONE => (end, true),
        FirstStep::Fetch => match divergence(theirs, Offset::ZERO, their_end, latest, end) {
            Ok(None) => (end, true),
            Ok(Some(reply)) => (cut(Some(reply), own.end_offset_for(reply.epoch, end), end, end).to, false),
            Err(_) => match on_out_of_range(Offset::ZERO, their_end, end) {
                OutOfRange::TruncateTo(to) => (to, false),
                OutOfRange::StartAgainAt(_) | OutOfRange::Keep => (end, true),
            },
        },
    }
}
