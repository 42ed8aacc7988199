//! One clip's file: a small pipeline of its own, so that a full disk ends a clip and never the pictures.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: a file, written by GStreamer")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use uuid::Uuid;

use super::video::sink_pad;
use super::{Pipeline, describe};
use crate::capture::SourceError;
use crate::durable;
use crate::limits::{CLIP_CLOSE_TIMEOUT, CLIP_UNWRITTEN_BYTES};

/// Frames that may be held back until a fragment is whole: with a key frame a second it never comes to this.
const HELD_BACK: Duration = Duration::from_millis(1500);

/// Writes encoded frames into a fragmented MP4, which a finished clip's index turns into an ordinary one. Killed before
/// that, all whole seconds can be read; each is durable before the next is over (durability rule 3).
#[derive(Debug)]
pub struct ClipWriter {
    pipeline: Pipeline,
    source: gst_app::AppSrc,
    uid: Uuid,
    path: PathBuf,
    started: Duration,
    /// Frames held back, the first of them, and whether the last is a key frame. Handed to the writing threads one by one
    /// they would wake them for each, which costs more than the writing; the fragment is no sooner durable for it.
    held: gst::BufferList,
    held_since: Duration,
    was_key: bool,
}

impl ClipWriter {
    /// Begins a file for frames of these caps, the first of which has the running time `started`; `uid` is the run it
    /// belongs to.
    pub fn create(uid: Uuid, path: &Path, caps: &gst::CapsRef, started: Duration) -> Result<Self, SourceError> {
        let pipeline = Pipeline::parse(
            "appsrc name=frames format=time block=true \
             ! video/x-h264 \
             ! mp4mux latency=1000000000 fragment-duration=1000 fragment-mode=first-moov-then-finalise \
             ! filesink name=file buffer-mode=unbuffered",
        )?;
        let source: gst_app::AppSrc =
            pipeline.element("frames")?.downcast().map_err(|_| SourceError("frames is no appsrc".into()))?;
        source.set_caps(Some(&caps.to_owned()));
        source.set_max_bytes(CLIP_UNWRITTEN_BYTES);
        let file = pipeline.element("file")?;
        file.set_property("location", path);
        flush_fragments(&sink_pad(&file)?, path.into());
        pipeline.play()?;
        let held = gst::BufferList::new();
        Ok(Self { pipeline, source, uid, path: path.into(), started, held, held_since: started, was_key: false })
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
        let is_key = !frame.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let mut frame = frame.copy();
        let within = gst::ClockTime::try_from(running.saturating_sub(self.started)).ok();
        if let Some(frame) = frame.get_mut() {
            frame.set_pts(within);
            frame.set_dts(within);
        }
        self.held.make_mut().add(frame);
        // The muxer ends a fragment with the frame behind the key frame that begins the next.
        if std::mem::replace(&mut self.was_key, is_key) || running >= self.held_since + HELD_BACK {
            self.held_since = running;
            return self.hand_over();
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), SourceError> {
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
            None => Ok(self.path),
        }
    }
}

/// Makes each fragment durable when the next one begins, in the thread that writes: a card that is slow holds up
/// nobody else.
fn flush_fragments(pad: &gst::Pad, path: PathBuf) {
    /// The box that ends a fragment: in this mode its frames stand before it.
    const END: &[u8] = b"moof";
    let state = Mutex::new((false, true));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let bytes = info.buffer().and_then(|buffer| buffer.map_readable().ok());
        let is_end = bytes.is_some_and(|bytes| bytes.get(4..8) == Some(END));
        let (was_end, is_first) = &mut *state.lock().expect("no panic while held");
        if std::mem::replace(was_end, is_end)
            && let Err(error) = durable::flush(&path, std::mem::take(is_first))
        {
            // The clip's end will meet the same card, and tell.
            log::debug!("{} is not durable yet: {error}", path.display());
        }
        gst::PadProbeReturn::Ok
    });
}
