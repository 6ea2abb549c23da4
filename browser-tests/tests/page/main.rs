//! The page in a real Chromium, as a person uses it: by its address, its controls, its keyboard and what it shows.

mod access;
mod app;
mod breaking;
mod budgets;
mod courses;

use anyhow::{Context, Result, ensure};
use app::*;
use browser_tests::Look;
use sim_core::history::History;
use sim_core::scenario::library;
use sim_core::session::Session;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the pictures of a failed or doubtful look are kept: not committed.
fn picture(name: &str) -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.with_file_name("screenshots").join(format!("{name}.png"))
}

#[test]
fn loads_and_shows_a_scenario() -> Result<()> {
    let mut app = App::open("", Look::WIDE)?;
    app.page.wait_for("canvas")?;
    ensure!(app.page.text(PICKER)?.len() > 2, "no scenario is chosen");
    ensure!(!app.page.text(SEED)?.is_empty(), "the seed is not shown");
    app.check_no_sideways_scrolling()
}

#[test]
fn another_scenario_is_picked_from_the_list() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let before = app.digest()?;
    app.page.click(PICKER)?;
    app.page.click("[data-testid=scenario-min-isr]")?;
    app.page.wait_until(&format!("document.querySelector({PICKER:?}).textContent.includes('min-isr')"))?;
    assert_ne!(app.digest()?, before);
    ensure!(app.page.eval("location.search")?.as_str().is_some_and(|query| query.contains("min-isr")), "the address lags behind");
    Ok(())
}

#[test]
fn playing_moves_time_and_pausing_stops_it() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    let before = app.time_us()?;
    app.page.click(PLAY)?;
    let later = app.wait_for_another_time(before)?;
    ensure!(later > before, "time runs backwards: {before} us, then {later} us");
    app.page.click(PLAY)?;
    app.page.settle()?;
    let paused = app.time_us()?;
    app.page.eval("new Promise(done => setTimeout(() => done(true), 300))")?;
    assert_eq!(app.time_us()?, paused, "time goes on after a pause");
    Ok(())
}

#[test]
fn a_step_on_and_a_step_back_return_to_the_same_instant() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    let start = app.seek(2_000)?;
    let mut forward = start;
    // Several events may share an instant.
    for _ in 0..50 {
        app.page.click(STEP)?;
        forward = app.time_us()?;
        if forward != start {
            break;
        }
    }
    ensure!(forward > start, "fifty steps do not move time");
    for _ in 0..50 {
        app.page.click(STEP_BACK)?;
        if app.time_us()? <= start {
            return Ok(());
        }
    }
    anyhow::bail!("fifty steps back do not undo the steps")
}

#[test]
fn seeking_changes_what_is_shown_and_not_what_happened() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let digest = app.digest()?;
    let mut counts = Vec::new();
    for part in [10_000, 3_000, 9_000, 0, 3_000, 10_000] {
        let at = app.seek(part)?;
        counts.push((part, at, app.number("[data-testid=count-acked]")?));
        assert_eq!(app.digest()?, digest, "at {part}");
    }
    assert_eq!(counts[0], counts[5], "the end, twice");
    assert_eq!(counts[1], counts[4], "the same instant, from both sides");
    ensure!(counts[1].2 < counts[2].2, "more is acknowledged later: {counts:?}");
    Ok(())
}

#[test]
fn acks_1_loses_what_acks_all_keeps() -> Result<()> {
    let mut one = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    one.digest()?;
    let (lost, acked) = (one.number(LOST_AT_END)?, one.number(ACKED_AT_END)?);
    ensure!(lost > 0 && lost < acked, "{lost} lost of {acked}");
    let mut all = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    all.digest()?;
    assert_eq!(all.number(LOST_AT_END)?, 0, "lost with acks=all");
    Ok(())
}

#[test]
fn a_broker_that_is_crashed_makes_a_branch_and_leaves_the_original_alone() -> Result<()> {
    for (scenario, loses) in [("payments-acks-1", true), ("payments-acks-all", false)] {
        let mut app = App::open(&format!("scenario={scenario}"), Look::WIDE.still())?;
        let original = app.digest()?;
        app.seek(1_700)?;
        app.crash(1)?;
        let branch = app.digest()?;
        assert_ne!(branch, original, "{scenario}: a crash changes nothing");
        assert_eq!(app.number(LOST_AT_END)? > 0, loses, "{scenario}: lost after the crash");
        app.page.click("[data-testid=branch-0]")?;
        assert_eq!(app.digest()?, original, "{scenario}: the original has changed");
    }
    Ok(())
}

