//! The side of the spool that capture has: it adds items, and gives some up when the disk is short. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, shared by threads"
)]

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use uuid::Uuid;

use super::amount::{Amounts, Counts, Totals};
use super::budget::{self, Budget, Candidate, Shortage};
use super::doorbell::Doorbell;
use super::error::Doing;
use super::files::{Folders, Side, each_file};
use super::ledger::items::NewRow;
use super::ledger::{Durably, Ledger, Opened};
use super::open::open;
use super::wall::Reading;
use super::{Found, SpoolError};
use crate::durable;
use crate::item::{Dated, Entry, ItemName, Kind, Owner, OwnerTag, Wall, name};
use crate::limits::{GIVEN_UP_AT_ONCE, LEDGER_PATIENCE};

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
    owner: Option<OwnerTag>,
    /// The owner of recordings that an earlier run left unfinished.
    leftovers_of: Option<OwnerTag>,
    doorbell: Doorbell,
    pub(super) state: Mutex<State>,
    /// In a lock of their own: the status line never waits for the disk.
    shown: Mutex<(Totals, Counts)>,
    _side: File,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    budget: Budget,
    counts: Counts,
    next_row: i64,
    /// How often capture was started, and for whom now: it is not in the ledger yet.
    start: Option<(i64, Option<Owner>)>,
    /// Runs whose start is not in the ledger yet.
    beginning: Vec<(Uuid, Uuid, Reading)>,
    /// The number of this start of the machine, once a run has begun.
    boot: Option<i64>,
    /// The true time less the time since the machine was started, once it is known.
    true_us: Option<i64>,
    /// Rows that are not in the ledger yet; their files are kept.
    unwritten: Vec<NewRow>,
    /// Why the ledger could not be written.
    trouble: Option<String>,
}

