//! The table of Kafka's property names: what brokerscope models of them, their ranges and defaults (Kafka 4.x), in one place.
//! [`resolve`](super::resolve) takes its defaults from here, the documentation and the page their lists.

mod clients;
mod others;
mod servers;

/// Whose property it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `producer.properties`.
    Producer,
    /// A topic's own settings.
    Topic,
    /// `server.properties`.
    Broker,
    /// `consumer.properties`.
    Consumer,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Producer, Scope::Topic, Scope::Broker, Scope::Consumer];

    /// `producer`, `topic`, `broker`, `consumer`.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Producer => "producer",
            Scope::Topic => "topic",
            Scope::Broker => "broker",
            Scope::Consumer => "consumer",
        }
    }
}

/// What a property's value may be, in Kafka's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Kafka's INT (or SHORT): 32 bits.
    Int {
        /// The smallest that Kafka takes.
        at_least: i32,
        /// The largest that Kafka takes.
        at_most: i32,
    },
    /// Kafka's LONG: 64 bits.
    Long {
        /// The smallest that Kafka takes.
        at_least: i64,
    },
    /// Kafka's DOUBLE, from 0 to 1.
    Ratio,
    /// `true` or `false`.
    Bool,
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// Words separated by commas.
    List,
}

/// A property as Kafka knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Kafka 4.x's default; `null` is Kafka's word for "not set".
    pub default: &'static str,
    /// One sentence on what it does.
    pub about: &'static str,
    /// Has it an effect here?
    pub modelled: bool,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is in the table.
    Property(&'static Property),
    /// A real property of Kafka without an effect here.
    Other,
    /// Not a property of Kafka, as far as brokerscope knows; the nearest name, if one is near.
    No(Option<&'static str>),
}

/// The properties of a scope that have an entry of their own, modelled ones first.
pub fn table(scope: Scope) -> &'static [Property] {
    match scope {
        Scope::Producer => clients::PRODUCER,
        Scope::Consumer => clients::CONSUMER,
        Scope::Topic => servers::TOPIC,
        Scope::Broker => servers::BROKER,
    }
}

/// The entry of a name.
pub fn find(scope: Scope, name: &str) -> Option<&'static Property> {
    table(scope).iter().find(|p| p.name == name)
}

/// The properties of a scope that have an effect.
pub fn modelled(scope: Scope) -> impl Iterator<Item = &'static Property> {
    table(scope).iter().filter(|p| p.modelled)
}

/// What is known of a name, and the nearest one if it is unknown.
pub fn known(scope: Scope, name: &str) -> Known {
    if let Some(property) = find(scope, name) {
        return Known::Property(property);
    }
    if others::names(scope).any(|n| n == name) || others::FAMILIES.iter().any(|f| name.starts_with(f)) {
        return Known::Other;
    }
    let all = table(scope).iter().map(|p| p.name).chain(others::names(scope));
    Known::No(crate::nearest::nearest(name, all))
}

const fn modelled_property(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Property {
    Property { name, kind, default, about, modelled: true }
}

const fn other_property(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Property {
    Property { name, kind, default, about, modelled: false }
}

/// Kafka's `atLeast(n)` on an INT.
const fn int(at_least: i32) -> Kind {
    Kind::Int { at_least, at_most: i32::MAX }
}

/// Kafka's `atLeast(n)` on a LONG.
const fn long(at_least: i64) -> Kind {
    Kind::Long { at_least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_described() {
        for scope in Scope::ALL {
            let mut names: Vec<&str> = table(scope).iter().map(|p| p.name).chain(others::names(scope)).collect();
            let before = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(before, names.len(), "a {} property is listed twice", scope.name());
            for property in table(scope) {
                assert!(property.about.ends_with(['.', '?']), "{}", property.name);
            }
        }
    }

    #[test]
    fn a_typo_is_told_from_a_property_that_is_not_modelled() {
        assert!(matches!(known(Scope::Producer, "acks"), Known::Property(p) if p.modelled));
        assert!(matches!(known(Scope::Producer, "metadata.max.idle.ms"), Known::Property(p) if !p.modelled));
        assert_eq!(known(Scope::Producer, "bootstrap.servers"), Known::Other);
        assert_eq!(known(Scope::Broker, "listener.name.internal.ssl.keystore.location"), Known::Other);
        assert_eq!(known(Scope::Producer, "ack"), Known::No(Some("acks")));
        assert_eq!(known(Scope::Topic, "min.insync.replica"), Known::No(Some("min.insync.replicas")));
        assert_eq!(known(Scope::Topic, "completely different"), Known::No(None));
    }
}
