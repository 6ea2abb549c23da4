//! range.

use super::{Shares, Subscriber, Topic, ranked, subscribed};

/// A-2, for each topic: of its n partitions every one of the k subscribers, in the order of A-1, gets floor(n / k) consecutive ones,
/// and the first n mod k one more. Five partitions for two members: 0, 1, 2 and 3, 4.
pub fn range(topics: &[Topic], members: &[Subscriber]) -> Shares {
    let order = ranked(members);
    let mut shares = vec![Vec::new(); members.len()];
    for topic in subscribed(topics, members) {
        let readers: Vec<usize> = order.iter().copied().filter(|&m| members[m].topics.contains(&topic)).collect();
        let mut rest = topics[topic].partitions.as_slice();
        let (each, extra) = (rest.len() / readers.len(), rest.len() % readers.len());
        for (at, &member) in readers.iter().enumerate() {
            let (mine, others) = rest.split_at(each + usize::from(at < extra));
            shares[member].extend_from_slice(mine);
            rest = others;
        }
    }
    shares
}
