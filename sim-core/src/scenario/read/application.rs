//! What applications do with records: a group's `handler`, and `[redis]` and `[database]`.

use super::MAX_DURATION;
use super::error::ScenarioError;
use super::fault::{Names, consumer_id, unknown};
use super::table::Table;
use crate::config::{ConsumerConfig, OffsetReset};
use crate::ids::{ConsumerId, GroupId, MessageId, ProducerId};
use crate::nearest::did_you_mean;
use crate::scenario::{
    Action, CommitCall, CommitWhen, DatabaseSpec, GroupSpec, HandlerSpec, Identity, Intervention, Latency, OnRevoke, Pattern,
    Persistence, ProducerSpec, RedisReplica, RedisSpec, SendMode, SendStep, ServiceSpec, Step, WithoutOffset, WithoutRedis,
    WorkersCommit,
};
use crate::time::{SimDuration, SimTime};

/// The most worker threads of one member.
const MAX_WORKERS: u64 = 100;
/// With workers `poll()` returns after this at the latest, and the application commits what they have done.
const POLL_TIMEOUT: SimDuration = SimDuration::from_millis(100);
/// A list of steps is at most this long.
const MAX_STEPS: usize = 20;
const MICROSECOND: SimDuration = SimDuration(1);

const KEYS: &[&str] = &[
    "dedupe",
    "steps",
    "key",
    "unique",
    "ttl",
    "lease",
    "without-redis",
    "redis-timeout",
    "database-timeout",
    "retry-after",
    "attempts",
    "fails",
    "poison",
    "time",
    "delay",
    "without-offset",
    "workers",
];

/// Keys about commits by hand.
const BY_HAND: &[&str] = &["commit", "commit-when", "commit-every", "commit-on-revoke", "commit-offsets"];

/// Keys that only mean something for handlers that ask Redis, or the database.
const OF_REDIS: &[&str] = &["key", "ttl", "without-redis", "redis-timeout"];
const OF_DATABASE: &[&str] = &["unique", "database-timeout"];

/// A group's `handler`.
pub(super) fn handler(group: &Table, config: &ConsumerConfig) -> Result<HandlerSpec, ScenarioError> {
    let usual = HandlerSpec::plain();
    let Some(table) = group.table("handler", "handler")? else { return Ok(usual) };
    table.known(&[KEYS, BY_HAND].concat())?;
    for key in BY_HAND {
        if let Some(value) = table.value(key).filter(|_| config.enable_auto_commit) {
            let message = format!("`{key}` is about commits by hand: set \"enable.auto.commit\" = false as well");
            return Err(table.error(value.span(), message));
        }
    }
    let short = |key, usual| Ok::<SimDuration, ScenarioError>(table.duration(key, MICROSECOND, MAX_DURATION)?.unwrap_or(usual));
    let small = |key, most| Ok::<Option<u32>, ScenarioError>(table.integer(key, 1, most)?.map(|n| n as u32));
    let workers = table.integer("workers", 1, MAX_WORKERS)?.map_or(0, |n| n as u16);
    let every = if workers > 0 { POLL_TIMEOUT } else { usual.commit_every };
    let spec = HandlerSpec {
        steps: steps(&table)?,
        key: table.parsed("key", identity)?.unwrap_or(usual.key),
        unique: table.parsed("unique", identity)?.unwrap_or(usual.unique),
        // As long as one likes: 72 hours are longer than most runs.
        ttl: table.duration("ttl", MICROSECOND, SimDuration::from_secs(365 * 86_400))?.unwrap_or(usual.ttl),
        lease: short("lease", usual.lease)?,
        without_redis: table.parsed("without-redis", without_redis)?.unwrap_or(usual.without_redis),
        redis_timeout: short("redis-timeout", usual.redis_timeout)?,
        database_timeout: short("database-timeout", usual.database_timeout)?,
        retry_after: short("retry-after", usual.retry_after)?,
        attempts: small("attempts", 1_000_000)?,
        fails: table.parsed("fails", share)?,
        poison: small("poison", 5_000_000)?,
        time: table.latency("time", SimDuration::ZERO)?.unwrap_or(usual.time),
        delay: table.duration("delay", SimDuration::ZERO, MAX_DURATION)?.unwrap_or(usual.delay),
        without_offset: table.parsed("without-offset", without_offset)?.unwrap_or(usual.without_offset),
        workers,
        commit: table.parsed("commit", commit_call)?.unwrap_or(usual.commit),
        commit_when: table.parsed("commit-when", commit_when)?.unwrap_or(usual.commit_when),
        commit_every: table.duration("commit-every", SimDuration::ZERO, MAX_DURATION)?.unwrap_or(every),
        commit_on_revoke: on_revoke(&table, usual.commit_on_revoke)?,
        commit_offsets: table.parsed("commit-offsets", commit_offsets)?.unwrap_or(usual.commit_offsets),
    };
    if let Some(value) = table.value("without-offset").filter(|_| config.auto_offset_reset != OffsetReset::None) {
        let message = "`without-offset` is about a group without a policy: set \"auto.offset.reset\" = \"none\" as well";
        return Err(table.error(value.span(), message));
    }
    check_use(&table, &spec)?;
    check_commits(group, &table, &spec)?;
    Ok(spec)
}

