use super::*;
use crate::ids::{BrokerId, ConsumerId, NodeId, PartitionId, ProducerId};
use crate::scenario::{
    Action, Comparison, FirstBatchRule, Intervention, Keeps, Latency, ProtocolRules, SendMode, Target, TruncationRule,
};
use crate::trace::Api;
use proptest::prelude::*;

/// A valid file that uses every part of the format. Bad files are made of it by replacing one line.
const GOOD: &str = include_str!("tests/good.toml");

/// Bad files and what is said of them.
const BAD: &str = include_str!("tests/bad.txt");

fn set(pairs: &[&str]) -> Vec<Override> {
    pairs.iter().map(|pair| Override::parse(pair).unwrap()).collect()
}

fn with(overrides: &[&str]) -> Result<Scenario, String> {
    scenario("dir/good.toml", GOOD, &set(overrides)).map_err(|error| error.to_string())
}

#[test]
fn a_file_that_uses_everything() {
    let read = with(&[]).unwrap();
    assert_eq!((read.name.as_str(), read.seed, read.duration), ("good", 42, SimDuration::from_secs(60)));
    assert_eq!((read.title.en.as_str(), read.title.zh.as_deref()), ("Everything", Some("全部")));
    assert_eq!(read.about.en, "In one paragraph.");
    assert_eq!(read.cluster.brokers, 3);
    assert_eq!(read.cluster.latency, Latency::Uniform(SimDuration(200), SimDuration(900)));
    assert!(!read.cluster.elr);
    assert_eq!(read.cluster.rules, ProtocolRules::default());
    assert_eq!(read.cluster.config.replica_lag_time_max, SimDuration::from_secs(10));
    assert_eq!(read.topics[0].assignment.as_ref().unwrap()[1], [BrokerId(2), BrokerId(3)]);
    assert_eq!(read.topics[0].config.replication_factor, 2);
    assert_eq!(read.topics[1].partitions, 1);
    let producer = &read.producers[0];
    assert_eq!((producer.messages, producer.interval, producer.keys), (3_000, SimDuration(5_000), 500));
    assert_eq!((producer.record_bytes, producer.start, producer.send), (250, SimTime(1_500_000), SendMode::Sync));
    assert!(!producer.config.enable_idempotence);
    assert_eq!(producer.config.linger, SimDuration::from_millis(7));
    assert_eq!((read.groups[0].members, read.groups[0].topics.len()), (3, 2));
    assert_eq!(read.groups[0].handler.time, Latency::Uniform(SimDuration::from_millis(2), SimDuration::from_millis(8)));
    assert_eq!(read.mechanisms, ["LOSS-B1", "DUP-10"]);
    assert_eq!(read.claims, ["S-2", "TR-1"]);
    let idle = ("metadata.max.idle.ms".to_owned(), "producer `checkout`".to_owned());
    assert_eq!(read.not_modelled, [idle]);
}

#[test]
fn faults_become_interventions() {
    let read = with(&[]).unwrap();
    let at = |s: u64, action: Action| Intervention { at: SimTime(s * 1_000_000), action };
    let broker = |n: u16| Target::Node(NodeId::Broker(BrokerId(n)));
    let leader = Target::LeaderOf(PartitionId(1));
    let controller = Target::Controllers;
    let second = SimDuration::from_secs;
    let latency = Some(Latency::Uniform(second(1), second(2)));
    let producer = || Target::Node(NodeId::Producer(ProducerId(0)));
    let expected = [
        at(12, Action::Crash { target: leader }),
        at(20, Action::Restart { target: Target::SameAs(0) }),
        at(13, Action::PowerCut { target: Target::Brokers, keeps: Keeps::Drawn }),
        at(14, Action::Shutdown { target: Target::Node(NodeId::Consumer(ConsumerId(1))) }),
        at(15, Action::Restart { target: broker(2) }),
        at(16, Action::Cut { a: broker(1), b: controller.clone(), one_way: false }),
        at(18, Action::Heal { a: broker(1), b: controller, one_way: false }),
        at(16, Action::Delay { from: broker(1), to: Target::Brokers, latency }),
        at(19, Action::Delay { from: broker(1), to: Target::Brokers, latency: None }),
        at(
            17,
            Action::SlowApi {
                from: Target::FollowersOf(PartitionId(2)),
                to: Target::LeaderOf(PartitionId(2)),
                api: Api::ReplicaFetch,
                extra: second(3),
            },
        ),
        at(
            18,
            Action::SlowApi { from: Target::SameAs(9), to: Target::SameAs(9), api: Api::ReplicaFetch, extra: SimDuration::ZERO },
        ),
        at(17, Action::Loss { from: producer(), to: broker(1), per_mille: 100 }),
        at(18, Action::Loss { from: producer(), to: broker(1), per_mille: 0 }),
        at(21, Action::Crash { target: Target::Clients }),
    ];
    assert_eq!(read.interventions, expected);
}

