//! Transactions: the log, the coordinator, the producer and its application, readers (section 5 and 3.9 of the protocol reference).

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::trace::{SendOutcome, What};
use sim_core::transaction::State;

/// The brokers' settings of a small cluster, and the rules that it follows.
fn cluster(version: u8) -> String {
    format!("rules = {{ transaction-version = {version} }}")
}

/// Twenty messages in transactions of five; `more` goes into `transaction`, `config` into the client's properties.
fn sends(more: &str, config: &str) -> String {
    producer(20, "20/s", "async", &format!("\"transactional.id\" = \"t-1\", {config}"))
        .replace("send = ", &format!("transaction = {{ size = 5, {more} }}\nsend = "))
}

/// A group of readers with this isolation.
fn readers(name: &str, isolation: &str) -> String {
    READERS
        .replace("\"orders\"", &format!("\"{name}\""))
        .replace("\"enable.auto.commit\"", &format!("\"isolation.level\" = \"{isolation}\", \"enable.auto.commit\""))
}

fn both() -> String {
    readers("committed", "read_committed") + &readers("everything", "read_uncommitted")
}

fn topic() -> String {
    "\"min.insync.replicas\" = 2".to_owned()
}

/// four transactions, one after the other.
#[test]
fn transactions_are_committed() {
    for version in [1, 2] {
        let run = check(&(three("30s", &cluster(version), &topic()) + &sends("", "") + &both()))
            .expect(&[("messages.acked", 20), ("committed.ok", 20), ("everything.ok", 20)])
            .expect(&[("transactions.committed", 4), ("transactions.aborted", 0), ("broker.extra_copies", 0)]);
        let epochs = run.events(|what| matches!(what, What::MarkerWritten { commit: true, partition: P0, .. }));
        let epochs: Vec<i16> =
            epochs.iter().map(|e| if let What::MarkerWritten { epoch, .. } = e.what { epoch } else { -1 }).collect();
        // with version 2 each transaction has an epoch of its own.
        assert_eq!(epochs, if version == 1 { vec![0; 4] } else { vec![1, 2, 3, 4] });
    }
}

/// F-1, DUP-23: an application that aborts one transaction of two and repeats it. The last message of each is still in the client when it
/// is aborted, and never leaves it.
#[test]
fn dup23_aborted_attempts_are_seen_by_those_who_read_everything() {
    for version in [1, 2] {
        check(&(three("30s", &cluster(version), &topic()) + &sends("abort = \"1 of 2\"", "") + &both()))
            .expect(&[("messages.acked", 20), ("committed.ok", 20), ("broker.extra_copies", 0)])
            .expect(&[("everything.duplicated", 12), ("mechanisms.DUP-23", 12)])
            .at_least(&[("transactions.aborted", 3)]);
    }
}

/// LOSS-P9: it does not repeat them.
#[test]
fn loss_p9_an_aborted_transaction_that_is_not_repeated() {
    check(&(three("30s", &cluster(2), &topic()) + &sends("abort = \"1 of 2\", after-abort = \"drop\"", "") + &both()))
        .expect(&[("messages.acked", 10), ("messages.rejected", 10), ("committed.ok", 10), ("committed.rejected", 10)])
        .expect(&[("mechanisms.LOSS-P9", 10), ("everything.phantom", 8), ("transactions.aborted", 2)]);
}

/// two instances with one transactional.id. The first is fenced by the second.
#[test]
fn x3_a_zombie_is_fenced() {
    let zombie = sends("after-abort = \"drop\", after-fencing = \"stop\"", "");
    let second = sends("", "").replace("name = \"p\"", "name = \"q\"").replace("start = \"1s\"", "start = \"1600ms\"");
    for version in [1, 2] {
        check(&(three("60s", &cluster(version), &topic()) + &zombie + &second + &readers("committed", "read_committed")))
            .expect(&[("transactions.fenced", 1)])
            .sometimes("fenced", |what| matches!(what, What::TransactionEnded { error: ErrorCode::ProducerFenced, .. }))
            .at_least(&[("messages.acked", 25)]);
    }
}

/// a producer that dies in the middle of a transaction holds readers up until the coordinator aborts it.
#[test]
fn x8_an_abandoned_transaction_times_out() {
    let run = check(
        &(three("60s", &cluster(2), &topic())
            + &sends("", "\"transaction.timeout.ms\" = 5000")
            + &readers("committed", "read_committed")
            + &fault("1325ms", "crash = \"producer p\"")),
    )
    .expect(&[("committed.ok", 5), ("transactions.committed", 1), ("transactions.aborted", 1)])
    .sometimes("aborted", |what| matches!(what, What::TransactionMoved { state: State::CompleteAbort, .. }));
    let aborted = run.events(|what| matches!(what, What::TransactionMoved { state: State::PrepareAbort, .. }))[0].at;
    assert!(aborted > seconds(6) && aborted < seconds(20), "{aborted}");
}

/// the coordinator dies right after it has decided; the next one finishes.
#[test]
fn x6_the_next_coordinator_finishes_what_was_decided() {
    for version in [1, 2] {
        let run = check(
            &(three("90s", &cluster(version), &topic())
                + &sends("", "")
                + &readers("committed", "read_committed")
                + &fault("1300ms", "crash = \"leader of t-0\"\nrestart = \"30s\"")
                + &fault("1900ms", "crash = \"broker 2\"\nrestart = \"20s\"")),
        )
        .expect(&[("messages.acked", 20), ("committed.ok", 20), ("broker.lost_acked", 0)]);
        assert!(run.figure("transactions.committed") >= 4);
    }
}

/// The one message of the application that matters to the ledger: its transaction's end.
#[test]
fn a_message_is_acked_when_its_transaction_is() {
    let run = check(&(three("30s", &cluster(2), &topic()) + &sends("", "") + &both()));
    let acked = |what: &What| matches!(what, What::TransactionEnded { outcome: Some(SendOutcome::Acked), .. });
    assert_eq!(run.events(acked).len(), 4);
    let first = run.events(acked)[0].at;
    assert_eq!(run.history.last_world().ledger().message(MessageId(0)).resolved, first);
}
