//! Percentiles of latencies, bucket by bucket.

use crate::summary::percentile;
use crate::time::SimDuration;

/// Latencies over time, in microseconds; 0 where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How many there are.
    pub count: Vec<u64>,
    /// Half of them at most.
    pub p50: Vec<u64>,
    /// 99 of 100.
    pub p99: Vec<u64>,
}

/// Bits of a sample that are its latency; those above are its bucket.
const LATENCY_BITS: u32 = 48;
const LONGEST: u64 = (1 << LATENCY_BITS) - 1;

/// Latencies as they come. A sample is one number, so that one plain sort puts buckets and latencies in order.
#[derive(Default)]
pub(super) struct Samples(Vec<u64>);

impl Samples {
    pub(super) fn push(&mut self, bucket: usize, took: SimDuration) {
        self.0.push((bucket as u64) << LATENCY_BITS | took.0.min(LONGEST));
    }

    pub(super) fn percentiles(mut self, buckets: usize) -> Latencies {
        self.0.sort_unstable();
        let mut out = Latencies { count: vec![0; buckets], p50: vec![0; buckets], p99: vec![0; buckets] };
        let mut rest = &self.0[..];
        for bucket in 0..buckets {
            let (own, later) = rest.split_at(rest.partition_point(|sample| sample >> LATENCY_BITS <= bucket as u64));
            out.count[bucket] = own.len() as u64;
            out.p50[bucket] = percentile(own, 50) & LONGEST;
            out.p99[bucket] = percentile(own, 99) & LONGEST;
            rest = later;
        }
        out
    }
}
