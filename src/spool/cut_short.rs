//! What was being recorded when the power went: a clip, and what was being said.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::adopt::{self, Whole};
use super::error::Doing;
use super::files::{SHARED, each_file};
use super::intake::Intake;
use super::ledger::clocks::UNKNOWN_BOOT;
use super::ledger::items::NewRow;
use super::{Eviction, SpoolError};
use crate::clock::signed;
use crate::durable;
use crate::item::{Dated, Entry, Item, Recorded, WAV_HEADER_BYTES, Wall, name};
use crate::limits::{SAMPLE_RATE_HZ, SPEECH_RESERVED_BYTES};

/// Of 16-bit samples.
const BYTES_PER_MS: usize = SAMPLE_RATE_HZ as usize / 1000 * 2;

impl Intake {
    /// Keeps the complete part of a clip that was being written. False if there is none.
    pub(super) fn adopt_clip(&self, file: &str, path: &Path) -> Result<bool, SpoolError> {
        let Some((uid, start)) = name::parse_unfinished_clip(file) else { return Ok(false) };
        let mut clip = File::options().read(true).write(true).open(path).doing("open", path)?;
        let Some(whole) = whole_of(&mut clip).doing("mend", path)? else { return Ok(false) };
        clip.set_len(whole.bytes).doing("shorten", path)?;
        if let Some((at, index)) = adopt::mended_index(&mut clip, whole.length) {
            clip.write_all_at(&index, at).doing("mend", path)?;
        }
        // As in a clip that ends by itself: its last frame may be over a moment after the minute.
        let minute = Timestamp::from_second((start.as_second().div_euclid(60) + 1) * 60).unwrap_or(Timestamp::MAX);
        let end = (start + signed(whole.length)).min(minute);
        match self.adopt(Item::Clip { uid, start, end }, whole.bytes, |to| self.publish(path, to)) {
            // There may be room at the next start.
            Err(SpoolError::Full { .. }) => Ok(true),
            other => other.map(|_| true),
        }
    }

    /// The files of what was being said.
    pub fn unfinished_speech(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let is_speech = |file: Option<&str>| file.and_then(name::parse_unfinished_speech).is_some();
        let listed = each_file(self.scratch(), |file, path| files.extend(is_speech(file).then(|| path.to_owned())));
        listed.map_or(Vec::new(), |()| files)
    }

    /// Makes an utterance of what was being said, as far as it is there. `wav` makes a file of samples. Says whether there was any.
    pub fn adopt_speech(
        &self,
        path: &Path,
        track_id: String,
        wav: impl Fn(&[i16]) -> io::Result<Vec<u8>>,
    ) -> Result<bool, SpoolError> {
        let parsed = path.file_name().and_then(|file| name::parse_unfinished_speech(&file.to_string_lossy()));
        let Some((uid, index, start)) = parsed else { return Ok(false) };
        let bytes = fs::read(path).doing("read", path)?;
        let sound = bytes.get(WAV_HEADER_BYTES..).unwrap_or_default();
        let length_ms = sound.len() / BYTES_PER_MS;
        // It may have been kept, and this be left by a disk that did not remove it.
        if length_ms == 0 || self.state().ledger.has_utterance(uid, index)? {
            return durable::remove_volatile(path).doing("remove", path).map(|()| false);
        }
        let whole = sound[..length_ms * BYTES_PER_MS].chunks_exact(2);
        let samples: Vec<_> = whole.map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect();
        let wav = wav(&samples).doing("make a WAV of", path)?;
        let end = start + SignedDuration::from_millis(length_ms as i64);
        let item = Item::Utterance { uid, index, start, end, track_id };
        self.adopt(item, wav.len() as u64, |to| self.complete_speech(to, &wav, path))?;
        Ok(true)
    }

