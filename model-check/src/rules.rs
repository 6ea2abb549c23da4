//! Which rules hold, and how large the cluster is.

use sim_core::scenario::TruncationRule;

/// The rules of a search. What KIP-320 asks for can be left out one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What a replica cuts when it becomes a follower.
    pub truncation: TruncationRule,
    /// It learns what to cut only from a leader of the epoch that it was told of.
    pub fenced_truncation: bool,
    /// A fetch is served only in the same epoch.
    pub fenced_fetch: bool,
    /// The watermark counts only followers of the same epoch.
    pub fenced_watermark: bool,
    /// A leader changes its ISR only by what followers of the same epoch have.
    pub fenced_isr: bool,
    /// Followers join the ISR only past the start of the epoch.
    pub epoch_start: bool,
    /// KIP-320 as it was first thought of: no fencing; a follower cuts when its last record is not its leader's, and what it has counts
    /// only if it is.
    pub first_try: bool,
    /// Anybody may be elected.
    pub unclean: bool,
}

impl Rules {
    /// KIP-320: what Kafka does.
    pub const KIP_320: Rules = Rules {
        truncation: TruncationRule::Kip320,
        fenced_truncation: true,
        fenced_fetch: true,
        fenced_watermark: true,
        fenced_isr: true,
        epoch_start: true,
        first_try: false,
        unclean: false,
    };

    /// A truncation rule without any fencing: what Kafka did before 2.1.
    const fn unfenced(truncation: TruncationRule) -> Rules {
        Rules {
            truncation,
            fenced_truncation: false,
            fenced_fetch: false,
            fenced_watermark: false,
            fenced_isr: false,
            epoch_start: false,
            ..Rules::KIP_320
        }
    }

    /// The rules by the names that the vectors use.
    pub fn named(name: &str) -> Option<Rules> {
        let now = Rules::KIP_320;
        Some(match name {
            "hw" => Rules::unfenced(TruncationRule::HighWatermark),
            "kip101" => Rules::unfenced(TruncationRule::Kip101),
            "kip279" => Rules::unfenced(TruncationRule::Kip279),
            "kip320first" => Rules { first_try: true, epoch_start: true, ..Rules::unfenced(TruncationRule::Kip320) },
            "kip320" => now,
            "kip320-unfenced-truncation" => Rules { fenced_truncation: false, ..now },
            "kip320-no-epoch-start" => Rules { epoch_start: false, ..now },
            "kip320-hw-unfenced" => Rules { fenced_watermark: false, ..now },
            "kip320-fetch-unfenced" => Rules { fenced_fetch: false, ..now },
            "kip320-hw-truncation" => Rules { truncation: TruncationRule::HighWatermark, ..now },
            "kip320-kip101-truncation" => Rules { truncation: TruncationRule::Kip101, ..now },
            "kip320-unclean" => Rules { unclean: true, ..now },
            _ => return None,
        })
    }
}

/// How large the cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// 2 or 3.
    pub replicas: u8,
    /// Records that a log holds at most, up to 3.
    pub log_size: u8,
    /// Records that are written at most, up to 3.
    pub records: u8,
    /// Leader epochs, from 0: up to 4.
    pub epochs: u8,
}
