//! The verbs.

use crate::charts;
use crate::cli::{ChartsArgs, Cli, Command, CrashPointsArgs, ExplainArgs, Format, PictureArgs, RunArgs, What};
use crate::crash_points as page_of;
use crate::picture::{self, Shot};
use crate::sim::{self, Run};
use crate::table::{self, Report, thousands};
use sim_core::config::properties::Scope;
use sim_core::crash_points;
use sim_core::ids::MessageId;
use sim_core::scenario::read::{self, Override};
use sim_core::scenario::{Scenario, library};
use sim_core::session::{MAX_REPLAY_BYTES, Replay, ScenarioSource, Session};
use sim_core::trace::TraceId;
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Every expectation and invariant holds.
const OK: u8 = 0;
/// An expectation or an invariant does not hold.
const BROKEN: u8 = 1;
/// The input is wrong.
const BAD_INPUT: u8 = 2;

/// What is wrong with the input, for a person.
type BadInput = String;

/// Does what was asked.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Scenarios { format } => scenarios(format),
        Command::Run(args) => run_scenario(&args),
        Command::Replay { file } => replay(&file),
        Command::Explain(args) => explain(&args),
        Command::CrashPoints(args) => crash_points(&args),
        Command::Picture(args) => draw(&args),
        Command::Charts(args) => draw_charts(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Prints to stdout. That the reader went away is no failure.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn scenarios(format: Format) -> Result<u8, BadInput> {
    let mut list = Vec::new();
    for entry in library::all() {
        list.push(read::scenario(entry.file, entry.text, &[]).map_err(|error| error.to_string())?);
    }
    if format == Format::Json {
        let rows: Vec<serde_json::Value> = list
            .iter()
            .map(|s| {
                let title = serde_json::json!({ "en": s.title.en, "zh": s.title.zh });
                serde_json::json!({ "name": s.name, "title": title, "mechanisms": s.mechanisms, "claims": s.claims })
            })
            .collect();
        print(&format!("{:#}\n", serde_json::Value::Array(rows)));
        return Ok(OK);
    }
    let width = list.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for s in &list {
        let shows: Vec<&str> = s.mechanisms.iter().chain(&s.claims).map(String::as_str).collect();
        text += &format!("{:width$}  {}  [{}]\n", s.name, s.title.en, shows.join(", "));
    }
    print(&text);
    Ok(OK)
}

fn run_scenario(args: &RunArgs) -> Result<u8, BadInput> {
    let session = session(&args.what)?;
    let scenario = Arc::new(session.plan().map_err(|error| error.to_string())?);
    let command = replay_command(&args.what, &scenario, args.check);
    let Some(run) = guarded(&scenario, args.check, &command) else { return Ok(BROKEN) };
    if let Some(path) = &args.trace {
        write_file(path, |out| run.write_trace(out))?;
    }
    if let Some(path) = &args.save_replay {
        let replay = Replay::new(session.clone(), run.digest(), run.events(), run.marks());
        write_file(path, |out| out.write_all(replay.to_json().as_bytes()))?;
    }
    let code = verdict(&run);
    match args.format {
        Format::Json => {
            print(&format!("{}\n", run.summary_text()));
            for (name, place) in &scenario.not_modelled {
                eprintln!("note: {name} has no effect here ({place})");
            }
        }
        Format::Text => {
            let losses = run.losses();
            let page = page(&session, &scenario);
            let report = Report { scenario: &scenario, summary: run.summary(), losses: &losses, page, colour: colour() };
            print(&report.text());
            let seconds = run.took.as_secs_f64();
            let rate = thousands((run.events() as f64 / seconds.max(0.000_001)) as u64);
            eprintln!("ran in {seconds:.2} s, {rate} events a second");
        }
    }
    if code != OK {
        let first = run.summary()["violations"].get(0).map(|v| format!(": {}", table::violation(v)));
        eprintln!("failed with seed {}{}\nrun it again: {command}", scenario.seed, first.unwrap_or_default());
        if !session.set.is_empty() {
            eprintln!("note: the scenario expects this of its own settings; some of them were changed");
        }
    }
    Ok(code)
}

/// Runs, and turns a broken invariant of the simulator itself into a message with all that is needed to see it again.
fn guarded(scenario: &Arc<Scenario>, check: bool, command: &str) -> Option<Run> {
    let said = Arc::new(Mutex::new(String::new()));
    let hook = panic::take_hook();
    let heard = Arc::clone(&said);
    panic::set_hook(Box::new(move |info| {
        if let Ok(mut text) = heard.lock() {
            *text = info.to_string();
        }
    }));
    let run = panic::catch_unwind(AssertUnwindSafe(|| sim::run(Arc::clone(scenario), check)));
    panic::set_hook(hook);
    run.map_err(|_| {
        let said = said.lock().map(|text| text.clone()).unwrap_or_default();
        eprintln!(
            "error: the simulator broke one of its own rules, with seed {}: {said}\nrun it again: {command}",
            scenario.seed
        );
    })
    .ok()
}

/// By expectations and invariants.
fn verdict(run: &Run) -> u8 {
    let list = |key: &str| run.summary()[key].as_array().cloned().unwrap_or_default();
    let holds = list("expectations").iter().all(|result| result["holds"].as_bool().unwrap_or(false));
    if holds && list("violations").is_empty() { OK } else { BROKEN }
}

fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The page knows the library; what else was set it cannot know from an address yet.
fn page(session: &Session, scenario: &Scenario) -> Option<String> {
    match &session.scenario {
        ScenarioSource::Library(name) if session.set.is_empty() => {
            Some(format!("http://127.0.0.1:8080/?scenario={name}&seed={}", scenario.seed))
        }
        _ => None,
    }
}

/// The session that the arguments describe.
fn session(what: &What) -> Result<Session, BadInput> {
    let name = &what.scenario;
    let is_path = name.contains(['/', '\\']) || name.ends_with(".toml");
    let mut session = if library::find(name).is_some() && !is_path {
        Session::library(name)
    } else if is_path || Path::new(name).is_file() {
        Session::inline(name, read_file(Path::new(name), read::MAX_FILE_BYTES)?)
    } else {
        let hint = match library::suggest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`brokerscope scenarios` lists them; a file needs its path".to_owned(),
        };
        return Err(format!("there is no scenario `{name}` in the library, and no such file\n  help: {hint}"));
    };
    session.seed = what.seed;
    // Files first: what is set by hand is meant to win.
    let files = [
        (Scope::Broker, &what.broker_config),
        (Scope::Topic, &what.topic_config),
        (Scope::Producer, &what.producer_config),
        (Scope::Consumer, &what.consumer_config),
    ];
    for (scope, path) in files {
        if let Some(path) = path {
            let text = read_file(path, sim_core::config::java_properties::MAX_BYTES)?;
            let set = read::overrides_from_properties(scope, &text).map_err(|error| format!("{}: {error}", path.display()))?;
            session.set.extend(set);
        }
    }
    for text in &what.set {
        session.set.push(Override::parse(text)?);
    }
    Ok(session)
}

