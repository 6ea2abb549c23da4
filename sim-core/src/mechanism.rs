//! The named causes of loss, duplication and disorder (protocol reference, section 7), as far as the model can bring them about.

/// A named cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// `LOSS-B1`.
    pub id: &'static str,
    /// A few words.
    pub name: &'static str,
    /// What happened, in one sentence.
    pub sentence: &'static str,
    /// What would have prevented it.
    pub fix: &'static str,
}

macro_rules! mechanisms {
    ($($constant:ident = $id:literal, $name:literal, $sentence:literal, $fix:literal;)*) => {
        $(
            #[doc = $sentence]
            pub static $constant: Mechanism = Mechanism { id: $id, name: $name, sentence: $sentence, fix: $fix };
        )*
        /// All of them.
        pub static ALL: &[&Mechanism] = &[$(&$constant),*];
    };
}

mechanisms! {
    LOSS_P1 = "LOSS-P1", "nobody looked at the result",
        "The send failed, but the application never looked at the future or the callback, and took the record for sent.",
        "Look at every result, and treat an unknown outcome as unknown.";
    LOSS_P2 = "LOSS-P2", "acks=0 and nobody listened",
        "With acks=0 the producer counts a record as sent once the bytes are out; the request, or the broker's refusal, was lost without a word.",
        "acks=all, so that a success means something.";
    LOSS_P3 = "LOSS-P3", "send() blocked for too long",
        "The buffer was full or the metadata missing for max.block.ms, so send() failed and the record was never queued.",
        "Slow the application down when sending blocks, and keep what failed for another try (an outbox).";
    LOSS_P4 = "LOSS-P4", "delivery.timeout.ms ran out",
        "The batch could not be delivered within delivery.timeout.ms, or the application's own patience; it was reported as failed, though it may be in the log.",
        "A longer delivery.timeout.ms, and an outbox for what still fails; a timeout taken for what it is: an unknown outcome.";
    LOSS_P5 = "LOSS-P5", "retries ran out",
        "The client gave up after `retries` attempts, though the error was a passing one.",
        "Leave retries at its maximum and bound the time with delivery.timeout.ms.";
    LOSS_P6 = "LOSS-P6", "an error that no retry can mend",
        "The record was refused for good (too large, say), and nobody kept it.",
        "Handle the error: a dead-letter store at the producer.";
    LOSS_P7 = "LOSS-P7", "the producer died with records in its buffer",
        "The producing process ended while the record was buffered or unanswered; nobody knows what became of it.",
        "flush() before leaving; an outbox that is written before the send and cleared after the ack.";
    LOSS_P9 = "LOSS-P9", "aborted and not repeated",
        "The transaction was aborted and the application did not send its messages again: the records may be in the log, but readers of committed records never see them.",
        "Repeat the whole transaction.";
    LOSS_P10 = "LOSS-P10", "the first-batch hole",
        "The first batches of an idempotent producer were refused for a passing reason while a later one was accepted, since the partition knew nothing of the producer; the first ones could then never be appended.",
        "max.in.flight.requests.per.connection=1, or a cluster that asks for the first sequence number (4.5, for new logs).";
    LOSS_B1 = "LOSS-B1", "acked by the leader alone",
        "The leader had the record alone, for acks=1 (or 0) asks for no more, and failed before a follower had fetched it; the new leader never had it, and the old one cut it off when it came back.",
        "acks=all with min.insync.replicas=2: an ack then means that another replica has it.";
    LOSS_B2 = "LOSS-B2", "acked by a deposed leader",
        "A leader that was cut off from the controller had been replaced already, but went on acknowledging writes with acks=1 (or 0); all of them were cut off later.",
        "acks=all: a deposed leader cannot commit, since nobody fetches from it.";
    LOSS_B3 = "LOSS-B3", "the only copy was lost",
        "With a replication factor of 1 the record had one copy, and the disk did not have it when the power went.",
        "A replication factor of 3.";
    LOSS_B4 = "LOSS-B4", "an ISR of one",
        "The ISR had shrunk to the leader, and min.insync.replicas=1 let acks=all succeed with that single copy, which was then lost.",
        "min.insync.replicas=2 with a replication factor of 3.";
    LOSS_B5 = "LOSS-B5", "the last replica standing came back shorter",
        "The other replicas had left the ISR; the last member lost the end of its log with the power and, as the only electable replica, imposed that shorter log on all.",
        "Eligible leader replicas (on by default since 4.1), independent power, or flushing before the ack.";
    LOSS_B6 = "LOSS-B6", "all replicas lost power together",
        "The record was only in page caches: every in-sync replica lost power before it was written to a disk.",
        "Replicas in separate failure domains (racks, zones); flush.messages=1 where that cannot be had.";
    LOSS_B7 = "LOSS-B7", "the disk came back empty",
        "A disk with the record was replaced by an empty one while no other electable replica had it; the partition goes on without.",
        "A replication factor of 3 with min.insync.replicas=2, and never more than one disk at a time.";
    LOSS_B8 = "LOSS-B8", "unclean leader election",
        "No in-sync replica was alive, and a replica without the record was made leader; everybody else cut it off.",
        "unclean.leader.election.enable=false: rather unavailable than wrong.";
    LOSS_B9 = "LOSS-B9", "truncation to the high watermark",
        "A follower that did not know yet that the record was committed cut its log to its own watermark, as before Kafka 0.11, and then led.",
        "Kafka 2.1 or later: followers ask their leader where their logs part.";
    LOSS_B10 = "LOSS-B10", "a request from the past was believed",
        "What a broker proved in an earlier leader epoch, or before it restarted, was counted for the present: Kafka before 2.1 did not fence by the leader epoch, and before 3.5 not by the broker epoch.",
        "Kafka 3.5 or later.";
    LOSS_B11 = "LOSS-B11", "deleted before it was read",
        "Retention, DeleteRecords or compaction took the record away before the group had read it: no fault of the protocol, but lost to the reader.",
        "Keep records for longer than the worst lag, and raise an alarm on lag.";
    LOSS_B13 = "LOSS-B13", "a disk spoiled the record",
        "A disk returned something else than was written to it; the scan after an unclean stop, or a reader, found out, and the log was cut there.",
        "A replication factor of 3 and acks=all: the other copies are sound.";
    LOSS_B15 = "LOSS-B15", "a timestamp from the past",
        "The client's timestamp made the record older than retention.ms when it arrived, and the next look deleted it.",
        "message.timestamp.type=LogAppendTime, or a bound in message.timestamp.before.max.ms.";
    LOSS_C1 = "LOSS-C1", "committed before the work",
        "The application committed the offset before it did its business, and ended in between; whoever reads on begins behind the record.",
        "Commit after the effect, and make the effect one that can be repeated.";
    LOSS_C2 = "LOSS-C2", "auto commit, and workers that were not done",
        "poll() had handed the record to a worker thread, and the next poll() committed it although the worker had not finished; then the process ended.",
        "enable.auto.commit=false, and commit what lies below the lowest unfinished offset.";
    LOSS_C3 = "LOSS-C3", "the exception was swallowed",
        "The handler threw, the application went on without the record, and the next poll() or close() committed its offset by itself.",
        "Seek back, or put the record into a dead-letter topic before going on; commit by hand.";
    LOSS_C4 = "LOSS-C4", "the highest finished offset was committed",
        "Several threads worked on one partition, and the application committed the highest offset that was finished while a lower one was still in work.",
        "Commit only what lies below the lowest unfinished offset.";
    LOSS_C5 = "LOSS-C5", "onPartitionsRevoked committed too much",
        "When the partition was taken away the application committed all that poll() had returned, though its workers had not finished with it, and then ended.",
        "Keep account of what is finished, and commit that.";
    LOSS_C6 = "LOSS-C6", "started at the end",
        "The group had no committed offset and auto.offset.reset=latest, so everything that was there already was skipped.",
        "auto.offset.reset=earliest.";
    LOSS_C7 = "LOSS-C7", "the offset was forgotten",
        "The group had been empty for longer than offsets.retention.minutes; its offsets were gone when it came back, and auto.offset.reset=latest skipped what had come meanwhile.",
        "auto.offset.reset=earliest with an effect that can be repeated; a longer offsets.retention.minutes.";
    LOSS_C8 = "LOSS-C8", "out of range, and on to the end",
        "The group's offset was no longer in the log, and the reset policy moved it past the record.",
        "auto.offset.reset=none with an alarm, or earliest with idempotent processing.";
    LOSS_C9 = "LOSS-C9", "its offset had been another record's",
        "The log was cut back below what the group had read, and the record was given an offset that the group had left behind.",
        "unclean.leader.election.enable=false: a reader can do little about it.";
    LOSS_C10 = "LOSS-C10", "marked before it was done",
        "The handler set its key, and the process ended before the business was done; the redelivery found the key, took the record for done and acknowledged it.",
        "The mark and the effect in one transaction, or a key with two states: in work for a short lease, and done.";
    LOSS_C11 = "LOSS-C11", "taken for another one",
        "The record was known by something that another record has, too; the handler took it for a copy of that one and acknowledged it unprocessed.",
        "An identity that the producer gives each message, and no other has.";
    LOSS_C12 = "LOSS-C12", "the mark counted, the effect did not",
        "The unique row was committed on its own, and the process ended before the effect; the redelivery met the row and was acknowledged.",
        "The row and the effect in one transaction.";
    LOSS_C13 = "LOSS-C13", "tried often enough and passed over",
        "The handler threw every time; after the last attempt the record was passed over and its offset committed, or the dead letter never arrived.",
        "A dead-letter topic whose ack is awaited before the commit.";
    LOSS_C14 = "LOSS-C14", "given away without a look back",
        "The group sent the record on, to a topic for retries or with more partitions, and committed its offset without waiting for the ack; the copy never arrived.",
        "Wait for the ack before the commit, or both in one transaction.";
    LOSS_C18 = "LOSS-C18", "nobody was assigned to the partition",
        "The partition was nobody's, since no member subscribed to it or its member was not replaced, until its records were deleted.",
        "An alarm on lag; retention far beyond the longest outage.";
    DUP_1 = "DUP-1", "a retry without idempotence",
        "The batch was appended, but the answer was lost or late; the client's retry was appended a second time.",
        "enable.idempotence=true.";
    DUP_2 = "DUP-2", "the application sent it again",
        "The outcome of the first attempt was unknown, and the application called send() again: a new record with a new number, which idempotence does not know.",
        "An id that the application gives the message, and consumers that know it; a longer delivery.timeout.ms.";
    DUP_5 = "DUP-5", "sent, and not marked as sent",
        "The relay of the outbox crashed after the message was in the log and before its row was marked; the next one sent it again.",
        "Accept it: carry the row's id in the message, and let consumers recognise it.";
    DUP_6 = "DUP-6", "a copy from the network",
        "A request was held up by the network for so long that the client had given up its connection and sent the batch again, or something on the way sent it twice; without idempotence both were appended.",
        "enable.idempotence=true.";
    DUP_7 = "DUP-7", "the producer was forgotten before its retry came",
        "The leader had forgotten the producer's numbers when the retry of a batch that it had already arrived, and appended it again.",
        "Kafka's own timeouts: producer.id.expiration.ms far beyond delivery.timeout.ms.";
    DUP_8 = "DUP-8", "renumbered after it had landed",
        "A sibling batch failed for good, or was refused for a gap, and the producer renumbered the rest under a new epoch; one of them had landed already and was accepted again.",
        "Transactions, or consumers that recognise the record's own id.";
    DUP_10 = "DUP-10", "processed, not committed",
        "The consumer finished the record but its offset was not committed when it stopped; the record was delivered again.",
        "The effect and the offset in one transaction, or an effect that can be repeated.";
    DUP_11 = "DUP-11", "poll() came too late",
        "The consumer worked for longer than max.poll.interval.ms: its client left the group, its partitions went to others from the last commit on, and it worked on; its own commit failed.",
        "Smaller batches (max.poll.records), a longer max.poll.interval.ms, or an effect that can be repeated.";
    DUP_12 = "DUP-12", "taken for dead by its session",
        "The coordinator heard nothing of the consumer for session.timeout.ms, though it lived: its partitions went to others from the last commit on while it worked on.",
        "A longer session.timeout.ms, or an effect that can be repeated.";
    DUP_13 = "DUP-13", "partitions moved before the commit",
        "A rebalance took the partition away before what had been processed was committed.",
        "Commit in onPartitionsRevoked what has been processed; static membership, so that restarts do not move partitions.";
    DUP_14 = "DUP-14", "the commit failed",
        "The record was processed, but the commit of its offset failed, was lost, or was overtaken by an older one, and it was delivered again.",
        "commitSync before partitions are given up, and an effect that can be repeated.";
    DUP_15 = "DUP-15", "the offset moved back",
        "The group's offset was lost or moved back, and what had been processed was delivered again.",
        "min.insync.replicas=2 for __consumer_offsets, and idempotent processing.";
    DUP_16 = "DUP-16", "known by its place only",
        "The message is in the log more than once, and the handler tells records apart by topic, partition and offset: each copy was new to it.",
        "An identity that the producer gives each message.";
    DUP_17 = "DUP-17", "the marks were forgotten",
        "The key was not there when the record came again: Redis had lost it (a restart, a failover to a replica that was behind, an eviction, a lifetime that was too short), or did not answer, and the handler went on without.",
        "A durable store behind it: a unique constraint in the transaction of the effect.";
    DUP_18 = "DUP-18", "checked, then acted",
        "Two looked for the mark before either of them had set it.",
        "One atomic step: SETNX, or an INSERT with a unique constraint.";
    DUP_19 = "DUP-19", "the lease ran out",
        "The marker of the first attempt ran out while its outcome was still open, and another attempt began: both had their effect.",
        "A lease longer than the work, and an effect that checks a fencing token.";
    DUP_20 = "DUP-20", "the mark and the effect apart",
        "The effect happened outside of the transaction of the unique row, or beside the key: the work ended between the two, and the effect was repeated.",
        "A unique row and the effect in one transaction.";
    DUP_21 = "DUP-21", "an outcome that nobody knows",
        "The call did its work, but its answer was lost; the application called again.",
        "An identity that the other side recognises.";
    DUP_22 = "DUP-22", "the output was sent, the input not committed",
        "A group that consumes, transforms and produces sent the output, and it failed or the offset was not committed; the record was read again and its output sent again.",
        "Outputs and offsets in one transaction, and isolation.level=read_committed behind it.";
    DUP_23 = "DUP-23", "aborted attempts were read",
        "A transaction was aborted, and its messages were sent again in another or not at all; a group with isolation.level=read_uncommitted sees them all the same.",
        "isolation.level=read_committed.";
    DUP_25 = "DUP-25", "the original and its retry both succeeded",
        "An attempt was taken for failed although its work was done, and the record went to the retry topic, where it was done again.",
        "An identity of the message, checked in the transaction of the effect.";
    ORDER_1 = "ORDER-1", "a retry came after its successors",
        "Several requests were in flight; one failed and was sent again when a later one was in the log already, which nothing held back: there was no idempotence, or the partition did not know the producer yet.",
        "enable.idempotence=true, or max.in.flight.requests.per.connection=1.";
    ORDER_2 = "ORDER-2", "sent again after its successors",
        "The application sent the message again when later ones were in the log already.",
        "Version numbers in the data, or stop a key's stream when one of its messages fails.";
    ORDER_3 = "ORDER-3", "given up, and there after all",
        "The client was done with the record (it had given it up, or acks=0 asks for no answer) and went on; its request was held up, and reached the broker when later records were in the log already.",
        "Take a timeout for an unknown outcome that ends the key's stream; a longer delivery.timeout.ms.";
    ORDER_4 = "ORDER-4", "several threads for one key",
        "Several threads or instances of the application sent records of one partition; who called send() first was a matter of chance.",
        "One writer for each key.";
    ORDER_5 = "ORDER-5", "the key moved to another partition",
        "The key got another partition, since the topic has more of them now or was moved into one that has; what was sent later was handled before what still waited on the other way.",
        "Never more partitions for a topic with keys: a new topic, and the old one read to its end first.";
    ORDER_6 = "ORDER-6", "spread over partitions",
        "The records did not go to partitions by their keys; between two partitions there is no order.",
        "A key, and the partitioner that goes by it.";
    ORDER_8 = "ORDER-8", "workers finished in another order",
        "The records of one partition were handed to several threads, and a later one was finished first.",
        "One queue for each key, worked off by one thread.";
    ORDER_9 = "ORDER-9", "two owners at work",
        "A member still worked on the record when its partition was another's already, who went on with later ones.",
        "Wait for the work in hand in onPartitionsRevoked; an effect that checks a fencing token.";
    ORDER_10 = "ORDER-10", "put aside, and done later",
        "The work on the record failed, and it was tried again later or put into a retry topic, or it was taken for done; its successors were done first.",
        "Block the key until the record is done, or version numbers in the data.";
    ORDER_11 = "ORDER-11", "read again after its successors",
        "The group read on from an earlier offset, and the record had its first effect then, when later ones had theirs already.",
        "Version numbers in the data.";
    ORDER_12 = "ORDER-12", "the log lost a part, and it came again",
        "A log was cut back behind a change of leader, and what was lost was sent again when later records were there.",
        "acks=all with min.insync.replicas=2, and unclean.leader.election.enable=false.";
}

/// A mechanism by its id.
pub fn find(id: &str) -> Option<&'static Mechanism> {
    ALL.iter().copied().find(|m| m.id == id)
}
