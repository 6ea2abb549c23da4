//! Consumer groups: which member reads what, and which broker keeps the offsets. Members do not come and go yet: the range assignor
//! splits the partitions once, and a member that is down leaves its share unread, as a static member within its session does.

pub mod assignor;
pub mod classic;
pub mod modern;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_hashes() {
        assert_eq!(java_string_hash(""), 0);
        assert_eq!(java_string_hash("a"), 97);
        assert_eq!(java_string_hash("polygenelubricants"), i32::MIN);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
    }
}
