//! The parts of the swarm: what is drawn, and how it is judged.

pub mod draw;
mod faults;
pub mod judge;

macro_rules! seen {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// How often what happened.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Seen {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Seen {
            /// Takes another run's counts in.
            pub fn add(&mut self, other: &Seen) {
                $(self.$field += other.$field;)*
            }

            /// What did not happen at all.
            pub fn never(&self) -> Vec<&'static str> {
                let counts = [$((stringify!($field), self.$field)),*];
                counts.iter().filter(|(_, count)| *count == 0).map(|(name, _)| *name).collect()
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
}
