//! The head of the page: which scenario, which seed, which digest, which theme.

use super::controls::{icon_button, on};
use super::icons::{Icon, icon};
use super::{Msg, Snapshot};
use crate::i18n::{S, Strings};
use crate::sim::Facts;
use crate::start::Start;
use crate::state::{Action, Sheet, State};
use stage::Theme;
use std::rc::Rc;
use yew::prelude::*;

/// What the head shows.
pub struct Props {
    /// The page's state.
    pub state: Rc<State>,
    /// The run.
    pub snapshot: Option<Rc<Snapshot>>,
    /// The scenarios of the library.
    pub library: Rc<Vec<Facts>>,
    /// The theme in force.
    pub theme: Theme,
    /// A digest was just copied.
    pub copied: bool,
    /// A link was just copied.
    pub shared: bool,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// The head.
pub fn header(props: &Props) -> Html {
    let s: &Strings = S;
    let other = if props.theme == Theme::Dark { Theme::Light } else { Theme::Dark };
    let (label, sign) = if other == Theme::Dark { (s.theme_dark, Icon::Moon) } else { (s.theme_light, Icon::Sun) };
    let toggle = on(&props.send, Msg::Act(Action::Theme(other)));
    let open = |sheet: Sheet| on(&props.send, Msg::Act(Action::Sheet(Some(sheet))));
    let seed = props.state.facts().map(|f| f.seed.to_string()).unwrap_or_default();
    html! {
        <header class="top">
            <h1 class="brand" title={s.tagline}>
                <svg viewBox="0 0 34 22" aria-hidden="true"><path d="M1 15h6l3-11 5 17 4-12 2 6h12" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linejoin="round" stroke-linecap="round" /></svg>
                <span>{ s.name }</span>
            </h1>
            <Picker state={props.state.clone()} library={props.library.clone()} send={props.send.clone()} />
            if props.state.facts().is_some() {
            <dl class="ids">
                <div><dt>{ s.seed }</dt><dd><output data-testid="seed" aria-label={s.seed}>{ seed }</output></dd></div>
                <div class="digest"><dt>{ s.digest }</dt><dd>{ digest(props) }</dd></div>
            </dl>
            }
            if props.state.facts().is_some() {
                <button class="share" type="button" title={s.share_hint} onclick={on(&props.send, Msg::Share)} data-testid="share">
                    { icon(Icon::Share) }<span>{ s.share }</span>
                    if props.shared { <span class="copied" role="status">{ s.link_copied }</span> }
                </button>
            }
            { icon_button("quiet square", Icon::Help, s.help_button, "help-button", None, open(Sheet::Keys)) }
            { icon_button("quiet square", Icon::File, s.file_button, "file-button", None, open(Sheet::File)) }
            { icon_button("quiet square", sign, label, "theme", None, toggle) }
        </header>
    }
}

/// The digest of the whole run: a button that copies it.
fn digest(props: &Props) -> Html {
    let outcome = props.snapshot.as_ref().and_then(|snap| snap.outcome.as_ref());
    let complete = outcome.is_some();
    let text = match (outcome, &props.snapshot) {
        (Some(outcome), _) => outcome.digest.clone(),
        (None, Some(snap)) => {
            let percent = (snap.known.0 * 100).checked_div(snap.end.0).unwrap_or(0);
            stage::words::fill(S.computing, percent)
        }
        (None, None) => "–".into(),
    };
    let copy = on(&props.send, Msg::Copy(text.clone()));
    html! {
        <button class="copy" type="button" title={S.digest_hint} disabled={!complete} onclick={copy} data-testid="copy-digest">
            <output data-testid="digest" data-complete={complete.to_string()} aria-label={S.digest}>{ text }</output>
            if props.copied { <span class="copied" role="status">{ S.copied }</span> }
        </button>
    }
}

#[derive(Properties, PartialEq)]
struct PickerProps {
    state: Rc<State>,
    library: Rc<Vec<Facts>>,
    send: Callback<Msg>,
}

/// The choice of a scenario: a button that opens a list.
#[function_component(Picker)]
fn picker(props: &PickerProps) -> Html {
    let open = use_state(|| false);
    let toggle = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(!*open))
    };
    let close_on_escape = {
        let open = open.clone();
        Callback::from(move |e: KeyboardEvent| {
            if e.key() == "Escape" {
                open.set(false)
            }
        })
    };
    let close = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(false))
    };
    let current = props.state.start.scenario.clone().unwrap_or_default();
    let facts = props.state.facts();
    html! {
        <div class="picker" onkeydown={close_on_escape}>
            <button type="button" class="picker-button" data-testid="scenario-picker" aria-haspopup="listbox"
                aria-expanded={open.to_string()} onclick={toggle}>
                <span class="unseen">{ S.scenario }</span>
                <span class="picker-text">
                    <span class="picker-title">{ facts.map_or_else(|| S.choose_scenario.to_string(), |f| f.title.clone()) }</span>
                    <span class="picker-name mono">{ current.clone() }</span>
                </span>
                { icon(Icon::Chevron) }
            </button>
            if *open {
                <div class="veil" onclick={close}></div>
                <ul class="picker-list" role="listbox" aria-label={S.scenario}>
                    { for props.library.iter().map(|f| option(f, *f.name == current, props, open.setter())) }
                </ul>
            }
        </div>
    }
}

fn option(facts: &Facts, chosen: bool, props: &PickerProps, open: UseStateSetter<bool>) -> Html {
    let start = Start { scenario: Some(facts.name.clone()), theme: props.state.start.theme, ..Start::default() };
    let choose = props.send.reform(move |_: MouseEvent| {
        open.set(false);
        Msg::Run(start.clone())
    });
    html! {
        <li role="presentation">
            <button type="button" role="option" aria-selected={chosen.to_string()} data-testid={format!("scenario-{}", facts.name)} onclick={choose}>
                <span class="option-title">{ &facts.title }</span>
                <span class="option-name mono">{ &facts.name }{ for facts.mechanisms.iter().map(|m| html! { <span class="tag">{ m }</span> }) }</span>
            </button>
        </li>
    }
}
