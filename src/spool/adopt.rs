//! What is whole of a clip that was cut short: a fragmented MP4, up to its last whole fragment. Reads what it is given
//! and decides nothing else.
//!
//! ```text
//! ftyp  mdat moov   mdat moof   mdat moof   mdat…
//!       └ 1st s ┘   └ 2nd s ┘   └ 3rd s ┘   └ lost
//! ```

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use mp4_atom::{Atom, Header, Moof, Moov, ReadAtom, ReadFrom, Trex};

/// An index of a minute at 60 frames a second takes some 60 kB; what claims to be longer is none.
const MAX_INDEX_BYTES: usize = 1 << 20;

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
