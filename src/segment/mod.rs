//! Cuts sound into utterances by its energy. PURE: positions are sample numbers, no clock is read.
//!
//! ```text
//!            a loud window                      pause passed: Utterance, if enough of it was loud
//!   Quiet ───────────────────> Speaking ──────────────────────────────────────────────────> Quiet
//!   (keeps the lead-in)          │   ^
//!                                └───┘ longest length reached: Utterance, and the next begins at that very sample
//! ```

mod hearing;
mod judge;
mod meter;
mod noise;
mod sample_clock;
mod windows;

use std::collections::VecDeque;

pub use hearing::{Heard, Hearing, SoundChunk};
pub use judge::suitable_fixed_rms;
pub use meter::{Meter, Reading};
pub use sample_clock::{Continuity, SampleClock};
pub use windows::Windows;

use crate::limits::{SAMPLE_RATE_HZ, SPEECH_NOTICED_MS, WINDOW_SAMPLES};
use judge::Judge;

/// From which level on sound is loud.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// When the RMS of its 16-bit samples is at least this; nothing changes it.
    Fixed(f32),
    /// When it stands out from the background, which is followed.
    Auto,
}

/// What the segmenter makes of the newest window: for a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauge {
    /// RMS of its samples; in [`Threshold::Auto`] of the speech band alone.
    pub level: f32,
    /// The background in the same measure, where it is followed.
    pub floor: Option<f32>,
    /// The level from which on it would be loud now.
    pub threshold: f32,
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
    /// Windows since the run began, 0 if the last two were not loud.
    run: usize,
    was_loud: bool,
}

impl Quiet {
    /// Quiet that follows `heard`, with room for all it will hold.
    fn after(heard: &[i16], settings: &Settings, judge: &Judge) -> Self {
        let lead_in = samples_in(settings.lead_in_ms);
        // A run may be one window longer than it needs to be, and a window is added before another goes.
        let mut samples = VecDeque::with_capacity(lead_in + (judge.sustained_windows() + 2) * WINDOW_SAMPLES);
        samples.extend(&heard[heard.len().saturating_sub(lead_in)..]);
        Self { samples, run: 0, was_loud: false }
    }
}

#[derive(Debug)]
struct Speech {
    start: u64,
    samples: Vec<i16>,
    /// How many of `samples` there were after the last loud window.
    until_loud: usize,
    loud_samples: usize,
    /// How much of it has to be loud for it to be kept.
    least_loud: usize,
}

impl Segmenter {
    /// A segmenter that has heard nothing yet.
    pub fn new(settings: Settings) -> Self {
        let judge = Judge::new(settings.threshold);
        let state = State::Quiet(Quiet::after(&[], &settings, &judge));
        Self { settings, judge, position: 0, state }
    }

    /// Hears one window. At most one utterance ends in it.
    pub fn push(&mut self, window: &[i16]) -> Option<Utterance> {
        debug_assert_eq!(window.len(), WINDOW_SAMPLES);
        self.position += window.len() as u64;
        match &mut self.state {
            State::Quiet(quiet) => {
                quiet.samples.extend(window);
                let loud = self.judge.is_loud(window, quiet.run > 0);
                // One window may be missing in a run, two may not.
                quiet.run = if loud || (quiet.run > 0 && quiet.was_loud) { quiet.run + 1 } else { 0 };
                quiet.was_loud = loud;
                let kept = samples_in(self.settings.lead_in_ms) + quiet.run * WINDOW_SAMPLES;
                quiet.samples.drain(..quiet.samples.len().saturating_sub(kept));
                if !loud || quiet.run < self.judge.sustained_windows() {
                    return None;
                }
                let loud_samples = quiet.run * WINDOW_SAMPLES;
                // All at once what the utterance may need: nothing is allocated while it goes on.
                let mut samples = Vec::with_capacity(samples_in(self.settings.timeout_ms) + kept + WINDOW_SAMPLES);
                samples.extend(quiet.samples.drain(..));
                self.judge.begin();
                self.state = State::Speaking(Speech {
                    start: self.position - samples.len() as u64,
                    until_loud: samples.len(),
                    loud_samples,
                    least_loud: samples_in(self.settings.shortest_ms),
                    samples,
                });
            }
            State::Speaking(speech) => {
                speech.samples.extend_from_slice(window);
                if self.judge.goes_on(window) {
                    speech.until_loud = speech.samples.len();
                    speech.loud_samples += window.len();
                }
            }
        }
        self.close_if_over()
    }

