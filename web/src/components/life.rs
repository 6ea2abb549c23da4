//! The life of one message: its fate and why, its lines, its sequence diagram.

use super::Msg;
use super::controls::on;
use crate::engine::Told;
use crate::i18n::{S, verdict};
use crate::marks::clock;
use crate::sim::{Arrow, Chain, Life, chain};
use sim_core::time::SimTime;
use sim_core::trace::Verdict;
use stage::text::{Face, fit, width};
use yew::prelude::*;

/// What is shown.
pub struct Props<'a> {
    /// The life, and how it came to harm.
    pub told: &'a Told,
    /// The instant: what comes later is fainter.
    pub now: SimTime,
    /// Where wishes go.
    pub send: &'a Callback<Msg>,
}

/// The life of a message.
pub fn life_view(props: &Props) -> Html {
    let Told { life, harms } = props.told;
    html! {
        <div class="life" data-testid="life">
            <ul class="verdicts">
                { for life.verdicts.iter().map(|(group, v)| html! {
                    <li><span class="soft">{ group }</span> <strong class={class_of(*v)} data-testid="life-verdict">{ verdict(S, *v) }</strong></li>
                }) }
            </ul>
            { for harms.iter().map(|chain| why(chain, props)) }
            if let Some(m) = life.mechanism.filter(|m| harms.iter().all(|chain| chain.mechanism != *m)) {
                <div class="why">
                    <h3>{ S.mechanism } <span class="tag mono" data-testid="mechanism">{ m.id }</span></h3>
                    <p><strong>{ m.name }{ ". " }</strong>{ m.sentence }</p>
                    <h3>{ S.fix }</h3>
                    <p>{ m.fix }</p>
                </div>
            }
            <h3>{ S.life }</h3>
            <ol class="lines">
                { for life.lines.iter().map(|line| instant(line.at, &line.text, "life-line", props)) }
            </ol>
            { sequence(life, props.now) }
        </div>
    }
}

/// How it came to harm, step by step, and what would have prevented it.
fn why(chain: &Chain, props: &Props) -> Html {
    let m = chain.mechanism;
    let prevention = chain::prevention::of(m.id);
    html! {
        <div class="why">
            <h3>{ S.mechanism } <span class="tag mono" data-testid="mechanism">{ m.id }</span></h3>
            <p><strong>{ m.name }{ ". " }</strong>{ m.sentence }</p>
            <ol class="lines" data-testid="chain">
                { for chain.steps.iter().map(|step| match step.event {
                    Some(_) => instant(step.at, &step.text, "chain-step", props),
                    None => html! { <li class="given">{ &step.text }</li> },
                }) }
            </ol>
            <h3>{ S.fix }</h3>
            <p>{ m.fix }</p>
            if let Some(prevention) = prevention {
                <ul class="settings-list">
                    { for prevention.set.iter().chain(prevention.write).map(|text| html! { <li class="mono">{ *text }</li> }) }
                </ul>
            }
        </div>
    }
}

/// A line that leads to its instant.
fn instant(at: SimTime, text: &str, test: &'static str, props: &Props) -> Html {
    let seek = on(props.send, Msg::Seek(at));
    html! {
        <li class={if at > props.now { "later" } else { "" }}>
            <button type="button" onclick={seek} data-testid={test}>
                <time class="mono">{ clock(at) }</time><span>{ text.to_owned() }</span>
            </button>
        </li>
    }
}

fn class_of(v: Verdict) -> &'static str {
    match v {
        Verdict::Ok => "good",
        Verdict::Lost => "danger",
        Verdict::Duplicated | Verdict::Phantom => "twice",
        Verdict::Rejected | Verdict::Pending => "soft",
    }
}

const WIDTH: f64 = 344.0;
const ROW: f64 = 30.0;
const HEAD: f64 = 26.0;
/// More arrows than anyone reads.
const MOST: usize = 40;

/// One column a participant, one row an arrow, in time order.
fn sequence(life: &Life, now: SimTime) -> Html {
    let n = life.participants.len();
    if n < 2 || life.arrows.is_empty() {
        return Html::default();
    }
    let arrows = &life.arrows[..life.arrows.len().min(MOST)];
    let height = HEAD + ROW * (arrows.len() as f64 + 0.6);
    let column = WIDTH / n as f64;
    let x = move |i: usize| column * (i as f64 + 0.5);
    html! {
        <svg class="sequence" viewBox={format!("0 0 {WIDTH} {height}")} role="img" aria-label={S.sequence} data-testid="sequence">
            { for life.participants.iter().enumerate().map(|(i, name)| html! {
                <g>
                    <text x={x(i).to_string()} y="14" class="who">{ fit(name, Face::Sans, 10.5, column - 6.0) }</text>
                    <line x1={x(i).to_string()} x2={x(i).to_string()} y1={HEAD.to_string()} y2={height.to_string()} class="lifeline" />
                </g>
            }) }
            { for arrows.iter().enumerate().map(|(i, a)| arrow(a, HEAD + ROW * (i as f64 + 0.6), &x, now)) }
        </svg>
    }
}

fn arrow(a: &Arrow, y: f64, x: &dyn Fn(usize) -> f64, now: SimTime) -> Html {
    let (from, mut to) = (x(a.from), x(a.to));
    let lost = a.arrived.is_none();
    if lost {
        to = from + (to - from) * 0.55;
    }
    let class = classes!("arrow", lost.then_some("broken"), (a.sent > now).then_some("later"));
    let back = if to > from { -7.0 } else { 7.0 };
    let end_y = y + if a.from == a.to { 10.0 } else { 6.0 };
    let head = format!("{},{} {},{} {},{}", to, end_y, to + back, end_y - 4.0, to + back, end_y + 3.0);
    let room = (x(a.to) - from).abs().max(70.0);
    let label = fit(&a.label, Face::Sans, 9.5, room.max(width("Produce", Face::Sans, 9.5)));
    let middle = ((from + x(a.to)) / 2.0).clamp(30.0, WIDTH - 30.0);
    html! {
        <g class={class}>
            <line x1={from.to_string()} y1={y.to_string()} x2={to.to_string()} y2={end_y.to_string()} />
            if lost {
                <path d={format!("M{} {}l8 8m0 -8l-8 8", to - 4.0, end_y - 4.0)} class="cross" />
            } else {
                <polygon points={head} />
            }
            <text x={middle.to_string()} y={(y - 4.0).to_string()}>{ label }</text>
            <title>{ format!("{} ({} s)", a.label, clock(a.sent)) }</title>
        </g>
    }
}
