//! Two witnesses of speech: energy, which wakes and bounds, and a detector of voices. PURE.

use super::noise::{Noise, SpeechBand, decibels, rms_of};
use super::voice::Voice;
use super::{Gauge, judge::Window};

/// Sound stands out from the middle of the background by this much, and from its upper end by that.
const ABOVE_FLOOR_DB: f32 = 6.0;
const ABOVE_CREST_DB: f32 = 3.0;
/// What stands out half as much is reason enough to ask the detector.
const ASK_ABOVE_FLOOR_DB: f32 = 4.0;
const ASK_ABOVE_CREST_DB: f32 = 2.0;
/// Below an RMS of 3 there is nothing but the microphone's own noise.
const LEAST_THRESHOLD_DB: f32 = 9.0;
/// Once someone speaks, softer sounds belong to it, down to just above the upper end of the background.
const HYSTERESIS_DB: f32 = 3.0;
const SOFTEST_ABOVE_CREST_DB: f32 = 1.0;
/// And a voice only while it stands out: the detector hears it for some 130 ms after its end. This counts where the voice is
/// this much louder than the background; in more noise the detector knows better.
const VOICE_ABOVE_FLOOR_DB: f32 = 2.0;
const CLEARLY_LOUDER_DB: f32 = 14.0;
/// What lies further below the loudest of an utterance is background.
const BELOW_PEAK_DB: f32 = 30.0;
/// A voice that lies further below it is somebody else's, further away, or a television's.
const ASIDE_BELOW_PEAK_DB: f32 = 20.0;
/// Those that were left aside once do not keep another utterance open, of somebody who is nearer by this.
const NEARER_DB: f32 = 12.0;
const ABOVE_OTHERS_DB: f32 = 3.0;
/// The loudest is forgotten at 1.5 dB a second: people turn away while they speak. A television stays: 0.1 dB.
const PEAK_FALL_DB: f32 = 0.015;
const OTHERS_FALL_DB: f32 = 0.001;

/// With this answer of the detector somebody has begun to speak; with that they go on.
const BEGIN: f32 = 0.4;
const GO_ON: f32 = 0.25;
/// With this they go on if it is loud, too, for longer than a knock: a laugh, a word that the detector hardly knows.
const PERHAPS: f32 = 0.1;
const BURST_WINDOWS: usize = 7;
/// An utterance has to have this mean over 160 ms once. Less loses no word but lets music in, more loses short words.
const LEAST_VOICE: f32 = 0.75;

/// Reasons to ask with less than this between them are one.
const GAP_WINDOWS: usize = 40;
/// Two windows may be loud by chance.
const CHANCE_WINDOWS: usize = 2;

/// How far a window is taken for background: surely while there is no reason to ask, else by the detector's answers,
/// smoothed over some 300 ms. What has this is no background at all.
const LEARN_QUIET: f32 = 1.0;
const SMOOTH_ANSWER: f32 = 0.1;
const SURELY_VOICE: f32 = 0.6;

/// Sound that stays within this range for a second and a half is a machine. It is smoothed over some 30 ms, since the
/// windows of a deep rumble differ among themselves.
const FLAT_WINDOWS: usize = 150;
const FLAT_RANGE_DB: f32 = 7.0;
const SMOOTH: f32 = 0.3;
/// It is then learnt as if it had been heard three times as long.
const LEARN_FLAT: f32 = 3.0;
/// The level of a voice is the middle of the newest 120 ms: a knock is shorter.
const VOICE_WINDOWS: usize = 12;

/// A step of the detector completes at most this many windows.
const STEP_WINDOWS: usize = 4;

/// What follows the room.
#[derive(Debug)]
pub(super) struct Follower {
    band: SpeechBand,
    noise: Noise,
    voice: Voice,
    level_db: f32,
    threshold_db: f32,
    /// The detector's newest five answers, 160 ms, and all of them smoothed.
    answers: [f32; 5],
    smooth_answer: f32,
    /// Levels of the windows that it has not answered for.
    unanswered_db: [f32; STEP_WINDOWS],
    unanswered: usize,
    /// Windows for which there has been a reason to ask it, and since the newest one.
    reason: usize,
    since_reason: usize,
    since_voice: usize,
    /// The newest second and a half, smoothed.
    recent_db: [f32; FLAT_WINDOWS],
    smooth_rms: f32,
    heard: usize,
    /// The loudest voice of late, and the loudest that was left aside.
    peak_db: f32,
    others_db: f32,
    /// Of the utterance that is going on, made anew with each.
    speech: Speech,
}

