//! What a fault can do to acknowledged records of one partition with three replicas: section 6 of the protocol reference, cell by cell.
//! Where it says that a loss can happen, some of the runs of that cell must lose an acked record; where it says that none can, none may.
//! The runs of a cell differ by when the fault strikes and by what the seed draws: latencies, and how much of a log survives a power cut.

use crate::cluster::fault;
use sim_core::history::History;
use sim_core::rng::Stream;
use sim_core::scenario::read;
use sim_core::summary::Summary;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs of a cell that must lose nothing; of one that may lose, until one does.
fn runs() -> u64 {
    if std::env::var_os("BROKERSCOPE_LONG").is_some() { 1_000 } else { 40 }
}

/// The columns.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The leader's process crashes.
    Crash,
    /// The leader's machine loses power, with everybody in the ISR.
    PowerLoss,
    /// The leader's disk is replaced by an empty one, with everybody in the ISR.
    DiskLoss,
    /// The leader is cut off from the controller and its followers, and not from the producer.
    Isolated,
    /// The followers are slow until the ISR is the leader alone; then that loses power.
    LastReplica,
    /// All three lose power at once.
    AllPower,
    /// Unclean elections are allowed: one follower has left the ISR, and the processes of the others crash.
    Unclean,
}

const FAULTS: [Fault; 7] =
    [Fault::Crash, Fault::PowerLoss, Fault::DiskLoss, Fault::Isolated, Fault::LastReplica, Fault::AllPower, Fault::Unclean];

/// The rows: acks, minISR, and whether a loss can happen (L) or not (.) under each of [`FAULTS`], without ELR and with. Where minISR is the
/// number of replicas whoever has left the ISR has all that was acked: the others acked nothing more.
const ROWS: [(&str, u32, [&str; 2]); 9] = [
    ("0", 1, ["LLLLLLL", "LLLLLLL"]),
    ("0", 2, ["LLLLLLL", "LLLLLLL"]),
    ("0", 3, ["LLLLLLL", "LLLLLLL"]),
    ("1", 1, ["LLLLLLL", "LLLLLLL"]),
    ("1", 2, ["LLLLLLL", "LLLLLLL"]),
    ("1", 3, ["LLLLLLL", "LLLLLLL"]),
    ("all", 1, ["....LLL", "....LLL"]),
    ("all", 2, ["....LLL", ".....LL"]),
    ("all", 3, ["....LL.", ".....L."]),
];

/// What happens, striking at this millisecond.
fn faults(column: Fault, at: u64) -> String {
    let (soon, later) = (at + 4_000, at + 12_000);
    match column {
        Fault::Crash => fault(&format!("{at}ms"), &format!("crash = \"leader of t-0\"\nrestart = \"{later}ms\"")),
        Fault::PowerLoss => fault(&format!("{at}ms"), &format!("power-cut = \"leader of t-0\"\nrestart = \"{later}ms\"")),
        Fault::DiskLoss => fault(&format!("{at}ms"), &format!("wipe = \"leader of t-0\"\nrestart = \"{later}ms\"")),
        Fault::AllPower => fault(&format!("{at}ms"), &format!("power-cut = \"brokers\"\nrestart = \"{later}ms\"")),
        Fault::Isolated => ["controller", "broker 2", "broker 3"]
            .map(|from| fault(&format!("{at}ms"), &format!("cut = \"broker 1 <-> {from}\"\nuntil = \"{later}ms\"")))
            .concat(),
        Fault::LastReplica => {
            let slow = "slow = \"followers of t-0 -> leader of t-0\"\napi = \"ReplicaFetch\"\nextra = \"9s\"";
            fault(&format!("{at}ms"), &format!("{slow}\nuntil = \"{later}ms\""))
                + &fault(&format!("{soon}ms"), &format!("power-cut = \"broker 1\"\nrestart = \"{later}ms\""))
        }
        Fault::Unclean => {
            let away = ["broker 1", "broker 2"]
                .map(|from| fault(&format!("{at}ms"), &format!("cut = \"broker 3 <-> {from}\"\nuntil = \"{later}ms\"")))
                .concat();
            let crash = |who: u32| fault(&format!("{soon}ms"), &format!("crash = \"broker {who}\"\nrestart = \"{later}ms\""));
            away + &crash(1) + &crash(2)
        }
    }
}

