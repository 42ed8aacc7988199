//! The Pi's own camera, which only libcamera can run.

#![expect(clippy::disallowed_methods, reason = "EDGE: devices")]

use gst::prelude::*;
use gstreamer as gst;

/// The names of the cameras that libcamera finds; none where its GStreamer plugin is not installed.
pub fn cameras() -> Vec<String> {
    let provider = gst::DeviceProviderFactory::by_name("libcameraprovider");
    let devices = provider.map(|provider| provider.devices()).unwrap_or_default();
    devices.iter().map(|device| device.display_name().into()).collect()
}
