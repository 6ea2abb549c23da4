//! A map and a set in the order of their keys, in sorted rows of at most `ROW` entries. Most maps here hold a handful of entries, which one
//! row finds and moves faster than a tree does; and what is compiled for each kind of map is a tenth of what a tree needs, which the page
//! feels. Many entries are borne, too: a row that is full becomes two.

mod set;

pub use set::Set;

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

/// Entries in a full row.
const ROW: usize = 64;

/// The map.
pub struct Map<K, V, R = Vec<(K, V)>> {
    /// None is empty, but for the only one: what comes and goes all the time keeps its memory.
    rows: Vec<R>,
    entry: PhantomData<(K, V)>,
}

/// A map that is large and cloned often: clones share the rows that neither of them has changed since.
pub type Shared<K, V> = Map<K, V, Arc<Vec<(K, V)>>>;

// By hand, and once a kind of map: derived, it would stand in full wherever a map is cloned, and the clone of a world is full of maps.
impl<K, V, R: Clone> Clone for Map<K, V, R> {
    #[inline(never)]
    fn clone(&self) -> Self {
        Map { rows: self.rows.clone(), entry: PhantomData }
    }
}

/// How the entries of a row are kept.
pub trait Row<E>: From<Vec<E>> {
    /// The entries.
    fn entries(&self) -> &Vec<E>;
    /// The entries, to change them.
    fn entries_mut(&mut self) -> &mut Vec<E>;
}

impl<E> Row<E> for Vec<E> {
    fn entries(&self) -> &Vec<E> {
        self
    }
    fn entries_mut(&mut self) -> &mut Vec<E> {
        self
    }
}

impl<E: Clone> Row<E> for Arc<Vec<E>> {
    fn entries(&self) -> &Vec<E> {
        self
    }
    fn entries_mut(&mut self) -> &mut Vec<E> {
        Arc::make_mut(self)
    }
}

/// Where an entry is, or would be: the row, and the place in it.
type Place = (usize, usize);

impl<K, V> Map<K, V> {
    /// Nothing in it.
    pub const fn new() -> Map<K, V> {
        Map { rows: Vec::new(), entry: PhantomData }
    }
}

impl<K, V, R: Row<(K, V)>> Map<K, V, R> {
    fn all(&self) -> impl DoubleEndedIterator<Item = &(K, V)> + Clone {
        self.rows.iter().flat_map(R::entries)
    }

    fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut (K, V)> {
        self.rows.iter_mut().flat_map(R::entries_mut)
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.rows.iter().map(|row| row.entries().len()).sum()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.rows.first().is_none_or(|row| row.entries().is_empty())
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.rows.truncate(1);
        self.rows.iter_mut().for_each(|row| row.entries_mut().clear());
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.all().map(|(key, value)| (key, value))
    }

    /// All entries, in order.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.all_mut().map(|(key, value)| (&*key, value))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.all().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.all().map(|(_, value)| value)
    }

    /// All values, in the order of their keys.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.all_mut().map(|(_, value)| value)
    }

    /// The first entry.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The last entry.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// Keeps the entries of which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.rows.iter_mut().for_each(|row| row.entries_mut().retain_mut(|(key, value)| keep(key, value)));
        self.drop_empty_rows();
    }

    /// Takes the entries out of which this is true, in order.
    pub fn take_if(&mut self, mut which: impl FnMut(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut taken = Vec::new();
        for row in &mut self.rows {
            taken.extend(row.entries_mut().extract_if(.., |(key, value)| which(key, value)));
        }
        self.drop_empty_rows();
        taken
    }

    /// Takes the first entry out.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.is_empty()).then(|| self.take((0, 0)))
    }

    fn take(&mut self, (row, at): Place) -> (K, V) {
        let entries = self.rows[row].entries_mut();
        let entry = entries.remove(at);
        if entries.is_empty() && self.rows.len() > 1 {
            self.rows.remove(row);
        }
        entry
    }

    fn drop_empty_rows(&mut self) {
        if self.rows.len() > 1 {
            self.rows.retain(|row| !row.entries().is_empty());
        }
    }
}

