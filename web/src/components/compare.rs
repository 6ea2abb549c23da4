//! Two courses of events side by side at one instant: which they are, what came of each, and where they part.

use super::controls::{icon_button, on};
use super::icons::Icon;
use super::{Msg, Snapshot};
use crate::i18n::{S, called, verdict_line};
use crate::marks::clock;
use crate::state::{Action, State};
use stage::words::fill;
use yew::prelude::*;

/// The heads of the two stages, with the first difference between them.
pub fn compared(state: &State, snapshot: &Snapshot, send: &Callback<Msg>) -> Html {
    let Some(other) = state.beside else { return Html::default() };
    let ours = snapshot.outcome.as_ref().map(|outcome| &outcome.tally);
    let theirs = snapshot.other.as_ref().map(|(_, tally)| tally);
    let change = on(send, Msg::Act(Action::Branch(other)));
    let close = on(send, Msg::Act(Action::Beside(None)));
    html! {
        <div class="compared" data-testid="compared">
            <p class="course"><strong>{ called(&state.courses, state.branch) }</strong>{ verdict_line(ours) }</p>
            <p class="course"><strong>{ called(&state.courses, other) }</strong>{ verdict_line(theirs) }</p>
            { apart(snapshot, send) }
            { icon_button("quiet square swap", Icon::Swap, S.change_places, "change-places", None, change) }
            { icon_button("quiet square", Icon::Close, S.stop_comparing, "stop-comparing", None, close) }
        </div>
    }
}

/// The first difference: a button that leads to it.
fn apart(snapshot: &Snapshot, send: &Callback<Msg>) -> Html {
    let difference = match &snapshot.apart {
        None => return html! { <p class="apart soft">{ S.comparing }</p> },
        Some(None) => return html! { <p class="apart" data-testid="difference">{ S.no_difference }</p> },
        Some(Some(difference)) => difference,
    };
    let at = difference.at;
    let seek = on(send, Msg::Seek(at));
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| S.nothing_more.to_string());
    html! {
        <>
            <button type="button" class="apart" onclick={seek} data-testid="difference" data-at={at.0.to_string()}>
                <span>{ fill(S.first_difference, clock(at)) }</span>
                <span>{ told(&difference.here) }</span>
                <span>{ told(&difference.there) }</span>
            </button>
            if let Some(message) = difference.message {
                <button type="button" class="fate" onclick={on(send, Msg::Act(Action::Follow(Some(message))))} data-testid="other-fate">
                    { fill(S.other_fate, message) }
                </button>
            }
        </>
    }
}
