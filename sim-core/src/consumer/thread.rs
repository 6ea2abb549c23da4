//! The application's thread: it polls (F-4), works on what `poll()` returned, commits, and begins again; and what becomes of it when it
//! is away from `poll()` for too long (F-14).

use super::commits::Extent;
use super::modern::Membership;
use super::{Consumer, InHand, Process, Thread};
use crate::effects::Effects;
use crate::ids::*;
use crate::scenario::{CommitCall, CommitWhen};
use crate::time::{SimDuration, SimTime};
use crate::trace::{TraceId, What};

impl Consumer {
    pub(super) fn run_application(&mut self, fx: &mut Effects<'_>) {
        loop {
            match self.thread {
                Thread::Failed | Thread::Polling if self.closing && !self.workers.are_idle() => return,
                Thread::Failed | Thread::Polling if self.closing => return self.close(fx),
                Thread::Failed | Thread::Forwarding => return,
                Thread::Polling => {
                    if !self.poll(fx) || self.process != Process::Up {
                        return;
                    }
                }
                Thread::Handling(work) => {
                    if !self.work_on(work, fx) || self.process != Process::Up {
                        return;
                    }
                }
                Thread::Committing { since, again, extent } => {
                    if again > fx.now && fx.now < since + self.config().default_api_timeout {
                        return;
                    }
                    if !self.commit(since, extent, fx) {
                        return;
                    }
                }
            }
        }
    }

    /// `poll()`: returns up to max.poll.records, and moves the positions past them (F-4).
    fn poll(&mut self, fx: &mut Effects<'_>) -> bool {
        self.polled_at = fx.now;
        let may_read = match self.membership {
            None => self.take_part(fx),
            Some(_) => self.rebalance_in_poll(fx),
        };
        if self.thread != Thread::Polling {
            return true; // it commits first, or has failed
        }
        self.auto_commit(fx);
        if self.spec().handler.commit_every > SimDuration::ZERO && self.commits_by_hand(fx.now) {
            self.call_commit(Extent::Done, fx);
            if self.thread != Thread::Polling {
                return true;
            }
        }
        if !may_read || fx.now < self.rest_until {
            return false;
        }
        let mut room = self.config().max_poll_records;
        let n = self.assigned.len();
        for i in 0..n {
            let at = (self.poll_from as usize + i) % n;
            room -= self.take_from(at, room, fx);
            if room == 0 {
                self.poll_from = at as u32;
                break;
            }
        }
        if self.in_hand.is_empty() {
            return false;
        }
        if self.spec().handler.workers > 0 {
            self.hand_to_workers(fx);
        } else {
            self.begin_record();
        }
        true
    }

    fn take_from(&mut self, at: usize, room: u32, fx: &mut Effects<'_>) -> u32 {
        let consumer = self.id;
        let assigned = &mut self.assigned[at];
        let partition = assigned.partition;
        let Some(from) = assigned.position else { return 0 };
        let (mut taken, mut position) = (0, from);
        // Records in one piece: control records and aborted ones lie between the pieces.
        let mut piece = (from, 0);
        while taken < room {
            let Some(fetched) = assigned.buffer.front() else { break };
            position = position.max(fetched.base);
            let skip = (position.0 - fetched.base.0) as usize;
            let records = fetched.records();
            let some = records.len().saturating_sub(skip).min((room - taken) as usize);
            if some > 0 && piece.0.plus(piece.1) != position {
                self.poll_event = polled(consumer, partition, piece, fx).unwrap_or(self.poll_event);
                piece = (position, 0);
            }
            for (i, record) in records.iter().skip(skip).take(some).enumerate() {
                let offset = position.plus(i as u32);
                self.in_hand.push_back(InHand { partition, offset, message: record.message, sent: fetched.sent() });
            }
            taken += some as u32;
            piece.1 += some as u32;
            // What ends below the position was replaced behind it, and is passed over.
            position = if skip + some < records.len() { position.plus(some as u32) } else { fetched.end.max(position) };
            assigned.epoch = fetched.epoch;
            if position >= fetched.end {
                assigned.buffer.pop_front();
            }
        }
        assigned.position = Some(position);
        self.poll_event = polled(consumer, partition, piece, fx).unwrap_or(self.poll_event);
        taken
    }

    /// The business with the records in hand, but for the last of them. True: the thread is at it for a while, and there is nothing else to
    /// do, as there may be for an application that asks somebody or commits in between.
    pub(super) fn handle_records(&mut self, fx: &mut Effects<'_>) -> bool {
        let handler = &self.spec().handler;
        if handler.commit_when == CommitWhen::EachRecord || !handler.is_plain() || !self.traps.is_empty() {
            return false;
        }
        while let Thread::Handling(work) = self.thread
            && work.is_ready(fx.now)
            && (self.in_hand.len() > 1 || work.is_new())
        {
            self.work_on(work, fx);
        }
        matches!(self.thread, Thread::Handling(work) if !work.is_ready(fx.now))
    }

    /// The effect of a record.
    pub(super) fn apply(&mut self, record: InHand, cause: TraceId, fx: &mut Effects<'_>) -> TraceId {
        let InHand { partition, offset, message, .. } = record;
        self.effects += 1;
        fx.trace_from(cause, What::Effect { consumer: self.id, message, partition, offset })
    }

    /// The thread goes on with what a commit has interrupted, takes the next record in hand, or polls.
    pub(super) fn go_on(&mut self) {
        if let Some(work) = self.resumes.take() {
            self.thread = Thread::Handling(work);
        } else if self.in_hand.is_empty() {
            self.thread = Thread::Polling;
        } else {
            self.begin_record();
        }
    }

    /// The application commits: it waits for the answer, or does not (F-11).
    pub(super) fn call_commit(&mut self, extent: Extent, fx: &mut Effects<'_>) {
        match self.spec().handler.commit {
            CommitCall::Sync => self.thread = Thread::Committing { since: fx.now, again: fx.now, extent },
            CommitCall::Async => {
                self.commit_async(extent, fx);
                self.go_on();
            }
        }
    }

    /// When the application will have been away from `poll()` for too long (F-14).
    pub(super) fn poll_deadline(&self) -> SimTime {
        let away = matches!(self.thread, Thread::Handling(_) | Thread::Forwarding | Thread::Committing { .. });
        let watched = self.membership.as_ref().map_or_else(|| self.is_in_classic(), Membership::is_in);
        if away && watched { self.polled_at + self.config().max_poll_interval } else { SimTime::NEVER }
    }

    /// F-14: the client leaves behind the application's back. Its partitions go to others while it still works.
    pub(super) fn leave_if_poll_is_late(&mut self, fx: &mut Effects<'_>) {
        if fx.now >= self.poll_deadline() {
            fx.cause = fx.trace(What::PollTooLate { consumer: self.id });
            match &mut self.membership {
                None => self.abandon_group(fx),
                Some(modern) => modern.leave(fx.now),
            }
        }
    }
}

/// Notes what `poll()` returned in one piece, if it is anything.
fn polled(consumer: ConsumerId, partition: PartitionId, piece: (Offset, u32), fx: &mut Effects<'_>) -> Option<TraceId> {
    let (base, count) = piece;
    (count > 0).then(|| fx.trace(What::Polled { consumer, partition, base, count }))
}
