//! The side of the spool that capture has: it adds items, and gives some up when the disk is short. EDGE.

#![expect(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types, reason = "EDGE: files, shared by threads")]

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
#[cfg(test)]
use std::time::Duration;

use uuid::Uuid;

use super::amount::{Amounts, Counts, Totals};
use super::budget::{self, Budget, Candidate, Shortage};
use super::doorbell::Doorbell;
use super::error::Doing;
use super::files::{Folders, Side, each_file};
use super::ledger::clocks::UNKNOWN_BOOT;
use super::ledger::items::NewRow;
use super::ledger::{Durably, Ledger, Opened};
use super::placement::{Offset, put_right};
use super::wall::Reading;
use super::{Found, SpoolError, legacy};
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
    /// Whose is what an earlier run was recording when it was cut off.
    leftovers_of: Option<OwnerTag>,
    doorbell: Doorbell,
    pub(super) state: Mutex<State>,
    /// What was last known of the spool: who shows it must not wait for a disk.
    totals: Mutex<Totals>,
    _side: File,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    budget: Budget,
    counts: Counts,
    next_row: i64,
    /// The run that is to begin: the ledger could not be written.
    beginning: Option<(Uuid, Uuid, Reading)>,
    /// The number of this start of the machine, once the run has begun.
    boot: Option<i64>,
    /// The true time less the time since the machine was started, once it is known.
    true_us: Option<i64>,
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
        let side = folders.take_side(Side::Intake)?;
        let (ledger, opened) = legacy::open(&folders, Side::Intake, owner)?;
        ledger.set_patience(LEDGER_PATIENCE)?;
        let tag = owner.map(Owner::tag);
        let last_owner = last_owner(&ledger)?;
        let starts = ledger.note(STARTS)?.unwrap_or_default().max(ledger.last_row()? >> 32) + 1;
        let doorbell = Doorbell::new(folders.doorbell());
        let state = State {
            budget: Budget::of(None, folders.disk()?),
            counts: Counts::default(),
            next_row: starts << 32,
            ledger,
            beginning: None,
            boot: None,
            true_us: None,
            unwritten: Vec::new(),
            trouble: None,
        };
        let intake = Self {
            folders,
            owner: tag,
            leftovers_of: last_owner.or(tag),
            doorbell,
            state: Mutex::new(state),
            totals: Mutex::default(),
            _side: side,
        };
        let mut found = intake.recover(opened != Opened::Kept)?;
        if let Opened::Replaced(why) = opened {
            found.replaced = Some(why);
        }
        let noted = intake.note_start(starts, owner);
        if let Err(error) = noted {
            // Somebody may have locked it; recording must not wait for that.
            log::warn!("{}", error.line());
        }
        intake.look(&intake.state());
        found.waiting = intake.totals().waiting.items();
        intake.doorbell.ring();
        Ok((intake, found))
    }

    fn note_start(&self, starts: i64, owner: Option<&Owner>) -> Result<(), SpoolError> {
        let ledger = &mut self.state().ledger;
        ledger.set_note(STARTS, starts)?;
        let Some(owner) = owner else { return Ok(()) };
        ledger.add_owner(owner)?;
        ledger.set_note(LAST_OWNER, owner.tag().0.into())
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

    /// A run begins: what it records before the clock is set will be placed by what is kept here of it. If the ledger cannot be
    /// written, [`Self::tend`] tries again.
    pub fn begin(&self, run: Uuid, boot: Uuid, now: Reading) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        state.beginning = Some((run, boot, now));
        self.begin_now(state)
    }

    fn begin_now(&self, state: &mut State) -> Result<(), SpoolError> {
        let Some((run, boot, now)) = state.beginning else { return Ok(()) };
        let not_before_us = state.ledger.note(TRUE_TIME)?.unwrap_or(i64::MIN);
        let (number, true_us) = state.ledger.begin_run(run, boot, now.offset_us, not_before_us)?;
        (state.boot, state.beginning) = (Some(number), None);
        // An earlier run since the machine was started may have known the time.
        true_us.map_or(Ok(()), |true_us| self.settle_now(state, true_us))
    }

    /// The clock is right: what waited for that is placed and may be delivered. `true_us` is the true time less the time since the
    /// machine was started. Once is enough.
    pub fn settle(&self, true_us: i64) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        if state.true_us.is_some() { Ok(()) } else { self.settle_now(state, true_us) }
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
        let uptime_us = dated.recorded.uptime_us;
        let entry = Entry::new(dated, media_bytes, self.owner);
        let boot = self.state().boot.unwrap_or(UNKNOWN_BOOT);
        self.admit_entry(entry, self.owner, boot, uptime_us, put)
    }

    /// The same, recorded so long after that start of the machine.
    pub(super) fn admit_entry(
        &self,
        entry: Entry,
        owner: Option<OwnerTag>,
        boot: i64,
        uptime_us: i64,
        put: impl FnOnce(&Path) -> Result<(), SpoolError>,
    ) -> Result<Room, SpoolError> {
        let room = self.make_room(&mut self.state(), &entry.name)?;
        put(&self.folders.before_row(&entry.name))?;
        let state = &mut *self.state();
        state.counts.recorded.add_one(entry.name.kind(), entry.media_bytes());
        self.add_row(state, entry, owner, boot, uptime_us);
        self.doorbell.ring();
        Ok(room)
    }

    /// From here on the item is kept, whatever becomes of its row: a start makes one for a whole file.
    pub(super) fn add_row(
        &self,
        state: &mut State,
        entry: Entry,
        owner: Option<OwnerTag>,
        boot: i64,
        uptime_us: i64,
    ) {
        state.unwritten.push(NewRow { row: state.next_row, entry, owner, boot, uptime_us, refused: None });
        state.next_row += 1;
        // What could not be written just now is not tried for each recording: a locked ledger is waited for.
        if state.trouble.is_none() {
            self.write_rows(state);
        }
    }

    fn write_rows(&self, state: &mut State) {
        let State { ledger, unwritten, boot, true_us, .. } = state;
        for new in unwritten.iter_mut().filter(|new| new.entry.wall == Wall::Provisional && Some(new.boot) == *boot) {
            // It was recorded before the clock was set, and could not be written by then.
            if let Some(us) = *true_us {
                let (item, wall) = put_right(new.entry.item.clone(), new.uptime_us, Offset { us, is_certain: true });
                (new.entry.item, new.entry.wall) = (item, wall);
            }
        }
        // A picture without its row is kept at the next start.
        let is_urgent = |new: &NewRow| new.entry.name.kind() != Kind::Picture;
        let durably = if unwritten.iter().any(is_urgent) { Durably::Now } else { Durably::Soon };
        let written = ledger.check().and_then(|()| ledger.insert(durably, unwritten));
        match written {
            Ok(()) => {
                state.trouble = None;
                for NewRow { entry, .. } in std::mem::take(&mut state.unwritten) {
                    if let Err(error) = self.folders.to_place(&entry.name) {
                        log::warn!("{}; the next start does it", error.line());
                    }
                }
            }
            // What is kept gets its rows at the next start.
            Err(error) if error.needs_restart() => panic!("{}", error.line()),
            Err(error) => state.trouble = Some(error.line()),
        }
        self.look(state);
    }

    /// Writes what could not be written before. Gives why it still cannot, if so.
    pub fn tend(&self) -> Option<String> {
        let state = &mut *self.state();
        if !state.unwritten.is_empty() {
            self.write_rows(state);
            self.doorbell.ring();
        }
        if let Err(error) = self.begin_now(state) {
            state.trouble.get_or_insert(error.line());
        }
        self.look(state);
        state.trouble.clone()
    }

    fn make_room(&self, state: &mut State, newcomer: &ItemName) -> Result<Room, SpoolError> {
        let disk = self.folders.disk()?;
        // With a ledger that cannot be read nothing can be given up, but what comes may still be kept.
        let used_bytes = state.ledger.totals(self.owner).map(|totals| totals.used_bytes()).unwrap_or_default();
        let shortage = state.budget.shortage(used_bytes, newcomer.disk_bytes(), newcomer.kind(), disk);
        match self.give_up(state, newcomer.kind(), shortage) {
            Err(SpoolError::LedgerBusy { .. }) if shortage.is_some_and(|shortage| !shortage.is_disk) => Ok(Room::default()),
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
            if let Err(error) = state.ledger.give_up(&rows) {
                if !is_disk || !matches!(error, SpoolError::Ledger { .. } | SpoolError::UnreadableLedger { .. }) {
                    return Err(error);
                }
                // A disk that is quite full takes no row; without these files it does. A row without a file is given up anyway.
                gone();
                state.ledger.give_up(&rows)?;
            }
            gone();
            freed += lot_bytes;
            for (candidate, _) in lot {
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
    }

    /// What this process has done since it was started.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    fn look(&self, state: &State) {
        if let Ok(totals) = state.ledger.totals(self.owner) {
            *self.totals.lock().expect("no panic while held") = totals;
        }
    }

    /// What was in the spool within the last second or so.
    pub fn totals(&self) -> Totals {
        self.totals.lock().expect("no panic while held").clone()
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
