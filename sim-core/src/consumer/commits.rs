//! Commits: the application's own, the client's, and the last ones before partitions are given up (F-10, F-11, F-13).

use super::classic::{Pause, Stage};
use super::{Asked, Assigned, Consumer, Position, Thread};
use crate::bug::Bug;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::Backoff;
use crate::record::CommittedOffset;
use crate::scenario::OnRevoke;
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
    /// The application's `commitAsync()`.
    Async,
    /// `poll()` or `close()` waits for it before partitions are given up.
    Pause,
}

/// What a commit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// F-4: all that `poll()` has returned, as a commit without arguments.
    Positions,
    /// What the application takes for done.
    Done,
}

impl Consumer {
    /// The next offset of a partition that a commit names.
    fn next_to_commit(&self, a: &Assigned, extent: Extent) -> Option<Offset> {
        let (position, handler) = (a.position?, &self.spec().handler);
        match (extent, a.fetch) {
            (_, Position::At(fetched)) if self.layout.scenario.has_bug(Bug::CommitsWhatIsFetched) => Some(fetched),
            (Extent::Positions, _) => Some(position),
            (Extent::Done, _) if handler.workers > 0 => self.workers.done(a.partition, position, handler.commit_offsets),
            (Extent::Done, _) => {
                let next = self.in_hand.iter().find(|record| record.partition == a.partition);
                Some(next.map_or(position, |record| record.offset))
            }
        }
    }

    /// What a commit holds now. The epoch goes with positions only: an application that counts for itself does not give one.
    pub(super) fn offsets_to_commit(&self, extent: Extent) -> Vec<(PartitionId, CommittedOffset)> {
        let epoch = |a: &Assigned, next| if Some(next) == a.position { a.epoch } else { LeaderEpoch::NONE };
        let of = |a: &Assigned| {
            let offset = self.next_to_commit(a, extent)?;
            Some((a.partition, CommittedOffset { offset, epoch: epoch(a, offset) }))
        };
        self.assigned.iter().filter_map(of).collect()
    }

    /// Has it done something since the last commit?
    pub(super) fn has_uncommitted(&self, extent: Extent, of: impl Fn(PartitionId) -> bool) -> bool {
        let is_new = |a: &Assigned| self.next_to_commit(a, extent).is_some_and(|next| Some(next) != a.committed);
        self.assigned.iter().any(|a| of(a.partition) && is_new(a))
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
    pub(super) fn send_commit(&mut self, why: Why, extent: Extent, fx: &mut Effects<'_>) -> Result<bool, ErrorCode> {
        let (member, instance, generation) = self.committer()?;
        let offsets = self.offsets_to_commit(extent);
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
            let _ = self.send_commit(Why::Auto, Extent::Positions, fx);
            self.auto_commit_at = fx.now + self.config().auto_commit_interval;
        }
    }

    /// Does the application commit by hand what it has done by now?
    pub(super) fn commits_by_hand(&self, now: SimTime) -> bool {
        now >= self.commit_by_hand_at()
    }

    /// When it commits what it has done; never if that is committed, or was before it was done (LOSS-C1).
    pub(super) fn commit_by_hand_at(&self) -> SimTime {
        let handler = &self.spec().handler;
        let by_hand = !self.config().enable_auto_commit && !handler.acknowledges_first();
        if by_hand && self.has_uncommitted(Extent::Done, |_| true) {
            self.last_commit + handler.commit_every
        } else {
            SimTime::NEVER
        }
    }

    /// `commitAsync()`: sent once, whatever becomes of it (F-11, DUP-14).
    pub(super) fn commit_async(&mut self, extent: Extent, fx: &mut Effects<'_>) {
        self.last_commit = fx.now;
        let sent = self.send_commit(Why::Async, extent, fx);
        if let Err(error) = sent.and_then(|sent| sent.then_some(()).ok_or(ErrorCode::CoordinatorNotAvailable)) {
            fx.trace(What::CommitDone { consumer: self.id, error });
        }
    }

    /// `commitSync()`. True: it is over, one way or the other.
    pub(super) fn commit(&mut self, since: SimTime, extent: Extent, fx: &mut Effects<'_>) -> bool {
        if self.waits_for(|a| matches!(a, Asked::Commit { why: Why::ByHand, .. })) {
            return false;
        }
        let sent = if fx.now >= since + self.config().default_api_timeout {
            Err(ErrorCode::Timeout)
        } else {
            self.send_commit(Why::ByHand, extent, fx)
        };
        match sent {
            Err(error) => {
                self.end_commit(error, fx);
                true
            }
            Ok(sent) => {
                let again = if sent { SimTime::NEVER } else { fx.now + self.config().retry_backoff };
                self.thread = Thread::Committing { since, again, extent };
                false
            }
        }
    }

    fn end_commit(&mut self, error: ErrorCode, fx: &mut Effects<'_>) {
        fx.trace(What::CommitDone { consumer: self.id, error });
        self.commit_attempts = 0;
        self.last_commit = fx.now;
        self.go_on();
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
            Why::Async => {
                fx.trace(What::CommitDone { consumer: self.id, error });
            }
            Why::Auto => {
                fx.trace(What::CommitDone { consumer: self.id, error });
                if retries {
                    self.auto_commit_at = self.auto_commit_at.min(fx.now + backoff.first);
                }
            }
            Why::ByHand => match self.thread {
                Thread::Committing { since, extent, .. } if retries => {
                    let again = fx.now + backoff.after(self.commit_attempts, &mut self.jitter);
                    self.commit_attempts += 1;
                    self.thread = Thread::Committing { since, again, extent };
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
        if self.config().enable_auto_commit {
            return !self.offsets_to_commit(Extent::Positions).is_empty();
        }
        let eager = self.config().assignors.iter().any(|a| !a.is_cooperative());
        (eager || self.closing) && self.has_uncommitted_of_revoked(|_| true)
    }

    /// The same for partitions that a cooperative assignment took away. Auto commit has had its turn before the join.
    pub(super) fn must_commit_on_revoke(&self, gone: &[PartitionId]) -> bool {
        !self.config().enable_auto_commit && self.has_uncommitted_of_revoked(|p| gone.contains(&p))
    }

    /// Has the application's onPartitionsRevoked something to commit of these partitions?
    pub(super) fn has_uncommitted_of_revoked(&self, of: impl Fn(PartitionId) -> bool) -> bool {
        let commits = self.spec().handler.commit_on_revoke != OnRevoke::Nothing;
        commits && self.has_uncommitted(self.last_extent(), of)
    }

    /// What the last commit before partitions are given up holds (LOSS-C5).
    pub(super) fn last_extent(&self) -> Extent {
        let positions = self.config().enable_auto_commit || self.spec().handler.commit_on_revoke == OnRevoke::Positions;
        if positions { Extent::Positions } else { Extent::Done }
    }

    /// The commit that `poll()` or `close()` waits for: sends it, unless it is on its way. True: it is over.
    pub(super) fn commit_in_pause(&mut self, fx: &mut Effects<'_>) -> bool {
        let Some((pause, since, again)) = self.classic.pause.clone() else { return true };
        let over = fx.now >= since + self.pause_limit(&pause);
        if !over && (again > fx.now || self.waits_for(|a| matches!(a, Asked::Commit { why: Why::Pause, .. }))) {
            return false;
        }
        let sent = if over { Err(ErrorCode::Timeout) } else { self.send_commit(Why::Pause, self.last_extent(), fx) };
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
