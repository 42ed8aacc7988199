//! `listener devices`: what is plugged in.

use std::io::Write;

use serde::Serialize;

use crate::capture::gstreamer::{self, encoders};
use crate::capture::{CameraFormat, CameraInfo, MicrophoneInfo, alsa, v4l};

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Devices {
    microphones: Vec<MicrophoneInfo>,
    cameras: Vec<CameraInfo>,
    /// H.264 encoders, the one that would be used first.
    encoders: Vec<&'static str>,
}

impl Devices {
    /// Looks.
    pub fn find() -> anyhow::Result<Self> {
        gstreamer::init()?;
        Ok(Self { microphones: alsa::list(), cameras: v4l::list(), encoders: encoders() })
    }

    /// Prints them for a person, or as JSON.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        if json {
            writeln!(out, "{}", serde_json::to_string_pretty(self)?)?;
            return Ok(());
        }
        self.print_microphones(out)?;
        writeln!(out, "\ncameras (--camera takes the device, or a part of the name)")?;
        for CameraInfo { device, card, driver, formats } in &self.cameras {
            writeln!(out, "  {device}  {card} ({driver})")?;
            for CameraFormat { fourcc, width, height, frame_rates } in formats {
                let rates = frame_rates.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
                writeln!(out, "    {fourcc} {width}x{height} at {rates}")?;
            }
        }
        none_if_empty(self.cameras.is_empty(), out)?;
        writeln!(out, "\nH.264 encoders (the first is used)")?;
        self.encoders.iter().try_for_each(|name| writeln!(out, "  {name}"))?;
        none_if_empty(self.encoders.is_empty(), out)
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
