//! `cargo xtask serve`: the page on 127.0.0.1, built again whenever a source changes.

use crate::setup;
use crate::steps;
use anyhow::{Context, Result};
use clap::Args;
use site_server::{Server, Site};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use xtask_wasm::Watch;

/// What the page is made of. Changes elsewhere build nothing.
const SOURCES: [&str; 8] =
    ["index.html", "web", "stage/src", "sim-core/src", "scenarios", "Cargo.toml", "stage/Cargo.toml", "sim-core/Cargo.toml"];

/// An editor writes a file in several strokes: build when it has been quiet for so long.
const QUIET: Duration = Duration::from_millis(300);

/// Options of `cargo xtask serve`.
#[derive(Args)]
pub struct Options {
    /// Build the page that people get: smaller and faster, but slow to build
    #[arg(long)]
    release: bool,
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Open the page in the browser of this desktop
    #[arg(long)]
    open: bool,
}

/// Serves until it is stopped from the keyboard.
pub fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let root = steps::root();
    let folder = steps::target_dir().join("site");
    println!("==> set-up");
    setup::wasm_target()?;

    // The port first: nobody should wait for a build to learn that another program has it.
    let site = Site { folder: folder.clone(), live_reload: true };
    let server = Server::start(site, options.port).with_context(|| {
        let other = options.port.wrapping_add(1).max(1024);
        format!(
            "cannot listen on 127.0.0.1:{}; is it in use? Choose another port: cargo xtask serve --port {other}",
            options.port
        )
    })?;

    println!("==> building the page (the first time takes a minute or two)");
    let mut build = xtask_wasm::xtask_command();
    build.current_dir(&root).arg("page").arg("--out").arg(&folder);
    if options.release {
        build.arg("--release");
    }
    // The watcher starts with a build. A build that fails prints its error and leaves the last good page in place.
    let sources = SOURCES.iter().map(|source| root.join(source)).filter(|source| source.exists());
    let watch = Watch::default().watch_paths(sources).debounce(QUIET);
    let before = built_at(&folder);
    let watcher = thread::spawn(move || watch.run(build));
    announce_when_built(&folder, before, &server.url(), started, options.open);
    watcher.join().map_err(|_| anyhow::anyhow!("the watcher stopped; run `cargo xtask serve` again"))?
}

/// Waits for the first build that works, then says where the page is.
fn announce_when_built(folder: &Path, before: Option<SystemTime>, url: &str, started: Instant, open: bool) {
    let (folder, url) = (folder.to_owned(), url.to_owned());
    thread::spawn(move || {
        println!("    the address will be {url}");
        while built_at(&folder) == before {
            thread::sleep(Duration::from_millis(100));
        }
        println!("\n==> {url}  (ready after {}; it follows the sources; stop with Ctrl+C)\n", steps::seconds(started.elapsed()));
        if open {
            show(&url);
        }
    });
}

/// When the page was built: a build puts `index.html` in place last.
fn built_at(folder: &Path) -> Option<SystemTime> {
    folder.join("index.html").metadata().ok()?.modified().ok()
}

/// Opens the address in the browser of this desktop; where that fails the address is on the screen already.
fn show(url: &str) {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    if let Err(error) = Command::new(program).args(arguments).arg(url).spawn() {
        eprintln!("cannot open a browser with {program} ({error}): open {url} yourself");
    }
}
