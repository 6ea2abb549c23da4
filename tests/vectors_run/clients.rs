//! What clients compute: partitions, settings, pauses, the coordinator's place.

use super::{Fields, list, narrow};
use serde_json::{Value, json};
use sim_core::config::resolve::{self, Props};
use sim_core::config::{Acks, ProducerConfig};
use sim_core::group;
use sim_core::net::client::Backoff;
use sim_core::partitioner::{LoadStats, Sticky, for_key, murmur2 as hash, to_positive};
use sim_core::producer::accumulator::is_expired;
use sim_core::rng::Stream;

/// How often something random is drawn.
const DRAWS: u64 = 2_000;

/// The bytes of a key: `utf8` or `hex`; null are none.
fn bytes(fields: &mut Fields<'_>) -> Result<Vec<u8>, String> {
    for name in ["utf8", "key_utf8", "key"] {
        if fields.has(name) {
            return Ok(if fields.some(name).is_none() { Vec::new() } else { fields.text(name)?.as_bytes().to_vec() });
        }
    }
    let name = if fields.has("hex") { "hex" } else { "key_hex" };
    let hex = fields.text(name)?;
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or("?"));
    digits.map(|pair| u8::from_str_radix(pair, 16).map_err(|_| format!("not understood: `{hex}` is no hex"))).collect()
}

/// P-22.
pub fn murmur2(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    Ok(json!({ "i32": hash(&bytes(fields)?) }))
}

/// P-21: the sign bit is dropped.
pub fn murmur2_to_positive(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    Ok(json!({ "u31": to_positive(hash(&bytes(fields)?)) }))
}

/// P-21.
pub fn key_to_partition(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let partitions = narrow(fields.int("partitions")?)?;
    Ok(json!({ "partition": for_key(&bytes(fields)?, partitions) }))
}

/// P-25: the weights of partitions by the batches that wait for them.
pub fn adaptive_partitioner(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let waiting: Vec<(u32, u32)> =
        (0..).zip(fields.ints("queue_sizes")?).map(|(i, n)| Ok((i, narrow(n)?))).collect::<Result<_, String>>()?;
    let Some(load) = LoadStats::of(&waiting, waiting.len()) else {
        // All partitions are equally likely: there is no table.
        return Ok(json!({ "weights": null, "range_end": null, "cumulative": null, "r_to_index": null, "uniform": true }));
    };
    let draws: Vec<u32> = (0..load.range_end()).map(|draw| load.partition(draw)).collect();
    let weights: Vec<usize> = waiting.iter().map(|(i, _)| draws.iter().filter(|draw| *draw == i).count()).collect();
    Ok(json!({ "weights": weights, "range_end": load.range_end(), "cumulative": load.cumulative(), "r_to_index": draws }))
}

/// P-24, P-25. Whether it switched is seen by offering another partition: one that stays does not look at the offer.
pub fn sticky_partitioner(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    if fields.has("leaders") {
        return sticky_without_leaders(fields);
    }
    let batch_size = narrow(fields.int("sticky_batch_size")?)?;
    let Some(mut sticky) = Sticky::new(Stream::new(1, "vectors"), batch_size) else {
        return Ok(json!({ "error": "IllegalArgument" }));
    };
    let partitions: u32 = narrow(fields.int_or("partitions", 2)?)?;
    let allowed = fields.find_any(&["switch_allowed", "enable_switch"]).map(list).transpose()?;
    let mut at = sticky.current(&[0], partitions);
    let mut switched = Vec::new();
    for (n, bytes) in fields.ints("appends_bytes")?.into_iter().enumerate() {
        let allowed = allowed.and_then(|allowed| allowed.get(n)).is_none_or(|allowed| *allowed == Value::Bool(true));
        sticky.appended(narrow(bytes)?, allowed);
        let next = sticky.current(&[if partitions == 1 { 0 } else { 1 - at }], partitions);
        switched.push(next != at);
        at = next;
    }
    Ok(json!({ "switched_after_append": switched }))
}

fn sticky_without_leaders(fields: &mut Fields<'_>) -> Result<Value, String> {
    let leaders = fields.get("leaders")?.as_object().ok_or("not understood: `leaders` is no object")?;
    let number = |name: &String| name.parse::<u32>().map_err(|_| format!("not understood: partition `{name}`"));
    let partitions: Vec<u32> = leaders.keys().map(number).collect::<Result<_, _>>()?;
    let led = leaders.iter().filter(|(_, leader)| !leader.is_null());
    let available: Vec<u32> = led.map(|(name, _)| number(name)).collect::<Result<_, _>>()?;
    let mut drawn = vec![0_u64; partitions.len()];
    for seed in 0..DRAWS {
        let mut sticky = Sticky::new(Stream::new(seed, "vectors"), 1).expect("not 0");
        drawn[sticky.current(&available, partitions.len() as u32) as usize] += 1;
    }
    let (never, chosen): (Vec<u32>, Vec<u32>) = partitions.into_iter().partition(|&p| drawn[p as usize] == 0);
    Ok(json!({ "never_chosen": never, "chosen": chosen, "always_chosen": chosen.first().filter(|_| chosen.len() == 1) }))
}

