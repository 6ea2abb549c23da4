//! The courses of events as a tree: the original, and what left it. Each can be shown, named, compared with, and forgotten.

use super::controls::{icon_button, on};
use super::icons::{Icon, icon};
use super::{Msg, Snapshot, deeds};
use crate::i18n::{S, called};
use crate::marks::clock;
use crate::sim::Intervention;
use crate::state::{Action, Course, State};
use sim_core::time::SimTime;
use sim_core::view::View;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// The tree, once there is more than the original.
pub fn branches(state: &State, snapshot: &Snapshot, send: &Callback<Msg>) -> Html {
    if state.courses.len() < 2 {
        return Html::default();
    }
    html! {
        <section class="card branches" aria-labelledby="branches-title" data-testid="branches">
            <div class="head">
                <h2 id="branches-title">{ S.branches }</h2>
                { button(Icon::Undo, S.undo, "undo", state.undo().is_some(), Action::Undo, send) }
                { button(Icon::Redo, S.redo, "redo", !state.undone.is_empty(), Action::Redo, send) }
            </div>
            <ul role="tree" aria-labelledby="branches-title">
                { for in_order(&state.courses).into_iter().map(|(i, depth)| line(state, i, depth, send)) }
            </ul>
            { acts(&state.start.acts, &snapshot.view.0, send) }
        </section>
    }
}

fn button(sign: Icon, name: &'static str, test: &'static str, possible: bool, action: Action, send: &Callback<Msg>) -> Html {
    let press = on(send, Msg::Act(action));
    html! { <button type="button" class="quiet square" aria-label={name} title={name} disabled={!possible} onclick={press} data-testid={test}>{ icon(sign) }</button> }
}

/// What was done in the shown course: when, what, and the same without it.
fn acts(acts: &[Intervention], view: &View, send: &Callback<Msg>) -> Html {
    if acts.is_empty() {
        return Html::default();
    }
    let line = |(i, act): (usize, &Intervention)| {
        let (what, whom) = deeds::told(&act.action, view);
        let at = act.at;
        let without = format!("{}: {what} {whom}", S.without);
        html! {
            <li>
                <button type="button" class="chip mono" onclick={on(send, Msg::Seek(at))}>{ clock(at) }</button>
                <span>{ what }{ " " }<span class="soft">{ &whom }</span></span>
                { icon_button("quiet square", Icon::Close, without, format!("without-{i}"), None, on(send, Msg::Without(i))) }
            </li>
        }
    };
    html! {
        <details data-testid="acts">
            <summary>{ format!("{} ({})", S.acts, acts.len()) }</summary>
            <ol class="acts">{ for acts.iter().enumerate().map(line) }</ol>
        </details>
    }
}

/// Each course below the one that it left, with its depth.
fn in_order(courses: &[Course]) -> Vec<(usize, usize)> {
    let mut order = Vec::new();
    let mut open = vec![(0, 0)];
    while let Some((i, depth)) = open.pop() {
        order.push((i, depth));
        let children = (0..courses.len()).filter(|c| courses[*c].parent == Some(i));
        open.extend(children.rev().map(|c| (c, depth + 1)));
    }
    order
}

fn line(state: &State, i: usize, depth: usize, send: &Callback<Msg>) -> Html {
    let (course, name) = (&state.courses[i], called(&state.courses, i));
    let (shown, beside) = (i == state.branch, state.beside == Some(i));
    let act = |action: Action| on(send, Msg::Act(action));
    let rename = send.reform(move |e: Event| Msg::Act(Action::Rename(i, e.target_unchecked_into::<HtmlInputElement>().value())));
    html! {
        <li role="treeitem" aria-level={(depth + 1).to_string()} aria-selected={shown.to_string()} class={if shown { "shown" } else { "" }} style={format!("--depth:{depth}")}>
            if shown && i > 0 {
                <input type="text" value={course.name.clone()} maxlength="60" aria-label={S.branch_name} title={S.branch_name} onchange={rename} data-testid={format!("branch-{i}")} />
            } else {
                <button type="button" class="name" aria-pressed={shown.to_string()} title={name.clone()} onclick={act(Action::Branch(i))} data-testid={format!("branch-{i}")}>{ name.clone() }</button>
            }
            if course.at > SimTime::ZERO { <time class="mono soft">{ clock(course.at) }</time> }
            if !shown {
                { icon_button("quiet square", Icon::Beside, format!("{}: {name}", S.compare), format!("compare-{i}"), Some(beside),
                    act(Action::Beside((!beside).then_some(i)))) }
            }
            if i > 0 {
                { icon_button("quiet square", Icon::Close, format!("{}: {name}", S.forget_branch), format!("close-{i}"), None, act(Action::Close(i))) }
            }
        </li>
    }
}
