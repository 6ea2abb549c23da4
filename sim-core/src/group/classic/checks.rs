//! What the coordinator answers to a member, by the state of its group (G-5, G-6). Pure, and free of how members are named.

use super::State;
use crate::error_code::ErrorCode;

/// Is the sender a member? `owner`: none if it named no `group.instance.id`; else who holds that instance, if anybody does (G-10).
///
/// # Errors
/// UNKNOWN_MEMBER_ID; FENCED_INSTANCE_ID if another process has taken the instance over.
pub fn check_member<M: PartialEq>(sent: &M, is_member: bool, owner: Option<Option<&M>>) -> Result<(), ErrorCode> {
    match owner {
        Some(None) => Err(ErrorCode::UnknownMemberId),
        Some(Some(owner)) if owner != sent => Err(ErrorCode::FencedInstanceId),
        _ if !is_member => Err(ErrorCode::UnknownMemberId),
        _ => Ok(()),
    }
}

/// G-5: the answer to a heartbeat. `member`: see [`check_member`].
pub fn heartbeat(state: State, member: Result<(), ErrorCode>, generation_matches: bool) -> ErrorCode {
    match (state, member) {
        (State::Dead, _) => ErrorCode::CoordinatorNotAvailable,
        (_, Err(error)) => error,
        _ if !generation_matches => ErrorCode::IllegalGeneration,
        (State::Empty, _) => ErrorCode::UnknownMemberId,
        (State::PreparingRebalance, _) => ErrorCode::RebalanceInProgress,
        (State::CompletingRebalance | State::Stable, _) => ErrorCode::None,
    }
}

/// Who commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committer {
    /// It named a member or an instance. A simple consumer does not.
    pub named: bool,
    /// Its generation; -1 for none.
    pub generation: i32,
    /// Through a transaction, whose older versions name nobody.
    pub transactional: bool,
}

/// G-6: is a commit accepted? `generation` is the group's; `member`: see [`check_member`].
///
/// # Errors
/// The error that the committer is told.
pub fn commit(state: State, generation: i32, by: Committer, member: Result<(), ErrorCode>) -> Result<(), ErrorCode> {
    match state {
        State::Dead => return Err(ErrorCode::CoordinatorNotAvailable),
        State::Empty if by.generation < 0 => return Ok(()),
        _ => {}
    }
    if by.generation >= 0 || by.named {
        member?;
        if by.generation != generation {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else if !by.transactional && state != State::Empty {
        return Err(ErrorCode::UnknownMemberId);
    }
    if !by.transactional && state == State::CompletingRebalance {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}
