//! How wide a text is, without a font: an upper estimate that holds for the common system fonts, so that a label cut here fits
//! on every machine and in every back end.

/// The two faces of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Names and words.
    Sans,
    /// Numbers and identifiers.
    Mono,
}

/// The width of one character in units of the font size.
fn advance(face: Face, c: char) -> f64 {
    if c >= '\u{1100}' && !('\u{2000}'..='\u{2bff}').contains(&c) {
        return 1.05;
    }
    match face {
        Face::Mono => 0.62,
        Face::Sans => match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.34,
            ' ' | 'f' | 't' | 'r' | 'I' | '(' | ')' | '-' => 0.43,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
            'A'..='Z' | '…' => 0.74,
            _ => 0.64,
        },
    }
}

/// How wide `text` is at this size, at most.
pub fn width(text: &str, face: Face, size: f64) -> f64 {
    text.chars().map(|c| advance(face, c)).sum::<f64>() * size
}

/// `text`, cut at the end with an ellipsis so that it fits; empty when not even one letter does.
pub fn fit(text: &str, face: Face, size: f64, room: f64) -> String {
    if width(text, face, size) <= room {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = width("…", face, size);
    for c in text.chars() {
        used += advance(face, c) * size;
        if used > room {
            break;
        }
        kept.push(c);
    }
    if kept.is_empty() { kept } else { kept + "…" }
}

/// The name of a partition, cut in the topic so that its number stays: `order-ev…-0`.
pub fn fit_partition(name: &str, face: Face, size: f64, room: f64) -> String {
    if width(name, face, size) <= room {
        return name.to_string();
    }
    let Some(dash) = name.rfind('-') else { return fit(name, face, size, room) };
    let (topic, number) = name.split_at(dash);
    let head = fit(topic, face, size, room - width(number, face, size));
    if head.is_empty() { fit(&number[1..], face, size, room) } else { head + number }
}

/// 12345 as `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_fits_and_says_so() {
        let cut = fit("a-very-long-topic-name", Face::Mono, 10.0, 70.0);
        assert_eq!(cut, "a-very-lon…");
        assert!(width(&cut, Face::Mono, 10.0) <= 70.0);
        assert_eq!(fit("short", Face::Sans, 10.0, 200.0), "short");
        assert_eq!(fit("short", Face::Sans, 10.0, 3.0), "");
    }

    #[test]
    fn a_cut_partition_keeps_its_number() {
        assert_eq!(fit_partition("order-events-12", Face::Mono, 10.0, 62.0), "order-…-12");
        assert_eq!(fit_partition("order-events-12", Face::Mono, 10.0, 20.0), "12");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(12_345), "12,345");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
