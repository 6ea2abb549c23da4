use super::*;
use crate::session::Session;
use crate::set::BrokerSet;
use crate::summary::Summary;
use crate::trace::TraceId;

const SCENARIO: &str = r#"
format = 1
title = "series"
duration = "1s"
[cluster]
brokers = 3
[[topic]]
name = "t"
partitions = 2
assignment = [[1, 2, 3], [2, 3, 1]]
config = { "min.insync.replicas" = 2 }
[[producer]]
name = "p"
topic = "t"
messages = 3
rate = "10/s"
[[group]]
name = "g"
topics = ["t"]
"#;

const SECOND: u64 = 1_000_000;
const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);
const G: GroupId = GroupId(0);

fn layout() -> Arc<Layout> {
    Arc::new(Layout::new(Arc::new(Session::inline("series.toml", SCENARIO).plan().unwrap())))
}

/// The series of a trace that is known up to an instant, in milliseconds, as are the times of the events.
fn series(events: &[(u64, What)], known: u64, buckets: u32) -> Series {
    let layout = layout();
    let mut ledger = Ledger::new(layout.clone());
    let trace: Vec<TraceEvent> =
        events.iter().map(|&(ms, what)| TraceEvent { at: SimTime(ms * 1_000), cause: TraceId::START, what }).collect();
    for event in &trace {
        if let What::Queued { batch, .. } = event.what {
            while ledger.new_batch() < batch {}
        }
        ledger.observe(event.at, &event.what);
    }
    Series::read(&layout, &trace, &ledger, Buckets::new(SimTime(SECOND), SimTime(known * 1_000), buckets))
}

fn brokers(ids: &[u16]) -> BrokerSet {
    ids.iter().map(|id| BrokerId(*id)).collect()
}

fn isr(partition: PartitionId, old: &[u16], new: &[u16]) -> What {
    let (old, new) = (brokers(old), brokers(new));
    What::IsrChanged { partition, old, new, elr: BrokerSet::EMPTY, epoch: PartitionEpoch(1) }
}

fn elected(partition: PartitionId, old: Option<u16>, new: Option<u16>, epoch: i32, isr: &[u16]) -> What {
    let (old, new, epoch) = (old.map(BrokerId), new.map(BrokerId), LeaderEpoch(epoch));
    What::LeaderElected { partition, old, new, epoch, isr: brokers(isr), unclean: false }
}

fn hw(partition: PartitionId, to: i64) -> What {
    What::HwMoved { broker: BrokerId(1), partition, to: Offset(to) }
}

fn committed(partition: PartitionId, offset: i64) -> What {
    What::Committed { group: G, partition, offset: Offset(offset) }
}

#[test]
fn a_run_is_divided_into_equal_buckets_and_its_end_is_in_the_last_one() {
    let buckets = Buckets::new(SimTime(1_000), SimTime(1_000), 4);
    assert_eq!((buckets.span, buckets.known), (250, 4));
    assert_eq!([0, 249, 250, 999, 1_000].map(|us| buckets.of(SimTime(us))), [0, 0, 1, 3, 3]);
    let half = Buckets::new(SimTime(1_000), SimTime(500), 4);
    assert_eq!(half.known, 3, "the one that has just begun is known, too");
    let odd = Buckets::new(SimTime(301), SimTime(301), 300);
    assert_eq!((odd.span, odd.known, odd.of(SimTime(301))), (2, 151, 150));
    assert_eq!(Buckets::new(SimTime::ZERO, SimTime::ZERO, 240).known, 1);
}

