//! Redis: keys that run out, and what it forgets when it is restarted, fails over to a replica, or runs full (DUP-17).

use super::{Key, Subject};
use crate::effects::{Caller, Effects};
use crate::ids::{NodeId, StoreId};
use crate::layout::Layout;
use crate::producer::Process;
use crate::rows::Shared;
use crate::scenario::{Persistence, RedisSpec};
use crate::time::{SimDuration, SimTime};
use crate::trace::{Command, Forgot, What};
use crate::wire::{Body, Packet, Request, Response};
use std::collections::VecDeque;
use std::sync::Arc;

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisRequest {
    /// The command.
    pub command: Command,
    /// The key.
    pub key: Key,
    /// What a `SET` writes.
    pub mark: Mark,
    /// For how long.
    pub ttl: SimDuration,
    /// What it is about.
    pub subject: Subject,
}

/// The value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Somebody works on it.
    Working,
    /// It is done, or (S-11) taken for done.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    mark: Mark,
    expires: SimTime,
    /// When it was used last, as a number.
    used: u64,
}

/// A change, with what undoes it.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: SimTime,
    key: Key,
    before: Option<Entry>,
}

/// The server.
#[derive(Clone, Debug)]
pub struct Redis {
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    keys: Shared<Key, Entry>,
    /// The keys in the order of their last use; kept only where memory is limited.
    by_use: Shared<u64, Key>,
    uses: u64,
    /// The newest changes: those that a replica, or the disk, may lack.
    recent: VecDeque<Change>,
    /// A replica takes over then.
    takes_over: SimTime,
}

impl Redis {
    /// An empty one.
    pub fn new(layout: Arc<Layout>) -> Redis {
        Redis {
            layout,
            process: Process::Up,
            keys: Shared::default(),
            by_use: Shared::default(),
            uses: 0,
            recent: VecDeque::new(),
            takes_over: SimTime::NEVER,
        }
    }

    const NODE: NodeId = NodeId::Store(StoreId::Redis);

    fn spec(&self) -> &RedisSpec {
        &self.layout.scenario.redis
    }

