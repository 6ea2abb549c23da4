//! G-21: from what a member has to what it is meant to have, one heartbeat at a time. A partition is given to its new owner only when
//! the old one has said that it gave it up; nobody else has to wait for that.

use super::Partitions;
use crate::error_code::ErrorCode;
use crate::ids::{MemberEpoch, PartitionId};

/// Where a member is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It has what it is meant to have.
    Stable,
    /// It was told to give partitions up and has not said that it did. It stays at its epoch until then.
    UnrevokedPartitions,
    /// It is at the target's epoch, and others still hold some of what it is meant to have.
    UnreleasedPartitions,
    /// Written by a newer coordinator than this one.
    Unknown,
}

/// What the coordinator knows of a member's partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Where it is.
    pub state: MemberState,
    /// The epoch of the target that it has reached.
    pub epoch: MemberEpoch,
    /// The one before (G-22).
    pub previous_epoch: MemberEpoch,
    /// What it is told to have. What it has not got used to yet counts as its own.
    pub assigned: Partitions,
    /// What it was told to give up and may still hold.
    pub revoking: Partitions,
}

impl Progress {
    /// A member that joins with nothing.
    pub fn joining() -> Progress {
        Progress {
            state: MemberState::Stable,
            epoch: MemberEpoch::JOIN,
            previous_epoch: MemberEpoch::NONE,
            assigned: Partitions::new(),
            revoking: Partitions::new(),
        }
    }

    /// Everything that nobody else may have.
    pub fn holds(&self, partition: PartitionId) -> bool {
        self.assigned.contains(&partition) || self.revoking.contains(&partition)
    }

    fn at(&self, state: MemberState, epoch: MemberEpoch, assigned: Partitions, revoking: Partitions) -> Progress {
        Progress { state, epoch, previous_epoch: self.epoch, assigned, revoking }
    }
}

/// What a member is meant to have.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The version of the assignment.
    pub epoch: MemberEpoch,
    /// Its share.
    pub partitions: &'a Partitions,
}

/// G-21: the next step. `is_held` says whether any member holds a partition; `owned` is what this member says that it has, if it says so.
///
/// Example: at epoch 10 with {1, 2} and a target of {2, 3} at epoch 11, the member is told {2} and stays at 10 until it no longer
/// reports 1. Then it goes to 11 and has {2, 3}, or only {2} while somebody else still has 3.
///
/// # Errors
/// FENCED_MEMBER_EPOCH: its state is not understood, and it does not come empty-handed.
pub fn reconcile(
    member: &Progress,
    target: Target<'_>,
    is_held: impl Fn(PartitionId) -> bool,
    owned: Option<&Partitions>,
) -> Result<Progress, ErrorCode> {
    // Who does not say what it has may have everything still.
    let still_has = |revoking: &Partitions| owned.is_none_or(|owned| !owned.is_disjoint(revoking));
    let stays_at = match member.state {
        MemberState::Stable if member.epoch == target.epoch => return Ok(member.clone()),
        MemberState::UnrevokedPartitions if still_has(&member.revoking) => return Ok(member.clone()),
        MemberState::Unknown if owned.is_none_or(|owned| !owned.is_empty()) => return Err(ErrorCode::FencedMemberEpoch),
        MemberState::Unknown => target.epoch,
        MemberState::Stable | MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => member.epoch,
    };
    let mut assigned: Partitions = member.assigned.intersection(target.partitions).copied().collect();
    let revoking: Partitions = member.assigned.difference(&assigned).copied().collect();
    if !revoking.is_empty() && still_has(&revoking) {
        return Ok(member.at(MemberState::UnrevokedPartitions, stays_at, assigned, revoking));
    }
    // What it has just given up is free, if it is meant to have it after all.
    let is_free = |partition: PartitionId| member.revoking.contains(&partition) || !is_held(partition);
    let wanted = target.partitions.difference(&assigned).copied();
    let (free, unreleased): (Partitions, Partitions) = wanted.partition(|&partition| is_free(partition));
    assigned.extend(free);
    let state = if unreleased.is_empty() { MemberState::Stable } else { MemberState::UnreleasedPartitions };
    Ok(member.at(state, target.epoch, assigned, Partitions::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: &[u16]) -> Partitions {
        numbers.iter().map(|&n| PartitionId(n)).collect()
    }

    /// The example of [`reconcile`], with the third partition held by another member at first.
    #[test]
    fn a_member_gives_up_first_then_moves_on_then_gets_what_others_release() {
        let mut member = Progress::joining();
        (member.epoch, member.assigned) = (MemberEpoch(10), partitions(&[1, 2]));
        let wanted = partitions(&[2, 3]);
        let target = Target { epoch: MemberEpoch(11), partitions: &wanted };

        let told = reconcile(&member, target, |_| true, Some(&partitions(&[1, 2]))).unwrap();
        assert_eq!((told.state, told.epoch), (MemberState::UnrevokedPartitions, MemberEpoch(10)));
        assert_eq!((&told.assigned, &told.revoking), (&partitions(&[2]), &partitions(&[1])));
        assert_eq!(reconcile(&told, target, |_| true, None).unwrap(), told, "silence is no acknowledgement");

        let moved = reconcile(&told, target, |_| true, Some(&partitions(&[2]))).unwrap();
        assert_eq!((moved.state, moved.epoch), (MemberState::UnreleasedPartitions, MemberEpoch(11)));
        assert_eq!((&moved.assigned, &moved.revoking), (&partitions(&[2]), &partitions(&[])));

        let done = reconcile(&moved, target, |_| false, None).unwrap();
        assert_eq!((done.state, &done.assigned), (MemberState::Stable, &wanted));
    }

    #[test]
    fn a_state_of_the_future_starts_again_with_nothing() {
        let mut member = Progress::joining();
        member.state = MemberState::Unknown;
        let wanted = partitions(&[1]);
        let target = Target { epoch: MemberEpoch(3), partitions: &wanted };
        assert_eq!(reconcile(&member, target, |_| false, None), Err(ErrorCode::FencedMemberEpoch));
        assert_eq!(reconcile(&member, target, |_| false, Some(&wanted)), Err(ErrorCode::FencedMemberEpoch));
        let began = reconcile(&member, target, |_| false, Some(&partitions(&[]))).unwrap();
        assert_eq!((began.state, began.assigned), (MemberState::Stable, wanted));
    }
}
