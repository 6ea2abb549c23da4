//! A command in steps: each says what it does and how long it took, the first failure ends the command, and a table of times
//! closes it.

use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// The steps of one command, run one after another.
pub struct Steps {
    started: Instant,
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// No step yet.
    pub fn new() -> Steps {
        Steps { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step. After a failure, prints the table of what ran, and returns the error.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n==> {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        let passed = result.is_ok();
        println!("    {name}: {} in {}", if passed { "done" } else { "FAILED" }, seconds(took));
        self.done.push(Step { name: name.to_owned(), took, passed });
        if !passed {
            self.table();
        }
        result.with_context(|| format!("the step \"{name}\" failed (its output is above)"))
    }

    /// Prints what ran and how long each step took.
    pub fn table(&self) {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or(0).max("all".len());
        println!("\n{:width$}  {:>11}  result", "step", "time");
        for step in &self.done {
            println!("{:width$}  {:>11}  {}", step.name, seconds(step.took), if step.passed { "ok" } else { "FAILED" });
        }
        println!("{:width$}  {:>11}", "all", seconds(self.started.elapsed()));
    }
}

/// A duration as a person reads it.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 60 { format!("{} min {:02} s", whole / 60, whole % 60) } else { format!("{:.1} s", duration.as_secs_f64()) }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    xtask_wasm::metadata().target_directory.clone().into_std_path_buf()
}

/// Cargo, in the workspace, free of what `cargo run` set for this program (build scripts would see it and run again).
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_BIN_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Prints a command, runs it, and makes of its failure an error that says how to run it again.
pub fn run(command: &mut Command) -> Result<()> {
    println!("    {}", shown(command));
    let status = command.status().with_context(|| format!("`{}` could not be started", shown(command)))?;
    ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let set = command.get_envs().filter_map(|(name, value)| Some(format!("{}={:?} ", name.to_string_lossy(), value?)));
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    set.collect::<String>() + &program + &arguments.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn a_failed_step_ends_the_command_and_names_itself() {
        let mut steps = Steps::new();
        steps.step("first", || Ok(())).expect("it passes");
        let error = steps.step::<()>("second", || anyhow::bail!("why")).expect_err("it fails");
        assert_eq!(format!("{error:#}"), "the step \"second\" failed (its output is above): why");
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("OTHER");
        assert_eq!(shown(&command), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps");
    }
}
