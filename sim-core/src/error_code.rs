//! Kafka's error codes, by name and number (protocol reference, section 1.8).

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, retriable: $retriable:literal, appended: $appended:ident;)*) => {
        /// An error as Kafka names it. `None` is success.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every error that the model knows.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),*];

            /// Kafka's name.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name,)* }
            }

            /// Kafka's number.
            pub fn code(self) -> i16 {
                match self { $(ErrorCode::$variant => $code,)* }
            }

            /// May a client try again?
            pub fn is_retriable(self) -> bool {
                match self { $(ErrorCode::$variant => $retriable,)* }
            }

            /// Did an attempt that ended so append its records, as far as its client can know?
            pub fn appended(self) -> Appended {
                match self { $(ErrorCode::$variant => Appended::$appended,)* }
            }
        }
    };
}

/// The truth value that goes with a produce error: what its client may conclude about this one attempt (INV-45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The records are in the leader's log.
    Yes,
    /// Nothing was appended.
    No,
    /// The client cannot know.
    Unknown,
}

errors! {
    /// Success.
    None = 0, "NONE", retriable: false, appended: Yes;
    /// Something unforeseen.
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR", retriable: false, appended: Unknown;
    /// The fetch offset is not in the log (F-2).
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", retriable: false, appended: No;
    /// This broker does not know the partition.
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", retriable: true, appended: No;
    /// The partition has no leader now.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", retriable: true, appended: No;
    /// Someone else leads the partition (L-4). From purgatory the outcome is unknown (L-24).
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", retriable: true, appended: Unknown;
    /// No answer in time.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", retriable: true, appended: Unknown;
    /// A batch above max.message.bytes (L-6, P-44).
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE", retriable: false, appended: No;
    /// The connection broke.
    NetworkException = 13, "NETWORK_EXCEPTION", retriable: true, appended: Unknown;
    /// The coordinator is replaying its partition (G-32).
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", retriable: true, appended: No;
    /// The group has no coordinator now (G-31).
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", retriable: true, appended: Unknown;
    /// This broker does not coordinate the group.
    NotCoordinator = 16, "NOT_COORDINATOR", retriable: true, appended: No;
    /// The ISR is smaller than min.insync.replicas; nothing was appended (L-5).
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", retriable: true, appended: No;
    /// The ISR shrank below min.insync.replicas after the append (L-22).
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", retriable: true, appended: Yes;
    /// acks is not -1, 0 or 1 (L-3).
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", retriable: false, appended: No;
    /// The member's generation is not the group's.
    IllegalGeneration = 22, "ILLEGAL_GENERATION", retriable: false, appended: No;
    /// The newcomer's assignors and those of the group have none in common.
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", retriable: false, appended: No;
    /// The group does not know the member (G-5, G-24).
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", retriable: false, appended: No;
    /// session.timeout.ms is not within the broker's limits.
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", retriable: false, appended: No;
    /// The group's members are joining again (G-5).
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", retriable: false, appended: No;
    /// The batch is larger than a log file may be (L-6).
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE", retriable: false, appended: No;
    /// A timestamp is too far from the leader's time (L-6).
    InvalidTimestamp = 32, "INVALID_TIMESTAMP", retriable: false, appended: No;
    /// A topic would not have more partitions than it has (P-23).
    InvalidPartitions = 37, "INVALID_PARTITIONS", retriable: false, appended: No;
    /// No replica of a new partition could lead it (P-23).
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT", retriable: false, appended: No;
    /// Not the active controller, or its state is behind the request's.
    NotController = 41, "NOT_CONTROLLER", retriable: true, appended: No;
    /// The request makes no sense.
    InvalidRequest = 42, "INVALID_REQUEST", retriable: false, appended: No;
    /// What the topic's policy does not allow (DeleteRecords of a compacted topic).
    PolicyViolation = 44, "POLICY_VIOLATION", retriable: false, appended: No;
    /// A gap in the producer's sequence (L-13).
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", retriable: false, appended: No;
    /// The batch is older than what the broker remembers (P-54). Current brokers do not say so.
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", retriable: false, appended: Yes;
    /// The broker knows nothing of this producer (P-53). Current brokers do not say so.
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID", retriable: false, appended: No;
    /// The producer's epoch is an old one (L-12).
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", retriable: false, appended: No;
    /// The request does not fit the state of the transaction.
    InvalidTxnState = 48, "INVALID_TXN_STATE", retriable: false, appended: No;
    /// The transactional.id does not go with this producer id, or is not known.
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING", retriable: false, appended: No;
    /// transaction.timeout.ms is larger than the brokers allow.
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT", retriable: false, appended: No;
    /// The transaction before is still being completed.
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", retriable: true, appended: No;
    /// A newer coordinator has written here.
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED", retriable: false, appended: No;
    /// A transaction has offsets there that are not decided yet.
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", retriable: true, appended: No;
    /// A newer producer has the same transactional.id.
    ProducerFenced = 90, "PRODUCER_FENCED", retriable: false, appended: No;
    /// The transaction must be aborted (KIP-890).
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE", retriable: false, appended: No;
    /// The log directory is offline.
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", retriable: true, appended: Unknown;
    /// The leader does not know the session of this fetch (KIP-227).
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND", retriable: true, appended: No;
    /// This fetch is not the next one of its session (KIP-227).
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH", retriable: true, appended: No;
    /// The request's leader epoch is an old one.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", retriable: true, appended: No;
    /// The request's leader epoch is newer than this broker knows.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", retriable: true, appended: No;
    /// The broker's registration is not the current one.
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", retriable: false, appended: No;
    /// The end of the log is not known yet after a change of leader.
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", retriable: true, appended: No;
    /// The transaction was aborted before this batch was sent: the client's TransactionAbortedException.
    TransactionAborted = 7003, "TRANSACTION_ABORTED_EXCEPTION", retriable: false, appended: No;
    /// Another incarnation of this broker still has a valid session (C-2).
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION", retriable: false, appended: No;
    /// The registered broker is not known (C-1).
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED", retriable: false, appended: No;
    /// A newcomer gets its id first (G-2).
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", retriable: false, appended: No;
    /// A record that the topic does not take: one without key in a compacted topic (L-6).
    InvalidRecord = 87, "INVALID_RECORD", retriable: false, appended: No;
    /// The change was made against an old version.
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", retriable: false, appended: No;
    /// A replica that may not join the ISR now.
    IneligibleReplica = 107, "INELIGIBLE_REPLICA", retriable: false, appended: No;
    /// AlterPartition took effect and moved the leadership at once.
    NewLeaderElected = 108, "NEW_LEADER_ELECTED", retriable: false, appended: No;
    /// The member's epoch is not the one that the coordinator expects: it must give up everything and join again (G-22).
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", retriable: false, appended: No;
    /// The group has as many members as it may have (G-2).
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", retriable: false, appended: No;
    /// Another process has taken the instance id over (G-10).
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", retriable: false, appended: No;
    /// Another process that is a member still has the instance id (G-22).
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID", retriable: false, appended: No;
    /// A commit with an epoch that is not the member's any more (G-24).
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", retriable: false, appended: No;
    /// Another change is in flight.
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED", retriable: false, appended: No;
    /// The client gave up: delivery.timeout.ms or max.block.ms ran out (P-10, P-43). Not a wire error in Kafka: the clients'
    /// TimeoutException, which carries REQUEST_TIMED_OUT's number.
    Timeout = 7001, "TIMEOUT_EXCEPTION", retriable: true, appended: Unknown;
    /// The member is not one any more, or is not yet: nothing was committed (F-13). The client's CommitFailedException.
    CommitFailed = 7003, "COMMIT_FAILED_EXCEPTION", retriable: false, appended: No;
    /// A record larger than max.request.size or buffer.memory, refused by the client (P-10): RecordTooLargeException.
    RecordTooLarge = 7002, "RECORD_TOO_LARGE", retriable: false, appended: No;
    /// The producer was closed before the record was sent or answered (P-48): Kafka's KafkaException "Producer is closed forcefully".
    ProducerClosed = 7003, "PRODUCER_CLOSED", retriable: false, appended: No;
}

impl ErrorCode {
    /// The "invalid metadata" family: the client also refreshes its metadata.
    pub fn is_invalid_metadata(self) -> bool {
        matches!(
            self,
            ErrorCode::UnknownTopicOrPartition
                | ErrorCode::LeaderNotAvailable
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::NetworkException
                | ErrorCode::KafkaStorageError
                | ErrorCode::FencedLeaderEpoch
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
        let name = String::deserialize(deserializer)?;
        ErrorCode::ALL
            .iter()
            .copied()
            .find(|e| e.name() == name)
            .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not a Kafka error name")))
    }
}
