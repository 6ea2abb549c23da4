//! The committed part of the metadata log as somebody who sees everything knows it: each record enters it once, when the first leader of
//! the quorum knows that a majority has it. What is here is what the cluster has decided.

use super::image::{Image, MetadataRecord};
use crate::chunks::Chunks;
use crate::ids::QuorumEpoch;
use crate::trace::TraceId;

/// What the cluster has decided.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The state that the records add up to.
    pub image: Image,
    start: i64,
    records: Chunks<(QuorumEpoch, MetadataRecord, TraceId)>,
    /// The first offset at which a controller took another record for committed than one before it did. There must be none.
    pub conflict: Option<i64>,
}

impl Committed {
    /// A cluster that has just been formed.
    pub fn new(image: Image) -> Committed {
        Committed { start: image.offset, image, records: Chunks::new(), conflict: None }
    }

    /// The record at an offset, with its epoch and its event.
    pub fn record(&self, offset: i64) -> Option<&(QuorumEpoch, MetadataRecord, TraceId)> {
        self.records.get(usize::try_from(offset - self.start).ok()?)
    }

    /// The event of the record at an offset.
    pub fn event(&self, offset: i64) -> TraceId {
        self.record(offset).map_or(TraceId::START, |r| r.2)
    }

    /// The next record.
    pub fn push(&mut self, epoch: QuorumEpoch, record: MetadataRecord, event: TraceId) {
        self.image.apply(record);
        self.records.push((epoch, record, event));
    }
}
