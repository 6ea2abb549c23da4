//! Worker threads of a consuming application: `poll()` hands them what it returns and goes on. They take records from one queue, in its
//! order, and finish them in any (ORDER-8). Commits go by what is noted here (LOSS-C4), or by positions, which run ahead (LOSS-C2).

use super::{Consumer, InHand};
use crate::effects::Effects;
use crate::ids::*;
use crate::rows::{Map, Set};
use crate::scenario::{Step, WorkersCommit};
use crate::time::SimTime;
use crate::trace::TraceId;
use std::collections::VecDeque;

/// A record, and the `poll()` that returned it.
#[derive(Clone, Copy, Debug)]
struct Job {
    record: InHand,
    polled: TraceId,
}

/// The threads and what the application knows of their work.
#[derive(Clone, Debug, Default)]
pub(super) struct Workers {
    queue: VecDeque<Job>,
    /// What the threads that are not idle work on, and until when.
    busy: Vec<(SimTime, Job)>,
    /// Handed over and not finished, of partitions that are still its own.
    unfinished: Set<(PartitionId, Offset)>,
    /// Of the same partitions: the offset after the highest finished one.
    highest: Map<PartitionId, Offset>,
}

impl Workers {
    /// Nothing waits and nobody works.
    pub fn are_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// When the next record is finished.
    pub fn due(&self) -> SimTime {
        self.busy.iter().map(|(until, _)| *until).min().unwrap_or(SimTime::NEVER)
    }

    /// The records that are not finished: first those in work.
    pub fn records(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.busy.iter().map(|(_, job)| job.record.message).chain(self.queue.iter().map(|job| job.record.message))
    }

    /// What an application that has polled up to `position` takes for done.
    pub fn done(&self, partition: PartitionId, position: Offset, by: WorkersCommit) -> Option<Offset> {
        match by {
            WorkersCommit::HighestDone => self.highest.get(&partition).copied(),
            WorkersCommit::Done => {
                let first = self.unfinished.range((partition, Offset::ZERO)..).next().filter(|(p, _)| *p == partition);
                Some(first.map_or(position, |(_, offset)| position.min(*offset)))
            }
        }
    }

    /// The partition is another's now. What is in work of it is finished all the same (G-7).
    pub fn forget(&mut self, partition: PartitionId) {
        self.unfinished.retain(|(p, _)| *p != partition);
        self.highest.remove(&partition);
    }

    fn next_done(&self, now: SimTime) -> Option<usize> {
        let due = self.busy.iter().enumerate().filter(|(_, (until, _))| *until <= now);
        due.min_by_key(|(at, (until, _))| (*until, *at)).map(|(at, _)| at)
    }

    fn note_done(&mut self, InHand { partition, offset, .. }: InHand) {
        if self.unfinished.remove(&(partition, offset)) {
            let highest = self.highest.entry(partition).or_insert(Offset::ZERO);
            *highest = offset.plus(1).max(*highest);
        }
    }
}

impl Consumer {
    /// Gives the workers what `poll()` has returned.
    pub(super) fn hand_to_workers(&mut self, fx: &mut Effects<'_>) {
        let polled = self.poll_event;
        for record in self.in_hand.drain(..) {
            self.workers.unfinished.insert((record.partition, record.offset));
            self.workers.queue.push_back(Job { record, polled });
        }
        self.employ(fx);
    }

    /// Threads that are idle take what waits.
    fn employ(&mut self, fx: &mut Effects<'_>) {
        let (threads, time) = (usize::from(self.spec().handler.workers), self.spec().handler.time);
        while self.workers.busy.len() < threads
            && let Some(job) = self.workers.queue.pop_front()
        {
            if self.crashes_at(&job, Step::Business, false, fx) {
                return;
            }
            self.workers.busy.push((fx.now + self.handling.latency(time), job));
        }
    }

    /// Whoever is done takes the next record.
    pub(super) fn run_workers(&mut self, fx: &mut Effects<'_>) {
        while let Some(at) = self.workers.next_done(fx.now) {
            let (_, job) = self.workers.busy.remove(at);
            if self.crashes_at(&job, Step::Business, true, fx) || self.crashes_at(&job, Step::Effect, false, fx) {
                return;
            }
            self.apply(job.record, job.polled, fx);
            if self.crashes_at(&job, Step::Effect, true, fx) || self.crashes_at(&job, Step::Ack, false, fx) {
                return;
            }
            self.workers.note_done(job.record);
            if self.crashes_at(&job, Step::Ack, true, fx) {
                return;
            }
            self.employ(fx);
        }
    }

    /// Is the process to crash at this point of a worker's work? Then it has.
    fn crashes_at(&mut self, job: &Job, step: Step, after: bool, fx: &mut Effects<'_>) -> bool {
        if self.traps.is_empty() {
            return false;
        }
        let place = self.spec().handler.steps.iter().position(|&s| s == step).expect("workers do their business, and no more");
        self.is_caught(job.record.message, (place as u16, after), fx)
    }
}
