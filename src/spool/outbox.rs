//! The side of the spool that upload has: it takes items in hand, notes how far they have come, and removes them. EDGE.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "EDGE: files, shared by threads"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;

use super::SpoolError;
use super::amount::{Amount, Counts, Totals};
use super::doorbell::{Doorbell, Ear};
use super::files::{Folders, Side};
use super::ledger::{Durably, Ledger};
use super::open::open;
use super::queue::{Queue, Want};
use crate::item::{Entry, ItemId, ItemName, Kind, Owner, OwnerTag, Step};
use crate::limits::{FINISH_LATE, FINISHED_AT_ONCE, GIVEN_UP_AT_ONCE, OTHER_SIDE_PATIENCE, REFUSAL_TOLD};

/// Gives items out. Any thread may deliver what it has taken in hand.
#[derive(Debug)]
pub struct Outbox {
    folders: Folders,
    owner: Option<OwnerTag>,
    doorbell: Doorbell,
    ear: Ear,
    state: Mutex<State>,
    _side: File,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    queue: Queue,
    counts: Counts,
    epoch: i64,
    last_row: i64,
    /// What is in hand, by its name; the file is locked.
    held: BTreeMap<ItemId, (ItemName, File)>,
    /// Delivered pictures, with their locked files. Their rows are deleted in batches, to spare the card; since when, monotonic.
    finished: Vec<(ItemName, i64, File)>,
    finished_since: Option<Duration>,
}

