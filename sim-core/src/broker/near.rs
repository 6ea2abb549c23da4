//! Sending consumers to a replica in their rack, and serving them there (F-6).

use super::Broker;
use crate::ids::*;
use crate::replica::Replica;
use crate::replica::selector::{Candidate, preferred};

impl Broker {
    /// F-6: the replica that a consumer of this rack is sent to, if it is to read elsewhere. Only a leader sends anybody away.
    pub(super) fn preferred_replica(&self, replica: &Replica, rack: Option<RackId>, offset: Offset) -> Option<BrokerId> {
        let leading = replica.leading()?;
        let rack = rack.filter(|_| self.config().rack_aware_selector)?;
        let is_near = |broker: BrokerId| self.layout.rack(broker) == Some(rack);
        let in_sync = leading.isr.committed();
        let has_it = leading
            .remotes
            .iter()
            .filter(|(broker, remote)| in_sync.contains(*broker) && remote.log_end >= offset && remote.log_start <= offset);
        let candidates = has_it.map(|&(broker, remote)| Candidate {
            broker,
            log_end: remote.log_end,
            last_caught_up: remote.last_caught_up,
            is_near: is_near(broker),
        });
        preferred(is_near(self.id), candidates)
    }

    /// A fetch of a consumer waits at a follower.
    pub(super) fn wait_at_follower(&mut self, partition: PartitionId, fetch: u64) {
        self.parked_behind.insert((partition, fetch));
    }

    /// A follower's watermark moved, or it is no follower any more: who waits there looks again.
    pub(super) fn stir_followers_readers(&mut self, partition: PartitionId) {
        let waiting = self.parked_behind.range((partition, 0)..=(partition, u64::MAX));
        self.stirred.extend(waiting.map(|(_, fetch)| *fetch));
    }
}
