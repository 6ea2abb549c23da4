//! Directed scenarios: each rule and mechanism of the protocol reference at work, end to end, with exact figures where the rules give them.
//! Every run is checked for broken invariants, and no loss may remain unexplained. Latency is a fixed millisecond, so that what happens
//! between two faults is known.

use sim_core::autopsy;
use sim_core::error_code::ErrorCode;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::scenario::read;
use sim_core::set::BrokerSet;
use sim_core::summary::Summary;
use sim_core::time::SimTime;
use sim_core::trace::{DropReason, TraceEvent, What};
use std::sync::Arc;

/// A run that is over.
struct Checked {
    history: History,
    summary: Summary,
}

/// Runs a scenario to its end. `body`: all but `format`, `title` and the latency.
#[track_caller]
fn check(body: &str) -> Checked {
    let text = format!("format = 1\ntitle = \"directed\"\n{}", body.replace("[cluster]", "[cluster]\nlatency = \"1ms\""));
    let scenario = read::scenario("directed.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let mut history = History::new_checked(Arc::new(scenario));
    history.run_to_end();
    let summary = Summary::of(&history);
    assert_eq!(summary.violations, [], "an invariant is broken");
    assert_eq!(autopsy::causes(&history).unexplained, 0, "a loss without an explanation");
    let messages = summary.messages;
    assert_eq!(messages.intended, messages.acked + messages.rejected + messages.unknown, "{messages:?}");
    Checked { history, summary }
}

impl Checked {
    /// A figure of the summary, which must be there.
    #[track_caller]
    fn figure(&self, path: &str) -> u64 {
        self.summary.figure(path).unwrap_or_else(|| panic!("there is no figure `{path}`"))
    }

    /// Figures and what they are.
    #[track_caller]
    fn expect(self, figures: &[(&str, u64)]) -> Checked {
        for (path, value) in figures {
            assert_eq!(self.figure(path), *value, "{path}; {:?} {:?}", self.summary.messages, self.summary.mechanisms);
        }
        self
    }

    /// Figures and what they are at least.
    #[track_caller]
    fn at_least(self, figures: &[(&str, u64)]) -> Checked {
        for (path, value) in figures {
            let is = self.figure(path);
            assert!(is >= *value, "{path} is {is}; {:?} {:?}", self.summary.messages, self.summary.mechanisms);
        }
        self
    }

    /// The events of a kind.
    fn events(&self, is: impl Fn(&What) -> bool) -> Vec<&TraceEvent> {
        self.history.trace().iter().filter(|event| is(&event.what)).collect()
    }

    /// It really happened.
    #[track_caller]
    fn sometimes(self, what: &str, is: impl Fn(&What) -> bool) -> Checked {
        assert!(!self.events(is).is_empty(), "it never happened: {what}");
        self
    }

    /// It did not happen.
    #[track_caller]
    fn never(self, what: &str, is: impl Fn(&What) -> bool) -> Checked {
        let events = self.events(is);
        assert!(events.is_empty(), "it happened: {what}: {:?}", events[0]);
        self
    }
}

const A: BrokerId = BrokerId(1);
const B: BrokerId = BrokerId(2);
const P0: PartitionId = PartitionId(0);

fn seconds(s: u64) -> SimTime {
    SimTime(s * 1_000_000)
}

/// Three brokers, a partition that broker 1 leads first.
fn three(duration: &str, cluster: &str, topic: &str) -> String {
    format!(
        "duration = \"{duration}\"\n[cluster]\nbrokers = 3\n{cluster}\n[[topic]]\nname = \"t\"\npartitions = 1\n\
         assignment = [[1, 2, 3]]\nconfig = {{ \"replication.factor\" = 3, {topic} }}\n"
    )
}

/// A producer `p` of topic `t` from second 1 on.
fn producer(messages: u32, rate: &str, send: &str, config: &str) -> String {
    format!(
        "[[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = {messages}\nrate = \"{rate}\"\nkeys = 1\nstart = \"1s\"\nsend = \"{send}\"\n\
         config = {{ \"linger.ms\" = 0, {config} }}\n"
    )
}

/// A group that commits after each batch of work. Its coordinator is broker 2.
const READERS: &str = "[[group]]\nname = \"orders\"\ntopics = [\"t\"]\nhandler = { dedupe = \"none\", time = \"1ms\" }\n\
    config = { \"enable.auto.commit\" = false, \"auto.offset.reset\" = \"earliest\" }\n";

fn fault(at: &str, what: &str) -> String {
    format!("[[fault]]\nat = \"{at}\"\n{what}\n")
}

/// TR-1, LOSS-B1: ten records everywhere, the eleventh on the leader alone when it dies. The new epoch starts at 10, another record
/// takes the offset, and the old leader cuts exactly to 10.
#[test]
fn tr1_acks_1_and_the_leader_dies_before_a_follower_fetched() {
    let late = producer(1, "1/s", "sync", "acks = \"1\"").replace("\"p\"", "\"late\"").replace("\"1s\"", "\"20s\"");
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"4s\"\nuntil = \"3s\"";
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(11, "10/s", "sync", "acks = \"1\"")
            + &late
            + &fault("1950ms", stuck)
            + &fault("2050ms", "crash = \"leader of t-0\"\nrestart = \"30s\"")),
    )
    .expect(&[("messages.acked", 12), ("broker.lost_acked", 1), ("mechanisms.LOSS-B1", 1), ("broker.unclean_elections", 0)])
    .sometimes("the new epoch starts at 10", |what| {
        let start = Offset(10);
        matches!(what, What::BecameLeader { broker: B, partition: P0, epoch: LeaderEpoch(1), start: s } if *s == start)
    });
    let cuts = run.events(|what| matches!(what, What::Truncated { .. }));
    assert_eq!(cuts.len(), 1, "{cuts:?}");
    let cut = What::Truncated { broker: A, partition: P0, from: Offset(11), to: Offset(10), epoch: LeaderEpoch(1) };
    assert_eq!(cuts[0].what, cut);
}

