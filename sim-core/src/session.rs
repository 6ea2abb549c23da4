//! A session is a scenario, a seed, settings and interventions: all that a run depends on. A replay file is a session and the
//! digest of the run that it led to. Both come from outside, so both are checked before they are believed.

pub mod link;
pub mod portable;

use crate::ids::{NodeId, Offset, PartitionId, StoreId};
use crate::layout::Layout;
use crate::scenario::read::{self, MAX_DURATION, Override, ScenarioError};
use crate::scenario::{Action, DiskDeed, GroupSpec, Intervention, Latency, ProducerSpec, Scenario, SendStep, Target, library};
use crate::time::{SimDuration, SimTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most interventions of a session.
pub const MAX_INTERVENTIONS: usize = 10_000;
/// The most partitions that a topic can be given while a run goes on.
pub const MAX_TOTAL: u16 = 200;
/// The largest replay file.
pub const MAX_REPLAY_BYTES: usize = 16 * 1024 * 1024;
/// What a replay file of this program calls itself.
pub const REPLAY_SCHEMA: &str = "brokerscope.replay/1";

/// Where a session's scenario comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScenarioSource {
    /// The library, by name.
    Library(String),
    /// A text of its own.
    Inline {
        /// The file that it came from.
        name: String,
        /// The whole file.
        text: String,
    },
}

/// All that a run depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// What is run.
    pub scenario: ScenarioSource,
    /// Instead of the scenario's own seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Settings that differ from the scenario's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Override>,
    /// What was done besides the scenario's own faults. [`Target::SameAs`] counts through the faults' interventions first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
}

impl Session {
    /// A scenario of the library as it is.
    pub fn library(name: impl Into<String>) -> Session {
        Session::of(ScenarioSource::Library(name.into()))
    }

    /// A scenario file as it is.
    pub fn inline(name: impl Into<String>, text: impl Into<String>) -> Session {
        Session::of(ScenarioSource::Inline { name: name.into(), text: text.into() })
    }

    fn of(scenario: ScenarioSource) -> Session {
        Session { scenario, seed: None, set: Vec::new(), interventions: Vec::new() }
    }

    /// The scenario to run: read, with seed, settings and interventions applied.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn plan(&self) -> Result<Scenario, ScenarioError> {
        let mut scenario = match &self.scenario {
            ScenarioSource::Library(name) => {
                let entry = library::find(name).ok_or_else(|| unknown_scenario(name))?;
                read::scenario(entry.file, entry.text, &self.set)?
            }
            ScenarioSource::Inline { name, text } => read::scenario(name, text, &self.set)?,
        };
        if let Some(seed) = self.seed {
            scenario.seed = seed;
        }
        if self.interventions.len() > MAX_INTERVENTIONS {
            let message = format!("a session has at most {MAX_INTERVENTIONS} interventions");
            return Err(ScenarioError::without_place("session", message));
        }
        let bounds = Bounds::of(&scenario);
        for (number, intervention) in self.interventions.iter().enumerate() {
            let place = || format!("intervention {} of the session", number + 1);
            bounds
                .check(intervention, scenario.interventions.len())
                .map_err(|message| ScenarioError::without_place(place(), message))?;
            scenario.interventions.push(intervention.clone());
        }
        Ok(scenario)
    }
}

