//! Cuts sound into utterances, by its energy and by a detector of voices. PURE: positions are sample numbers, no clock is read.
//!
//! ```text
//!            a loud window                      pause passed: Utterance, if enough of it was loud
//!   Quiet ───────────────────> Speaking ──────────────────────────────────────────────────> Quiet
//!   (keeps the lead-in)          │   ^
//!                                └───┘ longest length reached: Utterance, and the next begins at that very sample
//! ```

mod follower;
mod hearing;
mod judge;
mod meter;
mod noise;
mod overheard;
mod sample_clock;
mod voice;
mod windows;

use std::collections::VecDeque;

pub use hearing::{Heard, Hearing, SoundChunk};
pub use judge::suitable_fixed_rms;
pub use meter::{Meter, Reading};
pub use overheard::Overheard;
pub use sample_clock::{Continuity, SampleClock};
pub use windows::Windows;

use crate::limits::{SAMPLE_RATE_HZ, SPEECH_NOTICED_MS, WINDOW_SAMPLES};
use judge::{Judge, MOST_ONSET_WINDOWS, Window};

/// From which level on sound is loud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// When the RMS of its 16-bit samples is at least this; nothing changes it.
    Fixed(f32),
    /// When it stands out from the background, which is followed.
    Auto,
}

/// Voices further away keep an utterance open for this much longer than the pause.
const ASIDE_MS: u32 = 300;

/// What the segmenter makes of the newest window: for a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauge {
    /// RMS of its samples; in [`Threshold::Auto`] of the speech band alone.
    pub level: f32,
    /// The background in the same measure, where it is followed.
    pub floor: Option<f32>,
    /// The level from which on it would be loud now.
    pub threshold: f32,
    /// The probability that somebody speaks, where the detector of voices is asked.
    pub voice: Option<f32>,
}

/// How sound is cut. Lengths in milliseconds of sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// From which level on a window is loud.
    pub threshold: Threshold,
    /// Quiet for this long ends an utterance.
    pub pause_ms: u32,
    /// What is kept from before the first loud window: words begin softly.
    pub lead_in_ms: u32,
    /// What is kept from after the last loud window, at most the pause: words end softly.
    pub tail_ms: u32,
    /// With less loud sound than this it was a click, not an utterance.
    pub shortest_ms: u32,
    /// The longest an utterance may be, lead-in and tail included.
    pub timeout_ms: u32,
}

/// One utterance, by the sound's own bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// The number of its first sample, counted from the start of the recording.
    pub start: u64,
    /// 16 kHz mono.
    pub samples: Vec<i16>,
    /// The number of the sample at which it was known to have ended.
    pub decided: u64,
}

impl Utterance {
    /// The number of the sample after its last.
    pub fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }
}

/// Root mean square of 16-bit samples: 0 for silence, 32768 at most.
pub fn rms(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: u64 = samples.iter().map(|s| u64::from(s.unsigned_abs()).pow(2)).sum();
    (sum as f64 / samples.len() as f64).sqrt() as f32
}

/// The state machine. Feed it windows of [`WINDOW_SAMPLES`]; [`Windows`] makes them of any chunks.
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    judge: Judge,
    /// Samples seen so far.
    position: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Quiet(Quiet),
    Speaking(Speech),
}

/// The newest samples since the last utterance: the lead-in, and the run of loud windows that may become speech.
#[derive(Debug)]
struct Quiet {
    samples: VecDeque<i16>,
    /// So many of the newest windows may be the beginning of speech.
    onset: usize,
}

impl Quiet {
    /// Quiet that follows `heard`, with room for all it will hold.
    fn after(heard: &[i16], settings: &Settings) -> Self {
        let lead_in = samples_in(settings.lead_in_ms);
        // A window is added before another goes.
        let mut samples = VecDeque::with_capacity(lead_in + (MOST_ONSET_WINDOWS + 1) * WINDOW_SAMPLES);
        samples.extend(&heard[heard.len().saturating_sub(lead_in)..]);
        Self { samples, onset: 0 }
    }
}

#[derive(Debug)]
struct Speech {
    start: u64,
    samples: Vec<i16>,
    /// How many of `samples` there were after the last loud window.
    until_loud: usize,
    /// And after the last window with somebody else's voice.
    until_aside: usize,
    loud_samples: usize,
    /// How much of it has to be loud for it to be kept.
    least_loud: usize,
}

impl Segmenter {
    /// A segmenter that has heard nothing yet.
    pub fn new(settings: Settings) -> Self {
        let judge = Judge::new(settings.threshold);
        let state = State::Quiet(Quiet::after(&[], &settings));
        Self { settings, judge, position: 0, state }
    }

