//! `crash-points`: the matrix as text and as JSON.

use serde_json::{Value, json};
use sim_core::crash_points::{Matrix, Point, RESTART_AFTER};
use sim_core::scenario::Scenario;
use sim_core::words::verdict_name;

/// For people: one table a group.
pub fn text(matrices: &[Matrix]) -> String {
    let mut out = String::new();
    for Matrix { name, message, points, .. } in matrices {
        out += &format!("{name}: the process crashes at its work on {message}, and starts again {RESTART_AFTER} later\n\n");
        let cells: Vec<(String, String)> =
            points.iter().map(|p| (format!("{} {}", if p.after { "after" } else { "before" }, p.step), fate(p))).collect();
        let wide = cells.iter().map(|(point, _)| point.len()).max().unwrap_or(0);
        for (point, fate) in &cells {
            out += &format!("  {point:wide$}  {fate}\n");
        }
        let harmful = points.iter().filter(|p| p.mechanism.is_some()).count();
        out += &match harmful {
            0 => format!("\n  {name} survives a crash at every point\n\n"),
            1 => "\n  1 point does harm\n\n".to_owned(),
            n => format!("\n  {n} points do harm\n\n"),
        };
    }
    out
}

fn fate(point: &Point) -> String {
    if !point.reached {
        return "not reached".to_owned();
    }
    let verdict = verdict_name(point.verdict);
    point.mechanism.map_or_else(|| verdict.to_owned(), |m| format!("{verdict:10}  {}: {}", m.id, m.name))
}

/// For programs.
pub fn json(scenario: &Scenario, matrices: &[Matrix]) -> Value {
    let point = |p: &Point| {
        json!({
            "step": p.step,
            "side": if p.after { "after" } else { "before" },
            "reached": p.reached,
            "verdict": p.verdict,
            "mechanism": p.mechanism.map(|m| m.id),
            "lost": p.lost,
            "duplicated": p.duplicated,
            "absorbed": p.absorbed,
        })
    };
    let process = |m: &Matrix| json!({ "process": m.name, "sends": m.sends, "message": m.message, "points": m.points.iter().map(point).collect::<Vec<_>>() });
    json!({
        "schema": "brokerscope.crash-points/1",
        "scenario": scenario.name,
        "seed": scenario.seed,
        "processes": matrices.iter().map(process).collect::<Vec<_>>(),
    })
}
