//! A recorded file, as if it were live.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: a file, read by GStreamer")]

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_app as gst_app;
use jiff::Timestamp;

use super::decoder::{Decoder, Failed, MakeBranch, Patience};
use super::input::Input;
use super::video::{Taps, Video};
use super::{appsink, running_time};
use crate::capture::channels::Mixer;
use crate::capture::encoder::Encoder;
use crate::capture::ladder::Memory;
use crate::capture::orientation::Direction;
use crate::capture::pipeline::{self, Frames, Timing};
use crate::capture::replay;
use crate::capture::retime::Kind;
use crate::capture::schedule::ending_at;
use crate::capture::timeline::Timeline;
use crate::capture::{SoundSource, SourceError};
use crate::clock::{Clock, signed};
use crate::config::VideoConfig;
use crate::event::{Fault, Part};
use crate::limits::{FILE_SILENT, FILE_STALL, FILE_TRIES};
use crate::segment::SoundChunk;

/// How fast a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it was recorded; it begins now.
    Live,
    /// As fast as it can be; it counts as having ended now, so that nothing of it lies in the future. What is longer than can
    /// be known, such as a pipe, is played from there on as it was recorded.
    Fast,
}

/// How long one wait for sound lasts at most, so that errors are noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// An opened file.
#[derive(Debug)]
pub struct File {
    /// Its sound, if it has any.
    pub sound: Option<FileSound>,
    /// Its pictures, if it has any and they are wanted.
    pub video: Option<Video>,
    /// What it has and nothing here can decode.
    pub missing: Vec<Fault>,
    reading: Arc<Reading>,
}

/// A file that is being read. What it is read from is closed last.
#[derive(Debug)]
pub(super) struct Reading {
    pub decoder: Decoder,
    name: String,
    input: Input,
}

impl File {
    /// Opens a file; [`File::play`] starts it. Without an encoder for its pictures, only its sound is played.
    ///
    /// # Errors
    /// When it is not there, nothing in it can be decoded, or it holds nothing of what is wanted.
    pub fn open(
        path: &Path,
        pace: Pace,
        pictures: Option<(&VideoConfig, &Encoder)>,
        clock: &dyn Clock,
    ) -> Result<Self, SourceError> {
        let unusable = |why: &dyn std::fmt::Display| SourceError(format!("cannot play {}: {why}", path.display()));
        let mut input = Input::open(path).map_err(|why| unusable(&why))?;
        // Only what is delivered has a time of day.
        let timing = match (pace, pictures) {
            (Pace::Live, _) => Timing::ByClock { ahead: Duration::ZERO },
            (Pace::Fast, Some(_)) => Timing::ByClock { ahead: length(path, &input) },
            (Pace::Fast, None) => Timing::AtOnce,
        };
        let mut tries = 0;
        let (decoder, tapped) = loop {
            tries += 1;
            let epoch = match timing {
                Timing::ByClock { ahead } => ending_at(clock.now(), ahead),
                Timing::AtOnce => clock.now(),
            };
            let timeline = Arc::new(Mutex::new(Timeline::starting_at(epoch)));
            let tapped = Arc::new(OnceLock::new());
            let branch = branches(timing, input.direction(), pictures, timeline, Arc::clone(&tapped));
            let is_last = tries == FILE_TRIES || !input.can_be_read_again();
            let element = if tries == 1 { input.decoder() } else { "decodebin" };
            let longest = if is_last { FILE_STALL } else { FILE_SILENT };
            match Decoder::open(&input, element, timing.ahead(), branch, longest) {
                Ok(decoder) => break (decoder, (tapped, epoch)),
                Err(Failed::ByChance(why)) if !is_last => {
                    log::debug!("{}: {why}; it is opened again", path.display());
                }
                Err(Failed::ForGood(why)) if element != "decodebin" => {
                    log::debug!("{}: {element} cannot play it: {why}", path.display());
                }
                Err(Failed::ByChance(why) | Failed::ForGood(why)) => {
                    // For broken pictures GStreamer 1.26 reports an error, also where only sound is wanted; 1.22 ends the stream.
                    let what = if pictures.is_none() { "no sound could be decoded: " } else { "" };
                    return Err(unusable(&format!("{what}{why}")));
                }
            }
            input = Input::open(path).map_err(|why| unusable(&why))?;
        };
        let (tapped, epoch) = tapped;
        let (sound, film) = (decoder.branch(Kind::Sound), decoder.branch(Kind::Pictures));
        let missing: Vec<Fault> = [(Part::Microphone, Kind::Sound), (Part::Camera, Kind::Pictures)]
            .into_iter()
            .filter(|(part, kind)| decoder.branch(*kind).is_none() && (*part == Part::Microphone || pictures.is_some()))
            .filter_map(|(part, kind)| {
                let what = if part == Part::Microphone { "sound" } else { "pictures" };
                let codec = decoder.undecodable(kind)?;
                Some(Fault::new(part, format!("{}: its {what} cannot be decoded: {codec}", path.display())))
            })
            .chain(input.unplayed().map(|text| Fault::new(Part::Microphone, text)))
            .collect();
        let name = path.display().to_string();
        let reading = Arc::new(Reading { decoder, name, input });
        let sound = sound.map(|branch| FileSound::new(&branch, epoch, &reading)).transpose()?;
        let video = film.and_then(|_| tapped.get().cloned()).zip(pictures);
        let video = video.map(|(taps, (config, _))| Video::of_file(taps, config, Arc::clone(&reading)));
        match (&sound, &video, missing.first()) {
            (None, None, Some(fault)) => Err(SourceError(fault.text.clone())),
            (None, None, None) if pictures.is_some() => Err(unusable(&"it holds neither sound nor pictures")),
            (None, _, None) if pictures.is_none() => Err(unusable(&"it holds no sound")),
            _ => Ok(Self { sound, video, missing, reading }),
        }
    }

