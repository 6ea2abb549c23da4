//! Events in plain English, for `explain`, the page's lists and error texts.

use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::layout::Layout;
use crate::scenario::Action;
use crate::trace::{
    Api, Command, ConsumerFailure, DropReason, Forgot, Removal, RolledBack, SendOutcome, SqlResult, StartReason, Statement,
    Trouble, Verdict, Wall, What,
};
use crate::world::World;

/// One sentence about an event.
pub fn describe(what: &What, layout: &Layout) -> String {
    let node = |n: NodeId| layout.node_name(n);
    let part = |p: PartitionId| layout.partition(p).name.as_str();
    let topic_name = |t: TopicId| layout.scenario.topics[t.ix()].name.as_str();
    let group_name = |g: GroupId| layout.scenario.groups[g.ix()].name.as_str();
    match *what {
        What::RunStarted { seed } => format!("the run begins with seed {seed}"),
        What::Intervened { index } => format!("intervention {} takes effect", index + 1),
        What::Crashed { node: n @ NodeId::Broker(_), power: false } => format!("{} crashes; its page cache survives", node(n)),
        What::Crashed { node: n, power: false } => format!("{} crashes", node(n)),
        What::Crashed { node: n, power: true } => format!("{} loses power", node(n)),
        What::Paused { node: n, paused: true } => format!("{} stands still; its kernel takes in what arrives", node(n)),
        What::Paused { node: n, paused: false } => format!("{} goes on, and finds its timers late", node(n)),
        What::ShuttingDown { broker } => format!("{broker} begins a controlled shutdown"),
        What::Stopped { node: n } => format!("{} has stopped cleanly", node(n)),
        What::Started { node: n } => format!("{} starts", node(n)),
        What::LinkCut { a, b, cut, one_way } => {
            let link = if one_way { ("from", "to") } else { ("between", "and") };
            let is = if cut { "cut" } else { "joined again" };
            format!("the link {} {} {} {} is {is}", link.0, node(a), link.1, node(b))
        }
        What::ConnectionBroken { client, server } => {
            format!("the connection from {} to {} is broken, with what was on its way", node(client), node(server))
        }
        What::Sent { from, to, api, response, .. } => {
            format!("{} sends {} to {}", node(from), packet_name(api, response), node(to))
        }
        What::Delivered { .. } => "it arrives".to_owned(),
        What::TransmissionLost { reason, .. } => format!("it does not pass, and will be sent again: {}", drop_reason(reason)),
        What::Dropped { reason, .. } => format!("it is lost: {}", drop_reason(reason)),
        What::Disconnected { client, server, timeout } => {
            let why = if timeout { "no answer within request.timeout.ms" } else { "the connection was closed" };
            format!("{} gives up on {}: {why}", node(client), node(server))
        }
        What::Intended { message, producer, key } => {
            let key = key.map_or(String::new(), |k| format!(" with key {k}"));
            format!("{} wants to send {message}{key}", node(NodeId::Producer(producer)))
        }
        What::Queued { message, batch, partition } => format!("send() puts {message} into {batch} for {}", part(partition)),
        What::SendFailed { message, error } => format!("send() of {message} fails with {error}"),
        What::Resent { producer, message, attempt } => {
            format!("{} sends {message} again, as a new record (attempt {attempt})", node(NodeId::Producer(producer)))
        }
        What::RowKept { producer, message } => format!("{} writes {message} into its table", node(NodeId::Producer(producer))),
        What::RowCleared { producer, message } => {
            format!("{} marks {message} in its table as sent", node(NodeId::Producer(producer)))
        }
        What::SendReported { producer, message, outcome: SendOutcome::Acked, .. } => {
            format!("{} counts {message} as sent", node(NodeId::Producer(producer)))
        }
        What::SendReported { producer, message, error, .. } => {
            format!("{} gives {message} up: {error}", node(NodeId::Producer(producer)))
        }
        What::SendPointReached { producer, message, step, after } => {
            let side = if after { "after" } else { "before" };
            format!("{} is at work on {message}, and at the point {side} `{}`", node(NodeId::Producer(producer)), step.name())
        }
        What::BatchSent { producer, batch, attempt, to } => {
            let again = if attempt == 0 { String::new() } else { format!(" again (attempt {})", attempt + 1) };
            format!("{} sends {batch} to {to}{again}", node(NodeId::Producer(producer)))
        }
        What::BatchRetried { batch, error } => format!("{batch} failed with {error} and waits for another attempt"),
        What::BatchSplit { batch, parts, .. } => format!("{batch} is too large for the broker and is split into {parts}"),
        What::BatchDone { batch, outcome, error, offset } => outcome_text(batch, outcome, error, offset),
        What::Appended { broker, partition, epoch, base, count, leader, .. } => {
            let role = if leader { "appends as leader" } else { "copies" };
            format!("{broker} {role} {} of {} in epoch {epoch}", offsets(base, count), part(partition))
        }
        What::Deduplicated { broker, batch, base, .. } => {
            format!("{broker} has {batch} already, at offset {base}: nothing is appended")
        }
        What::Refused { broker, batch, error, .. } => format!("{broker} refuses {batch}: {error}"),
        What::HwMoved { broker, partition, to } => format!("the high watermark of {} on {broker} is now {to}", part(partition)),
        What::Flushed { broker, partition, to } => {
            format!("{broker} has written {} to the disk up to offset {to}", part(partition))
        }
        What::Truncated { broker, partition, from, to, epoch } => {
            format!(
                "{broker} cuts {} from {from} back to {to}: the leader of epoch {epoch} does not have the rest",
                part(partition)
            )
        }
        What::SegmentRolled { broker, partition, base } => {
            format!("{broker} begins a new file of {} at offset {base}", part(partition))
        }
        What::LogStartMoved { broker, partition, to, why } => {
            format!("the log of {} on {broker} now starts at {to}: {}", part(partition), start_reason(why))
        }
        What::Corrupted { broker, partition, base } => {
            format!("the disk of {broker} spoils the batch at offset {base} of {}; nobody notices", part(partition))
        }
        What::CorruptionFound { node: n, partition, base } => {
            format!("{} finds that the batch at offset {base} of {} does not fit its CRC", node(n), part(partition))
        }
        What::ProducersForgotten { broker, partition, count } => {
            format!("{broker} forgets {count} idle producers of {}", part(partition))
        }
        What::LogCompacted { broker, partition, to, removed } => {
            format!("{broker} compacts {} up to offset {to}: {removed} records go", part(partition))
        }
        What::RecordsDeleted { broker: Some(broker), partition, before, error: ErrorCode::None } => {
            format!("{broker} is told to delete the records of {} before {before}", part(partition))
        }
        What::RecordsDeleted { partition, before, error, .. } => {
            format!("the records of {} before {before} are not deleted: {error}", part(partition))
        }
        What::PartitionsAsked { topic, total, error: ErrorCode::None, .. } => {
            format!("the controller is told that {} shall have {total} partitions", topic_name(topic))
        }
        What::PartitionsAsked { topic, total, error, .. } => {
            format!("{} does not get {total} partitions: {error}", topic_name(topic))
        }
        What::PartitionAdded { partition, leader, isr } => {
            format!("{} is there: {leader} leads, the ISR is {isr}", part(partition))
        }
        What::DiskWiped { broker } => format!("the disk of {broker} is replaced by an empty one"),
        What::DiskFailed { broker, failed: true } => format!("the disk of {broker} does not work: no process can run on it"),
        What::DiskFailed { broker, failed: false } => format!("the disk of {broker} works again"),
        What::LogsLoaded { broker, clean: true, .. } => format!("{broker} has opened its logs; it had stopped cleanly"),
        What::LogsLoaded { broker, clean: false, bytes } => {
            format!("{broker} had not stopped cleanly and has scanned {bytes} bytes of its logs")
        }
        What::TailLost { broker, partition, from, to, torn } => {
            let torn = if torn { ", behind it a torn batch that recovery cuts off" } else { "" };
            format!("what {broker} had not written of {} is gone: its log ends at {to} instead of {from}{torn}", part(partition))
        }
        What::BecameLeader { broker, partition, epoch, start } => {
            format!("{broker} leads {} in epoch {epoch}, from offset {start}", part(partition))
        }
        What::BecameFollower { broker, partition, epoch, leader } => match leader {
            Some(leader) => format!("{broker} follows {leader} for {} in epoch {epoch}", part(partition)),
            None => format!("{broker} has nobody to follow for {} in epoch {epoch}", part(partition)),
        },
        What::IsrProposed { broker, partition, isr } => format!("{broker} asks for the ISR {isr} of {}", part(partition)),
        What::IsrChanged { partition, old, new, elr, .. } => {
            let elr = if elr.is_empty() { String::new() } else { format!(", ELR {elr}") };
            format!("the ISR of {} changes from {old} to {new}{elr}", part(partition))
        }
        What::LeaderElected { partition, new: Some(new), epoch, unclean, .. } => {
            format!(
                "{new} is elected leader of {} for epoch {epoch}{}",
                part(partition),
                if unclean { ", uncleanly" } else { "" }
            )
        }
        What::LeaderElected { partition, new: None, epoch, .. } => format!("{} has no leader, epoch {epoch}", part(partition)),
        What::Registered { broker, epoch } => format!("{broker} registers with broker epoch {epoch}"),
        What::Fenced { broker, fenced: true } => format!("the controller has not heard of {broker} for too long and fences it"),
        What::Fenced { broker, fenced: false } => format!("the controller lets {broker} serve again"),
        What::ElectionStarted { controller, epoch } => format!("{controller} stands for election in epoch {epoch} of the quorum"),
        What::ControllerElected { controller, epoch } => {
            format!("{controller} is elected: it leads the quorum in epoch {epoch}")
        }
        What::ControllerActive { controller, epoch } => {
            format!("{controller} knows all that was decided before epoch {epoch}: it is the active controller now")
        }
        What::ControllerResigned { controller, epoch } => format!("{controller} gives up the leadership of epoch {epoch}"),
        What::PositionSet { consumer, partition, to, reset } => {
            let how = if reset { "by auto.offset.reset" } else { "from the committed offset" };
            format!("{} starts {} at offset {to}, {how}", node(NodeId::Consumer(consumer)), part(partition))
        }
        What::PositionDiverged { consumer, partition, from, to } => {
            let who = node(NodeId::Consumer(consumer));
            format!("{who} stands at {from} of {}, but the log has been replaced from {to} on", part(partition))
        }
        What::ConsumerFailed { consumer, partition, why } => {
            let why = match why {
                ConsumerFailure::NoOffsetForPartition => "NoOffsetForPartitionException",
                ConsumerFailure::OffsetOutOfRange => "OffsetOutOfRangeException",
                ConsumerFailure::LogTruncation => "LogTruncationException",
                ConsumerFailure::CorruptRecord => "KafkaException: the record is corrupt",
                ConsumerFailure::InconsistentGroupProtocol => "InconsistentGroupProtocolException",
                ConsumerFailure::InvalidSessionTimeout => "InvalidSessionTimeoutException",
                ConsumerFailure::FencedInstance => "FencedInstanceIdException",
                ConsumerFailure::UnreleasedInstance => "UnreleasedInstanceIdException",
                ConsumerFailure::GroupMaxSizeReached => "GroupMaxSizeReachedException",
            };
            let where_from = partition.map_or(String::new(), |p| format!(" for {}", part(p)));
            format!("{} ends with {why}{where_from}", node(NodeId::Consumer(consumer)))
        }
        What::Polled { consumer, partition, base, count } => {
            format!("poll() gives {} {} of {}", node(NodeId::Consumer(consumer)), offsets(base, count), part(partition))
        }
        What::Effect { consumer, message, offset, .. } => {
            format!("{} has done its business with {message} (offset {offset})", node(NodeId::Consumer(consumer)))
        }
        What::RedisAnswered { message, command, found, .. } => redis_text(message, command, found),
        What::RedisForgot { keys, why } => {
            let why = match why {
                Forgot::Restart => "they were in its memory only",
                Forgot::Failover => "the replica that takes over has not got them",
                Forgot::Evicted => "its memory is full",
            };
            format!("redis forgets {keys} keys: {why}")
        }
        What::Served { message } => format!("the service has done what {message} asks for"),
        What::DatabaseAnswered { consumer, message, statement, result } => {
            sql_text(&node(NodeId::Consumer(consumer)), message, statement, result)
        }
        What::TransactionRolledBack { consumer, why } => {
            let why = match why {
                RolledBack::Asked => "its client asked for it",
                RolledBack::ClientGone => "its client is gone",
                RolledBack::Idle => "its client was silent for too long",
                RolledBack::Deadlock => "two waited for each other",
                RolledBack::Crash => "the database itself ended",
            };
            format!("the database rolls back the transaction of {}: {why}", node(NodeId::Consumer(consumer)))
        }
        What::Absorbed { consumer, message, offset, by, .. } => {
            let by = match by {
                Wall::Redis => "redis",
                Wall::Database => "the database's unique constraint",
            };
            format!("{} takes {message} (offset {offset}) for done, because of {by}", node(NodeId::Consumer(consumer)))
        }
        What::HandlerFailed { consumer, message, step, trouble } => {
            let why = match trouble {
                Trouble::Redis => "redis does not answer",
                Trouble::Database => "the database does not answer",
                Trouble::Leased => "somebody else works on it",
                Trouble::Unreadable => "it cannot be parsed",
                Trouble::Business => "the business throws",
            };
            format!("{} fails with {message} at `{}`: {why}", node(NodeId::Consumer(consumer)), step_name(layout, consumer, step))
        }
        What::SentOn { consumer, message, .. } => {
            let spec = &layout.scenario.groups[layout.consumers[consumer.ix()].group.ix()];
            let to = spec.forward.map_or("", |forward| &layout.scenario.topics[forward.topic.ix()].name);
            format!("{} does not do {message} itself, and sends it on to {to}", node(NodeId::Consumer(consumer)))
        }
        What::RecordSkipped { consumer, message, .. } => {
            format!("{} has tried {message} often enough and goes on without it", node(NodeId::Consumer(consumer)))
        }
        What::CrashPointReached { consumer, message, step, after } => {
            let side = if after { "after" } else { "before" };
            let step = step_name(layout, consumer, step);
            format!("{} is at work on {message}, and at the point {side} `{step}`", node(NodeId::Consumer(consumer)))
        }
        What::GroupEpochSet { group, epoch, .. } => format!("group {} is at epoch {epoch}", group_name(group)),
        What::MemberReconciled { member, epoch, assigned, revoking, .. } => {
            let still = if revoking == 0 { String::new() } else { format!(" and has {revoking} to give up") };
            format!("{} is at epoch {epoch} with {assigned} partitions{still}", node(NodeId::Consumer(member.consumer)))
        }
        What::GroupChanged { group, state, generation, members, .. } => {
            let of = if members == 1 { "1 member".to_owned() } else { format!("{members} members") };
            format!("group {} is {}: generation {generation}, {of}", group_name(group), state.name())
        }
        What::GroupLoaded { broker, group, generation, members } => {
            format!("{broker} has read the log of group {}: generation {generation}, members {members}", group_name(group))
        }
        What::MemberAdded { group, member, .. } => {
            format!("{} is a member of group {} now", node(NodeId::Consumer(member.consumer)), group_name(group))
        }
        What::MemberRemoved { member, reason, .. } => {
            let why = match reason {
                Removal::Left => "it leaves",
                Removal::SessionExpired => "no heartbeat for a whole session",
                Removal::RevokedTooLate => "it did not give partitions up in time",
                Removal::DidNotRejoin => "it did not join again in time",
                Removal::DidNotSync => "it did not ask for its share in time",
                Removal::Replaced => "a new process has its group.instance.id",
                Removal::GroupFull => "the group is full",
            };
            format!("{} is no longer a member: {why}", node(NodeId::Consumer(member.consumer)))
        }
        What::Assigned { consumer, partition, generation } => {
            format!("{} gets {} in generation {generation}", node(NodeId::Consumer(consumer)), part(partition))
        }
        What::Revoked { consumer, partition, lost } => {
            let how = if lost { "loses" } else { "gives up" };
            format!("{} {how} {}", node(NodeId::Consumer(consumer)), part(partition))
        }
        What::PollTooLate { consumer } => {
            format!("{} has not called poll() for max.poll.interval.ms and leaves its group", node(NodeId::Consumer(consumer)))
        }
        What::CommitTaken { broker, group, .. } => format!("{broker} takes a commit of group {}", group_name(group)),
        What::Committed { group, partition, offset } => {
            format!("group {} has committed offset {offset} of {}", layout.scenario.groups[group.ix()].name, part(partition))
        }
        What::OffsetExpired { group, partition } => {
            format!("the offset of group {} in {} is forgotten: it has long had no members", group_name(group), part(partition))
        }
        What::CommitDone { consumer, error: ErrorCode::None } => {
            format!("{} knows that its commit succeeded", node(NodeId::Consumer(consumer)))
        }
        What::CommitDone { consumer, error } => format!("the commit of {} failed with {error}", node(NodeId::Consumer(consumer))),
        What::Forwarded { producer, message, batch, partition } => {
            format!("{} puts what became of {message} into {batch} for {}", node(NodeId::Producer(producer)), part(partition))
        }
        What::TransactionBegun { producer } => format!("{} begins a transaction", node(NodeId::Producer(producer))),
        What::TransactionEnded { producer, outcome, error } => transaction_end(&node(NodeId::Producer(producer)), outcome, error),
        What::TransactionEndTimedOut { producer } => {
            format!(
                "the end of its transaction takes {} too long: TimeoutException, and it calls again",
                node(NodeId::Producer(producer))
            )
        }
        What::TransactionsLoaded { broker, partition, known } => {
            format!("{broker} has read {} and knows {known} transactional ids of it", part(partition))
        }
        What::TransactionMoved { broker, transaction, state, pid, epoch } => {
            let name = &layout.transactional_ids[transaction.ix()].name;
            format!("{broker}, coordinator of {name}, writes {} (producer id {}, epoch {epoch})", state.name(), pid.0)
        }
        What::MarkerWritten { broker, partition, pid, commit, offset, .. } => {
            let kind = if commit { "COMMIT" } else { "ABORT" };
            format!("{broker} writes {kind} for producer id {} into {} at offset {offset}", pid.0, part(partition))
        }
        What::PacketCopied { from, to, api, .. } => {
            format!("something between {} and {} sends {} a second time", node(from), node(to), packet_name(api, false))
        }
        What::Judged { group, message, verdict } => {
            format!("in group {} {message} is {}", layout.scenario.groups[group.ix()].name, verdict_name(verdict))
        }
    }
}