#[test]
fn a_consumer_that_is_crashed_at_its_card_stops_and_starts_again() -> Result<()> {
    let mut app = App::open("scenario=order-events", Look::WIDE.still())?;
    let original = app.digest()?;
    app.seek(5_000)?;
    app.page.eval("document.querySelector('[data-testid=consumer-order-service-a-0]').focus()")?;
    app.page.press("Enter")?;
    app.page.click("[data-testid=consumer-menu-crash]")?;
    app.page.wait_for("[data-testid=branch-1]")?;
    assert_ne!(app.digest()?, original, "a crash changes nothing");
    // What was done is seen at once, though time stands still.
    ensure!(
        app.page.text("[data-testid=inspector] .state")?.to_lowercase().contains("crashed"),
        "the consumer does not look crashed"
    );
    app.page.click("[data-testid=do-restart]")?;
    app.page.wait_for("[data-testid=branch-2]")?;
    app.digest()?;
    ensure!(app.page.text("[data-testid=inspector] .state")?.contains("running"), "the consumer does not start again");
    Ok(())
}

#[test]
fn the_next_event_is_named_and_a_click_goes_there() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    app.digest()?;
    let said = app.page.text("[data-testid=next-event]")?;
    ensure!(said.contains("9.0 s"), "the next event is {said:?}");
    app.page.click("[data-testid=next-event]")?;
    assert_eq!(app.time_us()?, 9_000_000);
    Ok(())
}

#[test]
fn a_setting_is_changed_and_run_again_under_the_same_seed() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let (digest, seed) = (app.digest()?, app.page.text(SEED)?);
    app.page.set("[data-testid=set-acks]", "all")?;
    app.page.click("[data-testid=run-again]")?;
    app.page.wait_until(&format!("document.querySelector('{DIGEST}').textContent !== '{digest}'"))?;
    assert_ne!(app.digest()?, digest);
    assert_eq!(app.page.text(SEED)?, seed);
    Ok(())
}

#[test]
fn the_seed_in_the_address_decides_the_run() -> Result<()> {
    let digest = |seed: u32| App::open(&format!("scenario=order-events&seed={seed}"), Look::WIDE.still())?.digest();
    let given = digest(7)?;
    assert_eq!(digest(7)?, given, "one seed, two runs");
    assert_ne!(digest(8)?, given, "two seeds, one run");
    Ok(())
}

/// The digest of a scenario, computed here.
fn native_digest(name: &str) -> Result<String> {
    let scenario = Session::library(name).plan().map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut history = History::new(Arc::new(scenario));
    history.run_to_end();
    Ok(history.digest_hex())
}

#[test]
fn the_page_computes_the_same_digest_as_the_native_core_for_every_scenario() -> Result<()> {
    let mut app = App::open("", Look::WIDE.still())?;
    ensure!(!library::all().is_empty(), "the library is empty");
    for entry in library::all() {
        let native = native_digest(entry.name)?;
        let call =
            format!("import('./app.js').then(async app => {{ await app.default(); return app.digest_of('{}'); }})", entry.name);
        assert_eq!(app.page.eval(&call)?, native.as_str(), "{}: wasm, at once", entry.name);
        let mut shown = App::open(&format!("scenario={}", entry.name), Look::WIDE.still())?;
        assert_eq!(shown.digest()?, native, "{}: wasm, slice by slice, as shown", entry.name);
    }
    Ok(())
}

#[test]
fn a_bad_address_shows_a_message() -> Result<()> {
    for query in [
        "scenario=no-such-thing",
        "scenario=payments-acks-1&seed=minus%20one",
        "scenario=payments-acks-1&set=acks",
        "scenario=payments-acks-1&set=no.such.property=3",
        "scenario=%00%ff%3Cscript%3Ealert(1)%3C/script%3E",
        "theme=ultraviolet",
    ] {
        let mut app = App::open_anything(query, Look::WIDE)?;
        let said = app.page.text(ERROR).with_context(|| format!("?{query}"))?;
        ensure!(said.len() > 10, "?{query} is answered with {said:?}");
    }
    Ok(())
}

#[test]
fn every_control_has_a_name() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    let nameless = app.page.eval(
        "[...document.querySelectorAll('button, input, select, textarea, a[href], canvas:not([aria-hidden])')]
           .filter(element => !(element.ariaLabel || element.title || element.textContent.trim()
             || element.getAttribute('aria-labelledby') || element.labels?.length))
           .map(element => element.outerHTML.slice(0, 120))",
    )?;
    assert_eq!(nameless.as_array().map(Vec::len), Some(0), "nameless for a screen reader: {nameless:#}");
    Ok(())
}

#[test]
fn nothing_moves_for_a_person_who_prefers_that() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    let before = app.time_us()?;
    app.page.eval("new Promise(done => setTimeout(() => done(true), 500))")?;
    assert_eq!(app.time_us()?, before, "the page plays by itself");
    let moving = app.page.eval("document.getAnimations().filter(a => a.playState === 'running').length")?;
    assert_eq!(moving, 0, "animations run");
    Ok(())
}