/// TR-2, L-5, L-7: with the ISR down to the leader, minISR=1 acks at once.
#[test]
fn tr2_an_isr_of_one_with_min_isr_1_acks_at_once() {
    let run = alone(1).expect(&[("messages.acked", 5), ("broker.lost_acked", 0)]);
    assert!(run.figure("latency_us.produce_p99") < 50_000);
}

/// TR-2, L-5: with minISR=2 the leader refuses, and nothing is appended.
#[test]
fn tr2_an_isr_of_one_with_min_isr_2_refuses_and_appends_nothing() {
    alone(2)
        .expect(&[("messages.acked", 0), ("broker.lost_acked", 0)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. }))
        .never("appended", |what| matches!(what, What::Appended { batch: Some(_), .. }));
}

/// Two of three brokers are down when the producer starts.
fn alone(min_isr: u32) -> Checked {
    let sends = producer(5, "10/s", "sync", "acks = \"all\", \"delivery.timeout.ms\" = 31000");
    let body = three("250s", "", &format!("\"min.insync.replicas\" = {min_isr}"))
        + &sends.replace("\"1s\"", "\"20s\"")
        + &fault("1s", "crash = \"followers of t-0\"");
    check(&body).sometimes("the ISR is {1}", |what| matches!(what, What::IsrChanged { new, .. } if *new == BrokerSet::of(A)))
}

