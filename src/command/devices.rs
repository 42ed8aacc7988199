//! `listener devices`: what is plugged in.

use std::io::Write;

use serde::Serialize;

use crate::capture::gstreamer::{self, libcamera_cameras};
use crate::capture::watch::find_encoder;
use crate::capture::{CameraFormat, CameraInfo, MicrophoneInfo, alsa, v4l};
use crate::config::VideoConfig;

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Devices {
    microphones: Vec<MicrophoneInfo>,
    cameras: Vec<CameraInfo>,
    /// The cameras that libcamera finds, such as the Pi's own.
    libcamera: Vec<String>,
    /// The H.264 encoder that would be used for pictures of the default size, and why; or why there is none.
    encoder: String,
}

impl Devices {
    /// Looks.
    pub fn find(video: &VideoConfig) -> anyhow::Result<Self> {
        gstreamer::init()?;
        let encoder = find_encoder(video).map_or_else(|error| error.0, |encoder| encoder.to_string());
        Ok(Self { microphones: alsa::list(), cameras: v4l::list(), libcamera: libcamera_cameras(), encoder })
    }

    /// Prints them for a person, or as JSON.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        if json {
            writeln!(out, "{}", serde_json::to_string_pretty(self)?)?;
            return Ok(());
        }
        self.print_microphones(out)?;
        writeln!(out, "\ncameras (--camera takes the device, or a part of the name)")?;
        for CameraInfo { device, card, by_id, driver, formats } in &self.cameras {
            writeln!(out, "  {device}  {card} ({driver})")?;
            by_id.iter().try_for_each(|name| writeln!(out, "    {name}"))?;
            for CameraFormat { fourcc, width, height, frame_rates } in formats {
                let rates = frame_rates.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
                writeln!(out, "    {fourcc} {width}x{height} at {rates}")?;
            }
        }
        self.libcamera.iter().try_for_each(|name| writeln!(out, "  libcamera  {name}"))?;
        none_if_empty(self.cameras.is_empty() && self.libcamera.is_empty(), out)?;
        writeln!(out, "\nH.264 encoder")?;
        Ok(writeln!(out, "  {}", self.encoder)?)
    }

    /// The microphones alone, for `--default_microphone list`.
    pub fn print_microphones(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        writeln!(out, "microphones (--default_microphone takes the name)")?;
        for MicrophoneInfo { name, description } in &self.microphones {
            writeln!(out, "  {name}  {description}")?;
        }
        none_if_empty(self.microphones.is_empty(), out)
    }
}

fn none_if_empty(is_empty: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if is_empty {
        writeln!(out, "  none found")?;
    }
    Ok(())
}
