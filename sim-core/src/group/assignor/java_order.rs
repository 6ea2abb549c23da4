//! the order in which Java walks a `HashMap` of names. The sticky assignor's result depends on it, so that order is part of the rule.

use crate::group::java_string_hash;
use crate::sort;

/// The table of a `HashMap` has 16 buckets at first.
const FIRST_CAPACITY: u64 = 16;

/// positions of the names in the order in which a `HashMap` into which they were put in the order given is walked: by bucket,
/// and within a bucket as they came. The table doubles when it is more than three quarters full. `consumer1` to `consumer4` are walked
/// 4, 3, 2, 1.
pub fn java_order(names: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    sort::by_key(&mut order, |&at| bucket(java_string_hash(names[at]), names.len()));
    order
}

/// Where an entry of this hash is in a table that has held so many at once.
pub(super) fn bucket(hash: i32, held: usize) -> u64 {
    let mut capacity = FIRST_CAPACITY;
    while held as u64 * 4 > capacity * 3 {
        capacity *= 2;
    }
    let hash = hash.cast_unsigned();
    u64::from(hash ^ (hash >> 16)) & (capacity - 1)
}
