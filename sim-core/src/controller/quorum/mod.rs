//! One voter of the quorum that keeps the metadata log, by the rules of KRaft: a leader is elected by a majority, the others fetch
//! from it, and what a majority has is committed. Before it stands for election a voter asks whether it would be elected (KIP-996), so
//! that one that was merely cut off disturbs nobody.
//!
//! On the disk: the epoch, the vote, the known leader and the log, all flushed before anybody hears of them. In memory: the rest.

mod leading;
pub mod rules;

use super::log::{Entry, MetadataLog, Why};
use crate::config::BrokerConfig;
use crate::controller::image::MetadataRecord;
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::net::client::{Answered, Backoff, Client};
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::trace::{Api, What};
use crate::wire::{Body, Channel, Connection, MetadataAnswer, Packet, QuorumView, Request, Response};
pub use leading::FetchOf;
use leading::Leading;
use rules::{Elector, LogEnd, Plea, Votes};

/// How long a follower that was told to look elsewhere, or could not cut its log yet, waits before it fetches again.
const FETCH_RETRY: SimDuration = SimDuration::from_millis(100);
/// `controller.quorum.retry.backoff.ms`: after a refused or broken connection.
const RECONNECT: Backoff = Backoff { first: SimDuration::from_millis(20), longest: SimDuration::from_millis(1_000) };

/// `controller.quorum.*.timeout.ms`.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    election: SimDuration,
    fetch: SimDuration,
    request: SimDuration,
}

/// What a voter is.
#[derive(Clone, Debug)]
enum Role {
    /// It knows no leader of its epoch.
    Unattached { until: SimTime },
    /// It fetches from the leader.
    Follower { until: SimTime, has_fetched: bool },
    /// It asks whether it would be elected.
    Prospective { until: SimTime, votes: Votes },
    /// It stands for election.
    Candidate { until: SimTime, votes: Votes },
    /// It leads.
    Leader(Leading),
    /// It has led, and given up for this epoch.
    Resigned { until: SimTime },
}

/// What a voter remembers of its own requests.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Vote {
        pre_vote: bool,
        epoch: QuorumEpoch,
    },
    /// BeginQuorumEpoch or EndQuorumEpoch.
    Told,
    Fetch,
}

/// One voter.
#[derive(Clone, Debug)]
pub struct Quorum {
    me: ControllerId,
    voters: u16,
    timeouts: Timeouts,
    epoch: QuorumEpoch,
    voted: Option<ControllerId>,
    leader: Option<ControllerId>,
    /// The log.
    pub log: MetadataLog,
    /// The first offset that it does not know to be committed.
    pub high_watermark: i64,
    role: Role,
    client: Client<Asked>,
    stream: Stream,
    /// A follower fetches no earlier than that.
    fetch_at: SimTime,
}

impl Quorum {
    /// A voter of a formed quorum: controller 1 leads, and everybody has the snapshot that ends at `formed`.
    pub fn new(me: ControllerId, voters: u16, seed: u64, config: &BrokerConfig, formed: i64) -> Quorum {
        let timeouts = Timeouts {
            election: config.quorum_election_timeout,
            fetch: config.quorum_fetch_timeout,
            request: config.quorum_request_timeout,
        };
        let first = ControllerId(1);
        let role = if me == first {
            Role::Leader(Leading::new(me, voters, formed - 1, formed, timeouts.fetch, SimTime::ZERO))
        } else {
            Role::Follower { until: SimTime::ZERO + timeouts.fetch, has_fetched: false }
        };
        Quorum {
            me,
            voters,
            timeouts,
            epoch: MetadataLog::FORMED,
            voted: Some(first),
            leader: Some(first),
            log: MetadataLog::formed(formed),
            high_watermark: formed,
            role,
            client: Client::new(NodeId::Controller(me), RECONNECT, Stream::new(seed, &format!("reconnect {me}"))),
            stream: Stream::new(seed, &format!("election {me}")),
            fetch_at: SimTime::ZERO,
        }
    }

    /// The epoch, and who leads in it as far as is known.
    pub fn view(&self) -> QuorumView {
        QuorumView { epoch: self.epoch, leader: self.leader }
    }

    /// Does it lead, and has something of its own epoch been committed? Only then does it know everything that is.
    pub fn leads_with_everything(&self) -> bool {
        matches!(&self.role, Role::Leader(leading) if self.high_watermark > leading.start)
    }

