//! The background, followed. PURE.
//!
//! Levels are those of the speech band in windows of 10 ms, in decibels (20 log10 of the RMS of 16-bit samples). A
//! histogram that forgets holds how often each level was heard while nobody spoke; its middle is the floor, its upper
//! end says how unsteady the background is.

use crate::limits::WINDOW_SAMPLES;

/// The histogram's bins: 1.5 dB each, so 64 of them reach from silence to the loudest sound (90.3 dB).
const BINS: usize = 64;
const BIN_DB: f32 = 1.5;

/// What was heard six seconds ago counts a third of what is heard now.
const FORGET_WINDOWS: f32 = 600.0;

/// A background of which less than 0.3 s was heard is unknown.
const KNOWN_WINDOWS: f32 = 30.0;

/// How often each level was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bins: [f32; BINS],
    total: f32,
}

impl Histogram {
    /// Nothing was heard.
    pub const fn empty() -> Self {
        Self { bins: [0.0; BINS], total: 0.0 }
    }

    /// One window of this level, counting `weight`.
    pub fn add(&mut self, level_db: f32, weight: f32) {
        let bin = (level_db / BIN_DB).clamp(0.0, (BINS - 1) as f32) as usize;
        self.bins[bin] += weight;
        self.total += weight;
    }

    fn forget(&mut self, weight: f32) {
        let keep = (1.0 - weight / FORGET_WINDOWS).max(0.0);
        self.bins.iter_mut().for_each(|bin| *bin *= keep);
        self.total *= keep;
    }

    /// The level below which this part of all windows were, to the next bin's edge.
    pub fn quantile_db(&self, part: f32) -> f32 {
        let wanted = self.total * part;
        let mut sum = 0.0;
        let reached = self.bins.iter().position(|bin| {
            sum += bin;
            sum >= wanted
        });
        (reached.unwrap_or(BINS - 1) + 1) as f32 * BIN_DB
    }
}

/// What the background sounds like.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise(Histogram);

impl Default for Noise {
    fn default() -> Self {
        Self(Histogram::empty())
    }
}

impl Noise {
    /// Takes windows for background, as far as `weight` says (1: surely).
    pub fn learn(&mut self, levels_db: &[f32], weight: f32) {
        if weight > 0.0 {
            self.0.forget(weight * levels_db.len() as f32);
            levels_db.iter().for_each(|level| self.0.add(*level, weight));
        }
    }

    /// Whether enough was heard of it.
    pub fn is_known(&self) -> bool {
        self.0.total >= KNOWN_WINDOWS
    }

    /// The level that half of the background's windows stay below.
    pub fn floor_db(&self) -> f32 {
        self.0.quantile_db(0.5)
    }

    /// The level that nine in ten of them stay below.
    pub fn crest_db(&self) -> f32 {
        self.0.quantile_db(0.9)
    }
}

/// Lets the speech band through: a second-order Butterworth high pass at 250 Hz, so that the hum of mains and the rumble
/// of traffic do not count. (Coefficients: Audio EQ Cookbook, high-pass filter, Q = 1/√2, for 16 kHz.)
#[derive(Debug, Clone, Default)]
pub struct SpeechBand {
    s1: f32,
    s2: f32,
}

const B0: f32 = 0.932_932_16;
const B1: f32 = -1.865_864_3;
const A1: f32 = -1.861_361_1;
const A2: f32 = 0.870_367_5;

impl SpeechBand {
    /// The level of the next window in the band, in decibels, 0 at least.
    pub fn level_db(&mut self, window: &[i16]) -> f32 {
        let (mut s1, mut s2, mut sum) = (self.s1, self.s2, 0.0f32);
        for &sample in window {
            let x = f32::from(sample);
            let y = B0 * x + s1;
            // What waits for `y` comes last: each sample waits for the one before, and this is most of the work.
            s1 = (B1 * x + s2) - A1 * y;
            s2 = B0 * x - A2 * y;
            sum += y * y;
        }
        (self.s1, self.s2) = (s1, s2);
        decibels((sum / WINDOW_SAMPLES as f32).sqrt())
    }
}

/// An RMS of 16-bit samples in decibels, 0 at least.
pub fn decibels(rms: f32) -> f32 {
    20.0 * rms.max(1.0).log10()
}

/// The RMS of a level in decibels.
pub fn rms_of(level_db: f32) -> f32 {
    10f32.powf(level_db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of_tone(hz: f32) -> f32 {
        let mut band = SpeechBand::default();
        let tone: Vec<i16> =
            (0..16_000).map(|i| (10_000.0 * (i as f32 * hz / 16_000.0 * std::f32::consts::TAU).sin()) as i16).collect();
        let levels: Vec<f32> = tone.chunks(WINDOW_SAMPLES).map(|window| band.level_db(window)).collect();
        levels[50..].iter().sum::<f32>() / 50.0
    }

    #[test]
    fn hum_is_left_out_and_speech_is_not() {
        let full = decibels(10_000.0 / 2f32.sqrt());
        assert!(level_of_tone(50.0) < full - 25.0, "{}", level_of_tone(50.0));
        assert!((level_of_tone(250.0) - (full - 3.0)).abs() < 0.5, "{}", level_of_tone(250.0));
        assert!((level_of_tone(1000.0) - full).abs() < 0.2, "{}", level_of_tone(1000.0));
    }

    #[test]
    fn the_floor_follows_a_fan_that_starts_and_stops() {
        let mut noise = Noise::default();
        (0..600).for_each(|_| noise.learn(&[20.0], 1.0));
        assert!((20.0..=21.5).contains(&noise.floor_db()));
        (0..600).for_each(|_| noise.learn(&[45.0], 1.0));
        assert!((45.0..=46.5).contains(&noise.floor_db()));
        (0..600).for_each(|_| noise.learn(&[20.0], 1.0));
        assert!((20.0..=21.5).contains(&noise.floor_db()));
    }
}