#[test]
fn expectations() {
    let read = with(&[]).unwrap();
    let found: Vec<(&str, Comparison)> = read.expect.iter().map(|e| (e.figure.as_str(), e.must_be)).collect();
    let expected = [
        ("lost", Comparison::Gt(0)),
        ("duplicated", Comparison::Eq(0)),
        ("order-service.ok", Comparison::Between(2_900, 3_100)),
        ("messages.acked", Comparison::Ge(1)),
        ("broker.elections", Comparison::Ne(0)),
        ("mechanisms.LOSS-B1", Comparison::Le(3_000)),
        ("groups.order-service.max_lag", Comparison::Lt(500)),
        ("phantom", Comparison::Eq(7)),
    ];
    assert_eq!(found, expected);
}

/// `tests/bad.txt`: each case is the line of the good file that is replaced, what replaces it, and what is said then.
#[test]
fn bad_files_are_refused_with_place_reason_and_help() {
    let mut cases = 0;
    for case in BAD.split("\n====\n") {
        let (change, said) = case.split_once("\n----\n").expect("a case has an answer");
        let text = if let Some((old, new)) = change.split_once("\n=>\n") {
            assert!(GOOD.contains(old), "the good file does not have: {old}");
            GOOD.replacen(old, new, 1)
        } else {
            change.to_owned()
        };
        let error = scenario("bad.toml", &text, &[]).expect_err(change).to_string();
        assert_eq!(error, said.trim_end(), "\nfor the change:\n{change}\n");
        cases += 1;
    }
    assert!(cases >= 50, "only {cases}");
}

#[test]
fn overrides_reach_every_setting() {
    let read = with(&[
        "seed=9",
        "duration=90s",
        "cluster.brokers=5",
        "cluster.elr=true",
        "cluster.latency=about 2ms",
        "cluster.rules.truncation=kip-279",
        "cluster.rules.strict-min-isr=false",
        "cluster.rules.broker-epoch-check=false",
        "cluster.rules.first-batch=zero-on-empty-log",
        "cluster.config.replica.lag.time.max.ms=20000",
        "topic.config.min.insync.replicas=1",
        "topic.audit.partitions=4",
        "topic.audit.config.replication.factor=5",
        "producer.config.retries=3",
        "producer.checkout.config.acks=all",
        "producer.checkout.config.linger.ms=9",
        "producer.checkout.rate=10/s",
        "producer.checkout.messages=17",
        "producer.checkout.keys=0",
        "producer.checkout.send=async",
        "group.config.max.poll.records=50",
        "group.order-service.members=4",
    ])
    .unwrap();
    assert_eq!((read.seed, read.duration), (9, SimDuration::from_secs(90)));
    assert_eq!((read.cluster.brokers, read.cluster.elr), (5, true));
    let rules = ProtocolRules {
        truncation: TruncationRule::Kip279,
        strict_min_isr: false,
        broker_epoch_check: false,
        first_batch: FirstBatchRule::ZeroOnEmptyLog,
        ..ProtocolRules::default()
    };
    assert_eq!(read.cluster.rules, rules);
    assert_eq!(read.cluster.latency, Latency::HeavyTailed(SimDuration::from_millis(2)));
    assert_eq!(read.cluster.config.replica_lag_time_max, SimDuration::from_secs(20));
    assert_eq!((read.topics[0].config.min_insync_replicas, read.topics[1].config.replication_factor), (1, 5));
    assert_eq!(read.topics[1].partitions, 4);
    let producer = &read.producers[0];
    assert_eq!((producer.config.retries, producer.messages, producer.keys, producer.send), (3, 17, 0, SendMode::Async));
    assert_eq!((producer.config.linger, producer.interval), (SimDuration::from_millis(9), SimDuration(100_000)));
    assert!(producer.config.enable_idempotence);
    assert_eq!((read.groups[0].config.max_poll_records, read.groups[0].members), (50, 4));
}