/// There is no such scenario in the library.
fn unknown_scenario(name: &str) -> ScenarioError {
    let error = ScenarioError::without_place(name.to_owned(), "there is no scenario of this name in the library");
    match library::suggest(name) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// What an intervention can be aimed at.
struct Bounds {
    controllers: u32,
    brokers: u32,
    partitions: u32,
    /// By [`crate::ids::TopicId`]: how many partitions it begins with.
    topics: Vec<u16>,
    producers: u32,
    consumers: u32,
    stores: Vec<StoreId>,
    /// How many steps the handler of each group has.
    steps: Vec<u16>,
    /// The steps of each producer; none for those that cannot be crashed at one.
    sending: Vec<&'static [SendStep]>,
}

impl Bounds {
    fn of(scenario: &Scenario) -> Bounds {
        let layout = Layout::new(Arc::new(scenario.clone()));
        Bounds {
            controllers: u32::from(scenario.cluster.controllers),
            brokers: u32::from(scenario.cluster.brokers),
            partitions: u32::try_from(layout.partitions.len()).expect("a partition's number has 16 bits"),
            topics: scenario.topics.iter().map(|topic| topic.partitions).collect(),
            producers: u32::try_from(scenario.producers.len()).expect("at most 100"),
            consumers: scenario.groups.iter().map(|group| u32::from(group.members)).sum(),
            stores: scenario.stores().collect(),
            sending: scenario.producers.iter().map(sending_steps).collect(),
            steps: scenario.groups.iter().map(handling_steps).collect(),
        }
    }

    /// `position`: where in the list of all interventions this one goes.
    fn check(&self, intervention: &Intervention, position: usize) -> Result<(), String> {
        if intervention.at > SimTime::ZERO + MAX_DURATION {
            return Err(format!("`at` is beyond the longest run of {MAX_DURATION}"));
        }
        let target = |target: &Target| self.target(target, position);
        let both = |a: &Target, b: &Target| target(a).and_then(|()| target(b));
        match &intervention.action {
            Action::Crash { target: t }
            | Action::PowerCut { target: t, .. }
            | Action::Shutdown { target: t }
            | Action::Pause { target: t }
            | Action::Resume { target: t }
            | Action::Restart { target: t } => target(t),
            Action::CrashAt { group, step, .. } => match self.steps.get(group.ix()) {
                Some(steps) if step < steps => Ok(()),
                Some(_) => Err(format!("{group} has no step {step} at which its processes could be crashed")),
                None => Err(format!("there is no {group} in this scenario")),
            },
            Action::CrashSomewhere { group, .. } => match self.steps.get(group.ix()) {
                Some(_) => Ok(()),
                None => Err(format!("there is no {group} in this scenario")),
            },
            Action::CrashNext { consumer, .. } => target(&Target::Node(NodeId::Consumer(*consumer))),
            Action::CrashSending { producer, step, .. } => match self.sending.get(producer.ix()) {
                Some(steps) if steps.contains(step) => Ok(()),
                Some(_) => Err(format!("{producer} has no step `{}`", step.name())),
                None => Err(format!("there is no {producer} in this scenario")),
            },
            Action::Disk { target: t, deed } => {
                if !has_disk(t) {
                    return Err("only brokers have disks".to_owned());
                }
                if matches!(deed, DiskDeed::Slow(extra) if *extra > MAX_LATENCY) {
                    return Err(format!("a disk takes at most {MAX_LATENCY} longer"));
                }
                target(t)
            }
            Action::Corrupt { target: t, partition, .. } => {
                if !has_disk(t) {
                    return Err("only brokers have disks".to_owned());
                }
                both(t, &Target::LeaderOf(*partition))
            }
            Action::DeleteRecords { partition, before } => {
                if before.is_some_and(|offset| offset < Offset::ZERO) {
                    return Err("offsets begin at 0".to_owned());
                }
                target(&Target::LeaderOf(*partition))
            }
            Action::AddPartitions { topic, total } => match self.topics.get(topic.ix()) {
                None => Err(format!("there is no topic {} in this scenario", topic.0)),
                Some(now) if total <= now => Err(format!("`total` must be more than the {now} partitions of the topic")),
                Some(_) if *total > MAX_TOTAL => Err(format!("`total` must be at most {MAX_TOTAL}")),
                Some(_) => Ok(()),
            },
            Action::Cut { a, b, .. } | Action::Heal { a, b, .. } | Action::Break { a, b } => both(a, b),
            Action::DropPacket { .. } | Action::DuplicatePacket { .. } => Ok(()), // no such packet: no effect
            Action::DelayPacket { by, .. } if *by <= MAX_LATENCY => Ok(()),
            Action::DelayPacket { by, .. } => Err(format!("a packet is held up for at most {MAX_LATENCY}, not {by}")),
            Action::Delay { from, to, latency } => both(from, to).and_then(|()| latency.map_or(Ok(()), latency_in_range)),
            Action::Loss { from, to, per_mille } if *per_mille <= 1_000 => both(from, to),
            Action::Loss { per_mille, .. } => Err(format!("`per_mille` must be from 0 to 1000, not {per_mille}")),
            Action::SlowApi { from: a, to: b, extra, .. } | Action::Slow { a, b, extra } if *extra <= MAX_LATENCY => both(a, b),
            Action::SlowApi { extra, .. } | Action::Slow { extra, .. } => {
                Err(format!("`extra` must be at most {MAX_LATENCY}, not {extra}"))
            }
        }
    }

    fn target(&self, target: &Target, position: usize) -> Result<(), String> {
        let known = |what: &str, id: u32, first: u32, count: u32| {
            if id >= first && id - first < count { Ok(()) } else { Err(format!("there is no {what} {id} in this scenario")) }
        };
        match target {
            Target::Controllers | Target::ActiveController | Target::Brokers | Target::Clients | Target::Everyone => Ok(()),
            Target::Node(NodeId::Controller(id)) => known("controller", u32::from(id.0), 1, self.controllers),
            Target::Node(NodeId::Broker(id)) => known("broker", u32::from(id.0), 1, self.brokers),
            Target::Node(NodeId::Producer(id)) => known("producer", u32::from(id.0), 0, self.producers),
            Target::Node(NodeId::Consumer(id)) => known("consumer", u32::from(id.0), 0, self.consumers),
            Target::Node(NodeId::Store(id)) if self.stores.contains(id) => Ok(()),
            Target::Node(NodeId::Store(id)) => Err(format!("there is no {id} in this scenario")),
            Target::LeaderOf(PartitionId(id)) | Target::FollowersOf(PartitionId(id)) => {
                known("partition", u32::from(*id), 0, self.partitions)
            }
            Target::SameAs(index) if u64::from(*index) < position as u64 => Ok(()),
            Target::SameAs(index) => Err(format!("same-as {index} does not name an earlier intervention")),
        }
    }
}

/// A member that forwards has a producer in its process, which would live on.
fn handling_steps(group: &GroupSpec) -> u16 {
    group.handler.steps.len() as u16
}

fn sending_steps(producer: &ProducerSpec) -> &'static [SendStep] {
    let plain = producer.transaction.is_none() && producer.feeder.is_none();
    if plain { producer.send.steps() } else { &[] }
}

