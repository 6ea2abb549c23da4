//! What just happened, in a sentence, and why it matters: for those who watch, and for those who listen.

use super::Snapshot;
use crate::i18n::{S, meaning};
use crate::marks::clock;
use yew::prelude::*;

/// The line under the stage.
pub fn news_line(snapshot: &Snapshot) -> Html {
    html! {
        <p class="news" role="status" data-testid="news">
            if let Some(news) = &snapshot.news {
                <time class="mono">{ clock(news.at) }</time>
                <strong>{ &news.text }</strong>
                <span class="soft">{ meaning(news.kind) }</span>
            } else {
                <span class="soft">{ S.no_news }</span>
            }
        </p>
    }
}
