//! The page as a whole: it owns the state, the runs and the frame loop.

use super::deeds;
use super::header::{self, header};
use super::help::Help;
use super::inspector::Inspector;
use super::news::news_line;
use super::outcome::outcome_table;
use super::settings::{branches, settings};
use super::stage_view::{self, Pointing, stage_view};
use super::time_bar::{self, time_bar};
use super::{Msg, Shared, Snapshot};
use crate::engine::{Engine, Told};
use crate::i18n::{self, S};
use crate::picture::Picture;
use crate::playback::Playback;
use crate::sim::{self, Facts, Intervention};
use crate::start::{self, Start};
use crate::state::{Action, Branch, Menu, Phase, State, node_of};
use crate::theme;
use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use sim_core::ids::MessageId;
use sim_core::time::SimTime;
use stage::Pick;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use yew::prelude::*;

/// Milliseconds between two readings of the counts while time passes.
const READING_MS: f64 = 200.0;
/// A finger that stays for so long asks for a menu.
const LONG_PRESS_MS: f64 = 500.0;
/// And stays if it moves no farther than this.
const STRAY: f64 = 8.0;

/// The page.
pub struct App {
    state: Rc<State>,
    engine: Option<Engine>,
    playback: Playback,
    picture: Picture,
    snapshot: Option<Rc<Snapshot>>,
    life: Option<(MessageId, usize, Shared<Told>)>,
    library: Rc<Vec<Facts>>,
    last_frame: f64,
    last_reading: f64,
    copied_until: f64,
    shared_until: f64,
    /// Where a finger is, and since when.
    pressed: Option<(f64, f64, f64)>,
    /// The instant that the address asks for, until it is known.
    awaited: Option<SimTime>,
    /// Dropping them would stop them.
    frame: Option<AnimationFrame>,
    _keys: EventListener,
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> App {
        let (start, bad) = match start::parse(&theme::query()) {
            Ok(start) => (start, None),
            Err(bad) => (Start::default(), Some(bad)),
        };
        let mut app = App {
            state: Rc::new(State::new(start.clone(), !theme::calm())),
            engine: None,
            playback: Playback::default(),
            picture: Picture::default(),
            snapshot: None,
            life: None,
            library: Rc::new(sim::facts_of_library()),
            last_frame: 0.0,
            last_reading: 0.0,
            copied_until: 0.0,
            shared_until: 0.0,
            pressed: None,
            awaited: None,
            frame: None,
            _keys: listen_to_keys(ctx),
        };
        theme::apply(start.theme);
        match bad {
            Some(bad) => app.act(Action::Failed(i18n::bad_address(&bad))),
            None => app.run(start),
        }
        app
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if first {
            self.request_frame(ctx);
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        // The counts are a scan over all messages: not for what cannot change them.
        let reads = !matches!(
            msg,
            Msg::Copy(_)
                | Msg::Share
                | Msg::Act(Action::Hover(_) | Action::Edit(_) | Action::CloseMenu | Action::Speed(_) | Action::Theme(_))
        );
        let render = match msg {
            Msg::Frame(at) => {
                self.request_frame(ctx);
                return self.frame(at);
            }
            Msg::Act(action) => {
                self.on_action(action);
                true
            }
            Msg::Run(start) => {
                theme::set_query(&start::query(&start));
                self.run(start);
                true
            }
            Msg::Seek(to) => {
                // The frame loop notices, and reads as often as is good.
                self.seek(to);
                return false;
            }
            Msg::Step(forward) => {
                self.step(forward);
                true
            }
            Msg::Jump(forward) => {
                let to = self.engine.as_ref().and_then(|e| e.notable(self.playback.now(), forward));
                to.map(|to| self.seek(to)).is_some()
            }
            Msg::Intervene(action) => {
                self.intervene(action);
                true
            }
            Msg::Without(act) => {
                self.without(act, true);
                true
            }
            Msg::Touch(x, y, what) => {
                self.touched(x, y, what);
                return false;
            }
            Msg::Key(key) => self.key(&key),
            Msg::Share => {
                self.share();
                true
            }
            Msg::Copy(text) => {
                _ = gloo::utils::window().navigator().clipboard().write_text(&text);
                self.copied_until = self.last_frame + 1600.0;
                true
            }
        };
        if reads {
            self.read();
        }
        render
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let send = ctx.link().callback(|msg: Msg| msg);
        let (state, snapshot) = (self.state.clone(), self.snapshot.clone());
        let theme = theme::in_force(state.start.theme);
        html! {
            <div class="page">
                { header(&header::Props { state: state.clone(), snapshot: snapshot.clone(), library: self.library.clone(), theme,
                    copied: self.copied_until > self.last_frame, shared: self.shared_until > self.last_frame, send: send.clone() }) }
                if let Phase::Failed(why) = &state.phase {
                    <main class="failed" role="alert" data-testid="error">
                        <h2>{ S.error_title }</h2>
                        <pre>{ why }</pre>
                        <p class="soft">{ S.error_help }</p>
                    </main>
                } else {
                    { stage_view(&stage_view::Props { state: state.clone(), snapshot: snapshot.clone(), base: self.picture.base.clone(),
                        packets: self.picture.packets.clone(), height: self.picture.height,
                        on_point: self.pointing(ctx), send: send.clone() }) }
                    <aside class="side">
                        if let Some(snapshot) = &snapshot {
                            { outcome_table(snapshot) }
                            { branches(&state, &snapshot.view.0, &send) }
                            <Inspector state={state.clone()} snapshot={snapshot.clone()} send={send.clone()} />
                        }
                        { settings(&state, &send) }
                    </aside>
                    if let Some(snapshot) = &snapshot { { news_line(snapshot) } }
                    { time_bar(&time_bar::Props { state, snapshot, canvas: self.picture.bar.clone(),
                        playhead: self.picture.playhead.clone(), readout: self.picture.readout.clone(), send: send.clone() }) }
                }
                if self.state.help { <Help send={send} /> }
            </div>
        }
    }
}

/// Keys that no control took.
fn listen_to_keys(ctx: &Context<App>) -> EventListener {
    let link = ctx.link().clone();
    let options = gloo::events::EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&gloo::utils::document(), "keydown", options, move |event| {
        let Some(event) = event.dyn_ref::<web_sys::KeyboardEvent>() else { return };
        let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        let tag = target.as_ref().map(|t| t.tag_name()).unwrap_or_default();
        let on_time = target.is_some_and(|t| t.get_attribute("data-testid").as_deref() == Some("seek"));
        let key = event.key();
        let control = event.ctrl_key() || event.meta_key();
        let deed = match key.as_str() {
            "z" if control && !event.shift_key() => Some("undo"),
            "z" | "Z" | "y" if control => Some("redo"),
            _ => None,
        };
        if let Some(deed) = deed.filter(|_| (tag != "INPUT" || on_time) && tag != "TEXTAREA") {
            event.prevent_default();
            return link.send_message(Msg::Key(deed.into()));
        }
        let mine = match key.as_str() {
            "Escape" => true,
            "?" | "n" | "p" | "s" | "0" => tag != "INPUT" || on_time,
            " " => !matches!(tag.as_str(), "BUTTON" | "SELECT") && (tag != "INPUT" || on_time),
            "ArrowLeft" | "ArrowRight" => on_time || !matches!(tag.as_str(), "INPUT" | "SELECT" | "TEXTAREA"),
            _ => false,
        };
        if mine && !control && !event.alt_key() {
            if key != "Escape" {
                event.prevent_default();
            }
            link.send_message(Msg::Key(key));
        }
    })
}

