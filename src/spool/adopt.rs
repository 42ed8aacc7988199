//! What is whole of a clip that was cut short: a fragmented MP4, up to its last whole fragment. PURE: what it
//! reads is passed in.
//!
//! ```text
//! ftyp  mdat moov   mdat moof   mdat moof   mdat…
//!       └ 200 ms ┘  └ 200 ms ┘  └ 200 ms ┘  └ lost
//! ```

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use mp4_atom::{Atom, Header, Moof, Moov, ReadAtom, ReadFrom, Trex};

/// An index of a minute at 60 frames a second takes some 60 kB; what claims to be longer is none.
const MAX_INDEX_BYTES: usize = 1 << 20;

/// The first index comes after the first fragment, which has a fifth of a second.
const FIRST_INDEX_WITHIN_BYTES: u64 = 16 << 20;

/// What can be played of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its first bytes; those after them belong to a fragment that was not finished.
    pub bytes: u64,
    /// How long they play.
    pub length: Duration,
}

/// Looks through a file that GStreamer's mp4mux wrote with `fragment-mode=first-moov-then-finalise`. `None` if not even
/// its first fragment is whole.
pub fn whole(file: &mut (impl Read + Seek)) -> Option<Whole> {
    let file_bytes = file.seek(SeekFrom::End(0)).ok()?;
    let mut index: Option<Index> = None;
    let (mut at, mut whole_bytes) = (0, 0);
    loop {
        file.seek(SeekFrom::Start(at)).ok()?;
        let Ok(Some(header)) = Option::<Header>::read_from(file) else { break };
        let body = file.stream_position().ok()?;
        // What goes on to the end of the file is being written.
        let Some(size) = header.size else { break };
        let Some(end) = body.checked_add(size as u64).filter(|end| *end <= file_bytes) else { break };
        match (header.kind, &mut index) {
            (Moov::KIND, None) => {
                index = Some(Index::of(&read::<Moov>(&header, file)?)?);
                whole_bytes = end;
            }
            // A second one is the finished clip's index, and nothing points to it yet.
            (Moov::KIND, Some(_)) => break,
            (Moof::KIND, Some(index)) => {
                let Some(fragment) = read::<Moof>(&header, file) else { break };
                index.add(&fragment);
                whole_bytes = end;
            }
            _ => {}
        }
        at = end;
    }
    let index = index?;
    let length = index.length().filter(|length| !length.is_zero())?;
    Some(Whole { bytes: whole_bytes, length })
}

/// Undoes what was done of finishing such a file when the power went. The muxer hides the first index, has the first piece of media
/// reach over everything, and writes another index at the end: without that nothing can be played. Gives what is to be written where,
/// if the file is like that.
pub fn unfinished(file: &mut (impl Read + Seek)) -> Option<[(u64, Vec<u8>); 2]> {
    let mut beginning = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.by_ref().take(FIRST_INDEX_WITHIN_BYTES).read_to_end(&mut beginning).ok()?;
    // The index begins with its length and its name, and then the movie's header: in video that does not occur by chance.
    let index_at = beginning.windows(16).position(|bytes| &bytes[5..8] == b"oov" && &bytes[12..] == b"mvhd")?;
    let mut at = 0;
    while at + 8 <= index_at {
        let size = u32::from_be_bytes(beginning[at..at + 4].try_into().ok()?) as usize;
        if &beginning[at + 4..at + 8] == b"mdat" {
            let size = u32::try_from(index_at - at).ok()?;
            return Some([(at as u64, size.to_be_bytes().into()), (index_at as u64 + 4, b"moov".into())]);
        }
        at = at.checked_add(size.max(8))?;
    }
    None
}

