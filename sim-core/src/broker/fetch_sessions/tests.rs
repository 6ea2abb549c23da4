//! KIP-227, both sides of it.

use super::*;

fn part(partition: u16, offset: i64, epoch: i32) -> FetchPart {
    FetchPart {
        partition: PartitionId(partition),
        current_epoch: LeaderEpoch(epoch),
        offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch(epoch),
        log_start: Offset::ZERO,
    }
}

fn result(partition: u16, error: ErrorCode, high_watermark: i64) -> FetchResult {
    FetchResult {
        partition: PartitionId(partition),
        error,
        asked: Offset::ZERO,
        high_watermark: Offset(high_watermark),
        log_start: Offset::ZERO,
        batches: Vec::new(),
        besides: None,
    }
}

const FOLLOWER: BrokerId = BrokerId(2);

/// A follower and its leader, and nothing between them.
#[derive(Default)]
struct Pair {
    handler: FetchSessionHandler,
    leader: FetchSessions,
}

/// What one fetch said, and what it came to.
#[derive(Debug, PartialEq)]
struct Fetch {
    epoch: u32,
    named: Vec<u16>,
    forgotten: Vec<u16>,
    wanted: Result<Vec<FetchPart>, ErrorCode>,
}

impl Pair {
    /// The follower asks, and the leader answers for these partitions.
    fn fetch(&mut self, wanted: &[FetchPart], answer: &[FetchResult]) -> Fetch {
        let mut parts = Vec::new();
        let (metadata, forgotten) = self.handler.build(wanted.iter().copied(), &mut parts);
        let named = parts.iter().map(|part| part.partition.0).collect();
        let begun = self.leader.begin(FOLLOWER, metadata, &mut parts, &forgotten);
        let wanted = match begun {
            Ok((session, wanted)) => {
                assert!(self.handler.answered(ErrorCode::None, session));
                let parts = wanted.parts.clone();
                self.leader.end(FOLLOWER, session, wanted, answer);
                Ok(parts)
            }
            Err(error) => {
                assert!(!self.handler.answered(error, metadata.session));
                Err(error)
            }
        };
        Fetch { epoch: metadata.epoch, named, forgotten: forgotten.iter().map(|p| p.0).collect(), wanted }
    }

    fn told(&self) -> Vec<Told> {
        self.leader.of.get(&FOLLOWER).expect("a session").wanted.told.clone()
    }
}

#[test]
fn a_session_names_only_what_has_changed_and_the_leader_knows_it_all() {
    let mut pair = Pair::default();
    let all = [part(1, 0, 0), part(4, 0, 0), part(7, 0, 0)];
    let first = pair.fetch(&all, &[]);
    assert_eq!((first.epoch, first.named, first.wanted), (0, vec![1, 4, 7], Ok(all.to_vec())));
    let moved = [part(1, 0, 0), part(4, 9, 0), part(7, 0, 0)];
    let second = pair.fetch(&moved, &[]);
    assert_eq!((second.epoch, second.named, second.forgotten), (1, vec![4], vec![]));
    assert_eq!(second.wanted, Ok(moved.to_vec()));
    let others = [part(0, 3, 0), part(4, 9, 0), part(5, 0, 0)];
    let third = pair.fetch(&others, &[]);
    assert_eq!((third.epoch, third.named, third.forgotten), (2, vec![0, 5], vec![1, 7]));
    assert_eq!(third.wanted, Ok(others.to_vec()));
}

#[test]
fn what_a_follower_was_told_is_remembered_until_its_epoch_changes() {
    let mut pair = Pair::default();
    pair.fetch(&[part(1, 0, 0), part(4, 0, 0)], &[result(1, ErrorCode::None, 5), result(4, ErrorCode::None, 8)]);
    assert!(!pair.told()[0].is_outdated_by(&result(1, ErrorCode::None, 5)));
    assert!(pair.told()[0].is_outdated_by(&result(1, ErrorCode::None, 6)), "the watermark has moved");
    pair.fetch(&[part(1, 0, 0), part(4, 0, 0)], &[result(4, ErrorCode::UnknownLeaderEpoch, -1)]);
    assert!(!pair.told()[0].is_outdated_by(&result(1, ErrorCode::None, 5)), "nothing new was said of it");
    assert!(pair.told()[1].is_outdated_by(&result(4, ErrorCode::None, 8)), "an error went before");
    pair.fetch(&[part(1, 0, 1), part(4, 0, 0)], &[]);
    assert!(pair.told()[0].is_outdated_by(&result(1, ErrorCode::None, 5)), "it is in another epoch");
}

#[test]
fn after_a_loss_the_next_fetch_begins_a_session_anew() {
    let mut pair = Pair::default();
    let all = [part(1, 0, 0), part(4, 0, 0)];
    pair.fetch(&all, &[]);
    pair.handler.lost();
    let again = pair.fetch(&all, &[]);
    assert_eq!((again.epoch, again.named, again.wanted), (0, vec![1, 4], Ok(all.to_vec())));
    assert!(pair.fetch(&all, &[]).named.is_empty());
}

#[test]
fn a_leader_that_has_restarted_does_not_know_the_session() {
    let mut pair = Pair::default();
    let all = [part(1, 0, 0)];
    pair.fetch(&all, &[]);
    pair.leader.clear();
    assert_eq!(pair.fetch(&all, &[]).wanted, Err(ErrorCode::FetchSessionIdNotFound));
    assert_eq!(pair.fetch(&all, &[]).wanted, Ok(all.to_vec()));
    assert_eq!(pair.handler.next.session, FetchSessionId(2), "no id comes twice");
}

#[test]
fn a_fetch_that_arrives_twice_is_refused_the_second_time() {
    let mut pair = Pair::default();
    let all = [part(1, 0, 0)];
    pair.fetch(&all, &[]);
    let metadata = pair.handler.next;
    assert!(pair.leader.begin(FOLLOWER, metadata, &mut Vec::new(), &[]).is_ok());
    let twice = pair.leader.begin(FOLLOWER, metadata, &mut Vec::new(), &[]);
    assert_eq!(twice.map(|_| ()), Err(ErrorCode::InvalidFetchSessionEpoch));
}

#[test]
fn the_late_end_of_an_old_session_leaves_the_new_one_alone() {
    let mut pair = Pair::default();
    pair.fetch(&[part(1, 0, 0)], &[]);
    let (old, waiting) = pair.leader.begin(FOLLOWER, pair.handler.next, &mut Vec::new(), &[]).unwrap();
    pair.handler.lost();
    pair.fetch(&[part(4, 0, 0)], &[]);
    pair.leader.end(FOLLOWER, old, waiting, &[]);
    assert_eq!(pair.leader.of.get(&FOLLOWER).unwrap().wanted.parts, vec![part(4, 0, 0)]);
}
