//! Every string that a person sees or hears, in one table. Another language is another value of [`Strings`].

use crate::marks::clock;
use crate::sim::{GroupTally, Kind, Scope, Tally};
use crate::start::{BadAddress, Start};
use crate::state::Course;
use sim_core::ids::PartitionId;
use sim_core::scenario::LocalText;
use sim_core::time::{SimDuration, SimTime};
use sim_core::trace::Verdict;
use sim_core::view::GroupPhase;
use stage::chart::Chart;
use stage::text::grouped;
use stage::timeline::{Bar, EventKind, nearest};
use stage::words::{Words, fill};

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The language of the page's own strings so far.
    English,
    /// The scenarios' titles and texts have it already; the page's own strings do not.
    #[allow(dead_code)]
    Chinese,
}

/// The language that is shown: chosen here and nowhere else.
pub const LANGUAGE: Language = Language::English;

/// The page's strings in the language that is shown.
pub const S: &Strings = match LANGUAGE {
    Language::English | Language::Chinese => &ENGLISH,
};

/// A scenario's text in the language that is shown; English where it has no other.
pub fn local(text: &LocalText) -> &str {
    match LANGUAGE {
        Language::English => &text.en,
        Language::Chinese => text.zh.as_deref().unwrap_or(&text.en),
    }
}

