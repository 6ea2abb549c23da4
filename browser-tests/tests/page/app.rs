//! The page as the tests use it.

use anyhow::{Context, Result, ensure};
use browser_tests::{Browser, Look, Page, site};
use std::time::Duration;

/// The run of a library scenario to its end takes no longer in the page, on a slow machine.
pub const RUN_WITHIN: Duration = Duration::from_secs(90);

// What the page promises to carry in `data-testid`.
pub const PICKER: &str = "[data-testid=scenario-picker]";
pub const PLAY: &str = "[data-testid=play]";
pub const STEP: &str = "[data-testid=step]";
pub const STEP_BACK: &str = "[data-testid=step-back]";
pub const SEEK: &str = "[data-testid=seek]";
pub const TIME: &str = "[data-testid=time]";
pub const SEED: &str = "[data-testid=seed]";
pub const DIGEST: &str = "[data-testid=digest]";
pub const ACKED_AT_END: &str = "[data-testid=end-acked]";
pub const LOST_AT_END: &str = "[data-testid=end-lost]";
pub const ERROR: &str = "[role=alert]";

/// The page with a scenario open, and the browser that shows it.
pub struct App {
    // Before the browser, so that it is let go first.
    pub page: Page,
    _browser: Browser,
}

impl App {
    /// Opens `?QUERY` and waits until a scenario is on the stage.
    pub fn open(query: &str, look: Look) -> Result<App> {
        let mut app = App::open_anything(query, look)?;
        app.page.wait_for(DIGEST)?;
        app.page.wait_until("/[0-9]/.test(document.querySelector('[data-testid=time]')?.textContent)")?;
        Ok(app)
    }

    /// Opens `?QUERY`, whatever it shows.
    pub fn open_anything(query: &str, look: Look) -> Result<App> {
        let mut browser = Browser::start()?;
        let page = browser.open(&format!("{}?{query}", site()?), look)?;
        Ok(App { page, _browser: browser })
    }

    /// The virtual time, in microseconds: all digits of the clock.
    pub fn time_us(&mut self) -> Result<u64> {
        self.number(TIME)
    }

    /// Waits until the clock shows another time than this.
    pub fn wait_for_another_time(&mut self, than_us: u64) -> Result<u64> {
        let clock = format!("Number(document.querySelector('{TIME}').textContent.replace(/\\D/g, ''))");
        self.page.wait_until(&format!("{clock} !== {than_us}"))?;
        self.time_us()
    }

    pub fn number(&mut self, selector: &str) -> Result<u64> {
        let text = self.page.text(selector)?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().with_context(|| format!("{selector} shows {text:?}, no number"))
    }

    /// The digest of the whole run: the page computes it ahead of what it shows.
    pub fn digest(&mut self) -> Result<String> {
        self.page.wait_until_within(&format!("document.querySelector('{DIGEST}').dataset.complete === 'true'"), RUN_WITHIN)?;
        self.page.text(DIGEST)
    }

    /// Moves the slider of the time bar, in ten-thousandths of the run.
    pub fn seek(&mut self, part: u32) -> Result<u64> {
        self.digest()?;
        self.page.set(SEEK, &part.to_string())?;
        self.page.settle()?;
        let at = self.time_us()?;
        // The counts follow the clock a few times a second.
        self.page.wait_until(&format!("document.querySelector('[data-testid=outcome]').dataset.at === '{at}'"))?;
        Ok(at)
    }

    /// Crashes a broker through its menu, with the keyboard: the list of buttons behind the stage opens it.
    pub fn crash(&mut self, broker: u32) -> Result<()> {
        self.page.eval(&format!("document.querySelector('[data-testid=broker-{broker}]').focus()"))?;
        self.page.press("Enter")?;
        self.page.click("[data-testid=broker-menu-crash]")?;
        self.page.wait_for("[data-testid=branch-1]")
    }

    /// Puts the focus on a control and presses a key there.
    pub fn press_on(&mut self, selector: &str, key: &str) -> Result<()> {
        self.page.wait_for(selector)?;
        self.page.eval(&format!("document.querySelector('{selector}').focus()"))?;
        let focused = self.page.eval(&format!("document.activeElement === document.querySelector('{selector}')"))?;
        ensure!(focused == true, "{selector} cannot have the focus");
        self.page.press(key)
    }

    /// Fails when something is wider than the screen.
    pub fn check_no_sideways_scrolling(&mut self) -> Result<()> {
        let wide = self.page.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
        ensure!(wide == 0, "the page is {wide} px wider than the screen");
        Ok(())
    }
}
