//! The digest of a trace: one number that tells runs apart.

use super::{TraceId, What};
use crate::time::SimTime;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::Xxh3;

/// The running digest of a trace: 128 bits of XXH3 over the fields of every event, little endian, the same on every platform.
#[derive(Clone)]
pub struct Digest {
    hash: Xxh3,
    /// Fields that the hash has not taken in yet: it is fast with large pieces only.
    fields: [u8; FIELDS_BYTES],
    /// How many bytes of them there are.
    len: usize,
}

impl Digest {
    /// The digest of no event.
    pub fn new() -> Digest {
        Digest { hash: Xxh3::new(), fields: [0; FIELDS_BYTES], len: 0 }
    }

    /// Takes one more event in.
    pub fn update(&mut self, at: SimTime, cause: TraceId, what: &What) {
        if self.len > FIELDS_BYTES - EVENT_BYTES_MAX {
            self.hash.update(&self.fields[..self.len]);
            self.len = 0;
        }
        let mut writer = LittleEndian { bytes: &mut self.fields, len: self.len };
        (at, cause).hash(&mut writer);
        what.hash(&mut writer);
        self.len = writer.len;
        assert!(self.len <= FIELDS_BYTES, "no event has more than {EVENT_BYTES_MAX} bytes of fields");
    }

    /// The digest so far.
    pub fn value(&self) -> u128 {
        let mut hash = self.hash.clone();
        hash.update(&self.fields[..self.len]);
        hash.digest128()
    }

    /// The digest so far, as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        format!("{:032x}", self.value())
    }
}

impl Default for Digest {
    fn default() -> Digest {
        Digest::new()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digest({})", self.hex())
    }
}

/// No event has more than this many bytes of fields.
const EVENT_BYTES_MAX: usize = 96;

/// Fields are handed to the hash in pieces of about this size.
const FIELDS_BYTES: usize = 1024;

/// Writes the fields that `derive(Hash)` visits as little-endian bytes of fixed width. `derive(Hash)` cannot forget a field;
/// this hasher keeps it from writing anything whose width depends on the platform.
struct LittleEndian<'a> {
    bytes: &'a mut [u8; FIELDS_BYTES],
    len: usize,
}

impl LittleEndian<'_> {
    /// Writes a field. Whether there was room for all of an event is asked once, after it.
    #[inline]
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut()) {
            *place = field;
        }
        self.len += N;
    }
}

impl Hasher for LittleEndian<'_> {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.put([byte]));
    }
    #[inline]
    fn write_u8(&mut self, i: u8) {
        self.put([i]);
    }
    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.put(i.to_le_bytes());
    }
    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.put(i.to_le_bytes());
    }
    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.put(i.to_le_bytes());
    }
    #[inline]
    fn write_i16(&mut self, i: i16) {
        self.put(i.to_le_bytes());
    }
    #[inline]
    fn write_i32(&mut self, i: i32) {
        self.put(i.to_le_bytes());
    }
    #[inline]
    fn write_i64(&mut self, i: i64) {
        self.put(i.to_le_bytes());
    }
    // The discriminant of an enum arrives as an `isize`: 32 bits on wasm32, 64 here. No enum of ours has 256 variants.
    #[inline]
    fn write_isize(&mut self, i: isize) {
        self.put([u8::try_from(i).expect("fewer than 256 variants")]);
    }
    fn write_usize(&mut self, _: usize) {
        unreachable!("no stored value has a width that depends on the platform");
    }
    fn finish(&self) -> u64 {
        unreachable!("the bytes are taken, not a hash of them");
    }
}
