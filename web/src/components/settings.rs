//! The settings, by Kafka's names: the two that matter most at hand, all of them on a sheet. What is chosen becomes another run under the same
//! seed, or one beside it.

use super::Msg;
use super::controls::on;
use super::icons::{Icon, icon};
use crate::draft::{Draft, Present, present};
use crate::i18n::{S, promise, range, scope_name};
use crate::sim::{Facts, Kind, Property, Scope, modelled};
use crate::start::Start;
use crate::state::{Action, Sheet, State};
use stage::words::fill;
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

/// The settings at hand, and the ways to apply them.
pub fn settings(state: &State, send: &Callback<Msg>) -> Html {
    let Some(facts) = state.facts() else { return Html::default() };
    let all = on(send, Msg::Act(Action::Sheet(Some(Sheet::Settings))));
    let of = |scope: Scope| facts.given.iter().any(|g| g.scope == scope);
    html! {
        <section class="card settings" aria-labelledby="settings-title">
            <h2 id="settings-title" title={S.settings_hint}>{ S.settings }</h2>
            <div class="row">
                if of(Scope::Producer) { { at_hand(Scope::Producer, "acks", "set-acks", &["0", "1", "all"], state, facts, send) } }
                if of(Scope::Topic) { { at_hand(Scope::Topic, "min.insync.replicas", "set-min-isr", &["1", "2", "3"], state, facts, send) } }
                { seed(state, facts, send) }
            </div>
            { apply(state, facts, send, html! {
                <button type="button" class="link" onclick={all} title={S.all_settings_hint} data-testid="all-settings">{ S.all_settings }</button>
            }) }
        </section>
    }
}

/// The buttons that run what is chosen.
fn apply(state: &State, facts: &Facts, send: &Callback<Msg>, more: Html) -> Html {
    let wanted = state.draft.wanted(&state.start, facts);
    let bad = wanted.is_none();
    let changed = wanted.as_ref().is_some_and(|w| *w != state.start.anew());
    let run = |msg: fn(Start) -> Msg| {
        let wanted = wanted.clone();
        send.reform(move |_: MouseEvent| wanted.clone().map_or(Msg::Act(Action::Notice(Some(S.bad_seed.into()))), msg))
    };
    html! {
        <div class="row">
            <button type="button" class={if changed { "primary" } else { "" }} disabled={bad || !changed} title={S.vary_hint} onclick={run(Msg::Vary)} data-testid="vary">
                { icon(Icon::Beside) }{ S.vary }
            </button>
            <button type="button" disabled={bad} title={S.settings_hint} onclick={run(Msg::Run)} data-testid="run-again">{ S.run_again }</button>
            { more }
            if bad { <p class="field-error" role="alert">{ S.bad_seed }</p> }
        </div>
    }
}

/// The value that stands in a property's field.
fn value_of(state: &State, facts: &Facts, scope: Scope, property: &str) -> Option<String> {
    match (state.draft.chosen(scope, property), present(&facts.given, scope, property)) {
        (Some(chosen), _) => Some(chosen.to_owned()),
        (None, Present::Set(value)) => Some(value),
        (None, Present::Default | Present::Various(_)) => None,
    }
}

/// What a person chose goes into the draft; what the run has anyway does not.
fn choose(state: &State, facts: &Facts, scope: Scope, property: &'static str, send: &Callback<Msg>) -> Callback<String> {
    let (draft, has) = (state.draft.clone(), present(&facts.given, scope, property));
    send.reform(move |value: String| {
        let value = Some(value.trim().to_owned()).filter(|v| !v.is_empty() && has != Present::Set(v.clone()));
        Msg::Act(Action::Draft(draft.clone().with(scope, property, value)))
    })
}