#[derive(Debug, Default)]
struct Speech {
    loud_run: usize,
    /// The highest mean of five answers.
    voice: f32,
    /// The loudest of the voices since somebody spoke last.
    aside_db: f32,
}

/// What is known of the background.
#[derive(Debug, Clone, Copy)]
struct Background {
    floor_db: f32,
    crest_db: f32,
}

/// The level that stands out from the background by so much. As long as nothing is known of it, everything does.
fn standing_out(background: Option<Background>, above_floor_db: f32, above_crest_db: f32) -> f32 {
    background.map_or(LEAST_THRESHOLD_DB, |known| {
        (known.floor_db + above_floor_db).max(known.crest_db + above_crest_db).max(LEAST_THRESHOLD_DB)
    })
}

impl Follower {
    pub(super) fn new() -> Self {
        Self {
            band: SpeechBand::default(),
            noise: Noise::default(),
            voice: Voice::new(),
            level_db: 0.0,
            threshold_db: LEAST_THRESHOLD_DB,
            answers: [0.0; 5],
            smooth_answer: 0.0,
            unanswered_db: [0.0; STEP_WINDOWS],
            unanswered: 0,
            reason: 0,
            since_reason: 0,
            since_voice: GAP_WINDOWS,
            recent_db: [0.0; FLAT_WINDOWS],
            smooth_rms: 0.0,
            heard: 0,
            peak_db: 0.0,
            others_db: 0.0,
            speech: Speech::default(),
        }
    }

    fn hear(&mut self, window: &[i16]) {
        self.level_db = self.band.level_db(window);
        self.smooth_rms += SMOOTH * (rms_of(self.level_db) - self.smooth_rms);
        self.recent_db[self.heard % FLAT_WINDOWS] = decibels(self.smooth_rms);
        self.heard += 1;
        self.peak_db -= PEAK_FALL_DB;
        self.others_db -= OTHERS_FALL_DB;
        self.since_voice += 1;
        if !self.voice.is_awake() {
            self.voice.hear(window, self.level_db);
            self.noise.learn(&[self.level_db], LEARN_QUIET);
        } else {
            self.unanswered_db[self.unanswered % STEP_WINDOWS] = self.level_db;
            self.unanswered += 1;
            if let Some(answer) = self.voice.hear(window, self.level_db) {
                self.answered(answer);
                let weight = (1.0 - answer.max(self.smooth_answer) / SURELY_VOICE).max(0.0);
                let unanswered = std::mem::take(&mut self.unanswered).min(STEP_WINDOWS);
                self.noise.learn(&self.unanswered_db[..unanswered], weight);
            }
        }
        self.learn_a_machine();
    }

    fn answered(&mut self, answer: f32) {
        self.answers.rotate_left(1);
        self.answers[4] = answer;
        self.smooth_answer += SMOOTH_ANSWER * (answer - self.smooth_answer);
        self.speech.voice = self.speech.voice.max(self.answers.iter().sum::<f32>() / 5.0);
        if answer >= GO_ON {
            self.since_voice = 0;
        }
        if answer >= BEGIN {
            self.peak_db = self.peak_db.max(self.voice_db());
        }
    }

    /// How loud the voice is that is being heard.
    fn voice_db(&self) -> f32 {
        let mut newest: [f32; VOICE_WINDOWS] =
            std::array::from_fn(|n| self.recent_db[(self.heard + FLAT_WINDOWS - 1 - n) % FLAT_WINDOWS]);
        newest.sort_unstable_by(f32::total_cmp);
        newest[VOICE_WINDOWS / 2]
    }

    /// The middle of the background and its upper end, once they are known.
    fn background(&self) -> Option<Background> {
        self.noise.is_known().then(|| Background { floor_db: self.noise.floor_db(), crest_db: self.noise.crest_db() })
    }

