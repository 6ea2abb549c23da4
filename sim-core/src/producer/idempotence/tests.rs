//! The vectors of the group `sender_idempotence`, which are told in prose: one test each, named after it. A producer alone on a bench: one
//! message a second, one record a batch, answers given by hand.

use super::super::Producer;
use super::*;
use crate::effects::{Effects, Outbox, Recorder};
use crate::ids::*;
use crate::scenario::read;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, SendOutcome, TraceEvent, TraceId, What};
use crate::wire::{Body, ClientMetadata, Packet, ProduceResult, Request, Response};
use crate::world::World;
use std::sync::Arc;

struct Bench {
    producer: Producer,
    now: SimTime,
    recorder: Recorder,
    events: Vec<TraceEvent>,
    outbox: Outbox,
    /// Produce requests, with the sequence of the one batch in each.
    sent: Vec<(Box<Packet>, Sequence)>,
}

impl Bench {
    /// delivery.timeout.ms=1500, and a backoff that is longer.
    fn new() -> Bench {
        Bench::with_config(
            r#""delivery.timeout.ms" = 1500, "request.timeout.ms" = 1500, "retry.backoff.ms" = 2000, "retry.backoff.max.ms" = 2000"#,
        )
    }

    fn with_config(config: &str) -> Bench {
        let text = r#"
            format = 1
            title = "bench"
            duration = "60s"
            cluster = { brokers = 1 }
            topic = [{ name = "t", partitions = 1 }]
            [[producer]]
            name = "p"
            topic = "t"
            messages = 9
            rate = "1/s"
            config = { "linger.ms" = 0, CONFIG }
        "#
        .replace("CONFIG", config);
        let mut events = Vec::new();
        let world = World::new(Arc::new(read::scenario("bench.toml", &text, &[]).unwrap()), &mut events);
        let (producer, recorder, outbox) = (world.producers[0].clone(), world.recorder.clone(), Outbox::default());
        Bench { producer, now: SimTime::ZERO, recorder, events, outbox, sent: Vec::new() }
    }

