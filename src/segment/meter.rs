//! A level meter: how loud a room is, and which fixed threshold would suit it. PURE.

use std::collections::VecDeque;

use super::noise::{Histogram, decibels, rms_of};
use super::{Segmenter, Settings, Threshold, Windows, rms, suitable_fixed_rms};
use crate::limits::ENERGY_THRESHOLD;

/// Words begin softly and are known for speech only after a while: what was heard in the 400 ms before is no background.
const HELD_BACK_WINDOWS: usize = 40;

/// With less background than 100 ms there is nothing to suggest a number by.
const LEAST_WINDOWS: usize = 10;

/// A threshold has to stand above what the background reaches, not above its middle.
const UPPER_END: f32 = 0.9;

/// What a meter shows. Levels are RMS of 16-bit samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The loudest since the reading before; in the speech band alone where the threshold follows the room.
    pub level: f32,
    /// The background in the same measure, once there was any.
    pub floor: Option<f32>,
    /// The level from which on sound is loud.
    pub threshold: f32,
    /// Whether anyone spoke since the reading before.
    pub speaking: bool,
    /// The fixed threshold that would suit the room, as far as it is known.
    pub suitable: Option<f32>,
}

/// Hears a room. Who speaks is always judged by following it; a fixed threshold is shown, not used.
#[derive(Debug)]
pub struct Meter {
    fixed: Option<f32>,
    windows: Windows,
    segmenter: Segmenter,
    background: Background,
    loudest: f32,
    spoke: bool,
}

impl Meter {
    /// Has heard nothing yet.
    pub fn new(settings: Settings) -> Self {
        let fixed = match settings.threshold {
            Threshold::Fixed(threshold) => Some(threshold),
            Threshold::Auto => None,
        };
        Self {
            fixed,
            windows: Windows::default(),
            segmenter: Segmenter::new(Settings { threshold: Threshold::Auto, ..settings }),
            background: Background::default(),
            loudest: 0.0,
            spoke: false,
        }
    }

    /// Hears 16 kHz mono sound.
    pub fn hear(&mut self, samples: &[i16]) {
        let Self { fixed, windows, segmenter, background, loudest, spoke } = self;
        windows.feed(samples, |window| {
            segmenter.push(window);
            let level = rms(window);
            background.hear(level, segmenter.is_speaking());
            *loudest = loudest.max(if fixed.is_some() { level } else { segmenter.gauge().level });
            *spoke |= segmenter.is_speaking();
        });
    }

    /// Whether anyone speaks, in what was heard last.
    pub fn is_speaking(&self) -> bool {
        self.segmenter.is_speaking()
    }

    /// What there is to be shown now; the next reading begins here.
    pub fn read(&mut self) -> Reading {
        let gauge = self.segmenter.gauge();
        Reading {
            level: std::mem::take(&mut self.loudest),
            floor: if self.fixed.is_some() { self.background.level(0.5) } else { gauge.floor },
            threshold: self.fixed.unwrap_or(gauge.threshold),
            speaking: std::mem::take(&mut self.spoke),
            suitable: self.suitable(),
        }
    }

    /// The fixed threshold that would suit the room, by all that was heard while nobody spoke: RMS of 16-bit samples.
    pub fn suitable(&self) -> Option<f32> {
        self.background.level(UPPER_END).map(suitable_for)
    }
}

/// The levels of all windows in which nobody spoke, over all frequencies.
#[derive(Debug)]
struct Background {
    levels: Histogram,
    heard: usize,
    /// What speech may yet turn out to have begun with.
    held_back: VecDeque<f32>,
}

impl Default for Background {
    fn default() -> Self {
        Self { levels: Histogram::empty(), heard: 0, held_back: VecDeque::with_capacity(HELD_BACK_WINDOWS + 1) }
    }
}

impl Background {
    fn hear(&mut self, level_rms: f32, speaking: bool) {
        if speaking {
            self.held_back.clear();
            return;
        }
        self.held_back.push_back(level_rms);
        if self.held_back.len() > HELD_BACK_WINDOWS
            && let Some(level_rms) = self.held_back.pop_front()
        {
            self.levels.add(decibels(level_rms), 1.0);
            self.heard += 1;
        }
    }

    /// The RMS that this part of the windows stayed below.
    fn level(&self, part: f32) -> Option<f32> {
        (self.heard >= LEAST_WINDOWS).then(|| rms_of(self.levels.quantile_db(part)))
    }
}