    /// Starts playing: from now on sound and pictures have to be taken.
    pub fn play(&self) -> Result<(), SourceError> {
        self.reading.decoder.pipeline.play()
    }
}

/// Makes what takes sound, and pictures where they are wanted; their taps are put into `tapped`.
fn branches(
    timing: Timing,
    direction: Direction,
    pictures: Option<(&VideoConfig, &Encoder)>,
    timeline: Arc<Mutex<Timeline>>,
    tapped: Arc<OnceLock<Taps>>,
) -> Box<MakeBranch> {
    let pictures = pictures.map(|(config, encoder)| (config.clone(), encoder.clone()));
    Box::new(move |kind, caps| {
        let rate = caps.structure(0).and_then(|one| one.get::<gst::Fraction>("framerate").ok());
        match (kind, &pictures) {
            (Kind::Sound, _) => bin(&replay::sound(timing)).map(Some),
            (Kind::Pictures, None) => Ok(None),
            (Kind::Pictures, Some((config, encoder))) => {
                let frames = Frames { rate: rate.map_or(0.0, fraction), are_jpeg: false };
                let encoder = pipeline::encoder_part(encoder, config, frames, Memory::Copied);
                let bin = bin(&replay::pictures(config, frames, &encoder, direction, timing))?;
                // One that is there already is of a stream that is read already.
                let _ = tapped.set(Taps::on(&bin, Arc::clone(&timeline), config, None)?);
                Ok(Some(bin))
            }
        }
    })
}

fn bin(description: &str) -> Result<gst::Bin, SourceError> {
    gst::parse::bin_from_description(description, true).map_err(|error| SourceError(super::missing_plugin(&error)))
}

fn fraction(rate: gst::Fraction) -> f64 {
    f64::from(rate.numer()) / f64::from(rate.denom().max(1))
}

