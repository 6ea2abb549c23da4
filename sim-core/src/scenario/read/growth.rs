//! `[[fault]]`s that give a topic more partitions (P-23).

use super::error::ScenarioError;
use super::fault::{Names, topic_id};
use super::table::Table;
use crate::ids::TopicId;
use crate::scenario::{Action, Intervention};
use crate::session::MAX_TOTAL;
use crate::time::SimTime;

/// `add-partitions = "orders"` with the `total` that the topic has then, as `kafka-topics --alter --partitions` counts.
pub(super) fn fault(table: &Table, at: SimTime, names: &Names, list: &mut Vec<Intervention>) -> Result<(), ScenarioError> {
    table.known(&["at", "add-partitions", "total"])?;
    let topic = table.parsed("add-partitions", |text| user_topic(text, names))?.ok_or_else(|| table.missing("add-partitions"))?;
    let total = u16::try_from(table.need_integer("total", 1, u64::from(MAX_TOTAL))?).expect("at most MAX_TOTAL");
    let before = |i: &Intervention| match i.action {
        Action::AddPartitions { topic: of, total } if of == topic && i.at <= at => Some(total),
        _ => None,
    };
    let spec = &names.topics[topic.ix()];
    let now = list.iter().filter_map(before).max().unwrap_or(0).max(spec.partitions);
    if total <= now {
        let message = format!("topic `{}` has {now} partitions by then, and {total} would not be more", spec.name);
        return Err(table.error(table.need("total")?.span(), message).help("`total` counts those that are there already"));
    }
    list.push(Intervention { at, action: Action::AddPartitions { topic, total } });
    Ok(())
}

fn user_topic(text: &str, names: &Names) -> Result<TopicId, String> {
    if matches!(text, "__consumer_offsets" | "__transaction_state") {
        return Err(format!("`{text}` is Kafka's own: groups and transactions are placed by the number of its partitions"));
    }
    topic_id(text, names)
}
