//! What a fresh machine lacks: a target of the compiler, its formatter and linter, a Chromium. Each is looked for first, then
//! installed where that is possible without asking, and otherwise named with the command that installs it.

use crate::steps;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target of the page.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The names under which Chromium is installed, best first.
const CHROMIUM_NAMES: [&str; 6] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"];

/// Where macOS and Windows keep it.
const CHROMIUM_PLACES: [&str; 4] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
];

/// Sees to it that the compiler can build for the browser.
pub fn wasm_target() -> Result<()> {
    // Asked of rustc and not of rustup: a compiler from a distribution may have the target too.
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .context("`rustc` could not be started; install Rust from https://rustup.rs")?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    println!("    the compiler lacks the target {WASM}: adding it");
    rustup(&["target", "add", WASM])
}

/// Sees to it that `cargo fmt` and `cargo clippy` exist.
pub fn components() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let found = steps::cargo(&[subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            println!("    {component} is missing: adding it");
            rustup(&["component", "add", component])?;
        }
    }
    Ok(())
}

fn rustup(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("rustup");
    command.args(arguments);
    steps::run(&mut command).with_context(|| {
        format!("install Rust from https://rustup.rs, or see to it that `rustup {}` works, and try again", arguments.join(" "))
    })
}

/// Finds a Chromium, or installs one on Debian and Ubuntu as root.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("BROKERSCOPE_CHROMIUM") {
        let path = PathBuf::from(path);
        works(&path).with_context(|| format!("BROKERSCOPE_CHROMIUM names {}, which does not run", path.display()))?;
        return Ok(path);
    }
    if let Some(path) = installed_chromium() {
        return Ok(path);
    }
    if Path::new("/usr/bin/apt-get").exists() && is_root() {
        println!("    no Chromium found: installing Debian's");
        steps::run(Command::new("apt-get").arg("update").stdin(Stdio::null()))?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive");
        steps::run(install.stdin(Stdio::null()))?;
        if let Some(path) = installed_chromium() {
            return Ok(path);
        }
    }
    bail!(
        "the browser tests need a Chromium, and none was found. Install one:\n  \
         Debian, Ubuntu   sudo apt-get install chromium\n  \
         Fedora           sudo dnf install chromium\n  \
         macOS            brew install --cask chromium\n\
         or name one with BROKERSCOPE_CHROMIUM=/path/to/chrome"
    )
}

/// The accessibility rules of the browser tests: axe-core, from the npm registry, at one version.
const AXE_VERSION: &str = "4.14.1";

/// Finds axe-core, or fetches it into the target folder, once.
pub fn axe() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("BROKERSCOPE_AXE") {
        return Ok(path.into());
    }
    let folder = steps::target_dir().join(format!("axe-core-{AXE_VERSION}"));
    let script = folder.join("package").join("axe.min.js");
    if !script.exists() {
        println!("    fetching axe-core {AXE_VERSION}");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let url = format!("https://registry.npmjs.org/axe-core/-/axe-core-{AXE_VERSION}.tgz");
        let help = "put axe.min.js of the npm package axe-core somewhere and name it with BROKERSCOPE_AXE";
        let mut fetch = Command::new("curl");
        fetch.args(["--silent", "--show-error", "--fail", "--location", "--retry", "3", "--output", "axe.tgz", &url]);
        steps::run(fetch.current_dir(&folder)).context(help)?;
        let mut unpack = Command::new("tar");
        unpack.args(["-xzf", "axe.tgz", "package/axe.min.js"]);
        steps::run(unpack.current_dir(&folder)).context(help)?;
    }
    Ok(script)
}

fn installed_chromium() -> Option<PathBuf> {
    let named = CHROMIUM_NAMES.iter().filter_map(|name| on_path(name));
    let placed = CHROMIUM_PLACES.iter().map(PathBuf::from).filter(|path| path.exists());
    // Ubuntu has a `chromium` that only says to install a snap: what does not run is not found.
    named.chain(placed).find(|path| works(path).is_ok())
}

fn works(chromium: &Path) -> Result<()> {
    // Chrome on Windows opens a window when asked for its version.
    if cfg!(windows) {
        ensure!(chromium.exists(), "no such file");
        return Ok(());
    }
    let output = Command::new(chromium).arg("--version").stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "`--version` ended with {}", output.status);
    Ok(())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A program of this name on the PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|path| path.is_file())
}
