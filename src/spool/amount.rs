//! How many items, and how many bytes. PURE.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::item::Kind;

/// How many, and how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Items.
    pub items: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// Amounts by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts(BTreeMap<Kind, Amount>);

impl Amounts {
    /// So many more.
    pub fn add(&mut self, kind: Kind, more: Amount) {
        let amount = self.0.entry(kind).or_default();
        *amount = Amount { items: amount.items + more.items, bytes: amount.bytes + more.bytes };
    }

    /// One more.
    pub fn add_one(&mut self, kind: Kind, bytes: u64) {
        self.add(kind, Amount { items: 1, bytes });
    }

    /// Of one kind.
    pub fn of(&self, kind: Kind) -> Amount {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// Items of all kinds.
    pub fn items(&self) -> u64 {
        self.0.values().map(|amount| amount.items).sum()
    }
}

/// What is in the spool, as seen by one owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// May be delivered.
    pub waiting: Amounts,
    /// Waits for the clock to be set.
    pub without_time: Amounts,
    /// The API has refused it.
    pub refused: Amounts,
    /// Was recorded for somebody else.
    pub of_others: Amounts,
    /// What all of it takes on the disk, by kind.
    pub disk_bytes: [u64; Kind::ALL.len()],
    /// What others' takes of that.
    pub others_disk_bytes: [u64; Kind::ALL.len()],
}

impl Totals {
    /// What all of it takes on the disk.
    pub fn used_bytes(&self) -> u64 {
        self.disk_bytes.iter().sum()
    }
}

/// What one process has done with items since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete in the spool.
    pub recorded: Amounts,
    /// Confirmed by the API, recorded now or earlier.
    pub delivered: Amounts,
    /// Refused by the API.
    pub refused: Amounts,
    /// Given up, or never kept.
    pub dropped: Amounts,
}