/// What is set must mean something.
fn check_use(table: &Table, spec: &HandlerSpec) -> Result<(), ScenarioError> {
    let without = |keys: &[&'static str], why: &str| match keys.iter().find_map(|key| Some((key, table.value(key)?))) {
        Some((key, value)) => Err(table.error(value.span(), format!("`{key}` means nothing here: {why}"))),
        None => Ok(()),
    };
    if !spec.uses_redis() {
        without(OF_REDIS, "no step of this handler asks Redis")?;
    }
    if !spec.uses_database() {
        without(OF_DATABASE, "no step of this handler asks the database")?;
    }
    if !spec.steps.contains(&Step::Lease) {
        without(&["lease"], "the handler takes no lease")?;
    }
    if !spec.steps.contains(&Step::Parse) {
        without(&["poison"], "the handler does not parse")?;
    }
    Ok(())
}

/// `dedupe = "redis+db"`, or `steps = ["setnx", "business", ...]`.
fn steps(table: &Table) -> Result<Vec<Step>, ScenarioError> {
    let pattern = table.parsed("dedupe", |text| {
        let names = || Pattern::ALL.iter().map(|(name, _)| *name);
        Pattern::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, pattern)| *pattern)
            .ok_or_else(|| format!("`{text}` is not a way to deal with duplicates; {}", hint(text, names().collect())))
    })?;
    let written = table.strings("steps")?;
    let Some(value) = table.value("steps") else {
        return Ok(pattern.unwrap_or(Pattern::None).steps().to_vec());
    };
    if pattern.is_some() {
        return Err(table.error(value.span(), "`dedupe` is a ready-made list of steps: give it, or `steps`"));
    }
    let mut steps = Vec::new();
    for (name, at) in written {
        let step = Step::ALL.into_iter().find(|step| step.name() == name);
        let names = || Step::ALL.into_iter().map(Step::name).collect();
        steps.push(step.ok_or_else(|| table.error(at, format!("`{name}` is not a step; {}", hint(name, names()))))?);
    }
    match complaint(&steps) {
        Some(complaint) => Err(table.error(value.span(), complaint)),
        None => Ok(steps),
    }
}

fn hint(text: &str, names: Vec<&str>) -> String {
    did_you_mean(text, names.iter().copied()).unwrap_or_else(|| format!("known: {}", names.join(", ")))
}

/// What is wrong with a list of steps.
fn complaint(steps: &[Step]) -> Option<String> {
    let count = |of: Step| steps.iter().filter(|&&step| step == of).count();
    let place = |of: Step| steps.iter().position(|&step| step == of);
    if steps.len() > MAX_STEPS {
        return Some(format!("a handler has at most {MAX_STEPS} steps"));
    }
    if count(Step::Effect) != 1 || count(Step::Ack) != 1 {
        return Some("a handler has one `effect` and one `ack`".to_owned());
    }
    if let Some(twice) = Step::ALL.into_iter().find(|&step| count(step) > 1) {
        return Some(format!("`{}` is in the list twice", twice.name()));
    }
    match (place(Step::Begin), place(Step::Commit)) {
        (None, None) => {}
        (Some(begin), Some(commit)) if begin < commit => {}
        _ => return Some("`begin` and `commit` go together, in this order".to_owned()),
    }
    let comes_after = |later: Step, earlier: &[Step]| {
        let before = earlier.iter().filter_map(|&step| place(step)).min();
        place(later).is_some_and(|at| before.is_none_or(|before| before > at))
    };
    if comes_after(Step::Done, &[Step::Lease]) {
        return Some("`done` ends what a `lease` has begun: it comes after it".to_owned());
    }
    if comes_after(Step::Set, &[Step::Get]) {
        return Some("`set` is the second half of `get`: it comes after it (with `setnx` it is not needed)".to_owned());
    }
    None
}

