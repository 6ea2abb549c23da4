//! the brokers' `uniform` assignor, for members that subscribe to different topics: everybody keeps what it has, what is free goes to
//! those who have least, and then partitions move for as long as that makes two members more equal.

use super::Partitions;
use crate::group::assignor::Topic;
use crate::ids::{PartitionId, TopicId};
use crate::rows::Map;
use crate::sort;

/// A partition that has to be given to somebody.
struct Wanted {
    partition: PartitionId,
    /// Partitions of its topic.
    of: usize,
    /// Who subscribes to it.
    members: Vec<usize>,
}

/// what each member gets. `subscriptions` and `owned`: of each member, in the order of their ids.
///
/// Example: member 0 reads a topic of one partition, member 1 reads that and another of one: 0 gets the first, 1 the second.
pub fn assign(topics: &[Topic], subscriptions: &[&[TopicId]], owned: &[Partitions]) -> Vec<Partitions> {
    let order = in_order(topics, subscriptions);
    let mut owners: Map<PartitionId, usize> = Map::new();
    let mut sizes = vec![0; subscriptions.len()];
    for wanted in &order {
        if let Some(&member) = wanted.members.iter().find(|&&member| owned[member].contains(&wanted.partition)) {
            owners.insert(wanted.partition, member);
            sizes[member] += 1;
        }
    }
    let least =
        |wanted: &Wanted, sizes: &[usize]| *wanted.members.iter().min_by_key(|&&m| (sizes[m], m)).expect("somebody reads it");
    for wanted in &order {
        if !owners.contains_key(&wanted.partition) {
            let member = least(wanted, &sizes);
            owners.insert(wanted.partition, member);
            sizes[member] += 1;
        }
    }
    // Each move brings two sizes nearer to each other, so that this comes to an end.
    loop {
        let mut moved = false;
        for wanted in &order {
            let (owner, other) = (owners[&wanted.partition], least(wanted, &sizes));
            if sizes[owner] > sizes[other] + 1 {
                owners.insert(wanted.partition, other);
                sizes[owner] -= 1;
                sizes[other] += 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut shares = vec![Partitions::new(); subscriptions.len()];
    for (partition, owner) in owners {
        shares[owner].insert(partition);
    }
    shares
}

/// Topics with many partitions for each subscriber come first; of two alike the one with fewer subscribers. Then by number.
fn in_order(topics: &[Topic], subscriptions: &[&[TopicId]]) -> Vec<Wanted> {
    let mut order: Vec<(usize, Wanted)> = Vec::new();
    for (topic_ix, topic) in topics.iter().enumerate() {
        let reads = |member: &usize| subscriptions[*member].iter().any(|t| t.ix() == topic_ix);
        let members: Vec<usize> = (0..subscriptions.len()).filter(reads).collect();
        if members.is_empty() {
            continue;
        }
        for (number, &partition) in topic.partitions.iter().enumerate() {
            order.push((number, Wanted { partition, of: topic.partitions.len(), members: members.clone() }));
        }
    }
    let ahead = |(a_number, a): &(usize, Wanted), (b_number, b): &(usize, Wanted)| {
        let share = (b.of * a.members.len()).cmp(&(a.of * b.members.len()));
        share.then(a.members.len().cmp(&b.members.len())).then(a_number.cmp(b_number)).then(a.partition.cmp(&b.partition))
    };
    sort::by(&mut order, ahead);
    order.into_iter().map(|(_, wanted)| wanted).collect()
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
