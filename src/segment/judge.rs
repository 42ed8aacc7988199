//! Whether a window is loud, and whether what was loud was speech. PURE.

use super::noise::{Histogram, Noise, SpeechBand, decibels, rms_of};
use super::{Gauge, Threshold, rms};

/// Speech stands out from the middle of the background by this much, and from its upper end by that.
const ABOVE_FLOOR_DB: f32 = 6.0;
const ABOVE_CREST_DB: f32 = 3.0;
/// A fixed threshold does not follow the room and hears the hum, too: it needs more distance.
const FIXED_ABOVE_BACKGROUND_DB: f32 = 9.0;
/// In a silent room breathing and cloth are no speech: an RMS of 40.
const LEAST_THRESHOLD_DB: f32 = 32.0;
/// Once someone speaks, softer sounds belong to it, down to just above the upper end of the background.
const HYSTERESIS_DB: f32 = 3.0;
const SOFTEST_ABOVE_CREST_DB: f32 = 1.0;
/// What lies further below the loudest of an utterance is background, or someone else further away.
const BELOW_PEAK_DB: f32 = 30.0;
/// The loudest is forgotten at 3 dB a second: people turn away while they speak.
const PEAK_FALL_DB: f32 = 0.03;

/// A knock or a click is over within 60 ms; the vowel of a short word lasts longer than 110.
const SUSTAINED_WINDOWS: usize = 11;
/// Before anything is known of a room, a quarter of a second is listened to.
const FIRST_WINDOWS: usize = 25;
/// Speech that goes on is loud for 70 ms at least; shorter bursts count only close behind it, as the end of "eight".
const BURST_WINDOWS: usize = 7;
const CLOSE_WINDOWS: usize = 8;

/// How far a window is taken for background: surely, when it may be the first of a word, and during speech.
const LEARN_QUIET: f32 = 1.0;
const LEARN_ONSET: f32 = 0.2;
const LEARN_SPEECH: f32 = 0.03;
/// And hardly at all what is near to the loudest of it: a speech of half a minute would become its own background.
const LEARN_NEAR_PEAK: f32 = 0.01;
const NEAR_PEAK_DB: f32 = 10.0;
/// And a loud burst in a pause of it.
const LEARN_BURST: f32 = 0.25;
/// After this much quiet within an utterance it is surely background again.
const QUIET_AGAIN_WINDOWS: usize = 15;

/// Sound that stays within this range for a second and a half is a machine, not a person: speech has gaps. It is
/// smoothed over some 30 ms, since the windows of a deep rumble differ among themselves.
const FLAT_WINDOWS: usize = 150;
const FLAT_RANGE_DB: f32 = 7.0;
const SMOOTH: f32 = 0.3;
/// It is then learnt as if it had been heard three times as long.
const LEARN_FLAT: f32 = 3.0;

/// Judges windows one after the other.
#[derive(Debug, Clone)]
pub(super) enum Judge {
    Fixed { threshold_rms: f32, level_rms: f32 },
    Auto(Box<Follower>),
}

/// What follows the background.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    band: SpeechBand,
    noise: Noise,
    level_db: f32,
    threshold_db: f32,
    /// The newest second and a half, smoothed, to tell a machine by.
    recent_db: [f32; FLAT_WINDOWS],
    smooth_rms: f32,
    heard: usize,
    /// Of the utterance that is going on, made anew with each.
    speech: Speech,
}

#[derive(Debug, Clone)]
struct Speech {
    peak_db: f32,
    loud_run: usize,
    since_loud: usize,
    levels: Histogram,
}

impl Speech {
    const fn new(peak_db: f32) -> Self {
        Self { peak_db, loud_run: SUSTAINED_WINDOWS, since_loud: 0, levels: Histogram::empty() }
    }
}

