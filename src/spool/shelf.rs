//! The items of one kind that wait, each with its time. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queue::Queue;
use super::{Amount, ItemName};
use crate::limits::SECONDS_PER_MINUTE;

/// Microseconds.
pub const MINUTE_US: i64 = SECONDS_PER_MINUTE as i64 * 1_000_000;

/// An item with its time, which orders it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// When it begins, in microseconds since 1970.
    pub at_us: i64,
    /// Which it is.
    pub name: ItemName,
}

impl Entry {
    /// Sorts before everything that begins then.
    pub fn floor(at_us: i64) -> Self {
        Self { at_us, name: ItemName::FIRST }
    }

    /// When it ends.
    pub fn end_us(&self) -> i64 {
        self.at_us.saturating_add(self.name.length_us())
    }

    /// The minute in which it begins.
    pub fn first_minute(&self) -> i64 {
        self.at_us.div_euclid(MINUTE_US)
    }

    /// The minute it still touches when it ends.
    pub fn last_minute(&self) -> i64 {
        self.end_us().div_euclid(MINUTE_US)
    }
}

/// The items of one kind. Each is in one of these, or in hand.
#[derive(Debug, Default)]
pub struct Shelf {
    /// To be delivered.
    pub ready: Queue<Entry>,
    /// Clips that go before pictures.
    pub linked: Queue<Entry>,
    /// Until the clock is set.
    pub unsettled: BTreeSet<Entry>,
    /// Until their time has come again.
    pub deferred: BTreeMap<Entry, Duration>,
    /// These do not wait, and have no place in time but their name's.
    pub refused: BTreeSet<ItemName>,
    /// Waiting, in hand or not.
    pub waiting: Amount,
    /// What those in the sets take on the disk.
    pub loose_bytes: u64,
}

impl Shelf {
    /// The oldest that waits.
    pub fn oldest(&self) -> Option<&Entry> {
        let queues = [&self.ready, &self.linked].into_iter().filter_map(Queue::first);
        queues.chain(self.unsettled.first()).chain(self.deferred.keys().next()).min()
    }

    /// Whether it waits here.
    pub fn holds(&self, entry: &Entry) -> bool {
        [&self.ready, &self.linked].into_iter().any(|queue| queue.contains(entry))
            || self.unsettled.contains(entry)
            || self.deferred.contains_key(entry)
    }
}