/// How long it plays: by what is in it, since headers lie. Zero where that cannot be known.
fn length(path: &Path, input: &Input) -> Duration {
    if !input.can_be_read_again() {
        return Duration::ZERO;
    }
    let measured = |element| {
        let length = Input::open(path).map_err(SourceError).and_then(|input| Decoder::length(&input, element));
        length.inspect_err(|why| log::debug!("{}: {element} does not know its length: {why}", path.display()))
    };
    let parser = match input.decoder() {
        "decodebin" if !input.is_stream() => "parsebin",
        decoder => decoder,
    };
    let by_parsing = measured(parser).ok().filter(|length| !length.is_zero());
    by_parsing.or_else(|| measured("decodebin").ok()).unwrap_or_default()
}

/// The sound of a file.
#[derive(Debug)]
pub struct FileSound {
    sink: gst_app::AppSink,
    epoch: Timestamp,
    mixer: Mixer,
    has_come: bool,
    reading: Arc<Reading>,
}

impl FileSound {
    fn new(branch: &gst::Bin, epoch: Timestamp, reading: &Arc<Reading>) -> Result<Self, SourceError> {
        let (sink, mixer) = (appsink(branch, "sound")?, Mixer::new(1));
        Ok(Self { sink, epoch, mixer, has_come: false, reading: Arc::clone(reading) })
    }

    fn next(&self) -> Result<Option<gst::Sample>, SourceError> {
        let mut patience = Patience::default();
        let decoder = &self.reading.decoder;
        let failed = |why: &str| SourceError(format!("{}: its sound ends early: {why}", self.reading.name));
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::try_from(LONGEST_WAIT).ok()) {
                return Ok(Some(sample));
            }
            if let Some(error) = decoder.error().or_else(|| patience.waited(LONGEST_WAIT, decoder)) {
                return Err(failed(&error));
            }
            if self.sink.is_eos() {
                return Ok(None);
            }
        }
    }
}

impl SoundSource for FileSound {
    fn read(&mut self, _: usize) -> Result<Option<SoundChunk>, SourceError> {
        let Some(sample) = self.next()? else {
            let nothing = || SourceError(format!("{}: nothing of its sound could be decoded", self.reading.name));
            self.reading.tell_unread();
            return if self.has_come { Ok(None) } else { Err(nothing()) };
        };
        self.has_come = true;
        let channels = sample.caps().and_then(|caps| caps.structure(0)?.get::<i32>("channels").ok());
        let channels = channels.and_then(|channels| usize::try_from(channels).ok()).unwrap_or(1);
        if channels != self.mixer.channels() {
            self.mixer = Mixer::new(channels);
        }
        let running = running_time(&sample).unwrap_or(Duration::ZERO);
        let bytes = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
        let samples = bytes.iter().flat_map(|bytes| bytes.chunks_exact(2)).map(|b| i16::from_le_bytes([b[0], b[1]]));
        let samples = self.mixer.mix(&samples.collect::<Vec<_>>());
        Ok(Some(SoundChunk { captured: self.epoch + signed(running), samples }))
    }
}

impl Reading {
    /// Says so if much of the file was not read: of most kinds of joined films GStreamer plays the first alone.
    fn tell_unread(&self) {
        if let Some(text) = self.input.unplayed() {
            log::warn!("{text}");
            return;
        }
        let (Some(all), Some(read)) = (self.input.bytes(), self.decoder.bytes_read()) else { return };
        if read < all / 10 * 6 {
            log::warn!(
                "{}: only {read} of its {all} bytes were played; if it was joined from several files, take it apart",
                self.name
            );
        }
    }

    /// What goes wrong with the pictures, in words that say of which file.
    pub fn trouble(&self, why: &str) -> String {
        format!("{}: its pictures end early: {why}", self.name)
    }

    /// Nothing was seen of what it has to show.
    pub fn nothing_seen(&self) -> SourceError {
        SourceError(format!("{}: not one of its pictures could be decoded", self.name))
    }
}
