//! The stage: two canvases (the cluster; the packets above it), what can be pointed at, and the menu on a node. The canvases
//! are painted by the page's frame loop, not here.

use super::compare::compared;
use super::controls::on;
use super::deeds::{self, state_text};
use super::{Msg, Snapshot};
use crate::i18n::S;
use crate::state::{Action, Menu, State, pick_of};
use sim_core::ids::NodeId;
use sim_core::view::{ProcessState, View};
use stage::Pick;
use stage::text::tenths;
use stage::words::fill;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use yew::prelude::*;

/// What is shown.
pub struct Props {
    /// The page's state.
    pub state: Rc<State>,
    /// The run.
    pub snapshot: Option<Rc<Snapshot>>,
    /// The lower and the upper canvas of the run that is shown, and of the one beside it.
    pub canvases: [[NodeRef; 2]; 2],
    /// Height of the picture where the page stacks.
    pub height: u32,
    /// Pointer events, with the place on the stage.
    pub on_point: Callback<(f64, f64, Pointing)>,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// What the pointer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointing {
    /// It moves.
    Over,
    /// It is gone.
    Out,
    /// It clicks.
    Click,
}

/// The stage.
pub fn stage_view(props: &Props) -> Html {
    let point =
        |what: Pointing| props.on_point.reform(move |e: MouseEvent| (f64::from(e.offset_x()), f64::from(e.offset_y()), what));
    let leave = props.on_point.reform(|_: MouseEvent| (0.0, 0.0, Pointing::Out));
    let view = props.snapshot.as_ref().map(|snap| &*snap.view.0);
    let [[base, packets], other] = &props.canvases;
    let pair = props.state.beside.is_some();
    html! {
        <main class={if pair { "stages pair" } else { "stages" }} style={format!("--stage-height:{}px", props.height)}>
            if let Some(snapshot) = props.snapshot.as_ref().filter(|_| pair) { { compared(&props.state, snapshot, &props.send) } }
            <div class="stage" data-testid="stage">
                <canvas ref={base.clone()} role="img" aria-label={S.stage_label}></canvas>
                <canvas ref={packets.clone()} class="over" aria-hidden="true" data-testid="stage-canvas"
                    onclick={point(Pointing::Click)} onmousemove={point(Pointing::Over)} onmouseleave={leave}></canvas>
                if let Some(view) = view { { reachable(view, props) } }
                if let (Some(menu), Some(view)) = (props.state.menu, view) { <NodeMenu menu={menu} name={deeds::name(view, menu.node)} state={deeds::state_of(view, menu.node)} send={props.send.clone()} /> }
            </div>
            if pair {
                <div class="stage" data-testid="stage-beside">
                    { for other.iter().map(|canvas| html! { <canvas ref={canvas.clone()} role="img" aria-label={S.stage_label}></canvas> }) }
                </div>
            }
        </main>
    }
}

/// The same things for those who do not point: a list of buttons that appears with the keyboard's focus.
fn reachable(view: &View, props: &Props) -> Html {
    let button = |label: String, test: String, pick: Pick, press: Callback<MouseEvent>| {
        let focus = props.send.reform(move |_: FocusEvent| Msg::Act(Action::Hover(Some(pick))));
        let blur = props.send.reform(|_: FocusEvent| Msg::Act(Action::Hover(None)));
        html! { <li><button type="button" data-testid={test} onfocus={focus} onblur={blur} onclick={press}>{ label }</button></li> }
    };
    let node = |label: String, test: String, node: NodeId| {
        // The page puts it where the node is.
        let menu = Menu { node, x: -1.0, y: -1.0 };
        button(label, test, pick_of(node), on(&props.send, Msg::Act(Action::OpenMenu(menu))))
    };
    let choose = |pick: Pick| on(&props.send, Msg::Act(Action::Select(Some(pick))));
    html! {
        <ul class="reachable" aria-label={S.stage_list}>
            { for view.brokers.iter().map(|b| {
                let label = format!("{}, {}", fill(S.menu_of, b.id.0), state_text(b.state));
                node(label, format!("broker-{}", b.id.0), NodeId::Broker(b.id))
            }) }
            { for view.partitions.iter().filter(|p| p.exists && !p.internal).take(24).filter_map(|p| {
                let pick = Pick::Replica(p.leader.or(p.replicas.first().copied())?, p.id);
                Some(button(p.name.clone(), format!("partition-{}", p.name), pick, choose(pick)))
            }) }
            { for view.producers.iter().take(12).map(|p| node(p.name.clone(), format!("producer-{}", p.name), NodeId::Producer(p.id))) }
            { for view.consumers.iter().take(12).map(|c| {
                let of = NodeId::Consumer(c.id);
                node(deeds::name(view, of), format!("consumer-{}-{}", c.group_name, c.member), of)
            }) }
            { for view.controllers.iter().map(|c| {
                let of = NodeId::Controller(c.id);
                node(format!("{}, {}", deeds::name(view, of), state_text(c.state)), format!("controller-{}", c.id.0), of)
            }) }
            { for view.stores.iter().map(|s| {
                let of = NodeId::Store(s.id);
                node(format!("{}, {}", deeds::name(view, of), state_text(s.state)), s.id.to_string(), of)
            }) }
            { button(S.stage.legend_show.into(), "legend".into(), Pick::Legend, choose(Pick::Legend)) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct MenuProps {
    menu: Menu,
    name: String,
    state: ProcessState,
    send: Callback<Msg>,
}

/// What can be done to a broker, a producer or a consumer.
#[function_component(NodeMenu)]
fn node_menu(props: &MenuProps) -> Html {
    let node = props.menu.node;
    let first = use_node_ref();
    {
        // The keyboard goes where the menu opens.
        let first = first.clone();
        use_effect_with(node, move |_| {
            let button = first
                .cast::<web_sys::HtmlElement>()
                .and_then(|menu| menu.query_selector("button:not([disabled])").ok().flatten())
                .and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok());
            if let Some(button) = button {
                _ = button.focus();
            }
        });
    }
    let close = on(&props.send, Msg::Act(Action::CloseMenu));
    html! {
        <>
            <div class="veil" onclick={close}></div>
            <div class="menu" role="menu" ref={first} aria-label={props.name.clone()} data-testid={format!("{}-menu", deeds::kind(node))}
                style={format!("--x:{}px;--y:{}px", tenths(props.menu.x), tenths(props.menu.y))}>
                <p class="menu-title">{ &props.name }<span class="soft">{ state_text(props.state) }</span></p>
                { deeds::buttons(node, props.state, true, &props.send) }
            </div>
        </>
    }
}
