//! Which encoders are installed, and how fast they are.

#![expect(clippy::disallowed_macros, clippy::disallowed_types, reason = "EDGE: devices, and what is installed")]

use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;

use super::Pipeline;
use crate::capture::SourceError;
use crate::capture::encoder::{Encoder, Found, Software, V4l2Encoder};
use crate::capture::ladder::Memory;
use crate::capture::pipeline::{self, Frames};
use crate::capture::v4l;
use crate::clock::Clock;
use crate::config::VideoConfig;

/// A second's worth and more: an encoder's first frames are slower than the rest.
const TRIAL_FRAMES: u32 = 48;

/// How long a trial may take: an encoder slower than ten frames a second is not worth an exact figure.
const TRIAL_PATIENCE: Duration = Duration::from_secs(5);

/// Looks for encoders, and asks the devices of those in hardware who they are.
pub fn find_encoders() -> Found {
    let software = Software::ALL.into_iter().filter(|one| gst::ElementFactory::find(one.element()).is_some());
    Found { v4l2: v4l2_encoders(), software: software.collect() }
}

/// GStreamer makes an element for each device that encodes: the first is named `v4l2h264enc`, a further one with its
/// device's name within (gstv4l2videoenc.c, `gst_v4l2_video_enc_register`); the device is a property that can be read.
fn v4l2_encoders() -> Vec<V4l2Encoder> {
    let factories = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::VIDEO_ENCODER | gst::ElementFactoryType::HARDWARE,
        gst::Rank::NONE,
    );
    let plain = gst::ElementFactory::factories_with_type(gst::ElementFactoryType::VIDEO_ENCODER, gst::Rank::NONE);
    let mut names: Vec<String> = factories.iter().chain(plain.iter()).map(|factory| factory.name().into()).collect();
    names.retain(|name| name.starts_with("v4l2") && name.ends_with("h264enc"));
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter_map(v4l2_encoder).collect()
}

fn v4l2_encoder(element: String) -> Option<V4l2Encoder> {
    let made = gst::ElementFactory::make(&element).build().ok()?;
    made.find_property("device")?;
    let device: Option<String> = made.property("device");
    let device = device?;
    match v4l::driver(&device) {
        Ok(driver) => Some(V4l2Encoder { element, device, driver }),
        Err(error) => {
            log::debug!("{device} is left out: {error}");
            None
        }
    }
}

/// Frames a second that the encoder makes of a lively picture when nothing holds it up.
///
/// # Errors
/// When it does not encode at all.
pub fn trial_rate(encoder: &Encoder, config: &VideoConfig, clock: &dyn Clock) -> Result<f64, SourceError> {
    let frames = Frames { rate: f64::from(config.frame_rate), are_jpeg: false };
    let part = pipeline::encoder_part(encoder, config, frames, Memory::Copied);
    let pipeline = Pipeline::parse(&pipeline::trial(config, &part, TRIAL_FRAMES))?;
    let encoded = super::video::count(&super::video::sink_pad(&pipeline.element("encoded")?)?);
    let began = clock.monotonic();
    pipeline.play()?;
    let bus = pipeline.0.bus().ok_or_else(|| SourceError("a pipeline without a bus".into()))?;
    let patience = gst::ClockTime::try_from(TRIAL_PATIENCE).ok();
    let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Eos, gst::MessageType::Error]);
    if let Some(error) = message.as_ref().and_then(super::describe) {
        return Err(SourceError(error));
    }
    let frames = encoded.load(std::sync::atomic::Ordering::Relaxed);
    Ok(frames as f64 / (clock.monotonic() - began).as_secs_f64())
}
