//! One page: what a person does with it and sees of it.

use crate::devtools::{DevTools, exception_text};
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What is not on the page by then is missing.
const APPEAR_WITHIN: Duration = Duration::from_secs(20);

/// How the page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Of the viewport, in CSS pixels.
    pub width: u32,
    /// Of the viewport, in CSS pixels.
    pub height: u32,
    /// The person prefers dark.
    pub dark: bool,
    /// The person prefers that nothing moves.
    pub reduced_motion: bool,
    /// A touch screen with a small viewport.
    pub phone: bool,
}

impl Look {
    /// A laptop, light.
    pub const WIDE: Look = Look { width: 1440, height: 900, dark: false, reduced_motion: false, phone: false };
    /// A phone, light.
    pub const PHONE: Look = Look { width: 390, height: 844, dark: false, reduced_motion: false, phone: true };

    /// The same at night.
    #[must_use]
    pub const fn dark(self) -> Look {
        Look { dark: true, ..self }
    }

    /// The same for a person who prefers that nothing moves.
    #[must_use]
    pub const fn still(self) -> Look {
        Look { reduced_motion: true, ..self }
    }

    /// `wide-light`, `phone-dark` ...: for the names of files.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", if self.phone { "phone" } else { "wide" }, if self.dark { "dark" } else { "light" })
    }
}

/// A page in a browser. Every call fails once the page has thrown an exception or written to `console.error`.
pub struct Page {
    devtools: DevTools,
}

