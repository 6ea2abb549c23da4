//! Transactions: the log, the coordinator, the producer and its application, readers (section 5 and 3.9 of the protocol reference).

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::ids::*;
use sim_core::time::SimDuration;
use sim_core::trace::{SendOutcome, What};
use sim_core::transaction::State;

/// The brokers' settings of a small cluster, and the rules that it follows.
pub fn cluster(version: u8) -> String {
    format!("rules = {{ transaction-version = {version} }}")
}

/// The same, and groups that do not wait for company.
fn at_once(version: u8) -> String {
    format!("{}\nconfig = {{ \"group.initial.rebalance.delay.ms\" = 0 }}", cluster(version))
}

/// Twenty messages in transactions of five; `more` goes into `transaction`, `config` into the client's properties.
pub fn sends(more: &str, config: &str) -> String {
    producer(20, "20/s", "async", &format!("\"transactional.id\" = \"t-1\", {config}"))
        .replace("send = ", &format!("transaction = {{ size = 5, {more} }}\nsend = "))
}

/// A group of readers with this isolation.
pub fn readers(name: &str, isolation: &str) -> String {
    READERS
        .replace("\"orders\"", &format!("\"{name}\""))
        .replace("\"enable.auto.commit\"", &format!("\"isolation.level\" = \"{isolation}\", \"enable.auto.commit\""))
}

pub fn both() -> String {
    readers("committed", "read_committed") + &readers("everything", "read_uncommitted")
}

