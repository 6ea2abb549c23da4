//! Which partition a record goes to (P-20..P-22, P-24, P-25).

use crate::rng::Stream;

/// P-22: Kafka's murmur2, 32 bits.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut h = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    if !tail.is_empty() {
        for (i, &byte) in tail.iter().enumerate() {
            h ^= u32::from(byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h as i32
}

/// Kafka's `toPositive`: the sign bit is dropped, not negated.
pub fn to_positive(hash: i32) -> u32 {
    (hash & 0x7fff_ffff) as u32
}

/// P-21: the partition of a keyed record. All partitions count, whether or not they have a leader.
pub fn for_key(key: &[u8], partitions: u32) -> u32 {
    to_positive(murmur2(key)) % partitions
}

/// P-24, P-25: where records without a key go: stay on one partition until enough bytes went there, then draw another.
#[derive(Clone, Debug)]
pub struct Sticky {
    batch_size: u32,
    current: Option<u32>,
    produced: u32,
    stream: Stream,
}

impl Sticky {
    /// Undecided yet. None for a batch size of 0, which Kafka's partitioner refuses; its producer says 1 for `batch.size=0`.
    pub fn new(stream: Stream, batch_size: u32) -> Option<Sticky> {
        (batch_size > 0).then_some(Sticky { batch_size, current: None, produced: 0, stream })
    }

    /// The partition for the next record. `available` are those with a leader; all when none has one (P-25).
    pub fn current(&mut self, available: &[u32], all: u32) -> u32 {
        if let Some(current) = self.current {
            return current;
        }
        let next = if available.is_empty() {
            self.stream.below(u64::from(all)) as u32
        } else {
            available[self.stream.below(available.len() as u64) as usize]
        };
        self.current = Some(next);
        next
    }

    /// P-24: after an append of `bytes`. `batch_full`: the partition's last batch is full, or nothing is queued there.
    pub fn appended(&mut self, bytes: u32, batch_full: bool) {
        self.produced += bytes;
        if (self.produced >= self.batch_size && batch_full) || self.produced >= self.batch_size.saturating_mul(2) {
            self.current = None;
            self.produced = 0;
        }
    }
}
