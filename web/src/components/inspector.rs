//! What is chosen on the stage, in words and numbers.

use super::background::background;
use super::controls::{icon_button, on};
use super::deeds::{self, state_text};
use super::events::EventList;
use super::icons::Icon;
use super::life::{self, life_view};
use super::outcome::message_list;
use super::{Msg, Snapshot};
use crate::i18n::{self, S};
use crate::marks::clock;
use crate::state::{Action, State, node_of, pick_of};
use crate::theme;
use sim_core::config::GroupProtocol;
use sim_core::ids::*;
use sim_core::time::SimDuration;
use sim_core::view::*;
use sim_core::words::api_name;
use stage::Pick;
use stage::text::grouped;
use stage::words::fill;
use std::rc::Rc;
use yew::prelude::*;

/// What is shown.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The page's state.
    pub state: Rc<State>,
    /// The run.
    pub snapshot: Rc<Snapshot>,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// The inspector.
#[function_component(Inspector)]
pub fn inspector(props: &Props) -> Html {
    let view = &*props.snapshot.view.0;
    let section = use_node_ref();
    use_in_sight(&section, &props.state);
    let (title, body) = match (props.state.message, props.state.selected) {
        (Some(message), _) => (fill(S.message_of, message), message_body(props)),
        (None, Some(Pick::Broker(id))) => (fill(S.menu_of, id.0), broker(view, id)),
        (None, Some(on @ (Pick::Replica(_, p) | Pick::Cell { partition: p, .. }))) => partition(view, (on, p), props),
        (None, Some(Pick::Producer(id))) => producer(view, id),
        (None, Some(Pick::Consumer(id))) => consumer(view, id),
        (None, Some(Pick::Controller(id))) => (fill(S.controller_of, id.0), controller(view, id)),
        (None, Some(Pick::Store(id))) => (deeds::name(view, NodeId::Store(id)), store(view, id)),
        (None, Some(Pick::Packet(id))) => (S.packet.to_string(), packet(view, id, props)),
        (None, Some(on @ Pick::Link(a, b))) => (deeds::name_of(view, on), link(view, (a, b), props)),
        (None, None | Some(Pick::Legend)) => return about(props),
    };
    let close = on(&props.send, Msg::Act(Action::Select(None)));
    html! {
        <section class="card inspector" aria-labelledby="inspector-title" data-testid="inspector" ref={section}>
            <div class="head">
                <h2 id="inspector-title">{ title }</h2>
                { icon_button("quiet square", Icon::Close, S.close, "inspector-close", None, close) }
            </div>
            <div class="scroll" tabindex="0">
                { body }
                { background(view, props) }
                if let Some(node) = props.state.selected.filter(|_| props.state.message.is_none()).and_then(node_of) { { buttons(pick_of(node), view, props) } }
            </div>
        </section>
    }
}

/// Where the page stacks, the inspector stands far below the stage: the page goes there, unless a menu is open.
#[hook]
fn use_in_sight(section: &NodeRef, state: &State) {
    let section = section.clone();
    let menu = state.menu.is_some();
    use_effect_with((state.message, state.selected), move |(message, selected)| {
        let chosen = message.is_some() || (selected.is_some() && !menu);
        if let Some(section) = section.cast::<web_sys::Element>().filter(|_| chosen && theme::is_stacked()) {
            section.scroll_into_view();
        }
    });
}

/// Nothing is chosen: what the scenario shows, and the messages worth following.
fn about(props: &Props) -> Html {
    let outcome = props.snapshot.outcome.as_ref();
    html! {
        <section class="card inspector" aria-labelledby="inspector-title" data-testid="about">
            <h2 id="inspector-title">{ S.about }</h2>
            <div class="scroll" tabindex="0">
                if let Some(facts) = props.state.facts() {
                    <p>{ &facts.about }{ " " }{ for facts.mechanisms.iter().map(|m| html! { <span class="tag mono">{ m }</span> }) }</p>
                }
                if let Some(outcome) = outcome {
                    { message_list(&outcome.lost, S.lost_messages, "lost-list", &props.send) }
                    { message_list(&outcome.duplicated, S.duplicated_messages, "duplicated-list", &props.send) }
                }
                if let Some(outcome) = outcome {
                    <EventList events={outcome.told.clone()} now={props.snapshot.now} send={props.send.clone()} />
                }
                <p class="soft hint">{ S.break_hint }{ " " }{ S.keys }</p>
            </div>
        </section>
    }
}