    /// Keeps an item of an earlier run, by what that knew of the clock.
    fn adopt(
        &self,
        item: Item,
        media_bytes: u64,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Eviction, SpoolError> {
        let run = {
            let ledger = &self.state().ledger;
            // A clip's run may not be in the ledger; then it is from the latest.
            match ledger.run_clock(item.uid())? {
                None => ledger.last_run_clock()?,
                known => known,
            }
        };
        let (boot, offset_us, wall) = match run {
            None => (UNKNOWN_BOOT, 0, Wall::Known),
            Some(run) => match run.true_us {
                Some(true_us) => (run.boot, true_us, Wall::Known),
                None => (run.boot, run.offset_us, Wall::Provisional),
            },
        };
        let uptime_us = item.start().as_microsecond().saturating_sub(offset_us);
        let owner = run.map_or(self.leftovers_of, |run| run.owner);
        let recorded = Recorded { boot: uuid::Uuid::nil(), uptime_us };
        let entry = Entry::new(Dated { item, recorded, wall }, media_bytes, owner);
        self.admit_row(NewRow { row: 0, entry, owner, boot: Some(boot), uptime_us, refused: None }, put)
    }

    /// More of what is being said, `wav` being the next bytes of its file: lest the power goes before it is over.
    pub fn add_speech(&self, so_far: &Path, wav: &[u8]) -> io::Result<()> {
        durable::append_volatile(so_far, wav, SHARED, SPEECH_RESERVED_BYTES)
    }

    /// Keeps an utterance. If its beginning is in a file already, that becomes the utterance's: sound is written to the card once, and an
    /// utterance is never there twice.
    pub fn admit_speech(&self, dated: Dated, wav: &[u8], so_far: Option<&Path>) -> Result<Eviction, SpoolError> {
        let admitted = self.admit(dated, wav.len() as u64, |path| {
            let Some(so_far) = so_far else { return self.write_file(path, wav) };
            if !self.take_sync_failure(so_far) && self.complete_speech(path, wav, so_far).is_ok() {
                return Ok(());
            }
            // The disk did not take a part of it. All of it is still here.
            durable::remove_volatile(so_far).doing("remove", so_far)?;
            self.write_file(path, wav)
        });
        if let (Err(SpoolError::Full { .. }), Some(so_far)) = (&admitted, so_far) {
            self.forget_speech(so_far);
        }
        admitted
    }

    /// Adds the rest of `wav` to a file that has its beginning, but for the header.
    fn complete_speech(&self, path: &Path, wav: &[u8], so_far: &Path) -> Result<(), SpoolError> {
        durable::complete_volatile(so_far, wav, WAV_HEADER_BYTES).doing("write", so_far)?;
        self.publish(so_far, path)
    }

    /// What was being said is over, and no utterance.
    pub fn forget_speech(&self, so_far: &Path) {
        if let Err(error) = durable::remove_volatile(so_far) {
            log::debug!("cannot remove what was no speech: {error}");
        }
    }
}

/// What is whole of a clip; one that was being finished is first made what it was before.
fn whole_of(clip: &mut File) -> io::Result<Option<Whole>> {
    if let Some(whole) = adopt::whole(clip) {
        return Ok(Some(whole));
    }
    for (at, bytes) in adopt::unfinished(clip).into_iter().flatten() {
        clip.write_all_at(&bytes, at)?;
    }
    Ok(adopt::whole(clip))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::capture::keeper::{Keeper, Recording};
    use crate::clock::{Clock, ManualClock};
    use crate::durable::power;
    use crate::item::Kind;
    use crate::spool::Outbox;
    use crate::spool::queue::Want;

    const SECOND: usize = SAMPLE_RATE_HZ as usize;

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("in range")
    }

    fn keeper(dir: &Path) -> (Keeper, Outbox) {
        keeper_by(&Arc::new(clock()), dir)
    }

    fn clock() -> ManualClock {
        ManualClock::at(start() + SignedDuration::from_secs(9))
    }

    fn keeper_by(clock: &Arc<ManualClock>, dir: &Path) -> (Keeper, Outbox) {
        let intake = Arc::new(Intake::open(dir, None).expect("opens").0);
        let clock: Arc<ManualClock> = Arc::clone(clock);
        let keeper = Keeper::new(intake, Uuid::new_v4(), "CLUSTER", clock);
        (keeper, Outbox::open(dir, None).expect("opens"))
    }

    fn so_far(from: usize, samples: usize) -> Recording {
        Recording::SpeechSoFar { start: start(), from, samples: vec![7; samples] }
    }

