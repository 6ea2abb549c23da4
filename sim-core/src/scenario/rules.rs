//! Rules of earlier Kafka versions, which a scenario can switch on to see what they lost.

use crate::transaction::Version;

/// Which protocol rules the cluster follows. The default is what Kafka 4.x does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolRules {
    /// How a follower finds out what of its log its leader does not have.
    pub truncation: TruncationRule,
    /// the high watermark stands still while the committed ISR is smaller than minISR. Off: the rule before 3.7.
    pub strict_min_isr: bool,
    /// fetches and AlterPartition carry broker epochs, so that a former self of a broker proves nothing
    /// about the present one. Off: the rule before 3.5 (KIP-903).
    pub broker_epoch_check: bool,
    /// P-59, L-13: which first batch of a producer that a partition does not know is accepted.
    pub first_batch: FirstBatchRule,
    /// `transaction.version`. Version 1 is the rule before 4.0.
    pub transaction_version: Version,
}

/// What a leader asks of the first batch of an idempotent producer that its partition does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstBatchRule {
    /// From 2.5 (KIP-360) to 4.4: nothing. An earlier one that was refused for a passing reason can then never be appended.
    Any,
    /// From 4.5 (KAFKA-15591): that it is the producer's first, if the log never held a record.
    ZeroOnEmptyLog,
}

impl Default for ProtocolRules {
    fn default() -> ProtocolRules {
        ProtocolRules {
            truncation: TruncationRule::Kip320,
            strict_min_isr: true,
            broker_epoch_check: true,
            first_batch: FirstBatchRule::Any,
            transaction_version: Version::V2,
        }
    }
}

/// The rules by which followers have cut their logs over the years (3.6), oldest first: a later one does what the one before it
/// did, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TruncationRule {
    /// Before 0.11: to its own high watermark, whenever it becomes a follower.
    HighWatermark,
    /// From 0.11 (KIP-101): to where the leader says that the follower's latest epoch ends; asked once, before it fetches.
    Kip101,
    /// From 2.0 (KIP-279): the answer names the epoch that it speaks of, and the follower asks again until both know it.
    Kip279,
    /// From 2.1 (KIP-320): requests name the leader epoch that they are meant for and are refused in any other; since 2.7 the
    /// fetch itself finds the divergence.
    Kip320,
}

impl TruncationRule {
    /// All of them, the oldest first.
    pub const ALL: [TruncationRule; 4] =
        [TruncationRule::HighWatermark, TruncationRule::Kip101, TruncationRule::Kip279, TruncationRule::Kip320];

    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            TruncationRule::HighWatermark => "high-watermark",
            TruncationRule::Kip101 => "kip-101",
            TruncationRule::Kip279 => "kip-279",
            TruncationRule::Kip320 => "kip-320",
        }
    }
}
