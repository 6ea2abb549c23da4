//! The keys, on a sheet.

use super::Msg;
use super::icons::{Icon, icon};
use crate::i18n::{KEYS, S};
use crate::state::Action;
use yew::prelude::*;

/// What is shown.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// The sheet.
#[function_component(Help)]
pub fn help(props: &Props) -> Html {
    let close = props.send.reform(|_: MouseEvent| Msg::Act(Action::Help(false)));
    let first = use_node_ref();
    {
        // The keyboard goes where the sheet opens.
        let first = first.clone();
        use_effect_with((), move |()| {
            if let Some(button) = first.cast::<web_sys::HtmlElement>() {
                _ = button.focus();
            }
        });
    }
    html! {
        <>
            <div class="veil shade" onclick={close.clone()}></div>
            <section class="card sheet" role="dialog" aria-modal="true" aria-labelledby="help-title" data-testid="help">
                <div class="head">
                    <h2 id="help-title">{ S.help }</h2>
                    <button type="button" class="quiet square" ref={first} aria-label={S.close} onclick={close}>{ icon(Icon::Close) }</button>
                </div>
                <dl class="facts">
                    { for KEYS.iter().map(|(keys, what)| html! { <div><dt><kbd>{ *keys }</kbd></dt><dd>{ *what }</dd></div> }) }
                </dl>
                <p class="soft hint">{ S.help_pointing }</p>
            </section>
        </>
    }
}
