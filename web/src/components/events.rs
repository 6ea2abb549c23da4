//! What happens in the run, event by event: a list that can be narrowed, in which each line leads to its instant.

use super::Msg;
use super::controls::on;
use crate::engine::News;
use crate::i18n::S;
use crate::marks::clock;
use sim_core::time::SimTime;
use stage::text::grouped;
use stage::timeline::EventKind;
use stage::words::fill;
use std::rc::Rc;
use yew::prelude::*;

/// What is shown.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The events worth a look, in order.
    pub events: Rc<Vec<News>>,
    /// The instant: what comes later is fainter.
    pub now: SimTime,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// More lines than anybody reads.
const LISTED: usize = 60;

/// What the list can be narrowed to: a name, a name for tests, and which events.
type Filter = (&'static str, &'static str, fn(EventKind) -> bool);

const FILTERS: [Filter; 4] = [
    (S.all_events, "all", |_| true),
    (S.faults, "faults", |kind| matches!(kind, EventKind::Fault | EventKind::Recovery)),
    (S.leaders, "leaders", |kind| matches!(kind, EventKind::Election | EventKind::Leaderless | EventKind::Unclean)),
    (S.replica_events, "replicas", |kind| matches!(kind, EventKind::IsrShrink | EventKind::IsrExpand | EventKind::LogCut)),
];

/// The list.
#[function_component(EventList)]
pub fn event_list(props: &Props) -> Html {
    let chosen = use_state(|| 0usize);
    if props.events.is_empty() {
        return Html::default();
    }
    let shown: Vec<&News> = props.events.iter().filter(|news| FILTERS[*chosen].2(news.kind)).collect();
    let choose = |at: usize| {
        let chosen = chosen.clone();
        Callback::from(move |_: MouseEvent| chosen.set(at))
    };
    html! {
        <div class="events" data-testid="events">
            <h3>{ S.what_happens }</h3>
            <div class="filters" role="group" aria-label={S.what_happens}>
                { for FILTERS.iter().enumerate().map(|(at, (name, test, _))| html! {
                    <button type="button" class="chip" aria-pressed={(at == *chosen).to_string()} onclick={choose(at)}
                        data-testid={format!("events-{test}")}>{ *name }</button>
                }) }
            </div>
            <ol class="lines">
                { for shown.iter().take(LISTED).map(|news| line(news, props.now, &props.send)) }
            </ol>
            if shown.len() > LISTED { <p class="rest">{ fill(S.and_more, grouped((shown.len() - LISTED) as u64)) }</p> }
        </div>
    }
}

/// One event: a click leads to its instant.
pub fn line(news: &News, now: SimTime, send: &Callback<Msg>) -> Html {
    html! {
        <li class={if news.at > now { "later" } else { "" }}>
            <button type="button" onclick={on(send, Msg::Seek(news.at))} data-testid="event-line">
                <time class="mono">{ clock(news.at) }</time><span>{ &news.text }</span>
            </button>
        </li>
    }
}
