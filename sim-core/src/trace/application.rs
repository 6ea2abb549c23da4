//! Words of the applications, and of Redis and the database that they ask.

use serde::{Deserialize, Serialize};

/// What Redis is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Write, unless the key is there.
    SetNx,
    /// Write.
    Set,
    /// Read.
    Get,
    /// Remove.
    Del,
}

/// Why Redis has lost keys before their time (DUP-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgot {
    /// It ended, and what it had in memory only is gone.
    Restart,
    /// It ended, and the replica that takes over had not got them yet.
    Failover,
    /// Its memory is full: the keys that were used longest ago went.
    Evicted,
}

/// What the database is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statement {
    /// Begin a transaction.
    Begin,
    /// Insert a row that must be unique.
    Insert,
    /// Do what the business is about; it counts when the transaction commits.
    Effect,
    /// Commit.
    Commit,
    /// Take it back.
    Rollback,
}

/// What the database says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqlResult {
    /// Done.
    Ok,
    /// The row is there already.
    UniqueViolation,
    /// Two transactions waited for each other; this one was rolled back.
    Deadlock,
    /// There is no transaction: it was rolled back meanwhile.
    NoTransaction,
}

/// Why the database rolled a transaction back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolledBack {
    /// Its client asked for it.
    Asked,
    /// Its client's connection was closed.
    ClientGone,
    /// Its client was silent for too long.
    Idle,
    /// A deadlock.
    Deadlock,
    /// The database itself ended.
    Crash,
}

/// What recognised a record that had been done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wall {
    /// A key in Redis.
    Redis,
    /// The database's unique constraint.
    Database,
}

/// The exception that ended the work on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Redis does not answer.
    Redis,
    /// The database does not answer, or has lost the transaction.
    Database,
    /// Somebody else works on the record, says its marker.
    Leased,
    /// The record cannot be parsed.
    Unreadable,
    /// The business threw.
    Business,
}
