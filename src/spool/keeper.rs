//! Makes items of what is recorded, and keeps them. EDGE: it writes to the spool.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Item, Kind, Spool, SpoolError};
use crate::capture::Seen;
use crate::event::{Event, Fault, Part};
use crate::limits::SAMPLE_RATE_HZ;

/// What the capture stages hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// Something said, from `start` to `end`, 16 kHz mono.
    Speech {
        /// When its first sample was taken.
        start: Timestamp,
        /// When its last sample was over.
        end: Timestamp,
        /// The sound.
        samples: Vec<i16>,
    },
    /// Something seen.
    Seen(Seen),
}

/// Keeps the recordings of one run.
#[derive(Debug)]
pub struct Keeper {
    spool: Arc<Spool>,
    uid: Uuid,
    next_index: u32,
    track_cluster: String,
    /// What could not be kept the last time it was tried.
    lost: BTreeSet<Kind>,
}

impl Keeper {
    /// For a run of its own: `uid` is new at every start, so that utterance numbers are never used twice.
    pub fn new(spool: Arc<Spool>, uid: Uuid, track_cluster: &str) -> Self {
        Self { spool, uid, next_index: 0, track_cluster: track_cluster.into(), lost: BTreeSet::new() }
    }

    /// Keeps one recording; says what came of it.
    pub fn keep(&mut self, recording: Recording, tell: &dyn Fn(Event)) {
        let (kind, result) = match recording {
            Recording::Speech { start, end, samples } => (Kind::Utterance, self.keep_speech(start, end, &samples)),
            Recording::Seen(Seen::Picture { uid, taken, jpeg }) => {
                (Kind::Picture, self.spool.admit_bytes(Item::Picture { uid, taken }, &jpeg))
            }
            Recording::Seen(Seen::Clip { uid, start, end, file }) => {
                let result = self.spool.admit_file(Item::Clip { uid, start, end }, &file);
                if result.is_err() {
                    // It is in the scratch folder, which the next start empties, but the disk may be full now.
                    let _ = fs::remove_file(&file);
                }
                (Kind::Clip, result)
            }
            Recording::Seen(Seen::ClipLost(cause)) => return self.lose(Kind::Clip, cause, tell),
        };
        match result {
            Ok(()) => {
                tell(Event::Recorded(kind));
                if self.lost.remove(&kind) && self.lost.is_empty() {
                    tell(Event::Cleared(Part::Disk));
                }
            }
            Err(error) => self.lose(kind, error.line(), tell),
        }
    }

    fn lose(&mut self, kind: Kind, cause: String, tell: &dyn Fn(Event)) {
        tell(Event::Dropped(kind));
        // Pictures go first when space runs out; what goes after them is worth a line of its own.
        if self.lost.insert(kind) {
            tell(Event::Fault(Fault::new(Part::Disk, cause)));
        }
    }

    fn keep_speech(&mut self, start: Timestamp, end: Timestamp, samples: &[i16]) -> Result<(), SpoolError> {
        let wav = wav(samples).map_err(|source| SpoolError::Io {
            doing: "make a WAV for",
            path: self.spool.scratch().into(),
            source,
        })?;
        let track_id = format!("T-{}-{}", self.track_cluster, Uuid::new_v4().simple());
        let item = Item::Utterance { uid: self.uid, index: self.next_index, start, end, track_id };
        // The number is used up even if the item cannot be kept: two rows of one number stop the server's chain.
        self.next_index += 1;
        self.spool.admit_bytes(item, &wav)
    }
}

/// A WAV file of 16-bit mono samples.
fn wav(samples: &[i16]) -> io::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(io::Error::other)?;
    let mut block = writer.get_i16_writer(samples.len() as u32);
    samples.iter().for_each(|sample| block.write_sample(*sample));
    block.flush().map_err(io::Error::other)?;
    writer.finalize().map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn speech(second: i64) -> Recording {
        Recording::Speech { start: at(second), end: at(second + 1), samples: vec![7; 16_000] }
    }

    #[test]
    fn utterances_are_numbered_and_their_wavs_read_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let mut keeper = Keeper::new(Arc::clone(&spool), Uuid::nil(), "CLUSTER");
        keeper.keep(speech(0), &|_| {});
        keeper.keep(speech(5), &|_| {});
        for expected in 0..2 {
            let name = spool.take(Duration::ZERO, || Duration::ZERO).expect("waits");
            let Item::Utterance { index, track_id, .. } = spool.load(&name).expect("loads").item else {
                panic!("an utterance was kept")
            };
            assert_eq!(index, expected);
            assert!(track_id.starts_with("T-CLUSTER-") && track_id.len() == "T-CLUSTER-".len() + 32);
            let wav = hound::WavReader::open(spool.media(&name)).expect("a WAV");
            assert_eq!((wav.spec().sample_rate, wav.duration()), (16_000, 16_000));
        }
    }

    #[test]
    fn a_loss_is_counted_each_time_and_told_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let spool = Arc::new(Spool::open(dir.path()).expect("opens").0);
        let mut keeper = Keeper::new(spool, Uuid::nil(), "CLUSTER");
        let told = RefCell::new(Vec::new());
        let tell = |event| told.borrow_mut().push(event);
        let gone = || {
            let file = "/nonexistent/clip.mp4".into();
            Recording::Seen(Seen::Clip { uid: Uuid::nil(), start: at(0), end: at(20), file })
        };
        keeper.keep(gone(), &tell);
        keeper.keep(gone(), &tell);
        let is_fault = |event: &&Event| matches!(event, Event::Fault(_));
        assert_eq!(told.borrow().iter().filter(is_fault).count(), 1);
        assert_eq!(told.borrow().iter().filter(|event| **event == Event::Dropped(Kind::Clip)).count(), 2);
    }
}
