//! What a leader knows of a follower.

use super::{Fields, list};
use serde_json::{Value, json};
use sim_core::error_code::ErrorCode;
use sim_core::ids::{BrokerEpoch, MessageId, Offset};
use sim_core::record::{Batch, Payload, Record, Sequence, SharedBatch};
use sim_core::replica::remote::{Remote, check_broker_epoch};
use sim_core::time::{SimDuration, Timestamp};
use std::sync::Arc;

/// A batch of so many records of one message.
pub fn batch(message: u32, count: u32, sequence: Sequence) -> SharedBatch {
    let record = Record { message: MessageId(message), key: None, tombstone: false, bytes: 1 };
    Arc::new(Batch {
        id: None,
        sequence,
        transactional: false,
        payload: Payload::Records(vec![record; count as usize]),
        bytes: count,
        timestamp: Timestamp(0),
    })
}

/// R-4..R-6, R-21.
pub fn replica_state(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    if fields.has("fetch_broker_epochs") {
        let known = BrokerEpoch(fields.int("known_alive_broker_epoch")?);
        let sent = fields.ints("fetch_broker_epochs")?;
        let results = sent.into_iter().map(|e| check_broker_epoch(BrokerEpoch(e), known).map_or_else(ErrorCode::name, |()| "OK"));
        return Ok(json!({ "results": results.collect::<Vec<_>>() }));
    }
    let lag_max = if fields.has("replica_lag_time_max_ms") {
        fields.millis("replica_lag_time_max_ms")?
    } else {
        SimDuration::from_millis(30_000)
    };
    let mut remote = Remote::unknown();
    for step in fields.list_or_empty("steps")? {
        remote_step(&mut remote, step)?;
    }
    let mut caught_up = Vec::new();
    for question in expect.get("is_caught_up").map_or(Ok(&[][..]), list)? {
        let mut question = Fields::of(question)?;
        let result = remote.is_caught_up(question.offset("leader_leo")?, question.instant("now")?, lag_max);
        caught_up.push(json!({ "leader_leo": question.get("leader_leo")?, "now": question.get("now")?, "result": result }));
    }
    let state = json!({
        "log_start": remote.log_start.0,
        "leo": remote.log_end.0,
        "last_caught_up_ms": millis(remote.last_caught_up),
        "last_fetch_leader_leo": remote.last_fetch_leader_end.0,
        "last_fetch_ms": millis(remote.last_fetch),
    });
    Ok(json!({ "state": state, "is_caught_up": caught_up }))
}

/// Kafka writes 0 for an instant that never was.
pub fn millis(at: Option<sim_core::time::SimTime>) -> u64 {
    at.map_or(0, |at| at.0 / 1_000)
}

fn remote_step(remote: &mut Remote, step: &Value) -> Result<(), String> {
    let mut step = Fields::of(step)?;
    let (leader_end, now) = (step.offset("leader_leo")?, step.instant("now")?);
    let mut flag = |name: &str| step.get(name)?.as_bool().ok_or_else(|| format!("not understood: `{name}`"));
    match flag("is_new_leader") {
        Ok(is_new_leader) => {
            let in_sync = flag("in_sync")?;
            remote.reset(now, leader_end, is_new_leader, in_sync);
            step.skip_words("op", "reset")?;
        }
        Err(_) => {
            let (offset, start) = (step.offset("fetch_offset")?, Offset(step.int_or("start_offset", 0)?));
            remote.on_fetch(offset, start, leader_end, now, BrokerEpoch::NONE);
            step.skip_words("op", "fetch")?;
        }
    }
    step.done()
}
