//! The set: a map without values.

use super::Map;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeBounds;

/// The set.
#[derive(Clone, PartialEq, Eq)]
pub struct Set<T>(Map<T, ()>);

impl<T> Set<T> {
    /// Nothing in it.
    pub const fn new() -> Set<T> {
        Set(Map::new())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all of them out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.0.keys()
    }

    /// The first one.
    pub fn first(&self) -> Option<&T> {
        self.0.first_key_value().map(|(one, ())| one)
    }

    /// The last one.
    pub fn last(&self) -> Option<&T> {
        self.0.last_key_value().map(|(one, ())| one)
    }

    /// Takes the first one out.
    pub fn pop_first(&mut self) -> Option<T> {
        self.0.pop_first().map(|(one, ())| one)
    }

    /// Keeps those of which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.0.retain(|one, ()| keep(one));
    }
}

impl<T: Ord> Set<T> {
    /// Adds one, once. Was it not there before?
    pub fn insert(&mut self, one: T) -> bool {
        self.0.insert(one, ()).is_none()
    }

    /// Takes one out. Was it there?
    pub fn remove<Q: Ord + ?Sized>(&mut self, one: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.remove(one).is_some()
    }

    /// Is it in?
    pub fn contains<Q: Ord + ?Sized>(&self, one: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(one)
    }

    /// Those in a range, in order.
    pub fn range(&self, range: impl RangeBounds<T>) -> impl Iterator<Item = &T> {
        self.0.range(range).map(|(one, ())| one)
    }

    /// Those in this one only, in order.
    pub fn difference<'a>(&'a self, other: &'a Set<T>) -> impl Iterator<Item = &'a T> {
        self.iter().filter(|one| !other.contains(*one))
    }

    /// Those in both, in order.
    pub fn intersection<'a>(&'a self, other: &'a Set<T>) -> impl Iterator<Item = &'a T> {
        self.iter().filter(|one| other.contains(*one))
    }

    /// Is every one of them in the other?
    pub fn is_subset(&self, other: &Set<T>) -> bool {
        self.iter().all(|one| other.contains(one))
    }

    /// Is none of them in the other?
    pub fn is_disjoint(&self, other: &Set<T>) -> bool {
        self.iter().all(|one| !other.contains(one))
    }
}

impl<T> Default for Set<T> {
    fn default() -> Set<T> {
        Set::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Ord> Extend<T> for Set<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        for one in more {
            self.insert(one);
        }
    }
}

impl<'a, T: Ord + Copy + 'a> Extend<&'a T> for Set<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, more: I) {
        for one in more {
            self.insert(*one);
        }
    }
}

impl<T: Ord> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Set<T> {
        let mut set = Set::new();
        set.extend(all);
        set
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for Set<T> {
    fn from(all: [T; N]) -> Set<T> {
        all.into_iter().collect()
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::iter::Map<<Map<T, ()> as IntoIterator>::IntoIter, fn((T, ())) -> T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(one, ())| one)
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Map<std::iter::Flatten<std::slice::Iter<'a, Vec<(T, ())>>>, fn(&'a (T, ())) -> &'a T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.rows.iter().flatten().map(|(one, ())| one)
    }
}

impl<T: Hash> Hash for Set<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|one| one.hash(state));
    }
}

impl<T: PartialOrd> PartialOrd for Set<T> {
    fn partial_cmp(&self, other: &Set<T>) -> Option<std::cmp::Ordering> {
        self.iter().partial_cmp(other.iter())
    }
}

impl<T: Ord> Ord for Set<T> {
    fn cmp(&self, other: &Set<T>) -> std::cmp::Ordering {
        self.iter().cmp(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_compare_and_combine() {
        let set = |all: &[u32]| all.iter().copied().collect::<Set<u32>>();
        let (small, large, other) = (set(&[2, 3]), set(&[3, 1, 2, 3]), set(&[3, 9]));
        assert_eq!((large.len(), large.first(), large.last()), (3, Some(&1), Some(&3)));
        assert!(
            small.is_subset(&large) && !large.is_subset(&small) && small.is_disjoint(&set(&[7])) && !small.is_disjoint(&other)
        );
        assert!(large.difference(&other).eq(&[1, 2]) && large.intersection(&other).eq(&[3]));
        assert!(large < small && small < other, "as rows of letters are");
        assert!(large.range(2..).eq(&[2, 3]) && large.into_iter().eq([1, 2, 3]));
    }
}
