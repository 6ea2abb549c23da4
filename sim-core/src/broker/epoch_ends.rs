//! Where an epoch ends in a leader's log: asked by consumers that want to know whether what they have read is
//! still there (F-5), and before KIP-320 by followers.

use super::Broker;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::log::epoch_cache::EpochEnd;
use crate::wire::{EpochPart, Response};

impl Broker {
    /// R-43, with the fencing of a fetch.
    pub(super) fn on_epoch_ends(&mut self, caller: Caller, parts: &[EpochPart], fx: &mut Effects<'_>) {
        let answers = parts.iter().map(|part| self.epoch_end(part)).collect();
        fx.respond(&caller, self.node(), fx.cause, Response::OffsetsForLeaderEpoch(answers));
    }

    fn epoch_end(&self, part: &EpochPart) -> Result<Option<EpochEnd>, ErrorCode> {
        let replica = self.replica(part.partition).ok_or_else(|| self.no_replica(part.partition))?; // L-1
        self.check_epoch(part.current_epoch, replica.leader_epoch)?;
        replica.leading().ok_or(ErrorCode::NotLeaderOrFollower)?;
        Ok(replica.log.epochs.end_offset_for(part.epoch, replica.log.end()))
    }
}