fn scenario((acks, min_isr, elr): (&str, u32, bool), column: Fault, seed: u64) -> String {
    let unclean = matches!(column, Fault::Unclean);
    let mut draw = Stream::new(seed, "outcome table");
    let mut out = format!("format = 1\ntitle = \"outcome table\"\nseed = {seed}\nduration = \"40s\"\n");
    let _ = writeln!(out, "[cluster]\nbrokers = 3\nlatency = \"about {}us\"\nelr = {elr}", 200 + draw.below(4_000));
    let _ = writeln!(
        out,
        "config = {{ \"broker.session.timeout.ms\" = 1500, \"broker.heartbeat.interval.ms\" = 300, \"replica.lag.time.max.ms\" = 1500 }}"
    );
    let _ = writeln!(out, "[[topic]]\nname = \"t\"\npartitions = 1\nassignment = [[1, 2, 3]]");
    let _ = writeln!(
        out,
        "config = {{ \"replication.factor\" = 3, \"min.insync.replicas\" = {min_isr}, \"unclean.leader.election.enable\" = {unclean} }}"
    );
    let _ = writeln!(out, "[[producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 600\nrate = \"60/s\"\nstart = \"1s\"");
    let _ = writeln!(
        out,
        "config = {{ acks = \"{acks}\", \"linger.ms\" = 0, \"delivery.timeout.ms\" = 10000, \"request.timeout.ms\" = 3000 }}"
    );
    out + &faults(column, 2_500 + draw.below(2_000))
}

/// Acked records that are in no log at the end. Every run is checked for broken invariants as well.
fn lost(text: &str) -> u64 {
    let scenario = read::scenario("outcome.toml", text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut history = History::new_checked(Arc::new(scenario));
    history.run_to_end();
    assert_eq!(history.violations(), [], "\n{text}");
    Summary::of(&history).figure("broker.lost_acked").expect("a figure of every run")
}

/// What is wrong with a cell, if anything is.
fn cell((acks, min_isr, outcomes): (&str, u32, [&str; 2]), elr: bool, column: usize) -> Result<(), String> {
    let can_lose = outcomes[usize::from(elr)].as_bytes()[column] == b'L';
    let name = format!("acks={acks} minISR={min_isr} ELR={elr} {:?}", FAULTS[column]);
    for seed in 0..runs() {
        let text = scenario((acks, min_isr, elr), FAULTS[column], seed);
        match (lost(&text), can_lose) {
            (0, _) => {}
            (_, true) => return Ok(()),
            (n, false) => return Err(format!("{name}: seed {seed} loses {n} acked records\n{text}")),
        }
    }
    if can_lose { Err(format!("{name}: nothing is ever lost")) } else { Ok(()) }
}

#[test]
fn a_loss_happens_where_it_can_and_nowhere_else() {
    let cells: Vec<_> = ROWS.iter().flat_map(|row| [false, true].map(|elr| (*row, elr))).collect();
    let cells: Vec<_> = cells.iter().flat_map(|(row, elr)| (0..FAULTS.len()).map(|column| (*row, *elr, column))).collect();
    let (next, cells) = (AtomicUsize::new(0), &cells);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from))
            .map(|_| {
                scope.spawn(|| {
                    let mine = std::iter::from_fn(|| cells.get(next.fetch_add(1, Ordering::Relaxed)));
                    mine.filter_map(|&(row, elr, column)| cell(row, elr, column).err()).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a broken invariant is told above")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} cells are wrong:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

/// A row of the table in `docs/model.md`.
fn row(acks: &str, min_isr: u32, elr: &str, outcomes: &str) -> String {
    let cells: String = outcomes.chars().map(|c| if c == 'L' { " L |" } else { " |" }).collect();
    format!("| {acks} | {min_isr} | {elr} |{cells}")
}

/// The table for people says what is tested.
#[test]
fn the_table_is_in_the_documentation() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/model.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = ROWS.iter().flat_map(|&(acks, min_isr, [without, with])| {
        if without == with {
            vec![row(acks, min_isr, "any", with)]
        } else {
            vec![row(acks, min_isr, "off", without), row(acks, min_isr, "on", with)]
        }
    });
    let expected: Vec<String> = rows.collect();
    let shown: Vec<&str> =
        text.lines().skip_while(|l| !l.starts_with("| acks | minISR | ELR |")).skip(2).take(expected.len() + 1).collect();
    assert_eq!(shown[..expected.len()], expected[..]);
    assert_eq!(shown.last(), Some(&""), "and nothing else");
}
