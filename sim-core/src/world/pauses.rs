//! Paused processes: a long garbage collection, a stopped container. They do nothing and know nothing of the time that passes, while their
//! machines' kernels take in what arrives. When they go on, they read that first, in the order in which it came, and then find their timers
//! late.

use super::World;
use crate::fault;
use crate::ids::NodeId;
use crate::queue::Event;
use crate::time::SimTime;
use crate::trace::{DropReason, TraceEvent, TraceId, What};
use std::collections::VecDeque;

/// What waits for a paused process.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// What its kernel has taken in.
    arrived: VecDeque<Event>,
    /// It was told to stop, by this event.
    told_to_stop: Option<TraceId>,
}

impl World {
    /// Is its process paused?
    #[inline]
    pub fn is_paused(&self, node: NodeId) -> bool {
        !self.paused.is_empty() && self.paused.contains_key(&node)
    }

    /// The process stands still from now on. No effect on one that does not run.
    pub(crate) fn pause(&mut self, node: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
        if self.is_up(node) && !self.is_paused(node) {
            self.paused.insert(node, Waiting::default());
            self.act(cause, events, |_, fx| fx.trace(What::Paused { node, paused: true }));
        }
    }

    /// The process goes on. No effect on one that is not paused.
    pub(crate) fn resume(&mut self, node: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
        let Some(waiting) = self.paused.remove(&node) else { return };
        let cause = self.act(cause, events, |_, fx| fx.trace_from(cause, What::Paused { node, paused: false }));
        for event in waiting.arrived {
            self.happen(event, events);
        }
        self.wake(node, events);
        if waiting.told_to_stop.is_some() {
            fault::shut_down(self, node, cause, events);
        }
    }

    /// A paused process reads the signal to stop when it goes on. False: it is not paused.
    pub(crate) fn signal_later(&mut self, node: NodeId, cause: TraceId) -> bool {
        let waiting = self.paused.get_mut(&node);
        waiting.map(|waiting| waiting.told_to_stop = Some(cause)).is_some()
    }

    /// The kernel of a paused process keeps what happens to it. Gives back what is somebody else's.
    pub(super) fn keep_if_paused(&mut self, event: Event) -> Option<Event> {
        if self.paused.is_empty() {
            return Some(event);
        }
        let node = match &event {
            Event::Wake(node) => *node,
            Event::Arrival(packet) | Event::Turn(packet) => packet.to,
            Event::HungUp(hung_up) => hung_up.connection.client,
            Event::Closed(connection) => connection.server,
            Event::SendAgain(_) | Event::Intervention(_) | Event::End => return Some(event),
        };
        let Some(waiting) = self.paused.get_mut(&node) else { return Some(event) };
        if matches!(event, Event::Wake(_)) {
            // It is woken when it goes on, whatever it was to be woken for.
            self.wake_at(node, SimTime::NEVER);
        } else {
            waiting.arrived.push_back(event);
        }
        None
    }

    /// A paused process has ended: what it had not read is gone with it.
    pub(super) fn forget_pause(&mut self, node: NodeId, events: &mut Vec<TraceEvent>) {
        let Some(waiting) = self.paused.remove(&node) else { return };
        for event in waiting.arrived {
            match event {
                Event::Arrival(packet) | Event::Turn(packet) => {
                    let what = What::Dropped { packet: packet.id, reason: DropReason::ReceiverDown };
                    self.act(packet.trace, events, |_, fx| fx.trace(what));
                }
                other => self.happen(other, events),
            }
        }
    }
}
