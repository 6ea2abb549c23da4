//! The parts of the swarm: what is drawn, and how it is judged.

mod application;
pub mod draw;
mod faults;
pub mod judge;

use sim_core::anomalies;
use std::collections::BTreeMap;

/// What a swarm of 2,000 seeds always brings about. (The others need a scenario that is made for them: `mechanisms.rs` and its neighbours.)
const MECHANISMS: &[&str] = &[
    "LOSS-B1", "LOSS-B2", "LOSS-B3", "LOSS-B6", "LOSS-B7", "LOSS-B8", "LOSS-B11", "LOSS-C1", "LOSS-C6", "LOSS-C8", "LOSS-C10",
    "LOSS-C11", "LOSS-C12", "LOSS-C13", "LOSS-P1", "LOSS-P2", "LOSS-P3", "LOSS-P4", "LOSS-P5", "LOSS-P6", "LOSS-P7", "LOSS-P9",
    "DUP-1", "DUP-2", "DUP-5", "DUP-6", "DUP-10", "DUP-12", "DUP-13", "DUP-14", "DUP-15", "DUP-16", "DUP-17", "DUP-20", "DUP-22",
    "DUP-23", "ORDER-1", "ORDER-2", "ORDER-3", "ORDER-5", "ORDER-6", "ORDER-8", "ORDER-11", "ORDER-12",
];

macro_rules! seen {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// How often what happened.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Seen {
            $($(#[$doc])* pub $field: u64,)*
            /// Messages harmed, by the id of the mechanism.
            pub mechanisms: BTreeMap<&'static str, u64>,
            /// What the clients saw, by Jepsen's names.
            pub anomalies: BTreeMap<&'static str, u64>,
        }

        impl Seen {
            /// Takes another run's counts in.
            pub fn add(&mut self, other: &Seen) {
                $(self.$field += other.$field;)*
                for (id, count) in &other.mechanisms {
                    *self.mechanisms.entry(id).or_default() += count;
                }
                for (name, count) in &other.anomalies {
                    *self.anomalies.entry(name).or_default() += count;
                }
            }

            /// What did not happen at all.
            pub fn never(&self) -> Vec<&'static str> {
                let counts = [$((stringify!($field), self.$field)),*];
                let unnamed = MECHANISMS.iter().copied().filter(|id| !self.mechanisms.contains_key(id));
                let unnamed = unnamed.chain(anomalies::NAMES.into_iter().filter(|name| !self.anomalies.contains_key(name)));
                counts.iter().filter(|(_, count)| *count == 0).map(|(name, _)| *name).chain(unnamed).collect()
            }
        }
    };
}

seen! {
    /// Runs.
    runs,
    /// Messages intended.
    intended,
    /// Messages acked.
    acked,
    /// Messages rejected.
    rejected,
    /// Messages of unknown outcome.
    unknown,
    /// Messages lost, by groups.
    lost,
    /// Messages duplicated, by groups.
    duplicated,
    /// Reported as failed, yet with an effect.
    phantom,
    /// Runs in which acks=all with idempotence had to lose nothing.
    safe_runs,
    /// ISR changes that took members out.
    isr_shrinks,
    /// ISR changes that took members in.
    isr_expands,
    /// Changes after which a partition had eligible leader replicas (C-12).
    elrs,
    /// Logs cut by.
    truncations,
    /// Leaders elected.
    elections,
    /// Leaders that got their partition back (C-17).
    preferred_elections,
    /// Groups taken over by another coordinator, from what the log says of them (G-32).
    coordinator_failovers,
    /// Rebalances of classic groups after their first generation.
    classic_rebalances,
    /// Group epochs of the consumer protocol after the first.
    consumer_rebalances,
    /// Leaders elected uncleanly.
    unclean_elections,
    /// Tails lost with the power.
    tails_lost,
    /// Batches torn by a power cut.
    torn_batches,
    /// Disks replaced.
    wiped_disks,
    /// Disks that failed.
    failed_disks,
    /// Logs compacted.
    compactions,
    /// New files begun.
    rolls,
    /// Logs scanned after an unclean stop.
    recoveries,
    /// Log starts moved by age or size.
    retentions,
    /// Log starts moved by DeleteRecords.
    deleted_records,
    /// Processes that stood still.
    pauses,
    /// Partitions added (P-23).
    added_partitions,
    /// Batches that a leader recognised (L-11).
    deduplicated,
    /// Batches that went back for another attempt.
    retries,
    /// Batches without a transaction in the logs under a later epoch of their producer (P-52).
    epoch_bumps,
    /// Batches refused by a leader.
    refusals,
    /// Batches split (P-44).
    splits,
    /// Transmissions lost by a link.
    losses,
    /// Requests that timed out.
    timeouts,
    /// Controlled shutdowns that ended.
    clean_stops,
    /// Controllers that took over.
    controller_failovers,
    /// Brokers fenced.
    fencings,
    /// Positions set by a reset policy.
    resets,
    /// Partitions given to a member.
    assignments,
    /// What followers gave to read (F-6).
    follower_reads,
    /// Messages forwarded to another topic.
    forwarded,
    /// Records that were forwarded in transactions, exactly once each.
    exactly_once,
    /// Offsets committed.
    commits,
    /// Transactions committed.
    transactions_committed,
    /// Transactions aborted.
    transactions_aborted,
    /// Transactions that another coordinator has completed than the one that decided.
    transactions_inherited,
    /// Producers fenced by a newer instance.
    producers_fenced,
    /// Members told to give partitions up (G-21).
    revocations,
    /// Members that left their group or were removed.
    members_removed,
    /// Partitions that were no longer their reader's.
    partitions_lost,
    /// Messages that a loop around `send()` sent again (S-9).
    resent_by_loop,
    /// Messages that a table of what failed sent again (S-10).
    resent_by_table,
    /// Messages that the relay of an outbox sent again.
    resent_by_outbox,
    /// Rows of such tables that were marked as sent.
    rows_cleared,
    /// Producers that crashed at a point of their work.
    send_points,
    /// Consumers that crashed at a point of theirs.
    crash_points,
    /// Records that a key in Redis showed to be done (S-11).
    absorbed_by_redis,
    /// Records that a unique row showed to be done (S-12).
    absorbed_by_database,
    /// Keys that were there for a lease only: somebody works on the record.
    leased,
    /// Exceptions because Redis did not answer.
    without_redis,
    /// Exceptions because the database did not answer, so that nobody knows what it did.
    database_unknown,
    /// Commits of transactions that the database did and whose client gave them up.
    unknown_commits,
    /// Exceptions of the business.
    business_threw,
    /// Records passed over after the last attempt.
    passed_over,
    /// Keys that Redis lost when it ended.
    forgot_by_restart,
    /// Keys that a replica of Redis had not got.
    forgot_by_failover,
    /// Keys for which Redis had no room.
    evicted,
    /// Deadlocks, each followed by another attempt.
    deadlocks,
    /// Runs in which a unique row beside its effect had to keep effects single (INV-92).
    single_runs,
}
