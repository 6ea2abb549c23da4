//! A scenario of one's own, written here or opened from a file; a run as a replay file, and back.

use super::Msg;
use super::controls::on;
use crate::i18n::S;
use crate::sim;
use crate::start::Start;
use crate::state::State;
use gloo::file::callbacks::{FileReader, read_as_text};
use stage::words::fill;
use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// What is shown.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The page's state.
    pub state: State,
    /// Where wishes go.
    pub send: Callback<Msg>,
}

/// The sheet.
#[function_component(FileSheet)]
pub fn file_sheet(props: &Props) -> Html {
    let text = use_state(|| sim::text_of(&props.state.start));
    let problem = use_state(|| None::<String>);
    let reading = use_mut_ref(|| None::<FileReader>);
    let edit = {
        let (text, problem) = (text.clone(), problem.clone());
        Callback::from(move |e: InputEvent| {
            problem.set(None);
            text.set(e.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let run = {
        let (text, problem, send, theme) = (text.clone(), problem.clone(), props.send.clone(), props.state.start.theme);
        Callback::from(move |_: MouseEvent| {
            let start = Start { text: Some((*text).clone()), theme, ..Start::default() };
            match sim::plan(&start) {
                Ok(_) => send.emit(Msg::Run(start)),
                Err(why) => problem.set(Some(why)),
            }
        })
    };
    let open = {
        let (text, problem, send) = (text.clone(), problem.clone(), props.send.clone());
        Callback::from(move |e: Event| {
            let Some(file) = e.target_unchecked_into::<HtmlInputElement>().files().and_then(|files| files.get(0)) else { return };
            if file.size() > sim::LARGEST_FILE as f64 {
                return problem.set(Some(fill(S.file_too_large, sim::LARGEST_FILE / 1024)));
            }
            let (text, problem, send) = (text.clone(), problem.clone(), send.clone());
            let reader = read_as_text(&gloo::file::File::from(file), move |read| match read {
                // A replay file is JSON, a scenario is TOML.
                Ok(content) if content.trim_start().starts_with('{') => send.emit(Msg::Replay(content)),
                Ok(content) => {
                    problem.set(None);
                    text.set(content);
                }
                Err(why) => problem.set(Some(why.to_string())),
            });
            *reading.borrow_mut() = Some(reader);
        })
    };
    let save = on(&props.send, Msg::Save);
    html! {
        <>
            <p class="soft">{ S.own_scenario_hint }</p>
            <div class="row">
                <label class="button">{ S.open_file }<input type="file" class="unseen" accept=".toml,.json" onchange={open} data-testid="open-file" /></label>
                <button type="button" onclick={save} title={S.save_replay_hint} data-testid="save-replay">{ S.save_replay }</button>
            </div>
            <textarea class="mono scenario" spellcheck="false" maxlength={sim::LARGEST_SCENARIO.to_string()} value={(*text).clone()} oninput={edit}
                aria-label={S.own_scenario} data-testid="scenario-text" />
            if let Some(problem) = &*problem { <pre class="problem" role="alert" data-testid="scenario-problem">{ problem }</pre> }
            <div class="row"><button type="button" class="primary" onclick={run} data-testid="run-text">{ S.run_this }</button></div>
        </>
    }
}
