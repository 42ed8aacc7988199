//! How a destination has answered lately, and when it is tried again. PURE.

use std::collections::BTreeSet;
use std::time::Duration;

use super::backoff;
use crate::item::{ItemId, Kinds};
use crate::limits::DIFFERENT_ITEMS;

/// The way to one destination. Times are monotonic.
#[derive(Debug)]
pub struct Line {
    rest_until: Duration,
    failures: u32,
    /// Since it last did as asked; no more than it takes to doubt the way.
    failed: BTreeSet<ItemId>,
    kinds: Kinds,
}

impl Line {
    /// Has not been tried.
    pub fn new(now: Duration) -> Self {
        Self { rest_until: now, failures: 0, failed: BTreeSet::new(), kinds: Kinds::default() }
    }

    /// Nothing is sent until then.
    pub fn rest_until(&self) -> Duration {
        self.rest_until
    }

    /// Whether it has not failed since it last did as asked, but for single items.
    pub fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Whether it fails for items of several kinds: then no item is to blame.
    pub fn is_down(&self) -> bool {
        !self.is_well() && self.kinds.len() > 1
    }

    /// Whether some items have failed on it since it last did as asked.
    pub fn is_doubted(&self) -> bool {
        !self.failed.is_empty()
    }

    /// It has done as asked.
    pub fn well(&mut self) {
        *self = Self::new(Duration::ZERO);
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

    /// It has failed with this item in hand, and rests at least this long.
    pub fn fail_with(&mut self, id: &ItemId, at_least: Duration, now: Duration, jitter: f64) {
        self.kinds.insert(id.kind);
        self.fail(at_least, now, jitter);
    }

    /// This item has failed on it, and nobody knows whose fault that is. After several different ones in a row it is that of
    /// the way, which rests; an item that is known to fail by itself does not count.
    pub fn doubt(&mut self, id: &ItemId, is_known_to_fail: bool, now: Duration, jitter: f64) {
        self.kinds.insert(id.kind);
        if !is_known_to_fail && self.failed.len() < DIFFERENT_ITEMS {
            self.failed.insert(*id);
        }
        if self.failed.len() == DIFFERENT_ITEMS {
            self.fail(Duration::ZERO, now, jitter);
        }
    }
}