#[test]
fn four_looks() -> Result<()> {
    for look in [Look::WIDE, Look::WIDE.dark(), Look::PHONE, Look::PHONE.dark()] {
        let mut app = App::open("scenario=payments-acks-1", look.still())?;
        app.seek(2_015)?;
        app.page.screenshot(&picture(&look.name()))?;
        app.check_no_sideways_scrolling().with_context(|| look.name())?;
        let light = app.page.eval(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(part => Number(part) > 128)",
        )?;
        assert_eq!(light, !look.dark, "{}: the background", look.name());
    }
    Ok(())
}

/// What was done to a run goes into the link: who opens it elsewhere gets the same run, at the same instant, beside the original.
#[test]
fn a_shared_link_leads_to_the_same_run() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let original = app.digest()?;
    let at = app.seek(1_700)?;
    app.crash(1)?;
    let digest = app.digest()?;
    app.page.click("[data-testid=share]")?;
    let query = app.page.eval("location.search")?;
    let query = query.as_str().context("the address is no text")?.trim_start_matches('?').to_owned();
    ensure!(query.contains("act=") && query.contains("at="), "the address holds neither the deed nor the instant: {query}");
    let mut other = App::open(&query, Look::WIDE.still())?;
    assert_eq!(other.digest()?, digest, "another run");
    other.page.wait_until("document.querySelector('[data-testid=other-lost]') !== null")?;
    assert!(other.time_us()?.abs_diff(at) <= 1, "another instant");
    other.page.click("[data-testid=branch-0]")?;
    assert_eq!(other.digest()?, original, "the original is another");
    Ok(())
}

/// How it was at an instant can be heard from the time bar and from the charts, and a click on a chart goes to another instant.
#[test]
fn charts_say_how_it_was_and_lead_there() -> Result<()> {
    let mut app = App::open("scenario=min-isr&at=20s", Look::WIDE.still())?;
    app.digest()?;
    app.page.wait_until(
        "/leads in epoch 0 · ISR 1 of 3, below min ISR 2/.test(document.querySelector('[data-testid=seek]').getAttribute('aria-valuetext'))",
    )?;
    app.page.click("[data-testid=charts-toggle]")?;
    let canvas = "document.querySelector('[data-testid=charts-canvas]')";
    app.page.wait_until(&format!("/ISR size: smallest 1/.test({canvas}?.getAttribute('aria-label') ?? '')"))?;
    app.page.wait_until(&format!(
        "{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data.some(part => part > 0)"
    ))?;
    app.check_no_sideways_scrolling()?;
    app.page.click("[data-testid=charts-canvas]")?;
    app.wait_for_another_time(20_000_000)?;
    app.page.press("g")?;
    app.page.wait_until(&format!("{canvas} === null"))?;
    Ok(())
}

#[test]
fn a_damaged_link_shows_a_message() -> Result<()> {
    for act in ["AQAA", "%21", "AYDRyggAAX8"] {
        let mut app = App::open_anything(&format!("scenario=payments-acks-1&act={act}"), Look::WIDE.still())?;
        app.page.wait_for("[data-testid=error]")?;
    }
    Ok(())
}

/// The line under the stage says what happened last; listeners hear it, too.
#[test]
fn the_news_say_what_just_happened() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=12.1s", Look::WIDE.still())?;
    app.digest()?;
    app.page.wait_until("/broker 1 crashes/.test(document.querySelector('[data-testid=news]').textContent)")?;
    assert_eq!(app.page.eval("document.querySelector('[data-testid=news]').getAttribute('role')")?, "status");
    Ok(())
}

#[test]
fn the_sheet_of_keys_opens_and_closes_by_key() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    app.digest()?;
    app.page.press("?")?;
    app.page.wait_for("[data-testid=help]")?;
    app.page.press("Escape")?;
    app.page.wait_until("document.querySelector('[data-testid=help]') === null")?;
    app.page.press("n")?;
    app.wait_for_another_time(0)?;
    assert_eq!(app.time_us()?, 9_000_000, "the first event worth a look");
    Ok(())
}

/// S-11: the life of a message goes over Redis and the database, and its fate has a name.
#[test]
fn a_message_is_followed_to_redis_and_its_reason() -> Result<()> {
    let mut app = App::open("scenario=setnx-then-crash", Look::WIDE.still())?;
    app.digest()?;
    app.page.wait_for("[data-testid=lost-list] [data-testid=message-chip]")?;
    app.page.click("[data-testid=lost-list] [data-testid=message-chip]")?;
    app.page.wait_for("[data-testid=mechanism]")?;
    assert_eq!(app.page.text("[data-testid=mechanism]")?, "LOSS-C10");
    let life = app.page.text("[data-testid=life]")?;
    ensure!(life.contains("redis") && life.contains("crash"), "its life does not go over Redis: {life}");
    Ok(())
}
