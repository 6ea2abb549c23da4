//! A state of the cluster: in full while an action is worked out, in one word while it is kept.

use crate::rules::Bounds;

/// The most replicas.
pub const REPLICAS: usize = 3;
/// The most records of a log.
pub const LOG: usize = 3;
/// The most leader epochs.
pub const EPOCHS: usize = 4;
/// No leader, or no epoch yet.
pub const NONE: u8 = 7;

/// A record: its number and the epoch of the leader that took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number, in the order of writing.
    pub id: u8,
    /// The epoch that it is stamped with.
    pub epoch: u8,
}

/// A replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    entries: [Entry; LOG],
    end: u8,
    /// Its high watermark.
    pub watermark: u8,
    /// The epoch of the last decision that it has heard of.
    pub epoch: u8,
    /// Who leads in that epoch.
    pub leader: u8,
    /// The ISR as it knows it, one bit a replica; kept by leaders only.
    pub isr: u8,
}

impl Replica {
    const NEW: Replica =
        Replica { entries: [Entry { id: 0, epoch: 0 }; LOG], end: 0, watermark: 0, epoch: NONE, leader: NONE, isr: 0 };

    /// Its log.
    pub fn log(&self) -> &[Entry] {
        &self.entries[..usize::from(self.end)]
    }

    /// Its log end offset.
    pub fn end(&self) -> u8 {
        self.end
    }

    /// Appends.
    pub fn push(&mut self, entry: Entry) {
        self.entries[usize::from(self.end)] = entry;
        self.end += 1;
    }

    /// Cuts the log, and with it the watermark.
    pub fn truncate(&mut self, to: u8) {
        for gone in &mut self.entries[usize::from(to.min(self.end))..] {
            *gone = Entry::default();
        }
        self.end = self.end.min(to);
        self.watermark = self.watermark.min(to);
    }

    /// Has it heard nothing newer than this epoch?
    pub fn is_before(&self, epoch: u8) -> bool {
        self.epoch == NONE || self.epoch < epoch
    }
}

/// What the controller decided: the leader (or none) and the ISR of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The leader.
    pub leader: u8,
    /// The ISR, one bit a replica.
    pub isr: u8,
}

/// The whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The replicas.
    pub replicas: [Replica; REPLICAS],
    /// How many of them there are.
    pub count: u8,
    /// How many records have been written.
    pub written: u8,
    /// By epoch: what replicas may still hear of. Each picks any that is newer than what it has.
    pub decisions: [Decision; EPOCHS],
    /// How many epochs there have been.
    pub epochs: u8,
    /// What holds: the last decision, with the ISR as leaders have changed it since.
    pub now: Decision,
    /// The records that some leader has counted below its watermark, one bit each.
    pub committed: u8,
}

const NOTHING: Decision = Decision { leader: NONE, isr: 0 };

impl Cluster {
    /// Nobody leads, everybody is in the ISR, all logs are empty.
    pub fn new(bounds: &Bounds) -> Cluster {
        Cluster {
            replicas: [Replica::NEW; REPLICAS],
            count: bounds.replicas,
            written: 0,
            decisions: [NOTHING; EPOCHS],
            epochs: 0,
            now: Decision { leader: NONE, isr: (1 << bounds.replicas) - 1 },
            committed: 0,
        }
    }

    /// The replicas that there are.
    pub fn replicas(&self) -> impl Iterator<Item = (u8, &Replica)> + Clone {
        (0..self.count).zip(&self.replicas)
    }

    /// One of them.
    pub fn replica(&self, r: u8) -> &Replica {
        &self.replicas[usize::from(r)]
    }

    /// One of them.
    pub fn replica_mut(&mut self, r: u8) -> &mut Replica {
        &mut self.replicas[usize::from(r)]
    }

    /// Does it believe that it leads?
    pub fn leads(&self, r: u8) -> bool {
        self.replica(r).leader == r
    }

    /// The state as it is kept: what no action can depend on any more is forgotten, and of all the states that differ only by the names
    /// of the replicas one is chosen. Neither changes how many actions lead to what.
    pub fn canonical(mut self) -> Packed {
        self.forget();
        let mut order: [u8; REPLICAS] = [0, 1, 2];
        let order = &mut order[..usize::from(self.count)];
        order.sort_by_key(|&r| self.looks(r));
        let mut best = self.pack(order);
        // Those that look alike from outside may differ by how the others speak of them.
        let tied = |a: u8, b: u8| self.looks(a) == self.looks(b);
        if order.windows(2).any(|pair| tied(pair[0], pair[1])) {
            for other in permutations(order) {
                if (0..order.len()).all(|i| tied(order[i], other[i])) {
                    best = best.min(self.pack(&other[..order.len()]));
                }
            }
        }
        Packed(best)
    }

    fn forget(&mut self) {
        for r in 0..self.count {
            if !self.leads(r) {
                self.replica_mut(r).isr = 0;
            }
        }
        for epoch in 0..self.epochs {
            let leader = self.decisions[usize::from(epoch)].leader;
            if leader == NONE || self.replicas().all(|(_, replica)| !replica.is_before(epoch)) {
                self.decisions[usize::from(epoch)] = NOTHING;
            } else if !self.replica(leader).is_before(epoch) {
                // Followers read no more than the leader off it.
                self.decisions[usize::from(epoch)].isr = 0;
            }
        }
    }

