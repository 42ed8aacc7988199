//! What is played: a file, or a stream that can be read only once.

#![expect(clippy::disallowed_macros, reason = "EDGE: files, and the log")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write, copy, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf, absolute};

use gst::prelude::*;
use gstreamer as gst;
use rustix::fs::{Mode, OFlags};

use super::Pipeline;
use crate::capture::SourceError;
use crate::capture::joined;
use crate::capture::orientation::{self, Direction};
use crate::capture::wav;
use crate::supervise;

/// Something to play.
#[derive(Debug)]
pub(super) enum Input {
    /// An ordinary file, which can be opened again.
    File {
        path: PathBuf,
        /// The one element that decodes it, where decodebin loses its beginning now and then: an element of its own thread may
        /// give sound before decodebin has a place for it.
        decoder: Option<&'static str>,
        /// How its pictures have to be turned.
        direction: Direction,
        /// The byte at which another file begins that is not played.
        second: Option<u64>,
    },
    /// A FIFO, a pipe, a device; or a file that is better read as one.
    Stream { end: OwnedFd, is_file: bool },
}

impl Input {
    /// Opens what is at `path`. A FIFO that nobody writes to is no reason to wait here.
    ///
    /// # Errors
    /// When it cannot be read, in words that go on from its name.
    pub fn open(path: &Path) -> Result<Self, String> {
        let kind = fs::metadata(path).map_err(|error| error.to_string())?.file_type();
        if kind.is_dir() {
            return Err("it is a folder; name a file in it".into());
        }
        if !kind.is_file() {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let end = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| error.to_string())?;
            return Ok(Self::Stream { end, is_file: false });
        }
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        if let Some(mended) = wav::mended(&mut file)? {
            log::debug!(
                "{}: its WAV header is not as it should be; its sound is read by a header of ours",
                path.display()
            );
            return stream(file, mended.header, mended.parts).map_err(|error| error.to_string());
        }
        if start(&mut file)[..4] == *b"OggS" {
            return stream(file, Vec::new(), vec![(0, u64::MAX)]).map_err(|error| error.to_string());
        }
        let (direction, second) = (orientation::mirrored(&mut file), joined::second(&mut file));
        let path = absolute(path).map_err(|error| error.to_string())?;
        Ok(Self::File { path, decoder: decoder(&mut file), direction, second })
    }

    /// Whether it can be read once more from its start.
    pub fn can_be_read_again(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Stream { is_file: true, .. })
    }

    /// Whether it is read without looking ahead: a parser then has no times for all of it.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream { .. })
    }

    /// How its pictures have to be turned.
    pub fn direction(&self) -> Direction {
        match self {
            Self::File { direction, .. } => *direction,
            Self::Stream { .. } => Direction::Auto,
        }
    }

    /// What is said of a film that is two, joined, and what to do.
    pub fn unplayed(&self) -> Option<String> {
        let Self::File { path, second: Some(at), .. } = self else { return None };
        let (path, from) = (path.display(), at + 1);
        Some(format!(
            "{path}: another film begins at byte {at} of it, and only the first is played; take it apart: \
             tail -c +{from} {path} >second"
        ))
    }

    /// How long it is, of what is read as it is.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::File { path, .. } => fs::metadata(path).ok().map(|metadata| metadata.len()),
            Self::Stream { .. } => None,
        }
    }

    /// The element that reads it, in the words of a pipeline.
    pub fn element(&self) -> &'static str {
        match self {
            Self::File { .. } => "filesrc name=source",
            Self::Stream { .. } => "fdsrc name=source",
        }
    }

    /// The element that decodes it on a first try.
    pub fn decoder(&self) -> &'static str {
        match self {
            Self::File { decoder: Some(decoder), .. } => decoder,
            _ => "decodebin",
        }
    }

    /// Tells that element what to read. The pipeline must not outlive the input.
    pub fn give(&self, pipeline: &Pipeline) -> Result<(), SourceError> {
        let source = pipeline.element("source")?;
        match self {
            Self::File { path, .. } => source.set_property("location", path),
            Self::Stream { end, .. } => source.set_property("fd", end.as_raw_fd()),
        }
        Ok(())
    }
}

/// A file's parts behind a header, written by a thread that ends when nobody reads it any more. Read as a stream, a chained Ogg
/// file is heard to its end; where oggdemux can look ahead, it passes over links with the serial number of another.
fn stream(mut file: File, header: Vec<u8>, parts: Vec<(u64, u64)>) -> std::io::Result<Input> {
    let (reader, mut writer) = pipe()?;
    supervise::named("file", move || {
        let mut write = || -> std::io::Result<()> {
            writer.write_all(&header)?;
            for (at, bytes) in &parts {
                file.seek(SeekFrom::Start(*at))?;
                copy(&mut (&mut file).take(*bytes), &mut writer)?;
            }
            Ok(())
        };
        if let Err(error) = write() {
            log::debug!("the file was not read to its end: {error}");
        }
    });
    Ok(Input::Stream { end: reader.into(), is_file: true })
}

fn decoder(file: &mut File) -> Option<&'static str> {
    let start = start(file);
    let decoder = match (&start[..4], &start[8..12]) {
        (b"FORM", b"AIFF" | b"AIFC") => "aiffparse",
        // Wave64: "riff" is the beginning of a GUID.
        (b"riff", _) => "sfdec",
        _ => return None,
    };
    gst::ElementFactory::find(decoder).map(|_| decoder)
}

/// The first bytes; zeros where there are fewer.
fn start(file: &mut File) -> [u8; 12] {
    let mut start = [0; 12];
    // What cannot be read here cannot be played either; the player reports it.
    let _ = file.rewind().and_then(|()| file.read_exact(&mut start));
    start
}
