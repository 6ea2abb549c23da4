//! A scenario from a seed.

use super::application::Application;
use super::faults;
use sim_core::rng::Stream;
use std::fmt::Write;

/// Draws from one stream.
pub struct Draw(Stream);

impl Draw {
    /// Both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.below(of.len() as u64) as usize]
    }

    pub fn chance(&mut self, per_mille: u16) -> bool {
        self.0.per_mille(per_mille)
    }
}

/// Who there is.
pub struct Cast {
    /// How many.
    pub brokers: u64,
    /// Names, and how many partitions.
    pub topics: Vec<(String, u64)>,
    /// How many.
    pub producers: u64,
    /// Names, and how many members.
    pub groups: Vec<(String, u64)>,
}

/// The scenario file of a seed.
pub fn scenario(seed: u64) -> String {
    let mut draw = Draw(Stream::new(seed, "swarm"));
    let mut out = format!("format = 1\ntitle = \"swarm {seed}\"\nseed = {seed}\nduration = \"160s\"\n");
    let brokers = draw.between(1, 5);
    let controllers = draw.one(&[1, 3, 3, 3, 5]);
    // From streams of their own: what else a seed means does not depend on them.
    let mut balance = Draw(Stream::new(seed, "swarm balance"));
    cluster(&mut draw, &mut balance, &mut out, brokers, controllers);
    let cast = Cast {
        brokers,
        topics: (0..draw.between(1, 2)).map(|n| (format!("t{n}"), draw.between(1, 4))).collect(),
        producers: draw.between(1, 3),
        groups: (0..draw.between(0, 2)).map(|n| (format!("g{n}"), draw.between(1, 3))).collect(),
    };
    topics(&mut draw, &mut out, &cast);
    let mut apart = Draw(Stream::new(seed, "swarm transactions"));
    let mut application = Application::new(Draw(Stream::new(seed, "swarm application")));
    producers(&mut draw, &mut apart, &mut application, &mut out, &cast);
    groups(&mut draw, (&mut apart, &mut Draw(Stream::new(seed, "swarm handlers"))), &mut application, &mut out, &cast);
    for _ in 0..draw.between(0, 5) {
        faults::fault(&mut draw, &mut out, &cast);
    }
    // A controlled shutdown may have ended after its restart was due.
    for _ in 0..draw.between(0, 2) {
        faults::controller_fault(&mut draw, &mut out, controllers);
    }
    faults::growth(&mut Draw(Stream::new(seed, "swarm growth")), &mut out, &cast);
    faults::pause(&mut Draw(Stream::new(seed, "swarm pauses")), &mut out, &cast);
    pipeline(&mut Draw(Stream::new(seed, "swarm pipeline")), &mut out, &cast);
    application.faults(&mut out, &cast);
    for all in ["brokers", "clients", "controllers"] {
        let _ = writeln!(out, "[[fault]]\nat = \"60s\"\nrestart = \"{all}\"");
    }
    out
}

fn latency(draw: &mut Draw) -> String {
    match draw.between(0, 3) {
        0 => format!("{}us", draw.between(50, 20_000)),
        1 => format!("{}us..{}us", draw.between(50, 1_000), draw.between(1_000, 60_000)),
        _ => format!("about {}us", draw.between(100, 5_000)),
    }
}

fn cluster(draw: &mut Draw, balance: &mut Draw, out: &mut String, brokers: u64, controllers: u64) {
    let session = draw.one(&[1_500, 3_000, 6_000, 9_000]);
    let lag = draw.one(&[2_000, 5_000, 10_000, 30_000]);
    let (rf, elr) = (draw.between(1, brokers.min(3)), draw.chance(500));
    let _ = writeln!(
        out,
        "[cluster]\nbrokers = {brokers}\ncontrollers = {controllers}\nlatency = \"{}\"\nelr = {elr}\nwrite-back = \"{}\"",
        latency(draw),
        draw.one(&["off", "30s", "5s"])
    );
    // No version had ELR without the strict rule.
    if draw.chance(100) && !elr {
        let _ = writeln!(out, "rules = {{ strict-min-isr = false }}");
    }
    if draw.chance(300) {
        let racks: Vec<String> = (0..brokers).map(|n| format!("\"r{}\"", n % 3)).collect();
        let _ = writeln!(out, "racks = [{}]", racks.join(", "));
    }
    let _ = writeln!(
        out,
        "config = {{ \"replica.selector.class\" = \"org.apache.kafka.common.replica.RackAwareReplicaSelector\", \"replica.lag.time.max.ms\" = {lag}, \"broker.session.timeout.ms\" = {session}, \"broker.heartbeat.interval.ms\" = {}, \
         \"offsets.topic.replication.factor\" = {rf}, \"min.insync.replicas\" = {}, \"replica.fetch.wait.max.ms\" = {}, \
         \"replica.socket.timeout.ms\" = {}, \"replica.high.watermark.checkpoint.interval.ms\" = {}, \"log.initial.task.delay.ms\" = {}, \"log.flush.scheduler.interval.ms\" = {}, \"log.retention.check.interval.ms\" = {}, \"log.cleaner.backoff.ms\" = {}{} }}",
        draw.one(&[300, 500, session / 3]),
        draw.between(1, 2),
        draw.one(&[50, 100, 500]),
        draw.one(&[2_000, 10_000, 30_000]),
        draw.one(&[500, 5_000]),
        draw.one(&[0, 5_000, 30_000]),
        draw.one(&[500, 5_000, i64::MAX]),
        draw.one(&[1_000, 10_000, 300_000]),
        draw.one(&[1_000, 15_000]),
        preferences(balance),
    );
}