/// An intervention that leaves no event of its own but that it took effect, by what came of it.
pub fn deed(world: &World, index: u32) -> String {
    let names = |hit: &[Vec<NodeId>]| {
        let names: Vec<String> = hit[index as usize].iter().map(|&node| world.layout.node_name(node)).collect();
        names.join(", ")
    };
    let ends = || format!("from {} to {}", names(&world.hit), names(&world.hit_far));
    match world.interventions[index as usize].action {
        Action::Delay { .. } | Action::SlowApi { .. } | Action::Slow { .. } => {
            format!("packets {} take longer from now on", ends())
        }
        Action::DelayPacket { by, .. } => format!("a packet {} is held up for {by}", ends()),
        Action::Disk { .. } => format!("the disk of {} is slow from now on", names(&world.hit)),
        Action::Loss { .. } => format!("packets {} get lost from now on", ends()),
        _ => describe(&What::Intervened { index }, &world.layout),
    }
}

fn outcome_text(batch: BatchId, outcome: SendOutcome, error: ErrorCode, offset: Offset) -> String {
    match outcome {
        SendOutcome::Acked if offset == Offset::UNKNOWN => {
            format!("the application is told that {batch} was sent; no offset is known")
        }
        SendOutcome::Acked => format!("the application is told that {batch} is at offset {offset}"),
        SendOutcome::Rejected => format!("the application is told that {batch} failed: {error}"),
        SendOutcome::Unknown => {
            format!("the application is told that {batch} failed ({error}); whether it was appended is unknown")
        }
    }
}

