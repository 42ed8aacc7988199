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
    // How much has been handed over of what is being said.
    let handed = Cell::new(0);
    let on_heard = |heard| match heard {
        Heard::Began => tell(Event::SpeechStarted),
        Heard::Utterance { start, end, samples } => {
            handed.set(0);
            keep(Recording::Speech { start, end, samples });
        }
    };
    let mut first = true;
    let result = loop {
        if stop.load(Ordering::Relaxed) {
            break Ok(());
        }
        match source.read(next_chunk(&hearing, handed.get())) {
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
        hearing.being_said().map(|(_, samples)| (handed + SPEECH_PIECE_SAMPLES).saturating_sub(samples.len()));
    hearing.patience().min(until_kept.unwrap_or(usize::MAX)).clamp(CHUNK_SAMPLES, LONGEST_CHUNK_SAMPLES)
}

/// Speech, a piece at a time, since the power may be cut; and word that it was none.
fn hand_over(hearing: &Hearing, handed: &Cell<usize>, keep: &dyn Fn(Recording)) {
    match hearing.being_said() {
        Some((start, samples)) if samples.len() >= handed.get() + SPEECH_PIECE_SAMPLES => {
            keep(Recording::SpeechSoFar { start, from: handed.get(), samples: samples[handed.get()..].to_vec() });
            handed.set(samples.len());
        }
        None if handed.replace(0) > 0 => keep(Recording::NoSpeech),
        _ => {}
    }
}