impl App {
    fn act(&mut self, action: Action) {
        self.state = Rc::new((*self.state).clone().reduce(action));
    }

    fn request_frame(&mut self, ctx: &Context<Self>) {
        let link = ctx.link().clone();
        self.frame = Some(request_animation_frame(move |at| link.send_message(Msg::Frame(at))));
    }

    /// Begins another run, from its start.
    fn run(&mut self, start: Start) {
        self.act(Action::Run(start.clone()));
        self.life = None;
        self.snapshot = None;
        self.picture.forget();
        match Engine::new(&start) {
            Ok((engine, facts)) => {
                self.engine = Some(engine);
                self.playback.jump(SimTime::ZERO);
                self.awaited = start.at;
                self.act(Action::Planned(Rc::new(facts)));
                if !start.acts.is_empty() {
                    self.act(Action::Forked(Branch { name: S.branch_shared.into(), from: None }));
                }
                if start.at.is_some() {
                    self.act(Action::Pause);
                }
                if start.message.is_some() {
                    self.act(Action::Follow(start.message));
                }
            }
            Err(why) => {
                self.engine = None;
                self.act(Action::Failed(why));
            }
        }
    }

    /// Actions that also concern the runs or the document.
    fn on_action(&mut self, action: Action) {
        match &action {
            Action::Theme(theme) => {
                theme::apply(Some(*theme));
                let start = Start { theme: Some(*theme), ..self.state.start.clone() };
                theme::set_query(&start::query(&start));
            }
            Action::Branch(branch) => {
                if let Some(engine) = &mut self.engine {
                    engine.show(*branch);
                    self.playback.jump(engine.now());
                }
            }
            Action::TogglePlay => {
                let at_end = self.engine.as_ref().is_some_and(|e| self.playback.now() >= e.end());
                if at_end && !self.state.playing {
                    self.seek(SimTime::ZERO);
                }
            }
            _ => {}
        }
        if matches!(action, Action::Undo | Action::Redo) {
            return self.undo(action == Action::Redo);
        }
        if let Action::OpenMenu(menu) = action {
            return self.act(Action::OpenMenu(self.picture.placed(menu)));
        }
        let branch = matches!(action, Action::Branch(_));
        self.act(action);
        if branch {
            self.note_acts();
        }
    }

