//! the brokers' `uniform` assignor, for members that subscribe to different topics: everybody keeps what it has of what it reads, what
//! is free goes to those who have least, and then partitions move, topic by topic, from who has most to who has least. Kafka's order of
//! members and topics is that of their ids, which are random there; here they are numbered.

use super::Partitions;
use crate::group::assignor::Topic;
use crate::ids::{PartitionId, TopicId};
use crate::rows::Map;
use crate::sort;

/// How often the topics are gone through at most: where subscriptions overlap like links of a chain, balance takes long to get from one
/// end to the other.
const ROUNDS: u32 = 16;

/// A topic that somebody reads.
struct Read<'a> {
    partitions: &'a [PartitionId],
    /// By position, ascending.
    readers: Vec<usize>,
}

/// Who has what, and how much.
struct Shares {
    owners: Map<PartitionId, usize>,
    sizes: Vec<i64>,
}

impl Shares {
    fn give(&mut self, partition: PartitionId, to: usize) {
        if let Some(before) = self.owners.insert(partition, to) {
            self.sizes[before] -= 1;
        }
        self.sizes[to] += 1;
    }

    /// Who has this partition, if it may keep it.
    fn keep(&mut self, topic: &Read<'_>, owned: &[Partitions]) {
        for &partition in topic.partitions {
            if let Some(&owner) = topic.readers.iter().find(|&&member| owned[member].contains(&partition)) {
                self.give(partition, owner);
            }
        }
    }

    /// What nobody has of this topic goes to its readers.
    fn deal(&mut self, topic: &Read<'_>) {
        let mut scales = Scales::new(&topic.readers, &self.sizes);
        for &partition in topic.partitions {
            if !self.owners.contains_key(&partition) {
                let to = scales.lightest(&self.sizes);
                self.give(partition, to);
            }
        }
    }

    /// Moves partitions of this topic for as long as that makes two of its readers more equal. True: something moved.
    fn level(&mut self, topic: &Read<'_>) -> bool {
        let mut scales = Scales::new(&topic.readers, &self.sizes);
        if scales.most - scales.least - 2 <= 1 {
            return false;
        }
        let mut of: Vec<Vec<PartitionId>> = vec![Vec::new(); self.sizes.len()];
        for partition in topic.partitions {
            of[self.owners[partition]].push(*partition);
        }
        let mut moved = false;
        while let Some(from) = scales.heaviest(&self.sizes) {
            // The last of those that it had.
            let Some(partition) = of[from].pop() else {
                scales.leave_out();
                continue;
            };
            let to = scales.lightest(&self.sizes);
            if scales.most - scales.least <= 1 {
                break;
            }
            self.give(partition, to);
            moved = true;
        }
        moved
    }
}

/// The readers of a topic by what they have, the least first: given to from the left, level by level, and taken from from the right.
struct Scales {
    order: Vec<usize>,
    /// The first so many had `least` when their turn began; `next` of them have had it.
    left: usize,
    least: i64,
    next: usize,
    /// Those from `right` to `end` had `most` when their turn began; the ones from `last` on have had it. Who is behind `end` has nothing
    /// to give.
    right: usize,
    end: usize,
    most: i64,
    last: usize,
}

impl Scales {
    /// Of at least one reader.
    fn new(readers: &[usize], sizes: &[i64]) -> Scales {
        let mut order = readers.to_vec();
        sort::by_key(&mut order, |&member| sizes[member]);
        let n = order.len();
        let (least, most) = (sizes[order[0]] - 1, sizes[order[n - 1]] + 1);
        Scales { order, left: 0, least, next: 0, right: n, end: n, most, last: n }
    }

    /// Who is given something next.
    fn lightest(&mut self, sizes: &[i64]) -> usize {
        if self.next >= self.left {
            self.least += 1;
            while self.order.get(self.left).is_some_and(|&member| sizes[member] == self.least) {
                self.left += 1;
            }
            self.next = 0;
        }
        self.next += 1;
        self.order[self.next - 1]
    }

    /// From whom something is taken next, unless nobody is left.
    fn heaviest(&mut self, sizes: &[i64]) -> Option<usize> {
        if self.last <= self.right {
            let before = self.order[..self.right].last().map(|&member| sizes[member]);
            self.most = before.filter(|_| self.end <= self.right).unwrap_or(self.most - 1);
            while self.right > 0 && sizes[self.order[self.right - 1]] == self.most {
                self.right -= 1;
            }
            self.last = self.end;
        }
        self.last = self.last.checked_sub(1)?;
        Some(self.order[self.last])
    }

    /// The one named last has nothing to give.
    fn leave_out(&mut self) {
        self.end -= 1;
        self.order.swap(self.last, self.end);
    }
}

