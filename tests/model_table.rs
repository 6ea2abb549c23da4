//! `docs/model.md` and the source of the simulation cite the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The families of rules that the tables of `docs/model.md` go through.
const FAMILIES: [&str; 11] = ["P", "L", "R", "C", "D", "F", "G", "A", "X", "INV", "LIV"];

/// All rules that there are, by family: from, to. Each has its row, and no row is about another.
const RULES: [(&str, &[(u32, u32)]); 11] = [
    ("P", &[(1, 5), (10, 13), (20, 26), (30, 35), (40, 48), (50, 59)]),
    ("L", &[(1, 8), (10, 18), (20, 25)]),
    ("R", &[(1, 9), (20, 25), (30, 37), (40, 47)]),
    ("C", &[(1, 5), (10, 21)]),
    ("D", &[(1, 7)]),
    ("F", &[(1, 6), (10, 15)]),
    ("G", &[(1, 10), (20, 24), (30, 34)]),
    ("A", &[(1, 9)]),
    ("X", &[(1, 10)]),
    ("INV", &[(1, 10), (20, 30), (40, 47), (60, 67), (80, 82), (90, 92)]),
    ("LIV", &[(1, 6)]),
];

/// A family and a number, such as ("P", 43).
type Rule = (&'static str, u32);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn model() -> String {
    fs::read_to_string(root().join("docs/model.md")).unwrap()
}

/// `P-43`, if the text begins with a rule of a family. The rest of the text is what comes after it.
fn rule_at(text: &str) -> Option<(Rule, &str)> {
    let family = FAMILIES.into_iter().find(|f| text.strip_prefix(f).is_some_and(|rest| rest.starts_with('-')))?;
    let digits = &text[family.len() + 1..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Some(((family, digits[..end].parse().ok()?), &digits[end..]))
}

/// Every rule that a text cites. A range such as `P-40..P-45` cites all that are in it.
fn cited_in(text: &str) -> BTreeSet<Rule> {
    let mut cited = BTreeSet::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // Not in the middle of a word, as in `x86-64` or `a_P-1`.
        let begins = !before.is_alphanumeric() && before != '_' && before != '-';
        if let Some(((family, first), rest)) = rule_at(&text[at..]).filter(|_| begins) {
            let last = rest.strip_prefix("..").and_then(rule_at).filter(|(last, _)| last.0 == family);
            cited.extend((first..=last.map_or(first, |(last, _)| last.1)).map(|n| (family, n)));
        }
        before = c;
    }
    cited
}

/// All Rust files under a folder, in a fixed order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => vec![path],
        _ => Vec::new(),
    };
    paths.into_iter().flat_map(files).collect()
}

/// The rows of the tables: rule, status, the cell that names files.
fn rows(text: &str) -> Vec<(Rule, &str, &str)> {
    let row = |line| {
        let cells = cells(line);
        let (rule, rest) = rule_at(cells.first()?)?;
        assert!(rest.is_empty() && cells.len() == 5, "docs/model.md: this row has another form:\n{line}");
        Some((rule, cells[2], cells[3]))
    };
    text.lines().filter_map(row).collect()
}

/// The cells of a table's row; none for another line.
fn cells(line: &str) -> Vec<&str> {
    let Some(inner) = line.strip_prefix('|').and_then(|rest| rest.trim_end().strip_suffix('|')) else { return Vec::new() };
    inner.split('|').map(str::trim).collect()
}

fn name((family, number): Rule) -> String {
    format!("{family}-{number}")
}

#[test]
fn each_rule_has_one_row_and_a_known_status() {
    let text = model();
    let mut seen = BTreeSet::new();
    for (rule, status, _) in rows(&text) {
        assert!(seen.insert(rule), "docs/model.md has {} twice", name(rule));
        assert!(["modelled", "simplified", "absent"].contains(&status), "docs/model.md: {} is {status}", name(rule));
    }
}

