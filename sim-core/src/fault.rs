//! Interventions: what a scenario or a person does to the run.

use crate::consumer::Trap;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::producer::{Process, SendTrap};
use crate::rng::Stream;
use crate::scenario::{Action, DiskDeed, Keeps, Target};
use crate::trace::{TraceEvent, TraceId, What};
use crate::world::World;

/// Lets the intervention at this position of the list happen.
pub(crate) fn apply(world: &mut World, index: u32, events: &mut Vec<TraceEvent>) {
    let event = world.act(TraceId::START, events, |_, fx| fx.trace(What::Intervened { index }));
    match world.interventions[index as usize].action.clone() {
        Action::Crash { target } => stop_all(world, index, &target, Stop::Crash, event, events),
        Action::CrashAt { group, step, after, message, restart_after } => {
            let trap = Trap { cause: event, step: Some(step), after, message, restart_after };
            world.hit[index as usize] = set_traps(world, group, trap);
        }
        Action::CrashNext { consumer, message, restart_after } => {
            let trap = Trap { cause: event, step: None, after: false, message, restart_after };
            world.consumers[consumer.ix()].set_trap(trap);
            world.hit[index as usize] = vec![NodeId::Consumer(consumer)];
        }
        Action::CrashSomewhere { group, message, restart_after } => {
            let (step, after) = drawn_point(world, group, index);
            let trap = Trap { cause: event, step: Some(step), after, message, restart_after };
            world.hit[index as usize] = set_traps(world, group, trap);
        }
        Action::CrashSending { producer, step, after, message, restart_after } => {
            world.producers[producer.ix()].set_trap(SendTrap { cause: event, step, after, message, restart_after });
            world.hit[index as usize] = vec![NodeId::Producer(producer)];
        }
        Action::PowerCut { target, keeps } => stop_all(world, index, &target, Stop::PowerCut(keeps), event, events),
        Action::Disk { target, deed } => {
            let nodes = resolve(world, &target);
            for &node in &nodes {
                disk(world, node, deed, event, events);
            }
            world.hit[index as usize] = nodes;
        }
        Action::Corrupt { target, partition, offset } => {
            let nodes = resolve(world, &target);
            for &node in &nodes {
                if let NodeId::Broker(id) = node {
                    world.act(event, events, |actors, fx| actors.brokers[id.slot()].spoil(partition, offset, fx));
                }
            }
            world.hit[index as usize] = nodes;
        }
        Action::DeleteRecords { partition, before } => delete_records(world, partition, before, event, events),
        Action::AddPartitions { topic, total } => add_partitions(world, topic, total, event, events),
        Action::Pause { target } => {
            let nodes = resolve(world, &target);
            for node in with_companions(world, &nodes) {
                world.pause(node, event, events);
            }
            world.hit[index as usize] = nodes;
        }
        Action::Resume { target } => {
            let nodes = resolve(world, &target);
            for node in with_companions(world, &nodes) {
                world.resume(node, event, events);
            }
            world.hit[index as usize] = nodes;
        }
        Action::Shutdown { target } => stop_all(world, index, &target, Stop::Clean, event, events),
        Action::Restart { target } => {
            let nodes = resolve(world, &target);
            for node in with_companions(world, &nodes) {
                restart(world, node, event, events);
            }
            world.hit[index as usize] = nodes;
        }
        Action::Cut { a, b, one_way } => {
            each_link(world, index, &a, &b, |w, a, b| cut(w, (a, b, one_way), true, event, events));
        }
        Action::Heal { a, b, one_way } => {
            each_link(world, index, &a, &b, |w, a, b| cut(w, (a, b, one_way), false, event, events));
        }
        Action::Break { a, b } => {
            each_link(world, index, &a, &b, |w, a, b| w.break_between(a, b, event, events));
        }
        Action::DropPacket { packet } => world.break_under(packet, event, events),
        Action::DelayPacket { packet, by } => {
            let ends = world.delay(packet, by);
            note_ends(world, index, ends);
        }
        Action::DuplicatePacket { packet } => {
            let ends = world.duplicate(packet, event, events);
            note_ends(world, index, ends);
        }
        Action::Slow { a, b, extra } => {
            each_link(world, index, &a, &b, |w, a, b| {
                w.network.set_extra(a, b, extra);
                w.network.set_extra(b, a, extra);
            });
        }
        Action::Delay { from, to, latency } => {
            each_link(world, index, &from, &to, |w, a, b| w.network.set_latency(a, b, latency));
        }
        Action::Loss { from, to, per_mille } => {
            each_link(world, index, &from, &to, |w, a, b| w.network.set_loss(a, b, per_mille));
        }
        Action::SlowApi { from, to, api, extra } => {
            // Each way: the question and its answer.
            each_link(world, index, &from, &to, |w, a, b| {
                w.network.set_slow(a, b, api, extra);
                w.network.set_slow(b, a, api, extra);
            });
        }
    }
}

