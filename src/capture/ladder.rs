//! What is tried, in order, when a pipeline is in trouble. PURE.
//!
//! ```text
//!                      gave no frame: copy
//!   Preferred, shared ────────────────────> Preferred, copied
//!       │  ^                                    │  ^   trouble of the encoder: built anew, once in ten minutes
//!       └──┼────────────────┬───────────────────┘  │
//!          │                v  again               │
//!          │             Reduced                   │
//!          │                v  again               │
//!          │           PicturesOnly                │
//!          └──ten minutes later, from either of them┘
//! ```
//!
//! That there is no encoder is a trouble of the encoder, too.

use std::time::Duration;

use super::vitals::Trouble;
use crate::limits::{ENCODER_STEADY, PREFERRED_RETRY};

/// How frames get from the camera into the hardware encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The encoder reads them where the camera wrote them.
    Shared,
    /// They are copied: some drivers refuse to share.
    Copied,
}

/// What is tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// The best encoder there is, as it was configured.
    Preferred {
        /// How frames get into it, if it is hardware.
        memory: Memory,
        /// It was in trouble not long ago, and was built anew.
        rebuilt: bool,
    },
    /// An encoder in software, at a rate that this machine can hold.
    Reduced {
        /// It was in trouble not long ago, and was built anew.
        rebuilt: bool,
    },
    /// None: there are no clips, and the pictures go on.
    PicturesOnly,
}

/// What to do about a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Tell it, and try again when some time has passed: it takes a person, or the camera to come back.
    TellAndWait,
    /// Try again at once.
    Rebuild,
}

/// The rungs, from the best down. Times are monotonic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    rung: Rung,
    /// On a lower rung: when the preferred one is tried again, and how frames got into it.
    climbs: Option<(Duration, Memory)>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { rung: Rung::Preferred { memory: Memory::Shared, rebuilt: false }, climbs: None }
    }
}

impl Ladder {
    /// What is to be tried now.
    pub fn rung(&mut self, now: Duration) -> Rung {
        if let Some((_, memory)) = self.climbs.take_if(|(at, _)| now >= *at) {
            self.rung = Rung::Preferred { memory, rebuilt: true };
        }
        self.rung
    }

    /// Whether there are pictures alone.
    pub fn is_without_clips(&self) -> bool {
        self.rung == Rung::PicturesOnly
    }

    /// When the preferred encoder is tried again; none while it is the one in use.
    pub fn climbs_at(&self) -> Option<Duration> {
        self.climbs.map(|(at, _)| at)
    }

    /// Whether the preferred encoder is to be tried again now.
    pub fn climbs(&self, now: Duration) -> bool {
        self.climbs_at().is_some_and(|at| now >= at)
    }

    /// Decides what to do about a trouble, after a pipeline gave frames for `ran`; `None`: it gave none.
    /// `shared`: the encoder was to read the camera's own buffers.
    pub fn after(&mut self, trouble: &Trouble, ran: Option<Duration>, shared: bool, now: Duration) -> Remedy {
        let was_well = ran >= Some(ENCODER_STEADY);
        let (rung, remedy) = match (self.rung, trouble) {
            // A driver that refuses to share says so by giving nothing; often it is the camera that reports it.
            (Rung::Preferred { rebuilt, .. }, _) if ran.is_none() && shared => {
                (Rung::Preferred { memory: Memory::Copied, rebuilt }, Remedy::Rebuild)
            }
            // It gave nothing either way: nothing was learnt about sharing.
            (Rung::Preferred { rebuilt, .. }, Trouble::Camera(_)) if ran.is_none() => {
                (Rung::Preferred { memory: Memory::Shared, rebuilt }, Remedy::TellAndWait)
            }
            (rung, Trouble::Camera(_)) => (rung, Remedy::TellAndWait),
            (Rung::Preferred { memory, rebuilt }, Trouble::Encoder(_)) if was_well || !rebuilt => {
                (Rung::Preferred { memory, rebuilt: true }, Remedy::Rebuild)
            }
            (Rung::Preferred { memory, .. }, Trouble::Encoder(_)) => {
                self.climbs = Some((now + PREFERRED_RETRY, memory));
                (Rung::Reduced { rebuilt: false }, Remedy::Rebuild)
            }
            (Rung::Reduced { rebuilt }, Trouble::Encoder(_)) if was_well || !rebuilt => {
                (Rung::Reduced { rebuilt: true }, Remedy::Rebuild)
            }
            (Rung::Reduced { .. }, Trouble::Encoder(_)) => (Rung::PicturesOnly, Remedy::Rebuild),
            (Rung::PicturesOnly, Trouble::Encoder(_)) => (Rung::PicturesOnly, Remedy::TellAndWait),
        };
        self.rung = rung;
        remedy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5_000);
    const A_MINUTE: Option<Duration> = Some(Duration::from_secs(60));
    const HOURS: Option<Duration> = Some(Duration::from_secs(20_000));

