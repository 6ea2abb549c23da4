//! sticky, for members that subscribe to different topics.

use super::sticky::{Claims, Slot};
use super::{Shares, Subscriber, Topic, java_order};
use crate::group::java_string_hash;
use crate::ids::PartitionId;
use crate::rows::{Map, Set};
use crate::sort::{self, gathered};

/// `order` says which topic has which rank.
pub(super) fn assign((topics, order): (&[Topic], &[usize]), members: &[Subscriber], all: &[Slot], claims: Claims) -> Shares {
    let reads = |m: &Subscriber| -> Set<usize> { gathered((0..order.len()).filter(|&rank| m.topics.contains(&order[rank]))) };
    let hashes = order.iter().map(|&topic| java_string_hash(&topics[topic].name)).collect();
    let mut work = Work {
        ids: members.iter().map(|m| m.id.as_str()).collect(),
        reads: members.iter().map(reads).collect(),
        readers: vec![0; order.len()],
        all,
        active: (0..members.len()).collect(),
        current: claims.owned,
        owner: Map::new(),
        previous: previous_owners(members, claims.generation),
        movements: Movements { of: Map::new(), between: Map::new(), hashes },
    };
    for rank in work.reads.iter().flat_map(Set::iter) {
        work.readers[*rank] += 1;
    }
    let revoked = work.drop_unsubscribed();
    work.balance(revoked);
    work.current.iter().map(|share| share.iter().map(|slot| slot.2).collect()).collect()
}

/// Whoever says that it owned a partition in the latest generation before the last.
fn previous_owners(members: &[Subscriber], last: i32) -> Map<PartitionId, usize> {
    let ids: Vec<&str> = members.iter().map(|m| m.id.as_str()).collect();
    let mut previous: Map<PartitionId, usize> = Map::new();
    for at in java_order(&ids).into_iter().filter(|&at| members[at].generation < last) {
        for &partition in &members[at].owned {
            if previous.get(&partition).is_none_or(|&other| members[other].generation < members[at].generation) {
                previous.insert(partition, at);
            }
        }
    }
    previous
}

/// An assignment on its way to balance. Members are positions, topics are ranks.
struct Work<'a> {
    ids: Vec<&'a str>,
    reads: Vec<Set<usize>>,
    /// How many members read each topic.
    readers: Vec<usize>,
    all: &'a [Slot],
    /// Members that balancing may still change.
    active: Set<usize>,
    current: Vec<Vec<Slot>>,
    owner: Map<PartitionId, usize>,
    previous: Map<PartitionId, usize>,
    movements: Movements,
}

