//! The text format of `.properties` files, as `java.util.Properties` reads it: comments, separators, continued lines, escapes.

use crate::rows::Map;
use crate::sort;
use std::fmt;

/// The longest text that is read.
pub const MAX_BYTES: usize = 256 * 1024;

/// One property of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Its value, without escapes.
    pub value: String,
    /// The line on which it starts, from 1.
    pub line: u32,
}

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertiesError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for PropertiesError {}

/// The properties of a text in the order of their lines. Of a key that is given twice the last one counts, as in Java.
///
/// # Errors
/// A `\u` without four hexadecimal digits, or a text longer than [`MAX_BYTES`].
pub fn parse(text: &str) -> Result<Vec<Entry>, PropertiesError> {
    if text.len() > MAX_BYTES {
        return Err(PropertiesError { line: 1, message: format!("the file is larger than {} KiB", MAX_BYTES / 1024) });
    }
    let mut entries: Map<String, (String, u32)> = Map::new();
    for (line, logical) in logical_lines(text) {
        let (key, value) = split(&logical);
        let unescape = |raw: &str| unescape(raw).map_err(|message| PropertiesError { line, message });
        entries.insert(unescape(key)?, (unescape(value)?, line));
    }
    let mut list: Vec<Entry> = entries.into_iter().map(|(key, (value, line))| Entry { key, value, line }).collect();
    sort::by_key(&mut list, |entry| entry.line);
    Ok(list)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Lines without comments and blanks, continued ones joined, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut logical: Vec<(u32, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in (1_u32..).zip(natural_lines(text)) {
        let line = line.trim_start_matches(is_blank);
        if !continues && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.bytes().rev().take_while(|&b| b == b'\\').count();
        let joined = if backslashes % 2 == 1 { &line[..line.len() - 1] } else { line };
        match logical.last_mut() {
            Some((_, start)) if continues => start.push_str(joined),
            _ => logical.push((number, joined.to_owned())),
        }
        continues = backslashes % 2 == 1;
    }
    logical
}

/// Lines end with LF, CR or both.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Key and value, still escaped: the key ends at the first `=`, `:` or blank that no backslash protects.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || is_blank(c));
        escaped = !escaped && c == '\\';
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(raw: &str) -> Result<String, String> {
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let push = |c: char, units: &mut Vec<u16>| units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(c, &mut units);
            continue;
        }
        match chars.next() {
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let four = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| four);
                units.push(
                    unit.ok_or_else(|| format!("`\\u{digits}` is not a character: write four hexadecimal digits after \\u"))?,
                );
            }
            Some('t') => push('\t', &mut units),
            Some('n') => push('\n', &mut units),
            Some('r') => push('\r', &mut units),
            Some('f') => push('\u{c}', &mut units),
            Some(other) => push(other, &mut units),
            None => {}
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, u32)]) {
        let read = parse(text).unwrap();
        let read: Vec<(&str, &str, u32)> = read.iter().map(|e| (e.key.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn reads_as_java_does() {
        check("acks=all", &[("acks", "all", 1)]);
        check(
            "# no\n ! nor this\n\n  acks : 1\r\nretries 3\rlinger.ms=",
            &[("acks", "1", 4), ("retries", "3", 5), ("linger.ms", "", 6)],
        );
        check("a=1\nb=2\na=3", &[("b", "2", 2), ("a", "3", 3)]);
        check("brokers=one,\\\n    two,\\\n\t# three\nnext=4", &[("brokers", "one,two,# three", 1), ("next", "4", 4)]);
        check(r"path=C:\\data\u0041\t!", &[("path", "C:\\dataA\t!", 1)]);
        check(r"a\ b\=c = d = e", &[("a b=c", "d = e", 1)]);
        check(r"smile=\uD83D\uDE00 \uD83D", &[("smile", "😀 \u{fffd}", 1)]);
        check("alone", &[("alone", "", 1)]);
        check("end=1\\", &[("end", "1", 1)]);
        check("trailing=space ", &[("trailing", "space ", 1)]);
        check("=value", &[("", "value", 1)]);
        check("", &[]);
    }

    #[test]
    fn refuses_what_java_refuses() {
        for text in [r"a=\u12", r"ok=1\u00g0", r"a=\u+123"] {
            assert_eq!(parse(text).unwrap_err().line, 1, "{text}");
        }
        assert!(parse(&"a".repeat(MAX_BYTES + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[ -~\\\\\n\r\t=:#!u0-9é]{0,200}") {
            let _ = parse(&text);
        }
    }
}
