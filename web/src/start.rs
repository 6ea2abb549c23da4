//! What the address asks for: `?scenario=NAME&seed=N&set=path=value&act=CODE&at=12.4s&message=N&theme=dark`, where `act` is what was done to
//! the run, as [`sim_core::session::link`] writes it. `file=CODE` holds a scenario
//! of one's own. `vs=path=value` and `vs-act=CODE` make the run beside it. Hostile input gives a message,
//! never a panic.

use crate::sim::Intervention;
use sim_core::ids::MessageId;
use sim_core::session::link;
use sim_core::time::{SimDuration, SimTime};
use stage::Theme;

/// The settings of a run, as the page's controls and its address give them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Name in the library; none: the first to be shown.
    pub scenario: Option<String>,
    /// A scenario of one's own instead: the whole file.
    pub text: Option<String>,
    /// Another seed than the scenario's.
    pub seed: Option<u64>,
    /// Settings by path, in order.
    pub set: Vec<(String, String)>,
    /// What is done to the run besides the scenario's own faults.
    pub acts: Vec<Intervention>,
    /// The run that is shown beside it: the same scenario and seed.
    pub beside: Option<Beside>,
    /// The instant to show.
    pub at: Option<SimTime>,
    /// The message to follow.
    pub message: Option<MessageId>,
    /// Asked for; otherwise as the system wishes.
    pub theme: Option<Theme>,
}

/// What makes the run beside another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Settings by path, in order.
    pub set: Vec<(String, String)>,
    /// What is done to it.
    pub acts: Vec<Intervention>,
}

impl Start {
    /// A scenario of the library as it is.
    pub fn of(scenario: &str) -> Start {
        Start { scenario: Some(scenario.to_owned()), ..Start::default() }
    }

