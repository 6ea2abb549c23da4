//! G-34: offsets of a group that has long been empty are forgotten, and then `auto.offset.reset` decides (LOSS-C7, DUP-15).

use crate::cluster::*;
use sim_core::trace::What;

/// The one member closes after ten seconds, with some twenty messages of two hundred done, and comes back at `at`. Offsets are kept for a
/// minute.
fn comes_back(at: &str, reset: &str, config: &str, more: &str) -> Checked {
    let cluster = "config = { \"offsets.retention.minutes\" = 1, \"offsets.retention.check.interval.ms\" = 2000 }";
    let readers = READERS.replace("\"earliest\"", &format!("\"{reset}\", {config}"));
    check(
        &(three("180s", cluster, "\"min.insync.replicas\" = 2")
            + &producer(200, "2/s", "async", "acks = \"all\"")
            + &readers
            + &fault("11s", &format!("shutdown = \"member 1 of orders\"\nrestart = \"{at}\""))
            + more),
    )
    .expect(&[("messages.acked", 200), ("broker.lost_acked", 0)])
}

fn expiries(run: &Checked) -> Vec<u64> {
    run.events(|what| matches!(what, What::OffsetExpired { .. })).iter().map(|event| event.at.0 / 1_000_000).collect()
}

/// LOSS-C7: with `latest` everything that came while it was away is passed over.
#[test]
fn loss_c7_the_offset_is_forgotten_and_latest_skips() {
    for (protocol, soonest) in [("classic", 71), ("consumer", 70)] {
        let run = comes_back("120s", "latest", &format!("\"group.protocol\" = \"{protocol}\""), "");
        let [at] = expiries(&run)[..] else { panic!("{:?}", expiries(&run)) };
        assert!((soonest..=soonest + 4).contains(&at), "{protocol}: a minute after it was empty, not at {at} s");
        let lost = run.figure("orders.lost");
        assert!(lost > 150, "{lost}");
        assert_eq!((run.figure("mechanisms.LOSS-C7"), run.figure("orders.ok")), (lost, 200 - lost), "{protocol}");
    }
}

/// DUP-15: with `earliest` everything that it had done is done again.
#[test]
fn dup_15_the_offset_is_forgotten_and_earliest_repeats() {
    let run = comes_back("120s", "earliest", "", "").expect(&[("orders.lost", 0)]).at_least(&[("mechanisms.DUP-15", 15)]);
    assert_eq!(run.figure("mechanisms.DUP-15"), run.figure("orders.duplicated"));
}

/// Who is back within the minute reads on where it was; and a group that has members keeps its offsets however old they are.
#[test]
fn the_offsets_of_a_group_with_members_are_kept() {
    let run = comes_back("60s", "earliest", "", "").expect(&[("orders.ok", 200)]);
    assert!(expiries(&run).is_empty(), "{:?}", expiries(&run));
}

/// G-32: what is forgotten stays forgotten when another broker coordinates: the log says so.
#[test]
fn a_new_coordinator_knows_that_an_offset_was_forgotten() {
    let run = comes_back("120s", "latest", "", &fault("85s", "crash = \"broker 2\"\nrestart = \"100s\""));
    assert_eq!(expiries(&run).len(), 1, "{:?}", expiries(&run));
    let run = run.sometimes("another coordinator", |what| matches!(what, What::GroupLoaded { broker, .. } if *broker != B));
    assert!(run.figure("mechanisms.LOSS-C7") > 150);
}
