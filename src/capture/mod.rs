//! Sound and pictures from their sources. PURE types; the edges are the files named for a technology.

#[cfg(feature = "device")]
pub mod alsa;
pub mod camera;
pub mod channels;
pub mod encoder;
pub mod gain;
#[cfg(feature = "device")]
pub mod gstreamer;
pub mod joined;
pub mod jpeg;
pub mod keeper;
pub mod ladder;
pub mod listen;
#[cfg(feature = "device")]
mod losses;
pub mod loudness;
#[cfg(feature = "device")]
mod microphone;
pub mod mute;
pub mod orientation;
mod peek;
pub mod pipeline;
pub mod replay;
pub mod retime;
pub mod run;
pub mod schedule;
mod shortages;
#[cfg(feature = "device")]
pub mod stages;
#[cfg(feature = "device")]
mod stamp;
pub mod synthetic_voice;
pub mod test_sound;
pub mod timeline;
#[cfg(feature = "device")]
pub mod v4l;
pub mod vitals;
#[cfg(feature = "device")]
pub mod watch;
pub mod wav;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

use crate::segment::SoundChunk;
use crate::supervise::Retry;

/// Where sound comes from, read by a thread of its own.
pub trait SoundSource {
    /// Waits for the next chunk, for a stall's length at most ([`crate::limits::SOUND_STALL`]). `None` at the end of
    /// a source that has one. Of a live source it is `samples` long, which are
    /// [`CHUNK_SAMPLES`](crate::limits::CHUNK_SAMPLES) to
    /// [`LONGEST_CHUNK_SAMPLES`](crate::limits::LONGEST_CHUNK_SAMPLES).
    ///
    /// # Errors
    /// When the source has failed; it has to be opened again.
    fn read(&mut self, samples: usize) -> Result<Option<SoundChunk>, SourceError>;
}

/// What a source of pictures has recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A finished clip, in the scratch folder.
    Clip {
        /// The run it belongs to.
        uid: Uuid,
        /// When its first frame was taken.
        start: Timestamp,
        /// When its last frame was over.
        end: Timestamp,
        /// Its MP4 file.
        file: PathBuf,
    },
    /// The picture of a second.
    Picture {
        /// The run it belongs to.
        uid: Uuid,
        /// When it was taken.
        taken: Timestamp,
        /// The JPEG file's bytes.
        jpeg: Vec<u8>,
    },
    /// A clip could not be written; why.
    ClipLost(String),
}

/// Why a source gives nothing, in one line that says what to do.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0}")]
pub struct SourceError(pub String);

impl From<SourceError> for Retry {
    fn from(error: SourceError) -> Self {
        Self::Later(error.0)
    }
}

/// A microphone, as ALSA lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MicrophoneInfo {
    /// What `--default_microphone` takes, whole or a part of it.
    pub name: String,
    /// ALSA's description, on one line; a part of it does as well.
    pub description: String,
}

/// A camera, as V4L2 lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraInfo {
    /// Its device file.
    pub device: String,
    /// Its name.
    pub card: String,
    /// Its name below `/dev/v4l/by-id`, which stays the same at any socket; USB cameras have one.
    pub by_id: Option<String>,
    /// The kernel driver.
    pub driver: String,
    /// What it can deliver.
    pub formats: Vec<CameraFormat>,
}

/// One picture format of a camera.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraFormat {
    /// V4L2's four letters: `MJPG`, `YUYV`, …
    pub fourcc: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second, highest first, rounded to a hundredth.
    pub frame_rates: Vec<f64>,
}
