//! Builds the page: cargo for wasm32, wasm-bindgen as a library at the version that Cargo.lock names, then `index.html`,
//! `web/style.css` and `web/assets`. A build that fails leaves the last good one alone.

use crate::setup::{self, WASM};
use crate::steps::{self, Steps};
use anyhow::{Context, Result, ensure};
use clap::Args;
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// The package of the page.
pub const PACKAGE: &str = "brokerscope-web";

/// The profile of the page that people get; the root `Cargo.toml` says what it is.
pub const RELEASE_PROFILE: &str = "wasm-release";

/// The budget of the design: the whole program, gzipped.
const WASM_GZIPPED_BYTES_MAX: usize = 700 * 1024;

/// An older wasm-opt does not know what the compiler emits today.
const WASM_OPT_VERSION_MIN: u32 = 116;

/// How to build the page.
#[derive(Args)]
pub struct Options {
    /// Small and fast instead of quick to build
    #[arg(long)]
    pub release: bool,
    /// The folder to put it into
    #[arg(long, default_value = "target/site")]
    pub out: PathBuf,
}

/// The size of the program of the page.
pub struct WasmSize {
    /// As it is on the disk.
    pub raw_bytes: usize,
    /// As a web server sends it.
    pub gzipped_bytes: usize,
}

/// Builds the page once.
pub fn run(options: &Options) -> Result<()> {
    build(options.release, &options.out)
}

/// Builds the page for publication, and checks its size.
pub fn dist() -> Result<()> {
    let mut steps = Steps::new();
    let out = steps::root().join("dist");
    steps.step("set-up", setup::wasm_target)?;
    steps.step("page, release", || build(true, &out))?;
    steps.step("size", || check_size(&out))?;
    steps.table();
    println!("\nThe page is in {}: any static web server will do.", out.display());
    Ok(())
}

/// Builds the page into a folder. With `release`, the page that people get.
pub fn build(release: bool, out: &Path) -> Result<()> {
    build_with(release, &[], out)
}

/// Builds the page with features of its own into a folder.
pub fn build_with(release: bool, features: &[&str], out: &Path) -> Result<()> {
    let root = steps::root();
    let profile = if release { RELEASE_PROFILE } else { "dev" };
    steps::run(steps::cargo(&["build", "--package", PACKAGE, "--target", WASM, "--profile", profile]).args(features))?;
    let wasm = steps::target_dir().join(WASM).join(if release { RELEASE_PROFILE } else { "debug" }).join(program_name()?);

    // All is put together beside the folder and then moved file by file: a page that is being looked at stays whole.
    let fresh = out.with_extension("next");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("cannot empty {}", fresh.display()))?;
    }
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    Bindgen::new()
        .input_path(&wasm)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .debug(!release)
        .keep_debug(!release)
        .remove_name_section(release)
        .remove_producers_section(release)
        .omit_default_module_path(false)
        .generate(&fresh)
        .with_context(|| format!("wasm-bindgen could not read {}", wasm.display()))?;
    if release {
        optimize(&fresh.join("app_bg.wasm"))?;
    }
    copy(&root.join("web/style.css"), &fresh.join("style.css"))?;
    copy_folder(&root.join("web/assets"), &fresh)?;
    copy_folder(&fresh, out)?;
    // The last file: once it is there, so is all that it asks for.
    copy(&root.join("index.html"), &out.join("index.html"))?;
    fs::remove_dir_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    let size = wasm_size(out)?;
    println!(
        "    the page is in {} ({} of wasm, {} gzipped)",
        out.display(),
        kilobytes(size.raw_bytes),
        kilobytes(size.gzipped_bytes)
    );
    Ok(())
}

/// The file that cargo makes of the page: a program keeps its hyphens, a library loses them.
fn program_name() -> Result<String> {
    let package = xtask_wasm::package(PACKAGE).with_context(|| format!("the workspace has no package {PACKAGE}"))?;
    let program = package.targets.iter().find(|target| target.is_bin());
    let target = program.with_context(|| format!("{PACKAGE} has no program to build"))?;
    Ok(format!("{}.wasm", target.name))
}

/// Makes the wasm smaller with wasm-opt, where a recent one is installed; without it the page is a little larger, not worse.
fn optimize(wasm: &Path) -> Result<()> {
    let Some(wasm_opt) = setup::on_path("wasm-opt") else { return Ok(()) };
    let output = Command::new(&wasm_opt).arg("--version").output()?;
    let version = wasm_opt_version(&String::from_utf8_lossy(&output.stdout));
    if version.is_none_or(|version| version < WASM_OPT_VERSION_MIN) {
        println!("    {} is older than version {WASM_OPT_VERSION_MIN}: not used", wasm_opt.display());
        return Ok(());
    }
    steps::run(Command::new(&wasm_opt).arg("-O2").arg("--all-features").arg(wasm).arg("-o").arg(wasm))
}

/// `wasm-opt version 116 (version_116)` says 116.
fn wasm_opt_version(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.parse().ok())
}

/// The size of the wasm in a folder that holds a built page.
pub fn wasm_size(site: &Path) -> Result<WasmSize> {
    let path = site.join("app_bg.wasm");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    Ok(WasmSize { raw_bytes: bytes.len(), gzipped_bytes: encoder.finish()?.len() })
}

/// Fails when the page has outgrown its budget.
pub fn check_size(site: &Path) -> Result<()> {
    let size = wasm_size(site)?;
    let budget = kilobytes(WASM_GZIPPED_BYTES_MAX);
    println!("    app_bg.wasm: {}, gzipped {} of {budget}", kilobytes(size.raw_bytes), kilobytes(size.gzipped_bytes));
    ensure!(
        size.gzipped_bytes <= WASM_GZIPPED_BYTES_MAX,
        "the page is {} gzipped, over its budget of {budget}: see which dependency grew with `cargo tree --package {PACKAGE}`",
        kilobytes(size.gzipped_bytes)
    );
    Ok(())
}

fn kilobytes(bytes: usize) -> String {
    format!("{} KB", bytes.div_ceil(1024))
}

/// Copies a file, whole or not at all, with the present as its time of change: a page in a browser reloads by it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension("half");
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    fs::write(&half, bytes).with_context(|| format!("cannot write {}", half.display()))?;
    fs::rename(&half, to).with_context(|| format!("cannot write {}", to.display()))
}

/// Copies what a folder holds into another; a folder that is not there holds nothing.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_wasm_opt() {
        assert_eq!(wasm_opt_version("wasm-opt version 116 (version_116)\n"), Some(116));
        assert_eq!(wasm_opt_version("wasm-opt version 108\n"), Some(108));
        assert_eq!(wasm_opt_version(""), None);
    }

    #[test]
    fn sizes_round_up() {
        assert_eq!(kilobytes(1), "1 KB");
        assert_eq!(kilobytes(700 * 1024), "700 KB");
    }
}
