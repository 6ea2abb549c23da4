//! Known bugs, to try the checkers on. Each is a right rule that is left out at one marked place when a test asks for it; the
//! tests say which invariant notices. Nothing else can switch one on: no scenario file, no setting, no link.

/// A bug that can be put back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// the high watermark follows the leader's own log end and waits for nobody.
    HwCountsLeaderAlone,
    /// P-33: a batch gets new numbers for each attempt.
    RenumbersRetries,
    /// P-46: the number of a batch that expired is used again.
    ReusesExpiredSequence,
    /// P-43: an application that hears of a timeout is told that the record was not written.
    TimeoutMeansNotWritten,
    /// P-43: batches do not expire.
    NothingExpires,
    /// L-11: a repeat is answered with the end of the log.
    AnswersRepeatWithLogEnd,
    /// L-14: followers take no note of the producers whose batches they copy.
    FollowersForgetProducers,
    /// G-21: the coordinator gives a partition away without waiting until its owner has given it up.
    GivesAwayUnreleased,
    /// G-24: the coordinator takes commits at any epoch.
    TakesStaleCommits,
    /// F-1: a leader lets consumers read up to its log end.
    ReadsAboveHw,
    /// F-4: a consumer commits what it has fetched, not what `poll()` has returned.
    CommitsWhatIsFetched,
}

/// The bugs of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bugs(u64);

impl Bugs {
    /// None: how everything runs outside the tests.
    pub const NONE: Bugs = Bugs(0);

    /// Just this one.
    pub fn of(bug: Bug) -> Bugs {
        Bugs(1 << bug as u32)
    }

    /// Is it in?
    pub fn has(self, bug: Bug) -> bool {
        self.0 & (1 << bug as u32) != 0
    }
}
