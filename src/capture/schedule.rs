//! Where clips begin and end, and which frames become pictures. PURE.
//!
//! Clips start on wall-clock multiples of their length, which divides a minute, so none crosses one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::timeline::Timeline;
use crate::clock::signed;

/// The number of the stretch of `length_s` seconds that a time lies in, counted from 1970.
fn slot(time: Timestamp, length_s: u32) -> i64 {
    time.as_nanosecond().div_euclid(i128::from(length_s) * 1_000_000_000) as i64
}

/// Says, before the encoder, which frames must be key frames.
#[derive(Debug)]
pub struct KeyFrames {
    length_s: u32,
    last: Option<(i64, Duration)>,
}

impl KeyFrames {
    /// For clips of this length.
    pub fn every(length_s: u32) -> Self {
        Self { length_s, last: None }
    }

    /// Whether a clip has to begin with this frame. Called once a frame, in order.
    pub fn wanted(&mut self, running: Duration, timeline: &Timeline) -> bool {
        let now = slot(timeline.wall(running), self.length_s);
        let before = self.last.replace((now, running));
        before.is_some_and(|(slot, earlier)| slot != now || timeline.stepped(earlier, running))
    }
}

/// What to do with an encoded frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// End the clip that is open, if one is, and begin another with this frame.
    Begin,
    /// It belongs to the open clip.
    Continue,
    /// No clip is open, and none can begin without a key frame.
    Skip,
}

/// Says, behind the encoder, where clips begin.
#[derive(Debug)]
pub struct Clips {
    length_s: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    slot: i64,
    started: Duration,
}

impl Clips {
    /// Of this length.
    pub fn of(length_s: u32) -> Self {
        Self { length_s, open: None }
    }

    /// Decides for the next encoded frame.
    pub fn on_frame(&mut self, running: Duration, is_key: bool, timeline: &Timeline) -> Cut {
        let slot = slot(timeline.wall(running), self.length_s);
        match self.open {
            Some(open) if !is_key || (open.slot == slot && !timeline.stepped(open.started, running)) => Cut::Continue,
            None if !is_key => Cut::Skip,
            Some(_) | None => {
                self.open = Some(Open { slot, started: running });
                Cut::Begin
            }
        }
    }

    /// The times of a clip that began at running time `from` and whose last frame lasted from `last` until `until`. The last frame
    /// of a stretch is over a moment after it; the clip still ends with the stretch, or it would cross the minute. Where the
    /// encoder has lost the key frame that was asked for, the clip goes on into the next stretch, and ends where it ends.
    pub fn bounds(
        &self,
        from: Duration,
        last: Duration,
        until: Duration,
        timeline: &Timeline,
    ) -> (Timestamp, Timestamp) {
        let start = timeline.wall(from);
        let length = i128::from(self.length_s) * 1_000_000_000;
        let stretch_end = (i128::from(slot(start, self.length_s)) + 1) * length;
        let end = start + signed(until.saturating_sub(from));
        let stretch_end = Timestamp::from_nanosecond(stretch_end).unwrap_or(end);
        let goes_on = slot(timeline.wall(last), self.length_s) != slot(start, self.length_s);
        (start, if goes_on { end } else { end.min(stretch_end) })
    }
}

/// Says which frames become pictures: the first of every interval.
#[derive(Debug)]
pub struct Pictures {
    interval_s: u32,
    last: Option<i64>,
}

impl Pictures {
    /// One every so many seconds.
    pub fn every(interval_s: u32) -> Self {
        Self { interval_s, last: None }
    }

    /// Whether this frame is to be a picture. Called once a frame, in order. One that is not good is passed over for the next.
    pub fn wanted(&mut self, taken: Timestamp, is_good: impl FnOnce() -> bool) -> bool {
        let now = slot(taken, self.interval_s);
        let is_wanted = self.last != Some(now) && is_good();
        if is_wanted {
            self.last = Some(now);
        }
        is_wanted
    }
}

/// A frame's length where the source does not give one.
pub fn frame_length(frame_rate: u32) -> Duration {
    Duration::from_secs(1) / frame_rate.max(1)
}

