//! Sorting of short rows, by insertion and stably. The library's sorts are made for long ones, and each kind of row that they are used for
//! adds eight kilobytes to the page; most rows here have a few dozen entries at most, and are nearly in order.

use std::cmp::Ordering;

/// Sorts by what a comparison says.
pub fn by<T>(row: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    for end in 1..row.len() {
        let mut at = end;
        while at > 0 && order(&row[at - 1], &row[at]) == Ordering::Greater {
            row.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Sorts by a key.
pub fn by_key<T, K: Ord>(row: &mut [T], key: impl Fn(&T) -> K) {
    by(row, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by the entries' own order.
pub fn plainly<T: Ord>(row: &mut [T]) {
    by(row, Ord::cmp);
}

/// Sorts a long row by a number: in one piece of code, whatever the row is of.
pub fn long_by_key<T>(row: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    let mut keys: Vec<(u64, u64)> = row.iter().zip(0..).map(|(entry, at)| (key(entry), at)).collect();
    keys.sort_unstable();
    let mut entries: Vec<Option<T>> = std::mem::take(row).into_iter().map(Some).collect();
    row.extend(keys.iter().filter_map(|&(_, at)| entries[at as usize].take()));
}

/// Into a set or a map, one after the other. (`collect()` sorts what it puts there, and has the library's sort made for it.)
pub fn gathered<C: Default + Extend<T>, T>(entries: impl IntoIterator<Item = T>) -> C {
    let mut all = C::default();
    all.extend(entries);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn it_sorts_as_the_library_does(row: Vec<(u8, u16)>) {
            let (mut ours, mut theirs) = (row.clone(), row.clone());
            by_key(&mut ours, |entry| entry.0);
            theirs.sort_by_key(|entry| entry.0);
            proptest::prop_assert_eq!(&ours, &theirs, "equal keys keep their places");
            let mut long = row.clone();
            long_by_key(&mut long, |entry| u64::from(entry.0));
            proptest::prop_assert_eq!(&ours, &long);
            plainly(&mut ours);
            theirs.sort();
            proptest::prop_assert_eq!(ours, theirs);
        }
    }
}
