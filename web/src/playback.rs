//! From wall time to virtual time: pure, so that it can be tested without a clock.

use sim_core::time::SimTime;
use stage::text::decimal;

/// Longest wall time that one frame may count for, in milliseconds: a page that comes back from the background does not leap.
const FRAME_MAX_MS: f64 = 100.0;

/// The speed slider: tenths of a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speed(pub i32);

impl Speed {
    /// 0.001x.
    pub const SLOWEST: Speed = Speed(-30);
    /// 1000x.
    pub const FASTEST: Speed = Speed(30);
    /// Packets can be followed with the eye.
    pub const DEFAULT: Speed = Speed(-23);

    /// Virtual seconds per second.
    pub fn factor(self) -> f64 {
        // Tenths of a power of ten, and whole powers: a table, since `powf` would bring its own, larger ones into the page.
        const TENTHS: [f64; 10] = [
            1.0,
            1.258_925_412,
            1.584_893_192,
            1.995_262_315,
            2.511_886_432,
            3.162_277_660,
            3.981_071_706,
            5.011_872_336,
            6.309_573_445,
            7.943_282_347,
        ];
        TENTHS[self.0.rem_euclid(10) as usize] * 10_f64.powi(self.0.div_euclid(10))
    }

    /// A tenth of it where something happens within a second, at this speed, before or after. `distance_us`: to the nearest event.
    #[must_use]
    pub fn careful(self, distance_us: Option<u64>) -> Speed {
        let near = distance_us.is_some_and(|us| (us as f64) < self.factor() * 1e6);
        if near { Speed(self.0 - 10).clamped() } else { self }
    }

    /// Within the slider.
    #[must_use]
    pub fn clamped(self) -> Speed {
        self.clamp(Speed::SLOWEST, Speed::FASTEST)
    }

    /// `0.05×`, `1×`, `250×`: two digits that count.
    pub fn label(self) -> String {
        let digits = (1 - self.0.div_euclid(10)).clamp(0, 4) as u32;
        format!("{}×", decimal(self.factor(), digits))
    }
}

/// The instant that the picture shows, with the fraction of a microsecond that slow motion needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playback {
    now: SimTime,
    fraction: f64,
}

impl Playback {
    /// The instant shown.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Shows this instant.
    pub fn jump(&mut self, to: SimTime) {
        *self = Playback { now: to, fraction: 0.0 };
    }

    /// Plays for `dt_ms` of wall time and stops at `limit`. Returns whether the limit was reached.
    pub fn play(&mut self, dt_ms: f64, speed: Speed, limit: SimTime) -> bool {
        let micros = dt_ms.clamp(0.0, FRAME_MAX_MS) * 1000.0 * speed.factor() + self.fraction;
        let whole = micros.floor();
        self.fraction = micros - whole;
        let to = self.now.0.saturating_add(whole as u64);
        if to >= limit.0 {
            self.jump(limit.max(self.now));
            return true;
        }
        self.now = SimTime(to);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_slows_down_where_something_happens() {
        let real_time = Speed(0);
        assert_eq!(real_time.careful(Some(900_000)), Speed(-10));
        assert_eq!(real_time.careful(Some(1_100_000)), real_time);
        assert_eq!(real_time.careful(None), real_time);
        assert_eq!(Speed::SLOWEST.careful(Some(0)), Speed::SLOWEST);
    }

    const END: SimTime = SimTime(60_000_000);

    #[test]
    fn real_time_is_real_time() {
        let mut playback = Playback::default();
        for _ in 0..60 {
            assert!(!playback.play(16.0, Speed(0), END));
        }
        assert_eq!(playback.now(), SimTime(960_000));
    }

    #[test]
    fn slow_motion_loses_no_fraction() {
        let mut playback = Playback::default();
        for _ in 0..1000 {
            playback.play(16.7, Speed::SLOWEST, END);
        }
        // A thousandth of 16.7 s.
        assert!(playback.now().0.abs_diff(16_700) <= 1, "{}", playback.now());
    }

    #[test]
    fn it_stops_at_the_end_and_a_long_frame_does_not_leap() {
        let mut playback = Playback::default();
        playback.play(60_000.0, Speed(0), END);
        assert_eq!(playback.now(), SimTime(100_000));
        assert!(playback.play(90.0, Speed::FASTEST, END));
        assert_eq!(playback.now(), END);
        assert!(playback.play(0.0, Speed(0), END));
    }

    #[test]
    fn a_known_part_that_ends_before_now_does_not_pull_back() {
        let mut playback = Playback::default();
        playback.jump(SimTime(500));
        assert!(playback.play(16.0, Speed(0), SimTime(100)));
        assert_eq!(playback.now(), SimTime(500));
    }

    #[test]
    fn speeds_read_well() {
        let labels: Vec<String> = [-30, -20, -13, -10, 0, 3, 10, 24, 30].into_iter().map(|s| Speed(s).label()).collect();
        assert_eq!(labels, ["0.001×", "0.01×", "0.05×", "0.1×", "1×", "2×", "10×", "251×", "1000×"]);
    }
}