/// TR-3, R-20, L-21, L-23, P-43: the ISR shrinks below minISR after the append. The watermark stays, the request times out, the retries
/// are refused, the application is told of a failure, and the record commits when the follower is back: a phantom.
#[test]
fn tr3_a_shrink_after_the_append_leaves_the_record_and_reports_failure() {
    let body = "duration = \"200s\"\n[cluster]\nbrokers = 2\nconfig = { \"offsets.topic.replication.factor\" = 2 }\n[[topic]]\nname = \"t\"\n\
        partitions = 1\nassignment = [[1, 2]]\nconfig = { \"replication.factor\" = 2, \"min.insync.replicas\" = 2 }\n";
    let run = check(
        &(body.to_owned()
            + &producer(11, "10/s", "sync", "acks = \"all\"")
            + READERS
            + &fault("1950ms", "crash = \"broker 2\"\nrestart = \"150s\"")),
    )
    .expect(&[
        ("messages.acked", 10),
        ("messages.unknown", 1),
        ("orders.ok", 10),
        ("orders.phantom", 1),
        ("broker.extra_copies", 0),
    ])
    .sometimes("timed out", |what| matches!(what, What::BatchRetried { error: ErrorCode::RequestTimedOut, .. }))
    .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::NotEnoughReplicas, .. }));
    let moves = run.events(|what| matches!(what, What::HwMoved { broker: A, partition: P0, to: Offset(11) }));
    assert!(moves.len() == 1 && moves[0].at > seconds(150), "{moves:?}");
}

/// Twelve records one by one; the answer to the eleventh is lost.
fn answer_lost(config: &str) -> Checked {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(12, "10/s", "sync", &format!("\"request.timeout.ms\" = 5000, {config}"))
            + READERS
            + &fault("1990ms", "loss = \"broker 1 -> producer p\"\nper-mille = 1000\nuntil = \"2050ms\"")),
    )
    .sometimes("the answer is lost", |what| matches!(what, What::Dropped { reason: DropReason::Loss, .. }))
    .sometimes("timed out", |what| matches!(what, What::BatchRetried { error: ErrorCode::RequestTimedOut, .. }))
}

/// TR-6, DUP-1: without idempotence 10 and 11 hold the same record.
#[test]
fn tr6_a_lost_answer_without_idempotence_makes_two_copies() {
    answer_lost("acks = \"all\", \"enable.idempotence\" = false")
        .expect(&[("broker.extra_copies", 1), ("orders.duplicated", 1), ("mechanisms.DUP-1", 1), ("orders.ok", 11)])
        .never("recognised", |what| matches!(what, What::Deduplicated { .. }));
}

/// TR-6, L-11: with idempotence the retry is answered with offset 10.
#[test]
fn tr6_a_lost_answer_with_idempotence_makes_one_copy() {
    answer_lost("acks = \"all\"")
        .expect(&[("broker.extra_copies", 0), ("orders.duplicated", 0), ("orders.ok", 12), ("messages.acked", 12)])
        .sometimes("recognised", |what| matches!(what, What::Deduplicated { partition: P0, base: Offset(10), .. }));
}

/// Requests in flight, of which one is lost on its way.
fn request_lost(config: &str) -> Checked {
    check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(20, "10/s", "async", &format!("\"request.timeout.ms\" = 3000, {config}"))
            + READERS
            + &fault("1990ms", "loss = \"producer p -> broker 1\"\nper-mille = 1000\nuntil = \"2050ms\"")),
    )
    .expect(&[("messages.acked", 20), ("orders.ok", 20)])
    .sometimes("the request is lost", |what| matches!(what, What::Dropped { reason: DropReason::Loss, .. }))
}

/// ORDER-1, P-42: a retry passes behind those that were in flight with it.
#[test]
fn order1_a_retry_without_idempotence_comes_after_its_successors() {
    request_lost("acks = \"all\", \"enable.idempotence\" = false").at_least(&[("orders.reordered", 1)]);
}

/// ORDER-17, TR-7: the successors are refused as OUT_OF_ORDER and follow the retry.
#[test]
fn order17_with_idempotence_the_order_is_kept() {
    request_lost("acks = \"all\"")
        .expect(&[("orders.reordered", 0), ("broker.extra_copies", 0)])
        .sometimes("refused", |what| matches!(what, What::Refused { error: ErrorCode::OutOfOrderSequenceNumber, .. }));
}

