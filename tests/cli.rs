//! The command line from outside: what it prints, and how it exits.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn brokerscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brokerscope"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program was just built")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file of its own for a test.
fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Bad input: exit code 2, a message, and nothing else.
#[track_caller]
fn refused(args: &[&str], said: &str) {
    let output = brokerscope(args);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let message = stderr(&output);
    assert!(message.contains(said), "{message}");
    assert!(!message.contains("panicked") && !message.contains("RUST_BACKTRACE"), "{message}");
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_library_is_listed() {
    let output = brokerscope(&["scenarios"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("payments-acks-1 ") && text.contains("[LOSS-B1, S-1, S-2]"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&stdout(&brokerscope(&["scenarios", "--format", "json"]))).unwrap();
    assert_eq!(json.as_array().unwrap().len(), text.lines().count());
}

#[test]
fn help_has_examples_and_exit_codes() {
    let output = brokerscope(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("Examples:") && text.contains("Exit codes:"), "{text}");
}

#[test]
fn bad_input_is_refused_with_a_way_to_mend_it() {
    refused(&[], "Usage");
    refused(&["walk"], "unrecognized subcommand");
    refused(&["run", "payment-acks-1"], "did you mean `payments-acks-1`?");
    refused(&["run", "no/such.toml"], "no/such.toml: No such file");
    refused(&["run", "tests"], "there is no scenario `tests`");
    refused(&["run", "order-events", "--seed", "x"], "invalid value 'x'");
    refused(&["run", "order-events", "--set", "acks"], "`acks` is not `path=value`");
    refused(&["run", "order-events", "--set", "producer.config.acks=2"], "set producer.config.acks=2: Kafka refuses this");
    refused(&["run", "order-events", "--set", "producr.config.acks=1"], "did you mean `producer.config.acks`?");
    refused(&["run", "order-events", "--producer-config", "nowhere.properties"], "nowhere.properties: No such file");
    refused(&["explain", "order-events", "--message", "first"], "`first` is not a message");
    refused(&["replay", "Cargo.toml"], "Cargo.toml: this is not a replay file");
}

#[test]
fn a_bad_file_is_refused_with_its_place() {
    let path = scratch("bad.toml");
    fs::write(&path, "format = 1\ntitle = \"t\"\nduration = \"1s\"\n\n[cluster]\nbrokerz = 3\n").unwrap();
    let path = path.to_str().unwrap();
    refused(&["run", path], &format!("{path}:6:1: [cluster] has no key `brokerz`\n  help: did you mean `brokers`?"));
    let binary = scratch("binary.toml");
    fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    refused(&["run", binary.to_str().unwrap()], "the file is not UTF-8 text");
    let large = scratch("large.toml");
    fs::write(&large, "#".repeat(300_000)).unwrap();
    refused(&["run", large.to_str().unwrap()], "are the most that is read");
}

#[test]
fn every_file_of_kafkas_config_folder_goes_through() {
    let file = |name: &str| format!("tests/kafka-config/{name}");
    for (flag, name, noted) in [
        ("--producer-config", "producer.properties", "bootstrap.servers"),
        ("--consumer-config", "consumer.properties", "connections.max.idle.ms"),
        ("--broker-config", "server.properties", "process.roles"),
        ("--broker-config", "broker.properties", "log.dirs"),
        ("--broker-config", "controller.properties", "controller.listener.names"),
    ] {
        let output = brokerscope(&["run", "order-events", "--set", "duration=1s", flag, &file(name)]);
        assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains("Not modelled"), "{name}:\n{text}");
        assert_eq!(text.matches(noted).count(), 1, "{name}:\n{text}");
        assert!(!text.contains("not a Kafka property"), "{name}:\n{text}");
    }
}

#[test]
fn json_is_the_same_bytes_each_time() {
    let args = ["run", "order-events", "--set", "duration=5s", "--format", "json", "--seed", "3"];
    let (one, two) = (brokerscope(&args), brokerscope(&args));
    assert_eq!(stdout(&one), stdout(&two));
    let json: serde_json::Value = serde_json::from_str(&stdout(&one)).unwrap();
    assert_eq!(json["schema"], "brokerscope.summary/1");
    assert_eq!(json["seed"], 3);
    assert_eq!(json["groups"].as_object().unwrap().len(), 2);
}

#[test]
fn a_trace_has_one_event_a_line() {
    let path = scratch("trace.jsonl");
    let output =
        brokerscope(&["run", "order-events", "--set", "duration=2s", "--trace", path.to_str().unwrap(), "--format", "json"]);
    assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count() as u64, json["events"].as_u64().unwrap());
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["at"].is_u64() && event["event"].is_string(), "{line}");
    }
}