    /// Hears one window. At most one utterance ends in it.
    pub fn push(&mut self, window: &[i16]) -> Option<Utterance> {
        debug_assert_eq!(window.len(), WINDOW_SAMPLES);
        self.position += window.len() as u64;
        match &mut self.state {
            State::Quiet(quiet) => {
                quiet.samples.extend(window);
                let onset = self.judge.begins(window);
                quiet.onset = onset.windows;
                let kept = samples_in(self.settings.lead_in_ms) + onset.windows * WINDOW_SAMPLES;
                quiet.samples.drain(..quiet.samples.len().saturating_sub(kept));
                if !onset.begins {
                    return None;
                }
                let loud_samples = onset.windows * WINDOW_SAMPLES;
                // All at once what the utterance may need: nothing is allocated while it goes on.
                let mut samples = Vec::with_capacity(samples_in(self.settings.timeout_ms) + kept + WINDOW_SAMPLES);
                samples.extend(quiet.samples.drain(..));
                self.judge.begin();
                self.state = State::Speaking(Speech {
                    start: self.position - samples.len() as u64,
                    until_loud: samples.len(),
                    until_aside: 0,
                    loud_samples,
                    least_loud: samples_in(self.settings.shortest_ms),
                    samples,
                });
            }
            State::Speaking(speech) => {
                speech.samples.extend_from_slice(window);
                match self.judge.goes_on(window) {
                    Window::Speech => {
                        speech.until_loud = speech.samples.len();
                        speech.loud_samples += window.len();
                    }
                    Window::Aside => speech.until_aside = speech.samples.len(),
                    Window::Nothing => {}
                }
            }
        }
        self.close_if_over()
    }

    fn close_if_over(&mut self) -> Option<Utterance> {
        let State::Speaking(speech) = &mut self.state else { return None };
        let longest = samples_in(self.settings.timeout_ms);
        let pause = samples_in(self.settings.pause_ms);
        let quiet = speech.samples.len() - speech.until_loud.max(speech.until_aside);
        if quiet >= pause || speech.samples.len() - speech.until_loud >= pause + samples_in(ASIDE_MS) {
            if quiet < pause {
                // Whoever speaks aside does not keep the utterance open for ever; they may begin one of their own.
                speech.until_aside = 0;
                self.judge.leave_aside();
            }
            return self.close();
        }
        if speech.samples.len() < longest {
            return None;
        }
        // Still speaking: the next utterance begins at the very sample at which this one has to end.
        let rest = speech.samples.split_off(longest);
        let next = Speech {
            start: speech.start + longest as u64,
            until_loud: rest.len(),
            until_aside: 0,
            loud_samples: 0,
            // What follows is no click, however short it is.
            least_loud: 1,
            samples: rest,
        };
        let full = std::mem::replace(speech, next);
        self.utterance(full)
    }

    /// The recording ends, or has a gap: what is being said ends here.
    pub fn flush(&mut self) -> Option<Utterance> {
        self.close()
    }

    /// What comes next does not follow on what was heard: positions count from 0 again. The room is still known.
    pub fn start_over(&mut self) {
        self.position = 0;
        self.state = State::Quiet(Quiet::after(&[], &self.settings));
    }

    fn close(&mut self) -> Option<Utterance> {
        let State::Speaking(speech) = &self.state else { return None };
        let end =
            (speech.until_loud.max(speech.until_aside) + samples_in(self.settings.tail_ms)).min(speech.samples.len());
        let quiet = Quiet::after(&speech.samples[end..], &self.settings);
        let State::Speaking(mut speech) = std::mem::replace(&mut self.state, State::Quiet(quiet)) else { return None };
        speech.samples.truncate(end);
        self.utterance(speech)
    }

    fn utterance(&self, speech: Speech) -> Option<Utterance> {
        let is_speech = speech.loud_samples >= speech.least_loud && self.judge.was_speech();
        is_speech.then_some(Utterance { start: speech.start, samples: speech.samples, decided: self.position })
    }

    /// How many samples may be waited for at once: nothing is decided sooner, or it may be told that late. While nobody
    /// speaks, the first loud window is told of in time even if all of them came behind it.
    pub fn patience(&self) -> usize {
        match &self.state {
            State::Quiet(Quiet { onset: 0, .. }) => samples_in(SPEECH_NOTICED_MS) - WINDOW_SAMPLES,
            State::Quiet(_) => 0,
            State::Speaking(Speech { samples, until_loud, .. }) => {
                let until_pause = until_loud + samples_in(self.settings.pause_ms);
                until_pause.min(samples_in(self.settings.timeout_ms)).saturating_sub(samples.len())
            }
        }
    }

    /// Whether someone is being recorded speaking.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    /// The number of the first sample of what is being said, and its samples so far.
    pub fn being_said(&self) -> Option<(u64, &[i16])> {
        match &self.state {
            State::Speaking(speech) => Some((speech.start, &speech.samples)),
            State::Quiet(_) => None,
        }
    }

    /// What is made of the newest window.
    pub fn gauge(&self) -> Gauge {
        self.judge.gauge()
    }
}

/// Milliseconds of sound as samples.
fn samples_in(ms: u32) -> usize {
    ms as usize * SAMPLE_RATE_HZ as usize / 1000
}

/// Finds the utterances of a whole recording, exactly as the live path would.
pub fn segment_all(settings: Settings, recording: &[i16]) -> Vec<Utterance> {
    let mut segmenter = Segmenter::new(settings);
    let mut found = Vec::new();
    Windows::default().feed(recording, |window| found.extend(segmenter.push(window)));
    found.extend(segmenter.flush());
    found
}

#[cfg(test)]
pub(crate) mod tests;