fn identity(text: &str) -> Result<Identity, String> {
    let names = || Identity::ALL.iter().map(|(name, _)| *name).collect();
    Identity::ALL
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, identity)| *identity)
        .ok_or_else(|| format!("`{text}` is not something that records are known by; {}", hint(text, names())))
}

fn without_offset(text: &str) -> Result<WithoutOffset, String> {
    match text {
        "fail" => Ok(WithoutOffset::Fail),
        "seek-to-beginning" => Ok(WithoutOffset::SeekToBeginning),
        _ => Err(format!("`{text}` is neither `fail` nor `seek-to-beginning`")),
    }
}

fn without_redis(text: &str) -> Result<WithoutRedis, String> {
    match text {
        "fail" => Ok(WithoutRedis::Closed),
        "go-on" => Ok(WithoutRedis::Open),
        _ => Err(format!("`{text}` is neither `fail` (the record is tried again) nor `go-on` (without Redis)")),
    }
}

/// `1 of 20`.
fn share(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("`{text}` is not a share; write, say, \"1 of 20\"");
    let (some, of) = text.split_once(" of ").ok_or_else(wrong)?;
    match (some.trim().parse(), of.trim().parse()) {
        (Ok(some), Ok(of)) if some <= of && (1..=1_000_000).contains(&of) => Ok((some, of)),
        _ => Err(wrong()),
    }
}

/// Refuses settings of commits that would have no effect.
fn check_commits(group: &Table, table: &Table, handler: &HandlerSpec) -> Result<(), ScenarioError> {
    let refuse = |key: &str, message: &str| match table.value(key) {
        Some(value) => Err(table.error(value.span(), message)),
        None => Ok(()),
    };
    if handler.workers > 0 {
        let message = "`commit-when` is about a thread that works itself: with `workers` it commits what they have done";
        refuse("commit-when", message)?;
        refuse("delay", "workers begin at once: `delay` is about a thread that works itself")?;
        if handler.steps != Pattern::None.steps() {
            refuse("workers", "workers do their business and have its effect: `workers` goes with dedupe = \"none\" only")?;
        }
    } else {
        refuse("commit-offsets", "`commit-offsets` is about `workers`: a thread that works itself finishes in order")?;
    }
    if handler.acknowledges_first() {
        refuse("commit-every", "an application that commits first commits every poll: leave `commit-every` out")?;
        refuse("commit-when", "an application that commits first does so before the work: leave `commit-when` out")?;
    }
    if group.value("forward").is_some() {
        refuse("workers", "a group that forwards works in the thread that polls: leave `workers` out")?;
        refuse("commit-when", "a group that forwards commits when its outputs are acknowledged: leave `commit-when` out")?;
        if handler.acknowledges_first() {
            refuse("dedupe", "a group that forwards commits when its outputs are acknowledged, not first")?;
        }
    }
    Ok(())
}

fn commit_call(text: &str) -> Result<CommitCall, String> {
    match text {
        "sync" => Ok(CommitCall::Sync),
        "async" => Ok(CommitCall::Async),
        _ => Err(format!("`{text}` is not a way to commit; known: sync, async")),
    }
}

fn commit_when(text: &str) -> Result<CommitWhen, String> {
    match text {
        "poll-done" => Ok(CommitWhen::PollDone),
        "each-record" => Ok(CommitWhen::EachRecord),
        _ => Err(format!("`{text}` is not a time to commit; known: poll-done, each-record")),
    }
}

fn commit_offsets(text: &str) -> Result<WorkersCommit, String> {
    match text {
        "done" => Ok(WorkersCommit::Done),
        "highest-done" => Ok(WorkersCommit::HighestDone),
        _ => Err(format!("`{text}` is not what workers may commit; known: done, highest-done")),
    }
}

