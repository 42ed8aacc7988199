//! The side of the spool that capture has: it adds items, and gives some up when the disk is short. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, shared by threads"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use uuid::Uuid;

use super::amount::{Counts, Totals};
use super::budget::Budget;
use super::doorbell::Doorbell;
use super::error::Doing;
use super::files::{Folders, Side};
use super::ledger::items::NewRow;
use super::ledger::{Durably, Ledger, Opened};
use super::open::open;
use super::wall::Reading;
use super::{Eviction, Found, SpoolError};
use crate::durable;
use crate::item::{Dated, Entry, Kind, Owner, OwnerTag, Wall, name};
use crate::limits::LEDGER_PATIENCE;

/// The latest time that was known to be true.
pub(super) const TRUE_TIME: &str = "true_time_us";

/// For whom the last run recorded.
const LAST_OWNER: &str = "last_owner";

/// How often capture was started. It is part of the numbers of rows: none comes twice.
const STARTS: &str = "starts";

/// Takes recordings in. One thread adds to it.
#[derive(Debug)]
pub struct Intake {
    pub(super) folders: Folders,
    pub(super) owner: Option<OwnerTag>,
    /// The owner of recordings that an earlier run left unfinished.
    pub(super) leftovers_of: Option<OwnerTag>,
    doorbell: Doorbell,
    pub(super) state: Mutex<State>,
    /// In a lock of their own: the status line never waits for the disk.
    shown: Mutex<(Totals, Counts)>,
    _side: File,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) budget: Budget,
    pub(super) counts: Counts,
    next_row: i64,
    /// How often capture was started, and for whom now: it is not in the ledger yet.
    start: Option<(i64, Option<Owner>)>,
    /// Runs whose start is not in the ledger yet.
    beginning: Vec<(Uuid, Uuid, Reading)>,
    /// The number of this start of the machine, once a run has begun.
    boot: Option<i64>,
    /// The true time at which the machine was started, once it is known.
    true_us: Option<i64>,
    /// Rows that are not in the ledger yet; their files are kept.
    unwritten: Vec<NewRow>,
    /// Files may have taken their places, but not durably.
    has_moved: bool,
    /// Files of what is being recorded that the disk did not take.
    unsynced: BTreeSet<PathBuf>,
    /// Why the ledger could not be written.
    write_error: Option<String>,
}

impl Intake {
    /// Opens the spool in `dir`, making it if need be, for recordings of this owner. Takes up what earlier runs have left there.
    ///
    /// # Errors
    /// When another process has this side of it, or it cannot be made, read or written.
    pub fn open(dir: &Path, owner: Option<&Owner>) -> Result<(Self, Found), SpoolError> {
        let folders = Folders::of(dir);
        let (side, ledger, opened) = open(&folders, Side::Intake, owner)?;
        ledger.set_patience(LEDGER_PATIENCE)?;
        let tag = owner.map(Owner::tag);
        let leftovers_of = last_owner(&ledger)?.or(tag);
        let starts = ledger.note(STARTS)?.unwrap_or_default().max(ledger.last_row()? >> 32) + 1;
        let doorbell = Doorbell::new(folders.doorbell());
        let state = State {
            budget: Budget::of(None, folders.disk()?),
            counts: Counts::default(),
            next_row: starts << 32,
            ledger,
            start: Some((starts, owner.cloned())),
            beginning: Vec::new(),
            boot: None,
            true_us: None,
            unwritten: Vec::new(),
            has_moved: true,
            unsynced: BTreeSet::new(),
            write_error: None,
        };
        let (state, shown) = (Mutex::new(state), Mutex::default());
        let intake = Self { folders, owner: tag, leftovers_of, doorbell, state, shown, _side: side };
        let mut found = intake.recover(opened != Opened::Kept)?;
        if let Opened::Replaced(why) = opened {
            found.replaced = Some(why);
        }
        // Somebody may have locked the ledger: recording must not wait for that.
        intake.tend();
        found.waiting = intake.totals().waiting.items();
        Ok((intake, found))
    }