/// The index of such a file with the whole length in it, and where in the file it stands. As it was written it knows of the
/// first fragment alone, and players show that, or stop there. It keeps its size, so that it may be written in its place.
pub fn mended_index(file: &mut (impl Read + Seek), length: Duration) -> Option<(u64, Vec<u8>)> {
    let mut at = 0;
    loop {
        file.seek(SeekFrom::Start(at)).ok()?;
        let header = Option::<Header>::read_from(file).ok()??;
        let (body, size) = (file.stream_position().ok()?, header.size?);
        if header.kind == Moov::KIND {
            let mut index = vec![0; Some(size).filter(|size| *size <= MAX_INDEX_BYTES)?];
            file.read_exact(&mut index).ok()?;
            tell_length(&mut index, length, &mut 0);
            return Some((body, index));
        }
        at = body.checked_add(size as u64)?;
    }
}

/// Writes the length wherever one stands (ISO/IEC 14496-12: 8.2.2, 8.3.2, 8.4.2, 8.6.6, 8.8.2). `units_per_s` is the movie's.
fn tell_length(mut boxes: &mut [u8], length: Duration, units_per_s: &mut u32) {
    let number =
        |body: &[u8], at| body.get(at..at + 4).map_or(0, |bytes| bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)));
    while boxes.len() > 8 {
        let size = (number(boxes, 0) as usize).clamp(8, boxes.len());
        let (this, rest) = boxes.split_at_mut(size);
        let (kind, body) = this.split_at_mut(8);
        let is_long = body.first() == Some(&1);
        let rate_at = if is_long { 20 } else { 12 };
        match &kind[4..] {
            b"moov" | b"trak" | b"mdia" | b"mvex" | b"edts" => tell_length(body, length, units_per_s),
            b"mvhd" => {
                *units_per_s = number(body, rate_at);
                put_length(body, rate_at + 4, length, *units_per_s);
            }
            b"mdhd" => put_length(body, rate_at + 4, length, number(body, rate_at)),
            b"tkhd" => put_length(body, if is_long { 28 } else { 20 }, length, *units_per_s),
            b"mehd" => put_length(body, 4, length, *units_per_s),
            b"elst" => put_length(body, 8, length, *units_per_s),
            _ => {}
        }
        boxes = rest;
    }
}

/// A length has 64 bits in a box of version 1, and 32 otherwise.
fn put_length(body: &mut [u8], at: usize, length: Duration, units_per_s: u32) {
    let units = u64::try_from(length.as_nanos() * u128::from(units_per_s) / 1_000_000_000).unwrap_or(u64::MAX);
    let bytes = if body.first() == Some(&1) { &units.to_be_bytes()[..] } else { &units.to_be_bytes()[4..] };
    if let Some(place) = body.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn read<A: ReadAtom>(header: &Header, file: &mut impl Read) -> Option<A> {
    header.size.filter(|size| *size <= MAX_INDEX_BYTES)?;
    A::read_atom(header, file).ok()
}

/// The frames found so far, in units of the track's time.
struct Index {
    units_per_s: u32,
    units: u64,
    defaults: Option<Trex>,
}

impl Index {
    fn of(moov: &Moov) -> Option<Self> {
        let media = &moov.trak.first()?.mdia;
        let runs = media.minf.stbl.stts.entries.iter();
        let units = runs.map(|run| u64::from(run.sample_count) * u64::from(run.sample_delta)).sum();
        let defaults = moov.mvex.as_ref().and_then(|mvex| mvex.trex.first()).cloned();
        Some(Self { units_per_s: media.mdhd.timescale, units, defaults })
    }

    fn add(&mut self, fragment: &Moof) {
        for track in &fragment.traf {
            let default = track.tfhd.default_sample_duration;
            let default = default.or(self.defaults.as_ref().map(|trex| trex.default_sample_duration)).unwrap_or(0);
            let frames = track.trun.iter().flat_map(|run| run.samples.iter());
            let units: u64 = frames.map(|frame| u64::from(frame.duration.unwrap_or(default))).sum();
            self.units = self.units.saturating_add(units);
        }
    }

    fn length(&self) -> Option<Duration> {
        let ns = u128::from(self.units) * 1_000_000_000 / u128::from(self.units_per_s.max(1));
        u64::try_from(ns).ok().map(Duration::from_nanos)
    }
}
