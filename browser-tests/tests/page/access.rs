//! For everybody: by keyboard, by screen reader, in either theme, magnified.

use crate::app::*;
use anyhow::{Context, Result, ensure};
use browser_tests::{Look, site};
use std::path::PathBuf;

/// Every screen, in both themes: nothing that axe-core calls serious or critical, contrast among it.
#[test]
fn axe_finds_nothing_serious_on_any_screen() -> Result<()> {
    let path = std::env::var_os("BROKERSCOPE_AXE").context("BROKERSCOPE_AXE is not set: run `cargo xtask test`")?;
    let axe = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", PathBuf::from(path).display()))?;
    let click = |test: &str| format!("document.querySelector('[data-testid=\"{test}\"]').click()");
    let screens = [
        ("a run", "scenario=payments-acks-1&at=20s", vec![]),
        ("a message", "scenario=payments-acks-1&at=19.252s&message=9100", vec![]),
        ("two courses", "scenario=payments-acks-all&at=15s&vs=producer.config.acks=1", vec![]),
        ("a menu", "scenario=two-walls&at=14.2s", vec![click("broker-1")]),
        ("the picker", "scenario=two-walls&at=14.2s", vec![click("scenario-picker")]),
        ("the keys", "scenario=order-events", vec![click("help-button")]),
        ("all settings", "scenario=order-events", vec![click("all-settings")]),
        ("a file", "scenario=order-events", vec![click("file-button")]),
        ("an error", "scenario=nothing-of-this-name", vec![]),
    ];
    let mut problems = Vec::new();
    for look in [Look::WIDE, Look::WIDE.dark(), Look::PHONE] {
        let mut app = App::open_anything("", look.still())?;
        for (name, query, clicks) in &screens {
            app.page.goto(&format!("{}?{query}", site()?))?;
            app.page.wait_until_within(
                "document.querySelector('[role=alert]') || document.querySelector('[data-testid=digest]')?.dataset.complete === 'true'",
                RUN_WITHIN,
            )?;
            for script in clicks {
                app.page.eval(script)?;
            }
            app.page.settle()?;
            app.page.eval(&axe)?;
            let found = app.page.eval(
                "axe.run(document, { resultTypes: ['violations'] }).then(result => result.violations
                   .filter(v => v.impact === 'serious' || v.impact === 'critical')
                   .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' (' + n.failureSummary + ')').join(' | ')))",
            )?;
            let found = found.as_array().context("axe says nothing")?.iter();
            problems.extend(found.map(|problem| format!("{name}, {}: {problem}", look.name())));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn the_keyboard_alone_is_enough() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-all", Look::WIDE.still())?;
    let before = app.time_us()?;
    let mut reached = Vec::new();
    for _ in 0..80 {
        app.page.press("Tab")?;
        let id = app.page.eval("document.activeElement?.dataset.testid ?? ''")?;
        reached.extend(id.as_str().map(str::to_owned));
    }
    for control in ["scenario-picker", "play", "step", "seek", "broker-1", "set-acks", "run-again"] {
        ensure!(reached.iter().any(|id| id == control), "Tab never reaches {control:?}; it reaches {reached:?}");
    }
    app.page.eval(&format!("document.querySelector('{PLAY}').focus()"))?;
    app.page.press("Enter")?;
    app.wait_for_another_time(before)?;
    app.page.eval("document.activeElement.blur()")?;
    app.page.press(" ")?;
    app.page.settle()?;
    let paused = app.time_us()?;
    app.page.eval("new Promise(done => setTimeout(() => done(true), 300))")?;
    assert_eq!(app.time_us()?, paused, "the space bar does not pause");
    Ok(())
}

/// At 200 % of 1440 x 900 nothing has to be scrolled sideways, and the stage, the time and the inspector are there.
#[test]
fn twice_as_large_it_still_works() -> Result<()> {
    let look = Look { width: 720, height: 450, ..Look::WIDE.still() };
    let mut app = App::open("scenario=payments-acks-1&at=19.252s&message=9100", look)?;
    app.digest()?;
    app.check_no_sideways_scrolling()?;
    for part in ["stage", "transport", "inspector", "outcome"] {
        app.page.eval(&format!("document.querySelector('[data-testid={part}]').scrollIntoView()"))?;
        let seen =
            app.page.eval(&format!("document.querySelector('[data-testid={part}]').getBoundingClientRect().height > 40"))?;
        assert_eq!(seen, true, "{part} cannot be seen");
    }
    Ok(())
}

/// The whole story without a pointer: crash a leader, see losses, go back before it, name the branch, compare, follow a lost message to its
/// reason, share.
#[test]
fn a_story_by_keyboard_alone() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1&at=9s", Look::WIDE.still())?;
    let original = app.digest()?;
    app.page.wait_until("document.querySelector('[data-testid=time]').textContent.startsWith('9.000')")?;
    app.crash(1)?;
    assert_ne!(app.digest()?, original);
    app.press_on("[data-testid=branch-0]", "Enter")?;
    app.page.wait_until("document.querySelector('[data-testid=branch-0]').getAttribute('aria-pressed') === 'true'")?;
    app.press_on("[data-testid=compare-1]", "Enter")?;
    app.page.wait_for("[data-testid=compared] [data-testid=difference]")?;
    app.press_on("[data-testid=difference]", "Enter")?;
    app.page.wait_until("document.querySelector('[data-testid=time]').textContent.startsWith('9.000 001')")?;
    app.press_on("[data-testid=other-fate]", "Enter")?;
    app.page.wait_for("[data-testid=life]")?;
    app.page.press("Escape")?;
    app.press_on("[data-testid=share]", "Enter")?;
    let address = app.page.eval("location.search")?;
    ensure!(
        address.as_str().is_some_and(|a| a.contains("vs-act=") && a.contains("at=")),
        "the address holds no comparison: {address}"
    );
    Ok(())
}
