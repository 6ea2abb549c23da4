//! Acting on the run, and taking it back: what menus, buttons, keys and fingers ask for.

use super::{App, Pointing};
use crate::components::deeds;
use crate::i18n::{self, S};
use crate::sim::{self, Intervention};
use crate::start::Start;
use crate::state::{Action, Course, Menu, Undo};
use sim_core::time::SimTime;
use std::rc::Rc;

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

    /// A finger that stays where it is for half a second asks what can be done.
    pub fn touched(&mut self, x: f64, y: f64, what: Pointing) {
        let strays = |(from_x, from_y, _): (f64, f64, f64)| (x - from_x).hypot(y - from_y) > STRAY;
        self.pressed = match what {
            Pointing::Press => Some((x, y, self.last_frame)),
            Pointing::Over => self.pressed.filter(|pressed| !strays(*pressed)),
            _ => None,
        };
    }

    /// Opens the menu that a finger has waited for. Tells whether it did.
    pub fn open_pressed(&mut self, at: f64) -> bool {
        let Some((x, y, _)) = self.pressed.filter(|(.., since)| at - since >= LONG_PRESS_MS) else { return false };
        self.pressed = None;
        let on = self.picture.scene().borrow().as_ref().and_then(|scene| scene.hit(x, y));
        on.map(|on| self.act(Action::OpenMenu(Menu { on, x, y }))).is_some()
    }
}
