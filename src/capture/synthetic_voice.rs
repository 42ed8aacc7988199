//! A voice to try things with where nobody speaks: vowels that glide into each other, at a pitch that wavers. PURE.

use std::f32::consts::TAU;

use crate::limits::SAMPLE_RATE_HZ;

const RATE: f32 = SAMPLE_RATE_HZ as f32;

/// Syllables with short gaps between them.
const SYLLABLE_S: f32 = 0.22;
const GAP_S: f32 = 0.06;
/// A man's.
const PITCH_HZ: f32 = 130.0;

/// The first three formants, in hertz, of a, i, e, u, ä (Peterson and Barney, 1952).
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [270.0, 2290.0, 3010.0],
    [530.0, 1840.0, 2480.0],
    [300.0, 870.0, 2240.0],
    [660.0, 1720.0, 2410.0],
];
/// How wide each is, in hertz, and how strong.
const FORMANTS: [(f32, f32); 3] = [(80.0, 1.0), (100.0, 0.6), (130.0, 0.3)];
/// The strongest formants reach this; what is beyond is rounded off.
const DRIVE: f32 = 0.4;

/// So many samples of it at 16 kHz, up to this amplitude. The last syllable ends with them or before.
pub fn synthetic_voice(samples: usize, amplitude: f32) -> Vec<i16> {
    let mut resonators = [[0.0f32; 2]; 3];
    let mut phase = 0.0;
    let sample = |n: usize| {
        let seconds = n as f32 / RATE;
        phase += PITCH_HZ * (1.0 + 0.12 * (TAU * 0.9 * seconds).sin() - 0.05 * (seconds % 1.5)) / RATE;
        // The vocal cords open once a period.
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase %= 1.0;
        let (syllable, within_s) = ((seconds / SYLLABLE_S) as usize, seconds % SYLLABLE_S);
        let (from, to) = (VOWELS[syllable * 2 % 5], VOWELS[(syllable + 1) * 2 % 5]);
        let mut sum = 0.0;
        for (n, (width_hz, strength)) in FORMANTS.into_iter().enumerate() {
            let hz = from[n] + (to[n] - from[n]) * within_s / SYLLABLE_S;
            let radius = (-TAU / 2.0 * width_hz / RATE).exp();
            let [before, earlier] = resonators[n];
            let now = pulse + 2.0 * radius * (TAU * hz / RATE).cos() * before - radius * radius * earlier;
            resonators[n] = [now, before];
            sum += strength * now;
        }
        let spoken_s = SYLLABLE_S - GAP_S;
        let loudness = (within_s / 0.02).min((spoken_s - within_s) / 0.03).clamp(0.0, 1.0);
        (amplitude * (DRIVE * sum).tanh() * loudness) as i16
    };
    (0..samples).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::rms;

    #[test]
    fn its_syllables_are_loud_enough_for_the_default_threshold() {
        let voice = synthetic_voice(SAMPLE_RATE_HZ as usize, 24_000.0);
        let loud = voice.chunks(160).filter(|window| rms(window) >= 5000.0).count();
        assert!(loud >= 50, "{loud} of 100 windows");
    }
}