/// Whom a target means now, in a fixed order.
fn resolve(world: &World, target: &Target) -> Vec<NodeId> {
    let brokers = || world.layout.broker_ids().map(NodeId::Broker);
    let leader_of = |p: PartitionId| {
        let state = world.metadata().partition(p);
        state.leader.or(state.last_known_leader).unwrap_or(world.layout.partition(p).replicas[0])
    };
    match *target {
        Target::Node(node) => vec![node],
        Target::LeaderOf(partition) => vec![NodeId::Broker(leader_of(partition))],
        Target::FollowersOf(partition) => {
            let leader = NodeId::Broker(leader_of(partition));
            brokers().filter(|&b| b != leader).collect()
        }
        Target::Brokers => brokers().collect(),
        Target::ActiveController => vec![NodeId::Controller(world.last_active())],
        Target::Controllers => world.layout.controller_ids().map(NodeId::Controller).collect(),
        Target::Clients => world.layout.nodes().filter(|n| matches!(n, NodeId::Producer(_) | NodeId::Consumer(_))).collect(),
        Target::Everyone => world.layout.nodes().collect(),
        Target::SameAs(index) => world.hit[index as usize].clone(),
    }
}

/// Between whom the packet was that something was done to, if it was on its way.
fn note_ends(world: &mut World, index: u32, ends: Option<(NodeId, NodeId)>) {
    if let Some((from, to)) = ends {
        world.hit[index as usize] = vec![from];
        world.hit_far[index as usize] = vec![to];
    }
}

/// A member that forwards has a consumer and a producer in one process: they stop and start together.
fn with_companions(world: &World, nodes: &[NodeId]) -> Vec<NodeId> {
    let mut all = nodes.to_vec();
    for companion in nodes.iter().filter_map(|&n| world.layout.companion(n)) {
        if !all.contains(&companion) {
            all.push(companion);
        }
    }
    all
}

/// Before or after a step of a group's handler.
fn drawn_point(world: &World, group: GroupId, index: u32) -> (u16, bool) {
    let scenario = &world.layout.scenario;
    let points = 2 * scenario.groups[group.ix()].handler.steps.len() as u64;
    let point = Stream::new(scenario.seed, &format!("crash point {index}")).below(points);
    ((point / 2) as u16, point % 2 == 1)
}

/// Every member of the group has the trap; which of them comes to the point first is not known before.
fn set_traps(world: &mut World, group: GroupId, trap: Trap) -> Vec<NodeId> {
    let members: Vec<ConsumerId> =
        (0..world.consumers.len() as u16).map(ConsumerId).filter(|c| world.layout.consumers[c.ix()].group == group).collect();
    for member in &members {
        world.consumers[member.ix()].set_trap(trap);
    }
    members.into_iter().map(NodeId::Consumer).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Crash,
    PowerCut(Keeps),
    Clean,
}

fn stop_all(world: &mut World, index: u32, target: &Target, how: Stop, cause: TraceId, events: &mut Vec<TraceEvent>) {
    let nodes = resolve(world, target);
    for node in with_companions(world, &nodes) {
        stop(world, node, how, cause, events);
    }
    world.hit[index as usize] = nodes;
}

fn stop(world: &mut World, node: NodeId, how: Stop, cause: TraceId, events: &mut Vec<TraceEvent>) {
    if !world.is_up(node) || how == Stop::Clean && world.signal_later(node, cause) {
        return;
    }
    world.act_at(node, cause, events, |actors, fx| match node {
        NodeId::Controller(id) => actors.controllers[id.slot()].stop(process(how), fx),
        NodeId::Broker(id) => {
            let broker = &mut actors.brokers[id.slot()];
            match how {
                Stop::Crash => broker.crash(fx),
                Stop::PowerCut(keeps) => broker.power_cut(keeps, fx),
                Stop::Clean => broker.shut_down(fx),
            }
        }
        NodeId::Producer(id) => actors.producers[id.ix()].stop(process(how), fx),
        NodeId::Consumer(id) => actors.consumers[id.ix()].stop(process(how), fx),
        NodeId::Store(StoreId::Redis) => actors.redis.stop(process(how), fx),
        NodeId::Store(StoreId::Database) => actors.database.stop(process(how), fx),
        NodeId::Store(StoreId::Service) => actors.service.stop(process(how), fx),
    });
    world.close_sockets_if_down(node, events);
    world.plan_wake(node);
}

/// A process that was told to stop while it stood still.
pub(crate) fn shut_down(world: &mut World, node: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
    stop(world, node, Stop::Clean, cause, events);
}

fn process(how: Stop) -> Process {
    match how {
        Stop::Crash => Process::Crashed,
        Stop::PowerCut(_) => Process::PoweredOff,
        Stop::Clean => Process::Stopped,
    }
}

fn restart(world: &mut World, node: NodeId, cause: TraceId, events: &mut Vec<TraceEvent>) {
    if world.is_up(node) && !matches!(node, NodeId::Consumer(_)) {
        return;
    }
    world.act_at(node, cause, events, |actors, fx| match node {
        NodeId::Controller(id) => actors.controllers[id.slot()].start(fx),
        NodeId::Broker(id) => actors.brokers[id.slot()].start(fx),
        NodeId::Producer(id) => actors.producers[id.ix()].start(fx),
        NodeId::Consumer(id) => actors.consumers[id.ix()].restart(fx),
        NodeId::Store(StoreId::Redis) => actors.redis.start(fx),
        NodeId::Store(StoreId::Database) => actors.database.start(fx),
        NodeId::Store(StoreId::Service) => actors.service.start(fx),
    });
    world.plan_wake(node);
}