    fn seek(&mut self, to: SimTime) {
        if let Some(engine) = &mut self.engine {
            engine.seek(to.min(engine.known()));
            self.playback.jump(to.min(engine.known()));
        }
    }

    fn step(&mut self, forward: bool) {
        self.act(Action::Pause);
        if let Some(engine) = &mut self.engine {
            engine.seek(self.playback.now());
            if forward {
                engine.step();
            } else {
                engine.step_back();
            }
            self.playback.jump(engine.now());
        }
    }

    /// What was done to the shown run belongs to the address, and to the run with other settings.
    fn note_acts(&mut self) {
        let Some(engine) = &self.engine else { return };
        self.act(Action::Acts(engine.acts()));
        theme::set_query(&start::query(&self.state.start.anew()));
    }

    /// A link to what is seen now.
    fn share(&mut self) {
        let start = Start { at: Some(self.playback.now()), message: self.state.message, ..self.state.start.clone() };
        theme::set_query(&start::query(&start));
        _ = gloo::utils::window().navigator().clipboard().write_text(&theme::address());
        self.shared_until = self.last_frame + 1600.0;
    }

    /// An intervention at this instant: from here on, history takes another course.
    fn intervene(&mut self, action: sim::Action) {
        let Some(engine) = &mut self.engine else { return };
        let at = self.playback.now();
        engine.seek(at);
        let (what, whom) = deeds::told(&action, &engine.view());
        engine.fork(Intervention { at, action });
        self.playback.jump(engine.now());
        let from = Some((self.state.branch, at));
        self.act(Action::Forked(Branch { name: i18n::branch_name(what, &whom, at), from }));
        self.note_acts();
    }

    /// The same without one of its acts. `returns`: "undo" leads back to it.
    fn without(&mut self, act: usize, returns: bool) {
        let Some(engine) = &mut self.engine else { return };
        let (at, Some(gone)) = (self.playback.now(), engine.acts().get(act).cloned()) else { return };
        engine.seek(at);
        let (what, whom) = deeds::told(&gone.action, &engine.view());
        if engine.without(act) {
            let name = format!("{}: {}", S.without, i18n::branch_name(what, &whom, gone.at));
            let from = returns.then_some((self.state.branch, at));
            self.act(Action::Forked(Branch { name, from }));
            self.note_acts();
        }
    }

    /// The last act is taken back, or done again: the branch before it, or after it, at the instant of the act.
    fn undo(&mut self, redo: bool) {
        let of = |app: &App| app.state.branches.get(app.state.branch).and_then(|branch| branch.from);
        let (before, left) = (self.state.branch, of(self));
        if !redo && left.is_none() && before > 0 {
            // What a link has brought is one branch with several acts.
            let acts = self.engine.as_ref().map_or(0, |engine| engine.acts().len());
            return if acts > 0 {
                self.without(acts - 1, false)
            };
        }
        self.act(if redo { Action::Redo } else { Action::Undo });
        let parted = if redo { of(self).map(|(_, at)| SimTime(at.0 + 1)) } else { left.map(|(_, at)| at) };
        if let (Some(engine), Some(at)) = (&mut self.engine, parted.filter(|_| self.state.branch != before)) {
            engine.show(self.state.branch);
            engine.seek(at);
            self.playback.jump(at);
            self.note_acts();
        }
    }

    /// A finger that stays where it is for half a second asks what can be done.
    fn touched(&mut self, x: f64, y: f64, what: Pointing) {
        let strays = |(from_x, from_y, _): (f64, f64, f64)| (x - from_x).hypot(y - from_y) > STRAY;
        self.pressed = match what {
            Pointing::Press => Some((x, y, self.last_frame)),
            Pointing::Over => self.pressed.filter(|pressed| !strays(*pressed)),
            _ => None,
        };
    }

    /// Opens the menu that a finger has waited for. Tells whether it did.
    fn open_pressed(&mut self, at: f64) -> bool {
        let Some((x, y, _)) = self.pressed.filter(|(.., since)| at - since >= LONG_PRESS_MS) else { return false };
        self.pressed = None;
        let on = self.picture.scene().borrow().as_ref().and_then(|scene| scene.hit(x, y));
        on.map(|on| self.act(Action::OpenMenu(Menu { on, x, y }))).is_some()
    }

