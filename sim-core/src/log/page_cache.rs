//! What of a log is on the disk (D-1..D-3): what Kafka forced there, and what the kernel wrote back on its own.

use crate::ids::Offset;
use crate::time::{SimDuration, SimTime};
use std::collections::VecDeque;

/// How finely the age of dirty pages is known.
const GRAIN: SimDuration = SimDuration::from_secs(1);

/// The disk as one log sees it.
#[derive(Clone, Debug)]
pub struct PageCache {
    /// Kafka's recovery point: offsets below were forced to the disk.
    recovery_point: Offset,
    /// When that last happened, or the process started.
    flushed_at: SimTime,
    /// Offsets below were forced to the disk, or have lain through a power cut.
    on_disk: Offset,
    /// The kernel writes back what has been dirty for this long; none: never.
    dirty_for: Option<SimDuration>,
    /// The log's end at some instants, oldest first: what lies below was written no later than that.
    ends: VecDeque<(SimTime, Offset)>,
}

impl PageCache {
    /// Of a log that begins here.
    pub fn new(start: Offset, dirty_for: Option<SimDuration>, now: SimTime) -> PageCache {
        PageCache { recovery_point: start, flushed_at: now, on_disk: start, dirty_for, ends: VecDeque::new() }
    }

    /// Offsets below were forced to the disk.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// How long a page may be dirty; none: until something forces it to the disk.
    pub fn dirty_for(&self) -> Option<SimDuration> {
        self.dirty_for
    }

    /// When the log was last forced to the disk, or the process started.
    pub fn flushed_at(&self) -> SimTime {
        self.flushed_at
    }

    /// Something is about to be written at `end`.
    pub fn writing(&mut self, end: Offset, now: SimTime) {
        let Some(dirty_for) = self.dirty_for else { return };
        if self.ends.back().is_some_and(|last| now.since(last.0) < GRAIN) {
            return;
        }
        // The first mark counts only while the second one is young.
        while self.ends.get(1).is_some_and(|second| now.since(second.0) >= dirty_for) {
            self.ends.pop_front();
        }
        self.ends.push_back((now, end));
    }

    /// Offsets below are on the disk by now; the log ends at `end`.
    pub fn on_disk(&self, now: SimTime, end: Offset) -> Offset {
        let (Some(dirty_for), Some(last)) = (self.dirty_for, self.ends.back()) else { return self.on_disk };
        // Whatever was written after the last mark was written within its grain.
        if now.since(last.0) >= dirty_for + GRAIN {
            return end;
        }
        let old = self.ends.iter().rev().find(|(at, _)| now.since(*at) >= dirty_for);
        old.map_or(self.on_disk, |(_, to)| self.on_disk.max(*to))
    }

    /// fsync got here (D-1).
    pub fn flushed(&mut self, to: Offset, now: SimTime) {
        self.recovery_point = self.recovery_point.max(to);
        self.on_disk = self.on_disk.max(to);
        self.flushed_at = now;
    }

    /// The log was cut to end here.
    pub fn truncated(&mut self, end: Offset) {
        self.recovery_point = self.recovery_point.min(end);
        self.on_disk = self.on_disk.min(end);
        for mark in &mut self.ends {
            mark.1 = mark.1.min(end);
        }
    }

    /// The machine lost power and the log ended here: what is left is on the disk.
    pub fn survived(&mut self, end: Offset) {
        self.on_disk = end;
        self.ends.clear();
    }

    /// A process starts: of what was forced to the disk it knows what its predecessor saved.
    pub fn loaded(&mut self, recovery_point: Offset, now: SimTime) {
        self.recovery_point = recovery_point;
        self.flushed_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written at 0 s, 0.5 s and 10 s; pages are written back after 30 s.
    #[test]
    fn the_kernel_writes_back_what_has_been_dirty_for_long() {
        let second = |s: u64| SimTime(s * 1_000_000);
        let mut cache = PageCache::new(Offset(0), Some(SimDuration::from_secs(30)), SimTime::ZERO);
        cache.writing(Offset(0), second(0));
        cache.writing(Offset(5), SimTime(500_000));
        cache.writing(Offset(9), second(10));
        let at = |s| cache.on_disk(second(s), Offset(20)).0;
        assert_eq!([at(20), at(35), at(40), at(41)], [0, 0, 9, 20]);
        let mut cut = cache.clone();
        cut.truncated(Offset(4));
        assert_eq!(cut.on_disk(second(40), Offset(7)), Offset(4));
        cache.flushed(Offset(12), second(12));
        assert_eq!((cache.on_disk(second(20), Offset(20)), cache.recovery_point()), (Offset(12), Offset(12)));
    }
}
