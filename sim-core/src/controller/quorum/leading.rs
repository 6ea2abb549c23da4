//! The leader's side of the quorum: serving fetches, the high watermark, and giving up when the majority is silent.

use super::rules::{committed, majority};
use super::{Asked, Quorum, Role};
use crate::controller::image::MetadataRecord;
use crate::controller::log::Why;
use crate::effects::{Caller, Effects};
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::rows::{Map, Set};
use crate::sort;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, What};
use crate::wire::{MetadataAnswer, QuorumView, Request, Response};

/// How long a fetch waits when there is nothing new.
const MAX_WAIT: SimDuration = SimDuration::from_millis(500);

/// What a leader knows of another voter.
#[derive(Clone, Copy, Debug)]
struct Follower {
    id: ControllerId,
    /// It has everything before this offset.
    end: i64,
    /// Its last fetch.
    fetched: Option<SimTime>,
}

/// A fetch, as far as the answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct FetchOf {
    /// Who.
    pub replica: NodeId,
    /// The epoch that it is in.
    pub epoch: QuorumEpoch,
    /// The epoch of its last record.
    pub last_epoch: QuorumEpoch,
    /// From here.
    pub offset: i64,
    /// The high watermark that it knows.
    pub high_watermark: i64,
}

#[derive(Clone, Copy, Debug)]
struct Parked {
    caller: Caller,
    fetch: FetchOf,
    until: SimTime,
}

/// What a leader keeps.
#[derive(Clone, Debug)]
pub(super) struct Leading {
    /// The log's end when it was elected: its own epoch starts there.
    pub start: i64,
    followers: Vec<Follower>,
    /// Those that have fetched since the last time that a majority had.
    heard: Set<ControllerId>,
    /// Without a majority until then it gives up.
    pub check_quorum: SimTime,
    /// It tells those that do not fetch that it leads.
    announce_at: SimTime,
    fetch_timeout: SimDuration,
    parked: Map<NodeId, Parked>,
}

impl Leading {
    /// A new leader. `known`: everybody is known to have everything before this offset.
    pub fn new(me: ControllerId, voters: u16, start: i64, known: i64, fetch_timeout: SimDuration, now: SimTime) -> Leading {
        let others = (1..=voters).map(ControllerId).filter(|&id| id != me);
        // Of a new leader nobody knows yet.
        let announce_at = if known < 0 { now } else { now + SimDuration(fetch_timeout.0 / 2) };
        Leading {
            start,
            followers: others.map(|id| Follower { id, end: known, fetched: None }).collect(),
            heard: Set::new(),
            check_quorum: if voters == 1 { SimTime::NEVER } else { now + check_quorum_timeout(fetch_timeout) },
            announce_at: if voters == 1 { SimTime::NEVER } else { announce_at },
            fetch_timeout,
            parked: Map::new(),
        }
    }

    pub fn next_due(&self) -> SimTime {
        let parked = self.parked.values().map(|p| p.until).min().unwrap_or(SimTime::NEVER);
        self.check_quorum.min(self.announce_at).min(parked)
    }

    /// A voter fetches: it has everything before this offset, and it is alive.
    fn heard_of(&mut self, id: ControllerId, end: i64, now: SimTime) {
        let Some(follower) = self.followers.iter_mut().find(|f| f.id == id) else { return };
        follower.end = end;
        follower.fetched = Some(now);
        self.heard.insert(id);
        // It is one of the majority itself.
        if self.heard.len() + 1 >= majority(self.followers.len() + 1) {
            self.heard.clear();
            self.check_quorum = now + check_quorum_timeout(self.fetch_timeout);
        }
    }
}

/// A leader gives up when it has not heard of a majority for 1.5 times the fetch timeout.
fn check_quorum_timeout(fetch_timeout: SimDuration) -> SimDuration {
    SimDuration(fetch_timeout.0 / 2 * 3)
}

impl Quorum {
    pub(super) fn become_leader(&mut self, fx: &mut Effects<'_>) {
        self.leader = Some(self.me);
        let event = fx.trace(What::ControllerElected { controller: self.me, epoch: self.epoch });
        let start = self.log.end();
        let leading = Leading::new(self.me, self.voters, start, -1, self.timeouts.fetch, fx.now);
        self.leave_role(Role::Leader(leading), fx);
        self.append(MetadataRecord::LeaderChange(self.me), None, Why::Event(event));
    }

    /// Gives up for this epoch, and asks the others to elect somebody: who has most first.
    pub fn resign(&mut self, fx: &mut Effects<'_>) {
        let Role::Leader(leading) = &self.role else { return };
        let mut by_end = leading.followers.clone();
        sort::by_key(&mut by_end, |f| std::cmp::Reverse(f.end));
        let successors: Vec<ControllerId> = by_end.iter().map(|f| f.id).collect();
        fx.cause = fx.trace(What::ControllerResigned { controller: self.me, epoch: self.epoch });
        for voter in self.others() {
            let request = Request::EndQuorumEpoch { leader: self.me, epoch: self.epoch, successors: successors.clone() };
            self.tell(voter, (Api::EndQuorumEpoch, request), Asked::Told, fx);
        }
        let until = self.election_deadline(fx.now);
        self.leave_role(Role::Resigned { until }, fx);
    }