    fn stalled() -> Trouble {
        Trouble::Encoder("stalled".into())
    }

    fn unplugged() -> Trouble {
        Trouble::Camera("unplugged".into())
    }

    #[test]
    fn an_encoder_is_rebuilt_then_replaced_and_then_done_without() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.after(&stalled(), HOURS, true, NOW), Remedy::Rebuild);
        assert_eq!(ladder.rung(NOW), Rung::Preferred { memory: Memory::Shared, rebuilt: true });
        assert_eq!(ladder.after(&stalled(), A_MINUTE, true, NOW), Remedy::Rebuild);
        assert_eq!(ladder.rung(NOW), Rung::Reduced { rebuilt: false });
        assert_eq!(ladder.after(&stalled(), A_MINUTE, false, NOW), Remedy::Rebuild);
        assert_eq!(ladder.rung(NOW), Rung::Reduced { rebuilt: true }, "one trouble in ten minutes may pass");
        assert_eq!(ladder.after(&stalled(), None, false, NOW), Remedy::Rebuild);
        assert_eq!(ladder.rung(NOW), Rung::PicturesOnly);
        assert_eq!(ladder.after(&unplugged(), A_MINUTE, false, NOW), Remedy::TellAndWait);
        assert_eq!(ladder.rung(NOW), Rung::PicturesOnly);
    }

    #[test]
    fn from_each_lower_rung_the_preferred_encoder_is_tried_again_for_ever() {
        let mut ladder = Ladder::default();
        let mut now = NOW;
        assert_eq!(ladder.climbs_at(), None);
        ladder.after(&stalled(), A_MINUTE, true, now);
        for lower in [Rung::Reduced { rebuilt: false }, Rung::PicturesOnly].into_iter().cycle().take(100) {
            ladder.after(&stalled(), None, false, now);
            if lower == Rung::PicturesOnly {
                for _ in 0..2 {
                    ladder.after(&stalled(), None, false, now);
                }
            }
            assert_eq!(ladder.rung(now), lower);
            let at = ladder.climbs_at().expect("it climbs");
            assert_eq!(at, now + PREFERRED_RETRY);
            assert_eq!(ladder.rung(at - Duration::from_secs(1)), lower);
            assert_eq!(ladder.rung(at), Rung::Preferred { memory: Memory::Shared, rebuilt: true });
            assert_eq!(ladder.climbs_at(), None);
            now = at;
        }
        // This time it works, and later trouble finds it as at the start.
        assert_eq!(ladder.after(&stalled(), HOURS, false, now), Remedy::Rebuild);
        assert!(matches!(ladder.rung(now), Rung::Preferred { .. }));
    }

    #[test]
    fn a_stall_every_few_hours_never_costs_the_hardware() {
        let mut ladder = Ladder::default();
        for _ in 0..100 {
            assert_eq!(ladder.after(&stalled(), HOURS, true, NOW), Remedy::Rebuild);
            assert!(matches!(ladder.rung(NOW), Rung::Preferred { .. }));
        }
    }

    #[test]
    fn a_camera_that_is_missing_is_waited_for_and_costs_the_encoder_nothing() {
        let mut ladder = Ladder::default();
        for _ in 0..100 {
            assert_eq!(ladder.after(&unplugged(), A_MINUTE, true, NOW), Remedy::TellAndWait);
        }
        assert_eq!(ladder, Ladder::default());
    }

    #[test]
    fn frames_are_copied_where_sharing_them_gives_none() {
        for trouble in [stalled(), unplugged()] {
            let mut ladder = Ladder::default();
            assert_eq!(ladder.after(&trouble, None, true, NOW), Remedy::Rebuild);
            let copied = Rung::Preferred { memory: Memory::Copied, rebuilt: false };
            assert_eq!(ladder.rung(NOW), copied);
            assert_eq!(ladder.after(&unplugged(), A_MINUTE, false, NOW), Remedy::TellAndWait);
            assert_eq!(ladder.rung(NOW), copied, "copying has worked");
        }
    }

    #[test]
    fn a_busy_camera_says_nothing_about_sharing() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.after(&unplugged(), None, true, NOW), Remedy::Rebuild);
        assert_eq!(ladder.after(&unplugged(), None, false, NOW), Remedy::TellAndWait);
        assert_eq!(ladder, Ladder::default());
    }
}