    /// Keys that it holds, those that have run out and were not noticed included.
    pub fn len(&self) -> u32 {
        self.keys.len() as u32
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A command arrived.
    pub fn handle(&mut self, packet: &Packet, fx: &mut Effects<'_>) {
        let caller = Caller::of(packet);
        let response = match &packet.body {
            Body::Request(Request::Redis(request)) => self.execute(request, caller.node, fx),
            _ => Response::ApiVersions,
        };
        let cause = fx.cause;
        fx.respond(&caller, Redis::NODE, cause, response);
    }

    fn execute(&mut self, request: &RedisRequest, from: NodeId, fx: &mut Effects<'_>) -> Response {
        let NodeId::Consumer(consumer) = from else { unreachable!("only consumers ask Redis") };
        let RedisRequest { command, key, mark, ttl, subject } = *request;
        let found = self.look_up(key, fx.now);
        match command {
            Command::Get => {}
            Command::SetNx if found.is_some() => {}
            Command::SetNx | Command::Set => self.write(key, Some((mark, fx.now + ttl)), fx),
            Command::Del => self.write(key, None, fx),
        }
        let (message, found) = (subject.message, found.map(|entry| entry.mark));
        fx.cause = fx.trace(What::RedisAnswered { consumer, message, command, found: found.is_some() });
        Response::Redis(found)
    }

    /// A key that has not run out; it is used now.
    fn look_up(&mut self, key: Key, now: SimTime) -> Option<Entry> {
        let entry = self.keys.get(&key).copied()?;
        if entry.expires <= now {
            self.put(key, None);
            return None;
        }
        self.put(key, Some(entry));
        Some(entry)
    }

    fn write(&mut self, key: Key, value: Option<(Mark, SimTime)>, fx: &mut Effects<'_>) {
        let before = self.keys.get(&key).copied();
        self.put(key, value.map(|(mark, expires)| Entry { mark, expires, used: 0 }));
        self.remember(Change { at: fx.now, key, before });
        self.evict(fx);
    }

    /// Writes, or removes, and keeps the order of use.
    fn put(&mut self, key: Key, entry: Option<Entry>) {
        let limited = self.spec().max_keys.is_some();
        let old = match entry {
            Some(entry) => {
                self.uses += 1;
                self.keys.insert(key, Entry { used: self.uses, ..entry })
            }
            None => self.keys.remove(&key),
        };
        if limited {
            old.and_then(|old| self.by_use.remove(&old.used));
            if entry.is_some() {
                self.by_use.insert(self.uses, key);
            }
        }
    }

    /// `maxmemory-policy allkeys-lru`: the key that was used longest ago goes.
    fn evict(&mut self, fx: &mut Effects<'_>) {
        let Some(most) = self.spec().max_keys else { return };
        let mut evicted = 0;
        while self.keys.len() as u64 > u64::from(most) {
            let oldest = *self.by_use.first_key_value().expect("as many as there are keys").1;
            self.put(oldest, None);
            evicted += 1;
        }
        if evicted > 0 {
            fx.trace(What::RedisForgot { keys: evicted, why: Forgot::Evicted });
        }
    }

    /// Only the changes are kept that may have to be undone.
    fn remember(&mut self, change: Change) {
        let kept = self.spec().replica.map_or(SimDuration::ZERO, |r| r.lag).max(SimDuration::from_secs(1));
        while self.recent.front().is_some_and(|old| old.at + kept < change.at) {
            self.recent.pop_front();
        }
        self.recent.push_back(change);
    }

    /// Undoes what happened from this instant on. How many changes that were.
    fn undo_from(&mut self, at: SimTime) -> u32 {
        let mut undone = 0;
        while let Some(change) = self.recent.pop_back_if(|change| change.at >= at) {
            self.put(change.key, change.before);
            undone += 1;
        }
        undone
    }

    // --- the process ---------------------------------------------------------------------------------------------------------

    /// Its process ends. What it will have forgotten when it is back is decided now.
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        self.process = process;
        let power = process == Process::PoweredOff;
        let what = if process == Process::Stopped {
            What::Stopped { node: Redis::NODE }
        } else {
            What::Crashed { node: Redis::NODE, power }
        };
        fx.cause = fx.trace(what);
        if !power {
            fx.hang_up_all(Redis::NODE, fx.cause);
        }
        let clean = process == Process::Stopped;
        if let Some(replica) = self.spec().replica.filter(|_| !clean) {
            let lost = self.undo_from(SimTime(fx.now.0.saturating_sub(replica.lag.0)));
            self.forget(lost, Forgot::Failover, fx);
            self.takes_over = fx.now + replica.takes_over;
            return;
        }
        match self.spec().persistence {
            Persistence::None => {
                let lost = self.len();
                (self.keys, self.by_use) = (Shared::default(), Shared::default());
                self.recent.clear();
                self.forget(lost, Forgot::Restart, fx);
            }
            // The file is written at once and flushed once a second: a crash of the process loses nothing of it.
            Persistence::EverySecond if power => {
                let lost = self.undo_from(SimTime(fx.now.0 / 1_000_000 * 1_000_000));
                self.forget(lost, Forgot::Restart, fx);
            }
            Persistence::EverySecond | Persistence::Always => {}
        }
    }

    fn forget(&mut self, keys: u32, why: Forgot, fx: &mut Effects<'_>) {
        if keys > 0 {
            fx.trace(What::RedisForgot { keys, why });
        }
    }

    /// It is there again: its own process, or a replica at its address.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        self.takes_over = SimTime::NEVER;
        fx.trace(What::Started { node: Redis::NODE });
    }

    /// A replica takes over.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        if fx.now >= self.takes_over && self.process != Process::Up {
            self.start(fx);
        }
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        self.takes_over
    }
}
