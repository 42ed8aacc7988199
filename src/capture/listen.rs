//! The sound stage: from a source to utterances.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "EDGE: says how it hears; another thread stops it"
)]

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::keeper::Recording;
use super::{SoundSource, SourceError};
use crate::event::{Event, Part};
use crate::limits::{CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES, SPEECH_PIECE_SAMPLES};
use crate::segment::{Gauge, Heard, Hearing, Overheard, Settings, Threshold};

/// Hears a source until it ends or `stop` is set; what is being said then is kept.
///
/// # Errors
/// When the source fails. What was being said until then has been kept.
pub fn listen(
    source: &mut dyn SoundSource,
    settings: Settings,
    stop: &AtomicBool,
    tell: &dyn Fn(Event),
    keep: &dyn Fn(Recording),
) -> Result<(), SourceError> {
    let how = match settings.threshold {
        Threshold::Auto => {
            "voices, whatever the noise: energy_threshold = \"auto\", as a box has where its file names no other".into()
        }
        Threshold::Fixed(rms) => {
            format!("what is as loud as an RMS of {rms}: energy_threshold, as given or by default")
        }
    };
    log::info!("hears {how}");
    tell(Event::Hears(how));
    let mut hearing = Hearing::new(settings);
    let mut overheard = Overheard::new(settings);
    let handed = Cell::default();
    let on_heard = |heard| match heard {
        Heard::Began => tell(Event::SpeechStarted),
        Heard::Utterance { first_sample, start, end, samples } => {
            forget_other(&handed, Some(first_sample), keep);
            handed.set(Handed::default());
            keep(Recording::Speech { start, end, samples });
        }
    };
    let mut first = true;
    let result = loop {
        if stop.load(Ordering::Relaxed) {
            break Ok(());
        }
        match source.read(next_chunk(&hearing, handed.get().samples)) {
            Ok(Some(chunk)) => {
                if std::mem::take(&mut first) {
                    tell(Event::Recording(Part::Microphone));
                }
                hearing.push(&chunk, on_heard);
                hand_over(&hearing, &handed, keep);
                if let Some(overheard) = &mut overheard
                    && overheard.hear(&chunk.samples, hearing.is_speaking())
                    && let Some(text) = Overheard::told(settings.threshold)
                {
                    tell(Event::Warning(Part::Microphone, text));
                }
                let Gauge { level, threshold, .. } = hearing.gauge();
                tell(Event::Level { rms: level, threshold, speaking: hearing.is_speaking() });
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    hearing.finish(on_heard);
    hand_over(&hearing, &handed, keep);
    result
}

/// As much as can be waited for without deciding or keeping anything later: every wake-up costs.
fn next_chunk(hearing: &Hearing, handed: usize) -> usize {
    let until_kept =
        hearing.being_said().map(|(.., samples)| (handed + SPEECH_PIECE_SAMPLES).saturating_sub(samples.len()));
    hearing.patience().min(until_kept.unwrap_or(usize::MAX)).clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES)
}

/// How much has been handed over of what is being said, and which that is.
#[derive(Debug, Default, Clone, Copy)]
struct Handed {
    first_sample: u64,
    samples: usize,
}

/// Speech, a piece at a time, since the power may be cut; and word that it was none.
fn hand_over(hearing: &Hearing, handed: &Cell<Handed>, keep: &dyn Fn(Recording)) {
    let being_said = hearing.being_said();
    forget_other(handed, being_said.map(|(first_sample, ..)| first_sample), keep);
    let Some((first_sample, start, samples)) = being_said else { return };
    let from = handed.get().samples;
    if samples.len() >= from + SPEECH_PIECE_SAMPLES {
        keep(Recording::SpeechSoFar { start, from, samples: samples[from..].to_vec() });
        handed.set(Handed { first_sample, samples: samples.len() });
    }
}

/// What was handed over was no speech if something else is being said, or was. The segmenter does not tell, and may have begun with
/// the next within the same chunk.
fn forget_other(handed: &Cell<Handed>, first_sample: Option<u64>, keep: &dyn Fn(Recording)) {
    if handed.get().samples > 0 && first_sample != Some(handed.get().first_sample) {
        handed.set(Handed::default());
        keep(Recording::NoSpeech);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::limits::SAMPLE_RATE_HZ;
    use crate::segment::SoundChunk;
    use crate::segment::tests::SETTINGS;

    /// Chunks of so many milliseconds, each of so many milliseconds of one level after the other.
    struct Chunks(Vec<Vec<(usize, i16)>>, usize);

    impl SoundSource for Chunks {
        fn read(&mut self, _: usize) -> Result<Option<SoundChunk>, SourceError> {
            if self.0.is_empty() {
                return Ok(None);
            }
            let rate = SAMPLE_RATE_HZ as usize;
            let sound = self.0.remove(0).into_iter();
            let samples: Vec<i16> = sound.flat_map(|(ms, level)| vec![level; ms * rate / 1000]).collect();
            let captured = Timestamp::UNIX_EPOCH + SignedDuration::from_millis((self.1 * 1000 / rate) as i64);
            self.1 += samples.len();
            Ok(Some(SoundChunk { captured, samples }))
        }
    }

    #[test]
    fn what_was_handed_over_of_a_click_is_taken_back_before_the_next_speech_is_though_one_chunk_has_both() {
        // The click is over after the pause, in the middle of the chunk in which somebody begins to speak.
        let pause = SETTINGS.pause_ms as usize;
        let mut source = Chunks(
            vec![
                vec![(1000, 0), (20, 5000), (pause - 100, 0)],
                vec![(200, 0), (400, 5000)],
                vec![(600, 5000)],
                vec![(pause + 500, 0)],
            ],
            0,
        );
        let kept = RefCell::new(Vec::new());
        listen(&mut source, SETTINGS, &AtomicBool::new(false), &|_| {}, &|recording| kept.borrow_mut().push(recording))
            .expect("it ends");
        let kept: Vec<_> = kept
            .into_inner()
            .into_iter()
            .map(|recording| match recording {
                Recording::SpeechSoFar { from, .. } => {
                    if from == 0 {
                        "begins"
                    } else {
                        "goes on"
                    }
                }
                Recording::NoSpeech => "was none",
                Recording::Speech { .. } => "over",
                Recording::Seen(_) => "seen",
            })
            .collect();
        assert_eq!(kept[..3], ["begins", "was none", "begins"], "{kept:?}");
        assert_eq!(kept.last(), Some(&"over"), "{kept:?}");
        assert!(kept[3..kept.len() - 1].iter().all(|word| *word == "goes on"), "{kept:?}");
    }
}
