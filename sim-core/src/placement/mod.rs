//! Where the replicas of new partitions go: in stripes over racks and brokers, as KRaft's controller does it (C-20), and by the older
//! rule of the admin tools (C-21).

pub mod admin;
mod striped;

pub use striped::Striped;

use crate::ids::BrokerId;

/// A broker that replicas can be placed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// The broker.
    pub id: BrokerId,
    /// Its `broker.rack`.
    pub rack: Option<String>,
    /// It is fenced: taken only when no other is left, and never first.
    pub fenced: bool,
}

/// Why replicas cannot be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacementError {
    /// INVALID_REPLICATION_FACTOR: none, more than there are brokers, or every broker is fenced.
    InvalidReplicationFactor,
    /// INVALID_PARTITIONS: none.
    InvalidPartitions,
}

/// Shuffles as Java's `Collections.shuffle` does: from the end, each with one at or before it. `below` draws from 0 to below its argument.
pub fn shuffle<T>(list: &mut [T], below: &mut dyn FnMut(u32) -> u32) {
    for end in (1..list.len()).rev() {
        list.swap(end, below(end as u32 + 1) as usize);
    }
}
