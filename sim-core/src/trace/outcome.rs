//! What became of a message: in the eyes of who sent it, and in truth.

use serde::{Deserialize, Serialize};

/// What became of a message in the eyes of the application that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendOutcome {
    /// Reported as sent.
    Acked,
    /// Reported as failed with an error after which the record is surely not in the log.
    Rejected,
    /// Reported as failed, though it may be in the log (P-43, INV-45), or not reported at all.
    Unknown,
}

/// The fate of one message in one group (ledger).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Acked, and one effect.
    Ok,
    /// Acked, no effect, and none can follow.
    Lost,
    /// More than one effect.
    Duplicated,
    /// Reported as failed, yet it has an effect.
    Phantom,
    /// Reported as failed, and no effect.
    Rejected,
    /// Not decided yet.
    Pending,
}