macro_rules! strings {
    ($($name:ident = $en:literal;)*) => {
        /// The strings of the page in one language. `{}` is filled in.
        #[allow(missing_docs)]
        pub struct Strings {
            pub stage: &'static Words,
            $(pub $name: &'static str,)*
        }

        /// English.
        pub const ENGLISH: Strings = Strings { stage: &stage::words::ENGLISH, $($name: $en,)* };
    };
}

strings! {
    name = "brokerscope";
    tagline = "a cluster you can break";
    scenario = "Scenario";
    seed = "Seed";
    digest = "Digest";
    digest_hint = "Identifies this run, bit for bit: the same scenario, seed and interventions give the same digest everywhere. Click to copy.";
    copied = "copied";
    computing = "computing… {} %";
    theme_dark = "Dark theme";
    theme_light = "Light theme";
    stage_label = "The cluster at this instant: producers, brokers with their logs, consumers, and the packets between them";
    stage_list = "What is on the stage";
    break_hint = "Click a broker, a producer or a consumer to break it, right-click (or hold) anything, packets and links too; click a cell of a log to follow its message.";
    choose_scenario = "Choose a scenario";
    next_event = "Next event";
    next_event_at = "{} at {} s";
    next_event_hint = "Jump there";
    play = "Play";
    pause = "Pause";
    step = "Next event";
    step_back = "Previous event";
    previous_mark = "To the previous fault, election or ISR change";
    next_mark = "To the next fault, election or ISR change";
    restart_run = "Back to the start";
    speed = "Speed";
    time = "Time";
    time_of = "of {} s";
    seconds = "s";
    outcome = "Outcome";
    now = "now";
    at_end = "at the end";
    intended = "intended";
    acked = "acknowledged";
    rejected = "reported failed";
    unknown = "without an answer";
    ok = "ok";
    lost = "lost";
    duplicated = "duplicated";
    phantom = "phantom";
    pending = "pending";
    group = "Group";
    lost_messages = "Lost messages";
    duplicated_messages = "Duplicated messages";
    and_more = "and {} more";
    verdict_fine = "In the end, nothing lost or doubled.";
    verdict_lost_one = "In the end 1 acknowledged message has had no effect.";
    verdict_duplicated_one = "In the end 1 message has had its effect more than once.";
    verdict_lost = "In the end {} acknowledged messages have had no effect.";
    verdict_duplicated = "In the end {} messages have had their effect more than once.";
    settings = "The same storm with other settings";
    settings_hint = "Under the same seed only what you change differs: faults, delays and losses fall where they fell.";
    run_again = "Run again";
    vary = "Run beside";
    vary_hint = "Another course of events with these settings, shown side by side with this one.";
    all_settings = "All settings …";
    all_settings_hint = "Every setting by Kafka's name, and .properties files";
    search_settings = "Search by name or meaning";
    no_such_setting = "No setting here has this in its name or its meaning.";
    default_is = "default {}";
    paste_properties = "Paste a .properties file ({}); it is read when you leave the field";
    will_differ = "What will differ";
    take_back = "Take it back";
    own_scenario = "A scenario of your own";
    own_scenario_hint = "This is the file of the run that is shown. Change it and run it, or open another one: a scenario (.toml) or a replay file (.json). docs/scenario.md says what may stand in it. The address then holds all of it.";
    open_file = "Open a file";
    save_replay = "Save as a replay file";
    save_replay_hint = "Scenario, seed, settings, all that you did, and the digest. brokerscope replay FILE runs it to the same digest.";
    run_this = "Run this scenario";
    file_button = "A scenario of your own, and replay files";
    file_too_large = "A file has at most {} KiB.";
    replay_same = "This is the run of the file: same digest.";
    replay_differs = "This run is not the one that was saved: the file says {}. It may come from another version of brokerscope.";
    not_known_yet = "The run is still being computed; try again in a moment.";
    too_many_courses = "There are as many courses of events as the page can hold: forget one first.";
    bad_seed = "A seed is a whole number.";
    about = "What to look at";
    branch_original = "Original";
    branches = "Courses of events";
    branch_name = "The name of this course of events";
    compare = "Show side by side";
    forget_branch = "Forget this course of events";
    change_places = "Change places: act on the other one";
    stop_comparing = "Show one alone";
    comparing = "Looking for the first difference …";
    first_difference = "First difference at {} s";
    other_fate = "The first message with another fate: {}";
    they_part = "Here the two part";
    no_difference = "The two are the same, event by event.";
    nothing_more = "nothing more";
    menu_of = "Broker {}";
    crash = "Crash";
    crash_hint = "the process dies, its machine lives";
    power_cut = "Cut the power";
    power_cut_hint = "what is not on disk is gone";
    crash_next = "Crash before its next step";
    crash_next_hint = "between any two: the mark and the work, the work and the commit";
    isolate = "Cut off from everybody";
    isolate_hint = "it lives, and no packet comes or goes";
    rejoin = "Let packets through";
    rejoin_hint = "all its links work again";
    delete_records = "Delete records";
    delete_records_hint = "all that are committed, as DeleteRecords does";
    corrupt = "Spoil the last batch";
    corrupt_hint = "on this broker's disk, and nobody notices";
    cut = "Cut";
    cut_hint = "nothing passes any more, either way";
    heal = "Heal";
    heal_hint = "packets pass again";
    slow_link = "Slow";
    slow_link_hint = "300 ms more for each packet, each way";
    fast_link = "As fast as before";
    fast_link_hint = "no time more than the link takes by itself";
    break_link = "Break its connections";
    delay_1 = "Hold it up for 1 s";
    delay_5 = "Hold it up for 5 s";
    delay_40 = "Hold it up for 40 s";
    delay_hint = "what is behind it on its connection waits";
    duplicate = "Send it twice";
    duplicate_hint = "as a proxy does that tries again";
    another_act = "Another act";
    undo = "Undo (Ctrl+Z)";
    redo = "Redo (Ctrl+Y)";
    acts = "What was done in it";
    without = "Without";
    latency = "takes";
    loss = "losses";
    under_way = "under way";
    nothing_passes = "nothing passes";
    link_about = "Nothing is lost on a connection while it lives: what does not pass is sent again later, and what is behind it waits.";
    broker_about = "Keeps a copy of each of these logs. Whoever leads a partition takes its records; the others fetch from it.";
    partition_about = "One log, in several copies. Below HW it is committed: everybody in sync has it, and consumers may read it.";
    producer_about = "Collects records into batches, sends them to the leaders, and tries again until it knows, or has waited too long.";
    consumer_about = "Polls records, does its business with each, and commits how far it is. Whoever comes after it begins there.";
    packet_about = "Packets of one connection arrive in the order in which they were sent.";
    wipe_disk = "Replace the disk";
    wipe_disk_hint = "by an empty one; the process ends";
    fail_disk = "Break the disk";
    fail_disk_hint = "the broker halts, and cannot start";
    slow_disk = "Slow the disk";
    slow_disk_hint = "300 ms more for each append";
    mend_disk = "Mend the disk";
    mend_disk_hint = "it works again, as fast as ever";
    add_partition = "Add a partition";
    add_partition_hint = "the topic gets one more, and keys move";
    power_cut_controller_hint = "its log and its vote are on the disk";
    shutdown = "Shut down";
    close_client = "Close";
    close_client_hint = "cleanly: it finishes and says goodbye";
    crash_client_hint = "what it held in memory is gone";
    shutdown_hint = "controlled: leaders move away first";
    shutdown_controller_hint = "it asks the others to elect one of them first";
    restart = "Restart";
    restart_hint = "the stopped process starts again";
    pause_process = "Pause";
    pause_process_hint = "it stands still, as in a long garbage collection";
    resume_process = "Let it go on";
    resume_process_hint = "it reads what has arrived, its timers are late";
    close = "Close";
    message_of = "Message {}";
    mechanism = "Why";
    fix = "What prevents it";
    life = "Its life";
    sequence = "Sequence diagram of the message's life";
    no_life = "Nothing is known of this message yet.";
    replicas = "Replicas";
    partition = "partition";
    role = "role";
    leads = "leads";
    in_isr = "in sync";
    out_of_isr = "out of sync";
    epoch = "epoch";
    high_watermark = "HW";
    last_stable = "LSO";
    log_end = "LEO";
    log_start = "start";
    on_disk = "on disk";
    state = "State";
    running = "running";
    producer = "Producer";
    consumer = "Consumer";
    controller_of = "Controller {}";
    controller_about = "Keeps the metadata with the other controllers: who leads, who is in sync. One of them is active and decides: it elects a new leader from the in-sync replicas when a broker goes silent. What it decides counts once a majority of them has it.";
    packet = "Packet";
    request = "request";
    answer = "answer";
    gone = "It has arrived, or was lost.";
    from_to = "{} → {}";
    sent_at = "sent at";
    arrives_at = "arrives at";
    sent_again_at = "sent again at";
    was_lost = "did not pass: TCP sends it again";
    carries_error = "carries an error";
    is_copy = "a copy that something on the way has sent";
    records = "records";
    reads = "reads";
    position = "position";
    works_on = "works on";
    open_transactions = "open transactions";
    open_calls = "in work and in line";
    redis_meaning = "Keys that say which records were begun or done. They run out, and what is not persisted is gone with the process.";
    service_meaning = "What is called instead of a queue: the caller waits until the business is done.";
    database_meaning = "Rows that must be unique, and the effects of the business. What is committed survives every crash.";
    committed = "committed";
    group_of = "Group {}";
    coordinator = "coordinator";
    generation = "generation";
    group_epoch = "group epoch";
    rebalances = "rebalances";
    member = "member";
    member_has = "has";
    member_leads = " (assigns)";
    member_revokes = "; still to give up: {}";
    members_classic = "What each member has, by the coordinator's word. One of them works out who gets what; commits count only in the current generation.";
    members_modern = "What each member has, by the coordinator's word. The coordinator works out who gets what, and each member follows with its own epoch.";
    group_unknown = "Nobody coordinates it now: members cannot join, commit or learn what is theirs.";
    group_empty = "It has no members. What was committed stays.";
    group_preparing = "Its members are asked to join again; unless they cooperate, they read nothing until that is over.";
    group_completing = "All have joined; the one that assigns is working out who gets what.";
    group_assigning = "Somebody came or went: who gets what is to be worked out again.";
    group_reconciling = "It is settled who gets what, and not everybody has it yet: partitions go over one by one.";
    group_stable = "Everybody has what it is to have.";
    error_title = "This run cannot begin";
    error_help = "Choose a scenario to go on.";
    crash_title = "Something broke in the page itself";
    crash_help = "This is a mistake in brokerscope, not in your cluster. Reload the page; if it happens again, please report the text below.";
    loading = "Loading";
    keys = "Press ? for the keys.";
    its_settings = "Settings";
    rest_is_default = "Everything else is Kafka's default.";
    its_history = "What happens to it";
    what_happens = "What happens";
    all_events = "all";
    faults = "faults";
    leaders = "leaders";
    replica_events = "replicas";
    careful = "Slow down where something happens";
    share = "Share";
    share_hint = "Copies a link to this run, with all that you did to it, at this instant. Whoever opens it gets the same run, bit for bit.";
    link_copied = "link copied";
    branch_shared = "as in the link";
    as_before = "as in the scenario";
    no_news = "Nothing out of the ordinary so far.";
    drop_packet = "Lose it with its connection";
    drop_packet_hint = "What is on its way over this connection is lost, and both ends know.";
    leads_at = "broker {} leads in epoch {}";
    leaderless_at = "no leader since epoch {}";
    not_there_yet = "not there yet";
    isr_at = "ISR {} of {}";
    below_min_isr = ", below min ISR {}";
    lag_at = "{} {} behind";
    charts = "Charts";
    charts_button = "The run over time (g)";
    charts_hint = "A click goes to that instant. Latencies are on a logarithmic scale; what is compared with is the grey line.";
    help = "Keys";
    help_button = "Keys (?)";
    help_pointing = "A click on a broker, a client, a controller or a store opens what can be done to it; on a record, a packet or a link, what it is. A right click, or a finger that stays, opens what can be done to any of them. With the keyboard: Tab goes through all of them, and the menu key (or Shift+F10) opens what can be done.";
}

/// What each key does.
pub const KEYS: [(&str, &str); 13] = [
    ("Space", "play or pause"),
    ("→", "the next event of the simulation"),
    ("←", "the event before"),
    ("n", "the next event worth a look"),
    ("p", "the one before it"),
    ("s", "slow down where something happens"),
    ("c", "side by side with the run that this one left"),
    ("g", "charts over time, or what is chosen"),
    ("0", "the beginning"),
    ("Ctrl+Z", "take back what was done last"),
    ("Ctrl+Y", "do it again"),
    ("Escape", "close what is open"),
    ("?", "this sheet"),
];

/// The name of a fate.
pub fn verdict(s: &Strings, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => s.ok,
        Verdict::Lost => s.lost,
        Verdict::Duplicated => s.duplicated,
        Verdict::Phantom => s.phantom,
        Verdict::Rejected => s.rejected,
        Verdict::Pending => s.pending,
    }
}

