//! Known bugs, to try the checkers on. Each is a right rule that is left out at one marked place when a test asks for it; the
//! tests say which invariant notices. Nothing else can switch one on: no scenario file, no setting, no link.

/// A bug that can be put back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// L-14: a new leader forgets what its log says of the producers.
    ForgetsProducersOnFailover,
    /// D-1: a flush moves the recovery point, and nothing reaches the disk.
    FlushesNothing,
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
    /// it moves although the ISR is smaller than minISR.
    HwMovesBelowMinIsr,
    /// while a shrink is in flight the leader takes it for granted, instead of waiting for the larger set.
    ShrinkAssumedEarly,
    /// a new leader takes the members of its ISR to have all that it has.
    NewLeaderTrustsFollowers,
    /// a follower joins the ISR before it has reached the start of the epoch.
    JoinsBeforeEpochStart,
    /// who has left the ISR never joins it again.
    NeverJoinsAgain,
    /// a follower takes its leader's watermark over as it is.
    FollowerWatermarkUnclamped,
    /// cutting a log leaves the watermark where it was.
    WatermarkSurvivesTruncation,
    /// a new follower cuts its log to its own watermark, as before 0.11.
    TruncatesToWatermark,
    /// requests of any leader epoch are served.
    NoEpochFencing,
    /// a broker applies metadata that is older than what it knows.
    AppliesOlderMetadata,
    /// the controller takes a broker into an ISR for what its former self proved.
    FormerSelfAccepted,
    /// C-4: a fenced broker keeps its place in ISRs and its leaderships.
    FencedKeepsPlace,
    /// C-13: so does one that registers after an unclean stop.
    UncleanStopKeepsPlace,
    /// C-10: an election outside ISR and ELR is held although it is not allowed, and called clean.
    UncleanCalledClean,
    /// L-20: acks=all is answered as soon as the leader has the records.
    AckBeforeCommit,
    /// G-21: the coordinator gives a partition away without waiting until its owner has given it up.
    GivesAwayUnreleased,
    /// G-6, G-24: the coordinator takes commits of any generation and epoch.
    TakesStaleCommits,
    /// F-1: a leader lets consumers read up to its log end.
    ReadsAboveHw,
    /// F-4: a consumer commits what it has fetched, not what `poll()` has returned.
    CommitsWhatIsFetched,
    /// F-1: readers of committed records are served as those who read everything.
    IsolationIgnored,
    /// F-1: a client that reads committed records shows those of aborted transactions, too.
    ShowsAborted,
    /// a coordinator takes a transaction for complete without a marker behind the offsets.
    NoMarkerForOffsets,
    /// the assignor that leaves out what has to be given up first leaves out what nobody has, too.
    WithholdsTheUnowned,
    /// all partitions go to the first member.
    GivesAllToOne,
    /// L-2, L-12: a leader takes what a fenced producer sends late.
    LateRecordAfterMarker,
    /// S-12: the database forgets the unique rows of a transaction when it commits.
    ForgetsUniqueRows,
    /// A handler takes a lease for a mark that says done.
    LeaseTakenForDone,
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
