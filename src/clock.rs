//! Time, so that it can be passed in. EDGE: the only file that reads a clock.

use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// Where the program gets its time from.
pub trait Clock: Send + Sync {
    /// Wall-clock time, UTC. May step.
    fn now(&self) -> Timestamp;
    /// `CLOCK_MONOTONIC`, the clock of GStreamer pipelines and of V4L2 time stamps. Never steps.
    fn monotonic(&self) -> Duration;

    /// What has to be added to monotonic time to get wall-clock time.
    fn wall_minus_monotonic(&self) -> SignedDuration {
        // The thread may be put aside between two readings; the tightest of a few brackets is the true one.
        (0..4)
            .map(|_| {
                let before = self.monotonic();
                let wall = self.now();
                let after = self.monotonic();
                let middle = before + (after - before) / 2;
                (after - before, since_epoch(wall) - signed(middle))
            })
            .min_by_key(|(bracket, _)| *bracket)
            .map(|(_, offset)| offset)
            .unwrap_or_default()
    }
}

/// A time as signed duration since 1970.
pub fn since_epoch(time: Timestamp) -> SignedDuration {
    time.as_duration()
}

/// A duration as signed one, at most about 292 billion years.
pub fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        let time = clock_gettime(ClockId::Monotonic);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<(Timestamp, Duration)>);

impl ManualClock {
    /// A clock that shows `now`, on a machine that has been up for an hour.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new((now, Duration::from_secs(3600))))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().expect("no panic while held");
        time.0 += signed(by);
        time.1 += by;
    }

    /// Sets the wall clock alone, as a person or a time server does.
    pub fn step(&self, by: SignedDuration) {
        self.0.lock().expect("no panic while held").0 += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().expect("no panic while held").0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().expect("no panic while held").1
    }
}
