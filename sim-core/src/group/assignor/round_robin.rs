//! round robin.

use super::{Shares, Subscriber, Topic, ranked, subscribed};

/// the partitions in the order of (topic, partition); a pointer goes round the members in the order of A-1. For each partition it
/// moves past members that do not subscribe to the topic, the one it stops at gets the partition, and it moves on by one.
pub fn round_robin(topics: &[Topic], members: &[Subscriber]) -> Shares {
    let order = ranked(members);
    let mut shares = vec![Vec::new(); members.len()];
    let mut pointer = 0;
    for topic in subscribed(topics, members) {
        for &partition in &topics[topic].partitions {
            while !members[order[pointer]].topics.contains(&topic) {
                pointer = (pointer + 1) % order.len();
            }
            shares[order[pointer]].push(partition);
            pointer = (pointer + 1) % order.len();
        }
    }
    shares
}
