//! Interventions in a link: as short as they can be, and believed in nothing. A byte says which version it is, then comes one intervention
//! after the other: the time since the one before, what is done, to whom. Numbers are LEB128, text is base64url. What is decoded is still to be
//! checked by [`super::Session::plan`], as everything that comes from outside.

use crate::ids::*;
use crate::scenario::{Action, DiskDeed, Intervention, Keeps, Latency, SendStep, Target};
use crate::time::{SimDuration, SimTime};
use crate::trace::Api;
use data_encoding::BASE64URL_NOPAD;
use lz4_flex::block::{compress_into_with_dict, decompress_into_with_dict, get_maximum_output_size};

/// The only version so far.
const VERSION: u8 = 1;

/// The longest text that is looked at.
pub const MAX_LINK_CHARS: usize = 8_000;

/// The largest scenario that a link can hold.
pub const MAX_PACKED_BYTES: usize = 64 * 1024;

/// The interventions as text for a link. They are told in the order given.
pub fn encode(interventions: &[Intervention]) -> String {
    let mut out = vec![VERSION];
    let mut before = SimTime::ZERO;
    for Intervention { at, action } in interventions {
        (at.0.wrapping_sub(before.0) as i64).put(&mut out);
        action.put(&mut out);
        before = *at;
    }
    BASE64URL_NOPAD.encode(&out)
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn decode(text: &str) -> Result<Vec<Intervention>, String> {
    if text.len() > MAX_LINK_CHARS {
        return Err(format!("a link's list of interventions has at most {MAX_LINK_CHARS} characters"));
    }
    let damaged = || "the link's list of interventions is damaged; ask for the link once more".to_owned();
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| damaged())?;
    let (version, mut rest) = bytes.split_first().ok_or_else(damaged)?;
    if *version != VERSION {
        return Err(format!("the link is of version {version}; this page reads version {VERSION}"));
    }
    let (mut all, mut before) = (Vec::new(), SimTime::ZERO);
    while !rest.is_empty() {
        let since = i64::take(&mut rest).ok_or_else(damaged)?;
        let at = SimTime(before.0.wrapping_add(since as u64));
        all.push(Intervention { at, action: Action::take(&mut rest).ok_or_else(damaged)? });
        before = at;
    }
    Ok(all)
}

/// What scenarios are made of, as the packing of version 1 knows it: what a scenario shares with this costs next to nothing. Part of the
/// format, so never changed.
const WORDS: &[u8] = include_bytes!("link_words.txt");

/// A scenario's text for a link: a version, then LZ4 with the words of scenarios before it.
///
/// # Errors
/// The text is too large for a link.
pub fn pack(text: &str) -> Result<String, String> {
    let mut out = vec![0; 1 + get_maximum_output_size(text.len())];
    out[0] = VERSION;
    let length = compress_into_with_dict(text.as_bytes(), &mut out[1..], WORDS).expect("the room is what the library asks for");
    let packed = BASE64URL_NOPAD.encode(&out[..=length]);
    if packed.len() > MAX_LINK_CHARS || text.len() > MAX_PACKED_BYTES {
        return Err("this scenario is too large for a link; give it away as a file".to_owned());
    }
    Ok(packed)
}

/// Reads what [`pack`] wrote, into no more than [`MAX_PACKED_BYTES`].
///
/// # Errors
/// A sentence that says what is wrong.
pub fn unpack(packed: &str) -> Result<String, String> {
    if packed.len() > MAX_LINK_CHARS {
        return Err(format!("a link's scenario has at most {MAX_LINK_CHARS} characters"));
    }
    let damaged = || "the link's scenario is damaged; ask for the link once more".to_owned();
    let bytes = BASE64URL_NOPAD.decode(packed.as_bytes()).map_err(|_| damaged())?;
    let (version, packed) = bytes.split_first().ok_or_else(damaged)?;
    if *version != VERSION {
        return Err(format!("the link is of version {version}; this page reads version {VERSION}"));
    }
    let mut text = vec![0; MAX_PACKED_BYTES];
    let length = decompress_into_with_dict(packed, &mut text, WORDS).map_err(|_| damaged())?;
    text.truncate(length);
    String::from_utf8(text).map_err(|_| damaged())
}

