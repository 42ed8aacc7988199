//! When things happened that were recorded before the clock was set. PURE.
//!
//! Each run leaves word of what it knew of the clock. Once the clock has been set, all runs since that start of the
//! machine are known to the microsecond. A start in which it never was set lies between what was last known to be true
//! before it and the next start that is known: it is placed as late as it can have been, so that it ended where the next
//! one began, and its items are marked as uncertain.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::name::Stamp;
use super::wall::put_right;
use super::{ItemName, Manifest, Placed, Wall};

/// What a run knew of the clock. Kept beside the items it has recorded before the clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClock {
    /// The run.
    pub run: Uuid,
    /// The start of the machine it ran in.
    pub boot: Uuid,
    /// Counts those starts of the machine of which something is known.
    pub boot_number: u32,
    /// Wall-clock time less uptime when it began, in microseconds, whatever that was worth.
    pub provisional_us: i64,
    /// The latest time that was known to be true by then, in microseconds since 1970.
    pub not_before_us: i64,
    /// True time less uptime, in microseconds, once it was known.
    pub true_us: Option<i64>,
}

/// Wall-clock time less uptime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    us: i64,
    is_certain: bool,
}

/// All runs of which something waits, and the one that goes on now.
#[derive(Debug, Default)]
pub struct Placement {
    runs: BTreeMap<Uuid, RunClock>,
    /// The start of the machine that goes on.
    current: Option<Uuid>,
    /// The latest uptime at which something was recorded, by start of the machine.
    last_us: BTreeMap<Uuid, i64>,
    /// By start of the machine; made anew whenever more is known.
    offsets: BTreeMap<Uuid, Offset>,
}

impl Placement {
    /// What earlier runs have left word of.
    pub fn of(runs: impl IntoIterator<Item = RunClock>) -> Self {
        let runs = runs.into_iter().map(|run| (run.run, run)).collect();
        let mut placement = Self { runs, ..Self::default() };
        placement.resolve();
        placement
    }

    /// By what others know, in the start of the machine that goes on.
    pub fn now(mut self, boot: Uuid) -> Self {
        self.current = Some(boot);
        self.resolve();
        self
    }

    /// Takes note of an item that waits: its start of the machine lasted until then at least.
    pub fn saw(&mut self, name: &ItemName) {
        if let (Stamp::Up(up), Some(run)) = (name.stamp(), self.runs.get(&name.run())) {
            let last = self.last_us.entry(run.boot).or_insert(i64::MIN);
            *last = (*last).max(up.saturating_add(name.length_us()));
        }
    }

    /// A run begins. Gives what it has to leave word of: where an earlier run of this start of the machine knew the time, that
    /// too, for the earlier run's word is kept no longer than its items.
    pub fn begin(&mut self, run: Uuid, boot: Uuid, provisional_us: i64, not_before_us: i64) -> RunClock {
        let of_this_start = || self.runs.values().filter(|run| run.boot == boot);
        let true_us = of_this_start().find_map(|run| run.true_us);
        let known = of_this_start().map(|run| run.boot_number).next();
        let next = self.runs.values().map(|run| run.boot_number + 1).max().unwrap_or_default();
        let boot_number = known.unwrap_or(next);
        let clock = RunClock { run, boot, boot_number, provisional_us, not_before_us, true_us };
        self.runs.insert(run, clock);
        self.current = Some(boot);
        self.resolve();
        clock
    }

    /// The clock is right now. Gives what the current run has to leave word of, if that is news.
    pub fn settle(&mut self, true_us: i64) -> Option<RunClock> {
        let boot = self.current?;
        if self.offsets.contains_key(&boot) {
            return None;
        }
        let run = self.runs.values_mut().find(|run| run.boot == boot)?;
        run.true_us = Some(true_us);
        let run = *run;
        self.resolve();
        Some(run)
    }