/// `true`, `false`, or `"positions"`.
fn on_revoke(table: &Table, usual: OnRevoke) -> Result<OnRevoke, ScenarioError> {
    let Some(value) = table.value("commit-on-revoke") else { return Ok(usual) };
    match (value.get_ref().as_bool(), value.get_ref().as_str()) {
        (Some(true), _) => Ok(OnRevoke::Done),
        (Some(false), _) => Ok(OnRevoke::Nothing),
        (None, Some("positions")) => Ok(OnRevoke::Positions),
        _ => Err(table.wrong_type("commit-on-revoke", value, "true, false or \"positions\"")),
    }
}

/// `[service]`.
pub(super) fn service(root: &Table, producers: &[ProducerSpec]) -> Result<ServiceSpec, ScenarioError> {
    let usual = ServiceSpec { latency: None, time: Latency::Fixed(SimDuration::from_millis(1)), threads: 10 };
    let Some(table) = root.table("service", "[service]")? else { return Ok(usual) };
    if producers.iter().all(|producer| producer.send != SendMode::Call) {
        let message = "nobody calls the service: give a producer send = \"call\"";
        return Err(table.error(table.span.clone(), message));
    }
    table.known(&["latency", "time", "threads"])?;
    Ok(ServiceSpec {
        latency: latency(&table)?,
        time: table.latency("time", SimDuration::ZERO)?.unwrap_or(usual.time),
        threads: table.integer("threads", 1, 1_000)?.map_or(usual.threads, |n| n as u16),
    })
}

/// `[redis]` and `[database]`.
pub(super) fn stores(root: &Table, groups: &[GroupSpec]) -> Result<(RedisSpec, DatabaseSpec), ScenarioError> {
    let used = |by: fn(&HandlerSpec) -> bool| groups.iter().any(|group| by(&group.handler));
    let mut redis = RedisSpec { latency: None, persistence: Persistence::None, replica: None, max_keys: None };
    let mut database = DatabaseSpec { latency: None, deadlocks_per_mille: 0 };
    if let Some(table) = root.table("redis", "[redis]")? {
        unless_idle(&table, used(HandlerSpec::uses_redis), "Redis")?;
        table.known(&["latency", "persistence", "replica-lag", "failover-after", "max-keys"])?;
        redis = RedisSpec {
            latency: latency(&table)?,
            persistence: table.parsed("persistence", persistence)?.unwrap_or(redis.persistence),
            replica: replica(&table)?,
            max_keys: table.integer("max-keys", 1, 10_000_000)?.map(|n| n as u32),
        };
    }
    if let Some(table) = root.table("database", "[database]")? {
        unless_idle(&table, used(HandlerSpec::uses_database), "the database")?;
        table.known(&["latency", "deadlocks-per-mille"])?;
        let deadlocks = table.integer("deadlocks-per-mille", 0, 900)?.unwrap_or(0);
        database = DatabaseSpec { latency: latency(&table)?, deadlocks_per_mille: deadlocks as u16 };
    }
    Ok((redis, database))
}

fn latency(table: &Table) -> Result<Option<Latency>, ScenarioError> {
    table.latency("latency", MICROSECOND)
}

fn unless_idle(table: &Table, used: bool, name: &str) -> Result<(), ScenarioError> {
    if used {
        return Ok(());
    }
    let message =
        format!("no group asks {name}: give a group a handler that does, such as handler = {{ dedupe = \"redis+db\" }}");
    Err(table.error(table.span.clone(), message))
}

fn persistence(text: &str) -> Result<Persistence, String> {
    match text {
        "none" => Ok(Persistence::None),
        "everysec" => Ok(Persistence::EverySecond),
        "always" => Ok(Persistence::Always),
        _ => Err(format!("`{text}` is not a way to persist; known: none, everysec, always")),
    }
}

/// A replica is there when one of its two settings is.
fn replica(table: &Table) -> Result<Option<RedisReplica>, ScenarioError> {
    let lag = table.duration("replica-lag", SimDuration::ZERO, SimDuration::from_secs(60))?;
    let takes_over = table.duration("failover-after", MICROSECOND, MAX_DURATION)?;
    if lag.is_none() && takes_over.is_none() {
        return Ok(None);
    }
    let (lag, takes_over) = (lag.unwrap_or(SimDuration::from_millis(10)), takes_over.unwrap_or(SimDuration::from_secs(10)));
    Ok(Some(RedisReplica { lag, takes_over }))
}