/// What can be written as bytes, and read again.
trait Coded: Sized {
    fn put(&self, out: &mut Vec<u8>);
    /// None: these bytes are no such thing.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

impl Coded for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn take(input: &mut &[u8]) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = input.split_first()?;
            *input = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

/// Near zero on either side is short.
impl Coded for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<i64> {
        let folded = u64::take(input)?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

impl Coded for u16 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(input: &mut &[u8]) -> Option<u16> {
        u64::take(input)?.try_into().ok()
    }
}

impl Coded for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(input: &mut &[u8]) -> Option<u32> {
        u64::take(input)?.try_into().ok()
    }
}

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &[u8]) -> Option<bool> {
        match u16::take(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Option<Option<T>> {
        if bool::take(input)? { T::take(input).map(Some) } else { Some(None) }
    }
}

macro_rules! numbers {
    ($($type:ident),*) => {$(
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(input: &mut &[u8]) -> Option<$type> {
                Coded::take(input).map($type)
            }
        }
    )*};
}

numbers!(BrokerId, ControllerId, ProducerId, ConsumerId, GroupId, TopicId, PartitionId, MessageId, PacketId, Offset, SimDuration);

/// A variant is its number, and then its fields. Numbers are for ever: a new variant gets a new one.
macro_rules! variants {
    ($type:ident: $($number:literal = $variant:ident $(($($item:ident),*))? $({$($field:ident),*})?,)*) => {
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $($type::$variant $(($($item),*))? $({$($field),*})? => {
                        out.push($number);
                        $($($item.put(out);)*)?
                        $($($field.put(out);)*)?
                    })*
                }
            }

            fn take(input: &mut &[u8]) -> Option<$type> {
                let (number, rest) = input.split_first()?;
                *input = rest;
                Some(match number {
                    $($number => {
                        $($(let $item = Coded::take(input)?;)*)?
                        $($(let $field = Coded::take(input)?;)*)?
                        $type::$variant $(($($item),*))? $({$($field),*})?
                    })*
                    _ => return None,
                })
            }
        }
    };
}

variants!(Action:
    0 = Crash { target },
    1 = CrashAt { group, step, after, message, restart_after },
    2 = CrashSending { producer, step, after, message, restart_after },
    3 = PowerCut { target, keeps },
    4 = Disk { target, deed },
    5 = Corrupt { target, partition, offset },
    6 = DeleteRecords { partition, before },
    7 = AddPartitions { topic, total },
    8 = Pause { target },
    9 = Resume { target },
    10 = Shutdown { target },
    11 = Restart { target },
    12 = Cut { a, b, one_way },
    13 = Heal { a, b, one_way },
    14 = Break { a, b },
    15 = DropPacket { packet },
    16 = Delay { from, to, latency },
    17 = Loss { from, to, per_mille },
    18 = SlowApi { from, to, api, extra },
    19 = CrashSomewhere { group, message, restart_after },
    20 = CrashNext { consumer, message, restart_after },
    21 = DelayPacket { packet, by },
    22 = DuplicatePacket { packet },
    23 = Slow { a, b, extra },
);

/// Most are aimed at a node: what else there is has the numbers after those of nodes.
impl Coded for Target {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Target::Node(node) => node.put(out),
            Target::LeaderOf(partition) => {
                out.push(5);
                partition.put(out);
            }
            Target::FollowersOf(partition) => {
                out.push(6);
                partition.put(out);
            }
            Target::SameAs(index) => {
                out.push(7);
                index.put(out);
            }
            Target::Brokers => out.push(8),
            Target::Controllers => out.push(9),
            Target::ActiveController => out.push(10),
            Target::Clients => out.push(11),
            Target::Everyone => out.push(12),
        }
    }

    fn take(input: &mut &[u8]) -> Option<Target> {
        let (number, rest) = input.split_first()?;
        if *number < 5 {
            return NodeId::take(input).map(Target::Node);
        }
        *input = rest;
        Some(match number {
            5 => Target::LeaderOf(Coded::take(input)?),
            6 => Target::FollowersOf(Coded::take(input)?),
            7 => Target::SameAs(Coded::take(input)?),
            8 => Target::Brokers,
            9 => Target::Controllers,
            10 => Target::ActiveController,
            11 => Target::Clients,
            12 => Target::Everyone,
            _ => return None,
        })
    }
}