impl Judge {
    pub(super) fn new(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Fixed(threshold_rms) => Self::Fixed { threshold_rms, level_rms: 0.0 },
            Threshold::Auto => Self::Auto(Box::new(Follower {
                band: SpeechBand::default(),
                noise: Noise::default(),
                level_db: 0.0,
                threshold_db: LEAST_THRESHOLD_DB,
                recent_db: [0.0; FLAT_WINDOWS],
                smooth_rms: 0.0,
                heard: 0,
                speech: Speech::new(0.0),
            })),
        }
    }

    /// How many windows in a row have to be loud for speech to begin; one may be missing among several.
    pub(super) fn sustained_windows(&self) -> usize {
        match self {
            Self::Fixed { .. } => 1,
            Self::Auto(_) => SUSTAINED_WINDOWS,
        }
    }

    /// Hears a window while nobody speaks. `in_run`: the one before was loud.
    pub(super) fn is_loud(&mut self, window: &[i16], in_run: bool) -> bool {
        match self {
            Self::Fixed { threshold_rms, level_rms } => {
                *level_rms = rms(window);
                *level_rms >= *threshold_rms
            }
            Self::Auto(follower) => follower.is_loud(window, in_run),
        }
    }

    /// Speech begins with the windows just heard.
    pub(super) fn begin(&mut self) {
        if let Self::Auto(follower) = self {
            follower.speech = Speech::new(follower.level_db);
        }
    }

    /// Hears a window while someone speaks: whether they go on.
    pub(super) fn goes_on(&mut self, window: &[i16]) -> bool {
        match self {
            Self::Fixed { .. } => self.is_loud(window, true),
            Self::Auto(follower) => follower.goes_on(window),
        }
    }

    /// Whether what is now over was speech: it rises and falls, as machines do not.
    pub(super) fn was_speech(&self) -> bool {
        match self {
            Self::Fixed { .. } => true,
            Self::Auto(follower) => {
                let levels = &follower.speech.levels;
                levels.quantile_db(0.9) - levels.quantile_db(0.1) >= FLAT_RANGE_DB
            }
        }
    }

    pub(super) fn gauge(&self) -> Gauge {
        match self {
            Self::Fixed { threshold_rms, level_rms } => {
                Gauge { level: *level_rms, floor: None, threshold: *threshold_rms }
            }
            Self::Auto(follower) => Gauge {
                level: rms_of(follower.level_db),
                floor: Some(rms_of(follower.noise.floor_db())),
                threshold: rms_of(follower.threshold_db),
            },
        }
    }
}

impl Follower {
    fn hear(&mut self, window: &[i16]) {
        self.level_db = self.band.level_db(window);
        self.smooth_rms += SMOOTH * (rms_of(self.level_db) - self.smooth_rms);
        self.recent_db[self.heard % FLAT_WINDOWS] = decibels(self.smooth_rms);
        self.heard += 1;
        let stands_out = (self.noise.floor_db() + ABOVE_FLOOR_DB).max(self.noise.crest_db() + ABOVE_CREST_DB);
        self.threshold_db = stands_out.max(LEAST_THRESHOLD_DB);
    }

    fn is_loud(&mut self, window: &[i16], in_run: bool) -> bool {
        self.hear(window);
        let loud = self.level_db >= self.threshold_db && self.heard > FIRST_WINDOWS;
        self.noise.learn(self.level_db, if loud || in_run { LEARN_ONSET } else { LEARN_QUIET });
        self.learn_a_machine();
        loud
    }

    fn goes_on(&mut self, window: &[i16]) -> bool {
        self.hear(window);
        let speech = &mut self.speech;
        speech.peak_db = self.level_db.max(speech.peak_db - PEAK_FALL_DB);
        let softer = (self.threshold_db - HYSTERESIS_DB).max(self.noise.crest_db() + SOFTEST_ABOVE_CREST_DB);
        self.threshold_db = softer.max(speech.peak_db - BELOW_PEAK_DB);
        let loud = self.level_db >= self.threshold_db;
        speech.loud_run = if loud { speech.loud_run + 1 } else { 0 };
        let goes_on = loud && (speech.loud_run >= BURST_WINDOWS || speech.since_loud < CLOSE_WINDOWS);
        speech.since_loud = if goes_on { 0 } else { speech.since_loud + 1 };
        let is_pause = speech.since_loud >= QUIET_AGAIN_WINDOWS;
        if !is_pause {
            speech.levels.add(self.level_db, 1.0);
        }
        let weight = match (is_pause, loud) {
            (true, false) => LEARN_QUIET,
            // The first of a word, as often as not: learnt in full, words would make their own background.
            (true, true) => LEARN_BURST,
            (false, _) if self.level_db < speech.peak_db - NEAR_PEAK_DB => LEARN_SPEECH,
            (false, _) => LEARN_NEAR_PEAK,
        };
        self.noise.learn(self.level_db, weight);
        self.learn_a_machine();
        goes_on
    }

    /// A machine that was switched on would hold the utterance open for ever; one that was switched off would leave a
    /// threshold that soft speech does not reach.
    fn learn_a_machine(&mut self) {
        if !self.heard.is_multiple_of(FLAT_WINDOWS / 4) || self.heard < FLAT_WINDOWS {
            return;
        }
        let mut levels = self.recent_db;
        let edge = FLAT_WINDOWS / 20;
        levels.sort_unstable_by(f32::total_cmp);
        if levels[FLAT_WINDOWS - 1 - edge] - levels[0] < FLAT_RANGE_DB {
            self.noise.learn_all(&self.recent_db, LEARN_FLAT);
        }
    }
}

/// The fixed threshold that would suit a room whose background has this RMS, over all frequencies.
pub fn suitable_fixed_rms(background_rms: f32) -> f32 {
    rms_of((decibels(background_rms) + FIXED_ABOVE_BACKGROUND_DB).max(LEAST_THRESHOLD_DB))
}
