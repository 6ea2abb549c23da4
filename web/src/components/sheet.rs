//! What opens over the page: the keys, the settings, files. And what went wrong with the last wish.

use super::Msg;
use super::controls::{icon_button, on};
use super::file::FileSheet;
use super::icons::Icon;
use super::settings::SettingsSheet;
use crate::i18n::{KEYS, S};
use crate::state::{Action, Sheet, State};
use web_sys::HtmlDialogElement;
use yew::prelude::*;

/// What is open.
pub fn sheet(state: &State, send: &Callback<Msg>) -> Html {
    let close = send.reform(|()| Msg::Act(Action::Sheet(None)));
    let (title, test, wide, body) = match state.sheet {
        None => return Html::default(),
        Some(Sheet::Keys) => (S.help, "help", false, keys()),
        Some(Sheet::Settings) => {
            (S.settings, "settings-sheet", true, html! { <SettingsSheet state={state.clone()} send={send.clone()} /> })
        }
        Some(Sheet::File) => {
            (S.own_scenario, "file-sheet", true, html! { <FileSheet state={state.clone()} send={send.clone()} /> })
        }
    };
    // What stands outside a modal dialog cannot be read or closed while it is open: a notice belongs into it.
    html! { <Dialog {title} {test} {wide} {close}>{ notice(state, send) }{ body }</Dialog> }
}

/// What went wrong, until it is read.
pub fn notice(state: &State, send: &Callback<Msg>) -> Html {
    let Some(text) = &state.notice else { return Html::default() };
    let close = on(send, Msg::Act(Action::Notice(None)));
    html! {
        <div class="notice" role="alert" data-testid="notice">
            <pre>{ text }</pre>
            { icon_button("quiet square", Icon::Close, S.close, "notice-close", None, close) }
        </div>
    }
}

fn keys() -> Html {
    html! {
        <>
            <dl class="facts">
                { for KEYS.iter().map(|(keys, what)| html! { <div><dt><kbd>{ *keys }</kbd></dt><dd>{ *what }</dd></div> }) }
            </dl>
            <p class="soft hint">{ S.help_pointing }</p>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct DialogProps {
    title: &'static str,
    test: &'static str,
    wide: bool,
    close: Callback<()>,
    children: Html,
}

/// The browser's own modal dialog: it takes the focus, keeps it, closes with Escape, and gives it back.
#[function_component(Dialog)]
fn dialog(props: &DialogProps) -> Html {
    let element = use_node_ref();
    {
        let element = element.clone();
        use_effect_with((), move |()| {
            let dialog = element.cast::<HtmlDialogElement>();
            if let Some(dialog) = &dialog {
                _ = dialog.show_modal();
            }
            move || dialog.iter().for_each(HtmlDialogElement::close)
        });
    }
    let close = props.close.reform(|_: MouseEvent| ());
    let cancel = props.close.reform(|e: Event| e.prevent_default());
    // A click beside the sheet lands on the dialog itself.
    let beside = {
        let (element, close) = (element.clone(), props.close.clone());
        Callback::from(move |e: MouseEvent| {
            if e.target() == element.get().map(Into::into) {
                close.emit(());
            }
        })
    };
    html! {
        <dialog ref={element} class={if props.wide { "sheet wide" } else { "sheet" }} aria-labelledby="sheet-title" oncancel={cancel} onclick={beside} data-testid={props.test}>
            <div class="inside">
                <div class="head">
                    <h2 id="sheet-title">{ props.title }</h2>
                    { icon_button("quiet square", Icon::Close, S.close, "sheet-close", None, close) }
                </div>
                { props.children.clone() }
            </div>
        </dialog>
    }
}
