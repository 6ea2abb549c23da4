//! What a scenario claims: `[expect]`, `mechanisms`, `claims`.

use super::error::ScenarioError;
use super::table::Table;
use crate::anomalies;
use crate::mechanism;
use crate::nearest::did_you_mean;
use crate::rows::Set;
use crate::scenario::{Comparison, Expectation, GroupSpec, ProducerSpec};
use crate::sort::gathered;
use toml::de::{DeTable, DeValue};

/// The figures of one group in the summary.
pub const GROUP_FIGURES: &[&str] =
    &["ok", "lost", "duplicated", "phantom", "rejected", "pending", "absorbed", "reordered", "max_lag", "rebalances"];

/// The figures of one producer in the summary.
pub const PRODUCER_FIGURES: &[&str] =
    &["intended", "acked", "rejected", "unknown", "throughput", "produce_p50", "produce_p99", "end_to_end_p50", "end_to_end_p99"];

/// The figures of the summary that are of no group, by path.
pub const CLUSTER_FIGURES: &[&str] = &[
    "messages.intended",
    "messages.acked",
    "messages.rejected",
    "messages.unknown",
    "broker.lost_acked",
    "broker.extra_copies",
    "broker.elections",
    "broker.unclean_elections",
    "broker.isr_shrinks",
    "broker.isr_expands",
    "transactions.committed",
    "transactions.aborted",
    "transactions.fenced",
    "latency_us.produce_p50",
    "latency_us.produce_p99",
    "latency_us.end_to_end_p50",
    "latency_us.end_to_end_p99",
    "unexplained",
    "events",
    "virtual_us",
];

/// `[expect]`.
pub(super) fn expectations(
    root: &Table,
    producers: &[ProducerSpec],
    groups: &[GroupSpec],
) -> Result<Vec<Expectation>, ScenarioError> {
    let mut list = Vec::new();
    if let Some(table) = root.table("expect", "[expect]")? {
        collect(&table, "", table.entries, &known_figures(producers, groups), &mut list)?;
    }
    Ok(list)
}

/// `messages.acked = 5` without quotes is a table in a table to TOML.
fn collect(
    table: &Table,
    prefix: &str,
    entries: &DeTable,
    known: &Set<String>,
    list: &mut Vec<Expectation>,
) -> Result<(), ScenarioError> {
    for (key, value) in entries {
        let figure = format!("{prefix}{}", key.get_ref());
        let (must_be, of) = match value.get_ref() {
            DeValue::Table(inner) => {
                collect(table, &format!("{figure}."), inner, known, list)?;
                continue;
            }
            DeValue::Integer(_) => (Comparison::Eq(table.integer_of(&figure, value, 0, u64::MAX)?), None),
            DeValue::String(text) => {
                let (amount, of) = match text.split_once("% of ") {
                    Some((amount, of)) => (amount, Some(of.trim().to_owned())),
                    None => (text.as_ref(), None),
                };
                (comparison(amount).map_err(|message| table.error(value.span(), message))?, of)
            }
            _ => return Err(table.wrong_type(&figure, value, "a whole number or a comparison such as \"> 0\"")),
        };
        if let Some(of) = of.iter().find(|of| !known.contains(*of)) {
            let near = did_you_mean(of, known.iter().map(String::as_str));
            let error = table.error(value.span(), format!("there is no figure `{of}` to compare with"));
            return Err(error.help(near.unwrap_or_else(|| "write, say, \"< 70% of producers.logs.throughput\"".to_owned())));
        }
        if let Some(id) = figure.strip_prefix("mechanisms.") {
            if mechanism::find(id).is_none() {
                let near = did_you_mean(id, mechanism::ALL.iter().map(|m| m.id));
                let error = table.error(key.span(), format!("`{id}` is not a mechanism that is told apart yet"));
                return Err(error.help(near.unwrap_or_else(|| "write one such as mechanisms.LOSS-B1".to_owned())));
            }
        } else if let Some(name) = figure.strip_prefix("anomalies.") {
            if !anomalies::NAMES.contains(&name) {
                let near = did_you_mean(name, anomalies::NAMES);
                let error = table.error(key.span(), format!("`{name}` is not an anomaly that is looked for"));
                return Err(error.help(near.unwrap_or_else(|| "write one such as anomalies.lost-write".to_owned())));
            }
        } else if !known.contains(&figure) {
            let near = did_you_mean(&figure, known.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| "figures are those of the JSON summary, such as lost, messages.acked".to_owned());
            return Err(table.error(key.span(), format!("there is no figure `{figure}`")).help(help));
        }
        list.push(Expectation { figure, must_be, of });
    }
    Ok(())
}