/// P-35: so it is with one request in flight.
#[test]
fn one_request_in_flight_keeps_the_order_without_idempotence() {
    request_lost("acks = \"all\", \"enable.idempotence\" = false, \"max.in.flight.requests.per.connection\" = 1")
        .expect(&[("orders.reordered", 0)]);
}

/// LOSS-B2, L-8, C-19: cut off from the controller, not from its clients.
#[test]
fn loss_b2_a_deposed_leader_goes_on_acking() {
    check(
        &(three("90s", "", "\"min.insync.replicas\" = 1")
            + &producer(300, "10/s", "sync", "acks = \"1\"")
            + &fault("2s", "cut = \"broker 1 <-> controller\"\nuntil = \"40s\"")),
    )
    .expect(&[("messages.acked", 300), ("broker.elections", 1)])
    .at_least(&[("mechanisms.LOSS-B2", 100)])
    .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }));
}

/// LOSS-B3: one copy, and its machine loses power.
#[test]
fn loss_b3_the_only_copy_is_lost_with_the_power() {
    let topic = "duration = \"60s\"\nseed = 4\n[cluster]\nbrokers = 1\n[[topic]]\nname = \"t\"\npartitions = 1\n";
    let run = check(
        &(topic.to_owned()
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &fault("5s", "power-cut = \"broker 1\"\nrestart = \"20s\"")),
    )
    .expect(&[("messages.acked", 100)])
    .at_least(&[("mechanisms.LOSS-B3", 1)])
    .sometimes("a tail is lost", |what| matches!(what, What::TailLost { broker: A, .. }));
    assert_eq!(run.figure("mechanisms.LOSS-B3"), run.figure("broker.lost_acked"));
}

/// LOSS-B4: minISR=1 lets an ISR of one promise what it alone has.
#[test]
fn loss_b4_an_isr_of_one_loses_power() {
    let sends = producer(100, "50/s", "async", "acks = \"all\"").replace("\"1s\"", "\"20s\"");
    let run = check(
        &(three("120s", "elr = false", "\"min.insync.replicas\" = 1")
            + &sends
            + &fault("1s", "crash = \"followers of t-0\"\nrestart = \"60s\"")
            + &fault("25s", "power-cut = \"broker 1\"\nrestart = \"40s\"")),
    )
    .expect(&[("messages.acked", 100), ("broker.unclean_elections", 0)])
    .at_least(&[("mechanisms.LOSS-B4", 1)]);
    assert_eq!(run.figure("mechanisms.LOSS-B4"), run.figure("broker.lost_acked"));
}

/// The others leave the ISR because they are slow, and live; then the last member loses power.
fn last_replica_standing(elr: bool) -> Checked {
    let cluster = format!("elr = {elr}\nconfig = {{ \"replica.lag.time.max.ms\" = 3000 }}");
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"20s\"";
    check(
        &(three("150s", &cluster, "\"min.insync.replicas\" = 2")
            + &producer(300, "50/s", "async", "acks = \"all\"")
            + &fault("5s", stuck)
            + &fault("15s", "power-cut = \"broker 1\"\nrestart = \"40s\"")),
    )
    .at_least(&[("messages.acked", 200)])
    .sometimes("the ISR is {1}", |what| matches!(what, What::IsrChanged { new, .. } if *new == BrokerSet::of(A)))
    .sometimes("a tail is lost", |what| matches!(what, What::TailLost { broker: A, partition: P0, .. }))
}

