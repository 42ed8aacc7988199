//! Pictures, and recorded files, through GStreamer. EDGE: the only folder that imports it. 1.22 is the oldest supported.
//!
//! ```text
//! camera | test picture | file ─> tee ─> encoder ─> h264parse ─> appsink ─> clip files
//!                                  └──> first frame of a second ─> JPEG ─> appsink
//! ```

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: GStreamer")]

mod clip;
mod decoder;
mod encoder;
mod file;
mod input;
mod libcamera;
mod retime;
mod video;

use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

pub use encoder::{find_encoders, trial_rate};
pub use file::{File, FileSound, Pace};
pub use libcamera::cameras as libcamera_cameras;
pub use video::{Desk, Stopped, Video, snapshot};

use super::SourceError;
use crate::capture::vitals::Trouble;

/// Must be called before anything else here.
///
/// # Errors
/// When the library cannot be used at all.
pub fn init() -> Result<(), SourceError> {
    gst::init().map_err(|error| SourceError(format!("GStreamer cannot start: {error}; is it installed?")))
}

/// A pipeline that stops when it is dropped, whichever way that comes about.
#[derive(Debug)]
struct Pipeline(gst::Pipeline);

impl Pipeline {
    /// Makes one of a description in the syntax of gst-launch-1.0.
    fn parse(description: &str) -> Result<Self, SourceError> {
        let element = gst::parse::launch(description).map_err(|error| SourceError(missing_plugin(&error)))?;
        let pipeline = element.downcast::<gst::Pipeline>();
        pipeline.map(Self).map_err(|_| SourceError("the pipeline has only one element".into()))
    }

    fn play(&self) -> Result<(), SourceError> {
        self.0.set_state(gst::State::Playing).map(drop).map_err(|_| self.cause())
    }

    /// Opens its devices and files, and lets data come as far as the sinks.
    fn pause(&self) -> Result<(), SourceError> {
        self.0.set_state(gst::State::Paused).map(drop).map_err(|_| self.cause())
    }

    /// Waits for its end.
    fn is_over(&self, longest: Duration) -> Result<bool, SourceError> {
        let Some(bus) = self.0.bus() else { return Ok(true) };
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(gst::ClockTime::try_from(longest).ok(), &ends);
        match message.as_ref().and_then(describe) {
            Some(error) => Err(SourceError(error)),
            None => Ok(message.is_some()),
        }
    }

    fn cause(&self) -> SourceError {
        SourceError(self.error().unwrap_or_else(|| "GStreamer does not say why".into()))
    }

    fn element(&self, name: &str) -> Result<gst::Element, SourceError> {
        element(self.0.upcast_ref(), name)
    }

    fn appsink(&self, name: &str) -> Result<gst_app::AppSink, SourceError> {
        appsink(self.0.upcast_ref(), name)
    }

    /// Like [`Pipeline::play`], for one that has a camera.
    fn start(&self) -> Result<(), Trouble> {
        self.0.set_state(gst::State::Playing).map(drop).map_err(|_| {
            self.trouble()
                .unwrap_or_else(|| Trouble::Encoder("the pipeline does not start, and does not say why".into()))
        })
    }

    /// The first error on the bus that has not been taken yet, and whose it is.
    fn trouble(&self) -> Option<Trouble> {
        let message = self.0.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        let gst::MessageView::Error(error) = message.view() else { return None };
        let text = describe(&message)?;
        let is_camera = message.src().is_some_and(|source| source.name() == "camera");
        // Of a device that is gone or busy the camera's element tells as of a resource; what it says of the stream comes
        // from behind it.
        Some(match is_camera && error.error().kind::<gst::ResourceError>().is_some() {
            true => Trouble::Camera(text),
            false => Trouble::Encoder(text),
        })
    }

    /// The first error on the bus that has not been taken yet.
    fn error(&self) -> Option<String> {
        let message = self.0.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        describe(&message)
    }
}

fn element(bin: &gst::Bin, name: &str) -> Result<gst::Element, SourceError> {
    bin.by_name(name).ok_or_else(|| SourceError(format!("the pipeline has no element {name}")))
}

fn appsink(bin: &gst::Bin, name: &str) -> Result<gst_app::AppSink, SourceError> {
    element(bin, name)?.downcast().map_err(|_| SourceError(format!("{name} is no appsink")))
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Nothing is left to be done about a pipeline that cannot even stop.
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// An error message in its own words, followed by the detail that names the device or file.
fn describe(message: &gst::Message) -> Option<String> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    // Without a detail its last line is that of the place in GStreamer's source, which ends with the path of the element.
    let detail = error.debug().and_then(|debug| {
        let last = debug.lines().last()?;
        Some(if last.contains(" (): /") { last.rsplit('/').next()?.trim_end_matches(':') } else { last }.to_owned())
    });
    let text = error.error().message().trim_end_matches('.').to_owned();
    Some(detail.map_or(text.clone(), |detail| format!("{text} ({detail})")))
}

fn missing_plugin(error: &gst::glib::Error) -> String {
    format!("GStreamer cannot build the pipeline: {error}; install its base, good, bad and ugly plugins")
}

/// The running time of a sample's buffer: what is left when the segment's own offsets are taken away.
fn running_time(sample: &gst::Sample) -> Option<Duration> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    Some(segment.to_running_time(sample.buffer()?.pts()?)?.into())
}
