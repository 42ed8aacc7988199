//! From a pipeline's running time to wall-clock time. PURE.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::signed;
use crate::limits::{CLOCK_STEP, PICTURE_CLOCK_WANDER};

/// Corrections that are remembered: frames still inside an encoder are dated by the correction that was in force when
/// they were taken. A clock that is being slewed needs about one in 20 seconds, an encoder holds less than one.
const REMEMBERED: usize = 16;

/// When each frame was taken. Asked twice for the same frame, it gives the same time, so that the decision before the
/// encoder (force a key frame here) and the one behind it (cut here) agree to the nanosecond.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// (running time from which it holds, wall-clock time of running time zero), oldest first, never empty.
    marks: VecDeque<(Duration, Timestamp)>,
}

impl Timeline {
    /// Running time zero was, or counts as, `epoch`.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { marks: VecDeque::from([(Duration::ZERO, epoch)]) }
    }

    /// The clocks say now, at this running time, that running time zero was `epoch`. Small wanderings are taken for
    /// noise; beyond them the time line follows.
    pub fn observe(&mut self, running: Duration, epoch: Timestamp) {
        let newest = self.epoch_at(Duration::MAX);
        if epoch.duration_since(newest).abs() > signed(PICTURE_CLOCK_WANDER) {
            self.marks.push_back((running, epoch));
            if self.marks.len() > REMEMBERED {
                self.marks.pop_front();
            }
        }
    }

    /// The wall-clock time of a frame.
    pub fn wall(&self, running: Duration) -> Timestamp {
        self.epoch_at(running).checked_add(signed(running)).unwrap_or(Timestamp::MAX)
    }

    /// Whether the wall clock was stepped after `earlier`, up to and including `later`.
    pub fn stepped(&self, earlier: Duration, later: Duration) -> bool {
        let change = self.epoch_at(later).duration_since(self.epoch_at(earlier)).abs();
        change > signed(CLOCK_STEP)
    }

    fn epoch_at(&self, running: Duration) -> Timestamp {
        let mark = self.marks.iter().rev().find(|(from, _)| *from <= running).or(self.marks.front());
        mark.map(|(_, epoch)| *epoch).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const EPOCH: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn noise_does_not_move_frames_and_a_step_moves_only_those_after_it() {
        let mut timeline = Timeline::starting_at(EPOCH);
        timeline.observe(ms(1000), EPOCH + SignedDuration::from_millis(3));
        assert_eq!(timeline.wall(ms(2000)), EPOCH + SignedDuration::from_secs(2));

        timeline.observe(ms(3000), EPOCH + SignedDuration::from_secs(100));
        assert_eq!(timeline.wall(ms(2999)), EPOCH + SignedDuration::from_millis(2999));
        assert_eq!(timeline.wall(ms(3000)), EPOCH + SignedDuration::from_secs(103));
        assert!(timeline.stepped(ms(2999), ms(3000)) && !timeline.stepped(ms(3000), ms(4000)));
    }

    #[test]
    fn a_slewed_clock_is_followed_without_ever_counting_as_a_step_within_a_clip() {
        let mut timeline = Timeline::starting_at(EPOCH);
        // 500 parts in a million, the fastest that adjtime(3) slews.
        for frame in 0..20_000u64 {
            let running = ms(frame * 40);
            timeline.observe(running, EPOCH + SignedDuration::from_micros(frame as i64 * 20));
            let off = timeline.wall(running).duration_since(EPOCH + signed(running));
            assert!((off - SignedDuration::from_micros(frame as i64 * 20)).abs() < SignedDuration::from_millis(11));
            assert!(!timeline.stepped(running.saturating_sub(ms(60_000)), running));
        }
    }
}