/// May something happen to the disks of these?
pub(crate) fn has_disk(target: &Target) -> bool {
    match target {
        Target::Node(NodeId::Broker(_)) | Target::Brokers | Target::LeaderOf(_) | Target::FollowersOf(_) | Target::SameAs(_) => {
            true
        }
        Target::Node(_) | Target::Clients | Target::Controllers | Target::ActiveController | Target::Everyone => false,
    }
}

const MAX_LATENCY: SimDuration = SimDuration::from_secs(3_600);

fn latency_in_range(latency: Latency) -> Result<(), String> {
    let (low, high) = match latency {
        Latency::Fixed(d) | Latency::HeavyTailed(d) => (d, d),
        Latency::Uniform(low, high) => (low, high),
    };
    if low >= SimDuration(1) && high <= MAX_LATENCY {
        Ok(())
    } else {
        Err(format!("a latency must be from 1us to {MAX_LATENCY}, not {latency}"))
    }
}

/// A replay file: a session, and what it led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// [`REPLAY_SCHEMA`].
    pub schema: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// What was run.
    pub session: Session,
    /// What was done, in the form of a link, where the session does not list it: the page writes this ([`portable`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts: Option<String>,
    /// The digest of the whole trace.
    pub digest: String,
    /// How many events the trace had.
    pub events: u64,
    /// Digests on the way: after so many events, this. They narrow a difference down.
    #[serde(default)]
    pub marks: Vec<(u64, String)>,
}

