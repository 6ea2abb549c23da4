//! A slow disk (D-6): what appends to a log holds a request thread, or a replica fetcher, for longer. There are num.io.threads of the
//! former; when all are held, requests that append wait for the next one.

use super::{Broker, Due};
use crate::effects::{Caller, Effects};
use crate::ids::*;
use crate::rows::Map;
use crate::set::BrokerSet;
use crate::time::{SimDuration, SimTime};
use crate::trace::TraceId;
use crate::wire::{FetchResult, Request};

/// What is held up.
#[derive(Clone, Debug)]
enum Held {
    Request(Caller, Request),
    /// An answer to a replica fetch: from whom, and what.
    Fetched(BrokerId, Vec<FetchResult>),
}

/// The state of it.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowDisk {
    /// Each append takes this much longer.
    pub extra: SimDuration,
    /// When each request thread is free.
    threads: Vec<SimTime>,
    held: Map<u64, (TraceId, Held)>,
    next: u64,
    /// The leaders whose answers are held up: their fetchers have no time to ask for more.
    pub fetchers: BrokerSet,
}

impl SlowDisk {
    /// The process ends; the disk stays as it is.
    pub fn forget(&mut self) {
        *self = SlowDisk { extra: self.extra, ..SlowDisk::default() };
    }

    /// When the first free one of `threads` is done with an append that comes now.
    fn done_at(&mut self, threads: u32, now: SimTime) -> SimTime {
        self.threads.resize(threads.clamp(1, 1_024) as usize, SimTime::ZERO);
        let free = self.threads.iter_mut().min().expect("at least one");
        *free = now.max(*free) + self.extra;
        *free
    }
}

impl Broker {
    /// Takes a request that appends, if the disk makes it wait; else gives it back.
    pub(super) fn hold_request(&mut self, caller: Caller, request: Request, fx: &Effects<'_>) -> Option<Request> {
        let appends = matches!(request, Request::Produce { .. } | Request::OffsetCommit { .. });
        if self.slow_disk.extra == SimDuration::ZERO || !appends {
            return Some(request);
        }
        let threads = self.config().num_io_threads;
        let at = self.slow_disk.done_at(threads, fx.now);
        self.hold(at, fx.cause, Held::Request(caller, request));
        None
    }

    /// The same for records that a leader sent.
    pub(super) fn hold_fetched(
        &mut self,
        leader: BrokerId,
        results: Vec<FetchResult>,
        fx: &Effects<'_>,
    ) -> Option<Vec<FetchResult>> {
        if self.slow_disk.extra == SimDuration::ZERO || results.iter().all(|r| r.batches.is_empty()) {
            return Some(results);
        }
        self.slow_disk.fetchers = self.slow_disk.fetchers.with(leader);
        let at = fx.now + self.slow_disk.extra;
        self.hold(at, fx.cause, Held::Fetched(leader, results));
        None
    }

    fn hold(&mut self, at: SimTime, cause: TraceId, held: Held) {
        let id = self.slow_disk.next;
        self.slow_disk.next += 1;
        self.slow_disk.held.insert(id, (cause, held));
        self.agenda.add(at, Due::Disk(id));
    }

    /// The disk has taken it.
    pub(super) fn let_go(&mut self, id: u64, fx: &mut Effects<'_>) {
        let Some((cause, held)) = self.slow_disk.held.remove(&id) else { return };
        let before = std::mem::replace(&mut fx.cause, cause);
        match held {
            Held::Request(caller, request) => self.do_request(caller, request, fx),
            Held::Fetched(leader, results) => {
                self.slow_disk.fetchers = self.slow_disk.fetchers.minus(BrokerSet::of(leader));
                self.on_fetched(leader, results, fx);
            }
        }
        fx.cause = before;
    }
}
