//! The stage: two canvases (the cluster; the packets above it), what can be pointed at, and the menu of a thing. The canvases
//! are painted by the page's frame loop, not here.

use super::compare::compared;
use super::deeds::{self, state_text};
use super::{Msg, Shared, Snapshot};
use crate::i18n::S;
use crate::state::{Action, Menu, State, node_of, pick_of};
use sim_core::ids::NodeId;
use sim_core::view::View;
use stage::Pick;
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
}

/// The stage.
pub fn stage_view(props: &Props) -> Html {
    let point =
        |what: Pointing| props.on_point.reform(move |e: MouseEvent| (f64::from(e.offset_x()), f64::from(e.offset_y()), what));
    let leave = props.on_point.reform(|_: MouseEvent| (0.0, 0.0, Pointing::Out));
    let menu = props.on_point.reform(|e: MouseEvent| {
        e.prevent_default();
        (f64::from(e.offset_x()), f64::from(e.offset_y()), Pointing::Menu)
    });
    // A mouse has another button; a finger stays.
    let touch = |what: Pointing| {
        let send = props.send.clone();
        Callback::from(move |e: PointerEvent| {
            if e.pointer_type() == "touch" {
                send.emit(Msg::Touch(f64::from(e.offset_x()), f64::from(e.offset_y()), what));
            }
        })
    };
    // The finger that opened a menu is not to press what has come under it.
    let open = props.state.menu.is_some();
    let lift = Callback::from(move |e: TouchEvent| {
        if open {
            e.prevent_default();
        }
    });
    let [[base, packets], other] = &props.canvases;
    let pair = props.state.beside.is_some();
    html! {
        <main class={if pair { "stages pair" } else { "stages" }} style={format!("--stage-height:{}px", props.height)}>
            if let Some(snapshot) = props.snapshot.as_ref().filter(|_| pair) { { compared(&props.state, snapshot, &props.send) } }
            <div class="stage" data-testid="stage">
                <canvas ref={base.clone()} role="img" aria-label={S.stage_label}></canvas>
                <canvas ref={packets.clone()} class="over" aria-hidden="true" data-testid="stage-canvas"
                    onclick={point(Pointing::Click)} onmousemove={point(Pointing::Over)} onmouseleave={leave}
                    oncontextmenu={menu} onpointerdown={touch(Pointing::Press)} onpointermove={touch(Pointing::Over)}
                    onpointerup={touch(Pointing::Out)} onpointercancel={touch(Pointing::Out)} ontouchend={lift}></canvas>
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
        // The page puts it where the thing is.
        let open = move || Msg::Act(Action::OpenMenu(Menu { on, x: -1.0, y: -1.0 }));
        let press = props.send.reform(move |_: MouseEvent| if opens { open() } else { Msg::Act(Action::Select(Some(on))) });
        let menu = props.send.reform(move |e: MouseEvent| {
            e.prevent_default();
            open()
        });
        html! { <li><button type="button" data-testid={test} onfocus={focus} onblur={blur} onclick={press} oncontextmenu={menu}>{ label }</button></li> }
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
    let close = props.send.reform(|_: PointerEvent| Msg::Act(Action::CloseMenu));
    let state = node_of(on).map(|node| state_text(deeds::state_of(view, node)));
    let name = deeds::name_of(view, on);
    let height = 46 * deeds::of(on, view).len() + 56;
    html! {
        <>
            <div class="veil" onpointerdown={close}></div>
            <div class="menu" role="menu" ref={list} aria-label={name.clone()} data-testid={format!("{}-menu", deeds::kind(on))} onkeydown={Callback::from(on_key)}
                style={format!("--x:{:.0}px;--y:{:.0}px;--h:{height}px", props.menu.x, props.menu.y)}>
                <p class="menu-title" role="presentation">{ name }<span class="soft">{ state }</span></p>
                { deeds::buttons(on, view, true, &props.send) }
            </div>
        </>
    }
}

fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        _ = element.focus();
    }
}

/// Up and down go round, over what is not possible now.
fn on_key(event: KeyboardEvent) {
    let key = event.key();
    let forward = match key.as_str() {
        "ArrowDown" | "Home" => true,
        "ArrowUp" | "End" => false,
        _ => return,
    };
    event.prevent_default();
    let at = gloo::utils::document().active_element();
    let Some(menu) = at.as_ref().and_then(|element| element.parent_element()) else { return };
    let first = || if forward { menu.first_element_child() } else { menu.last_element_child() };
    let next = |from: &Element| if forward { from.next_element_sibling() } else { from.previous_element_sibling() };
    let mut to = if key.starts_with("Arrow") { at.as_ref().and_then(next) } else { first() };
    // Twice as many steps as a menu has items.
    for _ in 0..40 {
        match to {
            Some(item) if item.tag_name() == "BUTTON" && !item.has_attribute("disabled") => return focus(Some(item)),
            Some(item) => to = next(&item),
            None => to = first(),
        }
    }
}
