//! One item on its way: which stage follows which. PURE.
//!
//! ```text
//! utterance   Upload ─> Record ─> PostRow ─> Record ─> PostTask ─> Finish
//! clip        Upload ─> Record ─> PostRow ─> Finish
//! picture     Upload ─> Finish
//!
//! A row whose answer never came may be there, or may still come. So an item taken up again at step `uploaded` asks:
//!   FindRows ─none─> Upload ─> Record ─> FindRows ─none─> PostRow ─> Record ─> as below
//!            ─one──> Record ─> utterance: FindRows ─> PostTask ─> Record ─> waits ─> FindRows ─> Finish
//!                              clip:                                        waits ─> FindRows ─> Finish
//!   More rows than one, wherever they are found: DeleteRow, all but the first.
//!
//! The track id is in the row. Where the cluster in it is no longer the one that is set, and no answer has said that a task was
//! taken:
//!   FindRows ─> DeleteRow, all ─> PostRow ─> Record ─> as above
//! ```

use super::meaning::Call;
use crate::item::{Entry, ItemId, Kind, Step};
use crate::limits::ROW_LATE;
use std::time::Duration;

/// One stage of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Send the file.
    Upload,
    /// Make the entry's step durable.
    Record,
    /// Ask which rows are there.
    FindRows,
    /// Post the row.
    PostRow,
    /// Delete this row: there is another.
    DeleteRow(u64),
    /// Queue the task.
    PostTask,
    /// Remove the item from the spool.
    Finish,
}

impl Stage {
    /// What the API is asked for. A file may go elsewhere.
    pub fn call(self) -> Option<Call> {
        match self {
            Self::Upload => Some(Call::UploadFile),
            Self::FindRows => Some(Call::ListFiles),
            Self::PostRow => Some(Call::PostRow),
            Self::DeleteRow(_) => Some(Call::DeleteRow),
            Self::PostTask => Some(Call::PostTask),
            Self::Record | Self::Finish => None,
        }
    }
}

/// What follows a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next stage.
    GoOn,
    /// The item has left the spool.
    Over,
    /// Everything is sent; whether there is a second row is looked at again after this long.
    Later(Duration),
}

/// An item in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: ItemId,
    /// As far as it has come.
    pub entry: Entry,
    /// What is to be done.
    pub stage: Stage,
    /// By this delivery, and not by one before it.
    has_sent_file: bool,
    /// Rows too many.
    surplus: Vec<u64>,
    /// The rows that are there have another track id.
    rows_are_old: bool,
    /// By this delivery: a list without its row is not asked twice.
    has_posted_row: bool,
}

impl Delivery {
    /// It begins where its entry says. `track_cluster` is the one that is set now.
    pub fn new(id: ItemId, mut entry: Entry, track_cluster: &str) -> Self {
        let kind = id.kind;
        let has_moved = entry.step != Step::Sent && entry.item.move_to_cluster(track_cluster);
        let rows_are_old = has_moved && entry.step >= Step::Uploaded;
        let has_sent_file = rows_are_old && entry.step == Step::RowPosted;
        if rows_are_old {
            entry.step = Step::Uploaded;
        }
        let stage = match (entry.step, kind) {
            (Step::Recorded, _) => Stage::Upload,
            (_, Kind::Picture) => Stage::Finish,
            (Step::Uploaded, _) => {
                entry.row_unclear = true;
                Stage::FindRows
            }
            (Step::RowPosted, Kind::Utterance) if !entry.row_unclear => Stage::PostTask,
            (Step::RowPosted, Kind::Clip) if !entry.row_unclear => Stage::Finish,
            (Step::RowPosted | Step::Sent, _) => Stage::FindRows,
        };
        Self { id, entry, stage, has_sent_file, surplus: Vec::new(), rows_are_old, has_posted_row: false }
    }

    /// The stage is done.
    pub fn done(&mut self) -> Then {
        let (kind, unclear) = (self.id.kind, self.entry.row_unclear);
        self.stage = match self.stage {
            Stage::Upload if kind == Kind::Picture => Stage::Finish,
            Stage::Upload => {
                self.has_sent_file = true;
                self.reach(Step::Uploaded)
            }
            Stage::PostRow => {
                (self.rows_are_old, self.has_posted_row) = (false, true);
                match kind {
                    Kind::Utterance => self.reach(Step::RowPosted),
                    Kind::Clip if unclear => self.reach(Step::Sent),
                    Kind::Clip | Kind::Picture => Stage::Finish,
                }
            }
            Stage::PostTask if unclear => self.reach(Step::Sent),
            Stage::PostTask => Stage::Finish,
            Stage::Record => match self.entry.step {
                Step::Recorded => Stage::Upload,
                Step::Uploaded | Step::RowPosted if unclear => Stage::FindRows,
                Step::Uploaded => Stage::PostRow,
                Step::RowPosted => Stage::PostTask,
                Step::Sent => return Then::Later(ROW_LATE),
            },
            Stage::DeleteRow(_) => match self.surplus.pop() {
                Some(id) => Stage::DeleteRow(id),
                None if self.rows_are_old => Stage::PostRow,
                None => self.one_row(),
            },
            Stage::FindRows => self.one_row(),
            Stage::Finish => return Then::Over,
        };
        Then::GoOn
    }

    /// These rows are there, the oldest first. Without one, the file is sent once more: it may have gone to a place that the
    /// API wanted before.
    pub fn found(&mut self, rows: &[u64]) {
        self.surplus = rows.iter().skip(usize::from(!self.rows_are_old)).copied().collect();
        self.stage = match (self.surplus.pop(), self.entry.step) {
            (Some(id), _) => Stage::DeleteRow(id),
            (None, Step::Recorded | Step::Uploaded) if rows.is_empty() => match self.has_sent_file {
                true => Stage::PostRow,
                false => Stage::Upload,
            },
            // Somebody has deleted it, or the home is another one now: without a row the task would be for nothing.
            (None, Step::RowPosted) if rows.is_empty() && !self.has_posted_row => Stage::PostRow,
            (None, _) => self.one_row(),
        };
    }

    /// Exactly one is there.
    fn one_row(&mut self) -> Stage {
        match (self.entry.step, self.id.kind) {
            (Step::Recorded | Step::Uploaded, Kind::Utterance) => self.reach(Step::RowPosted),
            (Step::Recorded | Step::Uploaded, _) => self.reach(Step::Sent),
            (Step::RowPosted, Kind::Utterance) => Stage::PostTask,
            (Step::RowPosted | Step::Sent, _) => Stage::Finish,
        }
    }

    fn reach(&mut self, step: Step) -> Stage {
        self.entry.step = step;
        Stage::Record
    }
}
