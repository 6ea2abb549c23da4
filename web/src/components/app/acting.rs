//! Acting on the run, and taking it back: what menus, buttons, keys and fingers ask for.

use super::{App, Msg, Pointing};
use crate::components::deeds;
use crate::components::stage_view::focus;
use crate::i18n::{self, S};
use crate::sim::{self, Intervention};
use crate::start::Start;
use crate::state::{Action, Course, Menu, Undo};
use gloo::events::{EventListener, EventListenerOptions};
use sim_core::time::SimTime;
use stage::Pick;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// A finger that stays for so long asks for a menu.
const LONG_PRESS_MS: f64 = 500.0;
/// And stays if it moves no farther than this.
const STRAY: f64 = 8.0;

impl App {
    /// An intervention at this instant: from here on, history takes another course.
    pub fn intervene(&mut self, action: sim::Action) {
        if self.is_full() {
            return;
        }
        let Some(engine) = &mut self.engine else { return };
        let at = self.playback.now();
        engine.seek(at);
        let (what, whom) = deeds::told(&action, &engine.view());
        engine.fork(Intervention { at, action });
        self.playback.jump(engine.now());
        let from = &self.state.courses[self.state.branch];
        let start = Start { acts: engine.acts(), ..from.start.clone() };
        let (name, facts) = (i18n::branch_name(what, &whom, at), Rc::clone(&from.facts));
        self.act(Action::Branched(Course { name, parent: Some(self.state.branch), at, start, facts }));
        self.note();
    }

    /// Another course without one of the acts of the shown one, which is to stand below `parent`.
    pub fn without(&mut self, act: usize, parent: usize) {
        if self.is_full() {
            return;
        }
        let Some(engine) = &mut self.engine else { return };
        let (now, mut start) = (self.playback.now(), self.state.courses[self.state.branch].start.clone());
        let gone = start.acts.remove(act);
        let (what, whom) = deeds::told(&gone.action, &engine.view());
        match engine.add(&start) {
            Ok(facts) => {
                let name = format!("{}: {}", S.without, i18n::branch_name(what, &whom, gone.at));
                let at = start.acts.last().map_or(SimTime::ZERO, |act| act.at);
                self.act(Action::Branched(Course { name, parent: Some(parent), at, start, facts: Rc::new(facts) }));
                self.wait_for(now);
                self.note();
            }
            Err(why) => self.act(Action::Notice(Some(why))),
        }
    }

    /// The run begins anew, and goes to an instant as soon as that is known.
    fn wait_for(&mut self, at: SimTime) {
        self.playback.jump(SimTime::ZERO);
        self.awaited = Some(at);
    }

    /// The last act is taken back, or done again: the course before it, or after it, at the instant of the act.
    pub fn undo(&mut self, redo: bool) {
        let (before, undo) = (self.state.branch, self.state.undo());
        if let (false, Some(Undo::Without(act, parent))) = (redo, undo) {
            return self.without(act, parent);
        }
        self.act(if redo { Action::Redo } else { Action::Undo });
        if self.state.branch == before {
            return;
        }
        self.show(self.state.branch);
        let at = match undo {
            Some(Undo::Back(_, at)) if !redo => at,
            // Just after the act: it has happened.
            _ => Some(SimTime(self.state.courses[self.state.branch].at.0 + 1)),
        };
        if let Some(at) = at {
            self.seek(at);
            self.awaited = (self.playback.now() < at).then_some(at);
        }
        self.life = None;
        self.picture.forget();
        self.note();
    }

    /// A finger that stays where it is for half a second asks what can be done; the button for menus does so at once. Tells whether a menu
    /// was opened.
    pub fn touched(&mut self, x: f64, y: f64, what: Pointing) -> bool {
        let strays = |(from_x, from_y, _): (f64, f64, f64)| (x - from_x).hypot(y - from_y) > STRAY;
        self.pressed = match what {
            Pointing::Press => Some((x, y, self.last_frame)),
            Pointing::Over => self.pressed.filter(|pressed| !strays(*pressed)),
            _ => None,
        };
        what == Pointing::Menu && self.open_at(x, y)
    }

