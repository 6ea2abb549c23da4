//! What the applications of a swarm do beyond their clients: senders that look after their messages, handlers over Redis and a database, the
//! faults of both, and crashes at points of the work. Drawn from a stream of their own, and after everything else: what else a seed means
//! does not depend on them.

use super::draw::{Cast, Draw};
use std::fmt::Write;

/// All faults have healed by then, milliseconds.
const HEALED: u64 = 40_000;

/// A process that can be crashed at points of its work: its name, and its steps.
type Worker = (String, Vec<&'static str>);

/// What the applications of a seed do.
pub struct Application {
    draw: Draw,
    /// Half of the seeds leave their applications as they are.
    at_work: bool,
    workers: Vec<Worker>,
    /// Groups whose handler asks Redis, and such as ask the database.
    ask_redis: Vec<String>,
    ask_database: Vec<String>,
}

impl Application {
    pub fn new(mut draw: Draw) -> Application {
        let at_work = draw.chance(500);
        Application { draw, at_work, workers: Vec::new(), ask_redis: Vec::new(), ask_database: Vec::new() }
    }

    /// Another way of sending for the producer whose text begins there. `is_impatient`: its client may give messages up before their turn.
    pub fn sender(&mut self, out: &mut String, from: usize, name: &str, (bytes, is_impatient): (u64, bool)) {
        if !self.at_work {
            return;
        }
        let draw = &mut self.draw;
        let mode = draw.one(&["as it is", "sync-retry", "async-table", "outbox", "outbox"]);
        if mode == "as it is" {
            let waits = !out[from..].contains("fire-and-forget");
            self.workers.push((name.to_owned(), if waits { vec!["send", "result"] } else { vec!["send"] }));
            return;
        }
        replace_value(out, from, "send = ", &format!("\"{mode}\""));
        if mode == "sync-retry" {
            // One that waits for each message must come to an end before the run does.
            replace_value(out, from, "messages = ", &draw.between(20, 60).to_string());
            let (attempts, timeout) = (draw.between(2, 4), draw.one(&[800, 3_000]));
            let _ = writeln!(out, "resend = {{ attempts = {attempts}, timeout = \"{timeout}ms\", backoff = \"100ms\" }}");
            self.workers.push((name.to_owned(), vec!["send", "result"]));
            return;
        }
        // What no broker takes would be sent for ever. So would be what waits in line until its client gives it up, and in line again.
        let may_be_refused = bytes > 100 || out.contains("compact");
        let has_end = may_be_refused || draw.chance(400) || is_impatient;
        let limit = if has_end { format!("attempts = {}, ", draw.between(2, 8)) } else { String::new() };
        let _ = writeln!(out, "resend = {{ {limit}every = \"{}ms\" }}", draw.one(&[100, 1_000, 4_000]));
        self.workers.push((name.to_owned(), vec!["row", "send", "result", "mark"]));
    }

    /// Another handler for the group whose text begins there.
    pub fn handler(&mut self, out: &mut String, from: usize, name: &str, by_hand: bool) {
        if !self.at_work || self.draw.chance(150) {
            return;
        }
        let patterns: [&'static [&'static str]; 11] = [
            &["setnx", "parse", "business", "effect", "ack"],
            &["setnx", "parse", "business", "begin", "insert", "effect", "commit", "ack"],
            &["setnx", "parse", "business", "begin", "insert", "effect", "commit", "ack"],
            &["parse", "business", "insert", "effect", "ack"],
            &["lease", "parse", "business", "effect", "done", "ack"],
            &["parse", "business", "begin", "insert", "effect", "commit", "ack"],
            &["parse", "business", "begin", "insert", "effect", "commit", "ack"],
            &["get", "business", "effect", "set", "ack"],
            &["business", "effect", "insert", "ack"],
            &["business", "effect", "ack"],
            &["ack", "business", "effect"],
        ];
        let drawn = self.draw.one(&patterns);
        let steps = if drawn[0] == "ack" && !by_hand { patterns[9] } else { drawn };
        let has = |step: &str| steps.contains(&step);
        let (redis, database) = (has("setnx") || has("lease") || has("get"), has("insert"));
        let draw = &mut self.draw;
        let quoted: Vec<String> = steps.iter().map(|step| format!("\"{step}\"")).collect();
        let mut text = format!("steps = [{}], time = \"{}us\"", quoted.join(", "), draw.between(1, 2_000));
        let retry = draw.one(&[20, 200, 1_000]);
        let _ = write!(text, ", retry-after = \"{retry}ms\"");
        if redis {
            let _ = write!(
                text,
                ", key = \"{}\", ttl = \"{}\", without-redis = \"{}\", redis-timeout = \"{}ms\"",
                draw.one(&["topic-partition-offset", "topic-partition-offset", "message-id", "business-key"]),
                draw.one(&["72h", "72h", "2s", "300ms"]),
                draw.one(&["fail", "go-on"]),
                draw.one(&[200, 1_000]),
            );
        }
        if has("lease") {
            let _ = write!(text, ", lease = \"{}ms\"", draw.one(&[5, 1_000, 10_000]));
        }
        if database {
            let unique = draw.one(&["topic-partition-offset", "message-id", "message-id", "message-id", "business-key"]);
            let _ = write!(text, ", unique = \"{unique}\", database-timeout = \"{}ms\"", draw.one(&[300, 2_000]));
        }
        let gives_up = draw.chance(300) && steps[0] != "ack";
        if gives_up {
            let _ = write!(text, ", attempts = {}", draw.between(2, 4));
        }
        if has("parse") && gives_up && draw.chance(500) {
            let _ = write!(text, ", poison = {}", draw.between(20, 60));
        }
        if draw.chance(250) {
            let _ = write!(text, ", fails = \"1 of {}\"", draw.between(5, 40));
        }
        if by_hand && steps[0] != "ack" && draw.chance(300) {
            text += draw.one(&[", commit = \"async\"", ", commit-when = \"each-record\"", ", commit-on-revoke = false"]);
        }
        let end = from + out[from..].find("\nconfig").expect("a group has its handler before its config");
        let start = from + out[from..end].find("handler = ").expect("a group has a handler");
        out.replace_range(start..end, &format!("handler = {{ {text} }}"));
        self.workers.push((name.to_owned(), steps.to_vec()));
        self.ask_redis.extend(redis.then(|| name.to_owned()));
        self.ask_database.extend(database.then(|| name.to_owned()));
    }

    /// Redis, the database, and what goes wrong with them and with those who ask them.
    pub fn faults(mut self, out: &mut String, cast: &Cast) {
        if !self.at_work {
            return;
        }
        self.stores(out);
        for _ in 0..self.draw.between(0, 3) {
            let servers = [("redis", self.ask_redis.clone()), ("database", self.ask_database.clone())];
            let asked: Vec<(&str, Vec<String>)> = servers.into_iter().filter(|(_, by)| !by.is_empty()).collect();
            if asked.is_empty() {
                break;
            }
            let (server, by) = &asked[self.draw.between(0, asked.len() as u64 - 1) as usize];
            let group = &by[self.draw.between(0, by.len() as u64 - 1) as usize];
            let members = cast.groups.iter().find(|(name, _)| name == group).map_or(1, |(_, members)| *members);
            let member = self.draw.between(1, members);
            self.store_fault(out, server, &format!("member {member} of {group}"));
        }
        for _ in 0..self.draw.between(0, 4) {
            self.crash_at_step(out);
        }
    }

    fn stores(&mut self, out: &mut String) {
        let draw = &mut self.draw;
        if !self.ask_redis.is_empty() {
            let _ = writeln!(out, "[redis]\nlatency = \"{}us\"", draw.one(&[50, 300]));
            let _ = writeln!(out, "persistence = \"{}\"", draw.one(&["none", "none", "everysec", "always"]));
            if draw.chance(300) {
                let (lag, after) = (draw.one(&[1, 100, 2_000]), draw.one(&[500, 3_000]));
                let _ = writeln!(out, "replica-lag = \"{lag}ms\"\nfailover-after = \"{after}ms\"");
            }
            if draw.chance(200) {
                let _ = writeln!(out, "max-keys = {}", draw.between(2, 40));
            }
        }
        if !self.ask_database.is_empty() {
            let _ = writeln!(out, "[database]\nlatency = \"{}us\"", draw.one(&[50, 500]));
            let _ = writeln!(out, "deadlocks-per-mille = {}", draw.one(&[0, 0, 20, 300]));
        }
    }

    /// One of a store, or of a member's way to it.
    fn store_fault(&mut self, out: &mut String, server: &str, member: &str) {
        let draw = &mut self.draw;
        let at = draw.between(1_000, 30_000);
        let longest = draw.one(&[300, 3_000, 10_000]);
        let end = draw.between(at + 50, HEALED.min(at + longest));
        let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"");
        let _ = match draw.between(0, 7) {
            0..=2 => writeln!(out, "crash = \"{server}\"\nrestart = \"{end}ms\""),
            3 => writeln!(out, "pause = \"{server}\"\nuntil = \"{end}ms\""),
            4 => writeln!(out, "cut = \"{server} -> {member}\"\nuntil = \"{end}ms\""),
            5 => writeln!(out, "cut = \"{member} <-> {server}\"\nuntil = \"{end}ms\""),
            6 => writeln!(out, "break = \"{member} <-> {server}\""),
            _ => {
                writeln!(out, "slow = \"{server} -> {member}\"\nlatency = \"{}ms\"\nuntil = \"{end}ms\"", draw.between(1, 1_000))
            }
        };
    }

    /// A process ends in the middle of its work.
    fn crash_at_step(&mut self, out: &mut String) {
        if self.workers.is_empty() {
            return;
        }
        let draw = &mut self.draw;
        let (name, steps) = &self.workers[draw.between(0, self.workers.len() as u64 - 1) as usize];
        let (side, step) = (draw.one(&["before", "after"]), draw.one(steps));
        let at = draw.one(&[0, 2_000, 8_000, 20_000]);
        let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"\ncrash-at-step = \"{side} {step} of {name}\"");
        if draw.chance(500) {
            let _ = writeln!(out, "message = {}", draw.between(0, 80));
        }
        let _ = writeln!(out, "restart-after = \"{}ms\"", draw.one(&[100, 1_000, 5_000]));
    }
}

/// Another value for a key that has a line to itself.
fn replace_value(out: &mut String, from: usize, key: &str, value: &str) {
    let start = from + out[from..].find(key).expect("the key is there") + key.len();
    let end = start + out[start..].find('\n').expect("it has a line");
    out.replace_range(start..end, value);
}
