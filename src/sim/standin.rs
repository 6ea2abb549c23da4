//! Stands in for the simulation until it is here: the same names, and runs in which nothing happens.
#![allow(missing_docs)]

pub use sim_core::history;

pub mod summary {
    use serde_json::{Map, Value, json};
    use sim_core::history::History;
    use sim_core::scenario::Comparison;

    #[derive(serde::Serialize)]
    #[serde(transparent)]
    pub struct Summary(Value);

    impl Summary {
        pub fn of(history: &History) -> Summary {
            let s = history.scenario();
            let world = history.last_world();
            let t = world.tally();
            let l = world.ledger();
            let groups: Map<String, Value> = t
                .groups
                .iter()
                .map(|g| {
                    let figures = json!({"ok":g.ok,"lost":g.lost,"duplicated":g.duplicated,"phantom":g.phantom,"rejected":g.rejected,"pending":g.pending,"absorbed":0,"reordered":g.reordered,"max_lag":g.max_lag});
                    (g.name.clone(), figures)
                })
                .collect();
            let mut summary = json!({
                "schema": "brokerscope.summary/1", "scenario": s.name, "seed": s.seed, "digest": history.digest_hex(),
                "events": history.trace().len(), "virtual_us": history.end().0,
                "messages": {"intended":t.intended,"acked":t.acked,"rejected":t.rejected,"unknown":t.unknown}, "groups": groups,
                "broker": {"lost_acked":t.lost_acked,"extra_copies":t.extra_copies,"elections":l.elections,"unclean_elections":l.unclean_elections,"isr_shrinks":l.isr_shrinks,"isr_expands":l.isr_expands},
                "mechanisms": {}, "latency_us": {"produce_p50":0,"produce_p99":0,"end_to_end_p50":0,"end_to_end_p99":0},
                "violations": history.violations().iter().map(|v| json!({"invariant": v.invariant, "at_us": v.at_us, "event": v.event, "text": v.text})).collect::<Vec<_>>(),
            });
            let results: Vec<Value> = s
                .expect
                .iter()
                .map(|e| {
                    let is = figure(&summary, &e.figure);
                    json!({"figure": e.figure, "is": is, "holds": is.is_some_and(|n| holds(e.must_be, n))})
                })
                .collect();
            summary["expectations"] = Value::Array(results);
            Summary(summary)
        }
    }

    fn figure(summary: &Value, path: &str) -> Option<u64> {
        let groups = summary["groups"].as_object()?;
        if !path.contains('.') && summary[path].is_null() {
            return Some(groups.values().map(|g| g[path].as_u64().unwrap_or(0)).sum());
        }
        if let Some((name, figure)) = path.rsplit_once('.') {
            let name = name.strip_prefix("groups.").unwrap_or(name);
            if let Some(group) = groups.get(name) {
                return group[figure].as_u64();
            }
            if name == "mechanisms" {
                return Some(summary[name][figure].as_u64().unwrap_or(0));
            }
            return summary[name][figure].as_u64();
        }
        summary[path].as_u64()
    }

    fn holds(must_be: Comparison, n: u64) -> bool {
        match must_be {
            Comparison::Eq(m) => n == m,
            Comparison::Ne(m) => n != m,
            Comparison::Lt(m) => n < m,
            Comparison::Le(m) => n <= m,
            Comparison::Gt(m) => n > m,
            Comparison::Ge(m) => n >= m,
            Comparison::Between(low, high) => (low..=high).contains(&n),
        }
    }
}

pub mod explain {
    use sim_core::history::History;
    use sim_core::ids::MessageId;
    use sim_core::time::SimTime;
    use sim_core::trace::Verdict;

    pub struct Mechanism {
        pub id: &'static str,
        pub name: &'static str,
        pub sentence: &'static str,
        pub fix: &'static str,
    }
    pub struct Line {
        pub at: SimTime,
        pub text: String,
    }
    pub struct Life {
        pub verdicts: Vec<(String, Verdict)>,
        pub mechanism: Option<&'static Mechanism>,
        pub lines: Vec<Line>,
    }
    impl Life {
        pub fn mermaid(&self) -> String {
            "sequenceDiagram\n".to_owned()
        }
    }
    pub fn message(history: &History, id: MessageId) -> Option<Life> {
        let messages: u32 = history.scenario().producers.iter().map(|p| p.messages).sum();
        (id.0 < messages).then(|| Life { verdicts: Vec::new(), mechanism: None, lines: Vec::new() })
    }
    pub fn losses(_history: &History) -> Vec<(&'static Mechanism, u32, String)> {
        Vec::new()
    }
}
