//! Typed access to a TOML table, with places for errors. It is called from everywhere and in no hurry: without a copy at each call
//! (`inline(never)`) the page is smaller.

use super::error::ScenarioError;
use super::overrides::Override;
use crate::nearest::did_you_mean;
use crate::scenario::Latency;
use crate::time::{SimDuration, SimTime};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// The text that is read, and what overrides it.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    pub(super) overrides: &'a [Override],
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, overrides: &'a [Override]) -> Source<'a> {
        Source { file, text, overrides }
    }

    /// Values that an override put in have spans beyond the text: this is the one of the override at `index`.
    #[inline(never)]
    pub(super) fn override_span(&self, index: usize) -> Range<usize> {
        let start = self.text.len() + 1 + index;
        start..start
    }

    #[inline(never)]
    pub(super) fn override_at(&self, span: &Range<usize>) -> Option<&'a Override> {
        self.overrides.get(span.start.checked_sub(self.text.len() + 1)?)
    }

    #[inline(never)]
    pub(super) fn is_override(&self, span: &Range<usize>) -> bool {
        self.override_at(span).is_some()
    }

    /// An error at a place of the text, or at the override that a span stands for.
    #[inline(never)]
    pub(super) fn error(&self, at: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let message = message.into();
        if let Some(set) = self.override_at(&at) {
            return ScenarioError::without_place(set.origin(), message);
        }
        let mut start = at.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        ScenarioError::at(self.file.to_owned(), small(line), small(column), message)
    }

    /// `scenarios/min-isr.toml` is `min-isr`.
    #[inline(never)]
    pub(super) fn scenario_name(&self) -> String {
        let last = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        last.strip_suffix(".toml").unwrap_or(last).to_owned()
    }
}

/// A table with a name for messages.
pub(super) struct Table<'t, 'i> {
    pub(super) source: &'t Source<'t>,
    /// `[cluster]`, ``[[producer]] `checkout` ``; empty for the whole file.
    pub(super) what: String,
    pub(super) entries: &'t DeTable<'i>,
    pub(super) span: Range<usize>,
}

/// Strings and their places, and the place of the list.
pub(super) type Names<'t> = (Vec<(&'t str, Range<usize>)>, Range<usize>);

impl<'t, 'i> Table<'t, 'i> {
    pub(super) fn root(source: &'t Source<'t>, entries: &'t DeTable<'i>) -> Table<'t, 'i> {
        Table { source, what: String::new(), entries, span: 0..0 }
    }

    fn place(&self) -> String {
        if self.what.is_empty() { "the file".to_owned() } else { self.what.clone() }
    }

    #[inline(never)]
    pub(super) fn error(&self, at: Range<usize>, message: impl Into<String>) -> ScenarioError {
        self.source.error(at, message)
    }