#[test]
fn bad_overrides_say_which_and_why() {
    for (path, said) in [
        (
            "producer.chekout.rate=1/s",
            "set producer.chekout.rate=1/s: `producer.chekout.rate` is not a setting of this scenario\n  help: did you mean `producer.checkout.rate`?",
        ),
        (
            "cluster.broker=5",
            "set cluster.broker=5: `cluster.broker` is not a setting of this scenario\n  help: did you mean `cluster.brokers`?",
        ),
        (
            "nothing=5",
            "set nothing=5: `nothing` is not a setting of this scenario\n  help: such as producer.config.acks, cluster.brokers, duration or seed",
        ),
        (
            "cluster.rules.truncate=kip-101",
            "set cluster.rules.truncate=kip-101: `cluster.rules.truncate` is not a setting of this scenario\n  help: did you mean `cluster.rules.truncation`?",
        ),
        ("cluster.brokers=0", "set cluster.brokers=0: `brokers` must be a whole number from 1 to 64, not 0"),
        ("cluster.brokers=many", "set cluster.brokers=many: `brokers` must be a whole number from 1 to 64, not a string"),
        (
            "duration=forever",
            "set duration=forever: `duration`: `forever` is not a duration; write a number and a unit such as 250us, 10ms, 1.5s, 2m, 1h, 7d",
        ),
        (
            "producer.config.acks=2",
            "set producer.config.acks=2: Kafka refuses this: Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1",
        ),
        (
            "producer.config.ack=1",
            "set producer.config.ack=1: `ack` is not a producer property of Kafka\n  help: did you mean `acks`?",
        ),
        (
            "topic.config.replication.factor=9",
            "set topic.config.replication.factor=9: `assignment` gives 2 replicas, but replication.factor is 9",
        ),
        (
            "producer.properties.enable.idempotence=true",
            "dir/good.toml:30:19: Kafka refuses this: Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
        ),
        (
            "producer.properties.retries=-1",
            "producer.properties: Kafka refuses this: Invalid value -1 for configuration retries: Value must be at least 0",
        ),
    ] {
        assert_eq!(with(&[path]).unwrap_err(), said);
    }
    assert!(Override::parse("cluster.brokers").is_err());
}

/// A short run by hand is not a mistake of the file.
#[test]
fn a_run_may_be_cut_short() {
    assert!(with(&["duration=5s"]).is_ok());
}

#[test]
fn properties_files_change_every_producer_and_note_the_rest() {
    let text = "acks=all\nbootstrap.servers=localhost:9092\nfrobnicate=1\nlinger.mss=4\nmetadata.max.idle.ms=60000\n";
    let overrides = overrides_from_properties(Scope::Producer, text).unwrap();
    let read = scenario("good.toml", GOOD, &overrides).unwrap();
    assert!(read.producers[0].config.enable_idempotence);
    let notes: Vec<String> = read.not_modelled.iter().map(|(name, place)| format!("{name} ({place})")).collect();
    assert_eq!(
        notes,
        [
            "bootstrap.servers (producer.properties)",
            "frobnicate (producer.properties, not a Kafka property that brokerscope knows)",
            "linger.mss (producer.properties, not a Kafka property that brokerscope knows; did you mean `linger.ms`?)",
            "metadata.max.idle.ms (producer.properties)",
        ]
    );
}

#[test]
fn a_consumer_file_without_consumers_is_no_error() {
    let text = "format = 1\ntitle = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 1\n";
    let overrides = overrides_from_properties(Scope::Consumer, "max.poll.records=5").unwrap();
    assert!(scenario("small.toml", text, &overrides).is_ok());
}

/// Nesting costs stack: it is refused before it can exhaust it.
#[test]
fn deep_nesting_is_refused() {
    let deep = 20_000;
    let start = "format = 1\ntitle = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 1\n";
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("{start}config = {{ {}a = 1 }}", "a.".repeat(deep)),
        format!("{start}config.{}a = 1", "a.".repeat(deep)),
        format!("{start}[expect]\n{}a = 1", "a.".repeat(deep)),
    ] {
        assert!(scenario("deep.toml", &text, &[]).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = scenario("any.toml", &text, &[]);
    }

    /// One piece of a valid file replaced by another piece of it, or by something odd.
    #[test]
    fn no_mutation_makes_it_panic(
        from in 0..GOOD.len(), length in 0..60_usize, piece in 0..GOOD.len(), size in 0..60_usize, odd in "[-\\[\\]{}=\"'.,0-9a-z \n]{0,12}",
        use_odd in any::<bool>(),
    ) {
        let cut = |start: usize, len: usize| {
            let bytes = GOOD.as_bytes();
            let end = (start + len).min(bytes.len());
            String::from_utf8_lossy(&bytes[start..end]).into_owned()
        };
        let middle = if use_odd { odd } else { cut(piece, size) };
        let text = format!("{}{}{}", cut(0, from), middle, cut(from + length.min(GOOD.len() - from), GOOD.len()));
        let _ = scenario("mutated.toml", &text, &[]);
    }

    #[test]
    fn no_override_makes_it_panic(path in "(seed|duration|cluster|topic|producer|group)(\\.[a-z.]{0,12}){0,3}", value in any::<String>()) {
        let _ = scenario("good.toml", GOOD, &[Override { path, value }]);
    }
}
