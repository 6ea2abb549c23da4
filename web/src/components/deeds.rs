//! What can be done to the things on the stage, and what each deed is called: in one place for the menus, the inspector, the list of what was
//! done, and the names of branches.

use super::icons::{Icon, icon};
use super::{Msg, controls};
use crate::i18n::S;
use crate::sim::{Action, Keeps, Target};
use crate::state::node_of;
use sim_core::ids::{BrokerId, NodeId, PacketId, PartitionId, StoreId};
use sim_core::scenario::DiskDeed;
use sim_core::session::MAX_TOTAL;
use sim_core::time::SimDuration;
use sim_core::trace::Api;
use sim_core::view::{PartitionView, ProcessState, View};
use sim_core::words::packet_name;
use stage::Pick;
use stage::layout::brokers::{is_down, state_word};
use stage::words::fill;
use yew::prelude::*;

/// What can be done to something.
#[derive(Debug)]
pub struct Deed {
    /// What it is called.
    pub name: &'static str,
    hint: &'static str,
    sign: Icon,
    /// Its name in tests.
    test: &'static str,
    /// It makes sense now.
    possible: bool,
    /// The intervention.
    pub action: Action,
}

/// What a slow disk adds to each append, and a slow link to each packet.
const SLOW: SimDuration = SimDuration::from_millis(300);

/// How long a packet is held up: for a moment, for longer than most answers take, and for longer than clients wait.
const DELAYS: [(&str, u64); 3] = [("delay-1", 1), ("delay-5", 5), ("delay-40", 40)];

/// Collects deeds.
struct Deeds(Vec<Deed>);

