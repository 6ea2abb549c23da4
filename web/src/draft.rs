//! The settings that a person is choosing, before they are applied: Kafka's properties by name, the seed, pasted `.properties` files.

use crate::sim::{Facts, Given, Scope, overrides_from_properties, section};
use crate::start::Start;

/// What is to differ from the shown run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Settings by path, in the order in which they were chosen.
    pub set: Vec<(String, String)>,
    /// The seed's field, once it was touched.
    pub seed: Option<String>,
}

/// The value of a property in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// Kafka's default.
    Default,
    /// Set, and the same for all.
    Set(String),
    /// Set, and not the same for all: by owner.
    Various(Vec<(String, String)>),
}

/// The path of a property that is set for all of its scope.
pub fn path(scope: Scope, property: &str) -> String {
    format!("{}.config.{property}", section(scope))
}

/// What a run has for a property.
pub fn present(given: &[Given], scope: Scope, property: &str) -> Present {
    let mine: Vec<&Given> = given.iter().filter(|g| g.scope == scope && g.property == property).collect();
    match mine.as_slice() {
        [] => Present::Default,
        [first, rest @ ..] if rest.iter().all(|g| g.value == first.value) => Present::Set(first.value.clone()),
        several => Present::Various(several.iter().map(|g| (g.owner.clone(), g.value.clone())).collect()),
    }
}

impl Draft {
    /// The value that was chosen for a property.
    pub fn chosen(&self, scope: Scope, property: &str) -> Option<&str> {
        let path = path(scope, property);
        self.set.iter().find(|(p, _)| *p == path).map(|(_, value)| value.as_str())
    }

    /// Chooses a value for a property; none: what the run has.
    #[must_use]
    pub fn with(mut self, scope: Scope, property: &str, value: Option<String>) -> Draft {
        let path = path(scope, property);
        self.set.retain(|(p, _)| *p != path);
        self.set.extend(value.map(|value| (path, value)));
        self
    }

    /// Takes in a `.properties` file. Names without an effect are noted when the run begins, as for the command line.
    ///
    /// # Errors
    /// A sentence: the line, and what is wrong there.
    pub fn with_file(mut self, scope: Scope, text: &str) -> Result<Draft, String> {
        for set in overrides_from_properties(scope, text).map_err(|e| e.to_string())? {
            self.set.retain(|(path, _)| *path != set.path);
            self.set.push((set.path, set.value));
        }
        Ok(self)
    }

    /// The run that is asked for; none when the seed is not a number.
    pub fn wanted(&self, start: &Start, facts: &Facts) -> Option<Start> {
        let mut wanted = start.anew();
        if let Some(seed) = &self.seed {
            let seed: u64 = seed.trim().parse().ok()?;
            wanted.seed = (start.seed.is_some() || seed != facts.seed).then_some(seed);
        }
        for (path, value) in &self.set {
            // What is set last counts: it goes to the end, behind what is set for one owner only.
            wanted.set.retain(|(p, _)| p != path);
            wanted.set.push((path.clone(), value.clone()));
        }
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim;

    fn run() -> (Start, Facts) {
        let start = Start::of("payments-acks-1");
        let (_, facts) = sim::plan(&start).unwrap();
        (start, facts)
    }

    #[test]
    fn what_was_not_touched_stays() {
        let (start, facts) = run();
        assert_eq!(Draft::default().wanted(&start, &facts), Some(start.clone()));
        let same = Draft { seed: Some(facts.seed.to_string()), ..Draft::default() };
        assert_eq!(same.wanted(&start, &facts), Some(start.clone()));
        let bad = Draft { seed: Some("x".into()), ..Draft::default() };
        assert_eq!(bad.wanted(&start, &facts), None);
    }

    #[test]
    fn a_setting_that_is_set_again_stands_once() {
        let (mut start, facts) = run();
        start.set = vec![("producer.config.acks".into(), "0".into())];
        let draft = Draft { seed: Some("8".into()), ..Draft::default() };
        let draft = draft.with(Scope::Producer, "acks", Some("1".into())).with(Scope::Producer, "acks", Some("all".into()));
        assert_eq!(draft.chosen(Scope::Producer, "acks"), Some("all"));
        let wanted = draft.clone().wanted(&start, &facts).unwrap();
        assert_eq!(wanted.set, [("producer.config.acks".to_string(), "all".to_string())]);
        assert_eq!(wanted.seed, Some(8));
        assert_eq!(draft.with(Scope::Producer, "acks", None).set, []);
    }

    #[test]
    fn the_run_says_what_it_has() {
        let (_, facts) = run();
        assert_eq!(present(&facts.given, Scope::Producer, "acks"), Present::Set("1".into()));
        assert_eq!(present(&facts.given, Scope::Producer, "linger.ms"), Present::Default);
        let given = |owner: &str, value: &str| Given {
            scope: Scope::Topic,
            owner: owner.into(),
            property: "min.insync.replicas".into(),
            value: value.into(),
        };
        let various = present(&[given("a", "1"), given("b", "2")], Scope::Topic, "min.insync.replicas");
        assert_eq!(various, Present::Various(vec![("a".into(), "1".into()), ("b".into(), "2".into())]));
    }

    #[test]
    fn a_pasted_file_is_applied_as_the_command_line_applies_it() {
        let (start, facts) = run();
        let text = "# ours\nacks=all\nlinger.ms = 20\nbootstrap.servers=a:9092\n";
        let draft = Draft::default().with_file(Scope::Producer, text).unwrap();
        let wanted = draft.wanted(&start, &facts).unwrap();
        let (scenario, _) = sim::plan(&wanted).unwrap();
        assert_eq!(present(&scenario.given, Scope::Producer, "acks"), Present::Set("all".into()));
        assert_eq!(scenario.not_modelled.len(), 1);
        let bad = Draft::default().with_file(Scope::Producer, "acks=all\nx=\\u12");
        assert!(bad.unwrap_err().starts_with("line 2"));
    }
}
