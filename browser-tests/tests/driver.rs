//! The driver itself: that it sees what a person sees, and lets no error of a page pass.

use anyhow::Result;
use browser_tests::{Browser, Look};
use std::time::Duration;

/// A page of our own, small enough to know all about it.
fn page(body: &str) -> String {
    let escaped: String = body.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("data:text/html,{escaped}")
}

#[track_caller]
fn check_refused(body: &str, expected: &str) {
    let mut browser = Browser::start().expect("Chromium starts");
    let opened = browser.open(&page(body), Look::WIDE);
    // What a script does after the page has loaded is seen by the next call.
    let result = opened.and_then(|mut page| page.wait_until_within("false", Duration::from_secs(2)));
    let error = format!("{:#}", result.expect_err("the error is seen"));
    assert!(error.contains(expected), "expected {expected:?} in: {error}");
}

#[test]
fn an_exception_fails() {
    check_refused("<script>null.field</script>", "exception: TypeError");
}

#[test]
fn a_rejected_promise_fails() {
    check_refused("<script>setTimeout(() => Promise.reject(new Error('later')), 100)</script>", "later");
}

#[test]
fn an_error_in_the_console_fails() {
    check_refused("<script>console.error('seed', 7)</script>", "console.error: seed 7");
}

#[test]
fn a_file_that_is_missing_fails() {
    check_refused("<img src='http://127.0.0.1:9/nothing.png'>", "nothing.png");
}

#[test]
fn what_never_comes_fails_and_says_what_is_there() {
    check_refused("<p>only this</p>", "only this");
}

#[test]
fn points_types_and_presses() -> Result<()> {
    let body = "<button onclick='this.textContent = `clicked`'>button</button><input>\
                <select><option value='a'>A<option value='b'>B</select>\
                <script>onkeydown = event => document.title += event.key + event.code</script>";
    let mut browser = Browser::start()?;
    let mut page = browser.open(&page(body), Look::WIDE)?;
    page.click("button")?;
    assert_eq!(page.text("button")?, "clicked");
    page.click("input")?;
    page.type_text("acks")?;
    assert_eq!(page.text("input")?, "acks");
    page.set("select", "b")?;
    assert_eq!(page.text("select")?, "b");
    page.press("ArrowRight")?;
    page.press(" ")?;
    assert_eq!(page.eval("document.title")?, "ArrowRightArrowRight Space");
    Ok(())
}

#[test]
fn what_lies_under_something_else_cannot_be_clicked() -> Result<()> {
    let body = "<button>button</button><div style='position:fixed;inset:0'></div>";
    let mut browser = Browser::start()?;
    let mut page = browser.open(&page(body), Look::WIDE)?;
    let error = page.click("button").expect_err("a person could not click it either");
    assert!(error.to_string().contains("cannot be clicked"), "{error}");
    Ok(())
}

#[test]
fn each_look_is_what_it_says() -> Result<()> {
    let mut browser = Browser::start()?;
    for (look, width) in [(Look::WIDE, 1440), (Look::WIDE.dark(), 1440), (Look::PHONE, 390), (Look::PHONE.dark().still(), 390)] {
        let mut page = browser.open(&page("<meta name=viewport content='width=device-width'>"), look)?;
        assert_eq!(page.eval("innerWidth")?, width, "{look:?}");
        assert_eq!(page.eval("matchMedia('(prefers-color-scheme: dark)').matches")?, look.dark, "{look:?}");
        assert_eq!(page.eval("matchMedia('(prefers-reduced-motion: reduce)').matches")?, look.reduced_motion, "{look:?}");
    }
    Ok(())
}