    fn resolve(&mut self) {
        self.offsets.clear();
        for run in self.runs.values() {
            if let Some(us) = run.true_us {
                self.offsets.insert(run.boot, Offset { us, is_certain: true });
            }
        }
        // Until the clock is right there is nothing to hold earlier times against.
        let Some(mut next) = self.current.and_then(|boot| self.offsets.get(&boot)).copied() else { return };
        let mut earliest: BTreeMap<(Reverse<u32>, Uuid), i64> = BTreeMap::new();
        for run in self.runs.values() {
            let earliest = earliest.entry((Reverse(run.boot_number), run.boot)).or_insert(i64::MIN);
            *earliest = (*earliest).max(run.provisional_us).max(run.not_before_us);
        }
        for ((_, boot), earliest_us) in earliest {
            next = *self.offsets.entry(boot).or_insert_with(|| {
                let lasted_us = self.last_us.get(&boot).copied().unwrap_or_default().max(0);
                Offset { us: next.us.saturating_sub(lasted_us).max(earliest_us), is_certain: false }
            });
        }
    }

    /// Where an item stands in time, by its name.
    pub fn place(&self, name: &ItemName) -> Placed {
        let up = match name.stamp() {
            Stamp::Utc(at_us) => return Placed { at_us, is_settled: true },
            Stamp::Up(up) => up,
        };
        match self.runs.get(&name.run()) {
            Some(run) => match self.offsets.get(&run.boot) {
                Some(offset) => Placed { at_us: up.saturating_add(offset.us), is_settled: true },
                None => Placed { at_us: up.saturating_add(run.provisional_us), is_settled: false },
            },
            // Its run's word is lost: its manifest has what the clock said. Taken for old.
            None => Placed { at_us: up, is_settled: self.is_set() },
        }
    }

    /// The manifest with its item's times put right, if they have to be. `None` while that cannot be done.
    pub fn put_right(&self, manifest: &Manifest) -> Option<Manifest> {
        if manifest.wall != Wall::Provisional {
            return Some(manifest.clone());
        }
        let (item, uptime_us) = (manifest.item.clone(), manifest.recorded.uptime_us);
        let (item, wall) = match self.offsets.get(&manifest.recorded.boot) {
            Some(offset) => {
                let wall = if offset.is_certain { Wall::Known } else { Wall::TimeUncertain };
                (put_right(item, uptime_us, offset.us), wall)
            }
            None if self.is_set() => (item, Wall::TimeUncertain),
            None => return None,
        };
        Some(Manifest { item, wall, ..manifest.clone() })
    }