fn start_reason(why: StartReason) -> &'static str {
    match why {
        StartReason::Age => "retention.ms is over",
        StartReason::Size => "retention.bytes is exceeded",
        StartReason::Request => "somebody asked for it",
        StartReason::Leader => "its leader's does",
        StartReason::StartAgain => "its leader's begins beyond its end, so everything was dropped",
    }
}

fn transaction_end(who: &str, outcome: Option<SendOutcome>, error: ErrorCode) -> String {
    match outcome {
        Some(SendOutcome::Acked) => format!("{who} knows that its transaction is committed"),
        Some(SendOutcome::Rejected) => format!("{who} gives its transaction up: {error}"),
        Some(SendOutcome::Unknown) => format!("{who} does not know whether its transaction was committed: {error}"),
        None => format!("the transaction of {who} failed ({error}): it will send the same messages in another"),
    }
}

fn offsets(base: Offset, count: u32) -> String {
    if count == 1 { format!("offset {base}") } else { format!("offsets {base} to {}", base.plus(count - 1)) }
}

fn drop_reason(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Cut => "the link is cut",
        DropReason::Loss => "the network dropped it",
        DropReason::Intervention => "its connection was broken on purpose",
        DropReason::ReceiverDown => "the receiver is down",
        DropReason::Closed => "the connection was closed meanwhile",
        DropReason::AnsweredBefore => "it answers a copy, and the request was answered before",
    }
}

