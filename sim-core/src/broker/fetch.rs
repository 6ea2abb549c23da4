//! Serving fetches: to followers (R-2..R-8, R-32) and to consumers (F-1, F-2), at once or when there is something new.

use super::fetch_sessions::{Told, Wanted};
use super::{Broker, Due};
use crate::bug::Bug;
use crate::config::Isolation;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::replica::truncation::divergence;
use crate::replica::{Replica, Role};
use crate::scenario::TruncationRule;
use crate::time::{SimDuration, SimTime};
use crate::trace::TraceId;
use crate::wire::{FetchMetadata, FetchPart, FetchResult, OffsetSpec, Response};

/// How much, and how long to wait for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub max_wait: SimDuration,
    pub min_bytes: u32,
    pub partition_max_bytes: u32,
    pub max_bytes: u32,
}

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// A replica, with its registration: up to the log end.
    Follower(BrokerId, BrokerEpoch),
    /// A consumer, with its rack: as far as its isolation lets it (F-1).
    Consumer(Isolation, Option<RackId>),
}

impl Reader {
    /// F-1, F-2: nothing from there on.
    fn limit(self, replica: &Replica) -> Offset {
        match self {
            Reader::Follower(..) => replica.log.end(),
            Reader::Consumer(isolation, _) => committed_end(replica, isolation),
        }
    }
}

impl Reader {
    /// Replicas fetch from leaders only, consumers from followers, too (F-6).
    fn may_read(self, replica: &Replica) -> bool {
        match (self, &replica.role) {
            (_, Role::Leader(_)) | (Reader::Consumer(..), Role::Follower(_)) => true,
            (_, Role::Idle) | (Reader::Follower(..), Role::Follower(_)) => false,
        }
    }
}

/// F-1: where the log ends for consumers.
fn committed_end(replica: &Replica, isolation: Isolation) -> Offset {
    match isolation {
        Isolation::ReadUncommitted => replica.high_watermark,
        Isolation::ReadCommitted => replica.last_stable(),
    }
}

/// The memory of fetches that are over: it is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Spare {
    pub results: Vec<FetchResult>,
    pub parts: Vec<FetchPart>,
}

/// A fetch that is being served, or found nothing new and waits.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    caller: Caller,
    reader: Reader,
    limits: Limits,
    /// A follower's session; none of a consumer.
    session: Option<FetchSessionId>,
    wanted: Wanted,
    deadline: SimTime,
}

impl Broker {
    /// A consumer's fetch names all that it wants (it is outside of any session).
    pub(super) fn on_consumer_fetch(
        &mut self,
        caller: Caller,
        (isolation, rack): (Isolation, Option<RackId>),
        limits: Limits,
        parts: Vec<FetchPart>,
        fx: &mut Effects<'_>,
    ) {
        let (reader, wanted) = (Reader::Consumer(isolation, rack), Wanted { parts, told: Vec::new() });
        self.serve(Parked { caller, reader, limits, session: None, wanted, deadline: fx.now + limits.max_wait }, fx);
    }

    /// A follower's says what has changed in its session.
    pub(super) fn on_replica_fetch(
        &mut self,
        caller: Caller,
        (follower, epoch): (BrokerId, BrokerEpoch),
        limits: Limits,
        (metadata, mut parts, forgotten): (FetchMetadata, Vec<FetchPart>, &[PartitionId]),
        fx: &mut Effects<'_>,
    ) {
        match self.fetch_sessions.begin(follower, metadata, &mut parts, forgotten) {
            Ok((session, wanted)) => {
                self.spare.parts = parts;
                let (reader, session) = (Reader::Follower(follower, epoch), Some(session));
                self.serve(Parked { caller, reader, limits, session, wanted, deadline: fx.now + limits.max_wait }, fx);
            }
            Err(error) => {
                let answer = Response::ReplicaFetch { error, session: metadata.session, results: Vec::new() };
                fx.respond(&caller, self.node(), fx.cause, answer);
            }
        }
    }

