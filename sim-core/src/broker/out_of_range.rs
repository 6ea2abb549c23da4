//! A follower whose fetch offset is not in its leader's log: it asks where that log ends and, if it must, where it starts.

use super::{Asked, Broker};
use crate::effects::Effects;
use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::replica::Role;
use crate::replica::truncation::{OutOfRange, on_out_of_range};
use crate::trace::{Api, StartReason, TraceId, What};
use crate::wire::{OffsetSpec, Request};

impl Broker {
    /// Asks this leader about all partitions of which an end is to be found, else about those of which a start is.
    pub(super) fn ask_for_range(&mut self, leader: BrokerId, cause: TraceId, fx: &mut Effects<'_>) {
        let sought = |of: OffsetSpec| -> Vec<(PartitionId, LeaderEpoch)> {
            let seeks = |replica: &&crate::replica::Replica| match &replica.role {
                Role::Follower(f) => f.leader == leader && f.seeks == Some(of) && f.may_ask(fx.now),
                _ => false,
            };
            self.replicas.iter().flatten().filter(seeks).map(|replica| (replica.partition, replica.leader_epoch)).collect()
        };
        let (mut of, mut parts) = (OffsetSpec::Latest, sought(OffsetSpec::Latest));
        if parts.is_empty() {
            (of, parts) = (OffsetSpec::Earliest, sought(OffsetSpec::Earliest));
        }
        let request = Request::ListOffsets { parts: parts.clone(), of, isolation: None };
        let timeout = self.config().replica_socket_timeout;
        let asked = Asked::Range(of, parts);
        self.client.ask(fx, NodeId::Broker(leader), (Api::ListOffsets, request), timeout, cause, asked);
    }

    pub(super) fn on_range_answer(
        &mut self,
        from: NodeId,
        (of, asked): (OffsetSpec, &[(PartitionId, LeaderEpoch)]),
        answers: &[(PartitionId, ErrorCode, Offset)],
        fx: &mut Effects<'_>,
    ) {
        for (&(partition, epoch), &(_, error, offset)) in asked.iter().zip(answers) {
            let replica = self.replica(partition).expect("it asked for it");
            let end = replica.log.end();
            let seeks = matches!(&replica.role, Role::Follower(f) if f.seeks == Some(of));
            if !seeks || !replica.still_follows(from, epoch) {
                continue;
            }
            self.following_mut(partition).seeks = None;
            if error != ErrorCode::None {
                self.refused(partition, error, fx.now);
                continue;
            }
            // Of the leader's end and start only one is known at a time; in place of the other stands what decides nothing.
            let (start, last) = if of == OffsetSpec::Latest { (end, offset) } else { (offset, end) };
            match on_out_of_range(start, last, end) {
                OutOfRange::TruncateTo(to) => self.truncate(partition, to, fx),
                OutOfRange::StartAgainAt(start) => self.start_again(partition, start, fx),
                OutOfRange::Keep if of == OffsetSpec::Latest => self.following_mut(partition).seeks = Some(OffsetSpec::Earliest),
                OutOfRange::Keep => {} // it fetches again from where it is
            }
        }
        self.replicate(fx.cause, fx);
    }

    /// What the leader's log begins with is beyond this one's end.
    fn start_again(&mut self, partition: PartitionId, to: Offset, fx: &mut Effects<'_>) {
        let broker = self.id;
        let replica = self.replicas[partition.ix()].as_mut().expect("it asked for it");
        replica.start_again_at(to, fx.now);
        let event = fx.trace(What::LogStartMoved { broker, partition, to, why: StartReason::StartAgain });
        fx.trace_from(event, What::HwMoved { broker, partition, to });
    }
}