/// How a group is, in a sentence.
pub fn group_phase(phase: GroupPhase) -> &'static str {
    match phase {
        GroupPhase::Unknown => S.group_unknown,
        GroupPhase::Empty => S.group_empty,
        GroupPhase::PreparingRebalance => S.group_preparing,
        GroupPhase::CompletingRebalance => S.group_completing,
        GroupPhase::Assigning => S.group_assigning,
        GroupPhase::Reconciling => S.group_reconciling,
        GroupPhase::Stable => S.group_stable,
    }
}

/// What a mark on the time bar means.
pub fn event(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Fault => "fault",
        EventKind::Recovery => "recovery",
        EventKind::Election => "new leader",
        EventKind::Leaderless => "no leader",
        EventKind::Unclean => "unclean election",
        EventKind::IsrShrink => "ISR shrinks",
        EventKind::IsrExpand => "ISR grows",
        EventKind::LogCut => "a log is cut",
        EventKind::Lost => "messages sent here are lost",
        EventKind::Duplicated => "messages sent here are doubled",
    }
}

/// What there is to say of an instant of the time bar: what happened near it, and how the partition and the readers were.
pub fn moment(bar: Option<&Bar>, asked: Option<PartitionId>, at: SimTime, reach: SimDuration) -> String {
    let near = bar.and_then(|bar| nearest(bar, at, reach));
    let at = near.map_or(at, |event| event.at);
    let mut text = format!("{} {}", clock(at), S.seconds);
    if let Some(near) = near {
        text += " · ";
        text += event(near.kind);
    }
    let Some((series, partition)) = bar.and_then(|bar| bar.series.as_deref().zip(bar.partition(asked))) else { return text };
    let partition = &series.partitions[partition.ix()];
    text += &format!("\n{}: ", partition.name);
    match partition.leadership_at(at) {
        None => text += S.not_there_yet,
        Some(l) => match l.leader {
            Some(leader) => text += &fill(&fill(S.leads_at, leader.0), l.epoch),
            None => text += &fill(S.leaderless_at, l.epoch),
        },
    }
    if let Some(isr) = partition.isr_at(at) {
        text += " · ";
        text += &fill(&fill(S.isr_at, isr.len()), partition.replicas);
        if isr.len() < partition.min_isr {
            text += &fill(S.below_min_isr, partition.min_isr);
        }
    }
    let bucket = series.bucket_of(at);
    if let Some(last) = series.groups.iter().max_by_key(|g| g.lag_max[bucket]) {
        text += " · ";
        text += &fill(&fill(S.lag_at, &last.name), grouped(last.lag_max[bucket]));
    }
    text
}