    /// Refuses keys that are not in the list.
    #[inline(never)]
    pub(super) fn known(&self, keys: &[&str]) -> Result<(), ScenarioError> {
        for (key, _) in self.entries {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let help = did_you_mean(name, keys.iter().copied());
                let known = || format!("known here: {}", keys.join(", "));
                let error = self.error(key.span(), format!("{} has no key `{name}`", self.place()));
                return Err(error.help(help.unwrap_or_else(known)));
            }
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn value(&self, key: &str) -> Option<&'t Value<'i>> {
        self.entries.get(key)
    }

    #[inline(never)]
    pub(super) fn missing(&self, key: &str) -> ScenarioError {
        self.error(self.span.clone(), format!("{} needs `{key}`", self.place()))
    }

    #[inline(never)]
    pub(super) fn need(&self, key: &str) -> Result<&'t Value<'i>, ScenarioError> {
        self.value(key).ok_or_else(|| self.missing(key))
    }

    #[inline(never)]
    pub(super) fn wrong_type(&self, key: &str, value: &Value, expected: &str) -> ScenarioError {
        self.error(value.span(), format!("`{key}` must be {expected}, not {}", kind(value.get_ref())))
    }

    /// The table under a key.
    #[inline(never)]
    pub(super) fn table(&self, key: &str, what: &str) -> Result<Option<Table<'t, 'i>>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(entries) => {
                Ok(Some(Table { source: self.source, what: what.to_owned(), entries, span: value.span() }))
            }
            _ => Err(self.wrong_type(key, value, "a table")),
        }
    }

    #[inline(never)]
    pub(super) fn need_table(&self, key: &str, what: &str) -> Result<Table<'t, 'i>, ScenarioError> {
        self.table(key, what)?.ok_or_else(|| self.missing(key).help(format!("add {what}")))
    }

    /// The tables of an array of tables; none if the key is absent.
    #[inline(never)]
    pub(super) fn tables(&self, key: &str, at_most: usize) -> Result<Vec<Table<'t, 'i>>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let expected = format!("a list of tables, each under [[{key}]]");
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.wrong_type(key, value, &expected));
        };
        if list.len() > at_most {
            return Err(self.error(value.span(), format!("there can be at most {at_most} [[{key}]]")));
        }
        let mut tables = Vec::with_capacity(list.len());
        for item in list.iter() {
            let DeValue::Table(entries) = item.get_ref() else {
                return Err(self.wrong_type(key, item, &expected));
            };
            tables.push(Table { source: self.source, what: format!("[[{key}]]"), entries, span: item.span() });
        }
        Ok(tables)
    }

    #[inline(never)]
    pub(super) fn string(&self, key: &str) -> Result<Option<&'t str>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        value.get_ref().as_str().map(Some).ok_or_else(|| self.wrong_type(key, value, "a string"))
    }

    #[inline(never)]
    pub(super) fn need_string(&self, key: &str) -> Result<&'t str, ScenarioError> {
        self.string(key)?.ok_or_else(|| self.missing(key))
    }

    /// The strings of a list, each with its place.
    #[inline(never)]
    pub(super) fn strings(&self, key: &str) -> Result<Vec<(&'t str, Range<usize>)>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.wrong_type(key, value, "a list of strings"));
        };
        list.iter()
            .map(|item| match item.get_ref().as_str() {
                Some(text) => Ok((text, item.span())),
                None => Err(self.wrong_type(key, item, "a list of strings")),
            })
            .collect()
    }

    /// A list of lists of strings, with the place of each; empty if the key is not there.
    #[inline(never)]
    pub(super) fn string_lists(&self, key: &str) -> Result<Vec<Names<'t>>, ScenarioError> {
        let expected = "a list with lists of strings, such as [[\"orders\"], [\"orders\", \"audit\"]]";
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let DeValue::Array(lists) = value.get_ref() else { return Err(self.wrong_type(key, value, expected)) };
        let mut all = Vec::new();
        for list in lists.iter() {
            let DeValue::Array(items) = list.get_ref() else { return Err(self.wrong_type(key, list, expected)) };
            let item = |item: &'t Value<'i>| match item.get_ref().as_str() {
                Some(text) => Ok((text, item.span())),
                None => Err(self.wrong_type(key, item, expected)),
            };
            all.push((items.iter().map(item).collect::<Result<Vec<_>, _>>()?, list.span()));
        }
        Ok(all)
    }

    #[inline(never)]
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        value.get_ref().as_bool().map(Some).ok_or_else(|| self.wrong_type(key, value, "true or false"))
    }

    /// A whole number, both limits included.
    #[inline(never)]
    pub(super) fn integer(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        self.integer_of(key, value, least, most).map(Some)
    }

    #[inline(never)]
    pub(super) fn integer_of(&self, key: &str, value: &Value, least: u64, most: u64) -> Result<u64, ScenarioError> {
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.wrong_type(key, value, &format!("a whole number from {least} to {most}")));
        };
        let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
        parsed.filter(|n| (least..=most).contains(n)).ok_or_else(|| {
            self.error(value.span(), format!("`{key}` must be a whole number from {least} to {most}, not {number}"))
        })
    }

    #[inline(never)]
    pub(super) fn need_integer(&self, key: &str, least: u64, most: u64) -> Result<u64, ScenarioError> {
        self.integer(key, least, most)?.ok_or_else(|| self.missing(key))
    }

    /// A string that a function understands.
    #[inline(never)]
    pub(super) fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ScenarioError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let text = self.string(key)?.unwrap_or_default();
        parse(text).map(Some).map_err(|message| self.error(value.span(), format!("`{key}`: {message}")))
    }

    #[inline(never)]
    pub(super) fn duration(
        &self,
        key: &str,
        least: SimDuration,
        most: SimDuration,
    ) -> Result<Option<SimDuration>, ScenarioError> {
        self.parsed(key, |text| {
            let duration = SimDuration::parse(text)?;
            if (least..=most).contains(&duration) {
                Ok(duration)
            } else {
                Err(format!("must be from {least} to {most}, not {text}"))
            }
        })
    }

    #[inline(never)]
    pub(super) fn need_duration(
        &self,
        key: &str,
        least: SimDuration,
        most: SimDuration,
    ) -> Result<(Range<usize>, SimDuration), ScenarioError> {
        let span = self.need(key)?.span();
        Ok((span, self.duration(key, least, most)?.expect("it was found a line ago")))
    }

    /// An instant of the run.
    #[inline(never)]
    pub(super) fn instant(&self, key: &str) -> Result<Option<SimTime>, ScenarioError> {
        Ok(self.duration(key, SimDuration::ZERO, super::MAX_DURATION)?.map(|after| SimTime::ZERO + after))
    }

    /// A latency, from a microsecond (nothing arrives at once) to an hour.
    #[inline(never)]
    pub(super) fn latency(&self, key: &str, least: SimDuration) -> Result<Option<Latency>, ScenarioError> {
        self.parsed(key, |text| {
            let latency = Latency::parse(text)?;
            let (low, high) = match latency {
                Latency::Fixed(d) | Latency::HeavyTailed(d) => (d, d),
                Latency::Uniform(low, high) => (low, high),
            };
            let most = SimDuration::from_secs(3_600);
            if low >= least && high <= most { Ok(latency) } else { Err(format!("must be from {least} to {most}, not {text}")) }
        })
    }
}

/// What a value is, in words.
fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
