//! A service that is called directly, to compare a queue with (S-16): who calls it waits until the business is done. Its threads work on one
//! call each; who comes when all are busy waits in line, and what is in line or in work is gone with the process.

use crate::effects::{Caller, Effects};
use crate::ids::{MessageId, NodeId, StoreId};
use crate::layout::Layout;
use crate::producer::Process;
use crate::rng::Stream;
use crate::time::SimTime;
use crate::trace::{TraceId, What};
use crate::wire::{Body, Packet, Request, Response};
use std::collections::VecDeque;
use std::sync::Arc;

/// A call that has arrived.
#[derive(Clone, Copy, Debug)]
struct Call {
    caller: Caller,
    message: MessageId,
    cause: TraceId,
}

/// The server.
#[derive(Clone, Debug)]
pub struct Service {
    layout: Arc<Layout>,
    /// How its process is.
    pub process: Process,
    time: Stream,
    line: VecDeque<Call>,
    /// What its threads work on, and until when.
    busy: Vec<(SimTime, Call)>,
    served: u32,
}

impl Service {
    const NODE: NodeId = NodeId::Store(StoreId::Service);

    /// One that nobody has called.
    pub fn new(layout: Arc<Layout>) -> Service {
        let time = Stream::new(layout.scenario.seed, "handling service");
        Service { layout, process: Process::Up, time, line: VecDeque::new(), busy: Vec::new(), served: 0 }
    }

    /// Calls that it has done the business of.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// Calls in work and in line.
    pub fn open(&self) -> u32 {
        (self.busy.len() + self.line.len()) as u32
    }

    /// A call arrived.
    pub fn handle(&mut self, packet: &Packet, fx: &mut Effects<'_>) {
        let (caller, cause) = (Caller::of(packet), fx.cause);
        match packet.body {
            Body::Request(Request::Call(message)) => self.line.push_back(Call { caller, message, cause }),
            _ => fx.respond(&caller, Service::NODE, cause, Response::ApiVersions),
        }
        self.employ(fx.now);
    }

    /// Threads that are idle take what waits in line.
    fn employ(&mut self, now: SimTime) {
        let spec = self.layout.scenario.service;
        while self.busy.len() < usize::from(spec.threads)
            && let Some(call) = self.line.pop_front()
        {
            self.busy.push((now + self.time.latency(spec.time), call));
        }
    }

    /// Threads that are done answer, and take the next call.
    pub fn wake(&mut self, fx: &mut Effects<'_>) {
        while let Some(at) = self.busy.iter().position(|(until, _)| *until <= fx.now) {
            let (_, Call { caller, message, cause }) = self.busy.remove(at);
            self.served += 1;
            let done = fx.trace_from(cause, What::Served { message });
            fx.respond(&caller, Service::NODE, done, Response::Called);
            self.employ(fx.now);
        }
    }

    /// When it has to be woken.
    pub fn next_due(&self) -> SimTime {
        self.busy.iter().map(|(until, _)| *until).min().unwrap_or(SimTime::NEVER)
    }

    /// A client's connection is closed: nobody waits for its answers, but what is in work is done.
    pub fn client_gone(&mut self, client: NodeId) {
        self.line.retain(|call| call.caller.node != client);
    }

    /// Its process ends, and what it worked on with it.
    pub fn stop(&mut self, process: Process, fx: &mut Effects<'_>) {
        self.process = process;
        let (node, power) = (Service::NODE, process == Process::PoweredOff);
        fx.cause = fx.trace(if process == Process::Stopped { What::Stopped { node } } else { What::Crashed { node, power } });
        if !power {
            fx.hang_up_all(node, fx.cause);
        }
        self.line.clear();
        self.busy.clear();
    }

    /// It is there again.
    pub fn start(&mut self, fx: &mut Effects<'_>) {
        self.process = Process::Up;
        fx.trace(What::Started { node: Service::NODE });
    }
}