/// What charts say of an instant.
pub fn charts_at(charts: &[Chart], at: SimTime) -> String {
    let mut text = format!("{} {}", clock(at), S.seconds);
    for chart in charts {
        text += &format!("\n{}:", chart.title);
        for (i, (name, value)) in chart.at(at).enumerate() {
            text += &format!("{} {name} {value}", if i > 0 { "," } else { "" });
        }
    }
    text
}

/// Why a kind of event matters.
pub fn meaning(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Fault => "The others do not know yet: they notice when a timeout has passed.",
        EventKind::Recovery => "It has to catch up before it counts again.",
        EventKind::Election => "What the new leader has is the truth from now on; what it lacks is gone.",
        EventKind::Leaderless => "Nobody can write to the partition, or read it, until a replica that may lead is back.",
        EventKind::Unclean => "A replica that was not in sync leads: what it never had is lost for good.",
        EventKind::IsrShrink => "acks=all waits for fewer replicas now; below min.insync.replicas it is refused.",
        EventKind::IsrExpand => "One replica more has everything that is committed.",
        EventKind::LogCut => "Records that the leader does not have are taken away, acknowledged or not.",
        EventKind::Lost => "Acknowledged, and without an effect.",
        EventKind::Duplicated => "Done more than once.",
    }
}