/// C-17.
fn preferences(draw: &mut Draw) -> String {
    format!(
        ", \"auto.leader.rebalance.enable\" = {}, \"leader.imbalance.check.interval.seconds\" = {}, \"leader.imbalance.per.broker.percentage\" = {}",
        !draw.chance(200),
        draw.one(&[3, 10, 30, 300]),
        draw.one(&[0, 10, 40]),
    )
}

fn topics(draw: &mut Draw, out: &mut String, cast: &Cast) {
    for (name, partitions) in &cast.topics {
        let rf = draw.between(1, cast.brokers);
        let _ = writeln!(out, "[[topic]]\nname = \"{name}\"\npartitions = {partitions}");
        let _ = write!(
            out,
            "config = {{ \"replication.factor\" = {rf}, \"min.insync.replicas\" = {}, \"unclean.leader.election.enable\" = {}",
            draw.between(1, 3),
            draw.chance(250),
        );
        if draw.chance(300) {
            let _ = write!(out, ", \"flush.messages\" = {}", draw.between(1, 50));
        }
        if draw.chance(300) {
            let _ = write!(out, ", \"flush.ms\" = {}", draw.between(10, 5_000));
        }
        if draw.chance(150) {
            let _ = write!(out, ", \"max.message.bytes\" = {}", draw.between(400, 3_000));
        }
        if draw.chance(200) {
            let _ = write!(out, ", \"segment.bytes\" = {}", draw.between(1_048_576, 1_500_000));
        }
        if draw.chance(300) {
            let _ = write!(out, ", \"segment.ms\" = {}", draw.between(200, 5_000));
        }
        if draw.chance(200) {
            let policy = draw.one(&["compact", "compact,delete"]);
            let _ = write!(out, ", \"cleanup.policy\" = \"{policy}\", \"min.cleanable.dirty.ratio\" = 0.{}", draw.between(0, 9));
        }
        if draw.chance(150) {
            let _ = write!(out, ", \"retention.ms\" = {}", draw.between(1_000, 60_000));
        }
        if draw.chance(100) {
            let _ = write!(out, ", \"retention.bytes\" = {}", draw.between(0, 200_000));
        }
        let _ = writeln!(out, " }}");
    }
}

