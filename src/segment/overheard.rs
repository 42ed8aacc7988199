//! Notices that people speak whom a fixed threshold does not hear. PURE.

use super::{Segmenter, Settings, Threshold, Windows};
use crate::limits::{OVERHEARD_SAMPLES, SAMPLE_RATE_HZ, VOICES_SAMPLES};

/// Hears what a fixed threshold hears, and follows the room beside it.
#[derive(Debug)]
pub struct Overheard {
    windows: Windows,
    segmenter: Segmenter,
    /// Samples since the first voice that the threshold did not hear, and how many of them were in utterances.
    since_first: u64,
    spoken: u64,
    is_told: bool,
}

impl Overheard {
    /// For a fixed threshold; one that follows the room overhears nobody.
    pub fn new(settings: Settings) -> Option<Self> {
        let Threshold::Fixed(_) = settings.threshold else { return None };
        let segmenter = Segmenter::new(Settings { threshold: Threshold::Auto, ..settings });
        Some(Self { windows: Windows::default(), segmenter, since_first: 0, spoken: 0, is_told: false })
    }

    /// Hears a chunk, and whether the threshold takes it for speech. `true` once: people have been speaking for five
    /// minutes, and nothing has crossed the threshold.
    pub fn hear(&mut self, samples: &[i16], is_heard: bool) -> bool {
        if self.is_told {
            return false;
        }
        if is_heard {
            (self.since_first, self.spoken) = (0, 0);
        }
        let Self { windows, segmenter, since_first, spoken, .. } = self;
        windows.feed(samples, |window| {
            if let Some(utterance) = segmenter.push(window)
                && !is_heard
            {
                *spoken += utterance.samples.len() as u64;
            }
            if *spoken > 0 {
                *since_first += window.len() as u64;
            }
        });
        self.is_told = self.since_first >= OVERHEARD_SAMPLES && self.spoken >= VOICES_SAMPLES;
        self.is_told
    }

    /// What to say then of a threshold.
    pub fn told(threshold: Threshold) -> Option<String> {
        let Threshold::Fixed(threshold) = threshold else { return None };
        Some(format!(
            "people are speaking below the threshold: for five minutes nobody was recorded, since nothing was as loud as \
             energy_threshold = {threshold}. Write energy_threshold = \"auto\", or the number that `listener meter` prints"
        ))
    }
}

const _: () = assert!(VOICES_SAMPLES >= 10 * SAMPLE_RATE_HZ as u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::synthetic_voice::synthetic_voice;
    use crate::segment::tests::SETTINGS;

    /// Two seconds of a voice in every sixteen, and no sound between.
    fn chunks(amplitude: f32) -> impl Iterator<Item = Vec<i16>> {
        let (voice, quiet) = (synthetic_voice(32_000, amplitude), vec![0; 32_000]);
        (0..).map(move |at| if at % 8 == 0 { voice.clone() } else { quiet.clone() })
    }

    /// Chunks until it is told.
    fn told_after(minutes: usize, amplitude: f32, heard_every: Option<usize>) -> Option<usize> {
        let mut overheard = Overheard::new(SETTINGS).expect("a fixed threshold");
        let mut chunks = chunks(amplitude).take(minutes * 30).enumerate();
        chunks.position(|(at, chunk)| overheard.hear(&chunk, heard_every.is_some_and(|every| at % every == 0)))
    }

    #[test]
    fn people_who_speak_below_the_threshold_are_noticed_after_five_minutes_and_once() {
        let mut overheard = Overheard::new(SETTINGS).expect("a fixed threshold");
        let told = chunks(600.0).take(200).enumerate().filter(|(_, chunk)| overheard.hear(chunk, false));
        let at: Vec<usize> = told.map(|(at, _)| at).collect();
        assert!(matches!(at[..], [150..=160]), "after {at:?} chunks of two seconds");
    }

    #[test]
    fn nothing_is_said_where_nobody_speaks_or_some_are_heard() {
        assert_eq!(told_after(6, 0.0, None), None);
        assert_eq!(told_after(6, 600.0, Some(100)), None);
        assert!(Overheard::new(Settings { threshold: Threshold::Auto, ..SETTINGS }).is_none());
    }
}