/// P-1..P-5.
pub fn producer_config(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let set = fields.get("set")?.as_object().ok_or("not understood: `set` is no object")?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let given = set.iter().filter(|(_, value)| !value.is_null());
    let props: Props = given.map(|(name, value)| (name.clone(), text(value))).collect();
    Ok(match resolve::producer(&props) {
        Ok(config) => resolved(&config),
        Err(_) => json!({ "error": "ConfigException" }),
    })
}

fn resolved(config: &ProducerConfig) -> Value {
    let acks = match config.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "-1",
    };
    json!({
        "acks": acks,
        "retries": config.retries,
        "enable.idempotence": config.enable_idempotence,
        "transactional.id": config.transactional_id,
        "max.in.flight.requests.per.connection": config.max_in_flight,
        "batch.size": config.batch_size,
        "linger.ms": config.linger.as_millis(),
        "buffer.memory": config.buffer_memory,
        "max.block.ms": config.max_block.as_millis(),
        "delivery.timeout.ms": config.delivery_timeout.as_millis(),
        "request.timeout.ms": config.request_timeout.as_millis(),
        "retry.backoff.ms": config.retry_backoff.as_millis(),
        "retry.backoff.max.ms": config.retry_backoff_max.as_millis(),
        "max.request.size": config.max_request_size,
        "metadata.max.age.ms": config.metadata_max_age.as_millis(),
        "reconnect.backoff.ms": config.reconnect_backoff.as_millis(),
        "reconnect.backoff.max.ms": config.reconnect_backoff_max.as_millis(),
        "transaction.timeout.ms": config.transaction_timeout.as_millis(),
        "partitioner.ignore.keys": config.ignore_keys,
        "partitioner.adaptive.partitioning.enable": config.adaptive_partitioning,
        "partitioner.availability.timeout.ms": config.availability_timeout.as_millis(),
    })
}

/// P-43.
pub fn delivery_timeout(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let (created, now) = (fields.int_or("batch_created_ms", 0)? * 1_000, fields.int("now_ms")? * 1_000);
    // When a batch was queued again does not count, only when it was made.
    fields.find_any(&["reenqueued_ms", "reenqueued"]);
    Ok(json!({ "expired": is_expired(created, now, fields.millis("delivery_timeout_ms")?) }))
}

/// P-31. The core's jitter is Kafka's 20 %; without jitter the span before it is compared.
pub fn exponential_backoff(fields: &mut Fields<'_>, expect: &Value) -> Result<Value, String> {
    let backoff = Backoff { first: fields.millis("initial")?, longest: fields.millis("max")? };
    let attempts = narrow(fields.int("attempts")?)?;
    if fields.int_or("multiplier", 2)? != 2 {
        return Err("not understood: the core doubles".to_owned());
    }
    match fields.some("jitter").map_or(Some(0.2), Value::as_f64) {
        Some(0.0) => Ok(json!({ "ms": backoff.steady(attempts).as_millis() })),
        Some(0.2) => with_jitter(backoff, attempts, expect),
        other => Err(format!("not understood: jitter {other:?}")),
    }
}

/// What is drawn lies in the range that is expected: a centre with a tolerance, the least and the most, or one of them. Of a range of
/// which nothing is cut off most is used.
fn with_jitter(backoff: Backoff, attempts: u32, expect: &Value) -> Result<Value, String> {
    let figure = |names: &[&str]| names.iter().find_map(|name| expect[*name].as_f64());
    let range = expect.get("range_ms").and_then(|range| range[0].as_f64().zip(range[1].as_f64()));
    let around = figure(&["center_ms"]).zip(figure(&["tolerance_ms"])).map(|(centre, by)| (centre - by, centre + by)).or(range);
    let least = around.map(|a| a.0).or_else(|| figure(&["min_ms", "at_least_ms", "ge_ms"]));
    let most = around.map(|a| a.1).or_else(|| figure(&["max_ms", "at_most_ms", "le_ms"]));
    if least.is_none() && most.is_none() {
        return Err(format!("not understood: the range {expect}"));
    }
    let mut stream = Stream::new(1, "vectors");
    let drawn: Vec<f64> = (0..DRAWS).map(|_| backoff.after(attempts, &mut stream).0 as f64 / 1_000.0).collect();
    let (from, to) = drawn.iter().fold((f64::MAX, 0.0_f64), |(l, m), &d| (l.min(d), m.max(d)));
    let inside = least.is_none_or(|least| from >= least) && most.is_none_or(|most| to <= most);
    let uses_most = |(least, most): (f64, f64)| to - from >= (most - least) * 0.95 || to >= backoff.longest.as_millis() as f64;
    let wide = least.zip(most).is_none_or(uses_most) && most.is_none_or(|most| to >= most * 0.8);
    let drawn = Value::from(format!("from {from} to {to}"));
    let names = expect.as_object().into_iter().flatten().map(|(name, _)| (name.clone(), drawn.clone()));
    Ok(if inside && wide { expect.clone() } else { Value::Object(names.collect()) })
}

/// G-30.
pub fn coordinator_partition(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let (group, partitions) = (fields.text("group_id")?, narrow(fields.int("offsets_partitions")?)?);
    Ok(json!({
        "java_hash": group::java_string_hash(group),
        "partition": group::coordinator_partition(group, partitions),
    }))
}