    /// Does it lead?
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    fn node(&self) -> NodeId {
        NodeId::Controller(self.me)
    }

    fn others(&self) -> impl Iterator<Item = ControllerId> + use<> {
        let me = self.me;
        (1..=self.voters).map(ControllerId).filter(move |&id| id != me)
    }

    fn log_end(&self) -> LogEnd {
        (self.log.last_epoch(), self.log.end())
    }

    /// Adds a record of its own as the leader.
    pub fn append(&mut self, record: MetadataRecord, what: Option<What>, why: Why) {
        self.log.append(Entry { epoch: self.epoch, record, what, why });
    }

    /// When time alone makes a difference.
    pub fn next_due(&self) -> SimTime {
        let own = match &self.role {
            Role::Unattached { until } | Role::Prospective { until, .. } | Role::Candidate { until, .. } => *until,
            Role::Resigned { until } => *until,
            Role::Follower { until, .. } => (*until).min(self.fetch_due()),
            Role::Leader(leading) => leading.next_due(),
        };
        own.min(self.client.next_deadline())
    }

    fn fetch_due(&self) -> SimTime {
        let Some(leader) = self.leader.map(NodeId::Controller) else { return SimTime::NEVER };
        if self.client.in_flight_to(leader, Channel::Metadata) > 0 {
            return SimTime::NEVER;
        }
        self.fetch_at.max(self.client.blocked_until(leader, Channel::Metadata))
    }

    /// Does what is due, and whatever follows from it at once.
    pub fn poll(&mut self, fx: &mut Effects<'_>) {
        for _ in self.client.expire(fx) {}
        while self.change_role(fx) {}
        if matches!(self.role, Role::Follower { .. }) && self.fetch_due() <= fx.now {
            self.fetch(fx);
        }
        self.announce(fx);
    }

    /// A process starts with what is on its disk: it follows the leader that it knew, unless that was itself.
    pub fn start(&mut self, now: SimTime) {
        self.role = match self.leader {
            Some(leader) if leader == self.me => Role::Resigned { until: self.election_deadline(now) },
            Some(_) => Role::Follower { until: now + self.timeouts.fetch, has_fetched: false },
            None => Role::Unattached { until: self.election_deadline(now) },
        };
        self.fetch_at = now;
    }

    /// The process has ended. The watermark is known again when a leader tells it.
    pub fn stop(&mut self, fx: &mut Effects<'_>) {
        self.client.reset(fx);
        self.role = Role::Unattached { until: SimTime::NEVER };
    }

    fn election_deadline(&mut self, now: SimTime) -> SimTime {
        now + self.timeouts.election + SimDuration(self.stream.below(self.timeouts.election.0.max(1)))
    }

    // --- elections -------------------------------------------------------------------------------------------------------------

    /// One change of role, if it is time for one.
    fn change_role(&mut self, fx: &mut Effects<'_>) -> bool {
        let (now, voters) = (fx.now, usize::from(self.voters));
        match &self.role {
            Role::Unattached { until } | Role::Follower { until, .. } if *until <= now => self.become_prospective(fx),
            Role::Prospective { votes, .. } if votes.is_won(voters) => self.become_candidate(fx),
            Role::Prospective { until, votes } if *until <= now || votes.is_lost(voters) => match self.leader {
                Some(leader) if leader != self.me => self.follow(self.epoch, leader, fx),
                _ => self.detach(self.epoch, fx),
            },
            Role::Candidate { votes, .. } if votes.is_won(voters) => self.become_leader(fx),
            // Who has lost waits all the same: the election timeouts are drawn so that the votes are not split for ever.
            Role::Candidate { until, .. } if *until <= now => self.become_prospective(fx),
            Role::Leader(leading) if leading.check_quorum <= now => self.resign(fx),
            // It must not lead again in this epoch, nor vote twice in it.
            Role::Resigned { until } if *until <= now => self.detach(self.epoch.next(), fx),
            _ => return false,
        }
        true
    }

    /// Knows no leader of this epoch.
    fn detach(&mut self, epoch: QuorumEpoch, fx: &mut Effects<'_>) {
        self.enter(epoch, None);
        let until = self.election_deadline(fx.now);
        self.leave_role(Role::Unattached { until }, fx);
    }

