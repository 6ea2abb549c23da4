//! Consumer groups: which member reads what, and which broker keeps the offsets. Members do not come and go yet: the range assignor
//! splits the partitions once, and a member that is down leaves its share unread, as a static member within its session does.

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
