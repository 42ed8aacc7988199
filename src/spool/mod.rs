//! The spool: finished items between capture and upload. Media are files, and all else is rows of one SQLite database. PURE, but for
//! the files that say otherwise.
//!
//! ```text
//! intake ─> files, ledger ─> outbox        each side has a type of its own, and a connection to the ledger of its own
//!             doorbell                     wakes the other side; nothing depends on it
//!             queue, budget, placement     decide: what is next, what is given up, when something happened
//! ```

mod adopt;
pub mod amount;
pub mod budget;
mod cut_short;
mod doorbell;
mod error;
mod eviction;
mod files;
mod intake;
mod ledger;
mod legacy;
#[cfg(test)]
mod model;
mod open;
mod outbox;
mod placement;
pub mod queue;
mod ready;
mod recover;
mod shelf;
pub mod survey;
#[cfg(test)]
mod tests;
pub mod wall;

pub use budget::Eviction;
pub use error::SpoolError;
pub use intake::Intake;
pub use outbox::Outbox;

/// What was found when the spool was opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Items that wait for delivery.
    pub waiting: u64,
    /// Clips that were cut short, and are kept as far as they were written.
    pub adopted: usize,
    /// Whole files that had no row, and got one.
    pub without_row: usize,
    /// Files that were not finished, or were delivered, and were removed.
    pub unfinished: usize,
    /// Files that nobody can make sense of, set aside in `damaged/`.
    pub damaged: usize,
    /// Items whose files are gone.
    pub lost: usize,
    /// Why the ledger had to be built anew.
    pub replaced: Option<String>,
}
