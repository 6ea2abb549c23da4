//! Rules of earlier versions: what each of them lost, and that the next one does not. A broken invariant is what is looked for here, so
//! the runs are judged by the first one that breaks, if any.

use crate::cluster::*;
use sim_core::history::History;
use sim_core::ids::*;
use sim_core::scenario::read::{self, Override};
use sim_core::summary::Summary;
use sim_core::trace::What;
use std::sync::Arc;

/// What a run came to.
struct Outcome {
    /// The first broken invariant.
    broken: Option<&'static str>,
    /// Acked messages that are in no log at the end.
    lost_acked: u64,
    /// Why, if that is clear.
    summary: Summary,
    history: History,
}

/// Runs a scenario under these settings, once with the checkers and once to its end.
fn under(body: &str, settings: &[&str]) -> Outcome {
    let text = format!("format = 1\ntitle = \"history\"\n{}", body.replace("[cluster]", "[cluster]\nlatency = \"1ms\""));
    let settings: Vec<Override> = settings.iter().map(|s| Override::parse(s).unwrap()).collect();
    let scenario = Arc::new(read::scenario("history.toml", &text, &settings).unwrap_or_else(|error| panic!("{error}")));
    let mut checked = History::new_checked(scenario.clone());
    checked.run_to_end();
    let mut history = History::new(scenario);
    history.run_to_end();
    let summary = Summary::of(&history);
    let lost_acked = summary.figure("broker.lost_acked").unwrap();
    Outcome { broken: checked.violations().first().map(|v| v.invariant), lost_acked, summary, history }
}

/// The records of a broker's log of `t-0`, by message, with their epochs.
fn log(outcome: &Outcome, broker: BrokerId) -> Vec<(i64, i32)> {
    let replica = outcome.history.last_world().brokers[broker.slot()].replica(P0).unwrap();
    let entries = replica.log.batches().flat_map(|e| e.batch.records().iter().map(|r| (i64::from(r.message.0), e.epoch.0)));
    entries.collect()
}

const HIGH_WATERMARK: &str = "cluster.rules.truncation=high-watermark";
const KIP_101: &str = "cluster.rules.truncation=kip-101";
const KIP_279: &str = "cluster.rules.truncation=kip-279";
const KIP_320: &str = "cluster.rules.truncation=kip-320";

/// TR-4, LOSS-B9: KIP-101's first scenario. m0 and m1 are everywhere and acked; broker 2 has not heard yet that m1 is committed when
/// the leader dies. It becomes a follower of broker 3, from which it is cut off, and broker 3 dies as well.
pub fn tr4() -> String {
    three(
        "60s",
        "config = { \"broker.session.timeout.ms\" = 1500, \"broker.heartbeat.interval.ms\" = 300 }",
        "\"min.insync.replicas\" = 2",
    )
    .replace("[[1, 2, 3]]", "[[1, 3, 2]]")
        + &producer(2, "1/s", "sync", "acks = \"all\"")
        + &fault("2100ms", "crash = \"broker 1\"\nrestart = \"20s\"")
        + &fault("2100ms", "cut = \"broker 2 <-> broker 3\"\nuntil = \"20s\"")
        + &fault("5s", "crash = \"broker 3\"\nrestart = \"20s\"")
}

#[test]
fn tr4_truncation_to_the_high_watermark_loses_a_committed_record() {
    let old = under(&tr4(), &[HIGH_WATERMARK]);
    assert_eq!((log(&old, A), log(&old, B), old.lost_acked), (vec![(0, 0)], vec![(0, 0)], 1));
    assert_eq!(old.broken, Some("INV-28"));
    assert_eq!(old.summary.figure("mechanisms.LOSS-B9"), Some(1));
    for rule in [KIP_101, KIP_279, KIP_320] {
        let new = under(&tr4(), &[rule]);
        assert_eq!((new.broken, new.lost_acked), (None, 0), "{rule}");
        assert_eq!((log(&new, A), log(&new, B)), (vec![(0, 0), (1, 0)], vec![(0, 0), (1, 0)]), "{rule}");
    }
}

/// A producer of one record.
fn record(name: &str, at: &str) -> String {
    producer(1, "1/s", "sync", "acks = \"1\"").replace("\"p\"", &format!("\"{name}\"")).replace("\"1s\"", &format!("\"{at}\""))
}

/// Two brokers that fail over fast; whoever is left leads.
fn two(duration: &str) -> String {
    format!(
        "duration = \"{duration}\"\n[cluster]\nbrokers = 2\nconfig = {{ \"broker.session.timeout.ms\" = 1500, \
         \"broker.heartbeat.interval.ms\" = 300, \"replica.lag.time.max.ms\" = 2000 }}\n[[topic]]\nname = \"t\"\npartitions = 1\n\
         assignment = [[1, 2]]\nconfig = {{ \"replication.factor\" = 2, \"unclean.leader.election.enable\" = true }}\n"
    )
}

/// TR-5, LOSS-B9: KIP-101's second scenario. The leader alone has m1, and counts it as committed. The other one leads when it dies and
/// takes m1' at the same offset, then m2. The old leader comes back with nothing above its watermark.
pub fn tr5() -> String {
    two("90s")
        + &record("m0", "1s")
        + &record("m1", "10s")
        + &record("m1b", "30s")
        + &record("m2", "60s")
        + &fault("5s", "cut = \"broker 1 <-> broker 2\"\nuntil = \"25s\"")
        + &fault("20s", "crash = \"broker 1\"\nrestart = \"40s\"")
}

