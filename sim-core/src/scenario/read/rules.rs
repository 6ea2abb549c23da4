//! `[cluster] rules = { ... }`.

use super::error::ScenarioError;
use super::table::Table;
use crate::nearest::did_you_mean;
use crate::scenario::{FirstBatchRule, ProtocolRules, TruncationRule};
use crate::transaction::Version;

/// The keys of `rules`.
pub(super) const KEYS: &[&str] = &["truncation", "strict-min-isr", "broker-epoch-check", "first-batch", "transaction-version"];

/// The rules of `[cluster]`; what is not given is as in Kafka 4.x.
pub(super) fn rules(cluster: &Table) -> Result<ProtocolRules, ScenarioError> {
    let usual = ProtocolRules::default();
    let Some(table) = cluster.table("rules", "rules")? else { return Ok(usual) };
    table.known(KEYS)?;
    Ok(ProtocolRules {
        truncation: table.parsed("truncation", truncation)?.unwrap_or(usual.truncation),
        strict_min_isr: table.boolean("strict-min-isr")?.unwrap_or(usual.strict_min_isr),
        broker_epoch_check: table.boolean("broker-epoch-check")?.unwrap_or(usual.broker_epoch_check),
        first_batch: table.parsed("first-batch", first_batch)?.unwrap_or(usual.first_batch),
        transaction_version: match table.integer("transaction-version", 1, 2)? {
            Some(1) => Version::V1,
            _ => usual.transaction_version,
        },
    })
}

fn first_batch(text: &str) -> Result<FirstBatchRule, String> {
    match text {
        "any" => Ok(FirstBatchRule::Any),
        "zero-on-empty-log" => Ok(FirstBatchRule::ZeroOnEmptyLog),
        _ => Err(format!("`{text}` is not a rule for first batches; known: any, zero-on-empty-log")),
    }
}

fn truncation(text: &str) -> Result<TruncationRule, String> {
    let names = || TruncationRule::ALL.into_iter().map(TruncationRule::name);
    TruncationRule::ALL.into_iter().find(|rule| rule.name() == text).ok_or_else(|| {
        let near = did_you_mean(text, names()).map(|near| format!("; {near}")).unwrap_or_default();
        format!("`{text}` is not a truncation rule; known: {}{near}", names().collect::<Vec<_>>().join(", "))
    })
}
