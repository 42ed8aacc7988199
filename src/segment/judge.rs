//! Whether a window is loud, and whether what was loud was speech. PURE.

use super::follower::Follower;
use super::noise::{decibels, rms_of};
use super::{Gauge, Threshold, rms};

/// A fixed threshold does not follow the room and hears the hum, too: it needs more distance.
const FIXED_ABOVE_BACKGROUND_DB: f32 = 9.0;
/// In a silent room breathing and cloth are no speech: an RMS of 40.
const LEAST_FIXED_DB: f32 = 32.0;

/// Judges windows one after the other.
#[derive(Debug)]
pub(super) enum Judge {
    Fixed { threshold_rms: f32, level_rms: f32 },
    Auto(Box<Follower>),
}

/// What is made of a window while nobody speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Onset {
    /// Somebody has begun to speak.
    pub(super) begins: bool,
    /// So many windows, this one among them, may be the beginning of speech.
    pub(super) windows: usize,
}

/// What is made of a window while somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    Speech,
    /// A voice so far below the loudest of the utterance that it is somebody else's, further away.
    Aside,
    Nothing,
}

/// Of what may be the beginning of speech no more is kept: a second and a half.
pub(super) const MOST_ONSET_WINDOWS: usize = 150;

impl Judge {
    pub(super) fn new(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Fixed(threshold_rms) => Self::Fixed { threshold_rms, level_rms: 0.0 },
            Threshold::Auto => Self::Auto(Box::new(Follower::new())),
        }
    }

    /// Hears a window while nobody speaks.
    pub(super) fn begins(&mut self, window: &[i16]) -> Onset {
        match self {
            Self::Fixed { threshold_rms, level_rms } => {
                *level_rms = rms(window);
                let begins = *level_rms >= *threshold_rms;
                Onset { begins, windows: usize::from(begins) }
            }
            Self::Auto(follower) => {
                let (begins, windows) = follower.begins(window);
                Onset { begins, windows: windows.min(MOST_ONSET_WINDOWS) }
            }
        }
    }

    /// Speech begins with the windows just heard.
    pub(super) fn begin(&mut self) {
        if let Self::Auto(follower) = self {
            follower.begin();
        }
    }

    /// Hears a window while someone speaks.
    pub(super) fn goes_on(&mut self, window: &[i16]) -> Window {
        match self {
            Self::Fixed { .. } => {
                if self.begins(window).begins {
                    Window::Speech
                } else {
                    Window::Nothing
                }
            }
            Self::Auto(follower) => follower.goes_on(window),
        }
    }

    /// The utterance ends although voices are heard: they are left aside.
    pub(super) fn leave_aside(&mut self) {
        if let Self::Auto(follower) = self {
            follower.leave_aside();
        }
    }

    /// Whether what is now over was speech.
    pub(super) fn was_speech(&self) -> bool {
        match self {
            Self::Fixed { .. } => true,
            Self::Auto(follower) => follower.was_speech(),
        }
    }

    pub(super) fn gauge(&self) -> Gauge {
        match self {
            Self::Fixed { threshold_rms, level_rms } => {
                Gauge { level: *level_rms, floor: None, threshold: *threshold_rms, voice: None }
            }
            Self::Auto(follower) => follower.gauge(),
        }
    }
}

/// The fixed threshold that would suit a room whose background has this RMS, over all frequencies.
pub fn suitable_fixed_rms(background_rms: f32) -> f32 {
    rms_of((decibels(background_rms) + FIXED_ABOVE_BACKGROUND_DB).max(LEAST_FIXED_DB))
}
