//! From chunks of sound with their times to utterances with theirs. PURE.

use jiff::Timestamp;

use super::{Continuity, Gauge, SampleClock, Segmenter, Settings, Utterance, Windows, rms};

/// Sound as a source delivers it: 16 kHz mono.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundChunk {
    /// When the first of the samples was taken, as well as the source knows.
    pub captured: Timestamp,
    /// The samples.
    pub samples: Vec<i16>,
}

/// What was heard in a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Someone has begun to speak; the utterance will start here.
    Began,
    /// An utterance is over.
    Utterance {
        /// The number of its first sample, counted from the start of the source: no other has it.
        first_sample: u64,
        /// When its first sample was taken.
        start: Timestamp,
        /// When its last sample was over.
        end: Timestamp,
        /// 16 kHz mono.
        samples: Vec<i16>,
    },
}

/// Cuts a live sound into utterances.
#[derive(Debug)]
pub struct Hearing {
    /// Samples heard, since the start of the source.
    position: u64,
    /// The position at which `segmenter` began to count: it starts over after every gap.
    segment_origin: u64,
    clock: SampleClock,
    windows: Windows,
    segmenter: Segmenter,
}

impl Hearing {
    /// Has heard nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            position: 0,
            segment_origin: 0,
            clock: SampleClock::default(),
            windows: Windows::default(),
            segmenter: Segmenter::new(settings),
        }
    }

    /// Hears a chunk. A gap before it, or a stepped clock, ends the utterance that was going on: no utterance spans
    /// sound that was not recorded.
    pub fn push(&mut self, chunk: &SoundChunk, mut tell: impl FnMut(Heard)) {
        let clock_before = self.clock;
        if self.clock.observe(self.position, chunk.captured) == Continuity::Jumped {
            if let Some(utterance) = self.segmenter.flush() {
                tell(heard(&clock_before, self.segment_origin, utterance));
            }
            self.segmenter.start_over();
            self.windows = Windows::default();
            self.segment_origin = self.position;
        }
        self.position += chunk.samples.len() as u64;
        let Self { windows, segmenter, clock, segment_origin, .. } = self;
        windows.feed(&chunk.samples, |window| {
            let was_speaking = segmenter.is_speaking();
            if let Some(utterance) = segmenter.push(window) {
                tell(heard(clock, *segment_origin, utterance));
            }
            if segmenter.is_speaking() && !was_speaking {
                tell(Heard::Began);
            }
        });
    }

    /// The source has ended: so has what was being said.
    pub fn finish(&mut self, mut tell: impl FnMut(Heard)) {
        if let Some(utterance) = self.segmenter.flush() {
            tell(heard(&self.clock, self.segment_origin, utterance));
        }
    }

    /// What is being said: the number of its first sample, when that was taken, and its samples so far.
    pub fn being_said(&self) -> Option<(u64, Timestamp, &[i16])> {
        let (start, samples) = self.segmenter.being_said()?;
        let first_sample = self.segment_origin + start;
        Some((first_sample, self.clock.time_of(first_sample)?, samples))
    }

    /// How many samples may be waited for at once, see [`Segmenter::patience`].
    pub fn patience(&self) -> usize {
        self.segmenter.patience()
    }

    /// What is made of the newest sound.
    pub fn gauge(&self) -> Gauge {
        self.segmenter.gauge()
    }

    /// Whether someone is being recorded speaking.
    pub fn is_speaking(&self) -> bool {
        self.segmenter.is_speaking()
    }
}

impl SoundChunk {
    /// RMS of its 16-bit samples.
    pub fn rms(&self) -> f32 {
        rms(&self.samples)
    }
}

fn heard(clock: &SampleClock, origin: u64, utterance: Utterance) -> Heard {
    let time_of = |sample: u64| clock.time_of(origin + sample).unwrap_or_default();
    let (first_sample, start, end) = (origin + utterance.start, time_of(utterance.start), time_of(utterance.end()));
    Heard::Utterance { first_sample, start, end, samples: utterance.samples }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic_voice::synthetic_voice;
    use crate::segment::{Threshold, tests::SETTINGS};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("in range")
    }

    fn chunk(ms: i64, amplitude: i16) -> SoundChunk {
        let samples = (0..320).map(|i| if i % 40 < 20 { amplitude } else { -amplitude }).collect();
        SoundChunk { captured: at(ms), samples }
    }

    fn hear(hearing: &mut Hearing, chunks: impl IntoIterator<Item = SoundChunk>) -> Vec<Heard> {
        let mut heard = Vec::new();
        chunks.into_iter().for_each(|chunk| hearing.push(&chunk, |h| heard.push(h)));
        heard
    }

    fn bounds(heard: &[Heard]) -> Vec<(Timestamp, Timestamp)> {
        let bounds = |h: &Heard| match h {
            Heard::Utterance { start, end, .. } => Some((*start, *end)),
            Heard::Began => None,
        };
        heard.iter().filter_map(bounds).collect()
    }

    #[test]
    fn an_utterance_carries_the_times_of_its_own_sound() {
        let mut hearing = Hearing::new(SETTINGS);
        let loud = |ms| (1000..1500).contains(&ms);
        let chunks = (0..150).map(|i| i * 20).map(|ms| chunk(ms, if loud(ms) { 5000 } else { 10 }));
        let heard = hear(&mut hearing, chunks);
        assert_eq!(heard[0], Heard::Began);
        assert_eq!(bounds(&heard), [(at(700), at(1700))]);
    }

    #[test]
    fn a_gap_ends_the_utterance_and_the_next_has_the_times_after_it() {
        let mut hearing = Hearing::new(SETTINGS);
        let before = (0..50).map(|i| chunk(i * 20, if i >= 25 { 5000 } else { 10 }));
        let after = (0..100).map(|i| chunk(10_000 + i * 20, if i < 25 { 5000 } else { 10 }));
        let heard = hear(&mut hearing, before.chain(after));
        assert_eq!(bounds(&heard), [(at(200), at(1000)), (at(10_000), at(10_700))]);
    }

    #[test]
    fn what_is_being_said_can_be_had_before_it_is_over() {
        let mut hearing = Hearing::new(SETTINGS);
        hear(&mut hearing, (0..100).map(|i| chunk(i * 20, if i >= 50 { 5000 } else { 10 })));
        let (first_sample, start, samples) = hearing.being_said().expect("someone speaks");
        assert_eq!((first_sample, start, samples.len()), (700 * 16, at(700), 1300 * 16));
        hear(&mut hearing, (100..150).map(|i| chunk(i * 20, 10)));
        assert_eq!(hearing.being_said(), None);
    }

    #[test]
    fn the_room_is_still_known_behind_a_gap() {
        let mut hearing = Hearing::new(Settings { threshold: Threshold::Auto, ..SETTINGS });
        let room = (0..150).map(|i| chunk(i * 20, 10));
        let voice = synthetic_voice(60 * 320, 5000.0);
        let said =
            |i: usize| SoundChunk { captured: at(10_000 + i as i64 * 20), samples: voice[i * 320..][..320].to_vec() };
        let word = (0..60).map(said);
        let heard = hear(&mut hearing, room.chain(word));
        assert_eq!(heard.first(), Some(&Heard::Began));
    }
}
