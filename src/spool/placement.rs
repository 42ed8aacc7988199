//! When things happened that were recorded before the clock was set. PURE.
//!
//! What is learnt of the clock in one start of the machine places everything that was recorded since that start. A start in which
//! the clock was never set lies between what was known to be true before it and the next start that is known: it is placed as
//! late as it can have been, so that it ended where the next one began, and its items are marked as uncertain.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::item::{Item, Kind, Wall};

const SECOND_US: i64 = 1_000_000;

/// What is known of the clock in one start of the machine. Offsets are true time less uptime, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootClock {
    /// Counts the starts.
    pub number: i64,
    /// The offset is not less than this.
    pub earliest_us: i64,
    /// The offset, once it is known.
    pub true_us: Option<i64>,
    /// The latest uptime, in microseconds, at which something was recorded that still waits.
    pub lasted_us: i64,
}

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// True time less uptime, in microseconds.
    pub us: i64,
    /// Whether it was measured, and not estimated.
    pub is_certain: bool,
}

/// The offsets of these starts of the machine, by their numbers; of none before the latest is known, since there is nothing to hold
/// the others against.
pub fn offsets(boots: &[BootClock]) -> BTreeMap<i64, Offset> {
    let mut boots = boots.to_vec();
    boots.sort_unstable_by_key(|boot| std::cmp::Reverse(boot.number));
    let mut offsets: BTreeMap<_, _> =
        boots.iter().filter_map(|boot| Some((boot.number, Offset { us: boot.true_us?, is_certain: true }))).collect();
    let Some(mut next) = boots.first().and_then(|latest| latest.true_us) else { return offsets };
    for boot in boots {
        let estimate = next.saturating_sub(boot.lasted_us.max(0)).max(boot.earliest_us);
        next = offsets.entry(boot.number).or_insert(Offset { us: estimate, is_certain: false }).us;
    }
    offsets
}

/// An item with its times put right, and what they are worth now. It began at this uptime, in microseconds.
pub fn put_right(item: Item, uptime_us: i64, offset: Offset) -> (Item, Wall) {
    let wall = if offset.is_certain { Wall::Known } else { Wall::TimeUncertain };
    (move_to(item, uptime_us, offset.us), wall)
}

/// A picture is moved by whole seconds: it was the first of a second and is named by it, and two of one second would be one.
pub fn move_to(item: Item, uptime_us: i64, offset_us: i64) -> Item {
    let at_us = uptime_us.saturating_add(offset_us);
    let was_us = item.start().as_microsecond();
    let at_us = match item.kind() {
        Kind::Picture => was_us + (at_us - was_us + SECOND_US / 2).div_euclid(SECOND_US) * SECOND_US,
        Kind::Utterance | Kind::Clip => at_us,
    };
    item.at(Timestamp::from_microsecond(at_us).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const S: i64 = SECOND_US;
    /// When the latest start was, by its true time.
    const LATEST_S: i64 = 1_800_000_000;

    fn boot(number: i64, lasted_s: i64) -> BootClock {
        BootClock { number, earliest_us: 2_000 * S, true_us: None, lasted_us: lasted_s * S }
    }

    fn known(number: i64, true_s: i64) -> BootClock {
        BootClock { true_us: Some(true_s * S), ..boot(number, 0) }
    }

    fn certain(s: i64) -> Option<Offset> {
        Some(Offset { us: s * S, is_certain: true })
    }

    fn uncertain(s: i64) -> Option<Offset> {
        Some(Offset { us: s * S, is_certain: false })
    }

    fn of(boots: &[BootClock], numbers: [i64; 3]) -> [Option<Offset>; 3] {
        let offsets = offsets(boots);
        numbers.map(|number| offsets.get(&number).copied())
    }

    #[test]
    fn no_estimate_is_made_before_the_clock_of_this_start_is_right() {
        assert_eq!(of(&[known(0, 5_000), boot(1, 9), boot(2, 9)], [0, 1, 2]), [certain(5_000), None, None]);
    }

    #[test]
    fn starts_that_were_never_known_end_where_the_next_begins_and_are_marked() {
        let boots = [boot(0, 100), boot(1, 50), known(2, LATEST_S)];
        assert_eq!(of(&boots, [0, 1, 2]), [uncertain(LATEST_S - 150), uncertain(LATEST_S - 50), certain(LATEST_S)]);
    }

    #[test]
    fn nothing_is_placed_before_what_was_known_to_be_true_by_then() {
        let first = BootClock { earliest_us: (LATEST_S - 60) * S, ..boot(0, 100) };
        assert_eq!(of(&[first, known(1, LATEST_S)], [0, 1, 2]), [uncertain(LATEST_S - 60), certain(LATEST_S), None]);
    }

    #[test]
    fn a_start_that_was_known_stays_so_and_bounds_the_one_before_it() {
        let boots = [boot(0, 100), known(1, 5_000), known(2, LATEST_S)];
        assert_eq!(of(&boots, [0, 1, 2]), [uncertain(4_900), certain(5_000), certain(LATEST_S)]);
    }

    #[test]
    fn pictures_are_put_right_by_whole_seconds_so_that_no_two_have_one_name() {
        let picture = |ms: i64| Item::Picture {
            uid: Uuid::nil(),
            taken: Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("in range"),
        };
        // The first frames of two seconds, by a clock that is 10.97 s slow.
        let offset = Offset { us: 1_800_000_010_970_000, is_certain: true };
        let right = [40, 1_010].map(|ms| put_right(picture(ms), ms * 1_000, offset).0);
        assert_eq!(right, [picture(11_040), picture(12_010)]);
    }
}
