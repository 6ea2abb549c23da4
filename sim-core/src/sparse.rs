//! A table of which few cells are ever used, such as one for every two nodes. Found without a search, and cheap to clone: what says
//! where the used cells are is shared.

use std::sync::Arc;

/// A table with a fixed number of cells. A cell that was used stays.
#[derive(Clone, Debug)]
pub struct Sparse<T> {
    /// For each cell its position in `used` + 1, or 0.
    places: Arc<Vec<u32>>,
    used: Vec<T>,
}

impl<T> Sparse<T> {
    /// A table of so many cells, none used.
    pub fn new(cells: usize) -> Sparse<T> {
        Sparse { places: Arc::new(vec![0; cells]), used: Vec::new() }
    }

    /// What is in a cell, if it was used.
    #[inline]
    pub fn get(&self, cell: usize) -> Option<&T> {
        self.used.get((self.places[cell] as usize).wrapping_sub(1))
    }

    /// What is in a cell, if it was used.
    #[inline]
    pub fn get_mut(&mut self, cell: usize) -> Option<&mut T> {
        self.used.get_mut((self.places[cell] as usize).wrapping_sub(1))
    }

    /// What is in a cell; at its first use what `make` gives.
    pub fn get_or_make(&mut self, cell: usize, make: impl FnOnce() -> T) -> &mut T {
        if self.places[cell] == 0 {
            self.used.push(make());
            Arc::make_mut(&mut self.places)[cell] = self.used.len() as u32;
        }
        &mut self.used[self.places[cell] as usize - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_made_at_its_first_use_and_a_clone_goes_its_own_way() {
        let mut table = Sparse::new(9);
        assert_eq!(table.get(4), None);
        *table.get_or_make(4, || 40) += 1;
        let mut other = table.clone();
        other.get_or_make(2, || 20);
        *other.get_or_make(4, || unreachable!("it is there")) += 1;
        assert_eq!((table.get(2), table.get(4)), (None, Some(&41)));
        assert_eq!((other.get(2), other.get(4)), (Some(&20), Some(&42)));
    }
}
