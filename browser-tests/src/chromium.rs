//! Starts a Chromium with a profile of its own, and ends it.

use crate::devtools::DevTools;
use crate::page::{Look, Page};
use anyhow::{Context, Result, bail};
use serde_json::json;
use site_server::{Server, Site};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A start that takes longer has failed.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long a Chromium may take to end in its own way.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What a browser under test must not do: ask for a desktop, talk to anyone, or greet a new user.
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
];

/// Serves the built page, from the folder that `BROKERSCOPE_SITE` names, and returns its address.
///
/// # Errors
/// When the variable is not set or the folder holds no page.
pub fn site() -> Result<String> {
    let folder = std::env::var_os("BROKERSCOPE_SITE").map(PathBuf::from);
    let folder = folder.context("BROKERSCOPE_SITE is not set: run `cargo xtask test`, which builds the page and sets it")?;
    if !folder.join("index.html").is_file() {
        bail!("{} holds no index.html: run `cargo xtask test`, which builds the page", folder.display());
    }
    Ok(Server::start(Site { folder, live_reload: false }, 0).context("cannot listen on 127.0.0.1")?.url())
}

/// A Chromium that runs until this is dropped.
pub struct Browser {
    process: Child,
    profile: PathBuf,
    address: SocketAddr,
    devtools: DevTools,
}

impl Browser {
    /// Starts the Chromium that `BROKERSCOPE_CHROMIUM` names (`chromium` when it is not set).
    ///
    /// # Errors
    /// When it cannot be started, or does not listen in time.
    pub fn start() -> Result<Browser> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let program = std::env::var_os("BROKERSCOPE_CHROMIUM").unwrap_or_else(|| "chromium".into());
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("brokerscope-chromium-{}-{number}", std::process::id()));
        let mut command = Command::new(&program);
        command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        // Its log is about the machine it runs on; what concerns the page comes over the protocol.
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process
            .with_context(|| format!("cannot start {} (name a Chromium with BROKERSCOPE_CHROMIUM)", program.to_string_lossy()))?;
        let mut starting = Starting { process: Some(process), profile };
        let (address, path) = starting.endpoint()?;
        let devtools = DevTools::connect(address, &path)?;
        let (process, profile) = starting.started();
        Ok(Browser { process, profile, address, devtools })
    }

    /// Opens an address in a page that shares nothing with any other: no storage, no cache.
    ///
    /// # Errors
    /// When the page does not load.
    pub fn open(&mut self, url: &str, look: Look) -> Result<Page> {
        let context = self.devtools.call("Target.createBrowserContext", &json!({}))?;
        let target = json!({ "url": "about:blank", "browserContextId": context["browserContextId"] });
        let target = self.devtools.call("Target.createTarget", &target)?;
        let id = target["targetId"].as_str().context("Chromium gave the page no id")?;
        let devtools = DevTools::connect(self.address, &format!("/devtools/page/{id}"))?;
        let mut page = Page::new(devtools, look)?;
        page.goto(url)?;
        Ok(page)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked first: it then ends its own children too.
        let _ = self.devtools.call("Browser.close", &json!({}));
        end(&mut self.process, &self.profile);
    }
}

/// A Chromium of which it is not known yet whether it will listen.
struct Starting {
    process: Option<Child>,
    profile: PathBuf,
}

impl Starting {
    /// Where it listens: it writes its port and its path into its profile.
    fn endpoint(&mut self) -> Result<(SocketAddr, String)> {
        let file = self.profile.join("DevToolsActivePort");
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            if let Ok(text) = fs::read_to_string(&file)
                && let Some((port, path)) = text.trim().split_once('\n')
            {
                let port = port.parse().with_context(|| format!("Chromium wrote {text:?} to {}", file.display()))?;
                return Ok((SocketAddr::from((Ipv4Addr::LOCALHOST, port)), path.to_owned()));
            }
            if let Some(process) = &mut self.process
                && let Some(status) = process.try_wait()?
            {
                bail!("Chromium ended at once with {status}: does `chromium --headless=new --no-sandbox about:blank` run here?");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("Chromium did not listen within {START_WITHIN:?}")
    }

    fn started(mut self) -> (Child, PathBuf) {
        (self.process.take().expect("a Chromium that listens was started"), self.profile.clone())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            end(&mut process, &self.profile);
        }
    }
}

/// Waits for a Chromium to end, ends it when it does not, and removes its profile.
fn end(process: &mut Child, profile: &PathBuf) {
    let deadline = Instant::now() + END_WITHIN;
    while Instant::now() < deadline && !matches!(process.try_wait(), Ok(Some(_))) {
        thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    let _ = process.wait();
    // A child of it may still write a last file: try again once.
    if fs::remove_dir_all(profile).is_err() {
        thread::sleep(Duration::from_millis(300));
        let _ = fs::remove_dir_all(profile);
    }
}
