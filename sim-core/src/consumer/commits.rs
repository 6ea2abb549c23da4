//! Commits: the application's own, the client's, and the last ones before partitions are given up (F-10, F-11, F-13).

use super::membership::{Pause, Stage};
use super::{Asked, Consumer, Thread};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::Backoff;
use crate::time::SimTime;
use crate::trace::{Api, What};
use crate::wire::Request;

/// Whose commit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The client's, inside `poll()`: nobody waits for it.
    Auto,
    /// The application's `commitSync()`.
    ByHand,
    /// `poll()` or `close()` waits for it before partitions are given up.
    Pause,
}

impl Consumer {
    /// F-4: positions are what `poll()` has returned.
    fn offsets_to_commit(&self) -> Vec<(PartitionId, Offset)> {
        self.positions().filter_map(|(p, at)| at.map(|at| (p, at))).collect()
    }

    /// Has it done something since the last commit?
    fn has_uncommitted(&self, of: impl Fn(PartitionId) -> bool) -> bool {
        self.assigned.iter().any(|a| of(a.partition) && a.position.is_some() && a.position != a.committed)
    }

    /// Sends a commit. False: the coordinator cannot be asked now.
    ///
    /// # Errors
    /// F-13: without a share of its own there is nothing that it may commit: REBALANCE_IN_PROGRESS while it joins, else
    /// CommitFailedException.
    fn send_commit(&mut self, why: Why, fx: &mut Effects<'_>) -> Result<bool, ErrorCode> {
        match self.membership.stage {
            Stage::Stable => {}
            Stage::Joining | Stage::Syncing => return Err(ErrorCode::RebalanceInProgress),
            Stage::Unjoined => return Err(ErrorCode::CommitFailed),
        }
        let offsets = self.offsets_to_commit();
        let Some(server) = self.coordinator_ready(fx) else { return Ok(false) };
        let generation = self.membership.generation;
        let request = Request::OffsetCommit {
            group: self.group(),
            member: self.membership.member,
            instance: self.instance(),
            generation,
            offsets: offsets.clone(),
        };
        let (timeout, cause) = (self.config().request_timeout, fx.cause);
        let asked = Asked::Commit { why, generation, offsets };
        self.client.ask(fx, server, (Api::OffsetCommit, request), timeout, cause, asked);
        Ok(true)
    }

    /// F-10: inside `poll()`: when the interval is over, the positions as the previous polls left them, without waiting.
    pub(super) fn auto_commit(&mut self, fx: &mut Effects<'_>) {
        if self.config().enable_auto_commit && fx.now >= self.auto_commit_at {
            if !self.offsets_to_commit().is_empty() {
                let _ = self.send_commit(Why::Auto, fx);
            }
            self.auto_commit_at = fx.now + self.config().auto_commit_interval;
        }
    }

    /// Does the application commit by hand now that it has nothing in hand?
    pub(super) fn commits_by_hand(&self, now: SimTime) -> bool {
        !self.config().enable_auto_commit && now >= self.commit_by_hand_at() && self.has_uncommitted(|_| true)
    }

    /// It commits no sooner.
    pub(super) fn commit_by_hand_at(&self) -> SimTime {
        self.last_commit + self.spec().handler.commit_every
    }

    /// `commitSync()`. True: it is over, one way or the other.
    pub(super) fn commit(&mut self, since: SimTime, fx: &mut Effects<'_>) -> bool {
        if self.waits_for(|a| matches!(a, Asked::Commit { why: Why::ByHand, .. })) {
            return false;
        }
        let sent = if fx.now >= since + self.config().default_api_timeout {
            Err(ErrorCode::Timeout)
        } else {
            self.send_commit(Why::ByHand, fx)
        };
        match sent {
            Err(error) => {
                self.end_commit(error, fx);
                true
            }
            Ok(sent) => {
                let again = if sent { SimTime::NEVER } else { fx.now + self.config().retry_backoff };
                self.thread = Thread::Committing { since, again };
                false
            }
        }
    }