    fn open_at(&mut self, x: f64, y: f64) -> bool {
        let on = self.picture.scene().borrow().as_ref().and_then(|scene| scene.hit(x, y));
        let on = on.filter(|on| *on != Pick::Legend);
        on.map(|on| self.act(Action::OpenMenu(Menu { on, x, y }))).is_some()
    }

    /// Opens the menu that a finger has waited for. Tells whether it did.
    pub fn open_pressed(&mut self, at: f64) -> bool {
        let Some((x, y, _)) = self.pressed.filter(|(.., since)| at - since >= LONG_PRESS_MS) else { return false };
        self.pressed = None;
        self.open_at(x, y)
    }
}

/// What the page's parts do not listen to: fingers on the stage, and whatever asks for a menu. One listener for all: each kind costs the page its
/// size.
pub fn listen(ctx: &Context<App>) -> Vec<EventListener> {
    let names = ["pointerdown", "pointermove", "pointerup", "pointercancel", "touchend", "contextmenu"];
    let one = |name: &'static str| {
        let link = ctx.link().clone();
        let options = EventListenerOptions::enable_prevent_default();
        EventListener::new_with_options(&gloo::utils::document(), name, options, move |event| {
            if let Some(msg) = heard(event) {
                link.send_message(msg);
            }
        })
    };
    names.into_iter().map(one).collect()
}

fn heard(event: &Event) -> Option<Msg> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let on_stage = target.get_attribute("data-testid").as_deref() == Some("stage-canvas");
    let kind = event.type_();
    if kind == "contextmenu" && !on_stage {
        let listed = target.closest(".reachable").ok().flatten();
        return listed.map(|_| {
            event.prevent_default();
            Msg::MenuKey
        });
    }
    if !on_stage {
        return None;
    }
    if kind == "contextmenu" {
        event.prevent_default();
    }
    if kind == "touchend" {
        // The finger that opened a menu is not to press what has come under it.
        if gloo::utils::document().query_selector(".menu").ok().flatten().is_some() {
            event.prevent_default();
        }
        return None;
    }
    let pointer: &PointerEvent = event.unchecked_ref();
    let what = match kind.as_str() {
        "contextmenu" => Pointing::Menu,
        // A mouse has another button.
        _ if pointer.pointer_type() != "touch" => return None,
        "pointerdown" => Pointing::Press,
        "pointermove" => Pointing::Over,
        _ => Pointing::Lift,
    };
    Some(Msg::Touch(f64::from(pointer.offset_x()), f64::from(pointer.offset_y()), what))
}

/// Up and down go round in a menu, over what is not possible now. Tells whether that is what the key meant.
pub fn moves_in_menu(event: &KeyboardEvent, key: &str) -> bool {
    let forward = match key {
        "ArrowDown" | "Home" => true,
        "ArrowUp" | "End" => false,
        _ => return false,
    };
    let at = gloo::utils::document().active_element().filter(|at| at.get_attribute("role").as_deref() == Some("menuitem"));
    let Some(menu) = at.as_ref().and_then(|element| element.parent_element()) else { return false };
    event.prevent_default();
    let first = || if forward { menu.first_element_child() } else { menu.last_element_child() };
    let next = |from: &Element| if forward { from.next_element_sibling() } else { from.previous_element_sibling() };
    let mut to = if key.starts_with("Arrow") { at.as_ref().and_then(next) } else { first() };
    // Twice as many steps as a menu has items.
    for _ in 0..40 {
        match to {
            Some(item) if item.tag_name() == "BUTTON" && !item.has_attribute("disabled") => {
                focus(Some(item));
                break;
            }
            Some(item) => to = next(&item),
            None => to = first(),
        }
    }
    true
}