/// What had to be given up for a new item.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Room {
    /// Why, if anything was.
    pub shortage: Option<Shortage>,
    /// The budget.
    pub max_bytes: u64,
    /// What was given up: it has left the spool.
    pub given_up: Vec<Candidate>,
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
            trouble: None,
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

    /// Where files are written before they are admitted. Emptied at every start.
    pub fn scratch(&self) -> &Path {
        &self.folders.scratch
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Says how much of the disk may be used, other than by default. Gives up what is too much already.
    pub fn set_budget(&self, max_bytes: Option<u64>) -> Result<Room, SpoolError> {
        let disk = self.folders.disk()?;
        let state = &mut *self.state();
        state.budget = Budget::of(max_bytes, disk);
        let bytes = state.ledger.totals(self.owner)?.used_bytes().saturating_sub(state.budget.max_bytes);
        let room = self.give_up(state, Kind::Utterance, (bytes > 0).then_some(Shortage { bytes, is_disk: false }));
        self.look(state);
        room
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
        if state.true_us.is_none() && state.trouble.is_none() {
            let settled = self.settle_now(state, true_us);
            self.note_trouble(state, settled);
        }
    }

    fn settle_now(&self, state: &mut State, true_us: i64) -> Result<(), SpoolError> {
        let Some(boot) = state.boot else { return Ok(()) };
        state.ledger.settle(boot, true_us)?;
        state.true_us = Some(true_us);
        let needed = self.unfinished_runs()?;
        state.ledger.forget_runs(&needed)?;
        self.look(state);
        self.doorbell.ring();
        Ok(())
    }

    /// The runs of what lies in the scratch folder.
    fn unfinished_runs(&self) -> Result<Vec<Uuid>, SpoolError> {
        let mut runs = Vec::new();
        each_file(&self.folders.scratch, |file, _| runs.extend(file.and_then(name::run_of_unfinished)))?;
        Ok(runs)
    }

    /// This time, in microseconds since 1970, is known to be true.
    pub fn remember(&self, now_us: i64) -> Result<(), SpoolError> {
        self.state().ledger.set_note(TRUE_TIME, now_us)
    }

    /// Keeps an item whose file is `bytes`. When this returns, it survives a power cut.
    pub fn admit_bytes(&self, dated: Dated, bytes: &[u8]) -> Result<Room, SpoolError> {
        self.admit(dated, bytes.len() as u64, |path| self.folders.write(path, bytes))
    }

    /// Keeps an item whose file was finished in [`Self::scratch`]. When this returns, it survives a power cut.
    pub fn admit_file(&self, dated: Dated, finished: &Path) -> Result<Room, SpoolError> {
        let media_bytes = fs::metadata(finished).doing("read", finished)?.len();
        self.admit(dated, media_bytes, |path| durable::publish(finished, path).doing("keep", finished))
    }

    pub(super) fn admit(
        &self,
        dated: Dated,
        media_bytes: u64,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Room, SpoolError> {
        let (owner, uptime_us) = (self.owner, dated.recorded.uptime_us);
        let entry = Entry::new(dated, media_bytes, owner);
        let boot = self.state().boot;
        self.admit_row(NewRow { row: 0, entry, owner, boot, uptime_us, refused: None }, put)
    }

    pub(super) fn admit_row(
        &self,
        new: NewRow,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Room, SpoolError> {
        let room = self.make_room(&mut self.state(), &new.entry.name)?;
        put(&self.folders.before_row(&new.entry.name))?;
        let state = &mut *self.state();
        state.counts.recorded.add_one(new.entry.name.kind(), new.entry.media_bytes());
        // The file is safe from here on. If its row cannot be written, the next start adds it.
        state.add(new);
        // While the ledger cannot be written, only `tend` tries.
        if state.trouble.is_none() {
            self.write(state);
        }
        Ok(room)
    }

    /// Writes what is not in the ledger yet. Gives why it cannot, if so.
    pub fn tend(&self) -> Option<String> {
        let state = &mut *self.state();
        self.write(state);
        state.trouble.clone()
    }

    pub(super) fn write_found(&self) {
        self.write(&mut self.state());
    }

    fn write(&self, state: &mut State) {
        let written = state.ledger.check().and_then(|()| self.write_all(state));
        self.note_trouble(state, written);
        self.look(state);
    }

    fn note_trouble(&self, state: &mut State, written: Result<(), SpoolError>) {
        let had_trouble = state.trouble.is_some();
        match written {
            Ok(()) => state.trouble = None,
            // What is kept gets its rows at the next start.
            Err(error) if error.needs_restart() => panic!("{}", error.line()),
            Err(error) => state.trouble = Some(error.line()),
        }
        if state.trouble.is_some() != had_trouble {
            // What is recorded must not wait a second each time.
            let patience = if had_trouble { LEDGER_PATIENCE } else { Duration::ZERO };
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
        let State { ledger, unwritten, boot, true_us, .. } = state;
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
        for NewRow { entry, .. } in std::mem::take(unwritten) {
            if let Err(error) = self.folders.to_place(&entry.name) {
                log::warn!("{}; the next start does it", error.line());
            }
        }
        self.doorbell.ring();
        Ok(())
    }

    fn make_room(&self, state: &mut State, newcomer: &ItemName) -> Result<Room, SpoolError> {
        let disk = self.folders.disk()?;
        // With a ledger that cannot be read nothing can be given up, but what comes may still be kept.
        let used_bytes = state.ledger.totals(self.owner).map(|totals| totals.used_bytes()).unwrap_or_default();
        let shortage = state.budget.shortage(used_bytes, newcomer.disk_bytes(), newcomer.kind(), disk);
        match self.give_up(state, newcomer.kind(), shortage) {
            Err(SpoolError::LedgerBusy { .. }) if shortage.is_some_and(|shortage| !shortage.is_disk) => {
                Ok(Room::default())
            }
            other => other,
        }
    }

    fn give_up(&self, state: &mut State, newcomer: Kind, shortage: Option<Shortage>) -> Result<Room, SpoolError> {
        let Some(Shortage { bytes, is_disk }) = shortage else { return Ok(Room::default()) };
        let max_bytes = state.budget.max_bytes;
        let full = || SpoolError::Full { kind: newcomer, is_disk, max_bytes };
        let totals = state.ledger.totals(self.owner)?;
        if !budget::can_free(&totals, newcomer, bytes) {
            return Err(full());
        }
        let (mut given_up, mut freed) = (Vec::new(), 0);
        while freed < bytes {
            let lot = self.choose(state, &totals, newcomer, bytes - freed)?;
            let lot_bytes: u64 = lot.iter().map(|(candidate, _)| candidate.disk_bytes).sum();
            if freed + lot_bytes < bytes && lot.len() < GIVEN_UP_AT_ONCE {
                return Err(full());
            }
            let rows: Vec<_> = lot.iter().map(|(candidate, _)| (candidate.row, candidate.name.clone())).collect();
            if rows.iter().any(|(_, name)| name.kind() != Kind::Picture) {
                // A power cut must not bring a file back to where it lay before it had a row.
                self.folders.sync_places()?;
            }
            let gone = || self.folders.remove(rows.iter().map(|(_, name)| name));
            let removed = match state.ledger.give_up(&rows) {
                // On a full disk even that fails: first the files, then the rows. A row without a file is given up anyway.
                Err(_) if !self.folders.has_space() => {
                    gone();
                    state.ledger.give_up(&rows)?
                }
                other => other?,
            };
            gone();
            freed += lot_bytes;
            for (candidate, _) in lot.into_iter().filter(|(candidate, _)| removed.contains(&candidate.row)) {
                state.counts.dropped.add_one(candidate.name.kind(), candidate.name.media_bytes());
                given_up.push(candidate);
            }
        }
        Ok(Room { shortage, max_bytes, given_up })
    }

    /// What is worth least, until `bytes` are free, and beyond that a part of the budget in pictures: so that not every newcomer has to
    /// ask for it. What is being delivered is passed over; nobody takes the rest in hand while its files are locked.
    fn choose(
        &self,
        state: &State,
        totals: &Totals,
        newcomer: Kind,
        bytes: u64,
    ) -> Result<Vec<(Candidate, File)>, SpoolError> {
        let (mut lot, mut freed): (Vec<(Candidate, File)>, u64) = (Vec::new(), 0);
        let has_refused = totals.refused.items() + totals.of_others.items() > 0;
        for (kind, of_others) in budget::order(newcomer) {
            if of_others && (self.owner.is_none() || totals.of_others.items() == 0) {
                continue;
            }
            if freed >= bytes {
                break;
            }
            let spare = if kind == Kind::Picture { state.budget.spare_bytes() } else { 0 };
            for are_refused in [true, false].into_iter().filter(|are_refused| !are_refused || has_refused) {
                let owner = self.owner.filter(|_| of_others);
                state.ledger.each_candidate(kind, owner, are_refused, |candidate| {
                    let is_enough = freed >= bytes.saturating_add(spare) || lot.len() >= GIVEN_UP_AT_ONCE;
                    if !is_enough && let Some(lock) = self.folders.seize(&candidate.name) {
                        freed += candidate.disk_bytes;
                        lot.push((candidate, lock));
                    }
                    is_enough
                })?;
            }
        }
        Ok(lot)
    }

    /// Whether there is room again after some had to be made.
    pub fn has_room(&self) -> bool {
        let Ok(disk) = self.folders.disk() else { return false };
        let used_bytes = self.totals().used_bytes();
        self.state().budget.has_room(used_bytes, disk)
    }

    /// A recording never came as far as the spool.
    pub fn count_lost(&self, kind: Kind, bytes: u64) {
        let state = &mut *self.state();
        state.counts.dropped.add_one(kind, bytes);
        if let Err(error) = state.ledger.count_loss(kind, bytes) {
            log::debug!("{}", error.line());
        }
        self.look(state);
    }

    fn look(&self, state: &State) {
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

    /// What was given up in all runs.
    pub fn losses(&self) -> Amounts {
        self.state().ledger.losses().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn set_patience(&self, patience: Duration) {
        self.state().ledger.set_patience(patience).expect("a number");
    }

    /// For whom an earlier run recorded.
    pub(super) fn leftovers_of(&self) -> Option<OwnerTag> {
        self.leftovers_of
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