    fn serve(&mut self, fetch: Parked, fx: &mut Effects<'_>) {
        let mut results = std::mem::take(&mut self.spare.results);
        self.read_parts(&fetch, &mut results, fx);
        if fetch.limits.max_wait == SimDuration::ZERO || is_worth_answering(&results, fetch.limits.min_bytes) {
            return self.answer_fetch(fetch, results, fx.cause, fx);
        }
        results.clear();
        self.spare.results = results;
        let id = self.next_parked;
        self.next_parked += 1;
        for part in &fetch.wanted.parts {
            match self.replicas[part.partition.ix()].as_mut().and_then(|r| r.leading_mut()) {
                Some(leading) => leading.parked.push(id),
                None => self.wait_at_follower(part.partition, id),
            }
        }
        self.agenda.add(fetch.deadline, Due::Fetch(id));
        self.parked.insert(id, fetch);
    }

    fn answer_fetch(&mut self, fetch: Parked, results: Vec<FetchResult>, cause: TraceId, fx: &mut Effects<'_>) {
        let answer = match (fetch.reader, fetch.session) {
            (Reader::Follower(follower, _), Some(session)) => {
                self.fetch_sessions.end(follower, session, fetch.wanted, &results);
                Response::ReplicaFetch { error: ErrorCode::None, session, results }
            }
            _ => Response::Fetch(results),
        };
        fx.respond(&fetch.caller, self.node(), cause, answer);
    }

    /// Looks again at the fetches that an input may have completed. A follower waits for records, a consumer for committed ones: a
    /// mere move of the watermark does not wake a follower.
    pub(super) fn complete_stirred(&mut self, fx: &mut Effects<'_>) {
        while let Some(id) = self.stirred.pop_first() {
            let Some(parked) = self.parked.get(&id) else { continue };
            if self.has_enough(parked) {
                self.complete_fetch(id, fx.cause, fx);
            }
        }
    }

    pub(super) fn fetch_waited_long_enough(&mut self, id: u64, fx: &mut Effects<'_>) {
        self.complete_fetch(id, TraceId::START, fx);
    }

    fn complete_fetch(&mut self, id: u64, cause: TraceId, fx: &mut Effects<'_>) {
        let Some(fetch) = self.parked.remove(&id) else { return };
        self.agenda.remove(fetch.deadline, Due::Fetch(id));
        for part in &fetch.wanted.parts {
            if let Some(leading) = self.replicas[part.partition.ix()].as_mut().and_then(|r| r.leading_mut()) {
                leading.parked.retain(|other| *other != id);
            }
            if !self.parked_behind.is_empty() {
                self.parked_behind.remove(&(part.partition, id));
            }
        }
        // The log is read again, and the follower's state taken again, as of now.
        let mut results = std::mem::take(&mut self.spare.results);
        self.read_parts(&fetch, &mut results, fx);
        self.answer_fetch(fetch, results, cause, fx);
    }

    fn has_enough(&self, fetch: &Parked) -> bool {
        let mut bytes = 0;
        for part in &fetch.wanted.parts {
            let Some(replica) = self.replica(part.partition) else { return true };
            if !fetch.reader.may_read(replica) || self.check_epoch(part.current_epoch, replica.leader_epoch).is_err() {
                return true; // an error is news too
            }
            let limit = fetch.reader.limit(replica);
            bytes += replica.log.readable_bytes(part.offset, limit, fetch.limits.min_bytes.max(1));
        }
        bytes >= fetch.limits.min_bytes.max(1)
    }

    /// All that a fetch wants is read; what its session has been told already is not said again.
    fn read_parts(&mut self, fetch: &Parked, results: &mut Vec<FetchResult>, fx: &mut Effects<'_>) {
        let mut budget = fetch.limits.max_bytes;
        // A batch larger than any limit is sent all the same, but only as the first thing of the answer (KIP-74).
        let mut nothing_yet = true;
        for (at, part) in fetch.wanted.parts.iter().enumerate() {
            let told = fetch.wanted.told.get(at).copied();
            if let (Some(told), Reader::Follower(follower, epoch)) = (told, fetch.reader)
                && self.has_all(part, told, (follower, epoch), fx.now)
            {
                continue;
            }
            let max_bytes = fetch.limits.partition_max_bytes.min(budget);
            results.push(unread(part));
            let result = results.last_mut().expect("just pushed");
            if let Err(error) = self.read_part(part, fetch.reader, (max_bytes, nothing_yet), result, fx) {
                *result = FetchResult { error, ..unread(part) };
            }
            if !result.batches.is_empty() {
                nothing_yet = false;
                budget = budget.saturating_sub(result.bytes());
            }
            if told.is_some_and(|told| !told.is_outdated_by(result)) {
                results.pop();
            }
        }
    }

