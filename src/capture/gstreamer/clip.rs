//! One clip's file: a small pipeline of its own, so that a full disk ends a clip and never the pictures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::{Pipeline, describe};
use crate::capture::SourceError;
use crate::limits::CLIP_CLOSE_TIMEOUT;

/// Writes encoded frames into a fragmented MP4, which a finished clip's index turns into an ordinary one. Killed before
/// that, all whole seconds can be read (durability rule 3).
#[derive(Debug)]
pub struct ClipWriter {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    path: PathBuf,
    started: Duration,
}

impl ClipWriter {
    /// Begins a file for frames of these caps, the first of which has the running time `started`.
    pub fn create(path: &Path, caps: &gst::CapsRef, started: Duration) -> Result<Self, SourceError> {
        let pipeline = Pipeline::parse(
            "appsrc name=frames format=time block=true \
             ! video/x-h264 ! mp4mux fragment-duration=1000 fragment-mode=first-moov-then-finalise \
             ! filesink name=file",
        )?;
        let source: gst_app::AppSrc =
            pipeline.element("frames")?.downcast().map_err(|_| SourceError("frames is no appsrc".into()))?;
        source.set_caps(Some(&caps.to_owned()));
        pipeline.element("file")?.set_property("location", path);
        pipeline.play()?;
        Ok(Self { pipeline, source, path: path.into(), started })
    }

    /// When its first frame was, in running time.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// Adds a frame. Frames are in the order in which they are shown, as encoders without B frames give them.
    pub fn push(&self, frame: &gst::BufferRef, running: Duration) -> Result<(), SourceError> {
        let mut frame = frame.copy();
        let within = gst::ClockTime::try_from(running.saturating_sub(self.started)).ok();
        if let Some(frame) = frame.get_mut() {
            frame.set_pts(within);
            frame.set_dts(within);
        }
        self.source.push_buffer(frame).map(drop).map_err(|error| {
            SourceError(self.pipeline.error().unwrap_or_else(|| format!("the clip cannot be written: {error}")))
        })
    }

    /// Ends the file and gives its path.
    pub fn finish(self) -> Result<PathBuf, SourceError> {
        let slow = || SourceError(format!("{} could not be finished in time", self.path.display()));
        self.source.end_of_stream().map_err(|_| slow())?;
        let bus = self.pipeline.0.bus().ok_or_else(slow)?;
        let patience = gst::ClockTime::try_from(CLIP_CLOSE_TIMEOUT).ok();
        let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match describe(&message.ok_or_else(slow)?) {
            Some(error) => Err(SourceError(error)),
            None => Ok(self.path),
        }
    }
}
