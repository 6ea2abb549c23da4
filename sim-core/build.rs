//! The library of scenarios as it goes into the program. The page speaks English only so far, and each scenario tells its story in Chinese,
//! too: what nobody can see there is left out, which is a hundredth of the page.

// The core reads no files and no environment; what builds it does.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::{env, fs};

fn main() {
    let from = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../scenarios");
    let to = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("scenarios");
    let page = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32");
    fs::create_dir_all(&to).expect("the folder for what is generated can be written");
    println!("cargo::rerun-if-changed={}", from.display());
    for file in fs::read_dir(&from).expect("the scenarios are beside the crate") {
        let file = file.expect("the folder can be read");
        println!("cargo::rerun-if-changed={}", file.path().display());
        let text = fs::read_to_string(file.path()).expect("a scenario is a text");
        let text = if page { without_chinese(&text) } else { text };
        fs::write(to.join(file.file_name()), text).expect("the folder for what is generated can be written");
    }
}

/// Without `zh = "..."` and `zh = """..."""`.
fn without_chinese(text: &str) -> String {
    let (mut rest, mut out) = (text, String::new());
    while let Some((before, after)) = rest.split_once(", zh = \"") {
        out.push_str(before);
        let (end, after) = match after.strip_prefix("\"\"") {
            Some(long) => ("\"\"\"", long),
            None => ("\"", after),
        };
        rest = after.split_once(end).expect("a string that begins ends").1;
    }
    out + rest
}
