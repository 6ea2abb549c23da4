//! The producer and its connections: directed scenarios.

use crate::cluster::*;
use sim_core::error_code::ErrorCode;
use sim_core::trace::{DropReason, What};

/// Several requests are in flight over a connection that breaks. All of them fail in the order of sending; the client puts each in front
/// of its queue, or with numbers in their order.
fn connection_breaks(config: &str) -> Checked {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(20, "10/s", "async", config)
            + READERS
            + &fault("1950ms", "cut = \"producer p -> broker 1\"\nuntil = \"2450ms\"")
            + &fault("2350ms", "break = \"producer p <-> broker 1\"")),
    )
    .expect(&[("messages.acked", 20), ("orders.ok", 20), ("broker.extra_copies", 0)])
    .sometimes("a transmission is lost", |what| matches!(what, What::TransmissionLost { reason: DropReason::Cut, .. }))
    .sometimes("a request is lost", |what| matches!(what, What::Dropped { reason: DropReason::Intervention, .. }))
    .sometimes("retried", |what| matches!(what, What::BatchRetried { error: ErrorCode::NetworkException, .. }))
}

/// ORDER-1, P-42: the last to fail is the first in the queue.
#[test]
fn order1_retries_without_idempotence_come_in_the_opposite_order() {
    connection_breaks("acks = \"all\", \"enable.idempotence\" = false").at_least(&[("orders.reordered", 1)]);
}

/// ORDER-17, P-42: with idempotence they come in the order of their numbers.
#[test]
fn order17_with_idempotence_the_order_is_kept() {
    connection_breaks("acks = \"all\"").expect(&[("orders.reordered", 0)]);
}

/// P-35: so it is with one request in flight.
#[test]
fn one_request_in_flight_keeps_the_order_without_idempotence() {
    connection_breaks("acks = \"all\", \"enable.idempotence\" = false, \"max.in.flight.requests.per.connection\" = 1")
        .expect(&[("orders.reordered", 0)]);
}

/// TCP: packets lost by the link are late, and nothing overtakes them: the order is kept whatever the configuration.
#[test]
fn a_lost_packet_holds_up_what_comes_after_it_and_nothing_is_reordered() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\", \"enable.idempotence\" = false")
            + READERS
            + &fault("1500ms", "loss = \"producer p -> broker 1\"\nper-mille = 100\nuntil = \"5s\"")),
    )
    .expect(&[("messages.acked", 100), ("orders.ok", 100), ("orders.reordered", 0)])
    .sometimes("lost", |what| matches!(what, What::TransmissionLost { reason: DropReason::Loss, .. }))
    .never("for good", |what| matches!(what, What::Dropped { .. }));
    assert!(run.figure("latency_us.produce_p99") >= 200_000, "a retransmission takes 200 ms at least");
}

/// A request that waits in its client's kernel while the link is cut reaches the broker after the client has given up on it: without
/// idempotence the record is there twice (P-40, DUP-6).
#[test]
fn what_a_closed_connection_leaves_behind_still_arrives() {
    let run = |config: &str| {
        check(
            &(three("60s", "", "\"min.insync.replicas\" = 1")
                + &producer(12, "10/s", "sync", &format!("\"request.timeout.ms\" = 2000, {config}"))
                + READERS
                + &fault("1990ms", "cut = \"producer p -> broker 1\"\nuntil = \"4200ms\"")),
        )
        .expect(&[("messages.acked", 12)])
    };
    run("acks = \"all\", \"enable.idempotence\" = false").expect(&[("broker.extra_copies", 1), ("orders.duplicated", 1)]);
    run("acks = \"all\"").expect(&[("broker.extra_copies", 0), ("orders.ok", 12)]);
}