/// The start of a recorded file that ends now: played without pacing, nothing of it may lie in the future.
pub fn ending_at(now: Timestamp, length: Duration) -> Timestamp {
    let start = now.checked_sub(signed(length)).unwrap_or(now);
    start - SignedDuration::from_nanos(i64::from(start.subsec_nanosecond() % 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 13.35 s past a minute.
    const EPOCH: Timestamp = Timestamp::constant(1_800_000_013, 350_000_000);

    /// Runs `frames` frames at 24 a second; key frames where wanted and every second.
    fn record(frames: u32, timeline: impl FnMut(Duration, &mut Timeline)) -> Vec<(Timestamp, Timestamp)> {
        record_losing(frames, |_| false, timeline)
    }

    /// The same by an encoder that loses the key frames it is asked for at these times.
    fn record_losing(
        frames: u32,
        loses: impl Fn(Timestamp) -> bool,
        mut timeline: impl FnMut(Duration, &mut Timeline),
    ) -> Vec<(Timestamp, Timestamp)> {
        let mut line = Timeline::starting_at(EPOCH);
        let (mut keys, mut clips) = (KeyFrames::every(20), Clips::of(20));
        let (mut bounds, mut begun): (Vec<_>, Option<Duration>) = (Vec::new(), None);
        let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
        for frame in 0..frames {
            now = frame_length(24) * frame;
            timeline(now, &mut line);
            let is_key = keys.wanted(now, &line) && !loses(line.wall(now)) || frame % 24 == 0;
            if clips.on_frame(now, is_key, &line) == Cut::Begin {
                bounds.extend(begun.replace(now).map(|from| clips.bounds(from, last, now, &line)));
            }
            last = now;
        }
        bounds.extend(begun.map(|from| clips.bounds(from, last, now + frame_length(24), &line)));
        bounds
    }

    fn second(time: Timestamp) -> f64 {
        time.duration_since(Timestamp::constant(1_800_000_000, 0)).as_secs_f64()
    }

    #[test]
    fn clips_start_on_multiples_of_their_length_and_never_cross_a_minute() {
        let bounds = record(24 * 100, |_, _| {});
        let starts: Vec<f64> = bounds.iter().map(|(start, _)| second(*start)).collect();
        assert_eq!(starts[0], 13.35);
        for (start, multiple) in starts[1..].iter().zip([20.0, 40.0, 60.0, 80.0, 100.0]) {
            assert!((0.0..=1.0 / 24.0).contains(&(start - multiple)), "{starts:?}");
        }
        for (start, end) in &bounds {
            assert!(slot(*start, 60) == slot(*end - SignedDuration::from_nanos(1), 60), "{start} {end}");
        }
    }

    #[test]
    fn a_clip_whose_end_the_encoder_has_lost_says_where_it_really_ends() {
        let bounds = record_losing(24 * 60, |time| second(time) < 21.0, |_, _| {});
        // Key frames come each second of running time: the next is 0.35 s later.
        assert!((second(bounds[0].1) - 20.35).abs() < 0.05, "{bounds:?}");
        assert_eq!(bounds[0].1, bounds[1].0, "and the next begins there");
        assert_eq!(second(bounds[1].1), 40.0);
    }

    #[test]
    fn a_clock_that_steps_ends_the_clip_and_begins_another() {
        let step = SignedDuration::from_secs(3600);
        let bounds = record(24 * 6, |now, line| {
            if now >= Duration::from_secs(3) {
                line.observe(now, EPOCH + step);
            }
        });
        assert_eq!(bounds.len(), 2, "{bounds:?}");
        assert!((second(bounds[0].1) - 16.35).abs() < 0.05, "{bounds:?}");
        assert!((second(bounds[1].0) - 3616.35).abs() < 0.05, "{bounds:?}");
    }

    #[test]
    fn nothing_begins_without_a_key_frame() {
        let line = Timeline::starting_at(EPOCH);
        let mut clips = Clips::of(20);
        assert_eq!(clips.on_frame(Duration::ZERO, false, &line), Cut::Skip);
        assert_eq!(clips.on_frame(Duration::from_millis(42), true, &line), Cut::Begin);
        assert_eq!(clips.on_frame(Duration::from_millis(83), false, &line), Cut::Continue);
    }

    #[test]
    fn a_frame_that_is_broken_is_passed_over_for_the_next_of_its_second() {
        let mut pictures = Pictures::every(1);
        let at = |ms| EPOCH + SignedDuration::from_millis(ms);
        assert!(!pictures.wanted(at(0), || false));
        assert!(pictures.wanted(at(40), || true));
        assert!(!pictures.wanted(at(80), || panic!("it is not asked for")));
    }

    #[test]
    fn every_second_has_one_picture() {
        let mut pictures = Pictures::every(1);
        let taken: Vec<i64> = (0..24 * 60)
            .map(|frame| EPOCH + signed(frame_length(24) * frame))
            .filter(|time| pictures.wanted(*time, || true))
            .map(Timestamp::as_second)
            .collect();
        assert_eq!(taken, (0..61).map(|s| EPOCH.as_second() + s).collect::<Vec<_>>()[..taken.len()]);
        assert_eq!(taken.len(), 61);
    }
}