variants!(NodeId: 0 = Controller(id), 1 = Broker(id), 2 = Producer(id), 3 = Consumer(id), 4 = Store(id),);
variants!(StoreId: 0 = Redis, 1 = Database, 2 = Service,);
variants!(SendStep: 0 = Row, 1 = Send, 2 = Result, 3 = Mark,);
variants!(Keeps: 0 = Drawn, 1 = OnDisk,);
variants!(DiskDeed: 0 = Wipe, 1 = Fail, 2 = Mend, 3 = Slow(extra),);
variants!(Latency: 0 = Fixed(time), 1 = Uniform(low, high), 2 = HeavyTailed(time),);

variants!(Api:
    0 = Produce, 1 = ReplicaFetch, 2 = Fetch, 3 = Metadata, 4 = ListOffsets, 5 = OffsetsForLeaderEpoch, 6 = OffsetFetch,
    7 = OffsetCommit, 8 = ConsumerGroupHeartbeat, 9 = FindCoordinator, 10 = JoinGroup, 11 = SyncGroup, 12 = Heartbeat,
    13 = LeaveGroup, 14 = ApiVersions, 15 = InitProducerId, 16 = AddPartitionsToTxn, 17 = BrokerAddPartitionsToTxn,
    18 = AddOffsetsToTxn, 19 = TxnOffsetCommit, 20 = EndTxn, 21 = WriteTxnMarkers, 22 = BrokerRegistration, 23 = BrokerHeartbeat,
    24 = AlterPartition, 25 = MetadataFetch, 26 = AllocateProducerIds, 27 = Vote, 28 = BeginQuorumEpoch, 29 = EndQuorumEpoch,
    30 = Connect, 31 = SetNx, 32 = Set, 33 = Get, 34 = Del, 35 = Begin, 36 = Insert, 37 = Update, 38 = Commit, 39 = Rollback,
    40 = Call,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::library;
    use proptest::prelude::*;

    #[test]
    fn every_scenario_of_the_library_fits_into_a_link() {
        for entry in library::all() {
            let packed = pack(entry.text).unwrap();
            assert_eq!(unpack(&packed).as_deref(), Ok(entry.text));
            assert!(packed.len() < entry.text.len(), "{}: {} of {}", entry.name, packed.len(), entry.text.len());
        }
        assert!(pack(&"x".repeat(MAX_PACKED_BYTES + 1)).is_err());
    }

    /// A few characters may ask for a great deal of text.
    #[test]
    fn what_is_unpacked_is_bounded() {
        let bomb = "a".repeat(MAX_PACKED_BYTES);
        let packed = pack(&bomb).unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(unpack(&packed).as_deref(), Ok(bomb.as_str()));
        let mut larger = vec![0; 1 + get_maximum_output_size(4 * MAX_PACKED_BYTES)];
        larger[0] = VERSION;
        let length = compress_into_with_dict(&vec![b'a'; 4 * MAX_PACKED_BYTES], &mut larger[1..], WORDS).unwrap();
        assert!(unpack(&BASE64URL_NOPAD.encode(&larger[..=length])).unwrap_err().contains("damaged"));
    }

    fn target() -> impl Strategy<Value = Target> {
        prop_oneof![
            (0u16..9).prop_map(|n| Target::Node(NodeId::Broker(BrokerId(n)))),
            (0u16..300).prop_map(|n| Target::Node(NodeId::Consumer(ConsumerId(n)))),
            Just(Target::Node(NodeId::Store(StoreId::Database))),
            any::<u16>().prop_map(|n| Target::LeaderOf(PartitionId(n))),
            any::<u32>().prop_map(Target::SameAs),
            Just(Target::ActiveController),
            Just(Target::Everyone),
        ]
    }

    fn span() -> impl Strategy<Value = SimDuration> {
        any::<u64>().prop_map(SimDuration)
    }

    fn action() -> impl Strategy<Value = Action> {
        let message = || proptest::option::of(any::<u32>().prop_map(MessageId));
        prop_oneof![
            target().prop_map(|target| Action::Crash { target }),
            (target(), any::<bool>())
                .prop_map(|(target, worst)| Action::PowerCut { target, keeps: if worst { Keeps::OnDisk } else { Keeps::Drawn } }),
            (any::<u16>(), any::<u16>(), any::<bool>(), message(), proptest::option::of(span())).prop_map(
                |(group, step, after, message, restart_after)| Action::CrashAt {
                    group: GroupId(group),
                    step,
                    after,
                    message,
                    restart_after
                }
            ),
            (any::<u16>(), message(), proptest::option::of(span())).prop_map(|(producer, message, restart_after)| {
                Action::CrashSending { producer: ProducerId(producer), step: SendStep::Mark, after: true, message, restart_after }
            }),
            (target(), span()).prop_map(|(target, extra)| Action::Disk { target, deed: DiskDeed::Slow(extra) }),
            (target(), any::<u16>(), proptest::option::of(any::<i64>().prop_map(Offset)))
                .prop_map(|(target, p, offset)| { Action::Corrupt { target, partition: PartitionId(p), offset } }),
            (target(), target(), any::<bool>()).prop_map(|(a, b, one_way)| Action::Cut { a, b, one_way }),
            (target(), target(), span(), span()).prop_map(|(from, to, low, high)| Action::Delay {
                from,
                to,
                latency: Some(Latency::Uniform(low, high))
            }),
            (target(), target(), span()).prop_map(|(from, to, extra)| Action::SlowApi {
                from,
                to,
                api: Api::AlterPartition,
                extra
            }),
            (any::<u16>(), any::<u16>()).prop_map(|(topic, total)| Action::AddPartitions { topic: TopicId(topic), total }),
            any::<u64>().prop_map(|packet| Action::DropPacket { packet: PacketId(packet) }),
            any::<u64>().prop_map(|packet| Action::DuplicatePacket { packet: PacketId(packet) }),
            (any::<u64>(), span()).prop_map(|(packet, by)| Action::DelayPacket { packet: PacketId(packet), by }),
            (any::<u16>(), message(), proptest::option::of(span())).prop_map(|(consumer, message, restart_after)| {
                Action::CrashNext { consumer: ConsumerId(consumer), message, restart_after }
            }),
            (target(), target(), span()).prop_map(|(a, b, extra)| Action::Slow { a, b, extra }),
        ]
    }

    proptest! {
        #[test]
        fn any_text_survives_packing(text in "\\PC{0,400}") {
            prop_assert_eq!(unpack(&pack(&text).unwrap()), Ok(text));
        }

        #[test]
        fn hostile_packing_is_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            _ = unpack(&BASE64URL_NOPAD.encode(&bytes));
            let mut versioned = vec![VERSION];
            versioned.extend(bytes);
            _ = unpack(&BASE64URL_NOPAD.encode(&versioned));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(acts in proptest::collection::vec((any::<u64>(), action()), 0..20)) {
            let acts: Vec<Intervention> = acts.into_iter().map(|(at, action)| Intervention { at: SimTime(at), action }).collect();
            prop_assert_eq!(decode(&encode(&acts)), Ok(acts));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9_-]{0,200}") {
            if let Ok(acts) = decode(&text) {
                // What is believed has one way of being written, or is at least read the same again.
                prop_assert_eq!(decode(&encode(&acts)), Ok(acts));
            }
        }

        #[test]
        fn no_byte_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&BASE64URL_NOPAD.encode(&[&[VERSION], &bytes[..]].concat()));
        }
    }

    /// A session of fifty deeds of an afternoon fits into a message.
    #[test]
    fn fifty_interventions_are_short() {
        let acts: Vec<Intervention> = (0..50u64)
            .map(|n| {
                let target = Target::Node(NodeId::Broker(BrokerId(1 + (n % 3) as u16)));
                let action = match n % 4 {
                    0 => Action::Crash { target },
                    1 => Action::Restart { target },
                    2 => Action::Pause { target },
                    _ => Action::Resume { target },
                };
                Intervention { at: SimTime(1_000_000 + n * 1_234_567), action }
            })
            .collect();
        let text = encode(&acts);
        assert!(text.len() < 500, "{}: {text}", text.len());
        assert_eq!(decode(&text), Ok(acts));
    }

    #[test]
    fn bad_links_are_told() {
        assert_eq!(decode("Ag").unwrap_err(), "the link is of version 2; this page reads version 1");
        for damaged in ["", "!", "AQ=", "AQAA", "AQD_", "AQAM"] {
            assert!(decode(damaged).unwrap_err().contains("damaged"), "{damaged}");
        }
        assert!(decode(&"A".repeat(MAX_LINK_CHARS + 1)).unwrap_err().contains("at most 8000 characters"));
        assert_eq!(decode(&encode(&[])), Ok(vec![]));
    }
}
