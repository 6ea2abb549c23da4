//! What `compression.type` does to sizes: each codec makes a fixed share of any batch, for some time of the thread that calls `send()`. The
//! client does not know that share when it fills a batch; it estimates (P-12), and learns from each batch that it closes.

use crate::config::Compression;
use crate::time::SimDuration;

impl Compression {
    /// The size of what it makes, in thousandths of what goes in: those of small JSON documents, roughly.
    pub fn per_mille(self) -> u32 {
        match self {
            Compression::None => 1_000,
            Compression::Gzip => 300,
            Compression::Snappy => 500,
            Compression::Lz4 => 480,
            Compression::Zstd => 280,
        }
    }

    /// How long it takes over that many bytes: at about 40 MB/s for gzip, 250 MB/s for zstd, 500 MB/s for the others.
    pub fn time(self, bytes: u32) -> SimDuration {
        let nanoseconds_per_byte = match self {
            Compression::None => 0,
            Compression::Gzip => 25,
            Compression::Zstd => 4,
            Compression::Snappy | Compression::Lz4 => 2,
        };
        SimDuration(u64::from(bytes) * nanoseconds_per_byte / 1_000)
    }

    /// `bytes`, compressed.
    pub fn of(self, bytes: u32) -> u32 {
        scaled(bytes, self.per_mille(), 1_000)
    }
}

/// What a client believes of the share, for one topic and codec: an estimate that falls slowly and rises fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    per_mille: u32,
}

/// By how much one batch may better the estimate.
const IMPROVING_STEP: u32 = 5;
/// By how much a worse batch worsens it at least.
const DETERIORATING_STEP: u32 = 50;
/// A margin for safety, in hundredths.
const FACTOR: u32 = 105;

impl Estimate {
    /// Nothing is known: no gain.
    pub const INITIAL: Estimate = Estimate { per_mille: 1_000 };

    /// A batch was closed at this ratio. From 1000, a batch at 300 gives 995; one at 320 then gives 990.
    pub fn observe(&mut self, per_mille: u32) {
        if per_mille > self.per_mille {
            self.per_mille = (self.per_mille + DETERIORATING_STEP).max(per_mille);
        } else if per_mille < self.per_mille {
            self.per_mille = self.per_mille.saturating_sub(IMPROVING_STEP).max(per_mille);
        }
    }

    /// P-44: a batch turned out too large: the estimate starts again from no gain.
    pub fn reset(&mut self, per_mille: u32) {
        self.per_mille = per_mille.max(1_000);
    }

    /// How large `bytes` of records will probably be.
    pub fn of(self, compression: Compression, bytes: u32) -> u32 {
        if compression == Compression::None { bytes } else { scaled(bytes, self.per_mille * FACTOR, 100_000) }
    }
}

fn scaled(bytes: u32, by: u32, of: u32) -> u32 {
    u32::try_from(u64::from(bytes) * u64::from(by) / u64::from(of)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_falls_slowly_and_rises_fast() {
        let mut estimate = Estimate::INITIAL;
        estimate.observe(300);
        assert_eq!(estimate, Estimate { per_mille: 995 });
        (0..500).for_each(|_| estimate.observe(300));
        assert_eq!(estimate, Estimate { per_mille: 300 });
        assert_eq!(estimate.of(Compression::Gzip, 10_000), 3_150);
        estimate.observe(310);
        assert_eq!(estimate, Estimate { per_mille: 350 });
        estimate.observe(900);
        assert_eq!(estimate, Estimate { per_mille: 900 });
        estimate.reset(300);
        assert_eq!(estimate, Estimate::INITIAL);
        assert_eq!((estimate.of(Compression::None, 77), Compression::Gzip.of(1_000)), (77, 300));
    }
}
