//! The canvases: paints only what changed since the last frame.

use crate::canvas;
use crate::components::charts;
use crate::engine::Engine;
use crate::i18n::S;
use crate::marks::clock;
use crate::sim::History;
use crate::state::{Menu, State};
use crate::theme;
use sim_core::ids::{MessageId, Offset, PartitionId};
use sim_core::time::SimTime;
use sim_core::view::PacketView;
use stage::chart::{self, Chart};
use stage::geom::Size;
use stage::layout::places::comfortable_height;
use stage::text::tenths;
use stage::timeline::{self, Bar};
use stage::{LayoutOptions, Pick, Scene, Theme};
use std::cell::RefCell;
use std::rc::Rc;
use web_sys::{HtmlCanvasElement, HtmlElement};
use yew::NodeRef;

/// Everything on which the lower canvas depends.
#[derive(Clone, PartialEq)]
struct BaseKey {
    events: usize,
    branch: usize,
    scenario: Option<String>,
    selected: Option<Pick>,
    hovered: Option<Pick>,
    watched: Option<(PartitionId, Offset)>,
    message: Option<MessageId>,
    legend: bool,
    controls: bool,
    theme: Theme,
}

/// Where a message was found: message, branch, events known, place.
type Found = (MessageId, usize, bool, Option<(PartitionId, Offset)>);

/// The charts' canvas, and what lies over it.
#[derive(Default)]
pub struct ChartNodes {
    /// The canvas.
    pub canvas: NodeRef,
    /// A line at the present, moved by the frame loop.
    pub cursor: NodeRef,
    /// What is under the pointer, in words.
    pub tip: NodeRef,
}

/// The charts of a run.
pub fn charts_of(bar: &Bar) -> Vec<Chart> {
    bar.series.as_ref().map_or(Vec::new(), |series| Chart::all(series, bar.end, S.stage))
}

/// One stage: its two canvases, and what is on them.
#[derive(Default)]
pub struct Easel {
    /// The lower canvas: the cluster.
    base: NodeRef,
    /// The upper canvas: the packets.
    packets: NodeRef,
    scene: Rc<RefCell<Option<Scene>>>,
    under_way: Vec<PacketView>,
    base_key: Option<BaseKey>,
    packets_at: Option<SimTime>,
}

/// The canvases and what is on them.
#[derive(Default)]
pub struct Picture {
    /// The stage of the run that is shown.
    pub stage: Easel,
    /// The stage of the run beside it.
    pub beside: Easel,
    /// The canvas of the time bar.
    pub bar: NodeRef,
    /// The playhead.
    pub playhead: NodeRef,
    /// The readout of the time.
    pub readout: NodeRef,
    /// The charts, if they are open.
    pub charts: ChartNodes,
    /// Height of the stage where the page stacks.
    pub height: u32,
    bar_key: Option<(usize, SimTime, bool, Theme, Option<PartitionId>)>,
    /// The course, the one to compare with, whether that is known.
    charts_key: Option<(usize, Option<usize>, bool, Theme)>,
    charts_at: Option<SimTime>,
    shown_at: Option<SimTime>,
    found: Option<Found>,
}

impl Easel {
    /// Its canvases: the lower and the upper one.
    pub fn canvases(&self) -> [NodeRef; 2] {
        [self.base.clone(), self.packets.clone()]
    }

    /// Paints what has changed. Returns the height that the picture would like, when it was laid out anew.
    fn paint(&mut self, history: &History, key: BaseKey, now: SimTime) -> Option<u32> {
        let (Some(base), Some(packets)) = (self.base.cast::<HtmlCanvasElement>(), self.packets.cast::<HtmlCanvasElement>())
        else {
            return None;
        };
        let (theme, mut height) = (key.theme, None);
        let (size, resized) = canvas::fit(&base);
        if resized || self.base_key.as_ref() != Some(&key) {
            height = Some(self.paint_base(history, &key, &base, size));
            self.base_key = Some(key);
            self.packets_at = None;
        }
        let (_, resized) = canvas::fit(&packets);
        if resized || self.packets_at != Some(now) {
            if let Some(scene) = self.scene.borrow_mut().as_mut() {
                scene.move_packets(&self.under_way, now);
                canvas::draw(&packets, &[&scene.packets], theme);
            }
            self.packets_at = Some(now);
        }
        height
    }

    fn paint_base(&mut self, history: &History, key: &BaseKey, canvas: &HtmlCanvasElement, size: Size) -> u32 {
        let view = history.view(key.message);
        let BaseKey { selected, hovered, watched, legend, controls, .. } = *key;
        let options = LayoutOptions { selected, hovered, watched, legend, controls, words: S.stage };
        let scene = Scene::layout(&view, size, &options);
        canvas::draw(canvas, &[&scene.base], key.theme);
        let height = comfortable_height(&view, size.w.min(640.0), S.stage).min(1400.0) as u32;
        self.under_way = view.packets;
        *self.scene.borrow_mut() = Some(scene);
        height
    }

