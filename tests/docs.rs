//! The documentation says what the program does.

use sim_core::config::properties::{self, Property, Scope};
use sim_core::scenario::read;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCENARIO: &str = include_str!("../docs/scenario.md");

fn row(property: &Property) -> String {
    format!("| `{}` | {} | {} |", property.name, property.default, property.about)
}

/// The tables of `docs/scenario.md` are the program's own, line by line.
#[test]
fn every_modelled_property_is_documented() {
    for scope in Scope::ALL {
        for property in properties::modelled(scope) {
            let row = row(property);
            assert!(SCENARIO.contains(&row), "docs/scenario.md lacks this line of the {} table:\n{row}", scope.name());
        }
    }
}

/// Rows of properties that are gone, or not modelled, are not left behind.
#[test]
fn nothing_else_is_documented_as_modelled() {
    let rows: usize = Scope::ALL.iter().map(|&scope| properties::modelled(scope).count()).sum();
    let written =
        SCENARIO.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 2 && line.contains('.'));
    let known = |line: &str| Scope::ALL.iter().any(|&scope| properties::modelled(scope).any(|p| row(p) == line));
    let written: Vec<&str> = written.skip_while(|line| !known(line)).collect();
    assert_eq!(written.iter().filter(|line| known(line)).count(), rows);
    for line in written {
        assert!(known(line), "docs/scenario.md has a line that the program does not know:\n{line}");
    }
}

/// The examples are scenarios.
#[test]
fn every_example_reads() {
    let examples: Vec<&str> = SCENARIO.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let whole: Vec<&&str> = examples.iter().filter(|text| text.starts_with("format = 1")).collect();
    assert!(!whole.is_empty());
    for text in whole {
        read::scenario("docs/scenario.md", text, &[]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_figure_and_limit_is_documented() {
    for figure in read::GROUP_FIGURES.iter().chain(read::PRODUCER_FIGURES).chain(read::CLUSTER_FIGURES) {
        assert!(SCENARIO.contains(&format!("`{figure}`")), "{figure}");
    }
    for limit in [
        read::MAX_TOPICS as u64,
        read::MAX_PRODUCERS as u64,
        read::MAX_GROUPS as u64,
        read::MAX_FAULTS as u64,
        u64::from(read::MAX_MEMBERS),
        u64::from(read::MAX_PARTITIONS),
        u64::from(read::MAX_MESSAGES),
    ] {
        assert!(SCENARIO.contains(&brokerscope::table::thousands(limit)), "{limit}");
    }
}

const TRACE: &str = include_str!("../docs/trace.md");

/// `HwMoved` as it is written in a trace file: `hw-moved`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The kinds of event and their columns, read off the source of `What`.
fn kinds_of_event() -> Vec<(String, Vec<String>)> {
    let source = include_str!("../sim-core/src/trace/what.rs");
    let body = source.split("pub enum What {\n").nth(1).unwrap().split("\n}\n").next().unwrap();
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for line in body.lines().filter(|line| !line.trim_start().starts_with("///")) {
        let text = line.trim();
        if line.starts_with("    ") && !line.starts_with("     ") && text.starts_with(|c: char| c.is_ascii_uppercase()) {
            kinds.push((kebab(text.trim_end_matches([' ', '{', ','])), Vec::new()));
        } else if let Some((column, _)) = text.split_once(": ") {
            kinds.last_mut().unwrap().1.push(column.to_owned());
        }
    }
    kinds
}

/// `docs/trace.md` has a row for each kind of event, and the row names each of its columns.
#[test]
fn every_kind_of_event_is_documented() {
    let kinds = kinds_of_event();
    assert!(kinds.len() > 30 && kinds.iter().any(|(kind, columns)| kind == "hw-moved" && columns.len() == 3));
    for (kind, columns) in &kinds {
        let row = TRACE.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/trace.md has no row for `{kind}`"));
        for column in columns {
            assert!(row.contains(&format!("`{column}`")), "docs/trace.md: the row of `{kind}` lacks `{column}`");
        }
    }
    for line in TRACE.split("## The kinds of event").nth(1).unwrap().lines() {
        if let Some(kind) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            assert!(kinds.iter().any(|(known, _)| known == kind), "docs/trace.md has a row for `{kind}`, which there is not");
        }
    }
}

/// The examples are rows of a run, as far as their form goes.
#[test]
fn every_example_row_is_json() {
    let kinds = kinds_of_event();
    for line in TRACE.lines().filter(|line| line.starts_with('{')) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = row.as_object().unwrap();
        let columns = &kinds.iter().find(|(kind, _)| row["event"] == kind.as_str()).unwrap().1;
        let written: Vec<&String> = row.keys().filter(|key| !["at", "cause", "event"].contains(&key.as_str())).collect();
        assert_eq!(written.len(), columns.len(), "{line}");
        assert!(columns.iter().all(|column| written.contains(&column)), "{line}");
    }
}

/// The files of documentation, from the root of the repository.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let markdown = |folder: PathBuf| {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths.sort();
        paths
    };
    let mut all = markdown(root.to_path_buf());
    all.extend(markdown(root.join("docs")));
    all
}

