//! Virtual time: whole microseconds since the start of the run. No wall clock exists here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant: microseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(pub u64);

/// A span of virtual time in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimDuration(pub u64);

/// The time that a record says it is of, in microseconds since the start of the run. Negative: older than the run. Clients set it
/// (CreateTime), so it may be far from the time at which the record arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Older than every record.
    pub const OLDEST: Timestamp = Timestamp(i64::MIN);

    /// How old it is at `now`; zero when it lies ahead.
    pub fn age(self, now: SimTime) -> SimDuration {
        SimDuration(Timestamp::from(now).0.saturating_sub(self.0).max(0).unsigned_abs())
    }

    /// This much earlier.
    pub fn before(self, by: SimDuration) -> Timestamp {
        Timestamp(self.0.saturating_sub_unsigned(by.0))
    }
}

impl From<SimTime> for Timestamp {
    fn from(time: SimTime) -> Timestamp {
        Timestamp(i64::try_from(time.0).unwrap_or(i64::MAX))
    }
}

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than anything that can happen: "never".
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// Time passed since `earlier`; zero when `earlier` is in fact later.
    pub fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);

    /// From milliseconds, the unit of Kafka's `*.ms` properties.
    pub const fn from_millis(ms: u64) -> SimDuration {
        SimDuration(ms.saturating_mul(1_000))
    }

    /// From whole seconds.
    pub const fn from_secs(s: u64) -> SimDuration {
        SimDuration(s.saturating_mul(1_000_000))
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Reads `250us`, `10ms`, `1.5s`, `2m`, `1h` or `7d`. A decimal point is allowed as long as the result is a whole number of
    /// microseconds.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<SimDuration, String> {
        let wrong = || format!("`{text}` is not a duration; write a number and a unit such as 250us, 10ms, 1.5s, 2m, 1h, 7d");
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let (number, unit) = trimmed.split_at(split);
        let micros_per_unit: u64 = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return Err(wrong()),
        };
        let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !(fraction.is_empty() || digits(fraction)) || fraction.len() > 9 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let mut micros = whole.checked_mul(micros_per_unit).ok_or_else(wrong)?;
        if !fraction.is_empty() {
            let scale = 10_u64.pow(fraction.len() as u32);
            let part: u64 = fraction.parse().map_err(|_| wrong())?;
            let scaled = part.checked_mul(micros_per_unit).ok_or_else(wrong)?;
            if scaled % scale != 0 {
                return Err(format!("`{text}` is finer than a microsecond"));
            }
            micros = micros.checked_add(scaled / scale).ok_or_else(wrong)?;
        }
        Ok(SimDuration(micros))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, rhs: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(rhs.0))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    fn sub(self, rhs: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(rhs.0))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, rhs: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(rhs.0))
    }
}

/// `12.345678` seconds, all six decimals: instants line up in tables.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The shortest exact form: `250us`, `10ms`, `1.5s`, `60s`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        if us == 0 {
            write!(f, "0ms")
        } else if us.is_multiple_of(1_000_000) {
            write!(f, "{}s", us / 1_000_000)
        } else if us > 1_000_000 && us.is_multiple_of(1_000) {
            let text = format!("{}.{:03}", us / 1_000_000, us % 1_000_000 / 1_000);
            write!(f, "{}s", text.trim_end_matches('0'))
        } else if us.is_multiple_of(1_000) {
            write!(f, "{}ms", us / 1_000)
        } else {
            write!(f, "{us}us")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, micros, printed) in [
            ("250us", 250, "250us"),
            ("10ms", 10_000, "10ms"),
            ("1.5s", 1_500_000, "1.5s"),
            ("2m", 120_000_000, "120s"),
            ("0ms", 0, "0ms"),
            ("1.234s", 1_234_000, "1.234s"),
        ] {
            let parsed = SimDuration::parse(text).unwrap();
            assert_eq!(parsed, SimDuration(micros), "{text}");
            assert_eq!(parsed.to_string(), printed);
        }
        for text in ["", "5", "s", "-1s", "1 week", "1.2.3s", "0.0000001s", "99999999999999999999s", "1e3s"] {
            assert!(SimDuration::parse(text).is_err(), "{text}");
        }
    }
}