    fn over(samples: usize) -> Recording {
        let end = start() + SignedDuration::from_millis(samples as i64 / 16);
        Recording::Speech { start: start(), end, samples: vec![7; samples] }
    }

    fn lengths_s(spool: &Outbox) -> Vec<f64> {
        std::iter::from_fn(|| spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable"))
            .map(|name| spool.load(&name).expect("loads").item)
            .map(|item| item.end().duration_since(item.start()).as_secs_f64())
            .collect()
    }

    #[test]
    fn what_was_being_said_when_the_power_went_is_an_utterance_as_far_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut cut_off, spool) = keeper(dir.path());
        cut_off.keep(so_far(0, SECOND + 320), &|_| {});
        cut_off.keep(so_far(SECOND + 320, SECOND / 2 + 3), &|_| {});
        drop((cut_off, spool));
        let (_, spool) = keeper(dir.path());
        // To the millisecond.
        assert_eq!(lengths_s(&spool), [1.52]);
        assert_eq!(fs::read_dir(dir.path().join("scratch")).expect("a folder").count(), 0);
    }

    #[test]
    fn what_was_said_to_its_end_or_was_no_speech_is_not_there_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut first, spool) = keeper(dir.path());
        for recording in [so_far(0, SECOND), over(SECOND * 2), so_far(0, SECOND), Recording::NoSpeech] {
            first.keep(recording, &|_| {});
        }
        drop((first, spool));
        let (_, spool) = keeper(dir.path());
        assert_eq!(lengths_s(&spool), [2.0]);
    }

    #[test]
    fn the_beginning_of_something_else_never_gets_into_an_utterance() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut keeper, spool) = keeper(dir.path());
        keeper.keep(so_far(0, SECOND), &|_| {});
        let later = start() + SignedDuration::from_millis(700);
        let end = later + SignedDuration::from_secs(2);
        keeper.keep(Recording::Speech { start: later, end, samples: vec![9; SECOND * 2] }, &|_| {});
        let id = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable").expect("it waits");
        spool.load(&id).expect("loads");
        let wav = fs::read(spool.media(&id)).expect("readable");
        assert!(wav[WAV_HEADER_BYTES..].chunks(2).all(|sample| sample == [9, 0]));
        assert_eq!(fs::read_dir(dir.path().join("scratch")).expect("a folder").count(), 0);
    }

    #[test]
    fn what_is_cut_short_in_a_second_run_keeps_its_time_when_the_machine_starts_again() {
        let (dir, clock) = (tempfile::tempdir().expect("a folder"), Arc::new(clock()));
        drop(keeper_by(&clock, dir.path()));
        // The word of the run that first knew the time goes when the second begins.
        let (mut cut_off, spool) = keeper_by(&clock, dir.path());
        cut_off.keep(so_far(0, SECOND), &|_| {});
        drop((cut_off, spool));
        clock.reboot(clock.now() + SignedDuration::from_secs(20));
        clock.synchronise(SignedDuration::ZERO);
        let (_, spool) = keeper_by(&clock, dir.path());
        let name = spool.take(Want::Any, Duration::ZERO, || Duration::ZERO).expect("readable").expect("it may go");
        let kept = spool.load(&name).expect("loads");
        assert_eq!((kept.item.start(), kept.wall), (start(), Wall::Known));
    }

    #[test]
    fn wherever_the_power_fails_at_the_end_of_an_utterance_it_is_never_there_twice() {
        let mut kept = Vec::new();
        for operations in 1..=12 {
            let dir = power::folder();
            let (mut cut_off, spool) = keeper(dir.path());
            cut_off.keep(so_far(0, SECOND), &|_| {});
            power::watch();
            power::fail_after(operations);
            cut_off.keep(over(SECOND * 2), &|_| {});
            power::restore(|| operations % 2 == 0);
            drop((cut_off, spool));
            let (_, spool) = keeper(dir.path());
            assert!(spool.waiting(Kind::Utterance) <= 1, "after {operations} operations");
            kept.extend(lengths_s(&spool));
        }
        // All of it from the moment on at which its file was complete.
        assert!(kept.is_sorted() && kept.contains(&1.0) && kept.contains(&2.0) && kept.len() == 12, "{kept:?}");
    }
}
