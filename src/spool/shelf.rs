//! The items of one kind that wait, each with its time. PURE.

use super::amount::Amount;
use super::ready::Ready;
use crate::item::{ItemId, Kind};
use crate::limits::SECONDS_PER_MINUTE;

/// Microseconds.
pub const MINUTE_US: i64 = SECONDS_PER_MINUTE as i64 * 1_000_000;

/// An item with its time, which orders it. There may be 200,000 of them in memory, so they are small; the kind is the shelf's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When it begins, in microseconds since 1970.
    pub at_us: i64,
    /// Its row.
    pub row: i64,
    /// How long it is; the longest has ten minutes.
    pub length_ms: u32,
    /// Of its file, as far as 32 bits go.
    pub bytes: u32,
}

impl Slot {
    /// Sorts before everything that begins then.
    pub fn floor(at_us: i64) -> Self {
        Self { at_us, row: i64::MIN, length_ms: 0, bytes: 0 }
    }

    /// Which item it is.
    pub fn id(&self, kind: Kind) -> ItemId {
        ItemId { kind, row: self.row }
    }

    /// When it ends.
    pub fn end_us(&self) -> i64 {
        self.at_us.saturating_add(i64::from(self.length_ms) * 1_000)
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

/// The items of one kind that may be delivered, and how many there are with those that wait for their time or are in hand.
#[derive(Debug, Default)]
pub struct Shelf {
    /// To be delivered.
    pub ready: Ready<Slot>,
    /// Clips that go before pictures.
    pub linked: Ready<Slot>,
    /// Waiting, in hand or not.
    pub waiting: Amount,
}

impl Shelf {
    /// One more waits.
    pub fn add(&mut self, slot: &Slot) {
        self.waiting.items += 1;
        self.waiting.bytes += u64::from(slot.bytes);
    }

    /// One has left the spool.
    pub fn forget(&mut self, slot: &Slot) {
        self.waiting.items -= 1;
        self.waiting.bytes -= u64::from(slot.bytes);
    }
}