impl Work<'_> {
    /// Takes partitions from members that do not subscribe to them any more. True: there were any.
    fn drop_unsubscribed(&mut self) -> bool {
        let mut revoked = false;
        for (member, share) in self.current.iter_mut().enumerate() {
            let before = share.len();
            share.retain(|slot| self.reads[member].contains(&slot.0));
            revoked |= share.len() < before;
            self.owner.extend(share.iter().map(|slot| (slot.2, member)));
        }
        revoked
    }

    /// The members that balancing may change, those with the least first.
    fn by_load(&self) -> Vec<usize> {
        let mut order: Vec<usize> = self.active.iter().copied().collect();
        sort::by_key(&mut order, |&m| (self.current[m].len(), self.ids[m]));
        order
    }

    /// Of the members that read this topic the one with the least.
    fn least_loaded_reader(&self, rank: usize) -> Option<usize> {
        self.by_load().into_iter().find(|&m| self.reads[m].contains(&rank))
    }

    /// Deals out what nobody owns, then moves partitions as long as that lowers the imbalance; a result that is not better than the one
    /// before is dropped, since it would move partitions for nothing.
    fn balance(&mut self, revoked: bool) {
        let fresh = self.current.iter().all(Vec::is_empty);
        let mut sorted: Vec<Slot> = self.all.to_vec();
        // Topics with the fewest readers first.
        sort::by_key(&mut sorted, |slot| (self.readers[slot.0], slot.0, slot.1));
        let mut unassigned: Vec<Slot> = sorted.iter().copied().filter(|slot| !self.owner.contains_key(&slot.2)).collect();
        for &slot in &unassigned {
            if let Some(member) = self.least_loaded_reader(slot.0) {
                self.current[member].push(slot);
                self.owner.insert(slot.2, member);
            }
        }
        // What has one reader only cannot move.
        sorted.retain(|slot| self.readers[slot.0] >= 2);
        unassigned.retain(|slot| self.readers[slot.0] >= 2);
        self.active = self.active.iter().copied().filter(|&m| self.may_change(m)).collect();
        let before = (self.current.clone(), self.owner.clone(), self.score());
        if !revoked {
            self.reassign(&unassigned);
        }
        let moved = self.reassign(&sorted);
        if !fresh && moved && self.score() >= before.2 {
            (self.current, self.owner) = (before.0, before.1);
        }
    }

    /// How much a member could have.
    fn most(&self, member: usize) -> usize {
        self.all.iter().filter(|slot| self.reads[member].contains(&slot.0)).count()
    }

    fn may_change(&self, member: usize) -> bool {
        let share = &self.current[member];
        share.len() < self.most(member) || share.iter().any(|slot| self.readers[slot.0] >= 2)
    }

    /// The sum of the differences between any two members.
    fn score(&self) -> usize {
        let sizes: Vec<usize> = self.active.iter().map(|&m| self.current[m].len()).collect();
        (0..sizes.len()).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| sizes[i].abs_diff(sizes[j])).sum()
    }

    /// No member could take something from another one that has at least two more.
    fn is_balanced(&self) -> bool {
        let order = self.by_load();
        let (Some(&first), Some(&last)) = (order.first(), order.last()) else { return true };
        if self.current[first].len() + 1 >= self.current[last].len() {
            return true;
        }
        order.iter().all(|&member| {
            let size = self.current[member].len();
            let mine = |slot: &&Slot| self.reads[member].contains(&slot.0);
            let richer = |slot: &Slot| self.owner.get(&slot.2).is_some_and(|&o| self.current[o].len() > size + 1);
            !self.all.iter().filter(mine).any(richer)
        })
    }

    /// Goes through the partitions until nothing can be moved for the better. True: something was.
    fn reassign(&mut self, partitions: &[Slot]) -> bool {
        let mut moved = false;
        loop {
            let mut changed = false;
            for &slot in partitions {
                if self.is_balanced() {
                    break;
                }
                let Some(&owner) = self.owner.get(&slot.2) else { continue };
                let size = self.current[owner].len();
                let poorer = |m: usize| size > self.current[m].len() + 1;
                // Back to where it was before, if that helps; a member that is settled or reads other topics now does not count.
                let back = self.previous.get(&slot.2).copied();
                let back = back.filter(|&m| self.active.contains(&m) && self.reads[m].contains(&slot.0) && poorer(m));
                let better = (0..self.reads.len()).any(|m| self.reads[m].contains(&slot.0) && poorer(m));
                let to = back.or_else(|| if better { self.least_loaded_reader(slot.0) } else { None });
                if let Some(to) = to {
                    self.shift(slot, owner, to);
                    changed = true;
                }
            }
            moved |= changed;
            if !changed {
                return moved;
            }
        }
    }

    /// Moves this partition, or another of its topic that would otherwise have gone to and fro between the two.
    fn shift(&mut self, slot: Slot, from: usize, to: usize) {
        let slot = self.movements.actual(slot, from, to);
        let from = self.owner[&slot.2];
        self.movements.note(slot, from, to);
        self.current[from].retain(|s| *s != slot);
        self.current[to].push(slot);
        self.owner.insert(slot.2, to);
    }
}

/// What has moved between whom, so that two members do not swap partitions of a topic.
struct Movements {
    /// From whom to whom each went.
    of: Map<PartitionId, (usize, usize)>,
    /// By topic and pair: what has moved, in the order in which it did, and the most that it ever was.
    between: Map<(usize, usize, usize), (Vec<Slot>, usize)>,
    /// Java's hashes of the topics' names.
    hashes: Vec<i32>,
}

impl Movements {
    fn note(&mut self, slot: Slot, from: usize, to: usize) {
        let source = match self.of.remove(&slot.2) {
            None => from,
            Some((source, before)) => {
                let pair = (slot.0, source, before);
                let (moved, _) = self.between.get_mut(&pair).expect("noted together");
                moved.retain(|s| *s != slot);
                if moved.is_empty() {
                    self.between.remove(&pair);
                }
                if source == to {
                    return; // it is back
                }
                source
            }
        };
        self.of.insert(slot.2, (source, to));
        let (moved, most) = self.between.entry((slot.0, source, to)).or_default();
        moved.push(slot);
        *most = moved.len().max(*most);
    }

    /// Of several the first of a Java `HashSet`.
    fn actual(&self, slot: Slot, from: usize, to: usize) -> Slot {
        let from = self.of.get(&slot.2).map_or(from, |&(source, _)| source);
        let Some((moved, most)) = self.between.get(&(slot.0, to, from)) else { return slot };
        // `TopicPartition.hashCode()`.
        let hash = |s: &Slot| (s.1 as i32 + 31).wrapping_mul(31).wrapping_add(self.hashes[s.0]);
        moved.iter().min_by_key(|s| java_order::bucket(hash(s), *most)).copied().unwrap_or(slot)
    }
}