/// TR-11, LOSS-B5, C-11: without ELR only the last member may lead, and imposes its shorter log.
#[test]
fn tr11_the_last_replica_standing_imposes_its_shorter_log() {
    let run = last_replica_standing(false)
        .at_least(&[("mechanisms.LOSS-B5", 1)])
        .sometimes("the others cut", |what| matches!(what, What::Truncated { broker, .. } if *broker != A));
    assert_eq!(run.figure("mechanisms.LOSS-B5"), run.figure("broker.lost_acked"));
}

/// TR-11, C-12, C-13: with ELR a member of it is elected, and nothing is lost.
#[test]
fn tr11_an_eligible_leader_replica_saves_the_records() {
    last_replica_standing(true)
        .expect(&[("broker.lost_acked", 0), ("broker.unclean_elections", 0)])
        .sometimes("another leads", |what| matches!(what, What::LeaderElected { partition: P0, new: Some(b), .. } if *b != A));
}

/// LOSS-B8, C-15: a replica outside the ISR is made leader.
#[test]
fn loss_b8_an_unclean_election_drops_the_committed_end() {
    let stuck = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"15s\"\nuntil = \"15s\"";
    let lag = "config = { \"replica.lag.time.max.ms\" = 3000 }";
    check(
        &(three("120s", lag, "\"min.insync.replicas\" = 1, \"unclean.leader.election.enable\" = true")
            + &producer(120, "10/s", "async", "acks = \"all\"")
            + &fault("2s", stuck)
            + &fault("14s", "crash = \"leader of t-0\"\nrestart = \"60s\"")),
    )
    .expect(&[("messages.acked", 120), ("broker.unclean_elections", 1)])
    .at_least(&[("mechanisms.LOSS-B8", 10)])
    .sometimes("cut", |what| matches!(what, What::Truncated { broker: A, .. }));
}

/// LOSS-P2, P-45, L-20: acks=0 counts what was lost on its way as sent.
#[test]
fn loss_p2_acks_0_hears_of_nothing() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(30, "10/s", "async", "acks = \"0\"")
            + READERS
            + &fault("1990ms", "loss = \"producer p -> broker 1\"\nper-mille = 1000\nuntil = \"2550ms\"")),
    )
    .expect(&[("messages.acked", 30), ("broker.lost_acked", 6), ("orders.lost", 6), ("mechanisms.LOSS-P2", 6)]);
    assert_eq!(run.events(|what| matches!(what, What::Dropped { reason: DropReason::Loss, .. })).len(), 6);
}

/// A producer that is cut off from all brokers for a while, and readers that are not.
fn cut_off(until: &str, messages: u32, config: &str) -> Checked {
    check(
        &(three("120s", "", "\"min.insync.replicas\" = 1")
            + &producer(messages, "20/s", "async", config)
            + READERS
            + &fault("2s", &format!("cut = \"producer p <-> brokers\"\nuntil = \"{until}\""))),
    )
    .sometimes("cut", |what| matches!(what, What::LinkCut { cut: true, .. }))
}

/// LOSS-P3, P-10, P-12: the buffer is full for longer than max.block.ms.
#[test]
fn loss_p3_send_fails_when_the_buffer_stays_full() {
    let config = "\"buffer.memory\" = 20000, \"max.block.ms\" = 500, \"request.timeout.ms\" = 30000";
    cut_off("20s", 100, config)
        .at_least(&[("mechanisms.LOSS-P3", 1)])
        .sometimes("send() failed", |what| matches!(what, What::SendFailed { error: ErrorCode::Timeout, .. }));
}

/// LOSS-P4, P-43: delivery.timeout.ms runs out.
#[test]
fn loss_p4_the_delivery_timeout_runs_out() {
    let config = "\"request.timeout.ms\" = 3000, \"delivery.timeout.ms\" = 4000";
    cut_off("20s", 60, config)
        .at_least(&[("mechanisms.LOSS-P4", 1), ("messages.unknown", 1)])
        .sometimes("expired", |what| matches!(what, What::BatchDone { error: ErrorCode::Timeout, .. }));
}

