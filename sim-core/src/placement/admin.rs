//! C-21: the rule of Kafka's AdminUtils, which tools and older controllers place replicas by.

use super::PlacementError;
use crate::ids::BrokerId;
use crate::rows::{Map, Set};
use crate::sort::gathered;

/// Brokers with their racks; none for all if racks are not looked at.
pub type Racks = Map<BrokerId, String>;

/// One broker of each rack in turn, racks by name: with 0 and 5 in rack 1, 3 and 4 in rack 2, 1 and 2 in rack 3 it is 0 3 1 5 4 2.
pub fn rack_alternated(racks: &Racks) -> Vec<BrokerId> {
    let mut by_rack: Map<&str, Vec<BrokerId>> = Map::new();
    for (&broker, rack) in racks.iter() {
        by_rack.entry(rack).or_default().push(broker);
    }
    let rounds = by_rack.values().map(Vec::len).max().unwrap_or(0);
    (0..rounds).flat_map(|round| by_rack.values().filter_map(move |brokers| brokers.get(round).copied())).collect()
}

/// What is to be placed, and from where on.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas of each.
    pub factor: u32,
    /// The broker in the order of brokers that leads partition 0.
    pub start: u32,
    /// The number of the first partition.
    pub first_partition: u32,
}

/// Replicas of partition p begin at broker p mod n of the order and go on with a shift that grows each time round. With racks the order
/// alternates them, and a broker is passed over while its rack has a replica and another has none. For 3 brokers, 3 partitions and 3
/// replicas from 0: `0,1,2`, `1,2,0`, `2,0,1`.
///
/// # Errors
/// No partitions, or no such replication factor.
pub fn assign(brokers: &[BrokerId], racks: &Racks, wanted: Wanted) -> Result<Vec<Vec<BrokerId>>, PlacementError> {
    if wanted.partitions == 0 {
        return Err(PlacementError::InvalidPartitions);
    }
    if wanted.factor == 0 || wanted.factor as usize > brokers.len() {
        return Err(PlacementError::InvalidReplicationFactor);
    }
    let order = if racks.is_empty() { brokers.to_vec() } else { rack_alternated(racks) };
    let n = order.len() as u32;
    let mut shift = wanted.start;
    let last = wanted.first_partition + wanted.partitions;
    Ok((wanted.first_partition..last)
        .map(|p| {
            if p > 0 && p % n == 0 {
                shift += 1;
            }
            one(&order, racks, (p + wanted.start) % n, shift, wanted.factor)
        })
        .collect())
}

fn one(order: &[BrokerId], racks: &Racks, first: u32, shift: u32, factor: u32) -> Vec<BrokerId> {
    let n = order.len() as u32;
    let rack_count = gathered::<Set<&String>, _>(racks.values()).len();
    let shift = shift * rack_count.max(1) as u32;
    let mut replicas = vec![order[first as usize]];
    let mut used: Set<Option<&String>> = Set::from([racks.get(&replicas[0])]);
    let mut step = 0;
    while replicas.len() < factor as usize {
        let broker = order[((first + 1 + (shift + step) % (n - 1)) % n) as usize];
        step += 1;
        let rack = racks.get(&broker);
        let rack_fits = rack.is_none() || !used.contains(&rack) || used.len() >= rack_count;
        if rack_fits && !replicas.contains(&broker) {
            replicas.push(broker);
            used.insert(rack);
        }
    }
    replicas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placement_without_racks_shifts_each_time_round() {
        let brokers: Vec<BrokerId> = (1..=4).map(BrokerId).collect();
        let wanted = Wanted { partitions: 5, factor: 3, start: 0, first_partition: 0 };
        let placed = assign(&brokers, &Racks::new(), wanted).unwrap();
        let ids: Vec<Vec<u16>> = placed.iter().map(|replicas| replicas.iter().map(|b| b.0).collect()).collect();
        assert_eq!(ids, [[1, 2, 3], [2, 3, 4], [3, 4, 1], [4, 1, 2], [1, 3, 4]]);
    }
}
