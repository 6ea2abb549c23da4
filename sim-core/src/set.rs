//! A set of brokers as one word: ISR, ELR, replicas. Iterates in broker order.

use crate::ids::BrokerId;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Brokers 1 to 64.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerSet(u64);

impl BrokerSet {
    /// The highest number of brokers in a cluster.
    pub const MAX_BROKERS: u16 = 64;
    /// Nobody.
    pub const EMPTY: BrokerSet = BrokerSet(0);

    /// One broker.
    pub fn of(broker: BrokerId) -> BrokerSet {
        BrokerSet(1 << broker.slot())
    }

    /// Is it in?
    pub fn contains(self, broker: BrokerId) -> bool {
        self.0 & (1 << broker.slot()) != 0
    }

    /// This set and one more.
    #[must_use]
    pub fn with(self, broker: BrokerId) -> BrokerSet {
        self.union(BrokerSet::of(broker))
    }

    /// This set less one.
    #[must_use]
    pub fn without(self, broker: BrokerId) -> BrokerSet {
        BrokerSet(self.0 & !(1 << broker.slot()))
    }

    /// In either.
    #[must_use]
    pub fn union(self, other: BrokerSet) -> BrokerSet {
        BrokerSet(self.0 | other.0)
    }

    /// In both.
    #[must_use]
    pub fn intersect(self, other: BrokerSet) -> BrokerSet {
        BrokerSet(self.0 & other.0)
    }

    /// In this one only.
    #[must_use]
    pub fn minus(self, other: BrokerSet) -> BrokerSet {
        BrokerSet(self.0 & !other.0)
    }

    /// Is every member of `other` in this one?
    pub fn contains_all(self, other: BrokerSet) -> bool {
        other.minus(self).is_empty()
    }

    /// How many.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Nobody in it?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = BrokerId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let slot = rest.trailing_zeros();
            rest &= rest - 1;
            Some(BrokerId::from_slot(slot as usize))
        })
    }
}

impl FromIterator<BrokerId> for BrokerSet {
    fn from_iter<T: IntoIterator<Item = BrokerId>>(iter: T) -> BrokerSet {
        iter.into_iter().fold(BrokerSet::EMPTY, BrokerSet::with)
    }
}

/// `{1, 2}`, as Kafka's tools print an ISR.
impl fmt::Display for BrokerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{")?;
        for (i, broker) in self.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, broker.0)?;
        }
        write!(f, "}}")
    }
}

impl fmt::Debug for BrokerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BrokerSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|b| b.0))
    }
}

impl<'de> Deserialize<'de> for BrokerSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<BrokerSet, D::Error> {
        let ids = Vec::<u16>::deserialize(deserializer)?;
        if ids.iter().any(|&id| id == 0 || id > BrokerSet::MAX_BROKERS) {
            return Err(serde::de::Error::custom("broker ids run from 1 to 64"));
        }
        Ok(ids.into_iter().map(BrokerId).collect())
    }
}
