//! Time: play, step, speed, and the painted bar over the whole run.

use super::controls::{icon_button, on};
use super::icons::{Icon, icon};
use super::{Msg, Snapshot};
use crate::i18n::{S, event, moment};
use crate::marks::notable;
use crate::playback::Speed;
use crate::state::{Action, State};
use sim_core::ids::PartitionId;
use sim_core::time::{SimDuration, SimTime};
use stage::Pick;
use stage::text::tenths;
use stage::timeline::{reach, time_at};
use stage::words::fill;
use std::rc::Rc;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What is shown.
pub struct Props {
    /// The page's state.
    pub state: Rc<State>,
    /// The run.
    pub snapshot: Option<Rc<Snapshot>>,
    /// The canvas of the bar.
    pub canvas: NodeRef,
    /// The playhead, moved by the frame loop.
    pub playhead: NodeRef,
    /// The readout of the time, written by the frame loop.
    pub readout: NodeRef,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// Steps of the seek slider.
const STEPS: u64 = 10_000;

/// Transport and time bar.
pub fn time_bar(props: &Props) -> Html {
    let end = props.snapshot.as_ref().map_or(SimTime::ZERO, |s| s.end);
    html! {
        <footer class="transport" data-testid="transport">
            <div class="buttons">{ buttons(props) }</div>
            <div class="readout">
                <span ref={props.readout.clone()} class="clock mono" data-testid="time" role="timer" aria-live="off"></span>
                <span class="soft">{ fill(S.time_of, end.0 / 1_000_000) }</span>
            </div>
            { next_event(props) }
            <Scrubber snapshot={props.snapshot.clone()} asked={props.state.selected.and_then(Pick::partition)} canvas={props.canvas.clone()} playhead={props.playhead.clone()} send={props.send.clone()} />
            { speed(props) }
        </footer>
    }
}

fn buttons(props: &Props) -> Html {
    let playing = props.state.playing;
    let button = |label: &'static str, sign: Icon, test: &'static str, class: &'static str, msg: Msg| {
        icon_button(class, sign, label, test, None, on(&props.send, msg))
    };
    let (label, sign) = if playing { (S.pause, Icon::Pause) } else { (S.play, Icon::Play) };
    html! {
        <>
            { button(S.restart_run, Icon::Start, "to-start", "quiet square", Msg::Seek(SimTime::ZERO)) }
            { button(S.previous_mark, Icon::Previous, "previous-mark", "quiet square", Msg::Jump(false)) }
            { button(S.step_back, Icon::StepBack, "step-back", "quiet square", Msg::Step(false)) }
            { button(label, sign, "play", "primary round", Msg::Act(Action::TogglePlay)) }
            { button(S.step, Icon::Step, "step", "quiet square", Msg::Step(true)) }
            { button(S.next_mark, Icon::Next, "next-mark", "quiet square", Msg::Jump(true)) }
            { careful(props) }
        </>
    }
}

/// Slow down where something happens.
fn careful(props: &Props) -> Html {
    let careful = props.state.careful;
    let toggle = on(&props.send, Msg::Act(Action::Careful(!careful)));
    icon_button("quiet square careful", Icon::Slow, S.careful, "careful", Some(careful), toggle)
}

/// Where the story goes on: the next event worth a look, and a jump there.
fn next_event(props: &Props) -> Html {
    let bar = props.snapshot.as_ref().and_then(|s| s.outcome.as_ref()).map(|o| &o.bar);
    let eventful = bar.is_none_or(|bar| notable(bar, SimTime::ZERO, true).is_some());
    let next = bar.zip(props.snapshot.as_ref()).and_then(|(bar, s)| notable(bar, s.now, true));
    // It keeps its place: nothing beside it may move while time passes.
    let Some(next) = next else { return html! { <span class={if eventful { "next" } else { "next none" }}></span> } };
    let jump = on(&props.send, Msg::Jump(true));
    let tenths = next.at.0 / 100_000;
    let at = fill(&fill(S.next_event_at, event(next.kind)), format!("{}.{}", tenths / 10, tenths % 10));
    html! {
        <button type="button" class="next" onclick={jump} title={S.next_event_hint} data-testid="next-event">
            <span><small>{ S.next_event }</small>{ at }</span>{ icon(Icon::Next) }
        </button>
    }
}