    fn close_if_over(&mut self) -> Option<Utterance> {
        let State::Speaking(speech) = &mut self.state else { return None };
        let longest = samples_in(self.settings.timeout_ms);
        if speech.samples.len() - speech.until_loud >= samples_in(self.settings.pause_ms) {
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
        self.state = State::Quiet(Quiet::after(&[], &self.settings, &self.judge));
    }

    fn close(&mut self) -> Option<Utterance> {
        let State::Speaking(speech) = &self.state else { return None };
        let end = (speech.until_loud + samples_in(self.settings.tail_ms)).min(speech.samples.len());
        let quiet = Quiet::after(&speech.samples[end..], &self.settings, &self.judge);
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
            State::Quiet(Quiet { run: 0, .. }) => samples_in(SPEECH_NOTICED_MS) - WINDOW_SAMPLES,
            State::Quiet(quiet) => self.judge.sustained_windows().saturating_sub(quiet.run) * WINDOW_SAMPLES,
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES};

    pub(super) const SETTINGS: Settings = Settings {
        threshold: Threshold::Fixed(1000.0),
        pause_ms: 700,
        lead_in_ms: 300,
        tail_ms: 200,
        shortest_ms: 60,
        timeout_ms: 3000,
    };

    /// Stretches of (milliseconds, amplitude) of a square wave, whose RMS is its amplitude.
    fn sound(stretches: &[(u32, i16)]) -> Vec<i16> {
        let stretch = |&(ms, amplitude): &(u32, i16)| {
            (0..samples_in(ms)).map(move |i| if i % 40 < 20 { amplitude } else { -amplitude })
        };
        stretches.iter().flat_map(stretch).collect()
    }

    fn bounds_ms(found: &[Utterance]) -> Vec<(u64, u64)> {
        found.iter().map(|u| (u.start / 16, u.end() / 16)).collect()
    }

    #[test]
    fn an_utterance_has_its_lead_in_and_ends_after_the_pause() {
        let found = segment_all(SETTINGS, &sound(&[(1000, 10), (500, 5000), (2000, 10)]));
        assert_eq!(bounds_ms(&found), [(700, 1700)]);
        assert_eq!(found[0].decided / 16, 1500 + 700);
    }

    #[test]
    fn the_samples_are_those_of_its_bounds() {
        let recording = sound(&[(1000, 10), (500, 5000), (1000, 20), (500, 4000), (800, 10)]);
        for utterance in segment_all(SETTINGS, &recording) {
            assert_eq!(utterance.samples, recording[utterance.start as usize..utterance.end() as usize]);
        }
    }

    #[test]
    fn a_breath_shorter_than_the_pause_does_not_end_it() {
        let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000), (600, 10), (400, 5000), (1000, 10)]));
        assert_eq!(bounds_ms(&found), [(200, 2100)]);
    }

    #[test]
    fn a_click_is_no_utterance() {
        assert_eq!(segment_all(SETTINGS, &sound(&[(1000, 10), (20, 20000), (2000, 10)])), []);
    }

    #[test]
    fn speech_beyond_the_limit_goes_on_in_the_next_utterance_without_a_gap() {
        let found = segment_all(SETTINGS, &sound(&[(500, 10), (7000, 5000), (1000, 10)]));
        assert_eq!(bounds_ms(&found), [(200, 3200), (3200, 6200), (6200, 7700)]);
    }

    #[test]
    fn the_last_sound_of_speech_beyond_the_limit_is_kept_however_short() {
        let found = segment_all(SETTINGS, &sound(&[(500, 10), (2720, 5000), (1000, 10)]));
        assert_eq!(bounds_ms(&found), [(200, 3200), (3200, 3420)]);
    }

    #[test]
    fn what_follows_at_once_is_not_in_two_utterances() {
        let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000), (720, 10), (400, 5000), (900, 10)]));
        assert_eq!(bounds_ms(&found), [(200, 1100), (1320, 2220)]);
    }

    #[test]
    fn a_recording_that_ends_in_a_word_keeps_it() {
        let found = segment_all(SETTINGS, &sound(&[(500, 10), (400, 5000)]));
        assert_eq!(bounds_ms(&found), [(200, 900)]);
    }

    #[test]
    fn the_loudest_sound_does_not_overflow() {
        assert_eq!(rms(&[i16::MIN; 160]), 32768.0);
    }

    const AUTO: Settings = Settings { threshold: Threshold::Auto, lead_in_ms: 500, tail_ms: 400, ..SETTINGS };

    /// Syllables of 150 ms with gaps of 80 ms between them, over a hiss of this amplitude.
    fn speech_over(hiss: i16, before_ms: u32, speech_ms: u32, after_ms: u32, loudness: i16) -> Vec<i16> {
        let mut chance = 12345u32;
        (0..samples_in(before_ms + speech_ms + after_ms))
            .map(|at| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (chance >> 16) as i16 % (hiss + 1);
                let ms = at as u32 / 16;
                let spoken = (before_ms..before_ms + speech_ms).contains(&ms) && (ms - before_ms) % 230 < 150;
                let voice = if at % 40 < 20 { loudness } else { -loudness };
                if spoken { noise + voice } else { noise }
            })
            .collect()
    }

    #[test]
    fn following_the_room_finds_the_same_utterance_in_silence_and_beside_a_fan() {
        for hiss in [10, 100, 1000] {
            let found = segment_all(AUTO, &speech_over(hiss, 3000, 1500, 2000, 8000));
            assert_eq!(found.len(), 1, "hiss {hiss}");
            let (start, end) = (found[0].start / 16, found[0].end() / 16);
            assert!((2490..=2510).contains(&start) && (4890..=4920).contains(&end), "hiss {hiss}: {start} to {end}");
            assert!(found[0].decided / 16 <= 4500 + 700 + 50, "decided at {}", found[0].decided / 16);
        }
    }

    #[test]
    fn a_long_speech_does_not_become_its_own_background() {
        let settings = Settings { timeout_ms: 30_000, ..AUTO };
        let found = segment_all(settings, &speech_over(20, 2000, 25_000, 2000, 8000));
        assert_eq!(found.len(), 1, "{:?}", bounds_ms(&found));
        assert!(found[0].end() / 16 >= 27_000);
    }

    #[test]
    fn knocks_and_a_machine_that_is_switched_on_are_no_utterances() {
        let knocks: Vec<(u32, i16)> = (0..8).flat_map(|_| [(900, 10), (60, 15_000)]).collect();
        assert_eq!(segment_all(AUTO, &sound(&knocks)), []);
        assert_eq!(segment_all(AUTO, &sound(&[(3000, 10), (8000, 600), (3000, 10)])), []);
    }

    #[test]
    fn three_seconds_after_a_fan_was_switched_off_the_threshold_is_that_of_the_quiet_room() {
        let threshold_after = |recording: &[i16]| {
            let mut segmenter = Segmenter::new(AUTO);
            Windows::default().feed(recording, |window| drop(segmenter.push(window)));
            segmenter.gauge().threshold
        };
        let (fan, quiet) = (speech_over(2000, 30_000, 0, 0, 0), speech_over(20, 3000, 0, 0, 0));
        assert!(threshold_after(&fan) > 20.0 * threshold_after(&quiet));
        let switched_off = threshold_after(&[fan, quiet.clone()].concat());
        assert!(switched_off <= 1.5 * threshold_after(&quiet), "{switched_off}");
    }

    #[test]
    fn speech_is_noticed_within_150_ms_of_its_first_sound() {
        for (settings, quiet_ms) in [SETTINGS, AUTO].into_iter().flat_map(|s| (2000..2100).map(move |ms| (s, ms))) {
            let recording = speech_over(20, quiet_ms, 1000, 0, 8000);
            let (mut segmenter, mut windows) = (Segmenter::new(settings), Windows::default());
            let mut heard = 0;
            while !segmenter.is_speaking() {
                let wait = segmenter.patience().clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES);
                windows.feed(&recording[heard..heard + wait], |window| drop(segmenter.push(window)));
                heard += wait;
            }
            let noticed_ms = heard as u32 / 16 - quiet_ms;
            assert!(noticed_ms <= SPEECH_NOTICED_MS, "{settings:?}: after {noticed_ms} ms");
        }
    }

    proptest! {
        #[test]
        fn any_chunks_give_the_same_utterances(
            stretches in prop::collection::vec((1u32..1500, prop::sample::select(vec![0i16, 900, 1100, 8000])), 1..12),
            chunks in prop::collection::vec(1usize..4000, 1..40),
            settings in prop::sample::select(vec![SETTINGS, AUTO]),
        ) {
            let recording = sound(&stretches);
            let mut segmenter = Segmenter::new(settings);
            let mut windows = Windows::default();
            let (mut found, mut rest, mut sizes) = (Vec::new(), recording.as_slice(), chunks.iter().cycle());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at((*sizes.next().expect("cycles")).min(rest.len()));
                windows.feed(chunk, |window| found.extend(segmenter.push(window)));
                rest = after;
            }
            found.extend(segmenter.flush());
            prop_assert_eq!(found, segment_all(settings, &recording));
        }

        #[test]
        fn whoever_waits_as_long_as_is_allowed_is_told_of_an_utterance_20_ms_late_at_most(
            stretches in prop::collection::vec((1u32..1500, prop::sample::select(vec![0i16, 900, 1100, 8000])), 1..12),
            settings in prop::sample::select(vec![SETTINGS, AUTO]),
        ) {
            let recording = sound(&stretches);
            let mut segmenter = Segmenter::new(settings);
            let mut windows = Windows::default();
            let (mut found, mut at) = (Vec::new(), 0);
            while at < recording.len() {
                let wait = segmenter.patience().clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES);
                let chunk = &recording[at..recording.len().min(at + wait)];
                at += chunk.len();
                windows.feed(chunk, |window| {
                    if let Some(utterance) = segmenter.push(window) {
                        found.push((at as u64, utterance));
                    }
                });
                if let Some((told, utterance)) = found.last() {
                    prop_assert!(told - utterance.decided < CHUNK_SAMPLES as u64);
                }
            }
        }

        #[test]
        fn utterances_never_overlap_and_never_exceed_the_limit(
            recording in prop::collection::vec(any::<i16>(), 0..60_000),
            timeout_ms in 700u32..2000,
            settings in prop::sample::select(vec![SETTINGS, AUTO]),
        ) {
            let found = segment_all(Settings { timeout_ms, ..settings }, &recording);
            for utterance in &found {
                prop_assert!(utterance.samples.len() <= samples_in(timeout_ms));
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].end() <= pair[1].start);
            }
        }
    }
}
