//! What is tried, in order, when a pipeline is in trouble. PURE.
//!
//! ```text
//!                      gave no frame: copy
//!   Preferred, shared ────────────────────> Preferred, copied
//!       │                                       │      trouble of the encoder: built anew, once in ten minutes
//!       └───────────────────┬───────────────────┘
//!                           v  again
//!                        Reduced ──again──> told as a fault, and tried again after a while
//! ```

#![warn(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "PURE, below an edge"
)]

use std::time::Duration;

use super::Trouble;
use crate::limits::ENCODER_STEADY;

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
    Reduced,
}

/// What to do about a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Tell it, and try again when some time has passed: it takes a person, or the camera to come back.
    TellAndWait,
    /// Try again at once.
    Rebuild,
}

/// The rungs, from the best down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    rung: Rung,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { rung: Rung::Preferred { memory: Memory::Shared, rebuilt: false } }
    }
}

impl Ladder {
    /// What is to be tried.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// Decides what to do about a trouble, after a pipeline gave frames for `ran`; `None`: it gave none.
    /// `shared`: the encoder was to read the camera's own buffers.
    pub fn after(&mut self, trouble: &Trouble, ran: Option<Duration>, shared: bool) -> Remedy {
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
            (Rung::Preferred { .. }, Trouble::Encoder(_)) => (Rung::Reduced, Remedy::Rebuild),
            (Rung::Reduced, Trouble::Encoder(_)) if was_well => (Rung::Reduced, Remedy::Rebuild),
            (Rung::Reduced, Trouble::Encoder(_)) => (Rung::Reduced, Remedy::TellAndWait),
        };
        self.rung = rung;
        remedy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_MINUTE: Option<Duration> = Some(Duration::from_secs(60));
    const HOURS: Option<Duration> = Some(Duration::from_secs(20_000));

    fn stalled() -> Trouble {
        Trouble::Encoder("stalled".into())
    }

    fn unplugged() -> Trouble {
        Trouble::Camera("unplugged".into())
    }

    #[test]
    fn an_encoder_is_rebuilt_then_replaced_and_then_reported() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.after(&stalled(), HOURS, true), Remedy::Rebuild);
        assert_eq!(ladder.rung(), Rung::Preferred { memory: Memory::Shared, rebuilt: true });
        assert_eq!(ladder.after(&stalled(), A_MINUTE, true), Remedy::Rebuild);
        assert_eq!(ladder.rung(), Rung::Reduced);
        assert_eq!(ladder.after(&stalled(), None, false), Remedy::TellAndWait);
        assert_eq!(ladder.after(&stalled(), A_MINUTE, false), Remedy::TellAndWait);
        assert_eq!(ladder.rung(), Rung::Reduced);
    }

    #[test]
    fn a_stall_every_few_hours_never_costs_the_hardware() {
        let mut ladder = Ladder::default();
        for _ in 0..100 {
            assert_eq!(ladder.after(&stalled(), HOURS, true), Remedy::Rebuild);
            assert!(matches!(ladder.rung(), Rung::Preferred { .. }));
        }
    }

    #[test]
    fn a_camera_that_is_missing_is_waited_for_and_costs_the_encoder_nothing() {
        let mut ladder = Ladder::default();
        for _ in 0..100 {
            assert_eq!(ladder.after(&unplugged(), A_MINUTE, true), Remedy::TellAndWait);
        }
        assert_eq!(ladder, Ladder::default());
    }

    #[test]
    fn frames_are_copied_where_sharing_them_gives_none() {
        for trouble in [stalled(), unplugged()] {
            let mut ladder = Ladder::default();
            assert_eq!(ladder.after(&trouble, None, true), Remedy::Rebuild);
            let copied = Rung::Preferred { memory: Memory::Copied, rebuilt: false };
            assert_eq!(ladder.rung(), copied);
            assert_eq!(ladder.after(&unplugged(), A_MINUTE, false), Remedy::TellAndWait);
            assert_eq!(ladder.rung(), copied, "copying has worked");
        }
    }

    #[test]
    fn a_busy_camera_says_nothing_about_sharing() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.after(&unplugged(), None, true), Remedy::Rebuild);
        assert_eq!(ladder.after(&unplugged(), None, false), Remedy::TellAndWait);
        assert_eq!(ladder, Ladder::default());
    }
}
