//! What just happened, in a sentence, and why it matters: for those who watch, and for those who listen.

use super::Snapshot;
use crate::i18n::{S, meaning};
use crate::marks::clock;
use std::rc::Rc;
use yew::prelude::*;

/// What is shown.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The run.
    pub snapshot: Rc<Snapshot>,
}

/// The line under the stage.
#[function_component(NewsLine)]
pub fn news_line(props: &Props) -> Html {
    html! {
        <p class="news" role="status" data-testid="news">
            if let Some(news) = &props.snapshot.news {
                <time class="mono">{ clock(news.at) }</time>
                <strong>{ &news.text }</strong>
                <span class="soft">{ meaning(news.kind) }</span>
            } else {
                <span class="soft">{ S.no_news }</span>
            }
        </p>
    }
}