    /// Whether the clock is right now.
    fn is_set(&self) -> bool {
        self.current.is_some_and(|boot| self.offsets.contains_key(&boot))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::spool::{Item, Recorded, Step};

    const S: i64 = 1_000_000;
    /// When the machine was started that the tests run in, by its true time.
    const ZERO_S: i64 = 1_800_000_000;
    const NOW_BOOT: Uuid = Uuid::from_u128(9);

    fn run(number: u32, boot: Uuid) -> RunClock {
        RunClock {
            run: Uuid::from_u128(u128::from(number) + 100),
            boot,
            boot_number: number,
            provisional_us: 1_000 * S,
            not_before_us: 2_000 * S,
            true_us: None,
        }
    }

    /// An utterance of two seconds, said so long after the machine was started.
    fn said(run: &RunClock, up_s: i64) -> Manifest {
        let start = Timestamp::from_microsecond(run.provisional_us + up_s * S).expect("in range");
        let end = start + SignedDuration::from_secs(2);
        let item = Item::Utterance { uid: run.run, index: 0, start, end, track_id: "T".into() };
        let recorded = Recorded { boot: run.boot, uptime_us: up_s * S };
        Manifest { item, media_bytes: 1, recorded, wall: Wall::Provisional, step: Step::Recorded, row_unclear: false }
    }

    fn start_s(placement: &Placement, manifest: &Manifest) -> Option<(i64, Wall)> {
        let placed = placement.place(&ItemName::of(manifest));
        let right = placement.put_right(manifest);
        assert_eq!(placed.is_settled, right.is_some());
        right.map(|right| {
            assert_eq!(right.item.start().as_microsecond(), placed.at_us);
            assert_eq!(right.item.end().duration_since(right.item.start()), SignedDuration::from_secs(2));
            (right.item.start().as_second(), right.wall)
        })
    }

    /// What waits is known, and then a run begins in a new start of the machine.
    fn begun(runs: &[RunClock], waiting: &[Manifest]) -> (Placement, RunClock) {
        let mut placement = Placement::of(runs.iter().copied());
        waiting.iter().for_each(|manifest| placement.saw(&ItemName::of(manifest)));
        let current = placement.begin(Uuid::from_u128(1), NOW_BOOT, 3_000 * S, 2_000 * S);
        (placement, current)
    }

    #[test]
    fn nothing_has_a_time_before_the_clock_is_right_and_all_of_this_start_has_it_after() {
        let earlier = run(0, NOW_BOOT);
        let (mut placement, current) = begun(&[earlier], &[]);
        let (before, now) = (said(&earlier, 50), said(&current, 100));
        assert_eq!((start_s(&placement, &before), start_s(&placement, &now)), (None, None));
        let word = placement.settle(ZERO_S * S).expect("news");
        assert_eq!(word.true_us, Some(ZERO_S * S));
        assert_eq!(start_s(&placement, &before), Some((ZERO_S + 50, Wall::Known)));
        assert_eq!(start_s(&placement, &now), Some((ZERO_S + 100, Wall::Known)));
        assert_eq!(placement.settle(7), None, "the first answer stands");
    }

    #[test]
    fn a_start_of_the_machine_that_was_known_stays_known_after_a_restart() {
        let known = RunClock { true_us: Some(ZERO_S * S), ..run(0, Uuid::from_u128(5)) };
        let (placement, _) = begun(&[known], &[]);
        assert_eq!(start_s(&placement, &said(&known, 50)), Some((ZERO_S + 50, Wall::Known)));
    }

    #[test]
    fn starts_that_were_never_known_end_where_the_next_begins_and_are_marked() {
        let (first, second) = (run(0, Uuid::from_u128(5)), run(1, Uuid::from_u128(6)));
        let waiting = [said(&first, 10), said(&first, 98), said(&second, 48)];
        let (mut placement, _) = begun(&[first, second], &waiting);
        assert!(waiting.iter().all(|manifest| start_s(&placement, manifest).is_none()));
        placement.settle(ZERO_S * S);
        // The second lasted 50 s at least, the first 100 s.
        let starts: Vec<_> = waiting.iter().map(|manifest| start_s(&placement, manifest)).collect();
        let uncertain = |s| Some((ZERO_S + s, Wall::TimeUncertain));
        assert_eq!(starts, [uncertain(-150 + 10), uncertain(-150 + 98), uncertain(-50 + 48)]);
    }

    #[test]
    fn nothing_is_placed_before_what_was_known_to_be_true_by_then() {
        let first = RunClock { not_before_us: (ZERO_S - 60) * S, ..run(0, Uuid::from_u128(5)) };
        let waiting = [said(&first, 98)];
        let (mut placement, _) = begun(&[first], &waiting);
        placement.settle(ZERO_S * S);
        assert_eq!(start_s(&placement, &waiting[0]), Some((ZERO_S - 60 + 98, Wall::TimeUncertain)));
    }

    #[test]
    fn an_item_whose_run_left_no_word_is_delivered_with_the_time_it_has() {
        let lost = run(0, Uuid::from_u128(5));
        let (mut placement, _) = begun(&[], &[]);
        assert_eq!(placement.put_right(&said(&lost, 10)), None);
        placement.settle(ZERO_S * S);
        let right = placement.put_right(&said(&lost, 10)).expect("the clock is right");
        assert_eq!((right.item.start().as_second(), right.wall), (1_010, Wall::TimeUncertain));
    }
}
