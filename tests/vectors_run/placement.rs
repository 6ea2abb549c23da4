//! Where replicas go: C-20 and C-21, with the draws of Kafka's own tests.

use super::Fields;
use serde_json::{Value, json};
use sim_core::ids::BrokerId;
use sim_core::placement::admin::{self, Racks, Wanted};
use sim_core::placement::{PlacementError, Striped, Usable, shuffle};
use std::collections::{BTreeMap, BTreeSet};

/// Kafka's MockRandom: a linear congruential generator under the face of `java.util.Random`.
struct MockRandom(u64);

impl MockRandom {
    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        (self.0 >> (64 - bits)) as i32
    }

    /// `nextInt(bound)`.
    fn below(&mut self, bound: u32) -> u32 {
        let bound = bound as i32;
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as u32;
        }
        loop {
            let drawn = self.next(31);
            let rest = drawn % bound;
            if drawn.wrapping_sub(rest).wrapping_add(bound - 1) >= 0 {
                return rest as u32;
            }
        }
    }
}

const KAFKA_SEED: u64 = 17;

pub fn prng(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let seed = fields.int("seed")? as u64;
    fields.text("rule")?;
    let mut random = MockRandom(seed);
    let next: Vec<i32> = (0..4).map(|_| random.next(32)).collect();
    let mut random = MockRandom(seed);
    let below: Vec<u32> = (0..6).map(|_| random.below(4)).collect();
    let (mut random, mut list) = (MockRandom(seed), [0, 1, 2, 3, 4]);
    shuffle(&mut list, &mut |bound| random.below(bound));
    Ok(json!({ "next32": next, "fresh_next_int_4": below, "fresh_shuffle_0_4": list }))
}

pub fn striped_placement(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    match fields.find("prng").map(Value::as_str) {
        None | Some(Some("kafka_mock_random(17)")) => {}
        Some(other) => return Err(format!("not understood: prng {other:?}")),
    }
    let brokers: Vec<Usable> = fields.list("brokers")?.iter().map(usable).collect::<Result<_, String>>()?;
    let factor = count(fields.int("rf")?);
    let placements = fields.find_any(&["placements", "partitions"]).map_or(Ok(1), super::int)?;
    let mut random = MockRandom(KAFKA_SEED);
    let mut below = |bound| random.below(bound);
    let mut striped = Striped::new(&brokers, &mut below);
    let placed: Result<Vec<Vec<u16>>, PlacementError> =
        (0..placements).map(|_| Ok(striped.place(factor, &mut below)?.iter().map(|b| b.0).collect())).collect();
    Ok(match placed {
        Ok(replicas) => {
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            let name = |list: &Vec<u16>| list.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
            replicas.iter().for_each(|list| *counts.entry(name(list)).or_insert(0) += 1);
            json!({ "replicas": replicas, "counts": counts })
        }
        Err(error) => json!({ "error": format!("{error:?}") }),
    })
}

fn usable(value: &Value) -> Result<Usable, String> {
    let wrong = || format!("not understood: the broker {value}");
    let id = value["id"].as_u64().and_then(|id| u16::try_from(id).ok()).ok_or_else(wrong)?;
    let fenced = value.get("fenced").map_or(Some(false), Value::as_bool).ok_or_else(wrong)?;
    Ok(Usable { id: BrokerId(id), rack: value["rack"].as_str().map(str::to_owned), fenced })
}

/// A number of things; less than none is none.
fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

pub fn admin_placement(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let mut racks = Racks::new();
    let told = fields.some("racks").map(|racks| racks.as_object().ok_or("not understood: racks")).transpose()?;
    for (id, rack) in told.into_iter().flatten().filter(|(_, rack)| !rack.is_null()) {
        let id = id.parse().map_err(|_| format!("not understood: broker {id}"))?;
        racks.insert(BrokerId(id), rack.as_str().ok_or("not understood: a rack")?.to_owned());
    }
    match fields.text("op")? {
        "rack_alternated" => Ok(json!({ "order": ids(&admin::rack_alternated(&racks)) })),
        "assign" => assign(fields, &racks),
        other => Err(format!("not understood: op {other}")),
    }
}

/// From one broker on, or from any (`any`, -1 or null: Kafka draws it).
fn assign(fields: &mut Fields<'_>, racks: &Racks) -> Result<Value, String> {
    let brokers: Vec<BrokerId> = match fields.some("brokers") {
        Some(list) => super::ints(list)?.into_iter().map(|id| BrokerId(id as u16)).collect(),
        None => racks.keys().copied().collect(),
    };
    let start = match fields.find("fixed_start_index") {
        None => Some(0),
        Some(start) => start.as_u64().map(|start| start as u32),
    };
    let wanted = Wanted {
        partitions: count(fields.int("partitions")?),
        factor: count(fields.int("rf")?),
        start: 0,
        first_partition: count(fields.int_or("start_partition_id", 0)?),
    };
    let starts = start.map_or(0..brokers.len().max(1) as u32, |start| start..start + 1);
    let placed: Result<Vec<Placed>, PlacementError> =
        starts.map(|start| admin::assign(&brokers, racks, Wanted { start, ..wanted })).collect();
    let placed = match placed {
        Ok(placed) => placed,
        Err(error) => return Ok(json!({ "error": format!("{error:?}") })),
    };
    let mut found = balance(&brokers, racks, &placed);
    if let (Some(_), [placed]) = (start, placed.as_slice()) {
        let named = (wanted.first_partition..).zip(placed).map(|(p, replicas)| (p.to_string(), json!(ids(replicas))));
        found["assignment"] = json!(named.collect::<serde_json::Map<_, _>>());
    }
    Ok(found)
}

/// The replicas of each partition.
type Placed = Vec<Vec<BrokerId>>;

/// How much every broker leads and keeps, and over how many racks a partition goes: one number where it is the same everywhere, wherever
/// the placement starts, else all that there are.
fn balance(brokers: &[BrokerId], racks: &Racks, each: &[Placed]) -> Value {
    let mut found = BTreeSet::new();
    for placed in each {
        let (mut leaders, mut replicas) = (BTreeMap::new(), BTreeMap::new());
        for partition in placed {
            *leaders.entry(partition[0]).or_insert(0) += 1;
            partition.iter().for_each(|&b| *replicas.entry(b).or_insert(0) += 1);
            found.insert(("racks", partition.iter().filter_map(|b| racks.get(b)).collect::<BTreeSet<_>>().len()));
            found.insert(("brokers", partition.iter().collect::<BTreeSet<_>>().len()));
        }
        found.extend(brokers.iter().map(|b| ("leaders", leaders.get(b).copied().unwrap_or(0))));
        found.extend(brokers.iter().map(|b| ("replicas", replicas.get(b).copied().unwrap_or(0))));
    }
    let only = |what: &str| {
        let values: Vec<usize> = found.iter().filter(|(name, _)| *name == what).map(|(_, n)| *n).collect();
        if let [one] = values[..] { json!(one) } else { json!(values) }
    };
    json!({
        "leaders_per_broker": only("leaders"),
        "replicas_per_broker": only("replicas"),
        "distinct_racks_per_partition": only("racks"),
        "distinct_brokers_per_partition": only("brokers"),
    })
}

fn ids(brokers: &[BrokerId]) -> Vec<u16> {
    brokers.iter().map(|b| b.0).collect()
}