    /// A replica without the names of others.
    fn looks(&self, r: u8) -> (u32, bool, bool, bool) {
        let replica = self.replica(r);
        let mut own = 0;
        for entry in replica.entries {
            own = own << 4 | u32::from(entry.id << 2 | entry.epoch);
        }
        own = own << 2 | u32::from(replica.end);
        own = own << 2 | u32::from(replica.watermark);
        own = own << 3 | u32::from(replica.epoch);
        (own, replica.leader == r, self.now.leader == r, self.now.isr & (1 << r) != 0)
    }

    /// In one word, with the replica `order[i]` in place i.
    fn pack(&self, order: &[u8]) -> u128 {
        let mut place = [NONE; 8];
        for (at, &r) in (0..).zip(order) {
            place[usize::from(r)] = at;
        }
        let leader = |leader: u8| place[usize::from(leader)] & 3; // none is 3
        let isr = |isr: u8| order.iter().rev().fold(0, |set, &r| set << 1 | (isr >> r & 1));
        let mut word = Writer(0);
        for &r in order {
            let replica = self.replica(r);
            for entry in replica.entries {
                word.put(entry.id, 2);
                word.put(entry.epoch, 2);
            }
            word.put(replica.end, 2);
            word.put(replica.watermark, 2);
            word.put(replica.epoch, 3);
            word.put(leader(replica.leader), 2);
            word.put(isr(replica.isr), 3);
        }
        for decision in self.decisions.iter().chain([&self.now]) {
            word.put(leader(decision.leader), 2);
            word.put(isr(decision.isr), 3);
        }
        word.put(self.written, 2);
        word.put(self.epochs, 3);
        word.put(self.committed, 3);
        word.0
    }
}

/// All orders of up to three.
fn permutations(of: &[u8]) -> Vec<[u8; REPLICAS]> {
    let all: [[usize; REPLICAS]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let fits = all.into_iter().filter(|order| order[of.len()..].iter().zip(of.len()..).all(|(&at, i)| at == i));
    fits.map(|order| order.map(|at| of.get(at).copied().unwrap_or(NONE))).collect()
}

/// A state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packed(u128);

impl Packed {
    /// In full.
    pub fn unpack(self, bounds: &Bounds) -> Cluster {
        let mut word = Reader(self.0);
        // Written in this order, so read in the reverse one.
        let mut cluster = Cluster::new(bounds);
        cluster.committed = word.take(3);
        cluster.epochs = word.take(3);
        cluster.written = word.take(2);
        let leader = |leader: u8| if leader == 3 { NONE } else { leader };
        cluster.now.isr = word.take(3);
        cluster.now.leader = leader(word.take(2));
        for decision in cluster.decisions.iter_mut().rev() {
            decision.isr = word.take(3);
            decision.leader = leader(word.take(2));
        }
        for replica in cluster.replicas[..usize::from(bounds.replicas)].iter_mut().rev() {
            replica.isr = word.take(3);
            replica.leader = leader(word.take(2));
            replica.epoch = word.take(3);
            replica.watermark = word.take(2);
            replica.end = word.take(2);
            for entry in replica.entries.iter_mut().rev() {
                entry.epoch = word.take(2);
                entry.id = word.take(2);
            }
        }
        cluster
    }
}

struct Writer(u128);

impl Writer {
    fn put(&mut self, value: u8, bits: u32) {
        debug_assert!(u32::from(value) < 1 << bits);
        self.0 = self.0 << bits | u128::from(value);
    }
}

struct Reader(u128);

impl Reader {
    fn take(&mut self, bits: u32) -> u8 {
        let value = (self.0 & ((1 << bits) - 1)) as u8;
        self.0 >>= bits;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::Action;
    use crate::rules::Rules;

    const BOUNDS: Bounds = Bounds { replicas: 3, log_size: 3, records: 3, epochs: 4 };

    /// States on the way of a walk that takes every n-th possible action.
    fn walk(n: usize) -> Vec<Cluster> {
        let (mut actions, mut cluster, mut seen) = (Vec::new(), Cluster::new(&BOUNDS), Vec::new());
        Action::all(&BOUNDS, &mut actions);
        for step in 0..20 {
            let taken = |action: &Action| {
                let mut next = cluster.clone();
                next.act(*action, &Rules::named("kip279").unwrap(), &BOUNDS).then_some(next)
            };
            let possible: Vec<Cluster> = actions.iter().filter_map(taken).collect();
            let Some(next) = possible.get((step * n) % possible.len().max(1)) else { break };
            cluster = next.clone();
            seen.push(cluster.clone());
        }
        seen
    }

    /// The same cluster with replica `to[r]` in the place of replica r.
    fn renamed(of: &Cluster, to: [u8; REPLICAS]) -> Cluster {
        let mut out = of.clone();
        let leader = |leader: u8| if leader == NONE { NONE } else { to[usize::from(leader)] };
        let isr = |isr: u8| (0..3).filter(|r| isr & (1 << r) != 0).fold(0, |set, r: usize| set | 1 << to[r]);
        for (r, replica) in of.replicas() {
            *out.replica_mut(to[usize::from(r)]) = Replica { leader: leader(replica.leader), isr: isr(replica.isr), ..*replica };
        }
        for decision in out.decisions.iter_mut().chain([&mut out.now]) {
            *decision = Decision { leader: leader(decision.leader), isr: isr(decision.isr) };
        }
        out
    }

    #[test]
    fn names_make_no_difference_and_nothing_gets_lost_in_a_word() {
        for cluster in (1..40).flat_map(walk) {
            let word = cluster.clone().canonical();
            assert_eq!(word.unpack(&BOUNDS).canonical(), word, "{cluster:?}");
            for to in permutations(&[0, 1, 2]) {
                assert_eq!(renamed(&cluster, to).canonical(), word, "{to:?} {cluster:?}");
            }
        }
    }
}