fn speed(props: &Props) -> Html {
    let speed = props.state.speed;
    let set = props.send.reform(|e: InputEvent| {
        let value = e.target_unchecked_into::<HtmlInputElement>().value();
        Msg::Act(Action::Speed(Speed(value.parse().unwrap_or(Speed::DEFAULT.0))))
    });
    let part = f64::from(speed.0 - Speed::SLOWEST.0) / f64::from(Speed::FASTEST.0 - Speed::SLOWEST.0);
    html! {
        <label class="speed">
            <span class="soft">{ S.speed }</span>
            <input type="range" class="slider" min={Speed::SLOWEST.0.to_string()} max={Speed::FASTEST.0.to_string()} step="1"
                value={speed.0.to_string()} oninput={set} aria-label={S.speed} aria-valuetext={speed.label()} data-testid="speed" style={format!("--part:calc({} / 1000)", (part * 1e3).round() as u32)} />
            <output class="mono">{ speed.label() }</output>
        </label>
    }
}

#[derive(Properties, PartialEq)]
struct ScrubberProps {
    snapshot: Option<Rc<Snapshot>>,
    /// The partition that the lanes are about, if one is chosen.
    asked: Option<PartitionId>,
    canvas: NodeRef,
    playhead: NodeRef,
    send: Callback<Msg>,
}

/// The painted bar with a slider over it.
#[function_component(Scrubber)]
fn scrubber(props: &ScrubberProps) -> Html {
    let hint = use_state(|| None::<(f64, String)>);
    let end = props.snapshot.as_ref().map_or(SimTime::ZERO, |s| s.end);
    let now = props.snapshot.as_ref().map_or(SimTime::ZERO, |s| s.now);
    let bar = props.snapshot.as_ref().and_then(|s| s.outcome.as_ref()).map(|o| Rc::clone(&o.bar));
    let asked = props.asked;
    // Who hears it is exactly there: only what happened just then is near.
    let said = moment(bar.as_deref(), asked, now, SimDuration::ZERO);
    let seek = props.send.reform(move |e: InputEvent| {
        let part: u64 = e.target_unchecked_into::<HtmlInputElement>().value().parse().unwrap_or(0);
        Msg::Seek(SimTime((u128::from(end.0) * u128::from(part) / u128::from(STEPS)) as u64))
    });
    let over = {
        let hint = hint.clone();
        Callback::from(move |e: MouseEvent| {
            let Some(element) = e.target_dyn_into::<HtmlInputElement>() else { return };
            let (x, width) = (f64::from(e.offset_x()), f64::from(element.client_width()));
            hint.set(Some((x, moment(bar.as_deref(), asked, time_at(end, width, x), reach(end, width)))));
        })
    };
    let out = {
        let hint = hint.clone();
        Callback::from(move |_: MouseEvent| hint.set(None))
    };
    let value = if end.0 == 0 { 0 } else { u128::from(now.0) * u128::from(STEPS) / u128::from(end.0) };
    // Where the run and the one beside it part, in thousandths of the bar.
    let apart = props.snapshot.as_ref().and_then(|s| s.apart.as_ref()?.as_ref()).filter(|_| end.0 > 0);
    let apart = apart.map(|difference| u128::from(difference.at.0) * 1000 / u128::from(end.0));
    html! {
        <div class="scrubber">
            <canvas ref={props.canvas.clone()} aria-hidden="true"></canvas>
            if let Some(part) = apart { <div class="parting" style={format!("--part:{part}")} title={S.they_part} aria-hidden="true"></div> }
            <div class="playhead" ref={props.playhead.clone()} aria-hidden="true"></div>
            <input type="range" min="0" max={STEPS.to_string()} step="1" value={value.to_string()} oninput={seek} aria-label={S.time}
                aria-valuetext={said} data-testid="seek" onmousemove={over} onmouseleave={out} />
            if let Some((x, text)) = &*hint { <div class="tip" style={format!("--x:{}px", tenths(*x))} aria-hidden="true">{ text }</div> }
        </div>
    }
}
