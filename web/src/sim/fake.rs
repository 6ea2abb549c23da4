//! A stand-in with the shape of the simulation, until that is there.
#![allow(missing_docs, dead_code)]

use sim_core::ids::*;
pub use sim_core::scenario::{Action, Intervention, Target};
use sim_core::set::BrokerSet;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::*;
use sim_core::view::*;
use std::sync::Arc;

pub struct Entry {
    pub name: &'static str,
}
pub fn library() -> &'static [Entry] {
    &[
        Entry { name: "order-events" },
        Entry { name: "payments-acks-1" },
        Entry { name: "payments-acks-all" },
        Entry { name: "min-isr" },
        Entry { name: "power-cut" },
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub name: String,
    pub title: String,
    pub about: String,
    pub mechanisms: Vec<String>,
    pub seed: u64,
    pub end: SimTime,
    pub acks: Option<String>,
    pub min_isr: Option<u32>,
}

pub fn facts_of_library() -> Vec<Facts> {
    library().iter().map(|e| plan(e.name, None, &[]).expect("fake").1).collect()
}

pub struct Planned;

pub fn plan(name: &str, seed: Option<u64>, set: &[(String, String)]) -> Result<(Arc<Planned>, Facts), String> {
    if !library().iter().any(|e| e.name == name) {
        return Err(format!("there is no scenario `{name}` in the library"));
    }
    let value = |p: &str| set.iter().rfind(|(path, _)| path == p).map(|(_, v)| v.clone());
    Ok((
        Arc::new(Planned),
        Facts {
            name: name.into(),
            title: format!("acks=1: about 3,000 payments are lost with their leader ({name})"),
            about: "The leader answers \"stored\" as soon as a payment is in its own log. Its followers fetch slowly for a while, yet stay in the ISR: what counts there is time, and they have 30 seconds. Then the leader crashes.".into(),
            mechanisms: vec!["LOSS-B1".into()],
            seed: seed.unwrap_or(7),
            end: SimTime(60_000_000),
            acks: Some(value("producer.config.acks").unwrap_or("1".into())),
            min_isr: Some(value("topic.config.min.insync.replicas").and_then(|v| v.parse().ok()).unwrap_or(1)),
        },
    ))
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub intended: u32,
    pub acked: u32,
    pub rejected: u32,
    pub unknown: u32,
    pub groups: Vec<GroupTally>,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTally {
    pub name: String,
    pub ok: u32,
    pub lost: u32,
    pub duplicated: u32,
    pub phantom: u32,
    pub rejected: u32,
    pub pending: u32,
}

pub struct History {
    now: SimTime,
    known: SimTime,
    trace: Vec<TraceEvent>,
    faults: Vec<Intervention>,
}
pub struct World<'a>(&'a History);

const END: SimTime = SimTime(60_000_000);