/// What is wrong with an address, and what to do.
pub fn bad_address(bad: &BadAddress) -> String {
    match bad {
        BadAddress::Seed(text) => format!("The address says seed={text}; a seed is a whole number from 0 to {}.", u64::MAX),
        BadAddress::Theme(text) => format!("The address says theme={text}; a theme is light or dark."),
        BadAddress::Set(text) => {
            format!("The address says set={text}; write set=path=value, such as set=producer.config.acks=all.")
        }
        BadAddress::File(why) => format!("The address holds a scenario, but {why}."),
        BadAddress::Acts(why) => format!("The address says what was done to the run, but {why}."),
        BadAddress::At(text) => format!("The address says at={text}; an instant is written as 12.4s or 900ms."),
        BadAddress::Message(text) => format!("The address says message={text}; a message is a number from 0."),
        BadAddress::TooMany => "The address has more than 100 settings.".into(),
    }
}

/// What a course of events is called.
pub fn called(courses: &[Course], i: usize) -> String {
    courses.get(i).filter(|_| i > 0).map_or_else(|| S.branch_original.to_string(), |course| course.name.clone())
}

/// A course by what makes it another one than `from`: `acks=all, min.insync.replicas=2`.
pub fn course_name(from: &Start, to: &Start) -> String {
    let short = |path: &str| path.split_once(".config.").or(path.split_once(".properties.")).map_or(path, |(_, p)| p).to_owned();
    let mut parts: Vec<String> =
        to.set.iter().filter(|set| !from.set.contains(set)).map(|(path, value)| format!("{}={value}", short(path))).collect();
    let gone = from.set.iter().filter(|(path, _)| to.set.iter().all(|(p, _)| p != path));
    parts.extend(gone.map(|(path, _)| format!("{}: {}", short(path), S.as_before)));
    if let Some(seed) = to.seed.filter(|_| to.seed != from.seed) {
        parts.push(format!("{} {seed}", S.seed.to_ascii_lowercase()));
    }
    if parts.is_empty() { S.branch_shared.into() } else { parts.join(", ") }
}

