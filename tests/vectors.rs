//! Kafka's own expectations, as data: runs every `*.json` of the folder named by `BROKERSCOPE_VECTORS` (default: `../shared/vectors` when
//! it exists, else `tests/vectors`) through the functions that the simulation itself uses, and those of `tests/vectors/more`. One line a
//! group. A group that nobody knows fails rather than being skipped.

use crate::vectors_run::{self, Fields, Runner, mismatch};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Groups that are told in prose: each vector is a test by hand, named after it, in this file.
const BY_HAND: &[(&str, &str)] = &[("sender_idempotence", include_str!("../sim-core/src/producer/idempotence/tests.rs"))];

/// The vectors of a group told in prose that nobody has made a test of.
fn without_test(group: &Group, tests: &str) -> Vec<String> {
    let ids = group.vectors.iter().map(|vector| vector["id"].as_str().unwrap_or("a vector without id"));
    let lacks = |id: &&str| !tests.contains(&format!("#[test]\nfn {}()", id.replace('-', "_")));
    ids.filter(lacks).map(|id| format!("{} {id}: there is no test of this name", group.name)).collect()
}
/// Groups that are scripts in prose or take a program of their own, with the place of the tests that read or follow them.
const ELSEWHERE: &[(&str, &str)] = &[("model_check", "model-check/tests/vectors.rs")];

/// Where the vectors are.
fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match std::env::var_os("BROKERSCOPE_VECTORS") {
        Some(named) => PathBuf::from(named),
        None => {
            let shared = root.join("../shared/vectors");
            if shared.is_dir() { shared } else { root.join("tests/vectors") }
        }
    }
}

/// More cases, in the same format.
fn more() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/more")
}

/// The vectors of one file.
struct Group {
    name: String,
    vectors: Vec<Value>,
}

fn read_group(path: &Path) -> Group {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = file["group"].as_str().unwrap_or_else(|| panic!("{}: no group", path.display())).to_owned();
    let Value::Array(vectors) = file["vectors"].take() else { panic!("{}: no vectors", path.display()) };
    assert!(!vectors.is_empty(), "{}: no vectors", path.display());
    Group { name, vectors }
}

fn read_folder(folder: &Path) -> Vec<Group> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "{}: no vectors", folder.display());
    files.iter().map(|path| read_group(path)).collect()
}

/// What is wrong with one vector, if anything is.
fn run(runner: Runner, vector: &Value) -> Option<String> {
    let id = vector["id"].as_str().unwrap_or("a vector without id");
    let (input, expect) = (&vector["input"], &vector["expect"]);
    let mut fields = match Fields::of(input) {
        Ok(fields) => fields,
        Err(error) => return Some(format!("{id}: {error}")),
    };
    let wrong = match runner(&mut fields, expect) {
        Err(error) => Some(error),
        Ok(got) => {
            fields.unread().or_else(|| mismatch(expect, &got).map(|at| format!("{at}\n  expected {expect}\n  got      {got}")))
        }
    };
    wrong.map(|wrong| format!("{id}: {wrong}\n  input    {input}"))
}

/// Runs one group, prints its line, and returns what is wrong.
fn report(group: &Group) -> Vec<String> {
    let n = group.vectors.len();
    if let Some((_, tests)) = BY_HAND.iter().find(|(name, _)| *name == group.name) {
        let wrong = without_test(group, tests);
        println!("{:<28} {} by hand, {} without a test", group.name, n - wrong.len(), wrong.len());
        return wrong;
    }
    let Some(runner) = vectors_run::runner(&group.name) else {
        if let Some((_, place)) = ELSEWHERE.iter().find(|(name, _)| *name == group.name) {
            println!("{:<28} {n} vectors, tested by {place}", group.name);
            return Vec::new();
        }
        println!("{:<28} unknown group", group.name);
        return vec![format!("nobody knows the group `{}`", group.name)];
    };
    let wrong: Vec<String> = group.vectors.iter().filter_map(|vector| run(runner, vector)).collect();
    println!("{:<28} {} passed, {} failed", group.name, n - wrong.len(), wrong.len());
    wrong.into_iter().map(|text| format!("{} {text}", group.name)).collect()
}

#[test]
fn every_vector_holds() {
    let wrong: Vec<String> = read_folder(&folder()).iter().flat_map(report).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn more_vectors_hold() {
    let wrong: Vec<String> = read_folder(&more()).iter().flat_map(report).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A runner that cannot fail proves nothing: each group's own expectations, changed, must fail.
#[test]
fn a_wrong_expectation_is_noticed() {
    for group in read_folder(&folder()).into_iter().chain(read_folder(&more())) {
        let Some(runner) = vectors_run::runner(&group.name) else { continue };
        for vector in &group.vectors {
            let mut changed = vector.clone();
            vectors_run::spoil(&mut changed["expect"]);
            let id = &vector["id"];
            assert!(run(runner, &changed).is_some(), "{} {id} passes whatever is expected: {}", group.name, changed["expect"]);
        }
    }
}

/// Nothing is skipped: neither a group that nobody knows nor a field that nobody reads.
#[test]
fn what_is_not_understood_fails() {
    let unknown = Group { name: "no_such_group".to_owned(), vectors: vec![Value::Null] };
    assert_eq!(report(&unknown), ["nobody knows the group `no_such_group`"]);
    let runner = vectors_run::runner("murmur2").expect("built");
    let input = serde_json::json!({ "utf8": "21", "seed": 5 });
    let said = run(runner, &serde_json::json!({ "id": "x", "input": input, "expect": { "i32": -973_932_308 } }));
    assert!(said.is_some_and(|said| said.contains("`seed`")));
}
