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
    cut(text, face, size, room, 10)
}

/// `text`, cut in the middle: names that begin alike and names that end alike still differ.
pub fn fit_middle(text: &str, face: Face, size: f64, room: f64) -> String {
    cut(text, face, size, room, 5)
}

/// `text`, cut so that it fits: of ten letters that stay, `head` are its first ones, and the others its last.
fn cut(text: &str, face: Face, size: f64, room: f64, head: usize) -> String {
    if width(text, face, size) <= room {
        return text.to_string();
    }
    let letters: Vec<char> = text.chars().collect();
    let (mut first, mut last) = (0, letters.len());
    let mut used = width("…", face, size);
    while first < last {
        let in_front = first * 10 < (first + letters.len() - last + 1) * head;
        used += advance(face, letters[if in_front { first } else { last - 1 }]) * size;
        if used > room {
            break;
        }
        if in_front { first += 1 } else { last -= 1 }
    }
    if first + letters.len() == last {
        return String::new();
    }
    letters[..first].iter().chain(&['…']).chain(&letters[last..]).collect()
}

/// The name of a partition, cut in the topic so that its number stays: `order-…s-0`.
fn fit_partition(name: &str, face: Face, size: f64, room: f64, head: usize) -> String {
    let Some(dash) = name.rfind('-') else { return cut(name, face, size, room, head) };
    let (topic, number) = name.split_at(dash);
    let topic = cut(topic, face, size, room - width(number, face, size), head);
    if topic.is_empty() { fit(&number[1..], face, size, room) } else { topic + number }
}

/// The names of partitions, cut in the topic so that each fits, in the way by which most of them still differ: topics may begin alike
/// (`order-events`, `order-events-temporary`) or end alike.
pub fn fit_partitions(names: &[&str], face: Face, size: f64, room: f64) -> Vec<String> {
    let (mut best, mut told_apart) = (Vec::new(), 0);
    for head in [7, 4, 0, 10] {
        let cuts: Vec<String> = names.iter().map(|name| fit_partition(name, face, size, room, head)).collect();
        let differ = cuts.iter().enumerate().filter(|(i, name)| !cuts[..*i].contains(name)).count();
        if differ > told_apart {
            (best, told_apart) = (cuts, differ);
        }
        if told_apart == names.len() {
            break;
        }
    }
    best
}

/// A number of no less than nothing, with at most so many digits behind the point. (The library's way to write such numbers is larger than the rest of
/// what draws them.)
pub fn decimal(number: f64, digits: u32) -> String {
    let unit = 10_u64.pow(digits);
    let parts = (number * unit as f64).round() as u64;
    if parts.is_multiple_of(unit) {
        return (parts / unit).to_string();
    }
    let text = format!("{}.{:0width$}", parts / unit, parts % unit, width = digits as usize);
    text.trim_end_matches('0').to_owned()
}

/// A length with at most one digit behind the point.
pub fn tenths(length: f64) -> String {
    decimal(length, 1)
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
    fn a_cut_in_the_middle_keeps_both_ends() {
        assert_eq!(fit_middle("order-service-3", Face::Mono, 10.0, 56.0), "orde…ce-3");
        assert_eq!(fit_middle("order-service-3", Face::Mono, 10.0, 13.0), "o…");
        assert_eq!(fit_middle("order-service-3", Face::Mono, 10.0, 7.0), "");
    }

    #[test]
    fn a_cut_partition_keeps_its_number() {
        let one = |room| fit_partitions(&["order-events-12"], Face::Mono, 10.0, room);
        assert_eq!(one(62.0), ["order…s-12"]);
        assert_eq!(one(20.0), ["12"]);
    }

    #[test]
    fn names_that_share_an_end_differ_when_cut() {
        let cut = |names: &[&str], room: f64| {
            let cuts = fit_partitions(names, Face::Mono, 10.0, room);
            assert!(cuts.iter().all(|name| width(name, Face::Mono, 10.0) <= room), "{cuts:?}");
            cuts
        };
        assert_eq!(cut(&["order-events-0", "order-events-temporary-0"], 50.0), ["orde…s-0", "orde…y-0"]);
        assert_eq!(cut(&["orders-eu-0", "orders-us-0", "orders-eu-1"], 44.0), ["ord…u-0", "ord…s-0", "ord…u-1"]);
        assert_eq!(cut(&["a-very-long-name-0", "b-very-long-name-0"], 44.0), ["a-v…e-0", "b-v…e-0"]);
    }

    #[test]
    fn lengths_are_short() {
        let written: Vec<String> = [0.0, 9.5, 12.0, 1.26, 1234.96, -3.0].into_iter().map(tenths).collect();
        assert_eq!(written, ["0", "9.5", "12", "1.3", "1235", "0"]);
        assert_eq!([7.15, 0.001, 20.0, 1.5].map(|n| decimal(n, 3)), ["7.15", "0.001", "20", "1.5"]);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(12_345), "12,345");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
