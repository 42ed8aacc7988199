//! Notices that people speak whom a fixed threshold does not hear. PURE.

use super::{Segmenter, Settings, Threshold, Windows};
use crate::limits::{OVERHEARD_SAMPLES, SAMPLE_RATE_HZ, VOICES_SAMPLES};

/// Hears what a fixed threshold hears, and follows the room beside it.
#[derive(Debug)]
pub struct Overheard {
    windows: Windows,
    segmenter: Segmenter,
    /// The warning comes this many samples after the first voice,
    after: u64,
    /// if this many of them were voices.
    least: u64,
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
        let (after, least) = (OVERHEARD_SAMPLES, VOICES_SAMPLES);
        Some(Self { windows: Windows::default(), segmenter, after, least, since_first: 0, spoken: 0, is_told: false })
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
        self.is_told = self.since_first >= self.after && self.spoken >= self.least;
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

    /// A fixed threshold that hears a fifth of the time: the detector takes long where it is emulated.
    fn overheard() -> Overheard {
        let whole = Overheard::new(SETTINGS).expect("a fixed threshold");
        assert_eq!((whole.after / 16_000, whole.least / 16_000), (300, 30), "seconds");
        Overheard { after: whole.after / 5, least: whole.least / 5, ..whole }
    }

    /// Two seconds of a voice in every sixteen, and no sound between; a minute and a half of it.
    fn chunks(amplitude: f32) -> impl Iterator<Item = (usize, Vec<i16>)> {
        let (voice, quiet) = (synthetic_voice(32_000, amplitude), vec![0; 32_000]);
        (0..45).map(move |at| (at, if at % 8 == 0 { voice.clone() } else { quiet.clone() }))
    }

    #[test]
    fn people_who_speak_below_the_threshold_are_noticed_after_five_minutes_and_once() {
        let mut overheard = overheard();
        let told = chunks(600.0).filter(|(_, chunk)| overheard.hear(chunk, false));
        let at: Vec<usize> = told.map(|(at, _)| at).collect();
        assert!(matches!(at[..], [30..=40]), "after {at:?} chunks of two seconds");
    }

    #[test]
    fn nothing_is_said_where_nobody_speaks_or_some_are_heard() {
        let mut nobody = overheard();
        assert!(!chunks(0.0).any(|(_, chunk)| nobody.hear(&chunk, false)));
        let mut some = overheard();
        assert!(!chunks(600.0).any(|(at, chunk)| some.hear(&chunk, at % 20 == 0)));
        assert!(Overheard::new(Settings { threshold: Threshold::Auto, ..SETTINGS }).is_none());
    }
}
