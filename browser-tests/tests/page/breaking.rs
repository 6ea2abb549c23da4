//! Breaking things by pointing, and taking it back.

use super::app::*;
use anyhow::{Context, Result, ensure};
use browser_tests::Look;
use serde_json::Value;

/// The place of the shown course in the tree, in which each comes after the one that it left.
const BRANCH_SHOWN: &str = "[...document.querySelectorAll('[data-testid=branches] [role=treeitem]')]
    .findIndex(item => item.getAttribute('aria-selected') === 'true')";
const FOCUSED: &str = "(document.activeElement?.dataset.testid ?? '')";

/// A place in the viewport.
type Place = (Value, Value);

impl App {
    /// Focuses a thing of the list behind the stage and asks for its menu, as the menu key and Shift+F10 do.
    fn menu_by_key(&mut self, thing: &str) -> Result<()> {
        self.page.wait_for(&format!("[data-testid='{thing}']"))?;
        self.page.eval(&format!(
            "(() => {{ const button = document.querySelector(\"[data-testid='{thing}']\"); button.focus();
               button.dispatchEvent(new MouseEvent('contextmenu', {{ bubbles: true, cancelable: true }})); }})()"
        ))?;
        self.page.wait_for("[role=menu]")
    }

    /// Where a thing is on the stage: a menu that is opened by key stands beside it.
    fn place_of(&mut self, thing: &str) -> Result<Place> {
        self.menu_by_key(thing)?;
        let place = self.page.eval(
            "(() => { const style = document.querySelector('[role=menu]').style;
               const stage = document.querySelector('[data-testid=stage-canvas]').getBoundingClientRect();
               const part = name => parseFloat(style.getPropertyValue(name));
               return { x: stage.x + part('--x') - 90 + 8, y: stage.y + part('--y') - 12 + 8 }; })()",
        )?;
        self.page.press("Escape")?;
        self.page.wait_until("document.querySelector('[role=menu]') === null")?;
        Ok((place["x"].clone(), place["y"].clone()))
    }

    /// Steps until a produce request is on its way; its name in the list behind the stage.
    fn produce_request(&mut self) -> Result<String> {
        for _ in 0..300 {
            let found = self.page.eval(
                "[...document.querySelectorAll('[data-testid^=packet-]')]
                   .find(button => button.textContent.includes('Produce request'))?.dataset.testid ?? ''",
            )?;
            if let Some(name) = found.as_str().filter(|name| !name.is_empty()) {
                return Ok(name.to_owned());
            }
            self.page.click(STEP)?;
        }
        anyhow::bail!("no produce request is ever on its way")
    }

    fn wait_for_branch(&mut self, number: u32) -> Result<()> {
        self.page.wait_until(&format!("{BRANCH_SHOWN} === {number}")).map(drop)
    }

    fn has_acts_in_its_address(&mut self) -> Result<bool> {
        Ok(self.page.eval("location.search.includes('act=')")? == true)
    }
}

#[test]
fn a_packet_is_lost_held_up_or_sent_twice_by_a_right_click_and_that_is_undone() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    let original = app.digest()?;
    app.seek(1_000)?;
    let packet = app.produce_request()?;
    let at = app.time_us()?;
    let (x, y) = app.place_of(&packet)?;
    let mut digests = vec![original.clone()];
    for (number, deed) in (1..).zip(["drop", "delay-5", "duplicate"]) {
        app.page.right_click_at(&x, &y)?;
        app.page.wait_for("[data-testid=packet-menu]")?;
        app.page.click(&format!("[data-testid=packet-menu-{deed}]"))?;
        app.wait_for_branch(number)?;
        let digest = app.digest()?;
        ensure!(!digests.contains(&digest), "{deed} changes nothing");
        digests.push(digest);
        ensure!(app.has_acts_in_its_address()?, "{deed} is not in the address");
        app.page.press_with("z", "Control")?;
        app.wait_for_branch(0)?;
        assert_eq!(app.digest()?, original, "{deed} is not undone");
        assert_eq!(app.time_us()?, at, "undone at another instant");
        ensure!(!app.has_acts_in_its_address()?, "what was undone is still in the address");
    }
    app.page.press_with("y", "Control")?;
    app.wait_for_branch(3)?;
    assert_eq!(app.digest()?, digests[3], "done again, it is another run");
    Ok(())
}

