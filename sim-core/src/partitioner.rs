//! Which partition a record goes to (P-20..P-22, P-24, P-25). What leaves partitions out (P-26) is up to whoever gathers the load.

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

/// P-21: the same for the key with this number, which is its decimal digits. No text is made of it: this is asked for every message.
pub fn for_numbered_key(number: u32, partitions: u32) -> u32 {
    let mut digits = [b'0'; 10];
    let (mut first, mut rest) = (digits.len() - 1, number);
    digits[first] += (rest % 10) as u8;
    while rest >= 10 {
        rest /= 10;
        first -= 1;
        digits[first] += (rest % 10) as u8;
    }
    for_key(&digits[first..], partitions)
}

/// P-25: how busy the partitions of a topic are, as a table to draw from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadStats {
    /// Sums of the weights, one for each partition that can be chosen.
    cumulative: Vec<u32>,
    partitions: Vec<u32>,
}

impl LoadStats {
    /// From the batches that wait for each partition that can be chosen. `all`: how many partitions have a queue. None, which means that
    /// all are equally likely: with fewer than two partitions, with none to choose from, and when all queues are equally long and none is
    /// left out.
    ///
    /// Weights are the longest queue plus one, less the own: queues of 0, 3 and 1 weigh 4, 1 and 3, and sum up to 4, 5 and 8.
    pub fn of(waiting: &[(u32, u32)], all: usize) -> Option<LoadStats> {
        let longest = waiting.iter().map(|w| w.1).max()?;
        let equal = waiting.iter().all(|w| w.1 == longest);
        if all < 2 || (equal && waiting.len() == all) {
            return None;
        }
        let mut sum = 0;
        let cumulative = waiting.iter().map(|&(_, length)| {
            sum += longest + 1 - length;
            sum
        });
        Some(LoadStats { cumulative: cumulative.collect(), partitions: waiting.iter().map(|w| w.0).collect() })
    }

    /// The sums of the weights.
    pub fn cumulative(&self) -> &[u32] {
        &self.cumulative
    }

    /// What draws go up to, itself not included.
    pub fn range_end(&self) -> u32 {
        *self.cumulative.last().expect("never made of nothing")
    }

    /// The partition of a draw: the first whose sum exceeds it.
    pub fn partition(&self, draw: u32) -> u32 {
        self.partitions[self.cumulative.partition_point(|&sum| sum <= draw)]
    }
}

/// P-24, P-25: where records without a key go: stay on one partition until enough bytes went there, then draw another.
#[derive(Clone, Debug)]
pub struct Sticky {
    batch_size: u32,
    current: Option<u32>,
    produced: u32,
    /// P-25; none while nothing tells the partitions apart.
    load: Option<LoadStats>,
    stream: Stream,
}

impl Sticky {
    /// Undecided yet. None for a batch size of 0, which Kafka's partitioner refuses; its producer says 1 for `batch.size=0`.
    pub fn new(stream: Stream, batch_size: u32) -> Option<Sticky> {
        (batch_size > 0).then_some(Sticky { batch_size, current: None, produced: 0, load: None, stream })
    }

    /// P-25: what the next choice goes by.
    pub fn set_load(&mut self, load: Option<LoadStats>) {
        self.load = load;
    }

    /// The partition for the next record. `available` are those with a leader; all when none has one (P-25).
    pub fn current(&mut self, available: &[u32], all: u32) -> u32 {
        if let Some(current) = self.current {
            return current;
        }
        let next = match &self.load {
            Some(load) => load.partition(self.stream.below(u64::from(load.range_end())) as u32),
            None if available.is_empty() => self.stream.below(u64::from(all)) as u32,
            None => available[self.stream.below(available.len() as u64) as usize],
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

/// P-20: Kafka's `RoundRobinPartitioner`, a class that a producer can name in `partitioner.class`: the partitions with a leader in turn,
/// whatever the key; all when none has one.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    next: u32,
}

impl RoundRobin {
    /// The partition for the next record.
    pub fn next(&mut self, available: &[u32], all: u32) -> u32 {
        let turn = self.next;
        self.next = self.next.wrapping_add(1) & 0x7fff_ffff;
        if available.is_empty() { turn % all } else { available[turn as usize % available.len()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_key_is_its_decimal_text() {
        for number in [0, 7, 9, 10, 99, 100, 4_999, 1_000_000_000, u32::MAX] {
            assert_eq!(for_numbered_key(number, 1_000), for_key(number.to_string().as_bytes(), 1_000), "{number}");
        }
    }
}