    /// Where files are written before they are admitted. Put in order at every start.
    pub fn scratch(&self) -> &Path {
        &self.folders.scratch
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Starts a run and stores what it knows of the clock, so that early recordings get their true times later. If the ledger cannot be
    /// written, [`Self::tend`] tries again.
    pub fn begin(&self, run: Uuid, boot: Uuid, now: Reading) {
        let state = &mut *self.state();
        state.beginning.push((run, boot, now));
        self.write(state);
    }

    /// The clock is right: what waited for that is placed and may be delivered. `true_us` is the true time less the time since the
    /// machine was started. Once is enough.
    pub fn settle(&self, true_us: i64) {
        let state = &mut *self.state();
        if state.true_us.is_none() && state.write_error.is_none() {
            let settled = self.settle_now(state, true_us);
            self.note_written(state, settled);
        }
    }

    fn settle_now(&self, state: &mut State, true_us: i64) -> Result<(), SpoolError> {
        let Some(boot) = state.boot else { return Ok(()) };
        state.ledger.settle(boot, true_us)?;
        state.true_us = Some(true_us);
        state.ledger.forget_runs(&self.folders.unfinished_runs()?)?;
        self.update_shown(state);
        self.doorbell.ring();
        Ok(())
    }

    /// This time, in microseconds since 1970, is known to be true.
    pub fn remember(&self, now_us: i64) -> Result<(), SpoolError> {
        self.state().ledger.set_note(TRUE_TIME, now_us)
    }

    /// Keeps an item whose file is `bytes`. When this returns, it survives a power cut.
    pub fn admit_bytes(&self, dated: Dated, bytes: &[u8]) -> Result<Eviction, SpoolError> {
        self.admit(dated, bytes.len() as u64, |path| self.write_file(path, bytes))
    }

    /// Keeps an item whose file was finished in [`Self::scratch`]. When this returns, it survives a power cut.
    pub fn admit_file(&self, dated: Dated, finished: &Path) -> Result<Eviction, SpoolError> {
        let media_bytes = fs::metadata(finished).doing("read", finished)?.len();
        if self.take_sync_failure(finished) {
            return Err(io::Error::other("a part of it could not be written")).doing("keep", finished);
        }
        self.admit(dated, media_bytes, |path| self.publish(finished, path))
    }

    pub(super) fn admit(
        &self,
        dated: Dated,
        media_bytes: u64,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Eviction, SpoolError> {
        let (owner, uptime_us) = (self.owner, dated.recorded.uptime_us);
        let file = name::data_path(&dated.item);
        let entry = Entry::new(dated, media_bytes, owner);
        let boot = self.state().boot;
        let room = self.admit_row(NewRow { row: 0, entry, owner, boot, uptime_us, refused: None }, put)?;
        // scripts/power-cuts holds the program to it.
        log::debug!("kept {file}");
        Ok(room)
    }

    pub(super) fn admit_row(
        &self,
        new: NewRow,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Eviction, SpoolError> {
        let room = self.evict_for(&mut self.state(), &new.entry.name)?;
        put(&self.folders.before_row(&new.entry.name))?;
        let state = &mut *self.state();
        state.counts.recorded.add_one(new.entry.name.kind(), new.entry.media_bytes());
        // The file is safe from here on. If its row cannot be written, the next start adds it.
        state.add(new);
        // While the ledger cannot be written, only `tend` tries.
        if state.write_error.is_none() {
            self.write(state);
        }
        Ok(room)
    }

    /// Writes a file durably, and what is being recorded along with it, which costs the card little more.
    pub(super) fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        self.folders.write(path, bytes)?;
        let done = self.sync_with(Some(path));
        done.inspect_err(|_| drop(durable::remove_volatile(path)))
    }

    /// Whether the disk has failed to take a part of this file. Linux says so once, so it is remembered.
    pub(super) fn take_sync_failure(&self, unfinished: &Path) -> bool {
        self.state().unsynced.remove(unfinished)
    }

    /// Makes a file durable, with what is being recorded, and gives it its name.
    pub(super) fn publish(&self, finished: &Path, path: &Path) -> Result<(), SpoolError> {
        self.sync_with(Some(finished))?;
        durable::relocate(finished, path).doing("keep", finished)
    }

    /// Makes durable what is being recorded, as far as it has been written.
    pub fn sync_unfinished(&self) {
        if let Err(error) = self.sync_with(None) {
            log::debug!("{}", error.line());
        }
    }

    pub(super) fn sync_with(&self, file: Option<&Path>) -> Result<(), SpoolError> {
        let mut files = self.folders.being_recorded()?;
        files.extend(file.filter(|file| !files.iter().any(|path| path == file)).map(Path::to_owned));
        let has_moved = std::mem::take(&mut self.state().has_moved);
        // Before the folder that they have left is synced: they must be in one of both.
        if let Some(Err(error)) = has_moved.then(|| self.folders.sync_places()) {
            log::debug!("{}", error.line());
            self.state().has_moved = true;
        }
        let mut result = Ok(());
        for (path, error) in durable::sync_together(&files) {
            if file.is_some_and(|file| file.starts_with(&path)) {
                result = Err(error).doing("write", &path);
            } else {
                self.state().unsynced.insert(path);
            }
        }
        result
    }

    /// Writes what is not in the ledger yet. Gives why it cannot, if so.
    pub fn tend(&self) -> Option<String> {
        let state = &mut *self.state();
        self.write(state);
        state.write_error.clone()
    }

    fn write(&self, state: &mut State) {
        let written = state.ledger.check().and_then(|()| self.write_all(state));
        self.note_written(state, written);
        self.update_shown(state);
    }

    fn note_written(&self, state: &mut State, written: Result<(), SpoolError>) {
        let had_failed = state.write_error.is_some();
        match written {
            Ok(()) => state.write_error = None,
            // What is kept gets its rows at the next start.
            Err(error) if error.needs_restart() => panic!("{}", error.line()),
            Err(error) => state.write_error = Some(error.line()),
        }
        if state.write_error.is_some() != had_failed {
            // What is recorded must not wait a second each time.
            let patience = if had_failed { LEDGER_PATIENCE } else { Duration::ZERO };
            let _ = state.ledger.set_patience(patience);
        }
    }

    fn write_all(&self, state: &mut State) -> Result<(), SpoolError> {
        if let Some((starts, owner)) = state.start.clone() {
            state.ledger.set_note(STARTS, starts)?;
            if let Some(owner) = owner {
                state.ledger.add_owner(&owner)?;
                state.ledger.set_note(LAST_OWNER, owner.tag().0.into())?;
            }
            state.start = None;
        }
        while let Some((run, boot, now)) = state.beginning.first().copied() {
            let not_before_us = state.ledger.note(TRUE_TIME)?.unwrap_or(i64::MIN);
            let (number, true_us) = state.ledger.begin_run(run, boot, now.offset_us, not_before_us, self.owner)?;
            state.beginning.remove(0);
            state.boot = Some(number);
            // An earlier run since the machine was started may have known the time.
            true_us.map_or(Ok(()), |true_us| self.settle_now(state, true_us))?;
        }
        self.write_rows(state)
    }

    fn write_rows(&self, state: &mut State) -> Result<(), SpoolError> {
        if state.unwritten.is_empty() {
            return Ok(());
        }
        let State { ledger, unwritten, boot, true_us, has_moved, .. } = state;
        unwritten.iter_mut().for_each(|new| new.boot = new.boot.or(*boot));
        let has_early = unwritten.iter().any(|new| new.entry.wall == Wall::Provisional);
        // A picture without its row is kept at the next start.
        let is_urgent = |new: &NewRow| new.entry.name.kind() != Kind::Picture;
        let durably = if unwritten.iter().any(is_urgent) { Durably::Now } else { Durably::Soon };
        ledger.insert(durably, unwritten)?;
        if let (true, Some(boot), Some(true_us)) = (has_early, *boot, *true_us) {
            // They were recorded before the clock was set, and could not be written by then.
            ledger.settle(boot, true_us)?;
        }
        // Rows in a ledger that has been set aside meanwhile are none.
        ledger.check()?;
        *has_moved = true;
        for NewRow { entry, .. } in std::mem::take(unwritten) {
            if let Err(error) = self.folders.to_place(&entry.name) {
                log::warn!("{}; the next start does it", error.line());
            }
        }
        self.doorbell.ring();
        Ok(())
    }

    /// A recording never came as far as the spool.
    pub fn count_lost(&self, kind: Kind) {
        let state = &mut *self.state();
        state.counts.dropped.add_one(kind, 0);
        if let Err(error) = state.ledger.count_loss(kind) {
            log::debug!("{}", error.line());
        }
        self.update_shown(state);
    }

    pub(super) fn update_shown(&self, state: &State) {
        let mut shown = self.shown.lock().expect("no panic while held");
        shown.1 = state.counts.clone();
        if let Ok(totals) = state.ledger.totals(self.owner) {
            shown.0 = totals;
        }
    }

    /// What this process has done since it was started.
    pub fn counts(&self) -> Counts {
        self.shown.lock().expect("no panic while held").1.clone()
    }

    /// What was in the spool within the last second or so.
    pub fn totals(&self) -> Totals {
        self.shown.lock().expect("no panic while held").0.clone()
    }
}

/// For whom the last run recorded, if it was for anybody.
pub(super) fn last_owner(ledger: &Ledger) -> Result<Option<OwnerTag>, SpoolError> {
    Ok(ledger.note(LAST_OWNER)?.and_then(|tag| u32::try_from(tag).ok()).map(OwnerTag))
}

impl State {
    /// One more row is to be written.
    pub(super) fn add(&mut self, new: NewRow) {
        self.unwritten.push(NewRow { row: self.next_row, ..new });
        self.next_row += 1;
    }
}
