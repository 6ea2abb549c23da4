//! Transactions when something goes wrong on the way: coordinators that die between any two of their steps, calls that time out, ids that are
//! forgotten.

use crate::cluster::*;
use crate::transactions::{both, cluster, late_record, readers, sends, topic};
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::What;
use sim_core::transaction::State;

/// Transactions of five in two partitions that brokers 1 and 2 lead. Their coordinator is broker 3, whose markers for `slow` are late; it dies
/// at second 2, and what it had sent them comes when it is no coordinator any more. What it had decided, and when each partition was told: by whom it was completed, and the times of the markers.
fn dies_before_its_markers(version: u8, slow: &[u16]) -> (Checked, Vec<u64>, Vec<u64>) {
    let two = three("90s", &cluster(version), &topic())
        .replace("partitions = 1\nassignment = [[1, 2, 3]]", "partitions = 2\nassignment = [[1, 2, 3], [2, 3, 1]]");
    let late = slow.iter().map(|to| {
        let what = format!("slow = \"broker 3 -> broker {to}\"\napi = \"WriteTxnMarkers\"\nextra = \"20s\"\nuntil = \"10s\"");
        fault("500ms", &what)
    });
    let run = check(
        &(two
            + &sends("", "").replace("keys = 1", "keys = 20")
            + &readers("committed", "read_committed")
            + &late.collect::<String>()
            + &fault("2s", "crash = \"broker 3\"\nrestart = \"40s\"")),
    )
    .expect(&[("messages.acked", 20), ("committed.ok", 20), ("broker.lost_acked", 0), ("transactions.aborted", 0)]);
    let moved = |what: &What, is: State| matches!(what, What::TransactionMoved { state, .. } if *state == is);
    let decided = run.events(|what| moved(what, State::PrepareCommit))[0];
    let completed = run.events(|what| moved(what, State::CompleteCommit))[0];
    assert!(decided.at < seconds(2) && matches!(decided.what, What::TransactionMoved { broker: BrokerId(3), .. }));
    assert!(completed.at > seconds(2) && !matches!(completed.what, What::TransactionMoved { broker: BrokerId(3), .. }));
    let epoch = if let What::TransactionMoved { epoch, .. } = decided.what { epoch } else { 0 };
    let markers = |p: u16| {
        let is = |what: &What| matches!(what, What::MarkerWritten { partition, epoch: e, .. } if partition.0 == p && *e == epoch);
        let until_then = |at: &u64| *at <= completed.at.0;
        run.events(is).iter().map(|event| event.at.0).filter(until_then).collect::<Vec<u64>>()
    };
    let (first, second) = (markers(0), markers(1));
    (run, first, second)
}

/// the coordinator dies between its decision and the first marker. The decision stands: the next one writes them all.
#[test]
fn x6_a_coordinator_dies_before_its_first_marker() {
    for version in [1, 2] {
        let (_, first, second) = dies_before_its_markers(version, &[1, 2]);
        assert!(first.len() == 1 && second.len() == 1, "{first:?} {second:?}");
        assert!(first[0] > 2_000_000 && second[0] > 2_000_000);
    }
}

/// it dies between two markers. The next one does not know who was told, and tells everybody: the second time is not taken amiss.
#[test]
fn x6_a_coordinator_dies_between_two_markers() {
    for version in [1, 2] {
        let (_, first, second) = dies_before_its_markers(version, &[1]);
        assert!(first.len() == 1 && first[0] > 2_000_000, "{first:?}");
        assert!(second.len() == 2 && second[0] < 2_000_000 && second[1] > 2_000_000, "{second:?}");
    }
}

/// X-1, G-32: a new coordinator reads 900 transactions, which takes as long as it takes; meanwhile it answers COORDINATOR_LOAD_IN_PROGRESS.
#[test]
fn x1_a_new_coordinator_reads_its_partition_first() {
    let many = producer(1_000, "20/s", "async", "\"transactional.id\" = \"t-1\"")
        .replace("send = ", "transaction = { size = 1 }\nsend = ");
    let run = check(&(three("100s", &cluster(1), &topic()) + &many + &fault("46s", "crash = \"broker 3\""))).expect(&[
        ("messages.acked", 1_000),
        ("broker.lost_acked", 0),
        ("transactions.committed", 1_000),
    ]);
    let loaded = run.events(|what| matches!(what, What::TransactionsLoaded { known: 1, broker, .. } if *broker != BrokerId(3)));
    let What::TransactionsLoaded { broker, partition, .. } = loaded[0].what else { panic!() };
    let led =
        run.events(|what| matches!(what, What::BecameLeader { broker: b, partition: p, .. } if (*b, *p) == (broker, partition)));
    let took = loaded[0].at.since(led.last().unwrap().at);
    assert!(took.0 > 5_000, "400,000 bytes at least, at 50 MB in a second: {took}");
}