/// what each member gets. `subscriptions` and `owned`: of each member, in the order of their ids.
///
/// Example: member 0 reads a topic of one partition, member 1 reads that and another of one: 0 gets the first, 1 the second.
pub fn assign(topics: &[Topic], subscriptions: &[&[TopicId]], owned: &[Partitions]) -> Vec<Partitions> {
    let order = in_order(topics, subscriptions);
    let mut shares = Shares { owners: Map::new(), sizes: vec![0; subscriptions.len()] };
    order.iter().for_each(|topic| shares.keep(topic, owned));
    order.iter().for_each(|topic| shares.deal(topic));
    let shared: Vec<&Read<'_>> = order.iter().filter(|topic| topic.readers.len() >= 2).collect();
    let mut moved_last = None;
    'rounds: for _ in 0..ROUNDS {
        for (at, topic) in shared.iter().enumerate() {
            if moved_last == Some(at) {
                break 'rounds; // once round without a move
            }
            if shares.level(topic) || moved_last.is_none() {
                moved_last = Some(at);
            }
        }
    }
    let mut found = vec![Partitions::new(); subscriptions.len()];
    for (partition, owner) in shares.owners {
        found[owner].insert(partition);
    }
    found
}

/// Topics with many partitions for each reader come first; of two alike the one with fewer readers. Then by number.
fn in_order<'a>(topics: &'a [Topic], subscriptions: &[&[TopicId]]) -> Vec<Read<'a>> {
    let read = |(ix, topic): (usize, &'a Topic)| {
        let reads = |member: &usize| subscriptions[*member].iter().any(|t| t.ix() == ix);
        Read { partitions: &topic.partitions, readers: (0..subscriptions.len()).filter(reads).collect() }
    };
    let mut order: Vec<Read<'a>> = topics.iter().enumerate().map(read).filter(|topic| !topic.readers.is_empty()).collect();
    sort::by(&mut order, |a, b| {
        let share = (b.partitions.len() * a.readers.len()).cmp(&(a.partitions.len() * b.readers.len()));
        share.then(a.readers.len().cmp(&b.readers.len()))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partitions(numbers: &[u16]) -> Partitions {
        numbers.iter().map(|&n| PartitionId(n)).collect()
    }

    fn topics(sizes: &[u16]) -> Vec<Topic> {
        let mut next = 0;
        let mut topic = |(i, &size): (usize, &u16)| {
            let numbers = next..next + size;
            next += size;
            Topic { name: format!("t{i}"), partitions: numbers.map(PartitionId).collect() }
        };
        sizes.iter().enumerate().map(&mut topic).collect()
    }

    #[test]
    fn who_reads_more_topics_makes_room() {
        let (first, both): (&[TopicId], &[TopicId]) = (&[TopicId(0)], &[TopicId(0), TopicId(1)]);
        let none = vec![Partitions::new(); 2];
        // t0 has partitions 0 and 1, t1 has 2 and 3, which only member 1 reads.
        let shares = assign(&topics(&[2, 2]), &[first, both], &none);
        assert_eq!(shares, [partitions(&[0, 1]), partitions(&[2, 3])]);
        // Member 1 had everything: t0 goes, one by one, until nobody has two more than another who would take it.
        let shares = assign(&topics(&[2, 2]), &[first, both], &[partitions(&[]), partitions(&[0, 1, 2, 3])]);
        assert_eq!(shares, [partitions(&[0, 1]), partitions(&[2, 3])]);
        // What nobody reads nobody gets.
        assert_eq!(assign(&topics(&[1, 1]), &[first], &[partitions(&[1])]), [partitions(&[0])]);
    }

    proptest! {
        /// INV-67: everything that is read is given once, to who reads it; nobody could be relieved; and a second time nothing moves.
        #[test]
        fn it_is_even_and_sticky(
            sizes in proptest::collection::vec(1_u16..5, 1..4),
            reads in proptest::collection::vec(proptest::collection::btree_set(0_u16..3, 1..3), 1..5),
        ) {
            let topics = topics(&sizes);
            let lists: Vec<Vec<TopicId>> = reads
                .iter()
                .map(|set| set.iter().filter(|&&t| usize::from(t) < topics.len()).map(|&t| TopicId(t)).collect())
                .collect();
            let lists: Vec<&[TopicId]> = lists.iter().map(Vec::as_slice).collect();
            let shares = assign(&topics, &lists, &vec![Partitions::new(); lists.len()]);
            let topic_of = |p: PartitionId| topics.iter().position(|t| t.partitions.contains(&p)).unwrap();
            let reads = |member: usize, p: PartitionId| lists[member].iter().any(|t| t.ix() == topic_of(p));
            let all = topics.iter().flat_map(|t| t.partitions.iter().copied());
            let wanted: Vec<PartitionId> = all.filter(|&p| (0..lists.len()).any(|m| reads(m, p))).collect();
            let mut given: Vec<PartitionId> = shares.iter().flatten().copied().collect();
            given.sort_unstable();
            prop_assert_eq!(given, wanted);
            for (owner, share) in shares.iter().enumerate() {
                for &p in share {
                    prop_assert!(reads(owner, p));
                    for other in (0..lists.len()).filter(|&m| reads(m, p)) {
                        prop_assert!(share.len() <= shares[other].len() + 1);
                    }
                }
            }
            prop_assert_eq!(assign(&topics, &lists, &shares), shares);
        }
    }
}
