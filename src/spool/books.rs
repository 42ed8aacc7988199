//! What has come into the spool and left it. PURE.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Amount, Kind};

/// Amounts by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts(BTreeMap<Kind, Amount>);

impl Amounts {
    /// One more.
    pub fn add(&mut self, kind: Kind, bytes: u64) {
        self.0.entry(kind).or_default().add(bytes);
    }

    /// Of one kind.
    pub fn of(&self, kind: Kind) -> Amount {
        self.0.get(&kind).copied().unwrap_or_default()
    }
}

/// The counts of this run, and what is remembered from one run to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Complete in the spool.
    #[serde(skip)]
    pub recorded: Amounts,
    /// Confirmed by the API, recorded now or earlier.
    #[serde(skip)]
    pub delivered: Amounts,
    /// Set aside, since the API will never take them.
    #[serde(skip)]
    pub refused: Amounts,
    /// Given up, or never kept.
    #[serde(skip)]
    pub dropped: Amounts,
    /// Given up, or never kept, in all runs.
    pub dropped_ever: Amounts,
    /// The latest time that was known to be true, in microseconds since 1970.
    pub good_us: i64,
}

impl Books {
    /// One is given up, or could not be kept.
    pub fn drop(&mut self, kind: Kind, bytes: u64) {
        self.dropped.add(kind, bytes);
        self.dropped_ever.add(kind, bytes);
    }
}