impl Deeds {
    fn add(
        &mut self,
        (name, hint): (&'static str, &'static str),
        (sign, test): (Icon, &'static str),
        possible: bool,
        action: Action,
    ) {
        self.0.push(Deed { name, hint, sign, test, possible, action });
    }
}

/// All that can be done to something on the stage.
pub fn of(on: Pick, view: &View) -> Vec<Deed> {
    let mut deeds = Deeds(Vec::new());
    match on {
        Pick::Replica(broker, partition) | Pick::Cell { broker, partition, .. } => {
            of_replica(&mut deeds, broker, partition, view);
        }
        Pick::Packet(packet) => of_packet(&mut deeds, packet, view),
        Pick::Link(a, b) => of_link(&mut deeds, (a, b), view),
        _ => {
            if let Some(node) = node_of(on) {
                of_node(&mut deeds, node, view);
            }
        }
    }
    deeds.0
}

/// Clients have nothing on a disk: to them a power cut is a crash.
fn of_node(deeds: &mut Deeds, node: NodeId, view: &View) {
    let state = state_of(view, node);
    let up = !is_down(state) && state != ProcessState::Done;
    let server = matches!(node, NodeId::Broker(_) | NodeId::Controller(_));
    let client = matches!(node, NodeId::Producer(_) | NodeId::Consumer(_));
    let target = || Target::Node(node);
    let crash_hint = if server { S.crash_hint } else { S.crash_client_hint };
    deeds.add((S.crash, crash_hint), (Icon::Crash, "crash"), up, Action::Crash { target: target() });
    if let NodeId::Consumer(consumer) = node {
        let action = Action::CrashNext { consumer, message: None, restart_after: None };
        deeds.add((S.crash_next, S.crash_next_hint), (Icon::Crash, "crash-next"), up, action);
    }
    if !client {
        let hint = if matches!(node, NodeId::Controller(_)) { S.power_cut_controller_hint } else { S.power_cut_hint };
        let action = Action::PowerCut { target: target(), keeps: Keeps::Drawn };
        deeds.add((S.power_cut, hint), (Icon::Power, "power-cut"), up, action);
    }
    let shutdown = match node {
        NodeId::Controller(_) => (S.shutdown, S.shutdown_controller_hint),
        NodeId::Broker(_) => (S.shutdown, S.shutdown_hint),
        _ => (S.close_client, S.close_client_hint),
    };
    let closes = up && state != ProcessState::ShuttingDown;
    deeds.add(shutdown, (Icon::Shutdown, "shutdown"), closes, Action::Shutdown { target: target() });
    deeds.add((S.restart, S.restart_hint), (Icon::Restart, "restart"), is_down(state), Action::Restart { target: target() });
    let runs = !is_down(state) && state != ProcessState::Paused;
    deeds.add((S.pause_process, S.pause_process_hint), (Icon::Pause, "pause"), runs, Action::Pause { target: target() });
    let stands = state == ProcessState::Paused;
    deeds.add((S.resume_process, S.resume_process_hint), (Icon::Play, "resume"), stands, Action::Resume { target: target() });
    if matches!(node, NodeId::Broker(_)) {
        for (words, test, possible, deed) in [
            ((S.wipe_disk, S.wipe_disk_hint), "wipe-disk", true, DiskDeed::Wipe),
            ((S.fail_disk, S.fail_disk_hint), "fail-disk", up, DiskDeed::Fail),
            ((S.slow_disk, S.slow_disk_hint), "slow-disk", up, DiskDeed::Slow(SLOW)),
            ((S.mend_disk, S.mend_disk_hint), "mend-disk", true, DiskDeed::Mend),
        ] {
            deeds.add(words, (Icon::Disk, test), possible, Action::Disk { target: target(), deed });
        }
    }
    let cut = view.cuts.iter().any(|&(a, b)| a == node || b == node);
    let (a, b, one_way) = (target(), Target::Everyone, false);
    deeds.add((S.isolate, S.isolate_hint), (Icon::Cut, "isolate"), true, Action::Cut { a: a.clone(), b: b.clone(), one_way });
    deeds.add((S.rejoin, S.rejoin_hint), (Icon::Restart, "rejoin"), cut, Action::Heal { a, b, one_way });
}

fn of_replica(deeds: &mut Deeds, broker: BrokerId, partition: PartitionId, view: &View) {
    let Some(place) = view.partitions.get(partition.ix()) else { return };
    if let Some(topic) = place.topic {
        let has = view.partitions.iter().filter(|p| p.exists && p.topic == Some(topic)).count() as u16;
        let action = Action::AddPartitions { topic, total: has + 1 };
        deeds.add((S.add_partition, S.add_partition_hint), (Icon::Plus, "add-partition"), has < MAX_TOTAL, action);
        let action = Action::DeleteRecords { partition, before: None };
        deeds.add((S.delete_records, S.delete_records_hint), (Icon::Close, "delete-records"), place.leader.is_some(), action);
    }
    let action = Action::Corrupt { target: Target::Node(NodeId::Broker(broker)), partition, offset: None };
    deeds.add((S.corrupt, S.corrupt_hint), (Icon::Disk, "corrupt"), true, action);
}

fn of_packet(deeds: &mut Deeds, packet: PacketId, view: &View) {
    let flying = view.packets.iter().find(|p| p.id == packet && !p.lost);
    let there = flying.is_some();
    deeds.add((S.drop_packet, S.drop_packet_hint), (Icon::Crash, "drop"), there, Action::DropPacket { packet });
    for ((test, seconds), name) in DELAYS.into_iter().zip([S.delay_1, S.delay_5, S.delay_40]) {
        let action = Action::DelayPacket { packet, by: SimDuration::from_secs(seconds) };
        deeds.add((name, S.delay_hint), (Icon::Pause, test), there, action);
    }
    let kafka = |node| matches!(node, NodeId::Broker(_) | NodeId::Controller(_));
    let twice = flying.is_some_and(|p| kafka(p.to) && !p.response && p.api != Api::ApiVersions);
    deeds.add((S.duplicate, S.duplicate_hint), (Icon::Plus, "duplicate"), twice, Action::DuplicatePacket { packet });
}

fn of_link(deeds: &mut Deeds, (a, b): (NodeId, NodeId), view: &View) {
    let cut = view.cuts.contains(&(a, b)) || view.cuts.contains(&(b, a));
    let (a, b, one_way) = (Target::Node(a), Target::Node(b), false);
    let ends = || (a.clone(), b.clone());
    let ((a, b), slow) = (ends(), |extra| ends_slow(ends(), extra));
    deeds.add((S.cut, S.cut_hint), (Icon::Cut, "cut"), !cut, Action::Cut { a: a.clone(), b: b.clone(), one_way });
    deeds.add((S.heal, S.heal_hint), (Icon::Restart, "heal"), cut, Action::Heal { a: a.clone(), b: b.clone(), one_way });
    deeds.add((S.slow_link, S.slow_link_hint), (Icon::Slow, "slow"), true, slow(SLOW));
    deeds.add((S.fast_link, S.fast_link_hint), (Icon::Play, "fast"), true, slow(SimDuration::ZERO));
    deeds.add((S.break_link, S.drop_packet_hint), (Icon::Crash, "break"), true, Action::Break { a, b });
}

fn ends_slow((a, b): (Target, Target), extra: SimDuration) -> Action {
    Action::Slow { a, b, extra }
}

/// What an act is called, and to what it was done.
pub fn told(action: &Action, view: &View) -> (&'static str, String) {
    let one = |target: &Target| if let Target::Node(node) = *target { Some(node) } else { None };
    let on = match action {
        Action::AddPartitions { topic, .. } => {
            let partition = view.partitions.iter().find(|p| p.topic == Some(*topic));
            return (S.add_partition, partition.map_or("", topic_of).to_owned());
        }
        Action::DropPacket { packet } | Action::DelayPacket { packet, .. } | Action::DuplicatePacket { packet } => {
            Some(Pick::Packet(*packet))
        }
        Action::DeleteRecords { partition, .. } => Some(Pick::Replica(BrokerId(1), *partition)),
        Action::Corrupt { target: Target::Node(NodeId::Broker(broker)), partition, .. } => {
            Some(Pick::Replica(*broker, *partition))
        }
        Action::Cut { a, b, .. } | Action::Heal { a, b, .. } | Action::Slow { a, b, .. } | Action::Break { a, b } => {
            one(a).zip(one(b)).map(|(a, b)| Pick::Link(a, b))
        }
        _ => None,
    };
    let is_it = |deed: &Deed| deed.action == *action;
    let by_node = || nodes(view).into_iter().map(pick).find(|&on| of(on, view).iter().any(is_it));
    let Some(on) = on.or_else(by_node) else { return (S.another_act, String::new()) };
    let name = of(on, view).iter().find(|deed| is_it(deed)).map_or(S.another_act, |deed| deed.name);
    (name, name_of(view, on))
}

fn pick(node: NodeId) -> Pick {
    crate::state::pick_of(node)
}

fn nodes(view: &View) -> Vec<NodeId> {
    let mut all: Vec<NodeId> = view.brokers.iter().map(|b| NodeId::Broker(b.id)).collect();
    all.extend(view.producers.iter().map(|p| NodeId::Producer(p.id)));
    all.extend(view.consumers.iter().map(|c| NodeId::Consumer(c.id)));
    all.extend(view.controllers.iter().map(|c| NodeId::Controller(c.id)));
    all.extend(view.stores.iter().map(|s| NodeId::Store(s.id)));
    all
}

/// The buttons: what each says beside its name is a second line in a menu, and a tip elsewhere.
pub fn buttons(on: Pick, view: &View, menu: bool, send: &Callback<Msg>) -> Html {
    let test = if menu { format!("{}-menu", kind(on)) } else { "do".to_string() };
    let button = |deed: Deed| {
        let Deed { name, hint, sign, test: of, possible, action } = deed;
        let act = controls::on(send, Msg::Intervene(action));
        html! {
            <button type="button" role={menu.then_some("menuitem")} title={(!menu).then_some(hint)} disabled={!possible}
                onclick={act} data-testid={format!("{test}-{of}")}>
                { icon(sign) }
                if menu { <span>{ name }<small>{ hint }</small></span> } else { { name } }
            </button>
        }
    };
    of(on, view).into_iter().map(button).collect()
}

/// The topic of a partition: its name without the number.
pub fn topic_of(partition: &PartitionView) -> &str {
    partition.name.rsplit_once('-').map_or(partition.name.as_str(), |(topic, _)| topic)
}

/// `broker`, `packet`, ...: for the names in tests.
pub fn kind(on: Pick) -> &'static str {
    match on {
        Pick::Broker(_) => "broker",
        Pick::Producer(_) => "producer",
        Pick::Consumer(_) => "consumer",
        Pick::Controller(_) => "controller",
        Pick::Store(_) => "store",
        Pick::Replica(..) | Pick::Cell { .. } => "partition",
        Pick::Packet(_) => "packet",
        Pick::Link(..) => "link",
        Pick::Legend => "legend",
    }
}

