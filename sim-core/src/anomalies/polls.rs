//! One poll after the other, by the same member of the same partition.

use super::clients::{Clients, Fate, Poll};
use crate::ids::*;
use crate::rows::Map;

/// The offsets at which somebody has seen something, or was told so; true: readers of committed records see it, too.
type Order = Vec<(Offset, bool)>;

/// Polls that left something out, and polls that went back.
pub(super) fn of(clients: &Clients) -> (u32, u32) {
    let orders = orders(clients);
    let mut last: Map<(ConsumerId, PartitionId), Offset> = Map::new();
    let (mut skips, mut back) = (0, 0);
    for poll in &clients.polls {
        let (Some(first), Some(end)) = (poll.records.first(), poll.records.last()) else { continue };
        let before = last.insert((poll.consumer, poll.partition), end.0).filter(|_| !poll.fresh);
        let Some(before) = before else { continue };
        back += u32::from(first.0 <= before);
        skips += u32::from(orders.get(&poll.partition).is_some_and(|order| left_out(clients, poll, order, (before, first.0))));
    }
    (skips, back)
}

/// Is there something between the two that this member should have got?
fn left_out(clients: &Clients, poll: &Poll, order: &Order, (before, first): (Offset, Offset)) -> bool {
    let committed_only = clients.reads_committed(poll.consumer);
    let from = order.partition_point(|(offset, _)| *offset <= before);
    order[from..].iter().take_while(|(offset, _)| *offset < first).any(|(_, committed)| *committed || !committed_only)
}

fn orders(clients: &Clients) -> Map<PartitionId, Order> {
    let mut orders: Map<PartitionId, Order> = Map::new();
    for (partition, offset, seen) in clients.seen() {
        let told = clients.told(seen.batch);
        let committed = told.transaction.is_none() || told.fate == Fate::Done;
        orders.entry(partition).or_default().push((offset, committed));
    }
    for send in &clients.sends {
        let told = clients.told(send.batch);
        if let (Fate::Done, Some(base)) = (told.fate, told.base) {
            orders.entry(send.partition).or_default().push((base.plus(send.place), true));
        }
    }
    orders.values_mut().for_each(|order| order.sort_unstable());
    orders
}
