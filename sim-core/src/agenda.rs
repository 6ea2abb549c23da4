//! What an actor has to do later. The world asks for the next time and wakes the actor then; nobody else keeps timers.

use crate::time::SimTime;

/// Things to do.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    /// The next one last: what comes and goes is due soon nearly always, and the rest stays where it is.
    entries: Vec<(SimTime, T)>,
}

impl<T: Ord + Copy> Agenda<T> {
    /// Nothing to do.
    pub fn new() -> Agenda<T> {
        Agenda { entries: Vec::new() }
    }

    /// Where an entry is, or else where it would be.
    fn place(&self, entry: (SimTime, T)) -> Result<usize, usize> {
        self.entries.binary_search_by(|other| entry.cmp(other))
    }

    /// Adds one, once. `SimTime::NEVER` is not added.
    pub fn add(&mut self, at: SimTime, what: T) {
        if at == SimTime::NEVER {
            return;
        }
        if let Err(place) = self.place((at, what)) {
            self.entries.insert(place, (at, what));
        }
    }

    /// Strikes one out.
    pub fn remove(&mut self, at: SimTime, what: T) {
        if let Ok(place) = self.place((at, what)) {
            self.entries.remove(place);
        }
    }

    /// When the next one is due.
    #[inline]
    pub fn next(&self) -> SimTime {
        self.entries.last().map_or(SimTime::NEVER, |e| e.0)
    }

    /// Takes the next one that is due by `now`.
    pub fn pop(&mut self, now: SimTime) -> Option<T> {
        if self.next() <= now { self.entries.pop().map(|e| e.1) } else { None }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl<T: Ord + Copy> Default for Agenda<T> {
    fn default() -> Agenda<T> {
        Agenda::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_the_order_of_their_time_and_only_when_it_has_come() {
        let mut agenda = Agenda::new();
        assert_eq!((agenda.next(), agenda.pop(SimTime::NEVER)), (SimTime::NEVER, None));
        for (at, what) in [(5, 'b'), (9, 'a'), (5, 'a'), (7, 'x')] {
            agenda.add(SimTime(at), what);
        }
        agenda.add(SimTime(5), 'b');
        agenda.remove(SimTime(7), 'x');
        agenda.remove(SimTime(7), 'y');
        agenda.add(SimTime::NEVER, 'z');
        assert_eq!((agenda.next(), agenda.pop(SimTime(4))), (SimTime(5), None));
        let due: Vec<char> = std::iter::from_fn(|| agenda.pop(SimTime(9))).collect();
        assert_eq!(due, ['a', 'b', 'a']);
        assert_eq!(agenda.next(), SimTime::NEVER);
    }
}
