//! The side of the spool that capture has: it adds items, and gives some up when the disk is short. EDGE.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files, shared by threads")]

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use uuid::Uuid;

use super::amount::{Amounts, Counts, Totals};
use super::budget::{self, Budget, Candidate, Shortage};
use super::doorbell::Doorbell;
use super::error::Doing;
use super::files::Folders;
use super::ledger::clocks::UNKNOWN_BOOT;
use super::ledger::items::NewRow;
use super::ledger::{Durably, Ledger, Opened};
use super::wall::Reading;
use super::{Found, SpoolError, filled};
use crate::durable;
use crate::item::{Dated, Entry, ItemName, Kind, Owner, OwnerTag};
use crate::limits::GIVEN_UP_AT_ONCE;

/// The latest time that was known to be true.
pub(super) const TRUE_TIME: &str = "true_time_us";

/// Takes recordings in. One thread adds to it.
#[derive(Debug)]
pub struct Intake {
    pub(super) folders: Folders,
    owner: Option<OwnerTag>,
    doorbell: Doorbell,
    pub(super) state: Mutex<State>,
    _side: File,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    budget: Budget,
    counts: Counts,
    next_row: i64,
    /// The number of this start of the machine.
    boot: i64,
    /// What was recorded before the clock was set is placed.
    is_settled: bool,
    /// These are kept, and wait until the ledger can be written again.
    unwritten: Vec<NewRow>,
    /// Why they could not be.
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
        folders.make()?;
        let side = folders.take_side("lock")?;
        let (mut ledger, opened) = Ledger::open(&folders, |ledger| filled(&folders, ledger))?;
        owner.map_or(Ok(()), |owner| ledger.claim(owner))?;
        let budget = Budget::of(None, folders.disk()?);
        let state = State {
            next_row: ledger.last_row()? + 1,
            ledger,
            budget,
            counts: Counts::default(),
            boot: UNKNOWN_BOOT,
            is_settled: false,
            unwritten: Vec::new(),
            trouble: None,
        };
        let doorbell = Doorbell::new(folders.doorbell());
        let intake =
            Self { folders, owner: owner.map(Owner::tag), doorbell, state: Mutex::new(state), _side: side };
        let mut found = intake.recover()?;
        if let Opened::Replaced(why) = opened {
            found.replaced = Some(why);
        }
        intake.state().ledger.renew()?;
        found.waiting = intake.totals().waiting.items();
        intake.doorbell.ring();
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
        let used_bytes: u64 = state.ledger.totals(self.owner)?.disk_bytes.iter().sum();
        let bytes = used_bytes.saturating_sub(state.budget.max_bytes);
        self.give_up(state, Kind::Utterance, (bytes > 0).then_some(Shortage { bytes, is_disk: false }))
    }

    /// A run begins: what it records before the clock is set will be placed by what is kept here of it.
    pub fn begin(&self, run: Uuid, boot: Uuid, now: Reading) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        let not_before_us = state.ledger.note(TRUE_TIME)?.unwrap_or(i64::MIN);
        let (number, true_us) = state.ledger.begin_run(run, boot, now.offset_us, not_before_us)?;
        state.boot = number;
        state.ledger.forget_runs()?;
        // An earlier run since the machine was started may have known the time.
        true_us.map_or(Ok(()), |true_us| self.settle_now(state, true_us))
    }

    /// The clock is right: what waited for that is placed and may be delivered. `true_us` is the true time less the time since the
    /// machine was started. Once is enough.
    pub fn settle(&self, true_us: i64) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        if state.is_settled { Ok(()) } else { self.settle_now(state, true_us) }
    }

    fn settle_now(&self, state: &mut State, true_us: i64) -> Result<(), SpoolError> {
        state.ledger.settle(state.boot, true_us)?;
        state.is_settled = true;
        self.doorbell.ring();
        Ok(())
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
        let state = &mut *self.state();
        let (boot, uptime_us) = (state.boot, dated.recorded.uptime_us);
        let entry = Entry::new(dated, media_bytes, self.owner);
        self.admit_entry(state, entry, boot, uptime_us, put)
    }

    /// The same, recorded so long after that start of the machine.
    pub(super) fn admit_entry(
        &self,
        state: &mut State,
        entry: Entry,
        boot: i64,
        uptime_us: i64,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Room, SpoolError> {
        let room = self.make_room(state, &entry.name)?;
        put(&self.folders.before_row(&entry.name))?;
        state.counts.recorded.add_one(entry.name.kind(), entry.media_bytes());
        self.add_row(state, entry, boot, uptime_us);
        self.doorbell.ring();
        Ok(room)
    }

    /// From here on the item is kept, whatever becomes of its row: a start makes one for a whole file.
    pub(super) fn add_row(&self, state: &mut State, entry: Entry, boot: i64, uptime_us: i64) {
        state.unwritten.push(NewRow { row: state.next_row, entry, boot, uptime_us, refused: None });
        state.next_row += 1;
        self.write_rows(state);
    }

    fn write_rows(&self, state: &mut State) {
        if state.unwritten.is_empty() {
            return;
        }
        // A picture without its row is kept at the next start.
        let is_urgent = |new: &NewRow| new.entry.name.kind() != Kind::Picture;
        let durably = if state.unwritten.iter().any(is_urgent) { Durably::Now } else { Durably::Soon };
        if let Err(error) = state.ledger.insert(durably, &state.unwritten) {
            state.trouble = Some(error.line());
            return;
        }
        state.trouble = None;
        for NewRow { entry, .. } in std::mem::take(&mut state.unwritten) {
            if let Err(error) = self.folders.to_place(&entry.name) {
                log::warn!("{}; the next start does it", error.line());
            }
        }
    }

    /// Writes what could not be written before. Gives why it still cannot, if so.
    pub fn tend(&self) -> Option<String> {
        let state = &mut *self.state();
        if !state.unwritten.is_empty() {
            self.write_rows(state);
            self.doorbell.ring();
        }
        state.trouble.clone()
    }

    fn make_room(&self, state: &mut State, newcomer: &ItemName) -> Result<Room, SpoolError> {
        let disk = self.folders.disk()?;
        // With a ledger that cannot be read nothing can be given up, but what comes may still be kept.
        let used_bytes = state.ledger.totals(self.owner).map(|totals| totals.disk_bytes.iter().sum()).unwrap_or_default();
        let shortage = state.budget.shortage(used_bytes, newcomer.disk_bytes(), newcomer.kind(), disk);
        self.give_up(state, newcomer.kind(), shortage)
    }

    fn give_up(&self, state: &mut State, newcomer: Kind, shortage: Option<Shortage>) -> Result<Room, SpoolError> {
        let Some(Shortage { bytes, is_disk }) = shortage else { return Ok(Room::default()) };
        let max_bytes = state.budget.max_bytes;
        let full = || SpoolError::Full { kind: newcomer, is_disk, max_bytes };
        if !budget::can_free(&state.ledger.totals(self.owner)?, newcomer, bytes) {
            return Err(full());
        }
        let (mut given_up, mut freed) = (Vec::new(), 0);
        while freed < bytes {
            let lot = self.choose(&state.ledger, newcomer, bytes - freed, state.budget.spare_bytes())?;
            let lot_bytes: u64 = lot.iter().map(|candidate| candidate.disk_bytes).sum();
            if freed + lot_bytes < bytes && lot.len() < GIVEN_UP_AT_ONCE {
                return Err(full());
            }
            let rows: Vec<_> = lot.iter().map(|candidate| (candidate.row, candidate.name.clone())).collect();
            state.ledger.give_up(&rows)?;
            self.folders.remove(lot.iter().map(|candidate| &candidate.name))?;
            freed += lot_bytes;
            for Candidate { name, .. } in &lot {
                state.counts.dropped.add_one(name.kind(), name.media_bytes());
            }
            given_up.extend(lot);
        }
        Ok(Room { shortage, max_bytes, given_up })
    }

    /// What is worth least, until `bytes` are free, and beyond that `spare` bytes of pictures: so that not every newcomer has to ask for it.
    /// What is being delivered is passed over.
    fn choose(&self, ledger: &Ledger, newcomer: Kind, bytes: u64, spare: u64) -> Result<Vec<Candidate>, SpoolError> {
        let (mut lot, mut freed) = (Vec::new(), 0);
        for (kind, of_others) in budget::order(newcomer) {
            let owner = if of_others { self.owner } else { None };
            if of_others && owner.is_none() {
                continue;
            }
            let wanted = if kind == Kind::Picture { bytes.saturating_add(spare) } else { bytes };
            let is_enough = |lot: &[Candidate], freed| freed >= wanted || lot.len() >= GIVEN_UP_AT_ONCE;
            if freed >= bytes || lot.len() >= GIVEN_UP_AT_ONCE {
                break;
            }
            ledger.each_candidate(kind, owner, |candidate| {
                if self.folders.is_free(&candidate.name) && !lot.contains(&candidate) {
                    freed += candidate.disk_bytes;
                    lot.push(candidate);
                }
                is_enough(&lot, freed)
            })?;
        }
        Ok(lot)
    }

    /// Whether there is room again after some had to be made.
    pub fn has_room(&self) -> bool {
        let Ok(disk) = self.folders.disk() else { return false };
        let state = self.state();
        let used_bytes = state.ledger.totals(self.owner).map(|totals| totals.disk_bytes.iter().sum());
        used_bytes.is_ok_and(|used_bytes| state.budget.has_room(used_bytes, disk))
    }

    /// A recording never came as far as the spool.
    pub fn count_lost(&self, kind: Kind, bytes: u64) {
        let state = &mut *self.state();
        state.counts.dropped.add_one(kind, bytes);
        if let Err(error) = state.ledger.count_loss(kind, bytes) {
            log::debug!("{}", error.line());
        }
    }

    /// What this process has done since it was started.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// What is in the spool, as far as it can be told.
    pub fn totals(&self) -> Totals {
        self.state().ledger.totals(self.owner).unwrap_or_default()
    }

    /// What was given up in all runs.
    pub fn losses(&self) -> Amounts {
        self.state().ledger.losses().unwrap_or_default()
    }

    /// How long a locked ledger is waited for.
    #[cfg(test)]
    pub(super) fn set_patience(&self, patience: std::time::Duration) {
        self.state().ledger.set_patience(patience);
    }

    pub(super) fn owner(&self) -> Option<OwnerTag> {
        self.owner
    }
}
