//! A list that grows at its end and is cloned often, such as a log at every checkpoint. Clones share what is full: a clone costs a
//! pointer for each chunk and a copy of the last, unfinished one. Whoever changes a full chunk that is shared gets a copy of it first.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// Entries in a full chunk. Larger ones make clones cheaper and first changes after a clone dearer.
const CHUNK: usize = 128;

/// The list.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunks<T> {
    /// Each with [`CHUNK`] entries.
    full: Vec<Arc<Vec<T>>>,
    /// Fewer than [`CHUNK`] entries, and not shared: nearly all is done at the end.
    last: Vec<T>,
}

impl<T: Clone> Clone for Chunks<T> {
    #[inline(never)]
    fn clone(&self) -> Self {
        Chunks { full: self.full.clone(), last: self.last.clone() }
    }
}

impl<T: Clone> Chunks<T> {
    /// An empty list.
    pub fn new() -> Chunks<T> {
        Chunks { full: Vec::new(), last: Vec::new() }
    }

    /// How many entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.is_empty()
    }

    /// Adds one at the end.
    pub fn push(&mut self, entry: T) {
        self.last.push(entry);
        if self.last.len() == CHUNK {
            self.full.push(Arc::new(std::mem::take(&mut self.last)));
        }
    }

    /// Takes the last one off.
    pub fn pop(&mut self) -> Option<T> {
        if self.last.is_empty() {
            self.last = Arc::unwrap_or_clone(self.full.pop()?);
        }
        self.last.pop()
    }

    /// Makes the list at least so long, with this entry wherever there was none. The new chunks are one and the same until they are
    /// changed.
    pub fn grow(&mut self, len: usize, entry: T) {
        while self.len() < len && !self.last.is_empty() {
            self.push(entry.clone());
        }
        let missing = len.saturating_sub(self.len());
        if missing >= CHUNK {
            let blank = Arc::new(vec![entry.clone(); CHUNK]);
            self.full.resize(self.full.len() + missing / CHUNK, blank);
        }
        for _ in 0..missing % CHUNK {
            self.push(entry.clone());
        }
    }

    /// The entry at a position.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&T> {
        // Far beyond the end the last chunk has an entry at this place, too, and it is another one's.
        (at < self.len()).then(|| &self[at])
    }

    /// How many entries from the beginning on this is true of; of those after them it is not.
    pub fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if is_before(&self[middle]) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Takes all entries from a position on off.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Chunks<T> {
        let rest = self.iter_from(at).cloned().collect();
        self.truncate(at);
        rest
    }

    /// Makes the list so short, if it is longer.
    pub fn truncate(&mut self, len: usize) {
        while self.len() > len {
            self.pop();
        }
    }

    /// The last entry.
    #[inline]
    pub fn last(&self) -> Option<&T> {
        self.last.last().or_else(|| self.full.last()?.last())
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.iter_from(0)
    }

    /// The entries from a position on.
    pub fn iter_from(&self, at: usize) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        (at.min(self.len())..self.len()).map(|at| &self[at])
    }

    #[inline]
    fn chunk(&self, at: usize) -> &Vec<T> {
        self.full.get(at / CHUNK).map_or(&self.last, |full| full)
    }
}

impl<T: Clone> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks::new()
    }
}

impl<T: Clone> Extend<T> for Chunks<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        more.into_iter().for_each(|entry| self.push(entry));
    }
}

impl<T: Clone> FromIterator<T> for Chunks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Chunks<T> {
        let mut list = Chunks::new();
        list.extend(entries);
        list
    }
}

impl<T: Clone> Index<usize> for Chunks<T> {
    type Output = T;
    #[inline]
    fn index(&self, at: usize) -> &T {
        &self.chunk(at)[at % CHUNK]
    }
}

impl<T: Clone> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        match self.full.get_mut(at / CHUNK) {
            Some(full) => &mut Arc::make_mut(full)[at % CHUNK],
            None => &mut self.last[at % CHUNK],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: std::ops::Range<usize>) -> Chunks<usize> {
        let mut list = Chunks::new();
        numbers.for_each(|number| list.push(number));
        list
    }

    #[test]
    fn it_is_a_list() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let mut list = list(0..len);
            assert_eq!((list.len(), list.is_empty(), list.last().copied()), (len, len == 0, len.checked_sub(1)));
            assert_eq!(list.get(len), None);
            assert!(list.iter().copied().eq(0..len) && list.iter_from(len / 2).copied().eq(len / 2..len));
            assert!(list.iter().rev().copied().eq((0..len).rev()));
            assert_eq!(list.partition_point(|&number| number < len / 3), len / 3);
            let (mut low, number) = (list.clone(), len / 3);
            let high = low.split_off(number);
            assert!(low.iter().copied().eq(0..number) && high.iter().copied().eq(number..len));
            assert!(low.iter().chain(high.iter()).copied().collect::<Chunks<usize>>() == list);
            assert!(std::iter::from_fn(|| list.pop()).eq((0..len).rev()), "{len}");
        }
    }

    #[test]
    fn there_is_nothing_beyond_its_end() {
        for len in [0, 1, CHUNK, CHUNK + 1] {
            let list = list(0..len);
            assert!((len..len + 3 * CHUNK).all(|at| list.get(at).is_none()), "{len}");
        }
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut list = list(0..2 * CHUNK + 5);
        let before = list.clone();
        list[3] = 333;
        list[2 * CHUNK + 1] = 444;
        while list.len() > CHUNK {
            list.pop();
        }
        list.push(555);
        assert!(before.iter().copied().eq(0..2 * CHUNK + 5));
        assert_eq!((list[3], list.get(CHUNK), list.len()), (333, Some(&555), CHUNK + 1));
    }

    #[test]
    fn it_grows_to_a_length_and_never_shrinks() {
        let mut list = list(0..3);
        for len in [2, 5, CHUNK, 4 * CHUNK + 7] {
            list.grow(len, 9);
            assert_eq!(list.len(), len.max(3));
        }
        list[CHUNK + 1] = 8;
        assert!(list.iter().enumerate().all(|(at, &number)| number
            == if at < 3 {
                at
            } else if at == CHUNK + 1 {
                8
            } else {
                9
            }));
    }
}
