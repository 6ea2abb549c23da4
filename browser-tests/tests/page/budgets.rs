//! What a person feels: how long a frame keeps the page busy while a run plays, and a journey in time. Recorded, and held to the budgets; the
//! exact figures are the benchmark's.

use crate::app::*;
use anyhow::{Context, Result, ensure};
use browser_tests::{Browser, Look, site};

/// Script time of a frame, the median, in milliseconds.
const FRAME_MS: f64 = 6.0;
/// From the slider's move to the picture, the median, in milliseconds. A machine that does other work besides has twice the time.
const SEEK_MS: f64 = 120.0;

/// The scripts of each frame, timed from outside: the frame's own, and what it puts off until it is over.
const TIMED: &str = "window.frameTimes = []; { const ask = window.requestAnimationFrame.bind(window);
    const later = work => Promise.resolve().then(() => Promise.resolve()).then(() => Promise.resolve()).then(work);
    window.requestAnimationFrame = work => ask(at => { const began = performance.now(); work(at); later(() => window.frameTimes.push(performance.now() - began)); }); }";

#[test]
fn frames_and_journeys_stay_within_their_budgets() -> Result<()> {
    let mut browser = Browser::start()?;
    let mut page = browser.open("about:blank", Look::WIDE)?;
    page.before_load(TIMED)?;
    page.goto(&format!("{}?scenario=backlog-temporary-topic&at=22s", site()?))?;
    page.wait_until_within("document.querySelector('[data-testid=digest]')?.dataset.complete === 'true'", RUN_WITHIN)?;
    page.eval(
        "(() => { const s = document.querySelector('[data-testid=speed]'); s.value = '0'; s.dispatchEvent(new Event('input', { bubbles: true })); return true; })()",
    )?;
    page.click(PLAY)?;
    page.eval("(window.frameTimes.length = 0, new Promise(done => setTimeout(() => done(true), 3000)))")?;
    let median = "(times => times.sort((a, b) => a - b)[times.length >> 1])";
    let frames = page.eval("window.frameTimes.length")?.as_u64().context("no frames")?;
    let mut part = |of: f64| -> Result<f64> {
        let place = format!("window.frameTimes.slice().sort((a, b) => a - b)[Math.floor(window.frameTimes.length * {of})]");
        page.eval(&place)?.as_f64().context("no time")
    };
    let (frame, slow) = (part(0.5)?, part(0.95)?);
    page.click(PLAY)?;
    let seek = page.eval(&format!(
        "(async () => {{ const times = [], slider = document.querySelector('{SEEK}');
           for (let i = 0; i < 20; i++) {{
             const began = performance.now();
             slider.value = String(i * 4871 % 10000); slider.dispatchEvent(new Event('input', {{ bubbles: true }}));
             await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
             times.push(performance.now() - began);
           }} return {median}(times); }})()"
    ))?;
    let seek = seek.as_f64().context("no time")?;
    println!(
        "{frames} frames while playing: {frame:.1} ms of script, 95 of 100 within {slow:.1} ms; {seek:.0} ms from the slider to the picture"
    );
    ensure!(frames > 20, "only {frames} frames in three seconds");
    ensure!(frame <= FRAME_MS, "a frame takes {frame:.1} ms of script");
    ensure!(seek <= 2.0 * SEEK_MS, "a journey takes {seek:.0} ms");
    Ok(())
}
