//! The page in a real Chromium, as a person uses it: by its address, its controls, its keyboard and what it shows.

use anyhow::{Context, Result, ensure};
use browser_tests::{Browser, Look, Page, site};
use std::path::PathBuf;
use std::time::Duration;

/// The run of a library scenario to its end takes no longer in the page, on a slow machine.
const RUN_WITHIN: Duration = Duration::from_secs(90);

// What the page promises to carry in `data-testid`.
const SCENARIO: &str = "[data-testid=scenario]";
const PLAY: &str = "[data-testid=play]";
const STEP: &str = "[data-testid=step]";
const SEEK: &str = "[data-testid=seek]";
const TIME: &str = "[data-testid=time]";
const SEED: &str = "[data-testid=seed]";
const DIGEST: &str = "[data-testid=digest]";
const LOST: &str = "[data-testid=count-lost]";
const ACKED: &str = "[data-testid=count-acked]";
const MESSAGE: &str = "[role=alert]";

/// The page with a scenario open, and the browser that shows it.
struct App {
    // Before the browser, so that it is let go first.
    page: Page,
    _browser: Browser,
}

impl App {
    /// Opens `?QUERY` and waits until a scenario is on the stage.
    fn open(query: &str, look: Look) -> Result<App> {
        let app = App::open_anything(query, look)?;
        app.ready()
    }

    fn open_anything(query: &str, look: Look) -> Result<App> {
        let mut browser = Browser::start()?;
        let page = browser.open(&format!("{}?{query}", site()?), look)?;
        Ok(App { page, _browser: browser })
    }

    fn ready(mut self) -> Result<App> {
        self.page.wait_for(DIGEST)?;
        self.page.wait_for(PLAY)?;
        Ok(self)
    }

    /// The virtual time in microseconds, as the page carries it for programs.
    fn time_us(&mut self) -> Result<u64> {
        let text = self.page.attribute(TIME, "data-us")?.context("the time has no data-us")?;
        text.parse().with_context(|| format!("data-us is {text:?}"))
    }

    fn count(&mut self, selector: &str) -> Result<u64> {
        let text: String = self.page.text(selector)?.chars().filter(char::is_ascii_digit).collect();
        text.parse().with_context(|| format!("{selector} shows no number"))
    }

    /// Lets the run go to its end and returns its digest.
    fn digest_at_end(&mut self) -> Result<String> {
        self.page.eval(&format!("document.querySelector('{SEEK}').focus()"))?;
        self.page.press("End")?;
        self.page.wait_until_within(&format!("document.querySelector('{DIGEST}').dataset.complete === 'true'"), RUN_WITHIN)?;
        self.page.text(DIGEST)
    }

    /// Fails when something is wider than the screen.
    fn check_no_sideways_scrolling(&mut self) -> Result<()> {
        let wide = self.page.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
        ensure!(wide == 0, "the page is {wide} px wider than the screen");
        Ok(())
    }
}

/// Where the pictures of a failed or doubtful look are kept: not committed.
fn picture(name: &str) -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.with_file_name("screenshots").join(format!("{name}.png"))
}

#[test]
fn loads_and_shows_a_scenario() -> Result<()> {
    let mut app = App::open("", Look::WIDE)?;
    app.page.wait_for("canvas")?;
    ensure!(app.page.text(SCENARIO)?.len() > 2, "no scenario is chosen");
    ensure!(!app.page.text(SEED)?.is_empty(), "the seed is not shown");
    app.check_no_sideways_scrolling()
}

#[test]
fn playing_moves_time_and_pausing_stops_it() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE)?;
    let before = app.time_us()?;
    app.page.click(PLAY)?;
    app.page.wait_until(&format!("Number(document.querySelector('{TIME}').dataset.us) > {before}"))?;
    app.page.click(PLAY)?;
    let paused = app.time_us()?;
    app.page.settle()?;
    assert_eq!(app.time_us()?, paused, "time goes on after a pause");
    Ok(())
}

#[test]
fn a_step_is_one_event() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE)?;
    let before = (app.time_us()?, app.page.text(DIGEST)?);
    app.page.click(STEP)?;
    app.page.click(STEP)?;
    let after = (app.time_us()?, app.page.text(DIGEST)?);
    ensure!(after != before, "two steps change neither time nor digest: {before:?}");
    Ok(())
}

#[test]
fn seeking_forwards_and_back_shows_the_same_instant() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE)?;
    let end = app.digest_at_end()?;
    app.page.press("Home")?;
    app.page.wait_until(&format!("Number(document.querySelector('{TIME}').dataset.us) === 0"))?;
    assert_eq!(app.digest_at_end()?, end, "the end differs after a journey to the start");
    Ok(())
}

#[test]
fn acks_1_loses_what_acks_all_keeps() -> Result<()> {
    let mut one = App::open("scenario=payments-acks-1", Look::WIDE)?;
    one.digest_at_end()?;
    let lost = one.count(LOST)?;
    ensure!(lost > 0 && one.count(ACKED)? >= lost, "{lost} lost");
    let mut all = App::open("scenario=payments-acks-all", Look::WIDE)?;
    all.digest_at_end()?;
    assert_eq!(all.count(LOST)?, 0, "lost with acks=all");
    Ok(())
}

#[test]
fn a_setting_in_the_address_changes_the_run_under_the_same_seed() -> Result<()> {
    let mut given = App::open("scenario=payments-acks-1&seed=7", Look::WIDE)?;
    let mut again = App::open("scenario=payments-acks-1&seed=7", Look::WIDE)?;
    let mut other = App::open("scenario=payments-acks-1&seed=8", Look::WIDE)?;
    let digest = given.digest_at_end()?;
    assert_eq!(again.digest_at_end()?, digest, "one seed, two runs");
    assert_ne!(other.digest_at_end()?, digest, "two seeds, one run");
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
        let said = app.page.text(MESSAGE).with_context(|| format!("?{query}"))?;
        ensure!(said.len() > 10, "?{query} is answered with {said:?}");
    }
    Ok(())
}

#[test]
fn the_keyboard_alone_is_enough() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE)?;
    let mut reached = Vec::new();
    for _ in 0..80 {
        app.page.press("Tab")?;
        let id = app.page.eval("document.activeElement?.closest('[data-testid]')?.dataset.testid ?? ''")?;
        reached.extend(id.as_str().map(str::to_owned));
    }
    for control in ["scenario", "play", "step", "seek"] {
        ensure!(reached.iter().any(|id| id == control), "Tab never reaches {control:?}; it reaches {reached:?}");
    }
    let before = app.time_us()?;
    app.page.eval(&format!("document.querySelector('{PLAY}').focus()"))?;
    app.page.press("Enter")?;
    app.page.wait_until(&format!("Number(document.querySelector('{TIME}').dataset.us) > {before}"))?;
    Ok(())
}

#[test]
fn every_control_has_a_name() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE)?;
    let nameless = app.page.eval(
        "[...document.querySelectorAll('button, input, select, textarea, a[href], canvas')]
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
        let mut app = App::open("scenario=payments-acks-1", look)?;
        app.page.click(PLAY)?;
        let before = app.time_us()?;
        app.page.wait_until(&format!("Number(document.querySelector('{TIME}').dataset.us) > {before}"))?;
        app.page.screenshot(&picture(&look.name()))?;
        app.check_no_sideways_scrolling().with_context(|| look.name())?;
        if look.dark {
            let light = app.page.eval(
                "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(part => Number(part) > 128)",
            )?;
            ensure!(light == false, "{}: the background is light", look.name());
        }
    }
    Ok(())
}
