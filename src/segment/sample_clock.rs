//! When a sample was taken. PURE.

use jiff::{SignedDuration, Timestamp};

use crate::clock::signed;
use crate::limits::{SAMPLE_RATE_HZ, SOUND_CLOCK_STEP};

const NANOS_PER_SAMPLE: i64 = 1_000_000_000 / SAMPLE_RATE_HZ as i64;
const _: () = assert!(1_000_000_000 % SAMPLE_RATE_HZ as i64 == 0, "sample times are exact");

/// A single reading is late by however long the thread had to wait for the processor; this much of each difference
/// is believed. At 50 readings a second it follows a drifting sound card within seconds and smooths the waits.
const FOLLOW_DIVISOR: i32 = 64;

/// Whether a reading fits the sound before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// It does.
    Continuous,
    /// Samples were lost, or the wall clock was stepped.
    Jumped,
}

/// Maps sample numbers to wall-clock time: counted by the samples, held to the readings that come with them.
#[derive(Debug, Default, Clone, Copy)]
pub struct SampleClock {
    anchor: Option<(u64, Timestamp)>,
}

impl SampleClock {
    /// A reading: `sample` was taken at `time`, more or less.
    pub fn observe(&mut self, sample: u64, time: Timestamp) -> Continuity {
        let Some(expected) = self.time_of(sample) else {
            self.anchor = Some((sample, time));
            return Continuity::Continuous;
        };
        let error = time.duration_since(expected);
        if error.abs() > signed(SOUND_CLOCK_STEP) {
            self.anchor = Some((sample, time));
            return Continuity::Jumped;
        }
        self.anchor = Some((sample, expected + error / FOLLOW_DIVISOR));
        Continuity::Continuous
    }

    /// When this sample was taken. `None` before the first reading.
    pub fn time_of(&self, sample: u64) -> Option<Timestamp> {
        let (anchor, time) = self.anchor?;
        let samples = sample as i64 - anchor as i64;
        time.checked_add(SignedDuration::from_nanos(samples.saturating_mul(NANOS_PER_SAMPLE))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().expect("a time")
    }

    fn after(ms: i64) -> Timestamp {
        start() + SignedDuration::from_millis(ms)
    }

    #[test]
    fn late_readings_do_not_move_the_sound_by_more_than_a_hair() {
        let mut clock = SampleClock::default();
        clock.observe(0, start());
        for chunk in 1..500 {
            let late = if chunk % 5 == 0 { 30 } else { 0 };
            assert_eq!(clock.observe(chunk * 320, after(chunk as i64 * 20 + late)), Continuity::Continuous);
        }
        let off = clock.time_of(500 * 320).expect("observed").duration_since(after(10_000));
        assert!(off.abs() < SignedDuration::from_millis(10), "{off}");
    }

    #[test]
    fn a_sound_card_that_runs_fast_is_followed() {
        let mut clock = SampleClock::default();
        // 200 parts in a million: 0.72 s an hour.
        for chunk in 0..180_000i64 {
            let true_ns = chunk * 20_000_000 - chunk * 4_000;
            let time = start() + SignedDuration::from_nanos(true_ns);
            assert_eq!(clock.observe(chunk as u64 * 320, time), Continuity::Continuous);
        }
        let off = clock.time_of(180_000 * 320).expect("observed").duration_since(after(3_600_000 - 720));
        assert!(off.abs() < SignedDuration::from_millis(2), "{off}");
    }

    #[test]
    fn lost_sound_and_a_stepped_clock_are_noticed() {
        let mut clock = SampleClock::default();
        clock.observe(0, start());
        assert_eq!(clock.observe(320, after(520)), Continuity::Jumped);
        assert_eq!(clock.observe(640, after(540)), Continuity::Continuous);
        assert_eq!(clock.observe(960, after(-7_200_000)), Continuity::Jumped);
    }
}
