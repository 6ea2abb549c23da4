//! What belongs to the document and not to a part: the theme, a mistake of our own, motion.

use crate::i18n::S;
use gloo::file::{Blob, ObjectUrl};
use stage::Theme;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlAnchorElement};

/// The element in which the app lives.
pub fn root() -> Element {
    let document = gloo::utils::document();
    document.get_element_by_id("app").unwrap_or_else(|| gloo::utils::body().into())
}

/// A mistake of our own shows itself instead of leaving a page that does nothing.
pub fn show_panics() {
    std::panic::set_hook(Box::new(|info| {
        let document = gloo::utils::document();
        let Ok(page) = document.create_element("div") else { return };
        page.set_class_name("panic");
        _ = page.set_attribute("role", "alert");
        _ = page.set_attribute("data-testid", "panic");
        for (tag, text) in [("h1", S.crash_title.to_string()), ("p", S.crash_help.to_string()), ("pre", info.to_string())] {
            if let Ok(element) = document.create_element(tag) {
                element.set_text_content(Some(&text));
                _ = page.append_child(&element);
            }
        }
        _ = gloo::utils::body().append_child(&page);
        gloo::console::error!(info.to_string());
    }));
}

fn media(query: &str) -> bool {
    gloo::utils::window().match_media(query).ok().flatten().is_some_and(|m| m.matches())
}

/// The theme in force: the one asked for, or the system's.
pub fn in_force(asked: Option<Theme>) -> Theme {
    asked.unwrap_or_else(|| if media("(prefers-color-scheme: dark)") { Theme::Dark } else { Theme::Light })
}

/// Tells the stylesheet.
pub fn apply(asked: Option<Theme>) {
    let Some(html) = gloo::utils::document().document_element() else { return };
    _ = match asked {
        Some(Theme::Dark) => html.set_attribute("data-theme", "dark"),
        Some(Theme::Light) => html.set_attribute("data-theme", "light"),
        None => html.remove_attribute("data-theme"),
    };
}

/// Does the person ask for as little motion as possible?
pub fn calm() -> bool {
    media("(prefers-reduced-motion: reduce)")
}

/// Does the page stack its parts, for want of width?
pub fn is_stacked() -> bool {
    media("(max-width: 899px)")
}

/// The query part of the address.
pub fn query() -> String {
    gloo::utils::window().location().search().unwrap_or_default()
}

/// The whole address.
pub fn address() -> String {
    gloo::utils::window().location().href().unwrap_or_default()
}

/// Puts a query into the address bar without loading anything.
pub fn set_query(query: &str) {
    if let Ok(history) = gloo::utils::window().history() {
        _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(query));
    }
}

/// Gives the person a file.
pub fn download(name: &str, text: &str) {
    let url = ObjectUrl::from(Blob::new_with_options(text, Some("application/json")));
    let link = gloo::utils::document().create_element("a").ok().and_then(|e| e.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(link) = link {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
}

#[cfg(test)]
mod tests {
    /// `web/style.css` holds the tokens as `stage` writes them. `UPDATE_TOKENS=1` rewrites that part.
    #[test]
    fn the_stylesheet_has_the_tokens_of_the_stage() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/style.css");
        let sheet = std::fs::read_to_string(path).unwrap();
        let (from, to) = ("/* tokens: written from stage/src/theme.rs */\n", "/* end of tokens */\n");
        let (start, end) = (sheet.find(from).unwrap() + from.len(), sheet.find(to).unwrap());
        let tokens = stage::theme::css();
        if std::env::var_os("UPDATE_TOKENS").is_some() {
            std::fs::write(path, format!("{}{tokens}{}", &sheet[..start], &sheet[end..])).unwrap();
        } else {
            assert_eq!(&sheet[start..end], tokens, "UPDATE_TOKENS=1 rewrites it");
        }
    }
}
