//! C-20: KRaft's StripedReplicaPlacer. Leaders go round the racks and the brokers of each rack; the other replicas of a partition go to the
//! other racks in turn. Racks are taken in the order of their names, where Kafka initialises them in the order of a hash map.

use super::{PlacementError, Usable, shuffle};
use crate::ids::BrokerId;
use crate::rows::Map;
use crate::sort;

/// The brokers of a rack that are fenced, or those that are not.
#[derive(Clone, Debug, Default)]
struct BrokerList {
    brokers: Vec<BrokerId>,
    epoch: u32,
    index: usize,
    offset: usize,
}

impl BrokerList {
    fn initialize(&mut self, below: &mut dyn FnMut(u32) -> u32) {
        if !self.brokers.is_empty() {
            sort::plainly(&mut self.brokers);
            self.offset = below(self.brokers.len() as u32) as usize;
        }
    }

    /// The next one for the partition of this epoch, each at most once; it begins one further on for each new partition.
    fn next(&mut self, epoch: u32) -> Option<BrokerId> {
        let size = self.brokers.len();
        if size > 0 && self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % size;
        }
        if self.index >= size {
            return None;
        }
        self.index += 1;
        Some(self.brokers[(self.index - 1 + self.offset) % size])
    }
}

#[derive(Clone, Debug, Default)]
struct Rack {
    fenced: BrokerList,
    unfenced: BrokerList,
}

impl Rack {
    fn next(&mut self, epoch: u32) -> Option<BrokerId> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

/// The state of one topic's placement.
#[derive(Clone, Debug)]
pub struct Striped {
    racks: Map<Option<String>, Rack>,
    names: Vec<Option<String>>,
    epoch: u32,
    offset: usize,
    total: usize,
    unfenced: u32,
}

impl Striped {
    /// For a new topic, with a random start. `below` draws from 0 to below its argument.
    pub fn new(brokers: &[Usable], below: &mut dyn FnMut(u32) -> u32) -> Striped {
        let mut racks: Map<Option<String>, Rack> = Map::new();
        for broker in brokers {
            let rack = racks.entry(broker.rack.clone()).or_default();
            if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced }.brokers.push(broker.id);
        }
        for rack in racks.values_mut() {
            rack.fenced.initialize(below);
            rack.unfenced.initialize(below);
        }
        let names: Vec<Option<String>> = racks.keys().cloned().collect();
        let offset = if names.is_empty() { 0 } else { below(names.len() as u32) as usize };
        let unfenced = brokers.iter().filter(|b| !b.fenced).count() as u32;
        Striped { racks, names, epoch: 0, offset, total: brokers.len(), unfenced }
    }

    /// The replicas of the next partition, the first one to lead.
    ///
    /// # Errors
    /// There are not so many brokers, or all are fenced.
    pub fn place(&mut self, factor: u32, below: &mut dyn FnMut(u32) -> u32) -> Result<Vec<BrokerId>, PlacementError> {
        if factor == 0 || factor as usize > self.total || self.unfenced == 0 {
            return Err(PlacementError::InvalidReplicationFactor);
        }
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle(below);
            self.epoch = 0;
        }
        let count = self.names.len();
        self.offset %= count;
        let (leader, led_from) = self.leader();
        let mut replicas = vec![leader];
        let (mut at, mut skipped) = (self.offset, false);
        while replicas.len() < factor as usize {
            if at == led_from && !skipped {
                skipped = true;
            } else {
                let rack = self.racks.get_mut(&self.names[at]).expect("it has a name");
                replicas.extend(rack.next(self.epoch));
            }
            at = (at + 1) % count;
        }
        self.epoch += 1;
        self.offset += 1;
        Ok(replicas)
    }

    /// The first rack from the start on that has somebody to lead, and its place.
    fn leader(&mut self) -> (BrokerId, usize) {
        let count = self.names.len();
        (0..count)
            .map(|step| (self.offset + step) % count)
            .find_map(|at| {
                let rack = self.racks.get_mut(&self.names[at]).expect("it has a name");
                rack.unfenced.next(self.epoch).map(|leader| (leader, at))
            })
            .expect("somebody is not fenced")
    }

    fn shuffle(&mut self, below: &mut dyn FnMut(u32) -> u32) {
        shuffle(&mut self.names, below);
        for rack in self.racks.values_mut() {
            shuffle(&mut rack.fenced.brokers, below);
            shuffle(&mut rack.unfenced.brokers, below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(id: u16, rack: &str) -> Usable {
        Usable { id: BrokerId(id), rack: Some(rack.to_owned()), fenced: false }
    }

    /// Six brokers in three racks: the replicas of each partition are in all three.
    #[test]
    fn every_rack_has_a_replica() {
        let brokers: Vec<Usable> = (1..=6).map(|id| usable(id, ["a", "b", "c"][usize::from(id) % 3])).collect();
        let mut draws = 0;
        let mut below = |bound| {
            draws += 7;
            draws % bound
        };
        let mut striped = Striped::new(&brokers, &mut below);
        for _ in 0..40 {
            let mut racks: Vec<u16> = striped.place(3, &mut below).unwrap().iter().map(|b| b.0 % 3).collect();
            sort::plainly(&mut racks);
            assert_eq!(racks, [0, 1, 2]);
        }
    }
}