/// `a Produce request`, `an InitProducerId request`, `the answer to Fetch`.
pub fn packet_name(api: Api, response: bool) -> String {
    let name = api_name(api);
    match (response, name.starts_with(['A', 'E', 'I', 'O', 'U'])) {
        (true, _) => format!("the answer to {name}"),
        (false, true) => format!("an {name} request"),
        (false, false) => format!("a {name} request"),
    }
}

/// The step of a member's handler.
fn step_name(layout: &Layout, consumer: ConsumerId, step: u32) -> &'static str {
    let group = layout.consumers[consumer.ix()].group;
    layout.scenario.groups[group.ix()].handler.steps.get(step as usize).map_or("", |step| step.name())
}

fn redis_text(message: MessageId, command: Command, found: bool) -> String {
    match (command, found) {
        (Command::SetNx, false) => format!("redis sets the key of {message}: it is new"),
        (Command::SetNx, true) => format!("redis has the key of {message} already"),
        (Command::Set, _) => format!("redis writes the key of {message}"),
        (Command::Get, false) => format!("redis has no key of {message}"),
        (Command::Get, true) => format!("redis has the key of {message}"),
        (Command::Del, _) => format!("redis deletes the key of {message}"),
    }
}

fn sql_text(who: &str, message: MessageId, statement: Statement, result: SqlResult) -> String {
    match (statement, result) {
        (_, SqlResult::Deadlock) => format!("the database finds a deadlock and rolls {who} back"),
        (_, SqlResult::NoTransaction) => format!("the database has no transaction of {who} any more"),
        (_, SqlResult::UniqueViolation) => format!("the database has the row of {message} already"),
        (Statement::Begin, _) => format!("the database begins a transaction for {who}"),
        (Statement::Insert, _) => format!("the database inserts the row of {message}"),
        (Statement::Effect, _) => format!("the database changes what {message} asks for"),
        (Statement::Commit, _) => format!("the database commits the transaction of {who}"),
        (Statement::Rollback, _) => format!("the database takes the transaction of {who} back"),
    }
}

