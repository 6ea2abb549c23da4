//! The settings that can be changed for another run under the same seed, and the branches.

use super::icons::{Icon, icon};
use super::{Msg, deeds};
use crate::i18n::S;
use crate::marks::clock;
use crate::sim::Intervention;
use crate::state::{Action, Draft, State};
use sim_core::view::View;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Settings and "run again".
pub fn settings(state: &State, send: &Callback<Msg>) -> Html {
    let Some(facts) = &state.facts else { return Html::default() };
    let draft = &state.draft;
    let wanted = state.wanted();
    let run = {
        let (wanted, send) = (wanted.clone(), send.clone());
        Callback::from(move |e: SubmitEvent| {
            e.prevent_default();
            if let Some(start) = wanted.clone() {
                send.emit(Msg::Run(start));
            }
        })
    };
    let changed = wanted.as_ref().is_some_and(|w| *w != state.start.anew());
    let edit = |change: fn(Draft, String) -> Draft| {
        let draft = draft.clone();
        send.reform(move |text: String| Msg::Act(Action::Edit(change(draft.clone(), text))))
    };
    html! {
        <section class="card settings" aria-labelledby="settings-title">
            <h2 id="settings-title" title={S.settings_hint}>{ S.settings }</h2>
            <form onsubmit={run} title={S.settings_hint}>
                if facts.acks.is_some() {
                    { choice("acks", "set-acks", &["0", "1", "all"], &draft.acks, edit(|d, acks| Draft { acks, ..d })) }
                }
                if facts.min_isr.is_some() {
                    { choice("min.insync.replicas", "set-min-isr", &["1", "2", "3"], &draft.min_isr, edit(|d, min_isr| Draft { min_isr, ..d })) }
                }
                { seed(&draft.seed, wanted.is_none(), edit(|d, seed| Draft { seed, ..d })) }
                <button type="submit" class={if changed { "primary" } else { "" }} disabled={wanted.is_none()} data-testid="run-again">{ S.run_again }</button>
            </form>
            if wanted.is_none() { <p class="field-error" role="alert">{ S.bad_seed }</p> }
        </section>
    }
}

fn choice(label: &'static str, test: &'static str, options: &[&'static str], value: &str, set: Callback<String>) -> Html {
    let onchange = set.reform(|e: Event| e.target_unchecked_into::<HtmlSelectElement>().value());
    let foreign = (!options.contains(&value)).then(|| value.to_string());
    html! {
        <label class="field">
            <span class="mono">{ label }</span>
            <span class="select">
                <select data-testid={test} onchange={onchange}>
                    { for foreign.into_iter().map(|v| html! { <option selected=true value={v.clone()}>{ v }</option> }) }
                    { for options.iter().map(|o| html! { <option value={*o} selected={*o == value}>{ o }</option> }) }
                </select>
                { icon(Icon::Chevron) }
            </span>
        </label>
    }
}

fn seed(value: &str, bad: bool, set: Callback<String>) -> Html {
    let oninput = set.reform(|e: InputEvent| e.target_unchecked_into::<HtmlInputElement>().value());
    html! {
        <label class="field">
            <span>{ S.seed }</span>
            <input class="mono" inputmode="numeric" size="6" value={value.to_string()} oninput={oninput} aria-invalid={bad.to_string()} data-testid="set-seed" />
        </label>
    }
}

/// The courses of events: the original and what interventions made of it; what was done in the one that is shown.
pub fn branches(state: &State, view: &View, send: &Callback<Msg>) -> Html {
    if state.branches.len() < 2 {
        return Html::default();
    }
    let press = |msg: fn() -> Msg| send.reform(move |_: MouseEvent| msg());
    let show = |i: usize| send.reform(move |_: MouseEvent| Msg::Act(Action::Branch(i)));
    let acts = &state.start.acts;
    html! {
        <section class="card branches" aria-label={S.branches} data-testid="branches">
            <div class="head">
                if state.branch > 0 { <p>{ S.branch_note }</p> }
                <button type="button" class="quiet square" aria-label={S.undo} title={S.undo} disabled={acts.is_empty()} onclick={press(|| Msg::Act(Action::Undo))} data-testid="undo">{ icon(Icon::Undo) }</button>
                <button type="button" class="quiet square" aria-label={S.redo} title={S.redo} disabled={state.undone.is_empty()} onclick={press(|| Msg::Act(Action::Redo))} data-testid="redo">{ icon(Icon::Redo) }</button>
            </div>
            <ul>
                { for state.branches.iter().enumerate().map(|(i, branch)| html! {
                    <li><button type="button" class="chip" aria-pressed={(i == state.branch).to_string()} onclick={show(i)} data-testid={format!("branch-{i}")}>
                        { if i == 0 { S.branch_original } else { branch.name.as_str() } }
                    </button></li>
                }) }
            </ul>
            if !acts.is_empty() {
                <details data-testid="acts">
                    <summary>{ format!("{} ({})", S.acts, acts.len()) }</summary>
                    <ol class="acts">{ for acts.iter().enumerate().map(|(i, act)| one_act(i, act, view, send)) }</ol>
                </details>
            }
        </section>
    }
}

/// An act of the shown branch: when, what, and without it.
fn one_act(i: usize, act: &Intervention, view: &View, send: &Callback<Msg>) -> Html {
    let (what, whom) = deeds::told(&act.action, view);
    let at = act.at;
    let seek = send.reform(move |_: MouseEvent| Msg::Seek(at));
    let remove = send.reform(move |_: MouseEvent| Msg::Without(i));
    html! {
        <li>
            <button type="button" class="chip" onclick={seek}>{ clock(at) }</button>
            <span>{ what }{ " " }<span class="soft">{ &whom }</span></span>
            <button type="button" class="quiet square" aria-label={format!("{}: {what} {whom}", S.without)} title={S.without} onclick={remove} data-testid={format!("without-{i}")}>{ icon(Icon::Close) }</button>
        </li>
    }
}