impl Replay {
    /// A replay file of this version of the program.
    pub fn new(session: Session, digest: String, events: u64, marks: Vec<(u64, String)>) -> Replay {
        let (schema, version) = (REPLAY_SCHEMA.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Replay { schema, version, session, acts: None, digest, events, marks }
    }

    /// Reads and checks a replay file. The session in it is checked when it is planned.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn from_json(text: &str) -> Result<Replay, String> {
        #[derive(Deserialize)]
        struct Schema {
            schema: String,
        }
        if text.len() > MAX_REPLAY_BYTES {
            return Err(format!("a replay file has at most {} MiB", MAX_REPLAY_BYTES / (1024 * 1024)));
        }
        let Schema { schema } = serde_json::from_str(text).map_err(|e| format!("this is not a replay file: {e}"))?;
        if schema != REPLAY_SCHEMA {
            return Err(format!("this is a `{schema}`; this program reads `{REPLAY_SCHEMA}`"));
        }
        let mut replay: Replay = serde_json::from_str(text).map_err(|e| format!("the replay file is damaged: {e}"))?;
        if let Some(acts) = replay.acts.take() {
            if !replay.session.interventions.is_empty() {
                return Err("the replay file is damaged: it says twice what was done".to_owned());
            }
            replay.session.interventions = link::decode(&acts)?;
        }
        let is_digest = |digest: &str| digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_digest(&replay.digest) || !replay.marks.iter().all(|(_, digest)| is_digest(digest)) {
            return Err("the replay file is damaged: a digest has 32 hexadecimal digits".to_owned());
        }
        if !replay.marks.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err("the replay file is damaged: its marks are not in order".to_owned());
        }
        Ok(replay)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers always serialize");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, ConsumerId, ControllerId, GroupId, PacketId, ProducerId};

    /// What the page saves the command line reads, and the other way round where nothing was done.
    #[test]
    fn the_page_and_the_command_line_read_each_other() {
        let set = vec![Override { path: "producer.config.acks".into(), value: "all".into() }];
        let acted = Session {
            seed: Some(u64::MAX),
            set,
            interventions: vec![crash(Target::ActiveController)],
            ..Session::inline("mine.toml", "format = 1\n\"quoted\"")
        };
        for session in [Session::library("order-events"), acted.clone()] {
            let digest = "0".repeat(32);
            let file = portable::write(&session, &digest, 9, &[(4, digest.clone())]);
            let read = Replay::from_json(&file).unwrap();
            assert_eq!((&read.session, read.events, read.marks.len()), (&session, 9, 1));
            assert_eq!(portable::read(&file), Ok((session, digest)));
        }
        let plain = Session { interventions: vec![], ..acted.clone() };
        let file = |session| Replay::new(session, "0".repeat(32), 9, vec![]).to_json();
        assert_eq!(portable::read(&file(plain.clone())).unwrap().0, plain);
        assert!(portable::read(&file(acted)).unwrap_err().contains("command line"));
        for bad in [
            "",
            "{}",
            "[1]",
            "{\"schema\":\"brokerscope.replay/1\"}",
            "{\"schema\":\"brokerscope.replay/1\",\"session\":{\"scenario\":{\"library\":3}}}",
        ] {
            assert!(portable::read(bad).is_err(), "{bad}");
        }
    }

    fn crash(target: Target) -> Intervention {
        Intervention { at: SimTime(5_000_000), action: Action::Crash { target } }
    }

    #[test]
    fn a_plan_has_the_sessions_seed_settings_and_interventions() {
        let mut session = Session::library("order-events");
        session.seed = Some(99);
        session.set.push(Override::parse("producer.config.acks=1").unwrap());
        session.interventions.push(crash(Target::Node(NodeId::Broker(BrokerId(3)))));
        session
            .interventions
            .push(Intervention { at: SimTime(9_000_000), action: Action::Restart { target: Target::SameAs(0) } });
        let plan = session.plan().unwrap();
        assert_eq!(plan.seed, 99);
        assert!(!plan.producers[0].config.enable_idempotence);
        assert_eq!(plan.interventions, session.interventions);
        let again: Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
        assert_eq!(again, session);
    }

