//! When a microphone's sound was taken, from what the sound system says of the device. PURE.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::signed;
use crate::limits::SAMPLE_RATE_HZ;

/// Half a second waits in the driver while the machine is busy; a longer pause is an overrun.
pub(super) const BUFFER_SAMPLES: u32 = SAMPLE_RATE_HZ / 2;

/// No device holds back more than a second of sound; a driver that says so is wrong.
const MOST_DELAY_SAMPLES: i64 = SAMPLE_RATE_HZ as i64;

/// A stamp further than this from now is of another clock than was agreed, or was never set: every status brings the
/// stamp up to date (Linux, `sound/core/pcm_native.c`, `snd_pcm_status64`).
const OLDEST_STAMP: SignedDuration = SignedDuration::from_secs(1);

/// The clock of a device's time stamps (alsa-lib, `pcm_local.h`, `gettimestamp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StampClock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_REALTIME`.
    Wall,
    /// One that is not known here.
    Unknown,
}

/// What one question after a device's status answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    /// When the device stood where `delay_samples` says, since the start of `clock`. Zero: it does not say.
    pub stamp: Duration,
    /// The clock of `stamp`.
    pub clock: StampClock,
    /// Samples that were taken by then and have not been read.
    pub delay_samples: i64,
    /// Whether it has stopped because its buffer was full: stamp and delay are of no use then (`snd_pcm_status64`
    /// gives no delay).
    pub is_overrun: bool,
}

/// The machine's clocks, just after the status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub wall: Timestamp,
    pub monotonic: Duration,
    pub wall_minus_monotonic: SignedDuration,
}

/// When the first of the last `read` samples was taken, and whether the device's own time stamp says so. Without one,
/// the samples end now: late by however long the thread had to wait for the processor.
pub(super) fn time_of_first(status: &Status, read: usize, now: &Now) -> (Timestamp, bool) {
    let stamp = stamped(status, now);
    let waiting = match status.is_overrun {
        true => i64::from(BUFFER_SAMPLES),
        false => status.delay_samples.clamp(0, MOST_DELAY_SAMPLES),
    };
    (stamp.unwrap_or(now.wall) - length(waiting + read as i64), stamp.is_some())
}

/// The stamp as wall-clock time, if it can be believed.
fn stamped(status: &Status, now: &Now) -> Option<Timestamp> {
    if status.stamp.is_zero() || status.is_overrun {
        return None;
    }
    let since_1970 = match status.clock {
        StampClock::Monotonic => signed(status.stamp).checked_add(now.wall_minus_monotonic)?,
        StampClock::Wall => signed(status.stamp),
        StampClock::Unknown => return None,
    };
    let believed_now = match status.clock {
        StampClock::Monotonic => signed(now.monotonic).checked_add(now.wall_minus_monotonic)?,
        _ => now.wall.as_duration(),
    };
    let age = believed_now.checked_sub(since_1970)?;
    if age.abs() > OLDEST_STAMP { None } else { Timestamp::from_duration(since_1970).ok() }
}

fn length(samples: i64) -> SignedDuration {
    SignedDuration::from_nanos(samples * (1_000_000_000 / i64::from(SAMPLE_RATE_HZ)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(3600);

    fn wall() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().expect("a time")
    }

    fn now() -> Now {
        Now { wall: wall(), monotonic: NOW, wall_minus_monotonic: wall().as_duration() - signed(NOW) }
    }

    /// Ten milliseconds ago 160 samples had been taken and not read.
    fn status() -> Status {
        let stamp = NOW - Duration::from_millis(10);
        Status { stamp, clock: StampClock::Monotonic, delay_samples: 160, is_overrun: false }
    }

    /// How long ago the first of 320 samples was taken, in milliseconds, and whether the device says so.
    fn age(status: Status) -> (i128, bool) {
        let (first, is_stamped) = time_of_first(&status, 320, &now());
        (wall().duration_since(first).as_millis(), is_stamped)
    }

    #[test]
    fn sound_is_as_old_as_its_stamp_what_waits_and_what_was_read() {
        assert_eq!(age(status()), (10 + 10 + 20, true));
        assert_eq!(age(Status { delay_samples: 0, ..status() }), (10 + 20, true));
    }

    #[test]
    fn a_stamp_of_the_wall_clock_is_taken_as_it_is() {
        let since_1970 = Duration::try_from(wall().as_duration()).expect("after 1970");
        let stamp = since_1970 - Duration::from_millis(10);
        assert_eq!(age(Status { stamp, clock: StampClock::Wall, ..status() }), (40, true));
    }

    #[test]
    fn a_thread_that_had_to_wait_does_not_make_stamped_sound_younger() {
        let late = Now { wall: wall() + SignedDuration::from_millis(300), ..now() };
        let late = Now { monotonic: NOW + Duration::from_millis(300), ..late };
        assert_eq!(time_of_first(&status(), 320, &late), time_of_first(&status(), 320, &now()));
    }

    #[test]
    fn without_a_stamp_the_sound_ends_now() {
        assert_eq!(age(Status { stamp: Duration::ZERO, ..status() }), (30, false));
        assert_eq!(age(Status { clock: StampClock::Unknown, ..status() }), (30, false));
    }

    #[test]
    fn a_stamp_of_another_clock_than_was_agreed_is_not_believed() {
        assert_eq!(age(Status { clock: StampClock::Wall, ..status() }), (30, false));
        let since_1970 = Duration::try_from(wall().as_duration()).expect("after 1970");
        assert_eq!(age(Status { stamp: since_1970, ..status() }), (30, false));
        assert_eq!(age(Status { stamp: Duration::MAX, ..status() }), (30, false));
    }

    #[test]
    fn after_an_overrun_a_whole_buffer_waited() {
        assert_eq!(age(Status { is_overrun: true, delay_samples: 0, ..status() }), (500 + 20, false));
    }

    #[test]
    fn a_delay_that_cannot_be_is_held_to_a_second() {
        assert_eq!(age(Status { delay_samples: -5, ..status() }), (10 + 20, true));
        assert_eq!(age(Status { delay_samples: i64::MAX, ..status() }), (10 + 1000 + 20, true));
    }
}