impl<K: Ord, V, R: Row<(K, V)>> Map<K, V, R> {
    /// Where a key is, or else where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let row = match self.rows.len() {
            0 | 1 => 0,
            _ => self.rows.partition_point(|row| row.entries()[0].0.borrow() <= key).saturating_sub(1),
        };
        let Some(entries) = self.rows.get(row).map(R::entries) else { return Err((0, 0)) };
        match entries.binary_search_by(|entry| entry.0.borrow().cmp(key)) {
            Ok(at) => Ok((row, at)),
            Err(at) => Err((row, at)),
        }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|(row, at)| &self.rows[row].entries()[at].1)
    }

    /// The value of a key.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|(row, at)| &mut self.rows[row].entries_mut()[at].1)
    }

    /// Is the key there?
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Gives a key a value. The one that it had before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        // Ids are given in order: what is new comes last nearly always.
        let is_last = self.rows.last().and_then(|row| row.entries().last()).is_none_or(|last| last.0 < key);
        let place = if is_last { Err(self.end()) } else { self.find(&key) };
        match place {
            Ok((row, at)) => Some(std::mem::replace(&mut self.rows[row].entries_mut()[at].1, value)),
            Err(place) => {
                self.put(place, (key, value));
                None
            }
        }
    }

    fn end(&self) -> Place {
        let row = self.rows.len().saturating_sub(1);
        (row, self.rows.last().map_or(0, |row| row.entries().len()))
    }

    /// Puts an entry where it belongs. Gives back where it came to lie.
    fn put(&mut self, (mut row, mut at): Place, entry: (K, V)) -> Place {
        match self.rows.get(row).map(|row| row.entries().len()) {
            None => self.rows.push(R::from(Vec::new())),
            Some(ROW) if at == ROW => {
                (row, at) = (row + 1, 0);
                self.rows.insert(row, R::from(Vec::with_capacity(ROW)));
            }
            Some(ROW) => {
                let upper = self.rows[row].entries_mut().split_off(ROW / 2);
                self.rows.insert(row + 1, R::from(upper));
                if at > ROW / 2 {
                    (row, at) = (row + 1, at - ROW / 2);
                }
            }
            Some(_) => {}
        }
        self.rows[row].entries_mut().insert(at, entry);
        (row, at)
    }

    /// Takes a key out, with its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.take(place).1)
    }

    /// The value of a key, which gets one if it has none.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, R> {
        Entry { map: self, key }
    }

    /// The entries with keys in a range, in order.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        let (row, at) = match range.start_bound() {
            Bound::Unbounded => (0, 0),
            Bound::Included(key) => self.find(key).unwrap_or_else(|place| place),
            Bound::Excluded(key) => self.find(key).map_or_else(|place| place, |(row, at)| (row, at + 1)),
        };
        let first = self.rows.get(row).map_or(&[][..], |row| &row.entries()[at..]);
        let rest = self.rows.get(row + 1..).unwrap_or(&[]).iter().flat_map(R::entries);
        let from = first.iter().chain(rest).map(|(key, value)| (key, value));
        from.take_while(move |(key, _)| match range.end_bound() {
            Bound::Unbounded => true,
            Bound::Included(end) => *key <= end,
            Bound::Excluded(end) => *key < end,
        })
    }

    /// The last entry whose key is not beyond this one.
    pub fn last_up_to(&mut self, key: &K) -> Option<(&K, &mut V)> {
        let (row, at) = match self.find(key) {
            Ok(place) => place,
            Err((row, at)) => (row, at.checked_sub(1)?),
        };
        self.rows[row].entries_mut().get_mut(at).map(|(key, value)| (&*key, value))
    }
}

/// A key, and the map in which it has a value, or gets one.
pub struct Entry<'a, K, V, R> {
    map: &'a mut Map<K, V, R>,
    key: K,
}

