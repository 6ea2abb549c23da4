//! Records and batches: what is sent, stored and copied. A batch is built once and shared from then on: by the producer's queue,
//! the packet, every replica's log and every checkpoint.

use crate::group::assignor::Assignor;
use crate::group::classic::Subscription;
use crate::group::modern::records::ModernRecord;
use crate::ids::*;
use crate::time::{SimDuration, Timestamp};
use crate::transaction::TransactionRecord;
use std::sync::Arc;

/// Bytes that Kafka adds to each batch (format v2's batch header) and, roughly, to each record in it.
pub const BATCH_OVERHEAD: u32 = 61;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The business operation that it carries.
    pub message: MessageId,
    /// Its key's number; none for a record without key.
    pub key: Option<u32>,
    /// It has no value: it deletes its key, where the topic is compacted.
    pub tombstone: bool,
    /// Its size with key, value and record header.
    pub bytes: u32,
}

/// How far a group got in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before it; -1 if that is not known (F-5).
    pub epoch: LeaderEpoch,
}

/// A group's offset, as a record of `__consumer_offsets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitRecord {
    /// The group.
    pub group: GroupId,
    /// The partition read.
    pub partition: PartitionId,
    /// How far it got; none: that is forgotten (G-34).
    pub committed: Option<CommittedOffset>,
    /// When it was written.
    pub at: Timestamp,
}

/// A classic group's metadata, as a record of `__consumer_offsets` (G-4): what a new coordinator knows of it (G-32).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// The group.
    pub group: GroupId,
    /// Its generation.
    pub generation: i32,
    /// The assignor that its members chose; none while it is empty.
    pub protocol: Option<Assignor>,
    /// Who computes the assignment.
    pub leader: Option<MemberId>,
    /// Its members.
    pub members: Vec<MemberRecord>,
}

/// A member in a [`GroupRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// Who.
    pub id: MemberId,
    /// `group.instance.id`.
    pub instance: Option<InstanceId>,
    /// session.timeout.ms.
    pub session_timeout: SimDuration,
    /// max.poll.interval.ms.
    pub rebalance_timeout: SimDuration,
    /// Its assignors.
    pub protocols: Vec<Assignor>,
    /// What it said when it joined.
    pub subscription: Arc<Subscription>,
    /// Its share.
    pub assignment: Vec<PartitionId>,
}

/// What a batch carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An application's records.
    Records(Vec<Record>),
    /// Committed offsets, appended by the coordinator itself.
    Commits(Vec<CommitRecord>),
    /// A classic group's members and their shares, likewise.
    Group(GroupRecord),
    /// Nothing any more: compaction took its records, and its producer's last number is still to be known.
    Emptied(u32),
    /// The end of a transaction in this partition: a control batch.
    Marker(Marker),
    /// The state of a transactional.id, appended by its coordinator.
    Transaction(TransactionRecord),
    /// What a group of the consumer protocol is made of (G-20), appended by the coordinator itself.
    ModernGroup(GroupId, Vec<ModernRecord>),
}

/// what a control batch says of the transaction of its producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// COMMIT or ABORT.
    pub commit: bool,
    /// The leader epoch of the coordinator's partition of `__transaction_state`: an older coordinator is fenced by it.
    pub coordinator_epoch: LeaderEpoch,
}

/// Bytes of a control batch.
pub const MARKER_BYTES: u32 = BATCH_OVERHEAD + 17;

/// The numbers that make a producer idempotent (P-33). All -1 without idempotence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// Kafka's producer id.
    pub pid: Pid,
    /// The producer's epoch.
    pub epoch: i16,
    /// The sequence number of the first record.
    pub first: i32,
}

impl Sequence {
    /// A batch without idempotence.
    pub const NONE: Sequence = Sequence { pid: Pid::NONE, epoch: -1, first: -1 };

    /// The sequence number `n` records later: 2^31 - 1 is followed by 0 (P-33).
    pub fn advance(first: i32, n: u32) -> i32 {
        ((i64::from(first) + i64::from(n)) % (1_i64 << 31)) as i32
    }

    /// The sequence number `n` records earlier.
    pub fn retreat(first: i32, n: u32) -> i32 {
        (i64::from(first) - i64::from(n)).rem_euclid(1_i64 << 31) as i32
    }

    /// Does the one number come before the other? They wrap, so that the shorter way round counts: 2^31 - 1 comes before 0 and 5.
    pub fn is_before(a: i32, b: i32) -> bool {
        let way = (i64::from(b) - i64::from(a)).rem_euclid(1 << 31);
        way != 0 && way < 1 << 30
    }

    /// The order of two numbers of one producer that are in use at the same time.
    pub fn order(a: i32, b: i32) -> std::cmp::Ordering {
        if Sequence::is_before(a, b) { std::cmp::Ordering::Less } else { (a != b).cmp(&false) }
    }

    /// The sequence number of the last of `count` records.
    pub fn last(self, count: u32) -> i32 {
        Sequence::advance(self.first, count - 1)
    }
}

/// What a producer sends for one partition, and what a log stores in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The producer's name for it; none for the broker's own.
    pub id: Option<BatchId>,
    /// Idempotence.
    pub sequence: Sequence,
    /// Part of a transaction of its producer id.
    pub transactional: bool,
    /// What it carries.
    pub payload: Payload,
    /// Its size.
    pub bytes: u32,
    /// The largest timestamp of its records.
    pub timestamp: Timestamp,
}

/// A batch that many hold.
pub type SharedBatch = Arc<Batch>;

impl Batch {
    /// How many records (and so offsets).
    pub fn count(&self) -> u32 {
        match &self.payload {
            Payload::Records(records) => records.len() as u32,
            Payload::Commits(commits) => commits.len() as u32,
            Payload::Group(_) | Payload::Marker(_) | Payload::Transaction(_) => 1,
            Payload::Emptied(count) => *count,
            Payload::ModernGroup(_, records) => records.len() as u32,
        }
    }

    /// The application's records; none in a batch of the broker's own.
    pub fn records(&self) -> &[Record] {
        match &self.payload {
            Payload::Records(records) => records,
            Payload::Commits(_)
            | Payload::Group(_)
            | Payload::Emptied(_)
            | Payload::Marker(_)
            | Payload::Transaction(_)
            | Payload::ModernGroup(..) => &[],
        }
    }

    /// What it says of a transaction, if it is a control batch.
    pub fn marker(&self) -> Option<Marker> {
        match self.payload {
            Payload::Marker(marker) => Some(marker),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// P-33: 2^31 - 1 is followed by 0, and comparisons know it.
    #[test]
    fn sequence_numbers_wrap() {
        const MAX: i32 = i32::MAX;
        assert_eq!([Sequence::advance(MAX, 1), Sequence::advance(MAX - 1, 4), Sequence::advance(0, 7)], [0, 2, 7]);
        assert!(Sequence::is_before(MAX, 0) && Sequence::is_before(MAX - 2, 3) && Sequence::is_before(4, 5));
        assert!(!Sequence::is_before(0, MAX) && !Sequence::is_before(5, 5) && !Sequence::is_before(5, 4));
        assert_eq!(
            [Sequence::order(MAX, 0), Sequence::order(0, MAX), Sequence::order(3, 3)],
            [Ordering::Less, Ordering::Greater, Ordering::Equal]
        );
        assert_eq!(Sequence { first: MAX - 1, ..Sequence::NONE }.last(3), 0);
    }
}
