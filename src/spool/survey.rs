//! What is in a spool, for a person to read; and putting back what was refused. EDGE: it disturbs no listener.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::SpoolError;
use super::amount::{Amount, Amounts};
use super::doorbell::Doorbell;
use super::files::{Folders, each_file};
use super::intake::last_owner;
use super::ledger::Ledger;
use crate::item::Kind;

/// Upper bounds of the ages that are told apart, in seconds, with their names.
const AGES: [(&str, i64); 3] = [("minute", 60), ("hour", 3_600), ("day", 86_400)];

/// Refused items whose answers are shown: a server that refuses one for a reason refuses the others for the same.
const ANSWERS_SHOWN: usize = 10;

/// All of it.
#[derive(Debug, Serialize)]
pub struct Survey {
    /// What waits, by kind.
    pub waiting: BTreeMap<Kind, Waiting>,
    /// What the API has refused, by kind.
    pub refused: Amounts,
    /// The answers to some of them.
    pub answers: Vec<Refusal>,
    /// Files that could not be read back.
    pub damaged_files: usize,
    /// What was dropped in all runs.
    pub dropped: Amounts,
    /// What was recorded for another home or another API, and is kept until that is set again.
    pub of_others: Amounts,
}

/// What waits of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// How many, and bytes of their files.
    #[serde(flatten)]
    pub amount: Amount,
    /// When the oldest of those with a time was recorded.
    pub oldest: Option<Timestamp>,
    /// And the newest.
    pub newest: Option<Timestamp>,
    /// How many were recorded within the last minute, within the hour before, within the day before, earlier.
    pub by_age: [u64; AGES.len() + 1],
    /// How many have no time yet: the clock was not set, and they wait for that.
    pub without_time: u64,
}

/// An item and what the API said to it.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// The item's file.
    pub item: String,
    /// The API's answer.
    pub answer: String,
}

impl Survey {
    /// Of the spool in `dir`, at this time.
    ///
    /// # Errors
    /// When there is no spool, or it cannot be read.
    pub fn of(dir: &Path, now: Timestamp) -> Result<Self, SpoolError> {
        let folders = Folders::of(dir);
        let ledger = Ledger::existing(&folders, false)?;
        let owner = last_owner(&ledger)?;
        let totals = ledger.totals(owner)?;
        let mut waiting: BTreeMap<Kind, Waiting> = Kind::ALL.map(|kind| (kind, Waiting::default())).into();
        ledger.each_waiting(owner, 0, |item| {
            let at = Timestamp::from_microsecond(item.at_us).unwrap_or_default();
            waiting.entry(item.id.kind).or_default().add(item.bytes, at, now);
        })?;
        for (kind, waiting) in &mut waiting {
            let early = totals.without_time.of(*kind);
            waiting.without_time = early.items;
            waiting.amount =
                Amount { items: waiting.amount.items + early.items, bytes: waiting.amount.bytes + early.bytes };
        }
        let answers = ledger.refusals(ANSWERS_SHOWN)?;
        let answers = answers.into_iter().map(|(item, answer)| Refusal { item, answer }).collect();
        let mut damaged_files = 0;
        each_file(&folders.damaged, |_, _| damaged_files += 1)?;
        let (dropped, of_others) = (ledger.losses()?, totals.of_others);
        Ok(Self { waiting, refused: totals.refused, answers, damaged_files, dropped, of_others })
    }
}

impl Waiting {
    fn add(&mut self, bytes: u64, at: Timestamp, now: Timestamp) {
        self.amount = Amount { items: self.amount.items + 1, bytes: self.amount.bytes + bytes };
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        let age_s = now.duration_since(at).as_secs();
        self.by_age[AGES.partition_point(|(_, most)| age_s >= *most)] += 1;
    }
}

/// Has everything delivered again that the API has refused, by whoever delivers now or later. Gives how many items that are.
///
/// # Errors
/// When there is no spool, or it cannot be written.
pub fn retry(dir: &Path) -> Result<usize, SpoolError> {
    let folders = Folders::of(dir);
    let mut ledger = Ledger::existing(&folders, true)?;
    let put_back = ledger.take_all_back()?;
    Doorbell::new(folders.doorbell()).ring();
    Ok(put_back)
}
