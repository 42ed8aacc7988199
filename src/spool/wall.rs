//! What the wall clock said beside the clock that no one sets. PURE.
//!
//! Recordings come with the times of the wall clock, which may have been set between recording and keeping: from the
//! history of the two clocks it is told when they were really made. The difference between them changes only when the
//! wall clock is set: the kernel slews both alike, and both go on while the machine sleeps.

use std::collections::VecDeque;

use super::placement::move_to;
use crate::clock::Clock;
use crate::item::{Item, Wall};
use crate::limits::SOUND_CLOCK_STEP;

/// Settings of the clock that are remembered: an item is kept within a minute of its recording.
const REMEMBERED: usize = 16;

/// The last frame of a clip is over a moment after it was taken, and so may be the clip when it is kept.
const SLACK_US: i64 = 1_000_000;

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Microseconds since the machine was started, `CLOCK_BOOTTIME`.
    pub uptime_us: i64,
    /// What has to be added to that for wall-clock time, in microseconds.
    pub offset_us: i64,
    /// Whether the wall clock is right.
    pub is_set: bool,
}

impl Reading {
    /// Of this machine's clocks, now.
    pub fn of(clock: &dyn Clock) -> Self {
        Self {
            uptime_us: clock.boottime().as_micros() as i64,
            offset_us: clock.wall_minus_boottime().as_micros() as i64,
            is_set: clock.is_set(),
        }
    }
}

/// A time in which the wall clock ran on without being set.
#[derive(Debug, Clone, Copy)]
struct Era {
    /// Not before this uptime, and not after `until_us`. Where one ends and the next begins was not seen: they overlap.
    from_us: i64,
    until_us: i64,
    offset_us: i64,
}

/// What the wall clock said during this run, oldest first.
#[derive(Debug, Default)]
pub struct WallHistory {
    eras: VecDeque<Era>,
    /// The era in which the clock was first right.
    set: Option<Era>,
}

impl WallHistory {
    /// Takes note of the clocks. A clock that has been right stays so: it runs on when the network is gone.
    pub fn observe(&mut self, now: Reading) {
        let Reading { uptime_us, offset_us, is_set } = now;
        let most = SOUND_CLOCK_STEP.as_micros() as u64;
        let seen_us = self.eras.back_mut().map(|era| std::mem::replace(&mut era.until_us, uptime_us));
        if self.eras.back().is_none_or(|era| offset_us.abs_diff(era.offset_us) > most) {
            self.eras.push_back(Era { from_us: seen_us.unwrap_or(i64::MIN), until_us: uptime_us, offset_us });
        }
        if self.eras.len() > REMEMBERED {
            self.eras.pop_front();
        }
        if is_set && self.set.is_none() {
            self.set = self.eras.back().copied();
        }
    }

    /// What has to be added to the uptime for the true time, once that is known.
    pub fn true_offset_us(&self) -> Option<i64> {
        self.set.map(|era| era.offset_us)
    }

    /// An item as the wall clock had it, with the times that are true if that is known; the uptime at its start; and
    /// what its times are worth.
    pub fn place(&self, item: Item) -> (Item, i64, Wall) {
        let end_us = item.end().as_microsecond();
        let fits = |era: &&Era| {
            let uptime_us = end_us.saturating_sub(era.offset_us);
            (era.from_us..=era.until_us.saturating_add(SLACK_US)).contains(&uptime_us)
        };
        let era = self.eras.iter().rev().find(fits).or(self.eras.back()).copied();
        let Some(era) = era else { return (item, 0, Wall::Provisional) };
        let uptime_us = item.start().as_microsecond().saturating_sub(era.offset_us);
        match self.set {
            Some(set) if era.from_us < set.from_us => (move_to(item, uptime_us, set.offset_us), uptime_us, Wall::Known),
            Some(_) => (item, uptime_us, Wall::Known),
            None => (item, uptime_us, Wall::Provisional),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    /// What a machine without a battery begins with.
    fn stopped() -> Timestamp {
        "2026-11-20T08:00:00Z".parse().expect("a time")
    }

    fn said(end: Timestamp) -> Item {
        let start = end - SignedDuration::from_secs(2);
        Item::Utterance { uid: Uuid::nil(), index: 0, start, end, track_id: "T".into() }
    }

    fn seconds(uptime: Duration) -> i64 {
        uptime.as_micros() as i64
    }

    #[test]
    fn what_is_recorded_before_the_clock_is_set_is_provisional_and_has_its_uptime() {
        let (clock, mut history) = (ManualClock::unset(stopped()), WallHistory::default());
        history.observe(Reading::of(&clock));
        let (item, uptime_us, wall) = history.place(said(clock.now()));
        assert_eq!((item, wall), (said(stopped()), Wall::Provisional));
        assert_eq!(uptime_us, seconds(clock.boottime()) - 2_000_000);
        assert_eq!(history.true_offset_us(), None);
    }

    #[test]
    fn an_item_kept_after_the_clock_was_set_and_recorded_before_has_its_true_times() {
        for step in [86_400 * 30, 2, -3600] {
            let (clock, mut history) = (ManualClock::unset(stopped()), WallHistory::default());
            history.observe(Reading::of(&clock));
            let recorded = said(clock.now());
            clock.advance(Duration::from_millis(200));
            clock.synchronise(SignedDuration::from_secs(step));
            clock.advance(Duration::from_millis(100));
            history.observe(Reading::of(&clock));
            let (item, uptime_us, wall) = history.place(recorded);
            assert_eq!((item, wall), (said(stopped() + SignedDuration::from_secs(step)), Wall::Known), "{step}");
            assert_eq!(uptime_us, seconds(clock.boottime()) - 2_300_000, "{step}");

            clock.advance(Duration::from_secs(5));
            history.observe(Reading::of(&clock));
            let (item, uptime_us, wall) = history.place(said(clock.now()));
            assert_eq!((item, wall), (said(clock.now()), Wall::Known), "{step}");
            assert_eq!(uptime_us, seconds(clock.boottime()) - 2_000_000, "{step}");
        }
    }

    #[test]
    fn a_person_who_sets_a_right_clock_is_believed() {
        let (clock, mut history) = (ManualClock::at(stopped()), WallHistory::default());
        history.observe(Reading::of(&clock));
        clock.advance(Duration::from_secs(10));
        let before = said(clock.now());
        clock.step(SignedDuration::from_hours(1));
        history.observe(Reading::of(&clock));
        assert_eq!(history.place(before.clone()).0, before);
        assert_eq!(history.place(said(clock.now())).0, said(clock.now()));
    }

    #[test]
    fn a_recorded_file_that_counts_as_having_ended_now_keeps_its_times() {
        let (clock, mut history) = (ManualClock::at(stopped()), WallHistory::default());
        history.observe(Reading::of(&clock));
        let long_ago = said(clock.now() - SignedDuration::from_hours(9));
        let (item, uptime_us, wall) = history.place(long_ago.clone());
        assert_eq!((item, wall), (long_ago, Wall::Known));
        assert!(uptime_us < 0);
    }
}
