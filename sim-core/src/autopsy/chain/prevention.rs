//! What would have prevented it: for each mechanism the settings by Kafka's names, or the pattern of the application, by the paths that `--set` and
//! scenario files know. Its words are the mechanism's `fix`.

/// Alternatives: each of them is enough where the mechanism is what harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prevention {
    /// The mechanism.
    pub id: &'static str,
    /// Settings that go together, as `--set` takes them; empty where no setting helps.
    pub set: &'static [&'static str],
    /// What a scenario file says for an application that is written otherwise; empty where the settings are enough.
    pub write: &'static [&'static str],
}

macro_rules! preventions {
    ($($id:literal: [$($set:literal),*], [$($write:literal),*];)*) => {
        /// All of them.
        pub static ALL: &[Prevention] = &[$(Prevention { id: $id, set: &[$($set),*], write: &[$($write),*] }),*];
    };
}

preventions! {
    "LOSS-P1": [], ["send = \"async\""];
    "LOSS-P2": ["producer.config.acks=all"], [];
    "LOSS-P3": ["producer.config.max.block.ms=120000"], ["send = \"outbox\""];
    "LOSS-P4": ["producer.config.delivery.timeout.ms=120000"], ["send = \"outbox\""];
    "LOSS-P5": ["producer.config.retries=2147483647"], [];
    "LOSS-P6": [], ["a dead-letter store at the producer"];
    "LOSS-P7": [], ["send = \"outbox\""];
    "LOSS-P9": [], ["transaction = { after-abort = \"repeat\" }"];
    "LOSS-P10": ["producer.config.max.in.flight.requests.per.connection=1"], [];
    "LOSS-B1": ["producer.config.acks=all", "topic.config.min.insync.replicas=2"], [];
    "LOSS-B2": ["producer.config.acks=all", "topic.config.min.insync.replicas=2"], [];
    "LOSS-B3": ["topic.config.replication.factor=3"], [];
    "LOSS-B4": ["topic.config.min.insync.replicas=2"], [];
    "LOSS-B5": ["cluster.elr=true"], [];
    "LOSS-B6": ["topic.config.flush.messages=1"], ["racks = [\"a\", \"b\", \"c\"]"];
    "LOSS-B7": ["topic.config.min.insync.replicas=2"], [];
    "LOSS-B8": ["topic.config.unclean.leader.election.enable=false"], [];
    "LOSS-B9": ["cluster.rules.truncation=kip-320"], [];
    "LOSS-B10": ["cluster.rules.truncation=kip-320", "cluster.rules.broker-epoch-check=true"], [];
    "LOSS-B11": ["topic.config.retention.ms=604800000", "topic.config.retention.bytes=-1", "topic.config.cleanup.policy=delete"], [];
    "LOSS-B13": ["topic.config.replication.factor=3", "producer.config.acks=all"], [];
    "LOSS-B15": ["topic.config.message.timestamp.type=LogAppendTime"], [];
    "LOSS-C1": [], ["handler = { dedupe = \"inbox\" }"];
    "LOSS-C2": ["group.config.enable.auto.commit=false"], [];
    "LOSS-C4": [], ["handler = { commit-offsets = \"done\" }"];
    "LOSS-C5": [], ["handler = { commit-on-revoke = true }"];
    "LOSS-C6": ["group.config.auto.offset.reset=earliest"], [];
    "LOSS-C7": ["group.config.auto.offset.reset=earliest"], [];
    "LOSS-C8": ["group.config.auto.offset.reset=earliest"], [];
    "LOSS-C9": ["topic.config.unclean.leader.election.enable=false"], [];
    "LOSS-C10": [], ["handler = { dedupe = \"inbox\" }", "handler = { dedupe = \"marker-with-lease\" }"];
    "LOSS-C11": [], ["handler = { key = \"message-id\", unique = \"message-id\" }"];
    "LOSS-C12": [], ["handler = { dedupe = \"inbox\" }"];
    "LOSS-C13": [], ["a dead-letter topic whose ack is awaited before the commit"];
    "LOSS-C14": [], ["forward = { wait = true }"];
    "DUP-1": ["producer.config.enable.idempotence=true"], [];
    "DUP-2": [], ["handler = { dedupe = \"inbox\", unique = \"message-id\" }"];
    "DUP-5": [], ["handler = { dedupe = \"inbox\", unique = \"message-id\" }"];
    "DUP-6": ["producer.config.enable.idempotence=true"], [];
    "DUP-7": ["cluster.config.producer.id.expiration.ms=86400000"], [];
    "DUP-8": [], ["handler = { dedupe = \"inbox\", unique = \"message-id\" }"];
    "DUP-10": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-11": ["group.config.max.poll.records=10"], ["handler = { dedupe = \"inbox\" }"];
    "DUP-12": ["group.config.session.timeout.ms=45000"], ["handler = { dedupe = \"inbox\" }"];
    "DUP-13": [], ["handler = { commit-on-revoke = true }", "static = true"];
    "DUP-14": [], ["handler = { commit = \"sync\" }", "handler = { dedupe = \"inbox\" }"];
    "DUP-15": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-16": [], ["handler = { key = \"message-id\", unique = \"message-id\" }"];
    "DUP-17": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-18": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-19": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-20": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-21": [], ["handler = { dedupe = \"inbox\" }"];
    "DUP-22": [], ["forward = { transactional-id = ... }, isolation.level = \"read_committed\" behind it"];
    "DUP-23": ["group.config.isolation.level=read_committed"], [];
    "DUP-25": [], ["handler = { dedupe = \"inbox\" }"];
    "ORDER-1": ["producer.config.max.in.flight.requests.per.connection=1"], [];
    "ORDER-2": [], ["version numbers in the data"];
    "ORDER-3": ["producer.config.acks=all", "producer.config.delivery.timeout.ms=120000"], [];
    "ORDER-4": [], ["threads = 1"];
    "ORDER-5": [], ["a new topic in the place of add-partitions"];
    "ORDER-6": ["producer.config.partitioner.ignore.keys=false"], ["keys, and no other partitioner"];
    "ORDER-8": [], ["no workers"];
    "ORDER-9": [], ["an effect that checks a fencing token"];
    "ORDER-10": [], ["version numbers in the data"];
    "ORDER-11": [], ["version numbers in the data"];
    "ORDER-12": ["producer.config.acks=all", "topic.config.min.insync.replicas=2", "topic.config.unclean.leader.election.enable=false"], [];
}

/// Of a mechanism.
pub fn of(id: &str) -> Option<&'static Prevention> {
    ALL.iter().find(|prevention| prevention.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism;
    use crate::scenario::read::Override;

    /// Each mechanism has one, which says something and which `--set` can read.
    #[test]
    fn every_mechanism_can_be_prevented() {
        for mechanism in mechanism::ALL {
            let found = of(mechanism.id).unwrap_or_else(|| panic!("nothing prevents {}", mechanism.id));
            assert!(!found.set.is_empty() || !found.write.is_empty(), "{}", mechanism.id);
            for set in found.set {
                Override::parse(set).unwrap_or_else(|error| panic!("{}: {set}: {error}", mechanism.id));
            }
        }
        assert_eq!(ALL.len(), mechanism::ALL.len(), "one for each");
    }
}
