//! A controller: a voter of the quorum that keeps the metadata log, and, while it leads the quorum, the active controller that decides:
//! registrations, heartbeats, fencing, elections. It decides on a state that is ahead of what is committed; nobody is answered before
//! what the answer says is committed, and what was not is forgotten when the leadership is lost (C-18).

pub mod active;
pub mod balance;
pub mod brokers;
pub mod change;
pub mod committed;
pub mod image;
pub mod log;
pub mod partitions;
pub mod quorum;

use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::producer::Process;
use crate::time::SimTime;
use crate::trace::What;
use crate::wire::{Body, Connection, Packet, Request};
use active::{Active, not_controller};
use image::Image;
use log::Why;
use quorum::Quorum;
use std::sync::Arc;

/// A controller.
#[derive(Clone, Debug)]
pub struct Controller {
    /// Its id.
    pub id: ControllerId,
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    /// Its part in the quorum, with the log.
    pub quorum: Quorum,
    /// The state that the committed records add up to, as far as it knows them.
    pub image: Image,
    /// While it is the active controller.
    active: Option<Active>,
}

impl Controller {
    /// A controller of a formed cluster: controller 1 is active, every broker is registered and unfenced, the first replica of each
    /// partition leads, every replica is in sync.
    pub fn new(id: ControllerId, layout: Arc<Layout>) -> Controller {
        let scenario = &layout.scenario;
        let image = Image::formed(&layout);
        let voters = scenario.cluster.controllers;
        let quorum = Quorum::new(id, voters, scenario.seed, &scenario.cluster.config, image.offset);
        let active = quorum.is_leader().then(|| Active::new(layout.clone(), image.clone(), SimTime::ZERO));
        Controller { id, process: Process::Up, quorum, image, active, layout }
    }

    /// Its own node.
    pub fn node(&self) -> NodeId {
        NodeId::Controller(self.id)
    }

    /// Does its process run?
    pub fn is_up(&self) -> bool {
        self.process == Process::Up
    }

    /// Is it the active controller, or does it believe so?
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        if !self.is_up() {
            return SimTime::NEVER;
        }
        self.active.as_ref().map_or(SimTime::NEVER, Active::next_due).min(self.quorum.next_due())
    }

    /// Its time has come.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        if let Some(active) = &mut self.active {
            active.wake(fx.now);
        }
        self.settle(fx);
    }

    /// A packet arrived. False: nobody waits for this answer any more.
    pub fn handle(&mut self, packet: &Packet, fx: &mut Effects<'_>) -> bool {
        let read = match &packet.body {
            Body::Request(request) => {
                self.on_request(Caller::of(packet), request, fx);
                true
            }
            Body::Response(_) => self.quorum.on_answer(packet, fx),
        };
        self.settle(fx);
        read
    }

    fn on_request(&mut self, caller: Caller, request: &Request, fx: &mut Effects<'_>) {
        match request {
            &Request::MetadataFetch { replica, epoch, last_epoch, offset, high_watermark } => {
                let fetch = quorum::FetchOf { replica, epoch, last_epoch, offset, high_watermark };
                self.quorum.on_fetch(caller, fetch, fx);
            }
            Request::Vote { .. } | Request::BeginQuorumEpoch { .. } | Request::EndQuorumEpoch { .. } => {
                let answer = self.quorum.on_request(request, fx);
                fx.respond(&caller, self.node(), fx.cause, answer);
            }
            _ => match &mut self.active {
                Some(active) if self.quorum.is_leader() => active.on_request(caller, request, fx),
                _ => fx.respond(&caller, self.node(), fx.cause, not_controller(request)),
            },
        }
    }

    /// P-23: an administrator's tool asks for more partitions. It asks once: whatever is in the way, nothing comes of it then.
    pub fn create_partitions(&mut self, topic: TopicId, total: u16, fx: &mut Effects<'_>) {
        let active = self.active.as_mut().filter(|_| self.quorum.is_leader());
        let found = active.as_ref().ok_or(ErrorCode::NotController).and_then(|active| active.new_partitions(topic, total));
        let error = found.as_ref().err().copied().unwrap_or(ErrorCode::None);
        let asked = fx.trace(What::PartitionsAsked { controller: Some(self.id), topic, total, error });
        if let (Some(active), Ok(new)) = (active, found) {
            active.add_partitions(new, Why::Event(asked));
        }
        self.settle(fx);
    }

    /// A voter closed or refused this one's connections.
    pub fn disconnected(&mut self, connection: Connection, fx: &mut Effects<'_>) {
        self.quorum.disconnected(connection, fx);
        self.settle(fx);
    }

    /// After each input: what was decided goes into the log, what is committed takes effect.
    fn settle(&mut self, fx: &mut Effects<'_>) {
        loop {
            if let Some(active) = self.active.as_mut().filter(|_| self.quorum.is_leader()) {
                for (record, what, why) in active.take_unwritten() {
                    self.quorum.append(record, what, why);
                }
            }
            self.quorum.poll(fx);
            self.quorum.advance_watermark();
            self.apply_committed(fx);
            if !self.change_office(fx) {
                break;
            }
        }
        let node = self.node();
        if let Some(active) = &mut self.active {
            active.answer_committed(node, self.quorum.high_watermark, fx);
        }
        self.quorum.answer_parked(fx);
    }

    fn apply_committed(&mut self, fx: &mut Effects<'_>) {
        while self.image.offset < self.quorum.high_watermark {
            let entry = *self.quorum.log.entry(self.image.offset).expect("what is committed is in the log");
            fx.commit(self.image.offset, &entry);
            self.image.apply(entry.record);
        }
    }

    /// Becomes the active controller once everything before its epoch is committed; stops being it with the leadership.
    fn change_office(&mut self, fx: &mut Effects<'_>) -> bool {
        let leads = self.quorum.is_leader();
        if let Some(active) = self.active.take_if(|_| !leads) {
            active.give_up(self.node(), fx);
        } else if self.active.is_none() && self.quorum.leads_with_everything() {
            let epoch = self.quorum.view().epoch;
            fx.trace(What::ControllerActive { controller: self.id, epoch });
            self.active = Some(Active::new(self.layout.clone(), self.image.clone(), fx.now));
            return true;
        }
        false
    }

    // --- processes -------------------------------------------------------------------------------------------------------------

    /// The cluster is formed: work begins.
    pub fn begin(&mut self, fx: &mut Effects<'_>) {
        self.settle(fx);
    }

    /// A stopped process starts: it reads its log again, and what of it is committed it learns from a leader.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        assert!(!self.is_up(), "only a stopped controller starts");
        fx.cause = fx.trace(What::Started { node: self.node() });
        self.process = Process::Up;
        self.quorum.start(fx.now);
        self.settle(fx);
    }

    /// The process ends: without a word, with its machine, or in good order. The log and the vote are on the disk in any case; a leader that
    /// stops in good order says so to the others.
    pub fn stop(&mut self, how: Process, fx: &mut Effects<'_>) {
        let node = self.node();
        if how == Process::Stopped {
            self.quorum.resign(fx);
            self.change_office(fx);
        }
        let event = match how {
            Process::Stopped => fx.trace(What::Stopped { node }),
            _ => fx.trace(What::Crashed { node, power: how == Process::PoweredOff }),
        };
        self.process = how;
        self.active = None;
        self.quorum.stop(fx);
        if how != Process::PoweredOff {
            fx.hang_up_all(node, event);
        }
    }
}