/// The targets of a document's links and pictures, those inside code left out.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for prose in text.split("```").step_by(2) {
        for rest in prose.split("](").skip(1) {
            found.extend(rest.split_once(')').map(|(target, _)| target));
        }
    }
    found
}

/// What a heading is called in a link to it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in links(&text).into_iter().filter(|target| !target.contains("://")) {
            let (path, section) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            assert!(file.exists(), "{}: the link to {target} leads nowhere", document.display());
            if !section.is_empty() {
                let there = fs::read_to_string(&file).unwrap();
                let mut headings = there
                    .lines()
                    .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
                assert!(headings.any(|h| anchor(h) == section), "{}: there is no section {target}", document.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "links were found");
}

const README: &str = include_str!("../README.md");

/// The first block of this kind after a text.
fn block_after<'a>(document: &'a str, text: &str, kind: &str) -> &'a str {
    let rest = document.split_once(text).unwrap_or_else(|| panic!("README.md lacks {text}")).1;
    rest.split_once(&format!("```{kind}\n")).unwrap().1.split_once("```").unwrap().0
}

/// What the program prints, and its exit code.
fn brokerscope(arguments: &[&str]) -> (String, Option<i32>) {
    let run = Command::new(env!("CARGO_BIN_EXE_brokerscope")).args(arguments).output().unwrap();
    (String::from_utf8(run.stdout).unwrap(), run.status.code())
}

/// A line without its numbers, which may change with any rule of the model.
fn without_numbers(line: &str) -> String {
    line.split(|c: char| c.is_ascii_digit() || ",. ".contains(c)).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The outputs in the README are the program's, in their order, numbers apart; `...` stands for lines that are left out.
#[test]
fn the_readme_shows_what_the_program_prints() {
    for arguments in ["run payments-acks-1", "explain payments-acks-1 --message 10000"] {
        let shown = block_after(README, &format!("-- {arguments}\n"), "text");
        let text = brokerscope(&arguments.split(' ').collect::<Vec<_>>()).0;
        let mut printed = text.lines();
        for line in shown.lines().filter(|line| *line != "...") {
            let found = printed.any(|other| without_numbers(other) == without_numbers(line));
            assert!(found, "README.md shows this of `brokerscope {arguments}`:\n{line}\nIt prints:\n{text}");
        }
    }
}

/// The numbers that the README speaks of.
#[test]
fn the_readme_counts_the_losses_right() {
    let (printed, code) = brokerscope(&["run", "payments-acks-1"]);
    let gone = README.split(" of them are gone").next().and_then(|text| text.rsplit(' ').next()).unwrap();
    assert!(printed.contains(&format!("LOSS-B1, {gone} messages")), "README.md says {gone}:\n{printed}");
    assert_eq!(code, Some(0));
}

/// The README's own scenario: safe with Kafka's defaults, and with acks=1 as unsafe as it says.
#[test]
fn the_readme_tells_the_truth_about_its_scenario() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (scenario, properties) = (folder.join("readme-orders.toml"), folder.join("readme-producer.properties"));
    fs::write(&scenario, block_after(README, "## Is my configuration safe?", "toml")).unwrap();
    fs::write(&properties, "bootstrap.servers=localhost:9092\nacks=1\n").unwrap();
    let (scenario, properties) = (scenario.to_str().unwrap(), properties.to_str().unwrap());
    assert_eq!(brokerscope(&["run", scenario]).1, Some(0));
    let (printed, code) = brokerscope(&["run", scenario, "--producer-config", properties]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("lost == 0: is 52") && README.contains("`producer.properties`, 52 orders are"), "{printed}");
}

/// The README's table of scenarios is the library.
#[test]
fn the_readme_lists_the_library() {
    for entry in sim_core::scenario::library::all() {
        assert!(README.contains(&format!("\n| `{}` | ", entry.name)), "README.md does not list {}", entry.name);
    }
}