/// D-6.
fn disk(world: &mut World, node: NodeId, deed: DiskDeed, cause: TraceId, events: &mut Vec<TraceEvent>) {
    let NodeId::Broker(id) = node else { return };
    world.act(cause, events, |actors, fx| actors.brokers[id.slot()].disk(deed, fx));
    world.close_sockets_if_down(node, events);
    world.plan_wake(node);
}

/// Kafka's tool asks the leader; here it sits beside it.
fn delete_records(
    world: &mut World,
    partition: PartitionId,
    before: Option<Offset>,
    cause: TraceId,
    events: &mut Vec<TraceEvent>,
) {
    let leader = world.metadata().partition(partition).leader.filter(|&b| world.is_up(NodeId::Broker(b)));
    let hears = |broker: &BrokerId| !world.is_paused(NodeId::Broker(*broker));
    let Some(broker) = leader.filter(hears) else {
        let before = before.unwrap_or(Offset::UNKNOWN);
        let error = if leader.is_some() { ErrorCode::RequestTimedOut } else { ErrorCode::LeaderNotAvailable };
        world.act(cause, events, |_, fx| fx.trace(What::RecordsDeleted { broker: None, partition, before, error }));
        return;
    };
    world.act(cause, events, |actors, fx| actors.brokers[broker.slot()].delete_records(partition, before, fx));
    world.plan_wake(NodeId::Broker(broker));
}

/// Kafka's tool asks any broker, which asks the active controller; here it sits beside that.
fn add_partitions(world: &mut World, topic: TopicId, total: u16, cause: TraceId, events: &mut Vec<TraceEvent>) {
    let active = world.active_controller();
    let hears = |controller: &ControllerId| !world.is_paused(NodeId::Controller(*controller));
    let Some(controller) = active.filter(hears) else {
        let error = if active.is_some() { ErrorCode::RequestTimedOut } else { ErrorCode::NotController };
        world.act(cause, events, |_, fx| fx.trace(What::PartitionsAsked { controller: None, topic, total, error }));
        return;
    };
    world.act(cause, events, |actors, fx| actors.controllers[controller.slot()].create_partitions(topic, total, fx));
    world.plan_wake(NodeId::Controller(controller));
}

fn cut(world: &mut World, link: (NodeId, NodeId, bool), cut: bool, cause: TraceId, events: &mut Vec<TraceEvent>) {
    let (a, b, one_way) = link;
    let there = world.network.set_cut(a, b, cut);
    let back = !one_way && world.network.set_cut(b, a, cut);
    if there || back {
        world.act(cause, events, |_, fx| fx.trace(What::LinkCut { a, b, cut, one_way }));
    }
}

/// Every link from the one side to the other. What undoes a change of links says [`Target::SameAs`] on both sides, and each means the
/// same side of the link that was changed: leaders may be others by then.
fn each_link(world: &mut World, index: u32, from: &Target, to: &Target, mut change: impl FnMut(&mut World, NodeId, NodeId)) {
    let near = resolve(world, from);
    let far = match *to {
        Target::SameAs(changed) => world.hit_far[changed as usize].clone(),
        _ => resolve(world, to),
    };
    for &a in &near {
        for &b in &far {
            if a != b {
                change(world, a, b);
            }
        }
    }
    world.hit[index as usize] = near;
    world.hit_far[index as usize] = far;
}

#[cfg(test)]
mod tests {
    use crate::history::History;
    use crate::scenario::read;
    use crate::trace::What;
    use std::sync::Arc;

    /// A link between a leader and its followers is cut, the leader changes, the cut ends: the links that were cut are healed, not those
    /// of the new leader.
    #[test]
    fn what_ends_a_fault_is_aimed_at_those_whom_it_hit() {
        let text = r#"
            format = 1
            title = "A leader is cut off and crashes"
            duration = "40s"
            cluster = { brokers = 3 }
            topic = [{ name = "orders", partitions = 1, assignment = [[1, 2, 3]] }]
            fault = [
                { at = "5s", cut = "leader of orders-0 <-> followers of orders-0", until = "30s" },
                { at = "6s", crash = "leader of orders-0" },
            ]
        "#;
        let scenario = read::scenario("cut.toml", text, &[]).unwrap();
        let mut history = History::new(Arc::new(scenario));
        history.run_to_end();
        let links = |cut_now: bool| -> Vec<(String, String)> {
            let changed = |what: &What| match what {
                What::LinkCut { a, b, cut, one_way: false } if *cut == cut_now => Some((a.to_string(), b.to_string())),
                _ => None,
            };
            history.trace().iter().filter_map(|event| changed(&event.what)).collect()
        };
        assert_eq!(links(true).len(), 2);
        assert_eq!(links(true), links(false));
        assert_eq!(history.last_world().hit()[1], history.last_world().hit()[0]);
    }
}
