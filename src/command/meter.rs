//! `listener meter`: how loud the room is, and which fixed threshold would suit it.

#![expect(clippy::disallowed_types, reason = "EDGE: a device")]

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::capture::SoundSource;
use crate::capture::alsa::{Microphone, capture_mixer};
use crate::capture::gain::{Verdict, judge};
use crate::capture::loudness::Loudness;
use crate::capture::test_sound::TestSound;
use crate::cli::Source;
use crate::clock::SystemClock;
use crate::config::AudioConfig;
use crate::limits::{CHUNK_SAMPLES, METER_LINES_PER_S, SAMPLE_RATE_HZ};
use crate::segment::Meter;
use crate::status::{line, terminal};

/// Shows the level until `for_s` seconds of sound were heard or `stop` is set, then prints what is wrong with the gain, and the
/// number that suits. A terminal has one line that is redrawn; without one, a line a second goes to `out`.
///
/// # Errors
/// When there is no sound, or never a moment without speech.
pub fn run(
    audio: &AudioConfig,
    source: Source,
    for_s: Option<u64>,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let clock = Arc::new(SystemClock);
    let (mut source, mixer): (Box<dyn SoundSource>, _) = match source {
        Source::Device => {
            let microphone = Microphone::open(&audio.microphone, clock)?;
            let mixer = microphone.mixer_device();
            (Box::new(microphone), Some(mixer))
        }
        Source::Test => (Box::new(TestSound::new(clock)), None),
    };
    let (mut meter, mut loudness) = (Meter::new(audio.settings), Loudness::default());
    let watched = watch(&mut *source, &mut meter, &mut loudness, for_s, stop, out);
    terminal::wipe_line();
    watched?;
    // Read at the end: the gain may have been set meanwhile.
    let mixer = mixer.as_ref().map(capture_mixer).unwrap_or_default();
    if let Verdict::Warning(text) = judge(&loudness, &mixer) {
        writeln!(out, "{text}")?;
    }
    let told =
        "speech was heard all the time, so there is no number to suggest; leave the room quiet for a few seconds";
    writeln!(out, "energy_threshold = {:.0}   # or \"auto\"", meter.suitable().context(told)?)?;
    Ok(())
}

/// Time is counted by the sound itself, so that every line stands for as much of it.
fn watch(
    source: &mut dyn SoundSource,
    meter: &mut Meter,
    loudness: &mut Loudness,
    for_s: Option<u64>,
    stop: &AtomicBool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let on_terminal = terminal::is_terminal();
    let rate = u64::from(SAMPLE_RATE_HZ);
    let line_samples = if on_terminal { rate / METER_LINES_PER_S } else { rate };
    let (mut heard, mut lines) = (0, 0);
    while !stop.load(Ordering::Relaxed) && for_s.is_none_or(|seconds| heard < seconds.saturating_mul(rate)) {
        let Some(chunk) = source.read(CHUNK_SAMPLES)? else { break };
        meter.hear(&chunk.samples);
        loudness.hear(&chunk.samples, meter.is_speaking());
        heard += chunk.samples.len() as u64;
        if heard / line_samples == lines {
            continue;
        }
        lines = heard / line_samples;
        if on_terminal {
            terminal::show_line(&line::meter(&meter.read(), terminal::columns()));
        } else {
            writeln!(out, "{}", line::meter_words(&meter.read()))?;
            out.flush()?;
        }
    }
    Ok(())
}
