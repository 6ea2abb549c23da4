//! What goes wrong in a run of the swarm, and when it is over.

use super::draw::{Cast, Draw};
use std::fmt::Write;

/// All faults have healed by then, milliseconds.
const HEALED: u64 = 40_000;

/// A partition's leader or followers, a broker, or a client.
fn node(draw: &mut Draw, cast: &Cast) -> String {
    let (topic, partitions) = &cast.topics[draw.between(0, cast.topics.len() as u64 - 1) as usize];
    let partition = draw.between(0, partitions - 1);
    match draw.between(0, 7) {
        0..=2 => format!("leader of {topic}-{partition}"),
        3 => format!("followers of {topic}-{partition}"),
        4 => format!("producer p{}", draw.between(0, cast.producers - 1)),
        5 if !cast.groups.is_empty() => {
            let (group, members) = &cast.groups[0];
            format!("member {} of {group}", draw.between(1, *members))
        }
        _ => format!("broker {}", draw.between(1, cast.brokers)),
    }
}

/// The end of a link: also many nodes at once.
fn link_end(draw: &mut Draw, cast: &Cast) -> String {
    match draw.between(0, 5) {
        0 => draw.one(&["controllers", "active controller", "controller 1", "controller 1"]).to_owned(),
        1 => "brokers".to_owned(),
        2 => "clients".to_owned(),
        _ => node(draw, cast),
    }
}

/// P-23: a topic gets more partitions.
pub fn growth(draw: &mut Draw, out: &mut String, cast: &Cast) {
    if draw.chance(200) {
        let (topic, partitions) = draw.one(&cast.topics.iter().collect::<Vec<_>>());
        let (at, total) = (draw.between(1_000, 40_000), partitions + draw.between(1, 3));
        let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"\nadd-partitions = \"{topic}\"\ntotal = {total}");
    }
}

/// A process stands still for a while.
pub fn pause(draw: &mut Draw, out: &mut String, cast: &Cast) {
    if draw.chance(300) {
        let who = node(draw, cast);
        let (at, longest) = (draw.between(1_000, 30_000), draw.one(&[500, 5_000, 20_000]));
        let end = draw.between(at + 100, HEALED.min(at + longest));
        let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"\npause = \"{who}\"\nuntil = \"{end}ms\"");
    }
}

/// Controllers that fail, or cannot reach each other.
pub fn controller_fault(draw: &mut Draw, out: &mut String, controllers: u64) {
    let at = draw.between(1_000, 30_000);
    let longest = draw.one(&[500, 5_000, 20_000]);
    let end = draw.between(at + 100, HEALED.min(at + longest));
    let one = |draw: &mut Draw| match draw.between(0, 2) {
        0 => format!("controller {}", draw.between(1, controllers)),
        _ => "active controller".to_owned(),
    };
    let who = one(draw);
    let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"");
    match draw.between(0, 4) {
        0 => {
            let _ = writeln!(out, "crash = \"{who}\"\nrestart = \"{end}ms\"");
        }
        1 => {
            let _ = writeln!(out, "power-cut = \"{}\"\nrestart = \"{end}ms\"", draw.one(&[who.as_str(), "controllers"]));
        }
        2 => {
            let _ = writeln!(out, "shutdown = \"{who}\"\nrestart = \"{end}ms\"");
        }
        3 => {
            let other = draw.one(&["controllers", "brokers"]);
            let _ = writeln!(out, "cut = \"{who} <-> {other}\"\nuntil = \"{end}ms\"");
        }
        _ => {
            let latency = draw.between(1, 3_000);
            let _ = writeln!(out, "slow = \"controllers -> {who}\"\nlatency = \"{latency}ms\"\nuntil = \"{end}ms\"");
        }
    }
}

/// One that heals.
pub fn fault(draw: &mut Draw, out: &mut String, cast: &Cast) {
    let at = draw.between(1_000, 30_000);
    let longest = draw.one(&[500, 5_000, 20_000]);
    let end = draw.between(at + 100, HEALED.min(at + longest));
    let _ = writeln!(out, "[[fault]]\nat = \"{at}ms\"");
    let kind =
        draw.one(&["crash", "crash", "power-cut", "power-cut", "shutdown", "cut", "cut", "break", "loss", "slow", "api", "disk"]);
    if matches!(kind, "crash" | "power-cut" | "shutdown") {
        let target = if kind == "power-cut" && draw.chance(200) { "brokers".to_owned() } else { node(draw, cast) };
        let _ = writeln!(out, "{kind} = \"{target}\"\nrestart = \"{end}ms\"");
        return;
    }
    if kind == "disk" {
        return disk_fault(draw, out, cast, end);
    }
    let (a, b) = (link_end(draw, cast), link_end(draw, cast));
    match kind {
        "cut" => {
            let arrow = draw.one(&["<->", "<->", "->"]);
            let _ = writeln!(out, "cut = \"{a} {arrow} {b}\"");
        }
        "break" => {
            let _ = writeln!(out, "break = \"{a} <-> {b}\"");
            return;
        }
        "loss" => {
            let _ = writeln!(out, "loss = \"{a} -> {b}\"\nper-mille = {}", draw.one(&[20, 200, 900]));
        }
        "slow" => {
            let _ = writeln!(out, "slow = \"{a} -> {b}\"\nlatency = \"{}ms\"", draw.between(1, 6_000));
        }
        _ => {
            let api = draw.one(&[
                "Produce",
                "ReplicaFetch",
                "Fetch",
                "OffsetCommit",
                "AlterPartition",
                "MetadataFetch",
                "BrokerHeartbeat",
            ]);
            let _ = writeln!(out, "slow = \"{a} -> {b}\"\napi = \"{api}\"\nextra = \"{}ms\"", draw.between(1, 8_000));
        }
    }
    let _ = writeln!(out, "until = \"{end}ms\"");
}

/// What happens to one broker's disk, or to the start of a log.
fn disk_fault(draw: &mut Draw, out: &mut String, cast: &Cast, end: u64) {
    let (topic, partitions) = &cast.topics[draw.between(0, cast.topics.len() as u64 - 1) as usize];
    let partition = format!("{topic}-{}", draw.between(0, partitions - 1));
    let broker = match draw.between(0, 2) {
        0 => format!("leader of {partition}"),
        _ => format!("broker {}", draw.between(1, cast.brokers)),
    };
    let _ = match draw.between(0, 3) {
        0 => writeln!(out, "wipe = \"{broker}\"\nrestart = \"{end}ms\""),
        1 => writeln!(out, "disk-failure = \"{broker}\"\nuntil = \"{end}ms\"\nrestart = \"{end}ms\""),
        2 => writeln!(out, "slow-disk = \"{broker}\"\nextra = \"{}ms\"\nuntil = \"{end}ms\"", draw.between(1, 2_000)),
        _ => writeln!(out, "delete-records = \"{partition}\"\nbefore = {}", draw.between(0, 100)),
    };
}