    /// The shortest way through [`Broker::read_part`], that of most partitions of most fetches: all is committed, the follower is in
    /// sync, in the leader's epoch, has the whole log, and knows the rest. Its fetch counts nevertheless.
    fn has_all(&mut self, part: &FetchPart, told: Told, (follower, epoch): (BrokerId, BrokerEpoch), now: SimTime) -> bool {
        let Some(replica) = self.replicas[part.partition.ix()].as_mut() else { return false };
        let (start, end) = (replica.log.start(), replica.log.end());
        if (told.high_watermark, told.log_start) != (end, start)
            || (part.offset, replica.high_watermark) != (end, end)
            || part.current_epoch != replica.leader_epoch
            || (part.last_fetched_epoch != LeaderEpoch::NONE && part.last_fetched_epoch != replica.log.latest_epoch())
        {
            return false;
        }
        let Some(leading) = replica.leading_mut() else { return false };
        let Some((_, remote)) = leading.remotes.iter_mut().find(|(broker, _)| *broker == follower) else { return false };
        let known = self.image.broker(follower).epoch;
        if !leading.isr.committed().contains(follower) || crate::replica::remote::check_broker_epoch(epoch, known).is_err() {
            return false;
        }
        remote.on_fetch(part.offset, part.log_start, end, now, epoch);
        true
    }