    fn follow(&mut self, epoch: QuorumEpoch, leader: ControllerId, fx: &mut Effects<'_>) {
        self.enter(epoch, Some(leader));
        self.fetch_at = fx.now;
        self.leave_role(Role::Follower { until: fx.now + self.timeouts.fetch, has_fetched: false }, fx);
    }

    /// A later epoch ends the vote of the one before.
    fn enter(&mut self, epoch: QuorumEpoch, leader: Option<ControllerId>) {
        if epoch > self.epoch {
            self.voted = None;
            self.leader = None;
        }
        self.epoch = epoch;
        self.leader = leader.or(self.leader);
    }

    fn leave_role(&mut self, next: Role, fx: &mut Effects<'_>) {
        if let Role::Leader(leading) = std::mem::replace(&mut self.role, next) {
            self.send_away(leading, fx);
        }
    }

    fn become_prospective(&mut self, fx: &mut Effects<'_>) {
        let until = self.election_deadline(fx.now);
        self.leave_role(Role::Prospective { until, votes: Votes::own(self.me) }, fx);
        self.ask_votes(true, fx);
    }

    fn become_candidate(&mut self, fx: &mut Effects<'_>) {
        self.enter(self.epoch.next(), None);
        self.voted = Some(self.me);
        fx.trace(What::ElectionStarted { controller: self.me, epoch: self.epoch });
        let until = self.election_deadline(fx.now);
        self.leave_role(Role::Candidate { until, votes: Votes::own(self.me) }, fx);
        self.ask_votes(false, fx);
    }

    fn ask_votes(&mut self, pre_vote: bool, fx: &mut Effects<'_>) {
        let (epoch, (last_epoch, log_end)) = (self.epoch, self.log_end());
        for voter in self.others() {
            let request = Request::Vote { candidate: self.me, epoch, pre_vote, last_epoch, log_end };
            self.tell(voter, (Api::Vote, request), Asked::Vote { pre_vote, epoch }, fx);
        }
    }

    fn tell(&mut self, voter: ControllerId, ask: (Api, Request), what: Asked, fx: &mut Effects<'_>) {
        let (timeout, cause) = (self.timeouts.request, fx.cause);
        self.client.ask(fx, NodeId::Controller(voter), ask, timeout, cause, what);
    }

    fn elector(&self) -> Elector {
        match &self.role {
            Role::Unattached { .. } | Role::Prospective { .. } => Elector::Free { voted: self.voted, leader: self.leader },
            Role::Candidate { .. } | Role::Resigned { .. } => Elector::Taken,
            Role::Follower { has_fetched, .. } => Elector::Follower { has_fetched: *has_fetched },
            Role::Leader(leading) => Elector::Leader { has_watermark: self.high_watermark > leading.start },
        }
    }

    fn on_vote(&mut self, epoch: QuorumEpoch, plea: Plea, fx: &mut Effects<'_>) -> Response {
        if epoch < self.epoch {
            return Response::Vote { error: ErrorCode::FencedLeaderEpoch, view: self.view(), granted: false };
        }
        if epoch > self.epoch {
            self.detach(epoch, fx);
        }
        let granted = rules::grants(self.elector(), plea, self.log_end());
        if granted && !plea.pre_vote {
            self.voted = Some(plea.candidate);
            let until = self.election_deadline(fx.now);
            self.leave_role(Role::Unattached { until }, fx);
        }
        Response::Vote { error: ErrorCode::None, view: self.view(), granted }
    }

    // --- requests and answers --------------------------------------------------------------------------------------------------

    /// A request of another voter about the epoch. (Fetches are answered by [`Quorum::on_fetch`].)
    pub fn on_request(&mut self, request: &Request, fx: &mut Effects<'_>) -> Response {
        match *request {
            Request::Vote { candidate, epoch, pre_vote, last_epoch, log_end } => {
                self.on_vote(epoch, Plea { candidate, pre_vote, log_end: (last_epoch, log_end) }, fx)
            }
            Request::BeginQuorumEpoch { leader, epoch } => {
                if epoch < self.epoch {
                    return Response::QuorumEpoch { error: ErrorCode::FencedLeaderEpoch, view: self.view() };
                }
                self.learn(QuorumView { epoch, leader: Some(leader) }, fx);
                if let Role::Follower { until, .. } = &mut self.role {
                    *until = fx.now + self.timeouts.fetch;
                }
                Response::QuorumEpoch { error: ErrorCode::None, view: self.view() }
            }
            Request::EndQuorumEpoch { leader, epoch, ref successors } => {
                if epoch < self.epoch {
                    return Response::QuorumEpoch { error: ErrorCode::FencedLeaderEpoch, view: self.view() };
                }
                self.learn(QuorumView { epoch, leader: Some(leader) }, fx);
                let rank = successors.iter().position(|&id| id == self.me).unwrap_or(successors.len());
                if let Role::Follower { until, .. } = &mut self.role {
                    // The first successor stands at once, the others 100 ms and more later.
                    *until = fx.now + SimDuration(rank.checked_sub(1).map_or(0, |steps| FETCH_RETRY.0 << steps.min(3)));
                }
                Response::QuorumEpoch { error: ErrorCode::None, view: self.view() }
            }
            _ => unreachable!("not about the epoch"),
        }
    }

