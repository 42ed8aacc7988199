//! A sound to try the whole job without a microphone: half a second of silence, then a second and a half of tones and
//! as much silence in turn. EDGE: it keeps pace with the clock as a microphone does.

#![expect(clippy::disallowed_methods, reason = "EDGE: waits")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::{SoundSource, SourceError};
use crate::clock::{Clock, signed};
use crate::limits::SAMPLE_RATE_HZ;
use crate::segment::SoundChunk;

/// As the sound comes back every period, it is computed once.
const PERIOD_SAMPLES: u64 = 3 * SAMPLE_RATE_HZ as u64;
const TONE_SAMPLES: u64 = PERIOD_SAMPLES / 2;
/// The first tone comes soon, for a person who waits for it.
const FIRST_SILENCE_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 2;
/// Loud enough for the default threshold: the RMS of a sine is 0.7 of its amplitude.
const AMPLITUDE: f32 = 16_000.0;

/// The generated sound.
pub struct TestSound {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    started_monotonic: Duration,
    position: u64,
    period: Vec<i16>,
}

impl TestSound {
    /// Begins now, with silence.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (started, started_monotonic) = (clock.now(), clock.monotonic());
        let period = (0..PERIOD_SAMPLES).map(sample).collect();
        Self { clock, started, started_monotonic, position: 0, period }
    }

    fn at(&self, position: u64) -> i16 {
        let spoken = position.checked_sub(FIRST_SILENCE_SAMPLES);
        spoken.map_or(0, |spoken| self.period[(spoken % PERIOD_SAMPLES) as usize])
    }
}

impl SoundSource for TestSound {
    fn read(&mut self, samples: usize) -> Result<Option<SoundChunk>, SourceError> {
        let length = |samples: u64| Duration::from_nanos(samples * 1_000_000_000 / u64::from(SAMPLE_RATE_HZ));
        let first = self.position;
        self.position += samples as u64;
        let due = self.started_monotonic + length(self.position);
        thread::sleep(due.saturating_sub(self.clock.monotonic()));
        let samples = (first..self.position).map(|position| self.at(position)).collect();
        Ok(Some(SoundChunk { captured: self.started + signed(length(first)), samples }))
    }
}

/// A tone that wavers as a voice does, then silence.
fn sample(within: u64) -> i16 {
    if within >= TONE_SAMPLES {
        return 0;
    }
    let seconds = within as f32 / SAMPLE_RATE_HZ as f32;
    let pitch_hz = 220.0 + 30.0 * (seconds * 5.0).sin();
    (AMPLITUDE * (seconds * pitch_hz * std::f32::consts::TAU).sin()) as i16
}
