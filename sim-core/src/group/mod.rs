//! Consumer groups: which member reads what, and which broker keeps the offsets. Members do not come and go yet: the range assignor
//! splits the partitions once, and a member that is down leaves its share unread, as a static member within its session does.

pub mod modern;

use crate::ids::PartitionId;

/// G-30: the partition of `__consumer_offsets` for this group: abs(javaStringHash) mod n, where abs(MIN) is 0.
pub fn coordinator_partition(group: &str, partitions: u32) -> u32 {
    let hash = java_string_hash(group);
    let positive = if hash == i32::MIN { 0 } else { hash.unsigned_abs() };
    positive % partitions
}

/// `String.hashCode()`: over UTF-16 units, `s[0] * 31^(n-1) + ... + s[n-1]`, wrapping.
pub fn java_string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// of each topic's n partitions every one of the k members gets floor(n / k) consecutive ones, and the first n mod k one more.
pub fn range(topics: &[&[PartitionId]], members: u16) -> Vec<Vec<PartitionId>> {
    let members = usize::from(members);
    let mut assignment = vec![Vec::new(); members];
    for partitions in topics {
        let (each, extra) = (partitions.len() / members, partitions.len() % members);
        let mut rest = *partitions;
        for (member, share) in assignment.iter_mut().enumerate() {
            let (mine, others) = rest.split_at(each + usize::from(member < extra));
            share.extend_from_slice(mine);
            rest = others;
        }
    }
    assignment
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
}

impl Subscriber {
    /// static members by instance id first, then the others by member id.
    fn rank(&self) -> (bool, &str) {
        (self.instance.is_none(), self.instance.as_deref().unwrap_or(&self.id))
    }
}

/// range for members that subscribe to different topics. One share for each member, in the order given.
pub fn assign_range(topics: &[&[PartitionId]], members: &[Subscriber]) -> Vec<Vec<PartitionId>> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&m| members[m].rank());
    let mut assignment = vec![Vec::new(); members.len()];
    for (topic, partitions) in topics.iter().enumerate() {
        let subscribers: Vec<usize> = order.iter().copied().filter(|&m| members[m].topics.contains(&topic)).collect();
        if subscribers.is_empty() {
            continue;
        }
        for (share, &member) in range(&[partitions], subscribers.len() as u16).into_iter().zip(&subscribers) {
            assignment[member].extend(share);
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_gives_the_first_members_one_more() {
        let five: Vec<PartitionId> = (0..5).map(PartitionId).collect();
        let split = range(&[&five], 2);
        assert_eq!(split, vec![five[..3].to_vec(), five[3..].to_vec()]);
        assert_eq!(range(&[&five[..1]], 3), vec![vec![PartitionId(0)], vec![], vec![]]);
    }

    #[test]
    fn java_hashes() {
        assert_eq!(java_string_hash(""), 0);
        assert_eq!(java_string_hash("a"), 97);
        assert_eq!(java_string_hash("polygenelubricants"), i32::MIN);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
    }
}
