//! `buffer.memory`: what batches take it from, and who waits for it (P-12).

use std::collections::VecDeque;

/// The memory of one producer.
#[derive(Clone, Debug)]
pub struct BufferPool {
    free: u64,
    /// The threads that wait, the first first. None overtakes another.
    waiting: VecDeque<u16>,
}

impl BufferPool {
    /// All of it is free.
    pub fn new(total: u64) -> BufferPool {
        BufferPool { free: total, waiting: VecDeque::new() }
    }

    /// Takes memory for a thread. False: there is not enough, or others are waiting already; then the thread waits, too.
    pub fn take(&mut self, bytes: u64, thread: u16) -> bool {
        let is_next = self.waiting.front().is_none_or(|&first| first == thread);
        if is_next && bytes <= self.free {
            self.free -= bytes;
            self.leave(thread);
            return true;
        }
        if !self.waiting.contains(&thread) {
            self.waiting.push_back(thread);
        }
        false
    }

    /// A thread waits no more: its time is over, or it needs no memory after all.
    pub fn leave(&mut self, thread: u16) {
        self.waiting.retain(|&waiting| waiting != thread);
    }

    /// Memory is free again.
    pub fn release(&mut self, bytes: u64) {
        self.free += bytes;
    }

    /// Does anybody wait? (P-30)
    pub fn has_waiters(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_first_is_served_first() {
        let mut pool = BufferPool::new(100);
        assert!(pool.take(80, 0) && !pool.take(50, 1));
        assert!(!pool.take(10, 2), "there would be enough, but another waits");
        pool.release(80);
        assert!(!pool.take(10, 2) && pool.take(50, 1) && pool.take(10, 2));
        assert!(!pool.has_waiters());
        assert!(!pool.take(80, 3) && pool.has_waiters());
        pool.leave(3);
        assert!(!pool.has_waiters());
    }
}
