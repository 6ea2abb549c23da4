//! The documentation says what the program does.

use sim_core::config::properties::{self, Property, Scope};
use sim_core::scenario::read;

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
    for figure in read::GROUP_FIGURES.iter().chain(read::CLUSTER_FIGURES) {
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