fn message_body(props: &Props) -> Html {
    match &props.snapshot.life {
        Some(told) => html! { { life_view(&life::Props { told: &told.0, now: props.snapshot.now, send: &props.send }) } },
        None => html! { <p class="soft">{ S.no_life }</p> },
    }
}

/// How a node is.
fn state(view: &View, node: NodeId) -> Html {
    html! { <p class="state"><span class="soft">{ S.state }</span> <strong>{ state_text(deeds::state_of(view, node)) }</strong></p> }
}

/// What can be done to it.
fn buttons(on: Pick, view: &View, props: &Props) -> Html {
    html! { <div class="deeds">{ deeds::buttons(on, view, false, &props.send) }</div> }
}

fn broker(view: &View, id: BrokerId) -> Html {
    let Some(broker) = view.brokers.iter().find(|b| b.id == id) else { return Html::default() };
    html! {
        <>
            { state(view, NodeId::Broker(id)) }
            { replica_table(broker.replicas.iter().map(|r| (name_of(view, r.partition), broker.id, r)).collect(), view, S.partition) }
            <p class="soft">{ S.broker_about }</p>
        </>
    }
}

fn controller(view: &View, id: ControllerId) -> Html {
    html! {
        <>
            { state(view, NodeId::Controller(id)) }
            <p>{ S.controller_about }</p>
        </>
    }
}

fn name_of(view: &View, id: PartitionId) -> String {
    view.partitions.get(id.ix()).map(|p| p.name.clone()).unwrap_or_default()
}

/// The high watermark, and the last stable offset where a transaction holds that back.
fn watermark(replica: &ReplicaView) -> String {
    if replica.last_stable < replica.high_watermark {
        format!("{} ({} {})", replica.high_watermark, S.last_stable, replica.last_stable)
    } else {
        replica.high_watermark.to_string()
    }
}

fn replica_table(rows: Vec<(String, BrokerId, &ReplicaView)>, view: &View, first: &'static str) -> Html {
    html! {
        <table class="replicas">
            <thead><tr>
                <th scope="col">{ first }</th><th scope="col">{ S.role }</th><th scope="col">{ S.epoch }</th>
                <th scope="col">{ S.log_start }</th><th scope="col">{ S.high_watermark }</th><th scope="col">{ S.log_end }</th><th scope="col">{ S.on_disk }</th>
            </tr></thead>
            <tbody>
                { for rows.into_iter().map(|(name, broker, r)| {
                    let partition = view.partitions.get(r.partition.ix());
                    let leads = partition.is_some_and(|p| p.leader == Some(broker));
                    let role = match (leads, partition.is_some_and(|p| p.isr.contains(broker))) {
                        (true, _) => S.leads,
                        (_, true) => S.in_isr,
                        _ => S.out_of_isr,
                    };
                    html! {
                        <tr>
                            <th scope="row">{ name }</th><td class="word">{ role }</td><td>{ r.epoch.to_string() }</td>
                            <td>{ r.log_start.to_string() }</td><td>{ watermark(r) }</td><td>{ r.log_end.to_string() }</td><td>{ r.flushed.to_string() }</td>
                        </tr>
                    }
                }) }
            </tbody>
        </table>
    }
}