fn at_hand(
    scope: Scope,
    property: &'static str,
    test: &'static str,
    options: &[&'static str],
    state: &State,
    facts: &Facts,
    send: &Callback<Msg>,
) -> Html {
    let value = value_of(state, facts, scope, property).unwrap_or_default();
    html! {
        <label class="field">
            <span class="mono">{ property }</span>
            { select(&value, options, test.into(), choose(state, facts, scope, property, send)) }
        </label>
    }
}

fn select(value: &str, options: &[&'static str], test: AttrValue, set: Callback<String>) -> Html {
    let onchange = set.reform(|e: Event| e.target_unchecked_into::<HtmlSelectElement>().value());
    let foreign = (!options.contains(&value)).then(|| value.to_string());
    html! {
        <span class="select">
            <select data-testid={test} onchange={onchange}>
                { for foreign.into_iter().map(|v| html! { <option selected=true value={v.clone()}>{ v }</option> }) }
                { for options.iter().map(|o| html! { <option value={*o} selected={*o == value}>{ o }</option> }) }
            </select>
            { icon(Icon::Chevron) }
        </span>
    }
}

fn seed(state: &State, facts: &Facts, send: &Callback<Msg>) -> Html {
    let draft = state.draft.clone();
    let value = draft.seed.clone().unwrap_or_else(|| facts.seed.to_string());
    let bad = value.trim().parse::<u64>().is_err();
    let oninput = send.reform(move |e: InputEvent| {
        let seed = Some(e.target_unchecked_into::<HtmlInputElement>().value());
        Msg::Act(Action::Draft(Draft { seed, ..draft.clone() }))
    });
    html! {
        <label class="field">
            <span>{ S.seed }</span>
            <input class="mono" inputmode="numeric" size="6" value={value} oninput={oninput} aria-invalid={bad.to_string()} data-testid="set-seed" />
        </label>
    }
}

/// What the sheet shows.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The page's state.
    pub state: State,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// All settings: a scope at a time, narrowed by a word.
#[function_component(SettingsSheet)]
pub fn settings_sheet(props: &Props) -> Html {
    let (scope, word) = (use_state(|| Scope::Producer), use_state(String::new));
    let Some(facts) = props.state.facts() else { return Html::default() };
    let search = {
        let word = word.clone();
        Callback::from(move |e: InputEvent| word.set(e.target_unchecked_into::<HtmlInputElement>().value().to_ascii_lowercase()))
    };
    let tab = |s: Scope| {
        let scope = scope.clone();
        Callback::from(move |_: MouseEvent| scope.set(s))
    };
    let fits =
        |p: &&Property| word.is_empty() || p.name.contains(word.trim()) || p.about.to_ascii_lowercase().contains(word.trim());
    let rows: Vec<&Property> = modelled(*scope).filter(fits).collect();
    html! {
        <>
            <p class="soft">{ S.settings_hint }</p>
            <div class="row">
                <div class="filters" role="group" aria-label={S.settings}>
                    { for Scope::ALL.into_iter().map(|s| html! {
                        <button type="button" class="chip" aria-pressed={(s == *scope).to_string()} onclick={tab(s)} data-testid={format!("scope-{}", s.name())}>{ scope_name(s) }</button>
                    }) }
                </div>
                <input type="search" class="search" placeholder={S.search_settings} aria-label={S.search_settings} value={(*word).clone()} oninput={search} data-testid="search-settings" />
            </div>
            <div class="properties" tabindex="0">
                { for rows.iter().map(|p| property(p, *scope, props, facts)) }
                if rows.is_empty() { <p class="soft">{ S.no_such_setting }</p> }
            </div>
            { paste(*scope, props) }
            { chosen(props) }
            { apply(&props.state, facts, &props.send, Html::default()) }
        </>
    }
}

/// One property: its name, its value, its range and default, what it does, and what it promises.
fn property(p: &'static Property, scope: Scope, props: &Props, facts: &Facts) -> Html {
    let value = value_of(&props.state, facts, scope, p.name);
    let set = choose(&props.state, facts, scope, p.name, &props.send);
    let changed = props.state.draft.chosen(scope, p.name).is_some();
    let test = format!("set-{}-{}", scope.name(), p.name);
    let various = match present(&facts.given, scope, p.name) {
        Present::Various(all) => all.iter().map(|(owner, value)| format!("{owner}: {value}")).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    };
    let field = match p.kind {
        Kind::Bool => select(value.as_deref().unwrap_or(p.default), &["true", "false"], test.into(), set),
        Kind::OneOf(options) => select(value.as_deref().unwrap_or(p.default), options, test.into(), set),
        _ => {
            let onchange = set.reform(|e: Event| e.target_unchecked_into::<HtmlInputElement>().value());
            html! { <input class="mono" value={value.unwrap_or_default()} placeholder={p.default} onchange={onchange} data-testid={test} /> }
        }
    };
    html! {
        <label class={if changed { "property changed" } else { "property" }}>
            <span class="mono">{ p.name }</span>
            { field }
            <small>{ p.about }{ " " }<span class="soft">{ range(p.kind) }{ "; " }{ fill(S.default_is, p.default) }</span>
                if !various.is_empty() { <span class="warn">{ " " }{ various }</span> }
                if let Some(promise) = promise(p.name) { <em>{ promise }</em> }
            </small>
        </label>
    }
}

/// A `.properties` file, pasted.
fn paste(scope: Scope, props: &Props) -> Html {
    let (draft, send) = (props.state.draft.clone(), props.send.clone());
    let take = Callback::from(move |e: Event| {
        let area = e.target_unchecked_into::<HtmlTextAreaElement>();
        send.emit(Msg::Act(match draft.clone().with_file(scope, &area.value()) {
            Ok(draft) => {
                area.set_value("");
                Action::Draft(draft)
            }
            Err(why) => Action::Notice(Some(why)),
        }));
    });
    html! {
        <label class="paste">
            <span>{ fill(S.paste_properties, scope_name(scope)) }</span>
            <textarea class="mono" rows="2" placeholder="acks=all\nlinger.ms=20" onchange={take} data-testid="paste" />
        </label>
    }
}

/// What will differ: each can be taken back.
fn chosen(props: &Props) -> Html {
    let draft = &props.state.draft;
    if draft.set.is_empty() {
        return Html::default();
    }
    let back = |at: usize| {
        let mut less = draft.clone();
        less.set.remove(at);
        on(&props.send, Msg::Act(Action::Draft(less)))
    };
    html! {
        <ul class="chosen" aria-label={S.will_differ} data-testid="chosen">
            { for draft.set.iter().enumerate().map(|(i, (path, value))| html! {
                <li><button type="button" class="chip mono" title={S.take_back} onclick={back(i)}>{ format!("{path}={value}") }{ icon(Icon::Close) }</button></li>
            }) }
        </ul>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_promises_are_made_about_exists() {
        for (name, _) in crate::i18n::PROMISES {
            let known = Scope::ALL.into_iter().any(|scope| modelled(scope).any(|p| p.name == *name));
            assert!(known, "{name}");
        }
    }
}
