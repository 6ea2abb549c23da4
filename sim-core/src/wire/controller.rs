//! What controllers are asked and answer: ISRs, the metadata log, who leads the quorum.

use crate::controller::log::Entry;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::set::BrokerSet;

/// One partition's part of an AlterPartition request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterPart {
    /// The partition.
    pub partition: PartitionId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version that the wish was made against.
    pub partition_epoch: PartitionEpoch,
    /// The ISR wished for.
    pub isr: BrokerSet,
    /// KIP-903: the broker epoch that the newcomer's last fetch carried; -1 when nobody joins. At most one joins at a time.
    pub newcomer_epoch: BrokerEpoch,
    /// C-15: still recovering from an unclean election.
    pub recovering: bool,
}

/// One partition's part of an AlterPartition response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterResult {
    /// The partition.
    pub partition: PartitionId,
    /// How it ended.
    pub error: ErrorCode,
    /// The leader epoch now.
    pub leader_epoch: LeaderEpoch,
    /// The version now.
    pub partition_epoch: PartitionEpoch,
    /// The ISR now.
    pub isr: BrokerSet,
}

/// What a node knows of the quorum of controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumView {
    /// The epoch that it is in.
    pub epoch: QuorumEpoch,
    /// Who leads in it, if that is known.
    pub leader: Option<ControllerId>,
}

/// To MetadataFetch.
#[derive(Clone, Debug)]
pub struct MetadataAnswer {
    /// How it ended.
    pub error: ErrorCode,
    /// What the answering controller knows of the quorum.
    pub view: QuorumView,
    /// The logs part here.
    pub diverging: Option<crate::controller::log::EpochEnd>,
    /// The offset of the first record.
    pub from: i64,
    /// The records.
    pub entries: Vec<Entry>,
    /// The leader's high watermark; -1 while it knows none.
    pub high_watermark: i64,
}
