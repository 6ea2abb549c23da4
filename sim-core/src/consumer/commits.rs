//! Commits: the application's own, the client's, and the last ones before partitions are given up (F-10, F-11, F-13).

use super::classic::{Pause, Stage};
use super::{Asked, Assigned, Consumer, Position, Thread};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::Backoff;
use crate::record::CommittedOffset;
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
    pub(super) fn offsets_to_commit(&self) -> Vec<(PartitionId, CommittedOffset)> {
        let runs_ahead = self.layout.scenario.has_bug(Bug::CommitsWhatIsFetched);
        let next = |a: &Assigned| match a.fetch {
            Position::At(fetched) if runs_ahead => Some(fetched),
            _ => a.position,
        };
        let of = |a: &Assigned| next(a).map(|offset| (a.partition, CommittedOffset { offset, epoch: a.epoch }));
        self.assigned.iter().filter_map(of).collect()
    }

    /// Has it done something since the last commit?
    fn has_uncommitted(&self, of: impl Fn(PartitionId) -> bool) -> bool {
        self.assigned.iter().any(|a| of(a.partition) && a.position.is_some() && a.position != a.committed)
    }

    /// As whom it commits: member, instance, and generation or epoch.
    ///
    /// # Errors
    /// F-13: a member of a classic group without a share of its own has nothing that it may commit: REBALANCE_IN_PROGRESS while it
    /// joins, else CommitFailedException.
    pub(super) fn committer(&self) -> Result<(Option<MemberId>, Option<InstanceId>, i32), ErrorCode> {
        if let Some(modern) = &self.membership {
            let by = modern.identity();
            return Ok((by.map(|(member, _)| member), None, by.map_or(-1, |(_, epoch)| epoch.0)));
        }
        match self.classic.stage {
            Stage::Stable => Ok((self.classic.member, self.instance(), self.classic.generation)),
            Stage::Joining | Stage::Syncing => Err(ErrorCode::RebalanceInProgress),
            Stage::Unjoined => Err(ErrorCode::CommitFailed),
        }
    }

    /// Sends a commit. False: the coordinator cannot be asked now.
    ///
    /// # Errors
    /// See [`Consumer::committer`].
    pub(super) fn send_commit(&mut self, why: Why, fx: &mut Effects<'_>) -> Result<bool, ErrorCode> {
        let (member, instance, generation) = self.committer()?;
        let offsets = self.offsets_to_commit();
        let Some(server) = self.coordinator_ready(fx).filter(|_| !offsets.is_empty()) else { return Ok(false) };
        let (group, sent) = (self.group(), offsets.clone());
        let request = Request::OffsetCommit { group, member, instance, generation, offsets };
        let (timeout, cause) = (self.config().request_timeout, fx.cause);
        let asked = Asked::Commit { why, generation, offsets: sent };
        self.client.ask(fx, server, (Api::OffsetCommit, request), timeout, cause, asked);
        Ok(true)
    }

    /// F-10: inside `poll()`: when the interval is over, the positions as the previous polls left them, without waiting.
    pub(super) fn auto_commit(&mut self, fx: &mut Effects<'_>) {
        if self.config().enable_auto_commit && fx.now >= self.auto_commit_at && self.in_hand.is_empty() {
            // Whoever has no share commits nothing.
            let _ = self.send_commit(Why::Auto, fx);
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
        self.thread = self.resumes.take().map_or(Thread::Polling, Thread::Handling);
    }

    pub(super) fn on_commit_answer(
        &mut self,
        error: ErrorCode,
        why: Why,
        generation: i32,
        offsets: &[(PartitionId, CommittedOffset)],
        fx: &mut Effects<'_>,
    ) {
        use ErrorCode::{CoordinatorNotAvailable, NotCoordinator, RequestTimedOut};
        if matches!(error, NotCoordinator | CoordinatorNotAvailable | RequestTimedOut) {
            self.forget_coordinator(fx.now);
        }
        if self.membership.is_none() {
            self.on_membership_error(error, generation, fx);
        }
        if error == ErrorCode::None {
            for &(partition, committed) in offsets {
                if let Some(assigned) = self.assigned_mut(partition) {
                    assigned.committed = Some(committed.offset);
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
                if let (true, Some((_, _, again))) = (retries, &mut self.classic.pause) {
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
        let Some((pause, since, again)) = self.classic.pause.clone() else { return true };
        let over = fx.now >= since + self.pause_limit(&pause);
        if !over && (again > fx.now || self.waits_for(|a| matches!(a, Asked::Commit { why: Why::Pause, .. }))) {
            return false;
        }
        let sent = if over { Err(ErrorCode::Timeout) } else { self.send_commit(Why::Pause, fx) };
        match sent {
            Ok(true) => false,
            Ok(false) => {
                let at = fx.now + self.config().retry_backoff;
                self.classic.pause = Some((pause, since, at));
                false
            }
            Err(error) => {
                fx.trace(What::CommitDone { consumer: self.id, error });
                self.end_pause(fx);
                pause != Pause::Close
            }
        }
    }
}
