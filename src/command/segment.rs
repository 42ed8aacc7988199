//! `listener segment`: the utterances of a recording, found as the live path would find them.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::capture::SoundSource;
use crate::capture::gstreamer::{self, File, Pace};
use crate::clock::SystemClock;
use crate::limits::SAMPLE_RATE_HZ;
use crate::segment::{Segmenter, Settings, Utterance, Windows};

/// What `--json` prints: seconds from the start of the recording.
#[derive(Debug, Serialize)]
struct Report {
    utterances: Vec<Bounds>,
}

#[derive(Debug, Serialize)]
struct Bounds {
    start_s: f64,
    end_s: f64,
    /// When it was known to be over.
    decided_s: f64,
}

/// Prints the utterances of a recording in any format, rate and number of channels that GStreamer decodes.
pub fn run(recording: &Path, settings: Settings, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    gstreamer::init()?;
    let mut file = File::open(recording, Pace::Fast, None, &SystemClock)?;
    let Some(mut sound) = file.sound.take() else { anyhow::bail!("{} holds no sound", recording.display()) };
    file.play()?;
    let utterances = find(&mut sound, settings)?.iter().map(bounds).collect();
    let report = Report { utterances };
    if json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
        return Ok(());
    }
    writeln!(out, "{:>9} {:>9} {:>9}   seconds", "start", "end", "length")?;
    for Bounds { start_s, end_s, .. } in &report.utterances {
        writeln!(out, "{start_s:>9.3} {end_s:>9.3} {:>9.3}", end_s - start_s)?;
    }
    writeln!(out, "{} utterances", report.utterances.len())?;
    Ok(())
}

fn find(sound: &mut dyn SoundSource, settings: Settings) -> anyhow::Result<Vec<Utterance>> {
    let (mut segmenter, mut windows, mut found) = (Segmenter::new(settings), Windows::default(), Vec::new());
    while let Some(chunk) = sound.read()? {
        windows.feed(&chunk.samples, |window| found.extend(segmenter.push(window)));
    }
    found.extend(segmenter.flush());
    Ok(found)
}

fn bounds(utterance: &Utterance) -> Bounds {
    let seconds = |sample: u64| sample as f64 / f64::from(SAMPLE_RATE_HZ);
    Bounds { start_s: seconds(utterance.start), end_s: seconds(utterance.end()), decided_s: seconds(utterance.decided) }
}
