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
    let factor = u32::try_from(fields.int("rf")?).map_err(|e| e.to_string())?;
    let placements = fields.int_or("placements", 1)?;
    let mut random = MockRandom(KAFKA_SEED);
    let mut below = |bound| random.below(bound);
    let mut striped = Striped::new(&brokers, &mut below);
    let placed: Result<Vec<Vec<u16>>, PlacementError> =
        (0..placements).map(|_| Ok(striped.place(factor, &mut below)?.iter().map(|b| b.0).collect())).collect();
    Ok(match placed {
        Ok(replicas) => json!({ "replicas": replicas }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    })
}

fn usable(value: &Value) -> Result<Usable, String> {
    let wrong = || format!("not understood: the broker {value}");
    let id = value["id"].as_u64().and_then(|id| u16::try_from(id).ok()).ok_or_else(wrong)?;
    let fenced = value["fenced"].as_bool().ok_or_else(wrong)?;
    Ok(Usable { id: BrokerId(id), rack: value["rack"].as_str().map(str::to_owned), fenced })
}

pub fn admin_placement(fields: &mut Fields<'_>, _: &Value) -> Result<Value, String> {
    let mut racks = Racks::new();
    for (id, rack) in fields.get("racks")?.as_object().ok_or("not understood: racks")? {
        let id = id.parse().map_err(|_| format!("not understood: broker {id}"))?;
        racks.insert(BrokerId(id), rack.as_str().ok_or("not understood: a rack")?.to_owned());
    }
    match fields.text("op")? {
        "rack_alternated" => Ok(json!({ "order": ids(&admin::rack_alternated(&racks)) })),
        "assign" => assign(fields, &racks),
        other => Err(format!("not understood: op {other}")),
    }
}

fn assign(fields: &mut Fields<'_>, racks: &Racks) -> Result<Value, String> {
    let brokers: Vec<BrokerId> = fields.ints("brokers")?.into_iter().map(|id| BrokerId(id as u16)).collect();
    let any = fields.find("fixed_start_index").is_some_and(|start| start.as_str() == Some("any"));
    let start = if any { None } else { Some(fields.int_or("fixed_start_index", 0)? as u32) };
    let wanted = Wanted {
        partitions: fields.int("partitions")? as u32,
        factor: fields.int("rf")? as u32,
        start: start.unwrap_or(0),
        first_partition: fields.int_or("start_partition_id", 0)? as u32,
    };
    let Some(_) = start else { return balance(&brokers, racks, wanted) };
    Ok(match admin::assign(&brokers, racks, wanted) {
        Ok(placed) => {
            let named = (wanted.first_partition..).zip(&placed).map(|(p, replicas)| (p.to_string(), json!(ids(replicas))));
            json!({ "assignment": named.collect::<serde_json::Map<_, _>>() })
        }
        Err(error) => json!({ "error": format!("{error:?}") }),
    })
}

/// Wherever it starts, every broker leads as much and keeps as much.
fn balance(brokers: &[BrokerId], racks: &Racks, wanted: Wanted) -> Result<Value, String> {
    let mut found = BTreeSet::new();
    for start in 0..brokers.len() as u32 {
        let placed = admin::assign(brokers, racks, Wanted { start, ..wanted }).map_err(|e| format!("{e:?}"))?;
        let (mut leaders, mut replicas) = (BTreeMap::new(), BTreeMap::new());
        for partition in &placed {
            *leaders.entry(partition[0]).or_insert(0) += 1;
            partition.iter().for_each(|&b| *replicas.entry(b).or_insert(0) += 1);
            let distinct = partition.iter().map(|b| &racks[b]).collect::<BTreeSet<_>>().len();
            found.insert(("racks", distinct));
        }
        found.extend(brokers.iter().map(|b| ("leaders", leaders.get(b).copied().unwrap_or(0))));
        found.extend(brokers.iter().map(|b| ("replicas", replicas.get(b).copied().unwrap_or(0))));
    }
    let only = |what: &str| {
        let values: Vec<usize> = found.iter().filter(|(name, _)| *name == what).map(|(_, n)| *n).collect();
        if let [one] = values[..] { json!(one) } else { json!(values) }
    };
    Ok(json!({
        "leaders_per_broker": only("leaders"),
        "replicas_per_broker": only("replicas"),
        "distinct_racks_per_partition": only("racks"),
    }))
}

fn ids(brokers: &[BrokerId]) -> Vec<u16> {
    brokers.iter().map(|b| b.0).collect()
}
