//! `listener run --snapshot FILE`: what the camera sees, for a person who sets it up.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "EDGE: a device and a file")]

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::capture::gstreamer::{self, snapshot};
use crate::capture::watch;
use crate::config::VideoConfig;

/// Takes one picture.
pub fn run(config: &VideoConfig, file: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    gstreamer::init()?;
    let source = watch::find_camera(config)?;
    let jpeg = snapshot(&source, config).with_context(|| format!("no picture from {source}"))?;
    if file == Path::new("-") {
        return Ok(out.write_all(&jpeg)?);
    }
    fs::write(file, &jpeg).with_context(|| format!("cannot write {}", file.display()))?;
    log::info!("{}: a picture from {source}", file.display());
    Ok(())
}
