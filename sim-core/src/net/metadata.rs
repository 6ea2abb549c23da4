//! What a client believes about who leads what, and when it asks again.

use super::client::Client;
use crate::effects::Effects;
use crate::ids::*;
use crate::time::{SimDuration, SimTime};
use crate::wire::{Channel, ClientMetadata};

/// A client's metadata.
#[derive(Clone, Debug)]
pub struct MetadataCache {
    known: Option<ClientMetadata>,
    /// Something happened after which it may be wrong.
    wanted: bool,
    /// Not to be asked for before: `retry.backoff.ms` after the last answer or failure.
    after: SimTime,
    /// `metadata.max.age.ms` after the last answer.
    stale_at: SimTime,
    next_server: u16,
}

impl MetadataCache {
    /// Nothing known. `first` spreads the clients over the brokers.
    pub fn new(first: u16) -> MetadataCache {
        MetadataCache { known: None, wanted: true, after: SimTime::ZERO, stale_at: SimTime::NEVER, next_server: first }
    }

    /// Has there been an answer?
    pub fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The leader of a partition and its epoch.
    #[inline]
    pub fn leader(&self, partition: PartitionId) -> Option<(BrokerId, LeaderEpoch)> {
        let (leader, epoch) = self.known.as_ref()?.leaders[partition.ix()];
        leader.map(|l| (l, epoch))
    }

    /// P-23: has it heard of this partition? What it has heard of it does not forget.
    pub fn knows(&self, partition: PartitionId) -> bool {
        self.known.as_ref().is_some_and(|known| known.leaders[partition.ix()].1 != LeaderEpoch::NONE)
    }

    /// Ask again, when the backoff is over.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// An answer. An older epoch, from a broker that is behind, does not undo a newer one.
    pub fn on_answer(&mut self, answer: ClientMetadata, now: SimTime, backoff: SimDuration, max_age: SimDuration) {
        self.wanted = false;
        self.after = now + backoff;
        self.stale_at = now + max_age;
        match &mut self.known {
            None => self.known = Some(answer),
            Some(known) => {
                for (old, new) in known.leaders.iter_mut().zip(answer.leaders) {
                    if new.1 >= old.1 {
                        *old = new;
                    }
                }
            }
        }
    }

    /// No answer came.
    pub fn on_lost(&mut self, now: SimTime, backoff: SimDuration) {
        self.wanted = true;
        self.after = now + backoff;
    }

    /// L-25: a broker named the leader.
    pub fn retarget(&mut self, partition: PartitionId, leader: BrokerId, epoch: LeaderEpoch) {
        if let Some(known) = &mut self.known
            && epoch > known.leaders[partition.ix()].1
        {
            known.leaders[partition.ix()] = (Some(leader), epoch);
        }
    }

    /// When it should be asked for.
    pub fn due(&self) -> SimTime {
        if self.wanted { self.after.min(self.stale_at) } else { self.stale_at }
    }

    /// Any broker will do: the next one in turn to which a connection is open. While there is none, the next one in turn is called.
    pub fn any_server<K>(
        &mut self,
        client: &mut Client<K>,
        channel: Channel,
        brokers: u16,
        fx: &mut Effects<'_>,
    ) -> Option<NodeId> {
        let turn = |i: u16| NodeId::Broker(BrokerId((self.next_server + i) % brokers + 1));
        let open = (0..brokers).find(|&i| client.is_open(turn(i), channel));
        let chosen = open.or_else(|| (0..brokers).find(|&i| client.blocked_until(turn(i), channel) <= fx.now))?;
        let server = turn(chosen);
        self.next_server = (self.next_server + chosen + 1) % brokers;
        if open.is_none() {
            client.open(fx, server, channel);
        }
        open.map(|_| server)
    }
}

/// When any broker may be asked or called; `now` if a connection is open.
pub fn any_server_at<K>(client: &Client<K>, channel: Channel, brokers: u16, now: SimTime) -> SimTime {
    let mut first = SimTime::NEVER;
    for broker in 1..=brokers {
        first = first.min(client.blocked_until(NodeId::Broker(BrokerId(broker)), channel));
        if first <= now {
            return now;
        }
    }
    first
}
