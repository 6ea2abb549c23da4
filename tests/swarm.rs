//! A swarm: many clusters whose every knob is drawn from a seed, under faults of every kind. The invariants are checked at each step; the
//! figures must add up; once the last fault has healed everything must converge; what configuration promises must hold; and over the
//! whole swarm each thing that a fault can bring about must really have happened. 2,000 seeds, or 20,000 with `BROKERSCOPE_LONG` set, or
//! the one of `BROKERSCOPE_SEED`.

use crate::swarm_run::{Seen, draw, judge};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many seeds, from which one on.
fn seeds() -> (u64, u64) {
    if let Ok(seed) = std::env::var("BROKERSCOPE_SEED") {
        return (seed.parse().expect("BROKERSCOPE_SEED is a number"), 1);
    }
    (0, if std::env::var_os("BROKERSCOPE_LONG").is_some() { 20_000 } else { 2_000 })
}

/// One seed: what happened, or what is wrong with it.
fn run(seed: u64) -> Result<Seen, String> {
    let text = draw::scenario(seed);
    let judged = catch_unwind(AssertUnwindSafe(|| judge::run(&text))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    });
    let again = format!("BROKERSCOPE_SEED={seed} cargo test -p brokerscope swarm");
    judged.map_err(|reason| format!("seed {seed}: {reason}\nrun it again: {again}\n{text}"))
}

#[test]
fn a_swarm_of_clusters_keeps_its_promises() {
    let (first, count) = seeds();
    let next = AtomicU64::new(first);
    let results: Mutex<(Seen, Vec<(u64, String)>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let outcome = run(seed);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Ok(seen) => results.0.add(&seen),
                        Err(reason) => results.1.push((seed, reason)),
                    }
                }
            });
        }
    });
    let (seen, mut wrong) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort();
    println!("{count} seeds: {seen:#?}");
    let headlines: Vec<&str> = wrong.iter().filter_map(|(_, reason)| reason.lines().next()).collect();
    let first_reason = wrong.first().map_or("", |(_, reason)| reason.as_str());
    assert!(wrong.is_empty(), "{} of {count} seeds fail:\n{}\n\nThe first:\n{first_reason}", wrong.len(), headlines.join("\n"));
    if count > 1 {
        assert_eq!(seen.never(), Vec::<&str>::new(), "what never happened in {count} seeds proves nothing");
    }
}