fn partition(view: &View, (on, id): (Pick, PartitionId), props: &Props) -> (String, Html) {
    let Some(partition) = view.partitions.get(id.ix()) else { return (String::new(), Html::default()) };
    let isr: Vec<String> = partition.isr.iter().map(|b| b.0.to_string()).collect();
    let rows = view
        .brokers
        .iter()
        .flat_map(|b| {
            b.replicas.iter().filter(|r| r.partition == id).map(|r| (format!("{} {}", S.stage.broker, b.id.0), b.id, r))
        })
        .collect();
    let body = html! {
        <>
            { buttons(on, view, props) }
            { facts(&[
                (S.stage.leader, partition.leader.map_or("–".into(), |b| format!("{} {}", S.stage.broker, b.0))),
                ("ISR", format!("{{{}}}", isr.join(", "))),
                ("min.insync.replicas", partition.min_isr.to_string()),
                (S.epoch, partition.epoch.to_string()),
            ]) }
            { replica_table(rows, view, S.replicas) }
            <p class="soft">{ S.partition_about }</p>
        </>
    };
    (partition.name.clone(), body)
}

fn facts(rows: &[(&'static str, String)]) -> Html {
    html! { <dl class="facts">{ for rows.iter().map(|(k, v)| html! { <div><dt>{ *k }</dt><dd class="mono">{ v }</dd></div> }) }</dl> }
}

fn producer(view: &View, id: ProducerId) -> (String, Html) {
    let Some(p) = view.producers.get(id.ix()) else { return (S.producer.into(), Html::default()) };
    let n = |n: u32| grouped(n.into());
    let w = S.stage;
    let rows = [
        (S.intended, n(p.intended)),
        (w.acked, n(p.acked)),
        (w.failed, n(p.failed)),
        (w.queued, n(p.queued)),
        (w.in_flight, n(p.in_flight)),
    ];
    let body = html! { <>{ state(view, NodeId::Producer(id)) }{ facts(&rows) }<p class="soft">{ S.producer_about }</p></> };
    (format!("{} {}", S.producer, p.name), body)
}

fn consumer(view: &View, id: ConsumerId) -> (String, Html) {
    let Some(c) = view.consumers.get(id.ix()) else { return (S.consumer.into(), Html::default()) };
    let mut rows = vec![(S.stage.effects, grouped(c.effects.into())), (S.stage.in_hand, grouped(c.in_hand.into()))];
    if let (Some(message), Some(step)) = (c.handling, c.step) {
        rows.push((S.works_on, format!("{message}, {}", step.name())));
    }
    let offset = |o: Option<Offset>| o.map_or("–".into(), |o| o.to_string());
    for a in &c.partitions {
        rows.push((S.reads, name_of(view, a.partition)));
        rows.push((S.position, offset(a.position)));
        rows.push((S.committed, offset(a.committed)));
    }
    let body = html! { <>{ state(view, NodeId::Consumer(id)) }{ facts(&rows) }<p class="soft">{ S.consumer_about }</p>{ group(view, c.group) }</> };
    (format!("{} {}", S.consumer, deeds::name(view, NodeId::Consumer(id))), body)
}

fn store(view: &View, id: StoreId) -> Html {
    let Some(s) = view.stores.iter().find(|s| s.id == id) else { return Html::default() };
    let mut rows = Vec::new();
    match id {
        StoreId::Redis => rows.push((S.stage.keys, grouped(s.holds.into()))),
        StoreId::Database => {
            rows.push((S.stage.rows, grouped(s.holds.into())));
            rows.push((S.open_transactions, grouped(s.open.into())));
        }
        StoreId::Service => {
            rows.push((S.stage.calls, grouped(s.holds.into())));
            rows.push((S.open_calls, grouped(s.open.into())));
        }
    }
    let meaning = match id {
        StoreId::Redis => S.redis_meaning,
        StoreId::Database => S.database_meaning,
        StoreId::Service => S.service_meaning,
    };
    html! { <>{ state(view, NodeId::Store(id)) }{ facts(&rows) }<p class="soft">{ meaning }</p></> }
}

/// A consumer's group, as its coordinator knows it.
fn group(view: &View, id: GroupId) -> Html {
    let Some(group) = view.groups.get(id.ix()) else { return Html::default() };
    let modern = group.protocol == GroupProtocol::Consumer;
    let list = |partitions: &[PartitionId]| {
        let names: Vec<String> = partitions.iter().map(|&p| name_of(view, p)).collect();
        if names.is_empty() { "–".into() } else { names.join(", ") }
    };
    let row = |m: &GroupMemberView| {
        let revoking = if m.revoking.is_empty() { String::new() } else { fill(S.member_revokes, list(&m.revoking)) };
        html! {
            <tr>
                <th scope="row">{ deeds::name(view, NodeId::Consumer(m.consumer)) }{ if m.leads { S.member_leads } else { "" } }</th>
                <td>{ m.epoch }</td><td class="word">{ list(&m.assigned) }{ revoking }</td>
            </tr>
        }
    };
    html! {
        <section data-testid="group">
            <h3>{ fill(S.group_of, &group.name) }</h3>
            <p>{ i18n::group_phase(group.phase) }</p>
            { facts(&[
                (S.coordinator, group.coordinator.map_or("–".into(), |b| format!("{} {}", S.stage.broker, b.0))),
                (if modern { S.group_epoch } else { S.generation }, group.generation.to_string()),
                (S.rebalances, group.rebalances.to_string()),
            ]) }
            if !group.members.is_empty() {
                <table class="replicas">
                    <thead><tr>
                        <th scope="col">{ S.member }</th>
                        <th scope="col">{ if modern { S.epoch } else { S.generation } }</th>
                        <th scope="col">{ S.member_has }</th>
                    </tr></thead>
                    <tbody>{ for group.members.iter().map(row) }</tbody>
                </table>
                <p class="soft">{ if modern { S.members_modern } else { S.members_classic } }</p>
            }
        </section>
    }
}

fn packet(view: &View, id: PacketId, props: &Props) -> Html {
    let Some(p) = view.packets.iter().find(|p| p.id == id) else { return html! { <p class="soft">{ S.gone }</p> } };
    let route = deeds::way(view, p.from, p.to);
    let mut rows = vec![
        (if p.response { S.answer } else { S.request }, api_name(p.api).to_string()),
        ("", route),
        (S.sent_at, clock(p.sent)),
        (if p.lost { S.sent_again_at } else { S.arrives_at }, clock(p.arrives)),
    ];
    if p.records > 0 {
        rows.push((S.records, grouped(p.records.into())));
    }
    if p.lost {
        rows.push(("", S.was_lost.into()));
    }
    if p.error {
        rows.push(("", S.carries_error.into()));
    }
    if p.copy {
        rows.push(("", S.is_copy.into()));
    }
    html! { <>{ facts(&rows) }{ buttons(Pick::Packet(id), view, props) }<p class="soft">{ S.packet_about }</p></> }
}

/// A link, each way.
fn link(view: &View, (a, b): (NodeId, NodeId), props: &Props) -> Html {
    let mut rows = Vec::new();
    for (direction, (from, to)) in props.snapshot.link.iter().flatten().zip([(a, b), (b, a)]) {
        let mut takes = direction.latency.to_string();
        if direction.extra > SimDuration::ZERO {
            takes += &format!(" + {}", direction.extra);
        }
        let under_way = view.packets.iter().filter(|p| (p.from, p.to) == (from, to)).count();
        rows.push(("", deeds::way(view, from, to)));
        rows.push((S.latency, if direction.cut { S.nothing_passes.into() } else { takes }));
        rows.push((S.loss, format!("{} ‰", direction.loss_per_mille)));
        rows.push((S.under_way, grouped(under_way as u64)));
    }
    html! { <>{ buttons(Pick::Link(a, b), view, props) }{ facts(&rows) }<p class="soft">{ S.link_about }</p></> }
}
