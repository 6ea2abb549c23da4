//! What the searches find against what an independent search found (group `model_check` of the vectors): for each set of rules the
//! promises that fall, each after the fewest steps possible, and no others. `BROKERSCOPE_ROW` picks those whose id contains it; what is
//! larger than any search here waits for `BROKERSCOPE_LONG`.

use model_check::{Bounds, Promise, Rules, Search};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Searches that saw more states than this elsewhere are long. (Here, where states count once whatever the names of the replicas, it
/// is some forty times fewer.)
const QUICK: u64 = 100_000_000;

fn file() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("BROKERSCOPE_VECTORS").map(PathBuf::from);
    let folders = [root.join("../shared/vectors"), root.join("tests/vectors")];
    let found = || folders.into_iter().find(|folder| folder.is_dir());
    named.or_else(found).expect("a folder of vectors").join("model_check.json")
}

/// One search and what must come of it.
#[derive(Clone)]
struct Row {
    id: String,
    search: Search,
    /// The fewest steps to each promise that falls.
    expected: BTreeMap<Promise, usize>,
    elsewhere: u64,
}

fn small(value: &Value) -> u8 {
    u8::try_from(value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))).unwrap()
}

fn row(vector: &Value) -> Row {
    let (input, expect) = (&vector["input"], &vector["expect"]);
    let id = vector["id"].as_str().unwrap().to_owned();
    let variant = input["variant"].as_str().unwrap();
    let epochs = input["leader_epochs"].as_str().and_then(|range| range.strip_prefix("0..")).unwrap();
    let bounds = Bounds {
        replicas: small(&input["replicas"]),
        log_size: small(&input["log_size"]),
        records: small(&input["records"]),
        epochs: epochs.parse::<u8>().unwrap() + 1,
    };
    let named = |name: &str| Promise::named(name).unwrap_or_else(|| panic!("{id}: `{name}` is no promise"));
    let promises = expect["properties_checked"].as_array().unwrap().iter().map(|name| named(name.as_str().unwrap())).collect();
    let steps = |found: &Value| usize::try_from(found["shortest_steps"].as_u64().unwrap()).unwrap();
    let expected = expect["violations"].as_object().unwrap().iter().map(|(name, found)| (named(name), steps(found))).collect();
    let rules = Rules::named(variant).unwrap_or_else(|| panic!("{id}: `{variant}` is no set of rules"));
    Row { search: Search { rules, bounds, promises }, expected, elsewhere: expect["reachable_states"].as_u64().unwrap(), id }
}

/// Runs one search; what is wrong with it, if anything is.
fn run(row: &Row) -> Option<String> {
    let start = Instant::now();
    let outcome = row.search.clone().run();
    let found: BTreeMap<Promise, usize> = outcome.broken.iter().map(|(promise, path)| (*promise, path.len())).collect();
    println!("{:<38} {:>9} states {:>6.1} s  {found:?}", row.id, outcome.states, start.elapsed().as_secs_f64());
    (found != row.expected).then(|| format!("{}: expected {:?}, found {found:?}: {:?}", row.id, row.expected, outcome.broken))
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(file()).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    vectors["vectors"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn the_rules_break_just_the_promises_that_they_broke_and_no_sooner() {
    let long = std::env::var_os("BROKERSCOPE_LONG").is_some();
    let only = std::env::var("BROKERSCOPE_ROW").unwrap_or_default();
    let mut rows = rows();
    let all = rows.len();
    rows.retain(|row| row.id.contains(&only) && (long || row.elsewhere <= QUICK));
    println!("{} of {all} searches", rows.len());
    rows.sort_by_key(|row| std::cmp::Reverse(row.elsewhere));
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(run(row));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A search that cannot fail proves nothing: one step more or fewer, or a promise more or fewer, must be noticed.
#[test]
fn a_wrong_expectation_is_noticed() {
    let rows = rows();
    let first = |broken: bool| rows.iter().filter(|row| row.expected.is_empty() != broken).min_by_key(|row| row.elsewhere);
    let mut broken = first(true).expect("a row that breaks something").clone();
    *broken.expected.values_mut().next().unwrap() += 1;
    assert!(run(&broken).is_some());
    broken.expected.clear();
    assert!(run(&broken).is_some());
    let mut whole = first(false).expect("a row that breaks nothing").clone();
    whole.expected.insert(Promise::StrongIsr, 10);
    assert!(run(&whole).is_some());
}
