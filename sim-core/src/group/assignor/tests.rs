//! INV-67 and what the assignors promise whatever is thrown at them.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Topics of so many partitions, numbered through.
fn topics(counts: &[u16]) -> Vec<Topic> {
    let mut next = 0;
    let mut topic = |(at, &count): (usize, &u16)| {
        let partitions = (next..next + count).map(PartitionId).collect();
        next += count;
        Topic { name: format!("topic{at}"), partitions }
    };
    counts.iter().enumerate().map(&mut topic).collect()
}

/// A member that owns nothing.
fn member(id: usize, topics: Vec<usize>) -> Subscriber {
    Subscriber { id: format!("consumer{id}"), instance: None, topics, owned: Vec::new(), generation: -1 }
}

/// Members that all read all topics.
fn members(count: usize, topics: usize) -> Vec<Subscriber> {
    (1..=count).map(|id| member(id, (0..topics).collect())).collect()
}

/// The same members after a round: they own their shares.
fn after(members: &[Subscriber], shares: &Shares, generation: i32) -> Vec<Subscriber> {
    let own = |(m, share): (&Subscriber, &Vec<PartitionId>)| Subscriber { owned: share.clone(), generation, ..m.clone() };
    members.iter().zip(shares).map(own).collect()
}

fn ids(shares: &[&[u16]]) -> Shares {
    shares.iter().map(|share| share.iter().copied().map(PartitionId).collect()).collect()
}

#[test]
fn range_gives_the_first_members_one_more() {
    assert_eq!(range(&topics(&[5]), &members(2, 1)), ids(&[&[0, 1, 2], &[3, 4]]));
    assert_eq!(range(&topics(&[1]), &members(3, 1)), ids(&[&[0], &[], &[]]));
}

#[test]
fn static_members_come_first_in_the_order_of_their_instance_ids() {
    let mut three = members(3, 1);
    three[2].instance = Some("b".to_owned());
    three[1].instance = Some("c".to_owned());
    assert_eq!(range(&topics(&[3]), &three), ids(&[&[2], &[1], &[0]]));
    assert_eq!(round_robin(&topics(&[4]), &three), ids(&[&[2], &[1], &[0, 3]]));
}

