//! Stands in for the simulation until it is here: the same names, and runs in which nothing happens.
#![allow(missing_docs)]

pub mod history {
    use sim_core::scenario::Scenario;
    use sim_core::time::SimTime;
    use sim_core::trace::{Digest, TraceEvent, TraceId, What};
    use std::sync::Arc;

    pub struct History {
        pub scenario: Arc<Scenario>,
        trace: Vec<TraceEvent>,
    }

    impl History {
        pub fn new(scenario: Arc<Scenario>) -> History {
            let seed = scenario.seed;
            History { scenario, trace: vec![TraceEvent { at: SimTime(0), cause: TraceId(0), what: What::RunStarted { seed } }] }
        }
        pub fn new_checked(scenario: Arc<Scenario>) -> History {
            History::new(scenario)
        }
        pub fn advance(&mut self, _max_events: u64) -> bool {
            true
        }
        pub fn trace(&self) -> &[TraceEvent] {
            &self.trace
        }
        pub fn digest_hex(&self) -> String {
            let mut digest = Digest::new();
            self.trace.iter().for_each(|event| digest.update(event));
            digest.hex()
        }
        pub fn marks(&self) -> Vec<(u64, String)> {
            vec![(1, self.digest_hex())]
        }
    }
}

pub mod summary {
    use super::history::History;
    use serde_json::{Map, Value, json};

    #[derive(serde::Serialize)]
    #[serde(transparent)]
    pub struct Summary(Value);

    impl Summary {
        pub fn of(history: &History) -> Summary {
            let s = &history.scenario;
            let zero = json!({"ok":0,"lost":0,"duplicated":0,"phantom":0,"rejected":0,"pending":0,"absorbed":0,"reordered":0,"max_lag":0});
            let groups: Map<String, Value> = s.groups.iter().map(|g| (g.name.clone(), zero.clone())).collect();
            Summary(json!({
                "schema": "brokerscope.summary/1", "scenario": s.name, "seed": s.seed, "digest": history.digest_hex(),
                "events": history.trace().len(), "virtual_us": s.duration.0,
                "messages": {"intended":0,"acked":0,"rejected":0,"unknown":0}, "groups": groups,
                "broker": {"lost_acked":0,"extra_copies":0,"elections":0,"unclean_elections":0,"isr_shrinks":0,"isr_expands":0},
                "mechanisms": {}, "latency_us": {"produce_p50":0,"produce_p99":0,"end_to_end_p50":0,"end_to_end_p99":0},
                "violations": [], "expectations": []
            }))
        }
    }
}

pub mod explain {
    use super::history::History;
    use sim_core::ids::{GroupId, MessageId};
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
        pub verdicts: Vec<(GroupId, Verdict)>,
        pub mechanism: Option<&'static Mechanism>,
        pub lines: Vec<Line>,
    }
    impl Life {
        pub fn mermaid(&self) -> String {
            "sequenceDiagram\n".to_owned()
        }
    }
    pub fn message(history: &History, id: MessageId) -> Option<Life> {
        let messages: u32 = history.scenario.producers.iter().map(|p| p.messages).sum();
        (id.0 < messages).then(|| Life { verdicts: Vec::new(), mechanism: None, lines: Vec::new() })
    }
    pub fn losses(_history: &History) -> Vec<(&'static Mechanism, u32, String)> {
        Vec::new()
    }
}