/// The same cut with Kafka's default of two minutes: nothing is lost.
#[test]
fn the_default_delivery_timeout_outlives_the_cut() {
    cut_off("20s", 60, "\"request.timeout.ms\" = 3000").expect(&[("messages.acked", 60), ("orders.ok", 60)]);
}

/// LOSS-P6, P-10: a record beyond max.request.size never leaves.
#[test]
fn loss_p6_a_record_is_too_large() {
    let sends = producer(7, "10/s", "async", "acks = \"all\"").replace("keys = 1", "keys = 1\nrecord-bytes = 2000000");
    check(&(three("30s", "", "\"min.insync.replicas\" = 1") + &sends + READERS))
        .expect(&[("messages.rejected", 7), ("orders.rejected", 7), ("mechanisms.LOSS-P6", 7)])
        .sometimes("too large", |what| matches!(what, What::SendFailed { error: ErrorCode::RecordTooLarge, .. }))
        .never("sent", |what| matches!(what, What::BatchSent { .. }));
}

/// LOSS-P7, P-48: the process dies with records in its buffer.
#[test]
fn loss_p7_the_producer_dies_with_a_full_buffer() {
    let sends = producer(30, "10/s", "async", "acks = \"all\"").replace("\"linger.ms\" = 0", "\"linger.ms\" = 5000");
    check(&(three("30s", "", "\"min.insync.replicas\" = 1") + &sends + READERS + &fault("2550ms", "crash = \"producer p\"")))
        .expect(&[("messages.intended", 16), ("messages.unknown", 16), ("orders.pending", 16), ("mechanisms.LOSS-P7", 16)])
        .never("sent", |what| matches!(what, What::BatchSent { .. }));
}

/// TR-12, LOSS-C6, F-3: the group starts when 100 records are there, at the end.
#[test]
fn tr12_a_late_group_with_latest_skips_what_was_there() {
    let late = producer(1, "1/s", "sync", "acks = \"all\"").replace("\"p\"", "\"late\"").replace("\"1s\"", "\"20s\"");
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + &late
            + &READERS.replace("earliest", "latest")
            + &fault("1us", "crash = \"member 1 of orders\"\nrestart = \"10s\"")),
    )
    .expect(&[("messages.acked", 101), ("orders.ok", 1), ("orders.lost", 100), ("mechanisms.LOSS-C6", 100)]);
    let at_end = What::PositionSet { consumer: ConsumerId(0), partition: P0, to: Offset(100), reset: true };
    assert_eq!(run.events(|what| *what == at_end).len(), 1);
}

/// DUP-10: the consumer dies between its work and its commit.
#[test]
fn dup10_a_consumer_dies_before_its_commit() {
    let slow = READERS.replace("\"1ms\"", "\"20ms\"");
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(200, "1000/s", "async", "acks = \"all\"")
            + &slow
            + &fault("3s", "crash = \"member 1 of orders\"\nrestart = \"5s\"")),
    )
    .expect(&[("orders.lost", 0), ("broker.extra_copies", 0)])
    .at_least(&[("orders.duplicated", 1)])
    .sometimes("dead", |what| matches!(what, What::Crashed { node: NodeId::Consumer(_), .. }));
    assert_eq!(run.figure("mechanisms.DUP-10"), run.figure("orders.duplicated"));
}

/// C-5: a controlled shutdown moves leadership at once, and loses nothing.
#[test]
fn a_controlled_shutdown_does_not_wait_for_the_session() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 2")
            + &producer(500, "50/s", "async", "acks = \"all\"")
            + READERS
            + &fault("5s", "shutdown = \"leader of t-0\"\nrestart = \"20s\"")),
    )
    .expect(&[("messages.acked", 500), ("orders.ok", 500), ("broker.lost_acked", 0), ("broker.extra_copies", 0)])
    .sometimes("stopped", |what| matches!(what, What::Stopped { node: NodeId::Broker(A) }));
    let elected = run.events(|what| matches!(what, What::LeaderElected { partition: P0, old: Some(A), new: Some(B), .. }));
    assert!(elected.len() == 1 && elected[0].at < seconds(6), "{elected:?}");
    assert!(run.figure("latency_us.produce_p99") < 1_000_000);
}

