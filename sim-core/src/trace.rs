//! What happened, in order, each event with the event that caused it. The trace is the run: the digest of a run is the
//! digest of its trace, `explain` walks it backwards, and the page paints it.
//!
//! One line of a trace file is one [`TraceEvent`] as JSON; `docs/trace.md` lists the columns.

mod api;
mod application;
mod digest;
mod outcome;
mod reason;
mod what;

pub use api::Api;
pub use application::{Command, Forgot, RolledBack, SqlResult, Statement, Trouble, Wall};
pub use digest::Digest;
pub use outcome::{SendOutcome, Verdict};
pub use reason::{ConsumerFailure, DropReason, Removal, StartReason};
pub use what::What;

use crate::time::SimTime;
use serde::{Deserialize, Serialize};

/// The position of an event in the trace, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(pub u64);

impl TraceId {
    /// The first event of every run; the cause of all that starts by itself.
    pub const START: TraceId = TraceId(0);
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct TraceEvent {
    /// When.
    pub at: SimTime,
    /// The event without which this one would not have happened here and now.
    pub cause: TraceId,
    /// What.
    #[serde(flatten)]
    pub what: What,
}
