//! The page as a whole: it owns the state, the runs and the frame loop.

mod acting;

use super::branches::branches;
use super::charts::{self, charts};
use super::header::{self, header};
use super::inspector::Inspector;
use super::news::news_line;
use super::outcome::outcome_table;
use super::settings::settings;
use super::sheet::{notice, sheet};
use super::stage_view::{self, Pointing, stage_view};
use super::time_bar::{self, time_bar};
use super::{Msg, Shared, Snapshot};
use crate::engine::{Difference, Engine, Told};
use crate::i18n::{self, S};
use crate::picture::Picture;
use crate::playback::Playback;
use crate::sim::{self, Facts, Tally};
use crate::start::{self, Beside, Start};
use crate::state::{Action, Course, MOST_COURSES, Menu, Phase, Sheet, State, node_of};
use crate::theme;
use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use sim_core::ids::MessageId;
use sim_core::session::link;
use sim_core::time::SimTime;
use stage::Pick;
use stage::words::fill;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use yew::prelude::*;

/// Milliseconds between two readings of the counts while time passes.
const READING_MS: f64 = 200.0;

/// The page.
pub struct App {
    state: Rc<State>,
    engine: Option<Engine>,
    playback: Playback,
    picture: Picture,
    snapshot: Option<Rc<Snapshot>>,
    life: Option<(MessageId, usize, Shared<Told>)>,
    /// Where two runs part, by their places.
    apart: Option<((usize, usize), Option<Difference>)>,
    library: Rc<Vec<Facts>>,
    last_frame: f64,
    last_reading: f64,
    copied_until: f64,
    shared_until: f64,
    /// Where a finger is, and since when.
    pressed: Option<(f64, f64, f64)>,
    /// The digest that a replay file promises, until the run is known.
    expected: Option<String>,
    /// The instant that the address asks for, until it is known.
    awaited: Option<SimTime>,
    /// Dropping them would stop them.
    frame: Option<AnimationFrame>,
    _keys: EventListener,
    _fingers: Vec<EventListener>,
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
            apart: None,
            library: Rc::new(sim::facts_of_library()),
            last_frame: 0.0,
            last_reading: 0.0,
            copied_until: 0.0,
            shared_until: 0.0,
            pressed: None,
            expected: None,
            awaited: None,
            frame: None,
            _keys: listen_to_keys(ctx),
            _fingers: acting::listen(ctx),
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
                | Msg::Act(
                    Action::Hover(_)
                        | Action::CloseMenu
                        | Action::Speed(_)
                        | Action::Theme(_)
                        | Action::Sheet(_)
                        | Action::Notice(_)
                )
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
            Msg::Vary(start) => {
                self.vary(start);
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
                self.without(act, self.state.branch);
                true
            }
            Msg::Touch(x, y, what) => {
                if !self.touched(x, y, what) {
                    return false;
                }
                true
            }
            Msg::MenuKey => {
                if let Some(on) = self.state.hovered.filter(|on| *on != Pick::Legend) {
                    self.on_action(Action::OpenMenu(Menu::beside(on)));
                }
                true
            }
            Msg::Key(key) => self.key(&key),
            Msg::Save => {
                self.save();
                true
            }
            Msg::Replay(text) => {
                match sim::read_replay(&text) {
                    Ok((start, digest)) => {
                        let start = Start { theme: self.state.start.theme, ..start };
                        theme::set_query(&start::query(&start));
                        self.run(start);
                        self.expected = Some(digest);
                    }
                    Err(why) => self.act(Action::Notice(Some(why))),
                }
                true
            }
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
                    { stage_view(&stage_view::Props { state: state.clone(), snapshot: snapshot.clone(), canvases: [self.picture.stage.canvases(), self.picture.beside.canvases()], height: self.picture.height,
                        on_point: self.pointing(ctx), send: send.clone() }) }
                    <aside class="side">
                        if let Some(snapshot) = &snapshot {
                            { outcome_table(snapshot, state.charts, &send) }
                            { branches(&state, snapshot, &send) }
                            if state.charts {
                                { charts(&charts::Props { snapshot, nodes: &self.picture.charts, send: &send }) }
                            } else {
                                <Inspector state={state.clone()} snapshot={snapshot.clone()} send={send.clone()} />
                            }
                        }
                        { settings(&state, &send) }
                    </aside>
                    if let Some(snapshot) = &snapshot { { news_line(snapshot) } }
                    if state.sheet.is_none() { { notice(&state, &send) } }
                    { time_bar(&time_bar::Props { state, snapshot, canvas: self.picture.bar.clone(),
                        playhead: self.picture.playhead.clone(), readout: self.picture.readout.clone(), send: send.clone() }) }
                }
                { sheet(&self.state, &send) }
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
        if acting::moves_in_menu(event, &key) {
            return;
        }
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
            "?" | "n" | "p" | "s" | "c" | "g" | "0" => {
                !matches!(tag.as_str(), "TEXTAREA" | "SELECT") && (tag != "INPUT" || on_time)
            }
            " " => !matches!(tag.as_str(), "BUTTON" | "SELECT" | "TEXTAREA") && (tag != "INPUT" || on_time),
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
        self.apart = None;
        self.expected = None;
        self.snapshot = None;
        self.picture.forget();
        if let Err(why) = self.begin(&start) {
            self.engine = None;
            self.act(Action::Failed(why));
        }
    }

    /// The original, the run beside it if the address asks for another one, and what was done to it.
    fn begin(&mut self, start: &Start) -> Result<(), String> {
        let original = Start { acts: Vec::new(), ..start.anew() };
        let (engine, facts) = Engine::new(&original)?;
        self.engine = Some(engine);
        self.playback.jump(SimTime::ZERO);
        self.act(Action::Planned(Rc::new(facts)));
        let original = self.state.courses[0].start.clone();
        let beside = start.beside.clone().map(|beside| Start { set: beside.set, acts: beside.acts, ..original.clone() });
        let mut place = 0;
        if let Some(beside) = beside.as_ref().filter(|beside| **beside != original) {
            place = 1;
            self.add(beside.clone(), SimTime::ZERO)?;
        }
        if !start.acts.is_empty() {
            let first = start.acts.iter().map(|act| act.at).min().unwrap_or(SimTime::ZERO);
            self.add(Start { acts: start.acts.clone(), ..original }, first)?;
        } else if place > 0 {
            self.on_action(Action::Branch(0));
        }
        if beside.is_some() {
            self.act(Action::Beside(Some(place)));
        }
        self.awaited = start.at;
        if start.at.is_some() {
            self.act(Action::Pause);
        }
        if start.message.is_some() {
            self.act(Action::Follow(start.message));
        }
        Ok(())
    }

    /// Another course of events, from the beginning, and shown.
    fn add(&mut self, start: Start, at: SimTime) -> Result<(), String> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let facts = Rc::new(engine.add(&start)?);
        let shown = self.state.courses[self.state.branch].start.clone();
        let name = i18n::course_name(&shown, &start);
        self.act(Action::Branched(Course { name, parent: Some(self.state.branch), at, start, facts }));
        Ok(())
    }

    /// The same storm with other settings, at the instant that is shown.
    fn vary(&mut self, start: Start) {
        if self.is_full() {
            return;
        }
        let (now, from) = (self.playback.now(), self.state.branch);
        match self.add(start.anew(), SimTime::ZERO) {
            Ok(()) => {
                self.playback.jump(SimTime::ZERO);
                self.awaited = Some(now);
                self.act(Action::Sheet(None));
                self.act(Action::Beside(Some(from)));
                self.note();
            }
            Err(why) => self.act(Action::Notice(Some(why))),
        }
    }

    /// Whether the run is the one that the replay file holds.
    fn check_replay(&mut self) {
        let Some(outcome) = self.engine.as_ref().and_then(Engine::outcome) else { return };
        if let Some(expected) = self.expected.take() {
            let same = outcome.digest == expected;
            self.act(Action::Notice(Some(if same { S.replay_same.into() } else { fill(S.replay_differs, expected) })));
        }
    }

    /// The run goes to a replay file.
    fn save(&mut self) {
        let Some(engine) = self.engine.as_ref().filter(|e| e.outcome().is_some()) else {
            return self.act(Action::Notice(Some(S.not_known_yet.into())));
        };
        let text = engine.look_at(self.state.branch).map(|history| sim::replay_file(&self.state.start.anew(), history));
        let name = self.state.facts().map_or_else(String::new, |facts| facts.name.clone());
        theme::download(&format!("{name}.replay.json"), &text.unwrap_or_default());
    }

    /// There is no room for another course of events: says so.
    fn is_full(&mut self) -> bool {
        let full = self.state.courses.len() >= MOST_COURSES;
        if full {
            self.act(Action::Notice(Some(S.too_many_courses.into())));
        }
        full
    }

    /// Actions that also concern the runs or the document.
    fn on_action(&mut self, action: Action) {
        match &action {
            Action::Theme(theme) => {
                theme::apply(Some(*theme));
                let start = Start { theme: Some(*theme), ..self.state.start.clone() };
                theme::set_query(&start::query(&start));
            }
            Action::Branch(branch) => self.show(*branch),
            Action::Close(branch) => {
                let parent = self.state.courses.get(*branch).and_then(|course| course.parent);
                if let Some(parent) = parent.filter(|_| self.state.branch == *branch) {
                    self.show(parent);
                }
                if let Some(engine) = &mut self.engine {
                    engine.close(*branch);
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
        let other = matches!(action, Action::Branch(_) | Action::Close(_) | Action::Beside(_));
        self.act(action);
        if other {
            self.life = None;
            self.apart = None;
            self.picture.forget();
            self.note();
        }
    }

    fn show(&mut self, branch: usize) {
        if let Some(engine) = &mut self.engine {
            let now = self.playback.now();
            engine.show(branch);
            self.playback.jump(engine.now());
            // What is not known yet is waited for.
            self.awaited = (engine.now() < now).then_some(now);
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

    /// What is shown, and beside what, belongs to the address.
    fn note(&self) {
        theme::set_query(&start::query(&self.address()));
    }

    fn address(&self) -> Start {
        let start = self.state.start.anew();
        let other = self.state.beside.and_then(|i| self.state.courses.get(i)).map(|course| &course.start);
        // What is not the same storm cannot stand beside it in an address.
        let beside = other
            .filter(|other| (&other.scenario, &other.text, other.seed) == (&start.scenario, &start.text, start.seed))
            .map(|other| Beside { set: other.set.clone(), acts: other.acts.clone() });
        Start { beside, ..start }
    }

    /// A link to what is seen now.
    fn share(&mut self) {
        if let Some(Err(why)) = self.state.start.text.as_deref().map(link::pack) {
            return self.act(Action::Notice(Some(why)));
        }
        let start = Start { at: Some(self.playback.now()), message: self.state.message, ..self.address() };
        theme::set_query(&start::query(&start));
        _ = gloo::utils::window().navigator().clipboard().write_text(&theme::address());
        self.shared_until = self.last_frame + 1600.0;
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
            "c" => {
                let parent = self.state.courses.get(self.state.branch).and_then(|course| course.parent);
                let other = if self.state.beside.is_some() { None } else { parent };
                self.on_action(Action::Beside(other));
            }
            "undo" => self.undo(false),
            "redo" => self.undo(true),
            "s" => self.act(Action::Careful(!self.state.careful)),
            "g" => self.act(Action::Charts(!self.state.charts)),
            "0" => self.seek(SimTime::ZERO),
            "?" => self.act(Action::Sheet(if self.state.sheet == Some(Sheet::Keys) { None } else { Some(Sheet::Keys) })),
            "Escape" if self.state.sheet.is_some() => self.act(Action::Sheet(None)),
            "Escape" if self.state.notice.is_some() => self.act(Action::Notice(None)),
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
                (Pointing::Menu | Pointing::Press | Pointing::Lift, _) => None,
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
        } else if !loading {
            let others = [self.state.beside.unwrap_or(0), 0];
            compared = engine.load_others(&others);
        }
        if let Some(to) = self.awaited.filter(|to| known || *to <= engine.known()) {
            self.awaited = None;
            engine.seek(to.min(engine.known()));
            self.playback.jump(engine.now());
        }
        let mut ended = false;
        if self.state.playing {
            let limit = engine.known().min(self.state.beside.map_or(engine.end(), |other| engine.known_of(other)));
            let speed = self.state.speed;
            let speed = if self.state.careful { speed.careful(engine.nearest(self.playback.now())) } else { speed };
            ended = self.playback.play(dt, speed, limit) && engine.outcome().is_some();
            engine.seek(self.playback.now());
        }
        if let Some(other) = self.state.beside {
            engine.follow(other);
        }
        if known {
            self.check_replay();
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

    /// The run to compare with, once it is known: what it is called, and its counts.
    fn other(&self, engine: &Engine) -> Option<(String, Tally)> {
        let other = self.state.other()?;
        Some((i18n::called(&self.state.courses, other), engine.outcome_of(other)?.tally.clone()))
    }

    /// Looks for the place where the two runs part, once both are known: a walk along both traces, once a pair.
    fn part(&mut self) {
        let (Some(engine), Some(other)) = (&self.engine, self.state.beside) else { return self.apart = None };
        let pair = (self.state.branch, other);
        let known = engine.outcome().is_some() && engine.outcome_of(other).is_some();
        if !known {
            self.apart = None;
        } else if self.apart.as_ref().is_none_or(|(of, _)| *of != pair) {
            self.apart = Some((pair, engine.difference(other)));
        }
    }

    /// Reads what the parts around the stage show.
    fn read(&mut self) {
        self.part();
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
            other: self.other(engine),
            apart: self.apart.as_ref().map(|(_, apart)| apart.clone()),
            news: engine.news(),
            life,
            view: Shared(Rc::new(engine.view())),
        }));
    }
}
