//! A small driver for Chromium: enough to look at the page as a person does (load, read, point, type, take a picture) and strict
//! enough to fail on every JavaScript exception and every `console.error`.
//!
//! The page is found in the folder that `BROKERSCOPE_SITE` names and Chromium by `BROKERSCOPE_CHROMIUM`; `cargo xtask test` sets
//! both. Read [`Page`] first.

mod chromium;
mod devtools;
mod page;

pub use chromium::{Browser, site};
pub use page::{Look, Page};
