//! What is in a spool, for a person to read. EDGE: reads names only, needs no lock, and disturbs no listener.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::books::{Amounts, Books};
use super::disk::open::{each_file, listing, read_json};
use super::disk::{Folders, SpoolError};
use super::placement::Placement;
use super::{Amount, ItemName, Kind};

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
    /// What was dropped in all runs, a minute ago.
    pub dropped: Amounts,
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
    /// The item's name.
    pub item: String,
    /// The API's answer.
    pub answer: String,
}

impl Survey {
    /// Of the spool in `dir`, at this time. What comes and goes meanwhile may be counted or not.
    ///
    /// # Errors
    /// When there is no spool, or it cannot be read.
    pub fn of(dir: &Path, now: Timestamp) -> Result<Self, SpoolError> {
        let folders = Folders::of(dir);
        let placement = Placement::of(folders.words()?);
        let mut waiting: BTreeMap<Kind, Waiting> = Kind::ALL.map(|kind| (kind, Waiting::default())).into();
        for name in listing(&folders.items)?.sort_out().complete {
            waiting.entry(name.kind()).or_default().add(&name, &placement, now);
        }
        let refused = listing(&folders.refused)?.sort_out().complete;
        let mut amounts = Amounts::default();
        refused.iter().for_each(|name| amounts.add(name.kind(), name.media_bytes()));
        let answers = refused.iter().take(ANSWERS_SHOWN).map(|name| folders.refusal(name)).collect();
        let mut damaged_files = 0;
        each_file(&folders.damaged, |_| damaged_files += 1)?;
        let books: Books = read_json(&folders.books()).unwrap_or_default();
        Ok(Self { waiting, refused: amounts, answers, damaged_files, dropped: books.dropped_ever })
    }
}

impl Waiting {
    fn add(&mut self, name: &ItemName, placement: &Placement, now: Timestamp) {
        self.amount.add(name.media_bytes());
        let placed = placement.place(name);
        let Some(at) = Timestamp::from_microsecond(placed.at_us).ok().filter(|_| placed.is_settled) else {
            self.without_time += 1;
            return;
        };
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        let age_s = now.duration_since(at).as_secs();
        self.by_age[AGES.partition_point(|(_, most)| age_s >= *most)] += 1;
    }
}

impl Folders {
    fn refusal(&self, name: &ItemName) -> Refusal {
        let answer = fs::read_to_string(self.refused.join(format!("{name}.answer.txt"))).unwrap_or_default();
        Refusal { item: name.to_string(), answer }
    }
}