fn read_file(path: &Path, at_most: usize) -> Result<String, BadInput> {
    let say = |error: io::Error| format!("{}: {error}", path.display());
    let size = fs::metadata(path).map_err(say)?.len();
    if size > at_most as u64 {
        return Err(format!("{}: the file has {size} bytes, {at_most} are the most that is read", path.display()));
    }
    let bytes = fs::read(path).map_err(say)?;
    String::from_utf8(bytes).map_err(|_| format!("{}: the file is not UTF-8 text", path.display()))
}

fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), BadInput> {
    let written = fs::File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// The command that makes the same run, for a shell.
fn replay_command(what: &What, scenario: &Scenario, check: bool) -> String {
    let from_checkout = std::env::current_exe().is_ok_and(|path| path.components().any(|part| part.as_os_str() == "target"));
    let mut words = vec![if from_checkout { "cargo run --release --".to_owned() } else { "brokerscope".to_owned() }];
    words.extend(["run".to_owned(), quoted(&what.scenario), "--seed".to_owned(), scenario.seed.to_string()]);
    let files = [
        ("--producer-config", &what.producer_config),
        ("--broker-config", &what.broker_config),
        ("--topic-config", &what.topic_config),
        ("--consumer-config", &what.consumer_config),
    ];
    for (flag, path) in files {
        if let Some(path) = path {
            words.extend([flag.to_owned(), quoted(&path.display().to_string())]);
        }
    }
    for set in &what.set {
        words.extend(["--set".to_owned(), quoted(set)]);
    }
    if check {
        words.push("--check".to_owned());
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn replay(file: &Path) -> Result<u8, BadInput> {
    let say = |message: String| format!("{}: {message}", file.display());
    let replay = Replay::from_json(&read_file(file, MAX_REPLAY_BYTES)?).map_err(say)?;
    let scenario = Arc::new(replay.session.plan().map_err(|error| say(error.to_string()))?);
    let command = format!("brokerscope replay {}", quoted(&file.display().to_string()));
    let Some(run) = guarded(&scenario, false, &command) else { return Ok(BROKEN) };
    if run.digest() == replay.digest && run.events() == replay.events {
        let events = thousands(run.events());
        print(&format!("the same run: {}, seed {}, {events} events, digest {}\n", scenario.name, scenario.seed, replay.digest));
        return Ok(OK);
    }
    print(&difference(&replay, &run));
    Ok(BROKEN)
}

/// Where two runs part, as closely as the marks tell.
fn difference(replay: &Replay, run: &Run) -> String {
    let mut text = format!(
        "not the same run\n  recorded  {} events, digest {} (version {})\n  now       {} events, digest {} (version {})\n",
        thousands(replay.events),
        replay.digest,
        replay.version,
        thousands(run.events()),
        run.digest(),
        env!("CARGO_PKG_VERSION"),
    );
    let now = run.marks();
    let agreed = replay.marks.iter().zip(&now).take_while(|(then, now)| then == now).count();
    let last_same = agreed.checked_sub(1).map_or(0, |index| replay.marks[index].0);
    let first_other = replay.marks.get(agreed).map_or(replay.events, |mark| mark.0);
    let time = |event: u64| run.event(TraceId(event)).map_or_else(|| "the end".to_owned(), |e| format!("{} s", e.at));
    text += &format!(
        "the first difference lies between event {} (at {}) and event {} (at {})\n",
        thousands(last_same),
        time(last_same),
        thousands(first_other),
        time(first_other),
    );
    if replay.version != env!("CARGO_PKG_VERSION") {
        text += "another version of the program wrote the file: the rules may have changed since\n";
    }
    text
}

/// `4711` or `m4711`.
fn message_id(text: &str) -> Result<MessageId, BadInput> {
    let number = text.strip_prefix('m').unwrap_or(text);
    let wrong = |_| format!("`{text}` is not a message; give its number, such as 4711 or m4711");
    number.parse().map(MessageId).map_err(wrong)
}

fn draw(args: &PictureArgs) -> Result<u8, BadInput> {
    let shot = Shot {
        at: picture::instant(&args.at).map_err(|error| format!("--at: {error}"))?,
        size: picture::size(&args.drawing.size).map_err(|error| format!("--size: {error}"))?,
        look: args.drawing.theme,
        message: args.message.as_deref().map(message_id).transpose()?,
    };
    let scenario = Arc::new(session(&args.what)?.plan().map_err(|error| error.to_string())?);
    put(&picture::draw(scenario, shot)?, args.drawing.out.as_deref())
}

fn draw_charts(args: &ChartsArgs) -> Result<u8, BadInput> {
    let size = picture::size(&args.drawing.size).map_err(|error| format!("--size: {error}"))?;
    let plan = |session: Session| session.plan().map(Arc::new).map_err(|error| error.to_string());
    let session = session(&args.what)?;
    let as_it_is = Session { set: Vec::new(), seed: None, ..session.clone() };
    let behind = args.compare.then(|| plan(as_it_is)).transpose()?;
    let svg = charts::draw(plan(session)?, behind, size, args.drawing.theme).map_err(|error| format!("--size: {error}"))?;
    put(&svg, args.drawing.out.as_deref())
}

/// Into a file, or on the terminal.
fn put(svg: &str, out: Option<&Path>) -> Result<u8, BadInput> {
    match out {
        Some(path) => write_file(path, |out| out.write_all(svg.as_bytes()))?,
        None => print(svg),
    }
    Ok(OK)
}

fn crash_points(args: &CrashPointsArgs) -> Result<u8, BadInput> {
    let message = args.message.as_deref().map(message_id).transpose()?;
    let scenario = session(&args.what)?.plan().map_err(|error| error.to_string())?;
    let bar = sim::count_bar(crash_points::runs(&scenario));
    let matrices = crash_points::matrices(&scenario, message, || bar.inc(1));
    bar.finish_and_clear();
    let matrices = matrices?;
    match args.format {
        Format::Text => print(&page_of::text(&matrices)),
        Format::Json => print(&format!("{:#}\n", page_of::json(&scenario, &matrices))),
    }
    Ok(OK)
}

fn explain(args: &ExplainArgs) -> Result<u8, BadInput> {
    let MessageId(id) = message_id(&args.message)?;
    let scenario = Arc::new(session(&args.what)?.plan().map_err(|error| error.to_string())?);
    let messages: u32 = scenario.producers.iter().map(|producer| producer.messages).sum();
    let command = replay_command(&args.what, &scenario, false);
    let Some(run) = guarded(&scenario, false, &command) else { return Ok(BROKEN) };
    let none = || format!("there is no message {id}: they are numbered from 0 to {}", messages.saturating_sub(1));
    let (life, mermaid) = run.explain(MessageId(id)).ok_or_else(none)?;
    print(&format!("{life}\n```mermaid\n{}\n```\n", mermaid.trim_end()));
    Ok(OK)
}
