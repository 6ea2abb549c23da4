//! What TCP makes of a network that loses packets: nothing that was sent over a connection is lost while the connection lives, but what
//! is lost on its way is sent again later, and everything behind it waits. The times are Linux's.

use super::Pipe;
use crate::time::{SimDuration, SimTime};
use crate::trace::DropReason;
use std::collections::VecDeque;

/// `TCP_RTO_MIN`.
const SHORTEST: SimDuration = SimDuration::from_millis(200);
/// `TCP_RTO_MAX`.
const LONGEST: SimDuration = SimDuration::from_secs(120);
/// The first wait of a SYN (`TCP_TIMEOUT_INIT`).
const OPENING: SimDuration = SimDuration::from_secs(1);
/// `net.ipv4.tcp_syn_retries`.
const OPENING_TRIES: u32 = 6;
/// `net.ipv4.tcp_retries2`: with the shortest timeout these take 924.6 s.
const TRIES: u32 = 15;
/// `net.ipv4.tcp_orphan_retries`: how often the kernel goes on with what a closed connection left behind.
const ORPHAN_TRIES: u32 = 8;

/// How long a sender waits for an acknowledgement before it sends again the first time: the round trip and a margin that is never below
/// 200 ms. A link of 1 ms gives 202 ms.
pub fn first_timeout(opening: bool, one_way: SimDuration) -> SimDuration {
    if opening { OPENING } else { SimDuration((SHORTEST.0 + 2 * one_way.0).min(LONGEST.0)) }
}

/// And after that: double, up to two minutes.
pub fn next_timeout(before: SimDuration) -> SimDuration {
    SimDuration((before.0 * 2).min(LONGEST.0))
}

/// Something that travels over one direction of a connection.
#[derive(Clone, Debug)]
pub(super) struct Waiting<T> {
    /// Its place among all that is sent: order is kept.
    pub order: u64,
    /// How long it takes from its last sending to its arrival.
    pub latency: SimDuration,
    pub freight: T,
}

/// One direction of a connection on which something was lost.
#[derive(Clone, Debug)]
pub(super) struct Stall<T> {
    /// The first was lost; the others wait for it.
    pub waiting: VecDeque<Waiting<T>>,
    /// How often it has been sent again.
    pub tries: u32,
    pub timeout: SimDuration,
    /// When it is sent again.
    pub again_at: SimTime,
    /// Why it did not pass the last time.
    pub reason: DropReason,
    /// It is the SYN that was lost.
    pub opening: bool,
    /// The sender has closed the connection; its kernel goes on for a while.
    pub orphan: bool,
}

impl<T> Stall<T> {
    pub fn new(first: Waiting<T>, opening: bool, reason: DropReason, now: SimTime) -> Stall<T> {
        let timeout = first_timeout(opening, first.latency);
        let waiting = VecDeque::from([first]);
        Stall { waiting, tries: 0, timeout, again_at: now + timeout, reason, opening, orphan: false }
    }

    /// Takes a place behind what was sent before.
    pub fn join(&mut self, waiting: Waiting<T>) {
        let at = self.waiting.partition_point(|w| w.order < waiting.order);
        self.waiting.insert(at, waiting);
    }

    /// Is it given up now?
    pub fn is_hopeless(&self) -> bool {
        let limit = match () {
            () if self.opening => OPENING_TRIES,
            () if self.orphan => ORPHAN_TRIES,
            () => TRIES,
        };
        self.tries > limit
    }
}

/// A transmission that did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// On this direction of a connection.
    pub pipe: Pipe,
    /// Why.
    pub reason: DropReason,
    /// How often it has been sent again before.
    pub tries: u32,
    /// When it is sent again.
    pub again_at: SimTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of Linux's documentation: tcp_retries2 = 15 is 924.6 s with the shortest timeout.
    #[test]
    fn timeouts_double_up_to_two_minutes() {
        let mut timeout = first_timeout(false, SimDuration::ZERO);
        let mut total = SimDuration::ZERO;
        for _ in 0..=TRIES {
            total = SimDuration(total.0 + timeout.0);
            timeout = next_timeout(timeout);
        }
        assert_eq!(total, SimDuration::from_millis(924_600));
        assert_eq!(first_timeout(false, SimDuration::from_millis(1)), SimDuration::from_millis(202));
        assert_eq!(first_timeout(true, SimDuration::from_millis(1)), SimDuration::from_secs(1));
        assert_eq!(next_timeout(SimDuration::from_secs(100)), SimDuration::from_secs(120));
    }
}