    /// The same run from its beginning, alone.
    pub fn anew(&self) -> Start {
        Start { at: None, message: None, beside: None, ..self.clone() }
    }
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadAddress {
    /// Not a whole number.
    Seed(String),
    /// Neither light nor dark.
    Theme(String),
    /// Not `path=value`.
    Set(String),
    /// Too many settings.
    TooMany,
    /// The scenario in it cannot be read.
    File(String),
    /// The interventions cannot be read.
    Acts(String),
    /// No instant.
    At(String),
    /// No message.
    Message(String),
}

const MOST_SETTINGS: usize = 100;

/// Reads the query part of an address, with or without its question mark. Unknown parameters are left alone.
///
/// # Errors
/// The first value that cannot be used.
pub fn parse(query: &str) -> Result<Start, BadAddress> {
    let mut start = Start::default();
    for part in query.trim_start_matches('?').split('&').filter(|p| !p.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = decode(value);
        match decode(key).as_str() {
            "scenario" if !value.is_empty() => start.scenario = Some(value),
            "file" => start.text = Some(link::unpack(&value).map_err(BadAddress::File)?),
            "seed" => start.seed = Some(value.parse().map_err(|_| BadAddress::Seed(value))?),
            "theme" => match value.as_str() {
                "light" => start.theme = Some(Theme::Light),
                "dark" => start.theme = Some(Theme::Dark),
                _ => return Err(BadAddress::Theme(value)),
            },
            "set" => start.set.push(setting(value)?),
            "act" => start.acts = link::decode(&value).map_err(BadAddress::Acts)?,
            // Empty for the run as the scenario has it.
            "vs" if value.is_empty() => _ = start.beside.get_or_insert_default(),
            "vs" => start.beside.get_or_insert_default().set.push(setting(value)?),
            "vs-act" => start.beside.get_or_insert_default().acts = link::decode(&value).map_err(BadAddress::Acts)?,
            "at" => {
                let at = SimDuration::parse(&value).map_err(|_| BadAddress::At(value))?;
                start.at = Some(SimTime::ZERO + at);
            }
            "message" => start.message = Some(MessageId(value.parse().map_err(|_| BadAddress::Message(value))?)),
            _ => {}
        }
    }
    let beside = start.beside.as_ref().map_or(0, |beside| beside.set.len());
    if start.set.len().max(beside) > MOST_SETTINGS { Err(BadAddress::TooMany) } else { Ok(start) }
}

fn setting(value: String) -> Result<(String, String), BadAddress> {
    match value.split_once('=') {
        Some((path, setting)) if !path.is_empty() => Ok((path.into(), setting.into())),
        _ => Err(BadAddress::Set(value)),
    }
}

/// The query that asks for this, with its question mark.
pub fn query(start: &Start) -> String {
    let mut parts = Vec::new();
    if let Some(scenario) = &start.scenario {
        parts.push(format!("scenario={}", encode(scenario)));
    }
    if let Some(Ok(packed)) = start.text.as_deref().map(link::pack) {
        parts.push(format!("file={packed}"));
    }
    if let Some(seed) = start.seed {
        parts.push(format!("seed={seed}"));
    }
    course(&mut parts, ["set", "act"], &start.set, &start.acts);
    if let Some(beside) = &start.beside {
        if beside.set.is_empty() {
            parts.push("vs=".into());
        }
        course(&mut parts, ["vs", "vs-act"], &beside.set, &beside.acts);
    }
    if let Some(at) = start.at {
        parts.push(format!("at={}", at.since(SimTime::ZERO)));
    }
    if let Some(MessageId(message)) = start.message {
        parts.push(format!("message={message}"));
    }
    if let Some(theme) = start.theme {
        parts.push(format!("theme={}", if theme == Theme::Dark { "dark" } else { "light" }));
    }
    format!("?{}", parts.join("&"))
}

fn course(parts: &mut Vec<String>, [set_key, act_key]: [&str; 2], set: &[(String, String)], acts: &[Intervention]) {
    parts.extend(set.iter().map(|(path, value)| format!("{set_key}={}={}", encode(path), encode(value))));
    if !acts.is_empty() {
        parts.push(format!("{act_key}={}", link::encode(acts)));
    }
}

/// Percent-decoding; what is not UTF-8 becomes the replacement character.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match bytes[i] {
            b'%' if i + 2 < bytes.len() && hex(bytes[i + 1]).is_some() && hex(bytes[i + 2]).is_some() => {
                let (high, low) = (hex(bytes[i + 1]).unwrap_or(0), hex(bytes[i + 2]).unwrap_or(0));
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            b'+' => {
                out.push(b' ');
                i += 1;
            }
            b => {
                out.push(b);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Action, Target};
    use sim_core::ids::{BrokerId, NodeId};

    #[test]
    fn an_address_survives_the_way_there_and_back() {
        let start = Start {
            scenario: Some("payments acks=1 & more/%".into()),
            seed: Some(u64::MAX),
            set: vec![("producer.config.acks".into(), "all".into()), ("topic.x.config.y".into(), "a=b&c".into())],
            acts: vec![Intervention {
                at: SimTime(9_000_001),
                action: Action::Crash { target: Target::Node(NodeId::Broker(BrokerId(2))) },
            }],
            beside: Some(Beside::default()),
            at: Some(SimTime(12_345_678)),
            message: Some(MessageId(9_100)),
            theme: Some(Theme::Dark),
            text: None,
        };
        assert_eq!(parse(&query(&start)), Ok(start.clone()));
        let beside = Beside { set: vec![("producer.config.acks".into(), "1".into())], acts: start.acts.clone() };
        let own = Some("format = 1\ntitle = \"mine\"\n".into());
        let start = Start { beside: Some(beside), scenario: None, text: own, ..start };
        assert_eq!(parse(&query(&start)), Ok(start));
        assert_eq!(parse(""), Ok(Start::default()));
        assert_eq!(parse("?unknown=1&scenario="), Ok(Start::default()));
    }

    #[test]
    fn plain_links_read_as_written() {
        let start = parse("?scenario=min-isr&set=producer.config.acks=1&seed=9").unwrap();
        assert_eq!(start.set, [("producer.config.acks".to_string(), "1".to_string())]);
        assert_eq!((start.seed, start.scenario.as_deref()), (Some(9), Some("min-isr")));
    }

    #[test]
    fn bad_values_are_named() {
        assert_eq!(parse("seed=abc"), Err(BadAddress::Seed("abc".into())));
        assert_eq!(parse("seed=-1"), Err(BadAddress::Seed("-1".into())));
        assert_eq!(parse("theme=pink"), Err(BadAddress::Theme("pink".into())));
        assert_eq!(parse("at=soon"), Err(BadAddress::At("soon".into())));
        assert_eq!(parse("message=-3"), Err(BadAddress::Message("-3".into())));
        assert!(matches!(parse("act=!!"), Err(BadAddress::Acts(_))));
        assert!(matches!(parse("file=AAAA"), Err(BadAddress::File(_))));
        assert_eq!(parse("set=nothing"), Err(BadAddress::Set("nothing".into())));
        assert_eq!(parse(&"set=a=b&".repeat(101)), Err(BadAddress::TooMany));
        for hostile in ["%", "%2", "%zz", "=&=&&", "seed=1&%F0%28=3", "scenario=%FF%FE", "&&&&??"] {
            let _ = parse(hostile);
        }
    }
}