#[test]
fn a_consumer_is_crashed_before_its_next_step_and_the_act_is_taken_out_of_the_list() -> Result<()> {
    let mut app = App::open("scenario=order-events", Look::WIDE.still())?;
    let original = app.digest()?;
    app.seek(5_000)?;
    let consumer = "consumer-order-service-a-0";
    let (x, y) = app.place_of(consumer)?;
    app.page.right_click_at(&x, &y)?;
    app.page.click("[data-testid=consumer-menu-crash-next]")?;
    app.wait_for_branch(1)?;
    ensure!(app.digest()? != original, "it changes nothing");
    ensure!(app.page.text("[data-testid=acts]")?.contains("next step"), "the act is not listed");
    app.menu_by_key("broker-2")?;
    app.page.click("[data-testid=broker-menu-pause]")?;
    app.wait_for_branch(2)?;
    let both = app.digest()?;
    app.page.click("[data-testid=acts] summary")?;
    app.page.click("[data-testid=without-0]")?;
    app.wait_for_branch(3)?;
    let acts = app.page.text("[data-testid=acts]")?;
    ensure!(!acts.contains("next step") && acts.contains("Broker 2"), "the list says {acts:?}");
    ensure!(app.digest()? != both, "the act is still done");
    app.page.click("[data-testid=undo]")?;
    app.wait_for_branch(2)?;
    assert_eq!(app.digest()?, both);
    Ok(())
}

/// Roles, arrows, Home and End, and Escape gives the focus back.
#[test]
fn menus_are_worked_with_the_keyboard() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    app.digest()?;
    app.menu_by_key("broker-1")?;
    app.page.wait_until(&format!("{FOCUSED} === 'broker-menu-crash'"))?;
    for (key, focused) in [
        ("ArrowDown", "broker-menu-power-cut"),
        ("ArrowUp", "broker-menu-crash"),
        ("ArrowUp", "broker-menu-isolate"),
        ("ArrowDown", "broker-menu-crash"),
        ("End", "broker-menu-isolate"),
        ("Home", "broker-menu-crash"),
    ] {
        app.page.press(key)?;
        assert_eq!(app.page.eval(FOCUSED)?, focused, "after {key}");
    }
    app.page.press("Escape")?;
    app.page.wait_until(&format!("document.querySelector('[role=menu]') === null && {FOCUSED} === 'broker-1'"))?;
    app.menu_by_key("partition-payments-0")?;
    app.page.wait_for("[data-testid=partition-menu-add-partition]")?;
    app.page.press("Enter")?;
    app.wait_for_branch(1)
}

#[test]
fn a_link_is_looked_at_cut_and_healed() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::WIDE.still())?;
    app.digest()?;
    app.seek(1_000)?;
    let link = app.page.eval("document.querySelector('[data-testid^=link-broker-1-producer]').dataset.testid")?;
    let link = link.as_str().context("there is no link")?.to_owned();
    let (x, y) = app.place_of(&link)?;
    app.page.click_at(&x, &y)?;
    app.page.wait_for("[data-testid=do-cut]")?;
    app.page.click("[data-testid=do-cut]")?;
    app.wait_for_branch(1)?;
    app.page.wait_until("document.querySelector('[data-testid=inspector]').textContent.includes('nothing passes')")?;
    app.page.right_click_at(&x, &y)?;
    app.page.click("[data-testid=link-menu-heal]")?;
    app.wait_for_branch(2)?;
    app.page.wait_until("!document.querySelector('[data-testid=inspector]').textContent.includes('nothing passes')")?;
    app.page.click("[data-testid=do-slow]")?;
    app.wait_for_branch(3)?;
    app.page.wait_until("document.querySelector('[data-testid=inspector]').textContent.includes('+ 300ms')")?;
    Ok(())
}

#[test]
fn a_finger_that_stays_opens_a_menu_that_fits() -> Result<()> {
    let mut app = App::open("scenario=payments-acks-1", Look::PHONE.still())?;
    app.digest()?;
    let (x, y) = app.place_of("broker-1")?;
    // Away from the packets that leave its corner.
    let x = Value::from(x.as_f64().unwrap_or_default() + 60.0);
    app.page.hold_at(&x, &y)?;
    app.page.wait_for("[data-testid=broker-menu]")?;
    let places = app.page.eval(
        "(() => { const menu = document.querySelector('[role=menu]').getBoundingClientRect();
           const stage = document.querySelector('[data-testid=stage]').getBoundingClientRect();
           return { left: menu.left, right: innerWidth - menu.right, top: menu.top - stage.top,
             bottom: Math.min(stage.bottom, innerHeight) - menu.bottom }; })()",
    )?;
    for side in ["left", "right", "top", "bottom"] {
        ensure!(places[side].as_f64().is_some_and(|room| room >= 0.0), "the menu leaves the stage: {places}");
    }
    app.page.screenshot(&crate::picture("phone-menu"))?;
    app.page.eval("document.querySelector('[role=menu]').scrollTo(0, 9999)")?;
    app.page.click("[data-testid=broker-menu-crash]")?;
    app.wait_for_branch(1)?;
    app.check_no_sideways_scrolling()
}