fn known_figures(producers: &[ProducerSpec], groups: &[GroupSpec]) -> Set<String> {
    let groups = || groups.iter().filter(|group| group.works_for.is_none());
    let total = GROUP_FIGURES.iter().chain(CLUSTER_FIGURES).map(|&figure| figure.to_owned());
    let own = groups().flat_map(|group| GROUP_FIGURES.iter().map(|figure| format!("{}.{figure}", group.name)));
    let long = groups().flat_map(|group| GROUP_FIGURES.iter().map(|figure| format!("groups.{}.{figure}", group.name)));
    let applications = producers.iter().filter(|producer| producer.feeder.is_none());
    let sent = applications.flat_map(|p| PRODUCER_FIGURES.iter().map(|figure| format!("producers.{}.{figure}", p.name)));
    gathered(total.chain(own).chain(long).chain(sent))
}

/// `> 0`, `== 3000`, `2900..3100`, `17`.
fn comparison(text: &str) -> Result<Comparison, String> {
    let wrong =
        || format!("`{text}` is not a comparison; write \"> 0\", \">= 1\", \"< 5\", \"<= 5\", \"== 3\", \"!= 3\", \"2..7\" or 3");
    let number = |digits: &str| -> Result<u64, String> {
        let plain: String = digits.trim().chars().filter(|&c| c != '_').collect();
        let legal = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit());
        plain.parse().ok().filter(|_| legal).ok_or_else(wrong)
    };
    let text = text.trim();
    if let Some((low, high)) = text.split_once("..") {
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(format!("`{text}` runs backwards: write the smaller number first"));
        }
        return Ok(Comparison::Between(low, high));
    }
    let make = [
        (">=", Comparison::Ge as fn(u64) -> Comparison),
        ("<=", Comparison::Le),
        ("==", Comparison::Eq),
        ("!=", Comparison::Ne),
        (">", Comparison::Gt),
        ("<", Comparison::Lt),
        ("", Comparison::Eq),
    ];
    for (sign, comparison) in make {
        if let Some(rest) = text.strip_prefix(sign) {
            return number(rest).map(comparison);
        }
    }
    Err(wrong())
}

/// `LOSS-B1`, `DUP-10`, `ORDER-2`.
fn is_mechanism(id: &str) -> bool {
    let rest = if let Some(rest) = id.strip_prefix("LOSS-") {
        rest.strip_prefix(['P', 'B', 'C'])
    } else {
        id.strip_prefix("DUP-").or_else(|| id.strip_prefix("ORDER-"))
    };
    rest.is_some_and(|number| {
        (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0')
    })
}

/// `mechanisms = ["LOSS-B1"]`.
pub(super) fn mechanisms(root: &Table) -> Result<Vec<String>, ScenarioError> {
    ids(root, "mechanisms", is_mechanism, "a mechanism such as LOSS-B1, DUP-10 or ORDER-2")
}

/// `claims = ["S-2"]`: claims of the article, or golden traces.
pub(super) fn claims(root: &Table) -> Result<Vec<String>, ScenarioError> {
    let in_range = |number: &str, most: u32| number.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n));
    let is_claim = |id: &str| match (id.strip_prefix("S-"), id.strip_prefix("TR-")) {
        (Some(number), _) => in_range(number, 17),
        (_, Some(number)) => in_range(number, 13),
        _ => false,
    };
    ids(root, "claims", is_claim, "a claim: S-1 to S-17 of the article, or a trace TR-1 to TR-13")
}

fn ids(root: &Table, key: &str, legal: impl Fn(&str) -> bool, what: &str) -> Result<Vec<String>, ScenarioError> {
    root.strings(key)?
        .into_iter()
        .map(|(id, at)| if legal(id) { Ok(id.to_owned()) } else { Err(root.error(at, format!("`{id}` is not {what}"))) })
        .collect()
}
