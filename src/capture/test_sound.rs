//! A sound to try the whole job without a microphone: half a second of silence, then a second and a half of a
//! synthetic voice and as much silence in turn. EDGE: it keeps pace with the clock as a microphone does.

#![expect(clippy::disallowed_methods, reason = "EDGE: waits")]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::synthetic_voice::synthetic_voice;
use super::{SoundSource, SourceError};
use crate::clock::{Clock, signed};
use crate::limits::SAMPLE_RATE_HZ;
use crate::segment::SoundChunk;

/// As the sound comes back every period, it is computed once.
const PERIOD_SAMPLES: u64 = 3 * SAMPLE_RATE_HZ as u64;
const VOICE_SAMPLES: u64 = PERIOD_SAMPLES / 2;
/// The voice comes soon, for a person who waits for it.
const FIRST_SILENCE_SAMPLES: u64 = SAMPLE_RATE_HZ as u64 / 2;
/// Loud enough for the default threshold.
const AMPLITUDE: f32 = 24_000.0;

/// The generated sound.
pub struct TestSound {
    clock: Arc<dyn Clock>,
    started_monotonic: Duration,
    position: u64,
    period: Vec<i16>,
}

impl TestSound {
    /// Begins now, with silence.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let started_monotonic = clock.monotonic();
        let mut period = synthetic_voice(VOICE_SAMPLES as usize, AMPLITUDE);
        period.resize(PERIOD_SAMPLES as usize, 0);
        Self { clock, started_monotonic, position: 0, period }
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
        // By the wall clock as it is now: a clock that is stepped is followed, as by a device.
        let ago = self.clock.monotonic().saturating_sub(self.started_monotonic + length(first));
        Ok(Some(SoundChunk { captured: self.clock.now() - signed(ago), samples }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::limits::CHUNK_SAMPLES;

    #[test]
    fn its_sound_follows_a_clock_that_is_stepped() {
        let start = "2026-09-21T14:14:00Z".parse().expect("a time");
        let clock = Arc::new(ManualClock::at(start));
        let mut sound = TestSound::new(Arc::<ManualClock>::clone(&clock));
        let chunk = Duration::from_millis(20);
        let mut captured = || {
            clock.advance(chunk);
            sound.read(CHUNK_SAMPLES).expect("sound").expect("no end").captured
        };
        assert_eq!(captured(), start);
        clock.step(signed(Duration::from_secs(3600)));
        assert_eq!(captured(), start + signed(Duration::from_secs(3600) + chunk));
    }
}