    /// An answer to a request of its own. False: nobody waits for it any more.
    pub fn on_answer(&mut self, packet: &Packet, fx: &mut Effects<'_>) -> bool {
        let Some(Answered::Request(asked)) = self.client.answered(packet.correlation) else { return false };
        let NodeId::Controller(from) = packet.from else { unreachable!("voters ask voters") };
        let Body::Response(response) = &packet.body else { unreachable!("it is an answer") };
        match (asked.what, response) {
            (Asked::Vote { pre_vote, epoch }, Response::Vote { view, granted, .. }) => {
                self.learn(*view, fx);
                let same = self.epoch == epoch;
                match &mut self.role {
                    Role::Prospective { votes, .. } if pre_vote && same => votes.count(from, *granted),
                    Role::Candidate { votes, .. } if !pre_vote && same => votes.count(from, *granted),
                    _ => {}
                }
            }
            (Asked::Told, Response::QuorumEpoch { view, .. }) => self.learn(*view, fx),
            (Asked::Fetch, Response::MetadataFetch(answer)) => self.on_fetched(from, answer, fx),
            _ => unreachable!("an answer to something else"),
        }
        true
    }

    /// A voter closed or refused this one's connections.
    pub fn disconnected(&mut self, connection: Connection, fx: &mut Effects<'_>) {
        let _ = self.client.disconnected(fx, connection);
    }

    /// Another voter says which epoch it is in and who leads.
    fn learn(&mut self, view: QuorumView, fx: &mut Effects<'_>) {
        let leader = view.leader.filter(|&l| l != self.me);
        if view.epoch > self.epoch {
            match leader {
                Some(leader) => self.follow(view.epoch, leader, fx),
                None => self.detach(view.epoch, fx),
            }
        } else if let (true, None, Some(leader)) = (view.epoch == self.epoch, self.leader, leader) {
            self.follow(view.epoch, leader, fx);
        }
    }

    // --- following -------------------------------------------------------------------------------------------------------------

    fn fetch(&mut self, fx: &mut Effects<'_>) {
        let Some(leader) = self.leader else { return };
        let request = Request::MetadataFetch {
            replica: self.node(),
            epoch: self.epoch,
            last_epoch: self.log.last_epoch(),
            offset: self.log.end(),
            high_watermark: self.high_watermark,
        };
        self.tell(leader, (Api::MetadataFetch, request), Asked::Fetch, fx);
    }

    fn on_fetched(&mut self, from: ControllerId, answer: &MetadataAnswer, fx: &mut Effects<'_>) {
        if answer.error != ErrorCode::None {
            self.fetch_at = fx.now + FETCH_RETRY;
            self.learn(answer.view, fx);
            return;
        }
        let follows = answer.view.epoch == self.epoch && self.leader == Some(from);
        let (deadline, Role::Follower { until, has_fetched }) = (fx.now + self.timeouts.fetch, &mut self.role) else { return };
        if !follows {
            return;
        }
        (*until, *has_fetched) = (deadline, true);
        if let Some(diverging) = answer.diverging {
            let own = self.log.end_of_epoch(diverging.epoch);
            let to = if own.epoch == diverging.epoch { own.end.min(diverging.end) } else { own.end };
            self.log.truncate_to(to);
        } else if answer.from == self.log.end() {
            for &entry in &answer.entries {
                self.log.append(entry);
            }
            self.high_watermark = self.high_watermark.max(answer.high_watermark.min(self.log.end()));
        }
        self.fetch_at = fx.now;
    }
}