    /// Hears a window while nobody speaks: whether speech begins, and how many windows there has been reason to think so.
    pub(super) fn begins(&mut self, window: &[i16]) -> (bool, usize) {
        self.hear(window);
        let background = self.background();
        self.threshold_db = standing_out(background, ABOVE_FLOOR_DB, ABOVE_CREST_DB);
        let is_reason = self.level_db >= standing_out(background, ASK_ABOVE_FLOOR_DB, ASK_ABOVE_CREST_DB);
        self.since_reason = if is_reason { 0 } else { self.since_reason + 1 };
        let is_over = self.since_reason >= GAP_WINDOWS && self.since_voice >= GAP_WINDOWS;
        self.reason = if is_over { 0 } else { self.reason + 1 };
        if self.voice.is_awake() {
            if is_over && background.is_some() {
                self.voice.sleep();
            }
        } else if self.reason > CHANCE_WINDOWS {
            self.ask_again();
        }
        let is_voice = self.voice.is_awake() && self.answers[4] >= BEGIN;
        (is_voice, self.reason)
    }

    fn ask_again(&mut self) {
        let mut answers = self.answers;
        self.voice.wake(|answer| {
            answers.rotate_left(1);
            answers[4] = answer;
        });
        self.answers = answers;
        self.unanswered = 0;
        if answers[4] >= GO_ON {
            self.since_voice = 0;
        }
    }

    /// Speech begins with the windows just heard.
    pub(super) fn begin(&mut self) {
        self.reason = 0;
        self.peak_db = self.voice_db();
        self.speech = Speech::default();
    }

    /// Hears a window while someone speaks.
    pub(super) fn goes_on(&mut self, window: &[i16]) -> Window {
        self.hear(window);
        let background = self.background();
        let softest = standing_out(background, ABOVE_FLOOR_DB - HYSTERESIS_DB, SOFTEST_ABOVE_CREST_DB);
        let others_db = if self.peak_db >= self.others_db + NEARER_DB { self.others_db + ABOVE_OTHERS_DB } else { 0.0 };
        let nearest = (self.peak_db - BELOW_PEAK_DB).max(others_db);
        self.threshold_db = softest.max(nearest);
        let is_loud = self.level_db >= self.threshold_db;
        let is_aside = self.voice_db() < self.peak_db - ASIDE_BELOW_PEAK_DB;
        let answer = self.answers[4];
        let is_voice = answer >= GO_ON && self.level_db >= nearest.max(self.least_voice_db(background));
        let speech = &mut self.speech;
        speech.loud_run = if is_loud { speech.loud_run + 1 } else { 0 };
        let belongs = answer >= PERHAPS && speech.loud_run >= BURST_WINDOWS;
        if answer >= GO_ON && (is_aside || !is_voice && !belongs) {
            speech.aside_db = speech.aside_db.max(self.level_db);
        }
        if is_voice && is_aside {
            Window::Aside
        } else if is_voice || belongs {
            speech.aside_db = 0.0;
            Window::Speech
        } else {
            Window::Nothing
        }
    }

    /// The level from which on a voice is heard beside the background.
    fn least_voice_db(&self, background: Option<Background>) -> f32 {
        background.map_or(0.0, |known| (known.floor_db + VOICE_ABOVE_FLOOR_DB).min(self.peak_db - CLEARLY_LOUDER_DB))
    }

    /// The utterance ends although voices are heard: they are left aside.
    pub(super) fn leave_aside(&mut self) {
        self.others_db = self.others_db.max(self.speech.aside_db);
    }

    /// Whether what is now over was speech.
    pub(super) fn was_speech(&self) -> bool {
        self.speech.voice >= LEAST_VOICE
    }

    pub(super) fn gauge(&self) -> Gauge {
        Gauge {
            level: rms_of(self.level_db),
            floor: Some(rms_of(self.noise.floor_db())),
            threshold: rms_of(self.threshold_db),
            voice: self.voice.is_awake().then_some(self.answers[4]),
        }
    }

    /// A machine that was switched on would be asked about for ever; one that was switched off would leave a threshold that
    /// soft speech does not reach.
    fn learn_a_machine(&mut self) {
        if !self.heard.is_multiple_of(FLAT_WINDOWS / 4) || self.heard < FLAT_WINDOWS {
            return;
        }
        let mut levels = self.recent_db;
        let edge = FLAT_WINDOWS / 20;
        levels.sort_unstable_by(f32::total_cmp);
        if levels[FLAT_WINDOWS - 1 - edge] - levels[0] < FLAT_RANGE_DB {
            let weight = LEARN_FLAT * (1.0 - self.smooth_answer / SURELY_VOICE).max(0.0);
            self.noise.learn(&self.recent_db, weight);
        }
    }
}
