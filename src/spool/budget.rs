//! How much of the disk recordings may take, and what is given up for new ones. PURE.
//!
//! ```text
//! given up:  what was recorded for another owner, then one's own; of each first pictures, then clips, then utterances;
//!            of each first what the API has refused, then the oldest
//! ```

use super::amount::Totals;
use crate::item::{ItemName, Kind};
use crate::limits::{
    CLIP_RESERVE_BYTES, DEFAULT_BUDGET_BYTES, DEFAULT_BUDGET_SHARE, PICTURE_RESERVE_BYTES, SPEECH_RESERVE_BYTES,
};

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
    /// What files may take, those of refused items included. The ledger is some 200 bytes an item more.
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
        let over_disk = (reserve_bytes(kind) + incoming_bytes).saturating_sub(disk.free_bytes);
        let bytes = over_budget.max(over_disk);
        (bytes > 0).then_some(Shortage { bytes, is_disk: over_disk > over_budget })
    }

    /// What is freed beyond need when pictures are dropped: a hundredth, so that dropping is done in lots.
    pub fn spare_bytes(self) -> u64 {
        self.max_bytes / 100
    }

    /// Whether there is room again: enough for it not to be over with the next picture.
    pub fn has_room(self, used_bytes: u64, disk: Disk) -> bool {
        used_bytes <= self.max_bytes - self.max_bytes / 20 && disk.free_bytes >= 2 * PICTURE_RESERVE_BYTES
    }
}

/// How much space must be free for one more of it. Deliveries write their progress, so a disk that is quite full could never be
/// emptied again; and speech is worth more than clips, clips more than pictures.
fn reserve_bytes(kind: Kind) -> u64 {
    match kind {
        Kind::Utterance => SPEECH_RESERVE_BYTES,
        Kind::Clip => CLIP_RESERVE_BYTES,
        Kind::Picture => PICTURE_RESERVE_BYTES,
    }
}

/// What is given up for one of kind `newcomer`, in this order: which kinds, and whether of other owners. Nothing is given up for
/// what is worth less.
pub fn order(newcomer: Kind) -> impl Iterator<Item = (Kind, bool)> {
    let worst_first = || Kind::ALL.into_iter().rev();
    let own = worst_first().take_while(move |kind| *kind >= newcomer);
    worst_first().map(|kind| (kind, true)).chain(own.map(|kind| (kind, false)))
}

/// Whether giving up all that may be given up for `newcomer` makes so many bytes free.
pub fn can_free(totals: &Totals, newcomer: Kind, bytes: u64) -> bool {
    let of = |(kind, of_others)| match of_others {
        true => totals.others_disk_bytes[kind as usize],
        false => totals.disk_bytes[kind as usize] - totals.others_disk_bytes[kind as usize],
    };
    order(newcomer).map(of).sum::<u64>() >= bytes
}

/// What a person is told when recordings are dropped, down to this kind, and what to do.
pub fn short(worst: Kind, is_disk: bool, max_bytes: u64) -> String {
    let dropped = match worst {
        Kind::Picture => "pictures are dropped, the oldest first",
        Kind::Clip => "clips are dropped, the oldest first: there are no pictures left to drop",
        Kind::Utterance => "speech is dropped, the oldest first: there is nothing else left to drop",
    };
    let (cause, cure) = if is_disk {
        ("the disk is almost full".to_owned(), "free some space")
    } else {
        (format!("the disk budget of {} MB is reached", max_bytes / 1_000_000), "raise max_bytes in [storage]")
    };
    format!("{cause}, and {dropped}; let what waits be delivered, or {cure}")
}

/// What had to be given up for a new item.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Eviction {
    /// Why, if anything was.
    pub shortage: Option<Shortage>,
    /// The budget.
    pub max_bytes: u64,
    /// What was given up: it has left the spool.
    pub given_up: Vec<ItemName>,
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
    fn what_belongs_to_others_goes_first_and_nothing_goes_for_what_is_worth_less() {
        let others = [(Kind::Picture, true), (Kind::Clip, true), (Kind::Utterance, true)];
        let clip: Vec<_> = order(Kind::Clip).collect();
        assert_eq!(clip, [&others[..], &[(Kind::Picture, false), (Kind::Clip, false)]].concat());
        let totals = Totals { disk_bytes: [10, 10, 10], others_disk_bytes: [3, 0, 0], ..Totals::default() };
        for (newcomer, most) in [(Kind::Utterance, 30), (Kind::Clip, 23), (Kind::Picture, 13)] {
            assert!(can_free(&totals, newcomer, most) && !can_free(&totals, newcomer, most + 1), "{newcomer}");
        }
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
        let disk = Disk { free_bytes: CLIP_RESERVE_BYTES + 10, total_bytes: 1 << 40 };
        assert_eq!(budget.shortage(0, 10, Kind::Clip, disk), None);
        assert_eq!(budget.shortage(0, 11, Kind::Clip, disk), Some(Shortage { bytes: 1, is_disk: true }));
        assert!(budget.shortage(0, 11, Kind::Picture, disk).is_some(), "pictures leave more free");
        assert_eq!(budget.shortage(0, 11, Kind::Utterance, disk), None, "speech may take what they leave");
    }
}