#[test]
fn isr_and_leaders_are_told_by_their_worst_in_each_bucket() {
    let events = [
        (0, What::RunStarted { seed: 1 }),
        (110, isr(P0, &[1, 2, 3], &[1, 2])),
        (120, isr(P0, &[1, 2], &[1])),
        (180, isr(P0, &[1], &[1, 2])),
        (310, elected(P1, Some(2), None, 1, &[2])),
        (520, elected(P1, None, Some(2), 2, &[2])),
        (610, isr(P1, &[2], &[1, 2, 3])),
        (620, isr(P0, &[1, 2], &[1, 2, 3])),
    ];
    let s = series(&events, 1_000, 10);
    assert_eq!(s.min_isr, [3, 1, 2, 1, 1, 1, 1, 3, 3, 3]);
    assert_eq!(s.under_replicated, [0, 1, 1, 2, 2, 2, 2, 0, 0, 0]);
    assert_eq!(s.under_min_isr, [0, 1, 0, 1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(s.offline, [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(s.isr_shrinks, [0, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(s.isr_expands, [0, 1, 0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(s.elections, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0], "to have no leader is no election");
    let p1 = &s.partitions[P1.ix()];
    let at = |ms: u64| p1.leadership_at(SimTime(ms * 1_000)).map(|l| (l.leader.map(|b| b.0), l.epoch.0)).unwrap();
    assert_eq!([at(0), at(309), at(310), at(520), at(999)], [(Some(2), 0), (Some(2), 0), (None, 1), (Some(2), 2), (Some(2), 2)]);
    assert_eq!(p1.isr_at(SimTime(310_000)), Some(brokers(&[2])));
    assert_eq!((p1.isrs.len(), p1.min_isr, p1.replicas), (3, 2, 3), "an ISR that stays is no change");
    assert_eq!(s.most_eventful(), Some(P1), "more leaders count more than more ISRs");
}

#[test]
fn lag_is_what_is_committed_by_the_brokers_and_not_by_the_group() {
    let events = [
        (50, hw(P0, 10)),
        (90, committed(P0, 4)),
        (150, hw(P1, 5)),
        (160, hw(P1, 3)),
        (170, committed(P0, 10)),
        (350, committed(P1, 5)),
        // A new coordinator first knows nothing of the group, then reads what it committed: that is no lag.
        (550, What::GroupLoaded { broker: BrokerId(2), group: G, generation: 0, members: 0 }),
        (550, committed(P0, 10)),
        (550, committed(P1, 5)),
    ];
    let s = series(&events, 700, 10);
    assert_eq!(s.len(), 8, "as much as is known");
    assert_eq!(s.groups.len(), 1);
    assert_eq!(s.groups[0].lag, [6, 5, 5, 0, 0, 0, 0, 0]);
    assert_eq!(s.groups[0].lag_max, [10, 11, 5, 5, 0, 5, 0, 0]);
}

#[test]
fn messages_count_where_they_are_acked_and_done() {
    let intended = |m| What::Intended { message: MessageId(m), producer: ProducerId(0), key: None };
    let queued = |m, b| What::Queued { message: MessageId(m), batch: BatchId(b), partition: P0 };
    let done =
        |b, outcome| What::BatchDone { batch: BatchId(b), outcome, error: crate::error_code::ErrorCode::None, offset: Offset(0) };
    let appended = |leader, batch| What::Appended {
        broker: BrokerId(1),
        partition: P0,
        batch,
        epoch: LeaderEpoch(0),
        base: Offset(0),
        count: 2,
        leader,
    };
    let effect = |m| What::Effect { consumer: ConsumerId(0), message: MessageId(m), partition: P0, offset: Offset(0) };
    let events = [
        (10, intended(0)),
        (20, intended(1)),
        (30, intended(2)),
        (31, queued(0, 0)),
        (31, queued(1, 0)),
        (31, queued(2, 1)),
        (40, appended(true, Some(BatchId(0)))),
        (41, appended(false, Some(BatchId(0)))),
        (42, appended(true, None)),
        (130, done(0, SendOutcome::Acked)),
        (230, done(1, SendOutcome::Unknown)),
        (310, effect(0)),
        (320, effect(1)),
        (400, effect(1)),
    ];
    let s = series(&events, 400, 10);
    assert_eq!(s.messages_in, [2, 0, 0, 0, 0], "of the leader, and not of Kafka's own topics");
    assert_eq!(s.acked, [0, 2, 0, 0, 0]);
    assert_eq!(s.failed, [0, 0, 1, 0, 0]);
    assert_eq!((s.produce.count[1], s.produce.p50[1], s.produce.p99[1]), (2, 110_000, 120_000));
    assert_eq!(s.end_to_end.count, [0, 0, 0, 2, 0], "an effect counts once");
    assert_eq!((s.end_to_end.p50[3], s.end_to_end.p99[3]), (300_000, 300_000));
    assert_eq!((s.per_second(s.acked[1]), s.start_of(1), s.bucket_of(SimTime(199_999))), (20, SimTime(100_000), 1));
}

/// The series add up to the figures of the summary; a run in one bucket has its percentiles.
#[test]
fn the_series_of_a_run_add_up_to_its_summary() {
    for name in ["payments-acks-1", "min-isr", "retry-topic", "exactly-once", "controller-failover", "partition-growth"] {
        let mut history = History::new(Arc::new(Session::library(name).plan().unwrap()));
        history.run_to_end();
        let summary = Summary::of(&history);
        let s = Series::of(&history, BUCKETS);
        let sum = |counts: &[u64]| counts.iter().sum::<u64>();
        let figure = |path: &str| summary.figure(path).unwrap();
        assert_eq!(sum(&s.acked), figure("messages.acked"), "{name}");
        assert_eq!(
            sum(&s.failed),
            history
                .last_world()
                .ledger()
                .messages()
                .filter(|(_, m)| { m.outcome.is_some_and(|o| o != SendOutcome::Acked) })
                .count() as u64,
            "{name}"
        );
        assert_eq!(sum(&s.produce.count), sum(&s.acked), "{name}");
        assert_eq!(sum(&s.elections), figure("broker.elections"), "{name}");
        assert_eq!(sum(&s.isr_shrinks), figure("broker.isr_shrinks"), "{name}");
        assert_eq!(sum(&s.isr_expands), figure("broker.isr_expands"), "{name}");
        assert!(sum(&s.messages_in) >= sum(&s.acked), "{name}");
        for group in &s.groups {
            assert_eq!(group.lag_max.iter().max(), Some(&summary.groups[&group.name].max_lag), "{name} {}", group.name);
            assert!(group.lag.iter().zip(&group.lag_max).all(|(lag, most)| lag <= most), "{name} {}", group.name);
        }
        let world = history.last_world();
        for partition in &s.partitions {
            let state = world.metadata().partition(partition.id);
            let last = partition.leadership_at(history.end()).map(|l| (l.leader, l.epoch));
            assert_eq!(last, state.exists().then_some((state.leader, state.leader_epoch)), "{name} {}", partition.name);
            assert_eq!(partition.isr_at(history.end()).unwrap_or_default(), state.isr, "{name} {}", partition.name);
        }
        let one = Series::of(&history, 1);
        let whole = |l: &Latencies| (l.p50[0], l.p99[0]);
        assert_eq!(whole(&one.produce), (figure("latency_us.produce_p50"), figure("latency_us.produce_p99")), "{name}");
        assert_eq!(whole(&one.end_to_end), (figure("latency_us.end_to_end_p50"), figure("latency_us.end_to_end_p99")), "{name}");
    }
}

/// What is known of a run half-way is the beginning of what is known of all of it.
#[test]
fn half_a_run_has_the_first_half_of_its_series() {
    let mut history = History::new(Arc::new(Session::library("min-isr").plan().unwrap()));
    history.advance(12_000);
    let half = Series::of(&history, 90);
    history.run_to_end();
    let whole = Series::of(&history, 90);
    let closed = half.len() - 1;
    assert!(closed > 5 && whole.len() == 90, "{closed}");
    assert_eq!(half.messages_in[..closed], whole.messages_in[..closed]);
    assert_eq!(half.acked[..closed], whole.acked[..closed]);
    assert_eq!(half.groups[0].lag[..closed], whole.groups[0].lag[..closed]);
    assert_eq!(half.end_to_end.p99[..closed], whole.end_to_end.p99[..closed]);
}
