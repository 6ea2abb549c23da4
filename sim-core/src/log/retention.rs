//! Which files of a log are old enough to be deleted: by its start, by size, by age; never what is not committed.

use super::Log;
use super::segment::Segment;
use crate::config::log::LogConfig;
use crate::ids::Offset;
use crate::time::SimTime;
use crate::trace::StartReason;

/// How many of the oldest files go, and why the log start moves with them; none: nothing does. Kafka asks three questions, one after the
/// other: does the file lie below the log start? Are the others large enough without it? Is its newest record too old? The file that is
/// written to may go, too, if all of it is committed: a new one is begun then.
pub fn deletable(log: &Log, config: &LogConfig, high_watermark: Offset, now: SimTime) -> Option<(usize, StartReason)> {
    let below_start = oldest(log, high_watermark, |_, next| next.is_some_and(|next| next <= log.start()));
    let mut found = (below_start, StartReason::Request);
    if config.delete {
        let mut too_many = config.retention_bytes.map_or(0, |most| log.segments().bytes().saturating_sub(most));
        let by_size = oldest(log, high_watermark, |segment, _| {
            let goes = too_many >= segment.bytes && too_many > 0;
            too_many -= if goes { segment.bytes } else { 0 };
            goes
        });
        let by_age = oldest(log, high_watermark, |segment, _| {
            config.retention.is_some_and(|most| segment.bytes > 0 && segment.largest_timestamp.age(now) > most)
        });
        for (count, why) in [(by_size, StartReason::Size), (by_age, StartReason::Age)] {
            if count > found.0 {
                found = (count, why);
            }
        }
    }
    (found.0 > 0).then_some(found)
}

/// The files from the oldest on that are committed as a whole and of which `goes` is true. It sees each file and where the next one begins.
fn oldest(log: &Log, high_watermark: Offset, mut goes: impl FnMut(&Segment, Option<Offset>) -> bool) -> usize {
    let mut bases = log.segments().iter().skip(1).map(|segment| segment.base);
    let deletable = |segment: &&Segment| {
        let next = bases.next();
        let empty_end = next.is_none() && segment.bytes == 0;
        high_watermark >= next.unwrap_or(log.end()) && !empty_end && goes(segment, next)
    };
    log.segments().iter().take_while(deletable).count()
}