fn producers(draw: &mut Draw, apart: &mut Draw, application: &mut Application, out: &mut String, cast: &Cast) {
    // All of them careful: only then the brokers' promises can be held against them.
    let careful = apart.chance(250);
    for n in 0..cast.producers {
        let from = out.len();
        let topic = cast.topics[draw.between(0, cast.topics.len() as u64 - 1) as usize].0.clone();
        let send = draw.one(&["async", "async", "async", "sync", "sync", "fire-and-forget"]);
        // One that waits for each message waits linger.ms each time, and must come to an end before the run does.
        let messages = if send == "sync" { draw.between(20, 60) } else { draw.between(20, 300) };
        let (rate, keys) = (draw.between(5, 60), draw.one(&[0, 1, 20]));
        let bytes = draw.one(&[50, 100, 1_000, 20_000]);
        let _ = writeln!(
            out,
            "[[producer]]\nname = \"p{n}\"\ntopic = \"{topic}\"\nmessages = {}\nrate = \"{}/s\"\nkeys = {}\nrecord-bytes = {}\nstart = \"{}ms\"\nsend = \"{}\"",
            messages,
            rate,
            keys,
            bytes,
            draw.between(0, 5_000),
            send,
        );
        if draw.chance(150) {
            let _ = writeln!(out, "threads = {}", draw.between(2, 4));
        }
        if draw.chance(250) {
            let _ = writeln!(out, "close = \"{}ms\"", draw.one(&[0, 500, 20_000]));
        }
        let drawn = draw.one(&["all", "all", "all", "1", "0"]);
        let acks = if careful { "all" } else { drawn };
        let idempotent = (drawn == "all" && draw.chance(600)) || careful;
        let request = draw.one(&[1_000, 3_000, 10_000]);
        let linger = draw.one(&[0, 5, 50, 500]);
        let patience = draw.one(&[0, 5_000, 20_000]);
        let _ = write!(
            out,
            "config = {{ acks = \"{acks}\", \"enable.idempotence\" = {idempotent}, \"request.timeout.ms\" = {request}, \"linger.ms\" = {linger}, \
             \"delivery.timeout.ms\" = {}, \"batch.size\" = {}, \"max.in.flight.requests.per.connection\" = {}, \"max.block.ms\" = {}",
            request + linger + patience,
            draw.one(&[0, 300, 2_000, 16_384]),
            draw.between(1, 5),
            draw.one(&[1_000, 60_000]),
        );
        if draw.chance(200) {
            let _ = write!(out, ", retries = {}", draw.between(1, 3));
        }
        if draw.chance(200) {
            let _ = write!(out, ", \"buffer.memory\" = {}", draw.between(20_000, 60_000));
        }
        client_knobs(draw, out);
        let transactional = idempotent && cast.brokers >= 3 && apart.chance(500) && !out.contains("compact");
        if transactional {
            // Two producers may be instances of one application: one of them is fenced, again and again.
            let id = if apart.chance(150) { 0 } else { n };
            let timeout = apart.one(&[4_000, 10_000]);
            let _ = write!(out, ", \"transactional.id\" = \"x{id}\", \"transaction.timeout.ms\" = {timeout}");
        }
        let _ = writeln!(out, " }}");
        if transactional {
            transaction(apart, out, bytes > 100 || patience == 0, messages);
        } else {
            // All its messages one by one, after a fault, at 100 ms each.
            let is_impatient = request + linger + patience < 100 * messages;
            application.sender(out, from, &format!("p{n}"), (bytes, is_impatient));
        }
    }
}

/// What of a client changes sizes and partitions, not promises.
fn client_knobs(draw: &mut Draw, out: &mut String) {
    if draw.chance(300) {
        let _ = write!(out, ", \"compression.type\" = \"{}\"", draw.one(&["gzip", "snappy", "lz4", "zstd"]));
    }
    if draw.chance(200) {
        let _ = write!(out, ", \"partitioner.adaptive.partitioning.enable\" = false");
    }
    if draw.chance(200) {
        let _ = write!(out, ", \"partitioner.availability.timeout.ms\" = {}", draw.one(&[50, 1_000]));
    }
    if draw.chance(100) {
        let _ = write!(out, ", \"partitioner.class\" = \"org.apache.kafka.clients.producer.RoundRobinPartitioner\"");
    }
}

/// An application that repeats a transaction with a record that no broker takes, or none in time, would do so for ever; one with many small
/// transactions would not come to an end in time.
fn transaction(draw: &mut Draw, out: &mut String, may_fail: bool, messages: u64) {
    let _ = write!(out, "transaction = {{ size = {}", draw.between(1, 20).max(messages / 60));
    if draw.chance(400) {
        let _ = write!(out, ", abort = \"{} of {}\"", draw.between(1, 2), draw.between(3, 6));
    }
    if draw.chance(200) || may_fail {
        let _ = write!(out, ", after-abort = \"drop\"");
    }
    let _ = writeln!(out, ", after-fencing = \"stop\" }}");
}

/// What only members of classic groups have.
fn membership(draw: &mut Draw) -> String {
    let strategies = ["range", "roundrobin", "sticky", "cooperative-sticky", "cooperative-sticky", "range,cooperative-sticky"];
    format!(
        ", \"partition.assignment.strategy\" = \"{}\", \"session.timeout.ms\" = {}, \"heartbeat.interval.ms\" = {}",
        draw.one(&strategies),
        draw.one(&[6_000, 10_000, 45_000]),
        draw.one(&[1_000, 3_000]),
    )
}

/// How an application commits by hand.
fn commits(draw: &mut Draw) -> (&'static str, String) {
    let workers = draw.between(2, 8);
    match draw.between(0, 6) {
        0 => ("none", ", commit = \"async\"".to_owned()),
        1 => ("none", ", commit-when = \"each-record\"".to_owned()),
        2 => ("commit-first", String::new()),
        3 => ("none", format!(", workers = {workers}")),
        4 => ("none", format!(", workers = {workers}, commit-offsets = \"highest-done\", commit-on-revoke = \"positions\"")),
        _ => ("none", String::new()),
    }
}