    /// Fetches that wait at a leader that leads no more.
    pub(super) fn send_away(&mut self, leading: Leading, fx: &mut Effects<'_>) {
        for (_, parked) in leading.parked {
            let answer = self.refusal(ErrorCode::NotLeaderOrFollower, parked.fetch.offset);
            fx.respond(&parked.caller, self.node(), fx.cause, answer);
        }
    }

    /// Tells the voters that have not fetched for half the fetch timeout who leads.
    pub(super) fn announce(&mut self, fx: &mut Effects<'_>) {
        let Role::Leader(leading) = &mut self.role else { return };
        if leading.announce_at > fx.now {
            return;
        }
        let interval = SimDuration(leading.fetch_timeout.0 / 2);
        leading.announce_at = fx.now + interval;
        let silent = |f: &&Follower| f.fetched.is_none_or(|at| fx.now.since(at) >= interval);
        let silent: Vec<ControllerId> = leading.followers.iter().filter(silent).map(|f| f.id).collect();
        for voter in silent {
            let request = Request::BeginQuorumEpoch { leader: self.me, epoch: self.epoch };
            self.tell(voter, (Api::BeginQuorumEpoch, request), Asked::Told, fx);
        }
    }

    /// A voter or a broker fetches: it is answered now, or when there is something new.
    pub fn on_fetch(&mut self, caller: Caller, fetch: FetchOf, fx: &mut Effects<'_>) {
        if let Some(answer) = self.fetch_now(fetch, fx.now) {
            return fx.respond(&caller, self.node(), fx.cause, answer);
        }
        let Role::Leader(leading) = &mut self.role else { unreachable!("only a leader lets fetches wait") };
        leading.parked.insert(fetch.replica, Parked { caller, fetch, until: fx.now + MAX_WAIT });
    }

    fn fetch_now(&mut self, fetch: FetchOf, now: SimTime) -> Option<Response> {
        if fetch.epoch < self.epoch {
            return Some(self.refusal(ErrorCode::FencedLeaderEpoch, fetch.offset));
        }
        if fetch.epoch > self.epoch {
            return Some(self.refusal(ErrorCode::UnknownLeaderEpoch, fetch.offset));
        }
        let Role::Leader(leading) = &mut self.role else {
            return Some(self.refusal(ErrorCode::NotLeaderOrFollower, fetch.offset));
        };
        // Whatever the fetch proves, its sender lives.
        let at = self.log.end_of_epoch(fetch.last_epoch);
        let diverges = at.epoch != fetch.last_epoch || at.end < fetch.offset;
        if let NodeId::Controller(id) = fetch.replica {
            let end = if diverges { -1 } else { fetch.offset };
            leading.heard_of(id, end, now);
        }
        if diverges {
            let error = ErrorCode::None;
            let diverging = Some(at);
            let answer = MetadataAnswer { error, diverging, ..self.empty_answer(fetch.offset) };
            return Some(Response::MetadataFetch(Box::new(answer)));
        }
        self.has_news(fetch).then(|| self.records_for(fetch))
    }

    /// Voters get all there is, brokers what is committed. A watermark that moved is news as well (KIP-1166).
    fn has_news(&self, fetch: FetchOf) -> bool {
        fetch.offset < self.readable_by(fetch.replica) || fetch.high_watermark < self.told_watermark()
    }

    fn readable_by(&self, replica: NodeId) -> i64 {
        if matches!(replica, NodeId::Controller(_)) { self.log.end() } else { self.told_watermark() }
    }

    /// A leader knows no watermark before something of its own epoch is committed.
    fn told_watermark(&self) -> i64 {
        if self.leads_with_everything() { self.high_watermark } else { -1 }
    }

    fn records_for(&self, fetch: FetchOf) -> Response {
        let entries = self.log.slice(fetch.offset, self.readable_by(fetch.replica));
        Response::MetadataFetch(Box::new(MetadataAnswer { entries, ..self.empty_answer(fetch.offset) }))
    }

    fn empty_answer(&self, from: i64) -> MetadataAnswer {
        MetadataAnswer {
            error: ErrorCode::None,
            view: QuorumView { epoch: self.epoch, leader: self.leader },
            diverging: None,
            from,
            entries: Vec::new(),
            high_watermark: self.told_watermark(),
        }
    }

    fn refusal(&self, error: ErrorCode, from: i64) -> Response {
        Response::MetadataFetch(Box::new(MetadataAnswer { error, ..self.empty_answer(from) }))
    }

    /// What a majority has is committed. True if that is more than before.
    pub fn advance_watermark(&mut self) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        let ends = leading.followers.iter().map(|f| f.end).chain([self.log.end()]).collect();
        let Some(to) = committed(ends, leading.start).filter(|&to| to > self.high_watermark) else { return false };
        self.high_watermark = to;
        true
    }

    /// Answers the fetches that waited for what is there now, or have waited long enough.
    pub fn answer_parked(&mut self, fx: &mut Effects<'_>) {
        let Role::Leader(leading) = &self.role else { return };
        let due: Vec<Parked> = leading.parked.values().filter(|p| p.until <= fx.now || self.has_news(p.fetch)).copied().collect();
        for parked in due {
            let Role::Leader(leading) = &mut self.role else { return };
            leading.parked.remove(&parked.fetch.replica);
            let committed = matches!(parked.fetch.replica, NodeId::Broker(_)) && parked.fetch.offset < self.high_watermark;
            let cause = if committed { fx.committed_event(self.high_watermark - 1) } else { fx.cause };
            fx.respond(&parked.caller, self.node(), cause, self.records_for(parked.fetch));
        }
    }
}
