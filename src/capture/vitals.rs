//! Whether a pipeline is alive: frames going in, frames coming out. PURE.

use std::fmt;
use std::time::Duration;

use crate::limits::{ENCODER_STALL, PICTURE_STALL};

/// Why a pipeline gives nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The camera: unplugged, busy, or silent. Nothing but waiting for it helps.
    Camera(String),
    /// What comes behind the camera, and can be built anew.
    Encoder(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(text) | Self::Encoder(text) => f.write_str(text),
        }
    }
}

/// What was seen of a pipeline's frames. Time is that spent waiting for it alone: who was held up elsewhere, by a slow
/// card for one, has learnt nothing of it meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vitals {
    frames_in: u64,
    /// Waited since the last frame went in.
    without_input: Duration,
    /// Waited since the first frame went in that nothing has come out for.
    without_output: Duration,
    unanswered: bool,
}

impl Vitals {
    /// A frame has come out.
    pub fn came_out(&mut self) {
        *self = Self { frames_in: self.frames_in, ..Self::default() };
    }

    /// Nothing has come out for another while; `frames_in` have gone in so far.
    pub fn waited(&mut self, waited: Duration, frames_in: u64) -> Option<Trouble> {
        let went_in = frames_in > self.frames_in;
        self.frames_in = frames_in;
        self.without_input = if went_in { Duration::ZERO } else { self.without_input + waited };
        if self.unanswered {
            self.without_output += waited;
        }
        self.unanswered |= went_in;
        let seconds = |limit: Duration| limit.as_secs();
        if self.without_output >= ENCODER_STALL {
            return Some(Trouble::Encoder(format!("the encoder gives nothing for {} s", seconds(ENCODER_STALL))));
        }
        (self.without_input >= PICTURE_STALL)
            .then(|| Trouble::Camera(format!("no picture for {} s", seconds(PICTURE_STALL))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(250);

    /// Ticks with one more frame going in at each until there is trouble, and how long it took.
    fn waits(vitals: &mut Vitals, frames_a_tick: u64) -> (Trouble, Duration) {
        let mut frames_in = vitals.frames_in;
        (1u32..)
            .find_map(|ticks| {
                frames_in += frames_a_tick;
                vitals.waited(TICK, frames_in).map(|trouble| (trouble, TICK * ticks))
            })
            .expect("trouble at last")
    }

    #[test]
    fn frames_going_in_and_none_coming_out_for_three_seconds_is_the_encoders_trouble() {
        let (trouble, after) = waits(&mut Vitals::default(), 6);
        assert!(matches!(trouble, Trouble::Encoder(_)), "{trouble:?}");
        assert!(after >= ENCODER_STALL && after <= ENCODER_STALL + TICK, "{after:?}");
    }

    #[test]
    fn an_encoder_that_takes_one_frame_and_no_more_has_stalled_and_not_the_camera() {
        let mut vitals = Vitals::default();
        assert_eq!(vitals.waited(TICK, 1), None);
        let (trouble, after) = waits(&mut vitals, 0);
        assert!(matches!(trouble, Trouble::Encoder(_)) && after == ENCODER_STALL, "{trouble:?} {after:?}");
    }

    #[test]
    fn no_frame_from_the_camera_for_five_seconds_is_the_cameras_trouble() {
        let (trouble, after) = waits(&mut Vitals::default(), 0);
        assert_eq!((trouble, after), (Trouble::Camera("no picture for 5 s".into()), PICTURE_STALL));
    }

    #[test]
    fn an_encoder_that_swallows_some_frames_is_well_as_long_as_others_come_out() {
        let mut vitals = Vitals::default();
        for frame in 1..100 {
            assert_eq!(vitals.waited(TICK, frame), None);
            if frame % 8 == 0 {
                vitals.came_out();
            }
        }
    }

    #[test]
    fn a_camera_that_stops_after_its_last_frame_came_out_is_the_one_to_blame() {
        let mut vitals = Vitals::default();
        assert_eq!(vitals.waited(TICK, 24), None);
        vitals.came_out();
        assert!(matches!(waits(&mut vitals, 0).0, Trouble::Camera(_)));
    }
}
