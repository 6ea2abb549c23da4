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
        sort(&mut self.0);
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

/// Sorts by one byte after the other, the lowest first. What the library has for long rows is several times as large on the page.
fn sort(samples: &mut Vec<u64>) {
    let mut sorted = vec![0; samples.len()];
    for shift in (0..64).step_by(8) {
        let byte = |sample: u64| (sample >> shift) as usize & 255;
        let mut places = [0; 256];
        samples.iter().for_each(|sample| places[byte(*sample)] += 1);
        if places.contains(&samples.len()) {
            continue;
        }
        let mut end = 0;
        for place in &mut places {
            end += *place;
            *place = end;
        }
        for sample in samples.iter().rev() {
            let place = &mut places[byte(*sample)];
            *place -= 1;
            sorted[*place] = *sample;
        }
        std::mem::swap(samples, &mut sorted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn it_sorts_as_the_library_does(samples: Vec<u64>, few in proptest::collection::vec(0..300_u64, 0..50)) {
            for row in [samples, few] {
                let (mut ours, mut theirs) = (row.clone(), row);
                sort(&mut ours);
                theirs.sort_unstable();
                proptest::prop_assert_eq!(ours, theirs);
            }
        }
    }
}
