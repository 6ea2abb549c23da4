//! Randomness: one ChaCha8 stream for each actor, link and purpose, derived from the run's seed and a label. Changing one setting
//! therefore does not reshuffle anybody else's luck. Integer draws only.

use crate::scenario::Latency;
use crate::time::SimDuration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A stream of random integers.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of this run's `seed` for this `label`, such as `"link broker 1 -> broker 2"`.
    pub fn new(seed: u64, label: &str) -> Stream {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&xxh3_128_with_seed(label.as_bytes(), seed).to_le_bytes());
        key[16..24].copy_from_slice(&seed.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `0..bound`. Multiply-shift with 64 random bits: the bias is below 2^-32 for the bounds in use, and every draw
    /// takes exactly one word of the stream, so streams stay aligned whatever the bounds are.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw needs at least one possibility");
        high_half_of_product(self.0.next_u64(), bound)
    }

    /// True `per_mille` times in a thousand.
    #[inline]
    pub fn per_mille(&mut self, per_mille: u16) -> bool {
        self.below(1_000) < u64::from(per_mille)
    }

    /// A duration from the distribution. Always exactly one draw, also for a fixed one.
    #[inline]
    pub fn latency(&mut self, latency: Latency) -> SimDuration {
        match latency {
            Latency::Fixed(d) => {
                self.below(1);
                d
            }
            Latency::Uniform(low, high) => SimDuration(low.0 + self.below(high.0 - low.0 + 1)),
            Latency::HeavyTailed(typical) => {
                let permille = HEAVY_TAIL_PER_MILLE[self.below(HEAVY_TAIL_PER_MILLE.len() as u64) as usize];
                SimDuration(typical.0.saturating_mul(permille) / 1_000)
            }
        }
    }
}

/// The upper 64 bits of a product of 128. For a factor below 2^32, as nearly all bounds are, in two multiplications of 64 bits: a
/// browser has no wider one.
#[inline]
fn high_half_of_product(a: u64, b: u64) -> u64 {
    if b < 1 << 32 {
        let (high, low) = (a >> 32, a & 0xffff_ffff);
        (high * b + ((low * b) >> 32)) >> 32
    } else {
        ((u128::from(a) * u128::from(b)) >> 64) as u64
    }
}

/// Quantiles of a log-normal-like distribution in thousandths of the typical value: half of the draws lie between 0.8 and 1.3,
/// one in 64 is ten times the typical value and one in 64 thirty times, as round trips in a busy network are.
const HEAVY_TAIL_PER_MILLE: [u64; 64] = [
    600, 640, 670, 690, 710, 730, 745, 760, 770, 780, 790, 800, 810, 820, 830, 840, 850, 860, 870, 880, 890, 900, 910, 920, 930,
    940, 950, 960, 970, 980, 990, 1_000, 1_010, 1_020, 1_035, 1_050, 1_065, 1_080, 1_100, 1_120, 1_140, 1_160, 1_180, 1_210,
    1_240, 1_270, 1_310, 1_350, 1_400, 1_450, 1_510, 1_580, 1_660, 1_750, 1_860, 2_000, 2_180, 2_400, 2_700, 3_200, 4_000, 6_000,
    10_000, 30_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator is named and pinned: these values are part of what a seed means.
    #[test]
    fn the_first_draws_are_pinned() {
        let mut stream = Stream::new(7, "pinned");
        let draws: Vec<u64> = (0..4).map(|_| stream.below(1_000_000)).collect();
        assert_eq!(draws, PINNED);
    }

    const PINNED: [u64; 4] = [594_049, 86_538, 449_267, 536_270];

    #[test]
    fn a_product_is_the_same_in_one_piece_and_in_two() {
        for a in [0, 1, 0xffff_ffff, 0x1_0000_0000, 0x0123_4567_89ab_cdef, u64::MAX] {
            for b in [1, 2, 1_000, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
                assert_eq!(high_half_of_product(a, b), ((u128::from(a) * u128::from(b)) >> 64) as u64, "{a} * {b}");
            }
        }
    }

    #[test]
    fn streams_differ_by_label_and_seed() {
        let first = |seed, label| Stream::new(seed, label).below(u64::MAX);
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_eq!(first(1, "a"), first(1, "a"));
    }

    #[test]
    fn every_latency_takes_one_draw() {
        for latency in [
            Latency::Fixed(SimDuration(5)),
            Latency::Uniform(SimDuration(1), SimDuration(9)),
            Latency::HeavyTailed(SimDuration::from_millis(1)),
        ] {
            let (mut a, mut b) = (Stream::new(3, "x"), Stream::new(3, "x"));
            a.latency(latency);
            b.below(2);
            assert_eq!(a.below(1 << 40), b.below(1 << 40), "{latency}");
        }
    }
}