/// Kafka's name of the request; a follower's fetch is told from a consumer's.
pub fn api_name(api: Api) -> &'static str {
    match api {
        Api::Produce => "Produce",
        Api::ReplicaFetch => "Fetch (follower)",
        Api::Fetch => "Fetch",
        Api::Metadata => "Metadata",
        Api::ListOffsets => "ListOffsets",
        Api::OffsetsForLeaderEpoch => "OffsetsForLeaderEpoch",
        Api::OffsetFetch => "OffsetFetch",
        Api::OffsetCommit => "OffsetCommit",
        Api::ConsumerGroupHeartbeat => "ConsumerGroupHeartbeat",
        Api::FindCoordinator => "FindCoordinator",
        Api::JoinGroup => "JoinGroup",
        Api::SyncGroup => "SyncGroup",
        Api::Heartbeat => "Heartbeat",
        Api::LeaveGroup => "LeaveGroup",
        Api::ApiVersions => "ApiVersions",
        Api::Connect => "connect",
        Api::SetNx => "SETNX",
        Api::Set => "SET",
        Api::Get => "GET",
        Api::Del => "DEL",
        Api::Begin => "BEGIN",
        Api::Insert => "INSERT",
        Api::Update => "UPDATE",
        Api::Commit => "COMMIT",
        Api::Rollback => "ROLLBACK",
        Api::Call => "call",
        Api::InitProducerId => "InitProducerId",
        Api::AddPartitionsToTxn => "AddPartitionsToTxn",
        Api::BrokerAddPartitionsToTxn => "AddPartitionsToTxn (broker)",
        Api::AddOffsetsToTxn => "AddOffsetsToTxn",
        Api::TxnOffsetCommit => "TxnOffsetCommit",
        Api::EndTxn => "EndTxn",
        Api::WriteTxnMarkers => "WriteTxnMarkers",
        Api::BrokerRegistration => "BrokerRegistration",
        Api::BrokerHeartbeat => "BrokerHeartbeat",
        Api::AlterPartition => "AlterPartition",
        Api::MetadataFetch => "Fetch (metadata)",
        Api::AllocateProducerIds => "AllocateProducerIds",
        Api::Vote => "Vote",
        Api::BeginQuorumEpoch => "BeginQuorumEpoch",
        Api::EndQuorumEpoch => "EndQuorumEpoch",
    }
}

/// `ok`, `lost`, ...
pub fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Lost => "lost",
        Verdict::Duplicated => "duplicated",
        Verdict::Phantom => "phantom",
        Verdict::Rejected => "rejected",
        Verdict::Pending => "pending",
    }
}
