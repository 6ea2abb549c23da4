//! The kinds of event, each with its columns.

use super::{
    Api, Command, ConsumerFailure, DropReason, Forgot, Removal, RolledBack, SendOutcome, SqlResult, StartReason, Statement,
    Trouble, Verdict, Wall,
};
use crate::error_code::ErrorCode;
use crate::group::classic::State as GroupState;
use crate::ids::*;
use crate::scenario::SendStep;
use crate::set::BrokerSet;
use crate::transaction::State;
use serde::Serialize;

/// The events. Counts are records; `base` is the first offset of a range of `count` offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The run begins. Always event 0.
    RunStarted {
        /// The seed of all randomness.
        seed: u64,
    },
    /// An intervention takes effect: its position in the session's list.
    Intervened {
        /// Position in the list of interventions.
        index: u32,
    },
    /// A process ended without a word (`power` false: its page cache lives on, D-2) or its machine lost power (D-3).
    Crashed {
        /// Who.
        node: NodeId,
        /// The machine lost power.
        power: bool,
    },
    /// A process stands still from now on, as in a long garbage collection, or goes on.
    Paused {
        /// Who.
        node: NodeId,
        /// True: it stands still.
        paused: bool,
    },
    /// A broker began a controlled shutdown (C-5).
    ShuttingDown {
        /// Who.
        broker: BrokerId,
    },
    /// A process stopped cleanly, with its logs flushed.
    Stopped {
        /// Who.
        node: NodeId,
    },
    /// A process came up.
    Started {
        /// Who.
        node: NodeId,
    },
    /// A link was cut or joined again.
    LinkCut {
        /// One end.
        a: NodeId,
        /// The other end.
        b: NodeId,
        /// True: cut. False: joined again.
        cut: bool,
        /// Only the direction from `a` to `b`.
        one_way: bool,
    },
    /// Someone broke a connection: what was on its way on it is lost.
    ConnectionBroken {
        /// Who had opened it.
        client: NodeId,
        /// To whom.
        server: NodeId,
    },
    /// A packet left.
    Sent {
        /// The packet.
        packet: PacketId,
        /// From.
        from: NodeId,
        /// To.
        to: NodeId,
        /// What it asks for or answers.
        api: Api,
        /// It is an answer.
        response: bool,
    },
    /// A packet arrived and was read.
    Delivered {
        /// The packet.
        packet: PacketId,
    },
    /// A transmission of a packet did not pass; TCP sends it again, and everything behind it waits.
    TransmissionLost {
        /// The packet.
        packet: PacketId,
        /// Why.
        reason: DropReason,
        /// How often it has been sent again before.
        tries: u32,
    },
    /// A packet was lost for good.
    Dropped {
        /// The packet.
        packet: PacketId,
        /// Why.
        reason: DropReason,
    },
    /// A client gave up on a request (P-40) or lost its connection.
    Disconnected {
        /// The client.
        client: NodeId,
        /// The server.
        server: NodeId,
        /// True: request.timeout.ms ran out. False: the other side closed or refused.
        timeout: bool,
    },
    /// The application decided that this message must be sent: its life begins.
    Intended {
        /// The message.
        message: MessageId,
        /// The application.
        producer: ProducerId,
        /// Its key's number; none for a record without key.
        key: Option<u32>,
    },
    /// `send()` put the record into a batch (P-12).
    Queued {
        /// The message.
        message: MessageId,
        /// The batch.
        batch: BatchId,
        /// The partition that its key chose (P-21).
        partition: PartitionId,
    },
    /// `send()` itself failed: too large, or no memory or metadata for max.block.ms (P-10).
    SendFailed {
        /// The message.
        message: MessageId,
        /// The error.
        error: ErrorCode,
    },
    /// The application sends a message again: to its client a record like any other (DUP-2).
    Resent {
        /// Who.
        producer: ProducerId,
        /// The message.
        message: MessageId,
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// The application wrote a message into its table.
    RowKept {
        /// Who.
        producer: ProducerId,
        /// The message.
        message: MessageId,
    },
    /// The application knows that the message has arrived, and marked its row.
    RowCleared {
        /// Who.
        producer: ProducerId,
        /// The message.
        message: MessageId,
    },
    /// What an application that sends again takes a message for in the end.
    SendReported {
        /// Who.
        producer: ProducerId,
        /// The message.
        message: MessageId,
        /// Its outcome.
        outcome: SendOutcome,
        /// With this error, or NONE.
        error: ErrorCode,
    },
    /// A sending process has come to the point of its work at which it is crashed.
    SendPointReached {
        /// Which process.
        producer: ProducerId,
        /// At work on this message.
        message: MessageId,
        /// The step.
        step: SendStep,
        /// After the step; else before it.
        after: bool,
    },
    /// A batch was put into a produce request.
    BatchSent {
        /// The producer.
        producer: ProducerId,
        /// The batch.
        batch: BatchId,
        /// 0 for the first attempt.
        attempt: u32,
        /// Sent to this broker.
        to: BrokerId,
    },
    /// A batch failed for now and waits for its next attempt (P-41).
    BatchRetried {
        /// The batch.
        batch: BatchId,
        /// The error of this attempt.
        error: ErrorCode,
    },
    /// A batch was too large for the broker and became several (P-44).
    BatchSplit {
        /// The batch.
        batch: BatchId,
        /// The first of the new batches.
        first: BatchId,
        /// How many.
        parts: u32,
    },
    /// The application was told of a batch.
    BatchDone {
        /// The batch.
        batch: BatchId,
        /// What it was told.
        outcome: SendOutcome,
        /// With this error, or NONE.
        error: ErrorCode,
        /// The answered base offset, or -1.
        offset: Offset,
    },
    /// Records were appended to a replica's log.
    Appended {
        /// Whose log.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// Of this batch; none for records of the broker's own (committed offsets).
        batch: Option<BatchId>,
        /// Stamped with this epoch.
        epoch: LeaderEpoch,
        /// First offset.
        base: Offset,
        /// Records.
        count: u32,
        /// True: as leader. False: copied from the leader.
        leader: bool,
    },
    /// A leader recognised a batch that it has already (L-11).
    Deduplicated {
        /// Which broker.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The batch.
        batch: BatchId,
        /// The offset that the first copy has.
        base: Offset,
    },
    /// A broker refused a batch; nothing was appended.
    Refused {
        /// Which broker.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The batch.
        batch: BatchId,
        /// Why.
        error: ErrorCode,
    },
    /// The high watermark of a replica moved.
    HwMoved {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The new value.
        to: Offset,
    },
    /// A replica wrote its log to the disk up to here (D-1).
    Flushed {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The first offset that is not on the disk.
        to: Offset,
    },
    /// A log began a new file (D-1).
    SegmentRolled {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The new file's first offset.
        base: Offset,
    },
    /// A log starts later than before: what lies below cannot be read any more.
    LogStartMoved {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The log start now.
        to: Offset,
        /// Why.
        why: StartReason,
    },
    /// A disk has spoiled a batch, and nobody has noticed (LOSS-B13).
    Corrupted {
        /// Whose disk.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The batch's first offset.
        base: Offset,
    },
    /// A reader of a log found that a batch does not fit its CRC.
    CorruptionFound {
        /// Who.
        node: NodeId,
        /// The partition.
        partition: PartitionId,
        /// The batch's first offset.
        base: Offset,
    },
    /// A log has forgotten idle producers (L-16).
    ProducersForgotten {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// How many.
        count: u32,
    },
    /// A log was compacted: of each key the last record stayed.
    LogCompacted {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// Up to here.
        to: Offset,
        /// Records that went.
        removed: u32,
    },
    /// DeleteRecords was asked of a leader.
    RecordsDeleted {
        /// Of whom; none while the partition has no leader.
        broker: Option<BrokerId>,
        /// The partition.
        partition: PartitionId,
        /// The records before this offset.
        before: Offset,
        /// What came of it, or NONE.
        error: ErrorCode,
    },
    /// CreatePartitions was asked of the active controller (P-23).
    PartitionsAsked {
        /// Of whom; none while there is no active controller.
        controller: Option<ControllerId>,
        /// The topic.
        topic: TopicId,
        /// How many partitions it is to have.
        total: u16,
        /// What came of it, or NONE.
        error: ErrorCode,
    },
    /// The controller has added a partition (P-23).
    PartitionAdded {
        /// The partition.
        partition: PartitionId,
        /// Who leads it.
        leader: BrokerId,
        /// Its first ISR: the replicas that were active.
        isr: BrokerSet,
    },
    /// A broker's disk was replaced by an empty one (D-6).
    DiskWiped {
        /// Whose.
        broker: BrokerId,
    },
    /// A broker's disk failed, or works again (D-6).
    DiskFailed {
        /// Whose.
        broker: BrokerId,
        /// True: it does not work.
        failed: bool,
    },
    /// A starting broker has read its logs (D-4).
    LogsLoaded {
        /// Who.
        broker: BrokerId,
        /// It had stopped cleanly: there was nothing to scan.
        clean: bool,
        /// What it had to scan.
        bytes: u64,
    },
    /// A replica cut its log.
    Truncated {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The log end before.
        from: Offset,
        /// The log end after.
        to: Offset,
        /// It follows the leader of this epoch.
        epoch: LeaderEpoch,
    },
    /// A power cut took the unflushed end of a log (D-3, D-4).
    TailLost {
        /// Whose.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The log end before.
        from: Offset,
        /// The log end that survived.
        to: Offset,
        /// A part of the next batch survived; recovery cuts it off.
        torn: bool,
    },
    /// A replica leads now.
    BecameLeader {
        /// Who.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where the epoch starts.
        start: Offset,
    },
    /// A replica follows now.
    BecameFollower {
        /// Who.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The epoch.
        epoch: LeaderEpoch,
        /// Its leader, if there is one.
        leader: Option<BrokerId>,
    },
    /// A leader asked for another ISR.
    IsrProposed {
        /// The leader.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The ISR it asks for.
        isr: BrokerSet,
    },
    /// The controller changed the ISR or the ELR of a partition, not its leader.
    IsrChanged {
        /// The partition.
        partition: PartitionId,
        /// The ISR before.
        old: BrokerSet,
        /// The ISR now.
        new: BrokerSet,
        /// The eligible leader replicas now (C-12).
        elr: BrokerSet,
        /// The version of the change.
        epoch: PartitionEpoch,
    },
    /// The controller gave a partition another leader, or none (C-10).
    LeaderElected {
        /// The partition.
        partition: PartitionId,
        /// The leader before.
        old: Option<BrokerId>,
        /// The leader now.
        new: Option<BrokerId>,
        /// The new epoch.
        epoch: LeaderEpoch,
        /// The ISR now.
        isr: BrokerSet,
        /// The new leader was not known to have every committed record (C-15).
        unclean: bool,
    },
    /// A broker registered (C-1).
    Registered {
        /// Who.
        broker: BrokerId,
        /// Its broker epoch.
        epoch: BrokerEpoch,
    },
    /// The controller fenced a broker (C-4) or let it serve again (C-3).
    Fenced {
        /// Who.
        broker: BrokerId,
        /// True: fenced. False: unfenced.
        fenced: bool,
    },
    /// A controller stands for election: it was told that it would be elected.
    ElectionStarted {
        /// Who.
        controller: ControllerId,
        /// For this epoch of the quorum.
        epoch: QuorumEpoch,
    },
    /// A majority elected a controller.
    ControllerElected {
        /// Who.
        controller: ControllerId,
        /// For this epoch of the quorum.
        epoch: QuorumEpoch,
    },
    /// A controller knows everything that was committed before its election, and decides from now on (C-18).
    ControllerActive {
        /// Who.
        controller: ControllerId,
        /// In this epoch of the quorum.
        epoch: QuorumEpoch,
    },
    /// A controller leads the quorum no more: it has not heard of a majority for too long, or stops in good order.
    ControllerResigned {
        /// Who.
        controller: ControllerId,
        /// It led in this epoch.
        epoch: QuorumEpoch,
    },
    /// A consumer starts from here.
    PositionSet {
        /// Who.
        consumer: ConsumerId,
        /// The partition.
        partition: PartitionId,
        /// From here.
        to: Offset,
        /// True: by auto.offset.reset (F-3). False: from the committed offset.
        reset: bool,
    },
    /// A consumer learned that records below its position were replaced (F-5).
    PositionDiverged {
        /// Who.
        consumer: ConsumerId,
        /// The partition.
        partition: PartitionId,
        /// Its position.
        from: Offset,
        /// Where the logs part.
        to: Offset,
    },
    /// An exception ended the consuming application.
    ConsumerFailed {
        /// Which process.
        consumer: ConsumerId,
        /// Because of this partition, if of any.
        partition: Option<PartitionId>,
        /// Why.
        why: ConsumerFailure,
    },
    /// `poll()` returned records to the application (F-4).
    Polled {
        /// Who.
        consumer: ConsumerId,
        /// The partition.
        partition: PartitionId,
        /// First offset.
        base: Offset,
        /// Records.
        count: u32,
    },
    /// The application finished its business with a message.
    Effect {
        /// Which process.
        consumer: ConsumerId,
        /// The message.
        message: MessageId,
        /// Read from this partition.
        partition: PartitionId,
        /// At this offset.
        offset: Offset,
    },
    /// Redis has done what it was asked.
    RedisAnswered {
        /// By whom.
        consumer: ConsumerId,
        /// About this message.
        message: MessageId,
        /// What.
        command: Command,
        /// The key was there before.
        found: bool,
    },
    /// A service has done what it was called for (S-16).
    Served {
        /// About this message.
        message: MessageId,
    },
    /// Redis has lost keys before their time.
    RedisForgot {
        /// How many.
        keys: u32,
        /// Why.
        why: Forgot,
    },
    /// The database has done what it was asked, or refused it.
    DatabaseAnswered {
        /// By whom.
        consumer: ConsumerId,
        /// About this message.
        message: MessageId,
        /// What.
        statement: Statement,
        /// How it ended.
        result: SqlResult,
    },
    /// The database has rolled a transaction back.
    TransactionRolledBack {
        /// Whose.
        consumer: ConsumerId,
        /// Why.
        why: RolledBack,
    },
    /// A handler recognised a record as done before, and goes on to its acknowledgement.
    Absorbed {
        /// Which process.
        consumer: ConsumerId,
        /// The message.
        message: MessageId,
        /// Read from this partition.
        partition: PartitionId,
        /// At this offset.
        offset: Offset,
        /// What recognised it.
        by: Wall,
    },
    /// An exception ended the work on a record.
    HandlerFailed {
        /// Which process.
        consumer: ConsumerId,
        /// The message.
        message: MessageId,
        /// The position of the step in the handler.
        step: u32,
        /// What was thrown.
        trouble: Trouble,
    },
    /// A record was tried often enough, and is passed over (LOSS-C13).
    RecordSkipped {
        /// Which process.
        consumer: ConsumerId,
        /// The message.
        message: MessageId,
        /// Read from this partition.
        partition: PartitionId,
        /// At this offset.
        offset: Offset,
    },
    /// A record is handed to the group's producer instead of being done: it goes to another topic.
    SentOn {
        /// Which process.
        consumer: ConsumerId,
        /// The message.
        message: MessageId,
        /// Read from this partition.
        partition: PartitionId,
        /// At this offset.
        offset: Offset,
    },
    /// A process has come to the point of its work at which it is crashed.
    CrashPointReached {
        /// Which process.
        consumer: ConsumerId,
        /// At work on this message.
        message: MessageId,
        /// The position of the step in the handler.
        step: u32,
        /// After the step; else before it.
        after: bool,
    },
    /// A group of the consumer protocol has another group epoch: somebody came or went, or its topics changed (G-20).
    GroupEpochSet {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// The epoch now.
        epoch: MemberEpoch,
    },
    /// The coordinator went a step further with a member (G-21).
    MemberReconciled {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// The epoch that it has reached.
        epoch: MemberEpoch,
        /// Partitions that it is told to have.
        assigned: u32,
        /// Partitions that it still has to give up.
        revoking: u32,
    },
    /// A classic group at its coordinator is in another state (G-1).
    GroupChanged {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// Its state now.
        state: GroupState,
        /// Its generation (G-3).
        generation: i32,
        /// How many members it has.
        members: u32,
    },
    /// A new coordinator has read what the log says of a group (G-32).
    GroupLoaded {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// Its generation or epoch; 0 if the log knows no group.
        generation: i32,
        /// How many members it has.
        members: u32,
    },
    /// A process is a member of its group now.
    MemberAdded {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// A member is a member no more.
    MemberRemoved {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// Why.
        reason: Removal,
    },
    /// A consumer got a partition (onPartitionsAssigned).
    Assigned {
        /// Who.
        consumer: ConsumerId,
        /// The partition.
        partition: PartitionId,
        /// In this generation, or at this epoch, of its group.
        generation: i32,
    },
    /// A consumer gave a partition up (onPartitionsRevoked), or noticed that it had lost it.
    Revoked {
        /// Who.
        consumer: ConsumerId,
        /// The partition.
        partition: PartitionId,
        /// It is lost: others may have had it for long.
        lost: bool,
    },
    /// F-14: a consumer has not called poll() for max.poll.interval.ms; its client leaves the group behind its back.
    PollTooLate {
        /// Who.
        consumer: ConsumerId,
    },
    /// The coordinator accepted a commit and appended it; it counts once it is committed.
    CommitTaken {
        /// The coordinator.
        broker: BrokerId,
        /// The group.
        group: GroupId,
        /// Who commits; none for a consumer without a group's membership.
        member: Option<MemberId>,
        /// In which generation, or at which epoch; -1 for none.
        generation: i32,
    },
    /// The coordinator took a group's offset (G-31).
    Committed {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: PartitionId,
        /// The next offset to read.
        offset: Offset,
    },
    /// The coordinator has forgotten a group's offset (G-34).
    OffsetExpired {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: PartitionId,
    },
    /// A consumer was told of its commit.
    CommitDone {
        /// Who.
        consumer: ConsumerId,
        /// With this error, or NONE.
        error: ErrorCode,
    },
    /// A member that forwards put what became of a message into a batch.
    Forwarded {
        /// Its producer.
        producer: ProducerId,
        /// The message.
        message: MessageId,
        /// The batch.
        batch: BatchId,
        /// Where it goes.
        partition: PartitionId,
    },
    /// An application began a transaction.
    TransactionBegun {
        /// Who.
        producer: ProducerId,
    },
    /// An application knows how its transaction ended.
    TransactionEnded {
        /// Who.
        producer: ProducerId,
        /// What it was told of its messages; none: it sends them again in another transaction.
        outcome: Option<SendOutcome>,
        /// Why it was aborted, or NONE.
        error: ErrorCode,
    },
    /// `commitTransaction()` or `abortTransaction()` has taken max.block.ms and throws; the application calls it again.
    TransactionEndTimedOut {
        /// Who.
        producer: ProducerId,
    },
    /// A new coordinator has read its partition of `__transaction_state`.
    TransactionsLoaded {
        /// The coordinator.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// How many transactional.ids it knows of it.
        known: u32,
    },
    /// A coordinator has written a state of a transactional.id.
    TransactionMoved {
        /// The coordinator.
        broker: BrokerId,
        /// Whose state.
        transaction: TransactionalId,
        /// The state.
        state: State,
        /// The producer id.
        pid: Pid,
        /// The newest epoch.
        epoch: i16,
    },
    /// A leader has appended the end of a transaction.
    MarkerWritten {
        /// Who.
        broker: BrokerId,
        /// The partition.
        partition: PartitionId,
        /// The producer id.
        pid: Pid,
        /// The epoch of the marker.
        epoch: i16,
        /// COMMIT or ABORT.
        commit: bool,
        /// Where.
        offset: Offset,
    },
    /// The fate of a message in a group, when the run ended.
    Judged {
        /// The group.
        group: GroupId,
        /// The message.
        message: MessageId,
        /// Its fate.
        verdict: Verdict,
    },
    /// Something on the way sent a request a second time.
    PacketCopied {
        /// The request.
        packet: PacketId,
        /// Its copy.
        copy: PacketId,
        /// From.
        from: NodeId,
        /// To.
        to: NodeId,
        /// What it asks for.
        api: Api,
    },
}
