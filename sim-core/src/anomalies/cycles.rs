//! Cycles of writes among committed transactions (G0): Kafka lets them write between each other.

use super::clients::{Clients, Fate};
use crate::ids::*;
use crate::rows::{Map, Set};

/// One transaction comes before another.
type Edge = (usize, usize);

/// How many cycles of writes there are: each is one whatever its length, and those that share a transaction are one.
pub(super) fn of(clients: &Clients) -> u32 {
    rings(clients.transactions.len(), &writes(clients)).len() as u32
}

/// Who wrote before whom, partition by partition.
fn writes(clients: &Clients) -> Vec<Edge> {
    let mut orders: Map<PartitionId, Vec<(Offset, usize)>> = Map::new();
    for send in &clients.sends {
        let told = clients.told(send.batch);
        if let (Fate::Done, Some(base), Some(transaction)) = (told.fate, told.base, told.transaction) {
            orders.entry(send.partition).or_default().push((base.plus(send.place), transaction));
        }
    }
    let mut edges = Set::new();
    for order in orders.values_mut() {
        order.sort_unstable();
        let pairs = order.windows(2).map(|pair| (pair[0].1, pair[1].1)).filter(|(a, b)| a != b);
        pairs.for_each(|edge| {
            edges.insert(edge);
        });
    }
    edges.iter().copied().collect()
}

/// The sets of more than one node in which each leads to each other.
fn rings(nodes: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let (mut to, mut from) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
    for &(a, b) in edges {
        to[a].push(b);
        from[b].push(a);
    }
    let mut reached = vec![false; nodes];
    let mut order = Vec::new();
    for start in 0..nodes {
        walk(start, &to, &mut reached, &mut order);
    }
    let mut taken = vec![false; nodes];
    let mut all = Vec::new();
    for &start in order.iter().rev() {
        let mut ring = Vec::new();
        walk(start, &from, &mut taken, &mut ring);
        all.extend((ring.len() > 1).then_some(ring));
    }
    all
}

/// Adds all that can be reached and was not before, each after those that it leads to.
fn walk(start: usize, edges: &[Vec<usize>], reached: &mut [bool], out: &mut Vec<usize>) {
    let mut stack = vec![(start, 0)];
    if std::mem::replace(&mut reached[start], true) {
        return;
    }
    while let Some((node, next)) = stack.pop() {
        match edges[node].get(next) {
            Some(&target) => {
                stack.push((node, next + 1));
                if !std::mem::replace(&mut reached[target], true) {
                    stack.push((target, 0));
                }
            }
            None => out.push(node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_found() {
        assert_eq!(rings(4, &[(0, 1), (1, 2), (2, 3)]), Vec::<Vec<usize>>::new());
        let sorted = |mut rings: Vec<Vec<usize>>| {
            rings.iter_mut().for_each(|ring| ring.sort_unstable());
            rings.sort_unstable();
            rings
        };
        assert_eq!(sorted(rings(5, &[(0, 1), (1, 0), (1, 2), (3, 4), (4, 3)])), [vec![0, 1], vec![3, 4]]);
        assert_eq!(sorted(rings(4, &[(0, 1), (1, 2), (2, 3), (3, 0)])), [vec![0, 1, 2, 3]]);
    }
}
