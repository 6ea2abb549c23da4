//! `cargo xtask bench`: the budgets of the design, measured as ratios within one run.
//!
//! Every subject is measured once a round, one after another, and a round that warms up is thrown away. A ratio is taken within
//! each round, so that a machine that slows down slows both sides; the table shows the median of the ratios and how far they
//! spread. Times are compared with an empty event loop (pop the earliest of 256 pending events, push another) on the same
//! machine in the same round: the budgets were set where that loop made 20 million turns a second, so "50 ms" reads "as long
//! as a million empty events" on any machine.

mod browser;
mod core;
mod reference;
mod table;

use anyhow::Result;
use browser::InBrowser;
use clap::Parser;
use std::process::ExitCode;
use table::{Bound, Row, Table};

/// What the empty event loop made on the machine for which the budgets were set.
const EMPTY_EVENTS_PER_S: f64 = 20_000_000.0;

/// The budget for the program of the page, gzipped.
const WASM_GZIPPED_BYTES_MAX: f64 = 700.0 * 1024.0;

/// Measures what the design has budgets for.
#[derive(Parser)]
struct Options {
    /// How many rounds count; one more comes before them
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The size of the page's program, as `cargo xtask bench` measured it
    #[arg(long)]
    wasm_gzipped_bytes: Option<u64>,
    /// Measure nothing: run this scenario of the library, or of a .toml file, and no more: something for a profiler to look at
    #[arg(long, value_name = "SCENARIO")]
    profile: Option<String>,
    /// How often, for a profiler
    #[arg(long, default_value_t = 1, requires = "profile")]
    times: u32,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a budget is exceeded: see the table");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What one round measured.
struct Round {
    empty_events_per_s: f64,
    /// At its best: one client with a large window.
    turmoil_best_per_s: f64,
    /// With the traffic of [`core::echo`].
    turmoil_echo_per_s: f64,
    echo: core::Run,
    busiest: core::Run,
    slowest_seek_s: f64,
}

/// Prints the table, and says whether all that was measured is within its budget.
fn run(options: &Options) -> Result<bool> {
    if let Some(name) = &options.profile {
        profile(name, options.times)?;
        return Ok(true);
    }
    let name = core::busiest()?;
    let scenario = core::scenario(name)?;
    let mut long = core::long_run(name, core::whole_run(&scenario).steps)?;
    let (events, steps) = (long.last_world().trace_len(), long.last_world().steps());
    let subject = format!("{name}; seeking in a run of it with {events} events in {steps} steps");
    eprintln!("the busiest scenario of the library is {subject}");
    let echo = core::echo()?;
    let mut rounds = Vec::new();
    for number in 0..=options.rounds {
        eprintln!("round {number} of {}{}", options.rounds, if number == 0 { " (warms up, does not count)" } else { "" });
        let round = Round {
            empty_events_per_s: reference::empty_events_per_second(),
            turmoil_best_per_s: reference::turmoil_messages_per_second(1, reference::WINDOW)?,
            turmoil_echo_per_s: reference::turmoil_messages_per_second(core::ECHO_CLIENTS, 1)?,
            echo: core::typical_run(&echo),
            busiest: core::typical_run(&scenario),
            slowest_seek_s: core::slowest_seek(&mut long),
        };
        if number > 0 {
            rounds.push(round);
        }
    }
    // A browser that fails must not cost the rest of the table.
    let in_browser = match std::env::var_os("BROKERSCOPE_SITE") {
        Some(_) => browser::measure(options.rounds, name).map_err(|error| format!("{error:#}")),
        None => Err("left out: no browser".to_owned()),
    };
    let table = rows(options, &rounds, &in_browser);
    println!("\nThe busiest scenario of the library: {subject}.\n{table}");
    Ok(table.all_inside())
}

/// Runs a scenario so often, and says how much that was.
fn profile(name: &str, times: u32) -> Result<()> {
    let scenario = core::scenario_or_file(name)?;
    let runs: Vec<core::Run> = (0..times).map(|_| core::whole_run(&scenario)).collect();
    let steps: u64 = runs.iter().map(|run| run.steps).sum();
    let fastest_s = runs.iter().map(|run| run.wall_s).fold(f64::INFINITY, f64::min);
    println!("{name}: {steps} steps in {times} runs, the fastest in {:.2} ms", fastest_s * 1e3);
    Ok(())
}

/// Of a run: how many a second of wall time.
fn per_s(run: &core::Run, what: fn(&core::Run) -> u64) -> f64 {
    what(run) as f64 / run.wall_s
}

fn rows(options: &Options, rounds: &[Round], in_browser: &Result<InBrowser, String>) -> Table {
    let mut table = Table::default();
    let all = |value: fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
    table.reference("empty event loop, 256 pending", "events/s", &all(|round| round.empty_events_per_s));
    table.reference("turmoil 0.7, UDP, 1 client, 512 in flight", "datagrams/s", &all(|round| round.turmoil_best_per_s));
    table.reference("turmoil 0.7, UDP, 32 clients, 1 in flight each", "datagrams/s", &all(|round| round.turmoil_echo_per_s));
    table.reference(
        "core, 32 clients, 1 request in flight each",
        "packets/s",
        &all(|round| per_s(&round.echo, |run| run.packets)),
    );
    table.reference("core, busiest scenario", "events/s", &all(|round| per_s(&round.busiest, |run| run.traced)));
    table.reference("core, busiest scenario", "steps of the queue/s", &all(|round| per_s(&round.busiest, |run| run.steps)));
    table.reference("core, busiest scenario", "packets/s", &all(|round| per_s(&round.busiest, |run| run.packets)));
    table.reference("core, busiest scenario", "business messages/s", &all(|round| per_s(&round.busiest, |run| run.messages)));

    // How much longer a second is here than where the budgets were set.
    let second = |round: &Round| EMPTY_EVENTS_PER_S / round.empty_events_per_s;
    let of =
        |what, bound, value: &dyn Fn(&Round) -> f64| Row::measured(what, bound, &rounds.iter().map(value).collect::<Vec<_>>());
    let of_page = |what: &str, bound, values: fn(&InBrowser) -> &[f64]| match in_browser {
        Ok(measured) => Row::measured(what, bound, values(measured)),
        Err(why) => Row::missing(what, bound, why),
    };
    table.push(of("core, events/s / empty event loop", Bound::AtLeast(4e6 / EMPTY_EVENTS_PER_S), &|round| {
        per_s(&round.busiest, |run| run.traced) / round.empty_events_per_s
    }));
    table.push(of("core, packets/s / turmoil, the same echo", Bound::AtLeast(10.0), &|round| {
        per_s(&round.echo, |run| run.packets) / round.turmoil_echo_per_s
    }));
    table.push(of_page("core, wasm / native speed", Bound::AtLeast(0.6), |page| &page.of_native));
    table.push(of("busiest scenario, virtual / wall time", Bound::AtLeast(700.0), &|round| {
        round.busiest.virtual_s / round.busiest.wall_s * second(round)
    }));
    table.push(of("slowest seek in 1 M events, native, ms", Bound::AtMost(50.0), &|round| {
        round.slowest_seek_s * 1e3 / second(round)
    }));
    table.push(of_page("slowest seek in 1 M events, page, ms", Bound::AtMost(120.0), |page| &page.slowest_seek_ms));
    // The budget is for 300 packets in flight.
    let frame = match in_browser {
        Ok(page) => format!("frame of the stage, {} packets, script, ms", page.packets),
        Err(_) => "frame of the stage, script time, ms".to_owned(),
    };
    table.push(of_page(&frame, Bound::AtMost(6.0), |page| &page.frame_ms));
    // No budget of its own: a browser's first run is mostly its compiler's.
    if let Ok(page) = in_browser {
        table.reference("core, wasm / native, first run of a page", "of native speed", &page.first_of_native);
    }
    // No budget of its own: the slowest frames are those in which the machine did something else.
    if let Ok(page) = in_browser {
        table.reference("frame of the stage, 95 of 100 within", "ms", &page.slow_frame_ms);
    }
    table.push(match options.wasm_gzipped_bytes {
        Some(bytes) => Row::single("wasm, gzipped / 700 KB", Bound::AtMost(1.0), bytes as f64 / WASM_GZIPPED_BYTES_MAX),
        None => Row::missing("wasm, gzipped / 700 KB", Bound::AtMost(1.0), "left out: no browser"),
    });
    table.push(of_page("page, first paint of a run, ms", Bound::AtMost(1000.0), |page| &page.first_paint_ms));
    table
}
