//! What a produce request and its answer say of one partition.

use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::record::SharedBatch;

/// One partition's part of a produce request.
#[derive(Clone, Debug)]
pub struct ProducePart {
    /// The partition.
    pub partition: PartitionId,
    /// The batch.
    pub batch: SharedBatch,
}

/// One partition's part of a produce response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The first offset.
    pub base: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// L-25: who leads, if the broker knows better.
    pub leader: Option<(BrokerId, LeaderEpoch)>,
}
