//! The sound stage: from a source to utterances.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{SoundSource, SourceError};
use crate::event::{Event, Part};
use crate::segment::{Gauge, Heard, Hearing, Settings};
use crate::spool::Recording;

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
    let mut hearing = Hearing::new(settings);
    let on_heard = |heard| match heard {
        Heard::Began => tell(Event::SpeechStarted),
        Heard::Utterance { start, end, samples } => keep(Recording::Speech { start, end, samples }),
    };
    let mut first = true;
    let result = loop {
        if stop.load(Ordering::Relaxed) {
            break Ok(());
        }
        match source.read() {
            Ok(Some(chunk)) => {
                if std::mem::take(&mut first) {
                    tell(Event::Recording(Part::Microphone));
                }
                hearing.push(&chunk, on_heard);
                let Gauge { level, threshold, .. } = hearing.gauge();
                tell(Event::Level { rms: level, threshold, speaking: hearing.is_speaking() });
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    hearing.finish(on_heard);
    result
}