/// Something on the stage, as people call it.
pub fn name_of(view: &View, on: Pick) -> String {
    match on {
        Pick::Replica(_, p) | Pick::Cell { partition: p, .. } => {
            view.partitions.get(p.ix()).map(|p| p.name.clone()).unwrap_or_default()
        }
        Pick::Packet(id) => match view.packets.iter().find(|p| p.id == id) {
            Some(p) => format!("{}, {}", packet_name(p.api, p.response), way(view, p.from, p.to)),
            None => format!("{} {}", S.packet.to_ascii_lowercase(), id.0),
        },
        Pick::Link(a, b) => format!("{} – {}", name(view, a), name(view, b)),
        _ => node_of(on).map(|node| name(view, node)).unwrap_or_default(),
    }
}

/// From one node to another.
pub fn way(view: &View, from: NodeId, to: NodeId) -> String {
    fill(&fill(S.from_to, name(view, from)), name(view, to))
}

/// A node as people call it: `Broker 1`, `gateway`, `ledger, member 1`.
pub fn name(view: &View, node: NodeId) -> String {
    let named = match node {
        NodeId::Broker(id) => Some(fill(S.menu_of, id.0)),
        NodeId::Producer(id) => view.producers.get(id.ix()).map(|p| p.name.clone()),
        NodeId::Consumer(id) => {
            view.consumers.get(id.ix()).map(|c| format!("{}, {} {}", c.group_name, S.stage.member, c.member + 1))
        }
        NodeId::Controller(id) => Some(fill(S.controller_of, id.0)),
        NodeId::Store(StoreId::Redis) => Some(S.stage.redis.to_string()),
        NodeId::Store(StoreId::Database) => Some(S.stage.database.to_string()),
        NodeId::Store(StoreId::Service) => Some(S.stage.service.to_string()),
    };
    named.unwrap_or_else(|| node.to_string())
}

