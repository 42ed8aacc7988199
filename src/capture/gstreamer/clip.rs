//! One clip's file: a small pipeline of its own, so that a full disk ends a clip and never the pictures.

#![expect(clippy::disallowed_types, reason = "EDGE: a file, written by GStreamer")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use uuid::Uuid;

use super::{Pipeline, describe};
use crate::capture::SourceError;
use crate::durable;
use crate::limits::{CLIP_CLOSE_TIMEOUT, CLIP_RESERVED_BYTES, CLIP_UNWRITTEN_BYTES, FRAGMENT};

/// Writes encoded frames into a fragmented MP4, which a finished clip's index turns into an ordinary one. Killed before
/// that, all whole fragments can be read; the keeper makes them durable.
#[derive(Debug)]
pub struct ClipWriter {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    uid: Uuid,
    path: PathBuf,
    started: Duration,
    /// Frames held back for a fragment, and when they began. Handed to the writing threads one by one they would wake them for each,
    /// which costs more than the writing; the fragment is no sooner written for it.
    held: gst::BufferList,
    held_since: Duration,
    /// The same file, the bytes of all frames so far, and those that there is room for.
    file: File,
    bytes: u64,
    reserved: u64,
}

impl ClipWriter {
    /// Begins a file for frames of these caps, the first of which has the running time `started`; `uid` is the run it
    /// belongs to.
    pub fn create(uid: Uuid, path: &Path, caps: &gst::CapsRef, started: Duration) -> Result<Self, SourceError> {
        let pipeline = Pipeline::parse(&format!(
            "appsrc name=frames format=time block=true \
             ! video/x-h264 \
             ! mp4mux latency=1000000000 fragment-duration={} fragment-mode=first-moov-then-finalise \
             ! filesink name=file buffer-mode=unbuffered",
            FRAGMENT.as_millis()
        ))?;
        let source: gst_app::AppSrc =
            pipeline.element("frames")?.downcast().map_err(|_| SourceError("frames is no appsrc".into()))?;
        source.set_caps(Some(&caps.to_owned()));
        source.set_max_bytes(CLIP_UNWRITTEN_BYTES);
        let file = pipeline.element("file")?;
        file.set_property("location", path);
        pipeline.play()?;
        let held = gst::BufferList::new();
        let file = File::options().write(true).open(path);
        let file = file.map_err(|error| SourceError(format!("the clip cannot be written: {error}")))?;
        let (bytes, reserved) = (0, 0);
        Ok(Self { pipeline, source, uid, path: path.into(), started, held, held_since: started, file, bytes, reserved })
    }

    /// The run it belongs to.
    pub fn uid(&self) -> Uuid {
        self.uid
    }

    /// When its first frame was, in running time.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// Adds a frame. Frames are in the order in which they are shown, as encoders without B frames give them.
    pub fn push(&mut self, frame: &gst::BufferRef, running: Duration) -> Result<(), SourceError> {
        let mut frame = frame.copy();
        let within = gst::ClockTime::try_from(running.saturating_sub(self.started)).ok();
        if let Some(frame) = frame.get_mut() {
            frame.set_pts(within);
            frame.set_dts(within);
        }
        self.bytes += frame.size() as u64;
        self.held.make_mut().add(frame);
        if running >= self.held_since + FRAGMENT {
            self.held_since = running;
            return self.hand_over();
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), SourceError> {
        if self.bytes >= self.reserved {
            // If the disk is full, the writing reports it.
            let _ = durable::reserve(&self.file, self.reserved, CLIP_RESERVED_BYTES);
            self.reserved += CLIP_RESERVED_BYTES;
        }
        let held = std::mem::replace(&mut self.held, gst::BufferList::new());
        self.source.push_buffer_list(held).map(drop).map_err(|error| {
            SourceError(self.pipeline.error().unwrap_or_else(|| format!("the clip cannot be written: {error}")))
        })
    }

    /// Ends the file and gives its path.
    pub fn finish(mut self) -> Result<PathBuf, SourceError> {
        self.hand_over()?;
        let slow = || SourceError(format!("{} could not be finished in time", self.path.display()));
        self.source.end_of_stream().map_err(|_| slow())?;
        let bus = self.pipeline.0.bus().ok_or_else(slow)?;
        let patience = gst::ClockTime::try_from(CLIP_CLOSE_TIMEOUT).ok();
        let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match describe(&message.ok_or_else(slow)?) {
            Some(error) => Err(SourceError(error)),
            None => Ok(self.path.clone()),
        }
    }
}

impl Drop for ClipWriter {
    fn drop(&mut self) {
        // Nothing is written any more, or what is written takes room of its own.
        let _ = durable::give_back(&self.file);
    }
}