#[test]
fn tr5_truncation_to_the_high_watermark_lets_logs_diverge() {
    let old = under(&tr5(), &[HIGH_WATERMARK]);
    assert_eq!(old.broken, Some("INV-3"));
    assert_eq!((log(&old, A), log(&old, B)), (vec![(0, 0), (1, 0), (3, 1)], vec![(0, 0), (2, 1), (3, 1)]));
    for rule in [KIP_101, KIP_279, KIP_320] {
        let new = under(&tr5(), &[rule]);
        assert_eq!(new.broken, None, "{rule}");
        let same = vec![(0, 0), (2, 1), (3, 1)];
        assert_eq!((log(&new, A), log(&new, B)), (same.clone(), same), "{rule}");
    }
}

/// The gap of KIP-279. Broker 1 has m0 m1 m2 of its epoch, broker 2 m0 of that epoch and m3 of the next one, at the offset of m1. When
/// broker 1 leads again it does not know the epoch of m3: it names the end of its own older one, and that lies beyond m3.
fn gap() -> String {
    two("90s")
        + &record("m0", "1s")
        + &record("m1", "10s")
        + &record("m2", "11s")
        + &record("m3", "25s")
        + &record("m4", "45s")
        + &record("m5", "70s")
        + &fault("5s", "cut = \"broker 1 <-> broker 2\"\nuntil = \"55s\"")
        + &fault("20s", "crash = \"broker 1\"\nrestart = \"35s\"")
        + &fault("34s", "crash = \"broker 2\"\nrestart = \"56s\"")
}

#[test]
fn fast_failovers_let_logs_diverge_before_kip_279() {
    let same = vec![(0, 0), (1, 0), (2, 0), (4, 2), (5, 2)];
    for rule in [HIGH_WATERMARK, KIP_101] {
        let old = under(&gap(), &[rule]);
        // An older epoch follows a newer one in the log of broker 2.
        assert_eq!(old.broken, Some("INV-1"), "{rule}");
        assert_eq!((log(&old, A), log(&old, B)), (same.clone(), vec![(0, 0), (3, 1), (2, 0), (4, 2), (5, 2)]), "{rule}");
    }
    for rule in [KIP_279, KIP_320] {
        let new = under(&gap(), &[rule]);
        assert_eq!(new.broken, None, "{rule}");
        assert_eq!((log(&new, A), log(&new, B)), (same.clone(), same.clone()), "{rule}");
    }
}

/// LOSS-B10, R-37: KIP-903's restart. Broker 2 is caught up, and its leader asks to take it into the ISR; the request takes its time. Broker 2
/// loses its log meanwhile and registers again, so that the request speaks of its former self. Then the leader dies.
pub fn former_self() -> String {
    two("90s").replace("\"unclean.leader.election.enable\" = true", "\"min.insync.replicas\" = 1")
        + &producer(40, "1/s", "sync", "acks = \"all\"")
        + &fault("2s", "crash = \"broker 2\"\nrestart = \"10s\"")
        + &fault("9s", "slow = \"broker 1 -> controller\"\napi = \"AlterPartition\"\nextra = \"10s\"\nuntil = \"30s\"")
        + &fault("13s", "cut = \"broker 1 <-> broker 2\"\nuntil = \"60s\"")
        + &fault("13s", "power-cut = \"broker 2\"\nrestart = \"14s\"")
        + &fault("22s", "crash = \"broker 1\"\nrestart = \"60s\"")
}

#[test]
fn a_former_self_proves_nothing_for_the_present_one() {
    let joins = |outcome: &Outcome| {
        let joined = |what: &What| matches!(what, What::IsrChanged { new, epoch, .. } if new.contains(B) && epoch.0 == 2);
        outcome.history.trace().iter().any(|event| joined(&event.what))
    };
    let old = under(&former_self(), &["cluster.rules.broker-epoch-check=false"]);
    assert!(joins(&old) && old.lost_acked > 0, "{} lost", old.lost_acked);
    assert_eq!(old.broken, Some("INV-10"));
    assert_eq!(old.summary.figure("mechanisms.LOSS-B10"), Some(old.lost_acked));
    let new = under(&former_self(), &["cluster.rules.broker-epoch-check=true"]);
    assert_eq!((joins(&new), new.broken, new.lost_acked), (false, None, 0));
}

/// before 3.7 an ISR smaller than minISR went on committing what it had been sent: the record of TR-3 is committed at once when the
/// controller takes the dead follower out.
#[test]
fn before_3_7_the_watermark_moved_below_min_isr() {
    let body = two("60s").replace("\"unclean.leader.election.enable\" = true", "\"min.insync.replicas\" = 2")
        + &producer(11, "10/s", "sync", "acks = \"all\"")
        + &fault("1950ms", "crash = \"broker 2\"\nrestart = \"30s\"");
    let moved = |strict: bool| {
        let run = under(&body, &[&format!("cluster.rules.strict-min-isr={strict}")]);
        assert_eq!(run.broken, None);
        let moves = |what: &What| matches!(what, What::HwMoved { broker: A, to: Offset(11), .. });
        run.history.trace().iter().find(|event| moves(&event.what)).expect("committed in the end").at
    };
    assert!(moved(true) > seconds(30));
    assert!(moved(false) < seconds(10));
}