    fn key(&mut self, key: &str) -> bool {
        match key {
            " " => self.on_action(Action::TogglePlay),
            "ArrowRight" => self.step(true),
            "ArrowLeft" => self.step(false),
            "n" | "p" => {
                let to = self.engine.as_ref().and_then(|e| e.notable(self.playback.now(), key == "n"));
                if let Some(to) = to {
                    self.seek(to);
                }
            }
            "undo" => self.undo(false),
            "redo" => self.undo(true),
            "s" => self.act(Action::Careful(!self.state.careful)),
            "0" => self.seek(SimTime::ZERO),
            "?" => self.act(Action::Help(!self.state.help)),
            "Escape" if self.state.help => self.act(Action::Help(false)),
            "Escape" if self.state.menu.is_some() => self.act(Action::CloseMenu),
            "Escape" => self.act(Action::Select(None)),
            _ => return false,
        }
        true
    }

    fn pointing(&self, ctx: &Context<Self>) -> Callback<(f64, f64, Pointing)> {
        let scene = self.picture.scene();
        let hovered = self.state.hovered;
        ctx.link().batch_callback(move |(x, y, what): (f64, f64, Pointing)| {
            let pick = scene.borrow().as_ref().and_then(|s| s.hit(x, y));
            match (what, pick) {
                (Pointing::Click, pick) => Some(Msg::Act(match pick.filter(|&on| node_of(on).is_some()) {
                    Some(on) => Action::OpenMenu(Menu { on, x, y }),
                    None => Action::Select(pick),
                })),
                (Pointing::Menu, pick) => pick.map(|on| Msg::Act(Action::OpenMenu(Menu { on, x, y }))),
                (Pointing::Press, _) => None,
                (Pointing::Out, _) => hovered.is_some().then_some(Msg::Act(Action::Hover(None))),
                (Pointing::Over, pick) => (pick != hovered).then_some(Msg::Act(Action::Hover(pick))),
            }
        })
    }

    /// One frame: compute a slice, move time, paint. Returns whether the parts around the stage must show something new.
    fn frame(&mut self, at: f64) -> bool {
        let dt = at - self.last_frame;
        self.last_frame = at;
        let mut render = self.open_pressed(at);
        for until in [&mut self.copied_until, &mut self.shared_until] {
            if *until > 0.0 && at > *until {
                (*until, render) = (0.0, true);
            }
        }
        let Some(engine) = &mut self.engine else { return render };
        let loading = self.state.phase == Phase::Loading;
        let (mut known, mut compared) = (false, false);
        if loading && engine.load() {
            known = true;
        } else if !loading && engine.load_original() {
            compared = true;
        }
        if let Some(to) = self.awaited.filter(|to| known || *to <= engine.known()) {
            self.awaited = None;
            engine.seek(to.min(engine.known()));
            self.playback.jump(engine.now());
        }
        let mut ended = false;
        if self.state.playing {
            let limit = engine.known();
            let speed = self.state.speed;
            let speed = if self.state.careful { speed.careful(engine.nearest(self.playback.now())) } else { speed };
            ended = self.playback.play(dt, speed, limit) && engine.outcome().is_some();
            engine.seek(self.playback.now());
        }
        if known {
            self.act(Action::Known);
        }
        if ended {
            self.act(Action::Pause);
        }
        self.paint();
        let moved = self.snapshot.as_ref().is_none_or(|s| s.now != self.playback.now());
        if known || ended || compared || ((moved || loading) && at - self.last_reading >= READING_MS) {
            self.last_reading = at;
            self.read();
            render = true;
        }
        render
    }

    fn paint(&mut self) {
        let Some(engine) = &self.engine else { return };
        let watched = self.state.message.and_then(|m| self.picture.place_of(engine, m, self.state.branch));
        self.picture.paint(engine, &self.state, self.playback.now(), watched, theme::in_force(self.state.start.theme));
    }

    /// Reads what the parts around the stage show.
    fn read(&mut self) {
        let Some(engine) = &self.engine else { return };
        let life = self.state.message.and_then(|message| {
            let key = (message, self.state.branch);
            if let Some((m, branch, life)) = &self.life
                && (*m, *branch) == key
                && engine.outcome().is_some()
            {
                return Some(life.clone());
            }
            let life = Shared(Rc::new(engine.life(message)?));
            self.life = engine.outcome().is_some().then(|| (message, self.state.branch, life.clone()));
            Some(life)
        });
        let link = match self.state.selected {
            Some(Pick::Link(a, b)) => Some(engine.link(a, b)),
            _ => None,
        };
        self.snapshot = Some(Rc::new(Snapshot {
            link,
            now: self.playback.now(),
            end: engine.end(),
            known: engine.known(),
            tally: engine.tally(),
            outcome: engine.outcome().cloned(),
            original: engine.original().cloned(),
            news: engine.news(),
            life,
            view: Shared(Rc::new(engine.view())),
        }));
    }
}