    fn with<R>(&mut self, handler: impl FnOnce(&mut Producer, &mut Effects<'_>) -> R) -> R {
        let mut fx = Effects::new(self.now, TraceId::START, &mut self.recorder, &mut self.events, &mut self.outbox);
        handler(&mut self.producer, &mut fx)
    }

    /// Lets the time pass. All but produce requests are answered at once.
    fn until(&mut self, ms: u64) {
        let end = SimTime::ZERO + SimDuration::from_millis(ms);
        loop {
            self.with(|producer, fx| producer.wake(fx));
            self.answer_the_rest();
            let due = self.producer.next_due(self.now);
            if due > end {
                self.now = end;
                return;
            }
            self.now = due;
        }
    }

    fn answer_the_rest(&mut self) {
        while !self.outbox.packets.is_empty() {
            for out in std::mem::take(&mut self.outbox.packets) {
                let Body::Request(request) = &out.body else { unreachable!("a producer only asks") };
                let leaders = vec![(Some(BrokerId(1)), LeaderEpoch(0))];
                let response = match request {
                    Request::Produce { parts, .. } => {
                        let sequence = parts[0].batch.sequence;
                        self.sent.push((out, sequence));
                        continue;
                    }
                    Request::ApiVersions => Response::ApiVersions,
                    Request::Metadata => Response::Metadata(ClientMetadata { leaders }),
                    Request::InitProducerId => Response::InitProducerId(Pid(7)),
                    other => unreachable!("a producer does not ask for {other:?}"),
                };
                self.answer(&out, response);
            }
        }
    }

    fn answer(&mut self, to: &Packet, response: Response) {
        let mut packet = Packet {
            id: PacketId(0),
            from: to.to,
            to: to.from,
            api: to.api,
            connection: to.connection,
            correlation: to.correlation,
            sent: self.now,
            trace: TraceId::START,
            body: Body::Response(response),
        };
        self.with(|producer, fx| producer.handle(&mut packet, fx));
    }

    /// Answers the produce request at this place of the list of all.
    fn result(&mut self, request: usize, error: ErrorCode, base: i64) {
        let (partition, log_start) = (PartitionId(0), Offset(0));
        let result = ProduceResult { partition, error, base: Offset(base), log_start, leader: None };
        self.answer(&self.sent[request].0.clone(), Response::Produce(vec![result]));
        self.answer_the_rest();
    }

    /// What the application was told, in order.
    fn told(&self) -> Vec<(SendOutcome, ErrorCode)> {
        let done = |event: &TraceEvent| match event.what {
            What::BatchDone { outcome, error, .. } => Some((outcome, error)),
            _ => None,
        };
        self.events.iter().filter_map(done).collect()
    }

    fn sequences(&self) -> Vec<(i16, i32)> {
        assert!(self.sent.iter().all(|(out, _)| out.api == Api::Produce));
        self.sent.iter().map(|(_, sequence)| (sequence.epoch, sequence.first)).collect()
    }

    fn numbers(&self) -> &PartitionNumbers {
        &self.producer.numbers.partitions[0]
    }
}

const TIMED_OUT: (SendOutcome, ErrorCode) = (SendOutcome::Unknown, ErrorCode::Timeout);
const OK: (SendOutcome, ErrorCode) = (SendOutcome::Acked, ErrorCode::None);

/// P-46, P-47: the second batch got through, so the first must have been appended.
#[test]
fn sender_first_expires_second_ok() {
    let mut bench = Bench::new();
    bench.until(1_100);
    assert_eq!(bench.sequences(), [(0, 0), (0, 1)]);
    bench.result(0, ErrorCode::RequestTimedOut, -1);
    bench.until(2_100);
    assert_eq!(bench.told(), [TIMED_OUT]);
    assert_eq!(bench.numbers().unresolved, Some(1));
    assert_eq!(bench.sent.len(), 2, "the third waits until the first is resolved");
    bench.result(1, ErrorCode::None, 1);
    assert_eq!(bench.told(), [TIMED_OUT, OK]);
    assert_eq!((bench.numbers().unresolved, bench.sequences()), (None, vec![(0, 0), (0, 1), (0, 2)]));
}

/// P-51: the second one is refused right after the gap, so the first was not appended: a new epoch, renumbered from 0.
#[test]
fn sender_first_expires_second_ooo() {
    let mut bench = Bench::new();
    bench.until(1_100);
    bench.result(0, ErrorCode::NotLeaderOrFollower, -1);
    bench.until(2_100);
    assert_eq!(bench.told(), [TIMED_OUT]);
    bench.result(1, ErrorCode::OutOfOrderSequenceNumber, -1);
    assert_eq!((bench.producer.numbers.epoch, bench.numbers().next), (1, 1));
    let queued = bench.producer.queues[0].batches.front().unwrap();
    assert_eq!((queued.sequence.epoch, queued.sequence.first, queued.renumbered), (1, 0, true));
}

/// P-43: in flight when its time was over; what came of it does not change what was told.
#[test]
fn sender_expired_inflight() {
    let mut bench = Bench::new();
    bench.until(1_500);
    bench.with(|producer, fx| producer.wake(fx));
    assert_eq!(bench.told(), [TIMED_OUT]);
    bench.result(0, ErrorCode::None, 0);
    assert_eq!(bench.told(), [TIMED_OUT]);
}

/// P-41: the answer would allow another attempt, but the time is over.
#[test]
fn sender_expired_no_retry() {
    let mut bench = Bench::new();
    bench.until(1_499);
    bench.now = SimTime(1_500_000);
    bench.result(0, ErrorCode::NotLeaderOrFollower, -1);
    assert_eq!(bench.told(), [TIMED_OUT]);
    assert!(bench.producer.queues[0].batches.iter().all(|batch| batch.attempts == 0));
}

/// TR-7, P-34, P-42, P-51: the first of two in flight is refused for a passing reason, the second because of the gap. Both go again, in
/// their order, the second when the first is through; nothing is renumbered.
#[test]
fn tr7_both_are_sent_again_in_order() {
    let mut bench = Bench::with_config("\"retry.backoff.ms\" = 100");
    bench.until(1_100);
    bench.result(0, ErrorCode::NotEnoughReplicas, -1);
    bench.result(1, ErrorCode::OutOfOrderSequenceNumber, -1);
    bench.until(1_500);
    assert_eq!(bench.sequences(), [(0, 0), (0, 1), (0, 0)]);
    bench.result(2, ErrorCode::None, 10);
    assert_eq!(bench.sequences(), [(0, 0), (0, 1), (0, 0), (0, 1)]);
    bench.result(3, ErrorCode::None, 11);
    assert_eq!(bench.told(), [OK, OK]);
}

/// P-57, DUP-8: the first batch has landed, but its answer was lost. A sibling fails for good and asks for a new epoch: the first is
/// renumbered, and the leader, which knows it under its old number, takes it for new.
#[test]
fn a_batch_that_landed_is_renumbered_and_accepted_again() {
    let mut leader = crate::log::producer_state::ProducerStates::default();
    let mut bench = Bench::with_config("\"retry.backoff.ms\" = 100");
    bench.until(1_100);
    let landed = bench.sent[0].1;
    assert_eq!(leader.admit(landed, 1, false), Ok(None));
    let batch = Arc::new(crate::record::Batch {
        id: None,
        sequence: landed,
        transactional: false,
        payload: crate::record::Payload::Records(vec![crate::record::Record {
            message: MessageId(0),
            key: None,
            tombstone: false,
            bytes: 39,
        }]),
        bytes: 100,
        timestamp: crate::time::Timestamp(0),
    });
    leader.record(&crate::log::LogBatch { base: Offset(0), epoch: LeaderEpoch(0), batch });
    bench.result(0, ErrorCode::NetworkException, -1);
    bench.result(1, ErrorCode::MessageTooLarge, -1);
    bench.until(1_400);
    let again = bench.sent[2].1;
    assert_eq!((again.epoch, again.first), (1, 0));
    assert_eq!(leader.admit(again, 1, false), Ok(None), "it is not recognised");
}

/// P-53: what an old broker's UNKNOWN_PRODUCER_ID leads to. P-54: and its DUPLICATE_SEQUENCE_NUMBER.
#[test]
fn errors_of_old_brokers() {
    let bump_after = |log_start: i64, renumbered: bool| {
        let mut bench = Bench::new();
        bench.until(500);
        let mut batch = bench.producer.queues[0].in_flight[0].clone();
        batch.renumbered = renumbered;
        let numbers = &mut bench.producer.numbers;
        assert!(numbers.may_retry(0, &batch, ErrorCode::UnknownProducerId, Offset(log_start)));
        numbers.partitions[0].wants_bump
    };
    assert_eq!([bump_after(-1, false), bump_after(5, true), bump_after(5, false)], [false, false, true]);
    let mut bench = Bench::new();
    bench.until(500);
    bench.result(0, ErrorCode::DuplicateSequenceNumber, -1);
    assert_eq!(bench.told(), [OK]);
    assert_eq!(bench.numbers().last_acked, Some(0));
}

/// P-55: out of retries after OUT_OF_ORDER_SEQUENCE_NUMBER: there is a gap, so the rest is renumbered even though retries are used up.
/// Without that a producer with few retries would be refused for ever.
#[test]
fn a_gap_that_retries_did_not_close_is_closed_by_a_new_epoch() {
    let mut bench = Bench::new();
    bench.until(500);
    let (mut queue, numbers) = (Queue::default(), &mut bench.producer.numbers);
    let batch = bench.producer.queues[0].in_flight[0].clone();
    numbers.failed(0, &batch, ErrorCode::NotEnoughReplicas, false, &mut queue);
    assert!(!numbers.partitions[0].wants_bump);
    numbers.failed(0, &batch, ErrorCode::OutOfOrderSequenceNumber, false, &mut queue);
    assert!(numbers.partitions[0].wants_bump);
}

/// P-50, P-51: the number after 2^31 - 1 is 0, also for what was acknowledged and for what must follow.
#[test]
fn acknowledgements_go_on_across_the_wrap() {
    let mut numbers = PartitionNumbers::fresh(Pid(7), 0, i32::MAX);
    numbers.last_acked = Some(i32::MAX);
    assert!(numbers.follows_acked(0) && !numbers.follows_acked(1));
}