/// `crash-at-step = "after setnx of order-service"`: the process of a group that comes to this point crashes.
pub(super) fn crash_at(table: &Table, at: SimTime, names: &Names) -> Result<Intervention, ScenarioError> {
    table.known(&["at", "crash-at-step", "message", "restart-after"])?;
    let point = table.parsed("crash-at-step", |text| point(text, names))?.ok_or_else(|| table.missing("crash-at-step"))?;
    let message = table.integer("message", 0, u64::from(super::MAX_MESSAGES))?.map(|n| MessageId(n as u32));
    let restart_after = table.duration("restart-after", MICROSECOND, MAX_DURATION)?;
    let action = match point {
        Point::Handling(group, step, after) => Action::CrashAt { group, step, after, message, restart_after },
        Point::Next(consumer) => Action::CrashNext { consumer, message, restart_after },
        Point::Somewhere(group) => Action::CrashSomewhere { group, message, restart_after },
        Point::Sending(producer, step, after) => Action::CrashSending { producer, step, after, message, restart_after },
    };
    Ok(Intervention { at, action })
}

/// A point of the work of a group's processes, or of a producer.
enum Point {
    Handling(GroupId, u16, bool),
    Next(ConsumerId),
    Somewhere(GroupId),
    Sending(ProducerId, SendStep, bool),
}

fn point(text: &str, names: &Names) -> Result<Point, String> {
    let wrong = || format!("`{text}` is not a point of the work; write, say, \"after setnx of order-service\"");
    let (point, name) = text.split_once(" of ").ok_or_else(wrong)?;
    let (side, step) = point.trim().split_once(' ').ok_or_else(wrong)?;
    let (step, name) = (step.trim(), name.trim());
    if (side, step) == ("next", "step") {
        let member = name.strip_prefix("member ");
        let wrong = || format!("`{name}` is not one process; write, say, \"next step of member 1 of order-service\"");
        return consumer_id(member.ok_or_else(wrong)?, names).map(Point::Next);
    }
    if (side, step) == ("any", "step") {
        return handling_group(name, names).map(|(at, _)| Point::Somewhere(GroupId(at as u16)));
    }
    let after = match side {
        "after" => true,
        "before" => false,
        _ => return Err(wrong()),
    };
    if let Some(at) = names.producers.iter().position(|producer| producer.name == name) {
        return sending_point(&names.producers[at], step).map(|step| Point::Sending(ProducerId(at as u16), step, after));
    }
    let (at, group) = handling_group(name, names)?;
    let steps = &group.handler.steps;
    let position = steps.iter().position(|s| s.name() == step).ok_or_else(|| {
        let names: Vec<&str> = steps.iter().map(|s| s.name()).collect();
        format!("the handler of `{name}` has no step `{step}`; it has: {}", names.join(", "))
    })?;
    Ok(Point::Handling(GroupId(at as u16), position as u16, after))
}

/// A group whose processes can be crashed at the steps of their work.
fn handling_group<'a>(name: &str, names: &'a Names) -> Result<(usize, &'a GroupSpec), String> {
    let found = names.groups.iter().position(|group| group.name == name);
    let known = || names.groups.iter().map(|g| g.name.as_str()).chain(names.producers.iter().map(|p| p.name.as_str()));
    let at = found.ok_or_else(|| unknown("group or producer", name, known()))?;
    let group = &names.groups[at];
    Ok((at, group))
}

fn sending_point(producer: &ProducerSpec, step: &str) -> Result<SendStep, String> {
    if producer.transaction.is_some() || producer.feeder.is_some() {
        return Err(format!(
            "`{}` sends in transactions, or what a group reads: it is crashed at times, not at steps",
            producer.name
        ));
    }
    let steps = producer.send.steps();
    steps.iter().copied().find(|s| s.name() == step).ok_or_else(|| {
        let names: Vec<&str> = steps.iter().map(|s| s.name()).collect();
        format!("`{}` sends in the steps {}, and there is no `{step}`", producer.name, names.join(", "))
    })
}
