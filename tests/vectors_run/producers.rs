//! What a leader remembers of idempotent producers (L-10..L-17).

use super::{Fields, narrow};
use crate::vectors_run::replicas::batch;
use serde_json::{Value, json};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{LeaderEpoch, Offset, Pid};
use sim_core::log::LogBatch;
use sim_core::log::producer_state::ProducerStates;
use sim_core::record::Sequence;

/// A partition as these vectors see it.
#[derive(Default)]
struct Partition {
    states: ProducerStates,
    /// The rule for first batches (section 0 of the protocol reference); empty for the usual one.
    rule: String,
    /// The log has held a record.
    used: bool,
}

/// A batch of a step: its numbers, its size, its first offset.
struct Step {
    sequence: Sequence,
    count: u32,
    base: Offset,
}

fn step(fields: &mut Fields<'_>) -> Result<Step, String> {
    let (first, last) = (fields.int("first_seq")?, fields.int("last_seq")?);
    let span = if last >= first { last - first } else { last + (1 << 31) - first };
    let (base, count) = (fields.offset("offset")?, narrow(span + 1)?);
    if fields.int_or("last_offset", base.plus(count).0 - 1)? != base.plus(count).0 - 1 {
        return Err("not understood: more offsets than sequence numbers".to_owned());
    }
    let sequence = Sequence { pid: Pid(fields.int("pid")?), epoch: narrow(fields.int("epoch")?)?, first: narrow(first)? };
    Ok(Step { sequence, count, base })
}

fn record(states: &mut ProducerStates, step: &Step) {
    let batch = batch(0, step.count, step.sequence);
    states.record(&LogBatch { base: step.base, epoch: LeaderEpoch(0), batch });
}

/// L-12, L-13: the state manager alone, which does not look for duplicates. Followers do not validate (L-14).
fn append(states: &mut ProducerStates, fields: &mut Fields<'_>) -> Result<Value, String> {
    let origin = fields.find("origin").and_then(Value::as_str).unwrap_or("CLIENT");
    let step = step(fields)?;
    let judged = match origin {
        "CLIENT" => states.validate(step.sequence, false),
        "REPLICATION" => Ok(()),
        other => return Err(format!("not understood: origin {other}")),
    };
    Ok(match judged {
        Ok(()) => {
            record(states, &step);
            json!({ "expect": "OK" })
        }
        Err(error) => json!({ "expect": error.name() }),
    })
}

/// L-11..L-13: through the log, as a produce request goes.
fn log_append(partition: &mut Partition, fields: &mut Fields<'_>) -> Result<Value, String> {
    let transactional = fields.find("transactional").and_then(Value::as_bool).unwrap_or(false);
    let step = step(fields)?;
    let from_zero = match partition.rule.as_str() {
        "" | "2.5-4.4" => false,
        "4.5" => !partition.used,
        "4.1-tv2" => transactional,
        other => return Err(format!("not understood: rule {other}")),
    };
    Ok(match partition.states.admit(step.sequence, step.count, from_zero) {
        Ok(None) => {
            record(&mut partition.states, &step);
            partition.used = true;
            json!({ "expect": "OK" })
        }
        Ok(Some(first)) => json!({ "expect": "DUPLICATE", "base_offset": first.base.0, "last_offset": first.end.0 - 1 }),
        Err(error @ (ErrorCode::OutOfOrderSequenceNumber | ErrorCode::InvalidProducerEpoch)) => json!({ "expect": error.name() }),
        Err(error) => return Err(format!("no error of this path: {}", error.name())),
    })
}

fn one_step(partition: &mut Partition, step: &Value) -> Result<Value, String> {
    let states = &mut partition.states;
    let mut fields = Fields::of(step)?;
    let result = match fields.text("op")? {
        "append" => append(states, &mut fields)?,
        "log_append" => log_append(partition, &mut fields)?,
        "expire" => {
            states.expire(Pid(fields.int("pid")?));
            json!({})
        }
        "other_producer_append" => {
            // It has no numbers, and leaves no trace among them.
            let count = narrow(fields.int("records")?)?;
            record(states, &Step { sequence: Sequence::NONE, count, base: Offset::ZERO });
            partition.used = true;
            json!({ "expect": "OK", "not_counted": true })
        }
        other => return Err(format!("not understood: step `{other}`")),
    };
    fields.done()?;
    Ok(result)
}

/// L-10..L-17.
pub fn producer_state(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let mut partition = Partition::default();
    let results: Result<Vec<Value>, String> = fields.list("steps")?.iter().map(|step| one_step(&mut partition, step)).collect();
    Ok(json!({ "results": results? }))
}

/// P-59, L-13: the first batch of a producer that the partition does not know, under each rule that is asked for.
pub fn producer_first_batch(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let steps = fields.list("steps")?;
    let mut by_rule = json!({});
    for rule in fields.list("rules")? {
        let rule = rule.as_str().ok_or_else(|| format!("not understood: rule {rule}"))?;
        let mut partition = Partition { rule: rule.to_owned(), ..Partition::default() };
        let mut results = Vec::new();
        for step in steps {
            let result = one_step(&mut partition, step)?;
            if result.get("not_counted").is_none() {
                results.push(result["expect"].clone());
            }
        }
        by_rule[rule] = json!(results);
    }
    Ok(json!({ "results_by_rule": by_rule }))
}
