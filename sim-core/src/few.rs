//! A set of few things that are in the main added near its end and taken from its front: a sorted row does that faster than a tree.

use std::collections::VecDeque;

/// The set, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T>(VecDeque<T>);

impl<T: Ord + Copy> Few<T> {
    /// Nothing in it.
    pub fn new() -> Few<T> {
        Few(VecDeque::new())
    }

    /// Adds one, once.
    pub fn insert(&mut self, one: T) {
        if self.0.back().is_none_or(|last| *last < one) {
            self.0.push_back(one);
        } else if let Err(place) = self.0.binary_search(&one) {
            self.0.insert(place, one);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, one: T) {
        if let Ok(place) = self.0.binary_search(&one) {
            self.0.remove(place);
        }
    }

    /// The first one.
    pub fn first(&self) -> Option<T> {
        self.0.front().copied()
    }

    /// Takes the first one out.
    pub fn pop_first(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.0.iter().copied()
    }

    /// Takes all of them out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Ord + Copy> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        more.into_iter().for_each(|one| self.insert(one));
    }
}

impl<T: Ord + Copy> Default for Few<T> {
    fn default() -> Few<T> {
        Few::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Whatever is added and taken out, it holds what a tree would.
    #[test]
    fn it_is_a_set_in_order() {
        let (mut few, mut tree) = (Few::new(), BTreeSet::new());
        for turn in 0..500_u32 {
            let one = turn * 37 % 23;
            match turn % 5 {
                0 => {
                    few.remove(one);
                    tree.remove(&one);
                }
                1 => assert_eq!(few.pop_first(), tree.pop_first()),
                _ => {
                    few.extend([one, one]);
                    tree.insert(one);
                }
            }
            assert!(few.iter().eq(tree.iter().copied()), "turn {turn}");
            assert_eq!((few.len(), few.is_empty(), few.first()), (tree.len(), tree.is_empty(), tree.first().copied()));
        }
        few.clear();
        assert_eq!(few, Few::default());
    }
}
