//! How a destination has answered lately, and when it is tried again. PURE.

use std::time::Duration;

use super::backoff;

/// The way to one destination. Times are monotonic.
#[derive(Debug)]
pub struct Line {
    rest_until: Duration,
    failures: u32,
}

impl Line {
    /// Has not been tried.
    pub fn new(now: Duration) -> Self {
        Self { rest_until: now, failures: 0 }
    }

    /// Nothing is sent until then.
    pub fn rest_until(&self) -> Duration {
        self.rest_until
    }

    /// It has done as asked.
    pub fn well(&mut self) {
        self.failures = 0;
        self.rest_until = Duration::ZERO;
    }

    /// It has not: rests ever longer, and at least this long.
    pub fn fail(&mut self, at_least: Duration, now: Duration, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        self.rest_until = now + backoff::wait(self.failures, jitter).max(at_least);
    }

    /// Rests this long, whatever was before.
    pub fn rest_for(&mut self, wait: Duration, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.rest_until = now + wait;
    }
}
