//! What a leader remembers of idempotent producers (L-10..L-17), and of their transactions.

use super::{Fields, narrow};
use crate::vectors_run::replicas::batch;
use serde_json::{Value, json};
use sim_core::broker::{check_batch, check_marker};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{LeaderEpoch, Offset, Pid};
use sim_core::log::segment::RollLimits;
use sim_core::log::{Log, LogBatch};
use sim_core::record::{Batch, MARKER_BYTES, Marker, Payload, Sequence};
use sim_core::time::{SimTime, Timestamp};
use sim_core::transaction::Version;
use std::sync::Arc;

/// A partition as these vectors see it.
struct Partition {
    log: Log,
    /// Where each batch begins in the log, and where the vector says that it does: its offsets may leave gaps or stand still.
    told: Vec<(Offset, Offset)>,
    /// The rule for first batches (section 0 of the protocol reference); empty for the usual one.
    rule: String,
}

/// A batch of a step: its numbers, its size, its first offset.
struct Step {
    sequence: Sequence,
    count: u32,
    base: Offset,
    transactional: bool,
}

/// Whose batch it is, as Kafka's AppendOrigin has it.
#[derive(PartialEq)]
enum Origin {
    Client,
    Replication,
    Coordinator,
}

fn origin(fields: &mut Fields<'_>) -> Result<Origin, String> {
    Ok(match fields.find("origin").and_then(Value::as_str).unwrap_or("CLIENT").to_uppercase().as_str() {
        "CLIENT" => Origin::Client,
        "REPLICATION" => Origin::Replication,
        "COORDINATOR" => Origin::Coordinator,
        other => return Err(format!("not understood: origin {other}")),
    })
}

/// How an error is told; none is OK.
fn told(judged: Result<(), ErrorCode>) -> Value {
    json!({ "expect": judged.map_or_else(ErrorCode::name, |()| "OK") })
}

impl Partition {
    fn new(rule: &str) -> Partition {
        Partition { log: Log::new(), told: Vec::new(), rule: rule.to_owned() }
    }

    fn step(&self, fields: &mut Fields<'_>) -> Result<Step, String> {
        let first = fields.int("first_seq")?;
        let last = fields.int_or("last_seq", first)?;
        let span = if last >= first { last - first } else { last + (1 << 31) - first };
        let (base, count) = (Offset(fields.int_or("offset", self.log.end().0)?), narrow(span + 1)?);
        if fields.int_or("last_offset", base.plus(count).0 - 1)? != base.plus(count).0 - 1 {
            return Err("not understood: more offsets than sequence numbers".to_owned());
        }
        let (pid, epoch) = (Pid(fields.int("pid")?), narrow(fields.int_or("epoch", 0)?)?);
        let sequence = Sequence { pid, epoch, first: narrow(first)? };
        Ok(Step { sequence, count, base, transactional: fields.flag_or("transactional", false)? })
    }

    fn append(&mut self, batch: Batch, told: Offset) {
        let base = self.log.end();
        self.told.push((base, told));
        self.log.append(LogBatch { base, epoch: LeaderEpoch(0), batch: Arc::new(batch) }, SimTime::ZERO, RollLimits::NONE);
    }

    fn record(&mut self, step: &Step) {
        self.append(self.batch_of(step), step.base);
    }

    fn batch_of(&self, step: &Step) -> Batch {
        Batch { transactional: step.transactional, ..(*batch(0, step.count, step.sequence)).clone() }
    }

    /// Transactions of version 2 where the rule says so.
    fn version(&self) -> Version {
        if self.rule == "4.1-tv2" { Version::V2 } else { Version::V1 }
    }

    /// L-12, L-13, X-6: what a leader asks of a batch that is no repeat. Followers do not ask (L-14), of a coordinator's only the epoch
    /// is looked at.
    fn judge(&self, step: &Step, origin: &Origin) -> Result<(), ErrorCode> {
        let producers = &self.log.producers;
        match origin {
            Origin::Replication => return Ok(()),
            Origin::Coordinator => producers.validate_epoch(step.sequence, false)?,
            Origin::Client => {
                let from_zero = self.rule == "4.5" && self.log.end() == Offset::ZERO;
                producers.validate(step.sequence, from_zero)?;
            }
        }
        check_batch(&self.log, &self.batch_of(step), self.version())
    }

    /// The state manager alone, which does not look for duplicates.
    fn on_append(&mut self, fields: &mut Fields<'_>) -> Result<Value, String> {
        let (step, origin) = (self.step(fields)?, origin(fields)?);
        let judged = self.judge(&step, &origin);
        if judged.is_ok() {
            self.record(&step);
        }
        Ok(told(judged))
    }