impl Page {
    pub(crate) fn new(devtools: DevTools, look: Look) -> Result<Page> {
        let mut page = Page { devtools };
        for domain in ["Page", "Runtime", "Log", "Inspector"] {
            page.devtools.call(&format!("{domain}.enable"), &json!({}))?;
        }
        let metrics = json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.phone });
        page.devtools.call("Emulation.setDeviceMetricsOverride", &metrics)?;
        page.devtools.call("Emulation.setTouchEmulationEnabled", &json!({ "enabled": look.phone }))?;
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": if look.dark { "dark" } else { "light" } },
            { "name": "prefers-reduced-motion", "value": if look.reduced_motion { "reduce" } else { "no-preference" } },
        ]});
        page.devtools.call("Emulation.setEmulatedMedia", &features)?;
        Ok(page)
    }

    /// Goes to an address and waits until it is loaded.
    ///
    /// # Errors
    /// When it does not load, or an error is shown in its console.
    pub fn goto(&mut self, url: &str) -> Result<()> {
        self.devtools.seen.clear();
        let answer = self.devtools.call("Page.navigate", &json!({ "url": url }))?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("{url} does not load: {error}");
        }
        // A change of the fragment loads nothing: such an answer has no loader.
        if answer.get("loaderId").is_some() {
            self.devtools.wait_for_event("Page.loadEventFired").with_context(|| format!("loading {url}"))?;
        }
        self.check()
    }

    /// Runs a script in every document that is opened from now on, before any script of its own.
    ///
    /// # Errors
    /// When Chromium refuses it.
    pub fn before_load(&mut self, script: &str) -> Result<()> {
        self.devtools.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script })).map(drop)
    }

    /// Fails when the page has thrown an exception or written to `console.error`.
    ///
    /// # Errors
    /// With everything that the page said.
    pub fn check(&self) -> Result<()> {
        ensure!(self.devtools.errors.is_empty(), "the page reported errors:\n  {}", self.devtools.errors.join("\n  "));
        Ok(())
    }

    /// Evaluates a JavaScript expression, awaits it when it is a promise, and returns its value.
    ///
    /// # Errors
    /// When it throws.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.devtools.call("Runtime.evaluate", &params)?;
        if let Some(details) = answer.get("exceptionDetails") {
            bail!("`{expression}` threw {}", exception_text(details));
        }
        self.check()?;
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is true (or a value that counts as true) and returns its value.
    ///
    /// # Errors
    /// When it stays false for 20 s, or throws.
    pub fn wait_until(&mut self, expression: &str) -> Result<Value> {
        self.wait_until_within(expression, APPEAR_WITHIN)
    }

    /// [`Page::wait_until`] for what may take longer, or must not.
    ///
    /// # Errors
    /// When it stays false for so long, or throws.
    pub fn wait_until_within(&mut self, expression: &str, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            let value = self.eval(expression)?;
            if !matches!(&value, Value::Null | Value::Bool(false)) && value != 0 && value != "" {
                return Ok(value);
            }
            if Instant::now() > deadline {
                let page = self.eval("document.body.innerText.slice(0, 600)")?;
                bail!("`{expression}` did not become true within {within:?}. The page says: {page}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until an element is on the page.
    ///
    /// # Errors
    /// When it does not appear.
    pub fn wait_for(&mut self, selector: &str) -> Result<()> {
        self.wait_until(&format!("document.querySelector({}) !== null", quoted(selector))).map(drop)
    }

    /// The text of an element, once it is there.
    ///
    /// # Errors
    /// When it does not appear.
    pub fn text(&mut self, selector: &str) -> Result<String> {
        self.wait_for(selector)?;
        let found = format!("document.querySelector({})", quoted(selector));
        // A button has a value too, which nobody sees.
        let field = format!("{found}.matches('input, select, textarea')");
        let value = self.eval(&format!("({field} ? {found}.value : {found}.textContent).trim()"))?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// An attribute of an element, once the element is there.
    ///
    /// # Errors
    /// When it does not appear.
    pub fn attribute(&mut self, selector: &str, name: &str) -> Result<Option<String>> {
        self.wait_for(selector)?;
        let value = self.eval(&format!("document.querySelector({}).getAttribute({})", quoted(selector), quoted(name)))?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Points at the middle of an element and presses the main button.
    ///
    /// # Errors
    /// When it does not appear, has no size, or something else lies over it.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        self.wait_for(selector)?;
        let found = quoted(selector);
        let place = self.eval(&format!(
            "(() => {{ const element = document.querySelector({found});
               element.scrollIntoView({{ block: 'center', inline: 'center', behavior: 'instant' }});
               const box = element.getBoundingClientRect();
               const x = box.x + box.width / 2, y = box.y + box.height / 2;
               const top = document.elementFromPoint(x, y);
               const hit = top !== null && (element.contains(top) || top.contains(element)
                 || [...(element.labels ?? [])].some(label => label.contains(top)));
               return {{ x, y, width: box.width, height: box.height, hit, over: top?.outerHTML?.slice(0, 120) ?? 'nothing' }}; }})()"
        ))?;
        ensure!(place["width"] != 0 && place["height"] != 0, "{selector} has no size: nobody can click it");
        ensure!(place["hit"] == true, "{selector} cannot be clicked: over it lies {}", place["over"]);
        self.click_at(&place["x"], &place["y"])
    }

    /// Points at a place in the viewport and presses the main button.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn click_at(&mut self, x: &Value, y: &Value) -> Result<()> {
        self.press_button_at(x, y, ("left", 1))
    }

    /// Points at a place in the viewport and presses the button for menus.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn right_click_at(&mut self, x: &Value, y: &Value) -> Result<()> {
        self.press_button_at(x, y, ("right", 2))
    }

    /// Puts a finger on a place in the viewport, and takes it away after longer than a tap lasts.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn hold_at(&mut self, x: &Value, y: &Value) -> Result<()> {
        let touch = |kind: &str, points: Value| json!({ "type": kind, "touchPoints": points });
        self.devtools.call("Input.dispatchTouchEvent", &touch("touchStart", json!([{ "x": x, "y": y }])))?;
        thread::sleep(Duration::from_millis(700));
        self.devtools.call("Input.dispatchTouchEvent", &touch("touchEnd", json!([])))?;
        self.settle()
    }

    fn press_button_at(&mut self, x: &Value, y: &Value, (name, number): (&str, u32)) -> Result<()> {
        for (kind, button, buttons) in [("mouseMoved", "none", 0), ("mousePressed", name, number), ("mouseReleased", name, 0)] {
            let params = json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 });
            self.devtools.call("Input.dispatchMouseEvent", &params)?;
        }
        self.settle()
    }

    /// Presses a key, named as in `KeyboardEvent.key`: `Tab`, `Enter`, `" "`, `ArrowRight`, `a` ...
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn press(&mut self, key: &str) -> Result<()> {
        self.press_with(key, "")
    }

    /// The same while `Control` is held down.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn press_with(&mut self, key: &str, held: &str) -> Result<()> {
        let modifiers = if held == "Control" { 2 } else { 0 };
        let (code, number) = match key {
            "Tab" => ("Tab".to_owned(), 9),
            "Enter" => ("Enter".to_owned(), 13),
            "Escape" => ("Escape".to_owned(), 27),
            " " => ("Space".to_owned(), 32),
            "End" => ("End".to_owned(), 35),
            "Home" => ("Home".to_owned(), 36),
            "ArrowLeft" => ("ArrowLeft".to_owned(), 37),
            "ArrowUp" => ("ArrowUp".to_owned(), 38),
            "ArrowRight" => ("ArrowRight".to_owned(), 39),
            "ArrowDown" => ("ArrowDown".to_owned(), 40),
            key if key.len() == 1 => (format!("Key{}", key.to_uppercase()), u32::from(key.to_uppercase().as_bytes()[0])),
            other => bail!("no such key: {other}"),
        };
        let text = match key {
            "Enter" => Some("\r"),
            key if key.chars().count() == 1 && modifiers == 0 => Some(key),
            _ => None,
        };
        let mut down = json!({ "modifiers": modifiers, "type": if text.is_some() { "keyDown" } else { "rawKeyDown" }, "key": key, "code": code,
            "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number });
        if let Some(text) = text {
            down["text"] = json!(text);
        }
        self.devtools.call("Input.dispatchKeyEvent", &down)?;
        let up = json!({ "modifiers": modifiers, "type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number });
        self.devtools.call("Input.dispatchKeyEvent", &up)?;
        self.settle()
    }

    /// Types a text into the element that has the focus.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.devtools.call("Input.insertText", &json!({ "text": text }))?;
        self.settle()
    }

    /// Sets the value of a field (a list, a slider, a number) as a person would, with the events that follow.
    ///
    /// # Errors
    /// When it does not appear, or does not take the value.
    pub fn set(&mut self, selector: &str, value: &str) -> Result<()> {
        self.wait_for(selector)?;
        let (found, value) = (quoted(selector), quoted(value));
        let taken = self.eval(&format!(
            "(() => {{ const element = document.querySelector({found}); element.focus(); element.value = {value};
               element.dispatchEvent(new Event('input', {{ bubbles: true }}));
               element.dispatchEvent(new Event('change', {{ bubbles: true }}));
               return element.value; }})()"
        ))?;
        ensure!(taken == serde_json::from_str::<Value>(&value)?, "{selector} took {taken} instead of {value}");
        self.settle()
    }

    /// Waits for two frames: one to handle the events, one to paint what they changed.
    ///
    /// # Errors
    /// When the page reports an error.
    pub fn settle(&mut self) -> Result<()> {
        self.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))").map(drop)
    }

    /// Writes what is to be seen to a PNG file, and makes its folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn screenshot(&mut self, file: &Path) -> Result<()> {
        let answer = self.devtools.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        let png = STANDARD.decode(answer["data"].as_str().unwrap_or_default()).context("Chromium sent no picture")?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(file, png).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// A text as JavaScript writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