/// None is missing, and none is invented.
#[test]
fn the_tables_go_through_all_rules() {
    let numbers = |ranges: &[(u32, u32)]| ranges.iter().flat_map(|&(from, to)| from..=to).collect::<Vec<u32>>();
    let all: BTreeSet<Rule> = RULES.iter().flat_map(|&(family, r)| numbers(r).into_iter().map(move |n| (family, n))).collect();
    let text = model();
    let shown: BTreeSet<Rule> = rows(&text).into_iter().map(|(rule, ..)| rule).collect();
    let names = |rules: Vec<&Rule>| rules.into_iter().map(|&rule| name(rule)).collect::<Vec<String>>();
    assert_eq!(names(all.difference(&shown).collect()), [""; 0], "docs/model.md has no row for these");
    assert_eq!(names(shown.difference(&all).collect()), [""; 0], "docs/model.md has rows for rules that there are not");
}

#[test]
fn what_the_source_cites_is_in_the_model() {
    let text = model();
    let status: BTreeMap<Rule, &str> = rows(&text).into_iter().map(|(rule, status, _)| (rule, status)).collect();
    let mut wrong = Vec::new();
    for path in sources(&root().join("sim-core/src")) {
        for rule in cited_in(&fs::read_to_string(&path).unwrap()) {
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            match status.get(&rule) {
                None => wrong.push(format!("{shown} cites {}, which docs/model.md does not have", name(rule))),
                Some(&"absent") => wrong.push(format!("{shown} cites {}, which docs/model.md calls absent", name(rule))),
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_called_modelled_is_cited() {
    let mut cited = BTreeSet::new();
    let this = Path::new(file!()).file_name();
    for folder in ["sim-core/src", "sim-core/tests", "tests"] {
        for path in sources(&root().join(folder)).into_iter().filter(|path| path.file_name() != this) {
            cited.append(&mut cited_in(&fs::read_to_string(&path).unwrap()));
        }
    }
    let text = model();
    let uncited = rows(&text).into_iter().filter(|(rule, status, _)| *status == "modelled" && !cited.contains(rule));
    let names: Vec<String> = uncited.map(|(rule, ..)| name(rule)).collect();
    assert!(names.is_empty(), "docs/model.md calls these modelled, and nothing cites them: {}", names.join(", "));
}

/// The files that a row names exist; what is absent names none.
#[test]
fn the_files_are_where_the_model_says() {
    let text = model();
    for (rule, status, files) in rows(&text) {
        assert_eq!(files.is_empty(), status == "absent", "docs/model.md: {} is {status} and names `{files}`", name(rule));
        for file in files.split(',').map(|file| file.trim().trim_matches('`')).filter(|file| !file.is_empty()) {
            assert!(root().join("sim-core/src").join(file).is_file(), "docs/model.md: {} names {file}", name(rule));
        }
    }
}

#[test]
fn citations_are_found() {
    let rules = |text| cited_in(text).into_iter().map(name).collect::<Vec<_>>().join(" ");
    assert_eq!(rules("(P-40..P-42, R-7) INV-4:"), "INV-4 P-40 P-41 P-42 R-7");
    assert_eq!(rules("LOSS-P1, x86-64, DUP-10, TR-4, KIP-101, a_P-1, F-, D-x"), "");
}

/// The causes that `docs/model.md` names are those of the table of mechanisms.
#[test]
fn the_named_mechanisms_are_those_that_there_are() {
    let text = model().split_whitespace().collect::<Vec<&str>>().join(" ");
    let list = text.split_once("A run names these causes: ").and_then(|(_, rest)| rest.split_once(". ")).expect("the list").0;
    let mut named = BTreeSet::new();
    for part in list.split([',']).flat_map(|part| part.split(" and ")) {
        let mut ends = part.trim().split(" to ").map(|id| id.trim_end_matches(|c: char| !c.is_ascii_digit()));
        let first = ends.next().expect("a part has an id");
        let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = |id: &str| id[stem.len()..].parse::<u32>().expect("an id ends in a number");
        let last = ends.next().map_or(number(first), number);
        named.extend((number(first)..=last).map(|n| format!("{stem}{n}")));
    }
    let all: BTreeSet<String> = sim_core::mechanism::ALL.iter().map(|m| m.id.to_owned()).collect();
    assert_eq!(named, all);
}