    /// L-11..L-13: through the log, as a produce request goes.
    fn on_log_append(&mut self, fields: &mut Fields<'_>) -> Result<Value, String> {
        let (step, origin) = (self.step(fields)?, origin(fields)?);
        let repeats = if origin == Origin::Client { self.log.producers.duplicate_of(step.sequence, step.count) } else { None };
        let Some(first) = repeats else {
            let judged = self.judge(&step, &origin);
            if judged.is_ok() {
                self.record(&step);
            }
            return Ok(told(judged));
        };
        let place = self.told.iter().find(|(base, _)| *base == first.base).expect("it was appended").1;
        let last = place.0 + (first.end.0 - first.base.0) - 1;
        Ok(json!({ "expect": "DUPLICATE", "base_offset": place.0, "last_offset": last }))
    }

    /// the end of a transaction.
    fn on_marker(&mut self, fields: &mut Fields<'_>) -> Result<Value, String> {
        let commit = match fields.find_any(&["commit", "type", "marker", "control", "control_type", "kind", "result"]) {
            None => true,
            Some(Value::Bool(commit)) => *commit,
            Some(said) => match said.as_str().map(str::to_uppercase).as_deref() {
                Some("COMMIT" | "COMMITTED") => true,
                Some("ABORT" | "ABORTED") => false,
                _ => return Err(format!("not understood: a marker {said}")),
            },
        };
        let sequence = Sequence { pid: Pid(fields.int("pid")?), epoch: narrow(fields.int_or("epoch", 0)?)?, first: -1 };
        let coordinator_epoch = LeaderEpoch(narrow(fields.int_or("coordinator_epoch", 0)?)?);
        let version = match fields.int_or("transaction_version", if self.version() == Version::V2 { 2 } else { 1 })? {
            2 => Version::V2,
            _ => Version::V1,
        };
        let place = Offset(fields.int_or("offset", self.log.end().0)?);
        let judged = match origin(fields)? {
            Origin::Replication => Ok(()),
            _ => check_marker(&self.log, sequence, coordinator_epoch, version),
        };
        if judged.is_ok() {
            let payload = Payload::Marker(Marker { commit, coordinator_epoch });
            let batch = Batch { id: None, sequence, transactional: true, payload, bytes: MARKER_BYTES, timestamp: Timestamp(0) };
            self.append(batch, place);
        }
        Ok(told(judged))
    }

    /// L-15, L-16, L-18: what makes a partition forget: of one producer or of all, everything or all but the last batches.
    fn on_forgetting(&mut self, op: &str, fields: &mut Fields<'_>) -> Result<Value, String> {
        let producers = &mut self.log.producers;
        match fields.find("pid") {
            _ if op == "reload" => *producers = producers.last_batches(),
            Some(pid) => producers.expire(Pid(super::int(pid)?)),
            None => *producers = Default::default(),
        }
        Ok(told(Ok(())))
    }
}

fn one_step(partition: &mut Partition, step: &Value) -> Result<Value, String> {
    let mut fields = Fields::of(step)?;
    let result = match fields.text("op")? {
        "append" => partition.on_append(&mut fields)?,
        "log_append" => partition.on_log_append(&mut fields)?,
        "marker" | "txn_marker" | "end_txn" | "end_txn_marker" => partition.on_marker(&mut fields)?,
        op @ ("expire" | "reload") => partition.on_forgetting(op, &mut fields)?,
        "other_producer_append" => {
            // It has no numbers, and leaves no trace among them.
            let count = narrow(fields.int_or("records", 1)?)?;
            let base = Offset(fields.int_or("offset", partition.log.end().0)?);
            partition.record(&Step { sequence: Sequence::NONE, count, base, transactional: false });
            json!({ "expect": "OK", "not_counted": true })
        }
        other => return Err(format!("not understood: step `{other}`")),
    };
    fields.done()?;
    Ok(result)
}

/// L-10..L-17.
pub fn producer_state(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let mut partition = Partition::new("");
    let results: Result<Vec<Value>, String> = fields.list("steps")?.iter().map(|step| one_step(&mut partition, step)).collect();
    Ok(json!({ "results": results? }))
}

/// P-59, L-13: the first batch of a producer that the partition does not know, under each rule that is asked for.
pub fn producer_first_batch(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let steps = fields.list("steps")?;
    let mut by_rule = json!({});
    for rule in fields.list("rules")? {
        let rule = rule.as_str().ok_or_else(|| format!("not understood: rule {rule}"))?;
        if !["2.5-4.4", "4.1-tv2", "4.5"].contains(&rule) {
            return Err(format!("not understood: rule {rule}"));
        }
        let mut partition = Partition::new(rule);
        let mut results = Vec::new();
        for step in steps {
            let op = step["op"].as_str();
            let result = one_step(&mut partition, step)?;
            if result.get("not_counted").is_none() && op != Some("expire") {
                results.push(result["expect"].clone());
            }
        }
        by_rule[rule] = json!(results);
    }
    Ok(json!({ "results_by_rule": by_rule }))
}