impl Outbox {
    /// Opens the spool in `dir`, making it if need be, to deliver what was recorded for this owner.
    ///
    /// # Errors
    /// When another process has this side of it, or it cannot be made or read.
    pub fn open(dir: &Path, owner: Option<&Owner>) -> Result<Self, SpoolError> {
        let folders = Folders::of(dir);
        let (side, ledger, _) = open(&folders, Side::Outbox, owner)?;
        ledger.set_patience(OTHER_SIDE_PATIENCE)?;
        let ear = Ear::at(&folders.doorbell());
        let state = State {
            ledger,
            queue: Queue::default(),
            counts: Counts::default(),
            epoch: -1,
            last_row: 0,
            held: BTreeMap::new(),
            finished: Vec::new(),
            finished_since: None,
        };
        let doorbell = Doorbell::new(folders.doorbell());
        let outbox =
            Self { folders, owner: owner.map(Owner::tag), doorbell, ear, state: Mutex::new(state), _side: side };
        outbox.refresh(&mut outbox.state())?;
        Ok(outbox)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Reads the rows that are new, or all of them if they have changed.
    fn refresh(&self, state: &mut State) -> Result<(), SpoolError> {
        if !state.ledger.has_changed()? {
            return Ok(());
        }
        self.read_rows(state).inspect_err(|_| state.ledger.forget_seen())
    }

    fn read_rows(&self, state: &mut State) -> Result<(), SpoolError> {
        let now = state.ledger.epoch()?;
        // What capture gives up it does not tell; some of that is found out when it is taken.
        let there = state.ledger.totals(self.owner)?.waiting.items();
        let is_stale = state.queue.len() > there.saturating_add(GIVEN_UP_AT_ONCE as u64);
        let State { ledger, queue, last_row, .. } = state;
        if state.epoch == now && !is_stale {
            return ledger.each_waiting(self.owner, *last_row, |waiting| {
                *last_row = waiting.id.row;
                queue.add_new(waiting);
            });
        }
        // Their rows would be read again.
        self.remove_finished(state)?;
        let State { ledger, queue, epoch, last_row, .. } = state;
        queue.clear();
        ledger.each_waiting(self.owner, 0, |waiting| {
            *last_row = waiting.id.row.max(*last_row);
            queue.add(waiting);
        })?;
        *epoch = now;
        Ok(())
    }

    /// Takes the most urgent item in hand of those that are wanted, waiting up to `patience` for one. It must then be given to one of
    /// [`Self::finish`], [`Self::refuse`], [`Self::hand_back`], [`Self::defer`], [`Self::delay`].
    pub fn take(
        &self,
        want: Want,
        patience: Duration,
        now: impl Fn() -> Duration,
    ) -> Result<Option<ItemId>, SpoolError> {
        let patience = {
            let state = &mut *self.state();
            self.refresh(state)?;
            if let Some(id) = state.queue.take(now(), want) {
                return Ok(Some(id));
            }
            self.remove_finished_if_late(state, now())?;
            state.queue.next_due().map_or(patience, |due| patience.min(due.saturating_sub(now())))
        };
        self.ear.wait(patience);
        let state = &mut *self.state();
        self.refresh(state)?;
        Ok(state.queue.take(now(), want))
    }

    /// Takes a further picture in hand, if nothing more urgent waits. As with [`Self::take`], it must be given back.
    pub fn take_picture(&self) -> Option<ItemId> {
        let state = &mut *self.state();
        // What cannot be read now is read by the next `take`, which says so.
        let _ = self.refresh(state);
        state.queue.take_picture()
    }

    /// Whether somebody has just spoken who must not wait for the rest of this delivery.
    pub fn is_outranked(&self, in_hand: &ItemId, want: Want) -> bool {
        let state = &mut *self.state();
        let _ = self.refresh(state);
        state.queue.is_outranked(in_hand, want)
    }

    /// Waits, or until [`Self::wake`].
    pub fn rest(&self, patience: Duration, now: Duration) {
        if let Err(error) = self.remove_finished_if_late(&mut self.state(), now) {
            log::debug!("{}", error.line());
        }
        self.ear.wait(patience);
    }

    /// Wakes whoever waits in [`Self::take`] or [`Self::rest`].
    pub fn wake(&self) {
        self.doorbell.ring();
    }

    /// What is known of an item in hand. A damaged one leaves the spool.
    ///
    /// # Errors
    /// When it is damaged, has been given up, or cannot be read.
    pub fn load(&self, id: &ItemId) -> Result<Entry, SpoolError> {
        let state = &mut *self.state();
        let Some((entry, true)) = state.ledger.entry(id.row)? else { return Err(state.given_up(id)) };
        let path = self.folders.media(&entry.name);
        // A start that comes after a crash has not been here yet.
        if !path.exists() && self.folders.before_row(&entry.name).exists() {
            self.folders.to_place(&entry.name)?;
        }
        let file = self.folders.hold(&entry.name)?;
        let is_whole = self.folders.is_whole(&path, &entry.name)?;
        let Some(file) = file.filter(|_| is_whole) else {
            return Err(self.damaged(state, id, &entry.name)?);
        };
        // It may have been given up before its file was locked.
        if state.ledger.entry(id.row)?.is_none() {
            return Err(state.given_up(id));
        }
        state.held.insert(*id, (entry.name.clone(), file));
        Ok(entry)
    }

    fn damaged(&self, state: &mut State, id: &ItemId, name: &ItemName) -> Result<SpoolError, SpoolError> {
        if state.ledger.entry(id.row)?.is_none() {
            return Ok(state.given_up(id));
        }
        state.ledger.give_up(&[(id.row, name.clone())])?;
        state.queue.finish(id);
        state.counts.dropped.add_one(id.kind, name.media_bytes());
        let path = self.folders.media(name);
        if path.exists() {
            self.folders.set_aside(&path)?;
        }
        Ok(SpoolError::Damaged { file: name.media(), dir: self.folders.damaged.clone() })
    }

    /// The file of an item in hand.
    pub fn media(&self, id: &ItemId) -> PathBuf {
        self.state().held.get(id).map(|(name, _)| self.folders.media(name)).unwrap_or_default()
    }

    /// Makes a delivery's progress durable, before the next step begins.
    ///
    /// # Errors
    /// When it cannot be written, or the item has been given up.
    pub fn record(&self, id: &ItemId, entry: &Entry) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        if !state.ledger.record(id.row, entry)? {
            return Err(state.given_up(id));
        }
        if entry.step >= Step::Uploaded {
            state.queue.note_file_in_place(id, entry.step == Step::Sent);
        }
        Ok(())
    }

