//! cooperative sticky.

use super::{Shares, Subscriber, Topic, sticky};
use crate::ids::PartitionId;
use crate::rows::{Map, Set};

/// as `sticky`, but a partition that changes its owner is withheld until the next round: its old owner has to give it up first.
/// `a` owns 0, 1, 2 and `b` joins: `a` gets 0, 1 and `b` nothing; when `a` has revoked 2 and joined again, `b` gets 2.
pub fn cooperative_sticky(topics: &[Topic], members: &[Subscriber]) -> Shares {
    let mut found = sticky(topics, members);
    let moving = found.transferring.unwrap_or_else(|| transferring(members, &found.shares));
    for (partition, member) in moving {
        found.shares[member].retain(|&p| p != partition);
    }
    found.shares
}

/// What one member would get although another one says that it owns it, with its new owner.
fn transferring(members: &[Subscriber], shares: &Shares) -> Map<PartitionId, usize> {
    let mut added = Map::new();
    let mut revoked = Set::new();
    for (at, (member, share)) in members.iter().zip(shares).enumerate() {
        added.extend(share.iter().filter(|p| !member.owned.contains(p)).map(|&p| (p, at)));
        revoked.extend(member.owned.iter().copied().filter(|p| !share.contains(p)));
    }
    added.retain(|partition, _| revoked.contains(partition));
    added
}