fn groups(
    draw: &mut Draw,
    (apart, handlers): (&mut Draw, &mut Draw),
    application: &mut Application,
    out: &mut String,
    cast: &Cast,
) {
    for (name, members) in &cast.groups {
        let from = out.len();
        let topics: Vec<String> = cast.topics.iter().map(|t| format!("\"{}\"", t.0)).collect();
        let classic = draw.chance(600);
        let is_static = classic && draw.chance(300);
        let (time, by_hand) = (latency(draw), draw.chance(500));
        let (dedupe, commits) = if by_hand { commits(handlers) } else { ("none", String::new()) };
        let _ = writeln!(
            out,
            "[[group]]\nname = \"{name}\"\ntopics = [{}]\nmembers = {members}\nstatic = {is_static}\nhandler = {{ dedupe = \"{dedupe}\", time = \"{time}\"{commits} }}",
            topics.join(", "),
        );
        let _ = writeln!(
            out,
            "config = {{ \"enable.auto.commit\" = {}, \"auto.commit.interval.ms\" = {}, \"auto.offset.reset\" = \"{}\", \"max.poll.records\" = {}, \
             \"request.timeout.ms\" = {}, \"isolation.level\" = \"{}\", \"group.protocol\" = \"{}\", \"max.poll.interval.ms\" = {}{}, \"client.rack\" = \"{}\" }}",
            !by_hand,
            draw.one(&[500, 5_000]),
            draw.one(&["earliest", "earliest", "latest", "by_duration:PT10S"]),
            draw.one(&[1, 10, 500]),
            draw.one(&[3_000, 30_000]),
            apart.one(&["read_committed", "read_uncommitted"]),
            if classic { "classic" } else { "consumer" },
            // A JoinGroup to a machine that has lost power waits as long as that, and everything must have converged by the end.
            draw.one(&[20_000, 40_000]),
            if classic { membership(draw) } else { String::new() },
            draw.one(&["", "r1", "r2"]),
        );
        application.handler(out, from, name, by_hand);
    }
}

/// a group that forwards what it reads of the first topic, with transactions or without, and one that reads what comes of it.
fn pipeline(draw: &mut Draw, out: &mut String, cast: &Cast) {
    if !draw.chance(250) {
        return;
    }
    let (partitions, rf, min_isr) = (draw.between(1, 3), draw.between(1, cast.brokers.min(3)), draw.between(1, 2));
    let _ = writeln!(out, "[[topic]]\nname = \"out\"\npartitions = {partitions}");
    let _ = writeln!(out, "config = {{ \"replication.factor\" = {rf}, \"min.insync.replicas\" = {min_isr} }}");
    let protocol = draw.one(&["classic", "consumer"]);
    let members = draw.between(1, 3);
    // A coordinator that has lost its last states waits for ever for markers that nobody takes, as Kafka's does.
    let keeps_states = cast.brokers >= 3 && !out.contains("power-cut") && !out.contains("wipe");
    let id = if keeps_states && draw.chance(800) { ", transactional-id = \"fx\"" } else { "" };
    let _ = writeln!(
        out,
        "[[group]]\nname = \"relay\"\ntopics = [\"t0\"]\nmembers = {members}\nhandler = {{ dedupe = \"none\", time = \"{}us\" }}\n\
         forward = {{ topic = \"out\"{id}, config = {{ \"delivery.timeout.ms\" = 12000, \"request.timeout.ms\" = 3000, \"linger.ms\" = 0{} }} }}",
        draw.between(1, 3_000),
        if id.is_empty() { "" } else { ", \"transaction.timeout.ms\" = 8000" },
    );
    let config = "\"auto.offset.reset\" = \"earliest\", \"isolation.level\" = \"read_committed\", \"request.timeout.ms\" = 3000, \"max.poll.interval.ms\" = 20000";
    let _ = writeln!(
        out,
        "config = {{ \"enable.auto.commit\" = false, \"group.protocol\" = \"{protocol}\", \"max.poll.records\" = {}, {config} }}",
        // A transaction for each record takes too long for the end of the run to be reached.
        draw.one(&[20, 100, 500]),
    );
    let _ = writeln!(out, "[[group]]\nname = \"ends\"\ntopics = [\"out\"]\nhandler = {{ dedupe = \"none\", time = \"1ms\" }}");
    let _ = writeln!(out, "config = {{ {config}, \"enable.auto.commit\" = {} }}", draw.chance(500));
}
