//! Incremental fetches of followers (KIP-227): a follower names only the partitions for which its question has changed, and the leader
//! answers only for those of which there is something to tell. Both remember the rest. Kafka calls the two sides FetchSession and
//! FetchSessionHandler.

use crate::error_code::ErrorCode;
use crate::ids::*;
use crate::wire::{FetchMetadata, FetchPart, FetchResult};

/// What an answer said of a partition besides records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub high_watermark: Offset,
    pub log_start: Offset,
}

impl Told {
    /// Nothing yet, or nothing that counts: the next answer tells.
    const NOTHING: Told = Told { high_watermark: Offset::UNKNOWN, log_start: Offset::UNKNOWN };

    /// After this answer. One with an error has no watermark, so that the next one without is news.
    fn by(result: &FetchResult) -> Told {
        Told { high_watermark: result.high_watermark, log_start: result.log_start }
    }

    /// Does an answer say more than this? One that went wrong, or says where the logs part, always does.
    pub fn is_outdated_by(self, result: &FetchResult) -> bool {
        !result.batches.is_empty() || result.error != ErrorCode::None || result.besides.is_some() || self != Told::by(result)
    }
}

/// The partitions of one fetch, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub parts: Vec<FetchPart>,
    /// What the follower has been told of each; empty for a fetch outside of a session.
    pub told: Vec<Told>,
}

/// The leader's memory of one follower's fetches.
#[derive(Clone, Debug)]
struct Session {
    id: FetchSessionId,
    /// The epoch that the next request must have.
    epoch: u32,
    /// Not here while a fetch of the session waits: that has them.
    wanted: Wanted,
}

impl Session {
    /// A partition's question has changed, or is new.
    fn ask(&mut self, part: FetchPart) {
        let Wanted { parts, told } = &mut self.wanted;
        match parts.binary_search_by_key(&part.partition, |known| known.partition) {
            Ok(at) => {
                if parts[at].current_epoch != part.current_epoch {
                    told[at] = Told::NOTHING; // a follower takes no answer from before its epoch
                }
                parts[at] = part;
            }
            Err(at) => {
                parts.insert(at, part);
                told.insert(at, Told::NOTHING);
            }
        }
    }

    fn forget(&mut self, partition: PartitionId) {
        let Wanted { parts, told } = &mut self.wanted;
        if let Ok(at) = parts.binary_search_by_key(&partition, |known| known.partition) {
            parts.remove(at);
            told.remove(at);
        }
    }
}

/// A leader's sessions: one for each follower, which is fewer than the slots of Kafka's cache, so that none is ever evicted.
#[derive(Clone, Debug)]
pub(super) struct FetchSessions {
    /// By the follower's slot.
    of: Vec<Option<Session>>,
    /// Sessions so far: it outlives the process, as Kafka's random ids do not repeat.
    count: u32,
}

impl FetchSessions {
    /// Of a cluster of so many brokers.
    pub fn new(brokers: usize) -> FetchSessions {
        FetchSessions { of: vec![None; brokers], count: 0 }
    }

    /// The process ends.
    pub fn clear(&mut self) {
        self.of.fill(None);
    }

    /// A fetch begins: the session that it is in, and all that is wanted in it.
    ///
    /// # Errors
    /// FETCH_SESSION_ID_NOT_FOUND and INVALID_FETCH_SESSION_EPOCH.
    pub fn begin(
        &mut self,
        follower: BrokerId,
        metadata: FetchMetadata,
        parts: &mut Vec<FetchPart>,
        forgotten: &[PartitionId],
    ) -> Result<(FetchSessionId, Wanted), ErrorCode> {
        if metadata.epoch == FetchMetadata::INITIAL_EPOCH {
            self.count += 1;
            let (id, parts) = (FetchSessionId(self.count), std::mem::take(parts));
            self.of[follower.slot()] = Some(Session { id, epoch: 1, wanted: Wanted::default() });
            let told = vec![Told::NOTHING; parts.len()];
            return Ok((id, Wanted { parts, told }));
        }
        let known = self.of[follower.slot()].as_mut().filter(|session| session.id == metadata.session);
        let session = known.ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != metadata.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        session.epoch += 1;
        parts.drain(..).for_each(|part| session.ask(part));
        forgotten.iter().for_each(|&partition| session.forget(partition));
        Ok((session.id, std::mem::take(&mut session.wanted)))
    }

    /// A fetch of a session is answered: what it wanted is remembered, and what was told. A session that was begun anew meanwhile
    /// remembers its own.
    pub fn end(&mut self, follower: BrokerId, id: FetchSessionId, mut wanted: Wanted, results: &[FetchResult]) {
        let Some(session) = self.of[follower.slot()].as_mut().filter(|session| session.id == id) else { return };
        let mut at = 0;
        for result in results {
            while wanted.parts[at].partition != result.partition {
                at += 1;
            }
            wanted.told[at] = Told::by(result);
        }
        session.wanted = wanted;
    }
}

/// The follower's memory of its fetches from one leader.
#[derive(Clone, Debug)]
pub(super) struct FetchSessionHandler {
    next: FetchMetadata,
    /// What the last fetch wanted, named or not, by partition.
    pub parts: Vec<FetchPart>,
}

impl Default for FetchSessionHandler {
    fn default() -> FetchSessionHandler {
        FetchSessionHandler { next: FetchMetadata::INITIAL, parts: Vec::new() }
    }
}

impl FetchSessionHandler {
    /// The next fetch, which wants these partitions, in their order: what it says of its session, and what it forgets. Those it
    /// names are put into `named`.
    pub fn build(
        &mut self,
        wanted: impl Iterator<Item = FetchPart>,
        named: &mut Vec<FetchPart>,
    ) -> (FetchMetadata, Vec<PartitionId>) {
        let mut forgotten = Vec::new();
        if self.next.epoch == FetchMetadata::INITIAL_EPOCH {
            self.parts.clear();
        }
        let mut at = 0;
        for part in wanted {
            while self.parts.get(at).is_some_and(|known| known.partition < part.partition) {
                forgotten.push(self.parts.remove(at).partition);
            }
            match self.parts.get_mut(at) {
                Some(known) if *known == part => {}
                Some(known) if known.partition == part.partition => {
                    *known = part;
                    named.push(part);
                }
                _ => {
                    self.parts.insert(at, part);
                    named.push(part);
                }
            }
            at += 1;
        }
        forgotten.extend(self.parts.drain(at..).map(|known| known.partition));
        (self.next, forgotten)
    }

    /// An answer came: does it count? If not, the next fetch begins a session anew.
    pub fn answered(&mut self, error: ErrorCode, session: FetchSessionId) -> bool {
        match error {
            ErrorCode::None => {
                self.next = FetchMetadata { session, epoch: self.next.epoch + 1 };
                return true;
            }
            ErrorCode::FetchSessionIdNotFound => self.next = FetchMetadata::INITIAL,
            _ => self.lost(),
        }
        false
    }

    /// No answer: nobody knows which fetch the leader saw last.
    pub fn lost(&mut self) {
        self.next.epoch = FetchMetadata::INITIAL_EPOCH;
    }
}

#[cfg(test)]
mod tests;
