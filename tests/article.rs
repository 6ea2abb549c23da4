//! The claims S-1 to S-17 of the article, each shown by a run: what it promises, and where its own code does not keep the promise.
//! `docs/article.md` lists the scenarios.

use sim_core::history::History;
use sim_core::scenario::read::Override;
use sim_core::session::Session;
use sim_core::summary::Summary;
use sim_core::trace::What;
use std::sync::Arc;

fn history(name: &str, set: &[&str]) -> History {
    let mut session = Session::library(name);
    session.set = set.iter().map(|text| Override::parse(text).unwrap()).collect();
    let mut history = History::new(Arc::new(session.plan().unwrap_or_else(|error| panic!("{name}: {error}"))));
    history.run_to_end();
    history
}

/// A figure of a run of the library, with settings changed.
#[track_caller]
fn figure(name: &str, set: &[&str], path: &str) -> u64 {
    Summary::of(&history(name, set)).figure(path).unwrap_or_else(|| panic!("{name} has no {path}"))
}

#[test]
fn s1_loss_duplicates_and_backlog_are_three_troubles() {
    assert!(figure("payments-acks-1", &[], "lost") > 0);
    assert!(figure("points-rebalance", &[], "duplicated") > 0);
    assert!(figure("backlog-temporary-topic", &[], "max_lag") > 5_000);
}

#[test]
fn s2_a_misconfigured_acks_loses_about_3000_payments() {
    let lost = figure("payments-acks-1", &[], "mechanisms.LOSS-B1");
    assert!((2_500..=3_500).contains(&lost), "{lost}");
    assert_eq!(figure("payments-acks-all", &[], "lost"), 0, "the same storm");
}

#[test]
fn s3_work_beyond_the_time_limit_grants_points_twice() {
    assert!(figure("points-rebalance", &[], "mechanisms.DUP-11") > 0);
    assert_eq!(figure("points-rebalance", &["group.config.max.poll.records=20"], "duplicated"), 0);
}

/// The order of things: appended by the leader, by a follower, told to the application, polled, done, committed.
#[test]
fn s4_the_offset_is_committed_after_the_business_and_the_ack_after_the_replicas() {
    let run = history("life-of-a-message", &[]);
    let first = |is: &dyn Fn(&What) -> bool| run.trace().iter().position(|event| is(&event.what)).expect("it happens");
    let steps = [
        first(&|what| matches!(what, What::Appended { batch: Some(_), leader: true, .. })),
        first(&|what| matches!(what, What::Appended { batch: Some(_), leader: false, .. })),
        first(&|what| matches!(what, What::BatchDone { .. })),
        first(&|what| matches!(what, What::Effect { .. })),
        first(&|what| matches!(what, What::Committed { .. })),
    ];
    assert!(steps.is_sorted(), "{steps:?}");
    assert_eq!(Summary::of(&run).figure("ok"), Some(10));
}

#[test]
fn s5_what_failed_is_read_again_from_the_committed_offset() {
    assert_eq!(figure("retry-from-offset", &[], "lost"), 0);
    assert!(figure("retry-from-offset", &[], "mechanisms.DUP-10") > 0, "what was done and not committed is done twice");
    assert_eq!(figure("retry-topic", &[], "lost"), 0);
}

#[test]
fn s6_each_broker_leads_one_partition_and_each_group_reads_all() {
    let run = history("order-events", &[]);
    let world = run.last_world();
    let layout = world.layout.clone();
    let mut leaders: Vec<_> = layout.topics[0].iter().map(|&p| world.metadata().partition(p).leader).collect();
    leaders.sort_unstable();
    leaders.dedup();
    assert_eq!(leaders.len(), 3, "three partitions, three leaders");
    let summary = Summary::of(&run);
    assert_eq!(summary.groups.len(), 2);
    for group in summary.groups.values() {
        assert_eq!(group.ok, summary.messages.intended);
    }
}

#[test]
fn s7_a_leader_goes_down_and_a_replica_of_the_isr_takes_over() {
    assert_eq!(figure("leader-failover", &[], "broker.lost_acked"), 0);
    assert!(figure("leader-failover", &[], "broker.elections") >= 1);
    assert_eq!(figure("leader-failover", &[], "broker.unclean_elections"), 0);
}

#[test]
fn s8_the_reliable_producer_is_neither_doubled_nor_reordered_nor_lost() {
    for figure_of in ["broker.extra_copies", "broker.lost_acked", "reordered", "lost", "duplicated"] {
        assert_eq!(figure("reliable-producer", &[], figure_of), 0, "{figure_of}");
    }
    let without = ["producer.config.enable.idempotence=false", "producer.config.acks=1"];
    assert!(figure("reliable-producer", &without, "broker.extra_copies") > 0, "the same storm without idempotence");
}