    fn read_part(
        &mut self,
        part: &FetchPart,
        reader: Reader,
        (max_bytes, at_least_one): (u32, bool),
        result: &mut FetchResult,
        fx: &mut Effects<'_>,
    ) -> Result<(), ErrorCode> {
        let replica = self.replica(part.partition).ok_or_else(|| self.no_replica(part.partition))?; // L-1
        self.check_epoch(part.current_epoch, replica.leader_epoch)?;
        if !reader.may_read(replica) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let remote = match (reader, replica.leading()) {
            (Reader::Follower(broker, _), Some(leading)) => leading.remotes.iter().position(|(b, _)| *b == broker),
            _ => None,
        };
        if remote.is_none() && matches!(reader, Reader::Follower(..)) {
            return Err(ErrorCode::UnknownLeaderEpoch); // not in the replica set
        }
        let (start, end) = (replica.log.start(), replica.log.end());
        (result.high_watermark, result.log_start) = (replica.high_watermark, start);
        if let Reader::Consumer(_, rack) = reader
            && let Some(near) = self.preferred_replica(replica, rack, part.offset)
        {
            result.besides_mut().preferred_replica = Some(near);
            return Ok(()); // F-6: it is to read there, and gets nothing here
        }
        if part.last_fetched_epoch != LeaderEpoch::NONE {
            if let Some(parts) = divergence(&replica.log.epochs, start, end, part.last_fetched_epoch, part.offset)? {
                result.besides_mut().diverging = Some(parts);
                return Ok(()); // the follower's state is not updated
            }
        } else if part.offset > end || part.offset < start {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let reads_all = self.layout.scenario.has_bug(Bug::ReadsAboveHw);
        let limit = if reads_all { end } else { reader.limit(replica) };
        result.batches = replica.log.read(part.offset, limit, max_bytes, at_least_one);
        if let Some(bad) = replica.log.first_corrupt(&result.batches) {
            result.besides_mut().corrupt = Some(bad);
        }
        if let (Reader::Consumer(Isolation::ReadCommitted, _), Some(last)) = (reader, result.batches.last()) {
            let aborted = replica.log.transactions.aborted_between(part.offset, last.end());
            if !aborted.is_empty() {
                result.besides_mut().aborted = aborted;
            }
        }
        if let (Reader::Follower(broker, epoch), Some(remote)) = (reader, remote) {
            self.follower_fetched(part, remote, (broker, epoch), fx)?;
        }
        Ok(())
    }

    /// R-4..R-6, R-20, R-32: what the leader learns from an accepted fetch. The answer has the watermark from before.
    fn follower_fetched(
        &mut self,
        part: &FetchPart,
        remote: usize,
        (broker, epoch): (BrokerId, BrokerEpoch),
        fx: &mut Effects<'_>,
    ) -> Result<(), ErrorCode> {
        crate::replica::remote::check_broker_epoch(epoch, self.image.broker(broker).epoch)?;
        let replica = self.replicas[part.partition.ix()].as_mut().expect("checked by the caller");
        let end = replica.log.end();
        let leading = replica.leading_mut().expect("checked by the caller");
        leading.remotes[remote].1.on_fetch(part.offset, part.log_start, end, fx.now, epoch);
        self.maybe_expand_isr(part.partition, broker, fx);
        self.try_advance_watermark(part.partition, fx.cause, fx);
        Ok(())
    }

    /// does the asker's leader epoch fit? Before KIP-320 nobody asked.
    pub(super) fn check_epoch(&self, sent: LeaderEpoch, own: LeaderEpoch) -> Result<(), ErrorCode> {
        let scenario = &self.layout.scenario;
        if scenario.cluster.rules.truncation < TruncationRule::Kip320 || scenario.has_bug(Bug::NoEpochFencing) {
            return Ok(());
        }
        match sent.cmp(&own) {
            std::cmp::Ordering::Less => Err(ErrorCode::FencedLeaderEpoch),
            std::cmp::Ordering::Greater => Err(ErrorCode::UnknownLeaderEpoch),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// F-3, F-1, R-23: where a log starts or ends for consumers; R-46: where it does for followers.
    pub(super) fn on_list_offsets(
        &mut self,
        caller: Caller,
        parts: &[(PartitionId, LeaderEpoch)],
        of: (OffsetSpec, Option<Isolation>),
        fx: &mut Effects<'_>,
    ) {
        let answer = |&(partition, epoch): &(PartitionId, LeaderEpoch)| match self.list_offset((partition, epoch), of) {
            Ok(offset) => (partition, ErrorCode::None, offset),
            Err(error) => (partition, error, Offset::UNKNOWN),
        };
        let answers = parts.iter().map(answer).collect();
        fx.respond(&caller, self.node(), fx.cause, Response::ListOffsets(answers));
    }

    fn list_offset(
        &self,
        (partition, epoch): (PartitionId, LeaderEpoch),
        (spec, isolation): (OffsetSpec, Option<Isolation>),
    ) -> Result<Offset, ErrorCode> {
        let replica = self.replica(partition).ok_or_else(|| self.no_replica(partition))?; // L-1
        if epoch != LeaderEpoch::NONE {
            self.check_epoch(epoch, replica.leader_epoch)?;
        }
        let leading = replica.leading().ok_or(ErrorCode::NotLeaderOrFollower)?;
        let end = isolation.map_or(replica.log.end(), |isolation| committed_end(replica, isolation));
        let is_lagging = isolation.is_some() && replica.high_watermark < leading.epoch_start;
        match spec {
            OffsetSpec::Earliest => Ok(replica.log.start()),
            OffsetSpec::Timestamp(from) => match replica.log.first_not_before(from).filter(|&offset| offset < end) {
                Some(offset) => Ok(offset),
                None if is_lagging => Err(ErrorCode::OffsetNotAvailable),
                None => Ok(Offset::UNKNOWN),
            },
            OffsetSpec::Latest if is_lagging => Err(ErrorCode::OffsetNotAvailable),
            OffsetSpec::Latest => Ok(end),
        }
    }
}

/// Nothing has been read yet.
fn unread(part: &FetchPart) -> FetchResult {
    FetchResult {
        partition: part.partition,
        error: ErrorCode::None,
        asked: part.offset,
        high_watermark: Offset::UNKNOWN,
        log_start: Offset::UNKNOWN,
        batches: Vec::new(),
        besides: None,
    }
}

/// An answer goes out at once if it has an error, a divergence or enough bytes.
fn is_worth_answering(results: &[FetchResult], min_bytes: u32) -> bool {
    let mut bytes = 0;
    for result in results {
        if result.error != ErrorCode::None || result.diverging().is_some() || result.preferred_replica().is_some() {
            return true;
        }
        bytes += result.bytes();
    }
    bytes >= min_bytes.max(1)
}
