//! Who of a group reads what: the client's assignors as pure functions (A-1..A-8). The leader of a classic group runs one of them
//! between JoinGroup and SyncGroup.

mod cooperative;
mod java_order;
mod range;
mod round_robin;
mod sticky;
mod sticky_unequal;
#[cfg(test)]
mod tests;

pub use cooperative::cooperative_sticky;
pub use java_order::java_order;
pub use range::range;
pub use round_robin::round_robin;
pub use sticky::{Sticky, sticky};

use crate::ids::PartitionId;
use crate::sort;

/// A topic as an assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name: topics are dealt in the order of their names.
    pub name: String,
    /// Its partitions, 0 first.
    pub partitions: Vec<PartitionId>,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// `member.id`.
    pub id: String,
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// What it subscribes to: positions in the list of topics.
    pub topics: Vec<usize>,
    /// What it says that it owns. Range and round robin do not ask.
    pub owned: Vec<PartitionId>,
    /// The generation in which it got that; -1 for none.
    pub generation: i32,
}

impl Subscriber {
    /// static members by instance id first, then the others by member id.
    fn rank(&self) -> (bool, &str) {
        (self.instance.is_none(), self.instance.as_deref().unwrap_or(&self.id))
    }
}

/// One share for each member, in the order in which the members were given.
pub type Shares = Vec<Vec<PartitionId>>;

/// `partition.assignment.strategy`: an assignor that ships with Kafka's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    ///
    Range,
    ///
    RoundRobin,
    ///
    Sticky,
    ///
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Assignor; 4] = [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// The name under which members vote for it in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The class that a Kafka configuration names.
    pub fn class(self) -> &'static str {
        match self {
            Assignor::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Assignor::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Assignor::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Assignor::CooperativeSticky => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        }
    }

    /// Cooperative: may members keep their partitions while they join?
    pub fn is_cooperative(self) -> bool {
        self == Assignor::CooperativeSticky
    }

    /// Assigns every partition that somebody subscribes to (cooperative: but those that have to be revoked first).
    pub fn assign(self, topics: &[Topic], members: &[Subscriber]) -> Shares {
        match self {
            Assignor::Range => range(topics, members),
            Assignor::RoundRobin => round_robin(topics, members),
            Assignor::Sticky => sticky(topics, members).shares,
            Assignor::CooperativeSticky => cooperative_sticky(topics, members),
        }
    }
}

/// Positions of the members in the order of A-1.
fn ranked(members: &[Subscriber]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    sort::by_key(&mut order, |&m| members[m].rank());
    order
}

/// Positions of the topics that somebody subscribes to, in the order of their names.
fn subscribed(topics: &[Topic], members: &[Subscriber]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..topics.len()).filter(|t| members.iter().any(|m| m.topics.contains(t))).collect();
    sort::by_key(&mut order, |&t| &topics[t].name);
    order
}
