//! C-17: leadership goes back to the first replica of each partition from time to time.

use super::active::Active;
use super::change::{Election, Wish};
use super::log::Why;
use crate::ids::*;
use crate::time::SimTime;
use crate::trace::TraceId;

/// Are so many of the partitions that prefer a broker led by another that it should get them back? With 10 % allowed, 1 of 10 is
/// not enough, 2 of 10 are.
pub fn is_imbalanced(preferred: u32, elsewhere: u32, percentage: u32) -> bool {
    elsewhere * 100 > percentage * preferred
}

impl Active {
    /// `leader.imbalance.check.interval.seconds` after the last look, or after it took office; NEVER without
    /// `auto.leader.rebalance.enable`.
    pub(super) fn plan_balance(&mut self, now: SimTime) {
        let config = &self.layout.scenario.cluster.config;
        self.balance_at = if config.auto_leader_rebalance { now + config.leader_imbalance_interval } else { SimTime::NEVER };
    }

    /// Each broker that is imbalanced gets the partitions back that prefer it, if it may lead them (C-10: a preferred election).
    pub(super) fn balance_leaders(&mut self, now: SimTime) {
        let percentage = self.layout.scenario.cluster.config.leader_imbalance_percentage;
        for broker in self.layout.clone().broker_ids() {
            let prefers =
                |&id: &PartitionId| self.layout.partition(id).replicas[0] == broker && self.image.partition(id).exists();
            let preferred: Vec<PartitionId> = self.layout.partition_ids().filter(prefers).collect();
            let led_elsewhere = |id: &PartitionId| self.image.partition(*id).leader != Some(broker);
            let elsewhere: Vec<PartitionId> = preferred.iter().copied().filter(led_elsewhere).collect();
            if !is_imbalanced(preferred.len() as u32, elsewhere.len() as u32, percentage) {
                continue;
            }
            for id in elsewhere {
                let wish = Wish { election: Election::Preferred, ..Wish::for_isr(self.image.partition(id).isr) };
                self.change_partition(id, wish, Why::Event(TraceId::START));
            }
        }
        self.plan_balance(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_ten_is_let_be() {
        assert!(!is_imbalanced(10, 1, 10) && is_imbalanced(10, 2, 10));
        assert!(is_imbalanced(1, 1, 10) && !is_imbalanced(0, 0, 0));
    }
}