    fn end_commit(&mut self, error: ErrorCode, fx: &mut Effects<'_>) {
        fx.trace(What::CommitDone { consumer: self.id, error });
        self.commit_attempts = 0;
        self.last_commit = fx.now;
        self.thread = Thread::Polling;
    }

    pub(super) fn on_commit_answer(
        &mut self,
        error: ErrorCode,
        why: Why,
        generation: i32,
        offsets: &[(PartitionId, Offset)],
        fx: &mut Effects<'_>,
    ) {
        use ErrorCode::{CoordinatorNotAvailable, NotCoordinator, RequestTimedOut};
        if matches!(error, NotCoordinator | CoordinatorNotAvailable | RequestTimedOut) {
            self.forget_coordinator(fx.now);
        }
        self.on_membership_error(error, generation, fx);
        let error = match error {
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => ErrorCode::CommitFailed,
            error => error,
        };
        if error == ErrorCode::None {
            for &(partition, offset) in offsets {
                if let Some(assigned) = self.assigned.iter_mut().find(|a| a.partition == partition) {
                    assigned.committed = Some(offset);
                }
            }
        }
        let backoff = Backoff { first: self.config().retry_backoff, longest: self.config().retry_backoff_max };
        let retries = error.is_retriable();
        match why {
            Why::Auto => {
                fx.trace(What::CommitDone { consumer: self.id, error });
                if retries {
                    self.auto_commit_at = self.auto_commit_at.min(fx.now + backoff.first);
                }
            }
            Why::ByHand => match self.thread {
                Thread::Committing { since, .. } if retries => {
                    let again = fx.now + backoff.after(self.commit_attempts, &mut self.jitter);
                    self.commit_attempts += 1;
                    self.thread = Thread::Committing { since, again };
                }
                Thread::Committing { .. } => self.end_commit(error, fx),
                _ => {}
            },
            Why::Pause => {
                if let (true, Some((_, _, again))) = (retries, &mut self.membership.pause) {
                    *again = fx.now + backoff.after(self.commit_attempts, &mut self.jitter);
                    self.commit_attempts += 1;
                    return;
                }
                fx.trace(What::CommitDone { consumer: self.id, error });
                self.commit_attempts = 0;
                self.end_pause(fx);
            }
        }
    }

    // --- the last chance -----------------------------------------------------------------------------------------------------------

    /// F-10: before it joins again, or closes: auto commit always commits; an application that commits by hand does in
    /// onPartitionsRevoked, if it was written so (DUP-13), which in the cooperative protocol is called later.
    pub(super) fn must_commit_before_join(&self) -> bool {
        let anything = !self.offsets_to_commit().is_empty();
        if self.config().enable_auto_commit {
            return anything;
        }
        let eager = self.config().assignors.iter().any(|a| !a.is_cooperative());
        (eager || self.closing) && self.spec().handler.commit_on_revoke && self.has_uncommitted(|_| true)
    }

    /// The same for partitions that a cooperative assignment took away. Auto commit has had its turn before the join.
    pub(super) fn must_commit_on_revoke(&self, gone: &[PartitionId]) -> bool {
        !self.config().enable_auto_commit && self.spec().handler.commit_on_revoke && self.has_uncommitted(|p| gone.contains(&p))
    }

    /// The commit that `poll()` or `close()` waits for: sends it, unless it is on its way. True: it is over.
    pub(super) fn commit_in_pause(&mut self, fx: &mut Effects<'_>) -> bool {
        let Some((pause, since, again)) = self.membership.pause.clone() else { return true };
        let over = fx.now >= since + self.pause_limit(&pause);
        if !over && (again > fx.now || self.waits_for(|a| matches!(a, Asked::Commit { why: Why::Pause, .. }))) {
            return false;
        }
        let sent = if over { Err(ErrorCode::Timeout) } else { self.send_commit(Why::Pause, fx) };
        match sent {
            Ok(true) => false,
            Ok(false) => {
                let at = fx.now + self.config().retry_backoff;
                self.membership.pause = Some((pause, since, at));
                false
            }
            Err(error) => {
                fx.trace(What::CommitDone { consumer: self.id, error });
                self.end_pause(fx);
                pause != Pause::BeforeClose
            }
        }
    }
}
