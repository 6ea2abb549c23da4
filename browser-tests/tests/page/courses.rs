//! Courses of events: other settings under the same storm, two runs side by side, scenarios of one's own, replay files.

use crate::app::*;
use anyhow::{Context, Result, ensure};
use browser_tests::Look;
use sim_core::history::History;
use sim_core::session::Replay;
use std::sync::Arc;

/// acks=1 loses, acks=all does not, under the same storm; the two stand side by side, the first difference is named, and the link leads there.
#[test]
fn the_same_storm_with_other_settings_stands_beside() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=20s", Look::WIDE.still())?;
    let original = app.digest()?;
    ensure!(app.number(LOST_AT_END)? > 0, "acks=1 loses nothing");
    app.page.set("[data-testid=set-acks]", "all")?;
    app.page.set("[data-testid=set-min-isr]", "2")?;
    app.page.click("[data-testid=vary]")?;
    app.page.wait_for("[data-testid=stage-beside]")?;
    let digest = app.digest()?;
    assert_ne!(digest, original);
    assert_eq!(app.number(LOST_AT_END)?, 0, "acks=all loses");
    app.page.wait_until("document.querySelector('[data-testid=other-lost]') !== null")?;
    ensure!(app.number("[data-testid=other-lost]")? > 0, "the original stands beside without its losses");
    app.page.wait_until("document.querySelector('[data-testid=difference]') !== null")?;
    ensure!(app.page.text("[data-testid=other-fate]")?.contains('m'), "no message has another fate");
    app.page.click("[data-testid=share]")?;
    let query = app.page.eval("location.search")?;
    let query = query.as_str().context("the address is no text")?.trim_start_matches('?').to_owned();
    let mut other = App::open(&query, Look::WIDE.still())?;
    assert_eq!(other.digest()?, digest, "another run");
    other.page.wait_for("[data-testid=stage-beside]")?;
    other.page.click("[data-testid=change-places]")?;
    other.page.wait_until(&format!("document.querySelector('{DIGEST}').textContent === '{original}'"))?;
    Ok(())
}

#[test]
fn a_branch_is_named_and_forgotten() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=9s", Look::WIDE.still())?;
    let original = app.digest()?;
    app.crash(2)?;
    app.digest()?;
    app.page.set("[data-testid=branch-1]", "Without broker 2")?;
    app.page.click("[data-testid=branch-0]")?;
    app.page.wait_until("document.querySelector('[data-testid=branch-1]').textContent === 'Without broker 2'")?;
    app.page.click("[data-testid=close-1]")?;
    app.page.wait_until("document.querySelector('[data-testid=branches]') === null")?;
    assert_eq!(app.digest()?, original);
    Ok(())
}

/// Properties are found by name and meaning, pasted as a file, refused in Kafka's words, and applied.
#[test]
fn settings_by_their_names() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let original = app.digest()?;
    app.page.click("[data-testid=all-settings]")?;
    app.page.wait_for("[data-testid=settings-sheet]")?;
    app.page.set("[data-testid=search-settings]", "linger")?;
    app.page.wait_until("document.querySelectorAll('.property').length < 4")?;
    app.page.set("[data-testid=\"set-producer-linger.ms\"]", "50")?;
    // The field is emptied once it is read.
    app.page.eval(
        "(() => { const area = document.querySelector('[data-testid=paste]'); area.value = 'acks=all\\nmax.in.flight.requests.per.connection=7';
           area.dispatchEvent(new Event('change', { bubbles: true })); return true; })()",
    )?;
    app.page.wait_until("document.querySelectorAll('[data-testid=chosen] li').length === 3")?;
    app.page.click("[data-testid=settings-sheet] [data-testid=vary]")?;
    // In the sheet: what is outside a modal dialog can be neither read nor closed.
    app.page.wait_for("[data-testid=settings-sheet] [data-testid=notice]")?;
    let refused = app.page.text("[data-testid=notice]")?;
    ensure!(
        refused.contains("max.in.flight.requests.per.connection"),
        "Kafka refuses more than five with idempotence: {refused}"
    );
    app.page.click("[data-testid=notice-close]")?;
    app.page.wait_until("document.querySelector('[data-testid=notice]') === null")?;
    app.page.click("[data-testid=chosen] li:last-child button")?;
    app.page.click("[data-testid=settings-sheet] [data-testid=vary]")?;
    app.page.wait_for("[data-testid=stage-beside]")?;
    assert_ne!(app.digest()?, original);
    Ok(())
}