#[test]
fn java_walks_consumer_1_to_4_backwards() {
    assert_eq!(java_order(&["consumer1", "consumer2", "consumer3", "consumer4"]), [3, 2, 1, 0]);
    // Thirteen names do not fit three quarters of 16 buckets.
    let names: Vec<String> = (0..13).map(|n| format!("{}", char::from(b'a' + n))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // 'a' is 97: in 32 buckets the letters up to the end of the alphabet keep their order.
    assert_eq!(java_order(&names), (0..13).collect::<Vec<usize>>());
}

/// three members own two each, but only two of four may. In Java's order `consumer3` and `consumer2` come before `consumer1`.
#[test]
fn who_may_keep_more_depends_on_the_order_of_the_walk() {
    let mut four = members(4, 1);
    for (at, owned) in [(0, [0, 1]), (1, [2, 3]), (2, [4, 5])] {
        (four[at].owned, four[at].generation) = (owned.map(PartitionId).to_vec(), 1);
    }
    assert_eq!(sticky(&topics(&[6]), &four).shares, ids(&[&[0], &[2, 3], &[4, 5], &[1]]));
}

#[test]
fn a_cooperative_member_gives_up_before_another_one_takes() {
    let two = after(&members(2, 1), &ids(&[&[0, 1, 2], &[]]), 1);
    let first = cooperative_sticky(&topics(&[3]), &two);
    assert_eq!(first, ids(&[&[0, 1], &[]]));
    assert_eq!(cooperative_sticky(&topics(&[3]), &after(&two, &first, 2)), ids(&[&[0, 1], &[2]]));
}

#[test]
fn unequal_subscriptions_are_dealt_from_the_narrowest_topic_on() {
    // consumer1 alone reads topic0; both read topic1.
    let two = [member(1, vec![0, 1]), member(2, vec![1])];
    assert_eq!(sticky(&topics(&[2, 3]), &two).shares, ids(&[&[0, 1, 4], &[2, 3]]));
}

/// A group in any state: topics, what each member reads, and claims that may contradict each other.
fn any_group() -> impl Strategy<Value = (Vec<Topic>, Vec<Subscriber>)> {
    let counts = prop::collection::vec(0_u16..6, 1..4);
    let claims =
        prop::collection::vec((prop::collection::vec(any::<bool>(), 3), prop::collection::vec(0_u16..18, 0..6), -1..3), 1..6);
    (counts, claims, any::<bool>()).prop_map(|(counts, claims, equal)| {
        let topics = topics(&counts);
        let member = |(at, (reads, owned, generation)): (usize, (Vec<bool>, Vec<u16>, i32))| {
            let reads = (0..topics.len()).filter(|&t| equal || reads[t]).collect();
            let owned: BTreeSet<PartitionId> = owned.into_iter().map(PartitionId).collect();
            Subscriber { owned: owned.into_iter().collect(), generation, ..member(at, reads) }
        };
        let members = claims.into_iter().enumerate().map(member).collect();
        (topics, members)
    })
}

proptest! {
    /// Each partition that somebody subscribes to has one owner, who subscribes to it.
    #[test]
    fn every_partition_has_one_owner((topics, members) in any_group()) {
        let wanted: BTreeSet<PartitionId> = subscribed(&topics, &members).into_iter().flat_map(|t| topics[t].partitions.clone()).collect();
        for assignor in Assignor::ALL {
            let shares = assignor.assign(&topics, &members);
            let dealt: Vec<PartitionId> = shares.iter().flatten().copied().collect();
            let once: BTreeSet<PartitionId> = dealt.iter().copied().collect();
            prop_assert_eq!(dealt.len(), once.len(), "{} gives a partition twice", assignor.name());
            if !assignor.is_cooperative() {
                prop_assert_eq!(&once, &wanted, "{}", assignor.name());
            }
            for (member, share) in members.iter().zip(&shares) {
                let may: BTreeSet<PartitionId> = member.topics.iter().flat_map(|&t| topics[t].partitions.clone()).collect();
                prop_assert!(share.iter().all(|p| may.contains(p)), "{}", assignor.name());
            }
        }
    }

    /// INV-67: range within one for each topic; round robin and sticky within one altogether when all subscribe to the same.
    #[test]
    fn shares_are_balanced((topics, mut members) in any_group()) {
        for member in &mut members {
            member.topics = (0..topics.len()).collect();
        }
        let apart = |sizes: Vec<usize>| sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
        for topic in &topics {
            let of = |share: &Vec<PartitionId>| share.iter().filter(|p| topic.partitions.contains(p)).count();
            prop_assert!(apart(range(&topics, &members).iter().map(of).collect()) <= 1);
        }
        for shares in [round_robin(&topics, &members), sticky(&topics, &members).shares] {
            prop_assert!(apart(shares.iter().map(Vec::len).collect()) <= 1);
        }
    }

    /// INV-67: among members that subscribe to the same, nothing moves when nothing changes, and cooperative ones have everything after
    /// two rounds. Kafka promises neither for others.
    #[test]
    fn sticky_is_sticky((topics, mut members) in any_group()) {
        for member in &mut members {
            member.topics = (0..topics.len()).collect();
        }
        let first = sticky(&topics, &members);
        let second = sticky(&topics, &after(&members, &first.shares, 5)).shares;
        let sorted = |shares: &Shares| -> Vec<BTreeSet<PartitionId>> { shares.iter().map(|s| s.iter().copied().collect()).collect() };
        prop_assert_eq!(sorted(&first.shares), sorted(&second));
        let one = cooperative_sticky(&topics, &members);
        let two = cooperative_sticky(&topics, &after(&members, &one, 5));
        let dealt = |shares: &Shares| shares.iter().flatten().count();
        prop_assert_eq!(dealt(&two), dealt(&first.shares));
    }
}
