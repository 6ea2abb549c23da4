//! What those who read a log say of one partition, and what they are told: records, offsets, ends of epochs.

use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::log::LogBatch;
use crate::log::epoch_cache::EpochEnd;
use crate::log::transactions::Aborted;
use crate::time::Timestamp;

/// One partition's part of a fetch request (R-1; a consumer leaves the replica's fields at -1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch that the fetcher knows.
    pub current_epoch: LeaderEpoch,
    /// From here.
    pub offset: Offset,
    /// The epoch of the fetcher's last record.
    pub last_fetched_epoch: LeaderEpoch,
    /// The fetcher's own log start.
    pub log_start: Offset,
}

/// KIP-227: which fetch of which session a fetch is. A consumer's is outside of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchMetadata {
    /// The session; 0 for none.
    pub session: FetchSessionId,
    /// The number of the fetch in it.
    pub epoch: u32,
}

impl FetchMetadata {
    /// A fetch that names all its partitions, and begins a session.
    pub const INITIAL_EPOCH: u32 = 0;
    /// The first of all.
    pub const INITIAL: FetchMetadata = FetchMetadata { session: FetchSessionId(0), epoch: FetchMetadata::INITIAL_EPOCH };
}

/// What ListOffsets asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The start of the log.
    Earliest,
    /// Its end for consumers.
    Latest,
    /// The first record at or after this; -1 is answered if there is none.
    Timestamp(Timestamp),
}

/// One partition's part of an OffsetsForLeaderEpoch request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch that the asker knows.
    pub current_epoch: LeaderEpoch,
    /// Where does this epoch end?
    pub epoch: LeaderEpoch,
}

/// One partition's part of a fetch response.
#[derive(Clone, Debug)]
pub struct FetchResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The offset that was asked for.
    pub asked: Offset,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start.
    pub log_start: Offset,
    /// The records.
    pub batches: Vec<LogBatch>,
    /// What else there is to say, which is nothing nearly always.
    pub besides: Option<Box<Besides>>,
}

/// What a fetch response rarely says.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// F-1: the aborted transactions among the batches; only for those who read what is committed.
    pub aborted: Vec<Aborted>,
    /// Where a batch begins that does not fit its CRC (LOSS-B13). The broker sends what the disk has; who receives it looks.
    pub corrupt: Option<Offset>,
    /// F-6: a consumer should read there instead; nothing is read here.
    pub preferred_replica: Option<BrokerId>,
    /// the logs part here.
    pub diverging: Option<EpochEnd>,
}

impl FetchResult {
    /// What else there is to say, to say more.
    pub fn besides_mut(&mut self) -> &mut Besides {
        self.besides.get_or_insert_default()
    }

    ///
    pub fn diverging(&self) -> Option<EpochEnd> {
        self.besides.as_ref()?.diverging
    }

    /// F-6.
    pub fn preferred_replica(&self) -> Option<BrokerId> {
        self.besides.as_ref()?.preferred_replica
    }

    /// LOSS-B13.
    pub fn corrupt(&self) -> Option<Offset> {
        self.besides.as_ref()?.corrupt
    }

    /// F-1.
    pub fn aborted(&self) -> &[Aborted] {
        self.besides.as_ref().map_or(&[], |besides| &besides.aborted)
    }

    /// Bytes of records.
    pub fn bytes(&self) -> u32 {
        let mut bytes = 0;
        for entry in &self.batches {
            bytes += entry.batch.bytes;
        }
        bytes
    }
}
