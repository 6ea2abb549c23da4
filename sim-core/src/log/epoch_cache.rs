//! The leader epoch cache: which leader epoch starts at which offset of a log (R-40..R-42).

use crate::ids::{LeaderEpoch, Offset};

/// Where an epoch starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start: Offset,
}

/// An answer to "where does this epoch end in your log?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpochEnd {
    /// The largest epoch not above the one asked for.
    pub epoch: LeaderEpoch,
    /// The first offset after it.
    pub end: Offset,
}

/// The list of epochs, both columns increasing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochCache {
    entries: Vec<EpochEntry>,
}

impl EpochCache {
    /// An empty cache.
    pub fn new() -> EpochCache {
        EpochCache::default()
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The newest epoch.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// epoch `epoch` starts at `start`. A no-op when it is the latest epoch already and starts no later. Otherwise every entry
    /// with an epoch or a start not below the new one goes first. Assigning (3, 5) to [(2, 6)] leaves [(3, 5)].
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.latest().is_some_and(|last| last.epoch == epoch && last.start <= start) {
            return;
        }
        self.entries.retain(|e| e.epoch < epoch && e.start < start);
        self.entries.push(EpochEntry { epoch, start });
    }

    /// where `epoch` ends in a log with this end. None where Kafka answers "undefined".
    /// With [(0, 10), (2, 13), (4, 17)]: epoch 1 ends with epoch 0 at 13, epoch 3 with epoch 2 at 17.
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        let latest = self.latest()?;
        if epoch == LeaderEpoch::NONE || epoch > latest.epoch {
            return None;
        }
        if epoch == latest.epoch {
            return Some(EpochEnd { epoch, end: log_end });
        }
        let above = self.entries.partition_point(|e| e.epoch <= epoch);
        let end = self.entries[above].start;
        // Below the first entry Kafka answers with the epoch that was asked for.
        let found = if above == 0 { epoch } else { self.entries[above - 1].epoch };
        Some(EpochEnd { epoch: found, end })
    }

    /// The epoch that stamped the record at `offset`, if the cache still knows.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|e| e.start <= offset);
        above.checked_sub(1).map(|i| self.entries[i].epoch)
    }

    /// the log was cut to end at `end`: epochs that start there or later go. An unknown end cuts nothing.
    pub fn truncate_from_end(&mut self, end: Offset) {
        if end < Offset::ZERO {
            return;
        }
        self.entries.retain(|e| e.start < end);
    }

    /// the log now begins at `start`: the entry that covers it is kept and moved there.
    pub fn truncate_from_start(&mut self, start: Offset) {
        let above = self.entries.partition_point(|e| e.start <= start);
        if above > 0 {
            self.entries.drain(..above - 1);
            self.entries[0].start = start;
        }
    }
}
