//! The stage: two canvases (the cluster; the packets above it), what can be pointed at, and the menu of a thing. The canvases
//! are painted by the page's frame loop, not here.

use super::compare::compared;
use super::controls;
use super::deeds::{self, state_text};
use super::{Msg, Shared, Snapshot};
use crate::i18n::S;
use crate::state::{Action, Menu, State, node_of, pick_of};
use sim_core::ids::NodeId;
use sim_core::view::View;
use stage::Pick;
use stage::text::tenths;
use stage::words::fill;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
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
    /// It asks what can be done.
    Menu,
    /// A finger touches.
    Press,
    /// And is taken away.
    Lift,
}

/// The stage.
pub fn stage_view(props: &Props) -> Html {
    let point =
        |what: Pointing| props.on_point.reform(move |e: MouseEvent| (f64::from(e.offset_x()), f64::from(e.offset_y()), what));
    let leave = props.on_point.reform(|_: MouseEvent| (0.0, 0.0, Pointing::Out));
    let [[base, packets], other] = &props.canvases;
    let pair = props.state.beside.is_some();
    html! {
        <main class={if pair { "stages pair" } else { "stages" }} style={format!("--stage-height:{}px", props.height)}>
            if let Some(snapshot) = props.snapshot.as_ref().filter(|_| pair) { { compared(&props.state, snapshot, &props.send) } }
            <div class="stage" data-testid="stage">
                <canvas ref={base.clone()} role="img" aria-label={S.stage_label}></canvas>
                <canvas ref={packets.clone()} class="over" aria-hidden="true" data-testid="stage-canvas"
                    onclick={point(Pointing::Click)} onmousemove={point(Pointing::Over)} onmouseleave={leave}></canvas>
                if let Some(snapshot) = &props.snapshot {
                    { reachable(&snapshot.view.0, props) }
                    if let Some(menu) = props.state.menu { <ThingMenu menu={menu} view={snapshot.view.clone()} send={props.send.clone()} /> }
                }
            </div>
            if pair {
                <div class="stage" data-testid="stage-beside">
                    { for other.iter().map(|canvas| html! { <canvas ref={canvas.clone()} role="img" aria-label={S.stage_label}></canvas> }) }
                </div>
            }
        </main>
    }
}

/// The same things for those who do not point: a list of buttons that appears with the keyboard's focus. The key for menus opens what can be
/// done; so does a press, where there is nothing else to see.
fn reachable(view: &View, props: &Props) -> Html {
    let button = |label: String, test: String, on: Pick, opens: bool| {
        let focus = props.send.reform(move |_: FocusEvent| Msg::Act(Action::Hover(Some(on))));
        let blur = props.send.reform(|_: FocusEvent| Msg::Act(Action::Hover(None)));
        let press = Msg::Act(if opens { Action::OpenMenu(Menu::beside(on)) } else { Action::Select(Some(on)) });
        let press = controls::on(&props.send, press);
        html! { <li><button type="button" data-testid={test} onfocus={focus} onblur={blur} onclick={press}>{ label }</button></li> }
    };
    let node = |label: String, test: String, node: NodeId| button(label, test, pick_of(node), true);
    let name = |on: Pick| deeds::name_of(view, on);
    html! {
        <ul class="reachable" aria-label={S.stage_list}>
            { for view.brokers.iter().map(|b| {
                let label = format!("{}, {}", fill(S.menu_of, b.id.0), state_text(b.state));
                node(label, format!("broker-{}", b.id.0), NodeId::Broker(b.id))
            }) }
            { for view.partitions.iter().filter(|p| p.exists && !p.internal).take(24).filter_map(|p| {
                let pick = Pick::Replica(p.leader.or(p.replicas.first().copied())?, p.id);
                Some(button(p.name.clone(), format!("partition-{}", p.name), pick, false))
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
            { for stage::layout::links::roads(view).into_iter().take(12).map(|(a, b)| {
                let on = Pick::Link(a, b);
                button(name(on), format!("link-{a}-{b}").replace(' ', "-"), on, false)
            }) }
            if !props.state.playing {
                { for view.packets.iter().take(8).map(|p| {
                    let on = Pick::Packet(p.id);
                    button(name(on), format!("packet-{}", p.id.0), on, false)
                }) }
            }
            { button(S.stage.legend_show.into(), "legend".into(), Pick::Legend, false) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct MenuProps {
    menu: Menu,
    view: Shared<View>,
    send: Callback<Msg>,
}

/// What can be done to something on the stage.
#[function_component(ThingMenu)]
fn thing_menu(props: &MenuProps) -> Html {
    let (on, view) = (props.menu.on, &*props.view.0);
    let list = use_node_ref();
    {
        let list = list.clone();
        // The keyboard goes where the menu opens, and back to where it was when it closes.
        use_effect_with(on, move |_| {
            let before = gloo::utils::document().active_element();
            if let Some(list) = list.cast::<Element>() {
                focus(list.query_selector("button:not([disabled])").ok().flatten());
            }
            move || focus(before)
        });
    }
    let close = controls::on(&props.send, Msg::Act(Action::CloseMenu));
    let state = node_of(on).map(|node| state_text(deeds::state_of(view, node)));
    let name = deeds::name_of(view, on);
    let height = 46 * deeds::of(on, view).len() + 56;
    html! {
        <>
            <div class="veil" onclick={close}></div>
            <div class="menu" role="menu" ref={list} aria-label={name.clone()} data-testid={format!("{}-menu", deeds::kind(on))}
                style={format!("--x:{}px;--y:{}px;--h:{height}px", tenths(props.menu.x), tenths(props.menu.y))}>
                <p class="menu-title" role="presentation">{ name }<span class="soft">{ state }</span></p>
                { deeds::buttons(on, view, true, &props.send) }
            </div>
        </>
    }
}

/// Gives the focus to an element, if it is there.
pub fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        _ = element.focus();
    }
}
