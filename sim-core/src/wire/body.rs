//! What a packet says, and what pictures want to know of it.

use super::{Request, Response};
use crate::error_code::ErrorCode;
use crate::group::classic;
use crate::ids::*;
use crate::trace::SqlResult;

/// What a packet says. Boxed as far as it is large and rare: it is moved several times on its way.
#[derive(Clone, Debug)]
pub enum Body {
    /// See [`Api`](crate::trace::Api) for what each asks.
    Request(Request),
    /// And what is answered.
    Response(Response),
}

impl Body {
    /// Is it an answer?
    pub fn is_response(&self) -> bool {
        matches!(self, Body::Response(_))
    }

    /// Records on board, for pictures.
    pub fn records(&self) -> u32 {
        match self {
            Body::Request(Request::Produce { parts, .. }) => parts.iter().map(|p| p.batch.count()).sum(),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { results, .. }) => {
                results.iter().flat_map(|r| &r.batches).map(|b| b.batch.count()).sum()
            }
            _ => 0,
        }
    }

    /// Is a message on board, for pictures.
    pub fn carries(&self, message: MessageId) -> bool {
        let has = |batch: &crate::record::Batch| batch.records().iter().any(|record| record.message == message);
        match self {
            Body::Request(Request::Produce { parts, .. }) => parts.iter().any(|p| has(&p.batch)),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { results, .. }) => {
                results.iter().flat_map(|r| &r.batches).any(|b| has(&b.batch))
            }
            _ => false,
        }
    }

    /// Does it carry bad news, for pictures.
    pub fn is_error(&self) -> bool {
        match self {
            Body::Response(Response::Produce(results)) => results.iter().any(|r| r.error != ErrorCode::None),
            Body::Response(Response::Fetch(results) | Response::ReplicaFetch { error: ErrorCode::None, results, .. }) => {
                results.iter().any(|r| r.error != ErrorCode::None || r.diverging().is_some())
            }
            Body::Response(Response::ConsumerGroupHeartbeat { result, .. }) => result.is_err(),
            Body::Response(Response::OffsetsForLeaderEpoch(results)) => results.iter().any(Result::is_err),
            Body::Response(
                Response::ReplicaFetch { error, .. }
                | Response::OffsetFetch { error, .. }
                | Response::OffsetCommit { error }
                | Response::JoinGroup(classic::Joined { error, .. })
                | Response::SyncGroup { error, .. }
                | Response::Heartbeat { error }
                | Response::LeaveGroup { error }
                | Response::FindCoordinator { error, .. }
                | Response::BrokerRegistration { error, .. }
                | Response::BrokerHeartbeat { error, .. }
                | Response::AllocateProducerIds { error, .. }
                | Response::QuorumEpoch { error, .. },
            ) => *error != ErrorCode::None,
            Body::Response(Response::MetadataFetch(answer)) => answer.error != ErrorCode::None || answer.diverging.is_some(),
            Body::Response(Response::Vote { granted, .. }) => !granted,
            Body::Response(Response::Sql(result)) => *result != SqlResult::Ok,
            Body::Response(Response::AlterPartition { error, parts }) => {
                *error != ErrorCode::None || parts.iter().any(|p| p.error != ErrorCode::None)
            }
            Body::Response(Response::Transaction(response)) => response.is_error(),
            _ => false,
        }
    }
}
