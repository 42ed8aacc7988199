//! Which run a clip or a picture belongs to. PURE: new ids are passed in.
//!
//! The API names what was seen by the second alone (api-contract, "What the consumers need" 5 and 6). A second that comes
//! twice, because the clock was set back or a camera came back within it, would overwrite what was recorded in it
//! before: it begins a run of its own.

use jiff::Timestamp;
use uuid::Uuid;

/// The run of what is being seen.
#[derive(Debug, Clone)]
pub struct Run {
    uid: Uuid,
    last_clip_s: Option<i64>,
    last_picture_s: Option<i64>,
}

impl Run {
    /// A run that nothing has been seen in.
    pub fn new(uid: Uuid) -> Self {
        Self { uid, last_clip_s: None, last_picture_s: None }
    }

    /// The run of a clip that begins at `start`.
    pub fn of_clip(&mut self, start: Timestamp, fresh: impl FnOnce() -> Uuid) -> Uuid {
        let second = start.as_second();
        if self.last_clip_s.is_some_and(|last| second <= last) {
            *self = Self::new(fresh());
        }
        self.last_clip_s = Some(second);
        self.uid
    }

    /// The run of a picture.
    pub fn of_picture(&mut self, taken: Timestamp, fresh: impl FnOnce() -> Uuid) -> Uuid {
        let second = taken.as_second();
        if self.last_picture_s.is_some_and(|last| second <= last) {
            *self = Self::new(fresh());
        }
        self.last_picture_s = Some(second);
        self.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, ms: i32) -> Timestamp {
        Timestamp::new(1_800_000_000 + second, ms * 1_000_000).expect("in range")
    }

    /// Numbers the runs: the first is 0.
    fn runs_of(starts: &[Timestamp]) -> Vec<u128> {
        let (mut run, mut next) = (Run::new(Uuid::from_u128(0)), 0);
        let mut fresh = || {
            next += 1;
            Uuid::from_u128(next)
        };
        starts.iter().map(|start| run.of_clip(*start, &mut fresh).as_u128()).collect()
    }

    #[test]
    fn clips_one_after_the_other_belong_to_one_run() {
        assert_eq!(runs_of(&[at(13, 350), at(20, 8), at(40, 12), at(60, 3)]), [0, 0, 0, 0]);
    }

    #[test]
    fn two_clips_that_begin_in_the_same_second_share_no_name() {
        assert_eq!(runs_of(&[at(20, 0), at(20, 800), at(40, 0)]), [0, 1, 1]);
    }

    #[test]
    fn a_clock_that_is_set_back_begins_a_run_and_set_forward_does_not() {
        assert_eq!(runs_of(&[at(900, 0), at(920, 0), at(5, 0), at(20, 0), at(7_200, 0)]), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_picture_that_comes_twice_in_a_second_begins_a_run_for_clips_too() {
        let mut run = Run::new(Uuid::from_u128(0));
        let fresh = || Uuid::from_u128(1);
        assert_eq!(run.of_picture(at(30, 10), fresh).as_u128(), 0);
        assert_eq!(run.of_picture(at(30, 900), fresh).as_u128(), 1);
        assert_eq!(run.of_clip(at(40, 0), fresh).as_u128(), 1);
    }
}