impl<'a, K: Ord, V, R: Row<(K, V)>> Entry<'a, K, V, R> {
    /// The value; what `make` gives if there is none yet.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let Entry { map, key } = self;
        let (row, at) = match map.find(&key) {
            Ok(place) => place,
            Err(place) => map.put(place, (key, make())),
        };
        &mut map.rows[row].entries_mut()[at].1
    }

    /// The value; this one if there is none yet.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value; the usual one if there is none yet.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// The same entries, in whatever rows.
impl<K: PartialEq, V: PartialEq, R: Row<(K, V)>> PartialEq for Map<K, V, R> {
    fn eq(&self, other: &Map<K, V, R>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq, R: Row<(K, V)>> Eq for Map<K, V, R> {}

impl<K, V, R> Default for Map<K, V, R> {
    fn default() -> Map<K, V, R> {
        Map { rows: Vec::new(), entry: PhantomData }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, R: Row<(K, V)>> fmt::Debug for Map<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord, V, R: Row<(K, V)>> Extend<(K, V)> for Map<K, V, R> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, more: I) {
        for (key, value) in more {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Map<K, V> {
        let mut map = Map::new();
        map.extend(entries);
        map
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(K, V)>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter().flatten()
    }
}

impl<K: Ord, V> std::ops::Index<&K> for Map<K, V> {
    type Output = V;
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("the key is there")
    }
}

impl<K: serde::Serialize, V: serde::Serialize> serde::Serialize for Map<K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Whatever is done to it, it holds what a tree would, in rows that are neither empty nor too long.
    #[test]
    fn it_is_a_map_in_order() {
        for (step, keys) in [(1_u32, 10_000), (7_919, 1_009), (5_003, 23)] {
            let (mut map, mut tree) = (Map::new(), BTreeMap::new());
            for turn in 0..3_000_u32 {
                let key = turn * step % keys;
                match turn % 8 {
                    0 => assert_eq!(map.remove(&key), tree.remove(&key)),
                    1 if turn % 16 == 1 => assert_eq!(map.pop_first(), tree.pop_first()),
                    2 => *map.entry(key).or_default() += *tree.entry(key).and_modify(|v| *v += 1).or_insert(1).min(&mut 1),
                    _ => assert_eq!(map.insert(key, turn), tree.insert(key, turn)),
                }
                if turn % 8 == 2 {
                    *tree.get_mut(&key).expect("just given") = map[&key];
                }
                assert_eq!((map.get(&key), map.contains_key(&key)), (tree.get(&key), tree.contains_key(&key)));
                assert!(map.rows.iter().all(|row| row.len() <= ROW && (!row.is_empty() || map.rows.len() == 1)));
            }
            assert!(map.iter().eq(tree.iter()) && map.iter().rev().eq(tree.iter().rev()));
            assert_eq!((map.len(), map.first_key_value(), map.last_key_value()), {
                (tree.len(), tree.first_key_value(), tree.last_key_value())
            });
            for from in [0, keys / 3, keys] {
                assert!(map.range(from..from + 9).eq(tree.range(from..from + 9)));
                assert!(map.range(..=from).eq(tree.range(..=from)));
                let last = tree.range(..=from).next_back().map(|(key, value)| (*key, *value));
                assert_eq!(map.last_up_to(&from).map(|(key, value)| (*key, *value)), last);
            }
            let odd: Vec<(u32, u32)> = tree.extract_if(.., |key, _| key % 2 == 1).collect();
            assert_eq!(map.take_if(|key, _| key % 2 == 1), odd);
            map.retain(|key, _| key % 3 != 0);
            tree.retain(|key, _| key % 3 != 0);
            let mut shared: Shared<u32, u32> = Shared::default();
            shared.extend(map.iter().map(|(key, value)| (*key, *value)));
            let before = shared.clone();
            shared.insert(1, 1);
            shared.pop_first();
            assert!(
                before.iter().eq(map.iter()) && shared.iter().eq(map.iter().filter(|(key, _)| **key > 1)),
                "a clone goes its own way"
            );
            assert!(map.clone().into_iter().eq(tree));
            map.clear();
            assert_eq!((map.is_empty(), map.len()), (true, 0));
        }
    }
}