    /// Removes a delivered item: its row, and then its file.
    ///
    /// # Errors
    /// When the ledger cannot be written; it is then still in hand.
    pub fn finish(&self, id: &ItemId, now: Duration) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        if id.kind != Kind::Picture
            && let Some((name, _)) = state.held.get(id)
        {
            // A power cut must not bring the file back to where it lay before it had a row.
            self.folders.sync_places()?;
            self.remove(&mut state.ledger, &[id.row], &[name])?;
        }
        let Some((name, file)) = state.held.remove(id) else { return Err(state.given_up(id)) };
        let bytes = name.media_bytes();
        if id.kind == Kind::Picture {
            // One that a power cut brings back is sent once more, to the same place; a task would be queued twice.
            state.finished.push((name, id.row, file));
            state.finished_since.get_or_insert(now);
        }
        state.queue.finish(id);
        state.counts.delivered.add_one(id.kind, bytes);
        if let Err(error) = self.remove_finished_if_late(state, now) {
            log::debug!("{}; it is tried again", error.line());
        }
        Ok(())
    }

    fn remove(&self, ledger: &mut Ledger, rows: &[i64], names: &[&ItemName]) -> Result<(), SpoolError> {
        let _removing = self.folders.lock("lock-removing")?;
        ledger.delete(Durably::Now, rows)?;
        self.folders.remove(names.iter().copied());
        Ok(())
    }

    fn remove_finished_if_late(&self, state: &mut State, now: Duration) -> Result<(), SpoolError> {
        let is_late = state.finished_since.is_some_and(|since| now >= since + FINISH_LATE);
        if is_late || state.finished.len() >= FINISHED_AT_ONCE { self.remove_finished(state) } else { Ok(()) }
    }

    fn remove_finished(&self, state: &mut State) -> Result<(), SpoolError> {
        if !state.finished.is_empty() {
            let (rows, names): (Vec<_>, Vec<_>) = state.finished.iter().map(|(name, row, _)| (*row, name)).unzip();
            self.remove(&mut state.ledger, &rows, &names)?;
            state.finished.clear();
        }
        state.finished_since = None;
        Ok(())
    }

    /// Removes what is delivered and still there. Called at the end.
    pub fn close(&self) -> Result<(), SpoolError> {
        self.remove_finished(&mut self.state())
    }

    /// Sets an item in hand aside that the API will never take, with its answer.
    ///
    /// # Errors
    /// When the ledger cannot be written; it is then still in hand.
    pub fn refuse(&self, id: &ItemId, answer: &str, now: Timestamp) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        state.ledger.refuse(id.row, answer, now)?;
        if let Some((name, _)) = state.held.remove(id) {
            state.counts.refused.add_one(id.kind, name.media_bytes());
        }
        state.queue.finish(id);
        Ok(())
    }

    /// These wait again, as far as they were refused.
    pub fn take_back(&self, ids: &[ItemId]) -> Result<(), SpoolError> {
        let state = &mut *self.state();
        let rows: Vec<_> = ids.iter().map(|id| id.row).collect();
        state.ledger.take_back(&rows)?;
        state.reread();
        self.refresh(state)
    }

    /// An item in hand waits again.
    pub fn hand_back(&self, id: &ItemId) {
        let state = &mut *self.state();
        state.held.remove(id);
        state.queue.hand_back(id);
    }

    /// An item in hand waits until a time of its own, told how often it has failed.
    pub fn defer(&self, id: &ItemId, until: impl FnOnce(u32) -> Duration) {
        let state = &mut *self.state();
        state.held.remove(id);
        let failures = state.ledger.count_failure(id.row).unwrap_or(1);
        state.queue.delay(id, until(failures));
    }

    /// An item in hand waits until then, through no fault of its own.
    pub fn delay(&self, id: &ItemId, until: Duration) {
        let state = &mut *self.state();
        state.held.remove(id);
        state.queue.delay(id, until);
    }

    /// How many items of this kind wait.
    pub fn waiting(&self, kind: Kind) -> usize {
        self.amount_waiting(kind).items as usize
    }

    /// The same without those of which this process has sent everything.
    pub fn waiting_unsent(&self, kind: Kind) -> usize {
        let state = &mut *self.state();
        let _ = self.refresh(state);
        (state.queue.waiting(kind).items as usize).saturating_sub(state.queue.sent(kind))
    }

    /// How many items of this kind wait, and how much they are.
    pub fn amount_waiting(&self, kind: Kind) -> Amount {
        let state = &mut *self.state();
        let _ = self.refresh(state);
        state.queue.waiting(kind)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        Kind::ALL.into_iter().all(|kind| self.waiting(kind) == 0)
    }

    /// What this process has done since it was started.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// What is in the spool, as far as it can be told.
    pub fn totals(&self) -> Totals {
        self.state().ledger.totals(self.owner).unwrap_or_default()
    }

    /// Whether something that the API refused is set aside.
    pub fn has_set_aside(&self) -> bool {
        self.totals().refused.items() > 0
    }

    /// How long ago something was last refused, by the wall clock, and the answer; of the last day.
    pub fn last_set_aside(&self, now: Timestamp) -> Option<(Duration, String)> {
        let (at, answer) = self.state().ledger.last_refusal(self.owner).ok().flatten()?;
        // A clock that is not set yet is before it.
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        (age < REFUSAL_TOLD).then_some((age, answer))
    }
}

impl State {
    /// An item in hand has left the spool by the other side's doing.
    fn given_up(&mut self, id: &ItemId) -> SpoolError {
        self.held.remove(id);
        self.queue.finish(id);
        SpoolError::GivenUp(*id)
    }

    /// What this connection writes it does not count as a change.
    fn reread(&mut self) {
        self.epoch = -1;
        self.ledger.forget_seen();
    }
}
