//! The page: a Yew app around a run of the simulation. It decides nothing about Kafka; it moves time, draws what the core says,
//! and passes on what a person does. In reading order: [`start`] (the address), [`state`] (a pure reducer), [`playback`] (wall time
//! to virtual time), [`engine`] (the runs), [`marks`] (what a trace puts on the time bar), [`canvas`], [`components`], [`i18n`].

// On the host only the pure parts run, in tests.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod canvas;
mod components;
mod draft;
mod engine;
mod exports;
mod i18n;
mod marks;
#[cfg(feature = "measure")]
mod measure;
mod picture;
mod playback;
mod sim;
mod start;
mod state;
mod theme;

fn main() {
    theme::show_panics();
    yew::Renderer::<components::app::App>::with_root(theme::root()).render();
}