    fn forget(&mut self) {
        self.base_key = None;
    }
}

impl Picture {
    /// The scene, for whoever asks what is under the pointer.
    pub fn scene(&self) -> Rc<RefCell<Option<Scene>>> {
        Rc::clone(&self.stage.scene)
    }

    /// A menu that was opened by key stands beside the name of what it is on.
    pub fn placed(&self, menu: Menu) -> Menu {
        let area = self.stage.scene.borrow().as_ref().and_then(|s| s.area_of(menu.on));
        match area {
            Some(area) if menu.x < 0.0 => Menu { x: area.x + 90.0, y: area.y + 12.0, ..menu },
            _ => menu,
        }
    }

    /// Where a message lies. Searched once a message and branch.
    pub fn place_of(&mut self, engine: &Engine, message: MessageId, branch: usize) -> Option<(PartitionId, Offset)> {
        let complete = engine.outcome().is_some();
        if let Some((m, b, c, place)) = &self.found
            && (*m, *b, *c) == (message, branch, complete)
        {
            return *place;
        }
        let place = engine.place_of(message);
        self.found = Some((message, branch, complete, place));
        place
    }

    /// Paints one frame.
    pub fn paint(&mut self, engine: &Engine, state: &State, now: SimTime, watched: Option<(PartitionId, Offset)>, theme: Theme) {
        let key = |branch: usize, history: &History| BaseKey {
            events: history.present_len(),
            branch,
            scenario: state.start.scenario.clone(),
            selected: state.selected,
            hovered: state.hovered,
            watched,
            message: state.message,
            legend: state.legend && state.beside.is_none(),
            controls: state.beside.is_none(),
            theme,
        };
        let paint = |easel: &mut Easel, branch: usize| {
            let history = engine.look_at(branch)?;
            easel.paint(history, key(branch, history), now)
        };
        if let Some(height) = paint(&mut self.stage, state.branch) {
            self.height = if theme::is_stacked() { height } else { 0 };
        }
        if let Some(other) = state.beside {
            paint(&mut self.beside, other);
        }
        self.paint_bar(engine, state, now, theme);
        self.paint_charts(engine, state, now, theme);
    }

    fn paint_bar(&mut self, engine: &Engine, state: &State, now: SimTime, theme: Theme) {
        let Some(canvas) = self.bar.cast::<HtmlCanvasElement>() else { return };
        let (size, resized) = canvas::fit(&canvas);
        let complete = engine.outcome().is_some();
        let asked = state.selected.and_then(Pick::partition);
        let key = (state.branch, engine.known(), complete, theme, asked);
        if resized || self.bar_key != Some(key) {
            let loading = Bar { end: engine.end(), known: engine.known(), ..Bar::default() };
            let marks = timeline::layout(engine.outcome().map_or(&loading, |o| &o.bar), asked, size, S.stage);
            canvas::draw(&canvas, &[&marks], theme);
            self.bar_key = Some(key);
            self.shown_at = None;
        }
        if self.shown_at != Some(now) {
            let x = timeline::x_of(engine.end(), size.w, now);
            if let Some(playhead) = self.playhead.cast::<HtmlElement>() {
                _ = playhead.style().set_property("transform", &format!("translateX({}px)", tenths(x)));
            }
            if let Some(readout) = self.readout.cast::<HtmlElement>() {
                readout.set_text_content(Some(&clock(now)));
            }
            self.shown_at = Some(now);
        }
    }

    fn paint_charts(&mut self, engine: &Engine, state: &State, now: SimTime, theme: Theme) {
        let (Some(canvas), Some(outcome)) = (self.charts.canvas.cast::<HtmlCanvasElement>(), engine.outcome()) else { return };
        let (size, resized) = canvas::fit(&canvas);
        let other = state.other();
        let behind = other.and_then(|other| engine.outcome_of(other));
        let key = Some((state.branch, other, behind.is_some(), theme));
        if resized || self.charts_key != key {
            let (charts, behind) = (charts_of(&outcome.bar), behind.map_or(Vec::new(), |o| charts_of(&o.bar)));
            let marks = chart::layout(&charts, &behind, engine.end(), &charts::grid(size.w, size.h, charts.len()));
            canvas::draw(&canvas, &[&marks], theme);
            (self.charts_key, self.charts_at) = (key, None);
        }
        if self.charts_at != Some(now)
            && let Some(cursor) = self.charts.cursor.cast::<HtmlElement>()
        {
            let x = charts::grid(size.w, size.h, 1).x_of(0, engine.end(), now);
            _ = cursor.style().set_property("transform", &format!("translateX({}px)", tenths(x)));
            self.charts_at = Some(now);
        }
    }

    /// Forgets what was painted: another run begins.
    pub fn forget(&mut self) {
        self.stage.forget();
        self.beside.forget();
        self.bar_key = None;
        self.charts_key = None;
        self.shown_at = None;
        self.found = None;
    }
}
