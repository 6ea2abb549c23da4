//! What the histories of the clients alone show: what they sent, what they were told, what they polled. The names are those of Jepsen's workload for
//! systems like Kafka; a *key* of Jepsen's is a partition here, and a *value* a message. What happened in the brokers, and what handlers made of the
//! records, is not looked at: whoever tests a real cluster from outside sees this and no more.
//!
//! | anomaly | counted are |
//! |---|---|
//! | `lost-write` | messages that were acknowledged at an offset which somebody has polled beyond, and that nobody has polled |
//! | `unseen` | messages that were acknowledged and that nobody has polled until the end; the lost ones are among them |
//! | `duplicate` | messages at more than one offset |
//! | `inconsistent-offsets` | offsets at which different messages were seen, by whoever wrote or polled them |
//! | `g1a` | messages that were polled at an offset at which their sender was told that they had failed, or their transaction aborted (an aborted read) |
//! | `nonmonotonic-send` | messages that were acknowledged at a lower offset than one which the same producer had sent before |
//! | `poll-skip` | polls that left out something since the poll before by the same member, without a rebalance between |
//! | `nonmonotonic-poll` | polls that went back behind the poll before, in the same way |
//! | `g0` | cycles of committed transactions that wrote before each other, which Kafka allows; those that share one are counted as one |
//!
//! Not counted: G1b (parts of a transaction are polled all the time, for a poll has its own limits), and G1c (a cycle over reads, too: here a
//! transaction writes to one topic, and what is forwarded makes no circle).

mod clients;
mod cycles;
mod polls;

use crate::history::History;
use crate::ids::*;
use crate::rows::{Map, Set};
use clients::{Clients, Fate};

/// The names, in the order of the table.
pub const NAMES: [&str; 9] = [
    "lost-write",
    "unseen",
    "duplicate",
    "inconsistent-offsets",
    "g1a",
    "nonmonotonic-send",
    "poll-skip",
    "nonmonotonic-poll",
    "g0",
];

/// How often each anomaly is in the histories, by its name; what is not there is left out.
pub fn of(history: &History) -> Map<&'static str, u32> {
    let clients = Clients::of(history);
    let (lost, unseen) = unread(&clients);
    let (duplicates, inconsistent) = places(&clients);
    let (skips, back) = polls::of(&clients);
    let counts =
        [lost, unseen, duplicates, inconsistent, aborted_reads(&clients), sent_back(&clients), skips, back, cycles::of(&clients)];
    let mut found = Map::new();
    for (name, count) in NAMES.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        found.insert(name, count);
    }
    found
}

/// Lost writes, and what nobody has seen.
fn unread(clients: &Clients) -> (u32, u32) {
    let polled: Set<MessageId> = crate::sort::gathered(clients.seen().map(|(_, _, seen)| seen.message));
    let mut furthest: Map<PartitionId, Offset> = Map::new();
    for (partition, offset, _) in clients.seen() {
        let far = furthest.entry(partition).or_insert(offset);
        *far = offset.max(*far);
    }
    let (mut lost, mut unseen) = (Set::new(), Set::new());
    for send in &clients.sends {
        let told = clients.told(send.batch);
        if told.fate != Fate::Done || polled.contains(&send.message) || !clients.is_read(send.partition) {
            continue;
        }
        unseen.insert(send.message);
        let at = told.base.map(|base| base.plus(send.place));
        if at.is_some_and(|at| furthest.get(&send.partition).is_some_and(|far| at <= *far)) {
            lost.insert(send.message);
        }
    }
    (lost.len() as u32, unseen.len() as u32)
}

/// Messages at several offsets, and offsets with several messages: by what was polled, and what senders were told.
fn places(clients: &Clients) -> (u32, u32) {
    let mut by_offset: Map<(PartitionId, Offset), Set<MessageId>> = Map::new();
    let mut by_message: Map<MessageId, Set<(PartitionId, Offset)>> = Map::new();
    let mut note = |partition: PartitionId, offset: Offset, message: MessageId| {
        by_offset.entry((partition, offset)).or_default().insert(message);
        // What is forwarded is another topic's.
        if clients.is_home(partition, message) {
            by_message.entry(message).or_default().insert((partition, offset));
        }
    };
    for (partition, offset, seen) in clients.seen() {
        note(partition, offset, seen.message);
    }
    for send in &clients.sends {
        let told = clients.told(send.batch);
        if let (Fate::Done, Some(base)) = (told.fate, told.base) {
            note(send.partition, base.plus(send.place), send.message);
        }
    }
    let several = |count: usize| count > 1;
    let duplicates = by_message.values().filter(|places| several(places.len())).count();
    let inconsistent = by_offset.values().filter(|messages| several(messages.len())).count();
    (duplicates as u32, inconsistent as u32)
}

/// What was polled though it had failed.
fn aborted_reads(clients: &Clients) -> u32 {
    let failed = clients.seen().filter(|(_, _, seen)| clients.told(seen.batch).fate == Fate::Failed);
    let messages: Set<MessageId> = crate::sort::gathered(failed.map(|(_, _, seen)| seen.message));
    messages.len() as u32
}

/// What was acknowledged behind something that its producer had sent before it.
fn sent_back(clients: &Clients) -> u32 {
    let mut last: Map<(ProducerId, PartitionId), Offset> = Map::new();
    let mut back = Set::new();
    for send in &clients.sends {
        let told = clients.told(send.batch);
        let (Fate::Done, Some(base)) = (told.fate, told.base) else { continue };
        let at = base.plus(send.place);
        let before = last.entry((send.producer, send.partition)).or_insert(at);
        if at < *before {
            back.insert(send.message);
        }
        *before = at.max(*before);
    }
    back.len() as u32
}
