//! The cluster's metadata: what the controller decides and every broker learns, as a log of records and the state they add up to.

use crate::ids::*;
use crate::layout::{Layout, PartitionLayout};
use crate::set::BrokerSet;

/// A partition's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The leader, if there is one.
    pub leader: Option<BrokerId>,
    /// C-16: +1 on each change of leader, also to none.
    pub leader_epoch: LeaderEpoch,
    /// C-16: +1 on each change of anything.
    pub partition_epoch: PartitionEpoch,
    /// In-sync replicas.
    pub isr: BrokerSet,
    /// Eligible leader replicas (C-12).
    pub elr: BrokerSet,
    /// The last leader there was, while there is none (C-14).
    pub last_known_leader: Option<BrokerId>,
    /// C-15: the leader was elected uncleanly and has not been confirmed since.
    pub recovering: bool,
}

impl PartitionState {
    /// A partition that is yet to be added (P-23).
    pub const ABSENT: PartitionState = PartitionState {
        leader: None,
        leader_epoch: LeaderEpoch::NONE,
        partition_epoch: PartitionEpoch::NONE,
        isr: BrokerSet::EMPTY,
        elr: BrokerSet::EMPTY,
        last_known_leader: None,
        recovering: false,
    };

    /// Is it there?
    pub fn exists(&self) -> bool {
        self.partition_epoch != PartitionEpoch::NONE
    }

    /// A partition that has just been made, with these of its replicas in sync.
    pub fn formed(replicas: &[BrokerId]) -> PartitionState {
        PartitionState {
            leader: Some(replicas[0]),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            isr: replicas.iter().copied().collect(),
            elr: BrokerSet::EMPTY,
            last_known_leader: None,
            recovering: false,
        }
    }
}

/// A broker's registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// C-1: offset of the registration record.
    pub epoch: BrokerEpoch,
    /// Which start of its process registered, from 0 (C-2).
    pub incarnation: u32,
    /// C-3: not to be leader, nor in an ISR.
    pub fenced: bool,
    /// C-5: in a controlled shutdown.
    pub shutting_down: bool,
}

/// One record of the metadata log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// A broker registered, was fenced or unfenced, or is shutting down.
    Broker(BrokerId, Registration),
    /// A partition changed.
    Partition(PartitionId, PartitionState),
    /// P-58: producer ids below this one have been given to brokers.
    ProducerIds {
        /// The first one that has not.
        next: i64,
    },
    /// A controller leads the quorum from here on: the first record of its epoch.
    LeaderChange(ControllerId),
}

/// The state that the records add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// How many records went in.
    pub offset: i64,
    /// By broker slot.
    pub brokers: Vec<Registration>,
    /// By [`PartitionId`].
    pub partitions: Vec<PartitionState>,
    /// P-58: the first producer id that no broker has been given.
    pub next_producer_id: i64,
}

impl Image {
    /// A formed cluster: every broker registered and unfenced, the first replica of each partition leading, every replica in sync. The log
    /// begins with the election of the first controller and the registrations, so that broker epochs are offsets (C-1).
    pub fn formed(layout: &Layout) -> Image {
        let brokers: Vec<Registration> = (1i64..)
            .zip(layout.broker_ids())
            .map(|(offset, _)| Registration { epoch: BrokerEpoch(offset), incarnation: 0, fenced: false, shutting_down: false })
            .collect();
        let state = |p: &PartitionLayout| if p.added { PartitionState::ABSENT } else { PartitionState::formed(&p.replicas) };
        let partitions = layout.partitions.iter().map(state).collect();
        Image { offset: 1 + brokers.len() as i64, brokers, partitions, next_producer_id: 0 }
    }

    /// Takes the next record in.
    pub fn apply(&mut self, record: MetadataRecord) {
        self.offset += 1;
        match record {
            MetadataRecord::Broker(broker, registration) => self.brokers[broker.slot()] = registration,
            MetadataRecord::Partition(partition, state) => self.partitions[partition.ix()] = state,
            MetadataRecord::ProducerIds { next } => self.next_producer_id = next,
            MetadataRecord::LeaderChange(_) => {}
        }
    }

    /// A partition's state.
    pub fn partition(&self, id: PartitionId) -> &PartitionState {
        &self.partitions[id.ix()]
    }

    /// A broker's registration.
    pub fn broker(&self, id: BrokerId) -> &Registration {
        &self.brokers[id.slot()]
    }

    /// May it lead or be in an ISR?
    pub fn is_active(&self, id: BrokerId) -> bool {
        let registration = self.broker(id);
        !registration.fenced && !registration.shutting_down
    }

    /// may it join an ISR? It is active, and whoever vouches for it heard its present incarnation: `heard` is the broker
    /// epoch of its last fetch, none if it never fetched, -1 from a follower too old to say.
    pub fn may_join_isr(&self, id: BrokerId, heard: Option<BrokerEpoch>) -> bool {
        self.is_active(id) && heard.is_some_and(|e| e == BrokerEpoch::NONE || e == self.broker(id).epoch)
    }

    /// The brokers that are not fenced.
    pub fn unfenced(&self) -> BrokerSet {
        (0..self.brokers.len()).filter(|&slot| !self.brokers[slot].fenced).map(BrokerId::from_slot).collect()
    }
}