    #[test]
    fn interventions_must_be_aimed_at_something() {
        let cases = [
            (Target::Node(NodeId::Broker(BrokerId(0))), "there is no broker 0 in this scenario"),
            (Target::Node(NodeId::Broker(BrokerId(4))), "there is no broker 4 in this scenario"),
            (Target::Node(NodeId::Producer(ProducerId(1))), "there is no producer 1 in this scenario"),
            (Target::Node(NodeId::Controller(ControllerId(4))), "there is no controller 4 in this scenario"),
            (Target::LeaderOf(PartitionId(5)), "there is no partition 5 in this scenario"),
            (Target::SameAs(0), "same-as 0 does not name an earlier intervention"),
        ];
        for (target, said) in cases {
            let mut session = Session::library("order-events");
            session.interventions.push(crash(target));
            let error = session.plan().unwrap_err().to_string();
            assert_eq!(error, format!("intervention 1 of the session: {said}"));
        }
        assert_eq!(
            Session::library("order-event").plan().unwrap_err().to_string(),
            "order-event: there is no scenario of this name in the library\n  help: did you mean `order-events`?"
        );
    }

    /// What a file refuses a session does not take either: a point that the work does not have.
    #[test]
    fn crashes_at_steps_need_a_step() {
        let refused = |library: &str, action: Action| {
            let mut session = Session::library(library);
            session.interventions.push(Intervention { at: SimTime::ZERO, action });
            session.plan().unwrap_err().to_string().replace("intervention 1 of the session: ", "")
        };
        let handling =
            |group: u16, step| Action::CrashAt { group: GroupId(group), step, after: false, message: None, restart_after: None };
        let next = Action::CrashNext { consumer: ConsumerId(60), message: None, restart_after: None };
        assert_eq!(refused("order-events", next), "there is no consumer 60 in this scenario");
        let by = SimDuration::from_secs(3_601);
        let late = Action::DelayPacket { packet: PacketId(1), by };
        assert_eq!(refused("order-events", late), "a packet is held up for at most 3600s, not 3601s");
        let slow = Action::Slow { a: Target::Brokers, b: Target::Everyone, extra: by };
        assert_eq!(refused("order-events", slow), "`extra` must be at most 3600s, not 3601s");
        let at = "at which its processes could be crashed";
        assert_eq!(refused("order-events", handling(0, 3)), format!("group #0 has no step 3 {at}"));
        assert_eq!(refused("order-events", handling(2, 0)), "there is no group #2 in this scenario");
        let producer = ProducerId(0);
        let sending = Action::CrashSending { producer, step: SendStep::Mark, after: true, message: None, restart_after: None };
        assert_eq!(refused("order-events", sending), format!("{producer} has no step `mark`"));
    }

    #[test]
    fn a_replay_file_is_checked() {
        let digest = "0123456789abcdef0123456789abcdef".to_owned();
        let session = Session::inline("mine.toml", "format = 1");
        let replay = Replay::new(session, digest.clone(), 7, vec![(3, digest.clone()), (7, digest.clone())]);
        let text = replay.to_json();
        assert_eq!(Replay::from_json(&text).unwrap(), replay);
        for (from, to, said) in [
            ("replay/1", "replay/2", "this is a `brokerscope.replay/2`; this program reads `brokerscope.replay/1`"),
            ("\"events\"", "\"event\"", "the replay file is damaged: unknown field `event`"),
            ("\"name\"", "\"nam\"", "the replay file is damaged: unknown field `nam`"),
            (&digest[..], "xyz", "the replay file is damaged: a digest has 32 hexadecimal digits"),
            ("      3,", "      9,", "the replay file is damaged: its marks are not in order"),
            ("{", "", "this is not a replay file:"),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            let error = Replay::from_json(&damaged).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ -~]{0,200}") {
            let _ = Replay::from_json(&text);
        }
    }
}