pub fn topic() -> String {
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

/// A group `shop` that reads `t`, produces to `out`, and one that reads `out`.
fn pipeline(forward: &str) -> String {
    let shop = "[[group]]\nname = \"shop\"\ntopics = [\"t\"]\nstatic = true\nhandler = { dedupe = \"none\", time = \"5ms\" }\n\
        config = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\", \"max.poll.records\" = 10 }\n"
        .to_owned();
    let out = "[[topic]]\nname = \"out\"\npartitions = 1\nconfig = { \"replication.factor\" = 3, \"min.insync.replicas\" = 2 }\n";
    let ends = readers("ends", "read_committed").replace("topics = [\"t\"]", "topics = [\"out\"]");
    format!("{out}{shop}forward = {{ topic = \"out\"{forward} }}\n{ends}")
}

/// outputs and offsets in one transaction.
#[test]
fn x9_consume_transform_produce_is_exactly_once_within_kafka() {
    for version in [1, 2] {
        let run = check(
            &(three("90s", &at_once(version), &topic())
                + &producer(200, "500/s", "async", "acks = \"all\"")
                + &pipeline(", transactional-id = \"shop\"")
                + &fault("1555ms", "crash = \"member 1 of shop\"\nrestart = \"1600ms\"")
                + &fault("1861ms", "crash = \"member 1 of shop\"\nrestart = \"1900ms\"")
                + &fault("2140ms", "crash = \"member 1 of shop\"\nrestart = \"2200ms\"")
                + &fault("2425ms", "crash = \"member 1 of shop\"\nrestart = \"2500ms\"")
                + &fault("3500ms", "crash = \"leader of out-0\"\nrestart = \"20s\"")),
        )
        .expect(&[("messages.acked", 200), ("ends.ok", 200)])
        .at_least(&[("transactions.committed", 10), ("transactions.aborted", 1)]);
        // The business itself is outside of Kafka: it was done twice for some.
        assert!(run.figure("shop.duplicated") > 0 && run.figure("shop.ok") + run.figure("shop.duplicated") == 200);
    }
}

/// X-10, LOSS-B8: a transaction is in the logs like everything else. Its outputs are committed by an ISR of one; that dies, somebody who
/// lacks them is elected uncleanly, and the offsets, which are elsewhere, say that all is done. (Broker 2 coordinates the transactions.)
#[test]
fn x10_exactly_once_does_not_bring_back_what_the_brokers_lose() {
    let run = |unclean: bool| {
        let cluster = "config = { \"group.initial.rebalance.delay.ms\" = 0, \"replica.lag.time.max.ms\" = 2000 }";
        let out = format!("assignment = [[3, 1, 2]]\nconfig = {{ \"unclean.leader.election.enable\" = {unclean}, ");
        let pipeline = pipeline(", transactional-id = \"eos\"")
            .replace("partitions = 1\nconfig = { ", &format!("partitions = 1\n{out}"))
            .replace("\"min.insync.replicas\" = 2", "\"min.insync.replicas\" = 1");
        let slow = "slow = \"followers of out-0 -> leader of out-0\"\napi = \"ReplicaFetch\"\nextra = \"20s\"\nuntil = \"30s\"";
        check(
            &(three("120s", cluster, &topic())
                + &producer(200, "20/s", "async", "acks = \"all\"")
                + &pipeline
                + &fault("3s", "crash = \"member 1 of ends\"\nrestart = \"60s\"")
                + &fault("3s", slow)
                + &fault("9s", "crash = \"broker 3\"\nrestart = \"40s\"")),
        )
        .expect(&[("messages.acked", 200), ("broker.lost_acked", 0), ("shop.ok", 200)])
        .at_least(&[("transactions.committed", 10)])
    };
    run(false).expect(&[("ends.ok", 200)]);
    let lost = run(true).at_least(&[("ends.lost", 20)]);
    assert_eq!(lost.figure("mechanisms.LOSS-B8"), lost.figure("ends.lost"), "{:?}", lost.summary.mechanisms);
}

/// DUP-22: without transactions the output is there before the offset is.
#[test]
fn dup22_outputs_without_transactions_come_twice() {
    check(
        &(three("60s", &at_once(2), &topic())
            + &producer(200, "500/s", "async", "acks = \"all\"")
            + &pipeline("")
            + &fault("1660ms", "crash = \"member 1 of shop\"\nrestart = \"2s\"")),
    )
    .expect(&[("messages.acked", 200), ("ends.lost", 0)])
    .at_least(&[("ends.duplicated", 1), ("mechanisms.DUP-22", 1)]);
}

/// L-2: a batch is late on its way; meanwhile its transaction is aborted. Before KIP-890, without verification, it opens a transaction
/// that nobody will ever end, and readers of committed records stop in front of it. With version 2 it is refused.
pub fn late_record(version: u8, verifies: bool) -> Checked {
    let cluster = format!(
        "rules = {{ transaction-version = {version} }}\nconfig = {{ \"transaction.partition.verification.enable\" = {verifies} }}"
    );
    let slow = "slow = \"producer p -> broker 1\"\napi = \"Produce\"\nextra = \"8s\"\nuntil = \"4500ms\"";
    let config = "\"request.timeout.ms\" = 2000, \"delivery.timeout.ms\" = 3000";
    let others = producer(30, "2/s", "async", "acks = \"all\"").replace("name = \"p\"", "name = \"q\"");
    check(
        &(three("60s", &cluster, &topic())
            + &sends("after-abort = \"drop\"", config).replace("messages = 20", "messages = 5")
            + &others
            + &readers("committed", "read_committed")
            + &fault("1s", slow)),
    )
}

#[test]
fn a_late_record_hangs_a_transaction_of_version_1_only() {
    let old = late_record(1, false);
    let world = old.history.last_world();
    let replica = world.brokers[A.slot()].replica(P0).unwrap();
    assert_eq!(replica.log.transactions.open().count(), 1, "it hangs");
    assert!(replica.last_stable() < replica.high_watermark);
    assert!(old.figure("committed.pending") >= 10, "{:?}", old.summary.groups);

    let new = late_record(2, false);
    let world = new.history.last_world();
    let replica = world.brokers[A.slot()].replica(P0).unwrap();
    assert_eq!(replica.log.transactions.open().count(), 0);
    assert_eq!(replica.last_stable(), replica.high_watermark);
    assert_eq!(new.figure("committed.pending"), 0);
    new.sometimes("refused", |what| matches!(what, What::Refused { partition: P0, .. }));
}

/// P-48: a producer that is closed in the middle of a transaction sends what it has, and aborts: nobody waits for transaction.timeout.ms.
#[test]
fn a_producer_that_is_closed_aborts_its_open_transaction() {
    for version in [1, 2] {
        let body = three("40s", &at_once(version), &topic()) + &sends("", "").replace("20/s", "2/s") + &both();
        let run = check(&(body + &fault("4700ms", "shutdown = \"producer p\"")))
            .expect(&[("messages.intended", 8), ("messages.acked", 5), ("messages.rejected", 3), ("mechanisms.LOSS-P9", 3)])
            .expect(&[
                ("transactions.committed", 1),
                ("transactions.aborted", 1),
                ("committed.ok", 5),
                ("everything.phantom", 3),
            ]);
        let at = |is: fn(&What) -> bool| run.events(is).last().expect("it happened").at;
        let marker = at(|what| matches!(what, What::MarkerWritten { commit: false, partition: P0, .. }));
        let stopped = at(|what| matches!(what, What::Stopped { node: NodeId::Producer(_) }));
        assert!(marker < seconds(5) && stopped < seconds(5), "version {version}: {marker} {stopped}");
    }
}

/// P-30: a member that forwards without transactions calls `flush()` before it commits: what it has sent does not linger.
#[test]
fn what_is_forwarded_is_flushed_before_the_commit() {
    let body = three("60s", &at_once(2), &topic())
        + &producer(50, "50/s", "async", "acks = \"all\"")
        + &pipeline(", config = { \"linger.ms\" = 3000 }");
    let run = check(&body).expect(&[("ends.ok", 50)]);
    let sent = run.events(|what| matches!(what, What::BatchSent { producer: ProducerId(1), .. }));
    assert!(!sent.is_empty());
    for event in sent {
        let What::BatchSent { batch: of, .. } = event.what else { unreachable!() };
        let first = run.events(|what| matches!(what, What::Forwarded { batch, .. } if *batch == of))[0].at;
        // Ten records of 5 ms each make a poll.
        assert!(event.at.since(first) < SimDuration::from_millis(100), "{of} waited from {first} to {}", event.at);
    }
}