impl History {
    pub fn new(_: Arc<Planned>) -> History {
        let mut h = History { now: SimTime::ZERO, known: SimTime::ZERO, trace: Vec::new(), faults: Vec::new() };
        h.rebuild();
        h
    }
    fn rebuild(&mut self) {
        let b = BrokerId;
        let mut put = |at: u64, what: What| self.trace.push(TraceEvent { at: SimTime(at), cause: TraceId::START, what });
        put(0, What::RunStarted { seed: 7 });
        for f in &self.faults {
            put(f.at.0, What::Crashed { node: NodeId::Broker(b(1)), power: false });
        }
        for i in 0..20_000_u64 {
            let at = i * 3_000;
            if i == 4_000 {
                put(at, What::Crashed { node: NodeId::Broker(b(1)), power: false });
                put(
                    at + 9,
                    What::LeaderElected {
                        partition: PartitionId(0),
                        old: Some(b(1)),
                        new: Some(b(2)),
                        epoch: LeaderEpoch(4),
                        isr: BrokerSet::of(b(2)),
                        unclean: false,
                    },
                );
                put(
                    at + 10,
                    What::IsrChanged {
                        partition: PartitionId(0),
                        old: BrokerSet::of(b(2)).with(b(1)),
                        new: BrokerSet::of(b(2)),
                        elr: BrokerSet::of(b(2)),
                        epoch: PartitionEpoch(3),
                    },
                );
            }
            if i == 9_000 {
                put(at, What::Started { node: NodeId::Broker(b(1)) });
                put(
                    at + 10,
                    What::IsrChanged {
                        partition: PartitionId(0),
                        old: BrokerSet::of(b(2)),
                        new: BrokerSet::of(b(2)).with(b(1)),
                        elr: BrokerSet::of(b(2)),
                        epoch: PartitionEpoch(3),
                    },
                );
                put(
                    at + 10,
                    What::Truncated {
                        broker: b(1),
                        partition: PartitionId(0),
                        from: Offset(9),
                        to: Offset(3),
                        epoch: LeaderEpoch(4),
                    },
                );
            }
            put(at + 20, What::Intended { message: MessageId(i as u32), producer: ProducerId(0) });
        }
        for i in 3_000..4_000 {
            put(END.0, What::Judged { group: GroupId(0), message: MessageId(i), verdict: Verdict::Lost });
        }
        self.trace.sort_by_key(|e| e.at);
    }
    pub fn advance(&mut self, n: u64) -> bool {
        self.known = SimTime((self.known.0 + n * 100).min(END.0));
        self.is_complete()
    }
    pub fn is_complete(&self) -> bool {
        self.known >= END
    }
    pub fn end(&self) -> SimTime {
        self.known
    }
    pub fn seek(&mut self, t: SimTime) {
        self.now = t.min(self.known);
    }
    pub fn now(&self) -> SimTime {
        self.now
    }
    pub fn step(&mut self) -> Option<SimTime> {
        let next = self.trace.iter().find(|e| e.at > self.now)?.at;
        self.now = next;
        Some(next)
    }
    pub fn step_back(&mut self) {
        self.now = self.trace.iter().rev().find(|e| e.at < self.now).map_or(SimTime::ZERO, |e| e.at);
    }
    pub fn world(&self) -> World<'_> {
        World(self)
    }
    pub fn trace(&self) -> &[TraceEvent] {
        &self.trace
    }
    pub fn present_len(&self) -> usize {
        self.trace.partition_point(|e| e.at <= self.now)
    }
    pub fn digest_hex(&self) -> String {
        format!("{:032x}", 0x5eed_1234_5678_9abc_u128 * (1 + self.faults.len() as u128) * 0x1_0000_0001)
    }
    pub fn fork(&self, i: Intervention) -> History {
        let mut h = History { now: self.now, known: self.now, trace: Vec::new(), faults: self.faults.clone() };
        h.faults.push(i);
        h.rebuild();
        h
    }
}

