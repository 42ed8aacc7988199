//! A recorded file, as if it were live.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: a file, read by GStreamer")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_pbutils as pbutils;
use jiff::Timestamp;

use super::video::Video;
use super::{Pipeline, running_time};
use crate::capture::encoder::Encoder;
use crate::capture::pipeline::{self, Frames};
use crate::capture::schedule::ending_at;
use crate::capture::timeline::Timeline;
use crate::capture::{SoundSource, SourceError};
use crate::clock::{Clock, signed};
use crate::config::VideoConfig;
use crate::limits::{SAMPLE_RATE_HZ, SOUND_STALL};
use crate::segment::SoundChunk;
use crate::supervise::Memory;

/// How fast a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it was recorded; it begins now.
    Live,
    /// As fast as it can be; it counts as having ended now, so that nothing of it lies in the future.
    Fast,
}

/// How long looking into a file may take: the index of a long one may be at its end, on a slow disk.
const LOOK_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(30);

/// An opened file.
#[derive(Debug)]
pub struct File {
    /// Its sound, if it has any.
    pub sound: Option<FileSound>,
    /// Its pictures, if it has any.
    pub video: Option<Video>,
    pipeline: Arc<Pipeline>,
}

impl File {
    /// Opens a file; [`File::play`] starts it. Without an encoder for its pictures, only its sound is played.
    ///
    /// # Errors
    /// When it is not there, or nothing in it can be decoded.
    pub fn open(
        path: &Path,
        pace: Pace,
        pictures: Option<(&VideoConfig, &Encoder)>,
        clock: &dyn Clock,
    ) -> Result<Self, SourceError> {
        let unusable = |cause: &dyn std::fmt::Display| SourceError(format!("cannot play {}: {cause}", path.display()));
        let absolute = path.canonicalize().map_err(|error| unusable(&error))?;
        let uri = gst::glib::filename_to_uri(&absolute, None).map_err(|error| unusable(&error))?;
        let info = pbutils::Discoverer::new(LOOK_TIMEOUT)
            .and_then(|discoverer| discoverer.discover_uri(&uri))
            .map_err(|error| unusable(&error))?;
        let has_sound = !info.audio_streams().is_empty();
        let stream = info.video_streams().into_iter().next();
        let rate = stream.as_ref().map_or(0.0, |video| fraction(video.framerate()));
        let pictures = pictures.filter(|_| stream.is_some());
        let keep_pace = pace == Pace::Live;

        let mut parts = vec!["uridecodebin name=file".to_owned()];
        if has_sound {
            parts.push(format!(
                "file. ! queue ! audioconvert ! audioresample \
                 ! audio/x-raw,format=S16LE,rate={SAMPLE_RATE_HZ},channels=1,layout=interleaved \
                 ! appsink name=sound sync={keep_pace} max-buffers=50"
            ));
        }
        if let Some((config, encoder)) = pictures {
            let frames = Frames { rate, are_jpeg: false };
            let encoder = pipeline::encoder_part(encoder, config, frames, Memory::Copied);
            parts.push(format!("file. ! queue ! {}", pipeline::branches(config, frames, &encoder, keep_pace)));
        }
        if parts.len() == 1 {
            return Err(unusable(&"it holds neither sound nor pictures"));
        }
        let pipeline = Arc::new(Pipeline::parse(&parts.join(" "))?);
        pipeline.element("file")?.set_property("uri", uri.as_str());

        let epoch = match pace {
            Pace::Live => clock.now(),
            Pace::Fast => ending_at(clock.now(), info.duration().unwrap_or_default().into()),
        };
        let sound = if has_sound {
            Some(FileSound { sink: pipeline.appsink("sound")?, epoch, pipeline: Arc::clone(&pipeline) })
        } else {
            None
        };
        let timeline = Arc::new(Mutex::new(Timeline::starting_at(epoch)));
        let tap = |(config, _)| Video::tap(Arc::clone(&pipeline), timeline, config, None);
        let video = pictures.map(tap).transpose()?;
        Ok(Self { sound, video, pipeline })
    }

    /// Starts playing: from now on sound and pictures have to be taken.
    pub fn play(&self) -> Result<(), SourceError> {
        self.pipeline.play()
    }
}

fn fraction(rate: gst::Fraction) -> f64 {
    f64::from(rate.numer()) / f64::from(rate.denom().max(1))
}

/// The sound of a file.
#[derive(Debug)]
pub struct FileSound {
    sink: gst_app::AppSink,
    epoch: Timestamp,
    pipeline: Arc<Pipeline>,
}

impl SoundSource for FileSound {
    fn read(&mut self, _: usize) -> Result<Option<SoundChunk>, SourceError> {
        let patience = gst::ClockTime::try_from(SOUND_STALL).ok();
        let Some(sample) = self.sink.try_pull_sample(patience) else {
            return match self.pipeline.error() {
                Some(error) => Err(SourceError(error)),
                None if self.sink.is_eos() => Ok(None),
                None => Err(SourceError("the file's sound does not come".into())),
            };
        };
        let running = running_time(&sample).unwrap_or(Duration::ZERO);
        let bytes = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
        let samples = bytes.iter().flat_map(|bytes| bytes.chunks_exact(2)).map(|b| i16::from_le_bytes([b[0], b[1]]));
        Ok(Some(SoundChunk { captured: self.epoch + signed(running), samples: samples.collect() }))
    }
}
