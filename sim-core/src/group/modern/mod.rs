//! The rules of a group with `group.protocol=consumer` (KIP-848), as pure functions: how a member gets from what it has to what it is
//! meant to have (G-21), which epochs are accepted (G-22, G-24), and the brokers' assignors. Who is in a group is the
//! coordinator's to keep.

pub mod heartbeat;
pub mod reconcile;
pub mod records;
#[cfg(test)]
mod script;
pub mod uniform;
pub mod uniform_unequal;

use crate::config::GroupProtocol;
use crate::error_code::ErrorCode;
use crate::group::assignor::{self, Subscriber, Topic};
use crate::ids::{MemberEpoch, MemberId, PartitionId};
use crate::rows::Set;
use reconcile::Progress;
use records::ConsumerGroup;

/// Partitions that somebody has or is meant to have.
pub type Partitions = Set<PartitionId>;

/// `group.remote.assignor`: an assignor of the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerAssignor {
    /// A-9, the default.
    Uniform,
    ///
    Range,
}

impl ServerAssignor {
    /// By its name.
    pub fn named(name: &str) -> Option<ServerAssignor> {
        match name {
            "uniform" => Some(ServerAssignor::Uniform),
            "range" => Some(ServerAssignor::Range),
            _ => None,
        }
    }
}

/// A-2 at the broker: the members' shares, in the order of their ids.
fn range(group: &ConsumerGroup, topics: &[Topic]) -> Vec<Partitions> {
    let name = |id: &MemberId| format!("{:05}-{:010}", id.consumer.0, id.serial);
    let subscriber = |(id, member): (&MemberId, &records::Member)| Subscriber {
        id: name(id),
        instance: member.metadata.instance.map(|instance| format!("{:05}", instance.0)),
        topics: member.metadata.topics.iter().map(|topic| topic.ix()).collect(),
        owned: Vec::new(),
        generation: -1,
    };
    let members: Vec<Subscriber> = group.members.iter().map(subscriber).collect();
    assignor::range(topics, &members).into_iter().map(|share| share.into_iter().collect()).collect()
}

/// G-22: is this the epoch that the coordinator expects of the member? The epoch before is accepted as well while the member claims
/// nothing that it was not given: the answer with the new epoch may have been lost.
///
/// # Errors
/// FENCED_MEMBER_EPOCH.
pub fn check_heartbeat(sent: MemberEpoch, owned: Option<&Partitions>, member: &Progress) -> Result<(), ErrorCode> {
    let missed_one = sent == member.previous_epoch && owned.is_some_and(|owned| owned.is_subset(&member.assigned));
    match sent.cmp(&member.epoch) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less if missed_one => Ok(()),
        _ => Err(ErrorCode::FencedMemberEpoch),
    }
}

/// G-24: may this member commit offsets? `member` is what the group knows of it, with the protocol that it speaks: a group may have
/// members of the classic protocol while it moves from one to the other. Without an epoch anybody may, while the group is empty; and so may
/// at any time an `unnamed` transaction, whose older versions say nothing of groups.
///
/// # Errors
/// UNKNOWN_MEMBER_ID; STALE_MEMBER_EPOCH, which a member of the classic protocol knows as ILLEGAL_GENERATION.
pub fn check_commit(
    group_is_empty: bool,
    member: Option<(MemberEpoch, GroupProtocol)>,
    sent: MemberEpoch,
    unnamed: bool,
) -> Result<(), ErrorCode> {
    if sent < MemberEpoch::JOIN && (group_is_empty || unnamed) {
        return Ok(());
    }
    let (epoch, protocol) = member.ok_or(ErrorCode::UnknownMemberId)?;
    match protocol {
        _ if sent == epoch => Ok(()),
        GroupProtocol::Classic => Err(ErrorCode::IllegalGeneration),
        GroupProtocol::Consumer => Err(ErrorCode::StaleMemberEpoch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: &[u16]) -> Partitions {
        numbers.iter().map(|&n| PartitionId(n)).collect()
    }

    /// G-22: a member at epoch 5 that was at 4 and has partitions 0 and 1.
    #[test]
    fn the_epoch_before_is_accepted_once_from_who_claims_no_more_than_was_given() {
        let mut member = Progress::joining();
        (member.epoch, member.previous_epoch, member.assigned) = (MemberEpoch(5), MemberEpoch(4), partitions(&[0, 1]));
        let check = |epoch, owned: Option<&[u16]>| check_heartbeat(MemberEpoch(epoch), owned.map(partitions).as_ref(), &member);
        assert_eq!(check(5, None), Ok(()));
        assert_eq!(check(4, Some(&[1])), Ok(()));
        assert_eq!(check(4, Some(&[1, 2])), Err(ErrorCode::FencedMemberEpoch));
        assert_eq!(check(4, None), Err(ErrorCode::FencedMemberEpoch));
        assert_eq!(check(3, Some(&[1])), Err(ErrorCode::FencedMemberEpoch));
        assert_eq!(check(6, Some(&[1])), Err(ErrorCode::FencedMemberEpoch));
    }
}
