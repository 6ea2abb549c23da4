//! The consumer groups: who reads what, and where what became of it goes.

use super::{HandlerSpec, OnRevoke, WorkersCommit};
use crate::config::ConsumerConfig;
use crate::ids::*;
use crate::time::SimTime;

/// A consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// `group.id`.
    pub name: String,
    /// What it reads.
    pub topics: Vec<TopicId>,
    /// How many members.
    pub members: u16,
    /// What of it each of the first members subscribes to; those beyond the list subscribe to all.
    pub subscriptions: Vec<Vec<TopicId>>,
    /// Every member has a `group.instance.id` (G-10).
    pub is_static: bool,
    /// What its clients run with.
    pub config: ConsumerConfig,
    /// What it does with a record.
    pub handler: HandlerSpec,
    /// Where it produces what became of a record.
    pub forward: Option<ForwardSpec>,
    /// Its effects are those of this group: one business, whose messages are read in more than one place.
    pub works_for: Option<GroupId>,
}

impl GroupSpec {
    /// What a member subscribes to. `member` counts from 0.
    pub fn topics_of(&self, member: u16) -> &[TopicId] {
        self.subscriptions.get(usize::from(member)).unwrap_or(&self.topics)
    }

    /// Does it commit what it has done and no more (INV-65)?
    pub fn is_careful(&self) -> bool {
        let handler = &self.handler;
        let counts = !self.config.enable_auto_commit
            && handler.commit_offsets == WorkersCommit::Done
            && handler.commit_on_revoke != OnRevoke::Positions;
        !handler.acknowledges_first() && (handler.workers == 0 || counts)
    }
}

/// A group that produces what it reads to another topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ForwardSpec {
    /// Where to.
    pub topic: TopicId,
    /// The producer of its first member; those of the others follow.
    pub first: ProducerId,
    /// Outputs and offsets are one transaction.
    pub transactional: bool,
    /// Which records.
    pub what: Forwarded,
    /// Of [`Forwarded::All`]: in this time only, from the first instant until before the second; else the business is done. None: always.
    pub during: Option<(SimTime, SimTime)>,
    /// The offsets are committed when the outputs are acknowledged; else at once (LOSS-C13, LOSS-C14).
    pub waits: bool,
}

/// Which records a group forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// Those whose business is done: it consumes, transforms and produces.
    Done,
    /// Those that it has tried in vain as often as it tries one: to a retry topic, or to one for dead letters.
    Failed,
    /// All, and their business is not done here: they are moved (S-15).
    All,
}