#[test]
fn s9_send_sync_doubles_what_it_takes_for_failed() {
    assert!(figure("send-sync-retry", &[], "mechanisms.DUP-2") > 0);
    let copies = figure("send-sync-retry", &[], "broker.extra_copies");
    let again = history("send-sync-retry", &[]).trace().iter().filter(|e| matches!(e.what, What::Resent { .. })).count() as u64;
    assert!(0 < copies && copies <= again, "{copies} copies, sent again {again} times: the client alone doubles nothing");
}

#[test]
fn s10_the_table_of_failures_misses_a_crash_and_an_outbox_does_not() {
    assert!(figure("send-async-table", &[], "mechanisms.LOSS-P7") > 0);
    assert!(figure("send-async-table", &[], "mechanisms.ORDER-2") > 0);
    assert_eq!(figure("send-async-table", &["producer.send=outbox"], "mechanisms.LOSS-P7"), 0);
}

#[test]
fn s11_the_idempotent_consumer_recognises_a_redelivery_and_has_three_holes() {
    assert!(figure("idempotent-consumer", &[], "absorbed") > 0);
    assert_eq!(figure("idempotent-consumer", &[], "duplicated"), 0);
    assert!(figure("setnx-then-crash", &[], "mechanisms.LOSS-C10") > 0, "hole 1");
    assert!(figure("producer-duplicate-two-keys", &[], "mechanisms.DUP-16") > 0, "hole 2");
    assert!(figure("redis-down", &[], "careful.max_lag") > 0, "hole 3");
    assert_eq!(figure("redis-down", &[], "lost"), 0);
}

#[test]
fn s12_redis_forgets_and_the_unique_row_does_not() {
    assert!(figure("two-walls", &[], "filter.duplicated") > 0);
    assert_eq!(figure("two-walls", &[], "floor.duplicated"), 0);
}

/// What acks=all costs is a matter of what is offered and of how much a request carries.
#[test]
fn s13_acks_all_costs_what_the_round_trips_cost() {
    let share = |set: &[&str]| {
        let summary = Summary::of(&history("acks-throughput", set));
        let of = |name: &str| summary.figure(&format!("producers.{name}.throughput")).unwrap();
        of("ledger") * 100 / of("clicks")
    };
    let rate = |rate: &str| [format!("producer.ledger.rate={rate}"), format!("producer.clicks.rate={rate}")];
    assert!((50..=70).contains(&share(&[])), "about 40 % less");
    let little = rate("8000/s");
    assert!(share(&[&little[0], &little[1]]) >= 98);
    let much = rate("1000000/s");
    assert!(share(&[&much[0], &much[1]]) <= 30);
    assert!(share(&["producer.config.batch.size=65536"]) >= 98);
}

#[test]
fn s14_order_holds_inside_a_partition_only() {
    assert_eq!(figure("key-order", &[], "ordered.reordered"), 0);
    assert!(figure("key-order", &[], "mechanisms.ORDER-6") > 0);
    assert_eq!(figure("key-order", &[], "in-line.reordered"), 0, "one partition keeps the order of everything");
    // And its price: more members do not help.
    assert!(figure("key-order", &[], "in-line.max_lag") > figure("key-order", &[], "ordered.max_lag"));
}

/// Without the temporary topic more members do not help; with it they do, and the order of keys is lost.
#[test]
fn s15_a_temporary_topic_works_a_backlog_off_and_breaks_the_order() {
    let without = history("backlog-temporary-topic", &["group.order-service.members=15", "group.helpers.members=1"]);
    let working = without.last_world().consumers.iter().filter(|c| c.effects > 0).count();
    assert!(working <= 4, "three partitions feed three members, and the helper: {working}");
    assert!(figure("backlog-temporary-topic", &[], "mechanisms.ORDER-5") > 0);
    assert_eq!(figure("backlog-temporary-topic", &[], "lost"), 0);
}

#[test]
fn s16_a_call_answers_sooner_and_fails_with_its_service() {
    let summary = Summary::of(&history("queue-or-call", &[]));
    let of = |path: &str| summary.figure(path).unwrap();
    assert!(of("producers.caller.produce_p50") * 2 < of("producers.sender.end_to_end_p50"));
    assert!(of("producers.caller.rejected") > 0);
    assert_eq!((of("producers.sender.rejected"), of("lost")), (0, 0), "the records wait");
    // The moving parts: packets that are on their way for one message.
    let run = history("queue-or-call", &[]);
    let calls = run.trace().iter().filter(|e| matches!(e.what, What::Served { .. })).count() as u64;
    assert!(calls >= of("producers.caller.acked"));
}

/// Each wall stops its own kind of trouble, and no other.
#[test]
fn s17_reliability_is_end_to_end() {
    assert_eq!(figure("payments-acks-all", &[], "lost"), 0, "confirmation and replication");
    assert!(figure("power-cut", &[], "lost") > 0, "but not durability");
    assert_eq!(figure("power-cut", &["topic.config.flush.messages=1"], "lost"), 0);
    assert!(figure("send-sync-retry", &[], "broker.extra_copies") > 0, "idempotence does not know the application's own retries");
    assert_eq!(figure("two-walls", &[], "floor.duplicated"), 0, "the consumer's unique row does");
}
