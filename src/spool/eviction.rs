//! Gives up what is worth least when the disk is short. EDGE: files and rows.

#![expect(clippy::disallowed_types, reason = "EDGE: files")]

use std::fs::File;

use super::SpoolError;
use super::amount::Totals;
use super::budget::{self, Budget, Eviction, Shortage};
use super::intake::{Intake, State};
use crate::item::{ItemName, Kind};
use crate::limits::GIVEN_UP_AT_ONCE;

impl Intake {
    /// Says how much of the disk may be used, other than by default. Gives up what is too much already.
    pub fn set_budget(&self, max_bytes: Option<u64>) -> Result<Eviction, SpoolError> {
        let disk = self.folders.disk()?;
        let state = &mut *self.state();
        state.budget = Budget::of(max_bytes, disk);
        let bytes = state.ledger.totals(self.owner)?.used_bytes().saturating_sub(state.budget.max_bytes);
        let room = self.evict(state, Kind::Utterance, (bytes > 0).then_some(Shortage { bytes, is_disk: false }));
        self.update_shown(state);
        room
    }

    pub(super) fn evict_for(&self, state: &mut State, newcomer: &ItemName) -> Result<Eviction, SpoolError> {
        let disk = self.folders.disk()?;
        // With a ledger that cannot be read nothing can be given up, but what comes may still be kept.
        let used_bytes = state.ledger.totals(self.owner).map(|totals| totals.used_bytes()).unwrap_or_default();
        let shortage = state.budget.shortage(used_bytes, newcomer.disk_bytes(), newcomer.kind(), disk);
        match self.evict(state, newcomer.kind(), shortage) {
            Err(SpoolError::LedgerBusy(_)) if shortage.is_some_and(|shortage| !shortage.is_disk) => {
                Ok(Eviction::default())
            }
            other => other,
        }
    }

    fn evict(&self, state: &mut State, newcomer: Kind, shortage: Option<Shortage>) -> Result<Eviction, SpoolError> {
        let Some(Shortage { bytes, is_disk }) = shortage else { return Ok(Eviction::default()) };
        let max_bytes = state.budget.max_bytes;
        let full = || SpoolError::Full { kind: newcomer, is_disk, max_bytes };
        let totals = state.ledger.totals(self.owner)?;
        if !budget::can_free(&totals, newcomer, bytes) {
            return Err(full());
        }
        let (mut given_up, mut freed) = (Vec::new(), 0);
        while freed < bytes {
            let lot = self.choose(state, &totals, newcomer, bytes - freed)?;
            let lot_bytes: u64 = lot.iter().map(|(_, name, _)| name.disk_bytes()).sum();
            if freed + lot_bytes < bytes && lot.len() < GIVEN_UP_AT_ONCE {
                return Err(full());
            }
            let rows: Vec<_> = lot.iter().map(|(row, name, _)| (*row, name.clone())).collect();
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
            for (_, name) in rows.into_iter().filter(|(row, _)| removed.contains(row)) {
                state.counts.dropped.add_one(name.kind(), name.media_bytes());
                given_up.push(name);
            }
        }
        Ok(Eviction { shortage, max_bytes, given_up })
    }

    /// What is worth least, until `bytes` are free, and beyond that a part of the budget in pictures: so that not every newcomer has to
    /// ask for it. What is being delivered is passed over; nobody takes the rest in hand while its files are locked.
    fn choose(
        &self,
        state: &State,
        totals: &Totals,
        newcomer: Kind,
        bytes: u64,
    ) -> Result<Vec<(i64, ItemName, File)>, SpoolError> {
        let (mut lot, mut freed) = (Vec::new(), 0);
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
                state.ledger.each_candidate(kind, owner, are_refused, |row, name| {
                    let is_enough = freed >= bytes.saturating_add(spare) || lot.len() >= GIVEN_UP_AT_ONCE;
                    if !is_enough && let Some(lock) = self.folders.seize(&name) {
                        freed += name.disk_bytes();
                        lot.push((row, name, lock));
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
}