/// a follower that is not level for replica.lag.time.max.ms leaves after 1.0 to 1.5 times that, and joins again.
#[test]
fn a_slow_follower_leaves_the_isr_and_comes_back() {
    let stuck = "slow = \"broker 3 -> broker 1\"\napi = \"ReplicaFetch\"\nextra = \"20s\"\nuntil = \"20s\"";
    let run = check(
        &(three("90s", "config = { \"replica.lag.time.max.ms\" = 4000 }", "\"min.insync.replicas\" = 2")
            + &producer(600, "20/s", "async", "acks = \"all\"")
            + &fault("5s", stuck)),
    )
    .expect(&[("messages.acked", 600), ("broker.lost_acked", 0), ("broker.elections", 0)]);
    let both = BrokerSet::of(A).with(B);
    let shrunk = run.events(|what| matches!(what, What::IsrChanged { partition: P0, new, .. } if *new == both));
    let back = run.events(|what| matches!(what, What::IsrChanged { partition: P0, old, .. } if *old == both));
    assert!(shrunk.len() == 1 && (seconds(9)..seconds(12)).contains(&shrunk[0].at), "{shrunk:?}");
    assert!(back.len() == 1 && back[0].at > seconds(20), "{back:?}");
}

/// R-20 (strict, 3.7): while the committed ISR is below minISR the watermark stands still, though acks=1 appends.
#[test]
fn the_watermark_stands_still_below_min_isr() {
    let run = check(
        &(three("90s", "", "\"min.insync.replicas\" = 2")
            + &producer(300, "10/s", "async", "acks = \"1\"")
            + &fault("5s", "crash = \"followers of t-0\"\nrestart = \"50s\"")),
    )
    .expect(&[("messages.acked", 300), ("broker.lost_acked", 0)]);
    let frozen = seconds(15)..seconds(50);
    let moved = run.events(|what| matches!(what, What::HwMoved { broker: A, partition: P0, .. }));
    let appended = run.events(|what| matches!(what, What::Appended { broker: A, partition: P0, .. }));
    assert!(appended.iter().any(|event| frozen.contains(&event.at)), "nothing was appended meanwhile");
    assert!(moved.iter().all(|event| !frozen.contains(&event.at)), "it moved");
    assert!(moved.iter().any(|event| event.at > frozen.end), "it never moved again");
}

/// G-31, G-32, INV-64: the coordinator dies; the next one has the group's offsets, and a member that starts again goes on from there.
#[test]
fn committed_offsets_survive_the_coordinator() {
    let run = check(
        &(three("60s", "", "\"min.insync.replicas\" = 1")
            + &producer(100, "50/s", "async", "acks = \"all\"")
            + READERS
            + &fault("10s", "crash = \"broker 2\"\nrestart = \"40s\"")
            + &fault("25s", "crash = \"member 1 of orders\"\nrestart = \"26s\"")),
    )
    .expect(&[("orders.ok", 100), ("orders.duplicated", 0), ("orders.lost", 0)]);
    let offsets = PartitionId(1);
    assert_eq!(run.history.last_world().layout.partition(offsets).name, "__consumer_offsets-31");
    let moved = run.events(|what| matches!(what, What::LeaderElected { partition, old: Some(B), .. } if *partition == offsets));
    assert!(moved.len() == 1 && moved[0].at < seconds(25), "{moved:?}");
    let again = run.events(|what| matches!(what, What::PositionSet { to: Offset(100), reset: false, .. }));
    assert!(again.len() == 1 && again[0].at > seconds(26), "{again:?}");
}
