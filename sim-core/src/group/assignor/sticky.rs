//! sticky, for members that all subscribe to the same topics.

use super::{Shares, Subscriber, Topic, java_order, sticky_unequal, subscribed};
use crate::ids::PartitionId;
use crate::rows::{Map, Set};
use crate::sort::{self, gathered};
use std::collections::VecDeque;

/// What the sticky assignor found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Who gets what.
    pub shares: Shares,
    /// Partitions that change hands, with the position of their new owner; none where the subscriptions differ, for then the
    /// assignor does not keep account of that.
    pub transferring: Option<Map<PartitionId, usize>>,
}

/// A partition's place: the rank of its topic by name, its number in the topic, and its id. In the order of (topic, partition).
pub(super) type Slot = (usize, usize, PartitionId);

/// What the members own, each partition at most once.
pub(super) struct Claims {
    /// Of each member, in the order in which it named them.
    pub owned: Vec<Vec<Slot>>,
    /// Claimed by two members of one generation: both have lost it.
    pub contested: Set<PartitionId>,
    /// The highest generation that any member names.
    pub generation: i32,
}

/// keeps what members own as far as balance allows.
pub fn sticky(topics: &[Topic], members: &[Subscriber]) -> Sticky {
    let order = subscribed(topics, members);
    let slots = |(rank, &topic): (usize, &usize)| topics[topic].partitions.iter().enumerate().map(move |(n, &p)| (rank, n, p));
    let all: Vec<Slot> = order.iter().enumerate().flat_map(slots).collect();
    let claims = claims(members, &all);
    let wanted = |m: &Subscriber| -> Set<usize> { gathered(m.topics.iter().copied()) };
    let equal = members.windows(2).all(|pair| wanted(&pair[0]) == wanted(&pair[1]));
    if equal {
        let (shares, transferring) = equal_subscriptions(members, &all, &claims);
        Sticky { shares, transferring: Some(transferring) }
    } else {
        Sticky { shares: sticky_unequal::assign((topics, &order), members, &all, claims), transferring: None }
    }
}

/// of several claims on a partition that of the highest generation wins; two of the same generation both lose.
fn claims(members: &[Subscriber], all: &[Slot]) -> Claims {
    let slots: Map<PartitionId, Slot> = gathered(all.iter().map(|&slot| (slot.2, slot)));
    let mut claims = Claims { owned: vec![Vec::new(); members.len()], contested: Set::new(), generation: -1 };
    let mut owner: Map<PartitionId, usize> = Map::new();
    for at in members_in_java_order(members) {
        let member = &members[at];
        claims.generation = claims.generation.max(member.generation);
        for slot in member.owned.iter().filter_map(|p| slots.get(p)) {
            let Some(&other) = owner.get(&slot.2) else {
                claims.owned[at].push(*slot);
                owner.insert(slot.2, at);
                continue;
            };
            if member.generation < members[other].generation {
                continue;
            }
            claims.owned[other].retain(|s| s != slot);
            owner.insert(slot.2, at);
            if member.generation > members[other].generation {
                claims.owned[at].push(*slot);
            } else {
                claims.contested.insert(slot.2);
            }
        }
    }
    claims
}

///
fn members_in_java_order(members: &[Subscriber]) -> Vec<usize> {
    let ids: Vec<&str> = members.iter().map(|m| m.id.as_str()).collect();
    java_order(&ids)
}

/// Seven partitions for four members: at least 1, at most 2 each, and three of the members have 2.
fn equal_subscriptions(members: &[Subscriber], all: &[Slot], claims: &Claims) -> (Shares, Map<PartitionId, usize>) {
    let mut shares: Shares = vec![Vec::new(); members.len()];
    let mut transferring = Map::new();
    if members.is_empty() {
        return (shares, transferring);
    }
    let kept = keep_owned(members, all.len(), claims, &mut shares);
    let assigned: Set<PartitionId> = gathered(shares.iter().flatten().copied());
    let least = all.len() / members.len();
    let (mut underfilled, mut exact) = (kept.underfilled, VecDeque::from(kept.exact));
    let mut next = 0;
    for &(_, _, partition) in all.iter().filter(|slot| !assigned.contains(&slot.2)) {
        if next >= underfilled.len() {
            next = 0;
        }
        let member = match underfilled.get(next) {
            Some(&member) => member,
            None => exact.pop_front().expect("the quotas add up to the number of partitions"),
        };
        shares[member].push(partition);
        if kept.revoked.contains(&partition) || claims.contested.contains(&partition) {
            transferring.insert(partition, member);
        }
        if underfilled.get(next) == Some(&member) {
            if shares[member].len() == least {
                underfilled.remove(next);
                exact.push_back(member);
            } else {
                next += 1;
            }
        }
    }
    (shares, transferring)
}

/// What came of the first pass: members by position, in the order of their names.
struct Kept {
    /// They have less than floor(n / k).
    underfilled: Vec<usize>,
    /// They have just that, and may get one more.
    exact: Vec<usize>,
    /// Taken away from their owners.
    revoked: Set<PartitionId>,
}

/// A-4's first pass, in the order of A-6: what each member may keep of its own, lowest partitions first.
fn keep_owned(members: &[Subscriber], partitions: usize, claims: &Claims, shares: &mut Shares) -> Kept {
    let (least, most) = (partitions / members.len(), partitions.div_ceil(members.len()));
    let mut quota_of_most = partitions % members.len();
    let mut kept = Kept { underfilled: Vec::new(), exact: Vec::new(), revoked: Set::new() };
    for at in members_in_java_order(members) {
        let mut owned: Vec<Slot> = claims.owned[at].clone();
        // Not even by a third member of a later generation.
        owned.retain(|slot| !claims.contested.contains(&slot.2));
        sort::by_key(&mut owned, |&(topic, number, _)| (number, topic));
        let keeps = if owned.len() < least {
            kept.underfilled.push(at);
            owned.len()
        } else if owned.len() >= most && quota_of_most > 0 {
            quota_of_most -= 1;
            if quota_of_most == 0 {
                kept.exact.clear();
            }
            most
        } else {
            if quota_of_most > 0 {
                kept.exact.push(at);
            }
            least
        };
        shares[at].extend(owned[..keeps].iter().map(|slot| slot.2));
        kept.revoked.extend(owned[keeps..].iter().map(|slot| slot.2));
    }
    sort::by_key(&mut kept.underfilled, |&m| &members[m].id);
    sort::by_key(&mut kept.exact, |&m| &members[m].id);
    kept
}
