//! `listener segment`: the utterances of a recording, found as the live path would find them.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::plot::{self, Plot};
use super::trace::Trace;
use crate::capture::SoundSource;
use crate::capture::gstreamer::{self, File, Pace};
use crate::cli::SegmentArgs;
use crate::clock::SystemClock;
use crate::limits::{CHUNK_SAMPLES, SAMPLE_RATE_HZ};
use crate::segment::{Gauge, Segmenter, Settings, Threshold, Utterance, Windows};

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

/// Prints the utterances of a recording in any format, rate and number of channels that GStreamer decodes, and draws
/// them if that is asked for.
///
/// # Errors
/// When the recording cannot be read, or the plot cannot be written.
pub fn run(args: &SegmentArgs, settings: Settings, out: &mut dyn Write) -> anyhow::Result<()> {
    let recording = &args.recording;
    args.plot.as_deref().map_or(Ok(()), is_svg)?;
    gstreamer::init()?;
    let mut file = File::open(recording, Pace::Fast, None, &SystemClock)?;
    let Some(mut sound) = file.sound.take() else { anyhow::bail!("{} holds no sound", recording.display()) };
    file.play()?;
    let mut trace = args.plot.is_some().then(Trace::default);
    let found = find(&mut sound, settings, |window, gauge| {
        if let Some(trace) = &mut trace {
            trace.hear(window, gauge);
        }
    })?;
    let report = Report { utterances: found.iter().map(bounds).collect() };
    if let (Some(path), Some(trace)) = (&args.plot, trace) {
        let utterances = report.utterances.iter().map(|bounds| (bounds.start_s, bounds.end_s)).collect();
        let plot = Plot { title: title(recording, settings.threshold), trace, utterances };
        fs::write(path, plot::svg(&plot)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(&report, args.json, out)
}

fn is_svg(path: &Path) -> anyhow::Result<()> {
    let ending = path.extension().unwrap_or_default();
    anyhow::ensure!(
        ending.eq_ignore_ascii_case("svg"),
        "--plot draws SVG, so its file has to end in .svg, not as {}",
        path.display()
    );
    Ok(())
}

fn title(recording: &Path, threshold: Threshold) -> String {
    let name = recording.file_name().unwrap_or(recording.as_os_str()).to_string_lossy();
    match threshold {
        Threshold::Fixed(threshold) => format!("{name}, energy_threshold = {threshold}"),
        Threshold::Auto => format!("{name}, energy_threshold = \"auto\""),
    }
}

fn print(report: &Report, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
        return Ok(());
    }
    writeln!(out, "{:>9} {:>9} {:>9}   seconds", "start", "end", "length")?;
    for Bounds { start_s, end_s, .. } in &report.utterances {
        writeln!(out, "{start_s:>9.3} {end_s:>9.3} {:>9.3}", end_s - start_s)?;
    }
    writeln!(out, "{} utterances", report.utterances.len())?;
    Ok(())
}

fn find(
    sound: &mut dyn SoundSource,
    settings: Settings,
    mut watch: impl FnMut(&[i16], Gauge),
) -> anyhow::Result<Vec<Utterance>> {
    let (mut segmenter, mut windows, mut found) = (Segmenter::new(settings), Windows::default(), Vec::new());
    while let Some(chunk) = sound.read(CHUNK_SAMPLES)? {
        windows.feed(&chunk.samples, |window| {
            found.extend(segmenter.push(window));
            watch(window, segmenter.gauge());
        });
    }
    found.extend(segmenter.flush());
    Ok(found)
}

fn bounds(utterance: &Utterance) -> Bounds {
    let seconds = |sample: u64| sample as f64 / f64::from(SAMPLE_RATE_HZ);
    Bounds { start_s: seconds(utterance.start), end_s: seconds(utterance.end()), decided_s: seconds(utterance.decided) }
}