/// What came of a run, in a few words.
pub fn verdict_line(tally: Option<&Tally>) -> String {
    let Some(tally) = tally else { return format!("{} …", S.loading) };
    let sum = |of: fn(&GroupTally) -> u32| tally.groups.iter().map(|g| u64::from(of(g))).sum::<u64>();
    format!("{} {}, {} {}", grouped(sum(|g| g.lost)), S.lost, grouped(sum(|g| g.duplicated)), S.duplicated)
}

/// Whose settings.
pub fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Producer => "producers",
        Scope::Topic => "topics",
        Scope::Broker => "brokers",
        Scope::Consumer => "consumers",
    }
}

/// What a property may be.
pub fn range(kind: Kind) -> String {
    match kind {
        Kind::Int { at_least, at_most: i32::MAX } => format!("a whole number from {at_least}"),
        Kind::Int { at_least, at_most } => format!("a whole number from {at_least} to {at_most}"),
        Kind::Long { at_least } => format!("a whole number from {at_least}"),
        Kind::Ratio => "from 0 to 1".into(),
        Kind::Bool => "true or false".into(),
        Kind::OneOf(words) => words.join(", "),
        Kind::Text => "a text".into(),
        Kind::List => "words, separated by commas".into(),
    }
}

/// What a property promises and gives up, where a promise hangs on it.
pub fn promise(property: &str) -> Option<&'static str> {
    PROMISES.iter().find(|(name, _)| *name == property).map(|(_, promise)| *promise)
}

/// By property.
pub const PROMISES: &[(&str, &str)] = &[
    (
        "acks",
        "all: what is acknowledged survives the loss of a leader, for one more journey to the followers. 1: faster, and lost with the leader. 0: no promise at all.",
    ),
    (
        "min.insync.replicas",
        "2 with acks=all: an acknowledged record is on two machines. The price: with one replica left, writes are refused.",
    ),
    ("replication.factor", "More copies: more machines may fail. The price: more disk, more traffic."),
    ("unclean.leader.election.enable", "true: there is a leader again sooner. The price: acknowledged records may be gone."),
    (
        "enable.idempotence",
        "true: the client's own retries neither double nor reorder. It does not cover a second send() or another process.",
    ),
    ("retries", "0: an error that would have passed is reported at once. Many: only delivery.timeout.ms ends the attempts."),
    ("max.in.flight.requests.per.connection", "1 keeps the order even without idempotence, and halves the pace on a slow link."),
    ("delivery.timeout.ms", "Short: failures are known soon, and a reported failure may be in the log all the same."),
    ("linger.ms", "Longer: larger batches, fewer requests. The price: each record waits."),
    (
        "enable.auto.commit",
        "true: no code. The price: offsets are committed by the clock, whatever the business has done with the records.",
    ),
    (
        "auto.offset.reset",
        "latest: without a committed offset, what is there already is skipped. earliest: it is read, perhaps again.",
    ),
    (
        "isolation.level",
        "read_committed: nothing of aborted transactions is seen. The price: reading stops at the first open one.",
    ),
    ("max.poll.records", "Fewer: the next poll() is never far, so that the member keeps its partitions. The price: more rounds."),
    ("max.poll.interval.ms", "Longer: a slow handler keeps its partitions. The price: a stuck one does, too."),
    ("session.timeout.ms", "Shorter: a dead member's partitions are taken over sooner. The price: a pause looks like a death."),
    (
        "replica.lag.time.max.ms",
        "Shorter: acks=all does not wait for a slow follower for long. The price: the ISR shrinks at every hiccup.",
    ),
    (
        "flush.messages",
        "1: a record is on the disk before it is acknowledged, and survives a power cut everywhere. The price: every write waits for the disk.",
    ),
    (
        "transactional.id",
        "A name: records and offsets become visible together or not at all. The price: markers, a coordinator, and waiting readers.",
    ),
];

/// A branch by what was done: `Crash: broker 1 at 12.345 s`.
pub fn branch_name(what: &str, whom: &str, at: SimTime) -> String {
    format!("{what}: {whom} at {}.{:03} s", at.0 / 1_000_000, at.0 / 1_000 % 1_000)
}
