//! What will happen, in the order in which it will: packets and interventions in a heap, the next wake of each node in a table.

use crate::ids::NodeId;
use crate::net::Pipe;
use crate::sort;
use crate::time::SimTime;
use crate::trace::TraceId;
use crate::wire::{Connection, Packet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Something that will happen. Boxed as far as it is large: a heap moves its entries about.
#[derive(Clone, Debug)]
pub enum Event {
    /// A packet arrives.
    Arrival(Box<Packet>),
    /// A request that has waited at a broker is read.
    Turn(Box<Packet>),
    /// A client learns that a server closed or refused a connection.
    HungUp(Box<HungUp>),
    /// A server learns that a client has closed a connection.
    Closed(Box<Connection>),
    /// What was lost on a connection is sent again.
    SendAgain(Box<Pipe>),
    /// Somebody has something to do.
    Wake(NodeId),
    /// An intervention, by its position in the list.
    Intervention(u32),
    /// The run ends: verdicts are given.
    End,
}

/// The end of a connection, on its way to the client.
#[derive(Clone, Copy, Debug)]
pub struct HungUp {
    /// Which.
    pub connection: Connection,
    /// Why.
    pub cause: TraceId,
}

/// An event with its place in the order of things.
#[derive(Clone, Debug)]
struct Scheduled {
    place: Place,
    event: Event,
}

/// By time; at one time interventions first, then what is scheduled in that order, then wakes, and the end of the run last. One
/// number, since a heap compares it several times for each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u128);

impl Place {
    fn new(at: SimTime, order: u64) -> Place {
        Place(u128::from(at.0) << 64 | u128::from(order))
    }

    fn at(self) -> SimTime {
        SimTime((self.0 >> 64) as u64)
    }

    fn order(self) -> u64 {
        self.0 as u64
    }
}

/// Interventions come before everything else at their instant, so that acting at an instant and replaying the act give one order.
const AFTER_INTERVENTIONS: u64 = 1 << 32;
/// Whoever is woken at an instant has received all that arrives at it.
const WAKES: u64 = u64::MAX - 1;
const END: u64 = u64::MAX;

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        self.place == other.place
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// All that will happen.
#[derive(Clone, Debug)]
pub struct Queue {
    heap: BinaryHeap<Reverse<Scheduled>>,
    next_order: u64,
    nodes: Arc<[NodeId]>,
    wakes: Wakes,
}

impl Queue {
    /// Nothing will happen to these nodes. Their order is the order in which they are woken at one instant.
    pub fn new(nodes: impl Iterator<Item = NodeId>) -> Queue {
        let nodes: Vec<NodeId> = nodes.collect();
        let wakes = Wakes::new(nodes.len());
        Queue { heap: BinaryHeap::new(), next_order: AFTER_INTERVENTIONS, nodes: nodes.into(), wakes }
    }

    /// Adds an event, after all that was added for the same time. Wakes are set, and neither interventions nor the end come here.
    pub fn add(&mut self, at: SimTime, event: Event) {
        let order = self.next_order;
        self.next_order += 1;
        self.push(at, order, event);
    }

    /// Adds an intervention, by its position in the list.
    pub fn add_intervention(&mut self, at: SimTime, index: u32) {
        self.push(at, u64::from(index), Event::Intervention(index));
    }

    /// The run ends then.
    pub fn add_end(&mut self, at: SimTime) {
        self.push(at, END, Event::End);
    }

    fn push(&mut self, at: SimTime, order: u64, event: Event) {
        self.heap.push(Reverse(Scheduled { place: Place::new(at, order), event }));
    }

    /// The node at this position of the table is woken then, and not when it was to be woken before; NEVER: not at all.
    #[inline]
    pub fn set_wake(&mut self, index: usize, at: SimTime) {
        self.wakes.set(index, at);
    }

    /// When the next event comes.
    pub fn next_at(&self) -> SimTime {
        let scheduled = self.heap.peek().map_or(SimTime::NEVER, |next| next.0.place.at());
        scheduled.min(self.wakes.next_at())
    }

    /// Takes the next event, with its time. Who is woken will be woken again and again until told when to be woken next.
    pub fn pop(&mut self) -> Option<(SimTime, Event)> {
        let wake_at = self.wakes.next_at();
        let wake_first = self.heap.peek().is_none_or(|next| Place::new(wake_at, WAKES) < next.0.place);
        if !wake_first {
            return self.heap.pop().map(|Reverse(next)| (next.place.at(), next.event));
        }
        self.wakes.next().map(|index| (wake_at, Event::Wake(self.nodes[index])))
    }

    /// Takes events out that will not happen, or not then, with their times, in the order in which they were scheduled.
    pub fn take_out(&mut self, which: impl Fn(&Event) -> bool) -> Vec<(SimTime, Event)> {
        let (mut gone, kept): (Vec<_>, Vec<_>) = self.heap.drain().partition(|Reverse(next)| which(&next.event));
        self.heap.extend(kept);
        sort::by_key(&mut gone, |Reverse(next)| next.place.order());
        gone.into_iter().map(|Reverse(next)| (next.place.at(), next.event)).collect()
    }

    /// What is scheduled, and when it comes, in no particular order.
    pub fn scheduled(&self) -> impl Iterator<Item = (&Event, SimTime)> {
        self.heap.iter().map(|Reverse(next)| (&next.event, next.place.at()))
    }
}

/// When each node is woken next: a tree in which each place has the earlier of the two times below it. Nearly every event sets one,
/// often to the time that it has already.
#[derive(Clone, Debug)]
struct Wakes {
    /// The root at 1, the children of n at 2n and 2n + 1; the last `leaves` are the nodes.
    tree: Vec<SimTime>,
    leaves: usize,
}

impl Wakes {
    fn new(nodes: usize) -> Wakes {
        let leaves = nodes.next_power_of_two();
        Wakes { tree: vec![SimTime::NEVER; 2 * leaves], leaves }
    }

    #[inline]
    fn set(&mut self, node: usize, at: SimTime) {
        let mut place = self.leaves + node;
        if self.tree[place] == at {
            return;
        }
        self.tree[place] = at;
        while place > 1 {
            let earlier = self.tree[place].min(self.tree[place ^ 1]);
            place /= 2;
            if self.tree[place] == earlier {
                return;
            }
            self.tree[place] = earlier;
        }
    }

    fn next_at(&self) -> SimTime {
        self.tree[1]
    }

    /// Who is woken next; of several, the first in the order of nodes.
    #[inline]
    fn next(&self) -> Option<usize> {
        let at = self.next_at();
        if at == SimTime::NEVER {
            return None;
        }
        let mut place = 1;
        while place < self.leaves {
            place *= 2;
            place += usize::from(self.tree[place] != at);
        }
        Some(place - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::BrokerId;
    use crate::wire::Channel;

    const NODES: [NodeId; 3] = [NodeId::Broker(BrokerId(1)), NodeId::Broker(BrokerId(2)), NodeId::Broker(BrokerId(3))];

    fn name(event: &Event) -> String {
        match event {
            Event::HungUp(hung_up) => format!("hung up {}", hung_up.connection.number),
            Event::Wake(node) => format!("wake {node}"),
            Event::Intervention(index) => format!("intervention {index}"),
            Event::End => "end".to_owned(),
            other => unreachable!("{other:?}"),
        }
    }

    fn scheduled(number: u32) -> Event {
        let connection = Connection { server: NODES[0], client: NODES[1], channel: Channel::Client, number };
        Event::HungUp(Box::new(HungUp { connection, cause: TraceId::START }))
    }

    #[test]
    fn at_one_instant_things_have_an_order() {
        let mut queue = Queue::new(NODES.into_iter());
        let at = SimTime(5);
        queue.add_end(at);
        for node in [2, 1, 0] {
            queue.set_wake(node, at);
        }
        queue.set_wake(0, SimTime(6));
        queue.add(at, scheduled(1));
        queue.add(SimTime(4), scheduled(2));
        queue.add(at, scheduled(3));
        queue.add_intervention(at, 1);
        queue.add_intervention(at, 0);
        assert_eq!(queue.next_at(), SimTime(4));
        let next = || {
            let (at, event) = queue.pop()?;
            if let Event::Wake(node) = event {
                let index = NODES.iter().position(|n| *n == node).expect("one of them");
                queue.set_wake(index, SimTime::NEVER);
            }
            Some((at.0, name(&event)))
        };
        let order: Vec<(u64, String)> = std::iter::from_fn(next).collect();
        let expected = [
            (4, "hung up 2"),
            (5, "intervention 0"),
            (5, "intervention 1"),
            (5, "hung up 1"),
            (5, "hung up 3"),
            (5, "wake broker 2"),
            (5, "wake broker 3"),
            (5, "end"),
            (6, "wake broker 1"),
        ];
        assert_eq!(order, expected.map(|(at, name)| (at, name.to_owned())));
        assert_eq!(queue.next_at(), SimTime::NEVER);
    }

    #[test]
    fn the_earliest_wake_is_known_whatever_is_set() {
        for nodes in [1, 2, 5, 8] {
            let mut wakes = Wakes::new(nodes);
            let mut times = vec![SimTime::NEVER; nodes];
            for turn in 0..200_usize {
                let (node, at) = (turn * 7 % nodes, SimTime((turn as u64 * 31) % 17));
                let at = if at.0 == 3 { SimTime::NEVER } else { at };
                wakes.set(node, at);
                times[node] = at;
                let first =
                    times.iter().copied().enumerate().filter(|(_, at)| *at != SimTime::NEVER).min_by_key(|(i, at)| (*at, *i));
                assert_eq!(wakes.next(), first.map(|(node, _)| node));
            }
        }
    }
}