impl World<'_> {
    pub fn view(&self) -> View {
        let now = self.0.now;
        let n = (now.0 / 30_000).min(2_000) as u32;
        let mut v = stage::sample::healthy(3, 3, n);
        if (12_000_000..27_000_000).contains(&now.0) {
            v = stage::sample::trouble();
            v.brokers[0].state = ProcessState::Crashed;
            v.packets.clear();
        }
        v.at = now;
        for i in 0..12_u64 {
            let sent = now.0 / 1000 * 1000 + i * 80;
            let (from, to, api) = match i % 6 {
                0 => (NodeId::Producer(ProducerId(0)), NodeId::Broker(BrokerId((i % 3) as u16 + 1)), Api::Produce),
                1 => (NodeId::Broker(BrokerId(3)), NodeId::Broker(BrokerId(1)), Api::ReplicaFetch),
                2 => (NodeId::Consumer(ConsumerId((i % 3) as u16)), NodeId::Broker(BrokerId(2)), Api::Fetch),
                3 => (NodeId::Broker(BrokerId(2)), NodeId::Controller, Api::BrokerHeartbeat),
                4 => (NodeId::Broker(BrokerId(2)), NodeId::Broker(BrokerId(3)), Api::ReplicaFetch),
                _ => (NodeId::Broker(BrokerId(3)), NodeId::Producer(ProducerId(0)), Api::Produce),
            };
            if sent <= now.0 {
                v.packets.push(PacketView {
                    id: PacketId(sent + i),
                    from,
                    to,
                    api,
                    response: i % 6 > 3,
                    sent: SimTime(sent),
                    arrives: SimTime(sent + 1_000),
                    doomed: i == 6,
                    records: (i % 2) as u32,
                    error: i == 11,
                });
            }
        }
        v
    }
    pub fn tally(&self) -> Tally {
        let n = (self.0.now.0 / 3_000) as u32;
        let lost = if self.0.now >= END { 3_001 } else { 0 };
        Tally {
            intended: n,
            acked: n.saturating_sub(4),
            rejected: 0,
            unknown: 2,
            groups: vec![GroupTally {
                name: "ledger".into(),
                ok: n.saturating_sub(3_001),
                lost,
                pending: 12,
                ..GroupTally::default()
            }],
        }
    }
}

pub struct Mechanism {
    pub id: &'static str,
    pub name: &'static str,
    pub sentence: &'static str,
    pub fix: &'static str,
}
pub struct Line {
    pub at: SimTime,
    pub trace: TraceId,
    pub text: String,
}
pub struct Arrow {
    pub from: usize,
    pub to: usize,
    pub sent: SimTime,
    pub arrived: Option<SimTime>,
    pub label: String,
}
pub struct Life {
    pub message: MessageId,
    pub producer: ProducerId,
    pub key: Option<u32>,
    pub verdicts: Vec<(String, Verdict)>,
    pub mechanism: Option<&'static Mechanism>,
    pub lines: Vec<Line>,
    pub participants: Vec<String>,
    pub arrows: Vec<Arrow>,
}

static LOSS_B1: Mechanism = Mechanism {
    id: "LOSS-B1",
    name: "acked by the leader alone",
    sentence: "The leader acknowledged the record before any follower had it, and then it crashed; the new leader never had the record.",
    fix: "Set acks=all and min.insync.replicas=2, so that an acknowledgement means two copies.",
};

pub fn explain(_: &History, message: MessageId) -> Option<Life> {
    let at = |us: u64| SimTime(u64::from(message.0) * 3_000 + us);
    let line = |us, text: &str| Line { at: at(us), trace: TraceId(1), text: text.into() };
    Some(Life {
        message,
        producer: ProducerId(0),
        key: Some(412),
        verdicts: vec![("ledger".into(), Verdict::Lost)],
        mechanism: Some(&LOSS_B1),
        lines: vec![
            line(20, "intended by gateway"),
            line(25, "queued in batch 311 for payments-0"),
            line(700, "batch 311 sent to broker 1, attempt 1"),
            line(1700, "appended by broker 1 (leader, epoch 0) at offset 9012"),
            line(2800, "gateway is told: acked, offset 9012"),
            line(12_000, "broker 1 crashes; no follower had offset 9012"),
            line(9_000_000, "broker 2 becomes leader of payments-0, epoch 1, log end 8990"),
            line(22_000_000, "broker 1 truncates payments-0 from 11990 to 8990: offset 9012 is gone"),
        ],
        participants: vec!["gateway".into(), "broker 1".into(), "broker 2".into(), "ledger #0".into()],
        arrows: vec![
            Arrow { from: 0, to: 1, sent: at(700), arrived: Some(at(1700)), label: "Produce".into() },
            Arrow { from: 1, to: 0, sent: at(1700), arrived: Some(at(2800)), label: "offset 9012".into() },
            Arrow { from: 2, to: 1, sent: at(9_000), arrived: None, label: "Fetch 8990".into() },
        ],
    })
}

pub fn slice() -> SimDuration {
    SimDuration(0)
}