#[test]
fn a_replay_is_compared_with_what_it_recorded() {
    let path = scratch("run.json");
    let path = path.to_str().unwrap();
    let output = brokerscope(&["run", "order-events", "--set", "duration=2s", "--seed", "5", "--save-replay", path]);
    assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
    let same = brokerscope(&["replay", path]);
    assert_eq!(same.status.code(), Some(0), "{}{}", stdout(&same), stderr(&same));
    assert!(stdout(&same).starts_with("the same run: order-events, seed 5"));

    let other = scratch("other.json");
    fs::write(&other, fs::read_to_string(path).unwrap().replace("\"seed\": 5", "\"seed\": 6")).unwrap();
    let differs = brokerscope(&["replay", other.to_str().unwrap()]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(stdout(&differs).contains("the first difference lies between event"), "{}", stdout(&differs));
}

/// A rule of before 0.11 breaks an invariant: which, when, after which event, what is wrong, and the command that shows it again.
#[test]
fn a_broken_invariant_is_told_with_its_replay() {
    let path = scratch("kip 101.toml");
    let body =
        crate::history::tr4().replace("[cluster]", "[cluster]\nlatency = \"1ms\"\nrules = { truncation = \"high-watermark\" }");
    fs::write(&path, format!("format = 1\ntitle = \"KIP-101\"\n{body}")).unwrap();
    let path = path.to_str().unwrap();
    let args = ["run", path, "--seed", "5", "--set", "duration=50s", "--check"];
    let output = brokerscope(&args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = "INV-28 at 3.341501 s, event 411: t-0: broker 2 may be elected and cuts its log to 1, committed is 2";
    let again = format!("run it again: cargo run --release -- run '{path}' --seed 5 --set duration=50s --check");
    assert!(stdout(&output).contains(&format!("Broken invariants: 1; the first:\n  {said}\n")), "{}", stdout(&output));
    assert!(stderr(&output).contains(&format!("failed with seed 5: {said}\n{again}\n")), "{}", stderr(&output));
    let json = brokerscope(&[&args[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["violations"][0]["invariant"], "INV-28");
}

#[test]
fn a_message_has_a_life() {
    let output = brokerscope(&["explain", "order-events", "--message", "m0", "--set", "duration=5s"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("```mermaid\nsequenceDiagram"));
    refused(&["explain", "order-events", "--message", "3000"], "they are numbered from 0 to 2999");
}

/// The picture of an instant is that of the page, and the same every time.
#[test]
fn a_picture_shows_its_instant() {
    let args = ["picture", "payments-acks-1", "--at", "12.1s", "--message", "m9100"];
    let picture = |more: &[&str]| stdout(&brokerscope(&[&args[..], more].concat()));
    let svg = picture(&[]);
    assert!(svg.starts_with("<svg xmlns") && svg.trim_end().ends_with("</svg>"), "{}", &svg[..200]);
    assert!(svg.contains("at 12.100 s</title>") && svg.contains(">CRASHED</text>"), "broker 1 is down");
    assert_eq!(svg, picture(&[]));
    assert_ne!(svg, picture(&["--theme", "dark"]));
    assert!(picture(&["--size", "1600x900"]).contains("width=\"1600\" height=\"900\""));
    let file = scratch("crash.svg");
    assert_eq!(picture(&["--out", file.to_str().unwrap()]), "");
    assert_eq!(fs::read_to_string(file).unwrap(), svg);
}

/// A run over time: the bar with its epochs, and each chart, the same every time.
#[test]
fn charts_show_a_run_over_time() {
    let charts = |more: &[&str]| stdout(&brokerscope(&[&["charts", "min-isr"], more].concat()));
    let svg = charts(&[]);
    assert!(svg.starts_with("<svg xmlns") && svg.trim_end().ends_with("</svg>"), "{}", &svg[..200]);
    for text in
        ["broker 1 · epoch 0", "Throughput", "Produce latency", "End-to-end latency", "Consumer lag", "ISR size", "Partitions"]
    {
        assert!(svg.contains(&format!(">{text}</text>")), "{text}");
    }
    assert!(svg.contains("class=\"under-min-isr\"") && svg.contains("class=\"chart\""), "two brokers of three were down");
    assert_eq!(svg, charts(&[]));
    assert_ne!(svg, charts(&["--theme", "dark"]));
    let narrow = charts(&["--size", "390x800"]);
    assert!(narrow.contains("width=\"390\" height=\"800\""));
    let (other, compared) = (["--set", "producer.config.acks=1"], ["--set", "producer.config.acks=1", "--compare"]);
    let lines = |svg: &str| svg.matches("<polyline class=\"chart\"").count();
    assert!(lines(&charts(&compared)) > lines(&charts(&other)), "the scenario as it is stands behind");
    refused(&["charts", "min-isr", "--size", "390x400"], "--size: at this width the charts need a height of 472 or more");
    // Nobody reads here: no lag, and nothing from end to end.
    assert!(!stdout(&brokerscope(&["charts", "acks-throughput"])).contains("Consumer lag"));
}

#[test]
fn a_picture_of_nothing_is_refused() {
    let refused = |more: &[&str], said: &str| refused(&[&["picture", "payments-acks-1"], more].concat(), said);
    refused(&[], "--at");
    refused(&["--at", "soon"], "--at: `soon`");
    refused(&["--at", "2h"], "the run ends at 60.000 s");
    refused(&["--at", "1s", "--size", "9x9"], "--size: `9x9` is not a size");
    refused(&["--at", "1s", "--message", "19999"], "there is no message 19999 by then");
    refused(&["--at", "1s", "--out", "no-such-folder/a.svg"], "no-such-folder/a.svg");
}