/// The fixed threshold for this background as a person would write it: two digits, then zeros.
fn suitable_for(background_rms: f32) -> f32 {
    let exact = suitable_fixed_rms(background_rms);
    let unit = 10f32.powf(exact.log10().floor() - 1.0).max(1.0);
    ((exact / unit).round() * unit).clamp(*ENERGY_THRESHOLD.start(), *ENERGY_THRESHOLD.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic_voice::synthetic_voice;
    use crate::segment::tests::SETTINGS;

    /// A tone in the speech band, in amplitudes that change every 50 ms as a voice does.
    fn tone(ms: usize, amplitudes: &[f32]) -> Vec<i16> {
        let amplitude = |i: usize| amplitudes[i / 800 % amplitudes.len()];
        let wave = |i: usize| (i as f32 * 500.0 / 16_000.0 * std::f32::consts::TAU).sin();
        (0..ms * 16).map(|i| (amplitude(i) * wave(i)) as i16).collect()
    }

    fn voice(ms: usize) -> Vec<i16> {
        synthetic_voice(ms * 16, 16_000.0)
    }

    fn heard(threshold: Threshold, sounds: &[Vec<i16>]) -> Meter {
        let mut meter = Meter::new(Settings { threshold, ..SETTINGS });
        sounds.iter().for_each(|sound| meter.hear(sound));
        meter
    }

    #[test]
    fn the_number_is_that_of_the_background_however_much_is_spoken() {
        let (quiet, loud) = (tone(3000, &[100.0]), voice(2000));
        let alone = heard(Threshold::Auto, std::slice::from_ref(&quiet)).suitable();
        let talked = heard(Threshold::Auto, &[quiet.clone(), loud.clone(), quiet.clone(), loud.clone(), loud, quiet]);
        assert!(alone.is_some());
        assert_eq!(talked.suitable(), alone);
        // 71 RMS, a threshold of about three times that.
        assert!((200.0..300.0).contains(&alone.unwrap_or_default()), "{alone:?}");
    }

    #[test]
    fn a_louder_room_asks_for_a_higher_number() {
        let number = |amplitude| heard(Threshold::Auto, &[tone(8000, &[amplitude])]).suitable().expect("background");
        assert!(number(100.0) < number(1000.0) && number(1000.0) < number(5000.0));
    }

    #[test]
    fn silence_asks_for_a_low_number_and_thunder_for_none_beyond_the_bounds() {
        assert_eq!(heard(Threshold::Auto, &[vec![0; 16_000]]).suitable(), Some(40.0));
        assert_eq!(suitable_for(32_768.0), *ENERGY_THRESHOLD.end());
    }

    #[test]
    fn numbers_have_two_digits() {
        for background in [1.0, 33.3, 217.0, 1234.5, 7000.0] {
            let suitable = suitable_for(background);
            let digits = suitable.to_string();
            assert_eq!(digits.trim_end_matches('0').len().max(2), 2, "{suitable}");
            assert!((suitable / suitable_fixed_rms(background) - 1.0).abs() < 0.05, "{suitable}");
        }
    }

    #[test]
    fn where_nothing_but_speech_was_heard_no_number_is_suggested() {
        // A quarter of a second is needed to know the room at all; it is held back with the beginning of speech.
        let mut meter = heard(Threshold::Auto, &[tone(300, &[100.0]), voice(2000)]);
        assert_eq!(meter.suitable(), None);
        assert!(meter.read().speaking);
    }

    #[test]
    fn a_reading_shows_the_loudest_since_the_one_before() {
        let mut meter = heard(Threshold::Fixed(640.0), &[tone(1000, &[100.0]), voice(500), tone(200, &[100.0])]);
        let reading = meter.read();
        assert!(reading.level > 8000.0 && reading.speaking, "{reading:?}");
        meter.hear(&tone(2000, &[100.0]));
        meter.read();
        meter.hear(&tone(100, &[100.0]));
        let reading = meter.read();
        assert!((reading.level - 71.0).abs() < 2.0 && !reading.speaking, "{reading:?}");
    }

    #[test]
    fn a_fixed_threshold_is_shown_and_the_room_is_followed_all_the_same() {
        let reading = heard(Threshold::Fixed(32_000.0), &[tone(1000, &[100.0]), voice(500)]).read();
        assert_eq!(reading.threshold, 32_000.0);
        assert!(reading.speaking);
        assert!(reading.floor.is_some_and(|floor| (60.0..100.0).contains(&floor)), "{reading:?}");
    }
}