/// a transactional.id that is idle for too long is forgotten. A producer that comes back to it is refused, and starts again with another
/// producer id.
#[test]
fn x8_an_idle_transactional_id_is_forgotten() {
    for version in [1, 2] {
        let brokers = format!(
            "{}\nconfig = {{ \"transactional.id.expiration.ms\" = 10000, \"transaction.remove.expired.transaction.cleanup.interval.ms\" = 5000 }}",
            cluster(version)
        );
        let rare = producer(6, "2/m", "sync", "\"transactional.id\" = \"t-1\"")
            .replace("send = ", "transaction = { size = 2 }\nsend = ");
        let run = check(&(three("250s", &brokers, &topic()) + &rare + &readers("committed", "read_committed")))
            .expect(&[("messages.acked", 6), ("committed.ok", 6), ("transactions.committed", 3)])
            .sometimes("refused", |what| {
                matches!(what, What::TransactionEnded { error: ErrorCode::InvalidProducerIdMapping, outcome: None, .. })
            });
        let pids = run.events(|what| matches!(what, What::TransactionMoved { state: State::CompleteCommit, .. }));
        let pids: std::collections::BTreeSet<i64> =
            pids.iter().map(|e| if let What::TransactionMoved { pid, .. } = e.what { pid.0 } else { -1 }).collect();
        assert_eq!(pids.len(), 3, "each transaction had a producer id of its own");
        let world = run.history.last_world();
        assert!(world.brokers.iter().all(|b| b.transaction(TransactionalId(0)).is_none()), "nobody remembers it in the end");
    }
}

/// the cluster is out of reach when the application commits. commitTransaction() throws after max.block.ms, again and again; the
/// application may do nothing but call again, and in the end the transaction is committed, once.
#[test]
fn x6_a_commit_that_times_out_is_called_again() {
    for version in [1, 2] {
        let run = check(
            &(three("60s", &cluster(version), &topic())
                + &sends("", "\"max.block.ms\" = 2000")
                + &both()
                + &fault("1150ms", "cut = \"producer p <-> brokers\"\nuntil = \"9s\"")),
        )
        .expect(&[("messages.acked", 20), ("committed.ok", 20), ("transactions.committed", 4), ("everything.ok", 20)]);
        let late = run.events(|what| matches!(what, What::TransactionEndTimedOut { .. }));
        let late: Vec<u64> = late.iter().map(|event| event.at.0 / 1_000_000).collect();
        assert!(late.starts_with(&[3, 5, 7]), "{late:?}");
    }
}

/// an error that ends the transaction and not the producer: its batches expire. The application aborts, and sends the same messages
/// in another transaction; readers of committed records see them once.
#[test]
fn an_abortable_error_is_followed_by_another_transaction() {
    for version in [1, 2] {
        check(
            &(three("60s", &cluster(version), &topic())
                + &sends("", "\"request.timeout.ms\" = 1000, \"delivery.timeout.ms\" = 2000")
                + &both()
                + &fault("1150ms", "cut = \"producer p <-> broker 1\"\nuntil = \"9s\"")),
        )
        .expect(&[("messages.acked", 20), ("committed.ok", 20), ("committed.lost", 0), ("transactions.fenced", 0)])
        .sometimes("aborted and sent again", |what| {
            matches!(what, What::TransactionEnded { outcome: None, error: ErrorCode::Timeout, .. })
        });
    }
}

/// L-2: with verification a late batch of version 1 is not appended either.
#[test]
fn a_late_record_is_refused_where_leaders_verify() {
    let run = late_record(1, true).sometimes("refused", |what| matches!(what, What::Refused { partition: P0, .. }));
    let world = run.history.last_world();
    assert_eq!(world.brokers[A.slot()].replica(P0).unwrap().log.transactions.open().count(), 0);
    assert_eq!(run.figure("committed.pending"), 0);
}
