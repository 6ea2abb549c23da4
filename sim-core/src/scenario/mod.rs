//! What is run: a cluster, a workload, faults and expectations, resolved and validated. A [`Scenario`] cannot be wrong: every
//! name in it is known, every number in range. [`read`] makes one from a TOML file.

mod action;
mod cluster;
mod expect;
mod groups;
mod handler;
pub mod library;
mod producers;
pub mod read;
mod rules;
mod stores;

pub use action::{Action, DiskDeed, Intervention, Keeps, Target};
pub use cluster::{ClusterSpec, Latency, TopicSpec};
pub use expect::{Comparison, Expectation};
pub use groups::{ForwardSpec, Forwarded, GroupSpec};
pub use handler::{
    CommitCall, CommitWhen, HandlerSpec, Identity, OnRevoke, Pattern, Step, WithoutOffset, WithoutRedis, WorkersCommit,
};
pub use producers::{ProducerSpec, ResendSpec, SendMode, SendStep, TransactionSpec};
pub use rules::{FirstBatchRule, ProtocolRules, TruncationRule};
pub use stores::{DatabaseSpec, Persistence, RedisReplica, RedisSpec, ServiceSpec};

use crate::bug::{Bug, Bugs};
use crate::config::properties::Scope;
use crate::ids::*;
use crate::time::SimDuration;

/// A text in the languages of the page. English is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalText {
    /// English.
    pub en: String,
    /// Chinese, if translated.
    pub zh: Option<String>,
}

/// A scenario, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name in the library, or the file's name.
    pub name: String,
    /// One line.
    pub title: LocalText,
    /// What to look at and what it teaches: a short paragraph.
    pub about: LocalText,
    /// The mechanisms that it shows (`LOSS-B1`, ...).
    pub mechanisms: Vec<String>,
    /// The claims of the article that it shows (`S-2`, ...).
    pub claims: Vec<String>,
    /// The seed of all randomness.
    pub seed: u64,
    /// The run ends here.
    pub duration: SimDuration,
    /// The brokers and what lies between all nodes.
    pub cluster: ClusterSpec,
    /// The topics, in the order of [`TopicId`].
    pub topics: Vec<TopicSpec>,
    /// The producing applications, in the order of [`ProducerId`].
    pub producers: Vec<ProducerSpec>,
    /// The consumer groups, in the order of [`GroupId`].
    pub groups: Vec<GroupSpec>,
    /// What their applications keep marks in.
    pub redis: RedisSpec,
    /// And rows.
    pub database: DatabaseSpec,
    /// What applications call instead of sending.
    pub service: ServiceSpec,
    /// What happens to the cluster, in the order given. A fault with an end (`restart`, `until`) is two interventions.
    pub interventions: Vec<Intervention>,
    /// What must be true of the outcome.
    pub expect: Vec<Expectation>,
    /// Properties that were given, in the file or by an override, in the order of their owners: for whoever lists settings.
    pub given: Vec<Given>,
    /// Properties that were given and have no effect here, each once: (name, where it was given).
    pub not_modelled: Vec<(String, String)>,
    /// Known bugs put back in. Only tests do that.
    pub bugs: Bugs,
}

/// A property that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Whose kind.
    pub scope: Scope,
    /// The name of the topic, the producer or the group; empty for the brokers.
    pub owner: String,
    /// Its name.
    pub property: String,
    /// Its value, as it was written.
    pub value: String,
}

impl Scenario {
    /// Redis, the database and the service, if somebody asks them.
    pub fn stores(&self) -> impl Iterator<Item = StoreId> + use<> {
        let any = |by: fn(&HandlerSpec) -> bool| self.groups.iter().any(|group| by(&group.handler));
        let calls = self.producers.iter().any(|producer| producer.send == SendMode::Call);
        let used = [any(HandlerSpec::uses_redis), any(HandlerSpec::uses_database), calls];
        StoreId::ALL.into_iter().zip(used).filter_map(|(store, used)| used.then_some(store))
    }

    /// Is this known bug to be in the run?
    pub fn has_bug(&self, bug: Bug) -> bool {
        self.bugs.has(bug)
    }
}
