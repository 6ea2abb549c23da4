//! What the parts of the page are made of. In one place also because each copy of a control costs the page its size.

use super::Msg;
use super::icons::{Icon, icon};
use yew::prelude::*;

/// A click that asks for this.
pub fn on(send: &Callback<Msg>, msg: Msg) -> Callback<MouseEvent> {
    send.reform(move |_: MouseEvent| msg.clone())
}

/// A button with a pictogram alone: its name is its tip, too. `pressed`: it can be on or off.
pub fn icon_button(
    class: &'static str,
    sign: Icon,
    label: impl Into<AttrValue>,
    test: impl Into<AttrValue>,
    pressed: Option<bool>,
    press: Callback<MouseEvent>,
) -> Html {
    button(class, sign, label.into(), test.into(), pressed, press)
}

#[inline(never)]
fn button(
    class: &'static str,
    sign: Icon,
    label: AttrValue,
    test: AttrValue,
    pressed: Option<bool>,
    press: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" class={class} aria-label={label.clone()} title={label} aria-pressed={pressed.map(|on| on.to_string())}
            onclick={press} data-testid={test}>{ icon(sign) }</button>
    }
}