/// How a node is.
pub fn state_of(view: &View, node: NodeId) -> ProcessState {
    let state = match node {
        NodeId::Broker(id) => view.brokers.iter().find(|b| b.id == id).map(|b| b.state),
        NodeId::Producer(id) => view.producers.get(id.ix()).map(|p| p.state),
        NodeId::Consumer(id) => view.consumers.get(id.ix()).map(|c| c.state),
        NodeId::Controller(id) => view.controllers.iter().find(|c| c.id == id).map(|c| c.state),
        NodeId::Store(id) => view.stores.iter().find(|s| s.id == id).map(|s| s.state),
    };
    state.unwrap_or(ProcessState::Running)
}

/// A state, as a word.
pub fn state_text(state: ProcessState) -> &'static str {
    state_word(state, S.stage).unwrap_or(S.running)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::start::Start;
    use sim_core::ids::{ConsumerId, ControllerId};

    fn view() -> View {
        let start = Start { scenario: Some("order-events".into()), ..Start::default() };
        let (mut engine, _) = Engine::new(&start).unwrap();
        while !engine.load() {}
        engine.seek(sim_core::time::SimTime(5_000_000));
        while engine.view().packets.iter().all(|p| p.response) {
            engine.step();
        }
        engine.view()
    }

    #[test]
    fn what_is_down_can_only_be_restarted() {
        let mut view = view();
        for on in [Pick::Broker(BrokerId(1)), Pick::Consumer(ConsumerId(0))] {
            for (state, not) in [
                (
                    ProcessState::Crashed,
                    &["crash", "crash-next", "power-cut", "shutdown", "pause", "resume", "fail-disk", "slow-disk", "rejoin"][..],
                ),
                (ProcessState::Running, &["restart", "resume", "rejoin"][..]),
                (ProcessState::Paused, &["restart", "pause", "rejoin"][..]),
            ] {
                (view.brokers[0].state, view.consumers[0].state) = (state, state);
                for deed in of(on, &view) {
                    assert_eq!(deed.possible, !not.contains(&deed.test), "{state:?} {}", deed.test);
                }
            }
        }
        let controller = Pick::Controller(ControllerId(1));
        let first = &of(controller, &view)[0];
        assert_eq!(first.action, Action::Crash { target: Target::Node(NodeId::Controller(ControllerId(1))) });
    }

    /// What is done by a menu is called in the list as it is in the menu.
    #[test]
    fn every_deed_is_told_by_its_name() {
        let view = view();
        let packet = view.packets.iter().find(|p| !p.response).unwrap().id;
        let mut things: Vec<Pick> = nodes(&view).into_iter().map(pick).collect();
        let link = Pick::Link(NodeId::Broker(BrokerId(1)), NodeId::Broker(BrokerId(2)));
        things.extend([Pick::Replica(BrokerId(2), PartitionId(0)), Pick::Packet(packet), link]);
        for on in things {
            assert!(!of(on, &view).is_empty());
            for deed in of(on, &view) {
                let (name, whom) = told(&deed.action, &view);
                assert_eq!(name, deed.name);
                assert!(!whom.is_empty(), "{name}");
            }
        }
        let foreign = Action::Crash { target: Target::Brokers };
        assert_eq!(told(&foreign, &view), (S.another_act, String::new()));
    }
}
