//! How much of the disk recordings may take. PURE.

use super::Kind;
use crate::limits::{DEFAULT_BUDGET_BYTES, DEFAULT_BUDGET_SHARE};

/// A disk as it is now, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Free for this user.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// Why an item does not fit, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// What has to be freed, in bytes.
    pub bytes: u64,
    /// Whether the disk itself is short, and not only the budget.
    pub is_disk: bool,
}

/// The budget, in bytes. Half a disk at most by default, since others write to it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What the spool may take, manifests and refused items included.
    pub max_bytes: u64,
}

impl Budget {
    /// As it was set, or what suits the disk.
    pub fn of(set_bytes: Option<u64>, disk: Disk) -> Self {
        let share = disk.total_bytes / DEFAULT_BUDGET_SHARE;
        Self { max_bytes: set_bytes.unwrap_or(share.min(DEFAULT_BUDGET_BYTES)) }
    }

    /// What is missing for an item that will take `incoming_bytes` where `used_bytes` are taken. The budget may have
    /// been set too high, or others may fill the disk: what is free counts as well.
    pub fn shortage(self, used_bytes: u64, incoming_bytes: u64, kind: Kind, disk: Disk) -> Option<Shortage> {
        let over_budget = (used_bytes + incoming_bytes).saturating_sub(self.max_bytes);
        let over_disk = (kind.reserve_bytes() + incoming_bytes).saturating_sub(disk.free_bytes);
        let bytes = over_budget.max(over_disk);
        (bytes > 0).then_some(Shortage { bytes, is_disk: over_disk > over_budget })
    }

    /// What is freed beyond need when pictures are dropped: a hundredth, so that dropping is done in lots.
    pub fn spare_bytes(self) -> u64 {
        self.max_bytes / 100
    }

    /// Whether there is room again: enough for it not to be over with the next picture.
    pub fn has_room(self, used_bytes: u64, disk: Disk) -> bool {
        used_bytes <= self.max_bytes - self.max_bytes / 20 && disk.free_bytes >= 2 * Kind::Picture.reserve_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Disk = Disk { free_bytes: 1 << 40, total_bytes: 1 << 41 };

    #[test]
    fn half_a_small_disk_is_used_and_a_bounded_part_of_a_large_one() {
        let disk = |total_bytes| Disk { free_bytes: 0, total_bytes };
        assert_eq!(Budget::of(None, disk(32 << 30)).max_bytes, 16 << 30);
        assert_eq!(Budget::of(None, disk(1 << 40)).max_bytes, DEFAULT_BUDGET_BYTES);
        assert_eq!(Budget::of(Some(7), disk(1 << 40)).max_bytes, 7);
    }

    #[test]
    fn an_item_fits_to_the_last_byte_of_the_budget() {
        let budget = Budget { max_bytes: 1000 };
        assert_eq!(budget.shortage(900, 100, Kind::Picture, ROOMY), None);
        let short = Shortage { bytes: 1, is_disk: false };
        assert_eq!(budget.shortage(900, 101, Kind::Utterance, ROOMY), Some(short));
    }

    #[test]
    fn a_disk_that_others_fill_counts_before_the_budget_is_reached() {
        let budget = Budget { max_bytes: 1 << 40 };
        let disk = Disk { free_bytes: Kind::Clip.reserve_bytes() + 10, total_bytes: 1 << 40 };
        assert_eq!(budget.shortage(0, 10, Kind::Clip, disk), None);
        assert_eq!(budget.shortage(0, 11, Kind::Clip, disk), Some(Shortage { bytes: 1, is_disk: true }));
        assert!(budget.shortage(0, 11, Kind::Picture, disk).is_some(), "pictures leave more free");
        assert_eq!(budget.shortage(0, 11, Kind::Utterance, disk), None, "speech may take what they leave");
    }
}