/// A scenario of one's own is refused with its place, runs, and stands in the address as a whole.
#[test]
fn a_scenario_of_ones_own() -> Result<()> {
    let mut app = App::open("scenario=order-events", Look::WIDE.still())?;
    let original = app.digest()?;
    app.page.click("[data-testid=file-button]")?;
    let text = app.page.eval("document.querySelector('[data-testid=scenario-text]').value")?;
    let text = text.as_str().context("no text")?.to_owned();
    app.page.set("[data-testid=scenario-text]", &text.replace("brokers = 3", "brokrs = 3"))?;
    app.page.click("[data-testid=run-text]")?;
    let problem = app.page.text("[data-testid=scenario-problem]")?;
    ensure!(problem.contains("brokers") && problem.contains("scenario.toml:"), "the mistake is not shown: {problem}");
    app.page.set("[data-testid=scenario-text]", &text.replace("seed = 1\n", "seed = 2\n"))?;
    app.page.click("[data-testid=run-text]")?;
    app.page.wait_until("document.querySelector('[data-testid=file-sheet]') === null")?;
    let digest = app.digest()?;
    assert_ne!(digest, original);
    let query = app.page.eval("location.search")?;
    let query = query.as_str().context("the address is no text")?.trim_start_matches('?').to_owned();
    ensure!(query.contains("file=") && query.len() < 4_000, "{} characters: {query}", query.len());
    assert_eq!(App::open(&query, Look::WIDE.still())?.digest()?, digest);
    Ok(())
}

/// What the page saves runs natively to the same digest, and the page opens it again.
#[test]
fn a_replay_file_goes_out_and_comes_back() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=9s", Look::WIDE.still())?;
    app.digest()?;
    app.crash(2)?;
    let digest = app.digest()?;
    app.page.eval(
        "window.saved = new Promise(done => { const make = URL.createObjectURL; URL.createObjectURL = blob => { blob.text().then(done); return make.call(URL, blob); }; }); true",
    )?;
    app.page.click("[data-testid=file-button]")?;
    app.page.click("[data-testid=save-replay]")?;
    let file = app.page.eval("window.saved")?;
    let file = file.as_str().context("nothing was saved")?.to_owned();
    let replay = Replay::from_json(&file).map_err(anyhow::Error::msg)?;
    assert_eq!(replay.digest, digest);
    let mut history = History::new(Arc::new(replay.session.plan()?));
    history.run_to_end();
    assert_eq!(history.digest_hex(), digest, "natively it is another run");

    let mut other = App::open("scenario=order-events", Look::WIDE.still())?;
    other.digest()?;
    other.page.click("[data-testid=file-button]")?;
    let give = |text: &str| {
        format!(
            "(() => {{ const box = new DataTransfer(); box.items.add(new File([{}], 'run.json')); const input = document.querySelector('[data-testid=open-file]');
               input.files = box.files; input.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()",
            serde_json::Value::from(text)
        )
    };
    other.page.eval(&give("{\"schema\": \"something else\"}"))?;
    other.page.wait_until("/not a replay file/.test(document.querySelector('[data-testid=notice]')?.textContent)")?;
    other.page.eval(&give(&file))?;
    other
        .page
        .wait_until_within("/same digest/.test(document.querySelector('[data-testid=notice]')?.textContent)", RUN_WITHIN)?;
    assert_eq!(other.digest()?, digest);
    Ok(())
}

/// With a thumb: crash, lose, compare, follow a lost message to its reason.
#[test]
fn a_story_on_a_phone() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=20s", Look::PHONE.still())?;
    app.digest()?;
    app.check_no_sideways_scrolling()?;
    app.page.click("[data-testid=lost-list] [data-testid=message-chip]")?;
    app.page.wait_for("[data-testid=life]")?;
    ensure!(app.page.text("[data-testid=inspector]")?.contains("LOSS-B1"), "no reason");
    app.page.set("[data-testid=set-acks]", "all")?;
    app.page.set("[data-testid=set-min-isr]", "2")?;
    app.page.click("[data-testid=vary]")?;
    app.page.wait_for("[data-testid=stage-beside]")?;
    app.digest()?;
    app.page.wait_until("document.querySelector('[data-testid=difference]') !== null")?;
    app.check_no_sideways_scrolling()?;
    Ok(())
}

/// What is chosen says with which settings it runs and what happens to it.
#[test]
fn what_is_chosen_has_settings_and_a_history() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=9s", Look::WIDE.still())?;
    app.digest()?;
    app.press_on("[data-testid=producer-gateway]", "Enter")?;
    app.page.press("Escape")?;
    app.page.wait_until("/acks/.test(document.querySelector('[data-testid=its-settings]')?.textContent)")?;
    app.press_on("[data-testid=broker-1]", "Enter")?;
    app.page.press("Escape")?;
    app.page.wait_until("/broker 1 crashes/.test(document.querySelector('[data-testid=history]')?.textContent)")?;
    app.page.click("[data-testid=history] li:last-child button")?;
    app.page.wait_until("!document.querySelector('[data-testid=time]').textContent.startsWith('9.000')")?;
    Ok(())
}
