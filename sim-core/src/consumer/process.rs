//! The process: how it ends and starts again (S-5), and the traps that it is to be crashed in.

use super::classic::Classic;
use super::workers::Workers;
use super::{Consumer, Process, Thread, Trap};
use crate::effects::Effects;
use crate::net::metadata::MetadataCache;
use crate::time::SimTime;
use crate::trace::{TraceId, What};

impl Consumer {
    /// The process ends. A clean stop (`close()`) first finishes what is in hand.
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        match process {
            // Its producer closes with it: the round is not finished.
            Process::Stopped if self.spec().forward.is_some() => {
                self.say_goodbye(fx);
                self.leave(fx);
                self.end(process, fx);
            }
            Process::Stopped => {
                self.closing = true;
                self.work(fx);
            }
            _ => self.end(process, fx),
        }
    }

    /// It is gone: what `poll()` returned and was not finished is forgotten, and so are the positions and the membership.
    pub(super) fn end(&mut self, process: Process, fx: &mut Effects<'_>) {
        self.process = process;
        let node = self.node();
        let power = process == Process::PoweredOff;
        fx.trace(if process == Process::Stopped { What::Stopped { node } } else { What::Crashed { node, power } });
        self.client.reset(fx);
        self.in_hand.clear();
        self.workers = Workers::default();
        self.calls.clear();
        self.failures.clear();
        self.resumes = None;
        self.thread = Thread::Polling;
        self.coordinator = None;
        self.assigned.clear();
        self.classic = Classic::new();
        self.closing = false;
        if std::mem::take(&mut self.starts_again) {
            self.start(fx);
        }
    }

    /// Its process is to be crashed at a point of its work.
    pub fn set_trap(&mut self, trap: Trap) {
        self.traps.push(trap);
    }

    /// It has just crashed in a trap: when its supervisor starts it again.
    pub(crate) fn fallen(&self) -> Option<SimTime> {
        self.sprung.map(|_| self.rises_at)
    }

    /// The trap that it has crashed in, once.
    pub fn take_sprung(&mut self) -> Option<TraceId> {
        self.sprung.take()
    }

    /// A trap has done its work elsewhere.
    pub fn take_up(&mut self, trap: TraceId) {
        self.traps.retain(|t| t.cause != trap);
    }

    /// It is to start. One that is on its way down starts when it is there.
    pub fn restart(&mut self, fx: &mut Effects<'_>) {
        if self.process == Process::Up {
            self.starts_again = self.closing;
        } else {
            self.start(fx);
        }
    }

    /// S-5: a new process reads on from the committed offset.
    pub(super) fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        (self.rises_at, self.rest_until) = (SimTime::NEVER, fx.now);
        fx.cause = fx.trace(What::Started { node: self.node() });
        self.metadata = MetadataCache::new(self.id.0);
        self.coordinator_after = fx.now;
        self.auto_commit_at = fx.now + self.config().auto_commit_interval;
        self.polled_at = fx.now;
        self.last_commit = fx.now;
        self.membership = self.membership.as_ref().and_then(|old| old.successor(fx.now));
        self.work(fx);
    }

    /// `close()`, when the thread has nothing in hand any more.
    pub(super) fn close(&mut self, fx: &mut Effects<'_>) {
        if self.membership.is_some() {
            self.say_goodbye(fx);
            self.end(Process::Stopped, fx);
        } else {
            self.close_classic(fx);
        }
    }
}
